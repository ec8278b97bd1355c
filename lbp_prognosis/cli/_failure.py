"""``report_failure``: an error becomes words and an exit status."""

from __future__ import annotations

import sys
from typing import Any

from lbp_prognosis._base import (
    ArgumentError,
    DataError,
    DisclosureError,
    EstimationError,
    MissingPackageError,
    OutcomeError,
)

__all__ = ["print_failures", "report_failure"]

_MOST = 30
_MOST_ALIKE = 3  # rows of one kind of failure; more are counted, so that they do not hide the other kinds


def report_failure(error: Exception) -> int:
    """Print one sentence, and the failures if there are any; return the exit status."""
    failures = getattr(error, "failures", None)
    if failures is not None and len(failures):
        print_failures(failures, show_values=getattr(error, "show_values", False))
    words = _one_line(str(error)) or type(error).__name__
    if isinstance(error, DataError | OutcomeError | EstimationError):
        status, start = 1, "Data problem"
    elif isinstance(error, DisclosureError):
        status, start = 1, "Not released"
    elif isinstance(error, ArgumentError):
        status, start = 2, "Not accepted"
    elif isinstance(error, MissingPackageError):
        status, start = 2, "Missing package"
    elif isinstance(error, OSError):
        status, start = 1, "File problem"
        words = _one_line(f"{error.strerror or type(error).__name__}: {error.filename}")
    elif isinstance(error, MemoryError):
        status, start = 1, "Out of memory"
    else:
        status, start = 1, "A fault of the program, please report it"
        words = f"{type(error).__name__}: {words}"
    sys.stderr.write(f"{start}: {words}\n")
    return status


def _one_line(text: str) -> str:
    """Return text without line breaks and without what would move the cursor."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def print_failures(failures: Any, *, show_values: bool = False) -> None:
    """Print the failure frame, as plain text: a name from a table is never taken for markup.

    Values of patients are left out unless ``show_values`` asks for them.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from lbp_prognosis.schema import without_values

    frame = failures if show_values else without_values(failures)
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    columns = [c for c in ("table", "row", "field", "reason", "value", "message") if c in frame.columns]
    for column in columns:
        table.add_column(column, overflow="fold")
    kind = frame[[c for c in columns if c not in ("row", "value")]].astype(str).agg(", ".join, axis=1)
    shown = frame[(kind.groupby(kind, sort=False).cumcount() < _MOST_ALIKE).to_numpy()].head(_MOST)[columns]
    for row in shown.astype(object).where(shown.notna(), "").values.tolist():
        table.add_row(*(Text(_one_line(str(value))[:200]) for value in row))
    console = Console(stderr=False, highlight=False, soft_wrap=False)
    console.print(table)
    if len(frame) > len(shown):
        alike = kind.value_counts(sort=False)
        for words, n in alike[alike > _MOST_ALIKE].head(_MOST).items():
            console.print(Text(_one_line(f"{n} in all: {words}")[:300]))
        console.print(f"… {len(frame) - len(shown)} more; write all with --failures FILE.csv", markup=False)
