"""Multiply imputed tables: several completed rows per patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, objection

__all__ = ["IMPUTED_BEFORE", "IMPUTED_NEW", "MultiplyImputed"]

IMPUTED_BEFORE = objection("imputed-outside-resampling")
IMPUTED_NEW = objection("imputed-outside-resampling", variant="new_patients")


@dataclass(frozen=True, repr=False, eq=False)
class MultiplyImputed:
    """Several completed versions of one table of patients.

    Validation functions take it in place of ``X``, do their work in every version with the same resamples or folds,
    pool, and mark the result ``imputed-outside-resampling``. To impute inside, give the table with its holes to a
    pipeline with `fusion.MultipleImputation`.

    Parameters
    ----------
    tables : sequence of DataFrame of shape (n, p)
        One table per imputation, with the same rows (patients) and columns in the same order.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.validation import MultiplyImputed
    >>> long = pd.DataFrame({".imp": [0, 0, 1, 1, 2, 2], ".id": [7, 8] * 3, "pain": [4, None, 4, 5, 4, 6]})
    >>> imputed = MultiplyImputed.from_long(long)
    >>> imputed
    <MultiplyImputed: 2 tables of 2 patients, 1 columns>
    >>> imputed.varying()
    ['pain']
    """

    tables: tuple[pd.DataFrame, ...]

    def __post_init__(self) -> None:
        tables = tuple(self.tables)
        if len(tables) < 2 or any(not isinstance(table, pd.DataFrame) for table in tables):
            raise argument_error("tables", "at least two DataFrames, one per imputation", self.tables)
        first = tables[0]
        for k, table in enumerate(tables[1:], start=2):
            if not (table.index.equals(first.index) and table.columns.equals(first.columns)):
                raise argument_error(
                    "tables",
                    "tables of the same rows and columns",
                    f"table {k}, which differs",
                    "Sort every imputation by patient.",
                )
        object.__setattr__(self, "tables", tables)

    @classmethod
    def from_long(
        cls, frame: pd.DataFrame, *, imputation: str | None = None, patient: str | None = None
    ) -> MultiplyImputed:
        """Read stacked imputations, as mice and Stata write them.

        Parameters
        ----------
        frame : DataFrame
            One row per patient and imputation. Rows of imputation 0 (the table with its holes) are left out.
        imputation, patient : str, optional
            Columns that name the imputation and the patient; found by name if they are ``.imp``/``.id`` (mice) or
            ``_mi_m``/``_mi_id`` (Stata).

        Returns
        -------
        MultiplyImputed
            Without these two columns; rows are sorted by patient, who becomes the index.
        """
        names = {}
        for argument, given, known in (
            ("imputation", imputation, (".imp", "_mi_m")),
            ("patient", patient, (".id", "_mi_id")),
        ):
            found = [name for name in ([given] if given is not None else known) if name in frame.columns]
            if not found:
                raise argument_error(
                    argument, "a column of `frame`", given or f"none of {list(known)}", "Name the column."
                )
            names[argument] = found[0]
        number, who = names["imputation"], names["patient"]
        if frame[number].isna().any() or frame[who].isna().any():
            raise argument_error("frame", f"without missing values in {number!r} and {who!r}", "some")
        if frame.duplicated([number, who]).any():
            row = frame.loc[frame.duplicated([number, who]), [number, who]].iloc[0]
            raise argument_error(
                "frame",
                "one row per patient and imputation",
                f"several of patient {row[who]!r} in imputation {row[number]!r}",
            )
        tables, ids = [], None
        for label in sorted(value for value in frame[number].unique() if value != 0):
            table = frame[frame[number] == label].drop(columns=number).set_index(who).sort_index()
            ids = table.index if ids is None else ids
            if not table.index.equals(ids):
                lost = ids.symmetric_difference(table.index)[:3].tolist()
                raise argument_error(
                    "frame",
                    "the same patients in every imputation",
                    f"imputation {label!r}, which differs in patients such as {lost}",
                )
            tables.append(table)
        return cls(tuple(tables))

    @property
    def m(self) -> int:
        """Number of imputations."""
        return len(self.tables)

    @property
    def shape(self) -> tuple[int, int]:
        """Patients and columns of one table."""
        return (int(self.tables[0].shape[0]), int(self.tables[0].shape[1]))

    @property
    def index(self) -> pd.Index:
        """Patients."""
        return self.tables[0].index

    @property
    def attrs(self) -> Mapping[Any, Any]:
        """Marks of the first table (``synthetic``)."""
        return self.tables[0].attrs

    def __getitem__(self, columns: Sequence[str]) -> MultiplyImputed:
        """Return the tables with some columns, e.g. the predictors."""
        return MultiplyImputed(tuple(table[list(columns)] for table in self.tables))

    def varying(self) -> list[str]:
        """Return the columns whose values differ between imputations: those that had holes."""
        first = self.tables[0]
        return [str(name) for name in first.columns if any(not first[name].equals(t[name]) for t in self.tables[1:])]

    def observed(self, columns: Sequence[str]) -> pd.DataFrame:
        """Return columns that are the same in every imputation, such as those the outcome is made of.

        Raises
        ------
        ArgumentError
            If a column varies: an imputed outcome is a case for `attrition_weights` or `delta_sensitivity`.
        """
        imputed = [name for name in columns if name in self.varying()]
        if imputed:
            raise argument_error(
                "columns",
                "columns without imputed values",
                f"{imputed}, which vary",
                "For outcomes that were not observed see attrition_weights.",
            )
        return self.tables[0][list(columns)]

    def fit(self, model: Any, y: np.ndarray, **fit_params: Any) -> list[Any]:
        """Return clones of a model fitted to each table: for `fusion.pool_coefficients`."""
        from sklearn.base import clone

        return [clone(model).fit(table, y, **fit_params) for table in self.tables]

    def __repr__(self) -> str:
        n, p = self.shape
        return f"<MultiplyImputed: {self.m} tables of {n} patients, {p} columns>"
