"""Reasons for not answering a round: on each limit of the policy, and one step beside it."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.federation import Policy
from lbp_prognosis.federation._canonical import sealed
from lbp_prognosis.federation._probing import few_patients, few_patients_behind, outside_trust, stands_for, weighs_few

POLICY = Policy()


@pytest.mark.parametrize(
    ("n", "events", "parameters", "told"),
    [
        (49, 20, 1, "fewer patients"),
        (50, 20, 1, ""),
        (60, 9, 1, "fewer events or non-events"),
        (60, 10, 1, ""),
        (60, 50, 1, ""),
        (60, 51, 1, "fewer events or non-events"),
        (60, 20, 2, ""),
        (60, 19, 2, "for each parameter"),
        (600, 290, 29, ""),
        (600, 289, 29, "for each parameter"),
    ],
)
def test_a_site_on_its_limits(n: int, events: int, parameters: int, told: str) -> None:
    found = few_patients(n, events, parameters, POLICY)
    assert told in found
    assert bool(found) is bool(told)


@pytest.mark.parametrize(("parameters", "told"), [(5, ""), (6, "release budget")])
def test_parameters_within_the_budget(parameters: int, told: str) -> None:
    policy = Policy(release_budget=0.1, events_per_parameter=1)
    found = few_patients(50, 25, parameters, policy)
    assert told in found
    assert bool(found) is bool(told)


@pytest.mark.parametrize(("ones", "told"), [(0, False), (1, True), (4, True), (5, False), (6, False), (96, True)])
def test_a_column_of_few_patients(ones: int, told: bool) -> None:
    """Among 100 rows, and another that takes no part and is not counted."""
    column = np.r_[np.ones(ones), np.zeros(100 - ones), 1.0]
    weights = np.r_[np.ones(100), 0.0]
    found = few_patients_behind(column[:, None], ["x"], weights, POLICY)
    assert found == ("few patients behind the columns x" if told else "")


def test_one_far_value_is_one_patient() -> None:
    near = np.linspace(-1, 1, 100)
    assert few_patients_behind(near[:, None], ["x"], np.ones(100), POLICY) == ""
    far = near.copy()
    far[7] = 100.0
    assert few_patients_behind(np.column_stack([near, far]), ["a", "b"], np.ones(100), POLICY).endswith("columns b")
    assert few_patients_behind(np.ones((100, 1)), ["x"], np.ones(100), POLICY) == ""


@pytest.mark.parametrize("n", [1, 4, 10])
def test_equal_weights_stand_for_themselves(n: int) -> None:
    assert stands_for(np.full(n, 0.3)) == pytest.approx(n, rel=1e-12)
    assert stands_for(np.zeros(n)) == 0.0


@pytest.mark.parametrize(("n", "told"), [(9, True), (10, False), (11, False)])
def test_twice_the_cell_carries_the_weight(n: int, told: bool) -> None:
    """Relative hazards of the others are 0; rows without weight do not count, whatever theirs."""
    eta = np.r_[np.full(n, 2.0), np.full(50, -800.0), 900.0]
    weights = np.r_[np.ones(n + 50), 0.0]
    assert bool(weighs_few(eta, weights, POLICY)) is told


@pytest.mark.parametrize(
    ("step", "score", "told"),
    [
        (1.5, 0.0, False),  # three standard errors of 1/2
        (1.501, 0.0, True),
        (-1.501, 0.0, True),
        (11.5, 40.0, False),  # the own step goes to 10
        (11.501, 40.0, True),
        (-1.5, 40.0, False),  # and not backwards
        (-1.501, 40.0, True),
    ],
)
def test_three_standard_errors_from_the_own_step(step: float, score: float, told: bool) -> None:
    def parts(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return 0.0, np.array([score]), np.array([[4.0]])

    assert bool(outside_trust(parts, np.array([0.2]), np.array([0.2 + step]), POLICY)) is told


def test_where_a_site_knows_nothing_no_step_is_trusted() -> None:
    def parts(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return 0.0, np.zeros(2), np.diag([4.0, 0.0])

    zero = np.zeros(2)
    assert outside_trust(parts, zero, np.array([0.5, 0.0]), POLICY) == ""
    assert outside_trust(parts, zero, np.array([0.5, 1e-6]), POLICY) != ""


def test_a_key_has_sixteen_bytes() -> None:
    assert len(sealed({"a": 1}, b"k" * 16)) == 64
    assert sealed({"a": 1}, None) == ""
    for key in (b"k" * 15, "k" * 16):
        with pytest.raises(ArgumentError, match="at least 16 bytes"):
            sealed({"a": 1}, key)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "least"),
    [("min_cell", 2), ("min_n", 10), ("min_events", 5), ("events_per_parameter", 1), ("max_rounds", 1), ("digits", 5)],
)
def test_the_least_that_a_policy_takes(name: str, least: int) -> None:
    assert getattr(Policy(**{name: least}), name) == least
    with pytest.raises(ArgumentError, match=name):
        Policy(**{name: least - 1})
