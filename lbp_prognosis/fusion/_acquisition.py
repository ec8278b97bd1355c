"""Acquisition and error of pooled values: columns that accompany predictors without being predictors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.fusion._pool_levels import PooledLevels
from lbp_prognosis.schema import ColumnName

__all__ = ["pooled_errors", "with_acquisition"]


def with_acquisition(
    pooled: PooledLevels,
    biomarkers: pd.DataFrame,
    studies: pd.DataFrame,
    columns: Sequence[str] = ("field_strength", "vendor", "model", "kvp"),
) -> PooledLevels:
    """Return the pooled levels with the acquisition of each patient's study.

    Parameters
    ----------
    pooled : PooledLevels
        From `pool_levels` of ``biomarkers``.
    biomarkers : DataFrame
        The long table that was pooled, with ``patient_id`` and ``study_id``.
    studies : DataFrame
        ``imaging_study``: one row per patient and study.
    columns : sequence of str, default ('field_strength', 'vendor', 'model', 'kvp')
        Columns to add. Columns absent from ``studies`` are left out; at least one must be present.

    Returns
    -------
    PooledLevels
        The columns are in ``frame`` and in no modality: they are context (the batch of `ComBat`, strata of a model),
        not predictors.
    """
    found = [name for name in columns if name in studies.columns]
    if not found:
        raise argument_error("columns", "columns of `studies`", f"{list(columns)}, none of which it has")
    keys = ["patient_id", "study_id"]
    if studies.duplicated(keys).any():
        raise DataError("`studies` has several rows of one patient and study: which scanner made the image?")
    pairs = biomarkers[keys].astype(str).drop_duplicates()
    if pairs["patient_id"].duplicated().any():
        raise DataError("`biomarkers` contains several studies of one patient: choose one before pooling.")
    known = studies.assign(**{key: studies[key].astype(str) for key in keys})
    joined = pairs.merge(known[[*keys, *found]], "left", on=keys).set_index("patient_id")[found]
    taken = sorted(set(found) & set(pooled.frame.columns))
    if taken:
        raise argument_error("columns", "names that are not pooled columns", f"{taken}")
    beside = joined.reindex(pooled.frame.index.astype(str)).set_axis(pooled.frame.index, axis=0)
    return replace(pooled, frame=pd.concat([pooled.frame, beside], axis=1))


def pooled_errors(pooled: PooledLevels, biomarkers: pd.DataFrame) -> pd.DataFrame:
    """Return the SD of the measurement error of each pooled value, from ``sd_error``.

    Parameters
    ----------
    pooled : PooledLevels
        From `pool_levels` of ``biomarkers``.
    biomarkers : DataFrame
        The long table that was pooled.

    Returns
    -------
    DataFrame
        One row per patient and one column per pooled column whose rule has an error SD: ``mean`` (√Σsd²/k), ``sum``
        (√Σsd²), ``each`` and ``only`` (sd). NaN if a level has no SD. Maxima, minima and counts are left out, because
        no single SD describes their error.

    Notes
    -----
    Errors of the levels are assumed to be independent. An error shared by the levels (of a reader or a scanner) does
    not average out: pass its SD to `RegressionCalibration` as a number.
    """
    if "sd_error" not in biomarkers.columns:
        raise argument_error("biomarkers", "a table with `sd_error`", f"columns {list(biomarkers.columns)[:8]}")
    rows = biomarkers.dropna(subset="value")
    made: dict[str, pd.Series] = {}
    for column, source in pooled.modalities.provenance.items():
        rule, name = source.get("pooling"), ColumnName.parse(column)
        if rule not in ("mean", "sum", "each", "only"):
            continue
        part = rows[rows["measure"] == source["measure"]]
        if source.get("structure"):
            part = part[part["structure"] == source["structure"]]
        if rule == "each":
            sides = part["side"].fillna("") if "side" in part else pd.Series("", index=part.index)
            part = part[(part["level"].fillna("") == name.level) & (sides == name.side)]
        sd = pd.to_numeric(part["sd_error"])
        squares = (sd**2).groupby(part["patient_id"])
        # if one level has no SD, the SD of the pooled value is unknown
        total = np.sqrt(squares.sum(min_count=1).where(squares.count() == squares.size()))
        made[column] = (total / squares.size() if rule == "mean" else total).reindex(pooled.frame.index)
    return pd.DataFrame(made, index=pooled.frame.index)
