"""Clones and refits: what a model is worth on patients it has not seen."""

from lbp_prognosis.validation._meta_analysis import MetaAnalysis, meta_analysis
from lbp_prognosis.validation._sample_size import SampleSize
from lbp_prognosis.validation._sample_size_development import r2_cox_snell_from_c, sample_size_development
from lbp_prognosis.validation._sample_size_validation import sample_size_validation

__all__ = [
    "MetaAnalysis",
    "SampleSize",
    "meta_analysis",
    "r2_cox_snell_from_c",
    "sample_size_development",
    "sample_size_validation",
]
