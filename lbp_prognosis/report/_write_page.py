"""``write_page``: the page and what goes into a manuscript, in one folder."""

from __future__ import annotations

import json
import os
import re
from html import escape
from pathlib import Path

import pandas as pd

from lbp_prognosis._base import inert_cells, require
from lbp_prognosis.report._blocks import Section, Table
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._render_page import page_sections, render_page
from lbp_prognosis.report._small_cells import mask_counts

__all__ = ["write_page"]


def write_page(page: Page, folder: str | os.PathLike[str]) -> Path:
    """Write ``evidence.html``, ``tables/`` (CSV, HTML, Word), ``results.parquet`` and ``provenance.json``.

    Parameters
    ----------
    page : Page
        What is to be shown.
    folder : path
        Made if it is not there; files of these names in it are replaced.

    Returns
    -------
    pathlib.Path
        Of ``evidence.html``.
    """
    target = Path(folder)
    (target / "tables").mkdir(parents=True, exist_ok=True)
    sections = page_sections(page)
    html = target / "evidence.html"
    html.write_text(render_page(page, sections), encoding="utf-8", newline="\n")
    tables = [block for section in sections for block in section.blocks if isinstance(block, Table)]
    for block in tables:
        inert_cells(block.frame).to_csv(
            target / "tables" / f"{_file_name(block.name)}.csv", index=False, lineterminator="\n"
        )
    ladder = page.evidence.ladder(page.claims)
    inert_cells(ladder).to_csv(target / "tables" / "evidence_ladder.csv", index=False, lineterminator="\n")
    text = _tables_html(page, tables)
    (target / "tables" / "tables.html").write_text(text, encoding="utf-8", newline="\n")
    _tables_word(page, sections, target / "tables" / "tables.docx")
    numbers = mask_counts(page.evidence.to_frame(), ("n", "n_events"), page.smallest_cell)
    _plain(numbers).to_parquet(target / "results.parquet", index=False)
    told = json.dumps(dict(page.provenance), indent=1, ensure_ascii=False, default=str, sort_keys=False)
    (target / "provenance.json").write_text(told + "\n", encoding="utf-8", newline="\n")
    return html


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower())


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of types that Parquet knows: numbers, words, yes or no."""
    out = frame.copy()
    for column in out.columns:
        if out[column].dtype == object:
            number = pd.to_numeric(out[column], errors="coerce")
            if number.notna().sum() == out[column].notna().sum() and column not in ("model", "group", "reason"):
                out[column] = number
            else:
                out[column] = out[column].map(lambda value: None if pd.isna(value) else str(value))
    return out


def _cells(block: Table) -> list[list[str]]:
    """Return the cells as text, a repeated label of a group once, as in print."""
    frame = block.frame.fillna("").astype(str)
    if block.group:
        frame[block.group] = frame[block.group].mask(frame[block.group].eq(frame[block.group].shift()), "")
    return frame.values.tolist()


def _tables_html(page: Page, tables: list[Table]) -> str:
    cell = "border-bottom:1px solid #ccc;padding:3px 10px 3px 0;text-align:left;vertical-align:top"
    parts = []
    for block in tables:
        head = "".join(f'<th style="{cell};border-bottom:1.5px solid #000">{escape(str(c))}</th>' for c in block.frame)
        body = "".join(
            "<tr>" + "".join(f'<td style="{cell}">{escape(str(v))}</td>' for v in row) + "</tr>"
            for row in _cells(block)
        )
        note = f"<p><small>{escape(block.note)}</small></p>" if block.note else ""
        parts.append(
            f'<h3>{escape(block.caption)}</h3><table style="border-collapse:collapse"><thead><tr>{head}</tr>'
            f"</thead><tbody>{body}</tbody></table>{note}"
        )
    mark = "<p><b>Simulated data: no evidence about anyone.</b></p>" if page.synthetic else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(page.title)}: tables</title></head>'
        f'<body style="font-family:serif">{mark}{"".join(parts)}</body></html>\n'
    )


def _tables_word(page: Page, sections: tuple[Section, ...], path: Path) -> None:
    import datetime

    docx = require("docx", caller="write_page", extra="report")
    document = docx.Document()
    # no date of the run: the same results make the same file
    document.core_properties.created = document.core_properties.modified = datetime.datetime(2000, 1, 1)
    document.core_properties.title = _printable(page.title)
    document.core_properties.author = ""
    document.add_heading(_printable(page.title), level=1)
    if page.synthetic:
        document.add_paragraph("Simulated data: no evidence about anyone.")
    for section in sections:
        tables = [block for block in section.blocks if isinstance(block, Table)]
        if tables:
            document.add_heading(_printable(section.title), level=2)
        for block in tables:
            document.add_paragraph(_printable(block.caption))
            made = document.add_table(rows=1, cols=block.frame.shape[1])
            made.style = "Light List"
            rows = [list(map(str, block.frame.columns)), *_cells(block)]
            for k, row in enumerate(rows):
                cells = made.rows[0].cells if k == 0 else made.add_row().cells
                for cell, text in zip(cells, row):
                    cell.text = _printable(text)
            if block.note:
                document.add_paragraph(_printable(block.note))
    document.save(str(path))


def _printable(text: str) -> str:
    """Return text without the control characters that Word's XML forbids."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text)
