"""Standard errors of mean incidences from cause-specific hazards: increments, their covariance, and gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lbp_prognosis.models._design import Design

__all__ = ["IncrementErrors", "average_incidence", "increment_errors"]

_CELLS = 2_000_000  # of rows by times by causes at once


class IncrementErrors(NamedTuple):
    """By stratum, on all event times of the stratum: errors of the increments of the baseline hazards.

    Attributes
    ----------
    covariance : list of ndarray of shape (m, k, k)
        Of the increments of the causes at known coefficients; increments of two times are uncorrelated.
    slopes : list of ndarray of shape (m, k, p)
        Derivatives of the increments in the coefficients of their cause.
    """

    covariance: list[np.ndarray]
    slopes: list[np.ndarray]


def increment_errors(
    design: Design, models: Mapping[int, Any], increments: Mapping[int, Sequence[np.ndarray]], fitted: bool
) -> IncrementErrors:
    """Return the errors of the increments of each cause.

    Parameters
    ----------
    design : Design
        Rows of the fit.
    models : mapping of int to CoxPH
        By cause.
    increments : mapping of int to sequence of ndarray
        By cause and stratum, those of `discrete_baseline`.
    fitted : bool
        Whether incidences are made of ``increments``; otherwise of the baselines of ``models``, with their variance.
    """
    codes = np.zeros(len(design.y), dtype=np.int64) if design.strata is None else design.strata
    out = IncrementErrors([], [])
    k, p = len(models), design.X.shape[1]
    for stratum in range(max(len(design.strata_levels), 1)):
        grid = _grid(list(models.values()), stratum)
        covariance, slopes = np.zeros((grid.size, k, k)), np.zeros((grid.size, k, p))
        rows = np.flatnonzero(codes == stratum)
        share = np.zeros((grid.size, k))
        relative = np.empty((rows.size, k))
        for c, (code, model) in enumerate(models.items()):
            own = np.searchsorted(grid, model.baseline_times_[stratum])
            if not fitted:
                covariance[own, c, c] = np.diff(model.baseline_variance_[stratum], prepend=0.0)
                slopes[own, c] = -np.diff(model.baseline_mean_[stratum], axis=0, prepend=0.0)
                continue
            relative[:, c] = _relative(model, design, rows)
            variance, slope, share[own, c] = _of_increments(
                design, rows, code, model, increments[code][stratum], stratum, relative[:, c]
            )
            covariance[own, c, c], slopes[own, c] = variance, slope
        for a in range(k):
            for b in range(a):
                shared = np.flatnonzero(share[:, a] * share[:, b])  # both causes at one time
                if shared.size:
                    both = _at_risk(design, rows, grid[shared], relative[:, [a]] * relative[:, [b]], _power(design))
                    covariance[shared, a, b] = covariance[shared, b, a] = (
                        -both[:, 0] * share[shared, a] * share[shared, b]
                    )
        out.covariance.append(covariance)
        out.slopes.append(slopes)
    return out


def _grid(models: Sequence[Any], stratum: int) -> np.ndarray:
    return np.unique(np.concatenate([model.baseline_times_[stratum] for model in models]))


def _relative(model: Any, design: Design, rows: np.ndarray) -> np.ndarray:
    eta = (design.X[rows] - model.centre_) @ model.coef_
    return np.asarray(np.exp(eta if design.offset is None else eta + design.offset[rows]))


def _power(design: Design) -> int:
    return 1 if design.frequency else 2  # identical patients vary apart, a weight multiplies what a patient does


def _of_increments(
    design: Design, rows: np.ndarray, code: int, model: Any, steps: np.ndarray, stratum: int, relative: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variance and slope of each increment by the likelihood it maximises, and 1 / information.

    At one time that likelihood is Σ_events w log(1 − exp(−h r)) − Σ_others at risk w h r.
    """
    times = model.baseline_times_[stratum]
    X = design.X[rows] - model.centre_
    w = np.ones(rows.size) if design.weights is None else design.weights[rows]
    mine = np.flatnonzero((design.y["event"][rows] == code) & (w > 0))
    place = np.searchsorted(times, design.y["time"][rows][mine])
    r, h = relative[mine], steps[place]
    with np.errstate(over="ignore", invalid="ignore"):
        stay, leave = np.exp(-h * r), -np.expm1(-h * r)
        bend = np.where(np.isfinite(h), r**2 * stay / leave**2, 0.0)
        own = r / leave - np.where(np.isfinite(h), h * bend, 0.0)
    information = np.bincount(place, weights=w[mine] * bend, minlength=times.size)
    meat = np.bincount(place, weights=w[mine] ** _power(design) * bend, minlength=times.size)
    inverse = np.divide(1.0, information, out=np.zeros(times.size), where=information > 0)
    cross = _at_risk(design, rows, times, relative[:, None] * X, 1)
    np.subtract.at(cross, place, (w[mine] * own)[:, None] * X[mine])
    return meat * inverse**2, -cross * inverse[:, None], inverse


def _at_risk(design: Design, rows: np.ndarray, times: np.ndarray, values: np.ndarray, power: int) -> np.ndarray:
    """Return sums of weighted values (n, q) over the rows at risk at each time, shape (m, q)."""
    if design.weights is not None:
        values = values * design.weights[rows, None] ** power
    out = _from(design.y["time"][rows], values, times)
    if design.entry is not None:
        out -= _from(design.entry[rows], values, times)  # at risk from their entry on
    return out


def _from(clock: np.ndarray, values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Sums of the values of rows whose clock is at or after each time."""
    order = np.argsort(clock, kind="stable")
    total = np.concatenate([np.cumsum(values[order][::-1], axis=0)[::-1], np.zeros((1, values.shape[1]))])
    return total[np.searchsorted(clock[order], times, side="left")]


def average_incidence(
    models: Mapping[int, Any],
    steps: Sequence[Sequence[np.ndarray]],
    errors: IncrementErrors,
    X: np.ndarray,
    relative: np.ndarray,
    mean_of: np.ndarray,
    horizons: np.ndarray,
    strata: np.ndarray | None,
    cause: int,
    form: str,
) -> np.ndarray:
    """Return covariances (h, g, g) of the mean incidences of groups.

    Parameters
    ----------
    models, steps : mapping of int to CoxPH, sequence of sequence of ndarray
        By cause; and the increments of each by stratum.
    errors : IncrementErrors
        Of the fit.
    X, relative : ndarray of shape (n, p) and (n, k)
        Predictors, and relative hazards by cause.
    mean_of : ndarray of shape (g, n)
        From rows to means of groups.
    horizons : ndarray of shape (h,)
        Times within follow-up.
    strata : ndarray of shape (n,) or None
        Stratum of each row.
    cause : int
        Event code.
    form : str
        As for `CauseSpecificCox`.
    """
    codes = np.zeros(len(X), dtype=np.int64) if strata is None else strata
    parts, c, g, p = list(models.values()), list(models).index(cause), len(mean_of), X.shape[1]
    k = len(parts)
    of_coef = np.zeros((horizons.size, k, g, p))
    out = np.zeros((horizons.size, g, g))
    for stratum in np.unique(codes):
        grid = _grid(parts, stratum)
        h = np.zeros((grid.size, k))
        for a, model in enumerate(parts):
            h[np.searchsorted(grid, model.baseline_times_[stratum]), a] = steps[a][stratum]
        mine = np.flatnonzero(codes == stratum)
        for j, horizon in enumerate(horizons):
            m = int(np.searchsorted(grid, horizon, side="right"))
            of_steps = np.zeros((g, m, k))
            for rows in _pieces(mine, max(m * k, 1)):
                slope = _slopes(h[:m], relative[rows], c, form)
                with np.errstate(invalid="ignore"):
                    eta = np.where(np.isfinite(h[:m]), h[:m], 0.0)
                of_steps += np.einsum("gn,nma->gma", mean_of[:, rows], slope, optimize=True)
                by_row = np.einsum("nma,ma->na", slope, eta)
                for a, model in enumerate(parts):
                    of_coef[j, a] += mean_of[:, rows] @ (by_row[:, [a]] * (X[rows] - model.centre_))
            of_coef[j] += np.einsum("gma,map->agp", of_steps, errors.slopes[stratum][:m], optimize=True)
            out[j] += np.einsum("gma,mab,hmb->gh", of_steps, errors.covariance[stratum][:m], of_steps, optimize=True)
    for a, model in enumerate(parts):
        out += of_coef[:, a] @ model.covariance_ @ of_coef[:, a].transpose(0, 2, 1)
    return out


def _pieces(rows: np.ndarray, width: int) -> Iterator[np.ndarray]:
    size = max(1, _CELLS // width)
    for start in range(0, rows.size, size):
        yield rows[start : start + size]


def _slopes(h: np.ndarray, relative: np.ndarray, c: int, form: str) -> np.ndarray:
    """Return the derivative of the incidence of cause ``c`` at the last time in each increment, shape (n, m, k)."""
    r = relative[:, None, :]
    with np.errstate(over="ignore", invalid="ignore"):
        if form == "product_limit":
            step, turn = -np.expm1(-h * r), r * np.exp(-h * r)
        else:
            step, turn = h * r, np.broadcast_to(r, (len(r), *h.shape))
    total = step.sum(axis=2)
    if form.startswith("product_limit"):
        left = np.maximum(1.0 - total, 0.0)
        share, bend = np.ones_like(total), np.zeros_like(total)
    else:
        left = np.exp(-total)
        share, bend = np.ones_like(total), np.zeros_like(total)
        if form == "exponential":  # what survival loses at a time goes to the causes in proportion
            some = total > 0
            share[some] = -np.expm1(-total[some]) / total[some]
            bend[some] = (left[some] - share[some]) / total[some]
    before = np.cumprod(np.column_stack([np.ones(len(r)), left[:, :-1]]), axis=1) if h.size else left
    incidence = np.cumsum(before * step[:, :, c] * share, axis=1)
    later = incidence[:, -1:] - incidence
    if form.startswith("product_limit"):
        later = np.divide(later, left, out=np.zeros_like(later), where=left > 0)
    out = np.repeat((before * step[:, :, c] * bend - later)[:, :, None], h.shape[1], axis=2)
    out[:, :, c] += before * share
    return out * turn
