"""Coalition values of boosted trees, computed from the leaves of two rows without building frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import numbers_in
from lbp_prognosis._kernels import MOST_LEAVES, Forest, forest_masks, hybrid_margins
from lbp_prognosis.explain._worth import Players

__all__ = ["BoostedWorths", "boosted_worths", "read_forest"]

_CELLS = 4_000_000  # row × background × coalition cells at a time
_MOST_SLOTS = 12  # most players on which one tree may split
_CHECKED = 50


@dataclass(frozen=True)
class BoostedWorths:
    """Values of coalitions for a model of boosted trees.

    Attributes
    ----------
    model : BoostedCox
        Fitted.
    forests : dict of int to Forest
        By cause.
    slots : dict of int to ndarray of shape (n_trees, n_players)
        Place of each player among those whose columns a tree splits, −1 for others.
    owner : ndarray of int of shape (n_columns,)
        Player of each column, as the trees number them.
    own, drawn : ndarray of float32 of shape (n, n_columns), (b, n_columns)
        Explained rows and background.
    horizons : ndarray or None
        On the risk scale.
    cause : int
        Event code.
    """

    model: Any
    forests: dict[int, Forest]
    slots: dict[int, np.ndarray]
    owner: np.ndarray
    own: np.ndarray
    drawn: np.ndarray
    horizons: np.ndarray | None
    cause: int

    def __call__(self, members: np.ndarray) -> np.ndarray:
        """Return ``(n_coalitions, n, n_outputs)``: means over the background.

        Parameters
        ----------
        members : ndarray of bool of shape (n_coalitions, n_players)
            Players whose own values are kept.
        """
        places = {code: _places(slots, members) for code, slots in self.slots.items()}
        used = {code: (slots >= 0).sum(axis=1) for code, slots in self.slots.items()}
        drawn = {code: self._masks(code, self.drawn) for code in self.forests}
        n, b, count = len(self.own), len(self.drawn), len(members)
        step = max(1, _CELLS // (b * count))
        parts = []
        for start in range(0, n, step):
            rows = self.own[start : start + step]
            margins = np.stack(
                [
                    hybrid_margins(forest, used[code], places[code], self._masks(code, rows), drawn[code])
                    for code, forest in self.forests.items()
                ],
                axis=-1,
            )
            output = self._output(margins.reshape(-1, len(self.forests)).astype(float))
            parts.append(output.reshape(len(rows), b, count, -1).mean(axis=1))
        return np.concatenate(parts).transpose(1, 0, 2)

    def _masks(self, code: int, rows: np.ndarray) -> np.ndarray:
        return forest_masks(self.forests[code], self.owner, self.slots[code], rows)

    def _output(self, margins: np.ndarray) -> np.ndarray:
        scores = margins * np.array([self.model.slope_[code] for code in self.forests])
        if self.horizons is None:
            return scores
        return np.asarray(self.model.risk_of_log_hazards(scores, self.horizons, self.cause))


def boosted_worths(
    estimator: Any, X: pd.DataFrame, background: pd.DataFrame, who: Players, horizons: np.ndarray | None, cause: int
) -> BoostedWorths | None:
    """Return coalition values from the leaves, or None if the model consists of more than boosted trees.

    Parameters
    ----------
    estimator : fitted model
        A `BoostedCox` without strata, offset and categories, or a pipeline of it without steps.
    X, background : DataFrame
        Rows to explain, and rows that stand for "not known".
    who : mapping of str to tuple of str
        Columns by player.
    horizons : ndarray, optional
        On the risk scale; without them the log-hazard is explained.
    cause : int
        Event code.
    """
    model = _bare(estimator)
    if model is None or cause not in model.trees_:
        return None
    columns = list(model.tree_columns_)
    names = {str(column): column for column in X.columns}
    owned = {str(column): k for k, columns_ in enumerate(who.values()) for column in columns_}
    if any(column not in names or column not in owned for column in columns):
        return None
    codes = [cause] if horizons is None else list(model.trees_)
    owner = np.array([owned[column] for column in columns])
    forests, slots = {}, {}
    for code in codes:
        forest = read_forest(model.trees_[code]) if model.n_rounds_[code] else _no_trees()
        if forest is None:
            return None
        forests[code], slots[code] = forest, _slots(forest, owner, len(who))
        if slots[code].max(initial=0) >= _MOST_SLOTS:
            return None
    own, drawn = (
        numbers_in(table, [names[column] for column in columns]).astype(np.float32) for table in (X, background)
    )
    found = BoostedWorths(model, forests, slots, owner, own, drawn, horizons, cause)
    return found if _is_the_model(found, estimator, X.iloc[:_CHECKED], background) else None


def _is_the_model(found: BoostedWorths, estimator: Any, X: pd.DataFrame, background: pd.DataFrame) -> bool:
    """Whether the coalition of all players gives the predictions of the model."""
    few = BoostedWorths(
        found.model,
        found.forests,
        found.slots,
        found.owner,
        found.own[: len(X)],
        found.drawn[:1],
        found.horizons,
        found.cause,
    )
    all_players = np.ones((1, next(iter(found.slots.values())).shape[1]), dtype=bool)
    ours = few(all_players)[0]
    if found.horizons is None:
        theirs = np.asarray(estimator.linear_predictor(X, found.cause), dtype=float)[:, None]
    else:
        theirs = np.asarray(estimator.predict_risk(X, found.horizons, found.cause), dtype=float)
    return bool(np.abs(ours - theirs).max() <= 1e-6 * (1 + np.abs(theirs).max()))


def _bare(estimator: Any) -> Any:
    """Return the boosted model: the estimator itself, or the only step of a pipeline; else None."""
    model = estimator
    if hasattr(estimator, "branches_"):
        if len(estimator.steps) or len(estimator.branches_) != 1:
            return None
        model = estimator.branches_[0].model
    asked = ("trees_", "slope_", "tree_columns_", "risk_of_log_hazards")
    if not all(hasattr(model, name) for name in asked) or model.categories_:
        return None
    return None if model.strata is not None or model.offset is not None or model.strata_levels_ else model


def read_forest(text: str) -> Forest | None:
    """Return the trees of a booster saved as JSON; None with more than 64 leaves, categories or several outputs.

    Parameters
    ----------
    text : str
        As the booster saves itself.
    """
    trees = json.loads(text)["learner"]["gradient_booster"]["model"]["trees"]
    start, leaves = [0], []
    splits: list[tuple[int, float, bool, int, int]] = []
    for tree in trees:
        if any(tree.get("split_type", ())) or int(tree["tree_param"].get("size_leaf_vector", 1) or 1) > 1:
            return None
        values: list[float] = []
        _walk(tree, 0, splits, values)
        if len(values) > MOST_LEAVES:
            return None
        start.append(len(splits))
        leaves.append(values)
    table = np.zeros((len(trees), max(map(len, leaves), default=1)), dtype=np.float32)
    for t, values in enumerate(leaves):
        table[t, : len(values)] = values
    return _forest(start, splits, table, [len(values) for values in leaves])


def _forest(
    start: Sequence[int], splits: Sequence[tuple[int, float, bool, int, int]], table: np.ndarray, counts: Sequence[int]
) -> Forest:
    columns = list(zip(*splits)) if splits else [(), (), (), (), ()]
    return Forest(
        start=np.array(start, dtype=np.int64),
        column=np.array(columns[0], dtype=np.int64),
        threshold=np.array(columns[1], dtype=np.float32),
        missing_left=np.array(columns[2], dtype=bool),
        left=np.array(columns[3], dtype=np.uint64),
        right=np.array(columns[4], dtype=np.uint64),
        leaves=table,
        whole=np.array([(1 << count) - 1 for count in counts], dtype=np.uint64),
    )


def _no_trees() -> Forest:
    return _forest([0], [], np.zeros((0, 1), dtype=np.float32), [])


def _walk(tree: dict[str, Any], node: int, splits: list[tuple[int, float, bool, int, int]], values: list[float]) -> int:
    """Append the splits below a node and its leaves from left to right; return the leaves as bits."""
    if tree["left_children"][node] == -1:
        values.append(float(tree["split_conditions"][node]))
        return 1 << (len(values) - 1)
    place = len(splits)
    splits.append((0, 0.0, False, 0, 0))
    left = _walk(tree, tree["left_children"][node], splits, values)
    right = _walk(tree, tree["right_children"][node], splits, values)
    splits[place] = (
        int(tree["split_indices"][node]),
        float(tree["split_conditions"][node]),
        bool(tree["default_left"][node]),
        left,
        right,
    )
    return left | right


def _slots(forest: Forest, owner: np.ndarray, players: int) -> np.ndarray:
    out = np.full((len(forest.leaves), players), -1, dtype=np.int64)
    for t in range(len(forest.leaves)):
        here = np.unique(owner[forest.column[forest.start[t] : forest.start[t + 1]]])
        out[t, here] = np.arange(here.size)
    return out


def _places(slots: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return, as bits, the players of each tree that are in each coalition: ``(n_trees, n_coalitions)``."""
    bits = np.where(slots >= 0, 1 << np.maximum(slots, 0), 0)
    return (bits @ members.T.astype(np.int64)).astype(np.int16)
