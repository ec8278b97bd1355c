"""Sparse matrices of predictors: the same numbers as the filled table, without filling it."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis._kernels import (
    cox_data,
    cox_path,
    sparse_columns,
    sparse_cox_path,
    training_ranges,
)
from lbp_prognosis._kernels._cox_curvature import CoxPass
from lbp_prognosis.models import CauseSpecificCox, CoxPH, ElasticNetCox, LogisticRisk
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.survival import Status, Surv, Weights

N, P = 300, 30


@pytest.fixture(scope="module")
def registry():
    """Counts of codes, one dense column (age), one constant; tied days, competing events."""
    rng = np.random.default_rng(16)
    X = (rng.random((N, P)) < 0.15) * rng.integers(1, 4, (N, P)).astype(float)
    X[:, 0] = rng.normal(50, 12, N)
    X[:, -1] = 0.0
    beta = np.zeros(P)
    beta[:5] = [0.03, 0.6, -0.5, 0.4, 0.3]
    eta = X @ beta
    time = np.ceil(rng.exponential(30 / np.exp(eta - eta.mean())))
    leave = np.ceil(rng.exponential(25, N))
    event = np.where(time <= leave, np.where(rng.random(N) < 0.3, 2, 1), 0)
    names = [f"code{j}" for j in range(P)]
    return X, Surv.right(np.minimum(time, leave), event), Surv.right(np.minimum(time, leave), event == 1), names


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("delayed", [False, True])
def test_the_sparse_path_is_the_dense_one(registry, ties, delayed):
    X, _, y, _ = registry
    rng = np.random.default_rng(1)
    weights, offset = rng.random(N) + 0.5, rng.normal(0, 0.3, N)
    extra = {"strata": rng.integers(0, 3, N), "entry": np.maximum(y["time"] - rng.integers(1, 60, N), 0.0)}
    extra = extra if delayed else {}
    mean = weights @ X / weights.sum()
    sd = np.sqrt(weights @ (X - mean) ** 2 / weights.sum())
    factors = np.ones(P)
    factors[1] = 0.0
    common = {
        "n_lambdas": 12,
        "min_ratio": 0.01,
        "alpha": 0.7,
        "factors": factors,
        "weights": weights,
        "offset": offset,
        "ties": ties,
        "tol": 1e-12,
    }
    event = y["event"] == 1
    columns = (X - mean) / np.where(sd > 0, sd, 1.0)
    dense = cox_path(cox_data(columns, y["time"], event, **extra), **common)
    bare = cox_data(np.empty((N, 0)), y["time"], event, **extra)
    found = sparse_cox_path(bare, sparse_columns(sparse.csc_array(X), weights), **common)
    assert found.converged.all()
    assert found.coef.shape == dense.coef.shape
    np.testing.assert_allclose(found.lambdas, dense.lambdas, rtol=1e-10)
    np.testing.assert_allclose(found.coef, dense.coef, atol=1e-10)
    np.testing.assert_allclose(found.loglik, dense.loglik, atol=1e-8)


@pytest.mark.parametrize("alpha", [1.0, 0.5])
@pytest.mark.parametrize("thin", [True, False])
def test_a_path_converges_below_the_rounding_of_its_likelihood(registry, monkeypatch, thin, alpha):
    X, _, y, _ = registry
    event = y["event"] == 1
    data = cox_data(np.empty((N, 0)) if thin else X, y["time"], event)
    columns = sparse_columns(sparse.csc_array(X), np.ones(N), standardize=False)

    def path():
        settings = {"n_lambdas": 15, "min_ratio": 0.01, "alpha": alpha, "tol": 1e-9}
        return sparse_cox_path(data, columns, **settings) if thin else cox_path(data, **settings)

    wanted = path()
    exact, noise = CoxPass.at, np.random.default_rng(0)
    # the value of the likelihood, not its slopes, loses what a sum over a great many rows loses
    monkeypatch.setattr(CoxPass, "at", lambda self, eta: exact(self, eta) * (1 + 1e-8 * noise.uniform(-1, 1)))
    found = path()
    assert wanted.converged.all()
    assert found.converged.all()
    np.testing.assert_allclose(found.coef, wanted.coef, atol=1e-7)
    assert found.evaluations < 3 * wanted.evaluations


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
def test_an_elastic_net_of_a_sparse_matrix_is_that_of_the_table(registry, standardize, l1_ratio):
    X, _, y, _ = registry
    net = ElasticNetCox(l1_ratio=l1_ratio, cv=3, n_lambdas=8, lambda_min_ratio=0.05, tol=1e-12, standardize=standardize)
    table = net.fit(X, y)
    coef, cv, lam, risk = table.coef_, table.cv_, table.lambda_, table.predict_risk(X, [10, 20])
    ranges = table.training_ranges_
    net.fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(net.lambda_, lam, rtol=1e-10)
    np.testing.assert_allclose(net.coef_, coef, atol=1e-10)
    np.testing.assert_allclose(net.cv_["mean"], cv["mean"], rtol=1e-9)
    np.testing.assert_array_equal(net.training_ranges_, ranges)
    np.testing.assert_allclose(net.predict_risk(sparse.coo_array(X), [10, 20]), risk, atol=1e-10)
    np.testing.assert_allclose(net.predict_risk(X, [10, 20]), risk, atol=1e-10)


def test_competing_causes_of_a_sparse_matrix(registry):
    X, y, _, names = registry
    X, names = X[:, :8], names[:8]
    settings = {"penalty": "cv", "l1_ratio": 0.9, "cv": 2, "modalities": {"a": names[:3], "b": names[3:]}}
    table = pd.DataFrame(X, columns=names)
    dense = CauseSpecificCox(**settings).fit(table, y)
    thin = table.astype(pd.SparseDtype(float, 0.0))
    model = CauseSpecificCox(**settings).fit(thin, y)
    assert list(model.feature_names_in_) == names
    for cause in (1, 2):
        np.testing.assert_allclose(model.coef_[cause], dense.coef_[cause], atol=1e-5)  # the default tolerance of paths
        risk = model.predict_risk(thin, [10, 20], cause)
        np.testing.assert_allclose(risk, dense.predict_risk(table, [10, 20], cause), atol=1e-5)
        shuffled = thin[names[::-1]]
        np.testing.assert_allclose(model.predict_risk(shuffled, [10, 20], cause), risk, atol=1e-14)
    total = model.predict_survival(sparse.csr_array(X), [10, 20])
    total = total + sum(model.predict_risk(X, [10, 20], cause) for cause in (1, 2))
    np.testing.assert_allclose(total, 1.0, atol=1e-12)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("kind", ["frequency", "sampling", None])
def test_a_ridge_logistic_of_a_sparse_matrix_is_that_of_the_table(registry, standardize, kind):
    X, _, outcome, _ = registry
    X = X[:, :-1]
    rng = np.random.default_rng(2)
    y = Status.at(12, np.where(rng.random(N) < 0.05, -1, outcome["event"]))
    weights = None if kind is None else Weights(rng.integers(1, 4, N).astype(float), kind)
    given = {"sample_weight": weights, "offset": rng.normal(0, 0.2, N)}
    factors = np.ones(P - 1)
    factors[2] = 0.0
    model = LogisticRisk(penalty=3.0, standardize=standardize, penalty_factors=factors)
    table = model.fit(X, y, **given)
    wanted = table.intercept_, table.coef_, table.log_likelihood_, table.log_likelihood_null_, table.n_, table.n_events_
    model.fit(sparse.csr_array(X), y, **given)
    np.testing.assert_allclose(model.intercept_, wanted[0], atol=1e-10)
    np.testing.assert_allclose(model.coef_, wanted[1], atol=1e-10)
    np.testing.assert_allclose([model.log_likelihood_, model.log_likelihood_null_], wanted[2:4], atol=1e-8)
    assert (model.n_, model.n_events_) == wanted[4:]
    assert model.covariance_ is None
    assert model.to_frame()["se"].isna().all()
    tuned = {"penalty": "cv", "cv": 3, "standardize": standardize}
    dense, thin = LogisticRisk(**tuned).fit(X, y, **given), LogisticRisk(**tuned).fit(sparse.csr_array(X), y, **given)
    assert thin.penalty_ == dense.penalty_
    np.testing.assert_allclose(thin.cv_["mean"], dense.cv_["mean"], rtol=1e-8)


@pytest.mark.parametrize("far", [1e3, 1e6, 1e7])
def test_a_column_far_from_zero_is_no_separation(registry, far):
    X, y, _, _ = registry
    X = X.copy()
    X[:, 0] = far + X[:, 0] / 12
    state = Status.at(12, (y["event"] == 1).astype(int))
    table, matrix = (LogisticRisk(penalty=1.0).fit(part, state) for part in (X, sparse.csc_array(X)))
    np.testing.assert_allclose(matrix.coef_, table.coef_, rtol=0, atol=1e-7)
    np.testing.assert_allclose(matrix.predict_risk(X, 12), table.predict_risk(X, 12), rtol=0, atol=1e-6)
    net = ElasticNetCox(lambdas=[0.1, 0.02], choose=0.02, tol=1e-10)
    dense, thin = (net.fit(part, y, sample_weight=np.arange(N) % 3 + 0.5).coef_ for part in (X, sparse.csc_array(X)))
    np.testing.assert_allclose(thin, dense, rtol=0, atol=1e-7)


@pytest.mark.parametrize("model", [ElasticNetCox(cv=3, n_lambdas=5), LogisticRisk(penalty=2.0)])
def test_saved_models_of_sparse_matrices_predict_the_same_bits(registry, model):
    X, _, y, _ = registry
    y = Status.at(12, y["event"]) if isinstance(model, LogisticRisk) else y
    rows = sparse.csr_array(X)
    model.fit(rows, y)
    again = RiskEstimator.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_array_equal(again.predict_risk(rows, 12), model.predict_risk(rows, 12))
    np.testing.assert_array_equal(model.predict_risk(rows[[7]], 12), model.predict_risk(rows, 12)[[7]])


def test_rows_pair_by_label(registry):
    X, _, _, names = registry
    labels = pd.Index([f"p{i:03d}" for i in range(N)])
    rng = np.random.default_rng(3)
    table = pd.DataFrame(X, columns=names, index=labels)
    offset = pd.Series(rng.normal(0, 0.5, N), index=labels)
    y = Surv.right(np.arange(1.0, N + 1), np.ones(N), index=labels)
    thin = pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(X), index=labels, columns=names)
    order = rng.permutation(N)
    net = ElasticNetCox(lambdas=[0.1, 0.05], choose=0.05, tol=1e-10)
    wanted = net.fit(table, y, offset=offset).coef_
    found = net.fit(thin.iloc[order], y, offset=offset.sample(frac=1, random_state=1)).coef_
    np.testing.assert_allclose(found, wanted, atol=1e-8)


def test_what_is_refused(registry):
    X, y, single, _ = registry
    rows = sparse.csr_array(X)
    state = Status.at(12, single["event"])
    with pytest.raises(ArgumentError, match="`l1_ratio`"):
        CauseSpecificCox(penalty="cv").fit(rows, y)
    with pytest.raises(ArgumentError, match="`penalty`"):
        LogisticRisk().fit(rows, state)
    with pytest.raises(ArgumentError, match="`variance`"):
        LogisticRisk(penalty=1.0, variance="robust").fit(rows, state)
    with pytest.raises(ArgumentError, match="`X`.*ElasticNetCox"):
        CoxPH().fit(rows, single)
    with pytest.raises(ArgumentError, match="`X`"):
        ElasticNetCox().fit(sparse.csr_array(X * 1j), single)
    with pytest.raises(ArgumentError, match="columns"):
        ElasticNetCox(choose=0.1).fit(rows, single).predict_risk(rows[:, :4], 5)
    bad = rows.copy()
    bad.data[[3, 5]] = np.nan, np.inf
    with pytest.raises(DataError) as caught:
        ElasticNetCox().fit(bad, single)
    assert sorted(caught.value.failures["reason"]) == ["infinite", "missing"]
    assert set(caught.value.failures["field"]) <= {f"x{j}" for j in range(P)}
    twice = sparse.lil_array((X.shape[0], 3))
    twice[[1, 2, 4], [0, 0, 2]] = np.nan
    with pytest.raises(DataError, match=r"got columns 'x0' \(missing\), 'x2' \(missing\), 3 cells in all\."):
        ElasticNetCox().fit(twice, single)


def test_ranges_of_sparse_columns_are_those_of_the_table():
    rng = np.random.default_rng(4)
    columns = [
        rng.normal(size=200) * (rng.random(200) < share) + shift
        for share in (0.0, 0.02, 0.1, 0.5, 0.97, 1.0)
        for shift in (0.0, 3.0)
    ]
    columns += [rng.integers(0, 3, 200) * 1.0, -rng.poisson(2, 200) * 1.0, np.abs(columns[6]), -np.abs(columns[4])]
    X = np.column_stack(columns)
    for rows in (X, X[:60], X[:9], X[:10]):
        np.testing.assert_array_equal(training_ranges(sparse.csc_array(rows)), training_ranges(rows))


def test_nothing_given_is_changed_and_nothing_is_filled():
    """A table of 480 MB when filled is fitted in a thirtieth of that, from a matrix with repeated entries."""
    rng = np.random.default_rng(5)
    n, p, stored = 20_000, 3_000, 100_000
    row, column = rng.integers(0, n, stored), np.sort(rng.integers(0, p, stored))
    starts = np.searchsorted(column, np.arange(p + 1))
    matrix = sparse.csc_matrix((np.ones(stored), row, starts), shape=(n, p))
    assert not matrix.has_canonical_format
    before = matrix.data.copy(), matrix.indices.copy()
    y = Surv.right(np.ceil(rng.exponential(300, n)), rng.random(n) < 0.4)
    tracemalloc.start()
    ElasticNetCox(choose=0.002, lambdas=[0.002]).fit(matrix, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * p * 8 / 30
    np.testing.assert_array_equal(matrix.data, before[0])
    np.testing.assert_array_equal(matrix.indices, before[1])
