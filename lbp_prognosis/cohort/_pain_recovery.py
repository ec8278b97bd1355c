"""``PainRecovery``: time to sustained recovery from pain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lbp_prognosis.cohort._threshold_recovery import ThresholdRecovery

__all__ = ["PainRecovery"]


@dataclass(frozen=True)
class PainRecovery(ThresholdRecovery):
    """First run of visits with pain at or below a threshold, sustained.

    Attributes
    ----------
    horizons : tuple of float
        Prediction times, in ``unit``.
    instrument : str
        Pain scale in ``prom``.
    threshold : float
        Highest value that counts as recovered.
    sustained : float
        Days for which recovery must be sustained: a later attended visit must confirm it. 0 uses the first visit.
    competing : tuple of str
        Event types that end the risk of recovery, in the order of their codes 2, 3 ….
    unit : str
        days, weeks, months or years.
    baseline_window : float
        Days before time zero in which the baseline value may lie.
    estimand : str
        As in `OutcomeSpec`.
    primary_horizon : float, optional
        The main horizon; the first by default.

    Notes
    -----
    The event lies in (last attended visit before the run, first visit of the run]. It becomes known later, when a visit
    confirms the run; without confirmation the patient is censored before the run. Patients already at or below the
    threshold at time zero are not at risk.
    """

    outcome_name: ClassVar[str] = "pain recovery"

    horizons: tuple[float, ...]
    instrument: str = "nrs_back"
    threshold: float = 1.0
    sustained: float = 30.0
    competing: tuple[str, ...] = ("surgery", "death")
    unit: str = "months"
    baseline_window: float = 90.0
    estimand: str = "while-untreated"
    primary_horizon: float | None = None
