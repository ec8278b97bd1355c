"""Layout of a discrete-hazard likelihood: standardised columns, person-periods, and the effects to estimate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis.models._person_periods import PersonPeriods

__all__ = ["PeriodLayout"]


@dataclass(frozen=True)
class PeriodLayout:
    """Layout of a fit of `DiscreteTimeHazard`.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Standardised columns that are kept, of all patients.
    standard : tuple of ndarray
        Means, standard deviations and mask of kept columns.
    ridge : ndarray of shape (p,)
        Penalty of each standardised column at a penalty of 1.
    rows : PersonPeriods
        Person-periods that contain information about the predictors.
    cell : ndarray of int of shape (N,)
        Stratum and period of each, strata first.
    weights : ndarray of shape (N,)
        Row weights.
    offset : ndarray of shape (N, J)
        Offsets, −inf where a cause is impossible.
    fixed : ndarray of shape (J, cells)
        0 where a period effect is estimated, else its infinite value.
    free : ndarray of bool of shape (J, cells + p)
        Parameters to estimate.
    start : ndarray of shape (J, cells + p)
        Starting values.
    link : str
        ``"cloglog"`` or ``"logit"``.
    """

    X: np.ndarray
    standard: tuple[np.ndarray, np.ndarray, np.ndarray]
    ridge: np.ndarray
    rows: PersonPeriods
    cell: np.ndarray
    weights: np.ndarray
    offset: np.ndarray
    fixed: np.ndarray
    free: np.ndarray
    start: np.ndarray
    link: str
