"""Write one reference page a room from what stands at its door, so that no name is forgotten."""

from __future__ import annotations

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
    "evidence": "Evidence",
    "disclosure": "What may leave",
    "report": "Page and tables",
    "study": "Studies",
    "datasets": "Data sets",
}


def write_reference(folder: Path) -> None:
    """Write ``index.rst`` and ``<room>.rst``; files that would not change are left alone."""
    folder.mkdir(exist_ok=True)
    seen: set[str] = set()
    pages = []
    for room, title in ROOMS.items():
        module = importlib.import_module(f"lbp_prognosis.{room}")
        names = [name for name in module.__all__ if not hasattr(getattr(module, name), "__path__")]
        own = []
        for name in names:
            if not callable(getattr(module, name)):
                continue
            # a name that two doors offer has its page at the first
            key = f"{getattr(getattr(module, name), '__module__', room)}.{name}"
            if key not in seen:
                seen.add(key)
                own.append(name)
        if not own:
            continue
        words = (module.__doc__ or "").strip().splitlines()[0]
        text = (
            f"{title}\n{'=' * len(title)}\n\n``lbp_prognosis.{room}``: {words}\n\n"
            f".. currentmodule:: lbp_prognosis.{room}\n\n"
            ".. autosummary::\n   :toctree: generated\n\n" + "".join(f"   {name}\n" for name in own)
        )
        page = room.replace(".", "_")
        _write(folder / f"{page}.rst", text)
        pages.append(page)
    head = "Reference\n=========\n\nWhat each room offers at its door.\n\n.. toctree::\n   :maxdepth: 1\n\n"
    _write(folder / "index.rst", head + "".join(f"   {page}\n" for page in pages))


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
