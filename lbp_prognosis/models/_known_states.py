"""``KnownStates``, ``KnownScores``: what predictions are compared with, weighted for those of whom it is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, argument_error, check_horizons
from lbp_prognosis._kernels import ipcw_influence, ipcw_weights
from lbp_prognosis.survival import known_at, measured_spec, status_horizon

__all__ = ["Known", "KnownScores", "KnownStates", "loss_of", "states_at"]

_LEAST_RISK = 1e-8  # a risk nearer to 0 or 1 is scored as this far from it by the log score


@dataclass(frozen=True, kw_only=True)
class Known:
    """States of each row that probabilities are compared with.

    Attributes
    ----------
    case : ndarray of shape (n, h)
        1 if the state occurred.
    weight : ndarray of shape (n, h)
        Weight of each comparison; 0 where the state is not known.
    rows : ndarray of shape (n,)
        Row weights.
    weight_kind : str or None
        Their kind.
    clusters : ndarray of int of shape (n,) or None
        Units of the variance.
    """

    case: np.ndarray
    weight: np.ndarray
    rows: np.ndarray
    weight_kind: str | None
    clusters: np.ndarray | None

    def means(self, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return weighted means of losses (n, h, k), of shape (k,), and their influence values (n, k)."""
        raise NotImplementedError

    def standard_errors(self, influence: np.ndarray) -> np.ndarray:
        """Return the standard error of a mean from its influence values (n, k), by cluster if clusters are given."""
        own = self.rows[:, None] * influence
        total = float(self.rows.sum())
        if self.clusters is not None:
            sums = np.array([np.bincount(self.clusters, column) for column in own.T])
            m = int(np.unique(self.clusters).size)
            return np.sqrt((sums**2).sum(axis=1) * m / max(m - 1, 1)) / total
        squares = self.rows[:, None] * influence**2 if self.weight_kind == "frequency" else own**2
        return np.sqrt(squares.sum(axis=0)) / total


@dataclass(frozen=True, kw_only=True)
class KnownStates(Known):
    """State of each row at each horizon.

    Attributes
    ----------
    horizons : ndarray of shape (h,)
        Prediction times; ``case`` is 1 if the event of the cause occurred by the horizon. ``weight`` is the inverse
        probability that the state is known (events first: 1/G(T−) for an event, 1/G(τ) beyond τ); they average 1.
    time, event : ndarray of shape (n, h)
        The right-censored outcome that is true of each horizon.
    tilt : ndarray of shape (n, h) or None
        Further weight of each comparison, part of ``weight``: that of a patient's course until then.
    """

    horizons: np.ndarray
    time: np.ndarray
    event: np.ndarray
    tilt: np.ndarray | None = None

    def means(self, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return weighted means over rows and horizons, and their influence values.

        Parameters
        ----------
        losses : ndarray of shape (n, h, k)
            Losses to average.

        Returns
        -------
        mean : ndarray of shape (k,)
        influence : ndarray of shape (n, k)
            The censoring curve is estimated from the same rows.
        """
        if self.tilt is not None:
            losses = losses * self.tilt[:, :, None]
        parts = [
            ipcw_influence(self.time[:, j], self.event[:, j], float(tau), losses[:, j], self.rows)
            for j, tau in enumerate(self.horizons)
        ]
        mean = np.mean([np.atleast_1d(part[0]) for part in parts], axis=0)
        return mean, np.mean([part[1] for part in parts], axis=0)


@dataclass(frozen=True, kw_only=True)
class KnownScores(Known):
    """States "at most s" of each row, for all s: ``case`` at the cells of a grid, ``weight`` their widths.

    The weight of a row whose score was not observed is 0, and those of the others are divided by the share observed.
    The sum of weighted squared errors of a row is then its (continuous) ranked probability score.

    Attributes
    ----------
    grid : ndarray of shape (cells + 1,)
        Scores that bound the cells.
    """

    grid: np.ndarray

    @classmethod
    def of(
        cls,
        grid: np.ndarray,
        value: np.ndarray,
        weights: np.ndarray | None,
        weight_kind: str | None,
        clusters: np.ndarray | None,
    ) -> KnownScores:
        """Return the states of scores (n,) between the points of a grid that contains them all."""
        rows = np.ones(value.size) if weights is None else weights
        seen = ~np.isnan(value)
        share = float(rows[seen].sum()) / float(rows.sum())
        return cls(
            grid=grid,
            case=(value[:, None] <= grid[:-1]).astype(float),
            weight=np.where(seen[:, None], np.diff(grid) / share, 0.0),
            rows=rows,
            weight_kind=weight_kind,
            clusters=clusters,
        )

    def means(self, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean scores over the observed rows, and their influence values.

        Parameters
        ----------
        losses : ndarray of shape (n, cells, k)
            Squared errors.

        Returns
        -------
        mean : ndarray of shape (k,)
        influence : ndarray of shape (n, k)
        """
        each = np.einsum("nh,nhk->nk", self.weight, losses)
        mean = self.rows @ each / self.rows.sum()
        known = np.asarray((self.weight > 0).any(axis=1))
        share = float(self.rows[known].sum()) / float(self.rows.sum())
        return mean, np.where(known[:, None], each - mean / share, 0.0)


def states_at(
    y: np.ndarray,
    kind: str,
    horizons: Any,
    cause: int = 1,
    *,
    weights: np.ndarray | None = None,
    weight_kind: str | None = None,
    clusters: np.ndarray | None = None,
) -> KnownStates:
    """Return the known state of the event of ``cause`` at each horizon.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right`, `Surv.interval` (the state known at the visit) or `Status.at`.
    kind : {"right", "interval", "status"}
        Which of them.
    horizons : array-like of shape (h,)
        Increasing.
    cause : int, default 1
        Event code.
    weights, weight_kind, clusters
        Of the rows.

    Raises
    ------
    EstimationError
        If at a horizon no patient with known state is left to represent those lost to follow-up.
    """
    if "entry" in (y.dtype.names or ()):
        raise argument_error(
            "y",
            "free of delayed entry where models are combined",
            "an outcome with `entry`",
            "Censoring weights do not undo late entry: combine by hand, or leave the late out.",
        )
    taus, _ = check_horizons(horizons)
    n = y.shape[0]
    rows = np.ones(n) if weights is None else weights
    time, event = np.empty((n, taus.size)), np.empty((n, taus.size), dtype=np.int64)
    for j, tau in enumerate(taus):
        time[:, j], event[:, j] = _right(y, kind, float(tau))
    known = np.column_stack([ipcw_weights(time[:, j], event[:, j], float(tau), rows) for j, tau in enumerate(taus)])
    if not np.isfinite(known).all():
        bad = taus[~np.isfinite(known).all(axis=0)][0]
        raise EstimationError(f"No patient is followed to {bad:g}, so the states of those lost before it are unknown.")
    case = ((time <= taus) & (event == cause)).astype(float)
    return KnownStates(
        case=case,
        weight=known,
        rows=rows,
        weight_kind=weight_kind,
        clusters=clusters,
        horizons=taus,
        time=time,
        event=event,
    )


def _right(y: np.ndarray, kind: str, tau: float) -> tuple[np.ndarray, np.ndarray]:
    if kind == "right":
        return y["time"], y["event"]
    if kind == "interval":
        seen = known_at(y, tau)
        # free of the event at the horizon: beyond it, not lost there
        free = (seen["event"] == 0) & (y["lower"] >= tau)
        return np.where(free, 2 * tau, seen["time"]), seen["event"]
    state = y["status"]
    return np.where(state < 0, 0.0, np.where(state == 1, tau, 2 * tau)), (state == 1).astype(np.int64)


def loss_of(kind: str, case: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Return the squared error (``"brier"``) or minus the log-likelihood (``"log_score"``) of risks, row by row."""
    if kind == "brier":
        return (case - risk) ** 2
    inside = np.clip(risk, _LEAST_RISK, 1 - _LEAST_RISK)
    return -np.where(case > 0, np.log(inside), np.log1p(-inside))


def default_horizons(y: np.ndarray, kind: str, score_horizons: np.ndarray, given: Any) -> np.ndarray:
    """Return the horizons at which models are compared: those given, else the visit of a status or event quartiles."""
    if kind == "measured":
        visit = measured_spec(y).horizon
        if given is not None and not np.allclose(check_horizons(given)[0], visit, rtol=1e-9, atol=0):
            raise argument_error("horizons", f"None or {visit:g}, the visit of the score", given)
        return np.array([visit])
    if given is not None:
        return check_horizons(given)[0]
    if kind == "status":
        horizon = status_horizon(y)
        if horizon is None:
            raise argument_error(
                "y",
                "a Status with its visit time",
                "one that has lost it",
                "Say horizons=…, in the unit of the study.",
            )
        return np.array([horizon])
    if score_horizons.size == 0:
        raise EstimationError(f"No event of cause 1 among {y.shape[0]} rows: models can't be compared.")
    return score_horizons
