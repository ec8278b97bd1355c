"""ParametricAFT and RoystonParmar: what they share beyond the values of R."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis.models import CoxPH, ParametricAFT, RoystonParmar
from lbp_prognosis.survival import Weights

COLUMNS = ["c1", "p1"]
ALL = [
    ParametricAFT("exponential"),
    ParametricAFT("weibull"),
    ParametricAFT("lognormal"),
    ParametricAFT("loglogistic"),
    ParametricAFT("generalised_gamma"),
    RoystonParmar(df=3),
    RoystonParmar(df=2, scale="odds"),
    RoystonParmar(df=2, scale="normal"),
]
IDS = [f"{type(m).__name__}-{getattr(m, 'distribution', getattr(m, 'scale', ''))}" for m in ALL]


@pytest.fixture(scope="module")
def cohort():
    return syn(n=300)


@pytest.fixture(scope="module")
def outcome(cohort):
    return Surv.right(cohort.time, cohort.event)


def test_exponential_is_events_over_time(outcome):
    model = ParametricAFT("exponential").fit(np.arange(300.0)[:, None] % 2, outcome)
    for group in (0, 1):
        rows = np.arange(300) % 2 == group
        rate = outcome["event"][rows].sum() / outcome["time"][rows].sum()
        risk = model.predict_risk(np.array([[float(group)]]), 12.0)[0, 0]
        assert risk == pytest.approx(1 - np.exp(-12 * rate), rel=1e-9)


@pytest.mark.parametrize("model", ALL, ids=IDS)
def test_narrow_intervals_are_exact_times(model, cohort, outcome):
    """An interval of width 2e-4 adds the density times its width."""
    exact = type(model)(**model.get_params()).fit(cohort[COLUMNS], outcome)
    event = outcome["event"] == 1
    lower = np.where(event, outcome["time"] - 1e-4, outcome["time"])
    upper = np.where(event, outcome["time"] + 1e-4, np.inf)
    if isinstance(model, RoystonParmar):
        model = RoystonParmar(scale=model.scale, knots=np.exp(exact.knots_))
    narrow = type(model)(**model.get_params()).fit(cohort[COLUMNS], Surv.interval(lower, upper))
    np.testing.assert_allclose(narrow.coef_, exact.coef_, rtol=1e-3, atol=1e-5)
    assert narrow.log_likelihood_ - event.sum() * np.log(2e-4) == pytest.approx(exact.log_likelihood_, abs=1e-2)


@pytest.mark.parametrize("model", ALL, ids=IDS)
def test_weights_are_copies(model, cohort, outcome):
    weights = np.random.default_rng(2).integers(0, 3, 300)
    copies = np.repeat(np.arange(300), weights)
    one = type(model)(**model.get_params()).fit(cohort[COLUMNS], outcome, sample_weight=Weights(weights, "frequency"))
    two = type(model)(**model.get_params()).fit(cohort[COLUMNS].iloc[copies], outcome[copies])
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-7)
    se = np.sqrt(np.diag(two.covariance_))
    unit = np.outer(se, se)
    # the gamma's shape is differenced
    np.testing.assert_allclose(one.covariance_ / unit, two.covariance_ / unit, rtol=0, atol=2e-6)
    assert one.log_likelihood_ == pytest.approx(two.log_likelihood_, rel=1e-11)
    robust = type(model)(**model.get_params()).set_params(variance="robust")
    one = robust.fit(cohort[COLUMNS], outcome, sample_weight=Weights(weights, "frequency")).covariance_
    two = robust.fit(cohort[COLUMNS].iloc[copies], outcome[copies]).covariance_
    np.testing.assert_allclose(one, two, rtol=1e-5)


@pytest.mark.parametrize("model", ALL, ids=IDS)
def test_risk_hazard_and_files_agree(model, cohort, outcome):
    fitted = type(model)(**model.get_params()).fit(cohort[COLUMNS], outcome)
    zero = 0 * cohort[COLUMNS][:1]
    risk = fitted.predict_risk(zero, [1, 6, 24])[0]
    np.testing.assert_allclose(-np.log1p(-risk), fitted.baseline_cumulative_hazard([1, 6, 24]), rtol=1e-10)
    assert fitted.baseline_cumulative_hazard([0.0]) == 0
    order = np.argsort(fitted.linear_predictor(cohort[COLUMNS]))
    assert (np.diff(fitted.predict_risk(cohort[COLUMNS], 12.0)[order, 0]) >= -1e-12).all()
    table = fitted.to_frame(0.9)
    assert {"term", "coef", "low", "high", "se", "p", "confidence"} <= set(table.columns)
    assert fitted.log_likelihood_ > fitted.log_likelihood_null_


def test_generalised_gamma_holds_its_special_cases(cohort, outcome):
    gamma = ParametricAFT("generalised_gamma").fit(cohort[COLUMNS], outcome)
    for name in ("weibull", "lognormal"):
        inner = ParametricAFT(name).fit(cohort[COLUMNS], outcome)
        assert gamma.log_likelihood_ >= inner.log_likelihood_
        assert gamma.log_likelihood_null_ >= inner.log_likelihood_null_
    rng = np.random.default_rng(0)
    for shape, time in ((1.0, rng.weibull(1.5, 3000)), (0.0, np.exp(rng.normal(size=3000)))):
        y = Surv.right(np.minimum(time, 4), time <= 4)
        model = ParametricAFT("generalised_gamma").fit(rng.normal(size=(3000, 1)), y)
        assert abs(model.shape_ - shape) < 4 * np.sqrt(model.covariance_[-1, -1])


def test_strata_have_splines_of_their_own(cohort, outcome):
    X = cohort[["c1"]].assign(half=(cohort.c3 > 0).astype(int))
    knots = [0.2, 5, 30]
    both = RoystonParmar(knots=knots, strata="half").fit(
        pd.DataFrame({"a": X.c1 * X.half, "b": X.c1 * (1 - X.half), "half": X.half}), outcome
    )
    apart = [RoystonParmar(knots=knots).fit(X[["c1"]][X.half == k], outcome[X.half == k]) for k in (0, 1)]
    assert both.log_likelihood_ == pytest.approx(sum(m.log_likelihood_ for m in apart), rel=1e-11)
    np.testing.assert_allclose(both.coef_, [apart[1].coef_[0], apart[0].coef_[0]], rtol=1e-7)
    for k in (0, 1):
        np.testing.assert_allclose(
            both.baseline_cumulative_hazard([6, 12], stratum=k), apart[k].baseline_cumulative_hazard([6, 12]), rtol=1e-6
        )
    with pytest.raises(ArgumentError, match="strata"):
        RoystonParmar(df=1).fit(X[["c1"]], outcome, strata=X.half).predict_risk(X[["c1"]], 6)


def test_royston_parmar_follows_cox(cohort, outcome):
    cox, spline = CoxPH().fit(cohort[COLUMNS], outcome), RoystonParmar(4).fit(cohort[COLUMNS], outcome)
    np.testing.assert_allclose(spline.coef_, cox.coef_, atol=0.02)
    np.testing.assert_allclose(
        spline.predict_risk(cohort[COLUMNS], [6, 12, 24]), cox.predict_risk(cohort[COLUMNS], [6, 12, 24]), atol=0.03
    )


def test_what_can_go_wrong(cohort, outcome):
    X = cohort[COLUMNS]
    with pytest.raises(ArgumentError, match="time 0"):
        ParametricAFT().fit(X[:3], Surv.right([0, 1, 2], [1, 1, 0]))
    with pytest.raises(ArgumentError, match="strata"):
        ParametricAFT().fit(X, outcome, strata=cohort.site)
    with pytest.raises(EstimationError, match="separates"):
        ParametricAFT().fit(X.assign(c1=outcome["event"]), outcome)
    with pytest.raises(OutcomeError, match="LogisticRisk"):
        RoystonParmar().fit(X, Status.at(12, cohort.y))
    with pytest.raises(OutcomeError, match="CauseSpecificCox"):
        RoystonParmar().fit(X, Surv.right(cohort.time, cohort.status)).predict_risk(X, 12)
    with pytest.raises(ArgumentError, match="lower df"):
        RoystonParmar(5).fit(X[:6], Surv.right([1, 1, 1, 2, 2, 2], [1, 1, 1, 1, 0, 1]))
    with pytest.raises(ArgumentError, match="knots"):
        RoystonParmar(knots=[3, 2]).fit(X, outcome)
    with pytest.raises(EstimationError, match="every stratum"):
        RoystonParmar(1).fit(X, outcome, strata=outcome["event"])
    censored_at_zero = np.concatenate([outcome, Surv.right([0.0], [0])])
    more = RoystonParmar(2).fit(pd.concat([X, X[:1]]), censored_at_zero)
    np.testing.assert_allclose(more.coef_, RoystonParmar(2).fit(X, outcome).coef_, rtol=1e-9)


def test_generalised_gamma_from_visits_with_every_kind_of_row(cohort):
    """Exact times, intervals, some of them from 0, and censoring, against the distribution of SciPy."""
    kind, time = np.arange(300) % 4, cohort.time.to_numpy()
    lower = np.choose(kind, [time, np.maximum(time - 3, 0.5), np.zeros(300), time])
    upper = np.choose(kind, [time, time + 2, time, np.full(300, np.inf)])
    y, X = Surv.interval(lower, upper), cohort[COLUMNS]
    model = ParametricAFT("generalised_gamma").fit(X, y)

    def loglik(parameters):
        location = parameters[0] + X.to_numpy() @ parameters[1:3]
        scale, shape = np.exp(parameters[3]), parameters[4]
        a, c = shape**-2, shape / scale  # T^c is gamma distributed
        gamma = stats.gengamma(a, c, scale=np.exp(location) * a ** (-1 / c))
        exact = lower == upper
        inside = np.where(np.isinf(upper), gamma.sf(lower), gamma.cdf(upper) - gamma.cdf(lower))
        density = gamma.logpdf(np.where(exact, lower, 1.0))
        return float(np.where(exact, density, np.log(np.where(exact, 1.0, inside))).sum())

    found = np.array([model.intercept_, *model.coef_, np.log(model.scale_), model.shape_])
    assert loglik(found) == pytest.approx(model.log_likelihood_, abs=1e-8)
    se = np.sqrt(np.diag(model.covariance_))
    for j in range(5):
        step = np.zeros(5)
        step[j] = 1e-4 * se[j]
        assert abs(loglik(found + step) - loglik(found - step)) / 2e-4 < 1e-4  # slope, in standard errors


def test_scale_and_shape_multiply_no_times(cohort, outcome):
    table = ParametricAFT("generalised_gamma").fit(cohort[COLUMNS], outcome).to_frame().set_index("term")
    ratio = table[["time_ratio", "low", "high"]]
    assert ratio.loc[["log(scale)", "shape"]].isna().all(axis=None)
    np.testing.assert_allclose(ratio.loc[COLUMNS, "time_ratio"], np.exp(table.loc[COLUMNS, "coef"]))
    assert table[["coef_low", "coef_high"]].notna().all(axis=None)
