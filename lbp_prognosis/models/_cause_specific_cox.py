"""`CauseSpecificCox`: one Cox model per cause, combined to absolute risks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    SparseTable,
    argument_error,
    check_choice,
    check_horizons,
    check_number,
    check_times,
    takes_rows,
)
from lbp_prognosis._kernels import (
    centred_products,
    discrete_baseline,
    exponential_incidence,
    product_limit_incidence,
    row_products,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._elastic_net_cox import ElasticNetCox
from lbp_prognosis.models._factor_plans import factor_plans
from lbp_prognosis.models._group_means import group_means
from lbp_prognosis.models._incidence_curves import incidence_curves
from lbp_prognosis.models._incidence_delta import IncrementErrors, average_incidence, increment_errors
from lbp_prognosis.models._rare_causes import RARE_CAUSES, NotDetermined, events_of, is_rare, rare_cause_objections
from lbp_prognosis.models._ridge_choice import check_penalty
from lbp_prognosis.models._survival_regression import SurvivalRegression, risk_from_origin
from lbp_prognosis.survival import Surv, Weights

__all__ = ["CauseSpecificCox"]

_FORMS = ("product_limit", "exponential", "product_limit_efron", "exponential_efron")


class CauseSpecificCox(SurvivalRegression, RiskEstimator):
    """Cause-specific Cox models, combined into cumulative incidences.

    A Cox model for the hazard of each cause, the others censored, combined by the product limit, so that the risks
    of all causes and event-free survival sum to 1.

    Parameters
    ----------
    incidence : {"product_limit", "exponential", "product_limit_efron", "exponential_efron"}, default "product_limit"
        Transformation of hazards to incidences; see the notes. The first gives the Aalen–Johansen estimate if no
        predictor has an effect, whatever the ties. The last two put unchanged hazard increments into both forms, as R's
        riskRegression does (``product.limit = TRUE`` and ``FALSE``): where many events share a time, as at visits,
        their risks are too high; what passes 1 is reported as 1.
    ties : {"efron", "breslow", "exact"}, default "efron"
        As in `CoxPH`.
    penalty : float or "cv", default 0.0
        Ridge penalty of every cause, as in `CoxPH`. ``"cv"`` chooses one for each cause by cross-validated partial
        likelihood, of the elastic net where ``l1_ratio`` is above 0.
    penalty_factors, standardize
        As in `CoxPH`.
    l1_ratio : float, default 0.0
        Share of the absolute penalty, as in `ElasticNetCox`: 0 is ridge. Above 0 the penalty has to be ``"cv"``.
    modalities : mapping of str to sequence of str, optional
        Columns of each modality; column numbers for an array.
    modality_factors : mapping of str to float or sequence of float, optional
        Factor of each modality's penalty, 1 by default, times the column's own. A sequence is tried by
        cross-validation, all combinations of them, for each cause (integrative penalty factors).
    variance : {"auto", "model", "robust"}, default "auto"
        As in `CoxPH`.
    strata, offset
        Columns of ``X``, as in `CoxPH`.
    collinear : {"error", "drop"}, default "error"
        As in `CoxPH`.
    rare_causes : {"same_for_all", "error"}, default "same_for_all"
        Treatment where the effects on a cause other than 1 have no finite estimate and it has fewer than ten events
        per predictor: assume the same hazard of the cause for all patients (coefficients 0), which raises an objection,
        or raise an error.
    choose : {"min", "one_se"}, default "min"
        Rule for ``penalty="cv"``: the penalty with the smallest cross-validated deviance, or the largest penalty within
        one standard error of that.
    cv : int, default 5
        Number of folds for ``penalty="cv"``. Rows of one cluster stay in one fold.
    random_state : int, Generator or None, default 0
        Draws the folds of ``penalty="cv"``.

    Attributes
    ----------
    models_ : dict of int to CoxPH or ElasticNetCox
        The model of each cause, by code; elastic nets with ``l1_ratio`` above 0.
    coef_ : dict of int to ndarray of shape (p,)
        Log cause-specific hazard ratios.
    covariance_ : dict of int to ndarray of shape (p, p)
        Covariances of the coefficients; empty with ``l1_ratio`` above 0, where they would not have their nominal
        meaning.
    modality_factors_ : dict of int to dict of str to float
        Factors used for each cause.
    increments_ : dict of int to list of ndarray
        For each cause and stratum, what meets the product limit: one value per event time of that cause.
    log_likelihood_, log_likelihood_null_ : float
        Sums over causes.
    rare_causes_ : dict of int to int
        Causes whose hazard is the same for all, with their events.

    Raises
    ------
    EstimationError
        By `fit`, naming the cause: what `CoxPH` raises.

    Notes
    -----
    ``F_k(t) = Σ_{u ≤ t} S(u−) p_k(u)`` over the event times u of all causes, with ``S(u) = Π (1 − Σ_j p_j)``. By
    default ``p_k = 1 − exp(−h_k r)`` with r the relative hazard and h_k the increment of Kalbfleisch and Prentice; it
    solves ``Σ_events r/(1 − exp(−h_k r)) = Σ_at risk r`` and is one for all methods for ties.
    ``"product_limit_efron"`` takes the increment of Efron's (or Breslow's) cumulative hazard for the probability p_k:
    Efron's stands for ``−log(1 − d/n)``, not for d/n. Where a row's parts at one time exceed 1 together, all survivors
    leave then, to the causes in proportion, so no risk passes 1.

    ``"exponential"``: survival ``S(u) = exp(−Σ_j H_j)``, and what it loses at a time goes to the causes in proportion
    to their increments. It takes the events of several causes at one time for events one after the other, so that it
    lies a little below Aalen–Johansen where such ties are many.

    References
    ----------
    Kalbfleisch JD, Prentice RL (1973). Marginal likelihoods based on Cox's regression and life model. Biometrika
    60:267–278. doi:10.1093/biomet/60.2.267
    Benichou J, Gail MH (1990). Estimates of absolute cause-specific risk in cohort studies. Biometrics 46:813–826.
    """

    _instead = "For interval-censored outcomes use DiscreteTimeHazard."
    weights_equal_copies = True
    _allow_no_column = True
    _allow_sparse = True
    _linear_predictor_scale = "log_hazard"

    def __init__(
        self,
        *,
        incidence: str = "product_limit",
        ties: str = "efron",
        penalty: Any = 0.0,
        penalty_factors: Any = None,
        standardize: bool = True,
        l1_ratio: float = 0.0,
        modalities: Mapping[str, Any] | None = None,
        modality_factors: Mapping[str, Any] | None = None,
        variance: str = "auto",
        strata: Any = None,
        offset: str | None = None,
        collinear: str = "error",
        rare_causes: str = "same_for_all",
        choose: str = "min",
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.incidence = incidence
        self.ties = ties
        self.penalty = penalty
        self.penalty_factors = penalty_factors
        self.standardize = standardize
        self.l1_ratio = l1_ratio
        self.modalities = modalities
        self.modality_factors = modality_factors
        self.variance = variance
        self.strata = strata
        self.offset = offset
        self.collinear = collinear
        self.rare_causes = rare_causes
        self.choose = choose
        self.cv = cv
        self.random_state = random_state

    def _takes_sparse(self) -> bool:
        return bool(self.penalty == "cv" and self.l1_ratio > 0)

    def _check_parameters(self) -> None:
        check_choice("incidence", self.incidence, _FORMS)
        check_choice("rare_causes", self.rare_causes, RARE_CAUSES)
        check_choice("ties", self.ties, ("efron", "breslow", "exact"))
        check_choice("variance", self.variance, ("auto", "model", "robust"))
        check_choice("collinear", self.collinear, ("error", "drop"))
        tuned = check_penalty(self.penalty, self.choose, self.cv)
        check_number("l1_ratio", self.l1_ratio, low=0, high=1)
        if self.l1_ratio > 0 and not tuned:
            raise argument_error("penalty", '"cv" with l1_ratio above 0', self.penalty, "Or take l1_ratio=0, a ridge.")
        if tuned and self.ties == "exact":
            raise argument_error("ties", '"efron" or "breslow" with penalty="cv"', '"exact"')

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        self._plans(names)

    def _plans(self, names: list[str]) -> list[tuple[dict[str, float], np.ndarray]]:
        """Return the factors of the columns to try."""
        plans = factor_plans(self.modalities, self.modality_factors, self.penalty_factors, names)
        if len(plans) > 1 and self.penalty != "cv":
            raise argument_error(
                "modality_factors", 'single numbers unless penalty="cv"', dict(self.modality_factors or {})
            )
        return plans

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
    ) -> CauseSpecificCox:
        """Fit one model per cause; arguments as for `CoxPH.fit`, with all event codes in ``y``.

        With ``penalty="cv"`` and ``l1_ratio`` above 0 ``X`` may be a scipy sparse matrix, as for `ElasticNetCox.fit`.
        """
        self._check_parameters()
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters)
        if issparse(design.X) and self.l1_ratio == 0:
            raise argument_error(
                "l1_ratio",
                "above 0 for a sparse `X`",
                self.l1_ratio,
                'A ridge keeps every column, and its covariance has p² numbers: take l1_ratio=0.95 and penalty="cv".',
            )
        if self.causes_.size == 0:
            raise EstimationError(f"No event among {y.shape[0]} rows: no hazard can be estimated.")
        plans = self._plans(self._names())
        self.rare_causes_: dict[int, int] = {}
        rare = set(self._rare(design))
        if len(rare) == self.causes_.size:
            rare = set()  # without effects on any cause, no model can be fitted
        found = {
            int(code): self._fit_cause(design, int(code), plans, folds, int(code) in rare) for code in self.causes_
        }
        self.models_ = {code: model for code, (model, _) in found.items()}
        self.modality_factors_ = {code: plan for code, (_, plan) in found.items()}
        self.increments_ = {code: self._increments(design, code) for code in self.models_}
        self._delta: dict[str, Any] = {}
        if self.penalty == 0 and self.l1_ratio == 0:
            errors = increment_errors(design, self.models_, self.increments_, self.incidence == "product_limit")
            self._delta = errors._asdict()
        self.coef_ = {code: model.coef_ for code, model in self.models_.items()}
        ridges = {code: model for code, model in self.models_.items() if isinstance(model, CoxPH)}
        self.covariance_ = {code: model.covariance_ for code, model in ridges.items()}
        self.log_likelihood_ = sum(model.log_likelihood_ for model in self.models_.values())
        self.log_likelihood_null_ = sum(model.log_likelihood_null_ for model in self.models_.values())
        return self

    @property
    def folds_keep_clusters(self) -> bool:
        """Whether resampling must identify copies of patients, so that folds keep them together."""
        return self.penalty == "cv"

    def _fit_cause(
        self, design: Design, code: int, plans: list[tuple[dict[str, float], np.ndarray]], folds: Any, rare: bool
    ) -> tuple[CoxPH | ElasticNetCox, dict[str, float]]:
        """Fit each set of penalty factors and keep the one of least cross-validated deviance."""
        X: Any = design.X
        if issparse(X):
            X = SparseTable(X, tuple(self._names()) if hasattr(self, "feature_names_in_") else None)
        elif hasattr(self, "feature_names_in_"):
            X = pd.DataFrame(X, columns=self._names())
        y = Surv.right(design.y["time"], design.y["event"] == code, entry=design.entry)
        weights = None if design.weights is None else Weights(design.weights, design.weight_kind or "sampling")
        given = {
            "sample_weight": weights,
            "strata": design.strata,
            "offset": design.offset,
            "clusters": design.clusters,
        }
        chosen = {"folds": folds} if self.penalty == "cv" else {}
        try:
            if len(plans) > 1 and self.l1_ratio == 0 and design.X.shape[1]:
                plans = [self._best_plan(X, y, plans, folds, given)]
            models = [self._cause_model(factors).fit(X, y, **given, **chosen) for _, factors in plans]
        except NotDetermined as error:
            if not rare:
                raise NotDetermined(f"Cause {code}: {error}") from error
            return self._without_effects(design, code, X, y, given), {}
        except EstimationError as error:
            raise EstimationError(f"Cause {code}: {error}") from error
        least = [0.0 if model.cv_ is None else float(model.cv_["mean"].min()) for model in models]
        best = int(np.argmin(least))
        return models[best], plans[best][0]

    def _best_plan(
        self,
        X: Any,
        y: np.ndarray,
        plans: list[tuple[dict[str, float], np.ndarray]],
        folds: Any,
        given: dict[str, Any],
    ) -> tuple[dict[str, float], np.ndarray]:
        """Return the penalty factors of least cross-validated deviance; risk sets are prepared once for all."""
        model = self._cause_model(plans[0][1])
        assert isinstance(model, CoxPH)
        tables = model._tuned(X, y, [factors for _, factors in plans], folds, **given)
        return plans[int(np.argmin([float(table["mean"].min()) for table in tables]))]

    def _cause_model(self, factors: np.ndarray) -> CoxPH | ElasticNetCox:
        if self.l1_ratio > 0:
            return ElasticNetCox(
                l1_ratio=self.l1_ratio,
                choose="1se" if self.choose == "one_se" else "min",
                cv=self.cv,
                ties=self.ties,
                standardize=self.standardize,
                penalty_factors=factors,
                random_state=self.random_state,
            )
        model = CoxPH(
            ties=self.ties,
            penalty=self.penalty,
            penalty_factors=factors,
            standardize=self.standardize,
            variance=self.variance,
            collinear=self.collinear,
            choose=self.choose,
            cv=self.cv,
            random_state=self.random_state,
        )
        model._clusters_are_patients = self._clusters_are_patients
        return model

    def _without_effects(self, design: Design, code: int, X: Any, y: np.ndarray, given: dict[str, Any]) -> CoxPH:
        """Fit the hazard of a rare cause, the same for all."""
        self.rare_causes_[code] = int(events_of(design, code))
        named = isinstance(X, pd.DataFrame)
        bare = CoxPH(ties=self.ties, variance=self.variance).fit(X[[]] if named else X[:, :0], y, **given)
        return bare._widened(self._names() if named else None, design.X.mean(axis=0))

    def _rare(self, design: Design) -> list[int]:
        """Return the causes that may do without effects."""
        if self.rare_causes == "error":
            return []
        columns = design.X.shape[1]
        others = [int(code) for code in self.causes_ if code != self._own_cause]
        return [code for code in others if is_rare(events_of(design, code), columns)]

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: causes whose hazard is assumed equal for all patients."""
        return rare_cause_objections(self.rare_causes_, self.n_features_in_)

    def _increments(self, design: Design, code: int) -> list[np.ndarray]:
        model = self.models_[code]
        eta = centred_products(design.X, model.centre_, model.coef_)
        steps = discrete_baseline(
            design.y["time"],
            design.y["event"] == code,
            eta if design.offset is None else eta + design.offset,
            entry=design.entry,
            strata=design.strata,
            weights=design.weights,
        )
        return [values for _, values in steps]

    def _curves(
        self, X: np.ndarray, horizons: np.ndarray, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        """Incidence of each cause and survival, shape (n, horizons, causes + 1)."""
        relative = np.column_stack([_relative_hazard(model, X, offset) for model in self.models_.values()])
        by_product = self.incidence.startswith("product_limit")
        fitted = not self.incidence.endswith("_efron")
        return incidence_curves(
            [model.baseline_times_ for model in self.models_.values()],
            self._steps(),
            relative,
            horizons,
            strata,
            kernel=product_limit_incidence if by_product else exponential_incidence,
            fitted=fitted,
        )

    def _steps(self) -> list[list[np.ndarray]]:
        """Increments by cause and stratum, of which incidences are made."""
        return [
            self.increments_[cause]
            if self.incidence == "product_limit"
            else [np.diff(hazard, prepend=0.0) for hazard in model.baseline_hazard_]
            for cause, model in self.models_.items()
        ]

    @takes_rows()
    def average_prediction(
        self, X: Any, horizons: Any, cause: int = 1, *, groups: Any, strata: Any = None, offset: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean risks of groups of rows, and the covariance of these means by the delta method.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; the rows are regarded as fixed.
        horizons : float or sequence of float
            In the unit of the study.
        cause : int, default 1
            Event code.
        groups : array-like of shape (n,)
            Group of each row; means are in the sorted order of the labels.
        strata, offset : array-like of shape (n,), optional
            As for `predict_risk`.

        Returns
        -------
        tuple of ndarray
            Means, shape (g, n_horizons), and covariances, shape (n_horizons, g, g), with the uncertainty of the
            coefficients and baselines of all causes; NaN beyond follow-up.

        Raises
        ------
        ArgumentError
            If the model is penalised, or locked.
        """
        risk = self.predict_risk(X, horizons, cause, strata=strata, offset=offset)
        matrix, codes, shift = self._start_predict(X, strata, offset)
        if not getattr(self, "_delta", {}):
            raise argument_error("self", "an unpenalised model that is not locked", type(self).__name__)
        times, _ = check_horizons(horizons)
        inside = times <= self.max_time_
        mean_of = group_means(groups, len(matrix))
        covariance = np.full((times.size, len(mean_of), len(mean_of)), np.nan)
        covariance[inside] = average_incidence(
            self.models_,
            self._steps(),
            IncrementErrors(**self._delta),
            matrix,
            np.column_stack([_relative_hazard(model, matrix, shift) for model in self.models_.values()]),
            mean_of,
            times[inside],
            codes,
            int(cause),
            self.incidence,
        )
        return mean_of @ risk, covariance

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        place = list(self.models_).index(cause)
        # rounding, and the exponential form, can pass 1
        return np.minimum(self._curves(X, horizons, strata, offset)[:, :, place], 1.0)

    @takes_rows()
    def predict_incidence(
        self, X: Any, times: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the cumulative incidence of ``cause`` at each time, shape (n, n_times)."""
        return risk_from_origin(times, lambda at: self.predict_risk(X, at, cause, strata=strata, offset=offset))

    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return the probability of no event of any cause by each time, shape (n, n_times); NaN beyond follow-up."""
        matrix, codes, shift = self._start_predict(X, strata, offset)
        at = check_times(times)
        out = np.full((matrix.shape[0], at.size), np.nan)
        inside = at <= self.max_time_
        if inside.any():
            out[:, inside] = self._curves(matrix, at[inside], codes, shift)[:, :, -1]
        return out

    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1, *, offset: Any = None) -> np.ndarray:
        """Return ``X β`` for the hazard of ``cause``, plus the offset if there is one; shape (n,)."""
        matrix, _, shift = self._start_predict(X, None, offset, with_strata=False)
        self._check_cause(cause)
        eta = row_products(matrix, self.coef_[int(cause)])
        return eta if shift is None else eta + shift

    def baseline_cumulative_hazard(self, times: Any, cause: int = 1, *, stratum: Any = None) -> Any:
        """Return the cause-specific cumulative hazard at all predictors 0; see `CoxPH.baseline_cumulative_hazard`."""
        self._check_fitted()
        self._check_cause(cause)
        model = self.models_[int(cause)]
        if stratum is None:
            values = model.baseline_cumulative_hazard(times)
            if not self.strata_levels_:
                return values
            return {self.strata_levels_[code]: value for code, value in values.items()}
        code = self._strata_codes([stratum], 1)
        return model.baseline_cumulative_hazard(times, stratum=None if code is None else int(code[0]))

    def fit_statistics(self) -> pd.DataFrame:
        """Return the tests of each cause's model: ``cause``, then the columns of `CoxPH.fit_statistics`."""
        self._check_fitted()
        if self.l1_ratio > 0:
            raise argument_error("l1_ratio", "0 for tests", self.l1_ratio, "An elastic net has none.")
        parts = {code: model.fit_statistics() for code, model in self.models_.items() if isinstance(model, CoxPH)}
        return pd.concat(parts, names=["cause"]).reset_index(level=0).reset_index(drop=True)

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per cause and coefficient: ``cause``, then the columns of `CoxPH.to_frame` (or the net's)."""
        self._check_fitted()
        frames = []
        for code, model in self.models_.items():
            frame = model.to_frame(confidence) if isinstance(model, CoxPH) else model.to_frame()
            frame.insert(0, "cause", code)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)


def _relative_hazard(model: CoxPH | ElasticNetCox, X: np.ndarray, offset: np.ndarray | None) -> np.ndarray:
    eta = centred_products(X, model.centre_, model.coef_)
    with np.errstate(over="ignore"):
        return np.exp(eta if offset is None else eta + offset)
