"""Newton's method for Cox's partial likelihood: Efron, Breslow and exact ties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.linalg import lapack

from lbp_prognosis._kernels._blas import one_thread
from lbp_prognosis._kernels._cox_data import CoxData, cox_data
from lbp_prognosis._kernels._cox_exact import evaluate_exact
from lbp_prognosis._kernels._cox_sums import evaluate, tied_events

__all__ = ["CoxFit", "cox_fit", "cox_fit_near", "cox_fit_prepared", "inverse_information"]

_COLLINEAR = 1e-11  # a column of whose information less than this share is its own
_HALVINGS = 25
_LONG = 1 << 16  # rows from which a fit starts from that of a part of them
_EVERY = 16
_FAR = 15.0  # standard deviations of a column: from there a likelihood without a maximum is as flat as at one
_SAME = 1e-12  # standard deviations of a column: a step that changes no digit of the information


@dataclass(frozen=True)
class CoxFit:
    """A maximum of the (penalised) log partial likelihood.

    Attributes
    ----------
    coef : ndarray of shape (p,)
        Coefficients; 0 for an aliased column.
    information : ndarray of shape (p, p)
        Negative second derivative of the penalised log-likelihood.
    covariance : ndarray of shape (p, p)
        Its inverse; rows and columns of aliased columns are 0.
    score : float
        Score statistic Uᵀ I⁻¹ U at the start.
    loglik_null, loglik : float
        Log partial likelihood at zero coefficients and at ``coef``, without the penalty.
    iterations : int
        Evaluations of the information.
    converged : bool
        False if the likelihood has no finite maximum within reach (separation) or the iterations ran out.
    aliased : ndarray of shape (p,)
        Columns that are constant or linear combinations of earlier ones among the rows at risk at an event.
    gradient : ndarray of shape (p,)
        First derivative of the unpenalised log-likelihood at the last evaluation.
    """

    coef: np.ndarray
    information: np.ndarray
    covariance: np.ndarray
    score: float
    loglik_null: float
    loglik: float
    iterations: int
    converged: bool
    aliased: np.ndarray
    gradient: np.ndarray


def _aliased(information: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Mark the columns that add nothing to those before them (Cholesky, left to right); the inverse if none is."""
    p = scale.size
    out = np.zeros(p, dtype=bool)
    inverse = inverse_information(information, scale)
    if inverse is not None:
        return out, inverse
    matrix = information / np.outer(scale, scale)
    floor = _floor(matrix)
    for j in range(p):
        pivot = matrix[j, j]
        if not pivot > floor[j]:
            out[j] = True
            continue
        row = matrix[j, j + 1 :].copy()
        matrix[j + 1 :, j + 1 :] -= np.outer(row, row) / pivot
    return out, None


def _floor(matrix: np.ndarray) -> np.ndarray:
    diagonal = np.diag(matrix)
    return np.maximum(_COLLINEAR * diagonal, 1e-14 * diagonal.max(initial=0.0))


def inverse_information(information: np.ndarray, scale: np.ndarray, *, pivots: bool = True) -> np.ndarray | None:
    """Return the inverse, None if it is not definite or (``pivots``) a column adds nothing to those before it."""
    if not scale.size:
        return np.zeros_like(information)
    outer = np.outer(scale, scale)
    matrix = information / outer
    factor, failed = lapack.dpotrf(matrix, lower=1, clean=0)
    if failed or not np.isfinite(np.diag(factor)).all():
        return None
    if pivots and not (np.diag(factor) ** 2 > _floor(matrix)).all():
        return None
    inverse, failed = lapack.dpotri(factor, lower=1)
    return np.ascontiguousarray(np.where(_upper(scale.size), inverse.T, inverse)) / outer


@lru_cache(maxsize=64)
def _upper(p: int) -> np.ndarray:
    """Return where the upper triangle and the diagonal are."""
    mask = ~np.tri(p, k=-1, dtype=bool)
    mask.flags.writeable = False
    return mask


def _solver(information: np.ndarray, scale: np.ndarray, keep: np.ndarray) -> np.ndarray | None:
    """Return the inverse of the information on the kept columns (zeros elsewhere), or None if it is not definite."""
    if keep.all():
        return inverse_information(information, scale, pivots=False)
    inner = inverse_information(information[np.ix_(keep, keep)], scale[keep], pivots=False)
    if inner is None:
        return None
    out = np.zeros_like(information)
    out[np.ix_(keep, keep)] = inner
    return out


def _newton(
    at: Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]],
    start: np.ndarray,
    penalty: np.ndarray,
    scale: np.ndarray,
    max_iter: int,
    tol: float,
) -> dict:
    coef = start
    loglik, gradient, information = at(coef)
    information = information + np.diag(penalty)
    aliased, inverse = np.zeros(scale.size, dtype=bool), None
    if np.isfinite(loglik):
        aliased, inverse = _aliased(information, scale)
    keep = ~aliased
    score, iterations, converged = 0.0, 1, False
    while True:
        if iterations > 1 or inverse is None:
            inverse = _solver(information, scale, keep)
        if inverse is None:
            inverse = np.zeros_like(information)
            break
        slope = gradient - penalty * coef
        step = inverse @ slope
        gain = float(step @ slope)
        if iterations == 1:
            score = gain
        size = float(np.abs(step * scale).max(initial=0.0))
        flat = gain <= 1e-14 * (1 + abs(loglik))  # no more to win in double precision
        if size <= tol or (flat and size <= 1e-7):
            coef, converged = coef + step, True
            break
        if iterations >= max_iter or (flat and size > 1e-3):
            break
        objective = loglik - 0.5 * float(penalty @ coef**2)
        for _ in range(_HALVINGS):
            trial = coef + step
            loglik, gradient, information = at(trial)
            new = loglik - 0.5 * float(penalty @ trial**2)
            if new >= objective - 1e-10 * (1 + abs(objective)):
                break
            step = step / 2
        else:
            break
        coef, information = trial, information + np.diag(penalty)
        iterations += 1
    return {
        "coef": coef,
        "information": information,
        "covariance": inverse,
        "score": score,
        "loglik": loglik,
        "iterations": iterations,
        "converged": converged,
        "aliased": aliased,
        "gradient": gradient,
    }


def cox_fit_prepared(
    data: CoxData,
    *,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    ties: str = "efron",
    start: np.ndarray | None = None,
    penalty: np.ndarray | None = None,
    frequency: bool = False,
    max_iter: int = 30,
    tol: float = 1e-9,
    null: bool = True,
) -> CoxFit:
    """Fit on risk sets prepared by `cox_data`; arguments and result as for `cox_fit`.

    Without ``null`` the likelihood at zero is NaN unless the fit starts there: from elsewhere it is an evaluation more.
    """
    n, p = data.X.shape
    w = np.ones(n) if weights is None else np.ascontiguousarray(data.sorted(weights), dtype=float)
    shift = None if offset is None else np.ascontiguousarray(data.sorted(offset), dtype=float)
    ridge = np.zeros(p) if penalty is None else np.asarray(penalty, dtype=float)
    if ties == "exact":

        def at(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return evaluate_exact(data, w, shift, coef)

    else:
        tied = tied_events(data, w, frequency)

        def at(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return evaluate(data, tied, shift, coef, ties == "efron")

    first = np.zeros(p) if start is None else np.asarray(start, dtype=float)
    at_zero: list[float] = []

    def remember(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value = at(coef)
        if not at_zero and not coef.any():
            at_zero.append(value[0])
        return value

    with one_thread():
        parts = _newton(remember, first, ridge, data.scale, max_iter, tol)
        if not at_zero and null:
            at_zero.append(at(np.zeros(p))[0])
    loglik_null = at_zero[0] if at_zero else float("nan")
    return CoxFit(loglik_null=loglik_null, **parts)


def cox_fit_near(
    data: CoxData,
    *,
    weights: np.ndarray | None = None,
    frequency: bool = False,
    near: np.ndarray | None = None,
) -> CoxFit:
    """Fit as `cox_fit_prepared`, a long table in half the steps: from the coefficients of every sixteenth row.

    The maximum is the same, and the information is that at the maximum.

    Parameters
    ----------
    data : CoxData
        Without delayed entry, strata and fading weights.
    weights, frequency
        As for `cox_fit_prepared`.
    near : ndarray of shape (p,), optional
        Coefficients of a model of almost the same columns, to start a long table from.
    """
    n = data.event.size
    if n < _LONG:
        return cox_fit_prepared(data, weights=weights, frequency=frequency)
    rows = slice(None, None, _EVERY)
    if near is None and data.event[rows].any():
        some = cox_data(data.X[rows], data.last[rows] + 1.0, data.event[rows])
        own = None if weights is None else data.sorted(weights)[rows]
        rough = cox_fit_prepared(some, weights=own, frequency=frequency, tol=1e-4)
        near = rough.coef if rough.converged and not rough.aliased.any() else None
    given: dict[str, Any] = {"weights": weights, "frequency": frequency}
    fit = cox_fit_prepared(data, **given, start=near, null=False)
    far = np.abs(fit.coef * data.scale).max(initial=0.0) > _FAR
    if not fit.converged or (near is not None and (far or fit.aliased.any())):
        return cox_fit_prepared(data, **given)  # a column that adds nothing is left out at 0
    # the information belongs to the coefficients before the last step, which may be a millionth of a standard error
    last = np.abs(fit.covariance @ fit.gradient * data.scale).max(initial=0.0)
    return fit if last <= _SAME else cox_fit_prepared(data, **given, start=fit.coef, null=False)


def cox_fit(
    X: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    ties: str = "efron",
    start: np.ndarray | None = None,
    penalty: np.ndarray | None = None,
    frequency: bool = False,
    max_iter: int = 30,
    tol: float = 1e-9,
) -> CoxFit:
    """Maximise the log partial likelihood minus ``½ Σ penalty_j β_j²``.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns without missing values.
    time, event : ndarray of shape (n,)
        Time and whether it ends with the event (bool or 0/1).
    entry : ndarray of shape (n,), optional
        Start of observation: at risk in ``(entry, time]``.
    strata : ndarray of int of shape (n,), optional
        Codes 0…S−1, one baseline each.
    weights, offset : ndarray of shape (n,), optional
        Row weights; fixed part of the linear predictor.
    ties : {"efron", "breslow", "exact"}, default "efron"
        Efron with weights gives the terms of a tied group its mean weight. Exact is the discrete likelihood;
        weights there may only be 0 and 1.
    start : ndarray of shape (p,), optional
        First coefficients, zeros by default.
    penalty : ndarray of shape (p,), optional
        Ridge penalty of each column.
    frequency : bool, default False
        Weights are counts of identical rows; tied groups then count copies as tied events.
    max_iter : int, default 30
        Evaluations of the information.
    tol : float, default 1e-9
        Converged when a Newton step moves no coefficient by more than this, in standard deviations of its column.
    """
    data = cox_data(X, time, event, entry=entry, strata=strata)
    return cox_fit_prepared(
        data,
        weights=weights,
        offset=offset,
        ties=ties,
        start=start,
        penalty=penalty,
        frequency=frequency,
        max_iter=max_iter,
        tol=tol,
    )
