"""``contrast_strategies``: risks under strategies of treatment, and their differences, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_confidence,
    check_horizons,
    inside_bounds,
    norm,
    objection,
)
from lbp_prognosis._kernels import step_at
from lbp_prognosis.survival import check_cause
from lbp_prognosis.validation.sensitivity._leaving_hazard import LeavingHazard
from lbp_prognosis.validation.sensitivity._under_strategy import UnderStrategy
from lbp_prognosis.validation.sensitivity._weighted_follow_up import RARE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StrategyContrast", "contrast_strategies"]

_PARTS = 8
"""At most so many parts of follow-up in which residuals of the models of starting and of being lost are summed."""
_STARTS_PER_PART = 25
"""Starts, or losses, for each part: more parts fit the influences of few patients."""


@dataclass(frozen=True, repr=False)
class StrategyContrast(Result):
    """Risks of the same patients under several strategies, and differences from the first.

    Attributes
    ----------
    table : DataFrame
        ``horizon, strategy, kind, estimate, se, low, high, confidence``; ``kind`` is ``"risk"``, or ``"difference"``
        from the risk under the first strategy. ``se, low, high`` are NaN where no patient counted in a strategy, or
        each, had the event: the data then do not show how such risks vary.
    n : int
        Patients.
    cause : int
        Event code.
    """

    table: pd.DataFrame = field(repr=False)
    n: int
    cause: int
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return ``table``."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the risks with their intervals.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table[self.table["kind"] == "risk"]
        label = [f"{name}, {horizon:g}" for name, horizon in zip(rows["strategy"], rows["horizon"])]
        return draw_estimates(rows.assign(label=label, value=rows["estimate"]), axis="risk", ax=ax)

    def _summary(self) -> str:
        rows = self.table[self.table["kind"] == "difference"]
        told = [
            f"{name} at {horizon:g} {value:+.3f}"
            + (f" ({low:+.3f} to {high:+.3f})" if pd.notna(low) else ", no interval")
            for name, horizon, value, low, high in rows[["strategy", "horizon", "estimate", "low", "high"]].to_numpy()
        ]
        return f"{self.table['strategy'].iloc[0]}; {'; '.join(told[:3])}"


def contrast_strategies(
    strategies: Mapping[str, UnderStrategy], horizons: Any, *, cause: int = 1, confidence: float = 0.95
) -> StrategyContrast:
    """Compare the risks of the same patients under several strategies.

    Parameters
    ----------
    strategies : mapping of str to UnderStrategy
        Results of `under_strategy` by name, from the same patients in the same order; the first is the reference.
    horizons : float or sequence of float
        In the unit of the outcome.
    cause : int, default 1
        Event code.
    confidence : float, default 0.95
        Level of the intervals.

    Returns
    -------
    StrategyContrast
        With risks Σ w y / Σ w over the patients whose state is known, and risk differences. Each patient counts in all
        strategies that the patient followed until the event or the horizon; standard errors take account of that.

    Raises
    ------
    ArgumentError
        If the patients differ, or an argument is not accepted.

    Notes
    -----
    Standard errors are from the influence of each patient with estimated weights: that with known weights, less its
    projection on residuals of its own models of starting treatment and of being lost, summed over parts of follow-up
    (up to eight, each with 25 starts or losses) and multiplied by the predictors. Each patient is left out of the
    projection (as in HC3), since few may have large weights. Intervals are normal; if they leave the range of a risk,
    [0, 1], or of a difference, [-1, 1], they are normal on the logit scale of that range.

    References
    ----------
    Cain LE, Robins JM, Lanoy E, Logan R, Costagliola D, Hernán MA (2010). When to start treatment? A systematic
    approach to the comparison of dynamic regimes using observational data. International Journal of Biostatistics
    6(2):18. doi:10.2202/1557-4679.1212

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.validation import NeverStart, StartBy, contrast_strategies, under_strategy
    >>> rng = np.random.default_rng(0)
    >>> pain = rng.normal(size=800)
    >>> event, surgery = rng.exponential(12, 800), rng.exponential(8 * np.exp(-0.5 * pain))
    >>> y = Surv.right(np.minimum(event, 12.0), event <= 12)
    >>> history = pd.DataFrame({"patient_id": range(800), "time": 0.0, "pain": pain})
    >>> arms = {
    ...     str(one): under_strategy(y, surgery, history, one) for one in (NeverStart(), StartBy(3))
    ... }
    >>> contrast_strategies(arms, 6)
    <StrategyContrast: never start; start by 3 at 6 -0.074 (-0.142 to -0.007)>
    """
    check_confidence(confidence)
    grid, _ = check_horizons(horizons)
    if not isinstance(strategies, Mapping) or len(strategies) < 2:
        raise argument_error("strategies", "two or more results of `under_strategy` by name", strategies)
    if not all(isinstance(one, UnderStrategy) for one in strategies.values()):
        raise argument_error(
            "strategies", "results of `under_strategy`", [type(o).__name__ for o in strategies.values()]
        )
    names, found = list(strategies), list(strategies.values())
    _refuse_other_patients(found)
    if not any((each.y["event"] == check_cause(each.y, cause)).any() for each in found):
        raise argument_error("cause", "the code of an event of a patient who followed a strategy", cause)
    scores = [_scores(each) for each in found]
    z = norm.ppf((1 + confidence) / 2)
    rows, said = [], [one for each in found for one in each.objections]
    for tau in map(float, grid):
        risks, influences = [], []
        for each, models in zip(found, scores):
            known = each.status(tau, cause=cause)
            w, event = known.weights.values, known.y["status"] == 1
            risks.append(float(np.average(event, weights=w)))
            influence = _after_projection(w * (event - risks[-1]) / w.mean(), models)
            varied = event[w > 0].any() and not event[w > 0].all()
            influences.append(influence if varied else np.full_like(influence, np.nan))
            if rare := int((w > 1 / RARE).sum()):
                said.append(objection("treatment-positivity", n=rare, horizon=tau))
        parts = [("risk", k, risks[k], influences[k]) for k in range(len(found))]
        parts += [("difference", k, risks[k] - risks[0], influences[k] - influences[0]) for k in range(1, len(found))]
        for kind, k, value, influence in parts:
            se = _error(influence)
            row = {"horizon": tau, "strategy": names[k], "kind": kind, "estimate": value, "se": se}
            least = 0.0 if kind == "risk" else -1.0
            low, high, _ = inside_bounds(least, 1.0, value, value - z * se, value + z * se)
            rows.append({**row, "low": float(low), "high": float(high), "confidence": confidence})
    return StrategyContrast(
        table=pd.DataFrame(rows),
        n=found[0].n,
        cause=cause,
        objections=tuple(dict.fromkeys(said)),
        synthetic=any(each.synthetic for each in found),
    )


def _refuse_other_patients(found: list[UnderStrategy]) -> None:
    first = found[0]
    for each in found[1:]:
        same = each.n == first.n and (each.row_labels is None) == (first.row_labels is None)
        if same and first.row_labels is not None:
            same = first.row_labels.equals(each.row_labels)
        both = same and ~first.deviated & ~each.deviated
        if not same or (first.y[both][["time", "event"]] != each.y[both][["time", "event"]]).any():
            raise argument_error("strategies", "results from the same patients in the same order", "other patients")


def _error(influence: np.ndarray) -> float:
    """Return the standard error of a mean with influences (n,)."""
    return float(np.sqrt((influence**2).sum()) / influence.size)


def _after_projection(influence: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return what the scores (n, k) leave of an influence (n,), of each patient as if left out of the projection."""
    length = np.sqrt((scores**2).sum(axis=0))
    basis, size, _ = np.linalg.svd(scores[:, length > 0] / length[length > 0], full_matrices=False)
    basis = basis[:, size > size[0] * 1e-10]
    own = 1 - (basis**2).sum(axis=1)
    rest = influence - basis @ (basis.T @ influence)
    return np.where(own > 1e-9, rest / np.where(own > 1e-9, own, 1.0), 0.0)


def _scores(each: UnderStrategy) -> np.ndarray:
    """Residuals by which weights depend on the patients (n, k), the mean first."""
    columns = [np.ones((each.n, 1)), _residuals(each._treatment), _residuals(each._loss)]
    zero = each._zero
    if zero.started.any() and not zero.started.all():
        rest = zero.started + np.expm1(-zero.hazard)
        columns.append(rest[:, None] * np.column_stack([np.ones(each.n), zero.X.to_numpy(dtype=float)]))
    return np.hstack(columns)


def _residuals(model: LeavingHazard) -> np.ndarray:
    """Martingale residuals of patients in parts of follow-up, alone and multiplied by the covariates (n, k)."""
    spells, n = model.spells, model.n
    if not model.grid.size:
        return np.empty((n, 0))
    left = spells.last & np.isin(spells.stop, model.grid)
    parts = int(np.clip(left.sum() // _STARTS_PER_PART, 1, _PARTS))
    cuts = np.unique(np.quantile(spells.stop[left], np.linspace(0, 1, parts + 1)[1:-1]))
    edges = np.concatenate([[0.0], cuts, [np.inf]])
    factor, found = np.exp(model.score), []
    X = np.column_stack([np.ones(spells.stop.size), spells.X.to_numpy(dtype=float)])
    for low, high in pairwise(edges):
        begin, end = np.clip(spells.start, low, high), np.clip(spells.stop, low, high)
        rise = step_at(model.grid, model.hazard, end, left=0.0) - step_at(model.grid, model.hazard, begin, left=0.0)
        rest = (left & (spells.stop > low) & (spells.stop <= high)) - np.where(rise > 0, rise, 0.0) * factor
        found += [np.bincount(spells.patient, rest * x, minlength=n) for x in X.T]
    return np.column_stack(found)
