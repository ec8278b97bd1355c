"""Real images: what is measured, what is refused, and why a tool's own numbers differ."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage

from lbp_prognosis.biomarkers import Mask, Recipe, extract, read_image, read_mask

pytest.importorskip("nibabel")
LUMBAR = ("l1", "l2", "l3", "l4", "l5")


@pytest.fixture(scope="module")
def ct(shared):
    folder = shared / "data" / "img_totalsegmentator"
    report = folder / "spine_report"
    masks = report / "test_result"
    bodies = masks / "totalseg_vertebrae_pp_refined.nii.gz"
    numbers = json.loads((report / "example_ct_report" / "spine_report.json").read_text(encoding="utf-8"))["results"]
    result = extract(
        [
            {
                "patient_id": "ct",
                "study_id": "bodies",
                "image": str(folder / "example_ct.nii.gz"),
                "mask": str(bodies),
                "convention": "totalsegmentator_vertebrae_pp",
            },
            {
                "patient_id": "ct",
                "study_id": "whole",
                "image": str(folder / "example_ct.nii.gz"),
                "mask": [str(masks / "totalseg.nii.gz"), str(masks / "totalseg_vertebrae_body.nii.gz")],
                "convention": ["totalsegmentator_total_v2", "totalsegmentator_vertebrae_body"],
            },
            {
                "patient_id": "ct",
                "study_id": "opened",
                "image": str(folder / "example_ct.nii.gz"),
                "mask": str(masks / "totalseg.nii.gz"),
                "convention": "totalsegmentator_total_v2",
            },
        ]
    )
    assert result.failures.empty
    return result.table, numbers, read_image(folder / "example_ct.nii.gz"), read_mask(bodies)


def by_level(table, study, measure):
    rows = table[(table["study_id"] == study) & (table["measure"] == measure)]
    return rows.set_index("level")["value"]


def test_volumes_of_the_bodies_are_the_tool_s(ct):
    table, numbers, _, _ = ct
    found = by_level(table, "bodies", "body_volume")
    expected = {"l1": 35.61, "l2": 36.42, "l3": 38.34, "l4": 39.04, "l5": 34.02}
    for level in LUMBAR:
        assert round(found[level], 2) == expected[level] == numbers[f"vertebrae_{level.upper()}_volume_ml"]
    assert np.isnan(found["t12"])  # cut by the upper border


def test_the_tool_s_intensities_are_those_of_a_mask_eroded_by_its_own_element(ct):
    _, numbers, image, bodies = ct
    # A ball of 4 mm on a lattice of 3 mm, drawn from −4/3 in steps of 1: four steps a side, off centre, eight voxels.
    axis = np.ogrid[-4 / 3 : 4 / 3 + 1]
    ball = (axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2) <= (4 / 3) ** 2
    assert ball.sum() == 8
    for k, level in enumerate(LUMBAR):
        values = image.data[ndimage.binary_erosion(bodies.data == 20 + k, ball)]
        assert round(float(values.mean()), 2) == numbers[f"vertebrae_{level.upper()}_intensity"]
        assert float(np.median(values)) == numbers[f"vertebrae_{level.upper()}_intensity_median"]


def test_intensities_here_are_of_the_whole_label_and_of_the_inner_ellipsoid(ct):
    table, numbers, image, bodies = ct
    whole, inner = by_level(table, "bodies", "intensity_mean"), by_level(table, "bodies", "trabecular_hu")
    for k, level in enumerate(LUMBAR):
        assert whole[level] == pytest.approx(float(image.data[bodies.data == 20 + k].mean()))
        tool = numbers[f"vertebrae_{level.upper()}_intensity_median"]
        assert whole[level] > tool > inner[level]  # the shell is brighter, the core away from it darker


def test_heights_differ_from_the_tool_s_by_less_than_its_step_of_slices(ct):
    table, numbers, _, _ = ct
    # The tool reports the slice with the largest spread, at 15, 50 and 85 % of the depth, along the line of centres.
    differences = []
    for part in ("posterior", "middle", "anterior"):
        found = by_level(table, "bodies", f"body_height_{part}")
        for level in LUMBAR:
            differences.append(found[level] - numbers[f"vertebrae_{level.upper()}_height_{part}_mm"])
    assert np.abs(differences).max() < 5.0
    assert abs(np.mean(differences)) < 2.5


def test_three_ways_to_the_body_agree(ct):
    table = ct[0]
    heights = {s: by_level(table, s, "body_height_middle") for s in ("bodies", "whole", "opened")}
    for level in LUMBAR:
        values = [heights[s][level] for s in heights]
        assert np.ptp(values) < 3.0, (level, values)  # one voxel


def test_discs_of_one_label_get_their_levels_and_the_sacrum_its_endplate(ct):
    table = ct[0]
    rows = table[(table["study_id"] == "whole") & (table["method_id"] == "disc_height_area")].set_index("level")
    for level in ("l1l2", "l2l3", "l3l4", "l4l5", "l5s1"):
        assert 4 < rows.loc[level, "value"] < 15
    slope = table[(table["study_id"] == "whole") & (table["measure"] == "sacral_slope")]["value"].item()
    lordosis = table[(table["study_id"] == "whole") & (table["method_id"] == "l1_superior_to_s1_superior")][
        "value"
    ].item()
    assert 25 < slope < 65
    assert 35 < lordosis < 75
    assert not (table["measure"] == "canal_area").any()  # this tool labels no canal


def test_fused_levels_give_volumes_and_no_level(shared):
    folder = shared / "data" / "img_totalsegmentator"
    study = {
        "patient_id": "mr",
        "image": str(folder / "example_mr_sm.nii.gz"),
        "mask": str(folder / "example_seg_mr.nii.gz"),
        "convention": "totalsegmentator_total_mr",
    }
    result = extract(study)
    assert result.failures.empty
    table = result.table
    volumes = table[table["measure"] == "volume"].set_index("structure")["value"]
    assert volumes["vertebra"] == pytest.approx(54.2, abs=0.05)
    assert volumes["disc"] == pytest.approx(17.6, abs=0.05)
    assert (table["level"] == "").all()
    area = table[(table["structure"] == "autochthon") & (table["measure"] == "csa")]
    assert set(area["side"]) == {"left", "right"}
    assert area["value"].isna().all()
    assert area["reason"].str.contains("no level is named").all()


def test_mri_crop_with_running_numbers_is_measured_and_its_level_names_doubted(shared):
    folder = shared / "data" / "img_tptbox_spine"
    study = {
        "patient_id": "mr",
        "image": str(folder / "sub-mri_label-6_T2w.nii.gz"),
        "modality": "mri",
        "sequence": "t2",
        "mask": [str(folder / f"sub-mri_seg-{part}_label-6_msk.nii.gz") for part in ("vert", "subreg")],
        "convention": ["spineps_instance", "spineps_subregion"],
    }
    result = extract(study)
    assert result.failures.empty
    table = result.table
    discs = table[table["method_id"] == "disc_height_area"].set_index("level")["value"]
    assert set(discs.dropna().index) == {"c5c6", "c6c7"}
    # bodies 36 mm deep and discs of 14 cm² are not cervical, whatever the numbers say
    named = table[table["level"] != ""]
    assert (named["level_confidence"] == 0.25).all()
    assert named["flags"].str.contains("size_unlike_level").all()
    canal = table[(table["method_id"] == "canal_area_at_disc")]["value"]
    assert canal.between(120, 250).all()
    ratio = table[table["measure"] == "disc_csf_ratio"]["value"]
    assert ratio.between(0.05, 0.8).all()
    cut = table[
        (table["structure"] == "vertebral_body")
        & table["level"].isin(["c5", "c7"])
        & (table["measure"] == "body_volume")
    ]
    assert cut["value"].isna().all()
    assert cut["reason"].str.contains("field of view").all()
    assert not table["measure"].isin(["lumbar_lordosis", "vbq"]).any()  # no lumbar level is named


def test_ct_crop_measures_the_one_whole_body(shared):
    folder = shared / "data" / "img_tptbox_spine"
    study = {
        "patient_id": "ct",
        "image": str(folder / "sub-ct_label-22_ct.nii.gz"),
        "modality": "ct",
        "mask": [str(folder / f"sub-ct_seg-{part}_label-22_msk.nii.gz") for part in ("vert", "subreg")],
        "convention": ["verse", "spineps_subregion"],
    }
    table = extract(study).table
    height = table[table["measure"] == "body_height_middle"].set_index("level")["value"]
    assert height.dropna().index.tolist() == ["l3"]
    assert 20 < height["l3"] < 32
    body = table[(table["measure"] == "body_volume")].set_index("level")["value"]
    assert 25 < body["l3"] < 50


def test_foramina_of_the_public_scan_are_those_looked_at_in_its_picture(ct):
    rows = ct[0][(ct[0]["study_id"] == "whole") & (ct[0]["structure"] == "foramen")]
    area = rows[rows["measure"] == "foramen_area"].set_index(["level", "side"])["value"]
    height = rows[rows["measure"] == "foramen_height"].set_index(["level", "side"])["value"]
    upper = area.index.get_level_values("level") != "l5s1"
    assert area[upper].between(130, 180).sum() == height[upper].between(15, 20).sum() == 8
    assert height["l5s1", "left"] == pytest.approx(12.4, abs=1)
    assert height["l5s1", "right"] == pytest.approx(14.6, abs=1)
    assert 100 < area["l5s1", "left"] < area["l5s1", "right"] < 160
    assert np.isnan(area["t12l1", "left"])  # t12 is cut by the upper border


def test_facets_and_recesses_of_the_public_spineps_mask(shared):
    folder = shared / "data" / "img_tptbox_spine"
    study = {
        "patient_id": "p",
        "mask": [str(folder / f"sub-ct_seg-{kind}_label-22_msk.nii.gz") for kind in ("vert", "subreg")],
        "convention": ["spineps_instance", "spineps_subregion"],
    }
    result = extract(study, Recipe(families=("canal",)))
    assert result.failures.empty
    found = result.table.set_index(["measure", "level", "side"])["value"]
    for side in ("left", "right"):
        assert 10 < found["facet_angle", "l2l3", side] < 35  # upper lumbar joints are the more sagittal ones
        assert 25 < found["facet_angle", "l3l4", side] < 45
        assert 4 < found["lateral_recess_height", "l2l3", side] < 10
        assert np.isnan(found["lateral_recess_height", "l3l4", side])  # the lower border cuts l4
    assert found["facet_tropism", "l3l4", ""] < 5


def test_a_lumbar_vertebra_named_s1_is_found_by_its_shape_and_the_true_one_is_not(shared):
    """The last lumbar vertebra named s1 and the others moved up, down to l2 named s1; s1 itself is narrower below."""
    folder = shared / "data" / "img_totalsegmentator"
    mask = read_mask(folder / "spine_report" / "test_result" / "totalseg.nii.gz")  # 26 s1, 27 l5 to 31 l1, 32 t12
    for up in range(5):
        moved = np.where((mask.data >= 26 + up) & (mask.data <= 32), mask.data - up, 0)
        study = {"patient_id": "p", "mask": Mask(moved, mask.affine), "convention": "totalsegmentator_total_v2"}
        table = extract(study, Recipe(families=("bone",))).table
        named = table[table["level"] == "l5"]
        assert named["flags"].str.contains("sacrum_like_lumbar").all() == (up > 0)
        assert (named["level_confidence"] == (0.25 if up else 1.0)).all()
        assert named["level_from_bottom"].isna().all() == (up > 0)


def test_one_whole_body_beside_organs_is_no_disagreement(shared):
    folder = shared / "data" / "img_totalsegmentator"
    for name in ("example_seg.nii.gz", "example_seg_fast.nii.gz"):
        study = {
            "patient_id": "p",
            "image": str(folder / "example_ct_sm.nii.gz"),
            "mask": str(folder / name),
            "convention": "totalsegmentator_total_v2",
        }
        table = extract(study, Recipe(families=("bone",))).table
        assert len(table) > 20
        assert not table["flags"].str.contains("image_disagrees").any()
