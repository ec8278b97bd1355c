"""Models of a score: likelihood by brute force, weights, offsets, errors, and the way into validation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, ndtr

from lbp_prognosis import Measured, evaluate
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis.models import LinearOutcome, OrdinalRegression
from lbp_prognosis.survival import Weights
from lbp_prognosis.validation import cross_validate_risk

LINKS = {"logit": expit, "probit": ndtr, "cloglog": lambda x: -np.expm1(-np.exp(x))}


@pytest.fixture(scope="module")
def scores():
    rng = np.random.default_rng(5)
    X = pd.DataFrame(rng.normal(size=(240, 2)), columns=["nrs", "odi"]) * [2.0, 15.0] + [5.0, 35.0]
    latent = 0.4 * X["nrs"] + 0.05 * X["odi"] + rng.logistic(size=240)
    value = np.clip(np.round(latent), 0, 6)
    return X, value.where(rng.random(240) > 0.1)


def measured(value, **keywords):
    return Measured.at(12, value, lower=0, upper=10, **keywords)


@pytest.mark.parametrize("link", sorted(LINKS))
def test_ordinal_regression_maximises_the_likelihood(scores, link) -> None:
    X, value = scores
    model = OrdinalRegression(link=link).fit(X, measured(value))
    seen = value.notna().to_numpy()
    place = np.searchsorted(model.levels_, value[seen])
    Z = X[seen].to_numpy()

    def minus(theta):
        alpha = np.cumsum(np.r_[theta[0], np.exp(theta[1 : model.thresholds_.size])])
        below = LINKS[link](np.r_[-50.0, alpha, 50.0] - (Z @ theta[-2:])[:, None])
        return -np.log(np.diff(below, axis=1)[np.arange(place.size), place]).sum()

    start = np.r_[model.thresholds_[0], np.log(np.diff(model.thresholds_)), model.coef_]
    assert minus(start) == pytest.approx(-model.log_likelihood_, abs=1e-9)
    rng = np.random.default_rng(0)
    size = np.r_[np.ones(start.size - 1), 0.05]  # the last column is wide
    for step in (1e-3, 1e-2):  # a concave likelihood with no better neighbour has its maximum here
        near = [minus(start + step * size * rng.normal(size=start.size)) for _ in range(50)]
        assert min(near) > -model.log_likelihood_
    assert model.n_missing_ == int(value.isna().sum())


def test_two_levels_are_logistic_regression(scores) -> None:
    from lbp_prognosis import Status
    from lbp_prognosis.models import LogisticRisk

    X, value = scores
    high = (value > 3).astype(float).where(value.notna())
    ours = OrdinalRegression().fit(X, measured(high, at_least=1))
    plain = LogisticRisk().fit(X, Status.at(12, high))
    np.testing.assert_allclose(ours.coef_, plain.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.covariance_, plain.covariance_[1:, 1:], rtol=1e-7)
    np.testing.assert_allclose(ours.predict_risk(X, 12), plain.predict_risk(X, 12), rtol=1e-8)


@pytest.mark.parametrize("model", [OrdinalRegression(), OrdinalRegression(penalty=3.0), LinearOutcome()])
def test_frequency_weights_are_copies(scores, model) -> None:
    X, value = scores
    copies = np.random.default_rng(1).integers(0, 4, len(X))
    from sklearn.base import clone

    weighted = clone(model).fit(X, measured(value), sample_weight=Weights(copies, "frequency"))
    rows = np.repeat(np.arange(len(X)), copies)
    copied = clone(model).fit(X.iloc[rows].reset_index(drop=True), measured(value.to_numpy()[rows]))
    np.testing.assert_allclose(weighted.coef_, copied.coef_, rtol=1e-8)
    np.testing.assert_allclose(weighted.covariance_, copied.covariance_, rtol=1e-7)


def test_robust_errors_of_ordinal_regression_equal_the_numeric_sandwich(scores) -> None:
    X, value = scores
    keep = value.notna().to_numpy()
    X, value = X[keep].reset_index(drop=True), value[keep].to_numpy()
    model = OrdinalRegression(variance="robust").fit(X, measured(value))
    place = np.searchsorted(model.levels_, value)
    theta = np.r_[model.thresholds_, model.coef_]

    def rows(t):
        below = expit(np.r_[-60.0, t[:-2], 60.0] - (X.to_numpy() @ t[-2:])[:, None])
        return np.log(np.diff(below, axis=1)[np.arange(place.size), place])

    step = 1e-5 * np.maximum(np.abs(theta), 1.0)
    score = np.column_stack([(rows(theta + d) - rows(theta - d)) / (2 * s) for s, d in zip(step, np.diag(step))])
    size = theta.size
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            a, b = np.diag(step)[i] * 30, np.diag(step)[j] * 30
            total = rows(theta + a + b) - rows(theta + a - b) - rows(theta - a + b) + rows(theta - a - b)
            hessian[i, j] = total.sum() / (4 * a.sum() * b.sum())
    bread = np.linalg.inv(-hessian)
    np.testing.assert_allclose(model.covariance_, (bread @ score.T @ score @ bread)[-2:, -2:], rtol=1e-3)  # differences


def test_offset_ridge_and_collinear_columns(scores) -> None:
    X, value = scores
    y = measured(value)
    plain = OrdinalRegression().fit(X, y)
    shifted = OrdinalRegression().fit(X, y, offset=0.4 * X["nrs"])
    assert shifted.coef_[0] == pytest.approx(plain.coef_[0] - 0.4, rel=1e-7)
    assert np.abs(OrdinalRegression(penalty=50.0).fit(X, y).coef_[0]) < np.abs(plain.coef_[0])
    with pytest.raises(EstimationError, match="sum"):
        OrdinalRegression().fit(X.assign(sum=X["nrs"] + X["odi"]), y)
    dropped = OrdinalRegression(collinear="drop").fit(X.assign(sum=X["nrs"] + X["odi"]), y)
    np.testing.assert_allclose(dropped.coef_, [*plain.coef_, 0.0], rtol=1e-8)


def test_separated_scores_and_a_single_score_are_told() -> None:
    x = np.linspace(-2, 2, 60)[:, None]
    with pytest.raises(EstimationError, match="separates"):
        OrdinalRegression().fit(x, measured(np.digitize(x[:, 0], [-1, 0, 1])))
    with pytest.raises(EstimationError, match="two different scores"):
        OrdinalRegression().fit(x, measured(np.full(60, 3)))
    with pytest.raises(EstimationError, match="two different scores"):
        LinearOutcome().fit(x, measured(np.full(60, np.nan)))


def test_a_continuous_score_has_a_level_per_patient() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    value = 50 + 10 * x[:, 0] + 5 * rng.logistic(size=400)
    y = Measured.at(12, value, lower=-100, upper=200, kind="continuous")
    model = OrdinalRegression().fit(x, y)
    assert model.levels_.size == 400
    assert model.coef_[0] == pytest.approx(2.0, abs=0.4)
    np.testing.assert_allclose(model.predict_mean([[0.0]]), 50, atol=2)
    median = model.predict_quantile([[1.0]], method="discrete")
    assert median[0] in model.levels_
    assert model.predict_quantile([[1.0]])[0] == pytest.approx(median[0], abs=1.0)


def test_risks_at_a_cut_on_below_and_above_it(scores) -> None:
    X, value = scores
    model = OrdinalRegression().fit(X, measured(value, at_most=2))
    p = model.predict_distribution(X[:3])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(model.predict_risk(X[:3])[:, 0], p[:, model.levels_ <= 2].sum(axis=1))
    np.testing.assert_allclose(model.predict_risk(X[:3], at_most=1.999)[:, 0], p[:, model.levels_ <= 1].sum(axis=1))
    np.testing.assert_allclose(model.predict_risk(X[:3], at_least=2)[:, 0], p[:, model.levels_ >= 2].sum(axis=1))
    own = model.predict_risk(X[:3], at_most=np.array([0, 2, 6]))[:, 0]  # a cut that depends on the baseline
    np.testing.assert_allclose(own, [p[0, 0], p[1, :3].sum(), 1])
    assert np.isnan(model.predict_risk(X[:3], [6, 12])[:, 0]).all()
    bare = OrdinalRegression().fit(X, measured(value))
    with pytest.raises(ArgumentError, match="at_most"):
        bare.predict_risk(X[:3])
    with pytest.raises(ArgumentError, match="at_most"):
        bare.predict_risk(X[:3], at_most=[1, 2])


@pytest.mark.parametrize("model", [OrdinalRegression(), OrdinalRegression(link="probit"), LinearOutcome()])
def test_score_models_go_into_files_and_cross_validation(scores, model) -> None:
    from sklearn.base import clone

    X, value = scores
    y = measured(value, at_most=3)
    fitted = clone(model).fit(X, y)
    again = type(model).from_dict(fitted.to_dict())
    np.testing.assert_array_equal(again.predict_risk(X), fitted.predict_risk(X))
    folds = cross_validate_risk(model, X, y, n_splits=4, n_repeats=1, random_state=0)
    found = folds.evaluate([0.4, 0.6])
    assert 0.6 < found.metric("auc").value < 0.95
    with pytest.raises(OutcomeError, match="cut"):
        evaluate(measured(value), np.full(len(X), 0.5))


def test_linear_outcome_has_the_errors_of_hc3(scores) -> None:
    X, value = scores
    keep = value.notna().to_numpy()
    Z = np.column_stack([np.ones(keep.sum()), X[keep]])
    y = value[keep].to_numpy()
    model = LinearOutcome(variance="robust").fit(X, measured(value))
    bread = np.linalg.inv(Z.T @ Z)
    theta = bread @ Z.T @ y
    residual = (y - Z @ theta) / (1 - np.einsum("ij,jk,ik->i", Z, bread, Z))
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], theta, rtol=1e-8)
    np.testing.assert_allclose(model.covariance_, bread @ (Z.T * residual**2) @ Z @ bread, rtol=1e-7)
    assert list(model.to_frame()["term"]) == ["(intercept)", "nrs", "odi"]
