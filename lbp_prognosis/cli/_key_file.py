"""``read_key``: the key that sites and centre share."""

from __future__ import annotations

from pathlib import Path

from lbp_prognosis._base import argument_error

__all__ = ["read_key"]


def read_key(path: Path | None) -> bytes | None:
    """Return the bytes of a file without the line end, None without a file."""
    if path is None:
        return None
    if not path.is_file():
        raise argument_error("key-file", "a file that is there", str(path))
    return path.read_bytes().rstrip(b"\r\n")
