"""Heights, angles, areas and slips of a spine whose every measure is known, on awkward lattices."""

from __future__ import annotations

import numpy as np
import pytest
from spine_phantom import LEVELS, Phantom, labels_of

from lbp_prognosis.biomarkers import Mask, Recipe, extract

# (convention, spacing right-left × front-back × up-down, rotation in degrees, axis order, flips)
LATTICES = {
    "isotropic_oblique": ("totalspineseg", (0.8, 0.8, 0.8), (7.0, -5.0, 6.0), (2, 0, 1), (True, False, True)),
    "sagittal_4_mm": ("totalspineseg", (4.0, 0.6, 0.6), (6.0, 4.0, -8.0), (1, 2, 0), (False, True, True)),
    "sagittal_4_mm_from_bottom": ("spider", (4.0, 0.6, 0.6), (-9.0, -3.0, 5.0), (0, 2, 1), (True, True, False)),
}
RECIPE = Recipe(families=("disc", "canal", "bone", "alignment"))


def phantom(**changes) -> Phantom:
    settings = dict(
        sacral_slope=34.0,
        disc_height=(8.3, 11.7, 10.2, 9.4, 7.1),
        disc_angle=(13.0, 9.5, 7.0, 4.5, 2.0),
        body_height=(26.3, 27.9, 27.2, 26.1, 25.4),
        body_angle=(5.0, 2.5, 0.5, -1.0, -2.0),
        n=4,
    )
    return Phantom(**{**settings, **changes})


@pytest.fixture(scope="module", params=list(LATTICES))
def measured(request):
    convention, spacing, degrees, order, flips = LATTICES[request.param]
    spine = phantom()
    data, affine = spine.draw(labels_of(convention, 4), spacing=spacing, degrees=degrees, order=order, flips=flips)
    result = extract(
        {"patient_id": "p", "mask": Mask(data, affine), "convention": convention, "modality": "mri"}, RECIPE
    )
    assert result.failures.empty, result.failures
    return request.param, spine, min(spacing), result.table


def values(table, measure, method=None, structure=None):
    rows = table[(table["measure"] == measure) & table["value"].notna()]
    rows = rows[rows["method_id"] == method] if method else rows
    rows = rows[rows["structure"] == structure] if structure else rows
    return dict(zip(rows["level"], rows["value"]))


def discs(table, measure, method=None):
    found = values(table, measure, method)
    lower = ("s1", *LEVELS)
    return {k: found[LEVELS[k] + lower[k]] for k in range(4) if LEVELS[k] + lower[k] in found}


@pytest.mark.parametrize("formula", ["area", "three_point", "chord", "gap"])
def test_disc_height_within_half_a_voxel(measured, formula):
    name, spine, voxel, table = measured
    found = discs(table, "disc_height", f"disc_height_{formula}")
    assert len(found) >= (3 if formula == "gap" and "bottom" in name else 4)
    for k, value in found.items():
        assert abs(value - spine.disc_height[k]) <= voxel / 2, (name, formula, k)


def test_front_and_back_of_the_disc_follow_its_wedge(measured):
    _, spine, voxel, table = measured
    for part, share in (("posterior", -0.4), ("middle", 0.0), ("anterior", 0.4)):
        for k, value in discs(table, f"disc_height_{part}").items():
            truth = spine.disc_height[k] + 2 * share * spine.depth * np.tan(np.radians(spine.disc_angle[k] / 2))
            assert abs(value - truth) <= voxel / 2, (part, k)


def test_body_heights_within_half_a_voxel(measured):
    _, spine, voxel, table = measured
    for part, share in (("posterior", -0.4), ("middle", 0.0), ("anterior", 0.4)):
        found = values(table, f"body_height_{part}")
        for k in range(4):
            truth = spine.body_height[k] + 2 * share * spine.depth * np.tan(np.radians(spine.body_angle[k] / 2))
            assert abs(found[LEVELS[k]] - truth) <= voxel / 2, (part, k)


def test_angles_within_one_degree(measured):
    name, spine, _, table = measured
    for k, value in discs(table, "disc_wedge").items():
        assert abs(value - spine.disc_angle[k]) <= 1.0
    for k, value in discs(table, "segmental_lordosis").items():
        assert abs(value - spine.disc_angle[k] - spine.body_angle[k]) <= 1.0
    if "bottom" not in name:
        slope = table.loc[table["measure"] == "sacral_slope", "value"].item()
        assert abs(slope - spine.sacral_slope) <= 1.0
    cobb = table.loc[table["measure"] == "cobb", "value"].item()
    assert cobb <= 1.5


def test_areas_within_three_percent_on_cubes_and_twelve_on_thick_slices(measured):
    name, spine, _, table = measured
    limit = 0.03 if name == "isotropic_oblique" else 0.12
    canal = np.pi / 4 * spine.canal_ap * spine.canal_lr
    for value in values(table, "canal_area", "canal_area_at_disc").values():
        assert abs(value / canal - 1) <= limit
    disc = np.pi / 4 * spine.depth * spine.width
    for value in values(table, "disc_area").values():
        assert abs(value / disc - 1) <= limit
    flags = set("|".join(table.loc[table["structure"] == "canal", "flags"]).split("|"))
    assert ("area_low_confidence" in flags) == (name != "isotropic_oblique")


def test_the_predicted_error_is_of_the_size_of_the_error(measured):
    _, spine, _, table = measured
    rows = table[(table["measure"] == "disc_height") & table["value"].notna()]
    truth = {LEVELS[k] + ("s1", *LEVELS)[k]: spine.disc_height[k] for k in range(4)}
    error = rows["value"] - rows["level"].map(truth)
    assert (error.abs() <= 3 * rows["sd_error"]).mean() >= 0.95
    assert (rows["sd_error"] <= 0.3).all()


def test_lordosis_from_first_lumbar_to_sacrum():
    spine = phantom(n=5)
    data, affine = spine.draw(labels_of("totalspineseg"), spacing=(4.0, 0.7, 0.7), degrees=(3.0, 5.0, -4.0))
    table = extract(
        {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg", "position": "supine"},
        Recipe(families=("alignment",)),
    ).table
    found = table[table["measure"] == "lumbar_lordosis"].set_index("method_id")["value"]
    whole = sum(spine.disc_angle) + sum(spine.body_angle)
    assert abs(found["l1_superior_to_s1_superior"] - whole) <= 1.0
    assert abs(found["l1_superior_to_l5_inferior"] - (whole - spine.disc_angle[0])) <= 1.0
    index = table.loc[table["measure"] == "lordosis_distribution", "value"].item()
    low = sum(spine.disc_angle[:2]) + sum(spine.body_angle[:2])
    assert abs(index - 100 * low / whole) <= 4.0
    assert table["flags"].str.contains("supine").all()


def test_slip_of_one_vertebra_and_of_the_last_on_the_sacrum():
    spine = phantom(n=3, slip=(5.0, 4.0, 0.0, 0.0, 0.0))
    data, affine = spine.draw(labels_of("totalspineseg", 3), spacing=(1.0, 1.0, 1.0), degrees=(4.0, 3.0, -6.0))
    table = extract(
        {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg"}, Recipe(families=("disc",))
    ).table
    found, percent = values(table, "slip"), values(table, "slip_percent")
    for upper, lower in (("l5", "s1"), ("l4", "l5"), ("l3", "l4")):
        a, b = spine.truth(upper), spine.truth(lower)
        plate = np.cross(b.left, b.high_normal)  # along the lower endplate, forwards
        length = spine.depth / (plate @ b.front)
        back, corner = b.high - 0.5 * length * plate, a.low - 0.5 * spine.depth * _plate_step(a)
        truth = (corner - back) @ plate
        assert abs(found[upper + lower] - truth) <= 1.0, (upper, found[upper + lower], truth)
        assert abs(percent[upper + lower] - 100 * truth / length) <= 3.0
    grades = values(table, "meyerding")
    assert grades["l4l5"] == 1.0
    assert grades["l3l4"] == 0.0


def _plate_step(block):
    """Return the vector along the lower endplate of a block over half its depth, per half depth."""
    plate = np.cross(block.left, block.low_normal)
    return plate / (plate @ block.front)


def test_coronal_opening_is_a_cobb_angle_and_no_side_step():
    spine = phantom(n=4, tilt=(0.0, 8.0, 8.0, 0.0, 0.0))
    data, affine = spine.draw(labels_of("totalspineseg", 4), spacing=(1.0, 1.0, 1.0), degrees=(5.0, 4.0, 3.0))
    table = extract(
        {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg"}, Recipe(families=("alignment",))
    ).table
    cobb = table[table["measure"] == "cobb"]
    assert abs(cobb["value"].item() - 16.0) <= 1.5
    assert all(abs(v) <= 0.7 for v in values(table, "lateral_listhesis").values())


def test_structures_at_the_border_are_missing_with_flag_and_reason():
    spine = phantom(n=4)
    data, affine = spine.draw(labels_of("totalspineseg", 4), spacing=(1.5, 1.0, 1.0), keep=(0.3, 0.88))
    table = extract(
        {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg", "modality": "mri"}
    ).table
    top = table[(table["level"] == "l2") & table["measure"].isin(["body_height_middle", "body_volume", "height_loss"])]
    assert len(top) == 3
    assert top["value"].isna().all()
    assert top["flags"].str.contains("touched_border").all()
    assert top["touched_border"].all()
    assert top["reason"].str.contains("field of view").all()
    whole = table[(table["level"] == "l3") & (table["measure"] == "body_height_middle")]
    assert whole["value"].notna().all()
    missing = table[table["value"].isna()]
    assert (missing["reason"] != "").all()
    assert missing["sd_error"].isna().all()


def test_whole_vertebrae_without_a_canal_and_bodies_alone_agree_with_the_cut_at_the_canal():
    spine = phantom(n=3)
    recipe = Recipe(families=("bone",))
    with_canal = labels_of("totalspineseg", 3)
    heights = {}
    for name, convention, labels in (
        ("canal", "totalspineseg", with_canal),
        ("opening", "totalspineseg", {k: v for k, v in with_canal.items() if k != "canal"}),
        ("bodies", "totalsegmentator_vertebrae_pp", labels_of("totalsegmentator_vertebrae_pp", 3)),
    ):
        data, affine = spine.draw(labels, spacing=(1.0, 1.0, 1.0), degrees=(4.0, 3.0, -5.0))
        table = extract({"patient_id": "p", "mask": Mask(data, affine), "convention": convention}, recipe).table
        heights[name] = values(table, "body_height_middle")
        flag = {"canal": "body_cut_at_canal", "opening": "body_by_opening", "bodies": "front_from_image"}[name]
        assert table.loc[table["measure"] == "body_height_middle", "flags"].str.contains(flag).all()
    for name in ("opening", "bodies"):
        for level, value in heights["canal"].items():
            assert abs(heights[name][level] - value) <= 0.5


def test_discs_without_any_body_are_measured_along_their_own_axes():
    spine = phantom(n=3)
    labels = {k: v for k, v in labels_of("totalspineseg", 3).items() if k in ("l5s1", "l4l5", "l3l4")}
    data, affine = spine.draw(labels, spacing=(1.0, 1.0, 1.0), degrees=(3.0, 2.0, -4.0))
    table = extract({"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg"}).table
    for k, value in discs(table, "disc_height", "disc_height_area").items():
        assert abs(value - spine.disc_height[k]) <= 0.5
    rows = table[(table["measure"] == "disc_height") & (table["method_id"] == "disc_height_area")]
    assert rows["flags"].str.contains("front_from_image").all()
    gap = table[table["method_id"] == "disc_height_gap"]
    assert gap["value"].isna().all()
    assert gap["reason"].str.startswith("no body of").all()


def test_no_number_depends_on_warnings_or_on_the_dtype_of_the_mask():
    spine = phantom(n=2)
    data, affine = spine.draw(labels_of("totalspineseg", 2), spacing=(2.0, 1.0, 1.0))
    frames = [
        extract({"patient_id": "p", "mask": Mask(data.astype(kind), affine), "convention": "totalspineseg"}).table
        for kind in (np.uint8, np.int64, np.float64)
    ]
    for other in frames[1:]:
        np.testing.assert_array_equal(other["value"], frames[0]["value"])
