"""Rotation and translation between two positions: drawn spines that bend and glide by known amounts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomarkers import Mask, Recipe, extract, segmental_motion

LEVELS = ("l5s1", "l4l5", "l3l4")


def measured(study, spine, degrees, spacing=(3.0, 0.9, 0.9)):
    data, affine = spine.draw(labels_of("totalspineseg", 3), spacing=spacing, degrees=degrees)
    row = {"patient_id": "p", "study_id": study, "mask": Mask(data, affine), "convention": "totalspineseg"}
    result = extract(row, Recipe(families=("disc",)))
    assert result.failures.empty
    return result.table


@pytest.fixture(scope="module")
def pair():
    bent = Phantom(n=3, disc_angle=(8.0, 2.0, 1.0, 5.0, 4.0), slip=(1.0, 4.0, 0.0, 0.0, 0.0))
    arched = Phantom(n=3, disc_angle=(14.0, 12.0, 9.0, 5.0, 4.0), slip=(0.0, 1.0, 0.0, 0.0, 0.0))
    return measured("bent", bent, (15.0, 2.0, 5.0)), measured("arched", arched, (-8.0, -3.0, -4.0)), bent, arched


def test_drawn_motion_is_measured_whatever_the_position_in_the_scanner(pair):
    flexion, extension, bent, arched = pair
    motion = segmental_motion(flexion, extension).set_index(["measure", "level"])
    for k, level in enumerate(LEVELS):
        rotation = motion.loc[("segmental_rotation", level)]
        assert rotation["value"] == pytest.approx(arched.disc_angle[k] - bent.disc_angle[k], abs=1.0)
        glide = motion.loc[("segmental_translation", level)]
        assert glide["value"] == pytest.approx(bent.slip[k] - arched.slip[k], abs=0.9)
        share = motion.loc[("segmental_translation_percent", level), "value"]
        assert share == pytest.approx(100 * glide["value"] / bent.depth, abs=0.7)
    assert set(motion["study_id"]) == {"bent+arched"}
    assert list(motion.columns) == [c for c in flexion.columns if c not in ("measure", "level")]


def test_errors_add_in_quadrature_and_the_sign_turns_with_the_positions(pair):
    flexion, extension, *_ = pair
    there, back = segmental_motion(flexion, extension), segmental_motion(extension, flexion)
    np.testing.assert_allclose(there["value"], -back["value"])
    wedge = [
        t[(t["measure"] == "disc_wedge") & (t["level"] == "l4l5")]["sd_error"].item() for t in (flexion, extension)
    ]
    row = there[(there["measure"] == "segmental_rotation") & (there["level"] == "l4l5")]
    assert row["sd_error"].item() == pytest.approx(np.hypot(*wedge))


def table(study, value=1.0, **columns):
    row = {"patient_id": "p", "study_id": study, "structure": "disc", "measure": "slip", "level": "l4l5"}
    return pd.DataFrame([{**row, "value": value, "flags": "", "reason": "", **columns}])


def test_what_one_position_lacks_is_missing_with_its_reason():
    lost = table("a", np.nan, reason="the field of view cuts l5", flags="touched_border")
    motion = segmental_motion(lost, table("b", level_confidence=0.5)).set_index("measure")
    row = motion.loc["segmental_translation"]
    assert np.isnan(row["value"])
    assert row["reason"] == "flexion: the field of view cuts l5"
    assert row["flags"] == "touched_border"
    assert row["level_confidence"] == 0.5
    assert motion.loc["segmental_rotation", "reason"] == "not measured in flexion; not measured in extension"
    other = segmental_motion(table("a"), table("b", patient_id="q"))
    assert other["value"].isna().all()
    assert set(other["study_id"]) == {"a+", "+b"}


def test_tables_that_are_no_pair_are_refused():
    with pytest.raises(ArgumentError, match="flexion"):
        segmental_motion(pd.DataFrame({"a": [1]}), table("b"))
    with pytest.raises(ArgumentError, match="extension"):
        segmental_motion(table("a"), table("b").assign(measure="csa"))
    with pytest.raises(ArgumentError, match="one study per patient"):
        segmental_motion(pd.concat([table("a"), table("c")]), table("b"))
    with pytest.raises(ArgumentError, match="one row per patient"):
        segmental_motion(pd.concat([table("a"), table("a")]), table("b"))
    with pytest.raises(DataError, match="same study"):
        segmental_motion(table("a"), table("a"))
    with pytest.raises(DataError, match="modalities"):
        segmental_motion(table("a", modality="ct"), table("b", modality="mri"))


def test_nullable_tables_have_missing_values_as_others() -> None:
    names = ["disc_wedge", "slip", "slip_percent"]
    place = {"patient_id": "p1", "structure": "disc", "measure": names, "level": "l4l5", "sd_error": [0.3, 0.4, 0.5]}
    bent = pd.DataFrame({**place, "study_id": "a", "value": [2.0, 3.4, 10.0]})
    arched = pd.DataFrame({**place, "study_id": "b", "value": [np.nan, 1.7, 5.0]})
    plain = segmental_motion(bent, arched)
    assert plain["value"].isna().tolist() == [True, False, False]
    nullable = segmental_motion(bent.convert_dtypes(), arched.convert_dtypes())
    pd.testing.assert_frame_equal(nullable, plain)
    with pytest.raises(ArgumentError, match="numbers in the column 'value'"):
        segmental_motion(bent, arched.assign(value=["far", 1.7, 5.0]))
