"""An equation as a workbook whose risks are formulas."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any

from lbp_prognosis._base import inert_cell, plain_label, require, time_words, write_file
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._terms import LevelTerm, Term
from lbp_prognosis.deployment._written import header, number, one_line, range_words

__all__ = ["excel_equal", "excel_term", "put_text", "write_excel"]

_FIRST = 4  # row of the first predictor
_HUGE = 5e4  # shape above which programs do not sum a gamma distribution
_RISK = {
    "cloglog": "1-EXP(-{base}*EXP({lp}))",
    "logit": "1/(1+EXP(-({base}+{lp})))",
    "probit": "NORMSDIST({base}+{lp})",
    "loglog": "EXP(-EXP(-({base}+{lp})))",
}


def write_excel(equation: Formula, path: str | os.PathLike[str]) -> Path:
    """Write predictors in column B, their parts of the linear predictor in E, risks below.

    Numbers are numbers and formulas are stored in their international form, so that a decimal comma or another
    language of the program changes nothing. Values that are not numbers, and unknown categories, give #N/A.
    """
    openpyxl = require("openpyxl", caller="Equation.to_excel", extra="io")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Risk"
    unit = f" {one_line(equation.time_unit)}" if equation.time_unit else ""
    put_text(sheet, 1, 1, f"Risk of event {equation.cause} from {one_line(equation.model) or 'a model'}")
    for column, word in enumerate(("predictor", "value", "unit", "range", "part of lp"), 1):
        put_text(sheet, _FIRST - 1, column, word)
    row = _FIRST
    for term in equation.terms:
        put_text(sheet, row, 1, one_line(term.name))
        put_text(sheet, row, 3, one_line(term.unit))
        put_text(sheet, row, 4, range_words(term))
        sheet.cell(row, 5).value = f"={excel_term(term, f'B{row}', equation.digits)}"
        row += 1
    stratum = ""
    if equation.stratum:
        stratum = f"B{row}"
        put_text(sheet, row, 1, one_line(equation.stratum))
        put_text(sheet, row, 4, "one of " + ", ".join(one_line(label) for label in equation.baseline))
        row += 1
    lp = row
    put_text(sheet, lp, 1, "linear predictor (lp)")
    inner = f"SUM(E{_FIRST}:E{_FIRST + len(equation.terms) - 1})" if equation.terms else "0"
    sheet.cell(lp, 5).value = f"={number(-equation.centre, equation.digits)}+{inner}"
    for k, horizon in enumerate(equation.horizons):
        here = lp + 1 + k
        put_text(sheet, here, 1, f"risk by {time_words(horizon, unit)}")
        if stratum:
            base = "NA()"
            for label, values in reversed(list(equation.baseline.items())):
                base = f"IF({excel_equal(stratum, label)},{number(values[k], equation.digits)},{base})"
        else:
            base = number(equation.baseline[""][k], equation.digits)
        _put_risk(sheet, here, equation, f"({base})", f"E{lp}")
        sheet.cell(here, 5).number_format = "0.0%"
    for k, line in enumerate(header(equation, "").splitlines()):
        put_text(sheet, lp + len(equation.horizons) + 2 + k, 1, one_line(line))
    for letter, width in zip("ABCDE", (34, 12, 14, 44, 16)):
        sheet.column_dimensions[letter].width = width
    buffer = io.BytesIO()
    book.save(buffer)
    return write_file(path, buffer.getvalue())


def _put_risk(sheet: Any, row: int, equation: Formula, base: str, lp: str) -> None:
    if equation.link != "generalised_gamma":
        sheet.cell(row, 5).value = "=" + _RISK[equation.link].format(base=base, lp=lp)
        return
    q, k = number(equation.shape, equation.digits), equation.shape**-2
    if k < _HUGE:  # EXP of more than 709 is an error; so is GAMMADIST far beyond its mean
        x = f"MIN(EXP(MIN(({q})*({base}+{lp}),700))/({q})^2,{number(k + 40 * math.sqrt(k) + 800, 17)})"
        below = f"GAMMADIST({x},1/({q})^2,1,1)"  # the name in all versions
    else:  # workbooks do not sum so far: the first term of Temme's expansion (DLMF 8.12), within 1e-9
        put_text(sheet, row, 4, "in column F: shape times standardised log time")
        sheet.cell(row, 6).value = f"=MAX(-0.5,MIN(0.5,({q})*({base}+{lp})))"
        s = f"F{row}"
        rest = f"(1+{s}/3*(1+{s}/4*(1+{s}/5*(1+{s}/6*(1+{s}/7)))))"
        eta = f"({s}*SQRT({rest}))"
        first = f"(-1/3+{eta}/12-2*{eta}^2/135)"
        tail = f"EXP(0-{s}^2/2*{rest}/({q})^2)*SQRT(({q})^2/{number(2 * math.pi, 17)})"
        below = f"NORMSDIST({eta}/SQRT(({q})^2))-{tail}*{first}"
    sheet.cell(row, 5).value = f"={below}" if equation.shape > 0 else f"=1-({below})"


def put_text(sheet: Any, row: int, column: int, text: str) -> None:
    """Write text that no program interprets as a formula."""
    cell = sheet.cell(row, column)
    cell.value = inert_cell(text)
    cell.data_type = "s"


def excel_term(term: Term, cell: str, digits: int) -> str:
    """Return the contribution of a predictor, from the value in a cell."""
    if isinstance(term, LevelTerm):
        value = "NA()"
        for level, effect in reversed(list(zip(term.levels, term.effects))):
            value = f"IF({excel_equal(cell, level)},{number(effect, digits)},{value})"
        return value
    parts = [f"({number(term.slope, digits)})*{cell}"]
    parts += [
        f"({number(cube, digits)})*MAX({cell}-({number(knot, max(digits, 12))}),0)^3"
        for knot, cube in zip(term.knots, term.cubes)
    ]
    return f"IF(ISNUMBER({cell}),{'+'.join(parts)},NA())"


def excel_equal(cell: str, level: Any) -> str:
    """Compare as numbers if the category is a number, else as text."""
    level = plain_label(level)
    if isinstance(level, bool) or not isinstance(level, int | float) or not math.isfinite(level):
        word = one_line(level).replace('"', '""')
        return f'EXACT({cell}&"","{word}")'
    return f"AND(ISNUMBER({cell}),{cell}={number(float(level), 17)})"
