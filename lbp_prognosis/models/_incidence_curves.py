"""``incidence_curves``: hazards of several causes, step by step, to incidences and survival by stratum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lbp_prognosis._kernels import product_limit_incidence

__all__ = ["incidence_curves"]


def incidence_curves(
    times: Sequence[Sequence[np.ndarray]],
    increments: Sequence[Sequence[np.ndarray]],
    relative: np.ndarray,
    horizons: np.ndarray,
    strata: np.ndarray | None,
    *,
    kernel: Callable[..., Any] = product_limit_incidence,
    fitted: bool = True,
) -> np.ndarray:
    """Return incidences of each cause, then survival, shape (n, h, k + 1).

    Parameters
    ----------
    times, increments : sequence of sequence of ndarray
        By cause and stratum: event times of that cause, and increments of its baseline hazard there.
    relative : ndarray of shape (n, k)
        Relative hazards.
    horizons : ndarray of shape (h,)
        Increasing.
    strata : ndarray of int of shape (n,) or None
        Stratum of each row; None is the first.
    kernel : callable, default product_limit_incidence
        Makes incidences of one stratum.
    fitted : bool, default True
        Of the kernel.
    """
    n, causes = relative.shape
    out = np.empty((n, horizons.size, causes + 1))
    codes = np.zeros(n, dtype=np.int64) if strata is None else strata
    for code in np.unique(codes):
        rows = codes == code
        grid = np.unique(np.concatenate([own[code] for own in times]))
        steps = np.zeros((grid.size, causes))
        for c in range(causes):
            steps[np.searchsorted(grid, times[c][code]), c] = increments[c][code]
        places = np.searchsorted(grid, horizons, side="right")
        out[rows] = kernel(steps, np.ascontiguousarray(relative[rows]), places, fitted)
    return out
