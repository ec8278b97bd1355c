"""Values that need the image: muscle fat, disc over fluid, marrow, attenuation."""

from __future__ import annotations

import numpy as np
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract
from lbp_prognosis.biomarkers.families._bone import genant_probabilities
from lbp_prognosis.biomarkers.families._modic import column_types
from lbp_prognosis.biomarkers.families._slip import meyerding_grade
from lbp_prognosis.biomarkers.geometry._two_modes import fit_mixture, otsu_threshold, valley

SPINE = labels_of("totalspineseg", 3)
MUSCLES = labels_of("musclemap")


@pytest.fixture(scope="module")
def scene():
    """Spine and muscles on one lattice of 1 × 1 × 3 mm (axial slices)."""
    spine = Phantom(n=3, disc_angle=(4.0, 3.0, 2.0), body_angle=(0.0,) * 5, sacral_slope=8.0)
    both = {**{k: v for k, v in SPINE.items()}, **MUSCLES}
    data, affine = spine.draw(both, spacing=(1.0, 1.0, 3.0), degrees=(0.0, 0.0, 5.0))
    spine_mask = np.where(data < 1000, data, 0)
    muscle_mask = np.where(data > 1000, data, 0)
    return spine, Mask(spine_mask, affine), Mask(muscle_mask, affine)


def study(scene, image=None, **more):
    _, spine_mask, muscle_mask = scene
    convention = ["totalspineseg", "musclemap"]
    given = {} if image is None else {"image": image}
    return {"patient_id": "p", "mask": [spine_mask, muscle_mask], "convention": convention, **given, **more}


def rows(table, measure, **where):
    chosen = table[table["measure"] == measure]
    for name, value in where.items():
        chosen = chosen[chosen[name] == value]
    return chosen


def test_muscle_area_side_asymmetry_and_stature(scene):
    spine = scene[0]
    table = extract(study(scene, stature_cm=180), Recipe(families=("muscle",))).table
    for name, diameters in (
        ("multifidus", spine.multifidus),
        ("psoas", spine.psoas),
        ("erector_spinae", spine.erector),
    ):
        for side, diameter in zip(("left", "right"), diameters):
            found = rows(table, "csa", structure=name, side=side)["value"].dropna()
            assert len(found) >= 2
            np.testing.assert_allclose(found, np.pi / 4 * diameter**2, rtol=0.04)
    left, right = (np.pi / 4 * d**2 for d in spine.multifidus)
    asymmetry = rows(table, "asymmetry", structure="multifidus")["value"]
    np.testing.assert_allclose(asymmetry, 100 * (left - right) / left, atol=3)
    ratio = rows(table, "csa_height_ratio", structure="psoas", side="left")["value"].to_numpy()
    area = rows(table, "csa", structure="psoas", side="left")["value"].dropna().to_numpy()
    np.testing.assert_allclose(ratio, area / 1.8**2)


def noisy(mask, levels, sd, seed=0):
    rng = np.random.default_rng(seed)
    image = np.full(mask.data.shape, 20.0)
    for value, mean in levels.items():
        image[mask.data == value] = mean
    return np.maximum(image + rng.normal(0, sd, image.shape), 1.0).astype(np.float32)


def test_dixon_fraction_is_the_mean_of_the_voxels_and_lean_area_follows(scene):
    _, _, muscle = scene
    fat = Image(noisy(muscle, {5101: 30.0, 5102: 10.0}, 0.5), muscle.affine)
    water = Image(noisy(muscle, {5101: 70.0, 5102: 90.0}, 0.5, 1), muscle.affine)
    table = extract(study(scene, modality="mri", image_fat=fat, image_water=water), Recipe(families=("muscle",))).table
    for side, share in (("left", 30.0), ("right", 10.0)):
        found = rows(table, "fat_fraction", structure="multifidus", side=side, method_id="fat_fraction_dixon")["value"]
        np.testing.assert_allclose(found, share, atol=0.3)
        area = rows(table, "csa", structure="multifidus", side=side).set_index("level")["value"].dropna()
        lean = rows(table, "fcsa", structure="multifidus", side=side).set_index("level")["value"]
        np.testing.assert_allclose(lean, area * (1 - share / 100), rtol=0.01)
    assert set(rows(table, "fat_fraction")["method_id"]) == {"fat_fraction_dixon"}


def streaked(muscle, share, lean=60.0, fat=200.0, sd=8.0):
    """Fat in a share of the voxels of each muscle."""
    rng = np.random.default_rng(3)
    image = np.full(muscle.data.shape, 20.0)
    inside = muscle.data > 0
    is_fat = rng.random(muscle.data.shape) < share
    image[inside] = np.where(is_fat[inside], fat, lean)
    return Image(np.maximum(image + rng.normal(0, sd, image.shape), 1).astype(np.float32), muscle.affine)


@pytest.mark.parametrize("share", [0.15, 0.40])
def test_fat_share_from_one_contrast_where_two_modes_stand_apart(scene, share):
    table = extract(
        study(scene, streaked(scene[2], share), modality="mri", sequence="t1"), Recipe(families=("muscle",))
    ).table
    for method in ("fat_fraction_mixture", "fat_fraction_otsu"):
        found = rows(table, "fat_fraction", structure="erector_spinae", method_id=method, level="")["value"]
        assert len(found) == 2
        np.testing.assert_allclose(found, 100 * share, atol=1.5)


def test_a_single_mode_gives_no_fat_fraction_but_a_reason(scene):
    table = extract(
        study(scene, streaked(scene[2], 0.0), modality="mri", sequence="t2"), Recipe(families=("muscle",))
    ).table
    otsu = rows(table, "fat_fraction", method_id="fat_fraction_otsu")
    assert otsu["value"].isna().all()
    assert otsu["reason"].str.contains("one mode was split|be separated").all()
    mixture = rows(table, "fat_fraction", method_id="fat_fraction_mixture")
    assert mixture["value"].isna().all()
    unsaid = extract(study(scene, streaked(scene[2], 0.2), modality="mri"), Recipe(families=("muscle",))).table
    assert rows(unsaid, "fat_fraction")["reason"].str.contains("state sequence").all()


def test_attenuation_within_its_window_and_trabecular_bone_on_ct_only(scene):
    _, spine_mask, muscle_mask = scene
    image = np.full(spine_mask.data.shape, -100.0)
    rng = np.random.default_rng(5)
    image[muscle_mask.data > 0] = 50.0
    image[np.isin(spine_mask.data, [43, 44, 45])] = 140.0
    image += rng.normal(0, 4, image.shape)
    ct = Image(image.astype(np.float32), spine_mask.affine)
    table = extract(study(scene, ct, modality="ct"), Recipe(families=("muscle", "bone"))).table
    np.testing.assert_allclose(rows(table, "muscle_attenuation")["value"], 50, atol=1.0)
    np.testing.assert_allclose(rows(table, "trabecular_hu")["value"].dropna(), 140, atol=1.5)
    assert rows(table, "trabecular_hu")["flags"].str.contains("contrast_not_stated").any()
    assert "fat_fraction" not in set(table["measure"])
    screws = ct.data.copy()
    screws[np.isin(spine_mask.data, [43, 44, 45]) & (rng.random(image.shape) < 0.02)] = 2500
    metal = rows(
        extract(study(scene, Image(screws, ct.affine), modality="ct"), Recipe(families=("bone",))).table,
        "trabecular_hu",
    )
    assert metal["value"].isna().all()
    assert (metal["reason"] == "metal in the body").any()
    unstated = extract(study(scene, ct), Recipe(families=("bone",))).table
    assert "trabecular_hu" not in set(unstated["measure"])


@pytest.fixture(scope="module")
def t2(scene):
    _, mask, _ = scene
    rng = np.random.default_rng(7)
    image = np.full(mask.data.shape, 100.0)
    image[np.isin(mask.data, [93, 94, 95, 100])] = 240.0
    canal = mask.data == 2
    image[canal] = np.where(rng.random(image.shape)[canal] < 0.3, 150.0, 600.0)  # rootlets in fluid
    return Image((image + rng.normal(0, 5, image.shape)).astype(np.float32), mask.affine)


def test_disc_over_fluid_and_its_refusals(scene, t2):
    recipe = Recipe(families=("disc",))
    found = rows(extract(study(scene, t2, modality="mri", sequence="t2"), recipe).table, "disc_csf_ratio")
    np.testing.assert_allclose(found["value"].dropna(), 0.40, atol=0.01)
    assert found["value"].notna().sum() >= 3
    unsaid = rows(extract(study(scene, t2, modality="mri"), recipe).table, "disc_csf_ratio")
    assert unsaid["reason"].str.contains("state sequence='t2'").all()
    dry = t2.data.copy()
    dry[scene[1].data == 2] = 150 + np.random.default_rng(1).normal(0, 5, int((scene[1].data == 2).sum()))
    tight = rows(
        extract(study(scene, Image(dry, t2.affine), modality="mri", sequence="t2"), recipe).table, "disc_csf_ratio"
    )
    assert tight["value"].isna().all()
    assert tight["reason"].str.contains("no fluid is visible").any()


def test_bone_quality_needs_t1_without_contrast(scene):
    _, mask, _ = scene
    image = np.full(mask.data.shape, 50.0)
    image[np.isin(mask.data, [43, 44, 45])] = 300.0
    image[mask.data == 2] = 120.0
    t1 = Image(image.astype(np.float32), mask.affine)
    recipe = Recipe(families=("bone",))
    found = rows(extract(study(scene, t1, modality="mri", sequence="t1", contrast=False), recipe).table, "vbq")
    np.testing.assert_allclose(found["value"], 2.5, rtol=1e-6)
    assert found["flags"].str.contains("n_levels_read=2").all()
    strips = rows(extract(study(scene, t1, modality="mri", sequence="t1"), recipe).table, "ebq")
    np.testing.assert_allclose(strips["value"], 2.5, rtol=1e-6)
    for more, word in (({"sequence": "t2"}, "no T1"), ({"sequence": "t1", "contrast": True}, "contrast agent")):
        row = rows(extract(study(scene, t1, modality="mri", **more), recipe).table, "vbq")
        assert row["value"].isna().all()
        assert word in row["reason"].item()


def test_endplate_pit_and_modic_rule(scene):
    spine, mask, _ = scene
    data = mask.data.copy()
    body = spine.truth("l4")
    index = np.argwhere(data == 44)
    world = index @ mask.affine[:3, :3].T + mask.affine[:3, 3]
    down = (body.high - world) @ body.high_normal
    across = np.linalg.norm((world - body.high) + down[:, None] * body.high_normal, axis=1)
    pit = index[(down < 6) & (across < 7)]
    data[tuple(pit.T)] = 0
    t1 = np.full(data.shape, 200.0, dtype=np.float32)
    t2 = np.full(data.shape, 200.0, dtype=np.float32)
    near = index[(down < 12) & (across < 24)]
    t1[tuple(near.T)], t2[tuple(near.T)] = 100.0, 320.0  # dark on T1, bright on T2
    table = extract(
        {
            "patient_id": "p",
            "mask": Mask(data, mask.affine),
            "convention": "totalspineseg",
            "modality": "mri",
            "image_t1": Image(t1, mask.affine),
            "image_t2": Image(t2, mask.affine),
        },
        Recipe(families=("endplate",)),
    ).table
    top = table[(table["structure"] == "endplate_superior") & (table["level"] == "l4")].set_index("measure")["value"]
    assert 4.0 <= top["endplate_defect_depth"] <= 7.5
    assert abs(top["endplate_defect_area"] - np.pi * 49) < 60
    assert top["modic"] == 1
    np.testing.assert_allclose([top["marrow_signal_t1"], top["marrow_signal_t2"]], [0.5, 1.6], rtol=0.01)
    other = table[(table["structure"] == "endplate_inferior") & (table["level"] == "l4")].set_index("measure")["value"]
    assert other["endplate_defect_area"] == 0
    assert other["modic"] == 0


@pytest.mark.parametrize(
    ("t1", "t2", "kind"),
    [(0.6, 1.5, 1), (1.5, 1.0, 2), (1.5, 1.5, 2), (0.6, 0.6, 3), (1.0, 1.0, 0), (1.0, 1.5, 0), (1.5, 0.5, 0)],
)
def test_modic_types_by_hand(t1, t2, kind):
    chances = column_types(np.array([t1]), np.array([t2]), 0.02, 0.02, 0.8, 1.2, stir=False)[:, 0]
    assert chances.sum() == pytest.approx(1)
    assert int(np.argmax(chances)) == kind


def test_genant_probabilities_sum_to_one_and_turn_at_the_cuts():
    cuts = (0.20, 0.25, 0.40)
    for loss in (-0.1, 0.1, 0.2, 0.3, 0.6):
        assert sum(genant_probabilities(loss, 0.064, cuts)) == pytest.approx(1, abs=1e-12)
    assert genant_probabilities(0.20, 0.064, cuts)[0] == pytest.approx(0.5)
    assert 1 - genant_probabilities(0.40, 0.064, cuts)[3] == pytest.approx(0.5)
    assert genant_probabilities(0.30, 1e-6, cuts) == pytest.approx((0, 0, 1, 0), abs=1e-9)


def test_meyerding_grades():
    cuts = (25.0, 50.0, 75.0, 100.0)
    found = [meyerding_grade(p, cuts) for p in (-5, 0, 10, 25, 49, 60, 80, 120)]
    assert found == [0, 0, 1, 2, 2, 3, 4, 5]


def test_two_modes_by_hand():
    rng = np.random.default_rng(0)
    low, high = rng.lognormal(np.log(50), 0.1, 7000), rng.lognormal(np.log(200), 0.15, 3000)
    both = np.concatenate([low, high])
    assert 70 < otsu_threshold(both) < 150
    assert valley(both, otsu_threshold(both)) < 0.2
    fitted = fit_mixture(both)
    np.testing.assert_allclose(fitted.weights, [0.7, 0.3], atol=0.01)
    np.testing.assert_allclose(np.exp(fitted.means), [50, 200], rtol=0.02)
    np.testing.assert_allclose(fitted.sds, [0.1, 0.15], rtol=0.05)
    assert fitted.upper_share(both).mean() == pytest.approx(0.3, abs=0.005)
    share = fitted.upper_share(np.linspace(1, 1000, 400))
    assert share[0] < 0.5 < share[-1]
    assert valley(low, otsu_threshold(low)) > 0.8
    assert fit_mixture(np.full(100, 5.0)) is None


def test_settings_outside_their_range_are_refused():
    for settings, word in (
        ({"families": ("liver",)}, "families"),
        ({"disc_heights": "area"}, "disc_heights"),
        ({"central_width": 0}, "central_width"),
        ({"genant_cuts": (0.4, 0.2, 0.3)}, "genant_cuts"),
        ({"ap_points": (0.1, 0.5, 1.0)}, "ap_points"),
        ({"muscle_slices": 0}, "muscle_slices"),
    ):
        with pytest.raises(ArgumentError, match=word):
            Recipe(**settings)
    assert Recipe.from_dict(Recipe.default().to_dict()) == Recipe.default()
    with pytest.raises(ArgumentError, match="recipe"):
        Recipe.from_dict({"colour": "red"})
    assert Recipe(strip_mm=4.0).fingerprint != Recipe.default().fingerprint
