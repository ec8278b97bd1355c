"""Section Outcome: curves by predicted risk, numbers at risk, observed against predicted risk."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.report._blocks import Block, Section, Table
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._released_shapes import ReleasedGroups
from lbp_prognosis.report._wording import estimate, number

__all__ = ["section_outcome"]


def section_outcome(page: Page) -> Section | None:
    """Return the groups' curves and their table."""
    groups = page.groups
    if groups is None:
        return None
    target = page.target_words
    rows = groups.table[groups.table["horizon"].sub(page.horizon).abs() < 1e-9]
    words = "; ".join(
        f"{row.group}: observed {number(row.observed, 2)}, predicted {number(row.mean_risk, 2)}"
        for row in rows.itertuples()
    )
    blocks: list[Block] = [
        figure(
            lambda ax: groups.plot(ax, unit=page.unit),
            alt=f"Observed {target} by {page.time} in groups of predicted risk. {words}.",
            caption=_caption(page),
            size=(4.8, 4.2),
        )
    ]
    said = not isinstance(groups, ReleasedGroups)  # a reason may tell that a group is empty
    frame = pd.DataFrame(
        {
            f"risk of {target}": rows["group"],
            "patients": [f"{n:,.0f}" for n in rows["n"]],
            "mean predicted": [number(v) for v in rows["mean_risk"]],
            "observed (95% interval)": [_observed(row, said) for row in rows.to_dict("records")],
        }
    )
    work = groups.workload[groups.workload["horizon"].sub(page.horizon).abs() < 1e-9]
    load = pd.DataFrame(
        {
            "threshold": [number(v, 2) for v in work["threshold"]],
            "patients at or above": [_percent(v) for v in work["share_above"]],
            f"identified, of all with {target}": [_percent(v) for v in work["events_found"]],
            "treated per patient identified": [number(v, 1) for v in work["number_per_event"]],
        }
    )
    blocks.append(Table("risk_groups", f"Observed against predicted risk of {target} by {page.time}.", frame))
    note = _why_dashes(work) if said else ""
    blocks.append(Table("workload", "Consequences of acting at each threshold.", load, note))
    return Section("outcome", "What happened to the patients?", tuple(blocks))


def _why_dashes(work: pd.DataFrame) -> str:
    """Say why no number of patients treated per patient identified is given at a threshold, if so at any."""
    share, load = (work[name].to_numpy(dtype=float) for name in ("share_above", "number_per_event"))
    reasons = []
    if (np.isinf(load) | (share == 0)).any():
        reasons.append("no patient at or above the threshold is known to have the event")
    if (np.isnan(load) & (share > 0)).any():
        reasons.append("no risk can be estimated of the patients at or above the threshold")
    if np.isnan(share).any():
        reasons.append("no risk can be estimated at this horizon")
    return f"–: {'; or '.join(reasons)}." if reasons else ""


def _percent(share: float) -> str:
    """Return a share as a percentage; a dash where there is none."""
    return "–" if np.isnan(share) else f"{100 * share:.0f}%"


def _observed(row: Mapping[Hashable, Any], said: bool) -> str:
    """Return the observed risk of a group with its interval, or why there is none."""
    words = estimate(row["observed"], row["low"], row["high"])
    return f"{words} ({row['reason']})" if said and np.isnan(row["observed"]) and row["reason"] else words


def _caption(page: Page) -> str:
    groups = page.groups
    assert groups is not None
    risks = f"groups of the {page.sample} risk of {page.target_words} ({groups.model})"
    if groups.curves is None or (isinstance(groups, ReleasedGroups) and groups.curves.empty):
        return f"Observed risk by {page.time}, with 95% intervals, in {risks}; diamonds are the mean predictions."
    steps = "in coarse steps" if isinstance(groups, ReleasedGroups) else "with numbers at risk"
    return f"Observed curves in {risks}, {steps}; diamonds are the mean predictions."
