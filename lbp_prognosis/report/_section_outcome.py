"""Section Outcome: curves by predicted risk, numbers at risk, observed against predicted risk."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import gap
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
    said = not isinstance(groups, ReleasedGroups)  # a reason may tell that a group is empty
    words = "; ".join(
        f"{row['group']}: observed {number(row['observed'], 2, _why(row) if said else '')}, "
        f"predicted {_mean(row, said, 2)}"
        for row in rows.to_dict("records")
    )
    blocks: list[Block] = [
        figure(
            lambda ax: groups.plot(ax, unit=page.unit),
            alt=f"Observed {target} {page.when} in groups of predicted risk. {words}.",
            caption=_caption(page),
            size=(4.8, 4.2),
        )
    ]
    frame = pd.DataFrame(
        {
            f"risk of {target}": rows["group"],
            "patients": [f"{n:,.0f}" for n in rows["n"]],
            "mean predicted": [_mean(row, said) for row in rows.to_dict("records")],
            "observed (95% interval)": [_observed(row, said) for row in rows.to_dict("records")],
        }
    )
    work = groups.workload[groups.workload["horizon"].sub(page.horizon).abs() < 1e-9]
    why = [_why_no_load(row) if said else "" for row in work.to_dict("records")]
    load = pd.DataFrame(
        {
            "threshold": [number(v, 2) for v in work["threshold"]],
            "patients at or above": [_percent(v, w) for v, w in zip(work["share_above"], why)],
            f"identified, of all with {target}": [_percent(v, w) for v, w in zip(work["events_found"], why)],
            "treated per patient identified": [number(v, 1, w) for v, w in zip(work["number_per_event"], why)],
        }
    )
    blocks.append(Table("risk_groups", f"Observed against predicted risk of {target} {page.when}.", frame))
    blocks.append(Table("workload", "Consequences of acting at each threshold.", load))
    return Section("outcome", "What happened to the patients?", tuple(blocks))


def _why_no_load(work: Mapping[Hashable, Any]) -> str:
    """Say why no number of patients treated per patient identified is given at a threshold."""
    share, load = float(work["share_above"]), float(work["number_per_event"])
    if np.isnan(share):
        return "no risk can be estimated at this horizon"
    if np.isinf(load) or share == 0:
        return "no patient at or above the threshold is known to have the event"
    return "no risk can be estimated of the patients at or above the threshold"


def _percent(share: float, why: str) -> str:
    """Return a share as a percentage, or why there is none."""
    return gap(why) if np.isnan(share) else f"{100 * share:.0f}%"


def _mean(row: Mapping[Hashable, Any], said: bool, digits: int = 3) -> str:
    """Return the mean risk of a group, or why there is none."""
    return number(row["mean_risk"], digits, _why(row) if said else "")


def _observed(row: Mapping[Hashable, Any], said: bool) -> str:
    """Return the observed risk of a group with its interval, or why one is missing."""
    return estimate(row["observed"], row["low"], row["high"], _why(row) if said else "")


def _why(row: Mapping[Hashable, Any]) -> str:
    return str(row["reason"] or "") or ("no patient in this group" if row["n"] == 0 else "")


def _caption(page: Page) -> str:
    groups = page.groups
    assert groups is not None
    risks = f"groups of the {page.sample} risk of {page.target_words} ({groups.model})"
    if groups.curves is None or (isinstance(groups, ReleasedGroups) and groups.curves.empty):
        return f"Observed risk {page.when}, with 95% intervals, in {risks}; diamonds are the mean predictions."
    steps = "in coarse steps" if isinstance(groups, ReleasedGroups) else "with numbers at risk"
    return f"Observed curves in {risks}, {steps}; diamonds are the mean predictions."
