"""Restricted maximum likelihood of scores at visits, from sums over the patients who attended the same visits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["VisitReml", "visit_reml"]

_STEPS = 200
_HALVINGS = 40


class VisitReml(NamedTuple):
    """Maximum of the restricted likelihood.

    ``parameters`` (j,) of the covariance, ``coef`` (k,), ``coef_covariance`` (k, k) = (XᵀV⁻¹X)⁻¹, ``covariance`` (v, v)
    and ``log_likelihood``.
    """

    parameters: np.ndarray
    coef: np.ndarray
    coef_covariance: np.ndarray
    covariance: np.ndarray
    log_likelihood: float


class _Pattern(NamedTuple):
    """Patients who attended the same visits: how many, which visits, and the products of their columns and scores."""

    n_patients: int
    visits: np.ndarray
    products: np.ndarray  # (s, k + 1, s, k + 1)


class _Point(NamedTuple):
    value: float
    inverses: list[np.ndarray]
    moments: np.ndarray


def visit_reml(
    score: np.ndarray, design: np.ndarray, patient: np.ndarray, visit: np.ndarray, basis: np.ndarray, start: np.ndarray
) -> VisitReml | None:
    """Maximise the restricted likelihood of a covariance that is a sum of known matrices; None without a maximum.

    Parameters
    ----------
    score : ndarray of shape (m,)
        Scores, patients together and visits in order.
    design : ndarray of shape (m, k)
        Columns of the mean.
    patient, visit : ndarray of int of shape (m,)
        Numbers from 0.
    basis : ndarray of shape (j, v, v)
        Symmetric matrices: the covariance of a patient's scores at all v visits is ``Σ θ_j basis_j``.
    start : ndarray of shape (j,)
        First θ, of a positive definite covariance.

    Notes
    -----
    Scoring steps with the average information (Gilmour, Thompson and Cullis 1995, doi:10.2307/2533274), or the
    expected one of the unrestricted likelihood where that does not rise, halved until the likelihood does not fall. θ
    is not bounded, but for the covariance that has to stay positive definite.
    """
    patterns = _patterns(score, design, patient, visit, basis.shape[1])
    spare = score.size - design.shape[1]
    theta, point = start, _at(patterns, np.tensordot(start, basis, axes=1))
    if point is None:
        return None
    for _ in range(_STEPS):
        slope, average, expected = _derivatives(patterns, basis, point)
        moved = None
        for information in (average, expected):
            step = _solved(information, slope)
            if step is None or slope @ step < 0:
                continue
            if slope @ step < 1e-18 * spare:
                return _result(theta, basis, point, spare)
            moved = _climb(patterns, basis, theta, step, point)
            if moved is not None:
                break
        if moved is None:
            # no step rises any more: a maximum if what is left to gain is rounding
            step = _solved(expected, slope)
            flat = step is not None and 0 <= slope @ step < 1e-9 * spare
            return _result(theta, basis, point, spare) if flat else None
        theta, point = moved
    return None


def _patterns(
    score: np.ndarray, design: np.ndarray, patient: np.ndarray, visit: np.ndarray, count: int
) -> list[_Pattern]:
    seen = np.zeros((int(patient.max()) + 1, count), dtype=bool)
    seen[patient, visit] = True
    kinds, kind = np.unique(seen, axis=0, return_inverse=True)
    own, columns = kind.ravel()[patient], np.column_stack([design, score])
    out = []
    for code, attended in enumerate(kinds):
        visits = np.flatnonzero(attended)
        if visits.size == 0:
            continue
        flat = columns[own == code].reshape(-1, visits.size * columns.shape[1])
        shape = (visits.size, columns.shape[1])
        out.append(_Pattern(flat.shape[0], visits, (flat.T @ flat).reshape(*shape, *shape)))
    return out


def _weighed(pattern: _Pattern, weight: np.ndarray) -> np.ndarray:
    """Σ [X, y]ᵀ W [X, y] over the patients of a pattern, (k + 1, k + 1)."""
    return np.einsum("vw,vawb->ab", weight, pattern.products, optimize=True)


def _at(patterns: list[_Pattern], covariance: np.ndarray) -> _Point | None:
    """Likelihood but for a constant, inverses of the covariances, and weighed products; None where not definite."""
    inverses, determinants = [], 0.0
    moments = np.zeros((patterns[0].products.shape[1],) * 2)
    try:
        np.linalg.cholesky(covariance)
        for pattern in patterns:
            part = covariance[np.ix_(pattern.visits, pattern.visits)]
            determinants += pattern.n_patients * 2 * np.log(np.diag(np.linalg.cholesky(part))).sum()
            inverses.append(np.linalg.inv(part))
            moments = moments + _weighed(pattern, inverses[-1])
        lower = np.linalg.cholesky(moments[:-1, :-1])
    except np.linalg.LinAlgError:
        return None
    whitened = np.linalg.solve(lower, moments[:-1, -1])
    rest = float(moments[-1, -1] - whitened @ whitened)
    value = -0.5 * (determinants + 2 * np.log(np.diag(lower)).sum() + rest)
    return _Point(value, inverses, moments) if np.isfinite(value) else None


def _derivatives(
    patterns: list[_Pattern], basis: np.ndarray, point: _Point
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slope in θ (j,), average information, and expected information of the unrestricted likelihood (j, j)."""
    count, k = basis.shape[0], point.moments.shape[0] - 1
    inverse = np.linalg.inv(point.moments[:k, :k])
    residual = np.append(-inverse @ point.moments[:k, k], 1.0)  # [X, y] times this is the residual
    traces, quadratics, shared = np.zeros(count), np.zeros(count), np.zeros(count)
    expected, curved, pulled = np.zeros((count, count)), np.zeros((count, count)), np.zeros((count, k))
    for pattern, own in zip(patterns, point.inverses):
        ahead = np.array([own @ part[np.ix_(pattern.visits, pattern.visits)] for part in basis])
        spread = np.einsum("vawb,a,b->vw", pattern.products, residual, residual, optimize=True)
        for j in range(count):
            turned = ahead[j] @ own
            weighed = _weighed(pattern, turned)
            traces[j] += pattern.n_patients * np.trace(ahead[j])
            shared[j] += np.sum(inverse * weighed[:k, :k])
            quadratics[j] += np.sum(turned * spread)
            pulled[j] += weighed[:k] @ residual
            for i in range(j + 1):
                expected[j, i] += pattern.n_patients * np.sum(ahead[j] * ahead[i].T) / 2
                curved[j, i] += np.sum((ahead[j] @ ahead[i] @ own) * spread) / 2
    slope = -0.5 * (traces - shared - quadratics)
    expected, curved = (part + np.tril(part, -1).T for part in (expected, curved))
    return slope, curved - pulled @ inverse @ pulled.T / 2, expected


def _solved(information: np.ndarray, slope: np.ndarray) -> np.ndarray | None:
    size = np.sqrt(np.abs(np.diag(information)))
    if not (size > 0).all():
        return None
    scaled = information / np.outer(size, size)
    if np.linalg.eigvalsh(scaled).min() < 1e-12:
        return None
    return np.linalg.solve(scaled, slope / size) / size


def _climb(
    patterns: list[_Pattern], basis: np.ndarray, theta: np.ndarray, step: np.ndarray, point: _Point
) -> tuple[np.ndarray, _Point] | None:
    share = 1.0
    for _ in range(_HALVINGS):
        there = theta + share * step
        found = _at(patterns, np.tensordot(there, basis, axes=1))
        if found is not None and found.value > point.value:
            return there, found
        share /= 2
    return None


def _result(theta: np.ndarray, basis: np.ndarray, point: _Point, spare: int) -> VisitReml:
    k = point.moments.shape[0] - 1
    inverse = np.linalg.inv(point.moments[:k, :k])
    return VisitReml(
        theta,
        inverse @ point.moments[:k, k],
        inverse,
        np.tensordot(theta, basis, axes=1),
        point.value - 0.5 * spare * np.log(2 * np.pi),
    )
