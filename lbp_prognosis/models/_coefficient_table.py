"""One table of coefficients for the models that have no ready one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

__all__ = ["coefficient_table"]


def coefficient_table(
    terms: list[str],
    coef: np.ndarray,
    covariance: np.ndarray,
    *,
    confidence: float,
    ratio: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return ``term, coef, se, z, p, low, high, ratio, ratio_low, ratio_high``, with Wald intervals.

    A coefficient of variance 0 (an aliased column) has no test and no interval; ``ratio`` = exp(coef) is given where
    the mask ``ratio`` says so.
    """
    se = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    se = np.where(se > 0, se, np.nan)
    z = coef / se
    half = norm.ppf(0.5 + confidence / 2) * se
    mask = np.ones(coef.size, dtype=bool) if ratio is None else ratio
    with np.errstate(over="ignore"):
        ratios = [np.where(mask, np.exp(part), np.nan) for part in (coef, coef - half, coef + half)]
    return pd.DataFrame(
        {
            "term": terms, "coef": coef, "se": se, "z": z, "p": 2 * norm.sf(np.abs(z)), "low": coef - half,
            "high": coef + half, "ratio": ratios[0], "ratio_low": ratios[1], "ratio_high": ratios[2],
        }
    )  # fmt: skip
