"""Gray's test of equal cumulative incidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    OutcomeError,
    argument_error,
    check_number,
    takes_rows,
)
from lbp_prognosis.survival._curve_rows import CurveRows, curve_rows, label_codes
from lbp_prognosis.survival._curve_test import CurveTest, quadratic_form
from lbp_prognosis.survival._group_tables import group_tables

__all__ = ["gray_test"]


@takes_rows()
def gray_test(y: Any, groups: Any, *, cause: int = 1, strata: Any = None, rho: float = 0.0) -> CurveTest:
    """Test whether groups have the same cumulative incidence of a cause (Gray's test).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right`, without delayed entry.
    groups : array-like of shape (n,)
        Group of each row, with at least two groups.
    cause : int, default 1
        Code of the event.
    strata : array-like of shape (n,), optional
        Strata; groups are compared within each stratum and the comparisons are summed.
    rho : float, default 0.0
        Weight (1 − F(t−))^rho with F the pooled incidence.

    Returns
    -------
    CurveTest
        ``statistic, df, p, observed, expected, variance``.

    Notes
    -----
    With R_j(t) = Y_j (1 − F_j(t−))/S_j(t−), the size of the subdistribution risk set, the score of group j is Σ w (d_1j
    − d_1 R_j/R); the variance is Gray's, with a finite-population factor for ties, and agrees with ``cmprsk::cuminc``
    in R.

    References
    ----------
    Gray RJ. A class of K-sample tests for comparing the cumulative incidence of a competing risk. Ann Stat
    1988;16:1141–1154. https://doi.org/10.1214/aos/1176350951
    """
    check_number("rho", rho, low=0)
    rows = curve_rows(y, None, caller="gray_test", cause=cause)
    if rows.entry is not None:
        raise argument_error(
            "y",
            "without delayed entry",
            "an outcome with `entry`",
            "Compare cause-specific hazards with log_rank(y, groups, cause=...).",
            kind=OutcomeError,
        )
    codes, labels = label_codes("groups", groups, y.shape[0])
    k = len(labels)
    if k < 2:
        raise argument_error("groups", "of two labels or more", f"{list(labels)}")
    layers = np.zeros(y.shape[0], dtype=np.int64)
    if strata is not None:
        layers = label_codes("strata", strata, y.shape[0])[0]
    observed, expected, variance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for layer in range(int(layers.max()) + 1):
        here = layers == layer
        parts = _one_stratum(rows.take(here), codes[here], k, cause, rho)
        observed, expected, variance = observed + parts[0], expected + parts[1], variance + parts[2]
    statistic, df = quadratic_form(observed - expected, variance)
    return CurveTest(
        name="Gray" + (" stratified" if strata is not None else ""),
        statistic=statistic,
        df=df,
        groups=labels,
        n=np.bincount(codes, minlength=k),
        observed=observed,
        expected=expected,
        variance=variance,
    )


def _one_stratum(
    rows: CurveRows, codes: np.ndarray, k: int, cause: int, rho: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    at_risk, (first, second) = group_tables(
        rows, codes, k, (rows.event == cause, (rows.event > 0) & (rows.event != cause))
    )
    used = (first + second).sum(axis=1) > 0
    y, d1, d2 = at_risk[used], first[used], second[used]
    if d1.sum() == 0:
        return np.zeros(k), np.zeros(k), np.zeros((k, k))
    here = y > 0
    safe = np.where(here, y, 1.0)
    survival = np.cumprod(1 - (d1 + d2) / safe, axis=0)
    before = np.vstack([np.ones(k), survival[:-1]])  # S_j(t−)
    incidence = np.cumsum(before * d1 / safe, axis=0)
    incidence_before = np.vstack([np.zeros(k), incidence[:-1]])
    spread = np.where(here, y / np.where(before > 0, before, 1.0), 0.0)  # Y_j/S_j(t−)
    left = spread * (1 - incidence_before)  # R_j
    total = left.sum(axis=1)
    d = d1.sum(axis=1)
    room = spread.sum(axis=1)
    free = 1 - np.cumsum(d / room)  # 1 − F under equal incidences: Σ_j (Y_j/S_j(t−)) dF = d_1
    free_before = np.concatenate([[1.0], free[:-1]])
    weight = free_before**rho
    expected = weight * d @ (left / total[:, None])
    score = weight @ d1

    # a_jl: derivative of the score of group j by the subdistribution hazard of group l; c its running integral
    share = spread / room[:, None]
    a = weight[:, None, None] * spread[:, :, None] * (np.eye(k) - share[:, None, :])
    c = np.cumsum(a * (d / (room * free_before))[:, None, None], axis=0)
    later = c[-1] - c
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(survival > 0, free[:, None] / survival, 0.0)
        own = np.where(survival > 0, 1 - ratio, 1.0)
        ties_1 = np.where(d[:, None] > 1, 1 - (d[:, None] - 1) / (room[:, None] * before - 1), 1.0)
        spread_1 = np.where(here & (d[:, None] > 0), ties_1 * before * d[:, None] / (room[:, None] * safe), 0.0)
        ties_2 = np.where(d2 > 1, 1 - (d2 - 1) / np.maximum(safe - 1, 1), 1.0)
        spread_2 = np.where(here & (d2 > 0) & (survival > 0), ties_2 * before**2 * d2 / safe**2, 0.0)
    one = a + own[:, None, :] * later
    two = ratio[:, None, :] * later
    variance = np.einsum("tjl,til,tl->ji", one, one, spread_1) + np.einsum("tjl,til,tl->ji", two, two, spread_2)
    return score, expected, variance
