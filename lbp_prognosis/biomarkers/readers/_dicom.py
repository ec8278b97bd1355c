"""A folder with one DICOM series, through pydicom."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, argument_error, require
from lbp_prognosis.biomarkers.readers._acquisition import ACQUISITION_TAGS, tidy_acquisition
from lbp_prognosis.biomarkers.readers._volume_size import check_size

__all__ = ["read_dicom_series"]

_DEFLATED = "1.2.840.10008.1.2.1.99"
_GEOMETRY = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "Rows", "Columns")


def read_dicom_series(
    folder: Path, *, series: str | None, max_bytes: int
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return data indexed ``[column, row, slice]``, the matrix to RAS millimetres, and the acquisition tags."""
    pydicom = require("pydicom", caller="read_image", extra="imaging")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of every odd value; what matters is checked below
        heads = _headers(pydicom, folder)
        chosen = _one_series(heads, series, folder)
        order, normal = _stacked(chosen, folder)
        first = order[0][1]
        rows, columns = int(first.Rows), int(first.Columns)
        check_size((columns, rows, len(order)), 4, max_bytes, str(folder))
        data = np.empty((columns, rows, len(order)), dtype=np.float32)
        for k, (_, head, file) in enumerate(order):
            data[:, :, k] = _pixels(pydicom, file, (rows, columns), head).T
    return data, _affine(order, normal), _acquisition(first)


def _headers(pydicom: Any, folder: Path) -> list[tuple[Any, Path]]:
    heads, deflated = [], []
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        try:
            # The deflated syntax unpacks the whole object before a tag can be read: a small file may fill the memory.
            if str(pydicom.filereader.read_file_meta_info(file).get("TransferSyntaxUID", "")) == _DEFLATED:
                deflated.append(file.name)
                continue
            head = pydicom.dcmread(file, stop_before_pixels=True)
        except Exception:  # a folder of DICOM usually holds other files too (DICOMDIR, reports, pictures)
            continue
        if "SeriesInstanceUID" in head and "Rows" in head:
            heads.append((head, file))
    if not heads:
        why = f" ({len(deflated)} deflated files are not read: save them uncompressed)" if deflated else ""
        raise DataError(f"{folder} holds no readable DICOM image{why}")
    return heads


def _one_series(heads: list[tuple[Any, Path]], series: str | None, folder: Path) -> list[tuple[Any, Path]]:
    found = sorted({str(head.SeriesInstanceUID) for head, _ in heads})
    if series is None and len(found) > 1:
        raise argument_error(
            "series",
            f"named, as {folder} holds {len(found)} series",
            "None",
            "One of: " + ", ".join(found[:8]) + ("…" if len(found) > 8 else ""),
        )
    wanted = series or found[0]
    if wanted not in found:
        raise argument_error("series", "one of " + ", ".join(found[:8]), series)
    return [(head, file) for head, file in heads if str(head.SeriesInstanceUID) == wanted]


def _stacked(chosen: list[tuple[Any, Path]], folder: Path) -> tuple[list[tuple[float, Any, Path]], np.ndarray]:
    """Return the slices in order along the normal of their planes; a gap, a double or a tilt is refused."""
    for head, file in chosen:
        missing = [name for name in _GEOMETRY if name not in head or head[name].value in (None, "")]
        if missing:
            raise DataError(
                f"{file.name} lacks {', '.join(missing)}: its place in the patient is unknown. Export the series again "
                f"with these tags, or convert it to NIfTI with a tool that knows the scanner."
            )
        if int(head.get("NumberOfFrames", 1) or 1) > 1:
            raise DataError(f"{file.name} is a multi-frame object; convert it to NIfTI first.")
        if int(head.get("SamplesPerPixel", 1) or 1) != 1:
            raise DataError(f"{file.name} holds colours ({head.SamplesPerPixel} numbers a pixel), not intensities.")
    orientation = np.array([[float(v) for v in head.ImageOrientationPatient] for head, _ in chosen])
    sizes = {(int(head.Rows), int(head.Columns), *map(float, head.PixelSpacing)) for head, _ in chosen}
    if np.abs(orientation - orientation[0]).max() > 1e-3 or len(sizes) > 1:
        raise DataError(f"{folder}: the slices of the series differ in orientation, size or pixel spacing.")
    normal = np.cross(orientation[0, :3], orientation[0, 3:])
    order = sorted(
        ((float(np.dot([float(v) for v in head.ImagePositionPatient], normal)), head, file) for head, file in chosen),
        key=lambda entry: entry[0],
    )
    steps = np.diff([entry[0] for entry in order])
    if steps.size and (steps.min() < 1e-3):
        raise argument_error(
            "path",
            "a folder with one slice a position",
            f"{int((steps < 1e-3).sum())} doubled positions in {folder}",
            "A series in time, echo or contrast must be split first.",
        )
    if steps.size and (steps.max() - steps.min()) > 0.05 * np.median(steps) + 0.01:
        raise DataError(
            f"{folder}: slices are {steps.min():.2f} to {steps.max():.2f} mm apart; one is missing or they are uneven."
        )
    return order, normal


def _pixels(pydicom: Any, file: Path, shape: tuple[int, int], head: Any) -> np.ndarray:
    try:
        pixels = pydicom.dcmread(file).pixel_array
    except Exception as error:
        raise DataError(f"{file.name} is damaged, cut short or of an unknown compression: {error}") from error
    if pixels.shape != shape:
        raise DataError(f"{file.name} holds {pixels.shape} pixels where its header says {shape}.")
    slope, offset = float(head.get("RescaleSlope", 1) or 1), float(head.get("RescaleIntercept", 0) or 0)
    return pixels.astype(np.float32) * np.float32(slope) + np.float32(offset)


def _affine(order: list[tuple[float, Any, Path]], normal: np.ndarray) -> np.ndarray:
    first, last = order[0][1], order[-1][1]
    rows, columns = (float(v) for v in first.PixelSpacing)  # between rows, between columns
    origin = np.array([float(v) for v in first.ImagePositionPatient])
    if len(order) > 1:
        step = (np.array([float(v) for v in last.ImagePositionPatient]) - origin) / (len(order) - 1)
    else:
        step = normal * float(first.get("SpacingBetweenSlices", 0) or first.get("SliceThickness", 0) or 1.0)
    affine = np.eye(4)
    affine[:3, 0] = np.array([float(v) for v in first.ImageOrientationPatient[:3]]) * columns
    affine[:3, 1] = np.array([float(v) for v in first.ImageOrientationPatient[3:]]) * rows
    affine[:3, 2] = step
    affine[:3, 3] = origin
    affine[:2] *= -1  # LPS to RAS
    return affine


def _acquisition(head: Any) -> dict[str, Any]:
    found = {}
    for name, (tag, _) in ACQUISITION_TAGS.items():
        element = head.get((int(tag[:4], 16), int(tag[4:], 16)))
        value = tidy_acquisition(name, None if element is None else element.value)
        if value is not None:
            found[name] = value
    return found
