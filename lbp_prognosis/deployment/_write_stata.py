"""An equation as Stata commands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._terms import LevelTerm, Term
from lbp_prognosis.deployment._written import header, number, one_line

__all__ = ["stata_equal", "stata_names", "stata_term", "stata_text", "stata_word"]

_RISK = {
    "cloglog": "1 - exp(-({base}) * exp(lp))",
    "logit": "invlogit(({base}) + lp)",
    "probit": "normal(({base}) + lp)",
    "loglog": "exp(-exp(-(({base}) + lp)))",
    "generalised_gamma": "{below}(1 / ({q})^2, exp(({q}) * (({base}) + lp)) / ({q})^2)",
}
_RESERVED = {"lp", "base", "if", "in", "using", "with", "byte", "int", "long", "float", "double", "strL"}
_RESERVED |= {"_all", "_b", "_coef", "_cons", "_n", "_N", "_pi", "_pred", "_rc", "_se", "_skip"}


def stata_names(columns: list[str], made: Sequence[str] = ()) -> dict[str, str]:
    """Return a legal, distinct Stata name of each column: letters, digits and underscores, 32 at most.

    Parameters
    ----------
    columns : list of str
        Names in the table.
    made : sequence of str
        Names of the generated variables, which no column may use.
    """
    out: dict[str, str] = {}
    taken = _RESERVED | set(made)
    for column in columns:
        word = re.sub(r"[^A-Za-z0-9_]", "_", column)[:32]
        word = f"v_{word}"[:32] if not word or word[0].isdigit() or word in _RESERVED or word[0] == "_" else word
        base, k = word, 1
        while word in taken:
            k += 1
            word = f"{base[: 31 - len(str(k))]}_{k}"
        taken.add(word)
        out[column] = word
    return out


def stata_text(equation: Formula) -> str:
    """Return commands for a do-file; Stata's ``max()`` ignores missing values, so they are excluded first."""
    digits = equation.digits
    columns = list(map(str, equation.feature_names_in_))
    names = stata_names(columns, [f"risk_{stata_word(horizon)}" for horizon in equation.horizons])
    lines = [header(equation, "*")]
    lines += [f"* {one_line(c)} is the variable {names[c]}\n" for c in columns if names[c] != c]
    lines.append(f"generate double lp = {number(-equation.centre, digits)}\n")
    for term in equation.terms:
        lines += stata_term(term, names[term.name], digits)
    for k, horizon in enumerate(equation.horizons):
        word = f"risk_{stata_word(horizon)}"
        if equation.stratum:
            base = "."
            for label, values in reversed(list(equation.baseline.items())):
                base = f"cond({stata_equal(names[equation.stratum], label)}, {number(values[k], digits)}, {base})"
        else:
            base = number(equation.baseline[""][k], digits)
        below = "gammap" if equation.shape > 0 else "gammaptail"
        made = _RISK[equation.link].format(base=base, q=number(equation.shape, digits), below=below)
        lines.append(f"generate double {word} = {made}\n")
    return "".join(lines)


def stata_word(horizon: float) -> str:
    """Return a time as part of a name."""
    return re.sub(r"[^A-Za-z0-9]", "_", f"{horizon:g}")


def stata_term(term: Term, name: str, digits: int, lp: str = "lp") -> list[str]:
    """Return commands that add a predictor to the variable ``lp``."""
    if isinstance(term, LevelTerm):
        value = "."
        for level, effect in reversed(list(zip(term.levels, term.effects))):
            value = f"cond({stata_equal(name, level)}, {number(effect, digits)}, {value})"
        return [f"replace {lp} = {lp} + {value}\n"]
    lines = [f"replace {lp} = {lp} + ({number(term.slope, digits)}) * {name}\n"]
    for knot, cube in zip(term.knots, term.cubes):
        step = f"max({name} - ({number(knot, max(digits, 12))}), 0)"
        lines.append(f"replace {lp} = {lp} + ({number(cube, digits)}) * {step}^3\n")
    return lines


def stata_equal(name: str, level: Any) -> str:
    """Return the comparison of a variable with a category."""
    level = plain_label(level)
    if isinstance(level, bool):
        return f"{name} == {int(level)}"
    if isinstance(level, int | float):
        return f"{name} == {level!r}"
    word = one_line(level).replace('"', "'").replace("`", "'").replace("$", "S")
    return f'{name} == "{word}"'
