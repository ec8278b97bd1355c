"""Where many events share a time, as months and visits make them, mean risks are those of Aalen–Johansen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from syn import park_miller

from lbp_prognosis import Surv
from lbp_prognosis._kernels import discrete_baseline
from lbp_prognosis.models import (
    AalenAdditive,
    BoostedCox,
    CauseSpecificCox,
    CoxPH,
    DiscreteTimeHazard,
    ElasticNetCox,
    FineGray,
    NullModel,
    PriorityCox,
)

N = 2000
GRIDS = {
    "none": None,
    "months": tuple(float(m) for m in range(1, 61)),
    "quarters": (3.0, 6.0, 9.0, 12.0, 24.0, 36.0, 60.0),
    "visits": (6.0, 12.0, 24.0, 36.0, 60.0),
}
LIMIT = 0.002


def dated(grid: str) -> tuple[np.ndarray, np.ndarray]:
    """Two causes with about 70 % and 20 % by a year, one covariate without effect; found at the next visit."""
    u = park_miller(2024, 4 * N).reshape(N, 4)
    X = norm.ppf(u[:, :1])
    first, second, leave = -9 * np.log(u[:, 1]), -30 * np.log(u[:, 2]), 3 + 45 * u[:, 3]
    end = np.minimum(first, second)
    visits = GRIDS[grid]
    if visits is None:
        return X, Surv.right(np.minimum(end, leave), np.where(leave < end, 0, np.where(first <= second, 1, 2)))
    found = np.append(visits, np.inf)[np.searchsorted(visits, end)]
    last = np.append(0.0, visits)[np.searchsorted(visits, leave, side="right")]
    seen = found <= last
    time = np.where(seen, found, np.maximum(last, 0.5))
    return X, Surv.right(time, np.where(seen, np.where(first <= second, 1, 2), 0))


def mean_risks(model, X, y, at=(6.0, 12.0, 24.0), causes=(1, 2)) -> np.ndarray:
    fitted = model.fit(X, y)
    return np.array([fitted.predict_risk(X, list(at), cause).mean(axis=0) for cause in causes])


@pytest.mark.parametrize("grid", GRIDS)
def test_competing_causes_against_aalen_johansen(grid):
    X, y = dated(grid)
    want = mean_risks(NullModel(), X, y)
    models = {
        "default": CauseSpecificCox(),
        "Breslow": CauseSpecificCox(ties="breslow"),
        "ridge": CauseSpecificCox(penalty=5.0),
    }
    for name, model in models.items():
        assert np.abs(mean_risks(model, X, y) - want).max() < LIMIT, name
    for cause in (1, 2):
        found = mean_risks(FineGray(cause=cause), X, y, causes=(cause,))
        assert np.abs(found - want[cause - 1]).max() < LIMIT, cause
    if GRIDS[grid] is not None and grid != "months":
        model = DiscreteTimeHazard(GRIDS[grid], between="interpolate")
        assert np.abs(mean_risks(model, X, y) - want).max() < LIMIT


@pytest.mark.parametrize("grid", GRIDS)
def test_boosted_trees_of_competing_causes_against_aalen_johansen(grid):
    pytest.importorskip("xgboost")
    X, y = dated(grid)
    found = mean_risks(BoostedCox(rounds=5, folds=2), X, y)
    assert np.abs(found - mean_risks(NullModel(), X, y)).max() < LIMIT


@pytest.mark.parametrize("grid", GRIDS)
def test_one_cause_against_kaplan_meier(grid):
    X, y = dated(grid)
    alone = Surv.right(y["time"], y["event"] == 1)
    want = mean_risks(NullModel(), X, alone, causes=(1,))
    two = np.column_stack([X, X[::-1]])
    models = {
        "Cox": (CoxPH(), X),
        "elastic net": (ElasticNetCox(cv=3), X),
        "priority": (PriorityCox({"a": [0], "b": [1]}, cv=3, cross_fit=3), two),
        "one cause of several": (CauseSpecificCox(), X),
    }
    for name, (model, table) in models.items():
        assert np.abs(mean_risks(model, table, alone, causes=(1,)) - want).max() < LIMIT, name


@pytest.mark.parametrize("grid", ["months", "quarters", "visits"])
def test_additive_hazards_against_kaplan_meier(grid):
    pytest.importorskip("lifelines")
    X, y = dated(grid)
    alone = Surv.right(y["time"], y["event"] == 1)
    found = mean_risks(AalenAdditive(), X, alone, causes=(1,))
    assert np.abs(found - mean_risks(NullModel(), X, alone, causes=(1,))).max() < LIMIT


@pytest.mark.parametrize("strata", [False, True])
def test_increments_solve_their_equation(strata):
    """Brute force: at each event time the risk set loses, by its own probabilities, what the equation says."""
    rng = np.random.default_rng(3)
    n = 120
    time, event = rng.integers(1, 9, n).astype(float), rng.random(n) < 0.6
    entry = np.where(rng.random(n) < 0.3, time - 0.5, 0.0)
    eta, weight = 1.5 * rng.normal(size=n), rng.integers(1, 4, n).astype(float)
    codes = rng.integers(0, 2, n) if strata else np.zeros(n, dtype=int)
    found = discrete_baseline(time, event, eta, entry=entry, strata=codes if strata else None, weights=weight)
    for code, (times, steps) in enumerate(found):
        for at, h in zip(times, steps):
            here = (codes == code) & (entry < at) & (time >= at)
            mine = here & event & (time == at)
            r = np.exp(eta)
            if not np.isfinite(h):
                assert (mine == here).all()
                continue
            left = np.sum(weight[mine] * r[mine] / -np.expm1(-h * r[mine]))
            assert left == pytest.approx(np.sum(weight[here] * r[here]), rel=1e-10)


def test_increments_are_those_of_r():
    """``survfit(coxph(Surv(t, d) ~ x, ties = "breslow"), newdata = data.frame(x = c(0, 1)), stype = 1)`` of R."""
    t, d = np.array([1.0, 1, 2, 2, 2, 3, 4, 4, 5, 6]), np.array([1, 1, 1, 1, 0, 1, 1, 0, 1, 0])
    x = np.array([1.2, -0.3, 1.5, 0.4, 0.3, -0.7, 1, -0.2, -0.8, 0])
    model = CauseSpecificCox(ties="breslow").fit(x[:, None], Surv.right(t, d))
    want = [
        [0.8370439522, 0.6491566183, 0.5233596779, 0.3877273458, 0.1781707705],
        [0.7247335473, 0.4574696784, 0.3097726443, 0.1799924118, 0.0440608497],
    ]
    assert model.predict_survival(np.array([[0.0], [1.0]]), [1, 2, 3, 4, 5]) == pytest.approx(np.array(want), abs=1e-8)


def test_increments_as_they_are_give_too_high_risks():
    """What the default mends, by how much: Efron's sums in a product limit, and in the exponential form."""
    X, y = dated("visits")
    want = mean_risks(NullModel(), X, y, at=(12.0,), causes=(1,))[0, 0]
    product, exponential = (
        mean_risks(CauseSpecificCox(incidence=form), X, y, at=(12.0,), causes=(1,))[0, 0]
        for form in ("product_limit_efron", "exponential_efron")
    )
    assert product - want > 0.05
    assert exponential - want > 0.15
    shared = CauseSpecificCox(incidence="exponential").fit(X, y)
    risks = [shared.predict_risk(X, [12.0], cause) for cause in (1, 2)]
    assert sum(risks) + shared.predict_survival(X, [12.0]) == pytest.approx(np.ones((N, 1)), abs=1e-12)
    assert abs(risks[0].mean() - want) < 0.03


def test_without_ties_the_forms_are_nearly_one():
    X, y = dated("none")
    forms = ("product_limit", "exponential", "product_limit_efron", "exponential_efron")
    risks = [CauseSpecificCox(incidence=form).fit(X, y).predict_risk(X, [6.0, 24.0]) for form in forms]
    assert max(np.abs(risk - risks[0]).max() for risk in risks) < 2e-3


def test_by_hand_two_causes_at_one_time():
    """Ten patients, at time 1 two events of cause 1 and three of cause 2, a covariate without information."""
    x = np.array([-1.0, 1, -1, 1, 0, -1, 1, -1, 1, 0])[:, None]
    y = Surv.right(np.r_[np.ones(5), np.full(5, 2.0)], [1, 1, 2, 2, 2, 1, 1, 0, 0, 0])
    model = CauseSpecificCox(penalty=1e9).fit(x, y)  # the penalty holds the coefficients at 0
    first, second = [2 / 10, 3 / 10], (1 - 5 / 10) * 2 / 5
    risk = [model.predict_risk(x[:1], [1.0, 2.0], cause)[0] for cause in (1, 2)]
    assert risk[0] == pytest.approx([first[0], first[0] + second], abs=1e-7)
    assert risk[1] == pytest.approx([first[1], first[1]], abs=1e-7)


def test_study_models_that_date_events_at_visits():
    from lbp_prognosis.study._dated_at_visit import DatedAtVisit

    X, y = dated("visits")
    grid = np.append(0.0, GRIDS["visits"])
    before = grid[np.maximum(np.searchsorted(grid, y["time"]) - 1, 0)]
    upper = np.where(y["event"] > 0, y["time"], np.inf)
    seen = Surv.interval(np.where(y["event"] > 0, before, y["time"]), upper, np.where(y["event"] > 0, y["event"], 0))
    want = mean_risks(NullModel(), X, y, at=(12.0,))
    assert np.abs(mean_risks(DatedAtVisit(CauseSpecificCox()), X, seen, at=(12.0,)) - want).max() < LIMIT
