"""``Criterion``: one line of eligibility."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_choice

__all__ = ["Criterion"]

_OPERATORS = ("==", "!=", ">=", ">", "<=", "<", "in", "not in", "present")


@dataclass(frozen=True)
class Criterion:
    """A patient is eligible if ``field op value`` holds at the index date.

    Attributes
    ----------
    field : str
        A column of the baseline frame: a field of ``patient``, an instrument, or a measure.
    op : {"==", "!=", ">=", ">", "<=", "<", "in", "not in", "present"}
        Comparison operator.
    value : object
        Value to compare with; a sequence for ``in`` and ``not in``, unused for ``present``.
    missing : {"exclude", "include"}
        Treatment of a patient without the value.
    label : str
        Label in the flow; composed of the other fields if empty.

    Examples
    --------
    >>> from lbp_prognosis.cohort import Criterion
    >>> str(Criterion("age", ">=", 18))
    'age >= 18'
    """

    field: str
    op: str
    value: Any = None
    missing: str = "exclude"
    label: str = ""

    def __post_init__(self) -> None:
        check_choice("op", self.op, _OPERATORS)
        check_choice("missing", self.missing, ("exclude", "include"))
        if self.op in ("in", "not in"):
            if isinstance(self.value, str) or not hasattr(self.value, "__iter__"):
                raise argument_error("value", "a sequence for `in` and `not in`", self.value)
            object.__setattr__(self, "value", tuple(self.value))

    def __str__(self) -> str:
        if self.label:
            return self.label
        return f"{self.field} {self.op}" if self.op == "present" else f"{self.field} {self.op} {self.value}"

    def holds(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return (eligible, missing) per row."""
        if self.field not in frame.columns:
            raise argument_error("field", f"a baseline column: {', '.join(map(str, frame.columns[:12]))} …", self.field)
        series = frame[self.field]
        missing = series.isna().to_numpy()
        if self.op == "present":
            return ~missing, missing
        try:
            held = self._compare(series)
        except TypeError:
            raise argument_error("value", f"comparable with the values of {self.field!r}", self.value) from None
        eligible = np.asarray(held.fillna(False) if hasattr(held, "fillna") else held, dtype=bool)
        return np.where(missing, self.missing == "include", eligible), missing

    def _compare(self, series: pd.Series) -> Any:
        if self.op in ("in", "not in"):
            inside = series.isin(self.value)
            return inside if self.op == "in" else ~inside
        return {"==": series.eq, "!=": series.ne, ">=": series.ge, ">": series.gt, "<=": series.le, "<": series.lt}[
            self.op
        ](self.value)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Criterion:
        """Read a table of ``study.toml``."""
        return cls(**fields)
