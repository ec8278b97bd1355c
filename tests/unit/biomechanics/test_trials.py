"""Trials to values of sessions: numbers done on paper, faults by row and reason, and what other rooms take."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, RiskPipeline, Surv
from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomechanics import check_trials, motion_measures, summarise_trials
from lbp_prognosis.evaluation.technical import icc, repeatability
from lbp_prognosis.fusion import RegressionCalibration, one_row_per_patient
from lbp_prognosis.schema import failure_frame, validate_package


def trials(rows, **more):
    """One row a trial: patient, trial, value."""
    patient, trial, value = zip(*rows)
    columns = {"session_id": "s1", "measure": "flexion_rom", "unit": "deg", "method_id": "imu", **more}
    return pd.DataFrame({"patient_id": patient, "trial": trial, "value": value, **columns})


PAIRS = trials([("a", 1, 50.0), ("a", 2, 54.0), ("b", 1, 40.0), ("b", 2, 42.0), ("c", 1, 30.0)])


def test_mean_best_and_error_by_hand():
    """Deviations ±2 and ±1: s² = (4 + 4 + 1 + 1) / 2 = 5 with 2 degrees of freedom."""
    found = summarise_trials(PAIRS)
    table = found.table.set_index("patient_id")
    assert table["value"].tolist() == table["mean"].tolist() == [52.0, 41.0, 30.0]
    assert table["best"].tolist() == [54.0, 42.0, 30.0]
    assert table["n_trials"].tolist() == [2, 2, 1]
    assert table.loc[["a", "b"], "sd_trials"].tolist() == pytest.approx([math.sqrt(8), math.sqrt(2)], abs=1e-12)
    assert math.isnan(table.loc["c", "sd_trials"])
    s = math.sqrt(5)
    assert table["sd_error"].tolist() == pytest.approx([s / math.sqrt(2), s / math.sqrt(2), s], abs=1e-12)
    row = found.errors.iloc[0]
    assert (row["n_sessions"], row["df"], row["unit"]) == (2, 2, "deg")
    # χ² quantiles of 2 degrees of freedom are −2 log(1 − q)
    assert row["low"] == pytest.approx(math.sqrt(10 / (-2 * math.log(0.025))), abs=1e-12)
    assert row["high"] == pytest.approx(math.sqrt(10 / (-2 * math.log(0.975))), abs=1e-12)
    assert row["mdc"] == pytest.approx(1.959963984540054 * math.sqrt(2) * s, abs=1e-12)
    assert found.failures.empty
    assert found.left_out.empty


def test_the_error_of_the_best_by_hand():
    """The larger of two standard normal draws has the variance 1 − 1/π, of three 1 − (4π − 2√3... )/(4π): 0.5594672."""
    two = summarise_trials(PAIRS, summary="best").table.set_index("patient_id")
    s = math.sqrt(5)
    assert two.loc["a", ["value", "summary", "method_id"]].tolist() == [54.0, "best", "imu_best"]
    assert two.loc["a", "sd_error"] == pytest.approx(s * math.sqrt(1 - 1 / math.pi), abs=1e-9)
    assert two.loc["c", "sd_error"] == pytest.approx(s, abs=1e-12)
    three = trials([("a", 1, 1.0), ("a", 2, 2.0), ("a", 3, 3.0)])  # s = 1
    variance = 1 + math.sqrt(3) / (2 * math.pi) - (3 / (2 * math.sqrt(math.pi))) ** 2
    best = summarise_trials(three, summary={"flexion_rom": "best"}).table
    assert best["sd_error"].tolist() == pytest.approx([math.sqrt(variance)], abs=1e-9)


def test_the_best_is_what_is_better_for_the_patient():
    table = trials([("a", 1, 14.0), ("a", 2, 11.0)], measure="sit_to_stand_5x", unit="s")
    assert summarise_trials(table, summary="best").table["value"].tolist() == [11.0]
    without = trials([("a", 1, 100.0), ("a", 2, 104.0)], measure="cadence", unit="1/min")
    assert math.isnan(summarise_trials(without).table["best"].iloc[0])
    for rule in ("best", {"cadence": "best"}):
        with pytest.raises(ArgumentError, match="without a better end"):
            summarise_trials(without, summary=rule)


def test_the_spread_is_that_of_the_technical_tier():
    rng = np.random.default_rng(1)
    ratings = rng.normal(50, 8, (12, 1)) + rng.normal(0, 3, (12, 3))
    long = pd.DataFrame(
        {
            "patient_id": np.repeat([f"p{k}" for k in range(12)], 3),
            "session_id": "s1",
            "measure": "flexion_rom",
            "trial": np.tile([1, 2, 3], 12),
            "value": ratings.ravel(),
            "unit": "deg",
            "method_id": "imu",
        }
    )
    found = summarise_trials(long)
    same = repeatability(ratings)
    row = found.errors.iloc[0]
    assert row["sd_trial"] == pytest.approx(same.within_sd, rel=1e-12)
    assert (row["low"], row["high"]) == pytest.approx((same.within_sd_low, same.within_sd_high), rel=1e-12)
    wide = found.ratings("flexion_rom", n=3)
    assert sorted(map(tuple, wide.to_numpy())) == sorted(map(tuple, ratings))
    assert icc(wide).value == pytest.approx(icc(ratings).value, rel=1e-12)


def lateral(left, right, **more):
    """Two trials a side of one patient."""
    rows = [("a", k, v) for values in (left, right) for k, v in enumerate(values, start=1)]
    return trials(rows, measure="lateral_rom", side=["left"] * len(left) + ["right"] * len(right), **more)


def test_sides_by_hand():
    """Left 20 and 22, right 15 and 15: means 21 and 15; s² = (1 + 1 + 0 + 0) / 2 = 1."""
    table = lateral([20.0, 22.0], [15.0, 15.0])
    each = summarise_trials(table).table
    assert each[["side", "value"]].values.tolist() == [["left", 21.0], ["right", 15.0]]
    assert each["sd_error"].tolist() == pytest.approx([math.sqrt(0.5)] * 2, abs=1e-12)
    one = summarise_trials(table, sides="right").table
    assert one[["side", "value"]].values.tolist() == [["right", 15.0]]
    both = summarise_trials(table, sides={"lateral_rom": ["mean", "asymmetry"]}).table.set_index("measure")
    assert both.loc["lateral_rom", ["side", "value", "method_id"]].tolist() == ["", 18.0, "imu_mean_of_sides"]
    assert both.loc["lateral_rom", "sd_error"] == pytest.approx(math.sqrt(0.5 + 0.5) / 2, abs=1e-12)
    assert both.loc["lateral_rom_asymmetry", "value"] == pytest.approx(100 * 6 / 21, abs=1e-12)
    assert both.loc["lateral_rom_asymmetry", "unit"] == "%"
    assert math.isnan(both.loc["lateral_rom_asymmetry", "sd_error"])


def test_a_side_alone_and_two_zeros_are_named():
    alone = lateral([20.0, 22.0], [])
    found = summarise_trials(alone, sides="mean")
    assert found.table.empty
    assert found.left_out.values.tolist() == [["a", "lateral_rom, session s1", "only one side"]]
    zero = summarise_trials(lateral([0.0], [0.0]), sides="asymmetry")
    assert zero.table.empty
    assert zero.left_out["reason"].tolist() == ["both sides are zero"]


def test_trials_without_a_side_stay_as_they_are():
    table = trials([("a", 1, 80.0)], measure="rotation_rom")
    assert summarise_trials(table, sides="asymmetry").table["value"].tolist() == [80.0]


@pytest.mark.parametrize(
    ("measure", "unit", "value", "expected"),
    [
        ("flexion_rom", "rad", math.pi / 4, 45.0),
        ("gait_speed", "km/h", 4.5, 1.25),
        ("gait_speed", "cm/s", 120.0, 1.2),
        ("sorensen_time", "min", 1.5, 90.0),
        ("stride_length", "cm", 140.0, 1.4),
        ("stride_time_variability", "fraction", 0.04, 4.0),
        ("cadence", "1/s", 1.9, 114.0),
        ("activity_time", "h/day", 2.0, 120.0),
        ("compression", "kN", 3.4, 3400.0),
        ("trunk_extension_strength", "Nm/kg", 2.5, 2.5),
        ("sit_to_stand_30s", "count", 14.0, 14.0),
    ],
)
def test_units_are_those_of_the_library(measure, unit, value, expected):
    found = check_trials(trials([("a", 1, value)], measure=measure, unit=unit))
    assert found.failures.empty
    assert found.trials["value"].tolist() == pytest.approx([expected], abs=1e-12)
    assert found.trials["unit"].tolist() == [motion_measures()[measure].unit]


FAULTS = {
    "type": {"value": "fast"},
    "required": {"value": None},
    "enum": {"measure": "jump_height"},
    "unit": {"unit": "kg"},
    "range": {"value": 151.0},
    "side": {"side": "left"},
}


@pytest.mark.parametrize("reason", FAULTS)
def test_a_bad_row_is_a_failure_and_the_others_stay(reason):
    table = trials([("a", 1, 50.0), ("b", 1, 40.0)]).astype({"value": object}).assign(side=None)
    for column, value in FAULTS[reason].items():
        table.loc[1, column] = value
    found = check_trials(table)
    assert found.trials["patient_id"].tolist() == ["a"]
    assert found.failures[["row", "reason"]].values.tolist() == [[2, reason]]
    assert list(found.failures.columns) == list(failure_frame().columns)
    assert summarise_trials(table).failures.equals(found.failures)


def test_ranges_include_their_ends():
    ends = check_trials(trials([("a", 1, 0.0), ("a", 2, 150.0)]))
    assert ends.failures.empty
    beyond = check_trials(trials([("a", 1, -1e-9), ("a", 2, 150 + 1e-9)]))
    assert beyond.failures["reason"].tolist() == ["range", "range"]


@pytest.mark.parametrize("column", ["patient_id", "session_id", "method_id", "unit", "trial"])
def test_parts_of_the_key_are_needed(column):
    table = trials([("a", 1, 50.0), ("b", 1, 40.0)]).astype(object)
    table.loc[0, column] = None
    found = check_trials(table)
    assert found.failures[["row", "field", "reason"]].values.tolist() == [[1, column, "required"]]
    assert found.trials["patient_id"].tolist() == ["b"]


def test_a_trial_that_stands_twice_is_dropped_whole():
    found = check_trials(trials([("a", 1, 50.0), ("a", 1, 53.0), ("a", 2, 51.0)]))
    assert found.trials["value"].tolist() == [51.0]
    assert found.failures[["row", "reason"]].values.tolist() == [[1, "duplicate_key"], [2, "duplicate_key"]]
    # a second row that is no trial makes no twin
    once = trials([("a", 1, 50.0), ("a", 1, 500.0)])
    assert check_trials(once).failures["reason"].tolist() == ["range"]


def test_two_methods_and_two_dates_in_a_session():
    mixed = check_trials(trials([("a", 1, 50.0), ("a", 2, 51.0), ("b", 1, 40.0)], method_id=["imu", "ruler", "ruler"]))
    assert mixed.failures["reason"].tolist() == ["mixed_method"] * 2
    assert mixed.trials["patient_id"].tolist() == ["b"]
    dates = ["2020-01-01", "2020-01-02", "2020-01-02"]
    dated = check_trials(trials([("a", 1, 50.0), ("a", 2, 51.0), ("b", 1, 40.0)], acquired_on=dates))
    assert dated.failures["reason"].tolist() == ["mixed_date"] * 2
    assert dated.trials["acquired_on"].tolist() == [pd.Timestamp("2020-01-02")]
    wrong = check_trials(trials([("a", 1, 50.0), ("b", 1, 40.0)], acquired_on=["2020-13-01", "2020-01-02"]))
    assert wrong.failures[["row", "field", "reason"]].values.tolist() == [[1, "acquired_on", "type"]]


def test_the_order_of_rows_and_the_unit_do_not_matter():
    rng = np.random.default_rng(8)
    table = pd.concat([PAIRS, lateral([20.0, 22.0], [15.0, 16.0])], ignore_index=True)
    found = summarise_trials(table, sides={"lateral_rom": ["each", "mean", "asymmetry"]})
    mixed = table.iloc[rng.permutation(len(table))]
    again = summarise_trials(mixed, sides={"lateral_rom": ["asymmetry", "mean", "each"]})
    pd.testing.assert_frame_equal(found.table, again.table, rtol=1e-12)
    radians = table.assign(value=np.deg2rad(table["value"]), unit="rad")
    pd.testing.assert_frame_equal(
        found.table, summarise_trials(radians, sides={"lateral_rom": ["each", "mean", "asymmetry"]}).table, rtol=1e-12
    )
    swapped = table.assign(side=table["side"].map({"left": "right", "right": "left"}))
    mirrored = summarise_trials(swapped, sides="asymmetry").table
    assert mirrored["value"].tolist() == summarise_trials(table, sides="asymmetry").table["value"].tolist()


def test_nothing_that_can_be_used_is_an_empty_table():
    found = summarise_trials(trials([("a", 1, "x"), ("b", 1, 500.0)]))
    assert found.failures["reason"].tolist() == ["type", "range"]
    assert found.table.empty
    assert found.errors.empty
    assert found.to_motion().empty
    assert found.wide().X.empty
    with pytest.raises(DataError, match="Fewer than two"):
        found.ratings("flexion_rom")


def test_columns_that_are_needed():
    whole = trials([("a", 1, 50.0)])
    for column in ("patient_id", "measure", "trial", "value", "unit", "method_id"):
        with pytest.raises(ArgumentError, match=column):
            check_trials(whole.drop(columns=column))
    with pytest.raises(ArgumentError, match="session_id"):
        check_trials(whole.drop(columns="session_id"))
    with pytest.raises(ArgumentError, match="at least one row"):
        check_trials(whole.iloc[:0])
    by_date = whole.drop(columns="session_id").assign(acquired_on="2020-03-01")
    assert check_trials(by_date).trials["session_id"].tolist() == ["2020-03-01"]


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"summary": "median"}, "summary"),
        ({"summary": {"flexion_rom": "median"}}, "summary"),
        ({"summary": {"jump": "mean"}}, "name"),
        ({"sides": "both"}, "sides"),
        ({"sides": {"flexion_rom": "mean"}}, "sides"),
        ({"sides": {"lateral_rom": ["each", "left"]}}, "'each', or"),
        ({"sides": {"lateral_rom": []}}, "different ones"),
        ({"sides": {"lateral_rom": 5}}, "one of .each"),
        ({"errors": {"jump": 3.0}}, "name"),
        ({"errors": {"flexion_rom": -1.0}}, "errors"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_rules_are_checked(keywords, words):
    with pytest.raises(ArgumentError, match=words):
        summarise_trials(PAIRS, **keywords)


def test_a_declared_error_takes_the_place_of_that_of_trials():
    table = summarise_trials(PAIRS, errors={"flexion_rom": 4.0}).table
    assert table["sd_error"].tolist() == [4.0, 4.0, 4.0]
    single = summarise_trials(trials([("a", 1, 50.0), ("b", 1, 40.0)]))
    assert single.table["sd_error"].isna().all()
    assert single.errors[["df", "n_sessions"]].values.tolist() == [[0, 0]]
    assert single.errors["sd_trial"].isna().all()


def test_the_motion_table_is_valid():
    table = pd.concat([PAIRS, lateral([20.0, 22.0], [15.0, 16.0])], ignore_index=True).assign(acquired_on="2020-03-01")
    motion = summarise_trials(table, sides={"lateral_rom": ["each", "asymmetry"]}).to_motion()
    report = validate_package({"patient": pd.DataFrame({"patient_id": ["a", "b", "c"]}), "motion": motion})
    assert report.ok, report.failures
    assert report.notes.empty
    assert report.tables["motion"]["side"].isna().sum() == 4  # three of flexion and the asymmetry
    # the mean over sides and the range from left to right are two variables under one name
    ranges = trials([("b", 1, 70.0)], measure="lateral_rom", side=None, acquired_on="2020-03-01")
    mixed = summarise_trials(pd.concat([table, ranges], ignore_index=True), sides="mean").to_motion()
    again = validate_package({"patient": pd.DataFrame({"patient_id": ["a", "b", "c"]}), "motion": mixed})
    assert again.failures["reason"].tolist() == ["mixed_method"]


def test_one_row_per_patient_feeds_regression_calibration():
    found = summarise_trials(PAIRS)
    X, modalities, errors = found.wide()
    assert list(X.columns) == ["flexion_rom", "flexion_rom__sd_error"]
    assert errors == {"flexion_rom": "flexion_rom__sd_error"}
    assert dict(modalities) == {"biomechanical": ("flexion_rom",)}
    assert modalities.provenance["flexion_rom"]["method_id"] == "imu_mean"
    made = RegressionCalibration(errors, covariates=[]).fit(X).transform(X)
    # Σ = 121 (of 52, 41, 30); mean error variance (5/2 + 5/2 + 5) / 3 = 10/3
    truth = 121 - 10 / 3
    expected = [41 + truth / (truth + e) * (v - 41) for v, e in ((52, 2.5), (41, 2.5), (30, 5.0))]
    assert made["flexion_rom"].tolist() == pytest.approx(expected, abs=1e-12)
    assert list(made.columns) == ["flexion_rom"]


def test_errors_are_known_for_all_or_for_none():
    part = summarise_trials(
        pd.concat([PAIRS, trials([("d", 1, 33.0)], method_id="imu")], ignore_index=True), errors=None
    ).wide(patients=["d", "a", "z"])
    assert part.X.index.tolist() == ["d", "a", "z"]
    assert part.X.loc["z"].isna().all()
    assert part.errors == {"flexion_rom": "flexion_rom__sd_error"}
    with pytest.raises(ArgumentError, match="duplicates"):
        summarise_trials(PAIRS).wide(patients=["a", "a"])


def test_sessions_are_chosen_before_they_are_one_row():
    two = pd.concat([PAIRS, PAIRS.assign(session_id="s2")], ignore_index=True)
    with pytest.raises(DataError, match="several sessions") as caught:
        summarise_trials(two).wide()
    assert len(caught.value.failures) == 6
    mixed = pd.concat([PAIRS, trials([("d", 1, 33.0)], method_id="ruler")], ignore_index=True)
    with pytest.raises(DataError, match="several methods"):
        summarise_trials(mixed).wide()


def test_sessions_that_lie_close_are_repeated_measurements():
    days = {"s1": 0, "s2": 7, "s3": 365}
    parts = [PAIRS.assign(session_id=name, acquired_day=day) for name, day in days.items()]
    parts[1] = parts[1].assign(value=parts[1]["value"] + 1)
    found = summarise_trials(pd.concat(parts, ignore_index=True))
    close = found.ratings("flexion_rom", between="sessions", days=7)
    assert close.values.tolist() == [[52.0, 53.0], [41.0, 42.0], [30.0, 31.0]]
    for wrong in (6.9, None):
        with pytest.raises((DataError, ArgumentError)):
            found.ratings("flexion_rom", between="sessions", days=wrong)
    with pytest.raises(DataError, match="Fewer than two"):
        found.ratings("flexion_rom", between="sessions", n=3, days=364)
    assert found.ratings("flexion_rom", between="sessions", n=3, days=365).shape == (3, 3)
    assert found.ratings("flexion_rom").values.tolist() == [[50.0, 54.0], [40.0, 42.0]]
    with pytest.raises(ArgumentError, match="days"):
        found.ratings("flexion_rom", days=3)
    undated = summarise_trials(pd.concat([PAIRS, PAIRS.assign(session_id="s2")], ignore_index=True))
    with pytest.raises(DataError, match="without a date"):
        undated.ratings("flexion_rom", between="sessions", days=7)


def test_in_a_pipeline_the_errors_are_read_and_are_no_predictors():
    rng = np.random.default_rng(3)
    n = 80
    truth = rng.normal(50, 8, n)
    rows = [(f"p{k:02d}", t, float(truth[k] + rng.normal(0, 4))) for k in range(n) for t in (1, 2)]
    X, modalities, errors = summarise_trials(trials(rows)).wide()
    joined, groups = one_row_per_patient(
        {"clinical": pd.DataFrame({"age": rng.normal(50, 9, n)}, index=X.index), "biomechanical": X[["flexion_rom"]]}
    )
    assert groups["biomechanical"] == modalities["biomechanical"]
    joined = joined.join(X[["flexion_rom__sd_error"]])
    y = Surv.right(rng.exponential(10 * np.exp(-0.05 * (truth - 50))), np.ones(n, dtype=int))
    plain = RiskPipeline([], CoxPH(), modalities=groups).fit(joined, y)
    steps = [RegressionCalibration(errors, covariates=["age"])]
    corrected = RiskPipeline(steps, CoxPH(), modalities=groups).fit(joined, y)
    slopes = [abs(float(m.models_[0].coef_[-1])) for m in (plain, corrected)]
    assert slopes[1] > slopes[0]
    assert np.isfinite(corrected.predict_risk(joined, [5.0])).all()


def test_simulated_trials_stay_simulated():
    table = PAIRS.copy()
    table.attrs["synthetic"] = True
    found = summarise_trials(table)
    assert found.synthetic
    assert found.wide().X.attrs["synthetic"]
    assert found.to_motion().attrs["synthetic"]
    assert not summarise_trials(PAIRS).synthetic
