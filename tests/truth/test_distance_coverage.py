"""Intervals of ICI, E50 and E90 cover the true distance, of a perfect model too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lbp_prognosis import Surv
from lbp_prognosis.evaluation import calibration

TAU, N, SETS = 5.0, 500, 200
DISTANCES = ("ici", "e50", "e90")
LINES = {"true": (1.0, -1.0), "mild": (1.15, -1.05), "flat": (0.5, -1.0)}  # slope and level on the log-hazard scale


def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Right-censored times and three predictions: the true risk, one a little too extreme, and one far too flat."""
    score = rng.normal(scale=0.86, size=n)
    time = rng.exponential(TAU * np.exp(1.0 - score))
    censored = rng.uniform(2.0, 12.0, n)
    return Surv.right(np.minimum(time, censored), time <= censored), predicted(score)


def predicted(score: np.ndarray) -> dict[str, np.ndarray]:
    """Return the three predictions of each score; the first is right."""
    return {name: -np.expm1(-np.exp(slope * score + level)) for name, (slope, level) in LINES.items()}


def truth() -> dict[str, np.ndarray]:
    """Distances over the distribution of the score, from its quantiles."""
    risks = predicted(0.86 * norm.ppf((np.arange(200_000) + 0.5) / 200_000))
    gaps = {name: np.abs(risk - risks["true"]) for name, risk in risks.items()}
    return {name: np.array([gap.mean(), *np.quantile(gap, [0.5, 0.9])]) for name, gap in gaps.items()}


@pytest.mark.slow
def test_intervals_of_calibration_distances_cover() -> None:
    rng, true = np.random.default_rng(2031), truth()
    inside = {name: np.zeros(3) for name in true}
    zero = dict.fromkeys(true, 0)
    for seed in range(SETS):
        y, risks = draw(rng, N)
        for name, risk in risks.items():
            found = calibration(y, risk, TAU, random_state=seed)
            for k, metric in enumerate(DISTANCES):
                result = getattr(found, metric)
                inside[name][k] += result.low <= true[name][k] <= result.high
            zero[name] += found.ici.low == 0
    for name, count in inside.items():  # 0.89 to 0.98 in 1,000 sets, and two Monte-Carlo standard errors of 200
        assert (count / SETS >= 0.89 - 0.044).all(), (name, count / SETS)
    assert zero["true"] >= 0.93 * SETS
    assert zero["flat"] <= 0.1 * SETS
