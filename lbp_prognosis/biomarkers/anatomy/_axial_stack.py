"""Axial stacks: a few slices across a disc, whose mask contains no whole vertebra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy
from lbp_prognosis.biomarkers.anatomy._levels import level_rank, split_disc
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame, unit
from lbp_prognosis.biomarkers.geometry._grid import Grid
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["AxialStack", "SliceSection", "find_stack", "read_levels"]

THICK_MM = 2.0
REACH_MM = 12.0


@dataclass(frozen=True, eq=False)
class SliceSection:
    """Measurements of a structure on the slices about a level.

    Attributes
    ----------
    area : float
        Area across the structure's own axis, mm²: the area in the slices times the cosine of the angle between the axis
        and the normal of the slices.
    ap, lr : float
        Front-to-back and side-to-side chords through the centre, across the axis, mm.
    least : float
        Smallest such area on one slice within the window, mm².
    frame : Frame
        At the centre, ``cc`` along the structure.
    slices : tuple of int
        The slices that ``area`` was read from.
    across : bool
        Whether the structure's direction is known, because it passes two slices or more; otherwise ``area`` is that in
        the slice itself.
    at_border : bool
        Whether the structure reaches an edge of these slices.
    """

    area: float
    ap: float
    lr: float
    least: float
    frame: Frame
    slices: tuple[int, ...]
    across: bool
    at_border: bool


@dataclass(frozen=True, eq=False)
class AxialStack:
    """Levels of an axial stack and their positions in it.

    Attributes
    ----------
    grid : Grid
    axis : int
        Array axis through the slices.
    levels : mapping of str to float
        Position of each level along that axis, in slices.
    flags : mapping of str to tuple
        Source of each position.
    """

    grid: Grid
    axis: int
    levels: Mapping[str, float]
    flags: Mapping[str, tuple[str, ...]]

    @property
    def step(self) -> float:
        """Distance between slices, mm."""
        return float(self.grid.spacing[self.axis])

    @property
    def up(self) -> np.ndarray:
        """Normal of the slices, towards the head."""
        normal = self.grid.affine[:3, self.axis] / self.step
        return normal if normal[2] > 0 else -normal

    def near(self, level: str, reach_mm: float) -> list[int]:
        """Return the slices within a distance of a level, at least the nearest one."""
        at = self.levels[level]
        slices = np.arange(self.grid.shape[self.axis])
        close = slices[np.abs(slices - at) * self.step <= reach_mm + 1e-6]
        return [int(k) for k in close] if close.size else [int(np.clip(np.rint(at), 0, slices[-1]))]

    def section(self, region: Region, level: str, *, mean_mm: float, window_mm: float = 0.0) -> SliceSection | None:
        """Return area and chords of a structure at a level; None if it does not pass the slices.

        Parameters
        ----------
        region : Region
        level : str
        mean_mm : float
            Distance from the level, mm, within which areas and chords are averaged over the slices.
        window_mm : float, default 0
            Distance from the level, mm, within which the smallest area is sought.
        """
        seen = {k: s for k in self.near(level, REACH_MM) if (s := _on_slice(region, self.axis, k)) is not None}
        read = [k for k in self.near(level, mean_mm) if k in seen]
        if not read:
            return None
        ks = np.array(sorted(seen))
        centres = np.array([seen[int(k)].centre for k in ks])
        across = ks.size >= 2
        direction = unit(np.polyfit(ks, centres, 1)[0]) if across else self.up
        direction = direction if direction @ self.up > 0 else -direction
        lean = float(direction @ self.up)
        origin = np.mean([seen[k].centre for k in read], axis=0)
        frame = make_frame(origin, direction, np.array([0.0, 1.0, 0.0]))
        # Only the part of a chord of the slice at right angles to the axis counts.
        flat = make_frame(origin, self.up, np.array([0.0, 1.0, 0.0]))
        chords = np.array([_chords(region, self.axis, k, seen[k].centre, flat) for k in read]).mean(axis=0)
        cosines = [float(np.sqrt(1 - (direction @ v) ** 2)) for v in (flat.ap, flat.left)]
        window = [seen[k].area * lean for k in self.near(level, window_mm) if k in seen and not seen[k].at_border]
        return SliceSection(
            float(np.mean([seen[k].area for k in read])) * lean,
            float(chords[0]) * cosines[0],
            float(chords[1]) * cosines[1],
            min(window, default=np.nan),
            frame,
            tuple(read),
            across,
            any(seen[k].at_border for k in read),
        )


@dataclass(frozen=True, eq=False)
class _OnSlice:
    area: float
    centre: np.ndarray
    at_border: bool


def _on_slice(region: Region, axis: int, k: int) -> _OnSlice | None:
    local = k - int(region.start[axis])
    if not 0 <= local < region.mask.shape[axis]:
        return None
    index = region.indices[region.indices[:, axis] == local]
    if len(index) < 4:
        return None
    sides = np.delete(region.volume.spacing, axis)
    whole = index + region.start
    last = np.array(region.volume.shape) - 1
    edge = np.delete((whole <= 0) | (whole >= last), axis, axis=1).any()
    centre = region.grid.to_world(index.astype(float)).mean(axis=0)
    return _OnSlice(len(index) * float(sides.prod()), centre, bool(edge))


def _chords(region: Region, axis: int, k: int, centre: np.ndarray, flat: Frame) -> tuple[float, float]:
    """Return the lengths of the structure from back to front and from side to side through its centre, in the slice."""
    step, half = 0.1, 60.0
    line = np.arange(-half, half + step, step)
    found = []
    for direction in (flat.ap, flat.left):
        points = centre + line[:, None] * direction
        index = region.grid.to_index(points)
        index[:, axis] = k - int(region.start[axis])  # exactly in the slice
        found.append(float(region.sample(region.grid.to_world(index)).sum() * step))
    return found[0], found[1]


def read_levels(given: Any) -> dict[str, float | tuple[float, ...] | None]:
    """Return the stated levels of a stack: None for its middle, a slice counted from 0, or a point in RAS mm.

    Accepted are a name (``"l4l5"``: the middle of the stack), names with slices (``"l3l4:4;l4l5:11"``), and a mapping
    from name to slice or to a point.
    """
    if given is None:
        return {}
    if isinstance(given, str):
        parts = [part.strip() for part in given.replace(",", ";").split(";") if part.strip()]
        pairs: list[tuple[str, Any]] = [tuple(part.split(":", 1)) if ":" in part else (part, None) for part in parts]  # type: ignore[misc]
    elif isinstance(given, Mapping):
        pairs = list(given.items())
    else:
        raise argument_error("level", "the name of a disc, or names with their slices", given)
    found: dict[str, float | tuple[float, ...] | None] = {}
    for name, value in pairs:
        level = str(name).strip().lower().replace("-", "").replace("/", "").replace("_", "")
        try:
            split_disc(level)
            place = _place(value)
        except (ValueError, TypeError):
            raise argument_error(
                "level",
                "a disc such as 'l4l5', alone or with its slice ('l3l4:4;l4l5:11') or its point in RAS mm",
                f"{name}: {value}" if value is not None else str(name),
            ) from None
        found[level] = place
    if sum(place is None for place in found.values()) > 1:
        raise argument_error("level", "one disc per stack, or a slice for each disc", str(given))
    return found


def _place(value: Any) -> float | tuple[float, ...] | None:
    if value is None:
        return None
    if np.ndim(value) == 0:
        number = float(value)
        if not np.isfinite(number):
            raise ValueError(value)
        return number
    point = tuple(float(v) for v in value)
    if len(point) != 3 or not np.isfinite(point).all():
        raise ValueError(value)
    return point


def find_stack(
    anatomy: Anatomy, stated: Mapping[str, float | tuple[float, ...] | None], whole: set[str]
) -> AxialStack | None:
    """Return the levels that can be read slice by slice, or None where the volume is no axial stack.

    Parameters
    ----------
    anatomy : Anatomy
    stated : mapping
        From `read_levels`.
    whole : set of str
        Discs between two whole vertebrae, which are measured from the vertebrae unless their level is stated.

    Raises
    ------
    ArgumentError
        If levels are stated for a volume whose slices do not lie across the spine, or lie outside the volume.
    """
    grid = anatomy.grid
    axis = int(np.argmax(grid.spacing))
    normal = grid.affine[:3, axis] / grid.spacing[axis]
    others = np.delete(grid.spacing, axis)
    axial = abs(normal[2]) >= np.cos(np.radians(50)) and (
        grid.spacing[axis] >= max(THICK_MM, 1.5 * others.max()) or grid.shape[axis] == 1
    )
    if not axial:
        if stated:
            raise argument_error(
                "level",
                "stated only for axial stacks, of thick slices across the spine",
                f"voxels of {'x'.join(f'{s:.3g}' for s in grid.spacing)} mm in {grid.orientation}",
                "In other volumes the vertebrae and discs of the mask determine the level.",
            )
        return None
    levels: dict[str, float] = {}
    flags: dict[str, tuple[str, ...]] = {}
    for level, place in stated.items():
        at = 0.5 * (grid.shape[axis] - 1) if place is None else _slice_of(grid, axis, place)
        if not -0.5 <= at <= grid.shape[axis] - 0.5:
            raise argument_error("level", f"within the {grid.shape[axis]} slices", f"{level} at slice {at:.1f}")
        levels[level], flags[level] = at, ("axial_stack", "level_as_stated")
    for level in anatomy.levels("disc"):
        disc = anatomy.get("disc", level)
        if level in levels or level in whole or disc is None:
            continue
        levels[level] = _slice_of(grid, axis, tuple(disc.centroid))
        cut = {"S", "I"} & set(disc.touched)
        flags[level] = ("axial_stack", "level_from_disc", *(("disc_partly_seen",) if cut else ()))
    if not levels:
        return None
    return AxialStack(grid, axis, dict(sorted(levels.items(), key=lambda item: level_rank(item[0]))), flags)


def _slice_of(grid: Grid, axis: int, place: float | tuple[float, ...]) -> float:
    if isinstance(place, tuple):
        return float(grid.to_index(np.array(place))[axis])
    return float(place)
