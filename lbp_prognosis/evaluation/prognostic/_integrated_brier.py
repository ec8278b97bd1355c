"""``integrated_brier``: Brier score integrated over a declared grid of horizons by a declared rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    check_choice,
    check_risk,
    influence_se,
    takes_rows,
)
from lbp_prognosis.evaluation.prognostic._mean_loss import BRIER, combined_loss_influence, mean_losses
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._setting import Setting

__all__ = ["IntegratedBrier", "integrated_brier"]


@dataclass(frozen=True, repr=False)
class IntegratedBrier(OverHorizons):
    """A `MetricResult` of the integrated Brier score, with that of the null model.

    Attributes
    ----------
    null_value : float
        Integrated Brier score of the null model (the Kaplan–Meier or Aalen–Johansen risk of these rows).
    """

    null_value: float = np.nan


@takes_rows()
def integrated_brier(
    y: np.ndarray,
    risk: Any,
    horizons: Any,
    *,
    rule: str = "trapezoid",
    start: str = "zero",
    cause: int = 1,
    target: str = "event",
    censoring: Any = "marginal",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
    min_censoring_survival: float = 0.02,
) -> IntegratedBrier:
    """Return the average Brier score over time, up to the last horizon of the grid.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Surv.right` or `Surv.interval` (grid of visit times).
    risk : array-like of shape (n, n_horizons)
        P(event of ``cause`` by each horizon of the grid).
    horizons : array-like of shape (n_horizons,)
        Grid of at least two times, in the unit of ``y``. The value depends on the grid, so declare a fine grid.
    rule : {"trapezoid", "step"}, default "trapezoid"
        Linear interpolation between grid times, or the value at the left end of each interval.
    start : {"zero", "first"}, default "zero"
        Integrate from time 0, where the score is 0, and divide by the last time; or from the first grid time, and
        divide by the length of the grid. Under ``"step"`` the time before the first grid time contributes 0 either way.
    cause : int, default 1
        Event of interest.
    target : {"event", "no_event"}, default "event"
        Predicted target; the value is the same for an event and its complement.
    censoring : "marginal" or object, default "marginal"
        As in `brier`.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights; a bare array is taken as sampling weights.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. patient or site, for the standard error.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 10
        Smallest accepted number of patients with ``time >= horizon`` at a grid time; below it the value is NaN with a
        reason.
    min_censoring_survival : float, default 0.02
        Smallest accepted probability of being uncensored at a grid time; below it the value is NaN with a reason.

    Returns
    -------
    IntegratedBrier
        Scalar metric ``"ibs_trapezoid"`` or ``"ibs_step"`` at the last horizon, with influence values (n,). ``method``
        states rule, start, grid size and range.

    Notes
    -----
    ``"step"`` from zero is what R's riskRegression and pec report; the trapezoid between the first and the last grid
    time is scikit-survival's rule. The two rules differ in the second digit on coarse grids, so values can be compared
    only if their rule is stated.

    References
    ----------
    Graf E, Schmoor C, Sauerbrei W, Schumacher M (1999). Statistics in Medicine 18:2529–2545.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis.survival import Surv
    >>> from lbp_prognosis.evaluation.prognostic import integrated_brier
    >>> y = Surv.right([1, 2, 3, 4], [1, 1, 1, 1])
    >>> integrated_brier(y, np.full((4, 2), 0.5), [1, 3], rule="step", min_at_risk=0).value
    0.16666666666666666
    """
    rule = check_choice("rule", rule, ("trapezoid", "step"))
    start = check_choice("start", start, ("zero", "first"))
    setting = Setting.check(
        y,
        horizons,
        accepted=("right", "interval"),
        caller="integrated_brier",
        cause=cause,
        target=target,
        censoring=censoring,
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
        min_censoring_survival=min_censoring_survival,
        instead="A state at one visit has no course over time: use brier.",
    )
    grid = setting.horizons
    if grid.size < 2:
        raise argument_error("horizons", "a grid of at least two times", str(grid.tolist()))
    risks = check_risk("risk", risk, n=setting.n, n_horizons=grid.size)
    share = _shares(grid, rule, start)
    found = mean_losses(setting, risks, BRIER)
    used = share != 0
    reason = next((text for text, needed in zip(found.reasons, used) if text and needed), "")
    value = float(share[used] @ found.loss[used]) if not reason else np.nan
    null = float(share[used] @ found.null[used]) if not reason else np.nan
    last = replace(setting, horizons=grid[-1:], scalar=True)
    se: Any = np.nan
    influence = None
    if not reason:
        influence = combined_loss_influence(setting, risks, BRIER, share)[:, None]
        se = influence_se(influence, setting.clusters)
    method = setting.named(f"{rule} from {start}, {grid.size} times {grid[0]:g} to {grid[-1]:g}, IPCW")
    return last.result(
        f"ibs_{rule}",
        value,
        method=method,
        se=se,
        influence=influence,
        reasons=[reason],
        objections=found.objections,
        kind=IntegratedBrier,
        null_value=null,
    )


def _shares(grid: np.ndarray, rule: str, start: str) -> np.ndarray:
    """Return the weight of each grid time's score in the average."""
    gaps = np.diff(grid)
    share = np.zeros(grid.size)
    if rule == "step":
        share[:-1] = gaps
        return share / (grid[-1] - (0.0 if start == "zero" else grid[0]))
    share[:-1] += gaps / 2
    share[1:] += gaps / 2
    if start == "zero":
        share[0] += grid[0] / 2
        return share / grid[-1]
    return share / (grid[-1] - grid[0])
