"""Intervals of O/E, calibration slope and net benefit cover the truth as often as they say."""

import numpy as np
import pytest
from scipy.stats import norm

from lbp_prognosis.evaluation import calibration, decision_curve
from lbp_prognosis.survival import Surv

TAU, THRESHOLDS = 5.0, np.array([0.2, 0.4])
REPLICATES = 1000


def draw(rng, n, censored, competing):
    """Exponential times with a log-normal hazard; the predicted score is 0.8 of the true one: slope 1.25."""
    lp = 0.7 * rng.normal(size=n)
    t = rng.exponential(1 / (0.1 * np.exp(lp)))
    other = rng.exponential(1 / 0.04, n) if competing else np.full(n, np.inf)
    rate = {0.3: 0.055, 0.6: 0.18}[censored]
    c = np.minimum(rng.exponential(1 / rate, n), 12.0)
    end = np.minimum(t, other)
    event = np.where(c < end, 0, np.where(t <= other, 1, 2))
    return Surv.right(np.minimum(end, c), event, censored=0), lp


def predicted(lp):
    return -np.expm1(-TAU * 0.1 * np.exp(0.8 * lp))


def truth(competing):
    """P(event by the horizon) and net benefit, integrated over the score."""
    z = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    lp = 0.7 * z
    rate = 0.1 * np.exp(lp)
    whole = rate + (0.04 if competing else 0.0)
    risk = rate / whole * -np.expm1(-whole * TAU)
    guess = predicted(lp)
    odds = THRESHOLDS / (1 - THRESHOLDS)
    treated = guess[:, None] >= THRESHOLDS
    return risk.mean() / guess.mean(), (treated * (risk[:, None] - odds * (1 - risk[:, None]))).mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 2000])
@pytest.mark.parametrize("censored", [0.3, 0.6])
@pytest.mark.parametrize("competing", [False, True])
def test_coverage(n, censored, competing):
    ratio, benefit = truth(competing)
    rng = np.random.default_rng([n, int(100 * censored), competing])
    covered = np.zeros(6)
    for _ in range(REPLICATES):
        y, lp = draw(rng, n, censored, competing)
        risk = predicted(lp)
        found = calibration(y, risk, TAU, linear_predictor=0.8 * lp, n_resamples=0)
        oe, slope = found.observed_expected, found.calibration_slope
        covered[0] += oe.low <= ratio <= oe.high
        covered[1] += slope.low <= 1.25 <= slope.high
        for place, estimator in ((2, "km"), (4, "ipcw")):
            curve = decision_curve(y, risk, TAU, THRESHOLDS, estimator=estimator, n_resamples=0)
            covered[place : place + 2] += (curve.low[0, 0] <= benefit) & (benefit <= curve.high[0, 0])
    share = covered / REPLICATES
    used = [0, 2, 3, 4, 5] if competing else range(6)  # with a competing event the slope has no closed form
    for k in used:
        # 0.93 to 0.97, and two Monte-Carlo standard errors of 1000 replicates
        assert 0.93 - 0.014 <= share[k] <= 0.97 + 0.011, (k, share.round(3).tolist())


@pytest.mark.slow
def test_simultaneous_bands_hold_at_all_thresholds_at_once():
    grid = np.round(np.arange(0.1, 0.55, 0.05), 12)
    z = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    risk, guess, odds = -np.expm1(-0.5 * np.exp(0.7 * z)), predicted(0.7 * z), grid / (1 - grid)
    benefit = ((guess[:, None] >= grid) * (risk[:, None] - odds * (1 - risk[:, None]))).mean(axis=0)
    rng, inside, points = np.random.default_rng(5), 0, 0
    for b in range(400):
        y, lp = draw(rng, 500, 0.3, False)
        curve = decision_curve(y, predicted(lp), TAU, grid, n_resamples=200, random_state=b)
        inside += ((curve.band_low[0, 0] <= benefit) & (benefit <= curve.band_high[0, 0])).all()
        points += ((curve.low[0, 0] <= benefit) & (benefit <= curve.high[0, 0])).all()
    assert 0.92 <= inside / 400 <= 0.99  # Monte-Carlo error of 400 replicates
    assert points < inside
