"""Regression of a category by maximum likelihood: binary and multinomial logit, and binary complementary log-log.

Categories are 0 (nothing happened) and 1 … J; the linear predictor of category j is
``X @ coef[j - 1] + offset[:, j - 1]``. An offset of −inf makes a category impossible in that row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

__all__ = ["CategoricalFit", "categorical_fit", "categorical_parts", "categorical_probabilities"]


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
        full = np.hstack([np.zeros((eta.shape[0], 1)), eta])
        full -= full.max(axis=1, keepdims=True)
        e = np.exp(full)
        return e / e.sum(axis=1, keepdims=True)


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


def _assemble(X: np.ndarray, information: np.ndarray, weights: np.ndarray) -> np.ndarray:
    size, width = information.shape[1], X.shape[1]
    out = np.empty((size * width, size * width))
    for a in range(size):
        for b in range(a, size):
            block = X.T @ ((weights * information[:, a, b])[:, None] * X)
            out[a * width : (a + 1) * width, b * width : (b + 1) * width] = block
            out[b * width : (b + 1) * width, a * width : (a + 1) * width] = block.T
    return out


def solve_scaled(information: np.ndarray, score: np.ndarray) -> np.ndarray | None:
    """Solve ``information @ step = score`` with unit diagonal scaling; None if it is not positive definite."""
    diagonal = np.diag(information)
    if not (diagonal > 0).all():
        return None
    size = np.sqrt(diagonal)
    try:
        factor = linalg.cho_factor(information / np.outer(size, size))
    except linalg.LinAlgError:
        return None
    return linalg.cho_solve(factor, score / size) / size


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
        Newton iterations. Separated data never converge: the decrement falls by a constant factor only.
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

    def evaluate(value: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        eta = X @ value.reshape(categories, width).T + offset
        loglik, score, information = categorical_parts(eta, response, link)
        total = float(weights @ loglik) - 0.5 * float(ridge @ value**2)
        gradient = ((weights[:, None] * score).T @ X).ravel() - ridge * value
        return total, gradient[mask], (_assemble(X, information, weights) + np.diag(ridge))[np.ix_(mask, mask)]

    total, gradient, information = evaluate(theta)
    converged = False
    iteration = 0
    for iteration in range(1, max_iter + 1):  # noqa: B007
        step = solve_scaled(information, gradient)
        if step is None:
            break
        decrement = float(gradient @ step)
        fraction, candidate = 1.0, theta.copy()
        while True:
            candidate[mask] = theta[mask] + fraction * step
            new = evaluate(candidate)
            if new[0] >= total - 1e-12 * abs(total) or fraction < 1e-8:
                break
            fraction /= 2
        if not np.isfinite(new[0]):
            break
        theta, (total, gradient, information) = candidate.copy(), new
        if fraction == 1.0 and decrement < tol:
            converged = True
            break
    loglik = total + 0.5 * float(ridge @ theta**2)
    return CategoricalFit(theta.reshape(categories, width), information, loglik, iteration, converged)
