"""Text columns of a wide table become numbers where every cell is one; what is nearly a number is said."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["MISSING_WORDS", "infer_types"]

MISSING_WORDS: tuple[str, ...] = (
    "",
    "NA",
    "NaN",
    "nan",
    "N/A",
    "n/a",
    "NULL",
    "null",
    "None",
    "<NA>",
    "<undefined>",
    ".",
    "#N/A",
)


def infer_types(
    frame: pd.DataFrame, *, missing: tuple[str, ...] = (), decimal: str = "."
) -> tuple[pd.DataFrame, list[str]]:
    """Return the frame with numbers where a text column holds only numbers, and notes on the rest."""
    words = set(MISSING_WORDS) | set(missing)
    notes: list[str] = []
    columns = {}
    for column in frame.columns:
        series = frame[column]
        if not (pd.api.types.is_object_dtype(series) or pd.api.types.is_string_dtype(series)):
            columns[column] = series
            continue
        columns[column], note = _infer(series, words)
        if note:
            notes.append(f"{column}: {note}")
    return pd.DataFrame(columns, index=frame.index), notes


def _infer(series: pd.Series, words: set[str]) -> tuple[pd.Series, str]:
    codes, distinct = pd.factorize(series)
    kinds = {type(value) for value in distinct}
    if not kinds <= {str, int, float} or str not in kinds:
        return series, ""  # typed cells (dates, numbers, booleans) of a spreadsheet or database
    texts = np.array([str(value).strip() for value in distinct], dtype=object)
    absent = np.array([text in words for text in texts], dtype=bool)
    used = sorted({text for text in texts[absent] if text not in ("", "NA", "NaN", "nan")})
    note = f"read as missing: {', '.join(map(repr, used))}" if used else ""
    present = texts[~absent]
    numbers = pd.to_numeric(pd.Series(present, dtype=object), errors="coerce").to_numpy(dtype=float)
    good = np.isfinite(numbers)
    if present.size and good.all() and not _padded(present):
        values = np.full(len(texts) + 1, np.nan)
        values[:-1][~absent] = numbers
        if len(kinds) > 1:
            note = "; ".join(filter(None, [note, "numbers, some of them written as text"]))
        return pd.Series(values[codes], index=series.index), note
    cells = np.array([*(None if gone else word for word, gone in zip(texts, absent)), None], dtype=object)
    text = pd.Series(cells[codes], index=series.index, dtype=object)
    if good.all() and present.size:
        return text, note or "leading zeros: kept as text"
    if good.mean() > 0.5 if present.size else False:
        odd = ", ".join(repr(value) for value in present[~good][:3])
        return text, f"kept as text: most cells are numbers, but not {odd}"
    return text, note


def _padded(texts: np.ndarray) -> bool:
    return any(len(text) > 1 and text[0] == "0" and text.isdigit() for text in texts)
