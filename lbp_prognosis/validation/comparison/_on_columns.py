"""``OnColumns``: a model restricted to some of the columns."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metaestimators import available_if

from lbp_prognosis._base import (
    Objection,
    argument_error,
    linear_predictor_of,
    linear_predictor_scale,
    takes_rows,
)

__all__ = ["OnColumns", "restricted"]


def _has_score(estimator: OnColumns) -> bool:
    return hasattr(getattr(estimator, "model_", estimator.model), "linear_predictor")


def restricted(model: Any, absent: Set[Any]) -> Any:
    """Return a clone of a model whose steps name none of the columns that it is not given, if it can do so."""
    made = clone(model)
    return made.without_columns(absent) if absent and hasattr(made, "without_columns") else made


class OnColumns(BaseEstimator):
    """A model that uses only the named columns of ``X``.

    Parameters
    ----------
    model : estimator
        Unfitted, with ``fit`` and ``predict_risk``.
    columns : sequence of str
        Columns to use.
    """

    def __init__(self, model: Any, columns: Sequence[str]) -> None:
        self.model = model
        self.columns = columns

    @property
    def interpolates(self) -> bool:
        """Whether the model inside can reproduce its training data."""
        inner = getattr(self.model, "model", None)
        return bool(getattr(self.model, "interpolates", False) or getattr(inner, "interpolates", False))

    @takes_rows()
    def fit(self, X: Any, y: np.ndarray, **parameters: Any) -> OnColumns:
        """Fit on the columns."""
        cut = self._cut(X)
        self.model_ = restricted(self.model, set(X.columns) - set(cut.columns)).fit(cut, y, **parameters)
        return self

    @takes_rows()
    def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
        """Return risks of shape (n, n_horizons)."""
        return self.model_.predict_risk(self._cut(X), horizons, cause=cause)

    @available_if(_has_score)
    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1) -> np.ndarray:
        """Return the linear predictor."""
        return linear_predictor_of(self.model_, self._cut(X), cause)

    @property
    def linear_predictor_scale(self) -> str | None:
        """Scale of the linear predictor, as the model inside states it."""
        return linear_predictor_scale(getattr(self, "model_", self.model))

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections of the model inside; that a modality is left out is the purpose here."""
        return tuple(o for o in getattr(self.model_, "objections_", ()) if o.code != "modality-left-out")

    @property
    def causes_(self) -> np.ndarray:
        """Event codes that occurred in the training data, where the model inside knows them."""
        found: np.ndarray = self.model_.causes_
        return found

    @property
    def max_time_(self) -> float:
        """Longest follow-up of the training data, where the model inside knows it."""
        return float(self.model_.max_time_)

    def _cut(self, X: Any) -> Any:
        # by position: several times faster than by label, and called thousands of times
        place = X.columns.get_indexer(list(self.columns))
        if (place < 0).any():
            missing = self.columns[int(np.argmin(place))]
            raise argument_error("X", "a frame with all columns of the modalities", f"no column {missing!r}")
        return X.take(place, axis=1)
