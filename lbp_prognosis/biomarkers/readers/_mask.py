"""A label volume: whole numbers on a lattice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers.geometry._grid import Grid, check_affine
from lbp_prognosis.biomarkers.readers._image import Image, check_volume
from lbp_prognosis.biomarkers.readers._read_volume import read_volume
from lbp_prognosis.biomarkers.readers._volume_size import DEFAULT_MAX_BYTES

__all__ = ["Mask"]


@dataclass(frozen=True, eq=False)
class Mask:
    """A three-dimensional label volume.

    Parameters
    ----------
    data : array of shape (ni, nj, nk)
        Labels: whole numbers of at least 0. Numbers stored as floats are accepted if all are whole.
    affine : array of shape (4, 4)
        From voxel indices to RAS millimetres.
    source : str, optional
        Where it came from, for messages.

    Raises
    ------
    ArgumentError
        If a label is fractional, negative or missing, if all is background, or the volume is not three-dimensional.
    """

    data: np.ndarray
    affine: np.ndarray
    source: str = ""

    def __post_init__(self) -> None:
        data = _whole(check_volume(self.data, name="mask", source=self.source), self.source)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "affine", check_affine(self.affine, source=self.source))

    @property
    def grid(self) -> Grid:
        """The lattice of voxel centres."""
        return Grid(self.data.shape, self.affine)

    @classmethod
    def read(cls, path: str | Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Mask:
        """Read a NIfTI, NRRD or MHA label file (see `read_mask`)."""
        data, affine, _, source = read_volume(path, max_bytes=max_bytes)
        return cls(data, affine, source)

    def on_grid_of(self, image: Image | Mask) -> Mask:
        """Return the mask on the lattice of ``image``.

        A mask whose axes are only permuted or flipped is turned without loss; any other lattice is refused.

        Raises
        ------
        ArgumentError
            If the lattices differ in more than the order and sense of the axes.
        """
        if self.grid.matches(image.grid):
            return self
        turned = _turned(self, image.grid)
        if turned is not None and turned.grid.matches(image.grid):
            return turned
        mine, wanted = self.grid, image.grid
        apart = mine.offset_from(wanted)
        corners = f", corners up to {apart:.3g} mm apart" if np.isfinite(apart) else ""
        raise argument_error(
            "mask",
            f"on the grid of the image {image.source or ''}".rstrip(),
            f"shape {mine.shape}, sides {np.round(mine.spacing, 3).tolist()} mm against {wanted.shape}, "
            f"{np.round(wanted.spacing, 3).tolist()} mm{corners}",
            "Resample the mask to the image with nearest-neighbour interpolation, or give the image it was drawn on.",
        )

    def __repr__(self) -> str:
        return f"<Mask: {'×'.join(map(str, self.grid.shape))} voxels, labels to {int(self.data.max())}>"


def _whole(data: np.ndarray, source: str) -> np.ndarray:
    where = f" in {source}" if source else ""
    if data.dtype.kind == "f":
        if not np.isfinite(data).all():
            raise argument_error("mask", "free of missing values", f"NaN or infinite labels{where}")
        fraction = np.abs(data - np.rint(data))
        if fraction.max(initial=0) > 1e-6:
            count = int((fraction > 1e-6).sum())
            raise argument_error(
                "mask",
                "whole-number labels",
                f"{count} fractional labels{where}",
                "A probability map or a linearly resampled mask is no label volume: resample with nearest neighbour.",
            )
        data = np.rint(data).astype(np.int64)
    low, high = (int(data.min()), int(data.max())) if data.size else (0, 0)
    if low < 0 or high > 65535:
        raise argument_error("mask", "labels between 0 and 65535", f"labels from {low} to {high}{where}")
    if high == 0:
        raise argument_error("mask", "at least one labelled voxel", f"background only{where}")
    if data.dtype in (np.int8, np.int16):  # the same bytes, and no copy of a large volume
        return data.view(f"u{data.dtype.itemsize}")
    return data if data.dtype in (np.uint8, np.uint16) else data.astype(np.uint8 if high < 256 else np.uint16)


def _turned(mask: Mask, wanted: Grid) -> Mask | None:
    """Permute and flip the axes of a mask towards those of another lattice, if that is all that differs."""
    between = np.linalg.inv(wanted.affine[:3, :3] / wanted.spacing) @ (mask.affine[:3, :3] / mask.grid.spacing)
    steps = np.rint(between)
    if np.abs(between - steps).max() > 0.02 or (np.abs(steps).sum(axis=0) != 1).any():
        return None
    source_of = [int(np.flatnonzero(steps[row])[0]) for row in range(3)]
    data = np.transpose(mask.data, source_of)
    affine = mask.affine[:, [*source_of, 3]].copy()
    for row in range(3):
        if steps[row, source_of[row]] < 0:
            affine[:, 3] += affine[:, row] * (data.shape[row] - 1)
            affine[:, row] *= -1
            data = np.flip(data, axis=row)
    return Mask(data, affine, mask.source)
