"""Completions that an imputing step passes to the pipeline at prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

__all__ = ["Completions", "MultipleStep", "Score"]

Score = Callable[[pd.DataFrame, np.ndarray], np.ndarray]
"""Linear predictor of completed rows; the second argument is the index of the table row of each."""


@dataclass(frozen=True)
class Completions:
    """Completed copies of rows, stacked.

    Attributes
    ----------
    frame : pandas.DataFrame
        Completed rows, several per patient if values were missing.
    row : ndarray of int
        Index of the row in the original table.
    weight : ndarray
        Weight of the copy; the weights of an original row sum to one.
    exact : ndarray of bool, one an original row
        Whether the copies are quadrature nodes along the linear predictor (and not draws).
    """

    frame: pd.DataFrame
    row: np.ndarray
    weight: np.ndarray
    exact: np.ndarray


@runtime_checkable
class MultipleStep(Protocol):
    """A step that turns the training rows into several completed tables."""

    def complete_training(self, X: pd.DataFrame, y: Any) -> list[pd.DataFrame]:
        """Fit, with the outcome, and return the completed training tables."""
        ...

    def completions(self, X: pd.DataFrame, score: Score | None = None, nodes: np.ndarray | None = None) -> Completions:
        """Complete new rows without any outcome."""
        ...

    def completer(self, X: pd.DataFrame) -> Callable[..., Completions]:
        """Return the ``completions`` of these rows as a function of ``score`` and ``nodes``."""
        ...
