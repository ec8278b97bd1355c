"""`CauseSpecificCox`: one Cox model a cause, combined to absolute risks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    check_choice,
    check_horizons,
    takes_rows,
)
from lbp_prognosis._kernels import discrete_baseline, exponential_incidence, product_limit_incidence, row_products
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._rare_causes import RARE_CAUSES, NotDetermined, is_rare, rare_cause_objections
from lbp_prognosis.models._survival_regression import SurvivalRegression
from lbp_prognosis.survival import Surv, Weights

__all__ = ["CauseSpecificCox"]

_FORMS = ("product_limit", "exponential", "product_limit_efron", "exponential_efron")


class CauseSpecificCox(SurvivalRegression, RiskEstimator):
    """What is the risk of each cause by a horizon, when other causes can come first?

    A Cox model for the hazard of each cause, the others censored, combined by the product limit, so that the risks
    of all causes and event-free survival sum to 1.

    Parameters
    ----------
    incidence : {"product_limit", "exponential", "product_limit_efron", "exponential_efron"}, default "product_limit"
        How hazards become incidences; see the notes. The first gives the Aalen–Johansen estimate where no predictor has
        an effect, whatever the ties. The last two put hazard increments as they are into both forms, as R's
        riskRegression does (``product.limit = TRUE`` and ``FALSE``): where many events share a time, as at visits,
        their risks are too high; what passes 1 is reported as 1.
    ties : {"efron", "breslow", "exact"}, default "efron"
        As in `CoxPH`.
    penalty, penalty_factors, standardize
        Ridge penalty of every cause, as in `CoxPH`.
    variance : {"auto", "model", "robust"}, default "auto"
        As in `CoxPH`.
    strata, offset
        Columns of ``X``, as in `CoxPH`.
    collinear : {"error", "drop"}, default "error"
        As in `CoxPH`.
    rare_causes : {"same_for_all", "error"}, default "same_for_all"
        What to do where the effects on a cause other than 1 have no finite estimate and it has fewer than ten events a
        predictor: give all patients the same hazard of it (coefficients 0), which is objected to, or raise.

    Attributes
    ----------
    models_ : dict of int to CoxPH
        The model of each cause, by code.
    coef_ : dict of int to ndarray of shape (p,)
        Log cause-specific hazard ratios.
    covariance_ : dict of int to ndarray of shape (p, p)
        Their covariances.
    increments_ : dict of int to list of ndarray
        For each cause and stratum, what meets the product limit: one value an event time of that cause.
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
    _linear_predictor_scale = "log_hazard"

    def __init__(
        self,
        *,
        incidence: str = "product_limit",
        ties: str = "efron",
        penalty: float = 0.0,
        penalty_factors: Any = None,
        standardize: bool = True,
        variance: str = "auto",
        strata: Any = None,
        offset: str | None = None,
        collinear: str = "error",
        rare_causes: str = "same_for_all",
    ) -> None:
        self.incidence = incidence
        self.ties = ties
        self.penalty = penalty
        self.penalty_factors = penalty_factors
        self.standardize = standardize
        self.variance = variance
        self.strata = strata
        self.offset = offset
        self.collinear = collinear
        self.rare_causes = rare_causes

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
    ) -> CauseSpecificCox:
        """Fit one model a cause; arguments as for `CoxPH.fit`, with all event codes in ``y``."""
        check_choice("incidence", self.incidence, _FORMS)
        check_choice("rare_causes", self.rare_causes, RARE_CAUSES)
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters)
        if self.causes_.size == 0:
            raise EstimationError(f"No event among {y.shape[0]} rows: no hazard can be estimated.")
        self.rare_causes_: dict[int, int] = {}
        rare = set(self._rare(design))
        if len(rare) == self.causes_.size:
            rare = set()  # without effects on any cause there is no model
        self.models_ = {int(code): self._fit_cause(design, int(code), int(code) in rare) for code in self.causes_}
        self.increments_ = {code: self._increments(design, code) for code in self.models_}
        self.coef_ = {code: model.coef_ for code, model in self.models_.items()}
        self.covariance_ = {code: model.covariance_ for code, model in self.models_.items()}
        self.log_likelihood_ = sum(model.log_likelihood_ for model in self.models_.values())
        self.log_likelihood_null_ = sum(model.log_likelihood_null_ for model in self.models_.values())
        return self

    def _fit_cause(self, design: Design, code: int, rare: bool) -> CoxPH:
        model = CoxPH(
            ties=self.ties,
            penalty=self.penalty,
            penalty_factors=self.penalty_factors,
            standardize=self.standardize,
            variance=self.variance,
            collinear=self.collinear,
        )
        X = design.X if not hasattr(self, "feature_names_in_") else pd.DataFrame(design.X, columns=self._names())
        y = Surv.right(design.y["time"], design.y["event"] == code, entry=design.entry)
        weights = None if design.weights is None else Weights(design.weights, design.weight_kind or "sampling")
        rows = {"strata": design.strata, "offset": design.offset, "clusters": design.clusters}
        try:
            return model.fit(X, y, sample_weight=weights, **rows)
        except NotDetermined as error:
            if not rare:
                raise NotDetermined(f"Cause {code}: {error}") from error
        except EstimationError as error:
            raise EstimationError(f"Cause {code}: {error}") from error
        self.rare_causes_[code] = int(self._events(design, code))
        return model.fit(X[[]] if isinstance(X, pd.DataFrame) else X[:, :0], y, sample_weight=weights, **rows)._widened(
            self._names() if isinstance(X, pd.DataFrame) else None, design.X.mean(axis=0)
        )

    def _rare(self, design: Design) -> list[int]:
        """Return the causes that may do without effects."""
        if self.rare_causes == "error":
            return []
        columns = design.X.shape[1]
        others = [int(code) for code in self.causes_ if code != self._own_cause]
        return [code for code in others if is_rare(self._events(design, code), columns)]

    @staticmethod
    def _events(design: Design, code: int) -> float:
        """Count the events of a cause; frequency weights are copies, rows of weight 0 nobody."""
        mine = design.y["event"] == code
        if design.weights is None:
            return float(mine.sum())
        return float(design.weights[mine].sum() if design.frequency else (design.weights[mine] > 0).sum())

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """What is doubtful about the fit: causes whose hazard is taken to be the same for all."""
        return rare_cause_objections(self.rare_causes_, self.n_features_in_)

    def _increments(self, design: Design, code: int) -> list[np.ndarray]:
        model = self.models_[code]
        eta = row_products(design.X - model.centre_, model.coef_)
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
        models = list(self.models_.values())
        relative = np.column_stack([model._relative_hazard(X, offset) for model in models])
        by_product = self.incidence.startswith("product_limit")
        kernel = product_limit_incidence if by_product else exponential_incidence
        mended = not self.incidence.endswith("_efron")
        out = np.empty((X.shape[0], horizons.size, len(models) + 1))
        codes = np.zeros(X.shape[0], dtype=np.int64) if strata is None else strata
        for code in np.unique(codes):
            rows = codes == code
            grid = np.unique(np.concatenate([model.baseline_times_[code] for model in models]))
            increments = np.zeros((grid.size, len(models)))
            for c, (cause, model) in enumerate(self.models_.items()):
                fitted = by_product and mended
                steps = self.increments_[cause][code] if fitted else np.diff(model.baseline_hazard_[code], prepend=0.0)
                increments[np.searchsorted(grid, model.baseline_times_[code]), c] = steps
            places = np.searchsorted(grid, horizons, side="right")
            out[rows] = kernel(increments, np.ascontiguousarray(relative[rows]), places, mended)
        return out

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
        return self.predict_risk(X, times, cause, strata=strata, offset=offset)

    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return the probability of no event of any cause by each time, shape (n, n_times); NaN beyond follow-up."""
        matrix, codes, shift = self._start_predict(X, strata, offset)
        at, _ = check_horizons(times)
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
        parts = {code: model.fit_statistics() for code, model in self.models_.items()}
        return pd.concat(parts, names=["cause"]).reset_index(level=0).reset_index(drop=True)

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row a cause and coefficient: ``cause``, then the columns of `CoxPH.to_frame`."""
        self._check_fitted()
        frames = []
        for code, model in self.models_.items():
            frame = model.to_frame(confidence)
            frame.insert(0, "cause", code)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)
