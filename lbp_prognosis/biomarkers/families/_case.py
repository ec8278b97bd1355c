"""One case with its structures, geometry and images, as the families measure it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers._recipe import Recipe
from lbp_prognosis.biomarkers.anatomy._anatomy import Anatomy
from lbp_prognosis.biomarkers.anatomy._axial_stack import AxialStack, find_stack
from lbp_prognosis.biomarkers.anatomy._levels import split_disc
from lbp_prognosis.biomarkers.anatomy._spine import Spine, build_spine
from lbp_prognosis.biomarkers.families._fat_map import FatUnit, fat_unit
from lbp_prognosis.biomarkers.geometry._frame import Frame, make_frame, unit
from lbp_prognosis.biomarkers.geometry._region import Region
from lbp_prognosis.biomarkers.quality._mask_gate import MaskGate, judge_mask
from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["SIDES", "Case"]

SIDES = {"left": 1.0, "right": -1.0}
"""Sign of the outward direction of each side along the patient's left."""

LEAST_RANGE_HU = 100.0
"""Smallest difference between the lowest and the highest value of a CT at which they can be HU."""


@dataclass
class Case:
    """One study ready to be measured.

    Attributes
    ----------
    anatomy : Anatomy
    recipe : Recipe
    images : mapping
        From contrast to image: ``main`` is the image of the study; ``t1, t2, stir, water, fat,
        fat_fraction, t2_map`` where given.
    modality : str
        ``mri``, ``ct`` or empty.
    sequence : str
        ``t1, t2, stir, dixon, pd`` or empty.
    position : str
        ``supine``, ``standing`` or empty.
    stature_m : float
        Height of the patient in metres; NaN if unknown.
    age : float
        Years; NaN if unknown.
    contrast : bool or None
        Whether a contrast agent was given.
    landmarks : mapping
        Further points in RAS millimetres, e.g. ``femoral_head_left``.
    levels : mapping
        Discs that the study states for an axial stack, and their positions in it (see `read_levels`).
    corrected : tuple of str
        Names of the images whose bias field was corrected.
    fat_unit : str
        Stated unit of the fat-fraction image: ``fraction``, ``percent``, ``permille`` or empty.
    conventions : tuple of str
        Conventions of the masks: the tools that drew them.
    troubles : list of (str, BaseException)
        Failures of user-defined families, by name; they do not end the case.
    kept : dict
        Intermediate findings of the families that the figure draws, by name.
    """

    anatomy: Anatomy
    recipe: Recipe
    images: Mapping[str, Image] = field(default_factory=dict)
    modality: str = ""
    sequence: str = ""
    position: str = ""
    stature_m: float = float("nan")
    age: float = float("nan")
    contrast: bool | None = None
    landmarks: Mapping[str, Any] = field(default_factory=dict)
    levels: Mapping[str, float | tuple[float, ...] | None] = field(default_factory=dict)
    corrected: tuple[str, ...] = ()
    fat_unit: str = ""
    conventions: tuple[str, ...] = ()
    troubles: list[tuple[str, BaseException]] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def spine(self) -> Spine:
        """Frames and endplates of all bodies."""
        return build_spine(self.anatomy, central=self.recipe.endplate_central)

    @cached_property
    def gate(self) -> MaskGate:
        """Doubts about the labels of each level."""
        return judge_mask(self.anatomy, self.spine, self.images.get("main"))

    @cached_property
    def fat_map(self) -> FatUnit:
        """Unit of the fat-fraction image, read once."""
        return fat_unit(self.images["fat_fraction"], self.fat_unit)

    @cached_property
    def no_hu(self) -> str:
        """Reason why the main image has no attenuation: not a CT, or values on another scale; else empty."""
        image = self.images.get("main")
        if image is None or self.modality != "ct":
            return "no CT"
        return _other_scale(image)

    @cached_property
    def stack(self) -> AxialStack | None:
        """The levels that are read slice by slice, if the volume is an axial stack without whole vertebrae."""
        bodies = self.spine.bodies
        whole = {
            upper + lower
            for upper, lower in self.spine.pairs()
            if all(name not in bodies or not bodies[name].region.cut for name in (upper, lower))
        }
        return find_stack(self.anatomy, self.levels, whole)

    def intensities(self, region: Region, contrast: str = "main") -> np.ndarray:
        """Return the intensities of an image in a region; empty without that image."""
        image = self.images.get(contrast) if contrast == "main" else self.image_of(contrast)
        return np.empty(0) if image is None else intensities(image, region)

    def image_of(self, contrast: str) -> Image | None:
        """Return the image of a contrast: its own, or the main image if the study states that contrast."""
        if contrast in self.images:
            return self.images[contrast]
        return self.images.get("main") if self.sequence == contrast else None

    def was_corrected(self, contrast: str) -> bool:
        """Return whether the bias field of the image of a contrast was corrected."""
        return (contrast if contrast in self.images else "main") in self.corrected

    def disc_frame(self, level: str) -> tuple[Frame, tuple[str, ...]] | None:
        """Return the frame of a disc: ``cc`` bisects the two endplates that face it; front is that of the bodies.

        If an endplate is missing, the disc's own surfaces give the axis (flag ``axis_from_disc``).
        """
        upper, lower = split_disc(level)
        disc = self.anatomy.get("disc", level)
        above, below = self.spine.endplate(upper, "inferior"), self.spine.endplate(lower, "superior")
        fronts = [self.spine.bodies[name].frame.ap for name in (upper, lower) if name in self.spine.bodies]
        if not fronts:
            return None if disc is None else self._lone_disc(disc)
        front = np.mean(fronts, axis=0)
        whole = all(name not in self.spine.bodies or not self.spine.bodies[name].region.cut for name in (upper, lower))
        if above is not None and below is not None and whole:
            origin = disc.centroid if disc is not None else (above.point + below.point) / 2
            return make_frame(origin, above.normal + below.normal, front), ()
        if disc is None:
            return None
        from lbp_prognosis.biomarkers.anatomy._spine import own_axis

        up = above.normal if above is not None else below.normal if below is not None else None
        if up is None:
            up = next(self.spine.bodies[name].frame.cc for name in (upper, lower) if name in self.spine.bodies)
        return own_axis(disc, make_frame(disc.centroid, up, front)), ("axis_from_disc",)

    def _lone_disc(self, disc: Region) -> tuple[Frame, tuple[str, ...]]:
        """Return the frame of a disc without an adjacent body, from its own surfaces and the image's axes."""
        from lbp_prognosis.biomarkers.anatomy._spine import own_axis

        others = [r.centroid for r in self.anatomy.of("disc") if r.level]
        up = np.array([0.0, 0.0, 1.0])
        if len(others) > 1:
            ends = sorted(others, key=lambda centre: float(centre[2]))
            up = unit(ends[-1] - ends[0])
        frame = make_frame(disc.centroid, up, np.array([0.0, 1.0, 0.0]))
        return own_axis(disc, frame), ("axis_from_disc", "front_from_image")

    def disc_levels(self) -> list[str]:
        """Return the levels of discs and of gaps between neighbouring bodies, top to bottom."""
        from lbp_prognosis.biomarkers.anatomy._levels import level_rank

        named = set(self.anatomy.levels("disc")) | {a + b for a, b in self.spine.pairs()}
        return sorted(named, key=level_rank)

    def section_levels(self) -> list[str]:
        """Return the levels at which cross-sections are read: those of the discs and those stated for the stack."""
        from lbp_prognosis.biomarkers.anatomy._levels import level_rank

        return sorted({*self.disc_levels(), *(self.stack.levels if self.stack is not None else ())}, key=level_rank)


def _other_scale(image: Image) -> str:
    """Return why the values of a CT are not HU, in which fat and air are below 0 and bone is far above; else empty."""
    low, high = float(np.nanmin(image.data)), float(np.nanmax(image.data))
    if low >= 0 and 1 < high <= 255:
        return "the image contains grey values from 0 to 255, as after windowing, and not HU"
    if low >= 0:
        return f"no value is below 0, as those of fat and air are in HU (lowest {low:g}, highest {high:g})"
    if high - low < LEAST_RANGE_HU:
        return f"the values from {low:.3g} to {high:.3g} are not HU, which differ by more between fat and bone"
    return ""


def sample_image(image: Image, points: np.ndarray) -> np.ndarray:
    """Return linearly interpolated intensities at RAS positions; NaN outside the image."""
    index = np.moveaxis(image.grid.to_index(points), -1, 0)
    return ndimage.map_coordinates(image.data, index, order=1, mode="constant", cval=np.nan, output=np.float32)


def intensities(image: Image, region: Region, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the intensities in a region, voxel by voxel where the lattices agree and interpolated elsewhere."""
    chosen = region.indices if mask is None else np.argwhere(mask)
    if image.grid.matches(region.volume):
        index = tuple((chosen + region.start).T)
        return np.asarray(image.data[index], dtype=float)
    values = sample_image(image, region.grid.to_world(chosen.astype(float)))
    return values[np.isfinite(values)].astype(float)


def mean_direction(vectors: list[np.ndarray]) -> np.ndarray:
    """Return the unit vector along the mean."""
    return unit(np.mean(vectors, axis=0))
