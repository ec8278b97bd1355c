"""``convert_unit``: linear conversions of units only."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["convert_unit", "days_per", "known_units"]

# unit -> (dimension, factor to the base of the dimension)
_UNITS: dict[str, tuple[str, float]] = {
    "mm": ("length", 1.0),
    "cm": ("length", 10.0),
    "m": ("length", 1000.0),
    "in": ("length", 25.4),
    "ft": ("length", 304.8),
    "mm2": ("area", 1.0),
    "cm2": ("area", 100.0),
    "mm3": ("volume", 1.0),
    "ml": ("volume", 1000.0),
    "cm3": ("volume", 1000.0),
    "l": ("volume", 1e6),
    "kg": ("mass", 1.0),
    "g": ("mass", 1e-3),
    "lb": ("mass", 0.45359237),
    "st": ("mass", 6.35029318),
    "days": ("time", 1.0),
    "weeks": ("time", 7.0),
    "months": ("time", 30.4375),
    "years": ("time", 365.25),
    "hours": ("time", 1 / 24),
    "deg": ("angle", 1.0),
    "rad": ("angle", 180 / np.pi),
    "fraction": ("share", 1.0),
    "ratio": ("share", 1.0),
    "%": ("share", 0.01),
    "probability": ("share", 1.0),
    "s": ("duration", 1.0),
    "ms": ("duration", 1e-3),
    "min": ("duration", 60.0),
    "T": ("field", 1.0),
    "G": ("field", 1e-4),
    "N": ("force", 1.0),
    "kN": ("force", 1000.0),
    "m/s": ("speed", 1.0),
    "cm/s": ("speed", 0.01),
    "km/h": ("speed", 1 / 3.6),
    "1/s": ("rate", 1.0),
    "1/min": ("rate", 1 / 60),
    "min/day": ("time per day", 1.0),
    "h/day": ("time per day", 60.0),
    "count": ("count", 1.0),
    "1/day": ("count per day", 1.0),
    "Nm/kg": ("torque per mass", 1.0),
    "points": ("points", 1.0),
    "points100": ("points", 0.1),
}


def known_units() -> tuple[str, ...]:
    """Return the units `convert_unit` knows."""
    return tuple(_UNITS)


def days_per(unit: str) -> float:
    """Return the days in one day, week (7), month (30.4375) or year (365.25)."""
    kind, factor = _UNITS.get(unit, ("", 0.0))
    if kind != "time":
        raise argument_error("unit", "one of 'days', 'weeks', 'months', 'years'", unit)
    return factor


def convert_unit(values: Any, source: str, target: str) -> np.ndarray:
    """Return ``values`` in another unit of the same dimension.

    Parameters
    ----------
    values : array-like
        Numbers; missing values stay missing.
    source, target : str
        Units, e.g. ``"lb"`` and ``"kg"``. Months are 30.4375 and years 365.25 days; ``"points100"`` is a scale from
        0 to 100 and ``"points"`` one from 0 to 10.

    Raises
    ------
    ArgumentError
        If a unit is unknown or the two do not measure the same thing.

    Examples
    --------
    >>> from lbp_prognosis.schema import convert_unit
    >>> convert_unit([100.0], "lb", "kg").round(3).tolist()
    [45.359]
    """
    for name, unit in (("source", source), ("target", target)):
        if unit not in _UNITS:
            raise argument_error(name, f"one of {', '.join(_UNITS)}", repr(unit))
    (one, up), (other, down) = _UNITS[source], _UNITS[target]
    if one != other:
        raise argument_error("target", f"a unit of {one}, as {source!r} is", repr(target))
    return np.asarray(values, dtype=float) * (up / down)
