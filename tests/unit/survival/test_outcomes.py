"""Constructors of outcomes refuse instead of guessing, in words that say what to do."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError
from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.survival import (
    OutcomeSpec,
    Reference,
    Status,
    Surv,
    Weights,
    cause_names,
    check_outcome,
    check_weights,
    from_frame,
    from_sksurv,
    outcome_kind,
    status_horizon,
    to_frame,
    to_sksurv,
)


def refused(kind, function, *args, **kwargs) -> str:
    with pytest.raises(kind) as caught:
        function(*args, **kwargs)
    assert isinstance(caught.value, LBPError)
    assert isinstance(caught.value, ValueError)
    message = str(caught.value)
    assert message.startswith("`")
    assert "must be" in message
    assert message.endswith(".")
    return message


class TestRight:
    def test_fields_are_read_by_name(self) -> None:
        y = Surv.right([3, 12.0, 7.5], [1, 0, 2], entry=[0, 1, 2])
        assert y.dtype.names == ("time", "event", "entry")
        assert y["time"].dtype == float
        assert y["event"].tolist() == [1, 0, 2]
        assert outcome_kind(y) == "right"

    def test_booleans_series_and_columns(self) -> None:
        assert Surv.right(pd.Series([1, 2]), pd.Series([True, False]))["event"].tolist() == [1, 0]
        assert Surv.right(np.array([[1.0], [2.0]]), [0, 1])["time"].tolist() == [1, 2]

    def test_codes_one_two_are_not_guessed(self) -> None:
        message = refused(OutcomeError, Surv.right, [1, 2, 3], [1, 2, 2])
        assert "censored=1" in message
        assert "[1, 2]" in message
        assert Surv.right([1, 2, 3], [1, 2, 2], censored=1)["event"].tolist() == [0, 1, 1]
        # said to be two events, none censored
        assert Surv.right([1, 2, 3], [1, 2, 2], censored=0)["event"].tolist() == [1, 2, 2]

    def test_all_ones_are_events(self) -> None:
        assert Surv.right([1, 2], [1, 1])["event"].tolist() == [1, 1]

    def test_codes_between_which_censored_lies_are_named(self) -> None:
        assert "causes=" in refused(OutcomeError, Surv.right, [1, 2, 3], [1, 2, 3], censored=1)
        y = Surv.right([1, 2, 3], [1, 2, 3], censored=1, causes={"recovery": 2, "surgery": 3})
        assert y["event"].tolist() == [0, 1, 2]
        assert cause_names(y) == {1: "recovery", 2: "surgery"}
        assert cause_names(y[1:]) == {1: "recovery", 2: "surgery"}

    def test_named_words(self) -> None:
        y = Surv.right([1, 2, 3], ["op", "none", "rec"], causes={"recovery": "rec", "surgery": "op"}, censored="none")
        assert y["event"].tolist() == [2, 0, 1]
        assert "censored='alive' or censored='dead'" in refused(OutcomeError, Surv.right, [1, 2], ["dead", "alive"])
        assert "causes=" in refused(OutcomeError, Surv.right, [1, 2, 3], ["rec", "op", "none"])
        assert "causes=" in refused(OutcomeError, Surv.right, [1, 2, 3], ["rec", "op", "none"], censored="none")
        # one word besides that for censored can only be the event
        assert Surv.right([1, 2], ["dead", "alive"], censored="alive")["event"].tolist() == [1, 0]
        assert Surv.right([1, 2], ["dead", "dead"], censored="alive")["event"].tolist() == [1, 1]
        message = refused(OutcomeError, Surv.right, [1, 2], [1, 7], causes={"a": 1})
        assert "'7'" in message
        refused(ArgumentError, Surv.right, [1, 2], [1, 0], causes={"a": 1, "b": 1})
        refused(ArgumentError, Surv.right, [1, 2], [1, 0], causes={"a": 0})

    def test_truth_in_words(self) -> None:
        assert Surv.right([1, 2, 3], ["TRUE", "FALSE", "TRUE"])["event"].tolist() == [1, 0, 1]
        assert Surv.right([1, 2], np.array(["True", "False"]))["event"].tolist() == [1, 0]
        assert Surv.right([1, 2], ["TRUE", "FALSE"], censored="TRUE")["event"].tolist() == [0, 1]
        assert "rows [1]" in refused(ArgumentError, Surv.right, [1, 2], ["TRUE", None])
        refused(OutcomeError, Surv.right, [1, 2], ["TRUE", "no"])
        assert Status.at(12, ["TRUE", None, "FALSE"])["status"].tolist() == [1, -1, 0]

    @pytest.mark.parametrize("codes", [[0.5, 1], [np.inf, 1], [-1, 0], [0, 101]])
    def test_odd_codes(self, codes) -> None:
        refused(OutcomeError, Surv.right, [1, 2], codes)

    def test_missing_codes_name_their_rows(self) -> None:
        assert "rows [1]" in refused(ArgumentError, Surv.right, [1, 2], [1, np.nan])
        assert "rows [0]" in refused(ArgumentError, Surv.right, [1, 2], [None, 1])

    @pytest.mark.parametrize(("time", "word"), [([1, np.nan], "rows 1"), ([1, np.inf], "rows 1"), ([-1, 2], "rows 0")])
    def test_bad_times_name_their_rows(self, time, word) -> None:
        assert word in refused(ArgumentError, Surv.right, time, [1, 0])

    def test_lengths_and_shapes(self) -> None:
        assert "length 2" in refused(ArgumentError, Surv.right, [1, 2], [1, 0, 1])
        refused(ArgumentError, Surv.right, np.ones((2, 2)), [1, 0])
        refused(ArgumentError, Surv.right, ["a", "b"], [1, 0])

    def test_entry_lies_before_time(self) -> None:
        message = refused(ArgumentError, Surv.right, [1, 2, 3], [1, 0, 1], entry=[0, 2, 4])
        assert "rows [1, 2]" in message
        assert "never at risk" in message

    def test_the_class_is_no_constructor(self) -> None:
        assert "Surv.right" in refused(ArgumentError, Surv, [1], [1])


class TestInterval:
    def test_fields(self) -> None:
        y = Surv.interval([0, 3, 5, 2], [3, np.inf, 5, np.nan])
        assert y["upper"].tolist() == [3, np.inf, 5, np.inf]
        assert y["event"].tolist() == [1, 0, 1, 0]
        assert outcome_kind(y) == "interval"

    def test_order_and_disagreement(self) -> None:
        assert "rows [1]" in refused(ArgumentError, Surv.interval, [0, 3], [3, 2])
        assert "rows [0]" in refused(OutcomeError, Surv.interval, [0, 3], [np.inf, 5], [1, 1])
        refused(ArgumentError, Surv.interval, [0, 3], [3])
        refused(ArgumentError, Surv.interval, [0, 3], ["a", "b"])

    def test_turned_into_right(self) -> None:
        y = Surv.interval([0, 3, 6], [2, np.inf, 8], [1, 0, 2])
        assert Surv.interval_to_right(y, at="visit")["time"].tolist() == [2, 3, 8]
        assert Surv.interval_to_right(y, at="midpoint")["time"].tolist() == [1, 3, 7]
        assert Surv.interval_to_right(y, at="visit")["event"].tolist() == [1, 0, 2]
        assert "'visit'" in refused(ArgumentError, Surv.interval_to_right, y, at="later")
        refused(OutcomeError, Surv.interval_to_right, Surv.right([1], [1]), at="visit")


class TestStatesAndReferences:
    def test_status(self) -> None:
        y = Status.at(12, [0, 1, None, np.nan, -1])
        assert y["status"].tolist() == [0, 1, -1, -1, -1]
        assert status_horizon(y) == 12
        assert outcome_kind(y) == "status"
        assert "row 1" in refused(OutcomeError, Status.at, 12, [0, 2])
        refused(ArgumentError, Status.at, 0, [0, 1])
        dates = pd.Series(pd.to_datetime(["2020-01-01", None, "2021-05-01"]))
        for function in (partial(Status.at, 12), Reference.now, partial(Surv.right, [1, 2, 3])):
            for column in (dates, dates.dt.tz_localize("UTC"), dates.astype(object)):
                said = refused(ArgumentError, function, column)
                assert "got dates. Say what had happened by then" in said
                assert "(date <= visit).astype(int)" in said
            assert "got durations. Say what had happened" in refused(ArgumentError, function, dates - dates[0])

    def test_reference(self) -> None:
        y = Reference.now([True, 0, 1])
        assert y["reference"].tolist() == [1, 0, 1]
        assert outcome_kind(y) == "reference"
        assert "row 1" in refused(OutcomeError, Reference.now, [0, np.nan])
        refused(OutcomeError, Reference.now, [0, -1])
        refused(ArgumentError, Reference.now, [[0, 1]])

    def test_a_bare_vector_is_asked_what_it_means(self) -> None:
        for bare in ([0, 1, 1], np.array([True, False]), np.array([0.0, 1.0])):
            message = refused(OutcomeError, outcome_kind, bare)
            assert "an outcome later, or a reference now?" in message
        assert "made by" in refused(OutcomeError, outcome_kind, [3.5, 2.0])
        assert "made by" in refused(OutcomeError, outcome_kind, np.zeros(2, dtype=[("a", "f8")]))

    def test_check_outcome_says_what_takes_it(self) -> None:
        message = refused(
            OutcomeError, check_outcome, Reference.now([0, 1]), ("right",), caller="kaplan_meier", instead="Use X."
        )
        assert "Surv.right(time, event) for kaplan_meier" in message
        assert message.endswith("Use X.")
        refused(OutcomeError, check_outcome, Surv.right([], []), ("right",), caller="kaplan_meier")


class TestWeights:
    def test_kinds(self) -> None:
        assert check_weights(None, 3) is None
        assert check_weights([1, 2, 0.5], 3).kind == "sampling"
        assert check_weights(Weights([1, 2, 3], "frequency"), 3).values.tolist() == [1, 2, 3]

    @pytest.mark.parametrize(
        ("values", "kind"), [([0.5], "frequency"), ([-1], "sampling"), ([np.nan], "sampling"), ([0, 0], "sampling")]
    )
    def test_refusals(self, values, kind) -> None:
        refused(ArgumentError, Weights, values, kind)

    def test_unknown_kind_and_length(self) -> None:
        assert "'frequency'" in refused(ArgumentError, Weights, [1], "probability")
        assert "length 2" in refused(ArgumentError, check_weights, [1, 2], 3)


class TestConversion:
    @pytest.mark.parametrize(
        "y",
        [
            Surv.right([1, 2], [1, 2], entry=[0, 1], censored=0),
            Surv.interval([0, 1], [2, np.inf]),
            Status.at(6, [0, -1]),
            Reference.now([0, 1]),
        ],
        ids=["right", "interval", "status", "reference"],
    )
    def test_round_trip(self, y) -> None:
        back = from_frame(to_frame(y))
        assert back.dtype.names == y.dtype.names
        assert back.tolist() == y.tolist()
        assert status_horizon(back) == status_horizon(y)

    def test_sksurv(self) -> None:
        y = Surv.right([1, 2, 3], [1, 2, 0])
        assert to_sksurv(y, cause=2).tolist() == [(False, 1), (True, 2), (False, 3)]
        assert from_sksurv(to_sksurv(y)).tolist() == [(1, 1), (2, 0), (3, 0)]
        refused(OutcomeError, from_sksurv, y)
        refused(OutcomeError, to_sksurv, Reference.now([1]))
        refused(OutcomeError, from_frame, pd.DataFrame({"days": [1]}))


SPEC = {
    "name": "recovery",
    "definition": "pain at most 1 of 10 at two visits",
    "polarity": "good",
    "time_zero": "first consultation",
    "unit": "weeks",
    "horizons": (6, 12),
    "causes": {"recovery": 1, "surgery": 2},
}


class TestSpec:
    def test_defaults_follow(self) -> None:
        spec = OutcomeSpec(**SPEC)
        assert (spec.target, spec.primary_horizon, spec.competing) == ("no_event", 6.0, ("surgery",))
        assert OutcomeSpec.from_dict(spec.to_dict()) == spec
        assert OutcomeSpec(**{**SPEC, "polarity": "bad"}).target == "event"

    @pytest.mark.parametrize(
        "change",
        [
            {"polarity": "neutral"},
            {"unit": "fortnights"},
            {"horizons": (12, 6)},
            {"horizons": (0,)},
            {"causes": {"recovery": 1, "surgery": 3}},
            {"primary_horizon": 9},
            {"ascertainment": "guess"},
            {"estimand": "none"},
        ],
    )
    def test_refusals(self, change) -> None:
        refused(ArgumentError, OutcomeSpec, **{**SPEC, **change})


def test_surv_says_which_way_causes_are_written() -> None:
    words = ["genesen", "Operation", "zensiert"]
    y = Surv.right([1, 2, 3], words, censored="zensiert", causes={"recovery": "genesen", "surgery": "Operation"})
    assert y["event"].tolist() == [1, 2, 0]
    turned = refused(
        OutcomeError, Surv.right, [1, 2, 3], words, censored="zensiert", causes={"genesen": 1, "Operation": 2}
    )
    assert "name comes first" in turned
    listed = refused(ArgumentError, Surv.right, [1, 2, 3], words, censored="zensiert", causes=["genesen", "Operation"])
    assert listed.startswith("`causes`")


@pytest.mark.parametrize(("code", "told"), [(2.0**64, "1.84467e.19"), (np.uint64(2**63), "9.22337e.18"), (101, "101")])
def test_large_codes_are_told_as_they_are(code, told):
    with pytest.raises(OutcomeError, match=f"from 0 to 100; got codes .*{told}"):
        Surv.right([1, 2], np.array([code, 0]))
    assert Surv.right([1, 2], [100, 0])["event"].tolist() == [100, 0]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("start", ["2020-01-01", "2020-03-28"])
def test_labels_that_are_dates_are_the_same_in_any_unit(unit, start) -> None:
    days = pd.date_range(start, periods=4, tz="Europe/Oslo").as_unit("ns")
    y = Surv.right(pd.Series([1, 2, 3, 4], index=days), pd.Series([1, 0, 1, 0], index=days), index=days)
    again = Surv.right([1, 2, 3, 4], [1, 0, 1, 0], index=days.as_unit(unit))
    np.testing.assert_array_equal(y["label"], again["label"])
    far = pd.DatetimeIndex(np.array(["0800-01-01", "2999-12-31"], dtype="M8[s]"))
    assert np.unique(Surv.right([1, 2], [1, 0], index=far)["label"]).size == 2
    gaps = pd.to_timedelta([1, 2], unit="D")
    short = Surv.right([1, 2], [1, 0], index=gaps.as_unit(unit))
    np.testing.assert_array_equal(short["label"], Surv.right([1, 2], [1, 0], index=gaps.as_unit("ns"))["label"])
