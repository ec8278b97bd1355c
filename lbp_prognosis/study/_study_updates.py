"""``study_updates``: risks of a study that are predicted again at landmarks, out of fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from lbp_prognosis._base import DataError, argument_error, spawn
from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.models import DynamicRisk, LandmarkData, landmark
from lbp_prognosis.report import PageUpdates
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._updates_plan import UpdatesPlan

__all__ = ["study_updates"]

Frames = dict[float, pd.DataFrame]
_COURSES = {"values fall": (0.5, 0.25), "values stay": (0.5, 0.5), "values rise": (0.5, 0.75)}
"""Quantiles of the values of synthetic patients at the first landmark and at the last."""


def study_updates(study: Study, data: StudyData) -> PageUpdates | None:
    """Return performance at each landmark and the course of synthetic patients; None if no updates are declared.

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.

    Raises
    ------
    DataError
        If no patient has all values at the landmarks.
    ArgumentError
        If there are more folds than events.
    """
    plan, visits = study.updates, data.visits_table
    if plan is None or visits is None:
        return None
    frames = visits.known(data.X)
    kept = {at: landmark(data.y, frame.reset_index(drop=True), at, plan.width) for at, frame in frames.items()}
    usable = _usable(frames, kept, len(data.X))
    if not usable.any():
        _refuse(frames, kept)
    first = next(iter(frames))
    known_first = {at: frames[first] for at in frames}  # nothing that was seen later
    risks = {
        "not updated": _out_of_fold(study, plan, known_first, data.y, usable, kept),
        "updated": _out_of_fold(study, plan, frames, data.y, usable, kept),
    }
    seeds = spawn(study.seed, len(frames))
    evaluations: dict[float, Evaluation] = {}
    rows, codes = [], {}
    t = study.thresholds
    cuts = None if t is None else np.unique([t.low, t.primary, t.high])
    for (at, part), seed in zip(kept.items(), seeds):
        known = _known(frames[at], part) & _known(known_first[at], part)
        told = {name: risk[at][part.rows[known]] for name, risk in risks.items()}
        evaluations[at] = evaluate(
            part.y[known],
            told,
            plan.width,
            cuts,
            target=data.spec.target,
            n_resamples=study.validation.resamples,
            random_state=seed,
        )
        rows.append(
            {
                "landmark": at,
                "n": int(known.sum()),
                "n_unknown": int((~known).sum()),
                "n_left": part.n_left,
                "n_not_entered": part.n_not_entered,
            }
        )
        codes[at] = _codes(part, known, len(data.X), plan.width, data.spec.target)
    model = _fitted(plan, frames, data.y, usable)
    return PageUpdates(
        width=plan.width,
        columns=plan.columns,
        fixed=plan.fixed,
        evaluations=evaluations,
        at_risk=pd.DataFrame(rows),
        course=_course(model, plan, frames, kept),
        n_unfitted=int((~usable).sum()),
        codes=codes,
    )


def _known(frame: pd.DataFrame, part: LandmarkData) -> np.ndarray:
    found: np.ndarray = frame.notna().all(axis=1).to_numpy()[part.rows]
    return found


def _usable(frames: Frames, kept: Mapping[float, LandmarkData], n: int) -> np.ndarray:
    """Return who has all values at each landmark at which the patient is at risk, and at the first."""
    usable = np.ones(n, dtype=bool)
    for at, part in kept.items():
        for frame in (frames[at], frames[next(iter(frames))]):
            usable[part.rows[~_known(frame, part)]] = False
    return usable


def _refuse(frames: Frames, kept: Mapping[float, LandmarkData]) -> None:
    share = {
        (str(column), at): float(frames[at][column].isna().to_numpy()[part.rows].mean())
        for at, part in kept.items()
        for column in frames[at].columns
    }
    (column, at), worst = max(share.items(), key=lambda item: item[1])
    raise DataError(
        "No patient has all values of [updates] at the landmarks at which the patient is at risk: "
        f"{column!r} is not known at {at:g} for {worst:.0%} of those at risk. Leave the column out, begin later, or "
        "raise `max_age`."
    )


def _fitted(plan: UpdatesPlan, frames: Frames, y: np.ndarray, rows: np.ndarray) -> DynamicRisk:
    model = DynamicRisk(plan.landmarks, plan.width, interactions=plan.interactions, baseline=plan.baseline)
    return model.fit({at: frame[rows].reset_index(drop=True) for at, frame in frames.items()}, y[rows])


def _out_of_fold(
    study: Study,
    plan: UpdatesPlan,
    frames: Frames,
    y: np.ndarray,
    usable: np.ndarray,
    kept: Mapping[float, LandmarkData],
) -> dict[float, np.ndarray]:
    """Return risks within the window at each landmark, shape (n,); NaN where a value is not known or none at risk."""
    folds, repeats = study.validation.folds, study.validation.repeats
    events = int(((y["event"] == 1) & usable).sum())
    if folds > events:
        raise argument_error(
            "validation.folds", f"at most {events}, the events of patients with all values of [updates]", str(folds)
        )
    total = {at: np.zeros(y.shape[0]) for at in frames}
    for repeat in range(repeats):
        cut = StratifiedKFold(folds, shuffle=True, random_state=int(study.seed + repeat) % 2**32)
        for train, test in cut.split(np.zeros((y.shape[0], 1)), y["event"]):
            inside = np.zeros(y.shape[0], dtype=bool)
            inside[train] = True
            model = _fitted(plan, frames, y, inside & usable)
            for at, part in kept.items():
                here = part.rows[np.isin(part.rows, test) & _known(frames[at], part)]
                if here.size:
                    total[at][here] += model.predict_risk(frames[at].iloc[here], at + plan.width, at=at)[:, 0] / repeats
    out = {}
    for at, part in kept.items():
        told = np.full(y.shape[0], np.nan)
        here = part.rows[_known(frames[at], part)]
        told[here] = total[at][here]
        out[at] = told
    return out


def _codes(part: LandmarkData, known: np.ndarray, n: int, width: float, target: str) -> np.ndarray:
    code = np.full(n, 3, dtype=int)
    code[part.rows] = 2
    time, event = part.y["time"], part.y["event"]
    happened = (event == 1) & (time <= width)
    other = (event > 1) & (time <= width)
    state = np.where(happened, 1, np.where(other | (time >= width), 0, -1))
    if target == "no_event":
        state = np.where(state >= 0, 1 - state, -1)
    code[part.rows[known]] = state[known]
    return code


def _course(model: DynamicRisk, plan: UpdatesPlan, frames: Frames, kept: Mapping[float, LandmarkData]) -> pd.DataFrame:
    """Return synthetic patients whose values move between quantiles of those at risk; fixed values are medians."""
    rows: list[dict[str, Any]] = []
    points = list(frames)
    still = frames[points[0]].iloc[kept[points[0]].rows][list(plan.fixed)].median()
    for name, (start, stop) in _COURSES.items():
        for k, at in enumerate(points):
            share = start + (stop - start) * (k / (len(points) - 1) if len(points) > 1 else 0.0)
            seen = frames[at].iloc[kept[at].rows]
            values = pd.concat([still, seen[list(plan.columns)].quantile(share)])[list(seen.columns)]
            risk = model.predict_risk(values.to_frame().T, at + model.width, at=at)[0, 0]
            rows.append({"patient": name, "landmark": at, "risk": float(risk), **values.to_dict()})
    return pd.DataFrame(rows)
