"""LogisticRisk: closed forms, statsmodels, ridge, clusters, missing states, separation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Weights

COLUMNS = ["c1", "c2", "p1", "m1"]


@pytest.fixture(scope="module")
def cohort():
    return syn(n=300)


def test_two_by_two_table_has_its_closed_form():
    x = np.repeat([0.0, 0.0, 1.0, 1.0], [5, 3, 2, 7])
    state = np.repeat([0, 1, 0, 1], [5, 3, 2, 7])
    model = LogisticRisk().fit(x[:, None], Status.at(12, state))
    assert model.coef_[0] == pytest.approx(np.log(7 * 5 / (2 * 3)), rel=1e-10)
    assert model.covariance_[1, 1] == pytest.approx(1 / 7 + 1 / 5 + 1 / 2 + 1 / 3, rel=1e-9)
    np.testing.assert_allclose(model.predict_risk(np.array([[0.0], [1.0]]), 12)[:, 0], [3 / 8, 7 / 9], rtol=1e-10)
    assert model.df_ == pytest.approx(1)


def test_statsmodels_with_weights_offset_and_clusters(cohort):
    import statsmodels.api as sm

    X, y = cohort[COLUMNS], cohort.y.to_numpy()
    offset, weights = 0.3 * cohort.g1.to_numpy(), np.random.default_rng(0).integers(1, 4, 300).astype(float)
    design = sm.add_constant(X)
    glm = sm.GLM(y, design, family=sm.families.Binomial(), offset=offset, freq_weights=weights)
    theirs = glm.fit(tol=1e-14)
    model = LogisticRisk().fit(X, Status.at(12, y), sample_weight=Weights(weights, "frequency"), offset=offset)
    np.testing.assert_allclose(np.append(model.intercept_, model.coef_), theirs.params, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.covariance_, theirs.cov_params(), rtol=1e-7, atol=1e-10)
    assert model.log_likelihood_ == pytest.approx(theirs.llf, rel=1e-12)
    groups = cohort.site.to_numpy()
    robust = sm.GLM(y, design, family=sm.families.Binomial()).fit(
        tol=1e-14, cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    clustered = LogisticRisk().fit(X, Status.at(12, y), clusters=groups)
    assert clustered.variance_ == "robust"
    np.testing.assert_allclose(clustered.covariance_, robust.cov_params(), rtol=1e-6, atol=1e-9)


def test_ridge_is_the_penalised_maximum(cohort):
    X, y = cohort[COLUMNS], cohort.y.to_numpy()
    factors = {"m1": 0.0, "c1": 2.0}
    model = LogisticRisk(penalty=10.0, penalty_factors=factors).fit(X, Status.at(12, y))
    sd = X.std(ddof=1).to_numpy()
    penalty = 10.0 * np.array([2.0, 1.0, 1.0, 0.0]) * sd**2
    residual = y - model.predict_risk(X, 12)[:, 0]
    np.testing.assert_allclose(X.to_numpy().T @ residual - penalty * model.coef_, 0, atol=1e-8)
    assert residual.sum() == pytest.approx(0, abs=1e-9)
    free = LogisticRisk().fit(X, Status.at(12, y))
    assert abs(model.coef_[0]) < abs(free.coef_[0])
    assert 0 < model.df_ < free.df_ == pytest.approx(4)


def test_unobserved_states_are_left_out_and_counted(cohort):
    state = cohort.y.to_numpy().copy()
    state[::7] = -1
    model = LogisticRisk().fit(cohort[COLUMNS], Status.at(12, state))
    rows = state >= 0
    other = LogisticRisk().fit(cohort[COLUMNS][rows], Status.at(12, state[rows]))
    np.testing.assert_allclose(model.coef_, other.coef_, rtol=1e-10)
    assert model.n_missing_ == 43
    assert model.n_ == 257
    risk = model.predict_risk(cohort[COLUMNS], [6, 12, 18])
    assert np.isnan(risk[:, [0, 2]]).all()
    np.testing.assert_allclose(risk[:, 1], expit(model.linear_predictor(cohort[COLUMNS])), rtol=1e-14)


def test_what_can_go_wrong(cohort):
    x = np.linspace(-1, 1, 20)[:, None]
    with pytest.raises(EstimationError, match="separates"):
        LogisticRisk().fit(x, Status.at(12, x[:, 0] > 0))
    assert np.isfinite(LogisticRisk(penalty=1.0).fit(x, Status.at(12, x[:, 0] > 0)).coef_).all()
    with pytest.raises(EstimationError, match="both states"):
        LogisticRisk().fit(x, Status.at(12, np.ones(20)))
    twice = pd.DataFrame({"a": x[:, 0], "b": 2 * x[:, 0], "c": 1.0})
    state = Status.at(12, np.arange(20) % 3 == 0)
    with pytest.raises(EstimationError, match="'b', 'c'"):
        LogisticRisk().fit(twice, state)
    dropped = LogisticRisk(collinear="drop").fit(twice, state)
    assert dropped.coef_[1:].tolist() == [0.0, 0.0]
    assert np.isnan(dropped.to_frame().loc[2, "se"])
    with pytest.raises(OutcomeError, match="CoxPH"):
        LogisticRisk().fit(x, Surv.right(np.arange(1, 21), np.ones(20), censored=0))
    with pytest.raises(ArgumentError, match="strata"):
        LogisticRisk().fit(x, state, strata=np.zeros(20))
    bare = np.concatenate([state, state])
    if bare.dtype.metadata is None:
        with pytest.raises(ArgumentError, match="horizon"):
            LogisticRisk().fit(np.vstack([x, x]), bare)
    assert LogisticRisk(horizon=12).fit(np.vstack([x, x]), bare).horizon_ == 12


def test_scale_of_a_column_does_not_matter(cohort):
    X, y = cohort[COLUMNS], Status.at(12, cohort.y)
    model = LogisticRisk().fit(X, y)
    moved = LogisticRisk().fit(X.assign(c1=1e6 * X.c1 + 1e8), y)
    np.testing.assert_allclose(
        moved.predict_risk(X.assign(c1=1e6 * X.c1 + 1e8), 12), model.predict_risk(X, 12), rtol=1e-8
    )
    assert moved.coef_[0] * 1e6 == pytest.approx(model.coef_[0], rel=1e-8)
