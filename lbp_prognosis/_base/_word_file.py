"""``word_file``: the adapter to python-docx. Headings, words and tables to the bytes of a document."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Sequence

from lbp_prognosis._base._optional import require
from lbp_prognosis._base._visible import visible

__all__ = ["word_file"]

Part = tuple[int, str] | str | Sequence[Sequence[str]]
_WORDS = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FIRST = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip archive knows


def word_file(title: str, parts: Iterable[Part], *, caller: str) -> bytes:
    """Return a Word document; the same content gives the same bytes.

    Parameters
    ----------
    title : str
        Of the document.
    parts : iterable
        In order: (level, text) for a heading, a str for a paragraph, rows of cells for a table whose first row is its
        header.
    caller : str
        Public name of the caller, for the message where python-docx is absent.

    Raises
    ------
    MissingPackageError
        Without the extra ``report``.
    """
    docx = require("docx", caller=caller, extra="report")
    document = docx.Document()
    # no date of the run: the same results make the same file
    document.core_properties.created = document.core_properties.modified = datetime.datetime(2000, 1, 1)
    document.core_properties.title = _printable(title)
    document.core_properties.author = ""
    for part in parts:
        if isinstance(part, str):
            document.add_paragraph(_printable(part))
        elif isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], int):
            document.add_heading(_printable(str(part[1])), level=part[0])
        else:
            _add_table(document, [list(map(str, row)) for row in part])
    buffer = io.BytesIO()
    document.save(buffer)
    return _undated(buffer.getvalue())


def _add_table(document: object, rows: list[list[str]]) -> None:
    made = document.add_table(rows=len(rows), cols=len(rows[0]))  # type: ignore[attr-defined]
    made.style = "Light List"
    header = made.rows[0]._tr.get_or_add_trPr()
    header.append(header.makeelement(f"{_WORDS}tblHeader", {}))  # at the top of each page that the table reaches
    for line, row in zip(made.rows, rows):
        for cell, text in zip(line.cells, row):
            cell.text = _printable(text)


def _printable(text: str) -> str:
    """Return text without what Word's XML forbids (controls, lone surrogates); what is hidden as its code."""
    return visible(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text))


def _undated(content: bytes) -> bytes:
    """Return a zip archive whose members carry no time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            told = zipfile.ZipInfo(entry.filename, _FIRST)
            told.compress_type, told.external_attr, told.create_system = zipfile.ZIP_DEFLATED, 0o600 << 16, 3
            new.writestr(told, old.read(entry))
    return buffer.getvalue()
