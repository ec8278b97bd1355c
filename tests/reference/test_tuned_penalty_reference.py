"""Penalties chosen by cross-validation against R's cv.glmnet on the same folds (r/tuned_ridge.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from syn import syn

from lbp_prognosis.models import CauseSpecificCox, CoxPH, LogisticRisk, _ridge_choice
from lbp_prognosis.survival import Status, Surv

R = json.loads((Path(__file__).parent / "r" / "tuned_ridge.json").read_text(encoding="utf-8"))
COHORT = syn(n=300)
X = COHORT[["c1", "c2", "c3", "p1", "p2", "m1", "m2", "m3", "g1", "g2"]]
FOLDS = np.arange(300) % 5
Y = Surv.right(COHORT.time, COHORT.status)


@pytest.fixture
def whole_path(monkeypatch):
    """All penalties are tried, as by glmnet."""
    monkeypatch.setattr(_ridge_choice, "_BEYOND", 99)


@pytest.mark.usefixtures("whole_path")
@pytest.mark.parametrize("choose", ["min", "one_se"])
@pytest.mark.parametrize("cause", [1, 2])
def test_ridge_of_each_cause(cause, choose):
    model = CauseSpecificCox(penalty="cv", ties="breslow", choose=choose).fit(X, Y, folds=FOLDS).models_[cause]
    wanted = R[f"cox_{cause}"]
    assert isinstance(model, CoxPH)
    # glmnet's penalty is of a mean, and of columns whose standard deviation has the divisor n
    np.testing.assert_allclose(model.cv_["penalty"] / 299, wanted["lambda"], rtol=1e-12)
    np.testing.assert_allclose(model.cv_["mean"], wanted["cvm"], rtol=1e-7)
    np.testing.assert_allclose(model.cv_["se"], wanted["cvsd"], rtol=1e-6)
    assert model.penalty_ / 299 == pytest.approx(wanted["lambda_min" if choose == "min" else "lambda_1se"])
    if choose == "min":
        np.testing.assert_allclose(model.coef_, wanted["coef"], atol=1e-6)


def test_the_path_ends_beyond_the_minimum():
    model = CauseSpecificCox(penalty="cv", ties="breslow").fit(X, Y, folds=FOLDS).models_[2]
    wanted = R["cox_2"]
    tried = len(model.cv_)
    assert tried < 13
    np.testing.assert_allclose(model.cv_["mean"], wanted["cvm"][:tried], rtol=1e-7)
    assert model.penalty_ / 299 == pytest.approx(wanted["lambda_min"])


@pytest.mark.parametrize("cause", [1, 2])
def test_elastic_net_of_each_cause(cause):
    for choose, coef in (("min", "coef"), ("one_se", "coef_1se")):
        model = CauseSpecificCox(penalty="cv", l1_ratio=0.5, ties="breslow", choose=choose).fit(X, Y, folds=FOLDS)
        wanted = R[f"net_{cause}"]
        assert model.models_[cause].lambda_ == pytest.approx(wanted["lambda_min" if choose == "min" else "lambda_1se"])
        # both stop where slopes are flat to about 1e-6 of the largest
        np.testing.assert_allclose(model.coef_[cause], wanted[coef], atol=1e-5)


@pytest.mark.usefixtures("whole_path")
def test_logistic_ridge():
    wanted = R["logistic"]
    model = LogisticRisk(penalty="cv").fit(X, Status.at(12, COHORT.y), folds=FOLDS)
    np.testing.assert_allclose(model.cv_["penalty"] / 299, wanted["lambda"], rtol=1e-12)
    np.testing.assert_allclose(model.cv_["mean"], wanted["cvm"], rtol=1e-7)
    np.testing.assert_allclose(model.cv_["se"], wanted["cvsd"], rtol=1e-6)
    assert model.penalty_ / 299 == pytest.approx(wanted["lambda_min"])
    np.testing.assert_allclose([model.intercept_, *model.coef_], wanted["coef"], atol=1e-6)
    cautious = LogisticRisk(penalty="cv", choose="one_se").fit(X, Status.at(12, COHORT.y), folds=FOLDS)
    assert cautious.penalty_ / 299 == pytest.approx(wanted["lambda_1se"])
