"""``without_treatment``: outcomes as if no patient started a treatment, by censoring at its start and weighting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    argument_error,
    check_choice,
    check_confidence,
    check_horizons,
    check_number,
    objection,
    read_frame,
    takes_rows,
)
from lbp_prognosis.survival import check_outcome
from lbp_prognosis.validation.sensitivity._leaving_hazard import (
    CENSORED,
    EVENT,
    TREATED,
    Clock,
    LeavingHazard,
    leaving_hazard,
)
from lbp_prognosis.validation.sensitivity._treatment_history import last_places, ordered_by_ids, patients_of, spells_of
from lbp_prognosis.validation.sensitivity._weighted_follow_up import WeightedFollowUp

__all__ = ["WithoutTreatment", "without_treatment"]


@dataclass(frozen=True, repr=False)
class WithoutTreatment(WeightedFollowUp):
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
    _left: np.ndarray = field(repr=False)
    _lost: np.ndarray = field(repr=False)
    _ends: np.ndarray = field(repr=False)
    _truncate: float | None = field(default=None, repr=False)
    row_labels: pd.Index | None = field(default=None, repr=False, compare=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    _followed: ClassVar[str] = "untreated follow-up"

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

    def _kept(self, place: np.ndarray) -> np.ndarray:
        return self._treatment.survival(place)

    def _for_all(self) -> LeavingHazard:
        return self._marginal(self._left)

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
        for tau in map(float, grid):
            treated = int((self._left & (self.y["time"] <= tau)).sum())
            rows.append({"horizon": tau, "treated": treated, **self._support(tau)})
        return pd.DataFrame(rows)

    def _summary(self) -> str:
        return f"{self.n_treated} of {self.n} patients censored at the start of treatment, {self.n_lost} lost"


@ordered_by_ids
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
        Made by `Surv.right`, competing events included. Events after the start of the treatment are not used. With
        delayed entry there are fits and positivity, but no states at a horizon and no evaluation, as for all metrics.
    treated_at : array-like of shape (n,)
        When each patient started the treatment, in the unit of ``y``; missing for those who did not.
    history : DataFrame
        Predictors of treatment and outcome: one row per patient and time of measurement, with columns ``id``, ``time``
        (0 at time zero; every patient has a row there, or by entry) and numbers. A value applies until the next row of
        the patient. Values measured at the time at which the treatment starts are not used for it.
    ids : array-like of shape (n,), optional
        Patients in the order of ``y``; by default 0 … n − 1.
    id, time : str
        Columns of ``history``.
    columns : sequence of str, optional
        Covariates; by default all other columns.
    censoring : {"marginal", "history"}, default "marginal"
        Other losses do not depend on anything, or on the same covariates.
    ties : {"efron", "breslow"}, default "efron"
        Ties in the coefficients of the two Cox models.
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
    model with covariates that change, and likewise for other losses. The steps of H₀ are those of Kalbfleisch and
    Prentice: where d of n patients with equal covariates start at one visit, 1 − d/n of them remain untreated. A
    patient with a known state at the horizon has weight 1/P, at the horizon or just before the event. At one time,
    events come before starts of treatment, and these before censorings. This is valid if, given ``history``, starting
    the treatment is independent of the outcome without treatment (exchangeability), and if patients of every kind can
    remain untreated (positivity). The data cannot verify either assumption.

    With delayed entry, risk sets and weights begin at entry: the strategy is "not started from entry on". Whether a
    patient was untreated at entry must depend on nothing but the predictors of the fitted model.

    References
    ----------
    Kalbfleisch JD, Prentice RL (1973). Marginal likelihoods based on Cox's regression and life model. Biometrika
    60:267–278. doi:10.1093/biomet/60.2.267

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
    check_choice("censoring", censoring, ("marginal", "history"))
    check_choice("ties", ties, ("efron", "breslow"))
    check_choice("collinear", collinear, ("error", "drop"))
    check_confidence(confidence)
    synthetic = bool(getattr(history, "attrs", {}).get("synthetic", False))
    history = read_frame(history, "history")
    end, code = y["time"].astype(float), y["event"].astype(int)
    entry = y["entry"].astype(float) if "entry" in (y.dtype.names or ()) else None
    start = _starts(treated_at, end.size, entry)
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
    spells = spells_of(history, patients, id, time, columns, clock, until, what, entry)
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
        _left=treated,
        _lost=lost,
        _ends=last_places(spells, end.size),
        row_labels=None if ids is None else pd.Index(patients),
        objections=(objection("treatment-unmeasured", columns=", ".join(map(str, spells.X.columns)) or "nothing"),),
        synthetic=synthetic,
    )


def _starts(treated_at: Any, n: int, entry: np.ndarray | None) -> np.ndarray:
    """Times of starting, infinite for those who did not."""
    start = np.asarray(treated_at, dtype=float)
    if start.shape != (n,):
        raise argument_error("treated_at", f"of length {n}, one time per row of `y`", f"shape {start.shape}")
    start = np.where(np.isnan(start), np.inf, start)
    began, words = (0.0, "time zero") if entry is None else (entry, "entry")
    if (start <= began).any():
        raise argument_error(
            "treated_at",
            f"times after {words}",
            f"{int((start <= began).sum())} at or before it",
            f"Who is treated at {words} can't follow the strategy: leave these patients out of the cohort.",
        )
    return start
