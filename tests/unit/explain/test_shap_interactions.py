"""Interactions of pairs against their definition, and columns that go together by name."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from small_models import Hazard

from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import interaction_weights
from lbp_prognosis.explain import prediction_shapley, shap_interactions, shap_stability, shap_values
from lbp_prognosis.models import BoostedAFT, BoostedCox, BoostedHazard, MultimodalNet
from lbp_prognosis.survival import Surv


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_weights_equal_the_definition(k: int) -> None:
    worth = np.random.default_rng(k).normal(size=2**k)
    expected = []
    for i, j in combinations(range(k), 2):
        others = [player for player in range(k) if player not in (i, j)]
        total = 0.0
        for size in range(len(others) + 1):
            share = factorial(size) * factorial(k - size - 2) / factorial(k - 1)
            for chosen in combinations(others, size):
                s = sum(1 << player for player in chosen)
                total += share * (worth[s | 1 << i | 1 << j] - worth[s | 1 << i] - worth[s | 1 << j] + worth[s])
        expected.append(total)
    np.testing.assert_allclose(interaction_weights(k) @ worth, expected, atol=1e-12)


class Product:
    """Two columns multiply, a third one adds."""

    def predict_risk(self, X, horizons, cause=1):
        return (0.3 + 0.1 * X["a"] * X["b"] + 0.05 * X["c"]).to_numpy()[:, None] * np.ones(np.size(horizons))


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(2).normal(size=(80, 3)), columns=list("abc"))


def test_a_product_is_an_interaction_by_hand(table) -> None:
    rows = table[:4]
    found = shap_interactions(Product(), rows, table, scale="risk", horizons=[6, 12])
    a, b = (rows[name].to_numpy() - table[name].mean() for name in "ab")
    # v(ab) − v(a) − v(b) + v(∅), where the background's a and b are drawn together
    joint = 0.1 * (
        rows["a"] * rows["b"]
        - rows["a"] * table["b"].mean()
        - table["a"].mean() * rows["b"]
        + (table["a"] * table["b"]).mean()
    )
    assert not np.allclose(joint, 0.1 * a * b)
    np.testing.assert_allclose(2 * found.values[:, 0, 1, 0], joint, atol=1e-14)
    np.testing.assert_allclose(found.values[:, [0, 1], [2, 2]], 0, atol=1e-14)
    np.testing.assert_allclose(found.values[:, 2, 2, 1], 0.05 * (rows["c"] - table["c"].mean()), atol=1e-14)
    plain = shap_values(Product(), rows, table, scale="risk", horizons=[6, 12])
    np.testing.assert_allclose(found.values.sum(axis=2), plain.values, atol=1e-14)
    frame = found.to_frame()
    sums = frame[frame["horizon"] == 6].groupby("row")["value"].sum()
    np.testing.assert_allclose(sums, (found.prediction - found.base)[:, 0], atol=1e-14)
    first = found.importance().iloc[0]
    assert {first["player"], first["other"]} == {"a", "b"}


def test_sums_do_not_interact_on_their_own_scale_and_do_on_the_risk(table) -> None:
    model = Hazard(coef=[0.5, -0.4, 0.2])
    plain = shap_interactions(model, table[:3], table)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(plain.values[:, off], 0, atol=1e-12)
    risk = shap_interactions(model, table[:3], table, scale="risk", horizons=12)
    assert np.abs(risk.values[:, off]).max() > 1e-3
    groups = {"ab": ["a", "b"], "c": ["c"]}
    joined = shap_interactions(model, table[:3], table, scale="risk", horizons=12, groups=groups, players="groups")
    shares = prediction_shapley(model, table[:3], groups, table, horizons=12)
    np.testing.assert_allclose(joined.values.sum(axis=2), shares.values, atol=1e-14)


def test_rows_add_up_to_what_shap_gives_for_trees() -> None:
    xgboost = pytest.importorskip("xgboost")
    shap = pytest.importorskip("shap")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    y = X["a"] * X["b"] + X["c"] + 0.1 * rng.normal(size=200)
    booster = xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(X, y), 8)

    class Trees:
        def linear_predictor(self, X):
            return booster.predict(xgboost.DMatrix(X), output_margin=True).astype(float)

    found = shap_interactions(Trees(), X[:5], X[100:])
    theirs = shap.TreeExplainer(booster, X[100:], feature_perturbation="interventional").shap_values(X[:5])
    # trees hold single-precision numbers
    np.testing.assert_allclose(found.values[..., 0].sum(axis=2), theirs, atol=2e-5)


def test_too_many_players_are_refused() -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 13)), columns=[f"f{k}" for k in range(13)])
    with pytest.raises(ArgumentError, match="players"):
        shap_interactions(Hazard(coef=np.ones(13) / 10), X[:2], X)
    with pytest.raises(ArgumentError, match="groups"):
        shap_interactions(Hazard(coef=np.ones(13) / 10), X[:2], X, players="groups")


def test_columns_that_go_together_are_named(table) -> None:
    close = table.assign(b=0.9 * table["a"] + 0.2 * table["b"])
    model = Hazard(coef=[0.5, -0.4, 0.2])
    doubts = {doubt.code: doubt for doubt in shap_values(model, close[:3], close).objections}
    assert "a and b (r = 0.9" in doubts["correlated-players"].sentence
    assert not shap_values(model, table[:3], table).objections
    # within one group they have one share
    groups = {"ab": ["a", "b"], "c": ["c"]}
    assert not prediction_shapley(model, close[:3], groups, close, horizons=6).objections
    constant = table.assign(b=1.0)
    assert not shap_values(model, constant[:3], constant).objections


def enumerated(model, row: pd.DataFrame, background: pd.DataFrame, horizon: float) -> np.ndarray:
    """Attributions and pairwise interactions from their definitions, coalition by coalition."""
    names = list(row.columns)
    k = len(names)

    def worth(coalition: tuple[int, ...]) -> float:
        mixed = background.copy()
        for player in coalition:
            mixed[names[player]] = row[names[player]].iloc[0]
        return float(model.predict_risk(mixed, horizon)[:, 0].mean())

    v = {s: worth(s) for size in range(k + 1) for s in combinations(range(k), size)}
    out = np.zeros((k, k))
    for i in range(k):
        others = [player for player in range(k) if player != i]
        for size in range(k):
            share = factorial(size) * factorial(k - size - 1) / factorial(k)
            for s in combinations(others, size):
                out[i, i] += share * (v[tuple(sorted((*s, i)))] - v[s])
    for i, j in combinations(range(k), 2):
        others = [player for player in range(k) if player not in (i, j)]
        for size in range(k - 1):
            share = factorial(size) * factorial(k - size - 2) / factorial(k - 1) / 2
            for s in combinations(others, size):
                both = v[tuple(sorted((*s, i, j)))] - v[tuple(sorted((*s, i)))] - v[tuple(sorted((*s, j)))] + v[s]
                out[i, j] += share * both
                out[j, i] = out[i, j]
    for i in range(k):
        out[i, i] -= out[i].sum() - out[i, i]
    return out


TREES = {"rounds": 8, "folds": 2}
LEARNERS = {
    "BoostedCox": (lambda: BoostedCox(**TREES), "xgboost", 1e-6),
    "BoostedAFT": (lambda: BoostedAFT(**TREES), "xgboost", 1e-6),
    "BoostedHazard": (lambda: BoostedHazard([2.0, 5.0, 10.0], **TREES), "xgboost", 1e-6),
    "MultimodalNet": (
        lambda: MultimodalNet({"clinical": ["a"], "imaging": ["b", "c"]}, seeds=2, max_epochs=30, bins=5),
        "torch",
        1e-12,
    ),
}


@pytest.fixture(scope="module")
def study() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(7)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    end = rng.exponential(8 * np.exp(-X["a"] - X["b"] * X["c"]))
    leave = rng.uniform(2, 20, 200)
    X.loc[::4, ["b", "c"]] = np.nan
    return X, Surv.right(np.minimum(end, leave), end <= leave)


@pytest.mark.parametrize("name", LEARNERS)
def test_boosters_and_nets_against_enumeration(study, name) -> None:
    """With a row that lacks its imaging; the tolerance of trees is that of single precision."""
    make, package, tolerance = LEARNERS[name]
    pytest.importorskip(package)
    X, y = study
    model = make().fit(X, y)
    rows, background = X.iloc[[0, 1]], X.dropna()[:12]  # the first lacks b and c
    found = shap_interactions(model, rows, background, scale="risk", horizons=5.0)
    for k in range(2):
        want = enumerated(model, rows.iloc[[k]], background, 5.0)
        np.testing.assert_allclose(found.values[k, :, :, 0], want, atol=tolerance)
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)), found.prediction - found.base, atol=tolerance)
    np.testing.assert_allclose(found.prediction[:, 0], model.predict_risk(rows, 5.0)[:, 0], atol=tolerance)


def test_interactions_have_a_stability_over_refits(study) -> None:
    pytest.importorskip("xgboost")
    X, y = study
    told = {"scale": "risk", "horizons": 5.0}
    rows, background = X.iloc[[1, 2]], X.dropna()[:12]
    samples = np.stack([np.random.default_rng(k).integers(200, size=200) for k in range(3)])
    found = shap_stability(BoostedCox(**TREES), X, y, rows, background, interactions=True, samples=samples, **told)
    assert found.reference.players == ("a", "b", "c", "a × b", "a × c", "b × c")
    single = shap_interactions(BoostedCox(**TREES).fit(X, y), rows, background, **told)
    np.testing.assert_array_equal(found.reference.values[:, 5], 2 * single.values[:, 1, 2])
    np.testing.assert_allclose(
        found.reference.base + found.reference.values.sum(axis=1), found.reference.prediction, atol=1e-6
    )
    again = BoostedCox(**TREES).fit(X.iloc[samples[1]], y[samples[1]])
    refit = shap_interactions(again, rows, background, **told)
    np.testing.assert_array_equal(found.replicates[1][:, 5], 2 * refit.values[:, 1, 2])
    assert found.to_frame()["player"].nunique() == 6
    assert found.sd.shape == (2, 6, 1)
