"""Paths of columns that repeat each other, as radiomics do: they converge without a warning, or end and say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lbp_prognosis.models._penalised_columns as module
from lbp_prognosis import Surv
from lbp_prognosis._base import EstimationError
from lbp_prognosis.models import ElasticNetCox


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 30))
    time, leave = rng.exponential(10 * np.exp(-X[:, 0] - 0.5 * X[:, 1])), rng.uniform(3, 25, 120)
    return X, Surv.right(np.minimum(time, leave), time <= leave)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("unit", [1.0, 1e6])
def test_copies_of_columns_share_what_one_would_have(cohort, l1_ratio: float, unit: float) -> None:
    """Five copies, more columns than rows: the lasso gives their sum the coefficient of one."""
    X, y = cohort
    folds = np.arange(120) % 5
    wide = np.hstack([X, *(unit**k * X for k in (1, -1, 1, -1))])
    found = ElasticNetCox(l1_ratio=l1_ratio, lambda_min_ratio=0.05, n_lambdas=20).fit(wide, y, folds=folds)
    scaled = found.coef_path_ * wide.std(axis=0) / np.tile(X.std(axis=0), 5)
    assert found.path_end_ is None
    assert found.objections_ == ()
    if l1_ratio == 1.0:
        alone = ElasticNetCox(lambda_min_ratio=0.05, n_lambdas=20).fit(X, y, folds=folds)
        np.testing.assert_allclose(found.lambdas_, alone.lambdas_)
        np.testing.assert_allclose(scaled.reshape(-1, 5, 30).sum(axis=1), alone.coef_path_, atol=2e-4)
        np.testing.assert_allclose(found.cv_["mean"], alone.cv_["mean"], rtol=1e-5)
    else:  # the squares share evenly
        shares = scaled.reshape(-1, 5, 30)
        np.testing.assert_allclose(shares, np.broadcast_to(shares.mean(axis=1, keepdims=True), shares.shape), atol=2e-4)


@pytest.mark.parametrize("noise", [1e-3, 1e-6])
def test_columns_that_all_but_repeat_each_other(cohort, noise: float) -> None:
    """Three directions in 200 columns: predictions are those of the three."""
    X, y = cohort
    rng = np.random.default_rng(1)
    wide = X[:, :3] @ rng.normal(size=(3, 200)) + noise * rng.normal(size=(120, 200))
    found = ElasticNetCox(choose=0.05).fit(wide, y)
    assert found.path_end_ is None
    assert np.isfinite(found.coef_path_).all()
    assert np.abs(found.coef_path_ * wide.std(axis=0)).max() < 5
    assert np.corrcoef(found.linear_predictor(wide), X[:, 0] + 0.5 * X[:, 1])[0, 1] > 0.9


def test_radiomics_of_240_patients(shared) -> None:
    """53 features, 74 pairs beyond 0.95: once 3,143 warnings (which are errors here); the choice is that of glmnet."""
    path = shared / "data" / "radiomics_overflow" / "overflow_1.csv"
    if not path.exists():
        pytest.skip("the table of radiomics is not beside this checkout")
    table = pd.read_csv(path)
    found = ElasticNetCox().fit(table.drop(columns=["time", "event"]), Surv.right(table["time"], table["event"]))
    assert found.lambda_ == pytest.approx(0.0678, abs=1e-4)
    assert int((found.coef_ != 0).sum()) == 7
    assert found.path_end_ is None


def test_a_path_that_does_not_converge_ends_and_says_so(cohort, monkeypatch) -> None:
    X, y = cohort
    follow: Any = module.cox_path

    def broken(*given: Any, **options: Any) -> Any:
        path = follow(*given, **options)
        return replace(path, converged=np.arange(path.lambdas.size) < 12)

    monkeypatch.setattr(module, "cox_path", broken)
    found = ElasticNetCox(n_lambdas=20, lambda_min_ratio=1e-3, cv=4).fit(X, y)
    assert found.lambdas_.size == found.coef_path_.shape[0] == found.deviance_ratio_.size == 12
    assert found.lambda_ >= found.lambdas_[-1] > found.path_end_
    assert found.cv_["mean"].isna().to_numpy().tolist() == [False] * 12 + [True] * (len(found.cv_) - 12)
    assert [doubt.code for doubt in found.objections_] == ["penalty-path-ends"]
    assert f"{found.path_end_:.3g}" in found.objections_[0].sentence
    with pytest.raises(EstimationError, match="did not converge"):
        ElasticNetCox(choose=found.path_end_ / 2).fit(X, y)
