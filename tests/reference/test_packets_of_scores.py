"""Packets of measured scores: six sites pooled are all rows; the gate and the checks of the centre."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import LBPError
from lbp_prognosis.disclosure import ReleaseLedger
from lbp_prognosis.evaluation import crps, mean_absolute_error, mean_calibration, ordinal_concordance, score_r2
from lbp_prognosis.federation import Packet, Policy, pool, site_packet, write_pooled
from lbp_prognosis.models import NullModel, OrdinalRegression
from lbp_prognosis.survival import Measured
from lbp_prognosis.validation import MultiplyImputed

C = ["c1", "c2", "p1"]


def scores(part: pd.DataFrame, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1.5, len(part))
    return np.clip(np.round(4 + 1.2 * part["c1"] + 0.7 * part["p1"] + noise), 0, 10)


DEV, D = syn(400, 11), syn().assign(score=lambda frame: scores(frame, 2))
D = D.set_index(pd.Index([f"p{k}" for k in range(len(D))]))
MODEL = OrdinalRegression().fit(DEV[C], Measured.at(12, scores(DEV, 1), lower=0, upper=10))
SMALL = OrdinalRegression(penalty=300).fit(DEV[C], Measured.at(12, scores(DEV, 1), lower=0, upper=10))
EXACT = Policy(min_cell=2, release_budget=1.0, digits=17)
PARTS = {f"s{site}": part for site, part in D.groupby("site")}


def measured(values: Any) -> np.ndarray:
    return Measured.at(12, np.asarray(values, dtype=float), lower=0, upper=10)


def packet(site: str = "s1", values: Any = None, **more: Any) -> Packet:
    part = PARTS[site]
    y = measured(part["score"] if values is None else values)
    return site_packet(MODEL, part[C], y, site=site, **{"policy": EXACT, **more}).verify()


def changed(one: Packet, **parts: Any) -> Packet:
    return Packet.of({**one.content, **parts})


def test_six_sites_are_all_rows() -> None:
    found = pool([packet(site) for site in PARTS])
    y, forecast = measured(D["score"]), MODEL.predict_forecast(D[C])
    for metric, function in (("crps", crps), ("mae", mean_absolute_error)):
        whole, pooled = function(y, forecast), found.measure(metric)
        assert pooled.stratified == pytest.approx(float(whole.value), abs=1e-10)
        assert pooled.stratified_se == pytest.approx(float(whole.se), abs=1e-10)
    line = mean_calibration(y, forecast)
    for result in (line.error, line.intercept, line.slope, score_r2(y, forecast)):
        assert found.measure(result.metric).stratified == pytest.approx(float(result.value), abs=1e-9)
    assert found.measure("mean_error").stratified_se == pytest.approx(float(line.error.se), abs=1e-10)
    assert found.n == 600
    assert found.measure("ordinal_concordance").meta.k == 6
    assert np.isnan(found.measure("ordinal_concordance").stratified)


def test_page(tmp_path: Any) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    page = write_pooled(pool([packet(site) for site in list(PARTS)[:3]]), tmp_path).read_text(encoding="utf-8")
    assert "CRPS" in page
    assert "slope" in page


def test_a_site_has_the_numbers_of_its_evaluation() -> None:
    part = PARTS["s2"]
    told = packet("s2").content
    y, forecast = measured(part["score"]), MODEL.predict_forecast(part[C])
    line = mean_calibration(y, forecast)
    results = [crps(y, forecast), ordinal_concordance(y, forecast), score_r2(y, forecast), line.slope, line.intercept]
    for result in results:
        assert told["estimates"][result.metric] == pytest.approx([float(result.value), float(result.se)], rel=1e-12)
    assert told["model"]["kind"] == "measured"
    assert not any(told[part] for part in ("pairs", "taylor", "decisions", "subgroups"))


def test_missing_scores_have_no_part() -> None:
    values = {site: part["score"].to_numpy().copy() for site, part in PARTS.items()}
    for k, part in enumerate(values.values()):
        part[: 6 * (k + 1)] = np.nan
    found = pool([packet(site, part) for site, part in values.items()])
    y = measured(np.concatenate(list(values.values())))
    forecast = MODEL.predict_forecast(pd.concat(PARTS.values())[C])
    assert found.measure("crps").stratified == pytest.approx(float(crps(y, forecast).value), abs=1e-10)
    assert found.measure("mean_error").stratified == pytest.approx(
        float(mean_calibration(y, forecast).error.value), abs=1e-10
    )


def test_paired_differences_and_covariance() -> None:
    part = D.iloc[:250]
    y = measured(part["score"])
    told = site_packet(MODEL, part[C], y, site="a", policy=EXACT, comparator=SMALL).verify().content
    mine, theirs = (crps(y, model.predict_forecast(part[C])) for model in (MODEL, SMALL))
    change = mine.minus(theirs)
    assert told["paired"]["crps"] == pytest.approx([float(change.value), float(change.se)], rel=1e-12)
    matrix = np.array(told["covariance"]["matrix"])
    errors = [told["estimates"][name][1] for name in told["covariance"]["names"]]
    np.testing.assert_allclose(np.sqrt(np.diag(matrix)), errors, rtol=1e-9)
    every = [
        site_packet(MODEL, p[C], measured(p["score"]), site=name, policy=EXACT, comparator=SMALL)
        for name, p in PARTS.items()
    ]
    found = pool(every)
    assert found.measure("crps", against="comparator").useful > 0.5  # lower is better
    again = site_packet(MODEL, MultiplyImputed([part[C], part[C] + 0.2]), y, site="a", policy=EXACT).verify()
    assert again.content["estimates"]["crps"][1] > told["estimates"]["crps"][1] * 0.99
    errors = [again.content["estimates"][name][1] for name in again.content["covariance"]["names"]]
    np.testing.assert_allclose(np.sqrt(np.diag(again.content["covariance"]["matrix"])), errors, rtol=1e-9)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.where(np.arange(100) < 49, 5.0, np.nan), "fewer patients"),
        (np.where(np.arange(100) < 4, 7.0, 3.0), "the same"),
        (np.where(np.arange(100) < 4, np.nan, np.arange(100) % 7), "unknown"),
    ],
)
def test_what_a_site_does_not_send(values: np.ndarray, told: str) -> None:
    X = D[C].iloc[:100]
    out = site_packet(MODEL, X, measured(values), site="a", policy=Policy()).verify()
    assert told in out.insufficient
    assert not out.content["cohort"]
    assert not out.content["sums"]


def test_edges_of_the_gate() -> None:
    X = D[C].iloc[:100]
    five = np.where(np.arange(100) < 5, np.nan, np.arange(100) % 7)
    assert not site_packet(MODEL, X, measured(five), site="a").insufficient
    assert not site_packet(MODEL, X, measured(np.where(np.arange(100) < 5, 7.0, 3.0)), site="a").insufficient
    out = site_packet(MODEL, X, measured(np.arange(100) % 7), site="a", policy=Policy(release_budget=0.08))
    assert out.verify().content["budget"]["numbers"] <= 8
    assert any("budget" in row["reason"] for row in out.content["withheld"])
    short = site_packet(MODEL, X, measured(np.arange(100) % 7), site="a", policy=Policy(release_budget=0.069))
    assert "release budget" in short.insufficient
    cut = site_packet(MODEL, X, measured(np.arange(100) % 7), site="a", policy=Policy(thresholds=[0.4]))
    assert any("measured_to_status" in row["reason"] for row in cut.content["withheld"])


def test_differences_of_releases(tmp_path: Any) -> None:
    ledger = ReleaseLedger(tmp_path / "ledger.json")
    part = D.iloc[:200]
    site_packet(MODEL, part[C], measured(part["score"]), site="a", ledger=ledger)
    with pytest.raises(LBPError):
        site_packet(MODEL, part[C].iloc[1:], measured(part["score"].iloc[1:]), site="a", ledger=ledger)


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("cohort", {"n": 9000}, "add up"),
        ("sums", {"observed": 1e6}, "scale"),
        ("sums", {"observed_squared": 1.0}, "no patients"),
        ("sums", {"observed_predicted": 9e3}, "no patients"),
        ("estimates", {"mean_error": [3.0, 0.1]}, "mean_error"),
        ("estimates", {"score_r2": [0.99, 0.1]}, "score_r2"),
        ("estimates", {"mean_calibration_slope": [2.0, 0.1]}, "slope"),
        ("estimates", {"mae": [11.0, 0.1]}, "mae outside"),
        ("estimates", {"crps": [-0.1, 0.1]}, "crps outside"),
        ("estimates", {"crps": [10.1, 0.1]}, "crps outside"),
        ("estimates", {"ordinal_concordance": [1.01, 0.1]}, "ordinal_concordance outside"),
        ("estimates", {"crps": [0.8, 9.0]}, "standard error"),
        ("budget", {"numbers": 9999}, "budget"),
        ("decisions", {"0.4": [50, 0.1, 0.01, 0.01]}, "parts"),
        ("sums", {}, "shape"),
    ],
)
def test_packets_that_contradict_themselves(part: str, change: dict, told: str) -> None:
    one = packet()
    content = {**one.content[part], **change} if change else {}
    with pytest.raises(LBPError, match=told):
        changed(one, **{part: content}).verify()


def test_errors_of_scores_follow_from_the_sums_and_the_covariance() -> None:
    one = site_packet(MODEL, D[C].iloc[:250], measured(D["score"].iloc[:250]), site="a", policy=EXACT).verify()
    for name, (value, se) in one.content["estimates"].items():
        with pytest.raises(LBPError, match="mean_error|covariance"):
            changed(one, estimates={**one.content["estimates"], name: [value, 0.99 * se]}).verify()
    bare = {"estimates": {"mean_error": one.content["estimates"]["mean_error"]}, "covariance": {}}
    changed(one, **bare).verify()
    value, se = bare["estimates"]["mean_error"]
    with pytest.raises(LBPError, match="less than that of its sums"):
        changed(one, **{**bare, "estimates": {"mean_error": [value, 0.99 * se]}}).verify()


def test_refusals_and_twin() -> None:
    part = PARTS["s1"]
    y = measured(part["score"])
    with pytest.raises(LBPError, match="predict_forecast"):
        site_packet(NullModel(), part[C], y, site="a", model_id="n")
    with pytest.raises(LBPError, match="subgroups"):
        site_packet(MODEL, part[C], y, site="a", subgroups=part["c3"] > 0)
    with pytest.raises(LBPError, match="horizon"):
        site_packet(MODEL, part[C], y, site="a", horizon=6)
    with pytest.raises(LBPError, match="one model"):
        pool([packet(), site_packet(SMALL, PARTS["s2"][C], measured(PARTS["s2"]["score"]), site="s2", policy=EXACT)])
    text = packet().to_text()
    assert "crps" in text
    assert "known" in text
    told = site_packet(MODEL, part[C], y, site="a").verify()  # six digits
    assert told.content["estimates"]["crps"] == pytest.approx(packet().content["estimates"]["crps"], rel=5e-6)
