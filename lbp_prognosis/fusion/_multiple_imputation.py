"""``MultipleImputation``: chained equations, with the outcome in training tables, without it for new patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    FeatureMap,
    RandomState,
    argument_error,
    check_choice,
    check_number,
    mark_prepared,
    spawn,
    takes_rows,
)
from lbp_prognosis._kernels import chained_equations
from lbp_prognosis.fusion._absent_blocks import absent_blocks
from lbp_prognosis.fusion._completer import Completer
from lbp_prognosis.fusion._completions import Completions, Score
from lbp_prognosis.fusion._deployment_imputer import DeploymentImputer
from lbp_prognosis.fusion._encoding import Encoding
from lbp_prognosis.fusion._filling import Filling, Passive
from lbp_prognosis.fusion._frame import as_frame, match_columns, training_frame
from lbp_prognosis.fusion._outcome_columns import outcome_columns

__all__ = ["MultipleImputation"]

_POOLINGS = ("max", "min", "mean", "sum")


class MultipleImputation(TransformerMixin, BaseEstimator):
    """Impute by chained equations, as a step of `RiskPipeline`.

    Training rows are imputed ``m`` times, by default with the outcome in the imputation model (event indicators and
    Nelson–Aalen hazards); the rest of the pipeline is fitted on each. New rows are completed from their own observed
    values by models of the predictors without the outcome, in validation and in use.

    Parameters
    ----------
    m : int, optional
        Number of imputations; by default the percentage of incomplete rows, between 5 and 20 (1 if all are complete).
    iterations : int, default 10
        Number of sweeps of the chained equations.
    methods : mapping of str to str, optional
        ``"matching"`` (predictive means), ``"normal"``, ``"logistic"`` (0/1) or ``"nominal"`` by column; by default 0/1
        columns are logistic, other numbers matched, the rest nominal. Numeric codes without order must be named, here
        or in a later `OneHot` of the pipeline.
    passive : mapping of str to callable, str or (str, sequence of str), optional
        Columns that are computed from others and never imputed: a function of the frame, an expression
        (``"weight / (height / 100) ** 2"``), or a pooling of level columns (``("max", ["pfirrmann__l4l5", …])``), so
        that levels are imputed and the pooled value agrees with them.
    drop : sequence of str, default ()
        Columns used only for imputation (the levels of a pooled value); they are not passed on.
    nodes : int, default 20
        Number of quadrature nodes per new row, if the linear predictor is linear in the missing values.
    draws : int, default 50
        Number of draws per new row otherwise.
    donors : int, default 5
        Number of donors in predictive mean matching.
    unknown : {"error", "reference"}, default "error"
        A category absent from the training rows is refused, or counts as the first category when other columns are
        imputed from it (its own cell does not change). A later `OneHot` that counts such categories as the reference
        also sets this.
    keep_blocks : mapping of str to sequence of str, optional
        Columns by modality. If a row lacks all columns of a modality, these stay missing: an image that was never taken
        is not imputed, and the model must accept rows without it (`models.PriorityCox`, `models.StackedRisk`,
        `models.BoostedCox`). Other missing cells are imputed.
    use_outcome : bool, default True
        Whether training rows are imputed with the outcome. True for associations: without it coefficients are biased
        towards zero (objection ``imputed-without-outcome`` of their tests). False for predictions of patients whose
        predictors may be missing in use: their outcome is unknown then, and training rows imputed in the same way gave
        better predictions in simulations (Sisk et al.; see Missing data in the documentation).
    random_state : int, SeedSequence or Generator, default 0
        Seed.

    Attributes
    ----------
    m_ : int
        Number of imputations.
    incomplete_ : float
        Share of training rows with imputed cells.
    imputer_ : DeploymentImputer
        Estimates from the predictors, for new rows.

    Notes
    -----
    A new row's risk is ∫ risk(x_O, x_M) dF(x_M | x_O). If all missing columns are continuous and the linear predictor
    is linear in them, x_M | x_O is assumed multivariate normal and the integral is computed over η ~ N(η̄, β'Σβ) by
    Gauss–Hermite quadrature; otherwise it is the mean over draws from chained regressions with fixed random numbers.

    References
    ----------
    van Buuren S, Groothuis-Oudshoorn K. mice. J Stat Softw 2011;45(3). doi:10.18637/jss.v045.i03
    White IR, Royston P. Imputing missing covariate values for the Cox model. Stat Med 2009;28:1982-1998.
    doi:10.1002/sim.3618
    Sisk R, Sperrin M, Peek N, van Smeden M, Martin GP. Imputation and missing indicators for handling missing data in
    the development and deployment of clinical prediction models. Stat Methods Med Res 2023;32:1461-1477.
    doi:10.1177/09622802231165001
    """

    def __init__(
        self,
        m: int | None = None,
        *,
        iterations: int = 10,
        methods: Mapping[str, str] | None = None,
        passive: Mapping[str, Passive] | None = None,
        drop: Sequence[str] = (),
        nodes: int = 20,
        draws: int = 50,
        donors: int = 5,
        unknown: str = "error",
        keep_blocks: Mapping[str, Sequence[str]] | None = None,
        use_outcome: bool = True,
        random_state: RandomState = 0,
    ) -> None:
        self.m = m
        self.iterations = iterations
        self.methods = methods
        self.passive = passive
        self.drop = drop
        self.nodes = nodes
        self.draws = draws
        self.donors = donors
        self.unknown = unknown
        self.keep_blocks = keep_blocks
        self.use_outcome = use_outcome
        self.random_state = random_state

    # ---- training ------------------------------------------------------------------------------------------------

    @takes_rows()
    def fit(self, X: Any, y: Any = None) -> MultipleImputation:
        """Fit the imputer of new rows; the outcome is not used."""
        frame = training_frame(X, rows=2)
        for name in ("iterations", "nodes", "draws", "donors"):
            check_number(name, getattr(self, name), low=1, whole=True)
        check_choice("unknown", self.unknown, ("error", "reference"))
        if not isinstance(self.use_outcome, bool | np.bool_):
            raise argument_error("use_outcome", "True or False", self.use_outcome)
        if self.m is not None:
            check_number("m", self.m, low=1, whole=True)
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        # columns of a modality that is absent from this table are left out
        self.passive_ = {k: v for k, v in (self.passive or {}).items() if k in frame.columns}
        self._check_names(frame)
        modelled = frame.drop(columns=list(self.passive_))
        methods = {k: v for k, v in (self.methods or {}).items() if k in modelled.columns}
        self.encoding_ = Encoding.of(modelled, methods, self.unknown)
        matrix = self.encoding_.encode(modelled)
        self.blocks_ = self._block_places(modelled)
        self.incomplete_ = float((np.isnan(matrix) & ~absent_blocks(matrix, self.blocks_)).any(axis=1).mean())
        wanted = min(20, max(5, ceil(100 * self.incomplete_ - 1e-9))) if self.incomplete_ else 1
        self.m_ = int(self.m) if self.m is not None and self.incomplete_ else wanted
        self._generators = spawn(self.random_state, self.m_ + 1)
        self.imputer_ = DeploymentImputer.learn(
            matrix,
            self.encoding_,
            self._generators[-1],
            draws=self.draws,
            iterations=self.iterations,
            donors=self.donors,
        )
        return self

    def _block_places(self, modelled: pd.DataFrame) -> list[np.ndarray]:
        """Return the positions of the columns of each kept block; columns absent from this table are left out."""
        names = list(modelled.columns)
        groups = FeatureMap({str(k): tuple(v) for k, v in (self.keep_blocks or {}).items()})
        places = [[names.index(c) for c in columns if c in names] for columns in groups.values()]
        return [np.array(place, dtype=np.int64) for place in places if place]

    def _check_names(self, frame: pd.DataFrame) -> None:
        for name, rule in self.passive_.items():
            if isinstance(rule, tuple):
                how, columns = rule
                if how not in _POOLINGS or not set(columns) <= set(frame.columns) - {name}:
                    raise argument_error("passive", f"({_POOLINGS}, columns of `X`)", rule)
            elif not callable(rule) and not isinstance(rule, str):
                raise argument_error("passive", "a function, an expression, or (pooling, columns)", rule)

    @takes_rows()
    def complete_training(self, X: pd.DataFrame, y: Any) -> list[pd.DataFrame]:
        """Fit, and return ``m_`` completed training tables, imputed with the outcome unless ``use_outcome`` is False.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Training rows.
        y : ndarray of shape (n,)
            Their outcome.
        """
        self.fit(X)
        frame = as_frame(X)
        modelled = frame.drop(columns=list(self.passive_))
        outcome, kinds = outcome_columns(y)
        if len(outcome) != len(frame):
            raise argument_error("y", f"of length {len(frame)}, one outcome per row", f"length {len(outcome)}")
        if not self.use_outcome:
            outcome, kinds = outcome[:, :0], kinds[:0]
        matrix = np.hstack([self.encoding_.encode(modelled), outcome])
        kinds = np.concatenate([self.encoding_.kinds, kinds])
        levels = np.concatenate([self.encoding_.levels, np.zeros(outcome.shape[1], dtype=int)])
        matching = np.concatenate([self.encoding_.matching, np.ones(outcome.shape[1], dtype=bool)])
        rows = np.arange(len(frame))
        width = len(self.encoding_.kinds)
        absent = absent_blocks(matrix[:, :width], self.blocks_)
        tables = []
        for rng in self._generators[: self.m_]:
            done = chained_equations(
                matrix, kinds, levels, rng, iterations=self.iterations, donors=self.donors, matching=matching
            )
            done[:, : absent.shape[1]][absent] = np.nan
            tables.append(self._filling.finished(done, frame, rows, frame.index))
        return tables

    @property
    def _filling(self) -> Filling:
        return Filling(self.encoding_, self.imputer_, self.passive_, self.drop)

    # ---- new rows ------------------------------------------------------------------------------------------------

    @takes_rows()
    def completions(self, X: pd.DataFrame, score: Score | None = None, nodes: np.ndarray | None = None) -> Completions:
        """Complete new rows, without any outcome.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            New rows.
        score : callable, optional
            Linear predictor of completed rows, for quadrature along it; without it, draws are used.
        nodes : ndarray, optional
            Standard normal quantiles to evaluate at, in place of the quadrature nodes.
        """
        return self.completer(X)(score, nodes)

    @takes_rows()
    def completer(self, X: pd.DataFrame) -> Completer:
        """Return the completer of these rows, for a sequence of linear predictors; results as of `completions`.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            New rows.
        """
        check_is_fitted(self)
        frame = match_columns(X, self.feature_names_in_)
        return Completer(self._filling, frame, nodes=int(self.nodes), draws=int(self.draws), blocks=self.blocks_)

    @takes_rows()
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> pd.DataFrame:
        """Fit, and return these rows transformed; their frame records that the step was fitted on all of them.

        Resampling such a frame brings the objection ``imputed-outside-resampling``. A step of a `RiskPipeline` is
        fitted to the training rows only.
        """
        made = self.fit(X, y, **fit_params).transform(X)
        return mark_prepared(made, "imputed-outside-resampling", type(self).__name__, X)

    @takes_rows()
    def transform(self, X: Any) -> pd.DataFrame:
        """Return rows with missing values at the conditional mean (or most probable category), without any outcome.

        For use outside a pipeline; a `RiskPipeline` averages over the missing values instead.
        """
        check_is_fitted(self)
        frame = match_columns(X, self.feature_names_in_)
        matrix = self.encoding_.encode(frame)
        done = self.imputer_.conditional_mean(matrix)
        done[absent_blocks(matrix, self.blocks_)] = np.nan
        return self._filling.finished(done, frame, np.arange(len(frame)), frame.index)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that are passed on."""
        check_is_fitted(self)
        return np.asarray([name for name in self.feature_names_in_ if name not in set(self.drop)], dtype=object)
