"""``RegressionCalibration``: expectation of the true value given the measurement with error."""

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
    numbers_in,
    objection,
    takes_rows,
)
from lbp_prognosis.fusion._frame import chosen_columns, match_columns, training_frame

__all__ = ["RegressionCalibration"]

_DOUBT = objection("corrected-for-measurement-error")


class RegressionCalibration(TransformerMixin, BaseEstimator):
    """Replace measurements W by E[X | W, Z], the expected true value given the measurements and the covariates.

    Parameters
    ----------
    errors : mapping of str to (float or str)
        Per column with error: the SD of its measurement error, from a repeatability study or the ``sd_error`` of the
        biomarker table; or the name of the column of ``X`` that contains the SD per row (that column is dropped from
        the result).
    covariates : sequence of str, optional
        Error-free columns Z that are conditioned on; they must be those of the outcome model. By default all
        other numeric columns.

    Attributes
    ----------
    mean_ : ndarray of shape (k,)
        Means of the measurements and covariates.
    covariance_ : ndarray of shape (k, k)
        Covariance of the true values and the covariates: that of the measurements minus the error variance.
    columns_ : list of str
        Columns with error, then covariates, in the order of both.
    reliability_ : dict of str to float
        Share of the variance of a column that is not error variance.
    coefficients_ : DataFrame
        Weights of the measured columns (columns) in the expectation of each true value (rows), at the mean error
        variance.
    objections_ : tuple of Objection
        Objection that the correction applies to associations, not to predictions.

    Raises
    ------
    EstimationError
        If the error variance is as large as the measured variance.

    Notes
    -----
    With Σ the covariance (divisor n − 1) of (W, Z), D the diagonal matrix of error variances and Σ_X = Σ − D̄, the
    expectation for row i is μ + Σ_X (Σ_X + D_i)⁻¹ ((W, Z)_i − μ). Missing values are left out of the condition; a
    missing measurement stays missing. The errors are assumed independent of the true values, of each other and of the
    outcome. Standard errors of the outcome model do not include the uncertainty of this step: bootstrap both together.

    References
    ----------
    Carroll RJ, Ruppert D, Stefanski LA, Crainiceanu CM. Measurement Error in Nonlinear Models. 2nd ed. Chapman &
    Hall/CRC, 2006. doi:10.1201/9781420010138

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.fusion import RegressionCalibration
    >>> X = pd.DataFrame({"fat": [10.0, 20, 30, 40], "age": [40.0, 60, 50, 70]})
    >>> RegressionCalibration({"fat": 5.0}, covariates=[]).fit_transform(X)["fat"].round(1).tolist()
    [12.2, 20.8, 29.2, 37.8]
    """

    def __init__(self, errors: Mapping[str, float | str], *, covariates: Sequence[str] | None = None) -> None:
        self.errors = errors
        self.covariates = covariates

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns that are read in addition to the predictors."""
        return tuple(value for value in dict(self.errors).values() if isinstance(value, str))

    @takes_rows()
    def fit(self, X: Any, y: Any = None) -> RegressionCalibration:
        """Estimate means and covariances; ``y`` is not used."""
        frame = training_frame(X)
        if not isinstance(self.errors, Mapping) or not self.errors:
            raise argument_error("errors", "a mapping from column to the SD of its error", self.errors)
        measured = chosen_columns(frame, list(self.errors), numeric=True)
        taken = {*measured, *self.context_columns}
        if self.covariates is None:
            others = [column for column in chosen_columns(frame, None, numeric=True) if column not in taken]
        else:
            others = chosen_columns(frame, self.covariates, numeric=True)
            if set(others) & taken:
                raise argument_error("covariates", "columns without error", f"{sorted(set(others) & taken)}")
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self.columns_ = [*measured, *others]
        self._n_measured = len(measured)
        values = numbers_in(frame, self.columns_)
        variances = self._variances(frame)
        whole = np.isfinite(values).all(axis=1) & np.isfinite(variances).all(axis=1)
        if whole.sum() < len(self.columns_) + 2:
            raise EstimationError(
                f"Only {int(whole.sum())} rows are complete in {self.columns_}: too few for a covariance."
            )
        self.mean_ = values[whole].mean(axis=0)
        total = np.atleast_2d(np.cov(values[whole], rowvar=False))
        error = np.zeros(len(self.columns_))
        error[: self._n_measured] = variances[whole].mean(axis=0)
        self.covariance_ = total - np.diag(error)
        share = 1 - error / np.diag(total)
        self.reliability_ = {c: float(share[k]) for k, c in enumerate(measured)}
        if np.linalg.eigvalsh(self.covariance_).min() <= 1e-12 * np.diag(total).min():
            worst = min(self.reliability_, key=self.reliability_.__getitem__)
            raise EstimationError(
                f"The error is as large as the variation of the measurements (reliability of {worst!r}: "
                f"{self.reliability_[worst]:.3f}): the true values cannot be distinguished. Check the SD and its "
                "unit."
            )
        weights = self.covariance_ @ np.linalg.inv(total)
        self.coefficients_ = pd.DataFrame(weights[: self._n_measured], index=measured, columns=self.columns_)
        self.objections_ = (_DOUBT,)
        return self

    def _variances(self, frame: pd.DataFrame) -> np.ndarray:
        """Return error variances, rows by measured columns."""
        parts = []
        for column, given in self.errors.items():
            if isinstance(given, str):
                if given not in frame.columns:
                    raise argument_error("errors", "numbers, or names of columns of `X`", f"{given!r} for {column!r}")
                sd = numbers_in(frame, [given])[:, 0]
                sd = np.where(frame[column].isna().to_numpy() & np.isnan(sd), 0.0, sd)
                if np.isnan(sd).any():
                    raise argument_error("errors", f"known wherever {column!r} is", f"missing values in {given!r}")
            elif isinstance(given, int | float | np.integer | np.floating) and not isinstance(given, bool):
                sd = np.full(len(frame), float(given))
            else:
                raise argument_error("errors", "numbers, or names of columns of `X`", {column: given})
            if not np.isfinite(sd).all() or (sd < 0).any():
                raise argument_error("errors", "finite SDs of at least 0", f"others for {column!r}")
            parts.append(sd**2)
        return np.column_stack(parts)

    @takes_rows()
    def transform(self, X: Any) -> pd.DataFrame:
        """Return the frame with each measurement replaced by its expectation."""
        check_is_fitted(self, "covariance_")
        frame = match_columns(X, self.feature_names_in_)
        values = numbers_in(frame, self.columns_)
        k = self._n_measured
        variances = np.zeros_like(values)
        variances[:, :k] = self._variances(frame)
        out = np.full((len(frame), k), np.nan)
        # rows with the same missing values and error variances share one matrix
        keys = np.column_stack([np.isfinite(values), variances[:, :k]])
        groups, which = np.unique(keys, axis=0, return_inverse=True)
        for g in range(len(groups)):
            rows = np.flatnonzero(which.ravel() == g)
            seen = np.isfinite(values[rows[0]])
            if not seen[:k].any():
                continue
            inner = self.covariance_[np.ix_(seen, seen)] + np.diag(variances[rows[0], seen])
            weights = np.linalg.solve(inner, self.covariance_[np.ix_(seen, np.arange(k))])
            out[rows] = self.mean_[:k] + (values[np.ix_(rows, seen)] - self.mean_[seen]) @ weights
        out[~np.isfinite(values[:, :k])] = np.nan
        made = frame.drop(columns=list(self.context_columns))
        return made.assign(**{column: out[:, j] for j, column in enumerate(self.columns_[:k])})

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns."""
        check_is_fitted(self, "covariance_")
        keep = [name for name in self.feature_names_in_ if name not in self.context_columns]
        return np.asarray(keep, dtype=object)
