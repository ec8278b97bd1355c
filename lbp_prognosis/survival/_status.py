"""``Status`` and ``Reference``: the two meanings of a 0/1 vector, distinguished by type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import OutcomeError, aligned, argument_error, as_labels, check_number, describe, plain_label
from lbp_prognosis.survival._truth_words import truth_words

__all__ = ["Reference", "Status"]


def _states(name: str, value: Any, missing_code: int | None) -> np.ndarray:
    raw = np.asarray(as_labels(name, value, "states"))
    if raw.ndim != 1:
        raise argument_error(name, "one-dimensional", f"shape {raw.shape}")
    raw = truth_words(raw)
    out = np.empty(raw.size, dtype=np.int8)
    unknown = pd.isna(raw)
    for row, state in enumerate(raw.tolist()):
        absent = bool(unknown[row]) or (missing_code is not None and state == missing_code)
        if absent and missing_code is not None:
            out[row] = missing_code
        elif not absent and state in (0, 1):
            out[row] = int(state)
        else:
            allowed = "0, 1" if missing_code is None else f"0, 1, or {missing_code} (not observed)"
            raise argument_error(name, allowed, f"{state!r} at row {row}", _mapping(raw[~unknown]), kind=OutcomeError)
    return out


def _mapping(seen: np.ndarray) -> str | None:
    """Return advice on coding two states as 0 and 1; None unless there are two states."""
    states = sorted({plain_label(state) for state in seen.tolist()}, key=lambda state: (str(type(state)), state))
    if len(states) != 2:
        return None
    first, second = states
    return f"If {second!r} is the event, say pd.Series(value).map({{{first!r}: 0, {second!r}: 1}})."


def _outcome(
    field: str, value: Any, missing_code: int | None, index: Any, metadata: dict[str, Any] | None
) -> np.ndarray:
    given, labels = aligned({"value": value}, index)
    states = _states("value", given["value"], missing_code)
    names = [(field, "i1")] + [("label", "u8")] * (labels is not None)
    y = np.empty(states.size, dtype=np.dtype(names, metadata=metadata) if metadata else np.dtype(names))
    y[field] = states
    if labels is not None:
        if labels.size != states.size:
            raise argument_error("index", f"of length {states.size}, as `value`", f"length {labels.size}")
        y["label"] = labels
    return y


class Status:
    """A state at a later visit: 0, 1, or −1 if not observed."""

    @staticmethod
    def at(horizon: float, value: Any, *, index: Any = None) -> np.ndarray:
        """State at ``horizon``.

        Parameters
        ----------
        horizon : float
            Time of the visit, in the unit of the study.
        value : array-like of shape (n,)
            States 0 and 1; −1, None or NaN if not observed.
        index : Index, Series, DataFrame or array-like of shape (n,), optional
            Labels of the rows that ``y`` carries, as in `Surv.right`.

        Returns
        -------
        ndarray of shape (n,)
            Structured, with the field ``status`` (int8) and, if given, ``label``; the horizon is stored as metadata of
            the type.
        """
        if np.ndim(horizon) > 0 and np.ndim(value) == 0:
            raise argument_error(
                "horizon",
                "one number, the time of the visit",
                describe(horizon),
                "The order is Status.at(horizon, value): first the time, then the states.",
            )
        time = check_number("horizon", horizon, low=0, open_low=True)
        return _outcome("status", value, -1, index, {"horizon": time})


class Reference:
    """A reference standard at the time of the test."""

    @staticmethod
    def now(value: Any, *, index: Any = None) -> np.ndarray:
        """Reference state, 0 or 1, at the time of the test.

        Parameters
        ----------
        value : array-like of shape (n,)
            Reference state, 0 or 1; missing values are refused (see verification bias in the diagnostic tier).
        index : Index, Series, DataFrame or array-like of shape (n,), optional
            Labels of the rows that ``y`` carries, as in `Surv.right`.

        Returns
        -------
        ndarray of shape (n,)
            Structured, with the field ``reference`` (int8) and, if given, ``label``.
        """
        return _outcome("reference", value, None, index, None)
