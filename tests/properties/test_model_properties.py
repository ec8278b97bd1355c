"""Identities of the models that hold for any data: copies, units, shifts of columns, refinement of intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import EstimationError
from lbp_prognosis.models import (
    CauseSpecificCox,
    CoxPH,
    DiscreteTimeHazard,
    ElasticNetCox,
    FineGray,
    LogisticRisk,
    NullModel,
    ParametricAFT,
    PriorityCox,
    RoystonParmar,
)
from lbp_prognosis.survival import Weights

VISITS = np.array([2.0, 5.0, 9.0])


def table(seed: int, n: int = 60):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    time = np.round(rng.weibull(1.3, n) * 6 * np.exp(-0.3 * X[:, 0]) + 0.5, 1)
    event = (rng.random(n) < 0.7).astype(int)
    event[0] = 1
    return X, time, event, rng


def fitted(model, *args, **kwargs):
    """Fit, or leave samples without a maximum alone."""
    try:
        return model.fit(*args, **kwargs)
    except EstimationError:
        assume(False)


seeds = st.integers(0, 10_000)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["weibull", "lognormal", "loglogistic"]), st.floats(0.01, 400))
def test_aft_is_equivariant_in_the_unit_of_time(seed, distribution, unit):
    X, time, event, _ = table(seed)
    one = fitted(ParametricAFT(distribution), X, Surv.right(time, event))
    two = fitted(ParametricAFT(distribution), X, Surv.right(unit * time, event))
    np.testing.assert_allclose(two.coef_, one.coef_, rtol=1e-6, atol=1e-8)
    assert two.intercept_ == pytest.approx(one.intercept_ + np.log(unit), abs=1e-7)
    assert two.log_likelihood_ == pytest.approx(one.log_likelihood_ - event.sum() * np.log(unit), rel=1e-8, abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["hazard", "odds", "normal"]), st.floats(-50, 50), st.floats(0.01, 100))
def test_spline_risks_ignore_origin_and_scale_of_columns(seed, scale, shift, factor):
    X, time, event, _ = table(seed)
    y = Surv.right(time, event)
    one = fitted(RoystonParmar(2, scale=scale), X, y)
    two = fitted(RoystonParmar(2, scale=scale), shift + factor * X, y)
    horizons = np.quantile(time, [0.2, 0.6])
    np.testing.assert_allclose(two.predict_risk(shift + factor * X, horizons), one.predict_risk(X, horizons), atol=1e-7)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_weights_are_copies_in_discrete_hazards_and_logistic(seed):
    X, time, event, rng = table(seed)
    weights = rng.integers(0, 4, time.size)
    copies = np.repeat(np.arange(time.size), weights)
    assume(copies.size > 30)
    y = Surv.right(time, event)
    model = DiscreteTimeHazard(VISITS, penalty=0.5)
    one = fitted(model, X, y, sample_weight=Weights(weights, "frequency")).predict_risk(X, VISITS[:1])
    two = fitted(DiscreteTimeHazard(VISITS, penalty=0.5), X[copies], y[copies]).predict_risk(X, VISITS[:1])
    np.testing.assert_allclose(one, two, atol=1e-8)
    state = Status.at(5, (time <= 5) & (event == 1))
    one = fitted(LogisticRisk(penalty=0.5), X, state, sample_weight=Weights(weights, "frequency"))
    two = fitted(LogisticRisk(penalty=0.5), X[copies], state[copies])
    np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-8)
    np.testing.assert_allclose(one.covariance_, two.covariance_, atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_without_predictors_grouped_hazards_are_the_life_table(seed):
    """With effects held at zero the risk at a visit is the product-limit estimate of the grouped times."""
    X, time, event, _ = table(seed)
    place = np.searchsorted(VISITS, time, side="left")
    known = np.searchsorted(VISITS, time, side="right")
    grid = np.concatenate([[0.0], VISITS])
    inside = (event == 1) & (place < 3)
    last = np.where(event == 1, 3, known)
    upper = np.where(inside, np.append(VISITS, 99)[place], np.inf)
    y = Surv.interval(np.where(inside, grid[np.minimum(place, 3)], grid[last]), upper)
    model = fitted(DiscreteTimeHazard(VISITS, penalty=1e10), X, y)
    reached = model.visits_
    null = NullModel().fit(X, y)
    np.testing.assert_allclose(model.predict_risk(X[:1], reached), null.predict_risk(X[:1], reached), atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_a_finer_look_never_has_a_higher_likelihood(seed):
    """P(event in the interval) is at least P(event in a part of it): the data lose no information by being finer."""
    X, time, event, _ = table(seed)
    lower, upper = np.floor(time), np.where(event == 1, np.floor(time) + 1, np.inf)
    wide = fitted(ParametricAFT(), X, Surv.interval(np.maximum(lower - 1, 0), upper + 1))
    narrow = fitted(ParametricAFT(), X, Surv.interval(lower, upper))
    assert wide.log_likelihood_ >= narrow.log_likelihood_ - 1e-9


TAKE_OFFSETS = {
    "cox": CoxPH(),
    "breslow": CoxPH(ties="breslow"),
    "exact": CoxPH(ties="exact"),
    "causes": CauseSpecificCox(),
    "fine_gray": FineGray(),
    "unpenalised": ElasticNetCox(choose=1e-9, lambdas=[1e-9], tol=1e-9),
    "priority": PriorityCox({"all": [0, 1]}, unpenalised=["all"]),
    "logistic": LogisticRisk(),
    "visits": DiscreteTimeHazard(VISITS.tolist()),
    "weibull": ParametricAFT(),
    "lognormal": ParametricAFT("lognormal"),
    "gamma": ParametricAFT("generalised_gamma"),
    "spline": RoystonParmar(2),
    "odds": RoystonParmar(2, scale="odds"),
    "normal": RoystonParmar(2, scale="normal"),
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", sorted(TAKE_OFFSETS))
def test_an_offset_along_a_column_moves_its_coefficient_and_nothing_else(name, late):
    X, time, event, _ = table(8, 150)
    entry = 0.6 * time * (np.arange(150) % 2) if late and name not in ("logistic", "visits") else None
    y = Surv.right(time, event, entry=entry)
    if name == "logistic":
        y = Status.at(6, (time > 6).astype(int))
    if name == "visits":
        place = np.searchsorted(VISITS, time)
        lower = np.concatenate([[0.0], VISITS])[place]
        upper = np.where((event == 1) & (place < 3), VISITS[np.minimum(place, 2)], np.inf)
        y = Surv.interval(lower, upper)
    if name == "gamma" and late:
        pytest.skip("no maximum")
    model, at = TAKE_OFFSETS[name], [5.0] if name == "visits" else [6.0]
    plain = model.fit(X, y)
    coef, risk = plain.coef_[1] if name == "causes" else plain.coef_, plain.predict_risk(X, at)
    shifted = model.fit(X, y, offset=0.5 * X[:, 0])
    moved = shifted.coef_[1] if name == "causes" else shifted.coef_
    np.testing.assert_allclose(moved, coef - [0.5, 0.0], atol=2e-6)
    np.testing.assert_allclose(shifted.predict_risk(X, at, offset=0.5 * X[:, 0]), risk, atol=2e-6)
