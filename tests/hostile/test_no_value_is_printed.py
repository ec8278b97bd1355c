"""No message of a reader prints a value of a patient unless values are asked for: every malformed file, with markers.

Identifiers of the malformed packages become markers, and whatever a case puts in the place of a valid cell is one too.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from command import call
from hostile.cases import PACKAGES, WIDE_TABLES, PackageCase, WideCase, valid_package
from hostile.mutated_files import mutated_file

from lbp_prognosis._base import LBPError
from lbp_prognosis.schema import read_table, validate_package, without_values

MARKERS = {"a": "Zwetschgenbaum", "b": "Quittenstrauch", "p01": "Mirabellenast"}
DESIGN = {"three_point", "house_scale", "death"}  # names of a method, an instrument and a kind of event: no patient's
USUAL = {cell for text in valid_package().values() for row in csv.reader(io.StringIO(text)) for cell in row}


def _rows(path: Path) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (UnicodeDecodeError, csv.Error):
        return []


def _marked(folder: Path) -> set[str]:
    """Put markers in the place of identifiers; return all cells of patients that no valid package has."""
    cells: set[str] = set()
    for path in sorted(folder.rglob("*.csv")):
        if path.stem == "codebook" or not _rows(path):
            continue
        for old, new in MARKERS.items():
            text = re.sub(rf"(?m)^{old},", f"{new},", path.read_text(encoding="utf-8"))
            path.write_bytes(text.encode())
        cells |= {cell.strip() for row in _rows(path)[1:] for cell in row} - USUAL
    return ({cell for cell in cells if len(cell) >= 3} - DESIGN) | set(MARKERS.values())


def _shown(cells: set[str], said: str) -> list[str]:
    return sorted(cell for cell in cells if re.search(rf"(?<![\w.]){re.escape(cell)}(?![\w.])", said))


@pytest.mark.parametrize("case", PACKAGES, ids=lambda case: case.name)
def test_a_package(case: PackageCase, tmp_path: Path) -> None:
    folder = case.write(tmp_path / "package")
    cells = _marked(folder)
    report = validate_package(folder)
    with pytest.raises(LBPError) as raised:
        report.raise_if_failed()
    said = [str(raised.value), repr(report), report._repr_html_(), report.codings().to_string()]
    said += [without_values(report.failures).to_string(), *report.notes["note"]]
    assert _shown(cells, "\n".join(said)) == []


def test_markers_are_seen_where_values_are_asked_for(tmp_path: Path, capsys, monkeypatch) -> None:
    case = next(case for case in PACKAGES if case.name == "text in numbers")
    folder = case.write(tmp_path / "package")
    cells = _marked(folder)
    quiet = call(capsys, monkeypatch, "validate", folder)
    assert _shown(cells, quiet.out + quiet.err) == []
    told = call(capsys, monkeypatch, "validate", folder, "--show-values")
    assert _shown(cells, told.out + told.err) == ["sixty"]


@pytest.mark.parametrize("case", WIDE_TABLES, ids=lambda case: case.name)
def test_a_wide_table(case: WideCase, tmp_path: Path) -> None:
    path = case.write(tmp_path)
    cells = {cell for row in _rows(path)[1:] for cell in row if len(cell) >= 3}
    try:
        reading = read_table(path)
        said = [
            *reading.notes,
            repr(reading),
            reading.to_frame().to_string(),
            without_values(reading.failures).to_string(),
        ]
        reading.raise_if_failed()
    except LBPError as error:
        said = [str(error)]
    assert _shown(cells, "\n".join(said)) == []


def _told_of_mutated(seed: int, folder: Path) -> list[str]:
    """Values of a mutated data file that a note, a failure or an error of it prints."""
    case = mutated_file(seed, folder)
    own = case.table["code"].tolist() + [f"{value:.1f}" for value in case.table["big"] if value >= 1000]
    said: list[str] = []
    try:
        reading = read_table(case.path)
        said += [*reading.notes, repr(reading), without_values(reading.failures).to_string()]
        reading.raise_if_failed()
    except LBPError as error:
        said.append(str(error))
    case.path.unlink()
    return [f"{seed} ({case.change}): {cell}" for cell in _shown(set(own), "\n".join(said))]


def test_a_sample_of_mutated_files(tmp_path: Path) -> None:
    assert [leak for seed in range(0, 2000, 25) for leak in _told_of_mutated(seed, tmp_path)] == []


@pytest.mark.slow
def test_all_mutated_files(tmp_path: Path) -> None:
    assert [leak for seed in range(2000) for leak in _told_of_mutated(seed, tmp_path)] == []
