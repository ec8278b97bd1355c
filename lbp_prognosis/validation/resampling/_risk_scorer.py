"""``risk_scorer``: metrics of predicted risks as scorers of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import METRICS, argument_error, check_choice, check_horizons, takes_rows
from lbp_prognosis.evaluation import brier, concordance, log_score, time_dependent_auc
from lbp_prognosis.validation.resampling._estimator import pipeline_as_model

__all__ = ["RiskScorer", "risk_scorer"]

_Value = Callable[[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]], Any]


def _ipa(y: np.ndarray, risk: np.ndarray, times: np.ndarray, keywords: dict[str, Any]) -> Any:
    found = brier(y, risk, times, **keywords).ipa
    return np.nan if found is None else found.value


def _ranking(weighting: str) -> _Value:
    def value(y: np.ndarray, risk: np.ndarray, times: np.ndarray, keywords: dict[str, Any]) -> Any:
        given = {key: each for key, each in keywords.items() if key != "min_at_risk"}
        return concordance(y, risk[:, -1], weighting=weighting, tau=float(times[-1]), **given).value

    return value


_VALUES: dict[str, _Value] = {
    "ipa": _ipa,
    "brier": lambda y, risk, times, keywords: brier(y, risk, times, **keywords).value,
    "log_score": lambda y, risk, times, keywords: log_score(y, risk, times, **keywords).value,
    "auc": lambda y, risk, times, keywords: time_dependent_auc(y, risk, times, **keywords).value,
    "concordance": _ranking("harrell"),
    "uno_concordance": _ranking("uno"),
}


@dataclass(frozen=True)
class RiskScorer:
    """A scorer of scikit-learn: called with a fitted model, predictors and outcome, higher is better.

    Attributes
    ----------
    metric : str
        Name in the registry of metrics.
    horizons : tuple of float
        Prediction times, in the unit of the outcome.
    cause : int
        Event code.
    min_at_risk : int
        Smallest accepted number of patients at risk at a horizon; below it the value at that horizon is NaN.
    """

    metric: str
    horizons: tuple[float, ...]
    cause: int = 1
    min_at_risk: int = 10

    @takes_rows()
    def __call__(self, estimator: Any, X: Any, y: np.ndarray, *, sample_weight: Any = None) -> float:
        """Return the metric of the estimator's risks; its negative where lower is better.

        Parameters
        ----------
        estimator : fitted object with ``predict_risk``
            The model, or a scikit-learn ``Pipeline`` that ends in one.
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Surv.right`, `Surv.interval` or `Status.at`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.

        Returns
        -------
        float
            Mean over the horizons at which it is defined; NaN where there is none, of which searches warn.
        """
        times = np.asarray(self.horizons)
        risk = np.asarray(pipeline_as_model(estimator).predict_risk(X, times, self.cause))
        keywords: dict[str, Any] = {"cause": self.cause, "min_at_risk": self.min_at_risk}
        if sample_weight is not None:
            keywords["sample_weight"] = sample_weight
        values = np.atleast_1d(_VALUES[self.metric](y, risk, times, keywords)).astype(float)
        known = values[~np.isnan(values)]
        if not known.size:
            return float("nan")
        return float(known.mean()) * (1.0 if METRICS[self.metric].better == "higher" else -1.0)


def risk_scorer(metric: str, horizons: Any, *, cause: int = 1, min_at_risk: int = 10) -> RiskScorer:
    """Make a scorer for ``GridSearchCV``, ``cross_val_score`` and other tools of scikit-learn.

    Parameters
    ----------
    metric : {"ipa", "brier", "log_score", "auc", "concordance", "uno_concordance"}
        Metric of the score; the first three are proper, so that a search by them cannot reward false probabilities.
        Concordance is that of the risk at the last horizon, for events by then.
    horizons : float or sequence of float
        Prediction times, in the unit of the outcome; the score is the mean over them.
    cause : int, default 1
        Event code.
    min_at_risk : int, default 10
        Smallest accepted number of patients at risk at a horizon; below it the value at that horizon is NaN.

    Returns
    -------
    RiskScorer
        To be called with (estimator, X, y); higher is better: the Brier and the log score change their sign.

    Raises
    ------
    ArgumentError
        For another metric, or horizons that are not positive and increasing.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from lbp_prognosis.models import CoxPH
    >>> from lbp_prognosis.validation import risk_scorer
    >>> search = GridSearchCV(CoxPH(), {"penalty": [0.1, 1, 10]}, scoring=risk_scorer("ipa", 12.0), cv=5)
    """
    times, _ = check_horizons(horizons)
    if isinstance(min_at_risk, bool) or not isinstance(min_at_risk, int | np.integer) or min_at_risk < 1:
        raise argument_error("min_at_risk", "a whole number of at least 1", min_at_risk)
    return RiskScorer(check_choice("metric", metric, tuple(_VALUES)), tuple(map(float, times)), cause, int(min_at_risk))
