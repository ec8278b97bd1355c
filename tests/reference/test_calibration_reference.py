"""Calibration against R (survival, stats, rms, geepack's equations, cmprsk) and against the worked values."""

import numpy as np
import pytest
from exact_tables import read_exact

from lbp_prognosis.evaluation.prognostic import calibration
from lbp_prognosis.survival import Status, Surv


def numbers(result, *fields):
    return [getattr(result, field) for field in fields]


def distances(result):
    return [result.ici.value, result.e50.value, result.e90.value, result.emax.value]


@pytest.mark.parametrize("name", ["cal_colon_1095", "cal_gbsg5_basic", "cal_gbsg5_pgr", "cal_lbp_a_90"])
def test_censored(name, reference_case, reference_csv):
    case = reference_case(name)
    given, want = case["inputs"], case["expected"]
    table = reference_csv(case["data"]["csv"])
    y = Surv.right(table[given["time"]], table[given["event"]], censored=0)
    found = calibration(
        y,
        table[given["risk"]],
        given["horizon"],
        linear_predictor=table[given["lp"]],
        cumulative_hazard=table[given["cumhaz"]],
        knots=3,
    )
    counted = calibration(y, table[given["risk"]], given["horizon"], oe_interval="events", n_resamples=0)

    def same(got, wanted, rtol=2e-8):
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=1e-10)

    same(numbers(found.observed_expected, "value", "low", "high"), [want["oe"], *want["oe_ci_delta"]])
    same(numbers(counted.observed_expected, "low", "high"), want["oe_ci_event_count"])
    slope = want["cox_slope"]
    same(
        numbers(found.calibration_slope, "value", "se", "low", "high"),
        [slope["slope"], slope["se"], slope["lower"], slope["upper"]],
    )
    same(counted.calibration_slope.value, want["cox_slope_cloglog_risk"])
    followup, poisson = found.observed_expected_followup, want["poisson"]
    same(numbers(followup, "value", "low", "high"), [poisson["citl_ratio"], *poisson["citl_ratio_ci"]])
    same(found.others["calibration_intercept_followup"].value, poisson["intercept_slope_model"])
    same(
        numbers(found.others["calibration_slope_followup"], "value", "se", "low", "high"),
        [poisson["slope"], poisson["slope_se"], *poisson["slope_ci"]],
    )
    curve, flexible = found.curves[0], want["flexible_rcs3"]
    same(curve.knots, flexible["knots"])
    same(curve.coef[1:], flexible["coef"])
    same(curve.fitted[:5], flexible["observed_rows_1_to_5"])
    same(distances(found), [flexible[k] for k in ("ICI", "E50", "E90", "Emax")])
    # rms::cph with survest differs by about 1e-4 in risk, more where there are few patients
    rms = want["flexible_rcs3_rms_cph_survest"]
    np.testing.assert_allclose(distances(found), [rms[k] for k in ("ICI", "E50", "E90", "Emax")], atol=4e-4)
    groups, quintiles = found.groups(5), want["quintiles"]
    assert groups["n"].tolist() == quintiles["n"]
    same(groups["mean_risk"], quintiles["mean_predicted"])
    same(groups["observed"], quintiles["km_observed"])
    rows = found._rows[0]
    pseudo = rows.pseudo[np.argsort(rows.index)]
    same(pseudo[:5], want["pseudo_risk"]["rows_1_to_5"])
    same([pseudo.sum(), (pseudo**2).sum()], [want["pseudo_risk"]["sum"], want["pseudo_risk"]["sum_squares"]])


@pytest.mark.parametrize("name", ["calcr_comprisk_vdata", "calcr_comprisk_vdata_reduced3"])
def test_competing(name, reference_case, reference_csv):
    case = reference_case(name)
    given, want = case["inputs"], case["expected"]
    table = reference_csv(case["data"]["csv"])
    y, risk, tau = Surv.right(table["time"], table["status_num"]), table[given["risk"]], given["horizon"]
    found = calibration(y, risk, tau)
    np.testing.assert_allclose(
        numbers(found.observed_expected, "value", "low", "high"), [want["oe"], *want["oe_ci"]], rtol=1e-9
    )
    np.testing.assert_allclose(
        numbers(found.citl, "value", "se", "low", "high"), list(want["intercept"].values()), rtol=1e-8
    )
    model, joint = want["slope_model"], found.joint_test()
    np.testing.assert_allclose(
        [found.calibration_intercept.value, *numbers(found.calibration_slope, "value", "se", "low", "high")],
        [model[k] for k in ("intercept", "slope", "slope_se", "lower", "upper")],
        rtol=1e-8,
    )
    np.testing.assert_allclose([joint.statistic, joint.p], [model["wald_joint"], model["p_joint"]], rtol=1e-8)
    for smoother, field in (
        ("loess_direct", "loess_degree1_span033_direct"),
        ("loess", "loess_degree1_span033_interpolated"),
    ):
        local = calibration(y, risk, tau, smoother=smoother, span=0.33)
        np.testing.assert_allclose(distances(local), list(want[field].values())[:4], rtol=1e-9)
    cloglog = np.log(-np.log1p(-risk))
    spline = calibration(y, risk, tau, knots=np.quantile(cloglog, np.linspace(0, 1, 7)))
    # crr stops after ten iterations, before the flat ends of the spline have settled
    np.testing.assert_allclose(distances(spline), list(want["finegray_ns_df6"].values())[:4], rtol=6e-5)


@pytest.mark.parametrize("name", ["calb_dca_binary", "calb_ipd_afib", "calb_lbp_chronic_split"])
def test_states(name, reference_case, reference_csv):
    case = reference_case(name)
    given, want = case["inputs"], case["expected"]
    table = reference_csv(case["data"]["csv"])
    y, risk = Status.at(1, table[given["outcome"]]), table[given["probability"]]
    found = calibration(y, risk, oe_interval="events")

    def same(got, wanted):
        np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-9)

    same(numbers(found.observed_expected, "value", "low", "high"), [want["oe"], *want["oe_ci_log_poisson"]])
    same(numbers(found.citl, "value", "se"), [want["citl"], want["citl_se"]])
    same(numbers(found.calibration_intercept, "value", "se"), [want["intercept"], want["intercept_se"]])
    same(
        numbers(found.calibration_slope, "value", "se", "low", "high"),
        [want["slope"], want["slope_se"], *want["slope_ci_wald"]],
    )
    printed = want["val_prob"]
    same(found.others["spiegelhalter_z"].value, want["spiegelhalter_z"])
    same(found.others["spiegelhalter_z"].p, printed["S:p"])
    same(
        [found.others[f"{k}_index"].value for k in ("discrimination", "unreliability", "quality")],
        [printed[k] for k in ("D", "U", "Q")],
    )
    for smoother, field in (
        ("loess_direct", "loess_direct"),
        ("loess", "loess_interpolated"),
        ("lowess", "lowess_iter0"),
    ):
        same(distances(calibration(y, risk, smoother=smoother)), list(want[field].values()))
    lowess = distances(calibration(y, risk, smoother="lowess"))
    same([lowess[0], lowess[2], lowess[3]], [printed["Eavg"], printed["E90"], printed["Emax"]])


@pytest.mark.parametrize(
    "name", ["edge_constant_prediction", "edge_no_censoring", "edge_tied_predictions", "edge_tied_predictions_end"]
)
def test_twelve_patients(name, reference_case, reference_csv):
    case = reference_case(name)
    table, want = reference_csv(case["data"]["csv"]), case["expected"]
    y = Surv.right(table["time"], table["event"], censored=0)
    found = calibration(y, table["risk"], case["inputs"]["horizon"], min_at_risk=0)
    assert found.observed_expected.value == pytest.approx(want["oe"], rel=1e-9)
    se = found.observed_expected.se * want["expected_risk"]
    assert se == pytest.approx(want["km_se"], rel=1e-9)
    if name == "edge_constant_prediction":
        assert np.isnan(found.calibration_slope.value)
        assert found.calibration_slope.reason == "all predictions are equal"
        assert found.ici.reason == "all predictions are equal"


@pytest.fixture(scope="module")
def worked(stored_file):
    table = read_exact(stored_file("methods_examples", "te300.csv"))
    survival = read_exact(stored_file("methods_examples", "cal300.csv"))["Si"]
    return table, -np.log(survival.to_numpy())


def test_worked_levels_and_curves(worked, golden):
    table, hazard = worked
    want = golden["calibration_surv"]
    y = Surv.right(table["time"], table["event"])
    found = calibration(y, table["r"], 12, cumulative_hazard=hazard)
    oe = found.observed_expected
    assert oe.value == pytest.approx(want["oe"], rel=3e-8)
    assert oe.se / oe.value == pytest.approx(want["se_log"], rel=2e-8)
    assert found.calibration_slope.value == pytest.approx(want["slope"], rel=2e-8)
    assert found.calibration_slope.se == pytest.approx(want["slope_se"], rel=2e-8)
    # the worked coefficients come from an optimiser that stops at 1e-5
    slope = found.others["calibration_slope_pseudo"]
    got = [found.calibration_intercept.value, slope.value]
    np.testing.assert_allclose(got, want["pseudo_ab"], rtol=1e-4)
    np.testing.assert_allclose([found.calibration_intercept.se, slope.se], want["pseudo_se"], rtol=5e-5)
    assert found.citl.value == pytest.approx(0.34374076, rel=2e-5)
    for knots, values in ((3, want["ici3"]), (4, want["ici4"])):
        np.testing.assert_allclose(distances(calibration(y, table["r"], 12, knots=knots)), values, rtol=2e-8)
    five = [0.069615216, 0.069396143, 0.107251549, 0.111883987]
    np.testing.assert_allclose(distances(calibration(y, table["r"], 12, knots=5)), five, rtol=1e-8)
    for degree, values in ((1, [0.086308932, 0.068460183, 0.155207558]), (2, [0.091336337, 0.0733592, 0.2018890])):
        local = calibration(y, table["r"], 12, smoother="loess", degree=degree)
        np.testing.assert_allclose(distances(local)[:3], values, rtol=3e-7)  # printed to seven digits


def test_a_perfect_model_has_an_ici_above_zero(worked):
    """Simulated perfect outcomes gave a mean of .0288 and a 95 % quantile of .0514; refitting gave .0321 to .1280."""
    table, _ = worked
    found = calibration(Surv.right(table["time"], table["event"]), table["r"], 12, n_resamples=4000, random_state=3)
    assert found.ici_null.value == pytest.approx(0.0288, abs=0.002)  # Monte-Carlo error of 200 simulations
    assert found.ici_null.high == pytest.approx(0.0514, abs=0.004)
    assert found.ici.value > found.ici_null.high
    assert found.ici.low == pytest.approx(0.0321, abs=0.006)  # Monte-Carlo error of 300 refits
    assert found.ici.high == pytest.approx(0.1280, abs=0.006)


def test_worked_competing_risks(worked):
    table, _ = worked
    y = Surv.right(table["time"], table["status"])
    found = calibration(y, table["rc"], 12)
    assert found.observed_expected.value == pytest.approx(1.186593, rel=5e-7)
    # the worked coefficients come from an optimiser that stops at 1e-5
    assert found.calibration_intercept.value == pytest.approx(0.27191693, rel=1e-4)
    assert found.calibration_slope.value == pytest.approx(0.97138691, rel=5e-5)
    # crr leaves events at risk of being censored at their own time
    assert found.others["calibration_slope_finegray"].value == pytest.approx(0.82050762, rel=2e-4)
    assert found.others["calibration_slope_finegray"].se == pytest.approx(0.10105803, rel=2e-4)
    local = calibration(y, table["rc"], 12, smoother="loess")
    np.testing.assert_allclose(distances(local)[:3], [0.0761145, 0.0650203, 0.1426048], rtol=1e-6)


def test_worked_tests(worked, golden):
    table, hazard = worked
    want = golden["calibration_surv"]
    found = calibration(Surv.right(table["time"], table["event"]), table["r"], 12, cumulative_hazard=hazard)
    raw = found.a_calibration(min_expected=0)
    np.testing.assert_allclose([raw.statistic, raw.p], want["acal_unmerged"], rtol=5e-8)
    assert raw.observed.tolist() == [35, 23, 24, 17, 27, 13, 16, 4, 5, 5]
    np.testing.assert_allclose(
        raw.expected,
        [28.143167, 25.407203, 21.420301, 18.610624, 16.509821, 13.979688, 11.216093, 8.5361594, 6.8135787, 4.1789823],
        rtol=5e-8,
    )
    merged = found.a_calibration()
    assert merged.df == 9
    assert merged.expected.min() >= 5
    assert merged.expected.sum() == pytest.approx(154.81562, rel=5e-8)
    d = found.d_calibration()
    np.testing.assert_allclose([d.statistic, d.p], want["dcal"], rtol=1e-7)
    assert d.observed.sum() == pytest.approx(300)
    assert d.objections[0].code == "low-power"
    gnd, hl = found.gnd(min_events=0), found.hosmer_lemeshow()
    assert gnd.statistic == pytest.approx(want["GND"], rel=2e-8)
    assert hl.statistic == pytest.approx(want["HL"], rel=2e-8)
    assert (gnd.df, hl.df) == (9, 9)
    assert (round(gnd.p, 4), round(hl.p, 4)) == (0.0078, 0.0017)
    assert found.gnd().df < 9  # a group with fewer than five events joins its neighbour
