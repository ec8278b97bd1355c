"""Checks of a codebook against the library's own tables and against the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.schema._failures import failure_frame
from lbp_prognosis.schema._table_schemas import instrument_ranges, measures

__all__ = ["codebook_extensions", "codebook_failures", "extended_ranges"]

_ANCHORS = ("odi", "rmdq24", "nrs_back", "vas_back", "bpi_intensity")
_LEAST = 30  # number of patients below which a correlation is not informative about direction


def codebook_extensions(codebook: pd.DataFrame | None) -> dict[str, set[str]]:
    """Return, by table, the measures or instruments that the codebook adds."""
    if codebook is None or not {"table", "name"} <= set(codebook.columns):
        return {}
    known = codebook.dropna(subset=["table", "name"])
    return {str(table): set(group["name"]) for table, group in known.groupby("table")}


def extended_ranges(codebook: pd.DataFrame | None, table: str) -> dict[str, Mapping[str, Any]]:
    """Return ranges and units by measure or instrument: the library's, and for new names the codebook's."""
    base: dict[str, Mapping[str, Any]] = dict(instrument_ranges() if table == "prom" else measures())
    if codebook is None or not {"table", "name"} <= set(codebook.columns):
        return base
    for row in codebook[codebook["table"].eq(table).fillna(False)].to_dict("records"):
        name = row["name"]
        if isinstance(name, str) and name not in base:
            base[name] = {
                key: row[key]
                for key in ("minimum", "maximum", "unit", "direction")
                if key in row and not pd.isna(row[key])
            }
    return base


def codebook_failures(tables: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """Return entries that contradict the library's direction or unit, or the data's direction."""
    codebook = tables.get("codebook")
    if codebook is None or not {"table", "name"} <= set(codebook.columns):
        return []
    rows: list[dict[str, Any]] = []
    wide = _baseline_totals(tables.get("prom"), tables.get("visit"))
    for number, entry in enumerate(codebook.to_dict("records"), start=1):
        table, name, direction = entry["table"], entry["name"], entry.get("direction")
        if not isinstance(name, str) or not isinstance(table, str):
            continue
        known = (instrument_ranges() if table == "prom" else measures()).get(name)
        said = direction if isinstance(direction, str) else "none"
        unit = entry.get("unit")
        if known is not None:
            if said != "none" and known["direction"] not in ("none", said):
                rows.append(_row(number, "direction", "codebook", said, f"{name} is {known['direction']} here"))
            if isinstance(unit, str) and unit != known["unit"]:
                rows.append(_row(number, "unit", "codebook", unit, f"the unit of {name} is {known['unit']!r} here"))
        if table == "prom" and said != "none":
            contradiction = _against_data(wide, name, said)
            if contradiction:
                rows.append(_row(number, "direction", "direction", said, contradiction))
    return [failure_frame(rows)] if rows else []


def _row(number: int, field: str, reason: str, value: str, message: str) -> dict[str, Any]:
    return {"table": "codebook", "row": number, "field": field, "reason": reason, "value": value, "message": message}


def _baseline_totals(prom: pd.DataFrame | None, visit: pd.DataFrame | None) -> pd.DataFrame:
    """Return one row per patient and visit, one column per instrument total."""
    if prom is None or not {"patient_id", "visit_id", "instrument", "item", "value"} <= set(prom.columns):
        return pd.DataFrame()
    totals = prom[prom["item"].eq("total").fillna(False)].dropna(subset=["patient_id", "visit_id", "instrument"])
    wide = totals.pivot_table(index=["patient_id", "visit_id"], columns="instrument", values="value", aggfunc="first")
    return wide.groupby(level="patient_id").first()  # one row per patient: visits of one patient are not independent


def _against_data(wide: pd.DataFrame, name: str, direction: str) -> str:
    """Return a message if ``name`` correlates against pain and disability beyond chance (|z| > 3)."""
    if name not in wide.columns:
        return ""
    for anchor in _ANCHORS:
        if anchor == name or anchor not in wide.columns:
            continue
        pair = wide[[name, anchor]].dropna()
        if len(pair) < _LEAST or pair.nunique().min() < 2:
            continue
        rho = float(pair.rank().corr().to_numpy()[0, 1])
        z = np.arctanh(np.clip(rho, -0.999999, 0.999999)) * np.sqrt(len(pair) - 3)
        wanted = 1 if direction == "higher_worse" else -1
        if z * wanted < -3:
            return (
                f"declared {direction}, but its rank correlation with {anchor} is {rho:.2f} in {len(pair)} "
                "patients: is the score reversed?"
            )
        return ""
    return ""
