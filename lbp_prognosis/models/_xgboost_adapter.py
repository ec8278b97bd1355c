"""The one place that knows xgboost: trees grown on our own derivatives, saved as JSON text.

xgboost's objective ``survival:cox`` is not used: it leaves row weights out of the risk sets, takes an event at time 0
for a censored row (the sign of the label carries the event), knows Breslow's ties only, no delayed entry and no strata,
and predicts exp(margin). Given the gradient and curvature of the partial likelihood, its trees have none of these
faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lbp_prognosis._base import require

__all__ = ["grow_booster", "load_booster", "margin_contributions", "predict_margin", "save_booster"]

BoosterParameters = dict[str, Any]
Derivatives = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _xgboost() -> Any:
    return require("xgboost", caller="BoostedCox", extra="boost")


def grow_booster(
    X: np.ndarray,
    derivatives: Derivatives,
    parameters: BoosterParameters,
    rounds: int,
    *,
    held_out: np.ndarray | None = None,
) -> tuple[Any, np.ndarray | None]:
    """Grow trees for a number of rounds, in one thread.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Predictors; NaN is missing.
    derivatives : callable
        Margins ``(n,)`` -> gradient of the log-likelihood and curvature, each ``(n,)``.
    parameters : dict
        xgboost's parameters.
    rounds : int
        Trees.
    held_out : ndarray of shape (m, p), optional
        Rows whose margins are wanted after every round.

    Returns
    -------
    booster : xgboost.Booster
        All trees.
    margins : ndarray of shape (rounds, m) or None
        Margins of the held-out rows after each round.
    """
    xgboost = _xgboost()
    train = xgboost.DMatrix(X)
    staged: list[np.ndarray] = []

    def objective(margin: np.ndarray, _: Any) -> tuple[np.ndarray, np.ndarray]:
        gradient, curvature = derivatives(np.asarray(margin, dtype=float).ravel())
        return -gradient, curvature

    def watch(margin: np.ndarray, _: Any) -> tuple[str, float]:
        staged.append(np.array(margin, dtype=float).ravel())
        return "margin", 0.0

    settings = {
        "tree_method": "hist",
        "nthread": 1,
        "verbosity": 0,
        "base_score": 0.0,
        "disable_default_eval_metric": True,
        **parameters,
    }
    watched = [] if held_out is None else [(xgboost.DMatrix(held_out), "held_out")]
    booster = xgboost.train(
        settings,
        train,
        num_boost_round=rounds,
        obj=objective,
        evals=watched,
        verbose_eval=False,
        custom_metric=watch if watched else None,
    )
    return booster, np.array(staged) if watched else None


def save_booster(booster: Any) -> str:
    """Return a booster as JSON text."""
    return bytes(booster.save_raw(raw_format="json")).decode("utf-8")


def load_booster(text: str) -> Any:
    """Return the booster of `save_booster`'s text; JSON only, so nothing in it can run."""
    xgboost = _xgboost()
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(text.encode("utf-8")))
    return booster


def predict_margin(booster: Any, X: np.ndarray) -> np.ndarray:
    """Return margins ``(n,)``."""
    margin = booster.predict(_xgboost().DMatrix(X), output_margin=True)
    return np.asarray(margin, dtype=float).ravel()


def margin_contributions(booster: Any, X: np.ndarray) -> np.ndarray:
    """Return path-dependent TreeSHAP values of the margin, ``(n, p + 1)``, the last column the mean margin."""
    return np.asarray(booster.predict(_xgboost().DMatrix(X), pred_contribs=True), dtype=float)
