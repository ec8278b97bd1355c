"""Covariance of a site's metrics from their influence values, over imputed tables by Rubin's rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["covariance_of_metrics"]


def covariance_of_metrics(influence: Sequence[np.ndarray], values: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the covariance (k, k); its diagonal is the squared standard errors.

    Parameters
    ----------
    influence : sequence of ndarray of shape (n, k)
        Influence values of the metrics in each table.
    values : sequence of sequence of float
        Values of the metrics in each table.
    """
    within = np.mean([psi.T @ psi / psi.shape[0] ** 2 for psi in influence], axis=0)
    if len(influence) == 1:
        return np.asarray(within)
    return np.asarray(within + (1 + 1 / len(influence)) * np.cov(np.array(values), rowvar=False))
