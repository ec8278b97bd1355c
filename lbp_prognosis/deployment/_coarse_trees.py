"""``coarse_trees``: boosted trees without values of single patients."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from lbp_prognosis.deployment._short_numbers import digits

__all__ = ["coarse_trees"]


def coarse_trees(part: Any, least: int, notes: list[str]) -> None:
    """Round the split points of trees to three digits, and return whether a leaf represents few patients."""
    fewest = vars(part).pop("fewest_in_leaf_", None)
    if fewest is None:
        notes.append("leaves of trees are not counted by patients")
    elif fewest < least:
        notes.append(f"a leaf of a tree has fewer than {least} patients of the training data")
    if isinstance(part.trees_, str):
        part.trees_ = _rounded_trees(part.trees_)
    else:
        part.trees_ = {key: _rounded_trees(text) for key, text in part.trees_.items()}
    vars(part).pop("_boosters", None)


def _rounded_trees(text: str) -> str:
    if not text:
        return text  # no round was kept
    booster = json.loads(text)
    model = booster["learner"]["gradient_booster"]
    for tree in model.get("gbtree", model)["model"]["trees"]:
        points = np.array(tree["split_conditions"], dtype=float)
        inside = np.array(tree["left_children"]) >= 0
        points[inside] = digits(points[inside], 3)
        tree["split_conditions"] = points.tolist()
    return json.dumps(booster)
