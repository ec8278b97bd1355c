"""Fitting of and prediction by models of other libraries: one pair of functions per kind.

Objects are recognised by their methods; none of the other libraries is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error
from lbp_prognosis._kernels import step_at
from lbp_prognosis.models._statsmodels_results import is_hazard_model, statsmodels_risk
from lbp_prognosis.survival import to_sksurv

__all__ = [
    "FIT",
    "PREDICT",
    "end_of_follow_up",
    "looks_fitted",
    "takes_clusters",
    "through_steps",
    "weights_argument",
]


def looks_fitted(model: Any, kind: str) -> bool:
    """Say whether the object contains what a fit leaves behind; a function needs none."""
    if kind in ("callable", "statsmodels"):  # the latter states this itself
        return True
    if kind == "pipeline":
        model = model.steps[-1][1]
    return any(name.endswith("_") and not name.startswith("_") for name in vars(model)) or hasattr(model, "durations")


def end_of_follow_up(model: Any, kind: str) -> float:
    """Return the end of follow-up, if a fitted model stores it."""
    if kind == "lifelines":
        return float(np.max(model.durations))
    if kind == "statsmodels" and is_hazard_model(model):
        return float(np.max(model.model.endog))
    if kind == "pipeline":
        return float(getattr(model.steps[-1][1], "max_time_", np.inf))
    for name in ("unique_times_", "event_times_", "time_grid_"):
        if hasattr(model, name):
            return float(np.max(getattr(model, name)))
    return np.inf


def through_steps(pipeline: Any, X: Any) -> Any:
    """Return the input of the last step of a fitted scikit-learn pipeline."""
    for _, step in pipeline.steps[:-1]:
        if step not in (None, "passthrough"):
            X = step.transform(X)
    return X


def takes_clusters(model: Any) -> bool:
    """Return whether the ``fit`` of a model accepts an identifier of the patient per row."""
    return "clusters" in signature(model.fit).parameters


def weights_argument(model: Any, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weights as the keyword of a scikit-learn ``fit``, or refuse them if it has no such keyword."""
    if "sample_weight" not in signature(model.fit).parameters:
        raise argument_error("sample_weight", f"None for {type(model).__name__}, whose fit takes no weights", "weights")
    return {"sample_weight": weights}


def _univariate(model: Any) -> bool:
    """Say whether a lifelines fitter takes no predictors; not all attributes exist before a fit, its classes do."""
    return any(base.__name__ == "UnivariateFitter" for base in type(model).__mro__)


def _fit_lifelines(model: Any, X: Any, y: np.ndarray, weights: np.ndarray | None) -> None:
    table = X.copy() if isinstance(X, pd.DataFrame) else pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    extra = {"duration_col": y["time"], "event_col": y["event"] == 1}
    if weights is not None:
        extra["weights_col"] = weights
    if "entry" in (y.dtype.names or ()):
        extra["entry_col"] = y["entry"]
    for name, values in extra.items():
        table[f"__{name}__"] = values
    if not _univariate(model):
        model.fit(table, **{name: f"__{name}__" for name in extra})
    else:
        entry = {"entry": y["entry"]} if "entry_col" in extra else {}
        model.fit(y["time"], y["event"] == 1, weights=weights, **entry)


def _predict_lifelines(model: Any, X: Any, times: np.ndarray, cause: int) -> np.ndarray:
    if _univariate(model):
        curve = model.survival_function_.iloc[:, 0] if hasattr(model, "survival_function_") else None
        if curve is None:
            raise argument_error("model", "a lifelines fitter of survival", type(model).__name__)
        survival = step_at(curve.index.to_numpy(float), curve.to_numpy(), times, left=1.0)
        return np.tile(1 - survival, (np.shape(X)[0], 1))
    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X, columns=[f"x{j}" for j in range(np.shape(X)[1])])
    table = table.reset_index(drop=True)
    if getattr(model, "baseline_estimation_method", "") == "breslow" or not hasattr(model, "predict_median"):
        steps = model.predict_survival_function(table)
        return 1 - step_at(steps.index.to_numpy(float), steps.to_numpy(), times, left=1.0).T
    return 1 - model.predict_survival_function(table, times=times).to_numpy().T


def _fit_sksurv(model: Any, X: Any, y: np.ndarray, weights: np.ndarray | None) -> None:
    if "entry" in (y.dtype.names or ()):
        raise argument_error("y", "without delayed entry, which this model does not know", "an outcome with `entry`")
    model.fit(X, to_sksurv(y), **({} if weights is None else weights_argument(model, weights)))


def _predict_sksurv(model: Any, X: Any, times: np.ndarray, cause: int) -> np.ndarray:
    rows = []
    for function in model.predict_survival_function(X):
        heights = getattr(function, "a", 1.0) * np.asarray(function.y) + getattr(function, "b", 0.0)
        rows.append(1 - step_at(np.asarray(function.x, dtype=float), heights, times, left=1.0))
    return np.array(rows)


def _fit_hazardous(model: Any, X: Any, y: np.ndarray, weights: np.ndarray | None) -> None:
    if "entry" in (y.dtype.names or ()):
        raise argument_error("y", "without delayed entry, which this model does not know", "an outcome with `entry`")
    target = pd.DataFrame({"event": y["event"].astype(int), "duration": y["time"]})
    model.fit(X, target, **({} if weights is None else weights_argument(model, weights)))


def _predict_hazardous(model: Any, X: Any, times: np.ndarray, cause: int) -> np.ndarray:
    curves = np.asarray(model.predict_cumulative_incidence(X, times=times))
    codes = list(getattr(model, "event_ids_", range(curves.shape[1])))
    if cause not in codes or cause == 0:
        raise argument_error("cause", f"one of {[int(code) for code in codes if code]}", cause)
    return curves[:, codes.index(cause), :]


def _predict_classifier(model: Any, X: Any, times: np.ndarray, cause: int) -> np.ndarray:
    classes = [int(label) for label in model.classes_] if set(model.classes_) <= {0, 1} else []
    if classes != [0, 1]:
        raise argument_error("model", "a classifier of the states 0 and 1", f"classes {list(model.classes_)}")
    return np.asarray(model.predict_proba(X))[:, [1]]


def _predict_callable(model: Callable[..., Any], X: Any, times: np.ndarray, cause: int) -> np.ndarray:
    return np.asarray(model(X, times), dtype=float)


def _predict_statsmodels(model: Any, X: Any, times: np.ndarray, cause: int) -> np.ndarray:
    return statsmodels_risk(model, X, times)


def _predict_search(model: Any, X: Any, times: np.ndarray, cause: int) -> np.ndarray:
    return np.asarray(model.best_estimator_.predict_risk(X, times, cause=cause), dtype=float)


def _predict_pipeline(model: Any, X: Any, times: np.ndarray, cause: int) -> np.ndarray:
    return model.steps[-1][1].predict_risk(through_steps(model, X), times, cause)


FIT: dict[str, Callable[..., None]] = {
    "lifelines": _fit_lifelines,
    "sksurv": _fit_sksurv,
    "hazardous": _fit_hazardous,
}
PREDICT: dict[str, Callable[..., np.ndarray]] = {
    "lifelines": _predict_lifelines,
    "sksurv": _predict_sksurv,
    "hazardous": _predict_hazardous,
    "statsmodels": _predict_statsmodels,
    "classifier": _predict_classifier,
    "search": _predict_search,
    "pipeline": _predict_pipeline,
    "callable": _predict_callable,
}
