"""Regression of a category by maximum likelihood: binary and multinomial logit, and binary complementary log-log.

Categories are 0 (nothing happened) and 1 … J; the linear predictor of category j is
``X @ coef[j - 1] + offset[:, j - 1]``. An offset of −inf makes a category impossible in that row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._climb import Point, climb

__all__ = ["CategoricalFit", "assemble", "categorical_fit", "categorical_parts", "categorical_probabilities"]


@dataclass(frozen=True)
class CategoricalFit:
    """The maximum; ``coef`` is ``(J, P)``, ``information`` is over the free parameters, flattened by row."""

    coef: np.ndarray
    information: np.ndarray
    loglik: float
    iterations: int
    converged: bool


def categorical_probabilities(eta: np.ndarray, link: str) -> np.ndarray:
    """Return ``(n, J + 1)`` probabilities of categories 0 … J from linear predictors ``(n, J)``."""
    with np.errstate(over="ignore"):
        if link == "cloglog":
            hazard = np.exp(eta)
            return np.hstack([np.exp(-hazard), -np.expm1(-hazard)])
        full = np.empty((eta.shape[0], eta.shape[1] + 1))
        full[:, 0], full[:, 1:] = 0.0, eta
        # by columns: NumPy's reductions along a short last axis take several times as long
        top, total = full[:, 0].copy(), np.zeros(eta.shape[0])
        for column in full.T[1:]:
            np.maximum(top, column, out=top)
        full -= top[:, None]
        np.exp(full, out=full)
        for column in full.T:
            total += column
        full /= total[:, None]
        return full


def categorical_parts(eta: np.ndarray, response: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's log-likelihood ``(n,)``, score ``(n, J)`` and observed information ``(n, J, J)`` in eta."""
    n, size = eta.shape
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if link == "cloglog":
            z = eta[:, 0]
            hazard = np.exp(z)
            event = response == 1
            # log(1 − exp(−h)), d/dz = h / (eʰ − 1) = r, and −d²/dz² = r (h + r − 1)
            ratio = np.where(hazard > 0, hazard / np.expm1(hazard), 1.0)
            loglik = np.where(event, np.log(-np.expm1(-hazard)), -hazard)
            score = np.where(event, ratio, -hazard)
            # For small h the bracket cancels: h + r − 1 = h/2 + h²/12 − h⁴/720 + …
            bracket = np.where(hazard < 1e-2, hazard / 2 + hazard**2 / 12 - hazard**4 / 720, hazard + ratio - 1)
            information = np.where(event, ratio * bracket, hazard)
            return loglik, score[:, None], information[:, None, None]
        p = categorical_probabilities(eta, link)
        seen = np.zeros((n, size + 1))
        seen[np.arange(n), response] = 1.0
        loglik = np.log(p[np.arange(n), response])
    score = (seen - p)[:, 1:]
    information = -p[:, 1:, None] * p[:, None, 1:]
    diagonal = np.arange(size)
    information[:, diagonal, diagonal] += p[:, 1:]
    return loglik, score, information


def assemble(X: np.ndarray, information: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Σ w · information ⊗ x xᵀ over the rows, flattened by category."""
    size, width = information.shape[1], X.shape[1]
    out = np.empty((size * width, size * width))
    for a in range(size):
        for b in range(a, size):
            block = X.T @ ((weights * information[:, a, b])[:, None] * X)
            out[a * width : (a + 1) * width, b * width : (b + 1) * width] = block
            out[b * width : (b + 1) * width, a * width : (a + 1) * width] = block.T
    return out


def categorical_fit(
    X: np.ndarray,
    response: np.ndarray,
    *,
    categories: int = 1,
    link: str = "logit",
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    penalty: np.ndarray | None = None,
    free: np.ndarray | None = None,
    start: np.ndarray | None = None,
    max_iter: int = 25,
    tol: float = 1e-12,
) -> CategoricalFit:
    """Maximise Σ w · loglik − ½ Σ penalty · coef² by Newton's method with step-halving.

    Parameters
    ----------
    X : ndarray of shape (n, P)
        Design; the intercept is a column of it.
    response : int ndarray of shape (n,)
        0 … categories.
    categories : int
        J, the categories besides 0; 1 with the link ``"cloglog"``.
    link : {"logit", "cloglog"}
        Multinomial logit, or complementary log-log of one category.
    weights : ndarray of shape (n,), optional
        Row weights.
    offset : ndarray of shape (n, J), optional
        Added to the linear predictors.
    penalty : ndarray of shape (P,), optional
        Ridge penalty of each column, the same for all categories.
    free : bool ndarray of shape (J, P), optional
        Parameters to estimate; the others stay at ``start`` (0).
    start : ndarray of shape (J, P), optional
        Starting values.
    max_iter : int
        Newton iterations.
    tol : float
        Stop after the step whose Newton decrement is below it.
    """
    n, width = X.shape
    weights = np.ones(n) if weights is None else weights
    offset = np.zeros((n, categories)) if offset is None else offset
    ridge = np.zeros(width) if penalty is None else penalty
    ridge = np.tile(ridge, categories)
    mask = np.ones(categories * width, dtype=bool) if free is None else free.ravel()
    theta = np.zeros(categories * width) if start is None else np.array(start, dtype=float).ravel()

    def evaluate(value: np.ndarray) -> Point:
        eta = X @ value.reshape(categories, width).T + offset
        loglik, score, information = categorical_parts(eta, response, link)
        total = float(weights @ loglik) - 0.5 * float(ridge @ value**2)
        gradient = ((weights[:, None] * score).T @ X).ravel() - ridge * value
        return Point(total, gradient[mask], (assemble(X, information, weights) + np.diag(ridge))[np.ix_(mask, mask)])

    found = climb(evaluate, theta, mask, max_iter=max_iter, tol=tol)
    loglik = found.point.loglik + 0.5 * float(ridge @ found.theta**2)
    coef = found.theta.reshape(categories, width)
    return CategoricalFit(coef, found.point.information, loglik, found.iterations, found.converged)
