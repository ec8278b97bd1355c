"""``ValidationPlan``: resampling and sites of the validation."""

from __future__ import annotations

from dataclasses import dataclass

from lbp_prognosis._base import check_number

__all__ = ["ValidationPlan"]


@dataclass(frozen=True)
class ValidationPlan:
    """Resampling of the validation.

    Attributes
    ----------
    folds, repeats : int
        Of the cross-validation: 2 to 100, 1 to 1000.
    sites : bool
        Whether each site is predicted by models fitted without it.
    resamples : int
        0 to 100,000, for simultaneous bands and intervals of calibration distances.
    """

    folds: int = 10
    repeats: int = 5
    sites: bool = False
    resamples: int = 200

    def __post_init__(self) -> None:
        check_number("validation.folds", self.folds, low=2, high=100, whole=True)
        check_number("validation.repeats", self.repeats, low=1, high=1000, whole=True)
        check_number("validation.resamples", self.resamples, low=0, high=100_000, whole=True)
