"""``concordance``: order of scores against order of event times, by Harrell or Uno."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from lbp_prognosis._base import (
    Objection,
    argument_error,
    check_beside,
    check_choice,
    check_clusters,
    check_number,
    check_vector,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import censoring_process, concordance_index, concordance_pairs, number_events
from lbp_prognosis.evaluation.prognostic._comparable import comparable_keys, earlier_competing_keys
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.evaluation.prognostic._prediction_doubts import below_half
from lbp_prognosis.evaluation.prognostic._setting import Setting, has_entry, stable_order
from lbp_prognosis.survival import check_outcome

__all__ = ["ConcordanceResult", "concordance"]


_ALL_ALIKE = "no interval: all pairs are ordered alike, so that the data do not show how the value varies"


@dataclass(frozen=True, repr=False)
class ConcordanceResult(OverHorizons):
    """A `MetricResult` of a concordance index, with the weights of its pairs.

    Attributes
    ----------
    concordant, discordant, tied : float
        Comparable pairs by the order of their scores: counts under Harrell's weighting, otherwise sums of pair weights.
    """

    concordant: float = np.nan
    discordant: float = np.nan
    tied: float = np.nan


@takes_rows()
def concordance(
    y: np.ndarray,
    score: Any,
    *,
    weighting: str = "harrell",
    tau: float | None = None,
    cause: int = 1,
    strata: Any = None,
    sample_weight: Any = None,
    clusters: Any = None,
    confidence: float = 0.95,
) -> ConcordanceResult:
    """Return the proportion of comparable pairs in which the patient with the earlier event has the higher score.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome made by `Surv.right` (``"harrell"`` accounts for delayed entry) or `Surv.interval` (a pair is ordered
        only if one interval ends before or when the other begins).
    score : array-like of shape (n,)
        Prediction that is higher for an earlier event: a linear predictor, or a risk at one horizon.
    weighting : {"harrell", "uno"}, default "harrell"
        ``"harrell"`` counts each comparable pair once; ``"uno"`` weights it by the inverse probability of being
        observable.
    tau : float, optional
        Truncation time in the unit of ``y``: only an event at ``time <= tau`` can be the earlier member of a pair.
    cause : int, default 1
        Event of interest. A patient with a competing event can no longer have it and is compared with all events of
        interest.
    strata : array-like of shape (n,), optional
        Stratum of each row; only pairs within a stratum are compared. ``"uno"`` uses the censoring curve of the
        stratum.
    sample_weight : array-like of shape (n,) or Weights, optional
        Row weights; a bare array is taken as sampling weights.
    clusters : array-like of shape (n,), optional
        Cluster of each row, e.g. patient or site, for the standard error.
    confidence : float, default 0.95
        Level of the interval.

    Returns
    -------
    ConcordanceResult
        Metric ``"concordance"`` or ``"uno_concordance"``, with influence values and the weights of the pairs. Where all
        pairs are ordered alike (0 or 1), all influence values are 0 and there is no interval.

    Raises
    ------
    ArgumentError
        If an argument is not accepted; a missing score names its row.

    See Also
    --------
    lbp_prognosis.evaluation.time_dependent_auc : Do patients with the event have higher risks?
    lbp_prognosis.evaluation.evaluate : How good are these predictions?

    Notes
    -----
    C = (concordant + ½ tied) / comparable. An event tied in time with a censoring is comparable and precedes it. Two
    tied events are not comparable. Tied scores count one half, and scores are compared exactly. Under ``"uno"`` a pair
    weighs 1/G(T−)² at the time T of its event; where causes compete 1/(G(T−) G(T)), and 1/(G(T−) G(S−)) if the other
    had a competing event at S ≤ T. G is the censoring curve of these rows, with events leaving first, and is taken as
    known in the standard error. The influence value of a row is the contribution of its pairs, in either role, in
    excess of C.

    References
    ----------
    Harrell FE, Lee KL, Mark DB (1996). Statistics in Medicine 15:361–387.
    Uno H, Cai T, Pencina MJ, D'Agostino RB, Wei LJ (2011). Statistics in Medicine 30:1105–1117. doi:10.1002/sim.4154
    Wolbers M, Blanche P, Koller MT, Witteman JCM, Gerds TA (2014). Biostatistics 15:526–539.
    doi:10.1093/biostatistics/kxt059

    Examples
    --------
    >>> from lbp_prognosis.survival import Surv
    >>> from lbp_prognosis.evaluation.prognostic import concordance
    >>> concordance(Surv.right([1, 2, 3, 4], [1, 0, 1, 1]), [4, 3, 1, 2]).value
    0.75
    """
    kind = check_outcome(
        y, ("right", "interval"), caller="concordance", instead="For a state at one visit use time_dependent_auc."
    )
    check_choice("weighting", weighting, ("harrell", "uno"))
    limit = np.inf if tau is None else check_number("tau", tau, low=0, open_low=True)
    n = y.shape[0]
    _refuse_uno(y, kind, weighting)
    check_beside("score", score, sample_weight=sample_weight, clusters=clusters, strata=strata)
    scores = check_vector("score", score, n=n)
    setting = _setting(y, limit, cause=cause, sample_weight=sample_weight, clusters=clusters, confidence=confidence)
    layers = check_clusters("strata", strata, n=n)
    objections: list[Objection] = []
    end = y["time"] if kind == "right" else y["upper"]
    earlier = (y["event"] == setting.cause) & (end <= limit)
    # a row of weight zero must not affect the weights of other rows
    competing = (y["event"] != 0) & (y["event"] != setting.cause) & (setting.row_weight > 0)
    order = stable_order(scores)
    ones = np.ones(n)
    if weighting == "harrell":
        numbers = setting.kept(
            "harrell", lambda: number_events(*comparable_keys(y, kind, earlier, competing, layers)), of=layers
        )
        own_pairs, totals = _pairs(setting, scores, order, numbers, earlier.astype(float), ones)
    else:
        own, beyond = setting.kept("inverse censoring", lambda: _inverse_censoring(setting, layers), of=layers)
        weight = own * (beyond if competing.any() else own)
        if own[earlier].max(initial=0) > 10:
            objections.append(objection("few-uncensored", variant="pairs", probability=1 / own[earlier].max()))
        without = np.zeros(n, dtype=bool)
        numbers = setting.kept(
            "uno", lambda: number_events(*comparable_keys(y, kind, earlier, without, layers)), of=layers
        )
        own_pairs, totals = _pairs(setting, scores, order, numbers, np.where(earlier, weight, 0.0), ones)
        if competing.any():
            numbers = number_events(*earlier_competing_keys(y, earlier, layers))
            more, further = _pairs(
                setting, scores, order, numbers, np.where(earlier, own, 0.0), np.where(competing, own, 0.0)
            )
            own_pairs = own_pairs + more
            totals = tuple(a + b for a, b in zip(totals, further))
    pairs, value = sum(totals), concordance_index(totals)
    concordant, tied, comparable = own_pairs
    share = (concordant + tied / 2 - value * comparable) / pairs if pairs > 0 else np.full(n, np.nan)
    influence = setting.scale(share * setting.row_weight.sum())
    found: ConcordanceResult = setting.result(
        "concordance" if weighting == "harrell" else "uno_concordance",
        value,
        influence=influence[:, None],
        method=_method(weighting, kind, bool(competing.any())),
        reasons=["" if pairs > 0 else "no pair can be ordered: no event of interest has a patient at risk after it"],
        objections=(*objections, *below_half("concordance", np.array([value]))),
        horizon=np.nan if tau is None else limit,
        kind=ConcordanceResult,
        concordant=float(totals[0]),
        discordant=float(totals[1]),
        tied=float(totals[2]),
    )
    if value in (0, 1):  # all influence values are 0, but for rounding
        return cast(ConcordanceResult, found.labelled(low=np.nan, high=np.nan, reason=_ALL_ALIKE))
    return found


def _refuse_uno(y: np.ndarray, kind: str, weighting: str) -> None:
    if weighting == "uno" and kind == "interval":
        raise argument_error("weighting", "'harrell' for interval-censored outcomes", weighting)
    if weighting == "uno" and has_entry(y):
        raise argument_error(
            "weighting",
            "'harrell' where patients enter late",
            weighting,
            "Censoring weights do not undo late entry; Harrell's pairs are those both of whom are at risk.",
        )


def _setting(
    y: np.ndarray, limit: float, *, cause: int, sample_weight: Any, clusters: Any, confidence: float
) -> Setting:
    """Reuse the checks of the other metrics, with the truncation time as the only horizon."""
    end = y["time"] if check_outcome(y, ("right", "interval"), caller="concordance") == "right" else y["lower"]
    horizon = limit if np.isfinite(limit) else max(float(end.max()), 1.0) * 2
    fields = [name for name in y.dtype.names or () if name not in ("entry", "label")]
    checked = Setting.check(
        y[fields] if has_entry(y) else y,
        horizon,
        accepted=("right", "interval"),
        caller="concordance",
        cause=cause,
        target="event",
        censoring="marginal",
        sample_weight=sample_weight,
        clusters=clusters,
        confidence=confidence,
        min_at_risk=0,
        min_censoring_survival=0,
    )
    return checked


_Numbers = tuple[np.ndarray, np.ndarray, np.ndarray, int]


def _pairs(
    setting: Setting, score: np.ndarray, order: np.ndarray, numbers: _Numbers, early: np.ndarray, late: np.ndarray
) -> tuple[np.ndarray, tuple[float, ...]]:
    event, first, last, events = numbers
    return concordance_pairs(order, score, event, first, last, setting.row_weight, early, late, events)


def _inverse_censoring(setting: Setting, strata: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """1 / G(T−) and 1 / G(T) of each row, by stratum."""
    time, event, n = setting.y["time"], setting.y["event"], setting.n
    out = np.empty((2, n))
    for rows in [np.arange(n)] if strata is None else [np.flatnonzero(strata == s) for s in range(strata.max() + 1)]:
        weights = None if setting.weights is None else setting.row_weight[rows]
        process = censoring_process(time[rows], event[rows], weights)
        with np.errstate(divide="ignore"):
            out[:, rows] = 1 / process.left[process.code], 1 / process.right[process.code]
    # no patient with an event has G(T−) = 0, being at risk just before it, and none is compared beyond G(T) = 0 but
    # those censored then: other rows are not weighted
    out = np.where(np.isfinite(out), out, 0.0)
    return out[0], out[1]


def _method(weighting: str, kind: str, competing: bool) -> str:
    words = "Harrell" if weighting == "harrell" else ("IPCW, 1/(G(T−) G(T))" if competing else "IPCW, 1/G(T−)²")
    if kind == "interval":
        words += ", pairs of disjoint intervals"
    return words + (", competing events never have the event" if competing else "")
