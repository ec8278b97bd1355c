"""An equation for reading."""

from __future__ import annotations

import math

from lbp_prognosis._base import plain_label, time_words
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._terms import LevelTerm, Term
from lbp_prognosis.deployment._written import header, number, one_line

__all__ = ["plain_parts", "plain_text"]

_RISK = {
    "cloglog": "risk = 1 - S0^exp(lp)",
    "logit": "risk = 1 / (1 + exp(-(a + lp)))",
    "probit": "risk = Phi(a + lp), the normal distribution function",
    "loglog": "risk = exp(-exp(-(a + lp)))",
    "generalised_gamma": "risk = {below}P(1/q^2, exp(q * (a + lp)) / q^2), "
    "P the regularised lower incomplete gamma function, q = {q}",
}


def plain_text(equation: Formula) -> str:
    """Return the formula line by line."""
    digits = equation.digits
    below = "" if equation.shape > 0 else "1 - "
    risk = _RISK[equation.link].format(q=number(equation.shape, digits), below=below)
    lines = [header(equation, "").replace("\n ", "\n").lstrip(), f"\n{risk}\n\n"]
    lines.append(f"lp = {number(-equation.centre, digits)}\n")
    for term in equation.terms:
        lines += plain_parts(term, digits)
    lines.append("\n")
    unit = f" {one_line(equation.time_unit)}" if equation.time_unit else ""
    for label, values in equation.baseline.items():
        where = f", {one_line(equation.stratum)} {one_line(label)}" if equation.stratum else ""
        for horizon, value in zip(equation.horizons, values):
            if equation.link == "cloglog":
                survival = number(math.exp(-value), digits)
                lines.append(
                    f"S0({time_words(horizon, unit)}{where}) = {survival}   (at lp = 0, where the sum is the centre)\n"
                )
            else:
                lines.append(f"a({time_words(horizon, unit)}{where}) = {number(value, digits)}\n")
    return "".join(lines)


def plain_parts(term: Term, digits: int) -> list[str]:
    """Return one line per summand of a predictor."""
    name = one_line(term.name)
    if isinstance(term, LevelTerm):
        return [
            f"   {_signed(effect, digits)} if {name} is {one_line(plain_label(level))}\n"
            for level, effect in zip(term.levels, term.effects)
            if effect
        ]
    cubes = [
        f"   {_signed(cube, digits)} * max({name} - {number(knot, max(digits, 12))}, 0)^3\n"
        for knot, cube in zip(term.knots, term.cubes)
    ]
    return [f"   {_signed(term.slope, digits)} * {name}\n", *cubes]


def _signed(value: float, digits: int) -> str:
    return f"{'-' if value < 0 else '+'} {number(abs(value), digits)}"
