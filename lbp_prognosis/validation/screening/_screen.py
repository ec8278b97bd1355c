"""``screen``: checks of predictors and outcome for leakage, before any model is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    argument_error,
    check_choice,
    check_clusters,
    check_horizons,
    declared_values,
    missing_codes,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import copied_rows
from lbp_prognosis.survival import check_outcome, measured_to_status, outcome_screen, status_horizon
from lbp_prognosis.validation.screening._burden_direction import burden_direction
from lbp_prognosis.validation.screening._column_strength import Strength, as_numbers, strength
from lbp_prognosis.validation.screening._identifier_like import identifier_like
from lbp_prognosis.validation.screening._screening import Finding, Screening

__all__ = ["screen"]

_IS_OUTCOME = 0.98  # area under the curve, or correlation with the time, of a column that is the outcome
# area of one predictor, and its excess over the upper quartile of the others: bilirubin in primary biliary cholangitis,
# as strong a predictor as medicine has, reaches 0.88 and an excess of 0.18
_STRONG = ((0.82, 0.20), (0.92, 0.12))
_STRONG_ALONE = 0.92  # where there are fewer than four predictors to compare with
_MISSING = 0.75  # area of the pattern of missing values
_FOLLOW_UP = 0.5  # rank correlation with the time under observation among the censored
_CLEAR = 5.0  # standard errors that a correlation must differ from zero by
_CERTAIN = 12.0  # events expected in a level that has none, or all
_MOST = 20_000  # rows looked at


@takes_rows()
def screen(
    X: Any,
    y: np.ndarray,
    horizons: Any = None,
    *,
    cause: int = 1,
    polarity: str | None = None,
    groups: Any = None,
) -> Screening:
    """Check predictors and outcome for leakage and other data errors before any model is fitted.

    Parameters
    ----------
    X : DataFrame or array of shape (n, p)
        Predictors as they came, missing values included.
    y : ndarray of shape (n,)
        Made by `Surv.right`, `Surv.interval`, `Status.at` or `Measured.at`.
    horizons : float or sequence of float, optional
        Prediction times; a `Status` contains its own.
    cause : int, default 1
        Event of interest.
    polarity : {"good", "bad"}, optional
        Whether the event is good for the patient (recovery); if given, the direction of pain and disability is checked.
    groups : array-like of shape (n,), optional
        Patient of each row, where a patient may have several: only the first row of each patient is checked.

    Returns
    -------
    Screening
        ``to_frame()``: ``code, column, value, sentence``; ``objections`` has one per code.

    Raises
    ------
    ArgumentError
        If ``X`` and ``y`` have different lengths or another argument is not accepted.

    Notes
    -----
    Looked for, with the code of the objection: a predictor that equals the outcome or a monotone recode of it
    (``predictor-is-outcome``); a predictor that alone discriminates far better than the others
    (``predictor-too-strong``); one that predicts how long a censored patient was observed, such as a number of visits
    (``predictor-follows-follow-up``; a calendar year is left alone, it may be known at time zero); a level in which all
    or no patients have the event although at least twelve would be expected to (``level-decides-outcome``); missing
    values that predict the outcome (``missingness-tells-outcome``); codes such as -9 or 99 that lie apart from all
    other values (``missing-code-as-value``; not in columns for which `read_table` was told what is missing, or that
    `schema.declare_values` names); row numbers, dates and identifiers (``identifier-as-predictor``); patients
    that occur twice, exactly or nearly (``patients-copied``); events at one time, piled times, and units of time that
    do not fit the horizons (see `survival.outcome_screen`); pain and disability that go with more of a good event
    (``causes-swapped``). Of more than 20,000 rows the first are looked at.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.validation import screen
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"pain": rng.normal(size=200), "age": rng.normal(size=200)})
    >>> t, c = rng.exponential(9 * np.exp(0.5 * X["pain"])), rng.uniform(6, 24, 200)
    >>> y = Surv.right(np.minimum(t, c), t <= c)
    >>> screen(X, y, 12).to_frame().empty
    True
    >>> screen(X.assign(visits=y["time"] // 3 + rng.integers(0, 3, 200)), y, 12).to_frame()["code"].tolist()
    ['predictor-follows-follow-up']
    """
    piled: tuple[Objection, ...] = ()
    if check_outcome(y, ("right", "interval", "status", "measured"), caller="screen") == "measured":
        piled = outcome_screen(y)
        # the upper half represents the score: a leak predicts it like any other cut
        y = measured_to_status(y, at_least=float(np.nanmedian(y["value"])))
    kind = check_outcome(y, ("right", "interval", "status"), caller="screen")
    asked = status_horizon(y) if kind == "status" and horizons is None else horizons
    times = None if kind == "status" and asked is None else check_horizons(asked)[0]
    if polarity is not None:
        check_choice("polarity", polarity, ("good", "bad"))
    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X).rename(columns=lambda k: f"x{k}")
    if len(table) != y.shape[0]:
        raise argument_error("X", f"of length {y.shape[0]}, one row per row of `y`", f"length {len(table)}")
    synthetic = bool(getattr(X, "attrs", {}).get("synthetic", False))
    declared = declared_values(X)
    patients = check_clusters("groups", groups, n=y.shape[0])
    if patients is not None:
        first = np.unique(patients, return_index=True)[1]
        table, y = table.iloc[first], y[first]
    table, y = table.iloc[:_MOST].reset_index(drop=True), y[:_MOST]
    states = _states(y, kind, times, cause)
    fold = np.random.default_rng(0).permutation(len(table)) % 5
    strengths = {
        str(name): max((strength(table[name], state, fold) for state in states), key=_size) for name in table.columns
    }
    findings = [Finding(o.code, "", np.nan, o.sentence) for o in (*piled, *outcome_screen(y, times, cause))]
    for name in table.columns:
        if str(name) not in declared:
            findings += _of_codes(str(name), table[name])
        findings += _of_column(str(name), table[name], y, kind, states, strengths, fold)
    # a column that is the outcome, or numbers the rows, makes patients alike, or different, who are not
    told = {found.column for found in findings}
    findings += _of_rows(table[[name for name in table.columns if str(name) not in told]], y, kind)
    if polarity is not None and kind != "status":
        findings += burden_direction(table, y, cause, polarity)
    return Screening(
        findings=tuple(findings),
        strengths=pd.Series({name: value.auc for name, value in strengths.items()}, dtype=float),
        n=y.shape[0],
        objections=_objections(findings),
        synthetic=synthetic,
    )


def _found(code: str, column: str, value: float, *, variant: str = "", **fields: Any) -> Finding:
    return Finding(code, column, value, objection(code, variant=variant, column=column, **fields).sentence)


def _size(value: Strength) -> float:
    return -1.0 if np.isnan(value.auc) else value.auc


def _states(y: np.ndarray, kind: str, times: np.ndarray | None, cause: int) -> list[np.ndarray]:
    """Return the states that a leak may tell: of the event by the horizons, and of each event code at all."""
    if kind == "status":
        value = y["status"].astype(float)
        return [np.where(value < 0, np.nan, value)]
    event = y["event"]
    out = []
    for tau in [] if times is None else times[-2:]:
        if kind == "right":
            seen, happened, later = y["time"], (y["time"] <= tau) & (event == cause), y["time"] > tau
            known = happened | later | ((event > 0) & (event != cause) & (seen <= tau))
        else:
            happened, later = (y["upper"] <= tau) & (event == cause), y["lower"] >= tau
            known = happened | later | ((y["upper"] <= tau) & (event != cause))
        out.append(np.where(known, happened.astype(float), np.nan))
    codes = [code for code in np.unique(event) if code > 0]
    return [*out, *((event == code).astype(float) for code in codes)]


def _of_codes(name: str, column: pd.Series) -> list[Finding]:
    numbers = as_numbers(column)
    found = {} if numbers is None else missing_codes(numbers)
    if not found:
        return []
    codes = ", ".join(f"{code:g}" for code in found)
    return [_found("missing-code-as-value", name, sum(found.values()) / len(column), codes=codes)]


def _of_column(
    name: str,
    column: pd.Series,
    y: np.ndarray,
    kind: str,
    states: Sequence[np.ndarray],
    strengths: dict[str, Strength],
    fold: np.ndarray,
) -> list[Finding]:
    """Return the findings of one column, the gravest first; what explains the others ends the search."""
    what = identifier_like(name, column)
    if what:
        return [_found("identifier-as-predictor", name, np.nan, what=what)]
    mine = strengths[name]
    time = _correlation(column, y["time"], y["event"] > 0) if kind == "right" else 0.0
    if _size(mine) >= _IS_OUTCOME and mine.low > 0.9:
        return [_found("predictor-is-outcome", name, mine.auc, area=mine.auc)]
    if abs(time) >= _IS_OUTCOME:
        return [_found("predictor-is-outcome", name, time, variant="time", correlation=time)]
    out = _of_missing(name, column, states, fold)
    follow = _correlation(column, y["time"], y["event"] == 0) if kind == "right" else 0.0
    if abs(follow) >= _FOLLOW_UP:
        return [*out, _found("predictor-follows-follow-up", name, follow, correlation=follow)]
    others = [_size(value) for key, value in strengths.items() if key != name and not np.isnan(value.auc)]
    usual = float(np.quantile(others, 0.75)) if len(others) >= 3 else np.nan
    strong = any(_size(mine) >= area and mine.auc - usual >= excess for area, excess in _STRONG)
    if mine.low > 0.75 and (strong or (np.isnan(usual) and _size(mine) >= _STRONG_ALONE)):
        if np.isnan(usual):
            return [*out, _found("predictor-too-strong", name, mine.auc, variant="alone", area=mine.auc)]
        return [*out, _found("predictor-too-strong", name, mine.auc, area=mine.auc, usual=usual)]
    return out + _of_levels(name, column, states)


def _of_missing(name: str, column: pd.Series, states: Sequence[np.ndarray], fold: np.ndarray) -> list[Finding]:
    gone = np.asarray(column.isna())
    if not 0.02 <= gone.mean() <= 0.98:
        return []
    pattern = pd.Series(gone.astype(float))
    found = max((strength(pattern, state, fold) for state in states), key=_size)
    certain = any(_certain(gone, state) for state in states)
    if not certain and not (_size(found) >= _MISSING and found.low > 0.65):
        return []
    return [_found("missingness-tells-outcome", name, found.auc, area=found.auc)]


def _certain(rows: np.ndarray, state: np.ndarray) -> bool:
    """Return whether all or none of some rows have the event where twelve would be expected to have it, or not."""
    known = ~np.isnan(state)
    inside = rows & known
    if not inside.any() or not (known & ~rows).any():
        return False
    rate, seen = float(np.mean(state[known & ~rows])), float(state[inside].sum())
    size = int(inside.sum())
    return (seen == 0 and rate * size >= _CERTAIN) or (seen == size and (1 - rate) * size >= _CERTAIN)


def _of_levels(name: str, column: pd.Series, states: Sequence[np.ndarray]) -> list[Finding]:
    values = column.dropna()
    if not 2 <= values.nunique() <= 12:
        return []
    for level in values.unique():
        rows = np.asarray(column == level, dtype=bool)
        # a level of most rows is the reference of the others, not a finding
        if rows.mean() <= 0.5 and any(_certain(rows, state) for state in states):
            share = float(rows.mean())
            return [_found("level-decides-outcome", name, share, share=share)]
    return []


def _correlation(column: pd.Series, time: np.ndarray, rows: np.ndarray) -> float:
    """Return the rank correlation with the time among some rows, 0 where there is too little to say.

    A calendar year goes with the time under observation because the study ended on one day; it may well be known at
    time zero.
    """
    from scipy.stats import rankdata

    numbers = as_numbers(column)
    if numbers is None:
        return 0.0
    known = rows & ~np.isnan(numbers)
    if np.all((numbers[known] >= 1900) & (numbers[known] <= 2100)):
        return 0.0
    size = int(known.sum())
    if size < 30 or np.unique(numbers[known]).size < 3 or np.unique(time[known]).size < 3:
        return 0.0
    found = float(np.corrcoef(rankdata(numbers[known]), rankdata(time[known]))[0, 1])
    return found if abs(found) * np.sqrt(size) > _CLEAR else 0.0


def _of_rows(table: pd.DataFrame, y: np.ndarray, kind: str) -> list[Finding]:
    columns = [
        np.where(table[name].isna(), np.nan, pd.factorize(table[name].astype(str))[0]) if numbers is None else numbers
        for name, numbers in ((name, as_numbers(table[name])) for name in table.columns)
    ]
    values = np.column_stack(columns) if columns else np.empty((len(table), 0))
    outcome = np.column_stack([y[name].astype(float) for name in y.dtype.names or ()])
    count, how = copied_rows(values, np.nan_to_num(outcome, posinf=-1.0))
    if not how:
        return []
    variant = "" if how == "exact" else "near"
    doubt = objection("patients-copied", variant=variant, count=count, n=len(table))
    return [Finding("patients-copied", "", float(count), doubt.sentence)]


def _objections(findings: Sequence[Finding]) -> tuple[Objection, ...]:
    by_code: dict[str, list[Finding]] = {}
    for found in findings:
        by_code.setdefault(found.code, []).append(found)
    out = []
    for code, same in by_code.items():
        more = f" So do {len(same) - 1} more: see the screening." if len(same) > 1 else ""
        out.append(Objection(code, same[0].sentence + more))
    return tuple(out)
