"""Contradictory rows in courses through states."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, plain_label

__all__ = ["course_failures", "raise_failures", "visit_failures"]


def _failure(row: Any, field: str, reason: str, value: Any, message: str) -> dict[str, Any]:
    return {"table": "courses", "row": int(row), "field": field, "reason": reason, "value": value, "message": message}


def course_failures(
    patient: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    target: np.ndarray,
    initial: np.ndarray,
    stated: np.ndarray | None,
    order: np.ndarray,
    *,
    gaps: bool,
    states: tuple[str, ...],
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Follow each patient through the rows; return the state of each row and all contradictions.

    Parameters
    ----------
    patient, start, stop : ndarray of shape (n,)
        Rows.
    target : ndarray of int of shape (n,)
        State entered at the stop; −1 none, −2 unknown.
    initial : ndarray of int of shape (n,)
        State of the row if it is the first row of a patient; −2 unknown.
    stated : ndarray of int of shape (n,), optional
        State that each row declares.
    order : ndarray of int of shape (n,)
        Rows by patient and time.
    gaps : bool
        Whether gaps are allowed.
    states : tuple of str
        Names.
    """
    out: list[dict[str, Any]] = []
    finite = np.isfinite(start) & np.isfinite(stop) & (start >= 0)
    for row in np.flatnonzero(~finite):
        out.append(
            _failure(row, "start, stop", "not-finite", f"{start[row]:g}, {stop[row]:g}", "times are no times ≥ 0.")
        )
    for row in np.flatnonzero(finite & ~(stop > start)):
        message = f"stop {stop[row]:g} is not after start {start[row]:g}."
        out.append(_failure(row, "stop", "backward-time", stop[row], message))
    for name, codes in (("state", target), ("initial", initial)):
        for row in np.flatnonzero(codes == -2):
            out.append(_failure(row, name, "unknown-state", "", f"the state is none of {list(states)}."))
    origin = np.empty(patient.size, dtype=np.int64)
    p, begin, end = patient[order], start[order], stop[order]
    same = np.append(False, p[1:] == p[:-1])
    before = np.append(np.nan, end[:-1])
    for k in np.flatnonzero(same & (begin < before)):
        message = f"the row starts at {begin[k]:g}, before the row before it ends ({before[k]:g})."
        out.append(_failure(order[k], "start", "overlap", begin[k], message))
    if not gaps:
        for k in np.flatnonzero(same & (begin > before)):
            message = f"nothing is known between {before[k]:g} and {begin[k]:g}; say gaps=True if that may be."
            out.append(_failure(order[k], "start", "gap", begin[k], message))
    current = -1
    for place, at in enumerate(order.tolist()):
        current = int(initial[at]) if not same[place] else current
        origin[at] = current
        if stated is not None and same[place] and stated[at] != current and stated[at] >= 0 <= current:
            message = f"the row is in {states[stated[at]]!r}, and the row before went on in {states[current]!r}."
            out.append(_failure(at, "initial", "teleport", states[stated[at]], message))
        current = int(target[at]) if target[at] >= 0 else current
    return origin, out


def visit_failures(
    patient: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    attended: np.ndarray,
    absorbing: Collection[int],
    *,
    states: tuple[str, ...],
) -> list[dict[str, Any]]:
    """Return contradictions of visits; ``code`` is −2 for an unknown state.

    Parameters
    ----------
    patient, time, code : ndarray of shape (n,)
        Visits.
    attended : ndarray of bool of shape (n,)
        Whether a state was observed.
    absorbing : collection of int
        States that are never left.
    states : tuple of str
        Names.
    """
    out: list[dict[str, Any]] = []
    for row in np.flatnonzero(attended & ~(np.isfinite(time) & (time >= 0))):
        out.append(_failure(row, "time", "not-finite", time[row], "the time is no time ≥ 0."))
    for row in np.flatnonzero(attended & (code == -2)):
        out.append(_failure(row, "state", "unknown-state", "", f"the state is none of {list(states)}."))
    order = np.lexsort((time, patient))
    order = order[attended[order]]
    for first, second in pairwise(order):
        if patient[first] != patient[second] or min(code[first], code[second]) < 0 or code[first] == code[second]:
            continue
        if time[first] == time[second]:
            message = f"{states[code[first]]!r} and {states[code[second]]!r} at {time[first]:g}."
            out.append(_failure(second, "state", "two-states-at-once", states[code[second]], message))
        elif code[first] in absorbing:
            message = f"{states[code[second]]!r} at {time[second]:g}, after {states[code[first]]!r} that is never left."
            out.append(_failure(second, "state", "after-absorbing", states[code[second]], message))
    return out


def raise_failures(name: str, failures: list[dict[str, Any]], ids: np.ndarray) -> NoReturn:
    """Raise all contradictions together.

    Parameters
    ----------
    name : str
        Name of the constructor.
    failures : list of dict
        Failures as returned by the functions of this module.
    ids : ndarray of shape (n,)
        Patient of each row, for the messages.
    """
    for failure in failures:
        failure["message"] = f"patient {plain_label(ids[failure['row']])}: {failure['message']}"
    frame = pd.DataFrame(failures, columns=["table", "row", "field", "reason", "value", "message"])
    frame = frame.sort_values(["row", "reason"], kind="stable").reset_index(drop=True)
    counts = ", ".join(f"{reason} ({count})" for reason, count in frame["reason"].value_counts().items())
    row, message = int(frame["row"].iloc[0]), str(frame["message"].iloc[0])
    raise DataError(
        f"{name} expects courses without contradictions, got {counts}. First: row {row}, {message} "
        "All are in `failures`.",
        frame,
    )
