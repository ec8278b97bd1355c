"""Kaplan–Meier estimate of the censoring distribution, overall or per stratum."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    check_number,
    check_vector,
    describe,
    takes_rows,
)
from lbp_prognosis._kernels import reverse_kaplan_meier_steps, step_at
from lbp_prognosis.survival._curve_rows import curve_rows, label_codes

__all__ = ["CensoringKaplanMeier"]


class CensoringKaplanMeier:
    """Kaplan–Meier model of the censoring distribution, marginal or stratified.

    Parameters
    ----------
    strata : array-like of shape (n,), str or list of str, optional
        Labels of the rows of ``y``, or names of columns of the ``X`` given to `fit`. By default one curve for all rows.

    Attributes
    ----------
    strata_ : tuple
        Labels; empty without strata.
    curves_ : list of (times, survival)
        G(t) of each stratum; events leave the risk set before censorings at the same time.

    Notes
    -----
    With discrete strata, weights 1/G assume that censoring is independent of the outcome only within strata.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis.survival import CensoringKaplanMeier, Surv
    >>> model = CensoringKaplanMeier().fit(Surv.right([1, 2, 3, 4], [1, 0, 1, 0]))
    >>> model.survival_before(np.array([2.0, 3.0])).round(3).tolist()
    [1.0, 0.667]
    """

    def __init__(self, strata: Any = None) -> None:
        self.strata = strata

    def __repr__(self) -> str:
        return "CensoringKaplanMeier()" if self.strata is None else "CensoringKaplanMeier(strata=...)"

    @takes_rows()
    def fit(self, y: np.ndarray, X: Any = None, *, sample_weight: Any = None) -> CensoringKaplanMeier:
        """Fit on an outcome; ``X`` is needed only if ``strata`` names its columns.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Made by `Surv.right`.
        X : DataFrame of shape (n, p), optional
            Contains the columns named in ``strata``.
        sample_weight : Weights or array-like of shape (n,), optional
            Row weights.
        """
        n = y.shape[0]
        self.n_rows_ = n
        labels = self._labels(X, n)
        self.strata_: tuple[Any, ...] = ()
        codes = np.zeros(n, dtype=np.int64)
        if labels is not None:
            codes, self.strata_ = label_codes("strata", labels, n)
        self.codes_ = codes
        weights = None if sample_weight is None else np.asarray(getattr(sample_weight, "values", sample_weight))
        rows = curve_rows(y, sample_weight, caller="CensoringKaplanMeier")
        if weights is not None:
            codes = codes[weights > 0]
        self.curves_: list[tuple[np.ndarray, np.ndarray]] = []
        for k in range(max(len(self.strata_), 1)):
            part = rows.take(codes == k)
            steps = reverse_kaplan_meier_steps(part.time, part.event, entry=part.entry, weights=part.weights)
            self.curves_.append((steps.times, steps.survival))
        return self

    def _labels(self, X: Any, n: int) -> Any:
        if self.strata is None:
            return None
        names = [self.strata] if isinstance(self.strata, str) else self.strata
        columns = getattr(X, "columns", None)
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names) and columns is not None:
            absent = [name for name in names if name not in columns]
            if absent:
                raise argument_error("strata", "labels, or names of columns of `X`", f"{absent}, which `X` lacks")
            if len(names) == 1:
                return X[names[0]]
            return X[names].astype(str).agg(" | ".join, axis=1)
        if isinstance(self.strata, str):
            raise argument_error("X", "given, with the column that `strata` names", describe(X))
        return self.strata

    def _codes(self, X: Any, size: int) -> np.ndarray:
        if not self.strata_:
            return np.zeros(size, dtype=np.int64)
        if X is None:
            return self.codes_
        labels = np.asarray(self._labels(X, len(X)))
        known = {label: k for k, label in enumerate(self.strata_)}
        unknown = sorted({str(label) for label in labels.tolist() if label not in known})
        if unknown:
            raise argument_error("X", "with strata seen when fitting", f"unseen strata {unknown[:5]}")
        return np.array([known[label] for label in labels.tolist()], dtype=np.int64)

    @takes_rows(times="numbers")
    def survival_before(self, times: np.ndarray, X: Any = None) -> np.ndarray:
        """Return G(t−) at each row's own time.

        Parameters
        ----------
        times : array-like of shape (n,)
            One time per row, in the order of the fitted rows or of ``X``. Without strata, any times are accepted.
        X : DataFrame, optional
            Rows to predict for, if different from the fitted rows.
        """
        at = check_vector("times", times, low=0)
        codes = self._codes(X, at.size)
        if codes.size != at.size:
            raise argument_error("times", f"of length {codes.size}, one time a row", f"length {at.size}")
        out = np.empty(at.size)
        for k, (grid, survival) in enumerate(self.curves_):
            mine = codes == k
            out[mine] = step_at(grid, survival, at[mine], left=1.0, before=True)
        return out

    @takes_rows()
    def survival_at(self, horizon: float, X: Any = None) -> np.ndarray:
        """Return G(horizon) for each fitted row or each row of ``X``, of shape (n,)."""
        time = check_number("horizon", horizon, low=0)
        value = np.array([float(step_at(grid, survival, time, left=1.0)) for grid, survival in self.curves_])
        return value[self._codes(X, self.n_rows_ if X is None else len(X))]
