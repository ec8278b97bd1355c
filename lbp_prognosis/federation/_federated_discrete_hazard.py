"""``FederatedDiscreteHazard``: hazards by visit, from sums of hospitals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import argument_error, check_choice, check_vector
from lbp_prognosis._kernels import cloglog_parts, logistic_parts
from lbp_prognosis.federation._federated_likelihood import FederatedLikelihood, SiteLikelihood
from lbp_prognosis.survival import OutcomeKind, Weights

__all__ = ["FederatedDiscreteHazard"]


class FederatedDiscreteHazard(FederatedLikelihood):
    """Discrete-time hazard model fitted by hospitals that send only sums.

    One period effect for all sites: unlike `FederatedCox` the baseline is common and is part of the fit.

    Parameters
    ----------
    columns : sequence of str
        Predictors; the first coefficients are those of the periods.
    visits : sequence of float
        Ends of the periods, in the unit of ``y``; every period has as many events at each site as its cell limit.
    link : {"cloglog", "logit"}, default "cloglog"
        Grouped proportional hazards, or proportional odds of the hazard.
    penalty : float, default 0.0
        Ridge penalty θ on all coefficients.
    tol : float, default 1e-6
        Convergence limit: largest change of a coefficient, in standard errors.

    Notes
    -----
    An event at a time in (visit k − 1, visit k] counts in period k; a censoring time is moved back to the last visit
    passed; a patient who enters late is at risk from the first period that begins after the entry.
    """

    _kind = "discrete hazard"
    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right",)
    _instead = "Interval outcomes whose ends are visits become times by Surv.interval_to_right."

    def __init__(
        self,
        columns: Sequence[str],
        *,
        visits: Sequence[float],
        link: str = "cloglog",
        penalty: float = 0.0,
        tol: float = 1e-6,
    ) -> None:
        super().__init__(columns, penalty=penalty, tol=tol)
        grid = check_vector("visits", np.atleast_1d(visits), low=0)
        if grid.size == 0 or grid[0] <= 0 or (np.diff(grid) <= 0).any():
            raise argument_error("visits", "increasing times above 0", str(grid.tolist()))
        self.visits = tuple(float(value) for value in grid)
        self.link = check_choice("link", link, ("cloglog", "logit"))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all coefficients."""
        return (*(f"period to {visit:g}" for visit in self.visits), *self.columns)

    def _terms(self) -> dict[str, Any]:
        return {**super()._terms(), "visits": list(self.visits), "link": self.link}

    def _likelihood(
        self, X: np.ndarray, y: np.ndarray, weights: Weights | None, strata: Any, offset: np.ndarray | None
    ) -> SiteLikelihood:
        if strata is not None:
            raise argument_error("strata", "None for FederatedDiscreteHazard, whose periods are common", strata)
        n, grid = y.shape[0], np.array(self.visits)
        w = np.ones(n) if weights is None else weights.values
        copies = w if weights is not None and weights.kind == "frequency" else (w > 0).astype(float)
        last = np.searchsorted(grid, y["time"], side="left")
        found = (y["event"] == 1) & (last < grid.size)
        known = np.where(y["event"] == 1, last, np.searchsorted(grid, y["time"], side="right"))
        entered = np.zeros(n, dtype=np.int64)
        if "entry" in (y.dtype.names or ()):
            entered = np.searchsorted(np.concatenate([[0.0], grid]), y["entry"], side="left")
        free = np.maximum(np.minimum(known, grid.size) - entered, 0)
        found &= entered <= last
        person = np.concatenate([np.repeat(np.arange(n), free), np.flatnonzero(found)])
        period = np.arange(free.sum()) - np.repeat(np.cumsum(free) - free, free) + np.repeat(entered, free)
        period = np.concatenate([period, last[found]]).astype(np.int64)
        response = np.concatenate([np.zeros(int(free.sum())), np.ones(int(found.sum()))])
        dummies = (period[:, None] == np.arange(grid.size)).astype(float)
        design = np.column_stack([dummies, X[person]])
        shift = np.zeros(n) if offset is None else offset
        parts = cloglog_parts if self.link == "cloglog" else logistic_parts

        def at(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return parts(design, response, coef, weights=w[person], offset=shift[person])

        groups = np.bincount(last[found], weights=copies[found], minlength=grid.size)
        # a period without an event has no finite effect: it counts as one with few
        groups = np.where(groups == 0, 1e-9, groups)
        events = float(copies[found].sum())
        return SiteLikelihood(at, float(copies.sum()), events, groups, lambda coef: X @ coef[grid.size :] + shift, w)
