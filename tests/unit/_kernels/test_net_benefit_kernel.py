"""The walk over all thresholds equals one curve per threshold; its influence values are derivatives."""

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    cell_counts,
    incidence_by_threshold,
    incidence_by_threshold_influence,
    threshold_bins,
)


def one_curve(time, code, tau, weights):
    survival, incidence = 1.0, 0.0
    for u in np.unique(time[(time <= tau) & (code > 0)]):
        here, y = time == u, weights[time >= u].sum()
        incidence += survival * weights[here & (code == 1)].sum() / y
        survival *= 1 - weights[here & (code > 0)].sum() / y
    return incidence


def sample(n, ties, causes, seed=3):
    rng = np.random.default_rng(seed)
    time = rng.exponential(10, n)
    time = np.sort(np.ceil(time) if ties else time)
    return time, rng.integers(0, causes + 1, n), rng.random(n).round(2), rng.integers(0, 4, n).astype(float)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("causes", [1, 2])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_one_curve_a_threshold(ties, causes, strict, weighted):
    time, code, risk, counts = sample(250, ties, causes)
    weights = counts if weighted else np.ones(250)
    thresholds = np.round(np.linspace(0.05, 0.95, 19), 12)
    bins = threshold_bins(risk, thresholds, strict)
    got = incidence_by_threshold(bins, time, code, 8.0, 19, weights=weights, competing=causes > 1)
    quick = incidence_by_threshold(bins, time, code, 8.0, 19, weights=weights, competing=causes > 1, variance=False)
    for k, t in enumerate(thresholds):
        group = risk > t if strict else risk >= t
        assert got.weight[k] == weights[group].sum()
        want = one_curve(time[group], code[group], 8.0, weights[group]) if weights[group].sum() else 0.0
        assert got.incidence[k] == pytest.approx(want, abs=1e-13)
        assert quick.incidence[k] == pytest.approx(want, abs=1e-13)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("causes", [1, 2])
def test_influence_is_the_derivative_and_sums_to_the_variance(ties, causes):
    time, code, risk, _ = sample(120, ties, causes)
    bins = threshold_bins(risk, np.array([0.1, 0.5, 0.8]), False)
    influence = incidence_by_threshold_influence(bins, time, code, 9.0, 3)
    full = incidence_by_threshold(bins, time, code, 9.0, 3, competing=causes > 1)
    assert np.abs(influence.sum(axis=1)).max() < 1e-13
    np.testing.assert_allclose((influence**2).sum(axis=1), full.variance, rtol=1e-10)
    for row in (0, 40, 119):
        up, down = np.ones(120), np.ones(120)
        up[row] += 1e-5
        down[row] -= 1e-5
        slope = (
            incidence_by_threshold(bins, time, code, 9.0, 3, weights=up, competing=True).incidence
            - incidence_by_threshold(bins, time, code, 9.0, 3, weights=down, competing=True).incidence
        ) / 2e-5
        np.testing.assert_allclose(influence[:, row], slope, atol=1e-8)  # a numerical derivative


def test_counts_are_copies():
    time, code, risk, counts = sample(80, True, 2)
    bins = threshold_bins(risk, np.array([0.2, 0.6]), False)
    copies = np.repeat(np.arange(80), counts.astype(int))
    a = incidence_by_threshold(bins, time, code, 9.0, 2, weights=counts, competing=True)
    b = incidence_by_threshold(bins[copies], time[copies], code[copies], 9.0, 2, competing=True)
    for left, right in zip(a, b):
        np.testing.assert_allclose(left, right, rtol=1e-12)


@pytest.mark.parametrize("sizes", [np.array([300, 500, 200]), np.ones(1000, dtype=int), np.full(500, 2)])
def test_cell_counts_have_the_multinomial_moments(sizes):
    rng = np.random.default_rng(0)
    draws = np.stack([cell_counts(rng, sizes, 1000) for _ in range(2000)])
    assert (draws.sum(axis=1) == 1000).all()
    p = sizes / 1000
    assert np.abs(draws.mean(axis=0) - sizes).max() < 6 * np.sqrt(1000 * (p * (1 - p)).max() / 2000)
    assert draws.var(axis=0).mean() == pytest.approx((1000 * p * (1 - p)).mean(), rel=0.1)  # Monte-Carlo error


def test_fractions_that_do_not_add_up_leave_nobody_behind():
    """The last row of a group has the event: what subtractions of fractional weights leave over is no patient."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        n = int(rng.integers(5, 40))
        time, code = np.sort(rng.integers(1, 6, n)).astype(float), rng.integers(0, 3, n)
        code[time == time[-1]] = rng.integers(1, 3)
        weight = rng.gamma(2, 1, n)
        bins = np.ones(n, dtype=np.int64)
        slope = incidence_by_threshold_influence(bins, time, code, time[-1], 1, weight)[0]
        twice = incidence_by_threshold_influence(bins, time, code, time[-1], 1, weight * 37.3)[0]
        np.testing.assert_allclose(slope, 37.3 * twice, rtol=1e-9, atol=1e-12)
        assert abs(weight @ slope) < 1e-12
        for row in range(n):  # by difference quotients
            moved = [
                incidence_by_threshold(
                    bins, time, code, time[-1], 1, weights=weight + step * (np.arange(n) == row), competing=True
                ).incidence[0]
                for step in (-1e-5, 1e-5)
            ]
            assert slope[row] == pytest.approx((moved[1] - moved[0]) / 2e-5, abs=1e-7)
