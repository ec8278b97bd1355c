"""``MixtureCure``: some patients never have the event, the others have it after a while."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from lbp_prognosis._base import Objection, check_choice, objection, takes_rows
from lbp_prognosis._kernels import row_products, transformation_scale
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._event_likelihood import EventProblem, event_problem
from lbp_prognosis.models._lifelines_adapter import cure_likelihood, maximise
from lbp_prognosis.models._survival_regression import SurvivalCurves, risk_from_origin
from lbp_prognosis.models._transformation_model import few_event_times
from lbp_prognosis.survival import OutcomeKind

__all__ = ["MixtureCure"]

# lifelines' names of location and shape; whether its shape is log σ of log time or minus that; our name of S₀
_TIMES = {
    "weibull": ("lambda_", "rho_", -1.0, "hazard"),
    "lognormal": ("mu_", "sigma_", 1.0, "normal"),
    "loglogistic": ("alpha_", "beta_", -1.0, "odds"),
}
_INSUFFICIENT = 0.05


class MixtureCure(SurvivalCurves, RiskEstimator):
    """Mixture cure model: the probability of never having the event, and the time of the others.

    P(T > t | x) = c(x) + (1 − c(x)) S₀(t | x): a share c(x) = expit(intercept + x·coef) never has the event, and
    log T = intercept + x·coef + σ·W of the others, with W standard extreme value (Weibull), normal or logistic. The
    field calls c the cured share. With recovery as the event it is the share who **never recover**.

    Parameters
    ----------
    distribution : {"weibull", "lognormal", "loglogistic"}, default "weibull"
        Distribution of the times of those who have the event.
    acts_on : {"cured", "time", "both"}, default "cured"
        Whether predictors change the cured share, the time of the others, or both.
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust (sandwich) with clusters or with weights that are not frequencies, and the inverse of the
        observed information otherwise.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of preceding columns: raise, or give it the
        coefficient 0.

    Attributes
    ----------
    cured_intercept_ : float
        Log odds of never having the event at predictors 0.
    cured_coef_ : ndarray of shape (p,)
        Log odds ratios of never having it; 0 if predictors act only on the time.
    time_intercept_ : float
        Location of log time of the others.
    time_coef_ : ndarray of shape (p,)
        Effects on their log time, positive means later; 0 if predictors act only on the cured share.
    scale_ : float
        σ of their log time.
    covariance_ : ndarray of shape (2p + 3, 2p + 3)
        Of these parameters in this order, with log σ last; rows of effects that the model has not are 0.
    log_likelihood_ : float
        At the maximum, on the time scale.
    sufficient_follow_up_ : float
        Maller and Zhou's αₙ = (1 − N/n)ⁿ, with N events in (2t* − t, t*], t* the last event and t the last follow-up; 1
        where there are none. Small values say that follow-up goes on long enough after the last event.
    variance_ : str
        ``"model"`` or ``"robust"``.
    n_exact_events_, n_event_times_ : int
        Events with exact times, and distinct times among them.
    n_iter_ : int
        Newton's steps.

    Notes
    -----
    The likelihood is that of lifelines' parametric regressions, right- or interval-censored, divided by P(T > entry);
    lifelines itself has the mixture for a sample without predictors (`MixtureCureFitter`), which this model without
    columns equals. Without a plateau the cured share rests on the distribution alone: ``objections_`` says so where
    ``sufficient_follow_up_`` is 0.05 or more. Risks within follow-up need no plateau. Events of other causes count as
    censored, and absolute risks are then refused.

    References
    ----------
    Farewell VT (1982). The use of mixture models for the analysis of survival data with long-term survivors. Biometrics
    38, 1041–1046. doi:10.2307/2529885. Maller RA, Zhou S (1994). Testing for sufficient follow-up and outliers in
    survival data. JASA 89, 1499–1506. doi:10.1080/01621459.1994.10476889

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import MixtureCure
    >>> rng = np.random.default_rng(0)
    >>> never, time = rng.random(500) < 0.4, rng.weibull(1.5, 500) * 6
    >>> y = Surv.right(np.where(never, 36.0, np.minimum(time, 36.0)), ~never)
    >>> model = MixtureCure().fit(np.zeros((500, 0)), y)
    >>> round(float(model.predict_cured(np.zeros((1, 0)))[0]), 2)
    0.36
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval")
    _instead: ClassVar[str] = "For a state at a later visit use LogisticRisk."
    _single_cause: ClassVar[bool] = True
    _allow_no_column: ClassVar[bool] = True
    weights_equal_copies: ClassVar[bool] = True

    def __init__(
        self,
        distribution: str = "weibull",
        *,
        acts_on: str = "cured",
        variance: str = "auto",
        collinear: str = "error",
    ) -> None:
        self.distribution = distribution
        self.acts_on = acts_on
        self.variance = variance
        self.collinear = collinear

    @takes_rows()
    def fit(
        self,
        X: Any,
        y: np.ndarray,
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        clusters: Any = None,
    ) -> MixtureCure:
        """Fit by maximum likelihood.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Surv.interval`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights; unless they are frequencies, the covariance is robust.
        strata, offset : None
            Not taken.
        clusters : array-like of shape (n,), optional
            Units of the robust covariance.

        Raises
        ------
        EstimationError
            Without events, or if the likelihood has no finite maximum: the cured share then is not determined.
        MissingPackageError
            If lifelines is not installed.
        """
        name = type(self).__name__
        check_choice("distribution", self.distribution, tuple(_TIMES))
        check_choice("acts_on", self.acts_on, ("cured", "time", "both"))
        self._refuse(strata=strata, offset=offset)
        problem = event_problem(self, self._start_fit(X, y, sample_weight, None, None, clusters))
        location, shape, sign, _ = _TIMES[self.distribution]
        one = problem.columns[:, :1]
        columns = {
            "cured_": problem.columns if self.acts_on != "time" else one,
            location: problem.columns if self.acts_on != "cured" else one,
            shape: one,
        }
        found = maximise(
            cure_likelihood(self.distribution, caller=name),
            problem.rows,
            columns,
            _start(problem, columns, location),
            caller=name,
            remedy="it goes on rising while the cured share, or that of some patients, goes to 0 or to 1. Where no "
            "patient is cured, or follow-up is too short to show it, ParametricAFT is the appropriate model; otherwise "
            "drop columns that separate those with the event from those without.",
        )
        matrix = self._to_user(problem, columns, sign)
        estimates = matrix @ np.concatenate(list(found.theta.values()))
        p = problem.back.shape[0] - 1
        self.cured_intercept_, self.cured_coef_ = float(estimates[0]), estimates[1 : p + 1]
        self.time_intercept_ = float(estimates[p + 1] + np.log(problem.unit))
        self.time_coef_, self.scale_ = estimates[p + 2 : 2 * p + 2], float(np.exp(estimates[-1]))
        self.covariance_ = matrix @ problem.covariance(found) @ matrix.T
        self.variance_ = "robust" if problem.robust else "model"
        self.log_likelihood_ = found.log_likelihood + problem.density_unit
        self.n_iter_ = found.iterations
        self.sufficient_follow_up_ = _follow_up(problem)
        exact = problem.rows.kind == 1
        self.n_exact_events_, self.n_event_times_ = int(exact.sum()), int(np.unique(problem.rows.time[exact]).size)
        return self

    def _to_user(self, problem: EventProblem, columns: dict[str, np.ndarray], sign: float) -> np.ndarray:
        """Matrix from the parameters of the fit to those of the user's columns, effects left out as rows of zeros."""
        width = problem.back.shape[0]
        sizes = [part.shape[1] for part in columns.values()]
        out = np.zeros((2 * width + 1, sum(sizes)))
        out[:width, : sizes[0]] = problem.back[:, : sizes[0]]
        out[width : 2 * width, sizes[0] : sizes[0] + sizes[1]] = problem.back[:, : sizes[1]]
        out[-1, -1] = sign
        return out

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: no plateau, and exact times that are in fact visits."""
        doubts = few_event_times(type(self).__name__, self.n_exact_events_, self.n_event_times_)
        if self.sufficient_follow_up_ >= _INSUFFICIENT:
            doubts = (*doubts, objection("cured-share-without-plateau", alpha=self.sufficient_follow_up_))
        return doubts

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        location = self.time_intercept_ + row_products(X, self.time_coef_)
        z = (np.log(horizons)[None, :] - location[:, None]) / self.scale_
        others = -np.expm1(transformation_scale(_TIMES[self.distribution][3])(z)[0])
        return (1.0 - self._cured(X))[:, None] * others

    def _cured(self, X: np.ndarray) -> np.ndarray:
        return expit(self.cured_intercept_ + row_products(X, self.cured_coef_))

    @takes_rows()
    def predict_cured(self, X: Any) -> np.ndarray:
        """Return the probability of never having the event; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        """
        return self._cured(self._start_predict(X)[0])

    @takes_rows()
    def predict_survival(self, X: Any, times: Any) -> np.ndarray:
        """Return P(T > t) at each time, shape (n, n_times); NaN beyond follow-up. Arguments as `predict_risk`."""
        return 1.0 - risk_from_origin(times, lambda at: self.predict_risk(X, at))

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per part and term.

        Columns ``part, term, coef, ratio, low, high, se, z, p, confidence, variance, coef_low, coef_high``. ``part`` is
        ``"cured"`` (the ratio is one of odds of never having the event) or ``"time"`` (one of times of the others).

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        names = self._names()
        cured = ["(intercept)", *(names if self.acts_on != "time" else [])]
        time = ["(intercept)", *(names if self.acts_on != "cured" else []), "log(scale)"]
        p = len(names)
        rows = [*range(len(cured)), *range(p + 1, p + len(time)), 2 * p + 2]
        values = np.concatenate(
            [
                [self.cured_intercept_],
                self.cured_coef_,
                [self.time_intercept_],
                self.time_coef_,
                [np.log(self.scale_)],
            ]
        )
        table = coefficient_table(
            [f"cured: {term}" for term in cured] + [f"time: {term}" for term in time],
            values[rows],
            self.covariance_[np.ix_(rows, rows)],
            ratio="ratio",
            confidence=confidence,
            variance=self.variance_,
            has_ratio=np.array([term not in ("(intercept)", "log(scale)") for term in (*cured, *time)]),
        )
        table.insert(0, "part", ["cured"] * len(cured) + ["time"] * len(time))
        return table


def _start(problem: EventProblem, columns: dict[str, np.ndarray], location: str) -> dict[str, np.ndarray]:
    """Share without the event, and exponential times of those with it."""
    rows = problem.rows
    found = rows.kind > 0
    share = float(np.clip(1 - np.average(found, weights=rows.weights), 0.05, 0.95))
    start = {name: np.zeros(matrix.shape[1]) for name, matrix in columns.items()}
    start["cured_"][0] = logit(share)
    start[location][0] = np.log(np.average(rows.time[found], weights=rows.weights[found]))
    return start


def _follow_up(problem: EventProblem) -> float:
    """Maller and Zhou's αₙ; an event between two visits is placed at the later visit."""
    rows = problem.rows
    counts = rows.weights if problem.frequency else np.ones(rows.time.size)
    found = rows.kind > 0
    last, end = float(rows.time[found].max()), float(rows.time.max())
    near = float(counts[found] @ (rows.time[found] > 2 * last - end)) if end > last else 0.0
    return float((1 - near / counts.sum()) ** counts.sum())
