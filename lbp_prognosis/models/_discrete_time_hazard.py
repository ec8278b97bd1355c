"""``DiscreteTimeHazard``: discrete-time hazards of outcomes observed only at scheduled visits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_choice,
    check_number,
    check_vector,
    takes_rows,
)
from lbp_prognosis._kernels import (
    DiscreteHazardFit,
    PersonRows,
    categorical_probabilities,
    discrete_hazard_fit,
    discrete_ridge_path,
    row_products,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._collinear import kept_columns, undetermined
from lbp_prognosis.models._cox_checks import column_factors, column_sd
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._period_effects import (
    certain_periods,
    check_cells,
    check_survivors,
    first_rates,
    incidence_at,
    vanished_periods,
    with_effects,
)
from lbp_prognosis.models._period_layout import PeriodLayout
from lbp_prognosis.models._period_likelihood import not_determined, row_loglik, score_products
from lbp_prognosis.models._person_periods import PersonPeriods, check_visits, person_periods, visit_grid
from lbp_prognosis.models._rare_causes import RARE_CAUSES, is_rare, rare_cause_objections
from lbp_prognosis.models._ridge_choice import check_penalty, chosen_ridge, fold_labels, fold_share, ridge_grid
from lbp_prognosis.survival import OutcomeKind

__all__ = ["DiscreteTimeHazard"]


class DiscreteTimeHazard(RiskEstimator):
    """Discrete-time hazards for events observed at visits, with competing causes.

    One cause: proportional hazards grouped into the periods between visits, h = 1 − exp(−exp(α_k + x·coef)), so that
    coefficients are log hazard ratios of the underlying continuous time. Several causes: a multinomial logit of what
    happens in each period, with effects for each cause.

    Parameters
    ----------
    visits : sequence of float, optional
        The schedule, in the unit of ``y``. By default the distinct endpoints of an interval outcome; needed with
        `Surv.right`, whose times are then grouped: an event counts in its period, a censoring time goes back to the
        last visit passed.
    tolerance : float, default 0.0
        Maximum distance of an endpoint from a visit to be assigned to that visit.
    between : {"refuse", "interpolate"}, default "refuse"
        Treatment of horizons between visits, about which the data contain no information: raise, or take the hazard as
        constant within the period.
    penalty : float or "cv", default 0.0
        Ridge penalty θ: the log-likelihood minus ``θ/2 Σ_j f_j (s_j β_j)²``; periods are free. ``"cv"``
        chooses it among up to 13 by the deviance of held-out patients, as in `CoxPH`.
    penalty_factors : array-like of shape (p,) or mapping of str to float, optional
        Factors ``f_j``, 1 by default; 0 leaves a column unpenalised.
    standardize : bool, default True
        ``s_j`` is the standard deviation of the column over patients (divisor n − 1); otherwise 1.
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust (sandwich over patients or clusters) with clusters or with weights that are not
        frequencies, and the inverse of the observed information otherwise.
    strata : str or list of str, optional
        Columns of ``X`` whose values have period effects of their own.
    offset : str, optional
        Column of ``X`` that enters the linear predictors with coefficient 1.
    collinear : {"error", "drop"}, default "error"
        Treatment of a column that is constant or a combination of preceding columns: raise, or give it the
        coefficient 0. Under a penalty such a column is determined and kept.
    rare_causes : {"same_for_all", "error"}, default "same_for_all"
        Treatment where the effects have no finite estimate and a cause other than 1 has fewer than ten events per
        predictor: give all patients the same odds of it (coefficients 0), the rarest cause first, which is objected to;
        or raise.
    choose : {"min", "one_se"}, default "min"
        Rule for ``penalty="cv"``: the penalty with the smallest cross-validated deviance, or the largest penalty within
        one standard error of that.
    cv : int, default 5
        Number of folds for ``penalty="cv"``. Rows of one cluster stay in one fold.
    random_state : int, Generator or None, default 0
        Draws the folds of ``penalty="cv"``.

    Attributes
    ----------
    penalty_ : float
        The penalty used.
    cv_ : DataFrame or None
        For ``penalty="cv"``: ``penalty, mean, se``, the mean deviance of a held-out row (event).
    visits_ : ndarray of shape (K,)
        Visits up to the last at which a patient was at risk.
    coef_ : ndarray of shape (p,) or (n_causes, p)
        Effects, one row per cause in the order of ``causes_``; one-dimensional for a single cause.
    alpha_ : ndarray of shape (n_causes, n_strata, K)
        Period effects of a row of zeros; −inf in a period in which no patient had the event, inf in one in which all
        patients at risk had it.
    covariance_ : ndarray
        Covariance of ``coef_``, flattened by row.
    variance_ : str
        ``"model"`` or ``"robust"``.
    alpha_se_ : ndarray of the shape of ``alpha_``
        Standard errors of the period effects, at predictors 0.
    log_likelihood_, log_likelihood_null_ : float
        Log likelihood at the estimates, and with the period effects (and the offset) only.
    df_ : float
        Number of effects of predictors, effective under a penalty.
    n_rows_, n_spans_, n_mapped_, n_floored_, n_uninformative_ : int
        Person-periods; events known only up to several periods; endpoints assigned to a visit within the tolerance;
        censoring times moved back to the last visit; patients without information.
    rare_causes_ : dict of int to int
        Causes of which all patients have the same odds, with their events.
    n_iter_ : int
        Newton iterations.

    Notes
    -----
    With visits on one schedule the likelihood is that of a binary (multinomial) regression of person-periods. An event
    found after missed visits adds the sum over the periods it may lie in, which is exact and needs no imputed date.
    With delayed entry, a patient is at risk from the first period that begins at or after entry.

    References
    ----------
    Prentice RL, Gloeckler LA (1978). Regression analysis of grouped survival data with application to breast cancer
    data. Biometrics 34, 57–67. doi:10.2307/2529588

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import DiscreteTimeHazard
    >>> y = Surv.interval([0, 0, 3, 3, 6, 6], [3, 3, 6, 6, np.inf, np.inf])
    >>> model = DiscreteTimeHazard().fit(np.array([[0], [1], [0], [1], [1], [0.0]]), y)
    >>> model.predict_risk(np.array([[0.0]]), [3, 6]).round(4).tolist()
    [[0.3333, 0.6667]]
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("interval", "right")
    _instead: ClassVar[str] = "For a state at one visit use LogisticRisk."
    weights_equal_copies: ClassVar[bool] = True
    _allow_no_column: ClassVar[bool] = True

    def __init__(
        self,
        visits: Any = None,
        *,
        tolerance: float = 0.0,
        between: str = "refuse",
        penalty: Any = 0.0,
        penalty_factors: Any = None,
        standardize: bool = True,
        variance: str = "auto",
        strata: Any = None,
        offset: str | None = None,
        collinear: str = "error",
        rare_causes: str = "same_for_all",
        choose: str = "min",
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.visits = visits
        self.tolerance = tolerance
        self.between = between
        self.penalty = penalty
        self.penalty_factors = penalty_factors
        self.standardize = standardize
        self.variance = variance
        self.strata = strata
        self.offset = offset
        self.collinear = collinear
        self.rare_causes = rare_causes
        self.choose = choose
        self.cv = cv
        self.random_state = random_state

    def _check_parameters(self) -> None:
        check_choice("between", self.between, ("refuse", "interpolate"))
        check_choice("variance", self.variance, ("auto", "model", "robust"))
        check_choice("collinear", self.collinear, ("error", "drop"))
        check_choice("rare_causes", self.rare_causes, RARE_CAUSES)
        check_penalty(self.penalty, self.choose, self.cv)
        check_number("tolerance", self.tolerance, low=0)

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        super()._check_columns(names, y)
        check_visits(y, self.visits)

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
    ) -> DiscreteTimeHazard:
        """Fit by (penalised) maximum likelihood.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Surv.interval`, or by `Surv.right` with a schedule of visits.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : array-like of shape (n,), optional
            Labels of separate period effects.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictors.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit, a patient by default; they stay in one fold.
        folds : array-like of shape (n,), optional
            Fold of each row, instead of ``cv``.

        Raises
        ------
        EstimationError
            Without events, or if the likelihood has no finite maximum.
        OutcomeError
            If intervals do not begin and end at visits.
        """
        self._check_parameters()
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters)
        if self.causes_.size == 0:
            raise EstimationError(f"DiscreteTimeHazard needs events to fit; there is none among {y.shape[0]} rows.")
        grid = visit_grid(y, design.kind, self.visits)
        rows = person_periods(y, design.kind, grid, float(self.tolerance), self.causes_)
        if design.weights is not None:
            rows = rows.where((design.weights > 0)[rows.person])
        if rows.person.size == 0 or not (rows.response > 0).any():
            raise EstimationError("DiscreteTimeHazard needs an event by the last visit; all events lie beyond it.")
        self.visits_ = grid[: int(rows.period.max()) + 1]
        self.max_time_ = float(self.visits_[-1])
        self.score_horizons_ = self.visits_[np.unique(rows.period[rows.response > 0])][-3:]
        self.n_rows_, self.n_spans_, self.n_mapped_ = rows.person.size, rows.n_spans, rows.n_mapped
        self.n_floored_, self.n_uninformative_ = rows.n_floored, rows.n_uninformative
        self._choose_penalty(design, rows, folds)
        self._fit_rows(design, rows)
        return self

    @property
    def folds_keep_clusters(self) -> bool:
        """Whether resampling must identify copies of patients, so that folds keep them together."""
        return self.penalty == "cv"

    def _choose_penalty(self, design: Design, rows: PersonPeriods, folds: Any) -> None:
        """Set ``penalty_`` and ``cv_``: held-out patients are scored by minus twice their log-likelihood."""
        self.penalty_, self.cv_ = 0.0, None
        if self.penalty != "cv" or design.X.shape[1] == 0:
            self.penalty_ = 0.0 if self.penalty == "cv" else float(self.penalty)
            return
        n = design.X.shape[0]
        weights = np.ones(n) if design.weights is None else design.weights
        event = np.bincount(rows.person[rows.response > 0], minlength=n) > 0
        labels = fold_labels(folds, self.cv, event, design.clusters, self.random_state)
        grid = ridge_grid(float(weights @ event))
        counted = design.weights is None or design.frequency

        def deviances(train: np.ndarray) -> Iterator[float]:
            trial = self._like()
            inside = rows.where(train[rows.person])
            kind = "frequency" if counted else design.weight_kind
            part = replace(design, weights=weights * train, weight_kind=kind)
            trial.visits_ = self.visits_[: int(inside.period.max()) + 1]
            held = rows.where((~train)[rows.person] & (rows.period < trial.visits_.size))
            # sampling weights do not enter the scale of a column, which is then that of all patients
            share = fold_share(weights, train, standardize=self.standardize and counted, frequency=True)
            for own in trial._path(part, inside, held, grid * share):
                yield -2 * float(weights[held.person] @ row_loglik(held, own))

        self.penalty_, self.cv_ = chosen_ridge(grid, labels, weights * event, deviances, self.choose)

    def _like(self) -> DiscreteTimeHazard:
        """Return an unfitted copy that knows the columns, causes and strata."""
        trial = clone(self).set_params(variance="model")
        trial.n_features_in_, trial.causes_ = self.n_features_in_, self.causes_
        trial.strata_levels_ = self.strata_levels_
        if hasattr(self, "feature_names_in_"):
            trial.feature_names_in_ = self.feature_names_in_
        return trial

    def _path(
        self, design: Design, rows: PersonPeriods, held: PersonPeriods, penalties: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Yield hazards (m, n_causes) of the rows ``held`` for a fit to ``rows`` at one penalty after the other."""
        self.penalty_ = float(penalties[0])
        layout = self._laid_out(design, rows)
        codes = np.zeros(design.X.shape[0], dtype=np.int64) if design.strata is None else design.strata
        cell = codes[held.person] * self.visits_.size + held.period
        offset = np.minimum(layout.fixed, 500.0).T[cell]
        if design.offset is not None:
            offset = offset + design.offset[held.person][:, None]
        inside = PersonRows(
            layout.X,
            layout.rows.person,
            layout.cell,
            layout.rows.response,
            layout.rows.span,
            layout.weights,
            np.zeros(design.X.shape[0]) if design.offset is None else design.offset,
            layout.fixed == 0,
            layout.free,
        )
        ridges = penalties[:, None] * layout.ridge
        path = discrete_ridge_path(inside, ridges, link=layout.link, start=layout.start)
        for penalty, theta in zip(penalties, path):
            if theta is None:  # the fit says why, or does without the effects on a rare cause
                self.penalty_ = float(penalty)
                self._fit_rows(design, rows)
                hazards, _ = self._hazards(design.X, design.strata, design.offset)
                yield hazards[held.person, held.period]
                continue
            cells = layout.fixed.shape[1]
            eta = theta[:, :cells].T[cell] + (layout.X @ theta[:, cells:].T)[held.person] + offset
            yield categorical_probabilities(eta, layout.link)[:, 1:]

    def _laid_out(self, design: Design, rows: PersonPeriods) -> PeriodLayout:
        names, causes, periods = self._names(), self.causes_.size, self.visits_.size
        weights = np.ones(design.X.shape[0]) if design.weights is None else design.weights
        used = weights > 0
        kept = np.ones(len(names), dtype=bool)
        if self.penalty_ == 0:
            kept = kept_columns(design.X, design.weights, names, self.collinear)
        centre, scale = design.X[used].mean(axis=0), column_sd(design.X[used], None, "n")
        X = ((design.X - centre) / scale)[:, kept]
        counts = design.weights if design.frequency else None
        factors = column_factors(self.penalty_factors, names, "penalty_factors")
        ridge = factors * column_sd(design.X, counts, "n-1") ** 2 if self.standardize else factors
        codes = np.zeros(design.X.shape[0], dtype=np.int64) if design.strata is None else design.strata
        cell = codes[rows.person] * periods + rows.period
        cells = max(len(design.strata_levels), 1) * periods
        check_cells(cell, cells, weights[rows.person], self.visits_, self.strata_levels_)
        check_survivors(rows, cell, cells, causes, self.visits_, self.strata_levels_)
        fixed = certain_periods(rows, cell, cells, causes)
        open_cells = np.asarray(~np.isposinf(fixed).any(axis=0))
        if not (rows.response[open_cells[cell]] > 0).any():
            raise EstimationError("DiscreteTimeHazard: in every period all patients at risk had the event.")
        rows, cell = rows.where(open_cells[cell]), cell[open_cells[cell]]
        possible = fixed == 0
        offset = fixed.T[cell]
        if design.offset is not None:
            offset = offset + design.offset[rows.person][:, None]
        weights = weights[rows.person]
        rates = first_rates(rows, cell, cells, causes, weights, possible)
        return PeriodLayout(
            X=X,
            standard=(centre, scale, kept),
            ridge=(ridge / scale**2)[kept],
            rows=rows,
            cell=cell,
            weights=weights,
            offset=offset,
            fixed=fixed,
            free=np.hstack([possible, np.ones((causes, X.shape[1]), dtype=bool)]),
            start=np.hstack([rates, np.zeros((causes, X.shape[1]))]),
            link="cloglog" if causes == 1 else "logit",
        )

    def _fit_rows(self, design: Design, rows: PersonPeriods) -> None:
        layout = self._laid_out(design, rows)
        X, rows, free, start = layout.X, layout.rows, layout.free, layout.start
        causes, cells = layout.fixed.shape
        dummies = np.zeros((rows.person.size, cells))
        dummies[np.arange(rows.person.size), layout.cell] = 1.0
        inner = np.hstack([dummies, X[rows.person]])
        penalty = np.concatenate([np.zeros(cells), self.penalty_ * layout.ridge])
        fit = {"categories": causes, "link": layout.link, "weights": layout.weights, "offset": layout.offset}
        copies = design.counts
        rare = self._rare(rows, copies, X.shape[1])
        self.rare_causes_: dict[int, int] = {}
        while True:
            found = discrete_hazard_fit(inner, rows.response, rows.span, free=free, penalty=penalty, start=start, **fit)
            determined = found.converged and not undetermined(found.information)
            if determined:
                break
            empty = vanished_periods(found.coef[:, :cells], rows, layout.cell, free[:, :cells])
            if empty.any():  # the maximum has no event there
                free[:, :cells] &= ~empty
                layout.fixed[empty] = -np.inf
                layout.offset[empty.T[layout.cell]] = -np.inf
                continue
            if not rare:
                break
            code, events = rare.pop(0)
            self.rare_causes_[code] = events
            free[int(np.searchsorted(self.causes_, code)), cells:] = False
        if not determined:
            effects, names = np.abs(found.coef[:, cells:]), self._names()
            factors = column_factors(self.penalty_factors, names, "penalty_factors")
            raise not_determined(effects, np.ptp(X, axis=0), names, layout.standard[2], self.penalty_, factors)
        null = discrete_hazard_fit(
            dummies,
            rows.response,
            rows.span,
            free=free[:, :cells],
            penalty=penalty[:cells],
            start=start[:, :cells],
            **fit,
        )
        self.log_likelihood_, self.log_likelihood_null_, self.n_iter_ = found.loglik, null.loglik, found.iterations
        alpha = self._store(design, rows, inner, found, free, penalty, layout.standard)
        self.alpha_ = np.where(free[:, :cells], alpha, layout.fixed).reshape(causes, -1, self.visits_.size)

    def _rare(self, rows: PersonPeriods, copies: np.ndarray, columns: int) -> list[tuple[int, int]]:
        """Return competing causes with fewer than ten events per column and their events, the rarest first."""
        if self.rare_causes == "error" or columns == 0:
            return []
        found = []
        for place, code in enumerate(self.causes_.tolist()):
            people = np.unique(rows.person[rows.response == place + 1])
            events = float(copies[people].sum())
            if code != self._own_cause and is_rare(events, columns):
                found.append((code, int(events)))
        if len(found) == self.causes_.size:
            return []  # without effects on any cause, no model can be fitted
        return sorted(found, key=lambda pair: pair[1])

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: causes with the same odds for all patients."""
        return rare_cause_objections(self.rare_causes_, self.n_features_in_)

    def _store(
        self,
        design: Design,
        rows: PersonPeriods,
        inner: np.ndarray,
        found: DiscreteHazardFit,
        free: np.ndarray,
        penalty: np.ndarray,
        standard: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> np.ndarray:
        """Set effects and their covariance on the user's columns; return the period effects ``(J, cells)``."""
        centre, scale, kept = standard
        causes, width, p = free.shape[0], inner.shape[1], kept.size
        cells = width - int(kept.sum())
        inverse = np.linalg.inv(found.information)
        ridge = np.tile(penalty, causes)[free.ravel()]
        self.df_ = float(np.trace(inverse @ (found.information - np.diag(ridge)))) - int(free[:, :cells].sum())
        robust = design.robust(self.variance)
        self.variance_ = "robust" if robust else "model"
        if robust:
            meat = score_products(design, rows, inner, found)[np.ix_(free.ravel(), free.ravel())]
            inverse = inverse @ meat @ inverse
        full = np.zeros((causes * width, causes * width))
        full[np.ix_(free.ravel(), free.ravel())] = inverse
        # back to the user's columns: period effects take up the centring
        one = np.zeros((cells + p, width))
        one[np.arange(cells), np.arange(cells)] = 1.0
        one[:cells, cells:] = -(centre / scale)[kept]
        one[cells + np.flatnonzero(kept), cells + np.arange(width - cells)] = 1 / scale[kept]
        back = np.kron(np.eye(causes), one)
        theta = (back @ found.coef.ravel()).reshape(causes, -1)
        covariance = back @ full @ back.T
        effect = (np.arange(causes)[:, None] * (cells + p) + cells + np.arange(p)).ravel()
        self.covariance_ = covariance[np.ix_(effect, effect)]
        self.coef_ = theta[0, cells:] if causes == 1 else theta[:, cells:]
        shape = (causes, -1, self.visits_.size)
        se = np.sqrt(np.maximum(np.diag(covariance), 0)).reshape(causes, -1)[:, :cells]
        self.alpha_se_ = np.where(free[:, :cells], se, np.nan).reshape(shape)
        return theta[:, :cells]

    # ---- predictions -------------------------------------------------------------------------------------------

    def _hazards(
        self, X: np.ndarray, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return hazards ``(n, K, n_causes)`` and survival at the visits ``(n, K)``."""
        codes = np.zeros(X.shape[0], dtype=np.int64) if strata is None else strata
        effect = row_products(X, np.atleast_2d(self.coef_).T) + (0.0 if offset is None else offset[:, None])
        eta = with_effects(self.alpha_[:, codes, :].transpose(1, 2, 0), effect[:, None, :])
        link = "cloglog" if eta.shape[2] == 1 else "logit"
        p = categorical_probabilities(eta.reshape(-1, eta.shape[2]), link).reshape(*eta.shape[:2], eta.shape[2] + 1)
        return p[:, :, 1:], np.cumprod(p[:, :, 0], axis=1)

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        if strata is None and self.strata_levels_:
            raise argument_error(
                "strata", "given, as at fit", "None", "A risk needs the period effects of the stratum of each row."
            )
        hazards, survival = self._hazards(X, strata, offset)
        mine = int(np.searchsorted(self.causes_, cause))
        return incidence_at(hazards, survival, mine, self.visits_, horizons, self.between)

    @property
    def linear_predictor_scale(self) -> str:
        """Scale of ``linear_predictor``: log hazard of one cause; log odds against no event in a period of several."""
        return "log_hazard" if getattr(self, "causes_", np.ones(1)).size == 1 else "log_odds"

    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1, *, offset: Any = None) -> np.ndarray:
        """Return x·coef + offset of one cause: higher means sooner; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        cause : int, default 1
            Event code.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictors.
        """
        matrix, _, shift = self._start_predict(X, None, offset, with_strata=False)
        self._check_cause(cause)
        effect = np.atleast_2d(self.coef_)[int(np.searchsorted(self.causes_, cause))]
        return row_products(matrix, effect) + (0.0 if shift is None else shift)

    def baseline_cumulative_hazard(self, times: Any, *, stratum: Any = None) -> np.ndarray:
        """Return −log P(no event of any cause by a visit) at predictors and offset 0.

        Parameters
        ----------
        times : array-like of shape (k,)
            Visits (0 is allowed), in the unit of the training outcome.
        stratum : object, optional
            Label of the stratum, if there are strata.
        """
        self._check_fitted()
        at = check_vector("times", np.atleast_1d(times), low=0)
        grid = np.concatenate([[0.0], self.visits_])
        place = np.abs(grid[:, None] - at).argmin(axis=0)
        if not np.allclose(grid[place], at, rtol=1e-8, atol=0):
            raise argument_error("times", f"among 0 and the visits {self.visits_.tolist()}", str(at.tolist()))
        codes = self._strata_codes(None if stratum is None else [stratum], 1)
        survival = self._hazards(np.zeros((1, self.n_features_in_)), codes, None)[1][0]
        with np.errstate(divide="ignore"):
            return -np.log(np.concatenate([[1.0], survival]))[place]

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per cause and predictor.

        Columns ``term, coef, hr, low, high, se, z, p, confidence, variance, coef_low, coef_high, cause``; the ratio is
        called ``or`` (odds against no event in the period) with several causes.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        causes = self.causes_.size
        table = coefficient_table(
            self._names() * causes,
            self.coef_.ravel(),
            self.covariance_,
            ratio="hr" if causes == 1 else "or",
            confidence=confidence,
            variance=self.variance_,
        )
        table["cause"] = np.repeat(self.causes_, len(self._names()))
        return table
