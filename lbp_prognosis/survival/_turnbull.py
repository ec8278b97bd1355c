"""Turnbull's estimate of survival, or of incidence with competing causes, from interval-censored data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    OutcomeError,
    Result,
    argument_error,
    as_numbers,
    check_confidence,
    describe,
    takes_rows,
)
from lbp_prognosis._kernels import npmle_covariance, npmle_from_intervals
from lbp_prognosis.survival._curve_interval import curve_interval
from lbp_prognosis.survival._curve_values import CurveValues
from lbp_prognosis.survival._outcome import check_cause, check_outcome
from lbp_prognosis.survival._weights import check_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TurnbullCurve", "turnbull"]

_LEAST_ROWS_A_SUPPORT = 5


@dataclass(frozen=True, repr=False)
class TurnbullCurve(Result):
    """Nonparametric maximum-likelihood estimate from interval-censored data.

    Attributes
    ----------
    left, right : ndarray of shape (m,)
        Supports: mass lies somewhere in (left, right], or at the point if both are equal; ``right`` is infinite for
        events after the last visit. In the unit of the outcome.
    causes : ndarray of int of shape (m,)
        Cause of each support; 0 for "not yet" if several causes share that part.
    mass : ndarray of shape (m,)
        Probability of each support; sums to 1.
    gradient : ndarray of shape (m,)
        Σ w α/P of each support: at the maximum Σ w where there is mass, and nowhere more (Karush–Kuhn–Tucker).
    loglik : float
        Log-likelihood.
    cause : int or None
        Quantity returned by `at`: survival of any event (None), or incidence of a cause.
    n, n_events : int
        Patients, and events of interest.
    confidence : float
        Level of the limits of `at`.
    """

    left: np.ndarray
    right: np.ndarray
    causes: np.ndarray
    mass: np.ndarray
    gradient: np.ndarray
    loglik: float
    cause: int | None
    n: int
    n_events: int
    confidence: float
    covariance: np.ndarray = field(repr=False)
    row_influence: np.ndarray = field(repr=False)
    followed: tuple[np.ndarray, np.ndarray] = field(repr=False)
    regular: bool = True
    robust: bool = False
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def _selector(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether each support ends by each time (m, k), and whether mass may lie on either side of the time (k,)."""
        mine = (self.causes > 0) if self.cause is None else (self.causes == self.cause)
        mine = mine & np.isfinite(self.right)
        over = mine[:, None] & (self.right[:, None] <= at)
        # any mass that may lie on either side leaves the height unknown; so does the tail beyond the last visit
        open_ended = ~np.isfinite(self.right) | mine
        around = (self.left[:, None] < at) & (at < self.right[:, None]) & open_ended[:, None]
        return over, (around & (self.mass > 0)[:, None]).any(axis=0)

    def at(self, times: Any) -> CurveValues:
        """Return the estimate at visit times.

        Inside a support the height is not determined by the data: the value is NaN with a reason, and ``low``/``high``
        are NaN too (see `band` for the bounds).

        Parameters
        ----------
        times : float or sequence of float
            Times ≥ 0, in the unit of the outcome.

        Returns
        -------
        CurveValues
            ``quantity`` is ``"survival"`` (no cause asked) or ``"incidence"``. ``at_risk`` counts patients known to be
            free of any event at the time. The standard error is that of the observed information on a fixed visit
            schedule (robust with sampling weights), and NaN where visits are too irregular for it, with fewer than five
            patients per support.
        """
        at, scalar = _times(times)
        over, around = self._selector(at)
        incidence = self.mass @ over
        active = self.mass > 0
        choose = over[active].astype(float)
        if self.robust:
            variance = ((self.row_influence @ choose) ** 2).sum(axis=0) / self.row_influence.shape[0] ** 2
        else:
            variance = np.einsum("ak,ab,bk->k", choose, self.covariance, choose)
        # exactly one before any support ends, exactly zero after all supports end
        survival = np.where(incidence < 0.5, 1.0 - incidence, self.mass @ ~over)
        value = np.clip(incidence if self.cause is not None else survival, 0.0, 1.0)
        se = np.sqrt(np.maximum(variance, 0.0)) if self.regular else np.full(at.size, np.nan)
        # as for Kaplan–Meier: no standard error can be estimated after all supports end
        se = np.where(incidence >= 1 - 1e-12, np.nan, se)
        low, high = curve_interval(value, se, self.confidence, "log-log")
        reason = np.where(around, "inside an interval in which the event times are not known", "").astype(object)
        columns = [np.where(around, np.nan, column) for column in (value, se, low, high)]
        risk = self._followed(at)
        if scalar:
            columns = [column.item() for column in columns]
            risk, reason = risk.item(), reason.item()
        return CurveValues(
            quantity="survival" if self.cause is None else "incidence",
            horizon=float(at[0]) if scalar else at,
            value=columns[0],
            se=columns[1],
            low=columns[2],
            high=columns[3],
            at_risk=risk,
            reason=reason,
            strata=(),
            confidence=self.confidence,
            method="Turnbull; log-log interval",
            cause=self.cause,
            n=np.array([self.n]),
            n_events=np.array([self.n_events]),
            objections=self.objections,
            synthetic=self.synthetic,
        )

    def influence(self, times: Any) -> np.ndarray:
        """Per-row influence ψ of the value at visit times, (n_rows,) for one time or (n_rows, n_times).

        ``sqrt(Σ ψ²)/n`` is the robust standard error; rows of weight zero have ψ = 0.
        """
        at, scalar = _times(times)
        over, around = self._selector(at)
        psi = self.row_influence @ over[self.mass > 0].astype(float)
        psi = np.where(around, np.nan, psi if self.cause is not None else -psi)
        return psi[:, 0] if scalar else psi

    def band(self, times: Any) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest values with the same likelihood at each time, each of shape (n_times,)."""
        at, _ = _times(times)
        mine = ((self.causes > 0) if self.cause is None else (self.causes == self.cause)) & (self.mass > 0)
        late = self.mass[mine] @ (self.right[mine, None] <= at)
        early = self.mass[mine] @ ((self.left[mine, None] < at) | (self.right[mine, None] <= at))
        # the shared tail may belong to any cause after its left end
        tail = self.mass[self.causes == 0] @ (self.left[self.causes == 0, None] < at) if 0 in self.causes else 0.0
        early = np.minimum(early + tail, 1.0)
        return (late, early) if self.cause is not None else (1.0 - early, 1.0 - late)

    def _followed(self, at: np.ndarray) -> np.ndarray:
        lower, size = self.followed
        return np.concatenate([size, [0.0]])[np.searchsorted(lower, at, side="left")]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per support, with columns ``left, right, cause, mass, gradient``."""
        return pd.DataFrame(
            {"left": self.left, "right": self.right, "cause": self.causes, "mass": self.mass, "gradient": self.gradient}
        )

    def plot(self, ax: Axes | None = None, *, unit: str = "") -> Axes:
        """Draw the curve as a line if its height is determined, and as a box of possible values otherwise.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        unit : str, default ""
            Unit of time.
        """
        from lbp_prognosis._draw import draw_interval_curve

        ends = np.unique(np.concatenate([self.left, self.right]))
        ends = ends[np.isfinite(ends)]
        return draw_interval_curve(
            self.to_frame(),
            known=ends,
            value=self.at(ends).value,
            quantity="survival" if self.cause is None else "incidence",
            cause=self.cause,
            unit=unit,
            ax=ax,
        )

    def _summary(self) -> str:
        return f"{self.n} patients, {self.n_events} events, {int((self.mass > 0).sum())} supports"


def _times(times: Any) -> tuple[np.ndarray, bool]:
    at = np.atleast_1d(as_numbers("times", times, "numbers, in the unit of `y`"))
    if at.ndim != 1 or not np.isfinite(at).all() or (at < 0).any():
        raise argument_error("times", "finite numbers of at least 0, in the unit of `y`", describe(times))
    return at, np.ndim(times) == 0


@takes_rows()
def turnbull(y: Any, *, cause: int | None = None, sample_weight: Any = None, confidence: float = 0.95) -> TurnbullCurve:
    """Estimate event-free survival from interval-censored visits (Turnbull).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.interval`.
    cause : int, optional
        By default survival of any event; a cause gives its incidence, estimated jointly with competing causes.
    sample_weight : Weights or array-like of shape (n,), optional
        Frequency weights count as copies; otherwise the standard errors are robust.
    confidence : float, default 0.95
        Level of the limits.

    Returns
    -------
    TurnbullCurve
        ``at(visit_times)`` returns estimates, ``influence(visit_times)`` per-row influence values; ``gradient`` proves
        that the estimate is the maximum.

    Raises
    ------
    OutcomeError
        If ``y`` is not interval-censored, or has delayed entry (the estimate is then not unique).
    EstimationError
        If the maximum is not reached.

    Notes
    -----
    Masses s maximise Σ w_i log Σ_j α_ij s_j over the innermost intervals, α_ij = 1 where interval j lies within row i.
    The maximum is certified by Σ_i w_i α_ij/P_i ≤ Σ w for all j, with equality where s_j > 0.

    References
    ----------
    Turnbull BW. The empirical distribution function with arbitrarily grouped, censored and truncated data. J R Stat
    Soc B 1976;38:290–295. https://doi.org/10.1111/j.2517-6161.1976.tb01597.x

    Examples
    --------
    >>> from lbp_prognosis.survival import Surv, turnbull
    >>> y = Surv.interval([0, 0, 3, 3, 6, 6, 3, 0, 6, 12], [3, 6, 6, 12, 12, float("inf"), 6, 3, 12, float("inf")])
    >>> turnbull(y).at([3, 6, 12]).value.round(4).tolist()
    [0.7554, 0.4515, 0.1284]
    """
    check_outcome(
        y, ("interval",), caller="turnbull", instead="Use kaplan_meier or aalen_johansen for exactly dated events."
    )
    check_confidence(confidence)
    if "entry" in (y.dtype.names or ()):
        raise argument_error(
            "y",
            "without delayed entry",
            "an outcome with `entry`",
            "Use a parametric interval-censored model, or Surv.interval_to_right(y, at=...) with kaplan_meier.",
            kind=OutcomeError,
        )
    code = y["event"].astype(np.int64)
    causes = np.unique(code[code > 0])
    if cause is not None:
        check_cause(y, cause)
    given = check_weights(sample_weight, y.shape[0])
    weights = np.ones(y.shape[0]) if given is None else given.values
    used = weights > 0
    robust = given is not None and given.kind != "frequency"
    scaled = weights / weights[used].mean() if robust else weights
    if cause is None or causes.size <= 1:
        # any event is one cause: the supports of several causes would be finer than the data about "any"
        code, labels = (code > 0).astype(np.int64), causes if causes.size == 1 else np.array([1])
        found = npmle_from_intervals(y["lower"][used], y["upper"][used], code[used], np.array([1]), scaled[used])
        found = found._replace(cause=np.where(found.cause > 0, labels[0], 0))
    else:
        found = npmle_from_intervals(y["lower"][used], y["upper"][used], code[used], causes, scaled[used])
    total = float(scaled[used].sum())
    if found.gradient.max() > total * (1 + 1e-6):
        raise EstimationError("Turnbull's estimate did not reach the maximum of the likelihood.")
    covariance, psi = npmle_covariance(found, scaled[used])
    influence = np.zeros((y.shape[0], psi.shape[1]))
    influence[used] = psi * (y.shape[0] / int(used.sum()))
    counts = np.ones(y.shape[0]) if robust else weights
    order = np.argsort(y["lower"][used], kind="stable")
    events = (y["event"] > 0) if cause is None else (y["event"] == cause)
    return TurnbullCurve(
        left=found.left,
        right=found.right,
        causes=found.cause,
        mass=found.mass,
        gradient=found.gradient,
        loglik=found.loglik,
        cause=cause,
        n=round(float(counts[used].sum())),
        n_events=round(float(counts[events & used].sum())),
        confidence=float(confidence),
        covariance=covariance,
        row_influence=influence,
        followed=(y["lower"][used][order], np.cumsum(counts[used][order][::-1])[::-1]),
        regular=bool((found.mass > 0).sum() * _LEAST_ROWS_A_SUPPORT <= counts[used].sum()),
        robust=robust,
    )
