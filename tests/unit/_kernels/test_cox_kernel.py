"""Cox kernels against loops that follow the definitions word for word."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    _cox,
    censoring_groups,
    cox_baseline,
    cox_data,
    cox_fit,
    cox_fit_near,
    cox_fit_prepared,
    cox_loglik,
    cox_path,
    cox_pieces,
    fine_gray_data,
)


def draw(seed: int, n: int = 60, p: int = 3, strata: int = 2):
    """Coarse times with many ties, delayed entry, weights, offsets and strata."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 5
    time = rng.integers(2, 12, n).astype(float)
    entry = np.minimum(rng.integers(0, 6, n), time - 1).astype(float)
    return {
        "X": X,
        "time": time,
        "event": rng.random(n) < 0.6,
        "entry": entry,
        "strata": rng.integers(0, strata, n),
        "weights": rng.choice([0.0, 0.5, 1.0, 2.5], n, p=[0.1, 0.3, 0.3, 0.3]),
        "offset": 0.3 * rng.normal(size=n),
    }


def brute(coef, d, ties):
    """Log-likelihood, gradient, information and hazard jumps, one tied group at a time."""
    w, eta = d["weights"], (d["X"] - 5) @ coef + d["offset"]
    risk = w * np.exp(eta)
    x = d["X"]
    p = coef.size
    loglik, gradient, information, jumps = 0.0, np.zeros(p), np.zeros((p, p)), []
    for s in np.unique(d["strata"]):
        for t in np.unique(d["time"][d["event"] & (d["strata"] == s)]):
            at = (d["strata"] == s) & (d["time"] >= t) & (d["entry"] < t)
            dead = at & d["event"] & (d["time"] == t) & (w > 0)
            m = int(dead.sum())
            if m == 0:
                jumps.append((s, t, 0.0))
                continue
            mean, jump = w[dead].sum() / m, 0.0
            loglik += (w * eta)[dead].sum()
            gradient += (w[:, None] * x)[dead].sum(axis=0)
            for k in range(m):
                share = np.where(dead, 1 - k / m if ties == "efron" else 1.0, 1.0) * at
                r = share * risk
                centre = r @ x / r.sum()
                loglik -= mean * np.log(r.sum())
                gradient -= mean * centre
                information += mean * ((x - centre).T * r) @ (x - centre) / r.sum()
                jump += mean / r.sum()
            jumps.append((s, t, jump))
    return loglik, gradient, information, jumps


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("seed", range(6))
def test_likelihood_and_derivatives(seed, ties):
    d = draw(seed)
    coef = np.random.default_rng(seed).normal(size=3) * 0.4
    data = cox_data(d["X"], d["time"], d["event"], entry=d["entry"], strata=d["strata"])
    offset = d["offset"] + (data.centre - 5) @ coef  # the loop is centred at 5
    fit = cox_fit_prepared(data, weights=d["weights"], offset=offset, ties=ties, start=coef, max_iter=1)
    loglik, gradient, information, jumps = brute(coef, d, ties)
    np.testing.assert_allclose(fit.loglik, loglik, rtol=1e-10)
    np.testing.assert_allclose(fit.gradient, gradient, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(fit.information, information, rtol=1e-9, atol=1e-10)
    eta = (d["X"] - 5) @ coef + d["offset"]
    np.testing.assert_allclose(cox_loglik(data, eta[:, None], weights=d["weights"], ties=ties), [loglik], rtol=1e-10)
    steps = cox_baseline(
        d["time"], d["event"], eta, entry=d["entry"], strata=d["strata"], weights=d["weights"], ties=ties
    )
    for s, (times, hazard) in enumerate(steps):
        mine = [(t, jump) for stratum, t, jump in jumps if stratum == s]
        np.testing.assert_array_equal(times, [t for t, _ in mine])
        np.testing.assert_allclose(hazard, np.cumsum([jump for _, jump in mine]), rtol=1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_score_residuals_add_up_to_the_gradient_and_are_derivatives_in_the_weights(seed):
    d = draw(seed)
    coef = np.random.default_rng(seed).normal(size=3) * 0.4
    data = cox_data(d["X"], d["time"], d["event"], entry=d["entry"], strata=d["strata"])
    pieces = cox_pieces(data, coef, weights=d["weights"], ties="breslow")
    unweighted = {**d, "offset": np.zeros(60)}
    np.testing.assert_allclose(d["weights"] @ pieces.score(), brute(coef, unweighted, "breslow")[1], atol=1e-9)
    for row in (0, 7, 31):
        up, down = d["weights"].copy(), d["weights"].copy()
        up[row], down[row] = up[row] + 1e-5, max(down[row] - 1e-5, 0)
        if d["weights"][row] == 0:
            continue
        slope = (
            brute(coef, {**unweighted, "weights": up}, "breslow")[1]
            - brute(coef, {**unweighted, "weights": down}, "breslow")[1]
        ) / 2e-5
        np.testing.assert_allclose(pieces.score()[row], slope, rtol=1e-5, atol=1e-7)  # a finite difference


@pytest.mark.parametrize("seed", range(4))
def test_exact_ties_by_enumeration(seed):
    rng = np.random.default_rng(seed)
    x, time, event = rng.normal(size=(12, 2)), rng.integers(1, 5, 12).astype(float), rng.random(12) < 0.6
    coef = np.array([0.3, -0.2])
    fit = cox_fit(x, time, event, ties="exact", start=coef, max_iter=1)
    loglik = 0.0
    for t in np.unique(time[event]):
        at, dead = np.flatnonzero(time >= t), np.flatnonzero(event & (time == t))
        subsets = [np.exp(x[list(c)].sum(axis=0) @ coef) for c in combinations(at, dead.size)]
        loglik += x[dead].sum(axis=0) @ coef - np.log(np.sum(subsets))
    np.testing.assert_allclose(fit.loglik, loglik, rtol=1e-11)
    step = 1e-5
    slope = [
        (
            cox_fit(x, time, event, ties="exact", start=coef + step * e, max_iter=1).loglik
            - cox_fit(x, time, event, ties="exact", start=coef - step * e, max_iter=1).loglik
        )
        / (2 * step)
        for e in np.eye(2)
    ]
    np.testing.assert_allclose(fit.gradient, slope, rtol=1e-6, atol=1e-8)
    final = cox_fit(x, time, event, ties="exact")
    if final.converged:
        np.testing.assert_allclose(final.gradient, 0, atol=1e-6)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_subdistribution_equals_rows_split_at_censorings(seed, first):
    """Fine–Gray by running sums = the same rows cut into (entry, time] pieces with constant weights."""
    rng = np.random.default_rng(seed)
    n = 80
    X, time = rng.normal(size=(n, 2)), rng.integers(1, 12, n).astype(float)
    code, strata = rng.integers(0, 3, n), rng.integers(0, 2, n)
    groups = rng.integers(0, 2, n)
    censoring = censoring_groups(time, code, groups, np.ones(n), first)
    direct = cox_fit_prepared(fine_gray_data(X, time, code, 1, censoring, strata), ties="efron")
    rows = []
    for i in range(n):
        rows.append((i, 0.0, time[i], code[i] == 1, 1.0))
        if code[i] == 2:
            own = censoring.left(groups[i], time[i : i + 1])[0]
            for t in np.unique(time[time > time[i]]):
                weight = censoring.left(groups[i], np.array([t]))[0] / own
                rows.append((i, t - 0.5, t, False, weight))
    who = np.array([row[0] for row in rows])
    split = cox_fit(
        X[who],
        np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows]),
        entry=np.array([row[1] for row in rows]),
        strata=strata[who],
        weights=np.array([row[4] for row in rows]),
    )
    np.testing.assert_allclose(direct.coef, split.coef, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(direct.loglik, split.loglik, rtol=1e-11)
    np.testing.assert_allclose(direct.covariance, split.covariance, rtol=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("alpha", [1.0, 0.5, 0.0])
def test_path_satisfies_its_optimality_conditions(alpha, ties):
    d = draw(3, n=150, p=12)
    factors = np.array([0.0, 0.5] + [1.0] * 10)
    data = cox_data(d["X"], d["time"], d["event"], entry=d["entry"], strata=d["strata"])
    w = d["weights"]
    path = cox_path(
        data,
        alpha=alpha,
        factors=factors,
        weights=w,
        offset=d["offset"],
        ties=ties,
        tol=1e-9,
        n_lambdas=12,
        min_ratio=0.01,
    )
    assert path.converged.all()
    first = np.flatnonzero(path.coef[0])
    if alpha > 0:
        assert first.tolist() in ([0], [])
    for lam, coef in zip(path.lambdas, path.coef):
        at = cox_fit_prepared(data, weights=w, offset=d["offset"], ties=ties, start=coef, max_iter=1)
        slope = at.gradient / w.sum() - lam * (1 - alpha) * factors * coef
        bound = lam * alpha * factors
        active = coef != 0
        np.testing.assert_allclose(slope[active], (np.sign(coef) * bound)[active], atol=1e-7)
        assert (np.abs(slope[~active]) <= bound[~active] + 1e-7).all()


def test_aliased_columns_and_separation_are_told():
    d = draw(1)
    doubled = np.column_stack([d["X"], d["X"][:, 0] * 2 - 1, np.ones(60)])
    fit = cox_fit(doubled, d["time"], d["event"])
    assert fit.aliased.tolist() == [False, False, False, True, True]
    np.testing.assert_allclose(fit.coef[:3], cox_fit(d["X"], d["time"], d["event"]).coef, rtol=1e-9)
    apart = np.where(d["event"], 1.0, -1.0)[:, None] * 5 - d["time"][:, None] * 0.1
    assert not cox_fit(apart, d["time"], d["event"]).converged


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_few_columns_and_many_give_one_information(ties):
    d = draw(4, n=200)
    many = np.column_stack([d["X"], np.random.default_rng(4).normal(size=(200, 6))])
    data = {name: d[name] for name in ("entry", "strata")}
    fits = []
    for X in (d["X"], many):  # a loop over rows for the first, matrix products for the second
        start = np.concatenate([[0.3, -0.2, 0.1], np.zeros(X.shape[1] - 3)])
        prepared = cox_data(X, d["time"], d["event"], **data)
        fits.append(
            cox_fit_prepared(prepared, weights=d["weights"], offset=d["offset"], ties=ties, start=start, max_iter=1)
        )
    np.testing.assert_allclose(fits[0].information, fits[1].information[:3, :3], rtol=1e-11)
    np.testing.assert_allclose(fits[0].gradient, fits[1].gradient[:3], rtol=1e-10)
    assert fits[0].loglik == pytest.approx(fits[1].loglik, rel=1e-13)


@pytest.mark.parametrize("step", [1.0, 1e-6])
@pytest.mark.parametrize("columns", [1, 3])
def test_influence_on_the_baseline_is_the_derivative_by_the_weight(step, columns):
    """Efron's ties, the baseline that belongs to them, and any weights."""
    rng = np.random.default_rng(0)
    n = 60
    X = rng.normal(size=(n, columns)) + 2
    time, event = np.ceil(rng.exponential(np.exp(2 - X[:, 0])) / step) * step, rng.random(n) < 0.7
    weight = rng.gamma(3, 1, n)
    data = cox_data(X, time, event)

    def both(w):
        fit = cox_fit_prepared(data, weights=w, tol=1e-13)
        times, hazard = cox_baseline(time, event, X @ fit.coef, weights=w)[0]
        return np.r_[np.log(hazard[np.searchsorted(times, 1.5, side="right") - 1]), fit.coef], fit

    fit = both(weight)[1]
    got = cox_pieces(data, fit.coef, weights=weight).hazard_influence(1.5, fit.information)
    assert np.abs(weight @ got).max() < 1e-10
    for row in range(0, n, 5):
        move = 1e-4 * (np.arange(n) == row)
        want = (both(weight + move)[0] - both(weight - move)[0]) / 2e-4
        np.testing.assert_allclose(got[row], want, atol=1e-7)


@pytest.mark.parametrize("near", [None, np.array([0.3, -0.2])])
def test_a_long_table_has_the_maximum_it_has_from_zero(near, monkeypatch):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(600, 2))
    time, event = np.ceil(rng.exponential(8 * np.exp(-X[:, 0]))), rng.random(600) < 0.6
    data, weights = cox_data(X, time, event), rng.gamma(2, 1, 600)
    want = cox_fit_prepared(data, weights=weights)
    exact = cox_fit_prepared(data, weights=weights, start=want.coef)
    monkeypatch.setattr(_cox, "_LONG", 600)
    got = cox_fit_near(data, weights=weights, near=near)
    assert got.converged
    np.testing.assert_allclose(got.coef, want.coef, rtol=1e-12)
    np.testing.assert_allclose(got.covariance, exact.covariance, rtol=1e-13)
    np.testing.assert_allclose(got.covariance, want.covariance, rtol=1e-7)  # a step before the maximum


def test_a_long_table_leaves_a_column_that_adds_nothing_at_zero_wherever_it_starts(monkeypatch):
    rng = np.random.default_rng(4)
    X = np.column_stack([rng.normal(size=600), np.ones(600)])
    data = cox_data(X, np.ceil(rng.exponential(8 * np.exp(-X[:, 0]))), rng.random(600) < 0.6)
    monkeypatch.setattr(_cox, "_LONG", 600)
    got = cox_fit_near(data, near=np.array([0.3, -0.2]))
    assert got.aliased.tolist() == [False, True]
    np.testing.assert_allclose(got.coef, cox_fit_prepared(data).coef, rtol=1e-12)


@pytest.mark.parametrize("near", [np.array([20.0, 0.0]), np.array([-30.0, 0.1])])
def test_a_long_table_without_a_maximum_has_none_from_afar(near, monkeypatch):
    rng = np.random.default_rng(0)
    none, x = (rng.random(4000) < 0.3).astype(float), rng.normal(size=4000)  # no event where `none` is 1
    data = cox_data(np.column_stack([none, x]), rng.exponential(size=4000), (rng.random(4000) < 0.05) & (none == 0))
    monkeypatch.setattr(_cox, "_LONG", 4000)
    assert not cox_fit_prepared(data).converged
    assert not cox_fit_near(data, near=near).converged  # from 20 it came to rest at −1550, where all is flat
