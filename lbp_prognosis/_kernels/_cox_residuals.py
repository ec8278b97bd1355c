"""Residuals of a Cox fit (martingale, score, Schoenfeld), and the test of proportional hazards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._blas import one_thread
from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import (
    GroupSums,
    TiedEvents,
    group_sums,
    information_matrix,
    lived_hazard,
    tail_sum,
    tied_events,
)
from lbp_prognosis._kernels._row_parts import row_parts

__all__ = ["CoxPieces", "cox_pieces"]


@dataclass(frozen=True)
class CoxPieces:
    """Sums over risk sets at given linear predictors, and what follows from them.

    All hazards are those of a row with linear predictor 0 (offsets included) and with all columns at ``data.centre``.

    Attributes
    ----------
    data : CoxData
        Risk sets.
    tied : TiedEvents
        Weighted events at each time.
    sums : GroupSums
        Sums at each event time.
    eta : ndarray of shape (n,)
        Linear predictors, in the order of ``data``.
    efron : bool
        Ties method; Breslow's otherwise.
    """

    data: CoxData
    tied: TiedEvents
    sums: GroupSums
    eta: np.ndarray
    efron: bool

    @property
    def hazard(self) -> np.ndarray:
        """Increments of the baseline hazard at each event time, shape (m,)."""
        return self.sums.hazard * np.exp(-self.sums.shift)

    @property
    def hazard_variance(self) -> np.ndarray:
        """Increments of its variance at known coefficients, shape (m,)."""
        return self.sums.c0 * np.exp(-2 * self.sums.shift)

    @property
    def hazard_mean(self) -> np.ndarray:
        """Increments of ∫ x̄(t) dH(t), shape (m, p)."""
        return self._q() * np.exp(-self.sums.shift)

    def lost_precision(self) -> float:
        """Return the largest relative rounding error of a sum over a risk set that late entry brings about.

        With late entry such a sum is a difference of sums over all rows that have not left, which may be far larger.
        """
        if self.data.before is None:
            return 0.0
        inside, used = self.data.last >= 0, self.tied.count > 0
        leaving = np.bincount(self.data.last[inside], weights=self.sums.risk[inside], minlength=used.size)
        total, start = np.empty(used.size), 0
        for end in self.data.ends:
            total[start:end] = np.cumsum(leaving[start:end][::-1])[::-1]
            start = end
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = total[used] / self.sums.s0[used]
        return float(lost.max(initial=0.0) * np.finfo(float).eps)

    def _with_d(self) -> bool:
        return self.efron and self.tied.ties

    def _q(self) -> np.ndarray:
        out = self.sums.c0[:, None] * self.sums.s1
        if self._with_d():
            out -= self.sums.c1[:, None] * self.sums.d1
        return out

    def mean_x(self) -> np.ndarray:
        """Risk-weighted mean of the (centred) columns at each event time, averaged over the terms of a tied group."""
        s = self.sums
        total = self.tied.mean_weight * self.tied.count
        out = s.hazard[:, None] * s.s1
        if self._with_d():
            out -= (s.hazard - s.own_hazard)[:, None] * s.d1
        return np.divide(out, total[:, None], out=np.zeros_like(out), where=total[:, None] > 0)

    def martingale(self) -> np.ndarray:
        """Events minus expected events, in the caller's order of rows, shape (n,)."""
        risk = np.exp(self.eta - self.sums.shift)
        return self.data.unsorted(self.data.event - risk * lived_hazard(self.data, self.sums))

    def score(self) -> np.ndarray:
        """First derivative of the log-likelihood by row, unweighted, in the caller's order, shape (n, p)."""
        out = np.empty(self.data.X.shape)
        for rows, score, _ in self._by_row(self._score_tables()):
            out[rows] = score.T
        return self.data.unsorted(out)

    def _score_tables(self) -> _RowTables:
        """Return what the score of a row takes from its place among the event times, and from being an event there."""
        data, s = self.data, self.sums
        q = self._q()
        own = q
        if self._with_d():
            own = (s.c0 - s.c1)[:, None] * s.s1 - (s.c1 - s.c2)[:, None] * s.d1
        lived = _running(s.hazard, data.ends)
        drift = np.ascontiguousarray(_running(q, data.ends).T)
        return _RowTables(lived, s.hazard - s.own_hazard, drift, (q - own).T, self.mean_x().T)

    def _by_row(
        self, tables: _RowTables, level: _LevelTables | None = None
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield some rows of ``data``, their scores (p, rows), and with ``level`` their derivatives of H0 (rows,)."""
        data, s = self.data, self.sums
        tail, own = self._tails() if data.tail is not None else None, np.empty(0)
        for rows in row_parts(data.X.shape[0]):
            last, columns = data.last[rows], np.ascontiguousarray(data.X[rows].T)
            ends = np.flatnonzero(data.event[rows] & (last >= 0))
            mine = last[ends]
            place = last.astype(np.int64) + 1  # entry 0 of the tables is before the first event
            lived, drift = tables.hazard[place], np.take(tables.drift, place, axis=1)
            if data.before is not None:
                start = np.where(last >= 0, data.before[rows] + 1, 0)
                lived -= tables.hazard[start]
                drift -= np.take(tables.drift, start, axis=1)
            lived[ends] -= tables.own_hazard[mine]
            if tail is not None:
                lived += tail[0][rows]
                drift += tail[1][:, rows]
            risk = np.exp(self.eta[rows] - s.shift)
            for j, (column, score) in enumerate(zip(columns, drift)):
                score[ends] -= tables.own_drift[j, mine]
                score -= column * lived
                score *= risk
                score[ends] += column[ends] - tables.mean[j, mine]
            if level is not None:
                own = level.lived[place]
                own[ends] -= level.own[mine]
                own *= np.negative(risk, out=risk)
                own[ends] += level.each[mine]
            yield rows, drift, own

    def _tails(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what rows with an earlier competing event collect in later risk sets: hazard (n,) and drift (p, n)."""
        data, q = self.data, self._q()
        assert data.tail is not None
        drift = np.empty((q.shape[1], data.event.size))
        for values, column in zip(drift, q.T):
            values[:] = tail_sum(data, data.tail, np.ascontiguousarray(column))
        return tail_sum(data, data.tail, self.sums.hazard), drift

    def hazard_influence(self, tau: float, information: np.ndarray) -> np.ndarray:
        """Derivatives of (log H0(τ), coefficients) by the weight of each row, in the caller's order, shape (n, 1 + p).

        For one stratum without late entry. H0 is the baseline at linear predictor 0 and columns of 0.

        Parameters
        ----------
        tau : float
            Time.
        information : ndarray of shape (p, p)
            Of the coefficients, at their maximum.
        """
        data, s = self.data, self.sums
        now = data.times <= tau
        total = self.tied.mean_weight * self.tied.count
        each = np.divide(s.hazard, total, out=np.zeros_like(total), where=now & (total > 0))
        # of its own tied group a row counts in part
        part = np.where(now, s.c1, 0.0) if self._with_d() else np.zeros(now.size)
        level = _LevelTables(_running(np.where(now, s.c0, 0.0), data.ends), part, each)
        inverse = np.linalg.pinv(information)
        whole = float(s.hazard[now].sum())
        drift = self._q()[now].sum(axis=0)
        out = np.empty((data.X.shape[0], 1 + data.X.shape[1]))
        for rows, score, hazard in self._by_row(self._score_tables(), level):
            slopes = inverse.T @ score
            out[rows, 1:] = slopes.T
            out[rows, 0] = (hazard - drift @ slopes) / whole - data.centre @ slopes if whole > 0 else np.nan
        return data.unsorted(out)

    def schoenfeld(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the caller's rows of the events, by time, and ``x − x̄`` at each, shape (n_events, p)."""
        ends = np.flatnonzero(self.data.event & (self.tied.weights > 0))
        residual = self.data.X[ends] - self.mean_x()[self.data.last[ends]]
        rows = ends if self.data.order is None else self.data.order[ends]
        order = np.lexsort((rows, self.data.last[ends]))
        return rows[order], residual[order]

    def trend(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient and information of ``(β, θ)`` at θ = 0 in the model ``β + θ·g(t)``.

        Parameters
        ----------
        g : ndarray of shape (m,)
            Non-negative values at the event times.

        Returns
        -------
        tuple of ndarray of shape (2p,) and (2p, 2p)
            The gradient of β, zero at the maximum, comes first.
        """
        p = self.data.X.shape[1]
        ends = self.data.event & (self.tied.weights > 0)
        residual = self.data.X[ends] - self.mean_x()[self.data.last[ends]]
        residual *= self.tied.weights[ends, None]
        gradient = np.concatenate([residual.sum(axis=0), g[self.data.last[ends]] @ residual])
        information = np.empty((2 * p, 2 * p))
        with one_thread():
            for power, places in ((0, [(0, 0)]), (1, [(0, p), (p, 0)]), (2, [(p, p)])):
                block = information_matrix(self.data, self.tied, _times(self.sums, g**power), self.efron)
                for a, b in places:
                    information[a : a + p, b : b + p] = block
        return gradient, information


def _running(increments: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return running sums of the increments (m,) or (m, p) by stratum, after an entry of 0."""
    out = np.zeros((increments.shape[0] + 1, *increments.shape[1:]))
    start = 0
    for end in ends:
        np.cumsum(increments[start:end], axis=0, out=out[start + 1 : end + 1])
        start = int(end)
    return out


class _RowTables(NamedTuple):
    """By event time: hazard and drift ∫ x̄ dH lived through by then, what an event of that time lacks of them, and x̄.

    ``drift`` and ``mean`` have a row per column.
    """

    hazard: np.ndarray
    own_hazard: np.ndarray
    drift: np.ndarray
    own_drift: np.ndarray
    mean: np.ndarray


class _LevelTables(NamedTuple):
    """By event time: ∫ dH / S0 up to then and τ, what an event of that time lacks of it, and what the event adds."""

    lived: np.ndarray
    own: np.ndarray
    each: np.ndarray


def _times(sums: GroupSums, factor: np.ndarray) -> GroupSums:
    names = ("hazard", "own_hazard", "c0", "c1", "c2")
    return replace(sums, **{name: getattr(sums, name) * factor for name in names})


def cox_pieces(
    data: CoxData,
    coef: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    ties: str = "efron",
    frequency: bool = False,
) -> CoxPieces:
    """Evaluate the sums over risk sets at ``coef``; arguments as for `cox_fit`."""
    w = np.ones(data.event.size) if weights is None else np.ascontiguousarray(data.sorted(weights), dtype=float)
    eta = data.X @ coef
    if offset is not None:
        eta += data.sorted(offset)
    tied = tied_events(data, w, frequency)
    return CoxPieces(data, tied, group_sums(data, tied, eta, ties == "efron"), eta, ties == "efron")
