"""Bland–Altman analysis: differences between two measurements of the same patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_clusters,
    check_confidence,
    check_number,
    chi2,
    metric_frame,
    nct,
    norm,
    student,
    takes_rows,
)
from lbp_prognosis.evaluation.technical._ratings import check_pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True, repr=False)
class Agreement(Result):
    """Bias and limits of agreement of two methods.

    Attributes
    ----------
    bias, sd : float
        Mean and standard deviation of first − second, in the unit of the measurement.
    bias_low, bias_high : float
        Interval of the bias.
    lower, upper : float
        Limits of agreement, bias ∓ z sd.
    lower_interval, upper_interval : tuple of float
        Intervals of the limits (Bland & Altman 1999).
    se_limit, se_limit_1986 : float
        Standard errors of a limit, of 1999 and of 1986.
    lower_interval_exact, upper_interval_exact : tuple of float
        Exact intervals (non-central t).
    lower_interval_1986, upper_interval_1986 : tuple of float
        Intervals of the limits bias ∓ 2 sd with the standard error of 1986, sd √(3/n).
    slope, slope_p : float
        Slope of the difference on the mean and its p-value: proportional bias.
    within_sd, repeatability : float
        √(Σd²/2n) and 1.96 √2 times it; meaningful when both are readings of one method.
    n_clusters : int
        Patients, where several measurements are of one patient; 0 otherwise. Then ``bias`` is the mean of the patients'
        mean differences, ``sd`` joins the spread between and within patients, the intervals of the limits are Zou's,
        and those of 1986, 1999 and the exact ones are NaN.
    """

    n: int
    confidence: float
    multiple: float
    bias: float
    sd: float
    bias_low: float
    bias_high: float
    lower: float
    upper: float
    se_limit: float
    se_limit_1986: float
    lower_interval: tuple[float, float]
    upper_interval: tuple[float, float]
    lower_interval_exact: tuple[float, float]
    upper_interval_exact: tuple[float, float]
    lower_interval_1986: tuple[float, float]
    upper_interval_1986: tuple[float, float]
    slope: float
    slope_se: float
    slope_p: float
    within_sd: float
    repeatability: float
    n_clusters: int = 0
    means: np.ndarray = field(repr=False, default_factory=lambda: np.empty(0))
    differences: np.ndarray = field(repr=False, default_factory=lambda: np.empty(0))

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``bias, loa_lower, loa_upper, proportional_bias, within_sd, repeatability_coefficient``."""
        common = {"tier": "technical", "n": self.n, "confidence": self.confidence}
        units = self.n_clusters or self.n
        t = float(student.ppf(0.5 + self.confidence / 2, units - 2))
        bias_se = (self.bias_high - self.bias_low) / (2 * float(student.ppf(0.5 + self.confidence / 2, units - 1)))
        name = "Zou 2013, several measurements of a patient" if self.n_clusters else "Bland & Altman 1999"
        rows: list[dict[str, Any]] = [
            {
                "metric": "bias",
                "value": self.bias,
                "se": bias_se,
                "low": self.bias_low,
                "high": self.bias_high,
                "method": "t",
            },
            {
                "metric": "loa_lower",
                "value": self.lower,
                "se": self.se_limit,
                "low": self.lower_interval[0],
                "high": self.lower_interval[1],
                "method": name,
            },
            {
                "metric": "loa_upper",
                "value": self.upper,
                "se": self.se_limit,
                "low": self.upper_interval[0],
                "high": self.upper_interval[1],
                "method": name,
            },
            {
                "metric": "loa_lower",
                "value": self.lower,
                "low": self.lower_interval_exact[0],
                "high": self.lower_interval_exact[1],
                "method": "exact, non-central t",
            },
            {
                "metric": "loa_upper",
                "value": self.upper,
                "low": self.upper_interval_exact[0],
                "high": self.upper_interval_exact[1],
                "method": "exact, non-central t",
            },
            {
                "metric": "loa_lower",
                "value": self.bias - 2 * self.sd,
                "se": self.se_limit_1986,
                "low": self.lower_interval_1986[0],
                "high": self.lower_interval_1986[1],
                "method": "Bland & Altman 1986, two sd",
            },
            {
                "metric": "loa_upper",
                "value": self.bias + 2 * self.sd,
                "se": self.se_limit_1986,
                "low": self.upper_interval_1986[0],
                "high": self.upper_interval_1986[1],
                "method": "Bland & Altman 1986, two sd",
            },
            {
                "metric": "proportional_bias",
                "value": self.slope,
                "se": self.slope_se,
                "low": self.slope - t * self.slope_se,
                "high": self.slope + t * self.slope_se,
                "method": "difference on mean",
            },
            {"metric": "within_sd", "value": self.within_sd, "method": "paired differences"},
            {"metric": "repeatability_coefficient", "value": self.repeatability, "method": "1.96 √2 within_sd"},
        ]
        if self.n_clusters:  # intervals that take every measurement for a patient of its own
            rows = [row for row in rows if not str(row["method"]).startswith(("exact", "Bland"))]
        return metric_frame({**row, **common} for row in rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw differences against means, with the limits and their intervals."""
        from lbp_prognosis._draw import draw_agreement

        return draw_agreement(
            self.means,
            self.differences,
            bias=(self.bias, self.bias_low, self.bias_high),
            lower=(self.lower, *self.lower_interval),
            upper=(self.upper, *self.upper_interval),
            ax=ax,
        )

    def _summary(self) -> str:
        return f"bias {self.bias:.3g}, limits of agreement {self.lower:.3g} to {self.upper:.3g}, n = {self.n}"


@takes_rows()
def agreement(
    first: Any, second: Any, *, clusters: Any = None, multiple: float = 1.96, confidence: float = 0.95
) -> Agreement:
    """Limits of agreement between two measurements of the same patients.

    Parameters
    ----------
    first, second : array-like of shape (n,)
        Measurements of the same patients in the same order and unit.
    clusters : array-like of shape (n,), optional
        Patient of each pair, where a patient gives several (levels, sides, visits): differences within a patient are
        correlated, and intervals that assume independence are too narrow.
    multiple : float, default 1.96
        Standard deviations from the bias to a limit.
    confidence : float, default 0.95
        Level of all intervals.

    Returns
    -------
    Agreement
        Bias, limits with three kinds of interval, proportional bias, repeatability.

    Raises
    ------
    ArgumentError
        If lengths differ, a measurement is missing, or there are fewer than three pairs.

    See Also
    --------
    lbp_prognosis.evaluation.technical.icc : Is a measurement repeatable?

    Notes
    -----
    d = first − second. SE of a limit (1999): sd √(1/n + z²/(2(n−1))), with t(n−1). Exact: quantiles of the
    non-central t with non-centrality z √n.

    Clusters: with s_b² the variance of the patients' mean differences, s_w² the pooled variance within patients and
    m_h the harmonic mean of their numbers, sd² = s_b² + (1 − 1/m_h) s_w²; bias ± z sd has the interval recovered from
    those of the bias and of sd (square-and-add). The slope's error is clustered.

    References
    ----------
    Bland, Altman (1986), https://doi.org/10.1016/S0140-6736(86)90837-8; (1999),
    https://doi.org/10.1177/096228029900800204. Carkeet (2015), https://doi.org/10.1097/OPX.0000000000000513.
    Zou (2013), https://doi.org/10.1177/0962280211402548.

    Examples
    --------
    >>> from lbp_prognosis.evaluation.technical import agreement
    >>> found = agreement([10.1, 12.0, 9.5, 11.2, 10.4], [9.8, 12.3, 9.1, 11.0, 10.0])
    >>> round(float(found.bias), 2)
    0.2
    """
    a, b = check_pair(first, second)
    confidence = check_confidence(confidence)
    z = check_number("multiple", multiple, low=0, open_low=True)
    d, mean = a - b, (a + b) / 2
    codes = check_clusters("clusters", clusters, n=a.size)
    if codes is not None:
        return _of_clusters(d, mean, codes, z, confidence)
    n, bias, sd = d.size, float(d.mean()), float(d.std(ddof=1))
    tail = 0.5 + confidence / 2
    t = float(student.ppf(tail, n - 1))
    se_limit = float(sd * np.sqrt(1 / n + z**2 / (2 * (n - 1))))
    se_early = float(sd * np.sqrt(3 / n))
    early = t * se_early
    # 1.96 stands for the 97.5th percentile, which the exact interval takes unrounded
    percentile = float(norm.ppf(0.975)) if z == 1.96 else z
    inner, outer = (float(q) * sd / np.sqrt(n) for q in nct.ppf([1 - tail, tail], n - 1, percentile * np.sqrt(n)))
    slope, slope_se, slope_p = _slope(mean, d)
    within = float(np.sqrt(np.mean(d**2) / 2))
    lower, upper = bias - z * sd, bias + z * sd
    return Agreement(
        n=n,
        confidence=confidence,
        multiple=z,
        bias=bias,
        sd=sd,
        bias_low=bias - t * sd / np.sqrt(n),
        bias_high=bias + t * sd / np.sqrt(n),
        lower=lower,
        upper=upper,
        se_limit=se_limit,
        se_limit_1986=se_early,
        lower_interval=(lower - t * se_limit, lower + t * se_limit),
        upper_interval=(upper - t * se_limit, upper + t * se_limit),
        lower_interval_exact=(bias - outer, bias - inner),
        upper_interval_exact=(bias + inner, bias + outer),
        lower_interval_1986=(bias - 2 * sd - early, bias - 2 * sd + early),
        upper_interval_1986=(bias + 2 * sd - early, bias + 2 * sd + early),
        slope=slope,
        slope_se=slope_se,
        slope_p=slope_p,
        within_sd=within,
        repeatability=float(1.96 * np.sqrt(2) * within),
        means=mean,
        differences=d,
    )


def _of_clusters(d: np.ndarray, mean: np.ndarray, codes: np.ndarray, z: float, confidence: float) -> Agreement:
    """Limits where patients give several pairs whose true values differ."""
    counts = np.bincount(codes)
    patients, n = counts.size, d.size
    if patients < 3:
        raise argument_error("clusters", "at least three patients", f"{patients}")
    own = np.bincount(codes, weights=d) / counts
    bias, between = float(own.mean()), float(own.var(ddof=1))
    spare = n - patients
    within = float(np.sum((d - own[codes]) ** 2) / spare) if spare else 0.0
    share = float(1 - np.mean(1 / counts))  # 1 − 1 / harmonic mean
    total = between + share * within
    tail = 0.5 + confidence / 2

    def bound(upper: bool) -> float:
        q = 1 - tail if upper else tail
        parts = [between * ((patients - 1) / chi2.ppf(q, patients - 1) - 1)]
        if spare:
            parts.append(share * within * (spare / chi2.ppf(q, spare) - 1))
        size = float(np.sqrt(np.sum(np.square(parts))))
        return total + size if upper else max(total - size, 0.0)

    sd, lowest, highest = float(np.sqrt(total)), float(np.sqrt(bound(False))), float(np.sqrt(bound(True)))
    t = float(student.ppf(tail, patients - 1))
    error = t * np.sqrt(between / patients)
    outer, inner = float(np.hypot(error, z * (highest - sd))), float(np.hypot(error, z * (sd - lowest)))
    lower, upper, none = bias - z * sd, bias + z * sd, (float("nan"), float("nan"))
    slope, slope_se, slope_p = _slope(mean, d, codes)
    repeat = float(np.sqrt(np.mean(d**2) / 2))
    return Agreement(
        n=n,
        confidence=confidence,
        multiple=z,
        bias=bias,
        sd=sd,
        bias_low=float(bias - error),
        bias_high=float(bias + error),
        lower=lower,
        upper=upper,
        se_limit=float("nan"),
        se_limit_1986=float("nan"),
        lower_interval=(lower - outer, lower + inner),
        upper_interval=(upper - inner, upper + outer),
        lower_interval_exact=none,
        upper_interval_exact=none,
        lower_interval_1986=none,
        upper_interval_1986=none,
        slope=slope,
        slope_se=slope_se,
        slope_p=slope_p,
        within_sd=repeat,
        repeatability=float(1.96 * np.sqrt(2) * repeat),
        n_clusters=patients,
        means=mean,
        differences=d,
    )


def _slope(x: np.ndarray, y: np.ndarray, codes: np.ndarray | None = None) -> tuple[float, float, float]:
    centred = x - x.mean()
    spread = float(np.sum(centred**2))
    if spread == 0:
        return float("nan"), float("nan"), float("nan")
    slope = float(np.sum(centred * y) / spread)
    residual = y - y.mean() - slope * centred
    if codes is None:
        units = x.size
        se = float(np.sqrt(np.sum(residual**2) / (units - 2) / spread))
    else:
        units = int(codes.max()) + 1
        sums = np.bincount(codes, weights=centred * residual)
        se = float(np.sqrt(units / (units - 1) * np.sum(sums**2)) / spread)
    return slope, se, float(2 * student.sf(abs(slope / se), units - 2)) if se > 0 else 0.0
