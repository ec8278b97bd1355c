"""``Formula``: a risk model as numbers, and the resulting risks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_horizons,
    check_number,
    plain_label,
    takes_rows,
)
from lbp_prognosis.deployment._columns_of_terms import ColumnsOfTerms
from lbp_prognosis.deployment._links import LEAST_SHAPE, LINKS, risk_of_lp
from lbp_prognosis.deployment._terms import (
    LevelTerm,
    Term,
    rounded,
    significant,
    term_to_dict,
)

__all__ = ["FORMAT", "Formula"]

FORMAT = 1


@dataclass(frozen=True, repr=False)
class Formula(ColumnsOfTerms, Result):
    """The numbers of an `Equation`, which documents them, and the resulting risks."""

    terms: tuple[Term, ...]
    link: str
    centre: float
    horizons: tuple[float, ...]
    baseline: Mapping[str, tuple[float, ...]]
    stratum: str = ""
    cause: int = 1
    scale: str = ""
    time_unit: str = ""
    model: str = ""
    digits: int = 12
    n_completed: int = 1
    synthetic: bool = field(default=False)
    shape: float = 0.0

    def __post_init__(self) -> None:
        if self.link not in LINKS:
            raise argument_error("link", f"one of {LINKS}", repr(self.link))
        names = [term.name for term in self.terms]
        if len(set(names)) != len(names) or self.stratum in names:
            raise argument_error("terms", "one per column", f"{names}")
        if not self.horizons or not self.baseline:
            raise argument_error("baseline", "known at one horizon or more", "none")
        numbers = [self.centre, self.shape, *self.horizons, *(b for values in self.baseline.values() for b in values)]
        for term in self.terms:
            numbers += list(term.effects) if isinstance(term, LevelTerm) else [term.slope, *term.knots, *term.cubes]
        if not np.isfinite(np.array(numbers, dtype=float)).all():
            raise argument_error("equation", "made of finite numbers", "NaN or infinity")
        if any(len(values) != len(self.horizons) for values in self.baseline.values()):
            raise argument_error("baseline", f"of {len(self.horizons)} values, one per horizon", "another number")
        if self.link == "cloglog" and any(b < 0 for values in self.baseline.values() for b in values):
            raise argument_error("baseline", "cumulative hazards of at least 0", "a negative one")
        if self.link == "generalised_gamma" and not LEAST_SHAPE <= abs(self.shape) <= 1e3:
            raise argument_error("shape", "of a generalised gamma between 1e-6 and 1000 in size", repr(self.shape))
        if self.link != "generalised_gamma" and self.shape != 0:
            raise argument_error("shape", f"0 for the link {self.link}", repr(self.shape))
        if list(self.horizons) != sorted(set(self.horizons)):
            raise argument_error("horizons", "increasing", str(self.horizons))
        if bool(self.stratum) != ("" not in self.baseline):
            raise argument_error("stratum", "the column of the strata, where the baseline has strata", self.stratum)
        check_number("digits", self.digits, low=4, high=17, whole=True)

    # ---- risks -------------------------------------------------------------------------------------------------

    @property
    def strata_labels(self) -> list[str]:
        """Names of the strata; one empty name without strata."""
        return list(self.baseline)

    @property
    def max_time_(self) -> float:
        """Last horizon."""
        return self.horizons[-1]

    @property
    def causes_(self) -> np.ndarray:
        """Event code of the risk."""
        return np.array([self.cause])

    @property
    def linear_predictor_scale(self) -> str | None:
        """Scale of `linear_predictor`."""
        return self.scale or None

    @takes_rows()
    def linear_predictor(self, X: Any) -> np.ndarray:
        """Return ``Σ f_j(x_j) − centre``, shape (n,); NaN if a value is missing or a category unknown.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the columns of the equation.
        """
        frame = self._table(X)
        out = np.full(len(frame), -self.centre)
        for term in self.terms:
            out = out + term.of(frame[term.name])
        return out

    @takes_rows()
    def predict_risk(self, X: Any, horizons: Any = None, cause: int | None = None) -> np.ndarray:
        """Return the risk of the event by each horizon, in plain NumPy.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the columns of the equation.
        horizons : float or sequence of float, optional
            By default those of the equation; others are NaN.
        cause : int, optional
            Event code; only that of the equation is accepted.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks in [0, 1]. A row with a missing value or an unknown category is NaN, not the reference. Values outside
            the training range are used unchanged (see `outside`).
        """
        if cause is not None and cause != self.cause:
            raise argument_error("cause", f"{self.cause}, which the equation is about", repr(cause))
        times = np.array(self.horizons) if horizons is None else check_horizons(horizons)[0]
        frame = self._table(X)
        lp = self.linear_predictor(frame)
        known = self.baselines(frame)
        out = np.full((lp.size, times.size), np.nan)
        for k, time in enumerate(times):
            place = self._place(time)
            if place is not None:
                out[:, k] = self.risk_of(lp, known[:, place])
        return out

    @takes_rows()
    def baselines(self, X: pd.DataFrame) -> np.ndarray:
        """Return the baseline of each row at the equation's horizons, NaN for an unknown stratum.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the column of the stratum.
        """
        return self._of_strata(X, self.baseline)

    def risk_of(self, lp: Any, baseline: Any) -> np.ndarray:
        """Return the risk at linear predictors and baselines of compatible shapes."""
        return risk_of_lp(self.link, lp, baseline, self.shape)

    # ---- rounding ----------------------------------------------------------------------------------------------

    def rounded(self, digits: int) -> Self:
        """Return the equation with all numbers at a given number of significant digits.

        Parameters
        ----------
        digits : int
            4 to 17. Fewer are refused: rounding an odds ratio to two digits changes a risk by several points (see
            `rounding_error`).
        """
        check_number("digits", digits, low=4, high=17, whole=True)
        return replace(
            self,
            terms=tuple(rounded(term, digits) for term in self.terms),
            centre=significant(self.centre, digits),
            shape=significant(self.shape, digits),
            baseline={label: tuple(significant(b, digits) for b in values) for label, values in self.baseline.items()},
            digits=digits,
        )

    def rounding_error(self, digits: int | None = None) -> float:
        """Return the largest change of risk by rounding the coefficients, inside the training range.

        Parameters
        ----------
        digits : int, optional
            Significant digits; by default those of the equation.

        Returns
        -------
        float
            An upper bound over all combinations of values inside the training range, strata and horizons; NaN if the
            range of a predictor is unknown.
        """
        return _rounding_error(self, self.rounded(self.digits if digits is None else digits))

    def to_dict(self) -> dict[str, Any]:
        """Return the whole equation in types of strict JSON."""
        shaped = {"shape": self.shape} if self.link == "generalised_gamma" else {}
        return shaped | {
            "format": FORMAT,
            "terms": [term_to_dict(term) for term in self.terms],
            "link": self.link,
            "centre": self.centre,
            "horizons": list(self.horizons),
            "baseline": {label: list(values) for label, values in self.baseline.items()},
            "stratum": self.stratum,
            "cause": self.cause,
            "scale": self.scale,
            "time_unit": self.time_unit,
            "model": self.model,
            "digits": self.digits,
            "n_completed": self.n_completed,
            "synthetic": self.synthetic,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per number: ``part, column, level, knot, horizon, stratum, value, unit, low, high``."""
        rows: list[dict[str, Any]] = []
        for term in self.terms:
            shared: dict[str, Any] = {"column": term.name, "unit": term.unit}
            if isinstance(term, LevelTerm):
                rows += [
                    {**shared, "part": "level", "level": plain_label(level), "value": effect}
                    for level, effect in zip(term.levels, term.effects)
                ]
                continue
            shared |= {"low": term.low, "high": term.high}
            rows.append({**shared, "part": "slope", "value": term.slope})
            rows += [{**shared, "part": "cube", "knot": k, "value": c} for k, c in zip(term.knots, term.cubes)]
        rows.append({"part": "centre", "value": self.centre})
        if self.link == "generalised_gamma":
            rows.append({"part": "shape", "value": self.shape})
        for label, values in self.baseline.items():
            rows += [
                {"part": "baseline", "stratum": label, "horizon": horizon, "value": value}
                for horizon, value in zip(self.horizons, values)
            ]
        columns = ["part", "column", "level", "knot", "horizon", "stratum", "value", "unit", "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    def _summary(self) -> str:
        names = ", ".join(term.name for term in self.terms[:6]) + (", …" if len(self.terms) > 6 else "")
        return f"{self.model or 'a model'} of {names}; risk by {', '.join(f'{h:g}' for h in self.horizons)}"


def _reach(terms: tuple[Term, ...]) -> list[np.ndarray]:
    """Return the contributions of each term over its training range, on a fine grid; empty without a range."""
    return [np.array(term.effects) if isinstance(term, LevelTerm) else term.values(term.grid(2001)) for term in terms]


def _rounding_error(full: Formula, short: Formula) -> float:
    """Return an upper bound of the difference of the risks of two equations inside the training range.

    The terms are added: the linear predictors lie between the sums of the terms' smallest and largest values, and their
    difference between the sums of the terms' smallest and largest differences. The bound takes the worst of both.
    """
    exact = _reach(full.terms)
    rough = [
        np.array(b.effects) if isinstance(a, LevelTerm) else b.values(a.grid(2001))  # type: ignore[union-attr]
        for a, b in zip(full.terms, short.terms)
    ]
    if any(values.size == 0 for values in exact):
        return float("nan")
    shift = full.centre - short.centre
    moves = [b - a for a, b in zip(exact, rough)]
    low = shift + sum(float(move.min()) for move in moves)
    high = shift + sum(float(move.max()) for move in moves)
    least = -full.centre + sum(float(values.min()) for values in exact)
    most = -full.centre + sum(float(values.max()) for values in exact)
    lp = np.linspace(least, most, 2001)
    worst = 0.0
    for label, values in full.baseline.items():
        for k, base in enumerate(values):
            here, there = full.risk_of(lp, base), short.baseline[label][k]
            for move in (low, high):
                worst = max(worst, float(np.abs(short.risk_of(lp + move, there) - here).max()))
    return worst
