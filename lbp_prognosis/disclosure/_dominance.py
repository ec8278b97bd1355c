"""``is_dominated``: whether one patient dominates a sum so much that the sum discloses the patient's value."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["is_dominated"]


def is_dominated(values: Any, *, within: float = 0.15) -> bool:
    """Return whether the p % rule fails for the sum of the values or of their squared deviations.

    Parameters
    ----------
    values : array-like of shape (n,)
        Values of single patients; missing values are left out.
    within : float, default 0.15
        p: the patient with the second largest value must not be able to estimate the largest value to within this
        share.

    Notes
    -----
    With values in decreasing order, the patient with the second value knows the largest to within ``(Σ x − x₁ − x₂) /
    x₁`` (Hundepool et al., Statistical Disclosure Control, 2012, doi:10.1002/9781118348239, section 4.2.2).

    Examples
    --------
    >>> from lbp_prognosis.disclosure import is_dominated
    >>> is_dominated([0, 1, 0, 2, 0, 1, 900]), is_dominated([40, 52, 61, 38, 45])
    (True, False)
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if known.size < 3:
        return True
    middle = known - known.mean()
    return any(_fails(part, within) for part in (np.abs(known), middle**2) if part.max() > 0)


def _fails(sizes: np.ndarray, within: float) -> bool:
    ordered = np.sort(sizes)[::-1]
    return bool(ordered[2:].sum() < within * ordered[0])
