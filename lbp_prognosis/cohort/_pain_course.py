"""``pain_course``: scores at visits as a course of pain, recovery and relapse, ended by surgery."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Return courses pain → recovered → relapsed, with surgery as a state that is never left.

    Parameters
    ----------
    visits : DataFrame
        One row per visit, in any order: patient, time since the start, and the score; a missing score was not seen.
    recovered_at_most : float, default 2.0
        A patient with a score of at most this has recovered.
    relapsed_above : float, optional
        After recovery a score above this is a relapse; ``recovered_at_most`` by default. Between the two the state goes
        on.
    surgery : Series or mapping, optional
        Time of the operation by patient; missing where there was none. It ends the course: later visits do not count.
    id, time, value : str
        Names of the columns.

    Returns
    -------
    MultiState
        States ``pain, recovered, relapsed, surgery``. They were seen at visits, and results say so
        (``panel-observed``); surgery is dated. Patients with one visit and no operation have no course.

    Raises
    ------
    ArgumentError
        If a column is absent, or an operation is not after the patient's first visit.
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
    absent = [name for name in (id, time, value) if name not in visits.columns]
    if absent:
        raise argument_error("visits", f"a frame with the columns {[id, time, value]}", f"one without {absent}")
    low = check_number("recovered_at_most", recovered_at_most)
    high = low if relapsed_above is None else check_number("relapsed_above", relapsed_above, low=low)
    numbers = numbers_in(visits, [time, value])
    table = pd.DataFrame({"id": visits[id].to_numpy(), "time": numbers[:, 0], "value": numbers[:, 1]})
    table = table.dropna(subset=["value"]).sort_values("time", kind="stable")
    operated = _operations(surgery)
    first = table.groupby("id", sort=False)["time"].min()
    early = [name for name, at in operated.items() if name in first.index and not at > first[name]]
    if early:
        raise argument_error(
            "surgery", "after the first visit of the patient", f"not so in {len(early)}: {early[:5]}", "Leave them out."
        )
    rows: list[tuple[Any, float, str]] = []
    for name, own in table.groupby("id", sort=False):
        state, end = "", operated.get(name, np.inf)
        for at, score in zip(own["time"], own["value"]):
            if at >= end:
                break
            if score <= low:
                state = "recovered"
            elif state == "":
                state = "pain"
            elif state == "recovered" and score > high:
                state = "relapsed"
            rows.append((name, float(at), state))
        if np.isfinite(end):
            rows.append((name, float(end), "surgery"))
    if not rows:
        raise argument_error("visits", "at least one score", "none")
    ids, times, states = zip(*rows)
    return MultiState.from_visits(list(ids), list(times), list(states), absorbing=["surgery"], states=_STATES)


def _operations(surgery: Any) -> dict[Any, float]:
    if surgery is None:
        return {}
    if isinstance(surgery, pd.Series):
        if not surgery.index.is_unique:
            raise argument_error("surgery", "one time a patient", "repeated patients")
        surgery = surgery.to_dict()
    if not isinstance(surgery, Mapping):
        raise argument_error("surgery", "times by patient, a Series or a mapping", describe(surgery))
    return {name: float(at) for name, at in surgery.items() if pd.notna(at)}
