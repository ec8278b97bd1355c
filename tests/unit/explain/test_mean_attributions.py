"""Attributions of the predicted mean of a score against all coalitions, each mixed row predicted by itself."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError
from lbp_prognosis._kernels import coalition_members, shapley_from_values
from lbp_prognosis.deployment import lock
from lbp_prognosis.explain import feature_effect, prediction_shapley, shap_interactions, shap_stability, shap_values
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import (
    CoxPH,
    LinearOutcome,
    LogisticRisk,
    LongitudinalOutcome,
    OrdinalRegression,
    StackedRisk,
    TwoPartOutcome,
)
from lbp_prognosis.survival import Measured, Status

N = 150
RNG = np.random.default_rng(11)
X = pd.DataFrame(RNG.normal(size=(N, 3)), columns=["pain", "age", "modic"])
LATENT = 4 + 1.5 * X["pain"] + 0.8 * X["modic"] + RNG.logistic(size=N)
Y = Measured.at(12, np.clip(np.round(LATENT), 0, 10), lower=0, upper=10, at_most=3)
GROUPS = {"clinical": ["pain", "age"], "imaging": ["modic"]}
MODELS: dict[str, Any] = {
    "ordinal": OrdinalRegression(),
    "linear": LinearOutcome(),
    "two parts": TwoPartOutcome(LogisticRisk(), LinearOutcome()),
    "stack": StackedRisk({"ordinal": OrdinalRegression(), "line": LinearOutcome()}, cv=2),
    "pipeline": RiskPipeline([Standardise()], OrdinalRegression()),
}


def by_definition(mean: Any, rows: pd.DataFrame, drawn: pd.DataFrame, players: list[list[str]]) -> np.ndarray:
    worth = []
    for coalition in coalition_members(len(players)):
        kept = {column for columns, held in zip(players, coalition) if held for column in columns}
        mixed = [
            [row[c] if c in kept else other[c] for c in rows.columns]
            for (_, row), (_, other) in product(rows.iterrows(), drawn.iterrows())
        ]
        found = mean(pd.DataFrame(mixed, columns=rows.columns))
        worth.append(np.asarray(found).reshape(len(rows), len(drawn), -1).mean(axis=1))
    return shapley_from_values(np.array(worth)).transpose(1, 0, 2)


@pytest.mark.parametrize("name", MODELS)
def test_mean_is_shared_out_as_its_definition_says(name: str) -> None:
    model = MODELS[name].fit(X, Y)
    rows, drawn = X[:3], X[60:66]
    single = by_definition(model.predict_mean, rows, drawn, [[c] for c in X.columns])
    found = shap_values(model, rows, drawn, scale="mean")
    np.testing.assert_allclose(found.values, single, atol=1e-12)
    np.testing.assert_allclose(found.prediction[:, 0], model.predict_mean(rows), atol=1e-12)
    np.testing.assert_allclose(found.base[:, 0], model.predict_mean(drawn).mean(), atol=1e-12)
    assert found.scale == "mean"
    assert found.horizons is None
    groups = prediction_shapley(model, rows, GROUPS, drawn, scale="mean")
    shares = by_definition(model.predict_mean, rows, drawn, list(GROUPS.values()))
    np.testing.assert_allclose(groups.values, shares, atol=1e-12)
    pairs = shap_interactions(model, rows, drawn, scale="mean")
    np.testing.assert_allclose(pairs.values.sum(axis=2), single, atol=1e-12)


def test_mean_of_a_line_is_slope_times_distance() -> None:
    model = LinearOutcome().fit(X, Y)
    found = shap_values(model, X[:5], X[50:], scale="mean")
    np.testing.assert_allclose(found.values[:, :, 0], (X[:5] - X[50:].mean()) * model.coef_, atol=1e-12)
    assert found.method == "additive"
    effect = feature_effect(model, X, "pain", scale="mean", kind="partial")
    np.testing.assert_allclose(np.diff(effect.effect[:, 0]) / np.diff(effect.grid), model.coef_[0], rtol=1e-9)


def test_means_at_visits() -> None:
    few = LATENT[:60]
    y = Measured.at_visits({3: np.clip(few + 1, 0, 10), 12: np.clip(few, 0, 10)}, lower=0, upper=10)
    model = LongitudinalOutcome(covariance="exchangeable").fit(X[:60], y)
    rows, drawn = X[:1], X[60:63]
    found = prediction_shapley(model, rows, GROUPS, drawn, scale="mean", horizons=[3, 12])
    np.testing.assert_allclose(
        found.values, by_definition(model.predict_mean, rows, drawn, list(GROUPS.values())), atol=1e-12
    )
    np.testing.assert_array_equal(found.horizons, [3, 12])
    with pytest.raises(LBPError, match="visits"):
        shap_values(model, rows, drawn, scale="mean")


def test_another_cut_than_the_declared_one_is_explained() -> None:
    """Against all coalitions, and for a pipeline and a stack against the model declared with that cut."""
    cuts = ({"at_most": 6.0}, {"at_least": 3.0})
    other = Y.copy()
    for name in ("ordinal", "pipeline", "stack"):
        model = MODELS[name].fit(X, Y)
        for cut in cuts:
            found = shap_values(model, X[:2], X[50:56], scale="risk", horizons=12, **cut)
            risk = model.predict_risk(X[:2], 12, **cut) - model.predict_risk(X[50:56], 12, **cut).mean()
            np.testing.assert_allclose(found.values.sum(axis=1), risk, atol=1e-12)
    locked = lock(MODELS["pipeline"])
    found = shap_values(locked, X[:2], X[50:56], scale="risk", horizons=12, at_most=6.0)
    risk = locked.predict_risk(X[:2], 12, at_most=6.0) - locked.predict_risk(X[50:56], 12, at_most=6.0).mean()
    np.testing.assert_allclose(found.values.sum(axis=1), risk, atol=1e-12)
    declared = shap_values(MODELS["ordinal"].fit(X, other), X[:2], X[50:56], scale="risk", horizons=12)
    same = shap_values(
        MODELS["ordinal"], X[:2], X[50:56], scale="risk", horizons=12, at_most=MODELS["ordinal"].at_most_
    )
    np.testing.assert_allclose(same.values, declared.values, atol=1e-12)
    for given, words in (
        ({"scale": "mean", "at_most": 3}, "`at_most` must be left out unless"),
        ({"scale": "risk", "horizons": 12, "at_most": 3, "at_least": 4}, "`at_most` must be left out where"),
    ):
        with pytest.raises(LBPError, match=words):
            shap_values(MODELS["ordinal"], X[:2], X[50:56], **given)
    status = LogisticRisk().fit(X, Status.at(12, (LATENT > 5).astype(int)))
    with pytest.raises(LBPError, match="`at_most` must be left out for a model that predicts no score"):
        shap_values(status, X[:2], X[50:56], scale="risk", horizons=12, at_most=3)


def test_refits_and_refusals() -> None:
    stable = shap_stability(LinearOutcome(), X, Y, X[:2], X[50:], scale="mean", n_bootstrap=3)
    assert "mean" in set(stable.to_frame().get("scale", pd.Series(["mean"])))
    model = OrdinalRegression().fit(X, Y)
    with pytest.raises(LBPError, match="horizons"):
        shap_values(model, X[:2], X[50:], scale="mean", horizons=12)
    with pytest.raises(LBPError, match="predict_mean"):
        shap_values(LogisticRisk(), X[:2], X[50:], scale="mean")
    with pytest.raises(LBPError, match="scale"):
        prediction_shapley(model, X[:2], GROUPS, X[50:], scale="linear_predictor")
    with pytest.raises(LBPError, match="horizons"):
        prediction_shapley(model, X[:2], GROUPS, X[50:])
    with pytest.raises(LBPError, match="predict_mean"):
        prediction_shapley(CoxPH(), X[:2], GROUPS, X[50:], scale="mean")
