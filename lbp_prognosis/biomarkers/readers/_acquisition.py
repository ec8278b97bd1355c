"""Acquisition tags of an image, kept with every value under the library's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["ACQUISITION_TAGS", "OTHER_TAGS", "modality_of", "sequence_of", "tidy_acquisition"]

ACQUISITION_TAGS: dict[str, tuple[str, str]] = {
    "modality": ("00080060", "text"),
    "field_strength": ("00180087", "number"),
    "vendor": ("00080070", "text"),
    "model": ("00081090", "text"),
    "repetition_time": ("00180080", "number"),
    "echo_time": ("00180081", "number"),
    "slice_thickness": ("00180050", "number"),
    "slice_spacing": ("00180088", "number"),
    "pixel_spacing": ("00280030", "first"),
    "bandwidth": ("00180095", "number"),
    "kvp": ("00180060", "number"),
    "kernel": ("00181210", "text"),
    "contrast": ("00180010", "given"),
    "acquired_on": ("00080022", "date"),
    "patient_position": ("00185100", "text"),
    "description": ("0008103E", "text"),
}
"""Name in this library -> (DICOM tag as hexadecimal group and element, kind of value)."""

OTHER_TAGS: dict[str, tuple[str, ...]] = {
    "echo_time": ("00189082",),  # effective echo time
    "contrast": ("00180012",),  # sequence of agents
    "acquired_on": ("0008002A", "00189074"),  # date and time, of the acquisition or the frame
}
"""Further DICOM tags of the same meaning, in the order they are looked up; enhanced objects have only these."""

_MODALITIES = {"mr": "mri", "mri": "mri", "ct": "ct", "mri ": "mri"}
_SEQUENCES = {
    "t1": "t1",
    "t1w": "t1",
    "t2": "t2",
    "t2w": "t2",
    "stir": "stir",
    "t2stir": "stir",
    "dixon": "dixon",
    "pd": "pd",
}


def tidy_acquisition(tag: str, value: Any) -> Any:
    """Return the plain value of a tag by its kind; None where it is absent or unreadable."""
    kind = ACQUISITION_TAGS[tag][1]
    text = "" if value is None else str(value).strip()
    if kind == "given":
        return None if value is None else bool(text)
    if not text:
        return None
    if kind == "text":
        return text
    if kind == "date":
        digits = text.replace("-", "").replace(".", "")[:8]
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if digits.isdigit() and len(digits) == 8 else None
    try:
        number = float(value[0] if kind == "first" and not isinstance(value, str) else text.split("\\")[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def modality_of(stated: Any, acquisition: Mapping[str, Any], convention: str = "") -> str:
    """Return ``mri``, ``ct`` or an empty string: stated by the study, read from the header, or fixed by the convention.

    Raises
    ------
    ArgumentError
        If the study states another modality than the header.
    """
    given = _MODALITIES.get(str(stated or "").strip().lower(), "")
    if stated and not given and str(stated).strip():
        raise argument_error("modality", "'mri' or 'ct'", stated)
    header = _MODALITIES.get(str(acquisition.get("modality") or "").strip().lower(), "")
    if given and header and given != header:
        raise argument_error("modality", f"{header!r}, as the header states", given)
    return given or header or convention


def sequence_of(stated: Any) -> str:
    """Return ``t1, t2, stir, dixon, pd`` or an empty string; the contrast is never guessed from intensities."""
    text = str(stated or "").strip().lower().replace("-", "").replace("_", "")
    if not text:
        return ""
    if text not in _SEQUENCES:
        raise argument_error("sequence", "one of 't1', 't2', 'stir', 'dixon', 'pd'", str(stated))
    return _SEQUENCES[text]
