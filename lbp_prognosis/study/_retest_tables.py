"""``read_retest``: repeated measurements as the step that judges columns by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error, is_number
from lbp_prognosis.disclosure import identifier_text
from lbp_prognosis.fusion import RepeatableColumns
from lbp_prognosis.schema import read_table
from lbp_prognosis.study._number_table import number_table
from lbp_prognosis.study._retest_plan import RetestPlan
from lbp_prognosis.study._with_digest import digest_of_file
from lbp_prognosis.study._withdrawn import of_withdrawn

__all__ = ["read_retest"]


def read_retest(
    plan: RetestPlan,
    path_of: Callable[[str], Path],
    X: pd.DataFrame,
    missing: Any = None,
    *,
    transformed: Sequence[str] = (),
    gone: frozenset[str] = frozenset(),
) -> tuple[RepeatableColumns, dict[str, str]]:
    """Read the tables of the occasions.

    Parameters
    ----------
    plan : RetestPlan
        Its columns and criterion.
    path_of : callable
        From a file of the plan to its path.
    X : DataFrame of shape (n, p)
        Predictors of the study, indexed by patient.
    missing : object, optional
        Codes for missing values, as in `schema.read_table`.
    transformed : sequence of str
        Columns on another scale than in the tables; never judged by default.
    gone : frozenset of str
        Patients who withdrew.

    Returns
    -------
    RepeatableColumns
        The unfitted step, with the readings by the labels of ``X``.
    dict of str to str
        SHA-256 by file.

    Raises
    ------
    DataError
        If a file or a column is absent, a patient has two rows, no patient of the study is in the tables, or two
        tables are the same.
    ArgumentError
        If no predictor is in all tables, or a predictor to be judged is no number.
    LeakageError
        If measurements are declared to be of other patients and one of the study is among them (when it is fitted).
    """
    columns = list(plan.columns) or _shared(plan, path_of, X, missing, transformed)
    for column in columns:
        if column not in X.columns or not is_number(X[column]):
            raise argument_error("retest.columns", "columns of numbers among the predictors", repr(column))
    labels = {identifier_text(one): one for one in X.index}
    readings, digests = [], {}
    for name in plan.tables:
        path = path_of(name)
        ids, numbers = number_table("retest", path, plan.id, columns, missing)
        if ids.has_duplicates:
            twice = int(ids.duplicated().sum())
            raise DataError(f"The table {path.name!r} must contain each patient once; {twice} rows repeat one.")
        numbers.index = ids
        numbers = numbers[~of_withdrawn(ids, gone)]
        known = numbers.index.isin(list(labels))
        if plan.external:
            if known.any():
                raise argument_error(
                    "retest.external",
                    "false if patients of the study are in the tables",
                    f"true, and {int(known.sum())} of {path.name!r} are",
                    "Their measurements would be used in the folds that hold them out.",
                )
            numbers.index = pd.Index([f"retest {one}" for one in numbers.index])
        elif not known.any():
            raise DataError(
                f"No patient of the study is in {path.name!r}: the identifiers in its column {plan.id!r} must be "
                "written as in the main table, leading zeros included. Measurements of other patients are declared "
                "with `external = true`."
            )
        else:
            numbers = numbers[known]
            own = [labels[one] for one in numbers.index]
            numbers.index = pd.Index(own, dtype=X.index.dtype, name=X.index.name)
        readings.append(numbers)
        digests[name] = digest_of_file(path)
    if len(set(digests.values())) < len(digests):
        raise DataError(
            f"Two of the tables {', '.join(map(repr, plan.tables))} have the same content: repeated measurements would "
            "agree exactly. Name one file per occasion."
        )
    step = RepeatableColumns(
        readings,
        columns=columns,
        minimum=plan.minimum,
        form=plan.form,
        confidence=plan.confidence,
        external=plan.external,
    )
    return step, digests


def _shared(
    plan: RetestPlan, path_of: Callable[[str], Path], X: pd.DataFrame, missing: Any, transformed: Sequence[str]
) -> list[str]:
    """Return the predictors that every table has."""
    columns = [column for column in X.columns if column not in transformed and is_number(X[column])]
    for name in plan.tables:
        there = set(read_table(path_of(name), missing=missing).frame.columns)
        columns = [column for column in columns if column in there and column != plan.id]
    if not columns:
        raise argument_error(
            "retest.tables",
            "tables with columns of [modalities], under the same names",
            "none that all of them have",
            "Name them in the tables as in the study; columns of [transform] are left out.",
        )
    return columns
