"""``with_digest``: SHA-256 of the files of a study, by their path in the protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

__all__ = ["digest_of_file", "with_digest"]


def with_digest(digests: Mapping[str, str], name: str, digest: str) -> dict[str, str]:
    """Return the digests with that of another file.

    Parameters
    ----------
    digests : mapping of str to str
        By file.
    name : str
        Path of the file as the protocol states it; of an absolute path only the file's name is kept, so that no folder
        of a machine is stated.
    digest : str
        SHA-256 of the file. A different file of the same name gets a number: ``visits.csv (2)``.
    """
    path = Path(name)
    stem = path.name if path.is_absolute() else path.as_posix()
    key, number = stem, 1
    while digests.get(key, digest) != digest:
        number += 1
        key = f"{stem} ({number})"
    return {**digests, key: digest}


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
