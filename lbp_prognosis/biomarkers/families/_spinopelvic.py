"""Consistency of a table of spinopelvic angles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number

__all__ = ["check_spinopelvic"]

_RANGES: dict[str, tuple[float, float]] = {
    "pelvic_incidence": (0, 130),
    "pelvic_tilt": (-60, 90),
    "sacral_slope": (-40, 130),
    "lumbar_lordosis": (-60, 130),
    "slip_percent": (-150, 150),
    "sva": (-300, 500),
    "tpa": (-60, 90),
}


def check_spinopelvic(
    frame: pd.DataFrame, *, tolerance: float = 3.0, ranges: Mapping[str, tuple[float, float]] | None = None
) -> pd.DataFrame:
    """Check PI = PT + SS row by row, and that each angle is anatomically possible.

    Parameters
    ----------
    frame : DataFrame
        Columns among ``pelvic_incidence, pelvic_tilt, sacral_slope, lumbar_lordosis, slip_percent, sva, tpa``, in
        degrees, per cent and mm; other columns are ignored.
    tolerance : float, default 3.0
        Largest accepted |PI − PT − SS|, degrees.
    ranges : mapping, optional
        Lowest and highest plausible value by column; these replace the library's.

    Returns
    -------
    DataFrame
        One row per failure: ``row`` (index label), ``field``, ``reason`` (``identity`` or ``range``), ``value``,
        ``message``. Empty if every row passes.

    Raises
    ------
    ArgumentError
        If none of the columns is present or one is not numeric.
    """
    check_number("tolerance", tolerance, low=0)
    limits = {**_RANGES, **(ranges or {})}
    known = [name for name in limits if name in frame.columns]
    if not known:
        raise argument_error(
            "frame", "a table with columns such as " + ", ".join(_RANGES), str(list(frame.columns)[:8])
        )
    rows = []
    for name in known:
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float)
        if np.isnan(values).sum() > frame[name].isna().sum():
            raise argument_error("frame", "numeric", f"text in column {name!r}")
        low, high = limits[name]
        for k in np.flatnonzero((values < low) | (values > high)):
            rows.append(
                (frame.index[int(k)], name, "range", values[k], f"{name} is {values[k]:g}, outside {low:g} to {high:g}")
            )
    trio = ("pelvic_incidence", "pelvic_tilt", "sacral_slope")
    if all(name in frame.columns for name in trio):
        pi, pt, ss = (frame[name].to_numpy(dtype=float) for name in trio)
        off = pi - pt - ss
        for k in np.flatnonzero(np.abs(off) > tolerance):
            message = f"PI {pi[k]:g} differs from PT {pt[k]:g} + SS {ss[k]:g} by {off[k]:.3g} degrees"
            rows.append((frame.index[int(k)], "pelvic_incidence", "identity", off[k], message))
    return pd.DataFrame(rows, columns=["row", "field", "reason", "value", "message"])
