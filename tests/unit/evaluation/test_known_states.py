"""Few at risk because most had the event have an observed risk; few at risk because most were censored have none."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import Surv
from lbp_prognosis._base import KnownStates
from lbp_prognosis.evaluation import calibration, decision_curve, risk_groups, time_dependent_auc
from lbp_prognosis.evaluation.prognostic import brier
from lbp_prognosis.survival import aalen_johansen
from lbp_prognosis.validation.resampling._validate_groups import _observed


@pytest.mark.parametrize(
    ("followed", "known", "n", "enough"),
    [
        (10, 10, 1000, True),  # on the bound, by those at risk alone
        (9, 10, 20, True),  # half of the states are known, on the bound
        (9, 10, 21, False),
        (9, 9, 9, False),  # fewer than ten states
        (1, 10, 10, True),
        (0, 37, 38, False),  # nobody at risk: one state is unknown
        (0, 38, 38, True),
    ],
)
def test_enough(followed, known, n, enough) -> None:
    assert KnownStates(12.0, followed, known, n).enough(10) == enough
    assert bool(KnownStates(12.0, followed, known, n).reason(10)) != enough


def test_counts_stand_on_the_horizon() -> None:
    """Those who leave at the horizon are at risk there; a censoring before it leaves the state unknown."""
    time, event = np.array([3.0, 11.9, 12.0, 12.0, 12.1, 5.0]), np.array([1, 0, 1, 0, 1, 2])
    found = KnownStates.of(time, event, 12.0)
    assert (found.followed, found.known, found.n) == (3.0, 5.0, 6.0)
    doubled = KnownStates.of(time, event, 12.0, np.array([2, 1, 1, 1, 1, 3]))
    assert (doubled.followed, doubled.known, doubled.n) == (3.0, 8.0, 9.0)
    assert KnownStates.of(time, event, 12.0).reason(7) == (
        "3 at risk at 12, fewer than 7 (min_at_risk), and the state there is known for 5 of 6"
    )
    without = KnownStates.of(time[:0], event[:0], 12.0)
    assert not without.enough(0)


def recovered(censored: int, early: int):
    """40 patients, of whom most recover early; the others are at risk until 24. The first are censored at 2."""
    rng = np.random.default_rng(3)
    time = np.r_[np.full(censored, 2.0), rng.uniform(0.5, 9, early), np.full(40 - censored - early, 24.0)]
    return time, (time < 24) & (np.arange(40) >= censored)


def pair(censored: int, early: int):
    """A group of low risk of not recovering, and one of high risk with many at risk."""
    time, event = recovered(censored, early)
    rng = np.random.default_rng(4)
    other = rng.exponential(20, 60)
    y = Surv.right(np.r_[time, np.minimum(other, 24)], np.r_[event, other < 24].astype(int))
    risk = np.r_[np.full(40, 0.9), np.full(60, 0.4)]
    return y, risk


@pytest.mark.parametrize(("censored", "early"), [(3, 36), (19, 18), (20, 19)])
def test_a_group_in_which_most_recover_has_an_observed_risk(censored, early) -> None:
    y, risk = pair(censored, early)
    groups = risk_groups(y, risk, 12, thresholds=[0.5], target="no_event")
    row = groups.table.iloc[0]
    curve = aalen_johansen(y[:40]).at(12, min_at_risk=0)
    assert (row["at_risk"], row["reason"]) == (40 - censored - early, "")
    assert row["observed"] == pytest.approx(1 - float(curve.value), abs=1e-12)
    assert row["se"] == pytest.approx(float(curve.se), rel=0.05)
    value, *_, reason = _observed(y[:40], 12.0, 1, 0.95)
    assert (value, reason) == (pytest.approx(float(curve.value), abs=1e-12), "")


def test_a_group_in_which_most_are_censored_has_none() -> None:
    y, risk = pair(21, 18)
    row = risk_groups(y, risk, 12, thresholds=[0.5], target="no_event").table.iloc[0]
    assert np.isnan(row["observed"])
    assert "known for 19 of 40" in row["reason"]


def test_a_group_in_which_all_recover_has_an_observed_risk_without_an_interval() -> None:
    y, risk = pair(0, 40)
    row = risk_groups(y, risk, 12, thresholds=[0.5], target="no_event").table.iloc[0]
    assert (row["observed"], row["at_risk"]) == (0.0, 0)
    assert np.isnan(row["low"])
    assert "none or all" in row["reason"]


def test_metrics_of_a_cohort_in_which_most_recover() -> None:
    """The risk, its error and net benefit have numbers; the AUC compares with four patients only."""
    time, event = recovered(3, 33)
    y, risk = Surv.right(time, event.astype(int)), np.linspace(0.95, 0.6, 40)
    observed = 1 - float(aalen_johansen(y).at(12, min_at_risk=0).value)
    found = calibration(y, risk, 12)
    assert float(found.observed_expected.value) == pytest.approx((1 - observed) / risk.mean(), abs=1e-12)
    assert np.isfinite(brier(y, risk, 12).value)
    assert np.isfinite(decision_curve(y, {"m": risk}, 12, [0.3], n_resamples=0).value).all()
    auc = time_dependent_auc(y, risk, 12)
    assert np.isnan(auc.value)
    assert "4 known to be without the event at 12, fewer than 10" in auc.reason
    assert np.isfinite(time_dependent_auc(y, risk, 12, min_at_risk=4).value)
