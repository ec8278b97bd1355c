"""The equation of a model of competing causes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._competing_equation import CauseHazard, CompetingEquation
from lbp_prognosis.deployment._no_equation import NoEquation
from lbp_prognosis.deployment._pieces import Piece, total
from lbp_prognosis.deployment._terms import Term
from lbp_prognosis.models import CauseSpecificCox, DiscreteTimeHazard, PriorityCox

__all__ = ["competing_equation", "is_competing", "period_level", "period_odds"]

_LARGE = 300.0  # period effects from which an equation states them about a level


def is_competing(model: Any) -> bool:
    """Whether a fitted model has one linear predictor per cause."""
    if isinstance(model, CauseSpecificCox):
        return True
    if isinstance(model, PriorityCox):
        return bool(model.other_causes_)
    return isinstance(model, DiscreteTimeHazard) and model.causes_.size > 1


def competing_equation(
    model: Any,
    columns: dict[str, Piece],
    term: Any,
    horizons: np.ndarray,
    *,
    stratum: str,
    locked: bool,
    words: Mapping[str, Any],
) -> CompetingEquation:
    """Write a model of competing causes as an equation.

    Parameters
    ----------
    model : CauseSpecificCox, PriorityCox or DiscreteTimeHazard
        Fitted; of the first two kinds a locked one.
    columns : dict of str to Piece
        The columns that the model sees, as pieces of the user's.
    term : callable
        Makes a term of a piece.
    horizons : ndarray of shape (h,)
        Times of the risks.
    stratum : str
        Column of the stratum, or empty.
    locked : bool
        Whether the model was locked.
    words : mapping
        Further fields of the equation.
    """
    if isinstance(model, CauseSpecificCox | PriorityCox):
        name = type(model).__name__
        if not locked:
            raise NoEquation(
                f"`model` must be locked for an equation: a {name} has a step at the time of each single event. Say "
                "equation(lock(model)), or use save_model."
            )
        parts = model.models_ if isinstance(model, CauseSpecificCox) else {1: model, **model.other_causes_}
        form, times, steps = _of_cox(model, parts)
        centres = {code: float(one.centre_ @ one.coef_) for code, one in parts.items()}
        # the hazard of a rare cause is the same for all patients: its model has no columns
        zero = np.zeros(len(model._names()))
        coefs = {code: one.coef_ if one.coef_.size == zero.size else zero for code, one in parts.items()}
    else:
        form, (times, steps, centres) = "multinomial", _of_visits(model)
        coefs = dict(zip(centres, np.atleast_2d(model.coef_)))
    labels = [str(plain_label(label)) for label in model.strata_levels_] or [""]
    if len(set(labels)) != len(labels):
        raise NoEquation(f"`model` has strata whose labels look the same, {labels}. Use save_model.")
    kept = times <= horizons[-1] * (1 + 1e-12)
    if not kept.any():
        raise NoEquation(f"`model` has no step by {horizons[-1]:g}: its risks are 0 there. Use later horizons.")
    hazards = []
    for code, coef in coefs.items():
        const, sums = total(columns, dict(zip(model._names(), map(float, coef))))
        if isinstance(model.offset, str):
            sums[model.offset] = Piece(model.offset, slope=1.0)
        terms: tuple[Term, ...] = tuple(term(piece) for piece in sums.values())
        increments = {label: tuple(map(float, row[kept])) for label, row in zip(labels, steps[code])}
        hazards.append(CauseHazard(code, terms, centres[code] - const, increments))
    return CompetingEquation(
        hazards=tuple(hazards),
        form=form,
        times=tuple(map(float, times[kept])),
        horizons=tuple(map(float, horizons)),
        stratum=stratum,
        **words,
    )


def _of_cox(
    model: CauseSpecificCox | PriorityCox, parts: Mapping[int, Any]
) -> tuple[str, np.ndarray, dict[int, np.ndarray]]:
    """Return the form, all times, and increments by cause, shape (strata, times)."""
    form = str(getattr(model, "incidence", "product_limit"))  # the only one of a PriorityCox
    if form == "exponential_efron":
        raise NoEquation(
            '`model` has incidence="exponential_efron", whose risks can pass 1. Fit with another incidence, or use '
            "save_model."
        )
    times = np.unique(np.concatenate([own for one in parts.values() for own in one.baseline_times_]))
    strata = range(max(len(model.strata_levels_), 1))
    steps: dict[int, np.ndarray] = {}
    for code, one in parts.items():
        table = np.zeros((len(strata), times.size))
        for row in strata:
            fitted = form == "product_limit"
            own = model.increments_[code][row] if fitted else np.diff(one.baseline_hazard_[row], prepend=0.0)
            table[row, np.searchsorted(times, one.baseline_times_[row])] = own
        steps[code] = table
    return form, times, steps


def period_level(alpha: np.ndarray) -> float:
    """Return what is taken from period effects and added to the linear predictor: 0 unless their exponential overflows.

    Far from 0 are those of predictors like a year of birth.
    """
    level = float(np.max(alpha, where=np.isfinite(alpha), initial=-np.inf))
    return level if np.isfinite(level) and abs(level) > _LARGE else 0.0


def period_odds(alpha: np.ndarray, level: float) -> np.ndarray:
    """Return the exponential of period effects less their level; e^500 is as good as infinite."""
    return np.exp(np.where(np.isposinf(alpha), 500.0, alpha - level))


def _of_visits(model: DiscreteTimeHazard) -> tuple[np.ndarray, dict[int, np.ndarray], dict[int, float]]:
    """Return the visits, and by cause the odds and the centre of the linear predictor."""
    levels = {int(code): period_level(alpha) for code, alpha in zip(model.causes_, model.alpha_)}
    odds = {code: period_odds(alpha, levels[code]) for code, alpha in zip(levels, model.alpha_)}
    return np.asarray(model.visits_, dtype=float), odds, {code: 0.0 - level for code, level in levels.items()}
