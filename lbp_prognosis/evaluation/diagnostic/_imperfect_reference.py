"""Accuracy corrected for known errors of the reference standard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    check_confidence,
    check_number,
    interval,
    takes_rows,
)
from lbp_prognosis.evaluation.diagnostic._reference_input import check_positive, check_reference

__all__ = ["imperfect_reference"]


@takes_rows()
def imperfect_reference(
    y: Any,
    positive: Any,
    *,
    reference_sensitivity: float,
    reference_specificity: float,
    dependence: Any = (0.0, 0.25, 0.5, 0.75),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Correct sensitivity and specificity for an imperfect reference, under several degrees of error dependence.

    Parameters
    ----------
    y : ndarray
        Made by `Reference.now`: the imperfect reference.
    positive : array-like of shape (n,)
        Test result, 0 or 1.
    reference_sensitivity, reference_specificity : float
        Accuracy of the reference itself, taken as known.
    dependence : array-like of float, default (0.0, 0.25, 0.5, 0.75)
        Shares of the largest possible covariance between the errors of test and reference, in [0, 1]. 0 is conditional
        independence (Staquet). Readers and an algorithm that look at the same image share errors, so 0 is the most
        favourable assumption.
    confidence : float, default 0.95
        Level of the intervals.

    Returns
    -------
    DataFrame
        One row per dependence: ``dependence, prevalence, sensitivity, sensitivity_low, sensitivity_high, specificity,
        specificity_low, specificity_high, reason``. A solution outside [0, 1] is NaN with a reason, because the assumed
        errors contradict the data.

    Notes
    -----
    With T the test and R the reference, P(T+R+) = π (Se Se_R + c₁) + (1 − π)((1 − Sp)(1 − Sp_R) + c₀), where c₁ and c₀
    are the covariances in diseased and not diseased. Intervals by the delta method on the four cells, on the logit.

    References
    ----------
    Staquet et al. (1981), https://doi.org/10.1016/0021-9681(81)90031-X.
    """
    truth, _ = check_reference(y, None, caller="imperfect_reference")
    test = check_positive(positive, truth.size)
    se_r = check_number("reference_sensitivity", reference_sensitivity, low=0, high=1, open_low=True)
    sp_r = check_number("reference_specificity", reference_specificity, low=0, high=1, open_low=True)
    if se_r + sp_r <= 1:
        raise argument_error("reference_sensitivity", "above 1 − reference_specificity", f"{se_r:g} and {sp_r:g}")
    confidence = check_confidence(confidence)
    shares = [check_number("dependence", float(d), low=0, high=1) for d in np.atleast_1d(dependence)]
    cells = np.array([(test & truth).mean(), (test & ~truth).mean(), (~test & truth).mean(), (~test & ~truth).mean()])
    return pd.DataFrame([_corrected(cells, truth.size, se_r, sp_r, share, confidence) for share in shares])


def _solve(cells: np.ndarray, se_r: float, sp_r: float, share: float) -> np.ndarray:
    """Return (π, Se, Sp) by fixed-point iteration, because the covariance depends on the solution."""
    prevalence = (cells[0] + cells[2] + sp_r - 1) / (se_r + sp_r - 1)
    if not 0 < prevalence < 1:  # fewer positive, or negative, references than its errors imply
        return np.array([prevalence, np.nan, np.nan])
    c1 = c0 = 0.0
    se = sp = np.nan
    for _ in range(500):
        # A = π Se and B = (1−π)(1−Sp): A + B = P(T+), Se_R A + (1−Sp_R) B = P(T+R+) − π c1 − (1−π) c0
        joint = cells[0] - prevalence * c1 - (1 - prevalence) * c0
        a = (joint - (1 - sp_r) * (cells[0] + cells[1])) / (se_r + sp_r - 1)
        new_se, new_sp = a / prevalence, 1 - (cells[0] + cells[1] - a) / (1 - prevalence)
        done = abs(new_se - se) + abs(new_sp - sp) < 1e-14
        se, sp = new_se, new_sp
        if done or share == 0:
            break
        inside_se, inside_sp = min(max(se, 0.0), 1.0), min(max(sp, 0.0), 1.0)
        c1 = share * (min(inside_se, se_r) - inside_se * se_r)
        c0 = share * (min(1 - inside_sp, 1 - sp_r) - (1 - inside_sp) * (1 - sp_r))
    return np.array([prevalence, se, sp])


def _corrected(
    cells: np.ndarray, n: int, se_r: float, sp_r: float, share: float, confidence: float
) -> dict[str, float | str]:
    solution = _solve(cells, se_r, sp_r, share)
    nan = float("nan")
    row: dict[str, float | str] = {"dependence": share, "prevalence": float(solution[0])}
    if ((solution <= 0) | (solution >= 1)).any() or not np.isfinite(solution).all():
        empty = {f"{name}{end}": nan for name in ("sensitivity", "specificity") for end in ("", "_low", "_high")}
        return {**row, **empty, "reason": "the assumed errors of the reference contradict the data"}
    step = 1e-6
    gradient = np.array(
        [(_solve(cells + step * unit, se_r, sp_r, share) - solution) / step for unit in np.eye(4)]
    )  # (4 cells, 3 quantities)
    covariance = (np.diag(cells) - np.outer(cells, cells)) / n
    errors = np.sqrt(np.maximum(np.diag(gradient.T @ covariance @ gradient), 0))
    for k, name in ((1, "sensitivity"), (2, "specificity")):
        low, high = interval(solution[k], errors[k], confidence, "logit")
        row |= {name: float(solution[k]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return {**row, "reason": ""}
