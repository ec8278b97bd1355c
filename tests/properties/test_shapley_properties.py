"""Attributions keep the axioms for any model: efficiency, the null player, symmetry, additivity, Owen's sums."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis._kernels import owen_weights, shapley_from_values, shapley_weights
from lbp_prognosis.explain import shap_values


class Polynomial:
    """Any mixture of main effects and pairwise products, through a sigmoid."""

    def __init__(self, main: np.ndarray, pairs: np.ndarray) -> None:
        self.main, self.pairs = main, pairs

    def predict_risk(self, X, horizons, cause=1):
        Z = np.asarray(X, dtype=float)
        eta = Z @ self.main + np.einsum("ni,ij,nj->n", Z, self.pairs, Z)
        return 1 / (1 + np.exp(-np.clip(eta, -30, 30)))[:, None] * np.ones(np.size(horizons))


@st.composite
def games(draw):
    k = draw(st.integers(1, 5))
    seed = draw(st.integers(0, 2**32 - 1))
    return k, np.random.default_rng(seed)


@given(games())
def test_efficiency_and_owen_sums_of_any_game(game) -> None:
    k, rng = game
    worth = rng.normal(size=(2**k, 3))
    phi = shapley_from_values(worth)
    np.testing.assert_allclose(phi.sum(axis=0), worth[-1] - worth[0], atol=1e-10)
    cut = int(rng.integers(1, k + 1))
    groups = tuple(g for g in (tuple(range(cut)), tuple(range(cut, k))) if g)
    owen = shapley_from_values(worth, owen_weights(groups))
    np.testing.assert_allclose(owen.sum(axis=0), worth[-1] - worth[0], atol=1e-10)
    bits = [sum(1 << p for p in g) for g in groups]
    quotient = worth[[sum(b for j, b in enumerate(bits) if s >> j & 1) for s in range(2 ** len(groups))]]
    whole = shapley_from_values(quotient)
    for g, value in zip(groups, whole):
        np.testing.assert_allclose(owen[list(g)].sum(axis=0), value, atol=1e-10)


@given(games())
def test_a_player_that_changes_nothing_gets_nothing(game) -> None:
    k, rng = game
    worth = rng.normal(size=2**k)
    idle = int(rng.integers(k))
    for s in range(2**k):
        if s >> idle & 1:
            worth[s] = worth[s ^ 1 << idle]
    assert abs(shapley_from_values(worth)[idle]) < 1e-12


@given(games())
def test_weights_of_a_player_cancel(game) -> None:
    k, _ = game
    np.testing.assert_allclose(shapley_weights(k).sum(axis=1), 0, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(games())
def test_any_model_is_shared_out_completely(game) -> None:
    k, rng = game
    X = pd.DataFrame(rng.normal(size=(12, k)), columns=[f"f{j}" for j in range(k)])
    model = Polynomial(rng.normal(size=k), rng.normal(size=(k, k)) * (rng.random() < 0.7))
    result = shap_values(model, X.iloc[:3], X.iloc[3:], scale="risk", horizons=[1, 2])
    np.testing.assert_allclose(result.values.sum(axis=1) + result.base, result.prediction, atol=1e-12)
    np.testing.assert_allclose(result.prediction, model.predict_risk(X.iloc[:3], [1, 2]), atol=1e-12)
    expected = np.tile(model.predict_risk(X.iloc[3:], [1, 2]).mean(axis=0), (3, 1))
    np.testing.assert_allclose(result.base, expected, atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_equal_columns_of_a_symmetric_model_share_equally(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=20)
    X = pd.DataFrame({"a": values, "b": values, "c": rng.normal(size=20)})
    pairs = np.array([[0.2, 0.4, 0.3], [0.4, 0.2, 0.3], [0.1, 0.1, 0.0]])
    model = Polynomial(np.array([0.5, 0.5, -0.2]), pairs)
    phi = shap_values(model, X.iloc[:2], X, scale="risk", horizons=1).values
    np.testing.assert_allclose(phi[:, 0], phi[:, 1], atol=1e-12)
