"""Page breaks of an evidence page in Chromium: short tables are kept whole, and headings stay with what follows."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from chromium import needs_browser, pages_on_paper

CSS = resources.files("lbp_prognosis.report").joinpath("templates/page.css").read_text(encoding="utf-8")
LETTER = "@page{size:letter}"  # 247 mm between the margins


def page(*parts: str) -> str:
    return f"<!doctype html><style>{CSS}{LETTER}</style><body><div class='wrap'>{''.join(parts)}</div></body>"


def space(height: int) -> str:
    return f"<div style='height:{height}mm'></div>"


def table(rows: int, height: int) -> str:
    row = f"<tr><td style='height:{height}mm'>1</td></tr>"
    return f"<div class='table'><table><thead><tr><th>n</th></tr></thead><tbody>{row * rows}</tbody></table></div>"


@needs_browser
@pytest.mark.slow
def test_a_short_table_is_not_cut_and_a_long_one_is(tmp_path: Path) -> None:
    # 150 + 140 + 115 mm are less than two sheets; a table that moves to the second as a whole needs a third
    assert pages_on_paper(tmp_path, page(space(150), table(12, 11), space(115))) == 3
    assert pages_on_paper(tmp_path, page(space(150), table(24, 5), space(70))) == 2


@needs_browser
@pytest.mark.slow
def test_a_heading_moves_with_its_figure(tmp_path: Path) -> None:
    figure = "<div class='figures'><figure><div style='height:100mm'></div></figure></div>"
    head = "<h2>Patients</h2><p class='question'>Who are the patients?</p>"
    # the figure moves to the second sheet; so does its heading, and the rest no longer fits there
    assert pages_on_paper(tmp_path, page(space(180), head, figure, space(135))) == 3
    assert pages_on_paper(tmp_path, page(space(180), figure, space(135))) == 2
