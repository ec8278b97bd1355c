"""Does it say what will happen?"""

from lbp_prognosis.evaluation.prognostic._brier import BrierResult, brier, ipa
from lbp_prognosis.evaluation.prognostic._calibration import calibration
from lbp_prognosis.evaluation.prognostic._calibration_curve import CalibrationCurve
from lbp_prognosis.evaluation.prognostic._calibration_result import Calibration
from lbp_prognosis.evaluation.prognostic._calibration_test import CalibrationTest
from lbp_prognosis.evaluation.prognostic._concordance import ConcordanceResult, concordance
from lbp_prognosis.evaluation.prognostic._integrated_brier import IntegratedBrier, integrated_brier
from lbp_prognosis.evaluation.prognostic._log_score import log_score
from lbp_prognosis.evaluation.prognostic._nagelkerke_r2 import nagelkerke_r2
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._risk_groups import RiskGroups, risk_groups
from lbp_prognosis.evaluation.prognostic._royston_d import RoystonD, royston_d
from lbp_prognosis.evaluation.prognostic._time_dependent_auc import time_dependent_auc

__all__ = [
    "BrierResult",
    "Calibration",
    "CalibrationCurve",
    "CalibrationTest",
    "ConcordanceResult",
    "IntegratedBrier",
    "OverHorizons",
    "RiskGroups",
    "RoystonD",
    "brier",
    "calibration",
    "concordance",
    "integrated_brier",
    "ipa",
    "log_score",
    "nagelkerke_r2",
    "risk_groups",
    "royston_d",
    "time_dependent_auc",
]
