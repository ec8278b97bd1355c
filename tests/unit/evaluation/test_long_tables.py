"""Long tables: sums taken while influence values arise, and blocks of patients drawn for patients, change no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Status, Surv
from lbp_prognosis._kernels import BLOCKS, random_blocks
from lbp_prognosis.evaluation import calibration, decision_curve, evaluate
from lbp_prognosis.evaluation.prognostic import _resampled_distances
from lbp_prognosis.evaluation.utility import _decision_data
from lbp_prognosis.survival import Weights

THRESHOLDS = [0.3, 0.05, 0.6, 0.15, 0.95]  # out of order; nearly no risk reaches the last
HORIZONS = [4.0, 9.0]


def sample(n: int, ties: bool, causes: int, seed: int = 1) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time = rng.exponential(10 * np.exp(-x))
    leave = rng.uniform(2, 30, n)
    code = np.where(time <= leave, rng.integers(1, causes + 1, n), 0)
    time = np.minimum(time, leave)
    y = Surv.right(np.ceil(time) if ties else time, code if causes > 1 else code == 1)
    risk = -np.expm1(-np.exp(x)[:, None] * np.array(HORIZONS) / 12)
    return y, {"sharp": risk, "dull": np.round(risk**1.3, 2)}


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_decision_data, "DRAWN_SINGLY", 10)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("causes", [1, 2])
@pytest.mark.parametrize("target", ["event", "no_event"])
@pytest.mark.parametrize("weights", [None, "frequency", "probability"])
def test_sums_are_those_of_the_values(
    ties: bool, causes: int, target: str, weights: str | None, request: pytest.FixtureRequest
) -> None:
    n = 160
    y, risks = sample(n, ties, causes)
    rng = np.random.default_rng(2)
    given: Any = {"target": target, "n_resamples": 0}
    if weights == "frequency":
        given["sample_weight"] = Weights(rng.integers(0, 4, n).astype(float), "frequency")
    elif weights is not None:
        given["sample_weight"] = Weights(rng.gamma(2, 1, n), "sampling")
    held = decision_curve(y, risks, HORIZONS, THRESHOLDS, **given)
    pairs = [("sharp", "dull"), ("sharp", "treat all"), ("dull", "treat none")]
    want = [one.se for one in held.differences(pairs)]
    request.getfixturevalue("long")
    summed = decision_curve(y, risks, HORIZONS, THRESHOLDS, **given)
    np.testing.assert_allclose(summed.se, held.se, rtol=1e-11, atol=1e-15)
    for one, se in zip(summed.differences(pairs), want):
        np.testing.assert_allclose(one.se, se, rtol=1e-11, atol=1e-15)


def test_states_and_missing_horizons(long: None) -> None:
    y, risks = sample(300, True, 1)
    state = Status.at(9.0, (y["event"] == 1) & (y["time"] <= 9))
    by_hand = decision_curve(state, risks["sharp"][:, 1], 9.0, [0.4], n_resamples=0)
    treated = risks["sharp"][:, 1] >= 0.4
    value = treated * np.where(state["status"] == 1, 1.0, -0.4 / 0.6)
    assert by_hand.value[0, 0, 0] == pytest.approx(value.mean(), abs=1e-14)
    got = by_hand.difference(by_hand.models[0], "treat none").se[0, 0]
    assert got == pytest.approx(value.std() / np.sqrt(300), rel=1e-12)
    gone = {"sharp": risks["sharp"], "late": np.column_stack([np.full(300, np.nan), risks["dull"][:, 1]])}
    curve = decision_curve(y, gone, HORIZONS, [0.2, 0.4], n_resamples=20)
    difference = curve.difference("late", "sharp")
    assert np.isnan(difference.se[0]).all()
    assert np.isfinite(difference.se[1]).all()
    assert np.isnan(curve.band_low[1, 0]).all()
    assert np.isfinite(curve.band_low[1, 1]).all()


def test_large_influence_values_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    y, risks = sample(120, True, 1)
    small = evaluate(y, risks, HORIZONS, [0.2])
    monkeypatch.setattr("lbp_prognosis._base._metric._KEPT", 50)
    large = evaluate(y, risks, HORIZONS, [0.2])
    pd.testing.assert_frame_equal(large.to_frame(), small.to_frame())
    assert callable(large.metrics["sharp"]["brier"].__dict__["_influence"])
    assert not callable(small.metrics["sharp"]["brier"].__dict__["_influence"])
    for one, other in zip(large.differences, small.differences):
        if other.influence is not None:
            np.testing.assert_array_equal(one.influence, other.influence)


def test_blocks_are_random_and_equal() -> None:
    blocks = random_blocks(np.random.default_rng(0), 2 * BLOCKS + 3)
    sizes = np.bincount(blocks, minlength=BLOCKS)
    assert sizes.size == BLOCKS
    assert (sizes.min(), sizes.max()) == (2, 3)
    assert abs(np.corrcoef(blocks, np.arange(blocks.size))[0, 1]) < 4 / np.sqrt(blocks.size)


@pytest.mark.parametrize("weights", [None, "frequency"])
def test_bands_of_blocks_are_those_of_rows(weights: str | None, request: pytest.FixtureRequest) -> None:
    n = 1500
    y, risks = sample(n, True, 1)
    late = {name: risk[:, 1] for name, risk in risks.items()}
    given: Any = {"n_resamples": 600}
    if weights is not None:  # the more an event counts, the less do weighted influence values add up to zero
        given["sample_weight"] = Weights(1.0 + 3 * (y["event"] == 1), weights)
    singly = decision_curve(y, late, 9.0, [0.2, 0.4, 0.6], **given)
    request.getfixturevalue("long")
    blocks = decision_curve(y, late, 9.0, [0.2, 0.4, 0.6], **given)
    width = (singly.band_high - singly.value) / singly.se
    np.testing.assert_allclose((blocks.band_high - blocks.value) / blocks.se, width, rtol=0.12)  # of quantiles of draws
    first, second = (one.difference("sharp", "dull") for one in (singly, blocks))
    half = [one.band_high[0, 0] - one.value[0, 0] for one in (first, second)]
    assert half[1] == pytest.approx(half[0], rel=0.12)


@pytest.mark.parametrize("by_row", [False, True])
def test_distances_of_blocks_move_as_those_of_patients(by_row: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted rows are the trap: neighbours, or every tenth row, would vary too much or too little."""
    y, risks = sample(1200, False, 1)
    order = np.argsort(y["time"]) if by_row else np.arange(1200)
    y, risk = y[order], risks["dull"][order, 1] * 0.8
    singly = calibration(y, risk, 9.0, n_resamples=1500)
    monkeypatch.setattr(_resampled_distances, "DRAWN_SINGLY", 1000)
    monkeypatch.setattr(_resampled_distances, "BLOCKS", 400)
    monkeypatch.setattr("lbp_prognosis._kernels._random_blocks.BLOCKS", 400)
    blocks = calibration(y, risk, 9.0, n_resamples=1500)
    for name in ("ici", "e50", "e90"):
        one, other = getattr(singly, name), getattr(blocks, name)
        assert other.value == one.value
        assert other.se == pytest.approx(one.se, rel=0.12)  # 1 / sqrt(2 · 400) of the blocks, as much of the draws


@pytest.mark.parametrize(("estimator", "grouped"), [("ipcw", False), ("ipcw", True), ("km", True)])
@pytest.mark.parametrize("target", ["event", "no_event"])
def test_some_thresholds_at_a_time_are_all_at_once(
    monkeypatch: pytest.MonkeyPatch, estimator: str, grouped: bool, target: str
) -> None:
    y, risks = sample(150, True, 2)
    given: dict[str, Any] = {"estimator": estimator, "target": target, "n_resamples": 8}
    if grouped:
        given["clusters"] = np.random.default_rng(2).integers(0, 40, 150)
    whole = decision_curve(y, risks, HORIZONS, THRESHOLDS, **given)
    monkeypatch.setattr(_decision_data, "_HELD", 300)
    monkeypatch.setattr(_decision_data, "_UNITS", 7)
    parts = decision_curve(y, risks, HORIZONS, THRESHOLDS, **given)
    for name in ("value", "se", "band_low", "band_high"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12, atol=1e-15)
    pairs = (one.differences([("sharp", "dull")])[0] for one in (parts, whole))
    np.testing.assert_allclose(*(pair.se for pair in pairs), rtol=1e-12)


def test_counts_of_resamples_are_those_of_the_multinomial() -> None:
    seeds = np.random.SeedSequence(4).spawn(3)
    counts = _decision_data._counts([np.random.default_rng(seed) for seed in seeds], 50)
    assert counts.dtype == np.uint8
    for row, seed in zip(counts, seeds):
        np.testing.assert_array_equal(row, np.random.default_rng(seed).multinomial(50, np.full(50, 1 / 50)))
