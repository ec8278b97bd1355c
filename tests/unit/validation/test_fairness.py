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


def test_a_group_in_perfect_order_has_no_band() -> None:
    """Its influence values are all 0: without care its error would be that of all patients alone."""
    y = Status.at(12, D["y"])
    risk, here = RISK.copy(), np.flatnonzero(GROUP == "c")
    risk[here] = np.where(D["y"].to_numpy()[here] == 1, 0.9, 0.1)
    found = fairness(y, risk, {"g": GROUP}, metrics=("auc",), n_draws=200)
    table = found.table.set_index("group")
    assert table.loc["c", "group_value"] == 1
    assert table.loc["c", ["se", "low", "high", "band_low", "band_high"]].isna().all()
    assert "no error" in table.loc["c", "reason"]
    assert table.loc[["a", "b"], ["se", "band_low", "band_high"]].notna().all(axis=None)
    assert found.gaps["highest"].iloc[0] == 1


def test_a_gap_is_that_of_the_groups_with_a_value() -> None:
    """Of 9 patients followed to the horizon no value is given: the gap leaves them out, and p is one of the rest."""
    rows = np.r_[np.flatnonzero(GROUP == "a"), np.flatnonzero(GROUP == "b")]
    late = np.flatnonzero((GROUP == "c") & (D["time"].to_numpy() > 12))[:9]
    early = np.flatnonzero((GROUP == "c") & (D["time"].to_numpy() <= 12) & (D["event"].to_numpy() == 1))[:20]
    rows = np.r_[rows, late, early]
    found = fairness(Y[rows], RISK[rows], {"g": GROUP[rows]}, 12, metrics=("brier",), min_events=5, n_draws=200)
    table = found.table.set_index("group")
    assert np.isnan(table.loc["c", "value"])
    assert table.loc["c", "reason"]
    without = fairness(Y[rows], RISK[rows], {"g": GROUP[rows]}, 12, metrics=("brier",), min_events=10, n_draws=200)
    assert found.gaps["gap"].iloc[0] == pytest.approx(without.gaps["gap"].iloc[0])
    assert found.gaps["p"].iloc[0] == pytest.approx(without.gaps["p"].iloc[0])
    pair = np.isin(GROUP[rows], ["a", "c"])
    alone = fairness(Y[rows][pair], RISK[rows][pair], {"g": GROUP[rows][pair]}, 12, metrics=("brier",), min_events=5)
    assert alone.gaps[["gap", "gap_corrected", "p"]].isna().all(axis=None)


def test_errors_are_those_of_the_values() -> None:
    """Of a ratio that of the log times the ratio; the AUC has its band on the logit, which is no longer symmetric."""
    found = fairness(Y, RISK, {"g": GROUP}, 12, metrics=("auc", "observed_expected"), n_draws=200)
    ratio = found.table[found.table["metric"] == "observed_expected"].iloc[0]
    assert ratio["se"] == pytest.approx(ratio["value"] * np.log(ratio["high"] / ratio["value"]) / 1.959964)
    area = found.table[found.table["metric"] == "auc"].iloc[0]
    low, high = area["low"] + area["overall_value"], area["high"] + area["overall_value"]
    assert np.log(low / (1 - low)) + np.log(high / (1 - high)) == pytest.approx(
        2 * np.log(area["group_value"] / (1 - area["group_value"]))
    )


def test_bands_are_those_of_permuted_influence_values() -> None:
    """The quantile of the largest |t|, here from the sums over all patients that the notes describe."""
    found = fairness(Y, RISK, {"g": GROUP}, 12, metrics=("brier",), random_state=1)
    row = found.table.iloc[0]
    times = (row["band_high"] - row["value"]) / row["se"]
    n, random = 900, np.random.default_rng(2)
    psi = np.asarray(brier(Y, RISK, 12).influence, dtype=float).reshape(n)
    largest = []
    for _ in range(2000):
        drawn, t = random.permutation(psi), []
        for group in "abc":
            rows = GROUP == group
            mean = drawn[rows].mean()
            moved = np.where(rows, n / rows.sum() * (drawn - mean), 0.0) - drawn
            t.append(abs(mean) / (np.sqrt((moved**2).sum()) / n))
        largest.append(max(t))
    assert times == pytest.approx(np.quantile(largest, 0.95), rel=0.04)  # two draws of 2000 each
    assert times > 1.959964


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
    """Eight groups, 600 patients, 200 data sets: bands and gaps each call in at most 5 % of them, 10 data sets.

    The bound has no allowance for chance: of 200 data sets a rate of 5 % gives 10 with a standard deviation of 3.1.
    """
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
    assert bands <= 10
    assert gaps <= 10
