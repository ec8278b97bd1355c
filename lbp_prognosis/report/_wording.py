"""Formatting of numbers and names for readers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DASH, gap

__all__ = ["estimate", "joined", "level_name", "number", "readable", "row_variable", "signed", "spoken"]

_POOLED = re.compile(r"^(count|any)_(eq|ge|le)_(.+)$")
_SIGN = {"eq": "=", "ge": "≥", "le": "≤"}
# usual abbreviations of the field; only whole words are replaced
_NAMES = {
    "bmi": "BMI",
    "csa": "CSA",
    "ct": "CT",
    "dhi": "DHI",
    "ebq": "EBQ",
    "eq5d3l": "EQ-5D-3L",
    "eq5d5l": "EQ-5D-5L",
    "fabq": "FABQ",
    "genant": "Genant",
    "hads": "HADS",
    "hiz": "HIZ",
    "modic": "Modic",
    "mri": "MRI",
    "nrs": "NRS",
    "odi": "ODI",
    "pfirrmann": "Pfirrmann",
    "phq2": "PHQ-2",
    "phq9": "PHQ-9",
    "promis": "PROMIS",
    "rmdq23": "RMDQ-23",
    "rmdq24": "RMDQ-24",
    "schizas": "Schizas",
    "tsk11": "TSK-11",
    "tsk17": "TSK-17",
    "vas": "VAS",
    "vbq": "VBQ",
}


def row_variable(row: object) -> str:
    """Return the variable of a row of Table 1: ``age, mean (SD)`` and ``age, missing, n (%)`` are both of ``age``.

    From the end, because a name may contain a comma.
    """
    text = str(row)
    for end in (", missing, n (%)", ", n (%)", ", mean (SD)", ", median [Q1,Q3]", ", different values"):
        if text.endswith(end):
            return text.removesuffix(end)
    return text


def readable(name: str) -> str:
    """Return a column's name in words: ``modic__count_eq_1`` as ``Modic, count = 1``, ``nrs_back`` as ``NRS back``."""
    parts = []
    for part in str(name).split("__"):
        pooled = _POOLED.match(part)
        if pooled:
            word, sign, bound = pooled.groups()
            parts.append(f"{word} {_SIGN[sign]} {bound.replace('minus', '-').replace('_', '.')}")
        else:
            parts.append(part.replace("_", " ").replace("=", " = "))
    return re.sub(r"\w+", lambda word: _NAMES.get(word[0], word[0]), ", ".join(part for part in parts if part))


def spoken(text: str) -> str:
    """Return a sentence in which names of columns are words: ``nrs_back at most 2`` as ``NRS back at most 2``."""
    return re.sub(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", lambda found: readable(found[0]), text)


def level_name(level: str) -> str:
    """Return the readable name of a level: ``l4l5 left`` as ``L4–L5, left``, ``l4`` as ``L4``."""
    words = []
    for part in level.split():
        found = re.fullmatch(r"([ctls]\d{1,2})([ctls]\d{1,2})?", part)
        words.append("–".join(name.upper() for name in found.groups() if name) if found else part)
    return ", ".join(words)


def number(value: Any, digits: int = 3, why: str = "") -> str:
    """Return a number with a fixed number of digits and a true minus sign; if there is none, a dash and ``why``."""
    if value is None or pd.isna(value) or not np.isfinite(float(value)):
        return gap(why)
    text = f"{float(value):.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def signed(value: Any, digits: int = 3, why: str = "") -> str:
    """Return a number with its sign, for differences."""
    text = number(value, digits, why)
    return text if text.startswith((DASH, "−")) or float(text) == 0 else f"+{text}"


def estimate(value: Any, low: Any, high: Any, why: str = "", digits: int = 3, *, sign: bool = False) -> str:
    """Return ``0.720 (0.680 to 0.760)``, or ``why`` the number or its interval is missing."""
    shown = signed if sign else number
    if number(value, digits) == DASH:
        return gap(why)
    if DASH in (number(low, digits), number(high, digits)):
        return gap(why, shown(value, digits))
    return f"{shown(value, digits)} ({shown(low, digits)} to {shown(high, digits)})"


def joined(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: ``a, b and c``.

    Parameters
    ----------
    words : sequence of str
        At least one.
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
