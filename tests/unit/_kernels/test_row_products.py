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
