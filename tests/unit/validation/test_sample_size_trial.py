"""Trials of using a model: closed forms, boundaries, and a simulated one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from lbp_prognosis import LBPError
from lbp_prognosis._base import EstimationError
from lbp_prognosis.validation import sample_size_trial


def test_parallel_is_the_formula_of_two_arms() -> None:
    """Clusters an arm: (z + z)² 2σ² (1 + (m − 1)ρ) / (m δ²), up to the t distribution."""
    found = sample_size_trial(
        "parallel", outcome="continuous", control=40, intervention=36, sd=20, cluster_size=25, icc=0.03
    )
    arm = (norm.ppf(0.975) + norm.ppf(0.9)) ** 2 * 2 * 400 * (1 + 24 * 0.03) / (25 * 16)
    assert arm == pytest.approx(36.1, abs=0.1)
    assert found.details["clusters"] / 2 in (37, 38)
    error = np.sqrt(4 * 400 * (1 + 24 * 0.03) / (25 * found.details["clusters"]))
    assert found.details["standard_error"] == pytest.approx(error)
    assert found.details["design_effect"] == pytest.approx(1 + 24 * 0.03)
    assert found.n == 25 * found.details["clusters"]


@pytest.mark.parametrize(("steps", "m", "icc"), [(3, 10, 0.05), (4, 30, 0.01), (6, 50, 0.2)])
def test_stepped_wedge_is_hussey_and_hughes(steps: int, m: int, icc: float) -> None:
    found = sample_size_trial(
        "stepped wedge", outcome="continuous", control=0, intervention=0.3, sd=1, cluster_size=m, icc=icc, steps=steps
    )
    clusters, periods = int(found.details["clusters"]), steps + 1
    X = np.repeat((np.arange(periods) > np.arange(steps)[:, None]).astype(float), clusters // steps, axis=0)
    U, W, V = X.sum(), (X.sum(axis=0) ** 2).sum(), (X.sum(axis=1) ** 2).sum()
    s2, t2, K, T = (1 - icc) / m, icc, clusters, periods
    variance = K * s2 * (s2 + T * t2) / ((K * U - W) * s2 + (U**2 + K * T * U - T * W - K * V) * t2)
    assert found.details["standard_error"] == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert clusters % steps == 0


def test_one_fewer_is_too_few() -> None:
    for design in ("parallel", "parallel with baseline", "stepped wedge"):
        found = sample_size_trial(design, outcome="binary", control=0.4, intervention=0.3, cluster_size=20, icc=0.05)
        assert found.details["power"] >= 0.9
        less = found.details["power"] - 0.9
        assert less < 0.05
        more = sample_size_trial(
            design,
            outcome="binary",
            control=0.4,
            intervention=0.3,
            cluster_size=20,
            icc=0.05,
            power=found.details["power"] + 1e-6,
        )
        assert more.details["clusters"] > found.details["clusters"]


def test_what_makes_a_trial_larger() -> None:
    base = {"outcome": "binary", "control": 0.4, "intervention": 0.3, "cluster_size": 30, "icc": 0.02}
    plain = sample_size_trial("parallel", **base).n
    assert sample_size_trial("parallel", **{**base, "icc": 0.05}).n > plain
    assert sample_size_trial("parallel", **base, size_cv=0.6).n > plain
    assert sample_size_trial("parallel", **{**base, "icc": 0.0}).details["design_effect"] == pytest.approx(1)
    wedge = {**base, "icc": 0.05}
    assert (
        sample_size_trial("stepped wedge", **wedge, cluster_autocorrelation=0.7).n
        > sample_size_trial("stepped wedge", **wedge).n
    )


def test_few_clusters_are_said_and_impossible_ones_refused() -> None:
    few = sample_size_trial("parallel", outcome="binary", control=0.6, intervention=0.2, cluster_size=60, icc=0.001)
    assert [doubt.code for doubt in few.objections] == ["few-clusters"]
    with pytest.raises(EstimationError, match="5000"):
        sample_size_trial("parallel", outcome="binary", control=0.4, intervention=0.399, cluster_size=30, icc=0.3)


@pytest.mark.parametrize(
    "change",
    [
        {"control": 0.0},
        {"intervention": 0.4},
        {"icc": 1.0},
        {"sd": 1.0},
        {"outcome": "continuous"},
        {"cluster_size": 0},
        {"design": "crossover"},
        {"design": "stepped wedge", "size_cv": 0.3},
        {"design": "stepped wedge", "steps": 1},
    ],
)
def test_what_is_refused(change: dict) -> None:
    call = {
        "design": "parallel",
        "outcome": "binary",
        "control": 0.4,
        "intervention": 0.3,
        "cluster_size": 30,
        "icc": 0.02,
    }
    call |= change
    with pytest.raises(LBPError):
        sample_size_trial(call.pop("design"), **call)


@pytest.mark.slow
def test_simulated_trials_reach_the_power() -> None:
    """2000 parallel trials with a continuous outcome, analysed by a t test of cluster means."""
    plan = sample_size_trial(
        "parallel", outcome="continuous", control=0, intervention=0.4, sd=1, cluster_size=20, icc=0.05
    )
    random = np.random.default_rng(4)
    arm = int(plan.details["clusters"] / 2)
    level = random.normal(0, np.sqrt(0.05), (2000, 2, arm))
    means = level + random.normal(0, np.sqrt(0.95 / 20), (2000, 2, arm))
    means[:, 1] += 0.4
    from scipy.stats import ttest_ind

    found = (ttest_ind(means[:, 0], means[:, 1], axis=1).pvalue < 0.05).mean()
    assert found == pytest.approx(plan.details["power"], abs=2 * np.sqrt(0.09 / 2000) + 0.01)
