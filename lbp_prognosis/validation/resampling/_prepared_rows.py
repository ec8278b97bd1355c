"""What the measures of a panel need of an outcome, whatever is predicted: worked out once for each set of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lbp_prognosis._kernels import (
    centred_copies,
    concordance_totals,
    counted_ipcw,
    cox_data,
    cox_fit_prepared,
    cox_line,
    distinct_times,
    number_events,
)
from lbp_prognosis.survival import cause_codes, outcome_kind

__all__ = ["Line", "PreparedRows", "State"]


@dataclass(frozen=True)
class State:
    """Who had the event by a horizon, who counts there, with which weight.

    Attributes
    ----------
    event : ndarray of bool of shape (n,)
        Had the event.
    weight : ndarray of shape (n,)
        Inverse probability of being observed, 0 where the state is not known.
    copies : ndarray of shape (n,)
        How many such rows enter the means.
    """

    event: np.ndarray
    weight: np.ndarray
    copies: np.ndarray


@dataclass(frozen=True)
class Line:
    """Cox's model of one linear predictor: slope and log partial likelihoods.

    With competing events it is the cause-specific hazard.
    """

    slope: float
    loglik: float
    null: float
    fixed: float  # slope 1: the null model with the linear predictor as offset


@dataclass(frozen=True)
class PreparedRows:
    """An outcome, read. Each row stands for some copies of itself: a resample is the rows with other `copies`.

    Attributes
    ----------
    copies : ndarray of shape (n,)
        Whole numbers, possibly 0.
    states : tuple of State
        At each horizon.
    event : ndarray of bool of shape (n,)
        Whether the event of interest was seen.
    time : ndarray of shape (n,)
        When observation ended. This and what follows is empty for a state.
    censored : ndarray of bool of shape (n,)
        Whether nothing was seen to happen.
    entry : ndarray of shape (n,) or None
        Start of observation.
    places : tuple of ndarray
        Distinct times, and the place of each row's own.
    reached : ndarray of shape (k,)
        Number of distinct times up to each horizon.
    pairs : tuple
        Numbers of `number_events`, then the count of distinct event times.
    """

    copies: np.ndarray
    states: tuple[State, ...]
    event: np.ndarray
    time: np.ndarray
    censored: np.ndarray
    entry: np.ndarray | None
    places: tuple[np.ndarray, np.ndarray]
    reached: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray, int]

    @classmethod
    def of(cls, y: np.ndarray, horizons: np.ndarray, cause: int) -> PreparedRows:
        """Read an outcome, one copy a row.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Status.at`.
        horizons : ndarray of shape (k,)
            Prediction times.
        cause : int
            Event code of interest.
        """
        once, nobody = np.ones(y.shape[0]), np.empty(0, dtype=np.int64)
        if outcome_kind(y) == "status":
            event, known = y["status"] == 1, (y["status"] >= 0).astype(float)
            return cls(
                once,
                (State(event, known, known),) * horizons.size,
                event,
                np.empty(0),
                nobody == 1,
                None,
                (np.empty(0), nobody),
                nobody,
                (nobody, nobody, nobody, 0),
            )
        time, code = y["time"].astype(float), cause_codes(y, cause)
        event = code == 1
        times, place = distinct_times(time)
        entry = y["entry"].astype(float) if "entry" in (y.dtype.names or ()) else None
        # tied with a censoring an event is first; competing events never have the event: they outlast all
        last = np.where(code == 0, place, np.where(event, place - 1, times.size - 1))
        first = (
            np.full(time.size, -1)
            if entry is None
            else np.searchsorted(times, entry, side="right").astype(np.int64) - 1
        )
        reached = np.searchsorted(times, horizons, side="right")
        rows = cls(
            once,
            tuple(State(event & (place < stop), once, once) for stop in reached),
            event,
            time,
            code == 0,
            entry,
            (times, place),
            reached,
            number_events(np.where(event, place, -1), first, last),
        )
        return rows.counted(once)

    def counted(self, copies: np.ndarray) -> PreparedRows:
        """Return the same rows with other numbers of copies (n,): whatever is estimated from rows follows them."""
        copies = np.asarray(copies, dtype=float)
        if not self.time.size:
            return replace(self, copies=copies, states=tuple(replace(s, copies=copies * s.weight) for s in self.states))
        times, place = self.places
        weights = counted_ipcw(place, self.censored, copies, times.size, self.reached)
        states = tuple(State(state.event, weight, copies) for state, weight in zip(self.states, weights))
        return replace(self, copies=copies, states=states)

    def unknown(self, values: np.ndarray) -> bool:
        """Say whether a row that counts has no value."""
        missing = np.isnan(values)
        return bool(missing.any() and self.copies[missing].any())

    def concordance(self, order: np.ndarray, score: np.ndarray) -> float:
        """Harrell's C of a score, higher meaning sooner, with the rows in its ascending order."""
        if self.unknown(score):
            return float("nan")
        number, first, last, count = self.pairs
        agree, against, tied = concordance_totals(order, score, number, first, last, self.copies, count)
        pairs = agree + against + tied
        return (agree + tied / 2) / pairs if pairs > 0 else float("nan")

    def line(self, lp: np.ndarray) -> Line:
        """Fit Cox's model of one linear predictor."""
        nan = float("nan")
        if self.unknown(lp) or centred_copies(lp, self.copies)[1] < 1e-12:
            return Line(nan, nan, nan, nan)
        if self.entry is None:
            converged, slope, loglik, null, fixed = cox_line(
                self.time, self.event, lp, places=self.places, copies=self.copies
            )
            if converged and np.isfinite(fixed):
                return Line(slope, loglik, null, fixed)
        some = self.copies > 0
        data = cox_data(
            lp[some, None], self.time[some], self.event[some], entry=None if self.entry is None else self.entry[some]
        )
        copies = self.copies[some]
        fit = cox_fit_prepared(data, weights=copies, frequency=True)
        fixed = cox_fit_prepared(data, weights=copies, frequency=True, offset=lp[some], max_iter=1).loglik_null
        return Line(float(fit.coef[0]) if fit.converged else nan, fit.loglik, fit.loglik_null, fixed)
