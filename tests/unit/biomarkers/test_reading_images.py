"""Files in, voxels with their place in the patient out."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomarkers import Image, Mask, read_image, read_mask
from lbp_prognosis.biomarkers.readers import _dicom

nib = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")
pydicom = pytest.importorskip("pydicom")

AFFINE = np.array([[0, 0, -4.0, 30], [-0.6, 0, 0, 20], [0, 0.7, 0, -10], [0, 0, 0, 1]])  # PSL


@pytest.fixture
def block():
    data = np.zeros((6, 7, 5), dtype=np.int16)
    data[1, 2, 3] = 700
    return data


def save_nifti(path, data, affine, *, sform=2, qform=0):
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=sform)
    image.set_qform(affine, code=qform)
    nib.save(image, path)
    return path


def as_itk(data, affine):
    """Write by SimpleITK what `affine` says in RAS."""
    lps = np.diag([-1, -1, 1, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose(2, 1, 0)))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_every_format_puts_the_voxel_at_the_same_place(tmp_path, block, ending):
    path = tmp_path / f"image{ending}"
    if "nii" in ending:
        save_nifti(path, block, AFFINE)
    else:
        sitk.WriteImage(as_itk(block, AFFINE), str(path), useCompression=True)
    image = read_image(path)
    assert image.data.shape == (6, 7, 5)
    at = np.argwhere(image.data == 700)[0]
    np.testing.assert_allclose(image.grid.to_world(at.astype(float)), (AFFINE @ [1, 2, 3, 1])[:3], atol=1e-4)
    assert image.grid.orientation == "PSL"
    np.testing.assert_allclose(image.grid.spacing, [0.6, 0.7, 4.0], atol=1e-5)


def write_dicom(folder, data, affine, **tags):
    """Write one slice a file: columns run along the first axis, rows along the second."""
    folder.mkdir(exist_ok=True)
    lps = np.diag([-1, -1, 1, 1.0]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    series, study = pydicom.uid.generate_uid(entropy_srcs=["a"]), pydicom.uid.generate_uid(entropy_srcs=["b"])
    for k in range(data.shape[2]):
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        meta.MediaStorageSOPInstanceUID = f"1.2.3.{k + 1}"
        one = pydicom.dataset.FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        one.SeriesInstanceUID, one.StudyInstanceUID, one.Modality = series, study, "MR"
        one.Columns, one.Rows = data.shape[:2]
        one.PixelSpacing = [float(spacing[1]), float(spacing[0])]
        one.ImageOrientationPatient = [*(lps[:3, 0] / spacing[0]).tolist(), *(lps[:3, 1] / spacing[1]).tolist()]
        one.ImagePositionPatient = (lps[:3, :3] @ [0, 0, k] + lps[:3, 3]).tolist()
        one.BitsAllocated = one.BitsStored = 16
        one.HighBit, one.PixelRepresentation, one.SamplesPerPixel = 15, 1, 1
        one.PhotometricInterpretation = "MONOCHROME2"
        one.PixelData = np.ascontiguousarray(data[:, :, k].T.astype("<i2")).tobytes()
        for name, value in tags.items():
            if value is None:
                delattr(one, name)
            else:
                setattr(one, name, value)
        one.save_as(folder / f"{(k * 7) % data.shape[2]:03d}.dcm", enforce_file_format=True)
    return folder


def test_a_dicom_series_has_the_same_place_and_its_acquisition(tmp_path, block):
    folder = write_dicom(
        tmp_path / "series",
        block,
        AFFINE,
        MagneticFieldStrength="1.5",
        Manufacturer="ACME",
        EchoTime="101",
        AcquisitionDate="20240531",
        PatientPosition="HFS",
        RescaleSlope="2",
        RescaleIntercept="-5",
    )
    (folder / "notes.txt").write_text("not DICOM")
    image = read_image(folder)
    at = np.argwhere(image.data == 2 * 700 - 5)[0]
    np.testing.assert_allclose(image.grid.to_world(at.astype(float)), (AFFINE @ [1, 2, 3, 1])[:3], atol=1e-4)
    assert image.acquisition["field_strength"] == 1.5
    assert image.acquisition["acquired_on"] == "2024-05-31"
    assert image.acquisition["vendor"] == "ACME"
    assert "kvp" not in image.acquisition


@pytest.mark.parametrize("tag", ["ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"])
def test_dicom_without_a_place_is_refused_by_name(tmp_path, block, tag):
    folder = write_dicom(tmp_path / "series", block, AFFINE, **{tag: None})
    with pytest.raises(DataError, match=tag):
        read_image(folder)


def test_dicom_with_a_missing_slice_and_with_two_series_is_refused(tmp_path, block):
    folder = write_dicom(tmp_path / "series", block, AFFINE)
    sorted(folder.glob("*.dcm"))[2].unlink()
    with pytest.raises(DataError, match="one is missing"):
        read_image(folder)
    other = write_dicom(tmp_path / "two", block, AFFINE)
    write_dicom(other / "b", block, AFFINE, SeriesInstanceUID="1.2.3.4")
    with pytest.raises(ArgumentError, match="contains 2 series"):
        read_image(other)
    assert read_image(other, series="1.2.3.4").data.shape == block.shape


def test_doubled_positions_are_a_series_in_time(tmp_path, block):
    folder = write_dicom(tmp_path / "series", block, AFFINE)
    first = pydicom.dcmread(sorted(folder.glob("*.dcm"))[0])
    first.SOPInstanceUID = "1.2.99"
    first.save_as(folder / "again.dcm")
    with pytest.raises(ArgumentError, match="doubled positions"):
        read_image(folder)


def write_enhanced(path, data, affine, *, frames_at=None):
    """Write all slices as frames of one enhanced object, in a shuffled order, rescaling shared and places their own."""
    source = write_dicom(path.parent / "single", data, affine)
    singles = sorted((pydicom.dcmread(f) for f in source.glob("*.dcm")), key=lambda d: d.ImagePositionPatient[2])
    one, count = pydicom.dcmread(sorted(source.glob("*.dcm"))[0]), data.shape[2]
    order = [*range(0, count, 2), *range(1, count, 2)]
    for name in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
        delattr(one, name)
    one.NumberOfFrames = count
    one.PixelData = b"".join(singles[k].PixelData for k in order)

    def group(sequence, **tags):
        outer, inner = pydicom.Dataset(), pydicom.Dataset()
        for name, value in tags.items():
            setattr(inner, name, value)
        setattr(outer, sequence, pydicom.Sequence([inner]))
        return outer

    shared = group("PixelMeasuresSequence", PixelSpacing=singles[0].PixelSpacing)
    shared.PlaneOrientationSequence = group(
        "PlaneOrientationSequence", ImageOrientationPatient=singles[0].ImageOrientationPatient
    ).PlaneOrientationSequence
    shared.PixelValueTransformationSequence = group(
        "PixelValueTransformationSequence", RescaleSlope="2", RescaleIntercept="-5"
    ).PixelValueTransformationSequence
    one.SharedFunctionalGroupsSequence = pydicom.Sequence([shared])
    one.PerFrameFunctionalGroupsSequence = pydicom.Sequence(
        [group("PlanePositionSequence", ImagePositionPatient=singles[k].ImagePositionPatient) for k in order]
    )
    path.mkdir()
    one.save_as(path / "enhanced.dcm", enforce_file_format=True)
    return path, one


def test_an_enhanced_object_is_read_frame_by_frame(tmp_path, block):
    folder, head = write_enhanced(tmp_path / "enhanced", block, AFFINE)
    image = read_image(folder)
    plain = read_image(write_dicom(tmp_path / "plain", block, AFFINE, RescaleSlope="2", RescaleIntercept="-5"))
    np.testing.assert_array_equal(image.data, plain.data)
    np.testing.assert_allclose(image.affine, plain.affine, atol=1e-6)
    del head.PerFrameFunctionalGroupsSequence
    head.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    with pytest.raises(DataError, match="functional groups"):
        read_image(folder)


def test_an_enhanced_object_tells_its_acquisition_in_functional_groups(tmp_path, block):
    folder, head = write_enhanced(tmp_path / "enhanced", block, AFFINE)

    def items(**tags):
        inner = pydicom.Dataset()
        for name, value in tags.items():
            setattr(inner, name, value)
        return pydicom.Sequence([inner])

    for name in ("AcquisitionDate", "KVP", "RepetitionTime", "EchoTime", "SliceThickness", "ConvolutionKernel"):
        if name in head:
            delattr(head, name)
    head.AcquisitionDateTime = "20240229081500.000"
    head.ContrastBolusAgentSequence = items(CodeMeaning="Gadolinium")
    shared, first = head.SharedFunctionalGroupsSequence[0], head.PerFrameFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence[0].SliceThickness = "3.5"
    shared.MRTimingAndRelatedParametersSequence = items(RepetitionTime="2500")
    shared.CTXRayDetailsSequence = items(KVP="100")
    shared.CTReconstructionSequence = items(ConvolutionKernel="Br40")
    for frame in head.PerFrameFunctionalGroupsSequence:
        frame.MREchoSequence = items(EffectiveEchoTime=95.0)
    head.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    told = read_image(folder).acquisition
    want = {"acquired_on": "2024-02-29", "contrast": True, "slice_thickness": 3.5, "repetition_time": 2500.0}
    want |= {"kvp": 100.0, "kernel": "Br40", "echo_time": 95.0}
    assert {name: told.get(name) for name in want} == want
    # of a single frame the thickness is the distance to the next slice
    head.NumberOfFrames, head.PixelData = 1, head.PixelData[: len(head.PixelData) // block.shape[2]]
    head.PerFrameFunctionalGroupsSequence = pydicom.Sequence([first])
    head.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    assert read_image(folder).grid.spacing[2] == pytest.approx(3.5)


def test_frames_of_several_scales_are_not_left_to_a_reader_with_one(tmp_path, block, monkeypatch):
    folder, head = write_enhanced(tmp_path / "enhanced", block, AFFINE)
    inner = pydicom.Dataset()
    inner.RescaleSlope, inner.RescaleIntercept = "4", "0"
    head.PerFrameFunctionalGroupsSequence[1].PixelValueTransformationSequence = pydicom.Sequence([inner])
    head.save_as(folder / "enhanced.dcm", enforce_file_format=True)
    plain = read_image(write_dicom(tmp_path / "plain", block, AFFINE, RescaleSlope="2", RescaleIntercept="-5"))
    x, y, z = head.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient
    k = round(float((np.linalg.inv(plain.affine) @ [-x, -y, z, 1])[2]))  # the slice that the second frame is
    want = plain.data.copy()
    want[:, :, k] = (want[:, :, k] + 5) * 2
    np.testing.assert_array_equal(read_image(folder).data, want)
    real = _dicom._pixels
    monkeypatch.setattr(_dicom, "_pixels", lambda *args: (real(*args)[0], True))
    with pytest.raises(DataError, match="rescales its frames differently"):
        read_image(folder)


@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000"])
def test_compressed_slices_are_read_and_rescaled_once(tmp_path, compressor):
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(0)
    data = rng.integers(0, 900, (24, 20, 3))
    folder = tmp_path / "jpeg"
    folder.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(3):
        part = sitk.GetImageFromArray(data[:, :, k].T.astype(np.int16)[None])
        part.SetSpacing((0.8, 0.8, 3.0))
        part.SetOrigin((0.0, 0.0, 3.0 * k))
        for tag, value in (
            ("0020|000e", "1.2.840.1"),
            ("0020|000d", "1.2.840.2"),
            ("0008|0018", f"1.2.840.3.{k}"),
            ("0008|0060", "CT"),
            ("0020|0032", f"0\\0\\{3 * k}"),
            ("0020|0037", "1\\0\\0\\0\\1\\0"),
            ("0028|1052", "-1024"),
            ("0028|1053", "1"),
        ):
            part.SetMetaData(tag, value)
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.SetFileName(str(folder / f"{k}.dcm"))
        writer.Execute(part)
    syntax = pydicom.dcmread(folder / "0.dcm").file_meta.TransferSyntaxUID
    assert syntax.is_compressed
    image = read_image(folder)
    plain = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "1.dcm")))[0].T
    np.testing.assert_allclose(image.data[:, :, 1], plain)
    assert np.ptp(image.data[:, :, 1] - data[:, :, 1]) == 0  # lossless, one offset
    assert image.grid.shape == (24, 20, 3)


def test_blocks_of_several_angulations_are_told_and_read_one_by_one(tmp_path, block):
    folder = tmp_path / "blocks"
    turn = np.eye(4)
    turn[:3, :3] = [[1, 0, 0], [0, np.cos(0.3), -np.sin(0.3)], [0, np.sin(0.3), np.cos(0.3)]]
    plain = np.diag([1.0, 1.0, 4.0, 1.0])
    up = plain.copy()
    up[2, 3] = 60.0
    write_dicom(folder, block, turn @ plain)
    write_dicom(folder / "b", block + 1, up)
    with pytest.raises(ArgumentError, match=rf"#1: {block.shape[2]} axial slices, 0° oblique; #2: .* 17° oblique"):
        read_image(folder)
    first, second = read_image(folder, series="#1"), read_image(folder, series="#2")
    assert first.affine[2, 3] > second.affine[2, 3] + 20
    np.testing.assert_allclose(np.abs(first.affine[:3, :3]), plain[:3, :3], atol=1e-5)
    np.testing.assert_array_equal(first.data, second.data + 1)
    uid = str(pydicom.dcmread(next(folder.glob("*.dcm"))).SeriesInstanceUID)
    np.testing.assert_array_equal(read_image(folder, series=f"{uid}#2").data, second.data)
    for wrong in ("#3", "#0", "#x"):
        with pytest.raises(ArgumentError, match="number of a block"):
            read_image(folder, series=wrong)


def test_four_dimensions_colours_and_lost_orientation_are_refused(tmp_path, block):
    with pytest.raises(ArgumentError, match="three-dimensional"):
        read_image(save_nifti(tmp_path / "t.nii.gz", np.stack([block, block], axis=-1), AFFINE))
    one = read_image(save_nifti(tmp_path / "one.nii.gz", block[..., None], AFFINE))
    assert one.data.shape == block.shape
    with pytest.raises(ArgumentError, match="orientation"):
        read_image(save_nifti(tmp_path / "o.nii.gz", block, AFFINE, sform=0, qform=0))
    rgb = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii.gz")
    with pytest.raises(ArgumentError, match="colours"):
        read_image(tmp_path / "rgb.nii.gz")
    with pytest.raises(ArgumentError, match="three-dimensional"):
        Image(np.zeros((2, 3)), np.eye(4))
    with pytest.raises(ArgumentError, match="without masked voxels; got 1 masked voxels"):
        Image(np.ma.masked_greater(np.arange(8.0).reshape(2, 2, 2), 6), np.eye(4))
    assert Image(np.ma.array(np.zeros((2, 2, 2))), np.eye(4)).data.shape == (2, 2, 2)


def test_a_matrix_that_is_no_lattice_is_refused(block):
    for affine, word in (
        (np.diag([1e-5, 1, 1, 1]), "unit"),
        (np.zeros((4, 4)), "matrix"),
        (np.full((4, 4), np.nan), "matrix"),
        (np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "right angles"),
    ):
        with pytest.raises(ArgumentError, match=word):
            Image(block, affine)


def test_labels_stored_as_floats_are_taken_if_whole_and_refused_if_not():
    data = np.zeros((4, 4, 4))
    data[1] = 5.0
    assert Mask(data, np.eye(4)).data.dtype == np.uint8
    data[0, 0, 0] = 2.4
    with pytest.raises(ArgumentError, match="1 fractional"):
        Mask(data, np.eye(4))
    data[0, 0, 0] = np.nan
    with pytest.raises(ArgumentError, match="missing"):
        Mask(data, np.eye(4))
    with pytest.raises(ArgumentError, match="background only"):
        Mask(np.zeros((3, 3, 3)), np.eye(4))
    with pytest.raises(ArgumentError, match="between 0 and 65535"):
        Mask(np.full((3, 3, 3), -1), np.eye(4))


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_labels_of_64_bits_are_taken_up_to_65535(tmp_path, kind):
    for highest, stored in ((255, np.uint8), (65535, np.uint16)):
        data = np.zeros((3, 3, 3), dtype=kind)
        data[1, 2, 0] = highest
        nib.save(nib.Nifti1Image(data, np.eye(4), dtype=kind), tmp_path / "m.nii.gz")
        found = read_mask(tmp_path / "m.nii.gz")
        assert found.data.dtype == stored
        assert np.argwhere(found.data == highest).tolist() == [[1, 2, 0]]
    for beyond in (65536, 2**62 if kind is np.int64 else 2**63):
        data[1, 2, 0] = beyond
        with pytest.raises(ArgumentError, match=f"labels from 0 to {beyond}"):
            Mask(data, np.eye(4))


def test_a_mask_with_turned_axes_is_turned_without_loss_and_any_other_lattice_refused(block):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, (6, 7, 5))
    image = Image(block, AFFINE)
    turned = np.flip(labels.transpose(2, 0, 1), axis=1)
    affine = AFFINE[:, [2, 0, 1, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * (turned.shape[1] - 1)
    affine[:3, 1] *= -1
    np.testing.assert_array_equal(Mask(turned, affine).on_grid_of(image).data, labels)
    for wrong in (AFFINE @ np.diag([1, 1, 1.1, 1]), AFFINE + np.array([[0, 0, 0, 3.0], *np.zeros((3, 4))])):
        with pytest.raises(ArgumentError, match="Resample the mask"):
            Mask(labels, wrong).on_grid_of(image)
    with pytest.raises(ArgumentError, match="grid of the image"):
        Mask(labels[:-1], AFFINE).on_grid_of(image)


def test_unknown_endings_and_absent_files_say_what_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(ArgumentError, match=r"\.nrrd"):
        read_image(tmp_path / "a.png")
    with pytest.raises(ArgumentError, match="existing"):
        read_mask(tmp_path / "absent.nii.gz")


def test_public_test_images_keep_their_orientation_and_types(shared):
    folder = shared / "data" / "img_sct_testing"
    t2, seg = read_image(folder / "t2.nii.gz"), read_mask(folder / "t2_seg-manual.nii.gz")
    assert t2.grid.orientation == "PSR"
    assert seg.on_grid_of(t2).data.sum() == seg.data.sum()
    labelled = read_mask(folder / "t2_seg-manual_labeled.nii.gz")  # stored as float64
    assert labelled.data.dtype == np.uint8
    assert np.unique(labelled.data).tolist() == [0, 2, 3, 4, 5]
    assert read_image(folder / "t1w.nii.gz").grid.orientation == "RAS"
    # the cord is one structure whichever way the array runs: cervical levels 2 to 5 go down
    heights = [labelled.grid.to_world(np.argwhere(labelled.data == v).mean(axis=0))[2] for v in (2, 3, 4, 5)]
    assert heights == sorted(heights, reverse=True)


def test_one_file_a_structure_is_one_mask(tmp_path):
    from lbp_prognosis.biomarkers import LabelMap, extract
    from lbp_prognosis.biomarkers.readers._read_class_files import read_class_files

    label_map = LabelMap("totalsegmentator_total_v2")
    whole = np.zeros((12, 12, 20), dtype=np.uint8)
    whole[3:9, 3:9, 2:9], whole[3:9, 3:9, 11:18] = 27, 28
    for stem, value in (("vertebrae_L5", 27), ("vertebrae_L4", 28), ("vertebrae_L3", 29)):
        save_nifti(tmp_path / f"{stem}.nii.gz", (whole == value).astype(np.uint8), np.diag([4.0, 4, 4, 1]))
    save_nifti(tmp_path / "liver.nii.gz", np.ones_like(whole), np.diag([4.0, 4, 4, 1]))
    joined = read_class_files(tmp_path, label_map, max_bytes=2**30)
    np.testing.assert_array_equal(joined.data, whole)
    study = {"patient_id": 1, "mask": str(tmp_path), "convention": "totalsegmentator_total_v2"}
    volumes = extract(study).table.query("measure == 'vertebra_volume'").set_index("level")["value"]
    assert volumes["l5"] == pytest.approx(6 * 6 * 7 * 0.064)
    save_nifti(tmp_path / "vertebrae_L3.nii.gz", (whole == 28).astype(np.uint8), np.diag([4.0, 4, 4, 1]))
    with pytest.raises(DataError, match="claims voxels"):
        read_class_files(tmp_path, label_map, max_bytes=2**30)
    with pytest.raises(ArgumentError, match="vertebrae_L5"):
        read_class_files(tmp_path.parent, label_map, max_bytes=2**30)
    with pytest.raises(ArgumentError, match="not written by this tool"):
        read_class_files(tmp_path, LabelMap("spider"), max_bytes=2**30)


def packed(data, scale=None):
    image = nib.Nifti1Image(data, AFFINE)
    image.set_sform(AFFINE, code=2)
    if scale is not None:
        image.header.set_slope_inter(*scale)
    return image.to_bytes()


@pytest.mark.parametrize("kind", ["one member", "two members", "zeros behind", "scaled", "empty", "big"])
def test_a_compressed_nifti_gives_the_voxels_that_nibabel_gives(tmp_path, block, kind):
    data = {"empty": np.zeros_like(block), "big": np.zeros((70, 80, 60), dtype=np.uint8)}.get(kind, block)
    if kind == "big":  # stretches of zeros are not written
        data[30:40, 20:60, 40:50] = np.arange(4000).reshape(10, 40, 10) % 251
    plain = packed(data, (0.5, -3.0) if kind == "scaled" else None)
    half = len(plain) // 2
    parts = [plain[:half], plain[half:]] if kind == "two members" else [plain]
    path = tmp_path / "i.nii.gz"
    path.write_bytes(b"".join(map(gzip.compress, parts)) + (b"\0" * 512 if kind == "zeros behind" else b""))
    read, expected = read_image(path).data, np.asanyarray(nib.load(path).dataobj)
    assert (read.dtype, read.flags.writeable, read.flags.f_contiguous) == (expected.dtype, True, True)
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize("damage", ["a voxel", "the checksum", "no checksum", "half"])
def test_a_compressed_nifti_that_is_damaged_is_refused(tmp_path, damage):
    plain = packed(np.arange(24**3, dtype=np.int16).reshape(24, 24, 24))
    content = gzip.compress(plain, compresslevel=0)
    at = {"a voxel": -40, "the checksum": -7}.get(damage)
    if at is not None:
        content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    content = {"no checksum": content[:-8], "half": content[: len(content) * 9 // 10]}.get(damage, content)
    path = tmp_path / "i.nii.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged or cut short"):
        read_image(path)


def test_the_size_of_scaled_voxels_is_that_of_the_numbers_they_become(tmp_path, block):
    path = tmp_path / "i.nii.gz"
    path.write_bytes(gzip.compress(packed(block, (0.5, -3.0))))
    assert read_image(path, max_bytes=block.size * 8).data.dtype == np.float64
    with pytest.raises(DataError, match="declares 6×7×5 voxels"):
        read_image(path, max_bytes=block.size * 8 - 1)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(">i2", "int16"), (">f4", "float32"), (">f8", "float64"), ("f2", "float32"), ("g", "float64"), ("u1", "uint8")],
)
def test_numbers_of_any_byte_order_and_width_can_be_computed_with(given, kept):
    values = np.arange(24).reshape(2, 3, 4)
    image = Image(values.astype(given), np.eye(4))
    assert image.data.dtype == np.dtype(kept)
    assert image.data.dtype.isnative
    np.testing.assert_array_equal(image.data, values)
