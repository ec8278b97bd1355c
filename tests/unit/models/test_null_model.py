"""NullModel is the observed curve, whatever the predictors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis.models import NullModel
from lbp_prognosis.survival import Weights, aalen_johansen, kaplan_meier, turnbull


@pytest.fixture(scope="module")
def cohort():
    return syn(n=200)


def test_right_censored_is_the_curve(cohort):
    y = Surv.right(cohort.time, cohort.status)
    model = NullModel().fit(cohort[["c1"]], y)
    for cause in (1, 2):
        risk = model.predict_risk(cohort[["c1"]], [3, 12, 24], cause=cause)
        expected = aalen_johansen(y, cause=cause).at([3, 12, 24]).value
        np.testing.assert_allclose(risk, np.tile(expected, (200, 1)), rtol=1e-14)
    single = NullModel().fit(cohort[["c1"]], Surv.right(cohort.time, cohort.event))
    expected = 1 - kaplan_meier(Surv.right(cohort.time, cohort.event)).at(12).value
    assert single.predict_risk(cohort[["c1"]][:1], 12)[0, 0] == pytest.approx(expected, rel=1e-13)
    assert np.isnan(model.predict_risk(cohort[["c1"]][:1], 100)).all()


def test_predictors_are_not_looked_at():
    X = pd.DataFrame({"text": ["a", None, "b"], "hole": [np.nan, 1.0, np.inf]})
    model = NullModel().fit(X, Surv.right([1, 2, 3], [1, 1, 0]))
    np.testing.assert_allclose(model.predict_risk(X, 2), np.full((3, 1), 2 / 3), rtol=1e-15)


def test_strata_and_weights(cohort):
    y = Surv.right(cohort.time, cohort.status)
    X = cohort[["c1"]].assign(site=cohort.site)
    model = NullModel(strata="site").fit(X, y)
    risk = model.predict_risk(X, 12)[:, 0]
    for site in range(1, 7):
        rows = (cohort.site == site).to_numpy()
        expected = aalen_johansen(y[rows], cause=1).at(12).value
        np.testing.assert_allclose(risk[rows], expected, rtol=1e-13)
    weights = np.random.default_rng(0).integers(0, 3, 200)
    copies = np.repeat(np.arange(200), weights)
    one = NullModel().fit(cohort[["c1"]], y, sample_weight=Weights(weights, "frequency"))
    two = NullModel().fit(cohort[["c1"]].iloc[copies], y[copies])
    np.testing.assert_allclose(one.predict_risk(X[["c1"]][:1], 12), two.predict_risk(X[["c1"]][:1], 12), rtol=1e-12)


def test_status_is_the_prevalence_among_those_seen():
    y = Status.at(12, [1, 0, 1, -1, 1])
    model = NullModel().fit(np.zeros((5, 1)), y, sample_weight=[1, 1, 1, 1, 2.0])
    risk = model.predict_risk(np.zeros((2, 1)), [6, 12])
    assert np.isnan(risk[:, 0]).all()
    assert risk[:, 1].tolist() == [0.8, 0.8]
    assert model.n_missing_ == 1
    with pytest.raises(EstimationError):
        NullModel().fit(np.zeros((1, 1)), Status.at(12, [-1]))


def test_interval_is_turnbull_and_straight_inside_its_intervals():
    y = Surv.interval([0, 0, 3, 3, 6, 6, 3, 0, 6, 12], [3, 6, 6, 12, 12, np.inf, 6, 3, 12, np.inf])
    model = NullModel().fit(np.zeros((10, 1)), y)
    at = model.predict_risk(np.zeros((1, 1)), [3, 4.5, 6, 12])[0]
    np.testing.assert_allclose(at[[0, 2, 3]], 1 - turnbull(y).at([3, 6, 12]).value, rtol=1e-12)
    assert at[1] == pytest.approx((at[0] + at[2]) / 2, rel=1e-12)


def test_no_event_is_no_risk_and_offsets_are_refused():
    model = NullModel().fit(np.zeros((3, 1)), Surv.right([1, 2, 3], [0, 0, 0]))
    assert model.predict_risk(np.zeros((1, 1)), 2).tolist() == [[0.0]]
    with pytest.raises(ArgumentError, match="offset"):
        NullModel().fit(np.zeros((3, 1)), Surv.right([1, 2, 3], [1, 0, 0]), offset=[1, 2, 3])


def test_saved_and_read(cohort):
    X = cohort[["c1"]].assign(site=cohort.site)
    model = NullModel(strata="site").fit(X, Surv.right(cohort.time, cohort.status))
    again = NullModel.from_dict(model.to_dict())
    np.testing.assert_array_equal(again.predict_risk(X, [6, 12]), model.predict_risk(X, [6, 12]))
    assert set(model.to_frame().columns) == {"cause", "stratum", "time", "incidence"}
