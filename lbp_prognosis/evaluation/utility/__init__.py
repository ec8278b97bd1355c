"""Would decisions be better with it, under stated harms?"""

from lbp_prognosis.evaluation.utility._decision_curve import decision_curve
from lbp_prognosis.evaluation.utility._decision_curve_result import DecisionCurve
from lbp_prognosis.evaluation.utility._development_value import DevelopmentValue, development_value
from lbp_prognosis.evaluation.utility._finding_to_outcome_ceiling import FindingCeiling, finding_to_outcome_ceiling
from lbp_prognosis.evaluation.utility._imaging_value import expected_value_of_imaging, imaging_band, imaging_spread
from lbp_prognosis.evaluation.utility._net_benefit_difference import NetBenefitDifference
from lbp_prognosis.evaluation.utility._sequential_policy import SequentialPolicy, sequential_policy
from lbp_prognosis.evaluation.utility._test_tradeoff import TestTradeoff, test_tradeoff
from lbp_prognosis.evaluation.utility._threshold_range import ThresholdRange
from lbp_prognosis.evaluation.utility._value_of_information import ValueOfInformation, value_of_information

__all__ = [
    "DecisionCurve",
    "DevelopmentValue",
    "FindingCeiling",
    "NetBenefitDifference",
    "SequentialPolicy",
    "TestTradeoff",
    "ThresholdRange",
    "ValueOfInformation",
    "decision_curve",
    "development_value",
    "expected_value_of_imaging",
    "finding_to_outcome_ceiling",
    "imaging_band",
    "imaging_spread",
    "sequential_policy",
    "test_tradeoff",
    "value_of_information",
]
