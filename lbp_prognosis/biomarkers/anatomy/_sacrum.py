"""The upper endplate of the sacrum: the surface that faces the last disc."""

from __future__ import annotations

import numpy as np

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.geometry._caps import Caps, EndplatePlane, fit_endplate
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["sacral_endplate", "sacral_taper"]

REACH_MM = 45.0
NEAR_MM = 6.0

HALF_BODY, ONE_BODY = 0.5, 1.5
"""Range of the height of a label, relative to that of the last lumbar body, in which its shape is read: a lower label
shows too little of it, and a higher one is the whole sacrum, not one vertebra."""

UPPER, LOWER = (0.15, 0.30), (0.70, 0.85)
"""Shares of the height, from the upper endplate, between which the depth near the upper and the lower end is read."""


def sacral_endplate(
    sacrum: Region, last: BodyGeometry, disc: Region | None
) -> tuple[EndplatePlane, Frame, tuple[np.ndarray, np.ndarray] | None] | None:
    """Return the plane through the upper endplate of the sacrum, its frame, and its back and front ends.

    The plane is fitted to the first surface of the sacrum below the lowest body.
    Columns start at the lower endplate of the last body. After the first fit the frame is aligned with the fitted
    plane, and only columns whose surface lies near it are used, so that the wings and the canal of the sacrum are left
    out.
    """
    if last.inferior is None:
        return None
    start = last.inferior.point if disc is None else disc.centroid
    frame = make_frame(start, last.inferior.normal, last.frame.ap)
    plane: EndplatePlane | None = None
    for _ in range(4):
        top = _first_surface(sacrum, frame, last)
        if plane is None:
            seen = top[np.isfinite(top)]
            if seen.size < 50:
                return None
            near = np.abs(top - np.median(seen)) < 3 * NEAR_MM
        else:
            near = np.abs(top - (plane.point - frame.origin) @ frame.cc) < NEAR_MM
        caps = _caps(frame, np.where(near, top, np.nan), last)
        new = fit_endplate(caps, "superior", sacrum)
        if new is None:
            return None
        plane = new
        frame = make_frame(plane.point, plane.normal, last.frame.ap)
    assert plane is not None  # four rounds were fitted
    if abs(np.degrees(np.arccos(np.clip(plane.normal @ last.inferior.normal, -1, 1)))) > 45:
        return None
    return plane, frame, _ends(_first_surface(sacrum, frame, last), last, frame)


def sacral_taper(sacrum: Region, frame: Frame, last: BodyGeometry) -> float:
    """Return the depth near the lower end of the first sacral body as a ratio to that near its upper end.

    The depth is the longest run of labelled voxels from back to front, in the central 30 % of the width. A lumbar body
    is as deep below as above; the first sacral one is not, unless it is a transitional vertebra. A label lower than the
    last lumbar body narrows over less of its height, so its ratio is extrapolated linearly to that height. The ratio is
    NaN if the field of view cuts the label, if the label has less than half that height, or if it is higher than one
    vertebra and so known to be the sacrum.
    """
    height = float(np.nanmedian(last.caps.top - last.caps.bottom))
    if sacrum.cut or not np.isfinite([height, last.depth, last.width]).all():
        return float("nan")
    ap, left = np.arange(-0.8, 0.8, 0.02) * last.depth, np.arange(-0.15, 0.16, 0.05) * last.width
    down = np.arange(0.0, (ONE_BODY + 0.2) * height, 0.5)
    points = np.stack(np.meshgrid(ap, left, -down, indexing="ij"), axis=-1)
    occupied = (sacrum.sample(frame.to_world(points)) >= 0.5).mean(axis=1) >= 0.5
    chords = np.array([_longest_run(column) for column in occupied.T]) * (ap[1] - ap[0])
    thick = np.flatnonzero(chords >= 0.25 * last.depth)
    if thick.size == 0:
        return float("nan")
    ends = np.flatnonzero(np.diff(thick) > 1)  # a remnant below a gap is no part of the vertebra
    bottom = float(down[thick[ends[0] if ends.size else -1]])
    if not HALF_BODY * height <= bottom <= ONE_BODY * height:
        return float("nan")
    share = down / bottom
    upper, lower = (float(np.median(chords[(share >= a) & (share <= b)])) for a, b in (UPPER, LOWER))
    return 1 - (1 - lower / upper) * max(height / bottom, 1.0) if upper > 0 else float("nan")


def _longest_run(inside: np.ndarray) -> int:
    """Return the length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def _ends(top: np.ndarray, last: BodyGeometry, frame: Frame) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the back and front corners in the middle, where the surface deviates from the plane by more than 2 mm."""
    ap, left = _axes(last)
    central = np.abs(left) <= 0.15 * last.width
    share = (np.abs(top[:, central]) < 2.0).mean(axis=1)
    near = share >= 0.5
    start = int(np.argmin(np.abs(ap)))
    if not near[start]:
        return None
    low = high = start
    while low > 0 and near[low - 1]:
        low -= 1
    while high < ap.size - 1 and near[high + 1]:
        high += 1
    if low == 0 or high == ap.size - 1:
        return None
    # where the share of columns on the plane crosses one half, as at the walls of a body
    ends = [
        ap[at] + way * (ap[1] - ap[0]) * (share[at] - 0.5) / (share[at] - share[at + way])
        for at, way in ((low, -1), (high, 1))
    ]
    return frame.to_world(np.array([ends[0], 0.0, 0.0])), frame.to_world(np.array([ends[1], 0.0, 0.0]))


def _axes(last: BodyGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Return columns over the footprint of the last body, slightly extended in front and behind."""
    step = max(1.0, max(last.depth, last.width) / 200)
    ap, left = (step * np.arange(-n, n + 1) for n in (int(0.6 * last.depth / step), int(0.4 * last.width / step)))
    return ap, left


def _first_surface(sacrum: Region, frame: Frame, last: BodyGeometry) -> np.ndarray:
    ap, left = _axes(last)
    dz = max(min(0.5, 0.5 * float(sacrum.volume.spacing.min())), 0.1)
    z = np.arange(NEAR_MM * 2, -REACH_MM, -dz)
    points = np.stack(np.meshgrid(ap, left, z, indexing="ij"), axis=-1)
    profile = sacrum.sample(frame.to_world(points))
    inner = profile >= 0.5
    first = np.argmax(inner, axis=2)
    some = inner.any(axis=2) & (first > 0)
    before = np.clip(first - 1, 0, z.size - 1)
    p1 = np.take_along_axis(profile, first[..., None], axis=2)[..., 0].astype(float)
    p0 = np.take_along_axis(profile, before[..., None], axis=2)[..., 0].astype(float)
    share = np.clip((p1 - 0.5) / np.maximum(p1 - p0, 1e-9), 0, 1)
    return np.where(some, z[first] + dz * share, np.nan)


def _caps(frame: Frame, top: np.ndarray, last: BodyGeometry) -> Caps:
    ap, left = _axes(last)
    blank = np.full(top.shape, np.nan)
    return Caps(frame, ap, left, top, blank, blank, blank)
