"""Read an image or a label volume."""

from __future__ import annotations

from pathlib import Path

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers.anatomy._label_map import LabelMap
from lbp_prognosis.biomarkers.readers._dicom_mask import find_dicom_mask, read_dicom_mask
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._volume_size import DEFAULT_MAX_BYTES

__all__ = ["read_image", "read_mask"]

_PLAIN = (".nii", ".nii.gz", ".nrrd", ".mha")


def read_image(path: str | Path, *, series: str | None = None, max_bytes: int = DEFAULT_MAX_BYTES) -> Image:
    """Read an image with its place in the patient.

    Parameters
    ----------
    path : str or Path
        ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mha``, or a folder with the files of a DICOM series. The acquisition of a
        NIfTI file comes from the JSON file that dcm2niix writes next to it, and from those of a BIDS data set above it.
    series : str, optional
        SeriesInstanceUID; needed if a folder contains several series.
    max_bytes : int, default 4294967296
        Largest unpacked size that is read, in bytes.

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

    See Also
    --------
    lbp_prognosis.biomarkers.read_mask : How do I read a mask?
    lbp_prognosis.biomarkers.extract : Which biomarkers do my masks give?

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import SimpleITK as sitk
    >>> from lbp_prognosis.biomarkers import read_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "t2.mha")
    ...     sitk.WriteImage(sitk.Image([4, 5, 6], sitk.sitkInt16), str(path))
    ...     image = read_image(path)
    >>> image.data.shape
    (4, 5, 6)
    """
    return Image.read(path, series=series, max_bytes=max_bytes)


def read_mask(
    path: str | Path,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    convention: str | Path | LabelMap | None = None,
    image: Image | None = None,
) -> Mask:
    """Read a label volume.

    Parameters
    ----------
    path : str or Path
        ``.nii``, ``.nii.gz``, ``.nrrd`` or ``.mha``; or a DICOM segmentation (SEG) or structure set (RTSTRUCT), or a
        folder with one of them.
    max_bytes : int, default 4294967296
        Largest unpacked size that is read, in bytes.
    convention : str, Path or LabelMap, optional
        Needed for DICOM: the number of each segment (see `LabelMap`).
    image : Image, optional
        For DICOM: the image on which the mask was drawn. A structure set needs it; a segmentation is put on its grid if
        it is given.

    Returns
    -------
    Mask
        Labels, indexed ``[i, j, k]``, with the matrix to RAS millimetres.

    Raises
    ------
    ArgumentError
        If the labels are not whole numbers, nothing is labelled, or a DICOM file comes without its map or was drawn on
        another image.
    DataError
        If the file is damaged, truncated or too large, or segments overlap.

    See Also
    --------
    lbp_prognosis.biomarkers.read_image : How do I read an image?
    lbp_prognosis.biomarkers.extract : Which biomarkers do my masks give?

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, SimpleITK as sitk
    >>> from lbp_prognosis.biomarkers import read_mask
    >>> labels = np.zeros((6, 5, 4), dtype=np.uint8)
    >>> labels[2:5, 1:4, 1:3] = 27
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mask.nii.gz")
    ...     sitk.WriteImage(sitk.GetImageFromArray(labels), str(path))
    ...     mask = read_mask(path)
    >>> mask.data.shape, int((mask.data == 27).sum())
    ((4, 5, 6), 18)
    """
    file = Path(path)
    found = find_dicom_mask(file) if file.exists() and not file.name.lower().endswith(_PLAIN) else None
    if found is None:
        return Mask.read(path, max_bytes=max_bytes)
    if convention is None:
        raise argument_error(
            "convention",
            "given for a DICOM mask",
            "none",
            "It says which segment is which structure; segments are never guessed from their names.",
        )
    label_map = convention if isinstance(convention, LabelMap) else LabelMap(str(convention))
    return read_dicom_mask(found, label_map, image, max_bytes=max_bytes)
