"""``predict_rows``: risks of new rows, with checks of their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_horizons,
    holds,
    is_number,
    nearest,
    numbers_in,
    plain_label,
    read_frame,
    takes_rows,
)
from lbp_prognosis.deployment._lock import LockedModel
from lbp_prognosis.deployment._synthetic_rows import (
    batch_columns,
    categories_of_columns,
    check_horizons_of,
    columns_of_new_rows,
    ranges_of_columns,
)

__all__ = ["NewRisks", "predict_rows"]

_OTHER_UNIT = 0.9  # share of values outside the training range from which another unit is suspected
_FEWEST = 5


@dataclass(frozen=True, repr=False)
class NewRisks(Result):
    """Risks of new rows.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per row of the table: ``row``, for each horizon ``risk_<h>``, with ``low_<h>`` and ``high_<h>`` if
        missing values make it uncertain, then ``imputed`` and ``outside`` (names of columns).
    notes : tuple of str
        Imputed values, values outside the training range, absent modalities.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the frame."""
        return self.frame

    def _summary(self) -> str:
        return f"{len(self.frame)} rows, {len(self.notes)} notes"


@takes_rows()
def predict_rows(model: LockedModel, X: Any, horizons: Any = None, *, any_unit: bool = False) -> NewRisks:
    """Check new rows against the model's training data, and predict their risks.

    Parameters
    ----------
    model : LockedModel
        From `load_model` or `lock`.
    X : DataFrame of shape (n, p)
        New rows; columns that the model does not use are ignored.
    horizons : float or sequence of float, optional
        Prediction times; by default the model's visits, or thirds of its follow-up.
    any_unit : bool, default False
        Whether to predict although most values of a column are outside the training range, which suggests another unit.

    Returns
    -------
    NewRisks
        Risks, and notes about rows.

    Raises
    ------
    ArgumentError
        If there are no rows, required columns are absent, a category is unknown, a value is not a number, values are
        missing that no step fills in, a scanner was not calibrated, or a column seems to be in another unit.
    """
    frame = read_frame(X)
    if not isinstance(frame, pd.DataFrame):
        raise argument_error("X", "a frame with named columns", X)
    if frame.empty:
        raise argument_error("X", "a table with one row or more", "none")
    inner = model.unlocked
    frame, notes = _with_modalities(inner, frame)
    frame = _in_levels(inner, frame)
    _check_numbers(inner, frame)
    outside = _outside(inner, frame, any_unit)
    missing = frame.isna()
    fills = getattr(inner, "imputer_", None) is not None
    lacking = [column for column in frame.columns if bool(missing[column].any())]
    if lacking and not fills:
        raise argument_error(
            "X",
            f"complete: {type(inner).__name__} fills in no missing value",
            f"missing values in {lacking[:5]}, {_rows_of(missing.any(axis=1))}",
            "Complete them, leave these rows out, or fit the model with an imputation.",
        )
    times = check_horizons_of(inner) if horizons is None else check_horizons(horizons)[0]
    out = pd.DataFrame({"row": np.arange(1, len(frame) + 1)})
    band = inner.predict_risk_band(frame, times) if fills else None
    risk = model.predict_risk(frame, times) if band is None else band.risk
    for k, time in enumerate(times):
        out[f"risk_{time:g}"] = risk[:, k]
        if band is not None:
            out[f"low_{time:g}"], out[f"high_{time:g}"] = band.low[:, k], band.high[:, k]
    out["imputed"] = _names(missing)
    out["outside"] = _names(outside)
    for column in frame.columns:
        for table, words in ((missing, "filled in from the other values"), (outside, "outside the training range")):
            count = int(table[column].sum()) if column in table else 0
            if count:
                notes.append(f"{column}: {words} in {count} of {len(frame)} rows")
    beyond = [f"{time:g}" for time, column in zip(times, np.isnan(risk).all(axis=0)) if column]
    if beyond:
        notes.append(f"no risk is known at {', '.join(beyond)}: beyond the model's follow-up, or not one of its visits")
    causes = np.atleast_1d(getattr(inner, "causes_", [1]))
    if causes.size > 1:
        notes.append(
            f"risks are of event 1, in competition with {', '.join(str(code) for code in causes if code != 1)}"
        )
    return NewRisks(out, tuple(notes))


def _rows_of(where: pd.Series) -> str:
    """Return the rows of a table, counted from 1 without the header."""
    places = np.flatnonzero(where.to_numpy(dtype=bool)) + 1
    more = f" and {places.size - 5} more" if places.size > 5 else ""
    return f"row{'s' if places.size > 1 else ''} {', '.join(map(str, places[:5]))}{more}"


def _check_numbers(model: Any, frame: pd.DataFrame) -> None:
    """Refuse words in columns of numbers, and name their rows."""
    for column in frame.columns.difference(list(categories_of_columns(model)), sort=False):
        values = frame[column]
        if column not in ranges_of_columns(model) or is_number(values) or holds(values) not in ("text", "mixed"):
            continue
        words = values.notna() & ~np.isfinite(pd.to_numeric(values, errors="coerce"))
        if words.any():
            raise argument_error(
                "X",
                f"of numbers in {column!r}",
                f"words in {_rows_of(words)}",
                "Correct them, or leave them empty if they are missing.",
            )


def _names(table: pd.DataFrame) -> list[str]:
    return [", ".join(str(column) for column in table.columns[row]) for row in table.to_numpy(dtype=bool)]


def _with_modalities(model: Any, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the model's columns; columns of an absent modality are missing in all rows, if the model accepts this."""
    wanted, notes = columns_of_new_rows(model), []
    absent = [column for column in wanted if column not in frame.columns]
    if absent:
        groups = {name: set(columns) for name, columns in (getattr(model, "modalities", None) or {}).items()}
        whole = [name for name, columns in groups.items() if columns and not columns & set(frame.columns)]
        covered = set().union(*(groups[name] for name in whole)) if whole else set()
        if getattr(model, "imputer_", None) is None or not set(absent) <= covered:
            accepted = f"a table with the {len(wanted)} columns of the model"
            hints = [nearest(name, [c for c in map(str, frame.columns) if c not in wanted]) for name in absent]
            raise argument_error("X", accepted, f"one without {absent[:6]}", next(filter(None, hints), None))
        notes = [f"{name} is absent: its {len(groups[name])} columns are filled in for every row" for name in whole]
        frame = frame.assign(**dict.fromkeys(absent, np.nan))
    return frame[wanted], notes


def _in_levels(model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """Refuse unknown categories by name; numbers that were words at the fit (or the reverse) get their old type."""
    out, batches = frame.copy(), batch_columns(model)
    for column, levels in categories_of_columns(model).items():
        if column not in frame:
            continue
        known = {str(plain_label(level)): level for level in levels}
        words = frame[column].map(lambda value: value if pd.isna(value) else str(plain_label(value)))
        strange = sorted(set(words.dropna()) - set(known))
        if strange:
            accepted, remedy = f"of known categories in {column!r}: {list(known)[:8]}", "It was not seen at the fit."
            if column in batches:
                accepted = (
                    f"of scanners or sites that the harmonisation was calibrated for, {column!r}: {list(known)[:8]}"
                )
                remedy = "Calibrate it with patients of the new one (ComBat.calibrate), and save a new version."
            raise argument_error("X", accepted, f"{strange[:4]}", remedy)
        out[column] = words.map(known).astype(object) if holds(frame[column]) != "number" else words.map(known)
    return out


def _outside(model: Any, frame: pd.DataFrame, any_unit: bool) -> pd.DataFrame:
    ranges, categories = ranges_of_columns(model), categories_of_columns(model)
    out = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for column, (low, high) in ranges.items():
        if column not in frame or column in categories or not np.isfinite([low, high]).all():
            continue
        if frame[column].isna().all():
            continue
        values = numbers_in(frame, [column])[:, 0]
        with np.errstate(invalid="ignore"):
            beyond = (values < low) | (values > high)
        known = int((~np.isnan(values)).sum())
        if not any_unit and known >= _FEWEST and beyond.sum() > _OTHER_UNIT * known:
            middle = float(np.nanmedian(values))
            raise argument_error(
                "X",
                f"in the units of the fit: {column!r} lay between {low:g} and {high:g}",
                f"a median of {middle:g}, and {int(beyond.sum())} of {known} values outside",
                "Convert it, or say any_unit=True (--any-unit) if these patients are like that.",
            )
        out[column] = beyond
    return out
