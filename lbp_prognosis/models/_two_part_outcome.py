"""``TwoPartOutcome``: a score with a floor, as the chance of the floor and the distribution above it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import EstimationError, argument_error, check_number, takes_rows
from lbp_prognosis.models._category_columns import CategoryColumns
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._logistic_risk import LogisticRisk
from lbp_prognosis.models._ordinal_regression import OrdinalRegression
from lbp_prognosis.models._score_model import ScoreModel
from lbp_prognosis.survival import Measured, MeasuredSpec, Status, Weights

__all__ = ["TwoPartOutcome"]


class TwoPartOutcome(CategoryColumns, ScoreModel):
    """Two-part model of a score that piles up at its floor.

    P(Y = floor | x) = p(x) by one model, and P(Y = s | x) = (1 − p(x)) · P(Y = s | Y > floor, x) by another, fitted to
    the patients above the floor. A predictor may move the chance of no pain and the amount of pain in different ways,
    which one cumulative link model rules out.

    Parameters
    ----------
    at_floor : estimator, optional
        Model of a state at a visit (1 is the floor), or a pipeline of one; `LogisticRisk` by default.
    above : estimator, optional
        Model of a score, or a pipeline of one; `OrdinalRegression` by default, `LinearOutcome` and `BoostedOutcome`
        will do.
    floor : float, optional
        The lower end of the instrument's range by default.

    Attributes
    ----------
    at_floor_, above_ : estimator
        The fitted parts.
    floor_ : float
        The floor.
    levels_ : ndarray of shape (K,)
        The floor, then the levels of ``above_``.
    log_likelihood_ : float
        Sum of those of the parts: they share no parameter. NaN if one has none.
    categories_ : dict of str to list
        Categories of each column that is no number.
    n_, n_missing_, n_at_floor_ : int
        Rows used, rows whose score was not observed, and rows at the floor.

    Notes
    -----
    Predictors are numbers, or categories where both parts accept them (`BoostedHazard` and `BoostedOutcome`, or
    pipelines with `fusion.OneHot`), missing where both parts accept missing values. Offsets are not taken: it would not
    be said of which part. `predict_mean` is p · floor + (1 − p) times the mean of ``above_``.

    References
    ----------
    Duan N, Manning WG, Morris CN, Newhouse JP (1983). A comparison of alternative models for the demand for medical
    care. Journal of Business & Economic Statistics 1, 115–126. doi:10.1080/07350015.1983.10509330

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.models import TwoPartOutcome
    >>> group = np.repeat([0.0, 1.0], 10)[:, None]
    >>> score = np.r_[[0] * 2 + [3] * 4 + [7] * 4, [0] * 5 + [3] * 4 + [7]].astype(float)
    >>> y = Measured.at(12, score, lower=0, upper=10, at_most=3)
    >>> model = TwoPartOutcome().fit(group, y)
    >>> model.predict_distribution([[0.0], [1.0]]).round(2).tolist()
    [[0.2, 0.4, 0.4], [0.5, 0.4, 0.1]]
    """

    def __init__(self, at_floor: Any = None, above: Any = None, *, floor: float | None = None) -> None:
        self.at_floor = at_floor
        self.above = above
        self.floor = floor

    def _parts(self) -> tuple[Any, Any]:
        """Return the models of the two parts as given, or the defaults."""
        lower = LogisticRisk() if self.at_floor is None else self.at_floor
        upper = OrdinalRegression() if self.above is None else self.above
        if not hasattr(lower, "fit") or not hasattr(lower, "predict_risk"):
            raise argument_error("at_floor", "a model of a state with `fit` and `predict_risk`", lower)
        if not hasattr(upper, "fit") or not hasattr(upper, "predict_forecast"):
            raise argument_error("above", "a model of a score with `fit` and `predict_forecast`", upper)
        return lower, upper

    @property
    def interpolates(self) -> bool:
        """Whether a part predicts its own training rows nearly perfectly."""
        return any(bool(getattr(part, "interpolates", False)) for part in self._parts())

    @property
    def folds_keep_clusters(self) -> bool:
        """Whether tuning folds of a part keep clusters together."""
        return any(bool(getattr(part, "folds_keep_clusters", False)) for part in self._parts())

    def _read_predictors(self, X: Any, allow_missing: bool, *, fitting: bool) -> np.ndarray:
        accepted = all(bool(getattr(part, "_allow_missing", False)) for part in self._parts())
        return super()._read_predictors(X, accepted, fitting=fitting)

    def _no_column_needed(self) -> bool:
        return True

    def _check_parameters(self) -> None:
        self._parts()
        if self.floor is not None:
            check_number("floor", self.floor)

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
    ) -> TwoPartOutcome:
        """Fit the two parts.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        y : ndarray of shape (n,)
            Made by `Measured.at`.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights of both parts.
        strata, offset : None
            Not taken.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit.

        Raises
        ------
        EstimationError
            If no patient, or all patients, are at the floor, or a part cannot be fitted; the error names the part.
        """
        self._check_parameters()
        self._refuse(strata=strata, offset=offset)
        design, used, spec = self._start_scores(X, y, sample_weight=sample_weight, clusters=clusters)
        self.floor_ = spec.lower if self.floor is None else float(self.floor)
        if not spec.lower <= self.floor_ < spec.upper:
            raise argument_error(
                "floor", f"from {spec.lower:g} to below {spec.upper:g}, the range of the score", self.floor
            )
        score = design.y["value"]
        low = used & (score <= self.floor_ + 1e-9 * max(abs(spec.lower), abs(spec.upper), 1.0))
        if (low & (score < self.floor_)).any():
            raise argument_error("floor", "the lowest score", self.floor_, "Some scores are below it.")
        self.n_at_floor_, count = int(low.sum()), int(used.sum())
        if not 0 < self.n_at_floor_ < count:
            raise EstimationError(
                f"TwoPartOutcome needs scores at its floor {self.floor_:g} and above it; {self.n_at_floor_} of {count} "
                "are at the floor. Use OrdinalRegression."
            )
        lower, upper = self._parts()
        own = getattr(lower, "horizon", None)
        if own is not None and not np.isclose(own, spec.horizon, rtol=1e-9, atol=0):
            raise argument_error("at_floor", f"a model of the state at {spec.horizon:g}, the visit of the score", lower)
        state = np.where(used, low.astype(int), -1)
        self.at_floor_ = self._fit_part(lower, design, np.arange(score.size), Status.at(spec.horizon, state))
        rows = np.flatnonzero(used & ~low)
        self.above_ = self._fit_part(upper, design, rows, _scores(score[rows], spec))
        parts = [getattr(part, "log_likelihood_", np.nan) for part in (self.at_floor_, self.above_)]
        self.log_likelihood_ = float(sum(parts))
        return self

    def _fit_part(self, model: Any, design: Design, rows: np.ndarray, outcome: np.ndarray) -> Any:
        given: dict[str, Any] = {}
        if design.weights is not None:
            given["sample_weight"] = Weights(design.weights[rows], str(design.weight_kind))
        if design.clusters is not None:
            given["clusters"] = design.clusters[rows]
        try:
            return clone(model).fit(self._frame(design.X[rows]), outcome, **given)
        except EstimationError as error:
            where = "at" if outcome.size == design.y.size else "above"
            raise EstimationError(f"Part {where} the floor {self.floor_:g}: {error}") from error

    def _frame(self, matrix: np.ndarray) -> Any:
        """Return predictors as passed to the parts: with names if there are any."""
        names = getattr(self, "feature_names_in_", None)
        return matrix if names is None else self._labelled(pd.DataFrame(matrix, columns=list(names)))

    @property
    def levels_(self) -> np.ndarray:
        """The floor, then the levels of ``above_``; shape (K,)."""
        return np.concatenate([[self.floor_], self.above_.levels_])

    # ---- predictions -------------------------------------------------------------------------------------------

    def _floor_and_rest(self, X: Any) -> tuple[np.ndarray, Any]:
        matrix, _, _ = self._start_predict(X)
        rows = self._frame(matrix)
        return np.asarray(self.at_floor_.predict_risk(rows, self.horizon_), dtype=float).reshape(len(matrix)), rows

    @takes_rows()
    def predict_distribution(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return P(Y = level) for each of ``levels_``; shape (n, K).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : None
            Not taken.
        """
        self._refuse(offset=offset)
        low, rows = self._floor_and_rest(X)
        return np.column_stack([low, (1 - low)[:, None] * self.above_.predict_forecast(rows).probability])

    @takes_rows()
    def predict_mean(self, X: Any, *, offset: Any = None) -> np.ndarray:
        """Return the expected score; shape (n,).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        offset : None
            Not taken.
        """
        self._refuse(offset=offset)
        low, rows = self._floor_and_rest(X)
        return low * self.floor_ + (1 - low) * self.above_.predict_mean(rows)

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return the coefficients of both parts, with a first column ``part`` (``"at_floor"``, ``"above"``).

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.

        Raises
        ------
        NotImplementedError
            If a part has no coefficients.
        """
        self._check_fitted()
        parts = {"at_floor": self.at_floor_, "above": self.above_}
        for name, part in parts.items():
            if not hasattr(part, "coef_"):
                raise NotImplementedError(
                    f"{type(part).__name__} has no table of coefficients; it is the part `{name}`. That of the other "
                    "part is `at_floor_.to_frame()`, or `above_.to_frame()`."
                )
        tables = [part.to_frame(confidence).assign(part=name) for name, part in parts.items()]
        whole = pd.concat(tables, ignore_index=True)
        return whole[["part", *[name for name in whole.columns if name != "part"]]]


def _scores(value: np.ndarray, spec: MeasuredSpec) -> np.ndarray:
    return Measured.at(
        spec.horizon,
        value,
        lower=spec.lower,
        upper=spec.upper,
        kind=spec.kind,
        at_most=spec.at_most,
        at_least=spec.at_least,
    )
