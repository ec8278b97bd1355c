"""``Section`` and what it holds: words, tables and pictures, before anybody decides on HTML, CSV or Word."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

__all__ = ["Block", "Notice", "Numbers", "Picture", "Section", "Table", "Words"]


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    kind: str = "words"


@dataclass(frozen=True)
class Notice:
    """A paragraph that must not be overlooked.

    Attributes
    ----------
    text : str
        What it says.
    tone : {"doubt", "absent", "simulated"}
        Why it stands out.
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
        Of its file, without ending.
    caption : str
        What it shows.
    frame : pandas.DataFrame
        Text, with a header a column.
    note : str
        Under the table.
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


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, with words for those who do not see it.

    Attributes
    ----------
    source : str
        ``data:image/svg+xml;base64,…``.
    alt : str
        What it shows.
    caption : str
        Under it.
    wide : bool
        Whether it takes the whole width.
    """

    source: str = field(repr=False)
    alt: str
    caption: str
    wide: bool = False
    kind: str = "picture"


@dataclass(frozen=True)
class Numbers:
    """Headline numbers.

    Attributes
    ----------
    items : tuple of (str, str, str, str)
        Label, value, interval, sample.
    """

    items: tuple[tuple[str, str, str, str], ...]
    kind: str = "numbers"


Block = Words | Notice | Table | Picture | Numbers


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    key : str
        Its anchor.
    title : str
        The question it answers.
    blocks : tuple of Block
        In order.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]
