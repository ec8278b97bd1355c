"""``Standardise``: scaling by the mean and standard deviation of the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import mark_prepared, numbers_in, takes_rows
from lbp_prognosis.fusion._frame import chosen_columns, match_columns, training_frame

__all__ = ["Standardise"]


class Standardise(TransformerMixin, BaseEstimator):
    """Centre and scale the named columns; all others pass unchanged.

    Parameters
    ----------
    columns : sequence of str, optional
        Columns; by default all numeric ones.

    Attributes
    ----------
    scaler_ : sklearn.preprocessing.StandardScaler
        Scaler fitted on the training rows (divisor n; missing values are ignored).
    """

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        self.columns = columns

    @takes_rows()
    def fit(self, X: Any, y: Any = None) -> Standardise:
        """Estimate means and standard deviations; ``y`` is not used."""
        frame = training_frame(X)
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self.columns_ = chosen_columns(frame, self.columns, numeric=True)
        self.scaler_ = StandardScaler().fit(numbers_in(frame, self.columns_)) if self.columns_ else None
        return self

    @takes_rows()
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> pd.DataFrame:
        """Fit, and return these rows transformed; their frame records that the step was fitted on all of them.

        Resampling such a frame brings the objection ``preprocessed-outside-resampling``. A step of a `RiskPipeline` is
        fitted to the training rows only.
        """
        made = self.fit(X, y, **fit_params).transform(X)
        return mark_prepared(made, "preprocessed-outside-resampling", type(self).__name__, X)

    @takes_rows()
    def transform(self, X: Any) -> pd.DataFrame:
        """Return the frame with the columns scaled."""
        check_is_fitted(self)
        frame = match_columns(X, self.feature_names_in_)
        if self.scaler_ is None or frame.empty:
            return frame
        scaled = self.scaler_.transform(numbers_in(frame, self.columns_))
        if list(frame.columns) == self.columns_:
            return pd.DataFrame(scaled, index=frame.index, columns=frame.columns)
        return frame.assign(**{column: scaled[:, k] for k, column in enumerate(self.columns_)})

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns."""
        check_is_fitted(self)
        return self.feature_names_in_.copy()
