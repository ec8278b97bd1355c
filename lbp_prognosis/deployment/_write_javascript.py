"""An equation as plain JavaScript."""

from __future__ import annotations

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._terms import LevelTerm, Term
from lbp_prognosis.deployment._written import header, number, quoted

__all__ = ["PARTS", "javascript_term", "javascript_text"]

# Marsaglia (2004), J Stat Softw 11(4): the series of Φ, to the last digits of a double
_NORMAL = """function lbpNormal(z) {
  if (z !== z) { return NaN; }
  if (z < -8) { return 0; }
  if (z > 8) { return 1; }
  var s = z, t = NaN, b = z, q = z * z, i = 1;
  while (s !== t) { t = s; i += 2; b = b * q / i; s = t + b; }
  return 0.5 + s * Math.exp(-0.5 * q - 0.91893853320467274178);
}
"""
_RISK = {
    "cloglog": "-Math.expm1(-base * Math.exp(lp))",
    "logit": "1 / (1 + Math.exp(-(base + lp)))",
    "probit": "lbpNormal(base + lp)",
}
PARTS = """function lbpNumber(value) {
  if (value === null || value === undefined || value === "") { return NaN; }
  return Number(value);
}
function lbpLevel(table, value) {
  var key = "=" + String(value);
  return Object.prototype.hasOwnProperty.call(table, key) ? table[key] : NaN;
}
function lbpCube(x, knot) { var d = x > knot ? x - knot : 0; return d * d * d; }
"""


def javascript_text(equation: Formula) -> str:
    """Return functions of an object ``x`` with a value per column; NaN where no risk is known."""
    digits = equation.digits
    lines = [header(equation, "//"), PARTS, _NORMAL if equation.link == "probit" else ""]
    lines += ["function lbpLp(x) {\n", f"  var lp = {number(-equation.centre, digits)}, v;\n"]
    lines += [javascript_term(term, digits) for term in equation.terms]
    lines += ["  return lp;\n}\n", "function lbpRisk(x, horizon) {\n"]
    lines.append(f"  var times = [{', '.join(number(h, 17) for h in equation.horizons)}], k = -1;\n")
    lines.append("  for (var i = 0; i < times.length; i++) {\n")
    lines.append("    if (Math.abs(times[i] - horizon) <= 1e-9 * Math.abs(horizon)) { k = i; }\n  }\n")
    lines.append("  if (k < 0) { return NaN; }\n")
    if equation.stratum:
        rows = ", ".join(
            f"{quoted(f'={plain_label(label)}')}: [{', '.join(number(b, digits) for b in values)}]"
            for label, values in equation.baseline.items()
        )
        lines.append(f"  var table = {{{rows}}}, row = lbpLevel(table, x[{quoted(equation.stratum)}]);\n")
        lines.append("  var base = Array.isArray(row) ? row[k] : NaN;\n")
    else:
        lines.append(f"  var base = [{', '.join(number(b, digits) for b in equation.baseline[''])}][k];\n")
    lines.append(f"  var lp = lbpLp(x);\n  return {_RISK[equation.link]};\n}}\n")
    return "".join(lines)


def javascript_term(term: Term, digits: int) -> str:
    """Return a line that adds a predictor to ``lp``."""
    x = f"x[{quoted(term.name)}]"
    if isinstance(term, LevelTerm):
        named = ", ".join(
            f"{quoted(f'={plain_label(level)}')}: {number(effect, digits)}"
            for level, effect in zip(term.levels, term.effects)
        )
        return f"  lp += lbpLevel({{{named}}}, {x});\n"
    parts = [f"({number(term.slope, digits)}) * v"]
    parts += [
        f"({number(cube, digits)}) * lbpCube(v, {number(knot, max(digits, 12))})"
        for knot, cube in zip(term.knots, term.cubes)
    ]
    return f"  v = lbpNumber({x}); lp += {' + '.join(parts)};\n"
