"""``nomogram``: an equation as a points scale on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_horizons,
    check_number,
    plain_label,
    takes_rows,
    time_words,
)
from lbp_prognosis.deployment._competing_equation import CompetingEquation
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._links import lp_of_risk
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Nomogram", "nomogram"]

_RISKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True, repr=False)
class Nomogram(Result):
    """Points per value, and risk per total of points.

    Attributes
    ----------
    points : pandas.DataFrame
        ``column, value, points, row``: a predictor with a non-monotone effect has several rows, one per direction.
    totals : pandas.DataFrame
        ``total, linear_predictor, risk`` at round totals.
    risks : pandas.DataFrame
        ``risk, total`` at round risks.
    points_per_unit : float
        Points of one unit of the linear predictor.
    intercept : float
        Linear predictor (on the equation's centre) at 0 points.
    horizon : float
        Time of the risk.
    equation : Equation
        Equation of the figure.
    """

    points: pd.DataFrame
    totals: pd.DataFrame
    risks: pd.DataFrame
    points_per_unit: float
    intercept: float
    horizon: float
    equation: Equation
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return the points."""
        return self.points

    @takes_rows()
    def total_points(self, X: Any) -> np.ndarray:
        """Return the total points of rows, computed exactly; shape (n,).

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Rows with the columns of the equation.
        """
        return (self.equation.linear_predictor(X) - self.intercept) * self.points_per_unit

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the scales: points above, one or more rows per predictor, total and risk below.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_nomogram

        unit = f" {self.equation.time_unit}" if self.equation.time_unit else ""
        return draw_nomogram(
            self.points, self.totals, self.risks, risk_label=f"risk by {time_words(self.horizon, unit)}", ax=ax
        )

    def _summary(self) -> str:
        return f"{self.points['column'].nunique()} predictors, totals to {self.totals['total'].iloc[-1]:g} points"


def nomogram(
    equation: Equation | CompetingEquation,
    horizon: float | None = None,
    *,
    max_points: float = 100.0,
    axes: Mapping[str, Sequence[float]] | None = None,
    stratum: Any = None,
) -> Nomogram:
    """Return the nomogram of an equation for one horizon.

    Parameters
    ----------
    equation : Equation
        From `equation`.
    horizon : float, optional
        One of the equation's; the only one by default.
    max_points : float, default 100.0
        Points between the ends of the predictor with the widest effect.
    axes : mapping of str to sequence of float, optional
        Values to mark on a predictor's scale; the scale begins and ends with them. By default round values over the
        training range, its ends, the knots of a spline and the turning points of its effect: linear interpolation
        between distant marks of a spline would be wrong by several points.
    stratum : label, optional
        Stratum whose baseline is drawn, for an equation with strata.

    Returns
    -------
    Nomogram
        Points, totals and risks. Points are those of R's ``rms::nomogram`` on the same axes.

    Raises
    ------
    ArgumentError
        If a predictor has neither a training range nor an axis, or no predictor has an effect.

    References
    ----------
    Harrell FE. Regression Modeling Strategies. 2nd ed. Springer, 2015. doi:10.1007/978-3-319-19425-7
    """
    check_number("max_points", max_points, low=0, open_low=True)
    if isinstance(equation, CompetingEquation):
        accepted = "an equation of one linear predictor"
        remedy = "Risks of competing causes depend on several: use calculator_page, or a FineGray model."
        raise argument_error("equation", accepted, f"one of {len(equation.hazards)} causes", remedy)
    place, label = _place(equation, horizon), _label(equation, stratum)
    marks: dict[str, tuple[list[Any], np.ndarray]] = {}
    for term in equation.terms:
        if isinstance(term, LevelTerm):
            marks[term.name] = [plain_label(level) for level in term.levels], np.array(term.effects)
        else:
            values = _axis(term, None if axes is None else axes.get(term.name))
            marks[term.name] = values.tolist(), term.values(values)
    widest = max((float(np.ptp(effects)) for _, effects in marks.values()), default=0.0)
    if widest == 0:
        raise argument_error("equation", "with a predictor that has an effect", "all effects zero")
    per_unit = max_points / widest
    rows: list[dict[str, Any]] = []
    for name, (ticks, effects) in marks.items():
        points = (effects - effects.min()) * per_unit
        branch = np.zeros(points.size, dtype=int) if isinstance(ticks[0], str) else _branches(points)
        if any(isinstance(term, LevelTerm) and term.name == name for term in equation.terms):
            branch = np.zeros(points.size, dtype=int)
        rows += [
            {"column": name, "value": value, "points": point, "row": int(k)}
            for value, point, k in zip(ticks, points.tolist(), branch)
        ]
    intercept = -equation.centre + sum(float(effects.min()) for _, effects in marks.values())
    base = equation.baseline[label][place]
    most = sum(float(np.ptp(effects)) for _, effects in marks.values()) * per_unit
    total = _round_values(0.0, most)
    lp = intercept + total / per_unit
    totals = pd.DataFrame({"total": total, "linear_predictor": lp, "risk": equation.risk_of(lp, base)})
    return Nomogram(
        pd.DataFrame(rows, columns=["column", "value", "points", "row"]),
        totals,
        _risk_scale(equation, base, intercept, per_unit, most),
        per_unit,
        intercept,
        equation.horizons[place],
        equation,
        equation.synthetic,
    )


def _place(equation: Equation, horizon: float | None) -> int:
    if horizon is None:
        if len(equation.horizons) > 1:
            raise argument_error("horizon", f"one of {list(equation.horizons)}", "None")
        return 0
    time = check_horizons(horizon)[0]
    found = np.flatnonzero(np.isclose(equation.horizons, time[0], rtol=1e-9, atol=0))
    if time.size != 1 or not found.size:
        raise argument_error("horizon", f"one of {list(equation.horizons)}", horizon)
    return int(found[0])


def _label(equation: Equation, stratum: Any) -> str:
    label = "" if stratum is None else str(plain_label(stratum))
    if label not in equation.baseline:
        accepted = f"one of {list(equation.baseline)}" if equation.stratum else "None for an equation without strata"
        raise argument_error("stratum", accepted, stratum)
    return label


def _axis(term: NumberTerm, given: Sequence[float] | None) -> np.ndarray:
    if given is not None:
        values = np.unique(np.asarray(given, dtype=float))
        if values.size < 2 or not np.isfinite(values).all():
            raise argument_error("axes", f"two different numbers or more for {term.name!r}", list(given))
        return values
    fine = term.grid(401)
    if not fine.size:
        raise argument_error(
            "axes", f"given for {term.name!r}, whose training range is not known", "None", "Say axes={column: values}."
        )
    if term.linear and (term.low, term.high) == (0, 1):
        return np.array([0.0, 1.0])  # yes or no
    if term.linear:
        return np.unique(np.concatenate([_inside(term), [term.low, term.high]]))
    effects = term.values(fine)
    digits = 2 - int(np.floor(np.log10(term.high - term.low)))
    turns = np.round(fine[1:-1][np.diff(np.sign(np.diff(effects))) != 0], digits)
    knots = [knot for knot in term.knots if term.low < knot < term.high]
    return np.unique(np.concatenate([_inside(term), [term.low, term.high], knots, turns]))


def _inside(term: NumberTerm) -> np.ndarray:
    """Round values inside the range, without values so close to an end that labels overlap."""
    values = _round_values(term.low, term.high)
    gap = 0.03 * (term.high - term.low)
    return values[(values > term.low + gap) & (values < term.high - gap)]


def _round_values(low: float, high: float, count: int = 8) -> np.ndarray:
    """Return round numbers from ``low`` to ``high``, about ``count`` of them."""
    if high <= low:
        return np.array([low])
    raw = (high - low) / count
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * min((1, 2, 5, 10), key=lambda m: abs(m * power - raw))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return np.round(np.arange(first, last + 1) * step, 12) + 0.0  # no minus zero


def _branches(points: np.ndarray) -> np.ndarray:
    """Number the directions of a scale: a turning point ends a row."""
    out = np.zeros(points.size, dtype=int)
    direction, row = 0.0, 0
    for k in range(1, points.size):
        step = np.sign(points[k] - points[k - 1])
        if direction and step and step != direction:
            row += 1
        direction = step or direction
        out[k] = row
    return out


def _risk_scale(equation: Equation, base: float, intercept: float, per_unit: float, most: float) -> pd.DataFrame:
    risks = np.array(_RISKS)
    if equation.link == "cloglog" and base == 0:
        return pd.DataFrame({"risk": [], "total": []})
    lp = lp_of_risk(equation.link, risks, base, equation.shape)
    total = (lp - intercept) * per_unit
    inside = (total >= 0) & (total <= most)
    return pd.DataFrame({"risk": risks[inside], "total": total[inside]})
