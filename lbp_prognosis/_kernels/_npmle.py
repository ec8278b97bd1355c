"""Nonparametric maximum likelihood from intervals that contain the event, with or without competing causes."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

__all__ = ["IntervalMasses", "interval_supports", "npmle_covariance", "npmle_from_intervals"]


class IntervalMasses(NamedTuple):
    """Support and mass of the estimate.

    ``left``/``right`` (m,) bound the supports, mass on (left, right] (a point where equal), ``cause`` (m,) is 0 for the
    part that has not happened by the last visit; ``ranges`` (n, K + 1, 2) are the positions a row may use, block by
    block; ``gradient`` is Σ w α/P per support, at most Σ w at the maximum and equal to it wherever there is mass.
    """

    left: np.ndarray
    right: np.ndarray
    cause: np.ndarray
    mass: np.ndarray
    ranges: np.ndarray
    gradient: np.ndarray
    loglik: float
    iterations: int


def interval_supports(
    lower: np.ndarray, upper: np.ndarray, cause: np.ndarray, causes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Innermost intervals of each cause, and for each row the positions it covers.

    Ends are put in the order closed-left, right, open-left at a tied value, so that (a, b] and (b, c] do not overlap
    and an exact time b lies in (a, b]. A support is a left end immediately followed by a right end, among the left
    ends of rows that may have the cause (its own events and the censored) and the right ends of its events.

    Returns
    -------
    left, right : ndarray of shape (m,)
    label : ndarray of int of shape (m,)
    ranges : ndarray of int of shape (n, n_causes + 1, 2)
        Half-open ranges of positions; the last block is "not yet".
    """
    values, place = np.unique(np.concatenate([lower, upper]), return_inverse=True)
    n = lower.size
    first = 3 * place[:n] + np.where(lower == upper, 0, 2)
    last = 3 * place[n:] + 1
    censored = cause == 0
    left, right, label = [], [], []
    ranges = np.zeros((n, causes.size + 1, 2), dtype=np.int64)
    offset = 0
    final = first[censored].max() if censored.any() else -1
    reached = False
    for block, code in enumerate(causes):
        mine = cause == code
        begins, ends = np.unique(first[mine | censored]), np.unique(last[mine])
        keys = np.concatenate([begins, ends])
        opens = np.repeat([True, False], [begins.size, ends.size])
        order = np.argsort(keys, kind="stable")
        keys, opens = keys[order], opens[order]
        inner = np.flatnonzero(opens[:-1] & ~opens[1:])
        low, high = keys[inner], keys[inner + 1]
        reached |= bool(inner.size and low[-1] >= final)
        rows = mine | censored
        ranges[rows, block, 0] = offset + np.searchsorted(low, first[rows], side="left")
        ranges[mine, block, 1] = offset + np.searchsorted(high, last[mine], side="right")
        ranges[censored, block, 1] = offset + inner.size
        ranges[rows, block, 1] = np.maximum(ranges[rows, block, 1], ranges[rows, block, 0])
        left.append(values[low // 3])
        right.append(values[high // 3])
        label.append(np.full(inner.size, code))
        offset += inner.size
    if censored.any() and not reached:
        left.append(np.array([values[final // 3]]))
        right.append(np.array([np.inf]))
        label.append(np.array([0]))
        ranges[censored, -1] = (offset, offset + 1)
    return np.concatenate(left), np.concatenate(right), np.concatenate(label).astype(np.int64), ranges


def _row_probability(mass: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    total = np.concatenate([[0.0], np.cumsum(mass)])
    return (total[ranges[:, :, 1]] - total[ranges[:, :, 0]]).sum(axis=1)


def _gradient(share: np.ndarray, ranges: np.ndarray, m: int) -> np.ndarray:
    """Σ over rows that cover a position of ``share``, by differences at the ends of their ranges."""
    change = np.zeros(m + 1)
    for block in range(ranges.shape[1]):
        used = ranges[:, block, 1] > ranges[:, block, 0]
        change += np.bincount(ranges[used, block, 0], weights=share[used], minlength=m + 1)
        change -= np.bincount(ranges[used, block, 1], weights=share[used], minlength=m + 1)
    return np.cumsum(change)[:m]


def _covers(ranges: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Indicator matrix (rows, positions)."""
    inside = (ranges[:, :, :1] <= positions) & (positions < ranges[:, :, 1:])
    return np.asarray(inside.any(axis=1))


def npmle_from_intervals(
    lower: np.ndarray,
    upper: np.ndarray,
    cause: np.ndarray,
    causes: np.ndarray,
    weights: np.ndarray,
    *,
    tol: float = 1e-10,
    max_iter: int = 500,
) -> IntervalMasses:
    """Maximise Σ w log(mass a row may have come from), by Newton steps over a growing and shrinking set of supports.

    Each step adds the supports where the gradient stands highest between those in use, solves the quadratic
    approximation under non-negativity (a non-negative least-squares problem), and searches along the line. It ends when
    the largest gradient exceeds Σ w by less than ``tol`` of it, which by concavity bounds the distance to the maximum.

    Parameters
    ----------
    lower, upper : ndarray of shape (n,)
        The event lies in (lower, upper]; equal is exact; ``upper`` is infinite where censored.
    cause : ndarray of int of shape (n,)
        0 where censored.
    causes : ndarray of int of shape (K,)
        The codes present.
    weights : ndarray of shape (n,)
        Positive.
    """
    left, right, label, every = interval_supports(lower, upper, cause, causes)
    m, total = left.size, float(weights.sum())
    kinds, member = np.unique(every.reshape(every.shape[0], -1), axis=0, return_inverse=True)
    ranges = kinds.reshape(-1, *every.shape[1:])
    w = np.bincount(member.ravel(), weights=weights)
    root = np.sqrt(w)
    mass = np.zeros(m)
    start = _few_positions(ranges, m)
    mass[start] = 1.0 / start.size
    steps = 0
    for steps in range(1, max_iter + 1):  # noqa: B007 (reported)
        share = _row_probability(mass, ranges)
        gradient = _gradient(w / share, ranges, m)
        if gradient.max() <= total * (1 + tol) and (np.abs(gradient[mass > 0] - total) <= total * 1e-8).all():
            break
        active = np.union1d(np.flatnonzero(mass > 0), _peaks(gradient, np.flatnonzero(mass > 0), total))
        matrix = _covers(ranges, active) / share[:, None] - 2.0
        design = np.vstack([root[:, None] * matrix / np.sqrt(total), np.ones(active.size)])
        target = np.zeros(design.shape[0])
        target[-1] = 1.0
        step = np.zeros(m)
        step[active] = nnls(design, target)[0]
        step /= step.sum()
        mass = _line_search(mass, step, ranges, w, float(gradient @ (step - mass)))
    share = _row_probability(mass, ranges)
    return IntervalMasses(
        left, right, label, mass, every, _gradient(w / share, ranges, m), float(w @ np.log(share)), steps
    )


def _few_positions(ranges: np.ndarray, m: int) -> np.ndarray:
    """Spread positions, and more until every row covers one: a small set to start from."""
    chosen = set(np.linspace(0, m - 1, min(m, 64)).astype(int).tolist())
    taken = np.array(sorted(chosen))
    alone = ~_covers(ranges, taken).any(axis=1)
    left_out = ranges[alone]
    block = (left_out[:, :, 1] > left_out[:, :, 0]).argmax(axis=1)
    begin, end = left_out[np.arange(block.size), block].T
    latest = -1
    for k in np.argsort(end, kind="stable"):
        if begin[k] > latest:
            latest = int(end[k]) - 1
            chosen.add(latest)
    return np.array(sorted(chosen))


def _peaks(gradient: np.ndarray, used: np.ndarray, total: float) -> np.ndarray:
    """Position of the highest gradient in each gap between supports in use, where it says that mass is missing."""
    if used.size == 0:
        return np.array([int(np.argmax(gradient))])
    edges = np.concatenate([[0], used, [gradient.size]])
    found = [low + int(np.argmax(gradient[low:high])) for low, high in pairwise(edges) if high > low]
    return np.array([place for place in found if gradient[place] > total], dtype=np.int64)


def _line_search(mass: np.ndarray, step: np.ndarray, ranges: np.ndarray, w: np.ndarray, slope: float) -> np.ndarray:
    """Move towards ``step`` as far as the likelihood rises enough; tiny masses become exact zeros."""
    here = float(w @ np.log(_row_probability(mass, ranges)))
    length = 1.0
    for _ in range(40):
        trial = mass + length * (step - mass)
        trial[trial < 1e-15] = 0.0
        share = _row_probability(trial, ranges)
        if (share > 0).all() and float(w @ np.log(share)) >= here + 1e-4 * length * slope:
            return trial / trial.sum()
        length /= 2
    # rounding hides the last gain: one step of EM never lowers the likelihood
    renewed = mass * _gradient(w / _row_probability(mass, ranges), ranges, mass.size)
    return renewed / renewed.sum()


def npmle_covariance(found: IntervalMasses, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse observed information of the positive masses (which sum to 1), and each row's influence on them.

    Returns
    -------
    covariance : ndarray of shape (a, a)
        Of the masses at the ``a`` supports that carry some.
    influence : ndarray of shape (n, a)
        ψ with mass ≈ truth + mean(ψ), weights included.
    """
    active = np.flatnonzero(found.mass > 0)
    share = _row_probability(found.mass, found.ranges)
    score = _covers(found.ranges, active) / share[:, None]
    if active.size == 1:
        return np.zeros((1, 1)), np.zeros((share.size, 1))
    information = (score * weights[:, None]).T @ score
    # masses sum to 1: directions orthogonal to the vector of ones
    basis = np.linalg.qr(np.column_stack([np.ones(active.size), np.eye(active.size)[:, 1:]]))[0][:, 1:]
    inner = np.linalg.inv(basis.T @ information @ basis)
    covariance = basis @ inner @ basis.T
    return covariance, (score * weights[:, None]) @ covariance * share.size
