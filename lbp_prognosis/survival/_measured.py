"""``Measured``: a score at a later visit, with its range and an optional cut that defines a state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    ArgumentError,
    OutcomeError,
    aligned,
    argument_error,
    as_numbers,
    check_choice,
    check_number,
    describe,
)
from lbp_prognosis.survival._status import Status

__all__ = [
    "Measured",
    "MeasuredSpec",
    "RepeatedSpec",
    "measured_at",
    "measured_spec",
    "measured_to_status",
    "repeated_spec",
]

_PREFIX = "measured:"
_REPEATED = "repeated:"


@dataclass(frozen=True)
class MeasuredSpec:
    """Metadata of a measured outcome.

    Attributes
    ----------
    horizon : float
        Time of the visit, in the unit of the study.
    lower, upper : float
        Range of the score.
    kind : {"ordinal", "continuous"}
        Measurement level of the score: whether differences between scores are meaningful.
    at_most, at_least : float or None
        Declared cut: state 1 is a score of at most, or at least, this value.
    """

    horizon: float
    lower: float
    upper: float
    kind: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def cut(self) -> float | None:
        """The declared cut, in either direction."""
        return self.at_most if self.at_least is None else self.at_least


class Measured:
    """A score at a later visit."""

    @staticmethod
    def at(
        horizon: float,
        value: Any,
        *,
        lower: float,
        upper: float,
        kind: str = "ordinal",
        at_most: float | None = None,
        at_least: float | None = None,
        index: Any = None,
    ) -> np.ndarray:
        """Score at ``horizon``.

        Parameters
        ----------
        horizon : float
            Time of the visit, in the unit of the study.
        value : array-like of shape (n,)
            Scores; None or NaN if not observed.
        lower, upper : float
            Range of the instrument; scores outside the range are refused.
        kind : {"ordinal", "continuous"}, default "ordinal"
            Measurement level of the scores.
        at_most, at_least : float, optional
            Cut declared before the data are analysed: a score of at most (at least) this value is state 1. Calibration
            and decision curves then use the risk of this state, while models are fitted to the score.
        index : Index, Series, DataFrame or array-like of shape (n,), optional
            Labels of the rows, in the order of the outcome; labelled values are rearranged to this order. Models and
            evaluation then check that ``X`` has the same labels in the same order.

        Returns
        -------
        ndarray of shape (n,)
            Structured, with the field ``value`` (float); NaN is "not observed"; and, if given, ``label``. The
            declaration is stored in the title of the field. It survives indexing, concatenation, copies between
            processes and ``numpy.save``. Outcomes with different declarations cannot be concatenated.

        Raises
        ------
        ArgumentError
            If a score is outside the range, or an argument is not accepted.

        Examples
        --------
        >>> from lbp_prognosis import Measured
        >>> y = Measured.at(12, [0, 3, None, 7], lower=0, upper=10, at_most=2)
        >>> y["value"].tolist()
        [0.0, 3.0, nan, 7.0]
        """
        if np.ndim(horizon) > 0 and np.ndim(value) == 0:
            raise argument_error(
                "horizon",
                "one number, the time of the visit",
                describe(horizon),
                "The order is Measured.at(horizon, value, lower=…, upper=…).",
            )
        spec = _spec(horizon, lower, upper, kind, at_most, at_least)
        given, labels = aligned({"value": value}, index)
        return _build("value", _scores("value", given["value"], spec), _PREFIX, spec, labels)

    @staticmethod
    def at_visits(
        values: Mapping[float, Any],
        *,
        lower: float,
        upper: float,
        kind: str = "ordinal",
        at_most: float | None = None,
        at_least: float | None = None,
        index: Any = None,
    ) -> np.ndarray:
        """A score at several visits.

        Parameters
        ----------
        values : mapping of float to array-like of shape (n,)
            Scores by time of the visit, for at least two visits; None or NaN if not observed.
        lower, upper, kind, at_most, at_least, index
            As for `Measured.at`; they apply to all visits.

        Returns
        -------
        ndarray of shape (n,)
            Structured, with the field ``values``, (n, n_visits) in the order of time. `measured_at` takes one visit.

        Raises
        ------
        ArgumentError
            If a score is outside the range, or an argument is not accepted.

        Examples
        --------
        >>> from lbp_prognosis import Measured
        >>> y = Measured.at_visits({6: [2, None], 1.5: [4, 7]}, lower=0, upper=10)
        >>> y["values"].tolist()
        [[4.0, 2.0], [7.0, nan]]
        """
        if not isinstance(values, Mapping) or len(values) < 2:
            raise argument_error(
                "values",
                "a mapping from the times of two visits or more to their scores",
                describe(values),
                "Measured.at_visits({1.5: at_6_weeks, 12: at_12_months}, lower=0, upper=10); Measured.at is one visit.",
            )
        times = {visit: check_number("values", visit, low=0, open_low=True) for visit in values}
        order = sorted(values, key=times.__getitem__)
        if len(set(times.values())) < len(times):
            raise argument_error("values", "different visits", [times[visit] for visit in order])
        spec = _spec(times[order[-1]], lower, upper, kind, at_most, at_least)
        names = {visit: f"values[{repr(times[visit]).removesuffix('.0')}]" for visit in order}
        given, labels = aligned({names[visit]: values[visit] for visit in order}, index)
        columns = [_scores(name, given[name], spec) for name in names.values()]
        if len({column.size for column in columns}) > 1:
            raise argument_error("values", "of one length at all visits", [column.size for column in columns])
        repeated = RepeatedSpec(tuple(times[visit] for visit in order), spec)
        return _build("values", np.column_stack(columns), _REPEATED, repeated, labels)


@dataclass(frozen=True)
class RepeatedSpec:
    """Metadata of a score at several visits.

    Attributes
    ----------
    visits : tuple of float
        Times of the visits, increasing.
    last : MeasuredSpec
        Metadata of the score at the last visit; range, kind and cut apply to all visits.
    """

    visits: tuple[float, ...]
    last: MeasuredSpec


def _spec(horizon: Any, lower: Any, upper: Any, kind: Any, at_most: Any, at_least: Any) -> MeasuredSpec:
    low = check_number("lower", lower)
    high = check_number("upper", upper, low=low, open_low=True)
    if at_most is not None and at_least is not None:
        raise argument_error("at_most, at_least", "one of them", f"at_most={at_most!r}, at_least={at_least!r}")
    cuts = {}
    for name, cut in (("at_most", at_most), ("at_least", at_least)):
        cuts[name] = None if cut is None else check_number(name, cut, low=low, high=high)
    return MeasuredSpec(
        horizon=check_number("horizon", horizon, low=0, open_low=True),
        lower=low,
        upper=high,
        kind=check_choice("kind", kind, ("ordinal", "continuous")),
        **cuts,
    )


def _scores(name: str, value: Any, spec: MeasuredSpec) -> np.ndarray:
    try:
        scores = as_numbers(name, value, "numbers, the scores")
    except ArgumentError as refused:
        raise OutcomeError(str(refused)) from None
    if scores.ndim != 1:
        raise argument_error(name, "one-dimensional", f"shape {scores.shape}", kind=OutcomeError)
    if np.isinf(scores).any():
        raise argument_error(name, "finite or missing", "infinite values", kind=OutcomeError)
    outside = np.flatnonzero((scores < spec.lower) | (scores > spec.upper))
    if outside.size:
        raise argument_error(
            name,
            f"between {spec.lower:g} and {spec.upper:g}, the range of the score, or missing",
            f"other values at rows {outside[:5].tolist()} ({outside.size} in all)",
            "A code for missing (99, -9) has to become NaN first.",
            kind=OutcomeError,
        )
    return scores + 0.0  # a score of −0 is 0


def _build(
    field: str, scores: np.ndarray, prefix: str, spec: MeasuredSpec | RepeatedSpec, labels: np.ndarray | None
) -> np.ndarray:
    if labels is not None and labels.size != scores.shape[0]:
        raise argument_error("index", f"of length {scores.shape[0]}, as the scores", f"length {labels.size}")
    title = prefix + json.dumps(asdict(spec), sort_keys=True)
    fields: list[Any] = [((title, field), "f8", scores.shape[1:])] + [("label", "u8")] * (labels is not None)
    y = np.empty(scores.shape[0], dtype=np.dtype(fields))
    y[field] = scores
    if labels is not None:
        y["label"] = labels
    return y


def _declared(y: np.ndarray, field: str, prefix: str, maker: str) -> dict[str, Any]:
    """Return the declaration in the title of a field."""
    for name, (_, _, *title) in (y.dtype.fields or {}).items():
        if name == field and title and str(title[0]).startswith(prefix):
            return dict(json.loads(str(title[0])[len(prefix) :]))
    raise argument_error(
        "y",
        "an outcome with its visit and range",
        "one that has lost them",
        f"Make it by {maker}, and do not rebuild its type.",
        kind=OutcomeError,
    )


def measured_spec(y: np.ndarray) -> MeasuredSpec:
    """Return the metadata of a measured outcome.

    Raises
    ------
    OutcomeError
        If the array has lost its declaration.
    """
    return MeasuredSpec(**_declared(y, "value", _PREFIX, "Measured.at(horizon, value, lower=…, upper=…)"))


def repeated_spec(y: np.ndarray) -> RepeatedSpec:
    """Return the metadata of a score at several visits.

    Raises
    ------
    OutcomeError
        If the array has lost its declaration.
    """
    told = _declared(y, "values", _REPEATED, "Measured.at_visits({visit: scores, …}, lower=…, upper=…)")
    return RepeatedSpec(tuple(told["visits"]), MeasuredSpec(**told["last"]))


def measured_at(y: np.ndarray, visit: float) -> np.ndarray:
    """Return the score at one of several visits as a separate outcome.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Measured.at_visits`.
    visit : float
        Time of one of its visits.

    Returns
    -------
    ndarray of shape (n,)
        Outcome as made by `Measured.at`, with the labels of ``y``.

    Examples
    --------
    >>> from lbp_prognosis.survival import Measured, measured_at
    >>> y = Measured.at_visits({1.5: [4, 7], 6: [2, None]}, lower=0, upper=10)
    >>> measured_at(y, 6)["value"].tolist()
    [2.0, nan]
    """
    spec = repeated_spec(y)
    place = np.flatnonzero(np.isclose(spec.visits, check_number("visit", visit), rtol=1e-9, atol=0))
    if not place.size:
        raise argument_error("visit", f"one of the visits {list(spec.visits)}", visit)
    k = int(place[0])
    labels = y["label"] if "label" in (y.dtype.names or ()) else None
    return _build("value", y["values"][:, k], _PREFIX, replace(spec.last, horizon=spec.visits[k]), labels)


def measured_to_status(y: np.ndarray, *, at_most: Any = None, at_least: Any = None) -> np.ndarray:
    """Return the state defined by a cut of a score.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Measured.at`.
    at_most, at_least : float or array-like of shape (n,), optional
        The cut; by default the declared one. A cut per row, in the order of ``y``, can depend on the baseline: a
        response by the minimal important change is ``at_most=baseline - change``.

    Returns
    -------
    ndarray of shape (n,)
        Made by `Status.at`: 1 for a score of at most (at least) the cut, −1 where the score is missing.

    Raises
    ------
    OutcomeError
        If no cut was declared or given.
    """
    spec = measured_spec(y)
    if at_most is None and at_least is None:
        at_most, at_least = spec.at_most, spec.at_least
    if (at_most is None) == (at_least is None):
        raise argument_error(
            "y",
            "a score with a declared cut",
            "one without",
            "Say Measured.at(…, at_most=2) or at_least=…: decisions need a state, and a cut chosen later is chosen on "
            "the data.",
            kind=OutcomeError,
        )
    value = y["value"]
    name = "at_most" if at_most is not None else "at_least"
    cut = np.asarray(as_numbers(name, at_most if at_most is not None else at_least), dtype=float)
    if cut.shape not in ((), value.shape) or not np.isfinite(cut).all():
        raise argument_error(name, f"a finite number, or {value.size} of them", describe(cut))
    slack = 1e-9 * max(abs(spec.lower), abs(spec.upper), 1.0)  # 10 − 8 equals the cut 2 despite rounding error
    state = value <= cut + slack if at_most is not None else value >= cut - slack
    status = Status.at(spec.horizon, np.where(np.isnan(value), -1, state.astype(int)))
    if "label" not in (y.dtype.names or ()):
        return status
    fields = [("status", "i1"), ("label", "u8")]
    labelled = np.empty(status.size, dtype=np.dtype(fields, metadata=dict(status.dtype.metadata or {})))
    labelled["status"], labelled["label"] = status["status"], y["label"]
    return labelled
