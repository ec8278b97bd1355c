"""``TableOne``: characteristics of the patients, as a result that can be shown and written."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import pandas as pd

from lbp_prognosis._base import Result, visible, word_file, write_file

__all__ = ["TableOne"]

_NOTE = (
    "Mean (SD), median [quartiles] where the sample skewness is beyond ±1 or as declared, or n (%). Shares of "
    "categories are of those known, of missing values of all. Differences are standardised, of known values: of two "
    "groups the second less the first, of two categories of the second, of more without a sign. No p-values are given."
)


@dataclass(frozen=True, repr=False)
class TableOne(Result):
    """Characteristics of the patients, overall and by group.

    Cells are not masked: for a table for release see `report.write_page`.

    Attributes
    ----------
    table : DataFrame
        ``variable, value, missing``, then one column per group and ``overall``, then the standardised difference:
        ``smd`` of two groups, ``smd (a,b)`` for each pair of more. Cells are text: mean (SD), median [quartiles] or n
        (%). Missing values have a separate row. Patients whose group is missing have a column ``not recorded``, which
        enters no difference.
    groups : dict of str to int
        Patients per group; empty without groups.
    n : int
        Patients in all.
    differences : DataFrame
        Standardised differences as numbers: ``variable, first, second, difference`` (second less first).
    kinds : dict of str to str
        Kind of each variable: ``number``, ``category``, ``date`` or ``text``.
    synthetic : bool
        Whether the data were simulated.
    labels : dict of str to str
        Labels of variables, shown next to their names in HTML and Word.
    """

    table: pd.DataFrame
    groups: dict[str, int]
    n: int
    differences: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    kinds: dict[str, str] = field(default_factory=dict, repr=False)
    synthetic: bool = False
    labels: dict[str, str] = field(default_factory=dict, repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table

    def to_html(self, caption: str = "Table 1. Patients at time zero.") -> str:
        """Return the table as HTML; a variable is named once, before its rows.

        Parameters
        ----------
        caption : str
            Caption above the table.
        """
        head, *rows = self._cells()
        top = "".join(f'<th scope="col">{escape(visible(cell))}</th>' for cell in head)
        body = "".join(
            "<tr>"
            + (f'<th scope="row">{escape(visible(row[0]))}</th>' if row[0] else "<td></td>")  # of the variable above
            + "".join(f"<td>{escape(visible(c))}</td>" for c in row[1:])
            + "</tr>"
            for row in rows
        )
        said = "".join(f"<p><small>{escape(text)}</small></p>" for text in self._notes())
        return (
            f'<table border="0"><caption>{escape(visible(caption))}</caption><thead><tr>{top}</tr></thead>'
            f"<tbody>{body}</tbody></table>{said}"
        )

    def to_word(self, path: str | os.PathLike[str], caption: str = "Table 1. Patients at time zero.") -> Path:
        """Write the table as a Word document and return its path; the same table gives the same bytes.

        Parameters
        ----------
        path : path
            File to write; its folder must exist.
        caption : str
            Caption above the table.

        Raises
        ------
        MissingPackageError
            Without the extra ``report``.
        """
        content = word_file(caption, [caption, self._cells(), *self._notes()], caller="TableOne.to_word")
        return write_file(path, content)

    def _cells(self) -> list[list[str]]:
        """Return header and rows as text, each variable named once."""
        names = pd.Series(
            [self._with_label(str(name)) for name in self.table["variable"]], self.table.index, dtype=object
        )
        shown = self.table.astype(str).assign(variable=names.mask(names.eq(names.shift()), ""))
        heads = {"value": "level", "smd": "standardised difference"}
        return [[heads.get(str(c), str(c)) for c in shown.columns], *shown.values.tolist()]

    def _with_label(self, variable: str) -> str:
        """Return the name of a row with the label of its variable, e.g. ``odi (Oswestry index), mean (SD)``."""
        # of ``wait`` and ``wait, again`` the longer, whether it has a label or not
        name = max((one for one in self.kinds if variable.startswith(f"{one}, ")), key=len, default="")
        label = self.labels.get(name)
        return f"{name} ({label}){variable[len(name) :]}" if label else variable

    def _notes(self) -> list[str]:
        return [_NOTE, *(["Simulated data: not evidence about any patient."] if self.synthetic else [])]

    def _repr_html_(self) -> str:
        return self.to_html()

    def _summary(self) -> str:
        by = ", ".join(f"{name} {n}" for name, n in self.groups.items())
        return f"{len(self.kinds)} variables, {self.n} patients" + (f" ({by})" if by else "")
