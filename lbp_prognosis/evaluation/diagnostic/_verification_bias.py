"""Accuracy corrected for partial verification, in which the reference depends on the test result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from lbp_prognosis._base import (
    argument_error,
    check_confidence,
    norm,
    takes_rows,
)
from lbp_prognosis.evaluation.diagnostic._reference_input import check_positive

__all__ = ["begg_greenes"]


@takes_rows()
def begg_greenes(positive: Any, reference: Any, *, confidence: float = 0.95) -> pd.DataFrame:
    """Return sensitivity and specificity corrected for verification by test result.

    Parameters
    ----------
    positive : array-like of shape (n,)
        Test result of every patient, 0 or 1.
    reference : array-like of shape (n,)
        Reference state, 0 or 1; NaN, None or −1 if not verified.
    confidence : float, default 0.95
        Level of the intervals.

    Returns
    -------
    DataFrame
        Rows ``sensitivity, specificity`` with ``value, low, high, naive, n, n_verified, reason``. Limits are missing,
        with a reason, if all or none of the verified patients with one test result had the disease.

    Notes
    -----
    Verification may depend only on the test result. With π = P(T+), p₁ = P(D | T+, verified) and p₀ = P(D | T−,
    verified): Se = π p₁ / (π p₁ + (1 − π) p₀), and likewise Sp. Variances on the logit, e.g. 1/(N π(1−π)) + (1−p₁)/(n₁
    p₁) + (1−p₀)/(n₀ p₀) for Se.

    References
    ----------
    Begg, Greenes (1983), https://doi.org/10.2307/2530820.
    """
    state = np.array([-1.0 if v is None or v != v else float(v) for v in np.asarray(reference, dtype=object).tolist()])
    if not set(np.unique(state).tolist()) <= {-1.0, 0.0, 1.0}:
        raise argument_error("reference", "0, 1, or −1 / missing where not verified", "other values")
    test = check_positive(positive, state.size)
    confidence = check_confidence(confidence)
    seen = state >= 0
    n, n1, n0 = state.size, int((seen & test).sum()), int((seen & ~test).sum())
    d1, d0 = int(((state == 1) & test).sum()), int(((state == 1) & ~test).sum())
    if min(n1, n0) == 0:
        raise argument_error(
            "reference",
            "read in some test positives and in some test negatives",
            f"{n1} verified among positives, {n0} among negatives",
            "Verify a random sample of the test negatives.",
        )
    if d1 + d0 == 0 or d1 + d0 == n1 + n0:
        raise argument_error("reference", "a reference with both states", "one state only")
    pi, p1, p0 = float(test.mean()), d1 / n1, d0 / n0
    common = 1 / (n * pi * (1 - pi))
    sens = pi * p1 / (pi * p1 + (1 - pi) * p0)
    spec = (1 - pi) * (1 - p0) / ((1 - pi) * (1 - p0) + pi * (1 - p1))
    naive = {"sensitivity": d1 / (d1 + d0), "specificity": (n0 - d0) / (n0 - d0 + n1 - d1)}
    rows = []
    for name, value, yes, no in (("sensitivity", sens, p1, p0), ("specificity", spec, 1 - p1, 1 - p0)):
        low, high, reason = np.nan, np.nan, ""
        if 0 < yes and 0 < no:
            half = float(norm.ppf(0.5 + confidence / 2)) * np.sqrt(
                common + (1 - yes) / (yes * n1) + (1 - no) / (no * n0)
            )
            low, high = float(expit(logit(value) - half)), float(expit(logit(value) + half))
        else:
            whom = "diseased" if name == "sensitivity" else "healthy"
            reason = f"no patient {whom} among the verified test {'positives' if yes == 0 else 'negatives'}"
        rows.append(
            {
                "metric": name,
                "value": value,
                "low": low,
                "high": high,
                "naive": naive[name],
                "n": n,
                "n_verified": n1 + n0,
                "reason": reason,
            }
        )
    return pd.DataFrame(rows)
