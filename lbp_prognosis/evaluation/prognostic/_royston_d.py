"""``royston_d``: how far apart are the prognoses that the score separates?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata

from lbp_prognosis._base import (
    MetricResult,
    argument_error,
    check_choice,
    check_clusters,
    check_confidence,
    check_number,
    check_vector,
    influence_se,
    interval,
)
from lbp_prognosis._kernels import cox_data, cox_fit_prepared, cox_pieces, subdistribution_slope
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._prediction_doubts import upside_down
from lbp_prognosis.survival import check_outcome

__all__ = ["RoystonD", "royston_d"]

_KAPPA2 = 8 / np.pi


@dataclass(frozen=True, repr=False)
class RoystonD(OverHorizons):
    """A `MetricResult` of Royston and Sauerbrei's D that carries the share of variation it explains.

    Attributes
    ----------
    r2 : MetricResult or None
        R²_D = (D²/κ²) / (π²/6 + D²/κ²), κ² = 8/π; its interval is that of D carried over.
    """

    r2: MetricResult | None = None

    def minus(self, other: MetricResult) -> MetricResult:
        """Paired difference of D, with a robust standard error; ``r2`` becomes the paired difference of R²_D."""
        difference = super().minus(other)
        if self.r2 is None or not isinstance(other, RoystonD) or other.r2 is None:
            return difference
        return replace(difference, r2=self.r2.minus(other.r2))  # type: ignore[call-arg]


def royston_d(
    y: np.ndarray,
    score: Any,
    *,
    cause: int = 1,
    ties: str = "averaged",
    clusters: Any = None,
    confidence: float = 0.95,
) -> RoystonD:
    """Return the log hazard ratio between two equal groups of patients cut at the median of the score, and R²_D.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Surv.right`, also with delayed entry when no event competes.
    score : array-like of shape (n,)
        Higher means sooner; only its order matters.
    cause : int, default 1
        Event of interest. With competing events D is a log subdistribution hazard ratio.
    ties : {"averaged", "first"}, default "averaged"
        Rows with one score get the mean of their normal scores, or are ranked in the order of the rows (as published
        implementations do; the value then depends on that order).
    clusters : array-like of shape (n,), optional
        Patients, sites: the unit of a robust standard error.
    confidence : float, default 0.95
        Level of the interval.

    Returns
    -------
    RoystonD
        Metric ``"royston_d"``, with ``r2`` (``"r2_d"``) and influence values. The standard error is that of the Cox
        model; robust with clusters, with competing events and in differences.

    Notes
    -----
    D is the coefficient of z = Φ⁻¹((rank − 3/8)/(n + 1/4)) / √(8/π) in a Cox model (Efron's ties) or, with competing
    events, in a Fine–Gray model. The normal scores are taken as given in the standard error.

    References
    ----------
    Royston P, Sauerbrei W (2004). Statistics in Medicine 23:723–748. doi:10.1002/sim.1621

    Examples
    --------
    >>> from lbp_prognosis.survival import Surv
    >>> from lbp_prognosis.evaluation.prognostic import royston_d
    >>> result = royston_d(Surv.right([1, 2, 3, 4, 5], [1, 1, 0, 1, 1]), [5, 3, 4, 1, 2])
    >>> round(result.value, 3)
    1.787
    """
    check_outcome(y, ("right",), caller="royston_d", instead="For a state at one visit use nagelkerke_r2.")
    n = y.shape[0]
    values = check_vector("score", score, n=n)
    cause = int(check_number("cause", cause, low=1, whole=True))
    check_choice("ties", ties, ("averaged", "first"))
    codes = check_clusters("clusters", clusters, n=n)
    confidence = check_confidence(confidence)
    event = y["event"] == cause
    competing = bool(((y["event"] != 0) & ~event).any())
    z = _normal_scores(values, ties)
    reason, d, se, psi = "", np.nan, np.nan, np.full(n, np.nan)
    if np.ptp(z) == 0 or not event.any():
        reason = "no event of interest" if not event.any() else "all scores are equal"
    elif competing:
        d, psi = _competing(y, z, cause)
        se = float(influence_se(psi, codes))
    else:
        d, se, psi = _single(y, z, event)
        if codes is not None:
            se = float(influence_se(psi, codes))
    if not reason and not np.isfinite(d):
        reason = "the scores separate the events completely"
    low, high = interval(d, se, confidence)
    method = ("Fine–Gray" if competing else "Cox, Efron") + f", tied scores {ties}"
    common: dict[str, Any] = {
        "tier": "prognostic", "confidence": confidence, "cause": cause, "n": n, "n_events": int(event.sum()),
        "reason": reason, "clusters": codes, "method": method,
    }  # fmt: skip
    ratio = d**2 / _KAPPA2
    slope = 2 * d / _KAPPA2 * (np.pi**2 / 6) / (np.pi**2 / 6 + ratio) ** 2
    r2 = OverHorizons(
        metric="r2_d", value=_r2(d), se=abs(slope) * se, low=_r2(max(float(low), 0.0)) if d >= 0 else np.nan,
        high=_r2(max(float(high), 0.0)) if d >= 0 else np.nan, influence=slope * psi, **common,
    )  # fmt: skip
    return RoystonD(
        metric="royston_d", value=d, se=se, low=float(low), high=float(high), influence=psi,
        objections=upside_down(d), r2=r2, **common,
    )  # fmt: skip


def _r2(d: float) -> float:
    ratio = d**2 / _KAPPA2
    return float(ratio / (np.pi**2 / 6 + ratio))


def _normal_scores(values: np.ndarray, ties: str) -> np.ndarray:
    n = values.size
    z = norm.ppf((rankdata(values, method="ordinal") - 3 / 8) / (n + 1 / 4)) / np.sqrt(_KAPPA2)
    if ties == "first":
        return z
    codes = np.unique(values, return_inverse=True)[1]
    return (np.bincount(codes, weights=z) / np.bincount(codes))[codes]


def _single(y: np.ndarray, z: np.ndarray, event: np.ndarray) -> tuple[float, float, np.ndarray]:
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    data = cox_data(z[:, None], y["time"], event, entry=entry)
    fit = cox_fit_prepared(data)
    if not fit.converged or abs(fit.coef[0]) > 30:
        return np.nan, np.nan, np.full(z.size, np.nan)
    scores = cox_pieces(data, fit.coef).score()[:, 0]
    variance = float(fit.covariance[0, 0])
    return float(fit.coef[0]), float(np.sqrt(variance)), z.size * variance * scores


def _competing(y: np.ndarray, z: np.ndarray, cause: int) -> tuple[float, np.ndarray]:
    if "entry" in (y.dtype.names or ()):
        raise argument_error(
            "y", "free of delayed entry where events compete", "an outcome with `entry` and competing events",
            "Start the clock at a landmark: keep the rows that entered before it.",
        )  # fmt: skip
    return subdistribution_slope(z, y["time"], y["event"], cause)
