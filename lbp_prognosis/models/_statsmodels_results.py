"""Fitted models of statsmodels, read as risks: what `as_risk_model` knows about them. Nothing of it is imported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    argument_error,
    numbers_in,
)
from lbp_prognosis._kernels import cox_baseline, step_at

__all__ = ["is_hazard_model", "is_statsmodels", "statsmodels_risk"]

_BINARY = ("Logit", "Probit")


def is_statsmodels(model: Any) -> bool:
    """Say whether the object is a result or a model of statsmodels."""
    return any(base.__module__.split(".")[0] == "statsmodels" for base in type(model).__mro__)


def is_hazard_model(result: Any) -> bool:
    """Return whether it is a proportional hazards regression, which contains its own times."""
    return hasattr(type(result), "baseline_cumulative_hazard")  # of the object, it would be worked out


def statsmodels_risk(result: Any, X: Any, times: np.ndarray) -> np.ndarray:
    """Return risks (n, n_times): of a binary regression its mean, whatever the time, else 1 − exp(−H₀(t) · ratio).

    The baseline is worked out here from the rows of the fit, with its ties: what statsmodels gives as the cumulative
    hazard at a time leaves out the events of that time, and is Breslow's where the coefficients are Efron's.
    """
    if not (hasattr(result, "params") and hasattr(result, "model") and hasattr(result, "predict")):
        raise argument_error(
            "model",
            "fitted: the object that fit() of statsmodels returns",
            type(result).__name__,
            "Call fit() first and hand its result on.",
        )
    _refuse(result)
    rows = _rows(result, X)
    if not is_hazard_model(result):
        return np.repeat(np.asarray(result.predict(rows), dtype=float)[:, None], times.size, axis=1)
    ratio = np.asarray(result.predict(exog=rows, pred_type="hr").predicted_values, dtype=float)
    if ratio.shape != (np.shape(X)[0],):  # the formula leaves out rows it cannot compute
        raise argument_error("X", "without missing values in the formula's variables", "rows with some")
    model = result.model
    grid, hazard = cox_baseline(
        np.asarray(model.endog, dtype=float),
        np.asarray(model.status) == 1,
        model.exog @ np.asarray(result.params),
        entry=None if model.entry is None else np.asarray(model.entry, dtype=float),
        ties=model.ties,
    )[0]
    return -np.expm1(-ratio[:, None] * step_at(grid, hazard, times, left=0.0))


def _refuse(result: Any) -> None:
    model = result.model
    if is_hazard_model(result):
        if model.surv.nstrat > 1:
            raise argument_error(
                "model",
                "a PHReg without strata",
                f"one of {model.surv.nstrat}",
                "A patient's stratum cannot be handed on; use CoxPH with strata.",
            )
    elif type(model).__name__ not in _BINARY and type(getattr(model, "family", None)).__name__ != "Binomial":
        raise argument_error(
            "model",
            "a Logit, Probit, PHReg, or a GLM or GEE of the Binomial family",
            type(model).__name__,
            "Only these say how likely an event is.",
        )
    offset = getattr(model, "offset", None)
    if offset is not None and np.any(offset):
        raise argument_error(
            "model",
            "without an offset",
            f"a {type(model).__name__} with one",
            "Its risk depends on an offset that predictions of new patients do not have; put it into a function of "
            "(X, horizons).",
        )


def _rows(result: Any, X: Any) -> Any:
    """New rows as the model wants them: by the formula's variables, by name, or by place; a constant is added."""
    model = result.model
    if getattr(model, "formula", None):
        if not isinstance(X, pd.DataFrame):
            raise argument_error("X", f"a DataFrame, for the formula {model.formula!r}", type(X).__name__)
        return X
    names = list(model.exog_names)
    if isinstance(X, pd.DataFrame):
        rows = X if "const" in X.columns or "const" not in names else X.assign(const=1.0)
        absent = [name for name in names if name not in rows.columns]
        if not absent:
            return numbers_in(rows, names)
        if not set(absent) == set(names) - {"const"}:
            raise argument_error("X", f"with the columns {names}", f"without {absent}")
    array = np.asarray(X, dtype=float)
    if array.shape[1] == len(names) - 1 and names[0] == "const":
        array = np.column_stack([np.ones(array.shape[0]), array])
    if array.shape[1] != len(names):
        raise argument_error("X", f"with {len(names)} columns: {names}", f"{array.shape[1]} columns")
    return array
