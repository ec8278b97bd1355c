"""An equation as base R."""

from __future__ import annotations

from collections.abc import Iterable

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._terms import LevelTerm, Term
from lbp_prognosis.deployment._written import ascii_quoted, header, number

__all__ = ["r_needed", "r_term", "r_text"]

_RISK = {
    "cloglog": "-expm1(-base * exp(lp))",
    "logit": "plogis(base + lp)",
    "probit": "pnorm(base + lp)",
    "loglog": "exp(-exp(-(base + lp)))",
    "generalised_gamma": "pgamma(exp(q * (base + lp)) / q^2, 1 / q^2, lower.tail = q > 0)",
}


def r_text(equation: Formula) -> str:
    """Return functions of a data frame ``d``."""
    digits = equation.digits
    lines = [
        header(equation, "#"),
        "lbp_lp <- function(d) {\n",
        r_needed([term.name for term in equation.terms]),
        f"  lp <- rep({number(-equation.centre, digits)}, nrow(d))\n",
    ]
    lines += [f"  lp <- lp + {r_term(term, digits)}\n" for term in equation.terms]
    lines += ["  lp\n}\n", "lbp_risk <- function(d, horizon) {\n", "  lp <- lbp_lp(d)\n"]
    times = ", ".join(number(h, 17) for h in equation.horizons)
    lines.append(f"  k <- match(TRUE, abs(c({times}) - horizon) <= 1e-9 * abs(horizon))\n")
    lines.append('  if (is.na(k)) stop("no risk is known at this horizon")\n')
    if equation.stratum:
        lines.append(r_needed([equation.stratum]))
        rows = ", ".join(
            f"{ascii_quoted(plain_label(label))} = c({', '.join(number(b, digits) for b in values)})"
            for label, values in equation.baseline.items()
        )
        lines.append(f"  table <- list({rows})\n")
        column = f"as.character(d[[{ascii_quoted(equation.stratum)}]])"
        lines.append(f"  base <- unname(vapply({column}, function(s) if (is.na(s) || is.null(table[[s]])) NA_real_ ")
        lines.append("else table[[s]][k], 0))\n")
    else:
        values = ", ".join(number(b, digits) for b in equation.baseline[""])
        lines.append(f"  base <- c({values})[k]\n")
    if equation.link == "generalised_gamma":
        lines.append(f"  q <- {number(equation.shape, digits)}\n")
    lines.append(f"  {_RISK[equation.link]}\n}}\n")
    return "".join(lines)


def r_needed(columns: Iterable[str]) -> str:
    """Return lines that refuse data without a column: a sum with nothing is nothing in R, and not missing."""
    names = ", ".join(ascii_quoted(name) for name in dict.fromkeys(columns))
    if not names:
        return ""
    told = 'stop("columns that the data lack: ", paste(absent, collapse = ", "))'
    return f"  absent <- setdiff(c({names}), names(d))\n  if (length(absent) > 0) {told}\n"


def r_term(term: Term, digits: int) -> str:
    """Return the contribution of a predictor, in R's arithmetic."""
    x = f"d[[{ascii_quoted(term.name)}]]"
    if isinstance(term, LevelTerm):
        named = ", ".join(
            f"{ascii_quoted(plain_label(level))} = {number(effect, digits)}"
            for level, effect in zip(term.levels, term.effects)
        )
        return f"unname(c({named})[as.character({x})])"
    parts = [f"{number(term.slope, digits)} * {x}"]
    parts += [
        f"{number(cube, digits)} * pmax({x} - ({number(knot, max(digits, 12))}), 0)^3"
        for knot, cube in zip(term.knots, term.cubes)
    ]
    return "(" + " + ".join(parts) + ")"
