"""Studies: a protocol fixed before the data, and its analysis from data to evidence page."""

from lbp_prognosis.study._analysis_plan import AnalysisPlan, analysis_plan
from lbp_prognosis.study._check_before_work import check_before_work
from lbp_prognosis.study._data_plan import DataPlan
from lbp_prognosis.study._deviations import Deviations, deviations
from lbp_prognosis.study._diagnostic_plan import DiagnosticPlan
from lbp_prognosis.study._evaluate_table import evaluate_table
from lbp_prognosis.study._fit_disc_grade import DiscGradeFit, fit_disc_grade
from lbp_prognosis.study._fit_study import fit_study
from lbp_prognosis.study._model_plan import ModelPlan
from lbp_prognosis.study._packet_of_study import packet_of_study
from lbp_prognosis.study._packet_of_table import packet_of_table
from lbp_prognosis.study._read_study_data import read_study_data
from lbp_prognosis.study._run_study import run_study
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._study_result import StudyResult
from lbp_prognosis.study._technical_plan import TechnicalPlan
from lbp_prognosis.study._validation_plan import ValidationPlan

__all__ = [
    "AnalysisPlan",
    "DataPlan",
    "Deviations",
    "DiagnosticPlan",
    "DiscGradeFit",
    "ModelPlan",
    "Study",
    "StudyData",
    "StudyResult",
    "TechnicalPlan",
    "ValidationPlan",
    "analysis_plan",
    "check_before_work",
    "deviations",
    "evaluate_table",
    "fit_disc_grade",
    "fit_study",
    "packet_of_study",
    "packet_of_table",
    "read_study_data",
    "run_study",
]
