"""Texture of structures and levels: names, settings, batches that stop and go on, and the way without the package."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from lbp_prognosis._base import ArgumentError, DataError, MissingPackageError
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
needs_mirp = pytest.mark.skipif(importlib.util.find_spec("mirp") is None, reason="MIRP is not installed")
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

    from lbp_prognosis.biomarkers.texture import _mirp, _pyradiomics

    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] in {"radiomics", "mirp"}:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for other, words in (
        (None, 'is installed by `pip install "lbp-prognosis\\[mirp\\]"`'),
        (1, "its package is installed."),
    ):
        monkeypatch.setattr(_pyradiomics, "find_spec", lambda name, other=other: other)
        with pytest.raises(MissingPackageError, match=f"make radiomics.*engine='mirp'.*{words}"):
            extract_radiomics(case())
    with pytest.raises(MissingPackageError, match="`radiomics_features` needs"):
        radiomics_features([])
    for other, words in ((None, '\\[mirp\\]"`\\.'), (1, "or use the engine 'pyradiomics'")):
        monkeypatch.setattr(_mirp, "find_spec", lambda name, other=other: other)
        with pytest.raises(MissingPackageError, match=f"engine='mirp'.*{words}"):
            extract_radiomics(case(), RadiomicsSettings(engine="mirp"))


def test_the_engine_is_part_of_the_method():
    plain, other = RadiomicsSettings(), RadiomicsSettings(engine="mirp")
    assert "engine" not in plain.to_dict()  # hashes of before stay
    assert plain.method_id.startswith("pyradiomics_")
    assert other.method_id.startswith("mirp_")
    assert plain.fingerprint != other.fingerprint
    assert RadiomicsSettings.from_dict(other.to_dict()) == other
    for name, given in (
        ("engine", {"engine": "MIRP2"}),
        ("preprocessing", {"preprocessing": "pyradiomics"}),
        ("distances", {"distances": (1, 2)}),
        ("wavelets", {"images": ("wavelet",)}),
    ):
        with pytest.raises(ArgumentError, match=f"`{name}`"):
            RadiomicsSettings(**{"engine": "mirp", **given})
    rows = [("p1", "l3", 1.0, plain.method_id), ("p1", "l4", 2.0, other.method_id)]
    table = pd.DataFrame(rows, columns=["patient_id", "level", "value", "method_id"])
    table["measure"] = "radiomics_glcm_contrast"
    with pytest.raises(DataError, match="convert_methods"):
        pool_levels(table, {"radiomics_glcm_contrast": "mean"})


@needs
@needs_mirp
@pytest.mark.parametrize("aggregation", ["3d", "2.5d", "2d"])
def test_both_engines_compute_the_same(aggregation):
    rng = np.random.default_rng(3)
    volume = ndimage.gaussian_filter(rng.normal(size=(16, 14, 8)), 0.8) * 300
    x, y, z = np.ogrid[:16, :14, :8]
    region = ((x - 8) / 6) ** 2 + ((y - 7) / 5) ** 2 + ((z - 4) / 2.5) ** 2 < 1
    region[1, 1, 1] = region[12:14, 10, 7] = True  # a slice of one voxel, one of two
    pair = Image(volume, AFFINE), Mask(region.astype(np.uint8), AFFINE)
    images = ("original", "log") if aggregation == "3d" else ("original",)
    settings = RadiomicsSettings(bin_count=12, aggregation=aggregation, images=images)
    one = radiomics_features([pair], settings).iloc[0]
    other = radiomics_features([pair], replace(settings, engine="mirp")).iloc[0]
    assert len(other) == 102 + 2 * 91 * (len(images) - 1)
    n = region.sum()
    for name, value in other.items():
        axis = np.sqrt((n - 1) / n) if name.endswith("axis_length") else 1.0  # variances by n, and by n - 1
        assert one[name] == pytest.approx(value * axis, rel=1e-6, abs=1e-9), name


@needs_mirp
def test_a_batch_by_mirp(tmp_path, capsys, monkeypatch):
    settings = replace(QUICK, engine="mirp")
    found = extract_radiomics(case(), settings, checkpoint=tmp_path)
    assert found.failures.empty
    assert set(found.table["method_id"]) == {settings.method_id}
    assert found.table["extractor_version"].str.match(r"MIRP \d").all()
    assert found.provenance["engine"] == "mirp"
    assert found.features["conforms"].all()
    study = case()
    values = study["image"].data[study["mask"].data == 45].astype(float)
    l5 = found.table[found.table["level"] == "l5"].set_index("measure")["value"]
    assert l5["radiomics_firstorder_mean"] == pytest.approx(values.mean())
    assert l5["radiomics_shape_voxel_volume"] == pytest.approx(values.size * 0.8 * 0.8 * 3.0)
    again = extract_radiomics(case(), settings, checkpoint=tmp_path)
    pd.testing.assert_frame_equal(again.table, found.table)
    with pytest.raises(ArgumentError, match="made for another run"):
        extract_radiomics(case(), replace(settings, bin_width=7), checkpoint=tmp_path)


@needs
def test_slices_of_one_voxel_and_empty_directions_by_counting():
    rng = np.random.default_rng(0)
    levels = rng.integers(1, 5, (6, 5, 4))
    region = rng.random(levels.shape) < 0.45
    region[:, :, 0] = False
    region[2, 3, 0] = True  # a slice of one voxel
    region[:, :, 1] = False
    region[1, 1, 1] = region[1, 2, 1] = region[4, 4, 1] = True  # pairs in one direction alone
    levels[0, 0, 2] = 1
    region[0, 0, 2] = True
    pair = Image(levels.astype(float), AFFINE), Mask(region.astype(np.uint8), AFFINE)
    settings = RadiomicsSettings(bin_width=1, aggregation="2d", min_voxels=2)
    found = radiomics_features([pair], settings).iloc[0]
    contrast, entropy, short, uneven, coarse = [], [], [], [], []
    for k in range(4):
        grey = {(x, y): int(levels[x, y, k]) for x, y in zip(*np.nonzero(region[:, :, k]))}
        for dx, dy in ((0, 1), (1, 0), (1, 1), (1, -1)):
            pairs = [(grey[v], grey[v[0] + dx, v[1] + dy]) for v in grey if (v[0] + dx, v[1] + dy) in grey]
            pairs += [(j, i) for i, j in pairs]
            if pairs:
                shares = pd.Series(pairs).value_counts(normalize=True).to_numpy()
                contrast.append(np.mean([(i - j) ** 2 for i, j in pairs]))
                entropy.append(-np.sum(shares * np.log2(shares)))
            runs = []
            for v in grey:
                if grey.get((v[0] - dx, v[1] - dy)) != grey[v]:
                    length = 1
                    while grey.get((v[0] + dx * length, v[1] + dy * length)) == grey[v]:
                        length += 1
                    runs.append((grey[v], length))
            short.append(np.mean([1 / length**2 for _, length in runs]))
            uneven.append(np.sum(pd.Series([i for i, _ in runs]).value_counts() ** 2) / len(runs))
        gaps: dict[int, list[float]] = {}
        for (x, y), i in grey.items():
            around = [grey[x + a, y + b] for a in (-1, 0, 1) for b in (-1, 0, 1) if (a or b) and (x + a, y + b) in grey]
            if around:
                gaps.setdefault(i, []).append(abs(i - np.mean(around)))
        n = sum(map(len, gaps.values()))
        if n:
            coarse.append(1 / sum(len(part) / n * sum(part) for part in gaps.values()))
    for name, values in {
        "glcm_contrast": contrast,
        "glcm_joint_entropy": entropy,
        "glrlm_short_run_emphasis": short,
        "glrlm_gray_level_non_uniformity": uneven,
        "ngtdm_coarseness": coarse,
    }.items():
        assert found[f"radiomics_{name}"] == pytest.approx(np.mean(values), rel=1e-9), name


@needs
def test_a_region_of_one_intensity_has_no_kurtosis():
    pair = Image(np.full((5, 5, 5), 7.0), AFFINE), Mask(np.ones((5, 5, 5), dtype=np.uint8), AFFINE)
    found = radiomics_features([pair], RadiomicsSettings(classes=("firstorder",))).iloc[0]
    assert found["radiomics_firstorder_kurtosis"] == 0  # was -3


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


@needs
def test_folders_of_class_files_and_several_masks_are_taken_as_in_extract(tmp_path):
    nib = pytest.importorskip("nibabel")
    study = case()
    mask = study["mask"]
    spine, muscle = np.where(mask.data < 60, mask.data, 0), np.where(mask.data == 95, 5111, 0)
    two = {**study, "mask": [Mask(spine, AFFINE), Mask(muscle, AFFINE)], "convention": ["totalspineseg", "musclemap"]}
    found = extract_radiomics(two, QUICK)
    assert found.failures.empty, found.failures["message"].tolist()
    assert {"vertebra", "erector_spinae"} <= set(found.table["structure"])
    folder = tmp_path / "classes"
    folder.mkdir()
    for stem, value in (("vertebrae_L4", 44), ("vertebrae_L5", 45)):
        nib.save(nib.Nifti1Image((mask.data == value).astype(np.uint8), AFFINE), folder / f"{stem}.nii.gz")
    image = tmp_path / "image.nii.gz"
    nib.save(nib.Nifti1Image(study["image"].data, AFFINE), image)
    files = {**study, "image": str(image), "mask": str(folder), "convention": "totalsegmentator_total_v2"}
    by_file = extract_radiomics(files, QUICK)
    assert by_file.failures.empty, by_file.failures["message"].tolist()
    keys = ["structure", "level", "measure"]
    one, other = (t.set_index(keys)["value"].loc["vertebra"] for t in (found.table, by_file.table))
    np.testing.assert_allclose(other, one.loc[other.index], rtol=1e-6)


@needs
def test_the_command_line_measures_texture(tmp_path, capsys, monkeypatch):
    nib = pytest.importorskip("nibabel")
    from command import call

    study = case()
    nib.save(nib.Nifti1Image(study["image"].data, AFFINE), tmp_path / "i.nii.gz")
    nib.save(nib.Nifti1Image(study["mask"].data, AFFINE), tmp_path / "m.nii.gz")
    row = ("p1", "i.nii.gz", "m.nii.gz", "totalspineseg")
    pd.DataFrame([row], columns=["patient_id", "image", "mask", "convention"]).to_csv(tmp_path / "studies.csv")
    (tmp_path / "s.toml").write_text('classes = ["firstorder"]\nbin_width = 20\n')
    given = ("radiomics", tmp_path, "-o", tmp_path / "out", "--settings", tmp_path / "s.toml", "--structures", "disc")
    done = call(capsys, monkeypatch, *given, "--quiet")
    assert done.status == 0, done.err
    table = pd.read_csv(tmp_path / "out" / "radiomics.csv")
    assert set(table["structure"]) == {"disc"}
    assert (tmp_path / "out" / "features.csv").is_file()
    refused = call(capsys, monkeypatch, *given, "--quiet", "--engine", "other")
    assert refused.status == 2
    assert "'pyradiomics' or 'mirp'" in refused.err
    (tmp_path / "s.toml").write_text("bins = 5")
    assert call(capsys, monkeypatch, *given, "--quiet").status == 2


def test_grid_rounding_and_bins_by_hand():
    from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import grey_levels, prepare, resegmented

    # five voxels of 2 mm become ten of 1 mm: centres at -0.25, 0.25, 0.75, … of the old ones
    ramp = np.broadcast_to(np.arange(5.0) * 10, (3, 3, 5)).copy()
    region = np.zeros(ramp.shape, dtype=bool)
    region[:, :, 1:4] = True
    fine = prepare(ramp + 0.5, region, np.array([2.0, 1.0, 1.0]), RadiomicsSettings(spacing_mm=1.0))
    np.testing.assert_allclose(fine.volume[1, 1] - 0.5, [0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 32.5, 37.5, 40])
    assert fine.region[1, 1].tolist() == [False, False, True, True, True, True, True, True, False, False]
    rounded = prepare(ramp, region, np.array([2.0, 1.0, 1.0]), RadiomicsSettings(spacing_mm=1.0))
    np.testing.assert_array_equal(rounded.volume[1, 1], [0, 3, 8, 13, 18, 23, 28, 33, 38, 40])
    # a mask of exactly one half lies inside
    half = prepare(ramp, region, np.array([2.0, 1.0, 1.0]), RadiomicsSettings(spacing_mm=2.0))
    assert half.volume.shape == (2, 2, 5)
    assert half.region.all(axis=(0, 1)).tolist() == [False, True, True, True, False]
    values = np.array([[[-5.0, 0.0, 24.9, 25.0, 50.0, 99.0]]])
    kept = values >= 0
    by_range = RadiomicsSettings(bin_width=25, intensity_range=(-10, 400))
    assert grey_levels(values, kept, by_range, filtered=False)[0, 0].tolist() == [0, 1, 2, 2, 3, 5]
    assert grey_levels(values, kept, by_range, filtered=True)[0, 0].tolist() == [0, 1, 1, 2, 3, 4]
    assert grey_levels(values, kept, RadiomicsSettings(bin_count=4), filtered=False)[0, 0].tolist() == [
        0,
        1,
        2,
        2,
        3,
        4,
    ]
    spread = np.zeros((1, 1, 101))
    spread[0, 0, 0], spread[0, 0, 1] = 100.0, 1.0
    prepared = prepare(spread, np.ones(spread.shape, dtype=bool), np.ones(3), RadiomicsSettings())
    assert resegmented(prepared, RadiomicsSettings(outlier_sd=3)).sum() == 100
    assert resegmented(prepared, RadiomicsSettings(outlier_sd=3, intensity_range=(0, 99))).sum() == 99  # then 1 is far


def test_slice_by_slice_voxels_are_resampled_within_the_slice_alone():
    from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import prepare

    volume = np.arange(3 * 4 * 4, dtype=float).reshape(3, 4, 4)
    volume[:] *= np.array([1.0, 10.0, 100.0])[:, None, None]  # no slice is a mean of its neighbours
    settings = RadiomicsSettings(spacing_mm=2, aggregation="2.5d")
    prepared = prepare(volume, np.ones(volume.shape, dtype=bool), np.array([1.0, 1.0, 4.0]), settings)
    assert prepared.spacing.tolist() == [2.0, 2.0, 4.0]
    blocks = volume.reshape(3, 2, 2, 2, 2).mean(axis=(2, 4))  # new centres lie amid four old ones
    np.testing.assert_allclose(prepared.volume, np.floor(blocks + 0.5))
    assert RadiomicsSettings(aggregation="2d").method_id != RadiomicsSettings().method_id
    assert "aggregation" not in RadiomicsSettings().to_dict()  # hashes of before stay
    assert RadiomicsSettings.from_dict(settings.to_dict()) == settings
    for refused in ({"images": ("wavelet",)}, {"preprocessing": "pyradiomics"}, {"aggregation": "4d"}):
        with pytest.raises(ArgumentError, match="aggregation"):
            RadiomicsSettings(**{"aggregation": "2d", **refused})


@pytest.mark.parametrize(
    ("settings", "reason", "word"),
    [
        ({"bin_widht": 5}, "unknown_key", "'bin_width'"),
        ({"normalise": "false"}, "type", "true or false"),
        ({"bin_width": "25"}, "type", "a number"),
        ({"bin_count": 32.5}, "type", "a whole number"),
        ({"classes": "glcm"}, "type", "brackets"),
        ({"intensity_range": [0.0]}, "range", "2"),
        ({"spacing_mm": float("nan")}, "not_finite", "finite"),
        ({"spacing_mm": 0.09}, "range", "0.1"),
    ],
)
def test_settings_of_a_file_are_read_strictly(settings, reason, word):
    with pytest.raises(ArgumentError) as told:
        RadiomicsSettings.from_dict(settings)
    row = told.value.failures.iloc[0]
    assert row["reason"] == reason
    assert word in row["message"]
