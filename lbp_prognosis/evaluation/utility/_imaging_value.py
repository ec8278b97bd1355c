"""Expected value of imaging by clinical risk, and the band of clinical risk in which it is positive."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from lbp_prognosis._base import (
    argument_error,
    check_number,
    check_vector,
    takes_rows,
)

__all__ = ["expected_value_of_imaging", "imaging_band", "imaging_spread"]

_NODES = 60


@takes_rows()
def expected_value_of_imaging(risk: Any, spread: float, threshold: float, *, harm: float = 0.0) -> np.ndarray:
    """Net benefit that imaging one patient is expected to bring, by clinical risk.

    Parameters
    ----------
    risk : array-like of shape (n,)
        Clinical risk of the target, in (0, 1).
    spread : float
        Standard deviation of the logit risk after imaging, given the clinical risk (see `imaging_spread`).
    threshold : float
        Risk from which on a patient is treated.
    harm : float, default 0.0
        Harm of one image, in true positives.

    Returns
    -------
    ndarray of shape (n,)
        {E[(r₂ − t)₊] − (r₁ − t)₊} / (1 − t) − harm, largest at r₁ = t.

    Notes
    -----
    The risk after imaging is taken as calibrated, E[r₂ | r₁] = r₁, with logit r₂ ~ N(m, spread²) and m solved from it.
    """
    r1 = check_vector("risk", np.atleast_1d(risk), low=0, high=1)
    s = check_number("spread", spread, low=0)
    t = check_number("threshold", threshold, low=0, high=1, open_low=True, open_high=True)
    h = check_number("harm", harm, low=0)
    inside = np.clip(r1, 1e-9, 1 - 1e-9)
    z, w = np.polynomial.hermite_e.hermegauss(_NODES)
    w = w / w.sum()
    centre = _centres(inside, s, z, w)
    # E(r₂ − t)₊ has a kink at logit t: integrate the exceeding part by itself, on a grid that begins at the kink
    expected = _exceeding(centre, s, t)
    return (expected - np.maximum(inside - t, 0)) / (1 - t) - h


def _centres(risk: np.ndarray, spread: float, z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Solve E expit(m + s z) = risk for m by Newton; the function is smooth and rising."""
    m = logit(risk) * np.sqrt(1 + np.pi * spread**2 / 8)
    for _ in range(50):
        p = expit(m[:, None] + spread * z)
        step = (p @ w - risk) / ((p * (1 - p)) @ w)
        m = m - np.clip(step, -2, 2)
        if np.max(np.abs(step)) < 1e-13:
            break
    return m


def _exceeding(centre: np.ndarray, spread: float, threshold: float) -> np.ndarray:
    """E[(expit(m + s z) − t)₊], Gauss–Legendre from the kink to where the normal density ends."""
    if spread == 0:
        return np.maximum(expit(centre) - threshold, 0)
    start = np.clip((logit(threshold) - centre) / spread, -9.5, 9.5)
    x, w = np.polynomial.legendre.leggauss(80)
    half = (9.5 - start) / 2
    z = start[:, None] + half[:, None] * (x + 1)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    value = (expit(centre[:, None] + spread * z) - threshold) * density
    return np.maximum(half * (value @ w), 0.0)


@takes_rows()
def imaging_spread(risk_first: Any, risk_second: Any) -> float:
    """Residual standard deviation of the logit risk with imaging, given the logit risk without.

    Parameters
    ----------
    risk_first, risk_second : array-like of shape (n,)
        Cross-fitted, calibrated risks without and with imaging, in (0, 1).
    """
    first = check_vector("risk_first", risk_first, low=0, high=1)
    second = check_vector("risk_second", risk_second, n=first.size, low=0, high=1)
    if first.size < 10:
        raise argument_error("risk_first", "risks of at least 10 patients", f"{first.size}")
    x, v = (logit(np.clip(r, 1e-8, 1 - 1e-8)) for r in (first, second))
    design = np.column_stack([np.ones_like(x), x])
    coef = np.linalg.lstsq(design, v, rcond=None)[0]
    return float(np.sqrt(np.sum((v - design @ coef) ** 2) / (x.size - 2)))


@takes_rows()
def imaging_band(spread: float, threshold: float, harm: float, *, step: float = 0.005) -> tuple[float, float]:
    """Clinical risks between which imaging is worth its harm.

    Parameters
    ----------
    spread, threshold, harm : float
        As in `expected_value_of_imaging`.
    step : float, default 0.005
        Grid of clinical risks.

    Returns
    -------
    tuple of float
        Lowest and highest clinical risk on the grid with a positive expected value; both the threshold (an empty band)
        if there is none.
    """
    size = check_number("step", step, low=0, high=0.1, open_low=True)
    grid = np.round(np.arange(1, round(1 / size)) * size, 12)
    worth = expected_value_of_imaging(grid, spread, threshold, harm=harm) > 0
    if not worth.any():
        return threshold, threshold
    return float(grid[worth][0]), float(grid[worth][-1])
