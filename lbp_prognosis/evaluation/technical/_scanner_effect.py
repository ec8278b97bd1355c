"""Share of the variance of a measurement that is due to the scanner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_confidence,
    check_vector,
    fisher,
    metric_frame,
    objection,
    student,
    takes_rows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ScannerEffect", "scanner_effect"]


@dataclass(frozen=True, repr=False)
class ScannerEffect(Result):
    """Differences between scanners (sites, field strengths, software versions) in one measurement.

    Attributes
    ----------
    r2 : float
        Share of the variance left by the covariates that scanners explain (partial R²).
    f, df1, df2, p : float
        Test of no difference.
    table : DataFrame
        One row per scanner: ``scanner, n, difference, low, high`` against the (adjusted) grand mean, in the unit of the
        measurement.
    """

    r2: float
    f: float
    df1: int
    df2: int
    p: float
    confidence: float
    n: int
    table: pd.DataFrame = field(repr=False)
    objections: tuple[Objection, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``scanner_r2`` and ``scanner_difference`` (one per scanner, named in ``group``)."""
        common = {"tier": "technical", "confidence": self.confidence}
        rows: list[dict[str, Any]] = [
            {
                "metric": "scanner_r2",
                "value": self.r2,
                "method": f"F({self.df1}, {self.df2}) = {self.f:.3g}",
                "n": self.n,
                **common,
            }
        ]
        rows += [
            {
                "metric": "scanner_difference",
                "group": str(row.scanner),
                "value": row.difference,
                "low": row.low,
                "high": row.high,
                "n": row.n,
                "method": "against the grand mean",
                **common,
            }
            for row in self.table.itertuples()
        ]
        return metric_frame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each scanner's difference from the grand mean.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        return draw_estimates(
            self.table.assign(label=self.table["scanner"], value=self.table["difference"]),
            axis="difference from the grand mean, unit of the measurement",
            neutral=0.0,
            digits="+.3g",
            ax=ax,
        )

    def _summary(self) -> str:
        return f"{len(self.table)} scanners explain {self.r2:.1%} of the variance (p = {self.p:.2g})"


@takes_rows()
def scanner_effect(
    values: Any, scanner: Any, *, covariates: Any = None, subject: Any = None, confidence: float = 0.95
) -> ScannerEffect:
    """Differences of one measurement between scanners.

    Parameters
    ----------
    values : array-like of shape (n,)
        The measurement.
    scanner : array-like of shape (n,)
        Label of the scanner, site, field strength or version of each row.
    covariates : array-like of shape (n, p), optional
        Adjusted for linearly (age, sex, BMI …): patients differ between hospitals.
    subject : array-like of shape (n,), optional
        Subject of each row when the same people were measured on several scanners; their means are then removed, which
        is the only design that attributes a difference to the scanner.
    confidence : float, default 0.95
        Level of the intervals.

    Notes
    -----
    Linear model with scanner effects that sum to zero over rows. Without ``subject`` an objection says that patients
    and scanners are confounded.
    """
    y = check_vector("values", values)
    confidence = check_confidence(confidence)
    labels = pd.Series(np.asarray(scanner))
    if labels.size != y.size or labels.isna().any():
        raise argument_error("scanner", f"{y.size} labels without gaps", f"{labels.size} labels")
    names, codes = np.unique(labels.astype(str), return_inverse=True)
    if names.size < 2:
        raise argument_error("scanner", "at least two scanners", f"{names.size}")
    base = _nuisance(y.size, covariates, subject)
    dummies = (codes[:, None] == np.arange(names.size)).astype(float)
    full = np.column_stack([base, dummies])
    rank_base, rank_full = (int(np.linalg.matrix_rank(m)) for m in (base, full))
    df1, df2 = rank_full - rank_base, y.size - rank_full
    if df1 < 1 or df2 < 1:
        raise argument_error(
            "scanner", "estimable together with the covariates or subjects", "a confounded or saturated design"
        )
    rss_base, _ = _fit(base, y)
    rss_full, coef = _fit(full, y)
    f = (rss_base - rss_full) / df1 / (rss_full / df2) if rss_full > 0 else np.inf
    share = np.bincount(codes) / y.size
    contrast = np.eye(names.size) - share[None, :]
    padded = np.column_stack([np.zeros((names.size, base.shape[1])), contrast])
    inverse = np.linalg.pinv(full.T @ full)
    difference = padded @ coef
    se = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", padded, inverse, padded), 0) * rss_full / df2)
    half = student.ppf(0.5 + confidence / 2, df2) * se
    table = pd.DataFrame(
        {
            "scanner": names,
            "n": np.bincount(codes),
            "difference": difference,
            "low": difference - half,
            "high": difference + half,
        }
    )
    doubt = objection("scanner-confounded-with-patients")
    return ScannerEffect(
        r2=float(1 - rss_full / rss_base) if rss_base > 0 else float("nan"),
        f=float(f),
        df1=df1,
        df2=df2,
        p=float(fisher.sf(f, df1, df2)),
        confidence=confidence,
        n=y.size,
        table=table,
        objections=() if subject is not None else (doubt,),
    )


def _nuisance(n: int, covariates: Any, subject: Any) -> np.ndarray:
    columns = [np.ones((n, 1))]
    if covariates is not None:
        matrix = np.asarray(covariates, dtype=float)
        matrix = matrix[:, None] if matrix.ndim == 1 else matrix
        if matrix.shape[0] != n or not np.isfinite(matrix).all():
            raise argument_error("covariates", f"complete numbers, {n} rows", covariates)
        columns.append(matrix)
    if subject is not None:
        people, codes = np.unique(np.asarray(subject).astype(str), return_inverse=True)
        if codes.size != n:
            raise argument_error("subject", f"{n} labels", f"{codes.size} labels")
        columns.append((codes[:, None] == np.arange(1, people.size)).astype(float))
    return np.column_stack(columns)


def _fit(X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    coef = np.linalg.lstsq(X, y, rcond=None)[0]
    return float(np.sum((y - X @ coef) ** 2)), coef
