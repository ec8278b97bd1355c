"""Families to be measured, and their settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lbp_prognosis._base import StrictTable, argument_error, check_number, content_hash
from lbp_prognosis.biomarkers._own_family import OwnFamily, describe_family, family_name, find_family

__all__ = ["FAMILIES", "Recipe"]

FAMILIES: tuple[str, ...] = ("disc", "canal", "endplate", "muscle", "bone", "alignment")
"""The six families, in the order in which they are measured."""

_FAT_METHODS = ("dixon", "mixture", "otsu")
_BIAS = ("none", "n4")
_HEIGHTS = ("area", "three_point", "gap", "chord")


@dataclass(frozen=True)
class Recipe:
    """Families that are measured, and the settings of their formulas.

    Parameters
    ----------
    families : tuple of str or callable
        Families to measure, in this order; by default all of `FAMILIES`. A function ``(case) -> rows`` is a
        user-defined family; a name may also be that of an entry point in the group ``lbp_prognosis.biomarkers``. A
        recipe in a file can contain names only.
    disc_heights : tuple of str, default ('area', 'three_point', 'gap', 'chord')
        Formulas of the disc height; each has its own ``method_id``.
    ap_points : tuple of float, default (0.1, 0.5, 0.9)
        Positions at which posterior, middle and anterior heights are measured, as shares of the depth from the back.
    central_width : float, default 0.30
        Share of the width, about the middle, over which heights are averaged.
    endplate_central : float, default 0.80
        Share of an endplate to which its plane is fitted.
    leak_mm : float, default 1.5
        Difference between gap and chord, mm, above which a disc is flagged ``segmentation_leak``.
    residual_mm : float, default 2.0
        Residual of the plane of an endplate, mm, above which it is flagged ``uneven_endplate``.
    meyerding_cuts : tuple of float, default (25.0, 50.0, 75.0, 100.0)
        Slips at which the Meyerding grade increases, in % of the depth of the lower endplate.
    slip_present_percent : float, default 0
        Slips up to this size, in %, count as grade 0.
    canal_window_mm : float, default 4.0
        Distance from the middle of the disc, mm, within which the smallest canal area is sought.
    coarse_mm : float, default 3.0
        Side of a voxel in the plane of an area, mm, above which the area is flagged ``area_low_confidence``.
    defect_depth_mm : float, default 2.0
        Depth below the plane, mm, from which a pit counts as a defect of the endplate.
    modic_low : float, default 0.8
        Ratio of the signal of the endplate to that of the central marrow below which it counts as dark.
    modic_high : float, default 1.2
        Ratio above which it counts as bright.
    modic_skip_mm : float, default 2.0
        Depth below the surface of an endplate, mm, that is left out of its columns as cortical bone (plus half a
        voxel).
    modic_least_share : float, default 0.05
        Share of the endplate from which a lesion counts as a Modic change.
    muscle_fat : tuple of str, default ('dixon', 'mixture', 'otsu')
        Methods for the fat fraction; each is used if its images are given.
    muscle_erosion : int, default 1
        Number of voxels eroded from the muscle within the slice before fat is measured.
    muscle_slices : int, default 3
        Number of planes averaged for a cross-section.
    muscle_slice_gap_mm : float, default 2.0
        Distance between these planes, mm.
    muscle_profile : bool, default False
        Also measure muscles at the middle of each body, not only at discs (doubles the time for muscles).
    attenuation_window : tuple of float, default (-29.0, 150.0)
        Window of the muscle attenuation, HU.
    min_separation : float, default 1.5
        Smallest distance between two signal modes, in pooled SDs, for a fat fraction from one contrast.
    genant_cuts : tuple of float, default (0.2, 0.25, 0.4)
        Height losses (fractions) at which the Genant grade increases.
    height_loss_sd : float, default 0.064
        SD of the error of the height loss, for the probability of each grade. The default follows from limits of
        agreement between readers of CT of ±12.5 percentage points [1]_, which are ±1.96 SDs.
    ellipsoid_share : float, default 0.60
        Axes of the trabecular ellipsoid as a share of those of the body.
    ellipsoid_shift_mm : float, default 2.0
        Shift of the ellipsoid to the front, mm, away from the basivertebral vein.
    metal_hu : float, default 1000
        Attenuation above which a voxel counts as metal, HU.
    metal_share : float, default 0.001
        Share of metal voxels above which an ellipsoid gives no trabecular value.
    marrow_erosion_mm : float, default 3.0
        Distance from the surface of the body, mm, from which marrow signals are read.
    strip_mm : float, default 3.0
        Thickness of the subchondral strip, mm.
    csf_min_voxels : int, default 30
        Minimum number of voxels of cerebrospinal fluid for a reference signal.
    csf_min_contrast : float, default 1.5
        Minimum ratio of the signal of the fluid to that of the rest of the canal.
    bias_correction : {'none', 'n4'}, default 'none'
        With ``n4``, T1, T2 and other weighted MRI are divided by the N4 bias field before signals are read, and the
        ``method_id`` of every value from them ends in ``_n4``. Off by default, because the published norms of bone
        quality, of disc signal and of one-contrast fat fractions refer to uncorrected images. CT, Dixon images and maps
        are never corrected.
    repeatability_sd : mapping, optional
        SD by measure, in its unit, from your own test–retest study. It is added in quadrature to the geometric SD.

    Raises
    ------
    ArgumentError
        If a family or method is unknown, or a setting is outside its range.

    References
    ----------
    .. [1] Buckens CF et al. Intra and interobserver reliability and agreement of semiquantitative
       vertebral fracture assessment on chest computed tomography. PLoS One. 2013;8(8):e71204.

    Examples
    --------
    >>> Recipe.default().families
    ('disc', 'canal', 'endplate', 'muscle', 'bone', 'alignment')
    """

    families: tuple[str | OwnFamily, ...] = FAMILIES
    disc_heights: tuple[str, ...] = _HEIGHTS
    ap_points: tuple[float, float, float] = (0.10, 0.50, 0.90)
    central_width: float = 0.30
    endplate_central: float = 0.80
    leak_mm: float = 1.5
    residual_mm: float = 2.0
    meyerding_cuts: tuple[float, ...] = (25.0, 50.0, 75.0, 100.0)
    slip_present_percent: float = 0.0
    canal_window_mm: float = 4.0
    coarse_mm: float = 3.0
    defect_depth_mm: float = 2.0
    modic_low: float = 0.80
    modic_high: float = 1.20
    modic_skip_mm: float = 2.0
    modic_least_share: float = 0.05
    muscle_fat: tuple[str, ...] = _FAT_METHODS
    muscle_erosion: int = 1
    muscle_slices: int = 3
    muscle_slice_gap_mm: float = 2.0
    muscle_profile: bool = False
    attenuation_window: tuple[float, float] = (-29.0, 150.0)
    min_separation: float = 1.5
    genant_cuts: tuple[float, float, float] = (0.20, 0.25, 0.40)
    height_loss_sd: float = 0.064
    ellipsoid_share: float = 0.60
    ellipsoid_shift_mm: float = 2.0
    metal_hu: float = 1000.0
    metal_share: float = 0.001
    marrow_erosion_mm: float = 3.0
    strip_mm: float = 3.0
    csf_min_voxels: int = 30
    csf_min_contrast: float = 1.5
    bias_correction: str = "none"
    repeatability_sd: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", _checked_families(self.families))
        for name, allowed in (("disc_heights", _HEIGHTS), ("muscle_fat", _FAT_METHODS)):
            given = getattr(self, name)
            if isinstance(given, str) or not set(given) <= set(allowed):
                raise argument_error(name, "a sequence of names from " + ", ".join(map(repr, allowed)), repr(given))
            object.__setattr__(self, name, tuple(given))
        if self.bias_correction not in _BIAS:
            raise argument_error("bias_correction", "'none' or 'n4'", repr(self.bias_correction))
        for name in ("central_width", "endplate_central", "ellipsoid_share"):
            check_number(name, getattr(self, name), low=0, high=1, open_low=True)
        for name in (
            "leak_mm",
            "residual_mm",
            "canal_window_mm",
            "coarse_mm",
            "defect_depth_mm",
            "muscle_slice_gap_mm",
            "height_loss_sd",
            "min_separation",
            "marrow_erosion_mm",
            "strip_mm",
            "csf_min_contrast",
            "metal_share",
            "slip_present_percent",
            "modic_low",
            "modic_high",
            "modic_skip_mm",
            "modic_least_share",
            "ellipsoid_shift_mm",
        ):
            check_number(name, getattr(self, name), low=0)
        for name in ("muscle_slices", "csf_min_voxels"):
            check_number(name, getattr(self, name), low=1, whole=True)
        if not isinstance(self.muscle_profile, bool):
            raise argument_error("muscle_profile", "True or False", repr(self.muscle_profile))
        check_number("muscle_erosion", self.muscle_erosion, low=0, whole=True)
        for name in ("ap_points", "genant_cuts", "meyerding_cuts", "attenuation_window"):
            given = tuple(float(check_number(name, value)) for value in getattr(self, name))
            if list(given) != sorted(set(given)):
                raise argument_error(name, "in increasing order", str(given))
            object.__setattr__(self, name, given)
        if len(self.ap_points) != 3 or self.ap_points[0] <= 0 or self.ap_points[2] >= 1:
            raise argument_error("ap_points", "three shares between 0 and 1", str(self.ap_points))
        if len(self.genant_cuts) != 3:
            raise argument_error("genant_cuts", "three cuts", str(self.genant_cuts))

    @classmethod
    def default(cls) -> Recipe:
        """Return the recipe that measures every family that the masks allow."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values; a user-defined family is given by its name."""
        return {**asdict(self), "families": tuple(family_name(family) for family in self.families)}

    @property
    def own_families(self) -> tuple[OwnFamily, ...]:
        """User-defined families, as functions."""
        return tuple(self.family(name) for name in self.families if callable(name) or name not in FAMILIES)

    @staticmethod
    def family(family: str | OwnFamily) -> OwnFamily:
        """Return the function of a user-defined family: itself, or the entry point of that name."""
        found = find_family(family) if isinstance(family, str) else family
        if found is None:
            raise argument_error("families", "names of families that are installed", repr(family))
        return found

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Recipe:
        """Return a recipe from plain values (a TOML or JSON table); unknown names are refused."""
        read = StrictTable("recipe")
        found = read.record(cls, "recipe", settings)
        read.raise_if_any()
        assert found is not None
        return found

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the settings, and of the source of user-defined families."""
        own = [describe_family(family) for family in self.own_families]
        return content_hash(self.to_dict(), *([own] if own else []))


def _checked_families(families: Any) -> tuple[str | OwnFamily, ...]:
    """Return the known families without repetition."""
    accepted = "a sequence from " + ", ".join(map(repr, FAMILIES)) + ", names of entry points and functions"
    if isinstance(families, str) or callable(families) or not isinstance(families, Iterable):
        raise argument_error("families", accepted, repr(families), "Pass a list, even for one family.")
    found = tuple(families)
    for family in found:
        if not callable(family) and family not in FAMILIES and not (isinstance(family, str) and find_family(family)):
            raise argument_error("families", accepted, repr(family))
    names = [family_name(family) for family in found]
    doubled = [name for name in names if names.count(name) > 1]
    own = [name for name, family in zip(names, found) if callable(family) and name in FAMILIES]
    if doubled or own:
        raise argument_error("families", "of different names", repr((doubled or own)[0]), "Rename your function.")
    return found
