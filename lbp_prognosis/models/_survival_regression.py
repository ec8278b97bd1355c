"""``SurvivalRegression``: scikit-survival's interface to the models of time to event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import argument_error, check_times, linear_predictor_of, takes_rows
from lbp_prognosis._kernels import step_at

__all__ = ["CumulativeHazardFunction", "SurvivalCurves", "SurvivalFunction", "SurvivalRegression", "risk_from_origin"]

_GRID = 200  # times of a smooth curve


def risk_from_origin(times: Any, risk: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the risk by each time of a curve, which may begin at the origin: no patient has the event by time 0.

    Parameters
    ----------
    times : float or sequence of float
        Times ≥ 0, increasing.
    risk : callable
        From positive times (k,) to risks (n, k).

    Returns
    -------
    ndarray of shape (n, n_times)
        Risks.
    """
    at = check_times(times)
    if at[0] > 0:
        return np.asarray(risk(at))
    later = np.asarray(risk(at[1:] if at.size > 1 else np.ones(1)))  # one time at least: it checks the rows
    return np.hstack([np.zeros((later.shape[0], 1)), later[:, : at.size - 1]])


@dataclass(frozen=True)
class _StepFunction:
    """Right-continuous step function that can be called.

    Attributes
    ----------
    x : ndarray of shape (m,)
        Times at which the curve has a value, increasing, in the unit of the training outcome.
    y : ndarray of shape (m,)
        Values.
    end : float
        End of follow-up of the training data.
    """

    x: np.ndarray
    y: np.ndarray
    end: float
    _before: ClassVar[float] = 0.0

    @property
    def domain(self) -> tuple[float, float]:
        """Times at which the curve is known."""
        return 0.0, self.end

    def __call__(self, times: Any) -> np.ndarray:
        """Return the curve at each time; its value at 0 before the first step, NaN beyond the domain.

        Parameters
        ----------
        times : float or array-like of shape (k,)
            Times ≥ 0.
        """
        at = np.asarray(times, dtype=float)
        heights = step_at(self.x, self.y, np.atleast_1d(at), left=self._before)
        heights = np.where(np.atleast_1d(at) > self.end, np.nan, heights)
        return heights if at.ndim else heights[0]


@dataclass(frozen=True)
class SurvivalFunction(_StepFunction):
    """Survival curve of one patient: a right-continuous step function that can be called.

    Attributes
    ----------
    x : ndarray of shape (m,)
        Times at which the curve has a value, increasing, in the unit of the training outcome.
    y : ndarray of shape (m,)
        P(T > x).
    end : float
        End of follow-up of the training data.
    """

    _before: ClassVar[float] = 1.0


@dataclass(frozen=True)
class CumulativeHazardFunction(_StepFunction):
    """Cumulative hazard of one patient: a right-continuous step function that can be called.

    Attributes
    ----------
    x : ndarray of shape (m,)
        Times at which the curve has a value, increasing, in the unit of the training outcome.
    y : ndarray of shape (m,)
        −log P(T > x).
    end : float
        End of follow-up of the training data.
    """


class SurvivalCurves:
    """Mixin of models with a survival curve."""

    _has_survival: ClassVar[bool] = True

    @takes_rows()
    def predict(self, X: Any) -> np.ndarray:
        """Return a score that is higher for an earlier event, as scikit-survival does; not a time and not a risk.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.

        Returns
        -------
        ndarray of shape (n,)
            1/K · Σ_k [1 − S(t_k | x)], the mean risk over the K times `unique_times_`: the model has no linear
            predictor that orders patients. Absolute risks need `predict_risk`.
        """
        return np.asarray(1.0 - self._survival_at_steps(X).mean(axis=1))

    @takes_rows()
    def predict_survival_function(self, X: Any, *, return_array: bool = False) -> np.ndarray:
        """Return the survival curve of each row, as scikit-survival does.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.
        return_array : bool, default False
            Numbers instead of functions.

        Returns
        -------
        ndarray of shape (n,) of SurvivalFunction, or (n, n_times) of float
            P(T > t) at `unique_times_`. `predict_survival` takes times of your own.
        """
        return self._as_functions(self._survival_at_steps(X), SurvivalFunction, return_array)

    @takes_rows()
    def predict_cumulative_hazard_function(self, X: Any, *, return_array: bool = False) -> np.ndarray:
        """Return the cumulative hazard of each row, as scikit-survival does.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.
        return_array : bool, default False
            Numbers instead of functions.

        Returns
        -------
        ndarray of shape (n,) of CumulativeHazardFunction, or (n, n_times) of float
            −log P(T > t) at `unique_times_`; infinite where P is 0.
        """
        return self._as_functions(_minus_log(self._survival_at_steps(X)), CumulativeHazardFunction, return_array)

    def _survival_at_steps(self, X: Any, **rows: Any) -> np.ndarray:
        """Return P(T > t) at `unique_times_`; row-wise arguments that are None are not passed on."""
        model: Any = self
        if not self._has_survival:
            raise argument_error(
                "self",
                "a model of all causes of leaving",
                type(self).__name__,
                "It models the incidence of one cause: use predict_incidence, or CauseSpecificCox for survival.",
            )
        given = {name: value for name, value in rows.items() if value is not None}
        return np.asarray(model.predict_survival(X, self.unique_times_, **given))

    def _as_functions(self, heights: np.ndarray, kind: type[_StepFunction], return_array: bool) -> np.ndarray:
        if return_array:
            return heights
        model: Any = self
        times = self.unique_times_
        out = np.empty(heights.shape[0], dtype=object)
        out[:] = [kind(times, row, float(model.max_time_)) for row in heights]
        return out

    @property
    def unique_times_(self) -> np.ndarray:
        """Times at which curves have a value: the steps of the baseline, or 200 times of a smooth curve."""
        model: Any = self
        model._check_fitted()
        held = ("models_", "other_causes_")
        parts = [model, *(part for name in held for part in getattr(model, name, {}).values())]
        steps = [times for part in parts for times in self._curve_steps(part)]
        if steps:
            return np.unique(np.concatenate(steps))
        return np.linspace(0.0, model.max_time_, _GRID + 1)[1:]

    @staticmethod
    def _curve_steps(part: Any) -> list[np.ndarray]:
        """Return the times of the steps of each stratum; none for a smooth curve."""
        return list(getattr(part, "baseline_times_", ()))


class SurvivalRegression(SurvivalCurves):
    """Mixin of models with a linear predictor and a survival curve."""

    @takes_rows()
    def predict(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return a score that is higher for an earlier event, as scikit-survival does; not a time and not a risk.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor, if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n,)
            The linear predictor. Of a model with competing causes, that of the hazard of cause 1: absolute risks need
            `predict_risk`.
        """
        return linear_predictor_of(self, X, 1, **({} if offset is None else {"offset": offset}))

    @takes_rows()
    def predict_survival_function(
        self, X: Any, *, return_array: bool = False, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the survival curve of each row, as scikit-survival does.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.
        return_array : bool, default False
            Numbers instead of functions.
        strata : array-like of shape (n,), optional
            Stratum of each row, if the model was fitted with strata.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor, if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n,) of SurvivalFunction, or (n, n_times) of float
            P(T > t) of any event at `unique_times_`. `predict_survival` takes times of your own.

        Raises
        ------
        ArgumentError
            For a model of the incidence of one cause, which has no survival curve.
        """
        return self._as_functions(
            self._survival_at_steps(X, strata=strata, offset=offset), SurvivalFunction, return_array
        )

    @takes_rows()
    def predict_cumulative_hazard_function(
        self, X: Any, *, return_array: bool = False, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the cumulative hazard of each row, as scikit-survival does.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; a frame is matched by name.
        return_array : bool, default False
            Numbers instead of functions.
        strata : array-like of shape (n,), optional
            Stratum of each row, if the model was fitted with strata.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor, if the model was fitted with one.

        Returns
        -------
        ndarray of shape (n,) of CumulativeHazardFunction, or (n, n_times) of float
            −log P(T > t) of any event at `unique_times_`; infinite where P is 0.

        Raises
        ------
        ArgumentError
            For a model of the incidence of one cause, which has no survival curve.
        """
        heights = _minus_log(self._survival_at_steps(X, strata=strata, offset=offset))
        return self._as_functions(heights, CumulativeHazardFunction, return_array)


def _minus_log(survival: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.abs(np.log(survival)))  # of 1 it is 0, not −0
