"""``without_columns``: a step as it is fitted where a modality is absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from sklearn.base import clone

from lbp_prognosis.fusion._formula_grammar import parse_terms

__all__ = ["without_columns"]

_LISTS = ("columns", "covariates", "drop")
_BY_COLUMN = ("errors", "knots", "methods", "passive")


def without_columns(step: Any, absent: Set[str]) -> Any:
    """Return a clone of a step that names none of some columns.

    Parameters
    ----------
    step : transformer
        Step of a pipeline.
    absent : set of str
        Columns that the table lacks, because their modality is absent.

    Returns
    -------
    transformer or None
        None for a correction of measurements of which none is left.
    """
    copy = clone(step)
    given = copy.get_params(deep=False)
    if given.get("columns") is None and hasattr(copy, "named_columns"):
        given["columns"] = copy.named_columns
    changed: dict[str, Any] = {}
    for name in _LISTS:
        named = given.get(name)
        if isinstance(named, Iterable) and not isinstance(named, str) and absent & set(named):
            changed[name] = [column for column in named if column not in absent]
    for name in _BY_COLUMN:
        named = given.get(name)
        if isinstance(named, Mapping) and absent & set(named):
            changed[name] = {column: value for column, value in named.items() if column not in absent}
    blocks = given.get("keep_blocks")
    if isinstance(blocks, Mapping) and any(absent & set(block) for block in blocks.values()):
        left = {name: [column for column in block if column not in absent] for name, block in blocks.items()}
        changed["keep_blocks"] = {name: block for name, block in left.items() if block} or None
    if isinstance(given.get("formula"), str):
        changed |= _terms_without(given["formula"], absent)
    if changed.get("errors") == {}:
        return None
    return copy.set_params(**changed) if changed else copy


def _terms_without(formula: str, absent: Set[str]) -> dict[str, str]:
    """Return the formula of the terms that name none of the columns; nothing if it names none of them."""
    terms = parse_terms(formula).terms
    kept = [term for term in terms if not any(absent & set(factor.columns()) for factor in term)]
    if len(kept) == len(terms):
        return {}
    return {"formula": " + ".join(":".join(factor.text for factor in term) for term in kept) or "1"}
