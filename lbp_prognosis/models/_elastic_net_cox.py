"""`ElasticNetCox`: penalised Cox regression with its whole path, chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_choice,
    check_number,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import CoxPath, centred_products, cox_baseline, cox_data, cox_loglik, row_products
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._cox_checks import check_events
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._factor_plans import factor_plans
from lbp_prognosis.models._hazard_steps import baseline_at_zero, events_at, steps_at
from lbp_prognosis.models._penalised_columns import PenalisedColumns, penalised_columns
from lbp_prognosis.models._rare_causes import NotDetermined
from lbp_prognosis.models._ridge_choice import fold_labels, saturated_loglik
from lbp_prognosis.models._survival_regression import SurvivalRegression, risk_from_origin

__all__ = ["ElasticNetCox"]


class ElasticNetCox(SurvivalRegression, RiskEstimator):
    """Cox model with an elastic-net penalty, over a path of penalties.

    Cox regression with an elastic-net penalty: the whole path, penalty factors by column and by modality (IPF), columns
    without penalty, and the penalty chosen by cross-validated partial likelihood.

    Parameters
    ----------
    l1_ratio : float, default 1.0
        Share of the absolute penalty: 1 is the lasso, 0 ridge.
    n_lambdas : int, default 100
        Length of the path; as in ``glmnet`` it ends early where the explained deviance grows by less than a thousandth
        over four penalties, or exceeds 0.99.
    lambda_min_ratio : float, optional
        Ratio of the smallest to the largest penalty; 0.01 if there are fewer rows than columns, else 1e-4.
    lambdas : sequence of float, optional
        The path itself, decreasing.
    choose : {"min", "1se"} or float, default "min"
        Penalty of the model: where the cross-validated deviance is smallest, the largest within one standard error of
        that, or a number (no cross-validation then).
    cv : int, default 10
        Number of folds. Rows of one cluster stay in one fold if `fit` is given ``clusters``.
    ties : {"efron", "breslow"}, default "efron"
        Ties method of the likelihood and of the baseline; ``"breslow"`` as in R's ``glmnet``.
    standardize : bool, default True
        Penalise the coefficients of columns scaled to standard deviation 1 (divisor n); ``coef_`` is on the scale of
        ``X`` all the same.
    penalty_factors : array-like of shape (p,) or mapping of str to float, optional
        Factor of each column's penalty, 1 by default; 0 leaves it unpenalised.
    modalities : mapping of str to sequence of str, optional
        Columns of each modality; column numbers for an array.
    modality_factors : mapping of str to float or sequence of float, optional
        Factor of each modality's penalty, 1 by default, times the column's own. A sequence is tried by cross-validation
        (integrative L1 penalties with penalty factors, IPF): all combinations are.
    rescale_factors : bool, default True
        Scale all factors to sum to the number of columns, as ``glmnet`` does, so that the penalty keeps its meaning.
    strata, offset
        Columns of ``X``, as in `CoxPH`.
    tol : float, default 1e-6
        Largest violation of the optimality conditions, relative to the largest slope at zero.
    random_state : int, Generator or None, default 0
        Draws the folds.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        Log hazard ratios at the chosen penalty.
    lambda_ : float
        The chosen penalty.
    lambdas_ : ndarray of shape (k,)
        The path.
    path_end_ : float or None
        Penalty at which the fit did not converge and the path ends (which is objected to); None if it is complete.
    coef_path_ : ndarray of shape (k, p)
        Coefficients along it.
    deviance_ratio_ : ndarray of shape (k,)
        Explained share of the null deviance, measured from the saturated likelihood (below 1 with ties).
    penalty_factors_ : ndarray of shape (p,)
        Factors used, after scaling.
    modality_factors_ : dict of str to float
        Chosen factor of each modality, before scaling.
    cv_ : DataFrame or None
        ``lambda, mean, se, nonzero`` and one column ``factor_<modality>`` where factors were tried: cross-validated
        partial-likelihood deviance, per event; NaN at a penalty where the path did not converge in every fold, which
        is not chosen.
    log_likelihood_, log_likelihood_null_ : float
        Log partial likelihood at ``coef_`` and at zero.
    baseline_times_, baseline_hazard_ : list of ndarray
        For each stratum: event times and cumulative hazard of a row at ``centre_``.
    centre_ : ndarray of shape (p,)
        Means of the columns.

    Raises
    ------
    EstimationError
        By `fit`: no event; no convergence (separation by columns without penalty). Constant and collinear columns and
        more columns than rows are legitimate: a constant column has coefficient 0.

    Notes
    -----
    Maximises ``loglik(β)/Σw − λ Σ_j f_j (a |s_j β_j| + (1 − a)/2 (s_j β_j)²)`` with ``a`` = ``l1_ratio``. Standard
    errors of shrunken coefficients are not offered, because none has its nominal meaning. Each fold scales its columns
    by its own training rows.

    The deviance of a fold is that of all rows minus that of the training rows, both at the coefficients of the training
    rows, over the fold's events (van Houwelingen's cross-validated partial likelihood).

    References
    ----------
    Simon N, Friedman J, Hastie T, Tibshirani R (2011). Regularization paths for Cox's proportional hazards model via
    coordinate descent. J Stat Softw 39(5):1–13. doi:10.18637/jss.v039.i05
    Tibshirani R et al. (2012). Strong rules for discarding predictors in lasso-type problems. J R Stat Soc B
    74:245–266.
    Boulesteix AL, De Bin R, Jiang X, Fuchs M (2017). IPF-LASSO: integrative L1-penalized regression with penalty
    factors for prediction based on multi-omics data. Comput Math Methods Med 2017:7691937.
    """

    _allow_sparse = True
    folds_keep_clusters = True  # tuning folds never part rows of one cluster: resampling passes who is a copy of whom
    _single_cause = True
    _linear_predictor_scale = "log_hazard"
    _instead = "For interval-censored outcomes use DiscreteTimeHazard."

    def __init__(
        self,
        *,
        l1_ratio: float = 1.0,
        n_lambdas: int = 100,
        lambda_min_ratio: float | None = None,
        lambdas: Any = None,
        choose: str | float = "min",
        cv: int = 10,
        ties: str = "efron",
        standardize: bool = True,
        penalty_factors: Any = None,
        modalities: Mapping[str, Sequence[str]] | None = None,
        modality_factors: Mapping[str, Any] | None = None,
        rescale_factors: bool = True,
        strata: Any = None,
        offset: str | None = None,
        tol: float = 1e-6,
        random_state: Any = 0,
    ) -> None:
        self.l1_ratio = l1_ratio
        self.n_lambdas = n_lambdas
        self.lambda_min_ratio = lambda_min_ratio
        self.lambdas = lambdas
        self.choose = choose
        self.cv = cv
        self.ties = ties
        self.standardize = standardize
        self.penalty_factors = penalty_factors
        self.modalities = modalities
        self.modality_factors = modality_factors
        self.rescale_factors = rescale_factors
        self.strata = strata
        self.offset = offset
        self.tol = tol
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
        folds: Any = None,
    ) -> ElasticNetCox:
        """Follow the path and choose its penalty.

        Parameters
        ----------
        X : DataFrame, ndarray or scipy sparse matrix of shape (n, p)
            Numeric predictors without missing values. A sparse matrix (or a frame of sparse columns) is not filled:
            memory grows with what is stored, and with the path. What is not stored is 0.
        y : ndarray of shape (n,)
            Made by `Surv.right`.
        sample_weight, strata, offset
            As for `CoxPH.fit`.
        clusters : array-like of shape (n,), optional
            Rows with one label stay in one fold.
        folds : array-like of shape (n,), optional
            Fold of each row, instead of ``cv``.
        """
        self._check_parameters()
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters)
        check_events(y["event"] == 1, design.weights)
        weights = np.ones(y.shape[0]) if design.weights is None else design.weights
        centred = penalised_columns(design.X, weights)
        pairs = factor_plans(self.modalities, self.modality_factors, self.penalty_factors, self._names())
        candidates, plans = [pair[0] for pair in pairs], [self._scaled(pair[1]) for pair in pairs]
        rows = np.ones(y.shape[0], dtype=bool)
        paths = [self._whole_path(design, centred, weights, rows, plan) for plan in plans]
        best, k = 0, paths[0].lambdas.size - 1
        self.cv_: pd.DataFrame | None = None
        if isinstance(self.choose, str) or len(plans) > 1:
            labels = self._folds(design, folds)
            tables = [
                self._cross_validate(design, centred, weights, plan, path, labels) for plan, path in zip(plans, paths)
            ]
            best = self._smallest(np.array([table["mean"].iloc[self._place(table)] for table in tables]))
            k = self._place(tables[best])
            self.cv_ = self._table(tables, candidates)
        self.penalty_factors_ = plans[best]
        self.modality_factors_ = candidates[best]
        self._store(design, centred, weights, paths[best], k)
        return self

    def _store(self, design: Design, centred: PenalisedColumns, weights: np.ndarray, path: CoxPath, k: int) -> None:
        if not np.isfinite(path.loglik_null):
            raise EstimationError(
                "The likelihood can't be computed with this `offset`: it is a difference of log hazards, and "
                f"ranges over {0.0 if design.offset is None else np.ptp(design.offset):.3g}."
            )
        if not path.converged[: k + 1].all():
            raise NotDetermined(
                f"The path did not converge at a penalty of {path.lambdas[~path.converged][0]:.4g}: columns without "
                "penalty may separate patients with the event from the others. Penalise them, or raise "
                "`lambda_min_ratio`."
            )
        # what did not converge is no solution: as in glmnet the path ends before it
        end = path.lambdas.size if path.converged.all() else int(np.argmin(path.converged))
        self.path_end_ = None if end == path.lambdas.size else float(path.lambdas[end])
        self.lambdas_, self.lambda_ = path.lambdas[:end], float(path.lambdas[k])
        self.coef_path_, self.coef_ = path.coef[:end], path.coef[k]
        self.log_likelihood_, self.log_likelihood_null_ = float(path.loglik[k]), path.loglik_null
        room, gained = path.loglik_saturated - path.loglik_null, path.loglik[:end] - path.loglik_null
        self.deviance_ratio_ = gained / room if room > 0 else np.zeros(end)
        self.centre_ = centred.mean
        eta = centred.products(np.ones(weights.size, dtype=bool), path.coef[k])
        steps = cox_baseline(
            design.y["time"],
            design.y["event"] == 1,
            eta if design.offset is None else eta + design.offset,
            entry=design.entry,
            strata=design.strata,
            weights=weights,
            ties=self.ties,
            frequency=design.frequency,
        )
        self.baseline_times_ = [times for times, _ in steps]
        self.baseline_hazard_ = [hazard for _, hazard in steps]
        mine = design.y["event"] == 1
        self.baseline_events_ = events_at(self.baseline_times_, design.y["time"], mine, design.strata)

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: a path that ends before the smallest penalty asked for."""
        return () if self.path_end_ is None else (objection("penalty-path-ends", penalty=self.path_end_),)

    # ---- settings ----------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        check_number("l1_ratio", self.l1_ratio, low=0, high=1)
        check_number("n_lambdas", self.n_lambdas, low=1, whole=True)
        check_number("cv", self.cv, low=2, whole=True)
        check_choice("ties", self.ties, ("efron", "breslow"))
        if isinstance(self.choose, str):
            check_choice("choose", self.choose, ("min", "1se"))
        else:
            check_number("choose", self.choose, low=0, open_low=True)
        self._grid()

    def _grid(self) -> np.ndarray | None:
        if self.lambdas is not None:
            grid = np.asarray(self.lambdas, dtype=float)
            if grid.ndim != 1 or grid.size == 0 or (grid < 0).any() or (np.diff(grid) >= 0).any():
                raise argument_error("lambdas", "a decreasing sequence of numbers of at least 0", self.lambdas)
            return grid
        return None

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        factor_plans(self.modalities, self.modality_factors, self.penalty_factors, names)

    def _scaled(self, factors: np.ndarray) -> np.ndarray:
        if factors.sum() == 0:
            raise argument_error("penalty_factors", "positive for at least one column", "only zeros", "Use CoxPH.")
        return factors * factors.size / factors.sum() if self.rescale_factors else factors

    # ---- the path ----------------------------------------------------------------------------------------------

    def _whole_path(
        self, design: Design, centred: PenalisedColumns, weights: np.ndarray, rows: np.ndarray, factors: np.ndarray
    ) -> CoxPath:
        """Follow the declared path; where one penalty was asked for, end exactly there."""
        path = self._path(design, centred, weights, rows, factors, self._grid())
        if isinstance(self.choose, str):
            return path
        above = path.lambdas[path.lambdas > self.choose]
        return self._path(design, centred, weights, rows, factors, np.append(above, float(self.choose)))

    def _path(
        self,
        design: Design,
        centred: PenalisedColumns,
        weights: np.ndarray,
        rows: np.ndarray,
        factors: np.ndarray,
        lambdas: np.ndarray | None,
    ) -> CoxPath:
        take = lambda values: None if values is None else values[rows]  # noqa: E731
        y, columns = design.y[rows], design.X.shape[1]
        outcome = {
            "time": y["time"],
            "event": y["event"] == 1,
            "entry": take(design.entry),
            "strata": take(design.strata),
        }
        fewer = (weights.sum() if design.frequency else weights.size) < columns
        ratio = (0.01 if fewer else 1e-4) if self.lambda_min_ratio is None else self.lambda_min_ratio
        return centred.path(
            rows,
            outcome,
            weights[rows],
            self.standardize,
            lambdas=lambdas,
            n_lambdas=self.n_lambdas,
            min_ratio=ratio,
            alpha=self.l1_ratio,
            factors=factors,
            offset=take(design.offset),
            ties=self.ties,
            frequency=design.frequency,
            tol=self.tol,
        )

    def _folds(self, design: Design, folds: Any) -> np.ndarray:
        return fold_labels(folds, self.cv, design.y["event"] == 1, design.clusters, self.random_state)

    def _cross_validate(
        self,
        design: Design,
        centred: PenalisedColumns,
        weights: np.ndarray,
        factors: np.ndarray,
        path: CoxPath,
        labels: np.ndarray,
    ) -> pd.DataFrame:
        event = design.y["event"] == 1
        deviances, sizes = [], []
        for fold in range(int(labels.max()) + 1):
            train = labels != fold
            held = float(weights[event & ~train].sum())
            if held == 0 or not (event & train & (weights > 0)).any():
                continue
            inner = self._path(design, centred, weights, train, factors, path.lambdas)
            everyone = self._loglik(design, centred, weights, np.ones_like(train), inner.coef)
            trained = self._loglik(design, centred, weights, train, inner.coef)
            # coefficients that do not solve the penalised problem are not informative about the penalty
            deviances.append(np.where(inner.converged, -2 * (everyone - trained) / held, np.nan))
            sizes.append(held)
        if len(sizes) < 2:
            raise NotDetermined("Fewer than two folds contain an event: cross-validation has nothing to compare.")
        values, share = np.array(deviances), np.array(sizes)[:, None]
        mean = np.where(path.converged, (values * share).sum(axis=0) / share.sum(), np.nan)
        spread = ((values - mean) ** 2 * share).sum(axis=0) / share.sum()
        return pd.DataFrame(
            {
                "lambda": path.lambdas,
                "mean": mean,
                "se": np.sqrt(spread / (len(sizes) - 1)),
                "nonzero": (path.coef != 0).sum(axis=1),
            }
        )

    def _loglik(
        self, design: Design, centred: PenalisedColumns, weights: np.ndarray, rows: np.ndarray, coef: np.ndarray
    ) -> np.ndarray:
        """Log partial likelihood of some rows at each row of ``coef``, less its saturated value."""
        take = lambda values: None if values is None else values[rows]  # noqa: E731
        y, w = design.y[rows], weights[rows]
        event = y["event"] == 1
        strata = take(design.strata)
        shift = None if design.offset is None else design.offset[rows][:, None]
        data = cox_data(np.empty((y.size, 0)), y["time"], event, entry=take(design.entry), strata=strata)
        # the saturated likelihood does not depend on the coefficients, but on the rows: glmnet subtracts it
        saturated = saturated_loglik(y["time"], event, w, strata)
        parts = []
        for low in range(0, coef.shape[0], centred.block):
            eta = centred.products(rows, coef[low : low + centred.block])
            eta = eta if shift is None else eta + shift
            parts.append(cox_loglik(data, eta, weights=w, ties=self.ties, frequency=design.frequency))
        return np.concatenate(parts) - saturated

    def _place(self, table: pd.DataFrame) -> int:
        mean = table["mean"].to_numpy()
        if not isinstance(self.choose, str):
            return mean.size - 1
        k = self._smallest(mean)
        return int(np.argmax(mean <= mean[k] + table["se"].to_numpy()[k])) if self.choose == "1se" else k

    def _smallest(self, deviance: np.ndarray) -> int:
        if np.isnan(deviance).all():
            raise NotDetermined(
                "At no penalty did the path converge in every fold: columns without penalty may separate patients with "
                "the event from the others. Penalise them, or take fewer folds."
            )
        return int(np.nanargmin(deviance))

    def _table(self, tables: list[pd.DataFrame], candidates: list[dict[str, float]]) -> pd.DataFrame:
        for table, candidate in zip(tables, candidates):
            for modality, factor in candidate.items():
                table[f"factor_{modality}"] = factor
        return pd.concat(tables, ignore_index=True)

    # ---- predictions -------------------------------------------------------------------------------------------

    @takes_rows()
    def linear_predictor(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return ``X β`` at the chosen penalty, plus the offset if there is one; shape (n,), higher is sooner."""
        matrix, _, shift = self._start_predict(X, None, offset, with_strata=False)
        eta = row_products(matrix, self.coef_)
        return eta if shift is None else eta + shift

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        eta = centred_products(X, self.centre_, self.coef_)
        base = steps_at(self.baseline_times_, self.baseline_hazard_, strata, horizons)
        with np.errstate(over="ignore", invalid="ignore"):
            relative = np.exp(eta if offset is None else eta + offset)[:, None]
            return -np.expm1(-np.where(base > 0, base * relative, 0.0))

    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return P(T > t) at each time, shape (n, n_times); NaN beyond follow-up."""
        return 1.0 - risk_from_origin(times, lambda at: self.predict_risk(X, at, strata=strata, offset=offset))

    def baseline_cumulative_hazard(self, times: Any, *, stratum: Any = None) -> Any:
        """Return the cumulative hazard of a row with all predictors at 0; as `CoxPH.baseline_cumulative_hazard`."""
        self._check_fitted()
        return baseline_at_zero(self, times, stratum)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per predictor: ``term, coef, hr, penalty_factor, selected``."""
        self._check_fitted()
        return pd.DataFrame(
            {
                "term": self._names(),
                "coef": self.coef_,
                "hr": np.exp(self.coef_),
                "penalty_factor": self.penalty_factors_,
                "selected": self.coef_ != 0,
            }
        )
