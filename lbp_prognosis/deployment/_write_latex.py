"""An equation as LaTeX."""

from __future__ import annotations

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._terms import LevelTerm, Term
from lbp_prognosis.deployment._written import header, number, one_line

__all__ = ["latex_number", "latex_parts", "latex_text", "latex_words"]

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_RISK = {
    "cloglog": r"1-\exp\{-H_0(\tau)\,e^{\eta}\}",
    "logit": r"\{1+e^{-(\alpha(\tau)+\eta)}\}^{-1}",
    "probit": r"\Phi\{\alpha(\tau)+\eta\}",
    "loglog": r"\exp\{-e^{-(\alpha(\tau)+\eta)}\}",
    "generalised_gamma": r"P\{q^{-2},\,q^{-2}e^{q(\alpha(\tau)+\eta)}\}",
}


def latex_text(equation: Formula) -> str:
    """Return ``\\[ … \\]`` with an ``aligned`` block; needs amsmath."""
    digits = equation.digits
    below = "1-" if equation.shape < 0 else ""
    lines = [rf"\mathrm{{risk}}(\tau) &= {below}{_RISK[equation.link]} \\"]
    if equation.link == "generalised_gamma":
        words = r"\text{the regularised lower incomplete gamma function}"
        lines.append(rf"P &\;{words},\quad q = {latex_number(equation.shape, digits)} \\")
    lines.append(rf"\eta &= {latex_number(-equation.centre, digits)}")
    for term in equation.terms:
        lines += [rf"\\ &\quad {part}" for part in latex_parts(term, digits)]
    word = "H_0" if equation.link == "cloglog" else r"\alpha"
    for label, values in equation.baseline.items():
        index = rf"_{{\text{{{latex_words(plain_label(label))}}}}}" if equation.stratum else ""
        given = [rf"{word}{index}({h:g}) = {latex_number(b, digits)}" for h, b in zip(equation.horizons, values)]
        lines.append(r"\\ & " + r",\quad ".join(given))
    body = "\n".join(lines)
    return f"{header(equation, '%')}\\[\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n\\]\n"


def latex_parts(term: Term, digits: int) -> list[str]:
    """Return the summands of a predictor."""
    name = rf"\text{{{latex_words(term.name)}}}"
    if isinstance(term, LevelTerm):
        return [
            rf"{_signed(effect, digits)}\,[{name} = \text{{{latex_words(plain_label(level))}}}]"
            for level, effect in zip(term.levels, term.effects)
            if effect
        ]
    out = [rf"{_signed(term.slope, digits)}\,{name}"]
    out += [
        rf"{_signed(cube, digits)}\,({name} - {latex_number(knot, max(digits, 12))})_+^3"
        for knot, cube in zip(term.knots, term.cubes)
    ]
    return out


def latex_number(value: float, digits: int) -> str:
    """Return a number with its power of ten as LaTeX."""
    text = number(value, digits)
    if "e" not in text:
        return text
    mantissa, power = text.split("e")
    return rf"{mantissa}\times 10^{{{int(power)}}}"


def _signed(value: float, digits: int) -> str:
    return f"{'-' if value < 0 else '+'} {latex_number(abs(value), digits)}"


def latex_words(text: object) -> str:
    """Return text with the special characters of LaTeX escaped."""
    return "".join(_SPECIAL.get(c, c) for c in one_line(text))
