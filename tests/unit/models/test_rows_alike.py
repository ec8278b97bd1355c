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


def half_coarse(n: int, seed: int, *, drawn: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Half of the patients without the continuous predictor; rows drawn with replacement, or all once."""
    rng = np.random.default_rng(seed)
    X, y, _ = coarse(n, seed)
    X["fat"] = np.where(np.arange(n) < n // 2, np.nan, rng.normal(size=n))
    rows = rng.integers(0, n, n) if drawn else np.arange(n)
    return rows, X["fat"].isna().to_numpy()[rows], X.to_numpy()[rows], y[rows]


def test_copies_with_fine_predictors_stay_together_beside_patients_with_coarse_ones() -> None:
    """The many patients alike by chance, without imaging, dealt out the copies of those with imaging."""
    rows, plain, X, y = half_coarse(300, 8, drawn=True)
    codes = identical_rows([X], [y])
    fine = pd.Series(rows[~plain]).groupby(codes[~plain]).nunique()
    assert fine.size == np.unique(rows[~plain]).size
    assert (fine == 1).all()
    assert np.unique(codes[plain]).size == plain.sum()


def test_patients_with_coarse_predictors_are_dealt_out_beside_distinct_patients() -> None:
    _, _, X, y = half_coarse(300, 9, drawn=False)
    assert np.unique(identical_rows([X], [y])).size == 300


def test_copies_with_coarse_predictors_are_told_by_their_times_in_the_same_table() -> None:
    rows, _, X, _ = half_coarse(300, 10, drawn=True)
    time = np.random.default_rng(11).exponential(size=300)[rows]
    codes = identical_rows([X], [time, np.ones(300)])
    assert np.unique(codes).size == np.unique(rows).size


@pytest.mark.parametrize(("rows", "codes"), [(6, 1), (7, 7)])
def test_more_rows_of_one_patient_than_a_bootstrap_draws_are_patients(rows: int, codes: int) -> None:
    """Beside copies of patients with predictors of their own, and one cell of different outcomes."""
    x = np.concatenate([np.repeat(np.arange(100.0), 2), [100, 100], np.full(rows, 101)])
    y = np.concatenate([np.repeat(np.arange(100) % 2, 2), [0, 1], np.ones(rows)])
    found = identical_rows([x], [y])
    assert np.unique(found[:200]).size == 100
    assert np.unique(found[202:]).size == codes


def test_groups_do_not_depend_on_the_order_of_the_table() -> None:
    _, _, X, y = half_coarse(200, 12, drawn=True)
    weights = np.random.default_rng(13).uniform(1, 2, 200)
    turned = np.random.default_rng(14).permutation(200)
    again = identical_rows([X[turned]], [y[turned]], weights[turned])
    np.testing.assert_array_equal(again, identical_rows([X], [y], weights)[turned])


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
