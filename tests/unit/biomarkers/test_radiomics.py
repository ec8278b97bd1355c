"""Texture of structures and levels: names, settings, batches that stop and go on, and the way without the package."""

from __future__ import annotations

import importlib.util
import logging

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, MissingPackageError
from lbp_prognosis.biomarkers import (
    Image,
    Mask,
    RadiomicsSettings,
    extract_radiomics,
    radiomics_features,
    radiomics_features_table,
)
from lbp_prognosis.biomarkers.texture import _radiomics as room
from lbp_prognosis.fusion import pool_levels
from lbp_prognosis.schema import ColumnName, validate_package

needs = pytest.mark.skipif(importlib.util.find_spec("radiomics") is None, reason="pyradiomics is not installed")
AFFINE = np.diag([0.8, 0.8, 3.0, 1.0])
QUICK = RadiomicsSettings(classes=("firstorder", "shape", "glcm"), bin_width=20)


def case(seed: int = 0, patient: str = "p1") -> dict:
    rng = np.random.default_rng(seed)
    image = rng.normal(200, 60, (30, 30, 12)).astype(np.float32)
    mask = np.zeros(image.shape, dtype=np.uint8)
    mask[4:12, 4:12, 2:8], mask[16:26, 5:15, 3:9] = 44, 45  # l4 and l5
    mask[13:15, 5:12, 3:9] = 95  # their disc
    mask[0:4, 20:28, 2:8] = 50  # sacrum, cut by the border
    mask[28:29, 2:3, 2:4] = 94  # two voxels
    return {
        "patient_id": patient,
        "study_id": "s",
        "image": Image(image, AFFINE),
        "mask": Mask(mask, AFFINE),
        "convention": "totalspineseg",
        "modality": "mri",
    }


def test_settings_are_a_record_with_a_hash():
    one = RadiomicsSettings(classes=("glcm", "shape"), bin_width=10)
    assert one == RadiomicsSettings.from_dict(one.to_dict())
    assert one.classes == ("shape", "glcm")  # the order given makes no other method
    assert one.fingerprint == RadiomicsSettings(classes=("shape", "glcm"), bin_width=10.0).fingerprint
    assert one.method_id != RadiomicsSettings(classes=("shape", "glcm"), bin_width=11).method_id
    for wrong in (
        {"classes": ("texture",)},
        {"bin_width": 0},
        {"bin_count": 1},
        {"intensity_range": (3, 1)},
        {"distances": ()},
        {"images": ("original", "log"), "log_sigmas_mm": ()},
    ):
        with pytest.raises(ArgumentError):
            RadiomicsSettings(**wrong)
    with pytest.raises(ArgumentError, match="bins"):
        RadiomicsSettings.from_dict({"bins": 5})


def test_names_fit_the_grammar_of_columns():
    for measure in radiomics_features_table()["measure"]:
        assert ColumnName.parse(str(ColumnName(measure, "vertebra", "l4"))).measure == measure
    assert radiomics_features_table()["measure"].is_unique


def test_without_the_package_the_command_is_said(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "radiomics":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match="make radiomics"):
        extract_radiomics(case())
    with pytest.raises(MissingPackageError, match="`radiomics_features` needs"):
        radiomics_features([])


@needs
def test_every_structure_and_level():
    found = extract_radiomics(case(), QUICK)
    assert found.failures.empty
    table = found.to_frame()
    report = validate_package({"patient": pd.DataFrame({"patient_id": ["p1"]}), "biomarker": table})
    assert report.ok, report.failures
    assert set(zip(table["structure"], table["level"])) >= {("vertebra", "l4"), ("vertebra", "l5"), ("disc", "l4l5")}
    assert set(table["method_id"]) == {QUICK.method_id}
    l4 = table[(table["level"] == "l4") & (table["measure"] == "radiomics_shape_voxel_volume")]
    assert l4["value"].item() == pytest.approx(8 * 8 * 6 * 0.8 * 0.8 * 3.0)
    assert l4["n_voxels"].item() == 384
    small = table[table["level"] == "l3l4"]
    assert small["value"].isna().all()
    assert "min_voxels" in small["reason"].iloc[0]
    sacrum = table[table["structure"] == "sacrum"]
    assert sacrum["touched_border"].all()
    assert sacrum["flags"].eq("touched_border").all()
    # by hand: the statistics of the voxels themselves
    study = case()
    values = study["image"].data[study["mask"].data == 45].astype(float)
    l5 = table[table["level"] == "l5"].set_index("measure")["value"]
    assert l5["radiomics_firstorder_mean"] == pytest.approx(values.mean())
    assert l5["radiomics_firstorder_kurtosis"] == pytest.approx(
        np.mean((values - values.mean()) ** 4) / values.var() ** 2 - 3
    )
    pooled = pool_levels(table[table["structure"] == "vertebra"], {"radiomics_glcm_contrast": "mean"})
    assert np.isfinite(pooled.frame["radiomics_glcm_contrast__mean"]).all()
    discs = extract_radiomics(case(), QUICK, structures=["disc"]).table
    assert set(discs["structure"]) == {"disc"}


@needs
def test_how_the_array_is_stored_does_not_matter_to_texture():
    study = case()
    image, mask = study["image"], study["mask"]
    flipped = AFFINE.copy()
    flipped[0, 0], flipped[0, 3] = -0.8, 0.8 * 29
    other = (Image(image.data[::-1], flipped), Mask(mask.data[::-1], flipped), 44)
    rows = radiomics_features([(image, mask, 44), other], QUICK)
    for name in rows.columns:
        assert rows[name].iloc[1] == pytest.approx(rows[name].iloc[0], rel=1e-9), name


@needs
def test_a_bad_case_never_stops_the_batch_and_a_killed_run_goes_on(tmp_path, monkeypatch):
    bad = {**case(1, "p2"), "convention": "nonsense"}
    empty = {**case(1, "p3"), "convention": "musclemap"}
    hole = case(1, "p4")
    hole["image"] = Image(np.where(hole["image"].data > 300, np.nan, hole["image"].data), AFFINE)
    studies = [case(0), bad, empty, hole, {**case(2, "p5"), "mask": None}]
    whole = extract_radiomics(studies, QUICK)
    assert whole.failures["patient_id"].tolist() == ["p2", "p3", "p4", "p5"]
    calls = []
    real = room.region_features

    def counted(*given):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(room, "region_features", counted)
    two = [case(0), case(3, "p6")]
    with pytest.raises(KeyboardInterrupt):
        extract_radiomics([two[1], two[0]], QUICK, checkpoint=tmp_path / "run")
    monkeypatch.setattr(room, "region_features", real)
    again = extract_radiomics([two[1], two[0]], QUICK, checkpoint=tmp_path / "run")
    third = extract_radiomics([two[1], two[0]], QUICK, checkpoint=tmp_path / "run")  # from the files alone
    pd.testing.assert_frame_equal(again.table, extract_radiomics([two[1], two[0]], QUICK, n_jobs=2).table)
    pd.testing.assert_frame_equal(again.table, third.table)
    with pytest.raises(ArgumentError, match="made for another run"):
        extract_radiomics(two, RadiomicsSettings(bin_width=7), checkpoint=tmp_path / "run")


@needs
def test_the_logger_is_left_as_it_was():
    logger = logging.getLogger("radiomics")
    before = logger.level
    study = case()
    radiomics_features([(study["image"], study["mask"], 44)], QUICK)
    assert logger.level == before
    with pytest.raises(ArgumentError, match="structures"):
        extract_radiomics(study, QUICK, structures=["liver"])
    with pytest.raises(ArgumentError, match="RadiomicsSettings"):
        extract_radiomics(study, {"bin_width": 3})


def test_every_feature_with_a_consensus_bears_one_permanent_id_that_is_in_use():
    from pydicom.sr.codedict import codes

    from lbp_prognosis.biomarkers import radiomics_features_table
    from lbp_prognosis.biomarkers.texture._radiomics_ibsi import IBSI_IDS

    table = radiomics_features_table()
    assert len(table) == len(IBSI_IDS) == 102
    for column in ("measure", "feature", "ibsi", "ibsi_id"):
        assert table[column].is_unique, column
    assert table["ibsi_id"].str.fullmatch("[A-Z0-9]{4}").all()
    # DICOM PS3.16 lists the same identifiers, but none for statistics of the intensities themselves.
    names = {getattr(codes.IBSI, name).value: getattr(codes.IBSI, name).meaning for name in codes.IBSI.dir()}
    known = table[~table["ibsi"].str.startswith("stat_")].set_index("feature")["ibsi_id"].map(names)
    assert len(known) == 87
    assert known.notna().all(), known[known.isna()]
    spelt = {
        "shape_MeshVolume": "Volume of Mesh",
        "shape_LeastAxisLength": "Least Axis in 3D Length",
        "firstorder_Entropy": "Intensity Histogram Entropy",
        "glcm_JointEnergy": "Angular Second Moment of GLCM",
        "glcm_Idmn": "Normalized Inverse Difference Moment of GLCM",
        "glcm_SumSquares": "Joint Variance of GLCM",
        "glrlm_RunPercentage": "Run Percentage",
        "glszm_ZoneEntropy": "Zone Size Entropy",
        "gldm_SmallDependenceEmphasis": "Low dependence emphasis",
        "ngtdm_Strength": "Strength of NGTDM",
        "gldm_LargeDependenceHighGrayLevelEmphasis": "High dependence high grey level emphasis",
    }
    assert {feature: known[feature] for feature in spelt} == spelt


def test_consensus_values_exist_for_every_feature_of_the_table(shared):
    from lbp_prognosis.biomarkers import radiomics_features_table

    consensus = pd.read_csv(shared / "data" / "ibsi" / "reference_values" / "ibsi_1_dig_phantom.csv", sep=";")
    assert set(radiomics_features_table()["ibsi"]) <= set(consensus["tag"])
