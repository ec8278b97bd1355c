"""Read an image or a label volume."""

from __future__ import annotations

from pathlib import Path

from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._volume_size import DEFAULT_MAX_BYTES

__all__ = ["read_image", "read_mask"]


def read_image(path: str | Path, *, series: str | None = None, max_bytes: int = DEFAULT_MAX_BYTES) -> Image:
    """Read an image with its place in the patient.

    Parameters
    ----------
    path : str or Path
        ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``, or a folder with the files of a DICOM series.
    series : str, optional
        SeriesInstanceUID, where a folder contains several series.
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
    return Image.read(path, series=series, max_bytes=max_bytes)


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
    return Mask.read(path, max_bytes=max_bytes)
