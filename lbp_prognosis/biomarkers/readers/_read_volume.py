"""Read the voxels of a volume; the folder or the file's ending says by which adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers.readers._managed_files import check_fetched
from lbp_prognosis.biomarkers.readers._volume_size import DEFAULT_MAX_BYTES

__all__ = ["read_volume"]


def read_volume(
    path: str | Path, *, series: str | None = None, max_bytes: int = DEFAULT_MAX_BYTES
) -> tuple[np.ndarray, np.ndarray, dict[str, Any], str]:
    """Return voxels, the matrix to RAS millimetres, the acquisition and the source; arguments as for `read_image`."""
    file = Path(path)
    name = file.name.lower()
    check_fetched(file)
    if not file.exists():
        raise argument_error(
            "path", "an existing file or folder", f"{str(path)!r}", "Check its spelling and where it starts."
        )
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
        "Unpack archives. For DICOM give the folder, not one file; headers with detached data (.nhdr, .mhd, .hdr) are "
        "not read.",
    )
