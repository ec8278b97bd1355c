"""``is_date_form``: whether a form of dates can be read; ``is_written_date``: whether words are dates."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["is_date_form", "is_written_date"]

_DAY, _MONTH, _YEAR = r"(0?[1-9]|[12]\d|3[01])", r"(0?[1-9]|1[0-2])", r"((?:19|20)\d\d|\d\d)"
_NAMED = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_WRITTEN = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?:19|20)\d\d[-./]{_MONTH}[-./]{_DAY}([T ].*)?",
        rf"{_DAY}[-./]{_MONTH}[-./]{_YEAR}( .*)?",
        rf"{_MONTH}[-./]{_DAY}[-./]{_YEAR}( .*)?",
        rf"{_DAY}[-. ]*{_NAMED}[-. ]*{_YEAR}([ :].*)?",
    )
)
_SHARE = 0.99  # of the words


def is_date_form(form: str) -> bool:
    """Return whether pandas reads dates of a form such as ``"%d.%m.%Y"``; ``%Q`` is no part of a date."""
    import pandas as pd

    try:
        pd.to_datetime(pd.Series(["2000-01-01"]), format=form, errors="coerce")
    except (ValueError, TypeError):
        return False
    return True


def is_written_date(words: Any) -> bool:
    """Return whether 99 in 100 known words of a Series are dates in one form: 2019-06-16, 16.06.2019 or 16JUN2019."""
    text = words.dropna().astype(str).str.strip()
    return bool(any(text.str.fullmatch(form).mean() >= _SHARE for form in _WRITTEN))
