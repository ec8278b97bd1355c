"""One text as HTML, Markdown and Word: nothing in it is markup, nothing is hidden, the same bytes each time."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from lbp_prognosis._base import Document, DocumentResult
from tests.chromium import dom_after, needs_browser

TEXT = Document(
    "A & B <script>",
    (
        "See *this* | and [that](x).",
        (1, "# Part"),
        [["what", "a|b"], ["x_y", "<b>\u202e"], ["", "1. first\nline"]],
        "2. Not a list",
        "- nor this",
    ),
    ("Careful",),
)


def test_html_escapes_and_is_alone() -> None:
    page = TEXT.html()
    assert "<script" not in page
    assert "A &amp; B &lt;script&gt;" in page
    assert "‹U+202E›" in page
    assert '<td data-head="a|b">' in page
    assert "<h2># Part</h2>" in page
    assert "content=\"default-src 'none'" in page
    assert '<p class="banner">Careful</p>' in page
    assert page == TEXT.html()


def test_markdown_has_no_markup_of_the_text() -> None:
    lines = TEXT.markdown().splitlines()
    assert lines[:3] == ["# A & B \\<script\\>", "", "> **Careful**"]
    assert "See \\*this\\* \\| and \\[that\\](x)." in lines
    assert "## \\# Part" in lines
    assert "| what | a\\|b |" in lines
    assert "| --- | --- |" in lines
    assert "| x\\_y | \\<b\\>‹U+202E› |" in lines
    assert "|  | 1\\. first line |" in lines
    assert "2\\. Not a list" in lines
    assert "\\- nor this" in lines


def test_word_has_the_same_parts() -> None:
    docx = pytest.importorskip("docx")
    content = TEXT.word(caller="here")
    assert content == TEXT.word(caller="here")
    found = docx.Document(io.BytesIO(content))
    assert [p.text for p in found.paragraphs][:3] == ["A & B <script>", "Careful", "See *this* | and [that](x)."]
    assert found.tables[0].cell(1, 0).text == "x_y"
    rows = [row._tr.xml.count("w:tblHeader") for row in found.tables[0].rows]
    assert rows == [1, *([0] * (len(rows) - 1))]  # repeated at the top of a page, the others not


class Told(DocumentResult):
    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})

    def document(self) -> Document:
        return TEXT


def test_a_result_that_is_a_text(tmp_path: Path) -> None:
    pytest.importorskip("docx")
    told = Told()
    assert told.to_html() == TEXT.html()
    assert told.to_markdown() == TEXT.markdown()
    assert told.to_word(tmp_path / "a.docx").read_bytes() == TEXT.word(caller="here")


@needs_browser
def test_a_browser_applies_the_style_of_its_digest(tmp_path: Path) -> None:
    plain = TEXT.html().replace("style-src", "script-src 'unsafe-inline'; style-src")
    seen = dom_after(
        tmp_path,
        plain + "<script>document.title=getComputedStyle(document.querySelector('.banner')).fontWeight</script>",
    )
    assert "<title>650</title>" in seen
