"""Damaged, absurd and malicious image files: a clear message each, nothing unbounded, and the batch goes on."""

from __future__ import annotations

import contextlib
import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from dicom_files import FRAME, outlines, write_rtstruct, write_seg
from file_variants import block, save
from file_variants import slices as dicom_slices
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError, DataError, LBPError
from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract, read_image, read_mask

nib = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")
RECIPE = Recipe(families=("disc",))


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return a folder with one good mask in each format."""
    folder = tmp_path_factory.mktemp("good")
    data, affine = Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(3.0, 2.0, 2.0))
    nib.save(nib.Nifti1Image(data.astype(np.uint8), affine), folder / "mask.nii.gz")
    nib.save(nib.Nifti1Image(data.astype(np.uint8), affine), folder / "mask.nii")
    image = sitk.ReadImage(str(folder / "mask.nii.gz"))
    sitk.WriteImage(image, str(folder / "mask.nrrd"), useCompression=True)
    sitk.WriteImage(image, str(folder / "mask.mha"), useCompression=True)
    return folder


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6])
def test_a_file_cut_short_says_so(good, tmp_path, ending, share):
    whole = (good / f"mask{ending}").read_bytes()
    path = tmp_path / f"cut{ending}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises((DataError, ArgumentError)) as caught:
        read_mask(path)
    assert str(path) in str(caught.value) or "background only" in str(caught.value)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_file_of_another_kind_under_a_known_name_is_refused(tmp_path, ending):
    path = tmp_path / f"picture{ending}"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(4000))
    with pytest.raises(DataError, match="readable"):
        read_image(path)


def bomb(path, shape):
    """Write a NIfTI header that promises `shape` voxels, and a few kilobytes that unpack to zeros."""
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.uint8)
    header.set_sform(np.eye(4), code=1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    with gzip.open(path, "wb", compresslevel=9) as handle:
        handle.write(header.binaryblock + bytes(4))
        for _ in range(64):
            handle.write(bytes(1 << 20))
    return path


def test_a_compressed_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = bomb(tmp_path / "bomb.nii.gz", (30000, 30000, 30000))
    assert path.stat().st_size < 1_000_000
    tracemalloc.start()
    with pytest.raises(DataError, match="GiB unpacked"):
        read_mask(path)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    # a small promise over a large stream reads what was promised and no more
    small = bomb(tmp_path / "small.nii.gz", (10, 10, 10))
    with pytest.raises(ArgumentError, match="background only"):
        read_mask(small)
    with pytest.raises(DataError, match=r"at most 0\.0 GiB"):
        read_image(small, max_bytes=100)


def test_headers_with_absurd_shapes_and_sides_are_refused(tmp_path):
    text = (
        "NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 90000 90000 90000\n"
        "space directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: gzip\nspace origin: (0,0,0)\n\n"
    )
    (tmp_path / "big.nrrd").write_bytes(text.encode() + gzip.compress(bytes(1000)))
    with pytest.raises(DataError):
        read_image(tmp_path / "big.nrrd")
    lines = (b"ObjectType = Image", b"NDims = 3", b"DimSize = 90000 90000 90000", b"ElementType = MET_UCHAR")
    (tmp_path / "big.mha").write_bytes(b"\n".join([*lines, b"ElementDataFile = LOCAL", b"\0\0"]))
    with pytest.raises(DataError):
        read_image(tmp_path / "big.mha")
    header = nib.Nifti1Header()
    header.set_data_shape((3, 3, 3))
    raw = bytearray(header.binaryblock)
    raw[42:44] = struct.pack("<h", -5)
    (tmp_path / "negative.nii").write_bytes(bytes(raw) + bytes(100))
    with pytest.raises(LBPError):
        read_image(tmp_path / "negative.nii")


def test_a_detached_header_cannot_point_at_another_file(tmp_path):
    (tmp_path / "secret.raw").write_bytes(bytes(range(64)))
    text = "NDims = 3\nDimSize = 4 4 4\nElementType = MET_UCHAR\nElementDataFile = secret.raw\n"
    (tmp_path / "points.mhd").write_text(text)
    with pytest.raises(ArgumentError, match="detached"):
        read_image(tmp_path / "points.mhd")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 351), value=st.integers(0, 255))
def test_any_damaged_header_byte_gives_a_volume_or_a_named_error(good, tmp_path, at, value):
    content = bytearray((good / "mask.nii").read_bytes())
    content[at] = value
    path = tmp_path / "damaged.nii"
    path.write_bytes(bytes(content))
    result = extract([{"patient_id": "bad", "mask": str(path), "convention": "totalspineseg"}], RECIPE, max_bytes=2**28)
    if not result.failures.empty:
        assert result.failures["message"].str.len().item() > 10
        assert result.table.empty


def test_masks_that_hold_nothing_to_measure_give_reasons_and_no_crash():
    rng = np.random.default_rng(0)
    specks = np.zeros((30, 30, 30), dtype=int)
    specks[tuple(rng.integers(2, 28, (3, 40)))] = 44
    line = np.zeros((30, 30, 30), dtype=int)
    line[15, 15, 3:27] = 2
    one = np.zeros((9, 9, 9), dtype=int)
    one[4, 4, 4] = 94
    sheet = np.zeros((30, 30, 30), dtype=int)
    sheet[:, :, 15] = 44
    full = np.full((20, 20, 20), 43)
    studies = [
        {
            "patient_id": str(k),
            "mask": Mask(data, np.diag([2.0, 2, 2, 1])),
            "convention": "totalspineseg",
            "modality": "mri",
        }
        for k, data in enumerate((specks, line, one, sheet, full))
    ]
    result = extract(studies)
    assert set(result.table["patient_id"]) | set(result.failures["patient_id"]) == {"0", "1", "2", "3", "4"}
    assert (
        result.failures.empty or not result.failures["error"].isin(["IndexError", "TypeError", "AttributeError"]).any()
    )
    missing = result.table[result.table["value"].isna()]
    assert (missing["reason"] != "").all()


def test_an_image_of_constants_and_of_missing_values_gives_reasons(good):
    mask = read_mask(good / "mask.nii.gz")
    from lbp_prognosis.biomarkers import Image

    for fill in (0.0, np.nan):
        image = Image(np.full(mask.data.shape, fill, dtype=np.float32), mask.affine)
        study = {
            "patient_id": "p",
            "mask": mask,
            "image": image,
            "convention": "totalspineseg",
            "modality": "mri",
            "sequence": "t2",
        }
        result = extract(study)
        assert result.failures.empty, result.failures["message"].tolist()
        ratio = result.table[result.table["measure"] == "disc_csf_ratio"]
        assert ratio["value"].isna().all()
        assert (ratio["reason"] != "").all()


def test_names_of_patients_never_leave_the_folder_of_pictures(good, tmp_path):
    study = {"patient_id": "../../evil/\x00name", "mask": str(good / "mask.nii.gz"), "convention": "totalspineseg"}
    result = extract(study, RECIPE, overlays=tmp_path / "pictures")
    assert result.failures.empty
    assert [p.parent for p in tmp_path.rglob("*.png")] == [tmp_path / "pictures"]


def test_a_picture_that_fails_costs_no_measurement(good, tmp_path, monkeypatch):
    from lbp_prognosis.biomarkers import _overlay

    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr(_overlay, "save_overlay", broken)
    study = {"patient_id": "p", "mask": str(good / "mask.nii.gz"), "convention": "totalspineseg"}
    result = extract(study, RECIPE, overlays=tmp_path / "pictures")
    assert not result.table.empty
    assert "no space left" in result.failures["message"].item()


def test_a_mask_of_something_else_is_a_failure_or_a_doubted_level():
    cord = np.zeros((30, 30, 40), dtype=int)
    cord[12:18, 12:18, 4:36] = 1
    lump = np.zeros((40, 40, 40), dtype=int)
    lump[10:30, 10:30, 10:30] = 45
    studies = [
        {"patient_id": str(k), "mask": Mask(data, np.eye(4)), "convention": "totalspineseg", "modality": "mri"}
        for k, data in enumerate((cord, lump))
    ]
    result = extract(studies)
    assert result.failures["patient_id"].tolist() == ["0"]
    assert "the mask contains spinal_cord" in result.failures["message"].item()
    named = result.table[(result.table["patient_id"] == "1") & (result.table["level"] != "")]
    assert (named["level_confidence"] == 0.25).all()
    assert named["flags"].str.contains("size_unlike_level").all()


@pytest.fixture(scope="module")
def dicom(tmp_path_factory):
    """Return a segmentation, a label map, a structure set and a slice, their map of labels and their image."""
    pytest.importorskip("pydicom")
    folder = tmp_path_factory.mktemp("dicom")
    affine, labels = np.diag([1.0, 1.2, 3.0, 1.0]), np.zeros((8, 9, 5), dtype=bool)
    labels[2:6, 2:6, 1:4] = True
    (folder / "map.toml").write_text('[labels]\n5 = { structure = "canal", segment = "A" }\n')
    files = [
        write_seg(folder / "seg.dcm", {"A": labels}, affine),
        write_seg(folder / "map.dcm", {"A": labels}, affine, kind="LABELMAP"),
        write_rtstruct(folder / "contours.dcm", {"A": outlines(labels, affine)}),
    ]
    image = Image(np.zeros(labels.shape), affine, {"frame_of_reference": FRAME})
    slices = [file.read_bytes() for file in sorted(save(folder / "series", dicom_slices(block())).glob("*.dcm"))]
    return [file.read_bytes() for file in files], slices, folder / "map.toml", image


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.integers(0, 2), at=st.floats(0, 1), value=st.integers(0, 255), cut=st.booleans())
def test_any_damaged_byte_of_a_dicom_mask_gives_labels_or_a_named_error(dicom, tmp_path, kind, at, value, cut):
    files, _, table, image = dicom
    content = bytearray(files[kind])
    place = 132 + int(at * (len(content) - 133))
    content[place] = value
    path = tmp_path / "damaged.dcm"
    path.write_bytes(bytes(content[:place] if cut else content))
    with contextlib.suppress(LBPError):
        assert read_mask(path, convention=table, image=image).data.max() == 5


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1), value=st.integers(0, 255))
def test_any_damaged_byte_of_a_dicom_slice_gives_an_image_or_a_named_error(dicom, tmp_path, at, value):
    folder = tmp_path / "series"
    folder.mkdir(exist_ok=True)
    for k, content in enumerate(dicom[1]):
        changed = bytearray(content)
        if k == 2:
            changed[132 + int(at * (len(changed) - 133))] = value
        (folder / f"{k}.dcm").write_bytes(bytes(changed))
    with contextlib.suppress(LBPError):
        assert read_image(folder).data.ndim == 3
