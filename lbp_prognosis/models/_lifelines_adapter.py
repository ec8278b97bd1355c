"""Adapter to lifelines: its additive hazards, and its likelihoods maximised.

Three faults of lifelines 0.30 are met here. Its additive model keeps patients who are censored between two event times
at risk for ever (it takes out those whose time equals an event time), so that cumulative hazards come out far too
small: times of censored rows are moved to the event time before them. It divides the variance of a cumulative
coefficient by the standard deviation of its column instead of the variance: columns come here with the standard
deviation 1. Its optimiser stops at 1e-6 of the mean log-likelihood, so that risks depend on the order of rows:
likelihood and derivatives are lifelines', and Newton's method takes the last steps.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from lbp_prognosis._base import EstimationError, require
from lbp_prognosis._kernels import Point, climb
from lbp_prognosis.models._collinear import undetermined

__all__ = [
    "AdditiveHazards",
    "EventRows",
    "Maximum",
    "additive_hazards",
    "cure_likelihood",
    "maximise",
    "piecewise_likelihood",
]

_NEVER = 1e25  # the upper end of an interval without one
_AT_ONCE = 1e-25  # time 0, where logarithms of time are taken
_SINGULAR = 1e-9

Parameters = Mapping[str, Any]


def _autograd(module: str, caller: str) -> Any:
    """Return autograd, which is installed with lifelines."""
    return require(module, caller=caller, extra="adapters")


# ---- additive hazards ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AdditiveHazards:
    """Aalen's cumulative coefficients.

    Attributes
    ----------
    times : ndarray of shape (k,)
        Event times at which the coefficients are determined.
    events : ndarray of int of shape (k,)
        Rows with the event at each.
    cumulative, variance : ndarray of shape (k, p + 1)
        Cumulative coefficients, the baseline last, and their variance.
    stopped : bool
        Whether later event times were left out.
    """

    times: np.ndarray
    events: np.ndarray
    cumulative: np.ndarray
    variance: np.ndarray
    stopped: bool


def additive_hazards(
    X: np.ndarray, time: np.ndarray, event: np.ndarray, weights: np.ndarray, *, caller: str
) -> AdditiveHazards:
    """Estimate Aalen's additive hazards by least squares at each event time.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Columns of mean 0 and standard deviation 1 (divisor n − 1).
    time, event : ndarray of shape (n,)
        End of follow-up, and whether it is the event.
    weights : ndarray of shape (n,)
        Positive row weights.
    caller : str
        Public name of the model.

    Raises
    ------
    EstimationError
        If no event time has three rows at risk per column, with linearly independent columns.
    """
    lifelines = require("lifelines", caller=caller, extra="adapters")
    times = np.unique(time[event])
    kept = _determined(X, time, times)
    if not kept:
        raise EstimationError(
            f"{caller} needs three rows at risk per column, and columns that differ among them, at its first event "
            f"time; {time.size} rows and {X.shape[1]} columns do not give them. Drop columns."
        )
    used = times[:kept]
    # a censored row leaves with the event time before its own; one that leaves before the first was never at risk
    place = np.searchsorted(used, time, side="right") - 1
    at_risk = place >= 0
    event = event & (time <= used[-1])
    frame = pd.DataFrame(X[at_risk], columns=[f"x{j}" for j in range(X.shape[1])])
    frame["_time"], frame["_event"] = used[place[at_risk]], event[at_risk]
    options = {}
    if not (weights == 1).all():
        frame["_weight"], options = weights[at_risk], {"weights_col": "_weight"}
    fitter = lifelines.AalenAdditiveFitter(fit_intercept=True)
    with warnings.catch_warnings():
        # the variances that this remark on weights concerns are not used
        warnings.simplefilter("ignore", lifelines.exceptions.StatisticalWarning)
        fitter.fit(frame, "_time", "_event", **options)
    # lifelines divides by its own standard deviations, which those who were never at risk may have moved from 1
    order = [*frame.columns[: X.shape[1]], "Intercept"]
    spread = np.append(frame.iloc[:, : X.shape[1]].std(ddof=1).to_numpy(), 1.0)
    return AdditiveHazards(
        times=used,
        events=np.bincount(np.searchsorted(used, time[event]), minlength=kept),
        cumulative=fitter.cumulative_hazards_[order].to_numpy(),
        variance=fitter.cumulative_variance_[order].to_numpy() / spread,
        stopped=kept < times.size,
    )


def _determined(X: np.ndarray, time: np.ndarray, times: np.ndarray) -> int:
    """Return how many of the event times have enough rows at risk and linearly independent columns (R's rule)."""
    inner = np.column_stack([X, np.ones(X.shape[0])])
    least = max(3 * X.shape[1], 1)

    def enough(k: int) -> bool:
        rows = inner[time >= times[k]]
        # rows only leave, so the smallest eigenvalue only falls
        return rows.shape[0] >= least and bool(np.linalg.eigvalsh(rows.T @ rows)[0] > _SINGULAR)

    low, high = 0, times.size  # the first `low` are determined, number `high` is not
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            low = middle + 1
        else:
            high = middle
    return low


# ---- likelihoods -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EventRows:
    """Rows of a likelihood of times, in any unit.

    Attributes
    ----------
    kind : ndarray of int of shape (n,)
        0 right-censored at ``time``, 1 event at ``time``, 2 event in (``lower``, ``time``].
    time, lower, entry : ndarray of shape (n,)
        Times; ``entry`` is 0 without delayed entry.
    weights : ndarray of shape (n,)
        Positive row weights.
    """

    kind: np.ndarray
    time: np.ndarray
    lower: np.ndarray
    entry: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Maximum:
    """Maximum of a likelihood.

    Attributes
    ----------
    theta : dict of str to ndarray
        Parameters by name.
    log_likelihood : float
        Without penalty.
    information : ndarray of shape (m, m)
        Minus the second derivatives, in the order of ``theta``.
    scores : ndarray of shape (n, m)
        Derivative of each row's log-likelihood, without its weight.
    iterations : int
        Newton's steps.
    """

    theta: dict[str, np.ndarray]
    log_likelihood: float
    information: np.ndarray
    scores: np.ndarray
    iterations: int


class _Columns:
    """Matrices by parameter, as lifelines' likelihoods ask for them."""

    def __init__(self, parts: Mapping[str, np.ndarray]) -> None:
        self.parts = dict(parts)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.parts[name]

    def filter(self, rows: np.ndarray) -> _Columns:
        return _Columns({name: matrix[rows] for name, matrix in self.parts.items()})


def maximise(
    fitter: Any,
    rows: EventRows,
    columns: Mapping[str, np.ndarray],
    start: Mapping[str, np.ndarray],
    *,
    caller: str,
    remedy: str,
) -> Maximum:
    """Bring a likelihood of lifelines to its maximum.

    Parameters
    ----------
    fitter : lifelines' ParametricRegressionFitter
        Fitter from `piecewise_likelihood` or `cure_likelihood`.
    rows : EventRows
        The outcome.
    columns : mapping of str to ndarray of shape (n, m_k)
        Matrix of each parameter.
    start : mapping of str to ndarray of shape (m_k,)
        Starting values.
    caller : str
        Public name of the model.
    remedy : str
        Remedy if there is no finite maximum.

    Raises
    ------
    EstimationError
        If there is no finite maximum.
    """
    autograd = _autograd("autograd", caller)
    names = list(columns)
    ends = np.cumsum([columns[name].shape[1] for name in names])[:-1]
    X = _Columns(columns)

    def parts(theta: Any) -> dict[str, Any]:
        edges = [0, *ends.tolist(), theta.shape[0]]
        return {name: theta[a:b] for name, a, b in zip(names, edges, edges[1:])}

    inside = (rows.kind == 2).any()
    upper = np.where((rows.kind == 0) & inside, _NEVER, rows.time)
    lower = np.where(rows.kind == 2, rows.lower, rows.time)
    exact = rows.kind == 1
    total = float(rows.weights.sum())

    def likelihood(theta: Any, weights: Any) -> Any:
        given, rest = parts(theta), (exact, weights, rows.entry, X)
        if inside:
            return fitter._log_likelihood_interval_censoring(given, (lower, upper), *rest) * weights.sum()
        return fitter._log_likelihood_right_censoring(given, (rows.time, None), *rest) * weights.sum()

    def objective(theta: Any) -> Any:
        """Penalised log-likelihood; lifelines adds its penalty to the mean."""
        return -total * fitter._add_penalty(parts(theta), -likelihood(theta, rows.weights) / total)

    gradient, curvature = autograd.grad(objective), autograd.hessian(objective)

    def point(theta: np.ndarray) -> Point:
        second = np.asarray(curvature(theta), dtype=float)
        return Point(float(objective(theta)), np.asarray(gradient(theta)), -(second + second.T) / 2)

    first = np.concatenate([start[name] for name in names])
    with np.errstate(all="ignore"):
        near = optimize.minimize(
            lambda theta: (-float(objective(theta)) / total, -np.asarray(gradient(theta)) / total),
            first,
            jac=True,
            method="BFGS",
            options={"gtol": 1e-5},
        )
        found = climb(point, near.x, np.ones(first.size, dtype=bool), max_iter=50, tol=1e-12)
        if not found.converged or undetermined(found.point.information):
            raise EstimationError(
                f"{caller} found no finite maximum of the likelihood ({found.point.loglik:.6g} in logs): {remedy}"
            )
        scores = autograd.jacobian(lambda weights: autograd.grad(likelihood)(found.theta, weights))(rows.weights)
        log_likelihood = float(likelihood(found.theta, rows.weights))
    return Maximum(
        theta={name: np.asarray(part) for name, part in parts(found.theta).items()},
        log_likelihood=log_likelihood,
        information=found.point.information,
        scores=np.asarray(scores).T,
        iterations=found.iterations,
    )


def piecewise_likelihood(breakpoints: Sequence[float], penalty: float, *, caller: str) -> Any:
    """Return lifelines' piecewise exponential regression; parameters ``lambda_0_``, … are log mean times."""
    return _piecewise_class(caller)(np.asarray(breakpoints, dtype=float), penalizer=float(penalty))


@functools.cache
def _piecewise_class(caller: str) -> Any:
    lifelines, anp = require("lifelines", caller=caller, extra="adapters"), _autograd("autograd.numpy", caller)

    class Piecewise(lifelines.PiecewiseExponentialRegressionFitter):  # type: ignore[name-defined]
        """With the hazard at a breakpoint that of the interval which ends there.

        lifelines differentiates min(T, breakpoint), which at a tie gives the mean of both hazards.
        """

        def _log_hazard(self, params: Parameters, T: np.ndarray, Xs: _Columns) -> Any:
            place = np.searchsorted(self.breakpoints, T, side="left")
            each = anp.array([-anp.dot(Xs[name], params[name]) for name in self._fitted_parameter_names])
            return each[place, np.arange(T.size)]

        def _survival_function(self, params: Parameters, T: np.ndarray, Xs: _Columns) -> Any:
            return anp.exp(-self._cumulative_hazard(params, T, Xs))

        def _add_penalty(self, params: Parameters, neg_ll: Any) -> Any:
            """Penalise the variance of each column's effects over the intervals; the baseline, first, is free."""
            if not self.penalizer > 0:
                return neg_ll
            effects = anp.array([params[name] for name in self._fitted_parameter_names])
            return neg_ll + self.penalizer * anp.sum(anp.var(effects[:, 1:], axis=0))

    return Piecewise


def cure_likelihood(distribution: str, *, caller: str) -> Any:
    """Return a mixture cure regression on lifelines' base.

    Its parameters are ``cured_`` (log odds of never having the event), then location and shape of lifelines' regression
    of the times of the others.
    """
    return _cure_class(caller)(distribution)


@functools.cache
def _cure_class(caller: str) -> Any:
    lifelines, anp = require("lifelines", caller=caller, extra="adapters"), _autograd("autograd.numpy", caller)
    base = {
        "weibull": lifelines.WeibullAFTFitter,
        "lognormal": lifelines.LogNormalAFTFitter,
        "loglogistic": lifelines.LogLogisticAFTFitter,
    }
    fitters = require("lifelines.fitters", caller=caller, extra="adapters")

    class Cure(fitters.ParametricRegressionFitter):  # type: ignore[name-defined]
        """S(t) = c + (1 − c) S₀(t), where lifelines has the mixture for a sample without predictors alone."""

        def __init__(self, distribution: str) -> None:
            super().__init__()
            self.others = base[distribution]()
            names = [self.others._primary_parameter_name, self.others._ancillary_parameter_name]
            self._fitted_parameter_names = ["cured_", *names]

        def _log_survival(self, params: Parameters, T: np.ndarray, Xs: _Columns) -> Any:
            log_odds = anp.dot(Xs["cured_"], params["cured_"])
            of_others = -self.others._cumulative_hazard(params, T, Xs)
            return anp.logaddexp(-anp.logaddexp(0.0, -log_odds), of_others - anp.logaddexp(0.0, log_odds))

        def _cumulative_hazard(self, params: Parameters, T: np.ndarray, Xs: _Columns) -> Any:
            return -self._log_survival(params, anp.maximum(T, _AT_ONCE), Xs)

        def _log_hazard(self, params: Parameters, T: np.ndarray, Xs: _Columns) -> Any:
            log_odds = anp.dot(Xs["cured_"], params["cured_"])
            log_density = self.others._log_hazard(params, T, Xs) - self.others._cumulative_hazard(params, T, Xs)
            return log_density - anp.logaddexp(0.0, log_odds) - self._log_survival(params, T, Xs)

        def _survival_function(self, params: Parameters, T: np.ndarray, Xs: _Columns) -> Any:
            # an interval without an end has those in it who never have the event
            inside = anp.exp(-self._cumulative_hazard(params, anp.where(T < _NEVER, T, 1.0), Xs))
            return anp.where(T < _NEVER, anp.where(T > 0, inside, 1.0), 0.0)

        def _add_penalty(self, params: Parameters, neg_ll: Any) -> Any:
            return neg_ll

    return Cure
