"""An equation of competing causes in R, JavaScript and Stata."""

from __future__ import annotations

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._competing_formula import CompetingFormula
from lbp_prognosis.deployment._write_javascript import PARTS, javascript_term
from lbp_prognosis.deployment._write_r import r_needed, r_term
from lbp_prognosis.deployment._write_stata import stata_equal, stata_names, stata_term, stata_word
from lbp_prognosis.deployment._written import ascii_quoted, header, number, one_line, quoted

__all__ = ["competing_javascript", "competing_r", "competing_stata"]

_R = {
    "product_limit": "p <- -expm1(-a); p <- p / pmax(rowSums(p), 1); stay <- pmax(1 - rowSums(p), 0)",
    "product_limit_efron": "p <- a / pmax(rowSums(a), 1); stay <- pmax(1 - rowSums(p), 0)",
    "exponential": "s <- rowSums(a); p <- a * ifelse(s > 0, -expm1(-s) / s, 1); stay <- exp(-s)",
    "multinomial": "p <- a / (1 + rowSums(a)); stay <- 1 / (1 + rowSums(a))",
}
_JAVASCRIPT = {
    "product_limit": "p = a.map(function (v) { return -Math.expm1(-v); }); w = Math.max(sum(p), 1);"
    " p = p.map(function (v) { return v / w; }); stay = Math.max(1 - sum(p), 0);",
    "product_limit_efron": "w = Math.max(sum(a), 1); p = a.map(function (v) { return v / w; });"
    " stay = Math.max(1 - sum(p), 0);",
    "exponential": "w = sum(a); p = a.map(function (v) { return w > 0 ? v * -Math.expm1(-w) / w : 0; });"
    " stay = Math.exp(-w);",
    "multinomial": "w = 1 + sum(a); p = a.map(function (v) { return v / w; }); stay = 1 / w;",
}


def competing_r(equation: CompetingFormula) -> str:
    """Return functions of a data frame ``d``."""
    digits = equation.digits
    needed = r_needed([term.name for hazard in equation.hazards for term in hazard.terms])
    lines = [header(equation, "#"), f"lbp_lp <- function(d, cause = 1) {{\n{needed}  switch(as.character(cause),\n"]
    parts = []
    for hazard in equation.hazards:
        sums = "".join(f" +\n      {r_term(term, digits)}" for term in hazard.terms)
        parts.append(f'    "{hazard.cause}" = rep({number(-hazard.centre, digits)}, nrow(d)){sums}')
    lines += [",\n".join(parts), ',\n    stop("no risk is known of this cause"))\n}\n']
    lines.append("lbp_risk <- function(d, horizon, cause = 1) {\n")
    codes = ", ".join(str(hazard.cause) for hazard in equation.hazards)
    lines.append(f"  codes <- c({codes})\n  mine <- match(cause, codes)\n")
    lines.append('  if (is.na(mine)) stop("no risk is known of this cause")\n')
    lines.append(f"  times <- c({_numbers(equation.times, 17)})\n  horizons <- c({_numbers(equation.horizons, 17)})\n")
    lines.append("  k <- match(TRUE, abs(horizons - horizon) <= 1e-9 * abs(horizon))\n")
    lines.append('  if (is.na(k)) stop("no risk is known at this horizon")\n')
    lines.append("  steps <- list(\n")
    tables = []
    for label in equation.strata_labels:
        columns = ", ".join(f"c({_numbers(h.increments[label], digits)})" for h in equation.hazards)
        tables.append(f"    {ascii_quoted(f'={plain_label(label)}')} = cbind({columns})")
    lines += [",\n".join(tables), ")\n"]
    if equation.stratum:
        lines.append(r_needed([equation.stratum]))
        stratum = f"d[[{ascii_quoted(equation.stratum)}]]"
        lines.append(f'  stratum <- ifelse(is.na({stratum}), "", paste0("=", as.character({stratum})))\n')
    else:
        lines.append('  stratum <- rep("=", nrow(d))\n')
    lines.append("  relative <- exp(do.call(cbind, lapply(codes, function(code) lbp_lp(d, code))))\n")
    lines.append("  risk <- rep(0, nrow(d))\n  left <- rep(1, nrow(d))\n")
    lines.append("  known <- stratum %in% names(steps)\n")
    lines.append("  for (u in which(times <= horizons[k] * (1 + 1e-12))) {\n")
    lines.append("    h <- do.call(rbind, lapply(steps[stratum], function(s) if (is.null(s)) s else s[u, ]))\n")
    lines.append("    a <- matrix(NA_real_, nrow(d), length(codes))\n    if (any(known)) a[known, ] <- h\n")
    lines.append(f"    a <- a * relative\n    {_R[equation.form]}\n")
    lines.append("    risk <- risk + left * p[, mine]\n    left <- left * stay\n  }\n")
    lines.append("  ifelse(known & !is.na(rowSums(relative)), pmin(risk, 1), NA_real_)\n}\n")
    return "".join(lines)


def competing_javascript(equation: CompetingFormula) -> str:
    """Return functions of an object ``x`` with one value per column; NaN if no risk is known."""
    digits = equation.digits
    lines = [header(equation, "//"), PARTS, "function lbpLp(x, cause) {\n  var lp = NaN, v;\n"]
    for hazard in equation.hazards:
        lines.append(f"  if (cause === {hazard.cause}) {{\n  lp = {number(-hazard.centre, digits)};\n")
        lines += [javascript_term(term, digits) for term in hazard.terms]
        lines.append("  }\n")
    lines += ["  return lp;\n}\n", "function lbpRisk(x, horizon, cause) {\n"]
    codes = [hazard.cause for hazard in equation.hazards]
    first = 1 if 1 in codes else codes[0]
    lines.append(f"  var codes = [{', '.join(map(str, codes))}];\n")
    lines.append(f"  var mine = codes.indexOf(cause === undefined ? {first} : cause);\n")
    lines.append(f"  var times = [{_numbers(equation.times, 17)}];\n")
    lines.append(f"  var horizons = [{_numbers(equation.horizons, 17)}], k = -1;\n")
    lines.append("  for (var i = 0; i < horizons.length; i++) {\n")
    lines.append("    if (Math.abs(horizons[i] - horizon) <= 1e-9 * Math.abs(horizon)) { k = i; }\n  }\n")
    lines.append("  if (k < 0 || mine < 0) { return NaN; }\n")
    rows = ",\n    ".join(_javascript_steps(equation, label) for label in equation.strata_labels)
    chosen = f"x[{quoted(equation.stratum)}]" if equation.stratum else '""'
    lines.append(f"  var table = {{{rows}}}, steps = lbpLevel(table, {chosen});\n")
    lines.append("  if (!Array.isArray(steps)) { return NaN; }\n")
    lines.append("  function sum(v) { return v.reduce(function (s, w) { return s + w; }, 0); }\n")
    lines.append("  var relative = codes.map(function (code) { return Math.exp(lbpLp(x, code)); });\n")
    lines.append("  var risk = 0, left = 1, a, p, w, stay;\n")
    lines.append("  if (sum(relative) !== sum(relative)) { return NaN; }\n")
    lines.append("  for (var u = 0; u < times.length && times[u] <= horizons[k] * (1 + 1e-12); u++) {\n")
    lines.append("    a = relative.map(function (r, c) { return steps[c][u] * r; });\n")
    lines.append(f"    {_JAVASCRIPT[equation.form]}\n    risk += left * p[mine]; left *= stay;\n  }}\n")
    lines.append("  return Math.min(risk, 1);\n}\n")
    return "".join(lines)


def _javascript_steps(equation: CompetingFormula, label: str) -> str:
    columns = ", ".join(f"[{_numbers(hazard.increments[label], equation.digits)}]" for hazard in equation.hazards)
    return f"{quoted(f'={plain_label(label)}')}: [{columns}]"


def competing_stata(equation: CompetingFormula) -> str:
    """Return commands for a do-file: a linear predictor per cause, then a few lines per step."""
    digits = equation.digits
    columns = list(map(str, equation.feature_names_in_))
    codes = [hazard.cause for hazard in equation.hazards]
    made = [f"{word}_{c}" for word in ("lp", "lbp_a", "lbp_f") for c in codes]
    made += [f"risk_{c}_{stata_word(horizon)}" for c in codes for horizon in equation.horizons]
    names = stata_names(columns, [*made, "lbp_total", "lbp_left"])
    lines = [header(equation, "*")]
    lines += [f"* {one_line(c)} is the variable {names[c]}\n" for c in columns if names[c] != c]
    for hazard in equation.hazards:
        lp = f"lp_{hazard.cause}"
        lines.append(f"generate double {lp} = {number(-hazard.centre, digits)}\n")
        for term in hazard.terms:
            lines += stata_term(term, names[term.name], digits, lp)
    for word in [*(f"lbp_a_{c}" for c in codes), *(f"lbp_f_{c}" for c in codes), "lbp_total"]:
        lines.append(f"generate double {word} = 0\n")
    lines.append("generate double lbp_left = 1\n")
    at: dict[int, list[float]] = {}
    for horizon in equation.horizons:
        at.setdefault(equation.steps_by(horizon), []).append(horizon)
    for u in range(max(at) + 1):
        if u > 0:
            lines += _stata_step(equation, u - 1, names.get(equation.stratum, ""))
        for horizon in at.get(u, []):
            word = stata_word(horizon)
            # missing values of a linear predictor stay missing: 0 * . is .
            missing = " + ".join([*(f"lp_{c}" for c in codes), _stata_known(equation, names)])
            lines += [f"generate double risk_{c}_{word} = min(lbp_f_{c}, 1) + 0 * ({missing})\n" for c in codes]
    return "".join(lines)


def _stata_known(equation: CompetingFormula, names: dict[str, str]) -> str:
    if not equation.stratum:
        return "0"
    base = "."
    for label in reversed(equation.strata_labels):
        base = f"cond({stata_equal(names[equation.stratum], label)}, 0, {base})"
    return base


def _stata_step(equation: CompetingFormula, u: int, stratum: str) -> list[str]:
    """Return the commands of one step."""
    codes = [hazard.cause for hazard in equation.hazards]
    out = []
    for hazard in equation.hazards:
        if equation.stratum:
            h = "."
            for label in reversed(equation.strata_labels):
                h = f"cond({stata_equal(stratum, label)}, {number(hazard.increments[label][u], equation.digits)}, {h})"
        else:
            h = number(hazard.increments[""][u], equation.digits)
        part = f"({h}) * exp(lp_{hazard.cause})"
        if equation.form == "product_limit":
            part = f"1 - exp(-{part})"
        out.append(f"replace lbp_a_{hazard.cause} = {part}\n")
    whole = " + ".join(f"lbp_a_{c}" for c in codes)
    scale, stay = {
        "product_limit": ("1 / max(lbp_total, 1)", "max(1 - lbp_total, 0)"),
        "product_limit_efron": ("1 / max(lbp_total, 1)", "max(1 - lbp_total, 0)"),
        "exponential": ("cond(lbp_total == 0, 1, (1 - exp(-lbp_total)) / lbp_total)", "exp(-lbp_total)"),
        "multinomial": ("1 / (1 + lbp_total)", "1 / (1 + lbp_total)"),
    }[equation.form]
    out.append(f"replace lbp_total = {whole}\n")
    out += [f"replace lbp_f_{c} = lbp_f_{c} + lbp_left * lbp_a_{c} * {scale}\n" for c in codes]
    out.append(f"replace lbp_left = lbp_left * {stay}\n")
    return out


def _numbers(values: tuple[float, ...], digits: int) -> str:
    return ", ".join(number(value, digits) for value in values)
