"""Rows in words, and the words for what is no number."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base._errors import ArgumentError, argument_error

__all__ = ["refused_kind", "rows_in_words"]


def rows_in_words(mask: np.ndarray, limit: int = 5) -> str:
    """Name the rows that are true, the first few and how many in all."""
    rows = np.flatnonzero(mask)
    shown = ", ".join(str(row) for row in rows[:limit])
    return f"{shown}, … ({rows.size} in all)" if rows.size > limit else shown


def refused_kind(name: str, kind: str, accepted: str = "numbers", *, column: Any = None) -> ArgumentError:
    """Return the error for dates, durations, complex numbers, text or a mixture, in an argument or a column of it."""
    words = {
        "date": "dates",
        "duration": "durations",
        "complex": "complex numbers",
        "text": "text",
        "mixed": "numbers and text mixed",
        "identifier": "an identifier",
    }
    remedies = {
        "date": "Count from the index date in that unit, e.g. (end - start).dt.days or (end - start) / "
        "pd.Timedelta('1D').",
        "duration": "Divide by the unit, e.g. duration / pd.Timedelta('1D') or duration.dt.days.",
        "complex": "Take the real part if the imaginary part is zero: .real.",
        "text": "Turn text that contains numbers into numbers: pd.to_numeric(value).",
        "identifier": "Each row has a value of its own: drop the column, it predicts nothing.",
        "mixed": "Make all of one kind: pd.to_numeric(value), or .astype(str) for labels.",
    }
    unit = ", in the unit of the study" if kind in ("date", "duration") and accepted == "numbers" else ""
    if accepted == "labels" and kind in ("date", "duration"):
        remedies[kind] = "Say which groups are meant, e.g. .dt.year, or .astype(str) for each by itself."
    if accepted in ("states", "event codes") and kind in ("date", "duration"):
        remedies[kind] = {
            "date": "Say what had happened by then, e.g. (date <= visit).astype(int), or date.notna().astype(int).",
            "duration": "Say what had happened by then, e.g. (duration <= limit).astype(int).",
        }[kind]
    where = "" if column is None else f" in column {column!r}"
    return argument_error(name, accepted + unit, words.get(kind, kind) + where, remedies.get(kind))
