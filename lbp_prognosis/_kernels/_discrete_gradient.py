"""Derivatives of discrete hazards in the linear predictors of person-periods, as boosting needs them."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._categorical import categorical_parts, categorical_probabilities

__all__ = ["discrete_hazard_gradient"]


def discrete_hazard_gradient(
    eta: np.ndarray, response: np.ndarray, span: np.ndarray, weights: np.ndarray, link: str
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the weighted log-likelihood, its gradient, and a bound on its curvature, both ``(N, J)``.

    Parameters
    ----------
    eta : ndarray of shape (N, J)
        Linear predictors.
    response, span : ndarray of int of shape (N,)
        As in `discrete_hazard_fit`: rows of spans last, together, in order of time.
    weights : ndarray of shape (N,)
        Row weights, equal within a person.
    link : {"cloglog", "logit"}
        Grouped proportional hazards of one cause, or multinomial logit.

    Notes
    -----
    A span adds log Σ_k [Π_{l<k} p_l(0)] p_k(cause). Its score is the mean of the complete-data score over where its
    event may lie; the bound is the mean complete-data information, which the observed information does not exceed.
    With several causes the bound is the probability of the cause: diag(p) is at least diag(p) − ppᵀ.
    """
    certain = int((span < 0).sum())
    total, score, curvature = _rows(eta[:certain], response[:certain], link)
    loglik = float(weights[:certain] @ total)
    if certain < span.size:
        part, late_score, late_curvature = _spans(eta[certain:], response[certain:], span[certain:], link)
        first = np.flatnonzero(np.concatenate([[True], np.diff(span[certain:]) != 0]))
        loglik += float(weights[certain:][first] @ part)
        score, curvature = np.vstack([score, late_score]), np.vstack([curvature, late_curvature])
    return loglik, weights[:, None] * score, weights[:, None] * curvature


def _rows(eta: np.ndarray, response: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    loglik, score, information = categorical_parts(eta, response, link)
    if eta.shape[1] == 1:
        return loglik, score, information[:, :, 0]
    return loglik, score, categorical_probabilities(eta, link)[:, 1:]


def _spans(
    eta: np.ndarray, cause: np.ndarray, span: np.ndarray, link: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first = np.flatnonzero(np.concatenate([[True], np.diff(span) != 0]))
    length = np.diff(np.concatenate([first, [span.size]]))
    group = np.repeat(np.arange(first.size), length)
    log0, score0, bound0 = _rows(eta, np.zeros(span.size, dtype=np.int64), link)
    log1, score1, bound1 = _rows(eta, cause, link)

    def before(values: np.ndarray) -> np.ndarray:
        """Sum over the earlier rows of the same span."""
        total = np.cumsum(values) - values
        return total - total[first][group]

    path = before(log0) + log1
    peak = np.maximum.reduceat(path, first)
    mass = np.exp(path - peak[group])
    total = np.add.reduceat(mass, first)
    here = mass / total[group]
    later = 1 - (before(here) + here)
    later[first + length - 1] = 0.0
    later = np.maximum(later, 0.0)[:, None]
    here = here[:, None]
    return peak + np.log(total), later * score0 + here * score1, later * bound0 + here * bound1
