"""Unobserved outcomes: attendance weights, imputation and sensitivity to outcomes not missing at random."""

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
    check_confidence,
    check_number,
    check_risk,
    generator,
    metric_frame,
    objection,
    spawn,
    takes_rows,
)
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import (
    ScoreForecast,
    Status,
    Weights,
    check_outcome,
    measured_spec,
    measured_to_status,
    status_horizon,
)
from lbp_prognosis.validation.sensitivity._imputed_outcomes import drawn_scores, shifted
from lbp_prognosis.validation.sensitivity._judged_completions import (
    SCORE_METRICS,
    STATE_METRICS,
    judged_scores,
    judged_states,
    pooled_rows,
)

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
            Axes to draw on; a new figure by default.
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
        Complete predictors of attendance, known for all patients.

    Returns
    -------
    AttritionWeights
        Pass ``.weights`` as ``sample_weight`` to models and metrics.

    Notes
    -----
    The weights are valid if attendance is independent of the outcome given ``X``; `delta_sensitivity` shows the effect
    of a dependence.
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
        state of those not seen, or to their scores. Delta 0: they are like those seen with the same predictors.
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
            Axes to draw on; a new figure by default.
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
    deltas: Sequence[float] | None = None,
    imputations: int = 20,
    horizon: float | None = None,
    outcome_model: Any = None,
    confidence: float = 0.95,
    random_state: RandomState = 0,
    model: str = "",
) -> DeltaSensitivity:
    """Impute unobserved states or scores, shifted by delta, and evaluate the predictions for each delta.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Status.at` or `Measured.at`.
    X : DataFrame of shape (n, p)
        Predictors of the state or score, complete; include predictors of attendance.
    risk : array-like of shape (n,) or ScoreForecast
        Risks to be judged; of a score its predicted distributions, or risks at the declared cut.
    deltas : sequence of float, optional
        Shifts among those not seen: of the log odds of the state, −1, −0.5, 0, 0.5, 1 by default; of a score in its
        points, as in `impute_outcomes`, by default a tenth and a fifth of its range in both directions, and 0.
    imputations : int, default 20
        Completed outcomes a delta.
    horizon : float, optional
        Visit, if a ``Status`` has lost it.
    outcome_model : estimator, optional
        Model of the scores for their imputation, as in `impute_outcomes`; None for states, whose model is logistic.
    confidence : float, default 0.95
        Level of the intervals.
    random_state : int, Generator or None, default 0
        Seed; all deltas use the same draws, so that they differ by the assumption only.
    model : str, default ""
        Model name in frames.

    Returns
    -------
    DeltaSensitivity
        ``auc`` (pooled on the logit), ``brier`` and ``observed_expected`` (on the log) by delta. Of a forecast of
        scores ``crps``, ``ordinal_concordance`` (on the logit), ``score_r2``, ``mae`` and ``mean_error``, then those of
        the declared cut, if there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.models import LinearOutcome
    >>> from lbp_prognosis.validation import delta_sensitivity
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 1))
    >>> score = np.clip(np.round(5 + 2 * X[:, 0] + rng.normal(size=100)), 0, 10)
    >>> y = Measured.at(12, np.where(X[:, 0] > 1, np.nan, score), lower=0, upper=10)
    >>> forecast = LinearOutcome().fit(X, y).predict_forecast(X)
    >>> table = delta_sensitivity(y, X, forecast, deltas=(0, 2), imputations=5).table
    >>> bool(np.diff(table[table["metric"] == "mean_error"]["value"])[0] > 0)
    True
    """
    scored = check_outcome(y, ("status", "measured"), caller="delta_sensitivity") == "measured"
    check_confidence(confidence)
    shifts = _shifts(deltas, y, scored)
    if scored:
        if horizon is not None:
            raise argument_error("horizon", "None for a score, which has its own visit", horizon)
        m = int(check_number("imputations", imputations, low=2, whole=True))
        drawn = drawn_scores(y, X, outcome_model, m, None, random_state)
        table = _of_scores(y, drawn, risk, shifts, confidence)
        observed = int((~np.isnan(y["value"])).sum())
        return DeltaSensitivity(table, measured_spec(y).horizon, confidence, m, y.size, observed, model)
    if outcome_model is not None:
        raise argument_error("outcome_model", "None for a state, which is imputed by a logistic model", outcome_model)
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
    for delta in shifts:
        results = [_one(y, seen, fitted, lost, p, float(visit), delta, rng) for rng in spawn(seed, m)]
        rows += [{"delta": delta, **row} for row in pooled_rows(np.array(results), STATE_METRICS, confidence)]
    table = pd.DataFrame(rows, columns=["delta", "metric", "value", "se", "low", "high"])
    return DeltaSensitivity(table, float(visit), confidence, m, seen.size, int(seen.sum()), model)


def _shifts(deltas: Any, y: np.ndarray, scored: bool) -> list[float]:
    """Return the shifts asked for, or the default ones: of log odds, or shares of the range of a score."""
    if deltas is None and scored:
        spec = measured_spec(y)
        return [share * (spec.upper - spec.lower) for share in (-0.2, -0.1, 0.0, 0.1, 0.2)]
    if deltas is None:
        return [-1.0, -0.5, 0.0, 0.5, 1.0]
    if isinstance(deltas, str) or np.ndim(deltas) != 1 or not len(deltas):
        raise argument_error("deltas", "one or more numbers in a list", deltas)
    return [check_number("deltas", delta) for delta in deltas]


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
    return judged_states(Status.at(visit, state), risk, visit)


def _of_scores(
    y: np.ndarray, drawn: list[np.ndarray], risk: Any, deltas: Sequence[float], confidence: float
) -> pd.DataFrame:
    """Return one row per delta and measure of predicted scores, and of the risks at their declared cut."""
    spec = measured_spec(y)
    forecast = risk if isinstance(risk, ScoreForecast) else None
    cut = spec.cut is not None
    if forecast is not None:
        if len(forecast) != y.size:
            raise argument_error("risk", f"of {y.size} rows, one per row of `y`", f"{len(forecast)} rows")
        if cut:
            low = spec.at_least is None
            at_cut = forecast.at_most(spec.at_most) if low else forecast.at_least(spec.at_least)
    elif not cut:
        raise argument_error(
            "risk", "a ScoreForecast for a score without a declared cut", "risks", "Give model.predict_forecast(X)."
        )
    else:
        at_cut = check_risk("risk", risk, n=y.size, n_horizons=1)[:, 0]
    metrics = (*(SCORE_METRICS if forecast is not None else ()), *(STATE_METRICS if cut else ()))
    rows = []
    for delta in deltas:
        results = []
        for own in drawn:
            complete = shifted(y, own, delta)
            found = [] if forecast is None else judged_scores(complete, forecast)
            if cut:
                found = [*found, *judged_states(measured_to_status(complete), at_cut, spec.horizon)]
            results.append(found)
        rows += [{"delta": delta, **row} for row in pooled_rows(np.array(results), metrics, confidence)]
    return pd.DataFrame(rows, columns=["delta", "metric", "value", "se", "low", "high"])
