"""What saves a sort gives what the sort would have given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lbp_prognosis._kernels import order_of_times, quantiles_of_sorted, rcs_basis, rcs_knots

TIMES = st.one_of(
    arrays(float, st.integers(0, 60), elements=st.integers(0, 40).map(float)),
    arrays(float, st.integers(0, 60), elements=st.floats(0, 1e6)),
)


@given(TIMES)
def test_order_of_times_is_the_stable_order(time):
    np.testing.assert_array_equal(order_of_times(time), np.argsort(time, kind="stable"))


def test_order_of_times_beyond_sixteen_bits_and_between_days():
    for time in (np.array([70000.0, 3.0, 65536.0, 3.0]), np.array([2.5, 2.0, 2.5, 0.1])):
        np.testing.assert_array_equal(order_of_times(time), np.argsort(time, kind="stable"))


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.floats(-1e3, 1e3)))
def test_quantiles_of_sorted_are_those_of_numpy(values):
    shares = [0.0, 0.01, 0.5, 0.9, 1.0]
    expected = np.quantile(values, shares, axis=1).T
    np.testing.assert_allclose(quantiles_of_sorted(np.sort(values, axis=1), shares), expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("k", [3, 4, 7])
def test_knots_do_not_depend_on_the_order_of_the_values(k):
    rng = np.random.default_rng(k)
    x = np.concatenate([np.zeros(30), rng.normal(2, 1, 270), [np.nan]])
    knots = rcs_knots(np.sort(x), k)
    np.testing.assert_array_equal(rcs_knots(rng.permutation(x), k), knots)
    assert rcs_knots(np.empty(0), k).size == 0


def test_basis_is_the_truncated_power_basis():
    x, t = np.linspace(-2, 3, 41), np.array([-1.0, 0.2, 0.9, 2.0])

    def cube(u):
        return np.maximum(u, 0) ** 3

    for j in range(2):
        column = cube(x - t[j]) - cube(x - t[2]) * (t[3] - t[j]) / (t[3] - t[2])
        column = (column + cube(x - t[3]) * (t[2] - t[j]) / (t[3] - t[2])) / (t[3] - t[0]) ** 2
        np.testing.assert_allclose(rcs_basis(x, t)[:, j + 1], column, atol=1e-13)
