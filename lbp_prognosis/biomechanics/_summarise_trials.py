"""``summarise_trials``: one value per session from repeated trials, with its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import quad

from lbp_prognosis._base import argument_error, check_confidence, chi2, norm
from lbp_prognosis.biomechanics._motion_measures import motion_measures
from lbp_prognosis.biomechanics._motion_summary import MotionSummary
from lbp_prognosis.biomechanics._motion_trials import DATES, SESSION, MotionTrials, check_trials, left_out_frame
from lbp_prognosis.biomechanics._trial_rules import trial_rules

__all__ = ["summarise_trials"]


def summarise_trials(
    trials: pd.DataFrame | MotionTrials,
    *,
    summary: str | Mapping[str, str] = "mean",
    sides: str | Mapping[str, str | Sequence[str]] = "each",
    errors: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> MotionSummary:
    """Summarise repeated trials as one value per session, measure and side, and estimate its error.

    Parameters
    ----------
    trials : DataFrame or MotionTrials
        One row per trial, as `check_trials` accepts or returns it; rows that cannot be used are failures of the result.
    summary : {"mean", "best"} or mapping of str to str, default "mean"
        Summary used as ``value``, for all measures or by measure (measures not named: the mean). The best is the
        largest or the smallest, by the measure's direction; a measure without direction has no best.
    sides : {"each", "left", "right", "mean", "asymmetry"}, or mapping of str to one or several of them, default "each"
        Treatment of left and right, for all measures with sides or by measure (measures not named: each). ``"mean"``
        and ``"asymmetry"`` need both sides. The asymmetry is 100 |left − right| / max(left, right), in per cent, a
        separate measure. Trials without a side are unchanged.
    errors : mapping of str to float, optional
        By measure: the SD of the error of a session's value, in its unit, e.g. from a study of two sessions. It
        replaces the error estimated from trials.
    confidence : float, default 0.95
        Level of the intervals.

    Returns
    -------
    MotionSummary
        ``table`` (one row per value), ``errors``, ``failures``, ``left_out``.

    Raises
    ------
    ArgumentError
        If a rule is unknown, or the best trial of a measure without direction is requested.

    Notes
    -----
    s² is the variance within sessions, pooled over all sessions and sides of a measure and method with at least two
    trials (weights: number of trials minus one), with Σ (n − 1) degrees of freedom. The error of the mean of n trials
    has the SD s / √n; the error of the best of n has, for normal errors, s times the SD of the largest of n standard
    normal draws (1, 0.826, 0.748 … for n = 1, 2, 3 …). Trials of one session have the day, the placement of the sensors
    and the rater in common. Their spread is therefore only the smallest part of the error: the same patient differs
    more between two days. If sessions were repeated, give their SD as ``errors``. No error is given for an asymmetry,
    because it is not normal if the sides are alike.

    References
    ----------
    Bland JM, Altman DG. Measuring agreement in method comparison studies. Stat Methods Med Res 1999;8:135-160.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.biomechanics import summarise_trials
    >>> table = pd.DataFrame({"patient_id": ["a", "a", "b", "b"], "session_id": "1", "measure": "flexion_rom",
    ...                       "trial": [1, 2, 1, 2], "value": [50.0, 54, 40, 42], "unit": "deg", "method_id": "imu"})
    >>> found = summarise_trials(table)
    >>> found.table[["value", "best", "n_trials"]].values.tolist(), found.errors["sd_trial"].round(3).tolist()
    ([[52.0, 54.0, 2.0], [41.0, 42.0, 2.0]], [2.236])
    """
    level = check_confidence(confidence)
    given = trials if isinstance(trials, MotionTrials) else check_trials(trials)
    rules = trial_rules(summary, sides, errors)
    spread = _within(given.trials, level)
    table = _values(given.trials, rules.summary, spread, rules.errors)
    made, lost = _by_side(table, rules.sides)
    columns = [*SESSION, *(name for name in DATES if name in made.columns), "measure", "side", "value", "unit"]
    rest = ["summary", "method_id", *(["device"] if "device" in made.columns else [])]
    made = made[[*columns, *rest, "mean", "best", "n_trials", "sd_trials", "sd_error"]]
    made = made.sort_values([*SESSION, "measure", "side"], kind="stable", ignore_index=True)
    synthetic = bool(given.trials.attrs.get("synthetic", False))
    made.attrs["synthetic"] = synthetic
    left = pd.concat([given.left_out, left_out_frame(lost)], ignore_index=True) if lost else given.left_out
    return MotionSummary(made, spread, given.failures, left, given.trials, synthetic)


def _within(trials: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the pooled spread within sessions by measure and method."""
    rows: list[dict[str, Any]] = []
    for (measure, method), part in trials.groupby(["measure", "method_id"], observed=True, sort=True):
        groups = part.groupby([*SESSION, "side"], observed=True)["value"]
        n = groups.size()
        df = int((n - 1).sum())
        row = {
            "measure": str(measure),
            "method_id": str(method),
            "unit": str(part["unit"].iloc[0]),
            "n_sessions": int((n > 1).sum()),
            "df": df,
            "sd_trial": np.nan,
            "low": np.nan,
            "high": np.nan,
            "mdc": np.nan,
            "confidence": confidence,
        }
        if df > 0:
            squares = float((groups.var(ddof=1) * (n - 1)).sum())
            limits = [np.sqrt(squares / chi2.ppf(q, df)) for q in (0.5 + confidence / 2, 0.5 - confidence / 2)]
            sd = float(np.sqrt(squares / df))
            mdc = float(norm.ppf(0.5 + confidence / 2) * np.sqrt(2) * sd)
            row |= {"sd_trial": sd, "low": float(limits[0]), "high": float(limits[1]), "mdc": mdc}
        rows.append(row)
    names = ["measure", "method_id", "unit", "n_sessions", "df", "sd_trial", "low", "high", "mdc", "confidence"]
    return pd.DataFrame(rows, columns=names)


@lru_cache(maxsize=64)
def sd_of_best(n: int) -> float:
    """Return the standard deviation of the largest of n independent standard normal draws."""
    if n == 1:
        return 1.0

    def moment(power: int) -> float:
        return float(quad(lambda x: x**power * n * norm.pdf(x) * norm.cdf(x) ** (n - 1), -12, 12, epsabs=1e-12)[0])

    return float(np.sqrt(moment(2) - moment(1) ** 2))


def _values(
    trials: pd.DataFrame, rules: Mapping[str, str], spread: pd.DataFrame, known: Mapping[str, float]
) -> pd.DataFrame:
    """Return one row per session, measure and side."""
    dated = [name for name in DATES if name in trials.columns]
    by = [*SESSION, "measure", "side", "method_id"]
    groups = trials.groupby(by, observed=True, sort=False)
    names = {"mean": "mean", "size": "n_trials", "std": "sd_trials", "min": "low", "max": "high"}
    out = pd.DataFrame(groups["value"].agg(list(names)).rename(columns=names))
    for name in (*dated, "unit", *(["device"] if "device" in trials.columns else [])):
        out[name] = groups[name].first()
    out = out.reset_index()
    direction = out["measure"].map(lambda name: motion_measures()[name].direction)
    out["best"] = np.select(
        [direction.eq("higher_better"), direction.eq("higher_worse")], [out["high"], out["low"]], default=np.nan
    )
    out["summary"] = out["measure"].map(rules)
    undirected = out.loc[out["summary"].eq("none"), "measure"]
    if len(undirected):
        raise argument_error(
            "summary",
            "'mean' for measures without a better end, or a mapping by measure",
            f"'best' for {sorted(undirected.unique())}",
        )
    best = out["summary"].eq("best")
    out["value"] = out["mean"].where(~best, out["best"])
    sd = spread.set_index(["measure", "method_id"])["sd_trial"]
    single = sd.reindex(pd.MultiIndex.from_frame(out[["measure", "method_id"]])).to_numpy(dtype=float)
    n = out["n_trials"].to_numpy(dtype=int)
    shrink = np.where(best, [sd_of_best(int(k)) for k in n], 1 / np.sqrt(n))
    own = out["measure"].map(known).to_numpy(dtype=float, na_value=np.nan)
    out["sd_error"] = np.where(np.isfinite(own), own, single * shrink)
    out["method_id"] = out["method_id"].astype(str) + "_" + out["summary"]
    return out.drop(columns=["low", "high"])


def _by_side(
    table: pd.DataFrame, kept: Mapping[str, tuple[str, ...]]
) -> tuple[pd.DataFrame, list[tuple[str, str, str]]]:
    """Return the table with the rules for sides applied, and the sessions that lack the other side."""
    sided = table["side"].ne("")
    parts = [table[~sided]]
    lost: list[tuple[str, str, str]] = []
    for name, part in table[sided].groupby("measure", observed=True, sort=False):
        for rule in kept[str(name)]:
            if rule in ("each", "left", "right"):
                parts.append(part if rule == "each" else part[part["side"].eq(rule)])
                continue
            both, alone = _pairs(part)
            lost += [(str(key[0]), f"{name}, session {key[1]}", "only one side") for key in alone]
            made = _mean_of_sides(both) if rule == "mean" else _asymmetry(both)
            zero = made["value"].isna()
            lost += [
                (str(row["patient_id"]), f"{name}, session {row['session_id']}", "both sides are zero")
                for row in made[zero].to_dict("records")
            ]
            parts.append(made[~zero])
    held = [part for part in parts if len(part)]
    return (pd.concat(held, ignore_index=True) if held else table.iloc[:0]), lost


def _pairs(part: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[Any, ...]]]:
    """Return sessions with both sides by one method, left columns and right ones, and the keys of the others."""
    by = [*SESSION, "method_id"]
    left, right = (part[part["side"].eq(side)] for side in ("left", "right"))
    both = left.merge(right[[*by, "value", "sd_error", "mean", "n_trials"]], on=by, suffixes=("", "_right"))
    seen = set(both[SESSION].itertuples(index=False, name=None))
    every = part[SESSION].drop_duplicates().itertuples(index=False, name=None)
    return both, [key for key in every if key not in seen]


def _mean_of_sides(both: pd.DataFrame) -> pd.DataFrame:
    """Return (left + right) / 2; the errors of the sides are taken to be independent."""
    out = both.assign(
        value=(both["value"] + both["value_right"]) / 2,
        mean=(both["mean"] + both["mean_right"]) / 2,
        best=np.nan,
        sd_trials=np.nan,
        sd_error=np.sqrt(both["sd_error"] ** 2 + both["sd_error_right"] ** 2) / 2,
        n_trials=np.minimum(both["n_trials"], both["n_trials_right"]),
        side="",
        method_id=both["method_id"] + "_of_sides",
    )
    return out[[column for column in both.columns if not column.endswith("_right")]]


def _asymmetry(both: pd.DataFrame) -> pd.DataFrame:
    """Return the side difference over the larger side, in per cent."""
    larger = both[["value", "value_right"]].max(axis=1)
    difference = 100 * (both["value"] - both["value_right"]).abs() / larger.where(larger > 0)
    out = both.assign(
        measure=both["measure"].astype(str) + "_asymmetry",
        value=difference,
        unit="%",
        mean=np.nan,
        best=np.nan,
        sd_trials=np.nan,
        sd_error=np.nan,
        n_trials=np.minimum(both["n_trials"], both["n_trials_right"]),
        side="",
    )
    return out[[column for column in both.columns if not column.endswith("_right")]]
