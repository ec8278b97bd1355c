"""Columns as they really arrive: nullable types, words, mixed objects, huge and tiny times, one row, nothing left."""

from __future__ import annotations

from math import isnan

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.survival import (
    CensoringKaplanMeier,
    Reference,
    Status,
    Surv,
    aalen_johansen,
    gray_test,
    kaplan_meier,
    log_rank,
    median_follow_up,
    nelson_aalen,
    rmst,
    turnbull,
)


def test_nullable_columns() -> None:
    time, event = pd.Series([1, 2, 3], dtype="Int64"), pd.Series([1, 0, 2], dtype="Int8")
    assert Surv.right(time, event)["event"].tolist() == [1, 0, 2]
    with pytest.raises(ArgumentError, match="missing codes at rows \\[1\\]"):
        Surv.right(time, pd.Series([1, pd.NA, 2], dtype="Int64"))
    with pytest.raises(ArgumentError, match="`time` must be"):
        Surv.right(pd.Series([1, pd.NA, 2], dtype="Int64"), event)
    mixed = np.array([True, 0, 2], dtype=object)
    assert Surv.right(time, mixed)["event"].tolist() == [1, 0, 2]
    assert Status.at(6, pd.Series([1, pd.NA, 0], dtype="boolean"))["status"].tolist() == [1, -1, 0]
    with pytest.raises(OutcomeError, match="row 1"):
        Reference.now(pd.Series([1, pd.NA, 0], dtype="Int64"))


@pytest.mark.parametrize(
    "event", [["1", "0"], [1, "0"], [pd.Timestamp("2020-01-01"), 0], [[1], [0]], [1 + 2j, 0], [None, None], "10", 1]
)
def test_strange_codes(event) -> None:
    with pytest.raises(ArgumentError, match="`event` must be"):
        Surv.right([1, 2], event)


def test_times_of_any_size() -> None:
    for scale in (1e-100, 1e-9, 1e12, 1e100):
        y = Surv.right(np.array([1, 2, 3, 4]) * scale, [1, 0, 1, 0])
        assert_allclose(kaplan_meier(y).value, [0.75, 0.75, 0.375, 0.375])
        assert_allclose(rmst(y, 2 * scale).value, 1.75 * scale)


def test_events_at_time_zero() -> None:
    y = Surv.right([0, 0, 1, 2], [1, 0, 1, 0])
    assert kaplan_meier(y).at([0, 1]).value.tolist() == [0.75, 0.375]
    assert rmst(y, 1).value == 0.75
    # seen at baseline already: an exactly known time of zero
    assert turnbull(Surv.interval([0, 0, 1, 1], [0, 2, np.inf, np.inf])).at(0).value == pytest.approx(0.75)


def test_one_patient() -> None:
    dead, alive = Surv.right([2], [1]), Surv.right([2], [0])
    assert kaplan_meier(dead).at(2).value == 0
    assert isnan(kaplan_meier(dead).at(2).se)
    assert kaplan_meier(alive).at(2).value == 1
    assert aalen_johansen(alive, cause=3).at(2).value == 0
    assert nelson_aalen(dead).at(2).value == 1
    assert median_follow_up(alive).value == 2
    assert turnbull(Surv.interval([0], [2])).at(2).value == 0
    assert turnbull(Surv.interval([2], [np.inf])).at(2).value == 1
    assert CensoringKaplanMeier().fit(alive).survival_at(2).tolist() == [0]


def test_all_events_at_one_time_and_groups_without_any() -> None:
    y = Surv.right([3] * 6, [1, 1, 2, 2, 0, 0])
    assert kaplan_meier(y).at(3).value == pytest.approx(1 / 3)
    assert aalen_johansen(y, cause=2).at(3).value == pytest.approx(1 / 3)
    for test in (log_rank, gray_test):
        assert test(y, [0, 0, 0, 1, 1, 1]).df == 1
        empty = test(y[[0, 2, 4, 5]], ["a", "a", "b", "b"])
        assert empty.df == 1
    none = gray_test(Surv.right([1, 2, 3, 4], [2, 0, 2, 0], censored=0), [0, 1, 0, 1], cause=1)
    assert none.df == 0
    assert isnan(none.p)


def test_missing_outcomes_are_said_by_row() -> None:
    with pytest.raises(ArgumentError, match="rows 0, 2"):
        Surv.right([np.nan, 1, np.inf], [0, 1, 0])
    with pytest.raises(OutcomeError, match="at least one row"):
        kaplan_meier(Surv.right([], []))
    with pytest.raises(ArgumentError, match="positive sum"):
        kaplan_meier(Surv.right([1], [1]), sample_weight=[0])
