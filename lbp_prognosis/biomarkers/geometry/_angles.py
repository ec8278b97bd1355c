"""Signed angles between endplates, seen from the side and from the front."""

from __future__ import annotations

import numpy as np

__all__ = ["coronal_tilt", "sagittal_angle", "sagittal_tilt"]


def sagittal_angle(upper: np.ndarray, lower: np.ndarray, left: np.ndarray) -> float:
    """Return the angle between two endplates, degrees, positive if they open to the front (lordosis).

    Both normals are projected on the plane perpendicular to ``left`` (the patient's sagittal plane), so that a
    coronal tilt does not enter.
    """
    a = upper - (upper @ left) * left
    b = lower - (lower @ left) * left
    # In RAS, with `left` to the patient's left, tilting the upper normal backwards turns it about +left: see the tests.
    return float(np.degrees(np.arctan2(np.cross(a, b) @ left, a @ b)))


def sagittal_tilt(normal: np.ndarray, left: np.ndarray, up: np.ndarray | None = None) -> float:
    """Return the forward tilt of an endplate against the horizontal, degrees (the sacral slope of the sacrum)."""
    vertical = np.array([0.0, 0.0, 1.0]) if up is None else up
    return sagittal_angle(vertical, normal, left)


def coronal_tilt(normal: np.ndarray, front: np.ndarray, up: np.ndarray) -> float:
    """Return the coronal tilt of an endplate, degrees, positive to the patient's left."""
    a = normal - (normal @ front) * front
    b = up - (up @ front) * front
    return float(np.degrees(np.arctan2(np.cross(b, a) @ front, a @ b)))
