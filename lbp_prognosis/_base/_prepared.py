"""Frames say what was learned from their own rows, so that resampling them afterwards can be objected to."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lbp_prognosis._base._objection import OBJECTIONS, Objection, objection

__all__ = ["mark_prepared", "prepared_objections"]

_KEY = "prepared_on_these_rows"


def mark_prepared(frame: pd.DataFrame, code: str, step: str, source: Any) -> pd.DataFrame:
    """Write on a frame that a step was fitted on its own rows, with the code of the objection to resampling it.

    What was written on the table that the step was given (``source``) stays.
    """
    frame.attrs = {**getattr(source, "attrs", {}), **frame.attrs}
    marks = dict(frame.attrs.get(_KEY, {}))
    marks[code] = tuple(dict.fromkeys((*marks.get(code, ()), step)))
    frame.attrs[_KEY] = marks
    return frame


def prepared_objections(X: Any) -> tuple[Objection, ...]:
    """Return the objections to resampling a table that was prepared as a whole: harmonised, imputed, standardised."""
    marks = getattr(X, "attrs", {}).get(_KEY, {})
    return tuple(
        objection(code, variant="steps" if "steps" in OBJECTIONS[code].variants else "", steps=", ".join(steps))
        for code, steps in marks.items()
    )
