"""Competing causes too rare for effects of predictors: when their hazard is the same for all, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, Objection, objection
from lbp_prognosis.models._design import Design

__all__ = ["RARE_CAUSES", "NotDetermined", "events_of", "is_rare", "not_learned_objections", "rare_cause_objections"]

RARE_CAUSES = ("same_for_all", "error")
_EVENTS_PER_COLUMN = 10


class NotDetermined(EstimationError):
    """Coefficients have no unique, finite estimate (separation, or columns that do not vary where it matters)."""


def events_of(design: Design, code: int) -> float:
    """Count the events of a cause; frequency weights are copies; rows of weight 0 do not count."""
    mine = np.asarray(design.y["event"] == code)
    return float(design.counts[mine].sum())


def is_rare(events: float, columns: int) -> bool:
    """Return whether a cause has fewer than ten events per column."""
    return events < _EVENTS_PER_COLUMN * columns


def rare_cause_objections(rare: Mapping[int, int], columns: int) -> tuple[Objection, ...]:
    """Return one objection per cause whose hazard was assumed equal for all patients.

    Parameters
    ----------
    rare : mapping of int to int
        Events of each such cause.
    columns : int
        Number of predictors.
    """
    return tuple(objection("rare-cause", cause=cause, events=events, columns=columns) for cause, events in rare.items())


def not_learned_objections(model: Any) -> tuple[Objection, ...]:
    """Return one objection per cause for which a boosted model or a net has no effects of predictors."""
    rare = getattr(model, "rare_causes_", {})  # a file of an earlier version has none
    return tuple(objection("rare-cause", variant="learned", cause=cause, events=n) for cause, n in rare.items())
