"""The sacrum as the lower border of the last foramen: its pedicle below that of the last vertebra, and its corner."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.geometry._region import Region, union

__all__ = ["sacral_corner", "sacral_pedicle", "whole_sacrum"]

BAND_MM = (1.0, 7.0)
ASIDE_MM = 5.0
DEEP_MM = 22.0
CORNER_MM = 2.0


def whole_sacrum(case: Case) -> Region | None:
    """Return all labels of the sacrum and its first vertebra; None without an upper endplate and its corners."""
    if case.spine.sacral is None or case.spine.sacral_ends is None:
        return None
    names = ("sacrum", "sacral_vertebra", "vertebral_body", "posterior_elements", "bony_endplate")
    found = [r for (name, at, _), r in case.anatomy.regions.items() if name in names and at == "s1"]
    found += [r for r in case.anatomy.of("sacrum") if r.level != "s1"]
    return union(found, "sacrum", "s1") if found else None


def sacral_pedicle(case: Case, sacrum: Region, above: np.ndarray) -> np.ndarray | None:
    """Return the centre of the bone of the sacrum behind its back wall and below the pedicle of the last vertebra.

    The wing continues the pedicle outwards without a border, so the pedicle above determines how far out it lies.
    """
    frame, ends = case.spine.sacral_frame, case.spine.sacral_ends
    assert frame is not None
    assert ends is not None
    local = frame.to_local(sacrum.points)
    back, aside = frame.to_local(ends[0])[0], frame.to_local(above)[1]
    behind = back - local[:, 0]
    here = (behind >= BAND_MM[0]) & (behind <= BAND_MM[1]) & (np.abs(local[:, 1] - aside) <= ASIDE_MM)
    here &= (local[:, 2] <= 0) & (local[:, 2] >= -DEEP_MM)
    if here.sum() * sacrum.volume.voxel_volume < 50.0:
        return None
    centre = np.array([local[here, 0].mean(), aside, local[here, 2].mean()])
    return np.asarray(frame.to_world(centre))


def sacral_corner(case: Case, sacrum: Region, world: np.ndarray) -> tuple[int, int] | None:
    """Return the cell at the back of the sacral endplate on a plane; None if not visible.

    The endplate is followed backwards from its middle. Where no notch separates it from the pedicle, it ends at the
    back corner that was found in the midline.
    """
    plane, frame, ends = case.spine.sacral, case.spine.sacral_frame, case.spine.sacral_ends
    assert plane is not None
    assert frame is not None
    assert ends is not None
    inside = sacrum.sample(world) >= 0.5
    deep = (plane.point - world) @ plane.normal
    rim = inside & (np.abs(deep - CORNER_MM / 2) <= CORNER_MM)
    if not rim.any():
        return None
    local = frame.to_local(world)
    pieces, _ = ndimage.label(rim)
    middle = 0.5 * sum(float(frame.to_local(end)[0]) for end in ends)
    nearest = np.unravel_index(int(np.argmin(np.where(rim, np.abs(local[..., 0] - middle), np.inf))), rim.shape)
    endplate = pieces == pieces[nearest]
    back = max(float(local[..., 0][endplate].min()), float(frame.to_local(ends[0])[0]))
    away = np.where(inside, np.hypot(local[..., 0] - back, deep), np.inf)
    row, column = np.unravel_index(int(np.argmin(away)), away.shape)
    return int(row), int(column)
