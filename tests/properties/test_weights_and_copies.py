"""Counts are copies, a factor of all weights is nothing, a row of weight zero is nobody: for every number at once."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.evaluation import calibration, decision_curve, evaluate, risk_groups, royston_d
from lbp_prognosis.evaluation.prognostic._calibration_curve import _quantiles
from lbp_prognosis.survival import Status, Surv, Weights

KINDS = ("right", "competing", "status", "interval", "interval, competing")
HORIZONS = np.array([2.0, 4.0])
LOOSE = {"min_at_risk": 0, "min_censoring_survival": 0}


def cohort(kind: str, seed: int, n: int = 90):
    """Outcome, risks of two models, horizons: tied times, drop-out, visits that some miss."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=n), 1)
    first = rng.exponential(4 * np.exp(-x))
    other = rng.exponential(9, n) if "competing" in kind else np.full(n, np.inf)
    end, stop = np.minimum(first, other), rng.uniform(1, 9, n)
    risk = 1 - np.exp(-np.exp(0.9 * x)[:, None] * HORIZONS / 4)
    second = np.clip(risk**1.3 + 0.05 * rng.normal(size=(n, 2)).round(1), 0.01, 0.99)
    if kind == "status":
        state = np.where(rng.random(n) < 0.15, -1, first <= 4)
        return Status.at(4.0, state), {"a": risk[:, 1], "b": second[:, 1]}, 4.0
    cause = np.where(first <= other, 1, 2)
    if kind.startswith("interval"):
        visits, lower, upper = np.arange(1.0, 7.0), np.zeros(n), np.full(n, np.inf)
        attended = (rng.random((n, 6)) < 0.85) & (visits <= stop[:, None] + 1)
        for k, visit in enumerate(visits):
            open_yet = attended[:, k] & np.isinf(upper)
            upper[open_yet & (end <= visit)] = visit
            lower[open_yet & (end > visit)] = visit
        y = Surv.interval(lower, upper, np.where(np.isinf(upper), 0, cause))
    else:
        time = np.maximum(np.ceil(np.minimum(end, stop) * 2) / 2, 0.5)
        y = Surv.right(time, np.where(stop < end, 0, cause), censored=0)
    return y, {"a": risk, "b": second}, HORIZONS


def everything(y, risks, horizons, weights=None, clusters=None) -> dict[str, np.ndarray]:
    shared = {"sample_weight": weights, "clusters": clusters}
    found = evaluate(y, risks, horizons, [0.2, 0.4], n_resamples=20, **shared, **LOOSE)
    frame = found.to_frame()
    out = {
        f"{row.model} {row.reference} {row.metric} {row.horizon} {row.threshold}": np.array(
            [row.value, row.se, row.low, row.high, row.n, row.n_events], dtype=float
        )
        for row in frame.itertuples()
    }
    for name, fitted in found.calibrations.items():
        for h, curve in enumerate(fitted.curves):
            out[f"{name} curve {h}"] = np.stack([curve.risk, curve.observed, curve.low, curve.high])
            at = None if np.ndim(horizons) == 0 else horizons[h]
            out[f"{name} gnd {h}"] = np.array([fitted.gnd(3, 0, at).statistic])
            out[f"{name} groups {h}"] = fitted.groups(3, at).to_numpy(dtype=float)
        local = calibration(y, risks[name], horizons, smoother="loess", n_resamples=0, **shared, **LOOSE)
        out[f"{name} loess"] = np.ravel([local.ici.value, local.e50.value, local.e90.value, local.emax.value])
        groups = risk_groups(y, risks[name], horizons, quantiles=[0.3, 0.6], **shared, **LOOSE)
        out[f"{name} risk groups"] = groups.table.drop(columns=["group", "reason"]).to_numpy(dtype=float)
        out[f"{name} workload"] = groups.workload.to_numpy(dtype=float)
    return out


def same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clustered", [False, True])
def test_counts_are_copies(kind, clustered):
    y, risks, horizons = cohort(kind, 4)
    rng = np.random.default_rng(5)
    count = rng.integers(0, 4, y.size)
    rows = np.repeat(np.arange(y.size), count)
    site = rng.integers(0, 12, y.size) if clustered else None
    weighted = everything(y, risks, horizons, Weights(count, "frequency"), site)
    copied = everything(
        y[rows],
        {name: risk[rows] for name, risk in risks.items()},
        horizons,
        None,
        None if site is None else site[rows],
    )
    same(weighted, copied)


@pytest.mark.parametrize("kind", KINDS)
def test_a_factor_of_all_weights_and_rows_of_weight_zero_change_nothing(kind):
    y, risks, horizons = cohort(kind, 6)
    rng = np.random.default_rng(7)
    weight = rng.gamma(2, 1, y.size) * (rng.random(y.size) > 0.2)
    kept = np.flatnonzero(weight)
    whole = everything(y, risks, horizons, weight)
    same(whole, everything(y, risks, horizons, 37.3 * weight))
    same(whole, everything(y[kept], {name: risk[kept] for name, risk in risks.items()}, horizons, weight[kept]))


def test_equal_weights_have_the_quantiles_of_no_weights():
    y, risks, horizons = cohort("right", 8)
    plain = calibration(y, risks["a"], horizons, n_resamples=0, **LOOSE)
    equal = calibration(y, risks["a"], horizons, n_resamples=0, sample_weight=np.full(y.size, 0.3), **LOOSE)
    for name in ("e50", "e90"):
        np.testing.assert_allclose(getattr(plain, name).value, getattr(equal, name).value, rtol=1e-9)


def test_normal_scores_know_only_who_has_weight():
    y, risks, _ = cohort("right", 9)
    weight = (np.arange(y.size) % 3 > 0) * 2.0
    kept = weight > 0
    some = royston_d(y, risks["a"][:, 0], sample_weight=weight)
    rest = royston_d(y[kept], risks["a"][kept, 0], sample_weight=np.ones(kept.sum()))
    assert some.value == pytest.approx(rest.value, rel=1e-9)
    assert some.se == pytest.approx(rest.se, rel=1e-9)


def test_copies_at_risk_are_patients_at_risk():
    """Nine rows that stand for 27 patients suffice for ten at risk, and 27 rows of weight zero for none."""
    y = Surv.right(np.r_[np.arange(1.0, 10.0), np.full(9, 20.0)], np.r_[np.ones(9, int), np.zeros(9, int)])
    risk = np.linspace(0.9, 0.1, 18)
    many = decision_curve(y, risk, 10.0, [0.2], sample_weight=Weights(np.full(18, 3), "frequency"), n_resamples=0)
    assert many.reason == ("",)
    assert (many.n, many.n_events) == (54, 27)
    few = decision_curve(y, risk, 10.0, [0.2], n_resamples=0)
    assert "9 at risk" in few.reason[0]
    none = decision_curve(
        y, risk, 10.0, [0.2], sample_weight=np.r_[np.ones(9), np.zeros(9)], min_at_risk=0, n_resamples=0
    )
    assert none.n == 9
    assert np.isnan(none.value).all()
    assert isinstance(none.to_frame(), pd.DataFrame)


def test_equal_distances_of_unequal_weights_do_not_swap():
    """Two distances that differ in their last digit are one: their order must not decide where the weight lies."""
    weight = np.array([1.0, 1.0, 9.0, 1.0])
    rows = SimpleNamespace(weight=weight, each_weight=weight, each=lambda values: values)
    equal = np.array([0.1, 0.2, 0.2, 0.4])
    almost = np.array([0.1, 0.2, np.nextafter(0.2, 0), 0.4])
    assert _quantiles(rows, equal, [0.7]) == pytest.approx([0.2 + 1.7 / 5 * 0.2], rel=1e-12)
    assert _quantiles(rows, almost, [0.7]) == pytest.approx(_quantiles(rows, equal, [0.7]), rel=1e-12)
