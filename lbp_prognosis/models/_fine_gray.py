"""`FineGray`: proportional hazards of the subdistribution (Fine and Gray)."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_choice,
    check_number,
    takes_rows,
)
from lbp_prognosis._kernels import (
    CensoringGroups,
    CoxData,
    CoxPieces,
    censoring_groups,
    fine_gray_data,
    fine_gray_influence,
    fine_gray_level,
)
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._cox_checks import check_events
from lbp_prognosis.models._design import Design, strata_labels, take_columns
from lbp_prognosis.models._hazard_steps import steps_at
from lbp_prognosis.models._ridge_choice import check_penalty

__all__ = ["FineGray"]


def _late_entry(y: np.ndarray) -> np.ndarray | None:
    """Return the entries, if a patient enters late."""
    return y["entry"] if "entry" in (y.dtype.names or ()) and (y["entry"] > 0).any() else None


class FineGray(CoxPH):
    """Proportional subdistribution hazards of one cause (Fine and Gray).

    Proportional hazards of the subdistribution: patients with a competing event stay in the risk set, with a weight
    that fades as the censoring curve falls. Patients who enter late are at risk from their entry on.

    Parameters
    ----------
    cause : int, default 1
        Event code the model is for.
    ties : {"efron", "breslow"}, default "efron"
        Handling of tied events; ``"breslow"`` as in R's ``cmprsk::crr``.
    censoring_ties : {"events_first", "at_risk"}, default "events_first"
        Whether events leave before the censorings of the same time in the Kaplan–Meier curve of the censoring times (as
        in R's ``survival::finegray``), or are still at risk then (as in ``cmprsk::crr``). The two differ only where an
        event and a censoring share a time.
    censoring_strata : str, list of str or "strata", optional
        Columns of ``X`` whose combinations have censoring curves of their own (they stay predictors); ``"strata"`` uses
        the strata of the model. One curve for all by default.
    variance : {"auto", "model", "robust", "robust_fixed"}, default "auto"
        ``"robust"`` is the sandwich that accounts for estimation of the censoring curve (as ``crr``),
        ``"robust_fixed"`` takes it as known (as a robust fit to ``finegray`` data), ``"model"`` the inverse
        information. ``"auto"`` is ``"robust"``, and ``"robust_fixed"`` with delayed entry, where ``"robust"`` is not
        offered.
    penalty, penalty_factors, standardize, strata, offset, collinear, max_iter, tol, choose, cv, random_state
        As in `CoxPH`; a fold's training rows estimate their own censoring curve.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        Log subdistribution hazard ratios.
    covariance_, covariance_model_, log_likelihood_, log_likelihood_null_, baseline_times_, baseline_hazard_
        As in `CoxPH`, for the subdistribution hazard.

    Raises
    ------
    EstimationError
        By `fit`: as `CoxPH`.
    ArgumentError
        By `fit`: ``ties="exact"``, ``variance="robust"`` with delayed entry.

    Notes
    -----
    A patient with a competing event at ``T`` weighs ``G(t−)/G(T−)`` in the risk set at ``t > T``, with delayed entry
    ``G(t−)H(t−)/(G(T−)H(T−))``, where ``H`` is the probability of having entered (Geskus). Risks of one cause lie in
    [0, 1]; those of separate models for several causes need not sum to less than 1. Residuals and the test of
    proportional hazards are those of the weighted partial likelihood.

    References
    ----------
    Fine JP, Gray RJ (1999). A proportional hazards model for the subdistribution of a competing risk. J Am Stat Assoc
    94:496–509.
    Geskus RB (2011). Cause-specific cumulative incidence estimation and the Fine and Gray model under both left
    truncation and right censoring. Biometrics 67:39–49.
    """

    _single_cause = False
    _linear_predictor_scale = "log_subdistribution_hazard"
    _instead = "For interval-censored outcomes use DiscreteTimeHazard."
    _has_survival = False

    def __init__(
        self,
        *,
        cause: int = 1,
        ties: str = "efron",
        censoring_ties: str = "events_first",
        censoring_strata: Any = None,
        variance: str = "auto",
        penalty: Any = 0.0,
        penalty_factors: Any = None,
        standardize: bool = True,
        strata: Any = None,
        offset: str | None = None,
        collinear: str = "error",
        max_iter: int = 30,
        tol: float = 1e-9,
        choose: str = "min",
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        super().__init__(
            ties=ties,
            penalty=penalty,
            penalty_factors=penalty_factors,
            standardize=standardize,
            variance=variance,
            strata=strata,
            offset=offset,
            collinear=collinear,
            max_iter=max_iter,
            tol=tol,
            choose=choose,
            cv=cv,
            random_state=random_state,
        )
        self.cause = cause
        self.censoring_ties = censoring_ties
        self.censoring_strata = censoring_strata

    def _check_parameters(self) -> None:
        check_choice("ties", self.ties, ("efron", "breslow"))
        check_choice("censoring_ties", self.censoring_ties, ("events_first", "at_risk"))
        check_choice("variance", self.variance, ("auto", "model", "robust", "robust_fixed"))
        check_choice("collinear", self.collinear, ("error", "drop"))
        check_penalty(self.penalty, self.choose, self.cv)
        check_number("cause", self.cause, low=1, whole=True)

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
    ) -> FineGray:
        """Maximise the weighted partial likelihood; arguments as for `CoxPH.fit`, with all event codes in ``y``."""
        self._check_parameters()
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters)
        if _late_entry(y) is not None and self.variance == "robust":
            raise argument_error(
                "variance",
                '"auto", "robust_fixed" or "model" with delayed entry',
                '"robust"',
                "The sandwich that knows the censoring curve was estimated has no part for the curve of the entries.",
            )
        check_events(y["event"] == self.cause, design.weights, self.cause)
        self._maximise(X, design, folds)
        return self

    @takes_rows()
    def resampler(self, X: Any, y: np.ndarray, *, strata: Any = None, offset: Any = None, clusters: Any = None) -> None:
        """Return None: the censoring curve, and so the weights in the risk sets, is re-estimated in every resample."""
        return None

    @property
    def _own_cause(self) -> int:
        return int(self.cause)

    def _check_cause(self, cause: Any) -> None:
        if cause != self.cause:
            raise argument_error(
                "cause",
                f"{self.cause}, which this FineGray was fitted for",
                cause,
                f"Fit FineGray(cause={cause}), or CauseSpecificCox for all causes at once.",
            )

    def _risk_sets(
        self, X: Any, matrix: np.ndarray, y: np.ndarray, strata: np.ndarray | None, weights: np.ndarray | None
    ) -> CoxData:
        entry = _late_entry(y)
        censoring = self._censoring(X, y, strata, weights, entry)
        return fine_gray_data(matrix, y["time"], y["event"], self.cause, censoring, strata, entry)

    def _fold_sets(
        self, X: Any, design: Design, data: CoxData, train: np.ndarray
    ) -> tuple[CoxData, np.ndarray, np.ndarray | None]:
        """Return risk sets of the training rows alone, whose censoring is estimated from them."""
        part = design.part(train)
        rows = X[train] if hasattr(X, "iloc") else np.asarray(X)[train]
        weights = np.ones(len(part.y)) if part.weights is None else part.weights
        return self._risk_sets(rows, part.X, part.y, part.strata, part.weights), weights, part.offset

    def _censoring(
        self, X: Any, y: np.ndarray, strata: np.ndarray | None, weights: np.ndarray | None, entry: np.ndarray | None
    ) -> CensoringGroups:
        groups = self._censoring_codes(X, y.shape[0], strata)
        rows = np.ones(y.shape[0]) if weights is None else weights
        curves = censoring_groups(y["time"], y["event"], groups, rows, self.censoring_ties == "events_first", entry)
        if entry is not None:
            self._check_tails(y, groups, curves)
        return curves

    def _check_tails(self, y: np.ndarray, groups: np.ndarray, curves: CensoringGroups) -> None:
        """Refuse a gap in the risk sets: the weight of an earlier competing event is not estimable beyond it."""
        competing = (y["event"] != 0) & (y["event"] != self.cause)
        for group in range(len(curves.times)):
            at = y["time"][competing & (groups == group)]
            if at.size and not (curves.left(group, at) > 0).all():
                raise EstimationError(
                    f"A patient had a competing event by {at.max():g} although later no patient was observed for "
                    "a while: with delayed entry the risk sets must not run empty. Start the clock at a later landmark."
                )

    def _robust(self, design: Design) -> bool:
        return self.variance != "model"

    def _row_scores(self, design: Design, pieces: CoxPieces) -> np.ndarray:
        score = pieces.score()
        if self.variance == "robust_fixed" or _late_entry(design.y) is not None:
            return score
        return score + fine_gray_influence(pieces, design.y["time"], design.y["event"])

    def _store_variance(self, design: Design, pieces: CoxPieces) -> None:
        super()._store_variance(design, pieces)
        self._delta: dict[str, np.ndarray] = {}
        late = _late_entry(design.y) is not None
        if not self._robust(design) or late or self.penalty_ > 0 or len(design.strata_levels) > 1:
            return
        if design.clusters is not None and not design.copies_apart:
            return
        weights = np.ones(len(design.y)) if design.weights is None else design.weights
        slopes = self._row_scores(design, pieces) @ self.covariance_model_
        power = weights if design.copies_apart else weights**2
        variance, cross = fine_gray_level(
            pieces, design.y["time"], design.y["event"], slopes, power, self.variance != "robust_fixed"
        )
        self._delta = {"times": pieces.data.times.copy(), "variance": variance, "cross": cross}

    def _level_errors(self, times: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return those of influence functions; without them the baseline of the model, as in `CoxPH`."""
        held = getattr(self, "_delta", {})
        if not held:
            return known, None
        variance, cross = (steps_at([held["times"]], [held[name]], None, times)[0] for name in ("variance", "cross"))
        return variance[None], cross

    @takes_rows()
    def average_prediction(
        self, X: Any, horizons: Any, *, groups: Any, strata: Any = None, offset: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean risks of groups of rows, and the covariance of these means by influence functions.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; the rows are regarded as fixed.
        horizons : float or sequence of float
            In the unit of the study.
        groups : array-like of shape (n,)
            Group of each row; means are in the sorted order of the labels.
        strata, offset : array-like of shape (n,), optional
            As for `predict_risk`.

        Returns
        -------
        tuple of ndarray
            Means, shape (g, n_horizons), and covariances, shape (n_horizons, g, g), with the uncertainty of the
            coefficients, of the baseline and (unless ``variance="robust_fixed"``) of the censoring curve; NaN beyond
            follow-up.

        Raises
        ------
        ArgumentError
            For a fit with strata, clusters or delayed entry and a robust variance, or a locked model.
        """
        self._check_fitted()
        if not getattr(self, "_delta", {}) and self.variance != "model":
            raise argument_error(
                "self",
                'a FineGray without strata, clusters and delayed entry (or variance="model"), and not locked',
                "one whose baseline has no influence functions",
                "Take the bootstrap.",
            )
        return super().average_prediction(X, horizons, groups=groups, strata=strata, offset=offset)

    def _censoring_codes(self, X: Any, n: int, strata: np.ndarray | None) -> np.ndarray:
        if self.censoring_strata is None:
            return np.zeros(n, dtype=np.int64)
        if isinstance(self.censoring_strata, str) and self.censoring_strata == "strata":
            if strata is None:
                raise argument_error("censoring_strata", 'other than "strata" for a fit without strata', '"strata"')
            return strata
        names, _ = take_columns(X, self.censoring_strata, "censoring_strata")
        labels = strata_labels(X[names], n)
        place = {label: code for code, label in enumerate(dict.fromkeys(labels))}
        return np.array([place[label] for label in labels], dtype=np.int64)
