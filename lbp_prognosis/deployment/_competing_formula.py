"""``CompetingFormula``: the risks of competing causes as numbers and a table of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, check_horizons, check_number, plain_label, takes_rows
from lbp_prognosis.deployment._columns_of_terms import ColumnsOfTerms
from lbp_prognosis.deployment._formula import FORMAT
from lbp_prognosis.deployment._terms import (
    LevelTerm,
    Term,
    rounded,
    significant,
    term_to_dict,
)

__all__ = ["CauseHazard", "CompetingFormula"]

FORMS = ("product_limit", "product_limit_efron", "exponential", "multinomial")


@dataclass(frozen=True)
class CauseHazard:
    """The hazard of one cause: ``h(t | x) = increments(t) · exp(Σ f_j(x_j) − centre)``.

    Attributes
    ----------
    cause : int
        Event code.
    terms : tuple of NumberTerm or LevelTerm
        One per column, in the column's own unit.
    centre : float
        Subtracted from the sum of the terms.
    increments : dict of str to tuple of float
        Baseline hazard at each time of the equation, by stratum; the only entry of a model without strata has the empty
        name.
    """

    cause: int
    terms: tuple[Term, ...]
    centre: float
    increments: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, repr=False)
class CompetingFormula(ColumnsOfTerms, Result):
    """The numbers of a `CompetingEquation`, which documents them, and the resulting risks."""

    hazards: tuple[CauseHazard, ...]
    form: str
    times: tuple[float, ...]
    horizons: tuple[float, ...]
    stratum: str = ""
    time_unit: str = ""
    model: str = ""
    digits: int = 12
    synthetic: bool = False

    n_completed = 1
    scale = ""
    link = "competing"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise argument_error("form", f"one of {FORMS}", repr(self.form))
        if not self.hazards or len({hazard.cause for hazard in self.hazards}) != len(self.hazards):
            raise argument_error("hazards", "of one cause or more, each once", str([h.cause for h in self.hazards]))
        names = [term.name for term in self.terms]
        if len(set(names)) != len(names) or self.stratum in names:
            raise argument_error("terms", "one per column", f"{names}")
        if any([term.name for term in hazard.terms] != names for hazard in self.hazards):
            raise argument_error("hazards", f"over the same columns, {names}", "others")
        numbers = [*self.times, *self.horizons]
        for hazard in self.hazards:
            if set(hazard.increments) != set(self.strata_labels) or any(
                len(values) != len(self.times) for values in hazard.increments.values()
            ):
                raise argument_error("increments", "one per time in the same strata", f"those of cause {hazard.cause}")
            numbers += [hazard.centre, *(v for values in hazard.increments.values() for v in values)]
            for term in hazard.terms:
                numbers += list(term.effects) if isinstance(term, LevelTerm) else [term.slope, *term.knots, *term.cubes]
            if any(v < 0 for values in hazard.increments.values() for v in values):
                raise argument_error("increments", "of at least 0", "a negative one")
        if not np.isfinite(np.array(numbers, dtype=float)).all():
            raise argument_error("equation", "made of finite numbers", "NaN or infinity")
        for name in ("times", "horizons"):
            values = list(getattr(self, name))
            if not values or values != sorted(set(values)):
                raise argument_error(name, "increasing, one or more", str(values[:5]))
        if bool(self.stratum) != ("" not in self.strata_labels):
            raise argument_error("stratum", "the column of the strata, where the increments have strata", self.stratum)
        check_number("digits", self.digits, low=4, high=17, whole=True)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms of the first cause; columns, units and training ranges are the same for all causes."""
        return self.hazards[0].terms

    @property
    def strata_labels(self) -> list[str]:
        """Names of the strata; one empty name without strata."""
        return list(self.hazards[0].increments)

    @property
    def causes_(self) -> np.ndarray:
        """Event codes of the risks."""
        return np.array([hazard.cause for hazard in self.hazards])

    @property
    def max_time_(self) -> float:
        """Last horizon."""
        return self.horizons[-1]

    # ---- risks -------------------------------------------------------------------------------------------------

    def _hazard(self, cause: Any) -> CauseHazard:
        for hazard in self.hazards:
            if hazard.cause == cause:
                return hazard
        raise argument_error("cause", f"one of {self.causes_.tolist()}", repr(cause))

    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1) -> np.ndarray:
        """Return the log relative hazard of a cause, shape (n,).

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the columns of the equation.
        cause : int, default 1
            Event code.
        """
        return _line(self._hazard(cause), self._table(X))

    @takes_rows()
    def predict_risk(self, X: Any, horizons: Any = None, cause: int = 1) -> np.ndarray:
        """Return the probability of an event of the cause by each horizon, in plain NumPy.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the columns of the equation.
        horizons : float or sequence of float, optional
            By default those of the equation; others are NaN.
        cause : int, default 1
            Event code.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks in [0, 1]. A row with a missing value or an unknown category is NaN.
        """
        place = list(self.hazards).index(self._hazard(cause))
        times = np.array(self.horizons) if horizons is None else check_horizons(horizons)[0]
        frame = self._table(X)
        relative = [self._relative(hazard, frame) for hazard in self.hazards]
        survival, incidence = np.ones(len(frame)), np.zeros(len(frame))
        known = np.isfinite(np.sum([_line(hazard, frame) for hazard in self.hazards], axis=0))
        steps = [self._of_strata(frame, hazard.increments) for hazard in self.hazards]
        known &= np.isfinite(steps[0]).all(axis=1)
        reached = np.empty((len(frame), len(self.times) + 1))
        reached[:, 0] = 0.0
        for k in range(len(self.times)):
            parts = np.stack([step[:, k] * r for step, r in zip(steps, relative)])
            shares, stays = probabilities(parts, self.form)
            incidence = incidence + survival * shares[place]
            survival = survival * stays
            reached[:, k + 1] = incidence
        out = np.full((len(frame), times.size), np.nan)
        for j, time in enumerate(times):
            own = self._place(time)
            if own is not None:
                out[known, j] = reached[known, self.steps_by(self.horizons[own])]
        return np.minimum(out, 1.0)

    def _relative(self, hazard: CauseHazard, frame: pd.DataFrame) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.exp(np.minimum(_line(hazard, frame), 700.0))

    def steps_by(self, horizon: float) -> int:
        """Return the number of steps at or before a horizon.

        Parameters
        ----------
        horizon : float
            Time.
        """
        return int(np.searchsorted(np.array(self.times) * (1 - 1e-12), horizon, side="right"))

    # ---- rounding ----------------------------------------------------------------------------------------------

    def rounded(self, digits: int) -> Self:
        """Return the equation with all numbers at a given number of significant digits.

        Parameters
        ----------
        digits : int
            4 to 17.
        """
        check_number("digits", digits, low=4, high=17, whole=True)
        hazards = tuple(
            replace(
                hazard,
                terms=tuple(rounded(term, digits) for term in hazard.terms),
                centre=significant(hazard.centre, digits),
                increments={
                    label: tuple(significant(v, digits) for v in values) for label, values in hazard.increments.items()
                },
            )
            for hazard in self.hazards
        )
        return replace(self, hazards=hazards, digits=digits)

    def rounding_error(self, digits: int | None = None) -> float:
        """Return an upper bound of the change of a risk by rounding, inside the training range.

        Parameters
        ----------
        digits : int, optional
            Significant digits; by default those of the equation.

        Returns
        -------
        float
            NaN if the range of a predictor is unknown.

        Notes
        -----
        If each ``a_k`` changes by a factor of at most ``exp(ε)``, each p_k changes by a factor of at most ``exp(2ε)``.
        Two maximally coupled courses separate with a probability of at most ``exp(2ε) − 1``, which bounds the
        difference.
        """
        short = self.rounded(self.digits if digits is None else digits)
        worst = 0.0
        for full, rough in zip(self.hazards, short.hazards):
            move = abs(full.centre - rough.centre)
            for a, b in zip(full.terms, rough.terms):
                if isinstance(a, LevelTerm):
                    change = np.array(a.effects) - np.array(b.effects)  # type: ignore[union-attr]
                else:
                    change = a.values(a.grid(2001)) - b.values(a.grid(2001))  # type: ignore[union-attr]
                if change.size == 0:
                    return float("nan")
                move += float(np.abs(change).max())
            steps = [np.array(pair) for pair in zip(_flat(full), _flat(rough))]
            ratios = [abs(np.log(new / old)) for old, new in steps if old > 0]
            worst = max(worst, move + max(ratios, default=0.0))
        return float(min(np.expm1(2 * worst), 1.0))

    def to_dict(self) -> dict[str, Any]:
        """Return the whole equation in types of strict JSON."""
        return {
            "format": FORMAT,
            "kind": "competing",
            "form": self.form,
            "hazards": [
                {
                    "cause": hazard.cause,
                    "terms": [term_to_dict(term) for term in hazard.terms],
                    "centre": hazard.centre,
                    "increments": {label: list(values) for label, values in hazard.increments.items()},
                }
                for hazard in self.hazards
            ],
            "times": list(self.times),
            "horizons": list(self.horizons),
            "stratum": self.stratum,
            "time_unit": self.time_unit,
            "model": self.model,
            "digits": self.digits,
            "synthetic": self.synthetic,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per number: ``cause, part, column, level, knot, time, stratum, value, unit, low, high``."""
        rows: list[dict[str, Any]] = []
        for hazard in self.hazards:
            for term in hazard.terms:
                shared: dict[str, Any] = {"cause": hazard.cause, "column": term.name, "unit": term.unit}
                if isinstance(term, LevelTerm):
                    rows += [
                        {**shared, "part": "level", "level": plain_label(level), "value": effect}
                        for level, effect in zip(term.levels, term.effects)
                    ]
                    continue
                shared |= {"low": term.low, "high": term.high}
                rows.append({**shared, "part": "slope", "value": term.slope})
                rows += [{**shared, "part": "cube", "knot": k, "value": c} for k, c in zip(term.knots, term.cubes)]
            rows.append({"cause": hazard.cause, "part": "centre", "value": hazard.centre})
            for label, values in hazard.increments.items():
                step = {"cause": hazard.cause, "part": "increment", "stratum": label}
                rows += [{**step, "time": time, "value": value} for time, value in zip(self.times, values)]
        columns = ["cause", "part", "column", "level", "knot", "time", "stratum", "value", "unit", "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    def _summary(self) -> str:
        names = ", ".join(term.name for term in self.terms[:6]) + (", …" if len(self.terms) > 6 else "")
        return (
            f"{self.model or 'a model'} of {names}; causes {', '.join(map(str, self.causes_))}, {len(self.times)} "
            f"steps, risk by {', '.join(f'{h:g}' for h in self.horizons)}"
        )


def _line(hazard: CauseHazard, frame: pd.DataFrame) -> np.ndarray:
    out = np.full(len(frame), -hazard.centre)
    for term in hazard.terms:
        out = out + term.of(frame[term.name])
    return out


def probabilities(parts: np.ndarray, form: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each cause at a step, shape (causes, n), and the probability of no event.

    Parameters
    ----------
    parts : ndarray of shape (causes, n)
        Increments times relative hazards.
    form : str
        As of `CompetingEquation`.
    """
    total = parts.sum(axis=0)
    if form == "exponential":
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total > 0, parts / total * -np.expm1(-total), 0.0), np.exp(-total)
    if form == "multinomial":
        return parts / (1 + total), 1 / (1 + total)
    shares = -np.expm1(-parts) if form == "product_limit" else parts
    whole = shares.sum(axis=0)
    shares = shares / np.maximum(whole, 1.0)
    return shares, np.where(whole > 1, 0.0, 1 - whole)


def _flat(hazard: CauseHazard) -> np.ndarray:
    return np.concatenate([np.array(values, dtype=float) for values in hazard.increments.values()])
