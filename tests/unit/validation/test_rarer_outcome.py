"""Folds and parameters are counted against the rarer outcome of a state, and the events of a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import added_value
from lbp_prognosis.models import LogisticRisk, NullModel
from lbp_prognosis.survival import Status, Surv
from lbp_prognosis.validation import cross_validate_risk
from lbp_prognosis.validation.resampling._folds import rarer_events


def states(rare: int, n: int = 120, *, common: int = 1) -> np.ndarray:
    """``rare`` patients of the rarer state."""
    return Status.at(12, np.where(np.arange(n) < rare, 1 - common, common))


def codes(result) -> set[str]:
    return {objection.code for objection in result.objections}


@pytest.mark.parametrize("common", [0, 1])
@pytest.mark.parametrize(("rare", "few"), [(24, True), (25, False), (26, False)])
def test_few_in_a_fold_are_of_the_rarer_state(common, rare, few):
    X = pd.DataFrame({"x": np.random.default_rng(0).normal(size=120)})
    found = cross_validate_risk(NullModel(), X, states(rare, common=common), 12, n_splits=5, n_repeats=1)
    assert ("few-events-per-fold" in codes(found)) == few


@pytest.mark.parametrize(("events", "few"), [(24, True), (25, False)])
def test_few_in_a_fold_are_events_of_a_time(events, few):
    """Few censored patients are no lack of information."""
    X = pd.DataFrame({"x": np.random.default_rng(0).normal(size=120)})
    time = np.random.default_rng(1).permutation(np.arange(1.0, 121))
    y = Surv.right(time, (np.arange(120) < events).astype(int))
    found = cross_validate_risk(NullModel(), X, y, 12, n_splits=5, n_repeats=1)
    assert ("few-events-per-fold" in codes(found)) == few
    full = Surv.right(time, (np.arange(120) > 0).astype(int))
    assert rarer_events(full) == 119
    assert rarer_events(Surv.right([1.0, 2, 3, 4, 5], [1, 2, 2, 0, 0]), 2) == 2


def test_missing_states_do_not_count():
    assert rarer_events(Status.at(12, [1, 1, 1, 0, 0, np.nan, np.nan, np.nan])) == 2


@pytest.mark.parametrize("common", [0, 1])
@pytest.mark.parametrize(("rare", "crowded"), [(39, True), (40, False), (41, False)])
def test_added_value_counts_candidate_parameters_of_all_modalities(common, rare, crowded):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))  # four parameters: forty events
    y = states(rare, common=common)
    shuffled = rng.permutation(120)
    found = added_value(
        LogisticRisk(penalty=1.0),
        X,
        y[shuffled],
        {"clinical": ["a", "b"], "imaging": ["c", "d"]},
        12,
        n_splits=3,
        n_repeats=1,
        random_state=0,
    )
    assert ("events-per-parameter" in codes(found)) == crowded
    assert len(found.undeclared) == len(found.missing) == 9
    assert "lacks" not in found.sentence
