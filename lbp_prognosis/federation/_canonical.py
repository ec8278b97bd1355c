"""Canonical JSON, in which equal contents have equal bytes and one digest, and its seal."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["as_read", "canonical", "digest", "sealed", "significant"]


def canonical(content: Any) -> str:
    """Return JSON with sorted keys, without spaces and without NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(content: Any) -> str:
    """Return the SHA-256 of a content in canonical form."""
    return hashlib.sha256(canonical(content).encode("utf-8")).hexdigest()


def sealed(content: Any, key: bytes | None) -> str:
    """Return the HMAC-SHA-256 of a content under a key that the sites and the centre share; empty without a key."""
    if key is None:
        return ""
    if not isinstance(key, bytes) or len(key) < 16:
        raise argument_error("key", "at least 16 bytes that the sites and the centre share", key)
    return hmac.new(key, canonical(content).encode("utf-8"), hashlib.sha256).hexdigest()


def as_read(name: str, text: str, limit: int = 4_000_000) -> dict[str, Any]:
    """Return the object that a JSON text contains; anything else is refused."""
    if len(text) > limit:
        raise argument_error(name, f"JSON of at most {limit:,} characters", f"{len(text):,} characters")

    def no_constant(word: str) -> float:
        raise ValueError(f"{word} is no number")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) != len(pairs):
            raise ValueError("a key occurs twice")
        return out

    try:
        found = json.loads(text, parse_constant=no_constant, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise argument_error(name, "a JSON object", f"text that is none ({error})") from None
    if not isinstance(found, dict):
        raise argument_error(name, "a JSON object", type(found).__name__)
    return found


def significant(value: Any, digits: int) -> Any:
    """Return numbers of any shape rounded to significant digits, as floats and lists; NaN becomes None."""
    if isinstance(value, dict):
        return {key: significant(part, digits) for key, part in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [significant(part, digits) for part in value]
    number = float(value)
    if not math.isfinite(number):
        return None
    return number if digits >= 17 or number == 0 else float(f"{number:.{digits - 1}e}")
