"""One structure: its voxels, cut out of the label volume, with their positions in the patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._grid import Grid

__all__ = ["Region", "union"]


@dataclass(frozen=True, eq=False)
class Region:
    """Voxels of one structure.

    Attributes
    ----------
    structure, level, side : str
        Its name.
    mask : bool array
        The voxels, in a box with one empty voxel on each side.
    start : array of shape (3,)
        Index of the box's first voxel in the volume (−1 where the margin lies outside it).
    volume : Grid
        The lattice of the whole volume.
    partial : bool
        Whether the tool states that the field of view cuts the structure.
    from_bottom : int
        Position counted from the lowest mobile segment; 0 if unknown.
    flags : tuple of str
        How the region was derived, if that matters for its values.
    """

    structure: str
    level: str
    side: str
    mask: np.ndarray
    start: np.ndarray
    volume: Grid
    partial: bool = False
    from_bottom: int = 0
    flags: tuple[str, ...] = ()

    @cached_property
    def grid(self) -> Grid:
        """The lattice of the box."""
        affine = self.volume.affine.copy()
        affine[:3, 3] = self.volume.to_world(self.start.astype(float))
        return Grid(self.mask.shape, affine)

    @cached_property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return int(self.mask.sum())

    @property
    def volume_mm3(self) -> float:
        """Volume in mm³."""
        return self.n_voxels * self.volume.voxel_volume

    @cached_property
    def indices(self) -> np.ndarray:
        """Voxel indices in the box, (n, 3)."""
        return np.argwhere(self.mask)

    @cached_property
    def points(self) -> np.ndarray:
        """RAS positions of the voxel centres, (n, 3)."""
        return self.grid.to_world(self.indices.astype(float))

    @cached_property
    def centroid(self) -> np.ndarray:
        """RAS position of the centre of mass."""
        return self.points.mean(axis=0)

    @cached_property
    def touched(self) -> tuple[str, ...]:
        """Faces of the volume that the structure touches, as letters of the patient's directions (e.g. ``('S',)``)."""
        letters = self.volume.orientation
        opposite = dict(zip("RLAPSI", "LRPAIS"))
        found = []
        low, high = self.indices.min(axis=0) + self.start, self.indices.max(axis=0) + self.start
        for axis in range(3):
            if low[axis] <= 0:
                found.append(opposite[letters[axis]])
            if high[axis] >= self.volume.shape[axis] - 1:
                found.append(letters[axis])
        return tuple(found)

    @property
    def cut(self) -> bool:
        """Whether the field of view cuts the structure, or the tool states so."""
        return self.partial or bool(self.touched)

    @cached_property
    def n_slices(self) -> int:
        """Number of slices that contain it; slices lie along the axis of the largest voxel side."""
        axis = int(np.argmax(self.volume.spacing))
        return int(np.unique(self.indices[:, axis]).size)

    @cached_property
    def _soft(self) -> np.ndarray:
        return self.mask.astype(np.float32)

    def step_along(self, direction: np.ndarray) -> float:
        """Return the size of a voxel along a unit vector (RAS), mm."""
        cosines = self.volume.affine[:3, :3] / self.volume.spacing
        return float(np.sqrt(np.sum((self.volume.spacing * (direction @ cosines)) ** 2)))

    def sample(self, points: np.ndarray) -> np.ndarray:
        """Return the linearly interpolated occupancy in [0, 1] at RAS positions (…, 3)."""
        index = np.moveaxis(self.grid.to_index(points), -1, 0)
        return ndimage.map_coordinates(self._soft, index, order=1, mode="constant", cval=0.0, output=np.float32)

    def window(
        self, frame: Frame, rows: tuple[int, np.ndarray], columns: tuple[int, np.ndarray]
    ) -> tuple[slice, slice]:
        """Return the part of a plane of a frame outside which the structure has no voxels.

        Rows and columns are an axis of the frame (0 ap, 1 left, 2 cc) with ascending coordinates along it.
        """
        box = frame.to_local(self.grid.corners())
        first, second = (
            slice(*(int(k) for k in np.searchsorted(at, (box[:, axis].min(), box[:, axis].max()))))
            for axis, at in (rows, columns)
        )
        return first, second

    def sample_columns(self, frame: Frame, ap: np.ndarray, left: np.ndarray, cc: np.ndarray) -> np.ndarray:
        """Return the occupancy at every combination of local coordinates of a frame, (len(ap), len(left), len(cc)).

        Each index is a sum of one term per axis, so that no position has to be computed per point.
        """
        inverse = np.linalg.inv(self.grid.affine)
        turn = inverse[:3, :3] @ np.stack([frame.ap, frame.left, frame.cc], axis=1)
        start = inverse[:3, :3] @ frame.origin + inverse[:3, 3]
        index = np.empty((3, ap.size, left.size, cc.size))
        for k in range(3):
            plane = start[k] + turn[k, 0] * ap[:, None] + turn[k, 1] * left
            np.add(plane[:, :, None], turn[k, 2] * cc, out=index[k])
        return ndimage.map_coordinates(self._soft, index, order=1, mode="constant", cval=0.0, output=np.float32)

    def reaches_border(self, points: np.ndarray) -> bool:
        """Return whether any RAS position lies in the outermost voxels of the volume, or outside it."""
        index = self.volume.to_index(points)
        return bool(((index < 0.5) | (index > np.array(self.volume.shape) - 1.5)).any())

    def keep(self, mask: np.ndarray, **changes: object) -> Region:
        """Return the region with another mask in the same box."""
        return replace(self, mask=mask, **changes)  # type: ignore[arg-type]


def union(regions: list[Region], structure: str, level: str = "", side: str = "") -> Region:
    """Return all voxels of several regions as one."""
    starts = np.array([region.start for region in regions])
    ends = np.array([region.start + region.mask.shape for region in regions])
    start, end = starts.min(axis=0), ends.max(axis=0)
    mask = np.zeros(end - start, dtype=bool)
    for region in regions:
        low = region.start - start
        box = tuple(slice(a, a + n) for a, n in zip(low, region.mask.shape))
        mask[box] |= region.mask
    first = regions[0]
    return Region(
        structure,
        level,
        side,
        mask,
        start,
        first.volume,
        any(r.partial for r in regions),
        first.from_bottom,
        tuple(dict.fromkeys(flag for r in regions for flag in r.flags)),
    )
