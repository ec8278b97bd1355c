"""``level_norms``: a value relative to the norm of its level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error

__all__ = ["level_norms", "norms_of"]


def norms_of(reference: pd.DataFrame, measures: Sequence[str], *, min_n: int = 20) -> pd.DataFrame:
    """Compute norms by level from a reference sample.

    Parameters
    ----------
    reference : DataFrame
        Long biomarker table of patients other than those whose outcome is modelled.
    measures : sequence of str
        Measures.
    min_n : int, default 20
        Minimum number of values per level.

    Returns
    -------
    DataFrame
        ``measure, structure, level, method_id, n, mean, sd`` (divisor n − 1).
    """
    rows = reference[reference["measure"].isin(list(measures))].dropna(subset="value")
    rows = rows.assign(level=rows["level"].fillna(""))
    keys = ["measure", "structure", "level", "method_id"]
    found = rows.groupby(keys)["value"].agg(n="count", mean="mean", sd="std").reset_index()
    absent = sorted(set(measures) - set(found["measure"]))
    if absent:
        raise argument_error("measures", "measures of the reference table", f"{absent}, which are not there")
    small = found[(found["n"] < min_n) | ~(found["sd"] > 0)]
    if len(small):
        first = small.iloc[0]
        raise DataError(
            f"{len(small)} levels have fewer than {min_n} values, or values that do not differ; the first: "
            f"{first['measure']!r} at {first['level']!r}, n = {first['n']}."
        )
    return found


def level_norms(biomarkers: pd.DataFrame, norms: pd.DataFrame) -> pd.DataFrame:
    """Express values as SDs from the norm of their level, so that levels can be compared and pooled.

    Parameters
    ----------
    biomarkers : DataFrame
        Long biomarker table.
    norms : DataFrame
        ``measure, level, mean, sd`` and, if norms differ by them, ``structure, method_id``: from the literature or from
        `norms_of` on other patients. Norms of the modelled patients would leak test rows into training rows; for these,
        pool with ``"each"`` and fit `Standardise` inside the fold.

    Returns
    -------
    DataFrame
        The table with ``(value − mean)/sd``, ``unit`` ``sd``, ``method_id`` with ``_by_level_norm`` and ``sd_error``
        divided by the same SD; measures without norms stay unchanged.

    Raises
    ------
    DataError
        If a measure has norms, but not for one of its levels or methods: one column would contain two scales.
    """
    needed = {"measure", "level", "mean", "sd"} - set(norms.columns)
    if needed or not (pd.to_numeric(norms["sd"], errors="coerce") > 0).all():
        raise argument_error(
            "norms", "a table with `measure, level, mean, sd`, SDs above 0", f"without {needed or 'them'}"
        )
    keys = [name for name in ("measure", "level", "structure", "method_id") if name in norms.columns]
    if norms.duplicated(keys).any():
        raise argument_error("norms", "one row per level", "levels that stand twice")
    table = biomarkers.assign(level=biomarkers["level"].fillna(""))
    joined = table[keys].merge(norms.assign(level=norms["level"].fillna(""))[[*keys, "mean", "sd"]], "left", on=keys)
    mean, sd = joined["mean"].to_numpy(dtype=float), joined["sd"].to_numpy(dtype=float)
    concerned = table["measure"].isin(set(norms["measure"])).to_numpy()
    without = concerned & np.isnan(mean) & table["value"].notna().to_numpy()
    if without.any():
        first = table[without].iloc[0]
        raise DataError(
            f"There is no norm for {int(without.sum())} values, e.g. {first['measure']!r} at {first['level']!r} by "
            f"{first['method_id']!r}. Leave those levels out, or add their norms."
        )
    out = table.copy()
    out["value"] = np.where(concerned, (table["value"] - mean) / sd, table["value"])
    out["unit"] = np.where(concerned, "sd", table["unit"])
    out["method_id"] = np.where(concerned, table["method_id"] + "_by_level_norm", table["method_id"])
    if "sd_error" in out:
        out["sd_error"] = np.where(concerned, table["sd_error"] / sd, table["sd_error"])
    return out
