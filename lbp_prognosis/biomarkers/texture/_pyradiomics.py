"""The adapter of pyradiomics: its feature classes on one region, without its repeated reading, hashing and binning."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from lbp_prognosis._base import MissingPackageError, argument_error
from lbp_prognosis.biomarkers.texture._ibsi_filters import (
    check_filters,
    gabor,
    laplacian_of_gaussian,
    laws,
    reach_voxels,
    wavelet,
)
from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import (
    Prepared,
    grey_levels,
    prepare,
    resegmented,
    sides_after,
)
from lbp_prognosis.biomarkers.texture._radiomics_settings import RadiomicsSettings

__all__ = ["pyradiomics_version", "region_features", "require_pyradiomics"]

_COMMAND = "`make radiomics` in a checkout, or the commands of docs/howto/radiomics.md"


def require_pyradiomics(caller: str) -> Any:
    """Import pyradiomics, or say how it is installed: pip alone cannot."""
    try:
        import radiomics
        import radiomics.imageoperations
    except ImportError as error:
        raise MissingPackageError(
            f"`{caller}` needs the package `pyradiomics`, which is not installed, and which pip cannot resolve by "
            f"itself. On Python 3.11 install it with {_COMMAND}."
        ) from error
    return radiomics


def pyradiomics_version() -> str:
    """Return the version in words."""
    return f"pyradiomics {str(require_pyradiomics('extract_radiomics').__version__).lstrip('v')}"


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("radiomics")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@cache
def _classes() -> dict[str, Any]:
    """Return the feature classes; those that bin grey levels take them from the caller, binned once for all."""
    from radiomics import firstorder, glcm, gldm, glrlm, glszm, ngtdm, shape

    def sharing(base: Any) -> Any:
        class Sharing(base):
            def _applyBinning(self, matrix: Any) -> Any:
                binned, levels, highest = self.settings["binned"]
                self.coefficients["grayLevels"] = levels
                self.coefficients["Ng"] = highest
                return binned.copy()

            @classmethod
            def getFeatureNames(cls) -> dict[str, bool]:  # asked of the class once, not of every region
                return dict(names)

        names = base.getFeatureNames()
        Sharing.__module__ = base.__module__
        return Sharing

    return {
        "firstorder": sharing(firstorder.RadiomicsFirstOrder),
        "shape": sharing(shape.RadiomicsShape),
        "glcm": sharing(glcm.RadiomicsGLCM),
        "glrlm": sharing(glrlm.RadiomicsGLRLM),
        "glszm": sharing(glszm.RadiomicsGLSZM),
        "gldm": sharing(gldm.RadiomicsGLDM),
        "ngtdm": sharing(ngtdm.RadiomicsNGTDM),
    }


def region_features(
    image: np.ndarray, mask: np.ndarray, spacing: np.ndarray, settings: RadiomicsSettings
) -> dict[str, float]:
    """Compute the features of one region.

    Parameters
    ----------
    image : ndarray of shape (nk, nj, ni)
        Intensities, slices first.
    mask : ndarray of bool, same shape
        The region.
    spacing : ndarray of shape (3,)
        Sides of a voxel along i, j, k in mm.
    settings : RadiomicsSettings

    Returns
    -------
    dict
        From ``image_class_Feature`` to value.
    """
    if settings.preprocessing == "ibsi":
        return _by_ibsi(image, mask, spacing, settings)
    import SimpleITK as sitk

    keywords: dict[str, Any] = {"binWidth": settings.bin_width, "distances": list(settings.distances)}
    if settings.bin_count is not None:
        keywords["binCount"] = settings.bin_count
    # whole numbers stay whole when they are resampled, as in pyradiomics and in the IBSI rules for CT
    exact = image.dtype if image.dtype.kind in "iu" else np.float64
    volume = sitk.GetImageFromArray(np.ascontiguousarray(image, dtype=exact))
    label = sitk.GetImageFromArray(np.ascontiguousarray(mask, dtype=np.uint8))
    for item in (volume, label):
        item.SetSpacing([float(side) for side in spacing])
    with _quiet(), np.errstate(invalid="ignore", divide="ignore"):
        from radiomics import imageoperations

        if settings.spacing_mm is not None:
            volume, label = imageoperations.resampleImage(
                volume,
                label,
                resampledPixelSpacing=[settings.spacing_mm] * 3,
                interpolator="sitkBSpline",
                label=1,
                padDistance=5,
            )
        region = sitk.GetArrayFromImage(label) == 1
        if region.sum() < settings.min_voxels or sum(np.ptp(where) > 0 for where in np.nonzero(region)) < 3:
            return {}
        found: dict[str, float] = {}
        if "shape" in settings.classes:
            found.update(_of_class("shape", *_cropped(volume, region, region), "original", keywords))
        texture = [name for name in settings.classes if name != "shape"]
        kept = region
        if settings.intensity_range is not None:
            values = sitk.GetArrayFromImage(volume)
            kept = region & (values >= settings.intensity_range[0]) & (values <= settings.intensity_range[1])
            if kept.sum() < settings.min_voxels:
                return {}
        for name, filtered in _images(volume, label, settings) if texture else ():
            part, cut = _cropped(filtered, kept, kept)
            values, inside = sitk.GetArrayViewFromImage(part), sitk.GetArrayViewFromImage(cut) == 1
            binned, _ = imageoperations.binImage(values, inside, **keywords)
            levels = np.unique(binned[inside])
            shared = {**keywords, "binned": (binned, levels, int(levels[-1]))}
            for feature_class in texture:
                found.update(_of_class(feature_class, part, cut, name, shared))
    return found


def _by_ibsi(image: np.ndarray, mask: np.ndarray, spacing: np.ndarray, settings: RadiomicsSettings) -> dict[str, float]:
    """Compute the features of a region that this library resamples, cuts and bins; the engine counts."""
    if not mask.any():
        return {}
    if settings.aggregation != "3d" and spacing[2] < np.max(spacing) - 1e-3:
        raise argument_error(
            "aggregation",
            "'3d' for an image whose slices do not lie along its last axis",
            f"{settings.aggregation!r} with voxels of {' × '.join(f'{side:.3g}' for side in spacing)} mm",
            "Reorient the image and its mask, slices last.",
        )
    sides = sides_after(spacing, settings)
    check_filters(settings, sides)
    reach = reach_voxels(settings, sides)
    if reach is None:
        prepared = prepare(image, mask, spacing, settings)
    else:
        prepared = prepare(image, mask, spacing, settings, margin_mm=float(np.max(reach * sides)))
        prepared = _around(prepared, reach[::-1])
    region = prepared.region
    if region.sum() < settings.min_voxels or sum(np.ptp(where) > 0 for where in np.nonzero(region)) < 3:
        return {}
    keywords: dict[str, Any] = {"binWidth": settings.bin_width, "distances": list(settings.distances)}
    if settings.aggregation != "3d":
        keywords.update(force2D=True, force2Ddimension=0)
    found: dict[str, float] = {}
    with _quiet(), np.errstate(invalid="ignore", divide="ignore"):
        volume = _volume_of(prepared.volume, prepared.spacing)
        if "shape" in settings.classes:
            found.update(_of_class("shape", *_cropped(volume, region, region), "original", keywords))
        texture = [name for name in settings.classes if name != "shape"]
        kept = resegmented(prepared, settings)
        if kept.sum() < settings.min_voxels:
            return {}
        for name, filtered in _filtered(prepared, settings) if texture else ():
            levels = grey_levels(filtered, kept, settings, filtered=name != "original")
            part, cut = _cropped(_volume_of(filtered, prepared.spacing), kept, kept)
            inside = tuple(slice(int(w.min()), int(w.max()) + 1) for w in np.nonzero(kept))
            binned = levels[inside]
            shared = {**keywords, "binned": (binned, np.unique(binned[binned > 0]), int(binned.max()))}
            for feature_class in texture:
                by_slice = settings.aggregation == "2d" and feature_class != "firstorder"
                found.update((_mean_of_slices if by_slice else _of_class)(feature_class, part, cut, name, shared))
    return found


def _around(prepared: Prepared, reach: np.ndarray) -> Prepared:
    """Return the region with as many voxels around it as the filters read."""
    if not prepared.region.any():
        return prepared
    window = tuple(
        slice(max(int(where.min()) - int(beyond), 0), int(where.max()) + int(beyond) + 1)
        for where, beyond in zip(np.nonzero(prepared.region), reach)
    )
    return Prepared(prepared.volume[window], prepared.region[window], prepared.spacing)


def _mean_of_slices(name: str, part: Any, cut: Any, image: str, keywords: dict[str, Any]) -> dict[str, float]:
    """Return the mean of each feature over the slices in which it is defined, by the grey levels of the region.

    A slice of a single voxel has no neighbours, and so no texture.
    """
    import SimpleITK as sitk

    values, inside = sitk.GetArrayViewFromImage(part), sitk.GetArrayViewFromImage(cut)
    binned, _, highest = keywords["binned"]
    rows = []
    for k in np.flatnonzero(inside.any(axis=(1, 2))):
        window = slice(int(k), int(k) + 1)
        one, region = (_volume_of(array[window], np.array(part.GetSpacing())) for array in (values, inside))
        levels = np.unique(binned[window][binned[window] > 0])
        own = {**keywords, "binned": (binned[window], levels, highest)}
        rows.append(_of_class(name, one, region, image, own))
    means = {}
    for key in rows[0]:
        seen = [row[key] for row in rows if np.isfinite(row[key])]
        means[key] = float(np.mean(seen)) if seen else float("nan")
    return means


def _volume_of(values: np.ndarray, spacing: np.ndarray) -> Any:
    import SimpleITK as sitk

    volume = sitk.GetImageFromArray(np.ascontiguousarray(values))
    volume.SetSpacing([float(side) for side in spacing])
    return volume


def _filtered(prepared: Prepared, settings: RadiomicsSettings) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the images that texture is computed on, by name."""
    planar = settings.aggregation != "3d"
    if "original" in settings.images:
        yield "original", prepared.volume
    if "log" in settings.images:
        for sigma in settings.log_sigmas_mm:
            name = f"log-sigma-{str(sigma).replace('.', '-')}-mm-{'2D' if planar else '3D'}"
            yield name, laplacian_of_gaussian(prepared, sigma, planar=planar)
    if "laws" in settings.images:
        assert settings.laws_kernels is not None  # filled in by the settings
        for kernel in settings.laws_kernels:
            response = laws(prepared, kernel, settings.laws_distance)
            yield (
                f"laws-{kernel}-{f'energy-{settings.laws_distance}' if settings.laws_distance else 'response'}",
                response,
            )
    if "gabor" in settings.images:
        for sigma, wave, ratio in settings.gabor:
            name = f"gabor-sigma-{sigma}-mm-wavelength-{wave}-mm-ratio-{ratio}".replace(".", "-")
            yield name, gabor(prepared, sigma, wave, ratio, settings.gabor_angles, planar=planar)
    for family, band, level in settings.wavelets or ():
        yield f"wavelet-{family}-{band}-level-{level}", wavelet(prepared, family, band, level)
    if "wavelet" in settings.images and settings.wavelets is None:
        import SimpleITK as sitk
        from radiomics import imageoperations

        label = _volume_of(prepared.region.astype(np.uint8), prepared.spacing)
        for image, name, _ in imageoperations.getWaveletImage(_volume_of(prepared.volume, prepared.spacing), label):
            yield name, sitk.GetArrayFromImage(image)


def _images(volume: Any, label: Any, settings: RadiomicsSettings) -> Iterator[tuple[str, Any]]:
    from radiomics import imageoperations

    if "original" in settings.images:
        yield "original", volume
    if "log" in settings.images:
        for filtered, name, _ in imageoperations.getLoGImage(volume, label, sigma=list(settings.log_sigmas_mm)):
            yield name, filtered
    if "wavelet" in settings.images:
        for filtered, name, _ in imageoperations.getWaveletImage(volume, label):
            yield name, filtered


def _cropped(volume: Any, region: np.ndarray, box: np.ndarray) -> tuple[Any, Any]:
    """Return image and mask within the bounding box of ``box``."""
    import SimpleITK as sitk

    ends = [(int(where.min()), int(where.max()) + 1) for where in np.nonzero(box)]
    window = tuple(slice(low, high) for low, high in ends)
    part = sitk.GetImageFromArray(np.ascontiguousarray(sitk.GetArrayViewFromImage(volume)[window]))
    cut = sitk.GetImageFromArray(region[window].astype(np.uint8))
    for item in (part, cut):
        item.SetSpacing(volume.GetSpacing())
    return part, cut


def _of_class(name: str, part: Any, cut: Any, image: str, keywords: dict[str, Any]) -> dict[str, float]:
    made = _classes()[name](part, cut, label=1, **keywords)
    made.enableAllFeatures()
    if name == "glcm":
        made.enableFeatureByName("SumAverage")
    values = {f"{image}_{name}_{feature}": float(np.real(value)) for feature, value in made.execute().items()}
    kurtosis = f"{image}_{name}_Kurtosis"
    if kurtosis in values:
        values[kurtosis] -= 3.0  # theirs is 3 for a normal distribution, the standard's is 0
    return values
