"""Cross-validation: what is held out, what is kept together, what never changes a bit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from syn import syn

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError, LeakageError
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import ElasticNetCox
from lbp_prognosis.validation import OnColumns, bootstrap_validate, cross_validate_risk

CLINICAL = ["c1", "c2", "p1"]


@pytest.fixture(scope="module")
def cohort():
    d = syn(240)
    return d[CLINICAL], Surv.right(d["time"], d["event"]), d


class Remembering:
    """A model that predicts 0.5, and 1.0 for rows it was fitted on."""

    def get_params(self, deep=True):
        return {}

    def set_params(self, **_):
        return self

    def __sklearn_clone__(self):
        return Remembering()

    def fit(self, X, y):
        self.seen_ = set(map(tuple, np.asarray(X)))
        return self

    def predict_risk(self, X, horizons, cause=1):
        seen = np.array([tuple(row) in self.seen_ for row in np.asarray(X)])
        return np.where(seen, 1.0, 0.5)[:, None] * np.ones(np.size(horizons))


def test_no_row_is_predicted_by_a_model_that_saw_it(cohort):
    X, y, _ = cohort
    result = cross_validate_risk(Remembering(), X, y, 12, n_splits=5, n_repeats=2, random_state=0)
    assert (result.risks["Remembering"] == 0.5).all()


def test_folds_are_balanced_in_events_and_size(cohort):
    X, y, _ = cohort
    result = cross_validate_risk(Remembering(), X, y, 12, n_splits=6, n_repeats=3, random_state=1)
    for fold in result.folds:
        sizes = np.bincount(fold)
        events = np.bincount(fold, weights=y["event"] == 1)
        assert sizes.max() - sizes.min() <= 1
        assert events.max() - events.min() <= 1
    assert not np.array_equal(result.folds[0], result.folds[1])


def test_patients_stay_together(cohort):
    X, y, _ = cohort
    patient = np.repeat(np.arange(80), 3)
    result = cross_validate_risk(Remembering(), X, y, 12, n_splits=5, n_repeats=2, groups=patient, random_state=2)
    for fold in result.folds:
        assert all(np.unique(fold[patient == p]).size == 1 for p in range(80))


def test_worker_count_changes_no_bit(cohort):
    X, y, _ = cohort
    arguments = {"n_splits": 3, "n_repeats": 2, "random_state": 3}
    one = cross_validate_risk(CoxPH(), X, y, [6, 12], n_jobs=1, **arguments)
    two = cross_validate_risk(CoxPH(), X, y, [6, 12], n_jobs=2, **arguments)
    assert np.array_equal(one.risks["CoxPH"], two.risks["CoxPH"])


def test_a_fold_equals_a_fit_by_hand(cohort):
    X, y, _ = cohort
    result = cross_validate_risk(CoxPH(), X, y, [6, 12], n_splits=4, n_repeats=1, random_state=4)
    held_out = result.folds[0] == 2
    by_hand = CoxPH().fit(X[~held_out], y[~held_out]).predict_risk(X[held_out], [6, 12])
    assert np.array_equal(result.risks["CoxPH"][held_out], by_hand)


def test_resumes_from_what_was_finished(cohort, tmp_path):
    X, y, _ = cohort
    arguments = {"n_splits": 3, "n_repeats": 2, "random_state": 5}
    whole = cross_validate_risk(CoxPH(), X, y, 12, **arguments)
    cross_validate_risk(CoxPH(), X, y, 12, checkpoint=tmp_path / "run", **arguments)
    kept = sorted((tmp_path / "run").glob("task-*.npz"))
    assert len(kept) == 6
    kept[1].unlink()
    kept[3].write_bytes(b"half a file")
    again = cross_validate_risk(CoxPH(), X, y, 12, checkpoint=tmp_path / "run", **arguments)
    assert np.array_equal(again.risks["CoxPH"], whole.risks["CoxPH"])


def test_a_checkpoint_of_another_study_is_refused(cohort, tmp_path):
    X, y, _ = cohort
    arguments = {"n_splits": 3, "n_repeats": 1, "random_state": 5, "checkpoint": tmp_path / "run"}
    cross_validate_risk(CoxPH(), X, y, 12, **arguments)
    with pytest.raises(ArgumentError, match="made for another run"):
        cross_validate_risk(CoxPH(ties="breslow"), X, y, 12, **arguments)


def test_a_horizon_beyond_a_training_fold_is_predicted_for_nobody(cohort):
    X, y, _ = cohort
    last = float(y["time"].max())
    result = cross_validate_risk(CoxPH(), X, y, [12, last], n_splits=3, n_repeats=1, random_state=6)
    assert np.isfinite(result.risks["CoxPH"][:, 0]).all()
    assert np.isnan(result.risks["CoxPH"][:, 1]).all()
    assert [o.code for o in result.objections] == ["horizon-beyond-a-fold"]


def test_a_fitted_model_is_refused(cohort):
    X, y, _ = cohort
    with pytest.raises(LeakageError, match=r"external_validate"):
        cross_validate_risk(CoxPH().fit(X, y), X, y, 12)


def test_repeated_patients_need_groups(cohort):
    X, y, _ = cohort
    repeated = X.set_axis(np.repeat(np.arange(80), 3), axis=0)
    with pytest.raises(LeakageError, match=r"groups=X.index"):
        cross_validate_risk(CoxPH(), repeated, y, 12)


def test_pooled_ranks_are_below_fold_averages(cohort):
    X, y, _ = cohort
    result = cross_validate_risk(CoxPH(), X, y, 12, n_splits=10, n_repeats=3, random_state=7)
    frame = result.fold_averaged().set_index("method")["value"]
    assert frame["pooled"] < frame["fold-averaged"] + 0.01
    assert 0.6 < frame["fold-averaged"] < 0.85


def test_discs_across_folds_would_leak_and_groups_do_not():
    """With discs of one patient on both sides a null outcome looks predictable; by patient it does not."""
    from sklearn.neighbors import KNeighborsClassifier

    from lbp_prognosis import Status
    from lbp_prognosis.models import as_risk_model

    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(150), 5)
    own = rng.standard_normal((150, 8))
    X = own[patient] + 0.3 * rng.standard_normal((750, 8))
    y = Status.at(12, (rng.random(150) < 0.4).astype(int)[patient])
    model = as_risk_model(KNeighborsClassifier(5), horizon=12)
    rows = cross_validate_risk(model, X, y, 12, n_splits=5, n_repeats=1, random_state=0)
    whole = cross_validate_risk(model, X, y, 12, n_splits=5, n_repeats=1, groups=patient, random_state=0)
    leak, honest = (r.fold_averaged().set_index("method").loc["fold-averaged", "value"] for r in (rows, whole))
    assert leak > 0.75
    assert honest < 0.6


class _Tuned(BaseEstimator):
    """Keeps what it was told of its rows."""

    folds_keep_clusters = True
    told: ClassVar[list] = []

    def fit(self, X, y, *, clusters=None):
        _Tuned.told.append((np.asarray(X)[:, 0].copy(), None if clusters is None else np.asarray(clusters).copy()))
        self.columns_ = np.asarray(X).shape[1]
        return self

    def predict_risk(self, X, horizons, cause=1):
        return np.full((len(X), np.size(horizons)), 0.4)


@pytest.mark.parametrize(
    "wrap", [lambda m: m, lambda m: RiskPipeline([Standardise(["x"])], m), lambda m: OnColumns(m, ["who", "x"])]
)
def test_tuning_inside_knows_copies_and_patients(wrap):
    """In a resample copies of a patient carry one number; in folds the patient's rows do."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"who": np.arange(80.0), "x": rng.normal(size=80)})
    y = Surv.right(rng.exponential(10, 80), rng.integers(0, 2, 80))
    _Tuned.told.clear()
    bootstrap_validate(wrap(_Tuned()), X, y, 5, n_resamples=3, random_state=0, indexes=False)
    for who, clusters in _Tuned.told:
        np.testing.assert_array_equal(
            np.unique(who, return_inverse=True)[1], np.unique(clusters, return_inverse=True)[1]
        )
    _Tuned.told.clear()
    patient = np.repeat(np.arange(40), 2)
    cross_validate_risk(wrap(_Tuned()), X, y, 5, n_splits=4, n_repeats=1, groups=patient, random_state=0)
    for who, clusters in _Tuned.told:
        np.testing.assert_array_equal(clusters, patient[who.astype(int)])


def test_a_tuned_elastic_net_in_a_pipeline_is_validated_nested():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(150, 30)), columns=[f"x{j}" for j in range(30)])
    y = Surv.right(rng.exponential(10, 150), rng.integers(0, 2, 150))  # nothing predicts
    model = RiskPipeline([Standardise()], ElasticNetCox(cv=4))
    found = cross_validate_risk(model, X, y, 5, n_splits=4, n_repeats=1, random_state=0)
    again = cross_validate_risk(model, X, y, 5, n_splits=4, n_repeats=1, random_state=0)
    np.testing.assert_array_equal(found.risks["RiskPipeline"], again.risks["RiskPipeline"])
    # the penalty was chosen inside each fold: out of fold nothing is found where nothing is
    assert abs(float(found.concordance()["value"].iloc[0]) - 0.5) < 0.12
