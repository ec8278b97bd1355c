"""Folds inside boosters and nets: copies of a patient stay together, patients who are alike by chance do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Status
from lbp_prognosis.models import BoostedHazard
from lbp_prognosis.models._cross_fit import identical_rows


def coarse(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Two predictors of three and two values, a state, and its probability."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"stage": rng.integers(0, 3, n).astype(float), "sex": rng.integers(0, 2, n).astype(float)})
    p = 1 / (1 + np.exp(-(0.9 * (X["stage"] - 1) + 0.6 * X["sex"] - 0.8)))
    return X, rng.binomial(1, p), p.to_numpy()


def test_copies_of_a_bootstrap_stay_together() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 200, 200)
    x, y = rng.normal(size=200), rng.binomial(1, 0.3, 200)
    codes = identical_rows([x[rows]], [y[rows]])
    assert np.unique(codes).size == np.unique(rows).size
    assert (pd.Series(rows).groupby(codes).nunique() == 1).all()
    three = identical_rows([np.repeat(x, 3)], [np.repeat(y, 3)])
    assert np.unique(three).size == 200


def test_copies_are_told_by_their_times_where_predictors_are_coarse() -> None:
    X = coarse(200, 2)[0].to_numpy()
    rng = np.random.default_rng(3)
    rows, time = rng.integers(0, 200, 200), rng.exponential(size=200)
    codes = identical_rows([X[rows]], [time[rows], np.ones(200)])
    assert np.unique(codes).size == np.unique(rows).size


@pytest.mark.parametrize("n", [60, 400])
def test_patients_who_are_alike_by_chance_are_dealt_out_one_by_one(n: int) -> None:
    X, y, _ = coarse(n, 4)
    columns, weights = X.to_numpy(), np.random.default_rng(5).uniform(1, 2, n)
    codes = identical_rows([columns], [y], weights)
    assert np.unique(codes).size == n
    turned = np.random.default_rng(6).permutation(n)
    again = identical_rows([columns[turned]], [y[turned]], weights[turned])
    np.testing.assert_array_equal(again, codes[turned])


def test_a_predictor_that_determines_the_outcome_makes_no_copies() -> None:
    """Two groups of patients in two folds taught that all risks are the same."""
    y = np.repeat([0, 1], 50)
    assert np.unique(identical_rows([y], [y])).size == 100
    ten = np.repeat(np.arange(10), 4)  # 1.5 pairs per row: copies possibly
    assert np.unique(identical_rows([ten], [ten % 2])).size == 10


def test_boosted_hazards_learn_from_few_categories() -> None:
    """With whole groups of equal patients in a fold, the slope of their margins was 0: all risks were the same."""
    X, y, _ = coarse(400, 0)
    new, _, p = coarse(500, 7)
    model = BoostedHazard(rounds=60).fit(X, Status.at(12, y))
    risk = model.predict_risk(new, 12).ravel()
    assert np.corrcoef(risk, p)[0, 1] > 0.95
    assert np.mean((risk - p) ** 2) < 0.005


def test_a_net_learns_from_one_column_of_three_values() -> None:
    """Such a fit ended as separated: a held-out group had one outcome."""
    pytest.importorskip("torch")
    from lbp_prognosis.models import MultimodalNet

    X, y, p = coarse(300, 0)
    model = MultimodalNet({"clinical": ["stage"]}, seeds=2, max_epochs=30).fit(X[["stage"]], Status.at(12, y))
    risk = model.predict_risk(X[["stage"]], 12).ravel()
    assert np.corrcoef(risk, p)[0, 1] > 0.8
