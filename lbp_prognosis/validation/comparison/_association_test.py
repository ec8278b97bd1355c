"""``association_test``: test of association of added predictors with the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    chi2,
    metric_frame,
    norm,
    takes_rows,
)
from lbp_prognosis._kernels import d1_test, rubin_pool
from lbp_prognosis.evidence import missing_indicators
from lbp_prognosis.survival import outcome_kind
from lbp_prognosis.validation.comparison._effects import effects_on, imputation_doubts
from lbp_prognosis.validation.resampling._estimator import check_rows, fresh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AssociationTest", "association_test"]


@dataclass(frozen=True, repr=False)
class AssociationTest(Result):
    """Test that all added predictors have no effect, on the development rows of the models.

    Attributes
    ----------
    without, with_ : str
        The models.
    added : tuple of str
        Columns of the design that only the larger model has.
    test : {"likelihood_ratio", "wald"}
        Which test.
    statistic, df, df2, p : float
        χ² with ``df`` degrees of freedom; with several imputations the F statistic with ``df`` and ``df2`` (else inf).
    coefficients : DataFrame
        One row per added column: ``term, coef, se, ratio, low, high, p``; ``ratio`` is exp(coef).
    n, n_events, m : int
        Patients, events of the cause, completed tables.
    cause : int
        Event code.
    """

    without: str
    with_: str
    added: tuple[str, ...]
    test: str
    statistic: float
    df: float
    df2: float
    p: float
    coefficients: pd.DataFrame = field(repr=False)
    n: int
    n_events: int
    m: int
    cause: int
    confidence: float
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    @property
    def method(self) -> str:
        """The test in words."""
        if self.test == "likelihood_ratio":
            return "likelihood ratio of nested fits, apparent"
        return "Wald, apparent" if self.m == 1 else f"Wald pooled over {self.m} imputations (D1), apparent"

    def to_frame(self) -> pd.DataFrame:
        """Return one row, with ``reference, df, df2, p`` as special columns; ``model`` is the larger one."""
        return metric_frame(
            [
                {
                    "model": self.with_,
                    "tier": "prognostic",
                    "metric": self.test,
                    "cause": self.cause,
                    "value": self.statistic,
                    "method": self.method,
                    "n": self.n,
                    "n_events": self.n_events,
                    "reference": self.without,
                    "df": self.df,
                    "df2": self.df2,
                    "p": self.p,
                }
            ],
            extra=("reference", "df", "df2", "p"),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ratios of the added predictors.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.coefficients.assign(label=self.coefficients["term"], value=self.coefficients["ratio"])
        return draw_estimates(rows, axis=f"ratio; {self._summary()}", neutral=1.0, ax=ax)

    def _summary(self) -> str:
        numbers = f"{self.df:g}" if np.isinf(self.df2) else f"{self.df:g} and {self.df2:.0f}"
        sign = "χ²" if np.isinf(self.df2) else "F"
        return f"{self.with_} beyond {self.without}: {sign} {self.statistic:.3g} on {numbers} df, p = {self.p:.3g}"


@takes_rows()
def association_test(
    without: Any,
    with_: Any,
    X: pd.DataFrame,
    y: np.ndarray,
    *,
    cause: int = 1,
    names: tuple[str, str] = ("without", "with"),
    confidence: float = 0.95,
) -> AssociationTest:
    """Test the added predictors of a larger model against a smaller one, on all patients.

    Parameters
    ----------
    without, with_ : estimator
        Unfitted, unpenalised models with coefficients and their covariance, or pipelines that end in one; each uses its
        own columns of ``X`` (`RiskPipeline` with modalities, `OnColumns`).
    X : DataFrame of shape (n, p)
        Predictors.
    y : ndarray of shape (n,)
        Outcome.
    cause : int, default 1
        Event code; with several causes, only effects on this cause are tested.
    names : tuple of str, default ('without', 'with')
        Names of the models.
    confidence : float, default 0.95
        Level of the intervals of single coefficients.

    Returns
    -------
    AssociationTest
        Apparent test: it shows an association, not better prediction in new patients.

    Raises
    ------
    ArgumentError
        If a model is penalised or has no coefficients, or if the larger model does not contain the smaller one.

    Notes
    -----
    One table and a likelihood of this cause alone: the likelihood-ratio test, 2 (log L_with − log L_without). A model
    of several causes at once: the Wald test b'V⁻¹b of the effects on this cause; so too with one completed table (each
    pipeline completes its own columns, so that the likelihoods are not nested), with an objection. Several completed
    tables: the pooled Wald test D1, F = b̄'Ū⁻¹b̄ / (k (1 + r)).

    References
    ----------
    Li KH, Raghunathan TE, Rubin DB (1991). Large-sample significance levels from multiply imputed data using
    moment-based statistics and an F reference distribution. JASA 86:1065–1073. doi:10.1080/01621459.1991.10475152

    Examples
    --------
    >>> from lbp_prognosis import CoxPH, simulate_cohort, Surv
    >>> from lbp_prognosis.validation import OnColumns, association_test
    >>> X, y, _ = simulate_cohort(300, 1, imaging="all", missingness=0).wide()
    >>> y = Surv.right(y["time"], y["event"] == 1)
    >>> found = association_test(OnColumns(CoxPH(), ["age"]), OnColumns(CoxPH(), ["age", "odi"]), X, y)
    >>> found.added, found.df, found.p < 0.001
    (('odi',), 1.0, True)
    """
    check_rows(X, y, None)
    small, large = (
        effects_on(fresh(model, name).fit(X, y), cause, name)
        for model, name in ((without, "without"), (with_, "with_"))
    )
    added = [name for name in large[0].names if name not in small[0].names]
    if not added or set(small[0].names) - set(large[0].names):
        raise argument_error(
            "with_",
            "a model that contains the columns of the other and more",
            f"{large[0].names[:8]} and {small[0].names[:8]}",
        )
    place = [large[0].names.index(name) for name in added]
    coef = np.array([fit.coef[place] for fit in large])
    covariance = np.array([fit.covariance[np.ix_(place, place)] for fit in large])
    m, k = coef.shape
    test, df2 = "wald", np.inf
    before, after = small[0].loglik, large[0].loglik
    if m > 1:
        pooled = d1_test(coef, covariance)
        statistic, df2, p = pooled.statistic, pooled.df2, pooled.p
    elif before is not None and after is not None:
        test, statistic = "likelihood_ratio", max(2 * (after - before), 0.0)
        p = float(chi2.sf(statistic, k))
    else:
        statistic = float(coef[0] @ np.linalg.solve(covariance[0], coef[0]))
        p = float(chi2.sf(statistic, k))
    n, events = _counts(y, cause)
    return AssociationTest(
        without=names[0],
        with_=names[1],
        added=tuple(added),
        test=test,
        statistic=float(statistic),
        df=float(k),
        df2=float(df2),
        p=float(p),
        coefficients=_table(added, coef, covariance, confidence),
        n=n,
        n_events=events,
        m=m,
        cause=cause,
        confidence=confidence,
        objections=(*imputation_doubts(large), *missing_indicators(X, added)),
        synthetic=bool(X.attrs.get("synthetic", False)),
    )


def _table(names: list[str], coef: np.ndarray, covariance: np.ndarray, confidence: float) -> pd.DataFrame:
    variances = np.diagonal(covariance, axis1=1, axis2=2)
    if coef.shape[0] > 1:
        pooled = rubin_pool(coef, variances)
        value, se, p = pooled.estimate, pooled.se, pooled.p_value()
        low, high = pooled.limits(confidence)
    else:
        value, se = coef[0], np.sqrt(variances[0])
        half = norm.ppf(0.5 + confidence / 2) * se
        low, high, p = value - half, value + half, 2 * norm.sf(np.abs(value / se))
    return pd.DataFrame(
        {
            "term": names,
            "coef": value,
            "se": se,
            "ratio": np.exp(value),
            "low": np.exp(low),
            "high": np.exp(high),
            "p": p,
        }
    )


def _counts(y: np.ndarray, cause: int) -> tuple[int, int]:
    if outcome_kind(y) == "measured":
        return int((~np.isnan(y["value"])).sum()), 0  # all scores are informative, not only those at the cut
    if outcome_kind(y) == "status":
        seen = y["status"] >= 0
        return int(seen.sum()), int((y["status"] == 1).sum())
    return int(y.shape[0]), int((y["event"] == cause).sum())
