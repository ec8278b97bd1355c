"""Clones and refits: what a model is worth on patients it has not seen."""

from lbp_prognosis.validation._meta_analysis import MetaAnalysis, meta_analysis

__all__ = [
    "MetaAnalysis",
    "meta_analysis",
]
