"""What leaves gives nobody away: an attacker who solves for small cells finds much where a rule is off, else nothing.

The truth is known, as the studies are made here. Seeds are committed; the full run is in the slow suite.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hostile.attacker import Haul, attack, curve_times, read_run
from hostile.small_studies import KINDS, MAIN, SmallStudy, columns_of, small_study

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import DisclosureError
from lbp_prognosis.cohort import table_one_of
from lbp_prognosis.disclosure import Gate, Release, ReleaseLedger, count_texts, is_dominated
from lbp_prognosis.evaluation import evaluate, risk_groups
from lbp_prognosis.report import (
    Page,
    _released_page,
    _released_patients,
    evaluation_page,
    write_page,
)

LEVELS = {
    "grade": ["1", "2", "3", "4", *"abcde"],
    "sex": ["female", "male"],
    "smoker": ["no", "yes"],
    "pain": ["pain"],
    "cost": ["cost"],
}
# all the budget there can be: the other rules have to hold by themselves
LOOSE: dict[str, Any] = {"share": 1.0}


def complete(page: Page) -> bool:
    return bool((next(iter(page.evaluation.calibrations.values())).judged(page.horizon).state() >= 0).all())


def found_out(study: SmallStudy, folder: Path, gate: Gate | None, k: int = 5, *, bands: bool = True) -> list[str]:
    """Write the page and return everything that the attacker finds."""
    write_page(replace(study.page, gate=gate), folder)
    haul = read_run(folder)
    out = attack(haul, k, kind=study.kind, complete=complete(study.page), levels=LEVELS, bands=bands)
    out = [line for line in out if _is_true(line, study)]
    if "time" in (study.y.dtype.names or ()):
        public = [0.0, *study.page.evaluation.horizons]
        own = np.setdiff1d(study.y["time"], public)
        margin = 1.03 * max(public)  # every line is drawn to the edge of the axes, wherever the patients' times are
        times = [t for t in curve_times(haul) if abs(t) > 0.01 and abs(t - margin) > 1e-4]
        out += [f"time {t:g}" for t in times if np.isclose(own, t, rtol=0, atol=1e-4).any()]
    out += _dominated(haul, study.rows)
    out += [f"digest {found}" for found in re.findall(r"\b0{64}\b", haul.text)]
    return out


def _is_true(line: str, study: SmallStudy) -> bool:
    """Frequencies above one half give the same Brier scores as those below: the other root is of nobody."""
    told = re.match(r"events from ([\d.]+) to ([\d.]+): (\d+) to (\d+)", line)
    if told is None:
        return True
    first, second, low, high = map(float, told.groups())
    y = study.y
    return low <= ((y["event"] == 1) & (y["time"] > first) & (y["time"] <= second)).sum() <= high


def _dominated(haul: Haul, rows: pd.DataFrame) -> list[str]:
    table = haul.tables.get("table_one", pd.DataFrame(columns=["variable", "overall"]))
    shown = [str(v).removesuffix(", mean (SD)") for v in table["variable"] if str(v).endswith(", mean (SD)")]
    shown = [name for name in shown if str(table.loc[table["variable"] == f"{name}, mean (SD)", "overall"].iloc[0])]
    return [f"mean of {name} is one patient's" for name in shown if name in rows and is_dominated(rows[name])]


@cache
def found_in_release(study: SmallStudy, k: int = 5, digits: int = Gate.digits) -> tuple[str, ...]:
    """Return what is found with all rules; asked once for each study, whichever test asks first."""
    with tempfile.TemporaryDirectory() as folder:
        return tuple(found_out(study, Path(folder), Gate(k, **LOOSE, digits=digits), k))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_found_in_a_whole_release(kind: str) -> None:
    assert found_in_release(small_study(0, kind)) == ()


@pytest.mark.usefixtures("unread_left_out")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(1, 4))
def test_nothing_is_found_in_a_release(kind: str, seed: int) -> None:
    assert found_in_release(small_study(seed, kind), (5, 10)[seed % 2]) == ()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", range(8))
def test_nothing_is_found_in_three_hundred_releases(kind: str, block: int, tmp_path: Path) -> None:
    for seed in range(10 * block, 10 * block + 10):
        for k in (5, 10):
            for share in (1 / 3, 1.0):
                folder = tmp_path / f"{seed}_{k}_{share:.1f}"
                assert found_out(small_study(seed, kind), folder, Gate(k, share=share), k) == [], (seed, k, share)


@pytest.mark.usefixtures("unread_left_out")
@pytest.mark.parametrize("kind", KINDS)
def test_the_full_page_is_found_out(kind: str, tmp_path: Path) -> None:
    assert found_out(small_study(0, kind), tmp_path, None, bands=False)


# ---- the specimens ---------------------------------------------------------------------------------------------------


def lone_page(**changes: Any) -> tuple[Page, np.ndarray]:
    """One of 200 patients above 40 %, who had the event."""
    rng = np.random.default_rng(7)
    risk = np.r_[rng.uniform(0.05, 0.38, 199), 0.832]
    y = Status.at(MAIN, np.r_[(rng.uniform(size=199) < risk[:199]).astype(int), 1])
    found = evaluate(y, {"new": risk[:, None]}, MAIN, np.round(np.arange(0.1, 0.5, 0.05), 2), n_resamples=0)
    groups = replace(risk_groups(y, risk, MAIN, thresholds=[0.2, 0.4]), model="new")
    return replace(evaluation_page(found, horizon=MAIN, unit="months", groups=groups), **changes), risk


def old_masks(haul: Haul, k: int = 5) -> Haul:
    """Mask the counts of one table, as pages did before there was a gate."""
    groups = haul.tables["risk_groups"].copy()
    groups["patients"] = count_texts([float(n) for n in groups["patients"]], k)
    small = groups["patients"].str.startswith("<")
    groups.loc[small, "observed (95% interval)"] = "masked"
    return replace(haul, tables={**haul.tables, "risk_groups": groups})


def test_one_patient_above_forty_per_cent(tmp_path: Path) -> None:
    """D1: the row was masked, and the mean, the mark, the workload and the curve gave the patient away."""
    page, _ = lone_page()
    write_page(page, tmp_path / "full")
    before = attack(old_masks(read_run(tmp_path / "full")), 5, kind="status", complete=True, levels={})
    assert any("band" in line and ", all: 1 to 1" in line for line in before)
    write_page(replace(page, gate=Gate(**LOOSE)), tmp_path / "out")
    haul = read_run(tmp_path / "out")
    assert attack(haul, 5, kind="status", complete=True, levels={}) == []
    for text in (haul.text, *(svg for _, svg in haul.pictures), *(t.to_csv() for t in haul.tables.values())):
        assert "0.832" not in text
        assert "40 %" not in text
    assert haul.tables["risk_groups"].iloc[:, 0].tolist() == ["below 30 %", "30 % and above"]


def test_events_of_a_handful(tmp_path: Path) -> None:
    """D2: "events < 5" stood above net benefits that count them."""
    rng = np.random.default_rng(1)
    risk = rng.uniform(0.01, 0.2, 200)
    y = Status.at(MAIN, (np.arange(200) < 3).astype(int))
    page = evaluation_page(evaluate(y, {"new": risk[:, None]}, MAIN, [0.05, 0.1], n_resamples=0), horizon=MAIN)
    write_page(page, tmp_path / "full")
    before = attack(read_run(tmp_path / "full"), 5, kind="status", complete=True, levels={})
    assert "new, all e: 3 to 3" in before
    write_page(replace(page, gate=Gate()), tmp_path / "out")
    haul = read_run(tmp_path / "out")
    assert attack(haul, 5, kind="status", complete=True, levels={}) == []
    assert "fewer than 10 patients with the outcome" in haul.text
    assert haul.numbers.empty
    assert set(haul.tables) == {"evidence_ladder", "release", "release_budget"}


@pytest.mark.usefixtures("unread_left_out")
def test_four_known_values(tmp_path: Path) -> None:
    """D3: 146 of 150 are missing; mean, SD and range made all four values solvable."""
    study = small_study(3, "status", n=150)
    rows = study.rows.copy()
    rows["pain"] = [0.0, 1, 1, 9] + [np.nan] * 146
    study = _with_rows(study, rows)
    assert "values of pain: (0, 1, 1, 9)" in found_out(study, tmp_path / "full", None, bands=False)
    assert found_out(study, tmp_path / "out", Gate(**LOOSE)) == []
    for table in read_run(tmp_path / "out").tables.values():
        assert not table.astype(str).apply(lambda column: column.str.contains(r"\b146\b")).to_numpy().any()


def _with_rows(study: SmallStudy, rows: pd.DataFrame) -> SmallStudy:
    kinds = {"pain": "number"}
    shared: dict[str, Any] = {"kinds": kinds, "skewed": ()}
    tables = {"Table 1.": table_one_of(rows, **shared), "By site.": table_one_of(rows, by=study.sites, **shared)}
    page = replace(study.page, rows=rows, columns=columns_of(rows), table_ones=tables)
    return replace(study, rows=rows, page=page)


@pytest.mark.usefixtures("unread_left_out")
def test_curves_and_a_grid_of_thresholds(tmp_path: Path) -> None:
    """D4: each corner was a patient's time, and thresholds in steps of 0.01 subtract to single patients."""
    study = small_study(5, "right", n=150, complete=True)
    risk = {"new": study.risks["new"][:, None]}
    found = evaluate(study.y, risk, MAIN, np.round(np.arange(0.2, 0.41, 0.01), 2), n_resamples=0)
    evidence = evaluation_page(found, horizon=MAIN).evidence
    page = replace(study.page, evaluation=found, evidence=evidence, comparison=())
    study = replace(study, page=page)
    before = found_out(study, tmp_path / "full", None)
    assert sum(line.startswith("time ") for line in before) > 50
    assert sum(", band " in line for line in before) > 10
    assert found_out(study, tmp_path / "out", Gate(**LOOSE)) == []
    haul = read_run(tmp_path / "out")
    assert haul.numbers["threshold"].astype(float).nunique() <= 3
    assert len(curve_times(haul)) > 3  # still a curve
    assert len(haul.pictures) >= 4  # flow, groups, discrimination, calibration


def test_words_beside_pictures_with_a_large_limit(tmp_path: Path) -> None:
    """D5: with limits above ten the alternative text told what the table masked."""
    page, _ = lone_page()
    write_page(replace(page, gate=Gate(25, **LOOSE)), tmp_path)
    haul = read_run(tmp_path)
    assert attack(haul, 25, kind="status", complete=True, levels={}) == []
    said = " ".join(alt for alt, _ in haul.pictures)
    assert "40 %" not in said
    assert "masked" not in said


# ---- one rule off at a time ------------------------------------------------------------------------------------------


def _all_cuts(patients: Any, candidates: Any, smallest: int, most: int) -> tuple[list[float], list[float]]:
    return sorted(set(candidates)), []


def _as_it_is(times: Any, value: Any, low: Any, high: Any, events: Any, **_: Any) -> pd.DataFrame:
    every = pd.DataFrame({"time": times, "value": value, "low": low, "high": high})
    return pd.concat([every.head(12), every.tail(1).assign(time=MAIN)])


def _unmerged(counts: Any, smallest: int, **_: Any) -> list[list[int]]:
    return [[k] for k in range(len(counts))]


def _few(values: list[float]) -> SmallStudy:
    study = small_study(3, "status", n=150)
    rows = study.rows.copy()
    rows["pain"] = values + [np.nan] * (150 - len(values))
    return _with_rows(study, rows)


def _five_values() -> SmallStudy:
    study = _few([0.0, 0, 0, 0, 9])
    return replace(study, page=replace(study.page, table_ones={"Table 1.": study.page.table_ones["Table 1."]}))


def _rare_grades() -> SmallStudy:
    """Five grades of one patient each."""
    study = small_study(3, "status", n=150)
    rows = study.rows.assign(grade=np.array([*"abcde", *np.repeat(["1", "2"], [70, 75])], dtype=object))
    return _with_rows(study, rows)


def _one_pays() -> SmallStudy:
    study = small_study(3, "status", n=150)
    rows = study.rows.copy()
    rows["cost"] = np.r_[np.tile([1.0, 2.0, 3.0], 50)[:149], 90000.0]
    study = _with_rows(study, rows)
    return replace(study, page=replace(study.page, table_ones={"Table 1.": table_one_of(rows, skewed=())}))


def _late_events() -> SmallStudy:
    """Three events between the two horizons, nobody lost."""
    rng = np.random.default_rng(4)
    time = np.r_[rng.uniform(0.5, 5.9, 30), [7.0, 8.0, 9.0], np.full(167, 30.0)]
    risk = np.clip(np.r_[rng.normal(0.3, 0.1, 33), rng.normal(0.15, 0.08, 167)], 0.02, 0.9)
    y = Surv.right(time, (time < 20).astype(int), censored=0)
    risks = {"old": np.column_stack([risk * 0.9, risk]), "new": np.column_stack([risk**1.1 * 0.9, risk**1.1])}
    page = evaluation_page(evaluate(y, risks, [6, MAIN], n_resamples=0), horizon=MAIN, sample="internal")
    return SmallStudy("right", y, {}, pd.DataFrame(), np.empty(0), page)


def _near_models() -> SmallStudy:
    """Two models that differ for six patients at the threshold."""
    rng = np.random.default_rng(2)
    old = np.r_[rng.uniform(0.05, 0.3, 97), rng.uniform(0.4, 0.8, 97), np.full(6, 0.3)]
    new = np.r_[old[:194], np.full(6, 0.4)]
    y = Status.at(MAIN, np.r_[(rng.uniform(size=194) < old[:194]).astype(int), [1, 1, 0, 0, 0, 0]])
    found = evaluate(y, {"old": old[:, None], "new": new[:, None]}, MAIN, [0.35], n_resamples=0)
    page = evaluation_page(found, horizon=MAIN, unit="months")
    return SmallStudy("status", y, {}, pd.DataFrame(), np.empty(0), page)


def _lost_few() -> SmallStudy:
    """Two of 61 were not seen."""
    rng = np.random.default_rng(8)
    risk = np.clip(rng.normal(0.4, 0.15, 61), 0.05, 0.9)
    value = np.r_[(rng.uniform(size=59) < risk[:59]).astype(int), -1, -1]
    found = evaluate(Status.at(MAIN, value), {"new": risk[:, None]}, MAIN, n_resamples=0)
    page = evaluation_page(found, horizon=MAIN, sample="internal")
    return SmallStudy("status", value, {}, pd.DataFrame(), np.empty(0), page)


def _curves_alone() -> SmallStudy:
    study = small_study(0, "right", n=200, complete=True)
    return replace(study, page=replace(study.page, table_ones={}, columns=None))


def _lone() -> SmallStudy:
    return SmallStudy("status", np.empty(0), {}, pd.DataFrame(), np.empty(0), lone_page()[0])


def _handful() -> SmallStudy:
    rng = np.random.default_rng(1)
    risk = rng.uniform(0.01, 0.2, 60)
    y = Status.at(MAIN, (np.arange(60) < 3).astype(int))
    page = evaluation_page(evaluate(y, {"new": risk[:, None]}, MAIN, n_resamples=0), horizon=MAIN, sample="internal")
    return SmallStudy("status", y, {}, pd.DataFrame(), np.empty(0), page)


RULES: dict[str, tuple[Any, str, Any, Any, str]] = {
    # rule: where it stands, its name there, what it is without, a study, what is then found
    "enough patients": (Release, "insufficient", property(lambda self: ""), _handful, "by accuracy"),
    "bands between thresholds": ("lbp_prognosis.disclosure._release", "kept_cuts", _all_cuts, _lone, "band"),
    "merged categories": (_released_patients, "merged_levels", _unmerged, lambda: small_study(0, "status"), "grade"),
    "parts of a sum": (
        "lbp_prognosis.disclosure._merged_levels",
        "_WITHIN",
        -1,
        _rare_grades,
        "grade = a in all: 1 to 1",
    ),
    "missing and known": (Release, "keeps", lambda self, counts: True, lambda: small_study(2, "status"), "missing in"),
    "means of few": (Release, "mean", lambda *_: True, _five_values, "values of pain"),
    "quantiles of few": (Release, "quantiles", lambda *_: True, lambda: small_study(1, "status", n=80), "quantiles of"),
    "dominance": ("lbp_prognosis.disclosure._release", "is_dominated", lambda v: False, _one_pays, "is one patient's"),
    "coarse curves": (
        "lbp_prognosis.disclosure._release",
        "coarse_curve",
        _as_it_is,
        _curves_alone,
        "time ",
    ),
    "horizons": (_released_page, "_kept_horizons", lambda found, *_: found.horizons, _late_events, "events from 6"),
    "paired intervals": (Release, "paired", lambda *_: True, _near_models, "at 0.35"),
    "digits of shares": (Release, "count_digits", property(lambda self: 6), _lost_few, "not seen by accuracy"),
    "provenance": (
        _released_page,
        "_provenance",
        lambda page, release: dict(page.provenance),
        lambda: small_study(0, "status"),
        "digest",
    ),
}


@pytest.mark.usefixtures("unread_left_out")
@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_somebody_is_found(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, without, make, said = RULES[rule]
    study = make()
    digits = 6 if rule == "digits of shares" else Gate.digits
    gate = Gate(**LOOSE, digits=digits)
    assert found_in_release(study, digits=digits) == ()
    if isinstance(place, str):
        monkeypatch.setattr(f"{place}.{name}", without)
    else:
        monkeypatch.setattr(place, name, without)
    found = found_out(study, tmp_path, gate)
    assert any(said in line for line in found), found


# ---- two pages -------------------------------------------------------------------------------------------------------


def _subtracted(first: Haul, second: Haul, k: int) -> list[str]:
    """What one patient more changes: counts of the same name in both pages."""
    out = []
    for name in first.tables.keys() & second.tables.keys():
        a, b = first.tables[name], second.tables[name]
        if not name.startswith("table_one") or list(a.columns) != list(b.columns):
            continue
        both = a.merge(b, on=["variable", "level"], suffixes=(" a", " b"))
        for row in both.to_dict("records"):
            counts = [re.match(r"\d+", str(row[f"overall {page}"])) for page in "ab"]
            if str(row["variable"]).endswith("n (%)") and all(counts):
                moved = int(counts[1][0]) - int(counts[0][0])  # type: ignore[index]
                out += [f"{row['variable']} {row['level']}: {moved}"] if 0 < abs(moved) < k else []
    return out


@pytest.mark.usefixtures("unread_left_out")
def test_two_pages_of_one_patient_more(tmp_path: Path) -> None:
    """Without a ledger the second page gives the new patient away, and both say so; with one it does not leave."""
    rows = small_study(1, "status", n=150).rows.iloc[:, 4:5]
    pages = []
    study = small_study(1, "status", n=150)
    for n in (149, 150):
        y, risk = study.y[:n], {"new": study.risks["new"][:n, None]}
        page = evaluation_page(evaluate(y, risk, MAIN, n_resamples=0), horizon=MAIN)
        tables = {"Table 1.": table_one_of(rows.iloc[:n])}
        pages.append(replace(page, table_ones=tables, gate=Gate(**LOOSE), ids=tuple(f"p{k}" for k in range(n))))
    hauls = []
    for place, page in enumerate(pages):
        write_page(page, tmp_path / str(place))
        hauls.append(read_run(tmp_path / str(place)))
    assert len(_subtracted(*hauls, 5)) == 1
    assert all("nothing protects against subtracting" in haul.text for haul in hauls)
    ledger = tmp_path / "ledger.json"
    write_page(replace(pages[0], ledger=ReleaseLedger(ledger)), tmp_path / "a")
    with pytest.raises(DisclosureError, match="single out 1 to 4 patients"):
        write_page(replace(pages[1], ledger=ReleaseLedger(ledger)), tmp_path / "b")
    assert not (tmp_path / "b").exists()
