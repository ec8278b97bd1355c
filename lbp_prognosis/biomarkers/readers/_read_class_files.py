"""Reader of a folder with one file per structure as one label volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.anatomy._label_map import LabelMap
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._read_image import read_mask

__all__ = ["read_class_files"]


def read_class_files(folder: Path, label_map: LabelMap, *, max_bytes: int) -> Mask:
    """Join the files of a folder into one label volume with the numbers of the convention.

    Files of structures that the convention does not read, and empty files, are ignored.

    Raises
    ------
    ArgumentError
        If no file has a name of the convention, or the lattices differ.
    DataError
        If all are empty, or two structures claim the same voxel.
    """
    files = {label.file: value for value, label in label_map.labels.items() if label.file}
    found = [
        (folder / f"{stem}.nii.gz", value) for stem, value in files.items() if (folder / f"{stem}.nii.gz").is_file()
    ]
    if not found:
        names = ", ".join(f"{stem}.nii.gz" for stem in list(files)[:3])
        raise argument_error(
            "mask",
            f"a label file, or a folder with one file per structure ({names or 'not written by this tool'}, …)",
            f"{str(folder)!r}",
        )
    data: np.ndarray | None = None
    first: Mask | None = None
    for path, value in found:
        try:
            mask = read_mask(path, max_bytes=max_bytes)
        except ValueError as error:
            if "background only" in str(error):
                continue
            raise
        if first is None or data is None:
            first, data = mask, np.zeros(mask.data.shape, dtype=np.uint16)
        inside = mask.on_grid_of(first).data > 0
        if (data[inside] != 0).any():
            raise DataError(
                f"{path.name} claims voxels of another structure: the files are not of one segmentation. Remove those "
                "of other runs from the folder, or give one label file."
            )
        data[inside] = value
    if first is None or data is None:
        raise DataError(f"{folder}: every file of a structure is empty. Run the segmentation again, or drop the study.")
    return Mask(data, first.affine, str(folder))
