"""Positions of voxels in the patient.

The one convention of this room: arrays are indexed ``[i, j, k]`` and ``affine @ (i, j, k, 1)`` is the position of the
voxel's CENTRE in millimetres in RAS (first coordinate grows to the patient's right, second to the front, third to the
head). DICOM and ITK use LPS; the adapters change the sign of the first two coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["Grid", "check_affine"]


def check_affine(affine: object, *, source: str = "") -> np.ndarray:
    """Return a 4 × 4 voxel-to-RAS matrix; one that is not a rectangular grid of plausible voxels is refused."""
    matrix = np.asarray(affine, dtype=float)
    where = f" in {source}" if source else ""
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise argument_error("affine", "a finite 4 × 4 matrix from voxel indices to millimetres (RAS)", affine)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    if (spacing < 1e-3).any() or (spacing > 100).any():
        raise argument_error(
            "affine",
            "of voxel sides between 0.001 and 100 mm",
            f"sides {np.round(spacing, 6).tolist()}{where}",
            "Check the unit of the header.",
        )
    cosines = matrix[:3, :3] / spacing
    skew = np.abs(cosines.T @ cosines - np.eye(3)).max()
    if skew > 0.02:
        raise argument_error(
            "affine",
            "of three axes at right angles",
            f"a shear of {skew:.3f}{where}",
            "Resample the image to a rectangular grid (a tilted CT gantry gives such a grid).",
        )
    return matrix


@dataclass(frozen=True, eq=False)
class Grid:
    """A rectangular lattice of voxel centres."""

    shape: tuple[int, int, int]
    affine: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """Voxel sides along the array axes, mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel, mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def orientation(self) -> str:
        """Letters of the patient directions towards which the array axes grow, e.g. ``RAS`` or ``PIR``."""
        cosines = self.affine[:3, :3] / self.spacing
        letters = []
        taken: set[int] = set()
        for axis in range(3):
            order = [row for row in np.argsort(-np.abs(cosines[:, axis])) if row not in taken]
            taken.add(int(order[0]))
            letters.append(("LR", "PA", "IS")[order[0]][int(cosines[order[0], axis] > 0)])
        return "".join(letters)

    def to_world(self, indices: np.ndarray) -> np.ndarray:
        """Return RAS positions (…, 3) of voxel indices (…, 3)."""
        return indices @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, points: np.ndarray) -> np.ndarray:
        """Return fractional voxel indices (…, 3) of RAS positions (…, 3)."""
        inverse = np.linalg.inv(self.affine)
        return points @ inverse[:3, :3].T + inverse[:3, 3]

    def corners(self) -> np.ndarray:
        """Return the RAS positions of the eight corner voxels."""
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape], indexing="ij")).reshape(3, -1).T
        return self.to_world(ends.astype(float))

    def offset_from(self, other: Grid) -> float:
        """Return the largest distance in mm between corresponding corner voxels; infinite for another shape."""
        if self.shape != other.shape:
            return float("inf")
        return float(np.linalg.norm(self.corners() - other.corners(), axis=1).max())

    def matches(self, other: Grid) -> bool:
        """Return whether both lattices are the same, to a tenth of the smallest voxel side."""
        return self.offset_from(other) <= 0.1 * float(min(self.spacing.min(), other.spacing.min()))
