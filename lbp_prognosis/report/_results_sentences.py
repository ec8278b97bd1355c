"""``results_sentences``: paragraphs for Results, each number with its interval and kind of validation."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from lbp_prognosis._base import LBPError, MetricResult, time_words
from lbp_prognosis.evidence import Claim
from lbp_prognosis.report._manuscript_text import ManuscriptText, page_of, text_of
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._probast_checks import at_horizon
from lbp_prognosis.report._section_ladder import doubts
from lbp_prognosis.report._wording import estimate, joined, number, spoken

__all__ = ["results_sentences"]

_CLAIMS = ("predicts", "adds_value", "is_useful")


def results_sentences(result: Any) -> ManuscriptText:
    """Return paragraphs for Results: patients, discrimination, calibration, added value, net benefit, sites, limits.

    Parameters
    ----------
    result : StudyResult or Page
        Result of a study, or its page. If the page is released, the text contains only numbers of that page.

    Returns
    -------
    ManuscriptText
        ``text``, ``paragraphs``; the same result gives the same bytes.

    Notes
    -----
    Each sentence gives an estimate, its interval and the kind of validation, and makes only statements that the tier of
    its evidence allows (`evidence.forbidden_words`). Verdicts on claims are those of the page.
    """
    page = page_of(result)
    if page.release is not None and page.release.insufficient:
        return text_of("Results", page, {"Patients": [f"Nothing is released: {page.release.insufficient}."]})
    paragraphs = {
        "Patients": _patients(page),
        "Scores": _scores(page),
        "Discrimination and overall performance": _discrimination(page),
        "Calibration": _calibration(page),
        "Added value": _added(page),
        "Net benefit": _net_benefit(page),
        "Sites left out": _sites(page),
        "What the evidence supports": _claims(page),
        "Limitations": _limits(page),
    }
    return text_of("Results", page, paragraphs)


def _patients(page: Page) -> list[str]:
    found = page.evaluation
    said = ["The data were simulated: the numbers are not evidence about any patient."] if page.synthetic else []
    steps = None if page.flow is None else page.flow.steps
    events = found.n_events if page.release is None else page.n_events
    name = page.outcome.name if page.outcome is not None else "the event"
    # an evaluation counts events by its last horizon, a released page those by the main one
    last = page.time if page.release is not None else time_words(found.horizons[-1], page.unit)
    reached = "" if events is None else f"{name[:1].upper()}{name[1:]} occurred in {events:,} patients by {last}."
    if steps is None:
        return [*said, f"{found.n:,} patients were analysed.", reached]
    start, end = steps[steps["kind"].eq("start")], steps[steps["kind"].eq("end")]
    if len(start) and len(end):
        said.append(f"Of {start['n'].iloc[0]:,.0f} patients, {end['n'].iloc[0]:,.0f} were analysed.")
    else:
        said.append(f"{found.n:,} patients were analysed.")
    gone = steps[steps["kind"].eq("excluded") & (steps["n"] > 0)]
    if len(gone):
        left = joined([f"{row['n']:,.0f} ({row['step']})" for row in gone.to_dict("records")])
        said.append(f"Excluded were {left}.")
    lost, seen = steps[steps["kind"].eq("missing")], steps[steps["kind"].eq("observed")]
    if len(lost):
        each = joined([f"{row['n']:,.0f} ({row['step']})" for row in lost.to_dict("records")])
        known = "" if seen.empty else f"; {seen['n'].iloc[0]:,.0f} had a known outcome"
        said.append(f"The outcome was missing in {each}{known}.")
    return [*said, reached]


def _of_sample(page: Page, subject: str) -> str:
    """Return a measure with its kind of validation: ``out-of-fold AUC``, ``AUC (as given)``."""
    before = {"out of fold": "out-of-fold", "external": "external"}.get(page.sample)
    return f"{before} {subject}" if before else f"{subject} ({page.sample})"


def _value(result: MetricResult | None, page: Page, *, first: bool = False, sign: bool = False) -> str:
    value, low, high = at_horizon(result, page.horizon)
    if not np.isfinite(value):
        return ""
    text = estimate(value, low, high, sign=sign)
    return text.replace("(", "(95 % interval ", 1) if first else text


def _each(page: Page, name: str) -> list[tuple[str, str]]:
    """Return model and text of a metric for each model; the first text states the level of the interval."""
    out: list[tuple[str, str]] = []
    for model in page.evaluation.models:
        text = _value(page.evaluation.metrics.get(model, {}).get(name), page, first=not out)
        out += [(model, text)] if text else []
    return out


def _sentence(page: Page, name: str, subject: str) -> str:
    each = _each(page, name)
    if not each:
        return ""
    told = joined([f"{text} for “{model}”" for model, text in each])
    return f"At {page.time} the {_of_sample(page, subject)} was {told}."


def _discrimination(page: Page) -> list[str]:
    said = [_sentence(page, "auc", "AUC"), _sentence(page, "ipa", "IPA")]
    if page.apparent is not None:
        gaps = []
        for model in page.evaluation.models:
            pair = [
                at_horizon(found.metrics.get(model, {}).get("auc"), page.horizon)[0]
                for found in (page.apparent, page.evaluation)
            ]
            if np.isfinite(pair).all():
                gaps.append(f"{number(pair[0] - pair[1])} for “{model}”")
        said.append(f"The optimism of the AUC (apparent minus {page.sample}) was {joined(gaps)}." if gaps else "")
    return said


def _scores(page: Page) -> list[str]:
    if page.scores is None:
        return []
    return [
        _sentence(page, "crps", "CRPS in points"),
        _sentence(page, "score_r2", "R² of the scores"),
        _sentence(page, "mean_error", "mean error (observed minus predicted, points)"),
        _sentence(page, "mean_calibration_slope", "slope of observed on predicted mean scores"),
    ]


def _calibration(page: Page) -> list[str]:
    return [
        _sentence(page, "observed_expected", f"ratio of observed to expected risk of {page.target_words}"),
        _sentence(page, "calibration_slope", "calibration slope"),
    ]


def _added(page: Page) -> list[str]:
    if not page.comparison:
        return []
    first, second = page.comparison
    said: list[str] = []
    for name, word in (("crps", "CRPS"), ("ipa", "IPA"), ("auc", "AUC")):
        found = [
            one
            for one in page.evaluation.differences
            if (one.metric, one.model, one.reference) in ((name, second, first), (name, first, second))
        ]
        if not found:
            continue
        value, low, high = at_horizon(found[0], page.horizon)
        if found[0].model == first:
            value, low, high = -value, -high, -low
        if np.isfinite(value):
            text = estimate(value, low, high, sign=True)
            text = text.replace("(", "(95 % interval ", 1) if not said else text
            said.append(f"The {word} of “{second}” minus that of “{first}” was {text}{_null(low, high)}.")
    return said


def _null(low: float, high: float) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    # as printed: an interval with the limit 0.000 is not reported to exclude 0
    return ", an interval that contains 0" if round(low, 3) <= 0 <= round(high, 3) else ""


def _net_benefit(page: Page) -> list[str]:
    t = page.thresholds
    if t is None or page.headline.empty:
        return []
    rows = page.headline[page.headline["label"].astype(str).str.contains("net benefit")]
    said = []
    for row in rows.to_dict("records"):
        if not np.isfinite(row["value"]):
            continue
        text = estimate(row["value"], row["low"], row["high"], sign=True).replace("(", "(95 % interval ", 1)
        versus = f"“{page.comparison[1]}” minus that of “{page.comparison[0]}”" if page.comparison else ""
        whose = versus or f"“{_main(page)}” minus that of treating all"
        said.append(
            f"At a threshold of {t.primary:g} the {_of_sample(page, 'net benefit')} of {whose} was "
            f"{text}{_null(row['low'], row['high'])}."
        )
    return said


def _main(page: Page) -> str:
    plans = page.provenance.get("study", {}).get("models", ())
    learned = [str(plan["name"]) for plan in plans if plan["kind"] != "null"]
    return learned[0] if learned else page.evaluation.models[0]


def _sites(page: Page) -> list[str]:
    found = page.sites
    if found is None:
        return []
    model = page.comparison[1] if page.comparison else _main(page)
    said: list[str] = []
    for name, word in (("auc", "AUC"), ("observed_expected", "O/E"), ("calibration_slope", "calibration slope")):
        try:
            pooled = found.pooled(name, model=model, horizon=page.horizon)
        except LBPError:  # known at fewer than two sites
            continue
        low, high = pooled.prediction_profile
        known = np.isfinite([low, high]).all()
        new = f"; the 95 % prediction interval for a new site was {number(low)} to {number(high)}" if known else ""
        level = estimate(pooled.value, pooled.low, pooled.high)
        level = level if said else level.replace("(", "(95 % interval ", 1)
        said.append(f"The {word} of “{model}” pooled over left-out sites was {level}{new}.")
    return said


def _claims(page: Page) -> list[str]:
    return [_claim(page, claim) for claim in page.claims if claim.kind in _CLAIMS]


def _claim(page: Page, claim: Claim) -> str:
    verdict = page.verdict(claim)
    failed = [check.name for check in verdict.checks if check.passed is False]
    plain = [re.sub(r"not declared in `[^`]*` \(Python: `[^`]*`\): ", "not declared: ", name) for name in failed]
    why = f" (not met: {'; '.join(plain)})" if plain else ""
    why = why or (f" (missing: {'; '.join(verdict.missing)})" if verdict.missing else "")
    return f"That {_words(claim)} is {verdict.answer} by these data{why}."


def _words(claim: Claim) -> str:
    at = "" if claim.horizon is None else f" at {time_words(claim.horizon, claim.unit)}"
    level = "in patients like these" if claim.strength.value == "development" else "in other patients"
    return {
        "predicts": f"“{claim.subject}” predicts the outcome{at} {level}",
        "adds_value": f"“{claim.subject}” predicts better than “{claim.comparator}”{at} {level}",
        "is_useful": f"decisions{at} could be better with “{claim.subject}” under the stated harms",
    }[claim.kind]


def _limits(page: Page) -> list[str]:
    found = doubts(page.objections, page.evaluation.models)
    return [spoken(sentence) for doubt in found for sentence in doubt.sentences]
