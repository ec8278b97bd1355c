"""DiscreteTimeHazard: closed forms, missed visits against brute force, competing causes, schedules, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis.models import DiscreteTimeHazard
from lbp_prognosis.models._period_effects import period_effects
from lbp_prognosis.models._person_periods import person_periods
from lbp_prognosis.survival import Weights, turnbull

VISITS = np.array([3.0, 6.0, 12.0, 24.0])
COLUMNS = ["c1", "p1"]


@pytest.fixture(scope="module")
def cohort():
    return syn(n=300)


@pytest.fixture(scope="module")
def missed(cohort):
    """Interval outcome with competing causes in which each visit is missed by a third of the patients."""
    rng = np.random.default_rng(7)
    grid = np.concatenate([[0.0], VISITS])
    lower, upper, cause = np.zeros(300), np.full(300, np.inf), np.zeros(300, dtype=int)
    for i, (time, status) in enumerate(zip(cohort.time, cohort.status)):
        seen = grid[(rng.random(5) < 0.67) | (grid == 0)]
        if status == 0:
            seen = seen[seen <= time]
        k = int(np.searchsorted(seen, time, side="left"))
        lower[i] = seen[min(k, seen.size) - 1] if k else 0.0
        if status > 0 and k < seen.size:
            upper[i], cause[i] = seen[k], status
    return Surv.interval(lower, upper, cause)


def test_without_predictors_that_matter_hazards_are_life_table_rates():
    y = Surv.right([1, 2, 3, 3, 5, 6, 6, 7], [1, 0, 1, 1, 1, 0, 0, 1])
    x = np.array([[0.0], [1], [1], [0], [1], [0], [1], [0]])
    model = DiscreteTimeHazard([3, 6], penalty=1e9).fit(x, y)
    # period (0, 3]: of 7 followed to 3 (one left at 2) 3 events; period (3, 6]: of 4 one event
    np.testing.assert_allclose(model.predict_risk(x[:1], [3, 6])[0], [3 / 7, 1 - 4 / 7 * 3 / 4], rtol=1e-6)
    assert (model.n_rows_, model.n_floored_, model.n_uninformative_) == (11, 1, 1)


def _brute_force(theta, X, y, causes, periods):
    """Minus log-likelihood written out patient by patient."""
    width = periods + X.shape[1]
    theta = theta.reshape(causes, width)
    grid = np.concatenate([[0.0], VISITS])
    total = 0.0
    for x, row in zip(X, y):
        eta = theta[:, :periods] + (theta[:, periods:] @ x)[:, None]
        if causes == 1:
            h = -np.expm1(-np.exp(eta))
        else:
            h = np.exp(eta) / (1 + np.exp(eta).sum(axis=0))
        survival = np.concatenate([[1.0], np.cumprod(1 - h.sum(axis=0))])
        low = int(np.searchsorted(grid, row["lower"]))
        if row["event"] == 0:
            total += np.log(survival[low])
        else:
            high = int(np.searchsorted(grid, row["upper"]))
            total += np.log(sum(survival[k] * h[row["event"] - 1, k] for k in range(low, high)))
    return -total


@pytest.mark.parametrize("causes", [1, 2])
def test_missed_visits_against_brute_force(cohort, missed, causes):
    y = missed.copy()
    if causes == 1:
        y = Surv.interval(y["lower"], np.where(y["event"] == 1, y["upper"], np.inf))
    X = cohort[COLUMNS].to_numpy()
    model = DiscreteTimeHazard(VISITS).fit(X, y)
    assert model.n_spans_ > 20
    theta = np.hstack([model.alpha_[:, 0], np.atleast_2d(model.coef_)]).ravel()
    arguments = (X, y, causes, 4)
    assert -_brute_force(theta, *arguments) == pytest.approx(model.log_likelihood_, rel=1e-12)
    for j in range(theta.size):  # no better neighbour: gradient zero, and curvature is the information
        step = np.zeros(theta.size)
        step[j] = 1e-4
        up, down = _brute_force(theta + step, *arguments), _brute_force(theta - step, *arguments)
        assert (up - down) / 2e-4 == pytest.approx(0, abs=2e-5)
    h = 1e-3
    size = theta.size
    hessian = np.zeros((size, size))
    for a in range(size):
        for b in range(a, size):
            signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
            values = [
                s * t * _brute_force(theta + h * (s * np.eye(size)[a] + t * np.eye(size)[b]), *arguments)
                for s, t in signs
            ]
            hessian[a, b] = hessian[b, a] = sum(values) / (4 * h * h)
    effects = np.concatenate([c * (4 + 2) + 4 + np.arange(2) for c in range(causes)])
    covariance = np.linalg.inv(hessian)[np.ix_(effects, effects)]
    # central differences with a step of 1e-3 leave an error of about 1e-6
    np.testing.assert_allclose(model.covariance_, covariance, rtol=1e-4, atol=1e-7)


def test_maximum_is_found_by_another_optimiser(cohort, missed):
    X = cohort[COLUMNS].to_numpy()[:120]
    y = missed[:120]
    model = DiscreteTimeHazard(VISITS).fit(X, y)
    other = minimize(_brute_force, np.full(12, -0.5), args=(X, y, 2, 4), method="BFGS", options={"gtol": 1e-5})
    assert -other.fun == pytest.approx(model.log_likelihood_, abs=1e-5)


def test_incidences_and_survival_sum_to_one(cohort, missed):
    model = DiscreteTimeHazard(VISITS).fit(cohort[COLUMNS], missed)
    X = cohort[COLUMNS][:20]
    first, second = (model.predict_risk(X, VISITS, cause=cause) for cause in (1, 2))
    survival = np.exp(-np.array([model.baseline_cumulative_hazard(VISITS)]))
    zero = 0 * X[:1]
    np.testing.assert_allclose(
        model.predict_risk(zero, VISITS) + model.predict_risk(zero, VISITS, cause=2) + survival, 1, rtol=1e-12
    )
    assert (np.diff(first, axis=1) >= 0).all()
    assert (first + second <= 1 + 1e-12).all()
    table = model.to_frame()
    assert table["cause"].tolist() == [1, 1, 2, 2]
    assert table["term"].tolist() == COLUMNS * 2


def test_between_visits_it_refuses_or_keeps_the_hazard_constant(cohort, missed):
    X = cohort[COLUMNS][:3]
    model = DiscreteTimeHazard(VISITS).fit(cohort[COLUMNS], missed)
    with pytest.raises(ArgumentError, match="between='interpolate'"):
        model.predict_risk(X, [9])
    flexible = DiscreteTimeHazard(VISITS, between="interpolate").fit(cohort[COLUMNS], missed)
    np.testing.assert_allclose(flexible.predict_risk(X, VISITS), model.predict_risk(X, VISITS), rtol=1e-14)
    risks = [flexible.predict_risk(X, [6, 9, 12], cause=cause) for cause in (1, 2)]
    survival = 1 - risks[0] - risks[1]
    np.testing.assert_allclose(survival[:, 1], np.sqrt(survival[:, 0] * survival[:, 2]), rtol=1e-12)
    assert ((risks[0][:, 1] > risks[0][:, 0]) & (risks[0][:, 1] < risks[0][:, 2])).all()
    assert np.isnan(model.predict_risk(X, 30.0)).all()


def test_right_censored_times_are_grouped_on_the_schedule(cohort):
    model = DiscreteTimeHazard(VISITS).fit(cohort[COLUMNS], Surv.right(cohort.time, cohort.event))
    grid = np.concatenate([[0.0], VISITS])
    place = np.searchsorted(VISITS, cohort.time, side="left")
    known = np.searchsorted(VISITS, cohort.time, side="right")
    event = (cohort.event == 1).to_numpy() & (place < 4)
    lower = np.where(event, grid[np.minimum(place, 4)], grid[known])
    lower = np.where((cohort.event == 1) & ~event, 24.0, lower)
    upper = np.where(event, np.append(VISITS, np.inf)[place], np.inf)
    same = DiscreteTimeHazard(VISITS).fit(cohort[COLUMNS], Surv.interval(lower, upper))
    np.testing.assert_allclose(model.coef_, same.coef_, rtol=1e-10)
    assert model.log_likelihood_ == pytest.approx(same.log_likelihood_, rel=1e-13)
    with pytest.raises(ArgumentError, match="visits"):
        DiscreteTimeHazard().fit(cohort[COLUMNS], Surv.right(cohort.time, cohort.event))


def test_irregular_intervals_are_refused_or_mapped_within_the_tolerance(cohort, missed):
    X = cohort[COLUMNS]
    rng = np.random.default_rng(3)
    early = missed["lower"] + np.where(missed["lower"] > 0, rng.uniform(-0.4, 0.4, 300), 0)
    late = missed["upper"] + np.where(np.isfinite(missed["upper"]), rng.uniform(-0.4, 0.4, 300), 0)
    moved = Surv.interval(early, late, missed["event"])
    with pytest.raises(OutcomeError, match=r"tolerance=.*RoystonParmar"):
        DiscreteTimeHazard(VISITS).fit(X, moved)
    with pytest.raises(ArgumentError, match="irregular"):
        DiscreteTimeHazard().fit(X, moved)
    mapped = DiscreteTimeHazard(VISITS, tolerance=0.5).fit(X, moved)
    plain = DiscreteTimeHazard(VISITS).fit(X, missed)
    np.testing.assert_allclose(mapped.coef_, plain.coef_, rtol=1e-10)
    assert mapped.n_mapped_ > 200
    with pytest.raises(OutcomeError, match="different visits"):
        DiscreteTimeHazard(VISITS, tolerance=2.0).fit(X[:2], Surv.interval([3.0, 3.5], [6.0, 4.0]))


def test_weights_are_copies_and_clusters_are_robust(cohort, missed):
    X = cohort[COLUMNS]
    weights = np.random.default_rng(0).integers(0, 3, 300)
    copies = np.repeat(np.arange(300), weights)
    model = DiscreteTimeHazard(VISITS).fit(X, missed, sample_weight=Weights(weights, "frequency"))
    other = DiscreteTimeHazard(VISITS).fit(X.iloc[copies], missed[copies])
    np.testing.assert_allclose(model.coef_, other.coef_, rtol=1e-8)
    np.testing.assert_allclose(model.covariance_, other.covariance_, rtol=1e-7)
    robust = DiscreteTimeHazard(VISITS).fit(X.iloc[copies], missed[copies], clusters=copies)
    sampled = DiscreteTimeHazard(VISITS).fit(X, missed, sample_weight=weights)
    assert sampled.variance_ == robust.variance_ == "robust"
    np.testing.assert_allclose(sampled.covariance_, robust.covariance_, rtol=1e-7)


def test_strata_offset_and_entry(cohort, missed):
    X = cohort[COLUMNS].assign(old=(cohort.c3 > 0).astype(int))
    model = DiscreteTimeHazard(VISITS, strata="old").fit(X, missed)
    apart = [DiscreteTimeHazard(VISITS).fit(X[["c1"]][X.old == k], missed[X.old == k]) for k in (0, 1)]
    joint = DiscreteTimeHazard(VISITS, strata="old").fit(
        X.assign(a=X.c1 * (X.old == 0), b=X.c1 * (X.old == 1))[["a", "b", "old"]], missed
    )
    assert joint.log_likelihood_ == pytest.approx(sum(one.log_likelihood_ for one in apart), rel=1e-10)
    assert model.alpha_.shape == (2, 2, 4)
    moved = DiscreteTimeHazard(VISITS).fit(X[COLUMNS], missed, offset=0.5 * X.c1)
    plain = DiscreteTimeHazard(VISITS).fit(X[COLUMNS], missed)
    np.testing.assert_allclose(np.array(moved.coef_)[:, 0] + 0.5, np.array(plain.coef_)[:, 0], rtol=1e-8)
    entry = np.where(missed["lower"] >= 6, 3.0, 0.0)
    late = DiscreteTimeHazard(VISITS).fit(
        X[COLUMNS], Surv.interval(missed["lower"], missed["upper"], missed["event"], entry=entry)
    )
    assert late.n_rows_ == plain.n_rows_ - int((entry > 0).sum())


def test_what_can_go_wrong(cohort):
    X = cohort[COLUMNS]
    with pytest.raises(EstimationError, match="events"):
        DiscreteTimeHazard([3, 6]).fit(X[:3], Surv.interval([3, 3, 6], [np.inf] * 3))
    with pytest.raises(OutcomeError, match="LogisticRisk"):
        DiscreteTimeHazard([3, 6]).fit(X[:3], Status.at(3, [0, 1, 0]))
    x = np.linspace(-1, 1, 40)[:, None]
    split = Surv.interval(np.where(x[:, 0] > 0, 0, 3), np.where(x[:, 0] > 0, 3, np.inf))
    with pytest.raises(EstimationError, match="separates"):
        DiscreteTimeHazard([3]).fit(x, split)
    assert np.isfinite(DiscreteTimeHazard([3], penalty=1.0).fit(x, split).coef_).all()
    with pytest.raises(EstimationError, match="No patient was at risk in stratum 0"):
        DiscreteTimeHazard([3, 6]).fit(X[:5], Surv.interval([0, 0, 0, 3, 3], [3, 3, 3, 6, 6]), strata=[0, 0, 0, 1, 1])


def test_a_period_without_events_has_hazard_zero_and_one_with_nothing_else_one(cohort):
    y = Surv.interval([0, 0, 6, 6, 6, 0, 6, 6], [3, 3, 12, 12, 12, 3, np.inf, np.inf])
    x = np.array([[0.0], [1], [1], [0], [1], [0], [1], [0]])
    model = DiscreteTimeHazard([3, 6, 12]).fit(x, y)
    risk = model.predict_risk(x[:2], [3, 6, 12])
    np.testing.assert_array_equal(risk[:, 0], risk[:, 1])
    np.testing.assert_array_equal(risk[:, 2], 1.0)  # whoever was followed beyond 6 had the event by 12
    assert np.isneginf(model.alpha_[0, 0, 1])
    assert np.isposinf(model.alpha_[0, 0, 2])
    first = DiscreteTimeHazard([3]).fit(
        x, Surv.interval(np.where(y["upper"] == 3, 0, 3), np.where(y["upper"] == 3, 3, np.inf))
    )
    np.testing.assert_allclose(model.coef_, first.coef_, rtol=1e-10)
    again = DiscreteTimeHazard.from_dict(model.to_dict())
    np.testing.assert_array_equal(again.predict_risk(x, [3, 6, 12]), model.predict_risk(x, [3, 6, 12]))
    assert isinstance(model.to_frame(), pd.DataFrame)


def test_a_last_period_in_which_everybody_has_the_event(cohort):
    period = np.searchsorted([3.0, 6.0], cohort.time.to_numpy(), side="left")
    lower, upper = np.array([0.0, 3, 6])[period], np.array([3.0, 6, np.inf])[period]
    cause = np.where(period < 2, cohort.status, 0)
    lower = np.where((period < 2) & (cause == 0), np.array([0.0, 3, 6])[period], lower)
    upper = np.where(cause == 0, np.inf, upper)
    last = np.flatnonzero((period == 2) & (cohort.time <= 12) & (cohort.status == 1))[:10]
    upper[last], cause[last] = 12.0, 1
    model = DiscreteTimeHazard([3, 6, 12]).fit(cohort[COLUMNS], Surv.interval(lower, upper, cause))
    risks = [model.predict_risk(cohort[COLUMNS], [6, 12], cause=code) for code in (1, 2)]
    np.testing.assert_allclose(risks[0][:, 1] + risks[1][:, 1], 1, rtol=1e-12)
    np.testing.assert_allclose(risks[1][:, 1], risks[1][:, 0], rtol=1e-12)


def test_a_period_that_nobody_comes_through_is_named():
    """Two causes end it for all at risk: the odds against no event rise for ever, whatever the predictors."""
    rng = np.random.default_rng(5)
    lower = np.repeat([0.0, 3.0, 6.0], [40, 20, 6])
    event = np.concatenate([rng.integers(0, 3, 60), [1, 2, 1, 2, 1, 2]])
    y = Surv.interval(lower, np.where(event > 0, lower + 3, np.inf), event)
    X = rng.normal(size=(66, 1))
    with pytest.raises(EstimationError, match="visit 9 had an event"):
        DiscreteTimeHazard([3, 6, 9]).fit(X, y)
    assert np.isfinite(DiscreteTimeHazard([3, 6]).fit(X, y).coef_).all()


def test_a_category_of_one_patient_is_named_and_no_visit_is_blamed() -> None:
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"age": rng.normal(50, 12, 300), "rare": np.arange(300) == 7}).astype(float)
    visits = np.array([3.0, 6.0, 12.0, 24.0])
    k, found = rng.integers(0, 4, 300), rng.random(300) < 0.6
    k[7], found[7] = 3, False
    lower = np.where(found, np.append(0.0, visits)[k], visits[k])
    y = Surv.interval(lower, np.where(found, visits[k], np.inf))
    with pytest.raises(EstimationError, match="Largest coefficients: 'rare'"):
        DiscreteTimeHazard(visits=visits).fit(X, y)


@pytest.mark.parametrize("causes", [1, 2])
def test_predictors_far_from_zero_have_the_risks_they_have_about_zero(causes):
    """Period effects belong to predictors at 0: with a year of birth they passed 500, where risks became 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    time = 4 * rng.exponential(np.exp(x[:, 0]))
    y = Surv.right(np.ceil(time).clip(1, 8), np.where(time <= 8, 1 + rng.integers(0, causes, 200), 0))
    near = DiscreteTimeHazard(visits=[2, 4, 6, 8]).fit(x, y)
    far = DiscreteTimeHazard(visits=[2, 4, 6, 8]).fit(x + 2000, y)
    assert np.nanmax(far.alpha_) > 500
    np.testing.assert_allclose(far.predict_risk(x + 2000, [2, 8]), near.predict_risk(x, [2, 8]), rtol=1e-8)


def _with_missed_visits() -> np.ndarray:
    """The likelihood puts the three events of (3, 9] before 6: the effect of (6, 9] has no finite maximum."""
    counts = {(0, 1.5): 11, (0, 3): 4, (0, 9): 1, (1.5, 3): 4, (1.5, 6): 1, (1.5, 9): 1, (3, 6): 6, (3, 9): 3}
    counts |= {(9, 12): 4, (12, 18): 3, (18, 24): 1, (0, np.inf): 5, (3, np.inf): 4, (6, np.inf): 1, (9, np.inf): 6}
    counts |= {(18, np.inf): 9, (24, np.inf): 7}
    lower, upper = np.repeat(np.array(list(counts), dtype=float), list(counts.values()), axis=0).T
    return Surv.interval(lower, upper, np.isfinite(upper))


def test_a_period_to_which_only_missed_visits_point_has_the_hazard_of_turnbull():
    y = _with_missed_visits()
    X, visits = pd.DataFrame({"x": np.random.default_rng(0).normal(size=y.size)}), [1.5, 3, 6, 9, 12, 18, 24]
    null = DiscreteTimeHazard().fit(X[[]], y)
    assert np.isneginf(null.alpha_[0, 0]).tolist() == [False, False, False, True, False, False, False]
    curve = turnbull(y)
    wanted = [1 - float(curve.at(visit).value) for visit in visits]
    np.testing.assert_allclose(null.predict_risk(X.iloc[:1][[]], visits)[0], wanted, atol=1e-7)
    model = DiscreteTimeHazard().fit(X, y)
    low = model.predict_risk(X, [6.0, 9.0])
    np.testing.assert_array_equal(low[:, 0], low[:, 1])
    far = model.log_likelihood_
    for cut in (-12.0, -9.0):  # a hazard above 0 there is less likely
        moved = DiscreteTimeHazard().fit(X, y)
        moved.alpha_[0, 0, 3] = cut
        assert _interval_loglik(moved, X, y) < far
    assert _interval_loglik(model, X, y) == pytest.approx(far, rel=1e-9)


def _interval_loglik(model, X, y):
    ends = np.unique(np.concatenate([y["lower"], y["upper"]]))
    ends = ends[np.isfinite(ends) & (ends > 0)]
    left = np.column_stack([np.ones(len(X)), 1 - model.predict_risk(X, ends), np.zeros(len(X))])
    grid, rows = np.concatenate([[0.0], ends, [np.inf]]), np.arange(len(X))
    return np.log(left[rows, np.searchsorted(grid, y["lower"])] - left[rows, np.searchsorted(grid, y["upper"])]).sum()


def test_the_effects_of_periods_alone_drop_such_a_period_too():
    y, visits = _with_missed_visits(), np.array([1.5, 3, 6, 9, 12, 18, 24])
    rows = person_periods(y, "interval", visits, 0.0, np.array([1]))
    zero = np.zeros((rows.person.size, 1))
    alpha, _ = period_effects(
        rows, 7, np.ones(rows.person.size), "cloglog", score=zero, offset=zero, slopes=np.array([False])
    )
    null = DiscreteTimeHazard().fit(pd.DataFrame(index=range(y.size)), y)
    np.testing.assert_allclose(alpha, null.alpha_[:, 0], atol=1e-7)
    assert np.isneginf(alpha[0, 3])
