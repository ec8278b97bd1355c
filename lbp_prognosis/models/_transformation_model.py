"""Common part of parametric survival models: rows of the likelihood, its maximum, robust covariance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, Objection, argument_error, check_choice, objection
from lbp_prognosis._kernels import (
    TransformationDesign,
    TransformationFit,
    transformation_fit,
    transformation_rows,
)
from lbp_prognosis.models._collinear import undetermined
from lbp_prognosis.models._design import Design

__all__ = [
    "LikelihoodTimes",
    "TransformationProblem",
    "event_times",
    "exponential_start",
    "few_event_times",
    "intercept_alone",
    "likelihood_times",
    "log_time_line",
    "shifted_times",
]

_FEW_TIMES = ((10, 5), (20, 10))  # fewer distinct times than the first that the second shares on average

Basis = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Log times of all rows -> basis of the baseline ``(n, m)`` and its derivative in log time."""


@dataclass(frozen=True)
class LikelihoodTimes:
    """Log times of each row's contribution; −inf means time 0.

    ``kind`` is 0 right-censored at ``time``, 1 exact at ``time``, 2 in (``lower``, ``time``]. ``clock`` is the log time
    in the user's unit, in which densities are told.
    """

    kind: np.ndarray
    clock: np.ndarray
    time: np.ndarray
    lower: np.ndarray
    entry: np.ndarray | None


def likelihood_times(design: Design, name: str) -> LikelihoodTimes:
    """Read log times from a right- or interval-censored outcome; events of other causes count as censored.

    Raises
    ------
    EstimationError
        If there is no event.
    ArgumentError
        If an exact event is at time 0, where a density in log time does not exist.
    """
    y = design.y
    if design.kind == "right":
        kind = (y["event"] == 1).astype(np.int64)
        time, lower = y["time"], np.zeros(y.shape[0])
    else:
        mine = y["event"] == 1
        exact = mine & (y["lower"] == y["upper"])
        kind = np.where(exact, 1, np.where(mine, 2, 0))
        time = np.where(mine, y["upper"], y["lower"])
        lower = np.where(kind == 2, y["lower"], 0.0)
    zero = (kind == 1) & (time <= 0)
    if zero.any():
        raise argument_error(
            "y",
            f"free of events at time 0 for {name}, which works in log time",
            f"events at time 0 in rows {np.flatnonzero(zero)[:5].tolist()}",
            "Give such an event the smallest time at which it could have been recorded, or an interval (0, upper].",
        )
    seen = kind > 0
    if design.weights is not None:
        seen = seen & (design.weights > 0)
    if not seen.any():
        raise EstimationError(f"{name} needs events of cause 1 to fit; there is none among {y.shape[0]} rows.")
    with np.errstate(divide="ignore"):
        entry = None if design.entry is None or not (design.entry > 0).any() else np.log(design.entry)
        return LikelihoodTimes(kind, np.log(time), np.log(time), np.log(lower), entry)


def shifted_times(times: LikelihoodTimes, offset: np.ndarray | None) -> LikelihoodTimes:
    """Return times less an offset in log time: a change of the unit of each row's clock; densities keep the user's."""
    if offset is None:
        return times
    entry = None if times.entry is None else times.entry - offset
    return replace(times, time=times.time - offset, lower=times.lower - offset, entry=entry)


def log_time_line(log_time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basis of a baseline that is a line in log time, and its derivative."""
    one, zero = np.ones(log_time.size), np.zeros(log_time.size)
    return np.column_stack([one, log_time]), np.column_stack([zero, one])


def intercept_alone(log_time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basis of a baseline whose slope in log time is fixed, and its derivative."""
    return np.ones((log_time.size, 1)), np.zeros((log_time.size, 1))


def exponential_start(times: LikelihoodTimes, weights: np.ndarray) -> np.ndarray:
    """Exponential rate as first intercept; slope 1."""
    finite = np.isfinite(times.time)
    total = weights[finite] @ np.exp(times.time[finite])
    return np.array([np.log((weights @ (times.kind > 0)) / total), 1.0])


def event_times(times: LikelihoodTimes, weights: np.ndarray | None) -> tuple[int, int]:
    """Return the number of events with exact times, and of distinct times among them; rows of weight 0 do not count."""
    exact = times.kind == 1
    if weights is not None:
        exact = exact & (weights > 0)
    return int(exact.sum()), int(np.unique(times.clock[exact]).size)


def few_event_times(model: str, events: int, times: int) -> tuple[Objection, ...]:
    """Object to fewer than ten distinct event times that five events or more share on average: they are visits.

    So are fewer than twenty that ten events or more share: visits every three months.
    """
    if times == 0 or not any(times < few and events >= shared * times for few, shared in _FEW_TIMES):
        return ()
    return (objection("few-event-times", model=model, events=events, times=times),)


class TransformationProblem:
    """Likelihood of one data set on standardised columns, and the conversion back to the user's columns.

    Parameters
    ----------
    design : Design
        Checked input of ``fit``.
    times : LikelihoodTimes
        Log times of the likelihood.
    basis : callable
        Baseline basis.
    kept : ndarray of bool of shape (p,)
        Columns to estimate.
    variance : {"auto", "model", "robust"}
        Kind of the covariance.
    fixed_slope : bool
        The slope in log time is 1 and no parameter (exponential).
    offset : ndarray of shape (n,), optional
        Fixed part of the linear predictor.
    """

    def __init__(
        self,
        design: Design,
        times: LikelihoodTimes,
        basis: Basis,
        kept: np.ndarray,
        *,
        variance: str,
        fixed_slope: bool = False,
        offset: np.ndarray | None = None,
    ) -> None:
        check_choice("variance", variance, ("auto", "model", "robust"))
        weights = design.weights
        rows = design.X if weights is None else design.X[weights > 0]
        centre, scale = rows.mean(axis=0), rows.std(axis=0)
        kept = np.flatnonzero(kept)
        X = (design.X[:, kept] - centre[kept]) / scale[kept]
        self.rows = _rows(times, basis, X, fixed_slope, np.zeros(X.shape[0]) if offset is None else offset)
        self.weights = np.ones(X.shape[0]) if weights is None else weights
        self.clusters = design.clusters
        self.robust = design.robust(variance)
        # without clusters a frequency weight is that many patients, each its own unit of the sandwich
        self.copies = weights if design.frequency and design.clusters is None else None
        self.width = self.rows.time.shape[1] - X.shape[1]
        exact = times.kind == 1
        self.jacobian = float(self.weights[exact] @ times.clock[exact])
        # parameters of the user's columns = back @ parameters of the standardised ones; aliased columns stay 0
        self.back = np.zeros((self.width + design.X.shape[1], self.width + kept.size))
        self.back[np.arange(self.width), np.arange(self.width)] = 1.0
        self.back[self.width + kept, self.width + np.arange(kept.size)] = 1 / scale[kept]
        self.shift = -centre[kept] / scale[kept]

    def to_columns(self, theta: np.ndarray, intercepts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the parameters for the user's columns and the matrix that made them.

        ``intercepts`` are the positions of the baseline parameters that take up the centring.
        """
        matrix = self.back.copy()
        matrix[intercepts, self.width :] = self.shift
        return matrix @ theta, matrix

    def fit(self, scale: Any, start: np.ndarray, name: str, *, columns: bool = True) -> TransformationFit:
        """Maximise from baseline parameters ``start`` (columns start at 0); without columns, the null model."""
        rows = self.rows if columns else _without_columns(self.rows, self.width)
        first = np.zeros(rows.time.shape[1])
        first[: start.size] = start
        found = transformation_fit(rows, scale, first, weights=self.weights)
        if not found.converged or undetermined(found.information):
            raise EstimationError(
                f"{name} found no finite maximum of the likelihood in {found.iterations} iterations (log-likelihood "
                f"{found.loglik - self.jacobian:.6g}): a combination of columns separates those with the event from "
                "those without, or there are too few events. Merge sparse categories, drop columns, or lower df."
            )
        return found

    def loglik(self, found: TransformationFit) -> float:
        """Log-likelihood on the time scale."""
        return found.loglik - self.jacobian

    def covariance(self, scale: Any, found: TransformationFit) -> np.ndarray:
        """Inverse information, or the sandwich for sampling weights and clusters, of the standardised parameters."""
        inverse = np.linalg.inv(found.information)
        return inverse @ self.meat(scale, found.coef) @ inverse if self.robust else inverse

    def row_scores(self, scale: Any, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted log-likelihood and score of each row."""
        loglik, score = transformation_rows(self.rows, scale, theta)
        return self.weights * loglik, self.weights[:, None] * score

    def meat(self, scale: Any, theta: np.ndarray) -> np.ndarray:
        """Return Σ U Uᵀ with U the score of a cluster."""
        return self.sum_of_squares(self.row_scores(scale, theta)[1])

    def sum_of_squares(self, score: np.ndarray) -> np.ndarray:
        """Return Σ U Uᵀ of row scores summed within clusters."""
        if self.clusters is not None:
            sums = np.zeros((int(self.clusters.max()) + 1, score.shape[1]))
            np.add.at(sums, self.clusters, score)
            score = sums
        if self.copies is not None:
            score = score / np.sqrt(np.where(self.copies > 0, self.copies, 1.0))[:, None]
        return score.T @ score


def _rows(
    times: LikelihoodTimes, basis: Basis, X: np.ndarray, fixed_slope: bool, shift: np.ndarray
) -> TransformationDesign:
    """Rows of z = basis(log t) γ + X β + shift (+ log t, if its slope is fixed at 1)."""

    def at(log_time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        finite = np.isfinite(log_time)
        values, slopes = basis(np.where(finite, log_time, 0.0))
        offset = np.where(finite, shift + log_time if fixed_slope else shift, -np.inf)
        return np.hstack([values, X]), np.hstack([slopes, np.zeros_like(X)]), offset

    time, slope, time_offset = at(times.time)
    lower, _, lower_offset = at(times.lower)
    slope[times.kind != 1] = 0.0
    lower[times.kind != 2] = 0.0
    slope_offset = np.full(X.shape[0], 1.0 if fixed_slope else 0.0)
    entry = entry_offset = None
    if times.entry is not None:
        entry, _, entry_offset = at(times.entry)
    return TransformationDesign(
        times.kind, time, time_offset, slope, slope_offset, lower, lower_offset, entry, entry_offset
    )


def _without_columns(rows: TransformationDesign, width: int) -> TransformationDesign:
    return replace(
        rows,
        time=rows.time[:, :width],
        slope=rows.slope[:, :width],
        lower=rows.lower[:, :width],
        entry=None if rows.entry is None else rows.entry[:, :width],
    )
