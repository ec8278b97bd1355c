"""Mixtures of leaves against trees that are asked row by row."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import RiskPipeline, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import coalition_members, shapley_from_values
from lbp_prognosis.explain import _coalitions as module
from lbp_prognosis.explain import prediction_shapley, shap_values
from lbp_prognosis.explain._boosted_worths import boosted_worths, read_forest

pytest.importorskip("xgboost")
COLUMNS = ["c1", "c2", "p1", "m1", "m2", "g1"]
GROUPS = {"clinical": ["c1", "c2"], "reported": ["p1"], "imaging": ["m1", "m2"], "gait": ["g1"]}


@pytest.fixture(scope="module")
def data():
    d = syn(260)
    X = d[COLUMNS].copy()
    X.loc[::5, ["m1", "m2"]] = np.nan
    X.loc[::7, "c2"] = np.nan
    return X, d


def boosted(X, y, **options):
    from lbp_prognosis.models import BoostedCox

    return BoostedCox(rounds=30, select_rounds=False, folds=2, **options).fit(X, y)


@pytest.fixture(scope="module")
def models(data):
    X, d = data
    one = Surv.right(d["time"], d["event"])
    two = Surv.right(d["time"], d["status"])
    return {
        "one cause": boosted(X, one),
        "two causes": boosted(X, two, max_depth=3),
        "pipeline": RiskPipeline([], boosted(X, one)).fit(X, one),
    }


def by_enumeration(model, rows, drawn, groups, horizons, cause=1):
    """Return exact values: each mixed row is written out and predicted."""
    members = coalition_members(len(groups))
    worth = []
    for coalition in members:
        mixed = []
        for (_, row), (_, other) in product(rows.iterrows(), drawn.iterrows()):
            keep = {c for held, columns in zip(coalition, groups.values()) if held for c in columns}
            mixed.append([row[c] if c in keep else other[c] for c in rows.columns])
        risk = model.predict_risk(pd.DataFrame(mixed, columns=rows.columns), horizons, cause)
        worth.append(risk.reshape(len(rows), len(drawn), -1).mean(axis=1))
    return shapley_from_values(np.array(worth)).transpose(1, 0, 2)


@pytest.mark.parametrize("name", ["one cause", "two causes", "pipeline"])
def test_values_are_the_enumerated_ones_with_missing_rows(models, data, name) -> None:
    X, _ = data
    model, rows, drawn = models[name], X[:6], X[100:].dropna()[:8]
    assert rows.isna().any().any()
    assert boosted_worths(model, rows, drawn, {k: tuple(v) for k, v in GROUPS.items()}, np.array([12.0]), 1) is not None
    for cause in (1, 2) if name == "two causes" else (1,):
        found = prediction_shapley(model, rows, GROUPS, drawn, horizons=[6, 12], cause=cause)
        # trees hold single-precision numbers
        np.testing.assert_allclose(found.values, by_enumeration(model, rows, drawn, GROUPS, [6, 12], cause), atol=1e-6)
        np.testing.assert_allclose(found.prediction, model.predict_risk(rows, [6, 12], cause), atol=1e-6)
        np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.prediction, atol=1e-12)


def test_columns_and_log_hazards_agree_with_tables(models, data, monkeypatch) -> None:
    X, _ = data
    model, rows, drawn = models["one cause"], X[:5], X[100:].dropna()[:20]
    fast = shap_values(model, rows, drawn)
    fast_risk = shap_values(model, rows, drawn, scale="risk", horizons=12, players="owen", groups=GROUPS)
    monkeypatch.setattr(module, "boosted_worths", lambda *a: None)
    np.testing.assert_allclose(fast.values, shap_values(model, rows, drawn).values, atol=5e-6)
    slow = shap_values(model, rows, drawn, scale="risk", horizons=12, players="owen", groups=GROUPS)
    np.testing.assert_allclose(fast_risk.values, slow.values, atol=1e-6)


def test_margins_are_the_boosters_own(models, data) -> None:
    X, _ = data
    model, rows = models["one cause"], X[:40]
    who = {column: (column,) for column in COLUMNS}
    found = boosted_worths(model, rows, X.dropna()[:1], who, None, 1)
    everybody = found(np.ones((1, len(who)), dtype=bool))[0, :, 0]
    np.testing.assert_array_equal(everybody, model.linear_predictor(rows))


def test_what_is_more_than_trees_is_left_to_tables(models, data) -> None:
    X, d = data
    y = Surv.right(d["time"], d["event"])
    who = {column: (column,) for column in COLUMNS}
    drawn = X.dropna()[:5]
    asked = (who, np.array([12.0]), 1)
    strata = boosted(X.assign(site=d["site"] > 3), y, strata="site")
    assert boosted_worths(strata, X.assign(site=1)[:3], drawn.assign(site=1), *asked) is None
    nominal = boosted(X.assign(work=pd.Categorical(np.where(d["u15"] > 0.5, "a", "b"))), y)
    assert boosted_worths(nominal, X[:3], drawn, *asked) is None
    assert boosted_worths(models["one cause"], X[:3], drawn, {"c1": ("c1",)}, np.array([12.0]), 1) is None
    beyond = shap_values(models["one cause"], X[:3], drawn, scale="risk", horizons=[12, 1e4])
    assert np.isnan(beyond.values[:, :, 1]).all()


def test_trees_with_many_leaves_are_not_read(data) -> None:
    X, d = data
    deep = boosted(X, Surv.right(d["time"], d["event"]), max_depth=12, min_leaf_events=0.01, reg_lambda=0.0)
    forest = read_forest(deep.trees_[1])
    if forest is None:
        who = {column: (column,) for column in COLUMNS}
        assert boosted_worths(deep, X[:3], X.dropna()[:3], who, None, 1) is None
    found = shap_values(deep, X[:2], X.dropna()[:5])
    np.testing.assert_allclose(found.prediction[:, 0], deep.linear_predictor(X[:2]), atol=1e-6)


def test_risks_of_log_hazards(models, data) -> None:
    X, _ = data
    model = models["two causes"]
    scores = np.column_stack([model.linear_predictor(X, cause) for cause in model.causes_])
    times = [3.0, 12.0, 1e4]
    found = model.risk_of_log_hazards(scores, times, 2)
    np.testing.assert_allclose(found[:, 1], model.predict_risk(X, 12.0, 2)[:, 0], atol=1e-15)
    assert np.isnan(found[:, 2]).all()
    with pytest.raises(ArgumentError, match="log_hazards"):
        model.risk_of_log_hazards(scores[:, :1], times)
