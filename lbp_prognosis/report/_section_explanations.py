"""What the fitted model uses: modalities and columns, on average over patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from lbp_prognosis._draw import draw_importance
from lbp_prognosis.report._blocks import Block, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import number, readable

__all__ = ["section_explanations"]

_MOST = 15
_SCALES = {
    "modalities": "risk", "columns": "log-hazard", "columns_risk": "risk", "trees": "log-hazard, boosted trees",
}  # fmt: skip


def section_explanations(page: Page) -> Section | None:
    """Return mean absolute Shapley values of modalities and of columns."""
    if not page.explanations:
        return None
    main = page.comparison[1] if page.comparison else page.evaluation.models[-1]
    blocks: list[Block] = [Words(
        f"Attributions say what the fitted model ({main}) uses, not what brings the outcome about, nor what a "
        "predictor is worth: for that see the differences above. They are of the model fitted to all patients."
    )]  # fmt: skip
    modalities = page.explanations.get("modalities")
    if modalities is not None:
        shown = _shown(modalities, page, modality=True)
        blocks.append(figure(
            _bars(shown, "mean |change of the risk|"),
            size=(5.0, 0.7 + 0.42 * len(shown)),
            alt="Modalities: " + "; ".join(f"{r.player} {number(r.importance)}" for r in shown.itertuples()),
            caption=f"Modalities: exact Shapley values of the risk by {page.time}, mean over "
            f"{len(modalities.rows)} patients.",
        ))  # fmt: skip
    scales = {
        "columns": "mean |change of the log-hazard|",
        "columns_risk": "mean |change of the risk|",
        "trees": "mean |change of the log-hazard|, boosted trees",
    }
    for key, label in scales.items():
        found = page.explanations.get(key)
        if found is None:
            continue
        part = _shown(found, page).head(_MOST)
        blocks.append(figure(
            _bars(part, label),
            size=(5.2, 0.8 + 0.29 * len(part)),
            alt="Predictors: " + "; ".join(f"{r.player} {number(r.importance)}" for r in part.itertuples()),
            caption=f"Predictors: {found.value_function} Shapley values, {label}; method: "
            f"{'TreeSHAP of the event of interest' if key == 'trees' else found.method}, "
            f"{found.n_background} background patients.",
        ))  # fmt: skip
    blocks.append(_table(page))
    return Section("explanations", "What does the model use?", tuple(blocks))


def _bars(frame: pd.DataFrame, label: str) -> Callable[[Any], Any]:
    return lambda ax: draw_importance(frame, label=label, ax=ax)


def _shown(result: Any, page: Page, *, modality: bool = False) -> pd.DataFrame:
    frame = result.importance()
    groups = dict.fromkeys(frame["player"], "")
    if page.modalities is not None:
        names = page.modalities.columns
        groups = {p: p if modality else page.modalities.modality_of(p) if p in names else "" for p in frame["player"]}
    frame = frame.assign(group=[readable(groups[p]) for p in frame["player"]])
    return frame.assign(player=[readable(p) for p in frame["player"]])


def _table(page: Page) -> Table:
    parts = []
    for key, words in _SCALES.items():
        found = page.explanations.get(key)
        if found is not None:
            frame = _shown(found, page, modality=key == "modalities")
            parts.append(
                pd.DataFrame(
                    {
                        "of": "modality" if key == "modalities" else "predictor",
                        "scale": words,
                        "name": frame["player"],
                        "mean absolute attribution": [number(v, 4) for v in frame["importance"]],
                    }
                )
            )
    return Table("attributions", "Mean absolute attributions.", pd.concat(parts, ignore_index=True), head=3, group="of")
