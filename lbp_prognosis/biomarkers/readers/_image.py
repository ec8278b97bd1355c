"""An image with its place in the patient and how it was acquired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers.geometry._grid import Grid, check_affine
from lbp_prognosis.biomarkers.readers._read_volume import read_volume
from lbp_prognosis.biomarkers.readers._volume_size import DEFAULT_MAX_BYTES

__all__ = ["Image", "check_volume"]


def check_volume(data: Any, *, name: str, source: str = "") -> np.ndarray:
    """Return a three-dimensional array of numbers; anything of another rank or kind is refused."""
    array = np.asarray(data)
    where = f" in {source}" if source else ""
    if isinstance(data, np.ma.MaskedArray) and (hidden := int(np.ma.count_masked(data))):
        raise argument_error(
            name,
            "an array without masked voxels",
            f"{hidden} masked voxels{where}",
            "Give the whole image, and the region as a Mask.",
        )
    if array.dtype.names is not None or array.dtype.kind not in "biuf":
        raise argument_error(name, "one number per voxel (no colours, vectors or text)", f"type {array.dtype}{where}")
    if array.ndim > 3 and all(n == 1 for n in array.shape[3:]):
        array = array.reshape(array.shape[:3])
    if array.ndim != 3:
        raise argument_error(
            name,
            "three-dimensional",
            f"{array.ndim} dimensions of shape {array.shape}{where}",
            "Choose one volume of a series in time or contrast, and save it alone.",
        )
    if min(array.shape) < 1:
        raise argument_error(name, "at least one voxel along each axis", f"shape {array.shape}{where}")
    return array.astype(_computable(array.dtype), copy=False)


def _computable(kind: np.dtype) -> np.dtype:
    """Return the type in this machine's byte order; of floating-point numbers, with 32 or 64 bits."""
    if kind.kind == "f" and kind.itemsize not in (4, 8):
        return np.dtype(np.float32 if kind.itemsize < 4 else np.float64)
    return kind.newbyteorder("=")


@dataclass(frozen=True, eq=False)
class Image:
    """A three-dimensional image.

    Parameters
    ----------
    data : array of shape (ni, nj, nk)
        Intensities, indexed ``[i, j, k]``.
    affine : array of shape (4, 4)
        From voxel indices to RAS millimetres (see Notes).
    acquisition : mapping, optional
        Acquisition: ``modality, field_strength, vendor, model, repetition_time, …``.
    source : str, optional
        Where it came from, for messages.

    Raises
    ------
    ArgumentError
        If the data are not three-dimensional numbers or the matrix is no rectangular grid in millimetres.

    Notes
    -----
    Positions are RAS: the first coordinate grows to the patient's right, the second to the front, the third to the
    head. Any orientation and obliqueness of the array is allowed; nothing is reoriented.
    """

    data: np.ndarray
    affine: np.ndarray
    acquisition: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", check_volume(self.data, name="data", source=self.source))
        object.__setattr__(self, "affine", check_affine(self.affine, source=self.source))

    @property
    def grid(self) -> Grid:
        """The lattice of voxel centres."""
        return Grid(self.data.shape, self.affine)

    @classmethod
    def read(cls, path: str | Path, *, series: str | None = None, max_bytes: int = DEFAULT_MAX_BYTES) -> Image:
        """Read a NIfTI, NRRD or MHA file, or a folder with one DICOM series (see `read_image`)."""
        return cls(*read_volume(path, series=series, max_bytes=max_bytes))

    def __repr__(self) -> str:
        grid = self.grid
        return f"<Image: {'×'.join(map(str, grid.shape))} voxels of {_sides(grid)} mm, {grid.orientation}>"


def _sides(grid: Grid) -> str:
    return "×".join(f"{side:.3g}" for side in grid.spacing)
