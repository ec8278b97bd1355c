"""Optimism-corrected performance by the bootstrap."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    OutcomeError,
    RandomState,
    argument_error,
    check_choice,
    check_clusters,
    check_confidence,
    check_horizons,
    check_number,
    check_thresholds,
    clip_to_range,
    generator,
    objection,
    prepared_objections,
    spawn,
    takes_rows,
)
from lbp_prognosis.survival import check_outcome, has_competing, measured_spec, measured_to_status
from lbp_prognosis.validation.pooling._multiply_imputed import MultiplyImputed
from lbp_prognosis.validation.resampling._bootstrap_imputed import pool_bootstraps
from lbp_prognosis.validation.resampling._bootstrap_replicate import Draw, bootstrap_replicate, fit_arguments, predicted
from lbp_prognosis.validation.resampling._bootstrap_validation import BootstrapValidation, mean_defined, p632_plus
from lbp_prognosis.validation.resampling._estimator import check_rows, describe_estimator, fit_on, fresh, own_horizons
from lbp_prognosis.validation.resampling._fixed_by_fit import FIXED_BY_FIT, limits_of_calibration
from lbp_prognosis.validation.resampling._folds import event_stratum
from lbp_prognosis.validation.resampling._performance import Panel
from lbp_prognosis.validation.resampling._refit import Refit
from lbp_prognosis.validation.resampling._replicates import run_replicates
from lbp_prognosis.validation.screening._screen_of import screen_of

__all__ = ["bootstrap_validate"]

_INTERPOLATES = objection("optimism-of-interpolating-model")
_FAILED = objection("failed-fits")
_FEW = objection("few-resamples")
_LARGEST_SHARE_FAILED = 0.10
_OF_VISITS = "For visits use Status.at(visit, state) or cross_validate_risk."


@takes_rows()
def bootstrap_validate(
    model: Any,
    X: Any,
    y: np.ndarray,
    horizons: Any = None,
    *,
    thresholds: Any = (),
    cause: int = 1,
    target: str = "event",
    method: str = "auto",
    n_resamples: int = 200,
    groups: Any = None,
    within: Any = None,
    resamples: Any = None,
    interval: str = "shifted",
    n_inner: int = 50,
    fit_params: Mapping[str, Any] | None = None,
    indexes: bool = True,
    keep_predictions: bool = False,
    confidence: float = 0.95,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
    name: str | None = None,
) -> BootstrapValidation:
    """Correct all measures of performance for optimism by repeating the whole pipeline in resamples.

    Parameters
    ----------
    model : estimator
        Unfitted pipeline with ``fit`` and ``predict_risk``; it must contain all steps that learn from data.
    X : DataFrame or array of shape (n, p), or MultiplyImputed
        Predictors. With imputed tables the same patients are drawn in every imputation, measures are pooled, and the
        result is marked ``imputed-outside-resampling``.
    y : ndarray of shape (n,)
        Made by `Surv.right`, `Status.at`, or `Measured.at` with a declared cut: the model is fitted to the score, and
        its risk at the cut is evaluated (for measures of the score, see `score_optimism`).
    horizons : float or sequence of float, optional
        Prediction times; a `Status` and a score contain their own; for times they are required.
    thresholds : array-like, default ()
        Decision thresholds: the decision curve is corrected too.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Target of net benefit.
    method : {"auto", "optimism", ".632", ".632+"}, default "auto"
        ``"auto"``: ``.632+`` for models that say they interpolate (``interpolates``), ``optimism`` for others.
    n_resamples : int, default 200
        Resamples.
    groups : array-like of shape (n,), optional
        Patients or other clusters, resampled as a whole.
    within : array-like of shape (n,), optional
        Sites; rows are resampled within each.
    resamples : array-like of int of shape (n_resamples, n), optional
        Predefined row numbers of the resamples.
    interval : {"shifted", "two-stage"}, default "shifted"
        ``"shifted"``: percentiles of the resamples' apparent values minus the optimism, a free by-product that is too
        narrow when overfitting is strong. Measures of calibration, which the fit itself sets to about one or zero in
        every resample, get limits as wide as those of the predictions taken as given (influence values), and U none.
        ``"two-stage"``: the whole correction repeated in each resample, at
        ``n_inner`` times the cost.
    n_inner : int, default 50
        Inner resamples of the two-stage interval.
    fit_params : mapping of str to array-like of shape (n,), optional
        Row-wise arguments of ``fit``.
    indexes : bool, default True
        Whether to include Dxy, Nagelkerke's R², D, U, Q and g.
    keep_predictions : bool, default False
        Keep every resample's risks for the original patients (``instability``).
    confidence : float, default 0.95
        Level of the intervals.
    random_state : int, Generator or None, default 0
        Seed; the numbers do not depend on ``n_jobs`` or the backend.
    n_jobs : int, optional
        Workers.
    checkpoint : path, optional
        Folder for finished resamples.
    progress : bool, default False
        Show a progress bar.
    name : str, optional
        Name of the model in frames.

    Returns
    -------
    BootstrapValidation
        Apparent, optimism, corrected, with intervals.

    Raises
    ------
    LeakageError
        If the model is fitted, or rows repeat patients without ``groups``.
    EstimationError
        If more than a tenth of the fits fail.

    See Also
    --------
    lbp_prognosis.validation.cross_validate_risk : How good is the model out of fold?
    lbp_prognosis.validation.external_validate : How good is the model in other patients?

    Notes
    -----
    Optimism O_b = A(D_b → D_b) − A(D_b → D); corrected = apparent − mean O_b. A failed fit is counted and drawn again,
    up to a tenth of the resamples. Rows drawn twice carry their original number in ``groups`` of fits that ask for it,
    so that tuning inside cannot put copies of one patient on both sides of a fold.

    References
    ----------
    Harrell, Lee, Mark (1996), https://doi.org/10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4.
    Efron, Tibshirani (1997), https://doi.org/10.1080/01621459.1997.10474007.
    Noma et al. (2021), https://doi.org/10.1002/sim.9148.

    Examples
    --------
    >>> from lbp_prognosis import CoxPH, Surv, bootstrap_validate, simulate_cohort
    >>> X, y, _ = simulate_cohort(300, 1, imaging="all", missingness=0).wide()
    >>> X, y = X[["age", "nrs_back"]], Surv.right(y["time"], y["event"] == 1)
    >>> found = bootstrap_validate(CoxPH(), X, y, 12, n_resamples=20)
    >>> auc = found.to_frame().set_index("metric").loc["auc"]
    >>> auc[["apparent", "optimism", "value"]].astype(float).round(2).to_dict()
    {'apparent': 0.7, 'optimism': 0.01, 'value': 0.69}
    """
    if isinstance(X, MultiplyImputed):
        return _in_every_imputation(locals())
    estimator = fresh(model, "model")
    kind = check_outcome(y, ("right", "status", "measured"), caller="bootstrap_validate", instead=_OF_VISITS)
    scored = kind == "measured"
    judged = _at_cut(y) if scored else y
    check_choice("method", method, ("auto", "optimism", ".632", ".632+"))
    check_choice("interval", interval, ("shifted", "two-stage"))
    confidence = check_confidence(confidence)
    times, _ = check_horizons(own_horizons(y, horizons))
    grid = check_thresholds(thresholds) if np.size(thresholds) else np.empty(0)
    panel = Panel(
        "status" if scored else kind, times, grid, cause, target, indexes, competing=has_competing(judged, cause)
    )
    units = check_rows(X, y, groups)
    inner = int(check_number("n_inner", n_inner, low=2, whole=True)) if interval == "two-stage" else 0
    count, drawn = _count(n_resamples, resamples, y.shape[0])
    sites = check_clusters("within", within, n=y.shape[0])
    draw = Draw(y.shape[0], units, sites)
    if drawn is None:
        draw.check()
    arguments = fit_arguments(estimator, fit_params, units, y.shape[0])
    fitted = fit_on(estimator, X, y, np.arange(y.shape[0]), arguments)
    risk, lp = predicted(fitted, X, panel)
    whole = panel.prepare(judged)
    apparent = panel.measure(whole, panel.rank(risk, lp), training=True)
    shared: dict[str, Any] = {"panel": panel, "whole": whole, "draw": draw, "keep": keep_predictions, "inner": inner}
    work = partial(bootstrap_replicate, refit=Refit.of(estimator, fitted, X, y, arguments), **shared)
    tasks = [(rng, None if drawn is None else drawn[b]) for b, rng in enumerate(spawn(random_state, count))]
    stream = drawn if drawn is not None else repr(tasks[0][0].bit_generator.state)
    asked = (X, y, *((judged,) if scored else ()), times, grid, cause, target, indexes, inner, keep_predictions)
    rows = ("" if units is None else units, "" if sites is None else sites, stream, dict(fit_params or {}))
    results = run_replicates(
        work,
        tasks,
        what=("bootstrap_validate", describe_estimator(estimator), *asked, *rows),
        n_jobs=n_jobs,
        checkpoint=checkpoint,
        progress=progress,
        description="Bootstrap",
        # each measure of the panel, three times
        accept=lambda _, arrays: all(arrays[key].shape == apparent.shape for key in ("inside", "tested", "outside")),
    )
    n_failed = _count_failed(results)
    chosen = _method(method, estimator)
    inside, tested, outside = (np.stack([r[key] for r in results]) for key in ("inside", "tested", "outside"))
    optimism = mean_defined(inside - tested)
    nothing = panel.no_information(judged, risk)
    corrected = _corrected(chosen, apparent, optimism, mean_defined(outside), nothing)
    limits = _interval(inside, apparent - corrected, [r["corrected"] for r in results] if inner else [], confidence)
    if not inner:
        limits = _where_fixed(limits, panel, corrected, judged, risk, lp, cause, units, confidence)
    low, high = (_inside(panel, limit) for limit in limits)
    doubts = _doubts(interpolates=chosen == "optimism" and _interpolates(estimator), failed=n_failed > 0, n=count)
    stated = tuple(getattr(fitted, "objections_", ()))
    doubts = (
        *prepared_objections(X),
        *stated,
        *doubts,
        *screen_of({chosen: estimator}, X, judged, times, cause, units),
    )
    return BootstrapValidation(
        names=tuple(panel.names),
        method=chosen,
        interval_method=interval,
        apparent=apparent,
        optimism=optimism,
        corrected=corrected,
        low=low,
        high=high,
        confidence=confidence,
        resampled=inside,
        tested=tested,
        out_of_bag=outside,
        no_information=nothing,
        n=y.shape[0],
        n_events=int((event_stratum(judged) == cause).sum()),
        n_failed=n_failed,
        model=name or type(estimator).__name__,
        cause=cause,
        target=target,
        risk=risk,
        predictions=np.stack([r["risk"] for r in results]) if keep_predictions else None,
        y=judged,
        horizons=times,
        objections=doubts,
        synthetic=bool(getattr(X, "attrs", {}).get("synthetic", False)),
    )


def _at_cut(y: np.ndarray) -> np.ndarray:
    """Return the state at the declared cut of a score."""
    if measured_spec(y).cut is None:
        raise argument_error(
            "y",
            "a score with a declared cut, Measured.at(…, at_most=2), whose risk is judged",
            "one without",
            "CRPS, absolute error, R² and the slope of the mean are corrected by score_optimism(model, X, y).",
            kind=OutcomeError,
        )
    return measured_to_status(y)


def _inside(panel: Panel, limits: np.ndarray) -> np.ndarray:
    """Cut limits to the range of their measures: a shifted percentile can pass the border by the optimism."""
    return np.array([clip_to_range(measure, limit) for (measure, _, _), limit in zip(panel.names, limits)])


def _where_fixed(
    limits: tuple[np.ndarray, np.ndarray],
    panel: Panel,
    corrected: np.ndarray,
    y: np.ndarray,
    risk: np.ndarray,
    lp: np.ndarray | None,
    cause: int,
    units: np.ndarray | None,
    confidence: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Replace the limits of measures that the fit itself sets by those of the predictions taken as given."""
    fixed = np.array([measure in FIXED_BY_FIT for measure, _, _ in panel.names])
    own = limits_of_calibration(panel.names, corrected, y, risk, lp, cause=cause, clusters=units, confidence=confidence)
    return np.where(fixed, own[0], limits[0]), np.where(fixed, own[1], limits[1])


def _doubts(*, interpolates: bool, failed: bool, n: int) -> tuple[Objection, ...]:
    judged = ((_INTERPOLATES, interpolates), (_FAILED, failed), (_FEW, n < 200))
    return tuple(doubt for doubt, raised in judged if raised)


def _corrected(
    method: str, apparent: np.ndarray, optimism: np.ndarray, outside: np.ndarray, nothing: np.ndarray
) -> np.ndarray:
    if method == "optimism":
        return apparent - optimism
    if method == ".632":
        return 0.368 * apparent + 0.632 * outside
    return p632_plus(apparent, outside, nothing)


def _count_failed(results: Sequence[Mapping[str, Any]]) -> int:
    n_failed = sum(int(r["failed"]) for r in results)
    if n_failed > _LARGEST_SHARE_FAILED * len(results):
        raise EstimationError(
            f"{n_failed} fits failed in {len(results)} resamples, more than a tenth: performance of what can be fitted "
            "would not be that of the model. Simplify the model or penalise it."
        )
    return n_failed


def _in_every_imputation(arguments: dict[str, Any]) -> BootstrapValidation:
    seed = int(generator(arguments["random_state"]).integers(2**62))
    folder = arguments["checkpoint"]
    return pool_bootstraps(
        [
            bootstrap_validate(
                **{
                    **arguments,
                    "X": table,
                    "random_state": seed,
                    "checkpoint": None if folder is None else os.path.join(folder, f"imputation-{k}"),
                }
            )
            for k, table in enumerate(arguments["X"].tables, start=1)
        ]
    )


def _interval(
    inside: np.ndarray, shift: np.ndarray, two_stage: list[np.ndarray], confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    values = np.stack(two_stage) if two_stage else inside - shift
    low, high = np.full(inside.shape[1], np.nan), np.full(inside.shape[1], np.nan)
    for k in range(inside.shape[1]):
        known = values[np.isfinite(values[:, k]), k]
        if known.size > 1:
            low[k], high[k] = np.quantile(known, tails)
    return low, high


def _interpolates(estimator: Any) -> bool:
    return bool(
        getattr(estimator, "interpolates", False) or getattr(getattr(estimator, "model", None), "interpolates", False)
    )


def _method(method: str, estimator: Any) -> str:
    return (".632+" if _interpolates(estimator) else "optimism") if method == "auto" else method


def _count(n_resamples: Any, resamples: Any, n: int) -> tuple[int, np.ndarray | None]:
    """Return the number of resamples, and their rows (count, n) if they were drawn beforehand."""
    count = int(check_number("n_resamples", n_resamples, low=2, whole=True))
    if resamples is None:
        return count, None
    rows = np.asarray(resamples)
    if rows.ndim != 2 or rows.dtype.kind not in "iu" or rows.shape[0] < 2 or rows.min() < 0 or rows.max() >= n:
        raise argument_error("resamples", f"row numbers 0…{n - 1} of shape (n_resamples ≥ 2, rows)", resamples)
    return rows.shape[0], rows.astype(np.int64)
