"""``BoostedOutcome``: gradient-boosted trees for the whole distribution of a score at a visit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import EstimationError, check_choice, check_number, generator, takes_rows
from lbp_prognosis._kernels import ordinal_fit, ordinal_link, ordinal_rows, ranked_losses
from lbp_prognosis.models._boosted_model import BoostedModel
from lbp_prognosis.models._cross_fit import Likelihood, cross_fit
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._score_model import ScoreModel

__all__ = ["BoostedOutcome"]

FEWEST_SCORES = 20
_MOST_CUTS = 101  # of a held-out loss: more cuts do not improve the ranking of numbers of trees
_LEAST_CURVATURE = 1e-6


class BoostedOutcome(BoostedModel, ScoreModel):
    """Gradient-boosted trees for a score at a visit (a cumulative link model whose location is a sum of trees).

    P(Y ≤ k | x) = F(α_k − slope · f(x)): each distinct score is a level with a threshold α_k of its own, and f is grown
    by boosting on the likelihood. The thresholds increase, so that predicted quantiles never cross. Higher f goes with
    higher scores. Missing values and categories of predictors are taken as they are.

    Parameters
    ----------
    link : {"logit", "probit", "cloglog"}, default "logit"
        As in `OrdinalRegression`.
    rounds : int, default 200
        Most trees.
    select_rounds : bool, default True
        Choose the number of trees by the ranked probability score of the held-out folds. False uses ``rounds``.
    early_stopping : int or None, default 10
        The folds grow side by side and stop when their loss has not fallen for so many trees; None grows ``rounds``.
    learning_rate : float, default 0.2
        Shrinkage of each tree.
    max_depth : int, default 2
        Depth of a tree.
    min_leaf_information : float, default 5.0
        Minimum information about f in a leaf: about a third of the number of its rows with the logit link, and their
        number with the others.
        Drawn patients need ``subsample`` times as much.
    reg_lambda : float, default 1.0
        Ridge penalty of leaf values.
    subsample : float, default 0.75
        Share of the patients drawn for each tree, without replacement; all rows of a patient (or cluster) together.
    colsample : float, default 1.0
        Share of the columns drawn for each tree.
    recalibrate : bool, default True
        Estimate the slope (at least 0) with the thresholds from the cross-fitted f; otherwise it is 1.
    folds : int, default 2
        Folds of each partition of the patients; fewer with fewer than ten scores per fold.
    repeats : int, default 5
        Random partitions. A cross-fitted margin is the mean over the boosters that did not see the row, one per
        partition.
    average : bool, default True
        The model is the mean of the ``folds * repeats`` boosters, each grown without its fold. False grows one booster
        of all patients.
    max_bin : int, default 256
        Most split points of a column.
    monotone : mapping of str to int, optional
        1 where scores may only rise with a column, −1 where they may only fall. A name is a column, or a measure, which
        means its columns ``measure__…``.
    interactions : sequence or mapping of groups of str, optional
        Columns (or measures) that may meet in one tree; a column of no group meets no other.
    offset : str, optional
        Column of ``X`` that is a fixed part of the linear predictor.
    random_state : int, SeedSequence or Generator, default 0
        Seed of the folds and of drawn rows and columns.

    Attributes
    ----------
    levels_ : ndarray of shape (K,)
        Observed scores, increasing.
    thresholds_ : ndarray of shape (K − 1,)
        α, increasing, from the cross-fitted f.
    slope_ : float
        Factor of f.
    trees_ : str
        The booster of f, as JSON.
    fewest_in_leaf_ : int
        Smallest number of drawn patients (of clusters, where rows have any) behind a leaf of any tree.
    n_rounds_ : int
        Rounds: trees of each of the boosters that are averaged.
    cv_ranked_loss_ : ndarray of shape (grown + 1,)
        Mean ranked probability score of held-out rows after 0, 1, … trees, in points of the score; of a score with
        many levels at about a hundred cuts.
    cross_fitted_margin_ : ndarray of shape (n,)
        f of the training rows by trees that did not see them; NaN for rows without a score and of weight 0.
    log_likelihood_ : float
        Log likelihood of the training scores at the cross-fitted f.
    categories_ : dict of str to list
        Categories of the columns that have any.
    tree_columns_ : list of str
        Columns in the order used by the booster: by name.
    n_, n_missing_ : int
        Rows used, and rows whose score was not observed.

    Notes
    -----
    The thresholds are estimated again before each tree. Trees move the location of a patient's distribution on the
    scale of the link, and its spread only through the thresholds; for a floor that the predictors move by another way
    than the rest see `TwoPartOutcome`.

    xgboost's own ``reg:quantileerror`` is not used: it fits quantiles apart, so that they may cross, and gives no risk
    at a cut.

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
    Friedman JH (2001). Greedy function approximation: a gradient boosting machine. Annals of Statistics 29, 1189–1232.
    doi:10.1214/aos/1013203451. McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.models import BoostedOutcome
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> score = np.clip(np.round(4 + 2 * X[:, 0] ** 2 + rng.logistic(size=200)), 0, 10)
    >>> y = Measured.at(12, score, lower=0, upper=10, at_most=3)
    >>> BoostedOutcome(rounds=20).fit(X, y).predict_risk(X[:2]).shape  # doctest: +SKIP
    (2, 1)
    """

    _instead: ClassVar[str] = "For a state at a visit use BoostedHazard, for a time to event BoostedCox."
    _allow_no_column: ClassVar[bool] = False
    _linear_predictor_scale: ClassVar[str | None] = "score"

    def __init__(
        self,
        *,
        link: str = "logit",
        rounds: int = 200,
        select_rounds: bool = True,
        early_stopping: int | None = 10,
        learning_rate: float = 0.2,
        max_depth: int = 2,
        min_leaf_information: float = 5.0,
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
        self.link = link
        self.rounds = rounds
        self.select_rounds = select_rounds
        self.early_stopping = early_stopping
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_leaf_information = min_leaf_information
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
        check_choice("link", self.link, ("logit", "probit", "cloglog"))

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
    ) -> BoostedOutcome:
        """Grow the trees and estimate the thresholds.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Numbers and categories; missing values are allowed.
        y : ndarray of shape (n,)
            Made by `Measured.at`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : None
            Not taken: a column for the stratum does the same.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        clusters : array-like of shape (n,), optional
            Labels of rows that stay in one fold.

        Raises
        ------
        EstimationError
            If there are fewer than twenty scores, or only one occurs.
        MissingPackageError
            If xgboost is not installed.
        """
        self._check_parameters()
        self._refuse(strata=strata)
        whole, used, _ = self._start_scores(X, y, sample_weight=sample_weight, offset=offset, clusters=clusters)
        self._tree_parameters(self.tree_columns_, sign=1, seed=0)
        if self.n_ < FEWEST_SCORES:
            raise EstimationError(
                f"BoostedOutcome needs at least {FEWEST_SCORES} scores; there are {self.n_}. Use OrdinalRegression "
                "with a penalty."
            )
        place = np.flatnonzero(used)
        design = self._ordered_design(whole).part(place)
        score = design.y["value"].astype(float)
        weights = np.ones(score.size) if design.weights is None else design.weights
        shift = np.zeros(score.size) if design.offset is None else design.offset
        rng = generator(self.random_state)
        settings = self._tree_parameters(self.tree_columns_, sign=1, seed=int(rng.integers(2**31)))
        count = min(int(self.folds), score.size // (FEWEST_SCORES // 2))
        groups = self._groups(design)
        folds = self._deal(groups, score > np.median(score), count, rng)
        table = self._table(design.X, [settings])
        problem = _ScoreRows(score, weights, shift, self.link)
        chosen = cross_fit(table, problem, folds, groups, self._growth(), rng)
        self.trees_ = chosen.trees[0]
        self.fewest_in_leaf_ = chosen.fewest_in_leaf
        self.n_rounds_ = chosen.rounds
        self.cv_ranked_loss_ = -chosen.log_likelihood / weights.sum()
        self.cross_fitted_margin_ = self._over_all_rows(chosen.margins[:, 0], place, y.shape[0])
        self.levels_ = np.unique(score)
        self._calibrate(design, score, chosen.margins[:, 0])
        self._boosters: dict[Any, Any] = {}
        return self

    def _least_in_leaf(self) -> float:
        return check_number("min_leaf_information", self.min_leaf_information, low=0)

    def _calibrate(self, design: Design, score: np.ndarray, margin: np.ndarray) -> None:
        """Set thresholds and slope from the cross-fitted f."""
        level = np.searchsorted(self.levels_, score)
        shift = np.zeros(score.size) if design.offset is None else design.offset
        common: dict[str, Any] = {"link": self.link, "weights": design.weights}
        spread = float(margin.std())
        self.slope_ = 0.0 if self.recalibrate else 1.0
        if self.recalibrate and spread > 0:
            column = (margin - margin.mean()) / spread
            found = ordinal_fit(column[:, None], level, self.levels_.size, offset=shift, **common)
            if not found.converged:
                raise EstimationError(
                    "The cross-fitted trees separate the scores, so that their slope has no finite estimate. Set "
                    "recalibrate=False, or drop the column that determines the score."
                )
            self.slope_ = max(float(found.beta[0]) / spread, 0.0)
            if self.slope_ > 0:
                self.thresholds_ = found.alpha + self.slope_ * margin.mean()
                self.log_likelihood_ = found.loglik
                return
        known = shift + self.slope_ * margin
        found = ordinal_fit(np.zeros((score.size, 0)), level, self.levels_.size, offset=known, **common)
        if not found.converged:
            raise EstimationError("The thresholds of BoostedOutcome have no finite estimate: check `offset`.")
        self.thresholds_, self.log_likelihood_ = found.alpha, found.loglik

    # ---- predictions -------------------------------------------------------------------------------------------

    def booster(self) -> Any:
        """Return the xgboost Booster of f.

        Notes
        -----
        Its columns are in the order of ``tree_columns_``.
        """
        self._check_fitted()
        return self._loaded(1, self.trees_)

    def _location(self, X: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
        margin = self._predicted(self.booster(), X) if self.n_rounds_ else np.zeros(X.shape[0])
        return self.slope_ * margin + (0.0 if offset is None else offset)

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return slope · f(x), higher for higher scores; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        return self._location(matrix, shift)

    @takes_rows()
    def predict_distribution(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return P(Y = level) for each of ``levels_``; shape (n, K).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        matrix, _, shift = self._start_predict(X, None, offset)
        below, _, _ = ordinal_link(self.thresholds_ - self._location(matrix, shift)[:, None], self.link)
        edge = np.zeros((matrix.shape[0], 1))
        return np.diff(np.column_stack([edge, below, edge + 1.0]), axis=1)


class _ScoreRows:
    """Likelihood of scores as a function of their locations, thresholds profiled out, for any subset of the rows."""

    def __init__(self, score: np.ndarray, weights: np.ndarray, offset: np.ndarray, link: str) -> None:
        self.score, self.weights, self.offset, self.link = score, weights, offset, link

    def part(self, rows: np.ndarray) -> Likelihood:
        """Return the log-likelihood, its gradient and its curvature."""
        return self.split(rows, rows[:0])[0]

    def split(self, inside: np.ndarray, outside: np.ndarray) -> tuple[Likelihood, Likelihood]:
        """Return the likelihood of some rows, and minus the ranked loss of others at the thresholds of the former.

        A fold may lack levels: its thresholds are those of the levels that it has.
        """
        levels, level = np.unique(self.score[inside], return_inverse=True)
        weights, shift, none = self.weights[inside], self.offset[inside], np.zeros((inside.size, 0))
        some = np.unique(np.linspace(0, levels.size - 1, min(levels.size, _MOST_CUTS)).astype(int))
        alpha: np.ndarray | None = None

        def derivatives(margins: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            nonlocal alpha
            eta = shift + margins[:, 0]
            if levels.size > 1:
                found = ordinal_fit(
                    none, level, levels.size, link=self.link, weights=weights, offset=eta, start=alpha, tol=1e-6
                )
                alpha = found.alpha
            padded = np.concatenate([[-np.inf], np.empty(0) if alpha is None else alpha, [np.inf]])
            value, d_low, d_high, d_ll, d_hh, d_lh = ordinal_rows(
                padded[level] - eta, padded[level + 1] - eta, self.link
            )
            curvature = np.maximum(-(d_ll + d_hh + 2 * d_lh), _LEAST_CURVATURE)
            gradient = -weights * (d_low + d_high)
            return float(weights @ value), gradient[:, None], (weights * curvature)[:, None]

        derivatives(np.zeros((inside.size, 1)))

        def held_out(margins: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            # thresholds are those of the training rows before the last tree: that tree moves them little
            eta = self.offset[outside] + margins[:, 0]
            below = np.ones((outside.size, some.size))
            if alpha is not None:
                below[:, :-1] = ordinal_link(alpha[some[:-1]] - eta[:, None], self.link)[0]
            loss = ranked_losses(levels[some], below, self.score[outside])
            nothing = np.empty((0, 1))
            return -float(self.weights[outside] @ loss), nothing, nothing

        return derivatives, held_out
