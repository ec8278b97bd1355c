"""Read an image or a label volume; the folder or the file's ending says by which adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._mask import Mask

__all__ = ["DEFAULT_MAX_BYTES", "check_size", "read_image", "read_mask"]

DEFAULT_MAX_BYTES = 4 * 2**30


def check_size(shape: tuple[int, ...], itemsize: int, max_bytes: int, source: str) -> None:
    """Refuse a volume that would need more memory than allowed, before anything is decompressed."""
    needed = itemsize
    for side in shape:
        needed *= int(side)
    if needed > max_bytes:
        raise DataError(
            f"{source} declares {'×'.join(map(str, shape))} voxels, {needed / 2**30:.1f} GiB unpacked; at most "
            f"{max_bytes / 2**30:.1f} GiB are read. Crop it, or raise `max_bytes`."
        )


def read_image(path: str | Path, *, series: str | None = None, max_bytes: int = DEFAULT_MAX_BYTES) -> Image:
    """Read an image with its place in the patient.

    Parameters
    ----------
    path : str or Path
        ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``, or a folder with the files of a DICOM series.
    series : str, optional
        SeriesInstanceUID, where a folder holds several series.
    max_bytes : int, default 4294967296
        Largest unpacked size that is read.

    Returns
    -------
    Image
        Indexed ``[i, j, k]`` in the order of the file, with the matrix to RAS millimetres.

    Raises
    ------
    ArgumentError
        If the file is absent, of another format, not three-dimensional or without orientation.
    DataError
        If the file is damaged, truncated or too large.
    """
    data, affine, acquisition, source = _read(path, series, max_bytes)
    return Image(data, affine, acquisition, source)


def read_mask(path: str | Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Mask:
    """Read a label volume.

    Parameters
    ----------
    path : str or Path
        ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.mha``.
    max_bytes : int, default 4294967296
        Largest unpacked size that is read.

    Returns
    -------
    Mask

    Raises
    ------
    ArgumentError
        If the labels are not whole numbers, or nothing is labelled.
    DataError
        If the file is damaged, truncated or too large.
    """
    data, affine, _, source = _read(path, None, max_bytes)
    return Mask(data, affine, source)


def _read(path: str | Path, series: str | None, max_bytes: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any], str]:
    file = Path(path)
    name = file.name.lower()
    if not file.exists():
        raise argument_error("path", "an existing file or folder", f"{str(path)!r}")
    if file.is_dir():
        from lbp_prognosis.biomarkers.readers._dicom import read_dicom_series

        return (*read_dicom_series(file, series=series, max_bytes=max_bytes), str(file))
    if name.endswith((".nii", ".nii.gz")):
        from lbp_prognosis.biomarkers.readers._nifti import read_nifti

        return (*read_nifti(file, max_bytes=max_bytes), str(file))
    if name.endswith((".nrrd", ".mha")):
        from lbp_prognosis.biomarkers.readers._itk import read_itk

        return (*read_itk(file, max_bytes=max_bytes), str(file))
    raise argument_error(
        "path",
        "a .nii, .nii.gz, .nrrd or .mha file, or a folder with a DICOM series",
        f"{file.name!r}",
        "For DICOM give the folder, not one file; headers with detached data (.nhdr, .mhd, .hdr) are not read.",
    )
