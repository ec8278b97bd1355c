"""Coefficients of unpenalised models with their covariance, by cause: the input of tests and contrasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lbp_prognosis._base import Objection, argument_error, objection, takes_cause
from lbp_prognosis.validation.resampling._estimator import is_ready

__all__ = ["Effects", "check_one_cause", "effects_on", "fitted_columns", "imputation_doubts", "unwrapped"]


_REFITTED = "Intervals of contrast and marginal_predictions from refits: interval='bootstrap'."


class Effects(NamedTuple):
    """Coefficients for one cause on one completed table, and the log-likelihood if it covers only that cause."""

    names: list[str]
    coef: np.ndarray
    covariance: np.ndarray
    loglik: float | None
    completed: bool = False
    outcome_used: bool = True


def effects_on(fitted: Any, cause: int, name: str) -> list[Effects]:
    """Return the effects on a cause, one entry per completed table."""
    models, imputers = _completed(fitted)
    effects = [_of_cause(model, cause, name) for model in models]
    other = next((each.names for each in effects if each.names != effects[0].names), None)
    if other is not None:
        raise argument_error(
            name,
            f"models of the same columns on all completed tables, such as {effects[0].names[:6]}",
            f"{sorted(set(effects[0].names) ^ set(other))[:5]} in some of them",
            "A category that some tables lack: name the categories (OneHot, pandas' Categorical), or merge rare ones.",
        )
    if not imputers:
        return effects
    # each pipeline completes the table with its own columns: likelihoods of different tables are not nested
    used = not blind_imputation(fitted)
    return [each._replace(loglik=None, completed=True, outcome_used=used) for each in effects]


def _completed(fitted: Any) -> tuple[list[Any], list[Any]]:
    """Return the model of each completed table, and the imputers that had something to impute."""
    fitted = unwrapped(fitted, until="imputers_")
    if getattr(fitted, "imputers_", None):  # a model of landmarks, with an imputer for each
        models, found = list(fitted.models_), list(fitted.imputers_.values())
    else:
        fitted = unwrapped(fitted)
        models = [branch.model for branch in fitted.branches_] if hasattr(fitted, "branches_") else [fitted]
        found = [getattr(fitted, "imputer_", None)]
    return models, [each for each in found if each is not None and getattr(each, "incomplete_", True)]


def blind_imputation(fitted: Any) -> bool:
    """Whether training rows were completed without the outcome, by an imputer that says so."""
    return any(not getattr(each, "use_outcome", True) for each in _completed(fitted)[1])


def imputation_doubts(effects: Sequence[Effects]) -> tuple[Objection, ...]:
    """Return the objections to effects by how their table was completed: once, or without the outcome."""
    first = effects[0]
    once = (objection("single-imputation"),) if first.completed and len(effects) == 1 else ()
    return (*once, *(() if first.outcome_used else (objection("imputed-without-outcome"),)))


def unwrapped(fitted: Any, until: str = "") -> Any:
    """Return the model that a wrapper such as `OnColumns` has fitted, or the first with the attribute ``until``."""
    for inner in ("estimator_", "model_"):
        if until and hasattr(fitted, until):
            break
        fitted = getattr(fitted, inner, fitted)
    return fitted


def fitted_columns(model: Any) -> list[str]:
    """Return the names of the predictors; x0, x1, … where an array was fitted."""
    names = getattr(model, "feature_names_in_", None)
    return [f"x{j}" for j in range(model.n_features_in_)] if names is None else [str(name) for name in names]


def _of_cause(model: Any, cause: int, name: str) -> Effects:
    parts = getattr(model, "models_", None)
    if isinstance(parts, dict) and all(isinstance(code, int | np.integer) for code in parts):  # one model per cause
        if cause not in parts:
            raise argument_error("cause", f"one of {sorted(parts)}", cause)
        return _of_one(parts[cause], None, name)
    return _of_one(model, cause, name)


def _of_one(model: Any, cause: int | None, name: str) -> Effects:
    """Effects of a model without submodels; a cause of None means the cause of the fit."""
    if not all(hasattr(model, attribute) for attribute in ("coef_", "covariance_")):
        raise argument_error(
            name,
            "a fitted model with coefficients and their covariance",
            type(model).__name__ if is_ready(model) else f"an unfitted {type(model).__name__}",
            f"{_REFITTED} Models without them are compared by scores of risks out of fold."
            if is_ready(model)
            else "Call fit(X, y) first.",
        )
    if any(getattr(model, part, 0) not in (0, 0.0, None, "none") for part in ("penalty", "ridge")):
        raise argument_error(
            name,
            "unpenalised: a test needs the estimates that the data alone give",
            f"a penalty of {getattr(model, 'penalty', None)}",
            _REFITTED,
        )
    columns = fitted_columns(model)
    coef = np.atleast_2d(np.asarray(model.coef_, dtype=float))
    covariance, p = np.asarray(model.covariance_, dtype=float), len(columns)
    if not np.isfinite(coef).all():
        raise argument_error(
            name, "a model with one coefficient per column", "columns without one, such as those in `partial=`"
        )
    if len(coef) > 1:
        row = _row_of_cause(model, coef, covariance, cause, name)
        return Effects(columns, coef[row], covariance[row * p : (row + 1) * p, row * p : (row + 1) * p], None)
    if cause is not None and cause != (own := _own_cause(model)):
        raise argument_error("cause", f"{own}, the one that the coefficients are of", cause)
    # the coefficient table names the entries of the covariance; otherwise baseline entries precede the effects
    terms = [str(term) for term in model.to_frame()["term"]]
    named = len(terms) == len(covariance) and set(columns) <= set(terms)
    place = [terms.index(column) for column in columns] if named else range(-p, 0)
    loglik = getattr(model, "log_likelihood_", None)
    return Effects(columns, coef[0], covariance[np.ix_(place, place)], None if loglik is None else float(loglik))


def _row_of_cause(model: Any, coef: np.ndarray, covariance: np.ndarray, cause: int | None, name: str) -> int:
    causes = np.asarray(getattr(model, "causes_", ())).tolist()
    if hasattr(model, "transitions_") or len(causes) != len(coef) or len(covariance) != coef.size:
        raise argument_error(
            name,
            "a model whose coefficients are those of one cause, or a row per cause",
            f"{type(model).__name__}, whose coefficients are by interval, visit or transition",
            "Its `to_frame` has each of them with its standard error.",
        )
    if cause not in causes:
        raise argument_error("cause", f"one of {causes}", cause)
    return causes.index(cause)


def check_one_cause(fitted: Any, cause: int) -> None:
    """Refuse a cause that a model of one cause is not of; a model of several causes refuses an unknown one itself."""
    for model in _completed(fitted)[0]:
        if not takes_cause(type(model)) and cause != (own := _own_cause(model)):  # type: ignore[arg-type]
            raise argument_error("cause", f"{own}, the one that the linear predictor is of", cause)


def _own_cause(model: Any) -> int:
    """Cause of a single row of coefficients; a model of one cause treats other events as censored."""
    causes = np.asarray(getattr(model, "causes_", ()))
    return int(getattr(model, "cause", causes[0] if causes.size == 1 else 1))
