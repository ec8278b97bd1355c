"""Local regression on one predictor: exact, or blended between the vertices of a k-d tree as in Cleveland's loess."""

from __future__ import annotations

import numpy as np

__all__ = ["loess", "lowess"]


def _bandwidth(x: np.ndarray, at: np.ndarray, span: float) -> np.ndarray:
    """Distance from each point of ``at`` to the q-th nearest of the sorted ``x``, q = ⌊n·span⌋ (at most n)."""
    n = x.size
    q = min(n, int(np.floor(n * span + 1e-5)))
    # the q nearest are a window of consecutive values: the first whose left end is no farther than its right neighbour
    low = np.zeros(at.size, dtype=np.int64)
    high = np.full(at.size, n - q, dtype=np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        closer = at - x[middle] > x[np.minimum(middle + q, n - 1)] - at
        move = low < high
        low = np.where(move & closer, middle + 1, low)
        high = np.where(move & ~closer, middle, high)
    return np.maximum(at - x[low], x[low + q - 1] - at) * max(1.0, span)


def _local_fits(
    x: np.ndarray, y: np.ndarray, at: np.ndarray, span: float, degree: int, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope of the local polynomial at each point (``x`` sorted)."""
    width = _bandwidth(x, at, span)
    value, slope = np.empty(at.size), np.empty(at.size)
    for k, (centre, h) in enumerate(zip(at, width)):
        first, last = np.searchsorted(x, centre - h, side="left"), np.searchsorted(x, centre + h, side="right")
        z = x[first:last] - centre
        if h > 0:
            w = np.clip(1 - np.abs(z / h) ** 3, 0, None) ** 3
        else:
            w = np.ones(z.size)
        if weights is not None:
            w = w * weights[first:last]
        scale = h if h > 0 else 1.0
        u = z / scale
        root = np.sqrt(w)
        design = root[:, None] * np.vander(u, degree + 1, increasing=True)
        # pseudo-inverse with columns scaled to unit length, as where few distinct values are near the fit is not unique
        length = np.sqrt((design**2).sum(axis=0))
        length[length == 0] = 1.0
        coef = np.linalg.lstsq(design / length, root * y[first:last], rcond=1e-12)[0] / length
        value[k] = coef[0]
        slope[k] = coef[1] / scale if degree else 0.0
    return value, slope


def _vertices(x: np.ndarray, span: float, cell: float) -> np.ndarray:
    """Ends of the box, widened by half a per cent, and the medians at which cells with too many points are cut."""
    n = x.size
    most = int(np.floor(n * min(span, 1.0) * cell))
    margin = max(x[-1] - x[0], 1e-10 * max(abs(x[0]), abs(x[-1])) + 1e-30) * 0.005
    found = [x[0] - margin, x[-1] + margin]
    todo = [(0, n - 1, found[0], found[1])]
    while todo:
        low, high, left, right = todo.pop()
        if high - low + 1 <= most:
            continue
        middle = (low + high) // 2
        offset = 0
        cut = None
        # ties stay together: look for the nearest pair of unequal neighbours around the median
        while low <= middle + offset < high:
            if x[middle + offset] != x[middle + offset + 1]:
                cut = middle + offset
                break
            offset = -offset
            if offset >= 0:
                offset += 1
        if cut is None:
            continue
        at = x[cut]
        if at in (left, right):
            continue
        found.append(at)
        todo += [(low, cut, left, at), (cut + 1, high, at, right)]
    return np.unique(found)


def loess(
    x: np.ndarray,
    y: np.ndarray,
    at: np.ndarray,
    *,
    span: float = 0.75,
    degree: int = 2,
    exact: bool = False,
    weights: np.ndarray | None = None,
    cell: float = 0.2,
) -> np.ndarray:
    """Local polynomial regression with tricube weights.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Predictor and response.
    at : ndarray of shape (k,)
        Where to evaluate.
    span : float
        Share of the points in a neighbourhood.
    degree : int
        1 or 2.
    exact : bool
        Fit at every point of ``at``; otherwise fit at the vertices of a k-d tree and blend cubically from values and
        slopes there, as R's ``surface = "interpolate"`` does, at a cost linear in n.
    weights : ndarray of shape (n,), optional
        Row weights.
    cell : float
        A cell of the tree holds at most n·span·cell points.

    Returns
    -------
    ndarray of shape (k,)
    """
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    weights = None if weights is None else weights[order]
    if exact:
        points, back = np.unique(at, return_inverse=True)
        return _local_fits(x, y, points, span, degree, weights)[0][back]
    v = _vertices(x, span, cell)
    value, slope = _local_fits(x, y, v, span, degree, weights)
    k = np.clip(np.searchsorted(v, at, side="right") - 1, 0, v.size - 2)
    h = v[k + 1] - v[k]
    t = (at - v[k]) / h
    a, b = (1 + 2 * t) * (1 - t) ** 2, t**2 * (3 - 2 * t)
    c, d = t * (1 - t) ** 2, t**2 * (t - 1)
    out = a * value[k] + b * value[k + 1] + h * (c * slope[k] + d * slope[k + 1])
    return np.where((at < v[0]) | (at > v[-1]), np.nan, out)


def lowess(
    x: np.ndarray, y: np.ndarray, at: np.ndarray, *, span: float = 2 / 3, delta: float | None = None
) -> np.ndarray:
    """Locally linear smoother without robustness iterations, skipping points closer than ``delta``, as R's ``lowess``.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
    at : ndarray of shape (k,)
        Where to evaluate, by linear interpolation between the fitted points.
    span : float
        Share of the points in a neighbourhood.
    delta : float, optional
        Points within this distance of the last fitted one are interpolated; one hundredth of the range by default.
    """
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    n = x.size
    width = (x[-1] - x[0]) * 0.01 if delta is None else delta
    q = max(min(int(span * n + 1e-7), n), 2)
    fitted = np.empty(n)
    left, right, last, i = 0, q - 1, -1, 0
    whole = x[-1] - x[0]
    while True:
        while right < n - 1 and x[i] - x[left] > x[right + 1] - x[i]:
            left, right = left + 1, right + 1
        fitted[i] = _lowess_point(x, y, x[i], left, right, whole)
        if last < i - 1:  # what was skipped lies on a line
            share = (x[last + 1 : i] - x[last]) / (x[i] - x[last])
            fitted[last + 1 : i] = share * fitted[i] + (1 - share) * fitted[last]
        last = i
        cut = x[last] + width
        i = last + 1
        while i < n and x[i] <= cut:
            if x[i] == x[last]:
                fitted[i] = fitted[last]
                last = i
            i += 1
        i = max(last + 1, i - 1)
        if last >= n - 1:
            break
    points, first = np.unique(x, return_index=True)
    return np.interp(at, points, fitted[first])


def _lowess_point(x: np.ndarray, y: np.ndarray, centre: float, left: int, right: int, whole: float) -> float:
    h = max(centre - x[left], x[right] - centre)
    stop = max(right + 1, int(np.searchsorted(x, centre + h, side="right")))
    z = x[left:stop]
    r = np.abs(z - centre)
    w = np.where(r <= 0.999 * h, np.where(r > 0.001 * h, (1 - (r / h if h > 0 else r) ** 3) ** 3, 1.0), 0.0)
    if w.sum() <= 0:
        return float(y[np.searchsorted(x, centre)])
    w = w / w.sum()
    if h > 0:
        mean = w @ z
        spread = w @ (z - mean) ** 2
        if np.sqrt(spread) > 0.001 * whole:
            w = w * (1 + (centre - mean) / spread * (z - mean))
    return float(w @ y[left:stop])
