"""Strategies of treatment during follow-up, and the windows of time in which they let each patient start."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, numbers_in
from lbp_prognosis.validation.sensitivity._leaving_hazard import Clock

__all__ = ["NeverStart", "StartBy", "StartWhen", "Strategy", "Windows", "deadlines_of", "first_true", "windows_of"]


@dataclass(frozen=True)
class Windows:
    """When each patient may start, and when the patient has to, as places of a `Clock`.

    Attributes
    ----------
    forbidden : ndarray of shape (n,)
        A start up to this place is a deviation.
    due_from, due : ndarray of shape (n,)
        Between these places the hazard of starting is raised so that all have started by ``due``.
    at_zero : ndarray of bool of shape (n,)
        Whether a start at time zero is a deviation.
    from_zero : ndarray of bool of shape (n,)
        Whether the last interval begins with time zero, starts at time zero included.
    """

    forbidden: np.ndarray
    due_from: np.ndarray
    due: np.ndarray
    at_zero: np.ndarray
    from_zero: np.ndarray


@dataclass(frozen=True)
class NeverStart:
    """The strategy "this treatment is never started".

    Examples
    --------
    >>> from lbp_prognosis.validation import NeverStart
    >>> NeverStart()
    NeverStart()
    """

    def __str__(self) -> str:
        return "never start"


@dataclass(frozen=True)
class StartBy:
    """The strategy "start by a time", with a grace period until then.

    Parameters
    ----------
    by : float
        Latest time of starting, in the unit of the outcome; 0 treats all patients at time zero.
    earliest : float, default 0
        Earliest time of starting.
    last : float, optional
        Length of the last interval of the grace period. Before it patients start as they did in the data; within it
        the hazard of starting is raised so that all remaining patients start. By default the whole grace period: times
        of starting are then distributed as in similar patients who start by ``by``.

    References
    ----------
    Cain LE, Robins JM, Lanoy E, Logan R, Costagliola D, Hernán MA (2010). When to start treatment? A systematic
    approach to the comparison of dynamic regimes using observational data. International Journal of Biostatistics
    6(2):18. doi:10.2202/1557-4679.1212

    Examples
    --------
    >>> from lbp_prognosis.validation import StartBy
    >>> print(StartBy(3, last=1))
    start by 3, all who remain in the last 1
    """

    by: float
    _: KW_ONLY
    earliest: float = 0.0
    last: float | None = None

    def __post_init__(self) -> None:
        by = check_number("by", self.by, low=0)
        earliest = check_number("earliest", self.earliest, low=0)
        if earliest > by:
            raise argument_error("earliest", f"no later than `by` = {by:g}", f"{earliest:g}")
        _check_last(self.last, by - earliest, "the grace period")

    def __str__(self) -> str:
        words = "start at time zero" if self.by == 0 else f"start by {self.by:g}"
        words += f", not before {self.earliest:g}" if self.earliest else ""
        return words + _last_words(self.last)


@dataclass(frozen=True)
class StartWhen:
    """The strategy "start once a measurement passes a limit, and not before".

    Parameters
    ----------
    column : str
        Column of the history.
    within : float
        Time from the first measurement at which the condition is true to the latest start. The condition need not
        remain true.
    at_least, at_most : float, optional
        The condition: the value is at least, or at most, this. One of the two, or both (a range).
    last : float, optional
        Length of the last interval, as in `StartBy`; by default all of ``within``.

    References
    ----------
    Cain LE, Robins JM, Lanoy E, Logan R, Costagliola D, Hernán MA (2010). When to start treatment? A systematic
    approach to the comparison of dynamic regimes using observational data. International Journal of Biostatistics
    6(2):18. doi:10.2202/1557-4679.1212

    Examples
    --------
    >>> from lbp_prognosis.validation import StartWhen
    >>> print(StartWhen("pain", at_least=7, within=1))
    start within 1 of the first pain >= 7, not before
    """

    column: str
    _: KW_ONLY
    within: float
    at_least: float | None = None
    at_most: float | None = None
    last: float | None = None

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise argument_error("at_least", "a limit here or in `at_most`", "neither")
        for key in ("at_least", "at_most"):
            if getattr(self, key) is not None:
                check_number(key, getattr(self, key))
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise argument_error("at_least", f"no more than `at_most` = {self.at_most:g}", f"{self.at_least:g}")
        check_number("within", self.within, low=0, open_low=True)
        _check_last(self.last, self.within, "`within`")

    def __str__(self) -> str:
        limits = [(">=", self.at_least), ("<=", self.at_most)]
        words = " and ".join(f"{sign} {limit:g}" for sign, limit in limits if limit is not None)
        return f"start within {self.within:g} of the first {self.column} {words}, not before{_last_words(self.last)}"


Strategy = NeverStart | StartBy | StartWhen


def first_true(strategy: Strategy, history: pd.DataFrame, patient: np.ndarray, at: np.ndarray, n: int) -> np.ndarray:
    """Return when the condition of the strategy is first true, of each of n patients; infinite if it never is.

    ``patient`` and ``at`` are the row of the patient (NaN if not listed) and the time of each row of ``history``.
    """
    first = np.full(n, np.inf)
    if not isinstance(strategy, StartWhen):
        return first
    if strategy.column not in history.columns:
        raise argument_error("strategy", "a column of `history`", repr(strategy.column))
    value = numbers_in(history, [strategy.column], "history")[:, 0]
    true = np.isfinite(patient) & np.isfinite(value)
    if strategy.at_least is not None:
        true &= value >= strategy.at_least
    if strategy.at_most is not None:
        true &= value <= strategy.at_most
    np.minimum.at(first, patient[true].astype(int), at[true])
    return first


def deadlines_of(strategy: Strategy, first: np.ndarray) -> np.ndarray:
    """Return the time by which each patient has to start, given when the condition is first true (n,)."""
    if isinstance(strategy, StartBy):
        return np.full(first.size, float(strategy.by))
    return first + strategy.within if isinstance(strategy, StartWhen) else np.full(first.size, np.inf)


def windows_of(strategy: Strategy, clock: Clock, first: np.ndarray) -> Windows:
    """Return the windows of patients, given when the condition is first true (n,)."""
    n = first.size
    if isinstance(strategy, NeverStart):
        never, no = np.full(n, np.inf), np.zeros(n, dtype=bool)
        return Windows(never, never, never, ~no, no)
    due = clock.near(deadlines_of(strategy, first))
    if isinstance(strategy, StartBy):
        whole = strategy.last is None or np.isclose(strategy.last, strategy.by - strategy.earliest)
        late = strategy.earliest > 0
        opened = np.full(n, clock.before(clock.near(np.array(strategy.earliest), first=True)) if late else 0.0)
        at_zero = np.full(n, late)
    else:
        whole = strategy.last is None or np.isclose(strategy.last, strategy.within)
        # a value is used for what happens after its time, and at time zero for a start at time zero
        opened = np.where(np.isinf(first), np.inf, np.where(first > 0, clock.after(first), 0.0))
        at_zero = first > 0
    begin = opened if whole else clock.after(clock.near(deadlines_of(strategy, first) - float(strategy.last or 0.0)))
    never = np.isinf(due)
    return Windows(
        forbidden=opened,
        due_from=np.where(never, np.inf, begin),
        due=np.where(never, np.inf, clock.after(due)),
        at_zero=at_zero,
        from_zero=~at_zero & whole,
    )


def _check_last(last: float | None, length: float, what: str) -> None:
    if last is None:
        return
    found = check_number("last", last, low=0, open_low=True)
    if found > length * (1 + 1e-12):
        raise argument_error("last", f"no longer than {what}, {length:g}", f"{found:g}")


def _last_words(last: float | None) -> str:
    return "" if last is None else f", all who remain in the last {last:g}"
