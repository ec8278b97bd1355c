"""Log-rank test and its weighted forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    check_number,
    takes_rows,
)
from lbp_prognosis.survival._curve_rows import CurveRows, curve_rows, label_codes
from lbp_prognosis.survival._curve_test import CurveTest, quadratic_form
from lbp_prognosis.survival._group_tables import group_tables

__all__ = ["log_rank"]


@takes_rows()
def log_rank(
    y: Any, groups: Any, *, strata: Any = None, cause: int | None = None, rho: float = 0.0, gamma: float = 0.0
) -> CurveTest:
    """Test whether groups have the same hazard (log-rank and its weighted forms).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right`; delayed entry is taken into account.
    groups : array-like of shape (n,)
        Group of each row, with at least two groups.
    strata : array-like of shape (n,), optional
        Strata; groups are compared within each stratum and the comparisons are summed.
    cause : int, optional
        Cause whose cause-specific hazard is compared; by default all events. (`gray_test` compares incidences.)
    rho, gamma : float, default 0.0
        Weights S(t−)^rho (1 − S(t−))^gamma of Fleming and Harrington: 0, 0 is the log-rank test, rho=1 Peto–Prentice.

    Returns
    -------
    CurveTest
        ``statistic, df, p, observed, expected, variance``.

    Raises
    ------
    OutcomeError
        If ``y`` was not made by `Surv.right`.
    ArgumentError
        If there is one group only, a label is missing, or ``rho`` or ``gamma`` is negative.

    See Also
    --------
    lbp_prognosis.survival.kaplan_meier : How many patients are free of the event over time?

    Notes
    -----
    Per time and stratum, with d events among Y at risk and d_j, Y_j of group j: O − E = Σ w (d_j − d Y_j/Y), and the
    hypergeometric covariance Σ w² d (Y − d)/(Y − 1) (Y_j/Y)(1{j=l} − Y_l/Y). S is the pooled Kaplan–Meier curve of the
    stratum just before t.

    References
    ----------
    Harrington DP, Fleming TR. A class of rank test procedures for censored survival data. Biometrika 1982;69:553–566.
    https://doi.org/10.1093/biomet/69.3.553

    Examples
    --------
    >>> from lbp_prognosis.survival import Surv, log_rank
    >>> y = Surv.right([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 0, 1])
    >>> found = log_rank(y, ["a", "a", "b", "a", "b", "b"])
    >>> found.df, round(found.statistic, 3), round(found.p, 3)
    (1, 2.557, 0.11)
    """
    check_number("rho", rho, low=0)
    check_number("gamma", gamma, low=0)
    rows = curve_rows(y, None, caller="log_rank", cause=cause)
    codes, labels = label_codes("groups", groups, y.shape[0])
    if len(labels) < 2:
        raise argument_error("groups", "of two labels or more", f"{list(labels)}")
    k = len(labels)
    layers = np.zeros(y.shape[0], dtype=np.int64)
    if strata is not None:
        layers = label_codes("strata", strata, y.shape[0])[0]
    observed, expected, variance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for layer in range(int(layers.max()) + 1):
        here = layers == layer
        parts = _one_stratum(rows.take(here), codes[here], k, cause, rho, gamma)
        observed, expected, variance = observed + parts[0], expected + parts[1], variance + parts[2]
    statistic, df = quadratic_form(observed - expected, variance)
    name = "Log-rank" if rho == 0 and gamma == 0 else f"Fleming–Harrington ({rho:g}, {gamma:g})"
    return CurveTest(
        name=name + (" stratified" if strata is not None else ""),
        statistic=statistic,
        df=df,
        groups=labels,
        n=np.bincount(codes, minlength=k),
        observed=observed,
        expected=expected,
        variance=variance,
    )


def _one_stratum(
    rows: CurveRows, codes: np.ndarray, k: int, cause: int | None, rho: float, gamma: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mine = rows.event > 0 if cause is None else rows.event == cause
    at_risk, (happened,) = group_tables(rows, codes, k, (mine,))
    d, y = happened.sum(axis=1), at_risk.sum(axis=1)
    used = d > 0
    at_risk, happened, d, y = at_risk[used], happened[used], d[used], y[used]
    if d.size == 0:
        return np.zeros(k), np.zeros(k), np.zeros((k, k))
    survival = np.concatenate([[1.0], np.cumprod(1 - d / y)[:-1]])
    weight = survival**rho * (1 - survival) ** gamma
    share = at_risk / y[:, None]
    expected = weight * d @ share
    spread = weight**2 * d * (y - d) / np.maximum(y - 1, 1)
    variance = np.diag(spread @ share) - (share * spread[:, None]).T @ share
    return weight @ happened, expected, variance
