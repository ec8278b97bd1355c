"""``score``: scores of an instrument from answers to its items, with every rule that was applied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, check_number
from lbp_prognosis.instruments._instrument import Band, Instrument, Scale
from lbp_prognosis.instruments._registry import instrument
from lbp_prognosis.schema import failure_frame, instrument_ranges

__all__ = ["ScoreResult", "assign_bands", "score"]


@dataclass(frozen=True, repr=False)
class ScoreResult(Result):
    """Scores of an instrument.

    Attributes
    ----------
    instrument : str
        Name of the instrument.
    scores : DataFrame
        One row per patient, one column per score; missing if it could not be computed.
    n_answered : DataFrame
        Answered items, by score (missing for totals that came without items).
    missing_rule : dict of str to str
        The rule for unanswered items that was applied, by score.
    bands : DataFrame
        Named range of each score; empty text where there is no score or no bands are known.
    failures : DataFrame
        Answers or totals out of range: ``table, row, field, reason, value, message``; they count as unanswered.
    changes : DataFrame
        Important change and recovery with their sources: ``score, kind, value, source``.
    """

    instrument: str
    scores: pd.DataFrame
    n_answered: pd.DataFrame
    missing_rule: dict[str, str]
    bands: pd.DataFrame
    failures: pd.DataFrame
    changes: pd.DataFrame

    @property
    def score(self) -> np.ndarray:
        """The first score (the total), shape (n,)."""
        return self.scores.iloc[:, 0].to_numpy(dtype=float)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per patient and score: ``row, score, value, n_answered, band, missing_rule``."""
        parts = []
        for name in self.scores.columns:
            parts.append(
                pd.DataFrame(
                    {
                        "row": np.arange(1, len(self.scores) + 1),
                        "score": name,
                        "value": self.scores[name].to_numpy(),
                        "n_answered": self.n_answered[name].to_numpy(),
                        "band": self.bands[name].to_numpy(),
                        "missing_rule": self.missing_rule[name],
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    def _summary(self) -> str:
        made = int(self.scores.iloc[:, 0].notna().sum())
        return f"{self.instrument}, {made} of {len(self.scores)} scored, {len(self.failures)} answers out of range"


def score(
    name: str,
    items: Any,
    *,
    columns: Mapping[str, str] | None = None,
    allowed_missing: int | None = None,
    bands: Mapping[str, Sequence[tuple[str, float, float]]] | None = None,
) -> ScoreResult:
    """Score an instrument from the answers to its items.

    Parameters
    ----------
    name : str
        Instrument, with its version: see `instruments`.
    items : DataFrame, mapping or array-like of shape (n, k)
        Answers as numbers, before any reversal. Columns have the names of the items (``odi_1`` …, or any name that ends
        in the number); an array, or a frame without names, has them in order. Instruments known by construct
        (STarT Back, Örebro) take names only, because their published orders differ. STarT Back's ``bother`` is 0/1,
        or give ``bother_level`` from 1 (not at all) to 5 (extremely), of which 4 and 5 count.
    columns : mapping of str to str, optional
        From item to your column.
    allowed_missing : int, optional
        Largest number of unanswered items with which a score is computed, in place of the instrument's own rule.
    bands : mapping of str to sequence of (name, low, high), optional
        Named ranges by score; they replace those of the instrument, if it has any.

    Returns
    -------
    ScoreResult
        Scores, answered items, rules, bands, and answers out of range (which count as unanswered).

    Raises
    ------
    ArgumentError
        If the instrument is unknown or ambiguous, or an item is absent.

    See Also
    --------
    lbp_prognosis.schema.read_table : How do I read CSV, Excel, Stata, SPSS or SAS?

    Examples
    --------
    >>> from lbp_prognosis.instruments import score
    >>> score("odi", [[2, 2, 1, 0, 3, 2, 1, 2, 1, None]]).score.round(1).tolist()
    [31.1]
    """
    known = instrument(name)
    answers = _answers(known, items, dict(columns or {}))
    failures, answers = _in_range(known, answers)
    for item in known.reversed_items:
        low, high = known.item_range[item]
        answers[item] = low + high - answers[item]
    limit = None
    if allowed_missing is not None:
        limit = int(check_number("allowed_missing", allowed_missing, low=0, whole=True))
    scores, counted, rules = {}, {}, {}
    for scale in known.scales:
        scores[scale.name], counted[scale.name] = _scale(known, scale, answers, limit)
        rules[scale.name] = _rule(scale, limit)
    made = pd.DataFrame(scores, index=answers.index)
    named = _start_back_groups(made) if name == "start_back" else assign_bands(known, made, bands)
    return ScoreResult(
        name, made, pd.DataFrame(counted, index=answers.index), rules, named, failures, changes_frame(known)
    )


def _answers(known: Instrument, items: Any, columns: dict[str, str]) -> pd.DataFrame:
    """Return answers as numbers under the item names of the library."""
    if isinstance(items, Mapping) and not isinstance(items, pd.DataFrame):
        items = pd.DataFrame({key: np.atleast_1d(np.asarray(value, dtype=object)) for key, value in items.items()})
    if isinstance(items, pd.DataFrame) and isinstance(items.columns, pd.RangeIndex):
        items = _from_array(known, items.to_numpy()).set_axis(items.index, axis=0)
    if not isinstance(items, pd.DataFrame):
        items = _from_array(known, items)
    strange = set(columns) - set(known.items) - {"bother_level"}
    if strange:
        raise argument_error("columns", f"keyed by items: {', '.join(known.items)}", sorted(strange))
    frame = items.rename(columns={own: item for item, own in columns.items()})
    frame.columns = [str(column) for column in frame.columns]
    if known.name == "start_back" and "bother" not in frame.columns and "bother_level" in frame.columns:
        frame = frame.assign(bother=_bother(frame["bother_level"]))
    if not set(known.items) <= set(frame.columns) and not known.by_construct:
        frame = _by_number(known, frame)
    counted = {item for scale in known.scales for item in scale.items}
    absent = [item for item in known.items if item in counted and item not in frame.columns]
    if absent:
        raise argument_error(
            "items",
            f"columns {', '.join(known.items)}",
            f"a table without {', '.join(absent[:6])}",
            "Name your columns with columns={item: column}.",
        )
    try:
        return frame.reindex(columns=list(known.items)).astype(float)
    except (TypeError, ValueError):
        raise argument_error("items", "numbers (answers as codes, not words)", "text among the answers") from None


def _from_array(known: Instrument, items: Any) -> pd.DataFrame:
    if known.by_construct:
        raise argument_error(
            "items",
            f"a table with the columns {', '.join(known.items)}",
            "an array without names",
            "Published orders of the items differ: name the columns after the items.",
        )
    try:
        array = np.asarray(items, dtype=float)
    except (TypeError, ValueError):
        raise argument_error("items", "numbers", items) from None
    if array.ndim == 1:
        array = array[:, None] if len(known.items) == 1 else array[None, :]
    if array.ndim != 2 or array.shape[1] != len(known.items):
        raise argument_error("items", f"of shape (n, {len(known.items)})", f"shape {array.shape}")
    return pd.DataFrame(array, columns=list(known.items))


def _by_number(known: Instrument, frame: pd.DataFrame) -> pd.DataFrame:
    """Rename columns that end in 1 … k to the items, if each number occurs once."""
    numbers = {column: match[1] for column in frame.columns if (match := re.search(r"(\d+)\Z", column))}
    stems = {item: re.search(r"(\d+)\Z", item) for item in known.items}
    wanted = {match[1]: item for item, match in stems.items() if match}
    if len(wanted) != len(known.items) or sorted(numbers.values()) != sorted(wanted):
        return frame
    return frame.rename(columns={column: wanted[number] for column, number in numbers.items()})


def _bother(level: pd.Series) -> pd.Series:
    values = pd.to_numeric(level, errors="coerce")
    if (values.dropna().isin([1, 2, 3, 4, 5])).all():
        return (values >= 4).astype(float).where(values.notna())
    raise argument_error(
        "items", "`bother_level` from 1 (not at all) to 5 (extremely)", f"values {sorted(values.dropna().unique())[:6]}"
    )


def _in_range(known: Instrument, answers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = []
    answers = answers.copy()
    for item, (low, high) in known.item_range.items():
        values = answers[item].to_numpy(dtype=float)
        with np.errstate(invalid="ignore"):
            bad = ~np.isnan(values) & ((values < low) | (values > high))
            if not known.continuous:
                bad |= ~np.isnan(values) & (values != np.floor(values))
            if item == "paindetect_radiation":
                bad |= values == 1
        for row in np.flatnonzero(bad):
            rows.append(
                {
                    "table": known.name,
                    "row": int(row) + 1,
                    "field": item,
                    "reason": "range",
                    "value": values[row],
                    "message": f"answers lie between {low:g} and {high:g}",
                }
            )
        answers[item] = np.where(bad, np.nan, values)
    return failure_frame(rows), answers


def _scale(known: Instrument, scale: Scale, answers: pd.DataFrame, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    part = answers[list(scale.items)].to_numpy(dtype=float)
    answered = (~np.isnan(part)).sum(axis=1)
    missing = len(scale.items) - answered
    allowed = scale.allowed_missing if limit is None else min(limit, len(scale.items) - 1)
    enough = (missing <= allowed) & (answered > 0)
    total = np.nansum(part, axis=1)
    if scale.how == "percent":
        highest = np.array([known.item_range[item][1] for item in scale.items])
        possible = np.where(np.isnan(part), 0.0, highest).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = 100 * total / possible
    elif scale.fill == "no" or allowed == 0:
        value = total
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            value = total / answered * len(scale.items)
    return np.where(enough, value, np.nan), answered


def _rule(scale: Scale, limit: int | None) -> str:
    if limit is None:
        return scale.rule
    how = {"percent": "percent of the maximum of the answered items", "count": "an unanswered item counts as no"}.get(
        scale.how, "the mean of the answered items"
    )
    return f"{how}, if at most {limit} are unanswered (as requested)"


def assign_bands(
    known: Instrument, scores: pd.DataFrame, given: Mapping[str, Sequence[tuple[str, float, float]]] | None
) -> pd.DataFrame:
    """Return the name of the band of each score; a score between two bands belongs to the lower one."""
    chosen = dict(known.bands)
    for name, ranges in (given or {}).items():
        if name not in scores.columns:
            raise argument_error("bands", f"keyed by scores: {', '.join(scores.columns)}", name)
        chosen[name] = tuple(Band(*entry) for entry in ranges)
    named = {}
    for column in scores.columns:
        values = scores[column].to_numpy(dtype=float)
        words = np.full(len(values), "", dtype=object)
        for band in sorted(chosen.get(column, ()), key=lambda entry: entry.low):
            words[values >= band.low] = band.name
        if chosen.get(column):
            words[values > max(band.high for band in chosen[column])] = ""
        named[column] = words
    return pd.DataFrame(named, index=scores.index)


def _start_back_groups(scores: pd.DataFrame) -> pd.DataFrame:
    """Low: total at most 3; high: psychosocial at least 4; medium: the others."""
    total, mind = scores["start_back"].to_numpy(), scores["start_back_psychosocial"].to_numpy()
    with np.errstate(invalid="ignore"):
        words = np.where(total <= 3, "low", np.where(mind >= 4, "high", "medium")).astype(object)
    words[np.isnan(total) | np.isnan(mind)] = ""
    return pd.DataFrame({"start_back": words, "start_back_psychosocial": ""}, index=scores.index)


def changes_frame(known: Instrument) -> pd.DataFrame:
    """Return important changes as a frame."""
    rows = [
        {"score": name, "kind": entry.kind, "value": entry.value, "source": entry.source}
        for name, entries in known.changes.items()
        for entry in entries
    ]
    return pd.DataFrame(rows, columns=["score", "kind", "value", "source"])


def total_range(name: str) -> tuple[float, float]:
    """Return the range of a score."""
    entry = instrument_ranges()[name]
    return float(entry["minimum"]), float(entry["maximum"])
