"""Net reclassification and integrated discrimination improvement, with an objection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    check_clusters,
    check_confidence,
    check_number,
    check_risk,
    check_thresholds,
    influence_se,
    inside_range,
    interval,
    metric_frame,
    metric_title,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import threshold_bins
from lbp_prognosis.survival import check_outcome, status_horizon
from lbp_prognosis.validation.resampling._performance import Panel, known_state

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Reclassification", "reclassification"]

_OBJECTION = objection("net-reclassification")
_NO_INTERVAL = (
    "no interval: where the models were fitted to these patients, the distribution under no added value is neither "
    "centred at zero nor normal; held_out=True says that they were not"
)
_NAMES = ("nri", "nri_events", "nri_nonevents", "idi")


@dataclass(frozen=True, repr=False)
class Reclassification(Result):
    """Reclassification measures of a new against a reference model.

    Attributes
    ----------
    nri_events, nri_nonevents : float
        Net proportion moved up among patients with the event, and down among those without; across the given
        categories, or by any amount.
    idi : float
        Change in mean risk of patients with the event minus change in patients without it.
    se : dict of str to float
        Standard errors by name; empty unless the risks were held out.
    """

    nri_events: float
    nri_nonevents: float
    idi: float
    horizon: float
    thresholds: tuple[float, ...]
    n: int
    n_events: int
    objections: tuple[Objection, ...] = (_OBJECTION,)
    synthetic: bool = False
    se: dict[str, float] = field(default_factory=dict, repr=False)
    confidence: float = 0.95

    @property
    def nri(self) -> float:
        """Sum of both parts."""
        return self.nri_events + self.nri_nonevents

    def to_frame(self) -> pd.DataFrame:
        """Return ``nri, nri_events, nri_nonevents, idi``; with intervals only for risks that were held out."""
        kind = "categories" if self.thresholds else "any change"
        rows = []
        for name in _NAMES:
            value = getattr(self, name)
            row = {
                "tier": "prognostic",
                "metric": name,
                "horizon": self.horizon,
                "value": value,
                "n": self.n,
                "method": f"{kind}, inverse probability of censoring",
                "n_events": self.n_events,
            }
            if name in self.se:
                se, level = self.se[name], self.confidence
                low, high, words = inside_range(name, value, *interval(value, se, level))
                row |= {"se": se, "low": float(low), "high": float(high), "confidence": level}
                row["method"] += f"; {words}" if words else ""
            else:
                row["reason"] = _NO_INTERVAL
            rows.append(row)
        return metric_frame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the measures; their expectation under noise is not zero.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        frame = self.to_frame()
        return draw_estimates(
            frame.assign(label=frame["metric"].map(metric_title)),
            axis="no evidence of added value (see objection)",
            neutral=0.0,
            digits="+.4f",
            ax=ax,
        )

    def _summary(self) -> str:
        return f"NRI {self.nri:.3f}, IDI {self.idi:.4f}; no evidence of added value"


@takes_rows()
def reclassification(
    y: np.ndarray,
    reference: Any,
    risk: Any,
    horizon: float | None = None,
    *,
    thresholds: Any = (),
    cause: int = 1,
    held_out: bool = False,
    clusters: Any = None,
    confidence: float = 0.95,
) -> Reclassification:
    """Compute NRI and IDI, with an objection.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    reference, risk : array-like of shape (n,)
        Risks of the model without and with the new predictors.
    horizon : float, optional
        Prediction time; a `Status` contains its own.
    thresholds : array-like, default ()
        Borders of risk categories; none for the continuous NRI.
    cause : int, default 1
        Event code of interest.
    held_out : bool, default False
        Whether neither model was fitted to these patients (external validation). Only then are there intervals.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the standard errors.
    confidence : float, default 0.95
        Level of the intervals.

    Returns
    -------
    Reclassification
        Carries the objection ``net-reclassification``, which keeps "adds value" from being supported.

    Notes
    -----
    No interval is given by default. In the development sample of a larger nested model, noise makes NRI and IDI
    positive, so an interval excludes zero far too often, and readers interpret such an interval as a test. For given
    risks in other patients, NRI and IDI are differences of means, and the standard errors come from influence values
    (with censoring weights taken as known). These standard errors quantify the precision of NRI and IDI, not their
    suitability: a miscalibrated model raises NRI and IDI also in new patients, so the objection remains.

    References
    ----------
    Hilden J, Gerds TA. A note on the evaluation of novel biomarkers: do not rely on integrated discrimination
    improvement and net reclassification index. Stat Med 2014;33:3405-3414. doi:10.1002/sim.5804
    """
    kind = check_outcome(y, ("right", "status"), caller="reclassification")
    time = check_number("horizon", status_horizon(y) if horizon is None and kind == "status" else horizon, low=0)
    old = check_risk("reference", reference, n=y.shape[0], n_horizons=1)[:, 0]
    new = check_risk("risk", risk, n=y.shape[0], n_horizons=1)[:, 0]
    borders = check_thresholds(thresholds) if np.size(thresholds) else np.empty(0)
    rows, event, weight = known_state(y, Panel(kind, np.array([time]), np.empty(0), cause, "event", False), time)
    old, new = old[rows], new[rows]
    up = threshold_bins(new, borders) - threshold_bins(old, borders) if borders.size else np.sign(new - old)
    step = np.sign(up)

    codes = check_clusters("clusters", clusters, n=y.shape[0])
    confidence = check_confidence(confidence)

    def mean(values: np.ndarray, who: np.ndarray) -> tuple[float, np.ndarray]:
        """Weighted mean of a subset, and the contribution of each row."""
        share = weight * who
        total = float(share.sum())
        if total <= 0:
            return float("nan"), np.full(rows.size, np.nan)
        value = float(np.sum(weight[who] * values[who]) / np.sum(weight[who]))
        return value, share * (values - value) * rows.size / total

    moved, moved_without = mean(step, event), mean(step, ~event)
    raised, raised_without = mean(new - old, event), mean(new - old, ~event)
    influence = {
        "nri": moved[1] - moved_without[1],
        "nri_events": moved[1],
        "nri_nonevents": -moved_without[1],
        "idi": raised[1] - raised_without[1],
    }
    kept = None if codes is None else np.unique(codes[rows], return_inverse=True)[1]
    errors = {name: float(influence_se(psi, kept)) for name, psi in influence.items()} if held_out else {}
    return Reclassification(
        moved[0],
        -moved_without[0],
        raised[0] - raised_without[0],
        time,
        tuple(float(b) for b in borders),
        rows.size,
        int(np.sum(event & (weight > 0))),
        se=errors,
        confidence=confidence,
    )
