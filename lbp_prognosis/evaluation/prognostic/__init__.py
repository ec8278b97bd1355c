"""Prognostic value: discrimination, calibration and overall performance of predicted risks and scores."""

from lbp_prognosis.evaluation.prognostic._brier import BrierResult, brier, ipa
from lbp_prognosis.evaluation.prognostic._calibration import calibration
from lbp_prognosis.evaluation.prognostic._calibration_curve import CalibrationCurve
from lbp_prognosis.evaluation.prognostic._calibration_result import Calibration
from lbp_prognosis.evaluation.prognostic._calibration_test import CalibrationTest
from lbp_prognosis.evaluation.prognostic._concordance import ConcordanceResult, concordance
from lbp_prognosis.evaluation.prognostic._crps import crps
from lbp_prognosis.evaluation.prognostic._integrated_brier import IntegratedBrier, integrated_brier
from lbp_prognosis.evaluation.prognostic._judged_rows import JudgedRows
from lbp_prognosis.evaluation.prognostic._log_score import log_score
from lbp_prognosis.evaluation.prognostic._mean_absolute_error import mean_absolute_error
from lbp_prognosis.evaluation.prognostic._mean_calibration import MeanCalibration, mean_calibration
from lbp_prognosis.evaluation.prognostic._nagelkerke_r2 import nagelkerke_r2
from lbp_prognosis.evaluation.prognostic._ordinal_concordance import OrdinalConcordance, ordinal_concordance
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._pit import Pit, pit
from lbp_prognosis.evaluation.prognostic._risk_groups import RiskGroups, risk_groups
from lbp_prognosis.evaluation.prognostic._royston_d import RoystonD, royston_d
from lbp_prognosis.evaluation.prognostic._score_r2 import score_r2
from lbp_prognosis.evaluation.prognostic._score_tenths import score_tenths
from lbp_prognosis.evaluation.prognostic._time_dependent_auc import time_dependent_auc

__all__ = [
    "BrierResult",
    "Calibration",
    "CalibrationCurve",
    "CalibrationTest",
    "ConcordanceResult",
    "IntegratedBrier",
    "JudgedRows",
    "MeanCalibration",
    "OrdinalConcordance",
    "OverHorizons",
    "Pit",
    "RiskGroups",
    "RoystonD",
    "brier",
    "calibration",
    "concordance",
    "crps",
    "integrated_brier",
    "ipa",
    "log_score",
    "mean_absolute_error",
    "mean_calibration",
    "nagelkerke_r2",
    "ordinal_concordance",
    "pit",
    "risk_groups",
    "royston_d",
    "score_r2",
    "score_tenths",
    "time_dependent_auc",
]
