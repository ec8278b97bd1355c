"""Parts of an outcome that the measures of a panel need, computed once per set of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lbp_prognosis._kernels import (
    HazardLine,
    calibration_pseudo_values,
    concordance_index,
    concordance_totals,
    counted_ipcw,
    decision_shares,
    distinct_times,
    followed_times,
    hazard_line,
    incidence_by_threshold,
    line_design,
    number_events,
    order_of_times,
    pseudo_levels,
    threshold_bins,
    transformed_risk,
)
from lbp_prognosis.survival import cause_codes, outcome_kind

__all__ = ["PreparedRows", "State"]


@dataclass(frozen=True)
class State:
    """Events by a horizon, rows that count there, and their weights.

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
class PreparedRows:
    """An outcome, read. Each row stands for some copies of itself: a resample is the rows with other `copies`.

    Attributes
    ----------
    copies : ndarray of shape (n,)
        Whole numbers, possibly 0.
    horizons : ndarray of shape (k,)
        Prediction times; for a state at a visit 1, the time at which those who have it are set.
    states : tuple of State
        At each horizon.
    time : ndarray of shape (n,)
        When observation ended; of a state 1 where it is so, otherwise 2.
    code : ndarray of int of shape (n,)
        0 nothing seen, 1 the event of interest, 2 another.
    by_time : ndarray of int of shape (n,)
        Rows in the order of time.
    competing : bool
        Whether another event is seen.
    entry : ndarray of shape (n,) or None
        Start of observation.
    places : tuple of ndarray
        Distinct times, and the place of each row's own. This and what follows is empty for a state.
    reached : ndarray of shape (k,)
        Number of distinct times up to each horizon.
    pairs : tuple
        Numbers of `number_events`, then the count of distinct event times.
    """

    copies: np.ndarray
    horizons: np.ndarray
    states: tuple[State, ...]
    time: np.ndarray
    code: np.ndarray
    by_time: np.ndarray
    competing: bool = False
    entry: np.ndarray | None = None
    places: tuple[np.ndarray, np.ndarray] | None = None
    reached: np.ndarray | None = None
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray, int] | None = None

    @classmethod
    def of(cls, y: np.ndarray, horizons: np.ndarray, cause: int) -> PreparedRows:
        """Read an outcome, one copy per row.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Status.at`.
        horizons : ndarray of shape (k,)
            Prediction times.
        cause : int
            Event code of interest.
        """
        once = np.ones(y.shape[0])
        if outcome_kind(y) == "status":
            event, known = y["status"] == 1, (y["status"] >= 0).astype(float)
            time = np.where(event, 1.0, 2.0)
            states = (State(event, known, known),) * horizons.size
            return cls(once, np.ones(horizons.size), states, time, event.astype(np.int64), order_of_times(time))
        time, code = y["time"].astype(float), cause_codes(y, cause)
        event = code == 1
        time, _ = followed_times(time, code, horizons)
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
            horizons,
            tuple(State(event & (place < stop), once, once) for stop in reached),
            time,
            code,
            order_of_times(time),
            bool((code == 2).any()),
            entry,
            (times, place),
            reached,
            number_events(np.where(event, place, -1), first, last),
        )
        return rows.counted(once)

    @property
    def event(self) -> np.ndarray:
        """Whether the event of interest was seen (n,)."""
        return self.code == 1

    def counted(self, copies: np.ndarray) -> PreparedRows:
        """Return the same rows with other numbers of copies (n,): whatever is estimated from rows follows them."""
        copies = np.asarray(copies, dtype=float)
        if self.places is None or self.reached is None:
            return replace(self, copies=copies, states=tuple(replace(s, copies=copies * s.weight) for s in self.states))
        times, place = self.places
        weights = counted_ipcw(place, self.code == 0, copies, times.size, self.reached)
        states = tuple(State(state.event, weight, copies) for state, weight in zip(self.states, weights))
        return replace(self, copies=copies, states=states)

    def concordance(self, order: np.ndarray, score: np.ndarray) -> float:
        """Harrell's C of a score, higher meaning sooner, with the rows in its ascending order."""
        missing = np.isnan(score)
        if self.pairs is None or (missing.any() and self.copies[missing].any()):
            return float("nan")
        number, first, last, count = self.pairs
        return concordance_index(concordance_totals(order, score, number, first, last, self.copies, count))

    def line(self, score: np.ndarray) -> HazardLine:
        """Fit Cox's model of one score; with competing events it is the cause-specific hazard."""
        return hazard_line(self.time, self.event, score, self.copies, entry=self.entry, places=self.places)

    def pseudo_slope(self, k: int, risk: np.ndarray) -> float:
        """Slope of the k-th horizon's risk among competing events, from pseudo-values."""
        some = self.copies > 0
        copies, risk = self.copies[some], risk[some]
        pseudo = calibration_pseudo_values(self.time[some], self.code[some], float(self.horizons[k]), copies, None)
        x = transformed_risk(risk, "cloglog")
        _, line = pseudo_levels(line_design(x), pseudo, copies, risk)
        return float(line.coef[1]) if line is not None and line.converged else float("nan")

    def net_benefits(self, k: int, risk: np.ndarray, thresholds: np.ndarray, *, complement: bool) -> np.ndarray:
        """Net benefit of treating where the k-th horizon's risk (n,) of the target reaches each threshold."""
        levels, rank = np.unique(thresholds, return_inverse=True)
        order, counted = self.by_time, self.states[k].copies
        found = incidence_by_threshold(
            threshold_bins(risk[order], levels, strict=False),
            self.time[order],
            self.code[order],
            self.horizons[k],
            levels.size,
            weights=counted[order],
            competing=self.competing,
            variance=False,
        )
        return decision_shares(found, rank, float(counted.sum()), thresholds, complement=complement).net_benefit
