"""Mean loss of predicted risks at many horizons, its influence values and those of the event frequency.

Rows are put in the order of time once. One small compiled walk backwards in time serves each horizon and each score:
influence values are a part known on the way minus a constant known at the end, so that the squares are summed without
keeping them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lbp_prognosis._kernels._compiled import inner
from lbp_prognosis._kernels._tiers import natural_log, tiered

__all__ = ["BRIER", "LOG_SCORE", "LossRows", "ipcw_loss", "ipcw_loss_combined"]

BRIER, LOG_SCORE = 0, 1
_COLUMNS, _CELLS = 64, 1 << 14  # horizons gathered together, and cells turned at a time: both sides stay in the cache


@inner()
def _weighted(brier, weight, miss):
    """Weighted loss of a prediction that missed by ``miss`` (of either sign); 0 where the weight is."""
    if brier:
        return weight * (miss * miss)
    return -weight * natural_log(1.0 - abs(miss)) if weight > 0.0 else 0.0


@tiered(lambda *a: 3 * a[1].size + 4 * a[10])
def _walk(brier, risk, case, before, own, square, starts, hazard, slope, table, groups, beyond, values):
    """Score one horizon, rows by time; see `ipcw_loss`. ``values`` (n,) is filled up to a constant, unless empty.

    ``before`` is 0 for censored rows. Of ``table`` (m, 5) the columns are the sums of ``square`` over other events,
    events of interest and censored rows of a time, Σ own · before over its events of interest, and 1 / G(t−).
    Returns loss, event frequency, the three sums of squares, and the constant.
    """
    total, squares, ahead, cases, tail, cases_tail = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    sum_l, sum_f, sum_ll, sum_ff, sum_lf = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(risk.size):
        total += own[i]
        squares += square[i]
    for i in range(starts[groups], risk.size):
        loss = _weighted(brier, beyond, risk[i])
        ahead += own[i] * loss
        sum_l += square[i] * loss
        sum_ll += square[i] * loss * loss
        if values.size:
            values[i] = loss
    ahead /= total
    for g in range(groups - 1, -1, -1):
        lost, seen, seen_case = 0.0, 0.0, 0.0
        for i in range(starts[g], starts[g + 1]):
            loss = _weighted(brier, before[i], case[i] - risk[i])
            lost += own[i] * loss
            seen += square[i] * loss
            seen_case += square[i] * loss * case[i]
            sum_ll += square[i] * loss * loss
        # of a censored row of this time, then of an event: loss and frequency, without what is the row's own
        loss, frequency = tail + ahead * slope[g], cases_tail + cases * slope[g]
        gone = table[g, 2]
        sum_l += gone * loss
        sum_f += gone * frequency
        sum_ll += gone * loss * loss
        sum_lf += gone * loss * frequency
        sum_ff += gone * frequency * frequency
        if values.size:
            for i in range(starts[g], starts[g + 1]):
                values[i] = loss
        tail += ahead * slope[g] * hazard[g]
        cases_tail += cases * slope[g] * hazard[g]
        sum_ll += 2.0 * tail * seen + (table[g, 0] + table[g, 1]) * tail * tail
        for kind in range(2):
            summed = (seen_case if kind else seen - seen_case) + table[g, kind] * tail
            frequency = cases_tail + kind * table[g, 4]
            sum_l += summed
            sum_f += table[g, kind] * frequency
            sum_lf += summed * frequency
            sum_ff += table[g, kind] * frequency * frequency
        if values.size:
            for i in range(starts[g], starts[g + 1]):
                if before[i] > 0.0:
                    values[i] = tail + _weighted(brier, before[i], case[i] - risk[i])
        ahead += lost / total
        cases += table[g, 3] / total
    shift, cases_shift = ahead + tail, cases + cases_tail
    sum_ll = max(sum_ll - 2.0 * shift * sum_l + squares * shift * shift, 0.0)
    sum_ff = max(sum_ff - 2.0 * cases_shift * sum_f + squares * cases_shift * cases_shift, 0.0)
    sum_lf += squares * shift * cases_shift - shift * sum_f - cases_shift * sum_l
    return ahead, cases, sum_ll, sum_ff, sum_lf, shift


def _by_column(risk: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the rows in an order, a column after the other: (k, n)."""
    out = np.empty(risk.shape[::-1])
    for rows in _turned(*risk.shape):
        out[:, rows] = risk[order[rows]].T
    return out


def _by_row(columns: np.ndarray, order: np.ndarray, out: np.ndarray) -> None:
    """Put columns (k, n) whose rows have an order into ``out`` (n, k), in the order of the caller."""
    for rows in _turned(*out.shape):
        out[order[rows]] = columns[:, rows].T


def _turned(n: int, k: int) -> Iterator[slice]:
    step = max(_CELLS // max(k, 1), 1)
    return (slice(low, low + step) for low in range(0, n, step))


class LossRows:
    """An outcome whose rows are put in the order of time once, for the losses of any risks.

    Parameters
    ----------
    case : ndarray of bool of shape (n,)
        The row's event is the one of interest.
    times, order, starts, hazard, slope
        From `censoring_process`.
    before : ndarray of shape (n,)
        1 / G(T−) of each row.
    beyond : ndarray of shape (k,)
        1 / G(τ).
    horizons : ndarray of shape (k,)
        Ascending.
    censored : ndarray of bool of shape (n,)
    row_weight, square_weight : ndarray of shape (n,)
        Weight of a row in sums, and in sums of squared influence values.
    """

    def __init__(
        self,
        case: np.ndarray,
        times: np.ndarray,
        order: np.ndarray,
        starts: np.ndarray,
        hazard: np.ndarray,
        slope: np.ndarray,
        before: np.ndarray,
        beyond: np.ndarray,
        horizons: np.ndarray,
        censored: np.ndarray,
        row_weight: np.ndarray,
        square_weight: np.ndarray,
    ) -> None:
        self.order, self.beyond = order, beyond
        self.groups = np.searchsorted(times, horizons, side="right")
        of_interest, out, own, square = (v[order] for v in (case & ~censored, censored, row_weight, square_weight))
        before = before[order]
        known, m = np.where(out, 0.0, before), times.size
        place = np.repeat(np.arange(m), np.diff(starts))

        def summed(values: np.ndarray) -> np.ndarray:
            return np.bincount(place, weights=values, minlength=m)

        left = np.zeros(m)
        left[place] = before
        others = square * ~(of_interest | out)
        parts = (others, square * of_interest, square * out, own * known * of_interest)
        table = np.column_stack([*(summed(part) for part in parts), left])
        self._rows = (of_interest.astype(float), known, own, square, starts, hazard, slope, table)
        mass = np.append(0.0, np.cumsum(summed(own * known)))[self.groups]
        later = float(own.sum()) - np.append(0.0, np.cumsum(own))[starts[self.groups]]
        self._mass = (mass + np.multiply(later, beyond, out=np.zeros(later.size), where=later > 0)) / float(own.sum())

    def columns(self, risk: np.ndarray) -> np.ndarray:
        """Return the first 64 columns of risks (n, k) in the order of time, a horizon after the other: (k, n)."""
        return _by_column(risk[:, :_COLUMNS], self.order)

    def walk(
        self, kind: int, risk: np.ndarray, columns: np.ndarray | None, used: np.ndarray, values: np.ndarray
    ) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Yield each ``used`` horizon and what `ipcw_loss` returns for it; put its influence values into ``values``."""
        held = -1 if columns is None else 0
        for h in np.flatnonzero(used).tolist():
            block, at = divmod(h, _COLUMNS)
            if block != held:
                columns, held = self.columns(risk[:, block * _COLUMNS :]), block
            assert columns is not None
            place = (self.groups[h], self.beyond[h])
            loss, frequency, *squares, shift = _walk(kind == BRIER, columns[at], *self._rows, *place, values)
            values -= shift
            yield h, (loss, frequency, self._mass[h], *squares)


def ipcw_loss(
    rows: LossRows, kind: int, risk: np.ndarray, influence: np.ndarray, columns: np.ndarray | None = None
) -> np.ndarray:
    """Score risks against an outcome by horizons, every row weighted for censoring.

    Parameters
    ----------
    rows : LossRows
    kind : int
        ``BRIER`` or ``LOG_SCORE``.
    risk : ndarray of shape (n, k)
        Predicted risks, a column per horizon.
    influence : ndarray of shape (n, k) or (0, 0)
        Filled with the influence values of the mean loss, unless empty.
    columns : ndarray of shape (k, n), optional
        `LossRows.columns` of the risks, where they were made already.

    Returns
    -------
    ndarray of shape (6, k)
        Mean loss, weighted event frequency, mean weight, and the sums of ``square_weight`` times: squared influence of
        the loss, of the frequency, and their product.
    """
    n, k = rows.order.size, rows.beyond.size
    keep = influence.shape[0] > 0
    values = np.empty(n if keep else 0)
    out, made = np.empty((6, k)), np.empty((min(k, _COLUMNS) if keep else 0, n))
    for h, sums in rows.walk(kind, risk, columns, np.ones(k, dtype=bool), values):
        out[:, h] = sums
        if keep:
            first, at = divmod(h, _COLUMNS)
            made[at] = values
            if at == _COLUMNS - 1 or h == k - 1:
                _by_row(made[: at + 1], rows.order, influence[:, first * _COLUMNS : h + 1])
    return out


def ipcw_loss_combined(
    rows: LossRows, kind: int, risk: np.ndarray, share: np.ndarray, columns: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Return Σ share · mean loss over the horizons and its influence values, without a matrix of them.

    Parameters
    ----------
    rows, kind, risk, columns
        As in `ipcw_loss`.
    share : ndarray of shape (k,)
        What each horizon counts; one that counts 0 is not looked at.

    Returns
    -------
    theta : float
    psi : ndarray of shape (n,)
        For one copy of a row.
    """
    values, psi = np.empty(rows.order.size), np.zeros(rows.order.size)
    theta = 0.0
    for h, sums in rows.walk(kind, risk, columns, share != 0, values):
        theta += share[h] * sums[0]
        values *= share[h]
        psi += values
    out = np.empty_like(psi)
    out[rows.order] = psi
    return theta, out
