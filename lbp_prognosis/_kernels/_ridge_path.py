"""Maxima of a likelihood minus a ridge, from a strong penalty to a weak one.

The information changes slowly along the path: a step with that of an earlier point costs a gradient, and a fresh one
is computed where progress is slow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from scipy.linalg import lapack

from lbp_prognosis._kernels._blas import one_thread

__all__ = ["RidgeLikelihood", "ridge_path"]

_SLOW = 0.05  # a step that leaves more of the decrement than this was taken with an information out of date
_FLAT = 1e-11  # decrement below which nothing is left to win
_STILL = 1e-3  # a step of this size is none: parameters under separation keep moving by 1
_LARGEST_SE = 100.0  # beyond it a parameter has drifted off, and the fit to one penalty calls it undetermined
_STEPS = 40
_HALVINGS = 25


class RidgeLikelihood(Protocol):
    """A log-likelihood whose maxima are sought."""

    def at(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Move to ``theta`` (p,); return the log-likelihood and its gradient (p,)."""
        ...

    def information(self) -> np.ndarray:
        """Return an information (p, p) at the last point: the observed, or a larger one where that is not definite."""
        ...


class _Walk:
    """A point of the path, its slopes, and the information of this or an earlier point."""

    def __init__(self, of: RidgeLikelihood, start: np.ndarray) -> None:
        self.of, self.theta = of, start
        self.loglik, self.gradient = of.at(start)
        self.information = of.information()

    def solve(self, ridge: np.ndarray, drift_is_none: bool) -> tuple[np.ndarray, float] | None:
        """Go to the maximum at ``ridge`` (p,); return it and the log-likelihood there, None if not within reach."""
        factor, fresh, last = _factor(self.information, ridge), False, np.inf
        for _ in range(_STEPS):
            slope = self.gradient - ridge * self.theta
            step = None if factor is None else lapack.dpotrs(factor, slope, lower=1)[0]
            gain = np.nan if step is None else float(slope @ step)
            if step is not None and gain <= _FLAT and float(np.abs(step).max(initial=0.0)) <= _STILL:
                if drift_is_none and not _largest_variance(factor) <= _LARGEST_SE**2:
                    return None
                return self.theta + step, self.loglik + float(self.gradient @ step)
            if not fresh and not gain <= _SLOW * last:
                self.information = self.of.information()
                factor, fresh, last = _factor(self.information, ridge), True, np.inf
                continue
            if step is None or not np.isfinite(gain) or not self._move(step, ridge):
                return None
            fresh, last = False, gain
        return None

    def _move(self, step: np.ndarray, ridge: np.ndarray) -> bool:
        old = self.loglik - 0.5 * float(ridge @ self.theta**2)
        for _ in range(_HALVINGS):
            trial = self.theta + step
            loglik, gradient = self.of.at(trial)
            if loglik - 0.5 * float(ridge @ trial**2) >= old - 1e-10 * (1 + abs(old)):
                self.theta, self.loglik, self.gradient = trial, loglik, gradient
                return True
            step = step / 2
        self.loglik, self.gradient = self.of.at(self.theta)
        return False


def _factor(information: np.ndarray, ridge: np.ndarray) -> np.ndarray | None:
    matrix = information.copy()
    matrix.flat[:: ridge.size + 1] += ridge
    factor, failed = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
    diagonal = np.diag(factor)
    return None if failed or not (diagonal**2 > 1e-11 * (np.diag(information) + ridge)).all() else factor


def _largest_variance(factor: np.ndarray | None) -> float:
    """Return the largest diagonal entry of the inverse, of a Cholesky factor."""
    inverse, failed = lapack.dpotri(factor, lower=1)
    return np.inf if failed else float(np.diag(inverse).max(initial=0.0))


def ridge_path(
    of: RidgeLikelihood, ridges: Iterable[np.ndarray], start: np.ndarray, *, drift_is_none: bool = False
) -> Iterator[tuple[np.ndarray, float] | None]:
    """Yield, for each row of ``ridges`` (k, p), the maximum (p,) of ``loglik − ½ Σ ridge θ²`` and the loglik there.

    None where there is no maximum within reach, as under separation; the next one is then sought from the last that
    was found. Steps end at a decrement of 1e-11, the last one included.

    Parameters
    ----------
    of : RidgeLikelihood
        Parameters should be of about unit scale.
    ridges : iterable of ndarray of shape (p,)
        Penalties, from strong to weak.
    start : ndarray of shape (p,)
        Where the first is sought from.
    drift_is_none : bool, default False
        Yield None also where the standard error of a parameter passes 100: under separation decrements vanish, too.
    """
    with one_thread():
        walk, kept = _Walk(of, start), start
    for ridge in ridges:
        with one_thread():
            if walk.theta is not kept:
                walk = _Walk(of, kept)
            found = walk.solve(ridge, drift_is_none)
        if found is not None:
            kept = walk.theta
        yield found
