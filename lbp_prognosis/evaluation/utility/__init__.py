"""Would decisions be better with it, under stated harms?"""

from lbp_prognosis.evaluation.utility._decision_curve import decision_curve
from lbp_prognosis.evaluation.utility._decision_curve_result import DecisionCurve
from lbp_prognosis.evaluation.utility._finding_to_outcome_ceiling import FindingCeiling, finding_to_outcome_ceiling
from lbp_prognosis.evaluation.utility._net_benefit_difference import NetBenefitDifference
from lbp_prognosis.evaluation.utility._threshold_range import ThresholdRange

__all__ = [
    "DecisionCurve",
    "FindingCeiling",
    "NetBenefitDifference",
    "ThresholdRange",
    "decision_curve",
    "finding_to_outcome_ceiling",
]
