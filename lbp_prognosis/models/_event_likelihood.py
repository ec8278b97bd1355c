"""Common part of the models on lifelines' likelihoods: rows, standardised columns, covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, argument_error, check_choice
from lbp_prognosis.models._collinear import kept_columns
from lbp_prognosis.models._cox_checks import column_sd
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._lifelines_adapter import EventRows, Maximum

__all__ = ["EventProblem", "event_problem"]


@dataclass(frozen=True)
class EventProblem:
    """Rows of a fit in an internal unit of time, and columns preceded by an intercept.

    Attributes
    ----------
    rows : EventRows
        Times divided by ``unit``.
    unit : float
        Mean time of follow-up.
    columns : ndarray of shape (n, 1 + m)
        Ones, and the kept columns with mean 0 and standard deviation 1.
    back : ndarray of shape (1 + p, 1 + m)
        From coefficients of these columns to an intercept and coefficients of the user's.
    robust : bool
        Whether the covariance is the sandwich.
    clusters : ndarray of int of shape (n,) or None
        Codes of the variance unit.
    frequency : bool
        Whether a weight counts identical rows.
    """

    rows: EventRows
    unit: float
    columns: np.ndarray
    back: np.ndarray
    robust: bool
    clusters: np.ndarray | None
    frequency: bool

    @property
    def density_unit(self) -> float:
        """Log-likelihood on the time scale less that of ``rows``."""
        return -float(self.rows.weights @ (self.rows.kind == 1)) * float(np.log(self.unit))

    def covariance(self, found: Maximum) -> np.ndarray:
        """Inverse information, or the sandwich of scores summed within clusters."""
        inverse = np.linalg.inv(found.information)
        if not self.robust:
            return inverse
        score = self.rows.weights[:, None] * found.scores
        if self.clusters is not None:
            sums = np.zeros((int(self.clusters.max()) + 1, score.shape[1]))
            np.add.at(sums, self.clusters, score)
            score = sums
        elif self.frequency:  # that many patients, each its own unit
            score = score / np.sqrt(self.rows.weights)[:, None]
        return inverse @ (score.T @ score) @ inverse


def event_problem(model: Any, design: Design) -> EventProblem:
    """Read a checked design; events of other causes count as censored.

    Raises
    ------
    EstimationError
        Without events, or with columns that are not determined.
    ArgumentError
        If an exact event is at time 0.
    """
    check_choice("variance", model.variance, ("auto", "model", "robust"))
    whole, name = design, type(model).__name__
    design = whole.part(whole.taking_part)
    y = design.y
    mine = y["event"] == 1
    if design.kind == "right":
        kind, time, lower = mine.astype(np.int64), y["time"], np.zeros(y.shape[0])
    else:
        kind = np.where(mine, np.where(y["lower"] == y["upper"], 1, 2), 0)
        time, lower = np.where(mine, y["upper"], y["lower"]), np.where(kind == 2, y["lower"], 0.0)
    at_zero = (kind == 1) & (time <= 0)
    if at_zero.any():
        raise argument_error(
            "y",
            f"free of events at time 0 for {name}",
            f"events at time 0 in rows {whole.taking_part[at_zero][:5].tolist()}",
            "Give such an event the smallest time at which it could have been recorded, or an interval (0, upper].",
        )
    if not mine.any():
        raise EstimationError(f"{name} needs events of cause 1 to fit; there is none among {time.size} rows.")
    kept = kept_columns(design.X, None, model._names(), model.collinear)
    centre, scale = design.X.mean(axis=0)[kept], column_sd(design.X, None, "n")[kept]
    back = np.zeros((1 + design.X.shape[1], 1 + int(kept.sum())))
    back[0, 0], back[0, 1:] = 1.0, -centre / scale
    back[1 + np.flatnonzero(kept), 1 + np.arange(centre.size)] = 1 / scale
    unit = float(time.mean())
    entry = np.zeros(time.size) if design.entry is None else design.entry / unit
    weights = np.ones(time.size) if design.weights is None else design.weights
    robust = design.robust(model.variance)
    return EventProblem(
        rows=EventRows(kind, time / unit, lower / unit, entry, weights),
        unit=unit,
        columns=np.column_stack([np.ones(time.size), (design.X[:, kept] - centre) / scale]),
        back=back,
        robust=robust,
        clusters=design.clusters,
        frequency=bool(design.frequency),
    )
