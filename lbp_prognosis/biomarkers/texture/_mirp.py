"""The adapter of MIRP: its features of one prepared region.

MIRP's functions for users read files, resample and bin. Here regions are prepared before, so that its features are
called directly; they are the same in versions 2.5 to 2.7.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from lbp_prognosis._base import MissingPackageError
from lbp_prognosis.biomarkers.texture._ibsi_preprocessing import Prepared
from lbp_prognosis.biomarkers.texture._radiomics_ibsi import IBSI_TAGS
from lbp_prognosis.biomarkers.texture._radiomics_settings import RadiomicsSettings

__all__ = ["mirp_version", "require_mirp", "shape_by_mirp", "texture_by_mirp"]

_DIRECTIONAL = {"3d": "3d_average", "2.5d": "2.5d_direction_merge", "2d": "2d_average"}
_PERCENTILE = re.compile(r"stat_p(\d+)")


def require_mirp(caller: str) -> Any:
    """Import MIRP, or raise an error that says how to install it."""
    try:
        import mirp
        from mirp._features import feature_generator
    except ImportError as error:
        raise MissingPackageError(
            f"`{caller}` with `engine='mirp'` needs the package `mirp` (2.5 or later, below 3), which cannot be "
            f'imported ({error}). Install it with `pip install "lbp-prognosis[mirp]"`'
            + (", or use the engine 'pyradiomics', which is installed." if find_spec("radiomics") else ".")
        ) from error
    del feature_generator
    return mirp


def mirp_version() -> str:
    """Return name and version of the engine."""
    require_mirp("extract_radiomics")
    return f"MIRP {version('mirp')}"


def shape_by_mirp(prepared: Prepared) -> dict[str, float]:
    """Return the features of shape of a prepared region."""
    return _computed(("shape",), "original", prepared.volume, prepared.region, prepared.spacing, "3d")


def texture_by_mirp(
    image: str,
    values: np.ndarray,
    kept: np.ndarray,
    levels: np.ndarray,
    spacing: np.ndarray,
    settings: RadiomicsSettings,
) -> dict[str, float]:
    """Return the features of intensity and texture of one image, of grey levels from 1 within the region."""
    found = {}
    if "firstorder" in settings.classes:
        found.update(_computed(("firstorder",), image, values, kept, spacing, "3d", tags="stat_"))
        found.update(_computed(("firstorder",), image, levels, kept, spacing, "3d", tags="ih_"))
    texture = tuple(name for name in settings.classes if name not in {"shape", "firstorder"})
    if texture:
        found.update(_computed(texture, image, levels, kept, spacing, settings.aggregation))
    return found


@cache
def _settings(aggregation: str) -> Any:
    """Return MIRP's settings for images that are grey levels already."""
    from mirp.settings.feature_parameters import FeatureExtractionSettingsClass

    return FeatureExtractionSettingsClass(
        by_slice=False,
        no_approximation=True,
        base_feature_families="all",
        base_discretisation_method="none",
        glcm_distance=1.0,
        glcm_spatial_method=_DIRECTIONAL[aggregation],
        glrlm_spatial_method=_DIRECTIONAL[aggregation],
        glszm_spatial_method=aggregation,
        gldzm_spatial_method=aggregation,
        ngtdm_spatial_method=aggregation,
        ngldm_spatial_method=aggregation,
        ngldm_distance=1.0,
        ngldm_difference_level=0.0,
    )


def _computed(
    classes: tuple[str, ...],
    image: str,
    values: np.ndarray,
    region: np.ndarray,
    spacing: np.ndarray,
    aggregation: str,
    *,
    tags: str = "",
) -> dict[str, float]:
    """Return the features of some classes, those whose tag begins with ``tags``, under the names of pyradiomics."""
    from mirp._features.feature_generator import generate_features

    names = {
        re.sub(r"_3D(_avg)?\Z", "", tag): feature
        for feature, tag in IBSI_TAGS.items()
        if feature.split("_")[0] in classes
    }
    wanted = [tag for tag in names if tag.startswith(tags)]
    asked = ["stat_p" if _PERCENTILE.fullmatch(tag) else tag for tag in wanted]
    picture, mask = _objects(values, region, spacing)
    found: dict[str, float] = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        previous = None
        made = list(generate_features(_settings(aggregation), features=list(dict.fromkeys(asked))))
        for feature in made:
            feature.compute(image=picture, mask=mask)
            if previous is not None:
                previous.clear_local_cache(other=feature)
            previous = feature
        for feature in made:
            feature.clear_cache()
            name = names.get(str(feature.abbr_name))
            if name is not None:
                found[f"{image}_{name}"] = float("nan") if feature.value is None else float(feature.value)
    return {f"{image}_{names[tag]}": found[f"{image}_{names[tag]}"] for tag in wanted}


def _objects(values: np.ndarray, region: np.ndarray, spacing: np.ndarray) -> tuple[Any, Any]:
    """Return image and mask of MIRP within the bounding box of the region, slices first."""
    from mirp._images.generic_image import GenericImage
    from mirp._masks.base_mask import BaseMask

    window = tuple(slice(int(where.min()), int(where.max()) + 1) for where in np.nonzero(region))
    common: dict[str, Any] = {
        "image_modality": "generic",
        "image_origin": (0.0, 0.0, 0.0),
        "image_orientation": np.eye(3),
        "image_spacing": tuple(float(side) for side in spacing[::-1]),
        "separate_slices": False,
    }
    picture = GenericImage(image_data=np.ascontiguousarray(values[window], dtype=float), **common)
    mask = BaseMask(roi_name="region", image_data=np.ascontiguousarray(region[window]), **common)
    mask.generate_masks()
    return picture, mask
