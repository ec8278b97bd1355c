"""Scores at visits as courses: thresholds on, below and above, operations, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError
from lbp_prognosis.cohort import pain_course
from lbp_prognosis.survival import state_occupancy


def visits(**scores: list[float]) -> pd.DataFrame:
    rows = [(name, 3.0 * k, score) for name, own in scores.items() for k, score in enumerate(own)]
    return pd.DataFrame(rows, columns=["patient_id", "time", "value"]).sample(frac=1, random_state=1)


def states_of(frame: pd.DataFrame, **options) -> dict[str, list[str]]:
    course = pain_course(frame, **options)
    out: dict[str, list[str]] = {}
    for row in np.lexsort((course.start, course.patient)):
        own = out.setdefault(course.ids[course.patient[row]], [course.states[course.origin[row]]])
        if course.target[row] >= 0:
            own.append(course.states[course.target[row]])
    return out


def test_thresholds_on_below_and_above() -> None:
    frame = visits(on=[7, 2, 2], above=[7, 2.5, 2.5], below=[7, 1.5, 2], back=[7, 2, 3, 2], start=[1, 5])
    assert states_of(frame) == {
        "on": ["pain", "recovered"],
        "above": ["pain"],
        "below": ["pain", "recovered"],
        "back": ["pain", "recovered", "relapsed", "recovered"],
        "start": ["recovered", "relapsed"],
    }
    assert states_of(visits(back=[7, 2, 3, 4]), relapsed_above=3) == {"back": ["pain", "recovered", "relapsed"]}
    assert states_of(visits(back=[7, 2, 3, 3]), relapsed_above=3) == {"back": ["pain", "recovered"]}


def test_surgery_is_dated_and_ends_the_course() -> None:
    frame = visits(a=[7, 1, 5, 1], b=[8, 8], c=[7, 6, np.nan])
    course = pain_course(frame, surgery=pd.Series({"a": 6.0, "b": 30.0, "c": np.nan}))
    assert states_of(frame, surgery={"a": 6.0, "b": 30.0}) == {
        "a": ["pain", "recovered", "surgery"],
        "b": ["pain", "surgery"],
        "c": ["pain"],
    }
    assert course.stop[course.target == 3].tolist() == [6.0, 30.0]
    found = state_occupancy(course, 3.0)
    assert [o.code for o in found.objections] == ["panel-observed"]
    with pytest.raises(LBPError, match="first visit"):
        pain_course(frame, surgery={"a": 0.0})


def test_wrong_calls_are_told() -> None:
    with pytest.raises(LBPError, match="columns"):
        pain_course(pd.DataFrame({"id": [1]}))
    with pytest.raises(LBPError, match="relapsed_above"):
        pain_course(visits(a=[7, 1]), relapsed_above=1)
    with pytest.raises(LBPError, match="surgery"):
        pain_course(visits(a=[7, 1]), surgery=[3.0])
    with pytest.raises(LBPError, match="two visits"):
        pain_course(visits(a=[7], b=[6]))
    with pytest.raises(LBPError, match="columns"):
        pain_course([1])
    with pytest.raises(LBPError, match=r"There are: 'patient', 'time', 'value'\. Name your columns by id="):
        pain_course(visits(a=[7, 1]).rename(columns={"patient_id": "patient"}))
    with pytest.raises(LBPError, match="missing identifiers"):
        pain_course(visits(a=[7, 1]).assign(patient_id=["a", None]))
    frame = visits(a=[7, 1], b=[6])
    for surgery in (None, {"b": 5.0}):  # the times are at fault, whether there are operations or not
        with pytest.raises(LBPError, match="not-finite"):
            pain_course(frame.assign(time=frame["time"].mask(frame["patient_id"] == "b")), surgery=surgery)


def test_an_operation_of_nobody_or_at_no_time_is_refused() -> None:
    frame = visits(a=[7, 1], b=[6, 5]).assign(patient_id=["1", "1", "2", "2"])
    with pytest.raises(LBPError, match="patients in `visits`.*1 others"):
        pain_course(frame, surgery={1: 2.0})
    for at in ("soon", pd.Timestamp("2020-01-01"), np.inf):
        with pytest.raises(LBPError, match="surgery of 1"):
            pain_course(frame, surgery={"1": at})
