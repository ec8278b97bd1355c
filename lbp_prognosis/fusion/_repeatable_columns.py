"""``RepeatableColumns``: columns whose repeated readings agree, judged in the patients of the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_confidence,
    check_number,
    icc_form,
    icc_mean_squares,
    icc_table,
    mark_prepared,
    takes_rows,
)
from lbp_prognosis.fusion._frame import match_columns, refuse_strange, training_frame
from lbp_prognosis.fusion._repeated_readings import columns_with_readings, members_of, readings_of

__all__ = ["RepeatableColumns"]

_FEWEST = 5  # patients behind a coefficient, as in every table that leaves a site


class RepeatableColumns(TransformerMixin, BaseEstimator):
    """Drop the columns whose repeated readings disagree; all others pass unchanged.

    A column is kept if the lower confidence limit of its intraclass correlation is at least ``minimum``.

    Parameters
    ----------
    readings : sequence of DataFrame, or mapping of str to DataFrame
        Repeated readings of some or all patients, with the labels of ``X`` as the index: one table per occasion (test,
        retest) with the columns of ``X``, or, by column of ``X``, a table with one column per reading.
    columns : sequence of str, optional
        Columns to judge; by default all that have readings.
    minimum : float, default 0.75
        Smallest acceptable lower limit.
    form : {"1,1", "2,1", "3,1", "1,k", "2,k", "3,k"}, default "2,1"
        Form of the ICC, as in `evaluation.technical.icc`.
    confidence : float, default 0.95
        Level of the interval.
    external : bool, default False
        The readings are of other patients than those of ``X``, and all of them are used. By default, the readings of
        the patients of the training rows are used, and no others.

    Attributes
    ----------
    icc_ : DataFrame
        One row per judged column: ``feature, icc, low, high, n, keep``, with ``n`` the number of patients.
    dropped_ : list of str
        Columns dropped.

    Raises
    ------
    ArgumentError
        If a column is absent from ``X``, or the labels of the readings and of ``X`` cannot be compared.
    LeakageError
        If ``external=True`` and a patient of the readings is in ``X``: in another fold that patient is held out.
    EstimationError
        If fewer than five patients of the training rows have all readings of a column, its readings are all equal, or
        no column is left.

    See Also
    --------
    lbp_prognosis.evaluation.technical.reliability_filter : The same table for a reliability sample.

    Notes
    -----
    The outcome is not used. In a fold, `fit` sees the patients of the training rows only, so that a column may be kept
    in one fold and dropped in the next. Patients without all readings of a column are left out of its coefficient. A
    patient whose label occurs several times in ``X`` (drawn again by a bootstrap) counts once.

    Whole numbers are labels only if their index has a name, the same in ``X`` and in the readings: row numbers would
    pair the readings of one patient with the row of another. Name them with ``X.rename_axis("patient_id")``. With
    ``external=True``, labels that cannot be compared are accepted: that no patient is in both is then not checked.

    Later steps must not name a column that is dropped: place such steps before this one.

    References
    ----------
    McGraw, Wong (1996), https://doi.org/10.1037/1082-989X.1.1.30.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis.fusion import RepeatableColumns
    >>> rng = np.random.default_rng(0)
    >>> patients = [f"p{k}" for k in range(40)]
    >>> X = pd.DataFrame(rng.normal(size=(40, 2)), columns=["entropy", "contrast"], index=patients)
    >>> retest = X.iloc[:25] + rng.normal(size=(25, 2)) * [0.1, 1.0]
    >>> step = RepeatableColumns([X.iloc[:25], retest]).fit(X)
    >>> step.icc_[["feature", "n", "keep"]].to_dict("list"), list(step.transform(X))
    ({'feature': ['entropy', 'contrast'], 'n': [25, 25], 'keep': [True, False]}, ['entropy'])
    """

    patient_parameters = ("readings",)  # values of patients: a locked model has None there

    def __init__(
        self,
        readings: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame],
        *,
        columns: Sequence[str] | None = None,
        minimum: float = 0.75,
        form: str = "2,1",
        confidence: float = 0.95,
        external: bool = False,
    ) -> None:
        self.readings = readings
        self.columns = columns
        self.minimum = minimum
        self.form = form
        self.confidence = confidence
        self.external = external

    @property
    def named_columns(self) -> list[str]:
        """Columns that `fit` requires in ``X``."""
        if self.columns is None:
            return columns_with_readings(self.readings)
        return [self.columns] if isinstance(self.columns, str) else list(self.columns)

    @takes_rows()
    def fit(self, X: Any, y: Any = None) -> RepeatableColumns:
        """Estimate the ICC of each column; ``y`` is not used."""
        frame = _readable(training_frame(X))
        minimum = check_number("minimum", self.minimum, low=0, high=1)
        form, confidence = icc_form(self.form), check_confidence(self.confidence)
        if not isinstance(self.external, bool | np.bool_):
            raise argument_error("external", "True or False", self.external)
        named = self.named_columns
        absent = [column for column in named if column not in frame.columns]
        if absent:
            raise argument_error(
                "readings" if self.columns is None else "columns",
                "of columns of `X`",
                f"{absent[:5]}, which `X` does not have",
                "Name the columns to judge with `columns`." if self.columns is None else None,
            )
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        rows = []
        tables = readings_of(self.readings, named)
        for column, values in members_of(frame.index, tables, external=bool(self.external)).items():
            row = _judged(column, values, form, confidence)
            rows.append({**row, "keep": bool(row["low"] >= minimum)})
        self.icc_ = pd.DataFrame(rows, columns=["feature", "icc", "low", "high", "n", "keep"])
        self.dropped_ = [row["feature"] for row in rows if not row["keep"]]
        if len(self.dropped_) == frame.shape[1]:
            raise EstimationError(
                f"No column is left: none of the {len(rows)} has a lower limit of its ICC of at least {minimum:g}; the "
                f"highest is {self.icc_['low'].max():.2f} (n = {self.icc_['n'].max()}). Lower `minimum`, or give "
                "readings of more patients."
            )
        return self

    @takes_rows()
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> pd.DataFrame:
        """Fit, and return these rows without the dropped columns; their frame records that all of them were used.

        Resampling such a frame brings the objection ``preprocessed-outside-resampling``, unless the readings are of
        other patients. A step of a `RiskPipeline` is fitted to the training rows only.
        """
        made = self.fit(X, y, **fit_params).transform(X)
        if self.external:
            return made
        return mark_prepared(made, "preprocessed-outside-resampling", type(self).__name__, X)

    @takes_rows()
    def transform(self, X: Any) -> pd.DataFrame:
        """Return the frame without the dropped columns."""
        check_is_fitted(self)
        return _readable(match_columns(X, self.feature_names_in_)).drop(columns=self.dropped_)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns."""
        check_is_fitted(self)
        return np.asarray([name for name in self.feature_names_in_ if name not in self.dropped_], dtype=object)


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of numbers and categories; anything else is refused."""
    for column in frame.columns:
        refuse_strange(frame[column], identifiers=False)
    return frame


def _judged(column: str, values: np.ndarray, form: str, confidence: float) -> dict[str, Any]:
    """Return the coefficient of one column; values of shape (n, k)."""
    values = values[~np.isnan(values).any(axis=1)]
    n, k = values.shape
    if n < _FEWEST:
        raise EstimationError(
            f"{n} patients of the training rows have all {k} readings of {column!r}; at least {_FEWEST} are needed. "
            "Give readings of more patients, use fewer folds, or leave the column out of `columns`. Readings of other "
            "patients than those of `X` are declared with `external=True`."
        )
    if np.ptp(values) == 0:
        raise EstimationError(
            f"The readings of {column!r} are all {values[0, 0]:g} in the {n} patients of the training rows: without "
            "differences there is nothing to compare errors with. Leave the column out of `columns`."
        )
    table = icc_table(icc_mean_squares(values), n, k, confidence)
    value, low, high = table.loc[table["form"] == form, ["value", "low", "high"]].to_numpy(dtype=float)[0].tolist()
    return {"feature": column, "icc": value, "low": low, "high": high, "n": n}
