"""A BIDS data set as a table of studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.readers._sidecar import entities_of, stem_of

__all__ = ["studies_from_bids"]

_SUFFIXES = {"T1w": ("mri", "t1"), "T2w": ("mri", "t2"), "PDw": ("mri", "pd"), "ct": ("ct", ""), "CT": ("ct", "")}
_MASKS = {"dseg", "mask", "msk", "seg"}
_OF_MASKS = {"desc", "seg", "label", "space", "res", "den", "mod", "model"}


def studies_from_bids(
    folder: str | Path,
    convention: str | Mapping[str, str],
    *,
    derivatives: str = "derivatives",
    suffixes: Sequence[str] = ("T2w",),
) -> pd.DataFrame:
    """Return the studies of a BIDS data set for `extract`.

    An image ``sub-…_<suffix>.nii.gz`` is one study. Its masks are the label files (``_dseg``, ``_mask``, ``_msk``,
    ``_seg``) below ``derivatives`` that bear the same entities; they may add ``desc``, ``seg``, ``label``, ``space``,
    ``res``, ``model``, and the suffix of the image (``mod-T2w_dseg``, ``T2w_seg``). `extract` reads the acquisition
    from the JSON files beside the images and above them.

    Parameters
    ----------
    folder : str or Path
        The data set, with ``dataset_description.json``.
    convention : str or mapping
        Convention of the masks, or from a part of their names (``"seg-vert"``) to the convention of those masks.
    derivatives : str, default "derivatives"
        Folder of the masks, relative to the data set; one pipeline where several drew masks
        (``"derivatives/totalspineseg"``).
    suffixes : sequence of str, default ('T2w',)
        Images that are studies: ``T1w``, ``T2w``, ``PDw``, ``ct``.

    Returns
    -------
    DataFrame
        One row per image: ``patient_id`` (of ``sub-``), ``study_id`` (the other entities and the suffix), ``image``,
        ``mask``, ``convention`` (lists), ``modality``, ``sequence``. An image without masks has an empty list, and is
        a failure of `extract`.

    Raises
    ------
    ArgumentError
        If the folder is no BIDS data set or contains no such image, there is no folder of masks, or a suffix is
        unknown.
    DataError
        If several masks of one convention belong to one image.
    """
    root = Path(folder)
    if not (root / "dataset_description.json").is_file():
        raise argument_error(
            "folder", "a BIDS data set", f"{str(folder)!r}", "Its top folder contains dataset_description.json."
        )
    unknown = [name for name in suffixes if name not in _SUFFIXES]
    if unknown or isinstance(suffixes, str) or not suffixes:
        raise argument_error("suffixes", "a sequence of " + ", ".join(_SUFFIXES), str(unknown or suffixes))
    if not (root / derivatives).is_dir():
        raise argument_error(
            "derivatives", "a folder of the data set", f"{derivatives!r}", "Name the folder of the masks."
        )
    by_part = {"": convention} if isinstance(convention, str) else dict(convention)
    masks = [
        (path, *entities_of(stem_of(path)))
        for path in sorted((root / derivatives).rglob("sub-*.nii*"))
        if entities_of(stem_of(path))[1] in _MASKS
    ]
    rows = []
    for image in sorted(root.glob("sub-*/**/sub-*.nii*")):
        entities, suffix = entities_of(stem_of(image))
        if suffix not in suffixes:
            continue
        found = _masks_of(entities, suffix, masks, by_part, image)
        modality, sequence = _SUFFIXES[suffix]
        rest = [f"{key}-{value}" for key, value in entities.items() if key != "sub"]
        rows.append(
            {
                "patient_id": entities["sub"],
                "study_id": "_".join([*rest, suffix]),
                "image": str(image),
                "mask": [str(path) for path, _ in found],
                "convention": [name for _, name in found],
                "modality": modality,
                "sequence": sequence,
            }
        )
    if not rows:
        raise argument_error("suffixes", "of images in the data set", f"no sub-*_{suffixes[0]}.nii.gz in {root}")
    return pd.DataFrame(rows)


def _masks_of(
    entities: dict[str, str],
    suffix: str,
    masks: list[tuple[Path, dict[str, str], str]],
    by_part: Mapping[str, str],
    image: Path,
) -> list[tuple[Path, str]]:
    """Return the masks of an image with their conventions, at most one of each."""
    own = [
        path
        for path, named, _ in masks
        if entities.items() <= named.items()
        and set(named) - set(entities) <= _OF_MASKS
        and _contrasts(path, named) <= {suffix}
    ]
    found = []
    for part, name in by_part.items():
        matching = [path for path in own if part in path.name]
        if len(matching) > 1:
            names = ", ".join(str(path) for path in matching[:4])
            raise DataError(
                f"{image.name} has {len(matching)} masks: {names}. Name one pipeline by `derivatives`, or tell them "
                "apart by a part of their names in `convention`."
            )
        found += [(path, name) for path in matching]
    return found


def _contrasts(mask: Path, named: dict[str, str]) -> set[str]:
    """Return the suffixes of images that a mask's name states: ``mod-T2w``, or ``T2w`` as a part of its own."""
    own = {part for part in stem_of(mask).split("_")[:-1] if part in _SUFFIXES}
    return own | ({named["mod"]} if "mod" in named else set())
