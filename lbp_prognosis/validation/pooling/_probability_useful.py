"""Probability that a model meets all criteria at a new hospital."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    RandomState,
    Result,
    argument_error,
    check_number,
    check_thresholds,
    generator,
    metric_frame,
    objection,
)
from lbp_prognosis.validation.pooling._meta_analysis import MetaAnalysis
from lbp_prognosis.validation.pooling._pool_performance import backward
from lbp_prognosis.validation.resampling._internal_external import InternalExternal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ProbabilityUseful", "probability_useful"]

_JOINT_SITES = 8
_FEW = objection("too-few-sites-for-a-joint-probability")


@dataclass(frozen=True, repr=False)
class ProbabilityUseful(Result):
    """Probability that a new site's values lie where the model is useful.

    Attributes
    ----------
    marginal : dict of str to float
        By condition.
    joint : float
        All conditions at once (NaN with fewer than eight sites).
    k : int
        Sites in the joint probability.
    """

    marginal: dict[str, float]
    joint: float
    k: int
    model: str
    horizon: float
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return ``probability_useful`` by condition (``group``), then jointly."""
        rows = [{"group": name, "value": value, "reason": ""} for name, value in self.marginal.items()]
        rows.append(
            {
                "group": "all",
                "value": self.joint,
                "reason": "" if np.isfinite(self.joint) else f"fewer than {_JOINT_SITES} sites",
            }
        )
        return metric_frame(
            {
                "model": self.model,
                "tier": "utility",
                "metric": "probability_useful",
                "horizon": self.horizon,
                "n": self.k,
                "method": "random effects over sites, t with k − 1 degrees of freedom",
                **row,
            }
            for row in rows
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the probability of each condition at a new site, and of all at once.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        axes = draw_estimates(
            self.to_frame().assign(label=[*self.marginal, "all at once"]),
            axis="probability at a new site",
            digits=".2f",
            ax=ax,
        )
        axes.set_xlim(-0.02, 1.02)
        return axes

    def _summary(self) -> str:
        parts = ", ".join(f"{name} {value:.2f}" for name, value in self.marginal.items())
        return f"{parts}; all {self.joint:.2f}"


def probability_useful(
    validation: InternalExternal,
    horizon: float,
    *,
    model: str | None = None,
    threshold: float | None = None,
    conditions: Mapping[str, tuple[float | None, float | None]] | None = None,
    n_draws: int = 20000,
    random_state: RandomState = 0,
) -> ProbabilityUseful:
    """Combine discrimination, calibration and net benefit over sites.

    Parameters
    ----------
    validation : InternalExternal
        Leave-one-site-out result.
    horizon : float
        Prediction time.
    model : str, optional
        The first by default.
    threshold : float, optional
        Decision threshold: net benefit must exceed treating none and treating all there.
    conditions : mapping of str to (low, high), optional
        Range of each measure (None: open). By default AUC above 0.7, slope and O/E between 0.8 and 1.2.
    n_draws : int, default 20000
        Draws of new sites.
    random_state : int, Generator or None, default 0
        Seed.

    Returns
    -------
    ProbabilityUseful
        Marginal probabilities, and the joint one with eight sites or more.

    Notes
    -----
    Each measure at a new site is t-distributed with k − 1 degrees of freedom around its pooled mean with variance
    τ² + se² (HKSJ), on the scale of its meta-analysis; jointly multivariate t with the correlation of the site
    estimates.
    """
    name = model or validation.models[0]
    count = int(check_number("n_draws", n_draws, low=100, whole=True))
    wanted: dict[str, tuple[MetaAnalysis, float | None, float | None]] = {}
    ranges = {"auc": (0.7, None), "calibration_slope": (0.8, 1.2), "observed_expected": (0.8, 1.2)}
    for metric, (low, high) in (ranges if conditions is None else conditions).items():
        where = None if metric in ("concordance", "uno_concordance") else horizon
        wanted[metric] = (validation.pooled(metric, model=name, horizon=where), low, high)
    if threshold is not None:
        t = float(check_thresholds([threshold])[0])
        for words, reference in (("net benefit above none", None), ("net benefit above all", "treat all")):
            pooled = validation.pooled("net_benefit", model=name, horizon=horizon, threshold=t, reference=reference)
            wanted[words] = (pooled, 0.0, None)
    if not wanted:
        raise argument_error("conditions", "at least one, or a threshold", "none")
    marginal = {words: pooled.probability_between(low, high) for words, (pooled, low, high) in wanted.items()}
    shared = set.intersection(*(set(pooled.labels) for pooled, _, _ in wanted.values()))
    enough = len(shared) >= _JOINT_SITES
    joint = _joint(list(wanted.values()), sorted(shared), count, random_state) if enough else float("nan")
    return ProbabilityUseful(
        marginal, joint, len(shared), name, float(horizon), () if enough else (_FEW,), validation.synthetic
    )


def _joint(wanted: list[Any], sites: list[str], count: int, random_state: RandomState) -> float:
    values = np.array([[pooled.estimates[pooled.labels.index(site)] for site in sites] for pooled, _, _ in wanted])
    k = len(sites)
    correlation = np.corrcoef(values) if len(wanted) > 1 else np.ones((1, 1))
    vectors, roots = np.linalg.eigh(np.nan_to_num(correlation) * (1 - 1e-9) + 1e-9 * np.eye(len(wanted)))
    rng = generator(random_state)
    normal = rng.standard_normal((count, len(wanted))) @ (roots * np.sqrt(np.maximum(vectors, 0))).T
    scale = np.sqrt((k - 1) / rng.chisquare(k - 1, count))[:, None]
    inside = np.ones(count, dtype=bool)
    for j, (pooled, low, high) in enumerate(wanted):
        spread = float(np.hypot(np.sqrt(pooled.tau2), pooled.se_hksj))
        at = backward(pooled.scale, pooled.mean + spread * (normal * scale)[:, j])
        inside &= (at > (-np.inf if low is None else low)) & (at < (np.inf if high is None else high))
    return float(inside.mean())
