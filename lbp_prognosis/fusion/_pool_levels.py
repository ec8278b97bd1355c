"""``pool_levels``: many levels pooled into one row per patient, by a rule named in the column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lbp_prognosis._base import FeatureMap, LevelMap, Result, argument_error
from lbp_prognosis.fusion._pool_blocks import pool_blocks
from lbp_prognosis.fusion._pool_table import checked_biomarkers, pool_table
from lbp_prognosis.schema import TableBlocks, measures

__all__ = ["PooledLevels", "pool_levels"]


@dataclass(frozen=True, repr=False)
class PooledLevels(Result):
    """Biomarkers pooled over levels: one row per patient.

    Attributes
    ----------
    frame : pandas.DataFrame
        Indexed by patient; one column per pooling, and the column ``<measure>__n_levels``.
    modalities : FeatureMap
        The pooled columns under ``imaging``, with their provenance. The counts of levels read are not predictors; the
        provenance lists them as ``n_levels_column``.
    """

    frame: pd.DataFrame
    modalities: FeatureMap

    @property
    def levels(self) -> LevelMap:
        """Columns of the rule ``each``, by level and measure."""
        return LevelMap.of(self.modalities.columns, self.modalities)

    def to_frame(self) -> pd.DataFrame:
        """Return the frame."""
        return self.frame

    def _summary(self) -> str:
        return f"{len(self.frame)} patients, {len(self.modalities.columns)} columns"


def pool_levels(
    biomarkers: pd.DataFrame | TableBlocks,
    poolings: Mapping[str, str | Sequence[str]],
    *,
    levels: Sequence[str] | None = None,
    patients: Sequence[Any] | None = None,
    nominal: Sequence[str] = (),
    modality: str = "imaging",
) -> PooledLevels:
    """Pool the levels of each measure by named rules.

    Parameters
    ----------
    biomarkers : pandas.DataFrame or TableBlocks
        Long: ``patient_id, measure, value, method_id``, and if present ``level, side, structure, unit,
        study_id``. One study per patient: choose it first (the cohort's look-back window does). In a table that is read
        in blocks (``validate_package(..., block_rows=)``), a patient is pooled after the patient's last row has been
        read, so that a table sorted by patient needs little memory; the result is the same.
    poolings : mapping of str to str or sequence of str
        Rules by measure; a key may name the structure too (``"multifidus__fat_fraction"``). ``"max"``, ``"min"``,
        ``"mean"``, ``"sum"`` over the levels read; ``"worst"`` the worst value (direction declared in the schema);
        ``"count>=k"``, ``"count<=k"``, ``"count==k"`` the number of levels; ``"any==k"`` (also ``>=``, ``<=``) whether
        there is such a level; ``"each"`` one column per level; ``"only"`` the single value of a measure without levels.
    levels : sequence of str, optional
        Levels that count; by default all that occur.
    patients : sequence, optional
        Patients to return, in this order; those without any reading get missing values. By default all that occur.
    nominal : sequence of str, default ()
        Further measures whose numbers are names, in addition to those of the schema (Modic type, kind of herniation).
    modality : str, default "imaging"
        Name in the map.

    Returns
    -------
    PooledLevels
        ``frame`` and ``modalities``.

    Raises
    ------
    ArgumentError
        If a nominal measure would be treated as a number, or a rule is unknown.
    DataError
        If a measure has two methods, two units, or two values for one level.

    Notes
    -----
    The maximum of three levels read is not the maximum of five: ``n_levels`` contains the number of levels read. A rule
    over sides counts both sides of a level as separate readings, except under ``"each"``.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.fusion import pool_levels
    >>> long = pd.DataFrame({"patient_id": ["a", "a", "b"], "measure": "pfirrmann", "level": ["l4l5", "l5s1", "l5s1"],
    ...                      "value": [3.0, 5.0, 2.0], "method_id": "reader"})
    >>> pool_levels(long, {"pfirrmann": ["max", "count>=4"]}).frame.to_dict("list")
    {'pfirrmann__max': [5.0, 2.0], 'pfirrmann__count_ge_4': [1.0, 0.0], 'pfirrmann__n_levels': [2, 1]}
    """
    names = {*nominal, *(name for name, entry in measures().items() if entry["kind"] == "nominal")}
    wanted = None if patients is None else pd.Index(list(patients), name="patient_id")
    if wanted is not None and wanted.has_duplicates:
        raise argument_error("patients", "free of duplicates", f"{list(wanted[wanted.duplicated()])[:3]} twice")
    if isinstance(biomarkers, TableBlocks):
        frame, provenance = pool_blocks(biomarkers, poolings, levels, names, wanted)
    else:
        table = checked_biomarkers(biomarkers, levels)
        order = pd.Index(pd.unique(table["patient_id"]), name="patient_id") if wanted is None else wanted
        frame, provenance = pool_table(table, poolings, names, order)
    return PooledLevels(frame, FeatureMap({modality: tuple(provenance)}, provenance))
