"""Intraclass correlations of a table of repeated measurements: mean squares, all forms and their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lbp_prognosis._base._distributions import fisher
from lbp_prognosis._base._errors import argument_error

__all__ = ["icc_form", "icc_mean_squares", "icc_table"]

_FORMS = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")
# the letters of McGraw and Wong, and the names of psych and pingouin once "ICC" is taken off
_ALIASES = {"A,1": "2,1", "C,1": "3,1", "A,K": "2,k", "C,K": "3,k"}
_ALIASES |= {form.upper(): form for form in _FORMS}
_ALIASES |= {"1": "1,1", "2": "2,1", "3": "3,1", "1K": "1,k", "2K": "2,k", "3K": "3,k"}


def icc_form(form: str) -> str:
    """Return the Shrout–Fleiss form of a name."""
    form = _ALIASES.get(str(form).upper().replace("ICC", "").strip("(_ )"), form)
    if form not in _FORMS:
        raise argument_error(
            "form",
            f"one of {', '.join(map(repr, _FORMS))}",
            form,
            "In the letters of McGraw and Wong A,1 (agreement) is '2,1', and C,1 (consistency) is '3,1'.",
        )
    return form


def icc_mean_squares(x: np.ndarray) -> dict[str, float]:
    """Return the mean squares of a finite table of shape (n, k), one row per subject."""
    n, k = x.shape
    grand, rows, columns = x.mean(), x.mean(axis=1), x.mean(axis=0)
    residual = x - rows[:, None] - columns[None, :] + grand
    return {
        "subjects": float(k * np.sum((rows - grand) ** 2) / (n - 1)),
        "raters": float(n * np.sum((columns - grand) ** 2) / (k - 1)),
        "residual": float(np.sum(residual**2) / ((n - 1) * (k - 1))),
        "within": float(np.sum((x - rows[:, None]) ** 2) / (n * (k - 1))),
    }


def icc_table(squares: dict[str, float], n: int, k: int, confidence: float) -> pd.DataFrame:
    """Return all forms with intervals, multiplied out so that measurements without error have ICC 1 and not 0/0."""
    upper = 1 - (1 - confidence) / 2
    msr, msc, mse, msw = (np.float64(squares[name]) for name in ("subjects", "raters", "residual", "within"))
    rows = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for one, error, df2 in (("1", msw, n * (k - 1)), ("3", mse, (n - 1) * (k - 1))):
            f = msr / error
            p = fisher.sf(f, n - 1, df2)
            over, under = fisher.ppf(upper, n - 1, df2), fisher.ppf(upper, df2, n - 1)
            pairs = ((msr, error), (msr, over * error), (under * msr, error))  # value, low, high
            rows.append((f"{one},1", *((a - e) / (a + (k - 1) * e) for a, e in pairs), f, df2, p))
            rows.append((f"{one},k", *(1 - e / a for a, e in pairs), f, df2, p))
        value = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
        low, high = _absolute_limits(value, msr, msc, mse, n, k, upper)
        f, df2 = msr / mse, (n - 1) * (k - 1)
        p = fisher.sf(f, n - 1, df2)
        rows.append(("2,1", value, low, high, f, df2, p))
        spread = msr + (msc - mse) / n  # negative where errors dwarf subjects: no coefficient then
        mean_value = (msr - mse) / spread if spread > 0 else np.nan
        step_up = [np.float64(limit) * k / (1 + limit * (k - 1)) if spread > 0 else np.nan for limit in (low, high)]
        rows.append(("2,k", mean_value, *step_up, f, df2, p))
    table = pd.DataFrame(
        [(form, float(v), float(lo), float(hi), float(f), n - 1, df2, float(p)) for form, v, lo, hi, f, df2, p in rows],
        columns=["form", "value", "low", "high", "f", "df1", "df2", "p"],
    )
    return table.set_index("form").loc[list(_FORMS)].reset_index()


def _absolute_limits(
    value: float, msr: float, msc: float, mse: float, n: int, k: int, upper: float
) -> tuple[float, float]:
    """Interval of ICC(2,1): Satterthwaite degrees of freedom of the denominator."""
    own = (n * (1 + (k - 1) * value) - k * value) * mse
    below = (n - 1) * k**2 * value**2 * msc**2 + own**2
    df = (k - 1) * (n - 1) * (k * value * msc + own) ** 2 / below if below > 0 else (k - 1) * (n - 1)
    over, under = fisher.ppf(upper, n - 1, df), fisher.ppf(upper, df, n - 1)
    rest = k * msc + (k * n - k - n) * mse
    # no spread between subjects or raters, only the residual: the two denominators can vanish
    limits = ((n * (msr - over * mse), over * rest + n * msr), (n * (under * msr - mse), rest + n * under * msr))
    low, high = (float(top / bottom) if bottom != 0 else float("nan") for top, bottom in limits)
    return low, high
