"""The ladder judges values, not presence: every rule met, failed, missing and objected to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, Objection, Result, metric_frame
from lbp_prognosis.evidence import (
    BLOCKING,
    CLINICAL_MINIMUM,
    Claim,
    Criteria,
    Evidence,
    Strength,
    Tier,
    forbidden_words,
    missing_constructs,
    tripod_ai_items,
    undeclared_constructs,
)
from lbp_prognosis.validation import TrialEffect, trial_effect

COLUMNS = {name: f"{name}_column" for name in CLINICAL_MINIMUM}
HELD = list(COLUMNS.values())


@dataclass(frozen=True, repr=False)
class Rows(Result):
    """A result of given rows."""

    rows: tuple[dict[str, Any], ...]
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    extra: tuple[str, ...] = field(default=("reference", "threshold", "p"))

    def to_frame(self) -> pd.DataFrame:
        return metric_frame(self.rows, extra=self.extra)


def row(metric: str, value: float, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    tier = more.pop("tier", "prognostic")
    return {
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "tier": tier,
        "model": "full",
        "horizon": 12.0,
        "n": 400,
        "n_events": 200,
        **more,
    }


GOOD = {
    "auc": row("auc", 0.75, 0.70, 0.80),
    "slope": row("calibration_slope", 0.97, 0.8, 1.15),
    "oe": row("observed_expected", 1.03, 0.9, 1.18),
    "ipa": row("ipa", 0.15, 0.08, 0.22),
}


def evidence(*results: tuple[Any, dict[str, Any]], **keywords: Any) -> Evidence:
    out = Evidence(**{"models": {"clinical": HELD, "full": [*HELD, "mri"]}, "clinical_minimum": COLUMNS, **keywords})
    for result, how in results:
        out = out.with_result(result, **{"sample": "internal", **how})
    return out


def predicting(changes: dict[str, Any] | None = None, **how: Any) -> Evidence:
    rows = {**GOOD, **(changes or {})}
    return evidence((Rows(tuple(r for r in rows.values() if r is not None)), how))


# ---- prediction -----------------------------------------------------------------------------------------------


def test_a_calibrated_prediction_out_of_sample_is_supported() -> None:
    verdict = predicting().supports(Claim.predicts("full", 12))
    assert verdict.answer == "supported"
    assert bool(verdict)
    assert verdict.missing == ()
    assert {check.metric for check in verdict.checks} >= {"auc", "calibration_slope", "observed_expected", "ipa"}


@pytest.mark.parametrize(
    "change",
    [
        {"auc": row("auc", 0.52, 0.47, 0.57), "slope": row("calibration_slope", 0.3, 0.0, 0.6)},
        {"auc": row("auc", 0.58, 0.53, 0.63)},
        {"auc": row("auc", 0.65, 0.48, 0.82)},
        {"slope": row("calibration_slope", 0.5, 0.3, 0.7)},
        {"slope": row("calibration_slope", 1.6, 1.3, 1.9)},
        {"oe": row("observed_expected", 1.5, 1.3, 1.7)},
        {"ipa": row("ipa", 0.02, -0.03, 0.07)},
        {"auc": row("auc", 0.75, 0.6, 0.9, n_events=20)},
    ],
    ids=[
        "noise",
        "weak",
        "imprecise",
        "overfitted",
        "underfitted",
        "off in the large",
        "no better than none",
        "few events",
    ],
)
def test_values_are_judged(change: dict) -> None:
    verdict = predicting(change).supports(Claim.predicts("full", 12))
    assert verdict.answer == "not supported"
    assert any(check.passed is False for check in verdict.checks)
    assert "Not met" in verdict.sentence


@pytest.mark.parametrize("name", ["auc", "slope", "oe", "ipa"])
def test_what_is_missing_is_named(name: str) -> None:
    verdict = predicting({name: None}).supports(Claim.predicts("full", 12))
    assert verdict.answer == "not assessed"
    assert verdict.missing
    assert "Missing" in verdict.sentence


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_without_an_interval_nothing_is_supported(missing) -> None:
    changed = {"auc": row("auc", 0.75, missing, missing)}
    assert predicting(changed).supports(Claim.predicts("full", 12)).answer == "not assessed"


def test_a_value_that_could_not_be_computed_is_no_value() -> None:
    changed = {"ipa": row("ipa", float("nan"), reason="beyond follow-up")}
    assert predicting(changed).supports(Claim.predicts("full", 12)).answer == "not assessed"


def test_apparent_numbers_support_no_prediction() -> None:
    assert predicting(sample="apparent").supports(Claim.predicts("full", 12)).answer == "not assessed"
    unsaid = Evidence().with_result(Rows(tuple(GOOD.values())))
    assert unsaid.supports(Claim.predicts("full", 12)).answer == "not assessed"


def test_another_model_horizon_or_group_does_not_count() -> None:
    assert predicting().supports(Claim.predicts("other", 12)).answer == "not assessed"
    assert predicting().supports(Claim.predicts("full", 6)).answer == "not assessed"
    grouped = {k: {**v, "group": "female"} for k, v in GOOD.items()}
    assert predicting(grouped).supports(Claim.predicts("full", 12)).answer == "not assessed"


def test_a_concordance_fits_any_horizon() -> None:
    changed = {"auc": row("concordance", 0.72, 0.68, 0.76, horizon=None)}
    assert predicting(changed).supports(Claim.predicts("full", 12))


def test_one_bad_result_is_not_outvoted() -> None:
    good = Rows(tuple(GOOD.values()))
    bad = Rows((row("calibration_slope", 0.4, 0.2, 0.6),))
    assert evidence((good, {}), (bad, {})).supports(Claim.predicts("full", 12)).answer == "not supported"


def test_a_difference_is_not_read_as_a_value() -> None:
    difference = Rows((row("ipa", 0.2, 0.1, 0.3, reference="clinical"),))
    verdict = evidence((Rows(tuple(v for k, v in GOOD.items() if k != "ipa")), {}), (difference, {}))
    assert verdict.supports(Claim.predicts("full", 12)).answer == "not assessed"


def test_simulated_data_support_nothing() -> None:
    simulated = evidence((Rows(tuple(GOOD.values()), synthetic=True), {}))
    verdict = simulated.supports(Claim.predicts("full", 12))
    assert verdict.answer == "not supported"
    assert verdict.synthetic
    assert "real patients" in verdict.sentence
    assert simulated.synthetic
    said = evidence((Rows(tuple(GOOD.values())), {}), simulated=True)
    assert said.synthetic
    assert said.supports(Claim.predicts("full", 12)).answer == "not supported"


def test_a_label_read_off_the_image_ends_at_the_diagnostic_tier() -> None:
    reader = evidence((Rows(tuple(GOOD.values())), {}), label="reader")
    assert reader.supports(Claim.predicts("full", 12)).answer == "not supported"


def test_pooled_over_sites_the_estimate_counts_and_events_add_up() -> None:
    @dataclass(frozen=True, repr=False)
    class Sites(Rows):
        extra: tuple[str, ...] = ("reference", "quantity")

    def pooled(name: str, quantity: str = "estimate", **change: Any) -> dict[str, Any]:
        return {**GOOD[name], "group": "pooled", "quantity": quantity, "n_events": None, **change}

    rows = [pooled(name) for name in GOOD]
    rows += [pooled("slope", "tau2", value=5.0)]
    sites = [{**GOOD["auc"], "group": f"site {k}", "n_events": 30} for k in range(4)]
    how = {"sample": "internal-external"}
    assert evidence((Sites((*rows, *sites)), how)).supports(Claim.predicts("full", 12))
    assert evidence((Sites((*rows, *sites[:1])), how)).supports(Claim.predicts("full", 12)).answer == "not supported"


# ---- validation -----------------------------------------------------------------------------------------------


def test_validated_needs_other_patients_and_a_declaration() -> None:
    claim = Claim.predicts("full", 12, "validated")
    result = Rows(tuple(GOOD.values()))
    full = {"sample": "external", "setting": "geographic"}
    assert evidence((result, full), prespecified=True).supports(claim)
    assert evidence((result, full)).supports(claim).answer == "not assessed"
    assert evidence((result, {}), prespecified=True).supports(claim).answer == "not assessed"
    few = Rows(tuple({**r, "n_events": 80} for r in GOOD.values()))
    assert evidence((few, full), prespecified=True).supports(claim).answer == "not supported"
    assert evidence((few, full), prespecified=True).supports(Claim.predicts("full", 12))


def test_trap_a_random_split_is_not_external() -> None:
    split = evidence((Rows(tuple(GOOD.values())), {"sample": "external"}), prespecified=True)
    verdict = split.supports(Claim.predicts("full", 12, "validated"))
    assert verdict.answer == "not supported"
    assert "random-split-external" in [o.code for o in verdict.objections]


# ---- on the boundaries of the criteria ---------------------------------------------------------------------------


def judged(verdict: Any, metric: str) -> bool | None:
    """Return how the verdict judges one metric."""
    (check,) = [check for check in verdict.checks if check.metric == metric]
    return check.passed


@pytest.mark.parametrize(("value", "passed"), [(0.5999, False), (0.6, True), (0.6001, True)])
def test_supports_discrimination_at_its_least(value: float, passed: bool) -> None:
    changed = {"auc": row("auc", value, 0.55, 0.7)}
    assert judged(predicting(changed).supports(Claim.predicts("full", 12)), "auc") is passed


@pytest.mark.parametrize(("low", "passed"), [(0.4999, False), (0.5, False), (0.5001, True)])
def test_supports_discrimination_whose_interval_ends_at_one_half(low: float, passed: bool) -> None:
    changed = {"auc": row("auc", 0.75, low, 0.9)}
    assert judged(predicting(changed).supports(Claim.predicts("full", 12)), "auc") is passed


@pytest.mark.parametrize(("metric", "key"), [("calibration_slope", "slope"), ("observed_expected", "oe")])
@pytest.mark.parametrize(
    ("value", "passed"), [(0.7999, False), (0.8, True), (0.8001, True), (1.2499, True), (1.25, True), (1.2501, False)]
)
def test_supports_calibration_at_the_ends_of_its_range(metric: str, key: str, value: float, passed: bool) -> None:
    changed = {key: row(metric, value, value - 0.1, value + 0.1)}
    assert judged(predicting(changed).supports(Claim.predicts("full", 12)), metric) is passed


@pytest.mark.parametrize(("low", "passed"), [(-0.001, False), (0.0, False), (0.001, True)])
def test_supports_a_prediction_error_whose_interval_ends_at_no_gain(low: float, passed: bool) -> None:
    changed = {"ipa": row("ipa", 0.1, low, 0.2)}
    assert judged(predicting(changed).supports(Claim.predicts("full", 12)), "ipa") is passed


@pytest.mark.parametrize(("events", "passed"), [(49, False), (50, True), (51, True)])
def test_supports_counts_events_up_to_the_least(events: int, passed: bool) -> None:
    changed = {"auc": row("auc", 0.75, 0.7, 0.8, n_events=events)}
    assert judged(predicting(changed).supports(Claim.predicts("full", 12)), "n_events") is passed


@pytest.mark.parametrize(("first", "passed"), [(24, False), (25, True)])
def test_supports_adds_events_of_sites_where_the_pooled_row_has_none(first: int, passed: bool) -> None:
    """Of each site the larger count; of another model's or metric's rows none."""
    pooled = row("auc", 0.75, 0.7, 0.8, group="pooled", n_events=None)
    sites = [row("auc", 0.7, 0.6, 0.8, group="a", n_events=first), row("auc", 0.8, 0.7, 0.9, group="b", n_events=25)]
    more = [row("auc", 0.7, 0.6, 0.8, group="a", n_events=first - 5, horizon=6.0)]
    other = [row("auc", 0.8, 0.7, 0.9, group="c", n_events=90, model="clinical")]
    other += [row("brier", 0.2, 0.1, 0.3, group="c", n_events=90)]
    found = evidence((Rows((pooled, *sites, *more, *other, GOOD["slope"], GOOD["oe"], GOOD["ipa"])), {}))
    verdict = found.supports(Claim.predicts("full", 12))
    (count,) = [check for check in verdict.checks if check.metric == "n_events"]
    assert (count.n_events, count.passed) == (first + 25, passed)


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        (row("hazard_ratio", 0.5, 0.3, 1.0, reference="clinical"), "not supported"),
        (row("hazard_ratio", 0.5, 0.3, 0.999, reference="clinical"), "supported"),
        (row("hazard_ratio", 1.5, 1.001, 3.0, reference="clinical"), "supported"),
        (row("log_hazard_ratio", 0.5, 0.0, 1.2, reference="clinical"), "not supported"),
        (row("log_hazard_ratio", 0.5, 0.001, 1.2, reference="clinical"), "supported"),
        (row("log_hazard_ratio", 1.5, 0.9, 2.1, reference="clinical"), "supported"),
        (row("likelihood_ratio", 4.0, reference="clinical", p=0.05), "not supported"),
        (row("likelihood_ratio", 4.0, reference="clinical", p=0.0499), "supported"),
    ],
)
def test_supports_association_at_its_null_and_level(rows: dict, answer: str) -> None:
    found = evidence((Rows((rows,)), {"sample": "apparent"}))
    assert found.supports(Claim.is_associated("full", "clinical")).answer == answer


@pytest.mark.parametrize("strength", ["development", "validated"])
@pytest.mark.parametrize("which", ["predicts", "adds_value"])
def test_supports_asks_for_more_events_of_external_patients(which: str, strength: str) -> None:
    """99 events are enough to develop a model, and one too few to validate it; the sentence names the patients."""
    rows = tuple(
        {**one, "n_events": 99} for one in (*GOOD.values(), row("ipa", 0.04, 0.01, 0.07, reference="clinical"))
    )
    how = {"sample": "external", "setting": "geographic"} if strength == "validated" else {}
    arguments = ("full", 12, strength) if which == "predicts" else ("full", "clinical", 12, strength)
    verdict = evidence((Rows(rows), how)).supports(getattr(Claim, which)(*arguments))
    (count,) = [check for check in verdict.checks if check.metric == "n_events"]
    assert count.passed is (strength == "development")
    assert ("external data" in count.name) is (strength == "validated")
    slope = next(check for check in verdict.checks if check.metric == "calibration_slope")
    assert slope.name.startswith("external" if strength == "validated" else "out-of-sample")


@pytest.mark.parametrize("shift", [-2e-9, -5e-10, 0.0, 5e-10, 2e-9])
@pytest.mark.parametrize("end", [0.2, 0.4])
def test_supports_takes_thresholds_that_differ_by_rounding(end: float, shift: float) -> None:
    """A negative net benefit at an end of the range counts, up to 1e-9 beyond it."""
    verdict = deciding(low={("", end + shift): (-0.05, -0.01)}).supports(CLAIM)
    inside = shift > -1e-9 if end == 0.2 else shift < 1e-9
    assert (verdict.answer == "not supported") is inside


@pytest.mark.parametrize("name", ["icc_low", "agreement_low", "diagnostic_auc_low", "discrimination", "alpha"])
def test_criteria_that_are_shares_lie_between_0_and_1(name: str) -> None:
    for bound in (0.0, 1.0):
        assert getattr(Criteria(**{name: bound}), name) == bound
    for beyond in (-0.001, 1.001):
        with pytest.raises(ArgumentError, match=name):
            Criteria(**{name: beyond})


@pytest.mark.parametrize("kind", ["slope", "ratio"])
def test_criteria_of_calibration_begin_at_0_and_do_not_cross(kind: str) -> None:
    low, high = f"{kind}_low", f"{kind}_high"
    assert getattr(Criteria(**{low: 0.0, high: 0.0}), high) == 0
    for wrong, said in (({low: -0.001}, low), ({low: 1.0, high: 0.999}, high)):
        with pytest.raises(ArgumentError, match=said):
            Criteria(**wrong)


@pytest.mark.parametrize("name", ["events_development", "events_validation"])
def test_criteria_of_events_are_whole_from_0(name: str) -> None:
    assert getattr(Criteria(**{name: 0}), name) == 0
    for wrong in (-1, 50.5):
        with pytest.raises(ArgumentError, match=name):
            Criteria(**{name: wrong})


@pytest.mark.parametrize(
    ("thresholds", "accepted"),
    [
        ((0.2, 0.2, 0.2), True),
        ((0.001, 0.5, 0.999), True),
        ((0.0, 0.2, 0.4), False),
        ((0.2, 0.4, 1.0), False),
        ((0.3, 0.2, 0.4), False),
        ((0.2, 0.5, 0.4), False),
        ((0.2, 0.3), False),
    ],
)
def test_claims_of_usefulness_take_three_thresholds_in_order(thresholds: tuple[float, ...], accepted: bool) -> None:
    if accepted:
        assert Claim.is_useful("full", 12, thresholds).thresholds == thresholds  # type: ignore[arg-type]
    else:
        with pytest.raises(ArgumentError, match="thresholds"):
            Claim.is_useful("full", 12, thresholds)  # type: ignore[arg-type]


# ---- added value ----------------------------------------------------------------------------------------------

GAIN = row("ipa", 0.04, 0.01, 0.07, reference="clinical")


def adding(*rows: dict[str, Any], **keywords: Any) -> Evidence:
    return evidence((Rows((GOOD["slope"], *(rows or (GAIN,)))), {}), **keywords)


def test_a_gain_in_a_proper_score_over_the_clinical_minimum_is_added_value() -> None:
    assert adding().supports(Claim.adds_value("full", "clinical", 12))
    lower = row("brier", -0.01, -0.018, -0.002, reference="clinical")
    assert adding(lower).supports(Claim.adds_value("full", "clinical", 12))


@pytest.mark.parametrize(
    ("gain", "answer"),
    [
        (row("ipa", 0.01, -0.01, 0.03, reference="clinical"), "not supported"),
        (row("brier", 0.01, 0.002, 0.018, reference="clinical"), "not supported"),
        (row("brier", -0.003, -0.009, 0.003, reference="clinical"), "not supported"),
        (row("auc", 0.05, 0.02, 0.08, reference="clinical"), "not assessed"),
        (row("nri", 0.5, 0.3, 0.7, reference="clinical"), "not assessed"),
        (row("ipa", 0.04, None, None, reference="clinical"), "not assessed"),
        (row("ipa", 0.04, 0.01, 0.07, reference="age and sex"), "not assessed"),
        (row("ipa", 0.04, 0.01, 0.07), "not assessed"),
    ],
)
def test_what_is_no_added_value(gain: dict, answer: str) -> None:
    assert adding(gain).supports(Claim.adds_value("full", "clinical", 12)).answer == answer


def test_scores_at_the_horizon_judge_a_claim_at_the_horizon() -> None:
    claim = Claim.adds_value("full", "clinical", 12)
    earlier = {**row("ibs_trapezoid", -0.002, -0.005, 0.001, reference="clinical"), "horizon": None}
    assert adding(GAIN, earlier).supports(claim)
    assert adding(earlier).supports(claim).answer == "not supported"  # no other score judges
    both = adding(GAIN, row("brier", -0.003, -0.009, 0.003, reference="clinical"))
    assert both.supports(claim).answer == "not supported"


@pytest.mark.parametrize("construct", list(CLINICAL_MINIMUM))
def test_trap_a_strawman_comparator(construct: str) -> None:
    weak = [column for name, column in COLUMNS.items() if name != construct]
    verdict = adding(models={"clinical": weak}).supports(Claim.adds_value("full", "clinical", 12))
    assert verdict.answer == "not supported"
    assert CLINICAL_MINIMUM[construct] in verdict.sentence
    assert "weak-comparator" in verdict.blocking


def test_a_comparator_of_unknown_predictors_cannot_be_judged() -> None:
    assert adding(models={}).supports(Claim.adds_value("full", "clinical", 12)).answer == "not assessed"


def test_a_miscalibrated_model_does_not_add() -> None:
    bent = evidence((Rows((row("calibration_slope", 0.5, 0.4, 0.6), GAIN)), {}))
    assert bent.supports(Claim.adds_value("full", "clinical", 12)).answer == "not supported"


def test_a_likelihood_ratio_is_association_and_no_more() -> None:
    test = row("likelihood_ratio", 14.0, reference="clinical", p=0.002)
    found = evidence((Rows((test,)), {"sample": "apparent"}))
    assert found.supports(Claim.is_associated("full", "clinical"))
    assert found.supports(Claim.adds_value("full", "clinical", 12)).answer == "not assessed"


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        (row("likelihood_ratio", 2.0, reference="clinical", p=0.4), "not supported"),
        (row("hazard_ratio", 0.7, 0.5, 0.9, reference="clinical"), "supported"),
        (row("hazard_ratio", 0.9, 0.7, 1.1, reference="clinical"), "not supported"),
        (row("log_hazard_ratio", -0.3, -0.5, -0.1, reference="clinical"), "supported"),
        (row("hazard_ratio", 0.7, reference="clinical"), "not assessed"),
    ],
)
def test_association(rows: dict, answer: str) -> None:
    found = evidence((Rows((rows,)), {"sample": "apparent"}))
    assert found.supports(Claim.is_associated("full", "clinical")).answer == answer


# ---- utility --------------------------------------------------------------------------------------------------

CLAIM = Claim.is_useful("full", 12, (0.2, 0.3, 0.4), "clinical")


def deciding(*, low: dict[tuple[str, float], tuple[float, float]] | None = None, **how: Any) -> Evidence:
    intervals = {(r, t): (0.01, 0.05) for r in ("", "treat all", "clinical") for t in (0.2, 0.3, 0.4, 0.6)}
    intervals.update(low or {})
    rows = tuple(
        row("net_benefit", sum(limits) / 2, *limits, tier="utility", reference=reference, threshold=threshold)
        for (reference, threshold), limits in intervals.items()
    )
    return evidence((Rows(rows), how), prespecified=True)


def test_net_benefit_over_all_none_and_the_clinical_model() -> None:
    assert deciding().supports(CLAIM)
    assert CLAIM.strength is Strength.POTENTIAL


@pytest.mark.parametrize("reference", ["", "treat all", "clinical"])
def test_each_alternative_has_to_be_beaten(reference: str) -> None:
    verdict = deciding(low={(reference, 0.3): (-0.01, 0.03)}).supports(CLAIM)
    assert verdict.answer == "not supported"


def test_surely_worse_inside_the_range_is_not_useful_but_outside_does_not_matter() -> None:
    assert deciding(low={("treat all", 0.2): (-0.05, -0.01)}).supports(CLAIM).answer == "not supported"
    assert deciding(low={("treat all", 0.2): (-0.05, 0.01)}).supports(CLAIM)
    assert deciding(low={("treat all", 0.6): (-0.05, -0.01)}).supports(CLAIM)


def test_apparent_or_undeclared_decisions_are_not_assessed() -> None:
    assert deciding(sample="apparent").supports(CLAIM).answer == "not assessed"
    undeclared = Evidence(deciding().entries, deciding().models, COLUMNS)
    assert undeclared.supports(CLAIM).answer == "not assessed"
    assert "declared" in undeclared.supports(CLAIM).missing[0]


def test_detection_says_nothing_about_decisions() -> None:
    reader = Rows((row("auc", 0.97, 0.95, 0.99, tier="diagnostic", horizon=None),))
    found = evidence((reader, {"against": "standard"}), prespecified=True)
    assert found.supports(Claim.detects("full", "standard"))
    for claim in (Claim.predicts("full", 12), Claim.adds_value("full", "clinical", 12), CLAIM):
        assert found.supports(claim).answer == "not assessed"


def test_effectiveness_never_comes_of_our_own_results() -> None:
    everything = deciding().with_result(Rows((*GOOD.values(), GAIN)), sample="external", setting="temporal")
    verdict = everything.supports(Claim.improves_outcomes("full"))
    assert verdict.answer == "not assessed"
    assert "trial" in verdict.missing[0]


def test_only_a_trial_of_using_the_model_shows_that_outcomes_improve() -> None:
    """The top rung takes a randomised trial and nothing else; none without benefit or of few clusters."""
    claim = Claim.improves_outcomes("full")
    practice = np.repeat(np.arange(20), 15)
    used = (practice % 2).astype(float)
    noise = np.random.default_rng(0).normal(size=300)

    def trial(effect: float, model: str = "full", clusters: int = 20) -> TrialEffect:
        kept = practice < clusters
        pain = 5 + effect * used + noise
        return trial_effect(pain[kept], clusters=practice[kept], exposed=used[kept], model=model, n_permutations=400)

    assert Evidence().with_result(trial(-1.0)).supports(claim).answer == "supported"
    assert Evidence().with_result(trial(1.0)).supports(claim).answer == "not supported"
    assert Evidence().with_result(trial(0.0)).supports(claim).answer == "not supported"
    assert Evidence().with_result(trial(-1.0, "other")).supports(claim).answer == "not assessed"
    assert Evidence().with_result(trial(-2.0, clusters=8)).supports(claim).answer == "not supported"
    for clusters in (9, 10, 11):
        checks = Evidence().with_result(trial(-2.0, clusters=clusters)).supports(claim).checks
        (enough,) = [check.passed for check in checks if "clusters" in check.name]
        assert enough is (clusters >= 10)
    # and a trial says nothing about prediction
    assert Evidence().with_result(trial(-1.0)).supports(Claim.predicts("full", 12)).answer == "not assessed"


# ---- technical and diagnostic ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ((("icc", 0.9, 0.82, 0.95), ("within_sd", 1.2, None, None)), "supported"),
        ((("icc", 0.82, 0.65, 0.91), ("within_sd", 1.2, None, None)), "not supported"),
        ((("icc", 0.9, None, None), ("within_sd", 1.2, None, None)), "not assessed"),
        ((("icc", 0.9, 0.82, 0.95),), "not assessed"),
        ((("dice", 0.9, 0.82, 0.95),), "not assessed"),
    ],
)
def test_repeatability(rows: tuple, answer: str) -> None:
    made = tuple(row(m, v, lo, hi, tier="technical", horizon=None) for m, v, lo, hi in rows)
    assert evidence((Rows(made), {})).supports(Claim.repeats("full")).answer == answer
    formed = tuple({**r, "group": "ICC(2,1)"} for r in made)
    assert evidence((Rows(formed), {})).supports(Claim.repeats("full")).answer == answer


def test_agreement_with_readers_is_not_accuracy() -> None:
    auc = Rows((row("auc", 0.9, 0.85, 0.95, tier="diagnostic", horizon=None),))
    readers = evidence((auc, {"against": "readers"}))
    assert readers.supports(Claim.detects("full"))
    assert readers.supports(Claim.detects("full", "standard")).answer == "not assessed"
    assert "agrees with readers" in Claim.detects("full").sentence
    kappa = Rows((row("kappa_quadratic", 0.3, 0.2, 0.4, tier="technical", horizon=None),))
    assert evidence((kappa, {})).supports(Claim.detects("full")).answer == "not supported"


# ---- objections, criteria, claims -----------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "kinds"), sorted(BLOCKING.items()))
def test_an_objection_blocks_the_claims_it_is_about(code: str, kinds: tuple[str, ...]) -> None:
    doubtful = evidence((Rows(tuple(GOOD.values()), (Objection(code, "A doubt."),)), {}))
    verdict = doubtful.supports(Claim.predicts("full", 12))
    assert verdict.answer == ("not supported" if "predicts" in kinds else "supported")
    assert [o.code for o in verdict.objections] == [code]
    assert ("A doubt." in verdict.sentence) == ("predicts" in kinds)


def test_an_objection_to_a_result_that_was_not_used_stays_out() -> None:
    aside = Rows((row("icc", 0.9, 0.8, 0.95, tier="technical"),), (Objection("events-per-parameter", "A doubt."),))
    verdict = evidence((Rows(tuple(GOOD.values())), {}), (aside, {})).supports(Claim.predicts("full", 12))
    assert verdict.answer == "supported"
    assert verdict.objections == ()


def test_other_criteria_may_be_declared() -> None:
    strict = evidence((Rows(tuple(GOOD.values())), {}), criteria=Criteria(discrimination=0.8))
    assert strict.supports(Claim.predicts("full", 12)).answer == "not supported"
    with pytest.raises(ArgumentError):
        Criteria(slope_low=1.3)


def test_the_ladder_goes_up() -> None:
    claims = [
        CLAIM,
        Claim.improves_outcomes("full"),
        Claim.predicts("full", 12, "validated"),
        Claim.predicts("full", 12),
        Claim.repeats("full"),
        Claim.detects("full"),
    ]
    frame = predicting().ladder(claims)
    assert frame["tier"].tolist() == ["technical", "diagnostic", "prognostic", "prognostic", "utility", "utility"]
    assert frame["strength"].tolist()[2:4] == ["development", "validated"]
    assert frame.loc[2, "answer"] == "supported"
    assert (frame["answer"] == "supported").sum() == 1


def test_frames() -> None:
    verdict = predicting({"ipa": None}).supports(Claim.predicts("full", 12))
    frame = verdict.to_frame()
    assert frame["passed"].isna().sum() == 1
    assert frame.dtypes["passed"] == "boolean"
    assert "not assessed" in repr(verdict).lower()
    rows = predicting().to_frame()
    assert {"sample", "setting", "against", "synthetic"} <= set(rows)
    assert len(rows) == 4
    assert Evidence().to_frame().empty
    assert len(predicting().results("prognostic")) == 1
    assert predicting().results(Tier.UTILITY) == ()
    assert "<table" in verdict._repr_html_()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Claim.predicts("full", None),
        lambda: Claim("predicts", "full", Strength.POTENTIAL, horizon=12),
        lambda: Claim("predicts", "full", Strength.DEVELOPMENT),
        lambda: Claim.adds_value("full", "", 12),
        lambda: Claim.is_useful("full", 12, (0.4, 0.3, 0.2)),
        lambda: Claim.is_useful("full", 12, (0.0, 0.3, 0.4)),
        lambda: Claim("proves", "full", Strength.VALIDATED),
        lambda: Claim.predicts("full", 12, "great"),
        lambda: Evidence().supports("full predicts"),
        lambda: Evidence().with_result("no result"),
        lambda: Evidence().with_result(Rows(()), sample="somehow"),
        lambda: Evidence(clinical_minimum={"mood": "phq"}),
        lambda: Evidence(clinical_minimum={"pain": "odi", "disability": "odi"}),
        lambda: Evidence(label="guess"),
    ],
)
def test_nonsense_is_refused(make) -> None:
    with pytest.raises((ArgumentError, ValueError, TypeError)):
        make()


def test_one_of_several_columns_holds_a_construct() -> None:
    mapping = {**COLUMNS, "pain": ["nrs_back", "vas_back"]}
    assert missing_constructs(mapping, [*HELD, "vas_back"]) == ()
    assert missing_constructs(mapping, HELD) == ("pain",)
    assert missing_constructs(None, HELD) == tuple(CLINICAL_MINIMUM)


@pytest.mark.parametrize(
    ("text", "tier", "words"),
    [
        ("Modic changes cause pain.", "prognostic", ("cause",)),
        ("The grade predicts recovery.", "diagnostic", ("predicts",)),
        ("The grade is associated with recovery at 12 months.", "prognostic", ()),
        ("The measure diagnoses stenosis.", "technical", ("diagnoses",)),
        ("The model guides therapy.", "prognostic", ("guides therapy",)),
        ("Net benefit is positive; the model improves outcomes.", "utility", ("improves outcomes",)),
    ],
)
def test_words_a_tier_does_not_allow(text: str, tier: str, words: tuple) -> None:
    assert forbidden_words(text, tier) == words


@pytest.mark.parametrize("strength", list(Strength))
def test_claims_speak_in_words_of_their_tier(strength: Strength) -> None:
    made = {
        "repeatable": Claim.repeats("x"),
        "agreement": Claim.detects("x"),
        "standard": Claim.detects("x", "standard"),
        "association": Claim.is_associated("x", "y"),
        "development": Claim.predicts("x", 12),
        "validated": Claim.adds_value("x", "y", 12, "validated"),
        "potential": CLAIM,
        "effective": Claim.improves_outcomes("x"),
    }[strength.value]
    assert made.tier is strength.tier
    allowed = ("improves outcomes",) if strength is Strength.EFFECTIVE else ()
    assert forbidden_words(made.sentence, made.tier) == allowed


def test_the_reporting_items() -> None:
    items = tripod_ai_items()
    assert items["item"].is_unique
    assert set(items["item"].str.extract(r"(\d+)")[0].astype(int)) == set(range(1, 28))
    filled = "5b 6a 7 8a 9b 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 20a 20b 20c 21 22 23a 23b 24 27a".split()
    assert items.loc[items["autofill"], "item"].tolist() == filled


def test_what_is_not_declared_is_not_said_to_lack() -> None:
    claim = Claim.adds_value("full", "clinical", 12)

    def check_of(minimum: dict[str, str]) -> tuple[str, list[str]]:
        verdict = adding(clinical_minimum=minimum).supports(claim)
        assert "weak-comparator" in verdict.blocking
        assert verdict.answer == "not supported"
        (name,) = [c.name for c in verdict.checks if c.passed is False]
        return name, [o.sentence for o in verdict.objections if o.code == "weak-comparator"]

    nothing, said = check_of({})
    assert "lacks" not in nothing + " ".join(said)
    assert "[clinical_minimum]" in nothing
    assert all(words in nothing for words in CLINICAL_MINIMUM.values())
    declared = {name: column for name, column in COLUMNS.items() if name != "sex"}
    mixed, said = check_of({**declared, "pain": "another_column"})
    assert "it lacks pain intensity at baseline;" in mixed
    assert mixed.endswith("sex)")
    assert len(said) == 2
    assert undeclared_constructs(declared) == ("sex",)
    assert undeclared_constructs({**declared, "sex": []}) == ("sex",)
    assert undeclared_constructs(None) == tuple(CLINICAL_MINIMUM)


@pytest.mark.parametrize(("events", "passed"), [(49, False), (50, True), (51, True)])
def test_events_are_counted_in_the_numbers_that_are_judged(events: int, passed: bool) -> None:
    rows = tuple({**r, "n_events": events} for r in GOOD.values())
    checks = evidence((Rows(rows), {})).supports(Claim.predicts("full", 12)).checks
    (counted,) = [c for c in checks if c.metric == "n_events"]
    assert (counted.passed, counted.n_events) == (passed, events)
    # of apparent numbers no events are counted: what is missing is the sample, not events
    apparent = evidence((Rows(rows), {"sample": "apparent"})).supports(Claim.predicts("full", 12))
    assert apparent.missing
    assert not any("at least" in name and "events" in name for name in apparent.missing)
