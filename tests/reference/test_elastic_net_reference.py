"""`ElasticNetCox` against R's glmnet: coefficients along the path, and the cross-validated deviance."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.models import ElasticNetCox
from lbp_prognosis.survival import Surv

CASES = ["cox_glmnet_colon_nostd", "cox_glmnet_pbc_alpha0", "cox_glmnet_pbc_alpha5", "cox_glmnet_pbc_alpha10"]


def rows(case, reference_csv, extra=()):
    given = case["inputs"]
    frame = reference_csv(case["data"]["csv"])
    frame = frame[[given["time"], given["event"], *given["covariates"], *extra]].dropna()
    return frame[frame[given["time"]] > 0].reset_index(drop=True), given


@pytest.mark.parametrize("name", CASES)
def test_path(name, reference_case, reference_csv):
    case = reference_case(name)
    frame, given = rows(case, reference_csv)
    y = Surv.right(frame[given["time"]], frame[given["event"]] == 1)
    X = frame[given["covariates"]]
    options = {"l1_ratio": float(given["alpha"]), "standardize": given["standardize"], "ties": "breslow", "tol": 1e-9}
    model = ElasticNetCox(lambdas=given["lambdas"], choose=given["lambdas"][-1], **options).fit(X, y)
    expected = np.array([list(row.values()) for row in case["expected"]["coef"].values()])
    # the tolerance of the case: glmnet's own optimality conditions hold to 1e-5
    np.testing.assert_allclose(model.coef_path_, expected, rtol=1e-5, atol=1e-6)
    assert (model.coef_path_ != 0).sum(axis=1).tolist() == case["expected"]["n_nonzero"]
    whole = ElasticNetCox(n_lambdas=3, choose=given["lambdas"][0], **options).fit(X, y)
    np.testing.assert_allclose(whole.lambdas_[0], case["expected"]["lambda_max_path"], rtol=1e-12)


def test_cross_validation(reference_case, reference_csv):
    case = reference_case("cvglmnet_pbc_lasso")
    frame, given = rows(case, reference_csv, ["id"])
    y = Surv.right(frame[given["time"]], frame[given["event"]] == 1)
    options = {"lambdas": given["lambdas"], "ties": "breslow", "tol": 1e-9}
    expected = case["expected"]
    for choose, wanted in (("min", "lambda_min"), ("1se", "lambda_1se")):
        model = ElasticNetCox(choose=choose, **options)
        model.fit(frame[given["covariates"]], y, folds=frame["id"] % 5)
        # the tolerance of the case: both paths are converged to a finite degree
        np.testing.assert_allclose(model.cv_["mean"], expected["cvm"], rtol=1e-4)
        np.testing.assert_allclose(model.cv_["se"], expected["cvsd"], rtol=1e-4)
        np.testing.assert_allclose(model.lambda_, expected[wanted], rtol=1e-12)
        coefficients = np.array(list(expected[wanted.replace("lambda", "coef")].values()))
        np.testing.assert_allclose(model.coef_, coefficients, rtol=1e-4, atol=1e-5)
