"""Hazard of leaving observation given covariates that change: by starting a treatment, or by being lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lbp_prognosis._base import EstimationError
from lbp_prognosis._kernels import discrete_baseline, distinct_times, step_at
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv

__all__ = ["Clock", "LeavingHazard", "Spells", "leaving_hazard"]

EVENT, TREATED, CENSORED = 0, 1, 2


@dataclass(frozen=True)
class Clock:
    """Places (above 0) of a time line on which, at one time, events come first, then treatments, then censorings.

    Attributes
    ----------
    times : ndarray of shape (k,)
        Distinct times, increasing.
    """

    times: np.ndarray

    @classmethod
    def of(cls, times: np.ndarray) -> Clock:
        """Return the clock of some times."""
        return cls(distinct_times(times)[0])

    def place(self, times: np.ndarray, what: np.ndarray) -> np.ndarray:
        """Return the place of what ends at times of the clock: event (0), treatment (1) or censoring (2)."""
        return 3.0 * np.searchsorted(self.times, times) + what + 1.0

    def after(self, times: np.ndarray | float) -> np.ndarray:
        """Return a place after all that happens at or before the times."""
        return 3.0 * np.searchsorted(self.times, times, side="right") + 0.5

    def before(self, times: np.ndarray) -> np.ndarray:
        """Return a place before all that happens at the times, events included."""
        return 3.0 * np.searchsorted(self.times, times, side="left") + 0.5

    def near(self, times: np.ndarray, *, first: bool = False) -> np.ndarray:
        """Return the times; where times of the clock differ by rounding alone, the last (or the first) of them."""
        times = np.asarray(times, dtype=float)
        room = np.where(np.isfinite(times), 1e-9 * np.maximum(times, 1.0), 0.0)  # infinite: no deadline
        if first:
            place = np.searchsorted(self.times, times - room, side="left")
        else:
            place = np.searchsorted(self.times, times + room, side="right") - 1
        close = self.times[np.clip(place, 0, self.times.size - 1)]
        return np.where(np.abs(times - close) <= room, close, times)


@dataclass(frozen=True)
class Spells:
    """Stretches of unchanged covariates, patient by patient, as places of a `Clock`.

    Attributes
    ----------
    patient : ndarray of int of shape (s,)
        Row of the patient.
    start, stop : ndarray of shape (s,)
        At risk after ``start`` up to ``stop``.
    last : ndarray of bool of shape (s,)
        Whether the patient's follow-up ends with this spell.
    X : DataFrame of shape (s, p)
        Covariates.
    """

    patient: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    last: np.ndarray
    X: pd.DataFrame


@dataclass(frozen=True)
class LeavingHazard:
    """A fitted hazard exp(x(t)'β) h₀(t), and each patient's own probability of still being there.

    Attributes
    ----------
    spells : Spells
        Rows of the fit.
    score : ndarray of shape (s,)
        x'β of each spell, centred.
    grid, hazard : ndarray of shape (k,)
        Places, and the cumulative baseline hazard there.
    n : int
        Patients.
    model : CoxPH or None
        The fit; None where no patient left, or without covariates (the product limit).
    """

    spells: Spells
    score: np.ndarray
    grid: np.ndarray
    hazard: np.ndarray
    n: int
    model: CoxPH | None

    def survival(self, place: np.ndarray) -> np.ndarray:
        """Return the probability of having stayed up to a place (n,) of the clock, given each patient's own course."""
        spells = self.spells
        until = np.minimum(spells.stop, np.broadcast_to(place, (self.n,))[spells.patient])
        since = np.minimum(spells.start, until)
        rise = step_at(self.grid, self.hazard, until, left=0.0) - step_at(self.grid, self.hazard, since, left=0.0)
        return np.exp(-np.bincount(spells.patient, rise * np.exp(self.score), minlength=self.n))


def leaving_hazard(
    spells: Spells, left: np.ndarray, *, ties: str, what: str, collinear: str = "error"
) -> LeavingHazard:
    """Fit the hazard of those who left (n,) among the patients at risk; standard errors are by patient.

    Raises
    ------
    EstimationError
        If the likelihood has no maximum.
    """
    ends = spells.last & left[spells.patient]
    if not ends.any() or spells.X.shape[1] == 0:
        return _marginal(spells, ends, left.size)
    y = Surv.right(spells.stop, ends, entry=spells.start)
    try:
        model = CoxPH(ties=ties, collinear=collinear).fit(spells.X, y, clusters=spells.patient)
    except EstimationError as error:
        raise EstimationError(
            f"The Cox model of {what} has no maximum ({error}). Leave out a column that separates these patients "
            "exactly: no weight can represent patients without a counterpart."
        ) from error
    score = model.linear_predictor(spells.X)
    score = score - score.mean()
    # increments of a product limit: of n patients alike of whom d left, each stayed with probability 1 − d/n
    ((grid, rise),) = discrete_baseline(spells.stop, ends, score, entry=spells.start)
    certain = -np.log(np.finfo(float).tiny) / np.exp(score.min())  # all at risk left: finite, so that it subtracts
    hazard = np.cumsum(np.where(np.isinf(rise), certain, rise))
    return LeavingHazard(spells, score, grid, hazard, left.size, model)


def _marginal(spells: Spells, ends: np.ndarray, n: int) -> LeavingHazard:
    """The product limit, as a hazard whose exponential it is."""
    grid, count = np.unique(spells.stop[ends], return_counts=True)
    last = np.sort(spells.stop[spells.last])
    first = np.full(n, np.inf)
    np.minimum.at(first, spells.patient, spells.start)
    entered = np.searchsorted(np.sort(first), grid, side="left")
    at_risk = entered - np.searchsorted(last, grid, side="left")
    with np.errstate(divide="ignore"):
        hazard = -np.cumsum(np.log1p(-count / at_risk))
    return LeavingHazard(spells, np.zeros(spells.patient.size), grid, hazard, n, None)
