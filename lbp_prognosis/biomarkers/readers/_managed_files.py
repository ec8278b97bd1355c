"""Files that a data manager (git-annex, DataLad, DVC, Git LFS) keeps elsewhere."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from lbp_prognosis._base import DataError

__all__ = ["check_fetched", "files_below"]

_STORES = (("annex", "objects"), (".dvc", "cache"))
_POINTERS = {b"version https://git-lfs": "Git LFS", b"/annex/objects/": "git-annex"}
_FETCH = "Fetch it (git annex get, datalad get, git lfs pull, dvc pull) and call again."


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and below, by name.

    Links are left out, as they may lead anywhere, except those into the store of a data manager.

    Raises
    ------
    DataError
        If such a link has no content.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and not _stored(path):
            continue
        check_fetched(path)
        if path.is_file():
            found.append(path)
    return found


def check_fetched(path: Path) -> None:
    """Refuse a link or a pointer whose content is not here.

    Raises
    ------
    DataError
        With the commands that fetch it.
    """
    if path.is_symlink() and not path.exists():
        raise DataError(f"{path} is a link whose content is not on this machine. {_FETCH}")
    if not path.exists() and path.with_name(f"{path.name}.dvc").is_file():
        raise DataError(f"{path} is not on this machine: only its DVC description is there. {_FETCH}")
    if path.is_file() and path.stat().st_size < 1024:
        start = path.read_bytes()
        for mark, manager in _POINTERS.items():
            if start.startswith(mark):
                raise DataError(f"{path} is a pointer of {manager} and not the file itself. {_FETCH}")


def _stored(link: Path) -> bool:
    """Say whether a link leads into the store of a data manager."""
    parts = link.resolve().parts
    return any(pair in pairwise(parts) for pair in _STORES)
