"""A smooth field over an MRI: what it does to signal measures, and what taking it out gives back."""

from __future__ import annotations

import numpy as np
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract
from lbp_prognosis.biomarkers.readers._n4 import correct_bias

pytest.importorskip("SimpleITK")
FAMILIES = ("muscle", "bone", "disc")
SHARE = 0.20


@pytest.fixture(scope="module")
def scene():
    """Fat under the skin, tissue, a spine and muscles with one fifth of fat; the field changes the signal fourfold."""
    spine, muscles = labels_of("totalspineseg", 3), labels_of("musclemap")
    phantom = Phantom(n=3, disc_angle=(4.0, 3.0, 2.0), body_angle=(0.0,) * 5, sacral_slope=8.0)
    data, affine = phantom.draw({**spine, **muscles}, spacing=(1.3, 1.3, 3.0), degrees=(0.0, 0.0, 5.0))
    rng = np.random.default_rng(3)
    g = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in data.shape], indexing="ij"), axis=-1)
    skin = (g[..., 0] ** 2 + g[..., 1] ** 2) / 0.96
    image = np.where(skin < 1, np.where(skin < 0.85, 70.0, 130.0), 0.0)
    for name, value in {**spine, **muscles}.items():
        image[data == value] = 110.0 if name in {"s1", "l3", "l4", "l5"} else 60.0
    image[(data > 1000) & (rng.random(data.shape) < SHARE)] = 130.0
    field = np.exp(-0.6 * g[..., 1] + 0.2 * g[..., 0] - 0.2 * g[..., 2] ** 2)
    noise = rng.normal(0, 8, data.shape)
    masks = [Mask(np.where(part, data, 0), affine) for part in (data < 1000, data > 1000)]
    return masks, *(Image(np.maximum(v + noise, 0).astype(np.float32), affine) for v in (image, image * field))


def measured(masks, image, recipe, **more):
    study = {
        "patient_id": "p",
        "mask": masks,
        "convention": ["totalspineseg", "musclemap"],
        "image": image,
        "modality": "mri",
        "sequence": "t1",
        **more,
    }
    result = extract(study, recipe)
    assert result.failures.empty, result.failures["message"].tolist()
    return result


def value(table, measure, method):
    found = table[(table["measure"] == measure) & (table["method_id"] == method) & (table["level"] == "")]
    return found["value"].to_numpy()


def test_the_field_spoils_ratios_and_fat_and_its_correction_gives_them_back(scene):
    masks, clean, spoilt = scene
    plain, n4 = Recipe(families=FAMILIES), Recipe(families=FAMILIES, bias_correction="n4")
    truth = measured(masks, clean, plain).table
    before, result = measured(masks, spoilt, plain).table, measured(masks, spoilt, n4)
    after = result.table
    ratio = value(truth, "vbq", "marrow_over_canal_l3").item()
    assert abs(value(before, "vbq", "marrow_over_canal_l3").item() / ratio - 1) > 0.12
    assert abs(value(after, "vbq", "marrow_over_canal_l3_n4").item() / ratio - 1) < 0.05
    worst = [
        np.abs(value(t, "fat_fraction", "fat_fraction_mixture" + s) - 100 * SHARE).max()
        for t, s in ((before, ""), (after, "_n4"))
    ]
    assert worst[0] > 1.5 > worst[1]
    # both names never stand for one variable, and shapes are not touched
    assert set(after.loc[after["measure"] == "vbq", "method_id"]) == {"marrow_over_canal_l3_n4"}
    assert set(after.loc[after["measure"] == "csa", "method_id"]) == {"csa_across_muscle"}
    assert value(before, "vbq", "marrow_over_canal_l3_n4").size == 0
    assert result.provenance["recipe"]["bias_correction"] == "n4"


def test_the_flag_goes_with_the_correction_and_ct_and_unstated_contrasts_are_left_alone(scene):
    masks, _, spoilt = scene
    recipe = Recipe(families=("disc",), bias_correction="n4")
    for chosen, there in ((Recipe(families=("disc",)), True), (recipe, False)):
        table = measured(masks, spoilt, chosen, sequence="t2").table
        rows = table[table["measure"] == "disc_csf_ratio"]
        seen = rows[rows["value"].notna()]["flags"].astype(str).str.contains("no_bias_correction")
        assert (seen == there).all()
        assert rows["method_id"].str.endswith("_n4").all() != there
    for more in ({"modality": "ct", "sequence": ""}, {"sequence": ""}, {"sequence": "dixon"}):
        table = measured(masks, spoilt, Recipe(families=("bone",), bias_correction="n4"), **more).table
        assert not table["method_id"].str.endswith("_n4").any()


def test_an_even_image_keeps_its_values_and_the_field_is_the_same_twice(scene):
    _, clean, spoilt = scene
    inner = clean.data > 40
    change = correct_bias(clean).data[inner] / clean.data[inner]
    assert np.std(change / change.mean()) < 0.05
    np.testing.assert_array_equal(correct_bias(spoilt).data, correct_bias(spoilt).data)


def test_what_has_no_field_is_refused_in_words():
    with pytest.raises(DataError, match="too little signal"):
        correct_bias(Image(np.zeros((20, 20, 5), np.float32), np.diag([1.0, 1.0, 3.0, 1.0])))
    with pytest.raises(ArgumentError, match="'none' or 'n4'"):
        Recipe(bias_correction="n3")
