"""``row_level_files``: what this library wrote below a folder that holds single patients."""

from __future__ import annotations

import os
import re
from pathlib import Path

from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base._folder_lock import LOCK
from lbp_prognosis._base._write_file import TEMPORARY

__all__ = ["row_level_files"]

_TASK = re.compile(r"task-[0-9A-Za-z]+\.npz")
_EXTRACTED = ("biomarker.csv", "imaging_study.csv", "failures.csv")


def row_level_files(folder: str | os.PathLike[str]) -> list[tuple[Path, str]]:
    """Return files below a folder, each with what it is: ``checkpoint``, ``unfinished``, ``lock`` or ``result``.

    A folder is a checkpoint if it holds ``checkpoint.json``; results are the tables and pictures of an extraction.
    Links are not followed, and files that this library does not write are never named.

    Parameters
    ----------
    folder : path
        Of a run.

    Raises
    ------
    ArgumentError
        If it is no folder.
    """
    top = Path(folder)
    if "\x00" in str(top) or not top.is_dir():
        raise argument_error("run", "a folder that is there", repr(str(top)))
    found: list[tuple[Path, str]] = []
    for here, below, names in os.walk(top, followlinks=False):
        below.sort()
        place = Path(here)
        checkpoint = "checkpoint.json" in names
        extracted = {"provenance.json", *_EXTRACTED} <= set(names)
        drawn = place.name == "pictures" and {"provenance.json", *_EXTRACTED} <= set(os.listdir(place.parent))
        for name in sorted(names):
            path = place / name
            if path.is_symlink():
                continue
            if name.startswith(TEMPORARY):
                found.append((path, "unfinished"))
            elif name == LOCK:
                found.append((path, "lock"))
            elif checkpoint and (name == "checkpoint.json" or _TASK.fullmatch(name)):
                found.append((path, "checkpoint"))
            elif (extracted and name in _EXTRACTED) or (drawn and name.endswith(".png")):
                found.append((path, "result"))
    return found
