"""The known traps of prognostic modelling of back pain, one by one: that each guard works, or where that is tested.

``ELSEWHERE`` names the test of a trap that has its own room; the functions below are the compact checks.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_models import Logit
from syn import syn

from lbp_prognosis import CoxPH, Reference, Status, Surv
from lbp_prognosis._base import ArgumentError, DataError, LeakageError, OutcomeError
from lbp_prognosis.evaluation import ThresholdRange, concordance, decision_curve, evaluate
from lbp_prognosis.evaluation.diagnostic import accuracy
from lbp_prognosis.evidence import CLINICAL_MINIMUM, Claim, Evidence
from lbp_prognosis.models import LogisticRisk, NullModel
from lbp_prognosis.survival import kaplan_meier
from lbp_prognosis.validation import (
    added_value,
    bootstrap_validate,
    cross_validate_risk,
    external_validate,
    internal_external,
    likelihood_ratio,
    meta_analysis,
    reclassification,
)

TESTS = Path(__file__).resolve().parents[1]
COLUMNS = ["c1", "c2", "p1", "p2"]

ELSEWHERE = {
    "values after time zero as baseline": (
        "unit/cohort/test_cohort_outcomes.py",
        "test_a_value_after_time_zero_is_refused_and_counted",
    ),
    "5: outcome-defining variables among the predictors": (
        "unit/evidence/test_shared_constructs.py",
        "test_a_change_score_and_its_baseline",
    ),
    "5: what is added is the outcome": (
        "unit/evidence/test_shared_constructs.py",
        "test_such_an_addition_does_not_add_value",
    ),
    "5: on the page of a study": (
        "unit/study/test_outcome_doubts.py",
        "test_the_page_names_predictors_that_are_the_outcome",
    ),
    "34: treatment during follow-up that the estimand ignores": (
        "unit/cohort/test_treated_after.py",
        "test_treatment_that_the_estimand_should_notice",
    ),
    "34: an estimand that nobody declared": (
        "unit/study/test_outcome_doubts.py",
        "test_an_estimand_that_was_not_declared_is_on_the_page",
    ),
    "immortal time": ("unit/cohort/test_cohort_outcomes.py", "test_an_exposure_begun_after_time_zero_is_immortal_time"),
    "nominal types as numbers: mean over time": (
        "unit/cohort/test_cohort_outcomes.py",
        "test_a_mean_of_a_nominal_measure_is_refused",
    ),
    "nominal types as numbers: pooling of levels": (
        "unit/fusion/test_pool_levels.py",
        "test_a_nominal_measure_is_no_number",
    ),
    "methods mixed under one name": (
        "unit/cohort/test_cohort_outcomes.py",
        "test_two_methods_under_one_name_are_refused_until_one_is_chosen",
    ),
    "recurrence among the never recovered": (
        "unit/cohort/test_cohort_outcomes.py",
        "test_recurrence_counts_from_recovery_and_only_the_recovered",
    ),
    "imaged by indication": (
        "unit/cohort/test_cohort_outcomes.py",
        "test_doubts_about_biomarkers_travel_with_the_cohort",
    ),
    "events dated at unattended visits": (
        "unit/cohort/test_cohort_outcomes.py",
        "test_an_unattended_visit_never_dates_an_event",
    ),
    "weights of flipped Kaplan-Meier with ties": (
        "unit/_kernels/test_ipcw_kernel.py",
        "test_weights_average_one_and_reproduce_kaplan_meier_with_greenwood",
    ),
    "Efron coefficients with a Breslow baseline": (
        "unit/models/test_cox_models.py",
        "test_worked_numbers_of_heavy_ties",
    ),
    "impute, then resample": (
        "truth/test_imputation_leak.py",
        "test_imputing_first_flatters_and_the_pipeline_does_not",
    ),
    "null imaging that adds value": ("truth/test_validation_truth.py", "test_null_imaging_is_not_said_to_add_value"),
    "level of D- and A-calibration": (
        "unit/evaluation/prognostic/test_calibration.py",
        "test_a_calibration_holds_its_level_and_d_calibration_does_not",
    ),
    "empty last cell of A-calibration": (
        "unit/evaluation/prognostic/test_calibration.py",
        "test_the_empty_last_cell_is_merged",
    ),
    "observational attribution of an unused column": (
        "unit/explain/test_shap_values.py",
        "test_trap_observational_values_credit_an_unused_column",
    ),
    "sign of an attribution that changes with time": (
        "unit/explain/test_shap_values.py",
        "test_trap_the_sign_changes_over_time_under_proportional_hazards",
    ),
    "survival given as risk": (
        "properties/test_peer_traps_calibration_decision.py",
        "test_survival_given_as_risk_is_said",
    ),
    "noise modality in a penalised fusion": (
        "unit/models/test_elastic_net_models.py",
        "test_priority_leaves_noise_alone_and_takes_signal",
    ),
    "events dated at visits": ("truth/test_bias_of_ascertainment.py", "test_events_dated_at_visits"),
    "the imaged taken for all": ("truth/test_bias_of_ascertainment.py", "test_images_taken_for_a_reason"),
    "those who came back taken for all": ("truth/test_bias_of_ascertainment.py", "test_informative_attrition"),
}


@pytest.mark.parametrize("trap", ELSEWHERE)
def test_the_index_is_true(trap: str) -> None:
    path, name = ELSEWHERE[trap]
    assert re.search(rf"^def {name}\(", (TESTS / path).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def cohort() -> tuple[pd.DataFrame, np.ndarray]:
    d = syn()
    return d, Surv.right(d["time"], d["event"])


def _discs(patients: int = 120, discs: int = 5) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Discs of a patient are alike, and the outcome is the patient's."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(patients), discs)
    X = pd.DataFrame(rng.normal(size=(patients, 8))[who] + 0.1 * rng.normal(size=(who.size, 8)), index=who)
    return X, Status.at(12, rng.integers(0, 2, patients)[who]), who


class _Nearest:
    """One nearest neighbour: memory without understanding."""

    def get_params(self, deep: bool = True) -> dict:
        return {}

    def set_params(self, **_: object) -> _Nearest:
        return self

    def fit(self, X, y):
        self.x_, self.y_ = np.asarray(X), y["status"]
        return self

    def predict_risk(self, X, horizons, cause=1):
        gap = ((np.asarray(X)[:, None] - self.x_[None]) ** 2).sum(axis=2)
        return self.y_[gap.argmin(axis=1)][:, None] * 0.8 + 0.1


def test_1_and_3_rows_of_one_patient_stay_together() -> None:
    X, y, who = _discs()
    for validate in (cross_validate_risk, bootstrap_validate):
        with pytest.raises(LeakageError, match="groups"):
            validate(_Nearest(), X, y, 12)
    torn = X.reset_index(drop=True)
    leaky = cross_validate_risk(_Nearest(), torn, y, 12, n_splits=5, n_repeats=1, random_state=0)
    whole = cross_validate_risk(_Nearest(), torn, y, 12, n_splits=5, n_repeats=1, random_state=0, groups=who)
    assert leaky.evaluate().metric("auc").value > 0.75  # nothing but the patient's own other discs
    assert abs(whole.evaluate().metric("auc").value - 0.5) < 0.12
    with pytest.raises(LeakageError, match="whole"):
        cross_validate_risk(_Nearest(), torn, y, 12, groups=who, folds=np.arange(len(y)) % 5)


def test_2_discs_are_no_independent_patients() -> None:
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(100), 5)
    trait = rng.normal(size=100)[who]
    test = (trait + 0.1 * rng.normal(size=500) > 0).astype(int)
    truth = Reference.now((trait + rng.normal(size=100)[who] > 0).astype(int))
    alone, clustered = accuracy(truth, test), accuracy(truth, test, clusters=who)

    def width(result) -> float:
        row = result.to_frame().set_index("metric").loc["sensitivity"]
        return float(row["high"] - row["low"])

    assert width(clustered) > 1.3 * width(alone)


def test_22_new_rows_are_completed_without_any_outcome(cohort) -> None:
    """New rows are completed without any outcome: the same row gets the same risk whatever happened to others."""
    from lbp_prognosis.fusion import MultipleImputation, RiskPipeline

    d, _ = cohort
    X = d[["c1", "p1"]].head(120).copy()
    X.loc[X.index[::3], "p1"] = np.nan
    fitted = RiskPipeline([MultipleImputation(2, iterations=2)], Logit()).fit(X, Status.at(12, d["y"].head(120)))
    one, two = fitted.predict_risk(X.iloc[:5], 12), fitted.predict_risk(X, 12)[:5]
    np.testing.assert_allclose(one, two, rtol=1e-12)


def test_9_one_minus_kaplan_meier_with_competing_events(cohort) -> None:
    d, _ = cohort
    y = Surv.right(d["time"], d["status"], censored=0)
    with pytest.raises(OutcomeError, match=r"Aalen|competing"):
        kaplan_meier(y, cause=1)
    null = NullModel().fit(d[COLUMNS], y).predict_risk(d[COLUMNS].head(1), 12.0)[0, 0]
    wrong = NullModel().fit(d[COLUMNS], Surv.right(d["time"], d["event"])).predict_risk(d[COLUMNS].head(1), 12.0)[0, 0]
    assert null < wrong - 0.02


def test_12_nominal_codes_are_named() -> None:
    from lbp_prognosis.fusion import OneHot

    X = pd.DataFrame({"modic": [0, 1, 2, 3] * 3})
    assert OneHot(["modic"]).fit_transform(X).shape == (12, 3)


def test_18_many_sites_are_not_one(cohort) -> None:
    d, y = cohort
    few = {"n_splits": 3, "n_repeats": 1, "random_state": 0}
    pooled = cross_validate_risk(CoxPH(), d[COLUMNS], y, 12, pooled_sites=d["site"], **few)
    assert "pooled-over-sites" in {o.code for o in pooled.objections}
    with pytest.warns(DeprecationWarning, match="pooled_sites"):
        named_before = cross_validate_risk(CoxPH(), d[COLUMNS], y, 12, sites=d["site"], **few)
    assert named_before.objections == pooled.objections
    with pytest.raises(ArgumentError, match="`sites`"):
        cross_validate_risk(CoxPH(), d[COLUMNS], y, 12, sites=d["site"], pooled_sites=d["site"], **few)
    left_out = internal_external(CoxPH(), d[COLUMNS], y, d["site"], 12, n_resamples=0)
    frame = left_out.meta()
    assert {"prediction_low_hksj", "prediction_high_hksj"} <= set(frame["quantity"])


def test_19_what_was_fitted_before_is_refused(cohort) -> None:
    d, y = cohort
    fitted = CoxPH().fit(d[COLUMNS], y)
    for validate in (cross_validate_risk, bootstrap_validate):
        with pytest.raises(LeakageError, match="unfitted"):
            validate(fitted, d[COLUMNS], y, 12)
    with pytest.raises(LeakageError, match="unfitted"):
        internal_external(fitted, d[COLUMNS], y, d["site"], 12)


def test_20_patients_without_images_are_counted(cohort) -> None:
    d, y = cohort
    X = d[["c1", "m1"]].copy()
    X.loc[d["u15"] < 0.4, "m1"] = np.nan
    with pytest.raises(DataError, match="missing"):
        CoxPH().fit(X, y)


def test_24_a_prediction_has_a_horizon(cohort) -> None:
    _, y = cohort
    with pytest.raises(ArgumentError, match="horizon"):
        Claim("predicts", "model", "development")
    with pytest.raises(ArgumentError, match="horizons"):
        evaluate(y, np.full(600, 0.4))


def test_25_discrimination_alone_is_no_evidence_of_prediction(cohort) -> None:
    d, y = cohort
    risk = CoxPH().fit(d[COLUMNS], y).predict_risk(d[COLUMNS], 12)
    only = concordance(y, risk[:, 0]).named("model")
    verdict = Evidence().with_result(only, sample="external", setting="temporal").supports(Claim.predicts("model", 12))
    assert verdict.answer != "supported"
    assert any("slope" in name for name in verdict.missing)
    names = set(evaluate(y, risk, [12.0]).metrics["model"])
    assert {"auc", "brier", "calibration_slope", "observed_expected", "ici", "ici_null"} <= names


def test_26_censoring_does_not_choose_the_concordance() -> None:
    """A score that only ranks late events: Harrell's C drifts with censoring, Uno's does not."""
    rng = np.random.default_rng(4)
    n = 4000
    x = rng.normal(size=n)
    t = np.where(x > 0, rng.exponential(4, n), 4 + rng.exponential(8 * np.exp(x), n))
    drift = {"harrell": [], "uno": []}
    for scale in (60.0, 7.0):
        c = rng.exponential(scale, n)
        y = Surv.right(np.minimum(t, c), (t <= c).astype(int))
        drift["harrell"].append(concordance(y, x).value)
        drift["uno"].append(concordance(y, x, weighting="uno", tau=12.0).value)
    # Uno's C keeps its time window as well: the shift is compared within the window
    assert abs(np.diff(drift["uno"])[0]) < 0.02
    d = evaluate(y, {"x": 1 / (1 + np.exp(-x))}, 6.0)
    assert {"concordance", "uno_concordance"} <= set(d.metrics["x"])


def test_27_thresholds_are_a_declared_range(cohort) -> None:
    d, y = cohort
    with pytest.raises(ArgumentError):
        ThresholdRange(0.0, 1.0, 0.5, "everything")
    with pytest.raises(ArgumentError):
        decision_curve(y, np.full(600, 0.4), 12.0, [0.0, 0.5, 1.0])
    with pytest.raises(ArgumentError, match="thresholds"):
        Claim("is_useful", "model", "potential", horizon=12.0)
    curve = decision_curve(y, d["c1"].rank().to_numpy() / 601, 12.0, [0.2, 0.4])
    assert "treat all" in set(curve.to_frame()["model"])


def test_28_and_29_age_and_sex_are_no_comparator() -> None:
    d = syn()
    X = d[["c1", "c2", "p1", "m1"]].rename(columns={"c1": "age", "c2": "sex"})
    found = added_value(
        LogisticRisk(),
        X,
        Status.at(12, d["y"]),
        {"clinical": ["age", "sex"], "imaging": ["p1", "m1"]},
        12,
        clinical_minimum={"age": "age", "sex": "sex"},
        n_splits=5,
        n_repeats=1,
        random_state=0,
    )
    assert found.gains  # p1 predicts
    assert not found.supported
    assert set(found.missing) == set(CLINICAL_MINIMUM) - {"age", "sex"}
    assert "weak-comparator" in {o.code for o in found.objections}
    assert any("age" in name for name in found.evaluation.models)
    held = {"without": ["age", "sex"], "with": ["age", "sex", "p1", "m1"]}
    evidence = Evidence(models=held, clinical_minimum={"age": "age", "sex": "sex"})
    evidence = evidence.with_result(found.evaluation, sample="internal")
    assert evidence.supports(Claim.adds_value("with", "without", 12)).answer == "not supported"


def test_30_association_is_no_prediction_and_reclassification_no_value(cohort) -> None:
    d, y = cohort
    small, large = CoxPH().fit(d[COLUMNS[:2]], y), CoxPH().fit(d[COLUMNS], y)
    test = likelihood_ratio(small, large, d[COLUMNS[:2]], d[COLUMNS])
    evidence = Evidence(models={"without": COLUMNS[:2], "with": COLUMNS}).with_result(test)
    assert evidence.supports(Claim.predicts("with", 12)).answer != "supported"
    state = Status.at(12, d["y"])
    found = reclassification(state, np.full(600, 0.4), np.clip(0.4 + 0.1 * np.sign(d["c1"]), 0, 1))
    assert [o.code for o in found.objections] == ["net-reclassification"]


def test_44_a_random_split_is_not_external(cohort) -> None:
    d, y = cohort
    model = CoxPH().fit(d[COLUMNS].head(300), y[:300])
    risk_of = {"model": model}
    split = external_validate(risk_of, d[COLUMNS].tail(300), y[300:], 12.0, kind="random_split")
    assert "random-split-external" in {o.code for o in split.objections}
    other = external_validate(risk_of, d[COLUMNS].tail(300), y[300:], 12.0, kind="temporal")
    claim = Claim.predicts("model", 12, "validated")
    assert Evidence(prespecified=True).with_result(split).supports(claim).answer != "supported"
    assert not Evidence(prespecified=True).with_result(other).supports(claim).blocking
    with pytest.raises(ArgumentError, match="Say how the new patients differ"):
        external_validate(risk_of, d[COLUMNS].tail(300), y[300:], 12.0)


# ---- found while the methods were worked out -------------------------------------------------------------------------


def test_the_end_of_unos_window_is_inside_it() -> None:
    y = Surv.right([1.0, 2.0, 3.0, 3.0, 5.0, 6.0], [1, 1, 1, 1, 0, 0])
    score = np.array([6.0, 5.0, 1.0, 2.0, 3.0, 4.0])
    at, before = (concordance(y, score, weighting="uno", tau=tau).value for tau in (3.0, 2.999))
    assert at != before  # events at the end of the window count, as in R


def test_an_interval_never_shorter_than_that_of_fixed_effects() -> None:
    values, errors = [0.700, 0.701, 0.699, 0.7005], [0.02, 0.03, 0.025, 0.03]
    pooled = meta_analysis(values, errors)
    assert pooled.q < 1
    assert pooled.se_hksj == pytest.approx(pooled.se_wald)
    assert pooled.modified


def test_a_perfect_model_has_a_calibration_distance(cohort) -> None:
    rng = np.random.default_rng(9)
    lp = rng.normal(size=300)
    t, c = rng.exponential(10 * np.exp(-lp)), rng.uniform(4, 16, 300)
    y = Surv.right(np.minimum(t, c), (t <= c).astype(int))
    found = evaluate(y, -np.expm1(-8 / 10 * np.exp(lp)), 8.0)
    assert found.metric("ici").value > 0.005
    assert 0.01 < found.metric("ici_null").value < 0.06


def test_shapley_credit_stands_beside_the_added_value() -> None:
    d = syn()
    found = added_value(
        LogisticRisk(),
        d[["c1", "c2", "p1", "g1"]],
        Status.at(12, d["y"]),
        {"clinical": ["c1", "c2", "p1"], "imaging": ["g1"]},
        12,
        n_splits=5,
        n_repeats=2,
        random_state=3,
    )
    shares = found.shares[found.shares["metric"] == "ipa"].set_index(["modality", "share"])["value"]
    assert {"first_in", "shapley", "last_in"} <= {share.lower() for share in shares.index.get_level_values("share")}
    last = next(v for (m, s), v in shares.items() if m == "imaging" and s == "last_in")
    shapley = next(v for (m, s), v in shares.items() if m == "imaging" and s == "shapley")
    assert shapley > last


def test_the_error_of_a_slope_is_simulated_and_not_approximated() -> None:
    from lbp_prognosis.validation import sample_size_validation

    plan = sample_size_validation("survival", risk=0.4, horizon=12.0, lp_sd=0.8, n_simulations=40)
    events = plan.details["events_per_patient"]
    approximate = 1 / (0.8 * np.sqrt(events))
    assert 1.02 < plan.details["unit_se_calibration_slope"] / approximate < 1.4
