"""Several releases of the same patients are subtracted by an attacker who knows how they overlap.

With a ledger nothing is found in what leaves, of five releases either; without one of its rules much is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hostile.attacker import Haul, attack_series, read_run
from hostile.small_studies import KINDS, SmallStudy, columns_of, grown_studies
from hostile.test_release_attacked import LEVELS, complete

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import DisclosureError
from lbp_prognosis.cohort import table_one_of
from lbp_prognosis.disclosure import Gate, Patients, Release, ReleaseLedger
from lbp_prognosis.disclosure._kept_cuts import bands_are_safe
from lbp_prognosis.evaluation import evaluate, risk_groups
from lbp_prognosis.report import _released_page, evaluation_page, write_page
from lbp_prognosis.report._layered_rows import LayeredRows

SIZES = (120, 190, 270, 340, 420)
LOOSE = Gate(5, share=1.0)
GROWTH = [np.arange(n) for n in SIZES]


def released(
    studies: Sequence[SmallStudy], members: Sequence[np.ndarray], folder: Path, gates: Sequence[Gate], ledger: bool
) -> tuple[list[Haul], list[frozenset[int]]]:
    """Write one page after another; return those that leave, and whose they are."""
    hauls, left = [], []
    for place, (study, own, gate) in enumerate(zip(studies, members, gates)):
        book = ReleaseLedger(folder / "ledger.json") if ledger else None
        try:
            write_page(replace(study.page, gate=gate, ledger=book), folder / str(place))
        except DisclosureError:
            continue
        hauls.append(read_run(folder / str(place)))
        left.append(frozenset(own.tolist()))
    return hauls, left


def found_out(
    studies: Sequence[SmallStudy],
    members: Sequence[np.ndarray],
    folder: Path,
    gate: Gate = LOOSE,
    *,
    ledger: bool = True,
) -> tuple[int, list[str]]:
    """Return how many pages left, and what is found in all of them."""
    folder.mkdir(exist_ok=True)
    hauls, left = released(studies, members, folder, [gate] * len(members), ledger)
    known = {"kind": studies[0].kind, "complete": complete(studies[0].page), "levels": LEVELS}
    return len(hauls), attack_series(hauls, left, gate.smallest_cell, **known)


@cache
def grown(*sizes: int) -> list[SmallStudy]:
    return grown_studies(1, "right", [np.arange(n) for n in sizes], complete=True)


def _two() -> list[SmallStudy]:
    """The first two of the five releases in which nothing is found."""
    return grown(*SIZES)[:2]


@pytest.mark.usefixtures("pictures_left_out")
def test_nothing_is_found_in_five_releases(tmp_path: Path) -> None:
    assert found_out(grown(*SIZES), GROWTH, tmp_path) == (5, [])


@pytest.mark.usefixtures("pictures_left_out")
def test_two_releases_without_a_ledger_are_subtracted(tmp_path: Path) -> None:
    left, found = found_out(_two(), GROWTH[:2], tmp_path, ledger=False)
    assert left == 2
    assert len(found) >= 2


@pytest.mark.usefixtures("pictures_left_out")
def test_of_pages_that_can_be_subtracted_one_leaves(tmp_path: Path) -> None:
    """Of the same patients with another k or other tables, a patient more or fewer, forty more, and some of them."""
    sets = [np.arange(n) for n in (120, 120, 121, 119, 160)] + [np.arange(60, 190)]
    studies = grown_studies(1, "right", sets, complete=True)
    other = replace(studies[0], page=replace(studies[0].page, table_ones={}))
    gates = [Gate(k, share=1.0) for k in (5, 10, 5, 5, 5, 5, 5)]
    _, left = released([*studies, other], [*sets, sets[0]], tmp_path, gates, True)
    assert [len(one) for one in left] == [120]


# ---- one rule off at a time ------------------------------------------------------------------------------------------


def _without_departed(ledger: ReleaseLedger, ids: Any) -> np.ndarray:
    """Layers of the patients who are here, whoever is not."""
    own = [ledger._hash(one) for one in ids]
    inside = [np.isin(own, entry["members"]) for entry in ledger._held["releases"]]
    return np.unique(np.array([*inside, np.zeros(len(own))]), axis=1, return_inverse=True)[1].ravel()


def _bands_of_all(patients: Patients, *others: Any) -> bool:
    return bands_are_safe(replace(patients, layers=None), *others)


def _horizons_of_all(found: Any, rows: Any, release: Release, main: float) -> np.ndarray:
    whole = replace(release, patients=replace(release.patients, layers=None), ledger=None)
    return _KEPT_HORIZONS(found, rows, whole, main)


_KEPT_HORIZONS = _released_page._kept_horizons


def _rows_of(column: str, values: Sequence[Any]) -> list[SmallStudy]:
    """Of 190 patients the first 120, and all, with other values of a column."""
    out = []
    for study in _two():
        rows = study.rows.assign(**{column: list(values)[: len(study.rows)]})
        tables = {"Table 1.": table_one_of(rows)}
        page = replace(study.page, rows=rows, columns=columns_of(rows), table_ones=tables)
        out.append(replace(study, rows=rows, page=page))
    return out


def _of_outcomes(y: np.ndarray, risk: np.ndarray, horizons: Any, thresholds: Any) -> list[SmallStudy]:
    """The first 120 patients, and all, with numbers alone."""
    out = []
    for n in SIZES[:2]:
        found = evaluate(y[:n], {"new": risk[:n]}, horizons, thresholds, n_resamples=0)
        page = replace(evaluation_page(found, horizon=12.0, sample="internal"), ids=tuple(f"p{k}" for k in range(n)))
        kind = "status" if "status" in (y.dtype.names or ()) else "right"
        out.append(SmallStudy(kind, y[:n], {}, pd.DataFrame(), np.empty(0), page))
    return out


def _two_late_events() -> list[SmallStudy]:
    """Of the seventy new patients two have the event between 6 and 12."""
    rng = np.random.default_rng(4)
    early = [rng.uniform(0.5, 5.9, size) for size in (30, 20)]
    time = np.r_[early[0], rng.uniform(6.1, 11.9, 20), np.full(70, 30.0), early[1], 7.0, 8.0, np.full(48, 30.0)]
    risk = np.clip(rng.normal(0.35, 0.1, time.size) - 0.2 * (time > 20), 0.02, 0.9)
    return _of_outcomes(Surv.right(time, (time < 20).astype(int), censored=0), np.c_[0.8 * risk, risk], [6, 12], None)


def _three_above() -> list[SmallStudy]:
    """Of the seventy new patients three have a risk above 35 %."""
    risk = np.r_[np.full(60, 0.2), np.full(60, 0.5), np.full(67, 0.2), np.full(3, 0.5)]
    risk += np.random.default_rng(4).uniform(-0.1, 0.1, risk.size)
    state = np.r_[np.repeat([1, 0], [12, 48]), np.repeat([1, 0], [30, 30]), np.repeat([1, 0], [14, 53]), 1, 1, 0]
    y, out = Status.at(12.0, state), []
    for study in _of_outcomes(y, risk[:, None], 12.0, [0.35]):
        n = len(study.y)
        groups = replace(risk_groups(y[:n], risk[:n], 12.0, thresholds=[0.35]), model="new")
        out.append(replace(study, page=replace(study.page, groups=groups)))
    return out


RULES: dict[str, tuple[Any, str, Any, Any, Sequence[np.ndarray], str]] = {
    # rule: where it stands, its name there, what it is without, pages, whose, what is then found
    "patients who are in both": (
        ReleaseLedger,
        "layers",
        lambda _, ids: np.zeros(len(list(ids)), dtype=int),
        _two,
        GROWTH[:2],
        "subtracted",
    ),
    "enough new patients": (
        Release,
        "_too_few",
        lambda *_: "",
        lambda: grown(200, 212),
        [np.arange(200), np.arange(212)],
        "in -x",
    ),
    "patients who are missing": (
        ReleaseLedger,
        "layers",
        _without_departed,
        lambda: grown(200, 100),
        [np.arange(200), np.arange(100)],
        "subtracted",
    ),
    "what is not counted apart": (Release, "apart", lambda *_: True, _two, GROWTH[:2], "west"),
    "categories": (
        LayeredRows,
        "levels",
        lambda _, name, levels, overall: np.empty((len(levels), 0)),
        lambda: _rows_of("smoker", ["yes"] * 20 + ["no"] * 167 + ["yes"] * 3),
        GROWTH[:2],
        "smoker = yes in -x: 3 to 3",
    ),
    "missing values": (
        LayeredRows,
        "known",
        lambda *_: [],
        lambda: _rows_of("pain", [np.nan] * 20 + [float(k % 11) for k in range(167)] + [np.nan] * 3),
        GROWTH[:2],
        "",
    ),
    "bands between thresholds": (
        "lbp_prognosis.disclosure._kept_cuts",
        "bands_are_safe",
        _bands_of_all,
        _three_above,
        GROWTH[:2],
        "band 1 of",
    ),
    "horizons": (
        _released_page,
        "_kept_horizons",
        _horizons_of_all,
        _two_late_events,
        GROWTH[:2],
        "events from 6 to 12",
    ),
}


@pytest.mark.usefixtures("pictures_left_out")
@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_somebody_is_found(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, without, make, members, said = RULES[rule]
    studies, gate = make(), Gate(5, share=1.0, digits=6 if rule == "horizons" else 3)
    if make is not _two:
        assert found_out(studies, members, tmp_path / "on", gate)[1] == []
    if isinstance(place, str):
        monkeypatch.setattr(f"{place}.{name}", without)
    else:
        monkeypatch.setattr(place, name, without)
    left, found = found_out(studies, members, tmp_path / "off", gate)
    assert left == 2
    assert any(said in line for line in found), found


# ---- many ------------------------------------------------------------------------------------------------------------


def _random_sets(rng: np.random.Generator) -> list[np.ndarray]:
    """Eight sets of patients: mostly more of them, sometimes one more, the same, or fewer."""
    sets = [np.arange(int(rng.integers(60, 140)))]
    while len(sets) < 8:
        size = len(sets[-1])
        step = rng.choice([0, int(rng.integers(1, 5)), int(rng.integers(5, 50)), int(rng.integers(50, 110))])
        if rng.uniform() < 0.6:
            step = int(rng.integers(50, 110))
        if rng.uniform() < 0.15:
            sets.append(np.sort(rng.choice(size, size - int(rng.integers(1, 20)), replace=False)))
        else:
            sets.append(np.arange(size + int(step)))
    return sets


@pytest.mark.slow
@pytest.mark.usefixtures("pictures_left_out")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_found_in_many_sets_of_releases(kind: str, seed: int, tmp_path: Path) -> None:
    """Of eight pages of nearly the same patients those leave that may; k and tables change from page to page."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    sets = _random_sets(rng)
    studies = grown_studies(seed, kind, sets)
    studies = [replace(s, page=replace(s.page, table_ones={})) if rng.uniform() < 0.2 else s for s in studies]
    gates = [Gate(int(rng.choice([5, 10])), share=1.0) for _ in sets]
    hauls, left = released(studies, sets, tmp_path, gates, True)
    assert len(hauls) >= 2
    known = {"kind": kind, "complete": complete(studies[0].page), "levels": LEVELS}
    assert attack_series(hauls, left, 5, **known) == []
