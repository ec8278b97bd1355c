"""Attributions of the fitted models of the study, by modality and by column."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import ArgumentError, FeatureMap, LBPError, Objection, objection
from lbp_prognosis.explain import ShapResult, prediction_shapley, shap_values, tree_shap

__all__ = ["explain_trees", "explanation_tasks"]

MOST_ROWS, MOST_BACKGROUND = 80, 60
MOST_TREE_ROWS = 200
MOST_EXACT = 6  # columns whose coalitions are all evaluated: 12 took minutes with several completions to predict


Found = tuple[dict[str, ShapResult], tuple[Objection, ...]]
"""Explanations by name, and what has to be said of them."""


def explanation_tasks(
    model: Any, X: pd.DataFrame, modalities: FeatureMap, horizon: float, seed: int, synthetic: bool
) -> list[Callable[[], Found]]:
    """Return the explanations of one model as separate functions, which any worker can call.

    They are the exact Shapley values of the risk by modality (``modalities``), and the values by column of the linear
    predictor (``columns``) and of the risk (``columns_risk``). Explanations that cannot be computed are left out with a
    note.

    Parameters
    ----------
    model : fitted pipeline
        Fitted to all patients: an explanation shows which information the model uses, not its performance.
    X : DataFrame of shape (n, p)
        Columns of the model.
    modalities : FeatureMap
        Its columns by modality.
    horizon : float
        Main horizon.
    seed : int
        Seed of the drawn rows.
    synthetic : bool
        Whether the data were simulated.
    """
    whole = X.dropna()
    if len(whole) < 30:
        return [partial(_only, objection("no-explanation", variant="few_complete", n=len(whole)))]
    order = np.random.default_rng(seed).permutation(len(whole))
    background = whole.iloc[order[:MOST_BACKGROUND]]
    rows = whole.iloc[order[:MOST_ROWS]]
    rows.attrs["synthetic"] = background.attrs["synthetic"] = synthetic
    of_risk = partial(shap_values, model, rows, background, scale="risk", horizons=horizon)
    by_column = of_risk if X.shape[1] <= MOST_EXACT else partial(_by_column, of_risk, seed)
    by_name: dict[str, Callable[[], ShapResult]] = {
        "modalities": partial(prediction_shapley, model, rows, modalities, background, horizons=horizon),
        "columns": partial(shap_values, model, rows, background, groups=modalities),
        "columns_risk": by_column,
    }
    tasks: list[Callable[[], Found]] = [partial(_explained, name, task) for name, task in by_name.items()]
    if len(whole) < len(X):
        tasks.append(partial(_only, objection("explained-on-complete-rows", complete=len(whole), n=len(X))))
    return tasks


def _by_column(of_risk: Callable[..., ShapResult], seed: int) -> ShapResult:
    """Return values of many columns: in closed form where the risk is a link of a sum, else from sampled orders."""
    try:
        return of_risk(method="series")
    except ArgumentError:
        return of_risk(method="permutation", n_permutations=2, random_state=seed)


def _explained(name: str, task: Callable[[], ShapResult]) -> Found:
    try:
        result = task()
    except LBPError as error:
        return {}, (objection("no-explanation", name=name, reason=error),)
    return {name: result}, tuple(result.objections)


def _only(said: Objection) -> Found:
    return {}, (said,)


def explain_trees(model: Any, X: pd.DataFrame, seed: int, synthetic: bool) -> Found:
    """Return TreeSHAP values of a boosted model's log-hazard of the event of interest, for complete rows.

    Parameters
    ----------
    model : fitted RiskPipeline
        Of a `BoostedCox`.
    X : DataFrame of shape (n, p)
        Columns of the model.
    seed : int
        Seed of the drawn rows.
    synthetic : bool
        Whether the data were simulated.

    Returns
    -------
    dict of str to ShapResult
        ``trees`` (log-hazard, interventional); empty, with the reason, if it cannot be computed.
    """
    whole = X.dropna()
    if len(whole) < 30:
        return {}, ()
    order = np.random.default_rng(seed).permutation(len(whole))
    try:
        boosted, rows = model.seen_by_model(whole.iloc[order[:MOST_TREE_ROWS]])
        _, background = model.seen_by_model(whole.iloc[order[:MOST_BACKGROUND]])
        rows.attrs["synthetic"] = synthetic
        return {"trees": tree_shap(boosted, rows, background)}, ()
    except LBPError as error:
        return {}, (objection("no-explanation", name="boosted trees", reason=error),)
