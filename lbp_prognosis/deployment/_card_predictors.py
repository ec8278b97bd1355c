"""``predictor_rows``: predictors with units and ranges, for a model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._competing_equation import CompetingEquation
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._published_model import PublishedModel
from lbp_prognosis.deployment._synthetic_rows import categories_of_columns, columns_of_new_rows, ranges_of_columns
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm

__all__ = ["predictor_rows"]

_HEAD = ["predictor", "unit", "values in development"]


def predictor_rows(model: Any, labels: Mapping[str, str], units: Mapping[str, str]) -> list[list[str]]:
    """Return header and one row per predictor: name, unit, range or categories.

    Parameters
    ----------
    model : locked model's inside, Equation or PublishedModel
        Ranges are the coarse ranges of the locked model.
    labels, units : mapping of str to str
        Words and units of the columns; by default those of the model.
    """
    if isinstance(model, PublishedModel):
        rows = _of_published(model)
    elif isinstance(model, Formula | CompetingEquation):
        rows = [_of_term(term) for term in model.terms]
    else:
        rows = _of_model(model)
    return [
        _HEAD,
        *([str(labels.get(name, name)), str(units.get(name, unit)), values] for name, unit, values in rows),
    ]


def _of_published(model: PublishedModel) -> list[tuple[str, str, str]]:
    found = model.to_frame().drop_duplicates("column")
    rows = []
    for row in found.to_dict("records"):
        coded = str(row["coding"]) if isinstance(row["coding"], str) else ""
        rows.append((str(row["column"]), str(row["unit"] or ""), coded or "range not published"))
    return rows or [(str(name), "", "see the instrument") for name in model.feature_names_in_]


def _of_term(term: Any) -> tuple[str, str, str]:
    if isinstance(term, LevelTerm):
        return term.name, term.unit, "one of " + ", ".join(str(plain_label(level)) for level in term.levels)
    assert isinstance(term, NumberTerm)
    return term.name, term.unit, _range(term.low, term.high)


def _of_model(model: Any) -> list[tuple[str, str, str]]:
    ranges, categories = ranges_of_columns(model), categories_of_columns(model)
    rows = []
    for name in columns_of_new_rows(model):
        if name in categories:
            words = "one of " + ", ".join(str(plain_label(level)) for level in categories[name])
        else:
            words = _range(*ranges.get(name, (np.nan, np.nan)))
        rows.append((str(name), "", words))
    return rows


def _range(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return "range not known"
    return "0 or 1" if (low, high) == (0, 1) else f"usually {low:.4g} to {high:.4g}"
