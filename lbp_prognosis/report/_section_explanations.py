"""Section Explanations: mean absolute attributions of modalities and columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from lbp_prognosis._draw import draw_importance
from lbp_prognosis.explain import ShapAverages, ShapResult
from lbp_prognosis.report._blocks import Block, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import number, readable

__all__ = ["section_explanations"]

_MOST = 15
_SCALES = {
    "modalities": "risk",
    "columns_risk": "risk",
    "columns": "log-hazard",
    "trees": "log-hazard, boosted trees",
}


def section_explanations(page: Page) -> Section | None:
    """Return mean absolute Shapley values of modalities and of columns."""
    if not page.explanations:
        return None
    means = {
        key: result if isinstance(result, ShapAverages) else result.averages()
        for key, result in page.explanations.items()
    }
    main = page.comparison[1] if page.comparison else page.evaluation.models[-1]
    blocks: list[Block] = [
        Words(
            f"Attributions show what the fitted model ({main}) uses. They show neither causes of the outcome nor the "
            "value of a predictor, for which see the differences above. The model was fitted to all patients."
        )
    ]
    modalities = means.get("modalities")
    if modalities is not None:
        shown = _shown(modalities, page, modality=True)
        blocks.append(
            figure(
                _bars(shown, "mean |change of the risk|", page),
                size=(5.0, 0.7 + 0.42 * len(shown)),
                alt="Modalities: " + "; ".join(f"{r.player} {number(r.importance)}" for r in shown.itertuples()),
                caption=f"Modalities: exact Shapley values of the risk {page.when}, mean over {modalities.n} patients.",
            )
        )
    scales = {
        "columns": "mean |change of the log-hazard|",
        "columns_risk": "mean |change of the risk|",
        "trees": "mean |change of the log-hazard|, boosted trees",
    }
    for key, label in scales.items():
        found = means.get(key)
        if found is None:
            continue
        part = _shown(found, page).head(_MOST)
        blocks.append(
            figure(
                _bars(part, label, page),
                size=(5.2, 0.8 + 0.29 * len(part)),
                alt="Predictors: " + "; ".join(f"{r.player} {number(r.importance)}" for r in part.itertuples()),
                caption=f"Predictors: {found.value_function} Shapley values, {label}; method: "
                f"{'TreeSHAP of the event of interest' if key == 'trees' else found.method}, "
                f"{found.n_background} background patients.",
            )
        )
    swarm = page.explanations.get("columns_risk")
    if page.patient_level and isinstance(swarm, ShapResult):
        named = replace(swarm, players=tuple(readable(player) for player in swarm.players))
        blocks.append(
            figure(
                lambda ax: named.plot_beeswarm(ax, most=_MOST),
                size=(5.6, 1.0 + 0.3 * min(_MOST, len(named.players))),
                alt="Attributions of the risk of single patients, one line per predictor, one dot per patient.",
                caption=f"Each dot is one of {len(named.rows)} patients: what a predictor adds to the risk by "
                f"{page.time}.",
            )
        )
    blocks.append(_table(page, means))
    return Section("explanations", "What does the model use?", tuple(blocks))


def _bars(frame: pd.DataFrame, label: str, page: Page) -> Callable[[Any], Any]:
    groups = () if page.modalities is None else tuple(readable(name) for name in page.modalities)
    return lambda ax: draw_importance(frame, label=label, groups=groups, ax=ax)


def _shown(result: Any, page: Page, *, modality: bool = False) -> pd.DataFrame:
    frame = result.importance()
    groups = {player: player if modality else _modality(player, page) for player in frame["player"]}
    frame = frame.assign(group=[readable(groups[p]) for p in frame["player"]])
    return frame.assign(player=[readable(p) for p in frame["player"]])


def _modality(player: str, page: Page) -> str:
    """Return the modality of a column, or of the column that an indicator such as ``sex=male`` was made from."""
    if page.modalities is None:
        return ""
    known = [name for name in (player, player.partition("=")[0]) if name in page.modalities.columns]
    return page.modalities.modality_of(known[0]) if known else ""


def _table(page: Page, means: dict[str, ShapAverages]) -> Table:
    """Return one row per modality or predictor, one column per scale."""
    parts = []
    for key, words in _SCALES.items():
        found = means.get(key)
        if found is not None:
            shown = _shown(found, page, modality=key == "modalities")
            parts.append(shown.assign(of="modality" if key == "modalities" else "predictor", scale=words))
    long = pd.concat(parts, ignore_index=True)
    wide = long.pivot(index=["of", "player"], columns="scale", values="importance")
    order = pd.MultiIndex.from_frame(long[["of", "player"]].drop_duplicates())
    wide = wide.reindex(index=order, columns=list(dict.fromkeys(long["scale"])))
    cells = (
        wide.map(lambda value: number(value, 4, "not computed on this scale"))
        .reset_index()
        .rename(columns={"player": "name"})
    )
    return Table("attributions", "Mean absolute attributions.", cells, head=2, group="of")
