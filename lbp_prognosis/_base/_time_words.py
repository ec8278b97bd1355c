"""``time_words``: times with their unit, in the singular for one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["time_words"]

_UNITS = ("days", "weeks", "months", "years")


def time_words(times: float | Iterable[Any], unit: str = "") -> str:
    """Return times and their unit in words.

    Parameters
    ----------
    times : float or iterable of float
        One time, or several, which are separated by commas.
    unit : str, default ""
        Unit in the plural; white space around it is dropped.

    Examples
    --------
    >>> time_words(1, "years"), time_words(12, "months"), time_words([1, 5], "years"), time_words(6)
    ('1 year', '12 months', '1, 5 years', '6')
    """
    every = [f"{float(time):g}" for time in (times if isinstance(times, Iterable) else [times])]
    unit = unit.strip()
    if every == ["1"] and unit in _UNITS:
        unit = unit[:-1]
    return f"{', '.join(every)} {unit}".strip()
