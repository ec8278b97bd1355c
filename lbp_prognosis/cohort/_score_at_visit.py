"""``ScoreAtVisit``: the score of an instrument at a fixed visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, check_choice, check_number, time_words
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome
from lbp_prognosis.cohort._timeline import Timeline
from lbp_prognosis.cohort._visit_course import Course, competing_days
from lbp_prognosis.cohort._visit_outcome import attrition_objection, undated_note
from lbp_prognosis.schema import days_per, instrument_ranges
from lbp_prognosis.survival import Measured, OutcomeSpec

__all__ = ["ScoreAtVisit"]

_CHOICES = ("nearest", "first", "last", "mean")


@dataclass(frozen=True)
class ScoreAtVisit:
    """Total of an instrument at the visit of ``horizon``, as a score (`Measured`).

    Attributes
    ----------
    horizon : float
        Time of the visit, in ``unit``.
    instrument : str
        Name in ``prom``.
    lower, upper : float, optional
        Range of the total; by default that of a known instrument (``data_schemas/instruments.json``).
    measurement : {"ordinal", "continuous"}
        Whether differences between scores are meaningful.
    at_most, at_least : float, optional
        Declared cut, at most one of the two: a score of at most (at least) this value is the event.
    better : {"lower", "higher"}, optional
        Which scores are good; by default the direction of a known instrument. It decides whether the event is good.
    window : float
        Half-width of the visit window as a share of the horizon.
    choice : {"nearest", "first", "last", "mean"}
        Which of several totals in the window is taken: that nearest to the horizon (of two equally near the earlier),
        the first, the last, or the mean of all. A mean needs a continuous score.
    earlier : tuple of float
        Times of visits before the horizon, whose scores models of several visits use; the window is the same share.
    unit : str
        days, weeks, months or years.
    estimand : str
        As in `OutcomeSpec`.

    Notes
    -----
    All eligible patients have a part. A score is not observed (NaN) without an attended visit with a total in the
    window; totals after the administrative end or after death do not count. The flow counts patients without a total,
    those of them who died before the end of the window or have a total at a missed or undated visit, and patients with
    several totals.

    Examples
    --------
    >>> from lbp_prognosis.cohort import ScoreAtVisit
    >>> ScoreAtVisit(12, "odi", at_most=22).spec.definition
    'odi (0 to 100) of at most 22 at the visit of 12 months'
    """

    horizon: float
    instrument: str
    lower: float | None = None
    upper: float | None = None
    measurement: str = "ordinal"
    at_most: float | None = None
    at_least: float | None = None
    better: str | None = None
    window: float = 0.2
    choice: str = "nearest"
    earlier: tuple[float, ...] = ()
    unit: str = "months"
    estimand: str = "treatment-policy"

    def __post_init__(self) -> None:
        horizon = check_number("horizon", self.horizon, low=0, open_low=True)
        check_choice("measurement", self.measurement, ("ordinal", "continuous"))
        check_choice("choice", self.choice, _CHOICES)
        if self.better is not None:
            check_choice("better", self.better, ("lower", "higher"))
        if not 0 <= check_number("window", self.window) < 1:
            raise argument_error("window", "a share of the horizon in [0, 1)", self.window)
        if self.choice == "mean" and self.measurement == "ordinal":
            raise argument_error(
                "choice",
                "'nearest', 'first' or 'last' for an ordinal score",
                "'mean', whose values need not be scores of the instrument",
                "Or declare the score continuous, if differences between scores are meaningful.",
            )
        times = [
            check_number("earlier", time, low=0, high=horizon, open_low=True, open_high=True) for time in self.earlier
        ]
        if times != sorted(set(times)):
            raise argument_error("earlier", "increasing times before the horizon", list(self.earlier))
        edges = [time * (1 + side * self.window) for time in (*times, horizon) for side in (-1, 1)]
        if any(last >= first * (1 - 1e-9) for last, first in zip(edges[1::2], edges[2::2])):
            raise argument_error(
                "earlier",
                f"times whose windows of {self.window:.0%} do not overlap, nor that of the horizon {horizon:g}",
                list(self.earlier),
                "A narrower `window` keeps a total from counting twice.",
            )
        self._range()
        self._better()
        if self.at_most is not None and self.at_least is not None:
            raise argument_error("at_most, at_least", "one of them", f"{self.at_most:g} and {self.at_least:g}")
        Measured.at(
            horizon, [], lower=self._range()[0], upper=self._range()[1], at_most=self.at_most, at_least=self.at_least
        )

    def _range(self) -> tuple[float, float]:
        known = instrument_ranges().get(self.instrument, {})
        low = known.get("minimum") if self.lower is None else self.lower
        high = known.get("maximum") if self.upper is None else self.upper
        if low is None or high is None:
            raise argument_error(
                "lower, upper", f"given for {self.instrument!r}, whose range is not known", f"{low} and {high}"
            )
        return float(low), float(high)

    def _better(self) -> str:
        known = instrument_ranges().get(self.instrument, {}).get("direction", "none")
        found = self.better or {"higher_worse": "lower", "higher_better": "higher"}.get(known)
        if found is None:
            words = f"'lower' or 'higher' for {self.instrument!r}, whose direction is not known"
            raise argument_error("better", words, "nothing")
        return found

    @property
    def spec(self) -> OutcomeSpec:
        """The definition in words and codes; without a cut, of the score itself."""
        (low, high), better = self._range(), self._better()
        event, good = self.instrument, better == "higher"
        words = f"{self.instrument} ({low:g} to {high:g})"
        if self.at_most is not None:
            event, good = f"{self.instrument} at most {self.at_most:g}", better == "lower"
            words += f" of at most {self.at_most:g}"
        elif self.at_least is not None:
            event, good = f"{self.instrument} at least {self.at_least:g}", better == "higher"
            words += f" of at least {self.at_least:g}"
        return OutcomeSpec(
            event,
            f"{words} at the visit of {time_words(self.horizon, self.unit)}",
            "good" if good else "bad",
            "index date",
            self.unit,
            (float(self.horizon),),
            {event.replace(" ", "_"): 1},
            "status",
            self.estimand,
            constructs=(self.instrument,),
        )

    def derive(self, timeline: Timeline, ids: pd.Index) -> DerivedOutcome:
        """Return the score of all patients."""
        totals, (low, high) = timeline.totals(self.instrument), self._range()
        outside = ~totals["value"].between(low, high) & totals["patient_id"].isin(ids)
        if outside.any():
            raise DataError(
                f"Totals of {self.instrument!r} must be from {low:g} to {high:g}; {int(outside.sum())} rows of `prom` "
                "have another value."
            )
        course = Course.of(totals, ids)
        death = competing_days(timeline, ids, ("death",))[0]
        limit = np.minimum(timeline.end.reindex(ids).to_numpy(dtype=float), death)
        value, several = self._at(course, limit, float(self.horizon))
        seen = {time: self._at(course, limit, time)[0] for time in self.earlier}
        observed = ~np.isnan(value)
        last = self.horizon * (1 + self.window) * days_per(self.unit)
        notes = [
            ("no total in the window of the visit: score not observed", int((~observed).sum())),
            ("died by the end of the window without a total in it", int((~observed & (death <= last)).sum())),
            *undated_note(timeline.undated(self.instrument), ids, observed),
            (f"several totals in the window: {_TAKEN[self.choice]} taken", int(several.sum())),
        ]
        y = Measured.at(
            float(self.horizon),
            value,
            lower=low,
            upper=high,
            kind=self.measurement,
            at_most=self.at_most,
            at_least=self.at_least,
        )
        return DerivedOutcome(
            y,
            ids,
            self.spec,
            (),
            observed,
            tuple(notes),
            attrition_objection(observed, self.spec),
            earlier=pd.DataFrame(seen, index=ids) if seen else None,
        )

    def _at(self, course: Course, limit: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the score of each patient at a visit, NaN if not observed, and whether several totals were there."""
        target = time * days_per(self.unit)
        value, several = np.full(limit.size, np.nan), np.zeros(limit.size, dtype=bool)
        near = np.abs(course.day - target) <= self.window * target + 1e-9
        for i in range(limit.size):
            rows = np.arange(course.start[i], course.stop[i])
            rows = rows[near[rows] & (course.day[rows] <= limit[i])]
            if not rows.size:
                continue
            several[i] = rows.size > 1
            if self.choice == "mean":
                value[i] = course.value[rows].mean()
                continue
            place = {"first": 0, "last": -1}.get(self.choice)
            value[i] = course.value[rows[np.abs(course.day[rows] - target).argmin() if place is None else place]]
        return value, several


_TAKEN = {"nearest": "the nearest", "first": "the first", "last": "the last", "mean": "their mean"}
