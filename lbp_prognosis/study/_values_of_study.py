"""``values_of_study``: predictors of a study whose numbers are declared to be values."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis._base import argument_error, declare_values, nearest

__all__ = ["values_of_study"]


def values_of_study(X: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Return the predictors with the declaration; a name that is none of them is refused."""
    for name in names:
        if name not in X.columns:
            words = f"columns of the predictors: {', '.join(map(str, X.columns[:12]))}"
            raise argument_error("values", words, repr(name), nearest(name, X.columns) or None)
    return declare_values(X, names)
