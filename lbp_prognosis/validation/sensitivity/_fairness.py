"""``fairness``: differences in performance between each group and all patients, with simultaneous bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    METRICS,
    Objection,
    RandomState,
    Result,
    argument_error,
    check_choice,
    check_confidence,
    check_horizons,
    check_number,
    check_risk,
    check_thresholds,
    generator,
    metric_frame,
    metric_title,
    norm,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import ipcw_weights, reaches
from lbp_prognosis.evaluation import brier, calibration, decision_curve, time_dependent_auc
from lbp_prognosis.survival import check_outcome, status_horizon
from lbp_prognosis.validation.pooling._pool_performance import backward, forward, scale_of
from lbp_prognosis.validation.resampling._internal_external import eligible_groups
from lbp_prognosis.validation.sensitivity._subgroup_labels import subgroup_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Fairness", "fairness"]

_SMALL = objection("groups-too-small")
_NO_SPREAD = "no error in this group: the estimate has no spread to measure"
_MEASURES = ("auc", "observed_expected", "brier", "ipa", "net_benefit")
_EXTRA = ("threshold", "reference", "variable", "group_value", "overall_value", "band_low", "band_high")


@dataclass(frozen=True, repr=False)
class Fairness(Result):
    """Differences of groups from all patients.

    Attributes
    ----------
    groups : DataFrame
        ``variable, group, n, n_events, evaluated, reason``.
    table : DataFrame
        A row per variable, group and measure: evaluation columns (``value`` is the group's value less that of all
        patients; of O/E their ratio), then ``threshold, reference, variable, group_value, overall_value, band_low,
        band_high``.
    gaps : DataFrame
        A row per variable and measure: ``variable, metric, threshold, lowest, highest, gap, gap_by_chance,
        gap_corrected, p``.
    rates : DataFrame
        At the threshold: ``variable, group, treated, sensitivity, specificity``, described and not tested.
    confidence : float
        Level of the intervals, and of the bands over all groups of a variable.
    note : str
        Limitations of the table.
    """

    groups: pd.DataFrame = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    gaps: pd.DataFrame
    rates: pd.DataFrame = field(repr=False)
    confidence: float
    horizon: float
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    note: str = (
        "Differences describe how well predictions fit each group. They do not say why, nor that belonging to a group "
        "changes the outcome: case mix, measurement, follow-up and care differ too. Rates at a threshold depend on how "
        "common the outcome is in a group, and cannot all be equal where that differs."
    )

    def to_frame(self) -> pd.DataFrame:
        """Return the table of differences."""
        return self.table

    def plot(self, ax: Axes | None = None, *, metric: str = "auc", threshold: float | None = None) -> Axes:
        """Draw the differences of one measure with their bands, a row per group.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        metric : str, default "auc"
            One of the measures.
        threshold : float, optional
            Of net benefit.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table[self.table["metric"] == metric]
        if threshold is not None:
            rows = rows[np.isclose(rows["threshold"].astype(float), threshold)]
        rows = rows[np.isfinite(rows["value"].astype(float))]
        if rows.empty or rows.duplicated(["variable", "group"]).any():
            raise argument_error(
                "metric", f"one of {sorted(self.table['metric'].unique())}, one number per group", metric
            )
        ratio = metric == "observed_expected"
        frame = pd.DataFrame(
            {
                "label": [f"{row.variable}: {row.group} ({row.n_events}/{row.n})" for row in rows.itertuples()],
                "value": rows["value"].to_numpy(float),
                "low": rows["band_low"].to_numpy(float),
                "high": rows["band_high"].to_numpy(float),
            }
        )
        word = "ratio to" if ratio else "difference from"
        return draw_estimates(
            frame,
            axis=f"{metric_title(metric)}: {word} all patients, simultaneous bands",
            neutral=1.0 if ratio else 0.0,
            ax=ax,
        )

    def _summary(self) -> str:
        used = int(self.groups["evaluated"].sum())
        return f"{used} of {len(self.groups)} groups evaluated, {len(self.gaps)} gaps"


@takes_rows(groups="many labels")
def fairness(
    y: np.ndarray,
    risk: Any,
    groups: Mapping[str, Any] | pd.DataFrame,
    horizon: float | None = None,
    threshold: float | None = None,
    *,
    metrics: Sequence[str] = ("auc", "observed_expected", "brier"),
    bands: Mapping[str, Sequence[float]] | None = None,
    cause: int = 1,
    min_events: int = 10,
    confidence: float = 0.95,
    n_draws: int = 2000,
    random_state: RandomState = 0,
) -> Fairness:
    """Return differences in performance between each group and all patients.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    risk : array-like of shape (n,)
        Out-of-sample risks by the horizon.
    groups : mapping of str to array-like of shape (n,), DataFrame, or array-like of shape (n,)
        Labels by variable, as for `subgroup_performance`.
    horizon : float, optional
        Prediction time; a `Status` contains its own.
    threshold : float, optional
        Declared decision threshold: adds net benefit, and the rates at it.
    metrics : sequence of str
        Of ``auc``, ``observed_expected``, ``brier``, ``ipa``.
    bands : mapping of str to sequence of float, optional
        Cut points of numeric variables, declared and not searched.
    cause : int, default 1
        Event code of interest.
    min_events : int, default 10
        A group with fewer events, or fewer followed without, is counted only.
    confidence : float, default 0.95
        Level.
    n_draws : int, default 2000
        Draws for bands and for the gap that chance alone makes.
    random_state : int, SeedSequence, Generator or None, default 0
        Their seed.

    Returns
    -------
    Fairness
        Differences, gaps, rates.

    Raises
    ------
    ArgumentError
        If fewer than two groups of a variable can be evaluated.

    Notes
    -----
    Differences are taken on the scale of the measure, the logit for the AUC and the log for O/E, and carried back with
    the value of all patients held as it is; ``se`` is that of ``value``. With influence values ψ of a group's and the
    overall value, the difference has those of (n/n_g) 1{i in g} ψ_g − ψ. A band takes the quantile of the largest |t|
    over the groups of a variable when the influence values are permuted among their patients; each draw has its own
    standard errors, so that it is known how uncertain those of small groups are. The gap between the best and the worst
    group is larger than 0 by chance alone, the more so the more small groups there are: ``gap_by_chance`` is its mean
    in these permutations, ``gap_corrected`` the gap less that, at least 0, and ``p`` the share of permutations with a
    gap as large. Gaps of O/E are on the log scale. A group without an error (an AUC of exactly 1) has no band, and says
    so in ``reason``.

    References
    ----------
    Chung E, Romano JP (2013). Ann Stat 41:484–507. doi:10.1214/13-AOS1090
    Chouldechova A (2017). Big Data 5:153–163. doi:10.1089/big.2016.0047
    """
    kind = check_outcome(y, ("right", "status"), caller="fairness", instead="Visits become states by Status.at.")
    times, _ = check_horizons(status_horizon(y) if horizon is None and kind == "status" else horizon)
    tau = float(times[0])
    if times.size > 1:
        raise argument_error("horizon", "one number", horizon)
    for name in metrics:
        check_choice("metrics", name, _MEASURES[:-1])
    at = check_risk("risk", risk, n=y.shape[0], n_horizons=1)[:, 0]
    cut = None if threshold is None else float(check_thresholds(threshold)[0])
    least = int(check_number("min_events", min_events, low=1, whole=True))
    confidence = check_confidence(confidence)
    draws = int(check_number("n_draws", n_draws, low=100, whole=True))
    random = generator(random_state)
    wanted = [(name, np.nan) for name in metrics] + ([] if cut is None else [("net_benefit", cut)])
    options: dict[str, Any] = {"cause": cause} if kind == "right" else {}
    when = None if kind == "status" else tau
    everyone = {key: _measure(key, y, at, when, options) for key in wanted}
    counted, rows, gaps, rates = [], [], [], []
    for variable, labels in subgroup_labels(groups, bands or {}, y.shape[0]).items():
        names, codes = list(labels.categories), np.asarray(labels.codes)
        listed = eligible_groups(y, codes, names, tau, cause, least).rename(columns={"site": "group"})
        counted.append(listed.assign(variable=variable))
        used = np.flatnonzero(listed["evaluated"])
        if used.size < 2:
            raise argument_error(
                f"groups[{variable!r}]",
                f"at least two groups with {least} events and {least} non-events",
                f"{used.size}",
                "Lower min_events, or merge groups that belong together.",
            )
        sizes = listed["n"].to_numpy()
        for key in wanted:
            own = {int(k): _measure(key, y[codes == k], at[codes == k], when, options) for k in used}
            found = _compared(key[0], own, everyone[key], codes, draws, confidence, random)
            gaps.append({"variable": variable, "metric": key[0], "threshold": key[1], **found["gap"]})
            for place, k in enumerate(used):
                rows.append(
                    {
                        "tier": METRICS[key[0]].tier,
                        "metric": key[0],
                        "cause": cause,
                        "horizon": tau,
                        "group": names[k],
                        "confidence": confidence,
                        "method": "influence values; band by permutation",
                        "n": sizes[k],
                        "n_events": listed["n_events"].iloc[k],
                        "threshold": key[1],
                        "reference": "all patients",
                        "variable": variable,
                        **{name: values[place] for name, values in found["rows"].items()},
                    }
                )
        if cut is not None:
            for k in used:
                inside = codes == k
                rates.append(
                    {"variable": variable, "group": names[k], **_rates(y[inside], kind, at[inside], tau, cause, cut)}
                )
    listed = pd.concat(counted, ignore_index=True)[["variable", "group", "n", "n_events", "evaluated", "reason"]]
    return Fairness(
        groups=listed,
        table=metric_frame(rows, extra=_EXTRA),
        gaps=pd.DataFrame(gaps),
        rates=pd.DataFrame(rates, columns=["variable", "group", "treated", "sensitivity", "specificity"]),
        confidence=confidence,
        horizon=tau,
        objections=() if listed["evaluated"].all() else (_SMALL,),
    )


@dataclass(frozen=True)
class _Estimate:
    """Value, its influence values (n,), and why there is none."""

    value: float
    psi: np.ndarray
    reason: str = ""


def _measure(
    key: tuple[str, float], y: np.ndarray, risk: np.ndarray, horizon: float | None, options: Mapping[str, Any]
) -> _Estimate:
    name, cut = key
    result: Any
    if name == "auc":
        result = time_dependent_auc(y, risk, horizon, **options)
    elif name == "observed_expected":
        result = calibration(y, risk, horizon, n_resamples=0, **options).observed_expected
    elif name == "net_benefit":
        result = decision_curve(y, risk, horizon, [cut], n_resamples=0, **options).at(cut)
    else:
        score = brier(y, risk, horizon, **options)
        result = score.ipa if name == "ipa" else score
    value, psi = float(np.ravel(result.value)[0]), result.influence
    if psi is None or not np.isfinite(value):
        return _Estimate(np.nan, np.full(y.shape[0], np.nan), str(np.ravel(result.reason)[0]) or "not defined")
    psi = np.asarray(psi, dtype=float).reshape(y.shape[0])
    return _Estimate(value, psi, "" if psi.any() else _NO_SPREAD)


def _compared(
    name: str,
    own: Mapping[int, _Estimate],
    whole: _Estimate,
    codes: np.ndarray,
    draws: int,
    confidence: float,
    random: np.random.Generator,
) -> dict[str, Any]:
    n, scale = codes.size, scale_of(name)
    sizes = np.array([int((codes == k).sum()) for k in own])
    values = np.array([each.value for each in own.values()])
    at, slope = forward(scale, values)
    middle, own_slope = forward(scale, np.asarray(whole.value))
    plain = np.zeros((n, len(own)))  # influence values of the groups' estimates
    for place, (k, each) in enumerate(own.items()):
        plain[codes == k, place] = each.psi * (n / sizes[place])
    with np.errstate(invalid="ignore"):  # an area of 0 or 1 has no logit
        moved = plain * slope - (whole.psi * own_slope)[:, None]
        error = np.where(plain.any(axis=0), np.sqrt((moved**2).sum(axis=0)) / n, np.nan)
        apart = at - middle
        se = np.sqrt(((plain - whole.psi[:, None]) ** 2).sum(axis=0)) / n
    ratio = scale == "log"
    known = np.isfinite(values) & np.isfinite(whole.value)
    line, psi = (at, whole.psi * own_slope) if ratio else (values, whole.psi)
    largest, chance = _by_chance(psi, codes, [k for k, used in zip(own, known) if used], draws, random)
    far, z = float(np.quantile(largest, confidence)), norm.ppf(0.5 + confidence / 2)

    def back(limit: np.ndarray) -> np.ndarray:
        return np.exp(limit) if ratio else np.asarray(backward(scale, middle + limit) - whole.value)

    gap = float(np.ptp(line[known])) if known.sum() > 1 else np.nan
    by_chance = float(chance.mean())
    return {
        "rows": {
            "value": values / whole.value if ratio else values - whole.value,
            "se": np.where(np.isfinite(error), error * np.exp(apart) if ratio else se, np.nan),
            "low": back(apart - z * error),
            "high": back(apart + z * error),
            "group_value": values,
            "overall_value": np.full(values.size, whole.value),
            "band_low": back(apart - far * error),
            "band_high": back(apart + far * error),
            "reason": [whole.reason or each.reason for each in own.values()],
        },
        "gap": {
            "lowest": float(np.nanmin(values)) if known.any() else np.nan,
            "highest": float(np.nanmax(values)) if known.any() else np.nan,
            "gap": gap,
            "gap_by_chance": by_chance,
            "gap_corrected": max(gap - by_chance, 0.0) if np.isfinite(gap) else np.nan,
            "p": float((1 + (chance >= gap).sum()) / (draws + 1)) if np.isfinite(gap) else np.nan,
        },
    }


def _by_chance(
    psi: np.ndarray, codes: np.ndarray, used: list[int], draws: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Largest |t| and gap over the groups used, when influence values are permuted among their patients."""
    largest, gaps = np.full((2, draws), np.nan)
    if len(used) < 2:
        return largest, gaps
    n, rows = psi.size, np.flatnonzero(np.isin(codes, used))
    sizes = np.array([int((codes == k).sum()) for k in used])
    starts, share, total = np.concatenate([[0], np.cumsum(sizes)[:-1]]), n / sizes, float(psi @ psi)
    for b in range(draws):
        drawn = psi[random.permutation(rows)]
        mean = np.add.reduceat(drawn, starts) / sizes
        within = np.add.reduceat(drawn**2, starts) - sizes * mean**2
        # Σ over all patients of (n/n_g 1{i in g} (ψ − mean) − ψ)²
        variance = share * (share - 2) * within + total
        largest[b] = np.max(np.abs(mean) * n / np.sqrt(variance))
        gaps[b] = np.ptp(mean)
    return largest, gaps


def _rates(y: np.ndarray, kind: str, risk: np.ndarray, tau: float, cause: int, cut: float) -> dict[str, float]:
    """Shares treated: of all, of those with the event, and spared of those without."""
    if kind == "status":
        weight, case = (y["status"] >= 0).astype(float), y["status"] == 1
    else:
        weight = np.asarray(ipcw_weights(y["time"], y["event"], np.array([tau])))[:, 0]
        case = (y["event"] == cause) & (y["time"] <= tau)
    treated = reaches(risk, cut)
    with_it, without = weight * case, weight * ~case
    return {
        "treated": float(treated.mean()),
        "sensitivity": float(with_it @ treated / with_it.sum()),
        "specificity": float(without @ ~treated / without.sum()),
    }
