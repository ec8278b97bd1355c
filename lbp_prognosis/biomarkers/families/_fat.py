"""Fat fraction of a muscle by three methods, which are three variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lbp_prognosis.biomarkers.families._case import Case, intensities
from lbp_prognosis.biomarkers.families._fat_map import pair_flags
from lbp_prognosis.biomarkers.geometry._region import Region
from lbp_prognosis.biomarkers.geometry._two_modes import fit_mixture, otsu_threshold, valley

__all__ = ["FatModel", "fat_models"]

Share = Callable[[Region, np.ndarray], tuple[float, float, str]]


@dataclass(frozen=True)
class FatModel:
    """A fitted method, which gives the share of fat, its sampling SD and, without a value, a reason; and its flags."""

    share: Share
    flags: tuple[str, ...] = ()


def fat_models(case: Case, region: Region, rim: np.ndarray) -> dict[str, FatModel | str]:
    """Return each method of the recipe, fitted on the whole muscle, or the reason why it cannot be fitted.

    ``dixon``: mean over voxels of F / (F + W), or of a fat-fraction image. ``mixture``: mean posterior of the brighter
    of two normal components of log-intensity. ``otsu``: share above Otsu's threshold. The last two need a T1 or T2
    image, in which fat is brighter than muscle, and two separate modes.
    """
    found: dict[str, FatModel | str] = {}
    for method in case.recipe.muscle_fat:
        if method == "dixon":
            model = _dixon(case, region, rim)
            if model is not None:
                found[method] = model
            continue
        if case.modality == "ct":
            continue
        image = next((case.image_of(s) for s in ("t1", "t2") if case.image_of(s) is not None), None)
        if image is None:
            if case.modality == "mri" and "main" in case.images and not _has_dixon(case):
                found[method] = "no T1 or T2 image: state sequence='t1' or 't2'"
            continue
        values = intensities(image, region, rim)
        found[method] = _mixture(case, image, values) if method == "mixture" else _otsu(case, image, values)
    return found


def _has_dixon(case: Case) -> bool:
    return "fat_fraction" in case.images or {"water", "fat"} <= set(case.images)


def _dixon(case: Case, whole: Region, rim: np.ndarray) -> FatModel | str | None:
    ready, water, fat = (case.images.get(name) for name in ("fat_fraction", "water", "fat"))
    if ready is not None:
        unit = case.fat_map
        if unit.reason:
            return unit.reason
        outside = _outside(intensities(ready, whole, rim) / unit.full)
        flags = (*unit.flags, *(("values_out_of_range",) if outside > 0.01 else ()))

        def from_map(region: Region, mask: np.ndarray) -> tuple[float, float, str]:
            values = intensities(ready, region, mask) / unit.full
            if _outside(values) > 0.2:
                return np.nan, np.nan, "more than a fifth of the voxels lie outside 0 to 100 %"
            return _mean(np.clip(values[_within(values)], 0, 1))

        return FatModel(from_map, flags)
    if water is None or fat is None:
        return None

    def share_of(region: Region, mask: np.ndarray) -> np.ndarray:
        w, f = intensities(water, region, mask), intensities(fat, region, mask)
        total = w + f
        noise = 0.05 * float(np.quantile(total, 0.95)) if total.size else 0.0
        signal = total > noise  # voxels without signal have no fraction
        return np.clip(f[signal] / total[signal], 0, 1)

    def from_pair(region: Region, mask: np.ndarray) -> tuple[float, float, str]:
        shares = share_of(region, mask)
        if shares.size < 20:
            return np.nan, np.nan, "fewer than 20 voxels with signal"
        return _mean(shares)

    under_skin = case.anatomy.of("subcutaneous_fat")
    outer = float(np.median(share_of(under_skin[0], under_skin[0].mask))) if under_skin else float("nan")
    inner = share_of(whole, rim)
    flags = pair_flags(
        np.asarray(water.data, dtype=float),
        np.asarray(fat.data, dtype=float),
        outer,
        float(np.median(inner)) if inner.size else float("nan"),
    )
    return FatModel(from_pair, flags)


def _within(values: np.ndarray) -> np.ndarray:
    """Return which values are fractions, allowing for noise about 0 and 1."""
    return (values >= -0.1) & (values <= 1.1)


def _outside(values: np.ndarray) -> float:
    return float(1 - _within(values).mean()) if values.size else 0.0


def _mean(values: np.ndarray) -> tuple[float, float, str]:
    if values.size < 20:
        return np.nan, np.nan, "fewer than 20 voxels"
    return float(values.mean()), float(values.std() / np.sqrt(values.size)), ""


def _mixture(case: Case, image: object, values: np.ndarray) -> FatModel | str:
    start = None
    lean = [r for r in case.anatomy.of("psoas")]
    fatty = [r for r in case.anatomy.of("subcutaneous_fat")]
    if lean and fatty:
        low = float(np.median(intensities(image, lean[0])))  # type: ignore[arg-type]
        high = float(np.median(intensities(image, fatty[0])))  # type: ignore[arg-type]
        start = (low, high)
    fitted = fit_mixture(values, start)
    if fitted is None:
        return "two components cannot be fitted"
    if fitted.separation < case.recipe.min_separation:
        return f"muscle and fat cannot be separated ({fitted.separation:.2f} SD)"

    def share(region: Region, mask: np.ndarray) -> tuple[float, float, str]:
        return _mean(fitted.upper_share(intensities(image, region, mask)))  # type: ignore[arg-type]

    return FatModel(share)


def _otsu(case: Case, image: object, values: np.ndarray) -> FatModel | str:
    if values.size < 50:
        return "fewer than 50 voxels"
    cut = otsu_threshold(values)
    low, high = values[values <= cut], values[values > cut]
    part = high.size / values.size
    if not 0.05 <= part <= 0.70:
        return f"{100 * part:.0f}% above the threshold: one mode was split"
    if valley(values, cut) > 0.8:
        return "no valley between two modes: one mode was split"
    if (high.mean() - low.mean()) / np.sqrt(0.5 * (low.var() + high.var()) + 1e-12) < case.recipe.min_separation:
        return "muscle and fat cannot be separated"

    def share(region: Region, mask: np.ndarray) -> tuple[float, float, str]:
        return _mean((intensities(image, region, mask) > cut).astype(float))  # type: ignore[arg-type]

    return FatModel(share)
