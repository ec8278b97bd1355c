"""``contrast_strategies``: risks under strategies of treatment, and their differences, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    RandomState,
    Result,
    argument_error,
    check_choice,
    check_clusters,
    check_confidence,
    check_horizons,
    inside_bounds,
    norm,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import step_at
from lbp_prognosis.survival import check_cause
from lbp_prognosis.validation.resampling._bootstrap_replicate import Draw
from lbp_prognosis.validation.resampling._bootstrap_values import Resampling, bootstrap_values, percentile_limits
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
        each, had the event: the data then do not show how such risks vary, and all bootstrap samples have that risk.
    n : int
        Patients.
    cause : int
        Event code.
    interval : str
        ``"delta"`` or ``"bootstrap"``.
    n_failed : int
        Bootstrap samples in which a strategy could not be judged, and that were drawn again.
    """

    table: pd.DataFrame = field(repr=False)
    n: int
    cause: int
    interval: str = "delta"
    n_failed: int = 0
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


F = TypeVar("F", bound=Callable[..., Any])


def _ordered_as_patients(function: F) -> F:
    """Bring ``groups`` into the order of the patients of the first strategy, by their labels."""

    @wraps(function)
    def wrapped(strategies: Any, *args: Any, groups: Any = None, **options: Any) -> Any:
        first = next(iter(strategies.values()), None) if isinstance(strategies, Mapping) else None
        if groups is not None and isinstance(first, UnderStrategy):
            groups = first._in_order(groups)
        return function(strategies, *args, groups=groups, **options)

    return cast(F, wrapped)


@_ordered_as_patients
@takes_rows()
def contrast_strategies(
    strategies: Mapping[str, UnderStrategy],
    horizons: Any,
    *,
    cause: int = 1,
    interval: str = "delta",
    groups: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 200,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
    progress: bool = False,
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
    interval : {"delta", "bootstrap"}, default "delta"
        From influence functions, or percentiles over samples of the patients in which all weights are estimated again.
    groups : array-like of shape (n,), optional
        Clusters of the patients, such as hospitals, that ``"bootstrap"`` resamples as a whole. Labels that are the
        ``ids`` may be in any order.
    confidence : float, default 0.95
        Level of the intervals.
    n_resamples : int, default 200
        Bootstrap samples.
    random_state : int, Generator or None, default 0
        Seed; the numbers do not depend on ``n_jobs``.
    n_jobs : int, optional
        Workers.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    StrategyContrast
        With risks Σ w y / Σ w over the patients whose state is known, and risk differences. Each patient counts in all
        strategies that the patient followed until the event or the horizon; standard errors take account of that.

    Raises
    ------
    ArgumentError
        If the patients differ, or an argument is not accepted.
    EstimationError
        If more than a tenth of the bootstrap samples have no risks.

    Notes
    -----
    Standard errors are from the influence of each patient with estimated weights: that with known weights, less its
    projection on residuals of its own models of starting treatment and of being lost, summed over parts of follow-up
    (up to eight, each with 25 starts or losses) and multiplied by the predictors. Each patient is left out of the
    projection (as in HC3), since few may have large weights. At a time at which several patients start, the residual is
    the start less its probability. Intervals are normal; if they leave the range of a risk, [0, 1], or of a difference,
    [-1, 1], they are normal on the logit scale of that range. A bootstrap sample in which a strategy can't be judged is
    counted and drawn again.

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
    <StrategyContrast: never start; start by 3 at 6 -0.074 (-0.142 to -0.006)>
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("delta", "bootstrap"))
    if groups is not None and interval == "delta":
        raise argument_error("groups", 'left out for interval="delta"', "labels", "Take interval='bootstrap'.")
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
    grid = np.asarray(grid, dtype=float)
    risks = _risks(found, grid, cause)
    n_failed = 0
    failures: tuple[Objection, ...] = ()
    if interval == "delta":
        judged = _by_influence(found, grid, cause, risks, confidence)
    else:
        value = partial(_again, asked=[each._asked for each in found], grid=grid, cause=cause)
        how = Resampling(n_resamples, random_state, n_jobs, progress)
        drawn = bootstrap_values(value, Draw(found[0].n, check_clusters("groups", groups, n=found[0].n), None), how)
        n_failed, failures = drawn.n_failed, drawn.objections
        # a risk of 0 or 1 is one in all samples: an interval without width
        judged = _by_samples(np.where(_varied(found, grid, cause), drawn.values, np.nan), confidence)
    rows = []
    for h, tau in enumerate(grid.tolist()):
        parts = [("risk", k, risks[h, k], judged[0][h, k]) for k in range(len(found))]
        parts += [("difference", k, risks[h, k] - risks[h, 0], judged[1][h, k]) for k in range(1, len(found))]
        rows += [
            {"horizon": tau, "strategy": names[k], "kind": kind, "estimate": value, "se": se, "low": low, "high": high}
            for kind, k, value, (se, low, high) in parts
        ]
    said = [*(one for each in found for one in each.objections), *_without_positivity(found, grid, cause), *failures]
    return StrategyContrast(
        table=pd.DataFrame(rows).assign(confidence=confidence),
        n=found[0].n,
        cause=cause,
        interval=interval,
        n_failed=n_failed,
        objections=tuple(dict.fromkeys(said)),
        synthetic=any(each.synthetic for each in found),
    )


def _risks(found: list[UnderStrategy], grid: np.ndarray, cause: int) -> np.ndarray:
    """Return the risk at each horizon under each strategy (h, k)."""
    known = [[each.status(tau, cause=cause) for each in found] for tau in grid]
    return np.array([[np.average(one.y["status"] == 1, weights=one.weights.values) for one in row] for row in known])


def _varied(found: list[UnderStrategy], grid: np.ndarray, cause: int) -> np.ndarray:
    """Return whether some of the patients that count, and not all, had the event (h, k)."""
    return np.array([[_both(each.status(tau, cause=cause)) for each in found] for tau in grid])


def _both(known: Any) -> bool:
    event = known.y["status"][known.weights.values > 0] == 1
    return bool(event.any() and not event.all())


def _again(rows: np.ndarray, *, asked: list[Any], grid: np.ndarray, cause: int) -> np.ndarray:
    return _risks([each.drawn(rows) for each in asked], grid, cause)


def _by_influence(
    found: list[UnderStrategy], grid: np.ndarray, cause: int, risks: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return standard error, low and high of risks, and of their differences from the first (h, k, 3)."""
    scores, z = [_scores(each) for each in found], norm.ppf((1 + confidence) / 2)
    out = np.full((2, grid.size, len(found), 3), np.nan)
    for h, tau in enumerate(grid):
        influences = []
        for k, each in enumerate(found):
            known = each.status(tau, cause=cause)
            w, event = known.weights.values, known.y["status"] == 1
            influence = _after_projection(w * (event - risks[h, k]) / w.mean(), scores[k])
            influences.append(influence if _both(known) else np.full_like(influence, np.nan))
        for k in range(len(found)):
            apart = risks[h, k] - risks[h, 0]
            for part, value, influence in ((0, risks[h, k], influences[k]), (1, apart, influences[k] - influences[0])):
                se = _error(influence)
                out[part, h, k] = se, *inside_bounds(-float(part), 1.0, value, value - z * se, value + z * se)[:2]
    return out[0], out[1]


def _by_samples(draws: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the same from risks in bootstrap samples (b, h, k)."""
    first, second = (
        np.stack([values.std(axis=0, ddof=1), *percentile_limits(values, confidence)], axis=-1)
        for values in (draws, draws - draws[:, :, :1])
    )
    return first, second


def _without_positivity(found: list[UnderStrategy], grid: np.ndarray, cause: int) -> list[Objection]:
    rare = [(int((e.status(t, cause=cause).weights.values > 1 / RARE).sum()), float(t)) for t in grid for e in found]
    return [objection("treatment-positivity", n=n, horizon=tau) for n, tau in rare if n]


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
        began = left & (spells.stop > low) & (spells.stop <= high)
        rest = began - _expected(model, np.clip(spells.start, low, high), np.clip(spells.stop, low, high), factor)
        found += [np.bincount(spells.patient, rest * x, minlength=n) for x in X.T]
    return np.column_stack(found)


def _expected(model: LeavingHazard, start: np.ndarray, stop: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return how many would leave in stretches (s,): probabilities at ties, else the hazard, which is as small."""
    spells, rise = model.spells, np.diff(model.hazard, prepend=0.0)
    ends = spells.stop[spells.last & np.isin(spells.stop, model.grid)]
    tied = np.bincount(np.searchsorted(model.grid, ends), minlength=rise.size) > 1
    single = np.cumsum(np.where(tied, 0.0, rise))
    found = (step_at(model.grid, single, stop, left=0.0) - step_at(model.grid, single, start, left=0.0)) * factor
    for at, height in zip(model.grid[tied], rise[tied]):
        inside = (start < at) & (at <= stop)
        found[inside] -= np.expm1(-height * factor[inside])
    return found
