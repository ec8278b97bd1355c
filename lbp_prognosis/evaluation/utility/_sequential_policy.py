"""Net benefit of imaging patients in a band of clinical risk, after a clinical model for all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_clusters,
    check_confidence,
    check_number,
    interval,
    metric_frame,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import reaches
from lbp_prognosis.evaluation.utility._imaging_value import imaging_band, imaging_spread
from lbp_prognosis.evaluation.utility._outcome_at import OutcomeAt, check_probability
from lbp_prognosis.evaluation.utility._test_tradeoff import benefit, decide

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SequentialPolicy", "sequential_policy"]

_POSITIVITY = objection("imaging-positivity")
_CHOSEN = objection("band-chosen-on-data")


@dataclass(frozen=True, repr=False)
class SequentialPolicy(Result):
    """Net benefit of three policies: clinical model only, imaging in the band, imaging for all.

    Attributes
    ----------
    band : tuple of float
        Clinical risks of the target [low, high) between which patients are imaged.
    table : DataFrame
        One row per policy: ``policy, n_imaged, imaged_fraction, net_benefit, gain, se, low, high, up_events,
        up_nonevents, down_events, down_nonevents, acceptable_harm, images_per_true_positive, reason``. Gains are over
        the clinical model, after ``harm``; the last two are before it. Counts are of patients whose decision imaging
        changes (weighted when outcomes are censored).
    """

    threshold: float
    band: tuple[float, float]
    harm: float
    horizon: float
    target: str
    confidence: float
    n: int
    n_events: int
    table: pd.DataFrame = field(repr=False)
    objections: tuple[Objection, ...] = ()

    def row(self, policy: str) -> pd.Series:
        """Return the row of one policy: ``clinical``, ``band`` or ``all``."""
        return self.table.loc[self.table["policy"] == policy].iloc[0]

    @property
    def gain(self) -> float:
        """Gain of imaging in the band over the clinical model, after harm."""
        return float(self.row("band")["gain"])

    @property
    def se(self) -> float:
        """Standard error of `gain`."""
        return float(self.row("band")["se"])

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``net_benefit``, ``net_benefit_gain``, ``imaged_fraction``, ``images_per_true_positive``."""
        common = {
            "tier": "utility",
            "horizon": self.horizon,
            "confidence": self.confidence,
            "n": self.n,
            "n_events": self.n_events,
            "threshold": self.threshold,
            "target": self.target,
        }
        rows: list[dict[str, Any]] = []
        for r in self.table.itertuples():
            rows.append({"model": r.policy, "metric": "net_benefit", "value": r.net_benefit, **common})
            if r.policy != "clinical":
                rows += [
                    {
                        "model": r.policy,
                        "metric": "net_benefit_gain",
                        "value": r.gain,
                        "se": r.se,
                        "low": r.low,
                        "high": r.high,
                        "method": "paired influence values",
                        **common,
                    },
                    {"model": r.policy, "metric": "imaged_fraction", "value": r.imaged_fraction, **common},
                    {
                        "model": r.policy,
                        "metric": "images_per_true_positive",
                        "value": r.images_per_true_positive,
                        "reason": r.reason,
                        **common,
                    },
                ]
        return metric_frame(rows, extra=("threshold", "target"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the gain of imaging in the band, and of imaging all, over the clinical model.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table[self.table["policy"] != "clinical"]
        low, high = self.band
        words = {"band": f"image {low:.3g} to {high:.3g}", "all": "image all"}
        labels = [f"{words[str(r.policy)]} ({r.imaged_fraction:.0%})" for r in rows.itertuples()]
        return draw_estimates(
            rows.assign(label=labels, value=rows["gain"]),
            axis="gain in net benefit over the clinical model",
            neutral=0.0,
            digits="+.4f",
            ax=ax,
        )

    def _summary(self) -> str:
        low, high = self.band
        row = self.row("band")
        return (
            f"image {row['imaged_fraction']:.0%} (clinical risk {low:.3g} to {high:.3g}): gain {row['gain']:+.4f} "
            f"({row['low']:+.4f} to {row['high']:+.4f})"
        )


@takes_rows()
def sequential_policy(
    y: Any,
    risk_first: Any,
    risk_second: Any,
    horizon: float | None = None,
    threshold: float | None = None,
    *,
    band: tuple[float, float] | str = "optimal",
    harm: float = 0.0,
    imaging_probability: Any = None,
    folds: Any = None,
    cause: int = 1,
    target: str = "event",
    clusters: Any = None,
    confidence: float = 0.95,
) -> SequentialPolicy:
    """Return the net benefit of imaging only patients whose clinical risk leaves the decision open.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    risk_first : array-like of shape (n,)
        Clinical risk of the event by the horizon, out of sample.
    risk_second : array-like of shape (n,)
        Risk with imaging; NaN for patients who were not imaged (then ``imaging_probability`` is needed).
    horizon : float, optional
        Prediction time; a `Status` contains its own; for times it is required.
    threshold : float
        Risk of the target from which on a patient is treated.
    band : tuple of float or "optimal", default "optimal"
        Clinical risks of the target [low, high) in which to image; ``"optimal"`` where the expected value of imaging
        exceeds ``harm``.
    harm : float, default 0.0
        Harm of one image in true positives (cost, time, incidental findings).
    imaging_probability : array-like of shape (n,), optional
        Probability of imaging given the information at referral; weights imaged patients to represent all patients in
        the band.
    folds : array-like of shape (n,), optional
        With ``band="optimal"``: the band of a fold is chosen on the other folds.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Target of the decision.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the variance.
    confidence : float, default 0.95
        Level of the intervals.

    Returns
    -------
    SequentialPolicy
        Policies ``clinical``, ``band`` and ``all``.

    Raises
    ------
    ArgumentError
        If imaging risks are missing without ``imaging_probability``, or a patient in the band could not be imaged.

    Notes
    -----
    NB = mean{[1(r₁ ≥ U) + 1(L ≤ r₁ < U) 1(r₂ ≥ t)] (y − w(1 − y))} − harm · P(band), w = t/(1 − t). Only reclassified
    patients in the band contribute to the gain. With imaging probabilities π, imaged patients of the band weigh 1/π.
    """
    data = OutcomeAt.read(y, horizon, cause=cause, target=target, clusters=clusters, caller="sequential_policy")
    confidence = check_confidence(confidence)
    t = check_number("threshold", threshold, low=0, high=1, open_low=True, open_high=True)
    cost = check_number("harm", harm, low=0)
    size = y.shape[0]
    first = check_probability("risk_first", risk_first, size)[data.keep]
    second = check_probability("risk_second", risk_second, size, missing=True)[data.keep]
    if target == "no_event":
        first, second = 1 - first, 1 - second
    imaged = ~np.isnan(second)
    weight = _imaging_weights(imaged, imaging_probability, size, data.keep)
    limits, low, high, doubts = _limits(band, first, second, imaged, t, cost, folds, size, data.keep)
    inside = reaches(first, low) & ~reaches(first, high)
    value = benefit(data.state, t)
    base = decide(first, t)
    flip = np.where(imaged, decide(np.where(imaged, second, 0.0), t).astype(float) - base, 0.0) * weight
    rows = [_row("clinical", data, base * value, np.zeros(data.n), np.zeros(data.n), t, cost, confidence)]
    for name, mask in (("band", inside), ("all", np.ones(data.n, dtype=bool))):
        rows.append(_row(name, data, base * value, np.where(mask, flip, 0.0), mask.astype(float), t, cost, confidence))
    if imaging_probability is not None:
        probability = check_probability("imaging_probability", imaging_probability, size)[data.keep]
        doubts += (_POSITIVITY,) if (probability[inside] < 0.05).any() else ()
    return SequentialPolicy(
        threshold=t,
        band=limits,
        harm=cost,
        horizon=data.horizon,
        target=target,
        confidence=confidence,
        n=data.n,
        n_events=int(((data.state == 1) & (data.weight > 0)).sum()),
        table=pd.DataFrame(rows),
        objections=doubts,
    )


def _imaging_weights(imaged: np.ndarray, probability: Any, size: int, keep: np.ndarray) -> np.ndarray:
    if probability is None:
        if not imaged.all():
            raise argument_error(
                "risk_second",
                "known for all patients, or given with `imaging_probability`",
                f"{int((~imaged).sum())} patients without imaging risk",
                "Model who was imaged from what referral knew, and pass the probabilities.",
            )
        return np.ones(imaged.size)
    chance = check_probability("imaging_probability", probability, size)[keep]
    if (chance <= 0).any():
        raise argument_error(
            "imaging_probability",
            "positive for all patients",
            "zeros",
            "Patients who could never be imaged are outside the policy's population.",
        )
    return np.where(imaged, 1 / chance, 0.0)


def _limits(
    band: Any,
    first: np.ndarray,
    second: np.ndarray,
    imaged: np.ndarray,
    t: float,
    harm: float,
    folds: Any,
    size: int,
    keep: np.ndarray,
) -> tuple[tuple[float, float], np.ndarray, np.ndarray, tuple[Objection, ...]]:
    """Return the band to report and the one that applies to each row."""
    n = first.size
    if isinstance(band, str):
        if band != "optimal":
            raise argument_error("band", "a pair of risks or 'optimal'", band)
        whole = _optimal(first[imaged], second[imaged], t, harm)
        if folds is None:
            return whole, np.full(n, whole[0]), np.full(n, whole[1]), (_CHOSEN,)
        codes = check_clusters("folds", folds, n=size)
        assert codes is not None
        own = codes[keep]
        low, high = np.empty(n), np.empty(n)
        for fold in np.unique(own):
            other = imaged & (own != fold)
            low[own == fold], high[own == fold] = _optimal(first[other], second[other], t, harm)
        return whole, low, high, ()
    if len(band) != 2 or not 0 <= band[0] <= t <= band[1] <= 1:
        raise argument_error(
            "band",
            f"low ≤ threshold ({t:g}) ≤ high in [0, 1]",
            band,
            "Outside it an image could not change the decision.",
        )
    limits = (float(band[0]), float(band[1]))
    return limits, np.full(n, limits[0]), np.full(n, limits[1]), ()


def _optimal(first: np.ndarray, second: np.ndarray, t: float, harm: float) -> tuple[float, float]:
    return imaging_band(imaging_spread(first, second), t, harm)


def _row(
    name: str,
    data: OutcomeAt,
    base: np.ndarray,
    flip: np.ndarray,
    sent: np.ndarray,
    t: float,
    harm: float,
    confidence: float,
) -> dict[str, Any]:
    value = benefit(data.state, t)
    fraction = float(sent.mean())
    gross, psi = data.mean(flip * value)
    # the share imaged is known for all patients and is not weighted for censoring
    psi = psi - harm * (sent - fraction)
    gain = gross - harm * fraction
    se = data.se(psi)
    low, high = interval(gain, se, confidence)
    count = data.weight * np.abs(flip)
    up, down, event = flip > 0, flip < 0, data.state == 1
    per = fraction / gross if gross > 1e-15 else float("inf")
    return {
        "policy": name,
        "n_imaged": int(sent.sum()),
        "imaged_fraction": fraction,
        "net_benefit": data.mean(base)[0] + gain,
        "gain": gain,
        "se": se,
        "low": float(low),
        "high": float(high),
        "up_events": float(count[up & event].sum()),
        "up_nonevents": float(count[up & ~event].sum()),
        "down_events": float(count[down & event].sum()),
        "down_nonevents": float(count[down & ~event].sum()),
        "acceptable_harm": max(gross, 0.0) / fraction if fraction > 0 else 0.0,
        "images_per_true_positive": per if fraction > 0 else float("nan"),
        "reason": "no finite trade-off" if fraction > 0 and not np.isfinite(per) else "",
    }
