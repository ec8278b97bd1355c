"""``import_opensim``: trials from declared coordinates of OpenSim files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import ArgumentError, DataError, argument_error
from lbp_prognosis.biomechanics._motion_measures import motion_measure
from lbp_prognosis.biomechanics._motion_source import motion_source
from lbp_prognosis.biomechanics._motion_trials import MotionTrials, check_trials
from lbp_prognosis.biomechanics._opensim_storage import OpenSimStorage, read_opensim
from lbp_prognosis.schema import failure_frame

__all__ = ["import_opensim"]

_KEYS = ("measure", "statistic", "event", "side", "quantity", "negate")
_STATISTICS = ("min", "max", "range", "mean", "at")
_PLACE = ("patient_id", "session_id", "acquired_on", "acquired_day", "trial", "device")


def import_opensim(
    files: Any,
    coordinates: Mapping[str, Any],
    *,
    method_id: str,
    folder: str | os.PathLike[str] = ".",
    in_degrees: bool | None = None,
) -> MotionTrials:
    """Summarise coordinates of motion and storage files, one trial per file.

    Parameters
    ----------
    files : path or DataFrame
        One row per file: ``patient_id``, ``session_id`` or a date, ``trial``, ``path`` (relative, inside ``folder``);
        for events, one column each with its time in seconds.
    coordinates : mapping of str to (mapping or list of mappings)
        By coordinate: ``measure``, ``statistic`` (``"min", "max", "range", "mean"``, or ``"at"`` with ``event``), and
        where needed ``side``, ``quantity`` (``"angle"`` by default) and ``negate`` (true where the model counts the
        movement as negative).
    method_id : str
        Model and definition, e.g. ``"gait2354_ik"``.
    folder : path, default "."
        Folder to which the paths are relative.
    in_degrees : bool, optional
        Unit of angles in files whose header does not state it.

    Returns
    -------
    MotionTrials
        A file that cannot be read is a failure of its row, and the others are read: reasons ``unsafe_path``,
        ``unreadable``, ``missing_field`` (no such coordinate), ``required`` (no time of the event), ``range``.
    """
    table, where = motion_source(files, "files")
    for needed in ("patient_id", "trial", "path"):
        if needed not in table.columns:
            raise argument_error("files", "a frame with patient_id, trial, path", f"one without {needed}")
    if not method_id:
        raise argument_error("method_id", "a short name of the model and the definition", repr(method_id))
    plan = _plan(coordinates)
    root = Path(folder).resolve()
    faults: list[dict[str, Any]] = []
    rows, places = [], []
    place = [name for name in _PLACE if name in table.columns]
    for number, row in enumerate(table.to_dict("records"), start=1):
        record = {str(name): cell for name, cell in row.items()}
        storage = _read(record["path"], root, in_degrees, number, where, faults)
        if storage is None:
            continue
        for coordinate, rule in plan:
            value = _value(storage, coordinate, rule, record, number, where, faults)
            if value is not None:
                at = {name: record[name] for name in place}
                unit = {"angle": "deg", "length": "m"}.get(rule["quantity"], motion_measure(rule["measure"]).unit)
                known = {"measure": rule["measure"], "side": rule["side"] or None, "unit": unit}
                rows.append({**at, **known, "method_id": method_id, "value": value})
                places.append({"row": number, "field": coordinate})
    failures = failure_frame(faults)
    if not rows:
        raise DataError(f"No file of {where} gave a value; {len(failures)} failures.", failures)
    frame = pd.DataFrame(rows)
    frame.attrs["synthetic"] = bool(getattr(files, "attrs", {}).get("synthetic", False))
    found = check_trials(frame, places=pd.DataFrame(places))
    kept = [part for part in (failures, found.failures) if len(part)]
    return MotionTrials(found.trials, pd.concat(kept, ignore_index=True) if kept else failures, found.left_out)


def _plan(coordinates: Any) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(coordinates, Mapping) or not coordinates:
        raise argument_error("coordinates", "a mapping from coordinate to one or more rules", coordinates)
    plan = []
    for coordinate, given in coordinates.items():
        for rule in given if isinstance(given, list | tuple) else [given]:
            if not isinstance(rule, Mapping) or set(rule) - set(_KEYS) or "measure" not in rule:
                raise argument_error("coordinates", f"mappings of {', '.join(_KEYS)}", {coordinate: rule})
            made = {"side": "", "quantity": "angle", "negate": False, "event": "", **rule}
            motion_measure(made["measure"])
            if made.get("statistic") not in _STATISTICS or (made["statistic"] == "at") != bool(made["event"]):
                raise argument_error(
                    "coordinates",
                    f"with a statistic of {', '.join(_STATISTICS)}, the last with an event",
                    {coordinate: rule},
                )
            if made["quantity"] not in ("angle", "length", "other") or not isinstance(made["negate"], bool):
                raise argument_error(
                    "coordinates",
                    "with a quantity of angle, length, other, and negate true or false",
                    {coordinate: rule},
                )
            plan.append((str(coordinate), made))
    return plan


def _read(
    path: Any, root: Path, in_degrees: bool | None, number: int, where: str, faults: list[dict[str, Any]]
) -> OpenSimStorage | None:
    def fault(reason: str, message: str) -> None:
        at = {"table": where, "row": number, "field": "path", "reason": reason}
        faults.append({**at, "value": path, "message": message})

    if not isinstance(path, str) or "\x00" in path or not (root / path).resolve().is_relative_to(root):
        fault("unsafe_path", "a path is relative and stays inside the folder")
        return None
    try:
        return read_opensim(root / path, in_degrees=in_degrees)
    except (DataError, ArgumentError) as error:
        fault("unreadable", str(error))
        return None


def _value(
    storage: OpenSimStorage,
    coordinate: str,
    rule: Mapping[str, Any],
    record: Mapping[str, Any],
    number: int,
    where: str,
    faults: list[dict[str, Any]],
) -> float | None:
    def fault(field: str, reason: str, value: Any, message: str) -> None:
        at = {"table": where, "row": number, "field": field, "reason": reason}
        faults.append({**at, "value": value, "message": message})

    if coordinate not in storage.courses.columns:
        fault(coordinate, "missing_field", storage.source, "the file has no such coordinate")
        return None
    event = rule["event"]
    events: dict[str, float] = {}
    if event:
        time = pd.to_numeric(pd.Series([record.get(event)]), errors="coerce").iloc[0]
        if pd.isna(time):
            fault(event, "required", record.get(event), "no time of the event")
            return None
        if not storage.times[0] <= float(time) <= storage.times[-1]:
            fault(event, "range", time, f"outside {storage.times[0]:g} to {storage.times[-1]:g} s")
            return None
        events[event] = float(time)
    try:
        found = storage.summary(coordinate, quantity=rule["quantity"], events=events).set_index("statistic")["value"]
    except ArgumentError as error:  # the unit of angles is unknown
        fault(coordinate, "unit", storage.source, str(error))
        return None
    if not rule["negate"]:
        return float(found[f"at {event}" if event else rule["statistic"]])
    turned = {"min": -found["max"], "max": -found["min"], "range": found["range"], "mean": -found["mean"]}
    return float(-found[f"at {event}"] if event else turned[rule["statistic"]])
