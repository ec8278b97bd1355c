"""Thresholds of net benefit between which enough patients were counted, for cards made from ``results.parquet``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.disclosure import Gate, Patients
from lbp_prognosis.evaluation import Evaluation, RiskGroups
from lbp_prognosis.report._page import Page

__all__ = ["candidate_cuts", "counted_thresholds"]


def candidate_cuts(page: Page) -> list[float]:
    """Return declared thresholds by priority; without declared thresholds, the middle and both ends of the curve."""
    found: list[float] = []
    if page.thresholds is not None:
        found = [page.thresholds.primary, page.thresholds.low, page.thresholds.high]
    elif page.evaluation.decision is not None:
        grid = page.evaluation.decision.thresholds
        found = [float(grid[len(grid) // 2]), float(grid[0]), float(grid[-1])]
    elif isinstance(page.groups, RiskGroups):
        found = [round(float(cut), 2) for cut in page.groups.thresholds]
    return list(dict.fromkeys(float(cut) for cut in found))


def counted_thresholds(page: Page, numbers: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the thresholds that a card may show, by sample, setting, model and horizon.

    A released page has counted the bands of all its thresholds. Otherwise the rows of each evaluation are counted as
    for a card: three thresholds at most, with enough patients with and without the target between neighbours.

    Parameters
    ----------
    page : Page
        The page.
    numbers : DataFrame
        Rows of ``results.parquet``.
    """
    net = numbers[numbers["metric"].eq("net_benefit")] if "threshold" in numbers else numbers.iloc[:0]
    keys = ["sample", "setting", "model", "horizon"]
    found = []
    for key, rows in net.assign(setting=net["setting"].fillna("").astype(str)).groupby(keys, sort=False):
        place = dict(zip(keys, key))
        known = sorted({float(cut) for cut in rows["threshold"].dropna()})
        cuts = known if page.release is not None else _counted(page, place, known)
        if cuts:
            found.append({**place, "horizon": float(rows["horizon"].iloc[0]), "thresholds": cuts})
    return found


def _counted(page: Page, place: dict[str, Any], known: list[float]) -> list[float]:
    for entry in page.evidence.entries:
        held = getattr(entry.result, "evaluation", entry.result)
        here = (entry.sample, entry.setting or "") == (place["sample"], place["setting"])
        if not here or not isinstance(held, Evaluation):
            continue
        fitted, time = held.calibrations.get(str(place["model"])), float(place["horizon"])
        if fitted is None or not fitted.keeps_rows(time):
            continue
        rows = fitted.judged(time)
        copies = None if (rows.copies == 1).all() else rows.copies
        state = np.where(rows.copies > 0, rows.state(), -1)
        release = Gate().open(Patients(state, {"model": rows.score}, copies, rows.clusters))
        if not release.insufficient:
            declared = [cut for cut in candidate_cuts(page) if np.isclose(known, cut).any()]
            return release.cuts("thresholds", dict.fromkeys([*declared, *known]))
    return []
