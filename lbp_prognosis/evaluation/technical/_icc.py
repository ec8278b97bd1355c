"""Intraclass correlation: repeatability relative to differences between patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_confidence,
    chi2,
    icc_form,
    icc_mean_squares,
    icc_table,
    metric_frame,
    takes_rows,
)
from lbp_prognosis.evaluation.technical._ratings import check_ratings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ICC", "icc"]


@dataclass(frozen=True, repr=False)
class ICC(Result):
    """Intraclass correlations of all forms, with measurement errors in the unit of the measurement.

    Attributes
    ----------
    form : str
        The form that ``value, low, high`` give.
    value, low, high : float
        Chosen coefficient and its interval.
    table : DataFrame
        One row per form: ``form, value, low, high, f, df1, df2, p``.
    mean_squares : dict
        ``subjects, raters, residual, within``.
    sem_agreement, sem_consistency : float
        Standard error of measurement with and without differences between raters.
    sdc_agreement, sdc_consistency : float
        Smallest detectable change of one patient, 1.96 √2 SEM.
    n, k : int
        Subjects and raters.
    limits : dict of str to (float, float)
        Intervals of the four errors, by their names.
    """

    form: str
    value: float
    low: float
    high: float
    confidence: float
    table: pd.DataFrame
    mean_squares: dict[str, float]
    sem_agreement: float
    sem_consistency: float
    sdc_agreement: float
    sdc_consistency: float
    n: int
    k: int
    limits: dict[str, tuple[float, float]]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per form (``group`` names it), then ``sem_*`` and ``sdc_*``."""
        common = {"tier": "technical", "n": self.n, "confidence": self.confidence}
        rows: list[dict[str, Any]] = [
            {
                "metric": "icc",
                "group": row.form,
                "value": row.value,
                "low": row.low,
                "high": row.high,
                "method": "one-way" if str(row.form).startswith("1") else "two-way",
                **common,
            }
            for row in self.table.itertuples()
        ]
        for name in ("sem_agreement", "sem_consistency", "sdc_agreement", "sdc_consistency"):
            low, high = self.limits[name]
            limits = {"low": low, "high": high, "method": "analysis of variance"}
            rows.append({"metric": name, "value": getattr(self, name), **limits, **common})
        return metric_frame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the coefficients of all forms.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table.assign(label=[f"ICC({form})" for form in self.table["form"]])
        return draw_estimates(rows, axis=f"intraclass correlation, {self.n} subjects × {self.k}", neutral=1.0, ax=ax)

    def _summary(self) -> str:
        return f"ICC({self.form}) {self.value:.3f} ({self.low:.3f} to {self.high:.3f}), {self.n} subjects × {self.k}"


@takes_rows()
def icc(ratings: Any, *, form: str = "2,1", confidence: float = 0.95) -> ICC:
    """Intraclass correlation of repeated measurements.

    Parameters
    ----------
    ratings : array-like of shape (n_subjects, k)
        One row per subject, one column per rater, session or scanner.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}, default "2,1"
        Shrout–Fleiss form: 1 one-way; 2 two-way random, absolute agreement; 3 two-way mixed, consistency; ``k`` for the
        mean of the k raters. A single future reader or scanner is ``"2,1"``. ``"A,1"``, ``"C,k"``, ``"ICC2"`` or
        ``"ICC(2,1)"`` are understood.
    confidence : float, default 0.95
        Level of the interval.

    Returns
    -------
    ICC
        All forms, with SEM and SDC.

    Raises
    ------
    ArgumentError
        If the table is incomplete or has fewer than two rows or columns.

    See Also
    --------
    lbp_prognosis.evaluation.technical.agreement : Do two readings agree?

    Notes
    -----
    From the mean squares of the two-way layout, e.g. ICC(2,1) = (MSR − MSE) / (MSR + (k−1) MSE + k (MSC − MSE)/n).
    Intervals are the F-based ones of McGraw and Wong. SEM (agreement) = √(σ²_raters + σ²_residual), with a negative
    variance component set to zero. The interval of the consistency error is that of χ² with (n − 1)(k − 1) degrees of
    freedom; that of the agreement error is Graybill and Wang's of (MSC + (n − 1) MSE) / n. With few raters, the upper
    limit is very high, because two raters provide little information about others.

    References
    ----------
    Shrout, Fleiss (1979), https://doi.org/10.1037/0033-2909.86.2.420.
    McGraw, Wong (1996), https://doi.org/10.1037/1082-989X.1.1.30.
    Graybill, Wang (1980), J Am Stat Assoc 75:869-873.

    Examples
    --------
    >>> from lbp_prognosis.evaluation.technical import icc
    >>> round(icc([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]).value, 2)
    0.29
    """
    form = icc_form(form)
    confidence = check_confidence(confidence)
    x = check_ratings(ratings)
    n, k = x.shape
    if np.ptp(x) == 0:
        raise argument_error(
            "ratings",
            "measurements that vary",
            "one value throughout",
            "Without differences there is nothing to compare errors with.",
        )
    squares = icc_mean_squares(x)
    table = icc_table(squares, n, k, confidence)
    chosen = {name: float(table.loc[table["form"] == form, name].iloc[0]) for name in ("value", "low", "high")}
    raters = max(0.0, (squares["raters"] - squares["residual"]) / n)
    agreement = float(np.sqrt(raters + squares["residual"]))
    consistency = float(np.sqrt(squares["residual"]))
    detect = 1.96 * np.sqrt(2)
    return ICC(
        form=form,
        value=chosen["value"],
        low=chosen["low"],
        high=chosen["high"],
        confidence=confidence,
        table=table,
        mean_squares=squares,
        sem_agreement=agreement,
        sem_consistency=consistency,
        sdc_agreement=float(detect * agreement),
        sdc_consistency=float(detect * consistency),
        n=n,
        k=k,
        limits=_error_limits(squares, n, k, confidence),
    )


def _error_limits(squares: dict[str, float], n: int, k: int, confidence: float) -> dict[str, tuple[float, float]]:
    """Intervals of standard errors of measurement and of the changes they can detect."""
    rest = (n - 1) * (k - 1)
    upper, lower = 0.5 + confidence / 2, 0.5 - confidence / 2

    def shares(df: int) -> tuple[float, float]:
        """Relative distances of the limits of one variance from its estimate."""
        return 1 - df / float(chi2.ppf(upper, df)), df / float(chi2.ppf(lower, df)) - 1

    parts = ((squares["raters"] / n, shares(k - 1)), (squares["residual"] * (n - 1) / n, shares(rest)))
    total = parts[0][0] + parts[1][0]
    down, up = (float(np.sqrt(sum((part * share[j]) ** 2 for part, share in parts))) for j in (0, 1))
    found = max(total, squares["residual"])  # the raters' component is not below zero
    below, above = shares(rest)
    variances = {
        "agreement": (min(total - down, found), max(total + up, found)),
        "consistency": (squares["residual"] * (1 - below), squares["residual"] * (1 + above)),
    }
    out = {}
    for name, (low, high) in variances.items():
        limits = float(np.sqrt(max(low, 0.0))), float(np.sqrt(high))
        out[f"sem_{name}"] = limits
        out[f"sdc_{name}"] = (float(1.96 * np.sqrt(2) * limits[0]), float(1.96 * np.sqrt(2) * limits[1]))
    return out
