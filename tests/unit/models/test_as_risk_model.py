"""Foreign models in our currency: real lifelines fitters and classifiers, and look-alikes of what is not installed."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.models import CoxPH, LogisticRisk, NullModel, ParametricAFT, as_risk_model

COLUMNS = ["c1", "c2", "p1"]


@pytest.fixture(scope="module")
def cohort():
    return syn(n=300)


@pytest.fixture(scope="module")
def outcome(cohort):
    return Surv.right(cohort.time, cohort.event)


def test_lifelines_cox_is_read_in_steps(cohort, outcome):
    """lifelines runs straight lines between event times, so its own risk between them is not the model's."""
    from lifelines import CoxPHFitter

    X = cohort[COLUMNS]
    adapted = as_risk_model(CoxPHFitter()).fit(X, outcome)
    ours = CoxPH(ties="efron").fit(X, outcome)
    breslow = CoxPH(ties="breslow").fit(X, outcome)
    np.testing.assert_allclose(adapted.predict_risk(X, [6, 12, 24]), ours.predict_risk(X, [6, 12, 24]), atol=6e-3)
    grid = np.unique(outcome["time"][outcome["event"] == 1])
    gap = int(np.argmax(np.diff(grid[:200])))
    between = [grid[gap], grid[gap + 1] - 0.01]
    risk = adapted.predict_risk(X, between)
    np.testing.assert_array_equal(risk[:, 0], risk[:, 1])
    np.testing.assert_array_equal(np.ptp(breslow.predict_risk(X, between), axis=1), 0)
    straight = 1 - adapted.estimator_.predict_survival_function(X, times=between).to_numpy().T
    assert (straight[:, 1] > straight[:, 0]).any()
    assert np.isnan(adapted.predict_risk(X, 100)).all()


def test_lifelines_parametric_and_univariate(cohort, outcome):
    from lifelines import KaplanMeierFitter, WeibullAFTFitter

    X = cohort[COLUMNS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weibull = as_risk_model(WeibullAFTFitter()).fit(X, outcome)
    exact = ParametricAFT("weibull").fit(X, outcome)
    np.testing.assert_allclose(weibull.predict_risk(X, [6, 12]), exact.predict_risk(X, [6, 12]), atol=1e-4)
    curve = as_risk_model(KaplanMeierFitter()).fit(X, outcome)
    np.testing.assert_allclose(
        curve.predict_risk(X, [6, 12]), NullModel().fit(X, outcome).predict_risk(X, [6, 12]), rtol=1e-10
    )


def test_a_fitted_lifelines_model_needs_no_fit(cohort, outcome):
    from lifelines import CoxPHFitter

    table = cohort[[*COLUMNS, "time", "event"]]
    fitted = CoxPHFitter().fit(table, "time", "event")
    adapted = as_risk_model(fitted)
    refitted = as_risk_model(CoxPHFitter()).fit(cohort[COLUMNS], outcome)
    np.testing.assert_allclose(
        adapted.predict_risk(cohort[COLUMNS], 12), refitted.predict_risk(cohort[COLUMNS], 12), atol=1e-6
    )
    assert np.isnan(adapted.predict_risk(cohort[COLUMNS], 1000)).all()
    with pytest.raises(NotFittedError):
        as_risk_model(CoxPHFitter()).predict_risk(cohort[COLUMNS], 12)
    with pytest.raises(OutcomeError, match="CauseSpecificCox"):
        as_risk_model(CoxPHFitter()).fit(cohort[COLUMNS], Surv.right(cohort.time, cohort.status))


class _Steps:
    """A step function as scikit-survival returns them."""

    def __init__(self, x, y):
        self.x, self.y, self.a, self.b = x, y, 1.0, 0.0


class _SurvivalLookalike(BaseEstimator):
    """The interface of a scikit-survival estimator around our own model."""

    def fit(self, X, y):
        event, time = y.dtype.names
        assert y[event].dtype == bool
        self.inner_ = CoxPH().fit(X, Surv.right(y[time], y[event]))
        self.unique_times_ = np.unique(y[time])
        return self

    def predict_survival_function(self, X):
        return [_Steps(self.unique_times_, row) for row in 1 - self.inner_.predict_risk(X, self.unique_times_)]


class _IncidenceLookalike(BaseEstimator):
    """The interface of a hazardous estimator: incidences of all events, survival first."""

    def fit(self, X, y):
        self.event_ids_ = np.unique(np.append(y["event"], 0))
        self.inner_ = NullModel().fit(X, Surv.right(y["duration"], y["event"]))
        return self

    def predict_cumulative_incidence(self, X, times=None):
        parts = np.stack([self.inner_.predict_risk(X, times, cause=k) for k in self.event_ids_[1:]], axis=1)
        return np.concatenate([1 - parts.sum(axis=1, keepdims=True), parts], axis=1)


def test_scikit_survival_interface(cohort, outcome):
    adapted = as_risk_model(_SurvivalLookalike())
    again = clone(adapted).fit(cohort[COLUMNS], outcome)
    own = CoxPH().fit(cohort[COLUMNS], outcome).predict_risk(cohort[COLUMNS], [6, 12.03])
    np.testing.assert_allclose(again.predict_risk(cohort[COLUMNS], [6, 12.03]), own, rtol=1e-12)
    assert not hasattr(adapted, "estimator_")
    with pytest.raises(ArgumentError, match="sample_weight"):
        as_risk_model(_SurvivalLookalike()).fit(cohort[COLUMNS], outcome, sample_weight=np.ones(300))
    with pytest.raises(ArgumentError, match="entry"):
        as_risk_model(_SurvivalLookalike()).fit(
            cohort[COLUMNS], Surv.right(cohort.time, cohort.event, entry=0 * cohort.time)
        )


def test_hazardous_interface(cohort):
    y = Surv.right(cohort.time, cohort.status)
    adapted = as_risk_model(_IncidenceLookalike()).fit(cohort[COLUMNS], y)
    for cause in (1, 2):
        np.testing.assert_allclose(
            adapted.predict_risk(cohort[COLUMNS], [6, 12], cause=cause),
            NullModel().fit(cohort[COLUMNS], y).predict_risk(cohort[COLUMNS], [6, 12], cause=cause),
            rtol=1e-12,
        )
    with pytest.raises(ArgumentError, match="cause"):
        adapted.predict_risk(cohort[COLUMNS], 6, cause=3)


def test_a_classifier_knows_one_horizon(cohort):
    state = cohort.y.to_numpy().copy()
    state[:40] = -1
    adapted = as_risk_model(LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000))
    adapted.fit(cohort[COLUMNS], Status.at(12, state))
    ours = LogisticRisk().fit(cohort[COLUMNS], Status.at(12, state))
    np.testing.assert_allclose(
        adapted.predict_risk(cohort[COLUMNS], 12), ours.predict_risk(cohort[COLUMNS], 12), atol=1e-5
    )
    assert adapted.n_missing_ == 40
    assert np.isnan(adapted.predict_risk(cohort[COLUMNS], [6, 12])[:, 0]).all()
    fitted = LogisticRegression().fit(cohort[COLUMNS], cohort.y)
    with pytest.raises(ArgumentError, match="horizon"):
        as_risk_model(fitted).predict_risk(cohort[COLUMNS], 12)
    assert as_risk_model(fitted, horizon=12).predict_risk(cohort[COLUMNS], 12).shape == (300, 1)
    with pytest.raises(OutcomeError, match=r"Status\.at"):
        as_risk_model(LogisticRegression()).fit(cohort[COLUMNS], Surv.right(cohort.time, cohort.event))
    three = LogisticRegression().fit(cohort[COLUMNS], cohort.site)
    with pytest.raises(ArgumentError, match="states 0 and 1"):
        as_risk_model(three, horizon=12).predict_risk(cohort[COLUMNS], 12)


def test_a_function_and_its_checks(cohort):
    X = cohort[COLUMNS]
    formula = as_risk_model(lambda frame, horizons: 1 - np.exp(-0.02 * np.outer(np.exp(frame["c1"]), horizons)))
    risk = formula.predict_risk(X, [6, 12])
    assert risk.shape == (300, 2)
    assert formula.fit(X, Surv.right(cohort.time, cohort.event)).score(X, Surv.right(cohort.time, cohort.event)) < 0
    limited = as_risk_model(lambda frame, horizons: np.full((len(frame), len(horizons)), 0.5), max_time=10)
    assert np.isnan(limited.predict_risk(X, [6, 12])[:, 1]).all()
    with pytest.raises(ArgumentError, match="probability"):
        as_risk_model(lambda frame, horizons: np.full((len(frame), len(horizons)), 1.5)).predict_risk(X, 6)
    with pytest.raises(ArgumentError, match="scattered"):
        as_risk_model(lambda frame, horizons: np.where(frame["c1"] > 0, 0.5, np.nan)).predict_risk(X, 6)
    model = CoxPH()
    assert as_risk_model(model) is model
    with pytest.raises(ArgumentError, match="predict_proba"):
        as_risk_model(object()).predict_risk(X, 6)
    with pytest.raises(ArgumentError, match="saved"):
        as_risk_model(LogisticRegression(), horizon=12).to_dict()
    assert isinstance(X, pd.DataFrame)
