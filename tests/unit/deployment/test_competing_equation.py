"""Equations of competing causes: the locked model's own risks, in every language."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import (
    CauseHazard,
    CompetingEquation,
    IntendedUse,
    NoEquation,
    NumberTerm,
    calculator_page,
    equation,
    from_equation,
    load_model,
    lock,
    model_card,
    nomogram,
    save_model,
)
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import CauseSpecificCox, DiscreteTimeHazard, PriorityCox
from tests.chromium import dom_after, needs_browser
from tests.libreoffice import filled, needs_office, recalculated
from tests.unit.deployment.formulas import NotAvailable, excel, stata
from tests.unit.deployment.test_calculator_page import typed
from tests.unit.deployment.test_equation import COMPETING, HORIZONS, D, X, many, pipeline

VISITS = (3.0, 6.0, 12.0, 24.0)
CASES = {
    "product limit": lambda: CauseSpecificCox(),
    "strata": lambda: CauseSpecificCox(strata="band"),
    "offset": lambda: CauseSpecificCox(offset="known"),
    "elastic net": lambda: CauseSpecificCox(penalty="cv", l1_ratio=0.5, cv=3),
    "efron": lambda: CauseSpecificCox(incidence="product_limit_efron"),
    "exponential": lambda: CauseSpecificCox(incidence="exponential"),
    "visits": lambda: DiscreteTimeHazard(VISITS),
    "visits, strata": lambda: DiscreteTimeHazard(VISITS, strata="band"),
}
WRITTEN = ["product limit", "strata", "efron", "exponential", "visits"]
CAUSES = (1, 2)


@cache
def fitted(name: str) -> tuple[Any, pd.DataFrame, CompetingEquation]:
    model = CASES[name]()
    table = X
    if model.strata:
        table = X.assign(band=np.where(D["site"] % 2, "a", "b"))
    if model.offset:
        table = X.assign(known=0.1 * D["g1"])
    locked = lock(pipeline(model).fit(table, COMPETING))
    made = equation(locked, horizons=HORIZONS, time_unit="months")
    assert isinstance(made, CompetingEquation)
    return locked, table, made


def spoilt(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of which the fourth lacks a number and the fifth has an unknown category."""
    rows.loc[3, "age"] = np.nan
    rows.loc[4, "grade"] = "new"
    return rows


@pytest.mark.parametrize("name", CASES)
def test_it_gives_the_locked_models_risks_of_every_cause(name: str) -> None:
    locked, table, made = fitted(name)
    rows = many(table)
    for cause in CAUSES:
        expected = locked.predict_risk(rows, HORIZONS, cause)
        np.testing.assert_allclose(made.predict_risk(rows, cause=cause), expected, rtol=0, atol=1e-10)
        again = from_equation(made.to_json())
        assert again == made
        np.testing.assert_array_equal(
            again.predict_risk(rows[:9], cause=cause), made.predict_risk(rows[:9], cause=cause)
        )
    assert np.isnan(made.predict_risk(spoilt(rows.head(5).copy()))[3:]).all()
    assert np.isnan(made.predict_risk(rows.head(1), [7.0])).all()
    with pytest.raises(ArgumentError, match="cause"):
        made.predict_risk(rows.head(1), cause=3)


@pytest.mark.parametrize("how", ["plain", "strata", "rare"])
def test_blocks_of_competing_causes(how: str) -> None:
    blocks = {"clinical": ["c1", "p1"], "imaging": ["m1"]}
    table, y = X[["c1", "p1", "m1"]], COMPETING.copy()
    if how == "rare":  # one event of the other cause: its hazard is the same for all
        y["event"][np.flatnonzero(y["event"] == 2)[1:]] = 0
    if how == "strata":
        table = table.assign(band=np.where(D["site"] % 2, "a", "b"))
    model = PriorityCox(blocks, unpenalised=list(blocks), cross_fit=2, strata="band" if how == "strata" else None)
    model.fit(table, y)
    assert bool(model.rare_causes_) == (how == "rare")
    with pytest.raises(NoEquation, match="lock"):
        equation(model, horizons=HORIZONS)
    locked = lock(model)
    made = equation(locked, horizons=HORIZONS)
    assert isinstance(made, CompetingEquation)
    rows = many(table, 2000)
    for cause in CAUSES:
        expected = locked.predict_risk(rows, HORIZONS, cause)
        np.testing.assert_allclose(made.predict_risk(rows, cause=cause), expected, rtol=0, atol=1e-10)
    assert from_equation(made.to_json()) == made
    assert np.isnan(made.predict_risk(rows.head(1).assign(m1=np.nan))).all()


def test_two_causes_at_one_time_by_hand() -> None:
    """Steps at 1 and 2 of hazards .1, .2 and .3, 0; x = 1 doubles the first."""
    hazards = (
        CauseHazard(1, (NumberTerm("x", float(np.log(2)), low=0, high=1),), 0.0, {"": (0.1, 0.3)}),
        CauseHazard(2, (NumberTerm("x", 0.0, low=0, high=1),), 0.0, {"": (0.2, 0.0)}),
    )
    row = pd.DataFrame({"x": [1.0]})
    risks = {
        "product_limit": (1 - np.exp(-0.2)) + (1 - 2 * (1 - np.exp(-0.2))) * (1 - np.exp(-0.6)),
        "product_limit_efron": 0.2 + 0.6 * 0.6,
        "exponential": 0.5 * (1 - np.exp(-0.4)) + np.exp(-0.4) * (1 - np.exp(-0.6)),
        "multinomial": 0.2 / 1.4 + 1 / 1.4 * 0.6 / 1.6,
    }
    for form, risk in risks.items():
        made = CompetingEquation(hazards, form, (1.0, 2.0), (0.5, 2.0))
        np.testing.assert_allclose(made.predict_risk(row), [[0.0, risk]], rtol=0, atol=1e-15)
    # more than all leave: in proportion
    both = tuple(replace(hazard, increments={"": (3.0, 1.0)}) for hazard in hazards)
    made = CompetingEquation(both, "product_limit_efron", (1.0, 2.0), (2.0,))
    np.testing.assert_allclose(made.predict_risk(row), [[2 / 3]])
    np.testing.assert_allclose(made.predict_risk(row, cause=2), [[1 / 3]])


def test_the_bound_of_rounding_holds() -> None:
    for name in WRITTEN:
        _, table, made = fitted(name)
        inside = many(table, 2000)
        for term in made.terms:
            if isinstance(term, NumberTerm):
                inside[term.name] = inside[term.name].clip(term.low, term.high)
        for digits in (4, 6):
            seen = np.abs(made.rounded(digits).predict_risk(inside) - made.predict_risk(inside)).max()
            assert 0 < seen <= made.rounding_error(digits) < 0.02
    with pytest.raises(ArgumentError, match="digits"):
        made.rounded(3)


def test_what_is_refused() -> None:
    _, _, made = fitted("product limit")
    bare = CauseSpecificCox().fit(X[["c1"]], COMPETING)
    with pytest.raises(NoEquation, match="lock"):
        equation(bare, horizons=[12])
    with pytest.raises(NoEquation, match="exponential_efron"):
        equation(lock(CauseSpecificCox(incidence="exponential_efron").fit(X[["c1"]], COMPETING)), horizons=[12])
    holes = X[["c1", "p1"]].mask(np.arange(len(X))[:, None] % 7 == np.array([[0, 1]]))
    many_tables = RiskPipeline([MultipleImputation(2, draws=5)], CauseSpecificCox()).fit(holes, COMPETING)
    with pytest.raises(NoEquation, match="completed tables"):
        equation(lock(many_tables), horizons=[12])
    with pytest.raises(NoEquation, match="no step"):
        equation(lock(bare), horizons=[1e-6])
    with pytest.raises(NoEquation, match="offset"):
        equation(lock(CauseSpecificCox().fit(X[["c1"]], COMPETING, offset=D["g1"])), horizons=[12])
    with pytest.raises(ArgumentError, match="equation"):
        nomogram(made, 12)
    state = made.to_dict()
    for wrong in (
        {**state, "form": "other"},
        {**state, "surprise": 1},
        {**state, "times": state["times"][::-1]},
        {**state, "times": state["times"][1:]},
        {**state, "hazards": []},
        {**state, "hazards": [state["hazards"][0]] * 2},
        {**state, "stratum": "site"},
        {**state, "hazards": [3]},
        {**state, "hazards": [{**state["hazards"][0], "increments": [0.1]}]},
        {**state, "hazards": [{**state["hazards"][0], "terms": [{}]}]},
        {**state, "times": 4},
        {**state, "horizons": ["soon"]},
        {**state, "digits": "many"},
        "no JSON",
        {name: value for name, value in state.items() if name != "times"},
    ):
        with pytest.raises(ArgumentError):
            from_equation(wrong)


def test_a_file_a_card_and_a_frame_hold_it(tmp_path: Path) -> None:
    _, table, made = fitted("strata")
    save_model(made, tmp_path / "a.lbpm", reason="a test")
    again = load_model(tmp_path / "a.lbpm").unlocked
    assert again == made
    card = model_card(made, use=IntendedUse("talk", "adults", "recovered", "1"), horizons=HORIZONS)
    assert "age" in card.to_markdown()
    frame = made.to_frame()
    assert set(frame["part"]) == {"slope", "cube", "level", "centre", "increment"}
    assert set(frame["cause"]) == set(CAUSES)
    assert made.outside(table.head(1).assign(age=500.0))["reason"].tolist() == ["above range"]


def test_latex_and_text_hold_every_number() -> None:
    for name in WRITTEN:
        made = replace(fitted(name)[2], digits=6)
        for hazard in made.hazards:
            for values in hazard.increments.values():
                for value in values:
                    assert f"{value:.6g}".split("e")[0] in made.to_latex()
                    assert f"{value:.6g}" in made.to_text()
        assert "training range" in made.to_text()
        assert "Risk of event 1, 2 by 6, 12 months" in made.to_text()


def test_a_time_is_found_as_the_other_languages_find_it() -> None:
    """A step at the horizon counts, though the horizon is asked for with the last digits of a sum."""
    hazard = CauseHazard(1, (NumberTerm("x", 0.0, low=0, high=1),), 0.0, {"": (0.1, 0.2)})
    made = CompetingEquation((hazard,), "product_limit_efron", (1.0, 2.0), (2.0,))
    np.testing.assert_allclose(made.predict_risk(pd.DataFrame({"x": [0.0]}), [2 - 1e-10]), [[0.28]])


def hostile() -> CompetingEquation:
    """Columns called as variables of the commands and as comments, and a stratum called NA."""
    terms = (NumberTerm("lp_1", 0.5, low=0, high=1), NumberTerm("a/*b", -0.5, low=0, high=1))
    hazards = tuple(CauseHazard(cause, terms, 0.0, {"NA": (0.1, 0.2 * cause), "b": (0.3, 0.1)}) for cause in (1, 2))
    return CompetingEquation(hazards, "product_limit", (1.0, 2.0), (0.5, 2.0), stratum="band")


def test_commands_of_stata_take_no_column_for_their_own() -> None:
    text = hostile().to_stata()
    assert "lp_1 is the variable lp_1_2" in text
    assert "/*" not in text  # Stata opens a comment of many lines inside one of a line
    got = stata(text, {"lp_1_2": 0.3, "a__b": 0.6, "band": "b"})
    row = pd.DataFrame({"lp_1": [0.3], "a/*b": [0.6], "band": ["b"]})
    assert got["risk_2_2"] == pytest.approx(hostile().predict_risk(row, [2], 2)[0, 0])


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="no R")
def test_a_missing_stratum_is_none_of_that_name_in_r(tmp_path: Path) -> None:
    (tmp_path / "e.R").write_text(hostile().to_r(), encoding="utf-8")
    call = (
        'source("e.R"); d <- data.frame(lp_1 = c(0.3, 0.3, 0.3), b = 0.6, band = c("NA", NA, "b"));'
        ' names(d)[2] <- "a/*b"; cat(sprintf("%.17g", lbp_risk(d, 2, 2)))'
    )
    out = subprocess.run(["Rscript", "-e", call], cwd=tmp_path, check=True, capture_output=True, timeout=60, text=True)
    rows = pd.DataFrame({"lp_1": 0.3, "a/*b": 0.6, "band": ["NA", None, "b"]})
    expected = hostile().predict_risk(rows, [2], 2)[:, 0]
    got = [np.nan if word == "NA" else float(word) for word in out.stdout.split()]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    assert np.isnan(expected).tolist() == [False, True, False]


def test_an_unknown_stratum_has_no_risk_in_the_workbook_before_the_first_step(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(hostile().to_excel(tmp_path / "a.xlsx"))["Risk"]
    sheet["B4"], sheet["B5"], sheet["B6"] = 0.3, 0.6, "b"
    assert _value(sheet, "E8") == 0.0  # by 0.5
    sheet["B6"] = "c"
    with pytest.raises(NotAvailable):
        _value(sheet, "E8")


# ---- other languages -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="no R")
def test_the_r_text_gives_the_same_in_r(tmp_path: Path) -> None:
    script, expected = ["options(digits = 17)\n"], {}
    for k, name in enumerate(WRITTEN):
        _, table, made = fitted(name)
        rows = spoilt(many(table, 200))
        rows.to_csv(tmp_path / f"{k}.csv", index=False)
        (tmp_path / f"{k}.R").write_text(made.to_r(), encoding="utf-8")
        script.append(f'source("{k}.R")\nd <- read.csv("{k}.csv", check.names = FALSE)\n')
        for cause in CAUSES:
            for j, horizon in enumerate(made.horizons):
                call = f"lbp_risk(d, {horizon!r}, {cause})"
                script.append(f'writeLines(sprintf("%.17g", {call}), "{k}_{cause}_{j}.txt")\n')
                expected[f"{k}_{cause}_{j}.txt"] = made.predict_risk(rows, cause=cause)[:, j]
    (tmp_path / "all.R").write_text("".join(script), encoding="utf-8")
    subprocess.run(["Rscript", "all.R"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    for name, risk in expected.items():
        words = (tmp_path / name).read_text().split()
        got = np.array([np.nan if word == "NA" else float(word) for word in words])
        assert np.isnan(got[[3, 4]]).all()
        np.testing.assert_allclose(got, risk, rtol=0, atol=1e-8)


@needs_browser
def test_the_javascript_gives_the_same_in_a_browser(tmp_path: Path) -> None:
    parts: list[str] = []
    expected: list[float] = []
    for name in WRITTEN:
        _, table, made = fitted(name)
        rows = spoilt(many(table, 100))
        for cause in CAUSES:
            expected += made.predict_risk(rows, cause=cause).ravel().tolist()
        data = rows.astype(object).where(rows.notna(), None).to_dict("records")
        parts.append(
            f"(function () {{ {made.to_javascript()}\n var rows = {json.dumps(data)};\n"
            f" {json.dumps(CAUSES)}.forEach(function (c) {{ rows.forEach(function (x) {{"
            f" {json.dumps(made.horizons)}.forEach(function (h) {{ out.push(lbpRisk(x, h, c)); }}); }}); }}); }})();"
        )
    page = (
        "<!doctype html><meta charset='utf-8'><pre id='out'></pre><script>'use strict'; var out = [];"
        + "".join(parts)
        + "document.getElementById('out').textContent = out.map(String).join(' ');</script>"
    )
    found = re.search(r"<pre id=.out.>([^<]*)<", dom_after(tmp_path, page))
    assert found is not None
    got = np.array(found[1].split(), dtype=float)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8)
    assert np.isnan(got).sum() == 8 * len(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_stata_commands_give_the_same(name: str) -> None:
    _, table, made = fitted(name)
    rows = many(table, 4)
    rows.loc[3, "age"] = np.nan
    text = made.to_stata()
    for k, row in enumerate(rows.to_dict("records")):
        got = stata(text, {c: v.replace('"', "'") if isinstance(v, str) else v for c, v in row.items()})
        for cause in CAUSES:
            for j, horizon in enumerate(made.horizons):
                risk = made.predict_risk(rows.iloc[[k]], cause=cause)[0, j]
                np.testing.assert_allclose(got[f"risk_{cause}_{horizon:g}"], risk, rtol=0, atol=1e-8)


def _cells(made: CompetingEquation, row: dict[str, Any]) -> tuple[dict[str, Any], dict[tuple[int, int], str]]:
    """Return where values are typed, and where the risk of each cause and horizon stands."""
    names = list(map(str, made.feature_names_in_))
    first = 4 + len(names) + 1
    risks = {(c, j): f"{'EF'[c]}{first + j}" for c in range(2) for j in range(len(made.horizons))}
    return {f"B{4 + j}": row[column] for j, column in enumerate(names)}, risks


@pytest.mark.parametrize("name", WRITTEN)
def test_the_workbook_calculates_the_same(name: str, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    _, table, made = fitted(name)
    path = made.to_excel(tmp_path / "risk.xlsx")
    rows = many(table, 2)
    sheet = openpyxl.load_workbook(path)["Risk"]
    for k, row in enumerate(rows.to_dict("records")):
        typed_in, risks = _cells(made, row)
        for cell, value in typed_in.items():
            sheet[cell] = value
        for (c, j), cell in risks.items():
            expected = made.predict_risk(rows.iloc[[k]], cause=CAUSES[c])[0, j]
            assert _value(sheet, cell) == pytest.approx(expected, abs=1e-8)
    sheet["B4"] = "0,5"
    with pytest.raises(NotAvailable):
        _value(sheet, "E" + next(iter(risks.values()))[1:])


def _value(sheet: Any, cell: str) -> float:
    """Compute the steps from above, so that no cell is computed twice."""
    known: dict[str, Any] = {}

    class Sheet:
        def __getitem__(self, name: str) -> Any:
            if name in known:
                return known[name]
            return sheet[name]

    class Known:
        data_type = "n"

        def __init__(self, value: Any) -> None:
            self.value = value

    view = Sheet()
    for row in sheet.iter_rows(min_row=4, min_col=5):
        for one in row:
            if one.data_type == "f" and not str(one.value).startswith("=IF(ISNUMBER(0*"):
                known[one.coordinate] = Known(excel(view, one.coordinate))
    return float(excel(view, cell))


@needs_office
@pytest.mark.slow
def test_libreoffice_calculates_the_same(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    books, expected = [], []
    for name in WRITTEN:
        _, table, made = fitted(name)
        source = made.to_excel(tmp_path / f"{name.replace(', ', '_').replace(' ', '_')}.xlsx")
        rows = many(table, 5)
        for k, row in enumerate(rows.to_dict("records")):
            typed_in, risks = _cells(made, row)
            books.append(filled(source, tmp_path / f"{source.stem}_{k}.xlsx", typed_in))
            values = {cell: made.predict_risk(rows.iloc[[k]], cause=CAUSES[c])[0, j] for (c, j), cell in risks.items()}
            expected.append(values)
    for sheet, values in zip(recalculated(tmp_path, books), expected):
        for cell, value in values.items():
            assert sheet[cell].value == pytest.approx(value, abs=1e-8)


@needs_browser
def test_a_calculator_of_competing_causes(tmp_path: Path) -> None:
    numbers = X[["c1", "age"]]
    locked = lock(CauseSpecificCox().fit(numbers, Surv.right(D.time, D.status)))
    use = IntendedUse("Talk about expectations", "Adults", "recovered", "1")
    page = calculator_page(locked, tmp_path / "c.html", use=use, horizons=[12], unvalidated_reason="none yet")
    seen = typed(tmp_path, page.read_text(encoding="utf-8"), [["0.5", "44"]])[0]
    risk = locked.predict_risk(pd.DataFrame({"c1": [0.5], "age": [44.0]}), 12)[0, 0]
    assert float(str(seen[0])) == pytest.approx(risk, abs=1e-10)
    assert "No interval is known" in str(seen[4])


@pytest.mark.parametrize("causes", [1, 2])
def test_equations_of_predictors_far_from_zero_are_the_model(causes):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 2)) + 2000, columns=["year_of_birth", "score"])
    time = 4 * rng.exponential(np.exp(table["year_of_birth"] - 2000))
    code = np.where(time <= 8, 1 + rng.integers(0, causes, 200), 0)
    model = DiscreteTimeHazard([2, 4, 6, 8]).fit(table, Surv.right(np.ceil(time).clip(1, 8), code))
    risk = equation(model, horizons=[2, 8]).predict_risk(table, [2, 8])
    np.testing.assert_allclose(risk, model.predict_risk(table, [2, 8]), rtol=1e-9)
