"""Tuning inside a validated pipeline: repeated in every resample and fold, with a patient's rows in one inner fold."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import ElasticNetCox, StackedRisk, as_risk_model
from lbp_prognosis.validation import bootstrap_validate, cross_validate_risk, internal_external


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers who it was trained on, and who it was asked about."""

    seen: ClassVar[list[tuple[set[int], set[int]]]] = []

    def __init__(self, choice: int = 0) -> None:
        self.choice = choice

    def fit(self, X: Any, y: Any) -> Spy:
        self.classes_ = np.array([0, 1])
        self.trained_ = set(np.asarray(X)[:, 0].astype(int))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        Spy.seen.append((self.trained_, set(np.asarray(X)[:, 0].astype(int))))
        return np.tile([0.6, 0.4], (len(X), 1))


def _neighbours(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    X = pd.DataFrame(rng.normal(size=(n, 6)), columns=[f"x{j}" for j in range(6)])
    return X, Status.at(12, (rng.random(n) < 0.4).astype(int))


def _search(**keywords: Any) -> GridSearchCV:
    return GridSearchCV(
        KNeighborsClassifier(), {"n_neighbors": [1, 25]}, scoring="neg_brier_score", **{"cv": 5, **keywords}
    )


class Leaky(BaseEstimator):
    """The same search, left to part the copies of a patient."""

    def fit(self, X: Any, y: Any) -> Leaky:
        self.search_ = _search().fit(X, y["status"])
        return self

    def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
        return self.search_.predict_proba(X)[:, [1]]


@pytest.mark.parametrize("cv", [4, None, KFold(4, shuffle=True, random_state=3), GroupKFold(4)])
def test_no_inner_fold_is_judged_by_a_copy_of_its_patients(cv):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"who": np.arange(60.0), "x": rng.normal(size=60)})
    y = Status.at(12, rng.integers(0, 2, 60))
    search = GridSearchCV(Spy(), {"choice": [0, 1]}, cv=cv, scoring="neg_log_loss", refit=True)
    Spy.seen.clear()
    bootstrap_validate(as_risk_model(search), X, y, 12, n_resamples=4, random_state=0, indexes=False)
    inner = [(train, test) for train, test in Spy.seen if len(test) < 25]  # the outer ones are of everybody
    assert len(inner) >= 4 * 4 * 2
    assert not any(train & test for train, test in inner)
    parted = [(train, test) for train, test in Spy.seen if train & test]
    assert len(parted) <= 2 * 5  # the final model and each resample's, on the development data


def test_rows_of_one_patient_stay_in_one_inner_fold():
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(40), 3)
    X = pd.DataFrame({"who": patient.astype(float), "x": rng.normal(size=120)})
    y = Status.at(12, rng.integers(0, 2, 40)[patient])
    search = GridSearchCV(Spy(), {"choice": [0, 1]}, cv=4, scoring="neg_log_loss")
    Spy.seen.clear()
    cross_validate_risk(as_risk_model(search), X, y, 12, n_splits=4, n_repeats=2, groups=patient, random_state=0)
    assert len(Spy.seen) == 4 * 2 * (4 * 2 + 1)
    assert not any(train & test for train, test in Spy.seen)


def test_leaky_tuning_chooses_memory_and_grouped_tuning_does_not():
    """Nothing predicts: one nearest neighbour is worthless, but finds the copy of a patient in another fold."""
    X, y = _neighbours(150, np.random.default_rng(2))
    options: dict[str, Any] = {"n_resamples": 20, "random_state": 0, "indexes": False, "method": ".632+"}
    whole = bootstrap_validate(as_risk_model(_search()), X, y, 12, **options)
    leaky = bootstrap_validate(Leaky(), X, y, 12, **options)
    # one neighbour gives risks of 0 and 1: out of the bag its Brier score is about twice that of knowing nothing
    assert leaky.at("brier")["out_of_bag"] > 0.40
    assert whole.at("brier")["out_of_bag"] < 0.29
    chosen = {"told": [], "untold": []}
    for seed in range(8):
        rows = np.random.default_rng(seed).integers(0, 150, 150)
        for name, clusters in (("told", rows), ("untold", None)):
            fitted = as_risk_model(_search()).fit(X.iloc[rows], y[rows], clusters=clusters)
            chosen[name].append(fitted.estimator_.best_params_["n_neighbors"])
    assert chosen["told"] == [25] * 8
    assert chosen["untold"].count(1) >= 6


def test_grouped_tuning_in_cross_validation_differs_from_leaky_tuning():
    """Discs of a patient are alike: folds by row choose the nearest neighbour, folds by patient do not."""
    rng = np.random.default_rng(4)
    patient = rng.permutation(np.repeat(np.arange(80), 4))
    X = pd.DataFrame(rng.normal(size=(80, 6))[patient] + 0.05 * rng.normal(size=(320, 6)))
    y = Status.at(12, (rng.random(80) < 0.4).astype(int)[patient])
    models = {"whole": as_risk_model(_search()), "leaky": Leaky()}
    found = cross_validate_risk(models, X, y, 12, n_splits=5, n_repeats=1, groups=patient, random_state=0)
    held = patient % 4
    site = internal_external(models, X, y, held, 12, groups=patient, n_resamples=0)
    assert (site.risks["leaky"] != site.risks["whole"]).any()
    assert set(np.unique(site.risks["leaky"])) == {0.0, 1.0}
    assert len(np.unique(site.risks["whole"])) > 2
    brier = {name: float(np.mean((found.risks[name][:, 0] - y["status"]) ** 2)) for name in models}
    assert brier["leaky"] > 0.40
    assert brier["whole"] < 0.29


def test_the_elastic_net_is_penalised_more_when_copies_stay_together():
    rng = np.random.default_rng(6)
    X = pd.DataFrame(rng.normal(size=(120, 25)), columns=[f"x{j}" for j in range(25)])
    y = Surv.right(rng.exponential(10, 120), np.ones(120, dtype=int))  # nothing predicts
    kept = {"told": 0, "untold": 0}
    for _ in range(8):
        rows = rng.integers(0, 120, 120)
        for name, clusters in (("told", rows), ("untold", None)):
            model = ElasticNetCox(cv=5).fit(X.iloc[rows], y[rows], clusters=clusters)
            kept[name] += int((model.coef_ != 0).sum())
    assert kept["untold"] > 2 * kept["told"]  # copies in other folds let noise look like signal


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegressionCV(Cs=3, cv=3, max_iter=500),
        make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=3, cv=3, max_iter=500)),
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=3),
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_every_place_that_tunes_is_found(model):
    X, y = _neighbours(90, np.random.default_rng(7))
    rows = np.random.default_rng(8).integers(0, 90, 90)
    adapted = as_risk_model(model)
    assert adapted.folds_keep_clusters
    adapted.fit(X.iloc[rows], y[rows], clusters=rows)
    fitted = adapted.estimator_.get_params(deep=True)
    name = min((n for n in fitted if n == "cv" or n.endswith("__cv")), key=len)
    for train, test in fitted[name]:
        assert not set(rows[train]) & set(rows[test])
    assert not as_risk_model(LogisticRegression()).folds_keep_clusters


def test_a_search_over_our_own_models_is_a_model():
    rng = np.random.default_rng(9)
    X = pd.DataFrame(rng.normal(size=(160, 3)), columns=list("abc"))
    y = Surv.right(rng.exponential(10 * np.exp(-X["a"])), np.ones(160, dtype=int))
    pipeline = RiskPipeline([Standardise()], CoxPH())
    search = GridSearchCV(pipeline, {"model__penalty": [0.0, 1e6]}, cv=3)
    model = as_risk_model(search)
    fitted = as_risk_model(GridSearchCV(pipeline, {"model__penalty": [0.0, 1e6]}, cv=3)).fit(X, y)
    assert fitted.estimator_.best_params_ == {"model__penalty": 0.0}
    np.testing.assert_array_equal(
        fitted.predict_risk(X, 5), RiskPipeline([Standardise()], CoxPH(penalty=0.0)).fit(X, y).predict_risk(X, 5)
    )
    found = bootstrap_validate(model, X, y, 5, n_resamples=5, random_state=0)
    assert found.at("auc")["corrected"] > 0.7
    crossed = cross_validate_risk(model, X, y, 5, n_splits=3, n_repeats=1, random_state=0)
    assert crossed.evaluate().metric("calibration_slope").value > 0.5


def test_a_model_at_the_end_of_a_pipeline_is_told_who_is_whom():
    rng = np.random.default_rng(9)
    X = pd.DataFrame(rng.normal(size=(160, 3)), columns=list("abc"))
    y = Surv.right(rng.exponential(10 * np.exp(-X["a"])), np.ones(160, dtype=int))
    rows = rng.integers(0, 160, 160)
    tuned = CoxPH(penalty="cv", cv=4)
    adapted = as_risk_model(make_pipeline(StandardScaler().set_output(transform="pandas"), tuned))
    inside = as_risk_model(GridSearchCV(tuned, {"choose": ["min"]}, cv=3))
    assert adapted.folds_keep_clusters
    assert inside.folds_keep_clusters
    inner = X.iloc[rows]
    told = clone(tuned).fit(inner, y[rows], clusters=rows).cv_["mean"]
    untold = clone(tuned).fit(inner, y[rows]).cv_["mean"]
    assert (told - untold).abs().max() > 1e-4
    fitted = adapted.fit(inner, y[rows], clusters=rows).estimator_[-1]
    np.testing.assert_allclose(fitted.cv_["mean"], told, rtol=1e-6)
    np.testing.assert_allclose(inside.fit(inner, y[rows], clusters=rows).estimator_.best_estimator_.cv_["mean"], told)
    # without tuning there is nothing to keep whole, and nothing that clusters could change
    plain = as_risk_model(make_pipeline(StandardScaler(), CoxPH()))
    assert not plain.folds_keep_clusters
    np.testing.assert_allclose(
        plain.fit(inner, y[rows], clusters=rows).predict_risk(X, 5), clone(plain).fit(inner, y[rows]).predict_risk(X, 5)
    )


def test_a_stack_with_a_formula_or_a_foreign_pipeline_is_resampled():
    rng = np.random.default_rng(9)
    X = pd.DataFrame(rng.normal(size=(160, 3)), columns=list("abc"))
    y = Surv.right(rng.exponential(10 * np.exp(-X["a"])), np.ones(160, dtype=int))
    learners = {
        "cox": CoxPH(),
        "published": as_risk_model(lambda table, horizons: np.full((len(table), len(horizons)), 0.4)),
        "piped": as_risk_model(make_pipeline(StandardScaler(), CoxPH(penalty=1.0))),
    }
    found = bootstrap_validate(StackedRisk(learners, horizons=5.0, cv=3), X, y, 5, n_resamples=3, random_state=0)
    assert found.at("auc")["corrected"] > 0.6


def test_row_numbers_given_beforehand_fit_no_resample():
    X, y = _neighbours(60, np.random.default_rng(3))
    splits = as_risk_model(_search(cv=[(np.arange(30), np.arange(30, 60))]))
    with pytest.raises(ArgumentError, match="splitter with `n_splits`"):
        splits.fit(X.iloc[[0] * 60], y[[0] * 60], clusters=np.zeros(60, dtype=int))
    with pytest.raises(ArgumentError, match="splitter"):
        as_risk_model(_search(cv=PredefinedSplit(np.arange(60) % 3))).fit(X, y, clusters=np.repeat(np.arange(30), 2))
