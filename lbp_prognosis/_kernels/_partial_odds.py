"""Cumulative link models in which some columns have a coefficient for each threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._ordinal import ordinal_rows

__all__ = ["PartialFit", "partial_odds_fit", "partial_odds_score"]

_MAX_STEPS = 200


@dataclass(frozen=True)
class PartialFit:
    """Estimates of P(Y ≤ k | x, z) = F(α_k − xβ − zγ_k).

    Attributes
    ----------
    theta : ndarray of shape (P,)
        α (K − 1), then γ (K − 1, q) row after row, then β (p).
    information : ndarray of shape (P, P)
        Observed information.
    gradient : ndarray of shape (P,)
        Of the log-likelihood.
    scores : ndarray of shape (n, P)
        Gradient of each row, unweighted.
    loglik : float
        At ``theta``.
    iterations : int
        Newton steps.
    converged : bool
        False if there is no maximum within reach.
    """

    theta: np.ndarray
    information: np.ndarray
    gradient: np.ndarray
    scores: np.ndarray
    loglik: float
    iterations: int
    converged: bool


@dataclass(frozen=True)
class _Rows:
    """Derivatives of the two limits of each row by the parameters; the outer limits of the scale do not move."""

    lower: np.ndarray
    upper: np.ndarray
    shift: np.ndarray
    bottom: np.ndarray
    top: np.ndarray
    weights: np.ndarray
    link: str

    @classmethod
    def of(
        cls,
        X: np.ndarray,
        Z: np.ndarray,
        level: np.ndarray,
        levels: int,
        weights: np.ndarray,
        offset: np.ndarray,
        link: str,
    ) -> _Rows:
        n, p, q, cuts = X.shape[0], X.shape[1], Z.shape[1], levels - 1
        size = cuts * (1 + q) + p

        def limit(threshold: np.ndarray, inside: np.ndarray) -> np.ndarray:
            out = np.zeros((n, size))
            rows, at = np.flatnonzero(inside), threshold[inside]
            out[rows, at] = 1.0
            for column in range(q):
                out[rows, cuts + at * q + column] = -Z[rows, column]
            out[rows, cuts * (1 + q) :] = -X[rows]
            return out

        bottom, top = level == 0, level == cuts
        return cls(limit(level - 1, ~bottom), limit(level, ~top), offset, bottom, top, weights, link)

    def at(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Log-likelihood, scores of the rows, gradient and information; −∞ where limits cross."""
        low = np.where(self.bottom, -np.inf, self.lower @ theta - self.shift)
        high = np.where(self.top, np.inf, self.upper @ theta - self.shift)
        used = self.weights > 0
        if (high[used] <= low[used]).any() or not np.isfinite(theta).all():
            nothing = np.empty(0)
            return -np.inf, nothing, nothing, nothing
        high = np.where(high > low, high, np.inf)
        value, d_low, d_high, d_ll, d_hh, d_lh = ordinal_rows(low, high, self.link)
        scores = self.lower * d_low[:, None] + self.upper * d_high[:, None]
        w = self.weights[:, None]
        mixed = self.lower.T @ (w * d_lh[:, None] * self.upper)
        curvature = (
            self.lower.T @ (w * d_ll[:, None] * self.lower)
            + self.upper.T @ (w * d_hh[:, None] * self.upper)
            + mixed
            + mixed.T
        )
        return float(self.weights @ value), scores, self.weights @ scores, -curvature


def partial_odds_score(
    theta: np.ndarray,
    X: np.ndarray,
    Z: np.ndarray,
    level: np.ndarray,
    levels: int,
    *,
    link: str = "logit",
    offset: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient and expected information at given parameters; arguments as for `partial_odds_fit`.

    The expected information stays positive definite away from the maximum, which the observed one need not.

    Returns
    -------
    tuple of ndarray of shape (P,) and (P, P)
        Gradient and information.
    """
    n = X.shape[0]
    weights, shift = np.ones(n), np.zeros(n) if offset is None else offset
    gradient = np.zeros(theta.size)
    information = np.zeros((theta.size, theta.size))
    for k in range(levels):
        rows = _Rows.of(X, Z, np.full(n, k), levels, weights, shift, link)
        low = np.where(rows.bottom, -np.inf, rows.lower @ theta - shift)
        high = np.where(rows.top, np.inf, rows.upper @ theta - shift)
        value, d_low, d_high, *_ = ordinal_rows(low, high, link)
        scores = rows.lower * d_low[:, None] + rows.upper * d_high[:, None]
        information += (scores * np.exp(value)[:, None]).T @ scores
        gradient += scores[level == k].sum(axis=0)
    return gradient, information


def partial_odds_fit(
    start: np.ndarray,
    X: np.ndarray,
    Z: np.ndarray,
    level: np.ndarray,
    levels: int,
    *,
    link: str = "logit",
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    tol: float = 1e-12,
) -> PartialFit:
    """Maximise the likelihood by Newton's method.

    Parameters
    ----------
    start : ndarray of shape (P,)
        Parameters at which no limits cross: those of the model with common coefficients.
    X : ndarray of shape (n, p)
        Columns with one coefficient.
    Z : ndarray of shape (n, q)
        Columns with a coefficient for each threshold.
    level : ndarray of int of shape (n,)
        0 … levels − 1; every level occurs.
    levels : int
        Number of levels K.
    link : {"logit", "probit", "cloglog"}, default "logit"
        Link.
    weights, offset : ndarray of shape (n,), optional
        Row weights; fixed part of xβ.
    tol : float, default 1e-12
        Converged when half the squared Newton decrement is smaller.
    """
    n = X.shape[0]
    rows = _Rows.of(
        X, Z, level, levels, np.ones(n) if weights is None else weights, np.zeros(n) if offset is None else offset, link
    )
    theta = start
    value, scores, gradient, information = rows.at(theta)
    for iteration in range(1, _MAX_STEPS + 1):
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        decrement = float(gradient @ step)
        if not decrement > 0 and np.abs(gradient).max() > 1e-6:  # not concave here: along the gradient
            step = gradient / max(float(np.abs(np.diag(information)).max()), 1.0)
            decrement = float(gradient @ step)
        if abs(decrement) < 2 * tol:
            last = rows.at(theta + step)
            if np.isfinite(last[0]):
                return PartialFit(theta + step, last[3], last[2], last[1], last[0], iteration, True)
            break
        scale = 1.0
        while scale > 1e-10:
            tried = rows.at(theta + scale * step)
            if tried[0] >= value + 1e-4 * scale * decrement:
                break
            scale *= 0.5
        else:
            break
        theta = theta + scale * step
        value, scores, gradient, information = tried
    return PartialFit(theta, information, gradient, scores, value, _MAX_STEPS, False)
