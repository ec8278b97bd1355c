"""Weights of a super learner: six patients by hand, and four fixed risks on 600 patients, enumerated elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from syn import syn

from lbp_prognosis.models import StackedRisk
from lbp_prognosis.models._known_states import states_at
from lbp_prognosis.survival import Surv


class Column(BaseEstimator):
    """A model whose risk is a column of X, at every horizon."""

    def __init__(self, column: str) -> None:
        self.column = column

    def fit(self, X, y, **rows):
        return self

    def predict_risk(self, X, horizons, cause=1):
        return np.repeat(X[[self.column]].to_numpy(), np.size(horizons), axis=1)


def stacked(F: np.ndarray, y: np.ndarray, tau: float, **options) -> StackedRisk:
    X = pd.DataFrame(F, columns=[f"f{k}" for k in range(F.shape[1])])
    return StackedRisk({name: Column(name) for name in X}, horizons=tau, cv=2, **options).fit(X, y)


SIX = Surv.right([1.0, 2, 3, 4, 5, 6], [1, 0, 1, 1, 0, 0])
CORNER = np.array([[0.8, 0.5], [0.4, 0.5], [0.6, 0.5], [0.3, 0.5], [0.2, 0.5], [0.1, 0.5]])
INTERIOR = np.array([[0.9, 0.4], [0.4, 0.5], [0.3, 0.7], [0.6, 0.5], [0.5, 0.2], [0.1, 0.4]])


def test_censoring_weights_of_six_patients():
    weight = states_at(SIX, "right", 4.0).weight[:, 0]
    np.testing.assert_allclose(weight, [1, 0, 1.25, 1.25, 1.25, 1.25], rtol=1e-14)
    assert weight.mean() == 1.0


@pytest.mark.parametrize(
    ("F", "alpha", "loss", "each"),
    [
        (CORNER, [1, 0], 0.1525, [0.1525, 0.25]),
        (INTERIOR, [0.41818181818181815, 0.5818181818181818], 0.15246212121212124, [0.19125, 0.1725]),
    ],
)
def test_six_patients_by_hand(F, alpha, loss, each):
    stack = stacked(F, SIX, 4.0)
    np.testing.assert_allclose(stack.weights_["weight"], alpha, atol=1e-12)
    table = stack.cross_validated_loss_.set_index("learner")["loss"]
    np.testing.assert_allclose(table["stack"], loss, atol=1e-14)
    np.testing.assert_allclose(table.iloc[:2], each, atol=1e-14)
    best = stacked(F, SIX, 4.0, discrete=True)
    np.testing.assert_array_equal(best.weights_["weight"], np.eye(2)[int(np.argmin(each))])


def test_four_risks_of_600_patients():
    cohort = syn()
    F = np.column_stack(
        [
            np.full(600, 0.4337566058471489),
            -np.expm1(-0.45 * np.exp(0.5 * cohort.c1 + 0.3 * cohort.c2 + 0.35 * cohort.p1)),
            -np.expm1(-0.45 * np.exp(0.2 * cohort.m1 + 0.15 * cohort.g1)),
            -np.expm1(-0.6 * np.exp(0.25 * cohort.g2)),
        ]
    )
    y = Surv.right(cohort.time, cohort.event)
    states = states_at(y, "right", 12.0)
    np.testing.assert_allclose(states.weight.mean(), 1.0, atol=1e-14)
    np.testing.assert_allclose((states.weight * states.case).mean(), 0.4337566058471489, rtol=1e-13)
    stack = stacked(F, y, 12.0)
    np.testing.assert_allclose(stack.weights_["weight"], [0, 1, 0, 0], atol=1e-12)
    table = stack.cross_validated_loss_.set_index("learner")["loss"]
    wanted = [0.24561181273111013, 0.19036055562769913, 0.2421819815409573, 0.2501145682262661]
    np.testing.assert_allclose(table.iloc[:4], wanted, rtol=1e-12)
    np.testing.assert_allclose(table["stack"], 0.19036055562769916, rtol=1e-12)
