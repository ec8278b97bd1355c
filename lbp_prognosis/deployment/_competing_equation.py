"""``CompetingEquation``: the risks of competing causes as a formula independent of the model and of this library."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lbp_prognosis._base import argument_error
from lbp_prognosis.deployment._competing_excel import write_competing_excel
from lbp_prognosis.deployment._competing_formula import CauseHazard, CompetingFormula
from lbp_prognosis.deployment._terms import term_from_dict
from lbp_prognosis.deployment._write_competing import competing_javascript, competing_r, competing_stata
from lbp_prognosis.deployment._write_competing_plain import competing_latex, competing_text

__all__ = ["CauseHazard", "CompetingEquation", "competing_from_dict"]


@dataclass(frozen=True, repr=False)
class CompetingEquation(CompetingFormula):
    """The risks of competing causes as a formula with a table of steps.

    With ``a_k = increment_k(u) · exp(lp_k)`` at the time u of a step,

    - form ``product_limit``: ``p_k = 1 − exp(−a_k)``; ``product_limit_efron``: ``p_k = a_k``; ``multinomial``:
      ``p_k = a_k / (1 + Σ_j a_j)``; where the p_k sum to more than 1 they are divided by their sum;
    - form ``exponential``: ``p_k = a_k / Σ_j a_j · (1 − exp(−Σ_j a_j))``;

    and ``risk_k(τ) = Σ_{u ≤ τ} S(u−) p_k(u)`` with ``S(u) = S(u−) (1 − Σ_j p_j(u))`` and ``S(0) = 1``.

    Attributes
    ----------
    hazards : tuple of CauseHazard
        One per cause, over the same columns.
    form : str
        Transformation of hazards to risks: ``"product_limit"``, ``"product_limit_efron"``, ``"exponential"`` or
        ``"multinomial"``.
    times : tuple of float
        Times of the steps, increasing, in ``time_unit``.
    horizons : tuple of float
        Times at which risks are written.
    stratum : str
        Column of the stratum; empty without strata.
    time_unit : str
        Unit of the times, as given.
    model : str
        Class of the original model.
    digits : int
        Significant digits of the written texts; the numbers of this object are not rounded.
    """

    # ---- forms -------------------------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return the equation for reading, with ranges, reference levels and the table of steps."""
        return competing_text(self)

    def to_r(self) -> str:
        """Return R functions ``lbp_lp(d, cause)`` and ``lbp_risk(d, horizon, cause)``; base R only."""
        return competing_r(self)

    def to_stata(self) -> str:
        """Return Stata commands that add ``lp_…`` per cause and ``risk_…_…`` per cause and horizon to the data."""
        return competing_stata(self)

    def to_javascript(self) -> str:
        """Return a JavaScript function ``lbpRisk(x, horizon, cause)``; the cause is 1 if left out."""
        return competing_javascript(self)

    def to_latex(self) -> str:
        """Return the formula for a paper, with the table of steps; needs amsmath."""
        return competing_latex(self)

    def to_excel(self, path: str | os.PathLike[str]) -> Path:
        """Write a workbook with cells for values and formulas for risks.

        Parameters
        ----------
        path : path
            File to write, ``.xlsx``.
        """
        return write_competing_excel(self, path)

    def to_json(self) -> str:
        """Return the whole equation as JSON; `from_equation` reads it."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)


def competing_from_dict(state: Mapping[str, Any]) -> CompetingEquation:
    """Rebuild an equation of competing causes from the contents of its JSON."""
    needed = {"form", "hazards", "times", "horizons"}
    fields = set(CompetingEquation.__dataclass_fields__) | {"format", "kind"}
    unknown, absent = set(state) - fields, needed - set(state)
    parts = state.get("hazards", ())
    strange = any(set(part) != {"cause", "terms", "centre", "increments"} for part in parts)
    if unknown or absent or strange:
        raise argument_error(
            "source", f"with {sorted(needed)}", f"without {sorted(absent)}, with unknown {sorted(unknown)} or parts"
        )
    hazards = tuple(
        CauseHazard(
            int(part["cause"]),
            tuple(term_from_dict(term) for term in part["terms"]),
            float(part["centre"]),
            {str(label): tuple(map(float, values)) for label, values in part["increments"].items()},
        )
        for part in parts
    )
    rest = {name: state[name] for name in fields & set(state) - {"format", "kind", "hazards", "times", "horizons"}}
    times, horizons = (tuple(map(float, state[name])) for name in ("times", "horizons"))
    return CompetingEquation(hazards=hazards, times=times, horizons=horizons, **rest)
