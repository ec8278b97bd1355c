"""``is_date_form``: whether a form of dates can be read, asked before any file is opened."""

from __future__ import annotations

__all__ = ["is_date_form"]


def is_date_form(form: str) -> bool:
    """Return whether pandas reads dates of a form such as ``"%d.%m.%Y"``; ``%Q`` is no part of a date."""
    import pandas as pd

    try:
        pd.to_datetime(pd.Series(["2000-01-01"]), format=form, errors="coerce")
    except (ValueError, TypeError):
        return False
    return True
