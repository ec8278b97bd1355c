"""Bands between thresholds, patients who change sides, and dominant patients: on the limit and one step beside it."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis.disclosure import Patients, is_dominated
from lbp_prognosis.disclosure._dominance import _fails
from lbp_prognosis.disclosure._kept_cuts import bands_are_safe, kept_cuts, moves_are_safe


def patients(*bands: tuple[int, int, int]) -> tuple[Patients, np.ndarray]:
    """Patients with the target, without it and not known in the bands from 0 to 0.5 and from 0.5 on."""
    state = np.concatenate([np.repeat([1, 0, -1], counts) for counts in bands])
    score = np.repeat([0.25 + 0.25 * band for band in range(len(bands))], [sum(counts) for counts in bands])
    return Patients(state, {"full": score}), score


@pytest.mark.parametrize(
    ("upper", "safe"),
    [
        ((5, 5, 0), True),
        ((4, 9, 0), False),
        ((9, 4, 0), False),
        ((5, 5, 4), False),
        ((5, 5, 5), True),
        ((5, 5, 1), False),
        ((0, 0, 0), True),  # nobody is there
        ((0, 5, 0), False),  # all known to be without
        ((0, 0, 9), False),
    ],
)
def test_a_band_holds_the_limit_on_both_sides(upper: tuple[int, int, int], safe: bool) -> None:
    who, score = patients((20, 20, 0), upper)
    assert bands_are_safe(who, score, [0.5], 5) is safe
    assert kept_cuts(who, [0.5], 5, 3) == (([0.5], []) if safe else ([], [0.5]))


def test_a_risk_at_a_cut_is_above_it() -> None:
    who, score = patients((20, 20, 0), (5, 5, 0))
    assert bands_are_safe(who, score, [0.5], 5)
    moved = np.where(np.arange(score.size) == 49, 0.5 - 1e-6, score)  # one of the five without leaves the upper band
    assert not bands_are_safe(who, moved, [0.5], 5)


@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_more_cuts_than_wanted(most: int) -> None:
    who, _ = patients((20, 20, 0), (20, 20, 0), (20, 20, 0))
    assert kept_cuts(who, [0.6, 0.4], 5, most)[0] == sorted([0.6, 0.4][:most])


@pytest.mark.parametrize(("count", "safe"), [(0, True), (1, False), (4, False), (5, True), (6, True)])
@pytest.mark.parametrize("part", [1, 0, -1])
@pytest.mark.parametrize("upwards", [True, False])
def test_patients_whom_one_model_treats(count: int, safe: bool, part: int, upwards: bool) -> None:
    state = np.r_[np.repeat([1, 0], 20), np.full(count, part)]
    first = np.where(np.arange(state.size) % 2 == 0, 0.2, 0.8)
    second = first.copy()
    first[40:], second[40:] = (0.2, 0.8) if upwards else (0.8, 0.2)
    assert moves_are_safe(Patients(state), first, second, 0.5, 5) is safe


def test_a_layer_of_few_is_as_bad_as_a_few() -> None:
    state = np.r_[np.repeat([1, 0], 20), np.ones(8, int)]
    first, second = np.full(48, 0.2), np.r_[np.full(40, 0.2), np.full(8, 0.8)]
    assert moves_are_safe(Patients(state), first, second, 0.5, 5)
    layers = np.r_[np.zeros(44, int), np.ones(4, int)]
    assert not moves_are_safe(Patients(state, layers=layers), first, second, 0.5, 5)


@pytest.mark.parametrize(("rest", "fails"), [(14.9, True), (15.0, False), (15.1, False)])
def test_the_largest_is_known_within_fifteen_per_cent(rest: float, fails: bool) -> None:
    assert _fails(np.array([50.0, rest, 100.0]), 0.15) is fails
    assert _fails(np.array([50.0, rest / 2, 100.0, rest / 2]), 0.15) is fails


@pytest.mark.parametrize(("others", "dominated"), [(5, False), (6, True), (9, True)])
def test_one_far_value_makes_up_the_squares(others: int, dominated: bool) -> None:
    """Of m equal values and a far one the squares are 1 and m times 1 / m²; without the second (m − 1) / m² is left."""
    assert is_dominated([50.0] * others + [200.0]) is dominated
    assert is_dominated([-50.0] * others + [-200.0]) is dominated


def test_two_patients_know_each_other() -> None:
    assert is_dominated([1.0, 1.0])
    assert is_dominated([1.0, np.nan, 1.0])
    assert not is_dominated([1.0, 1.0, 1.0])
    assert not is_dominated([0.0, 0.0, 0.0])  # a sum of nothing says that all are 0, as a count of 0 does
