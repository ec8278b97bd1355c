"""``pain_course``: courses of pain, recovery and relapse from scores at visits, ended by surgery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, describe, numbers_in
from lbp_prognosis.survival import MultiState

__all__ = ["pain_course"]

_STATES = ("pain", "recovered", "relapsed", "surgery")


def pain_course(
    visits: pd.DataFrame,
    *,
    recovered_at_most: float = 2.0,
    relapsed_above: float | None = None,
    surgery: Any = None,
    id: str = "patient_id",
    time: str = "time",
    value: str = "value",
) -> MultiState:
    """Return courses pain → recovered → relapsed, with surgery as the absorbing state.

    Parameters
    ----------
    visits : DataFrame
        One row per visit, in any order: patient, time since the start, and the score; a missing score was not observed.
    recovered_at_most : float, default 2.0
        Highest score of a patient who has recovered.
    relapsed_above : float, optional
        After recovery a score above this is a relapse; ``recovered_at_most`` by default. Between the two limits the
        state does not change.
    surgery : Series or mapping, optional
        Time of the operation by patient; missing if there was none. The operation ends the course: later visits are
        ignored. Every patient in it must be in ``visits``.
    id, time, value : str
        Names of the columns.

    Returns
    -------
    MultiState
        States ``pain, recovered, relapsed, surgery``. States are observed at visits, which results state
        (``panel-observed``); surgery is dated exactly. Patients with one visit and no operation, and those without any
        score, have no course.

    Raises
    ------
    ArgumentError
        If a column is absent, an identifier is missing, an operation belongs to no patient of ``visits``, or is not
        after the patient's first visit.
    DataError
        If visits contradict each other.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.cohort import pain_course
    >>> visits = pd.DataFrame(
    ...     {"patient_id": [1, 1, 1, 2, 2], "time": [0.0, 3, 12, 0, 3], "value": [7.0, 1, 5, 8, 6]}
    ... )
    >>> course = pain_course(visits, surgery={2: 5.0})
    >>> int(course.transitions().loc["recovered", "relapsed"]), int(course.transitions().loc["pain", "surgery"])
    (1, 1)
    """
    absent = [name for name in (id, time, value) if name not in getattr(visits, "columns", ())]
    if absent:
        there = ", ".join(map(repr, getattr(visits, "columns", ()))) or "none"
        raise argument_error(
            "visits",
            f"a frame with the columns {[id, time, value]}",
            f"one without {absent}",
            f"There are: {there}. Name your columns by id=, time= and value=.",
        )
    if visits[id].isna().any():
        raise argument_error("visits", f"a frame that names a patient in each row of {id!r}", "missing identifiers")
    low = check_number("recovered_at_most", recovered_at_most)
    high = low if relapsed_above is None else check_number("relapsed_above", relapsed_above, low=low)
    numbers = numbers_in(visits, [time, value])
    table = pd.DataFrame({"id": visits[id].to_numpy(), "time": numbers[:, 0], "value": numbers[:, 1]})
    operated = _operations(surgery, set(table["id"]))
    table = table.dropna(subset=["value"]).sort_values("time", kind="stable")
    rows = []
    early = []
    for name, own in table.groupby("id", sort=False):
        end = operated.get(name, np.inf)
        if own["time"].min() >= end:
            early.append(name)
        rows += [(name, *row) for row in _course(own["time"], own["value"], end, low, high)]
    if early:
        raise argument_error(
            "surgery", "after the first visit of the patient", f"not so in {len(early)}: {early[:5]}", "Leave them out."
        )
    if not rows:
        raise argument_error("visits", "at least one score", "none")
    ids, times, states = zip(*rows)
    return MultiState.from_visits(list(ids), list(times), list(states), absorbing=["surgery"], states=_STATES)


def _course(times: pd.Series, scores: pd.Series, end: float, low: float, high: float) -> Iterator[tuple[float, str]]:
    """Yield the state of a patient at each visit before an operation, and the operation."""
    state = ""
    for at, score in zip(times, scores):
        if at >= end:
            break
        if score <= low:
            state = "recovered"
        elif state == "":
            state = "pain"
        elif state == "recovered" and score > high:
            state = "relapsed"
        yield float(at), state
    if np.isfinite(end):
        yield float(end), "surgery"


def _operations(surgery: Any, patients: set[Any]) -> dict[Any, float]:
    """Return the times of operations that took place, by patient."""
    if surgery is None:
        return {}
    if isinstance(surgery, pd.Series):
        if not surgery.index.is_unique:
            raise argument_error("surgery", "one time per patient", "repeated patients")
        surgery = surgery.to_dict()
    if not isinstance(surgery, Mapping):
        raise argument_error("surgery", "times by patient, a Series or a mapping", describe(surgery))
    strangers = [name for name in surgery if name not in patients]
    if strangers:
        raise argument_error(
            "surgery",
            "times of patients in `visits`",
            f"{len(strangers)} others: {strangers[:5]}",
            "Leave out patients without visits; identifiers are compared as they are (1 is not '1').",
        )
    return {name: float(check_number(f"surgery of {name}", at)) for name, at in surgery.items() if pd.notna(at)}
