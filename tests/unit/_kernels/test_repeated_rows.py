"""Distances to the nearest rows are the same from both of their sources."""

import numpy as np
import pytest

from lbp_prognosis._kernels import _repeated_rows


@pytest.mark.parametrize("columns", [1, 4, 20])
def test_few_rows_have_the_distances_of_many(monkeypatch, columns):
    values = np.random.default_rng(2).normal(size=(300, columns))
    values[7] = values[200]
    few = _repeated_rows._to_neighbours(values)
    monkeypatch.setattr(_repeated_rows, "_FEW", 299)
    many = _repeated_rows._to_neighbours(values)
    np.testing.assert_allclose(few, many, atol=1e-6)  # products of matrices lose half of the digits of a zero
    assert few[7, 1] == 0


def test_twins_are_told_from_neighbours():
    values = np.r_[np.arange(10.0), 3.05][:, None]
    assert np.flatnonzero(_repeated_rows.near_twins(values, 0.1)).tolist() == [3, 10]
    assert not _repeated_rows.near_twins(values[:10], 0.1).any()
