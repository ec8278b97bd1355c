"""``table_one_of``: Table 1 of any table with a row a patient."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis._base import argument_error
from lbp_prognosis.cohort._table_one import TableOne, make_table_one

__all__ = ["table_one_of"]


def table_one_of(
    X: pd.DataFrame,
    *,
    by: pd.Series | None = None,
    columns: tuple[str, ...] | None = None,
    skewed: tuple[str, ...] | None = None,
) -> TableOne:
    """Return Table 1 of a wide table; for a cohort see `Cohort.table_one`.

    Parameters
    ----------
    X : DataFrame
        One row a patient.
    by : Series, optional
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
    return make_table_one(X.reset_index(drop=True), chosen, None if by is None else by.reset_index(drop=True), "group",
                          skewed)  # fmt: skip
