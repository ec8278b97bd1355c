"""``OneHot``: indicators of nominal columns, against a reference category."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    argument_error,
    categories_of,
    check_choice,
    column_kind,
    plain_label,
    refused_kind,
    takes_rows,
)
from lbp_prognosis.fusion._frame import chosen_columns, match_columns, refuse_strange, training_frame

__all__ = ["OneHot"]


class OneHot(TransformerMixin, BaseEstimator):
    """Replace nominal columns by one indicator per category other than the first.

    Parameters
    ----------
    columns : sequence of str, optional
        Columns; by default all non-numeric columns. Numeric codes (Modic type) are nominal too and must be named.
    unknown : {"error", "reference"}, default "error"
        A category absent from the training rows is refused, or counts as the reference category.

    Attributes
    ----------
    categories_ : dict of str to list
        Categories of a column in the training rows; the first is the reference.

    Notes
    -----
    A missing value gives missing indicators. Impute before encoding, or the indicators are imputed separately.
    """

    def __init__(self, columns: Sequence[str] | None = None, *, unknown: str = "error") -> None:
        self.columns = columns
        self.unknown = unknown

    @property
    def nominal_columns(self) -> tuple[str, ...]:
        """Columns declared nominal: a preceding imputation treats their codes as categories."""
        return tuple(self.columns or ())

    @takes_rows()
    def fit(self, X: Any, y: Any = None) -> OneHot:
        """Record the categories; ``y`` is not used."""
        check_choice("unknown", self.unknown, ("error", "reference"))
        frame = training_frame(X)
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self.columns_ = chosen_columns(frame, self.columns, numeric=False)
        self.categories_ = {}
        for column in self.columns_:
            kind = column_kind(frame[column])
            if kind in ("date", "duration", "complex", "mixed"):
                raise refused_kind("X", kind, "numbers and categories", column=column)
            self.categories_[column] = categories_of(frame[column])
        return self

    @takes_rows()
    def transform(self, X: Any) -> pd.DataFrame:
        """Return the frame with indicators ``column=category`` in place of the columns."""
        check_is_fitted(self)
        frame = match_columns(X, self.feature_names_in_)
        parts: dict[Hashable, Any] = {}
        for column, values in frame.items():
            refuse_strange(values, identifiers=False)
            if column not in self.categories_:
                parts[column] = values
                continue
            known = self.categories_[str(column)]
            missing = values.isna().to_numpy()
            strange = ~values.isin(known).to_numpy() & ~missing
            if strange.any() and self.unknown == "error":
                raise argument_error(
                    "X",
                    f"of the categories of the fit in {column!r}: {known[:6]}",
                    f"{sorted(map(str, values[strange].unique()))[:4]}",
                    "Merge rare categories and spell each word in one way before the fit, "
                    'or say unknown="reference" to count them as the first category.',
                )
            for category in known[1:]:
                flag = (values == category).to_numpy(dtype=float)
                flag[missing] = np.nan
                parts[f"{column}={plain_label(category)}"] = flag
        return pd.DataFrame(parts, index=frame.index)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns."""
        check_is_fitted(self)
        names: list[str] = []
        for column in self.feature_names_in_:
            known = self.categories_.get(column)
            names += [column] if known is None else [f"{column}={plain_label(c)}" for c in known[1:]]
        return np.asarray(names, dtype=object)
