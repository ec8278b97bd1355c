"""Files as hospitals and tools write them: one small volume in many variants, each read right or refused with a remedy.

The volume has one bright voxel at (1, 2, 3) on a sagittal lattice of unequal sides. A variant is a function that writes
it below a folder and returns what is read: a path, or a path and keyword arguments.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from dicom_files import base, item, write_rtstruct, write_seg

AFFINE = np.array([[0, 0, -4.0, 30], [-0.6, 0, 0, 20], [0, 0.7, 0, -10], [0, 0, 0, 1]])  # PSL
AT, BRIGHT = (1, 2, 3), 700
READ: dict[str, tuple[Callable[[Path], Any], float]] = {}
"""Name -> (what writes it, the value that the bright voxel must have)."""
REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {}
"""Name -> (what writes it, what the message must say)."""


def read(name: str, value: float = BRIGHT) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    def note(write: Callable[[Path], Any]) -> Callable[[Path], Any]:
        READ[name] = (write, value)
        return write

    return note


def refused(name: str, says: str) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    def note(write: Callable[[Path], Any]) -> Callable[[Path], Any]:
        REFUSED[name] = (write, says)
        return write

    return note


def block(dtype: Any = np.int16) -> np.ndarray:
    data = np.zeros((6, 7, 5), dtype=dtype)
    data[AT] = BRIGHT
    return data


# --- NIfTI ---


def nifti(
    path: Path, data: np.ndarray, *, affine: np.ndarray = AFFINE, sform: int = 1, qform: int = 0, **more: Any
) -> Path:
    import nibabel as nib

    kind = nib.Nifti2Image if more.get("second") else nib.Nifti1Image
    header = (nib.Nifti2Header if more.get("second") else nib.Nifti1Header)(endianness=more.get("endian", "<"))
    header.set_data_dtype(data.dtype)
    image = kind(data, affine, header)
    image.header.set_xyzt_units(more.get("unit", "mm"))
    image.set_sform(affine, code=sform)
    image.set_qform(affine if qform else None, code=qform, strip_shears=True)
    if "slope" in more:
        image.header.set_slope_inter(*more["slope"])
    nib.save(image, path)
    return path


for _name in ("int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"):
    read(f"NIfTI of {_name}")(lambda folder, kind=_name: nifti(folder / "i.nii.gz", block(kind)))

read("NIfTI without compression")(lambda folder: nifti(folder / "i.nii", block()))
read("NIfTI with upper-case ending")(lambda folder: nifti(folder / "i.nii.gz", block()).rename(folder / "I.NII.GZ"))
read("NIfTI with a qform alone")(lambda folder: nifti(folder / "i.nii.gz", block(), sform=0, qform=1))
read("NIfTI-2")(lambda folder: nifti(folder / "i.nii", block(), second=True))
read("NIfTI with the bytes of each number reversed")(lambda folder: nifti(folder / "i.nii", block(), endian=">"))
read("NIfTI with a fourth axis of one")(lambda folder: nifti(folder / "i.nii.gz", block()[..., None]))


@read("NIfTI rescaled by slope and intercept", 2 * BRIGHT - 5)
def _(folder: Path) -> Path:
    path = nifti(folder / "i.nii", block())
    content = bytearray(path.read_bytes())
    content[112:120] = struct.pack("<ff", 2.0, -5.0)
    path.write_bytes(bytes(content))
    return path


@read("NIfTI in metres")
def _(folder: Path) -> Path:
    scale = np.diag([1e-3, 1e-3, 1e-3, 1.0])
    return nifti(folder / "i.nii.gz", block(), affine=scale @ AFFINE, unit="meter")


@read("NIfTI with axes flipped and permuted")
def _(folder: Path) -> Path:
    data = np.flip(block(), axis=1).transpose(2, 1, 0)
    affine = AFFINE.copy()
    affine[:3, 3] += affine[:3, 1] * 6
    affine[:3, 1] *= -1
    return nifti(folder / "i.nii.gz", data, affine=affine[:, [2, 1, 0, 3]])


@read("NIfTI beside the JSON file of dcm2niix")
def _(folder: Path) -> Path:
    (folder / "i.json").write_text('{"Modality": "MR", "EchoTime": 0.1}')
    return nifti(folder / "i.nii.gz", block())


@read("link of git-annex with its content")
def _(folder: Path) -> Path:
    store = folder / ".git" / "annex" / "objects" / "aa"
    store.mkdir(parents=True)
    nifti(store / "key.nii.gz", block())
    (folder / "i.nii.gz").symlink_to(store / "key.nii.gz")
    return folder / "i.nii.gz"


@refused("link of git-annex without its content", "datalad get")
def _(folder: Path) -> Path:
    (folder / "i.nii.gz").symlink_to(folder / ".git" / "annex" / "objects" / "gone")
    return folder / "i.nii.gz"


@read("link into the cache of DVC")
def _(folder: Path) -> Path:
    store = folder / ".dvc" / "cache" / "files" / "md5" / "ab"
    store.mkdir(parents=True)
    made = nifti(store / "key.nii.gz", block()).rename(store / "cdef")  # the cache keeps no endings
    (folder / "i.nii.gz").symlink_to(made)
    return folder / "i.nii.gz"


@refused("link into the cache of DVC without its content", "dvc pull")
def _(folder: Path) -> Path:
    (folder / "i.nii.gz").symlink_to(folder / ".dvc" / "cache" / "files" / "md5" / "ab" / "cdef")
    return folder / "i.nii.gz"


@refused("file of which DVC has only the description here", "dvc pull")
def _(folder: Path) -> Path:
    (folder / "i.nii.gz.dvc").write_text("outs:\n- md5: abcdef\n  size: 12345\n  path: i.nii.gz\n")
    return folder / "i.nii.gz"


@refused("pointer of Git LFS", "git lfs pull")
def _(folder: Path) -> Path:
    (folder / "i.nii.gz").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n")
    return folder / "i.nii.gz"


refused("NIfTI without orientation", "convert the file again")(
    lambda folder: nifti(folder / "i.nii.gz", block(), sform=0, qform=0)
)
refused("NIfTI of a series in time", "Choose one volume")(
    lambda folder: nifti(folder / "i.nii.gz", np.stack([block(), block()], axis=-1))
)
refused("NIfTI of sheared axes", "Resample the image")(
    lambda folder: nifti(
        folder / "i.nii.gz",
        block(),
        affine=AFFINE @ np.array([[1, 0, 0, 0], [0.3, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    )
)


@refused("NIfTI of colours", "no colours")
def _(folder: Path) -> Path:
    import nibabel as nib

    data = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(data, np.eye(4)), folder / "i.nii.gz")
    return folder / "i.nii.gz"


@refused("NIfTI cut short", "damaged or cut short|not a readable")
def _(folder: Path) -> Path:
    path = nifti(folder / "i.nii", block())
    path.write_bytes(path.read_bytes()[:450])
    return path


@refused("compressed file that is no NIfTI", "not a readable NIfTI")
def _(folder: Path) -> Path:
    (folder / "i.nii.gz").write_bytes(gzip.compress(b"a report"))
    return folder / "i.nii.gz"


@refused("Analyze header with its data apart", r"\.nii")
def _(folder: Path) -> Path:
    import nibabel as nib

    nib.save(nib.AnalyzeImage(block(), np.eye(4)), folder / "i.hdr")
    return folder / "i.hdr"


# --- NRRD and MetaImage ---


def itk(path: Path, data: np.ndarray, *, vector: bool = False, compressed: bool = True) -> Path:
    import SimpleITK as sitk

    matrix = np.diag([-1, -1, 1, 1.0]) @ AFFINE
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose(2, 1, 0, *range(3, data.ndim))), isVector=vector)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    sitk.WriteImage(image, str(path), useCompression=compressed)
    return path


for _ending in ("nrrd", "mha"):
    for _packed in (True, False):
        _word = "with" if _packed else "without"
        read(f"{_ending} {_word} compression")(
            lambda folder, end=_ending, packed=_packed: itk(folder / f"i.{end}", block(), compressed=packed)
        )
refused("nrrd of vectors", "one number per voxel")(
    lambda folder: itk(folder / "i.nrrd", np.stack([block()] * 3, axis=-1), vector=True)
)
refused("MetaImage with its data apart", "detached")(lambda folder: itk(folder / "i.mhd", block()))


@refused("nrrd without a space", "convert the file again")
def _(folder: Path) -> Path:
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 6 7 5\nspacings: 1 1 1\nendian: little\nencoding: raw\n\n"
    (folder / "i.nrrd").write_bytes(header.encode() + block().tobytes(order="F"))
    return folder / "i.nrrd"


# --- DICOM ---


def slices(data: np.ndarray, affine: np.ndarray = AFFINE, *, first: int = 0, **tags: Any) -> list[Any]:
    """Return one object per slice along the third axis; a tag of None is left out."""
    matrix = np.diag([-1, -1, 1, 1.0]) @ affine
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    found = []
    for k in range(data.shape[2]):
        one = base("MR", "1.2.840.10008.5.1.4.1.1.4", Path(f"{first + k}"))
        one.Columns, one.Rows = data.shape[:2]
        one.PixelSpacing = [float(spacing[1]), float(spacing[0])]
        one.SliceThickness = float(spacing[2])
        one.ImageOrientationPatient = [*(matrix[:3, 0] / spacing[0]).tolist(), *(matrix[:3, 1] / spacing[1]).tolist()]
        one.ImagePositionPatient = (matrix[:3, :3] @ [0, 0, k] + matrix[:3, 3]).tolist()
        one.InstanceNumber = first + k + 1
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        size = data.dtype.itemsize * 8
        one.BitsAllocated = one.BitsStored = size
        one.HighBit, one.PixelRepresentation = size - 1, int(data.dtype.kind == "i")
        one.PixelData = np.ascontiguousarray(data[:, :, k].T).tobytes()
        for name, value in tags.items():
            if value is None:
                delattr(one, name)
            else:
                setattr(one, name, value)
        found.append(one)
    return found


def save(folder: Path, objects: list[Any], *, start: int = 0, ending: str = ".dcm") -> Path:
    """Write objects in an order of names that is not that of their places."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, one in enumerate(objects):
        one.save_as(folder / f"{start + (k * 3) % 7:03d}{ending}", enforce_file_format=True)
    return folder


def syntax(uid_name: str) -> Callable[[Path], Path]:
    """Return what writes a series in a transfer syntax of pydicom."""

    def write(folder: Path) -> Path:
        import pydicom

        objects = slices(block())
        uid = getattr(pydicom.uid, uid_name)
        for one in objects:
            if uid_name == "ExplicitVRBigEndian":
                one.PixelData = np.frombuffer(one.PixelData, "<i2").astype(">i2").tobytes()
                one["PixelData"].VR = "OW"
            if uid_name == "RLELossless":
                one.compress(uid)
            else:
                one.file_meta.TransferSyntaxUID = uid
        folder.mkdir(exist_ok=True)
        for k, one in enumerate(objects):
            pydicom.dcmwrite(
                folder / f"{(k * 3) % 7}.dcm",
                one,
                enforce_file_format=True,
                **(
                    {"implicit_vr": uid.is_implicit_VR, "little_endian": uid.is_little_endian}
                    if "Big" in uid_name
                    else {}
                ),
            )
        return folder

    return write


read("DICOM, explicit")(syntax("ExplicitVRLittleEndian"))
read("DICOM, implicit")(syntax("ImplicitVRLittleEndian"))
read("DICOM, big endian")(syntax("ExplicitVRBigEndian"))
read("DICOM, run-length compression")(syntax("RLELossless"))
refused("DICOM, deflated", "save them uncompressed")(syntax("DeflatedExplicitVRLittleEndian"))
read("DICOM without endings of names")(lambda folder: save(folder / "d", slices(block()), ending=""))
read("DICOM of unsigned numbers")(lambda folder: save(folder / "d", slices(block(np.uint16))))
read("DICOM rescaled", 2 * BRIGHT - 5)(
    lambda folder: save(folder / "d", slices(block(), RescaleSlope="2", RescaleIntercept="-5"))
)


def compressed(kind: str) -> Callable[[Path], Path]:
    """Return what writes a series by SimpleITK with a lossless compression."""

    def write(folder: Path) -> Path:
        import SimpleITK as sitk

        writer = sitk.ImageFileWriter()
        writer.KeepOriginalImageUIDOn()
        writer.UseCompressionOn()
        writer.SetCompressor(kind)
        (folder / "d").mkdir()
        data = np.pad(block(), ((0, 18), (0, 13), (0, 0)))  # a plane of a few pixels breaks the encoder
        for k, one in enumerate(slices(data)):
            part = sitk.GetImageFromArray(np.ascontiguousarray(data[:, :, k].T)[None])
            part.SetSpacing((float(one.PixelSpacing[1]), float(one.PixelSpacing[0]), 4.0))
            for tag, value in (
                ("0020|000e", "1.2.840.1"),
                ("0020|000d", "1.2.840.2"),
                ("0008|0018", f"1.2.840.3.{k}"),
                ("0008|0060", "MR"),
                ("0020|0032", "\\".join(f"{v:g}" for v in one.ImagePositionPatient)),
                ("0020|0037", "\\".join(f"{v:g}" for v in one.ImageOrientationPatient)),
            ):
                part.SetMetaData(tag, value)
            writer.SetFileName(str(folder / "d" / f"{k}.dcm"))
            writer.Execute(part)
        return folder / "d"

    return write


read("DICOM, JPEG lossless")(compressed("JPEG"))
read("DICOM, JPEG 2000")(compressed("JPEG2000"))

JPEG_LS = "ffd8fff7000b100007000601011100fff8000d01ffff0012004301140040ffda0008010100000000ff"
JPEG_LS_EMPTY, JPEG_LS_BRIGHT = (bytes.fromhex(f"{JPEG_LS}{code}ffd9") for code in ("7fc0", "1577578e002bc400fe"))
"""Planes of 6 × 7 pixels of 16 bits as CharLS codes them: no package of the tests has an encoder."""


@read("DICOM, JPEG-LS")
def _(folder: Path) -> Path:
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGLSLossless

    objects = slices(block(np.uint16))
    for k, one in enumerate(objects):
        one.PixelData = encapsulate([JPEG_LS_BRIGHT if k == AT[2] else JPEG_LS_EMPTY])
        one["PixelData"].is_undefined_length = True
        one.file_meta.TransferSyntaxUID = JPEGLSLossless
    return save(folder / "d", objects)


@read("DICOM in sub-folders, beside pictures, reports and empty files")
def _(folder: Path) -> Path:
    objects = slices(block())
    save(folder / "d" / "a", objects[:2])
    save(folder / "d" / "b", objects[2:])
    (folder / "d" / "report.pdf").write_bytes(b"%PDF-1.4")
    (folder / "d" / "empty.dcm").write_bytes(b"")
    (folder / "d" / "DICOMDIR").write_bytes(bytes(200))
    return folder / "d"


@read("DICOM beside a structure set")
def _(folder: Path) -> Path:
    write_rtstruct(folder / "d" / "rt.dcm", {"L4": [np.zeros((4, 3))]})
    return save(folder / "d", slices(block()))


@read("DICOM as links of git-annex")
def _(folder: Path) -> Path:
    store = save(folder / ".git" / "annex" / "objects", slices(block()))
    (folder / "d").mkdir()
    for file in store.glob("*.dcm"):
        (folder / "d" / file.name).symlink_to(file)
    return folder / "d"


@read("DICOM as links into the cache of DVC")
def _(folder: Path) -> Path:
    store = folder / ".dvc" / "cache" / "files" / "md5"
    store.mkdir(parents=True)
    (folder / "d").mkdir()
    for file in save(folder / "was", slices(block())).glob("*.dcm"):
        kept = file.rename(store / file.stem)
        (folder / "d" / file.name).symlink_to(kept)
    return folder / "d"


@read("DICOM with a scale of its own for each slice")
def _(folder: Path) -> Path:
    objects = slices(block())
    for k, one in enumerate(objects):
        one.PixelData = (np.frombuffer(one.PixelData, "<i2") // (k + 1)).astype("<i2").tobytes()
        one.RescaleSlope, one.RescaleIntercept = str(k + 1), "0"
    return save(folder / "d", objects)


@read("DICOM with each slice twice, once behind a link")
def _(folder: Path) -> Path:
    save(folder / "d", slices(block()))
    for file in sorted((folder / "d").glob("*.dcm")):
        (folder / "d" / f"link{file.name}").symlink_to(file)
    return folder / "d"


@read("DICOM of oblique slices")
def _(folder: Path) -> Any:
    turn = np.eye(4)
    turn[:3, :3] = [[0.96, 0.28, 0], [-0.28, 0.96, 0], [0, 0, 1]]
    return save(folder / "d", slices(block(), turn @ AFFINE)), {"affine": turn @ AFFINE}


@read("one of two DICOM series, named")
def _(folder: Path) -> Any:
    save(folder / "d", slices(block()))
    return save(folder / "d", slices(block() * 0, SeriesInstanceUID="1.2.3"), start=50), {
        "series": str(slices(block())[0].SeriesInstanceUID)
    }


@refused("two DICOM series in a folder", "One of: ")
def _(folder: Path) -> Path:
    save(folder / "d", slices(block()))
    return save(folder / "d", slices(block(), SeriesInstanceUID="1.2.3"), start=50)


@refused("DICOM beside its segmentation", "contains 2 series")
def _(folder: Path) -> Path:
    write_seg(folder / "d" / "seg.dcm", {"L4": block() > 0}, AFFINE)
    one = slices(block(), SeriesInstanceUID="1.2.3")
    return save(folder / "d", one)


def with_localizer(folder: Path) -> Path:
    """Write a stack with two planes of a localizer across it in the same series."""
    save(folder / "d", slices(block()))
    for k, order in enumerate(((0, 2, 1), (2, 1, 0))):
        one = slices(block().transpose(order)[:, :, :1], AFFINE[:, [*order, 3]], first=20 + k)
        save(folder / "d", one, start=60 + 10 * k)
    return folder / "d"


refused("DICOM with localizers in the series", "Read each as a separate study")(with_localizer)


@read("the stack of a DICOM series with localizers, by its number")
def _(folder: Path) -> Any:
    from lbp_prognosis._base import ArgumentError
    from lbp_prognosis.biomarkers import read_image

    path = with_localizer(folder)
    try:
        read_image(path)
    except ArgumentError as error:
        told = str(error)
    number = next(part.split(":")[0] for part in told.split("#")[1:] if "5 sagittal" in part)
    return path, {"series": f"#{number}"}


def tilted(angle: float) -> list[Any]:
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return slices(block(), turn @ np.diag([0.6, 0.7, 4.0, 1.0]), first=30)


@refused("DICOM of axial slices at two angulations", "oblique.*Read each as a separate study")
def _(folder: Path) -> Path:
    upper = tilted(0.0)
    for one in upper:
        one.ImagePositionPatient = [*one.ImagePositionPatient[:2], one.ImagePositionPatient[2] + 60]
    save(folder / "d", upper)
    return save(folder / "d", tilted(0.3), start=70)


@refused("DICOM of a tilted gantry", "rectangular grid")
def _(folder: Path) -> Path:
    objects = slices(block(), np.diag([0.6, 0.7, 4.0, 1.0]))
    for k, one in enumerate(objects):
        x, y, z = one.ImagePositionPatient
        one.ImagePositionPatient = [x, y + 1.2 * k, z]
    return save(folder / "d", objects)


@refused("DICOM with a slice missing", "one is missing")
def _(folder: Path) -> Path:
    objects = slices(block())
    del objects[2]
    return save(folder / "d", objects)


@refused("DICOM of two echoes", "must be split first")
def _(folder: Path) -> Path:
    save(folder / "d", slices(block(), EchoTime="10"))
    return save(folder / "d", slices(block(), EchoTime="80"), start=50)


for _tag in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
    refused(f"DICOM without {_tag}", "Export the series again")(
        lambda folder, tag=_tag: save(folder / "d", slices(block(), **{tag: None}))
    )


@refused("DICOM of slices of several sizes", "Read each as a separate study")
def _(folder: Path) -> Path:
    objects = slices(block())
    objects[2] = slices(block()[:, :6])[2]
    return save(folder / "d", objects)


@refused("DICOM of colours", "contains colours")
def _(folder: Path) -> Path:
    return save(folder / "d", slices(block(), SamplesPerPixel=3, PhotometricInterpretation="RGB"))


@refused("DICOM mosaic", "Convert it to NIfTI")
def _(folder: Path) -> Path:
    return save(folder / "d", slices(block(), ImageType=["ORIGINAL", "PRIMARY", "MOSAIC"])[:1])


@refused("DICOM with a slope in some slices only", "2 of 5 slices have no RescaleSlope")
def _(folder: Path) -> Path:
    objects = slices(block(), RescaleSlope=2, RescaleIntercept=0)
    for one in objects[:2]:
        del one.RescaleSlope
    return save(folder / "d", objects)


@refused("DICOM with one slice moved within its plane", "lies 8.00 mm off the line")
def _(folder: Path) -> Path:
    objects = slices(block())
    right = np.array(objects[2].ImageOrientationPatient[:3], dtype=float)
    objects[2].ImagePositionPatient = (np.array(objects[2].ImagePositionPatient, dtype=float) + 8 * right).tolist()
    return save(folder / "d", objects)


for _name, _tags, _says in (
    ("pixel sides below 0", {"PixelSpacing": [-0.7, 0.6]}, "PixelSpacing must be two numbers above 0"),
    ("one pixel side", {"PixelSpacing": 0.7}, "PixelSpacing must be two numbers above 0"),
    ("directions of length 2", {"ImageOrientationPatient": [0, 2, 0, 0, 0, 2]}, "two unit vectors at right angles"),
    ("oblique axes of the pixels", {"ImageOrientationPatient": [1, 0, 0, 0.3, 0.954, 0]}, "at right angles"),
    ("directions of zeros", {"ImageOrientationPatient": [0] * 6}, "two unit vectors at right angles"),
    ("a place without numbers", {"ImagePositionPatient": ["", "", ""]}, "ImagePositionPatient must be three numbers"),
    ("a slope of 0", {"RescaleSlope": 0}, "RescaleSlope of 0"),
    ("a palette", {"PhotometricInterpretation": "PALETTE COLOR"}, "colours in a palette"),
    ("fewer pixels than rows", {"Rows": 8}, "less than expected"),
):
    refused(f"DICOM with {_name}", _says)(lambda folder, tags=_tags: save(folder / "d", slices(block(), **tags)))


@refused("DICOM with a table of values", "Modality LUT")
def _(folder: Path) -> Path:
    import pydicom

    table = [item(LUTDescriptor=[4, 0, 16], ModalityLUTType="US", LUTData=b"\0" * 8)]
    return save(folder / "d", slices(block(), ModalityLUTSequence=pydicom.Sequence(table)))


def outermost(folder: Path) -> tuple[Path, Path]:
    """Return the folder of a series and the file of its last slice: without it there is no gap."""
    objects = slices(block())
    path = save(folder / "d", objects)
    return path, path / f"{(len(objects) - 1) * 3 % 7:03d}.dcm"


@refused("DICOM whose last slice is cut short in its header", "005.dcm may be a slice.*fetch it again")
def _(folder: Path) -> Path:
    path, last = outermost(folder)
    last.write_bytes(last.read_bytes()[:400])
    return path


@refused("DICOM whose last slice is deflated", "005.dcm may be a slice.*uncompressed")
def _(folder: Path) -> Path:
    import pydicom

    path, last = outermost(folder)
    one = pydicom.dcmread(last)
    one.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    one.save_as(last, enforce_file_format=True)
    return path


@refused("DICOM cut short", "damaged, cut short")
def _(folder: Path) -> Path:
    path = save(folder / "d", slices(block()))
    file = sorted(path.glob("*.dcm"))[2]
    file.write_bytes(file.read_bytes()[:-30])
    return path


refused("folder without DICOM", "no readable DICOM image")(lambda folder: folder)
refused("one DICOM file", "give the folder")(lambda folder: save(folder / "d", slices(block())) / "000.dcm")


def enhanced(folder: Path, *, scales: bool = False, frames: int = 5, groups: bool = True) -> Path:
    """Write an enhanced object, its frames out of order."""
    import pydicom

    objects = slices(block())
    order = [3, 0, 4, 1, 2][:frames] if frames > 1 else [3]
    one = slices(block())[0]
    for name in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
        delattr(one, name)
    one.NumberOfFrames = len(order)
    one.PixelData = b"".join(objects[k].PixelData for k in order)
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=objects[0].PixelSpacing, SliceThickness=4.0)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=objects[0].ImageOrientationPatient)],
    )
    one.SharedFunctionalGroupsSequence = pydicom.Sequence([shared])
    parts = []
    for k in order:
        part = item(PlanePositionSequence=[item(ImagePositionPatient=objects[k].ImagePositionPatient)])
        if scales:
            part.PixelValueTransformationSequence = pydicom.Sequence(
                [item(RescaleSlope=str(k + 1), RescaleIntercept="0")]
            )
        parts.append(part)
    if groups:
        one.PerFrameFunctionalGroupsSequence = pydicom.Sequence(parts)
    (folder / "d").mkdir()
    one.save_as(folder / "d" / "e.dcm", enforce_file_format=True)
    return folder / "d"


read("enhanced DICOM, frames out of order")(enhanced)
read("enhanced DICOM with a scale of its own for each frame", 4 * BRIGHT)(lambda folder: enhanced(folder, scales=True))
read("enhanced DICOM of one frame")(lambda folder: enhanced(folder, frames=1))
refused("multi-frame DICOM without places", "as single slices or as an enhanced object")(
    lambda folder: enhanced(folder, groups=False)
)


@refused("archive of DICOM", r"\.nii")
def _(folder: Path) -> Path:
    (folder / "series.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    return folder / "series.zip"


refused("absent file", "existing file")(lambda folder: folder / "i.nii.gz")
