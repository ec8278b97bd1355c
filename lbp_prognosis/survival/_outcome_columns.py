"""Columns of a right-censored outcome in a frame, as named or as made by Stata's ``stset``."""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

import pandas as pd

from lbp_prognosis._base import argument_error

__all__ = ["OutcomeColumns", "outcome_columns"]


class OutcomeColumns(NamedTuple):
    """Names of columns; ``entry`` is None without delayed entry."""

    time: Any
    event: Any
    entry: Any


def outcome_columns(frame: pd.DataFrame, *, time: Any, event: Any, entry: Any) -> OutcomeColumns:
    """Return the outcome columns, after checking that each occurs once and that all rows belong to the analysis."""
    if not isinstance(frame, pd.DataFrame):
        raise argument_error("frame", "a DataFrame", type(frame).__name__)
    stata = {"_t", "_d"} <= set(map(str, frame.columns))
    if stata and time in (None, "_t") and event in (None, "_d"):
        time, event = "_t", "_d"
        _refuse_left_out(frame)
        if entry is None and "_t0" in frame.columns and not frame["_t0"].eq(0).all():
            entry = "_t0"
    for name, column in (("time", time), ("event", event)):
        if column is None:
            raise argument_error(
                name, "the name of a column", "none", "Only the columns `_t` and `_d` of Stata's stset need no names."
            )
    for name, column in (("time", time), ("event", event), ("entry", entry)):
        if column is not None:
            _one_column(frame, name, column)
    return OutcomeColumns(time, event, entry)


def _refuse_left_out(frame: pd.DataFrame) -> None:
    """``_st`` is 0 for records that stset leaves out of every analysis."""
    if "_st" not in frame.columns:
        return
    out = int((~frame["_st"].eq(1).fillna(False)).sum())
    if out:
        raise argument_error(
            "frame",
            "of records that belong to the analysis (`_st` of 1)",
            f"{out} with another `_st`",
            'Leave them out and count them: frame[frame["_st"] == 1].',
        )


def _one_column(frame: pd.DataFrame, name: str, column: Any) -> None:
    count = list(frame.columns).count(column)
    if count == 1:
        return
    if count:
        raise argument_error(name, "a column that occurs once", f"{column!r}, which occurs {count} times")
    near = difflib.get_close_matches(str(column), list(map(str, frame.columns)), n=1)
    remedy = f"Did you mean {near[0]!r}?" if near else None
    shown = ", ".join(map(repr, frame.columns[:12]))
    raise argument_error(name, f"a column of the frame: {shown}", repr(column), remedy)
