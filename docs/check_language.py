"""Find wording that ``docs/develop/language.csv`` advises against; as a program, print one line per place."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = ROOT / "docs" / "develop" / "language.csv"
READ = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/**/*.md",
    "lbp_prognosis/**/*.py",
    "lbp_prognosis/**/*.toml",
    "examples/**/*.py",
)
QUOTES_THE_PATTERNS = ("docs/develop/language.md", "lbp_prognosis/evidence/_wording.py")
GENERATED = ("docs/_build/", "docs/reference/")


class Place(NamedTuple):
    """A place with wording to change."""

    file: str
    line: int
    found: str
    instead: str


def patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return the patterns and what to write instead."""
    with PATTERNS.open(encoding="utf-8", newline="") as file:
        return [(re.compile(row["pattern"]), row["write instead"]) for row in csv.DictReader(file)]


def check_text(text: str, file: str = "") -> list[Place]:
    """Return the places of a text that match a pattern, in order of their lines."""
    found = [
        Place(file, text.count("\n", 0, match.start()) + 1, " ".join(match.group().split()), instead)
        for pattern, instead in patterns()
        for match in pattern.finditer(text)
    ]
    return sorted(found, key=lambda place: place.line)


def check_files(root: Path = ROOT) -> list[Place]:
    """Return the places in the prose, docstrings and messages of the project."""
    places: list[Place] = []
    for files in READ:
        for path in sorted(root.glob(files)):
            name = path.relative_to(root).as_posix()
            if not name.startswith((*QUOTES_THE_PATTERNS, *GENERATED)):
                places.extend(check_text(path.read_text(encoding="utf-8"), name))
    return places


def main() -> int:
    """Print one line per place; return 1 if there is any."""
    places = check_files()
    for place in places:
        print(f"{place.file}:{place.line}: {place.found!r} -> {place.instead}")
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main())
