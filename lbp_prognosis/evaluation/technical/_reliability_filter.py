"""A filter of measurements by the lower limit of their ICC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    check_number,
    takes_rows,
)
from lbp_prognosis.evaluation.technical._icc import icc

__all__ = ["reliability_filter"]


@takes_rows(ratings="frame")
def reliability_filter(
    ratings: Mapping[str, Any], *, minimum: float = 0.75, form: str = "2,1", confidence: float = 0.95
) -> pd.DataFrame:
    """Judge each feature by the lower confidence limit of its ICC.

    Parameters
    ----------
    ratings : mapping of str to array-like of shape (n_subjects, k)
        Test–retest or inter-reader measurements by feature, from a reliability sample.
    minimum : float, default 0.75
        Smallest acceptable lower limit.
    form : str, default "2,1"
        Form of the ICC.
    confidence : float, default 0.95
        Level of the interval.

    Returns
    -------
    DataFrame
        One row per feature: ``feature, icc, low, high, n, keep``.

    See Also
    --------
    lbp_prognosis.fusion.RepeatableColumns : The same rule as a pipeline step, judged again in each fold.

    Notes
    -----
    The filter never sees an outcome. Outside resampling, it avoids optimism only if the reliability sample differs from
    the development sample.
    """
    threshold = check_number("minimum", minimum, low=0, high=1)
    if not isinstance(ratings, Mapping) or not ratings:
        raise argument_error("ratings", "a mapping from feature to its table of measurements", ratings)
    rows = []
    for feature, table in ratings.items():
        result = icc(table, form=form, confidence=confidence)
        rows.append(
            {
                "feature": feature,
                "icc": result.value,
                "low": result.low,
                "high": result.high,
                "n": result.n,
                "keep": bool(result.low >= threshold),
            }
        )
    return pd.DataFrame(rows, columns=["feature", "icc", "low", "high", "n", "keep"])
