"""Tests of calibration: by groups of risk at a horizon, and of the whole predicted distribution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lbp_prognosis._base import Objection, Result, argument_error, chi2, objection
from lbp_prognosis._kernels import aalen_johansen_steps, incidence_influence, step_at
from lbp_prognosis.evaluation.prognostic._calibration_rows import CalibrationRows
from lbp_prognosis.survival import Weights, turnbull

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CalibrationTest", "a_calibration", "d_calibration", "group_table", "grouped_test"]

_EPSILON = 1e-12


@dataclass(frozen=True, repr=False)
class CalibrationTest(Result):
    """A chi-squared test of calibration. A large p-value does not prove calibration.

    Attributes
    ----------
    name : str
        ``"gnd"``, ``"hosmer_lemeshow"``, ``"a_calibration"``, ``"d_calibration"`` or ``"joint"``.
    horizon : float or None
        Unit of the outcome; None for tests of the whole distribution.
    statistic, df, p : float
        Statistic, degrees of freedom and p-value; NaN with a reason if there are too few groups.
    observed, expected : ndarray
        Per group or cell: observed and mean predicted risk, or observed and expected counts.
    n, n_events : int
        Rows and events of interest.
    """

    name: str
    horizon: float | None
    statistic: float
    df: float
    p: float
    observed: np.ndarray = field(repr=False)
    expected: np.ndarray = field(repr=False)
    n: int
    n_events: int
    reason: str = ""
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group or cell: test, horizon, cell, observed, expected, statistic, df, p, n, n_events."""
        size = max(self.observed.size, 1)
        return pd.DataFrame(
            {
                "test": self.name,
                "horizon": np.nan if self.horizon is None else self.horizon,
                "cell": np.arange(1, size + 1),
                "observed": self.observed if self.observed.size else np.nan,
                "expected": self.expected if self.expected.size else np.nan,
                "statistic": self.statistic,
                "df": self.df,
                "p": self.p,
                "n": self.n,
                "n_events": self.n_events,
                "reason": self.reason,
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw observed and expected (hollow) values in each group or cell.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = pd.DataFrame(
            {
                "label": [f"group {k}" for k in range(1, self.observed.size + 1)],
                "value": self.observed,
                "other": self.expected,
            }
        )
        return draw_estimates(rows, axis=f"observed ({self._summary()})", hollow="expected", ax=ax)

    def _summary(self) -> str:
        return f"{self.name} χ² = {self.statistic:.4g} on {self.df:g} df, p = {self.p:.3g}"


def _incidence(rows: CalibrationRows, part: np.ndarray) -> tuple[float, float]:
    """Observed risk in a subset of the rows, with its standard error."""
    weight = None if rows.weight is None else rows.weight[part]
    if rows.time is not None and rows.code is not None:
        time, code = rows.time[part], rows.code[part]
        steps = aalen_johansen_steps(time, code, causes=np.array([1, 2]), weights=weight)
        value = float(step_at(steps.times, steps.cif[:, 0], rows.tau, left=0.0))
        slope = incidence_influence(time, code, rows.tau, weight)
    elif rows.by_turnbull:
        chosen = rows.index[part]
        weights = None
        if rows.setting.weights is not None:
            weights = Weights(rows.setting.row_weight[chosen], rows.setting.weights.kind)
        curve = turnbull(rows.setting.y[chosen], cause=rows.setting.cause, sample_weight=weights)
        found = curve.at(rows.tau)
        if rows.setting.clusters is None or np.isnan(found.se):
            return float(found.value), float(found.se)
        psi = np.zeros(rows.setting.n)
        psi[chosen] = np.asarray(curve.influence(rows.tau)) * (rows.setting.n / chosen.size)
        return float(found.value), float(rows.se(psi))
    else:
        assert rows.state is not None
        value = float(np.average(rows.state[part], weights=weight))
        slope = (rows.state[part] - value) / (part.size if weight is None else weight.sum())
    full = np.zeros(rows.index.size)
    full[part] = slope
    se = float(rows.se(rows.influence(full)))
    return value, se if se > _EPSILON else 0.0  # if all rows had the event, the remainder is rounding error


def risk_cuts(rows: CalibrationRows, groups: int) -> np.ndarray:
    """Interior quantiles (type 7) of the predicted risk."""
    return np.unique(np.quantile(rows.each(rows.risk), np.arange(1, groups) / groups))


def group_table(rows: CalibrationRows, labels: np.ndarray, names: list[str] | None = None) -> pd.DataFrame:
    """Observed and predicted risk of the target in each group.

    Columns ``group, n, n_events, mean_risk, observed, se, low, high``; limits on the complementary log-log scale of the
    complement.
    """
    z = ndtri(0.5 + rows.setting.confidence / 2)
    copies = rows.setting.copies[rows.index]
    if rows.time is None or rows.code is None:
        happened = np.asarray(rows.state == 1)
    else:
        happened = (rows.code == 1) & (rows.time <= rows.tau)
    complement = rows.setting.target == "no_event"
    out = []
    for label in np.unique(labels):
        part = np.flatnonzero(labels == label)
        value, se = _incidence(rows, part)
        mean = float(np.average(rows.risk[part], weights=None if rows.weight is None else rows.weight[part]))
        low, high = _limits(value, se, z)
        if complement:
            value, mean, low, high = 1 - value, 1 - mean, 1 - high, 1 - low
        out.append(
            {
                "group": names[int(label)] if names else int(label) + 1,
                "n": round(float(copies[part].sum())),
                "n_events": round(float(copies[part][happened[part]].sum())),
                "mean_risk": mean,
                "observed": value,
                "se": se,
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(out)


def _limits(value: float, se: float, z: float) -> tuple[float, float]:
    if not 0 < value < 1 or not np.isfinite(se):
        return np.nan, np.nan
    eta, half = np.log(-np.log1p(-value)), z * se / ((1 - value) * -np.log1p(-value))
    return float(-np.expm1(-np.exp(eta - half))), float(-np.expm1(-np.exp(eta + half)))


def grouped_test(rows: CalibrationRows, name: str, groups: int, min_events: int) -> CalibrationTest:
    """Greenwood–Nam–D'Agostino (``"gnd"``) or Hosmer–Lemeshow test on groups of predicted risk."""
    rows = rows.everyone
    labels = np.searchsorted(risk_cuts(rows, groups), rows.risk, side="left")
    while True:
        table = group_table(rows, labels)
        if rows.setting.target == "no_event":
            table[["observed", "mean_risk"]] = 1 - table[["observed", "mean_risk"]]
        few = np.flatnonzero(table["n_events"].to_numpy() < min_events)
        if few.size == 0 or len(table) < 2:
            break
        # a group with too few events joins the next lower group; the lowest joins its upper neighbour
        present = np.unique(labels)
        k = int(few[0])
        labels = np.where(labels == present[k], present[k - 1] if k else present[1], labels)
    n, observed, expected = (table[c].to_numpy(dtype=float) for c in ("n", "observed", "mean_risk"))
    if name == "gnd":
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = (observed - expected) ** 2 / table["se"].to_numpy() ** 2
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = n * (observed - expected) ** 2 / (expected * (1 - expected))
    df = len(table) - 1
    bad = "" if df >= 1 and np.isfinite(terms).all() else "fewer than two groups with enough events and variance"
    statistic = float(terms.sum()) if not bad else np.nan
    return CalibrationTest(
        name,
        rows.tau,
        statistic,
        float(df),
        float(chi2.sf(statistic, df)) if not bad else np.nan,
        observed,
        expected,
        round(float(n.sum())),
        int(table["n_events"].sum()),
        bad,
    )


def _distribution(rows: CalibrationRows, cumulative_hazard: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    if cumulative_hazard is None:
        raise argument_error(
            "cumulative_hazard",
            "given to calibration for a test of the whole distribution",
            "None",
            "Pass each patient's predicted cumulative hazard at the end of follow-up, −log S(T | x).",
        )
    if rows.time is None or rows.code is None:
        raise argument_error("y", "a time to event for a test of the whole distribution", "states at a visit")
    if rows.competing:
        raise argument_error(
            "y",
            "without competing events for this test",
            "several causes",
            "Survival of any event is not what a risk of one cause predicts.",
        )
    if rows.weight is not None:
        raise argument_error("sample_weight", "absent for this test", "weights")
    return cumulative_hazard[rows.index], rows.code == 1


def a_calibration(
    rows: CalibrationRows, cumulative_hazard: np.ndarray | None, bins: int, min_expected: float
) -> CalibrationTest:
    """Akritas' goodness-of-fit test: events in cells of predicted cumulative hazard against the exposure in each cell.

    Cells are merged upwards from the lowest hazard until each expects ``min_expected`` events; the last cell joins the
    previous cell.
    """
    hazard, event = _distribution(rows, cumulative_hazard)
    edges = np.concatenate([-np.log1p(-np.arange(bins) / bins), [np.inf]])
    place = np.clip(np.searchsorted(edges, hazard, side="left") - 1, 0, bins - 1)
    observed = np.bincount(place[event], minlength=bins).astype(float)
    ordered = np.sort(hazard)
    area = np.concatenate([[0.0], np.cumsum(ordered)])
    # ∫ of min(hazard, edge): exposure below an edge; its differences are the exposures of the cells
    at = np.searchsorted(ordered, edges[:-1], side="left")
    below = np.append(area[at] + edges[:-1] * (hazard.size - at), area[-1])
    expected = np.diff(below)
    total_o, total_e, merged_o, merged_e = 0.0, 0.0, [], []
    for o, e in zip(observed, expected):
        total_o, total_e = total_o + o, total_e + e
        if total_e >= min_expected and total_e > _EPSILON:
            merged_o.append(total_o)
            merged_e.append(total_e)
            total_o, total_e = 0.0, 0.0
    if (total_e > 0 or total_o > 0) and merged_e:
        merged_o[-1] += total_o
        merged_e[-1] += total_e
    o, e = np.array(merged_o), np.array(merged_e)
    reason = "" if e.size else f"fewer than {min_expected:g} events are expected in all"
    statistic = float(((o - e) ** 2 / e).sum()) if e.size else np.nan
    return CalibrationTest(
        "a_calibration",
        None,
        statistic,
        float(e.size),
        float(chi2.sf(statistic, e.size)) if e.size else np.nan,
        o,
        e,
        hazard.size,
        int(event.sum()),
        reason,
    )


def d_calibration(rows: CalibrationRows, cumulative_hazard: np.ndarray | None, bins: int) -> CalibrationTest:
    """Haider's test: predicted survival at the observed time is uniform; a censored patient is spread over lower bins.

    Under censoring, the test rejects far too rarely; prefer `a_calibration`.
    """
    hazard, event = _distribution(rows, cumulative_hazard)
    survival = np.exp(-hazard)
    place = np.minimum((survival * bins).astype(np.int64), bins - 1)
    count = np.bincount(place[event], minlength=bins).astype(float)
    s, k = survival[~event], place[~event]
    safe = np.maximum(s, 1e-300)
    own = np.where(s > 0, (s - k / bins) / safe, 1.0)
    count += np.bincount(k, weights=own, minlength=bins)
    # every bin below the patient's own gets 1/(bins · s)
    above = np.bincount(k, weights=np.where(s > 0, 1 / (bins * safe), 0.0), minlength=bins)
    count += np.append(np.cumsum(above[::-1])[::-1][1:], 0.0)
    expected = np.full(bins, hazard.size / bins)
    statistic = float(((count - expected) ** 2 / expected).sum())
    return CalibrationTest(
        "d_calibration",
        None,
        statistic,
        bins - 1.0,
        float(chi2.sf(statistic, bins - 1)),
        count,
        expected,
        hazard.size,
        int(event.sum()),
        "",
        (objection("low-power"),) if not event.all() else (),
    )
