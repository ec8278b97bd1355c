"""On which scale a linear predictor stands, asked of the model that made it."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np

__all__ = [
    "HAZARD_SCALES",
    "LINEAR_PREDICTOR_SCALES",
    "linear_predictor_of",
    "linear_predictor_scale",
    "stated_score",
    "takes_cause",
]

LINEAR_PREDICTOR_SCALES = (
    "log_hazard",
    "log_cumulative_hazard",
    "log_subdistribution_hazard",
    "log_odds",
    "log_time",
    "probit",
    "score",
)
"""Values of ``linear_predictor_scale``; None for a model without a linear predictor, or with one on no named scale.

On all of them higher means sooner (a higher score): ``log_time`` is minus the log of time, ``score`` that of a
score at a visit, whose cut may lie on either side.
"""

HAZARD_SCALES = ("log_hazard", "log_cumulative_hazard", "log_subdistribution_hazard")
"""Scales on which a unit multiplies a hazard by e, so that the coefficient in a Cox model is a calibration slope."""


def linear_predictor_scale(model: Any) -> str | None:
    """Return what a model states as the scale of its linear predictor; None where it states nothing.

    Parameters
    ----------
    model : object
        Fitted or not; the scale of some models depends on the outcome they were fitted to.
    """
    if not hasattr(model, "linear_predictor"):
        return None
    stated = getattr(model, "linear_predictor_scale", None)
    return stated if stated in LINEAR_PREDICTOR_SCALES else None


@cache
def takes_cause(kind: type) -> bool:
    """Return whether the linear predictor of a class of models is asked for a cause.

    Parameters
    ----------
    kind : type
        Class of a model.
    """
    try:
        return "cause" in inspect.signature(kind.linear_predictor).parameters  # type: ignore[attr-defined]
    except (TypeError, ValueError, AttributeError):
        return False


def linear_predictor_of(model: Any, X: Any, cause: int = 1, **rows: Any) -> np.ndarray:
    """Return a model's linear predictor of a cause, whether or not its method has that argument.

    Parameters
    ----------
    model : fitted model
        With ``linear_predictor``.
    X : DataFrame or ndarray of shape (n, p)
        Predictors.
    cause : int, default 1
        Event code; a model of one cause is not told.
    **rows
        Row-wise arguments passed on (``offset``).
    """
    asked = {"cause": cause} if takes_cause(type(model)) else {}  # type: ignore[arg-type]
    return np.asarray(model.linear_predictor(X, **asked, **rows), dtype=float)


def stated_score(model: Any, X: Any, kind: str, cause: int = 1) -> np.ndarray | None:
    """Return the linear predictor where it stands on the scale on which an outcome is regressed, else None.

    That is a hazard for times to an event, and log odds for a state; without one the caller takes the risk on that
    scale, which answers the same question for every model.

    Parameters
    ----------
    model : fitted model
        Any.
    X : DataFrame or ndarray of shape (n, p)
        Predictors.
    kind : {"right", "interval", "status"}
        Kind of outcome.
    cause : int, default 1
        Event code.

    Returns
    -------
    ndarray of shape (n,) or None
        The score.
    """
    wanted = ("log_odds",) if kind == "status" else HAZARD_SCALES
    if linear_predictor_scale(model) not in wanted:
        return None
    score = linear_predictor_of(model, X, cause)
    return score if score.ndim == 1 else None
