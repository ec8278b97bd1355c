"""``motion_of_trials``: the table ``motion`` of a package from its table ``motion_trial``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomechanics import MotionSummary, check_trials, summarise_trials
from lbp_prognosis.schema import PackageReport

__all__ = ["motion_of_trials", "sessions_of"]

_KEY = ["patient_id", "session_id", "measure", "side"]


def motion_of_trials(report: PackageReport, rules: Mapping[str, Any]) -> tuple[PackageReport, list[str]]:
    """Return the package with values per session from its trials, and notes.

    Parameters
    ----------
    report : PackageReport
        Valid.
    rules : mapping
        ``summary, sides, errors`` of `summarise_trials`.

    Raises
    ------
    ArgumentError
        If there are rules but no trials.
    DataError
        If trials cannot be used, or a value is already in ``motion``; carries ``failures``.
    """
    trials = report.tables.get("motion_trial")
    if trials is None:
        if rules:
            raise argument_error("biomechanics", "left out for a package without the table `motion_trial`", "given")
        return report, []
    found = _summary(trials, rules)
    made = found.to_motion()
    given = report.tables.get("motion")
    whole = made if given is None else pd.concat([given, made], ignore_index=True)
    keys = whole.reindex(columns=_KEY)
    again = keys.fillna("").astype(str).duplicated()
    if again.any():
        raise DataError(
            f"{int(again.sum())} values of sessions are in `motion` and also result from `motion_trial`; the first: "
            f"{keys[again].iloc[0]['measure']!r}."
        )
    # no counts: notes are printed on the page without passing the gate
    notes = ["The trials of `motion_trial` became values of sessions."]
    if trials["value"].isna().any():
        notes.append("Trials of `motion_trial` without a value are in none of them.")
    notes += [f"Left out of `motion_trial`: {reason}." for reason in found.left_out["reason"].unique()]
    return replace(report, tables={**report.tables, "motion": whole}), notes


def _summary(trials: pd.DataFrame, rules: Mapping[str, Any]) -> MotionSummary:
    found = summarise_trials(trials[trials["value"].notna()], **rules)
    if len(found.failures):
        first = found.failures.iloc[0]
        raise DataError(
            f"{len(found.failures)} trials cannot be used; the first: {first['reason']} ({first['message']}).",
            found.failures,
        )
    return found


def sessions_of(tables: Mapping[str, pd.DataFrame], rules: Mapping[str, Any]) -> MotionSummary:
    """Return sessions and trials for the repeatability of a measure.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Tables of the registry; ``motion_trial`` if present, else ``motion``, whose values each count as one trial.
    rules : mapping
        ``summary, sides, errors``.

    Raises
    ------
    DataError
        If both tables are absent, or values cannot be used.
    """
    if "motion_trial" in tables:
        trials = tables["motion_trial"]
        return _summary(trials[trials["value"].notna()], {**rules, "sides": "each"})
    if "motion" not in tables:
        raise DataError(
            '[[technical]] with table = "motion" needs a package with the table `motion` or `motion_trial`.'
        )
    values = tables["motion"]
    held = values[values["value"].notna() & ~values["measure"].str.endswith("_asymmetry").fillna(False)]
    if "method_id" not in held.columns:
        held = held.assign(method_id="not said")
    checked = check_trials(held.assign(trial=1, method_id=held["method_id"].fillna("not said")))
    return summarise_trials(checked)
