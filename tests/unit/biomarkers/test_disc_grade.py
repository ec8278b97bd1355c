"""The continuous disc grade: applied by hand calculation, re-estimated from grades drawn with known coefficients."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomarkers import DiscGradeCalibration, ExtractionResult, Image, Mask, Recipe, disc_grade, extract
from lbp_prognosis.biomarkers._extraction_result import STUDY_COLUMNS, biomarker_frame
from lbp_prognosis.evaluation.technical import weighted_kappa
from lbp_prognosis.study import fit_disc_grade

MEASURES = ("disc_csf_ratio", "disc_nucleus_annulus_ratio", "disc_height_index")
METHODS = ("nucleus_over_canal_fluid__t", "middle_three_fifths_over_outer_fifths__t", "dhi_mean_body__t")
BETA, ALPHA = np.array([-6.0, -1.0, -8.0]), np.array([-9.0, -7.0, -5.0, -3.0])
LEVELS = ("l1l2", "l2l3", "l3l4", "l4l5", "l5s1")


def calibration(**changes) -> DiscGradeCalibration:
    parts = {
        "grades": (1, 2, 3, 4, 5),
        "thresholds": tuple(ALPHA),
        "measures": MEASURES,
        "methods": METHODS,
        "coefficients": tuple(BETA),
        "ranges": ((0.05, 0.95), (1.0, 3.5), (0.1, 0.5)),
        "scale": "pfirrmann",
        "field_strengths": (1.5,),
    }
    return DiscGradeCalibration(**{**parts, **changes})


def batch(values, patients, levels, tesla=1.5, reasons=None, sd=(0.02, 0.1, 0.03)) -> ExtractionResult:
    rows = []
    for k, (patient, level) in enumerate(zip(patients, levels)):
        for j, (measure, method) in enumerate(zip(MEASURES, METHODS)):
            base = {"patient_id": patient, "study_id": "s", "structure": "disc", "level": level, "side": ""}
            rows.append({**base, "measure": measure, "unit": "ratio", "method_id": method, "value": values[k, j]})
            rows[-1] |= {"sd_error": sd[j], "flags": f"flag_{j}", "reason": (reasons or {}).get((k, j), "")}
    studies = pd.DataFrame({"patient_id": list(dict.fromkeys(patients)), "study_id": "s", "field_strength": tesla})
    return ExtractionResult(biomarker_frame(rows), pd.DataFrame(), studies.reindex(columns=list(STUDY_COLUMNS)), {})


def drawn(n, seed, spread=0.0):
    """Return measures of n patients by five discs, and grades from the model; patients may differ beyond it."""
    rng = np.random.default_rng(seed)
    worn = rng.normal(size=(n, 1)) + rng.normal(0, 0.7, (n, 5))
    noise = rng.normal(size=(n, 5, 3))
    x = np.stack([0.45 - 0.12 * worn, 1.9 - 0.3 * worn, 0.32 - 0.03 * worn], axis=-1) + noise * [0.1, 0.3, 0.04]
    eta = x @ BETA + spread * rng.normal(size=(n, 1))
    grade = 1 + (rng.logistic(size=(n, 5))[..., None] + eta[..., None] > ALPHA).sum(axis=-1)
    patients = [f"p{i}" for i in range(n) for _ in range(5)]
    levels = [level for _ in range(n) for level in LEVELS]
    return x.reshape(-1, 3), grade.ravel(), patients, levels


def test_the_grade_is_the_expected_grade_of_the_calibration():
    x = np.array([[0.5, 2.0, 0.3]])
    row = disc_grade(batch(x, ["a"], ["l4l5"]), calibration()).iloc[0]
    eta = -6 * 0.5 - 1 * 2.0 - 8 * 0.3  # −7.4
    below = 1 / (1 + np.exp(-(ALPHA - eta)))  # 0.168, 0.599, 0.917, 0.988
    p = np.diff([0, *below, 1])
    assert row["value"] == pytest.approx(p @ [1, 2, 3, 4, 5], abs=1e-12)
    assert row["value"] == pytest.approx(2.328, abs=0.001)
    slope = (below * (1 - below)).sum()
    assert row["sd_error"] == pytest.approx(slope * np.sqrt(0.12**2 + 0.1**2 + 0.24**2), rel=1e-12)
    assert row[["measure", "unit", "reason", "level"]].tolist() == ["disc_grade", "grade", "", "l4l5"]
    assert row["flags"] == "flag_0|flag_1|flag_2"
    assert row["method_id"] == f"{calibration().name}__t"
    # the grade moves by sd_error when the predictor does, to first order
    moved = disc_grade(batch(x + np.array([1e-6, 0, 0]), ["a"], ["l4l5"]), calibration()).iloc[0]["value"]
    assert (moved - row["value"]) / 1e-6 == pytest.approx(-6 * slope, rel=1e-4)


def test_probabilities_sum_to_one_and_grades_that_readers_did_not_use_are_jumped():
    x = np.array([[0.5, 2.0, 0.3], [0.1, 1.2, 0.15], [0.9, 3.4, 0.5]])
    p = calibration().probabilities(x)
    assert np.allclose(p.sum(axis=1), 1, atol=1e-14)
    expected, _ = calibration().expected(x, np.zeros_like(x))
    assert expected == pytest.approx(p @ [1, 2, 3, 4, 5])
    gap = calibration(grades=(1, 2, 3, 5), thresholds=tuple(ALPHA[:3]))
    expected, _ = gap.expected(x, np.zeros_like(x))
    assert expected == pytest.approx(gap.probabilities(x) @ [1, 2, 3, 5])


@pytest.mark.parametrize(
    ("changes", "tesla", "says"),
    [
        ({}, 3.0, "calibrated at 1.5 T, acquired at 3 T"),
        ({}, None, "field strength of the study is unknown"),
        ({}, 1.61, "calibrated at 1.5 T"),
        ({"methods": ("other", *METHODS[1:])}, 1.5, "disc_csf_ratio by the method other is not in the result"),
        ({"measures": ("t2", *MEASURES[1:])}, 1.5, "t2 by the method"),
    ],
)
def test_a_disc_the_calibration_does_not_hold_for_has_a_reason_and_no_grade(changes, tesla, says):
    row = disc_grade(batch(np.array([[0.5, 2.0, 0.3]]), ["a"], ["l4l5"], tesla), calibration(**changes)).iloc[0]
    assert np.isnan(row["value"])
    assert np.isnan(row["sd_error"])
    assert says in row["reason"]


def test_missing_measures_range_and_field():
    x = np.array([[0.5, 2.0, 0.3], [np.nan, 2.0, 0.3], [0.96, 2.0, 0.3], [0.95, 1.0, 0.5]])
    data = batch(x, ["a"] * 4, LEVELS[:4], tesla=1.6, reasons={(1, 0): "no signal of the fluid"})
    rows = disc_grade(data, calibration()).set_index("level")
    assert rows.loc["l2l3", "reason"] == "disc_csf_ratio: no signal of the fluid"
    assert np.isnan(rows.loc["l2l3", "value"])
    assert "outside_calibration" in rows.loc["l3l4", "flags"]
    assert "outside_calibration" not in rows.loc["l4l5", "flags"]  # on the limits
    free = disc_grade(batch(x, ["a"] * 4, LEVELS[:4], tesla=None), calibration(field_strengths=())).set_index("level")
    assert "calibration_field_unknown" in free.loc["l1l2", "flags"]
    assert np.isfinite(free.loc["l1l2", "value"])


def test_a_calibration_survives_json_and_its_name_is_that_of_its_numbers():
    own = calibration()
    again = DiscGradeCalibration.from_dict(json.loads(json.dumps(own.to_dict())))
    assert again == own
    assert again.name == own.name
    assert calibration(coefficients=(-6.0, -1.0, -8.1)).name != own.name
    with pytest.raises(ArgumentError, match="content"):
        DiscGradeCalibration.from_dict({"grades": [1, 2]})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"grades": (1, 2, 2, 4, 5)}, "grades"),
        ({"thresholds": (0.0, 1.0)}, "thresholds"),
        ({"thresholds": (0.0, 1.0, 1.0, 2.0)}, "thresholds"),
        ({"coefficients": (1.0,)}, "coefficients"),
        ({"coefficients": (1.0, np.nan, 1.0)}, "coefficients"),
        ({"methods": ("a",)}, "methods"),
        ({"ranges": ((1, 0), (0, 1), (0, 1))}, "ranges"),
        ({"measures": (MEASURES[0],) * 3}, "measures"),
        ({"grades": (1, 2.5, 3, 4, 5)}, "grades"),
        ({"grades": ("I", "II", "III", "IV", "V")}, "grades"),
        ({"grades": 5}, "grades"),
        ({"thresholds": ("a", "b", "c", "d")}, "thresholds"),
        ({"measures": "disc_csf_ratio"}, "measures"),
        ({"ranges": ((0.1, 0.5, 0.9),) * 3}, "ranges"),
        ({"coefficients": None}, "coefficients"),
        ({"scale": "schneiderman"}, "scale"),
    ],
)
def test_a_calibration_whose_parts_do_not_fit_is_refused(changes, name):
    with pytest.raises(ArgumentError, match=name):
        calibration(**changes)


@pytest.fixture(scope="module")
def fitted():
    x, grade, patients, levels = drawn(150, 3)
    grades = pd.DataFrame({"patient_id": patients, "study_id": "s", "level": levels, "value": grade})
    return fit_disc_grade(batch(x, patients, levels), grades), x, grade


def test_known_coefficients_are_estimated_and_agreement_out_of_fold_is_that_of_the_true_model(fitted):
    fit, x, grade = fitted
    errors = np.sqrt(np.diag(fit.model.covariance_))
    assert np.all(np.abs(np.array(fit.calibration.coefficients) - BETA) <= 3 * errors)
    assert np.all(np.abs(np.array(fit.calibration.thresholds) - ALPHA) <= 3 * fit.model.threshold_errors_)
    assert fit.calibration.methods == METHODS
    assert fit.calibration.field_strengths == (1.5,)
    true, _ = calibration().expected(x, np.zeros_like(x))
    best = weighted_kappa(np.rint(true).astype(int), grade).value
    rows = fit.to_frame()[fit.to_frame()["group"] == ""].set_index("metric")
    kappa = rows.loc["kappa_quadratic"]
    assert kappa["low"] < best < kappa["high"]
    assert kappa["value"] == pytest.approx(best, abs=0.02)
    assert rows.loc["mean_calibration_slope", "low"] < 1 < rows.loc["mean_calibration_slope", "high"]
    assert rows.loc["mean_error", "low"] < 0 < rows.loc["mean_error", "high"]


def test_folds_contain_whole_patients_and_the_numbers_are_those_of_the_predictions(fitted):
    fit, x, _ = fitted
    held = fit.predictions
    assert held.groupby("patient_id")["fold"].nunique().max() == 1
    assert sorted(held["fold"].unique()) == list(range(10))
    p = held[[f"p_{k}" for k in range(1, 6)]].to_numpy()
    assert np.allclose(p.sum(axis=1), 1)
    assert held["expected"].to_numpy() == pytest.approx(p @ [1, 2, 3, 4, 5])
    rows = fit.to_frame()[fit.to_frame()["group"] == ""].set_index("metric")["value"]
    rounded = np.rint(held["expected"]).astype(int)
    assert rows["kappa_quadratic"] == weighted_kappa(rounded, held["grade"], categories=range(1, 6)).value
    assert rows["percent_agreement"] == pytest.approx((rounded == held["grade"]).mean())
    assert rows["mean_error"] == pytest.approx((held["grade"] - held["expected"]).mean())
    slope, intercept = np.polyfit(held["expected"], held["grade"], 1)
    assert rows["mean_calibration_slope"] == pytest.approx(slope)
    assert rows["mean_calibration_intercept"] == pytest.approx(intercept)
    # a model of the other folds alone: held-out predictions differ from those of the model of all
    inside, _ = fit.calibration.expected(x, np.zeros_like(x))
    assert not np.allclose(inside, held["expected"])


def test_interval_of_the_mean_error_is_the_cluster_robust_one(fitted):
    fit, _, _ = fitted
    held = fit.predictions.assign(error=lambda t: t["grade"] - t["expected"])
    row = fit.to_frame().query("group == '' and metric == 'mean_error'").iloc[0]
    sums = held.groupby("patient_id")["error"].sum().to_numpy()  # equal numbers of discs: the jackknife by hand
    m = sums.size
    assert row["se"] == pytest.approx(np.std(sums, ddof=1) * np.sqrt(m) / len(held), rel=1e-9)


def test_discs_without_a_measurement_are_counted_with_their_reason():
    x, grade, patients, levels = drawn(20, 5)
    x[3, 0] = np.nan
    data = batch(x, patients, levels, tesla=None, reasons={(3, 0): "no signal of the fluid"})
    grades = pd.DataFrame({"patient_id": patients, "level": [w.upper() for w in levels], "value": grade})
    grades = pd.concat([grades, pd.DataFrame({"patient_id": ["q"], "level": ["l4l5"], "value": [3]})])
    fit = fit_disc_grade(data, grades, penalty=1.0, n_splits=5)
    assert fit.left_out["reason"].tolist() == ["disc_csf_ratio: no signal of the fluid", "not in the result"]
    assert len(fit.predictions) == 99
    assert fit.calibration.field_strengths == ()
    assert "99 discs of 20 patients" in repr(fit)


def test_what_cannot_be_fitted_is_refused():
    x, grade, patients, levels = drawn(12, 7)
    data = batch(x, patients, levels)
    grades = pd.DataFrame({"patient_id": patients, "study_id": "s", "level": levels, "value": grade})
    with pytest.raises(DataError, match="more than one grade"):
        fit_disc_grade(data, pd.concat([grades, grades.head(1)]))
    with pytest.raises(DataError, match="whole numbers from 1 to 5"):
        fit_disc_grade(data, grades.assign(value=6))
    with pytest.raises(DataError, match="whole numbers from 1 to 5"):
        fit_disc_grade(data, grades.assign(value="III"))
    with pytest.raises(DataError, match="No graded disc is in the result"):
        fit_disc_grade(data, grades.assign(study_id="other"))
    with pytest.raises(DataError, match="10 patients and two grades are needed"):
        fit_disc_grade(data, grades[grades["patient_id"].isin(["p0", "p1"])])
    with pytest.raises(DataError, match="10 patients and two grades are needed"):
        fit_disc_grade(data, grades.assign(value=3))
    with pytest.raises(ArgumentError, match="measures"):
        fit_disc_grade(data, grades, measures=("t2",))
    with pytest.raises(ArgumentError, match="grades"):
        fit_disc_grade(data, grades[["patient_id"]])
    mixed = data.table.copy()
    mixed.loc[mixed.index[0], "method_id"] = "nucleus_over_canal_fluid__other"
    with pytest.raises(DataError, match="different variables"):
        fit_disc_grade(ExtractionResult(mixed, data.failures, data.studies, {}), grades)


def test_measures_of_a_drawn_image_give_the_grade_of_their_values():
    spine = Phantom(n=2)
    labels = labels_of("totalspineseg", 2)
    data, affine = spine.draw(labels, spacing=(3.0, 1.0, 1.0))
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    signal = np.full(data.shape, 60.0)
    roots = np.random.default_rng(1).random(data.shape) < 0.3
    signal = np.where(data == labels["canal"], np.where(roots, 200.0, 800.0), signal)
    for level, inner, outer in (("l5s1", 120.0, 100.0), ("l4l5", 480.0, 160.0)):
        disc = spine.truth(level)
        share = np.abs((grid - disc.centre) @ disc.front) / disc.depth
        signal = np.where(data == labels[level], np.where(share < 0.3, inner, outer), signal)
    noise = np.random.default_rng(0).normal(1.0, 0.02, data.shape)
    study = {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg", "field_strength": 1.5}
    result = extract({**study, "image": Image(signal * noise, affine), "sequence": "t2"}, Recipe(families=("disc",)))
    table = result.to_frame().set_index(["measure", "level"])
    methods = tuple(table.loc[(name, "l4l5"), "method_id"] for name in MEASURES)
    rows = disc_grade(result, calibration(methods=methods)).set_index("level")
    for level, truth in (("l5s1", [120 / 800, 1.2]), ("l4l5", [480 / 800, 3.0])):
        x = np.array([[table.loc[(name, level), "value"] for name in MEASURES]])
        assert x[0, :2] == pytest.approx(truth, rel=0.05)
        (expected,), _ = calibration().expected(x, np.zeros_like(x))
        assert rows.loc[level, "value"] == pytest.approx(expected, abs=1e-12)
    assert rows.loc["l5s1", "value"] > rows.loc["l4l5", "value"] + 1.5


@pytest.mark.parametrize(("second", "graded"), [(1.5, True), (3.0, False)])
def test_a_study_in_two_cases_has_one_field_strength_or_none(second, graded):
    one = batch(np.array([[0.5, 2.0, 0.3]]), ["a"], ["l4l5"])
    studies = pd.concat([one.studies, one.studies.assign(field_strength=second)])
    row = disc_grade(ExtractionResult(one.table, one.failures, studies, {}), calibration(field_strengths=(1.5,))).iloc[
        0
    ]
    assert bool(np.isfinite(row["value"])) is graded
    assert ("field strength of the study is unknown" in row["reason"]) is not graded
