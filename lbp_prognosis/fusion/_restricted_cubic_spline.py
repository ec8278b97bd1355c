"""``RestrictedCubicSpline``: smooth terms with linear tails, knots learned from the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_number,
    numbers_in,
    takes_rows,
)
from lbp_prognosis._kernels import rcs_basis, rcs_knots
from lbp_prognosis.fusion._frame import chosen_columns, match_columns, training_frame

__all__ = ["RestrictedCubicSpline"]


class RestrictedCubicSpline(TransformerMixin, BaseEstimator):
    """Add restricted cubic spline terms of the named columns.

    Parameters
    ----------
    columns : sequence of str
        Columns with spline terms; all others pass unchanged.
    n_knots : int, default 4
        Number of knots, 3 to 7, at Harrell's quantiles of the training values.
    knots : mapping of str to sequence of float, optional
        Prespecified knots by column.

    Attributes
    ----------
    knots_ : dict of str to ndarray
        Knots used.

    Notes
    -----
    A column ``age`` stays unchanged, and ``n_knots − 2`` columns ``age'``, ``age''`` … follow it: truncated cubics
    divided by the squared span of the knots. Missing values stay missing.

    References
    ----------
    Harrell FE. Regression Modeling Strategies. 2nd ed. Springer, 2015. doi:10.1007/978-3-319-19425-7

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.fusion import RestrictedCubicSpline
    >>> X = pd.DataFrame({"age": [20.0, 31, 38, 45, 52, 60, 64, 71, 80, 33, 47]})
    >>> list(RestrictedCubicSpline(["age"], n_knots=3).fit_transform(X))
    ['age', "age'"]
    """

    def __init__(
        self, columns: Sequence[str], *, n_knots: int = 4, knots: Mapping[str, Sequence[float]] | None = None
    ) -> None:
        self.columns = columns
        self.n_knots = n_knots
        self.knots = knots

    @takes_rows()
    def fit(self, X: Any, y: Any = None) -> RestrictedCubicSpline:
        """Determine the knots; ``y`` is not used."""
        frame = training_frame(X)
        n_knots = int(check_number("n_knots", self.n_knots, low=3, high=7, whole=True))
        self.columns_ = chosen_columns(frame, self.columns, numeric=True)
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self.knots_ = {}
        for column in self.columns_:
            given = None if self.knots is None else self.knots.get(column)
            if given is not None:
                knots = np.asarray(given, dtype=float)
                if knots.ndim != 1 or knots.size < 3 or (np.diff(knots) <= 0).any():
                    raise argument_error(
                        "knots", "at least three increasing numbers per column", dict(self.knots or {})
                    )
            else:
                values = numbers_in(frame, [column])[:, 0]
                seen = values[np.isfinite(values)]
                knots = rcs_knots(seen, n_knots)
                if knots.size < n_knots:
                    raise EstimationError(
                        f"The column {column!r} has too few distinct values for {n_knots} knots (they fall together). "
                        "Use fewer knots, name the knots, or leave it linear."
                    )
            self.knots_[column] = knots
        return self

    @takes_rows()
    def transform(self, X: Any) -> pd.DataFrame:
        """Return the frame with the spline terms after their columns."""
        check_is_fitted(self)
        frame = match_columns(X, self.feature_names_in_)
        parts: dict[str, Any] = {}
        for column in frame.columns:
            parts[column] = frame[column]
            if column in self.knots_:
                basis = rcs_basis(numbers_in(frame, [column])[:, 0], self.knots_[column])
                parts.update({f"{column}{chr(39) * k}": basis[:, k] for k in range(1, basis.shape[1])})
        return pd.DataFrame(parts, index=frame.index)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns."""
        check_is_fitted(self)
        names: list[str] = []
        for column in self.feature_names_in_:
            names.append(column)
            names += [f"{column}{chr(39) * k}" for k in range(1, len(self.knots_.get(column, [0, 0])) - 1)]
        return np.asarray(names, dtype=object)
