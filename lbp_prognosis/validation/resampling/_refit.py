"""Refits of a model on resamples, from numbers of copies if the model supports them, otherwise from rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis.validation.resampling._estimator import fit_on

__all__ = ["Refit"]


@dataclass(frozen=True)
class Refit:
    """Fits an estimator to resampled rows.

    Attributes
    ----------
    estimator : estimator
        Unfitted.
    X, y : DataFrame or ndarray, ndarray
        Development data.
    arguments : mapping
        Row-wise arguments of ``fit``.
    shortcut : callable or None
        From numbers of copies to a fitted model, or None: see `RiskEstimator.resampler`.
    """

    estimator: Any
    X: Any
    y: np.ndarray
    arguments: Mapping[str, Any]
    shortcut: Callable[[np.ndarray], Any] | None

    @classmethod
    def of(cls, estimator: Any, fitted: Any, X: Any, y: np.ndarray, arguments: Mapping[str, Any]) -> Refit:
        """Ask the model fitted to all rows for a shortcut, where weights of it would equal copies."""
        shortcut = None
        if getattr(estimator, "weights_equal_copies", False) and arguments.get("sample_weight") is None:
            given = {key: value for key, value in arguments.items() if key != "sample_weight"}
            shortcut = fitted.resampler(X, y, **given)
        return cls(estimator, X, y, arguments, shortcut)

    def __call__(self, rows: np.ndarray, copies: np.ndarray) -> Any:
        """Return the model of the rows drawn, of which there are ``copies`` (n,)."""
        fitted = None if self.shortcut is None else self.shortcut(copies)
        return fit_on(self.estimator, self.X, self.y, rows, self.arguments) if fitted is None else fitted
