"""``CategoryColumns``: categories of predictors as codes, learned at the fit and the same for new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, categories_of, column_kind, is_number, read_matrix

__all__ = ["CategoryColumns"]

_NO_NUMBERS = ("nominal", "ordered", "constant", "truth value")


class CategoryColumns:
    """Part of a model that takes columns of categories.

    Attributes
    ----------
    categories_ : dict of str to list
        Categories of each column that is no number, in the order of their codes.
    unseen_categories_ : dict of str to list
        Those declared that no training row had: taken as missing.
    ordered_columns_ : list of str
        Columns whose categories have an order.
    """

    categories_: dict[str, list[Any]]
    unseen_categories_: dict[str, list[Any]]
    ordered_columns_: list[str]

    def _read_predictors(self, X: Any, allow_missing: bool, *, fitting: bool) -> np.ndarray:
        """Record the codes of categories (at fit) and replace categories by codes; other columns are numbers."""
        if fitting:
            self.categories_, self.unseen_categories_, self.ordered_columns_ = {}, {}, []
            if isinstance(X, pd.DataFrame):
                self._learn_categories(X)
        learned = getattr(self, "categories_", {})  # models of files made before may have none
        codes = {name: self._codes(name, X[name]) for name in learned} if isinstance(X, pd.DataFrame) else {}
        table = X.assign(**codes) if codes else X
        return read_matrix(table, allow_missing=allow_missing, allow_no_column=self._no_column_needed())

    def _no_column_needed(self) -> bool:
        return False

    def _learn_categories(self, X: pd.DataFrame) -> None:
        for name in X.columns:
            column = X[name]
            if is_number(column) or (kind := column_kind(column)) not in _NO_NUMBERS:
                continue  # dates, identifiers … are refused by name where the matrix is read
            declared = list(column.cat.categories) if hasattr(column, "cat") else categories_of(column)
            ordered = kind == "ordered"
            seen = declared if ordered else categories_of(column)
            self.categories_[str(name)] = seen
            self.unseen_categories_[str(name)] = [label for label in declared if label not in seen]
            if ordered:
                self.ordered_columns_.append(str(name))

    def _codes(self, name: str, column: pd.Series) -> np.ndarray:
        place: dict[Any, float] = {label: float(code) for code, label in enumerate(self.categories_[name])}
        place |= {label: np.nan for label in self.unseen_categories_[name]}
        labels = column.astype(object)
        known = labels.notna().to_numpy()
        unknown = sorted({str(label) for label in labels[known] if label not in place})
        if unknown:
            raise argument_error(
                "X",
                f"a frame whose column {name!r} contains categories of the fit, {list(place)[:8]}",
                f"{unknown[:5]}",
                "Declare all categories that may come before the fit: pd.Categorical(X[name], categories=[...]). One "
                "that no training row had is then taken as missing.",
            )
        return np.array([place[label] if there else np.nan for label, there in zip(labels, known)], dtype=float)

    def _labelled(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table of numbers with the categories in the place of their codes."""
        columns = {}
        for name, seen in getattr(self, "categories_", {}).items():
            codes = table[name].to_numpy()
            places = np.where(np.isnan(codes), -1, codes).astype(int)
            ordered = name in self.ordered_columns_
            columns[name] = pd.Categorical.from_codes(places, categories=pd.Index(seen), ordered=ordered)
        return table.assign(**columns)
