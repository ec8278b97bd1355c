"""DICOM segmentations and structure sets as one label volume."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from lbp_prognosis._base import argument_error, require
from lbp_prognosis.biomarkers.anatomy._label_map import LabelMap
from lbp_prognosis.biomarkers.readers._damage import naming
from lbp_prognosis.biomarkers.readers._dicom_seg import read_seg
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._managed_files import files_below
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._rtstruct import read_rtstruct

__all__ = ["find_dicom_mask", "read_dicom_mask"]

_KINDS = ("SEG", "RTSTRUCT")


def find_dicom_mask(path: Path) -> Path | None:
    """Return the DICOM segmentation or structure set that a path names or a folder contains; None if there is none.

    Raises
    ------
    ArgumentError
        If a folder contains several, or a DICOM file is neither.
    """
    files = [path] if path.is_file() else files_below(path)
    found = [(file, modality) for file in files if (modality := _modality(file)) is not None]
    masks = [file for file, modality in found if modality in _KINDS]
    if len(masks) > 1:
        names = ", ".join(file.name for file in masks[:6])
        raise argument_error("mask", "one DICOM segmentation", f"{len(masks)} in {path}: {names}", "Name one file.")
    if found and not masks:
        raise argument_error(
            "mask",
            "a DICOM segmentation (SEG) or structure set (RTSTRUCT)",
            f"DICOM of modality {found[0][1] or 'unknown'} in {path}",
            "Labels that were saved as an image series must be converted to NIfTI.",
        )
    return masks[0] if masks else None


def _modality(file: Path) -> str | None:
    """Return the modality of a DICOM file, None for any other file."""
    with open(file, "rb") as handle:
        if handle.read(132)[128:] != b"DICM":
            return None
    pydicom = require("pydicom", caller="read_mask", extra="imaging")
    with warnings.catch_warnings(), naming(file):
        warnings.simplefilter("ignore")
        head = pydicom.dcmread(file, specific_tags=["Modality"], stop_before_pixels=True)
        return str(head.get("Modality", ""))


def read_dicom_mask(file: Path, label_map: LabelMap, image: Image | None, *, max_bytes: int) -> Mask:
    """Read a DICOM segmentation or structure set; ``label_map`` says which segment has which number.

    Segments that the map does not name are ignored.

    Raises
    ------
    ArgumentError
        If the map names no segment of the file, the file was drawn on another image, or a structure set comes without
        its image.
    DataError
        If the file is damaged, two segments overlap, or a contour lies on no slice.
    """
    pydicom = require("pydicom", caller="read_mask", extra="imaging")
    with warnings.catch_warnings(), naming(file):
        warnings.simplefilter("ignore")  # pydicom warns of every odd value; what matters is checked
        head = pydicom.dcmread(file, stop_before_pixels=True)
        _same_patient_space(head, image, file)
        if head.Modality == "SEG":
            return read_seg(pydicom, head, file, label_map, image, max_bytes)
        if image is None:
            raise argument_error(
                "image",
                "given with a DICOM structure set",
                "none",
                f"{file.name} contains contours; the slices they were drawn on give the voxels.",
            )
        return read_rtstruct(head, file, label_map, image, max_bytes)


def _same_patient_space(head: Any, image: Image | None, file: Path) -> None:
    """Refuse a file whose frame of reference is not that of the image, where both are known."""
    wanted = "" if image is None else str(image.acquisition.get("frame_of_reference") or "")
    frames = {str(head.get("FrameOfReferenceUID") or "")}
    referenced = head.get("ReferencedFrameOfReferenceSequence", [])
    frames |= {str(part.get("FrameOfReferenceUID") or "") for part in referenced}
    frames -= {""}
    if wanted and frames and wanted not in frames:
        raise argument_error(
            "mask",
            "drawn in the image's own frame of reference",
            f"another frame in {file.name}",
            "Give the series it was drawn on; after a registration save the mask on the grid of the image.",
        )
