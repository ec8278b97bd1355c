"""Upper and lower surface of a body or disc as height fields over a grid, and the planes through them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.geometry._frame import Frame, unit
from lbp_prognosis.biomarkers.geometry._grid import Grid
from lbp_prognosis.biomarkers.geometry._lattice_plane import THICK_MM, LatticePlane, lattice_plane
from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = [
    "Caps",
    "EndplatePlane",
    "at_voxels",
    "boundary_sd",
    "doubts",
    "fit_endplate",
    "measure_caps",
    "pedicle_columns",
]

GRID_MM = 1.0


@dataclass(frozen=True, eq=False)
class Caps:
    """Surfaces of a structure over a grid of columns along ``frame.cc``.

    Attributes
    ----------
    frame : Frame
        Origin and directions.
    ap, left : arrays of shape (na,) and (nl,)
        Column positions, mm.
    top, bottom : arrays of shape (na, nl)
        Heights where the occupancy crosses one half, mm; NaN outside the structure.
    chord : array of shape (na, nl)
        Occupied length of the column, mm (partial voxels count in part).
    middle : array of shape (na, nl)
        Mean occupancy of the column within a tenth of the structure's height about its mid-plane.
    """

    frame: Frame
    ap: np.ndarray
    left: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    chord: np.ndarray
    middle: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Columns that cross the structure."""
        return np.isfinite(self.top)


def measure_caps(region: Region, frame: Frame, *, step: float = GRID_MM) -> Caps:
    """Cut a structure into columns along the frame's axis.

    The occupancy is interpolated linearly between voxel centres, so that an edge lies where it crosses one half:
    half-way between an inner and an outer voxel, whatever the direction of the column.
    """
    local = frame.to_local(region.points)
    margin = float(region.volume.spacing.max())
    low, high = local.min(axis=0) - margin, local.max(axis=0) + margin
    # With the wrong unit in the header, a body is metres large: the grid then grows coarser, not larger.
    step = max(step, float((high - low)[:2].max()) / 200)
    ap = np.arange(np.floor(low[0]), np.ceil(high[0]) + step, step)
    left = np.arange(np.floor(low[1]), np.ceil(high[1]) + step, step)
    dz = max(min(0.5, 0.5 * float(region.volume.spacing.min())), float(high[2] - low[2]) / 500)
    z = np.arange(low[2] - dz, high[2] + 2 * dz, dz)
    profile = region.sample_columns(frame, ap, left, z)
    top, bottom = _edges(profile, z)
    chord = profile.sum(axis=2) * dz
    # A wedge is thin at one end: the slab about the mid-plane must be thinner than that.
    half = max(0.1 * float(np.median(chord[np.isfinite(top)])), dz) if np.isfinite(top).any() else dz
    slab = np.abs(z) <= half
    middle = profile[:, :, slab].mean(axis=2) if slab.any() else np.zeros(chord.shape)  # a frame of a neighbour
    return Caps(frame, ap, left, top, bottom, chord, middle)


def _edges(profile: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the outermost crossings of one half in each column."""
    inner = profile >= 0.5
    inner[:, :, 0] = inner[:, :, -1] = False
    some = inner.any(axis=2)
    last = inner.shape[2] - 1 - np.argmax(inner[:, :, ::-1], axis=2)
    first = np.argmax(inner, axis=2)
    dz = z[1] - z[0]

    def crossing(at: np.ndarray, direction: int) -> np.ndarray:
        beyond = np.clip(at + direction, 0, z.size - 1)
        inside = np.take_along_axis(profile, at[..., None], axis=2)[..., 0].astype(float)
        outside = np.take_along_axis(profile, beyond[..., None], axis=2)[..., 0].astype(float)
        share = np.clip((inside - 0.5) / np.maximum(inside - outside, 1e-9), 0, 1)
        return np.where(some, z[at] + direction * dz * share, np.nan)

    return crossing(last, 1), crossing(first, -1)


def boundary_sd(grid: Grid, direction: np.ndarray) -> float:
    """Return the SD in mm of one edge found along a direction in a lattice of whole voxels (uniform quantisation)."""
    cosines = grid.affine[:3, :3] / grid.spacing
    return float(np.sqrt(np.sum((grid.spacing * (direction @ cosines)) ** 2) / 12))


@dataclass(frozen=True, eq=False)
class EndplatePlane:
    """A plane through an endplate.

    Attributes
    ----------
    point, normal : arrays of shape (3,)
        RAS; the normal points to the head.
    rms : float
        Root mean square distance of the surface from the plane, mm.
    n_points : int
        Columns used.
    depth : array of shape (na, nl)
        Distance of the surface from the plane towards the inside of the body, mm; NaN outside the fitted area.
    sd_deg : float
        Predicted SD of the sagittal tilt, degrees.
    doubt : tuple of str
        Why the lattice does not determine the position of the surface: ``low_confidence_slices`` (layers of voxels more
        than 2 mm
        apart across it) or ``low_confidence_lattice`` (it runs along one or two layers of voxels).
    fine : LatticePlane or None
        The plane estimated from the voxels (`lattice_plane`), over the columns to which it was fitted.
    columns : array of shape (3,)
        The plane through the mean surface of the columns.
    """

    point: np.ndarray
    normal: np.ndarray
    rms: float
    n_points: int
    depth: np.ndarray
    sd_deg: float
    doubt: tuple[str, ...] = ()
    fine: LatticePlane | None = None
    columns: np.ndarray = field(default_factory=lambda: np.zeros(3))


def fit_endplate(
    caps: Caps, which: str, region: Region, *, central: float = 0.8, drop_pedicles: bool = False
) -> EndplatePlane | None:
    """Fit a plane to the central part of a surface; None with fewer than 25 columns.

    A plane is first fitted to the columns by Huber's method; `lattice_plane` then moves it to fit the voxels.

    Parameters
    ----------
    caps : Caps
        Surfaces of the body.
    which : {"superior", "inferior"}
        Which surface.
    region : Region
        The structure, for its voxels and their lattice.
    central : float, default 0.8
        Share of the depth and of the width that is used, so that rims and osteophytes are excluded.
    drop_pedicles : bool, default False
        Leave out columns in the back half that are shorter than 65 % of the median: remains of the pedicles, if a body
        was cut out of a whole vertebra.
    """
    surface = caps.top if which == "superior" else caps.bottom
    inside = caps.inside
    if drop_pedicles:
        inside = inside & ~pedicle_columns(caps)
    if inside.sum() < 25:
        return None
    distance = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=(caps.ap[1] - caps.ap[0],) * 2)[1:-1, 1:-1]
    depth_ap = np.ptp(caps.ap[inside.any(axis=1)])
    width = np.ptp(caps.left[inside.any(axis=0)])
    used = inside & (distance >= (1 - central) / 2 * min(depth_ap, width))
    if used.sum() < 25:
        return None
    a, left = np.meshgrid(caps.ap, caps.left, indexing="ij")
    design = np.stack([np.ones(used.sum()), a[used], left[used]], axis=1)
    z = surface[used]
    columns = huber_plane(design, z)
    outward = 1.0 if which == "superior" else -1.0
    fine = lattice_plane(region, caps.frame, columns, outward, (caps.ap, caps.left, used))
    beta = columns if fine is None else fine.coefficients
    slopes = beta[1:]
    scale = 1 / np.sqrt(1 + slopes @ slopes)
    depth = np.full(surface.shape, np.nan)
    depth[used] = -outward * (z - design @ columns) * scale
    centre = np.array([a[used].mean(), left[used].mean()])
    local_normal = np.array([-slopes[0], -slopes[1], 1.0]) * scale
    frame = caps.frame
    normal = unit(local_normal @ np.stack([frame.ap, frame.left, frame.cc]))
    point = frame.to_world(np.array([centre[0], centre[1], beta[0] + slopes @ centre]))
    rms = float(np.sqrt(np.mean(depth[used] ** 2)))
    sd = _tilt_sd(region.volume, normal, frame, np.stack([a[used], left[used]], axis=1))
    slices = ("low_confidence_slices",) if fine is None or fine.step > THICK_MM else ()
    doubt = (*slices, *(("low_confidence_lattice",) if fine is None or fine.layers <= 2 else ()))
    return EndplatePlane(point, normal, rms, int(used.sum()), depth, sd, doubt, fine, columns)


def doubts(*planes: EndplatePlane | None) -> tuple[str, ...]:
    """Return why distances and angles between these endplates are uncertain on this lattice."""
    return tuple(dict.fromkeys(flag for plane in planes if plane is not None for flag in plane.doubt))


def at_voxels(caps: Caps, superior: EndplatePlane | None, inferior: EndplatePlane | None) -> Caps:
    """Return the surfaces moved to fit the voxels; the planes must be fitted in the same frame.

    A surface that is flat to a fraction of a voxel is replaced by its plane wherever the voxels allow it; a rough one
    keeps its own relief about the plane.
    """
    top, bottom = _moved(caps, caps.top, superior), _moved(caps, caps.bottom, inferior)
    added = (top - caps.top) - (bottom - caps.bottom)
    chord = np.where(caps.inside, np.maximum(caps.chord + added, 0.0), caps.chord)
    return replace(caps, top=top, bottom=bottom, chord=chord)


def _moved(caps: Caps, surface: np.ndarray, plane: EndplatePlane | None) -> np.ndarray:
    if plane is None or plane.fine is None:
        return surface
    a, left = np.meshgrid(caps.ap, caps.left, indexing="ij")
    mean, wanted = (c[0] + c[1] * a + c[2] * left for c in (plane.columns, plane.fine.coefficients))
    half = 0.5 * plane.fine.step
    level = np.clip(wanted, surface - half, surface + half)
    share = plane.fine.flatness
    return share * level + (1 - share) * (surface + wanted - mean)


def pedicle_columns(caps: Caps) -> np.ndarray:
    """Return the columns in the back half that are shorter than 65 % of the median: remains of the pedicles."""
    if not caps.inside.any():
        return np.zeros(caps.inside.shape, dtype=bool)
    short = caps.chord < 0.65 * np.median(caps.chord[caps.inside])
    return short & (caps.ap < 0)[:, None]


def _tilt_sd(grid: Grid, normal: np.ndarray, frame: Frame, columns: np.ndarray) -> float:
    """Predict the SD in degrees of the sagittal tilt of a plane that is known to whole voxels only.

    A plane parallel to a face of the lattice can hide a tilt of up to one step over its length; each further step
    across the extent of the plane determines the tilt more precisely.
    """
    step = boundary_sd(grid, normal) * np.sqrt(12)
    cosines = grid.affine[:3, :3] / grid.spacing
    axis = int(np.argmax(np.abs(normal @ cosines)))
    along = columns @ np.stack([frame.ap, frame.left]) @ cosines[:, axis]
    steps = np.ptp(along) / grid.spacing[axis]
    spread = max(float(columns[:, 0].std()), 1e-6)
    thick = np.sqrt(1 + 0.4 * (grid.spacing.max() / grid.spacing.min() - 1))  # few, wide columns average less
    return float(np.degrees(0.5 * thick * step / np.sqrt(12) / spread / max(1.0, steps)))


def huber_plane(design: np.ndarray, z: np.ndarray, *, rounds: int = 20) -> np.ndarray:
    """Return the coefficients of a linear surface by iteratively reweighted least squares (Huber, 1.345 scales)."""
    beta = np.linalg.lstsq(design, z, rcond=None)[0]
    for _ in range(rounds):
        residual = z - design @ beta
        scale = max(1.4826 * float(np.median(np.abs(residual))), 0.05)
        weight = np.sqrt(np.minimum(1.0, 1.345 * scale / np.maximum(np.abs(residual), 1e-9)))
        new = np.linalg.lstsq(design * weight[:, None], z * weight, rcond=None)[0]
        if np.abs(new - beta).max() < 1e-8:
            return new
        beta = new
    return beta
