"""Number of tests per net true positive, and the largest acceptable harm of a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_confidence,
    check_number,
    holds,
    interval,
    metric_frame,
    takes_rows,
)
from lbp_prognosis._kernels import reaches
from lbp_prognosis.evaluation.utility._outcome_at import OutcomeAt, check_probability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TestTradeoff", "test_tradeoff"]


@dataclass(frozen=True, repr=False)
class TestTradeoff(Result):
    """Test tradeoff at a threshold.

    Attributes
    ----------
    threshold, horizon : float
        Decision threshold and time.
    tested_fraction : float
        Share of patients tested.
    difference, se, low, high : float
        Gain in net benefit with the test, before its harm.
    tests_per_true_positive : float
        Tests for one net true positive (or its equivalent in avoided false positives); infinite if there is no gain.
    tests_low, tests_high : float
        Its interval, by inverting the interval of the gain; infinite where the gain may be nil.
    acceptable_harm : float
        Largest harm of one test, in true positives, at which testing still pays (0 if there is no gain).
    """

    threshold: float
    horizon: float
    target: str
    tested_fraction: float
    difference: float
    se: float
    low: float
    high: float
    tests_per_true_positive: float
    tests_low: float
    tests_high: float
    acceptable_harm: float
    confidence: float
    n: int
    n_events: int

    __test__ = False  # the name begins like a test's, and test runners collect by name

    @property
    def sentence(self) -> str:
        """The result in words."""
        if not np.isfinite(self.tests_per_true_positive):
            return "No finite trade-off: testing does not raise net benefit at this threshold."
        upper = "no finite upper limit" if not np.isfinite(self.tests_high) else f"{self.tests_high:.0f}"
        return (
            f"{self.tests_per_true_positive:.1f} tests for one net true positive "
            f"({self.confidence:.0%} interval {self.tests_low:.0f} to {upper})."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``net_benefit_difference``, ``tests_per_true_positive``, ``acceptable_harm``."""
        common = {
            "tier": "utility",
            "horizon": self.horizon,
            "confidence": self.confidence,
            "n": self.n,
            "n_events": self.n_events,
            "threshold": self.threshold,
            "target": self.target,
        }
        none = "" if np.isfinite(self.tests_per_true_positive) else "no finite trade-off"
        return metric_frame(
            [
                {
                    "metric": "net_benefit_difference",
                    "value": self.difference,
                    "se": self.se,
                    "low": self.low,
                    "high": self.high,
                    "method": "paired influence values",
                    **common,
                },
                {
                    "metric": "tests_per_true_positive",
                    "value": self.tests_per_true_positive,
                    "low": self.tests_low,
                    "high": self.tests_high,
                    "method": "inverted interval of the difference",
                    "reason": none,
                    **common,
                },
                {
                    "metric": "acceptable_harm",
                    "value": self.acceptable_harm,
                    "method": "1 / trade-off",
                    "reason": none,
                    **common,
                },
            ],
            extra=("threshold", "target"),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the gain in net benefit before any harm of testing; the axis says what it buys.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        row = self.to_frame().iloc[:1].assign(label="gain in net benefit")
        return draw_estimates(row, axis=self.sentence, neutral=0.0, digits="+.4f", ax=ax)

    def _summary(self) -> str:
        return self.sentence


@takes_rows()
def test_tradeoff(
    y: Any,
    risk_without: Any,
    risk_with: Any,
    horizon: float | None = None,
    threshold: float | None = None,
    *,
    tested: Any = None,
    cause: int = 1,
    target: str = "event",
    clusters: Any = None,
    confidence: float = 0.95,
) -> TestTradeoff:
    """Tests needed for one net true positive.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    risk_without, risk_with : array-like of shape (n,)
        P(event by the horizon) without and with the test, out of sample.
    horizon : float, optional
        Prediction time; a `Status` contains its own; for times it is required.
    threshold : float
        Risk of the target from which on a patient is treated.
    tested : array-like of bool of shape (n,), optional
        Who is tested; all patients by default. Those not tested keep the decision without the test.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Target of the decision.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the variance.
    confidence : float, default 0.95
        Level of the intervals.

    Returns
    -------
    TestTradeoff
        With ``sentence``.

    Notes
    -----
    tests / ΔNB, with ΔNB the gain before any harm of testing (censored patients by inverse probability weights). A gain
    of zero or less has no finite trade-off; it is never printed as a negative number.

    References
    ----------
    Baker, Cook, Vickers, Kramer (2009), https://doi.org/10.1111/j.1467-985X.2009.00592.x.
    """
    data = OutcomeAt.read(y, horizon, cause=cause, target=target, clusters=clusters, caller="test_tradeoff")
    confidence = check_confidence(confidence)
    t = check_number("threshold", threshold, low=0, high=1, open_low=True, open_high=True)
    size = y.shape[0]
    first = check_probability("risk_without", risk_without, size)[data.keep]
    second = check_probability("risk_with", risk_with, size)[data.keep]
    if target == "no_event":
        first, second = 1 - first, 1 - second
    mask = np.ones(size, dtype=bool) if tested is None else np.asarray(tested)
    if mask.shape != (size,) or holds(mask) != "truth value":
        raise argument_error("tested", f"{size} booleans", tested)
    if pd.isna(mask).any():
        raise argument_error("tested", "free of missing values", f"{int(pd.isna(mask).sum())} missing")
    mask = mask.astype(bool)[data.keep]
    fraction = float(mask.mean())
    if fraction == 0:
        raise argument_error("tested", "true for at least one patient", "no patient tested")
    change = np.where(mask, decide(second, t).astype(float) - decide(first, t), 0.0)
    gain, psi = data.mean(change * benefit(data.state, t))
    se = data.se(psi)
    low, high = (float(v) for v in interval(gain, se, confidence))
    return TestTradeoff(
        threshold=t,
        horizon=data.horizon,
        target=target,
        tested_fraction=fraction,
        difference=gain,
        se=se,
        low=low,
        high=high,
        tests_per_true_positive=_per(fraction, gain),
        tests_low=_per(fraction, high),
        tests_high=_per(fraction, low),
        acceptable_harm=max(gain, 0.0) / fraction,
        confidence=confidence,
        n=data.n,
        n_events=int(((data.state == 1) & (data.weight > 0)).sum()),
    )


test_tradeoff.__test__ = False  # type: ignore[attr-defined]


def decide(risk: np.ndarray, threshold: float) -> np.ndarray:
    """Treat at or above the threshold."""
    return reaches(risk, threshold)


def benefit(state: np.ndarray, threshold: float) -> np.ndarray:
    """Net benefit of treating one patient: 1 with the target, −t/(1−t) without."""
    return state - threshold / (1 - threshold) * (1 - state)


def _per(fraction: float, gain: float) -> float:
    return fraction / gain if gain > 1e-15 else float("inf")
