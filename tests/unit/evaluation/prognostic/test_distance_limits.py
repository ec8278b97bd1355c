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


def percentile(share: float, deviation: float) -> float:
    """Return a quantile of |deviation + error| for a normal error."""
    return float(
        brentq(
            lambda at: norm.cdf((at - deviation) / SD) - norm.cdf((-at - deviation) / SD) - share,
            0,
            10 * SD + deviation,
        )
    )


@pytest.mark.parametrize("deviation", [0.046, 0.08, 0.2])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_distance_limits_are_percentiles_of_a_folded_normal(deviation: float, confidence: float) -> None:
    low, high = limits(deviation, confidence=confidence)
    np.testing.assert_allclose(low, percentile(0.5 - confidence / 2, deviation), atol=1e-4)
    np.testing.assert_allclose(high, percentile(0.5 + confidence / 2, deviation), atol=1e-4)
    np.testing.assert_allclose(limits(-deviation, confidence=confidence), (low, high), atol=1e-12)


@pytest.mark.parametrize(("deviation", "positive"), [(1.9, False), (2.22, False), (2.26, True), (2.4, True)])
def test_a_distance_that_a_perfect_model_reaches_has_zero_as_its_lower_limit(deviation: float, positive: bool) -> None:
    """The lower limit leaves zero at the 97.5 % quantile of |normal|, 2.241 standard deviations."""
    low, high = limits(deviation * SD)
    assert bool((low > 0).all()) is positive
    np.testing.assert_allclose(high, percentile(0.975, deviation * SD), atol=1e-4)


def test_each_distance_has_its_own_lower_limit() -> None:
    """A curve far off at a tenth of the risks has a large maximum, and the median of a perfect model."""
    curve = CELLS + np.where(np.arange(41) < 4, 0.2, 0.0)
    seen = np.array([0.0195, 0.0, 0.0, 0.2])
    found = distance_limits(CELLS, curve, ERRORS, lambda at: at, seen, 0.95)
    assert found.low[1] == 0
    assert found.low[3] > 0.15


def test_without_error_distance_limits_are_the_estimate() -> None:
    low, high = limits(0.1, np.zeros((50, 41)))
    np.testing.assert_allclose(low, 0.1)
    np.testing.assert_allclose(high, 0.1)
    np.testing.assert_array_equal(limits(0.0, np.zeros((50, 41))), np.zeros((2, 4)))


def test_wider_intervals_of_a_distance_contain_narrower_ones() -> None:
    rng = np.random.default_rng(3)
    error = SD * (rng.normal(size=(500, 1)) + rng.normal(size=(500, 1)) * np.linspace(-1, 1, 41))
    for deviation in (0.01, 0.03, 0.1):
        (low, high), (lower, higher) = limits(deviation, error, 0.8), limits(deviation, error, 0.99)
        assert (lower <= low).all()
        assert (low <= deviation).all()
        assert (deviation <= high).all()
        assert (high < higher).all()


def test_distance_limits_contain_the_distance_of_all_patients() -> None:
    """The largest distance is that of one patient, beyond the last cell."""
    found = distance_limits(CELLS, CELLS + 0.2, ERRORS, lambda at: at, np.array([0.2, 0.2, 0.2, 0.35]), 0.95)
    assert found.high[3] == 0.35
    assert found.low[3] < 0.2
