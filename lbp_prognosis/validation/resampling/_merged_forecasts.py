"""``merged_forecasts``: forecasts of parts of the patients, or of several fits, as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lbp_prognosis.survival import ScoreForecast

__all__ = ["merged_forecasts"]


def merged_forecasts(
    parts: Sequence[tuple[np.ndarray, ScoreForecast]],
    y: np.ndarray,
    *,
    share: float,
    labels: pd.Index | None,
) -> ScoreForecast:
    """Return one distribution per patient, on the levels of all parts and of the observed scores.

    Parameters
    ----------
    parts : sequence of (ndarray of int, ScoreForecast)
        Rows, and their forecasts.
    y : ndarray of shape (n,)
        Made by `Measured.at`.
    share : float
        Weight of each part: 1 over the number of parts in which a patient is.
    labels : Index or None
        Labels of the patients.
    """
    # a model may predict levels that were not observed, such as a grid
    levels = np.unique(np.concatenate([y["value"][~np.isnan(y["value"])], *(found.levels for _, found in parts)]))
    total = np.zeros((y.shape[0], levels.size))
    for rows, found in parts:
        total[np.ix_(rows, np.searchsorted(levels, found.levels))] += found.probability * share
    return ScoreForecast(levels, total, labels)
