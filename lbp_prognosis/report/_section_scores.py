"""Section Scores: the predicted distributions of a score, before any cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from lbp_prognosis._base import METRICS
from lbp_prognosis.evaluation import Evaluation
from lbp_prognosis.report._blocks import Block, Section, Table, Words
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._page_scores import PageScores
from lbp_prognosis.report._section_decisions import net_benefit_cell
from lbp_prognosis.report._section_performance import first_cell, metric_cell, metric_table
from lbp_prognosis.report._wording import number

__all__ = ["section_scores"]

_OVERALL = ("crps", "ordinal_concordance", "score_r2", "mae", "pit_bias", "pit_spread")
_MEAN = ("mean_error", "mean_calibration_intercept", "mean_calibration_slope")
_GOOD = {"lower": "lower is better", "higher": "higher is better", "zero": "0 is ideal", "one": "1 is ideal"}


def section_scores(page: Page) -> Section | None:
    """Return metrics of the distributions, calibration of the mean, and observed scores by predicted tenth."""
    scores = page.scores
    if scores is None and not page.evaluation.mean_calibrations:
        return None
    blocks: list[Block] = []
    if scores is not None:
        words = f"The score ranges from {scores.words}. Models predict the distribution of the score; it is not cut "
        blocks.append(Words(f"{words}before the fit."))
    blocks += _metrics(page, _OVERALL, "scores", f"Predicted distributions of the score, {page.sample}.")
    blocks += _curves(page)
    blocks += _metrics(page, _MEAN, "score_calibration", f"Calibration of the mean, {page.sample}.")
    blocks += _histograms(page)
    blocks += _tables(page, scores) if scores is not None else ()
    blocks += _by_visit(page, scores) if scores is not None else ()
    return Section("scores", "How well are the scores themselves predicted?", tuple(blocks))


def _metrics(page: Page, names: Sequence[str], key: str, caption: str) -> Iterable[Block]:
    """Yield the table of the available metrics, with the meaning of each."""
    shown = [name for name in names if any(name in part for part in page.evaluation.metrics.values())]
    if not shown:
        return
    note = " ".join(f"{METRICS[name].short}: {METRICS[name].title} ({_GOOD[METRICS[name].better]})." for name in shown)
    if "pit_spread" in shown:
        note += " Above 1 the distributions are too narrow."
    yield metric_table(page, tuple(shown), key, caption, note)


def _curves(page: Page) -> Iterable[Block]:
    for model, fitted in page.evaluation.mean_calibrations.items():
        if fitted.curve.empty:
            continue
        error, slope = (metric_cell(page, model, name) for name in ("mean_error", "mean_calibration_slope"))
        dots = "" if fitted.groups.empty else " Dots are tenths of the prediction with 95% intervals."
        yield figure(
            fitted.plot,
            alt=f"Mean observed against mean predicted score of {model} at {page.time}: mean error {error}, "
            f"slope {slope}.",
            caption=f"{model}: mean observed against mean predicted score at {page.time}, {page.sample}.{dots}",
            size=(4.2, 4.2),
        )


def _histograms(page: Page) -> Iterable[Block]:
    for model, transform in page.evaluation.pits.items():
        if not np.isfinite(transform.density).all():
            continue
        bias, spread = (metric_cell(page, model, name) for name in ("pit_bias", "pit_spread"))
        yield figure(
            transform.plot,
            alt=f"Histogram of the probability integral transform of {model}: bias {bias}, spread {spread}.",
            caption=f"{model}: place of each observed score in its predicted distribution, {page.sample}. Even bars "
            "indicate calibrated distributions; bars high at both ends, distributions that are too narrow.",
            size=(4.2, 3.0),
        )


_AT_VISITS = ("crps", "mae", "mean_error", "score_r2", "auc", "observed_expected")


def _by_visit(page: Page, scores: PageScores) -> Iterable[Table]:
    """Yield performance of models of several visits at each visit; the last is from the evaluation of the page."""
    if not scores.visits:
        return
    models = next(iter(scores.visits.values())).models
    evaluations = (*scores.visits.values(), page.evaluation)
    shown = {name for found in evaluations for model in models for name in found.metrics[model]}
    rows = []
    for model in models:
        for time, found in (*scores.visits.items(), (page.horizon, page.evaluation)):
            row = {"model": model, f"visit ({page.unit})" if page.unit else "visit": f"{time:g}"}
            row["patients seen"] = f"{found.metrics[model]['crps'].n:,}"
            for name in _AT_VISITS:
                if name in shown:
                    row[METRICS[name].short] = first_cell(page, found.metrics[model].get(name))
            rows.append(row)
    note = "AUC and O/E refer to the event defined by the cut at the visit. Different patients attend different visits."
    caption = f"Scores at each visit, {page.sample}, with 95% intervals."
    yield Table("scores_by_visit", caption, pd.DataFrame(rows), note, head=2, group="model")


def _tables(page: Page, scores: PageScores) -> Iterable[Table]:
    rows = scores.tenths
    if rows.empty:
        return
    frame = pd.DataFrame(
        {
            "group of prediction": [f"{group:.0f}" for group in rows["group"]],
            "patients": [f"{n:,.0f}" for n in rows["n"]],
            "mean predicted": [number(v, 2) for v in rows["predicted"]],
            "mean observed": [number(v, 2) for v in rows["observed"]],
        }
    )
    if "median" in rows:
        quartiles = rows[["q25", "median", "q75"]].itertuples(index=False)
        frame["quartiles observed"] = [", ".join(f"{value:g}" for value in row) for row in quartiles]
    if "predicted_at_cut" in rows:
        frame["event predicted"] = [_share(v) for v in rows["predicted_at_cut"]]
        frame["event observed"] = [_share(v) for v in rows["observed_at_cut"]]
    caption = f"Observed scores by the predicted score at {page.time}, {scores.model}, {page.sample}."
    note = "Patients in groups of about equal size, the lowest predictions first."
    if "predicted_change" in rows:
        note += " Patients whose score at time zero is not known are left out."
    yield Table("score_tenths", caption, frame, note)
    if "predicted_change" in rows:
        yield _change(page, scores, rows)
    if scores.response is not None:
        yield _response(page, scores, scores.response)


def _share(value: float) -> str:
    return f"{100 * value:.0f}%"


def _change(page: Page, scores: PageScores, rows: pd.DataFrame) -> Table:
    frame = pd.DataFrame(
        {
            "group of prediction": [f"{group:.0f}" for group in rows["group"]],
            "mean change predicted": [number(v, 2) for v in rows["predicted_change"]],
            "mean change observed": [number(v, 2) for v in rows["observed_change"]],
        }
    )
    note = "Change is the score at time zero minus the score at the visit; above 0 the score has fallen."
    if "beyond_error" in rows:
        frame["predicted change beyond error"] = [_share(v) for v in rows["beyond_error"]]
        note += (
            f" Beyond error: share of patients whose predicted change is larger than {scores.smallest_detectable:g} "
            "points, the smallest detectable change of the instrument."
        )
    if "predicted_response" in rows:
        frame["response predicted"] = [_share(v) for v in rows["predicted_response"]]
        frame["response observed"] = [_share(v) for v in rows["observed_response"]]
        note += f" A response is a fall of at least {scores.important:g} points, as the protocol declares it."
    return Table(
        "score_change", f"Change of the score by the predicted score at {page.time}, {scores.model}.", frame, note
    )


def _response(page: Page, scores: PageScores, found: Evaluation) -> Table:
    rows = []
    for model in found.models:
        row = {"model": model}
        for name, title in (
            ("auc", "AUC"),
            ("ipa", "IPA"),
            ("observed_expected", "O/E"),
            ("calibration_slope", "slope"),
        ):
            result = found.metrics[model].get(name)
            if result is not None:
                row[title] = first_cell(page, result)
        if found.decision is not None:
            curve = found.decision
            for k, threshold in enumerate(curve.thresholds):
                row[f"net benefit at {threshold:g}"] = net_benefit_cell(curve, model, 0, k)
        rows.append(row)
    note = (
        f"Of {found.n:,} patients with a score at the visit whose score at time zero leaves room for a response, "
        f"{found.n_events:,} responded. O/E and net benefit refer to the absence of a response."
    )
    caption = f"Predicted response, a fall of at least {scores.important:g} points at {page.time}, {page.sample}."
    return Table("score_response", caption, pd.DataFrame(rows), note)
