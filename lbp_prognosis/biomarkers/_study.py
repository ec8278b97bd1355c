"""Reader of one row of the table of studies: its images, masks and acquisition, as a case."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.biomarkers._recipe import Recipe
from lbp_prognosis.biomarkers.anatomy._anatomy import build_anatomy
from lbp_prognosis.biomarkers.anatomy._axial_stack import read_levels
from lbp_prognosis.biomarkers.anatomy._label_map import LabelMap
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._fat_map import FAT_UNITS
from lbp_prognosis.biomarkers.readers._acquisition import ACQUISITION_TAGS, modality_of, sequence_of, tidy_acquisition
from lbp_prognosis.biomarkers.readers._dicom_mask import find_dicom_mask
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._managed_files import files_below
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._n4 import correct_bias
from lbp_prognosis.biomarkers.readers._read_class_files import read_class_files
from lbp_prognosis.biomarkers.readers._read_image import read_image, read_mask
from lbp_prognosis.biomarkers.readers._sidecar import find_sidecars

__all__ = ["STUDY_FIELDS", "file_hashes", "given", "load_case", "read_masks", "sidecars", "study_name"]

STUDY_FIELDS: tuple[str, ...] = (
    "patient_id",
    "study_id",
    "image",
    "mask",
    "convention",
    "modality",
    "sequence",
    "position",
    "acquired_on",
    "acquired_day",
    "index_date",
    "lumbar_count",
    "stature_cm",
    "age",
    "contrast",
    "series",
    "image_t1",
    "image_t2",
    "image_water",
    "image_fat",
    "image_fat_fraction",
    "fat_fraction_unit",
    "image_stir",
    "image_t2_map",
    "landmarks",
    "level",
)
"""Fields of a study that are read; the first five name it, the rest are optional."""

_EXTRA_IMAGES = {
    "image_t1": "t1",
    "image_t2": "t2",
    "image_water": "water",
    "image_fat": "fat",
    "image_fat_fraction": "fat_fraction",
    "image_stir": "stir",
    "image_t2_map": "t2_map",
}


def given(study: Mapping[str, Any], name: str) -> Any:
    """Return a field, None where it is absent or missing."""
    value = study.get(name)
    if (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, list | tuple) and not value)
    ):
        return None
    return value


def study_name(study: Mapping[str, Any]) -> tuple[str, str]:
    """Return patient and study id; the study id defaults to the patient's."""
    patient = given(study, "patient_id")
    if patient is None:
        raise argument_error("studies", "a table with `patient_id` in each row", str(sorted(study))[:80])
    number = given(study, "study_id")
    return _text(patient), _text(patient if number is None else number)


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) and ";" in value:
        return [part.strip() for part in value.split(";") if part.strip()]
    return list(value) if isinstance(value, list | tuple) else [value]


def load_case(study: Mapping[str, Any], recipe: Recipe, *, max_bytes: int) -> tuple[Case, dict[str, Any]]:
    """Read the images and masks of a study.

    Returns
    -------
    case : Case
    acquisition : dict
        Acquisition; statements of the study take precedence over the header.
    """
    images, acquisition = _images(study, max_bytes)
    pairs = read_masks(study, max_bytes, images.get("main"))
    if "main" in images:
        pairs = [(mask.on_grid_of(images["main"]), label_map) for mask, label_map in pairs]
    anatomy = build_anatomy(pairs)
    modality = modality_of(given(study, "modality"), acquisition, anatomy.modality)
    sequence = sequence_of(given(study, "sequence"))
    corrected = [name for name in images if recipe.bias_correction == "n4" and _has_field(name, modality, sequence)]
    images = {name: correct_bias(image) if name in corrected else image for name, image in images.items()}
    contrast = given(study, "contrast")
    stated: dict[str, Any] = {
        **_acquired(study, acquisition),
        "modality": modality,
        "position": _position(study, acquisition),
        "sequence": sequence,
        "contrast": _flag(contrast) if contrast is not None else acquisition.get("contrast"),
    }
    case = Case(
        anatomy,
        recipe,
        images,
        modality,
        stated["sequence"],
        stated["position"],
        _number(study, "stature_cm", 80, 250) / 100,
        _number(study, "age", 0, 120),
        stated["contrast"],
        dict(given(study, "landmarks") or {}),
        read_levels(given(study, "level")),
        tuple(corrected),
        _fat_unit(study),
        tuple(dict.fromkeys(names.convention for _, names in pairs)),
    )
    return case, {**acquisition, **stated}


def read_masks(study: Mapping[str, Any], max_bytes: int, image: Image | None = None) -> list[tuple[Mask, LabelMap]]:
    """Return the masks of a study and their conventions: files, or folders of one file per structure.

    DICOM segmentations and structure sets are put on the grid of ``image``.
    """
    masks = given(study, "mask")
    conventions = given(study, "convention")
    if masks is None or conventions is None:
        missing = "mask" if masks is None else "convention"
        raise argument_error(
            missing,
            "given for each study",
            "nothing",
            "State the tool that drew the mask; a convention is never guessed." if missing == "convention" else None,
        )
    masks, conventions = _listed(masks), _listed(conventions)
    if len(conventions) == 1:
        conventions = conventions * len(masks)
    if len(conventions) != len(masks):
        raise argument_error("convention", f"one, or one per mask ({len(masks)})", f"{len(conventions)}")
    count = int(given(study, "lumbar_count") or 5)
    maps = [LabelMap(str(name), lumbar_count=count) for name in conventions]
    return [(_mask(mask, label_map, max_bytes, image), label_map) for mask, label_map in zip(masks, maps)]


def _fat_unit(study: Mapping[str, Any]) -> str:
    """Return the stated unit of a fat-fraction image, or an empty text."""
    stated = given(study, "fat_fraction_unit")
    if stated is None:
        return ""
    text = str(stated).strip().lower()
    if text not in FAT_UNITS:
        raise argument_error("fat_fraction_unit", "one of " + ", ".join(map(repr, FAT_UNITS)), text)
    return text


def _has_field(name: str, modality: str, sequence: str) -> bool:
    """Return whether an image is a weighted MRI, to which N4 applies, and not a map or part of a ratio."""
    return name in {"t1", "t2"} or (name == "main" and modality != "ct" and sequence not in {"", "dixon"})


def _mask(source: Any, label_map: LabelMap, max_bytes: int, image: Image | None) -> Mask:
    if isinstance(source, Mask):
        return source
    if Path(source).is_dir() and find_dicom_mask(Path(source)) is None:
        return read_class_files(Path(source), label_map, max_bytes=max_bytes)
    return read_mask(source, max_bytes=max_bytes, convention=label_map, image=image)


def _images(study: Mapping[str, Any], max_bytes: int) -> tuple[dict[str, Image], dict[str, Any]]:
    images: dict[str, Image] = {}
    acquisition: dict[str, Any] = {}
    main = given(study, "image")
    if main is not None:
        series = given(study, "series")
        image = main if isinstance(main, Image) else read_image(main, series=series, max_bytes=max_bytes)
        images["main"] = image
        acquisition = dict(image.acquisition)
    for tag in ACQUISITION_TAGS:
        stated = given(study, tag)
        if tag not in {"modality", "acquired_on", "contrast"} and stated is not None:
            acquisition[tag] = tidy_acquisition(tag, stated)
    for field, contrast in _EXTRA_IMAGES.items():
        extra = given(study, field)
        if extra is not None:
            images[contrast] = extra if isinstance(extra, Image) else read_image(extra, max_bytes=max_bytes)
    return images, acquisition


def _position(study: Mapping[str, Any], acquisition: Mapping[str, Any]) -> str:
    """Return the position of the patient; DICOM codes such as HFS end in S for supine and P for prone."""
    stated = given(study, "position")
    if stated is not None:
        text = str(stated).strip().lower()
        if text not in {"supine", "standing", "prone", "sitting"}:
            raise argument_error("position", "'supine', 'standing', 'prone' or 'sitting'", text)
        return text
    code = str(acquisition.get("patient_position") or "").upper()
    return {"S": "supine", "P": "prone"}.get(code[-1:], "") if len(code) == 3 else ""


def _number(study: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = given(study, name)
    if value is None:
        return float("nan")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise argument_error(name, "a number", value) from None
    if not low <= number <= high:
        raise argument_error(name, f"between {low:g} and {high:g}", number)
    return number


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in {"true", "1", "1.0", "yes"}:
        return True
    if text in {"false", "0", "0.0", "no"}:
        return False
    raise argument_error("contrast", "true or false", value)


def _acquired(study: Mapping[str, Any], acquisition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the date of acquisition (empty where unknown) and its day since the index date (None where unknown)."""
    on = _date("acquired_on", given(study, "acquired_on") or acquisition.get("acquired_on"))
    index = _date("index_date", given(study, "index_date"))
    day = _number(study, "acquired_day", -36525, 36525)
    if not on or not index:
        return {"acquired_on": on, "acquired_day": None if np.isnan(day) else day}
    days = float((np.datetime64(on) - np.datetime64(index)).astype(int))
    if not np.isnan(day) and day != days:
        raise argument_error(
            "acquired_day", f"{days:g}, which follows from the dates of acquisition and index", f"{day:g}"
        )
    if abs(days) > 36525:
        # the number of days next to the index date would reveal the date of acquisition
        raise argument_error("index_date", "within 100 years of the acquisition", f"a date {abs(days):g} days from it")
    return {"acquired_on": on, "acquired_day": days}


def _date(name: str, value: Any) -> str:
    if value is None:
        return ""
    text = str(value).strip()[:10]
    try:
        # numpy alone would read 20240531 as a year, and "2024" or "today" as days
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return str(np.datetime64(text, "D"))
    except ValueError:
        pass
    raise argument_error(name, "a date such as 2024-05-31", value)


def file_hashes(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the SHA-256 of each file of a study; a folder has one hash over its files in order of name."""
    found = []
    for field in ("image", "mask", *_EXTRA_IMAGES):
        named = given(study, field)
        for item in [] if named is None else _listed(named):
            if isinstance(item, str | Path) and Path(item).exists():
                digest, size = _digest(Path(item))
                found.append({"field": field, "path": str(item), "sha256": digest, "bytes": size})
                for sidecar in sidecars(item) if field != "mask" else ():
                    digest, size = _digest(sidecar)
                    found.append({"field": f"{field}_sidecar", "path": str(sidecar), "sha256": digest, "bytes": size})
            elif isinstance(item, Image | Mask):
                digest = hashlib.sha256(np.ascontiguousarray(item.data).tobytes() + item.affine.tobytes()).hexdigest()
                found.append({"field": field, "path": "", "sha256": digest, "bytes": int(item.data.nbytes)})
    return found


def sidecars(item: str | Path) -> list[Path]:
    """Return the JSON files that describe a NIfTI image."""
    return find_sidecars(Path(item)) if str(item).lower().endswith((".nii", ".nii.gz")) else []


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    files = [path] if path.is_file() else files_below(path)
    for file in files:
        with open(file, "rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
                size += len(block)
    return digest.hexdigest(), size
