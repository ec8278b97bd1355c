"""``TreatmentCourses``: when patients started a treatment, and what was known of them before."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from lbp_prognosis._base import DataError, content_hash
from lbp_prognosis.disclosure import identifier_text
from lbp_prognosis.study._number_table import number_table
from lbp_prognosis.study._treatment_plan import TreatmentPlan
from lbp_prognosis.validation import WithoutTreatment, without_treatment

__all__ = ["FittedUntreated", "TreatmentCourses", "read_treatment"]


@dataclass(frozen=True, repr=False)
class TreatmentCourses:
    """Courses of the patients of a study, by the text of their identifier.

    Attributes
    ----------
    starts : Series
        Time of starting the treatment, by patient; NaN for those who did not.
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

    def __repr__(self) -> str:  # stands in the hash of a checkpoint
        told = {"file": self.digest, **asdict(self.plan)}
        return f"TreatmentCourses({content_hash(told)})"

    def outcome(self, y: np.ndarray, labels: Any) -> WithoutTreatment:
        """Return the outcome under the strategy of some patients.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Made by `Surv.right`.
        labels : sequence of length n
            Their identifiers.
        """
        ids = [identifier_text(one) for one in labels]
        starts = self.starts.reindex(ids).to_numpy(dtype=float)
        plan = self.plan
        return without_treatment(
            y,
            starts,
            self.history,
            ids=ids,
            id=plan.id,
            time=plan.time,
            columns=plan.columns,
            censoring=plan.losses,
        )


class FittedUntreated(BaseEstimator):
    """Fit a model of the risk without treatment: patients are censored when they start, and the others weighted.

    Parameters
    ----------
    estimator : estimator
        Takes delayed entry, weights and clusters.
    courses : TreatmentCourses
        Of all patients; those of the rows of a fit are looked up by their labels. Predictions do not use them.
    """

    def __init__(self, estimator: Any, courses: TreatmentCourses) -> None:
        self.estimator = estimator
        self.courses = courses

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> FittedUntreated:
        """Fit to the rows of ``X``, with weights from these rows alone."""
        untreated = self.courses.outcome(y, X.index)
        self.estimator_ = untreated.fit(clone(self.estimator), X.reset_index(drop=True))
        return self

    def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
        """Return risks without treatment, shape (n, n_horizons)."""
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
        What means missing, as in `schema.read_table`.

    Raises
    ------
    DataError
        If a column is not there or no number, or the rows of a patient name different times of starting.
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
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return TreatmentCourses(starts.first(), history.reset_index(drop=True), plan, digest)
