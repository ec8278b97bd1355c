"""``pool_coefficients``: coefficients of models of several completed tables, pooled by Rubin's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, check_choice, check_confidence, check_number, chi2
from lbp_prognosis._kernels import PooledTest, d1_test, d2_test, rubin_pool

__all__ = ["PooledCoefficients", "pool_coefficients"]


@dataclass(frozen=True, repr=False)
class PooledCoefficients(Result):
    """Coefficients pooled by Rubin's rules; arrays of shape (k,).

    Attributes
    ----------
    terms : tuple of str
        Names of the coefficients.
    estimate, se, low, high, p : ndarray
        Pooled value, standard error, limits and p-value of zero.
    df, fmi, riv : ndarray
        Degrees of freedom (Barnard and Rubin), fraction of missing information, relative increase in variance.
    confidence : float
        Level of the limits.
    m : int
        Imputations.
    df_complete : float
        Degrees of freedom that complete data would have.
    """

    terms: tuple[str, ...]
    estimate: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    df: np.ndarray
    fmi: np.ndarray
    riv: np.ndarray
    confidence: float
    m: int
    _coefficients: np.ndarray
    _covariances: np.ndarray
    df_complete: float = np.inf
    synthetic: bool = False

    @property
    def covariance(self) -> np.ndarray:
        """Total covariance Ū + (1 + 1/m) B of all coefficients, of shape (k, k)."""
        within = self._covariances.mean(axis=0)
        if self.m < 2:
            return within
        return within + (1 + 1 / self.m) * np.atleast_2d(np.cov(self._coefficients.T, ddof=1))

    def test(self, terms: Sequence[str], *, method: str = "D1") -> PooledTest:
        """Test jointly whether several coefficients are zero.

        Parameters
        ----------
        terms : sequence of str
            Names, e.g. the spline terms of one column.
        method : {"D1", "D2"}, default "D1"
            D1 pools coefficients and covariances (Li, Raghunathan and Rubin); D2 only the Wald statistics (Li, Meng,
            Raghunathan and Rubin), which costs power. For a single model, both are its Wald test: χ² divided by ``df1``
            is ``statistic``, and ``df2`` is infinite.
        """
        check_choice("method", method, ("D1", "D2"))
        terms = [terms] if isinstance(terms, str) else list(terms)
        unknown = [term for term in terms if term not in self.terms]
        if unknown or not len(terms):
            raise argument_error("terms", f"among {list(self.terms)[:8]}", list(terms))
        place = [self.terms.index(term) for term in terms]
        values, covariances = self._coefficients[:, place], self._covariances[:, place][:, :, place]
        if method == "D1" and self.m > 1:
            return d1_test(values, covariances)
        wald = np.array([b @ np.linalg.solve(v, b) for b, v in zip(values, covariances)])
        if self.m == 1:
            return PooledTest(float(wald[0]) / len(place), len(place), np.inf, 0.0, float(chi2.sf(wald[0], len(place))))
        return d2_test(wald, len(place))

    def to_frame(self) -> pd.DataFrame:
        """Return ``term, estimate, se, low, high, p, df, fmi, riv, confidence, m``."""
        return pd.DataFrame(
            {
                "term": self.terms,
                "estimate": self.estimate,
                "se": self.se,
                "low": self.low,
                "high": self.high,
                "p": self.p,
                "df": self.df,
                "fmi": self.fmi,
                "riv": self.riv,
                "confidence": self.confidence,
                "m": self.m,
            }
        )

    def _summary(self) -> str:
        over = f"over {self.m} imputations" if self.m > 1 else "of one model"
        return f"{len(self.terms)} coefficients {over}"


def pool_coefficients(models: Any, *, df_complete: float | None = None, confidence: float = 0.95) -> PooledCoefficients:
    """Pool coefficients of models that were fitted on several imputations of one table.

    Parameters
    ----------
    models : fitted RiskPipeline or sequence of fitted models or pipelines
        With ``coef_`` and ``covariance_`` (of the intercept too, where the model has one), such as
        `MultiplyImputed.fit` returns. For pipelines, the models inside are used.
    df_complete : float, optional
        Degrees of freedom that complete data would have. If not given: patients minus coefficients for models with an
        intercept and events minus coefficients for the others (Cox), from the counts that the models store; infinite
        for models that store none. ``float("inf")`` gives Rubin's degrees of freedom of 1987.
    confidence : float, default 0.95
        Level of the limits.

    References
    ----------
    Barnard J, Rubin DB. Small-sample degrees of freedom with multiple imputation. Biometrika 1999;86:948-955.
    doi:10.1093/biomet/86.4.948
    """
    check_confidence(confidence)
    given = list(models) if isinstance(models, list | tuple) else [models]
    fitted = [model for one in given for model in getattr(one, "models_", [one])]
    if not fitted or any(not hasattr(m, "coef_") or not hasattr(m, "covariance_") for m in fitted):
        raise argument_error("models", "fitted models with `coef_` and `covariance_`", models)
    if df_complete is not None and df_complete != np.inf:
        check_number("df_complete", df_complete, low=0, open_low=True)
    names = [str(name) for name in getattr(fitted[0], "feature_names_in_", range(len(fitted[0].coef_)))]
    covariances = np.array([np.asarray(model.covariance_, dtype=float) for model in fitted])
    coefficients = np.array([np.asarray(model.coef_, dtype=float) for model in fitted])
    with_intercept = covariances.shape[1] == coefficients.shape[1] + 1
    if with_intercept:
        intercepts = np.array([[float(model.intercept_)] for model in fitted])
        coefficients, names = np.hstack([intercepts, coefficients]), ["(Intercept)", *names]
    if len(names) != coefficients.shape[1] or covariances.shape[1:] != (len(names), len(names)):
        raise argument_error("models", "models of the same columns, with a covariance of all coefficients", models)
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    if df_complete is None:
        df_complete = min(float(getattr(m, "n_" if with_intercept else "n_events_", np.inf)) for m in fitted)
        df_complete = max(df_complete - len(names), 1.0)
    pooled = rubin_pool(coefficients, variances, df_complete)
    low, high = pooled.limits(confidence)
    return PooledCoefficients(
        tuple(names),
        pooled.estimate,
        pooled.se,
        low,
        high,
        pooled.p_value(),
        pooled.df,
        pooled.fmi,
        pooled.riv,
        confidence,
        len(fitted),
        coefficients,
        covariances,
        float(df_complete),
    )
