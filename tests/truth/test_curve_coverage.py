"""95 % intervals of curves cover the truth about 95 times in 100."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.survival import Surv, aalen_johansen, kaplan_meier, nelson_aalen, rmst, turnbull

pytestmark = pytest.mark.slow
REPLICATES = 2000
# three Monte-Carlo standard errors of a coverage of 0.95 and half a point for n = 200
LOW, HIGH = 0.95 - 3 * np.sqrt(0.95 * 0.05 / REPLICATES) - 0.005, 0.95 + 3 * np.sqrt(0.95 * 0.05 / REPLICATES) + 0.005


def covered(estimate, truth) -> np.ndarray:
    return (np.asarray(estimate.low) <= truth) & (truth <= np.asarray(estimate.high))


@pytest.mark.parametrize("rounded", [False, True])
def test_right_censored_curves(rounded) -> None:
    generator = np.random.default_rng(20)
    n, at, hits = 200, 10.0, {"survival": 0.0, "incidence": 0.0, "hazard": 0.0, "rmst": 0.0, "entry": 0.0}
    for _ in range(REPLICATES):
        first, second = generator.exponential(20, n), generator.exponential(40, n)
        out = generator.uniform(2, 30, n)
        time = np.minimum(np.minimum(first, second), out)
        event = np.where(time == first, 1, np.where(time == second, 2, 0))
        if rounded:  # recorded at the end of the tenth of a unit, as days of a ten-day week
            time = np.ceil(time * 10) / 10
        y = Surv.right(time, event)
        hazard = 1 / 20 + 1 / 40
        # rounding up moves every time by up to a tenth: the curve at 10 is that of the times before rounding
        hits["survival"] += covered(kaplan_meier(y).at(at), np.exp(-hazard * at))
        hits["incidence"] += covered(aalen_johansen(y).at(at), 2 / 3 * (1 - np.exp(-hazard * at)))
        hits["hazard"] += covered(nelson_aalen(y, cause=1).at(at), at / 20)
        if not rounded:
            hits["rmst"] += covered(rmst(y, at), (1 - np.exp(-hazard * at)) / hazard)
            entry = generator.uniform(0, 5, n)
            seen = time > entry
            late = Surv.right(time[seen], event[seen], entry=entry[seen])
            curve = kaplan_meier(late)
            hits["entry"] += covered(curve.at(at), np.exp(-hazard * (at - curve.start[0])))
    for name, count in hits.items():
        if not (rounded and name in {"rmst", "entry"}):
            assert LOW <= count / REPLICATES <= HIGH, f"{name}: {count / REPLICATES}"


def test_visits_that_are_sometimes_missed() -> None:
    generator = np.random.default_rng(21)
    n, visits = 200, np.array([0.0, 3, 6, 12, 24])
    hits = np.zeros(3)
    for _ in range(REPLICATES // 2):
        time = generator.exponential(15, n)
        attended = generator.random((n, visits.size)) < 0.8
        attended[:, 0] = True
        lower = np.where(attended & (visits < time[:, None]), visits, 0).max(axis=1)
        upper = np.where(attended & (visits >= time[:, None]), visits, np.inf).min(axis=1)
        read = turnbull(Surv.interval(lower, upper)).at(visits[1:4])
        hits += covered(read, np.exp(-visits[1:4] / 15))
    slack = 3 * np.sqrt(0.95 * 0.05 / (REPLICATES // 2)) + 0.005
    assert (np.abs(hits / (REPLICATES // 2) - 0.95) <= slack).all(), hits / (REPLICATES // 2)


def test_sampling_weights() -> None:
    """Half of the milder patients are sampled; weights undo it, and only a robust variance knows their price."""
    generator = np.random.default_rng(22)
    hits = 0.0
    for _ in range(REPLICATES):
        mild = generator.random(400) < 0.5
        kept = ~mild | (generator.random(400) < 0.3)
        time = generator.exponential(np.where(mild, 30, 10), 400)[kept]
        out = generator.uniform(5, 30, kept.sum())
        y = Surv.right(np.minimum(time, out), time <= out)
        weight = np.where(mild, 1 / 0.3, 1)[kept]
        truth = 0.5 * (np.exp(-8 / 30) + np.exp(-8 / 10))
        hits += covered(kaplan_meier(y, sample_weight=weight).at(8), truth)
    assert LOW <= hits / REPLICATES <= HIGH, hits / REPLICATES
