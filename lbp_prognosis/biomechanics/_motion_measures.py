"""Registry of movement measures: unit, range, direction, sides and published errors of measurement.

Norms by age and sex are not given: for none of these measures could a complete published table be read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, nearest, norm
from lbp_prognosis.schema import measures

__all__ = ["MotionMeasure", "PublishedError", "motion_measure", "motion_measures"]

TABLE = "motion_trial"


@dataclass(frozen=True)
class PublishedError:
    """A published error of measurement.

    Attributes
    ----------
    kind : {"sem", "mdc"}
        Standard error of measurement, or minimal detectable change of one patient.
    low, high : float
        Published error, in the unit of the measure; the two differ if the source gives a range.
    design : str
        Design of the repeated measurements from which the error was estimated.
    population : str
        Participants.
    source : str
        Citation with DOI, PMID or PMC number.
    confidence : float
        Confidence of a minimal detectable change; NaN for a standard error, or if the source does not state it.
    """

    kind: str
    low: float
    high: float
    design: str
    population: str
    source: str
    confidence: float = float("nan")

    def sem(self) -> tuple[float, float]:
        """Return the standard error of measurement, lowest and highest.

        A minimal detectable change is z √2 times it, with z the normal quantile of its confidence; NaN where the
        confidence is not known.
        """
        factor = 1.0 if self.kind == "sem" else float(norm.ppf(0.5 + self.confidence / 2) * np.sqrt(2))
        return self.low / factor, self.high / factor


@dataclass(frozen=True)
class MotionMeasure:
    """Properties of a measure of movement, strength, endurance or activity.

    Attributes
    ----------
    name : str
        Key, as in the tables ``motion`` and ``motion_trial``.
    title : str
        Readable name.
    unit : str
        Unit in this library.
    minimum, maximum : float
        Plausible range; a value outside it is a failure.
    direction : {"higher_better", "higher_worse", "none"}
        Whether high values are better or worse for the patient; a measure without direction has no best trial.
    sided : bool
        Whether the measure is taken on the left and on the right.
    note : str
        Required content of ``method_id``, or a common misreading.
    errors : tuple of PublishedError
        Published errors of measurement; empty where none is given.
    """

    name: str
    title: str
    unit: str
    minimum: float
    maximum: float
    direction: str
    sided: bool
    note: str = ""
    errors: tuple[PublishedError, ...] = ()


def _measure(name: str, entry: Mapping[str, Any]) -> MotionMeasure:
    fact = measures()[name]
    errors = tuple(
        PublishedError(**{**error, "low": float(error["low"]), "high": float(error["high"])})
        for error in entry.get("errors", ())
    )
    return MotionMeasure(
        name,
        entry["title"],
        fact["unit"],
        float(fact["minimum"]),
        float(fact["maximum"]),
        fact["direction"],
        entry["sided"],
        entry.get("note", ""),
        errors,
    )


@lru_cache(maxsize=1)
def motion_measures() -> Mapping[str, MotionMeasure]:
    """Return every measure of movement by name.

    Examples
    --------
    >>> from lbp_prognosis.biomechanics import motion_measures
    >>> known = motion_measures()["sorensen_time"]
    >>> known.unit, known.direction, known.errors[0].low
    ('s', 'higher_better', 11.6)
    """
    text = (Path(__file__).parent / "motion_measures.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: _measure(name, entry) for name, entry in tomllib.loads(text).items()})


def motion_measure(name: str) -> MotionMeasure:
    """Return one measure by name.

    Parameters
    ----------
    name : str
        As in the table ``motion``, e.g. ``"gait_speed"``.
    """
    known = motion_measures()
    if not isinstance(name, str) or name not in known:
        raise argument_error("name", f"one of {', '.join(known)}", repr(name), nearest(name, known) or None)
    return known[name]
