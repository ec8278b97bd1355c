"""Coverage of intervals near the end of a range: an area of 0.97 with twelve events, and small Brier scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lbp_prognosis import Status, Surv
from lbp_prognosis.evaluation import brier, time_dependent_auc

pytestmark = pytest.mark.slow

REPEATS = 1500
ERROR = 3 * np.sqrt(0.05 * 0.95 / REPEATS)  # three Monte-Carlo errors at 0.95


@pytest.mark.parametrize(("controls", "least"), [(50, 0.95), (150, 0.90)])
def test_an_area_of_097_with_twelve_events(controls: int, least: float) -> None:
    """Limits of Wald cover in three of four samples; with 150 controls twelve events remain few for the logit too."""
    rng = np.random.default_rng(97)
    y = Status.at(6, np.repeat([1, 0], [12, controls]))
    shift = norm.ppf(0.97) * np.sqrt(2)
    covered, wald = 0, 0
    for _ in range(REPEATS):
        risk = norm.cdf(np.concatenate([rng.normal(shift, 1, 12), rng.normal(0, 1, controls)]) - 1)
        found = time_dependent_auc(y, risk)
        assert 0 <= found.low <= found.high <= 1
        covered += found.low <= 0.97 <= found.high
        wald += abs(found.value - 0.97) <= 1.96 * found.se
    assert covered / REPEATS >= least - ERROR
    assert wald / REPEATS < 0.85


def test_an_area_of_097_of_censored_times() -> None:
    """About fifteen events by the horizon, a third of the patients censored before it."""
    rng = np.random.default_rng(970)
    n, horizon = 120, 6.0
    big = rng.normal(size=400_000)
    # cases by the horizon are those whose marker passes a noisy cut
    truth_case = big + rng.normal(0, 0.35, big.size) > 1.2
    marker_case, marker_control = np.sort(big[truth_case]), np.sort(big[~truth_case])
    area = float(np.mean(np.searchsorted(marker_control, marker_case) / marker_control.size))
    assert 0.96 < area < 0.99
    covered, wald, repeats = 0, 0, 600
    for _ in range(repeats):
        x = rng.normal(size=n)
        early = x + rng.normal(0, 0.35, n) > 1.2
        time = np.where(early, rng.uniform(0, horizon, n), horizon + rng.exponential(10, n))
        leave = rng.exponential(14, n)
        y = Surv.right(np.minimum(time, leave), time <= leave)
        found = time_dependent_auc(y, norm.cdf(x), horizon)
        covered += found.low <= area <= found.high
        wald += abs(found.value - area) <= 1.96 * found.se
    assert covered / repeats >= 0.92 - 3 * np.sqrt(0.05 * 0.95 / repeats)
    assert covered > wald


def test_a_small_brier_score() -> None:
    """Calibrated risks near 0: of 150 patients three have the event on average."""
    rng = np.random.default_rng(3)
    shape = (0.2, 9.8)
    mean, square = shape[0] / sum(shape), shape[0] * (shape[0] + 1) / (sum(shape) * (sum(shape) + 1))
    truth = mean - square  # E p(1 − p)
    covered, wald = 0, 0
    for _ in range(REPEATS):
        risk = rng.beta(*shape, 150)
        state = (rng.random(150) < risk).astype(int)
        found = brier(Status.at(6, state), risk)
        assert found.low >= 0
        covered += found.low <= truth <= found.high
        wald += abs(found.value - truth) <= 1.96 * found.se
    assert covered >= wald
    assert covered / REPEATS >= 0.85
