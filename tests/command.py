"""The command line, called within the process: fast enough for a hundred hostile files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

__all__ = ["Called", "call"]


@dataclass(frozen=True)
class Called:
    """Exit status and what was printed."""

    status: int
    out: str
    err: str


def call(capsys: Any, monkeypatch: Any, *arguments: object) -> Called:
    """Run ``lbp-prognosis`` with arguments."""
    from lbp_prognosis.cli import main

    monkeypatch.setattr(sys, "argv", ["lbp-prognosis", *map(str, arguments)])
    capsys.readouterr()
    status = 0
    try:
        main()
    except SystemExit as stop:
        status = 0 if stop.code is None else int(stop.code)
    printed = capsys.readouterr()
    return Called(status, printed.out, printed.err)
