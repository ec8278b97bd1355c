"""``Section`` and its contents, words, tables and figures, independent of HTML, CSV and Word."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from lbp_prognosis._base import reason_of

__all__ = ["Block", "Notice", "Numbers", "Picture", "Section", "Table", "Words"]


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    kind: str = "words"


@dataclass(frozen=True)
class Notice:
    """A paragraph that readers must not overlook.

    Attributes
    ----------
    text : str
        Text.
    tone : {"doubt", "absent", "simulated"}
        Kind of notice.
    """

    text: str
    tone: str = "doubt"
    kind: str = "notice"


@dataclass(frozen=True)
class Table:
    """A table for reading: all cells are text.

    Attributes
    ----------
    name : str
        Name of its file, without extension.
    caption : str
        Description of the contents.
    frame : pandas.DataFrame
        Text, with one header per column. A cell made by `gap` carries the reason of a number that is missing.
    note : str
        Note under the table; `notes` has the reasons too.
    head : int
        Columns from the left that are labels and not numbers.
    group : str
        Column whose repeated values are shown once.
    """

    name: str
    caption: str
    frame: pd.DataFrame = field(repr=False)
    note: str = ""
    head: int = 1
    group: str = ""
    kind: str = "table"

    @cached_property
    def _footnotes(self) -> tuple[list[list[str]], str]:
        """Cells with a mark in the place of each reason, and the reasons by mark; without marks if there is one."""
        cells = self.frame.astype(object).where(self.frame.notna(), "").astype(str).values.tolist()
        parts = [[reason_of(cell) for cell in row] for row in cells]
        reasons = list(dict.fromkeys(why for row in parts for _, why in row if why))
        marks = {why: str(k).translate(_RAISED) for k, why in enumerate(reasons, start=1)}
        shown = [[text + marks.get(why, "") for text, why in row] for row in parts]
        return shown, " ".join(f"{mark} {why[:1].upper()}{why[1:].rstrip('.')}." for why, mark in marks.items())

    @property
    def cells(self) -> list[list[str]]:
        """Cells as they are shown: a number that is missing has the mark of its reason."""
        return self._footnotes[0]

    @property
    def notes(self) -> str:
        """The note, and why numbers are missing."""
        return " ".join(filter(None, (self.note, self._footnotes[1])))


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, with a text alternative.

    Attributes
    ----------
    source : str
        ``data:image/svg+xml;base64,…``.
    alt : str
        Description of the contents.
    caption : str
        Under it.
    wide : bool
        Whether the figure takes the whole width.
    hover : str
        Markup of the layer that shows values under the pointer; may be empty.
    """

    source: str = field(repr=False)
    alt: str
    caption: str
    wide: bool = False
    hover: str = field(default="", repr=False)
    kind: str = "picture"


@dataclass(frozen=True)
class Numbers:
    """Headline numbers.

    Attributes
    ----------
    items : tuple of (str, str, str, str)
        Label, value, interval or why there is none, sample.
    """

    items: tuple[tuple[str, str, str, str], ...]
    kind: str = "numbers"


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
Block = Words | Notice | Table | Picture | Numbers


_TITLES = {
    "answer": "Summary",
    "patients": "Patients",
    "measurement": "Reliability",
    "outcome": "Outcome",
    "states": "States",
    "scores": "Scores",
    "discrimination": "Discrimination",
    "calibration": "Calibration",
    "decisions": "Clinical utility",
    "added": "Added value",
    "subgroups": "Subgroups",
    "treatment": "Treatment during follow-up",
    "updates": "Updated predictions",
    "sites": "Transportability",
    "explanations": "Explanations",
    "optimism": "Optimism",
    "release": "Release",
    "provenance": "Provenance",
}


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    key : str
        Its anchor.
    question : str
        Question that the section answers; may be empty.
    blocks : tuple of Block
        In order.
    """

    key: str
    question: str
    blocks: tuple[Block, ...]

    @property
    def title(self) -> str:
        """Heading, in the words of prognosis research."""
        return _TITLES[self.key]
