"""A folder with one DICOM series, through pydicom."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, argument_error, require
from lbp_prognosis.biomarkers.readers._acquisition import ACQUISITION_TAGS, OTHER_TAGS, tidy_acquisition
from lbp_prognosis.biomarkers.readers._damage import naming
from lbp_prognosis.biomarkers.readers._managed_files import files_below
from lbp_prognosis.biomarkers.readers._volume_size import check_size

__all__ = ["read_dicom_series"]

_DEFLATED = "1.2.840.10008.1.2.1.99"
_PLACES = {
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}
"""Tags of a slice, and the functional group that contains them in an enhanced object."""

_GEOMETRY = {
    "ImageOrientationPatient": ("two unit vectors at right angles", 6),
    "ImagePositionPatient": ("three numbers", 3),
    "PixelSpacing": ("two numbers above 0", 2),
}
"""Tags of the position of a slice: accepted values, and how many numbers."""

_COSINES = 0.01
"""Largest error of a squared length and of the product of two directions: cosines are written with few digits."""

_ASIDE = 0.25
"""Part of the smaller pixel side by which a slice may lie off the line through the first and the last."""


@dataclass(frozen=True, eq=False)
class _Slice:
    """One plane of an image: a file, or a frame of one."""

    head: Any
    file: Path
    frame: int
    orientation: np.ndarray
    position: np.ndarray
    spacing: tuple[float, float]
    slope: float
    offset: float
    scaled: bool


def read_dicom_series(
    folder: Path, *, series: str | None, max_bytes: int
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return data indexed ``[column, row, slice]``, the matrix to RAS millimetres, and the acquisition tags.

    Enhanced (multi-frame) objects are read frame by frame, each at its own place. A series whose slices have several
    orientations (axial blocks, localizers) is read block by block: ``series`` is then ``UID#k`` or ``#k``.
    """
    pydicom = require("pydicom", caller="read_image", extra="imaging")
    with warnings.catch_warnings(), naming(folder):
        warnings.simplefilter("ignore")  # pydicom warns of every odd value; what matters is checked below
        heads = _headers(pydicom, folder)
        uid, _, block = ("" if series is None else series).partition("#")
        slices = [part for head, file in _one_series(heads, uid or None, folder) for part in _slices(head, file)]
        order, normal = _stacked(_one_block(slices, block, folder), folder)
        first = order[0][1]
        bare = sum(not part.scaled for _, part in order)
        if 0 < bare < len(order):
            raise DataError(
                f"{folder}: {bare} of {len(order)} slices have no RescaleSlope, and the others have one, so that their "
                "values are not comparable. Export the series again."
            )
        rows, columns = int(first.head.Rows), int(first.head.Columns)
        check_size((columns, rows, len(order)), 4, max_bytes, str(folder))
        data = np.empty((columns, rows, len(order)), dtype=np.float32)
        read: tuple[Path, np.ndarray, bool] | None = None
        for k, (_, part) in enumerate(order):
            if read is None or read[0] != part.file:
                frames = int(part.head.get("NumberOfFrames", 1) or 1)
                check_size((columns, rows, frames), 4, max_bytes, part.file.name)
                read = (part.file, *_pixels(pydicom, part.file, (frames, rows, columns)))
            values = read[1][part.frame].astype(np.float32)
            scaled = values if read[2] else values * np.float32(part.slope) + np.float32(part.offset)
            data[:, :, k] = scaled.T
            if read[2] and (part.slope, part.offset) != (first.slope, first.offset) and frames > 1:
                raise DataError(
                    f"{part.file.name} is compressed in a way that pydicom has no decoder for, and rescales its frames "
                    "differently, which SimpleITK does not. Install pylibjpeg with pylibjpeg-libjpeg, or export the "
                    "series without compression."
                )
        return data, _affine(order, normal), _acquisition(first)


def _headers(pydicom: Any, folder: Path) -> list[tuple[Any, Path]]:
    heads, deflated, damaged = [], [], []
    for file in files_below(folder):
        try:
            # The deflated syntax unpacks the whole object before a tag can be read: a small file may fill the memory.
            meta = pydicom.filereader.read_file_meta_info(file)
            if str(meta.get("TransferSyntaxUID", "")) == _DEFLATED:
                deflated.append(file.name)
                continue
            head = pydicom.dcmread(file, stop_before_pixels=True)
        except Exception:  # a folder of DICOM usually holds other files too (DICOMDIR, reports, pictures)
            continue
        if "SeriesInstanceUID" in head and "Rows" in head:
            heads.append((head, file))
        elif "Image Storage" in getattr(meta.get("MediaStorageSOPClassUID"), "name", ""):
            damaged.append(file.name)
    if not heads:
        why = f" ({len(deflated)} deflated files are not read: save them uncompressed)" if deflated else ""
        raise DataError(
            f"{folder} contains no readable DICOM image{why}. Give the folder of one series, or a NIfTI, NRRD or MHA "
            "file."
        )
    for names, what, remedy in (
        (deflated, "deflated", "save it uncompressed"),
        (damaged, "cut short before their size or series", "fetch it again"),
    ):
        if names:
            raise DataError(
                f"{folder}: {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''} may be a slice of the "
                f"series and is {what}. Export the series again, {remedy}, or take it out of the folder."
            )
    return heads


def _one_series(heads: list[tuple[Any, Path]], series: str | None, folder: Path) -> list[tuple[Any, Path]]:
    found = sorted({str(head.SeriesInstanceUID) for head, _ in heads})
    if series is None and len(found) > 1:
        raise argument_error(
            "series",
            f"named, because {folder} contains {len(found)} series",
            "None",
            "One of: " + ", ".join(found[:8]) + ("…" if len(found) > 8 else ""),
        )
    wanted = series or found[0]
    if wanted not in found:
        raise argument_error("series", "one of " + ", ".join(found[:8]), series)
    return [(head, file) for head, file in heads if str(head.SeriesInstanceUID) == wanted]


def _slices(head: Any, file: Path) -> list[_Slice]:
    """Return the planes of a file with their places; one per frame of an enhanced object."""
    if int(head.get("SamplesPerPixel", 1) or 1) != 1:
        raise DataError(
            f"{file.name} contains colours ({head.SamplesPerPixel} numbers per pixel), not intensities. Give the "
            "original series, not a screenshot or a coloured map of it."
        )
    if head.get("PhotometricInterpretation") == "PALETTE COLOR":
        raise DataError(
            f"{file.name} contains numbers of colours in a palette, not intensities. Give the original series, not a "
            "coloured map of it."
        )
    if head.get("ModalityLUTSequence"):
        raise DataError(
            f"{file.name} rescales its values by a table (Modality LUT), which is not read. Export the series with "
            "RescaleSlope and RescaleIntercept, or convert it to NIfTI."
        )
    if "MOSAIC" in [str(kind) for kind in head.get("ImageType", [])]:
        raise DataError(f"{file.name} contains all slices side by side in one plane (a mosaic). Convert it to NIfTI.")
    frames = int(head.get("NumberOfFrames", 1) or 1)
    groups = head.get("PerFrameFunctionalGroupsSequence")
    if frames > 1 and (groups is None or len(groups) != frames):
        raise DataError(
            f"{file.name} contains {frames} frames without a place for each (no functional groups). Export the series "
            "as single slices or as an enhanced object, or convert it to NIfTI with a tool that knows the scanner."
        )
    shared = head.get("SharedFunctionalGroupsSequence")
    common = shared[0] if shared else None
    found = []
    for frame in range(frames):
        sources = (groups[frame] if groups is not None and len(groups) == frames else None, common)
        tags = {name: _tag(head, sources, group, name) for name, group in _PLACES.items()}
        missing = [name for name in _GEOMETRY if tags[name] in (None, "")]
        missing += [name for name in ("Rows", "Columns") if head.get(name) in (None, "")]
        if missing:
            raise DataError(
                f"{file.name} lacks {', '.join(missing)}: its place in the patient is unknown. Export the series again "
                f"with these tags, or convert it to NIfTI with a tool that knows the scanner."
            )
        if tags["RescaleSlope"] not in (None, "") and float(tags["RescaleSlope"]) == 0:
            raise DataError(f"{file.name} multiplies its values by a RescaleSlope of 0. Export the series again.")
        orientation, position, sides = (_place(tags[name], name, file) for name in _GEOMETRY)
        found.append(
            _Slice(
                head,
                file,
                frame,
                orientation,
                position,
                (float(sides[0]), float(sides[1])),
                float(tags["RescaleSlope"] or 1),
                float(tags["RescaleIntercept"] or 0),
                tags["RescaleSlope"] not in (None, ""),
            )
        )
    return found


def _place(value: Any, name: str, file: Path) -> np.ndarray:
    """Return the numbers of a tag of position; values that do not describe a rectangle of pixels are refused."""
    words, count = _GEOMETRY[name]
    try:
        numbers = np.array([float(one) for one in value])
    except (TypeError, ValueError):
        numbers = np.empty(0)
    sound = numbers.size == count and bool(np.isfinite(numbers).all())
    if sound and name == "PixelSpacing":
        sound = bool((numbers > 0).all())
    if sound and name == "ImageOrientationPatient":
        right, down = numbers[:3], numbers[3:]
        sound = bool(np.abs([right @ right - 1, down @ down - 1, right @ down]).max() <= _COSINES)
    if not sound:
        raise DataError(
            f"{file.name}: {name} must be {words}; got {value}. Export the series again, or convert it to NIfTI with a "
            "tool that knows the scanner."
        )
    return numbers


def _tag(head: Any, sources: tuple[Any, Any], group: str, name: str) -> Any:
    """Return a tag of a frame: its own, that of all frames, or that of the object."""
    for source in sources:
        part = None if source is None else source.get(group)
        if part and name in part[0]:
            return part[0][name].value
    return head[name].value if name in head else None


def _one_block(slices: list[_Slice], block: str, folder: Path) -> list[_Slice]:
    """Return the slices of one orientation and size; if there are several blocks, ``block`` must name one."""
    kinds: list[tuple[_Slice, list[_Slice]]] = []
    for part in slices:
        for first, members in kinds:
            same = np.abs(part.orientation - first.orientation).max() <= 1e-3 and part.spacing == first.spacing
            if same and (part.head.Rows, part.head.Columns) == (first.head.Rows, first.head.Columns):
                members.append(part)
                break
        else:
            kinds.append((part, [part]))
    if len(kinds) == 1 and not block:
        return slices
    kinds.sort(key=lambda kind: -float(np.mean([part.position[2] for part in kind[1]])))
    if not block.isdigit() or not 1 <= int(block) <= len(kinds):
        told = "; ".join(f"#{k}: {_block_in_words(members)}" for k, (_, members) in enumerate(kinds, start=1))
        raise argument_error(
            "series",
            f"the number of a block, as the slices of {folder} differ in orientation, size or pixel spacing",
            f"#{block}" if block else "none",
            f"Blocks from the head down: {told}. Read each as a separate study.",
        )
    return kinds[int(block) - 1][1]


def _block_in_words(members: list[_Slice]) -> str:
    normal = np.cross(members[0].orientation[:3], members[0].orientation[3:])
    axis = int(np.argmax(np.abs(normal)))
    tilt = float(np.degrees(np.arccos(min(1.0, abs(float(normal[axis]))))))
    name = ("sagittal", "coronal", "axial")[axis]
    return f"{len(members)} {name} slice{'s' if len(members) > 1 else ''}, {tilt:.0f}° oblique"


def _stacked(slices: list[_Slice], folder: Path) -> tuple[list[tuple[float, _Slice]], np.ndarray]:
    """Return the slices in order along the normal of their planes; a gap or a double is refused."""
    normal = np.cross(slices[0].orientation[:3], slices[0].orientation[3:])
    order = sorted(((float(np.dot(part.position, normal)), part) for part in slices), key=lambda entry: entry[0])
    steps = np.diff([entry[0] for entry in order])
    if steps.size and (steps.min() < 1e-3):
        raise argument_error(
            "path",
            "a folder with one slice per position",
            f"{int((steps < 1e-3).sum())} doubled positions in {folder}",
            "A series in time, echo or contrast must be split first.",
        )
    if steps.size and (steps.max() - steps.min()) > 0.05 * np.median(steps) + 0.01:
        raise DataError(
            f"{folder}: slices are {steps.min():.2f} to {steps.max():.2f} mm apart; one is missing or they are uneven. "
            "Export the series again, whole, or resample it to even slices."
        )
    places = np.array([part.position for _, part in order])
    line = places[0] + np.linspace(0, 1, len(places))[:, None] * (places[-1] - places[0])
    across = places - line
    across -= np.outer(across @ normal, normal)
    aside = float(np.linalg.norm(across, axis=1).max())
    if aside > _ASIDE * min(slices[0].spacing):
        raise DataError(
            f"{folder}: a slice lies {aside:.2f} mm off the line through the first and the last. Export the series "
            "again, or resample it to one grid."
        )
    return order, normal


def _pixels(pydicom: Any, file: Path, shape: tuple[int, int, int]) -> tuple[np.ndarray, bool]:
    """Return the frames of a file, and whether their values are already rescaled.

    Compressions without a decoder in pydicom (JPEG-lossless, JPEG-LS, JPEG 2000) are read by SimpleITK, which rescales.
    """
    rescaled = False
    try:
        pixels = pydicom.dcmread(file).pixel_array
    except Exception as error:
        try:
            # SimpleITK reads on into other memory if there are fewer uncompressed pixels than declared
            if not pydicom.filereader.read_file_meta_info(file).TransferSyntaxUID.is_compressed:
                raise
            import SimpleITK as sitk

            pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
            rescaled = True
        except Exception:  # the message of the first reader names the compression
            raise DataError(
                f"{file.name} is damaged, cut short or of an unknown compression: {error}. Fetch the file again, or "
                "export the series without compression."
            ) from error
    if pixels.shape not in {shape, shape[1:]} or (shape[0] > 1 and pixels.ndim == 2):
        raise DataError(
            f"{file.name} contains {pixels.shape} pixels where its header says {shape}. Export the series again."
        )
    return pixels.reshape(shape), rescaled


def _affine(order: list[tuple[float, _Slice]], normal: np.ndarray) -> np.ndarray:
    first, last = order[0][1], order[-1][1]
    rows, columns = first.spacing  # between rows, between columns
    if len(order) > 1:
        step = (last.position - first.position) / (len(order) - 1)
    else:
        sources = _groups(first.head, first.frame)
        stated = (
            _tag(first.head, sources, "PixelMeasuresSequence", name)
            for name in ("SpacingBetweenSlices", "SliceThickness")
        )
        step = normal * next((float(value) for value in stated if value), 1.0)
    affine = np.eye(4)
    affine[:3, 0] = first.orientation[:3] * columns
    affine[:3, 1] = first.orientation[3:] * rows
    affine[:3, 2] = step
    affine[:3, 3] = first.position
    affine[:2] *= -1  # LPS to RAS
    return affine


def _acquisition(first: _Slice) -> dict[str, Any]:
    """Return the acquisition tags of a slice; an enhanced object has most of them in functional groups."""
    head = first.head
    found = {}
    for name, (tag, _) in ACQUISITION_TAGS.items():
        for place in (tag, *OTHER_TAGS.get(name, ())):
            value = tidy_acquisition(name, _anywhere(first, (int(place[:4], 16), int(place[4:], 16))))
            if value is not None:
                found[name] = value
                break
    if head.get("FrameOfReferenceUID"):
        found["frame_of_reference"] = str(head.FrameOfReferenceUID)  # never written out: it tells masks of other scans
    return found


def _anywhere(first: _Slice, tag: tuple[int, int]) -> Any:
    """Return a tag of the object, or of a functional group of the frame or of all frames."""
    if tag in first.head:
        return first.head[tag].value
    for source in _groups(first.head, first.frame):
        for element in source or ():
            if element.VR == "SQ" and element.value and tag in element.value[0]:
                return element.value[0][tag].value
    return None


def _groups(head: Any, frame: int) -> tuple[Any, Any]:
    """Return the functional groups of a frame and those of all frames; None where there are none."""
    groups, shared = head.get("PerFrameFunctionalGroupsSequence"), head.get("SharedFunctionalGroupsSequence")
    return (groups[frame] if groups and frame < len(groups) else None, shared[0] if shared else None)
