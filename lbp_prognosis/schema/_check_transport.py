"""Check of SAS transport files, which do not state their number of rows: a cut file shows in its last record."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lbp_prognosis._base import DataError

__all__ = ["check_transport"]

_RECORD = 80
_HEADER = b"HEADER RECORD*******"


def check_transport(file: Path) -> list[str]:
    """Refuse a transport file that ends within a record or a row; return notes on what cannot be known.

    Raises
    ------
    DataError
        If the file is cut, or contains several tables.
    """
    raw = file.read_bytes()
    if not raw.startswith(_HEADER):
        return []  # the reader reports that the file has another format
    if len(raw) % _RECORD:
        raise DataError(_cut(file, f"it is not a whole number of records of {_RECORD} bytes"))
    heads = [place for place in range(0, len(raw), _RECORD) if raw.startswith(_HEADER, place)]
    kinds = {place: raw[place + len(_HEADER) : place + len(_HEADER) + 8].strip() for place in heads}
    names = [place for place in heads if kinds[place] in (b"NAMESTR", b"NAMSTV8")]
    starts = [place for place in heads if kinds[place] in (b"OBS", b"OBSV8")]
    if not names or not starts:
        raise DataError(_cut(file, "its header has no end"))
    members = [place for place in heads if kinds[place] in (b"MEMBER", b"MEMBV8")]
    width = _row_width(raw, names[0], members[0] if members else None)
    later = [place for place in members if place > starts[0]]
    data = raw[starts[0] + _RECORD : later[0] if later else len(raw)]
    rest = data[len(data) - len(data) % width :] if width else b""
    if len(rest) >= _RECORD or rest.strip(b" "):
        raise DataError(_cut(file, "its last row is not whole"))
    if later:
        # the reader takes the headers of further tables to be rows of the first
        raise DataError(f"The file {file.name!r} contains {len(later) + 1} tables: keep one in a file.")
    return ["a SAS transport file does not say how many rows it has: compare their number with the source"]


def _cut(file: Path, why: str) -> str:
    return f"The file {file.name!r} is not a readable sas file: it is cut ({why})."


def _row_width(raw: bytes, names: int, member: int | None) -> int:
    """Return the bytes of a row, added up over the descriptions of its columns; 0 where they cannot be read."""
    try:
        count = int(raw[names + 54 : names + 58])
        size = int(raw[member + 74 : member + 78]) if member is not None else 140
    except ValueError:
        return 0
    begin = names + _RECORD
    widths = [raw[begin + k * size + 4 : begin + k * size + 6] for k in range(count)]
    return int(sum(np.frombuffer(width, dtype=">i2")[0] for width in widths if len(width) == 2))
