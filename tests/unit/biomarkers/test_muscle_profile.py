"""Area and fat of a tapering muscle at each disc and each body between, against the drawn cone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.biomarkers import ExtractionResult, Image, Mask, Recipe, extract, muscle_profile
from lbp_prognosis.biomarkers._extraction_result import biomarker_frame

LEFT, RIGHT = 5101, 5102
SPACING = (1.0, 1.0, 2.0)


def radius(z):
    return 16.0 - 0.06 * z


def fat(z):
    return 40.0 - 0.25 * z


@pytest.fixture(scope="module")
def drawn():
    """A straight spine and two vertical cones behind it, whose fat falls upwards in a straight line."""
    straight = {"sacral_slope": 0.0, "disc_angle": (0.0,) * 5, "body_angle": (0.0,) * 5}
    spine = Phantom(n=2, **straight)
    data, affine = spine.draw(labels_of("totalspineseg", 2), spacing=SPACING, margin=45.0)
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    x, y, z = np.moveaxis(grid, -1, 0)
    muscles = np.zeros_like(data)
    for number, centre in ((LEFT, -24.0), (RIGHT, 24.0)):
        cone = (x - centre) ** 2 + (y + 55.0) ** 2 <= radius(z) ** 2
        muscles[cone & (z > -38) & (z < 105) & (data == 0)] = number
    case = {"patient_id": "p", "mask": [Mask(data, affine), Mask(muscles, affine)], "modality": "mri"}
    case |= {"convention": ["totalspineseg", "musclemap"], "image_fat_fraction": Image(fat(z), affine)}
    return spine, {**case, "fat_unit": "percent"}


@pytest.fixture(scope="module")
def result(drawn):
    return extract(drawn[1], Recipe(families=("muscle",), muscle_profile=True))


def test_area_and_fat_are_those_of_the_cone_at_every_level_from_top_to_bottom(drawn, result):
    spine, _ = drawn
    assert result.failures.empty, result.failures["message"].tolist()
    table = muscle_profile(result)
    for _, rows in table.groupby("side"):
        assert rows["level"].tolist() == ["l4", "l4l5", "l5", "l5s1"]
        assert rows["at"].tolist() == ["body", "disc", "body", "disc"]
        at = np.array([spine.truth(level).centre[2] for level in rows["level"]])
        np.testing.assert_allclose(rows["csa"], np.pi * radius(at) ** 2, rtol=0.04)
        np.testing.assert_allclose(rows["fat_fraction"], fat(at), atol=1.0)
        np.testing.assert_allclose(rows["fcsa"], rows["csa"] * (1 - rows["fat_fraction"] / 100))
        assert set(rows["fat_method"]) == {"fat_fraction_dixon"}
    # the default table keeps the discs: a mean over levels is not one over discs and bodies
    one = result.to_frame().query("measure == 'csa'")
    assert set(one["level"]) == {"l4l5", "l5s1"}
    everything = result.to_frame("all").query("measure == 'csa' and level == 'l4'")
    assert everything["method_id"].str.split("__").str[0].unique().tolist() == ["csa_across_muscle_at_body"]


def test_without_the_setting_the_profile_has_discs_only_and_nothing_else_changes(drawn, result):
    plain = extract(drawn[1], Recipe(families=("muscle",)))
    assert set(muscle_profile(plain)["at"]) == {"disc"}
    more = result.table
    rest = more[~more["method_id"].str.contains("_at_body")].reset_index(drop=True)
    assert rest.drop(columns="extractor_version").equals(plain.table.drop(columns="extractor_version"))


def test_what_has_no_profile_is_refused(drawn):
    spine_only = {"patient_id": "p", "mask": drawn[1]["mask"][0], "convention": "totalspineseg"}
    with pytest.raises(ArgumentError, match="result"):
        muscle_profile(extract(spine_only, Recipe(families=("disc",))))
    with pytest.raises(ArgumentError, match="ExtractionResult"):
        muscle_profile(None)
    with pytest.raises(ArgumentError, match="muscle_profile"):
        Recipe(muscle_profile=1)


def _batch(methods):
    """One muscle of one patient per area method."""
    rows = [
        {"patient_id": f"p{k}", "study_id": f"s{k}", "structure": "multifidus", "side": "left", "level": level}
        | {"measure": measure, "method_id": f"{name}__t_own_label", "value": value, "reason": "", "flags": ""}
        for k, method in enumerate(methods)
        for level in ("l5s1", "l4l5")
        for measure, name, value in (("csa", method, 700.0 + k), ("fat_fraction", "fat_fraction_otsu", 20.0))
    ]
    return ExtractionResult(biomarker_frame(rows), pd.DataFrame(), pd.DataFrame(), {}, ())


def test_areas_by_two_methods_are_not_one_column():
    table = muscle_profile(_batch(["csa_in_slice", "csa_across_muscle"]))
    assert table["level"].tolist() == ["l4l5", "l5s1"] * 2
    assert table["csa"].isna().tolist() == [True, True, False, False]
    assert table["reason"].str.contains("another method").tolist() == [True, True, False, False]
    assert set(table["fat_fraction"]) == {20.0}


def test_a_profile_has_the_rows_that_occur_and_no_others():
    """2000 patients: every patient beside every study, they would be millions of rows."""
    table = muscle_profile(_batch(["csa_across_muscle"] * 2000))
    assert table.shape == (4000, 10)
    assert table["csa"].notna().all()
