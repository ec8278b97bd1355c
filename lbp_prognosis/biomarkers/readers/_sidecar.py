"""JSON files beside NIfTI images, as dcm2niix and BIDS write them: how the image was acquired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lbp_prognosis._base import DataError
from lbp_prognosis.biomarkers.readers._acquisition import tidy_acquisition

__all__ = ["entities_of", "find_sidecars", "read_sidecars", "stem_of"]

_SECONDS = {"RepetitionTime": 30.0, "EchoTime": 2.0}
"""Fields in seconds, which this library keeps in milliseconds, with limits that no scan of a spine reaches.

The echo time of a spin echo in milliseconds (8 and more) lies above its limit.
"""

_KEYS = {
    "Modality": "modality",
    "MagneticFieldStrength": "field_strength",
    "Manufacturer": "vendor",
    "ManufacturersModelName": "model",
    "RepetitionTime": "repetition_time",
    "EchoTime": "echo_time",
    "SliceThickness": "slice_thickness",
    "SpacingBetweenSlices": "slice_spacing",
    "PixelBandwidth": "bandwidth",
    "KVP": "kvp",
    "ConvolutionKernel": "kernel",
    "ContrastBolusIngredient": "contrast",
    "AcquisitionDateTime": "acquired_on",
    "AcquisitionDate": "acquired_on",
    "PatientPosition": "patient_position",
    "SeriesDescription": "description",
}
"""Fields that are read; all others, identifiers among them, are left in the file."""


def stem_of(path: Path) -> str:
    """Return the name of a NIfTI file without its ending."""
    return path.name.removesuffix(".gz").removesuffix(".nii")


def entities_of(stem: str) -> tuple[dict[str, str], str]:
    """Return the entities of a BIDS name and its suffix.

    Examples
    --------
    >>> entities_of("sub-07_ses-1_acq-sag_T2w")
    ({'sub': '07', 'ses': '1', 'acq': 'sag'}, 'T2w')
    """
    *parts, suffix = stem.split("_")
    return dict(part.split("-", 1) for part in parts if "-" in part), suffix


def find_sidecars(path: Path) -> list[Path]:
    """Return the JSON files that describe a NIfTI image, the most general one first.

    In a BIDS data set (a folder above contains ``dataset_description.json``) these are, by its principle of
    inheritance,
    the files of the same suffix in the folders down to the image, whose entities are all among its own; elsewhere the
    file of the same name.
    """
    own = path.with_name(stem_of(path) + ".json")
    found = [own] if own.is_file() else []
    # The folder is resolved, not the image: that of git-annex is a link into a store far from its data set.
    above = [path.parent.resolve(), *path.parent.resolve().parents][:6]
    root = next((folder for folder in above if (folder / "dataset_description.json").is_file()), None)
    if root is None:
        return found
    entities, suffix = entities_of(stem_of(path))
    general = []
    for folder in reversed(above[: above.index(root) + 1]):
        for file in sorted(folder.glob(f"*{suffix}.json")):
            named, kind = entities_of(file.stem)
            if kind == suffix and named.items() <= entities.items() and file != above[0] / own.name:
                general.append(file)
    return [*general, *found]


def read_sidecars(path: Path) -> dict[str, Any]:
    """Return the acquisition of a NIfTI image from its JSON files; empty where there is none.

    Raises
    ------
    DataError
        If a file is no JSON object, or a time in it can't be in seconds.
    """
    known: dict[str, Any] = {}
    for file in find_sidecars(path):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise DataError(f"{file} is no readable JSON: {error}. Write it again, or move it away.") from error
        if not isinstance(content, dict):
            raise DataError(f"{file} contains no JSON object, as the description of an image does. Move it away.")
        for key, name in _KEYS.items():
            value = tidy_acquisition(name, content.get(key))
            if value is None:
                continue
            if key in _SECONDS:
                if not 0 <= value <= _SECONDS[key]:
                    raise DataError(f"{file}: {key} is {value:g}, and these files give seconds. Divide it by 1000.")
                value *= 1000.0
            known[name] = value
    return known
