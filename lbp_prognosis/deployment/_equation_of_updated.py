"""The equation of an updated model: the equation of the original, adapted to the new patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, linear_predictor_of
from lbp_prognosis._kernels import step_at
from lbp_prognosis.deployment._competing_equation import CompetingEquation
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._no_equation import NoEquation
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm, Term
from lbp_prognosis.validation import UpdatedModel

__all__ = ["equation_of_updated"]


def equation_of_updated(
    model: UpdatedModel, original: Callable[[Any], Equation | CompetingEquation], horizons: np.ndarray | None
) -> Equation | CompetingEquation:
    """Return the equation of an updated model.

    Parameters
    ----------
    model : UpdatedModel
        The new version.
    original : callable
        Returns the equation of the model inside at given horizons; None for the wanted horizons.
    horizons : ndarray of shape (h,) or None
        Wanted horizons; None if the model inside has its own.

    Raises
    ------
    NoEquation
        If the update is not linear on the scale on which the original is an equation.
    """
    if model.method in ("original", "refit"):
        return original(None)
    base = original(_of_original(model, horizons))
    if isinstance(base, CompetingEquation):
        raise NoEquation("`model` updates a model of competing causes, which is no equation. Use save_model.")
    wanted = "logit" if model.scale == "logit" else "cloglog"
    if base.link != wanted:
        raise NoEquation(
            f"`model` updates on the {model.scale} scale a {base.model} whose equation has the link {base.link}: the "
            "updated risk is no equation. Use save_model."
        )
    shared: dict[str, Any] = {"model": f"{base.model}, updated ({model.method})"}
    if model.baseline_times is not None and model.baseline_hazard is not None:
        if horizons is None:
            raise argument_error("horizons", "given for a time to an event", "None", "Say horizons=[6, 12].")
        times = np.asarray(horizons, dtype=float)
        last = float(model.baseline_times[-1])
        if (times > last).any():
            raise argument_error("horizons", f"within follow-up, at most {last:g}", str(times.tolist()))
        steps = step_at(model.baseline_times, model.baseline_hazard, times, left=0.0)
        shared |= {"horizons": tuple(map(float, times)), "stratum": "", "scale": str(model.linear_predictor_scale)}
        if model.coefficients is not None:
            terms = _of_coefficients(base, model, model.coefficients)
            return replace(base, terms=terms, centre=0.0, baseline={"": tuple(map(float, steps))}, **shared)
        if model.horizon is None:
            base = replace(base, centre=base.centre - _apart(base, model.model))
        else:  # the score is the log cumulative hazard there
            base = _with_baseline_in_the_centre(base)
        made = _scaled(base, model.slope, model.intercept)
        return replace(made, baseline={"": tuple(map(float, steps))}, **shared)
    if model.scale == "logit":
        if model.coefficients is not None:
            terms = _of_coefficients(base, model, model.coefficients[1:])
            level = tuple([float(model.coefficients[0])] * len(base.horizons))
            return replace(base, terms=terms, centre=0.0, baseline={"": level}, stratum="", **shared)
        moved = {label: tuple(model.slope * v for v in values) for label, values in base.baseline.items()}
        return replace(_scaled(base, model.slope, model.intercept), baseline=moved, **shared)
    factor = float(np.exp(model.intercept))
    raised = {label: tuple(factor * v for v in values) for label, values in base.baseline.items()}
    return replace(base, baseline=raised, **shared)


def _of_original(model: UpdatedModel, horizons: np.ndarray | None) -> np.ndarray | None:
    """Return the horizons for the equation of the original; with a new baseline only its linear predictor is used."""
    if model.baseline_times is None or horizons is None:
        return horizons
    if model.horizon is not None:
        return np.array([model.horizon])
    return np.array([min(float(np.min(horizons)), float(getattr(model.model, "max_time_", np.inf)))])


def _scaled(base: Equation, slope: float, intercept: float) -> Equation:
    """Return the equation whose linear predictor is ``intercept + slope · lp``."""
    return replace(
        base, terms=tuple(_times(term, slope) for term in base.terms), centre=slope * base.centre - intercept
    )


def _times(term: Term, factor: float) -> Term:
    if isinstance(term, LevelTerm):
        return replace(term, effects=tuple(factor * effect for effect in term.effects))
    return replace(term, slope=factor * term.slope, cubes=tuple(factor * cube for cube in term.cubes))


def _apart(base: Equation, model: Any) -> float:
    """Return the difference between the linear predictor of a model and that of its equation, which has a centre."""
    numbers = [np.array([0.0, 1.0]) if np.isnan(t.low) else np.array([t.low, t.high]) for t in _numbers(base)]
    row: dict[str, Any] = {term.name: values for term, values in zip(_numbers(base), numbers)}
    row |= {term.name: [term.levels[0], term.levels[-1]] for term in base.terms if isinstance(term, LevelTerm)}
    if base.stratum:
        row[base.stratum] = [base.strata_labels[0]] * 2
    rows = pd.DataFrame(row, index=range(2))
    gaps = np.asarray(linear_predictor_of(model, rows, 1), dtype=float) - base.linear_predictor(rows)
    if abs(gaps[1] - gaps[0]) > 1e-9 * max(1.0, float(np.abs(gaps).max())):
        raise NoEquation("`model` scales a linear predictor that is not that of its equation. Use save_model.")
    return float(gaps.mean())


def _numbers(base: Equation) -> list[NumberTerm]:
    return [term for term in base.terms if isinstance(term, NumberTerm)]


def _with_baseline_in_the_centre(base: Equation) -> Equation:
    if base.stratum or base.baseline[""][0] <= 0:
        raise NoEquation(
            "`model` judges the original by its risk at one horizon, which has strata or is 0 there. Use save_model."
        )
    return replace(base, centre=base.centre - float(np.log(base.baseline[""][0])))


def _of_coefficients(base: Equation, model: UpdatedModel, coefficients: np.ndarray) -> tuple[Term, ...]:
    """Return the terms of new coefficients of the columns themselves."""
    names = list(map(str, getattr(model.model, "feature_names_in_", [])))
    plain = {term.name: term for term in base.terms if isinstance(term, NumberTerm) and not term.knots}
    if len(names) != len(coefficients) or any(name not in plain for name in names):
        raise NoEquation(
            "`model` has new coefficients of columns that the original's equation does not have as they are. Use "
            "save_model."
        )
    return tuple(replace(plain[name], slope=float(value)) for name, value in zip(names, coefficients))
