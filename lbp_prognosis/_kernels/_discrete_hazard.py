"""Maximum likelihood of discrete hazards when some events are known only up to a span of periods.

A row is one person in one period; category 0 is "nothing yet", 1 … J the causes. Certain rows are ordinary categorical
responses. The rows of a span are the periods among which its one event, of known cause, must lie: their likelihood is
the sum over these periods, its score the posterior mean of the complete-data score, and its information follows from
Louis' identity (complete information minus the posterior variance of the score).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._categorical import assemble, categorical_parts
from lbp_prognosis._kernels._climb import Point, climb

__all__ = ["DiscreteHazardFit", "discrete_hazard_fit"]


@dataclass(frozen=True)
class DiscreteHazardFit:
    """The maximum; ``coef`` is ``(J, P)``, ``information`` over the free parameters flattened by row.

    ``row_score`` is the (posterior mean) score of each row in its linear predictors, ``(N, J)``, unweighted.
    """

    coef: np.ndarray
    information: np.ndarray
    loglik: float
    row_score: np.ndarray
    iterations: int
    converged: bool


def _spans(
    X: np.ndarray, eta: np.ndarray, cause: np.ndarray, span: np.ndarray, link: str, weights: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Weighted log-likelihood of the spans; each row's mean score and information in eta; variance of the score."""
    size, width = eta.shape[1], X.shape[1]
    first = np.flatnonzero(np.concatenate([[True], np.diff(span) != 0]))
    length = np.diff(np.concatenate([first, [span.size]]))
    group = np.repeat(np.arange(first.size), length)
    log0, score0, info0 = categorical_parts(eta, np.zeros(span.size, dtype=np.int64), link)
    log1, score1, info1 = categorical_parts(eta, cause, link)

    def before(values: np.ndarray) -> np.ndarray:
        """Sum over the earlier rows of the same span."""
        total = np.cumsum(values, axis=0) - values
        return total - total[first][group]

    path = before(log0) + log1
    peak = np.maximum.reduceat(path, first)
    mass = np.exp(path - peak[group])
    total = np.add.reduceat(mass, first)
    here = mass / total[group]
    later = 1 - (before(here) + here)
    later[first + length - 1] = 0.0
    loglik = float(weights[first] @ (peak + np.log(total)))
    score = later[:, None] * score0 + here[:, None] * score1
    information = later[:, None, None] * info0 + here[:, None, None] * info1
    # complete-data score if the event lies in this row: what the earlier rows and this one then say
    complete0 = (score0[:, :, None] * X[:, None, :]).reshape(span.size, size * width)
    complete1 = (score1[:, :, None] * X[:, None, :]).reshape(span.size, size * width)
    complete = before(complete0) + complete1
    mean = np.add.reduceat(here[:, None] * complete, first, axis=0)
    variance = complete.T @ ((weights * here)[:, None] * complete) - mean.T @ (weights[first][:, None] * mean)
    return loglik, score, information, variance


def _objective(
    X: np.ndarray,
    response: np.ndarray,
    span: np.ndarray,
    *,
    link: str,
    weights: np.ndarray,
    offset: np.ndarray,
    ridge: np.ndarray,
    mask: np.ndarray,
    row_score: np.ndarray,
) -> Callable[[np.ndarray], Point]:
    """Parameters -> penalised log-likelihood, gradient, observed and complete information; fills ``row_score``."""
    certain, (categories, width) = int((span < 0).sum()), (offset.shape[1], X.shape[1])

    def evaluate(value: np.ndarray) -> Point:
        eta = X @ value.reshape(categories, width).T + offset
        loglik, score, information = categorical_parts(eta[:certain], response[:certain], link)
        total = float(weights[:certain] @ loglik)
        complete = assemble(X[:certain], information, weights[:certain])
        row_score[:certain] = score
        observed = complete
        if certain < X.shape[0]:
            w = weights[certain:]
            part, score, information, variance = _spans(
                X[certain:], eta[certain:], response[certain:], span[certain:], link, w
            )
            total += part
            row_score[certain:] = score
            complete = complete + assemble(X[certain:], information, w)
            observed = complete - variance
        total -= 0.5 * float(ridge @ value**2)
        gradient = ((weights[:, None] * row_score).T @ X).ravel() - ridge * value
        pick = np.ix_(mask, mask)
        return Point(total, gradient[mask], (observed + np.diag(ridge))[pick], (complete + np.diag(ridge))[pick])

    return evaluate


def discrete_hazard_fit(
    X: np.ndarray,
    response: np.ndarray,
    span: np.ndarray,
    *,
    categories: int = 1,
    link: str = "cloglog",
    weights: np.ndarray,
    offset: np.ndarray,
    free: np.ndarray,
    penalty: np.ndarray,
    start: np.ndarray,
    max_iter: int = 60,
    tol: float = 1e-12,
) -> DiscreteHazardFit:
    """Maximise Σ w · loglik − ½ Σ penalty · coef² by Newton's method with step-halving.

    Parameters
    ----------
    X : ndarray of shape (N, P)
        Person-period design, period columns included.
    response : int ndarray of shape (N,)
        Category of a certain row; the cause of its span for the others.
    span : int ndarray of shape (N,)
        −1 for a certain row; else the span, whose rows stand together in order of time, after all certain rows.
    categories : int
        J.
    link : {"cloglog", "logit"}
        Grouped proportional hazards of one cause, or multinomial logit.
    weights : ndarray of shape (N,)
        Row weights, equal within a person.
    offset : ndarray of shape (N, J)
        Added to the linear predictors; −inf makes a category impossible.
    free : bool ndarray of shape (J, P)
        Parameters to estimate.
    penalty : ndarray of shape (P,)
        Ridge penalties.
    start : ndarray of shape (J, P)
        Starting values.
    max_iter, tol : int, float
        Newton iterations, and the decrement below which the last step is taken.
    """
    width = X.shape[1]
    ridge, mask = np.tile(penalty, categories), free.ravel()
    theta = np.array(start, dtype=float).ravel()
    row_score = np.zeros((X.shape[0], categories))

    evaluate = _objective(
        X, response, span, link=link, weights=weights, offset=offset, ridge=ridge, mask=mask, row_score=row_score
    )
    found = climb(evaluate, theta, mask, max_iter=max_iter, tol=tol)
    loglik = found.point.loglik + 0.5 * float(ridge @ found.theta**2)
    return DiscreteHazardFit(
        found.theta.reshape(categories, width),
        found.point.information,
        loglik,
        row_score.copy(),
        found.iterations,
        found.converged,
    )
