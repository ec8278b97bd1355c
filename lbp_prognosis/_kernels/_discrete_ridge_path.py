"""Ridge path of discrete hazards, whose rows of one person share their predictors.

Sums over person-periods of the products with predictors are taken over persons: the weights of a person's rows are
added up first, and the blocks of periods are sums over cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_array

from lbp_prognosis._kernels._categorical import categorical_parts
from lbp_prognosis._kernels._discrete_hazard import Spans, span_parts, span_variance
from lbp_prognosis._kernels._ridge_path import ridge_path

__all__ = ["PersonRows", "discrete_ridge_path"]


@dataclass(frozen=True)
class PersonRows:
    """Person-periods of a likelihood.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Predictors of persons, of about unit scale.
    person, cell : ndarray of int of shape (N,)
        Person and period effect of each row.
    response, span : ndarray of int of shape (N,)
        As in `discrete_hazard_fit`: rows of spans last, together, in order of time.
    weights : ndarray of shape (N,)
        Row weights, equal within a person.
    offset : ndarray of shape (n,)
        Added to the linear predictors of a person.
    possible : ndarray of bool of shape (J, cells)
        Categories that can occur in a period.
    free : ndarray of bool of shape (J, cells + p)
        Parameters to estimate; the others stay at 0.
    """

    X: np.ndarray
    person: np.ndarray
    cell: np.ndarray
    response: np.ndarray
    span: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    possible: np.ndarray
    free: np.ndarray


class _Discrete:
    """Likelihood over the free parameters, flattened by category.

    The score of a row is ``b e − a q``: ``e`` marks its category, and ``q`` (J,) are the probabilities of the logit or
    the hazard of the complementary log-log, where nothing happens.
    """

    def __init__(self, rows: PersonRows, link: str) -> None:
        self.rows, self.logit = rows, link == "logit"
        self.link = link
        self.people, self.cells = rows.X.shape[0], rows.possible.shape[1]
        self.certain = int((rows.span < 0).sum())
        self.happened = np.flatnonzero(rows.response > 0)
        self.category = rows.response[self.happened] - 1
        self.place = (rows.cell[self.happened], rows.person[self.happened])
        self.late = int(np.searchsorted(self.happened, self.certain))
        self.spans = None if self.certain == rows.span.size else Spans.of(rows.span[self.certain :])
        order = np.lexsort((rows.person, rows.cell))
        self.order = order
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(rows.cell, minlength=self.cells))])
        self.never = np.where(rows.possible, 0.0, -np.inf).T
        self.mask = rows.free.ravel()
        self.alpha, self.effect = np.empty((0, 0)), np.empty((0, 0))

    def at(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        r, k = self.rows, self.certain
        full = np.zeros(r.free.shape)
        full[r.free] = theta
        self.alpha = full[:, : self.cells].T + self.never
        self.effect = r.X @ full[:, self.cells :].T + r.offset[:, None]
        with np.errstate(all="ignore"):  # of a step too long the likelihood is not a number
            q = np.exp(self.alpha)[r.cell] * np.exp(self.effect)[r.person]
            none, event, ratio = self._logs(q)
            a, b = np.ones(none.size), np.zeros(none.size)
            if not self.logit:
                a[self.happened] = 0.0
            b[self.happened] = ratio
            logs = none.copy()
            logs[self.happened] = event
            total = float(r.weights[:k] @ logs[:k])
            if self.spans is not None:
                part, here, later = self.spans.chances(none[k:], event[self.late :], r.weights[k:])
                total += part
                a[k:] = later + here if self.logit else later
                b[k:] *= here
            gradient = np.empty(r.free.shape)
            for j in range(len(gradient)):
                score = -a * q[:, j]
                mine = self.happened[self.category == j]
                score[mine] += b[mine]
                score *= r.weights
                gradient[j, : self.cells] = np.bincount(r.cell, weights=score, minlength=self.cells)
                gradient[j, self.cells :] = np.bincount(r.person, weights=score, minlength=self.people) @ r.X
        return total, gradient[r.free]

    def _logs(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | float]:
        """Return log P(nothing) of rows, log P(own category) and ``b`` of those with one; set ``q`` to that of `at`."""
        eta = self.alpha[self.place[0], self.category] + self.effect[self.place[1], self.category]
        if self.logit:
            total = 1 + q.sum(axis=1)
            q /= total[:, None]
            none = -np.log(total)
            return none, eta + none[self.happened], 1.0
        hazard = q[self.happened, 0]
        ratio = np.where(hazard > 0, hazard / np.expm1(hazard), 1.0)
        log = np.where(eta < -30, eta, np.log(-np.expm1(-hazard)))
        return -q[:, 0], log, ratio

    def information(self) -> np.ndarray:
        r, k = self.rows, self.certain
        eta = self.alpha[r.cell] + self.effect[r.person]
        by_row = categorical_parts(eta[:k], r.response[:k], self.link)[2]
        if self.spans is None:
            return self._complete(by_row)
        parts = span_parts(eta[k:], r.response[k:], r.span[k:], self.link, r.weights[k:])
        complete = self._complete(np.concatenate([by_row, parts.information]))
        dummies = (r.cell[k:, None] == np.arange(self.cells)).astype(float)
        variance = span_variance(np.hstack([dummies, r.X[r.person[k:]]]), parts, r.weights[k:])
        observed = complete - variance[np.ix_(self.mask, self.mask)]
        return complete if lapack.dpotrf(observed, lower=1)[1] else observed

    def _complete(self, information: np.ndarray) -> np.ndarray:
        """Sum the information (N, J, J) of rows over persons and cells."""
        r, c, (size, width) = self.rows, self.cells, self.rows.free.shape
        out = np.empty((size, width, size, width))
        for a in range(size):
            for b in range(a, size):
                w = r.weights * information[:, a, b]
                block = np.zeros((width, width))
                np.fill_diagonal(block[:c, :c], np.bincount(r.cell, weights=w, minlength=c))
                cross = csr_array((w[self.order], r.person[self.order], self.starts), shape=(c, self.people)) @ r.X
                block[:c, c:], block[c:, :c] = cross, cross.T
                block[c:, c:] = r.X.T @ (np.bincount(r.person, weights=w, minlength=self.people)[:, None] * r.X)
                out[a, :, b, :], out[b, :, a, :] = block, block
        return out.reshape(size * width, -1)[np.ix_(self.mask, self.mask)]


def discrete_ridge_path(
    rows: PersonRows, ridges: Iterable[np.ndarray], *, link: str, start: np.ndarray
) -> Iterator[np.ndarray | None]:
    """Yield all parameters (J, cells + p) at each penalty; None without a finite maximum.

    Parameters
    ----------
    rows : PersonRows
        Person-periods.
    ridges : iterable of ndarray of shape (p,)
        Penalties of the predictors, from strong to weak; period effects have none.
    link : {"cloglog", "logit"}
        Grouped proportional hazards of one cause, or multinomial logit.
    start : ndarray of shape (J, cells + p)
        Starting values.
    """
    of, (size, width) = _Discrete(rows, link), rows.free.shape
    full = (np.tile(np.concatenate([np.zeros(width - ridge.size), ridge]), size)[of.mask] for ridge in ridges)
    for found in ridge_path(of, full, start[rows.free], drift_is_none=True):
        if found is None:
            yield None
            continue
        theta = np.zeros((size, width))
        theta[rows.free] = found[0]
        yield theta
