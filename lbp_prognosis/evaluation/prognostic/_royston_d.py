"""``royston_d``: Royston and Sauerbrei's D, the prognostic separation of a score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    check_choice,
    check_clusters,
    check_confidence,
    check_vector,
    influence_se,
    interval,
    norm,
    takes_rows,
)
from lbp_prognosis._kernels import (
    CoxData,
    CoxFit,
    CoxPieces,
    censoring_groups,
    cox_data,
    cox_fit_near,
    cox_fit_prepared,
    cox_pieces,
    fine_gray_data,
    fine_gray_influence,
)
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._prediction_doubts import upside_down
from lbp_prognosis.evaluation.prognostic._setting import stable_order
from lbp_prognosis.survival import Weights, check_cause, check_outcome, check_weights

__all__ = ["RoystonD", "royston_d"]

_KAPPA2 = 8 / np.pi


@dataclass(frozen=True, repr=False)
class RoystonD(OverHorizons):
    """A `MetricResult` of Royston and Sauerbrei's D, with the proportion of explained variation.

    Attributes
    ----------
    r2 : MetricResult or None
        R²_D = (D²/κ²) / (π²/6 + D²/κ²), κ² = 8/π; its interval is the transformed interval of D.
    """

    r2: MetricResult | None = None

    def minus(self, other: MetricResult) -> MetricResult:
        """Paired difference of D, with a robust standard error; ``r2`` becomes the paired difference of R²_D."""
        difference = super().minus(other)
        if self.r2 is None or not isinstance(other, RoystonD) or other.r2 is None:
            return difference
        return replace(difference, r2=self.r2.minus(other.r2))  # type: ignore[call-arg]


@takes_rows()
def royston_d(
    y: np.ndarray,
    score: Any,
    *,
    cause: int = 1,
    ties: str = "averaged",
    censoring_ties: str = "at_risk",
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
) -> RoystonD:
    """Return the log hazard ratio between two equal groups, divided at the median score, and R²_D.

    Parameters
    ----------
    y : ndarray of shape (n,)
        `Surv.right`, also with delayed entry.
    score : array-like of shape (n,)
        Prediction that is higher for earlier events; only its order matters.
    cause : int, default 1
        Event of interest. With competing events D is a log subdistribution hazard ratio.
    ties : {"averaged", "first"}, default "averaged"
        Rows with tied scores get the mean of their normal scores, or are ranked in the order of the rows (as in
        published implementations; the value then depends on that order).
    censoring_ties : {"at_risk", "events_first"}, default "at_risk"
        With competing events: whether events remain at risk of censoring at the same time, as in R's cmprsk, with which
        D was extended to competing events, or leave before; see `FineGray`.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights, also used in the ranks; a bare array is taken as sampling weights.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. patient or site, for a robust standard error.
    confidence : float, default 0.95
        Level of the interval.

    Returns
    -------
    RoystonD
        Metric ``"royston_d"``, with ``r2`` (``"r2_d"``) and influence values. The standard error is that of the Cox
        model; robust with clusters or sampling weights, with competing events and in differences.

    Notes
    -----
    D is the coefficient of z = Φ⁻¹((rank − 3/8)/(n + 1/4)) / √(8/π) in a Cox model (Efron's ties) or, with competing
    events, in a Fine–Gray model. As is usual, the standard error takes the normal scores as given. The influence
    values, and therefore all paired differences, account for the sampling variation of the ranks.

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
    cause = check_cause(y, cause)
    check_choice("ties", ties, ("averaged", "first"))
    check_choice("censoring_ties", censoring_ties, ("at_risk", "events_first"))
    weights = check_weights(sample_weight, n)
    codes = check_clusters("clusters", clusters, n=n)
    confidence = check_confidence(confidence)
    event = y["event"] == cause
    competing = bool(((y["event"] != 0) & ~event).any())
    order = stable_order(values)
    places = _codes(values, order, ties)
    z = _normal_scores(places, order, weights)
    ranks = _Ranks(places, z, weights)
    if weights is not None:
        event = event & (weights.values > 0)
    reason, d, se, psi = "", np.nan, np.nan, np.full(n, np.nan)
    if np.ptp(z) == 0 or not event.any():
        reason = "no event of interest" if not event.any() else "all scores are equal"
    elif competing:
        d, se, given, psi = _competing(y, ranks, cause, censoring_ties == "events_first", codes is not None)
    else:
        d, se, given, psi = _single(y, ranks, event, codes is not None)
    if not np.isnan(d) and (competing or codes is not None or (weights is not None and weights.kind != "frequency")):
        se = float(influence_se(given, codes))
    if not reason and not np.isfinite(d):
        reason = "the scores separate the events completely"
    low, high = interval(d, se, confidence)
    method = ("Fine–Gray" if competing else "Cox, Efron") + f", tied scores {ties}"
    row_weight = np.ones(n) if weights is None else weights.values
    copies = row_weight if weights is not None and weights.kind == "frequency" else (row_weight > 0).astype(float)
    common: dict[str, Any] = {
        "tier": "prognostic",
        "confidence": confidence,
        "cause": cause,
        "n": int(copies.sum()),
        "n_events": int(copies[event].sum()),
        "reason": reason,
        "clusters": codes,
        "method": method,
    }
    reverse = "no interval: the scores separate the events in the reverse order" if d < 0 else ""
    ratio = d**2 / _KAPPA2
    slope = 2 * d / _KAPPA2 * (np.pi**2 / 6) / (np.pi**2 / 6 + ratio) ** 2
    r2 = OverHorizons(
        metric="r2_d",
        value=_r2(d),
        se=abs(slope) * se,
        low=_r2(max(float(low), 0.0)) if d >= 0 else np.nan,
        high=_r2(max(float(high), 0.0)) if d >= 0 else np.nan,
        influence=slope * psi,
        **{**common, "reason": reason or reverse},
    )
    return RoystonD(
        metric="royston_d",
        value=d,
        se=se,
        low=float(low),
        high=float(high),
        influence=psi,
        objections=upside_down(d),
        r2=r2,
        **common,
    )


def _r2(d: float) -> float:
    ratio = d**2 / _KAPPA2
    return float(ratio / (np.pi**2 / 6 + ratio))


def _codes(values: np.ndarray, order: np.ndarray, ties: str) -> np.ndarray:
    """Rank of each score among the distinct scores, or among all rows in their ``order``."""
    new = np.ones(values.size, dtype=bool)
    if ties != "first":
        ranked = values[order]
        np.not_equal(ranked[1:], ranked[:-1], out=new[1:])
    codes = np.empty(values.size, dtype=np.int64)
    codes[order] = np.cumsum(new) - 1
    return codes


def _normal_scores(codes: np.ndarray, order: np.ndarray, weights: Weights | None) -> np.ndarray:
    """Expected normal order statistics (Blom) of the scores, divided by √(8/π); averaged over copies of a row."""
    if weights is None:
        rank, size = np.arange(1.0, order.size + 1), float(order.size)
        each = norm.ppf((rank - 3 / 8) / (size + 1 / 4)) / np.sqrt(_KAPPA2)
        place = codes[order]
        total = np.bincount(place)
        return (np.bincount(place, weights=each) / total)[codes]
    w = weights.values
    if weights.kind == "frequency":
        row = np.repeat(order, w[order].astype(np.int64))
        rank, size = np.arange(1.0, row.size + 1), float(row.size)
    else:
        size = float((w > 0).sum())  # rows of weight zero are not counted
        row, share = order, w[order] * (size / w.sum())
        rank = np.cumsum(share) - (share - 1) / 2
    each = norm.ppf((rank - 3 / 8) / (size + 1 / 4)) / np.sqrt(_KAPPA2)
    mass = np.ones(row.size) if weights.kind == "frequency" else w[row]
    total = np.bincount(codes[row], weights=mass, minlength=codes.max() + 1)
    mean = np.bincount(codes[row], weights=mass * each, minlength=total.size)
    return np.divide(mean, total, out=np.zeros(total.size), where=total > 0)[codes]


@dataclass(frozen=True)
class _Ranks:
    """Ranks of the scores, their normal scores ``z``, and derivatives with respect to row weights."""

    codes: np.ndarray
    z: np.ndarray
    weights: Weights | None

    def moved(self, by_z: np.ndarray) -> np.ndarray:
        """Derivative of Σ ``by_z`` · z with respect to the weight of each row, through the ranks.

        The z of tied scores is the mean of the normal quantiles over the range of their ranks.
        """
        codes, n = self.codes, self.codes.size
        w = np.ones(n) if self.weights is None else self.weights.values
        counted = self.weights is not None and self.weights.kind == "frequency"
        used = w > 0
        size = float(w.sum() if counted else used.sum())
        groups = int(codes.max()) + 1
        plain = self.weights is None
        within = np.bincount(codes, weights=None if plain else w, minlength=groups)
        share = within / w.sum()
        high = np.cumsum(share)
        low = high - share
        alone = (within if plain else np.bincount(codes, weights=w if counted else used, minlength=groups)) <= 1
        level = share  # of tied scores alone
        if not alone.all():
            level = np.bincount(codes, weights=w * self.z, minlength=groups) / np.maximum(share * w.sum(), 1e-300)
        up, down = (np.clip((size * edge + 1 / 8) / (size + 1 / 4), 1e-12, 1 - 1e-12) for edge in (high, low))
        by_high, by_low = self._by_edges(up, down, alone, level)
        mass = np.bincount(codes, weights=by_z, minlength=groups)
        mass = np.where(share > 0, mass, 0.0)
        from_high, from_low = mass * np.where(share > 0, by_high, 0), mass * np.where(share > 0, by_low, 0)
        # a row lies below the upper edge of its own and all later groups, and below the lower edge of later groups
        here = np.cumsum(from_high[::-1])[::-1] - (np.cumsum(from_low[::-1])[::-1] - from_low)
        return (here[codes] - from_high @ high + from_low @ low) * size / ((size + 1 / 4) * w.sum())

    @staticmethod
    def _by_edges(
        up: np.ndarray, down: np.ndarray, alone: np.ndarray, level: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives of the mean normal score of each group with respect to its upper and lower edge."""
        by_high = np.empty(alone.size)
        single = slice(None) if alone.all() else np.flatnonzero(alone)
        with np.errstate(all="ignore"):
            middle = norm.ppf((up[single] + down[single]) / 2)
            by_high[single] = np.sqrt(2 * np.pi / _KAPPA2) * np.exp(middle**2 / 2) / 2
            by_low = -by_high
            tied = np.flatnonzero(~alone)
            width = np.maximum(up[tied] - down[tied], 1e-300)
            by_high[tied] = (norm.ppf(up[tied]) / np.sqrt(_KAPPA2) - level[tied]) / width
            by_low[tied] = (norm.ppf(down[tied]) / np.sqrt(_KAPPA2) - level[tied]) / width
        return by_high, by_low


def _entry(y: np.ndarray) -> np.ndarray | None:
    return y["entry"] if "entry" in (y.dtype.names or ()) else None


_Fit = tuple[float, float, np.ndarray, np.ndarray]


def _single(y: np.ndarray, ranks: _Ranks, event: np.ndarray, clustered: bool) -> _Fit:
    data = cox_data(ranks.z[:, None], y["time"], event, entry=_entry(y))
    return _slope(data, ranks, clustered, "efron", lambda pieces, own: own)


def _competing(y: np.ndarray, ranks: _Ranks, cause: int, events_first: bool, clustered: bool) -> _Fit:
    time, code, entry, z = y["time"], y["event"], _entry(y), ranks.z
    w = np.ones(z.size) if ranks.weights is None else ranks.weights.values
    curves = censoring_groups(time, code, np.zeros(z.size, dtype=np.int64), w, events_first, entry)
    data = fine_gray_data(z[:, None], time, code, cause, curves, None, entry)

    def score(pieces: CoxPieces, own: np.ndarray) -> np.ndarray:
        return own if entry is not None else own + fine_gray_influence(pieces, time, code)

    return _slope(data, ranks, clustered, "breslow", score)


def _slope(
    data: CoxData, ranks: _Ranks, clustered: bool, ties: str, score: Callable[[CoxPieces, np.ndarray], np.ndarray]
) -> _Fit:
    """Coefficient, its model-based standard error, and influence values on the scale of the rows.

    Influence values are returned twice: with normal scores as given, and with sampling variation of the ranks.
    """
    n, weights = data.event.size, ranks.weights
    frequency = weights is not None and weights.kind == "frequency"
    w = None if weights is None else weights.values
    fit: CoxFit
    if data.before is None and data.tail is None:
        fit = cox_fit_near(data, weights=w, frequency=frequency)
    else:
        fit = cox_fit_prepared(data, weights=w, ties=ties, frequency=frequency)
    if not fit.converged or fit.aliased.any() or abs(fit.coef[0]) > 30:
        return np.nan, np.nan, np.full(n, np.nan), np.full(n, np.nan)
    pieces = cox_pieces(data, fit.coef, weights=w, ties=ties, frequency=frequency)
    variance = float(fit.covariance[0, 0])
    alone = pieces.score()
    own = score(pieces, alone)[:, 0]
    by_z = _by_score(pieces, float(fit.coef[0]), alone[:, 0]) * (1.0 if w is None else w)
    given, full = n * variance * own, n * variance * (own + ranks.moved(by_z))
    if w is not None:
        # squares are summed over unclustered copies; within a cluster copies are summed first
        factor = np.sqrt(w) if frequency and not clustered else w
        given, full = given * factor, full * factor
    return float(fit.coef[0]), float(np.sqrt(variance)), given, full


def _by_score(pieces: CoxPieces, coef: float, score: np.ndarray) -> np.ndarray:
    """Derivative of the likelihood score with respect to z of each row (one copy): M − β ∫ (z − z̄) r dΛ."""
    data = pieces.data
    ends = data.event & (data.last >= 0)
    residual = np.zeros(data.event.size)
    residual[ends] = (data.X[ends] - pieces.mean_x()[data.last[ends]])[:, 0]
    return pieces.martingale() - coef * (data.unsorted(residual) - score)
