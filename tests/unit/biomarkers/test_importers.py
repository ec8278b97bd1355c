"""Outputs of other programs: real files where there are any, drawn ones for the rest, and every known quirk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import biomarkers as bm
from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import pool_levels
from lbp_prognosis.schema import validate_package


def value(imported, **keys):
    rows = imported.table
    for name, wanted in keys.items():
        rows = rows[rows[name] == wanted]
    assert len(rows) == 1, rows
    return rows["value"].item()


def is_valid(imported) -> bool:
    patients = pd.DataFrame({"patient_id": imported.table["patient_id"].unique()})
    tables = {"patient": patients, "biomarker": imported.to_frame(), "imaging_study": imported.studies}
    if "modality" not in imported.studies:
        tables.pop("imaging_study")
    else:
        known = ["patient_id", "study_id", "modality", "sequence", "field_strength", "vendor", "slice_thickness"]
        tables["imaging_study"] = imported.studies[[name for name in known if name in imported.studies]]
    return validate_package(tables).ok


# ---- TotalSegmentator -----------------------------------------------------------------------------------------------


def test_spine_report(shared):
    path = shared / "data" / "tool_outputs" / "totalsegmentator" / "spine_report.json"
    found = bm.import_totalsegmentator(path, patient_id="p1")
    assert is_valid(found)
    assert len(found.table) == 35
    assert value(found, level="l1", measure="body_volume") == 35.61
    assert value(found, level="l2", measure="body_height_anterior") == 28.5
    for level in ("l1", "l2", "l3", "l4", "l5"):  # its difference is 1 − smallest / largest, of one vertebra
        heights = [value(found, level=level, measure=f"body_height_{k}") for k in ("anterior", "middle", "posterior")]
        assert value(found, level=level, measure="height_loss") == pytest.approx(
            1 - min(heights) / max(heights), abs=6e-3
        )
    assert found.left_out["item"].tolist() == ["LWS_max"]
    assert found.table["acquired_on"].eq("").all()  # 19000101 is no date
    with pytest.raises(ArgumentError, match="do not name the patient"):  # "Unknown" is no name
        bm.import_totalsegmentator(path)
    with pytest.raises(ArgumentError, match="no measurements of the spine"):
        bm.import_totalsegmentator(path.with_name("body_stats_prediction.json"), patient_id="p1")


STATISTICS = {
    "vertebrae_L5": {"volume": 0.0, "intensity": 0.0},
    "vertebrae_L4": {
        "volume": 61250.0,
        "intensity": 152.5,
        "intensity_std": 40.0,
        "n_voxels": 2268,
        "intensity_min": -80.0,
        "centroid_vox": [1, 2, 3],
    },
    "autochthon_left": {"volume": 512000.0, "intensity": 41.0},
    "autochthon_right": {"volume": 498000.0, "intensity": 43.5},
    "vertebrae_S1": {"volume": 30000.0, "intensity": 0.0},
    "liver": {"volume": 1.4e6, "intensity": 60.0},
}


def test_statistics_in_which_zero_means_missing(tmp_path):
    (tmp_path / "statistics.json").write_text(json.dumps(STATISTICS))
    found = bm.import_totalsegmentator(tmp_path, patient_id="p", study_id="s")
    assert is_valid(found)
    assert np.isnan(value(found, level="l5", measure="vertebra_volume"))
    assert np.isnan(value(found, level="l5", measure="intensity_mean"))
    assert found.table.query("level == 'l5'")["reason"].str.contains("border").all()
    assert value(found, level="l4", measure="vertebra_volume") == 61.25  # mm³ to ml
    assert value(found, level="l4", measure="intensity_sd") == 40.0
    assert value(found, level="s1", measure="intensity_mean") == 0.0  # present, and its mean is zero
    assert value(found, structure="autochthon", side="left", measure="muscle_attenuation") == 41.0
    assert value(found, structure="autochthon", side="right", measure="muscle_volume") == 498.0
    assert "liver" in found.left_out["item"].tolist()
    assert found.table.query("level == 'l4'")["n_voxels"].tolist() == [2268] * 3
    mri = bm.import_totalsegmentator(STATISTICS, patient_id="p", modality="mri", aggregation="median")
    assert value(mri, structure="autochthon", side="left", measure="intensity_median") == 41.0
    fused = bm.import_totalsegmentator({"vertebrae": {"volume": 9e5, "intensity": 3.0}}, patient_id="p", modality="mri")
    assert fused.table["flags"].eq("no_level").all()
    assert fused.table["level"].eq("").all()


def test_report_with_a_vertebra_cut_by_the_border():
    report = {
        "results": {
            "vertebrae_L1_height_middle_mm": 0.0,
            "vertebrae_L1_volume_ml": 0.0,
            "vertebrae_L1_intensity": 0.0,
            "vertebrae_L2_volume_ml": 30.0,
            "vertebrae_L2_intensity": 0.0,
        },
        "metadata": {"PatientID": "77", "StudyDate": "20240229", "PatientSex": "F", "version": "0.1.0"},
    }
    found = bm.import_totalsegmentator(report)
    assert found.table.query("level == 'l1'")["value"].isna().all()
    assert value(found, level="l2", measure="intensity_mean") == 0.0
    assert found.table["patient_id"].eq("77").all()
    assert found.table["acquired_on"].eq("2024-02-29").all()


def test_radiomics_of_totalsegmentator():
    entry = {"original_shape_Elongation": 0.8, "original_glcm_JointEnergy": 0.01, "diagnostics_x": 3.0}
    zeros = {"original_shape_Elongation": 0.0, "original_glcm_JointEnergy": 0.0}
    found = bm.import_totalsegmentator({"vertebrae_L3": entry, "vertebrae_L2": zeros}, patient_id="p")
    assert is_valid(found)
    assert value(found, level="l3", measure="radiomics_glcm_joint_energy") == 0.01
    assert found.table.query("level == 'l2'")["value"].isna().all()


# ---- TotalSpineSeg --------------------------------------------------------------------------------------------------


def spineseg() -> dict[str, pd.DataFrame]:
    discs = pd.DataFrame(
        {
            "structure": "disc",
            "name": ["L4-L5"] * 3 + ["L5-S"] * 2 + ["L3-L4"],
            "index": [0, 1, 2, 0, 1, 0],
            "position_x": 0.0,
            "thickness": [8.0, 9.0, 10.0, 6.0, 7.0, 0.0],
            "volume": [12000.0, np.nan, np.nan, 9000.0, np.nan, np.nan],
            "center": "",
        }
    )
    return {
        "discs": discs,
        "vertebrae": pd.DataFrame(
            {
                "structure": "v",
                "name": ["L4", "L4", "sacrum"],
                "index": [0, 1, 0],
                "thickness": 25.0,
                "volume": [55000.0, np.nan, 80000.0],
            }
        ),
        "canal": pd.DataFrame(
            {
                "structure": "canal",
                "index": range(3),
                "slice_nb": range(3),
                "area": [210.0, 0.0, 180.0],
                "diameter_AP": [14.0, 0.0, 12.5],
                "diameter_RL": [22.0, 0.0, 21.0],
                "eccentricity": 0.5,
            }
        ),
        "foramens": pd.DataFrame(
            {"structure": "foramen", "name": ["L4-L5"], "right_surface": [80.0], "left_surface": [120.0]}
        ),
    }


def test_totalspineseg(tmp_path):
    (tmp_path / "csv").mkdir()
    for name, frame in spineseg().items():
        frame.to_csv(tmp_path / "csv" / f"{name}.csv", index=False)
    found = bm.import_totalspineseg(tmp_path, patient_id="p")
    assert is_valid(found)
    assert value(found, level="l4l5", measure="disc_height") == 9.0  # mean over the surface
    assert value(found, level="l4l5", measure="disc_volume") == 12.0  # once, from index 0
    assert value(found, level="l5s1", measure="disc_volume") == 9.0  # "L5-S"
    assert np.isnan(value(found, level="l3l4", measure="disc_height"))
    assert value(found, level="s1", measure="vertebra_volume") == 80.0
    assert value(found, measure="canal_area") == 180.0  # an empty slice is no area
    assert value(found, measure="canal_ap") == 12.5
    assert value(found, measure="foramen_area", side="left") == 120.0  # the file has right before left
    assert value(found, measure="foramen_area", side="right") == 80.0
    assert {"eccentricity", "thickness"} <= set(found.left_out["item"])
    flags = found.table.loc[found.table["measure"] == "disc_height", "flags"].astype(str)
    assert (flags == "thickness_taken_as_mm").all()
    stated = bm.import_totalspineseg(tmp_path, patient_id="p", voxel_mm=0.8)
    assert value(stated, level="l4l5", measure="disc_height") == pytest.approx(7.2)
    assert not stated.table["flags"].astype(str).str.contains("taken_as_mm").any()
    twice = spineseg()["discs"].assign(volume=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    with pytest.raises(DataError, match="3 volumes of L4-L5"):
        bm.import_totalspineseg({"discs": twice}, patient_id="p")
    with pytest.raises(ArgumentError, match="a folder with one of"):
        bm.import_totalspineseg(tmp_path / "absent", patient_id="p")


def test_totalspineseg_with_one_row_a_structure():
    tables = {
        "canal": pd.DataFrame(
            {
                "structure": "canal",
                "index": [0, 1, 2],
                "slice_nb": [4, 5, 6],
                "disc_level": [np.nan, 21, np.nan],
                "centerline_distance": [0.0, 1.0, 2.0],
                "area_canal": [210.0, 180.0, -1.0],
                "area_spinalcord": [-1.0, 60.0, 55.0],
                "diameter_AP_canal": [14.0, 13.0, -1.0],
            }
        ),
        "discs": pd.DataFrame(
            {
                "structure": "disc",
                "name": ["L4-L5", "L5-S"],
                "median_thickness": [9.5, -1.0],
                "volume": [12000.0, 9000.0],
                "eccentricity_AP-RL": [0.5, 0.4],
            }
        ),
        "vertebrae": pd.DataFrame(
            {
                "structure": "vertebra",
                "name": ["L4"],
                "AP_thickness": [33.0],
                "median_thickness": [26.0],
                "volume": [60000.0],
            }
        ),
        "foramens": pd.DataFrame(
            {
                "structure": "foramen",
                "name": ["foramens_L4-L5", "foramens_L5-S"],
                "right_surface": [80.0, -1.0],
                "left_surface": [120.0, 90.0],
            }
        ),
    }
    found = bm.import_totalspineseg(tables, patient_id="p")
    assert is_valid(found)
    assert value(found, measure="canal_area") == 180.0
    assert value(found, measure="canal_ap") == 13.0
    heights = found.table[found.table["measure"] == "disc_height"].set_index("level")
    assert heights.loc["l4l5", "value"] == 9.5
    assert np.isnan(heights.loc["l5s1", "value"])
    assert set(heights["method_id"]) == {"totalspineseg_median_thickness"}
    assert value(found, level="l4", measure="vertebra_volume") == 60.0
    assert value(found, level="l4l5", measure="foramen_area", side="right") == 80.0
    assert np.isnan(value(found, level="l5s1", measure="foramen_area", side="right"))
    assert {"area_spinalcord", "ap_thickness"} <= set(found.left_out["item"])


# ---- MuscleMap ------------------------------------------------------------------------------------------------------


def test_musclemap_dixon(tmp_path):
    path = tmp_path / "sub-07_dixon_results.csv"
    path.write_text(
        "Label, Anatomy,Fat (%) ,Volume (ml)\n5101,Left multifidus,31.5,60\n5102,right_multifidus,28.0,62\n"
        "5121,psoas major left,4.0,210\n5112,Erector spinae R,,0\n6160,sacrum,10,200\n5141,latissimus dorsi left,9,99\n"
    )
    found = bm.import_musclemap(path)
    assert is_valid(found)
    assert found.table["patient_id"].eq("sub-07").all()
    assert value(found, structure="multifidus", side="left", measure="fat_fraction") == 31.5
    assert value(found, structure="multifidus", side="right", measure="fat_fraction") == 28.0
    assert np.isnan(value(found, structure="erector_spinae", side="right", measure="muscle_volume"))
    assert set(found.table.query("measure == 'fat_fraction'")["method_id"]) == {"musclemap_dixon"}
    assert found.table.query("measure == 'fat_fraction'")["flags"].eq("empty_voxels_as_lean").all()
    assert {"sacrum", "latissimus dorsi left"} <= set(found.left_out["item"])
    with pytest.raises(ArgumentError, match="as the file name states"):
        bm.import_musclemap(path, method="gmm_2")


def test_musclemap_with_the_number_of_slices_and_without_a_region():
    frame = pd.DataFrame(
        {
            "Label": [5101, 5102],
            "Anatomy": ["", None],
            "Slices with segmentation": [12, 11],
            "Fat (%)": [20.0, 25.0],
            "Volume (ml)": [60.0, 58.0],
        }
    )
    found = bm.import_musclemap(frame, patient_id="p", method="dixon")
    assert is_valid(found)
    rows = found.table[found.table["measure"] == "fat_fraction"].set_index("side")
    assert set(rows["structure"]) == {"multifidus"}  # the label alone tells muscle and side
    assert rows["n_slices"].to_dict() == {"left": 12, "right": 11}
    assert rows["value"].to_dict() == {"left": 20.0, "right": 25.0}


def test_musclemap_mixtures_and_contradictions():
    frame = pd.DataFrame(
        {
            "Label": [5101],
            "Anatomy": ["left multifidus"],
            "Muscle (%)": [60.0],
            "Fat (%)": [40.0],
            "Total volume (ml)": [50.0],
            "Fat volume (ml)": [20.0],
        }
    )
    with pytest.raises(ArgumentError, match="gmm_2"):
        bm.import_musclemap(frame, patient_id="p")
    found = bm.import_musclemap(frame, patient_id="p", method="kmeans_2")
    assert set(found.table["method_id"]) == {"musclemap_volume", "musclemap_kmeans_2"}
    assert "Fat volume (ml)" in found.left_out["item"].tolist()
    for wrong in ({"Anatomy": ["right multifidus"]}, {"Anatomy": ["left psoas"]}):
        with pytest.raises(DataError, match="label 5101 is multifidus left"):
            bm.import_musclemap(frame.assign(**wrong), patient_id="p", method="gmm_2")
    # two methods of one measure can be imported, and are refused where they would become one number
    both = pd.concat([found.table, bm.import_musclemap(frame, patient_id="q", method="gmm_2").table])
    with pytest.raises(DataError, match="different variables"):
        pool_levels(both, {"multifidus__fat_fraction": "mean"})
    average = pd.DataFrame({"Label": [1], "Anatomy": ["Psoas_l"], "Average Intensity": [300.0], "Volume (ml)": [9.0]})
    assert value(bm.import_musclemap(average, patient_id="p"), side="left", measure="intensity_mean") == 300.0


# ---- SpineNet -------------------------------------------------------------------------------------------------------


def test_spinenet_counts_from_one_and_its_marrow_is_no_modic():
    frame = pd.DataFrame(
        {
            "Pfirrmann": [2, 5],
            "Narrowing": [1, 4],
            "CentralCanalStenosis": [1, 3],
            "Spondylolisthesis": [0, 1],
            "UpperEndplateDefect": [0, 1],
            "LowerEndplateDefect": [0, 0],
            "UpperMarrow": [0, 1],
            "LowerMarrow": [0, 0],
            "ForaminalStenosisLeft": [0, 1],
            "ForaminalStenosisRight": [1, 0],
            "Herniation": [0, 1],
        },
        index=["T12-L1", "L5-S1"],
    )
    found = bm.import_spinenet(frame, patient_id="p")
    assert is_valid(found)
    assert value(found, level="l5s1", measure="pfirrmann") == 5
    assert value(found, level="t12l1", measure="disc_narrowing") == 0
    assert value(found, level="l5s1", measure="central_stenosis") == 2
    assert value(found, level="l5s1", measure="marrow_change", structure="endplate_above_disc") == 1
    assert "modic" not in set(found.table["measure"])
    assert value(found, level="l5s1", measure="foraminal_stenosis", side="left") == 1
    assert value(found, level="l5s1", measure="foraminal_stenosis", side="right") == 0
    upside_down = bm.import_spinenet(frame[::-1], patient_id="p")
    assert value(upside_down, level="l5s1", measure="pfirrmann") == 5
    with pytest.raises(DataError, match="the program grades 1 to 4"):
        bm.import_spinenet(frame.assign(CentralCanalStenosis=[0, 3]), patient_id="p")
    with pytest.raises(DataError, match="'L3-L5' is no disc level"):
        bm.import_spinenet(frame.rename(index={"L5-S1": "L3-L5"}), patient_id="p")
    readings = found.as_readings("SpineNet v2")
    assert validate_package({"patient": pd.DataFrame({"patient_id": ["p"]}), "reading": readings}).ok


# ---- SPIDER ---------------------------------------------------------------------------------------------------------


def test_spider(shared):
    folder = shared / "data" / "spider_gradings"
    found = bm.import_spider(folder / "radiological_gradings.csv", folder / "overview.csv")
    assert is_valid(found)
    raw = pd.read_csv(folder / "radiological_gradings.csv")
    grades = found.table[found.table["measure"] == "pfirrmann"]
    counts = grades["value"].value_counts().sort_index().tolist()
    # the two discs with label 0 are both of grade 1
    assert counts == (raw["Pfirrman grade"].value_counts().sort_index() - [2, 0, 0, 0, 0]).tolist()
    assert found.left_out["item"].tolist() == ["patient 107, IVD label 0", "patient 152, IVD label 0"]
    assert grades.query("level == 'l5s1'")["level_from_bottom"].eq(1).all()
    assert set(grades["level"]) == {"l5s1", "l4l5", "l3l4", "l2l3", "l1l2", "t12l1", "t11t12", "t10t11", "t9t10"}
    assert len(found.studies) == 218
    assert found.studies["sex"].isin(["female", "male"]).all()  # "F " with a blank is F
    assert found.studies["pixel_spacing"].between(0.2, 1.5).all()  # some are written "[.58, .58]"
    assert found.studies["field_strength"].isin([1.5, 3.0]).all()
    assert found.studies["age"].notna().sum() < 100
    pooled = pool_levels(found.table, {"modic": "any==1", "pfirrmann": ["max", "worst"]})
    assert pooled.frame["pfirrmann__n_levels"].min() >= 5
    with pytest.raises(ArgumentError, match="numbers are names"):
        pool_levels(found.table, {"modic": "max"})
    six = bm.import_spider(raw, lumbar_count=6)
    assert "l6s1" in set(six.table["level"])


def test_spider_headers_with_blanks_and_either_spelling():
    frame = pd.DataFrame({" Patient": [3], "IVD label ": ["2"], "Pfirrmann grade": [4], " Modic ": [2]})
    found = bm.import_spider(frame)
    assert value(found, measure="pfirrmann") == 4
    assert found.table["level"].eq("l4l5").all()
    with pytest.raises(DataError, match="is not the number of a disc"):
        bm.import_spider(frame.assign(**{"IVD label ": [1.5]}))
    with pytest.raises(DataError, match="do not fit their column"):
        bm.import_spider(frame.assign(**{"Pfirrmann grade": [6]}))
    with pytest.raises(DataError, match="do not fit their column"):
        bm.import_spider(pd.concat([frame, frame]))
    with pytest.raises(DataError, match="'Modic' twice"):
        bm.import_spider(frame.assign(Modic=1))


# ---- RSNA 2024 ------------------------------------------------------------------------------------------------------


def test_rsna2024():
    train = pd.DataFrame(
        {
            "study_id": [4003253, 4646740],
            "spinal_canal_stenosis_l1_l2": ["Normal/Mild", "Severe"],
            "left_neural_foraminal_narrowing_l5_s1": ["Moderate", None],
            "right_subarticular_stenosis_l4_l5": ["Severe", "Normal/Mild"],
        }
    )
    series = pd.DataFrame(
        {"study_id": [4003253, 4003253], "series_id": [1, 2], "series_description": ["Sagittal T1", "Axial T2"]}
    )
    found = bm.import_rsna2024(train, series)
    assert is_valid(found)
    assert value(found, patient_id="4646740", measure="central_stenosis") == 2
    assert value(found, patient_id="4003253", measure="foraminal_stenosis", side="left", level="l5s1") == 1
    assert np.isnan(value(found, patient_id="4646740", measure="foraminal_stenosis"))
    assert value(found, patient_id="4003253", measure="subarticular_stenosis", side="right") == 2
    assert found.studies["sequence"].iloc[0] == "Axial T2|Sagittal T1"
    with pytest.raises(DataError, match="'Mild'"):
        bm.import_rsna2024(train.assign(spinal_canal_stenosis_l1_l2="Mild"))


# ---- centroids ------------------------------------------------------------------------------------------------------


def test_verse_centroids(shared):
    path = shared / "data" / "tool_outputs" / "verse_spineps" / "sub-verse004_seg-subreg_ctd.json"
    found = bm.import_verse_centroids(path)
    assert found["level"].tolist() == ["t9", "t10", "t11", "t12", "l1", "l2", "l3", "l4", "l5"]
    content = json.loads(path.read_text(encoding="utf-8"))
    assert bm.import_verse_centroids([content[0], *content[:0:-1]])["level"].tolist() == found["level"].tolist()
    swapped = [content[0], *[{**e, "label": {20: 21, 21: 20}.get(e["label"], e["label"])} for e in content[1:]]]
    with pytest.raises(DataError, match="out of order"):
        bm.import_verse_centroids(swapped)


def test_centroids_in_millimetres_do_not_depend_on_how_the_image_is_stored():
    points = [{"label": 20, "X": 3.0, "Y": 2.0, "Z": 1.0}, {"label": 21, "X": 3.0, "Y": 7.0, "Z": 2.0}]
    content = [{"direction": ["P", "I", "R"]}, *points]  # voxels counted to the back, to the feet, to the right
    spacing = np.array([4.0, 0.8, 0.7])  # right, front, head
    ras = np.diag([*spacing, 1.0])
    ras[:3, 3] = [-20, -30, 5]
    shape = (6, 10, 12)
    wanted = (np.array([[1, 9 - 3, 11 - 2], [2, 9 - 3, 11 - 7]]) * spacing) + ras[:3, 3]
    stored = bm.Image(np.zeros(shape), ras)
    np.testing.assert_allclose(bm.import_verse_centroids(content, stored)[["x", "y", "z"]], wanted)
    flipped = ras.copy()
    flipped[:, 0] *= -1
    flipped[:3, 3] += ras[:3, 0] * (shape[0] - 1)
    order = [2, 0, 1]  # axes permuted, the first flipped: the same places
    other = bm.Image(np.zeros([shape[k] for k in order]), flipped[:, [*order, 3]])
    np.testing.assert_allclose(bm.import_verse_centroids(content, other)[["x", "y", "z"]], wanted)
    with pytest.raises(DataError, match="outside the image"):
        bm.import_verse_centroids([content[0], {**points[0], "Y": 40.0}], stored)


# ---- wide tables ----------------------------------------------------------------------------------------------------


def test_wide_tables():
    frame = pd.DataFrame(
        {
            "pid": ["a", "b"],
            "disc__disc_height__l4l5": [8.5, ""],
            "FF L (fraction)": [0.31, 0.2],
            "stenosis": ["none", "severe"],
            "note": ["x", "y"],
        }
    )
    mapping = {
        "disc__disc_height__l4l5": "disc__disc_height__l4l5",
        "FF L (fraction)": {
            "measure": "fat_fraction",
            "structure": "multifidus",
            "side": "left",
            "unit": "fraction",
            "method_id": "dixon",
            "sd_error": 2.5,
        },
        "stenosis": {"measure": "central_stenosis", "structure": "canal", "recode": {"none": 0, "severe": 3}},
    }
    found = bm.import_wide(frame, mapping, patient_id="pid", method_id="reader_1", modality="mri")
    assert is_valid(found)
    assert value(found, patient_id="a", measure="fat_fraction") == pytest.approx(31.0)
    assert found.table.query("measure == 'fat_fraction'")["sd_error"].eq(2.5).all()
    assert np.isnan(value(found, patient_id="b", measure="disc_height"))
    assert value(found, patient_id="b", measure="central_stenosis") == 3
    assert found.left_out["item"].tolist() == ["note"]
    plain = bm.import_wide(frame[["pid", "disc__disc_height__l4l5"]], patient_id="pid", method_id="m")
    assert plain.table["measure"].tolist() == ["disc_height"] * 2
    with pytest.raises(ArgumentError, match="named for each column"):
        bm.import_wide(frame, mapping, patient_id="pid")
    with pytest.raises(DataError, match="no recode lists"):
        bm.import_wide(frame.assign(stenosis="maybe"), mapping, patient_id="pid", method_id="r")
    with pytest.raises(ArgumentError, match="known measures"):
        bm.import_wide(frame, {"note": "disc__beauty"}, patient_id="pid", method_id="r")


def test_bad_files_are_told_plainly(tmp_path):
    bad = tmp_path / "statistics.json"
    bad.write_text('{"vertebrae_L1": {"volume": 12')
    with pytest.raises(DataError, match="not readable JSON"):
        bm.import_totalsegmentator(bad, patient_id="p")
    bad.write_text("[]")
    with pytest.raises(DataError, match="no JSON object"):
        bm.import_totalsegmentator(bad, patient_id="p")
    with pytest.raises(DataError, match="not a number"):
        bm.import_totalsegmentator({"vertebrae_L1": {"volume": "big"}}, patient_id="p")
    with pytest.raises(DataError, match="do not fit their column"):
        bm.import_totalsegmentator({"vertebrae_L1": {"volume": 9e9, "intensity": 1.0}}, patient_id="p")
    with pytest.raises(ArgumentError, match="existing"):
        bm.import_spider(tmp_path / "absent.csv")
    with pytest.raises(ArgumentError, match="SPIDER's"):
        bm.import_spider(pd.DataFrame({"a": [1]}))
    with pytest.raises(ArgumentError, match="Pfirrmann"):
        bm.import_spinenet(pd.DataFrame({"a": [1]}), patient_id="p")


def test_the_code_of_the_page_imports_a_table_of_mirp(tmp_path, monkeypatch):
    """Columns as MIRP 2.7.0 writes them; the page's own code runs on them."""
    page = Path(__file__).resolve().parents[3] / "docs" / "howto" / "radiomics.md"
    block = page.read_text(encoding="utf-8").split("```python\nimport re\n")[1].split("```")[0]
    columns = ["stat_mean", "cm_energy_d1_3d_avg_fbs_w25.0", "rlm_sre_3d_avg_fbs_w25.0", "ngl_lde_d1_a0.0_3d_fbs_w25.0"]
    columns += ["ih_entropy_fbs_w25.0", "szm_sze_3d_fbs_w25.0", "morph_moran_i"]
    table = pd.DataFrame([["p7", *range(len(columns))]], columns=["sample_name", *columns])
    table.to_csv(tmp_path / "mirp_l3.csv", index=False)
    monkeypatch.chdir(tmp_path)
    told: dict = {}
    lines = block.rstrip().rsplit("\nimport_wide(", 1)
    exec("import re\n" + lines[0] + "\nfound = import_wide(" + lines[1], told)
    got = told["found"].table.set_index("measure")["value"].to_dict()
    assert got == {
        "radiomics_firstorder_mean": 0,
        "radiomics_glcm_joint_energy": 1,
        "radiomics_glrlm_short_run_emphasis": 2,
        "radiomics_gldm_small_dependence_emphasis": 3,
        "radiomics_firstorder_entropy": 4,
        "radiomics_glszm_small_area_emphasis": 5,
    }
    assert told["found"].left_out["item"].tolist() == ["morph_moran_i"]
