"""The adapter of pyradiomics: its feature classes on one region, without its repeated reading, hashing and binning."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from lbp_prognosis._base import MissingPackageError
from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import Prepared
from lbp_prognosis.biomarkers.texture._radiomics_settings import RadiomicsSettings

__all__ = [
    "plain_features",
    "pyradiomics_version",
    "require_pyradiomics",
    "shape_by_pyradiomics",
    "texture_by_pyradiomics",
    "wavelets_of_pyradiomics",
]

_COMMAND = "`make radiomics` in a checkout, or the commands of docs/howto/radiomics.md"


def require_pyradiomics(caller: str) -> Any:
    """Import pyradiomics, or raise an error that says how to install it, which pip alone cannot."""
    try:
        import radiomics
        import radiomics.imageoperations
    except ImportError as error:
        other = "is installed" if find_spec("mirp") else 'is installed by `pip install "lbp-prognosis[mirp]"`'
        raise MissingPackageError(
            f"`{caller}` needs the package `pyradiomics`, which is not installed, and which pip cannot resolve by "
            f"itself. On Python 3.11 install it with {_COMMAND}. The other engine runs on every Python, "
            f"`RadiomicsSettings(engine='mirp')`, `--engine mirp` on the command line: its package {other}."
        ) from error
    return radiomics


def pyradiomics_version() -> str:
    """Return name and version of the engine."""
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
    """Return the feature classes; their grey levels are binned once by the caller for all of them."""
    from radiomics import firstorder, glcm, gldm, glrlm, glszm, ngtdm, shape

    def sharing(base: Any) -> Any:
        class Sharing(base):
            def _applyBinning(self, matrix: Any) -> Any:
                binned, levels, highest = self.settings["binned"]
                self.coefficients["grayLevels"] = levels
                self.coefficients["Ng"] = highest
                return binned.copy()

            @classmethod
            def getFeatureNames(cls) -> dict[str, bool]:  # called once per class, not per region
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


def plain_features(
    image: np.ndarray, mask: np.ndarray, spacing: np.ndarray, settings: RadiomicsSettings
) -> dict[str, float]:
    """Compute the features of a region that the engine resamples and bins; arguments as for `region_features`."""
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


def shape_by_pyradiomics(prepared: Prepared) -> dict[str, float]:
    """Return the features of shape of a prepared region."""
    with _quiet(), np.errstate(invalid="ignore", divide="ignore"):
        part, cut = _cropped(_volume_of(prepared.volume, prepared.spacing), prepared.region, prepared.region)
        return _of_class("shape", part, cut, "original", {})


def texture_by_pyradiomics(
    image: str,
    values: np.ndarray,
    kept: np.ndarray,
    levels: np.ndarray,
    spacing: np.ndarray,
    settings: RadiomicsSettings,
) -> dict[str, float]:
    """Return the features of intensity and texture of one image, of grey levels from 1 within the region."""
    keywords: dict[str, Any] = {"binWidth": settings.bin_width, "distances": list(settings.distances)}
    if settings.aggregation != "3d":
        keywords.update(force2D=True, force2Ddimension=0)
    found: dict[str, float] = {}
    with _quiet(), np.errstate(invalid="ignore", divide="ignore"):
        part, cut = _cropped(_volume_of(values, spacing), kept, kept)
        inside = tuple(slice(int(w.min()), int(w.max()) + 1) for w in np.nonzero(kept))
        binned = levels[inside]
        shared = {**keywords, "binned": (binned, np.unique(binned[binned > 0]), int(binned.max()))}
        for feature_class in settings.classes:
            if feature_class == "shape":
                continue
            region, given = cut, shared
            if feature_class == "ngtdm":
                near = _with_neighbours(kept[inside], settings.distances, planar=settings.aggregation != "3d")
                region = _volume_of(near.astype(np.uint8), spacing)
                given = {**keywords, "binned": (binned, np.unique(binned[near]), int(binned.max()))}
                if not near.any():
                    found.update(_undefined(feature_class, image))
                    continue
            by_slice = settings.aggregation == "2d" and feature_class != "firstorder"
            found.update((_mean_of_slices if by_slice else _of_class)(feature_class, part, region, image, given))
    return found


def wavelets_of_pyradiomics(prepared: Prepared) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the eight decompositions of the engine, by name."""
    import SimpleITK as sitk
    from radiomics import imageoperations

    with _quiet():
        label = _volume_of(prepared.region.astype(np.uint8), prepared.spacing)
        for image, name, _ in imageoperations.getWaveletImage(_volume_of(prepared.volume, prepared.spacing), label):
            yield name, sitk.GetArrayFromImage(image)


def _mean_of_slices(name: str, part: Any, cut: Any, image: str, keywords: dict[str, Any]) -> dict[str, float]:
    """Return the mean of each feature over the matrices of all slices and directions, by the grey levels of the region.

    Matrices without an entry are left out: co-occurrence in a direction without neighbours, and the differences of a
    slice without any.
    """
    import SimpleITK as sitk

    values, inside = sitk.GetArrayViewFromImage(part), sitk.GetArrayViewFromImage(cut)
    binned, _, highest = keywords["binned"]
    rows, weights = [], []
    for k in np.flatnonzero(inside.any(axis=(1, 2))):
        window = slice(int(k), int(k) + 1)
        here = inside[window] == 1
        weight = _directions_with_pairs(here[0], keywords["distances"]) if name == "glcm" else 1
        if weight == 0 or not here.any():
            continue
        one, region = (_volume_of(array[window], np.array(part.GetSpacing())) for array in (values, inside))
        own = {**keywords, "binned": (binned[window], np.unique(binned[window][here]), highest)}
        row = _of_class(name, one, region, image, own)
        if name == "glrlm":
            row = _with_single_runs(row, binned[window][0], here[0])
        rows.append(row)
        weights.append(weight)
    means = _undefined(name, image)
    for key in rows[0] if rows else ():
        seen = np.array([(row[key], weight) for row, weight in zip(rows, weights) if np.isfinite(row[key])])
        means[key] = float(np.average(seen[:, 0], weights=seen[:, 1])) if seen.size else float("nan")
    return means


def _undefined(name: str, image: str) -> dict[str, float]:
    """Return the features of a class without values, because no slice has a matrix."""
    features = [feature for feature, deprecated in _classes()[name].getFeatureNames().items() if not deprecated]
    return {f"{image}_{name}_{feature}": float("nan") for feature in features}


def _directions_with_pairs(region: np.ndarray, distances: list[int]) -> int:
    """Return in how many directions a slice has at least one pair of voxels."""
    far = max(distances)
    padded = np.pad(region, far)
    count = 0
    for down in range(far + 1):
        for right in range(-far, far + 1):
            if max(down, abs(right)) in distances and (down > 0 or right > 0):
                count += bool((padded & np.roll(padded, (down, right), axis=(0, 1))).any())
    return count


def _with_single_runs(row: dict[str, float], levels: np.ndarray, region: np.ndarray) -> dict[str, float]:
    """Return run-length features of a slice over all four directions.

    The engine leaves out directions in which no line has two voxels; all runs are of one voxel there.
    """
    y, x = np.nonzero(region)
    engines = sum(np.bincount(line - line.min()).max() > 1 for line in (y, x, y - x, y + x))
    grey = levels[region].astype(float)
    n = grey.size
    counts = np.bincount(levels[region])
    shares = counts[counts > 0] / n
    low, high = float(np.mean(grey**-2)), float(np.mean(grey**2))
    single = {
        "ShortRunEmphasis": 1.0,
        "LongRunEmphasis": 1.0,
        "LowGrayLevelRunEmphasis": low,
        "HighGrayLevelRunEmphasis": high,
        "ShortRunLowGrayLevelEmphasis": low,
        "ShortRunHighGrayLevelEmphasis": high,
        "LongRunLowGrayLevelEmphasis": low,
        "LongRunHighGrayLevelEmphasis": high,
        "GrayLevelNonUniformity": n * float(np.sum(shares**2)),
        "GrayLevelNonUniformityNormalized": float(np.sum(shares**2)),
        "RunLengthNonUniformity": float(n),
        "RunLengthNonUniformityNormalized": 1.0,
        "RunPercentage": 1.0,
        "GrayLevelVariance": float(grey.var()),
        "RunVariance": 0.0,
        "RunEntropy": float(-np.sum(shares * np.log2(shares))),
    }
    return {
        key: ((engines * value if engines else 0.0) + (4 - engines) * single[key.split("_")[-1]]) / 4
        for key, value in row.items()
    }


def _with_neighbours(region: np.ndarray, distances: tuple[int, ...], *, planar: bool) -> np.ndarray:
    """Return the voxels of a region that have a neighbour in it: others take no part in grey-tone differences."""
    counts = np.zeros(region.shape, dtype=np.int32)
    for far in distances:  # a shell: the block without the smaller block
        counts += _in_block(region, far, planar) - _in_block(region, far - 1, planar)
    return np.asarray(region & (counts > 0))


def _in_block(region: np.ndarray, far: int, planar: bool) -> np.ndarray:
    """Return how many voxels of the region are at most ``far`` away along every axis, itself included."""
    counts = region.astype(np.int32)
    for axis in range(1 if planar else 0, 3):
        n = counts.shape[axis]
        wide = np.pad(counts, [(far, far) if k == axis else (0, 0) for k in range(3)])
        parts = (np.take(wide, range(step, step + n), axis=axis) for step in range(2 * far + 1))
        counts = sum(parts, start=np.zeros_like(counts))
    return counts


def _volume_of(values: np.ndarray, spacing: np.ndarray) -> Any:
    import SimpleITK as sitk

    volume = sitk.GetImageFromArray(np.ascontiguousarray(values))
    volume.SetSpacing([float(side) for side in spacing])
    return volume


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
        # pyradiomics gives 3 for a normal distribution, the standard 0; both give 0 where all intensities are equal
        values[kurtosis] -= 3.0 if values[f"{image}_{name}_Variance"] > 0 else 0.0
    return values
