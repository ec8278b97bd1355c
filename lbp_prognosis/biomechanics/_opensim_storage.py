"""``read_opensim``: strict reader of storage and motion files of OpenSim."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, Result, argument_error, check_choice, check_number, nearest
from lbp_prognosis.schema import failure_frame

__all__ = ["OpenSimStorage", "read_opensim"]

MAX_BYTES = 256 * 2**20
_PAIR = re.compile(r"\s*(nRows|nColumns|inDegrees|version)\s*=\s*(.*?)\s*\Z", re.IGNORECASE)
_WHOLE = re.compile(r"\d{1,9}\Z")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")
_UNITS = {"angle": "deg", "length": "m", "other": ""}


@dataclass(frozen=True, repr=False)
class OpenSimStorage(Result):
    """A table of time courses.

    Attributes
    ----------
    source : str
        Name of the file.
    name : str
        First line of the header.
    version : int or None
        Version of the format; None if the header has none.
    in_degrees : bool or None
        Whether angles are in degrees (else in radians); None if neither the header nor the caller states it.
    times : ndarray of shape (n,)
        Seconds, increasing.
    courses : DataFrame of shape (n, k)
        One column per coordinate, as in the file.
    """

    source: str
    name: str
    version: int | None
    in_degrees: bool | None
    times: np.ndarray = field(repr=False)
    courses: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return ``time`` and all coordinates, as in the file."""
        out = self.courses.copy()
        out.insert(0, "time", self.times)
        return out

    def course(self, coordinate: str, *, quantity: str = "angle") -> np.ndarray:
        """Return one coordinate over time, angles in degrees.

        Parameters
        ----------
        coordinate : str
            Label of the column.
        quantity : {"angle", "length", "other"}, default "angle"
            Quantity of the coordinate, which the file does not state. Lengths are in metres.
        """
        check_choice("quantity", quantity, tuple(_UNITS))
        if coordinate not in self.courses.columns:
            known = list(self.courses.columns)
            remedy = nearest(coordinate, known) or None
            raise argument_error("coordinate", f"one of {', '.join(known[:30])}", repr(coordinate), remedy)
        values = self.courses[coordinate].to_numpy(dtype=float)
        if quantity != "angle":
            return values
        if self.in_degrees is None:
            raise argument_error(
                "in_degrees",
                f"said for {self.source}, whose header does not",
                "nothing",
                "Files of OpenSim before 2.3.2 have radians in storage files: read_opensim(…, in_degrees=False).",
            )
        return values if self.in_degrees else np.rad2deg(values)

    def summary(
        self, coordinate: str, *, quantity: str = "angle", events: Mapping[str, float] | None = None
    ) -> pd.DataFrame:
        """Return summary statistics of one coordinate: ``statistic, value, unit``.

        Parameters
        ----------
        coordinate : str
            Label of the column.
        quantity : {"angle", "length", "other"}, default "angle"
            Quantity of the coordinate; angles are in degrees, lengths in metres.
        events : mapping of str to float, optional
            Times in seconds by name; ``at <name>`` is the value at that time, by linear interpolation between two
            frames.

        Returns
        -------
        DataFrame
            ``min, max, range, mean`` and one row per event. The mean is over time (trapezoidal rule), so that frames
            need not be equally spaced.

        Raises
        ------
        ArgumentError
            If an event lies outside the file's times.
        """
        values = self.course(coordinate, quantity=quantity)
        span = float(self.times[-1] - self.times[0])
        areas = np.diff(self.times) * (values[1:] + values[:-1]) / 2
        mean = float(areas.sum() / span) if span > 0 else float(values[0])
        low, high = float(values.min()), float(values.max())
        rows = [("min", low), ("max", high), ("range", high - low), ("mean", mean)]
        for name, time in dict(events or {}).items():
            when = check_number(f"events[{name!r}]", time)
            if not self.times[0] <= when <= self.times[-1]:
                raise argument_error(
                    f"events[{name!r}]",
                    f"within {self.times[0]:g} to {self.times[-1]:g} s of {self.source}",
                    f"{when:g}",
                )
            rows.append((f"at {name}", float(np.interp(when, self.times, values))))
        return pd.DataFrame(rows, columns=["statistic", "value"]).assign(unit=_UNITS[quantity])

    def _summary(self) -> str:
        angles = {True: "degrees", False: "radians", None: "unit of angles unknown"}[self.in_degrees]
        return f"{self.name!r}, {len(self.times)} frames, {self.courses.shape[1]} coordinates, {angles}"


def read_opensim(
    path: str | os.PathLike[str], *, in_degrees: bool | None = None, max_bytes: int = MAX_BYTES
) -> OpenSimStorage:
    """Read a storage (``.sto``) or motion (``.mot``) file of OpenSim.

    Parameters
    ----------
    path : path
        The file: a name, ``nRows=``, ``nColumns=``, ``inDegrees=``, ``endheader``, labels, and rows of numbers.
    in_degrees : bool, optional
        Unit of angles if the header does not state it; a value that contradicts the header is refused.
    max_bytes : int, default 268435456
        Larger files are refused before they are read.

    Returns
    -------
    OpenSimStorage

    Raises
    ------
    DataError
        If the file does not follow the format; ``failures`` lists every faulty line: ``header`` (a key is missing or
        contradicts the rows), ``duplicate_column``, ``short_row`` (the numbers of cells and labels differ),
        ``not_a_number`` and ``time_order``.

    Notes
    -----
    The reader executes no part of the file. The header of SIMM (``datacolumns``, ``datarows``) is not read.

    References
    ----------
    OpenSim documentation, Storage (.sto) Files and Motion (.mot) Files.
    """
    file = Path(path)
    if not file.is_file():
        raise argument_error("path", "a file that is there", repr(str(path)))
    limit = int(check_number("max_bytes", max_bytes, low=1, whole=True))
    if file.stat().st_size > limit:
        raise DataError(f"{file.name} has {file.stat().st_size} bytes; at most {limit} are read. Raise `max_bytes`.")
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name} is no text in UTF-8 ({error.reason} at byte {error.start}).") from error
    return _parsed(text.splitlines(), file.name, in_degrees)


class _Faults:
    """Faults of a file, collected by line."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.rows: list[dict[str, Any]] = []

    def add(self, line: int | None, field_: str, reason: str, value: Any, message: str) -> None:
        at = {"table": self.source, "row": line, "field": field_, "reason": reason}
        self.rows.append({**at, "value": value, "message": message})

    def raise_if_any(self) -> None:
        if not self.rows:
            return
        first = self.rows[0]
        at = "" if first["row"] is None else f", line {first['row']}"
        raise DataError(
            f"{self.source} is no storage file of OpenSim: {len(self.rows)} faults, the first{at}: {first['message']}.",
            failure_frame(self.rows),
        )


def _parsed(lines: list[str], source: str, in_degrees: bool | None) -> OpenSimStorage:
    faults = _Faults(source)
    end = next((k for k, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
    if end is None:
        faults.add(None, "endheader", "header", None, "no line `endheader`")
        faults.raise_if_any()
    assert end is not None
    header = _header(lines[:end], faults)
    degrees = _degrees(header, in_degrees, faults)
    body = [(k + 1, line) for k, line in enumerate(lines) if k > end and line.strip()]
    if not body:
        faults.add(None, "labels", "header", None, "no labels after `endheader`")
        faults.raise_if_any()
    labels = _cells(body[0][1])
    _check_labels(labels, body[0][0], faults)
    for key, found in (("nRows", len(body) - 1), ("nColumns", len(labels))):
        said = header.get(key.lower(), "")
        if not _WHOLE.match(said):
            faults.add(None, key, "header", said, f"the header needs {key}= and a whole number")
        elif int(said) != found:
            faults.add(None, key, "header", said, f"the header says {key}={said}, the file has {found}")
    values = _rows(body[1:], labels, faults)
    if not faults.rows and not len(values):
        faults.add(None, "nRows", "header", 0, "no rows")
    faults.raise_if_any()
    times = values[:, 0]
    for k in np.flatnonzero(np.diff(times) <= 0):
        faults.add(body[int(k) + 2][0], "time", "time_order", times[k + 1], "the time does not increase")
    faults.raise_if_any()
    version = header.get("version")
    courses = pd.DataFrame(values[:, 1:], columns=labels[1:])
    return OpenSimStorage(source, lines[0].strip(), None if version is None else int(version), degrees, times, courses)


def _header(lines: list[str], faults: _Faults) -> dict[str, str]:
    """Return the known keys in lower case; other lines are ignored."""
    found: dict[str, str] = {}
    if not lines or not lines[0].strip() or _PAIR.match(lines[0]):
        faults.add(1, "name", "header", None, "the first line is the name of the table")
    for number, line in enumerate(lines, start=1):
        pair = _PAIR.match(line)
        if pair is None:
            continue
        key = pair.group(1).lower()
        if key in found:
            faults.add(number, pair.group(1), "header", pair.group(2), f"{pair.group(1)} occurs twice")
        found[key] = pair.group(2)
    if "version" in found and not _WHOLE.match(found["version"]):
        faults.add(None, "version", "header", found["version"], "the version is no whole number")
    return found


def _degrees(header: Mapping[str, str], given: bool | None, faults: _Faults) -> bool | None:
    if given is not None and not isinstance(given, bool):
        raise argument_error("in_degrees", "True, False or None", given)
    said = header.get("indegrees")
    if said is None:
        return given
    if said.lower() not in ("yes", "no"):
        faults.add(None, "inDegrees", "header", said, "inDegrees is yes or no")
        return None
    if given is not None and given != (said.lower() == "yes"):
        raise argument_error("in_degrees", f"{said.lower() == 'yes'}, as the header says, or left out", given)
    return said.lower() == "yes"


def _cells(line: str) -> list[str]:
    """Return the cells of a line: separated by tabs, or by blanks if there is no tab."""
    return [cell.strip() for cell in line.rstrip().split("\t")] if "\t" in line.strip() else line.split()


def _check_labels(labels: list[str], line: int, faults: _Faults) -> None:
    if labels[0].lower() != "time":
        faults.add(line, "time", "header", labels[0], "the first label must be `time`")
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        faults.add(line, label, "duplicate_column", label, f"the label {label!r} occurs twice")
    if "" in labels:
        faults.add(line, "labels", "header", None, "a label is empty")


def _rows(body: list[tuple[int, str]], labels: list[str], faults: _Faults) -> np.ndarray:
    out = np.full((len(body), len(labels)), np.nan)
    for k, (line, text) in enumerate(body):
        cells = _cells(text)
        if len(cells) != len(labels):
            faults.add(line, "", "short_row", len(cells), f"{len(cells)} cells for {len(labels)} labels")
            continue
        for j, cell in enumerate(cells):
            number = float(cell) if _NUMBER.match(cell) else np.nan
            if not np.isfinite(number):
                faults.add(line, labels[j], "not_a_number", cell, f"{cell[:40]!r} is no finite number")
            out[k, j] = number
    return out
