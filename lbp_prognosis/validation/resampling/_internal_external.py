"""Internal–external validation: leave one site out, then pool."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    METRICS,
    Objection,
    Result,
    argument_error,
    check_horizons,
    check_number,
    check_same_rows,
    metric_frame,
    objection,
    prepared_objections,
    takes_rows,
)
from lbp_prognosis.evaluation import Evaluation
from lbp_prognosis.validation.pooling._meta_analysis import MetaAnalysis, meta_analysis
from lbp_prognosis.validation.pooling._multiply_imputed import IMPUTED_BEFORE, MultiplyImputed
from lbp_prognosis.validation.pooling._pool_evaluations import pool_evaluations
from lbp_prognosis.validation.resampling._bootstrap_replicate import fit_arguments
from lbp_prognosis.validation.resampling._estimator import (
    check_models,
    check_rows,
    describe_estimator,
    fit_on,
    own_horizons,
    risk_of,
    take_rows,
)
from lbp_prognosis.validation.resampling._evaluate_rows import evaluate_rows
from lbp_prognosis.validation.resampling._folds import event_stratum, site_folds
from lbp_prognosis.validation.resampling._replicates import run_replicates
from lbp_prognosis.validation.resampling._stated_objections import are_stated, stated_once, stated_rows
from lbp_prognosis.validation.screening._screen_of import screen_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["InternalExternal", "internal_external"]

_POOLED = (
    "auc",
    "concordance",
    "uno_concordance",
    "observed_expected",
    "calibration_slope",
    "citl",
    "brier",
    "ipa",
    "net_benefit",
)
"""Measures that are pooled over sites."""
_SMALL = objection("sites-too-small")
_EVENTS_OF_A_SLOPE = 100
_SMALL_SLOPES = objection("slopes-of-small-sites")


@dataclass(frozen=True, repr=False)
class InternalExternal(Result):
    """Leave-one-site-out performance of several models.

    Attributes
    ----------
    sites : DataFrame
        ``site, n, n_events, evaluated, reason``.
    risks : dict of str to ndarray of shape (n, n_horizons)
        Risk of each patient by the model fitted without the patient's site.
    table : DataFrame
        One row per site, model and metric, with the columns of evaluation; ``group`` is the site.
    evaluations : dict of str to Evaluation
        By site.
    """

    sample: ClassVar[str] = "internal-external"  # what `Evidence` takes the numbers for

    sites: pd.DataFrame
    risks: dict[str, np.ndarray] = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    evaluations: dict[str, Evaluation] = field(repr=False)
    models: tuple[str, ...] = ()
    horizons: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    confidence: float = 0.95
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def pooled(
        self,
        metric: str,
        *,
        model: str | None = None,
        horizon: float | None = None,
        threshold: float | None = None,
        reference: str | None = None,
    ) -> MetaAnalysis:
        """Return the random-effects meta-analysis of one measure over sites.

        Parameters
        ----------
        metric : str
            E.g. ``"auc"``, ``"observed_expected"``, ``"calibration_slope"``, ``"net_benefit"``.
        model : str, optional
            Model; the first by default.
        horizon, threshold : float, optional
            Which time and decision threshold; needed where there are several.
        reference : str, optional
            Pool the paired difference of ``model`` minus this model instead.
        """
        rows = self._rows(metric, model or self.models[0], horizon, threshold, reference)
        known = rows[np.isfinite(rows["value"]) & np.isfinite(rows["se"]) & (rows["se"] > 0)]
        if len(known) < 2:
            raise argument_error(
                "metric", "a measure known with its error at two sites at least", f"{metric!r}, known at {len(known)}"
            )
        scale = "identity" if reference or METRICS[metric].scale == "fisher" else METRICS[metric].scale
        if scale == "logit":
            inside = (known["value"] > 0) & (known["value"] < 1)
            known = known[inside]
        found = meta_analysis(
            known["value"].to_numpy(),
            known["se"].to_numpy(),
            labels=known["group"].tolist(),
            scale=scale,
            metric=metric if reference is None else f"difference in {metric}",
            confidence=self.confidence,
        )
        if metric == "calibration_slope" and reference is None and known["n_events"].median() < _EVENTS_OF_A_SLOPE:
            return replace(found, objections=(*found.objections, _SMALL_SLOPES))
        return found

    def _rows(
        self, metric: str, model: str, horizon: float | None, threshold: float | None, reference: str | None
    ) -> pd.DataFrame:
        t = self.table
        rows = t[(t["metric"] == metric) & (t["model"] == model)]
        rows = rows[rows["reference"].isna()] if reference is None else rows[rows["reference"] == reference]
        for column, value in (("horizon", horizon), ("threshold", threshold)):
            if value is not None:
                rows = rows[np.isclose(rows[column].astype(float), value)]
            elif rows[column].nunique(dropna=True) > 1:
                raise argument_error(column, f"one of {sorted(rows[column].dropna().unique().tolist())}", "None")
        return rows

    def meta(self) -> pd.DataFrame:
        """Return every pooled measure of every model: columns of evaluation, then ``threshold, reference, quantity``.

        ``quantity`` is ``estimate``, ``tau2``, ``prediction_low_hksj`` …
        """
        rows: list[dict[str, Any]] = []
        keys = ["model", "metric", "horizon", "threshold", "reference"]
        for _, cell in self.table.groupby(keys, dropna=False, sort=False):
            model, metric, horizon, threshold, reference = (
                None if pd.isna(value) else value for value in cell[keys].iloc[0].tolist()
            )
            if metric not in _POOLED:
                continue
            try:
                pooled = self.pooled(metric, model=model, horizon=horizon, threshold=threshold, reference=reference)
            except ValueError:  # not known at two sites
                continue
            same = {
                "metric": metric,
                "model": model,
                "horizon": horizon,
                "group": "pooled",
                "threshold": threshold,
                "reference": reference,
            }
            for _, row in pooled.to_frame().iterrows():
                rows.append({**dict(row), "quantity": row["metric"], **same})
        return metric_frame(rows, extra=("threshold", "reference", "quantity"))

    def to_frame(self) -> pd.DataFrame:
        """Return the per-site table."""
        return self.table

    def plot(self, ax: Axes | None = None, *, metric: str = "auc", **which: Any) -> Axes:
        """Draw the forest plot of one measure (see `pooled`), with `MetaAnalysis.prediction_profile`."""
        return self.pooled(metric, **which).plot(ax, method="profile")

    def _summary(self) -> str:
        used = int(self.sites["evaluated"].sum())
        return f"{len(self.models)} models, {used} of {len(self.sites)} sites evaluated"


def _told_apart(function: Callable[..., InternalExternal]) -> Callable[..., InternalExternal]:
    """Before rows are read: ``groups`` alone are the sites, and what stands in their place may be the horizons."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> InternalExternal:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return function(*args, **kwargs)  # Python's own message
        if given.get("groups") is not None:
            sites = given.get("sites")
            if sites is None:
                given["sites"] = given.pop("groups")
            elif given.get("horizons") is None and np.size(sites) != len(given["y"]):
                given["sites"], given["horizons"] = given.pop("groups"), sites
        return function(**{**given.pop("keywords", {}), **given})

    return wrapped


@_told_apart
@takes_rows()
def internal_external(
    models: Any,
    X: Any,
    y: np.ndarray,
    sites: Any = None,
    horizons: Any = None,
    thresholds: Any = None,
    *,
    cause: int = 1,
    target: str = "event",
    groups: Any = None,
    min_events: int = 10,
    fit_params: Mapping[str, Any] | None = None,
    confidence: float = 0.95,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
    **keywords: Any,
) -> InternalExternal:
    """Fit models without one site and evaluate them at this site, for each site in turn.

    Parameters
    ----------
    models : estimator or mapping of str to estimator
        Unfitted pipelines.
    X : DataFrame or array of shape (n, p), or MultiplyImputed
        Predictors. With imputed tables each site's numbers are pooled over them by Rubin's rules before the sites are,
        and the result is marked ``imputed-outside-resampling``.
    y : ndarray of shape (n,)
        Structured outcome.
    sites : array-like of shape (n,), optional
        Hospital of each row. If omitted, ``groups`` are the sites, and this position may contain the horizons, as in
        other validation functions: ``internal_external(model, X, y, 12, groups=site)``.
    horizons : float or sequence of float, optional
        Prediction times; a `Status` contains its own; for times they are required.
    thresholds : array-like or ThresholdRange, optional
        Decision thresholds.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Target of decisions.
    groups : array-like of shape (n,), optional
        Patient of each row; used as clusters within a site.
    min_events : int, default 10
        Sites with fewer events or non-events by the last horizon train only.
    fit_params : mapping of str to array-like of shape (n,), optional
        Row-wise arguments of ``fit``.
    confidence : float, default 0.95
        Level of intervals.
    n_jobs : int, optional
        Workers.
    checkpoint : path, optional
        Folder of finished fits.
    progress : bool, default False
        Show a progress bar.
    **keywords
        Passed to `evaluation.evaluate` at each site; what is row-wise (``sample_weight`` …) is given for all rows and
        cut to each site.

    Returns
    -------
    InternalExternal
        Per-site table, and ``pooled(metric, …)``, ``meta()``, forest plots.

    Raises
    ------
    ArgumentError
        If a patient's rows lie at two sites, or fewer than two sites can be evaluated.

    Notes
    -----
    The performance is that of the modelling strategy; fit the final model on all sites.

    References
    ----------
    Steyerberg, Harrell (2016), https://doi.org/10.1016/j.jclinepi.2015.04.005.
    """
    if isinstance(X, MultiplyImputed):
        return _in_every_imputation(locals())
    estimators = check_models(models)
    times, scalar = check_horizons(own_horizons(y, horizons))
    check_same_rows("sites", sites, "X", X)
    codes, names = site_folds(sites, y.shape[0])
    people = check_rows(X, y, groups)
    if people is not None and pd.DataFrame({"p": people, "s": codes}).groupby("p")["s"].nunique().max() > 1:
        raise argument_error(
            "sites",
            "one site per patient",
            "patients with rows at two sites",
            "A patient at two sites would be trained on and tested on.",
        )
    least = int(check_number("min_events", min_events, low=1, whole=True))
    listed = eligible_groups(y, codes, names, times[-1], cause, least)
    used = np.flatnonzero(listed["evaluated"])
    if used.size < 2:
        raise argument_error(
            "sites",
            f"two sites with {least} events and non-events at least",
            f"{used.size} of them",
            "Lower min_events, or use cross_validate_risk.",
        )
    tasks = [(name, int(site)) for name in estimators for site in range(len(names))]
    work = partial(
        _predict_site,
        estimators=estimators,
        X=X,
        y=y,
        horizons=times,
        cause=cause,
        codes=codes,
        people=people,
        fit_params=fit_params,
    )
    described = {name: describe_estimator(model) for name, model in estimators.items()}
    results = run_replicates(
        work,
        tasks,
        what=("internal_external", described, X, y, times, cause, codes, dict(fit_params or {})),
        n_jobs=n_jobs,
        checkpoint=checkpoint,
        progress=progress,
        description="Sites",
        accept=partial(_is_of_site, codes=codes, n_horizons=times.size),
    )
    risks = {name: np.full((y.shape[0], times.size), np.nan) for name in estimators}
    for (name, site), result in zip(tasks, results):
        risks[name][codes == site] = result["risk"]
    options = {"cause": cause, "target": target, "confidence": confidence, "clusters": people, **keywords}
    at = float(times[0]) if scalar else times
    evaluations = {
        names[k]: evaluate_rows(y, risks, np.flatnonzero(codes == k), at, thresholds, options) for k in used.tolist()
    }
    return InternalExternal(
        sites=listed,
        risks=risks,
        table=_table(evaluations),
        evaluations=evaluations,
        models=tuple(estimators),
        horizons=times,
        confidence=confidence,
        objections=(
            *prepared_objections(X),
            *stated_once(results),
            *(() if listed["evaluated"].all() else (_SMALL,)),
            *screen_of(estimators, X, y, times, cause, people),
        ),
        synthetic=bool(getattr(X, "attrs", {}).get("synthetic", False)),
    )


def _in_every_imputation(arguments: dict[str, Any]) -> InternalExternal:
    """Leave the same sites out in every table, and pool each site's numbers before the sites are pooled."""
    y, tables, folder = arguments["y"], arguments["X"].tables, arguments["checkpoint"]
    keywords = arguments.pop("keywords")
    parts = [
        internal_external(
            **{
                **arguments,
                "X": table,
                "checkpoint": None if folder is None else os.path.join(folder, f"imputation-{k}"),
            },
            **keywords,
        )
        for k, table in enumerate(tables, start=1)
    ]
    sites, horizons, groups = (arguments[name] for name in ("sites", "horizons", "groups"))
    times, scalar = check_horizons(own_horizons(y, horizons))
    codes, names = site_folds(sites, y.shape[0])
    people = check_rows(tables[0], y, groups)
    risks = {name: np.mean([part.risks[name] for part in parts], axis=0) for name in parts[0].models}
    options = {
        **{name: arguments[name] for name in ("cause", "target", "confidence")},
        "clusters": people,
        **keywords,
    }
    at = float(times[0]) if scalar else times
    evaluations = {}
    for site in parts[0].evaluations:
        rows = np.flatnonzero(codes == names.index(site))
        averaged = evaluate_rows(y, risks, rows, at, arguments["thresholds"], options)
        evaluations[site] = pool_evaluations([part.evaluations[site] for part in parts], averaged)
    doubts = dict.fromkeys((IMPUTED_BEFORE, *(o for part in parts for o in part.objections)))
    return replace(parts[0], risks=risks, table=_table(evaluations), evaluations=evaluations, objections=tuple(doubts))


def _table(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Rows of all sites; only differences have a reference."""
    table = pd.concat([found.to_frame().assign(group=site) for site, found in evaluations.items()], ignore_index=True)
    table["threshold"] = table["threshold"].astype(float) if "threshold" in table else np.nan
    named = table["reference"] if "reference" in table else pd.Series(None, index=table.index, dtype=object)
    table["reference"] = named.where(named.notna() & (named != ""), None)
    return table


def eligible_groups(
    y: np.ndarray, codes: np.ndarray, names: list[str], horizon: float, cause: int, least: int
) -> pd.DataFrame:
    """Say of each group whether ``least`` patients had the event by the horizon and as many were followed without."""
    rows = []
    stratum = event_stratum(y)
    by_time = y["time"] if "time" in (y.dtype.names or ()) else None
    for site, name in enumerate(names):
        here = codes == site
        event = here & (stratum == cause)
        free = (
            here & (stratum == 0) if by_time is None else here & (by_time >= horizon) & ~(event & (by_time <= horizon))
        )
        if by_time is not None:
            event &= by_time <= horizon
        enough = bool(event.sum() >= least and free.sum() >= least)
        rows.append(
            {
                "site": name,
                "n": int(here.sum()),
                "n_events": int(event.sum()),
                "evaluated": enough,
                "reason": ""
                if enough
                else f"fewer than {least} events, or than {least} followed without, by the horizon",
            }
        )
    return pd.DataFrame(rows)


def _is_of_site(task: tuple[str, int], arrays: Mapping[str, np.ndarray], *, codes: Any, n_horizons: int) -> bool:
    """Return whether arrays are risks of the patients of a site, in [0, 1] or not predicted."""
    risk = arrays["risk"]
    inside = np.isnan(risk) | ((risk >= 0) & (risk <= 1))
    shaped = risk.shape == (int((codes == task[1]).sum()), n_horizons)
    return bool(shaped and inside.all() and are_stated(arrays["objections"]))


def _predict_site(
    task: tuple[str, int],
    *,
    estimators: Mapping[str, Any],
    X: Any,
    y: np.ndarray,
    horizons: np.ndarray,
    cause: int,
    codes: np.ndarray,
    people: np.ndarray | None,
    fit_params: Mapping[str, Any] | None,
) -> dict[str, np.ndarray]:
    name, site = task
    given = fit_params if people is None else fit_arguments(estimators[name], fit_params, people, y.shape[0])
    model = fit_on(estimators[name], X, y, np.flatnonzero(codes != site), given)
    risk, doubts = risk_of(model, take_rows(X, np.flatnonzero(codes == site)), horizons, cause, y)
    return {"risk": risk, "objections": stated_rows(doubts)}
