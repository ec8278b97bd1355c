"""What can go wrong in a Cox fit, said in the words of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, argument_error, check_vector
from lbp_prognosis._kernels import CoxFit, CoxPieces


def check_precision(pieces: CoxPieces) -> None:
    """Refuse a fit with late entry whose sums over risk sets drown in rounding."""
    if not pieces.lost_precision() <= _LOST:
        raise EstimationError(
            "Linear predictors lie so far apart that, with delayed entry, sums over risk sets are lost in rounding: "
            f"they range over {np.ptp(pieces.eta):.3g}, and a difference of 10 is a hazard 22000 times as high. Check "
            "`offset` and outlying values of the columns, or give a `penalty`."
        )


def column_factors(factors: Any, names: list[str], parameter: str) -> np.ndarray:
    """One non-negative penalty factor a column, from None (ones), a vector, or a mapping from name to factor."""
    if factors is None:
        return np.ones(len(names))
    if isinstance(factors, Mapping):
        factors = {column_name(key, names): value for key, value in factors.items()}
        unknown = [key for key in factors if key not in names]
        if unknown:
            raise argument_error(parameter, "a mapping from columns of `X` to factors", f"unknown columns {unknown}")
        return check_vector(parameter, [factors.get(name, 1.0) for name in names], low=0)
    vector = check_vector(parameter, factors, low=0)
    if vector.size != len(names):
        raise argument_error(parameter, f"of length {len(names)}, one factor a column", f"length {vector.size}")
    return vector


def column_sd(X: np.ndarray, counts: np.ndarray | None, divisor: str) -> np.ndarray:
    """Standard deviation of each column, divisor ``"n"`` or ``"n-1"``; counts stand for copies. 1 where it is 0."""
    if counts is None:
        centred = X - X.mean(axis=0)
        total, size = np.einsum("ij,ij->j", centred, centred), float(X.shape[0])
    else:
        size = float(counts.sum())
        centred = X - (counts @ X) / size
        total = counts @ centred**2
    sd = np.sqrt(total / max(size - (divisor == "n-1"), 1.0))
    return np.where(sd > 0, sd, 1.0)
