"""Roles of the row-wise arguments of the public functions, by name."""

from __future__ import annotations

from typing import Literal

__all__ = ["ROLES", "Role"]

Role = Literal["outcome", "matrix", "frame", "numbers", "risks", "labels", "weights", "many numbers", "many labels"]
"""
``outcome``
    A structured array; pairs by position, or by the labels it carries.
``matrix``
    Predictors: a frame of any library, or an array.
``frame``
    A frame with rows of its own (background rows, a development sample): read, not paired.
``numbers``
    One number per row (or one column per horizon).
``risks``
    Risks of one model, a mapping from model name to risks, or a frame of models.
``labels``
    One label per row: strata, clusters, groups, sites.
``weights``
    `Weights` or one number per row.
``many numbers``, ``many labels``
    A mapping from a name to numbers or labels, or these themselves.
"""

ROLES: dict[str, Role] = {
    "y": "outcome",
    "X": "matrix",
    "risk": "numbers",
    "risks": "risks",
    "score": "numbers",
    "forecast": "numbers",
    "predicted": "numbers",
    "reference": "numbers",
    "sample_weight": "weights",
    "strata": "labels",
    "clusters": "labels",
    "groups": "labels",
    "sites": "labels",
    "pooled_sites": "labels",
    "site": "labels",
    "within": "labels",
    "offset": "numbers",
    "entry": "numbers",
    "treated_at": "numbers",
    "linear_predictor": "numbers",
    "linear_predictors": "many numbers",
    "cumulative_hazard": "numbers",
    "cumulative_hazards": "many numbers",
    "fit_params": "many labels",
    "risk_first": "numbers",
    "risk_second": "numbers",
    "risk_without": "numbers",
    "risk_with": "numbers",
    "imaging_probability": "numbers",
    "tested": "labels",
    "spread": "numbers",
    "first": "numbers",
    "second": "numbers",
    "scores": "many numbers",
    "observed": "many numbers",
    "positive": "numbers",
    "values": "numbers",
    "scanner": "labels",
    "subject": "labels",
    "covariates": "matrix",
    "ratings": "matrix",
    "folds": "labels",
    "group_by": "labels",
    "background": "frame",
    "development_X": "frame",
}
"""Roles by parameter name; a function that uses a name otherwise says so where it is decorated."""
