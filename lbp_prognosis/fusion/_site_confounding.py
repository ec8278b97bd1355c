"""``site_confounding``: association between site and outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_number,
    chi2,
    objection,
    takes_rows,
)

__all__ = ["SiteConfounding", "site_confounding"]


@dataclass(frozen=True, repr=False)
class SiteConfounding(Result):
    """Association of site (batch) and outcome.

    Attributes
    ----------
    cramer_v : float
        √(χ² / (n · min(sites − 1, outcomes − 1))), between 0 and 1.
    chi2, p : float
        Pearson's test of independence on ``df`` degrees of freedom.
    df, n : int
        Degrees of freedom; patients.
    expected_v : float
        Expected value of V under independence, √(df / (n · min(…))): many small sites reach a large V.
    threshold : float
        V above which an objection is raised.
    table : DataFrame
        One row per site: ``site, n, events, share``.
    objections : tuple of Objection
        ``batch-confounded-with-outcome`` if V is above the threshold.
    """

    cramer_v: float
    chi2: float
    p: float
    df: int
    n: int
    expected_v: float
    threshold: float
    table: pd.DataFrame
    objections: tuple[Objection, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the table of sites."""
        return self.table

    def _summary(self) -> str:
        return f"{len(self.table)} sites, V = {self.cramer_v:.3f} (by chance {self.expected_v:.3f})"


@takes_rows()
def site_confounding(site: Any, y: Any, *, threshold: float = 0.3) -> SiteConfounding:
    """Measure the association between site and outcome.

    Parameters
    ----------
    site : array-like of shape (n,)
        Site, scanner or batch of each patient.
    y : ndarray of shape (n,)
        Structured outcome; or 0/1 values. For a censored outcome, whether an event was observed is used, for competing
        events the event; patients with unobserved state are left out.
    threshold : float, default 0.3
        Cramér's V above which an objection is raised.

    Returns
    -------
    SiteConfounding

    Notes
    -----
    If most patients of one site recover and few of another, a feature that only identifies the scanner predicts the
    outcome, and harmonisation without the outcome removes true signal together with the scanner effect. Neither pooled
    estimate is reliable: evaluate within sites, or stratify the baseline by site.

    References
    ----------
    Nygaard V, Rødland EA, Hovig E. Methods that remove batch effects while retaining group differences may lead to
    exaggerated confidence in downstream analyses. Biostatistics 2016;17:29-39. doi:10.1093/biostatistics/kxv027

    Examples
    --------
    >>> from lbp_prognosis.fusion import site_confounding
    >>> round(site_confounding(["a"] * 10 + ["b"] * 10, [1] * 8 + [0] * 2 + [1] * 2 + [0] * 8).cramer_v, 3)
    0.6
    """
    check_number("threshold", threshold, low=0, high=1)
    labels = pd.Series(np.asarray(site, dtype=object))
    outcome = _states(y)
    if labels.size != outcome.size or labels.isna().any():
        raise argument_error("site", f"{outcome.size} labels without gaps", f"{labels.size} labels")
    seen = outcome >= 0
    counts = pd.crosstab(labels[seen].astype(str), outcome[seen])
    n = int(counts.to_numpy().sum())
    sites, states = counts.shape
    table = pd.DataFrame(
        {
            "site": list(counts.index),
            "n": counts.sum(axis=1).to_numpy(),
            "events": counts.drop(columns=0, errors="ignore").sum(axis=1).to_numpy(),
        }
    )
    table["share"] = table["events"] / table["n"]
    smaller, df = min(sites, states) - 1, (sites - 1) * (states - 1)
    if smaller < 1:  # one site, or one outcome: no confounding is possible
        return SiteConfounding(0.0, 0.0, 1.0, df, n, 0.0, threshold, table)
    observed = counts.to_numpy(dtype=float)
    expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0) / n
    statistic = float(((observed - expected) ** 2 / expected).sum())
    v = float(np.sqrt(statistic / (n * smaller)))
    doubt = objection("batch-confounded-with-outcome", v=v, sites=sites)
    return SiteConfounding(
        v,
        statistic,
        float(chi2.sf(statistic, df)),
        df,
        n,
        float(np.sqrt(df / (n * smaller))),
        threshold,
        table,
        (doubt,) if v > threshold else (),
    )


def _states(y: Any) -> np.ndarray:
    names = getattr(getattr(y, "dtype", None), "names", None) or ()
    for field in ("event", "status", "reference"):
        if field in names:
            return np.asarray(y[field], dtype=int)
    if names:
        raise argument_error("y", "an outcome of this library, or 0/1 values", f"fields {names}")
    values = pd.to_numeric(pd.Series(np.asarray(y).ravel()), errors="coerce")
    if not values.dropna().isin([0, 1]).all() or values.isna().all():
        raise argument_error("y", "an outcome of this library, or 0/1 values", y)
    return values.fillna(-1).to_numpy(dtype=int)
