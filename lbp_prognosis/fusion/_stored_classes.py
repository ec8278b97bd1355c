"""``stored_classes``: the closed list of classes of this room in model files."""

from __future__ import annotations

from lbp_prognosis._kernels import ColumnModel, CombatFit
from lbp_prognosis.fusion._batch_columns import CovariateDesign
from lbp_prognosis.fusion._combat import ComBat
from lbp_prognosis.fusion._covbat import CovBat
from lbp_prognosis.fusion._deployment_imputer import DeploymentImputer
from lbp_prognosis.fusion._encoding import Encoding
from lbp_prognosis.fusion._formula_terms import FormulaTerms
from lbp_prognosis.fusion._multiple_imputation import MultipleImputation
from lbp_prognosis.fusion._one_hot import OneHot
from lbp_prognosis.fusion._pattern_submodels import PatternSubmodels
from lbp_prognosis.fusion._pipeline_predictions import Branch
from lbp_prognosis.fusion._regression_calibration import RegressionCalibration
from lbp_prognosis.fusion._repeatable_columns import RepeatableColumns
from lbp_prognosis.fusion._restricted_cubic_spline import RestrictedCubicSpline
from lbp_prognosis.fusion._risk_pipeline import RiskPipeline
from lbp_prognosis.fusion._standardise import Standardise

__all__ = ["stored_classes"]


def stored_classes() -> dict[str, type]:
    """Return the classes by the name written in a file: estimators, steps and their parts."""
    return {
        kind.__name__: kind
        for kind in (
            Branch,
            ColumnModel,
            ComBat,
            CombatFit,
            CovBat,
            CovariateDesign,
            DeploymentImputer,
            Encoding,
            FormulaTerms,
            MultipleImputation,
            OneHot,
            PatternSubmodels,
            RegressionCalibration,
            RepeatableColumns,
            RestrictedCubicSpline,
            RiskPipeline,
            Standardise,
        )
    }
