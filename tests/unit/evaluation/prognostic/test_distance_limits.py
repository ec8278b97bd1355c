"""Limits of calibration distances, where errors of one size at every risk make them known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from lbp_prognosis.evaluation.prognostic._distance_limits import distance_limits

CELLS = np.linspace(0.1, 0.5, 41)
SD, DRAWS = 0.02, 4001
ERRORS = SD * norm.ppf((np.arange(DRAWS) + 0.5) / DRAWS)[:, None] * np.ones(41)


def limits(deviation: float, error: np.ndarray = ERRORS, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return limits for a curve that lies ``deviation`` above the diagonal everywhere, on the scale of risks."""
    seen = np.full(4, abs(deviation))
    found = distance_limits(CELLS, CELLS + deviation, error, lambda at: at, seen, confidence)
    return found.low, found.high


def within(distance: float, true: float) -> float:
    """P(|true + error| ≤ distance) for a normal error."""
    return float(norm.cdf((distance - true) / SD) - norm.cdf((-distance - true) / SD))


@pytest.mark.parametrize("deviation", [0.2, -0.2, 0.08])
def test_a_large_distance_has_the_normal_interval_of_distance_limits(deviation: float) -> None:
    low, high = limits(deviation)
    np.testing.assert_allclose(low, abs(deviation) - 1.96 * SD, atol=2e-4)
    np.testing.assert_allclose(high, abs(deviation) + 1.96 * SD, atol=2e-4)


@pytest.mark.parametrize("deviation", [0.046, 0.05, 0.06])
def test_near_zero_distance_limits_are_those_of_a_folded_normal(deviation: float) -> None:
    low, high = limits(deviation)
    expected = brentq(lambda true: within(deviation, true) - 0.975, 0, 0.2)
    np.testing.assert_allclose(low, expected, atol=1.2e-3)  # interpolated where P bends: 1.5 % of the interval
    np.testing.assert_allclose(high, brentq(lambda true: within(deviation, true) - 0.025, 0, 0.3), atol=5e-4)


@pytest.mark.parametrize(("deviation", "positive"), [(1.9, False), (2.24, False), (2.25, True), (2.4, True)])
def test_a_distance_that_a_perfect_model_reaches_has_zero_as_its_lower_limit(deviation: float, positive: bool) -> None:
    """The lower limit leaves zero at the 97.5 % quantile of |normal|, 2.241 standard deviations."""
    assert bool((limits(deviation * SD)[0] > 0).all()) is positive


@pytest.mark.parametrize("deviation", [0.0, 1e-9, 0.1 * SD, 0.6 * SD])
def test_luck_narrows_no_upper_limit_of_a_distance(deviation: float) -> None:
    """Below the median of a perfect model, 0.674 standard deviations, the upper limit stays what it is there."""
    _, high = limits(deviation)
    seen = SD * norm.ppf(0.75)
    np.testing.assert_allclose(high, brentq(lambda true: within(seen, true) - 0.025, 0, 0.3), atol=6e-4)


def test_without_error_distance_limits_are_the_estimate() -> None:
    low, high = limits(0.1, np.zeros((50, 41)))
    np.testing.assert_allclose(low, 0.1)
    np.testing.assert_allclose(high, 0.1)


def test_wider_intervals_of_a_distance_contain_narrower_ones() -> None:
    rng = np.random.default_rng(3)
    error = SD * (rng.normal(size=(500, 1)) + rng.normal(size=(500, 1)) * np.linspace(-1, 1, 41))
    for deviation in (0.01, 0.03, 0.1):
        (low, high), (lower, higher) = limits(deviation, error, 0.8), limits(deviation, error, 0.99)
        assert (lower <= low).all()
        assert (low <= deviation).all()
        assert (deviation <= high).all()
        assert (high < higher).all()


def test_distance_limits_follow_all_patients_where_these_differ_from_the_cells() -> None:
    """The largest distance is that of one patient, beyond the last cell."""
    found = distance_limits(CELLS, CELLS + 0.2, ERRORS, lambda at: at, np.array([0.2, 0.2, 0.2, 0.25]), 0.95)
    np.testing.assert_allclose(found.high[3] - found.high[2], 0.05)
    np.testing.assert_allclose(found.low[3] - found.low[2], 0.05)
