"""Worked numbers for outcomes seen at visits, splines in log time, landmarks, and a real interval-censored table."""

from __future__ import annotations

import numpy as np
import pytest
from syn import park_miller, syn

from lbp_prognosis import Surv
from lbp_prognosis.models import DiscreteTimeHazard, ParametricAFT, RoystonParmar

PREDICTORS = ["c1", "c2", "p1"]
VISITS = np.array([1.5, 3.0, 6.0, 12.0, 24.0, 36.0])


@pytest.fixture(scope="module")
def cohort():
    return syn()


@pytest.fixture(scope="module")
def latent():
    """Event times without competing events, and censoring times, of the same cohort."""
    u = park_miller(20240501, 15 * 600).reshape(600, 15)
    frame = syn()
    score = (
        0.5 * frame.c1 + 0.3 * frame.c2 + 0.35 * frame.p1 + 0.2 * frame.m1 + 0.15 * frame.g1 + 0.12 * (frame.site - 3.5)
    ).to_numpy()
    return (-np.log(u[:, 11]) / (0.025 * np.exp(score))) ** (1 / 1.2), 6 + 30 * u[:, 13]


@pytest.fixture(scope="module")
def seen_at_visits(latent):
    """Interval outcome: an event is found at the first visit attended after it; visits stop at censoring."""
    event_time, leave = latent
    grid = np.concatenate([[0.0], VISITS])
    lower, upper = np.zeros(600), np.full(600, np.inf)
    for i, (t, c) in enumerate(zip(event_time, leave)):
        attended = grid[grid <= c]
        k = np.searchsorted(attended, t, side="left")
        lower[i] = attended[k - 1]
        upper[i] = attended[k] if k < attended.size else np.inf
    return Surv.interval(lower, upper)


def test_interval_weibull(cohort, seen_at_visits, latent):
    model = ParametricAFT("weibull").fit(cohort[PREDICTORS], seen_at_visits)
    assert 1 / model.scale_ == pytest.approx(1.3062783, abs=5e-8)
    assert -model.intercept_ / model.scale_ == pytest.approx(-4.0047275, abs=5e-8)
    np.testing.assert_allclose(np.log(model.hazard_ratios_), [0.57029037, 0.31043203, 0.42205074], atol=5e-8)
    assert model.log_likelihood_ == pytest.approx(-675.9405, abs=5e-5)
    assert model.predict_risk(cohort[PREDICTORS].iloc[:1] * 0, 12.0)[0, 0] == pytest.approx(0.37390449, abs=5e-8)
    event_time, leave = latent
    exact = ParametricAFT("weibull").fit(
        cohort[PREDICTORS], Surv.right(np.minimum(event_time, leave), event_time <= leave)
    )
    assert 1 / exact.scale_ == pytest.approx(1.3008728, abs=5e-8)
    assert -exact.intercept_ / exact.scale_ == pytest.approx(-3.9976564, abs=5e-8)
    np.testing.assert_allclose(np.log(exact.hazard_ratios_), [0.60045251, 0.30946142, 0.43589010], atol=5e-8)
    assert exact.predict_risk(cohort[PREDICTORS].iloc[:1] * 0, 12.0)[0, 0] == pytest.approx(0.37204279, abs=5e-8)


def test_weibull_is_the_spline_of_one_degree_of_freedom(cohort, seen_at_visits):
    weibull = ParametricAFT("weibull").fit(cohort[PREDICTORS], seen_at_visits)
    spline = RoystonParmar(df=1).fit(cohort[PREDICTORS], seen_at_visits)
    assert spline.log_likelihood_ == pytest.approx(weibull.log_likelihood_, rel=1e-12)
    np.testing.assert_allclose(spline.coef_, np.log(weibull.hazard_ratios_), rtol=1e-8)
    se = np.sqrt(np.diag(spline.covariance_))[2:]
    jacobian = np.zeros((3, 5))  # coef = −b / scale by the parameters intercept, b, log scale
    jacobian[np.arange(3), 1 + np.arange(3)] = -1 / weibull.scale_
    jacobian[:, 4] = -np.log(weibull.hazard_ratios_)
    other = np.sqrt(np.diag(jacobian @ weibull.covariance_ @ jacobian.T))
    np.testing.assert_allclose(se, other, rtol=1e-8)


def test_royston_parmar(cohort):
    """The worked values come from an optimiser that stopped early: its likelihood is 0.0036 below the maximum, so
    coefficients are compared at 1e-4 (log hazard ratios) and 6e-4 (risk), and the log-likelihood must be higher."""
    y = Surv.right(cohort.time, cohort.event)
    model = RoystonParmar(df=3).fit(cohort[PREDICTORS], y)
    np.testing.assert_allclose(model.knots_, [-1.6094379, 1.6292405, 2.3702437, 3.4904285], atol=5e-8)
    np.testing.assert_allclose(model.coef_, [0.58467583, 0.30897972, 0.42168790], atol=1e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_))[4:], [0.062985, 0.058392, 0.065808], atol=1e-5)
    assert model.predict_risk(cohort[PREDICTORS].iloc[:1] * 0, 12.0)[0, 0] == pytest.approx(0.37921279, abs=6e-4)
    assert -1238.6242 < model.log_likelihood_ < -1238.62
    from lbp_prognosis._kernels import TransformationDesign, log_time_spline, transformation_rows, transformation_scale

    x, event, X = np.log(cohort.time.to_numpy()), cohort.event.to_numpy(), cohort[PREDICTORS].to_numpy()
    values, slopes = log_time_spline(x, model.knots_)
    rows, zero = np.hstack([values, X]), np.zeros(600)
    design = TransformationDesign(event, rows, zero, np.hstack([slopes, 0 * X]), zero, 0 * rows, zero)
    theirs = np.array([-4.0538578, 1.4621816, 0.027993767, -0.024108009, 0.58467583, 0.30897972, 0.42168790])
    loglik, score = transformation_rows(design, transformation_scale("hazard"), theirs)
    assert loglik.sum() - event @ x == pytest.approx(-1238.6242, abs=5e-5)  # the same likelihood …
    assert np.abs(score.sum(axis=0)).max() > 1  # … away from its maximum
    ours = np.concatenate([model.gamma_[0], model.coef_])
    assert np.abs(transformation_rows(design, transformation_scale("hazard"), ours)[1].sum(axis=0)).max() < 1e-8
    np.testing.assert_allclose(model.baseline_cumulative_hazard([0.0, 12.0])[0], 0.0)


def test_real_interval_censored_table(reference_csv):
    """On a real table with visits every 30 days the mean risk is the observed one, of the exact times."""
    from lbp_prognosis._kernels import kaplan_meier_steps, step_at

    table = reference_csv("lbp_cox_interval.csv")
    y = Surv.interval(table["left"].fillna(0.0), table["right"].fillna(np.inf))
    X = table[["Pain", "Function", "Age"]].astype(float)
    steps = kaplan_meier_steps(table["Time"].to_numpy(float), table["Status"].to_numpy())
    observed = 1 - step_at(steps.times, steps.survival, np.array([30.0, 90.0, 180.0]), left=1.0)
    spline, weibull = RoystonParmar(df=3).fit(X, y), ParametricAFT().fit(X, y)
    assert spline.log_likelihood_ > weibull.log_likelihood_ + 5
    np.testing.assert_allclose(spline.coef_, np.log(weibull.hazard_ratios_), atol=0.03)
    risk = spline.predict_risk(X, [30, 90, 180])
    np.testing.assert_allclose(
        risk.mean(axis=0), observed, atol=0.035
    )  # one standard error of the observed risk is 0.03
    assert (np.diff(risk, axis=1) > 0).all()
    assert list(spline.to_frame()["term"]) == list(X.columns)


def test_grouped_proportional_hazards(cohort, seen_at_visits):
    """Nobody was seen at 36, so there are five periods; the sixth worked risk (.948640) took the coefficient of c1 for
    a sixth period effect and is no estimate: our risk there is missing."""
    model = DiscreteTimeHazard(visits=VISITS).fit(cohort[PREDICTORS], seen_at_visits)
    np.testing.assert_allclose(
        model.alpha_[0, 0], [-3.5203635, -2.9690759, -2.1866076, -1.3676906, -0.28543944], atol=5e-6
    )  # glm stops at a relative deviance of 1e-8: its estimates are 4e-6 from the maximum
    np.testing.assert_allclose(model.coef_, [0.57056879, 0.31261373, 0.42411731], atol=5e-6)
    zero = cohort[PREDICTORS].iloc[:1] * 0
    risk = model.predict_risk(zero, VISITS)[0]
    np.testing.assert_allclose(risk[:5], [0.029155, 0.077750, 0.175713, 0.361051, 0.698690], atol=1e-6)
    assert np.isnan(risk[5])
    assert 1 - np.exp(-np.exp(model.alpha_[0, 0]).sum() - np.exp(model.coef_[0])) == pytest.approx(0.948640, abs=1e-6)
    np.testing.assert_allclose(-np.log1p(-risk[:5]), model.baseline_cumulative_hazard(VISITS[:5]), rtol=1e-12)


def test_grouped_hazards_are_a_plain_regression(cohort, seen_at_visits):
    """Without missed visits the fit is that of a binomial GLM of person-periods, with its observed information."""
    import statsmodels.api as sm

    y = seen_at_visits
    grid = np.concatenate([[0.0], VISITS])
    rows, response = [], []
    for i in range(600):
        free = int(np.searchsorted(grid, y["lower"][i]))
        for k in range(free + bool(np.isfinite(y["upper"][i]))):
            rows.append([*np.eye(5)[k], *cohort[PREDICTORS].to_numpy()[i]])
            response.append(int(k == free))
    theirs = sm.GLM(response, np.array(rows), family=sm.families.Binomial(sm.families.links.CLogLog()))
    theirs = theirs.fit(tol=1e-13, maxiter=100)
    model = DiscreteTimeHazard().fit(cohort[PREDICTORS], y)
    np.testing.assert_allclose(np.concatenate([model.alpha_[0, 0], model.coef_]), theirs.params, atol=1e-8)
    assert model.log_likelihood_ == pytest.approx(theirs.llf, rel=1e-12)
    covariance = np.linalg.inv(-theirs.model.hessian(theirs.params, observed=True))
    np.testing.assert_allclose(model.covariance_, covariance[5:, 5:], rtol=1e-6)
    np.testing.assert_allclose(model.alpha_se_[0, 0], np.sqrt(np.diag(covariance))[:5], rtol=1e-6)
