"""Harrell's knots where their rule changes: under a hundred values, and under ten."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import rcs_knots


@pytest.mark.parametrize(("n", "low", "high"), [(98, 5, 94), (99, 5, 95), (100, 5.95, 95.05), (101, 6, 96)])
@pytest.mark.parametrize("k", [4, 5, 6])
def test_the_outer_knots_are_the_fifth_from_each_end_under_a_hundred(n: int, low: float, high: float, k: int) -> None:
    """Of 1 … n; from a hundred on quantiles of type 7, 1 + 0.05 (n − 1)."""
    knots = rcs_knots(np.random.default_rng(0).permutation(np.arange(1.0, n + 1)), k)
    assert knots.size == k
    assert (knots[0], knots[-1]) == (pytest.approx(low), pytest.approx(high))
    inner = 1 + np.linspace(0.05, 0.95, k)[1:-1] * (n - 1)
    np.testing.assert_allclose(knots[1:-1], inner)


@pytest.mark.parametrize(("n", "low", "high"), [(9, 1.8, 8.2), (10, 5, 6), (11, 5, 7)])
def test_below_ten_the_fifth_from_each_end_would_cross(n: int, low: float, high: float) -> None:
    """Three knots: quantiles 0.1, 0.5, 0.9 of nine values; of ten the fifth and the sixth, with the median between."""
    knots = rcs_knots(np.arange(1.0, n + 1), 3)
    assert (knots[0], knots[-1]) == (pytest.approx(low), pytest.approx(high))
    assert knots[1] == pytest.approx((n + 1) / 2)


@pytest.mark.parametrize(("k", "outer"), [(3, 0.10), (4, 0.05), (6, 0.05), (7, 0.025)])
def test_outer_quantiles_by_the_number_of_knots(k: int, outer: float) -> None:
    knots = rcs_knots(np.arange(1.0, 1002), k)
    np.testing.assert_allclose(knots, 1 + 1000 * np.linspace(outer, 1 - outer, k))


@pytest.mark.parametrize(("distinct", "knots"), [(5, 3), (6, 4), (7, 5), (8, 5)])
def test_few_distinct_values_are_knots_themselves(distinct: int, knots: int) -> None:
    """With five knots asked for: up to seven values those between the ends, from eight on quantiles."""
    x = np.repeat(np.arange(float(distinct)), 40)
    found = rcs_knots(x, 5)
    assert found.size <= knots
    if distinct <= 7:
        np.testing.assert_array_equal(found, np.arange(1.0, distinct - 1))


@pytest.mark.parametrize(("pile", "left_out"), [(9, False), (10, True), (11, True)])
def test_a_pile_of_five_per_cent_is_left_out(pile: int, left_out: bool) -> None:
    """Of 200 values, ``pile`` are 0 and the others differ: at 10, five per cent, the first knot is its neighbour."""
    x = np.concatenate([np.zeros(pile), np.arange(1.0, 201 - pile)])
    knots = rcs_knots(x, 4)
    assert (knots[0] == 1.0) == left_out
