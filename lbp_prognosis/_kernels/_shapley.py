"""Shapley and Owen values from a table of coalition worths.

Coalitions of ``n`` players are numbered by their bits: ``s`` holds player ``j`` when ``s >> j & 1``. The worth table
has one row per coalition, 2ⁿ rows, and any further axes (patients, horizons, metrics, influence values …).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import factorial

import numpy as np
from scipy.sparse import csr_matrix

__all__ = [
    "NestedPlan",
    "coalition_members",
    "interaction_weights",
    "nested_plan",
    "owen_weights",
    "precedence_weights",
    "shapley_from_values",
    "shapley_weights",
]


@lru_cache(maxsize=32)
def coalition_members(n: int) -> np.ndarray:
    """Return the boolean ``(2**n, n)`` membership table."""
    members = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
    members.setflags(write=False)
    return members


@lru_cache(maxsize=32)
def shapley_weights(n: int) -> np.ndarray:
    """Return ``(n, 2**n)`` weights W with φ = W v: the values are linear in the worths.

    A coalition that contains the player enters with +(s−1)!(n−s)!/n!, one that does not with −s!(n−s−1)!/n!.
    """
    members = coalition_members(n)
    size = members.sum(axis=1)
    facts = np.array([factorial(k) for k in range(n + 1)], dtype=float)
    with_player = facts[np.maximum(size - 1, 0)] * facts[n - size] / facts[n]
    without = facts[size] * facts[np.maximum(n - size - 1, 0)] / facts[n]
    weights = np.where(members.T, with_player, -without)
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=8)
def interaction_weights(n: int) -> np.ndarray:
    """Return ``(n (n − 1) / 2, 2**n)`` weights of the Shapley interactions of pairs, in `numpy.triu_indices`' order.

    A coalition with s of the other players enters with s!(n−s−2)!/(n−1)!, positive where it holds both of the pair or
    neither, negative where it holds one.
    """
    members = coalition_members(n)
    size = members.sum(axis=1)
    facts = np.array([factorial(k) for k in range(n + 1)], dtype=float)
    first, second = np.triu_indices(n, 1)
    held = members[:, first].astype(int) + members[:, second]
    others = size[:, None] - held
    weights = np.where(held == 1, -1.0, 1.0) * facts[others] * facts[n - 2 - others] / facts[n - 1]
    weights = np.ascontiguousarray(weights.T)
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=32)
def owen_weights(groups: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Return ``(n, 2**n)`` weights of the Owen values for players in ``groups`` (a partition of 0 … n−1).

    Orders are drawn uniformly among those in which the members of a group stand together: the other groups enter whole
    or not at all, and within a group the members enter as in the Shapley value. Values of a group's members add up to
    the Shapley value of the group as one player.
    """
    n = sum(len(group) for group in groups)
    outer = len(groups)
    weights = np.zeros((n, 2**n))
    bits = [sum(1 << player for player in group) for group in groups]
    for g, group in enumerate(groups):
        others = [bits[h] for h in range(outer) if h != g]
        for chosen in range(2 ** len(others)):
            before = bin(chosen).count("1")
            share = factorial(before) * factorial(outer - 1 - before) / factorial(outer)
            base = sum(bit for k, bit in enumerate(others) if chosen >> k & 1)
            for inner in range(2 ** len(group)):
                held = bin(inner).count("1")
                coalition = base + sum(1 << player for k, player in enumerate(group) if inner >> k & 1)
                for k, player in enumerate(group):
                    if not inner >> k & 1:
                        weight = share * factorial(held) * factorial(len(group) - held - 1) / factorial(len(group))
                        weights[player, coalition | 1 << player] += weight
                        weights[player, coalition] -= weight
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=32)
def precedence_weights(n: int, first: tuple[int, ...]) -> np.ndarray:
    """Return ``(n, 2**n)`` weights of the Shapley values over the orders in which ``first`` precede all others."""
    early, late = list(first), [player for player in range(n) if player not in first]
    weights = np.zeros((n, 2**n))
    for block, offset in ((early, 0), (late, sum(1 << player for player in early))):
        size = len(block)
        for inner in range(2**size):
            held = bin(inner).count("1")
            coalition = offset + sum(1 << player for k, player in enumerate(block) if inner >> k & 1)
            for k, player in enumerate(block):
                if not inner >> k & 1:
                    weight = factorial(held) * factorial(size - held - 1) / factorial(size)
                    weights[player, coalition | 1 << player] += weight
                    weights[player, coalition] -= weight
    weights.setflags(write=False)
    return weights


def shapley_from_values(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return φ of shape ``(n, …)`` from worths of shape ``(2**n, …)``; ``weights`` default to the Shapley ones."""
    if weights is None:
        weights = shapley_weights(int(values.shape[0]).bit_length() - 1)
    return np.tensordot(weights, values, axes=(1, 0))


@dataclass(frozen=True)
class NestedPlan:
    """Coalitions needed for nested values, and their weights.

    Attributes
    ----------
    members : ndarray of bool of shape (n_coalitions, n)
        Coalitions, each once; the first is empty, the last contains all players.
    weights : csr_matrix of shape (n, n_coalitions)
        φ = weights @ worths.
    """

    members: np.ndarray
    weights: csr_matrix


def nested_plan(tree: tuple, n: int) -> NestedPlan:
    """Return the plan of Owen and Winter values for players in a tree of unions.

    Parameters
    ----------
    tree : tuple
        Children of the root: a player (int from 0 to n − 1), or a tuple of children of its own. Two levels are Owen's
        values, more are Winter's (the average over the orders in which every union stands together).
    n : int
        Number of players; each occurs once in the tree.

    Notes
    -----
    Before a player enters, whole siblings of it and of each of its ancestors may have entered: a subset S of k siblings
    has the weight |S|! (k − |S| − 1)! / k!. The number of coalitions grows with 2 to the siblings along a path, not
    with 2 to the number of players. Winter 1989, doi:10.1007/BF01268150.
    """
    place: dict[int, int] = {0: 0}
    row: list[int] = []
    column: list[int] = []
    value: list[float] = []
    for player, before, weight in _orders(tree, 0, 1.0):
        for coalition, signed in ((before | 1 << player, weight), (before, -weight)):
            row.append(player)
            column.append(place.setdefault(coalition, len(place)))
            value.append(signed)
    all_players = (1 << n) - 1
    end = place.setdefault(all_players, len(place))
    order = np.arange(len(place))
    order[[end, -1]] = order[[-1, end]]  # the whole coalition goes last
    masks = [0] * len(place)
    for coalition, k in place.items():
        masks[order[k]] = coalition
    size = (n + 7) // 8
    packed = np.frombuffer(b"".join(mask.to_bytes(size, "little") for mask in masks), dtype=np.uint8)
    members = np.unpackbits(packed.reshape(len(masks), size), axis=1, count=n, bitorder="little").astype(bool)
    weights = csr_matrix((value, (row, order[np.asarray(column)])), shape=(n, len(masks)))
    return NestedPlan(members, weights)


def _leaves(node: int | tuple) -> int:
    return 1 << node if isinstance(node, int) else sum(_leaves(child) for child in node)


def _orders(children: tuple, before: int, weight: float) -> Iterator[tuple[int, int, float]]:
    """Yield a player, the coalition before it, and the probability, for the players below some siblings."""
    k = len(children)
    bits = [_leaves(child) for child in children]
    for i, child in enumerate(children):
        others = bits[:i] + bits[i + 1 :]
        for chosen in range(2 ** (k - 1)):
            held = chosen.bit_count()
            share = weight * factorial(held) * factorial(k - 1 - held) / factorial(k)
            joined = before | sum(bit for j, bit in enumerate(others) if chosen >> j & 1)
            if isinstance(child, int):
                yield child, joined, share
            else:
                yield from _orders(child, joined, share)
