"""Maximum likelihood of discrete hazards when some events are known only up to a span of periods.

A row is one person in one period; category 0 is "nothing yet", 1 … J the causes. Certain rows are ordinary categorical
responses. The rows of a span are the periods among which its one event, of known cause, must lie: their likelihood is
the sum over these periods, its score the posterior mean of the complete-data score, and its information follows from
Louis' identity (complete information minus the posterior variance of the score).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lbp_prognosis._kernels._categorical import assemble, categorical_parts
from lbp_prognosis._kernels._climb import Point, climb

__all__ = ["DiscreteHazardFit", "SpanParts", "Spans", "discrete_hazard_fit", "span_parts", "span_variance"]


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


class SpanParts(NamedTuple):
    """Log-likelihood of the spans, and of each of their rows the mean score and information in its linear predictors.

    ``here`` (N,) is the chance that the event lies in the row, ``none`` and ``event`` (N, J) the scores if it does not
    and if it does.
    """

    loglik: float
    score: np.ndarray
    information: np.ndarray
    here: np.ndarray
    none: np.ndarray
    event: np.ndarray
    spans: Spans


@dataclass(frozen=True)
class Spans:
    """Rows of each span: the first (S,) of each and the span (N,) of each row."""

    first: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, span: np.ndarray) -> Spans:
        """Read the spans of rows that stand together."""
        first = np.flatnonzero(np.concatenate([[True], np.diff(span) != 0]))
        return cls(first, np.repeat(np.arange(first.size), np.diff(np.append(first, span.size))))

    def before(self, values: np.ndarray) -> np.ndarray:
        """Sum over the earlier rows of the same span."""
        total = np.cumsum(values, axis=0) - values
        return total - total[self.first][self.group]

    def chances(self, none: np.ndarray, event: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the log-likelihood, and the chances that the event lies in a row and in a later one of its span.

        ``none`` and ``event`` (N,) are the log probabilities that it does not and does happen in a row.
        """
        path = self.before(none) + event
        peak = np.maximum.reduceat(path, self.first)
        mass = np.exp(path - peak[self.group])
        total = np.add.reduceat(mass, self.first)
        here = mass / total[self.group]
        later = 1 - (self.before(here) + here)
        later[np.append(self.first[1:], later.size) - 1] = 0.0
        return float(weights[self.first] @ (peak + np.log(total))), here, later


def span_parts(eta: np.ndarray, cause: np.ndarray, span: np.ndarray, link: str, weights: np.ndarray) -> SpanParts:
    """Return what spans add at the linear predictors ``eta`` (N, J); other arguments (N,) as for the fit."""
    spans = Spans.of(span)
    log0, score0, info0 = categorical_parts(eta, np.zeros(span.size, dtype=np.int64), link)
    log1, score1, info1 = categorical_parts(eta, cause, link)
    loglik, here, later = spans.chances(log0, log1, weights)
    score = later[:, None] * score0 + here[:, None] * score1
    information = later[:, None, None] * info0 + here[:, None, None] * info1
    return SpanParts(loglik, score, information, here, score0, score1, spans)


def span_variance(X: np.ndarray, parts: SpanParts, weights: np.ndarray) -> np.ndarray:
    """Return the variance (J·P, J·P) of the complete-data score of spans over where their event may lie."""
    size, first = parts.score.shape[1] * X.shape[1], parts.spans.first
    # complete-data score if the event lies in this row: what the earlier rows and this one then say
    complete0 = (parts.none[:, :, None] * X[:, None, :]).reshape(X.shape[0], size)
    complete1 = (parts.event[:, :, None] * X[:, None, :]).reshape(X.shape[0], size)
    complete = parts.spans.before(complete0) + complete1
    mean = np.add.reduceat(parts.here[:, None] * complete, first, axis=0)
    return complete.T @ ((weights * parts.here)[:, None] * complete) - mean.T @ (weights[first][:, None] * mean)


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
            parts = span_parts(eta[certain:], response[certain:], span[certain:], link, w)
            total += parts.loglik
            row_score[certain:] = parts.score
            complete = complete + assemble(X[certain:], parts.information, w)
            observed = complete - span_variance(X[certain:], parts, w)
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
