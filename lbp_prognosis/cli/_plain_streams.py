"""``plain_streams``: a terminal that knows few characters gets other ones, never an error after an hour of work."""

from __future__ import annotations

import codecs
import io
import sys

__all__ = ["plain_streams"]

_PLAIN = {
    "Δ": "delta ",
    "−": "-",
    "–": "-",
    "—": "-",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "±": "+/-",
    "×": "x",
    "√": "sqrt",
}


def plain_streams() -> None:
    """Let the standard streams write what their encoding has, and plain words or ``?`` for the rest (``LANG=C``)."""
    codecs.register_error("plain words", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain words")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in bad), error.end
