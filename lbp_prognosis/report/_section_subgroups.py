"""Section Subgroups: for whom a modality adds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import gap, metric_title
from lbp_prognosis.report._blocks import Block, Notice, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._page_subgroups import SUBGROUP_METRICS, PageSubgroups
from lbp_prognosis.report._wording import estimate, number, readable

__all__ = ["section_subgroups"]


def section_subgroups(page: Page) -> Section | None:
    """Return differences between two models by group, and tests of their heterogeneity; None without groups."""
    shown = page.subgroups
    if shown is None:
        return None
    first, second = shown.comparison
    blocks: list[Block] = [Words(_how(page, first, second))]
    blocks += [Notice(one.sentence) for one in shown.performance.objections if one.code == "groups-too-small"]
    blocks += _picture(page, shown)
    blocks.append(_groups(shown))
    blocks += _tests(shown)
    return Section("subgroups", f"For whom does {page.addition} add?", tuple(blocks))


def _how(page: Page, first: str, second: str) -> str:
    return (
        f"{second} − {first} in groups declared in the protocol, at {page.time}, {page.sample}. A group has fewer "
        "patients than the study: that an interval includes 0 in one group and not in another is no difference between "
        "the groups, which the tests of heterogeneity assess. Differences between groups say where a model predicts "
        "better, not why."
    )


def _differences(shown: PageSubgroups) -> pd.DataFrame:
    table = shown.performance.table
    first, second = shown.comparison
    rows = (table["model"] == second) & (table["reference"] == first) & table["metric"].isin(SUBGROUP_METRICS)
    return table[rows]


def _value(rows: pd.DataFrame, metric: str, why: str) -> str:
    own = rows[rows["metric"] == metric]
    if why or len(own) != 1:
        return gap(why or "not computed")
    value, low, high = (float(own.iloc[0][name]) for name in ("value", "low", "high"))
    return estimate(value, low, high, _reason(own.iloc[0]["reason"]), sign=True)


def _groups(shown: PageSubgroups) -> Table:
    found, every = _differences(shown), shown.performance.groups
    names = [name for name in SUBGROUP_METRICS if (found["metric"] == name).any()]
    rows = []
    for each in every.itertuples():
        own = found[(found["variable"] == each.variable) & (found["group"] == each.group)]
        row = {
            "by": readable(str(each.variable)),
            "group": each.group,
            "patients": f"{each.n:,}",
            "events": f"{each.n_events:,}",
        }
        why = "" if each.evaluated else str(each.reason or "not evaluated")
        row |= {f"Δ {metric_title(name)}": _value(own, name, why) for name in names}
        rows.append(row)
    cuts = found.loc[found["metric"] == "net_benefit", "threshold"].dropna().unique()
    at = f" Net benefit at a threshold of {cuts[0]:g}." if len(cuts) else ""
    note = f"Paired, with 95% intervals; lower is better for the Brier score.{at}"
    return Table("subgroups", "What is added in each group.", pd.DataFrame(rows), note, head=2, group="by")


def _reason(words: object) -> str:
    """Return why a measure has no value, without the name of an argument."""
    return str(words or "").removesuffix(" (min_at_risk)")


def _tests(shown: PageSubgroups) -> Iterable[Block]:
    rows = shown.heterogeneity
    if rows.empty:
        yield Words("No variable has two groups with estimates: there is no test of heterogeneity.")
        return
    frame = pd.DataFrame(
        {
            "by": [readable(name) for name in rows["variable"]],
            "Δ": [metric_title(name) for name in rows["metric"]],
            "groups": [str(n) for n in rows["groups"]],
            "lowest": [number(value, 3) for value in rows["lowest"]],
            "highest": [number(value, 3) for value in rows["highest"]],
            "p": [_p(value) for value in rows["p"]],
            "p (Holm)": [_p(value) for value in rows["p_holm"]],
        }
    )
    note = "Cochran's Q of the differences; Holm's p is adjusted for all rows of the table."
    yield Table("subgroups_tests", "Is the same added in all groups?", frame, note)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value, 3)


def _picture(page: Page, shown: PageSubgroups) -> Iterable[Block]:
    found = _differences(shown)
    metric = next((name for name in ("ipa", "brier", "auc") if (found["metric"] == name).any()), None)
    overall = shown.performance.overall.to_frame()
    first, second = shown.comparison
    whole = overall[(overall["metric"] == metric) & (overall["model"] == second) & (overall["reference"] == first)]
    rows = found[(found["metric"] == metric) & np.isfinite(found["value"].astype(float))]
    if metric is None or rows.empty or len(whole) != 1:
        return

    def draw(ax: Any) -> None:
        from lbp_prognosis._draw import draw_forest

        lines = pd.DataFrame(
            {
                "label": [f"{readable(str(row.variable))}: {row.group}" for row in rows.itertuples()],
                **{name: rows[name].to_numpy(float) for name in ("value", "low", "high")},
                "weight": rows["n"].to_numpy(float),
            }
        )
        pooled = {name: float(whole.iloc[0][name]) for name in ("value", "low", "high")}
        confidence = shown.performance.confidence
        draw_forest(
            lines, pooled, metric=f"Δ {metric_title(metric)}", confidence=confidence, ax=ax, summary="all patients"
        )

    told = "; ".join(f"{row.group}: {row.value:+.3f}" for row in rows.itertuples())
    words = f"Difference in {metric_title(metric)}, {second} − {first}, by group."
    height = 1.2 + 0.3 * (len(rows) + 1)
    yield figure(draw, alt=f"{words} {told}.", caption=f"{words} With 95% intervals.", size=(6.2, height), wide=True)
