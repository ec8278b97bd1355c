"""``table_one_of``: Table 1 of any table with a row per patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    check_same_rows,
    takes_rows,
)
from lbp_prognosis.cohort._make_table_one import make_table_one
from lbp_prognosis.cohort._table_one import TableOne

__all__ = ["table_one_of"]


@takes_rows()
def table_one_of(
    X: pd.DataFrame,
    *,
    by: Any = None,
    columns: tuple[str, ...] | None = None,
    skewed: tuple[str, ...] | None = None,
    kinds: Mapping[str, str] | None = None,
    value_labels: Mapping[str, Mapping[Any, str]] | None = None,
    labels: Mapping[str, str] | None = None,
) -> TableOne:
    """Return Table 1 of a wide table; for a cohort see `Cohort.table_one`.

    Parameters
    ----------
    X : DataFrame
        One row per patient.
    by : array-like of shape (n,), optional
        Group of each row; rows without one are counted in a column ``not recorded``.
    columns : tuple of str, optional
        Variables; all columns by default.
    skewed : tuple of str, optional
        Variables shown as median and quartiles; by default those with a sample skewness beyond ±1.
    kinds : mapping of str to {"number", "category", "date"}, optional
        Kind of single variables. By default a variable is a category in three cases: it contains words, truth values,
        declared categories or 0 and 1; every code has a value label; or it contains whole numbers of at most five
        values within a span of nine, four times each on average.
    value_labels : mapping of str to mapping, optional
        Words for codes, by variable, as in SPSS, Stata and SAS (``read_table(path).value_labels``).
    labels : mapping of str to str, optional
        Labels of variables, shown next to their names in HTML and Word (``read_table(path).labels``).

    Raises
    ------
    ArgumentError
        If a variable is not in ``X``, or ``by`` is of another length or order.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.cohort import table_one_of
    >>> X = pd.DataFrame({"age": [51.0, 62, 48, None], "sex": [1, 2, 2, 1]})
    >>> made = table_one_of(X, value_labels={"sex": {1: "male", 2: "female"}})
    >>> print(made.to_frame().to_string(index=False))
               variable   value missing          overall
                      n                                4
    age, median [Q1,Q3]               1 51.0 [49.5,56.5]
    age, missing, n (%) missing                 1 (25.0)
             sex, n (%)    male       0         2 (50.0)
             sex, n (%)  female                 2 (50.0)
    """
    chosen = list(X.columns if columns is None else columns)
    if len(set(X.columns)) != X.shape[1]:
        raise argument_error("X", "a table whose columns have different names", "repeated names")
    unknown = [column for column in chosen if column not in X.columns]
    if unknown:
        raise argument_error("columns", "columns of `X`", unknown[0])
    if by is not None:
        check_same_rows("by", by, "X", X)
        if len(by) != len(X):
            raise argument_error("by", f"of length {len(X)}, one group per row of `X`", f"length {len(by)}")
        by = pd.Series(by).reset_index(drop=True)
    told: dict[str, Any] = {"skewed": skewed, "kinds": kinds, "value_labels": value_labels, "labels": labels}
    return make_table_one(X.reset_index(drop=True), chosen, by, **told)
