"""No message of a reader prints a value of a patient unless values are asked for: every malformed file, with markers.

Malformed packages are looked at where each is opened once, in ``test_command_line_hostile.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from command import call
from hostile.cases import PACKAGES, WIDE_TABLES, WideCase
from hostile.markers import marked, rows_of, shown
from hostile.mutated_files import mutated_file

from lbp_prognosis._base import LBPError
from lbp_prognosis.schema import read_table, without_values


def test_markers_are_seen_where_values_are_asked_for(tmp_path: Path, capsys, monkeypatch) -> None:
    case = next(case for case in PACKAGES if case.name == "text in numbers")
    folder = case.write(tmp_path / "package")
    cells = marked(folder)
    quiet = call(capsys, monkeypatch, "validate", folder)
    assert shown(cells, quiet.out + quiet.err) == []
    told = call(capsys, monkeypatch, "validate", folder, "--show-values")
    assert shown(cells, told.out + told.err) == ["sixty"]


@pytest.mark.parametrize("case", WIDE_TABLES, ids=lambda case: case.name)
def test_a_wide_table(case: WideCase, tmp_path: Path) -> None:
    path = case.write(tmp_path)
    cells = {cell for row in rows_of(path)[1:] for cell in row if len(cell) >= 3}
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
    assert shown(cells, "\n".join(said)) == []


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
    return [f"{seed} ({case.change}): {cell}" for cell in shown(set(own), "\n".join(said))]


def test_a_sample_of_mutated_files(tmp_path: Path) -> None:
    assert [leak for seed in range(0, 2000, 25) for leak in _told_of_mutated(seed, tmp_path)] == []


@pytest.mark.slow
def test_all_mutated_files(tmp_path: Path) -> None:
    assert [leak for seed in range(2000) for leak in _told_of_mutated(seed, tmp_path)] == []
