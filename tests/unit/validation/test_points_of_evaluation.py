"""Every measure of a panel, as resampling takes it, is the number that evaluation gives: one kernel, walked twice."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.evaluation import calibration
from lbp_prognosis.evaluation.prognostic import brier, concordance, time_dependent_auc
from lbp_prognosis.evaluation.utility import decision_curve
from lbp_prognosis.survival import Status, Surv, Weights, has_competing
from lbp_prognosis.validation.resampling._performance import Panel

HORIZONS, THRESHOLDS = np.array([4.0, 9.0]), np.array([0.5, 0.2, 0.3])
KINDS = ["right", "competing", "uncensored", "to the last time", "status", "status with missing"]


def cohort(kind: str, ties: bool, seed: int, n: int = 160):
    """Outcome, risks and a linear predictor; ties in times, risks and scores."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time = rng.exponential(8 * np.exp(-0.7 * x)) + 0.01
    censored = np.full(n, np.inf) if kind == "uncensored" else rng.uniform(1, 25, n)
    code = np.where(time <= censored, 1, 0)
    if kind == "competing":
        code = np.where((code == 1) & (rng.random(n) < 0.35), 2, code)
    time = np.minimum(time, censored)
    lp = x + 0.5 * rng.normal(size=n)
    risk = 1 - np.exp(-np.exp(lp)[:, None] * HORIZONS / 9)
    if ties:
        time, risk, lp = np.ceil(time), np.round(risk, 1), np.round(lp, 1)
        risk[:3] = [[0, 0], [1, 1], [0.2, 0.3]]  # at the bounds, and on a threshold
    if kind == "to the last time":
        time = np.minimum(time, 9.0)
        code = np.where(time == 9.0, np.where(rng.random(n) < 0.5, 1, 0), code)
    if kind.startswith("status"):
        state = (time <= 4).astype(float)
        if kind.endswith("missing"):
            state[rng.random(n) < 0.2] = np.nan
        return Status.at(4, state), risk[:, :1], lp
    return Surv.right(time, code), risk, lp


def weigh(kind: str, n: int, seed: int):
    rng = np.random.default_rng(seed + 100)
    if kind == "none":
        return None, np.ones(n)
    copies = np.bincount(rng.integers(0, n, n), minlength=n).astype(float)
    if kind == "resample":
        return Weights(copies, "frequency"), copies
    values = rng.uniform(0.2, 3, n) * (copies > 0)
    return Weights(values, "sampling"), values


def evaluated(y, risk, lp, horizons, weights, target, linear):
    """The panel's numbers by the functions of the evaluation room, by (metric, place of the horizon, threshold)."""
    # one at risk is enough; with 0 those censored where follow-up ends for all would not be controls there
    free = {"sample_weight": weights, "min_at_risk": 1, "min_censoring_survival": 0.0}
    out = {}
    right = "time" in y.dtype.names
    if right:
        score = lp if linear else risk[:, -1]
        out["concordance", None, None] = concordance(
            y, risk[:, -1] if has_competing(y) else score, sample_weight=weights
        ).value
    found = brier(y, risk, horizons, **free)
    line = {"linear_predictor": lp} if right and linear else {}
    fitted = calibration(y, risk, horizons, n_resamples=0, **free, **line)
    for name, result in (
        ("auc", time_dependent_auc(y, risk, horizons, **free)),
        ("brier", found),
        ("ipa", found.ipa),
        ("observed_expected", fitted.observed_expected),
        ("citl", fitted.citl),
        ("calibration_intercept", fitted.calibration_intercept),
        ("calibration_slope", fitted.calibration_slope),
    ):
        for k, value in enumerate(np.atleast_1d(result.value)):
            out[name, k, None] = value
    curve = decision_curve(y, {"m": risk}, horizons, THRESHOLDS, target=target, n_resamples=0, **free)
    for k in range(horizons.size):
        for j, t in enumerate(THRESHOLDS):
            out["net_benefit", k, t] = curve.value[0, k, j]
    return out


@pytest.mark.parametrize("weights", ["none", "resample", "sampling"])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_number_is_that_of_evaluation(kind, ties, weights):
    seen = set()
    for seed, target, linear in ((0, "event", True), (1, "no_event", False)):
        y, risk, lp = cohort(kind, ties, seed)
        given, copies = weigh(weights, y.shape[0], seed)
        horizons = HORIZONS[:1] if kind.startswith("status") else HORIZONS
        kinds, competing = "status" if kind.startswith("status") else "right", has_competing(y)
        panel = Panel(kinds, horizons, THRESHOLDS, target=target, competing=competing)
        rows = panel.prepare(y).counted(copies)
        found = panel.measure(rows, panel.rank(risk, lp if linear else None))
        want = evaluated(y, risk, lp, horizons, given, target, linear)
        for (name, horizon, threshold), value in zip(panel.names, found):
            k = None if np.isnan(horizon) else int(np.searchsorted(horizons, horizon))
            key = (name, k, None if np.isnan(threshold) else threshold)
            if key not in want:
                assert k is None  # indexes of rms, which evaluation does not have
                continue
            if weights == "sampling" and name == "calibration_slope":
                continue  # lines are of copies: a resample has no other weights
            assert value == pytest.approx(want[key], rel=1e-12, abs=1e-12), key
            seen.add(name)
    expected = {"auc", "brier", "ipa", "observed_expected", "net_benefit"}
    expected |= {"citl", "calibration_intercept"} if kind.startswith("status") else {"concordance"}
    assert seen == expected | (set() if weights == "sampling" else {"calibration_slope"})


@pytest.mark.parametrize("kind", ["right", "status"])
def test_without_an_estimate_neither_has_a_number(kind):
    y, risk, _ = cohort(kind, True, 3)
    flat = np.full_like(risk, 0.25)
    horizons = HORIZONS[:1] if kind == "status" else HORIZONS
    panel = Panel(kind, horizons, THRESHOLDS)
    found = dict(zip(panel.names, panel.measure(panel.prepare(y), panel.rank(flat, None))))
    want = calibration(y, flat, horizons, n_resamples=0)
    assert np.isnan(want.calibration_slope.value).all()
    assert all(np.isnan(value) for (name, _, _), value in found.items() if name == "calibration_slope")
