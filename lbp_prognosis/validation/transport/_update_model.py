"""Closed-test model updating: the smallest revision that the data do not contradict."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit

from lbp_prognosis._base import (
    ArgumentError,
    Objection,
    OutcomeError,
    Result,
    argument_error,
    check_choice,
    check_number,
    chi2,
    content_hash,
    norm,
    objection,
    stated_score,
    takes_rows,
)
from lbp_prognosis._kernels import cox_baseline, cox_fit, kaplan_meier_steps, step_at
from lbp_prognosis.models import LogisticRisk, as_risk_model
from lbp_prognosis.survival import check_outcome, status_horizon
from lbp_prognosis.validation.resampling._estimator import describe_estimator, is_ready, pipeline_as_model
from lbp_prognosis.validation.transport._bayes_update import posterior_cox, posterior_logistic, prior_of
from lbp_prognosis.validation.transport._updated_model import UpdatedModel, original_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ModelUpdate", "update_model"]

_APPARENT = objection("apparent-on-updating-data")
_FEW = objection("few-events-for-updating")
_SHRUNK = objection("closed-test-of-shrunken-refit")
_METHODS = ("closed_test", "original", "intercept", "slope", "refit", "bayes")


@dataclass(frozen=True, repr=False)
class ModelUpdate(Result):
    """The chosen update, and the tests that led to it.

    Attributes
    ----------
    model : UpdatedModel
        The new version; predicts risks.
    method : str
        ``original``, ``intercept`` (for times: the baseline level), ``slope``, ``refit`` or ``bayes``.
    table : DataFrame
        One row per candidate: ``method, log_likelihood, parameters, intercept, slope, slope_se``.
    tests : DataFrame
        One row per test: ``test, statistic, df, p``.
    """

    model: UpdatedModel
    method: str
    table: pd.DataFrame
    tests: pd.DataFrame
    alpha: float
    n: int
    n_events: int
    objections: tuple[Objection, ...] = field(default=())

    def to_frame(self) -> pd.DataFrame:
        """Return the table of candidates with a column ``chosen``."""
        return self.table.assign(chosen=self.table["method"] == self.method)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how much better each candidate fits than the original, with the parameters it spends.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        known = self.table[self.table["log_likelihood"].notna()]
        start = float(known["log_likelihood"].iloc[0])
        labels = [
            f"{r.method} ({r.parameters:g})" + (" ← chosen" if r.method == self.method else "")
            for r in known.itertuples()
        ]
        rows = known.assign(label=labels, value=2 * (known["log_likelihood"] - start))
        return draw_estimates(
            rows, axis=f"χ² over {known['method'].iloc[0]}; parameters in brackets", neutral=0.0, digits=".2f", ax=ax
        )

    def _summary(self) -> str:
        return f"{self.method} update on {self.n} patients, {self.n_events} events"


@takes_rows()
def update_model(
    model: Any,
    X: Any,
    y: np.ndarray,
    *,
    method: str = "closed_test",
    horizon: float | None = None,
    alpha: float = 0.05,
    discount: float = 1.0,
) -> ModelUpdate:
    """Adapt a fitted model to new patients.

    Parameters
    ----------
    model : fitted model
        With ``predict_risk``. Where it states no log-hazard score (log odds for a state) its risk at the horizon, on
        that scale, stands in for it. A published formula, a function ``f(X, horizons) -> risk`` or `as_risk_model` of
        it, is taken as it is: it can be recalibrated, not refitted.
    X : DataFrame or array of shape (n, p)
        Predictors of the new patients.
    y : ndarray of shape (n,)
        Made by `Status.at` or `Surv.right` (one cause).
    method : {"closed_test", "original", "intercept", "slope", "refit", "bayes"}, default "closed_test"
        ``"closed_test"`` takes the smallest update that the full revision does not improve significantly. ``"bayes"``
        takes the old coefficients, discounted, as a prior (models with ``coef_`` and ``covariance_``).
    horizon : float, optional
        Time at which the level of a time-to-event model is matched; needed for `Surv`.
    alpha : float, default 0.05
        Level of each test in the closed procedure.
    discount : float, default 1.0
        Power λ in (0, 1] of a Bayesian update: the prior is N(b, V/λ) of the old fit, so that 1 pools old and new
        patients and a small value gives the old patients little weight.

    Returns
    -------
    ModelUpdate
        With the new version in ``model``.

    Raises
    ------
    ArgumentError
        If the model is not fitted, or ``horizon`` is missing.
    OutcomeError
        With competing events.

    Notes
    -----
    State: the full revision is tested against the original (p + 1 df), against the intercept update (p df) and against
    intercept and slope (p − 1 df), stopping at the first that is not significant. Time to event: coefficients by the
    partial likelihood of each candidate's log hazard (p df against the original one as offset, then p − 1 df against
    its slope); if they stand, the level is tested by ln(O/E) at the horizon. The level update multiplies the cumulative
    hazard by the k that solves mean{1 − exp(−k H(τ | x))} = F̂(τ).

    A fixed score is not refitted: slope against original and against intercept (state), slope against original, then
    the level (time).

    Bayes: the mode of likelihood(new) × N(b, V/λ); for times the baseline is that of the new patients.

    References
    ----------
    Vergouwe et al. (2017), https://doi.org/10.1002/sim.7179.
    """
    power = check_number("discount", discount, low=0, high=1, open_low=True)
    if not hasattr(model, "predict_risk") and inspect.isroutine(model):
        model = as_risk_model(model)
    model = pipeline_as_model(model)
    if not (hasattr(model, "predict_risk") and is_ready(model)):
        raise argument_error(
            "model", "a fitted model with `predict_risk`", model, "Updating starts from what was learned."
        )
    check_choice("method", method, _METHODS)
    level = check_number("alpha", alpha, low=0, high=1, open_low=True, open_high=True)
    kind = check_outcome(
        y, ("right", "status"), caller="update_model", instead="For visits use Status.at(visit, state)."
    )
    if kind == "status":
        keep = np.flatnonzero(y["status"] >= 0)
        X, y = (X.iloc[keep] if hasattr(X, "iloc") else np.asarray(X)[keep]), y[keep]
        if method == "bayes":
            return _bayes_state(model, X, y, power, level)
        update = _update_state(model, X, y, method, level)
    else:
        if (y["event"] > 1).any():
            raise argument_error(
                "y",
                "an outcome with one cause",
                "competing events",
                "Update each cause's model by itself.",
                kind=OutcomeError,
            )
        if horizon is None:
            raise argument_error(
                "horizon", "given for a time to event", "None", "The level is matched there, e.g. horizon=12."
            )
        if method == "bayes":
            return _bayes_time(model, X, y, power, level)
        update = _update_time(model, X, y, method, level, check_number("horizon", horizon, low=0, open_low=True))
    return update


def _ledger(model: Any, X: Any, y: np.ndarray, method: str, events: int, tests: pd.DataFrame) -> dict[str, Any]:
    return {
        "parent": content_hash(_description(model)),
        "data": content_hash(_row_hashes(X), y),
        "n": int(y.shape[0]),
        "n_events": events,
        "method": method,
        "test": tests.to_dict("records"),
    }


def _description(model: Any) -> Any:
    """Return the identification of the parent model; a published formula is named by its function."""
    formula = getattr(model, "estimator", None)
    if inspect.isroutine(formula):
        return f"{formula.__module__}.{formula.__qualname__}"
    try:
        return model.to_dict() if hasattr(model, "to_dict") else describe_estimator(model)
    except ArgumentError:  # a model of another library
        return describe_estimator(model)


def _row_hashes(X: Any) -> np.ndarray:
    """Return one number per row, of whatever types the columns are."""
    return pd.util.hash_pandas_object(pd.DataFrame(X), index=False).to_numpy()


def _inner(model: Any) -> Any:
    """Return the regression at the end of a fitted pipeline, or the model itself."""
    inside = getattr(model, "models_", None)  # of a model by blocks or causes a mapping
    return inside[0] if isinstance(inside, list) else model


def _parameters(full: Any, X: Any) -> int:
    """Return how many coefficients a refit spends."""
    coefficients = getattr(_inner(full), "coef_", None)
    if isinstance(coefficients, dict):  # by cause
        return sum(int(np.size(part)) for part in coefficients.values())
    return int(np.shape(X)[1] if coefficients is None else np.size(coefficients))


def _refits(model: Any, method: str) -> bool:
    """Say whether a model can be fitted anew; a formula of others, or an update, can only be recalibrated."""
    fixed = not (hasattr(model, "fit") and hasattr(model, "get_params")) or getattr(_inner(model), "fixed", False)
    if fixed and method in ("refit", "bayes"):
        raise argument_error(
            "method",
            '"closed_test", "original", "intercept" or "slope" for a fixed score',
            f'"{method}"',
            "There is nothing to refit: it can be recalibrated.",
        )
    return not fixed


def _closed(steps: list[tuple[str, float, int, str]], alpha: float, largest: str) -> tuple[str, pd.DataFrame]:
    """Walk the tests (name, statistic, df, method kept if not significant); the ``largest`` if all are significant."""
    rows, chosen = [], largest
    for name, statistic, df, kept in steps:
        p = float(chi2.sf(max(statistic, 0.0), df)) if df > 0 else 1.0
        rows.append({"test": name, "statistic": statistic, "df": df, "p": p})
        if p > alpha:
            chosen = kept
            break
    return chosen, pd.DataFrame(rows, columns=["test", "statistic", "df", "p"])


def _update_state(model: Any, X: Any, y: np.ndarray, method: str, alpha: float) -> ModelUpdate:
    from sklearn.base import clone

    horizon = status_horizon(y) or getattr(model, "horizon_", None)
    if horizon is None:
        raise argument_error(
            "y", "a Status with its visit time", "one that lost it", "Make it again: Status.at(visit, …)."
        )
    event = y["status"].astype(float)
    risk = np.clip(model.predict_risk(X, horizon)[:, 0], 1e-12, 1 - 1e-12)
    lp = np.log(risk / (1 - risk))
    at = None if stated_score(model, X, "status") is not None else float(horizon)
    refits = _refits(model, method)

    def likelihood(eta: np.ndarray) -> float:
        return float(np.sum(event * eta - np.logaddexp(0, eta)))

    if not 0 < event.mean() < 1:
        raise argument_error("y", "states of both kinds", "one kind only")
    level = float(brentq(lambda a: np.mean(expit(lp + a)) - event.mean(), -60.0, 60.0, xtol=1e-14))
    line = LogisticRisk(horizon=horizon).fit(lp[:, None], y)
    full = clone(model).fit(X, y) if refits else None
    p = _parameters(full, X) if refits else 0
    assert line.covariance_ is not None  # it has no penalty
    slope, slope_se = float(line.coef_[0]), float(np.sqrt(line.covariance_[1, 1]))
    table = pd.DataFrame(
        [
            ("original", likelihood(lp), 0, 0.0, 1.0, np.nan),
            ("intercept", likelihood(lp + level), 1, level, 1.0, np.nan),
            ("slope", line.log_likelihood_, 2, line.intercept_, slope, slope_se),
        ],
        columns=["method", "log_likelihood", "parameters", "intercept", "slope", "slope_se"],
    )
    if full is not None:
        refitted = np.clip(full.predict_risk(X, horizon)[:, 0], 1e-12, 1 - 1e-12)
        table.loc[3] = ("refit", likelihood(np.log(refitted / (1 - refitted))), p + 1, np.nan, np.nan, np.nan)
    best = dict(zip(table["method"], table["log_likelihood"]))
    largest, spent = ("refit", p + 1) if refits else ("slope", 2)  # what is fixed can only be recalibrated
    steps = [
        (f"{largest} against {kept}", 2 * (best[largest] - best[kept]), spent - used, kept)
        for kept, used in (("original", 0), ("intercept", 1), ("slope", 2))
        if kept != largest
    ]
    closed, tests = _closed(steps, alpha, largest)
    chosen = closed if method == "closed_test" else method
    events = int(event.sum())
    ledger = _ledger(model, X, y, chosen, events, tests)
    row = table.loc[table["method"] == chosen].iloc[0]
    new = (
        UpdatedModel(full, "refit", "logit", ledger=ledger)
        if chosen == "refit"
        else UpdatedModel(
            model, chosen, "logit", float(row["intercept"]), float(row["slope"]), horizon=at, ledger=ledger
        )
    )
    return ModelUpdate(new, chosen, table, tests, alpha, y.shape[0], events, _doubts(model, events, chosen))


def _doubts(model: Any, events: int, chosen: str) -> tuple[Objection, ...]:
    few = (_FEW,) if events < 100 and chosen in ("slope", "refit") else ()
    penalty = getattr(_inner(model), "penalty", None)
    shrunk = (_SHRUNK,) if chosen != "bayes" and penalty is not None and np.any(np.asarray(penalty) != 0) else ()
    return (_APPARENT, *few, *shrunk) if chosen != "original" else (*few, *shrunk)


def _ties(model: Any) -> str:
    ties = getattr(_inner(model), "ties", "efron")
    return ties if ties in ("efron", "breslow") else "efron"


def _baseline(
    time: np.ndarray, event: np.ndarray, eta: np.ndarray, entry: np.ndarray | None, ties: str
) -> dict[str, Any]:
    """New cumulative baseline hazard, carried forward from the last event to the end of follow-up."""
    ((times, hazard),) = cox_baseline(time, event, eta, entry=entry, ties=ties)
    events = np.bincount(np.searchsorted(times, time[event]), minlength=times.size)
    if times.size and time.max() > times[-1]:
        times, hazard, events = np.append(times, time.max()), np.append(hazard, hazard[-1]), np.append(events, 0)
    return {"baseline_times": times, "baseline_hazard": hazard, "baseline_events": events}


def _update_time(model: Any, X: Any, y: np.ndarray, method: str, alpha: float, horizon: float) -> ModelUpdate:
    from sklearn.base import clone

    time, event = y["time"].astype(float), y["event"] == 1
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    if getattr(_inner(model), "strata", None) is not None and method in ("closed_test", "slope"):
        raise argument_error(
            "method",
            "'intercept' or 'refit' for a model with strata",
            method,
            "The other updates estimate one baseline for all.",
        )
    ties = _ties(model)
    lp = original_score(model, X, "hazard", horizon)
    at = None if stated_score(model, X, "right") is not None else float(horizon)
    line = cox_fit(lp[:, None], time, event, entry=entry, ties=ties)
    refits = _refits(model, method)
    full = clone(model).fit(X, y) if refits else None
    # every candidate by the partial likelihood of its linear predictor: a parametric model's own likelihood, or one
    # with other ties, cannot be compared with that of the offset
    offset, *others = (
        cox_fit(eta[:, None], time, event, entry=entry, offset=eta, ties=ties, max_iter=1).loglik_null
        for eta in (lp, *(() if full is None else (original_score(full, X, "hazard", horizon),)))
    )
    p = _parameters(full, X) if refits else 0
    multiplier, z = _level(model, X, time, event, entry, horizon)
    slope, slope_se = float(line.coef[0]), float(np.sqrt(line.covariance[0, 0]))
    table = pd.DataFrame(
        [
            ("original", offset, 0, 0.0, 1.0, np.nan),
            ("intercept", offset, 1, np.log(multiplier), 1.0, np.nan),
            ("slope", line.loglik, 2, np.nan, slope, slope_se),
            *(("refit", refitted, p + 1, np.nan, np.nan, np.nan) for refitted in others),
        ],
        columns=["method", "log_likelihood", "parameters", "intercept", "slope", "slope_se"],
    )
    if refits:
        steps = [
            ("coefficients against original", 2 * (others[0] - offset), p, "level"),
            ("coefficients against slope", 2 * (others[0] - line.loglik), p - 1, "slope"),
        ]
    else:
        steps = [("slope against original", 2 * (line.loglik - offset), 1, "level")]
    closed, tests = _closed(steps, alpha, "refit" if refits else "slope")
    if closed == "level":
        level_p = float(2 * norm.sf(abs(z)))
        row = pd.DataFrame([("level at the horizon", z**2, 1, level_p)], columns=tests.columns)
        tests = pd.concat([tests, row], ignore_index=True)
        closed = "original" if level_p > alpha else "intercept"
    chosen = closed if method == "closed_test" else method
    events = int(event.sum())
    ledger = _ledger(model, X, y, chosen, events, tests)
    if chosen == "refit":
        new = UpdatedModel(full, "refit", "hazard", ledger=ledger)
    elif chosen == "slope":
        baseline = _baseline(time, event, slope * lp, entry, ties)
        new = UpdatedModel(model, "slope", "hazard", 0.0, slope, horizon=at, ledger=ledger, **baseline)
    else:
        log_k = 0.0 if chosen == "original" else float(np.log(multiplier))
        new = UpdatedModel(model, chosen, "hazard", log_k, horizon=at, ledger=ledger)
    return ModelUpdate(new, chosen, table, tests, alpha, y.shape[0], events, _doubts(model, events, chosen))


def _bayes_table(old: float, new: float, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = pd.DataFrame(
        [("original", old, 0, np.nan, np.nan, np.nan), ("bayes", new, count, np.nan, np.nan, np.nan)],
        columns=["method", "log_likelihood", "parameters", "intercept", "slope", "slope_se"],
    )
    return table, pd.DataFrame(columns=["test", "statistic", "df", "p"])


def _bayes_state(model: Any, X: Any, y: np.ndarray, power: float, alpha: float) -> ModelUpdate:
    matrix, mean, covariance = prior_of(model, X, intercept=True)
    event = y["status"].astype(float)
    eta = matrix @ mean
    old = float(np.sum(event * eta - np.logaddexp(0, eta)))
    beta, spread, new = posterior_logistic(matrix, event, mean, covariance, power)
    table, tests = _bayes_table(old, new, beta.size)
    events = int(event.sum())
    ledger = {**_ledger(model, X, y, "bayes", events, tests), "discount": power}
    updated = UpdatedModel(model, "bayes", "logit", coefficients=beta, covariance=spread, ledger=ledger)
    return ModelUpdate(updated, "bayes", table, tests, alpha, y.shape[0], events, _doubts(model, events, "bayes"))


def _bayes_time(model: Any, X: Any, y: np.ndarray, power: float, alpha: float) -> ModelUpdate:
    matrix, mean, covariance = prior_of(model, X, intercept=False)
    time, event = y["time"].astype(float), y["event"] == 1
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    ties = _ties(model)
    old = cox_fit(matrix[:, :1], time, event, entry=entry, offset=matrix @ mean, ties=ties, max_iter=1).loglik_null
    beta, spread, new = posterior_cox(matrix, y, mean, covariance, power, ties)
    table, tests = _bayes_table(old, new, beta.size)
    baseline = _baseline(time, event, matrix @ beta, entry, ties)
    events = int(event.sum())
    ledger = {**_ledger(model, X, y, "bayes", events, tests), "discount": power}
    updated = UpdatedModel(
        model,
        "bayes",
        "hazard",
        coefficients=beta,
        covariance=spread,
        ledger=ledger,
        **baseline,
    )
    return ModelUpdate(updated, "bayes", table, tests, alpha, y.shape[0], events, _doubts(model, events, "bayes"))


def _level(
    model: Any, X: Any, time: np.ndarray, event: np.ndarray, entry: np.ndarray | None, horizon: float
) -> tuple[float, float]:
    """Hazard multiplier that matches Kaplan–Meier at the horizon, and the z of ln(O/E)."""
    risk = model.predict_risk(X, horizon)[:, 0]
    if np.isnan(risk).any():
        raise argument_error("horizon", "within the follow-up of the model", horizon)
    steps = kaplan_meier_steps(time, event, entry=entry)
    survival = float(step_at(steps.times, steps.survival, np.array([horizon]), left=1.0)[0])
    greenwood = float(step_at(steps.times, steps.greenwood, np.array([horizon]), left=0.0)[0])
    observed = 1 - survival
    if not 0 < observed < 1:
        raise argument_error("horizon", "a time by which some patients, but not all, had the event", horizon)
    hazard = -np.log1p(-np.clip(risk, 0, 1 - 1e-12))

    def gap(log_k: float) -> float:
        return float(np.mean(-np.expm1(-np.exp(log_k) * hazard)) - observed)

    log_k = float(brentq(gap, -20.0, 20.0, xtol=1e-13))
    return float(np.exp(log_k)), float(np.log(observed / risk.mean()) / (survival * np.sqrt(greenwood) / observed))
