"""Recognition of numbers and of identifiers made of digits in text, and the pattern of a text without its value."""

from __future__ import annotations

import math
import re

__all__ = ["is_identifier", "number_of", "written_like"]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_PADDED = re.compile(r"0\d+")
_LONG = re.compile(r"[-+]?0*[1-9]\d{15,}(?:\.\d*)?")  # a float keeps 15 significant digits
# programs write exponents with a sign or a decimal point (1e-05, 1.2E+07); 12E3 is a code
_CODE = re.compile(r"\d+[eE]\d+|\d{2,}[eE][-+]\d+")


def number_of(text: str) -> float | None:
    """Return the number that a text contains, or None if it contains none or is written like an identifier."""
    plain = text.strip().replace("\u2212", "-")
    if not _NUMBER.fullmatch(plain) or is_identifier(plain):
        return None
    number = float(plain)
    return number if math.isfinite(number) else None


def is_identifier(text: str) -> bool:
    """Return whether digits would lose information as a number: leading zeros, more than 15 digits, a letter E."""
    return bool(_PADDED.fullmatch(text) or _LONG.fullmatch(text) or _CODE.fullmatch(text))


def written_like(text: str, limit: int = 16) -> str:
    """Return the pattern of a text, with 9 for each digit and a for each letter."""
    shape = "".join("9" if c.isdigit() else "a" if c.isalpha() else c if c.isprintable() else "?" for c in text)
    return shape if len(shape) <= limit else shape[: limit - 1] + "…"
