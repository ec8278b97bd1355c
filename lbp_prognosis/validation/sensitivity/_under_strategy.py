"""``under_strategy``: outcomes as if all patients followed a declared strategy of treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
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
from lbp_prognosis._kernels import step_at
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Status, Surv, check_outcome
from lbp_prognosis.validation.sensitivity._leaving_hazard import (
    CENSORED,
    EVENT,
    TREATED,
    Clock,
    LeavingHazard,
    Spells,
    leaving_hazard,
)
from lbp_prognosis.validation.sensitivity._treatment_history import (
    last_places,
    ordered_by_ids,
    patients_of,
    rows_of,
    spells_of,
)
from lbp_prognosis.validation.sensitivity._treatment_strategy import (
    NeverStart,
    StartBy,
    StartWhen,
    Strategy,
    Windows,
    deadlines_of,
    first_true,
    windows_of,
)
from lbp_prognosis.validation.sensitivity._weighted_follow_up import WeightedFollowUp

__all__ = ["UnderStrategy", "under_strategy"]


@dataclass(frozen=True)
class _AtZero:
    """Starts at time zero: who started, the cumulative hazard −log(1 − P) of each patient, and predictors then."""

    started: np.ndarray
    hazard: np.ndarray
    score: np.ndarray
    """x'β of the model of later starts, with the values at time zero."""
    X: pd.DataFrame


@dataclass(frozen=True)
class _Asked:
    """Data and options of a call, from which it is repeated in a sample of the patients."""

    y: np.ndarray
    treated_at: np.ndarray
    history: pd.DataFrame
    """Sorted by patient, without names."""
    first: np.ndarray
    """Row of the history at which each patient begins, of shape (n + 1,)."""
    strategy: Strategy
    options: dict[str, Any]

    @classmethod
    def of(
        cls, y: np.ndarray, treated_at: Any, history: pd.DataFrame, row: np.ndarray, strategy: Strategy, **options: Any
    ) -> _Asked:
        """Return the data of patients; ``row`` is the place of the patient of each row, NaN if not among them."""
        known = np.flatnonzero(np.isfinite(row))
        order = known[np.argsort(row[known], kind="stable")]
        first = np.searchsorted(row[order], np.arange(y.size + 1))
        times = np.asarray(treated_at, dtype=float)
        bare = Surv.right(y["time"].astype(float), y["event"].astype(int))  # a sample repeats patients: no labels
        return cls(bare, times, history.iloc[order].reset_index(drop=True), first, strategy, options)

    def drawn(self, rows: np.ndarray) -> UnderStrategy:
        """Return the result for the patients drawn, each copy a patient of its own."""
        size = np.diff(self.first)[rows]
        ends = np.cumsum(size)
        place = np.arange(ends[-1]) + np.repeat(self.first[rows] - ends + size, size)
        history = self.history.iloc[place].reset_index(drop=True)
        history[self.options["id"]] = np.repeat(np.arange(rows.size), size)
        return under_strategy(self.y[rows], self.treated_at[rows], history, self.strategy, **self.options)


@dataclass(frozen=True, repr=False)
class UnderStrategy(WeightedFollowUp):
    """Outcomes of patients followed until they leave a strategy, with weights to represent all patients.

    Attributes
    ----------
    y : ndarray of shape (n,)
        The outcome, censored at the deviation.
    table : DataFrame
        Model of starting the treatment after time zero: ``term, coef, hr, se, low, high, p, confidence``; empty if no
        patient started then.
    strategy : NeverStart, StartBy or StartWhen
        The strategy.
    row_labels : Index or None
        The ``ids`` that were given: rows of `fit` and `evaluate` that are labelled by them may be in any order.
    n, n_started, n_deviated, n_lost : int
        Patients; those who started the treatment as the strategy says; those who left the strategy, by starting too
        early or by not starting in time; those censored for another reason before the last of all times.
    """

    y: np.ndarray = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    strategy: Strategy
    n: int
    n_started: int
    n_deviated: int
    n_lost: int
    _clock: Clock = field(repr=False)
    _treatment: LeavingHazard = field(repr=False)
    _loss: LeavingHazard = field(repr=False)
    _windows: Windows = field(repr=False)
    _start: np.ndarray = field(repr=False)
    _zero: _AtZero = field(repr=False)
    _left: np.ndarray = field(repr=False)
    _lost: np.ndarray = field(repr=False)
    _ends: np.ndarray = field(repr=False)
    _asked: _Asked = field(repr=False, compare=False)
    _truncate: float | None = field(default=None, repr=False)
    row_labels: pd.Index | None = field(default=None, repr=False, compare=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    _followed: ClassVar[str] = "follow-up under the strategy"

    def _kept(self, place: np.ndarray) -> np.ndarray:
        place = np.broadcast_to(place, (self.n,))
        windows, zero = self._windows, self._zero
        kept = self._treatment.survival(np.minimum(place, windows.forbidden))
        kept = np.where(windows.at_zero, kept * np.exp(-zero.hazard), kept)
        if np.isinf(windows.due).all():
            return kept
        with np.errstate(over="ignore"):
            return np.asarray(kept * np.exp(-self._raised(place)[0]))

    def _raised(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log weight by the raised hazard of starting up to a place, and who has no counterpart (n,).

        With R the cumulative hazard from a place to the latest start, at the current values, the hazard is raised by
        1 / (1 − exp(−R)). A patient who waits from a to b has weight (1 − exp(−R(b))) / (1 − exp(−R(a))); one who
        starts gets 1 / (1 − exp(−R)) at that time, and keeps it.
        """
        windows, zero, spells = self._windows, self._zero, self._treatment.spells
        of, grid, hazard = spells.patient, self._treatment.grid, self._treatment.hazard
        a = np.maximum(spells.start, windows.due_from[of])
        b = np.minimum(spells.stop, np.minimum(place, windows.due)[of])
        used = b > a
        of, a, b = of[used], a[used], b[used]
        factor = np.exp(self._treatment.score[used])
        due = step_at(grid, hazard, windows.due[of], left=0.0)
        left_a, left_b = ((due - step_at(grid, hazard, at, left=0.0)) * factor for at in (a, b))
        first = spells.start[used] == 0
        left_a = np.where(first & windows.from_zero[of], left_a + zero.hazard[of], left_a)
        starts = b == self._start[of]
        before, after = -np.expm1(-left_a), np.where(starts, 1.0, -np.expm1(-left_b))
        gone = before <= 0
        unmatched = np.zeros(self.n, dtype=bool)
        unmatched[of[gone & (a == windows.due_from[of])]] = True
        with np.errstate(divide="ignore"):
            step = np.log(np.where(gone, 0.0, after)) - np.log(np.where(gone, 1.0, before))
        total = np.bincount(of, step, minlength=self.n)
        # who started at time zero, when that belongs to the last interval
        at_zero = zero.started & windows.from_zero
        if at_zero.any():
            due_all = step_at(grid, hazard, windows.due, left=0.0) * np.exp(zero.score)
            with np.errstate(divide="ignore"):
                total = np.where(at_zero, -np.log(-np.expm1(-(zero.hazard + due_all))), total)
        return total, unmatched

    @cached_property
    def n_unmatched(self) -> int:
        """Patients who had to start when no patient started: they are not represented."""
        if np.isinf(self._windows.due).all():
            return 0
        return int(self._raised(np.full(self.n, np.inf))[1].sum())

    @property
    def _jumps(self) -> np.ndarray:
        grid = self._treatment.grid
        # after the latest start nothing changes, except for patients who may never start
        ends = np.maximum(self._windows.due, self._windows.forbidden)
        return grid[grid <= ends.max()]

    def _for_all(self) -> LeavingHazard | None:
        return self._marginal(self._left) if isinstance(self.strategy, NeverStart) else None

    @property
    def started(self) -> np.ndarray:
        """Whether each patient started the treatment as the strategy says, of shape (n,)."""
        return (np.isfinite(self._start) | self._zero.started) & ~self._left

    @property
    def deviated(self) -> np.ndarray:
        """Whether each patient left the strategy, by starting too early or not in time, of shape (n,)."""
        return self._left.copy()

    @takes_rows(beside="y")
    def _in_order(self, groups: Any) -> Any:
        """Return labels of the patients in the order of ``y``."""
        return groups

    # ---- positivity -----------------------------------------------------------------------------------------------

    def positivity(self, horizons: Any) -> pd.DataFrame:
        """Return diagnostics of positivity: who followed the strategy, and weights, by horizon.

        Parameters
        ----------
        horizons : float or sequence of float
            In the unit of the outcome.

        Returns
        -------
        DataFrame
            One row per horizon: ``horizon, started, deviated`` (patients who had started as the strategy says, or had
            left it, by then), ``known`` (whose state is known), ``lowest`` and ``fifth`` (minimum and 5th percentile of
            1 / weight among these, no more than 1), ``below_005``, ``largest_weight`` (over the mean
            weight) and ``effective_size`` (Σw)²/Σw².
        """
        grid, _ = check_horizons(horizons)
        rows = []
        for tau in map(float, grid):
            started = self.started & (self._zero.started | (self._start < self._clock.after(tau)))
            deviated = self._left & (self.y["time"] <= tau)
            counts = {"horizon": tau, "started": int(started.sum()), "deviated": int(deviated.sum())}
            rows.append({**counts, **self._support(tau)})
        return pd.DataFrame(rows)

    def _summary(self) -> str:
        told = f"{self.n_started} of {self.n} patients started and {self.n_deviated} deviated, {self.n_lost} lost"
        return f"{self.strategy}; {told}"


@ordered_by_ids
@takes_rows()
def under_strategy(
    y: np.ndarray,
    treated_at: Any,
    history: pd.DataFrame,
    strategy: Strategy,
    *,
    ids: Any = None,
    id: str = "patient_id",
    time: str = "time",
    columns: Sequence[str] | None = None,
    censoring: str = "marginal",
    truncate: float | None = None,
    ties: str = "efron",
    collinear: str = "error",
    confidence: float = 0.95,
) -> UnderStrategy:
    """Prepare outcomes under a declared strategy of treatment during follow-up.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right`, competing events included, without delayed entry. Follow-up continues through the
        treatment; what happens after a deviation from the strategy is not used.
    treated_at : array-like of shape (n,)
        When each patient first started the treatment, in the unit of ``y``, 0 for time zero; missing for those who did
        not.
    history : DataFrame
        Predictors of treatment and outcome, as in `without_treatment`. Values measured at the time at which the
        treatment starts are not used for it, except at time zero.
    strategy : NeverStart, StartBy or StartWhen
        The strategy.
    ids : array-like of shape (n,), optional
        Patients in the order of ``y``; by default 0 … n − 1.
    id, time : str
        Columns of ``history``.
    columns : sequence of str, optional
        Covariates of the model of starting; by default all other columns.
    censoring : {"marginal", "history"}, default "marginal"
        Other losses do not depend on anything, or on the same covariates and on whether the treatment has started.
    truncate : float, optional
        Quantile, such as 0.99, to which larger weights are reduced. This lowers the variance at the cost of bias, and
        carries an objection.
    ties : {"efron", "breslow"}, default "efron"
        Ties in the coefficients of the Cox models.
    collinear : {"error", "drop"}, default "error"
        Whether constant and collinear columns are an error or have no effect; weights are the same without them.
    confidence : float, default 0.95
        Level of the intervals in ``table``.

    Returns
    -------
    UnderStrategy
        ``.evaluate(risks, horizon, thresholds)`` judges risks under the strategy, ``.fit(model, X)`` makes them,
        ``.positivity(horizons)`` says how few patients carry the result. `contrast_strategies` compares two of them.

    Raises
    ------
    ArgumentError
        If no patient starts the treatment, none follows the strategy, or an argument is not accepted.
    DataError
        With one frame of all rows of ``history`` that cannot be used.
    EstimationError
        If a column perfectly predicts treatment, or no patient starts in the last interval before the latest start.

    Notes
    -----
    Patients are censored when they leave the strategy: at a start that it does not allow, or at the latest start if
    they have not started. The others are weighted by the ratio of the probabilities of their course of treatment under
    the strategy and in the data. The hazard of starting h(t | x(t)) is that of a Cox model, and the probability of
    starting at time zero that of a logistic model. Where the strategy forbids a start, the factor is 1 / P(not
    started). Before the last interval of a grace period the hazard of starting is as in the data, and the factor 1. In
    the last interval it is h / (1 − exp(−R)), with R the cumulative hazard until the latest start at the current
    values, so that all start in time: if patients start in the last interval at one time only, those who do have the
    factor 1 / P(start). Where d of n patients with equal covariates start at one visit, P(start) is d/n. At one time,
    events come before starts of treatment, and these before measurements and censorings. After the start the factor
    does not change. Assumptions are those of `without_treatment`.

    References
    ----------
    Cain LE, Robins JM, Lanoy E, Logan R, Costagliola D, Hernán MA (2010). When to start treatment? A systematic
    approach to the comparison of dynamic regimes using observational data. International Journal of Biostatistics
    6(2):18. doi:10.2202/1557-4679.1212

    Keogh RH, van Geloven N (2024). Prediction under interventions: evaluation of counterfactual performance using
    longitudinal observational data. Epidemiology 35:329–339. doi:10.1097/EDE.0000000000001713

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.validation import StartBy, under_strategy
    >>> rng = np.random.default_rng(0)
    >>> pain = rng.normal(size=300)
    >>> event, surgery = rng.exponential(12, 300), rng.exponential(20 * np.exp(-0.5 * pain))
    >>> y = Surv.right(np.minimum(event, 12.0), event <= 12)
    >>> history = pd.DataFrame({"patient_id": range(300), "time": 0.0, "pain": pain})
    >>> under_strategy(y, np.where(surgery < 12, surgery, np.nan), history, StartBy(3))
    <UnderStrategy: start by 3; 39 of 300 patients started and 200 deviated, 0 lost>
    """
    check_outcome(y, ("right",), caller="under_strategy")
    if "entry" in (y.dtype.names or ()):
        remedy = (
            "A grace period begins at time zero, and who is untreated at entry was selected by the treatment before. "
            "Start the clock at a landmark: keep those who entered by then and are untreated and at risk, and subtract "
            "it from all times. `without_treatment` fits models with delayed entry."
        )
        raise argument_error("y", "an outcome without delayed entry", "one with `entry`", remedy)
    if isinstance(strategy, StartBy) and strategy.by > y["time"].max():
        last = float(y["time"].max())
        raise argument_error("strategy", f"a start within follow-up, which ends at {last:g}", str(strategy))
    if not isinstance(strategy, NeverStart | StartBy | StartWhen):
        raise argument_error("strategy", "NeverStart(), StartBy(…) or StartWhen(…)", strategy)
    check_choice("censoring", censoring, ("marginal", "history"))
    check_choice("ties", ties, ("efron", "breslow"))
    check_choice("collinear", collinear, ("error", "drop"))
    check_confidence(confidence)
    if truncate is not None:
        truncate = check_number("truncate", truncate, low=0.5, high=1, open_low=True)
    options = {"id": id, "time": time, "columns": columns, "censoring": censoring, "truncate": truncate, "ties": ties}
    options["collinear"] = collinear
    synthetic = bool(getattr(history, "attrs", {}).get("synthetic", False))
    history = read_frame(history, "history")
    end, code = y["time"].astype(float), y["event"].astype(int)
    start, zero = _first_starts(treated_at, end, code)
    patients = patients_of(ids, end.size)
    row, at = rows_of(history, patients, id, time)
    first = first_true(strategy, history, row, at, end.size)
    clock, due = _clock_of(end, start, deadlines_of(strategy, first))
    windows = windows_of(strategy, clock, first)
    treated = np.isfinite(start)
    later = treated & ~zero
    ended = np.where(code > 0, EVENT, CENSORED)
    place = np.where(later, clock.place(np.where(later, start, end), np.array(TREATED)), np.inf)
    early = (later & (place <= windows.forbidden)) | (zero & windows.at_zero)
    late = ~zero & (place > windows.due) & (clock.place(end, ended) > windows.due)
    left = early | late
    until = np.where(early, start, np.where(late, due, end))
    event = np.where(left, 0, code)

    def courses(to: np.ndarray, what: np.ndarray) -> Spells:
        return spells_of(history, patients, id, time, columns, clock, to, what)

    untreated = courses(np.where(treated, start, end), np.where(treated, TREATED, ended))
    baseline = _at_zero_rows(untreated)
    spells = _without(untreated, zero)
    treatment = leaving_hazard(spells, later, ties=ties, what="starting treatment", collinear=collinear)
    what = np.where(early, TREATED, np.where(late, CENSORED, ended))
    followed = _without(courses(until, what), until == 0)
    lost = (what == CENSORED) & ~late & (until < until.max())  # where follow-up ends for all, no patient is lost
    if censoring == "history":
        followed = _split_at_start(followed, np.where(left, np.inf, place), zero & ~left)
    else:
        followed = replace(followed, X=followed.X[[]])
    loss = leaving_hazard(followed, lost, ties=ties, what="being lost", collinear=collinear)
    censored = y.copy()  # with the labels of its patients
    censored["time"], censored["event"] = until, event
    found = UnderStrategy(
        y=censored,
        table=_table(treatment, confidence),
        strategy=strategy,
        n=int(end.size),
        n_started=int((treated & ~left).sum()),
        n_deviated=int(left.sum()),
        n_lost=int(lost.sum()),
        _clock=clock,
        _treatment=treatment,
        _loss=loss,
        _windows=windows,
        _start=place,
        _zero=_at_zero(zero, baseline, treatment, collinear),
        _left=left,
        _lost=lost,
        _ends=last_places(followed, end.size),
        _asked=_Asked.of(y, treated_at, history, row, strategy, **options),
        _truncate=truncate,
        row_labels=None if ids is None else pd.Index(patients),
        synthetic=synthetic,
    )
    _refuse_unfollowed(found)
    # patients in a last interval that ends after all follow-up
    unseen = np.isfinite(due) & (due > end.max()) & (windows.due_from < clock.place(until, what))
    return replace(found, objections=tuple(_objections(found, spells.X.columns, int(unseen.sum()))))


def _first_starts(treated_at: Any, end: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return when patients started within follow-up (infinite: they did not), and who did at time zero."""
    start = np.asarray(treated_at, dtype=float)
    if start.shape != end.shape:
        raise argument_error("treated_at", f"of length {end.size}, one time per row of `y`", f"shape {start.shape}")
    start = np.where(np.isnan(start), np.inf, start)
    if (start < 0).any():
        raise argument_error(
            "treated_at",
            "times from time zero on",
            f"{int((start < 0).sum())} before it",
            "Leave patients who were treated before time zero out of the cohort.",
        )
    start = np.where((start < end) | ((start == end) & (code == 0)), start, np.inf)
    if np.isinf(start).all():
        raise argument_error(
            "treated_at",
            "times of which some lie within follow-up",
            "none before the end of a patient's follow-up",
            "Where no patient is treated, no weight can represent a strategy that treats.",
        )
    return start, start == 0


def _clock_of(end: np.ndarray, start: np.ndarray, due: np.ndarray) -> tuple[Clock, np.ndarray]:
    """Return a clock of ends, starts and latest starts, and the latest starts freed from rounding."""
    times = np.concatenate([end, start[np.isfinite(start)]])
    due = Clock.of(times).near(due)
    return Clock.of(np.concatenate([times, due[due <= end.max()]])), due


def _without(spells: Spells, gone: np.ndarray) -> Spells:
    """Return the spells of the other patients."""
    if not gone.any():
        return spells
    kept = ~gone[spells.patient]
    X = spells.X[kept].reset_index(drop=True)
    return Spells(spells.patient[kept], spells.start[kept], spells.stop[kept], spells.last[kept], X)


def _split_at_start(spells: Spells, start: np.ndarray, zero: np.ndarray) -> Spells:
    """Cut spells where the treatment starts, and add a column that says whether it has; none if that is constant."""
    own = start[spells.patient]
    cut = (spells.start < own) & (own < spells.stop)
    old = np.repeat(np.arange(own.size), 1 + cut)
    second = np.append(False, old[1:] == old[:-1])
    first = np.append(second[1:], False)
    begin = np.where(second, own[old], spells.start[old])
    stop = np.where(first, own[old], spells.stop[old])
    started = (begin >= own[old]) | zero[spells.patient][old]
    X = spells.X.iloc[old].reset_index(drop=True)
    if started.any() and not started.all():
        X = X.assign(**{"treatment started": started.astype(float)})
    return Spells(spells.patient[old], begin, stop, spells.last[old] & ~first, X)


def _at_zero(zero: np.ndarray, baseline: pd.DataFrame, treatment: LeavingHazard, collinear: str) -> _AtZero:
    """Fit the probability of starting at time zero."""
    n = zero.size
    hazard, score = np.zeros(n), np.zeros(n)
    if treatment.model is not None:
        centre = treatment.model.linear_predictor(treatment.spells.X).mean()
        score = treatment.model.linear_predictor(baseline) - centre
    if zero.all():
        hazard = np.full(n, np.inf)
    elif zero.any():
        try:
            model = LogisticRisk(collinear=collinear).fit(baseline, Status.at(1.0, zero.astype(int)))
        except EstimationError as error:
            raise EstimationError(
                f"The logistic model of starting treatment at time zero has no maximum ({error}). Leave out a column "
                "that separates these patients exactly: no weight can represent patients without a counterpart."
            ) from error
        hazard = -np.log1p(-model.predict_risk(baseline, [1.0])[:, 0])
    return _AtZero(zero, hazard, score, baseline)


def _at_zero_rows(spells: Spells) -> pd.DataFrame:
    """Return the covariates of all patients at time zero."""
    first = np.flatnonzero(spells.start == 0)
    return spells.X.iloc[first[np.argsort(spells.patient[first], kind="stable")]].reset_index(drop=True)


def _table(treatment: LeavingHazard, confidence: float) -> pd.DataFrame:
    if treatment.model is not None:
        return treatment.model.to_frame(confidence)
    columns = ["term", "coef", "hr", "se", "low", "high", "p", "confidence"]
    return pd.DataFrame({name: np.array([], dtype=object if name == "term" else float) for name in columns})


def _refuse_unfollowed(found: UnderStrategy) -> None:
    """Refuse a strategy that no patient follows to its latest start."""
    strategy = found.strategy
    if isinstance(strategy, StartWhen) and np.isinf(found._windows.due).all():
        raise argument_error("strategy", "a condition that some patients meet", str(strategy))
    if found._left.all():
        raise argument_error("strategy", "one that some patients follow", f"{strategy}, which none followed")
    due = np.isfinite(found._windows.due) & (found._windows.due <= found._clock.after(found._clock.times[-1]))
    if due.any() and found.n_started == 0:
        raise argument_error(
            "strategy", "one that some patients follow", f"{strategy}, as no patient started treatment"
        )
    if isinstance(strategy, StartBy) and found.n_unmatched:
        raise EstimationError(
            f"No patient started treatment in the last interval of “{strategy}”, in which {found.n_unmatched} patients "
            "have to: no weight can represent them. Lengthen the last interval, or the grace period."
        )


def _objections(found: UnderStrategy, columns: pd.Index, unseen: int) -> list[Objection]:
    said = [objection("treatment-unmeasured", columns=", ".join(map(str, columns)) or "nothing")]
    if unseen:
        said.append(objection("treatment-deadline-unseen", n=unseen, end=float(found._clock.times[-1])))
    if found.n_unmatched:
        said.append(objection("treatment-unmatched", n=found.n_unmatched))
    if found._truncate is not None:
        said.append(objection("treatment-weights-truncated", quantile=found._truncate))
    return said
