"""Equations: the model's own risks, in every language, and what they refuse to hide."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler
from syn import syn

from lbp_prognosis import Measured, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import (
    Equation,
    LevelTerm,
    NoEquation,
    NumberTerm,
    equation,
    from_equation,
    lock,
)
from lbp_prognosis.deployment._written import ascii_quoted
from lbp_prognosis.fusion import ComBat, MultipleImputation, OneHot, RestrictedCubicSpline, RiskPipeline, Standardise
from lbp_prognosis.models import (
    BoostedCox,
    CauseSpecificCox,
    CoxPH,
    DiscreteTimeHazard,
    ElasticNetCox,
    FineGray,
    LinearOutcome,
    LogisticRisk,
    NullModel,
    OrdinalRegression,
    ParametricAFT,
    PiecewiseExponential,
    PriorityCox,
    RoystonParmar,
)
from lbp_prognosis.validation import update_model
from tests.chromium import dom_after, needs_browser
from tests.libreoffice import filled, needs_office, recalculated
from tests.unit.deployment.formulas import NotAvailable, excel, stata

D = syn(n=500)
X = D[["c1", "p1", "m1"]].assign(grade=np.array(["mild", "severe", 'odd "one"'])[D["site"] % 3], age=50 + 12 * D["c2"])
SINGLE = Surv.right(D.time, D.event)
COMPETING = Surv.right(D.time, D.status)
STATE = Status.at(12, D.y)
SCORE = Measured.at(12, np.clip(np.round(10 - D.time / 4), 0, 10), lower=0, upper=10, at_most=5)
BAD_SCORE = Measured.at(12, np.clip(np.round(10 - D.time / 4), 0, 10), lower=0, upper=10, at_least=5)
NO_CUT = Measured.at(12, np.clip(np.round(10 - D.time / 4), 0, 10), lower=0, upper=10)
HORIZONS = [6.0, 12.0]


def pipeline(model, *, first=()):
    return RiskPipeline([*first, OneHot(), Standardise(["age", "p1"]), RestrictedCubicSpline(["age"])], model)


CASES = {
    "CoxPH": (lambda: CoxPH(), SINGLE, HORIZONS),
    "CoxPH-strata": (lambda: CoxPH(strata="band"), SINGLE, HORIZONS),
    "CoxPH-offset": (lambda: CoxPH(offset="known"), SINGLE, HORIZONS),
    "ElasticNetCox": (lambda: ElasticNetCox(choose=0.02), SINGLE, HORIZONS),
    "FineGray": (lambda: FineGray(), COMPETING, HORIZONS),
    "LogisticRisk": (lambda: LogisticRisk(), STATE, None),
    "OrdinalRegression": (lambda: OrdinalRegression(), SCORE, None),
    "OrdinalRegression-probit": (lambda: OrdinalRegression(link="probit"), SCORE, None),
    "OrdinalRegression-cloglog": (lambda: OrdinalRegression(link="cloglog"), SCORE, None),
    "OrdinalRegression-loglog": (lambda: OrdinalRegression(link="cloglog"), BAD_SCORE, None),
    "LinearOutcome": (lambda: LinearOutcome(), SCORE, None),
    "LinearOutcome-at-least": (lambda: LinearOutcome(), BAD_SCORE, None),
    "weibull": (lambda: ParametricAFT("weibull"), SINGLE, HORIZONS),
    "exponential": (lambda: ParametricAFT("exponential"), SINGLE, HORIZONS),
    "loglogistic": (lambda: ParametricAFT("loglogistic"), SINGLE, HORIZONS),
    "lognormal": (lambda: ParametricAFT("lognormal"), SINGLE, HORIZONS),
    "generalised_gamma": (lambda: ParametricAFT("generalised_gamma"), SINGLE, HORIZONS),
    "RoystonParmar": (lambda: RoystonParmar(df=2), SINGLE, HORIZONS),
    "RoystonParmar-odds": (lambda: RoystonParmar(df=2, scale="odds"), SINGLE, HORIZONS),
    "RoystonParmar-normal": (lambda: RoystonParmar(df=2, scale="normal"), SINGLE, HORIZONS),
    "DiscreteTimeHazard": (lambda: DiscreteTimeHazard((3.0, 6.0, 12.0, 24.0)), SINGLE, HORIZONS),
    "PiecewiseExponential": (lambda: PiecewiseExponential([24.0]), SINGLE, HORIZONS),
    "PiecewiseExponential-exponential": (lambda: PiecewiseExponential(0), SINGLE, HORIZONS),
}


def fitted(name: str):
    make, y, horizons = CASES[name]
    model = make()
    table = X
    if getattr(model, "strata", None):
        table = X.assign(band=np.where(D["site"] % 2, "a", "b"))
    if getattr(model, "offset", None):
        table = X.assign(known=0.1 * D["g1"])
    whole = pipeline(model).fit(table, y)
    return whole, table, horizons


def many(table: pd.DataFrame, n: int = 10_000) -> pd.DataFrame:
    """Rows that were never seen, within and outside the range."""
    rng = np.random.default_rng(1)
    out = {}
    for name in table:
        column = table[name]
        if not pd.api.types.is_numeric_dtype(column):
            out[name] = rng.choice(column.unique(), n)
        else:
            out[name] = rng.uniform(column.min() - 0.2, column.max() + 0.2, n)
    return pd.DataFrame(out)


@pytest.mark.parametrize("name", CASES)
def test_it_gives_the_models_risks_and_survives_json(name):
    model, table, horizons = fitted(name)
    rows = many(table)
    made = equation(model, horizons=horizons)
    expected = model.predict_risk(rows, list(made.horizons))
    np.testing.assert_allclose(made.predict_risk(rows), expected, rtol=0, atol=1e-10)
    again = from_equation(made.to_json())
    assert again == made
    assert from_equation(json.loads(made.to_json())) == made
    assert np.isnan(made.predict_risk(rows[:2], [made.horizons[0], 999.0])[:, 1]).all()
    assert 0 <= made.rounding_error() < 1e-8 or np.isnan(made.rounding_error())  # an offset's range is not known


NUMBERS = X[["c1", "p1", "m1"]]
LATER = Surv.right(D.time * 1.4, D.event)
STATES = Status.at(12, 1 - D.y)
UPDATED = {
    # what is updated, by what, with which outcome; the horizon at which the original is judged
    "logit intercept": (lambda: pipeline(LogisticRisk()).fit(X, STATE), X, STATES, {"method": "intercept"}, None),
    "logit slope": (lambda: pipeline(LogisticRisk()).fit(X, STATE), X, STATES, {"method": "slope"}, None),
    "logit bayes": (lambda: LogisticRisk().fit(NUMBERS, STATE), NUMBERS, STATES, {"method": "bayes"}, None),
    "refit": (lambda: LogisticRisk().fit(NUMBERS, STATE), NUMBERS, STATES, {"method": "refit"}, None),
    "baseline": (lambda: pipeline(CoxPH()).fit(X, SINGLE), X, LATER, {"method": "intercept"}, HORIZONS),
    "strata": (
        lambda: CoxPH(strata="band").fit(NUMBERS.assign(band=D["site"] % 2), SINGLE),
        NUMBERS.assign(band=D["site"] % 2),
        LATER,
        {"method": "intercept"},
        HORIZONS,
    ),
    "slope": (lambda: pipeline(CoxPH()).fit(X, SINGLE), X, LATER, {"method": "slope"}, HORIZONS),
    "original": (lambda: pipeline(CoxPH()).fit(X, SINGLE), X, LATER, {"method": "original"}, HORIZONS),
    "bayes": (lambda: CoxPH().fit(NUMBERS, SINGLE), NUMBERS, LATER, {"method": "bayes"}, HORIZONS),
    "by its risk": (
        lambda: ParametricAFT("weibull").fit(NUMBERS, SINGLE),
        NUMBERS,
        LATER,
        {"method": "slope"},
        HORIZONS,
    ),
}


@pytest.mark.parametrize("name", UPDATED)
def test_an_updated_model_gives_its_risks(name):
    make, table, y, how, horizons = UPDATED[name]
    more = {} if horizons is None else {"horizon": 12.0}
    model = update_model(make(), table, y, **how, **more).model
    rows = many(table, 2000) if "band" not in table else table
    made = equation(model, horizons=horizons)
    expected = model.predict_risk(rows, list(made.horizons))
    np.testing.assert_allclose(made.predict_risk(rows), expected, rtol=0, atol=1e-10)
    assert from_equation(made.to_json()) == made
    locked = lock(model)
    np.testing.assert_allclose(
        equation(locked, horizons=horizons).predict_risk(rows),
        locked.predict_risk(rows, list(made.horizons)),
        rtol=0,
        atol=1e-10,
    )


def test_an_update_on_another_scale_has_no_equation():
    model = update_model(
        ParametricAFT("loglogistic").fit(NUMBERS, SINGLE), NUMBERS, LATER, method="slope", horizon=12.0
    ).model
    with pytest.raises(NoEquation, match="link logit"):
        equation(model, horizons=[12])
    later = update_model(CoxPH().fit(NUMBERS, SINGLE), NUMBERS, LATER, method="slope", horizon=12.0).model
    with pytest.raises(ArgumentError, match="within follow-up"):
        equation(later, horizons=[1e4])
    with pytest.raises(ArgumentError, match="horizons"):
        equation(later)
    report = update_model(CoxPH().fit(NUMBERS, SINGLE), NUMBERS, LATER, method="slope", horizon=12.0)
    with pytest.raises(NoEquation, match="got a ModelUpdate, .* Give its attribute `model`"):
        equation(report, horizons=[12])


def test_blocks_of_a_priority_cox():
    """Complete rows have the model's risk; what lacks a block has one in the model alone."""
    blocks = {"clinical": ["c1", "p1"], "imaging": ["m1"]}
    for model in (PriorityCox(blocks, cv=3, cross_fit=2), PriorityCox(blocks, unpenalised=["clinical", "imaging"])):
        model.fit(NUMBERS, SINGLE)
        rows = many(NUMBERS, 2000)
        made = equation(model, horizons=HORIZONS)
        np.testing.assert_allclose(made.predict_risk(rows), model.predict_risk(rows, HORIZONS), rtol=0, atol=1e-10)
        lacking = rows.head(2).assign(m1=np.nan)
        assert np.isnan(made.predict_risk(lacking)).all()
        assert np.isfinite(model.predict_risk(lacking, HORIZONS)).all()


def test_beyond_its_first_interval_a_piecewise_exponential_model_is_no_equation():
    model = PiecewiseExponential([8.0]).fit(NUMBERS, SINGLE)
    assert equation(model, horizons=[6, 8]).horizons == (6.0, 8.0)
    with pytest.raises(NoEquation, match="first breakpoint, 8"):
        equation(model, horizons=[6, 8.001])


@pytest.mark.parametrize("name", ["CoxPH", "FineGray", "LogisticRisk"])
def test_a_bare_model_of_numbers_needs_no_pipeline(name):
    make, y, horizons = CASES[name]
    numbers = X[["c1", "p1"]]
    model = make().fit(numbers, y)
    made = equation(model, horizons=horizons)
    risks = model.predict_risk(numbers, list(made.horizons))
    np.testing.assert_allclose(made.predict_risk(numbers), risks, atol=1e-12)
    unnamed = equation(make().fit(numbers.to_numpy(), y), horizons=horizons)
    assert [term.name for term in unnamed.terms] == ["x0", "x1"]


def test_after_imputation_coefficients_and_log_baselines_are_averaged():
    holes = X.drop(columns="grade").copy()
    holes.loc[::7, "p1"] = np.nan
    steps = [MultipleImputation(3), RestrictedCubicSpline(["age"])]
    model = RiskPipeline(steps, CoxPH(), combine="cloglog").fit(holes, SINGLE)
    complete = holes.dropna()
    made = equation(model, horizons=HORIZONS)
    assert made.n_completed == 3
    np.testing.assert_allclose(made.predict_risk(complete), model.predict_risk(complete, HORIZONS), atol=1e-10)
    assert np.isnan(made.predict_risk(holes)[::7]).all()
    averaged = RiskPipeline(steps, CoxPH()).fit(holes, SINGLE)
    with pytest.raises(NoEquation, match="combine"):
        equation(averaged, horizons=HORIZONS)
    odds = RiskPipeline([MultipleImputation(2)], LogisticRisk(), combine="logit").fit(holes, STATE)
    np.testing.assert_allclose(equation(odds).predict_risk(complete), odds.predict_risk(complete, 12), atol=1e-10)


def test_scalers_of_scikit_learn_are_read():
    model = RiskPipeline([StandardScaler()], CoxPH()).fit(X[["c1", "age"]], SINGLE)
    made = equation(model, horizons=12)
    np.testing.assert_allclose(made.predict_risk(X), model.predict_risk(X[["c1", "age"]], 12), atol=1e-12)
    assert made.terms[1].slope == pytest.approx(model.models_[0].coef_[1] / X["age"].std(ddof=0))


@pytest.mark.parametrize(
    "model",
    [
        lambda: CauseSpecificCox().fit(X[["c1"]], COMPETING),
        lambda: NullModel().fit(X[["c1"]], SINGLE),
        lambda: LinearOutcome().fit(X[["c1"]], NO_CUT),
        lambda: CoxPH().fit(X[["c1"]], SINGLE, offset=D["g1"]),
        lambda: RiskPipeline([ComBat("site", columns=["c1", "p1"])], CoxPH()).fit(D[["c1", "p1", "site"]], SINGLE),
    ],
    ids=["causes", "null", "no cut", "offset", "combat"],
)
def test_what_has_no_equation_names_the_file(model):
    with pytest.raises(NoEquation, match="save_model"):
        equation(model(), horizons=[12])


def test_boosted_trees_have_no_equation():
    pytest.importorskip("xgboost")
    with pytest.raises(NoEquation, match="save_model"):
        equation(BoostedCox(rounds=2, folds=2).fit(X[["c1"]], SINGLE), horizons=12)


def test_horizons_are_asked_for_and_checked():
    model = CoxPH().fit(X[["c1"]], SINGLE)
    with pytest.raises(ArgumentError, match="horizons"):
        equation(model)
    with pytest.raises(ArgumentError, match="horizons"):
        equation(model, horizons=[float(model.max_time_) + 1])
    with pytest.raises(ArgumentError, match="horizons"):
        equation(LogisticRisk().fit(X[["c1"]], STATE), horizons=[6])
    assert equation(LogisticRisk().fit(X[["c1"]], STATE)).horizons == (12.0,)


# ---- the traps -----------------------------------------------------------------------------------------------------


def test_an_unknown_category_is_no_reference_and_a_missing_value_no_zero():
    model, table, horizons = fitted("CoxPH")
    made = equation(model, horizons=horizons)
    rows = table.head(4).copy()
    rows.loc[rows.index[0], "grade"] = "new"
    rows.loc[rows.index[1], "age"] = np.nan
    rows.loc[rows.index[2], "age"] = 500.0
    risk = made.predict_risk(rows)
    assert np.isnan(risk[:2]).all()
    assert np.isfinite(risk[2:]).all()
    told = made.outside(rows.head(3))
    assert told.loc[told["column"] == "grade", "reason"].tolist() == ["unknown category"]
    assert told.loc[told["column"] == "age", "reason"].tolist() == ["missing", "above range"]
    # not clipped: the tail is a line
    tail = rows.iloc[[2, 2, 2]].assign(age=[500.0, 600.0, 700.0])
    steps = np.diff(made.linear_predictor(tail))
    assert steps[0] != 0
    assert steps[0] == pytest.approx(steps[1])


def test_the_centre_is_stated_and_not_mixed():
    model = CoxPH().fit(X[["c1", "age"]], SINGLE)
    made = equation(model, horizons=HORIZONS)
    assert made.centre == pytest.approx(float(model.centre_ @ model.coef_))
    at_zero = np.exp(-made.centre) * np.array(made.baseline[""])
    np.testing.assert_allclose(at_zero, model.baseline_cumulative_hazard(HORIZONS), rtol=1e-12)


def test_rounding_is_measured_and_less_than_four_digits_refused():
    model, table, horizons = fitted("CoxPH")
    made = equation(model, horizons=horizons)
    inside = many(table, 4000)
    for term in made.terms:
        if isinstance(term, NumberTerm):
            inside[term.name] = inside[term.name].clip(term.low, term.high)
    for digits in (4, 6, 8):
        seen = np.abs(made.rounded(digits).predict_risk(inside) - made.predict_risk(inside)).max()
        bound = made.rounding_error(digits)
        assert seen <= bound <= 200 * seen
        assert f"{bound:.2g}" in equation(model, horizons=horizons, digits=digits).to_text()
    with pytest.raises(ArgumentError, match="digits"):
        equation(model, horizons=horizons, digits=3)
    with pytest.raises(ArgumentError, match="digits"):
        made.rounded(3)
    # a two-digit odds ratio over 50 years of age: exp(0.005·50) either way
    ages = Equation((NumberTerm("age", np.log(1.01), low=30, high=80),), "logit", 0.0, (12.0,), {"": (0.0,)})
    rough = replace(ages, terms=(NumberTerm("age", np.log(1.015), low=30, high=80),))
    frame = pd.DataFrame({"age": [30.0, 80.0]})
    lp = rough.linear_predictor(frame) - ages.linear_predictor(frame)
    assert lp[1] - lp[0] == pytest.approx(0.247, abs=1e-3)


def test_a_table_of_ratios_without_a_baseline_is_refused():
    made = equation(LogisticRisk().fit(X[["c1"]], STATE)).to_dict()
    for absent in ("baseline", "centre", "link", "horizons", "terms"):
        with pytest.raises(ArgumentError, match=absent):
            from_equation({k: v for k, v in made.items() if k != absent})
    for wrong in (
        {**made, "baseline": {}},
        {**made, "surprise": 1},
        {**made, "format": 9},
        {**made, "link": "x"},
        "[]",
    ):
        with pytest.raises(ArgumentError):
            from_equation(wrong)
    bad = json.loads(json.dumps(made))
    bad["terms"][0]["slope"] = float("nan")
    with pytest.raises(ArgumentError, match="finite"):
        from_equation(bad)


def test_a_published_script_that_was_typed_by_hand_is_caught():
    """A plus for a minus, and one predictor twice: what a comparison with the re-read equation is for."""
    made = equation(CoxPH().fit(X[["c1", "p1"]], SINGLE), horizons=12)
    wrong = made.to_r().replace("lp <- lp + (", "lp <- lp - (", 1)
    assert wrong != made.to_r()
    assert made.to_r() == from_equation(made.to_json()).to_r()


# ---- other languages -----------------------------------------------------------------------------------------------

WRITTEN = ["CoxPH", "CoxPH-strata", "LogisticRisk", "OrdinalRegression-probit", "loglogistic"]
WRITTEN += ["OrdinalRegression-loglog", "generalised_gamma"]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="no R")
def test_the_r_text_gives_the_same_in_r(tmp_path):
    odd = 'Боль "😀" \\U'
    written = f"writeLines(enc2utf8({ascii_quoted(odd)}), 'name', useBytes = TRUE)\n"
    script, expected = [f"options(digits = 17)\n{written}"], {}
    for k, name in enumerate(WRITTEN):
        model, table, horizons = fitted(name)
        rows = many(table, 200)
        rows.loc[3, "age"] = np.nan
        rows.loc[4, "grade"] = "new"
        made = equation(model, horizons=horizons)
        rows.to_csv(tmp_path / f"{k}.csv", index=False)
        (tmp_path / f"{k}.R").write_text(made.to_r(), encoding="utf-8")
        script.append(f'source("{k}.R")\nd <- read.csv("{k}.csv", check.names = FALSE)\n')
        words = f"tryCatch(lbp_risk(d[setdiff(names(d), 'age')], {made.horizons[0]!r}), error = conditionMessage)"
        script.append(f"cat({words}, '\\n', file = 'lacking', append = TRUE)\n")
        for j, horizon in enumerate(made.horizons):
            script.append(f'writeLines(sprintf("%.17g", lbp_risk(d, {horizon!r})), "{k}_{j}.txt")\n')
            expected[f"{k}_{j}.txt"] = made.predict_risk(rows)[:, j]
    (tmp_path / "all.R").write_text("".join(script), encoding="utf-8")
    subprocess.run(["Rscript", "all.R"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    assert (tmp_path / "name").read_text(encoding="utf-8") == odd + "\n"
    assert (tmp_path / "lacking").read_text().count("data lack: age") == len(WRITTEN)
    for name, risk in expected.items():
        words = (tmp_path / name).read_text().split()
        got = np.array([np.nan if word == "NA" else float(word) for word in words])
        assert np.isnan(got[[3, 4]]).all()
        np.testing.assert_allclose(got, risk, rtol=0, atol=1e-8)


@needs_browser
def test_the_javascript_gives_the_same_in_a_browser(tmp_path):
    parts, expected = [], []
    for name in WRITTEN:
        model, table, horizons = fitted(name)
        rows = many(table, 200)
        rows.loc[3, "age"] = np.nan
        rows.loc[4, "grade"] = "__proto__"
        made = equation(model, horizons=horizons)
        expected += made.predict_risk(rows).ravel().tolist()
        data = rows.astype(object).where(rows.notna(), None).to_dict("records")
        parts.append(
            f"(function () {{ {made.to_javascript()}\n var rows = {json.dumps(data)};\n"
            f" rows.forEach(function (x) {{ {json.dumps(made.horizons)}.forEach("
            "function (h) { out.push(lbpRisk(x, h)); }); }); })();"
        )
    page = (
        "<!doctype html><meta charset='utf-8'><pre id='out'></pre><script>'use strict'; var out = [];"
        + "".join(parts)
        + "document.getElementById('out').textContent = out.map(String).join(' ');</script>"
    )
    dom = dom_after(tmp_path, page)
    got = np.array(re.search(r"<pre id=.out.>([^<]*)<", dom)[1].split(), dtype=float)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8)
    assert np.isnan(got).sum() >= 2 * len(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_stata_commands_give_the_same(name):
    model, table, horizons = fitted(name)
    rows = many(table, 40)
    rows.loc[3, "age"] = np.nan
    made = equation(model, horizons=horizons)
    for k, row in enumerate(rows.to_dict("records")):
        typed = {c: v.replace('"', "'") if isinstance(v, str) else v for c, v in row.items()}
        got = stata(made.to_stata(), typed)
        for j, horizon in enumerate(made.horizons):
            risk = made.predict_risk(rows.iloc[[k]])[0, j]
            np.testing.assert_allclose(got[f"risk_{horizon:g}"], risk, rtol=0, atol=1e-8)


def test_names_that_stata_does_not_take_are_changed_and_told():
    term = NumberTerm("disc height (mm) of l4l5, at its worst place", 0.5, low=1, high=9)
    other = NumberTerm("disc_height__mm__of_l4l5__at_its_worst_place", 0.5, low=1, high=9)
    made = Equation((term, other, NumberTerm("if", 1.0)), "logit", 0.0, (12.0,), {"": (0.1,)})
    text = made.to_stata()
    assert "is the variable disc_height__mm__of_l4l5__at_its" in text
    assert "v_if" in text


@pytest.mark.parametrize("name", WRITTEN)
def test_the_workbook_calculates_the_same(name, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    model, table, horizons = fitted(name)
    made = equation(model, horizons=horizons)
    path = made.to_excel(tmp_path / "risk.xlsx")
    rows = many(table, 10)
    for k, row in enumerate(rows.to_dict("records")):
        sheet = openpyxl.load_workbook(path)["Risk"]
        names = list(map(str, made.feature_names_in_))
        for j, column in enumerate(names):
            sheet[f"B{4 + j}"] = row[column]
        first = 4 + len(names) + 1
        for j in range(len(made.horizons)):
            got = excel(sheet, f"E{first + j}")
            assert got == pytest.approx(made.predict_risk(rows.iloc[[k]])[0, j], abs=1e-8)
        sheet["B4"] = "0,5"  # a decimal comma that was not understood is text
        with pytest.raises(NotAvailable):
            excel(sheet, f"E{first}")


@needs_office
@pytest.mark.slow
def test_libreoffice_calculates_the_same(tmp_path):
    pytest.importorskip("openpyxl")
    books, expected = [], []
    for name in WRITTEN:
        model, table, horizons = fitted(name)
        made = equation(model, horizons=horizons)
        source = made.to_excel(tmp_path / f"{name}.xlsx")
        columns = list(map(str, made.feature_names_in_))
        rows = many(table, 6)
        for k, row in enumerate(rows.to_dict("records")):
            typed = {f"B{4 + j}": row[column] for j, column in enumerate(columns)}
            if k == 5:
                typed["B4"] = "0,5"  # a decimal comma that was not understood is text
            books.append(filled(source, tmp_path / f"{name}_{k}.xlsx", typed))
            expected.append((5 + len(columns), model.predict_risk(rows.iloc[[k]], list(made.horizons))[0], k == 5))
    for sheet, (first, risks, wrong) in zip(recalculated(tmp_path, books), expected):
        for j, risk in enumerate(risks):
            got = sheet[f"E{first + j}"].value
            assert got == "#N/A" if wrong else got == pytest.approx(risk, abs=1e-8)


def test_names_and_levels_run_nothing():
    evil = '"); system("echo"); ("'
    made = Equation(
        (
            NumberTerm(evil + "\n*/ </script><script>", 1.0, low=0, high=1),
            LevelTerm("=1+1", ("</script>", "=cmd|x", "ü\u202e"), (0.0, 1.0, 2.0)),
        ),
        "logit",
        0.0,
        (12.0,),
        {"": (0.0,)},
    )
    for text in (made.to_r(), made.to_javascript(), made.to_stata(), made.to_latex(), made.to_text()):
        assert "\u202e" not in text.split("\n", 8)[1]
        assert not any(line.lstrip().startswith(("system", "</script")) for line in text.splitlines())
    assert "</script" not in "".join(
        line for line in made.to_javascript().splitlines(keepends=True) if not line.startswith("//")
    )


def test_a_workbook_takes_no_name_for_a_formula(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    made = Equation((NumberTerm("=HYPERLINK(1)", 1.0, low=0, high=1),), "logit", 0.0, (12.0,), {"": (0.0,)})
    sheet = openpyxl.load_workbook(made.to_excel(tmp_path / "a.xlsx"))["Risk"]
    formulas = [cell.coordinate for row in sheet for cell in row if cell.data_type == "f"]
    assert formulas == ["E4", "E5", "E6"]


def test_latex_and_text_hold_every_number():
    model, _, horizons = fitted("CoxPH")
    made = equation(model, horizons=horizons, digits=6)
    for term in made.terms:
        numbers = term.effects if isinstance(term, LevelTerm) else (term.slope, *term.cubes)
        for value in numbers:
            if value:
                assert f"{abs(value):.6g}".split("e")[0] in made.to_latex()
                assert f"{abs(value):.6g}" in made.to_text()
    assert "training range" in made.to_text()
    assert "reference mild" in made.to_text()


def test_a_frame_of_all_numbers():
    model, _, horizons = fitted("CoxPH-strata")
    frame = equation(model, horizons=horizons, units={"age": "years"}).to_frame()
    assert set(frame["part"]) == {"slope", "cube", "level", "centre", "baseline"}
    assert (frame.loc[frame["column"] == "age", "unit"] == "years").all()
    assert set(frame.loc[frame["part"] == "baseline", "stratum"]) == {"a", "b"}
