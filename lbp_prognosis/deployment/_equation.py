"""``Equation``: a risk model as a formula, independent of the model and of this library."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from lbp_prognosis.deployment._excel import write_excel
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._write_javascript import javascript_text
from lbp_prognosis.deployment._write_latex import latex_text
from lbp_prognosis.deployment._write_plain import plain_text
from lbp_prognosis.deployment._write_r import r_text
from lbp_prognosis.deployment._write_stata import stata_text

__all__ = ["Equation"]


@dataclass(frozen=True, repr=False)
class Equation(Formula):
    """A risk model as a formula.

    ``lp(x) = Σ_j f_j(x_j) − centre`` and, at horizon τ in stratum s,

    - link ``cloglog`` (proportional hazards): ``risk = 1 − exp(−B_s(τ) · exp(lp))``, with B the cumulative hazard of a
      patient whose ``lp`` is 0; ``exp(−B)`` is the baseline survival at the centre;
    - link ``logit``: ``risk = 1 / (1 + exp(−(B_s(τ) + lp)))``;
    - link ``probit``: ``risk = Φ(B_s(τ) + lp)``;
    - link ``loglog``: ``risk = exp(−exp(−(B_s(τ) + lp)))``;
    - link ``generalised_gamma``: ``risk = P(1/q², exp(q·(B_s(τ) + lp))/q²)`` with P the regularised lower incomplete
      gamma function and q the shape, and 1 minus that where q is negative (Prentice 1974, doi:10.1093/biomet/61.3.539).

    Attributes
    ----------
    terms : tuple of NumberTerm or LevelTerm
        One per predictor, in the predictor's own unit.
    link : str
        ``"cloglog"``, ``"logit"``, ``"probit"``, ``"loglog"`` or ``"generalised_gamma"``.
    centre : float
        Subtracted from the sum of the terms; the baseline applies there.
    horizons : tuple of float
        Times at which risks are known, in ``time_unit``.
    baseline : dict of str to tuple of float
        B at the horizons, by stratum; the one entry of a model without strata is named by the empty text.
    stratum : str
        Column of the stratum; empty without strata.
    cause : int
        Event code of the risk.
    scale : str
        Scale of the linear predictor, as the model states it.
    time_unit : str
        Unit of the horizons, as given.
    model : str
        Class of the original model, or the name of a published model.
    digits : int
        Significant digits of the written texts; the numbers of this object are not rounded.
    n_completed : int
        Completed tables whose coefficients and log baselines were averaged; 1 without imputation.
    shape : float
        Shape q of the generalised gamma distribution; 0 for other links.
    """

    # ---- forms -------------------------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Return the equation for reading, with ranges, reference levels and the error of the rounding."""
        return plain_text(self)

    def to_r(self) -> str:
        """Return R functions ``lbp_lp(d)`` and ``lbp_risk(d, horizon)`` of a data frame; base R only."""
        return r_text(self)

    def to_stata(self) -> str:
        """Return Stata commands that add ``lp`` and one ``risk_…`` per horizon to the data in memory."""
        return stata_text(self)

    def to_javascript(self) -> str:
        """Return a JavaScript function ``lbpRisk(x, horizon)`` of an object of values, without packages.

        JavaScript has no incomplete gamma function; the text includes it for the link ``generalised_gamma``, with risks
        within 1e-8.
        """
        return javascript_text(self)

    def to_latex(self) -> str:
        """Return the formula for a paper, an ``aligned`` block in display mathematics."""
        return latex_text(self)

    def to_excel(self, path: str | os.PathLike[str]) -> Path:
        """Write a workbook with cells for values and formulas for risks.

        Parameters
        ----------
        path : path
            File to write, ``.xlsx``.
        """
        return write_excel(self, path)

    def to_json(self) -> str:
        """Return the whole equation as JSON; `from_equation` reads it."""
        return json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)
