"""Upper bound of the contribution of a finding, read perfectly, to decisions about the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, check_number, check_thresholds, metric_frame, norm
from lbp_prognosis.evaluation.utility._threshold_range import ThresholdRange

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FindingCeiling", "finding_to_outcome_ceiling"]


@dataclass(frozen=True, repr=False)
class FindingCeiling(Result):
    """Upper limit of the value of a test for a finding in decisions about an outcome.

    Attributes
    ----------
    prevalence, p_y_given_f, p_y_given_not_f, auc : float
        The arguments.
    outcome_prevalence : float
        P(outcome).
    auc_outcome : float
        AUC of the test for the OUTCOME, through the finding.
    thresholds : ndarray of shape (k,)
        Decision thresholds on the risk of the outcome.
    gain : ndarray of shape (k,)
        Net benefit of the best use of this test, minus the better of treating all and none.
    gain_perfect : ndarray of shape (k,)
        The same for a test that never errs about the finding.
    window : tuple of float
        Thresholds between which the finding can change decisions: P(outcome | no finding) to P(outcome | finding).
    """

    prevalence: float
    p_y_given_f: float
    p_y_given_not_f: float
    auc: float
    outcome_prevalence: float
    auc_outcome: float
    thresholds: np.ndarray = field(repr=False)
    gain: np.ndarray = field(repr=False)
    gain_perfect: np.ndarray = field(repr=False)
    window: tuple[float, float]
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return the AUC for the outcome, then the gain at each threshold (evaluation columns, ``threshold``)."""
        rows = [
            {
                "model": "test of the finding",
                "tier": "utility",
                "metric": "auc_outcome_ceiling",
                "value": self.auc_outcome,
                "method": "binormal test, outcome depends on the test through the finding only",
            },
        ]
        for name, gain in (("test of the finding", self.gain), ("perfect test of the finding", self.gain_perfect)):
            rows += [
                {
                    "model": name,
                    "tier": "utility",
                    "metric": "net_benefit_gain_ceiling",
                    "value": value,
                    "method": "best decision minus the better of treat all and treat none",
                    "threshold": t,
                }
                for t, value in zip(self.thresholds, gain)
            ]
        return metric_frame(rows, extra=("threshold",))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the highest gain in net benefit at each threshold, of this test and of a perfect one.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_thresholds

        curves = [
            pd.DataFrame({"threshold": self.thresholds, "value": gain, "series": name})
            for name, gain in (("perfect test of the finding", self.gain_perfect), ("this test", self.gain))
        ]
        return draw_thresholds(pd.concat(curves), axis="largest possible gain in net benefit", ax=ax)

    def _summary(self) -> str:
        low, high = self.window
        return (
            f"AUC {self.auc:.3g} for the finding is {self.auc_outcome:.3f} for the outcome; "
            f"no decision value outside thresholds {low:.3g} to {high:.3g}"
        )


def finding_to_outcome_ceiling(
    prevalence: float,
    p_y_given_f: float,
    p_y_given_not_f: float,
    auc: float,
    thresholds: np.ndarray | ThresholdRange | None = None,
) -> FindingCeiling:
    """Bound the benefit that a test for a finding can bring to decisions about an outcome.

    Accuracy for a finding does not imply accuracy for the outcome, which also depends on the association between
    finding and outcome.

    Parameters
    ----------
    prevalence : float
        P(finding), in (0, 1).
    p_y_given_f, p_y_given_not_f : float
        P(outcome | finding) and P(outcome | no finding), in (0, 1).
    auc : float
        AUC of the test for the finding, in [0.5, 1].
    thresholds : array-like or ThresholdRange, optional
        Decision thresholds on the risk of the outcome; by default 0.01, 0.02 … 0.99.

    Returns
    -------
    FindingCeiling
        With ``auc_outcome``, ``gain`` at each threshold, and the ``window`` outside which the gain is exactly zero.

    Notes
    -----
    The test score is normal with unit variance and mean δ = √2 Φ⁻¹(AUC) higher where the finding is present; the
    outcome depends on the score only through the finding. With q1 = P(F | Y) and q0 = P(F | no Y),
    AUC_Y = ½ + (AUC − ½)(q1 − q0). Treating above a score cut has net benefit linear in the two normal tails, and the
    best cut is where the posterior risk equals the threshold, so the gain is in closed form. It is zero unless the
    threshold lies strictly between P(Y | no F) and P(Y | F).

    Examples
    --------
    >>> from lbp_prognosis.evaluation import finding_to_outcome_ceiling
    >>> ceiling = finding_to_outcome_ceiling(0.40, 0.32, 0.28, 0.95, thresholds=[0.28, 0.30])
    >>> round(ceiling.auc_outcome, 6), ceiling.gain.round(6).tolist()
    (0.520731, [0.0, 0.008032])
    """
    for name, value in (("prevalence", prevalence), ("p_y_given_f", p_y_given_f), ("p_y_given_not_f", p_y_given_not_f)):
        check_number(name, value, low=0, high=1, open_low=True, open_high=True)
    check_number("auc", auc, low=0.5, high=1)
    if isinstance(thresholds, ThresholdRange):
        thresholds = thresholds.grid()
    t = np.round(np.arange(1, 100) / 100, 12) if thresholds is None else check_thresholds(thresholds)
    outcome = prevalence * p_y_given_f + (1 - prevalence) * p_y_given_not_f
    q1 = prevalence * p_y_given_f / outcome
    q0 = prevalence * (1 - p_y_given_f) / (1 - outcome)
    odds = t / (1 - t)
    # value of treating a patient with and without the finding, weighted by how many there are
    with_f = prevalence * (p_y_given_f - odds * (1 - p_y_given_f))
    without = (1 - prevalence) * (p_y_given_not_f - odds * (1 - p_y_given_not_f))
    default = np.maximum(0.0, with_f + without)
    gain = np.maximum(_best_cut(with_f, without, auc) - default, 0.0)
    perfect = np.maximum(np.maximum(with_f, 0) + np.maximum(without, 0) - default, 0.0)
    window = (min(p_y_given_f, p_y_given_not_f), max(p_y_given_f, p_y_given_not_f))
    outside = (t <= window[0]) | (t >= window[1])
    return FindingCeiling(
        float(prevalence),
        float(p_y_given_f),
        float(p_y_given_not_f),
        float(auc),
        float(outcome),
        float(0.5 + (auc - 0.5) * (q1 - q0)),
        t,
        np.where(outside, 0.0, gain),
        np.where(outside, 0.0, perfect),
        window,
    )


def _best_cut(with_f: np.ndarray, without: np.ndarray, auc: float) -> np.ndarray:
    """Net benefit of treating on the better side of the best score cut; the defaults are cuts at infinity."""
    best = np.maximum(0.0, with_f + without)
    opposite = with_f * without < 0
    if auc == 1.0:
        return np.where(opposite, np.maximum(with_f, 0) + np.maximum(without, 0), best)
    delta = np.sqrt(2) * norm.ppf(auc)
    if delta <= 0:
        return best
    safe = np.where(opposite, np.abs(with_f), 1.0)
    other = np.where(opposite, np.abs(without), 1.0)
    # the likelihood ratio exp(δ s − δ²/2) equals |value without| / |value with| at the best cut
    cut = (np.log(other / safe) + delta**2 / 2) / delta
    above = with_f * norm.sf(cut - delta) + without * norm.sf(cut)
    below = with_f * norm.cdf(cut - delta) + without * norm.cdf(cut)
    return np.where(opposite, np.maximum(best, np.maximum(above, below)), best)
