"""Does the image change where the mask says that the bone ends?

Rays leave the line through the bodies to the front, to both sides, up and down; the image along them is read about the
border of the mask. Where mask and image agree, the median change is largest at the border, whatever the contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy
from lbp_prognosis.biomarkers.anatomy._spine import Spine
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.quality._column import label_of
from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["EdgeAgreement", "edge_agreement"]

Floats = npt.NDArray[np.float64]

SECTORS = ("front", "left", "right", "up", "down")
STEP_MM = 0.5

NEAR_MM = 3.0
AROUND_MM = 12.0
"""Distances from the border of the mask within which a change is one at the border, and is compared with it."""

LONGEST_MM = 45.0
"""Length of a ray from the line through the bodies: beyond half the width of any body."""

FEWEST_RAYS = 12
FEWEST_OF_LEVEL = 7
"""Rays of a sector, over all levels and of one level, below which no median is taken."""


@dataclass(frozen=True)
class EdgeAgreement:
    """How sharply the image changes at the border of the mask.

    Attributes
    ----------
    ratio : dict
        From sector to the largest median change within 3 mm of the border over the largest one from there to 12 mm
        (5 mm up and down, where the next bone is near).
    rays : dict
        From sector to the number of rays.
    levels : dict
        From level to the same ratios of its own rays, by sector; at least `FEWEST_OF_LEVEL` of them.
    """

    ratio: dict[str, float]
    rays: dict[str, int]
    levels: dict[str, dict[str, float]]


def edge_agreement(anatomy: Anatomy, spine: Spine, image: Image) -> EdgeAgreement:
    """Compare image and mask along rays from all whole bodies."""
    changes: dict[str, list[Floats]] = {sector: [] for sector in SECTORS}
    levels: dict[str, dict[str, float]] = {}
    for level, body in spine.bodies.items():
        if body.region.cut or not np.isfinite([body.depth, body.width]).all():
            continue
        region = label_of(anatomy, level)
        for sector in SECTORS:
            starts, directions = _rays(body.frame, sector, body.depth, body.width)
            r = np.arange(0.0, LONGEST_MM, STEP_MM)
            path = starts[:, None] + r[None, :, None] * directions[:, None]
            inside = region.sample(path) >= 0.5
            own: list[Floats] = []
            for ray, (start, direction) in enumerate(zip(starts, directions)):
                if not inside[ray, 0] or inside[ray].all():
                    continue
                border = float(r[int(np.argmin(inside[ray]))]) - STEP_MM / 2
                about = np.arange(border - AROUND_MM - 1.0, border + AROUND_MM + 1.0 + STEP_MM / 2, STEP_MM)
                own.append(_profile(image, start + about[:, None] * direction))
            changes[sector] += own
            seen = [profile for profile in own if np.isfinite(profile).all()]
            if len(seen) >= FEWEST_OF_LEVEL:
                levels.setdefault(level, {})[sector] = _ratio(np.array(seen), sector)
    ratio, rays = {}, {}
    for sector, found in changes.items():
        kept = [profile for profile in found if np.isfinite(profile).all()]
        rays[sector] = len(kept)
        ratio[sector] = _ratio(np.array(kept), sector) if len(kept) >= FEWEST_RAYS else float("nan")
    return EdgeAgreement(ratio, rays, levels)


def _rays(frame: Frame, sector: str, depth: float, width: float) -> tuple[Floats, Floats]:
    """Return the starts and directions of the rays of a sector."""
    if sector in {"up", "down"}:
        spots = [(a * depth, b * width) for a in (-0.2, 0.0, 0.2) for b in (-0.25, 0.0, 0.25)]
        starts = [frame.to_world(np.array([a, b, 0.0])) for a, b in spots]
        direction = frame.cc if sector == "up" else -frame.cc
        return np.array(starts), np.tile(direction, (len(starts), 1))
    centre = {"front": 0.0, "left": np.pi / 2, "right": -np.pi / 2}[sector]
    angles = centre + np.radians([-25.0, -12.5, 0.0, 12.5, 25.0])
    starts, directions = [], []
    for height in (-5.0, 0.0, 5.0):
        for angle in angles:
            starts.append(frame.to_world(np.array([0.0, 0.0, height])))
            directions.append(np.cos(angle) * frame.ap + np.sin(angle) * frame.left)
    return np.array(starts), np.array(directions)


def _profile(image: Image, points: Floats) -> Floats:
    """Return the change of the image per step along a ray."""
    index = np.moveaxis(image.grid.to_index(points), -1, 0)
    values = ndimage.map_coordinates(image.data, index, order=1, mode="constant", cval=np.nan, output=np.float32)
    return np.gradient(ndimage.uniform_filter1d(values.astype(float), 3))


def _ratio(changes: Floats, sector: str) -> float:
    """Return the largest median change near the border over the largest one farther away (a screw is a few rays)."""
    mean = np.abs(np.median(changes, axis=0))
    offset = (np.arange(mean.size) - (mean.size - 1) / 2) * STEP_MM
    far = 5.5 if sector in {"up", "down"} else AROUND_MM
    near = mean[np.abs(offset) <= NEAR_MM].max()
    other = mean[(np.abs(offset) > NEAR_MM) & (np.abs(offset) <= far)].max()
    return float(near / max(other, 1e-9))
