"""Sums over all patients, solved for a few: few different risks, and sums that one patient makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Measured, Status
from lbp_prognosis.deployment import Equation, LevelTerm
from lbp_prognosis.disclosure import Gate, Patients, single_out, told_by_sums
from lbp_prognosis.federation import Packet, Policy, site_packet
from lbp_prognosis.models import LinearOutcome


@pytest.mark.parametrize(("rare", "told"), [(0, False), (1, True), (4, True), (5, False)])
def test_a_rare_value_among_few(rare: int, told: bool) -> None:
    assert single_out([0.2] * 100 + [0.6] * rare, 5) is told


@pytest.mark.parametrize(("different", "told"), [(5, True), (6, False)])
def test_few_are_five(different: int, told: bool) -> None:
    values = np.repeat(np.arange(different), [4, *[20] * (different - 1)])
    assert single_out(values, 5) is told
    # equal but for rounding are equal, and what is missing is no value
    assert single_out([*(values / 10 + 1e-12 * np.arange(values.size)), np.nan], 5) is told


def of_risks(cells: dict[float, tuple[int, int, int]], **more: Any) -> Patients:
    """Patients with the target, without it and of unknown state by predicted risk."""
    state = np.concatenate([np.repeat([1, 0, -1], counts) for counts in cells.values()])
    score = np.repeat(list(cells), [sum(counts) for counts in cells.values()])
    return Patients(state=state, scores={"model": score}, **more)


@pytest.mark.parametrize(
    ("rare", "told"),
    [
        ((5, 5, 0), False),
        ((4, 20, 0), True),
        ((20, 4, 0), True),
        ((0, 30, 0), True),
        ((9, 9, 4), True),
        ((9, 9, 5), False),
    ],
)
def test_each_of_few_risks_is_a_cell_like_a_band(rare: tuple[int, int, int], told: bool) -> None:
    patients = of_risks({0.2: (30, 70, 0), 0.7: rare})
    assert bool(told_by_sums(patients, 5)) is told
    assert bool(Gate().open(patients).insufficient) is told


@pytest.mark.parametrize(
    ("width", "rare", "told"),
    [(0.05, (1, 2), True), (0.05, (5, 5), False), (0.3, (1, 2), False)],
)
def test_ten_near_risks_are_one(width: float, rare: tuple[int, int], told: bool) -> None:
    """With integer programming, O/E and Brier score gave the patients at 0.85 in 16 of 20 samples of width 0.02."""
    near = {0.2 + width * k / 9: (4, 11, 0) for k in range(10)}
    patients = of_risks({**near, 0.85: (*rare, 0)})
    assert ("only 2 clearly different risks" in told_by_sums(patients, 5)) is told


def test_layers_and_repeated_rows_are_counted_as_patients() -> None:
    cells = {0.2: (60, 60, 0), 0.7: (12, 12, 0)}
    assert not Gate().open(of_risks(cells)).insufficient
    # twelve rows of three patients
    clusters = np.concatenate([np.arange(120), 120 + np.arange(12) % 3, 130 + np.arange(12)])
    assert "sums would give" in Gate().open(of_risks(cells, clusters=clusters)).insufficient
    early = np.concatenate([np.arange(120) % 2 == 0, np.arange(24) < 12 + 9])  # in one layer 3 without the target
    assert told_by_sums(of_risks(cells), 5, ~early)
    assert not told_by_sums(of_risks(cells), 5)


def test_a_risk_that_makes_up_the_sum() -> None:
    risk = np.full(100, 1e-4)
    risk[7] = 0.9
    state = np.where(np.arange(100) % 4 == 0, 1, 0)
    assert "most of a sum" in told_by_sums(Patients(state=state, scores={"model": risk}), 5)
    assert told_by_sums(Patients(state=state, scores={"model": np.linspace(0.05, 0.6, 100)}), 5) == ""


# ---- what the sums would tell -----------------------------------------------------------------------------------

RULE = Equation((LevelTerm("surgery", ("no", "yes"), (0.0, 2.0)),), "logit", 1.0, (12.0,), {"": (0.0,)}, model="rule")


def site(operated: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(operated)
    X = pd.DataFrame({"surgery": np.where(np.arange(200) < operated, "yes", "no")})
    return X, Status.at(12, (rng.uniform(size=200) < RULE.predict_risk(X)[:, 0]).astype(int))


def packet(operated: int) -> tuple[Packet, np.ndarray]:
    X, y = site(operated)
    return site_packet(RULE, X, y, site="s1", model_id="rule"), y["status"]


def test_a_packet_of_a_rule_would_count_its_rare_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule three patients after surgery, and how many of them have the event, are solved from two sums."""
    assert "few patients" in packet(3)[0].content["withheld"][0]["reason"]
    assert packet(3)[0].content["sums"] == {}
    assert packet(60)[0].content["sums"]
    monkeypatch.setattr("lbp_prognosis.federation._site_packet.told_by_sums", lambda *_: "")
    told, status = packet(3)
    low, high = RULE.predict_risk(pd.DataFrame({"surgery": ["no", "yes"]}))[:, 0]
    sums = told.content["sums"]
    assert (sums["predicted"] - 200 * low) / (high - low) == pytest.approx(3, abs=1e-3)
    found = (sums["observed_predicted"] - sums["observed"] * low) / (high - low)
    assert found == pytest.approx(status[:3].sum(), abs=1e-3)


def test_a_packet_of_scores_that_one_patient_dominates() -> None:
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"x": rng.normal(size=120)})
    value = np.clip(np.round(rng.normal(2, 1.2, 120)), 0, 6)
    model = LinearOutcome().fit(X, Measured.at(12, value, lower=0, upper=100))
    usual = site_packet(model, X, Measured.at(12, value, lower=0, upper=100), site="s1", model_id="m")
    assert usual.content["sums"]
    value = np.round(rng.uniform(0, 3, 120) < 0.15).astype(float) * rng.integers(1, 3, 120)
    value[5] = 100
    one = site_packet(model, X, Measured.at(12, value, lower=0, upper=100), site="s1", model_id="m")
    assert one.content["sums"] == {}
    assert "one patient makes up most" in one.content["withheld"][0]["reason"]
    few = np.repeat([0.0, 1.0, 2.0], [80, 36, 4])
    rare = site_packet(model, X, Measured.at(12, few, lower=0, upper=100), site="s1", model_id="m", policy=Policy())
    assert "few different scores" in rare.content["withheld"][0]["reason"]
