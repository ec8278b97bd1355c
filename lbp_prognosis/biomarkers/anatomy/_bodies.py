"""The vertebral body: from its own label, or cut out of the label of the whole vertebra."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy, _trimmed
from lbp_prognosis.biomarkers.anatomy._levels import level_rank
from lbp_prognosis.biomarkers.geometry._frame import make_frame, unit
from lbp_prognosis.biomarkers.geometry._region import Region, union

__all__ = ["find_bodies"]

OPENING_MM = 3.0


def find_bodies(anatomy: Anatomy) -> dict[str, Region]:
    """Return the body of each vertebra below ``c2``, top to bottom.

    A label of the body is used as it is, with the bony endplates if the tool labels them separately. A label of the
    whole vertebra is cut at the front wall of the canal. Without a canal the body is what remains after opening with a
    ball of 60 % of the body's own radius (flag ``body_by_opening``).
    """
    levels = sorted(
        {*anatomy.levels("vertebra"), *anatomy.levels("vertebral_body")} - {"c1", "c2", "s1"}, key=level_rank
    )  # c1 and c2 have no body between two discs, and of the sacrum only the upper endplate counts
    canal = anatomy.canal
    deepest = {level: _deepest(region) for level in levels if (region := anatomy.get("vertebra", level)) is not None}
    bodies = {}
    for level in levels:
        own = anatomy.get("vertebral_body", level)
        if own is not None:
            plate = anatomy.get("bony_endplate", level)
            bodies[level] = _one_piece(union([own, plate], "vertebral_body", level) if plate is not None else own)
            continue
        vertebra = anatomy.get("vertebra", level)
        assert vertebra is not None
        body = _cut_by_canal(vertebra, canal, deepest, level) if canal is not None else None
        if body is None:
            body = _by_opening(vertebra)
        if body is not None:
            bodies[level] = body
    return bodies


def _depth(mask: np.ndarray, region: Region) -> np.ndarray:
    return ndimage.distance_transform_edt(mask, sampling=region.volume.spacing)


def _deepest(region: Region) -> np.ndarray:
    """Return the RAS position of the voxel farthest from the surface: it lies in the body."""
    depth = _depth(region.mask, region)
    peak = np.argwhere(depth >= 0.9 * depth.max())
    return region.grid.to_world(peak.astype(float)).mean(axis=0)


def _axis_at(level: str, centres: dict[str, np.ndarray]) -> np.ndarray:
    """Return the direction to the head at a level, from the centres of its neighbours."""
    names = list(centres)
    at = names.index(level)
    upper, lower = centres[names[max(at - 1, 0)]], centres[names[min(at + 1, len(names) - 1)]]
    if len(names) == 1:
        return np.array([0.0, 0.0, 1.0])
    return unit(upper - lower)


def _cut_by_canal(vertebra: Region, canal: Region, deepest: dict[str, np.ndarray], level: str) -> Region | None:
    """Keep what lies in front of the line along the front wall of the canal."""
    centre = deepest[level]
    up = _axis_at(level, deepest)
    along = (canal.points - centre) @ up
    near = canal.points[np.abs(along) <= 20.0]
    if near.shape[0] < 30:
        return None
    back = near.mean(axis=0) - centre
    if np.linalg.norm(back - (back @ up) * up) < 3.0:
        return None
    frame = make_frame(centre, up, -back)
    local = frame.to_local(near)
    bins = np.floor(local[:, 2] / 2.0).astype(int)
    walls = [
        (local[bins == b, 2].mean(), np.quantile(local[bins == b, 0], 0.98))
        for b in np.unique(bins)
        if (bins == b).sum() >= 5
    ]
    if len(walls) < 3:
        return None
    height, wall = np.array(walls).T
    slope, offset = np.polyfit(height, wall, 1)
    points = frame.to_local(vertebra.points)
    edge = 0.5 * float(
        vertebra.volume.spacing[int(np.argmax(np.abs(np.linalg.inv(vertebra.volume.affine[:3, :3]) @ frame.ap)))]
    )
    front = points[:, 0] > slope * points[:, 2] + offset + edge * 0.5
    mask = np.zeros_like(vertebra.mask)
    mask[tuple(vertebra.indices[front].T)] = True
    opened = _opened(mask, vertebra, OPENING_MM)
    if opened is None:
        return None
    return _trimmed(vertebra.keep(opened, structure="vertebral_body", flags=("body_cut_at_canal",)))


def _by_opening(vertebra: Region) -> Region | None:
    radius = 0.6 * float(_depth(vertebra.mask, vertebra).max())
    opened = _opened(vertebra.mask, vertebra, radius)
    if opened is None:
        return None
    return _trimmed(vertebra.keep(opened, structure="vertebral_body", flags=("body_by_opening",)))


def _opened(mask: np.ndarray, region: Region, radius: float) -> np.ndarray | None:
    """Open with a ball, keep the largest piece, and restore its corners.

    Opening rounds the rim of the endplates. Growing the core by 1.5 radii instead of one, within the mask, restores it.
    """
    core = _depth(mask, region) > radius
    labels, count = ndimage.label(core)
    if count == 0:
        return None
    core = labels == int(np.argmax(np.bincount(labels.ravel())[1:]) + 1)
    away = ndimage.distance_transform_edt(~core, sampling=region.volume.spacing)
    return mask & (away <= 1.5 * radius)


def _one_piece(region: Region) -> Region:
    """Keep the largest connected piece, and flag the region if the others were more than 5 % of it."""
    labels, count = ndimage.label(region.mask, structure=np.ones((3, 3, 3)))
    if count <= 1:
        return region
    sizes = np.bincount(labels.ravel())[1:]
    kept = labels == int(np.argmax(sizes) + 1)
    lost = 1 - sizes.max() / sizes.sum()
    flags = (*region.flags, "fragmented") if lost > 0.05 else region.flags
    return _trimmed(region.keep(kept, flags=flags))
