"""The page of explanations shows what its script draws, and every picture of it is small and has words."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "explanations.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"!\[([^\]]*)\]\(\.\./_static/(explain_\w+\.png)\)", PAGE)


def test_every_picture_is_there_small_and_described() -> None:
    files = {path.name: path for path in (ROOT / "docs" / "_static").glob("explain_*.png")}
    assert {name for _, name in SHOWN} == set(files)
    for words, name in SHOWN:
        assert len(words.split()) >= 5, name
        assert files[name].stat().st_size < 100_000, name


def test_the_script_draws_them(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("xgboost")
    example = runpy.run_path(str(ROOT / "examples" / "explanations.py"))
    example["main"](str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {name for _, name in SHOWN}
