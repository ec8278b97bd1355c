"""``declare_values``: columns whose numbers are all values, none a code for missing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from lbp_prognosis._base._errors import argument_error

__all__ = ["MISSING_DECLARED", "declare_values", "declared_values"]

MISSING_DECLARED = "missing_declared"
"""Entry of ``DataFrame.attrs``: names of columns of which the user said what is missing; the rest there are values."""


def declare_values(X: pd.DataFrame, columns: Collection[str]) -> pd.DataFrame:
    """Declare that all numbers of some columns are values, none a code for missing (a dose of 99).

    Parameters
    ----------
    X : DataFrame
        Predictors, one row per patient.
    columns : str or collection of str
        Columns of ``X``; columns declared before stay declared.

    Returns
    -------
    DataFrame
        A copy of ``X`` that `validation.screen` and all validations read the declaration from. It is kept by selections
        of rows and columns; pandas drops it in ``merge`` and ``concat``, so declare after them.

    Raises
    ------
    ArgumentError
        If ``X`` is no DataFrame or has no such column.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.schema import declare_values
    >>> X = declare_values(pd.DataFrame({"dose": [5.0, 10.0, 99.0, 99.0]}), ["dose"])
    >>> X.attrs["missing_declared"]
    ['dose']
    """
    if not isinstance(X, pd.DataFrame):
        raise argument_error("X", "a DataFrame", type(X).__name__)
    asked = [columns] if isinstance(columns, str) else [str(column) for column in columns]
    absent = [column for column in asked if column not in set(map(str, X.columns))]
    if absent:
        raise argument_error("columns", "columns of `X`", f"{absent[0]!r}")
    made = X.copy()
    made.attrs = {**X.attrs, MISSING_DECLARED: sorted(declared_values(X) | set(asked))}
    return made


def declared_values(*tables: Any) -> frozenset[str]:
    """Return the columns that are declared in any of some tables."""
    found: set[str] = set()
    for table in tables:
        declared = getattr(table, "attrs", {}).get(MISSING_DECLARED, ())
        found |= {declared} if isinstance(declared, str) else set(map(str, declared))
    return frozenset(found)
