"""Newton's method with step halving for likelihoods of categories, some parameters held."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import linalg

__all__ = ["Climb", "Point", "climb"]


class Point(NamedTuple):
    """Penalised log-likelihood, and over the free parameters its gradient and information.

    ``complete`` is an information that is positive definite everywhere, where the other may not be.
    """

    loglik: float
    gradient: np.ndarray
    information: np.ndarray
    complete: np.ndarray | None = None


class Climb(NamedTuple):
    """End of the maximisation."""

    theta: np.ndarray
    point: Point
    iterations: int
    converged: bool


def _solve_scaled(information: np.ndarray, score: np.ndarray) -> np.ndarray | None:
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


def climb(
    evaluate: Callable[[np.ndarray], Point], theta: np.ndarray, free: np.ndarray, *, max_iter: int, tol: float
) -> Climb:
    """Climb from ``theta`` (all parameters) over those that are ``free``.

    Converged after a full Newton step with a decrement below ``tol``. Separated data never are: the decrement falls by
    a constant factor only.
    """
    current, converged, iteration = evaluate(theta), False, 0
    for iteration in range(1, max_iter + 1):  # noqa: B007
        step, newton = _solve_scaled(current.information, current.gradient), True
        if step is None and current.complete is not None:
            step, newton = _solve_scaled(current.complete, current.gradient), False
        if step is None:
            break
        decrement = float(current.gradient @ step)
        fraction, candidate = 1.0, theta.copy()
        while True:
            candidate[free] = theta[free] + fraction * step
            new = evaluate(candidate)
            if new.loglik >= current.loglik - 1e-12 * abs(current.loglik) or fraction < 1e-8:
                break
            fraction /= 2
        if not np.isfinite(new.loglik):
            break
        theta, current = candidate.copy(), new
        if newton and fraction == 1.0 and decrement < tol:
            converged = True
            break
    return Climb(theta, current, iteration, converged)
