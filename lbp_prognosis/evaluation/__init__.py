"""(y, risk) to results, tier by tier."""

from lbp_prognosis.evaluation import diagnostic, prognostic, technical, utility
from lbp_prognosis.evaluation._registry import METRICS, Metric, metric
from lbp_prognosis.evaluation.prognostic import (
    BrierResult,
    ConcordanceResult,
    RoystonD,
    brier,
    concordance,
    integrated_brier,
    ipa,
    log_score,
    nagelkerke_r2,
    royston_d,
    time_dependent_auc,
)
from lbp_prognosis.evaluation.utility import (
    DecisionCurve,
    FindingCeiling,
    NetBenefitDifference,
    ThresholdRange,
    decision_curve,
    finding_to_outcome_ceiling,
)

__all__ = [
    "METRICS",
    "BrierResult",
    "ConcordanceResult",
    "DecisionCurve",
    "FindingCeiling",
    "Metric",
    "NetBenefitDifference",
    "RoystonD",
    "ThresholdRange",
    "brier",
    "concordance",
    "decision_curve",
    "diagnostic",
    "finding_to_outcome_ceiling",
    "integrated_brier",
    "ipa",
    "log_score",
    "metric",
    "nagelkerke_r2",
    "prognostic",
    "royston_d",
    "technical",
    "time_dependent_auc",
    "utility",
]
