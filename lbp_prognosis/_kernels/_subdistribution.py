"""Fine and Gray's fit with its baseline for columns that are nearly collinear, and influence values of both.

A patient with a competing event stays in the risk set with weight G(t−)/G(T−), G the censoring curve. The weight
factors into a part of the event time and a part of the patient, so that the extended risk sets are prefix sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._censoring_groups import censoring_groups
from lbp_prognosis._kernels._cox import cox_fit_prepared
from lbp_prognosis._kernels._cox_sums import group_sums, tied_events
from lbp_prognosis._kernels._fine_gray import fine_gray_data
from lbp_prognosis._kernels._ipcw import censoring_curve
from lbp_prognosis._kernels._steps import step_at

__all__ = ["SubdistributionFit", "hazard_influence", "subdistribution_fit"]


@dataclass(frozen=True)
class SubdistributionFit:
    """Maximum of the weighted log partial likelihood (Breslow ties).

    ``times`` (m,) are the event times, ``cumulative_hazard`` (m,) that of a row with linear predictor 0.
    """

    coef: np.ndarray
    information: np.ndarray
    loglik: float
    iterations: int
    converged: bool
    times: np.ndarray
    cumulative_hazard: np.ndarray


@dataclass(frozen=True)
class _Rows:
    """Places of rows among the event times, and censoring probabilities there (1 where no extension is wanted)."""

    X: np.ndarray
    event: np.ndarray
    competing: np.ndarray
    weights: np.ndarray
    times: np.ndarray
    last: np.ndarray
    deaths: np.ndarray
    g_times: np.ndarray
    g_rows: np.ndarray


def _rows(X: np.ndarray, time: np.ndarray, code: np.ndarray, weights: np.ndarray | None) -> _Rows:
    w = np.ones(time.size) if weights is None else np.asarray(weights, dtype=float)
    event = (code == 1) & (w > 0)
    times = np.unique(time[event])
    last = np.searchsorted(times, time, side="right") - 1
    deaths = np.bincount(last[event], weights=w[event], minlength=times.size)
    competing = code == 2
    g_times, g_rows = np.ones(times.size), np.ones(time.size)
    if competing.any():
        grid, _, right = censoring_curve(time, code, weights)
        g_times = step_at(grid, right, times, left=1.0, before=True)
        g_rows = step_at(grid, right, time, left=1.0, before=True)
    return _Rows(X, event, competing, w, times, last, deaths, g_times, g_rows)


def _totals(place: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    return np.stack([np.bincount(place, weights=column, minlength=size) for column in values.T], axis=1)


def _sums(rows: _Rows, values: np.ndarray) -> np.ndarray:
    """Sum ``values`` (n, k) over the risk set at each event time: those under observation, and the extension."""
    m = rows.times.size
    total = _totals(rows.last + 1, values, m + 1)
    here = np.cumsum(total[::-1], axis=0)[::-1][1:]
    if rows.competing.any():
        c = rows.competing
        gone = _totals(rows.last[c] + 1, values[c] / rows.g_rows[c, None], m + 1)
        here = here + rows.g_times[:, None] * np.cumsum(gone, axis=0)[:-1]
    return here


def _moments(rows: _Rows, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted size of the risk set at each event time, and its mean of the columns."""
    r = (rows.weights * np.exp(eta))[:, None]
    sums = _sums(rows, np.hstack([r, r * rows.X]))
    return sums[:, 0], sums[:, 1:] / sums[:, :1]


def subdistribution_fit(
    X: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    events_first: bool = True,
    max_iter: int = 40,
    tol: float = 1e-10,
) -> SubdistributionFit:
    """Fit proportional subdistribution hazards of code 1.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns without missing values.
    time : ndarray of shape (n,)
    code : ndarray of int of shape (n,)
        0 censored, 1 the cause of interest, 2 any other cause.
    weights : ndarray of shape (n,), optional
        Row weights, in the censoring curve too.
    events_first : bool
        Whether events leave the risk set of the censoring curve before censorings at the same time (``finegray`` of R's
        survival package), or stay at risk there (``cmprsk::crr``).
    max_iter, tol
        Newton steps; converged when no coefficient of the orthogonalised columns moves by more than ``tol``.
    """
    centre = X.mean(axis=0)
    # the terms of a spline are nearly collinear: Newton's method runs on orthogonal columns of unit variance
    q, triangle = np.linalg.qr(X - centre)
    root = np.sqrt(X.shape[0])
    triangle = triangle / root
    w = np.ones(time.size) if weights is None else np.asarray(weights, dtype=float)
    curves = censoring_groups(time, code, np.zeros(time.size, dtype=np.int64), w, events_first)
    data = fine_gray_data(q * root, time, code, 1, curves, None)
    fit = cox_fit_prepared(data, weights=w, ties="breslow", max_iter=max_iter, tol=tol)
    converged = fit.converged and not fit.aliased.any()
    try:
        coef = np.linalg.solve(triangle, fit.coef)
    except np.linalg.LinAlgError:
        coef, converged = np.full(fit.coef.size, np.nan), False
    sums = group_sums(data, tied_events(data, data.sorted(w), False), data.X @ fit.coef, efron=False)
    level = float(data.centre @ fit.coef + centre @ coef) + sums.shift
    hazard = np.cumsum(sums.hazard) * np.exp(-level)
    information = triangle.T @ fit.information @ triangle
    return SubdistributionFit(coef, information, fit.loglik, fit.iterations, converged, data.times, hazard)


def hazard_influence(
    X: np.ndarray,
    time: np.ndarray,
    code: np.ndarray,
    coef: np.ndarray,
    information: np.ndarray,
    tau: float,
    *,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Derivatives of (log H0(τ), coefficients) by the weight of each row, of shape (n, 1 + p).

    They contain the estimation of the censoring curve. H0 is the baseline at linear predictor 0.
    """
    centre = X.mean(axis=0)
    rows = _rows(np.ascontiguousarray(X - centre), time, code, weights)
    relative = np.exp(rows.X @ coef)
    s0, mean = _moments(rows, rows.X @ coef)
    step = rows.deaths / s0
    by_tau = rows.times <= tau
    thin = np.where(by_tau, step / s0, 0.0)
    sums = np.column_stack([step, step[:, None] * mean, thin])
    lived = _prefix(sums)
    place = rows.last + 1  # 0: before the first event time
    spent = lived[place]
    ahead = np.empty((0, 0))
    if rows.competing.any():
        ahead = _ahead(rows, sums)
        c = np.flatnonzero(rows.competing)
        spent[c] += ahead[place[c]] / rows.g_rows[c, None]
    # a row's event, minus what it expected while it was at risk
    score = -relative[:, None] * (rows.X * spent[:, :1] - spent[:, 1:-1])
    hazard = -relative * spent[:, -1]
    ends = np.flatnonzero(rows.event)
    score[ends] += rows.X[ends] - mean[rows.last[ends]]
    hazard[ends] += np.where(by_tau, 1 / s0, 0.0)[rows.last[ends]]
    if rows.competing.any():
        extra, extra_hazard = _censoring_part(rows, time, code, weights, relative, ahead)
        score, hazard = score + extra, hazard + extra_hazard
    inverse = np.linalg.pinv(information)
    slopes = score @ inverse
    total = float(step[by_tau].sum())
    drift = (step[by_tau, None] * mean[by_tau]).sum(axis=0)
    # log of H0 at linear predictor 0: the hazard at the centre, minus centre · coefficients
    level = (hazard - slopes @ drift) / total - slopes @ centre if total > 0 else np.full(slopes.shape[0], np.nan)
    return np.column_stack([level, slopes])


def _prefix(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _ahead(rows: _Rows, sums: np.ndarray) -> np.ndarray:
    """Sums of G(u−) × ``sums`` (m, k) over the event times after each place."""
    total = _prefix(rows.g_times[:, None] * sums)
    return total[-1] - total


def _censoring_part(
    rows: _Rows,
    time: np.ndarray,
    code: np.ndarray,
    weights: np.ndarray | None,
    relative: np.ndarray,
    ahead: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Contribution of the estimated censoring curve to score and hazard."""
    w = rows.weights
    grid, place = np.unique(time, return_inverse=True)
    m = grid.size
    out = code == 0
    leaving = np.bincount(place, weights=w, minlength=m)
    censored = np.bincount(place[out], weights=w[out], minlength=m)
    at_risk = np.cumsum(leaving[::-1])[::-1] - leaving + censored
    lam = censored / np.where(at_risk > 0, at_risk, 1.0)
    stays = (censored > 0) & (lam < 1)
    slope = np.where(stays, 1 / np.where(stays, at_risk * (1 - lam), 1.0), 0.0)
    c = rows.competing
    a = (w * relative / rows.g_rows)[c]
    gone = np.cumsum(np.bincount(place[c], weights=a, minlength=m))
    gone_x = np.column_stack(
        [np.cumsum(np.bincount(place[c], weights=a * rows.X[c, j], minlength=m)) for j in range(rows.X.shape[1])]
    )
    later = ahead[np.searchsorted(rows.times, grid, side="right")]
    score = (gone_x * later[:, :1] - gone[:, None] * later[:, 1:-1]) * slope[:, None]
    hazard = gone * later[:, -1] * slope

    def spread(f: np.ndarray) -> np.ndarray:
        """Σ f dM over a row's time at risk of being censored: events leave before the censorings of their time."""
        lost = _prefix((f.T * lam).T)
        own = np.where(out, place + 1, place)
        return (f[place].T * out).T - lost[own]

    return spread(score), spread(hazard)
