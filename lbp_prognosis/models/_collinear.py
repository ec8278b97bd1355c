"""Columns that a likelihood cannot distinguish: named in an error, or left out with the coefficient 0."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import EstimationError, check_choice
from lbp_prognosis._kernels import aliased_columns

__all__ = ["kept_columns", "undetermined"]

_LARGEST_SE = 100.0
_OR_ZERO = ", or set collinear='drop' (their coefficients become 0)"


def kept_columns(
    X: np.ndarray, weights: np.ndarray | None, names: list[str], collinear: str, *, may_drop: bool = True
) -> np.ndarray:
    """Return the mask of columns that add something to an intercept and the columns before them.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Predictors.
    weights : ndarray of shape (n,) or None
        Rows of weight 0 do not count.
    names : list of str
        Names of the columns.
    collinear : {"error", "drop"}
        Whether a collinear column is an error.
    may_drop : bool, default True
        Whether the model has a parameter ``collinear``, so that the error names it.
    """
    check_choice("collinear", collinear, ("error", "drop"))
    aliased = aliased_columns(X if weights is None else X[weights > 0])
    if aliased.any() and collinear == "error":
        columns = [name for name, gone in zip(names, aliased) if gone]
        told = ", ".join(repr(column) for column in columns[:8]) + (", …" if len(columns) > 8 else "")
        raise EstimationError(
            f"The coefficients of {told} are not determined: these columns are constant or linear combinations of "
            f"columns before them. Drop them{_OR_ZERO if may_drop else ''}."
        )
    return ~aliased


def undetermined(information: np.ndarray) -> bool:
    """Say whether some parameter has drifted off: its standard error, a column's per standard deviation, passes 100.

    Under separation the likelihood rises for ever but ever less, so that a stopping rule alone is met some day; the
    information on the drifting parameter has then all but vanished.
    """
    try:
        variance = np.diag(np.linalg.inv(information))
    except np.linalg.LinAlgError:
        return True
    return bool(not np.isfinite(variance).all() or (variance < 0).any() or variance.max(initial=0.0) > _LARGEST_SE**2)
