"""``BoostedHazard``: trees boosted by xgboost on the hazards of the periods between visits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_choice,
    check_number,
    generator,
    takes_rows,
)
from lbp_prognosis._kernels import categorical_probabilities, discrete_hazard_gradient
from lbp_prognosis.models._boosted_model import FEWEST_EVENTS, BoostedModel
from lbp_prognosis.models._cross_fit import Likelihood, TreeTable, cross_fit, without_trees
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._period_effects import (
    check_cells,
    check_survivors,
    incidence_at,
    period_effects,
    with_effects,
)
from lbp_prognosis.models._person_periods import PersonPeriods, check_visits, person_periods, visit_grid
from lbp_prognosis.models._rare_causes import not_learned_objections
from lbp_prognosis.models._xgboost_adapter import predict_margin
from lbp_prognosis.survival import OutcomeKind, status_horizon

__all__ = ["BoostedHazard"]


class BoostedHazard(BoostedModel):
    """Gradient-boosted discrete-time hazards, with competing causes.

    Person-periods (one row per patient and period between visits) are boosted on the joint likelihood of what happens
    in a period: nothing, or one of the causes. It takes events found after missed visits (the sum over the periods in
    which they may lie), competing causes, and the state at one visit.

    Parameters
    ----------
    visits : sequence of float, optional
        The schedule, in the unit of ``y``. By default the distinct endpoints of an interval outcome; needed with
        `Surv.right`, whose times are then grouped: an event counts in its period, a censoring time goes back to the
        last visit passed. A `Status` brings its own.
    tolerance : float, default 0.0
        Maximum distance of an endpoint from a visit to be assigned to that visit.
    between : {"interpolate", "refuse"}, default "interpolate"
        Treatment of horizons that are no visits: take the hazard as constant within the period, or raise.
    horizon : float, optional
        Visit of a `Status` that has lost its own.
    time_varying : bool, default True
        The number of the period is a column of the trees, so that effects may change over time. False gives effects
        that are the same in all periods, from trees of one row per patient.
    rounds : int, default 200
        Most rounds; each grows a tree per cause.
    select_rounds : bool, default True
        Choose the number of trees by the likelihood of the held-out folds. False uses ``rounds``.
    early_stopping : int or None, default 10
        The folds grow side by side and stop when their likelihood has not risen for so many rounds; None grows
        ``rounds``.
    learning_rate : float, default 0.2
        Shrinkage of each tree.
    max_depth : int, default 2
        Depth of a tree.
    min_leaf_events : float, default 5.0
        Minimum number of events expected in a leaf (minimum information, for the state at one visit).
        Drawn patients need ``subsample`` times as much.
    reg_lambda : float, default 1.0
        Ridge penalty of leaf values.
    subsample : float, default 0.75
        Share of the patients drawn for each tree, without replacement; all rows of a patient (or cluster) together.
    colsample : float, default 1.0
        Share of the columns drawn for each tree.
    recalibrate : bool, default True
        Multiply the margins of each cause by a slope (at least 0), estimated with the period effects.
    folds : int, default 2
        Folds of each partition of the patients; fewer if a cause has few events.
    repeats : int, default 5
        Random partitions. A cross-fitted margin is the mean over the boosters that did not see the row, one per
        partition.
    average : bool, default True
        The model is the mean of the ``folds * repeats`` boosters, each grown without its fold. False grows one booster
        of all patients.
    max_bin : int, default 256
        Most split points of a column.
    monotone : mapping of str to int, optional
        1 where the hazard of the event of interest may only rise with a column, −1 where it may only fall. A name is a
        column, or a measure, which means its columns ``measure__…``.
    interactions : sequence or mapping of groups of str, optional
        Columns (or measures) that may meet in one tree; a column of no group meets no other. Time meets all.
    offset : str, optional
        Column of ``X`` that is a fixed part of the linear predictors.
    random_state : int, SeedSequence or Generator, default 0
        Seed of the folds and of drawn rows and columns.

    Attributes
    ----------
    visits_ : ndarray of shape (K,)
        Visits up to the last at which a patient was at risk.
    trees_ : dict of int to str
        The booster of each cause, as JSON.
    fewest_in_leaf_ : int
        Smallest number of drawn patients (of clusters, where rows have any) behind a leaf of any tree.
    n_rounds_ : int
        Rounds: trees per cause in each of the boosters that are averaged.
    slope_ : dict of int to float
        Factor of the margins of each cause.
    rare_causes_ : dict of int to int
        Events of competing causes with fewer than ten, in this sample or fold: they have no trees, and odds that are
        the same for all.
    alpha_ : ndarray of shape (n_causes, K)
        Period effects at margin 0, from cross-fitted margins; −inf in a period in which no patient had the event.
    cv_log_likelihood_ : ndarray of shape (grown + 1,)
        Held-out log-likelihood after 0, 1, … rounds, summed over folds.
    n_rows_, n_spans_, n_mapped_, n_floored_, n_uninformative_ : int
        Person-periods; events known only up to several periods; endpoints assigned to a visit within the tolerance;
        censoring times moved back to the last visit; patients without information.
    expansion_bytes_ : int
        Memory of the table that the trees saw.
    categories_ : dict of str to list
        Categories of the columns that have any.
    tree_columns_ : list of str
        Columns in the order in which the boosters see them, by name; the period is the last of the boosters' columns.

    Notes
    -----
    One booster a cause, grown together: in each round each gets a tree on the gradient of the *joint* likelihood.
    Boosters fitted apart, with other causes as censored, would not know that an event found after missed visits
    excludes those of other causes in all these periods, and their hazards of one period could pass 1 together; one
    booster of several outputs could not hold constraints for the event of interest alone.

    With one cause hazards are 1 − exp(−exp(α_k + f(x, k))), grouped proportional hazards; with several a multinomial
    logit; the state at one visit is a logit. Period effects come from margins that no patient helped to fit.

    **Memory.** Trees see one row per person-period: 8 · N · (p + 1) bytes for N = ``n_rows_`` (``expansion_bytes_``).
    They are stored by us and by xgboost, for each fold that grows: about fifteen times that at the peak with five
    partitions (5,000 patients, twelve visits, 100 columns: a table of 26 MB, 400 MB at the peak).
    ``time_varying=False`` keeps one row per patient.

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
    Tutz G, Schmid M (2016). Modeling Discrete Time-to-Event Data. Springer. doi:10.1007/978-3-319-28158-2

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import BoostedHazard
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> found = np.ceil(rng.exponential(np.exp(-X[:, 0])))
    >>> y = Surv.interval(np.minimum(found - 1, 3), np.where(found <= 3, found, np.inf))
    >>> BoostedHazard(rounds=20).fit(X, y).predict_risk(X[:2], [1, 2, 3]).shape  # doctest: +SKIP
    (2, 3)
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("interval", "right", "status")
    _instead: ClassVar[str] = "For a score at a later visit use OrdinalRegression."

    def __init__(
        self,
        visits: Any = None,
        *,
        tolerance: float = 0.0,
        between: str = "interpolate",
        horizon: float | None = None,
        time_varying: bool = True,
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
        self.visits = visits
        self.tolerance = tolerance
        self.between = between
        self.horizon = horizon
        self.time_varying = time_varying
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
        check_choice("between", self.between, ("refuse", "interpolate"))
        check_number("tolerance", self.tolerance, low=0)
        if self.horizon is not None:
            check_number("horizon", self.horizon, low=0)

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        super()._check_columns(names, y)
        check_visits(y, self.visits)
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
    ) -> BoostedHazard:
        """Grow the trees and estimate the period effects.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Numbers and categories; missing values are allowed.
        y : ndarray of shape (n,)
            Made by `Surv.interval`, by `Surv.right` with a schedule of visits, or by `Status.at`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : None
            Not taken: a column for the stratum does the same.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictors.
        clusters : array-like of shape (n,), optional
            Labels of rows that stay in one fold.

        Raises
        ------
        EstimationError
            If the event of interest, or every cause, has fewer than ten events, or a period has no patients at risk.
        OutcomeError
            If intervals do not begin and end at visits.
        MissingPackageError
            If xgboost is not installed.
        """
        self._check_parameters()
        self._refuse(strata=strata)
        whole = self._ordered_design(self._start_fit(X, y, sample_weight, None, offset, clusters))
        self._tree_parameters(self.tree_columns_, sign=1, seed=0)
        self.kind_ = whole.kind
        design = self._known(whole)
        rows = self._lay_out(design)
        weights = np.ones(design.X.shape[0]) if design.weights is None else design.weights
        rng = generator(self.random_state)
        causes = self.causes_.tolist()
        found = [self._found(rows, j + 1, weights.size) for j in range(len(causes))]
        most = max(int(event.sum()) for event in found)
        self.rare_causes_: dict[int, int] = {
            cause: int(event.sum())
            for cause, event in zip(causes, found)
            if cause != 1 and event.sum() < FEWEST_EVENTS <= most
        }
        grown = np.array([cause not in self.rare_causes_ for cause in causes])
        count = min(
            self._fold_count(event, cause) for event, cause in zip(found, causes) if cause not in self.rare_causes_
        )
        settings = [
            self._tree_parameters(self.tree_columns_, sign=int(cause == 1), seed=int(rng.integers(2**31)))
            for cause in causes
            if cause not in self.rare_causes_
        ]
        groups = self._groups(design)
        folds = self._deal(groups, np.any(found, axis=0), count, rng)
        shift = np.zeros((rows.person.size, len(causes)))
        if design.offset is not None:
            shift += design.offset[rows.person][:, None]
        none = np.zeros(len(causes), dtype=bool)
        start, _ = self._effects(rows, weights, score=np.zeros_like(shift), offset=shift, slopes=none)
        by_person = not self.time_varying
        problem = _PeriodRows(rows, weights, start.T[rows.period] + shift, self._link, grown, by_person=by_person)
        table = self._tree_table(design, rows, settings)
        owner = rows.person if self.time_varying else np.arange(weights.size)
        chosen = cross_fit(table, problem, folds[owner], groups[owner], self._growth(), rng)
        trees = iter(chosen.trees)
        self.trees_ = {
            cause: next(trees) if cause not in self.rare_causes_ else without_trees(table) for cause in causes
        }
        self.fewest_in_leaf_ = chosen.fewest_in_leaf
        self.n_rounds_, self.cv_log_likelihood_ = chosen.rounds, chosen.log_likelihood
        margins = np.zeros_like(shift)
        margins[:, grown] = chosen.margins if self.time_varying else chosen.margins[rows.person]
        if self.recalibrate:
            free = np.ptp(margins, axis=0) > 0
            self.alpha_, slope = self._effects(rows, weights, score=margins, offset=shift, slopes=free)
        else:
            zero = np.zeros_like(shift)
            self.alpha_, _ = self._effects(rows, weights, score=zero, offset=shift + margins, slopes=none)
            slope = grown.astype(float)
        self.slope_ = {cause: float(value) for cause, value in zip(causes, slope)}
        self._boosters: dict[Any, Any] = {}
        return self

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: causes with too few events for trees."""
        return not_learned_objections(self)

    # ---- rows --------------------------------------------------------------------------------------------------

    @property
    def _link(self) -> str:
        return "cloglog" if self.causes_.size == 1 and self.kind_ != "status" else "logit"

    def _known(self, design: Design) -> Design:
        """Leave out rows of weight 0, and states that were not observed."""
        if design.kind != "status":
            if self.causes_.size == 0:
                raise EstimationError(
                    f"BoostedHazard needs events to fit; there is none among {design.y.shape[0]} rows."
                )
            return design.part(design.taking_part)
        horizon = status_horizon(design.y) if self.horizon is None else float(self.horizon)
        if horizon is None:
            raise argument_error(
                "y",
                "a Status with its visit time",
                "one that has lost it",
                "Say BoostedHazard(horizon=…), in the unit of the study.",
            )
        used = design.taking_part
        used = used[design.y["status"][used] >= 0]
        state = design.y["status"][used]
        if state.size == 0 or state.min() == state.max():
            raise EstimationError(
                f"BoostedHazard needs both states among the observed rows; got {int(state.sum())} with the state 1 of "
                f"{state.size}."
            )
        self.causes_ = np.array([1])
        self.max_time_ = float(horizon)
        return design.part(used)

    def _lay_out(self, design: Design) -> PersonPeriods:
        """Set the visits and return the person-periods."""
        if design.kind == "status":
            person = np.arange(design.X.shape[0])
            state = design.y["status"].astype(np.int64)
            rows = PersonPeriods(person, np.zeros_like(person), state, np.full(person.size, -1), 0, 0, 0, 0)
            self.visits_ = np.array([self.max_time_])
        else:
            grid = visit_grid(design.y, design.kind, self.visits)
            rows = person_periods(design.y, design.kind, grid, float(self.tolerance), self.causes_)
            if rows.person.size == 0 or not (rows.response > 0).any():
                raise EstimationError("BoostedHazard needs an event by the last visit; all events lie beyond it.")
            self.visits_ = grid[: int(rows.period.max()) + 1]
            self.max_time_ = float(self.visits_[-1])
            weights = np.ones(design.X.shape[0]) if design.weights is None else design.weights
            check_cells(rows.period, self.visits_.size, weights[rows.person], self.visits_, [])
            check_survivors(rows, rows.period, self.visits_.size, self.causes_.size, self.visits_, [])
        self.score_horizons_ = self.visits_[np.unique(rows.period[rows.response > 0])][-3:]
        self.n_rows_, self.n_spans_, self.n_mapped_ = rows.person.size, rows.n_spans, rows.n_mapped
        self.n_floored_, self.n_uninformative_ = rows.n_floored, rows.n_uninformative
        return rows

    @staticmethod
    def _found(rows: PersonPeriods, code: int, n: int) -> np.ndarray:
        """Return which persons have the event, ``(n,)``."""
        out = np.zeros(n, dtype=bool)
        out[rows.person[rows.response == code]] = True
        return out

    def _effects(self, rows: PersonPeriods, weights: np.ndarray, **terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return period_effects(rows, self.visits_.size, weights[rows.person], self._link, **terms)

    def _tree_table(self, design: Design, rows: PersonPeriods, settings: list[dict[str, Any]]) -> TreeTable:
        X = design.X
        if self.time_varying:
            X = np.column_stack([X[rows.person], rows.period])
        self.expansion_bytes_ = int(X.nbytes)
        return TreeTable(X, self._tree_kinds(), tuple(settings), type(self).__name__)

    def _tree_kinds(self) -> tuple[str, ...]:
        return (*self._kinds(), "q") if self.time_varying else self._kinds()

    def _directions(self, columns: Any) -> list[int]:
        return [*super()._directions(columns), *([0] if self.time_varying else [])]

    def _interaction_groups(self, columns: Any) -> list[list[int]] | None:
        groups = super()._interaction_groups(columns)
        if groups is None or not self.time_varying:
            return groups
        return [[*group, len(columns)] for group in groups]

    # ---- predictions -------------------------------------------------------------------------------------------

    def booster(self, cause: int = 1) -> Any:
        """Return the xgboost Booster of one cause.

        Parameters
        ----------
        cause : int, default 1
            Event code.

        Notes
        -----
        It sees the columns in the order of ``tree_columns_``, and after them the number of the period, from 0
        (``time_varying``).
        """
        self._check_fitted()
        self._check_cause(cause)
        return self._loaded(int(cause), self.trees_[int(cause)])

    def _hazards(self, X: np.ndarray, offset: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return hazards ``(n, K, n_causes)`` and survival at the visits ``(n, K)``; a period at a time."""
        causes, periods, n = self.causes_.tolist(), self.visits_.size, X.shape[0]
        inner = np.ascontiguousarray(X[:, self._tree_order()])
        shift = 0.0 if offset is None else offset[:, None]
        hazards, through = np.empty((n, periods, len(causes))), np.empty((n, periods))
        score = np.zeros((n, len(causes)))
        for k in range(periods):
            if self.n_rounds_ and (self.time_varying or k == 0):
                table = np.column_stack([inner, np.full(n, float(k))]) if self.time_varying else inner
                for j, cause in enumerate(causes):
                    margin = predict_margin(self.booster(cause), table, self._tree_kinds(), caller=type(self).__name__)
                    score[:, j] = self.slope_[cause] * margin
            p = categorical_probabilities(with_effects(self.alpha_[:, k], score + shift), self._link)
            hazards[:, k], through[:, k] = p[:, 1:], p[:, 0]
        return hazards, np.cumprod(through, axis=1)

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        hazards, survival = self._hazards(X, offset)
        if self.kind_ == "status":
            # a state is known only at its visit
            at = np.isclose(horizons, self.max_time_, rtol=1e-8, atol=0)
            return np.where(at, hazards[:, 0], np.nan)
        mine = int(np.searchsorted(self.causes_, cause))
        return incidence_at(hazards, survival, mine, self.visits_, horizons, self.between)


class _PeriodRows:
    """Joint likelihood of person-periods as a function of their margins, for any subset of the rows of the trees.

    Parameters
    ----------
    rows : PersonPeriods
        All of them.
    weights : ndarray of shape (n,)
        Of persons.
    offset : ndarray of shape (N, J)
        Period effects and offsets.
    link : {"cloglog", "logit"}
        Of the hazards.
    grown : ndarray of bool of shape (J,)
        Causes that have margins; those of the others are 0.
    by_person : bool
        Trees see one row per person; otherwise one per person-period.
    """

    def __init__(
        self,
        rows: PersonPeriods,
        weights: np.ndarray,
        offset: np.ndarray,
        link: str,
        grown: np.ndarray,
        *,
        by_person: bool,
    ) -> None:
        self.rows, self.weights, self.offset, self.link, self.by_person = rows, weights, offset, link, by_person
        self.grown = grown

    def part(self, rows: np.ndarray) -> Likelihood:
        """Return the log-likelihood, its gradient and a bound on its curvature, for whole persons."""
        mask = np.zeros(self.weights.size if self.by_person else self.rows.person.size, dtype=bool)
        mask[rows] = True
        if self.by_person:
            place = np.cumsum(mask) - 1
            mask = mask[self.rows.person]
        own, offset = self.rows.where(mask), self.offset[mask]
        weights, person = self.weights[own.person], own.person
        # a hazard that is certain for all predictors contributes nothing to their effects
        known = np.isfinite(np.maximum(offset, -1e300)).all(axis=1)
        response, span = own.response[known], own.where(known).span

        def derivatives(margins: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            inner = margins[place[person]] if self.by_person else margins
            eta = offset[known]
            eta[:, self.grown] += inner[known]
            loglik, gradient, curvature = discrete_hazard_gradient(eta, response, span, weights[known], self.link)
            full = np.zeros((2, *inner.shape))
            full[0, known], full[1, known] = gradient[:, self.grown], curvature[:, self.grown]
            if not self.by_person:
                return loglik, full[0], full[1]
            sums = np.zeros((2, *margins.shape))
            np.add.at(sums[0], place[person], full[0])
            np.add.at(sums[1], place[person], full[1])
            return loglik, sums[0], sums[1]

        return derivatives
