"""``Surv.from_frame``: columns by name, and those of Stata's stset without names."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, OutcomeError

FRAME = pd.DataFrame({"months": [3.0, 12.0, 7.5], "how": [1, 0, 2], "from": [0.0, 1.0, 2.0]}, index=["c", "a", "b"])


def test_columns_by_name_are_those_of_right():
    y = Surv.from_frame(FRAME, time="months", event="how", entry="from")
    np.testing.assert_array_equal(y, Surv.right(FRAME["months"], FRAME["how"], entry=FRAME["from"]))
    assert "entry" not in Surv.from_frame(FRAME, time="months", event="how").dtype.names


def test_censored_and_causes_are_handed_on():
    words = FRAME.assign(how=["rec", "none", "op"])
    y = Surv.from_frame(words, time="months", event="how", censored="none", causes={"recovery": "rec", "surgery": "op"})
    assert y["event"].tolist() == [1, 0, 2]
    with pytest.raises(OutcomeError):
        Surv.from_frame(FRAME.assign(how=[1, 2, 2]), time="months", event="how")


def test_stset_columns():
    stata = pd.DataFrame({"_t0": [0.0, 2.0], "_t": [3.0, 9.0], "_d": [1, 0], "_st": [1, 1]})
    y = Surv.from_frame(stata)
    assert y["time"].tolist() == [3, 9]
    assert y["entry"].tolist() == [0, 2]
    assert "entry" not in Surv.from_frame(stata.assign(_t0=0.0)).dtype.names  # nobody entered late
    assert "entry" not in Surv.from_frame(stata.drop(columns=["_t0", "_st"])).dtype.names
    other = stata.assign(months=[4.0, 10.0], died=[0, 1])
    assert Surv.from_frame(other, time="months", event="died")["time"].tolist() == [4, 10]
    assert "entry" not in Surv.from_frame(other, time="months", event="died").dtype.names


@pytest.mark.parametrize("out", [0, np.nan, 2])
def test_records_that_stset_left_out_are_refused(out):
    stata = pd.DataFrame({"_t": [3.0, 9.0], "_d": [1, 0], "_st": [1, out]})
    with pytest.raises(ArgumentError, match="1 with another"):
        Surv.from_frame(stata)


@pytest.mark.parametrize(
    ("frame", "names", "argument"),
    [
        (FRAME, {"event": "how"}, "time"),
        (FRAME, {"time": "months"}, "event"),
        (FRAME, {"time": "month", "event": "how"}, "time"),
        (FRAME, {"time": "months", "event": "howe"}, "event"),
        (FRAME, {"time": "months", "event": "how", "entry": "form"}, "entry"),
        (FRAME.to_numpy(), {"time": "months", "event": "how"}, "frame"),
        (pd.concat([FRAME, FRAME[["how"]]], axis=1), {"time": "months", "event": "how"}, "event"),
    ],
)
def test_what_is_not_there(frame, names, argument):
    with pytest.raises(ArgumentError, match=f"`{argument}`"):
        Surv.from_frame(frame, **names)


def test_the_nearest_name_is_offered():
    with pytest.raises(ArgumentError, match="'months'"):
        Surv.from_frame(FRAME, time="month", event="how")


@pytest.mark.parametrize("names", [[0, 1, 2], [("a", "t"), ("a", "d"), ("b", "t0")], [1.5, True, "entry"]])
def test_names_need_not_be_text(names):
    columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else pd.Index(names, dtype=object)
    frame = pd.DataFrame([[3, 1, 0], [9, 0, 2]]).set_axis(columns, axis=1)
    y = Surv.from_frame(frame, time=names[0], event=names[1], entry=names[2])
    assert y.tolist() == [(3.0, 1, 0.0), (9.0, 0, 2.0)]
