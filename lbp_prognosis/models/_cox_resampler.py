"""Cox models of resampled rows, each from the sorted rows and the coefficients of the whole."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np

from lbp_prognosis._kernels import CoxData, cox_refit
from lbp_prognosis.models._cox_checks import column_factors, column_sd
from lbp_prognosis.models._design import Design

if TYPE_CHECKING:
    from lbp_prognosis.models._cox import CoxPH

__all__ = ["CoxResampler"]


class CoxResampler:
    """A `CoxPH` for any numbers of copies of the rows it was fitted to.

    Parameters
    ----------
    fitted : CoxPH
        The model of all rows.
    bare : CoxPH
        The same without estimates: parameters, and what `fit` reads of the input.
    design : Design
        The rows.
    data : CoxData
        Their risk sets.
    """

    def __init__(self, fitted: CoxPH, bare: CoxPH, design: Design, data: CoxData) -> None:
        self.bare, self.data, self.start, self.covariance = bare, data, fitted.coef_, fitted.covariance_model_
        self.time, self.offset = design.y["time"].astype(float), design.offset
        self.strata, self.levels = design.strata, len(design.strata_levels)

    def __call__(self, copies: np.ndarray) -> CoxPH | None:
        """Return a model with the coefficients and baselines of a fit to ``copies`` (n,) of each row.

        It predicts; it has no standard errors. None if nothing but such a fit can say what comes of it: a stratum
        without rows, columns that can't be told apart, a maximum that is not close by.
        """
        there = np.asarray(copies) > 0
        if self.strata is not None and not np.bincount(self.strata[there], minlength=self.levels).all():
            return None
        found = cox_refit(
            self.data,
            copies,
            self.start,
            self.covariance,
            offset=self.offset,
            ties=self.bare.ties,
            penalty=self._ridge(copies),
        )
        if found is None:
            return None
        model = copy(self.bare)
        model.coef_, hazard = found
        model.centre_, model.max_time_ = self.data.centre, float(self.time[there].max())
        model.baseline_times_ = np.split(self.data.times, self.data.ends[:-1])
        model.baseline_hazard_ = [np.cumsum(part) for part in np.split(hazard, self.data.ends[:-1])]
        return model

    def _ridge(self, copies: np.ndarray) -> np.ndarray | None:
        if self.bare.penalty == 0:
            return None
        factors = column_factors(self.bare.penalty_factors, self.bare._names(), "penalty_factors")
        scale = column_sd(self.data.X, self.data.sorted(copies), "n-1") if self.bare.standardize else 1.0
        return self.bare.penalty * factors * scale**2
