"""Input checks of the diagnostic functions: reference standard, test result and clusters."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import Objection, argument_error, check_choice, check_clusters, check_vector, objection
from lbp_prognosis.survival import check_outcome

__all__ = ["READERS", "check_positive", "check_reference", "check_standard"]

_INSTEAD = "An outcome later is judged by the prognostic functions: concordance, time_dependent_auc, calibration."

READERS = objection("reader-reference")


def check_reference(y: Any, clusters: Any, *, caller: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the reference as booleans and the clusters as codes."""
    check_outcome(y, ("reference",), caller=caller, instead=_INSTEAD)
    truth = y["reference"] == 1
    if truth.all() or not truth.any():
        state = "positive" if truth.all() else "negative"
        raise argument_error("y", "a reference with positives and negatives", f"only {state} ones")
    return truth, check_clusters("clusters", clusters, n=truth.size)


def check_positive(positive: Any, n: int) -> np.ndarray:
    """Return a test result as booleans, and refuse a score without a threshold."""
    values = check_vector("positive", np.asarray(positive, dtype=float), n=n)
    if not set(np.unique(values).tolist()) <= {0.0, 1.0}:
        raise argument_error(
            "positive",
            "a test result, 0 or 1 (or booleans)",
            "other values",
            "Name the threshold: accuracy(y, score >= 4). For a score as it is, use roc(y, score).",
        )
    return values == 1


def check_standard(standard: str) -> tuple[Objection, ...]:
    """Return the objection to a reference standard that consists of readers' grades."""
    check_choice("standard", standard, ("reference", "readers"))
    return (READERS,) if standard == "readers" else ()
