"""Risk groups: who belongs where, what happened there, how much work it is."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError
from lbp_prognosis.evaluation import decision_curve, risk_groups
from lbp_prognosis.survival import Status, Surv, kaplan_meier, log_rank


def cohort(n=400, seed=0, competing=False):
    rng = np.random.default_rng(seed)
    lp = rng.normal(size=n)
    t, c = rng.exponential(15 * np.exp(-lp)), rng.uniform(4, 40, n)
    event = (t <= c).astype(int)
    if competing:
        event[(event == 1) & (rng.random(n) < 0.35)] = 2
    risk = np.column_stack([-np.expm1(-h / 15 * np.exp(lp)) for h in (4, 8)])
    return Surv.right(np.minimum(t, c), event, censored=0), risk


def test_twelve_patients_by_hand():
    y = Status.at(1, [1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 0, 0])
    risk = np.array([0.5, 0.1, 0.2, 0.2, 0.7, 0.3, 0.5, 0.9, 0.5, 0.6, 0.1, 0.3])
    groups = risk_groups(y, risk, thresholds=[0.3, 0.5], names=["low", "middle", "high"], min_at_risk=0)
    assert groups.groups.tolist() == [2, 0, 0, 0, 2, 1, 2, 2, 2, 2, 0, 1]
    table = groups.table.set_index("group")
    assert table["n"].to_dict() == {"low": 4, "middle": 2, "high": 6}
    assert table["observed"].tolist() == pytest.approx([1 / 4, 0, 5 / 6])
    assert table["mean_risk"].tolist() == pytest.approx([0.15, 0.3, 3.7 / 6])
    work = groups.workload.set_index("threshold")
    assert work.loc[0.5, "share_above"] == 0.5
    assert work.loc[0.5, "events_found"] == pytest.approx(5 / 6)
    assert work.loc[0.5, "number_per_event"] == pytest.approx(6 / 5)
    none = risk_groups(y, risk, thresholds=[0.95], min_at_risk=0).workload.iloc[0]
    assert none[["share_above", "events_found"]].tolist() == [0, 0]  # of the events none is above
    assert none[["observed_above", "number_per_event"]].isna().all()
    cross = groups.against(np.array(list("aabbaabbaabb")))
    assert cross["n"].sum() == 12
    cell = cross[(cross["group"] == "high") & (cross["other"] == "a")]
    assert cell[["n", "n_events"]].to_numpy().tolist() == [[4, 3]]


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("target", ["event", "no_event"])
def test_curves_tests_and_workload_agree_with_their_sources(competing, target):
    y, risk = cohort(competing=competing)
    cuts = [0.3, 0.5] if target == "event" else [0.5, 0.7]
    groups = risk_groups(y, risk, [4, 8], thresholds=cuts, target=target)
    assert set(groups.groups) == {0, 1, 2}
    rank = log_rank(y, groups.groups, cause=1)
    assert groups.log_rank.statistic == pytest.approx(rank.statistic)
    assert (groups.gray is not None) == competing
    for code, name in enumerate(groups.names):
        line = groups.table[(groups.table["group"] == name) & (groups.table["horizon"] == 8)].iloc[0]
        height = float(groups.curves[code].at(8.0).value)
        assert line["observed"] == pytest.approx(height if target == "event" else 1 - height)
        if not competing and target == "event":
            part = y[groups.groups == code]
            assert line["observed"] == pytest.approx(1 - float(kaplan_meier(part).at(8.0).value))
    curve = decision_curve(y, risk, [4, 8], cuts, target=target, n_resamples=0)
    work = groups.workload[groups.workload["horizon"] == 8]
    np.testing.assert_allclose(work["share_above"], curve.treated[0, 1])
    np.testing.assert_allclose(work["events_found"], curve.true_positive[0, 1] / curve.observed[1])


def test_quantiles_belong_to_the_development_data():
    y, risk = cohort()
    development = np.linspace(0.01, 0.99, 99)
    groups = risk_groups(y, risk[:, 1], 8, quantiles=[0.25, 0.5, 0.75], development=development)
    np.testing.assert_allclose(groups.thresholds, [0.255, 0.5, 0.745])
    assert groups.objections == ()
    own = risk_groups(y, risk[:, 1], 8, quantiles=[0.25, 0.5, 0.75])
    assert own.objections[0].code == "groups-cut-on-these-data"
    assert own.table["n"].tolist() == [100, 100, 100, 100]


def test_empty_and_thin_groups_have_reasons():
    y, risk = cohort()
    groups = risk_groups(y, np.minimum(risk, 0.8), [4, 8], thresholds=[0.02, 0.5, 0.9])
    table = groups.table[groups.table["horizon"] == 8].set_index("group")
    assert table["reason"].iloc[-1] == "no patient in this group"
    assert np.isnan(table["observed"].iloc[-1])
    frame = groups.to_frame()
    assert set(frame["metric"]) == {"observed_risk", "mean_risk", "share"}
    far = risk_groups(y, risk, [8, 400], thresholds=[0.5])
    assert far.table[far.table["horizon"] == 400]["reason"].str.contains("at risk").all()


def test_refusals():
    y, risk = cohort(60)
    for bad in (
        {},
        {"thresholds": [0.5], "quantiles": [0.5]},
        {"thresholds": [0.5], "names": ["one"]},
        {"thresholds": [0.5], "group_by": 5},
        {"thresholds": [1.5]},
    ):
        with pytest.raises(LBPError):
            risk_groups(y, risk, [4, 8], **bad)


def test_a_number_has_no_reason_to_be_missing():
    y, risk = cohort()
    frame = risk_groups(y, risk, [4, 8], thresholds=[0.1, np.sort(risk[:, 1])[-4]]).to_frame()
    small = frame[frame["n"] < 10]
    assert (small.loc[small["metric"] == "observed_risk", "reason"] != "").all()
    whole = frame["value"].notna() & (frame["low"].notna() | (frame["metric"] != "observed_risk"))
    assert (frame.loc[whole, "reason"] == "").all()


def test_incidence_curves_are_compared_by_grays_test():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    y, risk = cohort()
    two = Surv.right(y["time"], np.where((y["event"] == 1) & (np.arange(len(y)) % 3 == 0), 2, y["event"]))
    for outcome, words in ((y, "log-rank p"), (two, "Gray p")):
        ax = risk_groups(outcome, risk, [4, 8], thresholds=[0.5]).plot()
        assert any(words in text.get_text() for text in ax.texts)
    plt.close("all")


def test_a_group_without_events_says_why_it_has_no_interval():
    y = Surv.right(np.r_[np.full(20, 9.0), np.arange(1.0, 21)], np.r_[np.zeros(20), np.ones(20)])
    frame = risk_groups(y, np.r_[np.full(20, 0.1), np.full(20, 0.8)], 8, thresholds=[0.5]).to_frame()
    first = frame[frame["metric"] == "observed_risk"].iloc[0]
    assert first["value"] == 0
    assert np.isnan(first["low"])
    assert "no interval" in first["reason"]


def test_development_risks_may_come_at_all_horizons():
    y, risk = cohort()
    earlier = risk[::2] * 0.9
    for by, column in ((None, 1), (4, 0)):
        given = {"quantiles": [0.3, 0.6], "group_by": by}
        at_all, at_one = (risk_groups(y, risk, [4, 8], development=d, **given) for d in (earlier, earlier[:, column]))
        np.testing.assert_array_equal(at_all.thresholds, at_one.thresholds)


def test_the_plots():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    y, risk = cohort()
    ax = risk_groups(y, risk, [4, 8], thresholds=[0.3, 0.5], names=["low", "middle", "high"]).plot(unit="months")
    words = {text.get_text() for text in ax.texts}
    assert {"low", "middle", "high", "at risk"} <= words
    texts = [text.get_text() for text in ax.texts]
    assert all(texts.count(name) == 2 for name in ("low", "middle", "high"))  # at the curve, and at its numbers
    state = Status.at(8, pd.Series(y["time"] <= 8).astype(int))
    risk_groups(state, risk[:, 1], thresholds=[0.3]).plot()
    risk_groups(y, risk, [4, 8], thresholds=[0.7], target="no_event").plot()
    plt.close("all")
