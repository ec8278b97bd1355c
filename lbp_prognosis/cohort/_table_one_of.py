"""``table_one_of``: Table 1 of any table with a row a patient."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lbp_prognosis._base import argument_error, check_same_rows
from lbp_prognosis.cohort._table_one import TableOne, make_table_one

__all__ = ["table_one_of"]


def table_one_of(
    X: pd.DataFrame,
    *,
    by: Any = None,
    columns: tuple[str, ...] | None = None,
    skewed: tuple[str, ...] | None = None,
) -> TableOne:
    """Return Table 1 of a wide table; for a cohort see `Cohort.table_one`.

    Parameters
    ----------
    X : DataFrame
        One row a patient.
    by : array-like of shape (n,), optional
        Group of each row.
    columns : tuple of str, optional
        Variables; all columns if not given.
    skewed : tuple of str, optional
        Variables shown as median and quartiles; by default those with a sample skewness beyond ±1.
    """
    chosen = list(X.columns if columns is None else columns)
    unknown = [column for column in chosen if column not in X.columns]
    if unknown:
        raise argument_error("columns", "columns of `X`", unknown[0])
    if by is not None:
        check_same_rows("by", by, "X", X)
        if len(by) != len(X):
            raise argument_error("by", f"of length {len(X)}, one group a row of `X`", f"length {len(by)}")
        by = pd.Series(by).reset_index(drop=True)
    return make_table_one(X.reset_index(drop=True), chosen, by, "group", skewed)
