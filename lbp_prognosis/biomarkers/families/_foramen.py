"""Height and area of the bony intervertebral foramen of each side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.anatomy._levels import neighbours, split_disc
from lbp_prognosis.biomarkers.families._case import SIDES, Case
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.families._sacral_border import sacral_corner, sacral_pedicle, whole_sacrum
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame
from lbp_prognosis.biomarkers.geometry._region import Region, union

__all__ = ["Foramen", "find_foramina", "measure_foramen", "whole_vertebra"]

STEP_MM = 0.25
CLEFT_MM = 1.5
BRIDGE_MM = 12.0
SEED_MM = 10.0
BAND_MM = (1.0, 7.0)
CORNER_MM = 2.0
REACH_MM = (-32.0, 18.0)
METHOD = "bony_parasagittal_at_pedicles"


@dataclass(frozen=True, eq=False)
class Foramen:
    """A foramen on the parasagittal plane through the two pedicles.

    Attributes
    ----------
    level, side : str
    frame : Frame or None
        Origin halfway between the pedicles; ``cc`` runs from the lower to the upper one.
    area, height : float
        mm² and mm; NaN with ``reason``.
    outline : array of shape (n, 3)
        RAS positions on its rim.
    reason : str
    plane_sd : float
        SD of the area due to the position of the plane, mm².
    """

    level: str
    side: str
    frame: Frame | None
    area: float
    height: float
    outline: np.ndarray
    reason: str = ""
    plane_sd: float = 0.0


def measure_foramen(case: Case) -> list[Measurement]:
    """Measure the foramina between vertebrae whose labels contain posterior elements.

    On the parasagittal plane through the centres of the two pedicles of a side, the foramen is the space that is
    enclosed by the pedicles above and below, the bodies and the disc in front, and the joint behind. If no label closes
    it behind, the shortest line between the two vertebrae does, provided that it is no longer than 12 mm. In front, a
    line between the back corners of the two bodies closes the gap of a disc label that ends early. Clefts of up to 3 mm
    between labels (the space of the joint) count as closed.

    ``foramen_area`` is the area of this space. ``foramen_height`` is its extent along the line through the pedicles,
    from the vertebra below to the one above, that 90 % of its columns do not exceed. Ligaments and discs that bulge
    behind the bodies narrow the space for the root, but count only if they are labelled. If slices are thicker than
    ``Recipe.coarse_mm``, they determine where the plane lies (``area_low_confidence``).

    The sacrum's pedicle continues into its wing. At the last foramen the plane therefore lies at the pedicle of the
    vertebra above, and the bone of the sacrum below it and behind its back wall replaces the lower pedicle (flag
    ``pedicle_of_sacrum``). The borders are those of the anatomical definition [1]_; heights and areas on a plane at
    another angle are another method.

    References
    ----------
    .. [1] Assessment of the asymmetry of the intervertebral foramina within the lower motion segments of the lumbar
       spine on the computer tomography sections. Symmetry. 2022;14(10):1967. doi:10.3390/sym14101967
    """
    rows: list[Measurement] = []
    for found in find_foramina(case):
        vertebra = case.spine.bodies[split_disc(found.level)[0]].region
        coarse = vertebra.step_along(case.spine.left) > case.recipe.coarse_mm + 1e-6
        flags = (("area_low_confidence",) if coarse else ()) + (("pedicle_of_sacrum",) if "s1" in found.level else ())
        info = quality(vertebra, flags=(*case.spine.flags, *flags))
        for measure, unit, value, sd in zip(
            ("foramen_height", "foramen_area"), ("mm", "mm2"), (found.height, found.area), _sds(vertebra, found)
        ):
            rows.append(
                Measurement(
                    "foramen",
                    measure,
                    unit,
                    value,
                    METHOD,
                    found.level,
                    found.side,
                    sd_error=sd,
                    reason=found.reason,
                    **info,
                )
            )
    return rows


def find_foramina(case: Case) -> list[Foramen]:
    """Return the foramina between vertebrae whose labels contain posterior elements, of both sides, top to bottom."""
    if "foramina" not in case.kept:
        case.kept["foramina"] = _find(case)
    return list(case.kept["foramina"])


def _find(case: Case) -> list[Foramen]:
    wholes = {level: whole for level in case.spine.bodies if (whole := whole_vertebra(case, level)) is not None}
    sacrum = whole_sacrum(case)
    if sacrum is not None:
        wholes["s1"] = sacrum
    pairs = [(upper, lower) for upper, lower in neighbours(wholes)]
    return [_one(case, upper, lower, side, wholes) for upper, lower in pairs for side in SIDES]


def whole_vertebra(case: Case, level: str) -> Region | None:
    """Return the vertebra with its posterior elements, None if these have no label."""
    names = ("vertebra", "vertebral_body", "bony_endplate", "posterior_elements")
    found = [r for (name, at, _), r in case.anatomy.regions.items() if name in names and at == level]
    if not found:
        return None
    whole = union(found, "vertebra", level)
    return whole if whole.n_voxels >= 1.1 * case.spine.bodies[level].region.n_voxels else None


def _one(case: Case, upper: str, lower: str, side: str, wholes: dict[str, Region]) -> Foramen:
    """Return the foramen of a side between two vertebrae, with its outline, or the reason why it is not visible."""

    def none(reason: str) -> Foramen:
        return Foramen(upper + lower, side, None, np.nan, np.nan, np.empty((0, 3)), reason)

    parts: list[Region] = [wholes[upper], wholes[lower]]
    pedicles: list[np.ndarray] = []
    for level in (upper, lower):
        if level != "s1" and case.spine.bodies[level].region.cut:
            return none(f"the field of view cuts {level}")
        if level == "s1":
            pedicle = sacral_pedicle(case, wholes[level], pedicles[0])
        else:
            pedicle = _pedicle(case, level, wholes[level], SIDES[side])
        if pedicle is None:
            return none(f"{level} has no pedicle on this side in the labels")
        pedicles.append(pedicle)
    disc = case.anatomy.get("disc", upper + lower)
    if disc is None:
        return none("no disc mask at this level")
    below = case.spine.sacral_frame if lower == "s1" else case.spine.bodies[lower].frame
    assert below is not None  # a sacrum without its endplate is in no pair
    front = case.spine.bodies[upper].frame.ap + below.ap
    frame = make_frame((pedicles[0] + pedicles[1]) / 2, pedicles[0] - pedicles[1], front)
    half = 0.5 * float(np.linalg.norm(pedicles[0] - pedicles[1])) + 12.0
    ap, cc = np.arange(*REACH_MM, STEP_MM), np.arange(-half, half, STEP_MM)
    seed = (int(np.argmin(np.abs(ap))), int(np.argmin(np.abs(cc))))
    grid = np.zeros((ap.size, cc.size, 3))
    grid[..., 0], grid[..., 2] = ap[:, None], cc[None, :]

    def on_plane(aside: float) -> tuple[np.ndarray, list[np.ndarray], np.ndarray | None]:
        world = frame.to_world(grid + np.array([0.0, aside, 0.0]))
        seen = []
        for region in (*parts, disc):
            part = region.window(frame, (0, ap), (2, cc))
            seen.append(np.zeros(world.shape[:2], dtype=bool))
            seen[-1][part] = region.sample(world[part]) >= 0.5
        own = sacral_corner(case, parts[1], world) if lower == "s1" else _corner(case.spine.bodies[lower], world, 1.0)
        ends = _corner(case.spine.bodies[upper], world, -1.0), own
        front = np.zeros_like(seen[2])
        if ends[0] is not None and ends[1] is not None:
            front = _line(ends[0], ends[1], seen[2].shape)
        return world, seen, _enclosed(seen[0], seen[1], seen[2] | front, seed)

    world, seen, space = on_plane(0.0)
    if space is None:
        return none("the labels of the two vertebrae do not enclose the foramen")
    if parts[0].reaches_border(world[space]):
        return none("the field of view cuts the foramen")
    height = _height(space, seen[0], seen[1])
    if np.isnan(height):
        return none("no line from the lower to the upper vertebra crosses the foramen")
    area = float(space.sum()) * STEP_MM**2
    doubt = parts[0].step_along(frame.left) / np.sqrt(12)  # the position of the plane is known to a voxel
    beside = [float(s.sum()) * STEP_MM**2 for aside in (-doubt, doubt) if (s := on_plane(aside)[2]) is not None]
    rim = space & ~ndimage.binary_erosion(space)
    return Foramen(
        upper + lower,
        side,
        frame,
        area,
        height,
        _in_order(world[rim], frame),
        plane_sd=max((abs(other - area) for other in beside), default=0.0),
    )


def _pedicle(case: Case, level: str, whole: Region, sign: float) -> np.ndarray | None:
    """Return the centre of the pedicle of a side: bone behind the back wall of the body, beside its middle.

    Bone further out than the body itself belongs to the transverse process, whose root at l5 joins the pedicle.
    """
    body = case.spine.bodies[level]
    height = float(np.nanmedian(body.caps.top - body.caps.bottom))
    local = body.frame.to_local(whole.points)
    behind = -0.5 * body.depth - local[:, 0]
    here = (behind >= BAND_MM[0]) & (behind <= BAND_MM[1]) & (sign * local[:, 1] > 3.0)
    here &= sign * local[:, 1] <= 0.5 * body.width
    here &= np.abs(local[:, 2]) <= 0.6 * height
    if here.sum() * whole.volume.voxel_volume < 50.0:
        return None
    return np.asarray(whole.points[here].mean(axis=0))


def _enclosed(above: np.ndarray, below: np.ndarray, disc: np.ndarray, seed: tuple[int, int]) -> np.ndarray | None:
    """Return the space in front of the point between the pedicles, None if it is open.

    Behind, where the joint capsule has no label, the shortest line between the two vertebrae closes it.
    """
    bone = above | below | disc
    closed = _closed(bone, round(CLEFT_MM / STEP_MM)) | bone
    ahead = np.flatnonzero(~closed[seed[0] : seed[0] + round(SEED_MM / STEP_MM), seed[1]])
    if ahead.size == 0:
        return None
    place = (seed[0] + int(ahead[0]), seed[1])
    closed |= _bridge(_largest(above)[: place[0]], _largest(below)[: place[0]], closed.shape)
    spaces, _ = ndimage.label(~closed)
    space = np.asarray(spaces == spaces[place])
    rim = np.concatenate([space[0], space[-1], space[:, 0], space[:, -1]])
    return None if rim.any() or closed[place] else space


def _closed(bone: np.ndarray, radius: int) -> np.ndarray:
    """Return the morphological closing of ``bone`` by a disk of ``radius`` cells."""
    grown = _grown(np.pad(bone, radius), radius)
    # cells beyond the border are not bone: they erode the grown cells no further than the padding
    return ~_grown(~grown, radius)[radius:-radius, radius:-radius]


def _grown(cells: np.ndarray, radius: int) -> np.ndarray:
    """Return the dilation by a disk, as the union of its rows, each a run of cells that is shifted by whole rows.

    This takes a tenth of the work of a comparison with every cell of the disk.
    """
    wide = [cells]  # grown along the rows by 0, 1, … cells
    for k in range(1, radius + 1):
        run = wide[-1].copy()
        run[:, k:] |= cells[:, :-k]
        run[:, :-k] |= cells[:, k:]
        wide.append(run)
    out = wide[radius].copy()
    for k in range(1, radius + 1):
        run = wide[int(np.sqrt(radius**2 - k**2))]
        out[k:] |= run[:-k]
        out[:-k] |= run[k:]
    return out


def _largest(bone: np.ndarray) -> np.ndarray:
    """Return the largest piece of a vertebra on the plane; tips of processes may lie apart."""
    pieces, count = ndimage.label(bone)
    return bone if count < 2 else np.asarray(pieces == int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1)


def _bridge(above: np.ndarray, below: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the shortest line, of up to `BRIDGE_MM`, between two vertebrae behind the point between the pedicles."""
    line = np.zeros(shape, dtype=bool)
    if not (above.any() and below.any()):
        return line
    away, nearest = ndimage.distance_transform_edt(~above, return_indices=True)
    start = np.unravel_index(int(np.argmin(np.where(below, away, np.inf))), below.shape)
    length = float(away[start])
    if length * STEP_MM > BRIDGE_MM:
        return line
    return ndimage.binary_dilation(_line(start, nearest[(slice(None), *start)], shape))


def _line(start: Any, end: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the cells of a straight line between two cells."""
    line = np.zeros(shape, dtype=bool)
    steps = np.linspace(0.0, 1.0, 4 * round(float(np.hypot(*np.subtract(end, start)))) + 2)[:, None]
    line[tuple(np.rint((1 - steps) * np.array(start) + steps * np.array(end)).astype(int).T)] = True
    return line


def _corner(body: BodyGeometry, world: np.ndarray, end: float) -> tuple[int, int] | None:
    """Return the cell at the back of the endplate that faces the disc (``end`` 1 upper, −1 lower); None if not visible.

    The wall at an upper end is also read in the lower half of the body, and the position further in front counts, so
    that the root of a pedicle does not close the foramen.
    """
    plane = body.superior if end > 0 else body.inferior
    inside = body.region.sample(world) >= 0.5
    if plane is None or not inside.any():
        return None
    deep = end * (plane.point - world) @ plane.normal
    local = body.frame.to_local(world)
    rim = inside & (np.abs(deep - CORNER_MM / 2) <= CORNER_MM)
    wall = inside & (local[..., 2] < 0) if end > 0 else rim
    if not (rim.any() and wall.any()):
        return None
    back = max(float(local[..., 0][cells].min()) for cells in (rim, wall))
    away = np.where(inside, np.hypot(local[..., 0] - back, deep), np.inf)
    row, column = np.unravel_index(int(np.argmin(away)), away.shape)
    return int(row), int(column)


def _height(space: np.ndarray, above: np.ndarray, below: np.ndarray) -> float:
    """Return the length that 90 % of the columns from the lower to the upper vertebra do not exceed, mm.

    The longest single column would depend on the lattice, because steps of an oblique face add to it.
    """
    lengths = []
    for row in np.flatnonzero(space.any(axis=1)):
        cells = np.flatnonzero(space[row])
        if below[row, cells[0] - 1] and above[row, cells[-1] + 1]:
            lengths.append(int(cells[-1] - cells[0] + 1))
    return float(np.quantile(lengths, 0.9)) * STEP_MM if lengths else np.nan


def _in_order(points: np.ndarray, frame: Frame) -> np.ndarray:
    """Return the points of a rim as a closed line about their centre."""
    local = frame.to_local(points)
    around = np.arctan2(local[:, 2] - local[:, 2].mean(), local[:, 0] - local[:, 0].mean())
    order = np.argsort(around, kind="stable")
    return points[[*order, *order[:1]]]


def _sds(region: Region, found: Foramen) -> tuple[float, float]:
    """Predict the SDs of height and area from the quantisation of the rim and the position of the plane."""
    if found.frame is None:
        return np.nan, np.nan
    deep, high = region.step_along(found.frame.ap), region.step_along(found.frame.cc)
    rim = 2 * (found.height + found.area / found.height)
    pieces = max(rim / min(deep, high), 4.0)
    edge = float(rim * np.sqrt(deep * high / 12 / pieces) * 2)
    return high * np.sqrt(2 / 12), float(np.hypot(edge, found.plane_sd))
