"""`PriorityCox`: blocks of predictors in clinical order, each explaining what those before it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    argument_error,
    check_choice,
    check_number,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import cox_baseline, discrete_baseline, row_products
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._cox_checks import check_events, column_name
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._elastic_net_cox import ElasticNetCox
from lbp_prognosis.models._event_folds import event_folds
from lbp_prognosis.models._hazard_steps import events_at, steps_at
from lbp_prognosis.models._incidence_curves import incidence_curves
from lbp_prognosis.models._modality_blocks import columns_made_of
from lbp_prognosis.models._rare_causes import RARE_CAUSES, NotDetermined, events_of, is_rare, rare_cause_objections
from lbp_prognosis.models._survival_regression import SurvivalRegression, risk_from_origin
from lbp_prognosis.survival import Surv, Weights

__all__ = ["PriorityCox"]


class PriorityCox(SurvivalRegression, RiskEstimator):
    """Cox model fitted block by block in order of priority; later blocks take earlier ones as offset.

    Blocks are fitted in the order given: the score of the blocks before enters each fit as an offset, so a later
    block is only used for what earlier ones can't explain (priority-Lasso). Rows may lack whole blocks.

    Parameters
    ----------
    blocks : mapping of str to sequence of str
        Columns of each block (column numbers for an array; what `OneHot` and splines made of them included), in order
        of priority. Together they contain all columns of ``X``; blocks and single columns that ``X`` lacks are left
        out, so that validation can refit without them.
    unpenalised : sequence of str, default ()
        Blocks fitted by `CoxPH` instead of `ElasticNetCox`.
    l1_ratio : float, default 1.0
        Mixing parameter of the penalised blocks, as in `ElasticNetCox`.
    choose : {"min", "1se"}, default "min"
        Penalty of each block, as in `ElasticNetCox`.
    cv : int, default 5
        Folds that choose the penalties.
    cross_fit : int, default 5
        Folds that predict the offset of each row by models fitted without it; 0 uses the fitted scores themselves,
        which are too good on their own rows and leave later blocks too little.
    missing : {"conditional", "mean", "ignore", "impute_offset"}, default "conditional"
        Score of a block that a row lacks: its mean given the score of the blocks before (a straight line among the rows
        that have it); its mean; nothing, so that the row keeps the score of the blocks before; or its mean given the
        columns of the first block and the scores of the other blocks before, by least squares. The last two are
        ``handle.missingdata`` of R's prioritylasso, which regresses on all other blocks instead.
    ties : {"efron", "breslow"}, default "efron"
        As in `CoxPH`.
    strata, offset
        Columns of ``X``, as in `CoxPH`.
    rare_causes : {"same_for_all", "error"}, default "same_for_all"
        Treatment where a cause other than 1 cannot be fitted and has fewer than ten events per predictor: give all
        patients the same hazard of it, which is objected to, or raise.
    random_state : int, Generator or None, default 0
        Draws the folds.

    Attributes
    ----------
    left_out_ : tuple of str
        Blocks, and single columns of the others, that the training table lacked.
    models_ : dict of str to CoxPH or ElasticNetCox
        The model of each block, for cause 1.
    other_causes_ : dict of int to PriorityCox or CoxPH
        The model of each competing cause, by code: of the same blocks, with penalties of its own, or without
        predictors if the cause is rare.
    rare_causes_ : dict of int to int
        Causes whose hazard is the same for all, with their events.
    increments_ : dict of int to list of ndarray
        With competing causes, for each cause and stratum: the hazard's increments that meet the product limit.
    coef_ : ndarray of shape (p,)
        Log hazard ratios, in the order of the columns; with competing causes those of cause 1.
    substitutes_ : dict of str to ndarray
        Coefficients of the score of a missing block: intercept, then slopes of the score before it (with
        ``"impute_offset"``, of the scores before it and of the first block's columns).
    centre_ : ndarray of shape (p,)
        Means of the columns among the rows that have them; scores are measured from there.
    baseline_times_, baseline_hazard_ : list of ndarray
        For each stratum: event times and cumulative hazard of a row with score 0.

    Raises
    ------
    EstimationError
        By `fit`, naming the block: what its model raises.
    ArgumentError
        If a row lacks some, but not all, columns of a block, or any of the first block.

    Notes
    -----
    With competing causes each cause has its own hazard model (the others are censored in it), and risks are combined by
    the product limit as in `CauseSpecificCox`: risks of all causes and event-free survival sum to 1. With one cause the
    risk is 1 − exp(−H), with Efron's or Breslow's cumulative hazard.

    References
    ----------
    Klau S, Jurinovic V, Hornung R, Herold T, Boulesteix AL (2018). Priority-Lasso: a simple hierarchical approach to
    the prediction of clinical outcome using multi-omics data. BMC Bioinformatics 19:322.
    doi:10.1186/s12859-018-2344-6
    """

    folds_keep_clusters = True  # tuning folds never part rows of one cluster: resampling passes who is a copy of whom
    _linear_predictor_scale = "log_hazard"
    _allow_missing = True
    _instead = "For interval-censored outcomes use DiscreteTimeHazard."

    def __init__(
        self,
        blocks: Mapping[str, Sequence[str]] | None = None,
        *,
        unpenalised: Sequence[str] = (),
        l1_ratio: float = 1.0,
        choose: str = "min",
        cv: int = 5,
        cross_fit: int = 5,
        missing: str = "conditional",
        ties: str = "efron",
        strata: Any = None,
        offset: str | None = None,
        rare_causes: str = "same_for_all",
        random_state: Any = 0,
    ) -> None:
        self.blocks = blocks
        self.unpenalised = unpenalised
        self.l1_ratio = l1_ratio
        self.choose = choose
        self.cv = cv
        self.cross_fit = cross_fit
        self.missing = missing
        self.ties = ties
        self.strata = strata
        self.offset = offset
        self.rare_causes = rare_causes
        self.random_state = random_state

    def _check_parameters(self) -> None:
        check_choice("missing", self.missing, ("conditional", "mean", "ignore", "impute_offset"))
        check_choice("choose", self.choose, ("min", "1se"))
        check_choice("rare_causes", self.rare_causes, RARE_CAUSES)
        check_number("cross_fit", self.cross_fit, low=0, whole=True)
        check_choice("ties", self.ties, ("efron", "breslow", "exact"))
        if isinstance(self.blocks, Mapping) and set(self.blocks) - set(self.unpenalised):
            check_choice("ties", self.ties, ("efron", "breslow"))
            check_number("l1_ratio", self.l1_ratio, low=0, high=1)
            check_number("cv", self.cv, low=2, whole=True)

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
    ) -> PriorityCox:
        """Fit the blocks one after the other; arguments as for `CoxPH.fit`, but whole blocks of a row may be NaN."""
        self._check_parameters()
        design = self._start_fit(X, y, sample_weight, strata, offset, clusters)
        check_events(y["event"] == 1, design.weights)
        self._fit_blocks(design)
        self._fit_other_causes(design)
        return self

    def _fit_blocks(self, design: Design) -> None:
        """Fit the blocks to the hazard of cause 1 in sequence, and its baseline."""
        places = self._places()
        self.left_out_ = self._lacking(places)
        present = self._present(design.X, places)
        y, n = design.y, design.y.shape[0]
        base = np.zeros(n) if design.offset is None else design.offset
        carried, fitted = base.copy(), np.zeros(n)  # offsets for the next block; score of the final models
        crossed_before, fitted_before = np.empty((n, 0)), np.empty((n, 0))  # the same, block by block
        first = np.nan_to_num(design.X[:, next(iter(places.values()))])
        self.models_: dict[str, Any] = {}
        self.substitutes_: dict[str, np.ndarray] = {}
        self.centre_ = _centre(design.X, design.weights)
        self.coef_ = np.zeros(design.X.shape[1])
        folds = self._folds(design)
        for name, columns in places.items():
            rows = present[name]
            model = self._fit_block(design, name, columns, rows, carried)
            self.models_[name] = model
            self.coef_[columns] = model.coef_
            score = self._score(design.X, columns, model.coef_)
            crossed = score if folds is None else self._crossed(design, name, columns, rows, carried, folds)
            weights = np.ones(int(rows.sum())) if design.weights is None else design.weights[rows]
            known = self._known_of(fitted_before, first)
            self.substitutes_[name] = self._line(known[rows], score[rows], weights)
            crossed = np.where(
                rows, crossed, _predicted(self._known_of(crossed_before, first), self.substitutes_[name])
            )
            score = np.where(rows, score, _predicted(known, self.substitutes_[name]))
            crossed_before = np.column_stack([crossed_before, crossed])
            fitted_before = np.column_stack([fitted_before, score])
            carried, fitted = carried + crossed, fitted + score
        steps = cox_baseline(
            y["time"],
            y["event"] == 1,
            fitted + base,
            entry=design.entry,
            strata=design.strata,
            weights=design.weights,
            ties=self.ties,
            frequency=design.frequency,
        )
        self.baseline_times_ = [times for times, _ in steps]
        self.baseline_hazard_ = [hazard for _, hazard in steps]
        mine = design.y["event"] == 1
        self.baseline_events_ = events_at(self.baseline_times_, design.y["time"], mine, design.strata)

    # ---- competing causes --------------------------------------------------------------------------------------

    def _fit_other_causes(self, design: Design) -> None:
        """Fit the hazard of each competing cause, and the increments of all that meet the product limit."""
        others = [int(code) for code in self.causes_ if code != 1]
        self.rare_causes_: dict[int, int] = {}
        self.other_causes_: dict[int, PriorityCox | CoxPH] = {code: self._fit_cause(design, code) for code in others}
        self.increments_: dict[int, list[np.ndarray]] = {}
        if not others:
            return
        for code, eta in zip((1, *others), self._scores_of_causes(design.X).T):
            steps = discrete_baseline(
                design.y["time"],
                design.y["event"] == code,
                eta if design.offset is None else eta + design.offset,
                entry=design.entry,
                strata=design.strata,
                weights=design.weights,
            )
            self.increments_[code] = [values for _, values in steps]

    def _fit_cause(self, design: Design, code: int) -> PriorityCox | CoxPH:
        X: Any = design.X
        if hasattr(self, "feature_names_in_"):
            X = pd.DataFrame(X, columns=self._names())
        y = Surv.right(design.y["time"], design.y["event"] == code, entry=design.entry)
        given = {
            "sample_weight": None
            if design.weights is None
            else Weights(design.weights, design.weight_kind or "sampling"),
            "strata": design.strata,
            "offset": design.offset,
            "clusters": design.clusters,
        }
        model: PriorityCox = clone(self).set_params(strata=None, offset=None)
        try:
            return model.fit(X, y, **given)
        except NotDetermined as error:
            events = events_of(design, code)
            if self.rare_causes == "error" or not is_rare(events, design.X.shape[1]):
                raise NotDetermined(f"Cause {code}: {error}") from error
            self.rare_causes_[code] = int(events)
            return CoxPH(ties=self.ties).fit(design.X[:, :0], y, **given)
        except EstimationError as error:
            raise EstimationError(f"Cause {code}: {error}") from error

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: modalities that its table lacked; causes whose hazard is assumed equal for all."""
        self._check_fitted()
        gone = getattr(self, "left_out_", ())  # models of earlier files were fitted to all
        lost = (objection("modality-left-out", names=", ".join(map(repr, gone))),) if gone else ()
        return (*lost, *rare_cause_objections(self.rare_causes_, self.n_features_in_))

    def _of_cause(self, cause: Any) -> PriorityCox | CoxPH:
        self._check_cause(cause)
        return self if int(cause) == 1 else self.other_causes_[int(cause)]

    def _scores_of_causes(self, X: np.ndarray) -> np.ndarray:
        """Return the score of each cause, 1 first, without offset; ``(n, k)``."""
        return np.column_stack([_total(self._of_cause(code), X) for code in (1, *self.other_causes_)])

    def _curves(
        self, X: np.ndarray, horizons: np.ndarray, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        """Incidence of each cause, 1 first, and survival, ``(n, horizons, causes + 1)``."""
        eta = self._scores_of_causes(X)
        with np.errstate(over="ignore"):
            relative = np.exp(eta if offset is None else eta + offset[:, None])
        models = [self._of_cause(code) for code in self.increments_]
        times = [model.baseline_times_ for model in models]
        return incidence_curves(times, list(self.increments_.values()), relative, horizons, strata)

    # ---- blocks ------------------------------------------------------------------------------------------------

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        super()._check_columns(names, y)
        self._with_names(names)._places()

    def _places(self) -> dict[str, np.ndarray]:
        names = self._names()
        if not isinstance(self.blocks, Mapping) or not self.blocks:
            raise argument_error(
                "blocks",
                "a mapping from block to columns, in order of priority",
                self.blocks,
                'Name them: {"clinical": ["age", "sex"], "imaging": ["height"]}.',
            )
        named = self._named_blocks(names)
        blocks = {name: [c for c in columns if c in names] for name, columns in named.items()}
        blocks = {name: columns for name, columns in blocks.items() if columns or not named[name]}
        listed = [column for columns in blocks.values() for column in columns]
        wrong = [column for column in listed if listed.count(column) > 1]
        if set(names) - set(listed):  # a column absent from `X` is then probably a typing error: both are named
            wrong = sorted({column for columns in named.values() for column in columns} ^ set(names), key=str)
        if wrong:
            raise argument_error(
                "blocks", "a mapping in which each column of `X` occurs once", f"{wrong[:6]} missing, unknown or twice"
            )
        unknown = [name for name in self.unpenalised if name not in self.blocks]
        if unknown:
            raise argument_error("unpenalised", f"among the blocks {list(self.blocks)}", f"{unknown}")
        return {
            name: np.array([names.index(column) for column in columns], dtype=np.int64)
            for name, columns in blocks.items()
        }

    def _named_blocks(self, names: list[Any]) -> dict[str, list[Any]]:
        """Return the columns that the blocks name, there or not."""
        return {
            name: [each for c in columns for each in _made_of(column_name(c, names), names)]
            for name, columns in (self.blocks or {}).items()
        }

    def _lacking(self, places: dict[str, np.ndarray]) -> tuple[str, ...]:
        """Return the blocks that the table lacks, and columns of the others that it lacks."""
        names = self._names()
        named = self._named_blocks(names)
        lost = [column for name in places for column in named[name] if column not in names]
        return tuple(map(str, [*(name for name in named if name not in places), *lost]))

    def _present(self, X: np.ndarray, places: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        out = {}
        for k, (name, columns) in enumerate(places.items()):
            holes = np.isnan(X[:, columns])
            bad = holes.any(axis=1) if k == 0 else holes.any(axis=1) & ~holes.all(axis=1)
            if bad.any():
                rows = np.flatnonzero(bad)[:5].tolist()
                what = "complete in the first block" if k == 0 else "complete or wholly missing in each block"
                raise argument_error(
                    "X",
                    what,
                    f"single missing cells in block {name!r} at rows {rows}",
                    "Impute cells inside the pipeline; only whole blocks may be missing.",
                )
            out[name] = ~holes.any(axis=1)
        return out

    def _folds(self, design: Design) -> np.ndarray | None:
        if self.cross_fit < 2:
            return None
        return event_folds(
            self.cross_fit, design.y["event"] == 1, design.clusters, self.random_state, argument="cross_fit"
        )

    def _fit_block(
        self, design: Design, name: str, columns: np.ndarray, rows: np.ndarray, carried: np.ndarray
    ) -> CoxPH | ElasticNetCox:
        if name in self.unpenalised:
            model: CoxPH | ElasticNetCox = CoxPH(ties=self.ties)
        else:
            model = ElasticNetCox(
                l1_ratio=self.l1_ratio, choose=self.choose, cv=self.cv, ties=self.ties, random_state=0
            )
        names = self._names()
        X = pd.DataFrame(design.X[np.ix_(rows, columns)], columns=[names[j] for j in columns])
        take = lambda values: None if values is None else values[rows]  # noqa: E731
        weights = None if design.weights is None else Weights(design.weights[rows], design.weight_kind or "sampling")
        # other causes are censored here; rows are in order already, so that labels of the outcome are left behind
        outcome = Surv.right(design.y["time"][rows], design.y["event"][rows] == 1, entry=take(design.entry))
        try:
            return model.fit(
                X,
                outcome,
                sample_weight=weights,
                strata=take(design.strata),
                offset=carried[rows],
                clusters=take(design.clusters),
            )
        except EstimationError as error:  # of its own kind, which says whether another hazard may stand in
            kind = NotDetermined if isinstance(error, NotDetermined) else EstimationError
            raise kind(f"Block {name!r}: {error}") from error

    def _crossed(
        self, design: Design, name: str, columns: np.ndarray, rows: np.ndarray, carried: np.ndarray, folds: np.ndarray
    ) -> np.ndarray:
        """Score of each row by a model fitted without its fold."""
        out = np.zeros(rows.size)
        for fold in range(int(folds.max()) + 1):
            held = rows & (folds == fold)
            if held.any():
                model = self._fit_block(design, name, columns, rows & (folds != fold), carried)
                out[held] = self._score(design.X[held], columns, model.coef_)
        return out

    def _score(self, X: np.ndarray, columns: np.ndarray, coef: np.ndarray) -> np.ndarray:
        return row_products(np.nan_to_num(X[:, columns] - self.centre_[columns]), coef)

    def _known_of(self, before: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Predictors of the score of a missing block: scores of the blocks before it (n, k)."""
        if self.missing == "impute_offset":
            return np.column_stack([before, first])
        return before.sum(axis=1)[:, None]

    def _line(self, known: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Weighted least squares of a block's score, intercept first."""
        out = np.zeros(known.shape[1] + 1)
        if self.missing == "ignore":
            return out
        share = weights / weights.sum()
        middle = share @ known
        out[0] = share @ score
        if self.missing != "mean":
            root = np.sqrt(share)
            out[1:] = np.linalg.lstsq(root[:, None] * (known - middle), root * (score - out[0]), rcond=1e-10)[0]
            out[0] -= out[1:] @ middle
        return out

    # ---- predictions -------------------------------------------------------------------------------------------

    def _scores(self, X: np.ndarray) -> dict[str, np.ndarray]:
        places = self._places()
        present = self._present(X, places)
        before, out = np.empty((X.shape[0], 0)), {}
        first = np.nan_to_num(X[:, next(iter(places.values()))])
        for name, columns in places.items():
            own = self._score(X, columns, self.coef_[columns])
            out[name] = np.where(present[name], own, _predicted(self._known_of(before, first), self.substitutes_[name]))
            before = np.column_stack([before, out[name]])
        return out

    @takes_rows()
    def block_scores(self, X: Any, cause: int = 1) -> pd.DataFrame:
        """Return each block's part of the linear predictor, measured from the training mean; one column per block.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        cause : int, default 1
            Event code of the hazard.
        """
        zero = None if self.offset is not None else np.zeros(len(X))  # offsets are no part of a block
        matrix, _, _ = self._start_predict(X, None, zero, with_strata=False)
        model = self._of_cause(cause)
        if isinstance(model, PriorityCox):
            return pd.DataFrame(model._scores(matrix))
        return pd.DataFrame(0.0, index=range(matrix.shape[0]), columns=list(self._places()))

    @takes_rows()
    def linear_predictor(self, X: Any, cause: int = 1, *, offset: Any = None) -> np.ndarray:
        """Return the sum of the block scores for the hazard of ``cause``, plus the offset if there is one; shape (n,).

        Higher is sooner.
        """
        matrix, _, shift = self._start_predict(X, None, offset, with_strata=False)
        eta = _total(self._of_cause(cause), matrix)
        return eta if shift is None else eta + shift

    def _risk(
        self, X: np.ndarray, horizons: np.ndarray, cause: int, strata: np.ndarray | None, offset: np.ndarray | None
    ) -> np.ndarray:
        if self.other_causes_:
            return self._curves(X, horizons, strata, offset)[:, :, list(self.increments_).index(cause)]
        eta = _total(self, X)
        base = steps_at(self.baseline_times_, self.baseline_hazard_, strata, horizons)
        with np.errstate(over="ignore", invalid="ignore"):
            relative = np.exp(eta if offset is None else eta + offset)[:, None]
            return -np.expm1(-np.where(base > 0, base * relative, 0.0))

    @takes_rows()
    def predict_incidence(
        self, X: Any, times: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the cumulative incidence of ``cause`` at each time, shape (n, n_times)."""
        return risk_from_origin(times, lambda at: self.predict_risk(X, at, cause, strata=strata, offset=offset))

    @takes_rows()
    def predict_survival(self, X: Any, times: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return P(no event of any cause by t) at each time, shape (n, n_times); NaN beyond follow-up."""
        self._check_fitted()
        codes = (1, *self.other_causes_)
        risks = [self.predict_incidence(X, times, code, strata=strata, offset=offset) for code in codes]
        return np.asarray(np.maximum(1.0 - np.sum(risks, axis=0), 0.0))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per predictor: ``block, term, coef, hr, selected``; ``cause`` first if there are several."""
        self._check_fitted()
        names = self._names()
        frames = []
        for code in (1, *self.other_causes_):
            model = self._of_cause(code)
            coef = model.coef_ if isinstance(model, PriorityCox) else np.zeros(len(names))
            rows = [(block, names[j], coef[j]) for block, columns in self._places().items() for j in columns]
            frame = pd.DataFrame(rows, columns=["block", "term", "coef"])
            frame["hr"] = np.exp(frame["coef"])
            frame["selected"] = frame["coef"] != 0
            if self.other_causes_:
                frame.insert(0, "cause", code)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)


def _made_of(column: str, names: list[str]) -> list[str]:
    return columns_made_of(column, names) or [column]  # an unknown one is refused by its name


def _predicted(known: np.ndarray, coef: np.ndarray) -> np.ndarray:
    return coef[0] + known @ coef[1:]


def _centre(X: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the weighted mean of the known values of each column: folds shift by it, so copies must count."""
    if weights is None:
        return np.nanmean(X, axis=0)
    known = ~np.isnan(X)
    return (weights @ np.where(known, X, 0.0)) / (weights @ known)


def _total(model: PriorityCox | CoxPH, X: np.ndarray) -> np.ndarray:
    """Sum of the block scores; 0 where the hazard is the same for all."""
    zero = np.zeros(X.shape[0])
    return sum(model._scores(X).values(), zero) if isinstance(model, PriorityCox) else zero
