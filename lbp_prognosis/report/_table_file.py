"""Tables of the page as files, with the same bytes in the folder and behind the link next to the table."""

from __future__ import annotations

import base64
import re

import pandas as pd

from lbp_prognosis._base import inert_cells
from lbp_prognosis.report._blocks import Table

__all__ = ["csv_link", "csv_name", "csv_text"]


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV; cells that a spreadsheet would read as formulas are text."""
    return str(inert_cells(frame).to_csv(index=False, lineterminator="\n"))


def csv_name(block: Table) -> str:
    """Return the name of a table's file."""
    return re.sub(r"[^a-z0-9_]+", "_", block.name.lower()) + ".csv"


def csv_link(block: Table) -> str:
    """Return the file as a self-contained link, so that a page sent without its folder keeps its tables."""
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(csv_text(block.frame).encode("utf-8")).decode(
        "ascii"
    )
