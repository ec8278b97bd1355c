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
# Series and continued fraction of the incomplete gamma function (Press et al. 2007, Numerical Recipes, 6.2), and beyond
# k = 1e5 the leading terms of Temme's expansion (NIST DLMF 8.12), with k = 1/q² and x = k·exp(s); within 1e-9
_GAMMA = """function lbpGammaPart(k, s) {
  var half = 0, term = s * s / 2, n, e, c, pre, x, sum, b, d, h, i, eta, mu;
  if (Math.abs(s) < 0.5) {
    for (n = 3; half + term !== half; n++) { half += term; term *= s / n; }
  } else { half = Math.expm1(s) - s; }
  e = Math.exp(-k * half);
  if (e === 0) { return s < 0 ? 0 : 1; }
  if (k > 1e5) {
    eta = (s < 0 ? -1 : 1) * Math.sqrt(2 * half); mu = Math.expm1(s);
    c = Math.abs(eta) < 0.01 ? -1 / 3 + eta / 12 - 2 * eta * eta / 135 : 1 / mu - 1 / eta;
    return lbpNormal(eta * Math.sqrt(k)) - e * c / Math.sqrt(2 * Math.PI * k);
  }
  d = k < 10 ? k + 10 : k;
  c = 1 / (12 * d) - 1 / (360 * Math.pow(d, 3)) + 1 / (1260 * Math.pow(d, 5)) - 1 / (1680 * Math.pow(d, 7));
  c = k < 10 ? k * Math.log(k) - k - (d - 0.5) * Math.log(d) + d - 0.5 * Math.log(2 * Math.PI) - c
    : 0.5 * Math.log(k / (2 * Math.PI)) - c;
  for (b = k; b < d - 0.5; b++) { c += Math.log(b); }
  pre = e * Math.exp(c); x = k * Math.exp(s);
  if (x < k + 1) {
    sum = term = 1 / k;
    for (n = 1; sum + term !== sum; n++) { term *= x / (k + n); sum += term; }
    return pre * sum;
  }
  b = x + 1 - k; c = 1e300; d = 1 / b; h = d;
  for (i = 1; i < 1e5; i++) {
    b += 2; d = 1 / (-i * (i - k) * d + b || 1e-300); c = b - i * (i - k) / c || 1e-300; h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) { break; }
  }
  return 1 - pre * h;
}
function lbpGamma(q, z) {
  if (z !== z) { return NaN; }
  var p = lbpGammaPart(1 / (q * q), q * z);
  return q > 0 ? p : 1 - p;
}
"""
_RISK = {
    "cloglog": "-Math.expm1(-base * Math.exp(lp))",
    "logit": "1 / (1 + Math.exp(-(base + lp)))",
    "probit": "lbpNormal(base + lp)",
    "loglog": "Math.exp(-Math.exp(-(base + lp)))",
    "generalised_gamma": "lbpGamma({q}, base + lp)",
}
_NEEDED = {"probit": _NORMAL, "generalised_gamma": _NORMAL + _GAMMA}
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
    """Return functions of an object ``x`` with one value per column; NaN if no risk is known."""
    digits = equation.digits
    lines = [header(equation, "//"), PARTS, _NEEDED.get(equation.link, "")]
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
    risk = _RISK[equation.link].format(q=number(equation.shape, digits))
    lines.append(f"  var lp = lbpLp(x);\n  return {risk};\n}}\n")
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
