"""`AverageRisk`: the unweighted mean of several models, recalibrated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import EstimationError, Objection, argument_error, check_choice, objection, takes_rows
from lbp_prognosis.models._combined_rows import Rows
from lbp_prognosis.models._combined_scores import CombinedScores
from lbp_prognosis.models._known_states import default_horizons
from lbp_prognosis.models._risk_scale import calibrating_line, on_scale, to_risk

__all__ = ["AverageRisk"]

_SCALES = ("cloglog", "logit", "risk")


class AverageRisk(CombinedScores):
    """Unweighted average of risk models on a stated scale, recalibrated by cross-fitting.

    The mean of their risks on a stated scale. A mean of models is closer to the average patient than each of them, so
    it is recalibrated on predictions for patients that no learner had seen.

    Parameters
    ----------
    learners : mapping of str to estimator
        Anything with ``fit`` and ``predict_risk``, pipelines too. A learner named as modalities (``"clinical"``,
        ``"clinical+imaging"``) gets their columns, any other all columns. A single estimator means one per modality.
    scale : {"cloglog", "logit", "risk"}, default "cloglog"
        Scale of the mean. On the first it is the mean of log cumulative hazards; on ``"risk"`` the mean is
        recalibrated on the complementary log-log scale.
    recalibrate : bool, default True
        Shift and stretch the mean by what cross-fitted predictions show.
    modalities : mapping of str to sequence of str, optional
        Columns of each modality.
        Those that ``X`` lacks are left out, with the learners named as them, so that validation can refit without them.
    horizons : float or sequence of float, optional
        Times at which it is recalibrated; by default the quartiles of the times of events, or the visit of a `Status`.
    cv : int, default 5
        Folds of the cross-fitting. Rows of one cluster stay in one fold.
    random_state : int, Generator or None, default 0
        Draws the folds.

    Attributes
    ----------
    left_out_ : tuple of str
        Modalities, and single columns, that the training table lacked.
    models_ : dict of str to estimator
        Learners fitted on all rows.
    recalibration_ : dict of str to float
        ``intercept, slope, centre, horizon``: a slope above 1 means that the averaged risks were not spread out enough.
        0 and 1 (and NaN) without recalibration. Of a score, ``horizon`` is the score τ* of the notes.
    horizons_ : ndarray of shape (h,)
        Times at which it was recalibrated.
    cuts_ : ndarray of shape (c,)
        For a score: the cuts at which it was recalibrated, the quartiles of the observed scores and the declared cut.

    Notes
    -----
    With m(τ, x) the mean on the scale, the risk has the value ``m(τ, x) + a + (b − 1)(m(τ*, x) − m̄)``: the whole
    cumulative hazard (on ``"logit"`` the odds) of a patient is multiplied by one number, so that risks rise with time
    whatever a and b. τ* is the middle horizon and m̄ the mean over the training rows; a and b ≥ 0 maximise the
    likelihood of the states at all horizons, each row weighted by the inverse probability that its state is known.
    Only the risk of cause 1 is recalibrated; those of the others are means, scaled to what cause 1 leaves where a row's
    causes would sum to more than 1.

    Of a score (`Measured.at`) the mean is that of P(Y ≤ s), with scores s in the place of times τ; τ* is the declared
    cut, or else the middle of the cuts. `predict_forecast` and the other predictions are those of `OrdinalRegression`.

    References
    ----------
    Ranjan R, Gneiting T (2010). Combining probability forecasts. J R Stat Soc B 72:71–91.
    doi:10.1111/j.1467-9868.2009.00726.x

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import AverageRisk, CoxPH, NullModel
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = Surv.right(rng.exponential(np.exp(-X[:, 0])), np.ones(200))
    >>> model = AverageRisk({"cox": CoxPH(), "null": NullModel()}).fit(X, y)
    >>> model.recalibration_["slope"] > 1.5
    True
    """

    def __init__(
        self,
        learners: Any,
        *,
        scale: str = "cloglog",
        recalibrate: bool = True,
        modalities: Mapping[str, Any] | None = None,
        horizons: Any = None,
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.learners = learners
        self.scale = scale
        self.recalibrate = recalibrate
        self.modalities = modalities
        self.horizons = horizons
        self.cv = cv
        self.random_state = random_state

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice("scale", self.scale, _SCALES)

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
    ) -> AverageRisk:
        """Fit the learners, and the line that recalibrates their mean.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors; the learners determine which values may be missing.
        y : ndarray of shape (n,)
            Made by `Surv.right`, `Surv.interval`, `Status.at` or `Measured.at`, as the learners take it.
        sample_weight, strata, offset : array-like of shape (n,), optional
            Passed to the learners.
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
    def fit_stretches(self, X: Any, y: np.ndarray, rows: Any, stretches: np.ndarray, *, weights: Any) -> AverageRisk:
        """Fit the learners to stretches of follow-up, and recalibrate their mean in patients.

        Parameters
        ----------
        X, y, rows, stretches, weights
            As in `RiskPipeline.fit_stretches`.
        """
        return self._fit(self._begin_stretches(X, y, rows, stretches, weights), None)

    def _fit(self, rows: Rows, folds: Any) -> AverageRisk:
        y = rows.y
        self._refuse_blocks(rows.frame)
        self.horizons_ = np.empty(0)
        self.recalibration_ = {"intercept": 0.0, "slope": 1.0, "centre": np.nan, "horizon": np.nan}
        self.cuts_ = np.empty(0)
        if self.recalibrate and self.of_scores_:
            self.horizons_ = default_horizons(y, rows.kind, self.score_horizons_, self.horizons)
            self.recalibration_ = self._line_of_scores(rows, self._folds(rows, folds))
        elif self.recalibrate:
            self.horizons_ = default_horizons(y, rows.kind, self.score_horizons_, self.horizons)
            self.recalibration_ = self._line(rows, self._cross_fit(rows, self._folds(rows, folds), self.horizons_))
        self._fit_all(rows)
        return self

    def _line(self, rows: Rows, risks: np.ndarray) -> dict[str, float]:
        """Learn from cross-fitted risks (n, h, n_learners)."""
        states, middle = rows.states(self.horizons_), self.horizons_.size // 2
        level = self._mean(risks)
        centre = float(np.average(level[:, middle], weights=states.rows))
        weight = states.rows[:, None] * states.weight
        intercept, slope = calibrating_line(level, level[:, middle] - centre, states.case, weight, self._link)
        return {"intercept": intercept, "slope": slope, "centre": centre, "horizon": float(self.horizons_[middle])}

    def _line_of_scores(self, rows: Rows, labels: np.ndarray) -> dict[str, float]:
        """Learn from cross-fitted distributions at some cuts."""
        value = rows.y["value"]
        seen = ~np.isnan(value)
        weight = np.where(seen, 1.0 if rows.weights is None else rows.weights, 0.0)
        used = weight > 0
        if np.unique(value[used]).size < 2:
            raise EstimationError(f"AverageRisk needs two different scores; {int(used.sum())} rows have one.")
        known, below = self._cross_fit_scores(rows, labels)
        starts = known.grid[:-1]
        wanted = _quartiles(value[used], weight[used])
        declared = self._declared_cut(known.grid)
        cuts = np.unique(np.append(wanted, [] if declared is None else declared))
        inside = cuts[(cuts >= value[used].min()) & (cuts < value[used].max())]
        if inside.size == 0:  # three quarters of the patients have the highest score
            inside = np.unique(value[used])[-2:-1]
        self.cuts_ = inside
        of_cut = np.flatnonzero(inside == declared) if declared is not None else np.empty(0, dtype=int)
        middle = int(of_cut[0]) if of_cut.size else inside.size // 2
        level = self._mean(below[:, np.searchsorted(starts, inside)])
        centre = float(np.average(level[:, middle], weights=weight))
        case = (value[:, None] <= inside).astype(float)
        spread = np.broadcast_to(weight[:, None], case.shape)
        intercept, slope = calibrating_line(level, level[:, middle] - centre, case, spread, self._link)
        return {"intercept": intercept, "slope": slope, "centre": centre, "horizon": float(inside[middle])}

    def _declared_cut(self, grid: np.ndarray) -> float | None:
        """Return the last score of the grid that is on the lower side of the declared cut."""
        slack = 1e-9 * max(float(np.abs(grid).max()), 1.0)
        if self.at_most_ is not None:
            lower = grid[grid <= self.at_most_ + slack]
        elif self.at_least_ is not None:
            lower = grid[grid < self.at_least_ - slack]
        else:
            return None
        return float(lower[-1]) if lower.size else None

    def _below(self, frame: pd.DataFrame, given: Mapping[str, Any]) -> np.ndarray:
        self._refuse_blocks(frame)
        parts, line = self._all_below(frame, given), self.recalibration_
        value = self._mean(parts)
        if not np.isnan(line["horizon"]):
            at = max(int(np.searchsorted(self.levels_, line["horizon"], side="right")) - 1, 0)
            value = value + line["intercept"] + (line["slope"] - 1) * (value[:, at] - line["centre"])[:, None]
        sure = np.where((parts == 0).all(axis=2), 0.0, to_risk(value, self._link))
        return np.where((parts == 1).all(axis=2), 1.0, sure)

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the modalities left out, and to a recalibration that gives all patients one risk."""
        doubts = super().objections_
        return (*doubts, objection("average-without-ranking")) if self.recalibration_["slope"] <= 0 else doubts

    def _refuse_blocks(self, frame: pd.DataFrame) -> None:
        lacking = int((~self._available(frame).all(axis=1)).sum())
        if lacking:
            raise argument_error(
                "X",
                "of rows that have the modalities of all learners",
                f"{lacking} rows without",
                "StackedRisk has weights for rows that lack one; or impute.",
            )

    @property
    def _link(self) -> str:
        return "logit" if self.scale == "logit" else "cloglog"

    def _mean(self, risks: np.ndarray) -> np.ndarray:
        """Mean over the last axis but of the learners, on the scale of the line."""
        if self.scale == "risk":
            return on_scale(risks.mean(axis=-1), self._link)
        return on_scale(risks, self.scale).mean(axis=-1)

    def _one_cause(self, frame: pd.DataFrame, horizons: np.ndarray, cause: int, given: Mapping[str, Any]) -> np.ndarray:
        line, asked = self.recalibration_, horizons
        moved = cause == 1 and not np.isnan(line["horizon"])
        if moved:
            asked = np.unique(np.append(horizons, line["horizon"]))
        risks = self._all_risks(frame, asked, cause, given)
        level, at = self._mean(risks), np.searchsorted(asked, horizons)
        value = level[:, at]
        if moved:
            place = level[:, np.searchsorted(asked, line["horizon"])] - line["centre"]
            value = value + line["intercept"] + (line["slope"] - 1) * place[:, None]
        return np.where((risks[:, at] == 0).all(axis=2), 0.0, to_risk(value, self._link))

    def _combine(self, frame: pd.DataFrame, horizons: np.ndarray, cause: int, given: Mapping[str, Any]) -> np.ndarray:
        self._refuse_blocks(frame)
        own = self._one_cause(frame, horizons, cause, given)
        others = [int(code) for code in self.causes_ if code != 1]
        if cause == 1 or not others:
            return own
        rest = sum((self._one_cause(frame, horizons, code, given) for code in others), np.zeros(own.shape))
        room = 1.0 - self._one_cause(frame, horizons, 1, given) if 1 in self.causes_ else np.ones(own.shape)
        return own * np.minimum(1.0, np.divide(room, rest, out=np.ones(own.shape), where=rest > 0))


def _quartiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the smallest values that a quarter, half and three quarters of the weight do not exceed."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order])
    reached = np.searchsorted(share, np.array([0.25, 0.5, 0.75]) * share[-1] * (1 - 1e-12))  # up to rounding
    return np.asarray(values[order][reached])
