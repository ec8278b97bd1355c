"""``BoostedAFT``: gradient-boosted trees on log time, with a scale for the conversion to risks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from scipy import optimize

from lbp_prognosis._base import Objection, argument_error, check_choice, check_number, generator, takes_rows
from lbp_prognosis._kernels import LocationTimes, location_gradient, transformation_scale
from lbp_prognosis.models._boosted_model import BoostedModel
from lbp_prognosis.models._cross_fit import Likelihood, TreeTable, cross_fit
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._transformation_model import (
    LikelihoodTimes,
    TransformationProblem,
    event_times,
    exponential_start,
    few_event_times,
    intercept_alone,
    likelihood_times,
    log_time_line,
    shifted_times,
)
from lbp_prognosis.survival import OutcomeKind, check_outcome, check_weights

__all__ = ["BoostedAFT"]

_SCALES = {"normal": "normal", "logistic": "odds", "extreme": "hazard"}


class BoostedAFT(BoostedModel):
    """Gradient-boosted accelerated failure time model, also for interval-censored outcomes.

    log T = f(x) + offset + σ · Z, with f a sum of trees and Z normal, logistic or extreme (minimum). Trees are boosted
    on the exact likelihood of exact, right-, left- and interval-censored times with delayed entry. The margin alone is
    no risk: σ decides how steep risks are, so it is estimated from margins of patients whom the trees did not see.

    Parameters
    ----------
    distribution : {"normal", "logistic", "extreme"}, default "normal"
        Distribution of Z: log-normal, log-logistic or Weibull times.
    scale : "estimate" or float, default "estimate"
        σ. ``"estimate"`` maximises the held-out likelihood of the cross-fitted margins; trees are then grown at the σ
        of the model without predictors.
    rounds : int, default 200
        Most trees.
    select_rounds : bool, default True
        Choose the number of trees by the likelihood of the held-out folds. False uses ``rounds``.
    early_stopping : int or None, default 10
        The folds grow side by side and stop when their likelihood has not risen for so many trees; None grows
        ``rounds``.
    learning_rate : float, default 0.2
        Shrinkage of each tree.
    max_depth : int, default 2
        Depth of a tree.
    min_leaf_events : float, default 5.0
        Minimum information in a leaf, in units of exact events.
        Drawn patients need ``subsample`` times as much.
    reg_lambda : float, default 1.0
        Ridge penalty of leaf values, on locations in units of σ.
    subsample : float, default 0.75
        Share of the patients drawn for each tree, without replacement; all rows of a patient (or cluster) together.
    colsample : float, default 1.0
        Share of the columns drawn for each tree.
    recalibrate : bool, default True
        Estimate an intercept and a slope (at least 0) of the cross-fitted margins together with σ.
    folds : int, default 2
        Folds of each partition of the patients; fewer if there are few events.
    repeats : int, default 5
        Random partitions. A cross-fitted margin is the mean over the boosters that did not see the row, one per
        partition.
    average : bool, default True
        The model is the mean of the ``folds * repeats`` boosters, each grown without its fold. False grows one booster
        of all patients.
    max_bin : int, default 256
        Most split points of a column.
    monotone : mapping of str to int, optional
        1 where the risk may only rise with a column (times may only shorten), −1 where it may only fall. A name is a
        column, or a measure, which means its columns ``measure__…``.
    interactions : sequence or mapping of groups of str, optional
        Columns (or measures) that may meet in one tree; a column of no group meets no other.
    offset : str, optional
        Column of ``X`` that is a fixed part of log time.
    random_state : int, SeedSequence or Generator, default 0
        Seed of the folds and of drawn rows and columns.

    Attributes
    ----------
    trees_ : str
        The booster, as JSON; its margin is in units of ``trained_scale_``, from ``start_``.
    fewest_in_leaf_ : int
        Smallest number of drawn patients (of clusters, where rows have any) behind a leaf of any tree.
    n_rounds_ : int
        Rounds: trees of each of the boosters that are averaged.
    start_, trained_scale_ : float
        Location and σ of log time at which the trees were grown.
    intercept_, slope_, scale_ : float
        log T = intercept + slope · margin + offset + scale · Z, with the margin of `margin`.
    cv_log_likelihood_ : ndarray of shape (grown + 1,)
        Held-out log-likelihood after 0, 1, … trees, summed over folds, at ``trained_scale_``.
    cross_fitted_margin_ : ndarray of shape (n,)
        Margins (log time) of the training rows by boosters that did not see them; NaN for rows of weight 0.
    log_likelihood_ : float
        Log likelihood of the training outcomes at their cross-fitted margins, with the final σ, on the time scale.
    categories_ : dict of str to list
        Categories of the columns that have any.
    tree_columns_ : list of str
        Columns in the order used by the booster: by name.
    n_exact_events_, n_event_times_ : int
        Events with exact times, and distinct times among them.

    Notes
    -----
    With location m(x) = intercept + slope · margin + offset, the risk is F((log τ − m) / σ). The start of the trees is
    the location of the model without predictors, in the unit of time of the data: another unit gives the same risks.

    xgboost's own ``survival:aft`` is not used. It takes σ as given (1 by default), predicts exp(margin), a time and no
    risk, and after training ``eval`` scores with σ = 1 whatever was trained with; its times are in single precision.

    Events of other causes count as censored, and absolute risks are then refused. Missing values and categories are
    taken as they are.

    **Averaging.** One booster of all patients is unstable: other patients would give other splits, and it fits its own
    training data too well. The mean of boosters of halves of the patients (subagging) varies less. In simulations with
    200 to 1000 patients it predicted as well or better, and its training data are harder to recognise
    (`membership_inference`). ``average=False, folds=5, repeats=1, subsample=1.0`` gives the single booster, which is
    smaller and quicker to explain.

    References
    ----------
    Bühlmann P, Yu B (2002). Analyzing bagging. Annals of Statistics 30, 927–961. doi:10.1214/aos/1031689014
    Friedman JH (2002). Stochastic gradient boosting. Computational Statistics & Data Analysis 38, 367–378.
    doi:10.1016/S0167-9473(01)00065-2
    Barnwal A, Cho H, Hocking T (2022). Survival regression with accelerated failure time model in XGBoost. Journal of
    Computational and Graphical Statistics 31, 1292–1302. doi:10.1080/10618600.2022.2067548

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import BoostedAFT
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = Surv.right(rng.exponential(np.exp(-X[:, 0])), np.ones(200))
    >>> BoostedAFT("extreme", rounds=20).fit(X, y).predict_risk(X[:2], [0.5, 1.0]).shape  # doctest: +SKIP
    (2, 2)
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval")
    _instead: ClassVar[str] = "For a state at a later visit use BoostedHazard or LogisticRisk."
    _single_cause: ClassVar[bool] = True
    _linear_predictor_scale: ClassVar[str | None] = "log_time"

    def __init__(
        self,
        distribution: str = "normal",
        *,
        scale: Any = "estimate",
        rounds: int = 200,
        select_rounds: bool = True,
        early_stopping: int | None = 10,
        learning_rate: float = 0.2,
        max_depth: int = 2,
        min_leaf_events: float = 5.0,
        reg_lambda: float = 1.0,
        subsample: float = 0.75,
        colsample: float = 1.0,
        recalibrate: bool = True,
        folds: int = 2,
        repeats: int = 5,
        average: bool = True,
        max_bin: int = 256,
        monotone: Mapping[str, int] | None = None,
        interactions: Any = None,
        offset: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.distribution = distribution
        self.scale = scale
        self.rounds = rounds
        self.select_rounds = select_rounds
        self.early_stopping = early_stopping
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_leaf_events = min_leaf_events
        self.reg_lambda = reg_lambda
        self.subsample = subsample
        self.colsample = colsample
        self.recalibrate = recalibrate
        self.folds = folds
        self.repeats = repeats
        self.average = average
        self.max_bin = max_bin
        self.monotone = monotone
        self.interactions = interactions
        self.offset = offset
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice("distribution", self.distribution, tuple(_SCALES))
        self._fixed_scale()

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        super()._check_columns(names, y)
        self._check_events(y)

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
    ) -> BoostedAFT:
        """Grow the trees and estimate the scale.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Numbers and categories; missing values are allowed.
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Surv.interval`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : None
            Not taken: a column for the stratum does the same.
        offset : array-like of shape (n,), optional
            Fixed part of log time.
        clusters : array-like of shape (n,), optional
            Labels of rows that stay in one fold.

        Raises
        ------
        EstimationError
            If there are fewer than ten events.
        MissingPackageError
            If xgboost is not installed.
        """
        self._check_parameters()
        fixed = self._fixed_scale()
        self._refuse(strata=strata)
        whole = self._ordered_design(self._start_fit(X, y, sample_weight, None, offset, clusters))
        self._tree_parameters(self.tree_columns_, sign=-1, seed=0)
        design = whole.part(whole.taking_part)
        times = shifted_times(likelihood_times(design, type(self).__name__), design.offset)
        self.n_exact_events_, self.n_event_times_ = event_times(times, design.weights)
        weights = np.ones(design.X.shape[0]) if design.weights is None else design.weights
        event = times.kind > 0
        count = self._fold_count(event, 1)
        self.start_, _, self.trained_scale_ = self._line(design, times, None, fixed)
        problem = _LocationRows(self._standard(times), weights, transformation_scale(_SCALES[self.distribution]))
        rng = generator(self.random_state)
        settings = self._tree_parameters(self.tree_columns_, sign=-1, seed=int(rng.integers(2**31)))
        groups = self._groups(design)
        folds = self._deal(groups, event, count, rng)
        table: TreeTable = self._table(design.X, [settings])
        chosen = cross_fit(table, problem, folds, groups, self._growth(), rng)
        self.trees_ = chosen.trees[0]
        self.fewest_in_leaf_ = chosen.fewest_in_leaf
        self.n_rounds_ = chosen.rounds
        exact = times.kind == 1
        jacobian = float(weights[exact] @ (times.clock[exact] + np.log(self.trained_scale_)))
        self.cv_log_likelihood_ = chosen.log_likelihood - jacobian
        margin = self.start_ + self.trained_scale_ * chosen.margins[:, 0]
        self.cross_fitted_margin_ = self._over_all_rows(margin, whole.taking_part, y.shape[0])
        self._calibrate(design, times, weights, margin, fixed)
        self._boosters: dict[Any, Any] = {}
        return self

    def _fixed_scale(self) -> float | None:
        if isinstance(self.scale, str):
            check_choice("scale", self.scale, ("estimate",))
            return None
        return check_number("scale", self.scale, low=0, open_low=True)

    def _standard(self, times: LikelihoodTimes) -> LocationTimes:
        """Log times in the units in which trees are grown."""

        def inner(values: np.ndarray) -> np.ndarray:
            return (values - self.start_) / self.trained_scale_

        entry = None if times.entry is None else inner(times.entry)
        return LocationTimes(times.kind, inner(times.time), inner(times.lower), entry)

    def _line(
        self, design: Design, times: LikelihoodTimes, margin: np.ndarray | None, sigma: float | None
    ) -> tuple[float, float, float]:
        """Return intercept and slope of the location on a margin, and σ, by maximum likelihood."""
        if margin is not None and np.ptp(margin) == 0:
            margin = None
        column = np.zeros((design.X.shape[0], 1)) if margin is None else margin[:, None]
        one = replace(design, X=column)
        name, kept = type(self).__name__, np.array([margin is not None])
        scale = transformation_scale(_SCALES[self.distribution])
        if sigma is None:
            problem = TransformationProblem(one, times, log_time_line, kept, variance="model")
            found = problem.fit(scale, exponential_start(times, problem.weights), name)
        else:
            entry = None if times.entry is None else times.entry / sigma
            inner = replace(times, time=times.time / sigma, lower=times.lower / sigma, entry=entry)
            problem = TransformationProblem(one, inner, intercept_alone, kept, variance="model", fixed_slope=True)
            middle = np.median(inner.time[np.isfinite(inner.time)])
            found = problem.fit(scale, np.array([-middle]), name)
        theta, _ = problem.to_columns(found.coef, np.array([0]))
        steep = float(theta[1]) if sigma is None else 1 / sigma
        slope = float(-theta[-1] / steep) if margin is not None else 0.0
        if slope < 0:
            return self._line(design, times, None, sigma)
        return float(-theta[0] / steep), slope, 1 / steep

    def _calibrate(
        self,
        design: Design,
        times: LikelihoodTimes,
        weights: np.ndarray,
        margin: np.ndarray,
        fixed: float | None,
    ) -> None:
        """Set intercept, slope and scale from the cross-fitted margins."""
        if self.recalibrate:
            self.intercept_, self.slope_, self.scale_ = self._line(design, times, margin, fixed)
        else:
            self.intercept_, self.slope_ = 0.0, 1.0

            def loss(log_scale: float) -> float:
                return -self._total(times, weights, margin, float(np.exp(log_scale)))

            centre = np.log(self.trained_scale_)
            found = optimize.minimize_scalar(
                loss, bounds=(centre - 3, centre + 2), method="bounded", options={"xatol": 1e-9}
            )
            self.scale_ = float(np.exp(found.x)) if fixed is None else fixed
        self.log_likelihood_ = self._total(times, weights, self.intercept_ + self.slope_ * margin, self.scale_)

    def _total(self, times: LikelihoodTimes, weights: np.ndarray, location: np.ndarray, sigma: float) -> float:
        """Log-likelihood on the time scale."""
        entry = None if times.entry is None else times.entry / sigma
        inner = LocationTimes(times.kind, times.time / sigma, times.lower / sigma, entry)
        rows, _, _ = location_gradient(inner, location / sigma, transformation_scale(_SCALES[self.distribution]))
        return float(weights @ (rows - (times.kind == 1) * (np.log(sigma) + np.where(times.kind == 1, times.clock, 0))))

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: exact times that are in fact visits."""
        return few_event_times(type(self).__name__, self.n_exact_events_, self.n_event_times_)

    # ---- predictions -------------------------------------------------------------------------------------------

    def booster(self) -> Any:
        """Return the xgboost Booster: ``start_ + trained_scale_`` times its margin is a log time.

        Notes
        -----
        Its columns are in the order of ``tree_columns_``.
        """
        self._check_fitted()
        return self._loaded(1, self.trees_)

    def _margin(self, X: np.ndarray) -> np.ndarray:
        if not self.n_rounds_:
            return np.full(X.shape[0], self.start_)
        return self.start_ + self.trained_scale_ * self._predicted(self.booster(), X)

    def _location(self, X: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
        return self.intercept_ + self.slope_ * self._margin(X) + (0.0 if offset is None else offset)

    @takes_rows()
    def margin(self, X: Any) -> np.ndarray:
        """Return the log time of the trees, before calibration and without offset; shape (n,), higher is later.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        """
        given = np.zeros(len(X)) if self.offset is None else None
        matrix, _, _ = self._start_predict(X, None, given)
        return self._margin(matrix)

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        z = (np.log(horizons)[None, :] - self._location(X, offset)[:, None]) / self.scale_
        return -np.expm1(transformation_scale(_SCALES[self.distribution])(z)[0])

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return minus the location of log time: higher means sooner; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of log time.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        return -self._location(matrix, shift)

    @takes_rows()
    def log_likelihood(self, X: Any, y: np.ndarray, *, sample_weight: Any = None, offset: Any = None) -> float:
        """Return the log-likelihood of outcomes at their predictions, on the time scale: a proper score.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Surv.right` or `Surv.interval`.
        sample_weight : array-like of shape (n,), optional
            Row weights.
        offset : array-like of shape (n,), optional
            Fixed part of log time.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        kind = check_outcome(y, self._accepts, caller="BoostedAFT.log_likelihood")
        if y.shape[0] != matrix.shape[0]:
            raise argument_error("X", f"of {y.shape[0]} rows, as many as `y`", f"{matrix.shape[0]} rows")
        given = check_weights(sample_weight, y.shape[0])
        weights = np.ones(y.shape[0]) if given is None else given.values
        entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
        design = Design(matrix, y, kind, entry, weights, None, None, [], shift, None)
        times = likelihood_times(design, "BoostedAFT.log_likelihood")
        return self._total(times, weights, self._location(matrix, shift), self.scale_)


class _LocationRows:
    """Likelihood of log time as a function of the locations, for any subset of the rows."""

    def __init__(self, times: LocationTimes, weights: np.ndarray, scale: Any) -> None:
        self.times, self.weights, self.scale = times, weights, scale

    def part(self, rows: np.ndarray) -> Likelihood:
        """Return the log-likelihood, its gradient and a bound on its curvature."""
        times, weights = self.times.part(rows), self.weights[rows]

        def derivatives(margins: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            loglik, gradient, curvature = location_gradient(times, margins[:, 0], self.scale)
            return float(weights @ loglik), (weights * gradient)[:, None], (weights * curvature)[:, None]

        return derivatives
