"""The result of a test that compares curves between groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, chi2

__all__ = ["CurveTest", "quadratic_form"]


@dataclass(frozen=True, repr=False)
class CurveTest(Result):
    """A chi-squared test of equal curves.

    Attributes
    ----------
    name : str
        Name of the test.
    statistic : float
        Quadratic form of the scores.
    df : int
        Degrees of freedom.
    groups : tuple
        Labels, in the order of the arrays.
    n : ndarray of int of shape (k,)
        Patients.
    observed, expected : ndarray of shape (k,)
        (Weighted) events observed, and expected under equal curves.
    variance : ndarray of shape (k, k)
        Covariance of ``observed − expected``.
    """

    name: str
    statistic: float
    df: int
    groups: tuple[Any, ...]
    n: np.ndarray
    observed: np.ndarray
    expected: np.ndarray
    variance: np.ndarray
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    @property
    def p(self) -> float:
        """P-value; NaN without a degree of freedom."""
        return float(chi2.sf(self.statistic, self.df)) if self.df > 0 else float("nan")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group: ``test, group, n, observed, expected, statistic, df, p``."""
        return pd.DataFrame(
            {
                "test": self.name,
                "group": [str(group) for group in self.groups],
                "n": self.n,
                "observed": self.observed,
                "expected": self.expected,
                "statistic": self.statistic,
                "df": self.df,
                "p": self.p,
            }
        )

    def _summary(self) -> str:
        return f"{self.name} χ² = {self.statistic:.4g} on {self.df} df, p = {self.p:.3g}"


def quadratic_form(score: np.ndarray, variance: np.ndarray) -> tuple[float, int]:
    """Return score' V⁻ score and the rank of V; groups without information are dropped, and one group is redundant."""
    if score.size < 2:
        return float("nan"), 0
    size = np.sqrt(np.clip(np.diag(variance), 0.0, None))
    keep = size > 1e-10 * max(size.max(initial=0.0), 1e-300)
    values, vectors = np.linalg.eigh(variance[np.ix_(keep, keep)] / np.outer(size[keep], size[keep]))
    # k groups have rank k − 1 (the scores sum to zero); smaller eigenvalues of the correlation count as zero
    real = values > 1e-9
    if not real.any():
        return float("nan"), 0
    turned = vectors[:, real].T @ (score[keep] / size[keep])
    return float(np.sum(turned**2 / values[real])), int(real.sum())
