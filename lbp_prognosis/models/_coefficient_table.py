"""Table of coefficients, with the columns of the Cox models."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lbp_prognosis._base import check_confidence, norm

__all__ = ["coefficient_table"]


def coefficient_table(
    terms: list[str],
    coef: np.ndarray,
    covariance: np.ndarray,
    *,
    ratio: str,
    confidence: float,
    variance: str,
    has_ratio: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return ``term, coef, <ratio>, low, high, se, z, p, confidence, variance, coef_low, coef_high``.

    ``low`` and ``high`` are the Wald limits of the ratio exp(coef); both are empty where ``has_ratio`` is False.
    ``covariance`` may be the variances only. A coefficient of variance 0 (a column that was left out) has no test and
    no interval.
    """
    level = check_confidence(confidence)
    variances = np.diag(covariance) if covariance.ndim == 2 else covariance
    se = np.sqrt(np.maximum(variances, 0.0))
    se = np.where(se > 0, se, np.nan)
    z = coef / se
    half = norm.ppf(0.5 + level / 2) * se
    mask = np.ones(coef.size, dtype=bool) if has_ratio is None else has_ratio
    with np.errstate(over="ignore"):
        point, low, high = (np.where(mask, np.exp(part), np.nan) for part in (coef, coef - half, coef + half))
    return pd.DataFrame(
        {
            "term": terms,
            "coef": coef,
            ratio: point,
            "low": low,
            "high": high,
            "se": se,
            "z": z,
            "p": 2 * norm.sf(np.abs(z)),
            "confidence": level,
            "variance": variance,
            "coef_low": coef - half,
            "coef_high": coef + half,
        }
    )
