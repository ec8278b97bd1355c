"""Intervals of ICI, E50, E90 and Emax cover the true distance, of a perfect model too."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import Surv
from lbp_prognosis.evaluation import calibration

TAU, N, SETS = 5.0, 500, 200
DISTANCES = ("ici", "e50", "e90", "emax")


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Right-censored times and three predictions: the true risk, one a little too extreme, and one far too flat."""
    score = rng.normal(scale=0.86, size=n)
    time = rng.exponential(TAU * np.exp(1.0 - score))
    censored = rng.uniform(2.0, 12.0, n)
    told = {"true": score - 1.0, "mild": 1.15 * score - 1.05, "flat": 0.5 * score - 1.0}
    return Surv.right(np.minimum(time, censored), time <= censored), {
        name: -np.expm1(-np.exp(lp)) for name, lp in told.items()
    }


def truth() -> dict[str, np.ndarray]:
    """Distances over the distribution of the score, from its quantiles."""
    from scipy.stats import norm

    score = 0.86 * norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    right = -np.expm1(-np.exp(score - 1.0))
    out = {}
    for name, lp in {"true": score - 1.0, "mild": 1.15 * score - 1.05, "flat": 0.5 * score - 1.0}.items():
        gap = np.abs(right + np.expm1(-np.exp(lp)))
        out[name] = np.array([gap.mean(), *np.quantile(gap, [0.5, 0.9])])
    return out


@pytest.mark.slow
def test_intervals_of_calibration_distances_cover() -> None:
    rng, true = np.random.default_rng(2031), truth()
    inside = {name: np.zeros(3) for name in true}
    zero = dict.fromkeys(true, 0)
    for seed in range(SETS):
        y, risks = draw(rng, N)
        for name, risk in risks.items():
            found = calibration(y, risk, TAU, random_state=seed)
            for k, metric in enumerate(DISTANCES[:3]):
                result = getattr(found, metric, None) or found.others[metric]
                inside[name][k] += result.low <= true[name][k] <= result.high
            zero[name] += found.ici.low == 0
    for name, count in inside.items():  # 0.89 to 0.98 in 1,000 sets, and two Monte-Carlo standard errors of 200
        assert (count / SETS >= 0.89 - 0.044).all(), (name, count / SETS)
    assert zero["true"] >= 0.93 * SETS
    assert zero["flat"] <= 0.1 * SETS
