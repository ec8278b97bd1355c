"""Sections on treatment during follow-up, updates and scores give no patient away; without a rule they do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hostile.attacker import Haul, attack, read_run
from hostile.section_attacks import attack_sections, two_risks
from hostile.small_studies import MAIN, SmallStudy, small_study, with_sections

from lbp_prognosis import Status
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.report import _released_treatment, _released_updates, write_page

K = 5


def written(study: SmallStudy, folder: Path, gate: Gate | None) -> Haul:
    page = replace(study.page, gate=gate, table_ones={}, columns=None, rows=None, flow=None)
    write_page(page, folder)
    return read_run(folder)


def complete(study: SmallStudy) -> bool:
    return bool((next(iter(study.page.evaluation.calibrations.values())).judged(MAIN).state() >= 0).all())


def found_out(study: SmallStudy, haul: Haul, k: int = K) -> list[str]:
    seen = complete(study)
    return [*attack_sections(haul, k, complete=seen), *attack(haul, k, kind="right", complete=seen, levels={})]


def sectioned(seed: int, **more: Any) -> SmallStudy:
    return with_sections(small_study(seed, "right", **more), seed)


@pytest.mark.usefixtures("pictures_left_out")
def test_nothing_is_found_in_a_release_with_sections(tmp_path: Path) -> None:
    study = sectioned(0, n=260, complete=True)
    haul = written(study, tmp_path, Gate(share=1.0))
    assert set(haul.parts) == {"landmark 0", "never start pills"}  # there is something to attack
    assert found_out(study, haul) == []


@pytest.mark.slow
@pytest.mark.usefixtures("pictures_left_out")
@pytest.mark.parametrize("seed", range(25))
def test_nothing_is_found_in_a_hundred_releases_with_sections(seed: int, tmp_path: Path) -> None:
    for seen in (True, False):
        for k, share in ((5, 1.0), (10, 1 / 3)):
            study = sectioned(seed, n=260, complete=seen)
            haul = written(study, tmp_path / f"{seen}_{k}", Gate(k, share=share))
            assert found_out(study, haul, k) == [], (seed, seen, k)


def _few_treated(study: SmallStudy) -> SmallStudy:
    """Three of those treated had the event."""
    own = study.page.treatment
    state = next(iter(study.page.evaluation.calibrations.values())).judged(MAIN).state()
    treated = np.zeros(state.size, dtype=bool)
    treated[np.flatnonzero(state == 1)[:3]] = treated[np.flatnonzero(state == 0)[:30]] = True
    known = ~treated
    told = {name: risk[known][:, None] for name, risk in own.scores.items()}
    found = evaluate(Status.at(MAIN, state[known]), told, MAIN, own.evaluation.decision.thresholds, n_resamples=0)
    positivity = own.positivity.assign(treated=treated.sum(), known=known.sum())
    made = replace(own, evaluation=found, positivity=positivity, treated=treated, known=known)
    return replace(study, page=replace(study.page, treatment=made))


def _few_left(study: SmallStudy) -> SmallStudy:
    """Three left between the landmarks at 3 and 6 months."""
    state = next(iter(study.page.evaluation.calibrations.values())).judged(MAIN).state()
    had = np.flatnonzero(state == 1)
    codes = {at: np.where(np.isin(np.arange(state.size), had[:left]), 3, state) for at, left in ((3.0, 12), (6.0, 15))}
    own = study.page.updates
    rows = own.at_risk[own.at_risk["landmark"] > 0].assign(n_unknown=0, n_left=[12, 15])
    made = replace(
        own,
        evaluations={at: own.evaluations[at] for at in codes},
        at_risk=rows.assign(n=state.size - rows["n_left"]),
        codes=codes,
    )
    return replace(study, page=replace(study.page, updates=made))


RULES: dict[str, tuple[Any, str, Any, Any, str]] = {
    # rule: where it stands, its name there, what it is without, a study, what is then found
    "treated by outcome": (_released_treatment, "_is_safe", lambda *_: True, _few_treated, "treated: "),
    "moves between landmarks": (
        _released_updates,
        "_pairs_are_safe",
        lambda *_: True,
        _few_left,
        "left between 3 and 6: 3",
    ),
}


@pytest.mark.slow
@pytest.mark.usefixtures("pictures_left_out")
@pytest.mark.parametrize("rule", RULES)
def test_without_a_rule_a_patient_is_found(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, without, change, said = RULES[rule]
    study = change(sectioned(0, n=260, complete=True))
    assert found_out(study, written(study, tmp_path / "with", Gate(share=1.0))) == []
    monkeypatch.setattr(place, name, without)
    found = found_out(study, written(study, tmp_path / "without", Gate(share=1.0)))
    assert any(said in line for line in found), found


@pytest.mark.parametrize("rare", [1, 3])
def test_two_risks_are_solved_from_four_sums(rare: int) -> None:
    rng = np.random.default_rng(rare)
    state = np.r_[rng.permutation(np.arange(120) % 3 == 0), np.ones(rare)].astype(int)
    risk = np.r_[np.full(120, 0.3), np.full(rare, 0.8)]
    found = evaluate(Status.at(MAIN, state), {"new": risk[:, None]}, MAIN, n_resamples=0).to_frame()
    found = found.assign(value=found["value"].astype(float).round(3))
    assert f"e high: {rare} to {rare}" in two_risks(found, (0.3, 0.8), 120 + rare, 5)


def test_means_of_a_group_tell_the_few_who_differ() -> None:
    rows = {"group of prediction": ["1", "2"], "patients": ["50", "50"], "mean observed": ["0.04", "3.20"]}
    haul = Haul("", {"score_tenths": pd.DataFrame(rows), "release": pd.DataFrame()}, pd.DataFrame())
    assert attack_sections(haul, 5, complete=True) == ["group 1: at most 2 not at the lowest score"]


def test_visits_of_nearly_the_same_patients_are_subtracted() -> None:
    parts = {f"visit {at}": pd.DataFrame({"n": [n]}) for at, n in ((3, 120), (6, 117), (12, 90))}
    haul = Haul("", {}, pd.DataFrame(), parts=parts)
    assert attack_sections(haul, 5, complete=True) == ["visit 3 less visit 6: 3"]
