"""``read_visits``: values at visits of the patients of a study, and the values known at each landmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, is_number
from lbp_prognosis.disclosure import identifier_text
from lbp_prognosis.models import visits_by_landmark
from lbp_prognosis.study._number_table import number_table
from lbp_prognosis.study._updates_plan import UpdatesPlan
from lbp_prognosis.study._with_digest import digest_of_file

__all__ = ["StudyVisits", "read_visits"]


@dataclass(frozen=True, repr=False)
class StudyVisits:
    """Values at visits, by the text of the patient's identifier.

    Attributes
    ----------
    frame : DataFrame
        One row per visit: columns of patient, time and values, named as in ``plan``.
    plan : UpdatesPlan
        The updates.
    digest : str
        SHA-256 of the file.
    """

    frame: pd.DataFrame = field(repr=False)
    plan: UpdatesPlan
    digest: str

    def known(self, X: pd.DataFrame) -> dict[float, pd.DataFrame]:
        """Return the values known at each landmark, including fixed columns.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Predictors at time zero, indexed by patient.

        Raises
        ------
        ArgumentError
            If a fixed column is not numeric.
        """
        plan = self.plan
        for column in plan.fixed:
            if column not in X.columns or not is_number(X[column]):
                raise argument_error("updates.fixed", "columns of numbers among the predictors", repr(column))
        ids = [identifier_text(one) for one in X.index]
        found = visits_by_landmark(self.frame, ids, plan.landmarks, id=plan.id, time=plan.time, max_age=plan.max_age)
        fixed = X[list(plan.fixed)].astype(float)
        return {
            at: pd.concat([fixed.reset_index(drop=True), frame[list(plan.columns)].reset_index(drop=True)], axis=1)
            for at, frame in found.items()
        }


def read_visits(plan: UpdatesPlan, path: Path, missing: Any = None) -> StudyVisits:
    """Read the table of visits.

    Parameters
    ----------
    plan : UpdatesPlan
        Its columns.
    path : Path
        Of the file.
    missing : object, optional
        Codes for missing values, as in `schema.read_table`.

    Raises
    ------
    DataError
        If a column is absent, a visit has no time or no patient, or a patient has two visits at one time.
    ArgumentError
        If a cell is not a number.
    """
    ids, numbers = number_table("updates", path, plan.id, [plan.time, *plan.columns], missing)
    if numbers[plan.time].isna().any():
        raise DataError(f"{int(numbers[plan.time].isna().sum())} visits of {path.name!r} have no {plan.time!r}.")
    frame = numbers.reset_index(drop=True)
    frame.insert(0, plan.id, np.asarray(ids, dtype=object))
    twice = frame.duplicated([plan.id, plan.time])
    if twice.any():
        raise DataError(
            f"The table {path.name!r} must contain each visit once; {int(twice.sum())} rows repeat a patient and a "
            "time."
        )
    return StudyVisits(frame, plan, digest_of_file(path))
