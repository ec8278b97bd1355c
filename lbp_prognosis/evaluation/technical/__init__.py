"""Technical quality: repeatability, agreement, overlap and scanner effects of measurements."""

from lbp_prognosis.evaluation.technical._agreement import Agreement, agreement
from lbp_prognosis.evaluation.technical._concordance_correlation import ConcordanceCorrelation, concordance_correlation
from lbp_prognosis.evaluation.technical._icc import ICC, icc
from lbp_prognosis.evaluation.technical._overlap import Overlap, overlap
from lbp_prognosis.evaluation.technical._reliability_filter import reliability_filter
from lbp_prognosis.evaluation.technical._repeatability import Repeatability, repeatability
from lbp_prognosis.evaluation.technical._scanner_effect import ScannerEffect, scanner_effect
from lbp_prognosis.evaluation.technical._weighted_kappa import Kappa, weighted_kappa

__all__ = [
    "ICC",
    "Agreement",
    "ConcordanceCorrelation",
    "Kappa",
    "Overlap",
    "Repeatability",
    "ScannerEffect",
    "agreement",
    "concordance_correlation",
    "icc",
    "overlap",
    "reliability_filter",
    "repeatability",
    "scanner_effect",
    "weighted_kappa",
]
