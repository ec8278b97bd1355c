"""``predict`` and ``predict_survival_function`` mean what users of scikit-survival expect."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from syn import syn

from lbp_prognosis import Surv
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
    assert curves[0](0.0) == 1.0 or isinstance(model, M.ParametricAFT | M.RoystonParmar)
    assert np.isnan(curves[0](fitted.max_time_ + 1))
    assert curves[0].domain == (0.0, fitted.max_time_)


def test_without_predictors_the_curve_is_breslow_of_the_sample():
    """Three patients, events at 1 and 3: exp(-1/3), exp(-1/3 - 1)."""
    y = Surv.right([1.0, 2.0, 3.0], [1, 0, 1])
    fitted = M.CoxPH(penalty=1e9).fit(np.array([[0.0], [1.0], [2.0]]), y)
    curve = fitted.predict_survival_function([[1.0]])[0]
    np.testing.assert_allclose(
        curve([0.5, 1.0, 2.9, 3.0]), [1, np.exp(-1 / 3), np.exp(-1 / 3), np.exp(-4 / 3)], rtol=1e-6
    )


def test_incidence_of_one_cause_has_no_survival_curve():
    with pytest.raises(ArgumentError, match="CauseSpecificCox"):
        M.FineGray().fit(X, COMPETING).predict_survival_function(X)


def test_a_scikit_learn_pipeline_ends_in_a_model():
    fitted = make_pipeline(StandardScaler().set_output(transform="pandas"), M.CoxPH()).fit(X, Y)
    assert concordance(Y, fitted.predict(X)).value > 0.6


@pytest.mark.parametrize("model", MODELS[:4], ids=lambda model: type(model).__name__)
def test_strata_that_the_model_does_not_have_are_refused(model):
    fitted = model.fit(X, Y)
    with pytest.raises(ArgumentError, match="`strata` must be None"):
        fitted.predict_survival_function(X.iloc[:2], strata=[0, 1])
