"""NIfTI files, through nibabel."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, argument_error, require
from lbp_prognosis.biomarkers.readers._gzip_stream import GzipStream
from lbp_prognosis.biomarkers.readers._sidecar import read_sidecars
from lbp_prognosis.biomarkers.readers._volume_size import check_size

__all__ = ["read_nifti"]

_TO_MM = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}


def read_nifti(path: Path, *, max_bytes: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return data in file order, the matrix to RAS millimetres, and the acquisition from its JSON files."""
    nibabel = require("nibabel", caller="read_image", extra="imaging")
    try:
        volume = nibabel.load(path)
        shape, stored = volume.shape, np.dtype(volume.get_data_dtype())
        header = volume.header
    except Exception as error:
        raise DataError(f"{path} is not a readable NIfTI file: {error}. Fetch or convert it again.") from error
    if stored.names is not None:
        raise argument_error(
            "image",
            "one number per voxel (no colours)",
            f"{path.name} with fields {stored.names}",
            "Give the original image, not a coloured map of it.",
        )
    if len(shape) > 3 and any(n > 1 for n in shape[3:]):
        raise argument_error(
            "image",
            "three-dimensional",
            f"shape {shape} in {path.name}",
            "Choose one volume of a series in time or contrast, and save it alone.",
        )
    # the header of a volume read from a file no longer has its scale: nibabel leaves it with the voxels
    scaled = (getattr(volume.dataobj, "slope", 1.0), getattr(volume.dataobj, "inter", 0.0)) != (1.0, 0.0)
    check_size(shape, max(stored.itemsize, 8 if scaled else 1), max_bytes, str(path))
    if "sform_code" in header and not int(header["sform_code"]) and not int(header["qform_code"]):
        raise argument_error(
            "image",
            "with an orientation (sform or qform code above 0)",
            f"{path.name} with both codes 0",
            "Left and right cannot be determined: convert the file again from its source.",
        )
    try:
        data = _unpacked(volume, path) if path.name.lower().endswith(".gz") else np.asanyarray(volume.dataobj)
    except (OSError, EOFError, ValueError, zlib.error, MemoryError) as error:
        raise DataError(f"{path} is damaged or cut short: {error}. Fetch or convert it again.") from error
    factor = _TO_MM.get(header.get_xyzt_units()[0], 1.0) if hasattr(header, "get_xyzt_units") else 1.0
    affine = np.array(volume.affine, dtype=float)
    affine[:3] *= factor
    return data, affine, read_sidecars(path)


def _unpacked(volume: Any, path: Path) -> np.ndarray:
    """Return the voxels of a compressed file, scaled as its header says."""
    from nibabel.arrayproxy import ArrayProxy

    stored = volume.dataobj
    with GzipStream(path) as stream:
        if (stored.slope, stored.inter) == (1.0, 0.0) and min(stored.shape, default=0) > 0:
            data = np.zeros(stored.shape, stored.dtype, order="F")
            stream.seek(stored.offset)
            stream.fill(data.reshape(-1, order="F").view(np.uint8))
        else:
            content = (stored.shape, stored.dtype, stored.offset, stored.slope, stored.inter)
            data = np.asanyarray(ArrayProxy(stream, content, mmap=False))
        stream.check()
    return data
