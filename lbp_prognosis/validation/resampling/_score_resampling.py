"""Out-of-fold score forecasts, and optimism-corrected performance of score models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    RandomState,
    argument_error,
    check_number,
    generator,
    labels_of,
    prepared_objections,
    takes_rows,
)
from lbp_prognosis.evaluation.prognostic import crps, mean_absolute_error, mean_calibration, score_r2
from lbp_prognosis.models import OrdinalRegression
from lbp_prognosis.survival import Measured, ScoreForecast, check_outcome, measured_spec
from lbp_prognosis.validation.resampling._bootstrap_replicate import Draw, fit_arguments
from lbp_prognosis.validation.resampling._estimator import check_models, check_rows, fit_on, fresh, take_rows
from lbp_prognosis.validation.resampling._folds import repeated_folds
from lbp_prognosis.validation.resampling._merged_forecasts import merged_forecasts
from lbp_prognosis.validation.resampling._score_optimism import ScoreOptimism
from lbp_prognosis.validation.screening._screen_of import screen_of

__all__ = ["cross_validate_scores", "score_optimism"]

_LARGEST_SHARE_FAILED = 0.10


@takes_rows()
def cross_validate_scores(
    models: Any,
    X: Any,
    y: np.ndarray,
    *,
    n_splits: int = 10,
    n_repeats: int = 1,
    groups: Any = None,
    random_state: RandomState = 0,
) -> dict[str, ScoreForecast]:
    """Predict the distribution of a score for each patient by models fitted without the patient's fold.

    Parameters
    ----------
    models : estimator or mapping of str to estimator
        Unfitted models of a score, or pipelines of them; all see the same folds.
    X : DataFrame or array of shape (n, p)
        Predictors.
    y : ndarray of shape (n,)
        Made by `Measured.at`.
    n_splits : int, default 10
        Number of folds.
    n_repeats : int, default 1
        Number of divisions into folds; distributions are averaged over them.
    groups : array-like of shape (n,), optional
        Units kept in one fold, of models that tune on folds too.
    random_state : int, Generator or None, default 0
        Seed of the folds.

    Returns
    -------
    dict of str to ScoreForecast
        By model, as `evaluate` takes it. The levels are those of all folds: a fold that lacks a score gives it no
        probability. Each has the ``objections`` of `screen` to predictors and outcome, which `evaluate` repeats.
    """
    check_outcome(y, ("measured",), caller="cross_validate_scores")
    named = check_models(models)
    codes = check_rows(X, y, groups)
    splits = int(check_number("n_splits", n_splits, low=2, whole=True))
    repeats = int(check_number("n_repeats", n_repeats, low=1, whole=True))
    rng = generator(random_state)
    places = repeated_folds(y, n_splits=splits, n_repeats=repeats, groups=codes, generators=[rng] * repeats)
    doubts = (*prepared_objections(X), *_screened(named, X, y, codes))
    out = {}
    for name, model in named.items():
        if not hasattr(model, "predict_forecast"):
            raise argument_error(f"models[{name!r}]", "a model of a score, with `predict_forecast`", model)
        # tuning inside keeps patients whole as well
        arguments = None if codes is None else fit_arguments(model, None, codes, y.shape[0])
        parts: list[tuple[np.ndarray, ScoreForecast]] = []
        for fold, k in product(places, range(splits)):
            held = np.flatnonzero(fold == k)
            fitted = fit_on(model, X, y, np.flatnonzero(fold != k), arguments)
            parts.append((held, fitted.predict_forecast(take_rows(X, held))))
        out[name] = replace(merged_forecasts(parts, y, share=1 / repeats, labels=labels_of(X)), objections=doubts)
    return out


@takes_rows()
def score_optimism(
    model: Any,
    X: Any,
    y: np.ndarray,
    *,
    n_resamples: int = 200,
    groups: Any = None,
    random_state: RandomState = 0,
) -> ScoreOptimism:
    """Correct measures of a model of scores for optimism, by repeating the whole fit in bootstrap samples.

    Parameters
    ----------
    model : estimator
        Unfitted model of a score, or a pipeline of one.
    X : DataFrame or array of shape (n, p)
        Predictors.
    y : ndarray of shape (n,)
        Made by `Measured.at`.
    n_resamples : int, default 200
        Bootstrap samples.
    groups : array-like of shape (n,), optional
        Clusters that are resampled as a whole.
    random_state : int, Generator or None, default 0
        Seed.

    Returns
    -------
    ScoreOptimism
        ``to_frame()``: one row per measure, columns ``metric, apparent, training, test, optimism, se, corrected,
        n_resamples``:
        in the sample of the fit, in the bootstrap samples of the refits, of these refits in the original sample, the
        mean difference with its Monte-Carlo standard error, and apparent − optimism. Measures are ``crps``,
        ``mean_absolute_error``, ``score_r2`` and the calibration slope of the mean; for a model with one linear
        predictor also ``rho`` (Spearman), ``nagelkerke_r2``, ``slope`` and ``g`` of the linear predictor, as
        ``rms::validate`` of ``orm`` in R has them. ``objections`` are those of `screen` to predictors and outcome.

    Raises
    ------
    ArgumentError
        If ``groups`` is one unit.
    EstimationError
        If more than a tenth of the refits fail.

    Notes
    -----
    Harrell FE, Lee KL, Mark DB (1996). Statistics in Medicine 15, 361–387.
    doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.models import OrdinalRegression
    >>> from lbp_prognosis.validation import score_optimism
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(80, 2))
    >>> y = Measured.at(12, np.clip(np.round(4 + X[:, 0] + rng.logistic(size=80)), 0, 8), lower=0, upper=8)
    >>> table = score_optimism(OrdinalRegression(), X, y, n_resamples=20).to_frame().set_index("metric")
    >>> bool(table.loc["slope", "corrected"] < 1)
    True
    """
    check_outcome(y, ("measured",), caller="score_optimism")
    count = int(check_number("n_resamples", n_resamples, low=2, whole=True))
    estimator = fresh(model, "model")
    if not hasattr(estimator, "predict_forecast"):
        raise argument_error("model", "a model of a score, with `predict_forecast`", model)
    codes = check_rows(X, y, groups)
    doubts = (*prepared_objections(X), *_screened({"model": estimator}, X, y, codes))
    synthetic = bool(getattr(X, "attrs", {}).get("synthetic", False))
    X, y = _unlabelled(X), _plain(y)  # a resample repeats patients: their labels would forbid it
    every, draw = np.arange(y.shape[0]), Draw(y.shape[0], codes, None)
    draw.check()
    arguments = fit_arguments(estimator, None, codes, y.shape[0])  # tuning folds keep the copies of a patient together
    whole = fit_on(estimator, X, y, every, arguments)
    apparent = _measures(whole, X, y, every)
    rng = generator(random_state)
    inside, outside, failed = [], [], 0
    for _ in range(count):
        rows = draw.rows(rng)
        try:
            fitted = fit_on(estimator, X, y, rows, arguments)
            pair = _measures(fitted, X, y, rows), _measures(fitted, X, y, every)
        except EstimationError:
            failed += 1
            continue
        inside.append(pair[0])
        outside.append(pair[1])
    if failed > _LARGEST_SHARE_FAILED * count:
        raise EstimationError(
            f"{failed} of {count} refits in bootstrap samples failed: their optimism is not that of the model. Use a "
            "penalty, or fewer predictors."
        )
    training, test = pd.DataFrame(inside), pd.DataFrame(outside)
    found = pd.DataFrame({"apparent": pd.Series(apparent), "training": training.mean(), "test": test.mean()})
    found["optimism"] = found["training"] - found["test"]
    found["se"] = (training - test).std(ddof=1) / np.sqrt(len(training))
    found["corrected"] = found["apparent"] - found["optimism"]
    table = found.rename_axis("metric").reset_index().assign(n_resamples=len(training))
    return ScoreOptimism(table, y.shape[0], len(training), tuple(dict.fromkeys(doubts)), synthetic)


def _screened(models: Mapping[str, Any], X: Any, y: np.ndarray, groups: np.ndarray | None) -> tuple[Objection, ...]:
    """Objections to the columns that models of scores use, and to the scores."""
    return screen_of(models, X, y, np.array([measured_spec(y).horizon]), 1, groups)


def _unlabelled(X: Any) -> Any:
    """Return predictors that only count their rows."""
    return X.reset_index(drop=True) if isinstance(X, pd.DataFrame) else X


def _measures(model: Any, X: Any, y: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Measures of a fitted model in some rows, patients repeated or not."""
    seen = rows[~np.isnan(y["value"][rows])]
    table, outcome = _unlabelled(take_rows(X, seen)), y[seen]
    forecast = model.predict_forecast(table)
    forecast = ScoreForecast(forecast.levels, forecast.probability)
    slope = next(r for r in mean_calibration(outcome, forecast).metrics if r.metric.endswith("slope"))
    out = {
        "crps": float(crps(outcome, forecast).value),
        "mean_absolute_error": float(mean_absolute_error(outcome, forecast).value),
        "score_r2": float(score_r2(outcome, forecast).value),
        slope.metric: float(slope.value),
    }
    if getattr(model, "linear_predictor_scale", None) != "score":
        return out
    eta = np.asarray(model.linear_predictor(table), dtype=float)
    if np.ptp(eta) == 0:
        return {**out, "rho": np.nan, "nagelkerke_r2": 0.0, "slope": np.nan, "g": 0.0}
    link = getattr(getattr(model, "model", model), "link", "logit")
    line = OrdinalRegression(link=link).fit(eta[:, None], outcome)
    ratio = 2 * (line.log_likelihood_ - line.log_likelihood_null_)
    most = 1 - np.exp(2 * line.log_likelihood_null_ / eta.size)
    slope_of = float(line.coef_[0])
    ascending, n = np.sort(eta * slope_of), eta.size
    return {
        **out,
        "rho": float(np.corrcoef(rankdata(eta), rankdata(outcome["value"]))[0, 1]),
        "nagelkerke_r2": float((1 - np.exp(-ratio / n)) / most),
        "slope": slope_of,
        "g": float(2 * np.sum((2 * np.arange(1, n + 1) - n - 1) * ascending) / (n * (n - 1))),
    }


def _plain(y: np.ndarray) -> np.ndarray:
    """The same scores and declaration without labels: rows repeat."""
    spec = measured_spec(y)
    return Measured.at(
        spec.horizon,
        y["value"],
        lower=spec.lower,
        upper=spec.upper,
        kind=spec.kind,
        at_most=spec.at_most,
        at_least=spec.at_least,
    )
