"""``simex``: what coefficients would be without measurement error, by adding more of it and looking back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    Objection,
    RandomState,
    Result,
    argument_error,
    check_choice,
    check_confidence,
    check_number,
    check_vector,
    metric_frame,
    norm,
    objection,
    parallel_map,
    spawn,
    takes_rows,
)

__all__ = ["Simex", "simex"]

_DOUBT = objection("corrected-for-measurement-error", variant="simex")


@dataclass(frozen=True, repr=False)
class Simex(Result):
    """Coefficients corrected for measurement error.

    Attributes
    ----------
    names : tuple of str
        Predictors.
    naive, corrected : ndarray of shape (p,)
        Coefficients with the error ignored, and extrapolated to none.
    naive_se, se : ndarray of shape (p,)
        Their standard errors; those of the corrected estimates assume that the error SD is known.
    multipliers : ndarray of shape (m,)
        Added error variance over the error variance, 0 first.
    grid : ndarray of shape (m, p)
        Mean coefficients at each multiplier.
    replicates : int
        Data sets with added error at each multiplier.
    extrapolation : str
        ``quadratic`` or ``linear``.
    n : int
        Rows.
    confidence : float
        Level of the limits in `to_frame`.
    """

    names: tuple[str, ...]
    naive: np.ndarray
    corrected: np.ndarray
    naive_se: np.ndarray
    se: np.ndarray
    multipliers: np.ndarray
    grid: np.ndarray
    replicates: int
    extrapolation: str
    n: int
    confidence: float
    objections: tuple[Objection, ...] = field(default=(_DOUBT,))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per predictor (``group``) and kind: ``coefficient_simex``, ``coefficient_naive``."""
        z = float(norm.ppf(0.5 + self.confidence / 2))
        rows = [
            {
                "tier": "prognostic",
                "metric": metric,
                "group": name,
                "value": values[k],
                "se": errors[k],
                "low": values[k] - z * errors[k],
                "high": values[k] + z * errors[k],
                "confidence": self.confidence,
                "method": method,
                "n": self.n,
            }
            for k, name in enumerate(self.names)
            for metric, values, errors, method in (
                ("coefficient_simex", self.corrected, self.se, f"SIMEX, {self.extrapolation}"),
                ("coefficient_naive", self.naive, self.naive_se, "error ignored"),
            )
        ]
        return metric_frame(rows)

    def _summary(self) -> str:
        pairs = [f"{n} {a:.3g} → {b:.3g}" for n, a, b in zip(self.names, self.naive, self.corrected)]
        return "; ".join(pairs[:4]) + (" …" if len(pairs) > 4 else "")


@takes_rows(errors="many numbers")
def simex(
    model: Any,
    X: pd.DataFrame,
    y: np.ndarray,
    errors: Mapping[str, Any],
    *,
    multipliers: Sequence[float] = (0.5, 1.0, 1.5, 2.0),
    replicates: int = 100,
    extrapolation: str = "quadratic",
    confidence: float = 0.95,
    sample_weight: Any = None,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
) -> Simex:
    """Correct coefficients for measurement error by simulation and extrapolation.

    Parameters
    ----------
    model : estimator
        Unfitted, with ``coef_`` after `fit` (and ``covariance_`` for standard errors): `CoxPH`, `LogisticRisk`.
    X : DataFrame of shape (n, p)
        Complete predictors.
    y : ndarray of shape (n,)
        Structured outcome.
    errors : mapping of str to (float or array-like of shape (n,))
        SD of the measurement error by column, for all rows or row by row (``sd_error``).
    multipliers : sequence of float, default (0.5, 1.0, 1.5, 2.0)
        Added error variance, in units of the error variance.
    replicates : int, default 100
        Data sets at each multiplier.
    extrapolation : {"quadratic", "linear"}, default "quadratic"
        Polynomial in the multiplier that is followed to −1.
    confidence : float, default 0.95
        Level of the limits.
    sample_weight : array-like of shape (n,), optional
        Passed to `fit`.
    random_state : int, SeedSequence, Generator or None, default 0
        Source of the added errors.
    n_jobs : int, optional
        As in joblib; the numbers do not depend on it.

    Returns
    -------
    Simex

    Raises
    ------
    ArgumentError
        If a column is absent or incomplete, or the model has no coefficients.

    Notes
    -----
    For associations only: a new patient is measured with error too, and then the naive coefficients predict. The
    extrapolation is approximate and corrects too little where the error is large; neighbouring coefficients change as
    well. Variances are extrapolated the same way, from the mean model variance less the variance over replicates; they
    take the error SD as known. Where it was estimated, bootstrap the whole with its study.

    References
    ----------
    Cook JR, Stefanski LA. Simulation-extrapolation estimation in parametric measurement error models. J Am Stat Assoc
    1994;89:1314-1328. doi:10.1080/01621459.1994.10476871
    """
    if not isinstance(X, pd.DataFrame):
        raise argument_error("X", "a DataFrame, so that columns have names", X)
    if not isinstance(errors, Mapping) or not errors or not set(errors) <= set(X.columns):
        raise argument_error("errors", "a mapping from columns of `X` to SDs", errors)
    check_choice("extrapolation", extrapolation, ("quadratic", "linear"))
    check_confidence(confidence)
    count = int(check_number("replicates", replicates, low=2, whole=True))
    degree = 2 if extrapolation == "quadratic" else 1
    lambdas = check_vector("multipliers", list(multipliers), low=0)
    if (lambdas == 0).any() or np.unique(lambdas).size < max(degree, lambdas.size):
        raise argument_error("multipliers", f"at least {degree} distinct numbers above 0", str(list(multipliers)))
    n = len(X)
    sds: dict[str, np.ndarray] = {}
    for column, given in errors.items():
        check_vector("X", X[column], n=n)
        sds[str(column)] = check_vector(
            "errors", np.broadcast_to(given, n) if np.ndim(given) == 0 else given, n=n, low=0
        )
    extra = {} if sample_weight is None else {"sample_weight": sample_weight}
    naive = clone(model).fit(X, y, **extra)
    if not hasattr(naive, "coef_"):
        raise argument_error("model", "a model with coefficients (`coef_`)", model)
    names = tuple(map(str, getattr(naive, "coefficient_names_", naive.feature_names_in_)))
    at_zero, variance_zero = _coefficients(naive)
    grid, spread = [at_zero], [variance_zero]
    streams = spawn(random_state, lambdas.size * count)
    for m, multiplier in enumerate(lambdas):
        own = streams[m * count : (m + 1) * count]
        work = _Refit(model, X, y, sds, float(np.sqrt(multiplier)), extra)
        found = parallel_map(work, own, n_jobs=n_jobs, description="Adding error")
        coefficients = np.array([pair[0] for pair in found])
        grid.append(coefficients.mean(axis=0))
        spread.append(np.mean([pair[1] for pair in found], axis=0) - coefficients.var(axis=0, ddof=1))
    steps = np.concatenate([[0.0], lambdas])
    corrected = extrapolate(steps, np.array(grid), degree)
    variance = extrapolate(steps, np.array(spread), degree)
    return Simex(
        names,
        at_zero,
        corrected,
        np.sqrt(variance_zero),
        np.sqrt(np.where(variance > 0, variance, np.nan)),
        steps,
        np.array(grid),
        count,
        extrapolation,
        n,
        confidence,
    )


def extrapolate(multipliers: np.ndarray, values: np.ndarray, degree: int) -> np.ndarray:
    """Follow least-squares polynomials in the multiplier to −1; values of shape (m, p) give (p,)."""
    powers = np.vander(multipliers, degree + 1, increasing=True)
    fitted = np.linalg.lstsq(powers, values, rcond=None)[0]
    return np.array([(-1.0) ** k for k in range(degree + 1)]) @ fitted


def _coefficients(model: Any) -> tuple[np.ndarray, np.ndarray]:
    coefficients = np.asarray(model.coef_, dtype=float)
    covariance = getattr(model, "covariance_", None)
    if covariance is None:
        return coefficients, np.full(coefficients.size, np.nan)
    return coefficients, np.diag(np.asarray(covariance, dtype=float))[-coefficients.size :]  # the intercept is first


@dataclass(frozen=True)
class _Refit:
    """Fit the model to the data with added error."""

    model: Any
    X: pd.DataFrame
    y: np.ndarray
    sds: dict[str, np.ndarray]
    factor: float
    extra: dict[str, Any]

    def __call__(self, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        noisy = {
            c: self.X[c].to_numpy(dtype=float) + self.factor * sd * stream.normal(size=sd.size)
            for c, sd in self.sds.items()
        }
        return _coefficients(clone(self.model).fit(self.X.assign(**noisy), self.y, **self.extra))
