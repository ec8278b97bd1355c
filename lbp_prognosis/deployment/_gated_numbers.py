"""``gated``: the numbers of a validation that a card or calculator may show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from lbp_prognosis.deployment._card_numbers import Judged
from lbp_prognosis.deployment._written_results import WrittenResults
from lbp_prognosis.disclosure import Gate, Patients, Release
from lbp_prognosis.evaluation import Evaluation
from lbp_prognosis.evaluation.prognostic import JudgedRows

__all__ = ["gated"]

_GATE = Gate()
_THRESHOLDS = (
    "Net benefit is shown at no more than three thresholds, between which enough patients lie: others would count the "
    "few between two of them."
)


def gated(found: Judged, declared: Sequence[float], horizons: Sequence[float]) -> tuple[Judged, tuple[str, ...]]:
    """Return a validation without numbers that count few patients, and a list of the numbers left out.

    Cards and calculators are published, so the rules of the disclosure gate apply: fifty patients, ten with the outcome
    and ten without; net benefit at three thresholds at most, declared ones first, with enough patients in each band;
    horizons between which at least five patients, or none, change their state; the last is the main horizon. If the
    result has no rows in which bands can be counted (written results, resampling), net benefit is shown at one
    threshold, rounded to more than one patient; written results of a study know thresholds whose bands were counted.

    Parameters
    ----------
    found : Judged
        One validation.
    declared : sequence of float
        Thresholds at which decisions are discussed.
    horizons : sequence of float
        Shown horizons; empty: all.
    """
    frame = found.frame.copy()
    of = frame["horizon"].astype(float).to_numpy()
    times = [float(t) for t in np.unique(of[np.isfinite(of)]) if not len(horizons) or np.isclose(horizons, t).any()]
    said: dict[str, None] = {}
    kept_states: dict[float, np.ndarray] = {}
    for time in [*reversed(times), float("nan")]:  # the last horizon is the main one
        here = np.isnan(of) if np.isnan(time) else np.isclose(of, time)
        release = None if np.isnan(time) else _release(found, time)
        reason = _few(frame[here]) if release is None else release.insufficient
        if release is not None and not reason:
            kept_states[time] = release.patients.state
            if not _moves_are_many(kept_states, release):
                del kept_states[time]
                reason = "fewer than five patients change their state between this horizon and another"
        if reason:
            frame.loc[here, ["value", "low", "high"]] = np.nan
            where = f" at {time:g}" if np.isfinite(time) else ""
            said[f"Numbers{where} are not shown: {reason}."] = None
            continue
        net = here & frame["metric"].eq("net_benefit").to_numpy()
        if not net.any():
            continue
        known = frame.loc[net, "threshold"].astype(float)
        candidates = [cut for cut in dict.fromkeys(map(float, declared)) if np.isclose(known, cut).any()]
        candidates = candidates if len(declared) else sorted(set(known))
        counted = _counted(found, time)
        if release is not None:
            kept = release.cuts("thresholds", candidates)
        else:
            kept = [cut for cut in candidates if np.isclose(counted, cut).any()]
        uncounted = release is None and not kept
        kept = candidates[:1] if uncounted else kept
        inside = np.array([bool(kept) and bool(np.isclose(kept, cut).any()) for cut in known])
        if not all(inside | ~np.isin(known, candidates)):
            said[_THRESHOLDS] = None
        frame = frame.drop(index=known.index[~inside])
        of = frame["horizon"].astype(float).to_numpy()
        if uncounted:
            _round_to_patients(frame, known.index[inside])
    return replace(found, frame=frame), tuple(said)


def _release(found: Judged, time: float) -> Release | None:
    """Return the release of the rows behind the numbers at a time; None if the result has no rows."""
    held = getattr(found.result, "evaluation", found.result)
    if not isinstance(held, Evaluation) or found.frame.empty:
        return None
    fitted = held.calibrations.get(str(found.frame["model"].iloc[0]))
    if fitted is None or not fitted.keeps_rows(time):
        return None
    rows: JudgedRows = fitted.judged(time)
    copies = None if (rows.copies == 1).all() else rows.copies
    state = np.where(rows.copies > 0, rows.state(), -1)
    return _GATE.open(Patients(state, {"model": rows.score}, copies, rows.clusters))


def _counted(found: Judged, time: float) -> tuple[float, ...]:
    """Return the thresholds whose bands were counted when the results were written."""
    if not isinstance(found.result, WrittenResults) or found.frame.empty or np.isnan(time):
        return ()
    return found.result.counted_at(str(found.frame["model"].iloc[0]), time)


def _moves_are_many(states: Mapping[float, np.ndarray], release: Release) -> bool:
    """Return whether enough patients, or none, change their state between neighbouring horizons."""
    ordered = [states[time] for time in sorted(states)]
    cells = [
        release.patients.count((first == a) & (second == b))
        for first, second in pairwise(ordered)
        for a in (1, 0, -1)
        for b in (1, 0, -1)
    ]
    return release.keeps(cells)


def _few(rows: pd.DataFrame) -> str:
    """Return the reason for which numbers with known counts only are not shown, or an empty string."""
    n = rows["n"].astype(float)
    events = rows["n_events"].astype(float) if "n_events" in rows else pd.Series(np.nan, index=rows.index)
    if (n < _GATE.min_n).any():
        return f"fewer than {_GATE.min_n} patients"
    if (np.minimum(events, n - events) < _GATE.min_events).any():
        return f"fewer than {_GATE.min_events} patients with the outcome, or without it"
    return ""


def _round_to_patients(frame: pd.DataFrame, rows: pd.Index) -> None:
    n = frame.loc[rows, "n"].astype(float)
    digits = np.clip(np.floor(np.log10(np.where(n > 0, n, 1.0) / 2)), 1, 3).astype(int)
    for column in ("value", "low", "high"):
        frame.loc[rows, column] = [round(float(v), int(d)) for v, d in zip(frame.loc[rows, column], digits)]
