"""Means of groups of predictions with their covariance, from gradients in the estimates."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels import solve_tridiagonal

__all__ = ["average_of_gradients", "score_weights", "thresholds_covariance"]


def average_of_gradients(
    mean_of: np.ndarray, risk: np.ndarray, slope: np.ndarray, parts: list[np.ndarray], covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return means (g, h) and covariances (h, g, g) of risks that depend on the estimates through one index.

    Parameters
    ----------
    mean_of : ndarray of shape (g, n)
        From rows to means of groups.
    risk, slope : ndarray of shape (n, h)
        Risks, and their derivatives in the index; NaN where there is no risk.
    parts : list of ndarray of shape (n, q)
        By horizon: derivative of the index in the estimates.
    covariance : ndarray of shape (q, q)
        Of the estimates.
    """
    gradients = [mean_of @ (column[:, None] * part) for column, part in zip(slope.T, parts)]
    return mean_of @ risk, np.stack([gradient @ covariance @ gradient.T for gradient in gradients])


def score_weights(
    levels: np.ndarray, quantity: str, at_most: float | None, at_least: float | None
) -> tuple[float, np.ndarray]:
    """Return a and the b_k of a + Σ b_k P(Y ≤ level k) over K − 1 thresholds: the mean, or the risk at a cut."""
    if quantity == "mean":
        return float(levels[-1]), -np.diff(levels)
    slack = 1e-9 * max(float(np.abs(levels).max()), 1.0)  # as the forecast reads a cut
    inside = (levels <= at_most + slack) if at_most is not None else (levels < at_least - slack)  # type: ignore[operator]
    at, size = int(inside.sum()), levels.size
    weights = np.zeros(size - 1)
    if 0 < at < size:
        weights[at - 1] = 1.0
    whole = float(at == size)
    return (whole, weights) if at_most is not None else (1.0 - whole, -weights)


def thresholds_covariance(
    band: np.ndarray, cross: np.ndarray, inverse: np.ndarray, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Return G I⁻¹ Gᵀ for gradients (first, second) in thresholds and coefficients, with the thresholds' band.

    Parameters
    ----------
    band, cross : ndarray of shape (2, m), (m, p)
        Information of the thresholds, and between them and the coefficients.
    inverse : ndarray of shape (p, p)
        Covariance of the coefficients.
    first, second : ndarray of shape (g, m), (g, p)
        Gradients.
    """
    solved = solve_tridiagonal(band, np.column_stack([cross, first.T]))
    p = cross.shape[1]
    rest = second - first @ solved[:, :p]
    return first @ solved[:, p:] + rest @ inverse @ rest.T
