"""Synthetic rows, used to check model files and to measure changes of risk."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "categories_of_columns",
    "check_horizons_of",
    "columns_of_new_rows",
    "ranges_of_columns",
    "risks_of",
    "synthetic_rows",
    "visits_of",
]


def synthetic_rows(model: Any, n: int, *, missing: int = 0) -> pd.DataFrame:
    """Return rows of the columns of a fitted model, drawn within its coarse training ranges; always the same rows.

    Parameters
    ----------
    model : fitted model or pipeline
        A model of this library.
    n : int
        Rows.
    missing : int
        Number of final rows that lack one number, if the model fills in missing values.
    """
    rng = np.random.default_rng(20240229)
    inner = _inner(model)
    columns = _columns(model)
    ranges, categories, binary = ranges_of_columns(model), categories_of_columns(model), _binary(model)
    out: dict[str, Any] = {}
    words = False
    for of_words, run in groupby(columns, key=categories.__contains__):
        if not of_words:
            out |= _numbers_within(rng, list(run), ranges, binary, n)
            continue
        for name in run:
            drawn = [categories[name][k] for k in rng.integers(0, len(categories[name]), n)]
            numbers = all(isinstance(value, int | float | np.number) for value in drawn)
            words |= not numbers
            out[name] = np.array(drawn, dtype=float if numbers else object)
    if out and not words:
        frame = pd.DataFrame(np.column_stack(list(out.values())), columns=list(out))  # in one piece: many columns
    else:
        frame = pd.DataFrame(out, index=pd.RangeIndex(n))
    names = _strata_columns(inner)
    if names and inner.strata_levels_:
        labels = [label if isinstance(label, tuple) else (label,) for label in inner.strata_levels_]
        chosen = [labels[k] for k in rng.integers(0, len(labels), n)]
        for j, name in enumerate(names):
            frame[name] = [label[j] for label in chosen]
    if isinstance(getattr(inner, "offset", None), str):
        frame[inner.offset] = 0.0
    if missing and getattr(model, "imputer_", None) is not None:
        open_ = [place for place, name in enumerate(frame) if name not in categories and name not in names]
        for k in range(min(missing, n) if open_ else 0):
            frame.iloc[n - 1 - k, open_[k % len(open_)]] = np.nan
    return frame


def _numbers_within(
    rng: np.random.Generator, names: list[str], ranges: dict[str, tuple[float, float]], binary: set[str], n: int
) -> dict[str, np.ndarray]:
    """Return n draws of each column within its range, column after column, in one call of the generator."""
    bounds = [ranges.get(name, (0.0, 1.0)) for name in names]
    bounds = [(low, high) if math.isfinite(low) and math.isfinite(high) else (0.0, 1.0) for low, high in bounds]
    low, high = np.array(bounds, dtype=float).T
    draws = np.repeat(low[:, None], n, axis=1)
    wide = high > low
    draws[wide] = rng.uniform(low[wide, None], high[wide, None], (int(wide.sum()), n))
    whole = np.array([name in binary for name in names]) | ((low == 0) & (high == 1))
    draws[whole] = np.round(draws[whole])
    return dict(zip(names, draws))


def visits_of(model: Any) -> np.ndarray | None:
    """Return the times at which a model predicts risks; None for a model in continuous time."""
    inner = _inner(model)
    visits = getattr(inner, "visits_", None)
    if visits is None and getattr(inner, "horizon_", None) is not None:
        visits = [inner.horizon_]
    if visits is None and getattr(inner, "fixed", False) and hasattr(inner, "provenance"):
        visits = [inner.max_time_ if np.isfinite(inner.max_time_) else 1.0]
    if visits is None and hasattr(model, "horizons") and not hasattr(inner, "fit"):
        visits = model.horizons
    return None if visits is None else np.asarray(visits, dtype=float)


def check_horizons_of(model: Any, count: int = 3) -> np.ndarray:
    """Return times at which a model's risks are compared: its visits, or ``count`` times over its follow-up."""
    visits = visits_of(model)
    return np.linspace(0, float(_inner(model).max_time_), count + 1)[1:] if visits is None else visits


def risks_of(model: Any, rows: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """Return risks of all causes, shape (n, times, causes); the linear predictor if a model predicts no risk."""
    inner = _inner(model)
    given: dict[str, Any] = {}
    if getattr(inner, "strata_levels_", None) and getattr(inner, "strata", None) is None:
        labels = inner.strata_levels_
        given["strata"] = [labels[k % len(labels)] for k in range(len(rows))]
    if getattr(inner, "offset_fitted_", False) and getattr(inner, "offset", None) is None:
        given["offset"] = np.zeros(len(rows))
    causes = [int(code) for code in np.atleast_1d(getattr(inner, "causes_", [1]))]
    if not getattr(inner, "gives_risk", True):
        return np.asarray(model.linear_predictor(rows), dtype=float)[:, None, None]
    if getattr(inner, "_single_cause", False) and set(causes) != {1}:
        given.pop("strata", None)
        return np.asarray(model.linear_predictor(rows, **given), dtype=float)[:, None, None]
    if type(inner).__name__ == "FineGray":
        causes = [int(inner.cause)]
    if (
        hasattr(inner, "levels_")
        and getattr(inner, "at_most_", None) is None
        and getattr(inner, "at_least_", None) is None
    ):
        return np.asarray(model.predict_distribution(rows, **given), dtype=float)[:, None, :]
    return np.stack([np.asarray(model.predict_risk(rows, times, cause, **given)) for cause in causes], axis=2)


def _strata_columns(inner: Any) -> list[str]:
    named = getattr(inner, "strata", None)
    return [named] if isinstance(named, str) else list(named or [])


def columns_of_new_rows(model: Any) -> list[str]:
    """Return the columns that new rows need: predictors, then those of strata and offset."""
    inner = _inner(model)
    names = _columns(model) + (_strata_columns(inner) if getattr(inner, "strata_levels_", None) else [])
    offset = getattr(inner, "offset", None)
    return list(dict.fromkeys([*names, offset] if isinstance(offset, str) else names))


def _inner(model: Any) -> Any:
    inside = getattr(model, "models_", None)
    if isinstance(inside, list) and hasattr(model, "branches_"):
        return inside[0]
    return model.model if type(model).__name__ == "UpdatedModel" else model


def _columns(model: Any) -> list[str]:
    if type(model).__name__ == "UpdatedModel":
        return _columns(model.model)
    if hasattr(model, "columns_") and hasattr(model, "branches_"):
        return [str(name) for name in model.columns_]
    names = getattr(model, "feature_names_in_", None)
    return [f"x{k}" for k in range(model.n_features_in_)] if names is None else [str(name) for name in names]


def ranges_of_columns(model: Any) -> dict[str, tuple[float, float]]:
    """Return the coarse training range of each column of numbers."""
    held = getattr(model, "training_ranges_", None)
    if held is None and type(model).__name__ == "UpdatedModel":
        return ranges_of_columns(model.model)
    if isinstance(held, np.ndarray):
        return {name: (float(row[0]), float(row[1])) for name, row in zip(_columns(model), held)}
    if isinstance(held, dict):
        return {name: (float(row[0]), float(row[1])) for name, row in held.items()}
    terms = _terms(model)
    return {term.name: (term.low, term.high) for term in terms if hasattr(term, "low")}


def _steps(model: Any) -> list[Any]:
    steps = [step for _, step in getattr(model, "steps_", [])]
    for branch in getattr(model, "branches_", []):
        steps += branch.steps
    if type(model).__name__ == "UpdatedModel":
        steps += _steps(model.model)
    return steps


def categories_of_columns(model: Any) -> dict[str, list[Any]]:
    """Return the categories of columns of words or codes, as the steps and the model learned them."""
    found: dict[str, list[Any]] = {}
    for step in _steps(model):
        if type(step).__name__ == "MultipleImputation":
            found.update({k: v for k, v in step.encoding_.categories.items() if v})
        if type(step).__name__ in ("ComBat", "CovBat"):
            found[step.batch] = list(step.batches_)
            found.update({k: v for k, v in step.design_.categories.items() if v})
        learned = getattr(step, "column_categories_", getattr(step, "categories_", None))
        if isinstance(learned, dict):
            found.update({k: list(v) for k, v in learned.items() if len(v)})
    for part in (_inner(model), *(branch.model for branch in getattr(model, "branches_", []))):
        learned = getattr(part, "categories_", None)  # of a model that takes categories as they come
        if isinstance(learned, dict):
            found.update({k: list(v) for k, v in learned.items() if len(v)})
    for term in _terms(model):
        if hasattr(term, "levels"):
            found[term.name] = list(term.levels)
    stratum = getattr(model, "stratum", "")
    if isinstance(stratum, str) and stratum:
        found[stratum] = model.strata_labels
    return found


def batch_columns(model: Any) -> set[str]:
    """Return the columns of scanners or sites whose effects a harmonisation removes."""
    return {step.batch for step in _steps(model) if type(step).__name__ in ("ComBat", "CovBat")}


def _terms(model: Any) -> Any:
    """Return the terms of an equation, or of the equation of a published model."""
    if getattr(model, "fixed", False) and getattr(model, "gives_risk", False):
        return model.equation.terms
    return getattr(model, "terms", ())


def _binary(model: Any) -> set[str]:
    found: set[str] = set()
    for step in _steps(model):
        if type(step).__name__ == "MultipleImputation":
            found |= {c for c, kind in zip(step.encoding_.columns, step.encoding_.kinds) if kind == 1}
    return found
