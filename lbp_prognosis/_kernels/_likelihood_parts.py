"""One likelihood at given coefficients: value, score and information, without a fit."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from lbp_prognosis._kernels._blas import one_thread
from lbp_prognosis._kernels._categorical import categorical_parts
from lbp_prognosis._kernels._cox_data import cox_data
from lbp_prognosis._kernels._cox_sums import evaluate, tied_events

__all__ = ["cloglog_parts", "cox_parts", "logistic_parts"]


def cox_parts(
    X: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    coef: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    ties: str = "efron",
    frequency: bool = False,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log partial likelihood (), its score (p,) and information (p, p) at ``coef``.

    Arguments as for `cox_fit`; ties are Efron's or Breslow's.
    """
    data = cox_data(X, time, event, entry=entry, strata=strata)
    w = np.ones(np.size(time)) if weights is None else np.ascontiguousarray(data.sorted(weights), dtype=float)
    shift = None if offset is None else np.ascontiguousarray(data.sorted(offset), dtype=float)
    with one_thread():
        return evaluate(data, tied_events(data, w, frequency), shift, np.asarray(coef, dtype=float), ties == "efron")


def logistic_parts(
    X: np.ndarray, y: np.ndarray, coef: np.ndarray, *, weights: np.ndarray, offset: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the logistic log-likelihood (), its score (p,) and information (p, p) at ``coef``."""
    eta = offset + X @ coef
    mean = expit(eta)
    loglik = float(weights @ (y * eta - np.logaddexp(0, eta)))
    return loglik, X.T @ (weights * (y - mean)), (X * (weights * mean * (1 - mean))[:, None]).T @ X


def cloglog_parts(
    X: np.ndarray, y: np.ndarray, coef: np.ndarray, *, weights: np.ndarray, offset: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log-likelihood of y ~ 1 − exp(−exp(η)), its score (p,) and observed information (p, p) at ``coef``."""
    value, score, information = categorical_parts((offset + X @ coef)[:, None], y.astype(np.int64), "cloglog")
    curvature = (X * (weights * information[:, 0, 0])[:, None]).T @ X
    return float(weights @ value), X.T @ (weights * score[:, 0]), curvature
