"""An equation of competing causes as a workbook whose risks are formulas."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from lbp_prognosis._base import require, time_words, write_file
from lbp_prognosis.deployment._competing_formula import CompetingFormula
from lbp_prognosis.deployment._excel import excel_equal, excel_term, put_text
from lbp_prognosis.deployment._written import header, number, one_line, range_words

__all__ = ["write_competing_excel"]

_FIRST = 4  # row of the first predictor, and of the first step


def write_competing_excel(equation: CompetingFormula, path: str | os.PathLike[str]) -> Path:
    """Write predictors in column B, their parts of each linear predictor next to it, risks below, steps to the right.

    Numbers and formulas are stored as `write_excel` stores them. Values that are not numbers, and unknown categories,
    give #N/A.
    """
    openpyxl = require("openpyxl", caller="CompetingEquation.to_excel", extra="io")
    from openpyxl.utils import get_column_letter

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Risk"
    unit = f" {one_line(equation.time_unit)}" if equation.time_unit else ""
    codes = [hazard.cause for hazard in equation.hazards]
    put_text(sheet, 1, 1, f"Risks of events {', '.join(map(str, codes))} from {one_line(equation.model) or 'a model'}")
    for column, word in enumerate(("predictor", "value", "unit", "range"), 1):
        put_text(sheet, _FIRST - 1, column, word)
    for c, code in enumerate(codes):
        put_text(sheet, _FIRST - 1, 5 + c, f"part of lp, event {code}")
    row = _FIRST
    for j, term in enumerate(equation.terms):
        put_text(sheet, row, 1, one_line(term.name))
        put_text(sheet, row, 3, one_line(term.unit))
        put_text(sheet, row, 4, range_words(term))
        for c, hazard in enumerate(equation.hazards):
            sheet.cell(row, 5 + c).value = f"={excel_term(hazard.terms[j], f'B{row}', equation.digits)}"
        row += 1
    stratum = ""
    if equation.stratum:
        stratum = f"B{row}"
        put_text(sheet, row, 1, one_line(equation.stratum))
        put_text(sheet, row, 4, "one of " + ", ".join(one_line(label) for label in equation.strata_labels))
        row += 1
    lp = row
    put_text(sheet, lp, 1, "linear predictor (lp)")
    for c, hazard in enumerate(equation.hazards):
        letter = get_column_letter(5 + c)
        inner = f"SUM({letter}{_FIRST}:{letter}{_FIRST + len(equation.terms) - 1})" if equation.terms else "0"
        sheet.cell(lp, 5 + c).value = f"={number(-hazard.centre, equation.digits)}+{inner}"
    start = 5 + len(codes) + 1
    _steps(equation, sheet, start, lp, stratum)
    row = lp + 1
    for horizon in equation.horizons:
        put_text(sheet, row, 1, f"risk by {time_words(horizon, unit)}")
        by = equation.steps_by(horizon)
        for c in range(len(codes)):
            letter = get_column_letter(start + 2 + 2 * len(codes) + c)
            known = "+".join(f"0*{get_column_letter(5 + j)}{lp}" for j in range(len(codes)))
            reached = f"{letter}{_FIRST + by - 1}" if by else f"0*{letter}{_FIRST}"  # an unknown stratum has no risk
            sheet.cell(row, 5 + c).value = f"=IF(ISNUMBER({known}),MIN({reached},1),NA())"
            sheet.cell(row, 5 + c).number_format = "0.0%"
        row += 1
    for k, line in enumerate(header(equation, "").splitlines()):
        put_text(sheet, row + 1 + k, 1, one_line(line))
    for letter, width in zip("ABCD", (34, 12, 14, 44)):
        sheet.column_dimensions[letter].width = width
    buffer = io.BytesIO()
    book.save(buffer)
    return write_file(path, buffer.getvalue())


def _steps(equation: CompetingFormula, sheet: Any, start: int, lp: int, stratum: str) -> None:
    """Write a row per step: time, a of each cause, p of each cause, risk so far, event-free probability."""
    from openpyxl.utils import get_column_letter

    many = len(equation.hazards)
    codes = [hazard.cause for hazard in equation.hazards]
    a, p, f, left = start + 1, start + 1 + many, start + 2 + 2 * many, start + 1 + 2 * many
    words = ["time", *(f"a, event {c}" for c in codes), *(f"p, event {c}" for c in codes), "left"]
    for column, word in enumerate([*words, *(f"risk, event {c}" for c in codes)]):
        put_text(sheet, _FIRST - 1, start + column, word)
    for k, time in enumerate(equation.times):
        row = _FIRST + k
        sheet.cell(row, start).value = time
        parts = [f"{get_column_letter(a + c)}{row}" for c in range(many)]
        whole = "(" + "+".join(parts) + ")"
        shares = [f"{get_column_letter(p + c)}{row}" for c in range(many)]
        for c, hazard in enumerate(equation.hazards):
            h = _increment(equation, hazard.increments, k, stratum)
            relative = f"{h}*EXP({get_column_letter(5 + c)}{lp})"
            sheet.cell(row, a + c).value = "=" + (
                f"1-EXP(-{relative})" if equation.form == "product_limit" else relative
            )
            share, stay = {
                "product_limit": (f"{parts[c]}/MAX({whole},1)", f"MAX(1-{whole},0)"),
                "product_limit_efron": (f"{parts[c]}/MAX({whole},1)", f"MAX(1-{whole},0)"),
                "exponential": (f"IF({whole}=0,0,{parts[c]}/{whole}*(1-EXP(-{whole})))", f"EXP(-{whole})"),
                "multinomial": (f"{parts[c]}/(1+{whole})", f"1/(1+{whole})"),
            }[equation.form]
            sheet.cell(row, p + c).value = f"={share}"
            before = f"{get_column_letter(f + c)}{row - 1}+" if k else ""
            survived = f"{get_column_letter(left)}{row - 1}*" if k else ""
            sheet.cell(row, f + c).value = f"={before}{survived}{shares[c]}"
        survived = f"{get_column_letter(left)}{row - 1}*" if k else ""
        sheet.cell(row, left).value = f"={survived}({stay})"


def _increment(equation: CompetingFormula, increments: Any, k: int, stratum: str) -> str:
    if not stratum:
        return f"({number(increments[''][k], equation.digits)})"
    base = "NA()"
    for label in reversed(equation.strata_labels):
        base = f"IF({excel_equal(stratum, label)},{number(increments[label][k], equation.digits)},{base})"
    return f"({base})"
