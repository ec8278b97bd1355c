"""``BoostedCox``: gradient-boosted trees on the partial likelihood, one booster per cause, and calibrated risks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_choice,
    check_horizons,
    generator,
    takes_rows,
)
from lbp_prognosis._kernels import (
    cox_baseline,
    cox_data,
    cox_fit,
    cox_gradient,
    cox_likelihood,
    discrete_baseline,
    product_limit_incidence,
    tied_events,
)
from lbp_prognosis.models._boosted_model import FEWEST_EVENTS, BoostedModel
from lbp_prognosis.models._cross_fit import Likelihood, Objective, TreeTable, cross_fit, without_trees
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._hazard_steps import events_at, steps_at
from lbp_prognosis.models._rare_causes import not_learned_objections
from lbp_prognosis.models._xgboost_adapter import margin_contributions

__all__ = ["BoostedCox"]


class BoostedCox(BoostedModel):
    """Gradient-boosted Cox model, cause-specific where causes compete.

    Trees are boosted on the log partial likelihood (Efron's ties, weights in the risk sets, delayed entry, strata,
    offsets), one booster for each cause that occurs. The number of trees is chosen by cross-validation, and the
    baseline hazard is estimated from margins that no patient helped to fit: margins of the training rows themselves are
    too spread out, and a baseline from them gives risks that are too extreme.

    Parameters
    ----------
    rounds : int, default 200
        Most trees.
    select_rounds : bool, default True
        Choose the number of trees by the partial likelihood of the held-out folds; zero trees are possible.
        False uses ``rounds``.
    early_stopping : int or None, default 10
        The folds grow side by side and stop when their likelihood has not risen for so many trees; None grows
        ``rounds``. Without ``select_rounds`` it has no part.
    learning_rate : float, default 0.2
        Shrinkage of each tree.
    max_depth : int, default 2
        Depth of a tree, and with it the highest order of interactions.
    min_leaf_events : float, default 5.0
        Minimum number of events expected in a leaf under the preceding trees.
        Drawn patients need ``subsample`` times as much.
    reg_lambda : float, default 1.0
        Ridge penalty of leaf values.
    subsample : float, default 0.75
        Share of the patients drawn for each tree, without replacement; all rows of a patient (or cluster) together.
    colsample : float, default 1.0
        Share of the columns drawn for each tree.
    recalibrate : bool, default True
        Multiply margins by the slope of a Cox model of the cross-fitted margins (at least 0), which takes back what the
        trees overdo.
    folds : int, default 2
        Folds of each partition of the patients; fewer if a cause has few events.
    repeats : int, default 5
        Random partitions. A cross-fitted margin is the mean over the boosters that did not see the row, one per
        partition.
    average : bool, default True
        The model is the mean of the ``folds * repeats`` boosters, each grown without its fold. False grows one booster
        of all patients.
    ties : {"efron", "breslow"}, default "efron"
        Handling of tied events.
    max_bin : int, default 256
        Maximum number of split points per column; columns with fewer distinct values are not binned.
    monotone : mapping of str to int, optional
        1 where the risk of the event of interest may only rise with a column, −1 where it may only fall. A name is a
        column, or a measure: ``"pfirrmann"`` means all columns ``pfirrmann__…``.
    interactions : sequence or mapping of groups of str, optional
        Columns (or measures) that may meet in one tree, e.g. the modalities; a column of no group meets no other.
    strata : str or list of str, optional
        Columns of ``X`` that define strata, each with a baseline of its own.
    offset : str, optional
        Column of ``X`` that enters the margin with coefficient 1.
    random_state : int, SeedSequence or Generator, default 0
        Seed of the folds and of drawn rows and columns.

    Attributes
    ----------
    trees_ : dict of int to str
        The booster of each cause, as JSON.
    fewest_in_leaf_ : int
        Smallest number of drawn patients (of clusters, where rows have any) behind a leaf of any tree.
    n_rounds_ : dict of int to int
        Rounds of each cause: trees of each of the boosters that are averaged.
    slope_ : dict of int to float
        Factor of the margins of each cause.
    rare_causes_ : dict of int to int
        Events of competing causes with fewer than ten, in this sample or fold: they have no trees, and a hazard that is
        the same for all patients. ``objections_`` names them.
    cv_log_likelihood_ : dict of int to ndarray of shape (grown + 1,)
        Held-out log partial likelihood after 0, 1, … trees, summed over folds, up to where growing stopped.
    cross_fitted_margin_ : dict of int to ndarray of shape (n,)
        Margins of the training rows by boosters that did not see them; NaN for rows of weight 0.
    baseline_times_, baseline_hazard_ : dict of int to list of ndarray
        For each cause and stratum: event times and cumulative hazard at linear predictor 0.
    baseline_events_ : dict of int to list of ndarray
        Rows with the event at each of these times.
    increments_ : dict of int to list of ndarray
        Increments in the product limit of several causes, one value per event time; as in `CauseSpecificCox`.
    categories_ : dict of str to list
        Categories of the columns that have any; those of a declared order are taken as ranks.
    tree_columns_ : list of str
        Columns in the order used by the boosters: by name, so that the order in a table has no effect.

    Notes
    -----
    Missing values and categories of predictors are taken as they come (trees send missing values to the side that fits
    better); a declared category that no training row had is a missing value, an undeclared one is refused. The
    cause-specific hazards are combined by the product limit as in `CauseSpecificCox`. One thread and
    seeded draws: the same data give the same bits.

    Identical rows, and rows of one cluster, stay in one fold, so that copies made by a bootstrap do not leak.

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
    Chen T, Guestrin C (2016). XGBoost: a scalable tree boosting system. Proceedings of the 22nd ACM SIGKDD Conference,
    785–794. doi:10.1145/2939672.2939785

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import BoostedCox
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = Surv.right(rng.exponential(np.exp(-X[:, 0])), np.ones(200))
    >>> BoostedCox(rounds=20).fit(X, y).predict_risk(X[:2], [0.5, 1.0]).shape  # doctest: +SKIP
    (2, 2)
    """

    _instead: ClassVar[str] = (
        "For visits use DiscreteTimeHazard, BoostedHazard or BoostedAFT, for a state at a visit LogisticRisk."
    )
    _linear_predictor_scale: ClassVar[str | None] = "log_hazard"

    def __init__(
        self,
        *,
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
        ties: str = "efron",
        max_bin: int = 256,
        monotone: Mapping[str, int] | None = None,
        interactions: Any = None,
        strata: Any = None,
        offset: str | None = None,
        random_state: Any = 0,
    ) -> None:
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
        self.ties = ties
        self.max_bin = max_bin
        self.monotone = monotone
        self.interactions = interactions
        self.strata = strata
        self.offset = offset
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice("ties", self.ties, ("efron", "breslow"))

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
    ) -> BoostedCox:
        """Grow the trees of each cause and estimate its baseline.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Numbers and categories; missing values are allowed.
        y : ndarray of shape (n,)
            Made by `Surv.right`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights; they count in the risk sets too.
        strata : array-like of shape (n,), optional
            Labels of separate baselines.
        offset : array-like of shape (n,), optional
            Fixed part of the margin.
        clusters : array-like of shape (n,), optional
            Labels of rows that stay in one fold.

        Raises
        ------
        EstimationError
            If the event of interest, or every cause, has fewer than ten events.
        MissingPackageError
            If xgboost is not installed.
        """
        self._check_parameters()
        design = self._ordered_design(self._start_fit(X, y, sample_weight, strata, offset, clusters))
        columns = self.tree_columns_
        self._tree_parameters(columns, sign=1, seed=0)  # faults in the settings are reported first
        if self.causes_.size == 0:
            raise EstimationError(f"BoostedCox needs events to fit; there is none among {y.shape[0]} rows.")
        weights = np.ones(y.shape[0]) if design.weights is None else design.weights
        rng = generator(self.random_state)
        used = design.taking_part
        part = design.part(used)
        groups = self._groups(part)
        self.fewest_in_leaf_ = groups.size
        self.rare_causes_: dict[int, int] = {}
        self.trees_: dict[int, str] = {}
        self.n_rounds_: dict[int, int] = {}
        self.slope_: dict[int, float] = {}
        self.cv_log_likelihood_: dict[int, np.ndarray] = {}
        self.cross_fitted_margin_: dict[int, np.ndarray] = {}
        self.baseline_times_: dict[int, list[np.ndarray]] = {}
        self.baseline_hazard_: dict[int, list[np.ndarray]] = {}
        self.baseline_events_: dict[int, list[np.ndarray]] = {}
        self.increments_: dict[int, list[np.ndarray]] = {}
        codes = y["event"][weights > 0]
        most = max(int((codes == cause).sum()) for cause in self.causes_)
        for cause in self.causes_.tolist():
            event = (y["event"] == cause) & (weights > 0)
            if cause != 1 and event.sum() < FEWEST_EVENTS <= most:
                self._leave_equal(cause, part, columns, y.shape[0])
                self.rare_causes_[cause] = int(event.sum())
                self._calibrate(cause, design, event, weights, np.zeros(y.shape[0]))
                continue
            count = self._fold_count(event, cause)
            settings = self._tree_parameters(columns, sign=int(cause == 1), seed=int(rng.integers(2**31)))
            folds = self._deal(groups, event[used], count, rng)
            problem = _CauseRows(part, event[used], weights[used], self.ties)
            chosen = self._grow(cause, self._table(part.X, [settings]), problem, folds, groups, rng)
            self.cross_fitted_margin_[cause] = self._over_all_rows(chosen, used, y.shape[0])
            self._calibrate(cause, design, event, weights, np.nan_to_num(self.cross_fitted_margin_[cause]))
        self._boosters: dict[Any, Any] = {}
        return self

    def _grow(
        self,
        cause: int,
        table: TreeTable,
        problem: _CauseRows,
        folds: np.ndarray,
        groups: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Grow the trees of a cause and return the cross-fitted margins."""
        chosen = cross_fit(table, problem, folds, groups, self._growth(), rng)
        self.trees_[cause] = chosen.trees[0]
        self.fewest_in_leaf_ = min(self.fewest_in_leaf_, chosen.fewest_in_leaf)
        self.n_rounds_[cause], self.cv_log_likelihood_[cause] = chosen.rounds, chosen.log_likelihood
        return chosen.margins[:, 0]

    def _leave_equal(self, cause: int, part: Design, columns: Sequence[str], n: int) -> None:
        """Grow no tree for a cause: its hazard is the same for all."""
        table = self._table(part.X, [self._tree_parameters(columns, sign=0, seed=0)])
        self.trees_[cause], self.n_rounds_[cause] = without_trees(table), 0
        self.cv_log_likelihood_[cause] = np.empty(0)
        self.cross_fitted_margin_[cause] = np.zeros(n)

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: causes with too few events for trees."""
        return not_learned_objections(self)

    def _calibrate(
        self, cause: int, design: Design, event: np.ndarray, weights: np.ndarray, margin: np.ndarray
    ) -> None:
        """Set slope and baseline of a cause from margins of trees that did not see the rows."""
        slope = 1.0
        if self.recalibrate and np.ptp(margin) > 0:
            found = cox_fit(
                margin[:, None],
                design.y["time"],
                event,
                entry=design.entry,
                strata=design.strata,
                weights=weights,
                offset=design.offset,
                ties=self.ties,
                frequency=design.frequency,
            )
            slope = max(float(found.coef[0]), 0.0)
        self.slope_[cause] = slope
        shift = 0.0 if design.offset is None else design.offset
        steps = cox_baseline(
            design.y["time"],
            event,
            slope * margin + shift,
            entry=design.entry,
            strata=design.strata,
            weights=weights,
            ties=self.ties,
            frequency=design.frequency,
        )
        self.baseline_times_[cause] = [times for times, _ in steps]
        self.baseline_hazard_[cause] = [hazard for _, hazard in steps]
        self.baseline_events_[cause] = events_at(self.baseline_times_[cause], design.y["time"], event, design.strata)
        fitted = discrete_baseline(
            design.y["time"],
            event,
            slope * margin + shift,
            entry=design.entry,
            strata=design.strata,
            weights=weights,
        )
        self.increments_[cause] = [values for _, values in fitted]

    # ---- predictions -------------------------------------------------------------------------------------------

    def booster(self, cause: int = 1) -> Any:
        """Return the xgboost Booster of one cause: ``slope_[cause]`` times its margin is the log relative hazard.

        Parameters
        ----------
        cause : int, default 1
            Event code.

        Notes
        -----
        Its columns are in the order of ``tree_columns_``.
        """
        self._check_fitted()
        self._check_cause(cause)
        return self._loaded(int(cause), self.trees_[int(cause)])

    def _margin(self, X: np.ndarray, cause: int) -> np.ndarray:
        if not self.n_rounds_[cause]:
            return np.zeros(X.shape[0])
        return self.slope_[cause] * self._predicted(self.booster(cause), X)

    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1, *, offset: Any = None) -> np.ndarray:
        """Return slope · margin + offset: the log relative hazard of one cause; shape (n,), higher is sooner.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        cause : int, default 1
            Event code.
        offset : array-like of shape (n,), optional
            Fixed part of the margin.
        """
        matrix, _, shift = self._start_predict(X, None, offset, with_strata=False)
        self._check_cause(cause)
        return self._margin(matrix, int(cause)) + (0.0 if shift is None else shift)

    @takes_rows()
    def margin_contributions(self, X: Any, cause: int = 1) -> np.ndarray:
        """Return what each predictor adds to the log hazard (not to the risk), ``(n, p + 1)``.

        The last column is the mean of the reference population; rows sum to `linear_predictor` (without offset).
        These are path-dependent TreeSHAP values: the reference population is the training data as the trees split it,
        and correlated predictors share what interventional values keep apart.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        cause : int, default 1
            Event code.
        """
        given = np.zeros(len(X)) if self.offset is None else None  # an offset has no effect here
        matrix, _, _ = self._start_predict(X, None, given, with_strata=False)
        self._check_cause(cause)
        if not self.n_rounds_[int(cause)]:
            return np.zeros((matrix.shape[0], matrix.shape[1] + 1))
        order = self._tree_order()
        parts = margin_contributions(
            self.booster(cause), np.ascontiguousarray(matrix[:, order]), self._kinds(), caller="BoostedCox"
        )
        out = np.empty_like(parts)
        out[:, np.append(order, order.size)] = parts
        return self.slope_[int(cause)] * out

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        if strata is None and self.strata_levels_:
            raise argument_error(
                "strata", "given, as at fit", "None", "A risk needs the baseline of the stratum of each row."
            )
        causes = self.causes_.tolist()
        shift = 0.0 if offset is None else offset
        return self._risk_of(
            np.column_stack([self._margin(X, code) + shift for code in causes]), horizons, cause, strata
        )

    def risk_of_log_hazards(self, log_hazards: np.ndarray, horizons: Any, cause: int = 1) -> np.ndarray:
        """Return the risks of rows of which the log relative hazards are known, ``(n, n_horizons)``.

        Parameters
        ----------
        log_hazards : ndarray of shape (n, n_causes)
            As returned by `linear_predictor`, in the order of ``causes_``.
        horizons : float or sequence of float
            Prediction times; beyond the longest follow-up risks are NaN.
        cause : int, default 1
            Event code.
        """
        self._check_fitted()
        self._check_cause(cause)
        if self.strata_levels_:
            raise argument_error("log_hazards", "of a model without strata: each has a baseline of its own", "strata")
        times, _ = check_horizons(horizons)
        scores = np.asarray(log_hazards, dtype=float)
        if scores.ndim != 2 or scores.shape[1] != len(self.causes_):
            raise argument_error("log_hazards", f"of shape (n, {len(self.causes_)})", scores)
        out = np.full((len(scores), times.size), np.nan)
        known = times <= self.max_time_
        out[:, known] = self._risk_of(scores, times[known], int(cause), None)
        return out

    def _risk_of(
        self, log_hazards: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None
    ) -> np.ndarray:
        causes = self.causes_.tolist()
        relative = np.exp(log_hazards)
        if len(causes) == 1:
            base = steps_at(self.baseline_times_[cause], self.baseline_hazard_[cause], strata, horizons)
            return -np.expm1(-base * relative)
        out = np.empty((len(relative), horizons.size))
        codes = np.zeros(len(relative), dtype=np.int64) if strata is None else strata
        for code in np.unique(codes):
            rows = codes == code
            grid = np.unique(np.concatenate([self.baseline_times_[k][code] for k in causes]))
            increments = np.zeros((grid.size, len(causes)))
            for c, k in enumerate(causes):
                increments[np.searchsorted(grid, self.baseline_times_[k][code]), c] = self.increments_[k][code]
            places = np.searchsorted(grid, horizons, side="right")
            curves = product_limit_incidence(increments, np.ascontiguousarray(relative[rows]), places, True)
            out[rows] = curves[:, :, causes.index(cause)]
        return np.minimum(out, 1.0)


class _CauseRows:
    """Partial likelihood of one cause, for any subset of the rows."""

    def __init__(self, design: Design, event: np.ndarray, weights: np.ndarray, ties: str) -> None:
        self.design, self.event, self.weights, self.efron = design, event, weights, ties == "efron"

    def part(self, rows: np.ndarray) -> Likelihood:
        """Return the log partial likelihood, its gradient, and expected events as a bound on the curvature."""
        data, tied, offset = self._sorted(rows)

        def derivatives(margins: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            loglik, gradient, expected = cox_gradient(data, tied, margins[:, 0] + offset, efron=self.efron)
            return loglik, gradient[:, None], expected[:, None]

        return derivatives

    def split(self, inside: np.ndarray, outside: np.ndarray) -> tuple[Likelihood, Objective]:
        """Return the likelihood of the training rows, and the value alone of that of the held-out rows."""
        data, tied, offset = self._sorted(outside)
        return self.part(inside), lambda margins: (
            cox_likelihood(data, tied, margins[:, 0] + offset, efron=self.efron),
        )

    def _sorted(self, rows: np.ndarray) -> tuple[Any, Any, Any]:
        """Return the risk sets of some rows, their weighted events, and their offset."""
        design = self.design
        entry = None if design.entry is None else design.entry[rows]
        strata = None if design.strata is None else design.strata[rows]
        event = self.event[rows]
        data = cox_data(np.empty((rows.size, 0)), design.y["time"][rows], event, entry=entry, strata=strata)
        tied = tied_events(data, data.sorted(self.weights[rows]), design.frequency)
        return data, tied, 0.0 if design.offset is None else design.offset[rows]
