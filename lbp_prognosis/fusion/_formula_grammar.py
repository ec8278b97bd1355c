"""Parser of formulas in R's notation; text becomes known nodes, and no code is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from lbp_prognosis._base import argument_error
from lbp_prognosis.fusion._formula_nodes import Arithmetic, Category, Factor, Formula, Poly, Response, Spline

__all__ = ["parse_formula", "parse_terms"]

_LONGEST = 10_000
_DEEPEST = 40
_MOST_TERMS = 1_000
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d][\w.]*)"
    r"|`(?P<quoted>[^`\n]+)`"
    r"|(?P<text>\"[^\"\n]*\"|'[^'\n]*')"
    r"|(?P<sign>[-+*/:~(),=^|%.\[\]{}@$&!<>?;\\]))"
)
_PLAIN = re.compile(r"[^\W\d][\w.]*")
_NUMERIC = ("log", "log1p", "sqrt", "I")
_ALLOWED = "rcs, C, log, log1p, sqrt, I, poly, strata, offset"
_INSTEAD = {
    **dict.fromkeys(("factor", "catg", "as.factor"), "Write C(x) for categories."),
    **dict.fromkeys(("ns", "bs", "s", "cr", "pspline"), "Write rcs(x, 4) for a spline of four knots."),
    **dict.fromkeys(
        ("pol", "^"), "Write poly(x, 2) or x + I(x * x) for powers, and a * b for terms and their product."
    ),
    **dict.fromkeys(("strat", "stratify"), "Write strata(x)."),
    **dict.fromkeys(("cluster", "frailty"), "Clusters are an argument of the fit: fit(X, y, clusters=…)."),
    **dict.fromkeys(("asis", "scored"), "Write the name of the column alone for a line."),
    **dict.fromkeys(
        ("exp", "abs", "scale", "center", "cut", "lsp", "ifelse", "interaction", "relevel", ">", "<"),
        "Make the column before: data.assign(…).",
    ),
    ".": "Name the columns.",
    "%": "Write a:b for a product of two terms.",
    "==": "Make a column of 0 and 1 before: data.assign(status=…).",
    "=": "Arguments have a place and no name: Surv(months, status), rcs(x, 4).",
    "::": "Write the function without its package: rcs(x, 4).",
    "/": "Write a + a:b for terms within others, and I(a / b) for a ratio.",
    "[": "Write c(10, 40, 70) for several numbers.",
}
"""Advice for names and signs of R that the grammar lacks."""


class _Reader:
    """Sequence of tokens."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at, self.depth = text, _tokens(text), 0, 0

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def accept(self, sign: str) -> bool:
        if self.peek() == ("sign", sign):
            self.at += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise self.wrong(f"{sign!r}")

    def wrong(self, wanted: str) -> Exception:
        kind, value = self.peek()
        got = "the end" if kind == "end" else repr(value)
        instead = _INSTEAD.get(self.construct() if kind in ("name", "sign") else "")
        known = (
            f"Known are {_ALLOWED}, with + - * : between terms; names with other characters are written in backticks."
        )
        return argument_error(
            "formula", wanted, f"{got} at place {self.at + 1}", known if instead is None else f"{instead} {known}"
        )

    def construct(self) -> str:
        """Return the name or sign at which reading stopped, or what it is a part of."""
        near = [value if kind in ("name", "sign") else "" for kind, value in self.tokens]
        before, value, after = ["", *near, "", ""][self.at : self.at + 3]
        if value in ("*", ":", "=") and value in (before, after):
            return {"*": "^", ":": "::", "=": "=="}[value]
        return "=" if after == "=" and value not in "=<>!" else value

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise argument_error("formula", f"parentheses at most {_DEEPEST} deep", "deeper ones")


def _tokens(text: str) -> list[tuple[str, str]]:
    if not isinstance(text, str):
        raise argument_error("formula", "text", text)
    if len(text) > _LONGEST:
        raise argument_error("formula", f"at most {_LONGEST} characters", f"{len(text)} characters")
    out, place = [], 0
    end = len(text.rstrip())
    while place < end:
        found = _TOKEN.match(text, place)
        if found is None or found.end() == place:
            raise argument_error("formula", f"made of names, numbers and {_ALLOWED}", f"{text[place : place + 12]!r}")
        kind = str(found.lastgroup)
        out.append((kind, found.group(kind)))
        place = found.end()
    return out


def _written(name: str) -> str:
    """Return a column as it is written in a formula."""
    return name if _PLAIN.fullmatch(name) else f"`{name}`"


# ---- arithmetic ------------------------------------------------------------------------------------------------------


def _sum(reader: _Reader) -> Arithmetic:
    reader.deeper()
    left = _product(reader)
    while reader.peek() in (("sign", "+"), ("sign", "-")):
        sign = reader.take()[1]
        right = _product(reader)
        left = Arithmetic(sign, "", (left, right), f"{left.text}{sign}{right.text}")
    reader.depth -= 1
    return left


def _product(reader: _Reader) -> Arithmetic:
    left = _single(reader)
    while reader.peek() in (("sign", "*"), ("sign", "/")):
        sign = reader.take()[1]
        right = _single(reader)
        left = Arithmetic(sign, "", (left, right), f"{left.text}{sign}{right.text}")
    return left


def _single(reader: _Reader) -> Arithmetic:
    kind, value = reader.peek()
    if reader.accept("-"):
        reader.deeper()
        inner = _single(reader)
        reader.depth -= 1
        return Arithmetic("negative", "", (inner,), f"-{inner.text}")
    if reader.accept("("):
        inner = _sum(reader)
        reader.expect(")")
        return Arithmetic(inner.kind, inner.value, inner.parts, f"({inner.text})")
    if kind == "number":
        reader.take()
        return Arithmetic("number", float(value), (), value)
    if kind in ("name", "quoted"):
        reader.take()
        if kind == "name" and reader.accept("("):
            if value not in _NUMERIC:
                reader.at -= 2
                raise reader.wrong(f"a column, or one of {', '.join(_NUMERIC)}")
            inner = _sum(reader)
            reader.expect(")")
            if value == "I":
                return inner
            return Arithmetic(value, "", (inner,), f"{value}({inner.text})")
        return Arithmetic("column", value, (), _written(value))
    raise reader.wrong("a column or a number")


# ---- terms -----------------------------------------------------------------------------------------------------------

Key = tuple[str, ...]


class _Terms:
    """Terms in the order of their appearance; factors by their text."""

    def __init__(self) -> None:
        self.factors: dict[str, Factor] = {}
        self.strata: list[str] = []
        self.offset: list[str] = []

    def limited(self, terms: list[Key]) -> list[Key]:
        unique = list(dict.fromkeys(terms))
        if len(unique) > _MOST_TERMS:
            raise argument_error("formula", f"of at most {_MOST_TERMS} terms", "more, when multiplied out")
        return unique

    def union(self, reader: _Reader) -> list[Key]:
        reader.deeper()
        terms = self.crossed(reader)
        while reader.peek() in (("sign", "+"), ("sign", "-")):
            sign = reader.take()[1]
            if sign == "-" and reader.peek()[0] == "number":
                raise argument_error(
                    "formula",
                    "without - 1",
                    "a removed intercept",
                    "Baselines and intercepts belong to the models; a model without one is not offered.",
                )
            right = self.crossed(reader)
            gone = set(right)
            terms = self.limited([*terms, *right] if sign == "+" else [term for term in terms if term not in gone])
        reader.depth -= 1
        return terms

    def crossed(self, reader: _Reader) -> list[Key]:
        terms = self.joined(reader)
        while reader.accept("*"):
            right = self.joined(reader)
            terms = self.limited([*terms, *right, *self.products(terms, right)])
        return terms

    def joined(self, reader: _Reader) -> list[Key]:
        terms = self.atom(reader)
        while reader.accept(":"):
            terms = self.limited(self.products(terms, self.atom(reader)))
        return terms

    def products(self, left: list[Key], right: list[Key]) -> list[Key]:
        if len(left) * len(right) > _MOST_TERMS:
            raise argument_error("formula", f"of at most {_MOST_TERMS} terms", "more, when multiplied out")
        order = {name: k for k, name in enumerate(self.factors)}
        return [tuple(sorted({*a, *b}, key=order.__getitem__)) for a in left for b in right]

    def atom(self, reader: _Reader) -> list[Key]:
        kind, value = reader.peek()
        if reader.accept("("):
            terms = self.union(reader)
            reader.expect(")")
            return terms
        if kind == "number" and value == "1":
            reader.take()
            return []
        if kind == "name" and reader.tokens[reader.at + 1 : reader.at + 2] == [("sign", "(")]:
            if value in ("strata", "offset"):
                reader.at += 2
                return self.aside(reader, value)
            if value not in _CALLS:
                raise reader.wrong(f"one of {_ALLOWED}")
            reader.at += 2
            factor: Factor = _CALLS[value](reader)
        elif kind in ("name", "quoted"):
            reader.take()
            factor = Arithmetic("column", value, (), _written(value))
        else:
            raise reader.wrong("a term")
        self.factors.setdefault(factor.text, factor)
        return [(factor.text,)]

    def aside(self, reader: _Reader, what: str) -> list[Key]:
        kept = self.strata if what == "strata" else self.offset
        while True:
            kind, value = reader.take()
            if kind not in ("name", "quoted"):
                reader.at -= 1
                raise reader.wrong(f"the name of a column in {what}()")
            kept.append(value)
            if not reader.accept(","):
                break
        reader.expect(")")
        return []


def _number(reader: _Reader) -> float:
    sign = -1.0 if reader.accept("-") else 1.0
    kind, value = reader.take()
    if kind != "number":
        reader.at -= 1
        raise reader.wrong("a number")
    return sign * float(value)


def _spline(reader: _Reader) -> Factor:
    of = _sum(reader)
    count = 5
    knots: tuple[float, ...] = ()
    if reader.accept(","):
        if reader.peek() == ("name", "c"):
            reader.take()
            reader.expect("(")
            placed = [_number(reader)]
            while reader.accept(","):
                placed.append(_number(reader))
            reader.expect(")")
            knots, count = tuple(placed), len(placed)
        else:
            count = _whole(reader, "knots of rcs", 3, 7)
    reader.expect(")")
    if knots and (len(knots) < 3 or any(b <= a for a, b in pairwise(knots))):
        raise argument_error("formula", "at least three increasing knots in rcs()", f"{list(knots)}")
    said = f"c({','.join(map(repr, knots))})" if knots else str(count)
    return Spline(of, count, knots, f"rcs({of.text},{said})")


def _whole(reader: _Reader, what: str, low: int, high: int) -> int:
    value = _number(reader)
    if value != int(value) or not low <= value <= high:
        raise argument_error("formula", f"a whole number of {low} to {high} {what}", f"{value:g}")
    return int(value)


def _poly(reader: _Reader) -> Factor:
    of, degree = _sum(reader), 1
    if reader.accept(","):
        degree = _whole(reader, "as the degree of poly", 1, 9)
    reader.expect(")")
    return Poly(of, degree, f"poly({of.text},{degree})")


def _category(reader: _Reader) -> Factor:
    kind, name = reader.take()
    if kind not in ("name", "quoted"):
        reader.at -= 1
        raise reader.wrong("the name of a column in C()")
    reference = None
    if reader.accept(","):
        if reader.peek() == ("name", "ref"):
            reader.take()
            reader.expect("=")
        kind, value = reader.take()
        if kind not in ("text", "number"):
            reader.at -= 1
            raise reader.wrong('the reference category, C(x, ref="a")')
        reference = value[1:-1] if kind == "text" else value
    reader.expect(")")
    mark = "'" if reference is not None and '"' in reference else '"'
    said = "" if reference is None else f",{mark}{reference}{mark}"
    return Category(name, reference, f"C({_written(name)}{said})")


def _numeric(name: str) -> Callable[[_Reader], Factor]:
    def read(reader: _Reader) -> Factor:
        inner = _sum(reader)
        reader.expect(")")
        if name == "I":
            return Arithmetic(inner.kind, inner.value, inner.parts, f"I({inner.text})")
        return Arithmetic(name, "", (inner,), f"{name}({inner.text})")

    return read


_CALLS: dict[str, Callable[[_Reader], Factor]] = {
    "rcs": _spline,
    "poly": _poly,
    "C": _category,
    **{name: _numeric(name) for name in _NUMERIC},
}

# minimum and maximum number of columns and of numbers on a left side
_SIDES = {
    "Surv": ((2, 3), (0, 0)),
    "Interval": ((2, 2), (0, 0)),
    "Status": ((1, 1), (1, 1)),
    "Measured": ((1, 1), (3, 3)),
}


def _response(reader: _Reader) -> Response:
    kind, name = reader.take()
    if kind != "name" or name not in _SIDES:
        reader.at -= 1
        raise reader.wrong(
            "Surv(time, status), Surv(start, stop, status), Interval(lower, upper), Status(state, horizon) or "
            "Measured(score, horizon, lower, upper)"
        )
    reader.expect("(")
    columns: list[str] = []
    numbers: list[float] = []
    while True:
        kind, value = reader.peek()
        if kind in ("name", "quoted") and not numbers:
            reader.take()
            columns.append(value)
        else:
            numbers.append(_number(reader))
        if not reader.accept(","):
            break
    reader.expect(")")
    (low, high), (few, many) = _SIDES[name]
    if not low <= len(columns) <= high or not few <= len(numbers) <= many:
        raise argument_error(
            "formula",
            "Surv(time, status), Surv(start, stop, status), Interval(lower, upper), Status(state, horizon) or "
            "Measured(score, horizon, lower, upper)",
            f"{name} of {len(columns)} columns and {len(numbers)} numbers",
        )
    return Response(name, tuple(columns), tuple(numbers))


def parse_formula(text: str) -> Formula:
    """Read ``Surv(months, status) ~ rcs(odi, 4) + C(grade) * sex + strata(site)``.

    Parameters
    ----------
    text : str
        At most 10,000 characters.

    Raises
    ------
    ArgumentError
        For text outside the grammar; the error states its position.
    """
    reader = _Reader(text)
    response = _response(reader)
    reader.expect("~")
    return _right(reader, response)


def parse_terms(text: str) -> Formula:
    """Read a formula without a left side; arguments as for `parse_formula`."""
    return _right(_Reader(text), None)


def _right(reader: _Reader, response: Response | None) -> Formula:
    terms = _Terms()
    found = terms.union(reader)
    if reader.peek()[0] != "end":
        raise reader.wrong("+ - * : or the end")
    if len(terms.offset) > 1:
        raise argument_error("formula", "at most one offset(column)", f"{terms.offset[:4]}")
    found = sorted(found, key=len)
    right = " + ".join(":".join(term) for term in found)
    return Formula(
        response,
        tuple(tuple(terms.factors[name] for name in term) for term in found),
        tuple(dict.fromkeys(terms.strata)),
        terms.offset[0] if terms.offset else None,
        right,
    )
