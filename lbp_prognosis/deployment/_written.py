"""Shared parts of all written forms of an equation: numbers, quoted names, comment lines."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

from lbp_prognosis._base import plain_label, time_words
from lbp_prognosis.deployment._columns_of_terms import EquationOfTerms
from lbp_prognosis.deployment._terms import LevelTerm, Term

__all__ = ["ascii_quoted", "header", "number", "one_line", "quoted", "range_words", "reference_words"]


def number(value: float, digits: int) -> str:
    """Return a number with a given number of significant digits, in a form that all languages read."""
    return f"{value:.{digits}g}"


def one_line(text: Any) -> str:
    """Return text for comments, without line breaks, control and direction marks."""
    shown = "".join(c if c.isprintable() and unicodedata.category(c) not in ("Cf", "Cc") else " " for c in str(text))
    return " ".join(shown.split()).replace("*/", "* /").replace("/*", "/ *")  # Stata opens a comment inside one


def quoted(text: Any) -> str:
    """Return text in double quotes, with all but plain letters escaped for JavaScript and R."""
    out = json.dumps(str(text), ensure_ascii=True).replace("</", "<\\/")
    return out.replace("\\/", "/") if "</" not in str(text) else out


def ascii_quoted(text: Any) -> str:
    """Return text in double quotes for R, whose strings have no escaped slash and no surrogate pairs."""
    parts = []
    for c in str(text):
        if c in '"\\':
            parts.append("\\" + c)
        elif c == "\n":
            parts.append("\\n")
        elif 32 <= ord(c) < 127:
            parts.append(c)
        else:
            parts.append(f"\\U{{{ord(c):x}}}" if ord(c) > 0xFFFF else f"\\u{ord(c):04x}")
    return '"' + "".join(parts) + '"'


def range_words(term: Term) -> str:
    """Return the training range of a predictor in words; empty if unknown."""
    if isinstance(term, LevelTerm):
        return "categories " + ", ".join(one_line(plain_label(level)) for level in term.levels)
    if not (math.isfinite(term.low) and math.isfinite(term.high)):
        return "training range not known"
    return f"training range {term.low:.6g} to {term.high:.6g}" + (f" {one_line(term.unit)}" if term.unit else "")


def reference_words(term: Term) -> str:
    """Return the reference of a predictor."""
    return f"reference {one_line(plain_label(term.levels[0]))}" if isinstance(term, LevelTerm) else ""


def header(equation: EquationOfTerms, mark: str) -> str:
    """Return comment lines on the equation, its inputs and its precision."""
    unit = f" {one_line(equation.time_unit)}" if equation.time_unit else ""
    events = ", ".join(map(str, equation.causes_))
    times = time_words(equation.horizons, unit)
    error = equation.rounding_error()
    exact = (
        f"largest risk error inside the training range at most {error:.2g}"
        if math.isfinite(error)
        else "the training ranges are not known, so the largest risk error is not either"
    )
    lines = [
        f"Risk of event {events} by {times}; from {one_line(equation.model) or 'a model'}.",
        f"Numbers at {equation.digits} significant digits: {exact}.",
        "A missing value or an unknown category gives no risk; values outside the training range are not clipped.",
    ]
    if equation.synthetic:
        lines.insert(0, "SIMULATED DATA: not for any use with patients.")
    if equation.n_completed > 1:
        lines.append(f"Coefficients and log baselines averaged over {equation.n_completed} completed tables.")
    for term in equation.terms:
        said = "; ".join(part for part in (range_words(term), reference_words(term)) if part)
        lines.append(f"  {one_line(term.name)}: {said}")
    return "".join(f"{mark} {line}\n" for line in lines)
