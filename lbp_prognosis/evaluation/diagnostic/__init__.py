"""Diagnostic accuracy: agreement of a test with a reference standard at the same time."""

from lbp_prognosis.evaluation.diagnostic._accuracy import Accuracy, accuracy
from lbp_prognosis.evaluation.diagnostic._imperfect_reference import imperfect_reference
from lbp_prognosis.evaluation.diagnostic._reader_study import ReaderStudy, reader_study
from lbp_prognosis.evaluation.diagnostic._roc import Roc, roc
from lbp_prognosis.evaluation.diagnostic._verification_bias import begg_greenes

__all__ = [
    "Accuracy",
    "ReaderStudy",
    "Roc",
    "accuracy",
    "begg_greenes",
    "imperfect_reference",
    "reader_study",
    "roc",
]
