"""Trials of using a model: cluster means within periods, permutations, and the interval they give."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from lbp_prognosis._base import LBPError
from lbp_prognosis.validation import TrialEffect, trial_effect


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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"exposed": 0.5}, "0 or 1"),
        ({"exposed": 1.0}, "No period"),
        ({"mixed": True}, "same for a cluster"),
        ({"model": " "}, "model"),
        ({"polarity": "neutral"}, "polarity"),
        ({"n_permutations": 100}, "n_permutations"),
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
        trial_effect(data["value"], **{k: v for k, v in data.items() if k != "value"}, **more)


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
