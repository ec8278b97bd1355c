"""``without_treatment``: outcomes as if no patient started a treatment, by censoring at its start and weighting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    check_choice,
    check_confidence,
    check_horizons,
    check_number,
    fit_on_stretches,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import followed_times
from lbp_prognosis.evaluation import Evaluation, evaluate
from lbp_prognosis.survival import Status, Surv, Weights, check_outcome
from lbp_prognosis.validation.sensitivity._leaving_hazard import (
    CENSORED,
    EVENT,
    TREATED,
    Clock,
    LeavingHazard,
    Spells,
    leaving_hazard,
)
from lbp_prognosis.validation.sensitivity._treatment_history import patients_of, spells_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["WeightedStatus", "WithoutTreatment", "without_treatment"]

_RARE = 0.05  # a lower probability of being untreated lets one patient stand for more than twenty


class WeightedStatus(NamedTuple):
    """States at one horizon, and the weights of the patients in whom they are known."""

    y: np.ndarray
    weights: Weights


@dataclass(frozen=True, repr=False)
class WithoutTreatment(Result):
    """Outcomes of patients followed until they start a treatment, with weights to represent all patients.

    Attributes
    ----------
    y : ndarray of shape (n,)
        The outcome, censored when the treatment starts.
    table : DataFrame
        Model of starting the treatment: ``term, coef, hr, se, low, high, p, confidence``.
    row_labels : Index or None
        The ``ids`` that were given: rows of `fit` and `evaluate` that are labelled by them may be in any order.
    n, n_treated, n_lost : int
        Patients; those who started the treatment before an event; those censored for another reason before the last
        of all times, where follow-up ends for all.
    """

    y: np.ndarray = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    n: int
    n_treated: int
    n_lost: int
    _clock: Clock = field(repr=False)
    _treatment: LeavingHazard = field(repr=False)
    _loss: LeavingHazard = field(repr=False)
    row_labels: pd.Index | None = field(default=None, repr=False, compare=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    # ---- what metrics ask a censoring model ---------------------------------------------------------------------

    @takes_rows(beside="y", times="numbers")
    def survival_before(self, times: np.ndarray, X: Any = None) -> np.ndarray:
        """Return each patient's probability of being untreated and under observation just before a time (n,)."""
        return self._there(self._clock.before(np.asarray(times, dtype=float)))

    @takes_rows()
    def survival_at(self, horizon: float, X: Any = None) -> np.ndarray:
        """Return each patient's probability of being untreated and under observation at a horizon, of shape (n,)."""
        return self._there(self._clock.after(check_number("horizon", horizon, low=0)))

    def _there(self, place: np.ndarray) -> np.ndarray:
        return self._treatment.survival(place) * self._loss.survival(place)

    # ---- what is known at a horizon -----------------------------------------------------------------------------

    def status(self, horizon: float, *, cause: int = 1) -> WeightedStatus:
        """Return the states at a horizon with weights: the input of every metric.

        Parameters
        ----------
        horizon : float
            In the unit of the outcome.
        cause : int, default 1
            Event code; another event by the horizon counts as none of this.

        Returns
        -------
        WeightedStatus
            ``y`` by `Status.at`, −1 where the patient was treated or lost before; ``weights`` of kind ``attrition``:
            1/P(untreated, seen) just before the event, or at the horizon.
        """
        tau = check_number("horizon", horizon, low=0, open_low=True)
        time, event = self.y["time"].astype(float), self.y["event"]
        # who starts the treatment at the end of a fixed follow-up is not seen untreated there
        seen_until, end = followed_times(time, np.where(self._left, 1, event), np.array([tau]))
        happened = (event > 0) & (time <= tau)
        if not (seen_until > tau).any() and (tau > time.max() or (event[time == tau] == 0).any()):
            raise argument_error(
                "horizon",
                f"within untreated follow-up, which ends at {time.max():g}",
                f"{tau:g}",
                "Beyond it only patients with an event have a known state.",
            )
        free = ~happened & (seen_until > tau)
        state = np.where(happened, event == cause, np.where(free, 0, -1)).astype(int)
        place = np.where(happened, self._clock.before(time), self._clock.after(tau))
        there = self._treatment.survival(place)
        # a follow-up that ends at the horizon for all loses no patient there
        there = there * self._loss.survival(
            np.where(free & (end is not None), self._clock.before(np.array([tau])), place)
        )
        weights = np.where(happened | free, 1 / np.maximum(there, np.finfo(float).tiny), 0.0)
        return WeightedStatus(Status.at(tau, state), Weights(weights, "attrition"))

    @takes_rows(beside="y")
    def evaluate(
        self, risks: Any, horizon: float, thresholds: Any = None, *, cause: int = 1, **options: Any
    ) -> Evaluation:
        """Evaluate risks without treatment: discrimination, accuracy, calibration and net benefit at a horizon.

        Parameters
        ----------
        risks : array-like of shape (n,), or mapping from name to such arrays
            Risks without treatment, of the patients of ``y``.
        horizon : float
            In the unit of the outcome.
        thresholds : array-like or ThresholdRange, optional
            Decision thresholds.
        cause : int, default 1
            Event code.
        **options
            Further arguments of `evaluate`.

        Returns
        -------
        Evaluation
            Standard errors take the weights as known, which makes them too large rather than too small.
        """
        known = self.status(horizon, cause=cause)
        found = evaluate(known.y, risks, None, thresholds, sample_weight=known.weights, **options)
        rare = int((known.weights.values > 1 / _RARE).sum())
        doubts = (objection("treatment-positivity", n=rare, horizon=float(horizon)),) if rare else ()
        return replace(found, objections=tuple(dict.fromkeys((*found.objections, *self.objections, *doubts))))

    # ---- models ---------------------------------------------------------------------------------------------------

    @takes_rows(beside="y")
    def fit(self, model: Any, X: Any) -> Any:
        """Fit a model of the risk without treatment.

        Parameters
        ----------
        model : estimator
            A Cox model or another that takes delayed entry, weights and clusters; a clone is fitted.
        X : DataFrame or ndarray of shape (n, p)
            Predictors at time zero.

        Returns
        -------
        estimator
            Fitted to the stretches between starts of treatment, each weighted by P(untreated) of all patients over
            P(untreated | the patient's course), with standard errors by patient. With ``censoring="history"`` also
            between losses, and weighted likewise for these. The steps of a `RiskPipeline` are fitted to the patients
            with the outcome ``y``, so that a missing value is imputed once per patient.
        """
        if len(X) != self.n:
            raise argument_error("X", f"of {self.n} rows, the patients of `y`", f"{len(X)} rows")
        rows, entry, stop, event, weight = self._stretches
        y = Surv.right(stop, event, entry=entry)
        return fit_on_stretches(clone(model), X, self.y, rows, y, Weights(weight, "sampling"))

    @cached_property
    def _stretches(self) -> tuple[np.ndarray, ...]:
        """Row of the patient, start, stop, event and stabilised weight, split where patients leave."""
        time, event = self.y["time"].astype(float), self.y["event"].astype(int)
        left = [(self._treatment, self._left)]
        if self._loss.model is not None:
            left.append((self._loss, self._lost))
        jumps = np.unique(np.concatenate([hazard.grid for hazard, _ in left]))
        edges = np.concatenate([[0.0], np.unique(self._clock.times[np.floor((jumps - 1.0) / 3.0).astype(int)])])
        count = np.searchsorted(edges, time, side="left")
        rows = np.repeat(np.arange(self.n), count)
        step = np.arange(rows.size) - np.repeat(np.cumsum(count) - count, count)
        last = step == count[rows] - 1
        stop = np.where(last, time[rows], np.append(edges[1:], np.inf)[step])
        marginal = [self._marginal(who) for _, who in left]
        weight = np.empty(rows.size)
        for k, edge in enumerate(edges):
            now = step == k
            place = self._clock.after(edge) if k else np.array(0.5)
            ratios = [of_all.survival(place) / own.survival(place) for of_all, (own, _) in zip(marginal, left)]
            weight[now] = np.prod(ratios, axis=0)[rows[now]]
        return rows, edges[step], stop, np.where(last, event[rows], 0), weight

    def _marginal(self, left: np.ndarray) -> LeavingHazard:
        """Hazard of those who left (n,), the same for all patients."""
        spells = Spells(
            patient=np.arange(self.n),
            start=np.zeros(self.n),
            stop=self._last_place,
            last=np.ones(self.n, dtype=bool),
            X=pd.DataFrame(index=range(self.n)),
        )
        return leaving_hazard(spells, left, ties="efron", what="leaving")

    @cached_property
    def _last_place(self) -> np.ndarray:
        places = np.zeros(self.n)
        spells = self._treatment.spells
        places[spells.patient[spells.last]] = spells.stop[spells.last]
        return places

    @cached_property
    def _left(self) -> np.ndarray:
        return (np.rint(self._last_place).astype(int) - 1) % 3 == TREATED

    @cached_property
    def _lost(self) -> np.ndarray:
        censored = (np.rint(self._last_place).astype(int) - 1) % 3 == CENSORED
        return censored & (self.y["time"] < self.y["time"].max())

    @property
    def treated(self) -> np.ndarray:
        """Whether each patient started the treatment before an event and before being lost, of shape (n,)."""
        return self._left.copy()

    # ---- positivity -----------------------------------------------------------------------------------------------

    def positivity(self, horizons: Any) -> pd.DataFrame:
        """Return diagnostics of positivity: probabilities of being untreated, and weights, by horizon.

        Parameters
        ----------
        horizons : float or sequence of float
            In the unit of the outcome.

        Returns
        -------
        DataFrame
            One row per horizon: ``horizon, treated`` (patients who had started by then), ``known`` (whose state is
            known), ``lowest`` and ``fifth`` (minimum and 5th percentile of P(untreated, seen) among these),
            ``below_005``, ``largest_weight`` (over the mean weight) and ``effective_size`` (Σw)²/Σw².
        """
        grid, _ = check_horizons(horizons)
        rows = []
        for tau in grid:
            w = self.status(float(tau)).weights.values
            used = w[w > 0]
            rows.append(
                {
                    "horizon": float(tau),
                    "treated": int((self._left & (self.y["time"] <= tau)).sum()),
                    "known": used.size,
                    "lowest": float(1 / used.max()),
                    "fifth": float(np.quantile(1 / used, 0.05)),
                    "below_005": int((1 / used < _RARE).sum()),
                    "largest_weight": float(used.max() / used.mean()),
                    "effective_size": float(used.sum() ** 2 / (used**2).sum()),
                }
            )
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Return ``table``."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the hazard ratios of starting the treatment.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        rows = self.table.assign(label=self.table["term"], value=self.table["hr"])
        return draw_estimates(
            rows, axis="hazard ratio of starting treatment", neutral=1.0, log=True, digits=".2f", ax=ax
        )

    def _summary(self) -> str:
        return f"{self.n_treated} of {self.n} patients censored at the start of treatment, {self.n_lost} lost"


@takes_rows()
def without_treatment(
    y: np.ndarray,
    treated_at: Any,
    history: pd.DataFrame,
    *,
    ids: Any = None,
    id: str = "patient_id",
    time: str = "time",
    columns: Sequence[str] | None = None,
    censoring: str = "marginal",
    ties: str = "efron",
    collinear: str = "error",
    confidence: float = 0.95,
) -> WithoutTreatment:
    """Prepare outcomes under the strategy "this treatment is never started".

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right`, competing events included, without delayed entry. Events after the start of the treatment
        are not used.
    treated_at : array-like of shape (n,)
        When each patient started the treatment, in the unit of ``y``; missing for those who did not.
    history : DataFrame
        Predictors of treatment and outcome: one row per patient and time of measurement, with columns ``id``, ``time``
        (0 at time zero; every patient has a row there) and numbers. A value applies until the next row of the patient.
        Values measured at the time at which the treatment starts are not used for it.
    ids : array-like of shape (n,), optional
        Patients in the order of ``y``; by default 0 … n − 1.
    id, time : str
        Columns of ``history``.
    columns : sequence of str, optional
        Covariates; by default all other columns.
    censoring : {"marginal", "history"}, default "marginal"
        Other losses do not depend on anything, or on the same covariates.
    ties : {"efron", "breslow"}, default "efron"
        Ties of the two Cox models.
    collinear : {"error", "drop"}, default "error"
        Whether constant and collinear columns are an error or have no effect; weights are the same without them.
    confidence : float, default 0.95
        Level of the intervals in ``table``.

    Returns
    -------
    WithoutTreatment
        ``.evaluate(risks, horizon, thresholds)`` judges risks under the strategy, ``.fit(model, X)`` makes them,
        ``.positivity(horizons)`` says how few patients carry the result. It is accepted as ``censoring=`` by metrics.

    Raises
    ------
    ArgumentError
        If no patient starts the treatment, a patient has started it at time zero, or an argument is not accepted.
    DataError
        With one frame of all rows of ``history`` that cannot be used.
    EstimationError
        If a column perfectly predicts treatment.

    Notes
    -----
    A patient is followed until the treatment starts. P(untreated at t | course) = exp(−∫ exp(x(u)'β) dH₀(u)) by a Cox
    model with covariates that change, and likewise for other losses. A patient with a known state at the horizon has
    weight 1/P, at the horizon or just before the event. At one time, events come before starts of treatment, and these
    before censorings. This is valid if, given ``history``, starting the treatment is independent of the outcome without
    treatment (exchangeability), and if patients of every kind can remain untreated (positivity). The data cannot verify
    either assumption.

    References
    ----------
    Keogh RH, van Geloven N (2024). Prediction under interventions: evaluation of counterfactual performance using
    longitudinal observational data. Epidemiology 35:329–339. doi:10.1097/EDE.0000000000001713

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.validation import without_treatment
    >>> rng = np.random.default_rng(0)
    >>> pain = rng.normal(size=300)
    >>> event, surgery = rng.exponential(12, 300), rng.exponential(20 * np.exp(-0.5 * pain))
    >>> y = Surv.right(np.minimum(event, 12.0), event <= 12)
    >>> history = pd.DataFrame({"patient_id": range(300), "time": 0.0, "pain": pain})
    >>> found = without_treatment(y, np.where(surgery < 12, surgery, np.nan), history)
    >>> found
    <WithoutTreatment: 95 of 300 patients censored at the start of treatment, 0 lost>
    >>> round(float(found.table["hr"].iloc[0]), 2)
    1.54
    """
    check_outcome(y, ("right",), caller="without_treatment")
    if "entry" in (y.dtype.names or ()):
        raise argument_error("y", "an outcome without delayed entry", "one with `entry`")
    check_choice("censoring", censoring, ("marginal", "history"))
    check_choice("ties", ties, ("efron", "breslow"))
    check_choice("collinear", collinear, ("error", "drop"))
    check_confidence(confidence)
    end, code = y["time"].astype(float), y["event"].astype(int)
    start = _starts(treated_at, end.size)
    treated = (start < end) | ((start == end) & (code == 0))
    if not treated.any():
        raise argument_error(
            "treated_at",
            "times of which some lie within follow-up",
            "none before the end of a patient's follow-up",
            "Where no patient is treated the observed outcome is the one without treatment.",
        )
    until = np.where(treated, start, end)
    event = np.where(treated, 0, code)
    clock = Clock.of(until)
    what = np.where(treated, TREATED, np.where(event > 0, EVENT, CENSORED))
    patients = patients_of(ids, end.size)
    spells = spells_of(history, patients, id, time, columns, clock, until, what)
    lost = (what == CENSORED) & (until < until.max())  # where follow-up ends for all, no patient is lost
    treatment = leaving_hazard(spells, treated, ties=ties, what="starting treatment", collinear=collinear)
    bare = replace(spells, X=spells.X[[]])
    of_lost = spells if censoring == "history" else bare
    loss = leaving_hazard(of_lost, lost, ties=ties, what="being lost", collinear=collinear)
    assert treatment.model is not None  # a patient was treated, and there is a covariate
    censored = y.copy()  # with the labels of its patients
    censored["time"], censored["event"] = until, event
    return WithoutTreatment(
        y=censored,
        table=treatment.model.to_frame(confidence),
        n=int(end.size),
        n_treated=int(treated.sum()),
        n_lost=int(lost.sum()),
        _clock=clock,
        _treatment=treatment,
        _loss=loss,
        row_labels=None if ids is None else pd.Index(patients),
        objections=(objection("treatment-unmeasured", columns=", ".join(map(str, spells.X.columns)) or "nothing"),),
        synthetic=bool(history.attrs.get("synthetic", False)),
    )


def _starts(treated_at: Any, n: int) -> np.ndarray:
    """Times of starting, infinite for those who did not."""
    start = np.asarray(treated_at, dtype=float)
    if start.shape != (n,):
        raise argument_error("treated_at", f"of length {n}, one time per row of `y`", f"shape {start.shape}")
    start = np.where(np.isnan(start), np.inf, start)
    if (start <= 0).any():
        raise argument_error(
            "treated_at",
            "times after time zero",
            f"{int((start <= 0).sum())} at or before it",
            "Who is treated at time zero can't follow the strategy: leave these patients out of the cohort.",
        )
    return start
