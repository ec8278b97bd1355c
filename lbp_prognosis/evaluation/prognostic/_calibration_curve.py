"""Smooth calibration curve at one horizon, and its distances from the diagonal (ICI, E50, E90, Emax)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtri

from lbp_prognosis._kernels import (
    cox_data,
    cox_fit_near,
    cox_pieces,
    hazard_influence,
    loess,
    logistic_fit,
    lowess,
    quantiles_of_sorted,
    rcs_basis,
    rcs_knots,
    row_parts,
    subdistribution_fit,
    transformed_risk,
)
from lbp_prognosis.evaluation.prognostic._calibration_levels import Estimate, undefined
from lbp_prognosis.evaluation.prognostic._calibration_rows import CalibrationRows
from lbp_prognosis.evaluation.prognostic._distance_limits import Distances, distance_limits

__all__ = [
    "SMOOTHERS",
    "STATISTICS",
    "CalibrationCurve",
    "agreement",
    "calibration_curve",
    "inverse_link",
    "no_curve",
    "spline_design",
]

SMOOTHERS = ("rcs", "loess", "loess_direct", "lowess")
_CELLS = 200
STATISTICS = ("ici", "e50", "e90", "emax")


@dataclass(frozen=True)
class CalibrationCurve:
    """Calibration curve at one horizon.

    Attributes
    ----------
    horizon : float
        Unit of the outcome.
    risk, observed, low, high : ndarray of shape (n_points,)
        Predicted risk of the event on a grid between its 1 % and 99 % quantiles, and the observed risk with pointwise
        limits (NaN for local smoothers).
    fitted : ndarray of shape (n_rows,)
        Observed risk at the predicted risk of each row used, in the order of ``y``.
    knots : ndarray
        Knots on the transformed scale; empty for local smoothers.
    smoother : str
        Short description of the method.
    reason : str
        Reason for a missing curve.
    """

    horizon: float
    risk: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fitted: np.ndarray
    knots: np.ndarray
    smoother: str
    reason: str = ""
    coef: np.ndarray | None = field(default=None, repr=False)
    influence: np.ndarray | None = field(default=None, repr=False)
    covariance: np.ndarray | None = field(default=None, repr=False)


def inverse_link(eta: np.ndarray, link: str) -> np.ndarray:
    """Risk from a linear predictor."""
    if link != "cloglog":
        return expit(eta)
    risk = np.minimum(eta, 30.0)
    # in place: the draws are a large table, and fresh memory costs more than the exponentials
    np.exp(risk, out=risk)
    np.negative(risk, out=risk)
    np.exp(risk, out=risk)
    return np.subtract(1, risk, out=risk)


def _slope(eta: np.ndarray, link: str) -> np.ndarray:
    if link == "cloglog":
        hazard = np.exp(np.minimum(eta, 30.0))
        return hazard * np.exp(-hazard)
    p = expit(eta)
    return p * (1 - p)


def _knots(rows: CalibrationRows, knots: object) -> np.ndarray:
    """Distinct knots on the transformed scale; empty if three knots cannot be placed."""
    if knots is None or isinstance(knots, int | np.integer):
        # four knots capture curvature; fifty events support only three
        count = (3 if rows.events < 50 else 4) if knots is None else int(knots)
        x = rows.ascending_x
        placed = np.unique(rcs_knots(x, count)) if x.size > count else np.empty(0)
    else:
        placed = np.unique(np.asarray(knots, dtype=float))
    return placed if placed.size >= 3 else np.empty(0)


def spline_design(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Columns of the spline; only the transformed risk without knots."""
    return rcs_basis(x, knots) if knots.size else x[:, None]


class _Fitted(NamedTuple):
    """Spline columns (n, p) of the rows used, their fitted risk, and its slope in the linear predictor."""

    basis: np.ndarray
    risk: np.ndarray
    slope: np.ndarray


def _fitted(rows: CalibrationRows, basis: np.ndarray, coef: np.ndarray) -> _Fitted:
    """Return the fit at the rows, part by part: a table of a million rows leaves the cache at every step."""
    n = rows.risk.size
    risk, slope = np.empty(n), np.empty(n)
    for some in row_parts(n):
        eta = coef[0] + basis[some] @ coef[1:]
        risk[some], slope[some] = inverse_link(eta, rows.link), _slope(eta, rows.link)
    return _Fitted(basis, risk, slope)


def calibration_curve(
    rows: CalibrationRows,
    smoother: str,
    knots: object,
    span: float,
    degree: int | None,
    near: CalibrationCurve | None = None,
) -> CalibrationCurve:
    """Return observed against predicted risk, smoothed by a spline model (``"rcs"``) or a local regression.

    ``near`` is the curve of the same model at another horizon, from whose coefficients a long table starts.
    """
    low, high = quantiles_of_sorted(rows.ascending, [0.01, 0.99])
    grid = np.linspace(low, high, 101)
    if smoother != "rcs":
        return _local(rows, grid, smoother, span, degree)
    if rows.constant:
        return _nothing(rows, grid, "all predictions are equal")
    if rows.events == 0:
        return _nothing(rows, grid, "no patient had the event")
    placed = _knots(rows, knots)
    basis = spline_design(rows.x, placed)
    words = f"restricted cubic spline, {placed.size} knots" if placed.size else "linear on the transformed scale"
    if rows.state is not None:
        found = _logistic(rows, basis)
        words += ", logistic regression"
    elif rows.competing:
        found = _fine_gray(rows, basis)
        words += ", Fine–Gray regression"
    else:
        other = None if near is None or near.coef is None or near.coef.size != basis.shape[1] + 1 else near.coef[1:]
        found = _cox(rows, basis, other)
        words += ", Cox regression"
    if found is None:
        return _nothing(rows, grid, f"the curve ({words}) did not converge", placed)
    coef, slopes = found
    psi = rows.influence(slopes)
    covariance = _covariance(rows, psi)
    points = np.column_stack([np.ones(grid.size), spline_design(transformed_risk(grid, rows.link), placed)])
    eta, half = points @ coef, np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", points, covariance, points), 0))
    half *= ndtri(0.5 + rows.setting.confidence / 2)
    fitted = rows.__dict__["_fitted"] = _fitted(rows, basis, coef)  # `agreement` comes next, and removes it
    return CalibrationCurve(
        rows.tau,
        grid,
        inverse_link(eta, rows.link),
        inverse_link(eta - half, rows.link),
        inverse_link(eta + half, rows.link),
        fitted.risk[rows.as_given],
        placed,
        words,
        "",
        coef,
        psi,
        covariance,
    )


def _nothing(rows: CalibrationRows, grid: np.ndarray, reason: str, knots: np.ndarray | None = None) -> CalibrationCurve:
    gap = np.full(grid.size, np.nan)
    return CalibrationCurve(
        rows.tau,
        grid,
        gap,
        gap,
        gap,
        np.full(rows.risk.size, np.nan),
        np.empty(0) if knots is None else knots,
        "",
        reason,
    )


def no_curve(rows: CalibrationRows) -> CalibrationCurve:
    """Return an empty curve with the reason why the horizon has no estimate."""
    empty = np.empty(0)
    return CalibrationCurve(rows.tau, empty, empty, empty, empty, empty, empty, "", rows.reason)


def _covariance(rows: CalibrationRows, psi: np.ndarray) -> np.ndarray:
    """Covariance of the coefficients from influence values, clustered if clusters are given."""
    clusters = rows.setting.clusters
    if clusters is None:
        return psi.T @ psi / rows.setting.n**2
    count = int(clusters.max()) + 1
    sums = np.stack([np.bincount(clusters, weights=column, minlength=count) for column in psi.T], axis=1)
    return (
        sums.T @ sums * (count / (count - 1)) / rows.setting.n**2 if count > 1 else np.full((psi.shape[1],) * 2, np.nan)
    )


def _cox(rows: CalibrationRows, basis: np.ndarray, near: np.ndarray | None) -> tuple[np.ndarray, np.ndarray] | None:
    assert rows.time is not None
    assert rows.code is not None
    event = rows.code == 1
    frequency = rows.setting.frequency
    data = cox_data(basis, rows.time, event)
    fit = cox_fit_near(data, weights=rows.weight, frequency=frequency, near=near)
    if not fit.converged:
        return None
    pieces = cox_pieces(data, fit.coef, weights=rows.weight, frequency=frequency)
    hazard = float(pieces.hazard[data.times <= rows.tau].sum())
    if not hazard > 0:
        return None
    level = np.log(hazard) - float(data.centre @ fit.coef)  # log hazard of a row whose columns are 0
    return np.concatenate([[level], fit.coef]), pieces.hazard_influence(rows.tau, fit.information)


def _fine_gray(rows: CalibrationRows, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    assert rows.time is not None
    assert rows.code is not None
    fit = subdistribution_fit(basis, rows.time, rows.code, weights=rows.weight)
    place = int(np.searchsorted(fit.times, rows.tau, side="right"))
    if not fit.converged or place == 0:
        return None
    slopes = hazard_influence(basis, rows.time, rows.code, fit.coef, fit.information, rows.tau, weights=rows.weight)
    return np.concatenate([[np.log(fit.cumulative_hazard[place - 1])], fit.coef]), slopes


def _logistic(rows: CalibrationRows, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    assert rows.state is not None
    fit = logistic_fit(np.column_stack([np.ones(basis.shape[0]), basis]), rows.state, weights=rows.weight)
    return (fit.coef, fit.influence) if fit.converged else None


def _local(rows: CalibrationRows, grid: np.ndarray, smoother: str, span: float, degree: int | None) -> CalibrationCurve:
    response = rows.state if rows.state is not None else rows.pseudo
    order = degree if degree is not None else (2 if rows.state is not None else 1)
    risk, response = rows.each(rows.risk), rows.each(response)
    weights = rows.each_weight

    def smooth(at: np.ndarray) -> np.ndarray:
        if smoother == "lowess":
            return lowess(risk, response, at)
        return loess(risk, response, at, span=span, degree=order, exact=smoother == "loess_direct", weights=weights)

    if rows.constant:
        return _nothing(rows, grid, "all predictions are equal")
    if smoother == "lowess" and weights is not None:
        return _nothing(rows, grid, "lowess takes no weights, which these data need: loess does")
    nothing = np.full(grid.size, np.nan)
    of = "states" if rows.state is not None else "pseudo-values"
    words = (
        f"lowess of {of}"
        if smoother == "lowess"
        else f"{smoother.replace('_', ', ')} of {of}, span {span:g}, degree {order}"
    )
    # a local fit is unbounded: the drawn curve is clipped to [0, 1], the distances use the unclipped fit
    return CalibrationCurve(
        rows.tau,
        grid,
        np.clip(smooth(grid), 0, 1),
        nothing,
        nothing,
        smooth(rows.risk)[rows.as_given],
        np.empty(0),
        words,
    )


# ---- distances -------------------------------------------------------------------------------------------------------


def _quantiles(rows: CalibrationRows, values: np.ndarray, shares: list[float]) -> list[float]:
    """Quantiles of type 7; with weights, the step between neighbours is the mean of their weights."""
    values, weight = rows.each(values), rows.each_weight
    if weight is None:
        ranks = [int(share * (values.size - 1)) for share in shares]
        wanted = sorted({min(k + more, values.size - 1) for k in ranks for more in (0, 1)})
        return quantiles_of_sorted(np.partition(values, wanted), shares).tolist()
    order = np.lexsort((weight, np.round(values, 12)))  # rounding must not order the weights of equal values
    step = weight[order]
    place = np.concatenate([[0.0], np.cumsum((step[1:] + step[:-1]) / 2)])
    return np.interp(np.array(shares) * place[-1], place, values[order]).tolist()


def _cells(rows: CalibrationRows) -> np.ndarray:
    """Transformed risks at equal steps of the (weighted) distribution; all risks if there are few."""
    middle = (np.arange(_CELLS) + 0.5) / _CELLS
    if rows.weight is None or rows.each_weight is None:
        x = rows.ascending_x
        return x if x.size <= _CELLS else x[np.ceil(middle * x.size * (1 - 1e-12)).astype(np.int64) - 1]
    order = np.argsort(rows.x)
    share = np.cumsum(rows.weight[order])
    return rows.x[order][np.searchsorted(share, middle * share[-1] * (1 - 1e-12))]  # a step reached up to rounding


def agreement(
    rows: CalibrationRows, curve: CalibrationCurve, n_draws: int, rng: np.random.Generator
) -> dict[str, Estimate]:
    """Mean, median, 90 % quantile and maximum of |observed − predicted|, and the mean for a perfect model.

    Intervals come from curves drawn from the normal distribution of the coefficients; for the perfect model, the same
    errors are added to the diagonal.
    """
    if curve.reason:
        nothing = undefined(curve.reason)
        return dict.fromkeys((*STATISTICS, "ici_null"), nothing)
    known: _Fitted | None = rows.__dict__.pop("_fitted", None)
    if known is None:
        at_rows = np.empty(rows.index.size)
        at_rows[rows.as_given] = curve.fitted
    else:
        at_rows = known.risk
    gap = at_rows - rows.risk
    above = gap > 0
    np.abs(gap, out=gap)
    e50, e90 = _quantiles(rows, gap, [0.5, 0.9])
    value = {"ici": rows.mean(gap), "e50": e50, "e90": e90, "emax": float(gap.max())}
    if curve.coef is None or curve.influence is None or curve.covariance is None:
        bare = (np.nan, np.nan, np.nan, None, "no interval: for spline curves only")
        out = {name: Estimate(value[name], *bare) for name in STATISTICS}
        return {**out, "ici_null": undefined("for spline curves only")}
    if known is None:
        known = _fitted(rows, spline_design(rows.x, curve.knots), curve.coef)
    total = rows.x.size if rows.weight is None else rows.weight.sum()
    influence = curve.influence @ (_tilts(rows, known, gap, above) / total)
    gap -= value["ici"]
    gap /= total
    influence += rows.influence(gap)
    drawn = _drawn(rows, curve, n_draws, rng, np.array([value[name] for name in STATISTICS]))
    why = "" if n_draws else "no interval: it needs draws (`n_resamples`), and none were asked for"
    out = {}
    for k, name in enumerate(STATISTICS):
        se, psi = (float(rows.se(influence)), influence) if name == "ici" else (float(drawn.deviation[k]), None)
        out[name] = Estimate(value[name], se, float(drawn.low[k]), float(drawn.high[k]), psi, why)
    null, alpha = drawn.null, 1 - rows.setting.confidence
    if not n_draws:
        out["ici_null"] = undefined("needs draws (`n_resamples`), and none were asked for")
    elif np.isnan(null).any():
        out["ici_null"] = undefined("the curve has no standard error")
    else:
        low, high = quantiles_of_sorted(np.sort(null), [alpha, 1 - alpha])
        out["ici_null"] = Estimate(float(null.mean()), float(null.std()), float(low), float(high))
    return out


def _tilts(rows: CalibrationRows, known: _Fitted, gap: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Derivative of the sum of all distances with respect to the coefficients, of shape (1 + p,)."""
    out = np.zeros(1 + known.basis.shape[1])
    for some in row_parts(gap.size):
        tilt = np.where(above[some], known.slope[some], np.where(gap[some] > 0, -known.slope[some], 0.0))
        if rows.weight is not None:
            tilt *= rows.weight[some]
        out[0] += tilt.sum()
        out[1:] += tilt @ known.basis[some]
    return out


def _drawn(
    rows: CalibrationRows, curve: CalibrationCurve, n_draws: int, rng: np.random.Generator, observed: np.ndarray
) -> Distances:
    assert curve.coef is not None
    assert curve.covariance is not None
    if not n_draws or not np.isfinite(curve.covariance).all():  # all rows in one cluster: nothing to draw from
        unknown = np.full(4, np.nan)
        return Distances(unknown, unknown, unknown, np.full(n_draws, np.nan))
    x = _cells(rows)
    points = np.column_stack([np.ones(x.size), spline_design(x, curve.knots)])
    values, vectors = np.linalg.eigh(curve.covariance)
    # the symmetric root: the draws must not depend on eigenvector signs, which rounding determines
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    error = rng.standard_normal((n_draws, values.size)) @ (root @ points.T)
    inverse = partial(inverse_link, link=rows.link)
    return distance_limits(x, points @ curve.coef, error, inverse, observed, rows.setting.confidence)
