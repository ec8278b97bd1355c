"""TRIPOD+AI from a run, and all forms of a study in one folder; what leaves has no number that the page has not."""

from __future__ import annotations

import dataclasses
import importlib
import os
import pkgutil
import re

import pytest

import lbp_prognosis.report
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.report import (
    methods_sentences,
    probast_ai,
    released_page,
    render_page,
    results_sentences,
    tripod_ai,
    write_forms,
)
from lbp_prognosis.report._blocks import Picture
from tests.hostile.small_studies import KINDS, small_study


@pytest.fixture
def found(reported):
    return reported


def test_items_are_answered_by_the_run(found) -> None:
    form = tripod_ai(found)
    frame = form.to_frame().set_index("item")
    assert list(form.to_frame().columns) == ["item", "section", "text", "answer", "filled"]
    filled = set(frame.index[frame["filled"]])
    assert filled >= set("6c 7 8a 9b 10 11 12a 12b 12c 12e 12g 13 15 18c 20a 20b 21 23a 26 27a".split())
    assert not filled & {"1", "2", "3a", "5a", "17", "18a", "18b", "19", "25", "27b", "12d", "23b"}  # no sites here
    results = results_sentences(found).paragraphs
    assert results["Calibration"] in frame.loc["23a", "answer"]
    assert frame.loc["11", "answer"] == methods_sentences(found).paragraphs["Missing data"]
    assert "5 candidate parameters" in frame.loc["10", "answer"]
    assert frame.loc["15", "answer"].endswith("Thresholds 0.3 to 0.6, main 0.4: Half a day of training is cheap.")
    assert form.to_html().count("for the authors") >= len(frame) - len(filled)
    assert repr(form).endswith(f"{len(filled)} of {len(frame)} items have an answer>")


def test_forms_in_a_folder(found, tmp_path) -> None:
    pytest.importorskip("docx")
    made = write_forms(found, tmp_path / "a")
    assert [path.name for path in made] == [
        f"{name}.{kind}" for name in ("probast_ai", "tripod_ai", "methods", "results") for kind in ("docx", "html")
    ]
    again = write_forms(found.page(), tmp_path / "b")
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in again]
    assert all("Not for release" in path.read_text(encoding="utf-8") for path in made if path.suffix == ".html")
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in made} == {0o600}


def _numbers(text: str) -> set[str]:
    return {n.replace(",", "") for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text.replace("−", "-"))}


@pytest.fixture
def without_pictures(monkeypatch) -> None:
    """Leave out what is drawn; the words beside it stay."""

    def named(draw, *, alt: str, caption: str, wide: bool = False, **_) -> Picture:
        return Picture("data:,", alt, caption, wide)

    for info in pkgutil.iter_modules(lbp_prognosis.report.__path__):
        module = importlib.import_module(f"lbp_prognosis.report.{info.name}")
        if info.name.startswith("_section") and hasattr(module, "figure"):
            monkeypatch.setattr(module, "figure", named)


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_leaves_that_is_not_on_the_page(kind, without_pictures) -> None:
    """Counts and estimates of the forms stand on the released page; shares and differences of them are left aside."""
    page = released_page(dataclasses.replace(small_study(1, kind, n=200).page, gate=Gate(5)))
    assert page.release is not None
    assert not page.release.insufficient
    on_page = _numbers(render_page(page))
    forms = (probast_ai(page), tripod_ai(page), results_sentences(page))
    said = [*forms[0].to_frame()["fact"], *forms[1].to_frame()["answer"], forms[2].text]
    assert any(f"{page.evaluation.n}" in text for text in said)
    for text in said:
        plain = re.sub(r"optimism .*?\d\.\d{3}|The optimism of .*?”\.|\(\d+ %\)", "", text)
        told = {number for number in _numbers(plain) if float(number) not in (0, 1, 95)}
        assert told <= on_page, (text, told - on_page)
