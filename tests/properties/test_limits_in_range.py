"""Every limit of a bounded metric lies in the range that the registry states, however small the sample."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import norm
from syn import syn

from lbp_prognosis import CoxPH, Measured, Reference, Status, Surv, evaluate
from lbp_prognosis._base import METRICS, ArgumentError, MetricResult, inside_range, interval
from lbp_prognosis.evaluation import concordance, decision_curve, time_dependent_auc
from lbp_prognosis.evaluation.diagnostic import accuracy, roc
from lbp_prognosis.evaluation.technical import agreement, concordance_correlation, icc, weighted_kappa
from lbp_prognosis.survival import rmst
from lbp_prognosis.validation import (
    bootstrap_validate,
    cross_validate_risk,
    internal_external,
    reclassification,
    subgroup_performance,
)

BOUNDED = [name for name, fact in METRICS.items() if np.isfinite(fact.low) or np.isfinite(fact.high)]


def places(name: str) -> list[float]:
    """Values near, and far from, the ends of the range of a metric."""
    low, high = METRICS[name].low, METRICS[name].high
    width = high - low if np.isfinite(high - low) else 1.0
    near = [low + part * width for part in (0.001, 0.03, 0.5) if np.isfinite(low)]
    return near + [high - part * width for part in (0.001, 0.03, 0.5) if np.isfinite(high)]


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_limits_are_inside_and_on_both_sides(name: str, confidence: float) -> None:
    low, high = METRICS[name].low, METRICS[name].high
    for value in places(name):
        for se in (1e-6, 0.02, 0.4):
            wald = interval(value, se, confidence)
            lower, upper, words = inside_range(name, value, *wald)
            assert low <= lower <= value <= upper <= high, (value, se)
            left = wald[0] < low or wald[1] > high
            assert bool(words) == left
            if not left:
                assert (lower, upper) == (float(wald[0]), float(wald[1]))
            made = MetricResult(name, METRICS[name].tier, value, se, float(wald[0]), float(wald[1]), confidence, "Wald")
            assert (made.low, made.high) == (lower, upper)
            assert made.method == (f"Wald; {words}" if left else "Wald")
            assert made.p == pytest.approx(2 * norm.sf(value / se) if value > 0 else 2 * norm.sf(-value / se))


def test_scales_by_hand() -> None:
    """An area of 0.97 with an error of 0.03: logit 3.476, error 0.03/(0.97·0.03)."""
    z = norm.ppf(0.975)
    low, high, words = inside_range("auc", 0.97, *interval(0.97, 0.03, 0.95))
    reach = z * 0.03 / (0.97 * 0.03)
    assert (low, high) == (pytest.approx(expit(logit(0.97) - reach)), pytest.approx(expit(logit(0.97) + reach)))
    assert words == "logit limits where Wald's leave the range"
    low, high, words = inside_range("mae", 0.1, *interval(0.1, 0.08, 0.95))
    assert (low, high) == (pytest.approx(0.1 * np.exp(-z * 0.8)), pytest.approx(0.1 * np.exp(z * 0.8)))
    low, high, words = inside_range("ipa", 0.9, *interval(0.9, 0.06, 0.95))
    assert (low, high) == (pytest.approx(1 - 0.1 * np.exp(z * 0.6)), pytest.approx(1 - 0.1 * np.exp(-z * 0.6)))
    low, high, words = inside_range("kappa", -0.98, *interval(-0.98, 0.05, 0.95))
    reach = z * 0.025 / (0.01 * 0.99)
    assert (low, high) == (
        pytest.approx(2 * expit(logit(0.01) - reach) - 1),
        pytest.approx(2 * expit(logit(0.01) + reach) - 1),
    )


@pytest.mark.parametrize(("se", "changed"), [(0.05 / 1.96, False), (0.05 / 1.95996, True)])
def test_the_scale_changes_where_wald_passes_the_border(se: float, changed: bool) -> None:
    _, high, words = inside_range("auc", 0.95, *interval(0.95, se, 0.95))
    assert bool(words) == changed
    assert high <= 1


def test_on_the_border_limits_are_cut_and_nan_stays() -> None:
    low, high, words = inside_range("brier", [0.0, np.nan, 0.5], [-0.2, np.nan, 0.3], [0.2, np.nan, 0.7])
    np.testing.assert_array_equal(low, [0.0, np.nan, 0.3])
    np.testing.assert_array_equal(high, [0.2, np.nan, 0.7])
    assert words


def test_differences_keep_their_own_limits() -> None:
    psi = np.random.default_rng(0).normal(0, 5, 40)
    first, second = (
        MetricResult("auc", "prognostic", value, 0.8, value - 1.6, value + 1.6, 0.95, "x", influence=part)
        for value, part in ((0.9, psi), (0.8, -psi))
    )
    gap = first.minus(second)
    half = norm.ppf(0.975) * 2 * np.sqrt(np.sum(psi**2)) / 40
    assert (gap.low, gap.high) == (pytest.approx(0.1 - half), pytest.approx(0.1 + half))
    assert gap.high > 1


# ---- the doors ---------------------------------------------------------------------------------------------------


def outside(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of a metric, not of a difference, whose limits leave its range."""
    own = frame
    if "reference" in frame:
        own = frame[frame["reference"].isna() | (frame["reference"] == "")]
    low, high = (
        own["metric"].map({name: getattr(fact, end) for name, fact in METRICS.items()}) for end in ("low", "high")
    )
    bad = (own["low"] < low - 1e-12) | (own["high"] > high + 1e-12)
    if "band_low" in own:
        bad |= (own["band_low"] < low - 1e-12) | (own["band_high"] > high + 1e-12)
    return own.loc[bad, ["metric", "value", "low", "high"]]


def small(seed: int, n: int, strength: float = 3.0) -> dict[str, Any]:
    """A small sample and risks that are nearly right, or nearly wrong."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, leave = rng.exponential(8 * np.exp(-strength * x)), rng.uniform(4, 30, n)
    event = np.where(time <= leave, np.where(rng.random(n) < 0.8, 1, 2), 0)
    risk = np.clip(1 - np.exp(-6 / 8 * np.exp(strength * x)), 1e-6, 1 - 1e-6)
    score = np.clip(np.round(5 - 2 * x), 0, 10)
    return {
        "right": Surv.right(np.minimum(time, leave), event == 1),
        "competing": Surv.right(np.minimum(time, leave), event),
        "status": Status.at(6, (time <= 6).astype(int)),
        "measured": Measured.at(6, score, lower=0, upper=10, at_most=4),
        "risk": risk,
        "other": np.clip(risk + rng.normal(0, 0.02, n), 0, 1),
        "time": time,
    }


SAMPLES = [(seed, n, strength) for seed in range(6) for n, strength in ((14, 4.0), (30, 4.0), (60, -4.0))]


@pytest.mark.parametrize(("seed", "n", "strength"), SAMPLES)
def test_evaluation_and_decision_curves(seed: int, n: int, strength: float) -> None:
    made = small(seed, n, abs(strength))
    risk = made["risk"] if strength > 0 else 1 - made["risk"]
    for kind in ("right", "competing", "status", "measured"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = evaluate(
                made[kind],
                {"one": risk, "two": made["other"]},
                6.0 if kind in ("right", "competing") else None,
                [0.05, 0.5, 0.9],
                n_resamples=20,
                min_at_risk=1,
            ).to_frame()
        assert outside(found).empty, outside(found)


def test_limits_move_where_they_left_the_range() -> None:
    """Of these samples some have an area whose Wald limit passes 1; the value, error and p-value stay."""
    moved = 0
    for seed, n, strength in SAMPLES:
        made = small(seed, n, abs(strength))
        found = time_dependent_auc(made["status"], made["risk"], min_at_risk=1)
        if found.se > 0 and found.value + 1.96 * found.se > 1:
            moved += 1
            assert found.high < 1
            assert "logit" in found.method
        c = concordance(made["right"], made["risk"])
        assert c.high <= 1
    assert moved >= 3


def test_a_perfect_order_has_limits() -> None:
    y = Status.at(6, np.repeat([1, 0], [12, 50]))
    risk = np.linspace(0.9, 0.1, 62)
    whole = time_dependent_auc(y, risk)
    assert (whole.value, whole.se, whole.high) == (1.0, 0.0, 1.0)
    low, half = whole.low, (12 + 50) / 2 - 1
    spread = 1 + half * ((1 - low) / (2 - low) + low / (1 + low))
    assert (1 - low) * 12 * 50 == pytest.approx(norm.ppf(0.975) ** 2 * low * spread)
    assert low == pytest.approx(0.8967072567, abs=1e-9)
    assert "Newcombe" in whole.method
    turned = time_dependent_auc(y, 1 - risk)
    assert (turned.value, turned.low, turned.high) == (0.0, 0.0, pytest.approx(1 - whole.low))
    fewer = time_dependent_auc(y, risk, clusters=np.arange(62) // 2)
    assert fewer.low < whole.low
    right = Surv.right(np.where(np.arange(62) < 12, 3.0, 9.0), np.arange(62) < 12)
    both = time_dependent_auc(right, np.column_stack([risk, risk]), [6.0, 8.0], min_at_risk=1)
    assert both.low.tolist() == [pytest.approx(whole.low)] * 2


def test_other_doors() -> None:
    d = syn(n=90)
    y, X = Surv.right(d["time"], d["event"]), d[["c1", "p1"]]
    sharp = d.assign(c1=-np.log(d["time"]))[["c1"]]
    risk, tiny = np.clip(d["c1"] * 0.2 + 0.5, 0, 1), {"min_events": 1, "min_at_risk": 1}
    folds: dict[str, Any] = {"n_splits": 3, "n_repeats": 1, "random_state": 0}
    state, reference = d["y"], Reference.now([1, 1, 1, 0, 0, 0, 0])
    results = [
        bootstrap_validate(CoxPH(penalty=1.0), sharp, y, 12.0, thresholds=[0.3], n_resamples=10, random_state=0),
        cross_validate_risk(CoxPH(), X, y, 12.0, **folds).evaluate([0.3]),
        internal_external(CoxPH(), X, y, d["site"], 12.0, n_resamples=0, **tiny),
        subgroup_performance(y, risk, {"site": d["site"]}, 12.0, **tiny),
        rmst(Surv.right([1.0, 9, 9, 9], [1, 0, 0, 0]), 8.0, min_at_risk=0),
        reclassification(Status.at(12, state), state * 0.9 + 0.05, 0.5 - 0.4 * state, 12.0, held_out=True),
        roc(reference, [3, 4, 1, 2, 0, 0, 0.5]),
        accuracy(reference, [1, 1, 0, 0, 0, 0, 1]),
        weighted_kappa([1, 2, 3, 1, 2, 3], [1, 2, 3, 1, 2, 2]),
        icc(pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [1.1, 2.0, 3.0, 4.2]})),
        concordance_correlation([1.0, 2, 3, 4], [1.01, 2, 3, 4.02]),
        agreement([1.0, 2, 3, 4, 5], [1.1, 2.1, 2.9, 4.2, 5]),
        decision_curve(y, risk, 12.0, [0.01, 0.3], min_at_risk=1, n_resamples=20),
    ]
    for result in results:
        frame = result.to_frame()
        assert {"metric", "low", "high"} <= set(frame.columns), result
        assert outside(frame).empty, (result, outside(frame))


@pytest.mark.parametrize("door", [time_dependent_auc, concordance, evaluate, decision_curve])
def test_complex_risks_are_refused(door: Any) -> None:
    """Their imaginary part was dropped: all risks 0."""
    y, risk = Surv.right(np.arange(1.0, 41.0), np.arange(40) % 2), 1j * np.linspace(0.1, 0.9, 40)
    rest = {concordance: (), decision_curve: (6.0, [0.2])}.get(door, (6.0,))
    for given in (risk, pd.Series(risk), list(risk), risk.astype(object)):
        with pytest.raises(ArgumentError, match="complex"):
            door(y, given, *rest)
