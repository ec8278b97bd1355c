"""Agreement of image and mask at the border of the bone.

Rays run from the line through the bodies to the front, to both sides, up and down; the image is read along them around
the border of the mask. Where mask and image agree, the median change of the image is largest at the border, whatever
the contrast. This is checked for each direction along its own rays, and for all directions together over all positions
to which the whole mask could be moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy
from lbp_prognosis.biomarkers.anatomy._spine import Spine
from lbp_prognosis.biomarkers.geometry._frame import Frame
from lbp_prognosis.biomarkers.geometry._region import Region
from lbp_prognosis.biomarkers.quality._column import label_of
from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["EdgeAgreement", "edge_agreement"]

Floats = npt.NDArray[np.float64]
Rays = list[tuple[Floats, Floats]]
"""Points at which rays leave a label, and the directions of the rays."""

SECTORS = ("front", "left", "right", "up", "down")
STEP_MM = 0.5

NEAR_MM = 3.0
AROUND_MM = 12.0
"""Distances from the border of the mask within which a change counts as at the border, and is compared with others."""

LONGEST_MM = 45.0
"""Length of a ray from the line through the bodies: more than half the width of any body."""

FEWEST_RAYS = 12
FEWEST_OF_LEVEL = 7
"""Smallest number of rays of a sector for a median, over all levels and of one level."""

FEWEST_SECTORS = 3
"""Smallest number of sectors for comparing positions of the mask: a single border fits at several of them."""

OTHER_PLACE_MM = 5.0
FARTHEST_MM = 16.0
"""Displacements of the mask that count as another position: above the error of a border, below half a vertebra."""

BACK_MM = (4.0, 14.0)
OWN_MM = 2.5
"""Displacements that undo a step between two parts of a mask, and those that count as the part's own position."""


@dataclass(frozen=True)
class EdgeAgreement:
    """Change of the image at the border of the mask.

    Attributes
    ----------
    ratio : dict
        From sector to the largest median change within 3 mm of the border over the largest one from there to 12 mm
        (5 mm up and down, where the next bone is near).
    rays : dict
        From sector to the number of rays.
    elsewhere : float
        Largest change at the border, summed over the sectors, with the mask moved by 5 to 16 mm, over the largest one
        within 3 mm of its own position; NaN with fewer than three sectors. Above 1 the mask fits better at another
        position.
    ends : dict
        From level to the change within 3 mm of its upper and lower end (``up``, ``down``) over the median of the other
        ends of all levels; only with at least `FEWEST_OF_LEVEL` rays.
    parts : dict
        From a pair of levels with a step between them to two ratios, for the part above it and the part below it: the
        change at the border with the part moved by 4 to 14 mm so that the step becomes smaller, over that within 2.5 mm
        of its own position. Above 1 the part fits better without the step; NaN with fewer than three sectors.
    """

    ratio: dict[str, float]
    rays: dict[str, int]
    elsewhere: float
    ends: dict[str, dict[str, float]]
    parts: dict[tuple[str, str], tuple[float, float]]


def edge_agreement(
    anatomy: Anatomy, spine: Spine, image: Image, steps: Mapping[tuple[str, str], Floats] = MappingProxyType({})
) -> EdgeAgreement:
    """Compare image and mask along rays from all whole bodies.

    ``steps`` are the steps across the spine, mm, from the lower of two levels to the upper one.
    """
    changes: dict[str, list[Floats]] = {sector: [] for sector in SECTORS}
    borders: dict[str, dict[str, Rays]] = {}
    ends: dict[tuple[str, str], float] = {}
    about = np.arange(-AROUND_MM - 1.0, AROUND_MM + 1.0 + STEP_MM / 2, STEP_MM)
    for level, body in spine.bodies.items():
        if body.region.cut or not np.isfinite([body.depth, body.width]).all():
            continue
        region = label_of(anatomy, level)
        for sector in SECTORS:
            starts, directions = _rays(body.frame, sector, body.depth, body.width)
            own = list(_borders(region, starts, directions))
            profiles = [_profile(image, point + about[:, None] * direction) for point, direction in own]
            borders.setdefault(level, {})[sector] = own
            changes[sector] += profiles
            seen = [profile for profile in profiles if np.isfinite(profile).all()]
            if sector in {"up", "down"} and len(seen) >= FEWEST_OF_LEVEL:
                ends[level, sector] = float(_median_change(np.array(seen))[np.abs(about) <= NEAR_MM].max())
    ratio, rays = {}, {}
    for sector, found in changes.items():
        kept = [profile for profile in found if np.isfinite(profile).all()]
        rays[sector] = len(kept)
        ratio[sector] = _ratio(np.array(kept), sector) if len(kept) >= FEWEST_RAYS else float("nan")
    parts = {pair: _parts(image, borders, pair, list(spine.bodies), step) for pair, step in steps.items()}
    return EdgeAgreement(ratio, rays, _elsewhere(image, _joined(borders, borders)), _over_the_others(ends), parts)


def _joined(borders: Mapping[str, Mapping[str, Rays]], levels: Iterable[str]) -> dict[str, Rays]:
    """Return the rays of several levels together, by sector."""
    own = [borders[level] for level in levels if level in borders]
    return {sector: [ray for rays in own for ray in rays[sector]] for sector in SECTORS}


def _parts(
    image: Image,
    borders: Mapping[str, Mapping[str, Rays]],
    pair: tuple[str, str],
    levels: list[str],
    step: Floats,
) -> tuple[float, float]:
    """Return how much better the part above a step and the part below it fit without the step."""
    first = levels.index(pair[1])
    size = np.arange(-OWN_MM, BACK_MM[1] + 0.25, 0.5)
    own, back = np.abs(size) <= OWN_MM, size >= BACK_MM[0]
    found = []
    for part, sign in ((levels[:first], -1.0), (levels[first:], 1.0)):
        moves = size[:, None] * sign * step / np.linalg.norm(step)
        fit = _fit(image, _joined(borders, part), moves, FEWEST_OF_LEVEL)
        found.append(_over(fit[back], fit[own]))
    return found[0], found[1]


def _borders(region: Region, starts: Floats, directions: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Yield the point where each ray leaves the label, and its direction."""
    r = np.arange(0.0, LONGEST_MM, STEP_MM)
    inside = region.sample(starts[:, None] + r[None, :, None] * directions[:, None]) >= 0.5
    for ray, (start, direction) in enumerate(zip(starts, directions)):
        if inside[ray, 0] and not inside[ray].all():
            yield start + (float(r[int(np.argmin(inside[ray]))]) - STEP_MM / 2) * direction, direction


def _over_the_others(ends: dict[tuple[str, str], float]) -> dict[str, dict[str, float]]:
    """Return the change at each end over the median of the others, by level and sector."""
    found: dict[str, dict[str, float]] = {}
    for (level, sector), value in ends.items():
        others = [other for end, other in ends.items() if end != (level, sector)]
        if len(others) >= 2:
            found.setdefault(level, {})[sector] = value / max(float(np.median(others)), 1e-9)
    return found


def _elsewhere(image: Image, borders: Mapping[str, Rays]) -> float:
    """Return the fit of the border at other positions over that at its own; see `EdgeAgreement`."""
    steps = np.arange(-FARTHEST_MM, FARTHEST_MM + 0.5)
    moves = np.concatenate([steps[:, None] * axis for axis in np.eye(3)])
    fit, size = _fit(image, borders, moves, FEWEST_RAYS), np.abs(moves).max(axis=1)
    return _over(fit[size >= OTHER_PLACE_MM], fit[size <= NEAR_MM])


def _over(there: Floats, here: Floats) -> float:
    """Return the best fit there over the best one here; NaN without one of them."""
    if not np.isfinite(here).any() or not np.isfinite(there).any():
        return float("nan")
    return float(np.nanmax(there) / max(float(np.nanmax(here)), 1e-9))


def _fit(image: Image, borders: Mapping[str, Rays], moves: Floats, fewest: int) -> Floats:
    """Return the change at the border, summed over the sectors, with the mask moved; NaN with too few sectors."""
    total, sectors = np.zeros(len(moves)), 0
    for own in borders.values():
        if len(own) < fewest:
            continue
        points, directions = (np.array(part) for part in zip(*own))
        beside = [
            _values(image, moves[:, None] + points + offset * directions)
            for offset in (-2 * STEP_MM, -STEP_MM, STEP_MM, 2 * STEP_MM)
        ]
        change = beside[2] + beside[3] - beside[0] - beside[1]
        enough = np.isfinite(change).sum(axis=1) >= fewest
        total[~enough] = np.nan
        total[enough] += np.abs(np.nanmedian(change[enough], axis=1))
        sectors += 1
    return total if sectors >= FEWEST_SECTORS else np.full(len(moves), np.nan)


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


def _values(image: Image, points: Floats) -> Floats:
    """Return the image at points, NaN outside."""
    index = np.moveaxis(image.grid.to_index(points), -1, 0)
    found = ndimage.map_coordinates(image.data, index, order=1, mode="constant", cval=np.nan, output=np.float32)
    return found.astype(float)


def _profile(image: Image, points: Floats) -> Floats:
    """Return the change of the image per step along a ray."""
    return np.gradient(ndimage.uniform_filter1d(_values(image, points), 3))


def _median_change(changes: Floats) -> Floats:
    """Return the size of the median change at each distance from the border (a screw is a few rays)."""
    return np.abs(np.median(changes, axis=0))


def _ratio(changes: Floats, sector: str) -> float:
    """Return the largest median change near the border over the largest one farther away."""
    mean = _median_change(changes)
    offset = (np.arange(mean.size) - (mean.size - 1) / 2) * STEP_MM
    far = 5.5 if sector in {"up", "down"} else AROUND_MM
    near = mean[np.abs(offset) <= NEAR_MM].max()
    other = mean[(np.abs(offset) > NEAR_MM) & (np.abs(offset) <= far)].max()
    return float(near / max(other, 1e-9))
