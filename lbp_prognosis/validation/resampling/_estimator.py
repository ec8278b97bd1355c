"""Checks and clones of unfitted estimators for resampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lbp_prognosis._base import LeakageError, Objection, argument_error, content_hash, objection
from lbp_prognosis.models import as_risk_model
from lbp_prognosis.survival import check_outcome, measured_spec, outcome_kind, status_horizon

__all__ = [
    "check_models",
    "check_rows",
    "describe_estimator",
    "fit_on",
    "fresh",
    "is_fitted",
    "is_ready",
    "own_horizons",
    "pipeline_as_model",
    "risk_of",
    "take_rows",
]


_NOT_LATER = (
    "A finding of today is judged by evaluation.diagnostic (accuracy, roc); what it adds to a prognosis is asked of an "
    "outcome observed later."
)


def is_fitted(estimator: Any) -> bool:
    """Return whether an estimator carries learned attributes (names that end in one underscore)."""
    learned = [name for name in vars(estimator) if name.endswith("_") and not name.startswith("_")]
    return bool(learned)


def is_ready(model: Any) -> bool:
    """Return whether a model predicts as it is: fitted, an update of a fitted model, or a formula of others."""
    told = getattr(model, "__sklearn_is_fitted__", None)
    return is_fitted(model) or hasattr(model, "ledger") or bool(told is not None and told())


def pipeline_as_model(model: Any) -> Any:
    """Return a scikit-learn pipeline that ends in a risk model as a risk model, and anything else as it is."""
    if isinstance(model, Pipeline) and hasattr(model.steps[-1][1], "predict_risk"):
        return as_risk_model(model)
    return model


def fresh(estimator: Any, name: str = "estimator") -> Any:
    """Return an unfitted clone.

    Raises
    ------
    ArgumentError
        If the object has no ``fit`` or ``predict_risk``, or is fitted: a fitted model has already seen the rows that
        resampling would hold out.
    """
    from sklearn.base import clone

    if isinstance(estimator, type):
        raise argument_error(
            name, "an unfitted object", f"the class {estimator.__name__}", f"Make one of it: {estimator.__name__}()."
        )
    estimator = pipeline_as_model(estimator)
    if not (hasattr(estimator, "fit") and hasattr(estimator, "predict_risk")):
        raise argument_error(
            name,
            "an unfitted object with `fit` and `predict_risk`",
            estimator,
            "Wrap models of other libraries with models.as_risk_model.",
        )
    if is_fitted(estimator):
        raise argument_error(
            name,
            "unfitted",
            f"a fitted {type(estimator).__name__}",
            "Pass sklearn.base.clone(model): every resample must repeat all that was learned from data. To judge a "
            "fitted model on new patients use external_validate.",
            kind=LeakageError,
        )
    return clone(estimator)


def check_models(models: Any) -> dict[str, Any]:
    """Return a mapping from name to an unfitted clone; a single estimator is named after its class."""
    if isinstance(models, Mapping):
        if not models:
            raise argument_error("models", "at least one estimator", "an empty mapping")
        return {str(name): fresh(model, f"models[{name!r}]") for name, model in models.items()}
    return {type(models).__name__: fresh(models, "models")}


def check_rows(X: Any, y: np.ndarray, groups: Any) -> np.ndarray | None:
    """Return group codes, refusing a reference standard of today and repeated patients without groups."""
    from lbp_prognosis._base import check_clusters, check_same_rows

    check_same_rows("groups", groups, "X", X)
    check_outcome(y, ("right", "interval", "status", "measured"), caller="validation of a risk", instead=_NOT_LATER)
    n = y.shape[0]
    rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if rows != n:
        raise argument_error("X", f"of {n} rows, as many as `y`", f"{rows} rows")
    if groups is None and isinstance(X, pd.DataFrame) and not X.index.is_unique:
        repeated = X.index[X.index.duplicated()][:3].tolist()
        raise argument_error(
            "groups",
            "given when the index of `X` repeats",
            f"repeated labels such as {repeated}",
            "Rows of one patient must stay on one side of every split: groups=X.index. If the index means nothing, "
            "X.reset_index(drop=True).",
            kind=LeakageError,
        )
    return check_clusters("groups", groups, n=n)


def own_horizons(y: np.ndarray, horizons: Any) -> Any:
    """Return the horizons given; a `Status` and a `Measured` know their own."""
    if horizons is None and outcome_kind(y) == "status":
        return status_horizon(y)
    if horizons is None and outcome_kind(y) == "measured":
        return measured_spec(y).horizon
    return horizons


def take_rows(values: Any, rows: np.ndarray) -> Any:
    """Return rows of a frame or array by position."""
    return values.iloc[rows] if hasattr(values, "iloc") else np.asarray(values)[rows]


def fit_on(estimator: Any, X: Any, y: np.ndarray, rows: np.ndarray, fit_params: Mapping[str, Any] | None = None) -> Any:
    """Fit a clone on some rows; row-wise fit arguments (weights, strata, offset) are cut alike."""
    from sklearn.base import clone

    arguments = {key: take_rows(value, rows) for key, value in (fit_params or {}).items() if value is not None}
    return clone(estimator).fit(take_rows(X, rows), y[rows], **arguments)


def risk_of(
    model: Any, X: Any, horizons: np.ndarray, cause: int, y: np.ndarray
) -> tuple[np.ndarray, tuple[Objection, ...]]:
    """Return risks (n, n_horizons), and objections to them.

    A cause that the training rows of ``model`` lack, though rows of ``y`` have it, has a hazard of zero: its risk is 0
    as far as the model's follow-up goes, and that is objected to.
    """
    causes = getattr(model, "causes_", None)
    known = outcome_kind(y) in ("right", "interval") and bool((y["event"] == cause).any())
    stated: tuple[Objection, ...] = tuple(getattr(model, "objections_", ()))
    if causes is None or cause in causes or not known:
        return np.asarray(model.predict_risk(X, horizons, cause=cause), dtype=float), stated
    inside = np.asarray(horizons) <= getattr(model, "max_time_", np.inf)
    rows = X.shape[0] if hasattr(X, "shape") else len(X)
    risk = np.where(inside, 0.0, np.nan) * np.ones((rows, 1))
    return risk, (*stated, objection("rare-cause", variant="absent", cause=cause))


def describe_estimator(estimator: Any) -> str:
    """Return a full textual description, for the hash of a checkpoint."""
    parameters = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    kind = type(estimator)
    return f"{kind.__module__}.{kind.__qualname__}{sorted((key, _told(value)) for key, value in parameters.items())}"


def _told(value: Any) -> str:
    """Return a parameter as text; tables by all of their values and labels, of which their repr shows a few."""
    if isinstance(value, pd.DataFrame):
        return content_hash(value.reset_index(allow_duplicates=True))
    if isinstance(value, Mapping) and any(isinstance(each, pd.DataFrame) for each in value.values()):
        return str([(key, _told(each)) for key, each in value.items()])
    if isinstance(value, list | tuple) and any(isinstance(each, pd.DataFrame) for each in value):
        return str([_told(each) for each in value])
    return repr(value)
