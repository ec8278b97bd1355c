"""Averages, stacks and risk groups fitted to stretches of follow-up, as `without_treatment` fits its models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.models import AverageRisk, CauseSpecificCox, CoxPH, NullModel, RiskStratifier, StackedRisk
from lbp_prognosis.survival import Surv, Weights

RNG = np.random.default_rng(5)
N = 120
X = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "b"])
T1, T2 = RNG.exponential(8 * np.exp(-X["a"])), RNG.exponential(30, N)
END = np.ceil(2 * np.minimum(np.minimum(T1, T2), 15)) / 2
Y = Surv.right(END, np.where(END >= 15, 0, np.where(T1 < T2, 1, 2)))
COX = {"a": CauseSpecificCox(), "null": NullModel()}
ROWS = np.repeat(np.arange(N), 2)


def halves(y: np.ndarray) -> np.ndarray:
    """Return the outcome of each patient in two stretches."""
    half = y["time"] / 2
    start, stop = np.column_stack([0 * half, half]).ravel(), np.column_stack([half, y["time"]]).ravel()
    return Surv.right(stop, np.column_stack([0 * y["event"], y["event"]]).ravel(), entry=start)


@pytest.mark.parametrize(
    "model",
    [
        AverageRisk(COX, horizons=[4, 8]),
        StackedRisk(COX, horizons=[4, 8]),
        StackedRisk(COX, horizons=8, meta="log_score"),
        RiskStratifier(CauseSpecificCox(), horizon=8, n_groups=3),
    ],
)
def test_follow_up_in_stretches_of_weight_one_changes_nothing(model) -> None:
    whole = model.fit(X, Y).predict_risk(X, [4, 8])
    parts = model.fit_stretches(X, Y, ROWS, halves(Y), weights=Weights(np.ones(2 * N), "sampling"))
    np.testing.assert_allclose(parts.predict_risk(X, [4, 8]), whole, rtol=1e-9)


def test_weights_of_stretches_count_in_learners_and_losses() -> None:
    """Without censoring, the weight of a patient's course is that of the patient."""
    y = Surv.right(np.ceil(T1), np.ones(N, dtype=int))
    own = Weights(RNG.uniform(0.5, 2, N), "sampling")
    model = StackedRisk({"a": CoxPH(), "null": NullModel()}, horizons=[4, 8])
    plain = model.fit(X, y, sample_weight=own)
    risk, table = plain.predict_risk(X, 8), plain.cross_validated_loss_
    mean = float(own.values.mean())
    parts = model.fit_stretches(X, y, ROWS, halves(y), weights=Weights(own.values[ROWS], "sampling"))
    np.testing.assert_allclose(parts.predict_risk(X, 8), risk, rtol=1e-7)
    np.testing.assert_allclose(parts.cross_validated_loss_["loss"], mean * table["loss"], rtol=1e-7)


def test_only_the_stretch_of_the_state_weighs_it() -> None:
    """A patient's state at 4 has the weight of the stretch that contains 4, or the event."""
    y = Surv.right(np.array([3.0, 10.0, 10.0]), np.array([1, 1, 0]))
    parts = Surv.right(
        np.array([3.0, 2.0, 10.0, 6.0, 10.0]),
        np.array([1, 0, 1, 0, 0]),
        entry=np.array([0.0, 0.0, 2.0, 0.0, 6.0]),
    )
    model = StackedRisk({"null": NullModel()}, horizons=4)
    begun = model._begin_stretches(
        X.iloc[:3], y, np.array([0, 1, 1, 2, 2]), parts, Weights(np.array([2.0, 9.0, 3.0, 5.0, 9.0]), "sampling")
    )
    np.testing.assert_allclose(begun.states(np.array([4.0])).weight[:, 0], [2, 3, 5])


def test_a_cox_model_of_the_learners_takes_no_stretches() -> None:
    single = Surv.right(Y["time"], Y["event"] == 1)
    with pytest.raises(ArgumentError, match="stretches of follow-up"):
        StackedRisk({"a": CoxPH()}, horizons=8, meta="cox_nonneg").fit_stretches(
            X, single, ROWS, halves(single), weights=Weights(np.ones(2 * N), "sampling")
        )
    with pytest.raises(ArgumentError, match="`stretches` must be an outcome with delayed entry"):
        AverageRisk(COX).fit_stretches(X, Y, ROWS, Y[ROWS], weights=Weights(np.ones(2 * N), "sampling"))
    for rows in (ROWS[1:], ROWS + 1, ROWS + 0.5):
        with pytest.raises(ArgumentError, match="`rows` must be the position in `y`, 0 to 119,"):
            AverageRisk(COX).fit_stretches(X, Y, rows, halves(Y), weights=Weights(np.ones(2 * N), "sampling"))
