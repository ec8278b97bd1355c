"""Boosters of halves of the patients, and their mean: exact on two groups, and as one booster."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lbp_prognosis._base import EstimationError
from lbp_prognosis.models._cross_fit import Growth, Likelihood, TreeTable, _Draws, cross_fit
from lbp_prognosis.models._xgboost_adapter import (
    GrowingTrees,
    load_booster,
    margin_contributions,
    mean_of_boosters,
    predict_margin,
    save_booster,
)

pytest.importorskip("xgboost")

PLAIN = {"learning_rate": 1.0, "max_depth": 1, "min_child_weight": 0.0, "reg_lambda": 0.0, "seed": 0}


class Squares:
    """Squared error: a tree of one split predicts the mean of each side."""

    def __init__(self, y: np.ndarray) -> None:
        self.y = y

    def part(self, rows: np.ndarray) -> Likelihood:
        def derivatives(margins: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            rest = self.y[rows][:, None] - margins
            return -float((rest**2).sum()) / 2, rest, np.ones_like(rest)

        return derivatives


def test_the_model_is_the_mean_of_the_boosters_that_did_not_see_a_fold() -> None:
    """Group means of each half by hand: two partitions, four boosters."""
    group = np.tile([0.0, 1.0], 6)
    y = np.arange(12.0) + 5 * group
    folds = np.column_stack([np.repeat([0, 1], 6), np.repeat([0, 1, 0, 1], [2, 4, 4, 2])])
    table = TreeTable(group[:, None], ("q",), (PLAIN,), "a test")
    growth = Growth(rounds=1, select=False, patience=None, average=True, share=1.0)
    found = cross_fit(table, Squares(y), folds, np.arange(12), growth, np.random.default_rng(0))

    def means(rows: np.ndarray) -> np.ndarray:
        return np.array([y[rows & (group == g)].mean() for g in (0.0, 1.0)])

    by_fold = [[means(folds[:, r] != k) for k in (0, 1)] for r in (0, 1)]
    booster = load_booster(found.trees[0], caller="a test")
    margin = predict_margin(booster, np.array([[0.0], [1.0]]), ("q",), caller="a test")
    np.testing.assert_allclose(margin, np.mean(by_fold, axis=(0, 1)), rtol=1e-6)
    place = group.astype(int)
    held_out = [[by_fold[r][folds[i, r]][place[i]] for r in (0, 1)] for i in range(12)]
    np.testing.assert_allclose(found.margins[:, 0], np.mean(held_out, axis=1), rtol=1e-6)
    loss = -((y - found.margins[:, 0]) ** 2).sum() / 2
    np.testing.assert_allclose(found.log_likelihood, [-(y**2).sum() / 2, loss], rtol=1e-6)
    assert found.fewest_in_leaf == 3  # of six rows outside a fold, three per group
    alone = Growth(rounds=1, select=False, patience=None, average=False, share=1.0)
    single = cross_fit(table, Squares(y), folds, np.arange(12), alone, np.random.default_rng(0))
    whole = predict_margin(load_booster(single.trees[0], caller="a test"), np.array([[0.0], [1.0]]), ("q",), caller="")
    np.testing.assert_allclose(whole, means(np.ones(12, dtype=bool)), rtol=1e-6)
    np.testing.assert_array_equal(single.margins, found.margins)
    assert single.fewest_in_leaf == 6
    pairs = cross_fit(table, Squares(y), folds, np.arange(12) // 2, alone, np.random.default_rng(0))
    assert pairs.fewest_in_leaf == 6  # six patients, each with a row in both groups


def test_trees_are_grown_from_drawn_patients_as_a_whole() -> None:
    groups = np.repeat(np.arange(10), [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
    draw = _Draws(groups, 0.75, np.random.default_rng(0))
    taken = np.array([np.bincount(groups, weights=draw()) / np.bincount(groups) for _ in range(40)])
    assert np.isin(taken, (0.0, 1.0)).all()
    np.testing.assert_array_equal(taken.sum(axis=1), 8)  # of ten, rounded half to even
    assert len({tuple(row) for row in taken}) > 20
    assert _Draws(groups, 1.0, np.random.default_rng(0))() is None
    # a row that is not drawn changes no leaf, and is not counted behind it
    X, y = np.repeat([0.0, 1.0], 4)[:, None], np.array([1.0, 1.0, 1.0, 90.0, 2.0, 2.0, 2.0, 90.0])
    trees = GrowingTrees(X, ("q",), [PLAIN], caller="a test")
    drawn = y < 50
    trees.grow(y[:, None], np.ones((8, 1)), drawn)
    np.testing.assert_allclose(trees.margins()[[0, 7], 0], [1.0, 2.0], rtol=1e-6)
    assert trees.fewest_in_leaf(np.arange(8), 1) == 3


@pytest.mark.parametrize("kinds", [("q", "q"), ("q", "c")])
def test_the_mean_of_boosters_is_a_booster(kinds: tuple[str, str]) -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=60), rng.integers(0, 3, 60)])
    X[::7, 0] = np.nan
    grown = []
    for seed, rounds in ((2, 3), (3, 5)):
        trees = GrowingTrees(X, kinds, [{**PLAIN, "max_depth": 3, "learning_rate": 0.3}], caller="a test")
        y = np.random.default_rng(seed).normal(size=(60, 1)) + X[:, [1]]
        for _ in range(rounds):
            trees.grow(y - trees.margins(), np.ones((60, 1)))
        grown.append(trees)
    text = mean_of_boosters([grown[0].first(0, 3), grown[1].first(0, 4)])
    mean = load_booster(text, caller="a test")
    parts = [
        predict_margin(load_booster(trees.first(0, rounds), caller=""), X, kinds, caller="")
        for trees, rounds in zip(grown, (3, 4))
    ]
    np.testing.assert_allclose(predict_margin(mean, X, kinds, caller=""), np.mean(parts, axis=0), atol=1e-6)  # float32
    assert len(json.loads(text)["learner"]["gradient_booster"]["model"]["trees"]) == 7
    shares = margin_contributions(mean, X, kinds, caller="")
    np.testing.assert_allclose(shares.sum(axis=1), np.mean(parts, axis=0), atol=1e-5)
    again = mean_of_boosters([grown[0].first(0, 3), grown[1].first(0, 4)])
    assert text == again


def test_the_calls_of_its_c_interface_are_those_of_xgboost() -> None:
    """Trees and margins are, to the bit, those of the public methods; what the library refuses is an error."""
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(3)
    X, y, outside = rng.normal(size=(80, 2)), rng.normal(size=(80, 1)), rng.normal(size=(9, 2))
    parameters = {**PLAIN, "max_depth": 2, "learning_rate": 0.3}
    trees = GrowingTrees(X, ("q", "q"), [parameters, parameters], held_out=outside, caller="a test")
    assert not trees.margins().any()
    for target in (y, -y):
        trees.grow(target - trees.margins(), np.full((80, 2), 0.7))
    assert trees.held_out_margins().shape == (9, 2)
    np.testing.assert_array_equal(trees.margins()[:, 0], trees.margins()[:, 1])
    public = trees.boosters[1].predict(xgboost.DMatrix(outside, nthread=1), output_margin=True)
    np.testing.assert_array_equal(trees.held_out_margins()[:, 1].astype(np.float32), public)
    table = xgboost.DMatrix(X, nthread=1)
    common = {"tree_method": "hist", "nthread": 1, "base_score": 0.0, "disable_default_eval_metric": True}
    twin = xgboost.Booster({**common, "verbosity": 0, "seed_per_iteration": True, **parameters}, [table])
    for number, target in enumerate((y, -y)):
        gap = (twin.predict(table, output_margin=True, training=True) - target[:, 0].astype(float)).astype(np.float32)
        twin.boost(table, number, grad=gap, hess=np.full(80, 0.7, dtype=np.float32))
    assert save_booster(twin) == trees.first(0, 2)
    with pytest.raises(EstimationError, match=r"xgboost could not grow a tree: [^\n]+\Z"):
        trees._calls.grow(trees.boosters[0].handle, trees._train.handle, 2, b"{}", b"{}")
