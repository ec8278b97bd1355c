"""``dynamic_performance``: performance of dynamic risk predictions at each landmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, RandomState, Result, argument_error, describe, spawn, takes_rows
from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.models import DynamicRisk, landmark
from lbp_prognosis.survival import check_outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DynamicPerformance", "dynamic_performance"]


@dataclass(frozen=True, repr=False)
class DynamicPerformance(Result):
    """Performance at each landmark, in the patients still at risk.

    Attributes
    ----------
    evaluations : dict of float to Evaluation
        By landmark; time runs from the landmark.
    at_risk : DataFrame
        Columns ``landmark, n, n_unknown, n_left, n_not_entered``: patients judged, those at risk of whom a value is not
        known, those whose follow-up had ended, and those who came later.
    """

    evaluations: dict[float, Evaluation] = field(repr=False)
    at_risk: pd.DataFrame = field(repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return the frames of all evaluations, the landmark in ``group``."""
        parts = []
        for at, found in self.evaluations.items():
            frame = found.to_frame()
            frame["group"] = f"{at:g}"
            parts.append(frame)
        return pd.concat(parts, ignore_index=True)

    def plot(self, ax: Axes | None = None, *, metric: str = "auc") -> Axes:
        """Draw one metric with intervals over the landmarks.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metric : str, default "auc"
            Name of a metric.
        """
        from lbp_prognosis._draw import draw_metric

        frame = self.to_frame()
        rows = frame[(frame["metric"] == metric) & (frame["reference"] == "")].copy()
        if rows.empty:
            raise argument_error("metric", f"one of {sorted(frame['metric'].unique())}", metric)
        rows["horizon"] = rows["group"].astype(float)
        return draw_metric(rows, title=f"{metric} at the landmark", ax=ax)

    def _summary(self) -> str:
        counts = self.at_risk["n"]
        return f"{len(self.evaluations)} landmarks, {int(counts.max())} to {int(counts.min())} at risk"


@takes_rows()
def dynamic_performance(
    models: DynamicRisk | Mapping[str, DynamicRisk],
    X: Any,
    y: np.ndarray,
    thresholds: Any = None,
    *,
    n_resamples: int = 200,
    random_state: RandomState = 0,
    **options: Any,
) -> DynamicPerformance:
    """Evaluate fitted dynamic models at each landmark in patients not used for development.

    Parameters
    ----------
    models : DynamicRisk, or mapping from name to such models
        Fitted, with the same landmarks and width.
    X : DataFrame of shape (n, p) or mapping of float to DataFrame
        Predictors; a mapping gives what is known at each landmark. A patient of whom a value is not known at a landmark
        is left out there, and counted, unless all models have an ``imputer``.
    y : ndarray of shape (n,)
        Made by `Surv.right`, on the clock of the study.
    thresholds : array-like or ThresholdRange, optional
        As in `evaluate`.
    n_resamples : int, default 200
        As in `evaluate`.
    random_state : int, SeedSequence, Generator or None, default 0
        Seed.
    **options
        Further keywords of `evaluate`: ``cause``, ``target``, ``confidence``, ``min_at_risk`` …

    Returns
    -------
    DynamicPerformance
        One evaluation per landmark of P(event within the window | none by the landmark).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import DynamicRisk
    >>> from lbp_prognosis.validation import dynamic_performance
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"nrs": rng.normal(size=400)})
    >>> y = Surv.right(rng.exponential(12 * np.exp(-X["nrs"])), np.ones(400))
    >>> model = DynamicRisk([0, 3], 6).fit(X[:200], y[:200])
    >>> dynamic_performance(model, X[200:], y[200:], n_resamples=0).at_risk["n"].tolist()[0]
    200
    """
    check_outcome(y, ("right",), caller="dynamic_performance")
    named = dict(models) if isinstance(models, Mapping) else {"model": models}
    for name, model in named.items():
        if not isinstance(model, DynamicRisk):
            raise argument_error(f"models[{name!r}]", "a fitted DynamicRisk", describe(model))
        model._check_fitted()
    first = next(iter(named.values()))
    for name, model in named.items():
        if not np.array_equal(model.landmarks_, first.landmarks_) or model.width != first.width:
            raise argument_error(f"models[{name!r}]", "of the landmarks and width of the others", describe(model))
    seeds = spawn(random_state, first.landmarks_.size)
    found, rows = {}, []
    for at, seed in zip(first.landmarks_, seeds):
        frame = X[float(at)] if isinstance(X, Mapping) else pd.DataFrame(X)
        if len(frame) != y.shape[0]:
            raise argument_error("X", f"frames of {y.shape[0]} rows, as `y`", f"{len(frame)} rows at {at:g}")
        kept = landmark(y, frame, float(at), first.width)
        wanted = list(dict.fromkeys(name for model in named.values() for name in model._names()))
        used = [name for name in wanted if name in kept.X.columns]
        needed = [c for c in used if any(c in model._names() for model in named.values() if model.imputer is None)]
        known = kept.X[needed].notna().all(axis=1).to_numpy() if needed else np.ones(len(kept.X), dtype=bool)
        rows.append(
            {
                "landmark": float(at),
                "n": int(known.sum()),
                "n_unknown": int((~known).sum()),
                "n_left": kept.n_left,
                "n_not_entered": kept.n_not_entered,
            }
        )
        cause = int(options.get("cause", 1))
        horizon = float(at) + first.width
        own = kept.X[known].reset_index(drop=True)
        risks = {
            name: model.predict_risk(own[model._names()] if used else own.to_numpy(), horizon, cause, at=float(at))[
                :, 0
            ]
            for name, model in named.items()
        }
        found[float(at)] = evaluate(
            kept.y[known], risks, first.width, thresholds, n_resamples=n_resamples, random_state=seed, **options
        )
    said = [o for part in found.values() for o in part.objections]
    return DynamicPerformance(found, pd.DataFrame(rows), tuple(dict.fromkeys(said)))
