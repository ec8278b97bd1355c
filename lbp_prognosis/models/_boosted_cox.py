"""``BoostedCox``: gradient-boosted trees on the partial likelihood, one booster a cause, and calibrated risks."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_choice,
    check_number,
    generator,
    takes_rows,
)
from lbp_prognosis._kernels import (
    cox_baseline,
    cox_data,
    cox_fit,
    cox_gradient,
    discrete_baseline,
    product_limit_incidence,
    tied_events,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._hazard_steps import steps_at
from lbp_prognosis.models._xgboost_adapter import (
    grow_booster,
    load_booster,
    margin_contributions,
    predict_margin,
    save_booster,
)

__all__ = ["BoostedCox"]

_FEWEST_EVENTS = 10


class BoostedCox(RiskEstimator):
    """What is the risk if effects may bend and interact?

    Trees are boosted on the log partial likelihood (Efron's ties, weights in the risk sets, delayed entry, strata,
    offsets), one booster for each cause that occurs. The number of trees is chosen by cross-validation, and the
    baseline hazard is estimated from margins that no patient helped to fit: margins of the training rows themselves are
    too spread out, and a baseline from them gives risks that are too extreme.

    Parameters
    ----------
    rounds : int, default 100
        Most trees.
    select_rounds : bool, default True
        Choose how many of them by the partial likelihood of the held-out folds; no tree at all is a possible answer.
        False uses ``rounds``.
    learning_rate : float, default 0.1
        Shrinkage of each tree.
    max_depth : int, default 2
        Depth of a tree, and with it the highest order of interactions.
    min_leaf_events : float, default 5.0
        Least number of events expected in a leaf under the trees before it.
    reg_lambda : float, default 1.0
        Ridge penalty of leaf values.
    subsample, colsample : float, default 1.0
        Share of rows and of columns drawn for each tree.
    recalibrate : bool, default True
        Multiply margins by the slope of a Cox model of the cross-fitted margins (at least 0), which takes back what the
        trees overdo.
    folds : int, default 5
        Folds of the cross-fitted margins; fewer if a cause has few events.
    ties : {"efron", "breslow"}, default "efron"
        How tied events are counted.
    max_bin : int, default 256
        Most split points of a column; columns with fewer distinct values lose nothing.
    strata : str or list of str, optional
        Columns of ``X`` that define strata, each with a baseline of its own.
    offset : str, optional
        Column of ``X`` that enters the margin with coefficient 1.
    random_state : int, SeedSequence or Generator, default 0
        Of the folds and of drawn rows and columns.

    Attributes
    ----------
    trees_ : dict of int to str
        The booster of each cause, as JSON.
    n_rounds_ : dict of int to int
        Trees used for each cause.
    slope_ : dict of int to float
        Factor of the margins of each cause.
    cv_log_likelihood_ : dict of int to ndarray of shape (rounds + 1,)
        Held-out log partial likelihood after 0, 1, … trees, summed over folds.
    cross_fitted_margin_ : dict of int to ndarray of shape (n,)
        Margins of the training rows by boosters that did not see them.
    baseline_times_, baseline_hazard_ : dict of int to list of ndarray
        For each cause and stratum: event times and cumulative hazard at linear predictor 0.
    increments_ : dict of int to list of ndarray
        What meets the product limit of several causes, one value an event time; as in `CauseSpecificCox`.

    Notes
    -----
    Missing values of predictors are taken as they come (trees send them to the side that fits better). The
    cause-specific hazards are combined by the product limit as in `CauseSpecificCox`. One thread and
    seeded draws: the same data give the same bits.

    Identical rows, and rows of one cluster, stay in one fold, so that copies made by a bootstrap do not leak.

    References
    ----------
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

    _instead: ClassVar[str] = "For visits use DiscreteTimeHazard, for a state at a visit LogisticRisk."
    _linear_predictor_scale: ClassVar[str | None] = "log_hazard"
    folds_keep_clusters: ClassVar[bool] = True
    """Tuning folds never part rows of one cluster: resampling passes who is a copy of whom."""
    interpolates: ClassVar[bool] = True
    """Its apparent performance is near perfect and says nothing: validate with .632+ or nested cross-validation."""

    def __init__(
        self,
        *,
        rounds: int = 100,
        select_rounds: bool = True,
        learning_rate: float = 0.1,
        max_depth: int = 2,
        min_leaf_events: float = 5.0,
        reg_lambda: float = 1.0,
        subsample: float = 1.0,
        colsample: float = 1.0,
        recalibrate: bool = True,
        folds: int = 5,
        ties: str = "efron",
        max_bin: int = 256,
        strata: Any = None,
        offset: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.rounds = rounds
        self.select_rounds = select_rounds
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_leaf_events = min_leaf_events
        self.reg_lambda = reg_lambda
        self.subsample = subsample
        self.colsample = colsample
        self.recalibrate = recalibrate
        self.folds = folds
        self.ties = ties
        self.max_bin = max_bin
        self.strata = strata
        self.offset = offset
        self.random_state = random_state

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
            Numeric predictors; missing values are allowed.
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
            If a cause has fewer than ten events.
        MissingPackageError
            If xgboost is not installed.
        """
        parameters = self._parameters()
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters, allow_missing=True)
        if self.causes_.size == 0:
            raise EstimationError(f"BoostedCox needs events to fit; there is none among {y.shape[0]} rows.")
        weights = np.ones(y.shape[0]) if design.weights is None else design.weights
        rng = generator(self.random_state)
        groups = _groups(design)
        self.trees_: dict[int, str] = {}
        self.n_rounds_: dict[int, int] = {}
        self.slope_: dict[int, float] = {}
        self.cv_log_likelihood_: dict[int, np.ndarray] = {}
        self.cross_fitted_margin_: dict[int, np.ndarray] = {}
        self.baseline_times_: dict[int, list[np.ndarray]] = {}
        self.baseline_hazard_: dict[int, list[np.ndarray]] = {}
        self.increments_: dict[int, list[np.ndarray]] = {}
        for cause in self.causes_.tolist():
            event = (y["event"] == cause) & (weights > 0)
            if event.sum() < _FEWEST_EVENTS:
                raise EstimationError(
                    f"BoostedCox needs at least {_FEWEST_EVENTS} events of each cause; cause {cause} has "
                    f"{int(event.sum())}. Use CoxPH or CauseSpecificCox with a penalty."
                )
            parameters["seed"] = int(rng.integers(2**31))
            folds = _deal(groups, event, min(self.folds, int(event.sum()) // 5), rng)
            self._fit_cause(cause, design, event, weights, folds, parameters)
        self._boosters: dict[int, Any] = {}
        return self

    def _parameters(self) -> dict[str, Any]:
        check_choice("ties", self.ties, ("efron", "breslow"))
        check_number("rounds", self.rounds, low=1, whole=True)
        check_number("folds", self.folds, low=2, whole=True)
        return {
            "learning_rate": check_number("learning_rate", self.learning_rate, low=0, high=1, open_low=True),
            "max_depth": int(check_number("max_depth", self.max_depth, low=1, whole=True)),
            "min_child_weight": check_number("min_leaf_events", self.min_leaf_events, low=0),
            "reg_lambda": check_number("reg_lambda", self.reg_lambda, low=0),
            "subsample": check_number("subsample", self.subsample, low=0, high=1, open_low=True),
            "colsample_bytree": check_number("colsample", self.colsample, low=0, high=1, open_low=True),
            # a leaf whose rows all have the event, or none has, would otherwise step without bound
            "max_delta_step": 2.0,
            "max_bin": int(check_number("max_bin", self.max_bin, low=2, whole=True)),
        }

    def _fit_cause(
        self,
        cause: int,
        design: Design,
        event: np.ndarray,
        weights: np.ndarray,
        folds: np.ndarray,
        parameters: dict[str, Any],
    ) -> None:
        n, rounds = event.size, int(self.rounds)
        margins = np.zeros((rounds + 1, n))
        held_out = np.zeros(rounds + 1)
        for fold in range(int(folds.max()) + 1):
            inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            train = _PartialLikelihood(design, event, weights, inside, self.ties)
            test = _PartialLikelihood(design, event, weights, outside, self.ties)
            _, staged = grow_booster(design.X[inside], train, parameters, rounds, held_out=design.X[outside])
            if staged is not None:
                margins[1:, outside] = staged
            held_out += [test.loglik(margins[k, outside]) for k in range(rounds + 1)]
        chosen = int(np.argmax(held_out)) if self.select_rounds else rounds
        everybody = _PartialLikelihood(design, event, weights, np.arange(n), self.ties)
        booster, _ = grow_booster(design.X, everybody, parameters, chosen)
        self.trees_[cause], self.n_rounds_[cause] = save_booster(booster), chosen
        self.cv_log_likelihood_[cause], self.cross_fitted_margin_[cause] = held_out, margins[chosen]
        slope = 1.0
        if self.recalibrate and np.ptp(margins[chosen]) > 0:
            found = cox_fit(
                margins[chosen][:, None],
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
            slope * margins[chosen] + shift,
            entry=design.entry,
            strata=design.strata,
            weights=weights,
            ties=self.ties,
            frequency=design.frequency,
        )
        self.baseline_times_[cause] = [times for times, _ in steps]
        self.baseline_hazard_[cause] = [hazard for _, hazard in steps]
        fitted = discrete_baseline(
            design.y["time"],
            event,
            slope * margins[chosen] + shift,
            entry=design.entry,
            strata=design.strata,
            weights=weights,
        )
        self.increments_[cause] = [values for _, values in fitted]

    # ---- predictions -------------------------------------------------------------------------------------------

    def _start_predict(
        self, X: Any, strata: Any = None, offset: Any = None, *, allow_missing: bool = True, with_strata: bool = True
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        return super()._start_predict(X, strata, offset, allow_missing=allow_missing, with_strata=with_strata)

    def booster(self, cause: int = 1) -> Any:
        """Return the xgboost Booster of one cause: ``slope_[cause]`` times its margin is the log relative hazard.

        Parameters
        ----------
        cause : int, default 1
            Event code.
        """
        self._check_fitted()
        self._check_cause(cause)
        cache = self.__dict__.setdefault("_boosters", {})
        if cause not in cache:
            cache[int(cause)] = load_booster(self.trees_[int(cause)])
        return cache[int(cause)]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_boosters"}

    def _margin(self, X: np.ndarray, cause: int) -> np.ndarray:
        if not self.n_rounds_[cause]:
            return np.zeros(X.shape[0])
        return self.slope_[cause] * predict_margin(self.booster(cause), X)

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
        given = np.zeros(len(X)) if self.offset is None else None  # an offset adds nothing here
        matrix, _, _ = self._start_predict(X, None, given, with_strata=False)
        self._check_cause(cause)
        if not self.n_rounds_[int(cause)]:
            return np.zeros((matrix.shape[0], matrix.shape[1] + 1))
        return self.slope_[int(cause)] * margin_contributions(self.booster(cause), matrix)

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        if strata is None and self.strata_levels_:
            raise argument_error(
                "strata", "given, as at fit", "None", "A risk needs the baseline of the stratum of each row."
            )
        causes = self.causes_.tolist()
        shift = 0.0 if offset is None else offset
        relative = np.exp(np.column_stack([self._margin(X, code) + shift for code in causes]))
        if len(causes) == 1:
            base = steps_at(self.baseline_times_[cause], self.baseline_hazard_[cause], strata, horizons)
            return -np.expm1(-base * relative)
        out = np.empty((X.shape[0], horizons.size))
        codes = np.zeros(X.shape[0], dtype=np.int64) if strata is None else strata
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


class _PartialLikelihood:
    """Derivatives of the partial likelihood of some rows in their margins."""

    def __init__(self, design: Design, event: np.ndarray, weights: np.ndarray, rows: np.ndarray, ties: str) -> None:
        entry = None if design.entry is None else design.entry[rows]
        strata = None if design.strata is None else design.strata[rows]
        self.data = cox_data(np.empty((rows.size, 0)), design.y["time"][rows], event[rows], entry=entry, strata=strata)
        self.tied = tied_events(self.data, self.data.sorted(weights[rows]), design.frequency)
        self.offset = 0.0 if design.offset is None else design.offset[rows]
        self.efron = ties == "efron"

    def loglik(self, margin: np.ndarray) -> float:
        """Log partial likelihood."""
        return cox_gradient(self.data, self.tied, margin + self.offset, efron=self.efron)[0]

    def __call__(self, margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient, and expected events as a bound on the curvature."""
        _, gradient, expected = cox_gradient(self.data, self.tied, margin + self.offset, efron=self.efron)
        return gradient, expected


def _groups(design: Design) -> np.ndarray:
    """Codes of rows that must stay in one fold: clusters, or copies of a row."""
    if design.clusters is not None:
        return design.clusters
    columns = [design.X, design.y["time"], design.y["event"]]
    columns += [part for part in (design.entry, design.strata, design.offset) if part is not None]
    table = np.nan_to_num(np.column_stack(columns), nan=np.finfo(float).max)
    return np.unique(table, axis=0, return_inverse=True)[1].ravel()


def _deal(groups: np.ndarray, event: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Deal groups out to folds, those with events and those without in turn, so that folds hold alike many events."""
    count = int(groups.max()) + 1
    has_event = np.zeros(count, dtype=bool)
    has_event[groups[event]] = True
    order = rng.permutation(count)
    order = np.concatenate([order[has_event[order]], order[~has_event[order]]])
    fold = np.empty(count, dtype=np.int64)
    fold[order] = np.arange(count) % folds
    return fold[groups]
