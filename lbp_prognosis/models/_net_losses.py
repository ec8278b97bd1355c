"""Likelihoods that nets are trained on, with their gradients in the outputs: Efron's, and that of periods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lbp_prognosis._kernels import cox_data, cox_gradient, discrete_hazard_gradient, tied_events
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._person_periods import PersonPeriods

__all__ = ["EfronLoss", "NetLoss", "PeriodLoss", "over_periods", "time_basis"]


class NetLoss:
    """Log-likelihood of some rows as a function of the outputs of a net, and its gradient.

    Attributes
    ----------
    events : float
        Weight of the events among the rows.
    """

    events: float

    def part(self, rows: np.ndarray) -> NetLoss:
        """Return the likelihood of some rows only."""
        raise NotImplementedError

    def __call__(self, outputs: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log-likelihood and its gradient, both of ``outputs`` (n, n_outputs)."""
        raise NotImplementedError


class EfronLoss(NetLoss):
    """Efron's partial likelihood of all rows at once, with weights, late entry and one output.

    Parameters
    ----------
    design : Design
        Rows, with a right-censored outcome.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        n, event = design.X.shape[0], design.y["event"] == 1
        weights = np.ones(n) if design.weights is None else design.weights
        self.events = float(weights[event].sum())
        self.data = cox_data(np.empty((n, 0)), design.y["time"], event, entry=design.entry)
        self.tied = tied_events(self.data, self.data.sorted(weights), design.frequency)

    def part(self, rows: np.ndarray) -> EfronLoss:
        """Return the partial likelihood of some rows only."""
        return EfronLoss(self.design.part(rows))

    def __call__(self, outputs: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log partial likelihood and its gradient."""
        loglik, gradient, _ = cox_gradient(self.data, self.tied, outputs[:, 0], efron=True)
        return loglik, gradient[:, None]


class PeriodLoss(NetLoss):
    """Joint likelihood of the events in periods: −log S(k−) p_k, sums over missed visits, −log S.

    Outputs are coefficients of functions of time, so that effects change over time without one for each period.

    Parameters
    ----------
    rows : PersonPeriods
        Of ``n`` persons.
    weights : ndarray of shape (N,)
        Of person-periods.
    start : ndarray of shape (J, K)
        Period effects to which outputs are added; −inf where a cause does not occur, inf where a hazard is certain.
    link : {"cloglog", "logit"}
        Of the hazards.
    n : int
        Persons.
    learned : ndarray of bool of shape (J,), optional
        Causes that have outputs, by default all; the others have period effects alone.
    """

    def __init__(
        self,
        rows: PersonPeriods,
        weights: np.ndarray,
        start: np.ndarray,
        link: str,
        n: int,
        learned: np.ndarray | None = None,
    ) -> None:
        self.rows, self.weights, self.start, self.link, self.n = rows, weights, start, link, n
        self.learned = np.ones(start.shape[0], dtype=bool) if learned is None else learned
        self.basis = time_basis(start.shape[1])
        offset = start.T[rows.period]
        # a hazard that is certain for all predictors contributes nothing to their effects
        known = ~np.isposinf(offset).any(axis=1)
        self._inner, self._offset, self._weights = rows.where(known), offset[known], weights[known]
        self._at = self.basis[self._inner.period]
        self.events = float(weights[(rows.response > 0) & (rows.span < 0)].sum()) + float(rows.n_spans)

    def part(self, rows: np.ndarray) -> PeriodLoss:
        """Return the likelihood of some persons only."""
        place = np.full(self.n, -1)
        place[rows] = np.arange(rows.size)
        mask = place[self.rows.person] >= 0
        kept = self.rows.where(mask)
        spans = int(np.unique(kept.span[kept.span >= 0]).size)
        moved = replace(kept, person=place[kept.person], n_spans=spans)
        return PeriodLoss(moved, self.weights[mask], self.start, self.link, rows.size, self.learned)

    @property
    def width(self) -> int:
        """Outputs that a net has to have."""
        return int(self.basis.shape[1] * self.learned.sum())

    def of_rows(self, outputs: np.ndarray) -> np.ndarray:
        """Return what outputs ``(n, width)`` add in each person-period, ``(N, J)``."""
        return over_periods(outputs[self.rows.person], self.basis[self.rows.period], self.learned)

    def __call__(self, outputs: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log-likelihood and its gradient in the outputs."""
        inner = self._inner
        eta = self._offset + over_periods(outputs[inner.person], self._at, self.learned)
        loglik, score, _ = discrete_hazard_gradient(eta, inner.response, inner.span, self._weights, self.link)
        columns = [
            np.bincount(inner.person, weights=function * each, minlength=self.n)
            for function in self._at.T
            for each in score.T[self.learned]
        ]
        return loglik, np.column_stack(columns)


def time_basis(periods: int) -> np.ndarray:
    """Return functions of time at the periods, ``(K, B)``: a constant, and a line from −1 to 1 if there are several."""
    if periods == 1:
        return np.ones((1, 1))
    return np.column_stack([np.ones(periods), np.linspace(-1.0, 1.0, periods)])


def over_periods(outputs: np.ndarray, basis: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """Return Σ_b basis_b · outputs_b, ``(m, J)``, of outputs ``(m, B L)`` of L learned causes, and functions of time.

    ``basis`` is ``(m, B)``; a cause that is not ``learned`` has 0.
    """
    parts = outputs.reshape(outputs.shape[0], basis.shape[1], int(learned.sum()))
    out = np.zeros((outputs.shape[0], learned.size))
    out[:, learned] = (parts * basis[:, :, None]).sum(axis=1)
    return out
