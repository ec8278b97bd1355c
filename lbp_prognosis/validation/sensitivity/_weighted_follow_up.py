"""``WeightedFollowUp``: what results on outcomes under a strategy of treatment share: states, evaluation and fits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_number,
    fit_on_stretches,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import followed_times
from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.survival import Status, Surv, Weights
from lbp_prognosis.validation.sensitivity._leaving_hazard import Clock, LeavingHazard, Spells, leaving_hazard

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RARE", "WeightedFollowUp", "WeightedStatus"]

RARE = 0.05  # a lower probability of following the strategy lets one patient stand for more than twenty


class WeightedStatus(NamedTuple):
    """States at one horizon, and the weights of the patients in whom they are known."""

    y: np.ndarray
    weights: Weights


class WeightedFollowUp(Result):
    """Outcomes censored at a deviation from a strategy, with weights to represent all patients.

    Subclasses have the fields below, and say how probable it was to follow the strategy (``_kept``).
    """

    y: np.ndarray
    table: pd.DataFrame
    n: int
    objections: tuple[Objection, ...]
    _clock: Clock
    _treatment: LeavingHazard
    _loss: LeavingHazard
    _truncate: float | None
    _left: np.ndarray
    _lost: np.ndarray
    _ends: np.ndarray
    _followed: ClassVar[str]
    """Name of the follow-up in messages."""

    @abstractmethod
    def _kept(self, place: np.ndarray) -> np.ndarray:
        """Return 1 / the weight of each patient at a place of the clock, for treatment alone (n,); infinite: none."""

    @property
    def _jumps(self) -> np.ndarray:
        """Places at which weights for treatment change."""
        return self._treatment.grid

    def _for_all(self) -> LeavingHazard | None:
        """Return the hazard of deviating, the same for all patients, whose survival stabilises weights of a fit."""
        return None

    # ---- what is known at a horizon -----------------------------------------------------------------------------

    def status(self, horizon: float, *, cause: int = 1) -> WeightedStatus:
        """Return the states at a horizon with weights: the input of every metric.

        Parameters
        ----------
        horizon : float
            In the unit of the outcome.
        cause : int, default 1
            Event code; another event by the horizon counts as none of this.

        Returns
        -------
        WeightedStatus
            ``y`` by `Status.at`, −1 where the patient had left the strategy or was lost before; ``weights`` of kind
            ``attrition``, just before the event, or at the horizon: P(course of treatment | strategy) / P(course in the
            data), for never starting 1/P(untreated), times 1/P(seen).
        """
        if "entry" in (self.y.dtype.names or ()):
            raise argument_error(
                "y",
                "free of delayed entry for states at a horizon",
                "an outcome with `entry`",
                "Who is untreated at entry was selected by the treatment given before, of which the data contain no "
                "history: no weight undoes it. Start the clock at a landmark s: keep the patients who entered by s and "
                "are untreated and at risk there, subtract s from all times, and let `history` begin with the last "
                "values by s. `fit` takes delayed entry.",
            )
        return self._known(check_number("horizon", horizon, low=0, open_low=True), cause)

    def _known(self, tau: float, cause: int = 1) -> WeightedStatus:
        """Return the states and weights at a horizon; with delayed entry those of patients who entered before."""
        time, event = self.y["time"].astype(float), self.y["event"]
        # who leaves the strategy at the end of a fixed follow-up is not seen under it there
        seen_until, end = followed_times(time, np.where(self._left, 1, event), np.array([tau]))
        happened = (event > 0) & (time <= tau)
        if not (seen_until > tau).any() and (tau > time.max() or (event[time == tau] == 0).any()):
            raise argument_error(
                "horizon",
                f"within {self._followed}, which ends at {time.max():g}",
                f"{tau:g}",
                "Beyond it only patients with an event have a known state.",
            )
        free = ~happened & (seen_until > tau)
        state = np.where(happened, event == cause, np.where(free, 0, -1)).astype(int)
        place = np.where(happened, self._clock.before(time), self._clock.after(tau))
        there = self._kept(place)
        # a follow-up that ends at the horizon for all loses no patient there
        there = there * self._loss.survival(
            np.where(free & (end is not None), self._clock.before(np.array([tau])), place)
        )
        there_by_then = self._entry < tau
        weights = np.where((happened | free) & there_by_then, 1 / np.maximum(there, np.finfo(float).tiny), 0.0)
        weights = self._truncated(weights)
        if not weights.any():
            raise argument_error("horizon", "one at which the state of a patient is known", f"{tau:g}")
        return WeightedStatus(Status.at(tau, np.where(weights > 0, state, -1)), Weights(weights, "attrition"))

    def _truncated(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights, none above the declared quantile of those that are not 0."""
        used = weights > 0
        if self._truncate is None or not used.any():
            return weights
        return np.minimum(weights, np.quantile(weights[used], self._truncate))

    @takes_rows(beside="y")
    def evaluate(
        self, risks: Any, horizon: float, thresholds: Any = None, *, cause: int = 1, **options: Any
    ) -> Evaluation:
        """Evaluate risks under the strategy: discrimination, accuracy, calibration and net benefit at a horizon.

        Parameters
        ----------
        risks : array-like of shape (n,), or mapping from name to such arrays
            Risks under the strategy, of the patients of ``y``.
        horizon : float
            In the unit of the outcome.
        thresholds : array-like or ThresholdRange, optional
            Decision thresholds.
        cause : int, default 1
            Event code.
        **options
            Further arguments of `evaluate`.

        Returns
        -------
        Evaluation
            Standard errors take the weights as known, which makes them too large rather than too small.
        """
        known = self.status(horizon, cause=cause)
        found = evaluate(known.y, risks, None, thresholds, sample_weight=known.weights, **options)
        rare = int((known.weights.values > 1 / RARE).sum())
        doubts = (objection("treatment-positivity", n=rare, horizon=float(horizon)),) if rare else ()
        return replace(found, objections=tuple(dict.fromkeys((*found.objections, *self.objections, *doubts))))

    # ---- models ---------------------------------------------------------------------------------------------------

    @takes_rows(beside="y")
    def fit(self, model: Any, X: Any) -> Any:
        """Fit a model of the risk under the strategy.

        Parameters
        ----------
        model : estimator
            A Cox model or another that takes delayed entry, weights and clusters; a clone is fitted.
        X : DataFrame or ndarray of shape (n, p)
            Predictors at time zero.

        Returns
        -------
        estimator
            Fitted to the stretches between starts of treatment, with standard errors by patient. Each is weighted by
            P(course of treatment | strategy) / P(course in the data), given the patient's own values; if the strategy
            is never to start, this is multiplied by P(untreated) of all patients. With ``censoring="history"`` also
            between losses, and weighted likewise for these. The steps of a `RiskPipeline` are fitted to the patients
            with the outcome ``y``, so that a missing value is imputed once per patient.
        """
        if len(X) != self.n:
            raise argument_error("X", f"of {self.n} rows, the patients of `y`", f"{len(X)} rows")
        rows, entry, stop, event, weight = self._stretches
        y = Surv.right(stop, event, entry=entry)
        return fit_on_stretches(clone(model), X, self.y, rows, y, Weights(weight, "sampling"))

    @cached_property
    def _stretches(self) -> tuple[np.ndarray, ...]:
        """Row of the patient, start, stop, event and weight, split where patients leave; weights of 0 are left out."""
        time, event = self.y["time"].astype(float), self.y["event"].astype(int)
        of_lost = self._loss.model is not None
        grids = [self._jumps, *([self._loss.grid] if of_lost else [])]
        jumps = np.unique(np.concatenate(grids))
        edges = np.concatenate([[0.0], np.unique(self._clock.times[np.floor((jumps - 1.0) / 3.0).astype(int)])])
        began = np.searchsorted(edges, self._entry, side="right") - 1
        ended = np.searchsorted(edges, time, side="left")
        count = np.maximum(ended - began, 0)
        rows = np.repeat(np.arange(self.n), count)
        step = np.arange(rows.size) - np.repeat(np.cumsum(count) - count, count) + began[rows]
        last = step == ended[rows] - 1
        stop = np.where(last, time[rows], np.append(edges[1:], np.inf)[step])
        for_all, lost_of_all = self._for_all(), self._marginal(self._lost) if of_lost else None
        weight = np.empty(rows.size)
        for k, edge in enumerate(edges):
            now = step == k
            place = self._clock.after(edge) if k else np.array(0.5)
            ratio = (1.0 if for_all is None else for_all.survival(place)) / self._kept(place)
            if lost_of_all is not None:
                ratio = ratio * (lost_of_all.survival(place) / self._loss.survival(place))
            weight[now] = ratio[rows[now]]
        event = np.where(last, event[rows], 0)
        start = np.maximum(edges[step], self._entry[rows])
        used = weight > 0
        rows, start, stop, event, weight = rows[used], start[used], stop[used], event[used], weight[used]
        # stretches of one weight are one
        same = (rows[1:] == rows[:-1]) & (weight[1:] == weight[:-1]) & (start[1:] == stop[:-1])
        first, end = np.append(True, ~same), np.append(~same, True)
        return rows[first], start[first], stop[end], event[end], self._truncated(weight[first])

    @property
    def _entry(self) -> np.ndarray:
        """Time at which each patient came under observation (n,)."""
        late = "entry" in (self.y.dtype.names or ())
        return self.y["entry"].astype(float) if late else np.zeros(self.n)

    def _marginal(self, left: np.ndarray) -> LeavingHazard:
        """Hazard of those who left (n,), the same for all patients."""
        there = np.flatnonzero(self._ends > 0)  # not those who left at time zero
        spells = Spells(
            patient=there,
            start=np.where(self._entry > 0, self._clock.after(self._entry), 0.0)[there],
            stop=self._ends[there],
            last=np.ones(there.size, dtype=bool),
            X=pd.DataFrame(index=range(there.size)),
        )
        return leaving_hazard(spells, left, ties="efron", what="leaving")

    def _support(self, horizon: float) -> dict[str, float]:
        """Return how many patients support results at a horizon, and how unequal their weights are."""
        w = self._known(horizon).weights.values
        used = w[w > 0]
        return {
            "known": used.size,
            "lowest": float(min(1 / used.max(), 1.0)),
            "fifth": float(min(np.quantile(1 / used, 0.05), 1.0)),
            "below_005": int((1 / used < RARE).sum()),
            "largest_weight": float(used.max() / used.mean()),
            "effective_size": float(used.sum() ** 2 / (used**2).sum()),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return ``table``."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the hazard ratios of starting the treatment.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table.assign(label=self.table["term"], value=self.table["hr"])
        return draw_estimates(
            rows, axis="hazard ratio of starting treatment", neutral=1.0, log=True, digits=".2f", ax=ax
        )
