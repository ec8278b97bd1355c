"""Expected performance of models in patients that they have not seen."""

from lbp_prognosis.validation.comparison._added_value import added_value
from lbp_prognosis.validation.comparison._added_value_result import AddedValue
from lbp_prognosis.validation.comparison._anova import Anova, anova
from lbp_prognosis.validation.comparison._association_test import AssociationTest, association_test
from lbp_prognosis.validation.comparison._contrast import Contrast, contrast
from lbp_prognosis.validation.comparison._likelihood_ratio import LikelihoodRatio, likelihood_ratio
from lbp_prognosis.validation.comparison._marginal_predictions import MarginalPredictions, marginal_predictions
from lbp_prognosis.validation.comparison._on_columns import OnColumns
from lbp_prognosis.validation.comparison._reclassification import Reclassification, reclassification
from lbp_prognosis.validation.comparison._trial_effect import TrialEffect, trial_effect
from lbp_prognosis.validation.planning._sample_size import SampleSize
from lbp_prognosis.validation.planning._sample_size_development import r2_cox_snell_from_c, sample_size_development
from lbp_prognosis.validation.planning._sample_size_support import SampleSizeSupport, sample_size_support
from lbp_prognosis.validation.planning._sample_size_trial import sample_size_trial
from lbp_prognosis.validation.planning._sample_size_validation import sample_size_validation
from lbp_prognosis.validation.pooling._meta_analysis import MetaAnalysis, meta_analysis
from lbp_prognosis.validation.pooling._multiply_imputed import MultiplyImputed
from lbp_prognosis.validation.pooling._pool_performance import PooledPerformance, pool_performance
from lbp_prognosis.validation.pooling._probability_useful import ProbabilityUseful, probability_useful
from lbp_prognosis.validation.resampling._bootstrap_validate import bootstrap_validate
from lbp_prognosis.validation.resampling._bootstrap_validation import BootstrapValidation
from lbp_prognosis.validation.resampling._calibration_instability import CalibrationInstability
from lbp_prognosis.validation.resampling._cross_validate import CrossValidation, cross_validate_risk
from lbp_prognosis.validation.resampling._instability import Instability
from lbp_prognosis.validation.resampling._internal_external import InternalExternal, internal_external
from lbp_prognosis.validation.resampling._risk_scorer import RiskScorer, risk_scorer
from lbp_prognosis.validation.resampling._score_optimism import ScoreOptimism
from lbp_prognosis.validation.resampling._score_resampling import cross_validate_scores, score_optimism
from lbp_prognosis.validation.resampling._validate_groups import GroupValidation, validate_groups
from lbp_prognosis.validation.screening._screen import screen
from lbp_prognosis.validation.screening._screening import Finding, Screening
from lbp_prognosis.validation.sensitivity._attrition import (
    AttritionWeights,
    DeltaSensitivity,
    attrition_weights,
    delta_sensitivity,
)
from lbp_prognosis.validation.sensitivity._censoring_sensitivity import CensoringSensitivity, censoring_sensitivity
from lbp_prognosis.validation.sensitivity._contrast_strategies import StrategyContrast, contrast_strategies
from lbp_prognosis.validation.sensitivity._e_value import EValue, e_value
from lbp_prognosis.validation.sensitivity._fairness import Fairness, fairness
from lbp_prognosis.validation.sensitivity._imputed_outcomes import ImputedOutcomes, impute_outcomes
from lbp_prognosis.validation.sensitivity._subgroup_performance import SubgroupPerformance, subgroup_performance
from lbp_prognosis.validation.sensitivity._treatment_strategy import NeverStart, StartBy, StartWhen
from lbp_prognosis.validation.sensitivity._under_strategy import UnderStrategy, under_strategy
from lbp_prognosis.validation.sensitivity._without_treatment import WithoutTreatment, without_treatment
from lbp_prognosis.validation.transport._case_mix import CaseMix, case_mix
from lbp_prognosis.validation.transport._dynamic_performance import DynamicPerformance, dynamic_performance
from lbp_prognosis.validation.transport._external_validate import ExternalValidation, external_validate
from lbp_prognosis.validation.transport._model_based_concordance import model_based_concordance
from lbp_prognosis.validation.transport._update_model import ModelUpdate, update_model
from lbp_prognosis.validation.transport._updated_model import UpdatedModel

__all__ = [
    "AddedValue",
    "Anova",
    "AssociationTest",
    "AttritionWeights",
    "BootstrapValidation",
    "CalibrationInstability",
    "CaseMix",
    "CensoringSensitivity",
    "Contrast",
    "CrossValidation",
    "DeltaSensitivity",
    "DynamicPerformance",
    "EValue",
    "ExternalValidation",
    "Fairness",
    "Finding",
    "GroupValidation",
    "ImputedOutcomes",
    "Instability",
    "InternalExternal",
    "LikelihoodRatio",
    "MarginalPredictions",
    "MetaAnalysis",
    "ModelUpdate",
    "MultiplyImputed",
    "NeverStart",
    "OnColumns",
    "PooledPerformance",
    "ProbabilityUseful",
    "Reclassification",
    "RiskScorer",
    "SampleSize",
    "SampleSizeSupport",
    "ScoreOptimism",
    "Screening",
    "StartBy",
    "StartWhen",
    "StrategyContrast",
    "SubgroupPerformance",
    "TrialEffect",
    "UnderStrategy",
    "UpdatedModel",
    "WithoutTreatment",
    "added_value",
    "anova",
    "association_test",
    "attrition_weights",
    "bootstrap_validate",
    "case_mix",
    "censoring_sensitivity",
    "contrast",
    "contrast_strategies",
    "cross_validate_risk",
    "cross_validate_scores",
    "delta_sensitivity",
    "dynamic_performance",
    "e_value",
    "external_validate",
    "fairness",
    "impute_outcomes",
    "internal_external",
    "likelihood_ratio",
    "marginal_predictions",
    "meta_analysis",
    "model_based_concordance",
    "pool_performance",
    "probability_useful",
    "r2_cox_snell_from_c",
    "reclassification",
    "risk_scorer",
    "sample_size_development",
    "sample_size_support",
    "sample_size_trial",
    "sample_size_validation",
    "score_optimism",
    "screen",
    "subgroup_performance",
    "trial_effect",
    "under_strategy",
    "update_model",
    "validate_groups",
    "without_treatment",
]
