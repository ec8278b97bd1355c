"""Discrimination and calibration of every model."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import MetricResult, gap, metric_title
from lbp_prognosis.report._blocks import Block, Notice, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._hover import calibration_spots
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import estimate, number

__all__ = [
    "first_cell",
    "metric_cell",
    "metric_rows",
    "metric_table",
    "section_calibration",
    "section_discrimination",
    "section_optimism",
    "shown_metrics",
    "why_absent",
]

_ELSEWHERE = {"uno_concordance": "Uno's C counts follow-up to the last horizon and is given there alone"}
_IPA = (
    "IPA is the proportional reduction in Brier score relative to a null model; above 0 is better than the null model."
)
_ICI = (
    "ICI is the mean absolute distance of the calibration curve from the diagonal; by chance it is above 0 for a "
    "perfect model too."
)
_BUDGET = "Not released: the release budget is used up (see “What was withheld?” below)."


def metric_rows(result: MetricResult | None) -> dict[float, tuple[float, float, float, str]]:
    """Return value, low, high and why one is missing by horizon; NaN stands for metrics without horizon."""
    if result is None:
        return {}
    return {float(r["horizon"]): (r["value"], r["low"], r["high"], r["reason"]) for r in result.rows()}


def why_absent(page: Page) -> str:
    """Return why a number of a page is not there at all."""
    return "not released" if page.release is not None else "not computed"


def _cell(page: Page, result: MetricResult | None, horizon: float) -> str:
    rows = metric_rows(result)
    found = rows.get(horizon, rows.get(np.nan))
    if found is None:
        near = [value for key, value in rows.items() if np.isnan(key) or abs(key - horizon) < 1e-9]
        found = near[0] if near else None
    if found is None:
        alone = "" if result is None or page.release is not None else _ELSEWHERE.get(result.metric, "")
        return gap(alone or why_absent(page))
    if result is not None and result.metric == "ici_null":
        return number(found[0], why=found[3])
    return estimate(*found)


def first_cell(page: Page, result: MetricResult | None) -> str:
    """Return a metric with one horizon, or the first of several, or why it is missing."""
    rows = metric_rows(result)
    return estimate(*next(iter(rows.values()))) if rows else gap(why_absent(page))


def metric_cell(page: Page, model: str, name: str) -> str:
    """Return a metric of a model at the main horizon with its interval; a dash if there is none."""
    return _cell(page, page.evaluation.metrics[model].get(name), page.horizon)


def shown_metrics(page: Page, names: tuple[str, ...]) -> list[str]:
    """Return the metrics that a model of the page has."""
    metrics = page.evaluation.metrics
    return [name for name in names if any(name in metrics[model] for model in page.evaluation.models)]


def metric_table(page: Page, names: tuple[str, ...], key: str, caption: str, note: str) -> Table | Notice:
    """Return a table of metrics, one row per model and horizon; a notice if none of them has a value.

    Parameters
    ----------
    page : Page
        The page.
    names : tuple of str
        Metrics; metrics without values are left out.
    key, caption, note : str
        Of the table.
    """
    found = page.evaluation
    shown = shown_metrics(page, names)
    if not shown:
        return Notice(_BUDGET, "absent")
    rows: list[dict[str, Any]] = []
    for model in found.models:
        for horizon in found.horizons:
            row = {"model": model, f"horizon ({page.unit})" if page.unit else "horizon": f"{horizon:g}"}
            row |= {metric_title(name): _cell(page, found.metrics[model].get(name), float(horizon)) for name in shown}
            rows.append(row)
    return Table(key, caption, pd.DataFrame(rows), note, head=2, group="model")


def section_discrimination(page: Page) -> Section | None:
    """Return discrimination and overall performance, with a figure of the AUC; None for scores without a cut."""
    if _is_without_event(page):
        return None
    blocks: list[Block] = []
    if not any(page.evaluation.metrics.values()):
        return Section("discrimination", "Do patients with the event have higher risks?", (Notice(_BUDGET, "absent"),))
    if all("auc" in page.evaluation.metrics[model] for model in page.evaluation.models):
        words = "; ".join(
            f"{m}: {_cell(page, page.evaluation.metrics[m]['auc'], page.horizon)}" for m in page.evaluation.models
        )
        blocks.append(
            figure(
                lambda ax: _auc(page, ax),
                alt=f"AUC at {page.time}. {words}.",
                caption=f"AUC with 95% intervals, {page.sample}. 0.5 is chance.",
            )
        )
    names = ("auc", "concordance", "uno_concordance", "brier", "ipa")
    told = _IPA if "ipa" in shown_metrics(page, names) else ""
    blocks.append(
        metric_table(page, names, "discrimination", f"Discrimination and overall accuracy, {page.sample}.", told)
    )
    return Section("discrimination", "Do patients with the event have higher risks?", tuple(blocks))


def _auc(page: Page, ax: Any) -> None:
    page.evaluation.plot(ax, metric="auc")
    ax.set_xlabel(f"horizon ({page.unit})" if page.unit else "horizon")


def _is_without_event(page: Page) -> bool:
    """Whether the evaluation is of scores without a cut that defines an event."""
    return bool(page.evaluation.mean_calibrations) and not page.evaluation.calibrations


def section_calibration(page: Page) -> Section | None:
    """Return curves at the main horizon and their numbers; None for scores without a cut."""
    if _is_without_event(page):
        return None
    blocks: list[Block] = []
    for model in page.evaluation.models:
        fitted: Any = page.evaluation.calibrations[model]
        if page.release is not None and fitted.curve.empty:
            continue
        try:
            picture = figure(
                partial(
                    fitted.plot,
                    horizon=page.horizon,
                    label=f"{page.target_words} {page.when}",
                ),
                alt=f"Calibration of {model} at {page.time}: "
                f"O/E {_cell(page, fitted.observed_expected, page.horizon)}, "
                f"slope {_cell(page, fitted.calibration_slope, page.horizon)}.",
                caption=f"{model}: observed against predicted risk of {page.target_words} {page.when}, {page.sample}.",
                size=(4.2, 4.2),
                hover=calibration_spots if page.release is None else None,
            )
        except (ValueError, ArithmeticError) as error:
            blocks.append(Words(f"No calibration curve of {model}: {error}"))
            continue
        blocks.append(picture)
    names = ("observed_expected", "calibration_slope", "ici", "ici_null")
    shown = shown_metrics(page, names)
    caption, note = f"Calibration, {page.sample}.", []
    if ones := [
        words for name, words in (("observed_expected", "O/E"), ("calibration_slope", "slope")) if name in shown
    ]:
        note.append(f"{' and '.join(ones)} {'is' if len(ones) == 1 else 'are'} 1 for calibrated risks.")
    if "observed_expected" in shown:
        caption += f" O/E refers to {page.target_words}."
    if "ici" in shown:
        note.append(_ICI)
    blocks.append(metric_table(page, names, "calibration", caption, " ".join(note)))
    return Section("calibration", "Do predicted risks agree with observed ones?", tuple(blocks))


def section_optimism(page: Page) -> Section | None:
    """Return apparent and out-of-fold numbers in one table."""
    if page.apparent is None:
        return None
    rows = []
    for model in page.evaluation.models:
        for name in ("auc", "ipa", "calibration_slope", "crps"):
            if name not in page.evaluation.metrics[model] or name not in page.apparent.metrics[model]:
                continue
            pair = (found.metrics[model][name] for found in (page.apparent, page.evaluation))
            (inside, why), (outside, why_outside) = (_value(result, page.horizon) for result in pair)
            rows.append(
                {
                    "model": model,
                    "measure": metric_title(name),
                    "apparent": number(inside, why=why),
                    page.sample: number(outside, why=why_outside),
                    "difference": number(inside - outside, why=why or why_outside),
                }
            )
    if not rows:
        return None
    table = Table(
        "optimism",
        f"Apparent and out-of-fold performance at {page.time}.",
        pd.DataFrame(rows),
        "Apparent performance is measured in the patients used for fitting; its excess is the "
        "optimism. It is not a result.",
        head=2,
        group="model",
    )
    return Section("optimism", "How optimistic is performance in the data used for fitting?", (table,))


def _value(result: MetricResult, horizon: float) -> tuple[float, str]:
    """Return the value at a horizon, and why it is missing."""
    near = [v for key, v in metric_rows(result).items() if np.isnan(key) or abs(key - horizon) < 1e-9]
    return (near[0][0], near[0][3]) if near else (float("nan"), "not computed at this horizon")
