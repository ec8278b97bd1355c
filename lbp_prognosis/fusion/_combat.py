"""``ComBat``: batch effects of scanners and sites, estimated in the training rows and removed from all rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    DataError,
    EstimationError,
    argument_error,
    check_choice,
    check_number,
    mark_prepared,
    takes_rows,
)
from lbp_prognosis._kernels import combat_adjust, combat_fit, inverse_gamma_prior
from lbp_prognosis.fusion._batch_columns import (
    CovariateDesign,
    batch_codes,
    batch_labels,
    feature_matrix,
    refuse_outcome,
)
from lbp_prognosis.fusion._frame import chosen_columns, match_columns, training_frame
from lbp_prognosis.fusion._site_confounding import site_confounding

__all__ = ["ComBat"]

_PRIORS = ("parametric", "nonparametric", "none")
_UNSEEN = ("reference", "calibrate", "none")


class ComBat(TransformerMixin, BaseEstimator):
    """Remove the location and scale effects of each batch from the features, shrunken over features (empirical Bayes).

    Parameters
    ----------
    batch : str, default "site"
        Column with the batch (site, scanner, field strength, software version) of each row.
    columns : sequence of str, optional
        Features to harmonise; by default all numeric columns but the batch and the covariates. Name the measurements
        made on images: pain scores need no scanner correction.
    covariates : sequence of str, default ()
        Columns whose effect on the features is kept (age, sex). They must be known at prediction; the outcome is
        refused.
    prior : {"parametric", "nonparametric", "none"}, default "parametric"
        Shrinkage of a batch's estimates over its features: normal and inverse gamma priors, their empirical
        distribution, or no shrinkage. A single feature is never shrunken.
    mean_only : bool, default False
        Leave the variances unchanged.
    reference : label, optional
        Batch to whose scale all others are transformed; its own rows do not change.
    unseen : {"reference", "calibrate", "none"}, optional
        Treatment of rows of an unseen batch. ``"reference"``: they are assumed to be on the scale of the reference
        batch and pass unchanged; ``"calibrate"``: they are refused until `calibrate` has estimated the effect of their
        batch; ``"none"``: they pass unchanged. By default they are refused.
    min_calibration : int, default 20
        Minimum number of rows with a value to estimate the effect of a new batch. Below about 20, the standard error of
        the estimate is larger than the usual effect.
    drop_batch : bool, default True
        Drop the batch column from the result, so that it is not used as a predictor.
    tol : float, default 1e-10
        Largest relative change at which the parametric iteration stops. Other programs stop at 1e-4.

    Attributes
    ----------
    batches_ : list
        Batches of the fit, sorted, then calibrated batches.
    columns_ : list of str
        Features harmonised.
    constant_ : list of str
        Features that do not vary within batches; they pass unchanged.
    estimates_ : CombatFit
        Estimates from the training rows.
    gamma_, delta_ : ndarray of shape (n_batches, n_features)
        Shift in units of the residual SD, and variance ratio; both are removed.
    calibrated_ : dict
        Number of rows used for calibration, by new batch.
    confounding_ : SiteConfounding or None
        Association of batch and outcome in the training rows, if an outcome was given.
    objections_ : tuple of Objection
        ``batch-confounded-with-outcome`` if Cramér's V is above 0.3.

    Raises
    ------
    LeakageError
        If a covariate is the outcome.
    DataError
        If a batch has too few values of a feature for its effect to be estimated.

    Notes
    -----
    Y = α + Xβ + γ_s + δ_s ε by feature, with α the mean over all rows (or the reference batch) and σ² the mean squared
    residual; the result is σ (Z − γ*_s)/√δ*_s + α + Xβ. The outcome passed to `fit` is only compared with the batch; no
    estimate uses it. Missing values stay missing.

    References
    ----------
    .. [1] Johnson WE, Li C, Rabinovic A. Adjusting batch effects in microarray expression data using empirical Bayes
       methods. Biostatistics 2007;8:118-127. doi:10.1093/biostatistics/kxj037
    .. [2] Fortin JP et al. Harmonization of cortical thickness measurements across scanners and sites. NeuroImage
       2018;167:104-120. doi:10.1016/j.neuroimage.2017.11.024

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis.fusion import ComBat
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["height", "signal"])
    >>> X["site"] = ["a", "b", "c"] * 20
    >>> X.loc[X["site"] == "b", ["height", "signal"]] += 3
    >>> even = ComBat("site").fit_transform(X)
    >>> list(even), bool(abs(even["height"].groupby(X["site"]).mean().diff().max()) < 0.3)
    (['height', 'signal'], True)
    """

    batches_: list[Any]
    columns_: list[str]
    design_: CovariateDesign

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
    ) -> None:
        self.batch = batch
        self.columns = columns
        self.covariates = covariates
        self.prior = prior
        self.mean_only = mean_only
        self.reference = reference
        self.unseen = unseen
        self.min_calibration = min_calibration
        self.drop_batch = drop_batch
        self.tol = tol

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns that are read in addition to the predictors."""
        return (self.batch,)

    # ---- fitting -------------------------------------------------------------------------------------------------

    @takes_rows()
    def fit(self, X: Any, y: Any = None) -> ComBat:
        """Estimate the batch effects; ``y`` is only compared with the batch and the covariates.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            With the batch column.
        y : ndarray of shape (n,), optional
            Structured outcome.
        """
        frame, labels = self._checked(X, y)
        self.design_ = CovariateDesign(frame, list(self.covariates))
        self.batches_ = sorted(pd.unique(labels), key=lambda label: (str(type(label)), label))
        if len(self.batches_) < 2:
            got = f"{len(self.batches_)} in {self.batch!r}"
            raise argument_error(
                "batch", "a column with at least two batches", got, "With one scanner there is nothing to harmonise."
            )
        if self.reference is not None and self.reference not in self.batches_:
            raise argument_error("reference", f"one of the batches {self.batches_[:8]}", repr(self.reference))
        codes = batch_codes(labels, self.batches_)
        Y, design = feature_matrix(frame, self.columns_), self.design_.matrix(frame)
        self._refuse_small(Y, codes)
        self._refuse_collinear(codes, design)
        varies = _varies_within(Y, codes)
        self.constant_ = [column for column, kept in zip(self.columns_, varies) if not kept]
        self.columns_ = [column for column, kept in zip(self.columns_, varies) if kept]
        if not self.columns_:
            raise argument_error("columns", "features that vary within batches", f"only {self.constant_[:5]}")
        self._estimate(Y[:, varies], codes, design)
        self.calibrated_: dict[Any, int] = {}
        return self

    def _checked(self, X: Any, y: Any) -> tuple[pd.DataFrame, pd.Series]:
        frame = training_frame(X)
        check_choice("prior", self.prior, _PRIORS)
        check_number("min_calibration", self.min_calibration, low=2, whole=True)
        check_number("tol", self.tol, low=0, open_low=True)
        if self.unseen is not None:
            check_choice("unseen", self.unseen, _UNSEEN)
        if self.unseen == "reference" and self.reference is None:
            raise argument_error("unseen", "'calibrate' or 'none' where no `reference` batch is named", "'reference'")
        labels = batch_labels(frame, self.batch)
        covariates = chosen_columns(frame, list(self.covariates), numeric=True)
        taken = {self.batch, *covariates}
        self.columns_ = chosen_columns(frame, self.columns, numeric=True)
        if self.columns is None:
            self.columns_ = [column for column in self.columns_ if column not in taken]
        if not self.columns_ or taken & set(self.columns_):
            got = "none" if not self.columns_ else f"{sorted(taken & set(self.columns_))} among them"
            raise argument_error("columns", "features other than the batch and the covariates", got)
        refuse_outcome(frame, covariates, y)
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self.confounding_ = None if y is None else site_confounding(labels, y)
        self.objections_ = () if self.confounding_ is None else self.confounding_.objections
        return frame, labels

    def _refuse_small(self, Y: np.ndarray, codes: np.ndarray) -> None:
        need = 1 if self.mean_only else 2
        rows = [
            {
                "table": "X",
                "row": None,
                "field": column,
                "reason": "too_few",
                "value": int(count),
                "message": f"{int(count)} values in batch {batch!r}; {need} are needed",
            }
            for s, batch in enumerate(self.batches_)
            for column, count in zip(self.columns_, np.isfinite(Y[codes == s]).sum(axis=0))
            if count < need
        ]
        if rows:
            raise DataError(
                f"{len(rows)} effects cannot be estimated; the first: {rows[0]['field']!r}, {rows[0]['message']}. Join "
                "small batches, leave the feature out, or set `mean_only=True`.",
                pd.DataFrame(rows),
            )

    def _refuse_collinear(self, codes: np.ndarray, design: np.ndarray) -> None:
        full = np.column_stack([(codes[:, None] == np.arange(len(self.batches_))).astype(float), design])
        scale = np.linalg.norm(full, axis=0)
        if (scale == 0).any() or np.linalg.matrix_rank(full / scale) < full.shape[1]:
            raise argument_error(
                "covariates",
                "distinguishable from the batches and from each other",
                f"{list(self.covariates)}",
                "A covariate that is constant within every batch cannot be distinguished from the scanner.",
            )

    def _estimate(self, Y: np.ndarray, codes: np.ndarray, design: np.ndarray) -> None:
        prior = self.prior if Y.shape[1] > 1 else "none"
        with np.errstate(divide="ignore", invalid="ignore"):  # degenerate priors are detected below and named
            self.estimates_ = combat_fit(
                Y,
                codes,
                design,
                reference=None if self.reference is None else self.batches_.index(self.reference),
                mean_only=bool(self.mean_only),
                prior=prior,
                tol=float(self.tol),
            )
        self.gamma_, self.delta_ = self.estimates_.gamma.copy(), self.estimates_.delta.copy()
        # the variance of equal values is a rounding error, not zero
        bad = ~(np.isfinite(self.gamma_) & np.isfinite(self.delta_) & (self.delta_ > 1e-18)).all(axis=0)
        if bad.any():
            names = [column for column, wrong in zip(self.columns_, bad) if wrong]
            raise EstimationError(
                f"The scale of {len(names)} features, e.g. {names[:3]}, has no estimate: a batch's values are all "
                "equal, or all features' are. Leave them out, or use `mean_only=True`."
            )
        if self.estimates_.iterations > 10_000:
            raise EstimationError(f"The shrinkage did not settle to `tol` = {self.tol:g} in 10000 rounds; raise `tol`.")

    # ---- new rows ------------------------------------------------------------------------------------------------

    @takes_rows()
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> pd.DataFrame:
        """Fit, and return these rows transformed; their frame records that the step was fitted on all of them.

        Resampling such a frame brings the objection ``harmonised-outside-resampling``. A step of a `RiskPipeline` is
        fitted to the training rows only.
        """
        made = self.fit(X, y, **fit_params).transform(X)
        return mark_prepared(made, "harmonised-outside-resampling", type(self).__name__, X)

    @takes_rows()
    def transform(self, X: Any) -> pd.DataFrame:
        """Return the frame with the batch effects taken off.

        Raises
        ------
        ArgumentError
            If a row belongs to an unseen batch and ``unseen`` does not state how to treat it.
        """
        check_is_fitted(self, "estimates_")
        frame = match_columns(X, self.feature_names_in_)
        codes = self._known(batch_labels(frame, self.batch))
        Y = feature_matrix(frame, self.columns_)
        even = self._adjusted(Y, codes, self.design_.matrix(frame))
        made = pd.DataFrame(even, columns=self.columns_, index=frame.index)
        rest = frame.drop(columns=[*self.columns_, *([self.batch] if self.drop_batch else [])])
        if rest.shape[1]:
            made = pd.concat([made, rest], axis=1)[list(self.get_feature_names_out())]
        made.attrs = dict(frame.attrs)  # concat loses attributes of the frame
        return made

    def _adjusted(self, Y: np.ndarray, codes: np.ndarray, design: np.ndarray) -> np.ndarray:
        return combat_adjust(Y, codes, design, self.estimates_, self.gamma_, self.delta_)

    def _known(self, labels: pd.Series) -> np.ndarray:
        codes = batch_codes(labels, self.batches_)
        if (codes >= 0).all() or self.unseen in ("reference", "none"):
            return codes
        strange = list(pd.unique(labels[codes < 0]))
        remedy = (
            f"Call `calibrate` with at least {self.min_calibration} rows of the new batch before predicting."
            if self.unseen == "calibrate"
            else "Their effect was never estimated. Say `unseen=`: 'reference', 'calibrate' or 'none'."
        )
        raise argument_error("X", f"rows of the batches {self.batches_[:8]}", f"rows of {strange[:5]}", remedy)

    @takes_rows()
    def calibrate(self, X: Any) -> ComBat:
        """Return a copy that is calibrated for new batches, from rows without outcome.

        Parameters
        ----------
        X : DataFrame
            Rows of unseen batches, at least ``min_calibration`` per batch; used for nothing else.

        Returns
        -------
        ComBat
            Copy with fixed effects: a batch is calibrated once, and ``calibrated_`` records the number of rows.

        Notes
        -----
        Per feature, the mean of the new batch's Z is shrunken towards the batches of the fit,
        γ = (n τ² γ̂ + s² γ̄)/(n τ² + s²), with γ̄ and τ² the mean and variance of their γ; the variance by the inverse
        gamma with the mean and variance of their δ.
        """
        check_is_fitted(self, "estimates_")
        if self.unseen != "calibrate":
            raise argument_error("unseen", "'calibrate'", repr(self.unseen))
        frame = match_columns(X, self.feature_names_in_)
        labels = batch_labels(frame, self.batch)
        known = [batch for batch in pd.unique(labels) if batch in self.batches_]
        if known:
            raise argument_error("X", "rows of new batches", f"rows of {known[:3]}, whose effects are fixed")
        Y, design = feature_matrix(frame, self.columns_), self.design_.matrix(frame)
        Z = (Y - self.estimates_.mean - design @ self.estimates_.coefficients) / np.sqrt(self.estimates_.variance)
        made = copy.deepcopy(self)
        for batch in sorted(pd.unique(labels), key=lambda label: (str(type(label)), label)):
            rows = Z[(labels == batch).to_numpy()]
            counts = np.isfinite(rows).sum(axis=0)
            if counts.min() < self.min_calibration:
                raise argument_error(
                    "X",
                    f"at least {self.min_calibration} rows with every feature of each new batch",
                    f"{int(counts.min())} of {batch!r}",
                    "With fewer, leave the batch as it is (`unseen='none'`).",
                )
            gamma, delta = self._shrunken(rows, counts)
            made.gamma_, made.delta_ = np.vstack([made.gamma_, gamma]), np.vstack([made.delta_, delta])
            made.batches_ = [*made.batches_, batch]
            made.calibrated_[batch] = int(counts.min())
        return made

    def _shrunken(self, Z: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return location and scale of a new batch, shrunken over the batches of the fit."""
        seen, scale = self.estimates_.gamma, self.estimates_.delta
        own, s2 = np.nanmean(Z, axis=0), np.nanvar(Z, axis=0, ddof=1)
        tau2 = seen.var(axis=0, ddof=1)
        gamma = (n * tau2 * own + s2 * seen.mean(axis=0)) / (n * tau2 + s2)
        if self.mean_only:
            return gamma, np.ones_like(gamma)
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = inverse_gamma_prior(scale, axis=0)
            delta = (b + np.nansum((Z - gamma) ** 2, axis=0) / 2) / (n / 2 + a - 1)
        # if all batches have the same variance, the prior of a new variance is degenerate
        return gamma, np.where(np.isfinite(delta), delta, scale.mean(axis=0))

    # ---- looking at it -------------------------------------------------------------------------------------------

    def effects(self) -> pd.DataFrame:
        """Return the removed effects, one row per batch and feature.

        Returns
        -------
        DataFrame
            ``batch, column, n, shift`` (unit of the feature), ``scale`` (ratio of SDs), ``raw_shift``, ``raw_scale``
            (before shrinkage; NaN for calibrated batches).
        """
        check_is_fitted(self, "estimates_")
        sigma, p = np.sqrt(self.estimates_.variance), len(self.columns_)
        rows = []
        for s, batch in enumerate(self.batches_):
            fitted = s < len(self.estimates_.gamma)
            part = pd.DataFrame({"batch": [batch] * p, "column": self.columns_})
            part["n"] = self.estimates_.counts[s].astype(int) if fitted else self.calibrated_[batch]
            part["shift"], part["scale"] = sigma * self.gamma_[s], np.sqrt(self.delta_[s])
            part["raw_shift"] = sigma * self.estimates_.gamma_hat[s] if fitted else np.nan
            part["raw_scale"] = np.sqrt(self.estimates_.delta_hat[s]) if fitted else np.nan
            rows.append(part)
        return pd.concat(rows, ignore_index=True)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns."""
        check_is_fitted(self, "estimates_")
        names = self.feature_names_in_
        return names[names != self.batch] if self.drop_batch else names.copy()


def _varies_within(Y: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return which features vary within batches."""
    low, high = (np.nanmin, np.nanmax) if np.isnan(Y).any() else (np.min, np.max)
    size = np.maximum(high(Y, axis=0), -low(Y, axis=0))
    varies = np.zeros(Y.shape[1], dtype=bool)
    for s in range(int(codes.max()) + 1):
        undecided = np.flatnonzero(~varies)
        rows = Y[np.ix_(codes == s, undecided)]
        varies[undecided] = high(rows, axis=0) - low(rows, axis=0) > 1e-12 * size[undecided]
    return varies
