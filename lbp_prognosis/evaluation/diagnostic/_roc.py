"""ROC curve of a test against a reference standard, with standard errors for clustered findings."""

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
    interval,
    metric_frame,
    norm,
    takes_rows,
)
from lbp_prognosis._kernels import perfect_order_limits
from lbp_prognosis.evaluation.diagnostic._auc_covariance import auc_covariance
from lbp_prognosis.evaluation.diagnostic._reference_input import check_reference, check_standard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Roc", "roc"]


@dataclass(frozen=True, repr=False)
class Roc(Result):
    """ROC curve, and its area with an interval.

    Attributes
    ----------
    value, se, low, high : float
        AUC, its standard error (DeLong; Obuchowski with clusters) and interval (on the logit).
    thresholds, false_positive_rate, true_positive_rate : ndarray
        Coordinates of the curve; "positive" means score ≥ threshold.
    n, n_positive, n_clusters : int
        Numbers of findings, positive findings and patients (0 without clusters).
    reason : str
        Reason for a missing interval: perfect separation, or all findings of one state in one patient.
    """

    value: float
    se: float
    low: float
    high: float
    confidence: float
    method: str
    thresholds: np.ndarray = field(repr=False)
    false_positive_rate: np.ndarray = field(repr=False)
    true_positive_rate: np.ndarray = field(repr=False)
    n: int
    n_positive: int
    n_clusters: int
    model: str = ""
    reason: str = ""
    objections: tuple[Objection, ...] = ()
    scores: np.ndarray = field(repr=False, default_factory=lambda: np.empty(0))
    truth: np.ndarray = field(repr=False, default_factory=lambda: np.empty(0))
    clusters: np.ndarray | None = field(repr=False, default=None)

    @property
    def auc(self) -> float:
        """Area under the curve, equal to ``value``."""
        return self.value

    def minus(self, other: Roc) -> pd.Series:
        """Return the paired difference in AUC: ``difference, se, low, high, z, p``.

        Raises
        ------
        ArgumentError
            If the two curves are not based on the same findings.
        """
        if not np.array_equal(self.truth, other.truth):
            raise argument_error("other", "a curve of the same findings in the same order", repr(other))
        auc, covariance, _ = auc_covariance(self.truth, np.column_stack([self.scores, other.scores]), self.clusters)
        difference = float(auc[0] - auc[1])
        se = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
        low, high = interval(difference, se, self.confidence)
        z = difference / se if se > 0 else float("nan")
        return pd.Series(
            {
                "difference": difference,
                "se": se,
                "low": float(low),
                "high": float(high),
                "z": z,
                "p": float(2 * norm.sf(abs(z))),
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row with the metric ``auc``."""
        return metric_frame(
            [
                {
                    "model": self.model,
                    "tier": "diagnostic",
                    "metric": "auc",
                    "value": self.value,
                    "se": self.se,
                    "low": self.low,
                    "high": self.high,
                    "confidence": self.confidence,
                    "method": self.method,
                    "n": self.n,
                    "n_events": self.n_positive,
                    "reason": self.reason,
                }
            ]
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ROC curve."""
        from lbp_prognosis._draw import draw_roc

        label = f"AUC {self.value:.3f} ({self.low:.3f}–{self.high:.3f})"
        return draw_roc(self.false_positive_rate, self.true_positive_rate, label=label, ax=ax)

    def _summary(self) -> str:
        return f"AUC {self.value:.3f} ({self.low:.3f} to {self.high:.3f}), {self.n} findings"


@takes_rows()
def roc(
    y: Any,
    score: Any,
    *,
    clusters: Any = None,
    confidence: float = 0.95,
    standard: str = "reference",
    model: str = "",
) -> Roc:
    """ROC curve and AUC of a score against a reference standard at the time of the test.

    Parameters
    ----------
    y : ndarray
        Made by `Reference.now`.
    score : array-like of shape (n,)
        Higher means more likely positive.
    clusters : array-like of shape (n,), optional
        Patient of each finding (disc, level, side). Findings of one patient are not independent; without clusters the
        standard error is too small.
    confidence : float, default 0.95
        Level of the interval.
    standard : {"reference", "readers"}, default "reference"
        ``"readers"`` if the reference is readers' grades; the result is then described as agreement with readers.
    model : str, default ""
        Name of the test.

    Returns
    -------
    Roc
        ROC curve and AUC; ``minus`` gives the paired difference between two tests.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), https://doi.org/10.2307/2531595.
    Obuchowski (1997), https://doi.org/10.2307/2533958.
    """
    truth, codes = check_reference(y, clusters, caller="roc")
    values = check_vector("score", score, n=truth.size)
    confidence = check_confidence(confidence)
    if min(truth.sum(), (~truth).sum()) < 2:
        raise argument_error(
            "y", "at least two positives and two negatives", f"{int(truth.sum())} of {truth.size} positive"
        )
    auc, covariance, _ = auc_covariance(truth, values[:, None], codes)
    value, se = float(auc[0]), float(np.sqrt(covariance[0, 0]))
    method = "DeLong" if codes is None else "Obuchowski, clustered"
    if 0 < value < 1:
        low, high = (float(limit) for limit in interval(value, se, confidence, "logit"))
    else:
        units = [part.sum() if codes is None else np.unique(codes[part]).size for part in (truth, ~truth)]
        low, high = perfect_order_limits(value, float(units[0]), float(units[1]), confidence)
        method += "; Newcombe's limits of a perfect order"
    reason = ""
    if np.isnan(se):
        reason = "all positive, or all negative, findings are of one patient"
    thresholds, fpr, tpr = _curve(truth, values)
    return Roc(
        value=value,
        se=se,
        low=low,
        high=high,
        confidence=confidence,
        method=method,
        thresholds=thresholds,
        false_positive_rate=fpr,
        true_positive_rate=tpr,
        n=truth.size,
        n_positive=int(truth.sum()),
        n_clusters=0 if codes is None else np.unique(codes).size,
        model=model,
        reason=reason,
        objections=check_standard(standard),
        scores=values,
        truth=truth,
        clusters=codes,
    )


def _curve(truth: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    tp = np.cumsum(truth[order])[last]
    fp = last + 1 - tp
    return (
        np.r_[np.inf, score[order][last]],
        np.r_[0.0, fp / (~truth).sum()],
        np.r_[0.0, tp / truth.sum()],
    )
