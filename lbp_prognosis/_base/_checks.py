"""The first lines of every public function: arguments in, clean arrays out.

Each check returns the value in the form the kernels want, or raises the one sentence shape of ``_errors``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base._errors import argument_error, describe
from lbp_prognosis._base.intake import as_labels, as_numbers, in_order_of, labels_of
from lbp_prognosis._base.intake import rows_in_words as _rows

__all__ = [
    "check_beside",
    "check_choice",
    "check_clusters",
    "check_confidence",
    "check_horizons",
    "check_number",
    "check_risk",
    "check_risks",
    "check_same_rows",
    "check_thresholds",
    "check_times",
    "check_vector",
    "constant_within",
]


def check_vector(
    name: str, value: Any, *, n: int | None = None, low: float | None = None, high: float | None = None
) -> np.ndarray:
    """Return a finite float vector of length ``n`` within ``[low, high]``; NaN and infinities name their rows."""
    array = as_numbers(name, value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise argument_error(name, "one-dimensional", f"shape {array.shape}")
    if n is not None and array.size != n:
        raise argument_error(name, f"of length {n}, one value per row", f"length {array.size}")
    bad = ~np.isfinite(array)
    if bad.any():
        raise argument_error(
            name,
            "finite",
            f"missing or infinite values at rows {_rows(bad)}",
            "Drop or impute these rows before the call.",
        )
    for bound, wrong, word in (
        (low, array < low if low is not None else None, "at least"),
        (high, array > high if high is not None else None, "at most"),
    ):
        if bound is not None and wrong is not None and wrong.any():
            raise argument_error(name, f"{word} {bound:g}", f"other values at rows {_rows(wrong)}")
    return array


def check_number(
    name: str,
    value: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    whole: bool = False,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return one finite number within bounds (``open_*`` exclude the bound itself)."""
    kind = "a whole number" if whole else "a number"
    left = "" if low is None else (f" above {low:g}" if open_low else f" of at least {low:g}")
    right = "" if high is None else (f" below {high:g}" if open_high else f" of at most {high:g}")
    accepted = kind + left + (" and" if left and right else "") + right
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise argument_error(name, accepted, describe(value))
    number = float(value)
    outside = (
        not np.isfinite(number)
        or (whole and number != int(number))
        or (low is not None and (number <= low if open_low else number < low))
        or (high is not None and (number >= high if open_high else number > high))
    )
    if outside:
        raise argument_error(name, accepted, describe(value))
    return number


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise argument_error(name, "one of " + ", ".join(repr(choice) for choice in choices), describe(value))
    return value


def check_confidence(confidence: Any) -> float:
    """Return a confidence level in (0, 1)."""
    return check_number("confidence", confidence, low=0, high=1, open_low=True, open_high=True)


def check_horizons(horizons: Any) -> tuple[np.ndarray, bool]:
    """Return horizons as an increasing float vector, and whether a single number was given.

    Raises
    ------
    ArgumentError
        If they are not positive, finite and strictly increasing.
    """
    array = _increasing("horizons", horizons)
    if (array <= 0).any():
        raise argument_error("horizons", "positive, finite and strictly increasing", str(array.tolist()))
    return array, np.ndim(horizons) == 0


def check_times(times: Any) -> np.ndarray:
    """Return times of a curve, the origin among them, as an increasing float vector.

    Raises
    ------
    ArgumentError
        If they are not at least 0, finite and strictly increasing.
    """
    array = _increasing("times", times)
    if (array < 0).any():
        raise argument_error("times", "at least 0, finite and strictly increasing", str(array.tolist()))
    return array


def _increasing(name: str, given: Any) -> np.ndarray:
    accepted = "a number or a sequence of numbers, in the unit of `y`"
    if given is None:
        raise argument_error(name, f"given: {accepted}", "None")
    array = np.atleast_1d(as_numbers(name, given, accepted))
    if array.ndim != 1 or array.size == 0:
        raise argument_error(name, accepted, describe(given))
    if not np.isfinite(array).all() or (np.diff(array) <= 0).any():
        lowest = "positive" if name == "horizons" else "at least 0"
        raise argument_error(name, f"{lowest}, finite and strictly increasing", str(array.tolist()))
    return array


def check_thresholds(thresholds: Any, *, ordered: bool = True) -> np.ndarray:
    """Return decision thresholds as a vector of distinct values inside (0, 1), increasing if ``ordered``."""
    array = np.atleast_1d(as_numbers("thresholds", thresholds, "numbers between 0 and 1"))
    steps = np.diff(array.ravel() if ordered else np.sort(array, axis=None))
    inside = np.isfinite(array).all() and (array > 0).all() and (array < 1).all() and (steps > 0).all()
    if array.ndim != 1 or array.size == 0 or not inside:
        raise argument_error(
            "thresholds",
            f"probabilities strictly between 0 and 1, {'in increasing order' if ordered else 'each given once'}",
            str(np.round(array.ravel()[:8], 4).tolist()),
            "Declare the range in which the decision is really taken, e.g. np.arange(0.10, 0.41, 0.01).",
        )
    return array


def check_risk(name: str, risk: Any, *, n: int, n_horizons: int) -> np.ndarray:
    """Return risks as ``(n, n_horizons)`` in [0, 1]; an all-NaN column passes, scattered NaN names its rows."""
    if hasattr(risk, "fit"):
        remedy = "Evaluation takes risks, not models: pass model.predict_risk(X, horizons)."
        if not hasattr(risk, "predict_risk"):
            remedy += " models.as_risk_model gives a model of another library that method."
        raise argument_error(name, "numbers", describe(risk), remedy)
    array = as_numbers(name, risk)
    if array.ndim == 1 and n_horizons == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape != (n, n_horizons):
        raise argument_error(
            name,
            f"of shape ({n}, {n_horizons}): one row per patient, one column per horizon",
            f"shape {np.shape(risk)}",
            "Predict at exactly the horizons you evaluate." if array.ndim == 2 else None,
        )
    if array.size and array.min() >= 0 and array.max() <= 1:  # two passes instead of six; false with NaN
        return array
    missing = np.isnan(array)
    scattered = missing & ~missing.all(axis=0)
    if scattered.any():
        raise argument_error(
            name,
            "free of scattered missing values (a whole column may be missing)",
            f"missing risks at rows {_rows(scattered.any(axis=1))}",
            "Predict for these patients or leave them out of `y` too, and say so.",
        )
    with np.errstate(invalid="ignore"):
        outside: np.ndarray = np.asarray((array < 0) | (array > 1))
    if outside.any():
        raise argument_error(
            name,
            "a probability in [0, 1]",
            f"values outside at rows {_rows(np.asarray(outside.any(axis=1)))}",
            ("If they are per cent, divide by 100. " if np.nanmin(array) >= 0 and np.nanmax(array) <= 100 else "")
            + "A linear predictor is not a risk: pass model.predict_risk(X, horizons).",
        )
    return array


def check_risks(risks: Any, *, n: int, n_horizons: int) -> dict[str, np.ndarray]:
    """Return a mapping from model name to ``(n, n_horizons)``; a bare array becomes ``{"model": …}``.

    At one horizon the columns of a frame are models; at several they are the horizons of one model.
    """
    if isinstance(risks, pd.DataFrame) and risks.shape[0] != n and risks.shape[1] == n:
        raise argument_error(
            "risks",
            f"with one row per patient, {n} in all",
            f"a frame of shape {risks.shape}",
            "Turn it: risks.T. A frame of survival functions contains survival: 1 − it is the risk.",
        )
    if isinstance(risks, pd.DataFrame) and n_horizons == 1:
        risks = {str(name): risks[name] for name in risks.columns}
    if isinstance(risks, Mapping):
        if not risks:
            raise argument_error("risks", "a mapping from model name to risks with at least one entry", risks)
        labelled = [key for key, value in risks.items() if isinstance(getattr(value, "index", None), pd.Index)]
        for key in labelled[1:]:
            check_same_rows(f"risks[{key!r}]", risks[key], f"risks[{labelled[0]!r}]", risks[labelled[0]])
        return {
            str(key): check_risk(f"risks[{key!r}]", value, n=n, n_horizons=n_horizons) for key, value in risks.items()
        }
    shape = np.shape(risks)
    stacked = len(shape) == 3 and n in shape
    if stacked or (len(shape) == 2 and shape != (n, n_horizons) and n_horizons == 1 and n in shape):
        remedy = 'Several models are named: {"clinical": risk_1, "clinical + imaging": risk_2}.'
        if shape == (n, 2) and np.allclose(np.sum(np.asarray(risks, dtype=float), axis=1), 1):
            remedy = "Two columns that sum to one are those of predict_proba: pass the second, [:, 1]."
        raise argument_error(
            "risks",
            f"of shape ({n}, {n_horizons}) for one model, or a mapping from model name to risks",
            f"shape {shape}",
            remedy,
        )
    return {"model": check_risk("risks", risks, n=n, n_horizons=n_horizons)}


def check_clusters(name: str, labels: Any, *, n: int) -> np.ndarray | None:
    """Return labels as integer codes 0…K−1, or None; missing labels are refused."""
    if labels is None:
        return None
    array = np.asarray(as_labels(name, labels))
    if array.ndim != 1 or array.size != n:
        raise argument_error(name, f"of length {n}, one label per row", describe(labels))
    missing = np.asarray(pd.isna(array))
    if missing.any():
        raise argument_error(name, "free of missing labels", f"missing labels at rows {_rows(missing)}")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def constant_within(units: np.ndarray, values: np.ndarray) -> bool:
    """Say whether all rows of a unit, coded 0…K−1, have one value."""
    of_unit = np.empty(int(units.max(initial=-1)) + 1)
    of_unit[units] = values
    return bool((of_unit[units] == values).all())


def check_same_rows(name: str, labelled: Any, other_name: str, other: Any) -> None:
    """Refuse labels in another order, of another kind or another set: by position they would be paired wrongly.

    Objects without an index are taken by position.
    """
    mine, theirs = labels_of(labelled), labels_of(other)
    if mine is None or theirs is None or len(mine) != len(theirs):
        return
    if in_order_of(name, mine, other_name, theirs) is not None:
        raise argument_error(
            name,
            f"in the order of `{other_name}`",
            "the same labels in another order",
            f"Give {name}.loc[{other_name}.index], or {name}.to_numpy() if the order is right and the labels are not.",
        )


def check_beside(name: str, value: Any, **others: Any) -> None:
    """Refuse arguments whose labels name the rows of ``value`` in another order (see `check_same_rows`).

    ``value`` may be a mapping of arrays: the first that is labelled counts. So may the others.
    """
    parts = value if isinstance(value, Mapping) else {None: value}
    labelled = [(key, part) for key, part in parts.items() if isinstance(getattr(part, "index", None), pd.Index)]
    if not labelled:
        return
    key, base = labelled[0]
    base_name = name if key is None else f"{name}[{key!r}]"
    for argument, given in others.items():
        if isinstance(given, Mapping):
            for own, part in given.items():
                check_same_rows(f"{argument}[{own!r}]", part, base_name, base)
        else:
            check_same_rows(argument, given, base_name, base)
