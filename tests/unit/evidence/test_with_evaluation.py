"""The rules read the frames that evaluation writes: where imaging adds, and where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv

MINIMUM = {
    "pain": "nrs_back",
    "disability": "odi",
    "duration": "log_duration",
    "leg_pain": "leg_pain",
    "expectation": "expectation",
    "distress": "phq9",
    "previous_episodes": "log_previous",
    "age": "age",
    "sex": "female",
}


def _study(effect: float, columns: tuple[str, ...] | None = None) -> Evidence:
    def drawn(seed: int):
        cohort = simulate_cohort(900, seed, imaging="all", attrition=0.1, surgery=0, imaging_effect=effect, site_sd=0)
        X, y, modalities = cohort.wide()
        return X, Surv.right(y["time"], y["event"] == 1), modalities

    (X, y, modalities), (new, y_new, _) = drawn(1), drawn(2)
    clinical = columns or (*modalities["clinical"], *modalities["patient_reported"])
    full = (*clinical, *modalities["imaging"])
    risks = {
        name: RiskPipeline([Standardise()], CoxPH(penalty=1.0)).fit(X[list(use)], y).predict_risk(new[list(use)], 12)
        for name, use in (("clinical", clinical), ("full", full))
    }
    found = evaluate(y_new, risks, 12, np.array([0.3, 0.4, 0.5]), target="no_event", n_resamples=20)
    evidence = Evidence(models={"clinical": clinical, "full": full}, clinical_minimum=MINIMUM, prespecified=True)
    return evidence.with_result(found, sample="external", setting="geographic")


@pytest.fixture(scope="module")
def strong() -> Evidence:
    return _study(4.0)


def test_a_strong_effect_is_seen(strong: Evidence) -> None:
    assert strong.supports(Claim.predicts("full", 12, "validated"))
    verdict = strong.supports(Claim.adds_value("full", "clinical", 12))
    assert verdict
    # a gain is above zero also in a score of which less is better
    gain = next(check for check in verdict.checks if "gain in every proper score of the event" in check.name)
    assert 0 < gain.low < gain.value < gain.high
    assert strong.supports(Claim.is_useful("full", 12, (0.3, 0.4, 0.5)))
    assert strong.supports(Claim.detects("full")).answer == "not assessed"


def test_no_effect_is_not_claimed() -> None:
    verdict = _study(0.0).supports(Claim.adds_value("full", "clinical", 12))
    assert verdict.answer == "not supported"
    assert "(not in: " in next(check for check in verdict.checks if "proper score" in check.name).name


def test_trap_age_and_sex_as_the_comparator() -> None:
    verdict = _study(4.0, ("age", "female")).supports(Claim.adds_value("full", "clinical", 12))
    assert verdict.answer == "not supported"
    assert "disability" in verdict.sentence
