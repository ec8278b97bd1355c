"""Measurement of batches: one case at a time, in parallel, not stopped by a failing case."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Checkpoint,
    MissingPackageError,
    argument_error,
    check_choice,
    check_number,
    content_hash,
    folder_lock,
    make_folder,
    surviving_map,
)
from lbp_prognosis.biomarkers._extraction_result import STUDY_COLUMNS, ExtractionResult, biomarker_frame
from lbp_prognosis.biomarkers._own_family import describe_family, family_name
from lbp_prognosis.biomarkers._recipe import Recipe
from lbp_prognosis.biomarkers._study import _listed, file_hashes, load_case, sidecars, study_name
from lbp_prognosis.biomarkers.anatomy._label_map import LabelMap
from lbp_prognosis.biomarkers.anatomy._levels import level_rank, split_disc
from lbp_prognosis.biomarkers.anatomy._sanity import level_confidence, sacrum_like_lumbar
from lbp_prognosis.biomarkers.families._case import Case
from lbp_prognosis.biomarkers.families._measure import measure_case
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._volume_size import DEFAULT_MAX_BYTES, VolumeTooLargeError

__all__ = ["extract"]

_PATHS = (
    "image",
    "mask",
    "image_t1",
    "image_t2",
    "image_water",
    "image_fat",
    "image_fat_fraction",
    "image_stir",
    "image_t2_map",
)


def extract(
    studies: Any,
    recipe: Recipe | None = None,
    *,
    n_jobs: int | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
    overlays: str | Path | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
    chunk: tuple[int, int] | None = None,
    gather: bool = False,
    dates: str = "days",
) -> ExtractionResult:
    """Measure the biomarkers of a batch of studies.

    Parameters
    ----------
    studies : DataFrame, sequence of mappings, mapping, or path
        One row per study. Required fields: ``patient_id``, ``mask`` and ``convention``. Common fields: ``study_id``,
        ``image``, ``modality`` (``mri``, ``ct``), ``sequence`` (``t1``, ``t2``, …), ``position`` and ``index_date`` (of
        the patient; days of acquisition are counted from it). Further fields: ``acquired_on, acquired_day,
        lumbar_count, stature_cm, age, contrast, series, image_t1, image_t2, image_stir, image_water, image_fat,
        image_fat_fraction, image_t2_map, fat_fraction_unit, landmarks, level`` and acquisition tags under their own
        names (``field_strength, vendor, kvp``, …).
        ``level`` states the disc of an axial stack whose level the vertebrae of the mask do not determine: ``"l4l5"``
        (its middle slice), ``"l3l4:4;l4l5:11"`` (slices, counted from 0), or a mapping from level to a point in RAS mm.
        ``fat_fraction_unit`` is ``fraction``, ``percent`` or ``permille``. If it is not stated, the unit is read once
        from the whole image and flagged; if it cannot be determined, no value is given.
        Several masks of one study are given as a list, or as paths joined by ``;``, with one convention for all or one
        per mask. A mask may be a DICOM segmentation or structure set (see `read_mask`). A path is that of a CSV table,
        or of a folder that contains ``studies.csv``; paths in the table are relative to it.
    recipe : Recipe, optional
        Families and settings; by default `Recipe.default`, which measures every family that the masks allow.
    n_jobs : int, optional
        Number of parallel jobs, as in joblib; the results do not depend on it.
    checkpoint : str or Path, optional
        Folder to which each finished case is written. An interrupted run resumes there and gives the same table. A case
        is measured again if its row or one of its files changed, or if it failed for a reason that may be transient:
        too little memory or disk space, a missing package, or a ``max_bytes`` that was too small.
    progress : bool, default False
        Show a progress bar on a terminal.
    overlays : str or Path, optional
        Folder for one figure per case: planes, landmarks and contours on the image, for visual checks.
    max_bytes : int, default 4294967296
        Largest unpacked volume that is read, in bytes.
    chunk : tuple of int, optional
        ``(k, n)``: measure every n-th case, starting with the k-th. Used by job k of n jobs that share a checkpoint.
    gather : bool, default False
        Measure nothing, but collect the results in the checkpoint. A case that is not in it is a failure. This is the
        last step after ``chunk``.
    dates : {"days", "calendar"}, default "days"
        ``days`` returns dates of acquisition as days since the ``index_date`` of the study (``acquired_day``); calendar
        dates are neither returned nor stored. ``calendar`` also returns the calendar dates (``acquired_on``).

    Returns
    -------
    ExtractionResult
        ``to_frame()`` returns the biomarker table; ``failures`` contains one row per case that could not be read or
        measured.

    Raises
    ------
    ArgumentError
        If the table of studies cannot be used (it is empty, a row has no patient, or a study occurs twice), or another
        argument is outside its range. A problem of a single case is a row of ``failures`` instead.

    See Also
    --------
    lbp_prognosis.biomarkers.read_image : How do I read an image?
    lbp_prognosis.biomarkers.read_mask : How do I read a mask?

    Notes
    -----
    ``sd_error`` is the SD of the error that is predicted from the voxel lattice and the fit alone. It does not include
    errors of the segmentation, the patient's position or the scanner. A value that cannot be measured is NaN with a
    ``reason``.

    Examples
    --------
    Two blocks stand for L4 and L5, with a gap of seven voxels of 1.5 mm.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, SimpleITK as sitk
    >>> from lbp_prognosis.biomarkers import extract
    >>> labels = np.zeros((60, 40, 30), dtype=np.uint8)
    >>> labels[32:52, 8:32, 5:25], labels[5:25, 8:32, 5:25] = 28, 27
    >>> mask = sitk.GetImageFromArray(labels)
    >>> mask.SetSpacing([2.0, 1.5, 1.5])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mask.nii.gz")
    ...     sitk.WriteImage(mask, str(path))
    ...     found = extract([{"patient_id": "a", "mask": str(path), "convention": "totalsegmentator_total_v2"}])
    >>> table = found.to_frame().set_index("measure")[["level", "value"]]
    >>> table.loc[["disc_height", "slip"]].round(2).values.tolist()
    [['l4l5', 10.5], ['l4l5', 0.0]]
    """
    chosen = Recipe.default() if recipe is None else recipe
    if not isinstance(chosen, Recipe):
        raise argument_error("recipe", "a Recipe", recipe, "Build one with Recipe(...) or Recipe.from_dict(settings).")
    calendar = check_choice("dates", dates, ("days", "calendar")) == "calendar"
    rows = _study_rows(studies)
    folder = None if overlays is None else Path(overlays)
    if folder is not None:
        make_folder(folder, private=True)  # a figure shows one patient
    version = _version()
    store = (
        None if checkpoint is None else Checkpoint(checkpoint, content_hash("biomarkers", version, chosen.fingerprint))
    )
    work = partial(
        _run, recipe=chosen, store=store, overlays=folder, max_bytes=max_bytes, gather=gather, calendar=calendar
    )
    if chunk is not None:
        rows = _of_chunk(rows, chunk, store)
    held = None if store is None else store.path if chunk is None else store.path / f"chunk-{chunk[0]}-of-{chunk[1]}"
    if gather and (store is None or chunk is not None):
        raise argument_error("gather", "used with a checkpoint and without a chunk", f"chunk={chunk}")
    with nullcontext() if held is None else folder_lock("checkpoint", make_folder(held, private=True)):
        done = surviving_map(work, rows, _killed, n_jobs=n_jobs, description="Measuring", progress=progress)
    return _collect(done, rows, chosen, version)


def _of_chunk(rows: list[dict[str, Any]], chunk: tuple[int, int], store: Checkpoint | None) -> list[dict[str, Any]]:
    """Return every n-th row, starting with the k-th."""
    try:
        k, n = (int(check_number("chunk", part, low=1, whole=True)) for part in chunk)
    except (TypeError, ValueError):
        raise argument_error("chunk", "(k, n), two whole numbers", chunk) from None
    if k > n:
        raise argument_error("chunk", "(k, n) with 1 ≤ k ≤ n", chunk)
    if store is None:
        raise argument_error("chunk", "used with a checkpoint that the jobs share", "none")
    return rows[k - 1 :: n]


_TRANSIENT = (MemoryError, OSError, MissingPackageError, VolumeTooLargeError)
"""Failures that may be transient: they are not kept in the checkpoint, so that the next run tries them again."""


def _killed(study: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a case whose process was killed."""
    patient, number = study_name(study)
    message = (
        "its process was killed: out of memory, or stopped from outside; it is measured again when the run is resumed"
    )
    return _unmeasured({"patient_id": patient, "study_id": number, "error": "WorkerKilled", "message": message})


def _unmeasured(failure: dict[str, str] | None, signature: str = "") -> dict[str, Any]:
    """Return a result without rows."""
    return {"signature": signature, "rows": [], "study": None, "failure": failure, "files": [], "picture": ""}


def _version() -> str:
    from lbp_prognosis import __version__

    return f"lbp_prognosis {__version__}"


def _study_rows(studies: Any) -> list[dict[str, Any]]:
    base = None
    if isinstance(studies, str | Path):
        path = Path(studies)
        table = path / "studies.csv" if path.is_dir() else path
        if not table.is_file():
            raise argument_error(
                "studies",
                "a CSV table, or a folder that contains studies.csv",
                f"{str(path)!r}",
                "Write one row per study with the columns patient_id, mask, convention and, for its image, image and "
                "modality; an image may be a folder of DICOM, and paths are relative to the table.",
            )
        base = table.parent
        studies = pd.read_csv(table, dtype={"patient_id": str, "study_id": str})
    if isinstance(studies, pd.DataFrame):
        studies = studies.to_dict("records")
    elif isinstance(studies, Mapping):
        studies = [studies]
    elif isinstance(studies, pd.Series):
        studies = [studies.to_dict()]
    if (
        not isinstance(studies, Sequence)
        or isinstance(studies, bytes)
        or not all(isinstance(study, Mapping | pd.Series) for study in studies)
    ):
        raise argument_error("studies", "a DataFrame, a sequence of mappings, or a path", studies)
    rows = [{str(key): value for key, value in dict(study).items()} for study in studies]
    if not rows:
        raise argument_error("studies", "at least one study", "none")
    names = [study_name(row) for row in rows]
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(names) < 5000 else _doubled(names)
    if doubled:
        raise argument_error("studies", "one row per patient and study", f"doubled: {doubled[:5]}")
    return [_anchored(row, base) for row in rows]


def _doubled(names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    seen: set[tuple[str, str]] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]


def _anchored(row: dict[str, Any], base: Path | None) -> dict[str, Any]:
    """Resolve the paths of a table relative to its folder."""
    if base is None:
        return row
    out = dict(row)
    for field in _PATHS:
        value = out.get(field)
        if isinstance(value, str) and value.strip():
            parts = [str(base / part) for part in _listed(value.strip())]
            out[field] = parts if len(parts) > 1 else parts[0]
    if isinstance(out.get("convention"), str):
        named = _listed(out["convention"].strip())
        out["convention"] = [str(base / name) if name.endswith(".toml") else name for name in named]
    return out


def _signature(study: Mapping[str, Any]) -> str:
    """Return a hash of a study's row and files: files by path, size and time of change, volumes by content."""
    parts: list[Any] = []
    for key in sorted(study):
        for item in _listed(study[key]):
            if isinstance(item, Image | Mask):
                parts += [key, content_hash(item.data, item.affine)]
            elif key in {*_PATHS, "convention"} and isinstance(item, str | Path) and Path(item).exists():
                files = [Path(item), *sidecars(item)] if Path(item).is_file() else sorted(Path(item).rglob("*"))
                parts += [key, [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]]
            else:
                parts += [key, repr(item)]
    return content_hash(*parts)


def _run(
    study: Mapping[str, Any],
    *,
    recipe: Recipe,
    store: Checkpoint | None,
    overlays: Path | None,
    max_bytes: int,
    gather: bool = False,
    calendar: bool = False,
) -> dict[str, Any]:
    """Measure one case, or take it from the checkpoint; any error becomes its failure."""
    patient, number = study_name(study)
    task = content_hash(patient, number)[:24]
    picture = None if overlays is None else overlays / f"{_safe(patient)}_{_safe(number)}_{task[:6]}.png"
    signature = content_hash(_signature(study), calendar) if store is not None else ""
    if store is not None:
        known = store.load(task)
        if known is not None and "result" in known:
            stored = json.loads(known["result"].tobytes().decode("utf-8"))
            drawn = gather or picture is None or picture.exists() or stored["failure"] is not None
            if stored["signature"] == signature and drawn:
                return dict(stored)
    if gather:
        message = "not measured yet, or its row or files changed since: run its chunk again"
        return _unmeasured({"patient_id": patient, "study_id": number, "error": "NotMeasured", "message": message})
    result = _unmeasured(None, signature)
    passing = False
    try:
        result.update(_measured(study, patient, number, recipe, picture, max_bytes, calendar))
    except Exception as error:
        # One unreadable or absurd case must not end a batch of thousands; it is reported by name and message.
        passing = isinstance(error, _TRANSIENT)
        result["failure"] = {
            "patient_id": patient,
            "study_id": number,
            "error": type(error).__name__,
            "message": str(error) or type(error).__name__,
        }
    passing = passing or bool(result.pop("passing", False))
    if store is not None and not passing:
        text = json.dumps(result).encode("utf-8")
        store.save(task, {"result": np.frombuffer(text, dtype=np.uint8)})
    return result


def _safe(name: str) -> str:
    """Return a plain file name."""
    return "".join(c if c.isalnum() or c in "-." else "-" for c in name).strip(".")[:60] or "case"


def _measured(
    study: Mapping[str, Any],
    patient: str,
    number: str,
    recipe: Recipe,
    picture: Path | None,
    max_bytes: int,
    calendar: bool,
) -> dict[str, Any]:
    case, acquisition = load_case(study, recipe, max_bytes=max_bytes)
    without_day = bool(acquisition["acquired_on"]) and acquisition["acquired_day"] is None
    without_acquisition = not acquisition["acquired_on"] and acquisition["acquired_day"] is None
    if not calendar:
        acquisition["acquired_on"] = ""
    measurements = measure_case(case)
    levels = list(case.spine.bodies)
    confidence, signs = level_confidence(case.anatomy, case.spine)
    bottom = (
        _from_bottom(case.anatomy.levels("vertebra") or levels)
        if _sees_sacrum(case) and not sacrum_like_lumbar(case.spine)
        else {}
    )
    uncounted = _lowest_is_cut(case)
    rows = []
    for measurement in measurements:
        row = dict(vars(measurement))
        level = row["level"]
        row["flags"] = "|".join(dict.fromkeys((*row["flags"], *(signs if level and confidence < 1 else ()))))
        if uncounted:
            row["level_from_bottom"] = None
        elif level and row["level_from_bottom"] is None:
            row["level_from_bottom"] = bottom.get(level)
        row.update(
            patient_id=patient,
            study_id=number,
            modality=acquisition["modality"],
            extractor_version=_version(),
            acquired_on=acquisition["acquired_on"],
            acquired_day=acquisition["acquired_day"],
            level_confidence=min(confidence, case.gate.confidence(level)) if level else None,
        )
        rows.append(row)
    failure = None if rows else _nothing(case, patient, number)
    if case.troubles:
        message = "measured, but " + "; ".join(
            f"the family {name} failed: {type(error).__name__}: {error}" for name, error in case.troubles
        )
        failure = {"patient_id": patient, "study_id": number, "error": "OwnFamilyError", "message": message}
    undrawn, passing = (None, False) if picture is None else _picture(case, picture, patient, number)
    failure = failure or undrawn
    passing = passing or any(isinstance(error, _TRANSIENT) for _, error in case.troubles)
    known = {key: acquisition.get(key) for key in STUDY_COLUMNS if key not in {"patient_id", "study_id"}}
    names = [str(name) for name in _listed(study["convention"])]
    return {
        "rows": rows,
        "study": {"patient_id": patient, "study_id": number, **known},
        "files": file_hashes(study),
        "conventions": {name: LabelMap(name).fingerprint for name in names},
        "picture": picture.name if picture is not None and picture.exists() else "",
        "failure": failure,
        "passing": passing,
        "without_day": without_day,
        "without_acquisition": without_acquisition,
    }


def _nothing(case: Case, patient: str, number: str) -> dict[str, str]:
    """Return the failure of a case whose mask contains nothing that the recipe measures."""
    held = ", ".join(sorted({region.structure for region in case.anatomy.regions.values()})) or "no known structure"
    message = f"nothing was measured: the mask contains {held}, and the families are " + ", ".join(
        family_name(family) for family in case.recipe.families
    )
    return {"patient_id": patient, "study_id": number, "error": "DataError", "message": message}


def _picture(case: Case, path: Path, patient: str, number: str) -> tuple[dict[str, str] | None, bool]:
    """Draw the figure and return its failure, if any, and whether that may be transient; the values are kept."""
    from lbp_prognosis.biomarkers._overlay import save_overlay

    try:
        save_overlay(case, path, f"{patient} · {number}")
    except Exception as error:  # a failed figure must not lose the measurements
        message = f"measured, but the figure could not be drawn: {error}"
        failure = {"patient_id": patient, "study_id": number, "error": type(error).__name__, "message": message}
        return failure, isinstance(error, _TRANSIENT)
    return None, False


def _sees_sacrum(case: Case) -> bool:
    """Return whether the sacrum is labelled, so that the vertebra above it is the lowest mobile vertebra."""
    anatomy = case.anatomy
    return any(anatomy.get(name, "s1") is not None for name in ("sacrum", "sacral_vertebra", "vertebral_body"))


def _lowest_is_cut(case: Case) -> bool:
    """Return whether the tool counts from a vertebra that the lower border cuts, so that others may lie below it."""
    counted = [
        r for r in case.anatomy.regions.values() if r.from_bottom and r.structure in {"vertebra", "vertebral_body"}
    ]
    return bool(counted) and "I" in min(counted, key=lambda region: region.from_bottom).touched


def _from_bottom(levels: list[str]) -> dict[str, int]:
    """Return the count from the lowest mobile vertebra (l4 to l6) upwards, up to the first missing name."""
    ordered = sorted((level for level in levels if level != "s1"), key=level_rank, reverse=True)
    if not ordered or ordered[0] not in {"l4", "l5", "l6"}:
        return {}
    counts: dict[str, int] = {}
    previous = None
    for level in ordered:
        if previous is not None and level_rank(previous) - level_rank(level) > 2.0:
            break
        counts[level] = len(counts) + 1
        previous = level
    discs = {upper + lower: counts[upper] for upper in counts for lower in (*counts, "s1") if _is_pair(upper, lower)}
    return {**counts, **discs}


def _is_pair(upper: str, lower: str) -> bool:
    from lbp_prognosis.biomarkers.anatomy._levels import neighbours

    try:
        split_disc(upper + lower)
    except ValueError:
        return False
    return bool(neighbours([upper, lower])) and level_rank(upper) < level_rank(lower)


def _collect(done: list[dict[str, Any]], rows: list[dict[str, Any]], recipe: Recipe, version: str) -> ExtractionResult:
    table = biomarker_frame([row for result in done for row in result["rows"]])
    failures = pd.DataFrame(
        [result["failure"] for result in done if result["failure"]],
        columns=["patient_id", "study_id", "error", "message"],
    )
    studies = pd.DataFrame([result["study"] for result in done if result["study"]], columns=list(STUDY_COLUMNS))
    import scipy

    conventions: dict[str, str] = {}
    for result in done:
        conventions.update(result.get("conventions", {}))
    names = [study_name(row) for row in rows]
    provenance = {
        "extractor_version": version,
        "packages": {"numpy": np.__version__, "scipy": scipy.__version__, "pandas": pd.__version__},
        "recipe": recipe.to_dict(),
        "recipe_sha256": recipe.fingerprint,
        "own_families": [describe_family(family) for family in recipe.own_families],
        "conventions": conventions,
        "without_day": sum(bool(result.get("without_day")) for result in done),
        "without_acquisition": sum(bool(result.get("without_acquisition")) for result in done),
        "cases": [
            {"patient_id": name[0], "study_id": name[1], "files": result["files"], "overlay": result["picture"]}
            for name, result in zip(names, done)
        ],
    }
    return ExtractionResult(table, failures, studies, provenance)
