"""The command line and scripts, called within the process: fast enough for a hundred hostile files."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Called", "call", "call_script"]


@dataclass(frozen=True)
class Called:
    """Exit status and what was printed."""

    status: int
    out: str
    err: str


def call(capsys: Any, monkeypatch: Any, *arguments: object) -> Called:
    """Run ``lbp-prognosis`` with arguments."""
    from lbp_prognosis.cli import main

    return _called(capsys, monkeypatch, main, "lbp-prognosis", *arguments)


def call_script(capsys: Any, monkeypatch: Any, script: Path, *arguments: object) -> Called:
    """Run ``python script`` with arguments."""
    return _called(capsys, monkeypatch, lambda: runpy.run_path(str(script), run_name="__main__"), script, *arguments)


def _called(capsys: Any, monkeypatch: Any, main: Callable[[], object], *arguments: object) -> Called:
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    capsys.readouterr()
    status = 0
    try:
        main()
    except SystemExit as stop:
        status = 0 if stop.code is None else int(stop.code)
    printed = capsys.readouterr()
    return Called(status, printed.out, printed.err)
