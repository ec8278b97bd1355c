"""The clinical minimum: constructs that a comparator must contain before added value can be claimed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lbp_prognosis._base import argument_error

__all__ = ["CLINICAL_MINIMUM", "missing_constructs", "undeclared_constructs"]

CLINICAL_MINIMUM: dict[str, str] = {
    "pain": "pain intensity at baseline",
    "disability": "disability at baseline",
    "duration": "duration of the episode",
    "leg_pain": "leg pain",
    "expectation": "the patient's own expectation of recovery",
    "distress": "psychological distress",
    "previous_episodes": "previous episodes",
    "age": "age",
    "sex": "sex",
}
"""Constructs, and what they are in words. A model of age and sex alone is easily improved upon."""


def missing_constructs(
    clinical_minimum: Mapping[str, str | Iterable[str]] | None, columns: Iterable[str]
) -> tuple[str, ...]:
    """Return the constructs of the clinical minimum that a model with these columns lacks.

    Parameters
    ----------
    clinical_minimum : mapping of str to str or iterable of str
        Construct to the column(s) that measure it; one of several columns is enough. None: nothing was declared.
    columns : iterable of str
        Predictors of the comparator.

    Raises
    ------
    ArgumentError
        If the mapping names an unknown construct, or assigns a column to two constructs.
    """
    declared = dict(clinical_minimum or {})
    unknown = sorted(set(declared) - set(CLINICAL_MINIMUM))
    if unknown:
        raise argument_error(
            "clinical_minimum", f"a mapping of {list(CLINICAL_MINIMUM)} to columns", f"unknown constructs {unknown}"
        )
    held = set(columns)
    seen: dict[str, str] = {}
    absent = []
    for construct in CLINICAL_MINIMUM:
        named = declared.get(construct, ())
        names = (named,) if isinstance(named, str) else tuple(named)
        for name in names:
            if name in seen:
                raise argument_error(
                    "clinical_minimum",
                    "a mapping in which a column measures one construct",
                    f"{name!r} under {seen[name]!r} and {construct!r}",
                )
            seen[name] = construct
        if not held & set(names):
            absent.append(construct)
    return tuple(absent)


def undeclared_constructs(clinical_minimum: Mapping[str, str | Iterable[str]] | None) -> tuple[str, ...]:
    """Return the constructs of the clinical minimum without a declared column; the model may still contain them.

    Parameters
    ----------
    clinical_minimum : mapping of str to str or iterable of str
        Construct to the column(s) that measure it. None: nothing was declared.
    """
    declared = clinical_minimum or {}
    return tuple(name for name in CLINICAL_MINIMUM if not declared.get(name))
