"""``AddedValue``: added value of a modality, with estimates, text and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, argument_error, metric, metric_frame, metric_title, norm
from lbp_prognosis.evaluation import Evaluation
from lbp_prognosis.evidence import CLINICAL_MINIMUM
from lbp_prognosis.validation.comparison._likelihood_ratio import LikelihoodRatio
from lbp_prognosis.validation.pooling._meta_analysis import MetaAnalysis, meta_analysis
from lbp_prognosis.validation.resampling._cross_validate import CrossValidation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["WITH", "WITHOUT", "AddedValue"]

WITHOUT, WITH = "without", "with"


@dataclass(frozen=True, repr=False)
class AddedValue(Result):
    """Added value of a modality over the others, on the same cross-fitting folds.

    Attributes
    ----------
    modality : str
        Modality whose added value is estimated.
    evaluation : Evaluation
        All metrics of the models ``without`` and ``with`` the modality (and of the baselines), and paired differences.
    shares : DataFrame
        First-in, Shapley and last-in values by modality: ``modality, metric, horizon, share, value, se, low, high``.
    likelihood_ratio : LikelihoodRatio or None
        Apparent association test, for models with a likelihood.
    by_site : DataFrame
        Paired differences by site (columns of evaluation; empty without sites).
    risks : dict of str to ndarray of shape (n, n_horizons)
        Cross-fitted risks ``"with"`` and ``"without"`` the modality, of each coalition of modalities by name, and of
        the baselines.
    missing : tuple of str
        Constructs of the clinical minimum that the comparator is not known to contain.
    undeclared : tuple of str
        Missing constructs without a declared column; an undeclared column may measure them.
    """

    sample: ClassVar[str] = "internal"  # what `Evidence` takes the numbers for

    modality: str
    evaluation: Evaluation
    shares: pd.DataFrame = field(repr=False)
    likelihood_ratio: LikelihoodRatio | None
    by_site: pd.DataFrame = field(repr=False)
    risks: dict[str, np.ndarray] = field(repr=False)
    missing: tuple[str, ...]
    horizons: np.ndarray
    threshold: float | None
    cross_validation: CrossValidation | None = field(default=None, repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    undeclared: tuple[str, ...] = ()

    def difference(self, metric: str, horizon: float | None = None, threshold: float | None = None) -> pd.Series:
        """Return the paired difference ``with`` minus ``without`` of one metric, as a row of the evaluation frame."""
        frame = self.evaluation.to_frame()
        rows = frame[(frame["metric"] == metric) & (frame["model"] == WITH) & (frame["reference"] == WITHOUT)]
        if horizon is not None:
            rows = rows[np.isclose(rows["horizon"].astype(float), horizon)]
        if threshold is not None:
            rows = rows[np.isclose(rows["threshold"].astype(float), threshold)]
        if len(rows) != 1:
            raise argument_error(
                "metric",
                "one that, with horizon and threshold, names one difference",
                f"{metric!r}, which names {len(rows)}",
            )
        return rows.iloc[0]

    @property
    def supported(self) -> bool:
        """Whether "adds value" is supported.

        It is supported if the comparator contains the clinical minimum, the added predictors do not measure the outcome
        itself, the data are not simulated, and at some horizon the lower limit of the gain in IPA, or of the gain in
        net benefit at the primary threshold, is above zero, while the other gain shows no loss (upper limit above
        zero). Limits are Bonferroni-corrected for the number of horizons.
        """
        again = any(doubt.code == "added-is-the-outcome" for doubt in self.objections)
        return not self.missing and not self.synthetic and not again and self.gains

    @property
    def gains(self) -> bool:
        """Whether the cross-fitted differences show a gain, regardless of other conditions (see `supported`)."""
        return self._gaining() is not None

    def _judged(self, horizon: float) -> list[pd.Series]:
        """Return the decisive differences at a horizon: IPA, and net benefit at the primary threshold."""
        rows = [self.difference("ipa", horizon)]
        return rows if self.threshold is None else [*rows, self.difference("net_benefit", horizon, self.threshold)]

    def _gaining(self) -> float | None:
        """Return the first horizon at which there is a gain."""
        for horizon in map(float, self.horizons):
            rows = self._judged(horizon)
            error = (1 - float(rows[0]["confidence"])) / len(self.horizons)
            lowest = [row["value"] - norm.ppf(1 - error / 2) * row["se"] for row in rows]
            if max(lowest) > 0 and all(row["high"] > 0 for row in rows):
                return horizon
        return None

    def pooled(self, metric: str, horizon: float, threshold: float | None = None) -> MetaAnalysis:
        """Return the random-effects meta-analysis over sites of a paired difference."""
        rows = self.by_site
        rows = rows[(rows["metric"] == metric) & np.isclose(rows["horizon"].astype(float), horizon)]
        if threshold is not None:
            rows = rows[np.isclose(rows["threshold"].astype(float), threshold)]
        rows = rows[np.isfinite(rows["value"]) & (rows["se"] > 0)]
        return meta_analysis(
            rows["value"].to_numpy(),
            rows["se"].to_numpy(),
            labels=rows["group"].tolist(),
            metric=f"difference in {metric}",
        )

    def to_frame(self) -> pd.DataFrame:
        """Return paired differences, then shares: evaluation columns with ``threshold, reference, share``.

        In rows of shares ``model`` is the modality.
        """
        frame = self.evaluation.to_frame()
        pairs = frame[(frame["model"] == WITH) & (frame["reference"] == WITHOUT)]
        rows: list[dict[str, Any]] = [
            {**{k: v for k, v in row.items() if k in _PAIR}, "model": self.modality, "share": "added"}
            for row in pairs.to_dict("records")
        ]
        rows += [
            {
                "model": r.modality,
                "tier": "utility" if r.metric == "net_benefit" else "prognostic",
                "metric": r.metric,
                "horizon": r.horizon,
                "value": r.value,
                "se": r.se,
                "low": r.low,
                "high": r.high,
                "share": r.share,
                "threshold": self.threshold if r.metric == "net_benefit" else np.nan,
                "method": "cross-fitted, influence values",
            }
            for r in self.shares.itertuples()
        ]
        return metric_frame(rows, extra=("threshold", "reference", "share"))

    @property
    def sentence(self) -> str:
        """Conclusion in words, with the decisive differences."""
        gaining = self._gaining()
        horizon = float(self.horizons[0]) if gaining is None else gaining
        found = [
            f"{metric_title(row['metric'])} {row['value']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})"
            for row in self._judged(horizon)
        ]
        numbers = " and ".join(found) + f" at {horizon:g}"
        numbers += "" if self.threshold is None else f", net benefit at a threshold of {self.threshold:g}"
        if self.missing:
            lacking = ", ".join(CLINICAL_MINIMUM[name] for name in self.missing if name not in self.undeclared)
            unsaid = ", ".join(CLINICAL_MINIMUM[name] for name in self.undeclared)
            reasons = [f"the comparator lacks {lacking}"] if lacking else []
            if unsaid:
                reasons.append(f"it is not declared (`clinical_minimum`) which column measures {unsaid}")
            why = "; ".join(reasons)
            return f"Whether {self.modality} adds value was not tested: {why}. ({numbers}.)"
        verdict = "is not shown to add to" if gaining is None else "adds to"
        return f"{self.modality.capitalize()} {verdict} the other modalities: {numbers}."

    def plot(self, ax: Axes | None = None, *, metric: str = "ipa", horizon: float | None = None) -> Axes:
        """Draw the value of each modality alone (first-in), shared (Shapley) and added to the others (last-in).

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metric : str, default "ipa"
            Metric of `shares`: ``concordance``, ``auc``, ``ipa``, ``net_benefit`` …
        horizon : float, optional
            The first by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.shares[self.shares["metric"] == metric]
        if rows["horizon"].notna().any():
            tau = float(self.horizons[0]) if horizon is None else float(horizon)
            rows = rows[np.isclose(rows["horizon"].astype(float), tau)]
        if rows.empty:
            raise argument_error(
                "metric", f"one of {sorted(self.shares['metric'].unique())}, at one of the horizons", metric
            )
        words = {"first_in": "alone", "shapley": "Shapley share", "last_in": "added to the others"}
        rows = rows[rows["share"].isin(words)]
        return draw_estimates(
            rows.assign(label=rows["modality"], series=rows["share"].map(words)),
            neutral=0.0,
            digits="+.4f",
            ax=ax,
            axis=f"worth in {metric_title(metric)}, cross-fitted",
        )

    def figure(self, horizon: float | None = None) -> Figure:
        """Draw one page: paired differences with and without the modality, and the shares in IPA and net benefit.

        Parameters
        ----------
        horizon : float, optional
            The first by default.
        """
        from lbp_prognosis._draw import draw_page

        tau = float(self.horizons[0]) if horizon is None else float(horizon)
        panels: list[tuple[float, Any]] = [(2.0, lambda ax: self._differences_panel(tau, ax))]
        known = set(self.shares["metric"])
        panels += [
            (2.0, lambda ax, name=name: self.plot(ax, metric=name, horizon=tau))
            for name in ("ipa", "net_benefit")
            if name in known
        ]
        return draw_page(panels)

    def _differences_panel(self, horizon: float, ax: Axes) -> Axes:
        from lbp_prognosis._draw import draw_estimates

        frame = self.to_frame()
        rows = frame[(frame["share"] == "added") & frame["metric"].isin(_DRAWN)]
        here = rows["horizon"].isna() | np.isclose(rows["horizon"].astype(float), horizon)
        rows = rows[here & (rows["threshold"].isna() | (rows["threshold"] == self.threshold))]
        return draw_estimates(
            rows.assign(label=rows["metric"].map(_difference_title)),
            neutral=0.0,
            digits="+.4f",
            ax=ax,
            axis=f"with − without {self.modality}",
        )

    def _summary(self) -> str:
        return self.sentence


def _difference_title(name: str) -> str:
    return f"Δ {metric_title(name)}" + (", less is better" if metric(name).better == "lower" else "")


_DRAWN = ("concordance", "uno_concordance", "auc", "brier", "ipa", "net_benefit")
_PAIR = (
    "tier",
    "metric",
    "cause",
    "horizon",
    "value",
    "se",
    "low",
    "high",
    "confidence",
    "method",
    "n",
    "n_events",
    "reason",
    "threshold",
    "reference",
)
