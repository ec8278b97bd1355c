"""``DisabilityRecovery``: time to sustained recovery from disability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lbp_prognosis.cohort._threshold_recovery import ThresholdRecovery

__all__ = ["DisabilityRecovery"]


@dataclass(frozen=True)
class DisabilityRecovery(ThresholdRecovery):
    """First run of visits with disability at or below a threshold, sustained.

    Attributes
    ----------
    horizons : tuple of float
        Prediction times, in ``unit``.
    instrument : str
        Disability scale in ``prom`` (higher = worse).
    threshold : float
        Highest value that counts as recovered, on the scale of ``instrument``; required.
    sustained : float
        Days for which recovery must be sustained; 0 uses the first visit.
    competing : tuple of str
        Event types that end the risk of recovery.
    unit, baseline_window, estimand, primary_horizon
        As in `PainRecovery`.
    """

    outcome_name: ClassVar[str] = "disability recovery"

    horizons: tuple[float, ...]
    instrument: str
    threshold: float
    sustained: float = 30.0
    competing: tuple[str, ...] = ("surgery", "death")
    unit: str = "months"
    baseline_window: float = 90.0
    estimand: str = "while-untreated"
    primary_horizon: float | None = None
