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

    console = Console(highlight=False)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    table.add_column(sample)
    table.add_column("estimate", justify="right")
    table.add_column("95% interval", justify="right")
    for row in headline.itertuples():
        low_high = f"{row.low:z.3f} to {row.high:z.3f}" if row.low == row.low else ""
        table.add_row(Text(str(row.label)), f"{row.value:z.3f}", low_high)
    console.print(table)
    for row in headline.itertuples():
        if row.value != row.value:
            why = getattr(row, "reason", "") or "no reason is given"
            console.print(f"{row.label}: not estimable: {why}", markup=False, soft_wrap=True)
    if synthetic:
        console.print("Simulated data: not evidence about any patient.", style="bold yellow")
    if not leaves:
        console.print("Not for release: page and files show counts of single patients.", style="bold")
    console.print(f"Page: {page}", markup=False, soft_wrap=True)
