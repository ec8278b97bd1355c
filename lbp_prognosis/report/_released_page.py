"""``released_page``: a page for release. All numbers in text, figures and files pass one release."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, argument_error
from lbp_prognosis.disclosure import Patients, Release, without_numbers
from lbp_prognosis.evaluation import DecisionCurve, Evaluation, NetBenefitDifference, RiskGroups
from lbp_prognosis.evaluation.prognostic import Calibration, JudgedRows
from lbp_prognosis.evidence import Verdict
from lbp_prognosis.report._counted_thresholds import candidate_cuts
from lbp_prognosis.report._more_numbers import more_numbers
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._released_groups import released_calibration, released_curves, released_groups
from lbp_prognosis.report._released_numbers import (
    METRICS_SHOWN,
    released_decision,
    released_evaluation,
    triple,
)
from lbp_prognosis.report._released_patients import ReleasedVariables, released_flow, released_sites
from lbp_prognosis.report._released_scores import (
    SCORE_METRICS,
    released_mean_calibrations,
    released_scores,
    scores_are_releasable,
)
from lbp_prognosis.report._released_states import STATE_METRICS, released_states
from lbp_prognosis.report._released_treatment import released_treatment
from lbp_prognosis.report._released_updates import released_updates
from lbp_prognosis.validation import AssociationTest, InternalExternal

__all__ = ["released_page"]

_KEPT_OF_READINGS = ("icc", "sdc_agreement", "kappa", "kappa_linear", "kappa_quadratic", "auc")
_POOLED = 4  # measures that are pooled over sites, each with two intervals
_APPARENT = ("auc", "ipa", "calibration_slope", "crps")
_P_VALUE = re.compile(r" \(p [=<] [\d.]+\)")
_OF_THE_RUN = ("versions", "platform", "seed", "spec_sha256", "synthetic", "study")


def released_page(page: Page) -> Page:
    """Return the page with all values that identify single patients merged, rounded, coarsened or removed.

    A page without a gate is not for release and is returned unchanged, as is a page that was released before.

    Parameters
    ----------
    page : Page
        With ``gate``.

    Raises
    ------
    ArgumentError
        If the page's numbers have no rows from which cells can be counted (pooled over imputations).
    DisclosureError
        If earlier releases in the ledger forbid this one.
    """
    if page.gate is None or page.release is not None:
        return page
    rows = _rows(page)
    patients = _patients(page, rows)
    release = page.gate.open(patients, page.ledger)
    shared = {
        "release": release,
        "provenance": _provenance(page, release),
        "objections": tuple(_plain_objection(o) for o in page.objections),
        "absent": tuple(without_numbers(words) for words in page.absent),
        "rows": None,
        "ids": page.ids,
    }
    if release.insufficient or not rows:
        release.note("everything", "dropped", release.insufficient or "no model has an estimate at the horizon")
        return replace(_emptied(page), **shared)  # type: ignore[arg-type]
    return replace(_thinned(page, release, rows), **shared)  # type: ignore[arg-type]


def _rows(page: Page) -> dict[str, JudgedRows]:
    """Return the rows of each model that has an estimate at the horizon."""
    found = page.evaluation.calibrations
    if not found:
        raise argument_error(
            "page", "an evaluation that keeps its rows", "numbers without rows", "Write it `not-for-release`."
        )
    kept = {model: fitted for model, fitted in found.items() if fitted.keeps_rows(page.horizon)}
    if not kept and all(_no_estimate(fitted, page.horizon) for fitted in found.values()):
        return {}
    return {model: fitted.judged(page.horizon) for model, fitted in (kept or found).items()}


def _no_estimate(fitted: Calibration, horizon: float) -> bool:
    return bool(np.isnan(np.atleast_1d(fitted.observed_expected.value)[np.isclose(fitted.horizons, horizon)]).all())


def _patients(page: Page, rows: dict[str, JudgedRows]) -> Patients:
    """Return the patients with their states and risks; all of them unknown where no model has an estimate."""
    if not rows:
        return Patients(np.full(page.evaluation.n if page.ids is None else len(page.ids), -1), {}, None, None, page.ids)
    first = next(iter(rows.values()))
    return Patients(
        np.where(first.copies > 0, first.state(), -1),
        {name: one.score for name, one in rows.items()},
        None if (first.copies == 1).all() else first.copies,
        first.clusters,
        page.ids,
    )


def _thinned(page: Page, release: Release, rows: dict[str, JudgedRows]) -> Page:
    """Return the page; the order of the calls is the priority list of the budget."""
    found = page.evaluation
    if not set(page.comparison) <= set(rows):
        release.note("comparison of models", "dropped", "one of them has no estimate at the horizon")
        page = replace(page, comparison=())
    pair = page.comparison
    cuts = release.cuts("thresholds", candidate_cuts(page))
    release.take("patients and events", 2)
    of_scores = page.scores is not None and scores_are_releasable(page.scores, release)
    headline = _headline(page, release, rows, cuts, of_scores=of_scores)
    variables = ReleasedVariables(page.table_ones, page.columns, page.rows, release)
    tables = variables.tables()
    flow = None if page.flow is None else released_flow(page.flow, release)
    scores = {name: one.score for name, one in rows.items()}
    decision: DecisionCurve | None = None
    gains: tuple[NetBenefitDifference, ...] = ()
    wanted = [cut for cut in candidate_cuts(page) if cut in cuts]
    if found.decision is not None:
        decision, gains = released_decision(found.decision, release, page.horizon, wanted, pair, scores)
    groups = made = None
    if isinstance(page.groups, RiskGroups):
        judged = rows.get(page.groups.model) or next(iter(rows.values()))
        groups, made = released_groups(page.groups, judged, release, cuts)
    horizons = _kept_horizons(found, next(iter(rows.values())), release, page.horizon)
    counted = None if groups is None else groups.table["n"].to_numpy()
    scores_shown = released_scores(page.scores, release, counted) if page.scores is not None and of_scores else None
    names = SCORE_METRICS if of_scores else METRICS_SHOWN if page.states is None else STATE_METRICS
    numbers = released_evaluation(found, release, horizons, page.horizon, names, pair)
    states = None if page.states is None else released_states(page.states, release)
    treatment = None if page.treatment is None else released_treatment(page.treatment, release, page.horizon, wanted)
    if page.subgroups is not None:
        release.note("numbers of subgroups", "dropped", "groups of several variables could be subtracted")
    updates = None if page.updates is None else released_updates(page.updates, release)
    apparent = None
    if page.apparent is not None:
        few = tuple(name for name in _APPARENT if any(name in m for m in numbers.metrics.values()))
        apparent = released_evaluation(page.apparent, release, horizons[:0], page.horizon, few, (), "apparent ")
    columns = variables.columns()
    sites = _sites(page, release)
    explanations = _explanations(page, release)
    evidence = replace(page.evidence, entries=_readings(page, release))
    association = _association(page, release)
    # curves last
    if groups is not None and made is not None and release.apart("curves of risk groups"):
        groups = released_curves(groups, made, release, page.horizon)
    calibrations: dict[str, Any] = {
        model: released_calibration(fitted, model, numbers, rows.get(model), release)
        for model, fitted in found.calibrations.items()
    }
    numbers = replace(numbers, calibrations=calibrations, decision=decision, net_benefit_differences=gains)
    if page.scores is not None and of_scores:
        means = released_mean_calibrations(found.mean_calibrations, numbers, page.scores, release)
        numbers = replace(numbers, mean_calibrations=means)
    return replace(
        page,
        evaluation=numbers,
        headline=headline,
        flow=flow,
        table_ones=tables,
        columns=columns,
        groups=groups,
        scores=scores_shown,
        treatment=treatment,
        subgroups=None,
        states=states,
        updates=updates,
        apparent=apparent,
        sites=sites,
        association=association,
        explanations=explanations,
        evidence=evidence,
        verdicts=tuple(_plain_verdict(page.evidence.supports(c), tested=association is not None) for c in page.claims),
        ladder=_plain_ladder(page, tested=association is not None),
        numbers=_numbers(
            page,
            numbers,
            apparent,
            more_numbers(
                replace(
                    page,
                    scores=scores_shown,
                    treatment=treatment,
                    subgroups=None,
                    states=states,
                    updates=updates,
                )
            ),
        ),
        n_events=_events(release, next(iter(rows.values()))),
        patient_level=False,
    )


def _sites(page: Page, release: Release) -> InternalExternal | None:
    """Return performance pooled over sites, without numbers of single sites; None if it does not fit."""
    if page.sites is None or not release.take("pooled over sites", 5 * _POOLED * len(page.sites.models)):
        return None
    release.note("numbers of single sites", "dropped", "a site may have few patients; pooled results are released")
    shown = page.sites.sites if release.apart("patients of sites") else page.sites.sites.iloc[:0]
    return replace(page.sites, sites=released_sites(shown, release))


def _association(page: Page, release: Release) -> AssociationTest | None:
    """Return the joint test of the addition, without coefficients; None if it does not fit."""
    found = page.association
    if found is None or not release.take("joint test of what is added", 3):
        return None
    release.note(
        "coefficients of what is added", "dropped", "each may depend on few patients; the joint test is released"
    )
    return replace(found, coefficients=found.coefficients.iloc[:0], n=0, n_events=0)


def _emptied(page: Page) -> Page:
    """Return a page that states only that there are too few patients."""
    return replace(
        page,
        headline=page.headline.iloc[:0],
        flow=None,
        table_ones={},
        columns=None,
        groups=None,
        scores=None,
        treatment=None,
        subgroups=None,
        states=None,
        updates=None,
        apparent=None,
        sites=None,
        association=None,
        explanations={},
        claims=(),
        verdicts=(),
        ladder=page.evidence.ladder(()),
        numbers=page.evidence.to_frame().iloc[:0],
        n_events=None,
        patient_level=False,
    )


def _kept_horizons(found: Evaluation, rows: JudgedRows, release: Release, main: float) -> np.ndarray:
    """Return the horizons between which enough patients, or none, change their state."""
    kept = [main]
    k = release.smallest_cell
    for horizon in sorted((float(h) for h in found.horizons), key=lambda h: (abs(h - main), h)):
        if abs(horizon - main) < 1e-9:
            continue
        trial = sorted([*kept, horizon])
        states = [rows.state(h) for h in trial]
        enough = all(
            min(release.patients.count(state == 1), release.patients.count(state == 0)) >= release.min_events
            for state in states
        )
        cells = [
            release.patients.count((first == a) & (second == b) & layer)
            for first, second in pairwise(states)
            for layer in release.patients.each_layer()
            for a in (1, 0, -1)
            for b in (1, 0, -1)
        ]
        if enough and all(cell == 0 or cell >= k for cell in cells):
            kept = trial
        else:
            release.note(f"horizon {horizon:g}", "dropped", "too few patients change their state between horizons")
    return np.array(kept)


def _headline(
    page: Page, release: Release, rows: dict[str, JudgedRows], cuts: list[float], *, of_scores: bool
) -> pd.DataFrame:
    out = page.headline.copy()
    if out.empty:
        return out
    kept: list[dict[str, Any]] = []
    for row in out.to_dict("records"):
        label = str(row["label"])
        digits = release.digits if label.startswith(("AUC", "calibration slope")) else release.count_digits
        value, low, high = (float(row[part]) for part in ("value", "low", "high"))
        if label.removeprefix("Δ").startswith("CRPS") and not of_scores:
            continue  # which is noted
        if "net benefit" in label:
            primary = candidate_cuts(page)[0]
            if primary not in cuts:
                release.note(label, "dropped", "its threshold is not released")
                continue
            if page.comparison and label.startswith("Δ"):
                first, second = (rows[model].score for model in page.comparison)
                if not release.paired(label, first, second, primary):
                    low = high = float("nan")
        if release.take(label, triple(value, low, high)):
            numbers = {"value": round(value, digits), "low": round(low, digits), "high": round(high, digits)}
            kept.append({"label": label, **numbers, "reason": without_numbers(str(row.get("reason", "")))})
    return pd.DataFrame(kept, columns=["label", "value", "low", "high", "reason"])


def _explanations(page: Page, release: Release) -> dict[str, Any]:
    """Return mean absolute attributions; values that a single patient dominates are left out."""
    out = {}
    for key, result in page.explanations.items():
        where = f"attributions ({key.replace('_', ' ')})"
        means = result.averages()
        if not release.mean(where, means.n):
            continue
        one = [
            player
            for j, player in enumerate(result.players)
            if not all(release.mean(f"{where}: {player}", means.n, sizes) for sizes in np.abs(result.values[:, j]).T)
        ]
        means = means.without(one)
        if means.players and release.take(where, len(means.importance())):
            out[key] = means
    return out


def _readings(page: Page, release: Release) -> tuple[Any, ...]:
    """Return results on the measurement itself, from enough patients and without counts of the rarer finding."""
    out = []
    for entry in page.evidence.entries:
        if "compared" not in entry.frame:
            continue
        count = entry.frame["n"].astype(float)
        enough = (count >= release.min_n) & entry.frame["metric"].isin(_KEPT_OF_READINGS)
        if not enough.all():
            release.note(
                "readings", "dropped", f"of fewer than {release.min_n} readings, and shares of the rarer finding"
            )
        frame = entry.frame[enough]
        if len(frame) and release.take("readings", 3 * len(frame)):
            out.append(replace(entry, frame=frame))
    return tuple(out)


def _provenance(page: Page, release: Release) -> dict[str, Any]:
    out = {key: page.provenance[key] for key in _OF_THE_RUN if key in page.provenance}
    gone = [key for key in page.provenance if key not in _OF_THE_RUN]
    if gone:
        release.note(
            f"provenance: {', '.join(gone)}",
            "dropped",
            "digests can be guessed by trial; notes and warnings name rows",
        )
    out["release"] = {"mode": "release", "smallest_cell": release.smallest_cell, "ledger": release.ledger is not None}
    return out


def _plain_objection(found: Objection) -> Objection:
    return replace(found, sentence=without_numbers(found.sentence))


def _plain_verdict(verdict: Verdict, *, tested: bool) -> Verdict:
    """Return the verdict without its numbers; the p-value of a requirement stays if the joint test is released."""
    nothing = float("nan")
    checks = tuple(
        replace(c, name=_requirement(c.name, tested), value=nothing, low=nothing, high=nothing, n_events=None)
        for c in verdict.checks
    )
    return replace(
        verdict,
        checks=checks,
        missing=tuple(_requirement(words, tested) for words in verdict.missing),
        objections=tuple(_plain_objection(o) for o in verdict.objections),
    )


def _plain_ladder(page: Page, *, tested: bool) -> pd.DataFrame:
    out = page.evidence.ladder(page.claims)
    out["objections"] = [without_numbers(str(text)) for text in out["objections"]]
    out["missing"] = [_requirement(str(text), tested) for text in out["missing"]]
    return out


def _requirement(words: str, tested: bool) -> str:
    return words if tested else _P_VALUE.sub("", words)


def _numbers(
    page: Page, numbers: Evaluation, apparent: Evaluation | None, more: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """Return the rows of ``results.parquet``: the released numbers, with the columns of all of them."""
    entries = page.evidence.entries
    sample = next((e for e in entries if e.result is page.evaluation), entries[0] if entries else None)
    frames = []
    for found, how in ((numbers, sample.sample if sample else "apparent"), (apparent, "apparent")):
        if found is not None:
            frame = found.to_frame()
            setting = sample.setting if sample is not None and found is numbers else ""
            frames.append(frame.assign(sample=how, setting=setting, against="", synthetic=page.synthetic))
    out = pd.concat([frame.astype(object) for frame in (*frames, *more)], ignore_index=True)
    out = out.reindex(columns=list(page.evidence.to_frame().columns))
    out[["n", "n_events", "se"]] = None
    return out[out["value"].notna()].reset_index(drop=True)


def _events(release: Release, rows: JudgedRows) -> int | None:
    """Return patients with the event by the main horizon, unless the number with unknown state would follow from it."""
    with_it, without, _ = release.patients.parts()
    if release.few_unknown:
        release.note("events", "dropped", "the number of patients of unknown state could be derived")
        return None
    return with_it if rows.target == "event" else without
