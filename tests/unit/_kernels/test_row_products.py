"""The last bit of a linear predictor is that of the row, wherever the row stands."""

import numpy as np
import pytest

from lbp_prognosis._kernels import row_products


@pytest.mark.parametrize("order", ["C", "F"])
def test_equal_rows_have_equal_sums(order):
    rng = np.random.default_rng(3)
    rows, coef = rng.normal(size=(7, 11)), rng.normal(size=11)
    place = rng.integers(0, 7, size=9001)  # more than one block, and a remainder of it
    X = np.asarray(rows[place], order=order)
    found = row_products(X, coef)
    np.testing.assert_allclose(found, X @ coef, rtol=1e-13, atol=1e-13)
    assert np.unique(found).size == 7
    assert (found[:1] == row_products(X[:1], coef)).all()  # nobody else in the table matters


def test_several_sets_of_coefficients():
    rng = np.random.default_rng(4)
    X, coef = rng.normal(size=(50, 3)), rng.normal(size=(3, 2))
    coef[1] = 0.0
    np.testing.assert_allclose(row_products(X, coef), X @ coef, rtol=1e-13)
    assert (row_products(X, coef)[:, 1] == row_products(X, coef[:, 1])).all()
    assert (row_products(X, np.zeros(3)) == 0).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rows", [1, 2, 256, 257])
def test_columns_are_added_in_their_order_whatever_the_number_of_rows(rows, order):
    rng = np.random.default_rng(5)
    X = np.asarray(rng.normal(size=(rows, 1100)) * 10.0 ** rng.integers(-8, 8, 1100), order=order)
    coef = np.where(rng.random(1100) < 0.3, 0.0, rng.normal(size=1100))
    coef[:2] = 1.0, -1.0
    X[:, :2] = -0.0, 0.0  # a sum of zeros has the sign of the first one's addition to 0
    plain = [0.0] * rows
    for i in range(rows):
        for j in np.flatnonzero(coef):
            plain[i] += X[i, j] * coef[j]
    assert row_products(X, coef).tobytes() == np.array(plain).tobytes()
    assert row_products(X[:, :2], coef[:2]).tobytes() == np.zeros(rows).tobytes()


def test_no_rows_no_columns_and_whole_numbers():
    assert row_products(np.empty((0, 3)), np.ones(3)).shape == (0,)
    assert row_products(np.empty((2, 0)), np.empty(0)).tolist() == [0.0, 0.0]
    assert row_products(np.array([[1, 2], [3, 4]]), np.array([10, 1])).tolist() == [12.0, 34.0]
