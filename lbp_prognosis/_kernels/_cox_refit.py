"""The Cox fit of resampled rows, from the risk sets and the coefficients of the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lbp_prognosis._kernels._blas import one_thread
from lbp_prognosis._kernels._cox import inverse_information
from lbp_prognosis._kernels._cox_curvature import CoxPass
from lbp_prognosis._kernels._cox_data import CoxData
from lbp_prognosis._kernels._cox_sums import evaluate, tied_events

__all__ = ["cox_refit"]

_ENOUGH = 0.1  # the information of an earlier point serves as long as it shortens steps to this share


def cox_refit(
    data: CoxData,
    copies: np.ndarray,
    start: np.ndarray,
    covariance: np.ndarray,
    *,
    offset: np.ndarray | None = None,
    ties: str = "efron",
    penalty: np.ndarray | None = None,
    max_iter: int = 30,
    tol: float = 1e-11,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Maximise the (penalised) log partial likelihood of rows that each stand for some copies, from a point close by.

    Nothing is sorted again: rows without copies are left out, and the others keep their places among the event times.
    The information costs more than the gradient. That of all rows gives the first step; that of the copies is worked
    out after it, and again only where steps shorten too slowly.

    Parameters
    ----------
    data : CoxData
        Risk sets of all rows.
    copies : ndarray of shape (n,)
        Whole numbers, in the caller's order of rows; tied copies are tied events.
    start : ndarray of shape (p,)
        Coefficients fitted to all rows.
    covariance : ndarray of shape (p, p)
        Inverse of the (penalised) information of all rows there.
    offset, penalty
        As for `cox_fit`.
    ties : {"efron", "breslow"}, default "efron"
        Ties method.
    max_iter : int, default 30
        Evaluations of the gradient.
    tol : float, default 1e-11
        Converged when the step after the last, should it be shorter by as much as that one was, would move no
        coefficient by more than this, in standard deviations of its column.

    Returns
    -------
    coef : ndarray of shape (p,)
    hazard : ndarray of shape (m,)
        Increments of the baseline hazard at ``data.times``, all columns at ``data.centre``.
        None in place of both where that is not reached quickly, or columns are collinear: then nothing is known
        but that a fit from scratch has to say.
    """
    weights = np.asarray(data.sorted(copies), dtype=float)
    rows = np.flatnonzero(weights)
    few = _of_rows(data, rows)
    shift = None if offset is None else data.sorted(offset)[rows]
    ridge = np.zeros(start.size) if penalty is None else penalty
    tied, efron = tied_events(few, weights[rows], True), ties == "efron"
    state = CoxPass(few, tied, efron)

    with one_thread():
        coef, last, renew, inverse = start, np.inf, False, covariance
        for turn in range(max_iter):
            if renew:
                _, gradient, information = evaluate(few, tied, shift, coef, efron)
                renewed = inverse_information(information + np.diag(ridge), data.scale)
                if renewed is None:
                    return None
                inverse = renewed
            else:
                state.at(_predictor(few, coef, shift))
                gradient = state.residual @ few.X
            step = inverse @ (gradient - ridge * coef)
            size = float(np.abs(step * data.scale).max(initial=0.0))
            coef = coef + step
            if turn and (size <= tol or (not renew and size * size <= tol * last)):
                eta = _predictor(few, coef, shift)
                state.at(eta)
                return coef, state.hazard * np.exp(-eta.mean())
            if not size < last:
                return None
            renew, last = turn == 0 or (not renew and size > _ENOUGH * last), size
    return None


def _of_rows(data: CoxData, rows: np.ndarray) -> CoxData:
    """Return the risk sets of some rows, given by their sorted places, at the event times of all."""
    return replace(
        data,
        X=data.X.take(rows, axis=0),
        event=data.event[rows],
        last=data.last[rows],
        order=None,
        before=None if data.before is None else data.before[rows],
    )


def _predictor(data: CoxData, coef: np.ndarray, shift: np.ndarray | None) -> np.ndarray:
    eta = data.X @ coef
    return eta if shift is None else eta + shift
