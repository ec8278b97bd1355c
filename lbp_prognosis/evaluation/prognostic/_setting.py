"""Checked arguments of metrics of predicted risks, and construction of their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from lbp_prognosis._base import (
    Objection,
    argument_error,
    check_choice,
    check_clusters,
    check_confidence,
    check_horizons,
    check_number,
    influence_se,
    interval,
    objection,
    of_interval,
)
from lbp_prognosis._kernels import followed_times
from lbp_prognosis.evaluation.prognostic._over_horizons import OverHorizons
from lbp_prognosis.survival import OutcomeKind, Weights, check_cause, check_outcome, check_weights, status_horizon

__all__ = ["MOST_KEPT", "Setting", "has_entry", "known_order", "shaped", "shared_settings", "stable_order"]

MOST_KEPT = 8_000_000  # largest number of cached values (rows times horizons) in `shared_settings`

T = TypeVar("T")


@dataclass(frozen=True)
class _Shared:
    """Settings of one `shared_settings`, and cached orders of rows by a score or a risk."""

    settings: list[Setting] = field(default_factory=list)
    orders: list[np.ndarray] = field(default_factory=list)
    lock: Any = field(default_factory=Lock)  # of two threads that need one order the second waits for it


_SHARED: ContextVar[_Shared | None] = ContextVar("shared settings", default=None)
_ORDERS = 4  # remembered
_SAMPLE = 1024  # number of values compared before all are


@contextmanager
def shared_settings() -> Iterator[None]:
    """Let calls with the same outcome, horizons, weights and limits share one `Setting` and its cached results."""
    shared = _Shared()
    token = _SHARED.set(shared)
    try:
        yield
    finally:
        _SHARED.reset(token)
        for setting in shared.settings:  # results refer to the setting for longer and can recompute its values
            setting.forget()


def known_order(values: np.ndarray) -> np.ndarray | None:
    """Return the stable ascending order of ``values`` (n,), if it is cached within `shared_settings`.

    Scores and risks at all horizons of one model often share one order, which is checked in O(n) instead of sorted
    again.
    """
    shared = _SHARED.get()
    return None if shared is None else next((order for order in tuple(shared.orders) if _ascends(values, order)), None)


def stable_order(values: np.ndarray) -> np.ndarray:
    """Return the stable ascending order of ``values`` (n,), cached within `shared_settings`."""
    shared = _SHARED.get()
    if shared is None:
        return np.argsort(values, kind="stable")
    with shared.lock:
        order = known_order(values)
        if order is None:
            order = np.argsort(values, kind="stable")
            del shared.orders[: max(len(shared.orders) - _ORDERS + 1, 0)]
            shared.orders.append(order)
    return order


def _ascends(values: np.ndarray, order: np.ndarray) -> bool:
    """Return whether ``order`` is the stable ascending order."""
    if order.size != values.size:
        return False
    few = values[order[:: max(order.size // _SAMPLE, 1)]]
    if (few[1:] < few[:-1]).any():
        return False
    ranked = values[order]
    if (ranked[1:] < ranked[:-1]).any():
        return False
    tied = np.flatnonzero(ranked[1:] == ranked[:-1])
    return bool((order[tied + 1] > order[tied]).all())


def has_entry(y: np.ndarray) -> bool:
    """Return whether the outcome has delayed entry."""
    return "entry" in (y.dtype.names or ())


def shaped(values: Any, scalar: bool) -> Any:
    """Return a float if one horizon was given as a number, otherwise the array."""
    array = np.atleast_1d(np.asarray(values, dtype=float))
    return float(array[0]) if scalar else array


@dataclass(frozen=True)
class Setting:
    """Checked arguments of one call.

    ``row_weight`` and ``square_weight`` (n,) weigh a row in sums and in sums of squared influence values of one copy;
    ``censoring`` is a fitted model or None for the marginal curve.
    """

    y: np.ndarray
    kind: OutcomeKind
    horizons: np.ndarray
    scalar: bool
    cause: int
    target: str
    censoring: Any
    weights: Weights | None
    clusters: np.ndarray | None
    confidence: float
    min_at_risk: float
    min_censoring_survival: float
    row_weight: np.ndarray
    square_weight: np.ndarray

    @classmethod
    def check(
        cls,
        y: Any,
        horizons: Any,
        *,
        accepted: tuple[OutcomeKind, ...],
        caller: str,
        cause: int,
        target: str,
        censoring: Any,
        sample_weight: Any,
        clusters: Any,
        confidence: float,
        min_at_risk: float,
        min_censoring_survival: float,
        instead: str = "",
    ) -> Setting:
        """Check all arguments except the predictions."""
        kind = check_outcome(y, accepted, caller=caller, instead=instead)
        n = y.shape[0]
        grid, scalar = _horizons(y, kind, horizons)
        if has_entry(y):
            raise argument_error(
                "y",
                f"free of delayed entry for {caller}",
                "an outcome with `entry`",
                "Censoring weights do not undo late entry, and the risks of those who entered are not those of all "
                "who started. Use concordance, which compares patients at risk together, or start the clock at a "
                "landmark: keep the rows that entered before it and subtract it from the times. If entry depends on "
                "nothing, `evaluate_state` weights for it: build courses by MultiState.from_long.",
            )
        weights = check_weights(sample_weight, n)
        row, square = _weights_of_rows(y, weights)
        if censoring == "marginal" if isinstance(censoring, str) else censoring is None:
            model = None
        elif hasattr(censoring, "survival_before") and hasattr(censoring, "survival_at") and kind == "right":
            model = censoring
        else:
            raise argument_error(
                "censoring",
                "'marginal', or for Surv.right a fitted model with survival_before and survival_at",
                censoring,
            )
        return _shared(
            cls(
                y=y,
                kind=kind,
                horizons=grid,
                scalar=scalar,
                cause=check_cause(y, cause),
                target=check_choice("target", target, ("event", "no_event")),
                censoring=model,
                weights=weights,
                clusters=check_clusters("clusters", clusters, n=n),
                confidence=check_confidence(confidence),
                min_at_risk=check_number("min_at_risk", min_at_risk, low=0),
                min_censoring_survival=check_number("min_censoring_survival", min_censoring_survival, low=0, high=1),
                row_weight=row,
                square_weight=square,
            )
        )

    @property
    def shared(self) -> bool:
        """Whether computed values are cached for other calls."""
        return "_kept" in self.__dict__

    def kept(self, name: str, make: Callable[[], T], of: Any = None, most: int = 1) -> T:
        """Return the result of ``make``, which is called once within `shared_settings`.

        Parameters
        ----------
        name : str
            Name of the cached object.
        make : callable
            Function that computes the object.
        of : object
            Array from which the object is computed; the last ``most`` objects are cached.
        most : int, default 1
        """
        if not self.shared:
            return make()
        made: list[tuple[Any, Any]] = self.__dict__["_kept"].setdefault(name, [])
        for one, value in tuple(made):
            if one is of:
                return value
        del made[: max(len(made) - most + 1, 0)]  # their memory first
        value = make()
        made.append((of, value))
        return value

    def forget(self) -> None:
        """Release the memory of values computed from the fields."""
        for name in self.__dict__.keys() - {entry.name for entry in fields(self)}:
            del self.__dict__[name]

    def __getstate__(self) -> dict[str, Any]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @property
    def n(self) -> int:
        """Number of rows of ``y``."""
        return int(self.y.shape[0])

    @property
    def frequency(self) -> bool:
        """Whether rows represent several copies."""
        return self.weights is not None and self.weights.kind == "frequency"

    @cached_property
    def copies(self) -> np.ndarray:
        """Number of patients per row (n,): copies, otherwise 1 if the weight is positive."""
        return self.row_weight if self.frequency else (self.row_weight > 0).astype(float)

    @cached_property
    def _follow_up(self) -> tuple[np.ndarray, float | None]:
        if self.min_at_risk == 0:  # without guards a censoring at the horizon weighs 0, as in R
            return self.y["time"].astype(float), None
        return followed_times(self.y["time"], self.y["event"], self.horizons, self.copies)

    @property
    def followed(self) -> np.ndarray:
        """Times (n,) of `Surv.right`; censorings at a horizon where follow-up ends for all are moved just beyond it."""
        return self._follow_up[0]

    @property
    def ends_at(self) -> float | None:
        """Horizon at which follow-up ends for all and at least one patient is censored; None without one."""
        return self._follow_up[1] if self.kind == "right" else None

    def named(self, method: str) -> str:
        """Add to the name of a method that patients censored at the end of a fixed follow-up count as known."""
        return (
            method
            if self.ends_at is None
            else f"{method}; no patient seen beyond {self.ends_at:g}: censored there is free"
        )

    def scale(self, psi: np.ndarray) -> np.ndarray:
        """Convert influence values of one copy (n,) or (n, k) to those of the rows, ``SE = sqrt(Σ ψ²) / n``."""
        if self.weights is None:
            return psi
        # Copies are summed within a cluster; squares are summed over unclustered copies.
        own = np.sqrt(self.row_weight) if self.frequency and self.clusters is None else self.row_weight
        factor = own * (self.n / self.row_weight.sum())
        return psi * (factor if psi.ndim == 1 else factor[:, None])

    def result(
        self,
        metric: str,
        values: Any,
        *,
        method: str,
        influence: Any = None,
        se: Any = None,
        reasons: Sequence[str] = (),
        objections: Sequence[Objection] = (),
        horizon: Any = None,
        kind: type | None = None,
        **fields: Any,
    ) -> Any:
        """Build an `OverHorizons` (or a subclass ``kind``) from arrays over the horizons.

        ``influence`` (n, k) is on the scale of the rows, or a function that returns it shaped for the caller, in which
        case ``se`` is given. A value with a reason, and all values derived from it, are NaN; one whose reason
        is of its interval is kept.
        """
        reason = tuple(reasons) if len(reasons) else ("",) * np.size(values)
        bad = np.array([bool(text) and not of_interval(text) for text in reason])
        value = np.where(bad, np.nan, np.atleast_1d(values))
        if se is None:
            se = influence_se(influence, self.clusters)
        error = np.where(bad, np.nan, np.atleast_1d(se))
        low, high = interval(value, error, self.confidence)
        times = np.atleast_1d(self.horizons if horizon is None else horizon)  # NaN: no horizon
        if influence is not None and not callable(influence) and self.scalar:
            influence = influence[:, 0]
        return (kind or OverHorizons)(
            metric=metric,
            tier="prognostic",
            value=shaped(value, self.scalar),
            se=shaped(error, self.scalar),
            low=shaped(low, self.scalar),
            high=shaped(high, self.scalar),
            confidence=self.confidence,
            method=method,
            horizon=None if np.isnan(times).any() else shaped(times, self.scalar),
            cause=self.cause,
            target=self.target,
            n=round(float(self.copies.sum())),
            n_events=self.n_events,
            reason=reason[0] if self.scalar else reason,
            influence=influence,
            clusters=self.clusters,
            objections=tuple(dict.fromkeys((*self.doubts, *objections))),
            **fields,
        )

    @cached_property
    def doubts(self) -> tuple[Objection, ...]:
        """Objections that apply to all metrics: one cluster, or events but none of the cause of interest."""
        alone: tuple[Objection, ...] = ()
        if self.clusters is not None and self.n > 0 and not self.clusters.any():
            alone = (objection("one-cluster"),)
        if self.kind == "status":
            return alone
        seen = np.unique(self.y["event"])
        seen = seen[seen > 0]
        if seen.size == 0 or self.cause in seen:
            return alone
        return (
            *alone,
            objection("cause-not-seen", cause=self.cause, seen=seen.tolist()),
        )

    @cached_property
    def n_events(self) -> int:
        """Number of patients known to have had the event of interest by the last horizon."""
        last = self.horizons[-1]
        if self.kind == "status":
            known = self.y["status"] == 1
        else:
            end = self.y["time"] if self.kind == "right" else self.y["upper"]
            known = (self.y["event"] == self.cause) & (end <= last)
        return round(float(self.copies[known].sum()))


def _shared(setting: Setting) -> Setting:
    """Return an equal setting of the same `shared_settings`, if there is one."""
    shared = _SHARED.get()
    if shared is None:
        return setting
    for other in tuple(shared.settings):
        if other.y is setting.y and _equal(other, setting):
            return other
    setting.__dict__["_kept"] = {}
    shared.settings.append(setting)
    return setting


def _weights_of_rows(y: np.ndarray, weights: Weights | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of the rows in sums and in sums of squares; ones are made once within `shared_settings`."""
    if weights is not None:
        return weights.values, weights.values if weights.kind == "frequency" else weights.values**2
    shared = _SHARED.get()
    for other in tuple(shared.settings) if shared is not None else ():
        if other.y is y and other.weights is None:
            return other.row_weight, other.square_weight
    ones = np.ones(y.shape[0])
    return ones, ones


def _equal(one: Setting, other: Setting) -> bool:
    """Return whether all fields except the outcome are equal."""
    plain = ("kind", "scalar", "cause", "target", "confidence", "min_at_risk", "min_censoring_survival")
    if one.censoring is not other.censoring or any(getattr(one, name) != getattr(other, name) for name in plain):
        return False
    if (one.weights is None) != (other.weights is None) or (one.clusters is None) != (other.clusters is None):
        return False
    if one.weights is not None and other.weights is not None and one.weights.kind != other.weights.kind:
        return False
    arrays = ("horizons", "row_weight") if one.clusters is None else ("horizons", "row_weight", "clusters")
    return all(
        getattr(one, name) is getattr(other, name)
        or np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "horizons")
        for name in arrays
    )


def _horizons(y: np.ndarray, kind: OutcomeKind, horizons: Any) -> tuple[np.ndarray, bool]:
    """Return the grid and whether it was one number; a `Status` contains its own horizon."""
    own = status_horizon(y) if kind == "status" else None
    if horizons is None:
        if kind != "status":
            raise argument_error("horizons", "given: a number or a sequence of numbers, in the unit of `y`", "None")
        return np.array([np.nan if own is None else own]), True
    grid, scalar = check_horizons(horizons)
    if kind == "status" and (grid.size != 1 or (own is not None and grid[0] != own)):
        raise argument_error(
            "horizons",
            f"the horizon of the visit, {own:g}" if own is not None else "one horizon",
            str(grid.tolist()),
            "A Status is known at one visit only; leave `horizons` out.",
        )
    return grid, scalar
