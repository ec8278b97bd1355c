"""Section Updates: risks updated at landmarks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import gap, metric_title, time_words
from lbp_prognosis.report._blocks import Block, Notice, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._page_updates import PageUpdates
from lbp_prognosis.report._section_decisions import net_benefit_cell
from lbp_prognosis.report._section_performance import first_cell, metric_rows, why_absent
from lbp_prognosis.report._wording import estimate, joined, number, readable

__all__ = ["section_updates"]

_METRICS = ("auc", "brier", "ipa", "observed_expected", "calibration_slope")
_PAIRED = ("auc", "brier", "ipa")


def section_updates(page: Page) -> Section | None:
    """Return patients at risk, performance and added value of updating at each landmark, and synthetic courses."""
    shown = page.updates
    if shown is None:
        return None
    window = time_words(shown.width, page.unit)
    blocks: list[Block] = [Words(_how(shown, window))]
    blocks.append(_at_risk(page, shown))
    blocks += _doubts(page, shown)
    blocks += _figures(page, shown, window)
    blocks += _performance(page, shown, window)
    blocks += _courses(page, shown, window)
    return Section("updates", "How do predictions change at later visits?", tuple(blocks))


def _how(shown: PageUpdates, window: str) -> str:
    fixed = f", and {joined([readable(name) for name in shown.fixed])} at time zero" if shown.fixed else ""
    text = (
        f"At each landmark the risk within the next {window} is predicted again, in patients still at risk, from the "
        f"last value of {joined([readable(name) for name in shown.columns])} observed by then{fixed}. “Not updated” is "
        "the same model with the values of the first landmark throughout."
    )
    if shown.imputations:
        times = "once" if shown.imputations == 1 else f"{shown.imputations} times"
        text += f" Values that are not known at a landmark are imputed there {times}, in each training set."
    if shown.n_unfitted:
        text += f" {shown.n_unfitted:,} patients lack a value at every landmark and are excluded from the fits."
    return text


def _landmark(page: Page) -> str:
    return f"landmark ({page.unit})" if page.unit else "landmark"


def _at_risk(page: Page, shown: PageUpdates) -> Table:
    rows = shown.at_risk
    titles = {
        "n": "judged",
        "n_unknown": "missing value",
        "n_left": "follow-up ended",
        "n_not_entered": "came later",
    }
    frame = pd.DataFrame({_landmark(page): [f"{at:g}" for at in rows["landmark"]]})
    for name, title in titles.items():
        if name != "n_not_entered" or rows[name].any():
            frame[title] = [f"{count:,.0f}" for count in rows[name]]
    note = (
        "Follow-up ended: those with an event, or lost, by the landmark. Performance refers to the patients evaluated."
    )
    return Table("updates_at_risk", "Patients at risk at each landmark, and reasons for the others.", frame, note)


def _doubts(page: Page, shown: PageUpdates) -> Iterable[Block]:
    if page.release is not None:
        return
    for one in shown.objections:
        yield Notice(one.sentence)
    for at, found in shown.evaluations.items():
        for one in found.objections:
            yield Notice(f"At {time_words(at, page.unit)}: {one.sentence}")


def _figures(page: Page, shown: PageUpdates, window: str) -> Iterable[Block]:
    if all("auc" in found.metrics[m] for found in shown.evaluations.values() for m in found.models):
        yield figure(
            lambda ax: _draw_auc(page, shown, ax),
            alt=f"AUC of the risk within {window}, by landmark.",
            caption=f"AUC within {window} of each landmark, {page.sample}, with 95% intervals. 0.5 is chance.",
        )
    if not shown.course.empty:
        last = shown.course.groupby("patient", sort=False)["risk"].last()
        told = "; ".join(f"{name}: {risk:.0%}" for name, risk in last.items())
        yield figure(
            lambda ax: _draw_courses(page, shown, window, ax),
            alt=f"{_risk(page, window).capitalize()}, of synthetic patients at the last landmark. {told}.",
            caption=f"{_risk(page, window).capitalize()}, of three synthetic patients, predicted again at each "
            "landmark. Their values begin at the median of those at risk, and fall to the lower quartile, stay, or "
            "rise to the upper one.",
        )


def _draw_auc(page: Page, shown: PageUpdates, ax: Any) -> None:
    from lbp_prognosis._draw import draw_metric

    parts = []
    for at, found in shown.evaluations.items():
        for model in found.models:
            (value, low, high, _) = next(iter(metric_rows(found.metrics[model]["auc"]).values()))
            parts.append({"model": model, "horizon": at, "value": value, "low": low, "high": high, "metric": "auc"})
    draw_metric(pd.DataFrame(parts), title="AUC", ax=ax)
    ax.set_xlabel(_landmark(page))


def _risk(page: Page, window: str) -> str:
    event = f" of {page.outcome.name}" if page.outcome is not None else ""
    return f"risk{event} within {window}"


def _draw_courses(page: Page, shown: PageUpdates, window: str, ax: Any) -> None:
    from lbp_prognosis._draw import draw_states

    rows = shown.course
    drawn = pd.DataFrame({"time": rows["landmark"], "state": rows["patient"], "value": rows["risk"]})
    points = np.unique(rows["landmark"])
    # the last risk is drawn as a step of its own
    end = points[-1] + (points[-1] - points[-2] if points.size > 1 else shown.width)
    drawn = pd.concat([drawn, drawn[drawn["time"] == points[-1]].assign(time=end)])
    draw_states(drawn.assign(low=drawn["value"], high=drawn["value"]), label=_risk(page, window), ax=ax)
    ax.set_xticks(points)
    ax.set_xlabel(_landmark(page))


def _performance(page: Page, shown: PageUpdates, window: str) -> Iterable[Block]:
    every = list(shown.evaluations.values())
    names = [n for n in _METRICS if any(n in found.metrics[m] for found in every for m in found.models)]
    if not names:
        yield Notice("Not released: the release budget is used up (see “What was withheld?” below).", "absent")
        return
    rows = []
    for at, found in shown.evaluations.items():
        for model in found.models:
            row = {_landmark(page): f"{at:g}", "model": model}
            row |= {metric_title(name): first_cell(page, found.metrics[model].get(name)) for name in names}
            curve = found.decision
            if curve is not None:
                for k, cut in enumerate(curve.thresholds):
                    row[f"net benefit at {cut:g}"] = net_benefit_cell(curve, model, 0, k)
            rows.append(row)
    yield Table(
        "updates",
        f"Performance within {window} of each landmark, {page.sample}, with 95% intervals.",
        pd.DataFrame(rows),
        f"O/E and net benefit refer to {page.target_words} within the window.",
        head=2,
        group=_landmark(page),
    )
    yield from _differences(page, shown, window)


def _differences(page: Page, shown: PageUpdates, window: str) -> Iterable[Block]:
    rows = []
    for at, found in shown.evaluations.items():
        row = {_landmark(page): f"{at:g}"}
        for result in found.differences:
            if result.metric in _PAIRED:
                row[metric_title(result.metric)] = estimate(*next(iter(metric_rows(result).values())), sign=True)
        rows.append(row)
    frame = pd.DataFrame([row for row in rows if len(row) > 1])
    if len(frame):
        yield Table(
            "updates_added",
            f"What later visits add within {window}: updated − not updated, paired, with 95% intervals.",
            frame.fillna(gap(why_absent(page))),
            "At the first landmark both use the same values.",
        )


def _courses(page: Page, shown: PageUpdates, window: str) -> Iterable[Block]:
    if shown.course.empty:
        return
    wide = shown.course.pivot(index="landmark", columns="patient", values="risk")
    wide = wide[list(dict.fromkeys(shown.course["patient"]))]
    frame = pd.DataFrame({_landmark(page): [f"{at:g}" for at in wide.index]})
    for name in wide:
        frame[str(name)] = [number(value, 2) for value in wide[name]]
    yield Table("updates_courses", f"{_risk(page, window).capitalize()}, of synthetic patients.", frame)
