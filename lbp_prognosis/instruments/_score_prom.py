"""``score_prom``: the totals that a table of item answers lacks."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lbp_prognosis._base import Result, argument_error
from lbp_prognosis.instruments._instrument import Instrument
from lbp_prognosis.instruments._registry import instruments
from lbp_prognosis.instruments._score import score
from lbp_prognosis.schema import failure_frame

__all__ = ["ScoredProm", "score_prom"]

_KEY = ["patient_id", "visit_id"]


@dataclass(frozen=True, repr=False)
class ScoredProm(Result):
    """A questionnaire table with its totals.

    Attributes
    ----------
    prom : DataFrame
        The given rows, and one row ``item = "total"`` for each score that could be computed and was absent.
    made : DataFrame
        The new totals: ``patient_id, visit_id, instrument, value, n_answered, missing_rule``; ``value`` is missing
        where the rule allowed none.
    failures : DataFrame
        Answers out of range, and totals that contradict their items (the given total is kept).
    """

    prom: pd.DataFrame
    made: pd.DataFrame
    failures: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the new totals."""
        return self.made

    def _summary(self) -> str:
        return f"{int(self.made['value'].notna().sum())} totals made, {len(self.failures)} failures"


def score_prom(prom: pd.DataFrame) -> ScoredProm:
    """Score every instrument whose items are in a ``prom`` table.

    Parameters
    ----------
    prom : DataFrame
        The table ``prom`` of a validated package: ``patient_id, visit_id, instrument, item, value``. Rows of items
        bear the item's name (``odi_1`` …) or its number.

    Returns
    -------
    ScoredProm
        The table with totals; given totals are never overwritten.
    """
    absent = [name for name in (*_KEY, "instrument", "item", "value") if name not in prom.columns]
    if absent:
        raise argument_error(
            "prom", "a table with patient_id, visit_id, instrument, item, value", f"one without {', '.join(absent)}"
        )
    parts, faults = [], []
    for known in instruments().values():
        rows = prom[prom["instrument"].eq(known.name) & prom["item"].ne("total")].dropna(subset=["item"])
        if rows.empty or len(known.items) == 1:
            continue
        made, failures = _one(known, rows)
        parts.append(made)
        faults.append(failures)
    columns = [*_KEY, "instrument", "value", "n_answered", "missing_rule"]
    made = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    made, contradictions = _against_given(prom, made)
    new = made[made["value"].notna()]
    totals = new[[*_KEY, "instrument", "value"]].assign(item="total")
    whole = pd.concat([prom, totals], ignore_index=True) if len(totals) else prom
    found = [frame for frame in (*faults, contradictions) if len(frame)]
    return ScoredProm(whole, made, pd.concat(found, ignore_index=True) if found else failure_frame())


def _one(known: Instrument, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of one instrument, a row per visit and score, and answers out of range."""
    names = rows["item"].astype(str)
    named = names.where(names.isin([*known.items, "bother_level"]), known.name + "_" + names)
    strange = sorted(set(named) - set(known.items) - {"bother_level"})
    if strange:
        raise argument_error("prom.item", f"items of {known.name}: {', '.join(known.items)}", f"{strange[:5]}")
    wide = rows.assign(item=named).pivot_table(index=_KEY, columns="item", values="value", aggfunc="first")
    wide = wide.reindex(
        columns=sorted({*known.items, *set(named)} - ({"bother"} if "bother_level" in set(named) else set()))
    )
    result = score(known.name, wide)
    parts = [
        pd.DataFrame(
            {
                "patient_id": wide.index.get_level_values(0),
                "visit_id": wide.index.get_level_values(1),
                "instrument": name,
                "value": result.scores[name].to_numpy(),
                "n_answered": result.n_answered[name].to_numpy(),
                "missing_rule": result.missing_rule[name],
            }
        )
        for name in result.scores.columns
    ]
    return pd.concat(parts, ignore_index=True), result.failures


def _against_given(prom: pd.DataFrame, made: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Drop scores whose total is given already, and report totals more than half a point off their items."""
    given = prom[prom["item"].eq("total")].dropna(subset=["value"])
    both = made.merge(
        given[[*_KEY, "instrument", "value"]], on=[*_KEY, "instrument"], how="left", suffixes=("", "_given")
    )
    off = both["value_given"].notna() & both["value"].notna() & ((both["value"] - both["value_given"]).abs() > 0.5)
    rows = [
        {
            "table": "prom",
            "field": row["instrument"],
            "reason": "range",
            "value": row["value_given"],
            "message": f"total of {row['patient_id']} at {row['visit_id']}; its items give {row['value']:g}",
        }
        for row in both[off].to_dict("records")
    ]
    return both[both["value_given"].isna()].drop(columns="value_given").reset_index(drop=True), failure_frame(rows)
