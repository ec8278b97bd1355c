"""One metric with its uncertainty, and the paired difference of two."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from lbp_prognosis._base._distributions import norm, student
from lbp_prognosis._base._errors import argument_error
from lbp_prognosis._base._gap import of_interval
from lbp_prognosis._base._metric_registry import check_metrics
from lbp_prognosis._base._objection import Objection
from lbp_prognosis._base._range_interval import inside_range
from lbp_prognosis._base._result import Result, metric_frame

__all__ = ["MetricResult", "influence_se", "interval", "why_missing"]

_UNSAID = "no reason is given"
_ROWS = 1 << 14  # whose differences stay in the cache
_KEPT = 1_000_000  # influence values: more are made again when they are asked for again


def influence_se(influence: np.ndarray, clusters: np.ndarray | None = None) -> np.ndarray:
    """Standard error from per-row influence values.

    Parameters
    ----------
    influence : ndarray of shape (n,) or (n, k)
        Influence values ψ with ``estimate ≈ truth + mean(ψ)``.
    clusters : ndarray of shape (n,), optional
        Integer codes; values are summed within a cluster first.

    Returns
    -------
    ndarray of shape () or (k,)
        ``sqrt(Σ ψ²) / n``; with clusters ``sqrt(m/(m−1) Σ_c (Σ ψ)²) / n`` with m clusters.
    """
    n = influence.shape[0]
    if clusters is None:
        return np.sqrt(np.einsum("i...,i...->...", influence, influence)) / n
    codes = int(clusters.max()) + 1
    flat = influence.reshape(n, -1)
    sums = np.stack([np.bincount(clusters, weights=column, minlength=codes) for column in flat.T], axis=1)
    scale = codes / (codes - 1) if codes > 1 else np.nan
    return (np.sqrt(scale * np.sum(sums**2, axis=0)) / n).reshape(influence.shape[1:])


def interval(
    value: Any, se: Any, confidence: float, scale: str = "identity", df: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Wald interval on a scale and back.

    Parameters
    ----------
    value, se : float or ndarray
        Estimate and its standard error on the natural scale.
    confidence : float
        Level in (0, 1).
    scale : {"identity", "log", "logit"}
        Where the interval is symmetric; the standard error is carried there by the delta method.
    df : float, optional
        Degrees of freedom of a t quantile; normal if None.
    """
    value, se = np.asarray(value, dtype=float), np.asarray(se, dtype=float)
    upper = 0.5 + confidence / 2
    z = float(ndtri(upper) if df is None else student.ppf(upper, df))
    if scale == "identity":
        return value - z * se, value + z * se
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "log":
            half = z * se / value
            return value * np.exp(-half), value * np.exp(half)
        if scale == "logit":
            logit = np.log(value / (1 - value))
            half = z * se / (value * (1 - value))
            return 1 / (1 + np.exp(-(logit - half))), 1 / (1 + np.exp(-(logit + half)))
    raise argument_error("scale", "'identity', 'log' or 'logit'", scale)


def why_missing(given: str, value: float, low: float, clusters: np.ndarray | None = None) -> str:
    """Return why a value or its interval is missing; what was given, or why there is no standard error.

    Parameters
    ----------
    given : str
        Reason of the value; wins.
    value, low : float
        Estimate and lower limit.
    clusters : ndarray of shape (n,), optional
        Codes used for the standard error.
    """
    if given or np.isfinite(low) or not np.isfinite(value):
        return given
    if clusters is not None and clusters.size and np.ptp(clusters) == 0:
        return "no interval: all rows are of one cluster"
    return "no interval: its standard error cannot be estimated"


class _Deferred:
    """A field that may be given as a function without arguments, called when the value is first read.

    At many horizons influence values are a matrix larger than the data, which most callers never look at. The
    function must be importable (a `functools.partial` of one that is), so that results can travel between processes.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._stored = f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return None
        value = instance.__dict__.get(self._stored)
        if callable(value):
            value = instance.__dict__[self._stored] = value()
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._stored] = None if value is self else value


@dataclass(frozen=True, repr=False)
class MetricResult(Result):
    """One metric: a number, or one number per horizon, with standard error and interval.

    ``value``, ``se``, ``low`` and ``high`` have the shape of the ``horizons`` that were asked for: floats for a
    single number, arrays of shape (n_horizons,) for a sequence.

    Attributes
    ----------
    metric : str
        Name in the metric registry, e.g. ``"brier"``.
    tier : str
        ``"technical"``, ``"diagnostic"``, ``"prognostic"`` or ``"utility"``.
    value, se, low, high : float or ndarray
        Estimate, standard error and confidence limits.
    confidence : float
        Level of the interval.
    method : str
        Convention in a few words, e.g. ``"IPCW, marginal Kaplan–Meier censoring"``. Limits that would leave the range
        of the metric are those of a logit (or log) scale, which is said here.
    horizon : float or ndarray or None
        Time(s) the estimate refers to, in the unit of the outcome.
    cause : int or None
        Event code of interest.
    target : str or None
        ``"event"`` or ``"no_event"``.
    model, group : str
        Labels that travel into frames.
    n, n_events : int
        Rows, and events of interest, used.
    reason : str or tuple of str
        Why a value, or its interval, is NaN; empty otherwise. `reasons` has it for each value.
    influence : ndarray of shape (n,) or (n, n_horizons) or None
        Per-row influence values (hidden from ``repr``), the basis of paired differences.
    clusters : ndarray or None
        Cluster codes used for the standard error.
    reference : str
        For a difference: the model subtracted; "the other" where it had no name.
    draws : tuple of (str, ndarray of shape (n_draws,) or (n_draws, n_horizons)) or None
        Values in resamples of the rows, and a mark of the resamples: of two results with one mark the difference is
        paired resample by resample. Only for metrics whose error no influence value can describe (hidden from
        ``repr``).
    """

    metric: str
    tier: str
    value: Any
    se: Any
    low: Any
    high: Any
    confidence: float
    method: str
    horizon: Any = None
    cause: int | None = None
    target: str | None = None
    model: str = ""
    group: str = ""
    n: int | None = None
    n_events: int | None = None
    reason: Any = ""
    influence: Any = field(default=_Deferred(), repr=False, compare=False)
    clusters: np.ndarray | None = field(default=None, repr=False, compare=False)
    reference: str = ""
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False
    draws: Any = field(default=_Deferred(), repr=False, compare=False)

    def __post_init__(self) -> None:
        check_metrics((self.metric,))
        if not self.reference:  # a difference has another range
            self._keep_in_range()

    def _keep_in_range(self) -> None:
        """Replace limits outside the range of the metric by those of an unbounded scale, and say so."""
        low, high, words = inside_range(self.metric, self.value, self.low, self.high)
        if words:
            single = np.ndim(self.value) == 0
            object.__setattr__(self, "low", float(low) if single else low)
            object.__setattr__(self, "high", float(high) if single else high)
            object.__setattr__(self, "method", f"{self.method}; {words}")

    @property
    def p(self) -> Any:
        """Two-sided p-value of the null value zero (for differences and slopes' deviations)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return 2 * norm.sf(np.abs(np.asarray(self.value, dtype=float) / self.se))

    def named(self, model: str) -> MetricResult:
        """Return the result, and the results it carries, under a model's name."""
        stored = {name: self.__dict__.get(f"_{name}") for name in ("influence", "draws")}
        carried = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name not in stored}
        inner = {
            name: part.named(model)
            for name, part in carried.items()
            if isinstance(part, MetricResult) and not part.model
        }
        # passed on as they are stored, so that deferred values are not computed for a label
        return replace(self, model=model, **stored, **inner)  # type: ignore[arg-type]

    def comparable(self, other: MetricResult) -> bool:
        """Return whether both carry influence values, or values in resamples, from which a difference can be made."""
        kept, others = self.__dict__, other.__dict__
        return any(kept.get(name) is not None and others.get(name) is not None for name in ("_influence", "_draws"))

    def minus(self, other: MetricResult) -> MetricResult:
        """Paired difference ``self − other`` on the same rows, with its standard error and interval.

        Raises
        ------
        ArgumentError
            If the two are not the same metric at the same horizons on the same rows.
        """
        same = (
            self.metric == other.metric
            and np.array_equal(np.asarray(self.horizon, dtype=object), np.asarray(other.horizon, dtype=object))
            and self.cause == other.cause
            and self.target == other.target
        )
        if not same:
            raise argument_error("other", f"the metric {self.metric!r} at the same horizons", repr(other))
        paired = _paired_draws(self, other)
        mine, theirs = (None, None) if paired is not None else (_influence_of(self), _influence_of(other))
        if paired is None and (mine is None or theirs is None or mine.shape != theirs.shape):
            raise argument_error(
                "other",
                "a result on the same rows that carries influence values, or draws of the same resamples",
                repr(other),
                "Compute both with the same function, on the same `y` and with the same `random_state`.",
            )
        value = np.asarray(self.value, dtype=float) - np.asarray(other.value, dtype=float)
        influence: Any = None
        if paired is not None:
            se = paired[1].std(axis=0)
        else:
            assert mine is not None
            assert theirs is not None
            if mine.size > _KEPT and self.clusters is None:
                se = _se_between(mine, theirs)
                influence = partial(_influence_between, self, other)
            else:
                influence = mine - theirs
                se = influence_se(influence, self.clusters)
                influence = partial(_influence_between, self, other) if influence.size > _KEPT else influence
        low, high = interval(value, se, self.confidence)
        shape = (lambda a: float(a)) if np.ndim(self.value) == 0 else (lambda a: np.asarray(a))
        return replace(
            self,
            value=shape(value),
            se=shape(se),
            low=shape(low),
            high=shape(high),
            influence=influence,
            draws=paired,
            reference=other.model or "the other",
            reason=_join_reasons(self.reason, other.reason),
            objections=tuple(dict.fromkeys((*self.objections, *other.objections))),
            synthetic=self.synthetic or other.synthetic,
        )

    def labelled(self, **fields: Any) -> MetricResult:
        """Return a copy with other labels or objections; influence values that are made on demand stay so.

        Parameters
        ----------
        **fields
            Names and values of fields, e.g. ``model="clinical"``.
        """
        unknown = fields.keys() - self.__dataclass_fields__.keys()
        if unknown:
            raise argument_error("fields", "names of fields of the result", f"{sorted(unknown)}")
        other = copy(self)
        for name, value in fields.items():
            object.__setattr__(other, name, value)
        if {"low", "high"} & fields.keys() and not other.reference:
            other._keep_in_range()
        return other

    def reasons(self) -> tuple[str, ...]:
        """Return for each value why it, or its interval, is missing; an empty text where nothing is."""
        values, lows = (np.atleast_1d(np.asarray(a, dtype=float)) for a in (self.value, self.low))
        given = (self.reason,) * values.size if isinstance(self.reason, str) else tuple(self.reason)
        return tuple(why_missing(*one, self.clusters) for one in zip(given, values, lows))

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of `to_frame` as plain mappings, for frames of many results."""
        values, ses, lows, highs = (
            np.atleast_1d(np.asarray(a, dtype=float)) for a in (self.value, self.se, self.low, self.high)
        )
        horizons = np.atleast_1d(np.asarray(np.nan if self.horizon is None else self.horizon, dtype=float))
        reasons = self.reasons()
        return [
            {
                "model": self.model,
                "tier": self.tier,
                "metric": self.metric,
                "cause": self.cause,
                "horizon": horizons[min(k, horizons.size - 1)],
                "group": self.group,
                "value": values[k],
                "se": ses[k],
                "low": lows[k],
                "high": highs[k],
                "confidence": self.confidence,
                "method": self.method,
                "n": self.n,
                "n_events": self.n_events,
                "reason": reasons[k],
                "target": self.target,
                "reference": self.reference,
            }
            for k in range(values.size)
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per horizon, with the columns of `METRIC_COLUMNS`, then ``target`` and ``reference``."""
        return metric_frame(self.rows(), extra=("target", "reference"))

    def _summary(self) -> str:
        pair = f" of {self.model} −" if self.model else " from"
        name = f"difference in {self.metric}{pair} {self.reference}:" if self.reference else self.metric
        if np.ndim(self.value) == 0:
            return f"{name} {_with_interval(self.value, self.low, self.high, self.reasons()[0])}"
        return f"{name} {_at_horizons(self.value, self.low, self.high, self.horizon, self.reasons())}"


def _influence_of(result: MetricResult) -> np.ndarray | None:
    """Influence values; large ones that are made on demand are not kept for the next demand."""
    stored: Any = result.__dict__["_influence"]
    made: np.ndarray | None = stored() if callable(stored) else stored
    if made is not None and made.size <= _KEPT:
        result.__dict__["_influence"] = made
    return made


def _se_between(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Standard error from the differences of influence values, without a table of them."""
    squares: Any = 0.0
    for low in range(0, mine.shape[0], _ROWS):
        some = mine[low : low + _ROWS] - theirs[low : low + _ROWS]
        squares = squares + np.einsum("i...,i...->...", some, some)
    return np.sqrt(squares) / mine.shape[0]


def _influence_between(first: MetricResult, second: MetricResult) -> np.ndarray:
    mine, theirs = _influence_of(first), _influence_of(second)
    assert mine is not None
    assert theirs is not None
    return mine - theirs


def _paired_draws(first: MetricResult, second: MetricResult) -> tuple[str, np.ndarray] | None:
    """Differences in the same resamples, if both results were computed in them."""
    if first.draws is None or second.draws is None:
        return None
    (mark, values), (other_mark, other_values) = first.draws, second.draws
    return (mark, values - other_values) if mark == other_mark and values.shape == other_values.shape else None


def _with_interval(value: float, low: float, high: float, why: str) -> str:
    """Say a number with its interval, or why there is none."""
    if np.isnan(value):
        return f"not estimable: {why or _UNSAID}"
    return f"{value:.4g} ({why})" if np.isnan(low) else f"{value:.4g} ({low:.4g} to {high:.4g})"


def _at_horizons(value: Any, low: Any, high: Any, horizon: Any, reasons: tuple[str, ...]) -> str:
    """Say the numbers at up to three horizons, and at the first and last of more."""
    times = np.broadcast_to(np.asarray(np.nan if horizon is None else horizon, dtype=float), np.shape(value))
    shown = range(len(value)) if len(value) <= 3 else (0, len(value) - 1)
    parts = []
    for k in shown:
        at = f" at {times[k]:g}" if np.isfinite(times[k]) else ""
        if np.isnan(value[k]):
            parts.append(f"not estimable{at}: {reasons[k] or _UNSAID}")
        else:
            parts.append(_with_interval(value[k], low[k], high[k], reasons[k]) + at)
    return f"at {len(value)} horizons, {parts[0]} … {parts[1]}" if len(value) > 3 else "; ".join(parts)


def _join_reasons(first: Any, second: Any) -> Any:
    """Return why a difference is missing: a missing interval of one of the two says nothing about the difference."""
    if isinstance(first, str) and isinstance(second, str):
        return next((text for text in (first, second) if text and not of_interval(text)), "")
    size = max(len(first) if not isinstance(first, str) else 1, len(second) if not isinstance(second, str) else 1)
    left = (first,) * size if isinstance(first, str) else tuple(first)
    right = (second,) * size if isinstance(second, str) else tuple(second)
    return tuple(_join_reasons(a, b) for a, b in zip(left, right))
