"""The gallery: every script runs, prints what its page shows, draws its figure, and is short."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("write_gallery", ROOT / "docs" / "write_gallery.py")
assert SPEC is not None
assert SPEC.loader is not None
gallery = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(gallery)

NAMES = [name for members in gallery.GROUPS.values() for name in members]
NUMBER = re.compile(r"[-+]?\d+(?:\.(\d+))?")


def differences(printed: str, kept: str) -> list[tuple[str, str]]:
    """Lines that differ by more than one unit in the last printed digit of a number, or in a word."""
    mine, theirs = printed.splitlines(), kept.splitlines()
    found = [("lines", f"{len(mine)} printed, {len(theirs)} kept")] if len(mine) != len(theirs) else []
    for ours, other in zip(mine, theirs, strict=False):
        a, b = list(NUMBER.finditer(ours)), list(NUMBER.finditer(other))
        words = NUMBER.sub("#", ours).split() == NUMBER.sub("#", other).split()
        near = len(a) == len(b) and all(
            len(x.group(1) or "") == len(y.group(1) or "")
            and abs(float(x.group()) - float(y.group())) <= (1.01 * 10.0 ** -len(x.group(1)) if x.group(1) else 0)
            for x, y in zip(a, b, strict=True)
        )
        if not (words and near):
            found.append((ours, other))
    return found


def test_differences_see_numbers_words_and_lines() -> None:
    assert not differences("AUC 0.712\n", "AUC 0.713\n")
    assert differences("AUC 0.712\n", "AUC 0.714\n")
    assert differences("n 12\n", "n 13\n")
    assert differences("AUC 0.71\n", "AUC 0.710\n")
    assert differences("weighted 0.712\n", "plain 0.712\n")
    assert differences("a\nb\n", "a\n")


def test_the_cards_show_every_script() -> None:
    assert sorted(NAMES) == sorted(path.stem for path in gallery.SCRIPTS.glob("*.py"))
    assert len(NAMES) >= 24


@pytest.mark.parametrize("name", NAMES)
def test_a_script_prints_what_its_page_shows(name: str, tmp_path: Path) -> None:
    figure = tmp_path / "new" / f"{name}.png"
    printed = gallery.run_script(name, figure)
    kept = (ROOT / "docs" / "gallery" / f"{name}.txt").read_text(encoding="utf-8")
    assert differences(printed, kept) == []
    assert figure.stat().st_size > 5_000


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_short_and_its_notebook_shows_the_figure(name: str) -> None:
    entry = gallery.read_entry(name)
    assert entry.question.endswith("?")
    assert entry.sentence.endswith(".")
    lines = [line for line in entry.code.splitlines() if line.strip()]
    assert len(lines) <= 30, f"{len(lines)} lines"
    source = json.loads(gallery.notebook(entry))["cells"][1]["source"]
    compile(source, name, "exec")
    assert source.endswith("ax.figure")
    assert "sys." not in source


def test_figures_are_small() -> None:
    sizes = {path.stem: path.stat().st_size for path in gallery.FIGURES.glob("*.png")}
    assert sorted(sizes) == sorted(NAMES)
    assert max(sizes.values()) <= 60_000
    assert sum(sizes.values()) <= 1_500_000
