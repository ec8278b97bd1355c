"""``validate_groups``: out-of-fold performance and stability of the risk groups of a rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    Result,
    argument_error,
    check_clusters,
    check_confidence,
    check_number,
    metric_frame,
    objection,
    parallel_map,
    spawn,
    takes_rows,
)
from lbp_prognosis.survival import Surv, aalen_johansen, check_outcome, known_at, measured_to_status
from lbp_prognosis.validation.resampling._bootstrap_replicate import fit_arguments
from lbp_prognosis.validation.resampling._estimator import fit_on
from lbp_prognosis.validation.resampling._estimator import take_rows as some_rows
from lbp_prognosis.validation.resampling._folds import repeated_folds, site_folds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GroupValidation", "validate_groups"]

_STAYS = 0.8  # mean probability of staying in the group below which a patient's group says little
_COLUMNS = [
    "horizon",
    "group",
    "n",
    "n_events",
    "share",
    "mean_risk",
    "observed",
    "se",
    "low",
    "high",
    "step",
    "step_se",
    "stays",
    "reason",
]


@dataclass(frozen=True, repr=False)
class GroupValidation(Result):
    """Out-of-fold performance of risk groups.

    Attributes
    ----------
    names : tuple of str
        Groups, lowest risk first.
    cuts : ndarray of shape (n_groups − 1,)
        Of the rule made from all patients.
    table : DataFrame
        One row per group: ``horizon, group, n, n_events, share, mean_risk, observed, se, low, high, step, step_se,
        stays, reason``. ``low`` and ``high`` are simultaneous limits for all groups. ``step`` is the observed risk
        minus that of the group below, with its standard error; ``stays`` the mean probability that a patient of the
        group would be in it by the rule of another sample.
    groups : ndarray of int of shape (n,)
        Group of each row by the rule of the other folds (sites).
    groups_all : ndarray of int of shape (n,)
        Group of each row by the rule made from all patients.
    risk : ndarray of shape (n,)
        Risk of each row by the model of the other folds (sites).
    n_resamples, n_failed : int
        Bootstrap rules made, and resamples from which none could be made.
    stays : ndarray of shape (n,)
        Share of bootstrap rules that put a row into its group of ``groups_all``; NaN without resamples.
    sites : DataFrame or None
        ``site, group, n, share, observed, se, reason`` where sites were the folds.
    """

    names: tuple[str, ...]
    cuts: np.ndarray
    table: pd.DataFrame = field(repr=False)
    groups: np.ndarray = field(repr=False)
    groups_all: np.ndarray = field(repr=False)
    risk: np.ndarray = field(repr=False)
    stays: np.ndarray = field(repr=False)
    sites: pd.DataFrame | None = field(repr=False)
    horizon: float
    cause: int
    confidence: float
    n_resamples: int
    n_failed: int = 0
    model: str = ""
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    @takes_rows(other=None)
    def transitions(self, other: Any = None) -> pd.DataFrame:
        """Return how many patients of each group are in which group by another rule.

        Parameters
        ----------
        other : GroupValidation or array-like of shape (n,), optional
            Groups of the same patients by another model, or labels. By default the rule made from all patients, in the
            columns, against the rules of the other folds, in the rows.

        Returns
        -------
        DataFrame
            Counts, a row per group here, a column per group there.
        """
        if other is None:
            mine, theirs, words = self.groups, self.groups_all, self.names
        elif isinstance(other, GroupValidation):
            mine, theirs, words = self.groups, other.groups, other.names
        else:
            labels = np.asarray(other)
            if labels.shape != self.groups.shape:
                raise argument_error("other", f"of length {self.groups.size}", f"{labels.shape}")
            values, theirs = np.unique(labels, return_inverse=True)
            mine, words = self.groups, tuple(str(value) for value in values)
        if theirs.shape != mine.shape:
            raise argument_error("other", f"of the same {mine.size} patients", f"{theirs.size}")
        counts = np.zeros((len(self.names), len(words)), dtype=int)
        np.add.at(counts, (mine, theirs), 1)
        return pd.DataFrame(counts, index=pd.Index(self.names, name="group"), columns=list(words))

    def to_frame(self) -> pd.DataFrame:
        """Return observed risk, mean risk, share and stability of each group, with the columns of evaluation frames."""
        rows = []
        for line in self.table.to_dict("records"):
            shared = {
                "model": self.model,
                "tier": "prognostic",
                "cause": self.cause,
                "horizon": self.horizon,
                "group": line["group"],
                "confidence": self.confidence,
                "n": line["n"],
                "n_events": line["n_events"],
            }
            told = {key: line[key] for key in ("se", "low", "high")}
            observed = {"metric": "observed_risk", "value": line["observed"], **told, "reason": line["reason"]}
            rows.append({**shared, **observed, "method": "rules of the other folds, simultaneous intervals"})
            for metric, column, method in (
                ("mean_risk", "mean_risk", "mean of the predictions"),
                ("share", "share", "share of all patients"),
                ("group_stability", "stays", f"{self.n_resamples} bootstrap rules"),
            ):
                known = np.isfinite(line[column])
                reason = "" if known else line["reason"] or "no resamples were requested"
                rows.append({**shared, "metric": metric, "value": line[column], "method": method, "reason": reason})
        return metric_frame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw observed risks with intervals beside the predicted means, group by group.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_group_bars

        return draw_group_bars(self.table, ax=ax)

    def _summary(self) -> str:
        return f"{len(self.names)} groups, cuts {np.round(self.cuts, 4).tolist()}, n = {self.groups.size}"


@takes_rows()
def validate_groups(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    *,
    n_splits: int = 5,
    sites: Any = None,
    groups: Any = None,
    n_resamples: int = 200,
    confidence: float = 0.95,
    fit_params: Any = None,
    n_jobs: int | None = None,
    random_state: Any = 0,
) -> GroupValidation:
    """Evaluate the groups of a `RiskStratifier` on patients not used to develop its model or cuts.

    Parameters
    ----------
    estimator : RiskStratifier
        Unfitted; model and cuts are learned again in every fold and resample.
    X : DataFrame or ndarray of shape (n, p)
        Predictors.
    y : ndarray of shape (n,)
        Made by `Surv.right`, `Surv.interval` (the state known at the visit), `Status.at`, or `Measured.at` with a
        declared cut (the state at the cut).
    n_splits : int, default 5
        Folds.
    sites : array-like of shape (n,), optional
        Each site is grouped by the rule of the others, instead of folds.
    groups : array-like of shape (n,), optional
        Rows with one label stay in one fold and are drawn together.
    n_resamples : int, default 200
        Bootstrap rules for the probability that a patient stays in the group; 0 leaves it out.
    confidence : float, default 0.95
        Simultaneous level of the intervals of all groups.
    fit_params : mapping, optional
        Row-wise arguments of ``fit``.
    n_jobs : int, optional
        Workers, as in joblib.
    random_state : int, SeedSequence or None, default 0
        Of folds and resamples.

    Returns
    -------
    GroupValidation
        With the objections ``groups-not-ordered`` (the observed risk of a group is not above that of the group below)
        and ``groups-unstable`` (patients stay in their group with a mean probability below 0.8).

    Notes
    -----
    Observed risks are Kaplan–Meier or Aalen–Johansen estimates of the group, with log-log limits. Groups contain
    different patients, so limits at the level ``confidence^(1/G)`` are simultaneous (Šidák).

    References
    ----------
    Riley RD, Collins GS (2023). Stability of clinical prediction models developed using statistical or machine learning
    methods. Biom J 65:2200302. doi:10.1002/bimj.202200302
    """
    if not hasattr(estimator, "predict_group") or not hasattr(estimator, "fit"):
        raise argument_error("estimator", "an unfitted RiskStratifier", estimator, "Wrap the model: RiskStratifier(…).")
    if hasattr(estimator, "cuts_"):
        raise argument_error("estimator", "unfitted", "a fitted one", "Pass sklearn.base.clone(estimator).")
    kind = check_outcome(y, ("right", "interval", "status", "measured"), caller="validate_groups")
    check_confidence(confidence)
    check_number("n_resamples", n_resamples, low=0, whole=True)
    n = y.shape[0]
    units = check_clusters("groups", groups, n=n)
    seeds = spawn(random_state, 1 + n_resamples)
    if sites is None:
        check_number("n_splits", n_splits, low=2, whole=True)
        labels = repeated_folds(y, n_splits=n_splits, n_repeats=1, groups=units, generators=seeds[:1])[0]
        site_names: list[str] = []
    else:
        labels, site_names = site_folds(sites, n)
    arguments = fit_arguments(estimator, fit_params, units, n)
    everyone = np.arange(n)
    whole = fit_on(estimator, X, y, everyone, arguments)
    horizon = float(whole.horizon_)
    group, risk = np.zeros(n, dtype=np.int64), np.empty(n)
    for fold in range(int(labels.max()) + 1):
        held = np.flatnonzero(labels == fold)
        rule = fit_on(estimator, X, y, np.flatnonzero(labels != fold), arguments)
        part = some_rows(X, held)
        group[held] = rule.predict_group(part)
        risk[held] = rule.predict_risk(part, horizon, estimator.cause)[:, 0]
    own = whole.predict_group(X)
    stays, found = np.full(n, np.nan), []
    if n_resamples:
        task = partial(_same_group, estimator, X, y, arguments, units, own)
        found = [same for same in parallel_map(task, seeds[1:], n_jobs=n_jobs) if same is not None]
        if not found:
            raise EstimationError("No bootstrap rule could be made: too few events for this model and these groups.")
        stays = np.mean(found, axis=0)
    names = tuple(whole.names_)
    seen = measured_to_status(y) if kind == "measured" else y
    table = _table(seen, group, risk, own, stays, names, horizon, estimator.cause, confidence)
    model = getattr(estimator, "model", estimator)
    return GroupValidation(
        names=names,
        cuts=np.asarray(whole.cuts_),
        table=table,
        groups=group,
        groups_all=own,
        risk=risk,
        stays=stays,
        sites=None if sites is None else _by_site(seen, group, labels, site_names, names, horizon, estimator.cause),
        horizon=horizon,
        cause=int(estimator.cause),
        confidence=confidence,
        n_resamples=len(found),
        n_failed=n_resamples - len(found),
        model=type(model).__name__,
        objections=_doubts(table, stays),
        synthetic=bool(getattr(X, "attrs", {}).get("synthetic", False)),
    )


def _same_group(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    arguments: Any,
    units: np.ndarray | None,
    own: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Whether the rule of one resample leaves each row in its group; None where there is no such rule."""
    codes = np.arange(y.shape[0]) if units is None else units
    many = int(codes.max()) + 1
    copies = np.bincount(rng.integers(0, many, many), minlength=many)
    rows = np.repeat(np.arange(y.shape[0]), copies[codes])
    try:
        rule = fit_on(estimator, X, y, rows, arguments)
    except EstimationError:
        return None
    return np.asarray(rule.predict_group(X) == own, dtype=float)


def _right(y: np.ndarray, horizon: float) -> np.ndarray:
    """Return the right-censored outcome that is true at the horizon."""
    names = y.dtype.names or ()
    if "status" in names:
        state = y["status"]
        time = np.where(state < 0, 0.0, np.where(state == 1, horizon, 2 * horizon))
        return Surv.right(time, (state == 1).astype(int))
    return known_at(y, horizon) if "lower" in names else y


def _observed(y: np.ndarray, horizon: float, cause: int, confidence: float) -> tuple[float, float, float, float, str]:
    """Return observed risk, its error, limits, and why there is none."""
    if y.size == 0:
        return np.nan, np.nan, np.nan, np.nan, "no patient in this group"
    right = _right(y, horizon)
    inside = float(right["time"].max())
    if "status" not in (y.dtype.names or ()) and int((right["time"] >= horizon).sum()) < 10:
        return np.nan, np.nan, np.nan, np.nan, f"fewer than 10 followed to {horizon:g} in this group"
    if not ((right["event"] == cause) & (right["time"] <= horizon)).any():
        return 0.0, np.nan, np.nan, np.nan, "no interval: no event in this group"
    curve = aalen_johansen(right, cause=cause, confidence=confidence).at(min(horizon, inside), min_at_risk=0)
    value, se = float(curve.value), float(curve.se)
    if value >= 1:
        return value, np.nan, np.nan, np.nan, "no interval: all had the event"
    return value, se, float(curve.low), float(curve.high), ""


def _table(
    y: np.ndarray,
    group: np.ndarray,
    risk: np.ndarray,
    own: np.ndarray,
    stays: np.ndarray,
    names: tuple[str, ...],
    horizon: float,
    cause: int,
    confidence: float,
) -> pd.DataFrame:
    together = confidence ** (1 / len(names))
    rows, before = [], (np.nan, np.nan)
    for k, name in enumerate(names):
        mine = group == k
        right = _right(y[mine], horizon)
        value, se, low, high, reason = _observed(y[mine], horizon, cause, together)
        rows.append(
            {
                "horizon": horizon,
                "group": name,
                "n": int(mine.sum()),
                "n_events": int(((right["event"] == cause) & (right["time"] <= horizon)).sum()),
                "share": float(mine.mean()),
                "mean_risk": float(risk[mine].mean()) if mine.any() else np.nan,
                "observed": value,
                "se": se,
                "low": low,
                "high": high,
                "step": value - before[0],
                "step_se": float(np.hypot(se, before[1])),
                "stays": float(stays[own == k].mean()) if (own == k).any() else np.nan,
                "reason": reason,
            }
        )
        before = (value, se)
    return pd.DataFrame(rows, columns=_COLUMNS)


def _by_site(
    y: np.ndarray,
    group: np.ndarray,
    labels: np.ndarray,
    site_names: list[str],
    names: tuple[str, ...],
    horizon: float,
    cause: int,
) -> pd.DataFrame:
    rows = []
    for site, word in enumerate(site_names):
        for k, name in enumerate(names):
            mine = (labels == site) & (group == k)
            value, se, _, _, reason = _observed(y[mine], horizon, cause, 0.95)
            share = float(mine.sum() / (labels == site).sum())
            told = {"share": share, "observed": value, "se": se, "reason": reason}
            rows.append({"site": word, "group": name, "n": int(mine.sum()), **told})
    return pd.DataFrame(rows)


def _doubts(table: pd.DataFrame, stays: np.ndarray) -> tuple[Objection, ...]:
    doubts = []
    wrong = table[table["step"] <= 0]
    if len(wrong):
        at = int(wrong.index[0])
        doubts.append(
            objection(
                "groups-not-ordered",
                group=table["group"][at],
                observed=float(table["observed"][at]),
                below=table["group"][at - 1],
                other=float(table["observed"][at - 1]),
                z=float(ndtri(0.975)) * float(table["step_se"][at]),
            )
        )
    if np.isfinite(stays).all() and float(stays.mean()) < _STAYS:
        doubts.append(objection("groups-unstable", stays=float(stays.mean()), share=float((stays < 0.5).mean())))
    return tuple(doubts)
