"""Study files with one thing wrong: one clear error with its frame, or a protocol with all that was written."""

from __future__ import annotations

import pytest
from hostile.mutated_studies import as_protocol, lost, mutated

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.study import Study

REASONS = {"unknown_key", "missing_key", "type", "not_finite", "text", "range", "choice", "reference", "conflict"}


def judged(seed: int) -> bool:
    table = mutated(seed)
    try:
        study = Study.from_dict(table)
    except ArgumentError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.failures is not None
        assert set(refused.failures["reason"]) <= REASONS
        assert refused.failures["message"].str.len().min() > 10
        str(refused).encode("utf-8")  # can be printed
        return False
    assert lost(as_protocol(table), study.to_dict()) == [], f"seed {seed}"
    study.spec_hash.encode()
    return True


def test_a_sample_of_seventy_five() -> None:
    accepted = sum(judged(seed) for seed in range(0, 1500, 20))
    assert 5 < accepted < 40


@pytest.mark.parametrize("seed", [298, 763])
def test_what_was_once_lost(seed: int) -> None:
    """``repeats`` of readings, which only movement has, and an empty name were accepted and dropped."""
    assert not judged(seed)


@pytest.mark.slow
def test_fifteen_hundred() -> None:
    for seed in range(1500):
        judged(seed)


BASE = {
    "title": "t",
    "table": {"wide": "w.csv", "time": "time", "event": "event"},
    "outcome": {"name": "e", "definition": "d", "polarity": "bad", "time_zero": "z", "unit": "months", "horizons": [6]},
    "modalities": {"clinical": ["x"]},
    "model": [{"name": "m", "kind": "cox", "modalities": ["clinical"]}],
    "decision": {"low": 0.2, "high": 0.5, "primary": 0.3, "rationale": "r"},
}


@pytest.mark.parametrize(
    ("table", "key", "value", "reason"),
    [
        ("", "prespecified", "false", "type"),
        ("", "seed", -1, "range"),
        ("", "seed", 2**63, "range"),
        ("", "seed", 1.5, "type"),
        ("", "title", "\ud800", "text"),
        ("", "title", " ", "text"),
        ("validation", "sites", "false", "type"),
        ("validation", "folds", 101, "range"),
        ("validation", "folds", 1, "range"),
        ("validation", "fold", 5, "unknown_key"),
        ("decision", "step", 0, "range"),
        ("decision", "step", 1e-7, "range"),
        ("decision", "step", 0.000999, "range"),
        ("decision", "step", 0.51, "range"),
        ("decision", "step", float("nan"), "not_finite"),
        ("page", "smallest_cell", "five", "type"),
        ("page", "smallest_cell", 0, "range"),
        ("page", "smallest_cell", -1, "range"),
        ("page", "smallest_cell", 1, "range"),
        ("page", "smallest_cell", 1.5, "type"),
        ("page", "smallest_cell", True, "type"),
        ("page", "mode", "public", "choice"),
        ("page", "mode", 1, "type"),
        ("page", "smallest_cells", 5, "unknown_key"),
        ("cohort", "index", "index_date", "conflict"),
        ("imaging", "junk", 1, "conflict"),
        ("table", "strata", "stratum", "unknown_key"),
        ("table", "psu", "hospital", "unknown_key"),
        ("table", "weights", "w", "unknown_key"),
        ("table", "mapping", "m.toml", "unknown_key"),
        ("transform", "log", ["nobody"], "reference"),
        ("modalities", "clinical", "x", "type"),
        ("comparison", "clinical", "m", "missing_key"),
    ],
)
def test_each_fault_has_its_reason(table, key, value, reason) -> None:
    study = {**BASE, table: {**BASE.get(table, {}), key: value}} if table else {**BASE, key: value}
    with pytest.raises(ArgumentError) as raised:
        Study.from_dict(study)
    assert reason in set(raised.value.failures["reason"])


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("", "seed", 0),
        ("validation", "folds", 2),
        ("validation", "folds", 100),
        ("decision", "step", 0.001),
        ("decision", "step", 0.5),
        ("page", "smallest_cell", 2),
        ("page", "mode", "release"),
        ("page", "mode", "not-for-release"),
    ],
)
def test_the_limits_themselves_are_accepted(table, key, value) -> None:
    Study.from_dict({**BASE, table: {**BASE.get(table, {}), key: value}} if table else {**BASE, key: value})


def test_all_faults_come_at_once_with_the_nearest_key() -> None:
    study = {**BASE, "prespecified": "false", "page": {"smallest_cel": 5}, "validation": {"folds": "ten"}}
    with pytest.raises(ArgumentError) as raised:
        Study.from_dict(study)
    failures = raised.value.failures
    assert set(failures["field"]) == {"prespecified", "page.smallest_cel", "validation.folds"}
    assert failures["message"].str.contains("Did you mean 'smallest_cell'").sum() == 1
