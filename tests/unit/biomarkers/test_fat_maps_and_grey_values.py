"""A fat map has one unit, stated or read once; grey values of a window are no HU."""

from __future__ import annotations

import numpy as np
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract
from lbp_prognosis.biomarkers.families._fat_map import fat_unit, pair_flags

RECIPE = Recipe(families=("muscle",))
NAMES = {5101: "left", 5102: "right"}


@pytest.fixture(scope="module")
def muscle():
    labels = {k: v for k, v in labels_of("musclemap").items() if k.startswith("multifidus")}
    return Mask(*Phantom(n=2).draw(labels, spacing=(2.0, 2.0, 4.0)))


def fat_map(muscle, share, full, *, outliers=0.0, skin=0.93):
    """Draw a map: lean left, ``share`` on the right, the rest of the body fat or air."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random(muscle.data.shape) < 0.5, skin, 0.0)
    values[muscle.data == 5101], values[muscle.data == 5102] = 0.05, share
    inside = muscle.data > 0
    values = values + rng.normal(0, 0.004, values.shape) * inside
    wild = inside & (rng.random(values.shape) < outliers)
    values[wild] = 60.0
    return Image((values * full).astype(np.float32), muscle.affine)


def fractions(muscle, image, **more):
    study = {"patient_id": "p", "mask": muscle, "convention": "musclemap", "modality": "mri", **more}
    result = extract({**study, **image}, RECIPE)
    assert result.failures.empty, result.failures["message"].tolist()
    rows = result.table[(result.table["measure"] == "fat_fraction") & (result.table["level"] == "")]
    return rows.set_index("side")


@pytest.mark.parametrize(("unit", "full"), [("fraction", 1.0), ("percent", 100.0), ("permille", 1000.0)])
def test_the_unit_is_stated_or_read_once_from_the_whole_image(muscle, unit, full):
    image = {"image_fat_fraction": fat_map(muscle, 0.20, full)}
    for more, flagged in (({}, True), ({"fat_fraction_unit": unit}, False)):
        found = fractions(muscle, image, **more)
        np.testing.assert_allclose(found.loc[["left", "right"], "value"], [5.0, 20.0], atol=0.1)
        assert found["flags"].str.contains("unit_read_from_image").all() == flagged


def test_noise_beyond_the_range_is_left_out_and_flagged(muscle):
    found = fractions(muscle, {"image_fat_fraction": fat_map(muscle, 0.20, 1.0, outliers=0.03)})
    np.testing.assert_allclose(found.loc[["left", "right"], "value"], [5.0, 20.0], atol=0.1)  # 0.22 % by a guess
    assert found["flags"].str.contains("values_out_of_range").all()
    wild = fractions(
        muscle, {"image_fat_fraction": fat_map(muscle, 0.2, 1.0, outliers=0.4)}, fat_fraction_unit="fraction"
    )
    assert wild["value"].isna().all()
    assert wild["reason"].str.contains("outside 0 to 100").all()


def test_a_lean_muscle_in_per_cent_is_lean_or_not_given(muscle):
    lean = fat_map(muscle, 0.009, 100.0, skin=0.0)  # nothing in the image tells its unit
    lean = Image(np.where(muscle.data == 5101, 0.9, lean.data), lean.affine)
    unsaid = fractions(muscle, {"image_fat_fraction": lean})
    assert unsaid["value"].isna().all()
    assert unsaid["reason"].str.contains("state fat_fraction_unit").all()
    found = fractions(muscle, {"image_fat_fraction": lean}, fat_fraction_unit="percent")
    np.testing.assert_allclose(found.loc[["left", "right"], "value"], 0.9, atol=0.1)
    body = fractions(muscle, {"image_fat_fraction": fat_map(muscle, 0.009, 100.0)})
    assert body.loc["right", "value"] == pytest.approx(0.9, abs=0.1)


def test_limits_of_the_reading_by_hand():
    def unit(low, high):
        values = np.concatenate([np.full(600, low), np.full(400, high)]).reshape(10, 10, 10)
        return fat_unit(Image(values, np.eye(4))).full

    assert [unit(0.1, h) for h in (1.05, 5.0, 105.0, 256.0, 1050.0)] == [1.0, 100.0, 100.0, 1000.0, 1000.0]
    assert np.isnan([unit(0.1, h) for h in (1.06, 4.9, 106.0, 149.0, 150.0, 255.0, 1060.0)]).all()
    assert np.isnan(unit(0.01, 0.04))
    assert np.isnan(unit(0.51, 1.0))  # nothing lean in it: as well a lean muscle in per cent
    assert unit(0.5, 1.0) == 1.0


def test_an_unknown_unit_is_the_study_s_failure(muscle):
    study = {"patient_id": "p", "mask": muscle, "convention": "musclemap", "fat_fraction_unit": "ratio"}
    assert "'permille'" in extract(study, RECIPE).failures["message"].item()


def test_swapped_and_unequal_pairs_are_flagged(muscle):
    fat, water = fat_map(muscle, 0.1, 300.0), fat_map(muscle, 0.9, 300.0, skin=0.07)
    water = Image(np.where(muscle.data == 5101, 285.0, water.data), water.affine)
    right = fractions(muscle, {"image_fat": fat, "image_water": water})
    assert not right["flags"].str.contains("swap|unequal").any()
    swapped = fractions(muscle, {"image_fat": water, "image_water": fat})
    assert swapped["flags"].str.contains("water_fat_swap").all()
    loud = fractions(muscle, {"image_fat": fat, "image_water": Image(10 * water.data, water.affine)})
    assert loud["flags"].str.contains("unequal_scales").all()
    ones = np.ones(100)
    assert pair_flags(ones, 5 * ones, float("nan"), 0.6) == ()
    assert pair_flags(ones, 5.1 * ones, float("nan"), 0.61) == ("water_fat_swap", "unequal_scales")
    assert pair_flags(ones, ones, 0.49, 0.1) == ("water_fat_swap",)
    assert pair_flags(ones, ones, 0.5, 0.9) == ()


def test_a_ct_on_another_scale_gives_no_attenuation():
    spine = Phantom(n=2, posterior=False)
    labels = {k: v for k, v in labels_of("totalspineseg", 2).items() if k in {"l5", "l4"}}
    data, affine = spine.draw(labels, spacing=(1.5, 1.5, 1.5))
    hu = np.where(data > 0, 111.0, -90.0) + np.random.default_rng(2).normal(0, 5, data.shape)
    grey = np.clip((hu + 160) / 400 * 255, 0, 255).astype(np.uint8)  # a window of 400 about 40
    mask = Mask(data, affine)
    eight, other = "eight_bit_image", "no_hu"
    stored, zscores = hu - hu.min(), (hu - hu.mean()) / hu.std()
    for image, given in (
        (hu, ""),
        (grey, eight),
        (grey.astype(np.int16), eight),
        (grey.astype(float), eight),
        (hu + 1024, other),
        (stored / stored.max(), other),
        (zscores, other),
    ):
        study = {
            "patient_id": "p",
            "mask": mask,
            "image": Image(image, affine),
            "modality": "ct",
            "convention": "totalspineseg",
        }
        table = extract(study, Recipe(families=("bone",))).table
        found = table[table["measure"] == "trabecular_hu"]
        if not given:
            np.testing.assert_allclose(found["value"], 111, atol=1)
            continue
        assert found["value"].isna().all()
        assert found["reason"].str.contains("not HU|in HU").all()
        flagged = table[table["measure"].isin(["trabecular_hu", "intensity_mean", "intensity_median"])]
        assert flagged["flags"].str.contains(given).all()
