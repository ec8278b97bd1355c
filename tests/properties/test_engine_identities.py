"""Identities across the engine: weights and curves, decisions and incidences, one call and its copies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis._kernels import ipcw_influence, ipcw_weights
from lbp_prognosis.evaluation import calibration, decision_curve, evaluate
from lbp_prognosis.survival import Surv, Weights, aalen_johansen, kaplan_meier

SEEDS = st.integers(0, 2**31 - 1)


def cohort(seed, n=80, competing=True, step=0.5):
    """Tied times, censoring, two causes, and risks with ties."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=n), 1)
    first, other = rng.exponential(4 * np.exp(-x)), rng.exponential(9, n) if competing else np.full(n, np.inf)
    stop = rng.uniform(1, 9, n)
    time = np.maximum(np.ceil(np.minimum(np.minimum(first, other), stop) / step) * step, step)
    code = np.where(stop < np.minimum(first, other), 0, np.where(first <= other, 1, 2))
    risk = 1 - np.exp(-np.exp(0.9 * x) * np.array([2.0, 4.0])[:, None] / 4).T
    return Surv.right(time, code, censored=0), risk


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, competing=st.booleans())
def test_weighted_incidence_is_aalen_johansens_with_greenwoods_error(seed, competing):
    y, _ = cohort(seed, competing=competing)
    order, tau = np.argsort(y["time"], kind="stable"), 3.0
    time, event = y["time"][order], y["event"][order]
    if not (time > tau).any():
        return
    code = event.astype(np.int64)
    case = ((code == 1) & (time <= tau)).astype(float)
    weights = ipcw_weights(time, code, tau)
    assert weights.mean() == pytest.approx(1, abs=1e-12)
    value, psi = ipcw_influence(time, code, tau, case)
    curve = aalen_johansen(y, min_at_risk=0).at(tau, min_at_risk=0)
    assert float(np.squeeze(value)) == pytest.approx(curve.value, abs=1e-12)
    assert np.sqrt(np.sum(np.squeeze(psi) ** 2)) / time.size == pytest.approx(curve.se, rel=1e-9, abs=1e-12)
    if not competing:
        assert curve.value == pytest.approx(1 - kaplan_meier(y, min_at_risk=0).at(tau, min_at_risk=0).value, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, competing=st.booleans(), target=st.sampled_from(["event", "no_event"]))
def test_treating_everybody_and_standing_aside_have_closed_forms(seed, competing, target):
    y, risk = cohort(seed, competing=competing)
    thresholds = np.array([0.1, 0.3, 0.6])
    odds = thresholds / (1 - thresholds)
    incidence = aalen_johansen(y, min_at_risk=0).at([2.0, 4.0], min_at_risk=0).value
    share = (incidence if target == "event" else 1 - incidence)[:, None]
    for estimator in ("km", "ipcw"):
        curve = decision_curve(
            y,
            risk,
            [2.0, 4.0],
            thresholds,
            target=target,
            estimator=estimator,
            n_resamples=0,
            min_at_risk=0,
            min_censoring_survival=0,
        )
        kept = np.array([not reason for reason in curve.reason])
        np.testing.assert_allclose(curve.value[-1][kept], (share - odds * (1 - share))[kept], rtol=1e-9, atol=1e-12)
        no_one = decision_curve(
            y,
            np.where(risk > -1, float(target == "no_event"), 0.0),
            [2.0, 4.0],
            thresholds,
            target=target,
            estimator=estimator,
            n_resamples=0,
            min_at_risk=0,
            min_censoring_survival=0,
        )
        np.testing.assert_allclose(no_one.value[0][kept], 0, atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, competing=st.booleans())
def test_the_complement_tells_one_story(seed, competing):
    y, risk = cohort(seed, competing=competing)
    a = calibration(y, risk[:, 0], 2.0, n_resamples=0, min_at_risk=0)
    b = calibration(y, risk[:, 0], 2.0, target="no_event", n_resamples=0, min_at_risk=0)
    incidence = aalen_johansen(y, min_at_risk=0).at(2.0, min_at_risk=0).value
    assert a.observed_expected.value == pytest.approx(incidence / risk[:, 0].mean(), rel=1e-9)
    assert b.observed_expected.value == pytest.approx((1 - incidence) / (1 - risk[:, 0].mean()), rel=1e-9)
    np.testing.assert_allclose(a.ici.value, b.ici.value, rtol=1e-9)


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    keys = ["model", "metric", "reference", "threshold", "horizon"]
    return frame.sort_values(keys, kind="stable").reset_index(drop=True)[["value", "se", "low", "high"]]


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, competing=st.booleans(), change=st.sampled_from(["unit", "rows", "copies"]))
def test_one_call_knows_no_unit_no_order_and_takes_weights_for_copies(seed, competing, change):
    y, risk = cohort(seed, n=150, competing=competing)
    risks, grid, thresholds = {"a": risk, "b": risk**1.5}, np.array([2.0, 4.0]), [0.2, 0.4]
    rng = np.random.default_rng(seed)
    options: dict = {"n_resamples": 0, "min_at_risk": 0, "min_censoring_survival": 0}
    if change == "copies":
        counts = rng.integers(1, 3, y.size)
        first = evaluate(y, risks, grid, thresholds, sample_weight=Weights(counts, "frequency"), **options)
        rows = np.repeat(np.arange(y.size), counts)
        second = evaluate(y[rows], {k: v[rows] for k, v in risks.items()}, grid, thresholds, **options)
    else:
        first = evaluate(y, risks, grid, thresholds, **options)
        rows, unit = np.arange(y.size), 1.0
        if change == "rows":
            rng.shuffle(rows)
        else:
            unit = 30.4375
        moved = Surv.right(y["time"][rows] * unit, y["event"][rows], censored=0)
        second = evaluate(moved, {k: v[rows] for k, v in risks.items()}, grid * unit, thresholds, **options)
    np.testing.assert_allclose(numbers(first.to_frame()), numbers(second.to_frame()), rtol=2e-5, atol=1e-7)
