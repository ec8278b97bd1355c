"""An equation of competing causes for reading, and for a paper."""

from __future__ import annotations

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._competing_formula import CompetingFormula
from lbp_prognosis.deployment._write_latex import latex_number, latex_parts, latex_words
from lbp_prognosis.deployment._write_plain import plain_parts
from lbp_prognosis.deployment._written import header, number, one_line

__all__ = ["competing_latex", "competing_text"]

_PLAIN = {
    "product_limit": "p_k = 1 - exp(-a_k), divided by their sum where that passes 1",
    "product_limit_efron": "p_k = a_k, divided by their sum where that passes 1",
    "exponential": "p_k = a_k / A * (1 - exp(-A)) with A the sum of the a_k",
    "multinomial": "p_k = a_k / (1 + A) with A the sum of the a_k",
}
_LATEX = {
    "product_limit": r"p_k(u) &= \frac{q_k(u)}{\max\{1,\sum_j q_j(u)\}},\quad q_k(u) = 1-\exp\{-a_k(u)\}",
    "product_limit_efron": r"p_k(u) &= \frac{a_k(u)}{\max\{1,\sum_j a_j(u)\}}",
    "exponential": r"p_k(u) &= \frac{a_k(u)}{\sum_j a_j(u)}\Bigl[1-\exp\Bigl\{-\sum_j a_j(u)\Bigr\}\Bigr]",
    "multinomial": r"p_k(u) &= \frac{a_k(u)}{1+\sum_j a_j(u)}",
}


def competing_text(equation: CompetingFormula) -> str:
    """Return the formula line by line, and the table of steps."""
    digits = equation.digits
    lines = [header(equation, "").replace("\n ", "\n").lstrip()]
    lines.append(
        "\nrisk_k = sum over the steps of left * p_k, with left = 1 at the beginning and left * (1 - sum p) after\n"
    )
    lines.append(f"a step; a_k = h_k * exp(lp_k); {_PLAIN[equation.form]}.\n\n")
    for hazard in equation.hazards:
        lines.append(f"lp_{hazard.cause} = {number(-hazard.centre, digits)}\n")
        for term in hazard.terms:
            lines += plain_parts(term, digits)
        lines.append("\n")
    unit = f" ({one_line(equation.time_unit)})" if equation.time_unit else ""
    for label in equation.strata_labels:
        where = f", {one_line(equation.stratum)} {one_line(label)}" if equation.stratum else ""
        lines.append("  ".join([f"time{unit}{where}", *(f"h_{hazard.cause}" for hazard in equation.hazards)]) + "\n")
        for k, time in enumerate(equation.times):
            values = [number(hazard.increments[label][k], digits) for hazard in equation.hazards]
            lines.append("  ".join([number(time, 12), *values]) + "\n")
    return "".join(lines)


def competing_latex(equation: CompetingFormula) -> str:
    """Return ``\\[ … \\]`` with an ``aligned`` block, then the steps as a table."""
    digits = equation.digits
    lines = [
        r"\mathrm{risk}_k(\tau) &= \sum_{u\le\tau} S(u^-)\,p_k(u),\quad S(u)=S(u^-)\Bigl(1-\sum_j p_j(u)\Bigr) \\",
        rf"{_LATEX[equation.form]},\quad a_k(u) = h_k(u)\,e^{{\eta_k}} \\",
    ]
    for hazard in equation.hazards:
        lines.append(rf"\eta_{{{hazard.cause}}} &= {latex_number(-hazard.centre, digits)} \\")
        lines += [rf"&\quad {part} \\" for term in hazard.terms for part in latex_parts(term, digits)]
    body = "\n".join(lines).removesuffix(r" \\")
    block = f"{header(equation, '%')}\\[\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}\n\\]\n"
    return block + "".join(_latex_table(equation, label) for label in equation.strata_labels)


def _latex_table(equation: CompetingFormula, label: str) -> str:
    head = " & ".join(["$u$", *(f"$h_{{{hazard.cause}}}(u)$" for hazard in equation.hazards)])
    if equation.stratum:
        where = f"{latex_words(equation.stratum)}: {latex_words(plain_label(label))}"
        head = rf"\multicolumn{{{len(equation.hazards) + 1}}}{{l}}{{{where}}} \\ {head}"
    rows = []
    for k, time in enumerate(equation.times):
        values = [f"${latex_number(hazard.increments[label][k], equation.digits)}$" for hazard in equation.hazards]
        rows.append(" & ".join([number(time, 12), *values]) + r" \\")
    columns = "r" * (len(equation.hazards) + 1)
    body = "\n".join(rows)
    return f"\\begin{{tabular}}{{{columns}}}\n{head} \\\\ \\hline\n{body}\n\\end{{tabular}}\n"
