"""What the measures of a panel need of an outcome, whatever is predicted: worked out once for each set of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels import (
    censoring_process,
    concordance_pairs,
    cox_data,
    cox_fit_prepared,
    cox_line,
    distinct_times,
    number_events,
    weights_from_process,
)
from lbp_prognosis.survival import cause_codes, outcome_kind

__all__ = ["Line", "PreparedRows", "State"]


@dataclass(frozen=True)
class State:
    """Who counts at a horizon, with which weight."""

    keep: np.ndarray
    event: np.ndarray
    weight: np.ndarray


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
    """An outcome, read.

    Attributes
    ----------
    states : tuple of State
        At each horizon.
    time, event : ndarray of shape (n,)
        Time and whether it ends with the event of interest (empty for a state).
    entry : ndarray of shape (n,) or None
        Start of observation.
    places : tuple of ndarray
        Distinct times, and the place of each row's own.
    pairs : tuple
        Numbers of `number_events`, then the count of distinct event times.
    """

    states: tuple[State, ...]
    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray | None
    places: tuple[np.ndarray, np.ndarray]
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray, int]

    @classmethod
    def of(cls, y: np.ndarray, horizons: np.ndarray, cause: int) -> PreparedRows:
        """Read an outcome.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Status.at`.
        horizons : ndarray of shape (k,)
            Prediction times.
        cause : int
            Event code of interest.
        """
        nobody = np.empty(0, dtype=np.int64)
        if outcome_kind(y) == "status":
            keep = np.flatnonzero(y["status"] >= 0)
            state = State(keep, y["status"][keep] == 1, np.ones(keep.size))
            return cls((state,) * horizons.size, np.empty(0), nobody == 1, None, (np.empty(0), nobody),
                       (nobody, nobody, nobody, 0))  # fmt: skip
        time, code = y["time"].astype(float), cause_codes(y, cause)
        event, everyone = code == 1, np.arange(time.size)
        process = censoring_process(time, code)
        weights = np.atleast_2d(weights_from_process(process, time, code, horizons).T)
        states = tuple(
            State(everyone, event & (time <= h), np.where(np.isfinite(weight), weight, 0.0))
            for h, weight in zip(horizons, weights)
        )
        times, place = distinct_times(time)
        entry = y["entry"].astype(float) if "entry" in (y.dtype.names or ()) else None
        # tied with a censoring an event is first; competing events never have the event: they outlast all
        last = np.where(code == 0, place, np.where(event, place - 1, times.size - 1))
        first = (
            np.full(time.size, -1)
            if entry is None
            else np.searchsorted(times, entry, side="right").astype(np.int64) - 1
        )
        pairs = number_events(np.where(event, place, -1), first, last)
        return cls(states, time, event, entry, (times, place), pairs)

    def concordance(self, rank: np.ndarray) -> float:
        """Harrell's C of a score, higher meaning sooner."""
        if np.isnan(rank).any():
            return float("nan")
        ones = np.ones(rank.size)
        number, first, last, count = self.pairs
        _, _, _, (agree, against, tied) = concordance_pairs(
            np.argsort(rank), rank, number, first, last, ones, self.event.astype(float), ones, count
        )
        pairs = agree + against + tied
        return (agree + tied / 2) / pairs if pairs > 0 else float("nan")

    def line(self, lp: np.ndarray) -> Line:
        """Fit Cox's model of one linear predictor."""
        nan = float("nan")
        if np.isnan(lp).any() or lp.std() < 1e-12:
            return Line(nan, nan, nan, nan)
        if self.entry is None:
            converged, slope, loglik, null, fixed = cox_line(self.time, self.event, lp, self.places)
            if converged and np.isfinite(fixed):
                return Line(slope, loglik, null, fixed)
        data = cox_data(lp[:, None], self.time, self.event, entry=self.entry)
        fit = cox_fit_prepared(data)
        fixed = cox_fit_prepared(data, offset=lp, max_iter=1).loglik_null
        return Line(float(fit.coef[0]) if fit.converged else nan, fit.loglik, fit.loglik_null, fixed)
