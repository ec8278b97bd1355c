"""Coefficients of unpenalised models with their covariance, by cause: the input of tests and contrasts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["Effects", "effects_on"]


class Effects(NamedTuple):
    """Coefficients of one cause on one completed table, and the log-likelihood where it is of that cause alone."""

    names: list[str]
    coef: np.ndarray
    covariance: np.ndarray
    loglik: float | None
    completed: bool = False


def effects_on(fitted: Any, cause: int, name: str) -> list[Effects]:
    """Return the effects on a cause, one entry per completed table."""
    for inner in ("estimator_", "model_"):  # wrappers hold what they fitted
        fitted = getattr(fitted, inner, fitted)
    models = [branch.model for branch in fitted.branches_] if hasattr(fitted, "branches_") else [fitted]
    effects = [_of_cause(model, cause, name) for model in models]
    other = next((each.names for each in effects if each.names != effects[0].names), None)
    if other is not None:
        raise argument_error(
            name,
            f"models of the same columns on all completed tables, such as {effects[0].names[:6]}",
            f"{sorted(set(effects[0].names) ^ set(other))[:5]} in some of them",
            "A category that some tables lack: name the categories (OneHot, pandas' Categorical), or merge rare ones.",
        )
    if getattr(fitted, "imputer_", None) is None:
        return effects
    # each pipeline completes the table with its own columns: likelihoods of different tables are not nested
    return [each._replace(loglik=None, completed=True) for each in effects]


def _of_cause(model: Any, cause: int, name: str) -> Effects:
    parts = getattr(model, "models_", None)
    if isinstance(parts, dict):  # one model per cause
        if cause not in parts:
            raise argument_error("cause", f"one of {sorted(parts)}", cause)
        model = parts[cause]
    if not all(hasattr(model, attribute) for attribute in ("coef_", "covariance_")):
        raise argument_error(
            name,
            "a fitted model with coefficients and their covariance",
            type(model).__name__,
            "Models without them are compared by scores of risks out of fold.",
        )
    if any(getattr(model, part, 0) not in (0, 0.0, None, "none") for part in ("penalty", "ridge")):
        raise argument_error(
            name,
            "unpenalised: a test needs the estimates that the data alone give",
            f"a penalty of {getattr(model, 'penalty', None)}",
        )
    columns = [str(column) for column in model.feature_names_in_]
    coef = np.atleast_2d(np.asarray(model.coef_, dtype=float))
    covariance, p = np.asarray(model.covariance_, dtype=float), len(columns)
    if not np.isfinite(coef).all():
        raise argument_error(
            name, "a model with one coefficient per column", "columns without one, such as those in `partial=`"
        )
    several = coef.shape[0] > 1
    if several:
        row = int(np.searchsorted(model.causes_, cause))
        covariance = covariance[row * p : (row + 1) * p, row * p : (row + 1) * p]
        return Effects(columns, coef[row], covariance, None)
    # the table of coefficients names what the covariance holds; otherwise a baseline stands before the effects
    terms = [str(term) for term in model.to_frame()["term"]]
    place = [terms.index(column) for column in columns] if len(terms) == len(covariance) else range(-p, 0)
    loglik = getattr(model, "log_likelihood_", None)
    return Effects(columns, coef[0], covariance[np.ix_(place, place)], None if loglik is None else float(loglik))
