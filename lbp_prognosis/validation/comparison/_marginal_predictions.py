"""``marginal_predictions``: mean predictions of a population under set values of predictors, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    RandomState,
    Result,
    argument_error,
    check_choice,
    check_confidence,
    check_horizons,
    is_number,
    norm,
    numbers_in,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.models import CauseSpecificCox, DynamicRisk, OrdinalRegression, RecurrentCox
from lbp_prognosis.validation.comparison._contrast import groups_with_delta, refuse_categories, set_values, table_of_fit
from lbp_prognosis.validation.comparison._effects import (
    Effects,
    blind_imputation,
    effects_on,
    imputation_doubts,
    unwrapped,
)
from lbp_prognosis.validation.resampling._bootstrap_values import Resampling, percentile_limits, refitted_values
from lbp_prognosis.validation.resampling._estimator import pipeline_as_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MarginalPredictions", "marginal_predictions"]


@dataclass(frozen=True, repr=False)
class MarginalPredictions(Result):
    """Mean predictions of the same patients under several settings of some predictors.

    Attributes
    ----------
    table : DataFrame
        Per setting: the set columns, ``horizon`` (missing for scores), ``kind``, ``estimate, se, low, high,
        confidence``. ``kind`` is ``"mean"``, the mean prediction, or ``"difference"``, that from the first setting.
    quantity : str
        ``"risk"`` or ``"mean"`` (of a score).
    interval : str
        ``"delta"`` or ``"bootstrap"``.
    n : int
        Patients over whom predictions are averaged.
    m : int
        Completed tables.
    n_failed : int
        Bootstrap samples that could not be fitted and were drawn again.
    """

    table: pd.DataFrame = field(repr=False)
    quantity: str
    interval: str
    n: int
    m: int
    n_failed: int = 0
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return ``table``."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean predictions of the settings with their intervals.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table[self.table["kind"] == "mean"].rename(columns={"estimate": "value"})
        columns = list(rows.columns[: rows.columns.get_loc("horizon")])
        several = rows["horizon"].nunique() > 1
        labels = [
            ", ".join(f"{name} {row[name]}" for name in columns) + (f" ({row['horizon']:g})" if several else "")
            for _, row in rows.iterrows()
        ]
        axis = "mean predicted risk" if self.quantity == "risk" else "mean predicted score"
        return draw_estimates(rows.assign(label=labels), axis=axis, neutral=None, ax=ax)

    def _summary(self) -> str:
        over = "" if self.m == 1 else f", pooled over {self.m} imputations"
        count = int((self.table["kind"] == "mean").sum())
        return f"{count} mean predictions of {self.n} patients, {self.interval}{over}"


class _Averages(NamedTuple):
    """Means, or their differences from the first setting, with standard errors and limits; shape (k, h)."""

    estimate: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray


@takes_rows()
def marginal_predictions(
    fitted: Any,
    X: pd.DataFrame,
    at: Mapping[str, Any],
    *,
    horizons: Any = None,
    quantity: str = "risk",
    interval: str = "delta",
    y: np.ndarray | None = None,
    groups: Any = None,
    cause: int = 1,
    confidence: float = 0.95,
    n_resamples: int = 200,
    fit_params: Mapping[str, Any] | None = None,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> MarginalPredictions:
    """Average predictions over patients with some predictors set to given values, with intervals.

    Every patient of ``X`` gets the values of a setting and keeps all others; the predictions are averaged. Differences
    between settings are on the scale of risk (or points of the score), as ``avg_predictions`` and ``avg_comparisons``
    of R's marginaleffects report them.

    Parameters
    ----------
    fitted : fitted RiskPipeline or model
        Model whose predictions are averaged.
    X : DataFrame or ndarray of shape (n, p)
        Patients over whom predictions are averaged; intervals regard them as fixed. For ``"delta"`` without missing
        values.
    at : mapping of str to a value or a list of values
        Columns of ``X`` and their values, e.g. ``{"odi": [20, 40, 60]}``; the position in the list is the setting.
        Lists must have equal length; single values are repeated.
    horizons : float or sequence of float, optional
        In the unit of the study; needed for the risk of an event, left out for the mean score.
    quantity : {"risk", "mean"}, default "risk"
        Risk (of a score: at its declared cut), or mean score.
    interval : {"delta", "bootstrap"}, default "delta"
        ``"delta"``: from the covariance of the estimates, for unpenalised ``CoxPH``, ``CauseSpecificCox``,
        ``FineGray``, ``ParametricAFT``, ``RoystonParmar``, ``LogisticRisk``, ``OrdinalRegression`` (risks and means)
        and ``LinearOutcome`` (means), and pipelines of them; knots, categories and weights for attrition are
        regarded as known. ``"bootstrap"``: percentiles over refits of the whole pipeline, for any model.
    y : ndarray of shape (n,), optional
        Outcome of the rows of ``X``, for the refits of ``"bootstrap"``; ``X`` is then the development data.
    groups : array-like of shape (n,), optional
        Clusters that ``"bootstrap"`` resamples as a whole.
    cause : int, default 1
        Event code.
    confidence : float, default 0.95
        Level of the intervals, without adjustment for multiplicity.
    n_resamples : int, default 200
        Bootstrap samples.
    fit_params : mapping of str to array-like of shape (n,), optional
        Row-wise arguments of the fit (``sample_weight``, ``strata``, ``offset``), for the refits.
    random_state : int, Generator or None, default 0
        Seed; the numbers do not depend on ``n_jobs``.
    n_jobs : int, optional
        Workers.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    MarginalPredictions
        Associations in this model: what patients with these values have, not what changing them would do.

    Raises
    ------
    ArgumentError
        If a column is unknown, lists differ in length, the model has no delta method or no risk at a horizon, or
        refits to ``X`` and ``y`` differ from the model.
    EstimationError
        If more than a tenth of the refits fail.

    Notes
    -----
    With gradient g of a mean prediction in the estimates and their covariance V the variance is g'Vg. It includes the
    baseline: for ``CoxPH`` and ``CauseSpecificCox`` with the variance of its increments at known coefficients (with
    tied events of several causes that of a multinomial draw, so that without predictors it is that of Aalen–Johansen),
    for ``FineGray`` by influence functions, the estimated censoring curve included. Clusters make the covariance of the
    coefficients robust, not that of a Cox baseline: ``"bootstrap"`` with ``groups`` is then safer. Several completed
    tables are pooled by Rubin's rules. Limits of risks end at 0 and 1.

    A bootstrap sample in which the pipeline can't be fitted, or has no risk at a horizon, is counted and drawn again.

    References
    ----------
    Arel-Bundock V, Greifer N, Heiss A (2024). J Stat Softw 111(9). doi:10.18637/jss.v111.i09

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Status
    >>> from lbp_prognosis.models import LogisticRisk
    >>> from lbp_prognosis.validation import marginal_predictions
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"odi": rng.uniform(0, 80, 300), "age": rng.normal(50, 9, 300)})
    >>> y = Status.at(12, (rng.random(300) < X["odi"] / 100).astype(int))
    >>> found = marginal_predictions(LogisticRisk().fit(X, y), X, {"odi": [20, 60]}, horizons=12)
    >>> found.to_frame()[["odi", "kind", "estimate", "low", "high"]].round(2)
       odi        kind  estimate   low  high
    0   20        mean      0.14  0.08  0.20
    1   60        mean      0.60  0.52  0.67
    2   60  difference      0.46  0.37  0.55
    """
    check_confidence(confidence)
    check_choice("quantity", quantity, ("risk", "mean"))
    check_choice("interval", interval, ("delta", "bootstrap"))
    times = None if horizons is None else check_horizons(horizons)[0]
    if times is not None and quantity == "mean":
        raise argument_error("horizons", "left out for a mean: the score is that of its visit", horizons)
    if groups is not None and interval == "delta":
        raise groups_with_delta()
    table = table_of_fit(fitted, X)
    if not len(table):
        raise argument_error("X", "a table with at least one patient", "no rows")
    values = set_values("at", at, table)
    refuse_categories(fitted, "at", values)
    taken = sorted({"horizon", "kind", "confidence", *_Averages._fields} & set(values))
    if taken:
        raise argument_error("at", "columns that are not named like those of the result", taken, "Rename them.")
    stacked, k = _settings(table, values)
    grid = [np.nan] if times is None else list(times)
    if interval == "delta":
        of_means, of_differences, effects = _by_delta(fitted, stacked, k, times, quantity, cause, confidence)
        m, doubts = len(effects), imputation_doubts(effects)
        n_failed = 0
        _refuse_unknown(of_means.estimate, grid)
    else:
        averages = partial(_averages, stacked=stacked, k=k, times=times, quantity=quantity, cause=cause)
        whole = averages(pipeline_as_model(fitted))
        _refuse_unknown(whole, grid)
        how = Resampling(n_resamples, random_state, n_jobs, progress)
        drawn = refitted_values(fitted, averages, table, y, how, groups=groups, fit_params=fit_params)
        of_means, of_differences = _by_percentiles(whole, drawn.values, confidence)
        blind = (objection("imputed-without-outcome"),) if blind_imputation(fitted) else ()
        m, doubts, n_failed = 1, (*blind, *drawn.objections), drawn.n_failed
    if quantity == "risk":
        of_means = of_means._replace(low=np.clip(of_means.low, 0, 1), high=np.clip(of_means.high, 0, 1))
    first = pd.DataFrame({name: held * k if len(held) == 1 else held for name, held in values.items()})
    parts = [
        first.iloc[skip:].assign(
            horizon=horizon, kind=kind, **{name: numbers[:, j] for name, numbers in found._asdict().items()}
        )
        for kind, found, skip in (("mean", of_means, 0), ("difference", of_differences, 1))
        for j, horizon in enumerate(grid)
    ]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return MarginalPredictions(
        table=rows.assign(confidence=confidence),
        quantity=quantity,
        interval=interval,
        n=len(table),
        m=m,
        n_failed=n_failed,
        objections=doubts,
        synthetic=bool(table.attrs.get("synthetic", False)),
    )


def _settings(table: pd.DataFrame, values: dict[str, list[Any]]) -> tuple[pd.DataFrame, int]:
    """All patients under the first setting, then under the second, …; and the number of settings."""
    lengths = {len(held) for held in values.values() if len(held) > 1} or {1}
    if len(lengths) > 1:
        raise argument_error("at", "lists of one length", f"lengths {sorted(lengths)}")
    (k,) = lengths
    n = len(table)
    stacked = pd.concat([table] * k, ignore_index=True)
    for name, held in values.items():
        given = pd.Series(np.repeat(np.arange(k), n) if len(held) > 1 else np.zeros(k * n, dtype=int)).map(
            dict(enumerate(held))
        )
        if is_number(table[name]):
            numbers_in(pd.DataFrame({name: held}), [name], "at")  # refuses text and infinite values
            stacked[name] = given
        else:
            stacked[name] = given.astype(table[name].dtype)
            if stacked[name].isna().any():  # no category of a categorical column
                raise argument_error("at", f"categories of {name!r}", held)
    return stacked, k


def _by_delta(
    fitted: Any, stacked: pd.DataFrame, k: int, times: np.ndarray | None, quantity: str, cause: int, confidence: float
) -> tuple[_Averages, _Averages, list[Effects]]:
    effects = effects_on(fitted, cause, "fitted")  # refuses penalised models and those without a covariance
    inner = unwrapped(fitted)
    pairs = inner.seen_by_models(stacked) if hasattr(inner, "seen_by_models") else [(inner, stacked)]
    setting = np.repeat(np.arange(k), len(stacked) // k)
    model = pairs[0][0]
    scores, ordinal = hasattr(model, "predict_mean"), isinstance(model, OrdinalRegression)
    # several rows of one patient: the error of the baseline takes rows for patients
    stacked_rows = isinstance(fitted, DynamicRisk) or isinstance(model, RecurrentCox)
    told = ("risk", "mean") if ordinal else ("mean",) if scores else ("risk",)
    if not hasattr(model, "average_prediction") or stacked_rows or quantity not in told:
        raise argument_error(
            "interval",
            "'bootstrap' for this model and quantity",
            f"'delta' for the {quantity} of {type(fitted if stacked_rows else model).__name__}",
            "The delta method is that of CoxPH, CauseSpecificCox, FineGray, ParametricAFT, RoystonParmar, LogisticRisk "
            "(risks), OrdinalRegression (risks and means) and LinearOutcome (means).",
        )
    if not scores and times is None:
        raise argument_error("horizons", "a number or a sequence of numbers for a risk", None)
    if any(pd.isna(design).to_numpy().any() for _, design in pairs if isinstance(design, pd.DataFrame)):
        raise argument_error(
            "X",
            "a table without missing values for interval='delta'",
            f"missing values in {[c for c in stacked.columns if stacked[c].isna().any()][:5]}",
            "Take interval='bootstrap', which imputes in every refit, or patients with known values.",
        )
    more = {"quantity": quantity} if ordinal else {"cause": cause} if isinstance(model, CauseSpecificCox) else {}
    parts = [each.average_prediction(design, times, groups=setting, **more) for each, design in pairs]
    h = parts[0][0].shape[1]
    against = np.eye(k) - np.eye(k)[[0]]
    found = []
    for turn in (np.eye(k), against):
        estimates = np.stack([(turn @ mean).T.ravel() for mean, _ in parts])
        variances = np.stack([np.einsum("ij,hjk,ik->hi", turn, spread, turn).ravel() for _, spread in parts])
        pooled = rubin_pool(estimates, np.maximum(variances, 0))
        if len(parts) > 1:
            low, high = pooled.limits(confidence)
        else:
            half = norm.ppf(0.5 + confidence / 2) * pooled.se
            low, high = pooled.estimate - half, pooled.estimate + half
        numbers = (np.asarray(v).reshape(h, k).T for v in (pooled.estimate, pooled.se, low, high))
        found.append(_Averages(*numbers))
    return found[0], _Averages(*(numbers[1:] for numbers in found[1])), effects


def _averages(model: Any, *, stacked: pd.DataFrame, k: int, times: np.ndarray | None, quantity: str, cause: int) -> Any:
    """Mean predictions of a fit under each setting (k, h)."""
    if quantity == "mean":
        if not hasattr(model, "predict_mean"):
            raise argument_error("quantity", "'risk' for a model without scores", "'mean'")
        predicted = np.asarray(model.predict_mean(stacked), dtype=float)
    elif times is None and hasattr(model, "predict_mean"):
        predicted = np.asarray(model.predict_risk(stacked), dtype=float)
    elif times is None:
        raise argument_error("horizons", "a number or a sequence of numbers for a risk", None)
    else:
        predicted = np.asarray(model.predict_risk(stacked, times, cause), dtype=float)
    return predicted.reshape(k, len(stacked) // k, -1).mean(axis=1)


def _by_percentiles(whole: np.ndarray, draws: np.ndarray, confidence: float) -> tuple[_Averages, _Averages]:
    def of(value: np.ndarray, values: np.ndarray) -> _Averages:
        return _Averages(value, values.std(axis=0, ddof=1), *percentile_limits(values, confidence))

    return of(whole, draws), of(whole[1:] - whole[:1], draws[:, 1:] - draws[:, :1])


def _refuse_unknown(means: np.ndarray, grid: Any) -> None:
    unknown = [float(horizon) for horizon, known in zip(grid, np.isfinite(means).all(axis=0)) if not known]
    if unknown:
        raise argument_error("horizons", "times at which the model has a risk", f"{unknown[:3]}, at which it has none")
