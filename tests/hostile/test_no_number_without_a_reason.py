"""Walks over what is printed: wherever a number or its interval is missing, the reason is said there."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
from hostile.odd_tables import ODD, odd_table

from lbp_prognosis._base import reason_of
from lbp_prognosis.cli._headline import print_headline
from lbp_prognosis.report import Page, released_page, render_page
from lbp_prognosis.report._blocks import Numbers, Picture, Section, Table
from lbp_prognosis.report._render_page import page_sections
from lbp_prognosis.study import evaluate_table

LABELS = {"horizon", "horizon (months)", "threshold", "patients", "mean predicted", "ICI if perfect"}
"""Columns whose numbers have no interval."""
NO_INTERVAL = {"treated per patient identified", "mean observed", "event predicted", "event observed"}
NUMBER = re.compile(r"[+−]?\d[\d.,]*")
MISSING = re.compile(r"–|\s*|.*\b(?:nan|inf|None|NaN|<NA>)\b.*")


@pytest.fixture(scope="module", params=ODD)
def page(request, tmp_path_factory) -> Page:
    table, arguments = odd_table(request.param)
    path = tmp_path_factory.mktemp("odd") / "predictions.csv"
    table.to_csv(path, index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of estimates that fail; the page says so
        return released_page(evaluate_table(path, **arguments))


def _bare_cells(sections: tuple[Section, ...]) -> Iterator[str]:
    """Yield each place of a page where a number, or its interval, is missing without a reason."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Table):
                for row in block.frame.astype(object).values.tolist():
                    for k, (column, cell) in enumerate(zip(block.frame.columns, row)):
                        label = k < block.head or column in LABELS | NO_INTERVAL
                        bare = NUMBER.fullmatch(str(cell)) and not label
                        if MISSING.fullmatch(str(cell)) or bare:
                            yield f"{block.name}, {column}, {row[:2]}: {cell!r}"
            elif isinstance(block, Numbers):
                yield from (str(item) for item in block.items if {"–", "no interval", ""} & {item[1], item[2]} - {"–"})
                yield from (str(item) for item in block.items if item[1] == "–" and len(item[2]) < 12)
            elif isinstance(block, Picture) and re.search(r"\bnan\b|–(?=[.;,])", block.alt):
                yield f"{section.key}, alternative text: {block.alt}"


def test_the_page_says_why_a_number_is_missing(page):
    if page.release is not None:
        pytest.skip("what is withheld is told in a section of its own; the next test reads its dashes")
    assert list(_bare_cells(page_sections(page, 1))) == []


def test_every_dash_of_the_page_has_a_footnote(page):
    """In the HTML that a reader sees: each dash is marked, and each mark is explained under its table."""
    html = unescape(render_page(page))
    for table in re.findall(r"<table.*?</div>", html, re.DOTALL):
        cells = [
            re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", table, re.DOTALL)
        ]
        note = re.sub(r"<[^>]+>", "", table.rpartition("</table>")[2])
        marks = {cell.lstrip("–") for cell in cells if cell.startswith("–")}
        assert "" not in marks, f"a dash without a reason: {cells}"
        assert all(f"{mark} " in note for mark in marks), (marks, note)


def test_the_terminal_says_why_a_number_is_missing(page):
    told = io.StringIO()
    with redirect_stdout(told):
        print_headline(page.headline, Path("evidence.html"), page.sample, leaves=page.release is not None)
    assert not re.search(r"\bnan\b", told.getvalue())
    missing = page.headline[page.headline["value"].isna() | page.headline["low"].isna()]
    for row in missing.itertuples():
        (line,) = (line for line in told.getvalue().splitlines() if line.startswith(f"{row.label} ("))
        assert reason_of("– " + line.removeprefix(f"{row.label} "))[1] == row.reason != ""


def test_python_results_say_why_a_number_is_missing(page):
    """The frame has a reason in the row, the summary table in the cell, a printed metric in its line."""
    if page.release is not None:
        pytest.skip("a page for release has no results of its own")
    found = page.evaluation
    frame = found.to_frame()
    frame = frame[frame["metric"] != "ici_null"]
    missing = frame[frame["value"].isna() | (frame["low"].isna() & (frame["model"] != "treat none"))]
    assert missing.loc[missing["reason"] == "", ["model", "metric", "threshold", "reference"]].to_dict("records") == []
    for table in (found.table(), found.difference_table()):
        for column in table.columns[2:]:
            for cell in table[column]:
                assert not re.fullmatch(r"–|.*\bnan\b.*", str(cell)), (column, cell)
                assert column == "ICI if perfect" or not NUMBER.fullmatch(str(cell)), (column, cell)
    for metrics in found.metrics.values():
        for result in metrics.values():
            assert not re.search(r"\bnan\b|no reason is given", repr(result)), repr(result)


def test_what_is_missing_is_found():
    """The walk itself: a dash without a reason in a table is reported, one with a reason is not."""
    table = Table("t", "Numbers.", pd.DataFrame({"m": ["a"], "AUC": ["–"], "IPA": ["– (not estimable: no event)"]}))
    assert list(_bare_cells((Section("answer", "", (table,)),))) == ["t, AUC, ['a', '–']: '–'"]
    assert table.cells == [["a", "–", "–¹"]]
    assert table.notes == "¹ No event."


def test_two_reasons_have_two_marks():
    cells = [
        "– (not estimable: no event)",
        "0.7 (no interval: one cluster)",
        "– (not estimable: no event)",
        "0.7 (0.6 to 0.8)",
    ]
    table = Table("t", "Numbers.", pd.DataFrame({"m": list("abcd"), "AUC": cells}), "95% intervals.")
    assert [row[1] for row in table.cells] == ["–¹", "0.7²", "–¹", "0.7 (0.6 to 0.8)"]
    assert table.notes == "95% intervals. ¹ No event. ² No interval: one cluster."
    assert list(table.frame["AUC"]) == cells  # files keep the reason in the cell
