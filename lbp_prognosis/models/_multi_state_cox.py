"""``MultiStateCox``: a hazard for each transition, and in which state a patient will be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    OutcomeError,
    argument_error,
    check_choice,
    check_number,
    check_times,
    describe,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import discrete_baseline, occupancy_path, reset_path, row_products, sum_of_patients
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._clock_reset import common_step, most_steps, time_in_state
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._named_states import place_of_state, start_in
from lbp_prognosis.survival import MultiState, Surv, Weights, cause_names, check_weights

__all__ = ["MultiStateCox"]


class MultiStateCox(RiskEstimator):
    """Cox models of the transitions between states, e.g. pain, recovery, relapse and surgery.

    A Cox model for the hazard of each transition, each with a baseline of its own, joined by the product integral.

    Parameters
    ----------
    transitions : list of (str, str), optional
        Transitions from one state to another that have a hazard; by default all that were seen. A transition that was
        seen and is not among them is an error.
    shared : list of str, optional
        Predictors with one coefficient for all transitions; the others have one for each.
    incidence : {"product_limit", "exponential"}, default "product_limit"
        Transformation of hazards to probabilities: increments of Kalbfleisch and Prentice in a product limit
        (Aalen–Johansen if no predictor has an effect), or matrix exponentials of Efron's increments, as ``survfit`` of
        a ``coxph`` with several states does in R.
    clock : {"forward", "reset"}, default "forward"
        Time on which the hazards depend: that since the origin (Markov), or that since the entry into the present state
        (semi-Markov).
    step : float, optional
        With ``clock="reset"``, step of the grid on which durations of stays are added: each is rounded to a multiple,
        at least one. By default the largest step that all of them are multiples of, so that nothing is rounded.
    ties : {"efron", "breslow"}, default "efron"
        As in `CoxPH`.
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust for courses, and as in `CoxPH` for `Surv.right`. Robust is by patient (or cluster).
    collinear : {"error", "drop"}, default "error"
        As in `CoxPH`.

    Attributes
    ----------
    states_ : tuple of str
        Names.
    transitions_ : list of (int, int)
        Positions of the states of each transition.
    coef_ : ndarray of shape (q, p)
        Log hazard ratios, one row per transition.
    centre_ : ndarray of shape (p,)
        Means to which the stored increments refer.
    terms_ : list of str
        Coefficients that were estimated: ``"age: pain → recovered"``, or ``"age"`` where shared.
    estimates_ : ndarray of shape (k,)
        Their values.
    covariance_, covariance_model_ : ndarray of shape (k, k)
        Covariance of ``estimates_``, of the kind in ``variance_``, and from the information.
    initial_ : ndarray of shape (s,)
        Shares of the states in which the patients started.
    log_likelihood_, log_likelihood_null_ : float
        Sums over transitions.
    n_, n_transitions_ : int
        Patients and observed transitions (sums of frequency weights).
    panel_ : bool
        Whether the states were seen at visits only: the hazards are then those of being found, see `PanelMarkov`.
    step_ : float or None
        With ``clock="reset"``, the step; None where durations have no common one (predictions then ask for ``step``).
    longest_stay_ : ndarray of shape (s,) or None
        With ``clock="reset"``, the longest time for which a patient was seen in each state since entering it; infinite
        for a state without transitions, and for one that all who were there so long left then.

    Notes
    -----
    Clock forward: hazards are functions of the time since the origin, whatever the way into a state (Markov). A patient
    who is seen later starts from the state and time then: ``predict_occupancy(X, times, from_state=…, start=…)``.

    Clock reset: each row is at risk from and to times since the entry into its state; the first state of a course was
    entered at 0. With ``F_jk(u)`` the probability of a move from j to k by u since the entry and
    ``S_j = 1 − Σ_k F_jk``, the entries into a state solve ``dE_k(t) = Σ_j ∫ dE_j(t − u) dF_jk(u)`` and the occupancy is
    ``∫ dE_j(s) S_j(t − s)``, both summed exactly on the grid, where ``mstate::mssample`` in R simulates. Durations that
    differ by less than 1e-9 of the longest follow-up are equal. No transition is predicted after the last stay that was
    seen in a state, as in a product limit after the last patient at risk; of ``from_state`` itself nothing is predicted
    beyond it. Times of a prediction count from the entry into ``from_state``, and ``start`` is the time already spent
    there.

    References
    ----------
    Andersen PK, Keiding N (2002). Stat Methods Med Res 11:91–115. doi:10.1191/0962280202SM276ra
    Putter H, Fiocco M, Geskus RB (2007). Stat Med 26:2389–2430. doi:10.1002/sim.2712
    de Wreede LC, Fiocco M, Putter H (2010). Comput Methods Programs Biomed 99:261–274. doi:10.1016/j.cmpb.2010.01.001

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.models import MultiStateCox
    >>> from lbp_prognosis.survival import MultiState
    >>> courses = MultiState.from_long(
    ...     [1, 1, 2, 3, 4, 4], [0, 2, 0, 0, 0, 3], [2, 6, 4, 5, 3, 7], ["well", "ill", "well", None, "well", None],
    ...     initial="ill",
    ... )
    >>> X = pd.DataFrame({"x": [0.1, 0.1, 0.5, 0.2, 0.4, 0.4]})
    >>> model = MultiStateCox(shared=["x"]).fit(X, courses)
    >>> model.predict_occupancy(X.head(1), [2, 5]).shape
    (1, 2, 2)
    """

    _instead = "For states seen at visits build courses by MultiState.from_visits."
    _linear_predictor_scale = None
    weights_equal_copies = True

    def __init__(
        self,
        *,
        transitions: Sequence[tuple[str, str]] | None = None,
        shared: Sequence[str] | None = None,
        incidence: str = "product_limit",
        clock: str = "forward",
        step: float | None = None,
        ties: str = "efron",
        variance: str = "auto",
        collinear: str = "error",
    ) -> None:
        self.transitions = transitions
        self.shared = shared
        self.incidence = incidence
        self.clock = clock
        self.step = step
        self.ties = ties
        self.variance = variance
        self.collinear = collinear

    @takes_rows()
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        clusters: Any = None,
    ) -> MultiStateCox:
        """Fit the hazards of all transitions.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors of each row of ``y`` (they may change from row to row).
        y : MultiState or ndarray of shape (n,)
            Courses, or `Surv.right` with competing events: one transition a cause.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata, offset : None
            Not taken.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit; patients of courses by default.

        Raises
        ------
        EstimationError
            If no patient changes state, or the likelihood has no finite maximum.
        """
        check_choice("incidence", self.incidence, ("product_limit", "exponential"))
        check_choice("ties", self.ties, ("efron", "breslow"))
        check_choice("clock", self.clock, ("forward", "reset"))
        self._refuse(strata=strata, offset=offset)
        courses = y if isinstance(y, MultiState) else _ends(y)
        self._clusters_are_patients = isinstance(y, MultiState) and clusters is None
        if self._clusters_are_patients:
            clusters = courses.patient
        weighted = check_weights(sample_weight, len(courses))
        used = np.ones(len(courses), dtype=bool) if weighted is None else weighted.values > 0
        moves = (courses.target >= 0) & (courses.target != courses.origin) & used  # a row of weight 0 takes no part
        self.states_ = courses.states
        self.transitions_ = self._chosen(courses, moves)
        if not self.transitions_:
            raise EstimationError(f"No patient changes state in {len(courses)} rows: no hazard can be estimated.")
        code = np.zeros(len(courses), dtype=np.int64)
        for t, (j, k) in enumerate(self.transitions_, start=1):
            code[moves & (courses.origin == j) & (courses.target == k)] = t
        entry = None if not isinstance(y, MultiState) and courses.start.max() == 0 else courses.start
        design = self._start_fit(X, Surv.right(courses.stop, code, entry=entry), sample_weight, None, None, clusters)
        self.causes_ = np.unique([k for _, k in self.transitions_])
        first = np.full(courses.n_patients, np.inf)
        np.minimum.at(first, courses.patient[used], courses.start[used])
        starts = courses.start == first[courses.patient]
        weights = np.ones(len(courses)) if design.weights is None else design.weights
        self.initial_ = np.bincount(courses.origin[starts], weights=weights[starts], minlength=len(self.states_))
        self.initial_ = self.initial_ / self.initial_.sum()
        self.n_ = sum_of_patients(design.counts, courses.patient)
        self.n_transitions_ = int(design.counts[moves].sum())
        self.panel_ = courses.panel
        since, until = entry, courses.stop
        if self.clock == "reset" and isinstance(y, MultiState):
            since, until = time_in_state(courses)
        self.step_ = self._chosen_step(until[moves], float(courses.stop[used].max()))
        self.longest_stay_ = (
            self._longest_stays(courses.origin[used], until[used], moves[used]) if self.clock == "reset" else None
        )
        self._fit_stacked(design, courses.origin, code, since, until)
        return self

    def _longest_stays(self, origin: np.ndarray, until: np.ndarray, moves: np.ndarray) -> np.ndarray:
        """Return the longest stay seen in each state (s,), infinite where all still there leave at its end."""
        out = np.full(len(self.states_), np.inf)
        for state in {j for j, _ in self.transitions_}:
            stays, ended = until[origin == state], moves[origin == state]
            if stays.size and not (self.incidence == "product_limit" and ended[stays == stays.max()].all()):
                out[state] = stays.max()
        return out

    def _chosen_step(self, durations: np.ndarray, longest: float) -> float | None:
        if self.step is not None:
            if self.clock != "reset":
                raise argument_error("step", 'None with clock="forward", which adds no stays', self.step)
            return check_number("step", self.step, low=longest / most_steps * (1 - 1e-6), high=longest)
        return common_step(durations, longest) if self.clock == "reset" else None

    def _chosen(self, courses: MultiState, moves: np.ndarray) -> list[tuple[int, int]]:
        pairs = np.unique(np.column_stack([courses.origin[moves], courses.target[moves]]), axis=0)
        seen = [(int(j), int(k)) for j, k in pairs]
        if self.transitions is None:
            return seen
        wanted = []
        for pair in self.transitions:
            if isinstance(pair, str) or len(pair) != 2:
                raise argument_error("transitions", 'pairs of states, [("pain", "recovered")]', describe(pair))
            wanted.append((courses.code(pair[0]), courses.code(pair[1])))
        absent = [pair for pair in wanted if pair not in seen]
        beyond = [pair for pair in seen if pair not in wanted]
        for said, found in (("seen in the courses", absent), ("that name all transitions seen", beyond)):
            if found:
                names = [f"{courses.states[j]} → {courses.states[k]}" for j, k in found]
                raise argument_error(
                    "transitions",
                    said,
                    f"{names[:5]}, {'never seen' if found is absent else 'seen and not named'}",
                    "Drop it: it has no hazard."
                    if found is absent
                    else "Name it, or make its states one before the fit.",
                )
        return wanted

    def _fit_stacked(
        self, design: Design, origin: np.ndarray, code: np.ndarray, entry: np.ndarray | None, stop: np.ndarray
    ) -> None:
        """Stratified fit to the rows at risk for each transition, with separate columns per transition."""
        names, p, q = self._names(), self.n_features_in_, len(self.transitions_)
        lost = [name for name in self.shared or () if name not in names]
        if lost:
            raise argument_error("shared", f"names of predictors, {names[:8]}", f"{lost[:5]}")
        one = np.array([name in set(self.shared or ()) for name in names], dtype=bool)
        rows = [np.flatnonzero(origin == j) for j, _ in self.transitions_]
        self.terms_, place = [], np.zeros((q, p), dtype=np.int64)
        for c, name in enumerate(names):
            for t, (j, k) in enumerate(self.transitions_):
                if t == 0 or not one[c]:
                    arrow = f"{self.states_[j]} → {self.states_[k]}"
                    self.terms_.append(name if one[c] else f"{name}: {arrow}")
                place[t, c] = len(self.terms_) - 1
        self.centre_ = design.X.mean(axis=0)
        centred = design.X - self.centre_
        stacked = np.zeros((sum(map(len, rows)), len(self.terms_)))
        start = 0
        for t, chosen in enumerate(rows):
            stacked[start : start + chosen.size, place[t]] = centred[chosen]
            start += chosen.size
        every = np.concatenate(rows)
        layer = np.repeat(np.arange(q), [len(chosen) for chosen in rows])
        y = Surv.right(stop[every], code[every] == layer + 1, entry=None if entry is None else entry[every])
        weights = None if design.weights is None else Weights(design.weights[every], design.weight_kind or "sampling")
        frame = pd.DataFrame(stacked, columns=self.terms_)
        model = CoxPH(ties=self.ties, variance=self.variance, collinear=self.collinear)
        units = design.clusters[every] if design.clusters is not None else None
        if units is None and design.robust(self.variance):  # a patient is at risk of several transitions at once
            units = every
        model._clusters_are_patients = design.clusters is None or self._clusters_are_patients
        model.fit(frame, y, sample_weight=weights, strata=layer, clusters=units)
        self.estimates_, self.variance_ = model.coef_, model.variance_
        self.covariance_, self.covariance_model_ = model.covariance_, model.covariance_model_
        self.log_likelihood_, self.log_likelihood_null_ = model.log_likelihood_, model.log_likelihood_null_
        self.coef_ = model.coef_[place]
        self.shift_ = float(model.centre_ @ model.coef_)
        eta = row_products(stacked, model.coef_) - self.shift_
        self.increments_ = self._steps(model, y, eta, layer, None if weights is None else weights.values)
        self.baseline_times_ = list(model.baseline_times_)
        self.baseline_events_ = list(model.baseline_events_)

    def _steps(
        self, model: CoxPH, y: np.ndarray, eta: np.ndarray, layer: np.ndarray, weights: np.ndarray | None
    ) -> list[np.ndarray]:
        if self.incidence == "exponential":
            return [np.diff(hazard, prepend=0.0) for hazard in model.baseline_hazard_]
        entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
        found = discrete_baseline(y["time"], y["event"] == 1, eta, entry=entry, strata=layer, weights=weights)
        return [values for _, values in found]

    @property
    def objections_(self) -> tuple[Objection, ...]:
        """Objections to the fit: moves dated at the visits that found them."""
        return (objection("panel-observed"),) if self.panel_ else ()

    # ---- predictions -------------------------------------------------------------------------------------------

    def _origins(self, state: Any, n: int) -> np.ndarray:
        """State probabilities (n, s) at the start of the prediction."""
        if state is None:
            place = np.flatnonzero(self.initial_ > 0)
            if place.size != 1:
                raise argument_error(
                    "from_state",
                    "given: the patients of the fit started in several states",
                    "None",
                    f"The states are {list(self.states_)}.",
                )
            state = self.states_[int(place[0])]
        return start_in(state, self.states_, n)

    @takes_rows()
    def predict_occupancy(self, X: Any, times: Any, *, from_state: Any = None, start: float = 0.0) -> np.ndarray:
        """Return the probability of each state at each time.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        times : float or sequence of float
            Times since the origin, increasing; with ``clock="reset"`` since the entry into ``from_state``.
        from_state : str or array-like of shape (n,), optional
            State in which the patients are at ``start``; by default the one in which all patients of the fit started.
        start : float, default 0.0
            Time from which the prediction runs: the probabilities are those of a patient who is in ``from_state`` then
            (with ``clock="reset"``: still, without a break).

        Returns
        -------
        ndarray of shape (n, n_times, n_states)
            Rows sum to 1; NaN beyond the longest follow-up of the fit and before ``start``, and with ``clock="reset"``
            beyond the longest stay seen in ``from_state``. States are those of ``states_``.
        """
        matrix, _, _ = self._start_predict(X, None, None)
        at = check_times(times)
        check_number("start", start, low=0)
        first = self._origins(from_state, matrix.shape[0])
        out = np.full((matrix.shape[0], at.size, len(self.states_)), np.nan)
        inside = (at <= self.max_time_) & (at >= start)
        if inside.any():
            with np.errstate(over="ignore"):
                relative = np.exp((matrix - self.centre_) @ self.coef_.T - self.shift_)
            path = self._reset_path if self.clock == "reset" else self._forward_path
            out[:, inside] = path(np.ascontiguousarray(relative), at[inside], first, float(start))
        longest = getattr(self, "longest_stay_", None)  # models of files made before have none
        if longest is not None:
            out[at > longest[first.argmax(axis=1)][:, None] * (1 + 1e-9)] = np.nan
        return out

    def _ends_of_transitions(self) -> tuple[np.ndarray, np.ndarray]:
        pairs = np.array(self.transitions_, dtype=np.int64)
        return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])

    def _forward_path(self, relative: np.ndarray, at: np.ndarray, first: np.ndarray, start: float) -> np.ndarray:
        grid = np.unique(np.concatenate(self.baseline_times_))
        grid = grid[(grid > start) & (grid <= at.max())]
        increments = np.zeros((grid.size, len(self.transitions_)))
        for t, (when, step) in enumerate(zip(self.baseline_times_, self.increments_)):
            own = (when > start) & (when <= at.max())
            increments[np.searchsorted(grid, when[own]), t] = step[own]
        origin, target = self._ends_of_transitions()
        places = np.searchsorted(grid, at, side="right")
        return occupancy_path(increments, origin, target, relative, places, first, self.incidence == "exponential")

    def _reset_path(self, relative: np.ndarray, at: np.ndarray, first: np.ndarray, start: float) -> np.ndarray:
        """Convolution of stays, on the grid of ``step_``."""
        if self.step_ is None:
            raise argument_error(
                "step",
                f"a step of time, where durations are no multiples of a step with at most {most_steps} to the end of "
                'follow-up (clock="reset")',
                "None",
                f"step={self.max_time_ / 2000:.1g} rounds durations of stays to its multiples; fit again.",
            )
        origin, target = self._ends_of_transitions()
        grids = [
            np.unique(
                np.concatenate([np.empty(0), *(self.baseline_times_[t] for t in np.flatnonzero(origin == state))])
            )
            for state in range(len(self.states_))
        ]
        ends = np.cumsum([grid.size for grid in grids])
        durations = np.concatenate(grids)
        increments = np.zeros((durations.size, len(self.transitions_)))
        for t, (when, step) in enumerate(zip(self.baseline_times_, self.increments_)):
            state = int(origin[t])
            increments[ends[state] - grids[state].size + np.searchsorted(grids[state], when), t] = step
        cells = np.maximum(np.round(durations / self.step_), 1).astype(np.int64)
        places = np.floor(at / self.step_ + 1e-4).astype(np.int64)
        spent = start + 1e-4 * self.step_ if start > 0 else 0.0
        return reset_path(
            increments,
            durations,
            cells,
            ends,
            origin,
            target,
            relative,
            places,
            first,
            spent,
            self.incidence == "exponential",
        )

    @takes_rows()
    def predict_risk(
        self,
        X: Any,
        horizons: Any,
        cause: int = 1,
        *,
        strata: Any = None,
        offset: Any = None,
        state: Any = None,
        from_state: Any = None,
    ) -> np.ndarray:
        """Return the probability of being in one state at each horizon.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        horizons : float or sequence of float
            Times since the origin, increasing.
        cause : int, default 1
            Position of the state in ``states_``; for a fit to `Surv.right` the code of the event.
        strata, offset : None
            Not taken.
        state : str, optional
            Name of the state, instead of its position.
        from_state : str or array-like of shape (n,), optional
            As in `predict_occupancy`.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Probabilities: "in pain at twelve months", which is not "never recovered by twelve months".
        """
        self._refuse(strata=strata, offset=offset)
        self._check_fitted()
        place = place_of_state(state, cause, self.states_)
        return self.predict_occupancy(X, horizons, from_state=from_state)[:, :, place]

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per coefficient, with the columns of `CoxPH.to_frame`.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        return coefficient_table(
            list(self.terms_),
            self.estimates_,
            self.covariance_,
            ratio="hr",
            confidence=confidence,
            variance=self.variance_,
        )


def _ends(y: Any) -> MultiState:
    """Competing events as courses of one row each: code k ends in the state at position k."""
    names = getattr(getattr(y, "dtype", None), "names", None) or ()
    if not {"time", "event"} <= set(names):
        raise argument_error(
            "y",
            "made by MultiState.from_long, MultiState.from_visits or Surv.right(time, event)",
            describe(y),
            kind=OutcomeError,
        )
    n = y.shape[0]
    if n == 0:
        raise argument_error("y", "an outcome of at least one row", "an empty array", kind=OutcomeError)
    start = y["entry"].astype(float) if "entry" in names else np.zeros(n)
    event = y["event"].astype(np.int64)
    said = cause_names(y)
    states = ("start", *(said.get(code, f"event {code}") for code in range(1, int(event.max(initial=1)) + 1)))
    return MultiState(
        np.arange(n),
        tuple(range(n)),
        start,
        y["time"].astype(float),
        np.zeros(n, dtype=np.int64),
        np.where(event > 0, event, -1),
        states,
    )
