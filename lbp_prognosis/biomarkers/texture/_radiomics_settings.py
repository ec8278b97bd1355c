"""Settings of texture features: a frozen record with a hash, because two settings are two variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lbp_prognosis._base import StrictTable, argument_error, check_number, content_hash

__all__ = ["RadiomicsSettings"]

_CLASSES = ("firstorder", "shape", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
_IMAGES = ("original", "log", "wavelet")


@dataclass(frozen=True)
class RadiomicsSettings:
    """Settings of the texture features.

    Parameters
    ----------
    classes : tuple of str
        Feature classes, by default ``firstorder, shape, glcm, glrlm, glszm, gldm, ngtdm``.
    images : tuple of str, default ``('original',)``
        Images that texture is computed on: ``original``, ``log`` (Laplacian of Gaussian, one per sigma), ``wavelet``
        (eight decompositions).
    bin_width : float, default 25.0
        Width of a grey-level bin, in the unit of the image; bins are counted from the lower limit of
        ``intensity_range``, without one from the lowest intensity of the region.
    bin_count : int, optional
        Number of bins over the range of the region, in place of a width; for intensities without a unit, as in MRI.
    spacing_mm : float, optional
        Image and mask are resampled to cubes of this side; by default voxels stay as they are.
    interpolation : {'linear', 'cubic'}, default 'linear'
        Of the intensities when they are resampled; the mask is always interpolated linearly.
    normalise : bool, default False
        Centre and scale the intensities of the whole image first, SD 100 (MRI).
    intensity_range : (float, float), optional
        Voxels outside are left out of the region, in texture but not in shape.
    outlier_sd : float, optional
        Voxels farther than this many SDs from the mean of the region are left out of texture (3 in IBSI 1).
    preprocessing : {'ibsi', 'pyradiomics'}, default 'ibsi'
        Who resamples and bins: this library by the rules of IBSI 1, or pyradiomics, whose grid, splines and bins are
        others and miss the consensus after resampling.
    log_sigmas_mm : tuple of float, default ``(1.0, 3.0)``
        Sigmas of the Laplacian of Gaussian.
    distances : tuple of int, default ``(1,)``
        Distances of the neighbours of ``glcm``, ``gldm`` and ``ngtdm``, in voxels.
    aggregation : {'3d', '2.5d', '2d'}, default '3d'
        Neighbours of texture: in all directions, or within a slice only (the last axis of the image), with the matrices
        of all slices merged by direction (``2.5d``) or the features of the slices averaged (``2d``). Slice-wise, voxels
        are resampled within the slice alone. For images of thick slices.
    min_voxels : int, default 20
        A smaller region gives no value.

    Raises
    ------
    ArgumentError
        If a name is unknown or a number is outside its range.

    Examples
    --------
    >>> RadiomicsSettings().fingerprint == RadiomicsSettings(bin_width=25).fingerprint
    True
    """

    classes: tuple[str, ...] = _CLASSES
    images: tuple[str, ...] = ("original",)
    bin_width: float = 25.0
    bin_count: int | None = None
    spacing_mm: float | None = None
    interpolation: str = "linear"
    normalise: bool = False
    intensity_range: tuple[float, float] | None = None
    outlier_sd: float | None = None
    preprocessing: str = "ibsi"
    log_sigmas_mm: tuple[float, ...] = (1.0, 3.0)
    distances: tuple[int, ...] = (1,)
    aggregation: str = "3d"
    min_voxels: int = 20

    def __post_init__(self) -> None:
        for name, allowed in (("classes", _CLASSES), ("images", _IMAGES)):
            given = getattr(self, name)
            if isinstance(given, str) or not given or not set(given) <= set(allowed):
                raise argument_error(name, "a sequence out of " + ", ".join(map(repr, allowed)), repr(given))
            object.__setattr__(self, name, tuple(word for word in allowed if word in given))
        object.__setattr__(self, "bin_width", float(check_number("bin_width", self.bin_width, low=0, open_low=True)))
        if self.bin_count is not None:
            check_number("bin_count", self.bin_count, low=2, high=4096, whole=True)
        if self.spacing_mm is not None:
            object.__setattr__(self, "spacing_mm", float(check_number("spacing_mm", self.spacing_mm, low=0.1, high=20)))
        if self.intensity_range is not None:
            low, high = (float(check_number("intensity_range", value)) for value in self.intensity_range)
            if low >= high:
                raise argument_error("intensity_range", "a lower and a higher value", str(self.intensity_range))
            object.__setattr__(self, "intensity_range", (low, high))
        if self.outlier_sd is not None:
            object.__setattr__(self, "outlier_sd", float(check_number("outlier_sd", self.outlier_sd, low=0.5, high=20)))
        for name, words in (
            ("interpolation", ("linear", "cubic")),
            ("preprocessing", ("ibsi", "pyradiomics")),
            ("aggregation", ("3d", "2.5d", "2d")),
        ):
            if getattr(self, name) not in words:
                raise argument_error(name, " or ".join(map(repr, words)), repr(getattr(self, name)))
        if self.aggregation != "3d" and (self.preprocessing == "pyradiomics" or set(self.images) - {"original"}):
            raise argument_error(
                "aggregation",
                "'3d' with filtered images, whose filters are in three dimensions, or the preprocessing of pyradiomics",
                repr(self.aggregation),
            )
        if self.preprocessing == "pyradiomics" and (self.outlier_sd is not None or self.interpolation != "linear"):
            raise argument_error(
                "preprocessing",
                "'ibsi' where `outlier_sd` or `interpolation` is given",
                "'pyradiomics', which has none",
            )
        sigmas = tuple(float(check_number("log_sigmas_mm", s, low=0, open_low=True)) for s in self.log_sigmas_mm)
        object.__setattr__(self, "log_sigmas_mm", sigmas)
        whole = tuple(int(check_number("distances", d, low=1, high=20, whole=True)) for d in self.distances)
        object.__setattr__(self, "distances", whole)
        if not whole or ("log" in self.images and not sigmas):
            raise argument_error("distances" if not whole else "log_sigmas_mm", "at least one", "none")
        check_number("min_voxels", self.min_voxels, low=2, whole=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values; an aggregation in three dimensions is left out, as before it existed."""
        out = asdict(self)
        if self.aggregation == "3d":
            del out["aggregation"]
        return out

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> RadiomicsSettings:
        """Return settings from plain values (a TOML or JSON table); unknown names are refused."""
        read = StrictTable("settings")
        found = read.record(cls, "settings", settings)
        read.raise_if_any()
        assert found is not None
        return found

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the settings."""
        return content_hash(self.to_dict())

    @property
    def method_id(self) -> str:
        """Name of the method in the biomarker table: other settings, other method."""
        return f"pyradiomics_{self.fingerprint[:12]}"
