"""``impute_outcomes``: scores that were not observed, imputed several times by a declared model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    RandomState,
    Result,
    argument_error,
    check_clusters,
    check_confidence,
    check_number,
    generator,
    spawn,
    takes_rows,
)
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.models import LinearOutcome
from lbp_prognosis.survival import Measured, ScoreForecast, check_outcome, measured_spec
from lbp_prognosis.validation.resampling._estimator import fresh, take_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ImputedOutcomes", "drawn_scores", "impute_outcomes", "shifted"]


@dataclass(frozen=True, repr=False)
class ImputedOutcomes(Result):
    """Completed outcomes of all patients.

    Attributes
    ----------
    outcomes : tuple of ndarray of shape (n,)
        As `Measured.at` makes them, without a missing score: fit and evaluate each, and pool by Rubin's rules
        (`fusion.pool_coefficients`).
    observed : ndarray of bool of shape (n,)
        Whether the score of a patient was observed.
    delta : float
        Points added to the imputed scores.
    clusters : ndarray of int of shape (n,) or None
        Units of the variance.
    method : str
        Model of the scores.
    """

    outcomes: tuple[np.ndarray, ...]
    observed: np.ndarray
    delta: float
    clusters: np.ndarray | None
    method: str

    def mean(self, confidence: float = 0.95) -> pd.Series:
        """Return the mean score of all patients, pooled by Rubin's rules.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the interval.

        Returns
        -------
        Series
            ``value, se, low, high, df, fmi``; degrees of freedom of Barnard and Rubin, of n − 1 (or clusters − 1).

        Raises
        ------
        EstimationError
            If all patients belong to one cluster.
        """
        check_confidence(confidence)
        values = np.array([one["value"] for one in self.outcomes])
        n, means = values.shape[1], values.mean(axis=1)
        codes = np.arange(n) if self.clusters is None else self.clusters
        units = int(codes.max()) + 1
        if units < 2:
            raise EstimationError("All patients belong to one cluster, so no standard error can be estimated.")
        sums = np.array([np.bincount(codes, row - mean, minlength=units) for row, mean in zip(values, means)])
        variances = (sums**2).sum(axis=1) / n**2 * units / (units - 1)
        pooled = rubin_pool(means, variances, df_complete=units - 1)
        low, high = pooled.limits(confidence)
        found = {
            "value": pooled.estimate,
            "se": pooled.se,
            "low": low,
            "high": high,
            "df": pooled.df,
            "fmi": pooled.fmi,
        }
        return pd.Series({name: float(value) for name, value in found.items()})

    def to_frame(self) -> pd.DataFrame:
        """Return one row per imputation: ``imputation, n, n_imputed, delta, mean_observed, mean_imputed, mean``."""
        seen = self.observed
        return pd.DataFrame(
            {
                "imputation": np.arange(1, len(self.outcomes) + 1),
                "n": seen.size,
                "n_imputed": int((~seen).sum()),
                "delta": self.delta,
                "mean_observed": [float(one["value"][seen].mean()) for one in self.outcomes],
                "mean_imputed": [float(one["value"][~seen].mean()) for one in self.outcomes],
                "mean": [float(one["value"].mean()) for one in self.outcomes],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the pooled mean of all patients, the observed mean, and the mean imputed score of each imputation.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        pooled, frame = self.mean(), self.to_frame()
        rows = [
            {"label": "all patients, pooled", "value": pooled["value"], "low": pooled["low"], "high": pooled["high"]},
            {"label": "observed", "value": frame["mean_observed"].iloc[0], "low": np.nan, "high": np.nan},
            {"label": "imputed", "value": frame["mean_imputed"].mean(), "low": np.nan, "high": np.nan},
        ]
        return draw_estimates(pd.DataFrame(rows), axis="mean score, 95% interval", digits=".2f", ax=ax)

    def _summary(self) -> str:
        lost = int((~self.observed).sum())
        shift = f", delta {self.delta:+g}" if self.delta else ""
        return f"{lost} of {self.observed.size} scores imputed {len(self.outcomes)} times by {self.method}{shift}"


@takes_rows()
def impute_outcomes(
    y: np.ndarray,
    X: Any,
    *,
    outcome_model: Any = None,
    imputations: int = 20,
    delta: float = 0.0,
    clusters: Any = None,
    random_state: RandomState = 0,
) -> ImputedOutcomes:
    """Impute scores that were not observed, by a declared model of the score.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Measured.at`; NaN where not observed.
    X : DataFrame or ndarray of shape (n, p)
        Predictors of the score and of attendance, including treatment and baseline score; the model determines which
        values may be missing.
    outcome_model : estimator, optional
        Unfitted model of a score with ``predict_forecast``, or a pipeline of one; `LinearOutcome` by default.
    imputations : int, default 20
        Completed outcomes.
    delta : float, default 0.0
        Points added to each imputed score, which stays in the range of the instrument: 1 says that patients not seen
        have a score one point higher than patients seen who are like them in ``X``.
    clusters : array-like of shape (n,), optional
        Units that are drawn whole, and of the variance of the mean.
    random_state : int, SeedSequence, Generator or None, default 0
        Seed. The draws do not depend on ``delta``.

    Returns
    -------
    ImputedOutcomes
        As many completed outcomes.

    Raises
    ------
    ArgumentError
        If all scores, or none, were observed.
    EstimationError
        If the model cannot be fitted in a bootstrap sample.

    Notes
    -----
    Each imputation fits the model to a bootstrap sample of the patients observed, which stands for a draw of its
    parameters, and draws each missing score from the predicted distribution: proper imputation for any model.
    Imputed scores are levels that were observed, plus ``delta``. With ``delta=0`` scores are missing at random given
    ``X``. The model of the analysis must not know more than the imputation: give its predictors in ``X``.

    References
    ----------
    Rubin DB (1987). Multiple Imputation for Nonresponse in Surveys. Wiley. doi:10.1002/9780470316696
    Heitjan DF, Little RJA (1991). Multiple imputation for the fatal accident reporting system. J R Stat Soc C 40:13–29.
    doi:10.2307/2347902
    Carpenter JR, Kenward MG (2013). Multiple Imputation and its Application. Wiley. doi:10.1002/9781119942283

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.validation import impute_outcomes
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 1))
    >>> score = np.clip(np.round(5 + 2 * X[:, 0] + rng.normal(size=100)), 0, 10)
    >>> y = Measured.at(12, np.where(X[:, 0] > 1, np.nan, score), lower=0, upper=10)
    >>> made = impute_outcomes(y, X, imputations=5)
    >>> bool(made.mean()["value"] > np.nanmean(y["value"]))
    True
    """
    check_outcome(y, ("measured",), caller="impute_outcomes")
    count = int(check_number("imputations", imputations, low=2, whole=True))
    shift = check_number("delta", delta)
    codes = check_clusters("clusters", clusters, n=y.shape[0])
    drawn = drawn_scores(y, X, outcome_model, count, codes, random_state)
    name = type(LinearOutcome() if outcome_model is None else outcome_model).__name__
    return ImputedOutcomes(tuple(shifted(y, own, shift) for own in drawn), ~np.isnan(y["value"]), shift, codes, name)


def drawn_scores(
    y: np.ndarray, X: Any, outcome_model: Any, count: int, clusters: np.ndarray | None, random_state: RandomState
) -> list[np.ndarray]:
    """Return draws of the scores not observed, each of shape (n_missing,).

    Parameters
    ----------
    y, X, outcome_model, random_state
        As in `impute_outcomes`.
    count : int
        Draws.
    clusters : ndarray of int of shape (n,) or None
        Codes of units that are drawn whole.
    """
    model = LinearOutcome() if outcome_model is None else fresh(outcome_model, "outcome_model")
    if not hasattr(model, "predict_forecast"):
        raise argument_error("outcome_model", "a model of a score, with `predict_forecast`", outcome_model)
    seen = ~np.isnan(y["value"])
    if seen.all() or not seen.any():
        raise argument_error(
            "y", "a score that was observed in some and not in others", f"{int(seen.sum())} of {seen.size} observed"
        )
    X = X.reset_index(drop=True) if isinstance(X, pd.DataFrame) else X
    if np.shape(X)[0] != y.shape[0]:
        raise argument_error("X", f"of {y.shape[0]} rows, as many as `y`", f"{np.shape(X)[0]} rows")
    known, lost = np.flatnonzero(seen), np.flatnonzero(~seen)
    units = np.arange(known.size) if clusters is None else np.unique(clusters[known], return_inverse=True)[1]
    members = np.split(np.argsort(units, kind="stable"), np.cumsum(np.bincount(units))[:-1])
    # a seed stands for the same draws each time; a generator would go on
    moves = random_state is None or isinstance(random_state, np.random.Generator)
    seed = int(generator(random_state).integers(2**62)) if moves else random_state
    out = []
    for rng in spawn(seed, count):
        chosen = known[np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])]
        table = take_rows(X, chosen)
        table = table.reset_index(drop=True) if isinstance(table, pd.DataFrame) else table
        fitted = fresh(model).fit(table, _scores(y, chosen))
        out.append(_draw(fitted.predict_forecast(take_rows(X, lost)), rng))
    return out


def _draw(forecast: ScoreForecast, rng: np.random.Generator) -> np.ndarray:
    place = (forecast.cumulative() < rng.random(len(forecast))[:, None]).sum(axis=1)
    return forecast.levels[np.minimum(place, forecast.levels.size - 1)]  # a sum of probabilities may end below 1


def _scores(y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Scores of some rows, patients repeated, without labels."""
    spec = measured_spec(y)
    return Measured.at(spec.horizon, y["value"][rows], lower=spec.lower, upper=spec.upper, kind=spec.kind)


def shifted(y: np.ndarray, drawn: np.ndarray, delta: float) -> np.ndarray:
    """Return the outcome with its missing scores replaced by draws plus ``delta``, kept in the range."""
    spec, out = measured_spec(y), y.copy()
    out["value"][np.isnan(y["value"])] = np.clip(drawn + delta, spec.lower, spec.upper)
    return out
