"""Sections on clinical utility and added value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import MetricResult, metric_title
from lbp_prognosis.evaluation.utility import DecisionCurve, NetBenefitDifference
from lbp_prognosis.report._blocks import Block, Notice, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._hover import threshold_spots
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._section_performance import metric_rows
from lbp_prognosis.report._wording import estimate, number, readable
from lbp_prognosis.validation import AssociationTest

__all__ = ["net_benefit_cell", "section_added", "section_decisions"]


def _shown_thresholds(page: Page, thresholds: np.ndarray) -> list[float]:
    if page.thresholds is not None:
        wanted = [page.thresholds.low, page.thresholds.primary, page.thresholds.high]
    else:
        wanted = np.linspace(thresholds[0], thresholds[-1], 5).tolist()
    near = [float(thresholds[np.abs(thresholds - t).argmin()]) for t in wanted]
    return list(dict.fromkeys(near))


def _at_horizon(found: DecisionCurve | NetBenefitDifference, h: int) -> dict[str, Any]:
    """Return thresholds, and values with limits of shape (curves, thresholds), of one horizon."""
    rows = {name: np.atleast_2d(getattr(found, name)[..., h, :]) for name in ("value", "low", "high")}
    return {"threshold": found.thresholds, **rows}


def net_benefit_cell(curve: DecisionCurve, model: str, h: int, k: int) -> str:
    """Return net benefit at one horizon and threshold, or why it or its interval is missing."""
    m = curve.models.index(model)
    value, low, high = (part[m, h, k] for part in (curve.value, curve.low, curve.high))
    return estimate(value, low, high, why=curve.reason_at(model, h, k))


def section_decisions(page: Page) -> Section | None:
    """Return the decision curve, the thresholds with their reason, and net benefit at them."""
    curve = page.evaluation.decision
    if curve is None:
        return None
    blocks: list[Block] = []
    if page.thresholds is not None:
        declared = page.thresholds
        words = f"{declared.low:g} to {declared.high:g}, {declared.primary:g} in the main analysis"
        blocks.append(Words(f"Declared thresholds: {words}. {declared.rationale}"))
    h = int(np.flatnonzero(np.isclose(curve.horizons, page.horizon))[0])
    points = _shown_thresholds(page, curve.thresholds)
    rows: list[dict[str, Any]] = []
    for model in curve.models:
        row: dict[str, Any] = {"strategy": model}
        for t in points:
            k = int(np.abs(curve.thresholds - t).argmin())
            row[f"at {t:g}"] = net_benefit_cell(curve, model, h, k)
        rows.append(row)
    if curve.reason[h]:
        blocks.append(Notice(f"No decision curve: {curve.reason[h]}"))
    elif page.release is None:  # with two or three thresholds the table shows all values
        blocks.append(
            figure(
                lambda ax: curve.plot(ax, horizon=page.horizon, label=f"{page.target_words} {page.when}"),
                alt=f"Decision curve for {page.target_words} {page.when}; at a threshold of {points[0]:g}: "
                + "; ".join(f"{row['strategy']} {list(row.values())[1]}" for row in rows),
                caption=f"Net benefit of acting on the {page.sample} risk of {page.target_words} {page.when}.",
                size=(5.2, 4.1),
                wide=True,
                hover=lambda ax: threshold_spots(ax, curve.models, _at_horizon(curve, h)),
            )
        )
    blocks.append(
        Table(
            "net_benefit",
            f"Net benefit, {page.sample}, with 95% intervals.",
            pd.DataFrame(rows),
            "Treating no patient has net benefit 0.",
        )
    )
    return Section("decisions", "Would decisions be better with the model?", tuple(blocks))


def section_added(page: Page) -> Section | None:
    """Return paired differences of the models with and without the addition, or a notice that there are none."""
    if not page.comparison:
        if not page.absent:
            return None
        return Section("added", f"What does {page.addition} add?", tuple(Notice(w, "absent") for w in page.absent))
    first, second = page.comparison
    found, rows = page.evaluation, []
    horizon_words = f"horizon ({page.unit})" if page.unit else "horizon"
    for name in ("crps", "score_r2", "mae", "auc", "brier", "ipa"):
        if name not in found.metrics[second] or name not in found.metrics[first]:
            continue
        paired = _paired(page, name, second, first)
        for horizon, (value, low, high, why) in metric_rows(paired).items():
            rows.append(
                {
                    "difference in": metric_title(name),
                    horizon_words: f"{horizon:g}",
                    f"{second} − {first}": estimate(value, low, high, why, sign=True),
                }
            )
    blocks: list[Block] = []
    if found.decision is not None:
        made = found.net_benefit_differences
        pair = next((d for d in made if (d.model, d.reference) == (second, first)), None)
        pair = found.decision.difference(second, first) if pair is None else pair
        h = int(np.flatnonzero(np.isclose(pair.horizons, page.horizon))[0])
        for t in _shown_thresholds(page, pair.thresholds):
            k = int(np.abs(pair.thresholds - t).argmin())
            rows.append(
                {
                    "difference in": f"net benefit at {t:g}",
                    horizon_words: f"{page.horizon:g}",
                    f"{second} − {first}": _gain_cell(page, pair, h, k),
                }
            )
        if not pair.reason[h] and page.release is None:
            blocks.append(
                figure(
                    lambda ax: pair.plot(ax, horizon=page.horizon, label=f"{page.target_words} {page.when}"),
                    alt=f"Difference in net benefit of {second} and {first} over thresholds at {page.time}.",
                    caption=f"Net benefit of {second} minus that of {first}, {page.when}.",
                    hover=lambda ax: threshold_spots(ax, [f"{second} − {first}"], _at_horizon(pair, h)),
                )
            )
    frame = pd.DataFrame(rows)
    if frame.empty:
        return Section("added", f"What does {page.addition} add?", (Notice("No difference is released.", "absent"),))
    lower = "CRPS, absolute error and " if "crps" in found.metrics[second] else ""
    note = (
        f"Below 0 is better for {lower}the Brier score, above 0 for the others. An interval that includes 0 is "
        "inconclusive."
    )
    blocks.append(
        Table(
            "added_value",
            f"What {page.addition} adds, {page.sample}: paired differences with 95% intervals.",
            frame,
            note,
            head=2,
            group="difference in",
        )
    )
    if page.association is not None:
        unit = (
            "Odds ratios of a higher score, per unit"
            if page.scores
            else "Hazard or odds ratios per unit; above 1 the event is sooner"
        )
        blocks.append(_association(page.association, page.addition, unit))
    return Section("added", f"What does {page.addition} add to the clinical model?", tuple(blocks))


def _gain_cell(page: Page, pair: NetBenefitDifference, h: int, k: int) -> str:
    """Return a difference in net benefit, or why it or its interval is missing."""
    value, low, high = (float(part[h, k]) for part in (pair.value, pair.low, pair.high))
    why = pair.reason_at(h, k)
    if page.release is not None and np.isfinite(value) and not np.isfinite(low):
        few = page.release.smallest_cell
        why = f"no interval: it would disclose fewer than {few} patients; inconclusive"
    return estimate(value, low, high, why, sign=True)


def _paired(page: Page, name: str, model: str, reference: str) -> MetricResult | None:
    """Return a paired difference, for a released page one of the released ones."""
    found = page.evaluation
    if page.release is None:
        return found.difference(name, model, reference)
    pairs = ((d.metric, d.model, d.reference) for d in found.differences)
    return next((d for d, key in zip(found.differences, pairs) if key == (name, model, reference)), None)


def _association(found: AssociationTest, addition: str, unit: str) -> Table:
    """Return the ratios of the added predictors, with ``unit`` naming the ratio, and the joint test below."""
    rows = found.coefficients
    frame = pd.DataFrame(
        {
            "predictor": [readable(term) for term in rows["term"]],
            "ratio (95% interval)": [estimate(*r) for r in rows[["ratio", "low", "high"]].itertuples(index=False)],
        }
    )
    sign = "χ²" if np.isinf(found.df2) else "F"
    df = f"{found.df:g}" if np.isinf(found.df2) else f"{found.df:g} and {found.df2:,.0f}"
    p = "p < 0.001" if found.p < 0.001 else f"p = {number(found.p)}"
    return Table(
        "association",
        f"Is {addition} associated with the outcome? Apparent association, adjusted for {found.without}.",
        frame,
        f"Joint test: {sign} {number(found.statistic, 2)} on {df} degrees of freedom, {p} ({found.method}). {unit}. "
        "An association is not a gain in prediction.",
    )
