"""Intervals of paired differences cover the true difference, for each kind of outcome.

Two fixed predictions that are both off and differ clearly; the truth is the difference in one sample of 200,000.
Distances (ICI, E50, E90, Emax) are left out here: `docs/explain/uncertainty.md` says where their differences cover too
rarely.
"""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import Status, Surv
from lbp_prognosis.evaluation import evaluate

TAU, N, SETS = 5.0, 500, 400
VISITS = np.array([1.0, 3.0, 5.0, 8.0])
KINDS = ("right", "competing", "interval", "status")
DISTANCES = {"ici", "e50", "e90", "emax", "ici_null"}


def draw(rng, kind, n):
    """Outcome of a kind, and two predictions: one flat, one of part of the score with the wrong mean."""
    known, hidden, noise = rng.normal(size=(3, n))
    rate = 0.1 * np.exp(0.6 * known + 0.4 * hidden)
    time = rng.exponential(1 / rate)
    risks = {
        "both": -np.expm1(-TAU * 0.12 * np.exp(0.45 * known + 0.3 * hidden)),
        "one": -np.expm1(-TAU * 0.09 * np.exp(0.4 * known + 0.2 * noise)),
    }
    if kind == "status":
        state = np.where(rng.random(n) < 0.15, -1, time <= TAU)
        return Status.at(TAU, state), risks
    censored = np.minimum(rng.exponential(1 / 0.06, n), 12.0)
    if kind == "interval":
        last = np.searchsorted(VISITS, time)
        edges = np.concatenate([[0.0], VISITS, [np.inf]])
        return Surv.interval(edges[last], edges[last + 1]), risks
    other = rng.exponential(1 / 0.05, n) if kind == "competing" else np.full(n, np.inf)
    end = np.minimum(time, other)
    event = np.where(censored < end, 0, np.where(time <= other, 1, 2))
    return Surv.right(np.minimum(end, censored), event, censored=0), risks


def differences(y, risks):
    horizons = None if "status" in y.dtype.names else TAU
    made = evaluate(y, risks, horizons, [0.3], n_resamples=0, min_at_risk=1)
    found = made.to_frame()
    found = found[(found["model"] == "one") & (found["reference"] == "both") & ~found["metric"].isin(DISTANCES)]
    return found.set_index("metric", verify_integrity=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_differences_cover(kind):
    rng = np.random.default_rng([2029, KINDS.index(kind)])
    truth = differences(*draw(rng, kind, 200_000))["value"].dropna()
    inside, judged = dict.fromkeys(truth.index, 0), dict.fromkeys(truth.index, 0)
    for _ in range(SETS):
        found = differences(*draw(rng, kind, N)).reindex(truth.index)
        for name, low, high in zip(found.index, found["low"], found["high"], strict=True):
            if np.isfinite(low):
                judged[name] += 1
                inside[name] += bool(low <= truth[name] <= high)
    shares = {name: inside[name] / judged[name] for name in truth.index if judged[name] > SETS / 2}
    expected = {"auc", "brier", "observed_expected", "calibration_slope"}
    if kind != "interval":  # a decision curve of visits has no paired difference
        expected.add("net_benefit")
    assert expected <= shares.keys(), shares
    for name, share in shares.items():  # 0.93 to 0.97 and two Monte-Carlo standard errors of 400 sets
        assert 0.93 - 0.025 <= share <= 0.97 + 0.020, (name, {k: round(v, 3) for k, v in shares.items()})
