"""``contrast``: differences in the linear predictor between settings of the predictors, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    ArgumentError,
    Objection,
    RandomState,
    Result,
    argument_error,
    check_choice,
    check_confidence,
    column_kind,
    is_number,
    linear_predictor_of,
    linear_predictor_scale,
    norm,
    numbers_in,
    objection,
    read_frame,
    refused_kind,
    takes_rows,
)
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.validation.comparison._effects import (
    blind_imputation,
    check_one_cause,
    effects_on,
    fitted_columns,
    imputation_doubts,
    unwrapped,
)
from lbp_prognosis.validation.resampling._bootstrap_values import Resampling, percentile_limits, refitted_values
from lbp_prognosis.validation.resampling._estimator import pipeline_as_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Contrast", "contrast", "groups_with_delta", "refuse_categories", "set_values", "table_of_fit"]


@dataclass(frozen=True, repr=False)
class Contrast(Result):
    """Differences in the linear predictor.

    Attributes
    ----------
    table : DataFrame
        One row per contrast: the specified columns, also with the suffix ``_against``; then ``estimate, se, low, high,
        ratio, ratio_low, ratio_high, df, p, confidence``. ``estimate`` is the difference on ``scale``; ``ratio`` is its
        exponential where the scale is a logarithm (hazard, odds or time ratio), else missing.
    settings : dict
        Values of the other columns.
    scale : str or None
        Scale of the coefficients, e.g. ``"log_hazard"``. For ``"log_time"``, a positive estimate means later events and
        the ratio is a time ratio; `linear_predictor`, which is higher for earlier events, has the opposite sign.
    cause : int
        Event code.
    m : int
        Completed tables.
    interval : str
        ``"delta"`` or ``"bootstrap"``; ``df`` is missing for the latter.
    n_failed : int
        Bootstrap samples that could not be fitted and were drawn again.
    """

    table: pd.DataFrame = field(repr=False)
    settings: dict[str, Any]
    scale: str | None
    cause: int
    m: int
    interval: str = "delta"
    n_failed: int = 0
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return ``table``."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the contrasts: ratios where the scale is a logarithm, differences otherwise.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        t = self.table
        if t["ratio"].notna().all():
            rows, neutral, axis = t.assign(value=t["ratio"], low=t["ratio_low"], high=t["ratio_high"]), 1.0, "ratio"
        else:
            rows, neutral, axis = t.assign(value=t["estimate"]), 0.0, "difference in the linear predictor"
        labels = [self._label(row) for _, row in t.iterrows()]
        return draw_estimates(rows.assign(label=labels), axis=axis, neutral=neutral, ax=ax)

    def _label(self, row: pd.Series) -> str:
        columns = [name for name in row.index if f"{name}_against" in row.index]
        return ", ".join(f"{name} {row[name]} against {row[f'{name}_against']}" for name in columns)

    def _summary(self) -> str:
        over = "" if self.m == 1 else f", pooled over {self.m} imputations"
        return f"{len(self.table)} contrasts, {(self.scale or 'linear predictor').replace('_', ' ')}{over}"


@takes_rows()
def contrast(
    fitted: Any,
    X: pd.DataFrame,
    at: Mapping[str, Any],
    against: Mapping[str, Any],
    *,
    cause: int = 1,
    interval: str = "delta",
    y: np.ndarray | None = None,
    groups: Any = None,
    confidence: float = 0.95,
    n_resamples: int = 200,
    fit_params: Mapping[str, Any] | None = None,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Contrast:
    """Compare patients who differ in some predictors, including splines and interactions, like ``contrast`` of rms.

    Parameters
    ----------
    fitted : fitted RiskPipeline or model
        For ``"delta"`` unpenalised, with coefficients and their covariance; for ``"bootstrap"`` any with a linear
        predictor.
    X : DataFrame or ndarray of shape (n, p)
        Rows that determine the values of the other predictors: the median of a numeric column; the most frequent value
        (the smallest if tied) of any other column or one that a step treats as nominal. These values matter only if a
        specified predictor has an interaction.
    at, against : mapping of str to a value or a list of values
        Columns of ``X`` and their specified values, e.g. ``{"odi": [40, 60]}`` against ``{"odi": 20}``. Lists must have
        equal length; single values are repeated. A column in only one mapping keeps its value from ``X`` in the other.
    cause : int, default 1
        Event code.
    interval : {"delta", "bootstrap"}, default "delta"
        From the covariance of the coefficients, or percentiles over refits of the whole pipeline: also for penalised
        and boosted models.
    y : ndarray of shape (n,), optional
        Outcome of the rows of ``X``, for the refits of ``"bootstrap"``; ``X`` is then the development data.
    groups : array-like of shape (n,), optional
        Clusters that ``"bootstrap"`` resamples as a whole.
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
    Contrast
        Associations in this model, not effects of changing a predictor.

    Raises
    ------
    ArgumentError
        If a column is unknown, named like one of the result or has no coefficient (strata, offset), lists differ in
        length, the cause is not one of the model, the model is penalised or has no covariance (``"delta"``), or refits
        to ``X`` and ``y`` differ from the model (``"bootstrap"``).
    EstimationError
        If more than a tenth of the refits fail.

    Notes
    -----
    With designs d₁ and d₀ of the two settings the estimate is (d₁ − d₀)'b with variance (d₁ − d₀)'V(d₁ − d₀) and a
    normal quantile. Several completed tables: the estimates are pooled by Rubin's rules with the degrees of freedom of
    Barnard and Rubin for infinitely many patients, because each table has separate knots.

    With ``"bootstrap"`` the estimate is the difference of the two linear predictors, ``se`` the standard deviation over
    the samples, and p is 2 (1 + b) / (1 + B), at most 1, with b the smaller number of the B samples on a side of 0. A
    sample in which the pipeline can't be fitted is counted and drawn again.

    References
    ----------
    Harrell FE (2015). Regression Modeling Strategies, 2nd ed. Springer, section 6.2. doi:10.1007/978-3-319-19425-7

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import CoxPH
    >>> from lbp_prognosis.fusion import from_formula
    >>> from lbp_prognosis.validation import contrast
    >>> rng = np.random.default_rng(0)
    >>> d = pd.DataFrame({"odi": rng.uniform(0, 80, 200), "sex": rng.choice(["f", "m"], 200), "status": 1})
    >>> d["months"] = rng.exponential(9 * np.exp(d["odi"] / 40))
    >>> pipeline, X, y = from_formula(CoxPH(), "Surv(months, status) ~ rcs(odi, 3) * sex", d)
    >>> found = contrast(pipeline.fit(X, y), X, {"odi": 60, "sex": ["f", "m"]}, {"odi": 20, "sex": ["f", "m"]})
    >>> found.to_frame()[["odi", "sex", "odi_against", "ratio"]].round(2)
       odi sex  odi_against  ratio
    0   60   f           20   0.40
    1   60   m           20   0.31
    """
    check_confidence(confidence)
    check_choice("interval", interval, ("delta", "bootstrap"))
    if groups is not None and interval == "delta":
        raise groups_with_delta()
    X = table_of_fit(fitted, X)
    at, against = set_values("at", at, X), set_values("against", against, X)
    aside = _without_coefficient(fitted)
    if wrong := [column for column in {**at, **against} if column in aside]:
        raise argument_error(
            "at",
            "predictors with coefficients",
            f"{wrong[:5]}, which the model has as strata, as its offset or not at all",
            "The contrast between strata is one of their baselines, and not a number: compare risks.",
        )
    if taken := sorted(_NUMBERS & {name for column in {**at, **against} for name in (column, f"{column}_against")}):
        raise argument_error("at", "columns that are not named like those of the result", taken, "Rename them.")
    rows = {len(values) for given in (at, against) for values in given.values() if len(values) > 1} or {1}
    if len(rows) > 1:
        raise argument_error("at", "lists of one length in `at` and `against`", f"lengths {sorted(rows)}")
    (k,) = rows
    nominal = _nominal(fitted)
    refuse_categories(fitted, "at", at)
    refuse_categories(fitted, "against", against)
    settings = {str(column): _usual(X[column], nominal=str(column) in nominal) for column in X.columns}
    first, second = (_frame(X, settings, given, k) for given in (at, against))
    both = pd.concat([first, second], ignore_index=True)
    if interval == "delta":
        by, m, doubts = _by_delta(fitted, both, cause, confidence)
        n_failed = 0
    else:
        how = Resampling(n_resamples, random_state, n_jobs, progress)
        check_one_cause(fitted, cause)
        difference = partial(_difference, both=both, cause=cause)
        value = difference(pipeline_as_model(fitted))
        drawn = refitted_values(fitted, difference, X, y, how, groups=groups, fit_params=fit_params)
        by, m, n_failed = _by_samples(value, drawn.values, confidence), 1, drawn.n_failed
        blind = (objection("imputed-without-outcome"),) if blind_imputation(fitted) else ()
        doubts = (*blind, *drawn.objections)
    scale = linear_predictor_scale(unwrapped(fitted))
    log = scale is not None and scale.startswith("log")
    found = pd.DataFrame({name: first[name] for name in (*at, *[n for n in against if n not in at])})
    for name in list(found):
        found[f"{name}_against"] = second[name]
    ratios = {name: np.exp(by[of]) if log else np.nan for name, of in _RATIOS}
    order = {"estimate": by["estimate"], "se": by["se"], "low": by["low"], "high": by["high"], **ratios}
    return Contrast(
        table=found.assign(**order, df=by["df"], p=by["p"], confidence=confidence),
        settings={name: value for name, value in settings.items() if name not in found and name not in aside},
        scale=scale,
        cause=cause,
        m=m,
        interval=interval,
        n_failed=n_failed,
        objections=doubts,
        synthetic=bool(X.attrs.get("synthetic", False)),
    )


def _by_delta(
    fitted: Any, both: pd.DataFrame, cause: int, confidence: float
) -> tuple[dict[str, np.ndarray], int, tuple[Objection, ...]]:
    """Return the numbers from coefficients and their covariance, the completed tables, and objections to these."""
    k = len(both) // 2
    effects = effects_on(fitted, cause, "fitted")
    estimates, variances = np.empty((len(effects), k)), np.empty((len(effects), k))
    for table, (fit, design) in enumerate(zip(effects, _designs(fitted, both, len(effects)), strict=True)):
        if absent := [column for column in fit.names if column not in design.columns]:
            raise argument_error(
                "fitted",
                "a model of the columns of `X`, or a pipeline that makes its columns",
                f"{type(fitted).__name__}, whose {absent[:4]} are made at the fit",
            )
        difference = design[fit.names].to_numpy(dtype=float)
        difference = difference[:k] - difference[k:]
        estimates[table] = difference @ fit.coef
        variances[table] = np.einsum("ij,jk,ik->i", difference, fit.covariance, difference)
    pooled = rubin_pool(estimates, variances)
    if len(effects) > 1:
        low, high = pooled.limits(confidence)
        p, df = pooled.p_value(), pooled.df
    else:
        half = norm.ppf(0.5 + confidence / 2) * pooled.se
        low, high, df = pooled.estimate - half, pooled.estimate + half, np.full(k, np.inf)
        with np.errstate(invalid="ignore", divide="ignore"):
            p = 2 * norm.sf(np.abs(pooled.estimate / pooled.se))
    numbers = {"estimate": pooled.estimate, "se": pooled.se, "low": low, "high": high, "df": df, "p": p}
    return numbers, len(effects), imputation_doubts(effects)


def _difference(model: Any, *, both: pd.DataFrame, cause: int) -> np.ndarray:
    """Linear predictors of the first half of the rows less those of the second (k,), on the scale of coefficients."""
    score = linear_predictor_of(model, both, cause) if hasattr(model, "linear_predictor") else None
    if score is None or score.ndim != 1:
        raise argument_error(
            "fitted",
            "a model with a linear predictor of one scale",
            type(model).__name__,
            "marginal_predictions(interval='bootstrap') compares the risks of any model.",
        )
    k = len(both) // 2
    sign = -1.0 if linear_predictor_scale(unwrapped(model)) == "log_time" else 1.0  # a score is higher for sooner
    return sign * (score[:k] - score[k:])


def _by_samples(value: np.ndarray, draws: np.ndarray, confidence: float) -> dict[str, np.ndarray]:
    low, high = percentile_limits(draws, confidence)
    b = np.minimum((draws <= 0).sum(axis=0), (draws >= 0).sum(axis=0))
    p = np.minimum(2 * (1 + b) / (1 + len(draws)), 1.0)
    se = draws.std(axis=0, ddof=1)
    return {"estimate": value, "se": se, "low": low, "high": high, "df": np.full(len(value), np.nan), "p": p}


_RATIOS = (("ratio", "estimate"), ("ratio_low", "low"), ("ratio_high", "high"))
_NUMBERS = {"estimate", "se", "low", "high", "df", "p", "confidence", *(name for name, _ in _RATIOS)}


def groups_with_delta() -> ArgumentError:
    """Return the error of clusters that are given to the delta method."""
    return argument_error(
        "groups",
        'left out for interval="delta"',
        "one label per row",
        "Fit the model with clusters=…, which makes its covariance robust, or take interval='bootstrap'.",
    )


def table_of_fit(fitted: Any, X: Any) -> pd.DataFrame:
    """Return the columns that the model was fitted to."""
    frame = read_frame(X)
    if not isinstance(frame, pd.DataFrame):
        frame = np.asarray(frame)
        if frame.ndim != 2:
            raise argument_error("X", "a frame or a two-dimensional array", X)
        frame = pd.DataFrame(frame, columns=[f"x{j}" for j in range(frame.shape[1])])
    named = hasattr(fitted, "n_features_in_")
    names = [*fitted_columns(fitted), *sorted(_beside(fitted))] if named else list(frame.columns)
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise argument_error("X", f"a table with the columns of the fit, {names[:8]}", f"one without {absent[:5]}")
    return frame[names]


def _beside(fitted: Any) -> set[str]:
    """Columns that a model without a pipeline reads as strata or offset, besides its predictors."""
    given = (getattr(fitted, name, None) for name in ("strata", "offset"))
    names = {str(name) for part in given if part is not None for name in ([part] if isinstance(part, str) else part)}
    return names - set(fitted_columns(fitted))


def _without_coefficient(fitted: Any) -> set[str]:
    """Columns of a pipeline that its model has as strata or offset, or that have no modality."""
    inner = unwrapped(fitted)
    aside = {*getattr(inner, "held_columns_", ()), *getattr(inner, "unused_columns_", ())}
    beside = _beside(fitted) if hasattr(fitted, "n_features_in_") else set()
    return {str(column) for column in aside if column not in getattr(inner, "columns_", ())} | beside


def set_values(name: str, given: Any, X: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the given values of each column, as lists."""
    if not isinstance(given, Mapping) or not given:
        raise argument_error(name, "a mapping of columns of `X` to values", given)
    unknown = [column for column in given if column not in X.columns]
    if unknown:
        raise argument_error(name, f"columns of the model, {list(X.columns)[:8]}", unknown[:5])
    several = (list, tuple, range, np.ndarray, pd.Series, pd.Index)
    lists = {str(c): list(values) if isinstance(values, several) else [values] for c, values in given.items()}
    bad = [c for c, values in lists.items() if not values or any(pd.isna(value) for value in values)]
    if bad:
        raise argument_error(name, "values that are known", f"none or missing ones for {bad[:5]}")
    return lists


def refuse_categories(fitted: Any, name: str, values: dict[str, list[Any]]) -> None:
    """Refuse values of nominal columns that are no category of the fit, where no step takes others."""
    for column, known in _nominal(fitted, closed=True).items():
        if absent := [value for value in values.get(column, []) if value not in known]:
            raise argument_error(name, f"categories of the fit in {column!r}, {known[:8]}", absent[:5])


def _nominal(fitted: Any, *, closed: bool = False) -> dict[str, list[Any]]:
    """Columns that a step of a pipeline takes as nominal, numbers among them, with their categories.

    Those of which the step takes other values as well are left out if ``closed``.
    """
    inner = unwrapped(fitted)
    steps = [step for _, step in getattr(inner, "steps_", ())]
    steps += [step for branch in getattr(inner, "branches_", ())[:1] for step in branch.steps]
    steps = [step for step in steps if not closed or getattr(step, "unknown", "error") == "error"]
    known = (getattr(step, "column_categories_", getattr(step, "categories_", {})) for step in steps)
    found = [categories for categories in known if isinstance(categories, Mapping)]
    return {str(column): list(levels) for categories in found for column, levels in categories.items()}


def _usual(column: pd.Series, *, nominal: bool) -> Any:
    """Median of numbers, most frequent value of anything else and of nominal columns."""
    kind = column_kind(column)
    if kind in ("date", "duration", "complex", "mixed"):
        raise refused_kind("X", kind, "numbers and categories", column=str(column.name))
    known = column.dropna()
    if known.empty:
        raise argument_error("X", "columns with at least one known value", f"{column.name!r} without any")
    if is_number(column) and not nominal:
        return float(np.nanmedian(numbers_in(column.to_frame(), [column.name])[:, 0]))
    return known.mode().iloc[0]


def _frame(X: pd.DataFrame, settings: dict[str, Any], given: dict[str, list[Any]], k: int) -> pd.DataFrame:
    values = {name: given.get(name, [usual]) for name, usual in settings.items()}
    frame = pd.DataFrame({name: held * k if len(held) == 1 else held for name, held in values.items()})
    for name in frame:
        if is_number(X[name]):
            numbers_in(frame, [name], "at")  # refuses text and infinite values
        else:
            frame[name] = frame[name].astype(X[name].dtype)
            if frame[name].isna().any():  # no category of a categorical column
                raise argument_error("at", f"categories of {name!r}", values[str(name)])
    return frame


def _designs(fitted: Any, rows: pd.DataFrame, tables: int) -> list[pd.DataFrame]:
    """Rows as the model of each completed table sees them."""
    fitted = unwrapped(fitted)
    if hasattr(fitted, "seen_by_models"):
        return [design for _, design in fitted.seen_by_models(rows)]
    return [rows] * tables
