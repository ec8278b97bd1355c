"""``folder_lock``: one run per folder, a second one is refused; ``file_lock``: one change of a file, others wait."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base._write_file import TEMPORARY

__all__ = ["LOCK", "file_lock", "folder_lock"]

LOCK = ".lbp-lock"
_held: dict[tuple[str, int], int] = {}


@contextmanager
def folder_lock(name: str, path: str | os.PathLike[str]) -> Iterator[Path]:
    """Hold a folder for one run; the system lets go of it when the process ends, however it ends.

    What an earlier, killed run left unfinished in the folder is removed. One run may hold its folder more than once.

    Parameters
    ----------
    name : str
        The argument, for the message.
    path : path
        A folder that is there.

    Raises
    ------
    ArgumentError
        If another run holds it.
    """
    folder = Path(path)
    key = (str(folder.resolve()), threading.get_ident())
    if _held.get(key):
        _held[key] += 1
        try:
            yield folder
        finally:
            _held[key] -= 1
        return
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _taken(handle):
            raise argument_error(
                name,
                "a folder that no other run writes to",
                f"{str(folder)!r}, which another run holds",
                "Wait for its end, or name another folder.",
            )
        _held[key] = 1
        for left in folder.glob(f"{TEMPORARY}*"):
            left.unlink(missing_ok=True)
        try:
            yield folder
        finally:
            del _held[key]
            # removed while it is held: who opened it meanwhile locks a file without a name, and finds out below
            (folder / LOCK).unlink(missing_ok=True)
    finally:
        os.close(handle)


@contextmanager
def file_lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a file while it is read, changed and written again; who comes meanwhile waits.

    The lock is a file beside it that is gone afterwards: `write_file` puts a new file under the name of the old one.

    Parameters
    ----------
    path : path
        Of the file, which need not exist yet; its folder must be there.
    """
    beside = Path(path).with_name(f"{LOCK}-{Path(path).name[-60:]}")
    handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    while not _taken(handle, wait=True):  # removed by the one before
        os.close(handle)
        handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield
    finally:
        beside.unlink(missing_ok=True)
        os.close(handle)


def _taken(handle: int, *, wait: bool = False) -> bool:
    """Lock the file; where the system has no locks a run goes on without."""
    try:
        import fcntl
    except ImportError:
        return True
    system: Any = fcntl
    try:
        system.flock(handle, system.LOCK_EX | (0 if wait else system.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return os.fstat(handle).st_nlink > 0
