"""Sentences for Methods and Results: written by hand beside what the library writes, number by number."""

from __future__ import annotations

import dataclasses
import os
import re

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Surv, evaluate
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.evidence import forbidden_words
from lbp_prognosis.report import evaluation_page, methods_sentences, probast_ai, results_sentences, tripod_ai
from lbp_prognosis.report._imputation_of import completed_tables
from lbp_prognosis.report._results_sentences import _null

METHODS = """\
The outcome was recovery (pain at most 2 of 10); time zero was the first visit. Risks were predicted by 6 and 12 \
months; the main horizon was 12 months. Events were dated exactly. Risks are those under the care given, \
whatever it was (treatment-policy estimand).

Predictors were clinical (age, pain) and imaging (fat).

Model “clinical” was a Cox proportional hazards model of clinical predictors. Model “with imaging” was a Cox \
proportional hazards model of clinical and imaging predictors, with restricted cubic splines of age (4 knots).

Missing values of predictors were imputed by chained equations (2 completed tables) inside every fold, with the \
outcome in training and without it at prediction.

All models were validated on the same folds of a 4-fold cross-validation; every step, from imputation to fit, \
was repeated in each fold. Each patient's risk was predicted by models fitted without that patient.

Discrimination was measured by the area under the time-dependent ROC curve (AUC), overall performance by the \
index of prediction accuracy (IPA), calibration by the ratio of observed to expected events (O/E) and the \
calibration slope, with 95 % intervals. Intervals are conditional on the fitted models. Net benefit was assessed \
at thresholds from 0.3 to 0.6, primarily 0.4: Half a day of training is cheap. Horizons, thresholds and criteria \
were declared before the data were seen."""

RESULTS = """\
Of 400 patients, 400 were analysed. Recovery occurred in 248 patients by 12 months.

At 12 months the out-of-fold AUC was 0.754 (95 % interval 0.702 to 0.807) for “clinical” and 0.742 (0.688 to \
0.796) for “with imaging”. At 12 months the out-of-fold IPA was 0.184 (95 % interval 0.103 to 0.266) for \
“clinical” and 0.170 (0.084 to 0.256) for “with imaging”. The optimism of the AUC (apparent minus out of fold) \
was 0.005 for “clinical” and 0.014 for “with imaging”.

At 12 months the out-of-fold ratio of observed to expected risk of no recovery was 1.002 (95 % interval 0.879 to \
1.143) for “clinical” and 1.004 (0.880 to 1.146) for “with imaging”. At 12 months the out-of-fold calibration \
slope was 0.981 (95 % interval 0.798 to 1.163) for “clinical” and 0.940 (0.758 to 1.122) for “with imaging”.

The IPA of “with imaging” minus that of “clinical” was −0.015 (95 % interval −0.029 to 0.000), an interval that \
contains 0. The AUC of “with imaging” minus that of “clinical” was −0.012 (−0.022 to −0.002).

At a threshold of 0.4 the out-of-fold net benefit of “with imaging” minus that of “clinical” was −0.002 (95 % \
interval −0.018 to +0.013), an interval that contains 0."""


@pytest.fixture
def found(reported):
    return reported


def test_methods_are_those_written_by_hand(found) -> None:
    made = methods_sentences(found)
    assert made.text.rsplit("\n\n", 1)[0] == METHODS
    last = made.paragraphs["Software and protocol"]
    assert found.study.spec_hash in last
    assert last.endswith("the seed was 3.")


def test_imputation_is_told_only_where_values_were_missing(found) -> None:
    page = found.page()
    assert "imputed" in methods_sentences(page).paragraphs["Missing data"]
    complete = dataclasses.replace(page, columns=page.columns.assign(n_missing=0))
    assert methods_sentences(complete).paragraphs["Missing data"] == "No predictor had missing values."
    said = {"with": page, "without": complete}
    filled = {name: tripod_ai(one).to_frame().set_index("item").loc["27a", "filled"] for name, one in said.items()}
    assert filled == {"with": True, "without": False}


def test_imputations_of_a_stack_are_those_of_its_learners() -> None:
    stack = {"imputations": -1, "options": {"learners": {"a": {"kind": "cox", "imputations": 5}, "b": "boosted_cox"}}}
    assert completed_tables(stack) == {5, -1}
    stack["options"]["learners"].pop("b")
    assert completed_tables(stack) == {5}
    assert completed_tables({"imputations": 0, "options": {}}) == {0}


def test_imputation_without_the_outcome_is_told(found) -> None:
    page = found.page()
    plans = page.provenance["study"]["models"]

    def said(*changes) -> str:
        models = [dict(plan, **change) for plan, change in zip(plans, changes)]
        told = dict(page.provenance, study=dict(page.provenance["study"], models=models))
        return methods_sentences(dataclasses.replace(page, provenance=told)).paragraphs["Missing data"]

    blind = {"impute_with_outcome": False}
    stack = {"options": {"learners": {"a": {"kind": "cox", **blind}, "b": "cox"}}}
    assert said({}, {}).endswith("every fold, with the outcome in training and without it at prediction.")
    assert said(blind, blind).endswith("every fold, without the outcome, in training as at prediction.")
    assert "with the outcome in training (without it for “with imaging”) and without it at" in said({}, blind)
    assert "(without it for some learners of “with imaging”)" in said({}, stack)
    assert said({"imputations": 0}, blind).startswith("Missing values of predictors were imputed")
    assert "every fold, without the outcome, in training as at" in said({"imputations": 0}, blind)


def test_terms_of_a_formula_are_told(found) -> None:
    page = found.page()
    plans = [dict(plan, splines={}, formula="rcs(age, 4) + pain") for plan in page.provenance["study"]["models"]]
    said = dict(page.provenance, study=dict(page.provenance["study"], models=plans))
    page = dataclasses.replace(page, provenance=said)
    assert "predictors, with the terms rcs(age, 4) + pain." in methods_sentences(page).paragraphs["Models"]
    shapes = probast_ai(page).to_frame().query("part == 'development' and item == '4.2'")["fact"].item()
    assert shapes == "Terms: rcs(age, 4) + pain."


def test_results_are_those_written_by_hand(found) -> None:
    made = results_sentences(found)
    own = [made.paragraphs[h] for h in made.paragraphs if h not in ("What the evidence supports", "Limitations")]
    assert "\n\n".join(own) == RESULTS
    supported = made.paragraphs["What the evidence supports"]
    assert supported.startswith(
        "That “clinical” predicts the outcome at 12 months in patients like these is supported by these data."
    )
    for claim in found.page().claims:
        if claim.kind == "adds_value":
            assert found.page().verdict(claim).answer == "not supported"
    assert (
        "“with imaging” predicts better than “clinical” at 12 months in patients like these is not supported"
        in supported
    )
    assert "in other patients is not assessed by these data" in supported


def test_numbers_are_those_of_the_result(found) -> None:
    text = results_sentences(found).text
    for model in ("clinical", "with imaging"):
        for name in ("auc", "ipa", "observed_expected", "calibration_slope"):
            metric = found.evaluation.metric(name, model)
            k = int(np.flatnonzero(np.isclose(np.atleast_1d(metric.horizon), 12.0))[0])
            value, low, high = (float(np.atleast_1d(v)[k]) for v in (metric.value, metric.low, metric.high))
            assert re.search(rf"{value:.3f} \((95 % interval )?{low:.3f} to {high:.3f}\)", text), (model, name)


def test_same_bytes_twice(found, tmp_path) -> None:
    pytest.importorskip("docx")
    for make in (methods_sentences, results_sentences):
        first, second = make(found), make(found)
        assert first.to_html() == second.to_html()
        made = [each.to_word(tmp_path / f"{name}.docx") for each, name in ((first, "a"), (second, "b"))]
        assert made[0].read_bytes() == made[1].read_bytes()
        assert os.name != "posix" or made[0].stat().st_mode & 0o077 == 0


def test_no_word_above_the_evidence(found) -> None:
    for made in (methods_sentences(found), results_sentences(found)):
        for paragraph in made.paragraphs.values():
            assert forbidden_words(paragraph, "prognostic") == ()
    lowered = results_sentences(found).text.lower()
    for word in ("significant", "superior", "improve", "excellent", "accurate", "robust"):
        assert word not in lowered


def test_what_leaves_has_no_more_than_the_page(found) -> None:
    kept = results_sentences(found)
    assert "397 of 400" in kept.text
    assert "Not for release" in kept.to_markdown()
    made = results_sentences(dataclasses.replace(found.page(), gate=Gate(5)))
    assert made.released
    assert "397" not in made.text
    assert "disclosure gate" in methods_sentences(dataclasses.replace(found.page(), gate=Gate(5))).text
    few = results_sentences(dataclasses.replace(found.page(), gate=Gate(min_n=1000)))
    assert list(few.paragraphs) == ["Patients"]
    assert few.text.startswith("Nothing is released")


def test_simulated_data_are_said_to_be(found) -> None:
    page = dataclasses.replace(found.page(), synthetic=True)
    assert results_sentences(page).text.startswith(
        "The data were simulated: the numbers are not evidence about any patient."
    )


def test_predictions_without_a_study() -> None:
    d = syn(300)
    risk = 1 / (1 + np.exp(-d["c1"]))
    page = evaluation_page(
        evaluate(Surv.right(d["time"], d["event"]), {"m": np.column_stack([risk / 2, risk])}, [6.0, 12.0]),
        unit="months",
    )
    made = results_sentences(page)
    assert re.match(r"300 patients were analysed\. The event occurred in \d+ patients by 12 months\.", made.text)
    assert "At 12 months the AUC (as given) was" in made.text
    assert "Models" not in methods_sentences(page).paragraphs
    assert made.to_frame()["heading"].iloc[0] == "Patients"


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(-1.0, 1.0, True), (0.0, 1.0, True), (0.0004, 1.0, True), (0.0006, 1.0, False), (-1.0, -0.0006, False)],
)
def test_an_interval_contains_0_as_it_is_printed(low, high, told) -> None:
    assert bool(_null(low, high)) is told
    assert _null(np.nan, high) == ""


def test_what_is_refused(found) -> None:
    with pytest.raises(ArgumentError, match="result"):
        results_sentences(found.evaluation)
    with pytest.raises(ArgumentError, match="result"):
        methods_sentences("page")
