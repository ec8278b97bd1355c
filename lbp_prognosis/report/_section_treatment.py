"""Section Treatment: performance of the models as if all patients followed a strategy of treatment."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd

from lbp_prognosis._base import metric_title
from lbp_prognosis.report._blocks import Block, Notice, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._page_treatment import PageTreatment
from lbp_prognosis.report._section_decisions import net_benefit_cell
from lbp_prognosis.report._section_performance import first_cell
from lbp_prognosis.report._wording import estimate, joined, number, readable, spoken

__all__ = ["section_treatment"]

_METRICS = ("auc", "brier", "ipa", "observed_expected", "calibration_slope")


def section_treatment(page: Page) -> Section | None:
    """Return the strategy, predictors of starting, positivity and performance; None if no treatment is declared."""
    shown = page.treatment
    if shown is None:
        return None
    blocks: list[Block] = [Words(_strategy(page, shown))]
    blocks += [Notice(one.sentence) for one in shown.objections]
    blocks += _starts(shown)
    blocks += _positivity(page, shown)
    blocks += _figures(page, shown)
    blocks += _performance(page, shown)
    asked = (
        f"all patients followed “{spoken(shown.strategy)}”" if shown.strategy else f"no patient started {shown.name}"
    )
    return Section("treatment", f"What if {asked}?", tuple(blocks))


def _strategy(page: Page, shown: PageTreatment) -> str:
    told = ""
    if shown.strategy:
        if shown.n is not None:
            told = (
                f" Of {shown.n:,} patients {shown.n_treated:,} started as it says, {shown.n_deviated:,} left it and "
                f"{shown.n_lost:,} were lost to follow-up."
            )
        return (
            f"Strategy: {spoken(shown.strategy)}. Elsewhere on this page follow-up continues under the care given. "
            "Here follow-up ends when a patient leaves the strategy, and a patient whose state is known by then is "
            "weighted by the probability of the course of treatment under the strategy over that in the data, and by "
            f"1 / P(observed), given {joined([readable(name) for name in shown.columns])} until then.{told}"
        )
    if shown.n is not None:
        told = f" Of {shown.n:,} patients {shown.n_treated:,} started it and {shown.n_lost:,} were lost to follow-up."
    return (
        f"Strategy: never start {shown.name}. Elsewhere on this page follow-up continues through it. Here "
        f"follow-up ends when it starts, and a patient whose state is known by then is weighted by 1 / P(untreated and "
        f"observed), given {joined([readable(name) for name in shown.columns])} until then.{told}"
    )


def _starts(shown: PageTreatment) -> Iterable[Block]:
    if shown.starts.empty:
        return
    rows = shown.starts
    frame = pd.DataFrame(
        {
            "predictor": [readable(term) for term in rows["term"]],
            "hazard ratio": [estimate(*values) for values in rows[["hr", "low", "high"]].to_numpy(dtype=float)],
        }
    )
    note = "Cox model; each value is carried forward until the next measurement."
    yield Table("treatment_starts", f"Who starts {shown.name}: hazard ratios with 95% intervals.", frame, note)


def _positivity(page: Page, shown: PageTreatment) -> Iterable[Block]:
    rows = shown.positivity
    if rows.empty:
        return
    horizon = f"horizon ({page.unit})" if page.unit else "horizon"
    frame = pd.DataFrame(
        {
            horizon: [f"{value:g}" for value in rows["horizon"]],
            **{
                words: [f"{value:,.0f}" for value in rows[name]]
                for name, words in (
                    ("treated", "started by then"),
                    ("started", "started by then"),
                    ("deviated", "left it by then"),
                )
                if name in rows
            },
            "state known": [f"{value:,.0f}" for value in rows["known"]],
        }
    )
    words = {
        "lowest": ("lowest probability", 3),
        "fifth": ("5th percentile", 2),
        "below_005": ("below 0.05", 0),
        "largest_weight": ("largest weight / mean", 1),
        "effective_size": ("effective number", 0),
    }
    for name, (title, digits) in words.items():
        if name in rows and rows[name].notna().any():
            frame[title] = [number(value, digits) for value in rows[name].astype(float)]
    followed = "following the strategy" if shown.strategy else "being untreated"
    note = (
        f"Probabilities are of {followed} and being observed, of patients whose state is known. Effective number: "
        "(Σw)²/Σw², the number of equally weighted patients with the same information."
    )
    if "effective_size" not in rows:
        note = f"The 5th percentile is of the probability of {followed} and being observed, if the state is known."
    yield Table("treatment_positivity", "Positivity: how many patients support the results.", frame, note)


def _models(page: Page, shown: PageTreatment) -> list[str]:
    """Return the larger model fitted to the observed data, and fitted under the strategy."""
    main = page.comparison[1] if page.comparison else ""
    names = shown.evaluation.models
    main = main or next((name for name in names if f"{name} {shown.condition}" in names), names[-1])
    return [name for name in (main, f"{main} {shown.condition}") if name in names]


def _figures(page: Page, shown: PageTreatment) -> Iterable[Block]:
    if page.release is not None:
        return
    found = shown.evaluation
    words = f"{page.target_words} by {page.time} {shown.condition}"
    for model in _models(page, shown):
        fitted = found.calibrations[model]
        try:
            yield figure(
                partial(fitted.plot, horizon=page.horizon, label=words),
                alt=f"Calibration of {model} for {words}: O/E "
                f"{first_cell(page, found.metrics[model]['observed_expected'])}.",
                caption=f"{model}: observed against predicted risk of {words}, {page.sample}, weighted.",
                size=(4.2, 4.2),
            )
        except (ValueError, ArithmeticError) as error:
            yield Words(f"No calibration curve of {model}: {error}")
    curve = found.decision
    if curve is not None and not curve.reason[0]:
        yield figure(
            partial(curve.plot, horizon=page.horizon, label=words),
            alt=f"Decision curve for {words}.",
            caption=f"Net benefit of acting on the risk of {words}, {page.sample}, weighted.",
            size=(5.2, 4.1),
            wide=True,
        )


def _performance(page: Page, shown: PageTreatment) -> Iterable[Block]:
    found = shown.evaluation
    names = [name for name in _METRICS if any(name in found.metrics[model] for model in found.models)]
    curve, points = found.decision, []
    if curve is not None:
        given = page.thresholds
        wanted = (
            np.linspace(curve.thresholds[0], curve.thresholds[-1], 3)
            if given is None
            else [given.low, given.primary, given.high]
        )
        points = list(dict.fromkeys(int(np.abs(curve.thresholds - cut).argmin()) for cut in wanted))
    rows = []
    for model in found.models:
        row = {"model": model}
        row |= {metric_title(name): first_cell(page, found.metrics[model].get(name)) for name in names}
        if curve is not None:
            for k in points:
                row[f"net benefit at {curve.thresholds[k]:g}"] = net_benefit_cell(curve, model, 0, k)
        rows.append(row)
    note = (
        f"A model “… {shown.condition}” was fitted to the strategy, with weights from the training patients of each "
        f"fold; the others to the observed outcomes. O/E and net benefit refer to {page.target_words}. "
        "Intervals take the weights as known, which makes them too wide rather than too narrow."
    )
    if len(rows[0]) == 1:
        yield Notice("Not released: the release budget is used up (see “What was withheld?” below).", "absent")
        return
    if_so = f"under “{spoken(shown.strategy)}”" if shown.strategy else f"if no patient started {shown.name}"
    caption = f"Performance at {page.time} {if_so}, {page.sample}, with 95% intervals."
    yield Table("treatment", caption, pd.DataFrame(rows), note)
