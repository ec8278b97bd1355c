"""The technical tier: small cases by hand, identities and refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lbp_prognosis._base import METRIC_COLUMNS, ArgumentError
from lbp_prognosis.evaluation.technical import (
    agreement,
    concordance_correlation,
    icc,
    overlap,
    reliability_filter,
    repeatability,
    scanner_effect,
    weighted_kappa,
)


def test_icc_forms_order_and_frame():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20, 1)) + 0.5 * rng.standard_normal((20, 3)) + np.array([0.0, 0.3, -0.3])
    result = icc(x)
    table = result.table.set_index("form")["value"]
    assert table["1,1"] < table["2,1"] < table["3,1"]  # bias between raters costs agreement, not consistency
    frame = result.to_frame()
    assert tuple(frame.columns) == METRIC_COLUMNS
    assert frame["metric"].tolist().count("icc") == 6


def test_errors_have_intervals_by_hand():
    """Shrout and Fleiss, six subjects by four raters; χ² quantiles of 15 and 3 degrees of freedom from a table."""
    x = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = icc(x)
    msc, mse = found.mean_squares["raters"], found.mean_squares["residual"]
    # sums of the raters are 46, 15, 26, 40: 4617/6 − 127²/24
    assert 3 * msc == pytest.approx(4617 / 6 - 127**2 / 24, rel=1e-12)
    low, high = (math.sqrt(15 * mse / q) for q in (27.488392863, 6.262137795))
    assert found.limits["sem_consistency"] == pytest.approx((low, high), rel=1e-9)
    one, two = msc / 6, 5 * mse / 6
    assert found.sem_agreement == pytest.approx(math.sqrt(one + two), rel=1e-12)
    down = math.hypot(one * (1 - 3 / 9.348403604), two * (1 - 15 / 27.488392863))
    up = math.hypot(one * (3 / 0.215795283 - 1), two * (15 / 6.262137795 - 1))
    expected = (math.sqrt(one + two - down), math.sqrt(one + two + up))
    assert found.limits["sem_agreement"] == pytest.approx(expected, rel=1e-8)
    assert found.limits["sdc_agreement"] == pytest.approx([1.96 * math.sqrt(2) * v for v in expected], rel=1e-8)
    frame = found.to_frame().set_index("metric")
    assert frame.loc["sem_consistency", ["low", "high"]].tolist() == pytest.approx([low, high], rel=1e-9)
    narrow = icc(x, confidence=0.5).limits["sem_agreement"]
    assert expected[0] < narrow[0] < found.sem_agreement < narrow[1] < expected[1]


def test_raters_who_agree_leave_the_error_of_the_residual():
    """MSC below MSE: the raters' component is zero, and both errors are one."""
    x = np.array([[1.0, 2.0], [4.0, 3.0], [5.0, 6.0], [9.0, 8.0]])
    found = icc(x)
    assert found.mean_squares["raters"] == 0 < found.mean_squares["residual"]
    assert found.sem_agreement == found.sem_consistency
    for name in ("sem_agreement", "sem_consistency"):
        low, high = found.limits[name]
        assert low <= found.sem_agreement <= high
    same = icc([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]])
    assert same.limits["sdc_agreement"] == (0.0, 0.0)


def test_icc_is_unchanged_by_unit_and_shift():
    rng = np.random.default_rng(4)
    x = rng.standard_normal((15, 1)) + 0.4 * rng.standard_normal((15, 2))
    first, second = icc(x), icc(25.4 * x + 7)
    assert second.value == pytest.approx(first.value, rel=1e-12)
    assert second.sem_agreement == pytest.approx(25.4 * first.sem_agreement, rel=1e-12)


def test_kappa_by_hand():
    """a, b agree on 40 of 50: κ = (0.8 − 0.5)/(1 − 0.5) = 0.6 with balanced margins."""
    result = weighted_kappa(table=[[20, 5], [5, 20]], weights="none")
    assert result.value == pytest.approx(0.6)
    assert result.pabak == pytest.approx(0.6)
    assert (result.prevalence_index, result.bias_index) == (0.0, 0.0)


def test_kappa_paradox_is_shown_by_pabak_and_prevalence():
    result = weighted_kappa(table=[[85, 5], [5, 5]], weights="none")
    assert result.percent_agreement == pytest.approx(0.9)
    assert result.value < 0.5 < result.pabak == pytest.approx(0.8)
    assert result.prevalence_index == pytest.approx(0.8)


def test_kappa_keeps_unused_grades_in_the_distance():
    first, second = [1, 1, 5, 5], [1, 2, 5, 5]
    assert weighted_kappa(first, second, categories=range(1, 6)).table.shape == (5, 5)
    assert weighted_kappa(first, second, categories=range(1, 6)).value > weighted_kappa(first, second).value


def test_concordance_correlation_penalises_shift():
    x = np.arange(10.0)
    assert concordance_correlation(x, x).value == pytest.approx(1.0)
    # Sxy = Sxx = 8.25, shift 3: 2·8.25 / (2·8.25 + 9)
    assert concordance_correlation(x + 3, x).value == pytest.approx(16.5 / 25.5)


def test_overlap_of_shifted_boxes_by_hand():
    """Two 4×4×4 cubes of 1 × 2 × 3 mm voxels, one shifted by one voxel along the first axis."""
    first, second = np.zeros((2, 10, 10, 10), dtype=int)
    first[3:7, 3:7, 3:7] = 41
    second[4:8, 3:7, 3:7] = 41
    row = overlap(first, second, (1, 2, 3), structures={41: ("vertebra", "l1")}).table.iloc[0]
    assert row["dice"] == pytest.approx(2 * 48 / 128)
    assert row["jaccard"] == pytest.approx(48 / 80)
    assert row["hd95"] == pytest.approx(1.0)
    assert row["level"] == "l1"


def test_overlap_identical_and_absent():
    mask = np.zeros((6, 6, 6), dtype=int)
    mask[1:4, 1:4, 1:4] = 1
    row = overlap(mask, mask, (1, 1, 1)).table.iloc[0]
    assert (row["dice"], row["hd95"], row["assd"]) == (1.0, 0.0, 0.0)
    gone = overlap(mask, np.zeros_like(mask), (1, 1, 1)).table.iloc[0]
    assert gone["dice"] == 0.0
    assert np.isnan(gone["hd95"])
    assert gone["reason"] == "absent from the second volume"


def test_surface_distances_equal_brute_force():
    rng = np.random.default_rng(1)
    first = np.zeros((12, 11, 9), dtype=int)
    first[2:8, 3:9, 1:7] = 1
    second = first & (rng.random(first.shape) > 0.1)
    spacing = np.array([0.6, 0.6, 4.0])
    from scipy.ndimage import binary_erosion

    def surface(mask):
        return np.argwhere(mask & ~binary_erosion(mask)) * spacing

    a, b = surface(first.astype(bool)), surface(second.astype(bool))
    distance = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=-1))
    there, back = distance.min(axis=1), distance.min(axis=0)
    row = overlap(first, second, spacing).table.iloc[0]
    assert row["hd95"] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert row["assd"] == pytest.approx(np.concatenate([there, back]).mean())


def test_repeatability_by_hand():
    """Variances 2 and 8: s_w² = 5."""
    result = repeatability([[10, 12], [20, 24]])
    assert result.within_sd == pytest.approx(np.sqrt(5))
    assert result.repeatability_coefficient == pytest.approx(1.96 * np.sqrt(10))
    assert result.within_cv == pytest.approx(np.sqrt((2 / 121 + 8 / 484) / 2))


def test_scanner_effect_found_and_attributed():
    rng = np.random.default_rng(5)
    subject = np.tile(np.arange(30), 3)
    scanner = np.repeat(["1.5T", "3T a", "3T b"], 30)
    truth = rng.standard_normal(30)
    values = truth[subject] + np.repeat([0.57, 0.0, 0.0], 30) + 0.1 * rng.standard_normal(90)
    paired = scanner_effect(values, scanner, subject=subject)
    assert paired.p < 1e-6
    assert paired.objections == ()
    difference = paired.table.set_index("scanner")["difference"]
    assert difference["1.5T"] - difference["3T a"] == pytest.approx(0.57, abs=0.08)
    assert difference @ np.array([1, 1, 1]) == pytest.approx(0, abs=1e-9)
    unpaired = scanner_effect(values, scanner)
    assert unpaired.objections[0].code == "scanner-confounded-with-patients"


def test_scanner_effect_equals_one_way_analysis_of_variance():
    from scipy.stats import f_oneway

    rng = np.random.default_rng(6)
    groups = [rng.standard_normal(n) + shift for n, shift in ((12, 0), (8, 0.5), (15, 0.2))]
    result = scanner_effect(np.concatenate(groups), np.repeat(["a", "b", "c"], [12, 8, 15]))
    expected = f_oneway(*groups)
    assert result.f == pytest.approx(expected.statistic, rel=1e-9)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-9)


def test_reliability_filter_uses_the_lower_limit():
    rng = np.random.default_rng(7)
    good = rng.standard_normal((40, 1)) + 0.1 * rng.standard_normal((40, 2))
    fair = rng.standard_normal((12, 1)) + 0.45 * rng.standard_normal((12, 2))
    table = reliability_filter({"good": good, "fair": fair}).set_index("feature")
    assert table.loc["good", "keep"]
    assert table.loc["fair", "icc"] > 0.75 > table.loc["fair", "low"]
    assert not table.loc["fair", "keep"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: icc([[1, 2], [3, np.nan]]), "missing values in rows"),
        (lambda: icc([1, 2, 3]), "one row per subject"),
        (lambda: agreement([1, 2, 3], [1, 2]), "`second` must be of length 3, that of `first`; got length 2"),
        (lambda: weighted_kappa([1, 1], [1, 1]), "one grade throughout"),
        (lambda: weighted_kappa(["a", None], ["a", "b"]), "missing grades"),
        (lambda: overlap(np.ones((3, 3)), np.ones((3, 4)), (1, 1)), "on the grid of `first`"),
        (lambda: overlap(np.full((3, 3), 0.5), np.ones((3, 3)), (1, 1)), "whole-number labels"),
        (lambda: overlap(np.ones((3, 3), int), np.ones((3, 3), int), (1, 0)), "positive voxel sizes"),
        (lambda: scanner_effect([1, 2, 3], ["a", "a", "a"]), "at least two scanners"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


def test_measurements_without_error_have_icc_one():
    """Identical columns: no error at all. Shifted columns: consistent, yet not in agreement."""
    x = np.array([[1.0, 1], [2, 2], [3, 3], [4, 4]])
    table = icc(x).table
    assert table[["value", "low", "high"]].to_numpy() == pytest.approx(np.ones((6, 3)))
    shifted = icc(x + np.array([0, 1])).table.set_index("form")
    assert shifted.loc["3,1", ["value", "low", "high"]].tolist() == [1, 1, 1]
    # MSR 10/3, MSC 2, MSE 0, n 4: ICC(2,1) = (10/3) / (10/3 + 2·2/4)
    assert shifted.loc["2,1", "value"] == pytest.approx(10 / 13)
    assert shifted.loc["2,1", "low"] < 10 / 13 < shifted.loc["2,1", "high"] < 1


@pytest.mark.parametrize(
    ("name", "form"),
    [("A,1", "2,1"), ("C,k", "3,k"), ("ICC1", "1,1"), ("ICC2k", "2,k"), ("icc(3,1)", "3,1"), ("2,K", "2,k")],
)
def test_other_names_of_the_forms(name, form):
    x = np.random.default_rng(2).normal(size=(9, 3))
    assert icc(x, form=name).form == form
    assert icc(x, form=name).value == icc(x, form=form).value


def test_concordance_correlation_at_its_ends():
    mirrored = concordance_correlation([1, 2, 3, 4], [4, 3, 2, 1])
    assert (mirrored.value, mirrored.low, mirrored.high) == pytest.approx((-1, -1, -1), abs=1e-12)
    nothing = concordance_correlation([1, 2, 1, 2], [1, 1, 2, 2])
    assert nothing.value == 0
    # Lin's variance at ρ = 0 and no shift: C_b² / (n − 2) = 1/2
    assert nothing.se == pytest.approx(np.sqrt(0.5))
    near = concordance_correlation([1, 2, 1, 2], [1, 1, 2, 2 + 1e-6])
    assert near.value == pytest.approx(0, abs=1e-5)
    assert near.se == pytest.approx(nothing.se, rel=1e-5)  # no jump beside zero


def test_unweighted_kappa_by_its_other_names():
    first, second = [1, 2, 3, 1], [1, 3, 3, 1]
    for name in (None, "unweighted"):
        assert weighted_kappa(first, second, weights=name).value == weighted_kappa(first, second, weights="none").value


def test_one_voxel_structures():
    first, second = np.zeros((2, 5, 5, 5), dtype=int)
    first[2, 2, 2], second[2, 2, 3] = 1, 1
    row = overlap(first, second, (1, 2, 3)).table.iloc[0]
    assert (row["dice"], row["jaccard"], row["hd95"], row["assd"]) == (0, 0, 3, 3)


def test_overlap_agrees_with_simpleitk():
    """Dice, Jaccard and the distances of all surface voxels, on anisotropic voxels."""
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(8)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in (14, 20, 18)), indexing="ij"), axis=-1)
    first = (((grid - [7, 10, 9]) / [5, 7, 6]) ** 2).sum(axis=-1) < 1
    second = (((grid - [7.6, 9, 9]) / [4.5, 7.5, 6]) ** 2).sum(axis=-1) + 0.1 * rng.random(first.shape) < 1
    spacing = (4.0, 0.7, 0.9)
    row = overlap(first.astype(int), second.astype(int), spacing).table.iloc[0]
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (first, second)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    measures = sitk.LabelOverlapMeasuresImageFilter()
    measures.Execute(*images)
    assert row["dice"] == pytest.approx(measures.GetDiceCoefficient())
    assert row["jaccard"] == pytest.approx(measures.GetJaccardCoefficient())
    edges = [sitk.GetArrayFromImage(sitk.LabelContour(image)).astype(bool) for image in images]
    maps = [
        np.abs(
            sitk.GetArrayFromImage(
                sitk.SignedMaurerDistanceMap(sitk.LabelContour(image), squaredDistance=False, useImageSpacing=True)
            )
        )
        for image in images
    ]
    there, back = maps[1][edges[0]], maps[0][edges[1]]
    assert row["assd"] == pytest.approx(np.concatenate([there, back]).mean(), rel=1e-5)
    assert row["hd95"] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)), rel=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: icc(np.ones((4, 2))), "one value throughout"),
        (lambda: overlap(np.ones((3, 3), int), np.ones((3, 3), int), 1.0), "one an axis"),
        (lambda: icc([[1, 2], [3, 4]], form="4,1"), "McGraw and Wong"),
    ],
)
def test_more_refusals(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


def test_limits_of_agreement_with_several_levels_of_a_patient():
    """By hand: patients' means 1, 3, 5 (variance 4), pooled variance within 2 on 3 df, two pairs each: 4 + ½·2."""
    d, patient = np.array([0.0, 2, 2, 4, 4, 6]), [1, 1, 2, 2, 3, 3]
    middle = np.array([10.0, 14, 11, 19, 12, 17])
    found = agreement(middle + d / 2, middle - d / 2, clusters=patient)
    assert (found.bias, found.sd, found.n_clusters) == (pytest.approx(3), pytest.approx(np.sqrt(5)), 3)
    assert found.bias_high - 3 == pytest.approx(4.30265273 * 2 / np.sqrt(3))
    assert (found.lower, found.upper) == pytest.approx((3 - 1.96 * np.sqrt(5), 3 + 1.96 * np.sqrt(5)))
    # χ² 0.025: 0.0506356 on 2 df, 0.2157953 on 3 df
    high = 5 + np.hypot(4 * (2 / 0.0506356 - 1), 0.5 * 2 * (3 / 0.2157953 - 1))
    outer = np.hypot(found.bias_high - 3, 1.96 * (np.sqrt(high) - np.sqrt(5)))
    assert found.upper_interval[1] == pytest.approx(found.upper + outer, rel=1e-5)
    assert found.lower_interval[0] == pytest.approx(found.lower - outer, rel=1e-5)
    assert not found.to_frame()["method"].str.startswith(("exact", "Bland")).any()
    alone = agreement(middle + d / 2, middle - d / 2, clusters=np.arange(6))
    assert alone.sd == pytest.approx(agreement(middle + d / 2, middle - d / 2).sd)
    with pytest.raises(ArgumentError, match="three patients"):
        agreement(middle, middle + 1, clusters=[1, 1, 1, 2, 2, 2])


def test_clustered_limits_cover_where_plain_ones_do_not():
    """25 patients with one to five levels, spread 1 between and 1.5 within patients."""
    rng = np.random.default_rng(0)
    truth, found = 0.4 + 1.96 * np.hypot(1, 1.5), {"clustered": [], "plain": []}
    for _ in range(400):
        patient = np.repeat(np.arange(25), rng.integers(1, 6, 25))
        d = 0.4 + rng.normal(size=25)[patient] + 1.5 * rng.normal(size=patient.size)
        x = 5 * rng.normal(size=patient.size)
        for name, clusters in (("clustered", patient), ("plain", None)):
            low, high = agreement(x + d / 2, x - d / 2, clusters=clusters).upper_interval
            found[name].append(low <= truth <= high)
    assert np.mean(found["clustered"]) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 400))
    assert np.mean(found["plain"]) < 0.92


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.filterwarnings("error")
def test_icc_of_tiny_tables_of_few_values_never_fails(seed):
    """Zeros and ones of two to four subjects: every degenerate mean square occurs."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (rng.integers(2, 5), rng.integers(2, 4))).astype(float)
    if np.ptp(x) == 0:
        return
    table = icc(x).table
    assert (table["value"].dropna() <= 1 + 1e-12).all()


def test_no_kappa_interval_leaves_the_range_of_kappa():
    found = weighted_kappa([1, 2, 3, 4, 2, 3], [1, 2, 4, 4, 1, 3])
    # vcd::Kappa: 0.8667, ASE 0.08479, 0.7004723 to 1
    assert (found.value, found.se) == pytest.approx((0.8666666667, 0.0847945964), abs=1e-9)
    assert (found.low, found.high) == pytest.approx((0.7004723, 1.0), abs=1e-6)
