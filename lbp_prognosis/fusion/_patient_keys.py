"""Keys of patients: their type, the rule by which two are equal, and keys that appear to be written in two ways."""

from __future__ import annotations

import re
from numbers import Integral, Real
from typing import Any

import pandas as pd

from lbp_prognosis._base import argument_error

__all__ = ["kinds_of_keys", "near_misses", "patient_keys"]


def kinds_of_keys(index: pd.Index) -> str:
    """Return ``text``, ``whole numbers``, or the names of other types."""
    kinds = {_kind(value) for value in index}
    return kinds.pop() if len(kinds) == 1 else " and ".join(sorted(kinds))


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if _whole(value) is not None:
        return "whole numbers"
    return type(value).__name__


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and float(value).is_integer():
        return int(float(value))
    return None


def patient_keys(index: pd.Index, match: str, name: str) -> pd.Index:
    """Return the keys as the rule compares them: unchanged, as text, or as whole numbers."""
    if match == "exact":
        return index
    if match == "text":
        return pd.Index([str(value) if _whole(value) is None else str(_whole(value)) for value in index], dtype=object)
    numbers = [_number(value) for value in index]
    strange = sum(number is None for number in numbers)
    if strange:
        raise argument_error(
            "match", "'exact' or 'text' where keys are no whole numbers", f"{strange} such in {name!r}"
        )
    return pd.Index(numbers, dtype="int64")


def _number(value: Any) -> int | None:
    if isinstance(value, str):
        # numbers beyond 64-bit integers cannot be compared
        return int(value) if re.fullmatch(r"\s*\d{1,18}\s*", value) else None
    return _whole(value)


def near_misses(lost: pd.Index, free: pd.Index) -> set[Any]:
    """Return unmatched keys that would match a patient without a row if zeros, blanks and capitals were ignored."""
    bare = {_bare(value) for value in free}
    return {value for value in lost if _bare(value) in bare}


def _bare(value: Any) -> str:
    text = re.sub(r"\.0+\Z", "", str(value).strip().casefold())
    return text.lstrip("0") or "0"
