"""``predict`` and ``predict_survival_function`` mean what users of scikit-survival expect."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis import models as M
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation import concordance

DATA = syn(300)
X = DATA[["c1", "p1", "m1"]]
Y = Surv.right(DATA["time"], DATA["status"] == 1)
COMPETING = Surv.right(DATA["time"], DATA["status"], censored=0)
MODELS = [M.CoxPH(), M.ElasticNetCox(), M.ParametricAFT(), M.RoystonParmar(), M.CauseSpecificCox()]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_predict_is_higher_for_an_earlier_event(model):
    y = COMPETING if isinstance(model, M.CauseSpecificCox) else Y
    fitted = model.fit(X, y)
    assert concordance(y, fitted.predict(X)).value > 0.6
    risk = fitted.predict_risk(X, [12.0])[:, 0]
    if y is Y:
        np.testing.assert_array_equal(np.argsort(fitted.predict(X)), np.argsort(risk))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_functions_numbers_and_predict_survival_agree(model):
    fitted = model.fit(X, COMPETING if isinstance(model, M.CauseSpecificCox) else Y)
    curves = fitted.predict_survival_function(X.iloc[:5])
    numbers = fitted.predict_survival_function(X.iloc[:5], return_array=True)
    assert numbers.shape == (5, fitted.unique_times_.size)
    assert (np.diff(numbers, axis=1) <= 1e-12).all()
    at = fitted.unique_times_[[3, 20, 50]]
    np.testing.assert_allclose(
        np.vstack([curve(at) for curve in curves]), fitted.predict_survival(X.iloc[:5], at), atol=1e-12
    )
    assert curves[0](0.0) == 1.0
    assert np.isnan(curves[0](fitted.max_time_ + 1))
    assert curves[0].domain == (0.0, fitted.max_time_)
    hazards = fitted.predict_cumulative_hazard_function(X.iloc[:5])
    np.testing.assert_allclose([hazard(at) for hazard in hazards], [-np.log(curve(at)) for curve in curves], rtol=1e-12)
    assert (hazards[0](0.0), hazards[0].domain) == (0.0, curves[0].domain)


@pytest.mark.parametrize(
    "model",
    [*MODELS, M.FineGray(), M.PriorityCox({"a": ["c1"], "b": ["p1", "m1"]})],
    ids=lambda model: type(model).__name__,
)
def test_curves_begin_at_the_origin_and_refusals_name_times(model):
    several = isinstance(model, M.CauseSpecificCox | M.FineGray)
    fitted, few = model.fit(X, COMPETING if several else Y), X.iloc[:3]
    later = fitted.predict_survival(few, [6, 12])
    np.testing.assert_allclose(later, 1 - fitted.predict_risk(few, [6, 12])) if not several else None
    np.testing.assert_array_equal(fitted.predict_survival(few, [0, 6, 12]), np.column_stack([np.ones(3), later]))
    np.testing.assert_array_equal(fitted.predict_survival(few, 0), np.ones((3, 1)))
    doors = [fitted.predict_survival, *([fitted.predict_incidence] if hasattr(fitted, "predict_incidence") else [])]
    for door in doors:
        assert (door(few, 0) == (0 if door != fitted.predict_survival else 1)).all()
        for wrong in ([-1, 6], [6, 6], [np.nan], []):
            with pytest.raises(ArgumentError, match="`times` must be"):
                door(few, wrong)
    with pytest.raises(ArgumentError, match="`X` must be"):
        fitted.predict_survival(few[["c1"]], 0)


def test_without_predictors_the_curve_is_breslow_of_the_sample():
    """Three patients, events at 1 and 3: exp(-1/3), exp(-1/3 - 1)."""
    y = Surv.right([1.0, 2.0, 3.0], [1, 0, 1])
    fitted = M.CoxPH(penalty=1e9).fit(np.array([[0.0], [1.0], [2.0]]), y)
    curve = fitted.predict_survival_function([[1.0]])[0]
    np.testing.assert_allclose(
        curve([0.5, 1.0, 2.9, 3.0]), [1, np.exp(-1 / 3), np.exp(-1 / 3), np.exp(-4 / 3)], rtol=1e-6
    )
    hazard = fitted.predict_cumulative_hazard_function([[1.0]])[0]
    np.testing.assert_allclose(hazard([0.0, 0.5, 1.0, 2.9, 3.0]), [0, 0, 1 / 3, 1 / 3, 4 / 3], rtol=1e-6)


def test_incidence_of_one_cause_has_no_survival_curve():
    with pytest.raises(ArgumentError, match="CauseSpecificCox"):
        M.FineGray().fit(X, COMPETING).predict_survival_function(X)
    with pytest.raises(ArgumentError, match="CauseSpecificCox"):
        M.FineGray().fit(X, COMPETING).predict_cumulative_hazard_function(X)


def test_logistic_regression_predicts_log_odds():
    y = Status.at(12, [0, 1, 1, 0, 1, 0])
    x = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    fitted = M.LogisticRisk().fit(x, y)
    np.testing.assert_allclose(fitted.predict([[0.0], [1.0]]), [np.log(2), -np.log(2)], rtol=1e-6)  # 2 and 1 of 3


LIFELINES = [M.AalenAdditive(), M.PiecewiseExponential(breakpoints=[6, 12]), M.MixtureCure()]


@pytest.mark.parametrize("model", LIFELINES, ids=lambda model: type(model).__name__)
def test_models_without_a_linear_predictor_score_by_their_mean_risk(model):
    pytest.importorskip("lifelines")
    fitted = model.fit(X.iloc[:100], Y[:100])
    few, at = X.iloc[:4], fitted.unique_times_
    numbers = fitted.predict_survival_function(few, return_array=True)
    np.testing.assert_allclose(fitted.predict(few), fitted.predict_risk(few, at).mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(numbers, fitted.predict_survival(few, at))
    hazards = fitted.predict_cumulative_hazard_function(few)
    np.testing.assert_allclose([hazard(at) for hazard in hazards], -np.log(numbers), rtol=1e-12)
    assert concordance(Y[:100], fitted.predict(X.iloc[:100])).value > 0.6
    np.testing.assert_array_equal(fitted.predict_survival(few, [0, at[2]])[:, 0], 1)
    with pytest.raises(ArgumentError, match="`times` must be"):
        fitted.predict_survival(few, [-1, 6])


def test_a_scikit_learn_pipeline_ends_in_a_model():
    fitted = make_pipeline(StandardScaler().set_output(transform="pandas"), M.CoxPH()).fit(X, Y)
    assert concordance(Y, fitted.predict(X)).value > 0.6


@pytest.mark.parametrize("model", MODELS[:4], ids=lambda model: type(model).__name__)
def test_strata_that_the_model_does_not_have_are_refused(model):
    fitted = model.fit(X, Y)
    with pytest.raises(ArgumentError, match="`strata` must be None"):
        fitted.predict_survival_function(X.iloc[:2], strata=[0, 1])
