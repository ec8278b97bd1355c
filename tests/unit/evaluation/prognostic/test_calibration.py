"""Calibration: identities, weights, units, failures that are said aloud."""

import numpy as np
import pytest

from lbp_prognosis import LBPError
from lbp_prognosis._base import influence_se
from lbp_prognosis.evaluation.prognostic import calibration, risk_groups
from lbp_prognosis.survival import Status, Surv, Weights, turnbull

NAMES = ["observed_expected", "citl", "calibration_intercept", "calibration_slope", "ici", "e50", "e90", "emax"]


def cohort(n=400, seed=0, competing=False, coarse=True):
    rng = np.random.default_rng(seed)
    lp = rng.normal(size=n)
    t, c = rng.exponential(15 * np.exp(-lp)), rng.uniform(4, 40, n)
    time = np.minimum(t, c)
    time = np.ceil(time) if coarse else time
    event = (t <= c).astype(int)
    if competing:
        event[(event == 1) & (rng.random(n) < 0.35)] = 2
    return Surv.right(time, event, censored=0), -np.expm1(-8 / 15 * np.exp(lp)), lp


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("scale", [365.25, 1 / 12])
@pytest.mark.parametrize("smoother", ["rcs", "loess"])
def test_unit_of_time_and_order_of_rows_do_not_matter(competing, scale, smoother):
    y, risk, _ = cohort(competing=competing)
    base = calibration(y, risk, 8, smoother=smoother, n_resamples=0)
    rows = np.random.default_rng(1).permutation(400)
    other = Surv.right(y["time"][rows] * scale, y["event"][rows], censored=0)
    moved = calibration(other, risk[rows], 8 * scale, smoother=smoother, n_resamples=0)
    for name in NAMES:
        assert getattr(moved, name).value == pytest.approx(getattr(base, name).value, rel=1e-8, abs=1e-10), name
        if name in ("observed_expected", "citl", "calibration_slope"):
            assert getattr(moved, name).se == pytest.approx(getattr(base, name).se, rel=1e-8), name


@pytest.mark.parametrize("kind", ["one", "competing", "status"])
def test_frequency_weights_are_copies(kind):
    y, risk, _ = cohort(250, competing=kind == "competing")
    if kind == "status":
        y = Status.at(8, (y["time"] <= 8).astype(int))
    counts = np.random.default_rng(4).integers(0, 4, 250)
    rows = np.repeat(np.arange(250), counts)
    horizon = None if kind == "status" else 8
    weighted = calibration(y, risk, horizon, sample_weight=Weights(counts, "frequency"), n_resamples=0)
    copied = calibration(y[rows], risk[rows], horizon, n_resamples=0)
    for name in NAMES:
        one, other = getattr(weighted, name), getattr(copied, name)
        assert one.value == pytest.approx(other.value, rel=1e-7, abs=1e-9), name
        if name in NAMES[:5]:
            assert one.se == pytest.approx(other.se, rel=2e-5), name  # of tied copies the influence is Breslow's
        assert one.n == other.n


@pytest.mark.parametrize("kind", ["one", "competing", "status"])
def test_equal_sampling_weights_change_no_estimate(kind):
    y, risk, _ = cohort(competing=kind == "competing")
    if kind == "status":
        y = Status.at(8, (y["time"] <= 8).astype(int))
    horizon = None if kind == "status" else 8
    plain = calibration(y, risk, horizon, n_resamples=0)
    weighted = calibration(y, risk, horizon, sample_weight=np.full(400, 2.5), n_resamples=0)
    for name in NAMES:
        # pseudo-values of weighted rows are the infinitesimal ones, and a weighted quantile lies on an observation
        loose = (kind != "status" and name.startswith(("citl", "calibration"))) or name in ("e50", "e90")
        want = getattr(plain, name).value
        assert getattr(weighted, name).value == pytest.approx(want, rel=1e-9, abs=4e-3 if loose else 1e-12), name


@pytest.mark.parametrize("kind", ["one", "competing", "status"])
def test_standard_errors_agree_with_refitting_resamples(kind):
    y, risk, _ = cohort(400, seed=2, competing=kind == "competing")
    if kind == "status":
        y = Status.at(8, (y["time"] <= 8).astype(int))
    horizon = None if kind == "status" else 8
    found = calibration(y, risk, horizon, knots=3, n_resamples=2000)
    rng, values = np.random.default_rng(0), []
    knots = found.curves[0].knots
    for _ in range(150):
        rows = rng.integers(0, 400, 400)
        again = calibration(y[rows], risk[rows], horizon, knots=knots, n_resamples=0)
        values.append([getattr(again, name).value for name in NAMES[:5]])
    spread = np.std(values, axis=0)
    for k, name in enumerate(NAMES[:4]):
        if name == "observed_expected":
            continue  # its interval takes the predictions as given
        assert getattr(found, name).se == pytest.approx(spread[k], rel=0.25), name  # Monte-Carlo error of 150 resamples
    percentiles = np.quantile(np.array(values)[:, 4], [0.025, 0.975])
    assert found.ici.low == pytest.approx(percentiles[0], abs=0.015)
    assert found.ici.high == pytest.approx(percentiles[1], abs=0.025)


def test_paired_differences_use_the_influence_values():
    y, risk, _ = cohort()
    shrunk = 1 / (1 + np.exp(-0.5 * np.log(risk / (1 - risk))))
    a, b = calibration(y, risk, 8), calibration(y, shrunk, 8)
    for name in ("observed_expected", "citl", "calibration_slope", "ici"):
        difference = getattr(b, name).minus(getattr(a, name))
        assert np.isfinite(difference.se)
        assert difference.value == pytest.approx(getattr(b, name).value - getattr(a, name).value)
    assert b.calibration_slope.value > 1.5
    assert b.joint_test().p < 1e-3


def test_clusters_of_one_and_of_copies():
    y, risk, _ = cohort(300)
    plain = calibration(y, risk, 8, n_resamples=0)
    pairs = np.repeat(np.arange(300), 2)
    twice = calibration(y[pairs], risk[pairs], 8, clusters=pairs, n_resamples=0)
    assert twice.observed_expected.se == pytest.approx(plain.observed_expected.se * np.sqrt(300 / 299), rel=1e-9)
    assert twice.calibration_slope.se == pytest.approx(plain.calibration_slope.se, rel=0.25)  # robust against model


def test_absence_of_the_event():
    y, risk, _ = cohort(competing=True)
    event = calibration(y, risk, 8, n_resamples=0)
    absent = calibration(y, risk, 8, target="no_event", n_resamples=0)
    expected = risk.mean()
    observed = event.observed_expected.value * expected
    assert absent.observed_expected.value == pytest.approx((1 - observed) / (1 - expected), rel=1e-12)
    assert absent.ici.value == event.ici.value
    one, other = event.groups(4), absent.groups(4)
    np.testing.assert_allclose(other["observed"], 1 - one["observed"])
    np.testing.assert_allclose(other["low"], 1 - one["high"])


def test_horizons_give_arrays_and_reasons():
    y, risk, lp = cohort()
    both = np.column_stack([-np.expm1(-4 / 15 * np.exp(lp)), risk, np.full(400, np.nan)])
    found = calibration(y, both, [4, 8, 10], n_resamples=50)
    assert found.observed_expected.value.shape == (3,)
    assert np.isnan(found.ici.value[2])
    assert "missing" in found.ici.reason[2]
    assert found.observed_expected.value[1] == pytest.approx(calibration(y, risk, 8).observed_expected.value)
    far = calibration(y, risk, 500)
    assert np.isnan(far.observed_expected.value)
    assert "at risk" in far.observed_expected.reason
    frame = found.to_frame()
    assert set(frame["horizon"]) == {4.0, 8.0, 10.0}
    with pytest.raises(LBPError, match="horizon"):
        found.gnd()
    assert found.gnd(min_events=0, horizon=8).df == 9


def test_what_cannot_be_fitted_is_said():
    time = np.arange(1.0, 41.0)
    risk = np.where(time <= 20, 0.9, 0.1)  # everybody above has the event before everybody below
    y = Surv.right(time, (time <= 20).astype(int))
    found = calibration(y, risk, 15, min_at_risk=0)
    assert np.isnan(found.calibration_slope.value)
    assert "converge" in found.calibration_slope.reason
    assert "no-convergence" in {o.code for o in found.objections}
    separated = calibration(Status.at(1, (risk > 0.5).astype(int)), risk)
    assert "converge" in separated.calibration_slope.reason
    bounds = risk.copy()
    bounds[0] = 1.0
    assert "risks-at-the-bounds" in {o.code for o in calibration(y, bounds, 15, min_at_risk=0).objections}
    none = calibration(Surv.right(time, np.zeros(40)), risk / 9, 15)
    assert "no patient" in none.observed_expected.reason
    assert "no patient" in none.calibration_slope.reason
    upside_down = calibration(*(cohort()[:1]), 1 - 0.3 * cohort()[1], 2)
    assert "risk-looks-inverted" in {o.code for o in upside_down.objections}


def test_arguments_are_checked():
    y, risk, _ = cohort(50)
    for bad in (
        {"knots": 2},
        {"knots": [1.0, 0.5, 2.0]},
        {"smoother": "hare"},
        {"span": 0},
        {"oe_interval": "exact"},
        {"cumulative_hazard": -risk},
        {"linear_predictor": risk[:3]},
    ):
        with pytest.raises(LBPError):
            calibration(y, risk, 8, **bad)
    late = Surv.right(y["time"] + 1, y["event"], entry=np.ones(50), censored=0)
    with pytest.raises(LBPError, match="late entry"):
        calibration(late, risk, 8)
    found = calibration(y, risk, 8, min_at_risk=0)
    with pytest.raises(LBPError, match="cumulative_hazard"):
        found.a_calibration()
    competing, other, _ = cohort(50, competing=True)
    with pytest.raises(LBPError, match="competing"):
        calibration(competing, other, 8, cumulative_hazard=-np.log1p(-other), min_at_risk=0).d_calibration()


def test_the_empty_last_cell_is_merged():
    """No hazard reaches the upper cells, which then expect nothing."""
    rng = np.random.default_rng(0)
    hazard = rng.exponential(size=300).clip(max=0.4)
    event = hazard < 0.4
    y = Surv.right(hazard + 0.1, event.astype(int))
    found = calibration(y, np.full(300, 0.3) + 0.001 * rng.random(300), 0.3, cumulative_hazard=hazard)
    test = found.a_calibration()
    assert np.isfinite(test.statistic)
    assert test.expected.min() >= 5
    assert np.isfinite(found.a_calibration(min_expected=0).statistic)


def test_a_calibration_holds_its_level_and_d_calibration_does_not():
    rng = np.random.default_rng(11)
    rejected = np.zeros(2)
    for _ in range(400):
        t, c = rng.exponential(size=300), rng.uniform(0, 2.2, 300)
        y = Surv.right(np.minimum(t, c), (t <= c).astype(int))
        found = _tests(y)
        rejected += [found[0] < 0.05, found[1] < 0.05]
    assert 0.025 <= rejected[0] / 400 <= 0.085  # five per cent, up to Monte-Carlo error
    assert rejected[1] / 400 < 0.02


def _tests(y):
    from lbp_prognosis.evaluation.prognostic._calibration_rows import calibration_rows
    from lbp_prognosis.evaluation.prognostic._calibration_test import a_calibration, d_calibration
    from lbp_prognosis.evaluation.prognostic._setting import Setting

    setting = Setting.check(
        y,
        0.5,
        accepted=("right",),
        caller="test",
        cause=1,
        target="event",
        censoring="marginal",
        sample_weight=None,
        clusters=None,
        confidence=0.95,
        min_at_risk=0,
        min_censoring_survival=0,
    )
    rows = calibration_rows(setting, np.full((y.size, 1), 0.4))[0]
    hazard = y["time"].copy()
    return a_calibration(rows, hazard, 10, 5).p, d_calibration(rows, hazard, 10).p


def test_visits():
    rng = np.random.default_rng(6)
    n = 500
    lp = rng.normal(size=n)
    t = rng.exponential(10 * np.exp(-lp))
    visits = np.array([3.0, 6.0, 12.0])
    last = visits[rng.integers(1, 3, n)]
    before = np.array([max([0.0, *visits[(visits < u)]]) for u in t])
    after = np.array([min([*visits[visits >= u], np.inf]) for u in t])
    seen = after <= last
    y = Surv.interval(np.where(seen, before, last), np.where(seen, after, np.inf))
    risk = -np.expm1(-6 / 10 * np.exp(lp))
    found = calibration(y, risk, 6)
    assert found.observed_expected.value == pytest.approx(1.0, abs=0.15)
    assert found.calibration_slope.value == pytest.approx(1.0, abs=0.35)
    assert "Turnbull" in found.observed_expected.method
    assert np.isfinite(found.observed_expected.se)
    assert found.groups(3)["observed"].is_monotonic_increasing
    between = calibration(y, risk, 5)
    assert "do not determine" in between.observed_expected.reason


def test_the_plot_has_its_parts():
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    y, risk, _ = cohort()
    ax = calibration(y, risk, 8, target="no_event").plot()
    assert "no event by 8" in ax.get_xlabel()
    assert any("ICI if perfect" in text.get_text() for text in ax.texts)
    plt.close("all")


@pytest.mark.parametrize(("power", "corner"), [(0.4, "left"), (2.5, "right")])
def test_the_numbers_stand_where_no_points_are(power, corner):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    y, risk, _ = cohort()
    # risks too high put the curve below the diagonal, risks too low above it
    ax = calibration(y, risk**power, 8).plot()
    (notes,) = (text for text in ax.texts if "ICI if perfect" in text.get_text())
    assert notes.get_horizontalalignment() == corner
    plt.close("all")


def test_several_horizons_in_one_line():
    y, risk, _ = cohort()
    words = repr(calibration(y, np.column_stack([risk / 2, risk]), [4, 8]))
    assert words.startswith("<Calibration: at 4 O/E ")
    assert "; at 8 O/E " in words


def drop_out(n=4000, seed=1):
    """Yearly visits, two groups of known risk, and nearly half lost before the fourth visit."""
    rng = np.random.default_rng(seed)
    high = rng.integers(0, 2, n) == 1
    rate = np.where(high, 1 / 6, 1 / 14)
    event, stop = rng.exponential(1 / rate), rng.uniform(0, 8, n)
    visits, lower, upper = np.arange(1.0, 7.0), np.zeros(n), np.full(n, np.inf)
    for visit in visits:
        seen = (visit <= stop) & np.isinf(upper)
        upper[seen & (event <= visit)] = visit
        lower[seen & (event > visit)] = visit
    return Surv.interval(lower, upper, np.isfinite(upper).astype(int)), -np.expm1(-4 * rate), high


def test_groups_at_a_visit_count_those_who_left_before_it():
    """Those whose state is known hold too many with the event: lost are only patients who had not had it yet."""
    y, risk, high = drop_out()
    found = calibration(y, risk, 4.0, n_resamples=0)
    table = risk_groups(y, risk, 4.0, thresholds=[0.35]).table
    assert table["n"].tolist() == [int((~high).sum()), int(high.sum())]
    for k, part in enumerate((~high, high)):
        curve = turnbull(y[part], cause=1).at(4.0)
        assert table["observed"][k] == pytest.approx(curve.value, rel=1e-12)
        assert table["se"][k] == pytest.approx(curve.se, rel=1e-12)
        assert table["mean_risk"][k] == pytest.approx(risk[part][0], rel=1e-12)
        assert abs(table["observed"][k] - table["mean_risk"][k]) < 3 * table["se"][k]
    assert found.groups(2)["n"].sum() == y.size
    assert found.observed_expected.value == pytest.approx(turnbull(y, cause=1).at(4.0).value / risk.mean(), rel=1e-12)
    cells = risk_groups(y, risk, 4.0, thresholds=[0.35]).against(np.where(high, "upper", "lower"))
    assert cells["n"].sum() == y.size
    # patients in pairs: the error is then that of the pairs' sums
    pairs = risk_groups(y, risk, 4.0, thresholds=[0.35], clusters=np.arange(y.size) // 2).table["se"]
    psi = np.zeros(y.size)
    psi[high] = turnbull(y[high], cause=1).influence(4.0) * y.size / high.sum()
    assert pairs[1] == pytest.approx(influence_se(psi, np.arange(y.size) // 2), rel=1e-9)


def test_all_rows_of_one_cluster_give_estimates_without_errors():
    y, risk, _ = cohort()
    plain = calibration(y, risk, 8, n_resamples=20)
    alone = calibration(y, risk, 8, n_resamples=20, clusters=np.zeros(y.size))
    assert "one-cluster" in {o.code for o in alone.citl.objections}
    for name in NAMES:
        assert getattr(alone, name).value == pytest.approx(getattr(plain, name).value, rel=1e-12)
    for name in ("citl", "calibration_slope", "ici"):
        assert np.isnan([getattr(alone, name).se, getattr(alone, name).low, getattr(alone, name).high]).all()
    assert alone.ici_null.reason
    assert alone.joint_test().reason


def test_lowess_takes_no_weights_and_says_so():
    y, risk, _ = cohort()
    weight = np.random.default_rng(2).gamma(2, 1, y.size)
    assert "lowess takes no weights" in calibration(y, risk, 8, smoother="lowess", sample_weight=weight).ici.reason
    count = Weights(np.full(y.size, 2), "frequency")
    twice = np.repeat(np.arange(y.size), 2)
    counted = calibration(y, risk, 8, smoother="lowess", sample_weight=count)
    assert counted.ici.value == pytest.approx(
        calibration(y[twice], risk[twice], 8, smoother="lowess").ici.value, rel=1e-9
    )
    visits, predicted, _ = drop_out(400)
    predicted = predicted + np.linspace(0, 0.1, 400)
    assert "lowess takes no weights" in calibration(visits, predicted, 4.0, smoother="lowess").ici.reason


def test_a_group_that_had_the_event_to_the_last_has_no_variance():
    """Under weights the influence values of such a group are rounding, which once made a statistic of 1e29."""
    rng = np.random.default_rng(3)
    time, code = rng.integers(1, 12, 120).astype(float), rng.integers(0, 2, 120)
    risk = np.repeat([0.2, 0.5, 0.9], 40)
    time[80:], code[80:] = np.minimum(time[80:], 6.0), 1
    found = calibration(Surv.right(time, code), risk, 8, sample_weight=rng.gamma(2, 1, 120), n_resamples=0)
    assert found.groups(3)["se"].to_numpy()[-1] == 0
    assert np.isnan(found.gnd(3, 0).statistic)
    assert found.gnd(3, 0).reason


@pytest.mark.parametrize("seed", range(12))
def test_of_two_optima_the_better(seed):
    """Certain risks lie far out on the transformed scale, where two lines are each better than their neighbours."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=40)
    t = rng.exponential(4 * np.exp(-x))
    risk = -np.expm1(-np.exp(0.9 * x) * 2 / 4)
    sure = rng.random(40) < 0.1
    risk[sure] = rng.integers(0, 2, sure.sum())
    y = Surv.right(t, np.ones(40, int))
    found = calibration(y, risk, 2.0, n_resamples=0, min_at_risk=0)
    x = np.log(-np.log1p(-np.clip(risk, 1e-8, 1 - 1e-8)))
    grid = np.array([(a, b) for a in np.arange(-4, 4.05, 0.1) for b in np.arange(-1, 6.05, 0.1)])

    def squares(a, b):
        return float(np.sum(((t <= 2) - 1 + np.exp(-np.exp(np.minimum(a + b * x, 50)))) ** 2))

    reached = squares(found.calibration_intercept.value, found.others["calibration_slope_pseudo"].value)
    assert reached <= min(squares(a, b) for a, b in grid) + 1e-9


def test_attrition_weights_speak_for_those_not_seen():
    """Visits under attrition weights are states under the same weights, in the observed risks too."""
    y, risk, _ = drop_out(600)
    risk = np.clip(risk + np.linspace(-0.1, 0.1, 600), 0, 1)
    state = np.where(y["upper"] <= 4, 1, np.where(y["lower"] >= 4, 0, -1))
    weights = Weights(np.random.default_rng(5).gamma(4, 1, 600), "attrition")
    visits = calibration(y, risk, 4.0, sample_weight=weights, n_resamples=0)
    states = calibration(Status.at(4.0, state), risk, sample_weight=weights, n_resamples=0)
    for name in NAMES:
        for part in ("value", "se", "low", "high"):
            wanted = getattr(getattr(states, name), part)
            assert getattr(getattr(visits, name), part) == pytest.approx(wanted, rel=1e-9, nan_ok=True), name
    np.testing.assert_allclose(visits.groups(4).to_numpy(float), states.groups(4).to_numpy(float), rtol=1e-9)
    assert "attrition" in visits.observed_expected.method
    table, other = (
        risk_groups(one, risk, 4.0, thresholds=[0.35], sample_weight=weights).table
        for one in (y, Status.at(4.0, state))
    )
    np.testing.assert_allclose(table["observed"], other["observed"], rtol=1e-9)
