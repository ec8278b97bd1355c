"""Rubin's rules: one estimate from several completed data sets, with the degrees of freedom that go with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Pooled", "PooledTest", "d1_test", "d2_test", "d3_test", "rubin_pool"]


class Pooled(NamedTuple):
    """Result of Rubin's rules; arrays of shape (k,) or floats.

    ``within`` Ū, ``between`` B, ``total`` T = Ū + (1 + 1/m)B, ``riv`` r = (1 + 1/m)B/Ū, ``lambda_`` (1 + 1/m)B/T,
    ``df`` (Barnard–Rubin when the complete-data degrees of freedom are finite, else Rubin 1987), ``fmi``
    (r + 2/(df + 3))/(r + 1).
    """

    estimate: np.ndarray
    se: np.ndarray
    within: np.ndarray
    between: np.ndarray
    total: np.ndarray
    riv: np.ndarray
    lambda_: np.ndarray
    df_rubin: np.ndarray
    df: np.ndarray
    fmi: np.ndarray

    def limits(self, confidence: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the confidence limits, from a t distribution with ``df`` degrees of freedom."""
        from scipy.stats import t as student

        half = student.ppf(0.5 + confidence / 2, self.df) * self.se
        return self.estimate - half, self.estimate + half

    def p_value(self, null: float = 0.0) -> np.ndarray:
        """Return the two-sided p-value of ``estimate == null``."""
        from scipy.stats import t as student

        return 2 * student.sf(np.abs(self.estimate - null) / self.se, self.df)


class PooledTest(NamedTuple):
    """A pooled multi-parameter test."""

    statistic: float
    df1: float
    df2: float
    riv: float
    p: float


def rubin_pool(estimates: np.ndarray, variances: np.ndarray, df_complete: float = np.inf) -> Pooled:
    """Pool ``(m, …)`` estimates and their within-imputation variances.

    Without any between-imputation variance the Rubin 1987 degrees of freedom are infinite and the Barnard–Rubin ones
    are the observed-data part alone.
    """
    estimates, variances = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    m = estimates.shape[0]
    mean, within = estimates.mean(axis=0), variances.mean(axis=0)
    between = estimates.var(axis=0, ddof=1) if m > 1 else np.zeros_like(mean)
    extra = (1 + 1 / m) * between
    total = within + extra
    with np.errstate(divide="ignore", invalid="ignore"):
        riv, share = extra / within, extra / total
        df_rubin = np.where(share > 0, (m - 1) / share**2, np.inf)
        if np.isfinite(df_complete):
            observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
            df = np.where(np.isinf(df_rubin), observed, df_rubin * observed / (df_rubin + observed))
        else:
            df = df_rubin
        fmi = (riv + np.where(np.isinf(df), 0.0, 2 / (df + 3))) / (riv + 1)
    return Pooled(mean, np.sqrt(total), within, between, total, riv, share, df_rubin, df, fmi)


def d1_test(estimates: np.ndarray, covariances: np.ndarray) -> PooledTest:
    """Li, Raghunathan & Rubin's D1 test that k parameters are all zero.

    Parameters
    ----------
    estimates : ndarray of shape (m, k)
        One row per imputation.
    covariances : ndarray of shape (m, k, k)
        Within-imputation covariance matrices.
    """
    m, k = estimates.shape
    mean, within = estimates.mean(axis=0), covariances.mean(axis=0)
    between = np.atleast_2d(np.cov(estimates.T, ddof=1))
    solved = np.linalg.solve(within, np.column_stack([mean, between]))
    riv = (1 + 1 / m) * float(np.trace(solved[:, 1:])) / k
    statistic = float(mean @ solved[:, 0]) / (k * (1 + riv))
    df2 = _denominator(k, m, riv)
    return PooledTest(statistic, float(k), float(df2), riv, _upper(statistic, k, df2))


def d2_test(statistics: np.ndarray, k: int) -> PooledTest:
    """Li, Meng, Raghunathan & Rubin's D2: pool m chi-square statistics of k degrees of freedom."""
    statistics = np.asarray(statistics, dtype=float)
    m = statistics.size
    riv = (1 + 1 / m) * float(np.var(np.sqrt(statistics), ddof=1))
    statistic = (statistics.mean() / k - (m + 1) / (m - 1) * riv) / (1 + riv)
    df2 = np.inf if riv <= 0 else k ** (-3 / m) * (m - 1) * (1 + 1 / riv) ** 2
    return PooledTest(float(statistic), float(k), float(df2), riv, _upper(statistic, k, df2))


def d3_test(own: np.ndarray, pooled: np.ndarray, k: int) -> PooledTest:
    """Meng & Rubin's D3: likelihood ratios ``(m,)`` at each table's own estimates and at the pooled ones."""
    m, at_pooled = np.size(own), float(np.mean(pooled))
    riv = (m + 1) / (k * (m - 1)) * (float(np.mean(own)) - at_pooled)
    statistic = at_pooled / (k * (1 + riv))
    df2 = _denominator(k, m, riv)
    return PooledTest(statistic, float(k), float(df2), riv, _upper(statistic, k, df2))


def _denominator(k: int, m: int, riv: float) -> float:
    """Denominator degrees of freedom of D1 and D3."""
    t = k * (m - 1)
    if riv <= 0:
        return float("inf")
    if t > 4:
        return float(4 + (t - 4) * (1 + (1 - 2 / t) / riv) ** 2)
    return float(t * (1 + 1 / k) * (1 + 1 / riv) ** 2 / 2)


def _upper(statistic: float, df1: float, df2: float) -> float:
    """Upper tail of F; of χ²/df where nothing varies between imputations."""
    from scipy.stats import chi2
    from scipy.stats import f as fisher

    if np.isinf(df2):
        return float(chi2.sf(statistic * df1, df1))
    return float(fisher.sf(statistic, df1, df2))
