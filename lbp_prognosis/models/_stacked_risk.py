"""`StackedRisk`: a weighted mean of models, the weights learned from predictions that no model helped to fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    OutcomeError,
    argument_error,
    check_choice,
    check_number,
    generator,
    objection,
    spawn,
    takes_rows,
)
from lbp_prognosis._kernels import cox_baseline, step_at
from lbp_prognosis.models._combined_rows import Rows
from lbp_prognosis.models._combined_scores import CombinedScores
from lbp_prognosis.models._hazard_steps import events_at
from lbp_prognosis.models._known_states import Known, default_horizons, loss_of
from lbp_prognosis.models._risk_scale import on_scale, to_risk
from lbp_prognosis.models._stack_weights import brier_moments, brier_weights, cox_weights, log_score_weights

__all__ = ["StackedRisk"]

_METAS = ("brier_simplex", "log_score", "cox_nonneg", "brier_at_cut")
_AT_CUT = ("log_score", "brier_at_cut")  # of a score
_RESAMPLES = 200
_STABLE = 0.8
_SHRINK = 100.0  # rows of all patterns that a pattern's own rows are joined by

TowardsMean = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class StackedRisk(CombinedScores):
    """Stacking of risk models with cross-fitted weights (super learner).

    A super learner: every learner predicts each patient from a fit without that patient's fold; the weights minimise
    the loss of the mixture over these predictions; the learners are then fitted on all rows.

    Parameters
    ----------
    learners : mapping of str to estimator
        Anything with ``fit`` and ``predict_risk``, pipelines too. A learner named as modalities (``"clinical"``,
        ``"clinical+imaging"``) gets their columns, any other all columns. A single estimator means one per modality.
    modalities : mapping of str to sequence of str, optional
        Columns of each modality. A row may lack a modality as a whole (see the notes).
        Those that ``X`` lacks are left out, with the learners named as them, so that validation can refit without them.
    meta : {"brier_simplex", "log_score", "cox_nonneg", "brier_at_cut"}, default "brier_simplex"
        The first two give weights of at least 0 that sum to 1, of least Brier or log score over all horizons, weighted
        for censoring. Of a score, ``"brier_simplex"`` is the Brier score over all cuts (CRPS, in points), and
        ``"log_score"`` and ``"brier_at_cut"`` (scores alone) are those of the state at the declared cut. The third is
        a Cox model (one cause) of the learners' log cumulative hazards by the last horizon, with coefficients of at
        least 0, and its own baseline.
    horizons : float or sequence of float, optional
        Times at which the mixture is judged; by default the quartiles of the times of events, or the visit of a
        `Status` or score.
    cv : int, default 5
        Folds of the cross-fitting. Rows of one cluster stay in one fold.
    always : sequence of str, default ('clinical',)
        Learners that the stack is compared with and that ``"cox_nonneg"`` always keeps (their coefficients are not
        bounded). Where ``learners`` has none of the default name the default counts for nothing.
    discrete : bool, default False
        Take the best single learner instead of a mixture (not with ``"cox_nonneg"``).
    shrink : float, default 0.0
        Patients that equal weights count for: 0 gives the weights of least loss, a large number the mean of the
        learners. Not with ``"cox_nonneg"`` nor ``discrete``.
    random_state : int, Generator or None, default 0
        Draws the folds and the resamples.

    Attributes
    ----------
    left_out_ : tuple of str
        Modalities, and single columns, that the training table lacked.
    weights_ : DataFrame
        ``learner, weight, share, low, high``: the weight, the share of 200 bootstrap resamples of patients (clusters)
        in which it is above 0, and the 2.5 and 97.5 per cent points.
    cross_validated_loss_ : DataFrame
        One row per learner, then ``mean`` (equal weights), ``stack`` (on the rows its weights come from, so too good)
        and ``stack, weights cross-fitted`` (weights of the other folds): ``learner, weight, loss, se, versus_best,
        versus_best_se, versus_clinical, versus_clinical_se, versus_mean, versus_mean_se, reason``. Differences are
        paired, own loss minus that of the best single learner, of the first of ``always``, of the mean; negative is
        better. NaN with a reason where there is none.
    models_ : dict of str to estimator
        Learners fitted on all rows (that have their modalities).
    horizons_ : ndarray of shape (h,)
        Times at which the mixture was judged.
    pattern_weights_ : DataFrame or None
        Where rows lack modalities: ``pattern, n`` and a column per learner with its weight for rows that have just the
        learners of the pattern.
    baseline_times_, baseline_hazard_ : ndarray
        For ``"cox_nonneg"``: event times and cumulative hazard with all scores at ``centre_``.
    baseline_events_ : ndarray
        Rows with the event at each of these times.
    centre_ : ndarray of shape (n_learners,)
        Means of the scores.

    Raises
    ------
    EstimationError
        By `fit`, naming the learner.

    Notes
    -----
    Minimises ``Σ_τ n⁻¹ Σ_i w_i(τ) (1{T_i ≤ τ, cause 1} − Σ_k α_k F_k(τ|x_i))²`` over the simplex, exactly (an active
    set). ``w`` is 1/G(T−) for an event by τ (a competing event is "no event"), 1/G(τ) beyond it, 0 for whoever was lost
    before; G is estimated from the rows of the fit, so again in each fold of an outer validation. Learners with
    identical predictions share their weight. One set of weights serves all horizons and causes, so that risks rise with
    time and the causes sum to at most 1.

    **Scores** (`Measured.at`): the learners are models of the score, the stack is the mixture of their distributions
    ``Σ_k α_k P_k(Y = s | x)``, and the weights minimise ``n⁻¹ Σ_i ∫ (Σ_k α_k F_k(s|x_i) − 1{y_i ≤ s})² ds`` over the
    rows whose score was observed, exactly. `predict_forecast`, `predict_mean`, `predict_quantile` and ``levels_`` are
    those of `OrdinalRegression`.

    **Shrinkage.** With α of least loss on n patients (clusters, where rows have any) and K learners the weights are
    ``(n α + shrink / K) / (n + shrink)``. For the quadratic loss they minimise the loss of these patients and of
    ``shrink`` more with the same predictions, whose state is the mean of the learners' risks. Few patients say little
    about weights, and the mean is hard to beat; many patients overrule it.

    **Missing blocks** (``meta="brier_simplex"``, learners named as modalities): a learner is fitted to the rows that
    have its modalities. Rows that have the same learners have weights of their own, which minimise the loss of these
    rows together with that of 100 rows from all that have at least these learners: few rows of a pattern change little.
    ``weights_`` are those of complete rows. A row without a learner of ``always`` is refused. Losses are of all rows,
    NaN for a learner that some rows lack; ``mean`` is that of the learners a row has.

    Losses are mean Brier scores over the horizons (log scores with ``meta="log_score"``). Their standard errors contain
    the estimation of G and go by cluster where there are clusters. The gain of a stack is shown by validation from
    outside, e.g. ``cross_validate_risk``; the table only says what to expect.

    References
    ----------
    van der Laan MJ, Polley EC, Hubbard AE (2007). Super learner. Stat Appl Genet Mol Biol 6:25.
    doi:10.2202/1544-6115.1309
    Gonzalez Ginestet P, Kotalik A, Vock DM, Wolfson J, Gabriel EE (2021). Stacked inverse probability of censoring
    weighted bagging. J R Stat Soc C 70:51–65. doi:10.1111/rssc.12448

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import CoxPH, NullModel, StackedRisk
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = Surv.right(rng.exponential(np.exp(-X[:, 0])), np.ones(200))
    >>> stack = StackedRisk({"cox": CoxPH(), "null": NullModel()}, horizons=0.5).fit(X, y)
    >>> bool(stack.weights_["weight"][0] > 0.8)
    True
    """

    def __init__(
        self,
        learners: Any,
        *,
        modalities: Mapping[str, Any] | None = None,
        meta: str = "brier_simplex",
        horizons: Any = None,
        cv: int = 5,
        always: Sequence[str] = ("clinical",),
        discrete: bool = False,
        shrink: float = 0.0,
        random_state: Any = 0,
    ) -> None:
        self.learners = learners
        self.modalities = modalities
        self.meta = meta
        self.horizons = horizons
        self.cv = cv
        self.always = always
        self.discrete = discrete
        self.shrink = shrink
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice("meta", self.meta, _METAS)
        if self.meta == "cox_nonneg" and self.discrete:
            raise argument_error("discrete", 'False with meta="cox_nonneg"', self.discrete, "Take a simplex.")
        check_number("shrink", self.shrink, low=0)
        if self.shrink and (self.meta == "cox_nonneg" or self.discrete):
            raise argument_error("shrink", 'of 0 with meta="cox_nonneg" and with `discrete`', self.shrink)

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
    ) -> StackedRisk:
        """Cross-fit the learners, learn the weights, and fit the learners on all rows.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; the learners determine which values may be missing.
        y : ndarray of shape (n,)
            Made by `Surv.right`, `Surv.interval`, `Status.at` or `Measured.at`, as the learners take it.
        sample_weight, strata, offset : array-like of shape (n,), optional
            Passed to the learners; weights count in the loss too.
        clusters : array-like of shape (n,), optional
            Rows with one label stay in one fold; passed to the learners.
        folds : array-like of shape (n,), optional
            Fold of each row, instead of ``cv``.

        Raises
        ------
        EstimationError
            If a learner can't be fitted; it is named.
        """
        return self._fit(self._begin(X, y, sample_weight, strata, offset, clusters), folds)

    @takes_rows()
    def fit_stretches(self, X: Any, y: np.ndarray, rows: Any, stretches: np.ndarray, *, weights: Any) -> StackedRisk:
        """Fit the learners to stretches of follow-up, and learn their weights in patients.

        Parameters
        ----------
        X, y, rows, stretches, weights
            As in `RiskPipeline.fit_stretches`.
        """
        return self._fit(self._begin_stretches(X, y, rows, stretches, weights), None)

    def _fit(self, rows: Rows, folds: Any) -> StackedRisk:
        y = rows.y
        self._check_settings(rows)
        self.horizons_ = default_horizons(y, rows.kind, self.score_horizons_, self.horizons)
        if not rows.event.any():
            what = "observed score" if self.of_scores_ else "event of cause 1"
            raise EstimationError(f"No {what} among {y.shape[0]} rows: weights can't be learned.")
        labels = self._folds(rows, folds)
        there = self._available(rows.frame)
        self.pattern_weights_: pd.DataFrame | None = None
        if not there.all():
            self._check_blocks(there)
        known: Known
        if self.of_scores_ and self.meta not in _AT_CUT:
            known, risks = self._cross_fit_scores(rows, labels)
        else:
            known, risks = rows.states(self.horizons_), self._cross_fit(rows, labels, self.horizons_)
        if there.all():
            self._learn(rows, labels, known, risks)
        else:
            self._learn_patterns(labels, known, risks, there)
        self._fit_all(rows)
        return self

    def _check_settings(self, rows: Rows) -> None:
        names = list(self._named())
        unknown = [name for name in self.always if name not in self._all_named()]
        if unknown and tuple(self.always) != ("clinical",):
            raise argument_error("always", f"among the learners {names}", unknown)
        if self.meta == "brier_at_cut" and not self.of_scores_:
            raise argument_error("meta", '"brier_simplex" where `y` is no score', self.meta)
        if self.meta in _AT_CUT and self.of_scores_ and self.at_most_ is None and self.at_least_ is None:
            raise argument_error(
                "meta",
                '"brier_simplex" for a score without a declared cut',
                self.meta,
                "Or declare the cut: Measured.at(…, at_most=2).",
            )
        if self.meta != "cox_nonneg":
            return
        if rows.stretches is not None:
            raise argument_error("meta", '"brier_simplex" or "log_score" for stretches of follow-up', self.meta)
        if rows.kind != "right" or set(self.causes_.tolist()) - {1}:
            raise argument_error(
                "y",
                'right-censored and of one cause with meta="cox_nonneg"',
                "another outcome",
                'meta="brier_simplex" takes competing, interval-censored and status outcomes.',
                kind=OutcomeError,
            )

    # ---- weights -----------------------------------------------------------------------------------------------

    def _check_blocks(self, there: np.ndarray) -> None:
        """Refuse rows without a learner that is always required, and settings that do not support missing blocks."""
        names = list(self._named())
        needed = [names.index(name) for name in self.always if name in names]
        lacking = ~there[:, needed].all(axis=1) | ~there.any(axis=1)
        if lacking.any():
            raise argument_error(
                "X",
                f"of rows that have the modalities of {[names[k] for k in needed] or 'one learner'}",
                f"{int(lacking.sum())} rows without, e.g. row {int(np.flatnonzero(lacking)[0])}",
                "Nothing is predicted without them: leave the rows out, or impute.",
            )
        if self.discrete:
            raise argument_error("discrete", "False where rows lack modalities", self.discrete)
        if self.meta not in ("brier_simplex", "brier_at_cut"):
            raise argument_error("meta", '"brier_simplex" where rows lack modalities', self.meta)
        if not there.all(axis=1).any():
            raise argument_error("X", "a table in which some rows have the modalities of all learners", "none")

    def _learn_patterns(self, labels: np.ndarray, states: Known, risks: np.ndarray, there: np.ndarray) -> None:
        """Learn weights for each set of learners that rows have, shrunk to those of all rows that have the set."""
        names = list(self._named())
        moments = brier_moments(states, np.nan_to_num(risks))
        complete, towards_mean = there.all(axis=1), self._towards_mean(states)

        def overall(copies: np.ndarray) -> np.ndarray:
            used = copies * complete
            return towards_mean(brier_weights(used @ moments), used, np.ones(len(names), dtype=bool))

        drawn = np.array([overall(copies) for copies in _resamples(states, self.random_state)])
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        alpha = overall(states.rows)
        self.weights_ = pd.DataFrame(
            {"learner": names, "weight": alpha, "share": (drawn > 0).mean(axis=0), "low": low, "high": high}
        )
        patterns = _patterns(len(names), [names.index(name) for name in self.always if name in names])
        found = [(p, *_shrunken(moments, states.rows, there, p, towards_mean)) for p in patterns]
        self.pattern_weights_ = pd.DataFrame(
            [["+".join(n for n, has in zip(names, p) if has), n_rows, *w] for p, n_rows, w in found if w is not None],
            columns=["pattern", "n", *names],
        )
        own = self._weights_of(there)
        mixed = np.einsum("nhk,nk->nh", np.nan_to_num(risks), own)
        crossed = np.empty(mixed.shape)
        for fold in range(int(labels.max()) + 1):
            copies = np.where(labels == fold, 0.0, states.rows)
            for p in np.unique(there[labels == fold], axis=0):
                _, weights = _shrunken(moments, copies, there, p, towards_mean)
                use = (labels == fold) & (there == p).all(axis=1)
                crossed[use] = np.nan_to_num(risks[use]) @ (own[use][0] if weights is None else weights)
        mean = (np.nan_to_num(risks) * there[:, None, :]).sum(axis=2) / there.sum(axis=1)[:, None]
        table = np.concatenate([risks, mean[:, :, None], mixed[:, :, None], crossed[:, :, None]], axis=2)
        self.cross_validated_loss_ = self._loss_table(states, table, names, alpha)

    def _weights_of(self, there: np.ndarray) -> np.ndarray:
        """Weights of each row (n, n_learners) by the learners it has."""
        names = list(self._named())
        if self.pattern_weights_ is None:
            return np.broadcast_to(self.weights_["weight"].to_numpy(), there.shape)
        table = self.pattern_weights_.set_index("pattern")
        out = np.empty(there.shape)
        for p in np.unique(there, axis=0):
            word = "+".join(name for name, has in zip(names, p) if has)
            if word not in table.index:
                raise argument_error("X", f"of rows that have one of {list(table.index)}", word or "no learner")
            out[(there == p).all(axis=1)] = table.loc[word, names].to_numpy(dtype=float)
        return out

    def _learn(self, rows: Rows, labels: np.ndarray, states: Known, risks: np.ndarray) -> None:
        """Learn from cross-fitted risks (n, h, n_learners); they are of patients, so they are not kept."""
        names = list(self._named())
        least, towards_mean = self._solver(rows, states, risks), self._towards_mean(states)
        every = np.ones(len(names), dtype=bool)

        def solve(copies: np.ndarray) -> np.ndarray:
            return towards_mean(least(copies), copies, every)

        alpha = solve(states.rows)
        drawn = np.array([solve(copies) for copies in _resamples(states, self.random_state)])
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        self.weights_ = pd.DataFrame(
            {"learner": names, "weight": alpha, "share": (drawn > 0).mean(axis=0), "low": low, "high": high}
        )
        mixed = self._mixture(rows, risks, alpha, states.rows)
        crossed = np.empty(mixed.shape)
        for fold in range(int(labels.max()) + 1):
            copies = np.where(labels == fold, 0.0, states.rows)
            crossed[labels == fold] = self._mixture(rows, risks, solve(copies), copies)[labels == fold]
        if self.meta == "cox_nonneg":
            self.centre_, self.baseline_times_, self.baseline_hazard_ = self._baseline(rows, risks, alpha, states.rows)
            event = (states.rows > 0) & (rows.y["event"] == 1)
            (self.baseline_events_,) = events_at([self.baseline_times_], rows.y["time"], event, None)
        table = np.concatenate([risks, risks.mean(axis=2)[:, :, None], mixed[:, :, None], crossed[:, :, None]], axis=2)
        self.cross_validated_loss_ = self._loss_table(states, table, names, alpha)

    def _towards_mean(self, states: Known) -> TowardsMean:
        """Return the function that shrinks weights (k,) of some copies of the rows (n,) to equal ones.

        It takes the weights, the copies that they were learned from, and flags (k,) of the learners that have a part.
        """
        if states.clusters is not None:
            patients = float(np.unique(states.clusters[states.rows > 0]).size)
        else:
            patients = float(states.rows.sum() if states.weight_kind == "frequency" else (states.rows > 0).sum())
        of_one, shrink = patients / states.rows.sum(), float(self.shrink)

        def shrunk(alpha: np.ndarray, copies: np.ndarray, part: np.ndarray) -> np.ndarray:
            if shrink == 0:
                return alpha
            n = of_one * float(copies.sum())
            return np.asarray((n * alpha + shrink * part / part.sum()) / (n + shrink))

        return shrunk

    def _solver(self, rows: Rows, states: Known, risks: np.ndarray) -> Any:
        """Return the function from copies of the rows (n,) to weights (n_learners,)."""
        if self.meta == "cox_nonneg":
            free = np.array([name in self.always for name in self._named()])
            scores = on_scale(risks[:, -1], "cloglog")
            return lambda copies: cox_weights(scores, rows.y, copies, free, states.weight_kind == "frequency")
        if self.discrete:
            kind = "log_score" if self.meta == "log_score" else "brier"
            each = (states.weight[:, :, None] * loss_of(kind, states.case[:, :, None], risks)).sum(axis=1)
            return lambda copies: np.eye(each.shape[1])[int(np.argmin(copies @ each))]
        if self.meta == "log_score":
            return partial(log_score_weights, states, risks)
        moments = brier_moments(states, risks)
        return lambda copies: brier_weights(copies @ moments)

    def _mixture(self, rows: Rows, risks: np.ndarray, alpha: np.ndarray, copies: np.ndarray) -> np.ndarray:
        """Cross-fitted risk of the mixture, shape (n, h)."""
        if self.meta != "cox_nonneg":
            return risks @ alpha
        centre, times, hazard = self._baseline(rows, risks, alpha, copies)
        scores = on_scale(risks[:, -1], "cloglog")
        return _from_hazard((scores - centre) @ alpha, step_at(times, hazard, self.horizons_, left=0.0))

    def _baseline(
        self, rows: Rows, risks: np.ndarray, alpha: np.ndarray, copies: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scores = on_scale(risks[:, -1], "cloglog")
        centre = copies @ scores / copies.sum()
        used = copies > 0
        steps = cox_baseline(
            rows.y["time"][used],
            rows.y["event"][used] == 1,
            ((scores - centre) @ alpha)[used],
            weights=copies[used],
            frequency=rows.weight_kind == "frequency",
        )
        return centre, *steps[0]

    def _loss_table(self, states: Known, risks: np.ndarray, names: list[str], alpha: np.ndarray) -> pd.DataFrame:
        kind = "log_score" if self.meta == "log_score" else "brier"
        known = ~np.isnan(risks).any(axis=(0, 1))
        loss, psi = states.means(loss_of(kind, states.case[:, :, None], np.nan_to_num(risks)))
        loss, psi = np.where(known, loss, np.nan), np.where(known, psi, np.nan)
        k = len(names)
        clinical = next((names.index(name) for name in self.always if name in names), None)
        table = pd.DataFrame(
            {
                "learner": [*names, "mean", "stack", "stack, weights cross-fitted"],
                "weight": [*alpha, np.nan, np.nan, np.nan],
                "loss": loss,
                "se": states.standard_errors(psi),
            }
        )
        best = int(np.nanargmin(loss[:k])) if known[:k].any() else None
        for column, place in (("best", best), ("clinical", clinical), ("mean", k)):
            found = np.full((2, loss.size), np.nan)
            if place is not None:
                found = np.array([loss - loss[place], states.standard_errors(psi - psi[:, [place]])])
            table[f"versus_{column}"], table[f"versus_{column}_se"] = found
        table["reason"] = "" if clinical is not None else f"no learner is named as one of {list(self.always)}"
        table.loc[~known, "reason"] = "some rows lack its modalities"
        return table

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the modalities left out, and to the weights and the gain of the cross-fitted predictions."""
        doubts = list(super().objections_)
        weights, table = self.weights_, self.cross_validated_loss_
        if len(weights) > 1 and not (weights["share"] > _STABLE).any():
            top = weights.iloc[int(np.argmax(weights["share"].to_numpy()))]
            doubts.append(objection("stack-weights-unstable", learner=top["learner"], share=float(top["share"])))
        honest = table.iloc[-1]
        against = "clinical" if np.isfinite(honest["versus_clinical"]) else "best"
        if not np.isfinite(honest[f"versus_{against}"]):
            return tuple(doubts)
        gain, se = -float(honest[f"versus_{against}"]), float(honest[f"versus_{against}_se"])
        if len(weights) > 1 and gain < se:
            which = "clinical model" if against == "clinical" else "best single learner"
            doubts.append(objection("stack-gain-within-error", which=which, gain=gain, se=se))
        return tuple(doubts)

    # ---- predictions -------------------------------------------------------------------------------------------

    def _combine(self, frame: pd.DataFrame, horizons: np.ndarray, cause: int, given: Mapping[str, Any]) -> np.ndarray:
        alpha, there = self.weights_["weight"].to_numpy(), self._available(frame)
        if not there.all() and self.pattern_weights_ is None:
            raise argument_error("X", "complete, as all rows of the fit were", "rows that lack modalities")
        if self.meta != "cox_nonneg":
            risks = self._all_risks(frame, horizons, cause, given)
            risks = np.where(there[:, None, :], risks, 0.0)
            return np.clip(np.einsum("nhk,nk->nh", risks, self._weights_of(there)), 0.0, 1.0)
        scores = on_scale(self._all_risks(frame, self.horizons_[-1:], cause, given)[:, 0], "cloglog")
        hazard = step_at(self.baseline_times_, self.baseline_hazard_, horizons, left=0.0)
        return _from_hazard((scores - self.centre_) @ alpha, hazard)

    def _below(self, frame: pd.DataFrame, given: Mapping[str, Any]) -> np.ndarray:
        there = self._available(frame)
        if not there.all() and self.pattern_weights_ is None:
            raise argument_error("X", "complete, as all rows of the fit were", "rows that lack modalities")
        below = np.where(there[:, None, :], self._all_below(frame, given), 0.0)
        return np.clip(np.einsum("nhk,nk->nh", below, self._weights_of(there)), 0.0, 1.0)

    def to_frame(self) -> pd.DataFrame:
        """Return ``weights_``: one row per learner."""
        self._check_fitted()
        return self.weights_.copy()


def _from_hazard(score: np.ndarray, hazard: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return to_risk(score[:, None] + np.log(hazard), "cloglog")


def _resamples(states: Known, random_state: Any) -> Any:
    """Yield numbers of copies of the rows, drawn by cluster, times the weights of the rows."""
    rng = generator(random_state if isinstance(random_state, np.random.Generator) else spawn(random_state, 2)[1])
    units = np.arange(states.rows.size) if states.clusters is None else states.clusters
    many = int(units.max()) + 1
    if states.clusters is None and states.weight_kind == "frequency":  # a row represents several patients
        patients = int(states.rows.sum())
        for _ in range(_RESAMPLES):
            yield rng.multinomial(patients, states.rows / states.rows.sum()).astype(float)
        return
    for _ in range(_RESAMPLES):
        yield rng.multinomial(many, np.full(many, 1 / many))[units] * states.rows


def _patterns(k: int, needed: list[int]) -> list[np.ndarray]:
    """Return all sets of learners that contain the required learners, as flags; at least one learner."""
    sets = (np.array(flags) for flags in product([False, True], repeat=k))
    return [flags for flags in sets if flags.any() and flags[needed].all()]


def _shrunken(
    moments: np.ndarray, copies: np.ndarray, there: np.ndarray, pattern: np.ndarray, towards_mean: TowardsMean
) -> tuple[int, np.ndarray | None]:
    """Number of rows of a pattern, and its weights (k,): of its rows and 100 of all that have at least its learners."""
    k = pattern.size
    exact, least = (there == pattern).all(axis=1), there[:, pattern].all(axis=1)
    total = float(copies[least].sum())
    if total == 0:
        return int(exact.sum()), None
    summed = (copies * exact) @ moments + _SHRINK * ((copies * least) @ moments) / total
    kept = np.flatnonzero(pattern)
    H = summed[: k * k].reshape(k, k)[np.ix_(kept, kept)]
    out = np.zeros(k)
    out[kept] = brier_weights(np.concatenate([H.ravel(), summed[k * k :][kept]]))
    return int(exact.sum()), towards_mean(out, copies * least, pattern)
