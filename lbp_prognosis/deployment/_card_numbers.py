"""``performance_rows``: performance for a model card, each number with its kind of validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import METRIC_COLUMNS, Result, argument_error, metric_title, time_words
from lbp_prognosis.deployment._written_results import WrittenResults
from lbp_prognosis.validation import Fairness, InternalExternal, SubgroupPerformance

__all__ = [
    "CALIBRATION",
    "DISCRIMINATION",
    "Judged",
    "by_group",
    "has_numbers",
    "judged",
    "performance_rows",
    "utility_rows",
]

DISCRIMINATION = ("concordance", "auc", "brier", "ipa")
CALIBRATION = ("observed_expected", "calibration_slope", "ici")
_OF_GROUPS = ("auc", "observed_expected", "calibration_slope")
_ORDER = ("internal-external", "internal", "external", "apparent")  # a random split is not external
_HOW = {
    "apparent": "apparent: on the rows the model was fitted to",
    "internal": "internal: patients the fits had not seen",
    "internal-external": "internal–external: sites left out, pooled",
}


@dataclass(frozen=True)
class Judged:
    """One validation: the rows of the model, and the kind of validation in words.

    Attributes
    ----------
    how : str
        E.g. ``"external, geographic: one clinic"``.
    external : bool
        Whether the patients differ from those of development.
    frame : DataFrame
        Evaluation columns.
    result : Result
        Source of the rows.
    """

    how: str
    external: bool
    frame: pd.DataFrame
    result: Result


def judged(results: Sequence[Any], name: str) -> list[Judged]:
    """Return the validations with the rows of one model, external ones first.

    Parameters
    ----------
    results : sequence of Result
        Of `external_validate`, `internal_external`, `bootstrap_validate`, `cross_validate_risk`.
    name : str
        The model's name in the results; may be empty if they have one model.

    Raises
    ------
    ArgumentError
        If a result has no rows of evaluation, no known sample, or several models and none of this name.
    """
    out = []
    for result in results:
        sample = getattr(result, "sample", None)
        if not isinstance(result, Result) or sample not in _ORDER:
            raise argument_error(
                "validation",
                "results of external_validate, internal_external, bootstrap_validate or cross_validate_risk",
                result,
                "They state their kind of validation.",
            )
        frame = _pooled(result) if isinstance(result, InternalExternal) else result.to_frame()
        if any(column not in frame for column in METRIC_COLUMNS):
            raise argument_error("validation", "a result with the columns of evaluation", result)
        names = [str(one) for one in dict.fromkeys(frame["model"]) if one != "treat all"]
        chosen = name if name in names else names[0] if len(names) == 1 else ""
        if not chosen:
            raise argument_error("name", "one of " + ", ".join(map(repr, names)), repr(name))
        external = sample == "external" and bool(getattr(result, "external", True))
        how = _how(result, sample, external)
        if name and chosen != name and isinstance(result, WrittenResults):  # a file identifies its model only by name
            how += f", there named {chosen}"
        out.append(Judged(how, external, frame[frame["model"] == chosen], result))
    return sorted(out, key=lambda one: (not one.external, _ORDER.index(str(getattr(one.result, "sample", "")))))


def _how(result: Any, sample: str, external: bool) -> str:
    if sample != "external":
        return _HOW[sample]
    people = f": {result.description}" if getattr(result, "description", "") else ""
    return f"external, {result.kind}{people}" if external else f"random split of one sample{people}"


def _pooled(result: InternalExternal) -> pd.DataFrame:
    meta = result.meta()
    kept = meta[meta["quantity"] == "estimate"]
    return kept.assign(n=float("nan"), reference="")


def _own(found: Judged) -> pd.DataFrame:
    frame = found.frame
    alone = frame["reference"].fillna("").astype(str).eq("") if "reference" in frame else True
    known = np.isfinite(frame["value"].astype(float).to_numpy())
    return frame[known & alone]


def has_numbers(found: Judged, horizons: Sequence[float]) -> bool:
    """Return whether a validation has numbers of the model's risks at a horizon shown; a concordance has no horizon.

    Parameters
    ----------
    found : Judged
        The validation.
    horizons : sequence of float
        Shown horizons; empty: all.
    """
    own = _own(found)["horizon"].astype(float)
    return bool(len(own)) if not len(horizons) else any(np.isclose(horizons, time).any() for time in own)


def performance_rows(
    found: Sequence[Judged], names: Sequence[str], horizons: Sequence[float], unit: str
) -> list[list[str]]:
    """Return header and rows: measure, time, value with interval, sample, patients; empty without a row.

    Parameters
    ----------
    found : sequence of Judged
        Validations.
    names : sequence of str
        Metrics, in the requested order.
    horizons : sequence of float
        Shown horizons; empty: all.
    unit : str
        Of time.
    """
    rows = []
    for name in names:
        for one in found:
            for row in _own(one).to_dict("records"):
                if row["metric"] != name or not _is_shown(float(row["horizon"]), horizons):
                    continue
                n = "" if pd.isna(row["n"]) else f"{int(row['n']):,}"
                rows.append([metric_title(name), _time(row["horizon"], unit), _interval(row), one.how, n])
    head = ["measure", "time", f"value ({_level(found)} interval)", "how it came about", "patients"]
    return [head, *rows] if rows else []


def utility_rows(found: Sequence[Judged], horizons: Sequence[float], unit: str) -> list[list[str]]:
    """Return the net benefit relative to treating all at each threshold; empty without one.

    Parameters
    ----------
    found : sequence of Judged
        Validations.
    horizons : sequence of float
        Shown horizons; empty: all.
    unit : str
        Of time.
    """
    rows = []
    for one in found:
        if "reference" not in one.frame or "threshold" not in one.frame:
            continue
        kept = one.frame[one.frame["metric"].eq("net_benefit") & one.frame["reference"].eq("treat all")]
        for row in kept.to_dict("records"):
            if np.isfinite(row["value"]) and _is_shown(float(row["horizon"]), horizons):
                rows.append(
                    [f"{row['threshold']:g}", _time(row["horizon"], unit), _interval(row, signed=True), one.how]
                )
    head = ["threshold", "time", f"net benefit less that of treating all ({_level(found)} interval)", "how"]
    return [head, *rows] if rows else []


def by_group(found: Fairness | SubgroupPerformance, name: str, horizons: Sequence[float]) -> list[list[str]]:
    """Return performance by group, without counts; groups too small to evaluate are marked.

    Parameters
    ----------
    found : Fairness or SubgroupPerformance
        Performance of the model by group.
    name : str
        The model's name in the result; may be empty if it has one model.
    horizons : sequence of float
        Shown horizons; empty: all.
    """
    frame = found.table
    several = isinstance(found, SubgroupPerformance) and len(found.models) > 1
    if several:
        if name not in found.models:  # type: ignore[union-attr]
            raise argument_error("name", f"one of {', '.join(map(repr, found.models))}", repr(name))  # type: ignore[union-attr]
        frame = frame[frame["model"] == name]
    rows = []
    differs = isinstance(found, Fairness)
    for row in frame.to_dict("records"):
        apart = not differs and str(row.get("reference") or "")
        if row["metric"] not in _OF_GROUPS or apart or not _is_shown(float(row["horizon"]), horizons):
            continue
        if not np.isfinite(row["value"]):
            continue
        own = f"{row['group_value']:.2f}" if differs else _interval(row)
        apart_words = ""
        if differs:
            word = "ratio" if row["metric"] == "observed_expected" else "difference"
            apart_words = f"{word} {row['value']:.2f} ({row['band_low']:.2f} to {row['band_high']:.2f})".replace(
                "-", "−"
            )
        line = [f"{row['variable']}: {row['group']}", metric_title(str(row["metric"])), own]
        rows.append([*line, apart_words] if differs else line)
    small = found.groups[~found.groups["evaluated"].astype(bool)]
    rows += [
        [f"{row['variable']}: {row['group']}", "", "too few to evaluate", *([""] if differs else [])]
        for row in small.to_dict("records")
    ]
    head = ["group", "measure", "value"] + (["against all patients (band over the groups)"] if differs else [])
    return [head, *rows] if rows else []


def _is_shown(horizon: float, horizons: Sequence[float]) -> bool:
    return not len(horizons) or not np.isfinite(horizon) or bool(np.isclose(horizons, horizon).any())


def _time(horizon: Any, unit: str) -> str:
    return time_words(horizon, unit) if pd.notna(horizon) and np.isfinite(float(horizon)) else ""


def _interval(row: dict[Any, Any], *, signed: bool = False) -> str:
    digits = 3 if signed else 2
    parts = [
        f"{float(row[name]):{'+' if signed else ''}.{digits}f}".replace("-", "−") for name in ("value", "low", "high")
    ]
    known = np.isfinite([float(row["low"]), float(row["high"])]).all()
    return f"{parts[0]} ({parts[1]} to {parts[2]})" if known else parts[0]


def _level(found: Sequence[Judged]) -> str:
    levels = sorted({float(v) for one in found for v in one.frame["confidence"].dropna()})
    return " and ".join(f"{100 * level:g} %" for level in levels) or "no"
