"""``extract_radiomics``: texture features of every structure and level, many regions and cases side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Checkpoint, Result, argument_error, content_hash, folder_lock, parallel_map
from lbp_prognosis.biomarkers._extract import _signature, _study_rows
from lbp_prognosis.biomarkers._extraction_result import biomarker_frame
from lbp_prognosis.biomarkers._study import given, read_masks, study_name
from lbp_prognosis.biomarkers.anatomy._anatomy import build_anatomy
from lbp_prognosis.biomarkers.geometry._region import Region
from lbp_prognosis.biomarkers.readers._image import Image
from lbp_prognosis.biomarkers.readers._mask import Mask
from lbp_prognosis.biomarkers.readers._read_image import read_image
from lbp_prognosis.biomarkers.readers._volume_size import DEFAULT_MAX_BYTES
from lbp_prognosis.biomarkers.texture._radiomics_ibsi import radiomics_features_table
from lbp_prognosis.biomarkers.texture._radiomics_names import measure_name
from lbp_prognosis.biomarkers.texture._radiomics_settings import RadiomicsSettings
from lbp_prognosis.biomarkers.texture._region_features import engine_version, region_features, require_engine
from lbp_prognosis.schema import enumerations

__all__ = ["RadiomicsResult", "extract_radiomics", "radiomics_features"]

_TOO_SMALL = "fewer voxels than `min_voxels`, or flat in one direction"


@dataclass(frozen=True, repr=False)
class RadiomicsResult(Result):
    """Texture features of a batch.

    Attributes
    ----------
    table : DataFrame
        The long biomarker table; measures ``radiomics_<image>_<class>_<feature>`` (without the image for the original
        one); ``method_id`` names the settings.
    failures : DataFrame
        One row per case that could not be read: ``patient_id, study_id, error, message``.
    features : DataFrame
        IBSI names and conformity, see `radiomics_features_table`.
    settings : RadiomicsSettings
    provenance : mapping
        Engine and its version, settings, their hash and the conventions.
    """

    table: pd.DataFrame
    failures: pd.DataFrame
    features: pd.DataFrame
    settings: RadiomicsSettings
    provenance: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """Return the long biomarker table."""
        return self.table.copy()

    def _summary(self) -> str:
        regions = self.table[["patient_id", "study_id", "structure", "level", "side"]].drop_duplicates()
        return (
            f"{self.table['measure'].nunique()} features of {len(regions)} regions, {len(self.failures)} cases failed"
        )


def radiomics_features(
    regions: Sequence[tuple[Image, Mask] | tuple[Image, Mask, int]],
    settings: RadiomicsSettings | None = None,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Compute texture features of regions in memory.

    Parameters
    ----------
    regions : sequence of (Image, Mask) or (Image, Mask, int)
        Image, mask on its grid, and the label of the region (1 where left out).
    settings : RadiomicsSettings, optional
        By default ``RadiomicsSettings()``.
    n_jobs : int, optional
        Number of parallel jobs, as in joblib.
    progress : bool, default False
        Show a progress bar on a terminal.

    Returns
    -------
    DataFrame
        One row per region, one column per feature, named as in the biomarker table; NaN if a region is too small.

    Raises
    ------
    MissingPackageError
        If the engine of the settings is not installed.
    """
    chosen = _settings(settings)
    require_engine(chosen, "radiomics_features")
    tasks = []
    for region in regions:
        image, mask, label = (*region, 1) if len(region) == 2 else region
        volume = _normalised(image, chosen)
        tasks.append(_task(volume, mask.on_grid_of(image).data == label, image, chosen))
    done = parallel_map(
        partial(_features, settings=chosen), tasks, n_jobs=n_jobs, description="Texture", progress=progress
    )
    return pd.DataFrame([{measure_name(name): value for name, value in found.items()} for found in done])


def extract_radiomics(
    studies: Any,
    settings: RadiomicsSettings | None = None,
    *,
    structures: Sequence[str] | None = None,
    n_jobs: int | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = False,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> RadiomicsResult:
    """Compute texture features of the labelled structures of a batch of studies.

    Parameters
    ----------
    studies : DataFrame, sequence of mappings, mapping, or path
        As in `extract`: ``patient_id, study_id, image, mask, convention`` and optionally ``modality, series``; several
        masks, and folders with one file per structure, are taken as there.
    settings : RadiomicsSettings, optional
        By default ``RadiomicsSettings()``.
    structures : sequence of str, optional
        Structures to measure; by default all that the convention contains.
    n_jobs : int, optional
        Number of parallel jobs, as in joblib: cases run in parallel or, of a single case, its regions. An image is read
        once.
    checkpoint : str or Path, optional
        Folder to which each finished case is written; an interrupted run resumes there and gives the same table.
    progress : bool, default False
        Show a progress bar on a terminal.
    max_bytes : int, default 4294967296
        Largest unpacked volume that is read, in bytes.

    Returns
    -------
    RadiomicsResult
        ``to_frame()`` returns the biomarker table; ``failures`` contains one row per case that could not be read.

    Raises
    ------
    MissingPackageError
        If the engine of the settings is not installed; the message names the other engine if that is.

    Notes
    -----
    Kurtosis is the excess over a normal distribution, as in IBSI but not in pyradiomics. Texture depends on
    voxel size, bin width and scanner: ``method_id`` names the engine and contains the hash of the settings, so that
    values of two settings or two engines are never pooled.
    """
    chosen = _settings(settings)
    require_engine(chosen, "extract_radiomics")
    known = enumerations()["structures"]
    if structures is not None and (isinstance(structures, str) or not set(structures) <= set(known)):
        raise argument_error("structures", "a sequence of structures of the data schemas", repr(structures))
    rows = _study_rows(studies)
    version = engine_version(chosen)
    wanted = None if structures is None else sorted(structures)
    store = None
    if checkpoint is not None:
        store = Checkpoint(checkpoint, content_hash("radiomics", version, chosen.to_dict(), wanted))
    alone = len(rows) == 1
    work = partial(
        _case,
        settings=chosen,
        structures=wanted,
        store=store,
        max_bytes=max_bytes,
        version=version,
        n_jobs=n_jobs if alone else 1,
        progress=progress and alone,
    )
    with nullcontext() if store is None else folder_lock("checkpoint", store.path):
        done = (
            [work(row) for row in rows]
            if alone
            else parallel_map(work, rows, n_jobs=n_jobs, description="Texture", progress=progress)
        )
    return _collect(done, rows, chosen, version)


def _collect(
    done: list[dict[str, Any]], rows: list[dict[str, Any]], settings: RadiomicsSettings, version: str
) -> RadiomicsResult:
    """Join the results of all cases."""
    failures = [result["failure"] for result in done if result["failure"]]
    conventions = sorted({str(row.get("convention")) for row in rows if row.get("convention") is not None})
    provenance = {
        "engine": settings.engine,
        "extractor_version": version,
        "settings": settings.to_dict(),
        "settings_sha256": settings.fingerprint,
        "conventions": conventions,
    }
    return RadiomicsResult(
        biomarker_frame([row for result in done for row in result["rows"]]),
        pd.DataFrame(failures, columns=["patient_id", "study_id", "error", "message"]),
        radiomics_features_table(settings),
        settings,
        provenance,
    )


def _settings(settings: Any) -> RadiomicsSettings:
    if settings is None:
        return RadiomicsSettings()
    if not isinstance(settings, RadiomicsSettings):
        raise argument_error("settings", "RadiomicsSettings", settings, "Build them with RadiomicsSettings(...).")
    return settings


def _normalised(image: Image, settings: RadiomicsSettings) -> np.ndarray:
    volume = np.asarray(image.data)
    if not settings.normalise:
        return volume
    spread = float(volume.std(dtype=float, ddof=1))
    return (volume - float(volume.mean(dtype=float))) / (spread if spread > 0 else 1.0) * 100.0


def _task(
    volume: np.ndarray, region: np.ndarray, image: Image, settings: RadiomicsSettings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image, region (slices first) and spacing, cut to the region if nothing beyond it is read."""
    where = [np.flatnonzero(region.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    plain = settings.images == ("original",) and settings.spacing_mm is None
    if plain and all(part.size for part in where):
        window = tuple(slice(int(part[0]), int(part[-1]) + 1) for part in where)
        volume, region = volume[window], region[window]
    return volume.T, region.T, image.grid.spacing


def _features(task: tuple[np.ndarray, np.ndarray, np.ndarray], settings: RadiomicsSettings) -> dict[str, float]:
    return region_features(*task, settings)


def _case(
    study: Mapping[str, Any],
    *,
    settings: RadiomicsSettings,
    structures: list[str] | None,
    store: Checkpoint | None,
    max_bytes: int,
    version: str,
    n_jobs: int | None,
    progress: bool,
) -> dict[str, Any]:
    import json

    patient, number = study_name(study)
    task = content_hash(patient, number)[:24]
    signature = _signature(study)
    stored = None if store is None else store.load(task)
    if stored is not None and "result" in stored:
        result = json.loads(stored["result"].tobytes().decode("utf-8"))
        if result["signature"] == signature:
            return dict(result)
    result = {"signature": signature, "rows": [], "failure": None}
    try:
        result["rows"] = _rows(study, settings, structures, max_bytes, version, n_jobs, progress)
    except Exception as error:
        # One unreadable case must not end a batch; it is reported by name and message.
        result["failure"] = {
            "patient_id": patient,
            "study_id": number,
            "error": type(error).__name__,
            "message": str(error) or type(error).__name__,
        }
    if store is not None:
        store.save(task, {"result": np.frombuffer(json.dumps(result).encode("utf-8"), dtype=np.uint8)})
    return result


def _rows(
    study: Mapping[str, Any],
    settings: RadiomicsSettings,
    structures: list[str] | None,
    max_bytes: int,
    version: str,
    n_jobs: int | None,
    progress: bool,
) -> list[dict[str, Any]]:
    patient, number = study_name(study)
    for name in ("image", "mask", "convention"):
        if given(study, name) is None:
            raise argument_error(name, "given for each study", "nothing")
    image = study["image"]
    if not isinstance(image, Image):
        image = read_image(image, series=given(study, "series"), max_bytes=max_bytes)
    if not np.isfinite(image.data).all():
        raise argument_error("image", "finite", "missing or infinite intensities")
    anatomy = build_anatomy([(mask.on_grid_of(image), names) for mask, names in read_masks(study, max_bytes, image)])
    wanted = enumerations()["structures"] if structures is None else structures
    found = [region for region in anatomy.regions.values() if region.structure in wanted]
    if not found:
        raise argument_error("mask", "a mask with the requested structures", "none of them")
    volume = _normalised(image, settings)
    regions = [_whole(region) for region in found]
    tasks = [_task(volume, region, image, settings) for region in regions]
    done = parallel_map(
        partial(_features, settings=settings), tasks, n_jobs=n_jobs, description="Texture", progress=progress
    )
    spacing = "x".join(f"{side:.3g}" for side in image.grid.spacing)
    rows = []
    for label, region, values in zip(found, regions, done):
        cut = label.cut
        common = {
            "patient_id": patient,
            "study_id": number,
            "structure": label.structure,
            "level": label.level,
            "side": label.side,
            "unit": "feature",
            "method_id": settings.method_id,
            "modality": str(study.get("modality") or ""),
            "extractor_version": version,
            "n_voxels": int(region.sum()),
            "spacing": spacing,
            "touched_border": bool(cut),
            "flags": "touched_border" if cut else "",
            "level_from_bottom": label.from_bottom or None,
        }
        rows += [
            {
                **common,
                "measure": measure_name(name),
                "value": value if np.isfinite(value) else None,
                "reason": "" if np.isfinite(value) else "the feature is undefined here",
            }
            for name, value in values.items()
        ]
        if not values:
            rows.append({**common, "measure": "radiomics_shape_voxel_volume", "value": None, "reason": _TOO_SMALL})
    return rows


def _whole(region: Region) -> np.ndarray:
    """Return a region as a mask of the whole volume."""
    out = np.zeros(region.volume.shape, dtype=bool)
    low = np.maximum(region.start, 0)
    high = np.minimum(region.start + region.mask.shape, out.shape)
    part = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, region.start))
    out[tuple(slice(a, b) for a, b in zip(low, high))] = region.mask[part]
    return out
