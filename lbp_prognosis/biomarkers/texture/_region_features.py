"""Features of one region: prepared by the rules of IBSI 1 here, counted by the engine of the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers.texture._ibsi_filters import (
    check_filters,
    gabor,
    laplacian_of_gaussian,
    laws,
    reach_voxels,
    simoncelli,
    wavelet,
)
from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import (
    Prepared,
    grey_levels,
    prepare,
    resegmented,
    sides_after,
)
from lbp_prognosis.biomarkers.texture._mirp import mirp_version, require_mirp, shape_by_mirp, texture_by_mirp
from lbp_prognosis.biomarkers.texture._pyradiomics import (
    plain_features,
    pyradiomics_version,
    require_pyradiomics,
    shape_by_pyradiomics,
    texture_by_pyradiomics,
    wavelets_of_pyradiomics,
)
from lbp_prognosis.biomarkers.texture._radiomics_settings import RadiomicsSettings

__all__ = ["engine_version", "region_features", "require_engine"]

_ENGINES: dict[str, tuple[Callable[..., dict[str, float]], Callable[..., dict[str, float]]]] = {
    "pyradiomics": (shape_by_pyradiomics, texture_by_pyradiomics),
    "mirp": (shape_by_mirp, texture_by_mirp),
}


def require_engine(settings: RadiomicsSettings, caller: str) -> Any:
    """Import the engine of the settings, or raise an error that says how to install it."""
    return (require_mirp if settings.engine == "mirp" else require_pyradiomics)(caller)


def engine_version(settings: RadiomicsSettings) -> str:
    """Return name and version of the engine of the settings."""
    return mirp_version() if settings.engine == "mirp" else pyradiomics_version()


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
        From ``image_class_Feature`` to value; empty where the region is too small.
    """
    if settings.preprocessing == "pyradiomics":
        return plain_features(image, mask, spacing, settings)
    prepared = _prepared(image, mask, spacing, settings)
    region = prepared.region
    if region.sum() < settings.min_voxels or sum(np.ptp(where) > 0 for where in np.nonzero(region)) < 3:
        return {}
    shape, texture = _ENGINES[settings.engine]
    found = shape(prepared) if "shape" in settings.classes else {}
    kept = resegmented(prepared, settings)
    if kept.sum() < settings.min_voxels:
        return {}
    if settings.classes != ("shape",):
        for name, filtered in _filtered(prepared, settings):
            levels = grey_levels(filtered, kept, settings, filtered=name != "original")
            found.update(texture(name, filtered, kept, levels, prepared.spacing, settings))
    return found


def _prepared(image: np.ndarray, mask: np.ndarray, spacing: np.ndarray, settings: RadiomicsSettings) -> Prepared:
    """Return the region on its new grid, with as many voxels around it as the filters read."""
    if not mask.any():
        return Prepared(image, mask, spacing)
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
        return prepare(image, mask, spacing, settings)
    prepared = prepare(image, mask, spacing, settings, margin_mm=float(np.max(reach * sides)))
    return _around(prepared, reach[::-1])


def _around(prepared: Prepared, reach: np.ndarray) -> Prepared:
    """Return the region with as many voxels around it as the filters read."""
    if not prepared.region.any():
        return prepared
    window = tuple(
        slice(max(int(where.min()) - int(beyond), 0), int(where.max()) + int(beyond) + 1)
        for where, beyond in zip(np.nonzero(prepared.region), reach)
    )
    return Prepared(prepared.volume[window], prepared.region[window], prepared.spacing)


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
        if family == "simoncelli":
            yield f"wavelet-simoncelli-level-{level}", simoncelli(prepared, level, planar=planar)
        else:
            yield f"wavelet-{family}-{band}-level-{level}", wavelet(prepared, family, band, level)
    if "wavelet" in settings.images and settings.wavelets is None:
        yield from wavelets_of_pyradiomics(prepared)
