"""NRRD and MHA files, through SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, argument_error, require
from lbp_prognosis.biomarkers.readers._volume_size import check_size

__all__ = ["read_itk"]


def read_itk(path: Path, *, max_bytes: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return data indexed ``[i, j, k]``, the matrix to RAS millimetres, and no acquisition."""
    sitk = require("SimpleITK", caller="read_image", extra="imaging")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise DataError(
            f"{path} is not a readable {path.suffix[1:].upper()} file: {_last_line(error)}. Fetch or convert it again."
        ) from error
    size = reader.GetSize()
    if reader.GetNumberOfComponents() != 1:
        raise argument_error(
            "image",
            "one number per voxel",
            f"{reader.GetNumberOfComponents()} in {path.name}",
            "Save one of its components as an image of its own.",
        )
    if len([n for n in size[3:] if n > 1]) or len(size) < 3:
        raise argument_error(
            "image",
            "three-dimensional",
            f"shape {size} in {path.name}",
            "Choose one volume of a series in time or contrast, and save it alone.",
        )
    if path.suffix.lower() == ".nrrd" and "NRRD_space" not in reader.GetMetaDataKeys():
        raise argument_error(
            "image",
            "with an orientation (the `space` field of NRRD)",
            f"{path.name} without one",
            "Left and right cannot be determined: convert the file again from its source.",
        )
    check_size(size, 8, max_bytes, str(path))
    try:
        image = reader.Execute()
    except (RuntimeError, MemoryError) as error:
        raise DataError(f"{path} is damaged or cut short: {_last_line(error)}. Fetch or convert it again.") from error
    data = np.ascontiguousarray(sitk.GetArrayFromImage(image))
    data = data.reshape(data.shape[-3:]).transpose(2, 1, 0)
    n = image.GetDimension()
    direction = np.array(image.GetDirection()).reshape(n, n)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(image.GetSpacing()[:3])
    affine[:3, 3] = image.GetOrigin()[:3]
    affine[:2] *= -1  # LPS to RAS
    return data, affine, {}


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
