"""``explain_model``: what the fitted model of the study uses, by modality and by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import FeatureMap, LBPError, Objection, objection
from lbp_prognosis.explain import ShapResult, prediction_shapley, shap_values, tree_shap

__all__ = ["explain_model", "explain_trees"]

MOST_ROWS, MOST_BACKGROUND = 80, 60
MOST_TREE_ROWS = 200


def explain_model(
    model: Any, X: pd.DataFrame, modalities: FeatureMap, horizon: float, seed: int, synthetic: bool
) -> tuple[dict[str, ShapResult], tuple[Objection, ...]]:
    """Return exact modality Shapley values of the risk, and columns' values on both scales.

    Parameters
    ----------
    model : fitted pipeline
        Of all data: an explanation says what the model uses, not how good it is.
    X : DataFrame of shape (n, p)
        Columns of the model.
    modalities : FeatureMap
        Its columns by modality.
    horizon : float
        Main horizon.
    seed : int
        Of the rows drawn.
    synthetic : bool
        Whether the data were simulated.

    Returns
    -------
    dict of str to ShapResult
        ``modalities`` (risk), ``columns`` (linear predictor), ``columns_risk``; what cannot be computed is left out
        and said.
    """
    whole = X.dropna()
    if len(whole) < 30:
        return {}, (objection("no-explanation", variant="few_complete", n=len(whole)),)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(whole))
    background = whole.iloc[order[:MOST_BACKGROUND]]
    rows = whole.iloc[order[:MOST_ROWS]]
    rows.attrs["synthetic"] = background.attrs["synthetic"] = synthetic
    doubts: list[Objection] = []
    found: dict[str, ShapResult] = {}
    tasks = {
        "modalities": lambda: prediction_shapley(model, rows, modalities, background, horizons=horizon),
        "columns": lambda: shap_values(model, rows, background, groups=modalities),
        "columns_risk": lambda: shap_values(
            model,
            rows,
            background,
            scale="risk",
            horizons=horizon,
            n_permutations=2,  # only where orders have to be sampled
            random_state=seed,
        ),
    }
    for name, task in tasks.items():
        try:
            found[name] = task()
        except LBPError as error:
            doubts.append(objection("no-explanation", name=name, reason=error))
    if len(whole) < len(X):
        doubts.append(objection("explained-on-complete-rows", complete=len(whole), n=len(X)))
    return found, tuple(dict.fromkeys((*doubts, *(o for result in found.values() for o in result.objections))))


def explain_trees(
    model: Any, X: pd.DataFrame, seed: int, synthetic: bool
) -> tuple[dict[str, ShapResult], tuple[Objection, ...]]:
    """Return TreeSHAP values of a boosted model's log-hazard of the event of interest, for complete rows.

    Parameters
    ----------
    model : fitted RiskPipeline
        Of a `BoostedCox`.
    X : DataFrame of shape (n, p)
        Columns of the model.
    seed : int
        Of the rows drawn.
    synthetic : bool
        Whether the data were simulated.

    Returns
    -------
    dict of str to ShapResult
        ``trees`` (log-hazard, interventional); empty, with the reason, where it cannot be computed.
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
