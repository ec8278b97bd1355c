"""Sparse matrices against R's glmnet on the same sparse matrix (r/sparse_columns.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy import sparse
from syn import park_miller

from lbp_prognosis.models import ElasticNetCox, LogisticRisk
from lbp_prognosis.survival import Status, Surv

EXPECTED = json.loads((Path(__file__).parent / "r" / "sparse_columns.json").read_text())


def table():
    """400 rows and 60 columns, 8 % filled; tied days."""
    u, v = park_miller(16, 400 * 60).reshape(400, 60), park_miller(61, 800).reshape(400, 2)
    dense = np.where(u < 0.08, 1 + np.floor(u / 0.02), 0.0)
    eta = 0.5 * dense[:, 0] - 0.4 * dense[:, 1] + 0.3 * dense[:, 2]
    time, leave = np.ceil(-np.log(v[:, 0]) * 40 / np.exp(eta)), np.ceil(60 * v[:, 1])
    return sparse.csr_matrix(dense), np.minimum(time, leave), time <= leave


def test_lasso_path():
    X, time, event = table()
    assert event.sum() == EXPECTED["events"]
    lambdas = EXPECTED["lambdas"]
    model = ElasticNetCox(lambdas=lambdas, choose=lambdas[-1], ties="breslow", tol=1e-12)
    model.fit(X, Surv.right(time, event))
    np.testing.assert_allclose(model.coef_path_.T, EXPECTED["cox"], atol=1e-7)
    assert (model.coef_path_ != 0).sum(axis=1).tolist() == [
        int(k) for k in (np.array(EXPECTED["cox"]) != 0).sum(axis=0)
    ]


def test_ridge_logistic():
    X, _, event = table()
    # glmnet penalises mean deviance and scales columns with divisor n
    model = LogisticRisk(penalty=EXPECTED["ridge_lambda"] * 399).fit(X, Status.at(12, event))
    np.testing.assert_allclose(model.coef_, EXPECTED["ridge"], atol=1e-7)
    np.testing.assert_allclose(model.intercept_, EXPECTED["intercept"], atol=1e-7)
