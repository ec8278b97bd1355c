"""Local coordinate systems: front, left and up of a vertebra or disc."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Frame", "make_frame", "unit"]


def unit(vector: np.ndarray) -> np.ndarray:
    """Return the vector at length one."""
    return vector / np.linalg.norm(vector)


@dataclass(frozen=True, eq=False)
class Frame:
    """Three unit vectors at a point: ``ap`` to the front, ``left`` to the patient's left, ``cc`` to the head."""

    origin: np.ndarray
    ap: np.ndarray
    left: np.ndarray
    cc: np.ndarray

    def to_local(self, points: np.ndarray) -> np.ndarray:
        """Return (…, 3) coordinates (ap, left, cc) in mm of RAS positions."""
        return (points - self.origin) @ np.stack([self.ap, self.left, self.cc], axis=1)

    def to_world(self, local: np.ndarray) -> np.ndarray:
        """Return RAS positions of (…, 3) local coordinates."""
        return self.origin + local @ np.stack([self.ap, self.left, self.cc])

    def at(self, origin: np.ndarray) -> Frame:
        """Return the same directions at another point."""
        return Frame(origin, self.ap, self.left, self.cc)


def make_frame(origin: np.ndarray, cc: np.ndarray, front: np.ndarray) -> Frame:
    """Return the frame with the direction ``cc`` as given and ``front`` made orthogonal to it.

    In RAS, up × front points to the patient's left.
    """
    up = unit(cc)
    ap = unit(front - (front @ up) * up)
    return Frame(origin, ap, np.cross(up, ap), up)
