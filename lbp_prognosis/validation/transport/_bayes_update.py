"""Old coefficients as a prior for new ones, discounted by a power."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from lbp_prognosis._base import EstimationError, argument_error
from lbp_prognosis._kernels import cox_fit

__all__ = ["posterior_cox", "posterior_logistic", "prior_of"]


def prior_of(model: Any, X: Any, *, intercept: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the design matrix in the model's columns, its coefficients and their covariance."""
    if not (hasattr(model, "coef_") and hasattr(model, "covariance_")):
        raise argument_error(
            "model",
            "a fitted model with `coef_` and `covariance_` for a Bayesian update",
            type(model).__name__,
            "Of a pipeline, update the model inside on its prepared columns.",
        )
    matrix = np.asarray(X[list(model.feature_names_in_)] if hasattr(X, "columns") else X, dtype=float)
    mean = np.asarray(model.coef_, dtype=float)
    if intercept:
        matrix = np.column_stack([np.ones(matrix.shape[0]), matrix])
        mean = np.concatenate([[float(model.intercept_)], mean])
    covariance = np.asarray(model.covariance_, dtype=float)
    if covariance.shape != (mean.size, mean.size) or not (np.linalg.eigvalsh(covariance) > 0).all():
        raise argument_error(
            "model",
            "a model with a positive definite covariance of all its coefficients",
            f"a covariance of shape {covariance.shape}",
        )
    return matrix, mean, covariance


def posterior_logistic(
    matrix: np.ndarray, event: np.ndarray, mean: np.ndarray, covariance: np.ndarray, discount: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the posterior mode under N(mean, covariance/discount), its covariance, and the log-likelihood there."""
    precision = discount * np.linalg.inv(covariance)

    def objective(b: np.ndarray) -> float:
        eta = matrix @ b
        return float(np.sum(event * eta - np.logaddexp(0, eta)) - 0.5 * (b - mean) @ precision @ (b - mean))

    beta = mean.copy()
    for _ in range(100):
        p = expit(matrix @ beta)
        hessian = (matrix * (p * (1 - p))[:, None]).T @ matrix + precision
        step = np.linalg.solve(hessian, matrix.T @ (event - p) - precision @ (beta - mean))
        size = 1.0
        while objective(beta + size * step) < objective(beta) - 1e-12 and size > 1e-6:
            size /= 2
        beta = beta + size * step
        if np.abs(step).max() < 1e-10:
            eta = matrix @ beta
            return beta, np.linalg.inv(hessian), float(np.sum(event * eta - np.logaddexp(0, eta)))
    raise EstimationError("The posterior mode was not found in 100 steps: are columns on very different scales?")


def posterior_cox(
    matrix: np.ndarray, y: np.ndarray, mean: np.ndarray, covariance: np.ndarray, discount: float, ties: str = "efron"
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the same for Cox's partial likelihood."""
    # b = mean + L u with L L' = covariance/discount turns the prior into a ridge of one on u
    root = np.linalg.cholesky(covariance / discount)
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    fit = cox_fit(
        matrix @ root,
        y["time"].astype(float),
        y["event"] == 1,
        entry=entry,
        offset=matrix @ mean,
        penalty=np.ones(mean.size),
        ties=ties,
    )
    if not fit.converged:
        raise EstimationError("The posterior mode was not found: are columns on very different scales?")
    return mean + root @ fit.coef, root @ fit.covariance @ root.T, float(fit.loglik)
