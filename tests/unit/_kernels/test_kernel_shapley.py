"""Shapley, Owen and precedence weights against enumeration over orders, and their defining properties."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    coalition_members,
    owen_weights,
    precedence_weights,
    shapley_from_values,
    shapley_weights,
)


def _by_orders(values: np.ndarray, n: int, allowed) -> np.ndarray:
    """Average marginal contributions over the allowed orders: the definition itself."""
    out, count = np.zeros(n), 0
    for order in permutations(range(n)):
        if not allowed(order):
            continue
        count += 1
        coalition = 0
        for player in order:
            out[player] += values[coalition | 1 << player] - values[coalition]
            coalition |= 1 << player
    return out / count


@pytest.fixture(scope="module")
def worths() -> np.ndarray:
    return np.random.default_rng(5).normal(size=32)


def test_members_are_the_bits() -> None:
    assert coalition_members(3)[5].tolist() == [True, False, True]


def test_shapley_is_the_mean_over_all_orders(worths: np.ndarray) -> None:
    np.testing.assert_allclose(shapley_from_values(worths), _by_orders(worths, 5, lambda order: True), atol=1e-12)


def test_owen_is_the_mean_over_orders_that_keep_groups_together(worths: np.ndarray) -> None:
    groups = ((0, 3), (1,), (2, 4))

    def together(order: tuple[int, ...]) -> bool:
        place = {player: k for k, player in enumerate(order)}
        return all(abs(place[g[0]] - place[g[-1]]) == len(g) - 1 for g in groups)

    np.testing.assert_allclose(
        shapley_from_values(worths, owen_weights(groups)), _by_orders(worths, 5, together), atol=1e-12
    )


def test_precedence_is_the_mean_over_orders_with_the_first_players_first(worths: np.ndarray) -> None:
    first = (1, 2)
    weights = precedence_weights(5, first)
    expected = _by_orders(worths, 5, lambda order: set(order[:2]) == set(first))
    np.testing.assert_allclose(shapley_from_values(worths, weights), expected, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 4, 6])
def test_owen_of_single_players_and_of_one_group_is_shapley(n: int) -> None:
    np.testing.assert_allclose(owen_weights(tuple((k,) for k in range(n))), shapley_weights(n), atol=1e-15)
    np.testing.assert_allclose(owen_weights((tuple(range(n)),)), shapley_weights(n), atol=1e-15)


def test_modality_shapley_of_the_notes(golden: dict) -> None:
    table = golden["modality_shapley"]
    players = ["C", "P", "M", "G"]
    values = np.array(
        [table["payoffs_LR_C_IPA"]["+".join(p for k, p in enumerate(players) if s >> k & 1)] for s in range(16)]
    )
    phi = shapley_from_values(values)
    # the payoffs are printed to 6, 7 and 8 decimals, the attributions to 7 to 10
    np.testing.assert_allclose(phi[:, 0], table["phi_LR"], atol=2e-6)
    np.testing.assert_allclose(phi[:, 1], table["phi_C"], atol=2e-7)
    np.testing.assert_allclose(phi[:, 2], table["phi_IPA"], atol=2e-8)
