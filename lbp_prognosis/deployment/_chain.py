"""Files of JSON lines, each with its own digest and the digest of the line before it."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lbp_prognosis._base import argument_error
from lbp_prognosis.deployment._file_error import ModelFileError

__all__ = ["chained", "chained_text", "date_or_now", "read_chain"]

_FIRST = "0" * 64


def read_chain(path: Path, fields: Sequence[str], name: str) -> list[dict[str, Any]]:
    """Return the lines of a file; empty if it does not exist.

    Parameters
    ----------
    path : path
        The file.
    fields : sequence of str
        Keys of a line in addition to ``n``, ``prev_sha256`` and ``sha256``.
    name : str
        Kind of the file, for the message.

    Raises
    ------
    ModelFileError
        If a line is damaged, or was changed, removed or inserted; the message names it.
    """
    if not path.exists():
        return []
    keys = {*fields, "n", "prev_sha256", "sha256"}
    lines: list[dict[str, Any]] = []
    for n, words in enumerate(path.read_bytes().decode("utf-8", errors="replace").splitlines(), 1):
        try:
            line = json.loads(words)
            whole = isinstance(line, dict) and set(line) == keys and _text(line) == words + "\n"
        except (ValueError, RecursionError):  # no JSON, or NaN
            whole = False
        if not whole:
            raise ModelFileError(f"Line {n} of the {name} is no line of such a file.")
        if line["n"] != n or line["prev_sha256"] != _last(lines) or line["sha256"] != _digest(line):
            raise ModelFileError(f"Line {n} of the {name} breaks the chain: it or a line before it was changed.")
        lines.append(line)
    return lines


def chained(lines: Sequence[Mapping[str, Any]], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry as the line after ``lines``: with its number, the digest of the last line and its own."""
    line: dict[str, Any] = {**entry, "n": len(lines) + 1, "prev_sha256": _last(lines)}
    return {**line, "sha256": _digest(line)}


def chained_text(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a file of these lines."""
    return "".join(map(_text, lines))


def date_or_now(date: str | None) -> str:
    """Return an ISO date or time as given, or now (UTC)."""
    if date is None:
        return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    try:
        datetime.datetime.fromisoformat(date)
    except (TypeError, ValueError):
        raise argument_error("date", "an ISO date or time, such as 2026-01-31", repr(date)) from None
    return date


def _last(lines: Sequence[Mapping[str, Any]]) -> str:
    return str(lines[-1]["sha256"]) if lines else _FIRST


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False) + "\n"


def _digest(line: Mapping[str, Any]) -> str:
    body = {key: value for key, value in line.items() if key != "sha256"}
    return hashlib.sha256(_text(body).encode("utf-8")).hexdigest()
