"""Section States: who was in which state over time, and predictions of one of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from lbp_prognosis._base import metric_title, time_words, why_missing
from lbp_prognosis.report._blocks import Block, Notice, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._page_states import PageStates
from lbp_prognosis.report._section_performance import first_cell, metric_cell
from lbp_prognosis.report._wording import estimate

__all__ = ["section_states"]

_WHOLE = ("observed_occupancy", "observed_expected", "calibration_intercept_pseudo", "calibration_slope_pseudo")
_EARLIER = ("auc", "brier", "ipa", "observed_expected", "calibration_slope")


def section_states(page: Page) -> Section | None:
    """Return occupancy over time, transitions, mean times in states, and predictions of the declared state."""
    shown = page.states
    if shown is None:
        return None
    blocks: list[Block] = [Words(_how(page, shown))]
    if shown.curve.empty:
        blocks.append(Notice("Not released: see “What was withheld?” below.", "absent"))
    if shown.curve["time"].nunique() > 1:
        blocks.append(
            figure(
                lambda ax: shown.plot(ax, steps=page.release is None, unit=page.unit),
                alt=f"Share of patients in each state until {page.time}. {_at_the_end(shown)}.",
                caption=f"Share of patients in each state{_steps(page)}. Intervals are in the table below.",
                size=(4.8, 4.2),
            )
        )
    blocks += _occupancy(page, shown)
    blocks += _transitions(page, shown)
    blocks += _sojourn(page, shown)
    blocks += _predicted(page, shown)
    blocks += _at_other_times(page, shown)
    return Section("states", "Who was in which state over time?", tuple(blocks))


def _how(page: Page, shown: PageStates) -> str:
    told = "" if shown.n is None else f" of {shown.n:,} patients"
    text = (
        f"Courses{told} through {len(shown.states)} states, by the Aalen–Johansen estimator. Predictions concern “"
        f"{shown.state}” at {page.time}: a patient who left this state and came back is in it again, so that occupancy "
        "is not the probability of ever having been in a state."
    )
    if shown.panel:
        text += (
            " States were observed only at visits: shares are those at visit times, and between visits they lag behind."
        )
    if shown.late_entry:
        text += (
            " Patients came under observation at different times: results refer to all who were in no absorbing "
            "state at the earliest start, if entry is independent of the course and of the predictors."
        )
    return text


def _steps(page: Page) -> str:
    return (
        " over time"
        if page.release is None
        else " at a few times, none of which is a patient's own, joined by straight lines"
    )


def _at_the_end(shown: PageStates) -> str:
    last = shown.curve[shown.curve["time"] == shown.curve["time"].max()]
    return "At the end " + "; ".join(f"{row.state}: {row.value:.0%}" for row in last.itertuples())


def _time(page: Page) -> str:
    return f"time ({page.unit})" if page.unit else "time"


def _occupancy(page: Page, shown: PageStates) -> Iterable[Block]:
    if shown.numbers.empty:
        return
    parts = list(shown.numbers.groupby("time", sort=True))
    shares, counts = ([{_time(page): f"{time:g}"} for time, _ in parts] for _ in range(2))
    for share, count, (_, part) in zip(shares, counts, parts):
        heights = part[["state", "value", "low", "high"]].itertuples(index=False, name=None)
        share |= {str(state): _estimate(*numbers) for state, *numbers in heights}
        if "n" in part:
            count |= {str(state): f"{n:,}" for state, n in zip(part["state"], part["n"])}
            count["not known"] = f"{part['unknown'].iloc[0]:,}"
    yield Table("states_occupancy", "Probability of each state, with 95% intervals.", pd.DataFrame(shares))
    if "n" in shown.numbers:
        note = "Not known: follow-up had ended, or had not begun."
        yield Table("states_numbers", "Patients known to be in each state.", pd.DataFrame(counts), note)


def _transitions(page: Page, shown: PageStates) -> Iterable[Block]:
    counts = shown.transitions
    if counts.empty:
        return
    names = [name for name in counts.columns if name != "(ended)"]
    frame = pd.DataFrame({"from": list(counts.index)})
    for name in names:
        frame[f"to {name}"] = ["" if name == origin else f"{n:,}" for origin, n in zip(counts.index, counts[name])]
    note = "A patient is counted at each transition."
    if "(ended)" in counts:
        frame["follow-up ended"] = [f"{n:,}" for n in counts["(ended)"]]
        note += " Follow-up ended: in this state, before the horizon."
    if shown.panel:
        note += " A state that was entered and left between two visits was not observed."
    yield Table("states_transitions", f"Transitions by {page.time}.", frame, note)


def _sojourn(page: Page, shown: PageStates) -> Iterable[Block]:
    if shown.sojourn.empty:
        return
    head = f"mean time ({page.unit})" if page.unit else "mean time"
    frame = pd.DataFrame(
        {
            "state": [str(state) for state in shown.sojourn["state"]],
            head: [
                _estimate(*part) for part in shown.sojourn[["value", "low", "high"]].itertuples(index=False, name=None)
            ],
        }
    )
    note = "The sum over states is the length of follow-up to the horizon."
    yield Table("states_sojourn", f"Mean time in each state by {page.time}, with 95% intervals.", frame, note)


def _predicted(page: Page, shown: PageStates) -> Iterable[Block]:
    found = page.evaluation
    names = [name for name in _WHOLE if any(name in found.metrics[model] for model in found.models)]
    if not names:
        return
    rows = [
        {"model": model} | {metric_title(name): metric_cell(page, model, name) for name in names}
        for model in found.models
    ]
    note = "O/E refers to patients with a known state, weighted; pseudo-values to all patients."
    if shown.late_entry:
        note = "O/E refers to patients with a known state, weighted. With late entry there are no pseudo-values."
    yield Table("states_predicted", f"Observed and predicted “{shown.state}” at {page.time}.", pd.DataFrame(rows), note)


def _at_other_times(page: Page, shown: PageStates) -> Iterable[Block]:
    rows = [
        {_time(page): f"{found.horizons[0]:g}", "model": model}
        | {metric_title(name): first_cell(page, found.metrics[model].get(name)) for name in _EARLIER}
        for found in sorted(shown.earlier, key=lambda one: float(one.horizons[0]))
        for model in found.models
    ]
    if rows:
        caption = f"Predicted “{shown.state}” at other times, {page.sample}, with 95% intervals."
        yield Table("states_earlier", caption, pd.DataFrame(rows), head=2, group=_time(page))
    for found in shown.earlier:
        at = time_words(float(found.horizons[0]), page.unit)
        yield from (Notice(f"At {at}: {one.sentence}") for one in found.objections if one not in page.objections)


def _estimate(value: float, low: float, high: float) -> str:
    """Return a probability or a mean time with its interval, or why one is missing."""
    given = "no patient is under observation" if np.isnan(value) else ""
    return estimate(value, low, high, why_missing(given, value, low))
