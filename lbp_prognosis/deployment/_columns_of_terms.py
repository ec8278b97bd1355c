"""Columns of an equation of terms, and values of new rows outside the training ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, read_frame, takes_rows
from lbp_prognosis.deployment._terms import NumberTerm, Term, same_level

__all__ = ["ColumnsOfTerms", "EquationOfTerms"]


class EquationOfTerms(Protocol):
    """Comment lines above a written equation."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """One per column."""

    @property
    def horizons(self) -> tuple[float, ...]:
        """Times of the risks."""

    @property
    def causes_(self) -> np.ndarray:
        """Event codes."""

    @property
    def time_unit(self) -> str:
        """Unit of the times."""

    @property
    def model(self) -> str:
        """Class."""

    @property
    def digits(self) -> int:
        """Significant digits."""

    @property
    def synthetic(self) -> bool:
        """Whether of simulated data."""

    @property
    def n_completed(self) -> int:
        """Completed tables."""

    def rounding_error(self, digits: int | None = None) -> float:
        """Return the largest error of a risk."""


class ColumnsOfTerms:
    """Base of all equations: one term per column, and a column of strata if there are any."""

    stratum: str
    horizons: tuple[float, ...]

    @property
    def _columns(self) -> tuple[Term, ...]:
        return tuple(self.terms)  # type: ignore[attr-defined]

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Columns that `predict_risk` needs; the column of the stratum is last."""
        return np.asarray([term.name for term in self._columns] + [self.stratum] * bool(self.stratum), dtype=object)

    @property
    def n_features_in_(self) -> int:
        """Number of columns that `predict_risk` needs."""
        return len(self.feature_names_in_)

    def _table(self, X: Any) -> pd.DataFrame:
        frame = read_frame(X)
        if not isinstance(frame, pd.DataFrame):
            if np.ndim(frame) != 2 or np.shape(frame)[1] != self.n_features_in_:
                accepted = f"a frame with the columns {list(self.feature_names_in_)}, or an array of these"
                raise argument_error("X", accepted, X)
            return pd.DataFrame(frame, columns=list(self.feature_names_in_))
        absent = [name for name in self.feature_names_in_ if name not in frame.columns]
        if absent:
            raise argument_error("X", f"a frame with the columns {list(self.feature_names_in_)}", f"without {absent}")
        return frame

    def _place(self, time: float) -> int | None:
        """Return the index of a time among the horizons; None if no risk is known."""
        found = np.flatnonzero(np.isclose(self.horizons, time, rtol=1e-9, atol=0))
        return int(found[0]) if found.size else None

    def _of_strata(self, frame: pd.DataFrame, values: Mapping[str, tuple[float, ...]]) -> np.ndarray:
        """Return the numbers of each row's stratum, NaN for an unknown one."""
        if not self.stratum:
            numbers = np.array(values[""])
            return np.broadcast_to(numbers, (len(frame), numbers.size))
        out = np.full((len(frame), len(next(iter(values.values())))), np.nan)
        for label, numbers_of_it in values.items():
            out[same_level(frame[self.stratum], label)] = numbers_of_it
        return out

    @takes_rows()
    def outside(self, X: Any) -> pd.DataFrame:
        """Return the values outside the training ranges; such values are reported, not clipped.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the columns of the equation.

        Returns
        -------
        DataFrame
            ``row, column, value, low, high, reason``; the reason is ``"below range"``, ``"above range"``,
            ``"missing"`` or ``"unknown category"``.
        """
        frame = self._table(X)
        found: list[dict[str, Any]] = []
        for term in self._columns:
            column = frame[term.name]
            missing = column.isna().to_numpy()
            value = term.of(column)
            reasons = np.where(missing, "missing", "").astype(object)
            low = high = np.nan
            if isinstance(term, NumberTerm):
                x = term.numbers(column)
                low, high = term.low, term.high
                reasons[x < low], reasons[x > high] = "below range", "above range"
            else:
                reasons[np.isnan(value) & ~missing] = "unknown category"
            for row in np.flatnonzero(reasons != ""):
                entry = {"row": int(row), "column": term.name, "value": column.iloc[row], "low": low, "high": high}
                found.append({**entry, "reason": reasons[row]})
        return pd.DataFrame(found, columns=["row", "column", "value", "low", "high", "reason"])
