"""Other intervals for a new site beside `prediction_profile`: none is closer everywhere; slow suite."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import chi2, norm, t

pytestmark = pytest.mark.slow

N, STUDIES, SHARES = 250, 1_000, 40


def _studies(sites: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log O/E and its variance by study and site, and the value of a new site by study."""
    lp = np.random.default_rng(0).normal(-0.4, 1, 40_000)
    levels = np.linspace(-5, 5, 41)
    ratios = np.array([np.log(expit(lp + spread * level).mean() / expit(lp).mean()) for level in levels])
    random = np.random.default_rng((seed, sites, int(spread * 100)))
    lp = random.normal(-0.4, 1, (STUDIES, N, sites))
    y = random.random(lp.shape) < expit(lp + spread * random.normal(0, 1, (STUDIES, 1, sites)))
    events = y.sum(axis=1)
    value = np.log(events / expit(lp).sum(axis=1))
    return value, (1 - events / N) / events, np.interp(random.normal(0, 1, STUDIES), levels, ratios)


def _coverage(sites: int, spread: float, seed: int) -> dict[str, float]:
    """Return the share of studies whose 95 % interval contains the new site, by interval.

    τ² at equal shares of its confidence distribution (Q-profile), and given it the distribution of the new site: normal
    around the mean of known error (as `prediction_profile`, here without the confidence interval of the mean that it
    contains), t for mean and site together, or normal around a mean that has t with the error of Hartung and Knapp
    (Nagashima et al. 2019), as it is and at least as large as that of known variances.
    """
    value, variance, there = _studies(sites, spread, seed)
    wanted = chi2.ppf((np.arange(SHARES) + 0.5) / SHARES, sites - 1)

    def pooled(tau2: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        w = 1 / (variance[:, None, :] + tau2[..., None])
        mean = (w * value[:, None, :]).sum(-1) / w.sum(-1)
        return (w * (value[:, None, :] - mean[..., None]) ** 2).sum(-1), mean, w.sum(-1)

    low, high = np.zeros((STUDIES, SHARES)), np.full((STUDIES, SHARES), 3.0)
    for _ in range(20):
        middle = (low + high) / 2
        above = pooled(middle)[0] > wanted
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    tau2 = np.where(pooled(np.zeros_like(low))[0] <= wanted, 0.0, high)
    q, mean, precision = pooled(tau2)
    error, gap = 1 / np.sqrt(precision), there[:, None] - mean
    hartung = np.sqrt(q / (sites - 1)) * error

    def around(se: np.ndarray) -> np.ndarray:
        draws = t.ppf((np.arange(21) + 0.5) / 21, sites - 1)
        tau = np.maximum(np.sqrt(tau2), 1e-9)
        return np.mean([norm.cdf((gap - draw * se) / tau) for draw in draws], axis=0)

    below = {
        "normal": norm.cdf(gap / np.sqrt(tau2 + error**2)),
        "t together": t.cdf(gap / np.sqrt(tau2 + error**2), sites - 1),
        "Nagashima": around(hartung),
        "Nagashima, at least": around(np.maximum(hartung, error)),
    }
    return {name: float(np.mean(np.abs(share.mean(axis=1) - 0.5) <= 0.475)) for name, share in below.items()}


def _covered(sites: int, spread: float) -> dict[str, float]:
    """Return the coverage in 2,000 studies."""
    one, two = (_coverage(sites, spread, seed) for seed in (0, 1))
    return {name: (one[name] + two[name]) / 2 for name in one}


def test_no_other_interval_is_closer_everywhere() -> None:
    """Monte Carlo error 0.006. With 12 sites a little apart t falls least short; with 6 it goes too far."""
    half, few = _covered(12, 0.15), _covered(6, 0.35)
    assert 0.90 <= half["Nagashima"] < half["normal"] < half["t together"] < 0.95
    assert abs(half["Nagashima, at least"] - half["normal"]) < 0.01
    assert 0.93 <= few["normal"] <= 0.97 < few["t together"]
