"""Performance without a treatment for release, from enough patients that treated patients do not follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lbp_prognosis._base import Objection
from lbp_prognosis.disclosure import Release, told_by_sums, without_numbers
from lbp_prognosis.report._page_treatment import PageTreatment
from lbp_prognosis.report._released_numbers import released_decision, released_evaluation

__all__ = ["released_treatment"]

_METRICS = ("auc", "observed_expected", "ipa", "calibration_slope")
_TAIL = 0.05


def released_treatment(
    shown: PageTreatment, release: Release, main: float, cuts: Sequence[float]
) -> PageTreatment | None:
    """Return the releasable numbers at the main horizon; None if patients would follow by subtraction.

    The numbers are those of patients whose state without the treatment is known; the same page shows the numbers of all
    patients. Therefore each outcome among treated patients, and among patients of unknown state, must have no patient
    or enough patients.

    Parameters
    ----------
    shown : PageTreatment
        With the rows.
    release : Release
        Release through which all numbers pass.
    main : float
        The main horizon.
    cuts : sequence of float
        Thresholds released for all patients, in order of priority.
    """
    where = f"results {shown.condition}"
    if not release.apart(where):
        return None
    patients = release.patients
    assert shown.treated is not None
    assert shown.known is not None
    if patients.copies is not None or patients.clusters is not None or patients.state.size != shown.known.size:
        release.note(where, "dropped", "a row is not a single patient")
        return None
    every = np.zeros(shown.known.size, dtype=int)
    if not _is_safe(shown, release, every) or _too_few(shown, release):
        k = release.smallest_cell
        words = f"fewer than {k} of those treated, or not seen untreated, have one outcome, or too few are known"
        if shown.strategy:
            words = f"fewer than {k} of those who left it, or were not seen, have one outcome, or too few are known"
        release.note(where, "dropped", words)
        return None
    told = told_by_sums(replace(patients, scores=shown.scores), release.smallest_cell, shown.known)
    if told:
        release.note(where, "dropped", told)
        return None
    label = f"{shown.condition}: "
    found = released_evaluation(shown.evaluation, release, np.array([main]), main, _METRICS, (), label)
    decision = None
    if shown.evaluation.decision is not None:
        kept = _cuts(shown, release, cuts)
        decision, _ = released_decision(shown.evaluation.decision, release, main, kept, (), shown.scores, label)
    rows = shown.positivity[np.isclose(shown.positivity["horizon"], main)]
    rows = rows[["horizon", "deviated" if shown.strategy else "treated", "known", "fifth"]].astype(float)
    release.note(
        f"{where}: coefficients of starting, lowest probabilities, largest weights",
        "dropped",
        "they may depend on few patients",
    )
    if not release.quantiles(
        f"{where}: probability of following it" if shown.strategy else f"{where}: probability of being untreated",
        int(shown.known.sum()),
        _TAIL,
    ):
        rows["fifth"] = np.nan
    if not release.take(f"{label}patients", 2 * len(rows) + int(rows["fifth"].notna().sum())):
        rows = rows.iloc[:0]
    return replace(
        shown,
        evaluation=replace(found, decision=decision),
        starts=shown.starts.iloc[:0],
        positivity=rows.round({"fifth": min(2, release.count_digits)}),
        n=None,
        n_treated=None,
        n_lost=None,
        n_deviated=None,
        objections=tuple(_plain(one) for one in shown.objections),
        treated=None,
        known=None,
        scores={},
    )


def _plain(found: Objection) -> Objection:
    return replace(found, sentence=without_numbers(found.sentence))


def _too_few(shown: PageTreatment, release: Release) -> bool:
    assert shown.known is not None
    with_it, without, _ = release.patients.parts(shown.known)
    return release.patients.count(shown.known) < release.min_n or min(with_it, without) < release.min_events


def _is_safe(shown: PageTreatment, release: Release, band: np.ndarray) -> bool:
    """Return whether in each band each outcome of treated and of unknown patients has no patient or enough patients."""
    assert shown.treated is not None
    assert shown.known is not None
    patients = release.patients
    layers = (shown.known, ~shown.known & shown.treated, ~shown.known & ~shown.treated)
    return all(
        release.keeps(patients.parts((band == number) & layer)) for number in np.unique(band) for layer in layers
    )


def _cuts(shown: PageTreatment, release: Release, cuts: Sequence[float]) -> list[float]:
    """Return the thresholds whose bands are safe for every model, in the order given."""
    kept: list[float] = []
    for cut in cuts:
        grid = np.sort([*kept, cut])
        bands = [np.searchsorted(grid, score, side="right") for score in shown.scores.values()]
        full = all(_has_both(shown, release, band, grid.size + 1) for band in bands)
        if full and all(_is_safe(shown, release, band) for band in bands):
            kept.append(cut)
        else:
            release.note(f"net benefit {shown.condition} at {cut:g}", "dropped", "a band would have too few patients")
    return kept


def _has_both(shown: PageTreatment, release: Release, band: np.ndarray, count: int) -> bool:
    """Return whether every band that has known patients has enough with the target and without it."""
    assert shown.known is not None
    parts = [release.patients.parts((band == number) & shown.known)[:2] for number in range(count)]
    return all(sum(two) == 0 or min(two) >= release.smallest_cell for two in parts)
