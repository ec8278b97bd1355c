"""Every objection that blocks a claim is raised by a public call, and blocks the claim there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_models import Logit

from lbp_prognosis._base import Objection, Result, metric_frame
from lbp_prognosis.cohort import Cohort, CohortSpec, PainRecovery
from lbp_prognosis.evaluation import ThresholdRange, brier, decision_curve, evaluate
from lbp_prognosis.evaluation.diagnostic import roc
from lbp_prognosis.evaluation.technical import scanner_effect
from lbp_prognosis.evaluation.utility import sequential_policy
from lbp_prognosis.evidence import (
    BLOCKING,
    CLINICAL_MINIMUM,
    Claim,
    Evidence,
    movement_without_pain,
    shared_constructs,
)
from lbp_prognosis.fusion import ComBat, MultipleImputation, RegressionCalibration, Standardise, site_confounding
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Reference, Status, Surv
from lbp_prognosis.validation import (
    OnColumns,
    association_test,
    bootstrap_validate,
    cross_validate_risk,
    external_validate,
    internal_external,
    reclassification,
    sample_size_support,
    screen,
)

RNG = np.random.default_rng(0)
N = 160
X = pd.DataFrame({"age": RNG.normal(50, 10, N), "disc": RNG.normal(3, 1, N), "mri_missing": np.tile([0, 1], N // 2)})
RISK = 1 / (1 + np.exp(1.5 - 0.5 * (X["disc"].to_numpy() - 3)))
STATE = (RNG.uniform(size=N) < RISK).astype(int)
Y = Status.at(12, STATE)
SITES = np.where(RNG.uniform(size=N) < 0.5, "a", "b")
HELD = {name: f"{name}_column" for name in CLINICAL_MINIMUM}


# recovery (cause 1) and surgery (cause 2), 400 patients
M = 400
P = pd.DataFrame(
    {"age": RNG.normal(48, 12, M).round(), "odi": RNG.normal(35, 14, M).round(), "fat": RNG.normal(size=M)}
)
RECOVERY = RNG.exponential(8 * np.exp(0.03 * (P["odi"].to_numpy() - 35)))
SURGERY, LOST = RNG.exponential(60, M), RNG.uniform(4, 30, M)
TIME = np.maximum(np.minimum(np.minimum(RECOVERY, SURGERY), LOST), 0.01)
EVENT = np.where(TIME == RECOVERY, 1, np.where(TIME == SURGERY, 2, 0))
TIMES = Surv.right(TIME, EVENT)
EARLY = (TIME <= 12) & (EVENT == 1)


def screened(y: np.ndarray = TIMES, polarity: str | None = None, **columns: Any) -> tuple[Objection, ...]:
    return screen(P.assign(**columns), y, [6, 12], **({"polarity": polarity} if polarity else {})).objections


def crossed(table: pd.DataFrame, **keywords: Any) -> Any:
    return cross_validate_risk({"full": Logit()}, table, Y, 12, n_splits=2, n_repeats=1, **keywords)


def late_value() -> Cohort:
    course = {"visit_id": ["d0", "d14"], "patient_id": ["a", "a"]}
    tables = {
        "patient": pd.DataFrame({"patient_id": ["a"]}),
        "visit": pd.DataFrame({**course, "visit_day": [0, 14], "planned_day": [0, 14], "attended": True}),
        "prom": pd.DataFrame({**course, "instrument": "nrs_back", "item": "total", "value": [6, 5]}),
    }
    return Cohort.build(tables, CohortSpec(tolerance=7.0), PainRecovery(horizons=(365,), unit="days"))


class Memory(Logit):
    """A model that says of itself that it can reproduce its training data."""

    interpolates = True


def verdict_of(claim: Claim, *results: Any, **keywords: Any) -> tuple[Objection, ...]:
    found = Evidence(**{"models": {"clinical": list(HELD.values())}, "clinical_minimum": HELD, **keywords})
    for result in results:
        found = found.with_result(result, sample="external")
    return found.supports(claim).objections


def curve_for_other_thresholds() -> Any:
    declared = ThresholdRange(0.2, 0.4, 0.3, "A programme costs a patient about eight weekly visits.")
    return decision_curve(Y, {"full": RISK}, 12, declared)


RAISED: dict[str, Callable[[], Iterable[Objection]]] = {
    "causes-swapped": lambda: screened(polarity="bad"),
    "discrimination-implausible": lambda: evaluate(TIMES, np.where(EARLY, 0.9, 0.1) + P["fat"] / 100, 12).objections,
    "events-at-one-time": lambda: screened(Surv.right(np.full(M, 6.0), EVENT)),
    "identifier-as-predictor": lambda: screened(number=np.random.default_rng(1).permutation(M)),
    "level-decides-outcome": lambda: screened(
        Surv.right(TIME, EVENT == 1), operated=((TIME > 6) & (P["fat"] > 0.4)).astype(int)
    ),
    "missing-code-as-value": lambda: screened(grade=np.where(np.arange(M) % 20 == 0, -9, np.arange(M) % 5 + 1)),
    "missingness-tells-outcome": lambda: screened(late=P["odi"].where(EVENT == 1)),
    "observed-expected-implausible": lambda: evaluate(TIMES, 0.009 - P["odi"].rank() / 1e5, 12).objections,
    "outcome-values-piled": lambda: screened(Surv.right(np.where(P["fat"] > 0.8, np.median(TIME), TIME), EVENT)),
    "patients-copied": lambda: (
        screen(pd.concat([P, P], ignore_index=True), np.concatenate([TIMES, TIMES]), [6, 12]).objections
    ),
    "predictor-follows-follow-up": lambda: screened(visits=np.floor(TIME / 3) + np.arange(M) % 4),
    "predictor-is-outcome": lambda: screened(recovered=EVENT == 1),
    "predictor-too-strong": lambda: screened(Surv.right(TIME, EVENT == 1), strong=np.log(RECOVERY) + 0.8 * P["fat"]),
    "unit-of-time": lambda: screened(Surv.right(np.ceil(TIME * 30.4), EVENT)),
    "added-is-the-outcome": lambda: shared_constructs(
        "nrs_back", ["age", "odi_1"], measures={"nrs_back": ["odi_1"]}, added=["odi_1"]
    ),
    "band-chosen-on-data": lambda: sequential_policy(Y, RISK, RISK**0.9, 12, 0.3, harm=0.001).objections,
    "batch-confounded-with-outcome": lambda: site_confounding(np.where(STATE == 1, "a", "b"), Y).objections,
    "corrected-for-measurement-error": lambda: RegressionCalibration({"disc": 0.3}).fit(X[["age", "disc"]]).objections_,
    "discs-as-patients": lambda: crossed(X, groups=np.arange(N) // 2).evaluate(clusters=None).objections,
    "events-per-parameter": lambda: sample_size_support(Y[:60], 40, c_statistic=0.7).objections,
    "harmonised-outside-resampling": lambda: (
        crossed(ComBat("site", columns=["disc"]).fit_transform(X.assign(site=SITES))).evaluate().objections
    ),
    "imputed-outside-resampling": lambda: (
        crossed(MultipleImputation(m=2).fit_transform(X[["age", "disc"]].mask(X["disc"] > 4.5), Y)).objections
    ),
    "missing-indicator-as-imaging": lambda: (
        association_test(
            OnColumns(LogisticRisk(), ["age"]), OnColumns(LogisticRisk(), ["age", "mri_missing"]), X, Y
        ).objections
    ),
    "net-reclassification": lambda: reclassification(Y, RISK, RISK**0.9, 12).objections,
    "optimism-of-interpolating-model": lambda: (
        bootstrap_validate(Memory(), X, Y, 12, n_resamples=10, method="optimism").objections
    ),
    "preprocessed-outside-resampling": lambda: (
        internal_external({"full": Logit()}, Standardise().fit_transform(X), Y, SITES, 12).objections
    ),
    "random-split-external": lambda: (
        external_validate({"full": Logit().fit(X, Y)}, X, Y, 12, kind="random_split", description="").objections
    ),
    "reader-reference": lambda: roc(Reference.now(STATE), RISK, standard="readers").objections,
    "risk-falls-with-time": lambda: (
        brier(Surv.right(np.full(N, 20.0), STATE), np.c_[RISK + 0.1, RISK], [6, 12]).objections
    ),
    "risk-looks-inverted": lambda: evaluate(Y, {"full": 1 - RISK}, 12).objections,
    "scanner-confounded-with-patients": lambda: scanner_effect(X["disc"], SITES).objections,
    "state-not-trait": lambda: movement_without_pain(["gait_speed"], ["age", "gait_speed"], {"pain": "nrs_back"}),
    "thresholds-after-data": lambda: verdict_of(
        Claim.is_useful("full", 12, (0.1, 0.15, 0.2)), curve_for_other_thresholds()
    ),
    "values-after-time-zero": lambda: late_value().objections,
    "weak-comparator": lambda: verdict_of(
        Claim.adds_value("full", "clinical", 12), models={"clinical": []}, clinical_minimum=HELD
    ),
}


@dataclass(frozen=True, repr=False)
class Rows(Result):
    """Numbers that support every claim of their tier, with objections."""

    rows: tuple[dict[str, Any], ...]
    objections: tuple[Objection, ...] = ()
    sample: str = "internal"
    extra: tuple[str, ...] = field(default=("reference", "threshold", "p"))

    def to_frame(self) -> pd.DataFrame:
        return metric_frame(self.rows, extra=self.extra)


def _row(metric: str, value: float, low: float, high: float, tier: str = "prognostic", **more: Any) -> dict[str, Any]:
    shared = {"model": "full", "horizon": 12.0, "n": 400, "n_events": 200}
    return {"metric": metric, "value": value, "low": low, "high": high, "tier": tier, **shared, **more}


SLOPE = _row("calibration_slope", 0.97, 0.8, 1.15)
CLAIMS: dict[str, tuple[Claim, tuple[dict[str, Any], ...]]] = {
    "repeats": (
        Claim.repeats("full"),
        tuple(_row(m, 0.9, 0.82, 0.95, "technical", horizon=None) for m in ("icc", "within_sd")),
    ),
    "detects": (Claim.detects("full"), (_row("auc", 0.9, 0.85, 0.95, "diagnostic", horizon=None),)),
    "is_associated": (
        Claim.is_associated("full", "clinical"),
        (_row("likelihood_ratio", 14.0, np.nan, np.nan, reference="clinical", p=0.002),),
    ),
    "predicts": (
        Claim.predicts("full", 12),
        (SLOPE, _row("auc", 0.75, 0.7, 0.8), _row("observed_expected", 1.03, 0.9, 1.18), _row("ipa", 0.15, 0.08, 0.22)),
    ),
    "adds_value": (
        Claim.adds_value("full", "clinical", 12),
        (SLOPE, _row("ipa", 0.04, 0.01, 0.07, reference="clinical")),
    ),
    "is_useful": (
        Claim.is_useful("full", 12, (0.2, 0.3, 0.4)),
        tuple(
            _row("net_benefit", 0.03, 0.01, 0.05, "utility", reference=reference, threshold=threshold)
            for reference in ("", "treat all")
            for threshold in (0.2, 0.3, 0.4)
        ),
    ),
}


def _supports(kind: str, objections: tuple[Objection, ...]) -> Any:
    claim, rows = CLAIMS[kind]
    found = Evidence(models={"clinical": list(HELD.values())}, clinical_minimum=HELD, prespecified=True)
    return found.with_result(Rows(rows, objections), against="readers" if kind == "detects" else "").supports(claim)


def test_every_blocking_code_is_raised_here() -> None:
    assert sorted(RAISED) == sorted(BLOCKING)


@pytest.mark.parametrize("kind", sorted(CLAIMS))
def test_claims_are_supported_without_objections(kind: str) -> None:
    assert _supports(kind, ()).answer == "supported"


@pytest.mark.parametrize("code", sorted(RAISED))
def test_a_public_call_raises_it_and_the_claim_is_blocked(code: str) -> None:
    raised = tuple(doubt for doubt in RAISED[code]() if doubt.code == code)
    assert raised, f"{code} was not raised"
    for kind in CLAIMS:
        verdict = _supports(kind, raised)
        if kind in BLOCKING[code]:
            assert verdict.answer == "not supported"
            assert verdict.blocking == (code,)
        else:
            assert verdict.answer == "supported"


def test_clean_calls_raise_none_of_them() -> None:
    """The same calls done as they should be."""
    plain = crossed(X, groups=np.arange(N) // 2).evaluate()
    fitted_elsewhere = Standardise().fit(X.iloc[:80]).transform(X)
    for found in (plain, crossed(fitted_elsewhere), crossed(X[["age", "disc"]]).evaluate()):
        assert not {doubt.code for doubt in found.objections} & set(BLOCKING)


def test_simulated_data_stay_simulated_on_the_way_in() -> None:
    table = X.assign(site=SITES)  # a column of text is read anew
    table.attrs["synthetic"] = True
    made = Standardise().fit_transform(table)
    assert made.attrs["synthetic"]
    assert ComBat("site", columns=["disc"]).fit(made).transform(made).attrs["synthetic"]
    folds = crossed(made[["age", "disc"]])
    assert folds.synthetic
    assert folds.evaluate().synthetic


def test_marks_travel_with_the_frame_and_name_the_steps() -> None:
    made = ComBat("site", columns=["disc"]).fit_transform(Standardise(["age"]).fit_transform(X.assign(site=SITES)))
    codes = {doubt.code: doubt.sentence for doubt in crossed(made[["age", "disc"]]).objections}
    assert set(codes) >= {"harmonised-outside-resampling", "preprocessed-outside-resampling"}
    assert "ComBat" in codes["harmonised-outside-resampling"]
