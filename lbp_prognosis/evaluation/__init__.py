"""(y, risk) to results, tier by tier."""

from lbp_prognosis.evaluation import diagnostic, prognostic, technical, utility
from lbp_prognosis.evaluation.utility import (
    DecisionCurve,
    FindingCeiling,
    NetBenefitDifference,
    ThresholdRange,
    decision_curve,
    finding_to_outcome_ceiling,
)

__all__ = [
    "DecisionCurve",
    "FindingCeiling",
    "NetBenefitDifference",
    "ThresholdRange",
    "decision_curve",
    "diagnostic",
    "finding_to_outcome_ceiling",
    "prognostic",
    "technical",
    "utility",
]
