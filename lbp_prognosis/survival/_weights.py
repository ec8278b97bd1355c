"""``Weights``: row weights of a declared kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_choice, check_vector, constant_within, labels_of

__all__ = ["Weights", "check_weights", "of_patients"]

_KINDS = ("frequency", "sampling", "attrition")


@dataclass(frozen=True)
class Weights:
    """Row weights of a declared kind.

    Attributes
    ----------
    values : ndarray of shape (n,)
        Non-negative weights.
    kind : {"frequency", "sampling", "attrition"}
        ``frequency``: a row represents that many identical patients (n is the sum; standard errors as for copies).
        ``sampling`` and ``attrition``: inverse probabilities; standard errors treat each row as one patient (robust),
        and the mean weight does not matter.
    row_labels : Index or None
        Labels of the rows, from a Series given as ``values``; they determine the order if other arguments are labelled.
    """

    values: np.ndarray
    kind: str = "sampling"
    row_labels: pd.Index | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, _KINDS)
        object.__setattr__(self, "row_labels", labels_of(self.values))
        values = check_vector("values", self.values, low=0)
        if self.kind == "frequency" and (values != np.floor(values)).any():
            raise argument_error("values", "whole numbers for frequency weights", "fractions")
        if not values.sum() > 0:
            raise argument_error("values", "weights with a positive sum", "only zeros")
        object.__setattr__(self, "values", values)

    def take(self, rows: np.ndarray) -> Weights:
        """Return the weights of the chosen rows, in their order."""
        labels = self.row_labels
        values: Any = self.values[rows]
        if labels is not None:
            values = pd.Series(values, index=labels[rows])
        return Weights(values, self.kind)


def check_weights(sample_weight: Any, n: int) -> Weights | None:
    """Return `Weights` of length ``n``, or None; a bare array is taken as sampling weights."""
    if sample_weight is None:
        return None
    if not isinstance(sample_weight, Weights):
        values = check_vector("sample_weight", sample_weight, low=0)
        if not values.sum() > 0:
            raise argument_error("sample_weight", "weights with a positive sum", "only zeros")
    weights = sample_weight if isinstance(sample_weight, Weights) else Weights(values)
    if weights.values.size != n:
        raise argument_error(
            "sample_weight", f"of length {n}, one weight per row of `y`", f"length {weights.values.size}"
        )
    return weights


def of_patients(weights: Weights | None, patient: np.ndarray, clustered: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of each row of a course in sums over patients, and the factor of its influence.

    A patient of frequency f counts as f patients, each with a separate square in the variance, unless clusters were
    given.
    """
    if weights is None or weights.kind != "frequency":
        return np.ones(patient.size), np.ones(patient.size) if weights is None else weights.values
    apart = not clustered and constant_within(patient, weights.values)
    return weights.values, np.sqrt(weights.values) if apart else weights.values
