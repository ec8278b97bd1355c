"""Censoring weights and their influence values against the definitions, written with loops."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    BRIER,
    LOG_SCORE,
    LossRows,
    aalen_johansen_steps,
    censoring_curve,
    censoring_process,
    ipcw_influence,
    ipcw_loss,
    ipcw_weights,
    kaplan_meier_steps,
    step_at,
)


def cohort(n: int, seed: int, *, ties: bool = True, competing: bool = False, scale: float = 1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    first, other, leave = rng.exponential(np.exp(-x) * 10), rng.exponential(20, n), rng.uniform(2, 20, n)
    end = np.minimum(first, other) if competing else first
    time = np.minimum(end, leave)
    event = np.where(leave < end, 0, np.where(first <= end, 1, 2))
    time = (np.ceil(time) if ties else time) * scale
    return time, event, 1 / (1 + np.exp(-x))


def slow_curve(time, event, at, *, before):
    """Product over times of 1 − censored / (at risk without those who have an event then)."""
    out = 1.0
    for s in np.unique(time):
        if s < at or (s == at and not before):
            at_risk = np.sum(time > s) + np.sum((time == s) & (event == 0))
            gone = np.sum((time == s) & (event == 0))
            if gone:
                out *= 1 - gone / at_risk
    return out


def slow_weights(time, event, tau):
    return np.array(
        [
            1 / slow_curve(time, event, tau, before=False)
            if t > tau
            else (1 / slow_curve(time, event, t, before=True) if e else 0.0)
            for t, e in zip(time, event)
        ]
    )


@pytest.mark.parametrize("ties", [True, False])
def test_curve_and_weights_follow_the_definition(ties):
    time, event, _ = cohort(60, 1, ties=ties, competing=True)
    times, left, right = censoring_curve(time, event)
    for k, s in enumerate(times):
        assert left[k] == pytest.approx(slow_curve(time, event, s, before=True), abs=1e-14)
        assert right[k] == pytest.approx(slow_curve(time, event, s, before=False), abs=1e-14)
    np.testing.assert_allclose(ipcw_weights(time, event, 6.0), slow_weights(time, event, 6.0), rtol=1e-13)
    both = ipcw_weights(time, event, np.array([3.0, 6.0]))
    np.testing.assert_allclose(both[:, 1], slow_weights(time, event, 6.0), rtol=1e-13)


def test_weights_average_one_and_reproduce_kaplan_meier_with_greenwood():
    time, event, _ = cohort(400, 2)
    steps = kaplan_meier_steps(time, event)
    for tau in (3.0, 8.0, 12.5):
        assert ipcw_weights(time, event, tau).mean() == pytest.approx(1, abs=1e-13)
        share, psi = ipcw_influence(time, event, tau, ((time <= tau) & (event == 1)).astype(float))
        survival = step_at(steps.times, steps.survival, tau, left=1.0)
        greenwood = survival * np.sqrt(step_at(steps.times, steps.greenwood, tau, left=0.0))
        assert share == pytest.approx(1 - survival, abs=1e-13)
        assert np.sqrt(np.sum(psi**2)) / time.size == pytest.approx(greenwood, rel=1e-12)
        assert psi.sum() == pytest.approx(0, abs=1e-9)


def test_weighted_frequency_is_aalen_johansen():
    time, event, _ = cohort(400, 3, competing=True)
    steps = aalen_johansen_steps(time, event)
    for cause, column in ((1, 0), (2, 1)):
        share, _ = ipcw_influence(time, event, 8.0, ((time <= 8) & (event == cause)).astype(float))
        assert share == pytest.approx(step_at(steps.times, steps.cif[:, column], 8.0, left=0.0), abs=1e-13)


def test_influence_is_the_derivative_of_the_weighted_mean():
    """Numerical derivative by the weight of each row, G re-estimated: exact to the order of the step."""
    time, event, risk = cohort(80, 4, competing=True)
    h = (((time <= 7) & (event == 1)) - risk) ** 2
    _, psi = ipcw_influence(time, event, 7.0, h)
    step = 1e-5
    for i in range(time.size):
        shifted = []
        for sign in (1, -1):
            weights = np.ones(time.size)
            weights[i] += sign * step
            shifted.append(ipcw_influence(time, event, 7.0, h, weights)[0])
        derivative = (shifted[0] - shifted[1]) / (2 * step)
        assert psi[i] / time.size == pytest.approx(derivative, abs=1e-8)


def test_frequency_weights_are_copies():
    time, event, risk = cohort(60, 5, competing=True)
    count = np.random.default_rng(0).integers(0, 4, 60)
    h = risk**2
    share, psi = ipcw_influence(time, event, 6.0, h, count.astype(float))
    again = np.repeat(np.arange(60), count)
    copied, psi_copied = ipcw_influence(time[again], event[again], 6.0, h[again])
    assert share == pytest.approx(copied, rel=1e-12)
    np.testing.assert_allclose(psi[again], psi_copied, rtol=1e-9, atol=1e-12)


def test_columns_and_unread_values():
    time, event, risk = cohort(50, 6)
    h = np.column_stack([risk, risk**2])
    theta, psi = ipcw_influence(time, event, 5.0, h)
    one, psi_one = ipcw_influence(time, event, 5.0, h[:, 1])
    assert theta[1] == one
    np.testing.assert_array_equal(psi[:, 1], psi_one)
    hidden = np.where(ipcw_weights(time, event, 5.0) == 0, np.nan, risk)
    np.testing.assert_array_equal(ipcw_influence(time, event, 5.0, hidden)[1], psi[:, 0])


@pytest.mark.parametrize("kind", [BRIER, LOG_SCORE])
@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_pass_loss_equals_horizon_by_horizon(kind, ties, weighted):
    time, event, base = cohort(150, 7, ties=ties, competing=True)
    horizons = np.array([0.5, 3.0, 7.0, 7.5, 12.0])
    risk = np.ascontiguousarray(base[:, None] ** np.array([2, 1.5, 1, 0.9, 0.5]))
    row = np.random.default_rng(1).integers(1, 4, 150).astype(float) if weighted else np.ones(150)
    square = row**2
    process = censoring_process(time, event, row)
    before = 1 / process.left[process.code]
    beyond = 1 / step_at(process.times, process.right, horizons, left=1.0)
    influence = np.empty(risk.shape)
    rows = LossRows(
        event == 1,
        process.times,
        process.order,
        process.starts,
        process.hazard,
        process.slope,
        before,
        beyond,
        horizons,
        event == 0,
        row,
        square,
    )
    out = ipcw_loss(rows, kind, risk, influence)
    for k, tau in enumerate(horizons):
        case = (time <= tau) & (event == 1)
        miss = np.where(case, 1 - risk[:, k], risk[:, k])
        theta, psi = ipcw_influence(time, event, tau, miss**2 if kind == BRIER else -np.log(1 - miss), row)
        share, psi_share = ipcw_influence(time, event, tau, case.astype(float), row)
        assert out[0, k] == pytest.approx(theta, rel=1e-12)
        assert out[1, k] == pytest.approx(share, rel=1e-12)
        assert out[2, k] == pytest.approx(1, abs=1e-12)
        np.testing.assert_allclose(influence[:, k], psi, rtol=1e-9, atol=1e-12)
        assert out[3, k] == pytest.approx(square @ psi**2, rel=1e-9)
        assert out[4, k] == pytest.approx(square @ psi_share**2, rel=1e-9, abs=1e-12)
        assert out[5, k] == pytest.approx(square @ (psi * psi_share), rel=1e-8, abs=1e-10)
