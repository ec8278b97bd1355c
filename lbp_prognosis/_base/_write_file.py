"""``write_file``: the one place that opens a file for writing. A file is complete under its name, or is not there.

The content goes to a temporary file in the same folder, to the disk, and only then to its name. A full disk, a kill or
Ctrl-C leaves what stood there before. No other module opens for writing; a test of the architecture says so.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from lbp_prognosis._base._errors import argument_error

__all__ = ["TEMPORARY", "check_writable", "make_folder", "write_file"]

TEMPORARY = ".lbp-unfinished-"
"""Prefix of the name of an unfinished file; only a killed process leaves one behind."""


def write_file(
    path: str | os.PathLike[str],
    content: bytes | bytearray | str | Callable[[BinaryIO], Any],
    *,
    private: bool = False,
) -> Path:
    """Write a file so that it is complete or absent, and return its path.

    Parameters
    ----------
    path : path
        Its folder must be there.
    content : bytes, str or callable
        Text is written as UTF-8, its line ends as they are; a callable gets the open binary file.
    private : bool, default False
        Whether only the owner may read it (0600): what has a row per patient.

    Raises
    ------
    OSError
        If the disk is full or the folder may not be written; what stood under the name stays.
    """
    target = Path(path)
    name = target.with_name(f"{TEMPORARY}{secrets.token_hex(4)}-{target.name[-60:]}")
    handle = _opened(name, target, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "w+b") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException as error:
        name.unlink(missing_ok=True)  # on Ctrl-C too
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(name)):
            raise type(error)(error.errno, error.strerror, str(target)) from error
        raise
    return target


def _opened(name: Path, target: Path, mode: int) -> int:
    """Open a new file that no other program has open; the system takes the umask off the mode."""
    try:
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(target)) from None


def make_folder(path: str | os.PathLike[str], *, private: bool = False) -> Path:
    """Make a folder and those above it; a private one may be entered by its owner alone (0700).

    A folder that is there already keeps its permissions.
    """
    folder = Path(path)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700 if private else 0o777, exist_ok=True)
    return folder


def check_writable(name: str, path: str | os.PathLike[str], *, private: bool = False) -> Path:
    """Return a folder that can be written to, made if it is not there: asked before any work.

    Raises
    ------
    ArgumentError
        If it is a file, or may not be made or written.
    """
    folder = Path(path)
    if "\x00" in str(folder):
        raise argument_error(name, "a folder", "a path with a NUL character")
    try:
        make_folder(folder, private=private)
        probe = folder / f"{TEMPORARY}{secrets.token_hex(4)}"
        os.close(_opened(probe, probe, 0o600))
        probe.unlink()
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise argument_error(
            name, "a folder that can be written to", f"{str(folder)!r} ({words})", "Name another folder."
        ) from None
    return folder
