"""Pages that people read pass the accessibility checker axe-core in Chromium, wide and as narrow as a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lbp_prognosis.deployment import IntendedUse, calculator_page
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Status
from tests.chromium import accessibility, needs_browser

pytestmark = needs_browser
WIDTHS = (1200, 390)


@pytest.fixture(scope="module")
def folder(reported: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pages")
    reported.write(out)
    return out


@pytest.mark.parametrize("width", WIDTHS)
def test_evidence_page(folder: Path, tmp_path: Path, width: int) -> None:
    assert accessibility(tmp_path, (folder / "evidence.html").read_text(encoding="utf-8"), width) == []


def test_summary(folder: Path, tmp_path: Path) -> None:
    assert accessibility(tmp_path, (folder / "summary.html").read_text(encoding="utf-8"), 390) == []


def test_calculator(tmp_path: Path) -> None:
    use = IntendedUse("Talk about expectations", "Adults with back pain", "not recovered", "1.0 of 2026", "a@b.example")
    age = [[20.0 + k] for k in range(60)]
    model = LogisticRisk(penalty=1.0).fit(age, Status.at(12, [k % 3 == 0 for k in range(60)]))
    page = calculator_page(model, tmp_path / "c.html", use=use, horizons=12, unvalidated_reason="No second hospital.")
    assert accessibility(tmp_path, page.read_text(encoding="utf-8"), 390) == []


def test_a_picture_without_words_and_a_faint_text_are_found(tmp_path: Path) -> None:
    faulty = "<main><h1>A</h1><img src='data:,'><p style='color:#ddd'>faint</p></main>"
    found = " ".join(accessibility(tmp_path, f"<!doctype html><html><body>{faulty}</body></html>", 1200))
    assert "image-alt" in found
    assert "color-contrast" in found
    assert "html-has-lang" in found
