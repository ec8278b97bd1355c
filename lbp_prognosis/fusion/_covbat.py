"""``CovBat``: ComBat, followed by harmonisation of the covariance of the features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lbp_prognosis._base import DataError, argument_error, check_number
from lbp_prognosis._kernels import combat_adjust, combat_fit
from lbp_prognosis.fusion._combat import ComBat

__all__ = ["CovBat"]


class CovBat(ComBat):
    """Apply ComBat, then harmonise the scores of the principal components of its result.

    Parameters
    ----------
    batch : str, default "site"
        Column with the batch of each row.
    columns : sequence of str, optional
        Features to harmonise, without missing values. By default all numeric columns but the batch and the covariates.
    covariates : sequence of str, default ()
        Columns whose effect on the features is kept; never the outcome.
    prior : {"parametric", "nonparametric", "none"}, default "parametric"
        Shrinkage of the features' effects; those of the components are not shrunken.
    mean_only : bool, default False
        Leave the variances of the features unchanged (not those of the components).
    reference : label, optional
        Batch to whose scale and covariance all others are transformed.
    unseen : {"reference", "none"}, optional
        Treatment of rows of an unseen batch, as in `ComBat`. A covariance is not calibrated on a few rows.
    min_calibration : int, default 20
        Not used; see ``min_batch``.
    drop_batch : bool, default True
        Drop the batch column from the result.
    tol : float, default 1e-10
        As in `ComBat`.
    variance : float, default 0.95
        Leading components are adjusted that together explain this share of the variance.
    min_batch : int, default 50
        Minimum number of rows per batch: a covariance needs more rows than a mean.

    Attributes
    ----------
    n_components_ : int
        Number of adjusted components.
    components_ : ndarray of shape (n_components, n_features)
        Directions of the components, in features scaled to unit variance.

    References
    ----------
    Chen AA et al. Mitigating site effects in covariance for machine learning in neuroimaging data. Hum Brain Mapp
    2022;43:1179-1195. doi:10.1002/hbm.25688
    """

    def __init__(
        self,
        batch: str = "site",
        *,
        columns: Sequence[str] | None = None,
        covariates: Sequence[str] = (),
        prior: str = "parametric",
        mean_only: bool = False,
        reference: Any = None,
        unseen: str | None = None,
        min_calibration: int = 20,
        drop_batch: bool = True,
        tol: float = 1e-10,
        variance: float = 0.95,
        min_batch: int = 50,
    ) -> None:
        super().__init__(
            batch,
            columns=columns,
            covariates=covariates,
            prior=prior,
            mean_only=mean_only,
            reference=reference,
            unseen=unseen,
            min_calibration=min_calibration,
            drop_batch=drop_batch,
            tol=tol,
        )
        self.variance = variance
        self.min_batch = min_batch

    def _estimate(self, Y: np.ndarray, codes: np.ndarray, design: np.ndarray) -> None:
        if self.unseen == "calibrate":
            raise argument_error(
                "unseen",
                "'reference', 'none' or left out",
                "'calibrate'",
                "Refit with the rows of the new batch, or use ComBat.",
            )
        share = check_number("variance", self.variance, low=0, high=1, open_low=True)
        need = int(check_number("min_batch", self.min_batch, low=3, whole=True))
        small = [b for b, n in zip(self.batches_, np.bincount(codes)) if n < need]
        if small:
            raise argument_error(
                "X",
                f"a table with at least {need} rows of each batch",
                f"fewer of {small[:5]}",
                "Use ComBat, join small batches, or lower `min_batch`.",
            )
        if np.isnan(Y).any():
            raise DataError("A covariance needs complete features: impute before `CovBat`, or use `ComBat`.")
        super()._estimate(Y, codes, design)
        residual = self._residual(combat_adjust(Y, codes, design, self.estimates_, self.gamma_, self.delta_), design)
        self._centre, self._scale = residual.mean(axis=0), residual.std(axis=0, ddof=1)
        strength, directions = _principal((residual - self._centre) / self._scale)
        held = np.cumsum(strength) / np.sum(strength)
        self.n_components_ = int(np.searchsorted(held, share - 1e-12) + 1)
        self.components_ = directions[: self.n_components_]
        scores = (residual - self._centre) / self._scale @ self.components_.T
        reference = None if self.reference is None else self.batches_.index(self.reference)
        self._score_fit = combat_fit(scores, codes, np.empty((len(Y), 0)), reference=reference, prior="none")

    def _residual(self, Y: np.ndarray, design: np.ndarray) -> np.ndarray:
        fit = self.estimates_
        return (Y - fit.mean - design @ fit.coefficients) / np.sqrt(fit.variance)

    def _adjusted(self, Y: np.ndarray, codes: np.ndarray, design: np.ndarray) -> np.ndarray:
        if np.isnan(Y).any():
            raise DataError("A covariance needs complete features: impute before `CovBat`, or use `ComBat`.")
        even = super()._adjusted(Y, codes, design)
        scores = (self._residual(even, design) - self._centre) / self._scale @ self.components_.T
        fit = self._score_fit
        moved = combat_adjust(scores, codes, np.empty((len(Y), 0)), fit, fit.gamma, fit.delta)
        return even + (moved - scores) @ self.components_ * self._scale * np.sqrt(self.estimates_.variance)


def _principal(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances (up to a factor) and directions of the principal components, the largest first."""
    if X.shape[0] <= X.shape[1]:
        _, singular, directions = np.linalg.svd(X, full_matrices=False)
        return singular**2, directions
    values, vectors = np.linalg.eigh(X.T @ X)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1].T
