"""Reporting items filled from real results, and claims judged on them, tier by tier."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Reference, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation import ThresholdRange
from lbp_prognosis.evaluation.diagnostic import roc
from lbp_prognosis.evaluation.technical import icc
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import AverageRisk
from lbp_prognosis.report import tripod_ai_answers
from lbp_prognosis.survival import OutcomeSpec
from lbp_prognosis.validation import (
    bootstrap_validate,
    cross_validate_risk,
    external_validate,
    internal_external,
    likelihood_ratio,
    sample_size_support,
    subgroup_performance,
    update_model,
)

SMALL, LARGE = ["c1", "c2"], ["c1", "c2", "p1", "p2"]
DECISION = ThresholdRange(0.3, 0.5, 0.4, "One missed weighs as much as one and a half treated in vain.")


@pytest.fixture(scope="module")
def cohort():
    d = syn(900)
    return d, Surv.right(d["time"], d["event"])


def test_items_are_filled_from_results(cohort) -> None:
    d, y = cohort
    X = d[LARGE].copy()
    X.loc[X.index[::10], "p2"] = np.nan
    complete = d[LARGE]
    folds = cross_validate_risk(CoxPH(), complete, y, 12.0, n_splits=4, n_repeats=1, random_state=0)
    risk = folds.risks["CoxPH"]
    results = [
        bootstrap_validate(CoxPH(), complete, y, 12.0, n_resamples=10, random_state=0),
        folds,
        internal_external(CoxPH(), complete, y, d["site"], 12.0, n_resamples=0),
        subgroup_performance(y, risk, {"site": d["site"]}, [12.0]),
        sample_size_support(y, {"clinical": 2, "reported": 2}, c_statistic=0.7, horizon=12, n_simulations=20),
        update_model(CoxPH().fit(complete[:400], y[:400]), complete[400:], y[400:], horizon=12),
    ]
    spec = OutcomeSpec("recovery", "Pain gone.", "good", "visit", "months", (12.0,))
    pipeline = RiskPipeline([MultipleImputation(2, iterations=2)], CoxPH()).fit(X, y)
    table = tripod_ai_answers(
        results,
        outcome=spec,
        X=X,
        modalities={"clinical": SMALL, "reported": LARGE[2:]},
        models={"full": pipeline},
        thresholds=DECISION,
    ).set_index("item")
    for item in "6a 8a 9b 10 11 12a 12c 12d 12e 12f 14 15 20b 21 22 23a 23b 24 27a".split():
        assert table.loc[item, "filled"], item
    for item in ("1", "2", "17", "18a", "19", "25"):
        assert not table.loc[item, "filled"]
        assert table.loc[item, "answer"] == ""
    corrected = results[0].at("concordance")["corrected"]
    assert f"BootstrapValidation, CoxPH: concordance {corrected:.3f}" in table.loc["23a", "answer"]
    assert "10 % of 900 patients have a missing value (most: p2 10 %)" in table.loc["20b", "answer"]
    assert "6 centres" in table.loc["6a", "answer"]
    assert DECISION.rationale in table.loc["15", "answer"]
    with pytest.raises(ArgumentError, match="results"):
        tripod_ai_answers([risk])


def test_nothing_is_filled_from_nothing() -> None:
    assert not tripod_ai_answers([])["filled"].any()


def test_claims_up_the_ladder_on_real_results(cohort) -> None:
    d, y = cohort
    rng = np.random.default_rng(5)
    half = np.arange(900) < 450
    models = {"small": CoxPH().fit(d.loc[half, SMALL], y[half]), "large": CoxPH().fit(d.loc[half, LARGE], y[half])}

    class _Columns:
        def __init__(self, model, columns):
            self.fitted_, self.columns = model, columns

        def predict_risk(self, X, horizons, cause=1):
            return self.fitted_.predict_risk(X[self.columns], horizons, cause=cause)

        def linear_predictor(self, X):
            return self.fitted_.linear_predictor(X[self.columns])

    named = {"small": _Columns(models["small"], SMALL), "large": _Columns(models["large"], LARGE)}
    external = external_validate(named, d[~half], y[~half], 12.0, DECISION, kind="temporal")
    truth = rng.normal(size=200)
    repeated = icc(np.column_stack([truth + 0.2 * rng.normal(size=200) for _ in range(2)]))
    reader = roc(Reference.now((truth > 0.5).astype(int)), truth + 0.3 * rng.normal(size=200), model="fat")
    test = likelihood_ratio(models["small"], models["large"], d.loc[half, SMALL], d.loc[half, LARGE], added="large")
    minimum = {"age": "c1", "sex": "c2"}
    evidence = Evidence(models={"small": SMALL, "large": LARGE}, clinical_minimum=minimum, prespecified=True)
    evidence = evidence.with_result(external).with_result(repeated, model="fat").with_result(reader, against="standard")
    evidence = evidence.with_result(test)
    assert external.sample == "external"
    assert evidence.entries[0].setting == "temporal"
    assert evidence.supports(Claim.repeats("fat")).answer == "supported"
    assert evidence.supports(Claim.detects("fat", "standard")).answer == "supported"
    assert evidence.supports(Claim.predicts("large", 12)).answer == "supported"
    adds = evidence.supports(Claim.adds_value("large", "small", 12))
    assert adds.answer == "not supported"  # it gains, over a comparator that lacks seven constructs
    assert "weak-comparator" in adds.blocking
    assert evidence.supports(Claim.improves_outcomes("large")).answer == "not assessed"
    ladder = evidence.ladder([Claim.predicts("large", 12), Claim.repeats("fat"), Claim.detects("fat", "standard")])
    assert ladder["tier"].tolist() == ["technical", "diagnostic", "prognostic"]


def test_imputation_with_and_without_the_outcome_is_told() -> None:
    blind = RiskPipeline([MultipleImputation(2, use_outcome=False)], CoxPH())
    sees = RiskPipeline([MultipleImputation(2)], CoxPH())
    models = {"blind": blind, "sees": sees, "both": AverageRisk({"a": blind, "b": sees})}
    told = tripod_ai_answers([], models=models).set_index("item").loc["11", "answer"]
    assert (
        "blind: multiple imputation by chained equations inside the pipeline, without the outcome, in training" in told
    )
    assert (
        "sees: multiple imputation by chained equations inside the pipeline, with the outcome in training and" in told
    )
    assert (
        "both: multiple imputation by chained equations inside the pipeline, with the outcome in training for" in told
    )
