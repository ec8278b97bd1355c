"""Family 5: heights of the vertebral body, probabilities of a fracture grade, and the quality of its bone."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from lbp_prognosis.biomarkers.anatomy._body_geometry import BodyGeometry
from lbp_prognosis.biomarkers.anatomy._levels import neighbours
from lbp_prognosis.biomarkers.families._bone_quality import measure_bone_quality
from lbp_prognosis.biomarkers.families._case import Case, intensities
from lbp_prognosis.biomarkers.families._measurement import Measurement, quality
from lbp_prognosis.biomarkers.geometry._caps import doubts
from lbp_prognosis.biomarkers.geometry._heights import height_sd, heights_along_depth

__all__ = ["genant_probabilities", "measure_bone"]

BODY = "vertebral_body"


def genant_probabilities(loss: float, sd: float, cuts: tuple[float, float, float]) -> tuple[float, ...]:
    """Return the probabilities of grades 0 to 3 for a measured height loss with a normal error of SD ``sd``.

    The cuts lie within the measurement error, which a single grade would hide.
    """
    below = ndtr((np.array(cuts) - loss) / sd)
    return float(below[0]), float(below[1] - below[0]), float(below[2] - below[1]), float(1 - below[2])


def measure_bone(case: Case) -> list[Measurement]:
    """Measure each vertebral body."""
    heights: dict[str, tuple[float, ...]] = {}
    rows: list[Measurement] = []
    for level, body in case.spine.bodies.items():
        found, _ = heights_along_depth(
            body.caps, body.caps.top - body.caps.bottom, case.recipe.ap_points, case.recipe.central_width
        )
        if not body.region.cut and np.isfinite(found).all():
            heights[level] = found
        rows += _heights(case, level, body, found)
    losses = _losses(case, heights)
    for level, body in case.spine.bodies.items():
        rows += _fracture(case, level, body, losses.get(level))
        rows += _volume_and_signal(case, level, body)
        rows += _trabecular(case, level, body)
    rows += _vertebra_volumes(case)
    rows += measure_bone_quality(case)
    return rows


def _heights(case: Case, level: str, body: BodyGeometry, found: tuple[float, ...]) -> list[Measurement]:
    cut = body.region.cut
    reason = "the field of view cuts the body" if cut else "" if np.isfinite(found).all() else "too few columns"
    sd = height_sd(body.region.volume, body.frame.cc)
    residual = max((p.rms for p in (body.superior, body.inferior) if p is not None), default=np.nan)
    flags = () if not residual > case.recipe.residual_mm else ("uneven_endplate",)
    flags = (*flags, *doubts(body.superior, body.inferior))
    info = quality(body.region, flags=(*case.spine.flags, *flags), fit_residual=residual)
    return [
        Measurement(
            BODY,
            f"body_height_{name}",
            "mm",
            np.nan if cut else value,
            "body_height_column",
            level,
            sd_error=sd,
            reason=reason,
            **info,
        )
        for name, value in zip(("posterior", "middle", "anterior"), found)
    ]


def _losses(case: Case, heights: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, int]]:
    """Return the height loss and the number of neighbours that it was compared with, by level.

    The loss is 1 − the smallest of front/back, middle/back, and each height over its reference. The reference is the
    mean of that height in the neighbours that are whole, not withheld, and have lost less of their own back height than
    the first cut of the recipe (20 % by default).
    """
    shape = {level: 1 - min(h[2] / h[0], h[1] / h[0]) for level, h in heights.items()}
    losses = {}
    beside: dict[str, list[str]] = {level: [] for level in heights}
    for upper, lower in neighbours(heights):
        beside[upper].append(lower)
        beside[lower].append(upper)
    for level, own in heights.items():
        sound = [other for other in beside[level] if other not in case.gate.lost]
        intact = [other for other in sound if shape[other] < case.recipe.genant_cuts[0]]
        ratios = [own[2] / own[0], own[1] / own[0]]
        if intact:
            reference = np.mean([heights[other] for other in intact], axis=0)
            ratios += [h / r for h, r in zip(own, reference)]
        losses[level] = (float(1 - min(ratios)), len(intact))
    return losses


def _fracture(case: Case, level: str, body: BodyGeometry, loss: tuple[float, int] | None) -> list[Measurement]:
    info = quality(body.region)
    recipe = case.recipe
    if loss is None:
        reason = "the field of view cuts the body" if body.region.cut else "its heights could not be measured"
        return [
            Measurement(BODY, "height_loss", "fraction", np.nan, "loss_three_ratios", level, reason=reason, **info),
            *(
                Measurement(
                    BODY,
                    f"genant_probability_{g}",
                    "probability",
                    np.nan,
                    "genant_normal_error",
                    level,
                    reason=reason,
                    **info,
                )
                for g in range(4)
            ),
        ]
    value, count = loss
    flags = (
        *info["flags"],
        *doubts(body.superior, body.inferior),
        *(() if count == 2 else (f"reference_bodies={count}",)),
        "not_level_normed",
    )
    info = {**info, "flags": flags}
    back = max(float(np.nanmedian(body.caps.top - body.caps.bottom)), 1.0)
    sd = float(np.hypot(recipe.height_loss_sd, height_sd(body.region.volume, body.frame.cc) * np.sqrt(2) / back))
    shares = genant_probabilities(value, sd, recipe.genant_cuts)
    return [
        Measurement(BODY, "height_loss", "fraction", value, "loss_three_ratios", level, sd_error=sd, **info),
        *(
            Measurement(BODY, f"genant_probability_{g}", "probability", p, "genant_normal_error", level, **info)
            for g, p in enumerate(shares)
        ),
    ]


def _volume_and_signal(case: Case, level: str, body: BodyGeometry) -> list[Measurement]:
    region = body.region
    info = quality(region)
    reason = "the field of view cuts the body" if region.cut else ""
    rows = [
        Measurement(
            BODY,
            "body_volume",
            "ml",
            np.nan if region.cut else region.volume_mm3 / 1000,
            "volume_voxels",
            level,
            sd_error=np.sqrt(region.n_voxels ** (2 / 3) / 2) * region.volume.voxel_volume / 1000,
            reason=reason,
            **info,
        )
    ]
    image = case.images.get("main")
    if image is not None:
        values = intensities(image, region)
        for name, value in (("mean", np.mean), ("median", np.median)):
            rows.append(
                Measurement(
                    BODY,
                    f"intensity_{name}",
                    "intensity",
                    float(value(values)),
                    "whole_label",
                    level,
                    sd_error=float(values.std() / np.sqrt(values.size)),
                    **(info if case.modality != "ct" or not case.no_hu else _flagged(info, _scale_flag(case))),
                )
            )
    return rows


def _scale_flag(case: Case) -> str:
    """Return a flag if the values of a CT are not HU."""
    return "eight_bit_image" if "0 to 255" in case.no_hu else "no_hu"


def _flagged(info: dict, flag: str) -> dict:
    return {**info, "flags": (*info["flags"], flag)}


def _vertebra_volumes(case: Case) -> list[Measurement]:
    rows = []
    for level in case.anatomy.levels("vertebra"):
        region = case.anatomy.get("vertebra", level)
        assert region is not None
        reason = "the field of view cuts the vertebra" if region.cut else ""
        value = np.nan if region.cut else region.volume_mm3 / 1000
        rows.append(
            Measurement(
                "vertebra", "vertebra_volume", "ml", value, "volume_voxels", level, reason=reason, **quality(region)
            )
        )
    for region in case.anatomy.of("vertebra"):
        if not region.level:
            rows.append(
                Measurement(
                    "vertebra",
                    "volume",
                    "ml",
                    region.volume_mm3 / 1000,
                    "volume_all_levels",
                    **quality(region, flags=("levels_fused",)),
                )
            )
    return rows


def _trabecular(case: Case, level: str, body: BodyGeometry) -> list[Measurement]:
    """Return the median attenuation in an ellipsoid inside the body; CT only."""
    image = case.images.get("main")
    if image is None or case.modality != "ct":
        return []
    info = quality(body.region)
    recipe = case.recipe

    def row(value: float, reason: str = "", **more: object) -> list[Measurement]:
        return [
            Measurement(
                BODY, "trabecular_hu", "HU", value, "median_in_ellipsoid", level, reason=reason, **{**info, **more}
            )
        ]

    if body.region.cut:
        return row(np.nan, "the field of view cuts the body")
    if case.no_hu:
        return row(np.nan, case.no_hu, flags=(*info["flags"], _scale_flag(case)))
    local = body.frame.to_local(body.region.points) - [recipe.ellipsoid_shift_mm, 0, 0]
    half = (
        0.5
        * recipe.ellipsoid_share
        * np.array([body.depth, body.width, float(np.nanmedian(body.caps.top - body.caps.bottom))])
    )
    inside = ((local / half) ** 2).sum(axis=1) <= 1
    case.kept[f"sampled {level}"] = body.region.points[inside]
    mask = np.zeros_like(body.region.mask)
    mask[tuple(body.region.indices[inside].T)] = True
    values = intensities(image, body.region, mask)
    if values.size < 30:
        return row(np.nan, "fewer than 30 voxels in the ellipsoid", n_voxels=int(values.size))
    if (values > recipe.metal_hu).mean() > recipe.metal_share:
        return row(np.nan, "metal in the body", flags=(*info["flags"], "metal"))
    flags = (
        *info["flags"],
        *(("contrast_given",) if case.contrast else ("contrast_not_stated",) if case.contrast is None else ()),
    )
    return row(
        float(np.median(values)),
        sd_error=float(1.2533 * values.std() / np.sqrt(values.size)),
        n_voxels=int(values.size),
        flags=flags,
    )
