"""External validation of fitted models in new patients."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_choice,
    check_clusters,
    check_horizons,
    objection,
    stated_score,
    takes_rows,
)
from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.models import as_risk_model
from lbp_prognosis.survival import measured_to_status, outcome_kind
from lbp_prognosis.validation.pooling._multiply_imputed import IMPUTED_NEW, MultiplyImputed
from lbp_prognosis.validation.pooling._pool_evaluations import pool_evaluations
from lbp_prognosis.validation.resampling._estimator import is_ready, own_horizons, pipeline_as_model
from lbp_prognosis.validation.screening._screen_of import screen_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ExternalValidation", "external_validate"]

_KINDS = ("temporal", "geographic", "setting", "random_split")
_NOT_EXTERNAL = objection("random-split-external")
_FEW_EVENTS = objection("few-events-for-validation")


@dataclass(frozen=True, repr=False)
class ExternalValidation(Result):
    """External validation of one or several fitted models.

    Attributes
    ----------
    evaluation : Evaluation
        Every metric of every model and pair on the new patients.
    kind : {"temporal", "geographic", "setting", "random_split"}
        Difference between the new and the development patients.
    description : str
        The new patients, in words.
    risks : dict of str to ndarray of shape (n, n_horizons)
        Predicted risks.
    """

    evaluation: Evaluation
    kind: str
    description: str
    risks: dict[str, np.ndarray] = field(repr=False)
    n: int = 0
    n_events: int = 0
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    sample: ClassVar[str] = "external"  # what `Evidence` takes the numbers for

    @property
    def setting(self) -> str:
        """In what the patients differ; empty for a random split, which supports no claim of validation."""
        return self.kind if self.external else ""

    @property
    def external(self) -> bool:
        """Whether the new patients differ in time, place or setting."""
        return self.kind != "random_split"

    def to_frame(self) -> pd.DataFrame:
        """Return the frame of evaluation with the column ``validation`` (``external: kind`` or ``random split``)."""
        label = f"external, {self.kind}" if self.external else "random split"
        return self.evaluation.to_frame().assign(validation=label)

    def figure(self) -> Figure:
        """Draw discrimination, calibration and decision curves on one page."""
        return self.evaluation.figure()

    def plot(self, ax: Axes | None = None, *, metric: str = "auc") -> Axes:
        """Draw one measure over the horizons, a colour per model; `figure` draws all tiers on one page.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metric : str, default "auc"
            Name of a metric.
        """
        return self.evaluation.plot(ax, metric=metric)

    def _summary(self) -> str:
        names = ", ".join(self.evaluation.models)
        return f"{self.kind}, {names}, {self.n} patients, {self.n_events} events"


@takes_rows()
def external_validate(
    models: Any,
    X: Any,
    y: np.ndarray,
    horizons: Any = None,
    thresholds: Any = None,
    *,
    kind: str | None = None,
    description: str = "",
    cause: int = 1,
    target: str = "event",
    clusters: Any = None,
    development_X: Any = None,
    **keywords: Any,
) -> ExternalValidation:
    """Evaluate fitted models in new patients: prognostic performance and clinical utility.

    Parameters
    ----------
    models : fitted model or mapping of str to fitted model
        With ``predict_risk``, or a scikit-learn ``Pipeline`` that ends in one; nothing is refitted. A published formula
        has nothing to fit: a function ``f(X, horizons) -> risk``, or `as_risk_model` of it, is taken as it is.
    X : DataFrame or array of shape (n, p), or MultiplyImputed
        Predictors of the new patients. With imputed tables the models judge every table, numbers are pooled by Rubin's
        rules (logit for C and AUC, log for O/E, others and differences as they are), curves are of the averaged risks,
        and the result is marked ``imputed-outside-resampling``.
    y : ndarray of shape (n,)
        Their outcome.
    horizons : float or sequence of float, optional
        Prediction times; a `Status` contains its own; for times they are required.
    thresholds : array-like or ThresholdRange, optional
        Decision thresholds.
    kind : {"temporal", "geographic", "setting", "random_split"}
        Difference between the new and the development patients. Required, because validation in a random split is not
        external.
    description : str, default ""
        Description of the new patients, for the page.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Target of decisions.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the standard errors.
    development_X : DataFrame, optional
        Predictors of the development patients; rows that occur in both data sets are refused.
    **keywords
        Passed to `evaluation.evaluate`.

    Returns
    -------
    ExternalValidation
        With ``evaluation``; a random split carries an objection.

    Raises
    ------
    ArgumentError
        If ``kind`` is not said, a model is not fitted, or patients of development are among the new ones.

    See Also
    --------
    lbp_prognosis.validation.sample_size_validation : How many patients does validation need?
    lbp_prognosis.validation.bootstrap_validate : How optimistic is apparent performance?

    Examples
    --------
    >>> from lbp_prognosis import CoxPH, Surv, simulate_cohort
    >>> from lbp_prognosis.validation import external_validate
    >>> tables = [simulate_cohort(300, seed, imaging="all", missingness=0).wide()[:2] for seed in (1, 2)]
    >>> (X, y), (new, later) = [(X[["age", "nrs_back"]], Surv.right(y["time"], y["event"] == 1)) for X, y in tables]
    >>> model = CoxPH().fit(X, y)
    >>> found = external_validate({"clinical": model}, new, later, 12, kind="temporal")
    >>> found.kind, sorted(found.evaluation.metrics["clinical"])[:3]
    ('temporal', ['auc', 'brier', 'calibration_intercept'])
    """
    if kind is None:
        raise argument_error(
            "kind",
            f"one of {', '.join(map(repr, _KINDS))}",
            "nothing",
            "Say how the new patients differ from those of development: seen later, elsewhere or in another setting.",
        )
    check_choice("kind", kind, _KINDS)
    named = (
        dict(models) if isinstance(models, Mapping) else {getattr(models, "__name__", type(models).__name__): models}
    )
    for name, model in named.items():
        if not hasattr(model, "predict_risk") and inspect.isroutine(model):
            model = as_risk_model(model)
        named[name] = model = pipeline_as_model(model)
        if not hasattr(model, "predict_risk") or not is_ready(model):
            raise argument_error(
                f"models[{name!r}]",
                "a fitted model",
                model,
                "External validation judges a model as it is; to fit in resamples use cross_validate_risk.",
            )
    if isinstance(X, MultiplyImputed):
        passed = {
            "kind": kind,
            "description": description,
            "cause": cause,
            "target": target,
            "clusters": clusters,
            "development_X": development_X,
            **keywords,
        }
        return _in_every_imputation(named, X, y, horizons, thresholds, passed)
    if development_X is not None and isinstance(X, pd.DataFrame) and isinstance(development_X, pd.DataFrame):
        shared = X.index.intersection(development_X.index)
        same = [i for i in shared if X.loc[i].equals(development_X.loc[i])] if X.index.is_unique else []
        if same:
            raise argument_error(
                "X", "patients who had no part in development", f"{len(same)} rows of development, such as {same[:3]}"
            )
    times, scalar = check_horizons(own_horizons(y, horizons))
    risks = {name: np.asarray(model.predict_risk(X, times, cause=cause), dtype=float) for name, model in named.items()}
    found = evaluate(
        y,
        risks,
        float(times[0]) if scalar else times,
        thresholds,
        cause=cause,
        target=target,
        clusters=clusters,
        linear_predictors=_scores(named, X, y, cause),
        **keywords,
    )
    state = measured_to_status(y) if outcome_kind(y) == "measured" else y  # the side of the declared cut
    names = state.dtype.names or ()
    events = int((state["status" if "status" in names else "event"] == cause).sum())
    doubts = (*((_NOT_EXTERNAL,) if kind == "random_split" else ()), *((_FEW_EVENTS,) if events < 100 else ()))
    doubts = (*doubts, *screen_of(named, X, y, times, cause, check_clusters("clusters", clusters, n=y.shape[0])))
    synthetic = bool(getattr(X, "attrs", {}).get("synthetic", False))
    found = replace(found, synthetic=synthetic)
    return ExternalValidation(found, kind, description, risks, y.shape[0], events, doubts, synthetic)


def _scores(named: Mapping[str, Any], X: Any, y: np.ndarray, cause: int) -> dict[str, np.ndarray] | None:
    """Log-hazard scores of the models that have one; of the others the risk is judged on its own scale."""
    if outcome_kind(y) != "right":
        return None
    scores = {name: stated_score(model, X, "right", cause) for name, model in named.items()}
    return {name: score for name, score in scores.items() if score is not None} or None


def _in_every_imputation(
    named: Mapping[str, Any], X: MultiplyImputed, y: np.ndarray, horizons: Any, thresholds: Any, shared: dict[str, Any]
) -> ExternalValidation:
    parts = [external_validate(named, table, y, horizons, thresholds, **shared) for table in X.tables]
    risks = {name: np.mean([part.risks[name] for part in parts], axis=0) for name in named}
    passed = {k: v for k, v in shared.items() if k not in ("kind", "description", "development_X")}
    each = [_scores(named, table, y, shared["cause"]) for table in X.tables]
    scores = (
        None if None in each else {k: np.mean([s[k] for s in each if s is not None], axis=0) for k in each[0] or ()}
    )
    averaged = evaluate(y, risks, own_horizons(y, horizons), thresholds, linear_predictors=scores, **passed)
    averaged = replace(averaged, synthetic=parts[0].synthetic)
    doubts = dict.fromkeys((IMPUTED_NEW, *(o for part in parts for o in part.objections)))
    return replace(
        parts[0],
        risks=risks,
        objections=tuple(doubts),
        evaluation=pool_evaluations([part.evaluation for part in parts], averaged),
    )
