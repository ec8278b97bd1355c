"""Net reclassification and integrated discrimination: computed when asked for, and objected to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, check_number, check_risk, check_thresholds, metric_frame
from lbp_prognosis.survival import check_outcome, status_horizon
from lbp_prognosis.validation._performance import Panel, known_state

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Reclassification", "reclassification"]

_OBJECTION = Objection(
    "net-reclassification",
    "NRI and IDI reward miscalibration and grow above zero from noise alone: they are no evidence of added value. Use "
    "the difference in a proper score and in net benefit (added_value).",
    "https://doi.org/10.1002/sim.5804",
)
_NO_INTERVAL = "no interval: the distribution under no added value is neither centred at zero nor normal"


@dataclass(frozen=True, repr=False)
class Reclassification(Result):
    """Reclassification measures of a new against a reference model.

    Attributes
    ----------
    nri_events, nri_nonevents : float
        Net share moved up among those with the event, and down among those without; over the given categories, or in
        any amount.
    idi : float
        Change of the mean risk with the event minus change without it.
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

    @property
    def nri(self) -> float:
        """Sum of both parts."""
        return self.nri_events + self.nri_nonevents

    def to_frame(self) -> pd.DataFrame:
        """Return ``nri, nri_events, nri_nonevents, idi``; without standard errors on purpose."""
        kind = "categories" if self.thresholds else "any change"
        return metric_frame(
            {"tier": "prognostic", "metric": name, "horizon": self.horizon, "value": getattr(self, name),
             "method": f"{kind}, inverse probability of censoring", "n": self.n, "n_events": self.n_events,
             "reason": _NO_INTERVAL}
            for name in ("nri", "nri_events", "nri_nonevents", "idi")
        )  # fmt: skip

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the measures; zero is not what noise gives.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        frame = self.to_frame()
        names = {"nri": "NRI", "nri_events": "NRI, events", "nri_nonevents": "NRI, non-events", "idi": "IDI"}
        return draw_estimates(
            frame.assign(label=frame["metric"].map(names)), axis="no evidence of added value (see objection)",
            neutral=0.0, digits="+.4f", ax=ax,
        )  # fmt: skip

    def _summary(self) -> str:
        return f"NRI {self.nri:.3f}, IDI {self.idi:.4f}; no evidence of added value"


def reclassification(
    y: np.ndarray, reference: Any, risk: Any, horizon: float | None = None, *, thresholds: Any = (), cause: int = 1
) -> Reclassification:
    """Compute NRI and IDI, with an objection.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    reference, risk : array-like of shape (n,)
        Risks of the model without and with the new predictors.
    horizon : float, optional
        Prediction time; a `Status` knows its own.
    thresholds : array-like, default ()
        Borders of risk categories; none for the continuous NRI.
    cause : int, default 1
        Event code of interest.

    Returns
    -------
    Reclassification
        Carries the objection ``net-reclassification``, which keeps "adds value" from being supported.

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
    up = (np.searchsorted(borders, new, "right") - np.searchsorted(borders, old, "right") if borders.size
          else np.sign(new - old))  # fmt: skip
    step = np.sign(up)

    def mean(values: np.ndarray, who: np.ndarray) -> float:
        total = float(np.sum(weight[who]))
        return float(np.sum(weight[who] * values[who]) / total) if total > 0 else float("nan")

    return Reclassification(
        mean(step, event), -mean(step, ~event), mean(new - old, event) - mean(new - old, ~event), time,
        tuple(float(b) for b in borders), rows.size, int(np.sum(event & (weight > 0))),
    )  # fmt: skip
