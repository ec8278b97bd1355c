"""Packets of outcomes seen at visits: six sites pooled are all rows, with the attendance of each site."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, LBPError, Status, Surv
from lbp_prognosis.evaluation import brier, concordance, decision_curve, time_dependent_auc
from lbp_prognosis.federation import Packet, Policy, pool, site_packet
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Measured

C = ["c1", "c2", "c3", "p1", "p2"]
VISITS = np.array([3.0, 6.0, 12.0, 24.0])
DEV, D = syn(400, 11), syn()
EXACT = Policy(min_cell=2, release_budget=1.0, digits=17, thresholds=[0.4])
COX = CoxPH().fit(DEV[C], Surv.right(DEV["time"], DEV["event"]))
LOGIT = LogisticRisk().fit(DEV[C], Status.at(12, DEV["y"]))


def seen(part: pd.DataFrame, codes: Any = None) -> np.ndarray:
    """Attend while followed: the event lies between two visits, whoever leaves was last seen at a visit."""
    time = part["time"].to_numpy()
    event = part["event"].to_numpy() if codes is None else np.asarray(codes)
    last = np.searchsorted(VISITS, time, side="right")  # visits before the end of follow-up
    grid = np.concatenate([[0.0], VISITS])
    shown = (event > 0) & (last < VISITS.size)
    upper = np.where(shown, VISITS[np.minimum(last, VISITS.size - 1)], np.inf)
    return Surv.interval(grid[last], upper, np.where(shown, event, 0))


def by_hand(y: np.ndarray, tau: float) -> tuple[np.ndarray, np.ndarray]:
    """Case and inverse probability of being known, of one site, by a product limit over visits."""
    case, weight = np.zeros(y.size), np.zeros(y.size)
    staying, levels = 1.0, {}
    for visit in np.unique(np.concatenate([[0.0], y["lower"], y["upper"][np.isfinite(y["upper"])]])):
        levels[visit] = staying  # of an event that this visit shows: attended until now
        leaves = ((y["lower"] == visit) & (y["upper"] > tau) & (visit < tau)).sum()
        gone = ((y["upper"] <= visit) | ((y["lower"] < visit) & (y["lower"] < tau) & (y["upper"] > tau))).sum()
        staying *= 1 - leaves / (y.size - gone) if leaves else 1.0
        if visit < tau:
            beyond = staying
    for i in range(y.size):
        if y["upper"][i] <= tau:
            case[i], weight[i] = y["event"][i] == 1, 1 / levels[y["upper"][i]]
        elif y["lower"][i] >= tau:
            weight[i] = 1 / beyond
    return case, weight


def packets(policy: Policy = EXACT, comparator: Any = None) -> list[Packet]:
    return [
        site_packet(COX, p[C], seen(p), site=f"s{k}", policy=policy, horizon=12, comparator=comparator).verify()
        for k, p in D.groupby("site")
    ]


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Case, weight and risk of all rows, the weights by site."""
    parts = [(*by_hand(seen(p), 12.0), COX.predict_risk(p[C], 12).ravel()) for _, p in D.groupby("site")]
    case, weight, risk = (np.concatenate(column) for column in zip(*parts))
    return case, weight, risk


def test_six_sites_are_all_rows(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    case, weight, risk = rows
    n = case.size
    assert weight.mean() == pytest.approx(1, abs=1e-12)
    found = pool(packets())
    loss = float(weight @ (case - risk) ** 2) / n
    assert found.measure("brier").stratified == pytest.approx(loss, abs=1e-12)
    share = float(weight @ case) / n
    assert found.measure("ipa").stratified == pytest.approx(1 - loss / (share * (1 - share)), abs=1e-12)
    assert found.measure("observed_expected").stratified == pytest.approx(float(weight @ case) / risk.sum(), abs=1e-12)
    gain = (risk >= 0.4) * (case - 0.4 / 0.6 * (1 - case))
    assert found.measure("net_benefit", threshold=0.4).stratified == pytest.approx(float(weight @ gain) / n, abs=1e-12)
    over = float(weight @ (((risk >= 0.4) - 1.0) * (case - 0.4 / 0.6 * (1 - case)))) / n
    against = found.measure("net_benefit", threshold=0.4, against="treat all")
    assert against.stratified == pytest.approx(over, abs=1e-12)
    assert found.n == n


def test_a_site_has_the_numbers_of_its_evaluation() -> None:
    part = D[D["site"] == D["site"].iloc[0]]
    y, risk = seen(part), COX.predict_risk(part[C], 12).ravel()
    told = site_packet(COX, part[C], y, site="a", policy=EXACT, horizon=12).content
    for name, metric in (("brier", brier), ("auc", time_dependent_auc)):
        assert told["estimates"][name] == pytest.approx([metric(y, risk, 12.0).value, metric(y, risk, 12.0).se])
    ranked = concordance(y, risk)
    assert told["estimates"]["concordance"] == pytest.approx([ranked.value, ranked.se])
    assert told["pairs"] == [ranked.concordant, ranked.discordant, ranked.tied]
    # a visit that shows the event ends follow-up, and whoever comes to the horizon is followed beyond it
    lost = (y["upper"] > 12) & (y["lower"] < 12)
    time = np.where(y["upper"] <= 12, y["upper"], np.where(lost, np.maximum(y["lower"], 0.5), 30.0))
    shown = Surv.right(time, y["upper"] <= 12)
    curve = decision_curve(shown, risk, 12.0, [0.4], estimator="ipcw", n_resamples=0)
    above = curve.at(0.4, reference="treat all")
    count = int((risk >= 0.4).sum())
    assert told["decisions"]["0.4"] == pytest.approx(
        [count, curve.value[0, 0, 0], curve.se[0, 0, 0], above.se], rel=1e-9
    )
    assert told["model"] == {**told["model"], "kind": "interval", "calibration": "state"}


def test_calibration_is_that_of_the_weighted_states(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Its sums are exact; the cubic solution lies within 0.015 of the regression of all rows."""
    case, weight, risk = rows
    found = pool(packets())
    score = np.sum([packet.content["taylor"]["score"] for packet in packets()], axis=0)
    x = np.log(risk / (1 - risk))
    np.testing.assert_allclose(score, [weight @ (case - risk), weight @ (x * (case - risk))], rtol=1e-9)
    line = np.array([0.0, 1.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-line[0] - line[1] * x))
        X = np.column_stack([np.ones(x.size), x])
        line = line + np.linalg.solve((X * (weight * p * (1 - p))[:, None]).T @ X, X.T @ (weight * (case - p)))
    assert found.measure("calibration_intercept").stratified == pytest.approx(line[0], abs=0.015)
    assert found.measure("calibration_slope").stratified == pytest.approx(line[1], abs=0.015)


def test_paired_and_competing() -> None:
    part = D[D["site"] == D["site"].iloc[0]]
    told = site_packet(COX, part[C], seen(part), site="a", policy=EXACT, horizon=12, comparator=COX).content["paired"]
    assert told["net_benefit@0.4"] == [0, 0]
    dull = CoxPH(penalty=300).fit(DEV[C], Surv.right(DEV["time"], DEV["event"]))
    # of the ten at this site who change sides at the threshold one has the event; among all patients no such cell is 1
    gain = site_packet(COX, part[C], seen(part), site="a", policy=EXACT, horizon=12, comparator=dull).content["paired"]
    assert "net_benefit@0.4" not in gain
    gain = site_packet(COX, D[C], seen(D), site="a", policy=EXACT, horizon=12, comparator=dull).content["paired"]
    each = [
        site_packet(model, D[C], seen(D), site="a", policy=EXACT, horizon=12).content["decisions"]["0.4"][1]
        for model in (COX, dull)
    ]
    assert gain["net_benefit@0.4"][0] == pytest.approx(each[0] - each[1], abs=1e-12)
    y = seen(part, part["status"])
    both = site_packet(COX, part[C], y, site="a", policy=EXACT, horizon=12)
    assert both.verify().content["cohort"]["events"] == int(((y["upper"] <= 12) & (y["event"] == 1)).sum())
    assert both.content["sums"]["observed"] < told_sum(seen(part))


def told_sum(y: np.ndarray) -> float:
    case, weight = by_hand(y, 12.0)
    return float(weight @ case)


def test_the_gate_is_that_of_the_other_outcomes() -> None:
    part = D[D["site"] == D["site"].iloc[0]].iloc[:60]
    y = seen(part)
    few = site_packet(COX, part[C], y, site="a", horizon=12, policy=Policy(min_events=29))
    assert "event" in few.insufficient
    unknown = int(((y["lower"] < 12) & (y["upper"] > 12)).sum())
    assert 0 < unknown
    limits = {unknown: False, unknown + 1: True}
    for cell, closed in limits.items():
        policy = Policy(min_cell=max(cell, 2), min_n=50, min_events=max(cell, 10))
        told = site_packet(COX, part[C], y, site="a", horizon=12, policy=policy)
        assert ("unknown" in told.insufficient) is closed
    packet = site_packet(COX, part[C], y, site="a", horizon=12, policy=Policy(thresholds=[0.3, 0.31, 0.5]))
    assert packet.content["budget"]["numbers"] <= 20
    counts = packet.verify().content["cohort"]
    assert all(value == 0 or value >= 5 for value in counts.values())
    with pytest.raises(LBPError, match="measured_to_status"):
        site_packet(LOGIT, part[C], Measured.at(12, np.zeros(60), lower=0, upper=10), site="a")
