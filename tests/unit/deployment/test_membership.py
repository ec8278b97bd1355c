"""Who was in the training data? Attacks on locked models, and what the lock says of them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm

from lbp_prognosis import CoxPH, LBPError, Status, Surv, models
from lbp_prognosis._base import EstimationError
from lbp_prognosis.deployment import (
    IntendedUse,
    MembershipInference,
    equation,
    load_model,
    lock,
    membership_inference,
    model_card,
    save_model,
    verify,
)
from lbp_prognosis.deployment._membership import _attack, _calibrated, patient_losses
from lbp_prognosis.fusion import RiskPipeline
from lbp_prognosis.models import LogisticRisk
from tests.contract.test_estimators import data
from tests.unit.deployment.stored_models import BARE, PIPELINES, holes, table

SEEDS = {"BoostedHazard": 2}
"""A class of which some random halves have no fit: a visit without any of few competing events."""


def attacked(name: str, n_models: int, n: int = 400) -> MembershipInference:
    """Attack a class of the registry, fitted to 200 of 400 patients each time."""
    if name in BARE:
        if BARE[name].package:
            pytest.importorskip(BARE[name].package)
        X, y = data(BARE[name].kind, n)
        estimator = BARE[name].make()
    else:
        steps, model, missing = PIPELINES[name]
        X, y = table(n)
        X = holes(X) if missing else X
        estimator = RiskPipeline(steps, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return membership_inference(estimator, X, y, n_models=n_models, random_state=SEEDS.get(name, 0))


def cohort(columns: int, seed: int = 0, n: int = 200) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, columns)), columns=[f"v{k}" for k in range(columns)])
    time = rng.exponential(10 * np.exp(-0.5 * X["v0"]))
    end = rng.uniform(5, 30, n)
    return X, Surv.right(np.minimum(time, end), (time <= end).astype(int))


@pytest.mark.parametrize("name", ["CoxPH", "LogisticRisk", "CauseSpecificCox", "LinearOutcome", "strata"])
def test_training_data_are_not_recognised_by_the_loss(name: str) -> None:
    found = attacked(name, 6)
    assert found.n_members == 200
    assert 0.5 - 0.02 < found.auc < found.high <= 0.55


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BARE, *PIPELINES])
def test_every_class_of_the_registry_keeps_its_training_data_or_says_so(name: str) -> None:
    """At n = 200 the loss attack has an upper limit of at most .55; what passes a limit is objected to."""
    found = attacked(name, 20)
    loss, calibrated = found.attacks.to_dict("records")
    assert loss["high"] <= 0.55
    assert (calibrated["low"] > 0.55) == bool(found.objections)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("BoostedHazard", "status"),
        ("BoostedHazard", "visits"),
        ("BoostedAFT", "single"),
        ("BoostedAFT", "visits"),
        ("BoostedCox", "single"),
        ("BoostedCox", "competing"),
        ("BoostedOutcome", "measured"),
    ],
)
def test_boosters_at_their_defaults_keep_their_training_data(name: str, kind: str) -> None:
    pytest.importorskip("xgboost")
    X, y = data(kind, 400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = membership_inference(getattr(models, name)(), X, y, n_models=40, random_state=2)
    assert found.n_members == 200
    assert found.high <= 0.55


@pytest.mark.slow
def test_the_mean_of_boosters_is_less_recognisable_than_one_and_predicts_as_well() -> None:
    """States at a visit, 200 patients, ten cohorts: risks against the true ones, in the units of the IPA."""
    pytest.importorskip("xgboost")
    single = {"average": False, "folds": 5, "repeats": 1, "subsample": 1.0, "learning_rate": 0.1, "early_stopping": 20}
    X, y = data("status", 400)
    areas = [
        membership_inference(models.BoostedHazard(**options), X, y, n_models=20, random_state=2).auc
        for options in ({}, single)
    ]
    assert areas[0] < areas[1] - 0.015
    loss = np.empty((10, 2))
    rng = np.random.default_rng(5)
    new = rng.normal(size=(2000, 4))

    def risk(values: np.ndarray) -> np.ndarray:
        return expit(values[:, 0] + 0.6 * values[:, 1] * (values[:, 2] > 0) - 0.3)

    for k in range(10):
        rows = rng.normal(size=(200, 4))
        state = Status.at(12.0, rng.random(200) < risk(rows))
        for j, options in enumerate(({}, single)):
            told = models.BoostedHazard(**options).fit(rows, state).predict_risk(new, 12.0).ravel()
            loss[k, j] = ((told - risk(new)) ** 2).mean()
    share = loss.mean(axis=0) / (risk(new).mean() * (1 - risk(new).mean()))
    assert share[0] < share[1] + 0.003


def test_sixty_unpenalised_columns_are_flagged_in_the_lock_and_in_the_file(tmp_path: Path) -> None:
    X, y = cohort(60)
    found = membership_inference(CoxPH(), X, y, n_models=6)
    assert found.auc > 0.6
    assert [doubt.code for doubt in found.objections] == ["members-recognisable"]
    assert "upper limit" in found.objections[0].sentence
    model = CoxPH().fit(X, y)
    locked = lock(model, membership=found)
    assert locked.report.membership_auc == found.auc
    assert any("recognisable" in note for note in locked.report.notes)
    assert lock(lock(model), membership=found).report == locked.report
    save_model(locked, tmp_path / "a.lbpm", reason="a test")
    assert load_model(tmp_path / "a.lbpm") == locked
    assert "training data distinguished from others" in verify(tmp_path / "a.lbpm").to_frame()["fact"].tolist()
    assert lock(model).report.membership_auc is None
    assert any("not measured" in note for note in lock(model).report.notes)
    assert not any("not measured" in note for note in locked.report.notes)
    save_model(model, tmp_path / "b.lbpm", reason="a test")
    facts = verify(tmp_path / "b.lbpm").to_frame().set_index("fact")["value"]
    assert facts["training data distinguished from others"] == "not measured"
    card = model_card(tmp_path / "b.lbpm", use=IntendedUse("u", "p", "o", "1"))
    assert "was not measured" in card.to_markdown()
    # a penalty takes most of it away
    assert membership_inference(CoxPH(penalty=3000.0), X, y, n_models=6).auc < 0.55 < found.auc - 0.1
    for wrong in (0.6, replace(found, model="FineGray"), replace(found, min_cell=10)):
        with pytest.raises(LBPError, match="membership"):
            lock(model, membership=wrong)  # type: ignore[arg-type]
    # an equation keeps it too
    assert lock(equation(model, horizons=[6]), membership=found).report.membership_auc == found.auc


def test_the_calibrated_attack_is_as_strong_as_theory_says() -> None:
    """Φ(√(p / (2n))) for p parameters and n patients: 0.579 with 8 and 100."""
    found = [membership_inference(CoxPH(), *cohort(8, seed), n_models=8).calibrated_auc for seed in range(6)]
    assert np.mean(found) == pytest.approx(norm.cdf(np.sqrt(8 / 200)), abs=0.015)


@pytest.mark.slow
def test_the_interval_covers() -> None:
    """Over 200 sets of patients the interval of the loss attack covers the mean AUC."""
    rows = [
        membership_inference(CoxPH(), *cohort(8, seed), n_models=8, random_state=seed).attacks for seed in range(200)
    ]
    for k in range(2):
        values = pd.DataFrame([frame.iloc[k] for frame in rows])
        truth = values["auc"].mean()
        assert ((values["low"] <= truth) & (truth <= values["high"])).mean() >= 0.90


class Sometimes(CoxPH):
    """Has no fit in its first halves."""

    failures = 0

    def fit(self, X: Any, y: Any, **keywords: Any) -> Any:
        if Sometimes.failures > 0:
            Sometimes.failures -= 1
            raise EstimationError("No maximum.")
        return CoxPH.fit(self, X, y, **keywords)


def test_a_half_without_a_fit_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lbp_prognosis.deployment._membership.lock", lambda model, **_: model)
    X, y = cohort(1, n=120)
    for failures in (0, 2, 5):
        Sometimes.failures = failures
        found = membership_inference(Sometimes(), X, y, n_models=4)
        assert found.redrawn == failures
        assert found.n_models == 4
    Sometimes.failures = 6
    with pytest.raises(EstimationError, match="No maximum"):
        membership_inference(Sometimes(), X, y, n_models=4)


def test_leaves_of_few_patients_are_noted_and_the_number_is_dropped() -> None:
    pytest.importorskip("xgboost")
    X, y = data(BARE["BoostedAFT"].kind)
    model = models.BoostedAFT(rounds=4, folds=2, repeats=1, average=False, subsample=1.0).fit(X, y)
    leaves = model.booster().predict(xgboost_table(X[model.tree_columns_]), pred_leaf=True).reshape(len(X), -1)
    fewest = min(np.unique(leaf, return_counts=True)[1].min() for leaf in leaves.T)
    assert model.fewest_in_leaf_ == fewest
    for least, few in ((int(fewest), False), (int(fewest) + 1, True)):
        locked = lock(model, min_cell=least)
        assert any(f"fewer than {least} patients" in note for note in locked.report.notes) is few
        assert not hasattr(locked.unlocked, "fewest_in_leaf_")


def xgboost_table(X: pd.DataFrame) -> Any:
    import xgboost

    return xgboost.DMatrix(X.to_numpy(dtype=float))


def test_attacks_by_hand() -> None:
    losses = np.array([[0.1, 0.9, 0.3, 0.4], [0.5, 0.2, 0.6, 0.1], [0.2, 0.8, 0.3, 0.2], [0.4, 0.4, 0.7, 0.3]])
    member = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]], dtype=bool)
    # patient 1 is outside in models 2 and 4: their mean for members, the other one for those outside
    np.testing.assert_allclose(_calibrated(losses, member)[:, 0], [0.45 - 0.1, 0.4 - 0.5, 0.45 - 0.2, 0.5 - 0.4])
    _, auc, _, low, high = _attack("loss", -losses, member, 0.95)
    areas = [4 / 4, 4 / 4, 3.5 / 4, 1 / 4]
    assert auc == pytest.approx(np.mean(areas))
    assert low < auc < high


def test_losses_by_hand() -> None:
    """Known states at 6 and 12: log scores; who left before both is not known."""
    X, y = cohort(1, n=120)
    locked = lock(CoxPH().fit(X, y))
    few = Surv.right([3.0, 8.0, 2.0, 20.0], [1, 1, 0, 0])
    risk = locked.predict_risk(X[:4], [6.0, 12.0])
    expected = [
        -np.log(risk[0]).mean(),
        -(np.log1p(-risk[1, 0]) + np.log(risk[1, 1])) / 2,
        np.nan,
        -np.log1p(-risk[3]).mean(),
    ]
    np.testing.assert_allclose(patient_losses(locked, X[:4], few, "right", np.array([6.0, 12.0])), expected)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n_models": 5}, "even"),
        ({"n_models": 2}, "n_models"),
        ({"rows": 30}, "40 patients"),
        ({"min_cell": 1}, "min_cell"),
    ],
)
def test_what_is_refused(change: dict[str, Any], told: str) -> None:
    rows = change.pop("rows", 120)
    X, y = cohort(1, n=rows)
    with pytest.raises(LBPError, match=told):
        membership_inference(CoxPH(), X, y, **change)


def test_the_model_of_one_visit() -> None:
    X, y = data("status", 120)
    found = membership_inference(LogisticRisk(), X, y, n_models=4)
    assert found.horizons == (12.0,)
    assert "by loss" in repr(found)
    assert found.to_frame()["attack"].tolist() == ["loss", "calibrated"]
