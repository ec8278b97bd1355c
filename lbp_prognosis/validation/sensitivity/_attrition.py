"""Outcomes that were not observed: attendance weights, imputation, and what if those absent did worse."""

from __future__ import annotations

from collections.abc import Sequence
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
    check_risk,
    generator,
    metric_frame,
    objection,
    spawn,
    takes_rows,
)
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.evaluation import brier, time_dependent_auc
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Status, Weights, check_outcome, status_horizon

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AttritionWeights", "DeltaSensitivity", "attrition_weights", "delta_sensitivity"]

_POSITIVITY = objection("attendance-positivity")


@dataclass(frozen=True, repr=False)
class AttritionWeights(Result):
    """Weights of the patients who attended, so that they represent all, from a model of attendance.

    Attributes
    ----------
    weights : Weights
        Of kind ``attrition``: 1/P(seen | x) for those seen, 0 for the others; mean about 1 over all.
    probability : ndarray of shape (n,)
        P(seen | x).
    table : DataFrame
        Attendance model, as `LogisticRisk.to_frame`: ``term, coef, or, se, low, high, p`` …; limits of odds ratios.
    effective_size : float
        (Σw)²/Σw² among those seen.
    """

    weights: Weights
    probability: np.ndarray
    table: pd.DataFrame
    effective_size: float
    n: int
    n_seen: int
    objections: tuple[Objection, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the attendance model."""
        return self.table

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the odds ratios of having been seen.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table[self.table["term"] != "(intercept)"]
        return draw_estimates(
            rows.assign(label=rows["term"], value=rows["or"]),
            axis="odds ratio of being seen",
            neutral=1.0,
            log=True,
            digits=".2f",
            ax=ax,
        )

    def _summary(self) -> str:
        return f"{self.n_seen} of {self.n} seen, effective size {self.effective_size:.0f}"


@takes_rows()
def attrition_weights(y: np.ndarray, X: pd.DataFrame) -> AttritionWeights:
    """Model attendance at the visit, and weight the patients who attended.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Status.at` (−1 where not seen) or `Measured.at` (NaN where not seen).
    X : DataFrame of shape (n, p)
        What is known of every patient and predicts attendance; complete.

    Returns
    -------
    AttritionWeights
        Pass ``.weights`` as ``sample_weight`` to models and metrics.

    Notes
    -----
    Right if, given ``X``, being seen does not depend on the outcome. `delta_sensitivity` shows what follows if it does.
    """
    scores = check_outcome(y, ("status", "measured"), caller="attrition_weights") == "measured"
    seen = (~np.isnan(y["value"]) if scores else y["status"] >= 0).astype(int)
    if seen.all():
        raise argument_error(
            "y", "an outcome that was not observed in some", "all patients seen", "No weights are needed."
        )
    if not seen.any():
        raise argument_error("y", "an outcome that some have", "no patient seen")
    model = LogisticRisk(collinear="drop").fit(X, Status.at(1.0, seen))
    chance = model.predict_risk(X, 1.0)[:, 0]
    weights = np.where(seen == 1, 1 / chance, 0.0)
    frame = model.to_frame()
    return AttritionWeights(
        Weights(weights, "attrition"),
        chance,
        frame,
        float(weights.sum() ** 2 / np.sum(weights**2)),
        seen.size,
        int(seen.sum()),
        (_POSITIVITY,) if (chance < 0.05).any() else (),
    )


@dataclass(frozen=True, repr=False)
class DeltaSensitivity(Result):
    """Performance under assumptions about the patients who did not attend.

    Attributes
    ----------
    table : DataFrame
        One row per delta and metric: ``delta, metric, value, se, low, high``; delta is added to the log odds of the
        state of those not seen. Delta 0: they are like those seen with the same predictors.
    imputations : int
        Completed outcomes a delta.
    """

    table: pd.DataFrame
    horizon: float
    confidence: float
    imputations: int
    n: int
    n_seen: int
    model: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row per delta and metric, with ``delta`` as a special column."""
        rows = [
            {
                "model": self.model,
                "tier": "prognostic",
                "metric": r.metric,
                "horizon": self.horizon,
                "value": r.value,
                "se": r.se,
                "low": r.low,
                "high": r.high,
                "confidence": self.confidence,
                "n": self.n,
                "method": f"{self.imputations} imputed outcomes, Rubin",
                "delta": r.delta,
            }
            for r in self.table.itertuples()
        ]
        return metric_frame(rows, extra=("delta",))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw every measure under every assumption about those not seen.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table.assign(label=self.table["metric"], series=[f"δ = {d:+g}" for d in self.table["delta"]])
        return draw_estimates(rows, axis=f"value, {self.confidence:.0%} intervals", ax=ax)

    def _summary(self) -> str:
        return f"{self.n - self.n_seen} of {self.n} outcomes imputed under {self.table['delta'].nunique()} assumptions"


@takes_rows()
def delta_sensitivity(
    y: np.ndarray,
    X: pd.DataFrame,
    risk: Any,
    *,
    deltas: Sequence[float] = (-1.0, -0.5, 0.0, 0.5, 1.0),
    imputations: int = 20,
    horizon: float | None = None,
    confidence: float = 0.95,
    random_state: RandomState = 0,
    model: str = "",
) -> DeltaSensitivity:
    """Impute the states of those not seen, shifted by delta, and judge the risks each time.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Status.at`.
    X : DataFrame of shape (n, p)
        Predictors of the state, complete; include what tells who comes back.
    risk : array-like of shape (n,)
        Risks to be judged.
    deltas : sequence of float, default (-1.0, -0.5, 0.0, 0.5, 1.0)
        Shifts of the log odds among those not seen.
    imputations : int, default 20
        Completed outcomes a delta.
    horizon : float, optional
        Visit, if ``y`` has lost it.
    confidence : float, default 0.95
        Level of the intervals.
    random_state : int, Generator or None, default 0
        Seed; all deltas use the same draws, so that they differ by the assumption only.
    model : str, default ""
        Name for frames.

    Returns
    -------
    DeltaSensitivity
        ``auc`` (pooled on the logit), ``brier`` and ``observed_expected`` (on the log) by delta.
    """
    check_outcome(y, ("status",), caller="delta_sensitivity")
    visit = horizon if horizon is not None else status_horizon(y)
    if visit is None:
        raise argument_error("horizon", "given, because `y` has lost its visit", "None")
    m = int(check_number("imputations", imputations, low=2, whole=True))
    p = check_risk("risk", risk, n=y.shape[0], n_horizons=1)[:, 0]
    seen = y["status"] >= 0
    if seen.all() or not seen.any():
        raise argument_error(
            "y", "a Status with observed and unobserved states", f"{int(seen.sum())} of {seen.size} seen"
        )
    if isinstance(X, pd.DataFrame):
        X = X[sorted(X.columns, key=str)]  # coefficients are drawn by position: in any order of columns the same
    fitted = LogisticRisk(horizon=float(visit), collinear="drop").fit(X, y)
    lost = X[~seen]
    rows = []
    # a seed stands for the same draws each time; a generator would go on
    moves = random_state is None or isinstance(random_state, np.random.Generator)
    seed = int(generator(random_state).integers(2**62)) if moves else random_state
    for delta in deltas:
        results = [_one(y, seen, fitted, lost, p, float(visit), float(delta), rng) for rng in spawn(seed, m)]
        rows += [{"delta": float(delta), **row} for row in _pooled(np.array(results), confidence)]
    table = pd.DataFrame(rows, columns=["delta", "metric", "value", "se", "low", "high"])
    return DeltaSensitivity(table, float(visit), confidence, m, seen.size, int(seen.sum()), model)


def _one(
    y: np.ndarray,
    seen: np.ndarray,
    fitted: Any,
    lost: pd.DataFrame,
    risk: np.ndarray,
    visit: float,
    delta: float,
    rng: np.random.Generator,
) -> list[float]:
    """Draw coefficients, then states; return estimates and standard errors of AUC, Brier score and O/E."""
    drawn = rng.multivariate_normal(np.r_[fitted.intercept_, fitted.coef_], fitted.covariance_, method="svd")
    eta = drawn[0] + np.asarray(lost, dtype=float) @ drawn[1:] + delta
    state = y["status"].copy()
    state[~seen] = rng.random(eta.size) < 1 / (1 + np.exp(-eta))
    complete = Status.at(visit, state)
    ranked = time_dependent_auc(complete, risk, visit, min_at_risk=0)
    loss = brier(complete, risk, visit, min_at_risk=0)
    observed, n = float(state.mean()), state.size
    relative = float(np.sqrt((1 - observed) / (n * observed))) if observed > 0 else np.nan
    return [
        float(ranked.value),
        float(ranked.se),
        float(loss.value),
        float(loss.se),
        float(observed / risk.mean()),
        relative * float(observed / risk.mean()),
    ]


def _pooled(results: np.ndarray, confidence: float) -> list[dict[str, Any]]:
    rows = []
    for k, (metric, scale) in enumerate((("auc", "logit"), ("brier", "identity"), ("observed_expected", "log"))):
        value, se = results[:, 2 * k], results[:, 2 * k + 1]
        inner, error = value, se
        with np.errstate(divide="ignore", invalid="ignore"):
            if scale == "logit":
                inner, error = np.log(value / (1 - value)), se / (value * (1 - value))
            elif scale == "log":
                inner, error = np.log(value), se / value
        if np.isfinite(value).all() and not np.isfinite(inner).all():
            # an AUC of one, or no event at all, in some completed table: pooled as it is
            scale, inner, error = "identity", value, se
        pooled = rubin_pool(inner, error**2)
        low, high = pooled.limits(confidence)
        ends = {"value": _back(pooled.estimate, scale), "low": _back(low, scale), "high": _back(high, scale)}
        rows.append({"metric": metric, "se": float(pooled.se), **ends})
    return rows


def _back(value: Any, scale: str) -> float:
    if scale == "logit":
        return float(1 / (1 + np.exp(-value)))
    return float(np.exp(value)) if scale == "log" else float(value)
