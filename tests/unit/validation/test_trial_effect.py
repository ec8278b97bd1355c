"""Trials of using a model: cluster means within periods, permutations, and the interval they give."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from lbp_prognosis._base import LBPError
from lbp_prognosis.validation import TrialEffect, trial_effect
from lbp_prognosis.validation.comparison._trial_effect import _icc


def wedge(
    seed: int, *, clusters: int = 12, steps: int = 4, size: int = 10, effect: float = -0.5, trend: float = 0.3
) -> dict[str, Any]:
    """A stepped wedge with a trend over time and clusters that differ."""
    rng = np.random.default_rng(seed)
    start = rng.permutation(np.repeat(np.arange(1, steps + 1), clusters // steps))
    level = rng.normal(0, 0.4, clusters)
    cluster, period = (grid.ravel() for grid in np.meshgrid(np.arange(clusters), np.arange(steps + 1), indexing="ij"))
    cluster, period = np.repeat(cluster, size), np.repeat(period, size)
    exposed = (period >= start[cluster]).astype(float)
    value = 4 + trend * period + level[cluster] + effect * exposed + rng.normal(size=cluster.size)
    return {"value": value, "clusters": cluster, "periods": period, "exposed": exposed}


def estimate(data: dict[str, Any], **more: Any) -> TrialEffect:
    return trial_effect(data["value"], **{k: v for k, v in data.items() if k != "value"}, model="full", **more)


def test_cluster_means_by_hand() -> None:
    """Two periods: in the first A alone uses the model, in the second A and B."""
    data = {
        "value": [1.0, 3, 4, 4, 6, 8, 2, 2, 5, 7, 9, 9],
        "clusters": list("AABBCC") * 2,
        "periods": [1] * 6 + [2] * 6,
        "exposed": [1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0],
    }
    first, second = 2 - (4 + 7) / 2, (2 + 6) / 2 - 9
    with pytest.raises(LBPError, match="ways to randomise"):
        estimate(data)
    found = estimate(data, confidence=0.5, n_permutations=200)
    assert found.difference == pytest.approx((first * 2 / 3 + second * 2 / 3) / (4 / 3))
    assert (found.n, found.n_clusters, found.n_periods) == (12, 3, 2)


def test_all_permutations_give_the_p_value() -> None:
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(8), 5)
    value = rng.normal(size=40) + 0.8 * (cluster % 2)
    used = (np.arange(8) % 2).astype(float)
    means = value.reshape(8, 5).mean(axis=1)
    gaps = [means[np.array(p) == 1].mean() - means[np.array(p) == 0].mean() for p in set(permutations(used.tolist()))]
    seen = means[used == 1].mean() - means[used == 0].mean()
    exact = np.mean(np.abs(gaps) >= abs(seen) - 1e-12)
    found = trial_effect(value, clusters=cluster, exposed=used[cluster], model="full", n_permutations=4000)
    assert found.difference == pytest.approx(seen)
    assert found.p == pytest.approx(exact, abs=0.015)
    # the interval ends where the test begins to reject
    for limit in (found.low, found.high):
        moved = trial_effect(
            value - limit * used[cluster], clusters=cluster, exposed=used[cluster], model="full", n_permutations=4000
        )
        assert moved.p == pytest.approx(0.05, abs=0.02)


def test_a_trend_over_time_is_no_effect() -> None:
    data = wedge(3, effect=0.0, trend=2.0)
    used = data["exposed"] == 1
    assert data["value"][used].mean() - data["value"][~used].mean() > 1.5  # what a comparison over time would say
    found = estimate(data)
    assert found.low < 0 < found.high
    assert abs(found.difference) < 0.5
    assert 0.05 < found.icc < 0.4


def test_patients_without_an_outcome_are_left_out() -> None:
    data = wedge(4)
    value = data["value"].copy()
    value[::7] = np.nan
    found = estimate({**data, "value": value})
    assert found.n == np.isfinite(value).sum()
    kept = np.isfinite(value)
    same = estimate({name: part[kept] for name, part in data.items()})
    assert same.difference == pytest.approx(found.difference)


def test_benefit_is_positive_in_the_frame() -> None:
    data = wedge(5, effect=-1.0)
    row = estimate(data, horizon=12).to_frame().iloc[0]
    assert row["metric"] == "trial_benefit"
    assert 0 < row["low"] < row["value"] < row["high"]
    good = estimate(data, polarity="good").to_frame().iloc[0]
    assert good["value"] == -row["value"]
    assert "12 clusters" in repr(estimate(data))


def test_an_infinite_outcome_is_not_a_missing_one() -> None:
    data = wedge(6)
    data["value"][3] = np.inf
    with pytest.raises(LBPError, match="`value` must be finite, or missing; got 1 infinite"):
        estimate(data)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"exposed": 0.5}, "0 or 1"),
        ({"exposed": 1.0}, "No period"),
        ({"mixed": True}, "same for a cluster"),
        ({"model": " "}, "model"),
        ({"polarity": "neutral"}, "polarity"),
        ({"n_permutations": 100}, "n_permutations"),
        ({"horizon": "a year"}, "horizon"),
        ({"clusters": None}, "clusters"),
    ],
)
def test_what_is_refused(change: dict[str, Any], told: str) -> None:
    data = wedge(6)
    more: dict[str, Any] = {"model": "full"}
    if "exposed" in change:
        data["exposed"] = np.full(data["value"].size, change["exposed"])
    elif change.pop("mixed", False):
        data["exposed"][0] = 1 - data["exposed"][0]
    else:
        more |= change
    with pytest.raises(LBPError, match=told):
        trial_effect(data["value"], **{**{k: v for k, v in data.items() if k != "value"}, **more})


def test_an_arrangement_that_compares_nothing_is_no_evidence() -> None:
    """Four clusters in each of two periods: 2 of 70 arrangements expose all of one period and none of the other.

    Of the other 68 every one has a difference, and the interval ends where few of them are as large.
    """
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(8), 5)
    value, period = rng.normal(size=40), (cluster >= 4).astype(int)
    found = trial_effect(
        value, clusters=cluster, exposed=(cluster % 2).astype(float), periods=period, model="full", n_permutations=4000
    )
    assert 3750 < found.n_permutations < 4000  # 68 of 70 are expected, 3886
    means = value.reshape(8, 5).mean(axis=1)
    arrangements = np.array([p for p in np.ndindex(*(2,) * 8) if sum(p) == 4 and sum(p[:4]) not in (0, 4)])
    assert len(arrangements) == 68
    observed = np.arange(8) % 2

    def gap(values: np.ndarray, arm: np.ndarray) -> float:
        parts = [(values[k : k + 4], arm[k : k + 4]) for k in (0, 4)]
        gaps = [own[on == 1].mean() - own[on == 0].mean() for own, on in parts]
        return float(np.average(gaps, weights=[on.sum() * (4 - on.sum()) / 4 for _, on in parts]))

    def p_of(effect: float) -> float:
        rest = means - effect * observed
        return float(np.mean([abs(gap(rest, arm)) >= abs(gap(rest, observed)) - 1e-12 for arm in arrangements]))

    assert found.p == pytest.approx(p_of(0.0), abs=0.03)
    width = found.high - found.low
    for limit, sign in ((found.low, -1), (found.high, 1)):
        assert p_of(limit - sign * 0.02 * width) > 0.05 - 0.02
        assert p_of(limit + sign * 0.02 * width) < 0.05 + 0.02


@pytest.mark.parametrize("comparing", [0, 18, 19])
def test_arrangements_that_compare_have_to_be_enough(comparing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cluster in a period of its own but two: few arrangements put one of these two on each side.

    Of p = (1 + beyond) / (1 + arrangements) none is at most 0.05 with fewer than 19.
    """
    cluster = np.repeat(np.arange(40), 4)
    period, used = np.maximum(np.arange(40) - 1, 0)[cluster], (np.arange(40) == 0)[cluster].astype(float)

    class Draws:
        def random(self, shape: tuple[int, int]) -> np.ndarray:
            order = np.tile(np.arange(40.0), (shape[0], 1))
            order[comparing:] = np.roll(np.arange(40.0), 5)  # the cluster with the model is one of the others
            return order

    monkeypatch.setattr("lbp_prognosis.validation.comparison._trial_effect.generator", lambda state: Draws())
    arguments = {"clusters": cluster, "exposed": used, "periods": period, "model": "full", "n_permutations": 200}
    value = np.arange(160) % 7 + 0.1 * cluster
    if comparing < 19:
        with pytest.raises(LBPError, match=f"Only {comparing} of 200 arrangements drawn .* needs 19"):
            trial_effect(value, **arguments)
    else:
        assert trial_effect(value, **arguments).n_permutations == 19


def test_correlation_of_unequal_clusters() -> None:
    """Analysis of variance within arms by hand: sizes 1, 3 and 2, 2; Donner and Klar's mean size is 2 − 1/4."""
    value = np.array([1.0, 2, 4, 6, 3, 5, 9, 11])
    cluster = np.array([0, 1, 1, 1, 2, 2, 3, 3])
    period, use = np.zeros(8, dtype=int), (cluster >= 2).astype(float)
    between = (1 * 2.25**2 + 3 * 0.75**2 + 2 * 3**2 + 2 * 3**2) / 2
    within = (4 + 0 + 4 + 1 + 1 + 1 + 1) / 4
    size = (8 - (1 + 9) / 4 - (4 + 4) / 4) / 2
    assert size == 1.75
    expected = (between - within) / (between + (size - 1) * within)
    assert _icc(value, use, cluster, period) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_the_interval_covers_and_the_test_keeps_its_level() -> None:
    """300 stepped wedges of 12 clusters with a trend: coverage of an effect, and rejections without one."""
    covered = rejected = 0
    for seed in range(300):
        found = estimate(wedge(seed), n_permutations=400, random_state=seed)
        covered += found.low <= -0.5 <= found.high
        rejected += estimate(wedge(seed, effect=0.0), n_permutations=400, random_state=seed).p <= 0.05
    assert 0.92 <= covered / 300 <= 0.98
    assert rejected / 300 <= 0.075
