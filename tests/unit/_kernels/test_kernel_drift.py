"""Charts and indices of drift by hand and against simulation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    cusum,
    cusum_scores_binary,
    cusum_scores_survival,
    cusum_with_limits,
    population_stability_index,
    ratio_limits,
)

P, Y = np.array([0.1, 0.3, 0.2, 0.5, 0.05, 0.4]), np.array([0, 1, 1, 1, 0, 0])
E, D = np.array([0.2, 0.5, 0.1, 0.9, 0.3]), np.array([0, 1, 0, 1, 1])


def test_six_patients_by_hand() -> None:
    scores = cusum_scores_binary(P, Y, 2.0)
    # no event at risk 0.1: log 1/1.1; an event at risk 0.3: log 2/1.3
    assert scores[0] == pytest.approx(-np.log(1.1))
    assert scores[1] == pytest.approx(np.log(2 / 1.3))
    chart = cusum(scores)
    assert chart[0] == 0
    assert chart[-1] == pytest.approx(0.8440282115195807, abs=1e-12)


def test_five_patients_followed_in_time() -> None:
    scores = cusum_scores_survival(E, D, 1.5)
    assert scores[1] == pytest.approx(np.log(1.5) - 0.25)
    assert cusum(scores)[-1] == pytest.approx(0.31639532432449313, abs=1e-12)


def test_observed_over_expected_of_three_events() -> None:
    low, high = ratio_limits(3, 2.0, 0.95)
    assert low == pytest.approx(0.3093360614478007, abs=1e-12)
    assert high == pytest.approx(4.383636534871162, abs=1e-12)
    assert ratio_limits(0, 2.0, 0.95)[0] == 0


def test_stability_index_of_five_parts() -> None:
    reference, new = np.array([0.1, 0.2, 0.3, 0.25, 0.15]), np.array([0.05, 0.15, 0.3, 0.3, 0.2])
    assert population_stability_index(reference, new) == pytest.approx(0.0725416441128731, abs=1e-12)
    assert population_stability_index(reference, 400 * reference) == pytest.approx(0, abs=1e-15)
    assert population_stability_index(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == np.inf


def test_stored_values(stored_file: Callable[..., Path]) -> None:
    stored = json.loads(stored_file("reference", "round2", "drift.json").read_text(encoding="utf-8"))
    part = stored["ra_cusum_binary"]
    scores = cusum_scores_binary(np.array(part["p"]), np.array(part["y"]), part["odds_ratio"])
    np.testing.assert_allclose(scores, part["score"], atol=1e-12)
    np.testing.assert_allclose(cusum(scores), part["cusum"], atol=1e-12)
    part = stored["ra_cusum_survival"]
    scores = cusum_scores_survival(np.array(part["expected"]), np.array(part["event"]), part["rho"])
    np.testing.assert_allclose(scores, part["score"], atol=1e-12)
    np.testing.assert_allclose(cusum(scores), part["cusum"], atol=1e-12)
    np.testing.assert_allclose(ratio_limits(part["O"], part["E"], 0.95), part["oe_exact_ci"], atol=1e-8)
    part = stored["psi"]
    found = population_stability_index(np.array(part["reference"]), np.array(part["new"]))
    assert found == pytest.approx(part["psi"], abs=1e-12)


def test_chart_is_the_recursion() -> None:
    scores = np.random.default_rng(0).normal(size=200)
    value, told = 0.0, []
    for score in scores:
        value = max(0.0, value + score)
        told.append(value)
    np.testing.assert_allclose(cusum(scores), told, atol=1e-12)


def chart(risk: np.ndarray, y: np.ndarray, alpha: float, seed: int, paths: int = 2000):
    event, none = (cusum_scores_binary(risk, np.full(risk.size, k), 2.0) for k in (1, 0))

    def draw(i: int, size: int, random: np.random.Generator) -> np.ndarray:
        return np.where(random.random(size) < risk[i], event[i], none[i])

    return cusum_with_limits(
        np.where(y == 1, event, none), draw, alpha, paths=paths, random=np.random.default_rng(seed)
    )


def test_a_doubling_of_the_odds_is_found_and_the_chart_starts_again() -> None:
    random = np.random.default_rng(3)
    risk = random.uniform(0.1, 0.5, 600)
    odds = 2 * risk / (1 - risk)
    found = chart(risk, (random.random(600) < odds / (1 + odds)).astype(int), 1 / 500, 0)
    first = int(np.flatnonzero(found.alarm)[0])
    assert first < 200
    assert found.value[first] > found.limit[first]
    assert found.value[first + 1] < found.limit[first]


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_average_run_length_is_the_declared_one(shift: float) -> None:
    """Patients for each of 3000 alarms without change, whose standard error is 1.8 %."""
    random = np.random.default_rng(11)
    alarms, patients, length = 0, 0, 40
    while alarms < 3000:
        lp = random.normal(-1 + shift * np.linspace(0, 1, 3000), 0.8)  # the case mix moves
        risk = 1 / (1 + np.exp(-lp))
        found = chart(risk, (random.random(3000) < risk).astype(int), 1 / length, int(random.integers(1 << 30)), 1600)
        alarms, patients = alarms + int(found.alarm.sum()), patients + 3000
    assert patients / alarms == pytest.approx(length, rel=0.05)
