"""``SurvivalRegression``: scikit-survival's interface to the regressions of time to event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import argument_error, linear_predictor_of, takes_rows
from lbp_prognosis._kernels import step_at

__all__ = ["SurvivalFunction", "SurvivalRegression"]

_GRID = 200  # times of a smooth curve


@dataclass(frozen=True)
class SurvivalFunction:
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

    x: np.ndarray
    y: np.ndarray
    end: float

    @property
    def domain(self) -> tuple[float, float]:
        """Times at which the curve is known."""
        return 0.0, self.end

    def __call__(self, times: Any) -> np.ndarray:
        """Return P(T > t) at each time; 1 before the first step, NaN beyond the domain.

        Parameters
        ----------
        times : float or array-like of shape (k,)
            Times ≥ 0.
        """
        at = np.asarray(times, dtype=float)
        heights = step_at(self.x, self.y, np.atleast_1d(at), left=1.0)
        heights = np.where(np.atleast_1d(at) > self.end, np.nan, heights)
        return heights if at.ndim else heights[0]


class SurvivalRegression:
    """Mixin of models with a linear predictor and a survival curve."""

    _has_survival: ClassVar[bool] = True

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
        model: Any = self
        if not self._has_survival:
            raise argument_error(
                "self",
                "a model of all causes of leaving",
                type(self).__name__,
                "It models the incidence of one cause: use predict_incidence, or CauseSpecificCox for survival.",
            )
        times = self.unique_times_
        given = {name: value for name, value in (("strata", strata), ("offset", offset)) if value is not None}
        heights = np.asarray(model.predict_survival(X, times, **given))
        if return_array:
            return heights
        out = np.empty(heights.shape[0], dtype=object)
        out[:] = [SurvivalFunction(times, row, float(model.max_time_)) for row in heights]
        return out

    @property
    def unique_times_(self) -> np.ndarray:
        """Times at which curves have a value: the steps of the baseline, or 200 times of a smooth curve."""
        model: Any = self
        model._check_fitted()
        held = ("models_", "other_causes_")
        parts = [model, *(part for name in held for part in getattr(model, name, {}).values())]
        steps = [times for part in parts for times in getattr(part, "baseline_times_", ())]
        if steps:
            return np.unique(np.concatenate(steps))
        return np.linspace(0.0, model.max_time_, _GRID + 1)[1:]
