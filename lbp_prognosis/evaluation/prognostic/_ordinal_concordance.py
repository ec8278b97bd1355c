"""``ordinal_concordance``: agreement between the order of predictions and the order of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import MetricResult, takes_rows
from lbp_prognosis._kernels import concordance_index, concordance_pairs
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._score_setting import ScoreSetting

__all__ = ["OrdinalConcordance", "ordinal_concordance"]


@dataclass(frozen=True, repr=False)
class OrdinalConcordance(OverHorizons):
    """A `MetricResult` of the concordance of scores, with the weights of its pairs and Somers' Dxy.

    Attributes
    ----------
    concordant, discordant, tied : float
        Pairs with different scores, by the order of their predictions.
    dxy : MetricResult or None
        2 (C − ½).
    """

    concordant: float = np.nan
    discordant: float = np.nan
    tied: float = np.nan
    dxy: MetricResult | None = None


@takes_rows()
def ordinal_concordance(
    y: np.ndarray,
    predicted: Any,
    *,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
    min_at_risk: float = 10,
) -> OrdinalConcordance:
    """Return the proportion of pairs with different scores in which the higher score has the higher prediction.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Measured.at`; rows with a missing score are excluded.
    predicted : array-like of shape (n,) or ScoreForecast
        Prediction that is higher for a higher score (mean, linear predictor); for a forecast, its mean.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights; `Weights` of kind ``"attrition"`` (see ``validation.attrition_weights``) weight the observed
        patients to represent all patients.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. patient or site, for the standard error.
    confidence : float, default 0.95
        Level of the interval.
    min_at_risk : float, default 10
        Smallest accepted number of observed scores; below it the value is NaN with a reason.

    Returns
    -------
    OrdinalConcordance
        Metric ``"ordinal_concordance"`` with influence values, and ``dxy``.

    Notes
    -----
    C = (concordant + ½ tied) / pairs of different scores; tied predictions count one half. The standard error agrees
    with ``Hmisc::rcorr.cens`` in R.

    References
    ----------
    Harrell FE, Lee KL, Mark DB (1996). Statistics in Medicine 15:361–387.

    Examples
    --------
    >>> from lbp_prognosis.survival import Measured
    >>> from lbp_prognosis.evaluation.prognostic import ordinal_concordance
    >>> y = Measured.at(12, [0, 1, 1, 3], lower=0, upper=10)
    >>> ordinal_concordance(y, [0.1, 0.5, 0.2, 0.4], min_at_risk=0).value
    0.8
    """
    setting = ScoreSetting.check(
        y,
        caller="ordinal_concordance",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=min_at_risk,
    )
    ahead = setting.predicted(predicted, "mean")
    value, own, reason, totals = np.nan, None, setting.reason, (np.nan, np.nan, np.nan)
    if not reason:
        levels, code = np.unique(setting.value, return_inverse=True)
        event = code.astype(np.int64) + 1
        ones = np.ones(event.size)
        # the kernel's earlier member has the lower score; a higher kernel value belongs to the earlier member
        (concordant, tied, comparable), totals = concordance_pairs(
            np.argsort(-ahead), -ahead, event, np.zeros_like(event), event - 1, setting.weight, ones, ones, levels.size
        )
        pairs = sum(totals)
        if pairs > 0:
            value = concordance_index(totals)
            own = (concordant + tied / 2 - value * comparable) * (setting.weight.sum() / pairs)
        else:
            reason = "all scores are equal"
    shared: dict[str, Any] = {"method": "pairs of different scores", "reason": reason}
    dxy = setting.result("dxy", 2 * value - 1, None if own is None else 2 * own, **shared)
    return setting.result(
        "ordinal_concordance",
        value,
        own,
        kind=OrdinalConcordance,
        concordant=float(totals[0]),
        discordant=float(totals[1]),
        tied=float(totals[2]),
        dxy=dxy,
        **shared,
    )
