"""Rows used for calibration at one horizon, for all kinds of outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from lbp_prognosis._base import influence_se, known_area
from lbp_prognosis._kernels import (
    MeanFit,
    OutcomeCells,
    aalen_johansen_steps,
    calibration_pseudo_values,
    incidence_influence,
    line_design,
    order_of_times,
    outcome_cells,
    step_at,
    transformed_risk,
)
from lbp_prognosis.evaluation.prognostic._known import Known, known_at_horizons
from lbp_prognosis.evaluation.prognostic._setting import Setting, known_order
from lbp_prognosis.survival import Weights, cause_codes, turnbull

__all__ = ["CalibrationRows", "calibration_rows"]

_EPSILON = 1e-8


@dataclass(frozen=True)
class CalibrationRows:
    """Rows used at one horizon, with their risks and observed outcomes.

    ``index`` are the rows of ``y``, in any order; ``weight`` (of those rows) is None where each counts once, ``known``
    the inverse probability of being known (states) or ones; ``time``/``code`` are given for right-censored outcomes,
    ``state`` for states at a visit; ``all_risks`` are those of all rows of ``y``, for states. ``attendance`` turns
    weighted values of all rows into influence values, where ``known`` was estimated from the rows.
    """

    setting: Setting
    h: int
    index: np.ndarray
    risk: np.ndarray
    weight: np.ndarray | None
    known: np.ndarray
    time: np.ndarray | None
    code: np.ndarray | None
    state: np.ndarray | None
    reason: str = ""
    objections: tuple = field(default=())
    all_risks: np.ndarray | None = None
    attendance: Callable[[np.ndarray], tuple[float, np.ndarray]] | None = None

    @property
    def tau(self) -> float:
        """Horizon of the rows."""
        return float(self.setting.horizons[self.h])

    @property
    def link(self) -> str:
        """Scale of the calibration regressions."""
        return "logit" if self.time is None else "cloglog"

    @property
    def competing(self) -> bool:
        """Whether a competing event occurs."""
        return self.code is not None and bool((self.code == 2).any())

    @cached_property
    def line(self) -> np.ndarray:
        """Columns of ones and transformed risks (k, 2)."""
        return line_design(transformed_risk(self.risk, self.link))

    @property
    def x(self) -> np.ndarray:
        """Transformed risk."""
        return self.line[:, 1]

    @cached_property
    def ascending(self) -> np.ndarray:
        """Risks in increasing order, with each copy of a row listed separately."""
        if not self.setting.shared or self.setting.frequency or self.index.size < self.setting.n:
            return np.sort(self.each(self.risk))
        given = np.take(self.risk, self.as_given, mode="clip")
        order = known_order(given)  # that of the score or of another horizon
        return np.sort(given) if order is None else given[order]

    @cached_property
    def ascending_x(self) -> np.ndarray:
        """Transformed risks in increasing order, with each copy of a row listed separately."""
        return transformed_risk(self.ascending, self.link)

    @cached_property
    def as_given(self) -> np.ndarray:
        """Positions of the rows used, in the order of ``y``."""
        return self.setting.kept("as given", self._make_as_given, of=self.index)

    def _make_as_given(self) -> np.ndarray:
        place = np.full(self.setting.n, -1)
        place[self.index] = np.arange(self.index.size)
        return place if self.index.size == place.size else place[place >= 0]

    @property
    def constant(self) -> bool:
        """Whether all predictions are equal."""
        return bool(self.ascending[-1] - self.ascending[0] <= 1e-12)

    @property
    def area(self) -> float:
        """Area under the curve among the rows whose state at the horizon is known, weighted as here."""
        weight = np.ones(self.index.size) if self.weight is None else self.weight
        if self.time is None or self.code is None:
            assert self.state is not None
            return known_area(self.risk, self.state == 1, weight)
        gone = self.time <= self.tau
        return known_area(self.risk, gone & (self.code == 1), np.where((self.code > 0) | ~gone, weight, 0.0))

    @property
    def clipped(self) -> int:
        """Number of risks too near 0 or 1 for the transformation."""
        below = np.searchsorted(self.ascending, _EPSILON, side="left")
        above = self.ascending.size - np.searchsorted(self.ascending, 1 - _EPSILON, side="right")
        return int(below + above)

    @cached_property
    def events(self) -> float:
        """Number of patients with the event of interest (at any time; for states, known at the visit)."""
        happened = self.state == 1 if self.code is None else self.code == 1
        return float(self.setting.copies[self.index][happened].sum())

    @property
    def events_by_horizon(self) -> float:
        """Number of patients known to have had the event of interest by the horizon."""
        if self.code is None or self.time is None:
            return self.events
        return float(self.setting.copies[self.index][(self.code == 1) & (self.time <= self.tau)].sum())

    @cached_property
    def even(self) -> bool:
        """Whether all rows have the same probability of a known state."""
        return self.time is not None or bool((self.known == 1).all())

    @cached_property
    def counted(self) -> bool:
        """Whether the weights are only counts of copies."""
        return self.setting.frequency and self.weight is not None and self.even

    @property
    def model_based(self) -> bool:
        """Whether the model-based variance applies: no clusters, and no weights except counts."""
        return self.setting.clusters is None and (self.weight is None or self.counted)

    @cached_property
    def copies(self) -> np.ndarray:
        """Number of patients per row: 1, or its frequency."""
        return self.setting.copies[self.index].astype(np.int64)

    def each(self, values: np.ndarray) -> np.ndarray:
        """Repeat the values of rows that represent several copies."""
        return np.repeat(values, self.copies) if self.setting.frequency else values

    @property
    def each_weight(self) -> np.ndarray | None:
        """Weight of each copy; None if all copies have equal weight."""
        if self.weight is None or self.counted:
            return None
        return self.each(self.known) if self.setting.frequency else self.weight

    @property
    def by_turnbull(self) -> bool:
        """Whether the observed risk is Turnbull's estimate; attrition weights are used otherwise."""
        weights = self.setting.weights
        return self.setting.kind == "interval" and (weights is None or weights.kind != "attrition")

    @cached_property
    def everyone(self) -> CalibrationRows:
        """All rows with a risk, also those with an unknown state at the visit; for other outcomes, the rows used."""
        setting = self.setting
        if not self.by_turnbull or self.all_risks is None:
            return self
        used = np.flatnonzero(setting.row_weight > 0)
        happened = (setting.y["upper"][used] <= self.tau) & (setting.y["event"][used] == setting.cause)
        return replace(
            self,
            index=used,
            risk=self.all_risks[used],
            known=np.ones(used.size),
            state=happened.astype(float),
            weight=None if setting.weights is None else setting.row_weight[used],
            attendance=None,
        )

    def mean(self, values: np.ndarray) -> float:
        """Weighted mean over the rows."""
        return float(np.average(values, weights=self.weight))

    def influence(self, slope: np.ndarray) -> np.ndarray:
        """Convert derivatives with respect to row weights, (k,) or (k, q), to influence values of all rows of ``y``."""
        total = self.setting.row_weight.sum()
        out = np.zeros((self.setting.n, *slope.shape[1:]))
        if self.even and self.index.size == self.setting.n:
            np.take(slope, self.as_given, axis=0, out=out, mode="clip")
            out *= total
        elif self.even:
            out[self.index] = slope
            out *= total
        else:
            factor = self.known * total
            out[self.index] = slope * (factor if slope.ndim == 1 else factor[:, None])
        if self.attendance is not None:  # the probabilities of a known state also depend on each row
            columns = [self.attendance(np.ascontiguousarray(column))[1] for column in out.reshape(self.setting.n, -1).T]
            out = np.stack(columns, axis=1).reshape(out.shape)
        return self.setting.scale(out)

    @property
    def by_squares(self) -> bool:
        """Whether a sandwich variance needs only sums over rows: no weights and clusters, and nothing estimated."""
        setting = self.setting
        return self.even and setting.weights is None and setting.clusters is None and self.attendance is None

    def covariance_of(self, fit: MeanFit) -> np.ndarray:
        """Return the sandwich covariance of the coefficients (p, p)."""
        setting = self.setting
        if self.by_squares:
            return fit.squares * (setting.row_weight.sum() / setting.n) ** 2
        psi = self.influence(fit.influence)
        se = np.atleast_1d(self.se(psi))
        covariance = np.diag(se**2)
        for j in range(se.size):
            for k in range(j):
                both = float(self.se(psi[:, j] + psi[:, k]))
                covariance[j, k] = covariance[k, j] = (both**2 - se[j] ** 2 - se[k] ** 2) / 2
        return covariance

    def se(self, influence: np.ndarray) -> np.ndarray:
        """Return the standard error from influence values of all rows."""
        return influence_se(influence, self.setting.clusters)

    @cached_property
    def incidence(self) -> tuple[float, np.ndarray]:
        """P(event of interest by the horizon), and its influence values for all rows."""
        if self.time is not None and self.code is not None:
            steps = aalen_johansen_steps(self.time, self.code, causes=np.array([1, 2]), weights=self.weight)
            value = float(step_at(steps.times, steps.cif[:, 0], self.tau, left=0.0))
            return value, self.influence(self.derivative)
        if self.by_turnbull:
            return _turnbull(self.setting, self.tau)
        assert self.state is not None
        value = self.mean(self.state)
        total = float(self.index.size if self.weight is None else self.weight.sum())
        return value, self.influence((self.state - value) / total)

    @cached_property
    def cells(self) -> OutcomeCells:
        """Distinct times and codes, and those of each row; found once for all horizons and models."""
        time, code = self.time, self.code
        assert time is not None
        assert code is not None
        return self.setting.kept("outcome cells", lambda: outcome_cells(time, code), of=time)

    @cached_property
    def derivative(self) -> np.ndarray:
        """Derivative of the incidence at the horizon with respect to the weight of each row."""
        time, code = self.time, self.code
        assert time is not None
        assert code is not None
        return self.setting.kept(
            f"derivative {self.h}", lambda: incidence_influence(time, code, self.tau, self.weight), of=time
        )

    @cached_property
    def pseudo(self) -> np.ndarray:
        """Pseudo-values of the incidence at the horizon; exact up to 5000 patients, infinitesimal above."""
        time, code = self.time, self.code
        assert time is not None
        assert code is not None
        copies, weights = (self.weight, None) if self.counted else (None, self.weight)
        return self.setting.kept(
            f"pseudo {self.h}",
            lambda: calibration_pseudo_values(time, code, self.tau, copies, weights, self.derivative),
            of=time,
        )


def _turnbull(setting: Setting, tau: float) -> tuple[float, np.ndarray]:
    weights = None if setting.weights is None else Weights(setting.row_weight, setting.weights.kind)
    curve = turnbull(setting.y, cause=setting.cause, sample_weight=weights)
    psi = np.asarray(curve.influence(tau))
    if setting.frequency and setting.clusters is None:  # a count is several patients, not one with a large weight
        psi = psi / np.sqrt(np.maximum(setting.row_weight, 1))
    return float(curve.at(tau).value), psi


def calibration_rows(setting: Setting, risk: np.ndarray) -> list[CalibrationRows]:
    """Return the rows of each horizon; a horizon without an estimate has a reason."""
    if setting.kind != "right":
        return [_from_states(setting, risk[:, h], h, known) for h, known in enumerate(known_at_horizons(setting))]
    used, time, code, weight, known = setting.kept("calibration rows", lambda: _by_time(setting))
    out = []
    for h, tau in enumerate(setting.horizons):
        followed = float(setting.copies[setting.y["time"] >= tau].sum())
        reason = ""
        if np.isnan(risk[:, h]).all():
            reason = "the risk is missing at this horizon"
        elif followed < setting.min_at_risk or tau > time[-1]:
            reason = f"{followed:g} at risk at {tau:g}, fewer than {max(setting.min_at_risk, 1):g} (min_at_risk)"
        out.append(
            CalibrationRows(
                setting,
                h,
                used,
                risk[used, h],
                weight,
                known,
                time,
                code,
                None,
                reason,
            )
        )
    return out


def _by_time(setting: Setting) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
    """Rows used in order of time (which speeds up searches), with their times, codes, weights and ones."""
    time = setting.y["time"]
    used = order_of_times(time)
    used = used[setting.row_weight[used] > 0]
    weight = None if setting.weights is None else setting.row_weight[used]
    return used, time[used], cause_codes(setting.y, setting.cause)[used], weight, np.ones(used.size)


def _from_states(setting: Setting, risk: np.ndarray, h: int, known: Known) -> CalibrationRows:
    used = np.flatnonzero((known.weight > 0) & (setting.row_weight > 0) & np.isfinite(known.weight))
    factor = known.weight[used]
    even = used.size > 0 and np.ptp(factor) <= 1e-12 * max(float(factor.max(initial=0.0)), 1.0)
    reason = known.reason or ("the risk is missing at this horizon" if np.isnan(risk).all() else "")
    if not reason and used.size == 0:
        reason = "no state is known at this horizon"
    if setting.weights is None and even:
        weight = None
    else:
        weight = setting.row_weight[used] * (1.0 if even else factor)
    # equal weights change nothing: rows are then treated as unweighted
    inverse = np.ones(used.size) if even else factor
    return CalibrationRows(
        setting,
        h,
        used,
        risk[used],
        weight,
        inverse,
        None,
        None,
        known.case[used].astype(float),
        reason,
        known.objections,
        risk,
        None if even else known.influence,
    )
