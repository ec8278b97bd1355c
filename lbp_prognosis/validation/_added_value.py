"""Does the modality add anything, and for whom?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    LBPError,
    Objection,
    RandomState,
    Result,
    argument_error,
    check_horizons,
    check_number,
    metric_frame,
)
from lbp_prognosis.evaluation import Evaluation, ThresholdRange, evaluate
from lbp_prognosis.evidence import CLINICAL_MINIMUM, missing_constructs
from lbp_prognosis.models import NullModel
from lbp_prognosis.survival import outcome_kind
from lbp_prognosis.validation._coalitions import NOTHING, coalition_name, coalitions, shared_worth, worth_of
from lbp_prognosis.validation._cross_validate import CrossValidation, cross_validate_risk
from lbp_prognosis.validation._estimator import check_rows, fresh, take_rows
from lbp_prognosis.validation._likelihood_ratio import LikelihoodRatio, likelihood_ratio
from lbp_prognosis.validation._meta_analysis import MetaAnalysis, meta_analysis
from lbp_prognosis.validation._multiply_imputed import refuse_imputed
from lbp_prognosis.validation._on_columns import OnColumns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["AddedValue", "added_value"]

WITHOUT, WITH = "without", "with"


@dataclass(frozen=True, repr=False)
class AddedValue(Result):
    """What a modality adds to the others, on the same cross-fitting folds.

    Attributes
    ----------
    modality : str
        The modality in question.
    evaluation : Evaluation
        All metrics of ``without`` and ``with`` the modality (and of the baselines), and their paired differences.
    shares : DataFrame
        First-in, Shapley and last-in worth by modality: ``modality, metric, horizon, share, value, se, low, high``.
    likelihood_ratio : LikelihoodRatio or None
        Apparent association test, for models with a likelihood.
    by_site : DataFrame
        Paired differences by site (columns of evaluation; empty without sites).
    risks : dict of str to ndarray of shape (n, n_horizons)
        Cross-fitted risks of every coalition of modalities and of the baselines.
    missing : tuple of str
        Constructs of the clinical minimum that the comparator does not hold.
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

    def difference(self, metric: str, horizon: float | None = None, threshold: float | None = None) -> pd.Series:
        """Return the paired difference ``with`` minus ``without`` of one metric: a row of the evaluation frame."""
        frame = self.evaluation.to_frame()
        rows = frame[(frame["metric"] == metric) & (frame["model"] == WITH) & (frame["reference"] == WITHOUT)]
        if horizon is not None:
            rows = rows[np.isclose(rows["horizon"].astype(float), horizon)]
        if threshold is not None:
            rows = rows[np.isclose(rows["threshold"].astype(float), threshold)]
        if len(rows) != 1:
            raise argument_error("metric", "one that, with horizon and threshold, names one difference",
                                 f"{metric!r}, which names {len(rows)}")  # fmt: skip
        return rows.iloc[0]

    @property
    def supported(self) -> bool:
        """Whether "adds value" is supported.

        It is, if the comparator holds the clinical minimum, the data are not simulated, and at some horizon the lower
        limit of the gain in IPA, or of the gain in net benefit at the primary threshold, is above zero, with the lower
        limit of the other not showing a loss (upper limit above zero).
        """
        return not self.missing and not self.synthetic and self.gains

    @property
    def gains(self) -> bool:
        """Whether the cross-fitted differences alone show a gain (see `supported`)."""
        for horizon in self.horizons:
            ipa = self.difference("ipa", float(horizon))
            benefit = None if self.threshold is None else self.difference("net_benefit", float(horizon), self.threshold)
            rows = [ipa] if benefit is None else [ipa, benefit]
            if any(row["low"] > 0 for row in rows) and all(row["high"] > 0 for row in rows):
                return True
        return False

    def pooled(self, metric: str, horizon: float, threshold: float | None = None) -> MetaAnalysis:
        """Return the random-effects meta-analysis over sites of a paired difference."""
        rows = self.by_site
        rows = rows[(rows["metric"] == metric) & np.isclose(rows["horizon"].astype(float), horizon)]
        if threshold is not None:
            rows = rows[np.isclose(rows["threshold"].astype(float), threshold)]
        rows = rows[np.isfinite(rows["value"]) & (rows["se"] > 0)]
        return meta_analysis(rows["value"].to_numpy(), rows["se"].to_numpy(), labels=rows["group"].tolist(),
                             metric=f"difference in {metric}")  # fmt: skip

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
            {"model": r.modality, "tier": "utility" if r.metric == "net_benefit" else "prognostic", "metric": r.metric,
             "horizon": r.horizon, "value": r.value, "se": r.se, "low": r.low, "high": r.high, "share": r.share,
             "threshold": self.threshold if r.metric == "net_benefit" else np.nan,
             "method": "cross-fitted, influence values"}
            for r in self.shares.itertuples()
        ]  # fmt: skip
        return metric_frame(rows, extra=("threshold", "reference", "share"))

    @property
    def sentence(self) -> str:
        """The answer in words."""
        horizon = float(self.horizons[0])
        row = self.difference("ipa", horizon)
        numbers = f"IPA {row['value']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f}) at {horizon:g}"
        if self.missing:
            lacking = ", ".join(CLINICAL_MINIMUM[name] for name in self.missing)
            return f"Whether {self.modality} adds value was not tested: the comparator lacks {lacking}. ({numbers}.)"
        verdict = "adds to" if self.gains else "is not shown to add to"
        return f"{self.modality.capitalize()} {verdict} the other modalities: {numbers}."

    def plot(self, ax: Axes | None = None, *, metric: str = "ipa", horizon: float | None = None) -> Axes:
        """Draw what every modality is worth alone (first-in), shared (Shapley) and added to the others (last-in).

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        metric : str, default "ipa"
            Of `shares`: ``concordance``, ``auc``, ``ipa``, ``net_benefit`` …
        horizon : float, optional
            The first by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.shares[self.shares["metric"] == metric]
        if rows["horizon"].notna().any():
            tau = float(self.horizons[0]) if horizon is None else float(horizon)
            rows = rows[np.isclose(rows["horizon"].astype(float), tau)]
        if rows.empty:
            raise argument_error("metric", f"one of {sorted(self.shares['metric'].unique())}, at one of the horizons",
                                 metric)  # fmt: skip
        words = {"first_in": "alone", "shapley": "Shapley share", "last_in": "added to the others"}
        rows = rows[rows["share"].isin(words)]
        return draw_estimates(
            rows.assign(label=rows["modality"], series=rows["share"].map(words)), neutral=0.0, digits="+.4f", ax=ax,
            axis=f"worth in {_DRAWN.get(metric, metric).removeprefix('Δ ')}, cross-fitted",
        )  # fmt: skip

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
        panels += [(2.0, lambda ax, name=name: self.plot(ax, metric=name, horizon=tau))
                   for name in ("ipa", "net_benefit") if name in known]  # fmt: skip
        return draw_page(panels)

    def _differences_panel(self, horizon: float, ax: Axes) -> Axes:
        from lbp_prognosis._draw import draw_estimates

        frame = self.to_frame()
        rows = frame[(frame["share"] == "added") & frame["metric"].isin(_DRAWN)]
        here = rows["horizon"].isna() | np.isclose(rows["horizon"].astype(float), horizon)
        rows = rows[here & (rows["threshold"].isna() | (rows["threshold"] == self.threshold))]
        return draw_estimates(
            rows.assign(label=rows["metric"].map(_DRAWN)), neutral=0.0, digits="+.4f", ax=ax,
            axis=f"with − without {self.modality}",
        )  # fmt: skip

    def _summary(self) -> str:
        return self.sentence


_DRAWN = {"concordance": "Δ C", "uno_concordance": "Δ Uno's C", "auc": "Δ AUC", "brier": "Δ Brier, less is better",
          "ipa": "Δ IPA", "net_benefit": "Δ net benefit"}  # fmt: skip
_PAIR = ("tier", "metric", "cause", "horizon", "value", "se", "low", "high", "confidence", "method", "n", "n_events",
         "reason", "threshold", "reference")  # fmt: skip


def added_value(
    model: Any,
    X: pd.DataFrame,
    y: np.ndarray,
    modalities: Mapping[str, Sequence[str]],
    horizons: Any,
    thresholds: Any = None,
    *,
    modality: str = "imaging",
    clinical_minimum: Mapping[str, Any] | None = None,
    cause: int = 1,
    target: str = "event",
    n_splits: int = 5,
    n_repeats: int = 10,
    groups: Any = None,
    sites: Any = None,
    folds: Any = None,
    confidence: float = 0.95,
    random_state: RandomState = None,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> AddedValue:
    """Compare pipelines with and without a modality on the same folds, and share worth among all modalities.

    Parameters
    ----------
    model : estimator
        Unfitted pipeline; it is refitted on the columns of every coalition of modalities.
    X : DataFrame of shape (n, p)
        Predictors of all modalities.
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    modalities : mapping of str to sequence of str
        Columns by modality (at most six modalities).
    horizons : float or sequence of float
        Prediction times.
    thresholds : array-like or ThresholdRange, optional
        Decision thresholds; with a range its primary threshold is that of the shares, otherwise the middle one.
    modality : str, default "imaging"
        The one in question.
    clinical_minimum : mapping of str to str, optional
        Construct to column, for the constructs of `evidence.CLINICAL_MINIMUM`. "Adds value" is not supported unless the
        comparator holds them all; what is missing is named.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        What decisions are about.
    n_splits, n_repeats : int
        Folds and repeats of the cross-fitting.
    groups : array-like of shape (n,), optional
        Patient of each row.
    sites : array-like of shape (n,), optional
        Hospital of each row: differences by site.
    folds : array-like of int, optional
        Folds given beforehand.
    confidence : float, default 0.95
        Level of intervals.
    random_state : int, Generator or None, default None
        Seed of the folds.
    n_jobs : int, optional
        Workers.
    checkpoint : path, optional
        Folder of finished fits.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    AddedValue
        Differences with intervals; first-in, Shapley and last-in side by side; the likelihood-ratio test.

    Raises
    ------
    ArgumentError
        If ``modality`` is not among the modalities, or is the only one.

    Notes
    -----
    Differences are of cross-fitted risks averaged over repeats, with standard errors from paired influence values. The
    likelihood-ratio test is the test of association; the differences are about prediction; net benefit is about
    decisions. Shapley values share what modalities have in common, so that a modality with no added value can have a
    positive one: the added value is the last-in column. In the shares, IPA is relative to the cross-fitted null model,
    so that knowing nothing is worth exactly zero; in the evaluation it is relative to the risk in all patients.

    References
    ----------
    Covert, Lundberg, Lee (2020), Understanding global feature contributions with additive importance measures.

    Examples
    --------
    Without the clinical minimum in the comparator nothing is supported, whatever the numbers.

    >>> from lbp_prognosis import CoxPH, Surv, added_value, simulate_cohort
    >>> X, y, _ = simulate_cohort(300, 1, imaging="all", missingness=0).wide()
    >>> modalities = {"clinical": ["age", "nrs_back"], "imaging": ["pfirrmann__mean"]}
    >>> X, y = X[modalities["clinical"] + modalities["imaging"]], Surv.right(y["time"], y["event"] == 1)
    >>> found = added_value(CoxPH(), X, y, modalities, 12, n_repeats=1, random_state=1)
    >>> found.supported, len(found.missing)
    (False, 9)
    """
    refuse_imputed(X, "added_value(model, table, …)")
    estimator = fresh(model, "model")
    names = [str(name) for name in modalities]
    if len(names) < 2:
        raise argument_error(
            "modalities", "a mapping of two modalities at least", f"{names}",
            "Give the clinical comparator too, e.g. modalities={'clinical': [...], 'imaging': [...]}.",
        )  # fmt: skip
    if modality not in names:
        raise argument_error("modality", f"one of the modalities {names}", modality)
    if len(names) > 6:
        raise argument_error("modalities", "at most six (2⁶ coalitions are refitted)", f"{len(names)}")
    if not isinstance(X, pd.DataFrame):
        raise argument_error("X", "a DataFrame, whose columns the modalities name", X)
    columns = {name: tuple(modalities[name]) for name in names}
    unknown = [c for group in columns.values() for c in group if c not in X.columns]
    if unknown:
        raise argument_error("modalities", "a mapping to columns of `X`", f"unknown columns {unknown[:5]}")
    check_rows(X, y, groups)
    X, y, groups, sites = _observed(X, y, groups, sites)
    times, scalar = check_horizons(horizons)
    primary = _primary(thresholds)
    others = tuple(name for name in names if name != modality)
    sets = coalitions(columns)
    missing = missing_constructs(clinical_minimum, [c for name in others for c in columns[name]])
    models = {
        name: OnColumns(estimator, tuple(c for member in members for c in columns[member]))
        for name, members in sets.items()
        if members
    }
    models |= {NOTHING: NullModel(), **_baselines(estimator, clinical_minimum, X)}
    crossed = cross_validate_risk(
        models, X, y, times, cause=cause, n_splits=n_splits, n_repeats=n_repeats, groups=groups, folds=folds,
        random_state=random_state, n_jobs=n_jobs, checkpoint=checkpoint, progress=progress,
    )  # fmt: skip
    risks, scores = crossed.risks, crossed.scores
    pair = {WITHOUT: coalition_name(others), WITH: coalition_name(names)}
    shown = {**pair, **{name: name for name in models if name not in sets}}
    found = evaluate(
        y, {name: risks[key] for name, key in shown.items()}, float(times[0]) if scalar else times, thresholds,
        linear_predictors={name: scores[key] for name, key in shown.items()}
        if outcome_kind(y) == "right" and all(key in scores for key in shown.values()) else None,
        cause=cause, target=target, clusters=crossed.groups, confidence=confidence,
    )  # fmt: skip
    worths = [
        worth_of(y, None if name == NOTHING else risks[name], scores.get(name), risks[NOTHING], times, primary,
                 cause=cause, target=target, clusters=crossed.groups)
        for name in sets
    ]  # fmt: skip
    clinical = "clinical" if "clinical" in names else None
    shares = shared_worth(names, worths, first=clinical, clusters=crossed.groups, confidence=confidence)
    return AddedValue(
        modality=modality, evaluation=found, shares=shares,
        likelihood_ratio=_apparent(estimator, X, y, columns, others, modality),
        by_site=_by_site(y, risks, pair, sites, times, thresholds, cause, target, crossed.groups, confidence),
        risks=risks, missing=missing, horizons=times, threshold=primary, cross_validation=crossed,
        objections=(*crossed.objections, *_doubts(missing)),
        synthetic=crossed.synthetic,
    )  # fmt: skip


def _observed(X: pd.DataFrame, y: np.ndarray, groups: Any, sites: Any) -> tuple[pd.DataFrame, np.ndarray, Any, Any]:
    """Leave out rows whose state was not observed: every coalition is judged on the same patients."""
    if outcome_kind(y) != "status" or (y["status"] >= 0).all():
        return X, y, groups, sites
    keep = np.flatnonzero(y["status"] >= 0)
    cut = [None if labels is None else take_rows(labels, keep) for labels in (groups, sites)]
    return X.iloc[keep], y[keep], cut[0], cut[1]


def _primary(thresholds: Any) -> float | None:
    if thresholds is None:
        return None
    if isinstance(thresholds, ThresholdRange):
        return float(thresholds.primary)
    values = np.atleast_1d(np.asarray(thresholds, dtype=float))
    return float(check_number("thresholds", float(values[(values.size - 1) // 2]), low=0, high=1))


def _baselines(estimator: Any, clinical_minimum: Mapping[str, Any] | None, X: pd.DataFrame) -> dict[str, OnColumns]:
    """Age alone, and the clinical minimum alone, as far as declared: what a modality must beat to count."""
    declared = {
        construct: [names] if isinstance(names, str) else list(names)
        for construct, names in (clinical_minimum or {}).items()
    }
    held = {construct: [c for c in names if c in X.columns] for construct, names in declared.items()}
    out = {}
    if held.get("age"):
        out["age only"] = OnColumns(estimator, tuple(held["age"]))
    minimum = tuple(c for names in held.values() for c in names)
    if minimum:
        out["clinical minimum"] = OnColumns(estimator, minimum)
    return out


def _doubts(missing: tuple[str, ...]) -> tuple[Objection, ...]:
    if not missing:
        return ()
    lacking = ", ".join(CLINICAL_MINIMUM[name] for name in missing)
    return (
        Objection(
            "weak-comparator",
            f"The comparator does not hold {lacking}: a modality easily adds to a weak comparator.",
        ),
    )


def _apparent(
    estimator: Any, X: pd.DataFrame, y: np.ndarray, columns: Mapping[str, tuple[str, ...]], others: tuple[str, ...],
    modality: str,
) -> LikelihoodRatio | None:  # fmt: skip
    """Nested fits on all rows; None for models without an unpenalised likelihood, or where a fit fails."""
    from sklearn.base import clone

    small = [c for name in others for c in columns[name]]
    large = [*small, *columns[modality]]
    if any(getattr(estimator, name, 0) not in (0, 0.0, None, "none") for name in ("penalty", "ridge")):
        return None
    try:
        fits = [clone(estimator).fit(X[cut], y) for cut in (small, large)]
        return likelihood_ratio(fits[0], fits[1], X[small], X[large], added=modality)
    except (LBPError, ValueError, AttributeError):
        return None


def _by_site(
    y: np.ndarray, risks: Mapping[str, np.ndarray], pair: Mapping[str, str], sites: Any, times: np.ndarray,
    thresholds: Any, cause: int, target: str, clusters: np.ndarray | None, confidence: float,
) -> pd.DataFrame:  # fmt: skip
    if sites is None:
        return metric_frame([], extra=("threshold", "reference"))
    labels = np.asarray(sites).astype(str)
    frames = []
    for site in np.unique(labels):
        rows = np.flatnonzero(labels == site)
        found = evaluate(
            y[rows], {name: risks[key][rows] for name, key in pair.items()}, times, thresholds, cause=cause,
            target=target, clusters=None if clusters is None else clusters[rows], confidence=confidence, n_resamples=0,
        ).to_frame()  # fmt: skip
        pairs = found[(found["model"] == WITH) & (found["reference"] == WITHOUT)]
        frames.append(pairs.assign(group=site))
    return pd.concat(frames, ignore_index=True)
