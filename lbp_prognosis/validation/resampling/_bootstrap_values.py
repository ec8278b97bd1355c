"""Values computed again in bootstrap samples of patients, and percentile limits of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    OutcomeError,
    RandomState,
    argument_error,
    check_number,
    is_counter,
    objection,
    outcome_labels,
    spawn,
)
from lbp_prognosis.validation.resampling._bootstrap_replicate import Draw, fit_arguments
from lbp_prognosis.validation.resampling._estimator import check_rows, fit_on, fresh, pipeline_as_model
from lbp_prognosis.validation.resampling._refit import Refit
from lbp_prognosis.validation.resampling._replicates import run_replicates

__all__ = ["Resampling", "bootstrap_values", "percentile_limits", "refitted_values"]

_FAILURES = (ArithmeticError, ValueError, np.linalg.LinAlgError)  # such as a category that the sample lacks
_LARGEST_SHARE_FAILED = 0.10
_MOST_IN_A_ROW = 6


class Resampling(NamedTuple):
    """Number of samples, seed and workers."""

    n_resamples: int = 200
    random_state: RandomState = 0
    n_jobs: int | None = None
    progress: bool = False


class Drawn(NamedTuple):
    """Values in the samples, of shape (n_resamples, …), and the number of samples in which they could not be had."""

    values: np.ndarray
    n_failed: int

    @property
    def objections(self) -> tuple[Objection, ...]:
        """Objections to samples that failed and to few samples."""
        told = (("failed-fits", self.n_failed > 0), ("few-resamples", len(self.values) < 200))
        return tuple(objection(code) for code, raised in told if raised)


def bootstrap_values(value: Callable[[np.ndarray], np.ndarray], draw: Draw, how: Resampling) -> Drawn:
    """Return the values of row numbers drawn with replacement; a sample without them is counted and drawn again.

    Parameters
    ----------
    value : callable
        Takes row numbers (n,), returns an array; importable by workers.
    draw : Draw
        Rows, and the clusters that are drawn whole.
    how : Resampling
        Number, seed and workers. The k-th sample depends on the seed and k alone.

    Raises
    ------
    EstimationError
        If the values could not be had in more than a tenth of the samples.
    """
    count = int(check_number("n_resamples", how.n_resamples, low=2, whole=True))
    draw.check()
    tasks = spawn(how.random_state, count)
    work = partial(_replicate, value=value, draw=draw)
    found = run_replicates(work, tasks, what=(), n_jobs=how.n_jobs, progress=how.progress, description="Bootstrap")
    failed = sum(int(each["failed"]) for each in found)
    if failed > _LARGEST_SHARE_FAILED * count or any(not each["done"] for each in found):
        reason = next(str(each["reason"]) for each in found if each["failed"])
        raise EstimationError(
            f"{failed} refits failed in {count} bootstrap samples, more than a tenth: intervals from the others would "
            f"be too narrow ({reason}). Use a penalty, fewer predictors, merged categories, or earlier horizons."
        )
    return Drawn(np.stack([each["value"] for each in found]), failed)


def _replicate(
    rng: np.random.Generator, *, value: Callable[[np.ndarray], np.ndarray], draw: Draw
) -> Mapping[str, np.ndarray]:
    failed, reason = 0, ""
    while failed < _MOST_IN_A_ROW:
        try:
            found = np.asarray(value(draw.rows(rng)), dtype=float)
        except OutcomeError:  # of no sample
            raise
        except _FAILURES as error:
            reason = reason or str(error)
        else:
            if np.isfinite(found).all():
                return _told(found, failed, reason, done=True)
            reason = reason or "no risk at a horizon, beyond the follow-up of the sample"
        failed += 1
    return _told(np.empty(0), failed, reason, done=False)


def _told(value: np.ndarray, failed: int, reason: str, *, done: bool) -> Mapping[str, np.ndarray]:
    return {"value": value, "failed": np.array(failed), "reason": np.array(reason), "done": np.array(done)}


def refitted_values(
    fitted: Any,
    value: Callable[[Any], np.ndarray],
    X: pd.DataFrame,
    y: Any,
    how: Resampling,
    *,
    groups: Any = None,
    fit_params: Mapping[str, Any] | None = None,
) -> Drawn:
    """Return values of a model refitted to bootstrap samples of the data it was fitted to, all steps included.

    Parameters
    ----------
    fitted : fitted estimator
        The model; clones of it are fitted.
    value : callable
        Takes a fitted model, returns an array of finite numbers; importable by workers.
    X, y : DataFrame and ndarray of n rows
        Data of the fit.
    how : Resampling
        As in `bootstrap_values`.
    groups : array-like of shape (n,), optional
        Clusters that are drawn whole.
    fit_params : mapping of str to array-like of shape (n,), optional
        Row-wise arguments of the fit.

    Raises
    ------
    ArgumentError
        If the model can't be refitted, or a refit to these data has other values than the model.
    EstimationError
        As in `bootstrap_values`.
    """
    if y is None:
        raise argument_error("y", "the outcome of the rows of `X`, for the refits of interval='bootstrap'", None)
    model = pipeline_as_model(fitted)
    if not (hasattr(model, "fit") and hasattr(model, "get_params")):
        raise argument_error("fitted", "a model that can be fitted again", model)
    estimator = fresh(clone(model), "fitted")
    codes = check_rows(X, y, groups)
    arguments = fit_arguments(estimator, fit_params, codes, len(X))
    if (labels := outcome_labels(y)) is not None and is_counter(X.index):
        X = X.set_axis(labels, axis=0)  # an array, paired with the outcome by position
    again = fit_on(estimator, X, y, np.arange(len(X)), arguments)
    refit = Refit.of(estimator, again, X, y, arguments)
    drawn = bootstrap_values(partial(_of_refit, refit=refit, value=value), Draw(len(X), codes, None), how)
    # a fit that draws numbers, or tunes on folds, differs from one to the next; others would only without the weights
    exact = set(arguments) == set(fit_params or {}) and np.allclose(
        value(again), value(fit_on(estimator, X, y, np.arange(len(X)), arguments)), rtol=1e-9, atol=1e-12
    )
    room = (0.01 if exact else 0.5) * drawn.values.std(axis=0, ddof=1) + 1e-8
    same = partial(_are_same, value(model), within=room)
    # a fit that tunes on folds may have been made without the clusters that keep copies in one fold
    if not same(value(again)) and not same(value(fit_on(estimator, X, y, np.arange(len(X)), fit_params))):
        raise argument_error(
            "y",
            "the outcome that `fitted` was fitted to, with `X` and `fit_params` (weights, strata, offset) of that fit",
            "data on which a refit has other values",
        )
    return drawn


def _are_same(first: np.ndarray, second: np.ndarray, *, within: np.ndarray) -> bool:
    return bool((np.abs(second - first) <= within).all())


def _of_refit(rows: np.ndarray, *, refit: Refit, value: Callable[[Any], np.ndarray]) -> np.ndarray:
    return value(refit(rows, np.bincount(rows, minlength=len(refit.y))))


def percentile_limits(values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return percentiles of the first axis."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return low, high
