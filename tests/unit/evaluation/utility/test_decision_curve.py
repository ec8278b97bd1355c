"""Decision curves: identities, uncertainty, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis import LBPError
from lbp_prognosis.evaluation.utility import ThresholdRange, decision_curve, finding_to_outcome_ceiling
from lbp_prognosis.survival import Status, Surv, Weights

GRID = np.round(np.arange(0.05, 0.6, 0.05), 12)


def cohort(n=400, seed=0, competing=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    t, c = rng.exponential(20 * np.exp(-x)), rng.uniform(5, 40, n)
    time = np.ceil(np.minimum(t, c))
    event = (t <= c).astype(int)
    if competing:
        event[(event == 1) & (rng.random(n) < 0.3)] = 2
    a = 1 - np.exp(-12 / 20 * np.exp(x))
    b = 1 - np.exp(-12 / 20 * np.exp(0.5 * x + 0.5 * rng.normal(size=n)))
    return Surv.right(time, event, censored=0), {"a": a, "b": b}


def test_six_patients_by_hand():
    # treated at 0.5: times 2 (event), 4 (censored), 5 (event) -> S = 2/3 at 2, then 2/3·(1 − 1/1) = 0 at 5
    y = Surv.right([2, 4, 5, 1, 6, 6], [1, 0, 1, 0, 0, 0])
    curve = decision_curve(y, [0.9, 0.6, 0.5, 0.2, 0.1, 0.3], 4, [0.25, 0.5], min_at_risk=0, n_resamples=0)
    assert curve.treated[0, 0].tolist() == pytest.approx([4 / 6, 3 / 6])
    # at 0.5: F = 1/3, TP = 1/6, FP = 2/6; at 0.25 (odds 1/3): F = 1/4 among four
    assert curve.value[0, 0].tolist() == pytest.approx([1 / 6 - 3 / 6 / 3, 1 / 6 - 2 / 6])
    assert not curve.carried_forward.any()
    later = decision_curve(y, [0.9, 0.6, 0.1, 0.2, 0.1, 0.3], 5, [0.5], min_at_risk=0, n_resamples=0)
    assert later.carried_forward[0, 0].tolist() == [True]  # the last of the two treated was censored at 4


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("estimator", ["km", "ipcw"])
@pytest.mark.parametrize("target", ["event", "no_event"])
def test_treat_all_has_its_closed_form(competing, estimator, target):
    y, risks = cohort(competing=competing)
    both = {name: np.column_stack([risk / 2, risk]) for name, risk in risks.items()}
    curve = decision_curve(y, both, [6, 12], GRID, estimator=estimator, target=target, n_resamples=0)
    odds = GRID / (1 - GRID)
    want = curve.observed[:, None] - odds * (1 - curve.observed[:, None])
    np.testing.assert_allclose(curve.value[-1], want, atol=1e-12)


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("estimator", ["km", "ipcw"])
def test_absence_of_the_event_is_the_complement(competing, estimator):
    """Not treating below t on the event is treating from 1 − t on its absence: TP of one are TN of the other."""
    y, risks = cohort(competing=competing)
    event = decision_curve(y, risks, 12, GRID, estimator=estimator, n_resamples=0)
    mirror = np.round(1 - GRID[::-1], 12)
    absence = decision_curve(
        y, risks, 12, mirror, target="no_event", estimator=estimator, at_threshold="spare", n_resamples=0
    )
    true_negative = 1 - event.observed[0] - event.false_positive[:2, 0]
    if estimator == "ipcw":  # one censoring curve for all, so that treated and untreated add up to the whole
        np.testing.assert_allclose(absence.true_positive[:2, 0, ::-1], true_negative, atol=1e-12)
    np.testing.assert_allclose(absence.treated[:2, 0, ::-1], 1 - event.treated[:2, 0], atol=1e-12)


def test_no_censoring_is_the_plain_curve():
    rng = np.random.default_rng(2)
    time, risk = rng.exponential(10, 300), rng.random(300)
    state = (time <= 7).astype(int)
    censored = decision_curve(Surv.right(time, np.ones(300)), risk, 7, GRID, n_resamples=0, min_at_risk=0)
    ipcw = decision_curve(Surv.right(time, np.ones(300)), risk, 7, GRID, estimator="ipcw", n_resamples=0)
    plain = decision_curve(Status.at(7, state), risk, 7, GRID, n_resamples=0)
    for other in (censored, ipcw):
        np.testing.assert_allclose(other.value, plain.value, atol=1e-12)
        np.testing.assert_allclose(other.se, plain.se, rtol=1e-10)
    treated = risk[:, None] >= GRID
    gain = treated * (state[:, None] - GRID / (1 - GRID) * (1 - state[:, None]))
    np.testing.assert_allclose(plain.value[0, 0], gain.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(plain.se[0, 0], gain.std(axis=0) / np.sqrt(300), rtol=1e-10)


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("estimator", ["km", "ipcw"])
def test_frequency_weights_are_copies(competing, estimator):
    y, risks = cohort(150, competing=competing)
    counts = np.random.default_rng(5).integers(0, 4, 150)
    rows = np.repeat(np.arange(150), counts)
    weighted = decision_curve(
        y, risks, 12, GRID, sample_weight=Weights(counts, "frequency"), estimator=estimator, n_resamples=0
    )
    copies = {name: risk[rows] for name, risk in risks.items()}
    copied = decision_curve(y[rows], copies, 12, GRID, estimator=estimator, n_resamples=0)
    np.testing.assert_allclose(weighted.value, copied.value, atol=1e-12)
    np.testing.assert_allclose(weighted.se, copied.se, rtol=1e-9, atol=1e-12)
    first, second = weighted.difference("a", "b"), copied.difference("a", "b")
    np.testing.assert_allclose(first.se, second.se, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("target", ["event", "no_event"])
def test_analytic_and_influence_standard_errors_are_one(competing, target):
    y, risks = cohort(competing=competing)
    curve = decision_curve(y, risks, 12, GRID, target=target, n_resamples=0)
    for m, name in enumerate(curve.models):
        psi = curve.influence(name)
        np.testing.assert_allclose(np.sqrt((psi**2).sum(axis=0)) / 400, curve.se[m, 0], rtol=1e-9)
        np.testing.assert_allclose(psi.mean(axis=0), 0, atol=1e-12)
    place = np.flatnonzero(GRID == 0.3)[0]
    one = curve.at(0.3, model="a")
    assert (one.value, one.se) == pytest.approx((curve.value[0, 0, place], curve.se[0, 0, place]))
    paired = one.minus(curve.at(0.3, model="b"))
    other = curve.difference("a", "b")
    assert (paired.value, paired.se) == pytest.approx((other.value[0, place], other.se[0, place]))
    assert paired.se < np.hypot(curve.se[0, 0, place], curve.se[1, 0, place])


def test_sampling_weights_and_clusters_use_the_influence_values():
    y, risks = cohort(300)
    unit = decision_curve(y, risks, 12, GRID, n_resamples=0)
    double = decision_curve(y, risks, 12, GRID, sample_weight=np.full(300, 2.0), n_resamples=0)
    np.testing.assert_allclose(double.se, unit.se, rtol=1e-9)
    own = decision_curve(y, risks, 12, GRID, clusters=np.arange(300), n_resamples=0)
    np.testing.assert_allclose(own.se, unit.se * np.sqrt(300 / 299), rtol=1e-9)
    pairs = np.repeat(np.arange(300), 2)
    twice = decision_curve(y[pairs], {k: v[pairs] for k, v in risks.items()}, 12, GRID, clusters=pairs, n_resamples=0)
    np.testing.assert_allclose(twice.se, unit.se * np.sqrt(300 / 299), rtol=1e-9)


@pytest.mark.parametrize("estimator", ["km", "ipcw"])
@pytest.mark.parametrize("kind", ["censored", "competing", "status"])
def test_resamples_agree_with_the_analytic_standard_errors(estimator, kind):
    y, risks = cohort(500, competing=kind == "competing")
    if kind == "status":
        y = Status.at(12, (y["time"] <= 12).astype(int))
    curve = decision_curve(y, risks, 12, GRID, estimator=estimator, n_resamples=600, random_state=1)
    again = decision_curve(y, risks, 12, GRID, estimator=estimator, n_resamples=600, random_state=1)
    np.testing.assert_array_equal(curve.band_low, again.band_low)
    draws = curve._resamples[0]
    ratio = draws.std(axis=0) / curve.se[:, 0]
    assert np.abs(ratio - 1).max() < 0.12  # Monte-Carlo error of 600 resamples
    assert (curve.band_low <= curve.low + 1e-12).all()
    assert (curve.band_high >= curve.high - 1e-12).all()
    difference = curve.difference("a", "b")
    assert (difference.band_high >= difference.high - 1e-12).all()


def test_refusals_and_reasons():
    y, risks = cohort()
    with pytest.raises(LBPError, match="outcome later, or a reference now"):
        decision_curve(np.array([0, 1]), np.array([0.1, 0.2]), 12, GRID)
    missing = risks["a"].copy()
    missing[3] = np.nan
    with pytest.raises(LBPError, match="rows 3"):
        decision_curve(y, missing, 12, GRID)
    with pytest.raises(LBPError, match="thresholds"):
        decision_curve(y, risks, 12, [0.2, 1.0])
    with pytest.raises(LBPError, match="risks"):
        decision_curve(y, np.log(risks["a"]), 12, GRID)
    late = Surv.right(y["time"] + 1, y["event"], entry=np.ones(400), censored=0)
    with pytest.raises(LBPError, match="landmark"):
        decision_curve(late, risks, 12, GRID)
    far = decision_curve(y, risks, 1000, GRID, n_resamples=0)
    assert np.isnan(far.value).all()
    assert "0 at risk at 1000" in far.reason[0]
    assert far.to_frame()["reason"].str.contains("at risk").all()
    inverted = decision_curve(y, 1 - risks["a"] * 0.4, 6, GRID, n_resamples=0)
    assert [o.code for o in inverted.objections] == ["risk-looks-inverted"]
    with pytest.raises(LBPError, match="without a reason"):
        ThresholdRange(0.1, 0.3, 0.2, "")
    with pytest.raises(LBPError, match="visit"):
        decision_curve(Status.at(12, [0, 1]), [0.1, 0.2], 6, GRID)
    unseen = decision_curve(Status.at(12, [0, 1, -1]), [0.1, 0.2, 0.3], 12, GRID, n_resamples=0)
    assert unseen.n == 2
    assert unseen.objections[0].code == "status-not-observed"
    with pytest.raises(LBPError, match="named"):
        decision_curve(y, risks, 12, GRID, n_resamples=0).at(0.3)


def test_thresholds_made_of_sums_still_tie():
    y = Status.at(1, [1, 0, 1, 0])
    curve = decision_curve(y, [0.3, 0.3, 0.1, 0.7], 1, [0.1 + 0.2], n_resamples=0)
    assert curve.treated[0, 0, 0] == 0.75
    absent = decision_curve(y, [0.8, 0.2, 0.9, 0.7], 1, [0.2], target="no_event", n_resamples=0)
    assert absent.treated[0, 0, 0] == 0.75  # 1 − 0.8 reaches 0.2


def test_a_finding_outside_its_window_is_worth_nothing():
    ceiling = finding_to_outcome_ceiling(0.4, 0.32, 0.28, 0.95)
    outside = (ceiling.thresholds <= 0.28) | (ceiling.thresholds >= 0.32)
    assert (ceiling.gain[outside] == 0).all()
    assert (ceiling.gain_perfect[outside] == 0).all()
    assert (ceiling.gain <= ceiling.gain_perfect + 1e-15).all()
    assert ceiling.gain[~outside].min() > 0


def test_the_plot_draws_every_model():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    y, risks = cohort()
    span = ThresholdRange(0.1, 0.5, 0.3, "a test")
    curve = decision_curve(y, risks, 12, span, n_resamples=20, random_state=0)
    ax = curve.plot(bands=True)
    words = {text.get_text() for text in ax.texts}
    assert {"a", "b", "treat all", "treat none"} <= words
    assert ax.get_xlabel() == "risk of event by 12 at which one would act"
    # the simultaneous band is inside the picture, not cut off by it
    assert ax.get_ylim()[1] > np.nanmax(curve.band_high[:2])
    assert "relapse by a year" in curve.difference("a", "b").plot(label="relapse by a year").get_xlabel()
    avoided = curve.interventions_avoided(per=1000)
    assert "per 1,000 patients" in avoided.plot().get_ylabel()
    assert avoided.to_frame()["method"].str.contains("per 1000 patients").all()
    np.testing.assert_allclose(avoided.value, 10 * curve.interventions_avoided().value)
    plt.close("all")


def test_treat_all_is_named_where_its_line_leaves_the_picture():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    y, risks = cohort()
    ax = decision_curve(y, risks, 12, [0.2, 0.5, 0.9], n_resamples=0).plot()
    (name,) = (text for text in ax.texts if text.get_text() == "treat all")
    floor = ax.get_ylim()[0]
    line = next(line for line in ax.get_lines() if line.get_linestyle() == "--")
    assert name.xy[1] == pytest.approx(floor)
    assert np.interp(name.xy[0], line.get_xdata(), line.get_ydata()) == pytest.approx(floor)
    plt.close("all")


def test_a_picture_of_another_horizon_is_refused():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    y, risks = cohort()
    curve = decision_curve(y, {k: np.c_[v / 2, v] for k, v in risks.items()}, [6, 12], [0.2, 0.3], target="no_event")
    for drawn in (curve, curve.difference("a", "b")):
        assert drawn.plot(horizon=12).get_xlabel() == "risk of no event by 12 at which one would act"
        with pytest.raises(LBPError, match=r"`horizon` must be one of \[6.0, 12.0\]; got 11"):
            drawn.plot(horizon=11)
    assert repr(curve).endswith("2 thresholds, 2 horizons, n = 400>")
    beyond = decision_curve(y, {k: np.c_[v / 2, v] for k, v in risks.items()}, [12, 400], [0.2, 0.3], n_resamples=0)
    for drawn in (beyond, beyond.standardised(), beyond.difference("a", "b")):
        assert "by 12" in drawn.plot().get_xlabel()
        with pytest.raises(LBPError, match=r"`horizon` must be one with an estimate; got 400: 0 at risk at 400"):
            drawn.plot(horizon=400)
    plt.close("all")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([1 / 365.25, 7.0, 30.4375]))
def test_unit_of_time_and_order_of_rows(seed, scale):
    y, risks = cohort(120, seed)
    base = decision_curve(y, risks, 12, GRID, n_resamples=0)
    rows = np.random.default_rng(seed).permutation(120)
    moved = Surv.right(y["time"][rows] * scale, y["event"][rows], censored=0)
    other = decision_curve(moved, {k: v[rows] for k, v in risks.items()}, 12 * scale, GRID, n_resamples=0)
    np.testing.assert_allclose(other.value, base.value, atol=1e-12)
    np.testing.assert_allclose(other.se, base.se, atol=1e-12)


@pytest.mark.parametrize("kind", ["frequency", "sampling", "clusters"])
def test_resamples_of_weighted_and_clustered_rows(kind):
    y, risks = cohort(400)
    rng = np.random.default_rng(8)
    given = {
        "frequency": {"sample_weight": Weights(rng.integers(0, 3, 400), "frequency")},
        "sampling": {"sample_weight": rng.uniform(0.5, 2, 400)},
        "clusters": {"clusters": rng.integers(0, 80, 400)},
    }[kind]
    curve = decision_curve(y, risks, 12, GRID, n_resamples=600, random_state=2, **given)
    ratio = curve._resamples[0].std(axis=0) / curve.se[:, 0]
    assert np.abs(ratio - 1).max() < 0.15  # Monte-Carlo error of 600 resamples, more with 80 clusters


def test_a_state_knows_its_visit_and_weak_censoring_weights_are_doubted():
    states = Status.at(12, [0, 1, 1, 0])
    assert decision_curve(states, [0.1, 0.6, 0.7, 0.4], None, [0.3], n_resamples=0).horizons.tolist() == [12]
    rng = np.random.default_rng(0)
    t, c = rng.exponential(30, 800), rng.exponential(4, 800)
    y = Surv.right(np.minimum(t, c), (t <= c).astype(int))
    curve = decision_curve(y, np.full(800, 0.2), 10, [0.1], estimator="ipcw", n_resamples=0)
    assert "few-uncensored" in {o.code for o in curve.objections}
    gone = decision_curve(y, np.full(800, 0.2), 14, [0.1], estimator="ipcw", n_resamples=0, min_censoring_survival=0.2)
    assert "uncensored" in gone.reason[0]


@pytest.mark.parametrize("target", ["event", "no_event"])
@pytest.mark.parametrize("estimator", ["km", "ipcw"])
def test_a_model_without_a_risk_has_no_error_and_a_reason(target, estimator):
    y, risks = cohort(120, 3)
    risk = np.column_stack([risks["a"], risks["b"]])
    lost = risk.copy()
    lost[:, 1] = np.nan
    curve = decision_curve(
        y,
        {"a": risk, "b": lost},
        [6.0, 12.0],
        [0.2, 0.4],
        target=target,
        estimator=estimator,
        n_resamples=20,
        min_at_risk=0,
        min_censoring_survival=0,
    )
    assert curve.reason == ("", "")
    assert curve.reason_for("a", 1) == curve.reason_for("treat all", 1) == curve.reason_for("treat none", 1) == ""
    assert "no risk predicted" in curve.reason_for("b", 1)
    frame = curve.to_frame()
    gone = (frame["model"] == "b") & (frame["horizon"] == 12)
    assert frame.loc[gone, "value"].isna().all()
    assert (frame["reason"] != "").eq(gone).all()
    for pair in (curve.difference("b"), curve.difference("b", "a"), curve.difference("a", "b")):
        assert np.isnan([pair.value[1], pair.se[1], pair.low[1], pair.high[1], pair.band_low[1]]).all()
        assert np.isfinite([pair.value[0], pair.se[0]]).all()
        assert [bool(text) for text in pair.reason] == [False, True]
    one = curve.at(0.2, model="b", reference="a")
    assert np.isnan([one.value[1], one.se[1]]).all()
    assert one.reason[1]
    assert np.isfinite([one.value[0], one.se[0]]).all()


def test_nobody_with_the_target_leaves_no_share_of_the_benefit():
    y = Surv.right(np.arange(1.0, 31.0), np.zeros(30, int))
    share = decision_curve(y, np.linspace(0, 1, 30), 10.0, [0.2], n_resamples=0).standardised()
    assert np.isnan(share.value).all()
    assert "no patient" in share.reason_for("model")
