"""``Surv``: constructors of time-to-event outcomes that refuse ambiguous input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    OutcomeError,
    aligned,
    argument_error,
    as_labels,
    as_numbers,
    as_pandas,
    check_choice,
    check_vector,
    describe,
    holds,
    numbers_of,
)
from lbp_prognosis.survival._outcome import check_outcome
from lbp_prognosis.survival._outcome_columns import outcome_columns
from lbp_prognosis.survival._truth_words import truth_words

__all__ = ["Surv"]

_MOST = 100
_SMALL = f"one code per cause, from 0 to {_MOST}"


class Surv:
    """Time-to-event outcomes.

    ``y`` is a NumPy structured array that is read by field name. Codes: 0 censored, 1 the event of interest, 2, 3 …
    competing events.

    Examples
    --------
    >>> from lbp_prognosis import Surv
    >>> y = Surv.right([3.0, 12.0, 7.5], [1, 0, 2])
    >>> y["time"].tolist(), y["event"].tolist()
    ([3.0, 12.0, 7.5], [1, 0, 2])
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Surv:
        """Refuse instantiation: the class only groups its constructors."""
        raise argument_error(
            "Surv",
            "called through a constructor",
            "a direct call",
            "Use Surv.right(time, event) or Surv.interval(lower, upper).",
        )

    @staticmethod
    def right(
        time: Any,
        event: Any,
        *,
        entry: Any = None,
        censored: Any = None,
        causes: Mapping[str, Any] | None = None,
        index: Any = None,
    ) -> np.ndarray:
        """Right-censored times, with competing events and delayed entry.

        Parameters
        ----------
        time : array-like of shape (n,)
            Follow-up time, finite and ≥ 0, in the unit of the study (the unit of all horizons).
        event : array-like of shape (n,)
            Codes, or booleans (True is the event), also as the words TRUE and FALSE. 0 is censored; 1 is the event of
            interest; 2, 3 … compete.
        entry : array-like of shape (n,), optional
            Delayed entry: a row is at risk on (entry, time].
        censored : scalar, optional
            The code that means censored. Required if no row has the code 0 and the data contain a code other than 1
            (R's 1/2 coding), because a guess would turn censored patients into events. Also required for words; the one
            other word is then the event.
        causes : mapping of str to scalar, optional
            Names of the events and their codes in ``event``; the first becomes 1, the second 2 …, e.g. ``{"recovery":
            1, "surgery": 2}``. Any other code except ``censored`` is an error.
        index : Index, Series, DataFrame or array-like of shape (n,), optional
            Labels of the rows (``index=X.index`` or ``index=X``). Labelled arguments are rearranged to its order, and
            ``y`` stores the labels. Labelled inputs given together with ``y`` later, including predictors, are matched
            by label.

        Returns
        -------
        ndarray of shape (n,)
            Structured, with fields ``time`` (float64), ``event`` (int8) and, if given, ``entry`` (float64) and
            ``label`` (uint64, a hash of each row's label).

        Raises
        ------
        OutcomeError
            If the codes are ambiguous.
        ArgumentError
            If a time is missing, infinite or negative, or is not after its entry.
        """
        given, labels = aligned({"time": time, "event": event, "entry": entry}, index)
        _refuse_exchanged(given["time"], given["event"])
        times = check_vector("time", given["time"], low=0, n=None if labels is None else labels.size)
        codes = _codes(given["event"], times.size, censored, causes)
        return _assemble({"time": times, "event": codes}, given["entry"], "time", causes, labels)

    @staticmethod
    def from_frame(
        frame: pd.DataFrame,
        *,
        time: Any = None,
        event: Any = None,
        entry: Any = None,
        censored: Any = None,
        causes: Mapping[str, Any] | None = None,
    ) -> np.ndarray:
        """Right-censored times from columns of a frame; columns of Stata's ``stset`` are found by name.

        Parameters
        ----------
        frame : DataFrame of n rows
            One row per patient, or `stset` data with ``_t0, _t, _d`` and ``_st``.
        time, event : str or other label of a column, optional
            Columns of follow-up time and of codes, as in `right`. By default ``_t`` and ``_d`` if present.
        entry : str or other label of a column, optional
            Column of delayed entry. By default ``_t0``, if time is ``_t`` and not all values of ``_t0`` are 0.
        censored, causes : optional
            As in `right`.

        Returns
        -------
        ndarray of shape (n,)
            As from `right`, row by row as in ``frame``.

        Raises
        ------
        ArgumentError
            If a column is missing, or rows do not belong to the analysis (``_st`` of 0, or missing).

        Examples
        --------
        >>> import pandas as pd
        >>> from lbp_prognosis import Surv
        >>> Surv.from_frame(pd.DataFrame({"_t0": [0, 2], "_t": [3, 9], "_d": [1, 0], "_st": [1, 1]})).tolist()
        [(3.0, 1, 0.0), (9.0, 0, 2.0)]
        """
        frame = as_pandas(frame, "frame")
        names = outcome_columns(frame, time=time, event=event, entry=entry)
        return Surv.right(
            frame[names.time],
            frame[names.event],
            entry=None if names.entry is None else frame[names.entry],
            censored=censored,
            causes=causes,
        )

    @staticmethod
    def interval(lower: Any, upper: Any, event: Any = None, *, entry: Any = None, index: Any = None) -> np.ndarray:
        """Interval-censored times, for outcomes observed only at visits.

        Parameters
        ----------
        lower, upper : array-like of shape (n,)
            The event lies in (lower, upper]; ``upper=inf`` (or missing) is right-censored at ``lower``;
            ``lower == upper`` is an exactly known time.
        event : array-like of shape (n,), optional
            Cause of the event, 1, 2, …; 0 where right-censored. By default 1 where ``upper`` is finite.
        entry : array-like of shape (n,), optional
            Delayed entry.
        index : Index, Series, DataFrame or array-like of shape (n,), optional
            Labels of the rows that ``y`` carries, as in `Surv.right`.

        Returns
        -------
        ndarray of shape (n,)
            Structured, with fields ``lower``, ``upper`` (float64), ``event`` (int8) and, if given, ``entry`` and
            ``label``.
        """
        given, labels = aligned({"lower": lower, "upper": upper, "event": event, "entry": entry}, index)
        low = check_vector("lower", given["lower"], low=0, n=None if labels is None else labels.size)
        up = as_numbers("upper", given["upper"], "numbers, or infinity where right-censored").copy()
        event, entry = given["event"], given["entry"]
        if up.shape != low.shape:
            raise argument_error("upper", f"of length {low.size}, as `lower`", describe(up))
        up[np.isnan(up)] = np.inf
        if (up < low).any():
            rows = np.flatnonzero(up < low)[:5].tolist()
            raise argument_error("upper", "at least `lower` in every row", f"smaller values at rows {rows}")
        finite = np.isfinite(up)
        if event is None:
            codes = finite.astype(np.int8)
        else:
            codes = _codes(event, low.size, 0, None)
            wrong = (codes > 0) != finite
            if wrong.any():
                rows = np.flatnonzero(wrong)[:5].tolist()
                raise argument_error(
                    "event",
                    "a cause (1, 2, …) where `upper` is finite and 0 where it is infinite",
                    f"disagreement at rows {rows}",
                    kind=OutcomeError,
                )
        return _assemble({"lower": low, "upper": up, "event": codes}, entry, "lower", None, labels)

    @staticmethod
    def interval_to_right(y: np.ndarray, at: str) -> np.ndarray:
        """Convert an interval-censored outcome to a right-censored one, by a declared rule for event times.

        Parameters
        ----------
        y : ndarray
            Made by `Surv.interval`.
        at : {"visit", "midpoint"}
            ``"visit"`` dates the event at the visit that detected it, ``"midpoint"`` half-way. Hazard ratios are nearly
            unbiased; absolute risks between visits are biased (``"visit"`` dates events late).
        """
        check_outcome(y, ("interval",), caller="Surv.interval_to_right")
        check_choice("at", at, ("visit", "midpoint"))
        found = np.isfinite(y["upper"])
        upper = np.where(found, y["upper"], y["lower"])
        time = np.where(found, upper if at == "visit" else (y["lower"] + upper) / 2, y["lower"])
        entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
        return Surv.right(time, y["event"], entry=entry, censored=0)


def _refuse_exchanged(time: Any, event: Any) -> None:
    """Refuse truth values as times with numeric events: other libraries take the event first."""
    cells, codes = (np.asarray(each) if not hasattr(each, "dtype") else each for each in (time, event))
    if holds(cells) == "truth value" and holds(codes) == "number":
        raise argument_error(
            "time",
            "numbers, in the unit of the study",
            "truth values",
            "The order is Surv.right(time, event): first the time, then the event.",
        )


def _codes(event: Any, n: int, censored: Any, causes: Mapping[str, Any] | None) -> np.ndarray:
    """Convert the user's codes to 0, 1, 2, …, and refuse ambiguous codes."""
    raw = np.asarray(as_labels("event", event, "event codes"))
    if raw.ndim != 1 or raw.size != n:
        raise argument_error("event", f"of length {n}, one code per time", describe(event))
    missing = np.asarray(pd.isna(raw))
    if missing.any():
        rows = np.flatnonzero(missing)[:5].tolist()
        raise argument_error("event", "free of missing values", f"missing codes at rows {rows}")
    if causes is None and censored is None:
        raw = truth_words(raw)
    what = holds(raw)
    if what == "truth value":
        raw, what = raw.astype(np.int8), "number"
    if causes is not None:
        return _named_codes(raw, set(raw.tolist()), 0 if censored is None else censored, causes)
    if censored is not None and what == "text":
        others = set(raw.tolist()) - {censored}
        if len(others) == 1:  # the one word other than that for censored is the event
            return (raw != censored).astype(np.int8)
    numbers = numbers_of(raw) if what in ("number", "nothing") else None
    if numbers is None or not np.isfinite(numbers).all() or (numbers != np.floor(numbers)).any():
        raise argument_error(
            "event",
            "whole-number codes or booleans",
            f"values {sorted(map(str, set(raw.tolist())))[:6]}",
            _words(sorted(set(raw.tolist()), key=str)),
            kind=OutcomeError,
        )
    if numbers.size and np.abs(numbers).max() >= 2**53:  # whole numbers of 64 bits would wrap around
        raise argument_error("event", _SMALL, f"codes such as {numbers[np.abs(numbers).argmax()]:g}", kind=OutcomeError)
    raw = raw.astype(np.int64)
    present = set(np.unique(raw).tolist())
    if censored is None:
        if present and 0 not in present and present != {1}:
            raise argument_error(
                "event",
                "coded 0 for censored",
                f"codes {_some(present)} without a 0",
                "So many codes look like times: the order is Surv.right(time, event)."
                if len(present) > 20
                else "If one of them means censored (R's 1/2 coding), say so: censored=1. If every row is an event, "
                "say censored=0.",
                kind=OutcomeError,
            )
        censored = 0
    codes = sorted(present - {censored})
    if any(code < 0 for code in codes):
        raise argument_error("event", "codes of at least 0", f"codes {codes}", kind=OutcomeError)
    if censored == 0 or not codes or codes[0] == 1:
        mapped = np.where(raw == censored, 0, raw)
        if censored != 0 and 0 in codes:
            raise argument_error(
                "event",
                f"free of 0 when censored={censored!r}",
                f"codes {_some(present)}",
                "Name the events with causes=.",
                kind=OutcomeError,
            )
    elif len(codes) == 1 and codes[0] != 0:
        mapped = np.where(raw == censored, 0, 1)
    else:
        raise argument_error(
            "event",
            "events coded from 1, or named with causes=",
            f"codes {_some(present)} with censored={censored!r}",
            'Name them: causes={"recovery": 2, "surgery": 3}.',
            kind=OutcomeError,
        )
    if mapped.size and mapped.max() > _MOST:
        raise argument_error("event", _SMALL, f"codes {codes[-3:]}", kind=OutcomeError)
    return mapped.astype(np.int8)


def _words(values: list[Any]) -> str:
    """Return the advice for codes that are not whole numbers."""
    if len(values) == 2:
        one, other = values
        return f"Say which of them means censored: censored={one!r} or censored={other!r}."
    return 'Name them: causes={"recovery": "rec", "surgery": "op"}, censored="none".'


def _some(present: set[int]) -> str:
    """Return a few codes, and their number."""
    codes = sorted(present)
    return str(codes) if len(codes) <= 6 else f"{', '.join(map(str, codes[:6]))}, … ({len(codes)} different)"


def _named_codes(raw: np.ndarray, present: set[Any], censored: Any, causes: Mapping[str, Any]) -> np.ndarray:
    if not isinstance(causes, Mapping):
        raise argument_error(
            "causes",
            "a mapping from name to code",
            type(causes).__name__,
            'Write causes={"recovery": 1, "surgery": 2}.',
        )
    values = list(causes.values())
    if len(set(values)) != len(values) or censored in values:
        raise argument_error("causes", "a mapping from name to distinct codes other than `censored`", dict(causes))
    unknown = present - set(values) - {censored}
    if unknown:
        raise argument_error(
            "event",
            f"one of {[censored, *values]}",
            f"other codes {sorted(map(str, unknown))[:6]}",
            "causes= maps your name to the code in the data: the name comes first, then the code."
            if unknown & set(causes)
            else "Name every event in causes=, or say which code is censored.",
            kind=OutcomeError,
        )
    codes = np.zeros(raw.size, dtype=np.int8)
    for number, value in enumerate(values, start=1):
        codes[raw == value] = number
    return codes


def _assemble(
    fields: dict[str, np.ndarray],
    entry: Any,
    after: str,
    causes: Mapping[str, Any] | None,
    labels: np.ndarray | None,
) -> np.ndarray:
    n = fields["event"].size
    if entry is not None:
        entry = check_vector("entry", entry, n=n, low=0)
        late = entry >= fields[after] if after == "time" else entry > fields[after]
        if late.any():
            rows = np.flatnonzero(late)[:5].tolist()
            raise argument_error(
                "entry",
                f"before `{after}` in every row",
                f"entry not before it at rows {rows}",
                "A patient who left before entering was never at risk: drop these rows and count them.",
            )
        fields = {**fields, "entry": entry}
    metadata = {"causes": tuple(causes)} if causes else None
    if labels is not None:
        fields = {**fields, "label": labels}
    names = [(name, {"event": "i1", "label": "u8"}.get(name, "f8")) for name in fields]
    dtype = np.dtype(names, metadata=metadata) if metadata else np.dtype(names)
    y = np.empty(n, dtype=dtype)
    for name, values in fields.items():
        y[name] = values
    return y
