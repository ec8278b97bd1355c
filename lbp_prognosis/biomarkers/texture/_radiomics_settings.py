"""Settings of texture features: a frozen record with a hash, because two settings are two variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lbp_prognosis._base import StrictTable, argument_error, check_number, content_hash

__all__ = ["LAWS", "RadiomicsSettings"]

_CLASSES = ("firstorder", "shape", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
_IMAGES = ("original", "log", "wavelet", "laws", "gabor")

LAWS: dict[str, tuple[int, ...]] = {
    "L5": (1, 4, 6, 4, 1),
    "E5": (-1, -2, 0, 2, 1),
    "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1),
    "R5": (1, -4, 6, -4, 1),
    "L3": (1, 2, 1),
    "E3": (-1, 0, 1),
    "S3": (-1, 2, -1),
}
"""Laws kernels: level, edge, spot, wave and ripple, of five and of three taps."""


@dataclass(frozen=True)
class RadiomicsSettings:
    """Settings of the texture features.

    Parameters
    ----------
    classes : tuple of str
        Feature classes, by default ``firstorder, shape, glcm, glrlm, glszm, gldm, ngtdm``.
    images : tuple of str, default ``('original',)``
        Images on which texture is computed: ``original``, ``log`` (Laplacian of Gaussian, one per sigma), ``wavelet``
        (one per sub-band in ``wavelets``; without it eight decompositions by the engine), ``laws`` (texture energy, one
        per kernel), ``gabor`` (one per filter). They are those of IBSI 2 [2]_, except the engine's wavelets. Slice-wise
        (``aggregation``) the filters act within the slice.
    bin_width : float, default 25.0
        Width of a grey-level bin, in the unit of the image. Bins are counted from the lower limit of
        ``intensity_range`` or, without it, from the lowest intensity of the region.
    bin_count : int, optional
        Number of bins over the range of the region, in place of a width; for intensities without a unit, as in MRI.
    spacing_mm : float, optional
        Image and mask are resampled to cubes of this side; by default voxels stay as they are.
    interpolation : {'linear', 'cubic'}, default 'linear'
        Interpolation of the intensities in resampling; the mask is always interpolated linearly.
    normalise : bool, default False
        First centre the intensities of the whole image and scale them to an SD of 100 (for MRI).
    intensity_range : (float, float), optional
        Voxels outside this range are left out of the region for texture but not for shape.
    outlier_sd : float, optional
        Voxels farther than this many SDs from the mean of the region are left out of texture (3 in IBSI 1).
    preprocessing : {'ibsi', 'pyradiomics'}, default 'ibsi'
        What resamples and bins: this library by the rules of IBSI 1, or pyradiomics, whose grid, splines and bins
        differ and miss the consensus after resampling.
    log_sigmas_mm : tuple of float, default ``(1.0, 3.0)``
        Sigmas of the Laplacian of Gaussian, mm.
    laws_kernels : tuple of str, optional
        Laws kernels along the three axes, by default ``L5E5E5`` (slice-wise two, ``L5E5``): level ``L5``, edge ``E5``,
        spot ``S5``, wave ``W5``, ripple ``R5``, of three taps ``L3``, ``E3``, ``S3``. Every voxel keeps the largest
        response over all rotations by right angles.
    laws_distance : int, default 7
        The texture energy is the mean absolute response within this number of voxels in each direction; with 0 it is
        the response itself.
    gabor : tuple of (float, float, float), default ``((5.0, 2.0, 1.5),)``
        Planar Gabor filters: SD of the envelope in mm, wavelength in mm (at least two voxels), and ratio of the
        envelope's length along the wave to that across it. The modulus is averaged over directions and, but
        slice-wise, over the planes across the three axes.
    gabor_angles : int, default 8
        Directions over half a turn: 8 are 22.5° apart.
    wavelets : tuple of (str, str, int), optional
        Sub-bands of stationary wavelets: an orthogonal wavelet (``db3``, ``coif1``, ``sym4``, …), low-pass ``L`` and
        high-pass ``H`` along the three axes at the last level (``LLH``; slice-wise two, ``LH``), and the number of
        levels. The response is averaged over all rotations by right angles. ``("simoncelli", "B", level)``: the map of
        a Simoncelli wavelet, which has no direction and reads all of the image.
    distances : tuple of int, default ``(1,)``
        Distances of the neighbours of ``glcm``, ``gldm`` and ``ngtdm``, in voxels.
    aggregation : {'3d', '2.5d', '2d'}, default '3d'
        Neighbours of texture: in all directions, or within a slice only (the last axis of the image), with the matrices
        of all slices merged by direction (``2.5d``) or the features of the slices averaged (``2d``). Slice-wise, voxels
        are resampled within the slice alone. For images of thick slices.
    min_voxels : int, default 20
        Smallest number of voxels of a region; a smaller one gives no value.
    engine : {'pyradiomics', 'mirp'}, default 'pyradiomics'
        Package that computes the features of the prepared region. Both use the preprocessing, the grey levels and the
        filters of this library. MIRP is installed by pip on Python 3.11 and later and computes the 102 features that
        IBSI 1 defines, with neighbours at distance 1; pyradiomics has five more.

    Raises
    ------
    ArgumentError
        If a name is unknown or a number is outside its range. Laws and Gabor filters and ``wavelets`` on voxels that
        are not cubes (slice-wise: squares), and waves shorter than two voxels, are refused when an image is measured.

    References
    ----------
    .. [1] Zwanenburg A et al. The Image Biomarker Standardization Initiative. Radiology. 2020;295:328–338.
       doi:10.1148/radiol.2020191145
    .. [2] Whybra P et al. The Image Biomarker Standardization Initiative: standardized convolutional filters for
       reproducible radiomics and enhanced clinical insights. Radiology. 2024;310:e231319. doi:10.1148/radiol.231319

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
    laws_kernels: tuple[str, ...] | None = None
    laws_distance: int = 7
    gabor: tuple[tuple[float, float, float], ...] = ((5.0, 2.0, 1.5),)
    gabor_angles: int = 8
    wavelets: tuple[tuple[str, str, int], ...] | None = None
    distances: tuple[int, ...] = (1,)
    aggregation: str = "3d"
    min_voxels: int = 20
    engine: str = "pyradiomics"

    def __post_init__(self) -> None:
        for name, allowed in (("classes", _CLASSES), ("images", _IMAGES)):
            given = getattr(self, name)
            if isinstance(given, str) or not given or not set(given) <= set(allowed):
                raise argument_error(name, "a sequence of names from " + ", ".join(map(repr, allowed)), repr(given))
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
            ("engine", ("pyradiomics", "mirp")),
        ):
            if getattr(self, name) not in words:
                raise argument_error(name, " or ".join(map(repr, words)), repr(getattr(self, name)))
        engines = "wavelet" in self.images and self.wavelets is None
        if self.aggregation != "3d" and (self.preprocessing == "pyradiomics" or engines):
            raise argument_error(
                "aggregation",
                "'3d' with the preprocessing of pyradiomics or its wavelets, which are in three dimensions",
                repr(self.aggregation),
                "Name sub-bands (`wavelets`)." if engines else None,
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
        self._check_filters()
        self._check_engine()

    def _check_engine(self) -> None:
        """Refuse settings that MIRP does not support."""
        if self.engine != "mirp":
            return
        for name, refused, accepted in (
            ("preprocessing", self.preprocessing != "ibsi", "'ibsi' with the engine 'mirp'"),
            ("distances", self.distances != (1,), "(1,) with the engine 'mirp', as in IBSI 1"),
            (
                "wavelets",
                "wavelet" in self.images and self.wavelets is None,
                "given with 'wavelet' in `images` and the engine 'mirp'; without it they are those of pyradiomics",
            ),
        ):
            if refused:
                raise argument_error(name, accepted, repr(getattr(self, name)))

    def _check_filters(self) -> None:
        """Check the settings of Laws and Gabor filters, and fill in the kernel."""
        own = sorted({"laws", "gabor"} & set(self.images))
        if self.preprocessing == "pyradiomics" and own:
            raise argument_error("images", "without 'laws' and 'gabor', which pyradiomics does not have", own)
        axes = 3 if self.aggregation == "3d" else 2
        kernels = self.laws_kernels
        if kernels is None:
            kernels = ("L5E5E5",) if axes == 3 else ("L5E5",)
        words = ", ".join(LAWS)
        for kernel in [kernels] if isinstance(kernels, str) else kernels:
            taps = [str(kernel)[k : k + 2].upper() for k in range(0, len(str(kernel)), 2)]
            if isinstance(kernels, str) or len(taps) != axes or not set(taps) <= set(LAWS):
                raise argument_error("laws_kernels", f"a sequence of names, each of {axes} out of {words}", kernels)
        object.__setattr__(self, "laws_kernels", tuple(str(kernel).upper() for kernel in kernels))
        check_number("laws_distance", self.laws_distance, low=0, high=50, whole=True)
        check_number("gabor_angles", self.gabor_angles, low=1, high=180, whole=True)
        filters = []
        for given in self.gabor:
            if isinstance(given, str) or len(given) != 3:
                raise argument_error("gabor", "a sequence of (sigma in mm, wavelength in mm, ratio)", self.gabor)
            filters.append(
                tuple(float(check_number("gabor", number, low=0, high=1000, open_low=True)) for number in given)
            )
        object.__setattr__(self, "gabor", tuple(filters))
        if self.wavelets is not None:
            object.__setattr__(self, "wavelets", self._checked_wavelets(axes))
        for name, found in (("laws", kernels), ("gabor", filters)):
            if name in self.images and not found:
                raise argument_error("laws_kernels" if name == "laws" else name, "at least one", "none")

    def _checked_wavelets(self, axes: int) -> tuple[tuple[str, str, int], ...]:
        """Return the sub-bands in one spelling; whether a wavelet exists is checked when an image is measured."""
        if self.preprocessing == "pyradiomics" or "wavelet" not in self.images:
            raise argument_error(
                "wavelets", "with 'wavelet' in `images` and the preprocessing 'ibsi'", repr(self.wavelets)
            )
        found = []
        for given in self.wavelets or ():
            whole = not isinstance(given, str) and len(given) == 3
            band = str(given[1]).upper() if whole else ""
            plain = whole and str(given[0]).lower() == "simoncelli"
            if (band != "B") if plain else (len(band) != axes or not set(band) <= {"L", "H"}):
                words = f"a sequence of (wavelet, {axes} letters L or H, level), or ('simoncelli', 'B', level)"
                raise argument_error("wavelets", words, repr(self.wavelets))
            level = int(check_number("wavelets", given[2], low=1, high=8, whole=True))
            found.append((str(given[0]).lower(), band, level))
        if not found:
            raise argument_error("wavelets", "at least one", "none")
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, without the three-dimensional aggregation and filters that are not used.

        A new setting therefore does not change the hash of settings that do not use it.
        """
        out = asdict(self)
        if self.aggregation == "3d":
            del out["aggregation"]
        if self.wavelets is None:
            del out["wavelets"]
        if self.engine == "pyradiomics":
            del out["engine"]
        for name in ("laws", "gabor"):
            if name not in self.images:
                out = {key: value for key, value in out.items() if key.split("_")[0] != name}
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
        """Name of the method in the biomarker table: another engine or other settings are another method."""
        return f"{self.engine}_{self.fingerprint[:12]}"
