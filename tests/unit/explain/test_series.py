"""Closed Shapley values of a link of a sum: within their own bound of what enumeration gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_models import Hazard
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import (
    coalition_members,
    exponential_shapley,
    reachable_sums,
    shapley_from_values,
)
from lbp_prognosis.explain import shap_values
from lbp_prognosis.explain._exponential_fit import LINK_INVERSES, fitted_exponentials
from lbp_prognosis.models import CauseSpecificCox, LogisticRisk, ParametricAFT

COLUMNS = ["c1", "c2", "p1", "p2", "m1", "m2", "g1"]


def by_enumeration(own, drawn, outputs):
    """Return exact Shapley values, ``(n, k, n_outputs)``: all coalitions, all pairs of rows, no cleverness."""
    members = coalition_members(own.shape[1])
    sums = (members @ own.T)[:, :, None] + (~members @ drawn.T)[:, None, :]
    worth = np.stack([output(sums).mean(axis=2) for output in outputs], axis=-1)
    return shapley_from_values(worth).transpose(1, 0, 2)


@pytest.mark.parametrize("link", list(LINK_INVERSES))
@pytest.mark.parametrize("players", [1, 2, 5, 8])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-6])
def test_values_are_within_the_bound(link: str, players: int, tolerance: float) -> None:
    rng = np.random.default_rng(players)
    own, drawn = 0.5 * rng.normal(size=(3, players)), 0.5 * rng.normal(size=(6, players))
    own[0, 0] = drawn[0, 0]  # a pair that does not differ
    intercept, slope = np.array([-0.5, 0.3]), np.array([1.0, -1.4])
    low, high = reachable_sums(own, drawn)
    found = fitted_exponentials(link, intercept, slope, low, high, tolerance)
    assert found is not None
    function, missed = found
    assert missed <= tolerance
    values = exponential_shapley(own, drawn, function, tolerance / 5)
    exact = by_enumeration(
        own, drawn, [lambda s, h=h: LINK_INVERSES[link](intercept[h] + slope[h] * s) for h in (0, 1)]
    )
    assert np.abs(values - exact).max() <= 2 * missed + tolerance / 5


def test_the_bound_holds_between_the_points_of_the_grid() -> None:
    function, missed = fitted_exponentials("cloglog", np.array([-0.7]), np.ones(1), -9.0, 8.0, 1e-5)
    s = np.random.default_rng(0).uniform(-9, 8, 20_000)
    turns = np.arange(1, len(function.weights) + 1) * function.step
    series = function.slope[0] * s + (np.exp(1j * np.outer(s - function.centre, turns)) @ function.weights[:, 0]).real
    away = -np.expm1(-np.exp(-0.7 + s)) - series
    # the constant is left out of the series
    assert np.ptp(away) <= 2 * missed


def test_small_rules_err_by_no_more_than_they_may() -> None:
    rng = np.random.default_rng(3)
    own, drawn = 0.25 * rng.normal(size=(4, 40)), 0.25 * rng.normal(size=(5, 40))
    function, _ = fitted_exponentials("cloglog", np.array([-0.7]), np.ones(1), *reachable_sums(own, drawn), 1e-4)
    exact = exponential_shapley(own, drawn, function, 1e-14)
    for tolerance in (1e-3, 1e-5, 1e-8):
        assert np.abs(exponential_shapley(own, drawn, function, tolerance) - exact).max() <= tolerance


@pytest.mark.parametrize(
    "make",
    [
        lambda X, y, d: CoxPH().fit(X, y),
        lambda X, y, d: CauseSpecificCox().fit(X, y),
        lambda X, y, d: ParametricAFT("lognormal").fit(X, y),
        lambda X, y, d: ParametricAFT("loglogistic").fit(X, y),
        lambda X, y, d: LogisticRisk().fit(X, Status.at(12, (d["time"] <= 12).astype(int))),
    ],
    ids=["cox", "one cause", "lognormal", "loglogistic", "logistic"],
)
def test_models_are_shared_out_within_the_bound(make) -> None:
    d = syn(200)
    X, y = d[COLUMNS], Surv.right(d["time"], d["event"] == 1)
    model = make(X, y, d)
    asked = {"scale": "risk", "horizons": 12}
    exact = shap_values(model, X[:6], X[100:150], method="exact", **asked)
    series = shap_values(model, X[:6], X[100:150], method="series", **asked)
    assert series.error_bound < 5e-4
    assert np.abs(series.values - exact.values).max() <= series.error_bound
    np.testing.assert_allclose(series.prediction, model.predict_risk(X[:6], 12), atol=1e-10)
    np.testing.assert_allclose(series.values.sum(axis=1) + series.base, series.prediction, atol=1e-12)
    assert "error ≤" in repr(series)


def test_many_columns_with_one_that_does_nothing() -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(60, 14)), columns=[f"f{k}" for k in range(14)])
    coef = rng.normal(size=14) / 5
    coef[4] = 0.0
    model = Hazard(coef=coef)
    found = shap_values(model, X[:3], X, scale="risk", horizons=[3, 12])
    assert found.method == "series"
    exact = by_enumeration(
        X[:3].to_numpy() * coef,
        X.to_numpy() * coef,
        [lambda s, t=t: -np.expm1(-0.04 * t * np.exp(s)) for t in (3, 12)],
    )
    assert np.abs(found.values - exact).max() <= found.error_bound <= 5e-4
    np.testing.assert_allclose(found.values[:, 4], 0, atol=1e-15)
    with pytest.raises(ArgumentError, match="players"):
        shap_values(model, X[:3], X, scale="risk", horizons=3, first=["f1"])


def test_a_range_without_end_is_no_series() -> None:
    assert fitted_exponentials("cloglog", np.zeros(1), np.ones(1), -5000.0, 5000.0, 1e-4) is None
