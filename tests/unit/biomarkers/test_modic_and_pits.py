"""Pits are those of the body and not of the pedicles; Modic changes are seen wherever they lie on the endplate."""

from __future__ import annotations

import numpy as np
import pytest
from spine_phantom import LEVELS, Phantom, labels_of

from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract
from lbp_prognosis.biomarkers.families._modic import column_types

RECIPE = Recipe(families=("endplate",))
FLAT = dict(disc_angle=(0.0,) * 5, body_angle=(0.0,) * 5, sacral_slope=0.0, n=3, posterior=False)


@pytest.fixture(scope="module")
def drawn():
    spine = Phantom(**FLAT)
    labels = {k: v for k, v in labels_of("totalspineseg", 3).items() if k in {"l5", "l4", "l3", "canal"}}
    data, affine = spine.draw(labels, spacing=(1.5, 1.0, 1.0))
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    return spine, data, affine, grid


def local(spine, grid, level="l4"):
    """Return place to the front, to the left and below the upper endplate, mm."""
    body = spine.truth(level)
    d = grid - body.high
    return d @ body.front, d @ body.left, -(d @ body.axis)


def signals(drawn, kinds, *, second="image_t2", rim=0.0, both=False):
    """Draw marrow of 200 with lesions (where, T1, second image) under the upper endplate of l4, or under both."""
    spine, data, affine, grid = drawn
    rng = np.random.default_rng(1)
    images = [np.full(data.shape, 200.0), np.full(data.shape, 200.0)]
    ap, left, down = local(spine, grid)
    inside = (data == 44) & ((down < 10) | both & (down > 27.5 - 10))
    for where, one, two in kinds:
        chosen = inside & where(ap, left)
        images[0][chosen], images[1][chosen] = one, two
    if rim:
        for image in images:
            image[(data == 44) & (down < rim)] = 30.0
    images = [Image((image + rng.normal(0, 8, image.shape)).astype(np.float32), affine) for image in images]
    study = {
        "patient_id": "p",
        "mask": Mask(data, affine),
        "convention": "totalspineseg",
        "modality": "mri",
        "image_t1": images[0],
        second: images[1],
    }
    result = extract(study, RECIPE)
    assert result.failures.empty, result.failures["message"].tolist()
    table = result.table[result.table["level"] == "l4"]
    return table[table["structure"] == "endplate_superior"], table[table["structure"] == "endplate_inferior"]


def value(rows, measure, side=""):
    return rows.loc[(rows["measure"] == measure) & (rows["side"] == side), "value"].item()


AREA = np.pi / 4 * 34 * 46


def front_third(ap, left):
    return ap > 17 - 34 / 3


def test_a_lesion_over_the_front_third_has_its_type_and_its_area(drawn):
    top, bottom = signals(drawn, [(front_third, 110.0, 320.0)])
    assert value(top, "modic") == 1
    assert value(top, "modic_type_probability") > 0.95
    share = value(top, "modic_extent_share")
    assert share == pytest.approx(29.2, abs=7)  # a third of the depth of an ellipse; a rim of 2 mm is not read
    left, right = (value(top, "modic_extent", side) for side in ("left", "right"))
    assert left + right == value(top, "modic_extent")
    assert abs(left - right) < 0.2 * left
    assert value(bottom, "modic") == 0
    assert value(bottom, "modic_extent") == 0


def test_a_lesion_on_one_side_and_over_the_whole(drawn):
    top, _ = signals(drawn, [(lambda ap, left: left > 8, 330.0, 240.0)])
    assert value(top, "modic") == 2
    assert value(top, "modic_extent", "left") > 100
    assert value(top, "modic_extent", "right") == 0
    top, _ = signals(drawn, [(lambda ap, left: ap > -99, 100.0, 90.0)])
    assert value(top, "modic") == 3
    assert value(top, "modic_extent_share") > 90  # columns at the rim are partly of muscle


def test_lesions_of_both_endplates_leave_the_middle_third_as_reference(drawn):
    for rows in signals(drawn, [(lambda ap, left: ap > -99, 300, 300)], both=True):  # 20 of 27.5 mm of the height
        assert value(rows, "modic") == 2
        assert value(rows, "modic_extent_share") > 95


def test_two_types_are_mixed(drawn):
    halves = [(lambda ap, left: left > 3, 110.0, 320.0), (lambda ap, left: left < -3, 330.0, 240.0)]
    top, _ = signals(drawn, halves)
    assert value(top, "modic") in {1, 2}
    assert top.loc[top["measure"] == "modic", "flags"].str.contains("mixed_1_2").all()


def test_dark_cortical_bone_in_the_mask_is_no_sclerosis(drawn):
    top, _ = signals(drawn, [], rim=2.0)
    assert value(top, "modic") == 0
    assert value(top, "modic_extent") == 0


def test_fat_suppressed_images_tell_oedema_from_fat(drawn):
    for one, two, kind in ((110.0, 420.0, 1), (330.0, 60.0, 2), (100.0, 80.0, 3)):
        top, _ = signals(drawn, [(front_third, one, two)], second="image_stir")
        assert value(top, "modic") == kind
        methods = set(top.loc[top["measure"].str.startswith("modic"), "method_id"])
        assert methods == {"columns_t1_stir__totalspineseg_from_vertebra"}


def test_chances_of_a_column_by_hand():
    # on the cut of T1 and far beyond that of T2: type 1 with one half
    found = column_types(np.array([0.8]), np.array([2.0]), 0.05, 0.05, 0.8, 1.2, stir=False)
    np.testing.assert_allclose(found[:, 0], [0.5, 0.5, 0.0, 0.0], atol=1e-9)
    # bright on T1 and on the cut of a fat-suppressed image: type 2 with one half
    found = column_types(np.array([2.0]), np.array([1.2]), 0.05, 0.05, 0.8, 1.2, stir=True)
    np.testing.assert_allclose(found[:, 0], [0.5, 0.0, 0.5, 0.0], atol=1e-9)


def test_roots_of_pedicles_are_no_pits(drawn):
    spine, data, affine, grid = drawn
    rooted = data.copy()
    for level in LEVELS[:3]:
        ap, left, down = local(spine, grid, level)
        root = (ap < -8) & (ap > -24) & (np.abs(left) > 9) & (np.abs(left) < 20) & (down > 7) & (down < 20)
        rooted[root & (rooted == 0)] = 45 - LEVELS.index(level)
    ap, left, down = local(spine, grid)
    pit = ((ap - 3) ** 2 + left**2 < 49) & (down < 5)
    rooted[pit & (rooted == 44)] = 0
    bodies = np.where(np.isin(rooted, [43, 44, 45]), 24 - (45 - rooted), 0)  # labels of bodies that hold the roots
    study = {"patient_id": "p", "mask": Mask(bodies, affine), "convention": "totalsegmentator_vertebrae_pp"}
    table = extract(study, RECIPE).table
    depth = table[table["measure"] == "endplate_defect_depth"].set_index(["level", "structure"])["value"]
    assert depth["l4", "endplate_superior"] == pytest.approx(5.0, abs=0.7)
    assert (depth.drop([("l4", "endplate_superior")]) == 0).all()
    area = table[table["measure"] == "endplate_defect_area"].set_index(["level", "structure"])["value"]
    assert area["l4", "endplate_superior"] == pytest.approx(np.pi * 49, rel=0.25)


def test_three_masks_of_one_ct_give_the_same_depths(shared):
    folder = shared / "data" / "img_totalsegmentator"
    masks = folder / "spine_report" / "test_result"

    def study(name, files, conventions):
        return {
            "patient_id": "ct",
            "study_id": name,
            "mask": [str(masks / f"{file}.nii.gz") for file in files],
            "convention": conventions,
        }

    result = extract(
        [
            study("pp", ["totalseg_vertebrae_pp_refined"], ["totalsegmentator_vertebrae_pp"]),
            study(
                "body",
                ["totalseg", "totalseg_vertebrae_body"],
                ["totalsegmentator_total_v2", "totalsegmentator_vertebrae_body"],
            ),
            study("whole", ["totalseg"], ["totalsegmentator_total_v2"]),
        ],
        RECIPE,
    )
    table = result.table[result.table["level"].isin(["l1", "l2", "l3", "l4", "l5"])]
    concavity = table[table["measure"] == "endplate_concavity"]
    by_mask = concavity.pivot_table(index=["level", "structure"], columns="study_id", values="value")
    assert len(by_mask) == 10
    assert (by_mask.max(axis=1) - by_mask.min(axis=1)).max() <= 1.0
    assert by_mask.max().max() <= 2.5  # pedicle roots gave 6 to 10 mm


def test_the_picture_shows_pits_modic_changes_and_the_hip_axis():
    from lbp_prognosis.biomarkers._overlay import overlay_panels
    from lbp_prognosis.biomarkers._study import load_case
    from lbp_prognosis.biomarkers.families._measure import measure_case

    spine = Phantom(**{**FLAT, "n": 2})
    labels = {k: v for k, v in labels_of("totalspineseg", 2).items() if k in {"s1", "l5", "l4"}}
    data, affine = spine.draw(labels, spacing=(2.5, 1.2, 1.2))
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    ap, left, down = local(spine, grid)
    t1, t2 = np.full(data.shape, 200.0), np.full(data.shape, 200.0)
    lesion = (data == 44) & (down < 10) & (left > 6)
    t1[lesion], t2[lesion] = 110.0, 330.0
    data[(data == 44) & ((ap + 4) ** 2 + (left + 9) ** 2 < 40) & (down < 5)] = 0
    middle = spine.truth("l4").high
    study = {
        "patient_id": "p",
        "mask": Mask(data, affine),
        "convention": "totalspineseg",
        "modality": "mri",
        "image": Image(t2.astype(np.float32), affine),
        "image_t1": Image(t1.astype(np.float32), affine),
        "sequence": "t2",
        "landmarks": {
            f"femoral_head_{side}": [x, 25.0, middle[2] - 130.0] for side, x in (("left", -80), ("right", 80))
        },
    }
    case, _ = load_case(study, Recipe(families=("endplate", "alignment")), max_bytes=2**30)
    assert {row.value for row in measure_case(case) if row.measure == "modic" and row.level == "l4"} == {0, 1}
    side, front, *_ = overlay_panels(case)
    assert {kind for kind, _ in side["lines"]} == {"endplate", "hips", "pit", "modic", "sample"}
    assert {kind for kind, _ in front["lines"]} == {"endplate", "pit", "modic", "sample"}
    sampled = [outline for kind, outline in front["lines"] if kind == "sample"]
    assert [np.array_equal(outline[0], outline[-1]) for outline in sampled] == [True, True]  # one per body, closed
    assert all(15 < np.ptp(outline[:, 0]) < 50 for outline in sampled)
    pits = [ends for kind, ends in side["lines"] if kind == "pit"]
    assert len(pits) == 1
    assert np.linalg.norm(np.diff(pits[0], axis=0)) == pytest.approx(5.0, abs=0.8)
    across = [ends[:, 0] for kind, ends in front["lines"] if kind == "modic"]
    assert len(across) == 2  # the lesion of one endplate: from back to front, and from side to side
    assert min(ends.min() for ends in across) > 4  # on the patient's left, right in the picture
    assert max(ends.max() for ends in across) < 23
    hips = next(ends for kind, ends in side["lines"] if kind == "hips")
    sacral, axis = hips
    assert abs(sacral[0]) < 1  # the middle of the endplate of a spine without slope
    assert axis[0] > 15
    assert side["extent"][2] < axis[1] < sacral[1]
