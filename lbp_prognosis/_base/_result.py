"""Base of every result: frozen, with named arrays, a tidy frame, a figure and one line of text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lbp_prognosis._base._metric_registry import check_metrics

__all__ = ["METRIC_COLUMNS", "Result", "metric_frame"]

METRIC_COLUMNS: tuple[str, ...] = (
    "model",
    "tier",
    "metric",
    "cause",
    "horizon",
    "group",
    "value",
    "se",
    "low",
    "high",
    "confidence",
    "method",
    "n",
    "n_events",
    "reason",
)
"""Columns of every evaluation and validation frame, in this order; special columns follow them."""

_DTYPES: dict[str, str] = {
    "model": "object",
    "tier": "object",
    "metric": "object",
    "cause": "Int64",
    "horizon": "float64",
    "group": "object",
    "value": "float64",
    "se": "float64",
    "low": "float64",
    "high": "float64",
    "confidence": "float64",
    "method": "object",
    "n": "Int64",
    "n_events": "Int64",
    "reason": "object",
}

_MOST_ROWS = 60  # of a frame in a notebook


def metric_frame(rows: Iterable[Mapping[str, Any]], extra: Iterable[str] = ()) -> pd.DataFrame:
    """Return rows as a frame with the fixed columns first, of fixed types, and the special ones after.

    Parameters
    ----------
    rows : iterable of mapping
        One mapping a metric; absent fixed columns are filled with missing values.
    extra : iterable of str
        Special columns, in the order wanted (e.g. ``threshold``, ``target``).

    Raises
    ------
    ArgumentError
        If a name in ``metric`` is not registered.
    """
    columns = [*METRIC_COLUMNS, *extra]
    rows = list(rows)
    unknown = {key for row in rows for key in row} - set(columns)
    if unknown:
        raise KeyError(f"columns {sorted(unknown)} are neither fixed nor declared as extra")
    check_metrics(dict.fromkeys(name for row in rows if (name := row.get("metric")) is not None))
    frame = pd.DataFrame({name: [row.get(name) for row in rows] for name in columns}, columns=columns)
    for name, dtype in _DTYPES.items():
        frame[name] = frame[name].astype(dtype)  # type: ignore[call-overload]
    for name in ("model", "tier", "group", "reason", "method"):
        frame[name] = frame[name].where(frame[name].notna(), "")
    return frame


class Result(ABC):
    """Base of all results.

    Subclasses are frozen dataclasses. ``objections`` (tuple of `Objection`) and ``synthetic`` (bool) are read with
    a default, so that a result without them need not declare them.
    """

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a tidy frame."""

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        shown = frame.head(_MOST_ROWS)
        table = shown.to_html(index=False, na_rep="", float_format=lambda value: f"{value:.4g}", border=0)
        if len(frame) == len(shown):
            return table
        return f"{table}<p>{len(shown)} of {len(frame):,} rows; to_frame() has them all.</p>"

    def _summary(self) -> str:
        """Words after the class name in ``repr``; subclasses override."""
        return f"{len(self.to_frame())} rows"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._summary()}>"
