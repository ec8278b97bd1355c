"""``facts_of_page``: facts for the questions of PROBAST+AI from a page, limited to its contents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import time_words
from lbp_prognosis.report._imputation_of import completed_tables
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._probast_checks import (
    LEAKS,
    OUTCOME_IN_PREDICTORS,
    OUTSIDE_RESAMPLING,
    TIMING,
    alarm,
    at_horizon,
    enough_events,
    events_per_parameter,
    measures,
)
from lbp_prognosis.report._probast_form import REVIEWER, Fact
from lbp_prognosis.report._wording import estimate, number, readable, spoken

__all__ = ["facts_of_page"]

_ASCERTAINED = {"exact": "dated exactly", "visits": "known at visits", "status": "a state at one visit"}


def _ascertained(page: Page) -> str:
    """Return how the outcome was recorded."""
    if page.scores is not None:
        return "a score at one visit"
    return "" if page.outcome is None else _ASCERTAINED[page.outcome.ascertainment]


def facts_of_page(page: Page, model: str) -> dict[tuple[str, str], Fact]:
    """Return facts by (part, item) from a page that has passed the disclosure gate if it is to be released.

    Parameters
    ----------
    page : Page
        Its numbers are those that may be shown.
    model : str
        One of its models.
    """
    if page.release is not None and page.release.insufficient:
        return {}
    study: Mapping[str, Any] = page.provenance.get("study", {})
    plan: Mapping[str, Any] = next((plan for plan in study.get("models", ()) if plan["name"] == model), {})
    both = {**_of_data(page, study), **_of_outcome(page, study), "4.4": _imbalance(study)}
    missing = _missing(page, plan)
    out = {(part, item): fact for part in ("development", "evaluation") for item, fact in both.items()}
    out["development", "4.1"] = events_per_parameter(
        _events(page), page.parameters.get(model), f"candidate parameters of {model!r}"
    )
    out["development", "4.2"] = _shapes(page, plan)
    out["development", "4.3"] = missing
    out["development", "4.5"] = _overfitting(page, plan, model)
    out["evaluation", "1.2"] = _design(page)
    out["evaluation", "2.2"] = _prepared(page, study)
    out["evaluation", "4.1"] = _beyond_apparent(page)
    out["evaluation", "4.2"] = enough_events(page.evaluation.n, _events(page))
    out["evaluation", "4.3"] = missing
    out["evaluation", "4.5"] = _leaks(page, study)
    out["evaluation", "4.6"] = _resampled(page, study)
    out["evaluation", "4.7"] = measures(page.evaluation, model, page.horizon, page.sample.capitalize())
    return out


def _events(page: Page) -> int | None:
    return page.evaluation.n_events if page.release is None else page.n_events


def _of_data(page: Page, study: Mapping[str, Any]) -> dict[str, Fact]:
    source = study.get("data", {})
    named = "package" if source.get("package") else "wide"
    words = {"package": "a registry package", "wide": "one table with a row per patient"}
    made = "simulated" if page.synthetic else "given by the user"
    out = {"1.1": Fact(f"Data: {words[named]}, {made}." if source else "The origin of the data is not stated.")}
    if page.outcome is not None:
        seen = _ascertained(page)
        out["1.2"] = Fact(f"Time zero: {page.outcome.time_zero}. Outcome {seen} after it.")
    if page.flow is not None:
        out["1.3"] = _flow(page.flow.steps)
    bent = [f"{how} of {', '.join(map(readable, what))}" for how, what in study.get("transform", {}).items()]
    if study:
        out["2.2"] = Fact(
            f"Transformed in the same way in all rows: {'; '.join(bent)}." if bent else "No transformation."
        )
        dated = "No alarm about values dated after time zero."
        undated = "The table has no dates of predictors; no name of a column points to a later measurement."
        out["2.4"] = alarm(page.objections, TIMING, dated if source.get("package") else undated)
    repeated = _repeated(page)
    if repeated:
        out["2.1"] = Fact(repeated)
    return out


def _flow(steps: pd.DataFrame) -> Fact:
    said = []
    for kind, words in (("start", "{n} at the start"), ("end", "{n} analysed")):
        rows = steps[steps["kind"].eq(kind)]
        said += [words.format(n=f"{rows['n'].iloc[0]:,.0f}")] if len(rows) else []
    gone = steps[steps["kind"].eq("excluded") & (steps["n"] > 0)]
    left = "; ".join(f"{row['step']} {row['n']:,.0f}" for row in gone.to_dict("records"))
    lost = steps[steps["kind"].eq("missing")]
    unseen = "; ".join(f"{row['step']} {row['n']:,.0f}" for row in lost.to_dict("records"))
    without = f" Without the outcome: {unseen}." if unseen else ""
    return Fact(f"Patients: {', '.join(said)}. Left out: {left or 'none'}.{without}")


def _repeated(page: Page) -> str:
    frame = page.evidence.to_frame()
    rows = frame[frame["metric"].isin(["icc"])] if len(frame) else frame
    if not len(rows):
        return ""
    found = rows.groupby("model", sort=False)["value"].agg(["min", "max"])
    said = [
        f"{name} {number(low, 2)}" if low == high else f"{name} {number(low, 2)} to {number(high, 2)}"
        for name, (low, high) in zip(found.index, found.to_numpy())
    ]
    return f"ICC of repeated readings: {'; '.join(said)}."


def _of_outcome(page: Page, study: Mapping[str, Any]) -> dict[str, Fact]:
    spec = page.outcome
    if spec is None:
        return {}
    said = "declared before the data were seen" if study.get("prespecified") else "not declared before the data"
    out = {
        "3.1": Fact(spoken(f"{spec.name}: {spec.definition.rstrip('.')}; {said}.")),
        "3.2": Fact(f"By one definition in all rows; {_ascertained(page)}."),
        "3.4": Fact(f"Horizons {time_words(spec.horizons, spec.unit)} after {spec.time_zero}; main {page.time}."),
    }
    if study:
        out["3.3"] = alarm(
            page.objections, OUTCOME_IN_PREDICTORS, "No alarm about predictors made of the outcome's own measurement."
        )
    return out


def _imbalance(study: Mapping[str, Any]) -> Fact:
    if not study:
        return Fact("")
    asked = [plan["name"] for plan in study.get("models", ()) if any("weight" in key for key in plan["options"])]
    if asked:
        return Fact(f"Weights are an option of {', '.join(asked)}.")
    return Fact("No model of the study rebalances classes.", "not applicable")


def _columns(page: Page, plan: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return the predictors of the model, with counts of missing values if released."""
    if page.columns is None:
        return None
    frame = page.columns
    return frame[frame["modality"].isin(plan["modalities"])] if plan.get("modalities") else frame


def _shapes(page: Page, plan: Mapping[str, Any]) -> Fact:
    frame = _columns(page, plan)
    if frame is None:
        return Fact("")
    if plan.get("formula"):
        return Fact(f"Terms: {plan['formula']}.")
    numeric = int(frame["type"].eq("number").sum())
    splines = [f"{readable(column)} ({knots} knots)" for column, knots in plan.get("splines", {}).items()]
    bent = f"splines of {', '.join(splines)}" if splines else "no splines"
    return Fact(f"{numeric} numeric predictors, {len(frame) - numeric} categorical; {bent}.")


def _missing(page: Page, plan: Mapping[str, Any]) -> Fact:
    frame = _columns(page, plan)
    if frame is None:
        return Fact("")
    told = frame.dropna(subset=["n", "n_missing"])
    holes = told[told["n_missing"].astype(float) > 0]
    silent = len(frame) - len(told)
    if not len(told):
        return Fact("Counts of missing values are not released.")
    hidden = f" Counts of {silent} predictors are not released." if silent else ""
    if not len(holes):
        text = f"No missing value in {len(told)} predictors.{hidden}"
        return Fact(text, REVIEWER if silent else "probably yes")
    shares = sorted(
        ((row["n_missing"] / row["n"], str(row["column"])) for row in holes.to_dict("records")),
        key=lambda pair: (-pair[0], pair[1]),
    )
    worst = ", ".join(f"{readable(column)} ({100 * share:.0f} %)" for share, column in shares[:3])
    counts = sorted(completed_tables(plan)) if plan else [0]
    words = {0: "none; the model uses missing values directly", -1: "multiple, inside the folds"}
    handled = " or ".join(words.get(count, f"{count} completed tables, inside the folds") for count in counts)
    return Fact(
        f"{len(holes)} of {len(told)} predictors have missing values, most: {worst}. Imputation: {handled}. Censored "
        f"patients stay in.{hidden}"
    )


def _overfitting(page: Page, plan: Mapping[str, Any], model: str) -> Fact:
    said = []
    options = plan.get("options", {})
    penalty = {key: options[key] for key in ("penalty", "ridge", "l1_ratio") if options.get(key)}
    shrunken = bool(penalty) or plan.get("kind") in ("elastic_net_cox", "stacked", "average")
    if penalty:
        said.append("Penalty: " + ", ".join(f"{key} = {value}" for key, value in penalty.items()))
    inside = outside = float("nan")
    if page.apparent is not None:
        inside = at_horizon(page.apparent.metrics.get(model, {}).get("auc"), page.horizon)[0]
        outside = at_horizon(page.evaluation.metrics.get(model, {}).get("auc"), page.horizon)[0]
    if np.isfinite(inside) and np.isfinite(outside):
        said.append(
            f"AUC {number(inside)} apparent, {number(outside)} {page.sample}: optimism {number(inside - outside)}"
        )
    slope = at_horizon(page.evaluation.metrics.get(model, {}).get("calibration_slope"), page.horizon)
    if np.isfinite(slope[0]):
        said.append(f"calibration slope {estimate(*slope)}, {page.sample}")
    text = "; ".join(said)
    text = f"{text[:1].upper()}{text[1:]}." if text else ""
    if np.isfinite(slope[2]) and slope[2] < 1:
        return Fact(f"{text} The risks are too extreme.", "probably no")
    covered = bool(np.isfinite(slope).all() and slope[1] <= 1 <= slope[2])
    return Fact(text, "probably yes" if shrunken and covered else REVIEWER)


def _design(page: Page) -> Fact:
    text = f"Numbers are {page.sample}."
    if page.sites is not None:
        text += " Each site was also predicted by models fitted without it."
    return Fact(text)


def _prepared(page: Page, study: Mapping[str, Any]) -> Fact:
    if not study:
        return Fact("")
    return alarm(
        page.objections, OUTSIDE_RESAMPLING, "All preparation is learned inside the folds and applied unchanged."
    )


def _beyond_apparent(page: Page) -> Fact:
    samples = {entry.sample for entry in page.evidence.entries if entry.sample != "apparent"}
    if page.sample == "out of fold":
        samples.add("internal")
    if page.sites is not None:
        samples.add("internal-external")
    words = {"internal": "out of fold", "internal-external": "sites left out", "external": "external"}
    found = [words[name] for name in words if name in samples]
    return Fact(f"Evaluations: {', '.join(found)}.", "yes") if found else Fact("Apparent performance only.", "no")


def _leaks(page: Page, study: Mapping[str, Any]) -> Fact:
    if not study:
        return alarm(page.objections, LEAKS, "The predictions were made elsewhere.")
    plan = study.get("validation", {})
    return alarm(
        page.objections,
        LEAKS,
        f"{plan.get('folds')}-fold cross-validation, repeats: {plan.get('repeats')}, each patient in one fold, all "
        "preparation inside; the search for leaks raised no alarm.",
        "probably yes",
    )


def _resampled(page: Page, study: Mapping[str, Any]) -> Fact:
    if not study:
        return Fact("The predictions were made elsewhere.")
    return alarm(
        page.objections,
        OUTSIDE_RESAMPLING,
        "Every fold repeats all steps: imputation, coding, splines, tuning and fit.",
        "yes",
    )
