"""``response``: patients who improved by an important amount, of those who could."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, as_numbers, check_number, check_vector, takes_rows
from lbp_prognosis.instruments._registry import instruments
from lbp_prognosis.instruments._score import total_range
from lbp_prognosis.schema import instrument_ranges

__all__ = ["ResponseResult", "response"]


@dataclass(frozen=True, repr=False)
class ResponseResult(Result):
    """Improvement from baseline, judged against an important change.

    Attributes
    ----------
    improved : ndarray of shape (n,)
        1, 0, or NaN if a value is missing or the patient could not improve by that amount.
    change : ndarray of shape (n,)
        Improvement in points, positive is better.
    could : ndarray of bool, shape (n,)
        Whether the baseline leaves room for the amount.
    kind : str
        absolute or relative.
    amount : float
        Points, or share of the baseline.
    source : str
        Where the amount comes from; ``"given"`` if the caller named it.
    """

    improved: np.ndarray
    change: np.ndarray
    could: np.ndarray
    kind: str
    amount: float
    source: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per patient: ``change, could, improved, kind, amount, source``."""
        return pd.DataFrame(
            {
                "change": self.change,
                "could": self.could,
                "improved": self.improved,
                "kind": self.kind,
                "amount": self.amount,
                "source": self.source,
            }
        )

    def _summary(self) -> str:
        judged = ~np.isnan(self.improved)
        return f"{int(np.nansum(self.improved))} of {int(judged.sum())} improved ({self.kind} {self.amount:g})"


@takes_rows(baseline="numbers", follow_up="numbers")
def response(
    name: str, baseline: Any, follow_up: Any, *, kind: str = "absolute", amount: float | None = None
) -> ResponseResult:
    """Return which patients improved by an important amount.

    Parameters
    ----------
    name : str
        A score whose direction is known, e.g. ``"odi"``.
    baseline, follow_up : array-like of shape (n,)
        Scores; missing ones give a missing response.
    kind : {"absolute", "relative"}
        Points, or a share of the baseline.
    amount : float, optional
        The amount; by default the published one of the instrument.

    Returns
    -------
    ResponseResult
        Improvement of each patient, with the amount and its source.

    Raises
    ------
    ArgumentError
        If no amount is given and the library contains no published one.

    Examples
    --------
    >>> from lbp_prognosis.instruments import response
    >>> response("odi", [40, 40, 6], [29, 31, 0]).improved.tolist()
    [1.0, 0.0, nan]
    """
    if kind not in ("absolute", "relative"):
        raise argument_error("kind", "'absolute' or 'relative'", kind)
    known = instrument_ranges().get(name)
    if known is None or known["direction"] == "none":
        raise argument_error("name", "a score whose direction is known", repr(name))
    source = "given"
    if amount is None:
        amount, source = _published(name, kind)
    amount = check_number("amount", amount, low=0, open_low=True)
    before, after = (_floats(word, value) for word, value in (("baseline", baseline), ("follow_up", follow_up)))
    if before.shape != after.shape:
        raise argument_error("follow_up", f"of length {before.size}, as `baseline`", f"length {after.size}")
    sign = 1.0 if known["direction"] == "higher_worse" else -1.0
    low, high = total_range(name)
    needed = amount if kind == "absolute" else amount * np.abs(before)
    with np.errstate(invalid="ignore"):
        room = sign * (before - (low if sign > 0 else high))
        could = (room >= needed - 1e-9) & (room > 0)
        change = sign * (before - after)
        improved = np.where(could & ~np.isnan(change), (change >= needed - 1e-9).astype(float), np.nan)
    return ResponseResult(improved, change, could, kind, float(amount), source)


def _floats(name: str, value: Any) -> np.ndarray:
    array = as_numbers(name, value)
    check_vector(name, np.nan_to_num(array))
    return array


def _published(name: str, kind: str) -> tuple[float, str]:
    for entry in instruments().values():
        for found in entry.changes.get(name, ()):
            if found.kind == kind:
                return found.value, found.source
    raise argument_error("amount", f"given: the library contains no {kind} important change of {name!r}", "None")
