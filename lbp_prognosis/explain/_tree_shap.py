"""``tree_shap``: attributions of a boosted model's margin by TreeSHAP.

This file and ``_to_explanation`` use the package ``shap``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    content_hash,
    numbers_in,
    require,
    takes_rows,
)
from lbp_prognosis.explain._coalitions import doubts_of_background
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._worth import table_of

__all__ = ["tree_shap"]


@takes_rows()
def tree_shap(model: Any, X: Any, background: Any = None, *, cause: int = 1) -> ShapResult:
    """Attribute the log-hazard of a `BoostedCox` to its columns by TreeSHAP.

    Parameters
    ----------
    model : BoostedCox
        Fitted; for a pipeline, pass its model and the transformed rows.
    X : DataFrame or array of shape (n, p)
        Rows to explain; the trees treat missing values as in training.
    background : DataFrame or array of shape (b, p), optional
        Rows that stand for "not known" (interventional values, needs the package ``shap``). Without it the values are
        path dependent: the training rows as the trees split them.
    cause : int, default 1
        Event code.

    Returns
    -------
    ShapResult
        On the log-hazard scale: slope times margin. Rescaling these values does not give attributions of the risk; use
        `shap_values` or `prediction_shapley` with ``scale="risk"``.

    Notes
    -----
    Path-dependent and interventional values differ when columns are correlated; the result names the kind. Trees
    contain single-precision numbers, so sums agree with predictions to about 1e-6.

    References
    ----------
    Lundberg SM, Erion G, Chen H, et al. From local explanations to global understanding with explainable AI for trees.
    Nat Mach Intell 2020;2:56-67. doi:10.1038/s42256-019-0138-9
    """
    if not hasattr(model, "margin_contributions") or not hasattr(model, "slope_"):
        raise argument_error("model", "a fitted BoostedCox", model, "Other models: shap_values.")
    rows = table_of("X", X)
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        rows = table_of("X", rows, like=rows[[c for c in names if c in rows.columns]])
    slope = float(model.slope_[cause])
    prediction = np.asarray(model.linear_predictor(rows, cause), dtype=float)
    common: dict[str, Any] = {
        "players": tuple(map(str, rows.columns)),
        "scale": "log_hazard",
        "method": "tree",
        "rows": tuple(rows.index.tolist()),
        "data": rows,
        "missing": rows.isna().to_numpy().astype(float),
        "synthetic": bool(rows.attrs.get("synthetic", False)),
        "prediction": prediction[:, None],
    }
    if background is None:
        parts = np.asarray(model.margin_contributions(rows, cause), dtype=float)
        return ShapResult(
            values=parts[:, :-1, None],
            base=parts[:, -1:],
            value_function="path_dependent",
            background_hash="",
            n_background=0,
            **common,
        )
    drawn = table_of("background", background, like=rows)
    if model.categories_:
        raise argument_error(
            "background",
            "left out for a model with native categories",
            f"a table, and categories in {list(model.categories_)[:5]}",
            "shap_values takes any model, by coalitions.",
        )
    if model.n_rounds_[cause] == 0:
        values, base = np.zeros(rows.shape), 0.0
    else:
        shap = require("shap", caller="tree_shap", extra="shap")
        place = {str(name): j for j, name in enumerate(rows.columns if names is not None else model.tree_columns_)}
        order = [place[name] for name in model.tree_columns_]  # trees identify columns by name
        explainer = shap.TreeExplainer(
            model.booster(cause),
            data=numbers_in(drawn, drawn.columns, "background")[:, order],
            feature_perturbation="interventional",
        )
        values = np.empty(rows.shape)
        inner = numbers_in(rows, rows.columns)[:, order]
        values[:, order] = slope * np.asarray(explainer.shap_values(inner, check_additivity=False))
        base = float(np.asarray(model.linear_predictor(drawn, cause), dtype=float).mean())
    return ShapResult(
        values=values[:, :, None],
        base=np.full((len(rows), 1), base),
        value_function="interventional",
        background_hash=content_hash(drawn),
        n_background=len(drawn),
        objections=doubts_of_background(drawn, {str(column): (column,) for column in drawn.columns}),
        **common,
    )
