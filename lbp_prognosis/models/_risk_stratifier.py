"""`RiskStratifier`: a model and the groups of its risks, fitted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, check_vector, takes_rows
from lbp_prognosis.models._combined_rows import Rows
from lbp_prognosis.models._combined_scores import CombinedScores
from lbp_prognosis.survival import measured_spec, status_horizon

__all__ = ["RiskStratifier"]

_NAMES = {2: ("low", "high"), 3: ("low", "intermediate", "high")}


class RiskStratifier(CombinedScores):
    """Risk groups by a rule fitted only to the training patients.

    A model together with its cuts. Both are learned by `fit`, saved together, and learned again in every fold of a
    validation: groups are never quantiles of the data that they are judged on.

    Parameters
    ----------
    model : estimator
        Anything with ``fit`` and ``predict_risk``, pipelines too.
    horizon : float, optional
        Horizon of the risk that defines the groups; a `Status` or score contains its own.
    cuts : sequence of float, optional
        Risks between the groups, increasing, in (0, 1). A risk at a cut belongs to the group above it.
    from_utility : ThresholdRange, optional
        Declared thresholds of a decision: below ``low`` no one would act, from ``high`` on every one would, and in
        between it depends on the patient.
    n_groups : int, optional
        Groups of equal size in the training data, cut at quantiles of cross-fitted risks: risks of a model for its own
        patients are too spread out.
    names : sequence of str, optional
        Names of the groups, lowest first; by default ``low, high``, ``low, intermediate, high`` or ``group 1``, ….
    cause : int, default 1
        Event code.
    cv : int, default 5
        Folds of the cross-fitting for ``n_groups``. Rows of one cluster stay in one fold.
    random_state : int, Generator or None, default 0
        Draws the folds.

    Attributes
    ----------
    model_ : estimator
        Fitted on all rows.
    cuts_ : ndarray of shape (n_groups − 1,)
        Risks between the groups.
    names_ : tuple of str
        Groups, lowest risk first.
    horizon_ : float
        Time of the risk.

    Notes
    -----
    Exactly one of ``cuts``, ``from_utility`` and ``n_groups`` is given. `validation.validate_groups` judges the groups.
    Groups of a score (`Measured.at`) are those of the risk at its declared cut.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import CoxPH, Surv
    >>> from lbp_prognosis.models import RiskStratifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1))
    >>> y = Surv.right(rng.exponential(np.exp(-X[:, 0])), np.ones(200))
    >>> groups = RiskStratifier(CoxPH(), horizon=0.5, cuts=[0.2, 0.6]).fit(X, y)
    >>> groups.names_, groups.predict_group(np.array([[-3.0], [3.0]])).tolist()
    (('low', 'intermediate', 'high'), [0, 2])
    """

    def __init__(
        self,
        model: Any,
        *,
        horizon: float | None = None,
        cuts: Any = None,
        from_utility: Any = None,
        n_groups: int | None = None,
        names: Sequence[str] | None = None,
        cause: int = 1,
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.model = model
        self.horizon = horizon
        self.cuts = cuts
        self.from_utility = from_utility
        self.n_groups = n_groups
        self.names = names
        self.cause = cause
        self.cv = cv
        self.random_state = random_state

    def _given(self) -> Any:
        return {"model": self.model}

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.horizon is not None:
            check_number("horizon", self.horizon, low=0, open_low=True)
        self._fixed_cuts()

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
    ) -> RiskStratifier:
        """Fit the model and learn its cuts.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors, as the model takes them.
        y : ndarray of shape (n,)
            Outcome, as the model takes it.
        sample_weight, strata, offset : array-like of shape (n,), optional
            Passed to the model; weights count in the quantiles too.
        clusters : array-like of shape (n,), optional
            Rows with one label stay in one fold; passed to the model.
        folds : array-like of shape (n,), optional
            Fold of each row, instead of ``cv``.

        Raises
        ------
        ArgumentError
            If not exactly one rule is given, the horizon lies beyond follow-up, or so many risks are equal that
            quantiles make fewer groups.
        """
        return self._fit(self._begin(X, y, sample_weight, strata, offset, clusters), folds)

    @takes_rows()
    def fit_stretches(self, X: Any, y: np.ndarray, rows: Any, stretches: np.ndarray, *, weights: Any) -> RiskStratifier:
        """Fit the model to stretches of follow-up, and learn its cuts in patients.

        Parameters
        ----------
        X, y, rows, stretches, weights
            As in `RiskPipeline.fit_stretches`.
        """
        return self._fit(self._begin_stretches(X, y, rows, stretches, weights), None)

    def _fit(self, rows: Rows, folds: Any) -> RiskStratifier:
        y = rows.y
        if self.of_scores_ and self.at_most_ is None and self.at_least_ is None:
            raise argument_error(
                "y",
                "a score with a declared cut",
                "none declared",
                "Say Measured.at(…, at_most=2): groups are of a risk.",
            )
        horizon = self._visit(y, rows.kind) if self.horizon is None else self.horizon
        if horizon is None:
            raise argument_error("horizon", "the time of the risk that makes the groups", "None")
        self.horizon_ = check_number("horizon", horizon, low=0, open_low=True)
        visit = self._visit(y, rows.kind)
        if visit is not None and not np.isclose(self.horizon_, visit, rtol=1e-9, atol=0):
            raise argument_error("horizon", f"None or {visit:g}, the visit of the outcome", horizon)
        if rows.kind == "status":
            self.max_time_ = self.horizon_
        if self.horizon_ > self.max_time_:
            raise argument_error(
                "horizon",
                f"within the follow-up, which ends at {self.max_time_:g}",
                f"{self.horizon_:g}",
                "No patient was followed so long, so there is no risk to form groups of.",
            )
        self.cuts_ = self._learn_cuts(rows, folds)
        self.names_ = self._learn_names(self.cuts_.size + 1)
        self._fit_all(rows)
        return self

    @staticmethod
    def _visit(y: np.ndarray, kind: str) -> float | None:
        """Return the time of the visit that an outcome contains."""
        if kind == "measured":
            return measured_spec(y).horizon
        return status_horizon(y) if kind == "status" else None

    @property
    def _own_cause(self) -> int:
        return int(self.cause)

    @property
    def model_(self) -> Any:
        """The fitted model."""
        return self.models_["model"]

    def _learn_cuts(self, rows: Rows, folds: Any) -> np.ndarray:
        fixed = self._fixed_cuts()
        return self._quantiles(rows, folds) if fixed is None else fixed

    def _fixed_cuts(self) -> np.ndarray | None:
        """Return the cuts as given; None if they are quantiles of the risk."""
        given = [name for name in ("cuts", "from_utility", "n_groups") if getattr(self, name) is not None]
        if len(given) != 1:
            raise argument_error("cuts", "given, or one of `from_utility` and `n_groups` instead", given or "none")
        if self.n_groups is not None:
            check_number("n_groups", self.n_groups, low=2, whole=True)
            return None
        cuts = self.cuts
        if self.from_utility is not None:
            if not hasattr(self.from_utility, "low") or not hasattr(self.from_utility, "high"):
                raise argument_error("from_utility", "a ThresholdRange", self.from_utility)
            cuts = [self.from_utility.low, self.from_utility.high]
        values = check_vector(given[0], np.atleast_1d(cuts), low=0, high=1)
        if values.size == 0 or (np.diff(values) <= 0).any() or values[0] <= 0 or values[-1] >= 1:
            raise argument_error(given[0], "increasing risks between 0 and 1", str(values.tolist()))
        return values

    def _quantiles(self, rows: Rows, folds: Any) -> np.ndarray:
        count = int(self.n_groups or 2)
        horizon = np.array([self.horizon_])
        risk = self._cross_fit(rows, self._folds(rows, folds), horizon, self.cause)[:, 0, 0]
        weights = np.ones(risk.size) if rows.weights is None else rows.weights
        order = np.argsort(risk, kind="stable")
        below = np.cumsum(weights[order]) / weights.sum()
        # the first risk with at least the share below or at it, moved half-way to the next one that is higher
        cuts = []
        for share in np.arange(1, count) / count:
            at = risk[order][int(np.searchsorted(below, share - 1e-12))]
            higher = risk[risk > at]
            cuts.append((at + higher.min()) / 2 if higher.size else at)
        out = np.array(cuts)
        if (np.diff(out) <= 0).any() or out[0] <= risk.min() or out[-1] > risk.max():
            raise argument_error(
                "n_groups", "a number of groups into which the risks can be divided", count, "Take fewer, or `cuts`."
            )
        return out

    def _learn_names(self, count: int) -> tuple[str, ...]:
        if self.names is None:
            return _NAMES.get(count, tuple(f"group {k + 1}" for k in range(count)))
        names = tuple(str(name) for name in self.names)
        if len(names) != count or len(set(names)) != count:
            raise argument_error("names", f"{count} different names", list(names))
        return names

    @takes_rows()
    def predict_group(self, X: Any, *, strata: Any = None, offset: Any = None) -> np.ndarray:
        """Return the group of each row, 0 the lowest; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        strata, offset : array-like of shape (n,), optional
            Passed to the model where given.

        Raises
        ------
        ArgumentError
            If the model has no risk for a row: a row without risk is in no group.
        """
        risk = self.predict_risk(X, self.horizon_, self.cause, strata=strata, offset=offset)[:, 0]
        if np.isnan(risk).any():
            raise argument_error(
                "X",
                f"of rows for which the model has a risk by {self.horizon_:g}",
                f"{int(np.isnan(risk).sum())} rows without, e.g. row {int(np.flatnonzero(np.isnan(risk))[0])}",
                "Impute what is missing, or take an earlier `horizon`.",
            )
        return np.searchsorted(self.cuts_, risk, side="right")

    def _combine(self, frame: pd.DataFrame, horizons: np.ndarray, cause: int, given: Mapping[str, Any]) -> np.ndarray:
        return self._all_risks(frame, horizons, cause, given)[:, :, 0]

    def _below(self, frame: pd.DataFrame, given: Mapping[str, Any]) -> np.ndarray:
        return self._all_below(frame, given)[:, :, 0]

    def to_frame(self) -> pd.DataFrame:
        """Return the rule: ``group, low, high``, one row per group; the risk lies in [low, high)."""
        self._check_fitted()
        ends = np.concatenate([[0.0], self.cuts_, [1.0]])
        return pd.DataFrame({"group": self.names_, "low": ends[:-1], "high": ends[1:]})

    def to_dict(self) -> dict[str, Any]:
        """Return parameters and learned attributes; declared thresholds are saved as ``cuts``."""
        if self.from_utility is None:
            return super().to_dict()
        plain = copy(self)
        plain.cuts, plain.from_utility = [self.from_utility.low, self.from_utility.high], None
        return plain.to_dict()
