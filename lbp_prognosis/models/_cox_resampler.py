"""Cox models of resampled rows, each from the sorted rows and the coefficients of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from lbp_prognosis._kernels import CoxData, cox_refit
from lbp_prognosis.models._design import Design

__all__ = ["CoxResampler"]

Model = TypeVar("Model")


class CoxResampler(Generic[Model]):
    """A Cox model for any numbers of copies of the rows it was fitted to.

    Parameters
    ----------
    design : Design
        The rows.
    data : CoxData
        Their risk sets.
    coef, covariance : ndarray of shape (p,) and (p, p)
        Estimates of the model of all rows, at which the search starts.
    ties : {"efron", "breslow"}
        Handling of tied events.
    ridge : callable
        From rows (n, p) and their copies (n,) to the penalty of each column, or None.
    build : callable
        From coefficients, centre, times and cumulative hazards by stratum, and longest follow-up to a model.
    """

    def __init__(
        self,
        design: Design,
        data: CoxData,
        coef: np.ndarray,
        covariance: np.ndarray,
        ties: str,
        ridge: Callable[[np.ndarray, np.ndarray], np.ndarray | None],
        build: Callable[[np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray], float], Model],
    ) -> None:
        self.data, self.coef, self.covariance, self.ties = data, coef, covariance, ties
        self.ridge, self.build = ridge, build
        self.time, self.offset = design.y["time"].astype(float), design.offset
        self.strata, self.levels = design.strata, len(design.strata_levels)

    def __call__(self, copies: np.ndarray) -> Model | None:
        """Return a model with the coefficients and baselines of a fit to ``copies`` (n,) of each row.

        It predicts; it has no standard errors. None if nothing but such a fit can say what comes of it: a stratum
        without rows, collinear columns, a maximum that is not close by.
        """
        there = np.asarray(copies) > 0
        if self.strata is not None and not np.bincount(self.strata[there], minlength=self.levels).all():
            return None
        found = cox_refit(
            self.data,
            copies,
            self.coef,
            self.covariance,
            offset=self.offset,
            ties=self.ties,
            penalty=self.ridge(self.data.X, self.data.sorted(copies)),
        )
        if found is None:
            return None
        coef, hazard = found
        steps = [np.cumsum(part) for part in np.split(hazard, self.data.ends[:-1])]
        times = np.split(self.data.times, self.data.ends[:-1])
        return self.build(coef, self.data.centre, times, steps, float(self.time[there].max()))
