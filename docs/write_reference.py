"""Write a reference page per room from the names at its door, so that none is forgotten; stable ones come first."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

ROOMS = {
    "survival": "Outcomes, curves, censoring",
    "schema": "Tables and what they must look like",
    "cohort": "Cohorts",
    "instruments": "Questionnaires",
    "biomarkers": "Biomarkers",
    "biomechanics": "Movement, strength and activity",
    "fusion": "One row per patient",
    "models": "Models",
    "evaluation": "Evaluation",
    "evaluation.technical": "Evaluation: technical tier",
    "evaluation.diagnostic": "Evaluation: diagnostic tier",
    "evaluation.prognostic": "Evaluation: prognostic tier",
    "evaluation.utility": "Evaluation: utility tier",
    "validation": "Validation",
    "explain": "Explanation",
    "federation": "Federation",
    "deployment": "Deployment",
    "evidence": "Evidence",
    "disclosure": "What may leave",
    "report": "Page and tables",
    "study": "Studies",
    "datasets": "Data sets",
}
STABLE = Path(__file__).parent / "develop" / "stable.csv"
_PROVISIONAL = (
    "These names may change in a minor version without a deprecation: see :doc:`/develop/versioning`.\n\n"
    ".. autosummary::\n   :toctree: generated\n\n"
)


def stable_names() -> dict[str, str]:
    """Return the stable names, ``room.name`` or a name of the package itself, with the question each answers."""
    with STABLE.open(encoding="utf-8", newline="") as lines:
        return {row["name"]: row["question"] for row in csv.DictReader(lines)}


def reference_names() -> dict[str, list[str]]:
    """Return the names per room that get a page; a name that two doors offer has it at the first."""
    seen: set[str] = set()
    out: dict[str, list[str]] = {}
    for room in ROOMS:
        module = importlib.import_module(f"lbp_prognosis.{room}")
        for name in module.__all__:
            thing = getattr(module, name)
            key = f"{getattr(thing, '__module__', room)}.{name}"
            if hasattr(thing, "__path__") or not callable(thing) or key in seen:
                continue
            seen.add(key)
            out.setdefault(room, []).append(name)
    return out


def room_page(room: str, names: list[str], stable: set[str]) -> str:
    """Return the page of a room."""
    module = importlib.import_module(f"lbp_prognosis.{room}")
    title, words = ROOMS[room], (module.__doc__ or "").strip().splitlines()[0]
    text = f"{title}\n{'=' * len(title)}\n\n``lbp_prognosis.{room}``: {words}\n\n"
    text += f".. currentmodule:: lbp_prognosis.{room}\n\n"
    kept = [name for name in names if f"{room}.{name}" in stable]
    others = [name for name in names if f"{room}.{name}" not in stable]
    if kept:
        text += "Stable\n------\n\n.. autosummary::\n   :toctree: generated\n\n" + _lines(kept) + "\n"
    if others:
        text += "Provisional\n-----------\n\n" + _PROVISIONAL + _lines(others)
    return text


def write_reference(folder: Path) -> None:
    """Write ``index.rst`` and ``<room>.rst``; files that would not change are left alone."""
    folder.mkdir(exist_ok=True)
    stable = set(stable_names())
    pages = []
    for room, names in reference_names().items():
        page = room.replace(".", "_")
        _write(folder / f"{page}.rst", room_page(room, names, stable))
        pages.append(page)
    own = [name for name in stable if "." not in name]
    head = (
        "Reference\n=========\n\nThe public names of each room. Stable names change only after a deprecation; "
        "provisional ones may change\nin a minor version: see :doc:`/develop/versioning`.\n\n"
        ".. toctree::\n   :maxdepth: 1\n\n"
    )
    tail = "\n.. currentmodule:: lbp_prognosis\n\n.. autosummary::\n   :toctree: generated\n\n" + _lines(own)
    _write(folder / "index.rst", head + _lines(pages) + tail)


def _lines(names: list[str]) -> str:
    return "".join(f"   {name}\n" for name in names)


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
