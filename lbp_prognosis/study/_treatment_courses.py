"""``TreatmentCourses``: times at which patients started a treatment, and covariates measured before."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from lbp_prognosis._base import DataError, EstimationError, Objection, content_hash, objection
from lbp_prognosis.disclosure import identifier_text
from lbp_prognosis.study._number_table import number_table
from lbp_prognosis.study._treatment_plan import NEVER, TreatmentPlan
from lbp_prognosis.study._with_digest import digest_of_file
from lbp_prognosis.validation import UnderStrategy, WithoutTreatment, under_strategy, without_treatment

__all__ = ["FittedUntreated", "TreatmentCourses", "read_treatment"]


@dataclass(frozen=True, repr=False)
class TreatmentCourses:
    """Courses of the patients of a study, by the text of their identifier.

    Attributes
    ----------
    starts : Series
        Time of starting the treatment, by patient; NaN for patients who did not start.
    history : DataFrame
        Columns of patient, time of measurement and covariates, named as in ``plan``.
    plan : TreatmentPlan
        The treatment.
    digest : str
        SHA-256 of the file.
    """

    starts: pd.Series = field(repr=False)
    history: pd.DataFrame = field(repr=False)
    plan: TreatmentPlan
    digest: str

    def __repr__(self) -> str:  # enters the hash of a checkpoint
        # the values, since the same file says something else where other codes mean missing
        return f"TreatmentCourses({content_hash(asdict(self.plan), self.starts.reset_index(), self.history)})"

    def _starts(self, labels: Any) -> np.ndarray:
        return self.starts.reindex([identifier_text(one) for one in labels]).to_numpy(dtype=float)

    def started(self, y: np.ndarray, labels: Any) -> np.ndarray:
        """Return whether given patients started the treatment before an event and within follow-up, of shape (n,).

        Parameters
        ----------
        y : ndarray of shape (n,)
            Made by `Surv.right`.
        labels : sequence of length n
            Their identifiers.
        """
        starts, end = self._starts(labels), y["time"]
        return np.asarray((starts < end) | ((starts == end) & (y["event"] == 0)))

    def censored(self, y: np.ndarray, labels: Any) -> np.ndarray:
        """Return the outcome of given patients, censored when they start the treatment; arguments as for `started`."""
        begun, out = self.started(y, labels), y.copy()
        out["time"] = np.where(begun, self._starts(labels), y["time"])
        out["event"] = np.where(begun, 0, y["event"])
        return out

    def outcome(
        self, y: np.ndarray, labels: Any, *, collinear: str = "error", losses: str | None = None
    ) -> WithoutTreatment | UnderStrategy:
        """Return the outcome of given patients under the strategy.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Made by `Surv.right`.
        labels : sequence of length n
            Their identifiers.
        collinear : {"error", "drop"}, default "error"
            As in `without_treatment`.
        losses : {"marginal", "history"}, optional
            What other losses depend on; by default as the plan says.
        """
        ids = [identifier_text(one) for one in labels]
        plan = self.plan
        options: dict[str, Any] = {
            "ids": ids,
            "id": plan.id,
            "time": plan.time,
            "columns": plan.columns,
            "censoring": losses or plan.losses,
            "collinear": collinear,
        }
        if plan.strategy == NEVER:
            return without_treatment(y, self._starts(labels), self.history, **options)
        strategy, truncate = plan.declared, plan.truncate
        return under_strategy(y, self._starts(labels), self.history, strategy, truncate=truncate, **options)


class FittedUntreated(BaseEstimator):
    """Fit a model of the risk under a strategy: patients are censored when they leave it, and the others are weighted.

    Parameters
    ----------
    estimator : estimator
        Accepts delayed entry, weights and clusters.
    courses : TreatmentCourses
        Courses of all patients; each fit finds those of its rows by label. Predictions do not use them.
    """

    def __init__(self, estimator: Any, courses: TreatmentCourses) -> None:
        self.estimator = estimator
        self.courses = courses

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> FittedUntreated:
        """Fit to the rows of ``X``, with weights from only these rows; to the observed outcome if none was treated.

        A measurement that does not vary in these patients is left out of the weights. If one tells exactly who was
        lost, losses depend on nothing; if one tells who started, no weights exist: patients are then censored at the
        start, and the others have equal weights. ``objections_`` says so. Another strategy than never to start is
        refused where no patient started, or no weights exist.
        """
        self.separated_ = ""
        started = self.courses.started(y, X.index)
        rows = X.reset_index(drop=True)
        never = self.courses.plan.strategy == NEVER
        if never and not started.any():
            self.estimator_ = clone(self.estimator).fit(rows, y)
            return self
        untreated = self._untreated(y, X.index, never)
        if untreated is None:
            self.estimator_ = clone(self.estimator).fit(rows, self.courses.censored(y, X.index))
            return self
        self.estimator_ = untreated.fit(clone(self.estimator), rows)
        return self

    def _untreated(self, y: np.ndarray, labels: Any, never: bool) -> WithoutTreatment | UnderStrategy | None:
        """Return the outcome under the strategy, and note what the measurements tell exactly; None without weights."""
        try:
            return self.courses.outcome(y, labels, collinear="drop")
        except EstimationError:
            pass
        try:
            found = self.courses.outcome(y, labels, collinear="drop", losses="marginal")
        except EstimationError:
            if not never:
                raise
            self.separated_ = "treatment-separated-in-fold"
            return None
        self.separated_ = "treatment-losses-separated-in-fold"
        return found

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: starts or losses that the measurements tell exactly, and those of the model."""
        own = tuple(getattr(self.estimator_, "objections_", ()))
        if not self.separated_:
            return own
        return (*own, objection(self.separated_, treatment=self.courses.plan.name))

    def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
        """Return risks under the strategy, shape (n, n_horizons)."""
        return np.asarray(self.estimator_.predict_risk(X, horizons, cause))


def read_treatment(plan: TreatmentPlan, path: Path, missing: Any = None) -> TreatmentCourses:
    """Read the table of a treatment.

    Parameters
    ----------
    plan : TreatmentPlan
        Its columns.
    path : Path
        Of the file.
    missing : object, optional
        Codes for missing values, as in `schema.read_table`.

    Raises
    ------
    DataError
        If a column is absent or not numeric, or the rows of a patient contain different times of starting.
    """
    ids, numbers = number_table("treatment", path, plan.id, [plan.time, plan.start, *plan.columns], missing)
    starts = numbers[plan.start].groupby(ids)
    apart = starts.nunique() > 1
    if apart.any():
        raise DataError(
            f"The rows of a patient must name one time in {plan.start!r} of {path.name!r}; those of "
            f"{int(apart.sum())} patients name several."
        )
    history = numbers[[plan.time, *plan.columns]]
    history.insert(0, plan.id, ids.to_numpy())
    digest = digest_of_file(path)
    return TreatmentCourses(starts.first(), history.reset_index(drop=True), plan, digest)
