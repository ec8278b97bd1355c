"""Section Reliability: repeatability of the measurements, and agreement with a reference."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lbp_prognosis._base import gap, metric_title
from lbp_prognosis.report._blocks import Block, Section, Table
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import estimate, level_name, number

__all__ = ["section_measurement"]

_KAPPA = ("kappa", "kappa_linear", "kappa_quadratic")


def section_measurement(page: Page) -> Section | None:
    """Return tables of repeatability and of agreement with a reference; None if no readings were evaluated."""
    frames = [entry.frame for entry in page.evidence.entries if "compared" in entry.frame]
    if not frames:
        return None
    every = pd.concat([frame.astype(object) for frame in frames], ignore_index=True)
    blocks: list[Block] = []
    technical, diagnostic = (every[every["tier"] == tier] for tier in ("technical", "diagnostic"))
    if len(technical):
        blocks.append(
            Table(
                "repeatability",
                "Repeatability of the measurements: all readings of the registry, by level.",
                pd.DataFrame(_repeats(technical)),
                "ICC(2,1), absolute agreement, and kappa with 95% intervals. Two readings of an "
                "unchanged patient differ by more than the smallest detectable change in 5% of cases.",
                head=2,
                group="measure",
            )
        )
    if len(diagnostic):
        blocks.append(
            Table(
                "agreement",
                "Agreement with the reference standard.",
                pd.DataFrame(_tests(diagnostic)),
                "95% intervals allow for several findings of one patient. Agreement with a reference says nothing "
                "about the outcome.",
                head=2,
            )
        )
    return Section("measurement", "Are the measurements repeatable?", tuple(blocks))


def _repeats(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for (measure, compared, level), part in frame.groupby(["model", "compared", "group"], sort=False):
        by = {row["metric"]: row for row in part.to_dict("records")}
        kappa = next((row for name, row in by.items() if name in _KAPPA), None)
        some = next(iter(by.values()))
        error, unit = by.get("sdc_agreement"), some["unit"]
        rows.append(
            {
                "measure": f"{measure}: {str(compared).replace('_', ' ')}",
                "level": level_name(str(level)),
                "patients": number(some["n"], 0),
                "ICC": _shown(by.get("icc")),
                "smallest detectable change": f"{number(error['value'], 2)} {_unit(unit)}".rstrip()
                if error is not None
                else gap("not defined for this measure"),
                "kappa": gap("not defined for this measure")
                if kappa is None
                else f"{_shown(kappa)}, {metric_title(kappa['metric']).removesuffix(' kappa')}"
                if kappa["metric"] != "kappa" and not kappa["reason"]
                else _shown(kappa),
            }
        )
    return rows


def _tests(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for (measure, compared), part in frame.groupby(["model", "compared"], sort=False):
        by = {row["metric"]: row for row in part.to_dict("records")}
        some = next(iter(by.values()))
        places, patients = some["n"], some["clusters"]
        rows.append(
            {
                "measure": measure,
                "compared": str(compared).replace("_", " "),
                "findings": number(places, 0),
                "patients": number(patients, 0),
                "AUC": _shown(by.get("auc")),
                "sensitivity": _shown(by.get("sensitivity")),
                "specificity": _shown(by.get("specificity")),
            }
        )
    return rows


def _shown(row: Any) -> str:
    if row is None:
        return gap("not defined for this measure")
    return estimate(row["value"], row["low"], row["high"], str(row["reason"] or ""), 2)


def _unit(unit: str) -> str:
    return {"grade": "grades", "ratio": "", "category": ""}.get(unit, unit)
