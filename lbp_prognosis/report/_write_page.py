"""``write_page``: the page, and tables and figures for a manuscript, in one folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from lbp_prognosis._base import (
    LOCK,
    argument_error,
    check_writable,
    folder_lock,
    holds,
    make_folder,
    require,
    visible,
    word_file,
    write_file,
)
from lbp_prognosis.report._blocks import Section, Table
from lbp_prognosis.report._counted_thresholds import counted_thresholds
from lbp_prognosis.report._more_numbers import more_numbers
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._released_page import released_page
from lbp_prognosis.report._render_page import page_sections, render_page, render_summary
from lbp_prognosis.report._reporting_form import banners
from lbp_prognosis.report._table_file import csv_name, csv_text

__all__ = ["page_files", "write_page"]

_PAGE = "evidence.html"
_MARK = "NOT_FOR_RELEASE.txt"
_UNRELEASED = (
    "Not for release. The page, its figures and the tables in this folder show counts of single patients.\n"
    'They stay where the data are. To make a page that may leave: mode = "release".\n'
)


def write_page(page: Page, folder: str | os.PathLike[str], *, n_jobs: int | None = None) -> Path:
    """Write ``evidence.html``, ``tables/`` (CSV, HTML, Word), ``results.parquet`` and ``provenance.json``.

    ``summary.html`` is the page in short, one screen for a meeting: headline numbers, reliability of the predictions,
    net benefit, and the supported claims.

    A page with a ``gate`` is written after disclosure control. A page without a gate shows all results, carries a
    banner, and is accompanied by the file ``NOT_FOR_RELEASE.txt``; only the owner may read its files and enter the
    folders made for it (0600 and 0700).

    Parameters
    ----------
    page : Page
        The page.
    folder : path
        Created if absent; files with these names in it are replaced.
    n_jobs : int, optional
        Processes that draw the figures of a page that is not for release; the files are the same bytes.

    Returns
    -------
    pathlib.Path
        Path of ``evidence.html``, which is written last: if it exists, so do all other files.

    Raises
    ------
    ArgumentError
        If the folder cannot be written, another run writes to it, or a page for release would be next to files that are
        not for release.
    DisclosureError
        If earlier releases in the page's ledger forbid this one.
    OSError
        If the disk is full; no file is left half written.

    See Also
    --------
    lbp_prognosis.report.evaluation_page : How do results become a page?

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from lbp_prognosis import Surv, evaluate
    >>> from lbp_prognosis.report import evaluation_page, write_page
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=300)
    >>> t, c = rng.exponential(12 * np.exp(-x)), rng.uniform(6, 24, 300)
    >>> y = Surv.right(np.minimum(t, c), t <= c)
    >>> found = evaluate(y, {"score": 1 - np.exp(-np.exp(x) * 6 / 12)}, 6)
    >>> page = evaluation_page(found, unit="months")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_page(page, folder)
    ...     sorted(file.name for file in path.parent.iterdir())
    ['NOT_FOR_RELEASE.txt', 'evidence.html', 'provenance.json', 'results.parquet', 'summary.html', 'tables']
    """
    page = released_page(page)
    files = page_files(page, n_jobs)  # all contents come before the first file: an error leaves the folder unchanged
    private = page.release is None
    target = check_writable("folder", folder, private=private)
    digest = hashlib.sha256(b"".join(_bytes(content) for content in files.values())).hexdigest()
    if page.release is not None:
        _check_alone(target, set(files))
        page.release.check(digest)
    make_folder(target / "tables", private=private)
    with folder_lock("folder", target):
        if page.release is not None and not page.release.insufficient:
            page.release.close(page.title, digest)  # first, so that the folder contains no page that the ledger lacks
        for name, content in files.items():
            write_file(target / name, content, private=private)
    return target / _PAGE


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8")


def _check_alone(target: Path, names: set[str]) -> None:
    """Refuse a folder that would mix files for release with others."""
    found = [target / _MARK, *((target / "tables").glob("*") if (target / "tables").is_dir() else ())]
    beside = [p.relative_to(target).as_posix() for p in found if p.is_file() and p.name != LOCK]
    beside = sorted(name for name in beside if name not in names)
    if beside:
        raise argument_error(
            "folder",
            "empty, or one that contains this release alone",
            f"one with {', '.join(beside[:3])}",
            "The other files are from another run and may not be for release: choose another folder.",
        )


def page_files(page: Page, n_jobs: int | None = None) -> dict[str, str | bytes]:
    """Return the contents of the files of a page by name; ``evidence.html`` last, to mark a complete folder."""
    page = released_page(page)
    sections = page_sections(page, n_jobs)
    tables = [block for section in sections for block in section.blocks if isinstance(block, Table)]
    ladder = page.evidence.ladder(page.claims) if page.ladder is None else page.ladder
    numbers = _all_numbers(page) if page.numbers is None else page.numbers
    told = (
        {**page.provenance} if page.release is not None else {**page.provenance, "release": {"mode": "not-for-release"}}
    )
    made_by = json.dumps(told, indent=1, ensure_ascii=False, default=str, sort_keys=False)
    require("pyarrow", caller="write_page", extra="report")
    parquet = io.BytesIO()
    written = _plain(numbers)
    written.attrs["counted_thresholds"] = counted_thresholds(page, written)  # kept by pandas in the file
    written.to_parquet(parquet, index=False)
    files: dict[str, str | bytes] = {f"tables/{csv_name(block)}": csv_text(block.frame) for block in tables}
    files["tables/evidence_ladder.csv"] = csv_text(ladder)
    files["tables/tables.html"] = _tables_html(page, tables)
    files["tables/tables.docx"] = _tables_word(page, sections)
    files["results.parquet"] = parquet.getvalue()
    files["provenance.json"] = made_by + "\n"
    if page.release is None:
        files[_MARK] = _UNRELEASED
    files["summary.html"] = render_summary(page, sections)
    files[_PAGE] = render_page(page, sections)
    return files


def _all_numbers(page: Page) -> pd.DataFrame:
    """Return the rows of ``results.parquet`` of a page that is not for release."""
    found = page.evidence.to_frame()
    more = [frame.reindex(columns=list(found.columns)) for frame in more_numbers(page)]
    return pd.concat([frame.astype(object) for frame in (found, *more)], ignore_index=True) if more else found


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of types that Parquet knows: numbers, words, yes or no."""
    out = frame.copy()
    for column in out.columns:
        if out[column].dtype == object or holds(out[column]) == "text":
            number = pd.to_numeric(out[column], errors="coerce")
            if number.notna().sum() == out[column].notna().sum() and column not in ("model", "group", "reason"):
                out[column] = number
            else:
                out[column] = out[column].map(lambda value: None if pd.isna(value) else str(value))
    return out


def _cells(block: Table) -> list[list[str]]:
    """Return the cells as text, with a repeated group label only once, as in print."""
    frame = pd.DataFrame(block.cells, columns=block.frame.columns)
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
        note = f"<p><small>{escape(block.notes)}</small></p>" if block.notes else ""
        parts.append(
            f'<h3>{escape(block.caption)}</h3><table style="border-collapse:collapse"><thead><tr>{head}</tr>'
            f"</thead><tbody>{body}</tbody></table>{note}"
        )
    mark = "".join(
        f"<p><b>{escape(words)}</b></p>"
        for words in banners(released=page.release is not None, synthetic=page.synthetic)
    )
    return visible(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(page.title)}: tables</title></head>'
        f'<body style="font-family:serif"><main>{mark}{"".join(parts)}</main></body></html>\n'
    )


def _tables_word(page: Page, sections: tuple[Section, ...]) -> bytes:
    parts: list[Any] = [(1, page.title)]
    parts += banners(released=page.release is not None, synthetic=page.synthetic)
    for section in sections:
        tables = [block for block in section.blocks if isinstance(block, Table)]
        if tables:
            parts.append((2, section.title))
        for block in tables:
            parts += [block.caption, [list(map(str, block.frame.columns)), *_cells(block)]]
            if block.notes:
                parts.append(block.notes)
    return word_file(page.title, parts, caller="write_page")
