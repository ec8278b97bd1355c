"""``print_headline``: where the page lies, and five numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["print_headline"]


def print_headline(headline: Any, page: Path, sample: str, *, synthetic: bool = False, leaves: bool = False) -> None:
    """Print the headline numbers with their intervals, why one is missing, and the path of the page."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from lbp_prognosis._base import DASH, gap

    console = Console(highlight=False)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column(sample)
    table.add_column("estimate", justify="right")
    table.add_column("95% interval", justify="right")
    for row in headline.itertuples():
        value, low_high = (DASH if row.value != row.value else f"{row.value:z.3f}"), DASH
        if row.low == row.low:
            low_high = f"{row.low:z.3f} to {row.high:z.3f}"
        table.add_row(Text(str(row.label)), value, low_high)
    console.print(table)
    for row in headline.itertuples():
        if row.value != row.value or row.low != row.low:
            why = gap(str(getattr(row, "reason", "") or ""), str(row.label))
            console.print(why, markup=False, soft_wrap=True)
    if synthetic:
        console.print("Simulated data: not evidence about any patient.", style="bold yellow")
    if not leaves:
        console.print("Not for release: page and files show counts of single patients.", style="bold")
    console.print(f"Page: {page}", markup=False, soft_wrap=True)
