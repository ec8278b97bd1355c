"""Pairs of visits of a panel, and the likelihood of the second state given the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels import interval_states
from lbp_prognosis.survival import MultiState, cause_names

__all__ = ["PanelSpells", "PanelVisits", "spells_of_courses", "spells_of_intervals"]

_STEP = 1e-5  # of central differences of the gradient
_LEAST, _MOST, _STEEP = 1e-6, 1e2, 8.0  # moves per interval, and log ratios per standard deviation, that are looked at


@dataclass(frozen=True)
class PanelSpells:
    """Times between two visits: ``row`` of the design, times, states (``dated``: the last was entered at ``stop``)."""

    row: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    origin: np.ndarray
    last: np.ndarray
    dated: np.ndarray
    states: tuple[str, ...]
    initial: np.ndarray
    one_move: bool


def spells_of_courses(y: MultiState, weights: np.ndarray) -> PanelSpells:
    """Return the courses unchanged, except that entry to a state declared absorbing is dated."""
    first = np.full(y.n_patients, np.inf)
    np.minimum.at(first, y.patient, y.start)
    starts = y.start == first[y.patient]
    shares = np.bincount(y.origin[starts], weights=weights[starts], minlength=len(y.states))
    last = np.where(y.target < 0, y.origin, y.target)
    dated = (y.target >= 0) & np.isin(y.target, [y.code(name) for name in y.dated])
    row = np.flatnonzero(weights > 0)
    return PanelSpells(
        row,
        y.start[row],
        y.stop[row],
        y.origin[row],
        last[row],
        dated[row],
        y.states,
        shares / shares.sum(),
        False,
    )


def spells_of_intervals(y: np.ndarray, weights: np.ndarray) -> PanelSpells:
    """Free of the event up to ``lower``, and in its state at ``upper``."""
    used, event = weights > 0, y["event"].astype(np.int64)
    entry = y["entry"].astype(float) if "entry" in (y.dtype.names or ()) else np.zeros(y.shape[0])
    exact, found = y["lower"] == y["upper"], np.isfinite(y["upper"])
    free = np.flatnonzero(used & ~exact & (y["lower"] > entry))
    ends = np.flatnonzero(used & found)
    said = cause_names(y)
    names = ("start", *(said.get(code, f"event {code}") for code in range(1, int(event.max(initial=1)) + 1)))
    zeros = np.zeros(free.size, dtype=np.int64)
    return PanelSpells(
        np.concatenate([free, ends]),
        np.concatenate([entry[free], np.where(exact, entry, np.maximum(y["lower"], entry))[ends]]),
        np.concatenate([y["lower"][free], y["upper"][ends]]),
        np.zeros(free.size + ends.size, dtype=np.int64),
        np.concatenate([zeros, event[ends]]),
        np.concatenate([zeros.astype(bool), exact[ends]]),
        names,
        np.eye(len(names))[0],
        True,
    )


@dataclass(frozen=True)
class PanelVisits:
    """Pairs of visits: the likelihood of the second state given the first.

    Attributes
    ----------
    origin, last : ndarray of int of shape (n,)
        States at the two visits.
    length : ndarray of shape (n, pieces)
        Time spent in each piece between them.
    final : ndarray of int of shape (n,)
        Piece of the second visit.
    dated : ndarray of bool of shape (n,)
        Whether the second state was entered at the second time exactly.
    X : ndarray of shape (n, p)
        Predictors on similar scales.
    weights : ndarray of shape (n,)
        Row weights.
    pairs : ndarray of int of shape (q, 2)
        Transitions.
    place : ndarray of int of shape (q, p)
        Position of each coefficient among the parameters.
    states : int
        Number of states.
    """

    origin: np.ndarray
    last: np.ndarray
    length: np.ndarray
    final: np.ndarray
    dated: np.ndarray
    X: np.ndarray
    weights: np.ndarray
    pairs: np.ndarray
    place: np.ndarray
    states: int

    @classmethod
    def of(
        cls,
        y: PanelSpells,
        X: np.ndarray,
        weights: np.ndarray,
        transitions: list[tuple[int, int]],
        breakpoints: np.ndarray,
        place: np.ndarray,
    ) -> PanelVisits:
        """Cut the intervals at the breakpoints."""
        edges = np.concatenate([[0.0], breakpoints, [np.inf]])
        low, high = np.maximum(y.start[:, None], edges[:-1]), np.minimum(y.stop[:, None], edges[1:])
        return cls(
            y.origin,
            y.last,
            np.maximum(high - low, 0.0),
            np.asarray(np.searchsorted(breakpoints, y.stop, side="left")),
            y.dated,
            X,
            weights,
            np.array(transitions, dtype=np.int64),
            place,
            len(y.states),
        )

    @property
    def pieces(self) -> int:
        """Number of pieces."""
        return int(self.length.shape[1])

    def start(self) -> np.ndarray:
        """Return crude log intensities: observed moves between visits per time in the preceding state."""
        q = len(self.pairs)
        theta = np.zeros(int(self.place.max(initial=q * self.pieces - 1)) + 1)
        spent, weights = self.length.sum(axis=1), self.weights / self.weights.mean()
        for t, (j, k) in enumerate(self.pairs):
            there = self.origin == j
            count = weights @ (there & (self.last == k))
            exposure = weights @ (spent * there)
            rate = max(float(count), 0.5) / max(float(exposure), 1e-12 + float(weights @ spent) / len(spent))
            theta[t * self.pieces : (t + 1) * self.pieces] = np.log(rate)
        return theta

    @property
    def unit(self) -> float:
        """Mean time between two visits."""
        return float(self.length.sum(axis=1).mean())

    def bounds(self) -> list[tuple[float, float]]:
        """Return the search bounds of each parameter: beyond them, visits are not informative about a move."""
        log_unit, first = np.log(self.unit), len(self.pairs) * self.pieces
        intensity = (float(np.log(_LEAST) - log_unit), float(np.log(_MOST) - log_unit))
        others = int(self.place.max(initial=first - 1)) + 1 - first
        return [intensity] * first + [(-_STEEP, _STEEP)] * others

    def likelihood(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the weighted log-likelihood, and its gradient by row (unweighted), (n, k)."""
        n, q, pieces = self.origin.size, len(self.pairs), self.pieces
        a, b = self.pairs[:, 0].copy(), self.pairs[:, 1].copy()
        base = theta[: q * pieces].reshape(q, pieces)
        eta = self.X @ theta[self.place].T if self.X.shape[1] else np.zeros((n, q))
        rates = np.exp(base.T[None] + eta[:, None])  # n, pieces, q
        first = np.zeros((n, self.states))
        first[np.arange(n), self.origin] = 1.0
        # a line search may request intensities at which the result overflows
        rates = np.minimum(rates, 2 * _MOST / self.unit)
        state, slope = interval_states(rates, self.length, first, a, b)
        row = np.arange(n)
        chance, by_rate = state[row, self.last], slope[row, :, :, self.last]  # n; n, pieces, q
        if self.dated.any():
            some = np.flatnonzero(self.dated)
            into = self.last[some][:, None] == b  # m, q
            entry = np.where(into, rates[some, self.final[some]], 0.0)
            chance[some] = (state[some][:, a] * entry).sum(axis=1)
            by_rate[some] = np.einsum("mgqs,ms->mgq", slope[some][:, :, :, a], entry)
            by_rate[some, self.final[some]] += np.where(into, state[some][:, a], 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.log(chance)
            by_log = by_rate * rates / chance[:, None, None]
        scores = np.zeros((n, theta.size))
        scores[:, : q * pieces] = by_log.transpose(0, 2, 1).reshape(n, q * pieces)
        total = by_log.sum(axis=1)
        for t in range(q):
            for c in range(self.X.shape[1]):
                scores[:, self.place[t, c]] += total[:, t] * self.X[:, c]
        return float(self.weights @ value), scores

    def information(self, theta: np.ndarray) -> np.ndarray:
        """Return minus the second derivatives, by central differences of the analytic gradient."""
        out = np.empty((theta.size, theta.size))
        for i in range(theta.size):
            step = np.zeros(theta.size)
            step[i] = _STEP
            ahead, back = (self.weights @ self.likelihood(theta + sign * step)[1] for sign in (1, -1))
            out[i] = -(ahead - back) / (2 * _STEP)
        return (out + out.T) / 2
