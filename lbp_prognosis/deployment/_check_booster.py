"""``check_booster``: the trees of a model file are trees, before xgboost follows their node numbers unchecked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

from lbp_prognosis.deployment._file_error import ModelFileError

__all__ = ["check_booster"]

_PER_NODE = (
    "left_children",
    "right_children",
    "parents",
    "split_indices",
    "split_conditions",
    "split_type",
    "default_left",
    "base_weights",
    "sum_hessian",
    "loss_changes",
)
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_WHOLE = {"left_children", "right_children", "parents", "split_indices", "split_type", "default_left", *_CATEGORIES}
_ROOT = 2**31 - 1  # parent of the first node
_LARGEST = float(np.finfo(np.float32).max)  # what is larger is infinite there; NaN is no JSON
_MOST_CODES = 2**16  # xgboost allocates a bit for each code up to the largest


def check_booster(text: str, n_columns: int) -> None:
    """Refuse a booster whose nodes, columns or codes of categories point outside it.

    Parameters
    ----------
    text : str
        Booster as JSON text of xgboost; empty if no tree was kept.
    n_columns : int
        Columns of the table that the model hands over.

    Raises
    ------
    ModelFileError
        If the trees are not trees over these columns. xgboost itself reads memory of others, or ends the process.
    """
    if not text:
        return
    try:
        learner = json.loads(text, parse_constant=_not_finite, object_pairs_hook=_once)["learner"]
        told = learner["learner_model_param"]
        if (told["num_feature"], told["num_class"], told.get("num_target", "1")) != (str(n_columns), "0", "1"):
            _refuse("has another number of columns or outputs than the model")
        for name in ("feature_names", "feature_types"):
            if len(learner.get(name) or ()) not in (0, n_columns):
                _refuse("has another number of columns than the model")
        model = learner["gradient_booster"]["model"]
        if learner["gradient_booster"]["name"] != "gbtree" or any((model.get("cats") or {}).values()):
            _refuse("is of a kind that this library does not make")
        trees = model["trees"]
        _check_rounds(model, len(trees))
        for place, tree in enumerate(trees):
            _check_tree(tree, place, n_columns)
    except ModelFileError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        _refuse(f"cannot be read ({type(error).__name__})", error)


def _not_finite(word: str) -> NoReturn:
    raise ValueError(word)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose names occur once: of two (one with an escape), xgboost may read the other."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _refuse(what: str, cause: Exception | None = None) -> NoReturn:
    raise ModelFileError(f"A booster of the model file {what}.") from cause


def _number(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"\d{1,9}", text):
        raise ValueError("no number")
    return int(text)


def _check_rounds(model: Mapping[str, Any], count: int) -> None:
    starts = model.get("iteration_indptr", list(range(count + 1)))
    if (
        _number(model["gbtree_model_param"]["num_trees"]) != count
        or _number(model["gbtree_model_param"].get("num_parallel_tree", "1")) < 1
        or model["tree_info"] != [0] * count
        or not all(type(start) is int for start in starts)
        or starts[0] != 0
        or starts[-1] != count
        or any(after < before for before, after in pairwise(starts))
    ):
        _refuse("has rounds that do not fit its trees")


def _array(tree: Mapping[str, Any], name: str) -> np.ndarray:
    values, kind = np.array(tree[name]), np.int64 if name in _WHOLE else float
    if values.size and (values.ndim != 1 or not np.can_cast(values.dtype, kind)):
        raise TypeError(name)
    return values.astype(kind)


def _check_tree(tree: Mapping[str, Any], place: int, n_columns: int) -> None:
    node = {name: _array(tree, name) for name in _PER_NODE}
    n = node["left_children"].size
    shape = tree["tree_param"]
    sizes = (_number(shape["num_nodes"]), _number(shape["num_feature"]))
    if n < 1 or sizes != (n, n_columns) or shape.get("size_leaf_vector", "1") not in ("0", "1") or tree["id"] != place:
        _refuse("has a tree that is not of its size")
    if any(values.size != n for values in node.values()):
        _refuse("has a tree that is not of its size")
    if any((np.abs(values) > _LARGEST).any() for values in node.values()):
        _refuse("has numbers that xgboost reads as infinite")
    if not _is_tree(node, n - _number(shape.get("num_deleted", "0"))):
        _refuse("has a tree whose nodes form none")
    for name, most in (("split_indices", n_columns), ("split_type", 2), ("default_left", 2)):
        if ((node[name] < 0) | (node[name] >= most)).any():
            _refuse("has a tree that splits by an unknown column")
    if not _fit_categories(tree, node):
        _refuse("has a tree whose categories do not fit its splits")


def _is_tree(node: Mapping[str, np.ndarray], count: int) -> bool:
    """Return whether so many nodes are reached from the first one, each once and from its own parent."""
    left, right, parents = node["left_children"], node["right_children"], node["parents"]
    inner = left >= 0
    if (left < -1).any() or (right[~inner] != -1).any() or parents[0] != _ROOT:
        return False
    seen, reached = np.zeros(left.size, dtype=bool), np.array([0])
    seen[0] = True
    while reached.size:
        here = reached[inner[reached]]
        reached, above = np.r_[left[here], right[here]], np.r_[here, here]
        if (reached < 1).any() or (reached >= left.size).any() or seen[reached].any():
            return False
        if np.unique(reached).size != reached.size or (parents[reached] != above).any():
            return False
        seen[reached] = True
    return int(seen.sum()) == count


def _fit_categories(tree: Mapping[str, Any], node: Mapping[str, np.ndarray]) -> bool:
    """Return whether the splits by category, and no others, have a set of codes each, one set after the other."""
    codes, nodes, starts, sizes = (_array(tree, name) for name in _CATEGORIES)
    return bool(
        np.array_equal(nodes, np.flatnonzero(node["split_type"] == 1))
        and starts.size == sizes.size == nodes.size
        and (sizes >= 0).all()
        and np.array_equal(starts, np.cumsum(np.r_[0, sizes])[: nodes.size])
        and sizes.sum() == codes.size
        and ((codes >= 0) & (codes < _MOST_CODES)).all()
        and (node["left_children"][nodes] >= 0).all()
    )
