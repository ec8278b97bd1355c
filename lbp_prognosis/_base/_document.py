"""``Document``: headings, paragraphs and tables, written alike as HTML, Markdown and Word."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import cast

from lbp_prognosis._base._visible import visible
from lbp_prognosis._base._word_file import Part, word_file

__all__ = ["Document"]


@dataclass(frozen=True)
class Document:
    """A short text with tables.

    Attributes
    ----------
    title : str
        First heading.
    parts : tuple
        In order: (level, text) for a heading, a str for a paragraph, a list of rows of text for a table whose first
        row is its header.
    banners : tuple of str
        What must not be overlooked, above everything.
    pictures : tuple of (str, str, str)
        Heading below which a picture stands in HTML, its SVG, and its text for those who do not see it; in Markdown and
        Word the tables stand alone.
    """

    title: str
    parts: tuple[Part, ...]
    banners: tuple[str, ...] = ()
    pictures: tuple[tuple[str, str, str], ...] = ()

    def html(self) -> str:
        """Return one page without network or script; tables become lists on a narrow screen."""
        style = _style()
        digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
        marks = "".join(f'<p class="banner">{_safe(words)}</p>\n' for words in self.banners)
        body = "".join(_html_part(part) + self._figures(part) for part in self.parts)
        images = "img-src data:; " if self.pictures else ""
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            f"{images}style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{_safe(self.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
            f"<h1>{_safe(self.title)}</h1>\n{marks}{body}</main>\n</body>\n</html>\n"
        )

    def _figures(self, part: Part) -> str:
        heading = _heading(part)
        out = ""
        for below, svg, words in self.pictures:
            if heading is not None and heading[1] == below:
                code = base64.b64encode(svg.encode("utf-8")).decode("ascii")
                out += f'<p><img src="data:image/svg+xml;base64,{code}" alt="{_safe(words)}"></p>\n'
        return out

    def markdown(self) -> str:
        """Return the same as Markdown (CommonMark with tables)."""
        lines = [f"# {_plain(self.title)}", "", *(f"> **{_plain(words)}**\n" for words in self.banners)]
        for part in self.parts:
            lines += [_markdown_part(part), ""]
        return "\n".join(lines).rstrip("\n") + "\n"

    def word(self, *, caller: str) -> bytes:
        """Return the same as a Word document; the same content gives the same bytes.

        Parameters
        ----------
        caller : str
            Public name of the caller, for the message where python-docx is absent.

        Raises
        ------
        MissingPackageError
            Without the extra ``report``.
        """
        return word_file(self.title, [(0, self.title), *self.banners, *self.parts], caller=caller)


@cache
def _style() -> str:
    text = (files("lbp_prognosis._base") / "document.css").read_text(encoding="utf-8")
    return text.rstrip("\n")


def _safe(text: object) -> str:
    return escape(visible(str(text)), quote=True)


def _heading(part: Part) -> tuple[int, str] | None:
    if isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], int):
        return part[0], str(part[1])
    return None


def _html_part(part: Part) -> str:
    heading = _heading(part)
    if heading is not None:
        level = min(heading[0] + 1, 6)  # the title is the first
        return f"<h{level}>{_safe(heading[1])}</h{level}>\n"
    if isinstance(part, str):
        return f"<p>{_safe(part)}</p>\n"
    head, *rows = _rows(part)
    top = "".join(f'<th scope="col">{_safe(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>"
        + "".join(f'<td data-head="{_safe(name)}">{_safe(cell)}</td>' for name, cell in zip(head, row))
        + "</tr>\n"
        for row in rows
    )
    kind = ' class="pairs"' if len(head) == 2 else ""
    return f"<table{kind}><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table>\n"


def _rows(part: Part) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in cast("Sequence[Sequence[str]]", part)]


def _markdown_part(part: Part) -> str:
    heading = _heading(part)
    if heading is not None:
        return f"{'#' * min(heading[0] + 1, 6)} {_plain(heading[1])}"
    if isinstance(part, str):
        return _plain(part)
    head, *rows = _rows(part)
    lines: Sequence[Sequence[str]] = [head, ["---"] * len(head), *rows]
    marks = [k == 1 for k in range(len(lines))]
    return "\n".join(
        "| " + " | ".join(cell if mark else _plain(cell) for cell in line) + " |" for line, mark in zip(lines, marks)
    )


def _plain(text: str) -> str:
    """Return text in which no character is markup."""
    shown = re.sub(r"\s+", " ", visible(text)).strip()
    shown = re.sub(r"([\\`*_<>\[\]|])", r"\\\1", shown)
    shown = re.sub(r"^(#+|[+-])(?=\s|$)", r"\\\1", shown)
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", shown)
