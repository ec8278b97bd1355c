"""Finished work is written as it is finished, and found again after a kill.

A checkpoint is a folder with one npz file per task and a JSON file that names what the work was. Arrays only: no
object that could run code is ever written or read. Every file carries a digest of its arrays, its task and the work:
one that was edited, cut short, exchanged for another or written by another run is said and done again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base._write_file import check_writable, write_file

__all__ = ["Checkpoint", "content_hash"]

_DIGEST = "_digest"
_log = logging.getLogger("lbp_prognosis")


def content_hash(*parts: Any) -> str:
    """Return a SHA-256 over arrays, frames and JSON-like values: the same content gives the same name."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype != object:
            digest.update(str(part.dtype.descr).encode())
            digest.update(str(part.shape).encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        elif hasattr(part, "to_numpy") and hasattr(part, "columns"):
            import pandas as pd

            digest.update(json.dumps([str(c) for c in part.columns]).encode())
            digest.update(pd.util.hash_pandas_object(part, index=False).to_numpy().tobytes())
        else:
            digest.update(json.dumps(part, sort_keys=True, default=str).encode())
        digest.update(b"\x00")
    return digest.hexdigest()


class Checkpoint:
    """A folder of finished tasks, readable by its owner alone: the arrays have a row per patient.

    Parameters
    ----------
    path : str or Path
        Folder; made if absent.
    key : str
        What the work is: a hash of the specification, the data and the versions. A folder made for another key is
        refused, so that two studies never mix.

    Raises
    ------
    ArgumentError
        If the folder cannot be written, was made for another key, or its ``checkpoint.json`` cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], key: str) -> None:
        self.path = Path(path)
        self.key = key
        note = self.path / "checkpoint.json"
        if not note.is_file():
            check_writable("checkpoint", self.path, private=True)
            write_file(note, json.dumps({"key": key}), private=True)
            return
        try:
            found = json.loads(note.read_text(encoding="utf-8"))["key"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise argument_error(
                "checkpoint",
                "a folder whose checkpoint.json says what the work was",
                f"{str(self.path)!r}, where it cannot be read",
                "Name a new folder, or delete this one.",
            ) from None
        if found != key:
            raise argument_error(
                "checkpoint",
                "a folder made by the same specification, data and versions",
                f"{str(self.path)!r}, made for another run",
                "Name a new folder, or delete this one.",
            )

    def _file(self, task: int | str) -> Path:
        return self.path / f"task-{task}.npz"

    def load(self, task: int | str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a finished task, or None if it is not finished or its file is not what was written.

        A file that is there and was damaged, edited or exchanged is named in a warning of the logger
        ``lbp_prognosis``: its work is done again.
        """
        path = self._file(task)
        try:
            with open(path, "rb") as handle:
                arrays = _read_arrays(handle)
            told = bytes(np.asarray(arrays.pop(_DIGEST)))
        except FileNotFoundError:
            return None
        except Exception:  # whatever a file that is not ours does to its readers
            told, arrays = b"", {}
        if hmac.compare_digest(told, self._digest(task, arrays)):
            return arrays
        _log.warning("%s is damaged or was changed after it was written; its work is done again.", path)
        return None

    def accepts(
        self, task: int | str, accept: Callable[[Any, Mapping[str, np.ndarray]], bool], wanted: Any, arrays: Any
    ) -> bool:
        """Return whether arrays found for a task are what it makes: names, shapes, bounds; what is not is said."""
        try:
            if accept(wanted, arrays):
                return True
        except (KeyError, TypeError, ValueError, IndexError):
            pass
        _log.warning("%s does not contain what its task produces; the task is run again.", self._file(task))
        return False

    def save(self, task: int | str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the arrays of a finished task; a kill during the write leaves no half file under its name."""
        whole = {name: np.asarray(value) for name, value in arrays.items()}
        whole[_DIGEST] = np.frombuffer(self._digest(task, whole), dtype=np.uint8)

        def write(file: Any) -> None:
            np.savez(file, allow_pickle=False, **whole)

        write_file(self._file(task), write, private=True)

    def _digest(self, task: int | str, arrays: Mapping[str, np.ndarray]) -> bytes:
        parts = [part for name in sorted(arrays) for part in (name, arrays[name])]
        return hmac.digest(self.key.encode(), content_hash(str(task), *parts).encode(), "sha256")


def _read_arrays(handle: IO[bytes]) -> dict[str, np.ndarray]:
    """Return the arrays of an uncompressed npz file.

    Sizes are compared with the bytes that are there before anything is reserved for them: a header may claim any size.
    """
    size = os.fstat(handle.fileno()).st_size
    found: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(handle) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size or entry.flag_bits & 1:
                raise ValueError("not written by this library")
            with archive.open(entry) as member:
                found[entry.filename.removesuffix(".npy")] = _read_array(member, entry.file_size)
    return found


def _read_array(member: IO[bytes], size: int) -> np.ndarray:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member, max_header_size=4096)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(member, max_header_size=4096)
    else:
        raise ValueError("an unknown version")
    content = member.read(size)
    if dtype.hasobject or any(length < 0 for length in shape) or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError("a header that does not fit its content")
    return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if fortran else "C").copy()
