"""``PooledEvidence``: pooled performance from the packets of several hospitals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import METRICS, Objection, Result, argument_error, metric_frame, norm
from lbp_prognosis.validation import MetaAnalysis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PooledEvidence", "PooledMeasure"]

_EXTRA = (
    "threshold",
    "reference",
    "prediction_low",
    "prediction_high",
    "tau2",
    "i2",
    "probability_useful",
    "stratified",
    "stratified_se",
    "robust",
)


@dataclass(frozen=True)
class PooledMeasure:
    """One measure over sites.

    Attributes
    ----------
    metric : str
        Registered name.
    threshold : float
        Of net benefit; NaN for others.
    reference : str
        ``"comparator"`` for paired differences, ``"treat all"`` for net benefit over treating all; else empty.
    subgroup : str
        ``group = level``; empty for all patients.
    sites : tuple of str
        Whose values they are.
    values, errors : ndarray of shape (k,)
        Values and standard errors of the sites.
    meta : MetaAnalysis or None
        Random effects over sites; None with one site.
    stratified, stratified_se : float
        The value of all patients as one analysis with pairs, sums and censoring curves within sites, including sites
        that the mean leaves out because they lack a standard error; NaN if packets do not contain it.
    robust : float
        Median of the sites, which no single site can change much.
    useful : float
        Probability that a new hospital's value is in the range in which the model is useful; NaN if no range is
        declared.
    """

    metric: str
    threshold: float
    reference: str
    subgroup: str
    sites: tuple[str, ...]
    values: np.ndarray = field(repr=False)
    errors: np.ndarray = field(repr=False)
    meta: MetaAnalysis | None = field(repr=False)
    stratified: float
    stratified_se: float
    robust: float
    useful: float

    @property
    def name(self) -> str:
        """Name with threshold, reference and subgroup."""
        at = "" if np.isnan(self.threshold) else f"@{self.threshold:g}"
        return (
            self.metric
            + at
            + (f" − {self.reference}" if self.reference else "")
            + (f", {self.subgroup}" if self.subgroup else "")
        )

    def influence(self) -> pd.DataFrame:
        """Return the influence of each site on the mean: ``measure, site, value, without, tau2_without, residual``.

        Notes
        -----
        The residual is (y_i − θ̂₍₋ᵢ₎) / √(s_i² + τ̂²₍₋ᵢ₎ + se²₍₋ᵢ₎), on the scale of the analysis: beyond ±3 a site is
        unlike the others, or its packet is wrong.
        """
        columns = ["measure", "site", "value", "without", "tau2_without", "residual"]
        meta = self.meta
        if meta is None or meta.k < 3:
            return pd.DataFrame(columns=columns)
        left = meta.leave_one_out()
        rows = []
        for i, (site, value) in enumerate(zip(self.sites, self.values)):
            keep = np.arange(meta.k) != i
            tau2 = float(left["tau2"].iloc[i])
            weight = 1 / (meta.standard_errors[keep] ** 2 + tau2)
            mean = float(weight @ meta.estimates[keep] / weight.sum())
            spread = np.sqrt(meta.standard_errors[i] ** 2 + tau2 + 1 / weight.sum())
            rows.append(
                (self.name, site, value, float(left["estimate"].iloc[i]), tau2, (meta.estimates[i] - mean) / spread)
            )
        return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True, repr=False)
class PooledEvidence(Result):
    """Performance of one frozen model over hospitals, from packets alone.

    Attributes
    ----------
    measures : tuple of PooledMeasure
        All measures.
    sites : tuple of str
        Sites with numbers.
    left_out : dict of str to str
        Sites without numbers, with the reason: the evidence is that of the others.
    withheld : DataFrame
        Items that single sites withheld, and measures without a site: ``site, item, reason``.
    model : dict
        Which model, horizon and outcome.
    n, n_events : int
        Patients and events.
    confidence : float
        Level of all intervals.
    objections : tuple of Objection
        Doubts: few sites, sites left out, a site unlike the others, calibration far from the predictions.
    """

    measures: tuple[PooledMeasure, ...]
    sites: tuple[str, ...]
    left_out: dict[str, str]
    withheld: pd.DataFrame = field(repr=False)
    model: Mapping[str, Any]
    n: int
    n_events: int
    confidence: float
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    sample = "external"

    def measure(
        self, metric: str, *, threshold: float | None = None, against: str = "", subgroup: str = ""
    ) -> PooledMeasure:
        """Return one measure.

        Parameters
        ----------
        metric : str
            Registered name.
        threshold : float, optional
            Of net benefit.
        against : str, default ""
            ``"comparator"`` or ``"treat all"`` for differences.
        subgroup : str, default ""
            ``group = level``.
        """
        for each in self.measures:
            at = threshold is None if np.isnan(each.threshold) else each.threshold == threshold
            if (each.metric, each.reference, each.subgroup) == (metric, against, subgroup) and at:
                return each
        raise argument_error("metric", f"one of {[each.name for each in self.measures]}", metric)

    def influence(self) -> pd.DataFrame:
        """Return the influence of every site on every measure (see `PooledMeasure.influence`)."""
        parts = [part for each in self.measures if len(part := each.influence())]
        return pd.concat(parts, ignore_index=True) if parts else self.measures[0].influence()

    def to_frame(self) -> pd.DataFrame:
        """Return a row per measure (``group`` empty or a subgroup) and a row per site (``group`` is the site).

        Special columns: ``threshold, reference, prediction_low, prediction_high, tau2, i2, probability_useful,
        stratified, stratified_se, robust``.
        """
        rows: list[dict[str, Any]] = []
        z = float(norm.ppf(0.5 + self.confidence / 2))
        for each in self.measures:
            common = {
                "model": str(self.model.get("name", "")),
                "tier": METRICS[each.metric].tier,
                "metric": each.metric,
                "cause": self.model.get("cause"),
                "horizon": self.model.get("horizon"),
                "confidence": self.confidence,
                "threshold": each.threshold,
                "reference": each.reference,
            }
            pooled = {**common, "group": each.subgroup, "n": self.n, "n_events": self.n_events, "robust": each.robust}
            pooled |= {"stratified": each.stratified, "stratified_se": each.stratified_se}
            if each.meta is None:
                rows.append({**pooled, "value": np.nan, "reason": "one site is not a meta-analysis"})
            else:
                meta = each.meta
                low, high = meta.prediction_profile
                rows.append(
                    {
                        **pooled,
                        "value": meta.value,
                        "se": meta.se,
                        "low": meta.low,
                        "high": meta.high,
                        "method": f"REML, HKSJ over {meta.k} sites; se on the {meta.scale} scale",
                        "prediction_low": low,
                        "prediction_high": high,
                        "tau2": meta.tau2,
                        "i2": meta.i2,
                        "probability_useful": each.useful,
                    }
                )
            for site, value, se in zip(each.sites, each.values, each.errors):
                group = f"{site}; {each.subgroup}" if each.subgroup else site
                rows.append(
                    {
                        **common,
                        "group": group,
                        "value": value,
                        "se": se,
                        "low": value - z * se,
                        "high": value + z * se,
                        "method": "of the packet",
                    }
                )
        return metric_frame(rows, extra=_EXTRA)

    def plot(self, ax: Axes | None = None, *, metric: str = "", **which: Any) -> Axes:
        """Draw the forest plot of a measure, with the prediction interval of a new hospital.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metric : str, default ""
            Registered name; by default the first measure.
        **which
            ``threshold``, ``against`` and ``subgroup``, as of `measure`.
        """
        chosen = self.measure(metric, **which) if metric else self.measures[0]
        if chosen.meta is None:
            raise argument_error("metric", "a measure of at least two sites", chosen.name)
        return chosen.meta.plot(ax)

    def _summary(self) -> str:
        first = self.measures[0]
        told = "" if first.meta is None else f"; {first.meta._summary()}"
        return f"{len(self.sites)} sites, {self.n} patients, {self.n_events} events{told}"
