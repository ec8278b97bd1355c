"""Joining of many tables into one X, inside the training fold."""

from lbp_prognosis._base import LevelMap
from lbp_prognosis.fusion._acquisition import pooled_errors, with_acquisition
from lbp_prognosis.fusion._combat import ComBat
from lbp_prognosis.fusion._conversion import Conversion, convert_methods
from lbp_prognosis.fusion._covbat import CovBat
from lbp_prognosis.fusion._formula_terms import FormulaTerms
from lbp_prognosis.fusion._from_formula import TermsAndModel, from_formula, terms_and_model
from lbp_prognosis.fusion._level_norms import level_norms, norms_of
from lbp_prognosis.fusion._multiple_imputation import MultipleImputation
from lbp_prognosis.fusion._one_hot import OneHot
from lbp_prognosis.fusion._one_row_per_patient import WidePredictors, one_row_a_patient, one_row_per_patient
from lbp_prognosis.fusion._pattern_submodels import PatternSubmodels
from lbp_prognosis.fusion._pipeline_predictions import RiskBand
from lbp_prognosis.fusion._pool_coefficients import PooledCoefficients, pool_coefficients
from lbp_prognosis.fusion._pool_levels import PooledLevels, pool_levels
from lbp_prognosis.fusion._pool_likelihood_ratio import pool_likelihood_ratio
from lbp_prognosis.fusion._regression_calibration import RegressionCalibration
from lbp_prognosis.fusion._repeatable_columns import RepeatableColumns
from lbp_prognosis.fusion._restricted_cubic_spline import RestrictedCubicSpline
from lbp_prognosis.fusion._risk_pipeline import RiskPipeline
from lbp_prognosis.fusion._site_confounding import SiteConfounding, site_confounding
from lbp_prognosis.fusion._standardise import Standardise
from lbp_prognosis.fusion._stored_classes import stored_classes

__all__ = [
    "ComBat",
    "Conversion",
    "CovBat",
    "FormulaTerms",
    "LevelMap",
    "MultipleImputation",
    "OneHot",
    "PatternSubmodels",
    "PooledCoefficients",
    "PooledLevels",
    "RegressionCalibration",
    "RepeatableColumns",
    "RestrictedCubicSpline",
    "RiskBand",
    "RiskPipeline",
    "SiteConfounding",
    "Standardise",
    "TermsAndModel",
    "WidePredictors",
    "convert_methods",
    "from_formula",
    "level_norms",
    "norms_of",
    "one_row_a_patient",
    "one_row_per_patient",
    "pool_coefficients",
    "pool_levels",
    "pool_likelihood_ratio",
    "pooled_errors",
    "site_confounding",
    "stored_classes",
    "terms_and_model",
    "with_acquisition",
]
