"""``PanelMarkov``: hazards between states observed only at visits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import optimize

from lbp_prognosis._base import (
    EstimationError,
    OutcomeError,
    argument_error,
    check_choice,
    check_number,
    check_times,
    check_vector,
    describe,
    takes_rows,
)
from lbp_prognosis._kernels import interval_states, sum_of_patients
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._coefficient_table import coefficient_table
from lbp_prognosis.models._collinear import kept_columns
from lbp_prognosis.models._cox_checks import column_sd
from lbp_prognosis.models._named_states import place_of_state, start_in
from lbp_prognosis.models._panel_visits import PanelSpells, PanelVisits, spells_of_courses, spells_of_intervals
from lbp_prognosis.survival import MultiState, OutcomeKind, Surv

__all__ = ["PanelMarkov"]

_NEWTON = 25


class PanelMarkov(RiskEstimator):
    """Markov model of states observed at visits, with piecewise constant intensities (panel data).

    Between two visits a patient may have moved more than once, and the time of a move is not known: the likelihood is
    that of the state at each visit given the state at the one before, P(t₁, t₂) = exp(Q (t₂ − t₁)), with
    q_jk(t | x) = exp(α_jk,piece + x β_jk). States never left (an operation) are dated exactly.

    Parameters
    ----------
    transitions : sequence of (str, str), optional
        Moves that are possible at one time, e.g. ``[("pain", "recovered"), ("recovered", "pain")]``. Others may be seen
        from visit to visit: they are chains of these. Needed for courses; for `Surv.interval` they lead from the start
        to each event.
    breakpoints : sequence of float, optional
        Times at which the intensities change; by default they are constant.
    shared : sequence of str, optional
        Predictors with one coefficient for all transitions; the others have one for each.
    variance : {"model", "robust"}, default "model"
        The inverse observed information, or its sandwich with scores summed within patients.

    Attributes
    ----------
    states_ : tuple of str
        Names.
    transitions_ : list of (int, int)
        Positions of the states of each transition.
    breakpoints_ : ndarray of shape (m,)
        Times at which intensities change.
    intensity_ : ndarray of shape (q, m + 1)
        Intensity of each transition in each piece, per unit of time, at predictors of 0.
    coef_ : ndarray of shape (q, p)
        Log ratios of intensities, one row per transition.
    terms_ : list of str
        Names of the parameters: log intensities, then log ratios.
    estimates_ : ndarray of shape (k,)
        Their values.
    covariance_ : ndarray of shape (k, k)
        Covariance of ``estimates_``, of the kind in ``variance``.
    initial_ : ndarray of shape (s,)
        Shares of the states in which the patients were first observed.
    log_likelihood_ : float
        Log likelihood of the states at visits, given the first state.
    n_, n_intervals_ : int
        Patients, and pairs of visits (sums of frequency weights).

    Notes
    -----
    Visits are taken to be made at times that tell nothing of the state (Kalbfleisch and Lawless). A patient who comes
    because the pain is back breaks this. The same model is R's ``msm``.

    References
    ----------
    Kalbfleisch JD, Lawless JF (1985). J Am Stat Assoc 80, 863–871. doi:10.1080/01621459.1985.10478195.
    Jackson CH (2011). J Stat Softw 38(8). doi:10.18637/jss.v038.i08

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis.models import PanelMarkov
    >>> from lbp_prognosis.survival import MultiState
    >>> seen = ["pain", "pain", "pain", "well"] * 2 + ["well", "well", "well", "pain"] * 2
    >>> courses = MultiState.from_visits(np.repeat([1, 2, 3, 4], 4), [0, 1, 2, 3] * 4, seen, states=["pain", "well"])
    >>> model = PanelMarkov([("pain", "well"), ("well", "pain")]).fit(np.empty((12, 0)), courses)
    >>> model.predict_occupancy(np.empty((1, 0)), [1, 2], from_state="pain").shape
    (1, 2, 2)
    """

    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right", "interval")
    _instead: ClassVar[str] = "For moves that are dated exactly use MultiStateCox."
    _allow_no_column: ClassVar[bool] = True
    _linear_predictor_scale: ClassVar[str | None] = None

    def __init__(
        self,
        transitions: Sequence[tuple[str, str]] | None = None,
        *,
        breakpoints: Sequence[float] | None = None,
        shared: Sequence[str] | None = None,
        variance: str = "model",
    ) -> None:
        self.transitions = transitions
        self.breakpoints = breakpoints
        self.shared = shared
        self.variance = variance

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
    ) -> PanelMarkov:
        """Fit the intensities by maximum likelihood.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors of each row of ``y``: they hold from one visit to the next.
        y : MultiState or ndarray of shape (n,)
            Made by `MultiState.from_visits`, or `Surv.interval` with an event (of any cause) found at a visit.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata, offset : None
            Not taken.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit of ``variance="robust"``; patients by default.

        Raises
        ------
        EstimationError
            If a pair of states was seen that the transitions cannot lead to, or the likelihood has no finite maximum.
        OutcomeError
            If ``y`` contains no courses seen at visits.
        """
        check_choice("variance", self.variance, ("model", "robust"))
        self._refuse(strata=strata, offset=offset)
        self._clusters_are_patients = isinstance(y, MultiState) and clusters is None
        if isinstance(y, MultiState) and y.panel:
            units = y.patient if clusters is None else clusters
            outcome = Surv.right(y.stop, y.target >= 0)
        elif "upper" in (getattr(getattr(y, "dtype", None), "names", None) or ()):
            units, outcome = clusters, y
        else:
            raise argument_error(
                "y",
                "courses seen at visits, made by MultiState.from_visits, or Surv.interval",
                "courses with dated moves" if isinstance(y, MultiState) else describe(y),
                self._instead,
                kind=OutcomeError,
            )
        design = self._start_fit(X, outcome, sample_weight, None, None, units)
        kept_columns(design.X, design.weights, self._names(), "error", may_drop=False)
        weights = np.ones(design.X.shape[0]) if design.weights is None else design.weights
        spells = spells_of_courses(y, weights) if isinstance(y, MultiState) else spells_of_intervals(y, weights)
        self.states_, self.initial_ = spells.states, spells.initial
        self.transitions_ = self._chosen(spells)
        self.causes_ = np.unique([k for _, k in self.transitions_])
        self.breakpoints_ = self._pieces(float(spells.stop.max()))
        centre = design.X.mean(axis=0)
        scale = column_sd(design.X, None, "n")
        rows = PanelVisits.of(
            spells,
            ((design.X - centre) / scale)[spells.row],
            weights[spells.row],
            self.transitions_,
            self.breakpoints_,
            self._places(),
        )
        patient = y.patient if isinstance(y, MultiState) else np.arange(weights.size)
        self.n_ = sum_of_patients(design.counts, patient)
        self.n_intervals_ = int(design.counts[spells.row].sum())
        theta = self._maximise(rows)
        groups = np.arange(weights.size) if design.clusters is None else design.clusters
        share = np.sqrt(rows.weights) if design.copies_apart else rows.weights
        self._keep(rows, theta, centre, scale, groups[spells.row], share)
        return self

    def _chosen(self, spells: PanelSpells) -> list[tuple[int, int]]:
        given = self.transitions
        if given is None:
            if not spells.one_move:
                raise argument_error(
                    "transitions", 'given for courses, [("pain", "recovered"), ("recovered", "pain")]', "None"
                )
            given = [(spells.states[0], spells.states[k]) for k in np.unique(spells.last[spells.last > 0])]
            if not given:
                raise EstimationError("PanelMarkov needs events to fit; there is none.")
        found = []
        for pair in given if isinstance(given, Iterable) else [given]:
            two = isinstance(pair, tuple | list | np.ndarray) and len(pair) == 2
            if not two or pair[0] == pair[1] or not all(name in spells.states for name in pair):
                raise argument_error("transitions", f"pairs of the states {list(spells.states)}", describe(pair))
            found.append((spells.states.index(pair[0]), spells.states.index(pair[1])))
        if not found or len(set(found)) < len(found):
            raise argument_error("transitions", "one or more different pairs of states", describe(given))
        reach = np.eye(len(spells.states), dtype=bool)
        for _ in spells.states:
            for j, k in found:
                reach[:, k] |= reach[:, j]
        lost = ~reach[spells.origin, spells.last]
        if lost.any():
            ends = zip(spells.origin[lost], spells.last[lost])
            pairs = sorted({(spells.states[a], spells.states[b]) for a, b in ends})
            raise EstimationError(
                f"{int(lost.sum())} pairs of visits cannot come about by `transitions`: "
                f"{', '.join(f'{a} → {b}' for a, b in pairs[:4])}. Name the moves that lead there."
            )
        return found

    def _pieces(self, end: float) -> np.ndarray:
        if self.breakpoints is None:
            return np.empty(0)
        found = check_vector("breakpoints", self.breakpoints, low=0)
        if (np.diff(found) <= 0).any() or (found <= 0).any() or (found >= end).any():
            raise argument_error(
                "breakpoints", f"increasing times between 0 and the last visit, {end:g}", describe(self.breakpoints)
            )
        return found

    def _places(self) -> np.ndarray:
        """Position of each coefficient among the parameters, (q, p); log intensities come first."""
        names, q = self._names(), len(self.transitions_)
        lost = [name for name in self.shared or () if name not in names]
        if lost:
            raise argument_error("shared", f"names of predictors, {names[:8]}", f"{lost[:5]}")
        first = q * (self.breakpoints_.size + 1)
        place = np.empty((q, len(names)), dtype=np.int64)
        for c, name in enumerate(names):
            one = name in (self.shared or ())
            place[:, c] = first if one else first + np.arange(q)
            first += 1 if one else q
        return place

    def _maximise(self, rows: PanelVisits) -> np.ndarray:
        """Return the estimates: quasi-Newton from crude rates, then Newton on the analytic gradient."""

        def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
            value, scores = rows.likelihood(theta)
            if not np.isfinite(value):
                return 1e300, np.zeros(theta.size)
            return -value / total, -(rows.weights @ scores) / total

        total, unit = float(rows.weights.sum()), float(rows.weights.mean())
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            found = optimize.minimize(loss, rows.start(), jac=True, method="L-BFGS-B", bounds=rows.bounds())
            theta = np.asarray(found.x, dtype=float)
            least, most = np.array(rows.bounds()).T
            for _ in range(_NEWTON):
                gradient = rows.weights @ rows.likelihood(theta)[1]
                information = rows.information(theta)
                values = np.linalg.eigvalsh(information)
                outside = bool((theta <= least).any() or (theta >= most).any())
                if outside or not np.isfinite(values).all() or values[0] <= 1e-8 * max(values[-1], unit):
                    raise EstimationError(
                        "The likelihood of the visits has no finite maximum within reach: the intensities of some "
                        "transitions are not determined. Name fewer `transitions` or `breakpoints`, or share "
                        "coefficients."
                    )
                step = np.linalg.solve(information, gradient)
                theta = theta + step * min(1.0, 1.0 / np.abs(step).max())
                if float(gradient @ step) < 1e-12 * unit:
                    return theta
        raise EstimationError(
            f"The likelihood of the visits was not at its maximum after {_NEWTON} Newton steps: predictors on very "
            "different scales, or intensities that the visits do not determine."
        )

    def _keep(
        self,
        rows: PanelVisits,
        theta: np.ndarray,
        centre: np.ndarray,
        scale: np.ndarray,
        units: np.ndarray,
        share: np.ndarray,
    ) -> None:
        q, pieces, place = len(self.transitions_), self.breakpoints_.size + 1, rows.place
        value, scores = rows.likelihood(theta)
        inverse = np.linalg.inv(rows.information(theta))
        if self.variance == "robust":
            sums = np.zeros((int(units.max()) + 1, theta.size))
            np.add.at(sums, units, share[:, None] * scores)
            inverse = inverse @ (sums.T @ sums) @ inverse
        back = np.eye(theta.size)
        for t in range(q):
            for c in range(place.shape[1]):
                back[place[t, c], place[t, c]] = 1 / scale[c]
                back[t * pieces : (t + 1) * pieces, place[t, c]] = -centre[c] / scale[c]
        self.estimates_ = back @ theta
        self.covariance_ = back @ inverse @ back.T
        self.intensity_ = np.exp(self.estimates_[: q * pieces]).reshape(q, pieces)
        self.coef_ = self.estimates_[place]
        self.log_likelihood_ = float(value)
        arrows = [f"{self.states_[j]} → {self.states_[k]}" for j, k in self.transitions_]
        edges = [0.0, *self.breakpoints_.tolist()]
        self.terms_ = [
            f"log intensity: {arrow}" + (f", from {edge:g}" if pieces > 1 else "") for arrow in arrows for edge in edges
        ]
        for name in self._names():
            one = name in (self.shared or ())
            self.terms_ += [name] if one else [f"{name}: {arrow}" for arrow in arrows]

    # ---- predictions -------------------------------------------------------------------------------------------

    @takes_rows()
    def predict_occupancy(self, X: Any, times: Any, *, from_state: Any = None, start: float = 0.0) -> np.ndarray:
        """Return the probability of each state at each time.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        times : float or sequence of float
            Times since the origin, increasing; between visits too.
        from_state : str or array-like of shape (n,), optional
            State in which the patients are at ``start``; by default they are spread as at their first visit.
        start : float, default 0.0
            Time from which the prediction runs.

        Returns
        -------
        ndarray of shape (n, n_times, n_states)
            Rows sum to 1; NaN beyond the last visit of the fit and before ``start``. States are those of ``states_``.
        """
        matrix, _, _ = self._start_predict(X, None, None)
        at = check_times(times)
        check_number("start", start, low=0)
        n, s = matrix.shape[0], len(self.states_)
        now = np.tile(self.initial_, (n, 1)) if from_state is None else start_in(from_state, self.states_, n)
        relative = np.exp(matrix @ self.coef_.T)
        pairs = np.array(self.transitions_, dtype=np.int64)
        edges = np.concatenate([[0.0], self.breakpoints_, [np.inf]])
        rates = np.ascontiguousarray(relative[:, None] * self.intensity_.T[None])
        out, clock = np.full((n, at.size, s), np.nan), float(start)
        for h, horizon in enumerate(at):
            if horizon < start or horizon > self.max_time_:
                continue
            length = np.maximum(np.minimum(horizon, edges[1:]) - np.maximum(clock, edges[:-1]), 0.0)
            lengths = np.tile(length, (n, 1))
            now, _ = interval_states(rates, lengths, now, pairs[:, 0].copy(), pairs[:, 1].copy())
            clock = float(horizon)
            out[:, h] = now
        return out

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
            Position of the state in ``states_``.
        strata, offset : None
            Not taken.
        state : str, optional
            Name of the state, instead of its position.
        from_state : str or array-like of shape (n,), optional
            As in `predict_occupancy`.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Probabilities.
        """
        self._refuse(strata=strata, offset=offset)
        self._check_fitted()
        place = place_of_state(state, cause, self.states_)
        return self.predict_occupancy(X, horizons, from_state=from_state)[:, :, place]

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per parameter, with the columns of `CoxPH.to_frame`.

        ``hr`` of a log intensity is the intensity, per unit of time; of a coefficient it is the ratio of intensities.

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
            variance=self.variance,
        )
