"""Explanations of the predictions of any risk model."""

from lbp_prognosis.explain._feature_effect import FeatureEffect, feature_effect
from lbp_prognosis.explain._observational_shap import observational_shap
from lbp_prognosis.explain._prediction_shapley import prediction_shapley
from lbp_prognosis.explain._shap_averages import ShapAverages
from lbp_prognosis.explain._shap_interactions import ShapInteractions, shap_interactions
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._shap_stability import ShapStability, shap_stability
from lbp_prognosis.explain._shap_values import shap_values
from lbp_prognosis.explain._survival_shap import survival_shap
from lbp_prognosis.explain._tree_shap import tree_shap

__all__ = [
    "FeatureEffect",
    "ShapAverages",
    "ShapInteractions",
    "ShapResult",
    "ShapStability",
    "feature_effect",
    "observational_shap",
    "prediction_shapley",
    "shap_interactions",
    "shap_stability",
    "shap_values",
    "survival_shap",
    "tree_shap",
]
