"""Margins of trees for rows mixed of two: some players keep one row's values, the rest take another row's.

A leaf is a bit. The splits on one player's columns rule out some leaves for a row, whatever the other columns are; what
is left over all players, each with the row it takes, is the one leaf that the mixed row falls into. So rows are sent
down the trees once, and not once per mixture (the idea of QuickScorer, doi:10.1145/2766462.2767733).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._compiled import compiled

__all__ = ["MOST_LEAVES", "Forest", "forest_masks", "hybrid_margins"]

MOST_LEAVES = 64
_PLACE = np.zeros(64, dtype=np.int64)  # of the only bit of a number, by the product with De Bruijn's sequence
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
for _bit in range(64):
    _PLACE[((1 << _bit) * int(_DE_BRUIJN) % 2**64) >> 58] = _bit


@dataclass(frozen=True)
class Forest:
    """Trees as arrays; splits of a tree stand in ``range(start[t], start[t + 1])``.

    Attributes
    ----------
    start : ndarray of int of shape (n_trees + 1,)
        First split of each tree.
    column : ndarray of int of shape (n_splits,)
        Column of the row.
    threshold : ndarray of float32 of shape (n_splits,)
        A smaller value goes left.
    missing_left : ndarray of bool of shape (n_splits,)
        Whether a missing value goes left.
    left, right : ndarray of uint64 of shape (n_splits,)
        Leaves below, as bits.
    leaves : ndarray of float32 of shape (n_trees, n_leaves)
        Values.
    whole : ndarray of uint64 of shape (n_trees,)
        All leaves of each tree, as bits.
    """

    start: np.ndarray
    column: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    leaves: np.ndarray
    whole: np.ndarray


def forest_masks(forest: Forest, owner: np.ndarray, slots: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return ``(n, n_trees, n_slots)``: leaves that the splits of one player leave open, as bits.

    Parameters
    ----------
    forest : Forest
        Trees.
    owner : ndarray of int of shape (n_columns,)
        Player of each column.
    slots : ndarray of int of shape (n_trees, n_players)
        Place of each player among those whose columns the tree splits, −1 for others.
    X : ndarray of float32 of shape (n, n_columns)
        Rows; NaN is missing.
    """
    out = np.full((len(X), forest.start.size - 1, int(slots.max(initial=0)) + 1), ~np.uint64(0))
    splits = (forest.start, forest.column, forest.threshold, forest.missing_left, forest.left, forest.right)
    _masks(*splits, owner, slots, np.ascontiguousarray(X), out)  # compiled for one order of cells
    return out


@compiled()
def _masks(start, column, threshold, missing_left, left, right, owner, slots, X, out):  # pragma: no cover - compiled
    n, trees = X.shape[0], start.size - 1
    for i in range(n):
        for t in range(trees):
            for split in range(start[t], start[t + 1]):
                value = X[i, column[split]]
                goes_left = missing_left[split] if np.isnan(value) else value < threshold[split]
                out[i, t, slots[t, owner[column[split]]]] &= ~(right[split] if goes_left else left[split])


def hybrid_margins(
    forest: Forest, used: np.ndarray, places: np.ndarray, own: np.ndarray, drawn: np.ndarray
) -> np.ndarray:
    """Return margins ``(n, b, n_coalitions)``, added up in single precision in the order of the trees.

    Parameters
    ----------
    forest : Forest
        Trees.
    used : ndarray of int of shape (n_trees,)
        How many players each tree splits on.
    places : ndarray of int of shape (n_trees, n_coalitions)
        Which of a tree's players keep their own row, as bits.
    own, drawn : ndarray of uint64
        Of `forest_masks`: the explained rows, and the background.
    """
    out = np.zeros((own.shape[0], drawn.shape[0], places.shape[1]), dtype=np.float32)
    most = 1 << int(used.max(initial=0))
    rooms = (np.empty(most, dtype=np.uint64), np.empty(most, dtype=np.float32))
    _margins(forest.leaves, forest.whole, used, places, own, drawn, _PLACE, _DE_BRUIJN, *rooms, out)
    return out


@compiled()
def _margins(
    leaves, whole, used, places, own, drawn, place, sequence, open_leaves, values, out
):  # pragma: no cover - compiled
    n, b, trees, coalitions = own.shape[0], drawn.shape[0], leaves.shape[0], places.shape[1]
    shift = np.uint64(58)
    for i in range(n):
        for j in range(b):
            for t in range(trees):
                size = 1
                open_leaves[0] = whole[t]
                for u in range(used[t]):
                    mine, other = own[i, t, u], drawn[j, t, u]
                    for s in range(size):
                        open_leaves[size + s] = open_leaves[s] & mine
                        open_leaves[s] &= other
                    size *= 2
                for s in range(size):
                    values[s] = leaves[t, place[(open_leaves[s] * sequence) >> shift]]
                for c in range(coalitions):
                    out[i, j, c] += values[places[t, c]]
