"""``NetOutcome``: likelihood for the training of nets, and baseline and slope that convert outputs to risks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, OutcomeError, argument_error, check_number, check_vector
from lbp_prognosis._kernels import categorical_probabilities, cox_baseline, cox_fit
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._hazard_steps import events_at, steps_at
from lbp_prognosis.models._modality_blocks import ModalityBlocks
from lbp_prognosis.models._net_losses import NetLoss, PeriodLoss, over_periods, time_basis
from lbp_prognosis.models._period_effects import (
    check_cells,
    check_survivors,
    incidence_at,
    period_effects,
    with_effects,
)
from lbp_prognosis.models._person_periods import PersonPeriods, begun_periods, person_periods, visit_grid
from lbp_prognosis.survival import status_horizon

__all__ = ["NetOutcome"]

_FEWEST_EVENTS = 10


class NetOutcome(ModalityBlocks):
    """Base of nets: outcomes become likelihoods of outputs, and outputs become risks.

    Attributes
    ----------
    kind_ : str
        Kind of the outcome.
    visits_, alpha_ : ndarray of shape (K,) and (n_causes, K)
        Ends of the periods, and their effects (``"discrete"``).
    slope_ : ndarray of shape (n_causes,)
        Factors of the outputs.
    rare_causes_ : dict of int to int
        Events of competing causes with fewer than ten.
    baseline_times_, baseline_hazard_, baseline_events_ : ndarray
        Event times, cumulative hazard at output 0 and rows with the event (``"efron"``).
    """

    loss: str
    bins: Any
    between: str
    horizon: float | None
    patience: int | None
    recalibrate: bool
    kind_: str

    def _taking_part(self, design: Design) -> Design:
        """Leave out rows of weight 0, and states that were not observed."""
        if self.loss == "efron" and design.kind != "right":
            told = "a Status" if design.kind == "status" else "intervals"
            raise argument_error(
                "y", 'made by Surv.right for loss="efron"', told, 'Use loss="discrete".', kind=OutcomeError
            )
        used = design.taking_part
        if design.kind != "status":
            return design.part(used)
        horizon = status_horizon(design.y) if self.horizon is None else check_number("horizon", self.horizon, low=0)
        if horizon is None:
            raise argument_error(
                "y",
                "a Status with its visit time",
                "one that has lost it",
                "Say MultimodalNet(horizon=…), in the unit of the study.",
            )
        self.causes_, self.max_time_ = np.array([1]), float(horizon)
        self.score_horizons_ = np.array([self.max_time_])
        return design.part(used[design.y["status"][used] >= 0])

    # ---- likelihoods -------------------------------------------------------------------------------------------

    def _events(self, design: Design) -> np.ndarray:
        """Return who has the event of each cause that the net learns, ``(L, n)``."""
        self.rare_causes_: dict[int, int] = {}
        if self.kind_ == "status":
            found = np.array([design.y["status"] == 1, design.y["status"] == 0])
            least = int(found.sum(axis=1).min()) if found.size else 0
            if least < _FEWEST_EVENTS:
                raise EstimationError(
                    f"MultimodalNet needs at least {_FEWEST_EVENTS} patients of each state; one has {least}. Use "
                    "LogisticRisk with a penalty."
                )
            return found[:1]
        causes = [1] if self.loss == "efron" else self.causes_.tolist() or [1]
        found = np.array([design.y["event"] == cause for cause in causes])
        most = int(found.sum(axis=1).max())
        for cause, each in zip(causes, found):
            if cause != 1 and each.sum() < _FEWEST_EVENTS <= most:
                self.rare_causes_[cause] = int(each.sum())
            elif each.sum() < _FEWEST_EVENTS:
                raise EstimationError(
                    f"MultimodalNet needs at least {_FEWEST_EVENTS} events of each cause; cause {cause} has "
                    f"{int(each.sum())}. Use a regression model with a penalty."
                )
        return found[[cause not in self.rare_causes_ for cause in causes]]

    @property
    def _learned(self) -> np.ndarray:
        """Causes that have outputs, ``(J,)``."""
        rare = getattr(self, "rare_causes_", {})  # a file of an earlier version has none
        return np.array([int(cause) not in rare for cause in self.causes_], dtype=bool)

    def _periods(self, design: Design, weights: np.ndarray) -> PeriodLoss:
        """Set the periods and return their likelihood."""
        n = design.X.shape[0]
        if design.kind == "status":
            self.visits_ = np.array([self.max_time_])
            state = design.y["status"].astype(np.int64)
            rows = PersonPeriods(np.arange(n), np.zeros(n, dtype=np.int64), state, np.full(n, -1), 0, 0, 0, 0)
            share = np.ones(n)
        else:
            grid = self._grid(design)
            rows = person_periods(design.y, design.kind, grid, 0.0, self.causes_)
            if not (rows.response > 0).any():
                raise EstimationError("MultimodalNet needs an event by the end of `bins`; all events lie beyond it.")
            rows, share = (
                begun_periods(rows, design.y, grid) if design.kind == "right" else (rows, np.ones(rows.person.size))
            )
            self.visits_ = grid[: int(rows.period.max()) + 1]
            self.max_time_ = float(self.visits_[-1])
            events = self.visits_[np.unique(rows.period[rows.response > 0])]
            self.score_horizons_ = events[np.unique(np.linspace(0, events.size - 1, 3).astype(int))]
            check_cells(rows.period, self.visits_.size, weights[rows.person] * share, self.visits_, [])
            check_survivors(rows, rows.period, self.visits_.size, self.causes_.size, self.visits_, [])
        at = weights[rows.person] * share
        causes = self.causes_.size
        zero = np.zeros((rows.person.size, causes))
        none = np.zeros(causes, dtype=bool)
        start, _ = period_effects(rows, self.visits_.size, at, self._link, score=zero, offset=zero, slopes=none)
        return PeriodLoss(rows, at, start, self._link, n, self._learned)

    def _grid(self, design: Design) -> np.ndarray:
        """Ends of the periods."""
        if not isinstance(self.bins, int | np.integer) or isinstance(self.bins, bool):
            grid = check_vector("bins", np.atleast_1d(self.bins), low=0)
            return visit_grid(design.y, design.kind, grid)
        count = int(check_number("bins", self.bins, low=1, whole=True))
        if design.kind == "interval":
            return visit_grid(design.y, design.kind, None)
        times = design.y["time"][design.y["event"] > 0]
        inner = np.quantile(times, np.arange(1, count) / count, method="inverted_cdf")
        grid = np.unique([*inner, design.y["time"].max()])
        return grid[grid > 0]

    @property
    def _link(self) -> str:
        return "cloglog" if self.causes_.size == 1 and self.kind_ != "status" else "logit"

    def _calibrate(self, design: Design, weights: np.ndarray, loss: NetLoss, seen: np.ndarray) -> None:
        """Set slope and baseline by the outputs for rows that a net did not see."""
        known = np.flatnonzero(np.isfinite(seen).all(axis=1))
        free = bool(self.recalibrate) and self.patience is not None
        if isinstance(loss, PeriodLoss):
            self._calibrate_periods(loss.part(known), seen[known], free)
            return
        part, margin = design.part(known), seen[known, 0]
        event = part.y["event"] == 1
        own: dict[str, Any] = {
            "entry": part.entry,
            "weights": part.weights,
            "ties": "efron",
            "frequency": part.frequency,
        }
        slope = 1.0
        if free and np.ptp(margin) > 0:
            slope = max(float(cox_fit(margin[:, None], part.y["time"], event, **own).coef[0]), 0.0)
        self.slope_ = np.array([slope])
        steps = cox_baseline(part.y["time"], event, slope * margin, **own)
        self.baseline_times_, self.baseline_hazard_ = steps[0]
        (self.baseline_events_,) = events_at([self.baseline_times_], part.y["time"], event, None)

    def _calibrate_periods(self, loss: PeriodLoss, seen: np.ndarray, free: bool) -> None:
        causes, rows = self.causes_.size, loss.rows
        score = loss.of_rows(seen)
        zero = np.zeros_like(score)
        slopes = np.full(causes, free) & (np.ptp(score, axis=0) > 0)
        args = (rows, self.visits_.size, loss.weights, self._link)
        if free:
            self.alpha_, self.slope_ = period_effects(*args, score=score, offset=zero, slopes=slopes)
        else:
            none = np.zeros(causes, dtype=bool)
            self.alpha_, _ = period_effects(*args, score=zero, offset=score, slopes=none)
            self.slope_ = self._learned.astype(float)

    # ---- risks -----------------------------------------------------------------------------------------------

    def _risks_of(self, outputs: np.ndarray, horizons: np.ndarray, cause: int) -> np.ndarray:
        """Return risks ``(n, n_horizons)`` of one net's centred outputs ``(n, O)``."""
        if self.loss == "efron":
            base = steps_at([self.baseline_times_], [self.baseline_hazard_], None, horizons)
            return -np.expm1(-base * np.exp(self.slope_[0] * outputs))
        return self._period_risk(outputs, horizons, cause)

    def _period_risk(self, outputs: np.ndarray, horizons: np.ndarray, cause: int) -> np.ndarray:
        n, causes, periods = outputs.shape[0], self.causes_.size, self.visits_.size
        basis = time_basis(periods)
        effects = [self.slope_ * over_periods(outputs, basis[[k] * n], self._learned) for k in range(periods)]
        eta = with_effects(self.alpha_.T, np.stack(effects, axis=1))
        p = categorical_probabilities(eta.reshape(-1, causes), self._link).reshape(n, periods, causes + 1)
        if self.kind_ == "status":
            # a state is known only at its visit
            at = np.isclose(horizons, self.max_time_, rtol=1e-8, atol=0)
            return np.where(at, p[:, 0, 1:], np.nan)
        mine = int(np.searchsorted(self.causes_, cause))
        through = np.cumprod(p[:, :, 0], axis=1)
        return incidence_at(p[:, :, 1:], through, mine, self.visits_, horizons, self.between)
