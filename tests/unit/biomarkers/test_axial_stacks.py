"""A few slices across one disc: what can be read without a whole vertebra, and what can't."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract

RECIPE = Recipe(families=("disc", "canal", "muscle", "bone", "alignment"))
SIZES = {"multifidus": (24.0, 20.0), "erector_spinae": (36.0, 34.0), "psoas": (32.0, 30.0)}
CODES = {"multifidus": 5101, "erector_spinae": 5111, "psoas": 5121}
PLACES = {"multifidus": (15.0, -62.0), "erector_spinae": (50.0, -60.0), "psoas": (40.0, 0.0)}
CANAL = (16.0, 22.0)
BEHIND = -32.0


def turned(x: float, y: float, z: float) -> np.ndarray:
    a, b, c = np.radians((x, y, z))
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ ry @ rx


def stack(slices=5, spacing=(0.6, 0.6, 4.0), lean=(0.0, 0.0, 0.0), order=(0, 1, 2), flips=(), disc=False, shift=0.0):
    """Elliptic tubes along z on slices that lean against them; returns the masks of the canal and of the muscles."""
    turn = turned(*lean)
    half = np.array([95.0, 100.0, 0.5 * (slices - 1) * spacing[2]])
    shape = (np.ceil(2 * half / spacing) + 1).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    affine[:3, 3] = turn @ np.array([-half[0], -half[1], -half[2] + shift]) + np.array([0.0, -25.0, 0.0])
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    p = index @ affine[:3, :3].T + affine[:3, 3]
    spine, muscle = np.zeros(shape, np.int16), np.zeros(shape, np.int16)
    spine[(p[..., 0] / (CANAL[1] / 2)) ** 2 + ((p[..., 1] - BEHIND) / (CANAL[0] / 2)) ** 2 <= 1] = 2
    if disc:
        body = (p[..., 0] / 24) ** 2 + (p[..., 1] / 17) ** 2 <= 1
        spine[body & (np.abs(p[..., 2]) <= 4.0)] = 95
        spine[body & (p[..., 2] > 4.0)], spine[body & (p[..., 2] < -4.0)] = 44, 45
    for name, (aside, front) in PLACES.items():
        for side, sign in enumerate((-1, 1)):  # the left is the smaller number
            radius = SIZES[name][side] / 2
            muscle[(p[..., 0] - sign * aside) ** 2 + (p[..., 1] - front) ** 2 <= radius**2] = CODES[name] + side
    for axis in flips:
        spine, muscle = np.flip(spine, axis), np.flip(muscle, axis)
        affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
        affine[:3, axis] *= -1
    affine = affine[:, [*order, 3]]
    return tuple(Mask(np.ascontiguousarray(m.transpose(order)), affine) for m in (spine, muscle))


def measured(masks, **more):
    study = {"patient_id": "p", "mask": list(masks), "convention": ["totalspineseg", "musclemap"], "modality": "mri"}
    result = extract({**study, **more}, RECIPE)
    assert result.failures.empty, result.failures["message"].tolist()
    return result.table


def rows(table: pd.DataFrame, measure: str, method: str = "") -> pd.DataFrame:
    chosen = table[(table["measure"] == measure) & (table["level"] == "l4l5")]
    return chosen[chosen["method_id"] == method] if method else chosen


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"slices": 3, "lean": (12.0, 0.0, 0.0)},
        {"lean": (-18.0, 6.0, 4.0), "order": (2, 0, 1), "flips": (0, 2)},
        {"slices": 4, "spacing": (0.5, 0.5, 4.5), "lean": (8.0, -7.0, -5.0), "order": (1, 2, 0), "flips": (1,)},
    ],
)
def test_stated_level_gives_canal_and_muscle_across_their_own_axis(settings):
    table = measured(stack(**settings), level="L4-L5")
    canal = rows(table, "canal_area", "canal_area_at_disc")
    assert canal["value"].item() == pytest.approx(np.pi / 4 * CANAL[0] * CANAL[1], rel=0.02)
    assert rows(table, "canal_ap")["value"].item() == pytest.approx(CANAL[0], abs=0.5)
    assert rows(table, "canal_lr")["value"].item() == pytest.approx(CANAL[1], abs=0.5)
    least = rows(table, "canal_area", "canal_area_min_near_disc")["value"].item()
    assert least <= canal["value"].item() * 1.001
    for name, sizes in SIZES.items():
        for side, size in zip(("left", "right"), sizes):
            found = rows(table, "csa")
            found = found[(found["structure"] == name) & (found["side"] == side)]
            assert found["value"].item() == pytest.approx(np.pi / 4 * size**2, rel=0.02), (name, side)
            assert found["n_slices"].item() == (2 if settings.get("slices") == 4 else 3)
    flags = rows(table, "csa")["flags"]
    assert all(flags.astype(str).str.contains("level_as_stated"))
    asymmetry = rows(table, "asymmetry").set_index("structure")["value"]
    assert asymmetry["multifidus"] == pytest.approx(100 * (1 - (20 / 24) ** 2), abs=2.0)


def test_fat_is_read_on_the_slices_of_the_level_alone():
    spine, muscle = stack(slices=9)
    fat = np.where(np.arange(9) >= 5, 80.0, 20.0)[None, None, :] + np.zeros(muscle.data.shape)
    images = {"image_fat": Image(fat, muscle.affine), "image_water": Image(100.0 - fat, muscle.affine)}
    table = measured((spine, muscle), level={"l4l5": 2, "l5s1": 6}, **images)
    found = table[(table["measure"] == "fat_fraction") & (table["structure"] == "psoas") & (table["side"] == "left")]
    assert found.set_index("level")["value"].loc[["l4l5", "l5s1"]].tolist() == pytest.approx([20.0, 80.0])
    area = rows(table, "csa")[lambda t: (t["structure"] == "psoas") & (t["side"] == "left")]["value"].item()
    lean = rows(table, "fcsa")[lambda t: (t["structure"] == "psoas") & (t["side"] == "left")]["value"].item()
    assert lean == pytest.approx(0.8 * area)


@pytest.mark.parametrize("given", ["l4l5:2;l3l4:6", {"l4l5": 2, "l3l4": 6}, {"l4/l5": (0.0, 0.0, 0.0), "l3l4": 6.0}])
def test_levels_by_slice_or_by_point_are_the_same(given):
    table = measured(stack(slices=9, shift=8.0), level=given)
    areas = table[table["method_id"] == "canal_area_at_disc"].set_index("level")["value"]
    assert list(areas.index) == ["l3l4", "l4l5"]
    np.testing.assert_allclose(areas, np.pi / 4 * CANAL[0] * CANAL[1], rtol=0.02)


def test_a_disc_between_cut_vertebrae_tells_the_level_and_what_needs_them_is_missing():
    table = measured(stack(slices=7, spacing=(0.7, 0.7, 3.5), lean=(5.0, 0.0, 0.0), disc=True))
    canal = rows(table, "canal_area", "canal_area_at_disc")
    assert canal["value"].item() == pytest.approx(np.pi / 4 * CANAL[0] * CANAL[1], rel=0.02)
    assert "level_from_disc" in str(canal["flags"].item())
    assert rows(table, "csa")["value"].notna().all()
    for measure in ("disc_wedge", "slip", "body_height_middle", "lumbar_lordosis"):
        found = table[table["measure"] == measure]
        assert found["value"].isna().all(), measure
        assert (found["reason"] != "").all()


def test_one_slice_is_another_method_and_no_asymmetry_of_it_is_pooled():
    table = measured(stack(slices=1, lean=(15.0, 0.0, 0.0)), level="l4l5")
    area = rows(table, "canal_area", "canal_area_in_slice")
    assert area["value"].item() == pytest.approx(np.pi / 4 * CANAL[0] * CANAL[1] / np.cos(np.radians(15)), rel=0.02)
    assert "one_slice" in str(area["flags"].item())
    assert set(rows(table, "csa")["method_id"]) == {"csa_in_slice"}
    assert rows(table, "canal_area", "canal_area_min_near_disc")["reason"].item() == "one slice has no neighbours"
    assert rows(table, "asymmetry").empty


def test_a_muscle_cut_in_the_slice_is_missing_and_an_unnamed_stack_says_what_to_state():
    spine, muscle = stack()
    cut = Mask(
        muscle.data[100:], muscle.affine @ np.array([[1, 0, 0, 100], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    )
    near = Mask(spine.data[100:], cut.affine)
    table = measured((near, cut), level="l4l5")
    psoas = rows(table, "csa")[lambda t: t["structure"] == "psoas"].set_index("side")
    assert np.isfinite(psoas.loc["right", "value"])
    assert np.isnan(psoas.loc["left", "value"])
    assert "touched_border" in str(psoas.loc["left", "flags"])
    unsaid = measured((spine, muscle))
    missing = unsaid[unsaid["measure"].isin(["csa", "canal_area"])]
    assert missing["value"].isna().all()
    assert missing["reason"].str.contains("state `level`").all()


@pytest.mark.parametrize(
    ("level", "text"),
    [
        ("l4", "a disc such as"),
        ("l4l5;l3l4", "one disc per stack"),
        ({"l4l5": 99}, "within the 5 slices"),
        ({"l4l5": float("nan")}, "a disc such as"),
        (7, "the name of a disc"),
    ],
)
def test_levels_that_make_no_sense_are_refused(level, text):
    _, muscle = stack()
    study = {"patient_id": "p", "mask": muscle, "convention": "musclemap", "level": level}
    assert text in extract(study, RECIPE).failures["message"].item()


def test_a_stated_level_on_a_sagittal_volume_is_refused():
    data = np.zeros((12, 60, 60), np.int16)
    data[4:8, 20:40, 10:50] = 2
    mask = Mask(data, np.diag([4.0, 0.8, 0.8, 1.0]))
    failed = extract({"patient_id": "p", "mask": mask, "convention": "totalspineseg", "level": "l4l5"}, RECIPE).failures
    assert "only for axial stacks" in failed["message"].item()
