"""A reader of the few formulas of workbooks and do-files, for tests: their arithmetic and nothing else."""

from __future__ import annotations

import math
import re
from typing import Any

from scipy.special import expit, gammainc, gammaincc, ndtr


class NotAvailable(Exception):
    """#N/A, or a missing value of Stata."""


def _missing() -> float:
    raise NotAvailable


EXCEL = {
    "IF": None,
    "ISNUMBER": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "EXACT": lambda a, b: str(a) == str(b),
    "AND": lambda *v: all(v),
    "MAX": max,
    "MIN": min,
    "EXP": math.exp,
    "SQRT": math.sqrt,
    "NORMSDIST": ndtr,
    "GAMMADIST": lambda x, shape, scale, whole: gammainc(shape, x / scale) if whole else None,
    "NA": _missing,
}


def excel(sheet: Any, cell: str) -> Any:
    """Value of a cell."""
    raw = sheet[cell].value
    if not (isinstance(raw, str) and raw.startswith("=") and sheet[cell].data_type == "f"):
        return raw
    return _Parser(raw[1:], lambda name: excel(sheet, name), sheet).whole()


_TOKEN = re.compile(
    r'\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|([A-Z]+\d+:[A-Z]+\d+)|([A-Z]+\d+)(?![\(A-Z])|([A-Z]+)|("(?:[^"]|"")*")|(.))'
)


class _Parser:
    def __init__(self, text: str, cell: Any, sheet: Any) -> None:
        self.tokens = [match.groups() for match in _TOKEN.finditer(text)]
        self.at, self.cell, self.sheet = 0, cell, sheet

    def whole(self) -> Any:
        value = self.compare(True)
        assert self.at == len(self.tokens), self.tokens[self.at :]
        return value

    def peek(self) -> str | None:
        return self.tokens[self.at][5] if self.at < len(self.tokens) else None

    def take(self, mark: str) -> None:
        assert self.peek() == mark, (mark, self.tokens[self.at :][:3])
        self.at += 1

    # every level passes `on`: whether the value is wanted; what is not is parsed and not computed
    def compare(self, on: bool) -> Any:
        left = self.join(on)
        if self.peek() == "=":
            self.take("=")
            right = self.join(on)
            return left == right if on else None
        return left

    def join(self, on: bool) -> Any:
        left = self.sum(on)
        while self.peek() == "&":
            self.take("&")
            right = self.sum(on)
            if on:
                left = ("" if left is None else f"{left:g}" if isinstance(left, float) else str(left)) + str(right)
        return left

    def sum(self, on: bool) -> Any:
        left = self.product(on)
        while self.peek() in ("+", "-"):
            sign = 1 if self.peek() == "+" else -1
            self.at += 1
            right = self.product(on)
            left = left + sign * right if on else None
        return left

    def product(self, on: bool) -> Any:
        left = self.power(on)
        while self.peek() in ("*", "/"):
            divide = self.peek() == "/"
            self.at += 1
            right = self.power(on)
            if on:
                left = left / right if divide else left * right
        return left

    def power(self, on: bool) -> Any:
        # Excel binds a sign tighter than the power; the formulas here put brackets where it matters
        sign = 1
        while self.peek() in ("-", "+"):
            sign = -sign if self.peek() == "-" else sign
            self.at += 1
        base = self.atom(on)
        if self.peek() == "^":
            self.take("^")
            other = self.atom(on)
            base = base**other if on else None
        return sign * base if on and sign < 0 else base

    def atom(self, on: bool) -> Any:
        number, span, cell, name, text, mark = self.tokens[self.at]
        self.at += 1
        if number:
            return float(number)
        if text:
            return text[1:-1].replace('""', '"')
        if cell:
            return self.cell(cell) if on else None
        if mark == "(":
            value = self.compare(on)
            self.take(")")
            return value
        assert name, (number, span, cell, name, mark)
        assert not span
        return self.call(name, on)

    def call(self, name: str, on: bool) -> Any:
        self.take("(")
        if name == "SUM":
            span = self.tokens[self.at][1]
            self.at += 1
            self.take(")")
            first, last = (re.match(r"([A-Z]+)(\d+)", part).groups() for part in span.split(":"))
            rows = range(int(first[1]), int(last[1]) + 1)
            return sum(self.cell(f"{first[0]}{row}") for row in rows) if on else None
        if name == "IF":
            test = self.compare(on)
            self.take(",")
            yes = self.compare(on and bool(test))
            self.take(",")
            no = self.compare(on and not test)
            self.take(")")
            return (yes if test else no) if on else None
        values = []
        while self.peek() != ")":
            values.append(self.compare(on))
            if self.peek() == ",":
                self.take(",")
        self.take(")")
        return EXCEL[name](*values) if on else None


def stata(commands: str, row: dict[str, Any]) -> dict[str, float]:
    """Run generate and replace on one observation; a missing value is NaN."""
    names: dict[str, Any] = dict(row)
    functions = {
        "cond": lambda test, a, b: a if test else b,
        "max": lambda a, b: b if a != a else max(a, b),  # Stata passes over missing values
        "min": lambda a, b: b if a != a else min(a, b),
        "exp": math.exp,
        "invlogit": expit,
        "normal": ndtr,
        "gammap": gammainc,
        "gammaptail": gammaincc,
    }
    for line in commands.splitlines():
        if not line or line.startswith("*"):
            continue
        match = re.fullmatch(r"(?:generate double|replace) (\w+) = (.*)", line)
        assert match, line
        expression = re.sub(r"(?<![\w.])\.(?!\d)", "missing", match[2]).replace("^", "**")
        allowed = re.fullmatch(r'(?:[\w\s.+\-*/(),=]|"[^"]*")*', expression)
        assert allowed, expression
        code = compile(expression, "stata", "eval")
        known = {**functions, **names, "missing": math.nan}
        assert set(code.co_names) <= set(known), code.co_names
        names[match[1]] = eval(code, {"__builtins__": {}}, known)
    return names
