"""``Criteria``: the values that a claim must reach."""

from __future__ import annotations

from dataclasses import dataclass

from lbp_prognosis._base import check_number

__all__ = ["Criteria"]


@dataclass(frozen=True)
class Criteria:
    """Values by which evidence is judged; declare other values before seeing the results.

    Attributes
    ----------
    icc_low : float
        Smallest lower limit of the ICC.
    agreement_low : float
        Smallest lower limit of a kappa with readers.
    diagnostic_auc_low : float
        Smallest lower limit of a diagnostic AUC.
    discrimination : float
        Smallest concordance or AUC of a predictive model; the lower limit must also exceed 0.5.
    slope_low, slope_high : float
        Range in which the calibration slope must lie.
    ratio_low, ratio_high : float
        Range in which the ratio of observed to expected must lie.
    events_development, events_validation : int
        Smallest number of events for a claim of prediction, in development and in external validation.
    alpha : float
        Level of a test of association.
    """

    icc_low: float = 0.75
    agreement_low: float = 0.40
    diagnostic_auc_low: float = 0.70
    discrimination: float = 0.60
    slope_low: float = 0.80
    slope_high: float = 1.25
    ratio_low: float = 0.80
    ratio_high: float = 1.25
    events_development: int = 50
    events_validation: int = 100
    alpha: float = 0.05

    def __post_init__(self) -> None:
        for name in ("icc_low", "agreement_low", "diagnostic_auc_low", "discrimination", "alpha"):
            check_number(name, getattr(self, name), low=0, high=1)
        for low, high in (("slope_low", "slope_high"), ("ratio_low", "ratio_high")):
            check_number(high, getattr(self, high), low=check_number(low, getattr(self, low), low=0))
        for name in ("events_development", "events_validation"):
            check_number(name, getattr(self, name), low=0, whole=True)
