"""Section Patients: flow, Table 1, and patients with imaging or follow-up."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lbp_prognosis._draw import FLOW_KINDS, draw_flow
from lbp_prognosis.report._blocks import Block, Section, Table
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import number, readable, row_variable

__all__ = ["section_patients"]


def section_patients(page: Page) -> Section | None:
    """Return flow, Table 1 and the comparisons, small cells masked."""
    blocks: list[Block] = []
    if page.flow is not None:
        blocks += _flow(page)
    for k, (caption, result) in enumerate(page.table_ones.items()):
        blocks.append(_table_one(result.to_frame(), caption, f"table_one{'' if k == 0 else f'_{k + 1}'}", page))
    if page.columns is not None:
        blocks.append(_columns(page))
    return Section("patients", "Who are the patients?", tuple(blocks)) if blocks else None


def _flow(page: Page) -> list[Block]:
    steps = page.flow.steps.assign(shown=[f"{n:,.0f}" for n in page.flow.steps["n"]])
    shown = steps[steps["kind"].isin(FLOW_KINDS)]
    words = "; ".join(f"{row['step']}: {row['shown']}" for row in shown.to_dict("records") if row["n"] > 0)
    drawn = shown[(shown["n"] > 0) | ~shown["kind"].isin(["excluded", "missing"])]
    picture = figure(
        lambda ax: draw_flow(drawn, ax=ax),
        alt=f"Flow of patients: {words}",
        caption="Flow of patients, from the data to the analysis.",
        size=(5.2, 0.5 + 0.62 * len(drawn)),
    )
    notes = steps[~steps["kind"].isin(FLOW_KINDS) & (steps["n"] > 0)]
    frame = pd.DataFrame(
        {
            "what": notes["step"].map(lambda step: step.replace("_", " ")),
            "n": [f"{n:,.0f}" for n in notes["n"]],
            "of": ["values" if kind == "values" else "patients" for kind in notes["kind"]],
        }
    )
    blocks: list[Block] = [picture]
    if len(frame):
        blocks.append(
            Table(
                "flow_notes",
                "Rows and values that were not used.",
                frame,
                "Values dated after time zero are never predictors.",
            )
        )
    return blocks


def _table_one(frame: pd.DataFrame, caption: str, name: str, page: Page) -> Table:
    shown = frame.astype(object)
    levels = shown["value"].where(~shown["value"].str.startswith("missing"))
    truths = {name: set(found.dropna()) == {"0", "1"} for name, found in levels.groupby(shown["variable"])}
    binary = levels.notna() & shown["variable"].map(truths)  # of 1 and 2, or 1 and the rest, neither is a yes
    shown["value"] = shown["value"].where(~binary, shown["value"].map({"0": "no", "1": "yes"}))
    units, labels = _units(page), _labels(page)
    shown["variable"] = [_variable(text, units, labels) for text in shown["variable"]]
    for column in shown.columns[shown.columns.str.startswith("smd")]:
        shown[column] = shown[column].str.replace("-", "−")
    shown = shown.drop(columns="missing", errors="ignore")  # missing values have separate rows, with their share
    shown = shown.rename(columns={"value": "level", "smd": "standardised difference"})
    note = (
        "Mean (SD), median [quartiles] or n (%). Percentages of categories are of known values; those of missing "
        "values (and of categories merged with them) are of all patients. Standardised differences compare "
        "known values; no p-values are given."
    )
    return Table(name, caption, shown, note, head=2, group="variable")


def _variable(text: str, units: Mapping[str, str], labels: Mapping[str, str]) -> str:
    if text == "n":
        return "patients"
    column = row_variable(text)
    what = text[len(column) :].removeprefix(", ")
    unit = f" ({units[column]})" if units.get(column) and what.startswith(("mean", "median")) else ""
    label = f" – {labels[column]}" if labels.get(column) else ""
    return f"{readable(column)}{label}{unit}{', ' if what else ''}{what}"


def _units(page: Page) -> dict[str, str]:
    """Return the unit of each predictor before any transformation, as Table 1 shows it."""
    if page.columns is None or "unit" not in page.columns:
        return {}
    bare = page.columns["unit"].astype(str).str.replace(r"^(?:log\(1 \+ (.*)\)|(?:log|√) (.*))$", r"\1\2", regex=True)
    return dict(zip(page.columns["column"], bare, strict=True))


def _labels(page: Page) -> dict[str, str]:
    """Return the label of each predictor in its file, if it has one."""
    if page.columns is None or "label" not in page.columns:
        return {}
    return dict(zip(page.columns["column"], page.columns["label"].astype(str), strict=True))


def _columns(page: Page) -> Table:
    frame = page.columns
    assert frame is not None
    shown = pd.DataFrame(
        {
            "predictor": [readable(c) for c in frame["column"]],
            "label": list(_labels(page).values()) or "",
            "modality": [readable(m) for m in frame["modality"]],
            "known in": [number(n, 0) for n in frame["n"] - frame["n_missing"]],
            "missing": [number(n, 0) for n in frame["n_missing"]],
            "unit": list(frame["unit"]) if "unit" in frame else "",
            "5% to 95%, or categories": list(frame["range"]),
        }
    )
    # a wide table declares no units, and text files have no labels
    shown = shown.drop(columns=[name for name in ("unit", "label") if shown[name].eq("").all()])
    return Table("predictors", "Predictors, as read from the data.", shown, head=2)
