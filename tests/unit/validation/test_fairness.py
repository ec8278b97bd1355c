"""Groups against all patients: differences, simultaneous bands, gaps by chance."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import CoxPH, LBPError, Status, Surv
from lbp_prognosis.evaluation import brier, calibration, time_dependent_auc
from lbp_prognosis.validation import fairness

C = ["c1", "c2", "p1"]
DEV, D = syn(600, 3), syn(900, 9)
Y = Surv.right(D["time"], D["event"])
RISK = CoxPH().fit(DEV[C], Surv.right(DEV["time"], DEV["event"])).predict_risk(D[C], 12)[:, 0]
GROUP = np.where(D["c3"] > 0.5, "a", np.where(D["c3"] > -0.5, "b", "c"))


def test_differences_are_those_of_the_measures() -> None:
    found = fairness(Y, RISK, {"g": GROUP}, 12, 0.4)
    for group in "abc":
        rows = GROUP == group
        for name, measure in (("auc", time_dependent_auc), ("brier", brier)):
            row = found.table[(found.table["metric"] == name) & (found.table["group"] == group)].iloc[0]
            here, all_ = measure(Y[rows], RISK[rows], 12), measure(Y, RISK, 12)
            assert row["value"] == pytest.approx(float(here.value) - float(all_.value))
        row = found.table[(found.table["metric"] == "observed_expected") & (found.table["group"] == group)].iloc[0]
        ratio = (
            calibration(Y[rows], RISK[rows], 12).observed_expected.value
            / calibration(Y, RISK, 12).observed_expected.value
        )
        assert row["value"] == pytest.approx(float(ratio))
        assert row["band_low"] < row["low"] < row["value"] < row["high"] < row["band_high"]
    assert set(found.table["metric"]) == {"auc", "observed_expected", "brier", "net_benefit"}
    assert found.rates["group"].tolist() == ["a", "b", "c"]


def test_standard_error_is_that_of_the_jackknife() -> None:
    rows = np.arange(300)
    y, risk, group = Y[rows], RISK[rows], GROUP[rows]
    found = fairness(y, risk, {"g": group}, 12, metrics=("brier",))

    def difference(keep: np.ndarray) -> float:
        inside = keep & (group == "b")
        return float(brier(y[inside], risk[inside], 12).value) - float(brier(y[keep], risk[keep], 12).value)

    left = np.array([difference(rows != k) for k in rows])
    jackknife = np.sqrt((299 / 300) * ((left - left.mean()) ** 2).sum())
    se = float(found.table.set_index("group").loc["b", "se"])
    assert se == pytest.approx(jackknife, rel=0.02)  # the jackknife itself is of order 1/n off


def test_a_group_that_is_treated_worse_is_seen() -> None:
    bad = RISK.copy()
    bad[GROUP == "a"] = np.clip(bad[GROUP == "a"] / 2, 0.01, 1)
    found = fairness(Y, bad, {"g": GROUP}, 12)
    row = found.table[(found.table["metric"] == "observed_expected") & (found.table["group"] == "a")].iloc[0]
    assert row["band_low"] > 1
    gap = found.gaps.set_index("metric").loc["observed_expected"]
    assert gap["p"] < 0.01
    assert gap["gap_corrected"] == pytest.approx(gap["gap"] - gap["gap_by_chance"])


def test_states_and_small_groups() -> None:
    y = Status.at(12, D["y"])
    labels = np.where(np.arange(900) < 12, "rare", GROUP)
    found = fairness(y, RISK, {"g": labels}, threshold=0.4, metrics=("auc", "ipa"))
    assert not found.groups.set_index("group").loc["rare", "evaluated"]
    assert [doubt.code for doubt in found.objections] == ["groups-too-small"]
    rates = found.rates.set_index("group").loc["a"]
    rows = labels == "a"
    cases = D["y"].to_numpy()[rows] == 1
    assert rates["sensitivity"] == pytest.approx((RISK[rows][cases] >= 0.4).mean())
    assert rates["specificity"] == pytest.approx((RISK[rows][~cases] < 0.4).mean())


def test_what_is_refused() -> None:
    with pytest.raises(LBPError, match="at least two groups"):
        fairness(Y, RISK, {"g": np.repeat("a", 900)}, 12)
    with pytest.raises(LBPError, match="metrics"):
        fairness(Y, RISK, {"g": GROUP}, 12, metrics=("accuracy",))
    with pytest.raises(LBPError, match="horizon"):
        fairness(Y, RISK, {"g": GROUP}, [6, 12])


def test_no_causal_words() -> None:
    note = fairness(Y, RISK, {"g": GROUP}, 12, n_draws=100).note
    assert "because" not in note
    assert "effect of" not in note


def test_picture() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    found = fairness(Y, RISK, {"g": GROUP}, 12, 0.4, n_draws=100)
    assert "simultaneous" in found.plot(metric="auc").get_xlabel()
    assert "ratio" in found.plot(metric="observed_expected").get_xlabel()
    assert "3 of 3 groups" in repr(found)


@pytest.mark.slow
def test_no_gap_is_found_where_there_is_none() -> None:
    """Eight groups, 600 patients, 200 data sets: bands and gaps call in at most 5 %, within two Monte-Carlo errors."""
    bands = gaps = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        lp = random.normal(-0.3, 1, 600)
        p = 1 / (1 + np.exp(-lp))
        y = Status.at(12, (random.random(600) < p).astype(int))
        found = fairness(
            y, p, {"g": random.integers(0, 8, 600).astype(str)}, metrics=("auc",), n_draws=400, random_state=seed
        )
        table = found.table
        bands += bool(((table["band_low"] > 0) | (table["band_high"] < 0)).any())
        gaps += bool(found.gaps["p"].iloc[0] <= 0.05)
    most = 200 * (0.05 + 2 * np.sqrt(0.05 * 0.95 / 200))
    assert bands <= most
    assert gaps <= most
