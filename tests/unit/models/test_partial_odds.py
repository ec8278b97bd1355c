"""Partial proportional odds and the test of common coefficients."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from lbp_prognosis import LBPError, Measured, Status
from lbp_prognosis.deployment import NoEquation, equation
from lbp_prognosis.models import LogisticRisk, OrdinalRegression, proportional_odds_test
from lbp_prognosis.models._base import RiskEstimator


def simulated(n: int = 800, gap: float = 1.5, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Four levels; x acts by 0.5 on the first threshold and by 0.5 + gap on the last."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"x": rng.uniform(-1, 1, n), "z": rng.normal(size=n)})
    slopes = 0.5 + gap * np.array([0, 0.5, 1.0])
    below = expit(np.array([-1.5, 0.0, 2.5]) - np.outer(X["x"], slopes) - 0.7 * X["z"].to_numpy()[:, None])
    score = (rng.uniform(size=n)[:, None] > below).sum(axis=1)
    return X, Measured.at(12, score, lower=0, upper=3, at_most=1)


def test_coefficients_are_found_and_predictions_are_distributions() -> None:
    X, y = simulated(4000)
    model = OrdinalRegression(partial=["x"]).fit(X, y)
    table = model.to_frame().set_index("term")
    for term, truth in zip(("x: > 0", "x: > 1", "x: > 2", "z"), (0.5, 1.25, 2.0, 0.7)):
        assert abs(table.loc[term, "coef"] - truth) < 3.5 * table.loc[term, "se"], term
    assert np.isnan(model.coef_[0])
    found = model.predict_distribution(X)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    far = model.predict_distribution(pd.DataFrame({"x": [-40.0, 40.0], "z": [0.0, 0.0]}))  # where lines have crossed
    assert (far >= 0).all()
    common = OrdinalRegression().fit(X, y)
    assert model.log_likelihood_ > common.log_likelihood_ + 10


def test_all_columns_at_two_levels_are_logistic_and_each_threshold_near_its_own() -> None:
    X, y = simulated(3000)
    model = OrdinalRegression(partial=["x", "z"]).fit(X, y)
    for k in range(3):
        alone = LogisticRisk().fit(X, Status.at(12, (y["value"] > k).astype(int)))
        np.testing.assert_allclose(model.partial_coef_[k], alone.coef_, atol=0.12)
    two = Measured.at(12, y["value"] > 1, lower=0, upper=1)
    alone = LogisticRisk().fit(X, Status.at(12, (y["value"] > 1).astype(int)))
    np.testing.assert_allclose(
        OrdinalRegression(partial=["x"]).fit(X, two).partial_coef_[0, 0], alone.coef_[0], rtol=1e-7
    )


def test_score_test_by_numeric_derivatives() -> None:
    X, y = simulated(200)
    model = OrdinalRegression().fit(X, y)
    found = proportional_odds_test(model, X, y).set_index("term")

    def each(theta: np.ndarray) -> np.ndarray:
        alpha, gamma, beta = theta[:3], theta[3:6], theta[6]
        below = expit(alpha - np.outer(X["x"], gamma) - beta * X["z"].to_numpy()[:, None])
        edge = np.zeros((len(X), 1))
        return np.diff(np.column_stack([edge, below, edge + 1]), axis=1)

    at = np.concatenate([model.thresholds_, np.full(3, model.coef_[0]), [model.coef_[1]]])
    step = 1e-6
    slopes = np.array([(each(at + e) - each(at - e)) / (2 * step) for e in np.eye(at.size) * step])  # (P, n, K)
    mass = each(at)
    place = y["value"].astype(int)
    gradient = (slopes / mass)[:, np.arange(len(X)), place].sum(axis=1)
    expected = gradient @ np.linalg.solve(np.einsum("ank,bnk->ab", slopes / mass, slopes), gradient)
    assert found.loc["x", "chi2"] == pytest.approx(expected, rel=1e-6)
    assert found.loc["x", "df"] == 2
    assert found.loc["all", "df"] == 4


def test_sparse_scores_are_classes_of_enough_patients() -> None:
    from lbp_prognosis.models._proportional_odds_test import _classes

    level = np.repeat(np.arange(6), [30, 5, 18, 40, 2, 1])
    assert np.bincount(_classes(level, 20)).tolist() == [30, 23, 43]
    assert np.bincount(_classes(level, 5)).tolist() == [30, 5, 18, 43]
    assert _classes(np.arange(400), 1).max() + 1 == 20
    X, y = simulated(600, gap=0.0)
    value = np.where((y["value"] == 3) & (np.arange(600) % 150 == 0), 9.0, y["value"])  # two or three patients alone
    sparse = Measured.at(12, value, lower=0, upper=10)
    found = proportional_odds_test(OrdinalRegression().fit(X, sparse), X, sparse)
    assert (found["p"] > 1e-3).all()


def test_score_test_finds_what_the_likelihood_ratio_finds() -> None:
    X, y = simulated(1500)
    common = OrdinalRegression().fit(X, y)
    found = proportional_odds_test(common, X, y).set_index("term")
    ratio = 2 * (OrdinalRegression(partial=["x"]).fit(X, y).log_likelihood_ - common.log_likelihood_)
    assert found.loc["x", "chi2"] == pytest.approx(ratio, rel=0.15)
    assert found.loc["x", "p"] < 1e-6
    assert found.loc["z", "p"] > 0.001


def test_weights_are_copies_errors_robust_and_files_round() -> None:
    X, y = simulated(300)
    copies = np.random.default_rng(1).integers(1, 4, 300)
    from lbp_prognosis.survival import Weights

    rows = np.repeat(np.arange(300), copies)
    weighted = OrdinalRegression(partial=["x"]).fit(X, y, sample_weight=Weights(copies.astype(float), "frequency"))
    copied = OrdinalRegression(partial=["x"]).fit(X.iloc[rows].reset_index(drop=True), y[rows])
    np.testing.assert_allclose(weighted.partial_coef_, copied.partial_coef_, rtol=1e-8)
    np.testing.assert_allclose(weighted.covariance_, copied.covariance_, rtol=1e-7)
    robust = OrdinalRegression(partial=["x"]).fit(X, y, clusters=np.arange(300) // 2)
    assert robust.variance_ == "robust"
    again = RiskEstimator.from_dict(json.loads(json.dumps(weighted.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.predict_distribution(X), weighted.predict_distribution(X))


def test_wrong_calls_are_told() -> None:
    X, y = simulated(200)
    with pytest.raises(LBPError, match="partial"):
        OrdinalRegression(partial=["age"]).fit(X, y)
    with pytest.raises(LBPError, match="penalty"):
        OrdinalRegression(partial=["x"], penalty=1.0).fit(X, y)
    model = OrdinalRegression(partial=["x"]).fit(X, y)
    with pytest.raises(LBPError, match="predict_mean"):
        model.linear_predictor(X)
    assert model.linear_predictor_scale is None
    assert OrdinalRegression().linear_predictor_scale == "score"
    with pytest.raises(NoEquation, match="threshold"):
        equation(model)
    with pytest.raises(LBPError, match="without penalty"):
        proportional_odds_test(model, X, y)
    two = Measured.at(12, y["value"] > 1, lower=0, upper=1)
    with pytest.raises(LBPError, match="threshold"):
        proportional_odds_test(OrdinalRegression().fit(X, two), X, two)
    with pytest.raises(LBPError, match="outcome of the fit"):
        proportional_odds_test(OrdinalRegression().fit(X, y), X[:50], y[:50])
