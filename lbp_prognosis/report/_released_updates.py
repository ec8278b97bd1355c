"""Risks updated at landmarks for release: landmarks between which enough patients, or none, change their state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lbp_prognosis.disclosure import Patients, Release, told_by_sums
from lbp_prognosis.evaluation import Evaluation
from lbp_prognosis.report._page_updates import PageUpdates
from lbp_prognosis.report._released_numbers import released_evaluation

__all__ = ["released_updates"]

_METRICS = ("auc", "observed_expected", "ipa", "calibration_slope")
_PAIR = ("not updated", "updated")
_COUNTS = ["n", "n_unknown", "n_left", "n_not_entered"]


def released_updates(shown: PageUpdates, release: Release) -> PageUpdates | None:
    """Return the releasable landmarks, in order of priority; None if there are none.

    The patients evaluated at a landmark are those of the page minus those who left, so that counts can be subtracted. A
    landmark is kept if every pairwise combination of a patient's states at the main horizon, at this landmark and at
    the landmark kept before has no patient or enough patients.

    Parameters
    ----------
    shown : PageUpdates
        With the rows.
    release : Release
        Release through which all numbers pass.
    """
    where = "updated risks"
    patients = release.patients
    if not release.apart(where):
        return None
    if patients.copies is not None or patients.clusters is not None:
        release.note(where, "dropped", "a row is not a single patient")
        return None
    kept: dict[float, Evaluation] = {}
    before = patients.state
    for at, found in shown.evaluations.items():
        label = f"landmark {at:g}: "
        code = shown.codes[at]
        if not (_enough(code, release) and _pairs_are_safe(patients.state, code, release)):
            release.note(f"landmark {at:g}", "dropped", "too few patients at risk, or in one state")
            continue
        if not release.keeps(shown.at_risk.loc[shown.at_risk["landmark"] == at, _COUNTS]):
            release.note(f"landmark {at:g}", "dropped", "too few patients came later, or left")
            continue
        told = _told_by_risks(found, release)
        if told:
            release.note(f"landmark {at:g}", "dropped", told)
            continue
        if not _pairs_are_safe(before, code, release):
            release.note(f"landmark {at:g}", "dropped", "too few patients change their state between landmarks")
            continue
        if not release.take(f"{label}patients at risk", len(_COUNTS)):
            continue
        pair = _PAIR if set(_PAIR) <= set(found.models) else ()
        kept[at] = released_evaluation(found, release, found.horizons, float(found.horizons[0]), _METRICS, pair, label)
        before = code
    if not kept:
        return None
    if any(found.decision is not None for found in shown.evaluations.values()):
        release.note("net benefit at landmarks", "dropped", "bands of risk at several landmarks could be subtracted")
    rows = shown.at_risk[shown.at_risk["landmark"].isin(list(kept))]
    course = shown.course[shown.course["landmark"].isin(list(kept))][["patient", "landmark", "risk"]]
    fewest = int(rows["n"].min())
    named = "courses of synthetic patients"
    if not (release.quantiles(named, fewest) and release.take(named, len(course))):
        course = course.iloc[:0]
    return replace(
        shown,
        evaluations=kept,
        at_risk=rows.reset_index(drop=True),
        course=course.round({"risk": 2}).reset_index(drop=True),
        n_unfitted=None,
        codes={},
        objections=tuple(o for o in shown.objections if o.code == "landmark-effects-differ"),  # without counts
    )


def _told_by_risks(found: Evaluation, release: Release) -> str:
    """Return why sums of the risks at a landmark would give away a few patients, or an empty string."""
    for model, fitted in found.calibrations.items():
        width = float(found.horizons[0])
        if not fitted.keeps_rows(width):
            return "numbers without rows, whose risks cannot be counted"
        rows = fitted.judged(width)
        told = told_by_sums(Patients(rows.state(), {model: rows.score}), release.smallest_cell)
        if told:
            return told
    return ""


def _enough(code: np.ndarray, release: Release) -> bool:
    with_it, without = ((code == state).sum() for state in (1, 0))
    judged = int((code < 2).sum())
    return judged >= release.min_n and min(with_it, without) >= release.min_events


def _pairs_are_safe(first: np.ndarray, second: np.ndarray, release: Release) -> bool:
    cells = [((first == a) & (second == b)).sum() for a in np.unique(first) for b in np.unique(second)]
    return release.keeps(cells)
