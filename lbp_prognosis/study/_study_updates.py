"""``study_updates``: risks of a study updated at landmarks, out of fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from lbp_prognosis._base import DataError, EstimationError, Objection, argument_error, objection, spawn
from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.fusion import MultipleImputation
from lbp_prognosis.models import DynamicRisk, LandmarkData, LandmarkStack, landmark, landmark_effects_test
from lbp_prognosis.report import PageUpdates
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._updates_plan import UpdatesPlan

__all__ = ["study_updates"]

Frames = dict[float, pd.DataFrame]
_COURSES = {"values fall": (0.5, 0.25), "values stay": (0.5, 0.5), "values rise": (0.5, 0.75)}
"""Quantiles of the values of synthetic patients at the first landmark and at the last."""
_CHANGING = 0.01  # p of the joint test below which effects are said to change
_DONORS = 5  # known values of a column from which others are imputed


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
        If at a landmark no patient at risk has all values.
    ArgumentError
        If there are more folds than events.
    """
    plan, visits = study.updates, data.visits_table
    if plan is None or visits is None:
        return None
    frames = visits.known(data.X)
    kept = {at: landmark(data.y, frame.reset_index(drop=True), at, plan.width) for at, frame in frames.items()}
    first = frames[next(iter(frames))]  # no value observed later
    if plan.imputations:
        known = {at: np.ones(len(frame), dtype=bool) for at, frame in frames.items()}
    else:
        known = {at: _known(frame) & _known(first) for at, frame in frames.items()}
    if not all(known[at][part.rows].any() for at, part in kept.items()):
        _refuse(frames, kept)
    if plan.imputations and not all(_can_be_imputed(frame, kept[at].rows) for at, frame in frames.items()):
        _refuse(frames, kept)
    updated = {at: frame[known[at]].reindex(frame.index) for at, frame in frames.items()}
    at_first = {at: first[known[at]].reindex(first.index) for at in frames}
    risks = {
        "not updated": _out_of_fold(study, plan, at_first, data.y, kept, known),
        "updated": _out_of_fold(study, plan, updated, data.y, kept, known),
    }
    seeds = spawn(study.seed, len(frames))
    evaluations: dict[float, Evaluation] = {}
    rows, codes = [], {}
    t = study.thresholds
    cuts = None if t is None else np.unique([t.low, t.primary, t.high])
    doubts: list[Objection] = []
    for (at, part), seed in zip(kept.items(), seeds):
        all_known = known[at][part.rows]
        told_by_all = np.all([np.isfinite(risk[at][part.rows]) for risk in risks.values()], axis=0)
        here = all_known & told_by_all
        if here.sum() < all_known.sum():
            n = int(all_known.sum())
            way = "imputed" if plan.imputations else ""
            doubts.append(objection("landmark-not-predicted", variant=way, landmark=at, known=n, n=n - int(here.sum())))
        told = {name: risk[at][part.rows[here]] for name, risk in risks.items()}
        if here.any():
            evaluations[at] = evaluate(
                part.y[here],
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
                "n": int(here.sum()),
                "n_unknown": int((~here).sum()),
                "n_left": part.n_left,
                "n_not_entered": part.n_not_entered,
            }
        )
        codes[at] = _codes(part, here, len(data.X), plan.width, data.spec.target)
    if not evaluations:
        raise DataError(" ".join(["No landmark of [updates] has patients with a prediction.", *map(str, doubts)]))
    model = _fitted(study, plan, updated, data.y)
    assert model is not None  # each landmark can be imputed, and has patients at risk
    doubts += _changing(plan, updated, data.y)
    at_risk = np.unique(np.concatenate([part.rows for part in kept.values()]))
    fitted = np.unique(np.concatenate([part.rows[known[at][part.rows]] for at, part in kept.items()]))
    return PageUpdates(
        width=plan.width,
        columns=plan.columns,
        fixed=plan.fixed,
        evaluations=evaluations,
        at_risk=pd.DataFrame(rows),
        course=_course(model, plan, frames, kept),
        n_unfitted=at_risk.size - fitted.size,
        codes=codes,
        objections=tuple(doubts),
        imputations=plan.imputations,
    )


class _OfKnown(DynamicRisk):
    """A dynamic risk in which a patient has a part at the landmarks at which all values are known.

    Leaving a patient out at all landmarks for a value that lacks at a later one would select by what came after: who
    had the event before it lacks none, so that risks at the earlier landmarks would be too high.
    """

    def _stacked(self, frames: Any, y: np.ndarray) -> LandmarkStack:
        stack = super()._stacked(frames, y)
        known = _known(stack.X)
        return replace(
            stack,
            X=stack.X[known].reset_index(drop=True),
            y=stack.y[known],
            landmark=stack.landmark[known],
            strata=None if stack.strata is None else stack.strata[known],
            clusters=stack.clusters[known],
            rows=stack.rows[known],
        )


def _known(frame: pd.DataFrame) -> np.ndarray:
    found: np.ndarray = frame.notna().all(axis=1).to_numpy()
    return found


def _refuse(frames: Frames, kept: Mapping[float, LandmarkData]) -> None:
    share = {
        (str(column), at): float(frames[at][column].isna().to_numpy()[part.rows].mean())
        for at, part in kept.items()
        for column in frames[at].columns
    }
    (column, at), worst = max(share.items(), key=lambda item: item[1])
    raise DataError(
        "At a landmark of [updates] no patient at risk has all values: "
        f"{column!r} is not known at {at:g} for {worst:.0%} of those at risk. Leave the column out, begin later, or "
        "raise `max_age`."
    )


def _can_be_imputed(frame: pd.DataFrame, rows: np.ndarray) -> bool:
    """Whether each column is known for enough of these rows that others can be imputed from them."""
    return bool((frame.iloc[rows].notna().sum() >= _DONORS).all())


def _fitted(
    study: Study, plan: UpdatesPlan, frames: Frames, y: np.ndarray, rows: np.ndarray | None = None
) -> DynamicRisk | None:
    """Return the model of these rows (n,); None if values are to be imputed and there is no landmark where they can."""
    inside = np.ones(y.shape[0], dtype=bool) if rows is None else rows
    own, outcome = {at: frame[inside].reset_index(drop=True) for at, frame in frames.items()}, y[inside]
    options: dict[str, Any] = {"interactions": plan.interactions, "baseline": plan.baseline}
    if not plan.imputations:
        return _OfKnown(plan.landmarks, plan.width, **options).fit(own, outcome)
    usable = {
        at: frame for at, frame in own.items() if _can_be_imputed(frame, landmark(outcome, frame, at, plan.width).rows)
    }
    if not usable:
        return None
    imputer = MultipleImputation(int(plan.imputations), random_state=study.seed)
    return DynamicRisk(tuple(usable), plan.width, imputer=imputer, **options).fit(usable, outcome)


def _risk_at(model: DynamicRisk | None, frame: pd.DataFrame, at: float, width: float) -> np.ndarray:
    """Return the risks (n,) within the window; NaN if the training set had no patients at the landmark."""
    if model is None or not np.isclose(model.landmarks_, at, rtol=1e-12, atol=0).any():
        return np.full(len(frame), np.nan)
    found: np.ndarray = model.predict_risk(frame, at + width, at=at)[:, 0]
    return found


def _out_of_fold(
    study: Study,
    plan: UpdatesPlan,
    frames: Frames,
    y: np.ndarray,
    kept: Mapping[float, LandmarkData],
    used: Mapping[float, np.ndarray],
) -> dict[float, np.ndarray]:
    """Return risks within the window at each landmark, shape (n,).

    NaN if values are unknown, if the patient is not at risk, or if a training set without the patient has no row at the
    landmark, or no patient who is followed to the end of the window.
    """
    folds, repeats = study.validation.folds, study.validation.repeats
    known = {at: part.rows[used[at][part.rows]] for at, part in kept.items()}
    seen = np.unique(np.concatenate(list(known.values())))
    events = int((y["event"][seen] == 1).sum())
    if folds > events:
        raise argument_error(
            "validation.folds",
            f"at most {events}, the events of patients with all values of [updates] at a landmark",
            str(folds),
        )
    total = {at: np.zeros(y.shape[0]) for at in frames}
    for repeat in range(repeats):
        cut = StratifiedKFold(folds, shuffle=True, random_state=int(study.seed + repeat) % 2**32)
        for train, test in cut.split(np.zeros((y.shape[0], 1)), y["event"]):
            inside = np.zeros(y.shape[0], dtype=bool)
            inside[train] = True
            model = _fitted(study, plan, frames, y, inside)
            for at, rows in known.items():
                here = rows[np.isin(rows, test)]
                if not here.size:
                    continue
                total[at][here] += _risk_at(model, frames[at].iloc[here], at, plan.width) / repeats
    out = {}
    for at, rows in known.items():
        told = np.full(y.shape[0], np.nan)
        told[rows] = total[at][rows]
        out[at] = told
    return out


def _changing(plan: UpdatesPlan, frames: Frames, y: np.ndarray) -> list[Objection]:
    """Object to predictors whose effects change between landmarks, unless they are declared as interactions."""
    if len(frames) < 2 or not {*plan.columns, *plan.fixed} - set(plan.interactions):
        return []
    model = DynamicRisk(plan.landmarks, plan.width, interactions=plan.interactions, baseline=plan.baseline)
    try:
        tests = landmark_effects_test(model, frames, y)
    except EstimationError:  # too few events for a product of each column
        return []
    joint, own = float(tests["p"].iloc[-1]), tests.iloc[:-1].set_index("term")["p"]  # a column may be named all
    if not joint < _CHANGING:
        return []
    names = [str(name) for name, p in own.items() if p < _CHANGING] or [str(own.idxmin())]
    shown = "< 0.001" if joint < 0.001 else "< 0.01"
    return [objection("landmark-effects-differ", columns=", ".join(names), p=shown)]


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
    """Return synthetic patients whose values move between quantiles of patients at risk; fixed values are medians."""
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
