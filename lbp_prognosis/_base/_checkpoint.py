"""Finished work is written as it is finished, and found again after a kill.

A checkpoint is a folder with one npz file a task and a JSON file that names what the work was. Arrays only: no
object that could run code is ever written or read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base._errors import argument_error

__all__ = ["Checkpoint", "content_hash"]


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
    """A folder of finished tasks.

    Parameters
    ----------
    path : str or Path
        Folder; made if absent.
    key : str
        What the work is: a hash of the specification, the data and the versions. A folder made for another key is
        refused, so that two studies never mix.
    """

    def __init__(self, path: str | os.PathLike[str], key: str) -> None:
        self.path = Path(path)
        self.key = key
        self.path.mkdir(parents=True, exist_ok=True)
        note = self.path / "checkpoint.json"
        if note.exists():
            found = json.loads(note.read_text(encoding="utf-8")).get("key")
            if found != key:
                raise argument_error(
                    "checkpoint",
                    "a folder made by the same specification, data and versions",
                    f"{str(self.path)!r}, made for another run",
                    "Name a new folder, or delete this one.",
                )
        else:
            _write_atomically(note, json.dumps({"key": key}).encode())

    def _file(self, task: int | str) -> Path:
        return self.path / f"task-{task}.npz"

    def load(self, task: int | str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a finished task, or None if it is not finished or its file is damaged."""
        try:
            # opened here, because np.load leaves the file open when the archive is damaged
            with open(self._file(task), "rb") as handle, np.load(handle, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError, EOFError, KeyError):
            return None
        except Exception as error:  # zipfile.BadZipFile and zlib.error have no common base
            if type(error).__module__ in {"zipfile", "zlib"}:
                return None
            raise

    def save(self, task: int | str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the arrays of a finished task; a kill during the write leaves no half file under its name."""
        import io

        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})
        _write_atomically(self._file(task), buffer.getvalue())


def _write_atomically(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, path)
