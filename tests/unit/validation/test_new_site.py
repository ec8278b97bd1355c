"""A new site's value: exact where sites are alike, an integral over τ² elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq

from lbp_prognosis import LBPError
from lbp_prognosis._kernels import new_site
from lbp_prognosis.validation import meta_analysis

Y = np.array([0.31, -0.12, 0.45, 0.05, 0.22, -0.30])
V = np.array([0.010, 0.020, 0.045, 0.012, 0.030, 0.008])


def below_by_integral(at: float, y: np.ndarray, v: np.ndarray) -> float:
    """P(value ≤ at): N(μ̂, τ² + 1/Σw) at the root of Q(τ²) = q, over the density of χ² with k − 1 degrees of freedom."""

    def q_of(tau2: float) -> float:
        w = 1 / (v + tau2)
        return float(np.sum(w * (y - np.average(y, weights=w)) ** 2))

    def part(q: float) -> float:
        tau2 = 0.0 if q_of(0.0) <= q else brentq(lambda t: q_of(t) - q, 0.0, 1e6, xtol=1e-15, rtol=1e-14)
        w = 1 / (v + tau2)
        normal = stats.norm.cdf(at, np.average(y, weights=w), np.sqrt(tau2 + 1 / w.sum()))
        return float(normal * stats.chi2.pdf(q, y.size - 1))

    edge = q_of(0.0)  # beyond it τ² is 0: a kink
    return sum(quad(part, *ends, epsabs=1e-6, limit=60)[0] for ends in ((1e-9, edge), (edge, edge + 80)))


@pytest.mark.parametrize("k", [2, 3, 6, 12])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_large_sites_are_normal_observations(k: int, confidence: float) -> None:
    """The textbook interval of a new observation: ȳ ± t(k − 1) s √(1 + 1/k)."""
    y = np.random.default_rng(k).normal(size=k)
    found = meta_analysis(y, np.full(k, 1e-6), confidence=confidence).prediction_profile
    half = stats.t.ppf(0.5 + confidence / 2, k - 1) * y.std(ddof=1) * np.sqrt(1 + 1 / k)
    assert found == pytest.approx((y.mean() - half, y.mean() + half), rel=1e-6)


@pytest.mark.parametrize("at", [-0.5, 0.1])
def test_any_sites_are_an_integral(at: float) -> None:
    assert new_site(Y, V).below(at) == pytest.approx(below_by_integral(at, Y, V), abs=2e-4)


def test_limits_are_quantiles_of_the_integral() -> None:
    low, high = meta_analysis(Y, np.sqrt(V)).prediction_profile
    assert below_by_integral(low, Y, V) == pytest.approx(0.025, abs=2e-4)
    assert below_by_integral(high, Y, V) == pytest.approx(0.975, abs=2e-4)


def test_the_interval_contains_that_of_the_mean() -> None:
    """Equal values: τ² is 0 whatever Q, a new site is as uncertain as the mean, whose interval has a quantile of t."""
    found = meta_analysis(np.full(4, 0.2), np.full(4, 0.1))
    assert found.prediction_profile == (found.low, found.high)
    assert found._new_site.quantile(0.975) == pytest.approx(0.2 + 1.959964 * 0.1 / np.sqrt(4), rel=1e-6)
    rng = np.random.default_rng(5)
    for tau in (0.0, 0.05, 0.3):
        found = meta_analysis(rng.normal(0, np.hypot(tau, 0.1), 6), np.full(6, 0.1))
        low, high = found.prediction_profile
        assert low <= found.low
        assert high >= found.high


def test_scales_order_and_probability() -> None:
    value, se = np.array([0.71, 0.75, 0.69, 0.78]), np.array([0.02, 0.03, 0.025, 0.03])
    found = meta_analysis(value, se, scale="logit")
    low, high = found.prediction_profile
    assert 0 < low < found.value < high < 1
    assert found.probability_between(None, low, method="profile") == pytest.approx(0.025, abs=1e-9)
    assert found.probability_between(low, high, method="profile") == pytest.approx(0.95, abs=1e-9)
    assert found.probability_between(method="profile") == 1
    turned = meta_analysis(value[::-1], se[::-1], scale="logit").prediction_profile
    assert turned == pytest.approx((low, high), rel=1e-9)
    wide = meta_analysis(value, se, scale="logit", confidence=0.99).prediction_profile
    assert wide[0] < low < high < wide[1]
    with pytest.raises(LBPError, match="method"):
        found.probability_between(0.7, method="wald")
    with pytest.raises(LBPError, match="method"):
        found.plot(method="riley")
