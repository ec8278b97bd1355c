"""``LongitudinalOutcome``: joint model of scores at several visits, with predictions given earlier scores."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import ndtr

from lbp_prognosis._base import (
    Objection,
    argument_error,
    check_choice,
    check_horizons,
    labels_of,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import ranked_losses, row_products
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._cox_checks import column_sd
from lbp_prognosis.models._observed_scores import observed_scores, place_of_visit
from lbp_prognosis.models._score_cut import risk_at_cut
from lbp_prognosis.models._statsmodels_adapter import CourseRows, estimating_equations, mixed_model
from lbp_prognosis.models._visit_design import determined_columns, visit_coefficients, visit_columns
from lbp_prognosis.survival import OutcomeKind, ScoreForecast, check_outcome, check_weights, repeated_spec

__all__ = ["LongitudinalOutcome"]

_COVARIANCES = {
    "mixed": ("unstructured", "slope", "exchangeable"),
    "gee": ("unstructured", "exchangeable", "independence"),
}


class LongitudinalOutcome(RiskEstimator):
    """Mixed model or estimating equations of a score at several visits, with predictions given the observed scores.

    The mean score at a visit is a line in the predictors, with an intercept and coefficients of each visit (visit is a
    factor, not a trend); scores of one patient are correlated. Fitted as a mixed model, by restricted maximum
    likelihood, or by generalised estimating equations. `predict_mean`, `predict_risk` and `predict_forecast` take
    ``observed=``: scores of earlier visits, which the correlation turns into better predictions of the later ones.

    Parameters
    ----------
    method : {"mixed", "gee"}, default "mixed"
        ``"mixed"``: restricted maximum likelihood; missed visits may depend on predictors and on observed scores
        (missing at random). ``"gee"``: robust errors; missed visits may depend only on predictors, unless weighted.
    covariance : str, default "unstructured"
        Covariance of a patient's scores. ``"mixed"``: ``"unstructured"`` (every visit its own variance and
        correlations, the mixed model for repeated measures of trials), ``"slope"`` (random intercept and slope in time)
        or ``"exchangeable"`` (random intercept). ``"gee"``: working correlation ``"unstructured"``, ``"exchangeable"``
        or ``"independence"``.
    by_visit : "all", "none" or sequence of str, default "all"
        Predictors with a coefficient of their own at each visit; the others have one for all visits.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of preceding columns: raise, or give it the
        coefficient 0.

    Attributes
    ----------
    visits_ : ndarray of shape (V,)
        Times of the visits.
    intercept_ : ndarray of shape (V,)
        Mean score of a row of zeros at each visit.
    coef_ : ndarray of shape (V, p)
        Points of the score per unit, by visit.
    covariance_ : ndarray of shape (V(p + 1), V(p + 1))
        Covariance of the intercept and coefficients of the first visit, then of the next: model-based for ``"mixed"``,
        the sandwich of patients for ``"gee"``.
    visit_covariance_ : ndarray of shape (V, V)
        Covariance of a patient's scores about their means. For ``"gee"``: the working correlation with the residual
        variance of each visit.
    levels_ : ndarray of shape (K,)
        Scores that occurred, on which `predict_distribution` puts its mass.
    log_likelihood_ : float
        Restricted log-likelihood of ``"mixed"``, as R's ``lme`` and ``gls`` have it; NaN for ``"gee"``.
    lower_, upper_, at_most_, at_least_
        Range and declared cut of the training outcome.
    n_, n_scores_ : int
        Patients with a score, and scores.
    n_missing_ : ndarray of int of shape (V,)
        Number of these patients without a score, per visit.

    Notes
    -----
    Given the scores y_o of the visits that were seen, the later ones are normal with mean μ_m + Σ_mo Σ_oo⁻¹ (y_o − μ_o)
    and covariance Σ_mm − Σ_mo Σ_oo⁻¹ Σ_om. Parameters are taken as known. Residuals are taken as normal, which a score
    piled at its floor is not: compare risks at the declared cut with `OrdinalRegression` at the visit.

    Patients without any score are left out. Weights are taken by ``method="gee", covariance="independence"`` alone.

    References
    ----------
    Mallinckrodt CH, Lane PW, Schnell D, Peng Y, Mancuso JP (2008). Recommendations for the primary analysis of
    continuous endpoints in longitudinal clinical trials. Drug Information Journal 42, 303–319.
    doi:10.1177/009286150804200402. Liang KY, Zeger SL (1986). Longitudinal data analysis using generalized linear
    models. Biometrika 73, 13–22. doi:10.1093/biomet/73.1.13

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.models import LongitudinalOutcome
    >>> rng = np.random.default_rng(0)
    >>> x, own = rng.normal(size=(2, 80))
    >>> scores = {t: np.clip(5 + x + own + rng.normal(size=80), 0, 10) for t in (3.0, 12.0)}
    >>> y = Measured.at_visits(scores, lower=0, upper=10, at_most=3)
    >>> model = LongitudinalOutcome(covariance="exchangeable").fit(x[:, None], y)
    >>> new = np.zeros((1, 1))
    >>> model.predict_mean(new).round(1).tolist()
    [[4.8, 4.8]]
    >>> model.predict_mean(new, 12.0, observed={3.0: [8.0]}).round(1).tolist()
    [6.2]
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("repeated",)
    _instead: ClassVar[str] = "For a score at one visit use OrdinalRegression or LinearOutcome."
    _allow_no_column: ClassVar[bool] = True

    def __init__(
        self,
        method: str = "mixed",
        *,
        covariance: str = "unstructured",
        by_visit: Any = "all",
        collinear: str = "error",
    ) -> None:
        self.method = method
        self.covariance = covariance
        self.by_visit = by_visit
        self.collinear = collinear

    # ---- fit -----------------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        check_choice("method", self.method, tuple(_COVARIANCES))
        check_choice("covariance", self.covariance, _COVARIANCES[self.method])
        check_choice("collinear", self.collinear, ("error", "drop"))

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
    ) -> LongitudinalOutcome:
        """Fit to all visits at once.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors at time zero, the baseline score among them.
        y : ndarray of shape (n,)
            Made by `Measured.at_visits`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Weights of patients, for ``method="gee", covariance="independence"``.
        strata, offset, clusters : None
            Not taken.

        Raises
        ------
        EstimationError
            If a visit has too few scores, or the model no solution.
        MissingPackageError
            If statsmodels is needed and not installed: for estimating equations, for a random effect without variance,
            and for dozens of visits.
        """
        name = type(self).__name__
        self._check_parameters()
        self._refuse(strata=strata, offset=offset, clusters=clusters)
        if sample_weight is not None and (self.method, self.covariance) != ("gee", "independence"):
            raise argument_error(
                "sample_weight",
                f"None for method={self.method!r}, covariance={self.covariance!r}",
                sample_weight,
                "Weighted equations are LongitudinalOutcome('gee', covariance='independence').",
            )
        design = self._start_fit(X, y, sample_weight, None, None, None)
        self._remember(y)
        scores = y["values"]
        used = ~np.isnan(scores).all(axis=1)
        if design.weights is not None:
            used &= design.weights > 0
        design, scores = design.part(np.flatnonzero(used)), scores[used]
        own = self._own_at_visits()
        seen = ~np.isnan(scores)
        kept = determined_columns(design.X, scores, self.visits_, self._names(), self.collinear)
        self.n_, self.n_scores_ = int(used.sum()), int(seen.sum())
        self.n_missing_ = (~seen).sum(axis=0)
        self.levels_ = np.unique(scores[seen])
        centre, scale = design.X.mean(axis=0), column_sd(design.X, None, "n")
        inner = (design.X - centre) / scale
        level, unit = float(scores[seen].mean()), float(scores[seen].std())
        patient, visit = np.nonzero(seen)
        rows = CourseRows(
            score=(scores[seen] - level) / unit,
            design=visit_columns(inner[patient], visit, self.visits_.size, own & kept, ~own & kept),
            patient=patient,
            visit=visit,
            times=self.visits_ / self.visits_[-1],
        )
        if self.method == "mixed":
            found = mixed_model(rows, self.covariance, caller=name)
        else:
            weights = None if design.weights is None else design.weights[patient]
            found = estimating_equations(rows, self.covariance, weights, caller=name)
        back = visit_coefficients(self.visits_.size, own & kept, ~own & kept, centre, scale) * unit
        width = 1 + design.X.shape[1]
        estimates = (back @ found.coef).reshape(-1, width)
        self.intercept_, self.coef_ = estimates[:, 0] + level, estimates[:, 1:]
        self.covariance_ = back @ found.coef_covariance @ back.T
        self.visit_covariance_ = found.covariance * unit**2
        # the restricted likelihood is one of contrasts, whose unit is that of score and columns
        columns = self.visits_.size * np.log(scale[own & kept]).sum() + np.log(scale[~own & kept]).sum()
        spare = self.n_scores_ - rows.design.shape[1]
        self.log_likelihood_ = float(found.log_likelihood - spare * np.log(unit) - columns)
        return self

    def _remember(self, y: np.ndarray) -> None:
        spec = repeated_spec(y)
        self.visits_ = np.array(spec.visits)
        self.max_time_ = float(self.visits_[-1])
        self.score_horizons_, self.causes_ = self.visits_.copy(), np.array([1])
        self.lower_, self.upper_ = spec.last.lower, spec.last.upper
        self.at_most_, self.at_least_ = spec.last.at_most, spec.last.at_least

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        super()._check_columns(names, y)
        self._with_names(names)._own_at_visits()

    def _own_at_visits(self) -> np.ndarray:
        """Whether each column has a separate coefficient at each visit; (p,)."""
        names = self._names()
        if isinstance(self.by_visit, str):
            return np.full(len(names), check_choice("by_visit", self.by_visit, ("all", "none")) == "all")
        wanted = list(self.by_visit)
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise argument_error("by_visit", "'all', 'none' or columns of `X`", f"{unknown}, which are not among them")
        return np.isin(names, wanted)

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections raised by the fit: estimating equations take missed visits as missing completely at random."""
        missing = int(self.n_missing_.sum())
        if self.method == "mixed" or not missing:
            return ()
        return (objection("missed-visits-not-modelled", share=missing / (missing + self.n_scores_)),)

    # ---- predictions ---------------------------------------------------------------------------------------------

    def _normal(self, X: Any, place: int, observed: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the score at a visit, given those seen before it; both (n,)."""
        matrix, _, _ = self._start_predict(X)
        means = self.intercept_ + row_products(matrix, self.coef_.T)
        scores = observed_scores(observed, self.visits_, (self.lower_, self.upper_), matrix.shape[0])
        late = np.flatnonzero(~np.isnan(scores[:, place:]).all(axis=0))
        if late.size:
            raise argument_error(
                "observed",
                f"of visits before {self.visits_[place]:g}, the one that is predicted",
                f"scores at {self.visits_[place + late[0]]:g}",
                "A prediction may use what is known by then alone.",
            )
        whole = self.visit_covariance_
        mean, spread = means[:, place].copy(), np.full(matrix.shape[0], whole[place, place])
        patterns, pattern = np.unique(~np.isnan(scores), axis=0, return_inverse=True)
        for code, seen in enumerate(patterns):
            own, before = pattern.ravel() == code, np.flatnonzero(seen)
            slope = np.linalg.solve(whole[np.ix_(before, before)], whole[before, place])
            mean[own] += row_products(scores[own][:, before] - means[own][:, before], slope)
            spread[own] -= float(whole[place, before] @ slope)
        return mean, np.sqrt(spread)

    @takes_rows()
    def predict_mean(self, X: Any, visit: Any = None, *, observed: Any = None) -> np.ndarray:
        """Return the mean score at a visit, or at all of them.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        visit : float, optional
            One of the fitted visits; by default all.
        observed : mapping of float to array-like of shape (n,), or DataFrame, optional
            Scores already observed, by visit; NaN where a patient did not attend. Only visits before the
            predicted one.

        Returns
        -------
        ndarray of shape (n,), or (n, V) for all visits
            The line may leave the range of the instrument.
        """
        self._check_fitted()
        if visit is not None:
            return self._normal(X, place_of_visit(self.visits_, visit), observed)[0]
        return np.column_stack([self._normal(X, place, observed)[0] for place in range(self.visits_.size)])

    @takes_rows()
    def predict_sd(self, X: Any, visit: Any, *, observed: Any = None) -> np.ndarray:
        """Return the standard deviation of a patient's score at a visit about its mean; shape (n,).

        Parameters
        ----------
        X, visit, observed
            As for `predict_mean`.
        """
        self._check_fitted()
        return self._normal(X, place_of_visit(self.visits_, visit), observed)[1]

    @takes_rows()
    def predict_distribution(self, X: Any, visit: Any = None, *, observed: Any = None) -> np.ndarray:
        """Return the normal distribution at a visit gathered at ``levels_``; shape (n, K).

        Mass is cut half-way between neighbouring levels; the tails belong to the first and the last.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        visit : float, optional
            One of the fitted visits; by default the last.
        observed : mapping of float to array-like of shape (n,), or DataFrame, optional
            As for `predict_mean`.
        """
        self._check_fitted()
        place = self.visits_.size - 1 if visit is None else place_of_visit(self.visits_, visit)
        mean, spread = self._normal(X, place, observed)
        halfway = (self.levels_[1:] + self.levels_[:-1]) / 2
        below = ndtr((halfway - mean[:, None]) / spread[:, None])
        edge = np.zeros((mean.size, 1))
        return np.diff(np.column_stack([edge, below, edge + 1.0]), axis=1)

    @takes_rows()
    def predict_forecast(self, X: Any, visit: Any = None, *, observed: Any = None) -> ScoreForecast:
        """Return the predicted distribution at a visit with its levels, as `evaluate` takes it.

        Parameters
        ----------
        X, visit, observed
            As for `predict_distribution`; the outcome to judge it by is ``measured_at(y, visit)``.
        """
        return ScoreForecast(self.levels_, self.predict_distribution(X, visit, observed=observed), labels_of(X))

    @takes_rows()
    def predict_quantile(
        self, X: Any, q: float = 0.5, *, visit: Any = None, observed: Any = None, method: str = "interpolated"
    ) -> np.ndarray:
        """Return quantiles of the predicted score at a visit; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        q : float, default 0.5
            Probability in (0, 1).
        visit : float, optional
            One of the fitted visits; by default the last.
        observed : mapping of float to array-like of shape (n,), or DataFrame, optional
            As for `predict_mean`.
        method : {"interpolated", "discrete"}, default "interpolated"
            As for `ScoreForecast.quantile`.
        """
        return self.predict_forecast(X, visit, observed=observed).quantile(q, method=method)

    @takes_rows(at_most="numbers", at_least="numbers")
    def predict_risk(
        self,
        X: Any,
        horizons: Any = None,
        cause: int = 1,
        *,
        strata: Any = None,
        offset: Any = None,
        at_most: Any = None,
        at_least: Any = None,
        observed: Any = None,
    ) -> np.ndarray:
        """Return the probability of a score of at most (or at least) a cut at each visit.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        horizons : float or sequence of float, optional
            By default all visits; times that are no visit are NaN.
        cause : int, default 1
            Must be 1.
        strata, offset : None
            Not taken.
        at_most, at_least : float or array-like of shape (n,), optional
            The cut; by default the one declared with the training outcome. One value per row is a cut that depends on
            the baseline (a minimal important change).
        observed : mapping of float to array-like of shape (n,), or DataFrame, optional
            As for `predict_mean`: only visits before the first of ``horizons``.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Probabilities. They may fall from one visit to the next, as scores do.

        Raises
        ------
        ArgumentError
            If no cut is known.
        """
        self._refuse(strata=strata, offset=offset)
        self._check_fitted()
        times, _ = check_horizons(self.visits_ if horizons is None else horizons)
        risk_of = risk_at_cut(self, cause, at_most, at_least, maker="Measured.at_visits")
        matrix, _, _ = self._start_predict(X)
        out = np.full((matrix.shape[0], times.size), np.nan)
        for j, time in enumerate(times):
            if np.isclose(self.visits_, time, rtol=1e-9, atol=0).any():
                out[:, j] = risk_of(self.predict_forecast(X, time, observed=observed))
        return out

    @takes_rows()
    def score(self, X: Any, y: np.ndarray, *, horizons: Any = None, sample_weight: Any = None) -> float:
        """Return minus the mean continuous ranked probability score over visits, so that higher is better.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Measured.at_visits`, with the fitted visits.
        horizons : None
            Not taken: the visits are those of the outcome.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.

        Returns
        -------
        float
            Mean over visits of the mean over the scores seen there, in points of the score; visits without any are left
            out, and NaN is returned if there is none.
        """
        self._refuse(horizons=horizons)
        check_outcome(y, ("repeated",), caller=f"{type(self).__name__}.score")
        weights = check_weights(sample_weight, y.shape[0])
        rows = np.ones(y.shape[0]) if weights is None else weights.values
        losses = []
        for k, visit in enumerate(repeated_spec(y).visits):
            seen = ~np.isnan(y["values"][:, k]) & (rows > 0)
            if seen.any():
                below = self.predict_forecast(X, visit).cumulative()[seen]
                losses.append(np.average(ranked_losses(self.levels_, below, y["values"][seen, k]), weights=rows[seen]))
        return -float(np.mean(losses)) if losses else float("nan")

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per visit and coefficient, the intercept of a visit first.

        Columns ``visit, term, coef, low, high, se, z, p, confidence, variance``.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        terms = ["(intercept)", *self._names()]
        table = coefficient_table(
            [f"{term} at {visit:g}" for visit in self.visits_ for term in terms],
            np.column_stack([self.intercept_, self.coef_]).ravel(),
            self.covariance_,
            ratio="or",
            confidence=confidence,
            variance="model" if self.method == "mixed" else "robust",
        )
        table.insert(0, "visit", np.repeat(self.visits_, len(terms)))
        kept = table.drop(columns=["or", "low", "high"]).rename(columns={"coef_low": "low", "coef_high": "high"})
        return kept[["visit", "term", "coef", "low", "high", "se", "z", "p", "confidence", "variance"]]
