"""``study_subgroups``: the comparison of a study in groups of patients, out of fold."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error
from lbp_prognosis.report import SUBGROUP_METRICS, PageSubgroups
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.study._subgroups_plan import SITE, SubgroupsPlan
from lbp_prognosis.survival import known_at, measured_to_status, outcome_kind
from lbp_prognosis.validation import CrossValidation, subgroup_performance

__all__ = ["check_subgroups", "study_subgroups"]


def check_subgroups(study: Study, data: StudyData) -> dict[str, Any]:
    """Return the values of each declared column.

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.

    Raises
    ------
    ArgumentError
        If a column is absent or its bands have no numbers, the data name no site, or no group is large enough.
    """
    if study.subgroups is None:
        return {}
    out: dict[str, Any] = {}
    for name in study.subgroups.columns:
        if name == SITE and SITE not in data.X.columns:
            if data.sites is None:
                raise argument_error("subgroups.columns", "left without 'site' where the data name none", repr(SITE))
            out[name] = data.sites
        elif name not in data.X.columns:
            raise argument_error("subgroups.columns", f"predictors, {list(data.X.columns)[:12]}", repr(name))
        else:
            values, words = data.X[name], data.value_labels.get(name, {})
            out[name] = values if name in study.subgroups.bands else values.map(lambda v, w=words: w.get(v, v))
        told = pd.Series(np.asarray(out[name]))
        numbers = pd.to_numeric(told, errors="coerce")
        if name in study.subgroups.bands and (numbers.isna() & told.notna()).any():
            raise argument_error(f"subgroups.bands.{name}", "cut points of a column of numbers", "a column with words")
        if name not in study.subgroups.bands and numbers.nunique() > 10 and numbers.notna().any():
            raise argument_error(
                f"subgroups.bands.{name}", "cut points of a column of more than ten numbers", "none", "Declare them."
            )
    _refuse_small(study.subgroups, _at_main(data), data.spec.main_horizon, out)
    return out


def _at_main(data: StudyData) -> np.ndarray:
    """Return the outcome, as known at the main horizon if it is observed at visits."""
    kind = outcome_kind(data.y)
    y = known_at(data.y, data.spec.main_horizon) if kind == "interval" else data.y
    return measured_to_status(y) if kind == "measured" else y


def _refuse_small(plan: SubgroupsPlan, y: np.ndarray, main: float, values: dict[str, Any]) -> None:
    """Refuse groups of which none is large enough, which would end the study after its last fit."""
    if plan.risk_groups:
        return
    if "status" in (y.dtype.names or ()):
        event, free = y["status"] == 1, y["status"] == 0
    else:
        event = (y["event"] == 1) & (y["time"] <= main)
        free = (y["time"] >= main) & ~event
    counts = pd.DataFrame({"event": event, "free": free})
    for name, told in values.items():
        labels = pd.Series(np.asarray(told), dtype=object)
        if name in plan.bands:
            place = np.searchsorted(plan.bands[name], pd.to_numeric(labels).to_numpy(float), side="right")
            labels = pd.Series(place).where(labels.notna())
        if (counts.groupby(labels, dropna=False).sum().min(axis=1) >= plan.min_events).any():
            return
    raise argument_error(
        "subgroups.min_events",
        f"events, and patients followed without, that some group has by {main:g}",
        f"{plan.min_events}, which none has",
        "Lower it, or merge groups that belong together.",
    )


def study_subgroups(study: Study, data: StudyData, folds: CrossValidation) -> PageSubgroups | None:
    """Return performance and paired differences by group at the main horizon; None if no groups are declared.

    Parameters
    ----------
    study : Study
        The protocol.
    data : StudyData
        One row per patient.
    folds : CrossValidation
        Out-of-fold risks.
    """
    plan = study.subgroups
    if plan is None:
        return None
    main, y = data.spec.main_horizon, _at_main(data)
    times = np.atleast_1d(np.asarray(folds.horizons, dtype=float))
    place = int(np.flatnonzero(np.isclose(times, main))[0])
    risks = {name: folds.risks[name][:, place] for name in study.comparison}
    groups = check_subgroups(study, data)
    if plan.risk_groups:
        groups[f"risk of {study.comparison[0]}"] = _by_risk(risks[study.comparison[0]], plan.risk_groups)
    found = subgroup_performance(
        y,
        risks,
        groups,
        main,
        None if study.thresholds is None else [study.thresholds.primary],
        bands={name: list(cuts) for name, cuts in plan.bands.items()},
        target=data.spec.target,
        min_events=plan.min_events,
        n_resamples=0,
    )
    return PageSubgroups(found, found.heterogeneity(study.comparison[0], SUBGROUP_METRICS), study.comparison)


def _by_risk(risk: np.ndarray, count: int) -> pd.Categorical[Any]:
    """Return groups of equal size, named by their limits; equal risks stay together."""
    edges = np.unique(np.quantile(risk, np.arange(1, count) / count))
    codes = np.searchsorted(edges, risk, side="right")
    limits = [f"{100 * edge:.3g}%" for edge in edges]
    names = [f"below {limits[0]}", *(f"{a} to {b}" for a, b in pairwise(limits)), f"{limits[-1]} and above"]
    return pd.Categorical.from_codes(codes.tolist(), categories=pd.Index(_distinct(names)))


def _distinct(names: list[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(names, start=1)]
