"""``ScorePlan``: the score that is the outcome of a study, with its range, its cut and its measurement error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lbp_prognosis._base import ArgumentError, argument_error, check_choice, check_number
from lbp_prognosis.cohort import OutcomeDefinition, ScoreAtVisit, outcome_from_dict
from lbp_prognosis.study._data_plan import DataPlan
from lbp_prognosis.study._model_plan import COMBINED, COMBINED_SCORES, MODEL_KINDS, SCORE_KINDS, ModelPlan

__all__ = ["ScorePlan", "package_outcome", "score_conflicts"]

Conflict = tuple[str, str, str, str, str]
"""Path of the key, reason, accepted, got, remedy."""


@dataclass(frozen=True)
class ScorePlan:
    """A score at a visit, of the column ``[table] score``, or of a package with ``[outcome] kind = "score"``.

    Attributes
    ----------
    lower, upper : float
        Range of the instrument.
    kind : {"ordinal", "continuous"}
        Whether differences between scores are meaningful.
    at_most, at_least : float or None
        The declared cut, one of the two: a score of at most (at least) this value is the event of ``[outcome]``. Models
        are fitted to the score; decisions and claims are about this event.
    baseline : str
        Column of the same score at time zero; for a package the instrument of the outcome.
    smallest_detectable : float or None
        Smallest detectable change of the instrument, in points.
    important : float or None
        Minimal important change, in points: a fall of at least this is a response.
    earlier : mapping of str to str
        Time of each visit before the horizon to the column of the score at that visit, for ``longitudinal_outcome``
        (wide table; for a package ``[outcome] earlier`` lists the times).
    """

    lower: float
    upper: float
    kind: str = "ordinal"
    at_most: float | None = None
    at_least: float | None = None
    baseline: str = ""
    smallest_detectable: float | None = None
    important: float | None = None
    earlier: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("score.kind", self.kind, ("ordinal", "continuous"))
        low = check_number("score.lower", self.lower)
        high = check_number("score.upper", self.upper, low=low, open_low=True)
        if (self.at_most is None) == (self.at_least is None):
            raise argument_error(
                "score",
                "a table with `at_most` or `at_least`",
                "neither" if self.at_most is None else "both",
                "The cut is declared before the data are seen: decisions and claims are about the event it defines.",
            )
        if self.at_most is not None:
            check_number("score.at_most", self.at_most, low=low, high=high, open_high=True)
        if self.at_least is not None:
            check_number("score.at_least", self.at_least, low=low, high=high, open_low=True)
        for name in ("smallest_detectable", "important"):
            value = getattr(self, name)
            if value is None:
                continue
            check_number(f"score.{name}", value, low=0, high=high - low, open_low=True)
            if not self.baseline:
                raise argument_error(f"score.{name}", "given with `baseline`, from which change is counted", value)

        if len(self.visits) < len(self.earlier) or len(set(self.earlier.values())) < len(self.earlier):
            raise argument_error("score.earlier", "different times and columns", dict(self.earlier))

    @property
    def visits(self) -> dict[float, str]:
        """Times of the earlier visits, in order, to their columns."""
        out = {}
        for time, column in self.earlier.items():
            try:
                out[check_number("score.earlier", float(time), low=0, open_low=True)] = column
            except ValueError:
                words = 'a table from times above 0 to columns, e.g. { "1.5" = "nrs_6_weeks" }'
                raise argument_error("score.earlier", words, repr(time)) from None
        return dict(sorted(out.items()))

    @property
    def words(self) -> str:
        """The range and the cut in words."""
        cut = f"at most {self.at_most:g}" if self.at_least is None else f"at least {self.at_least:g}"
        return f"{self.lower:g} to {self.upper:g} ({self.kind}); the event is a score of {cut}"


_OF_SCORE = ("lower", "upper", "at_most", "at_least")  # of `ScoreAtVisit`, declared in [score]


def package_outcome(outcome: Mapping[str, Any], score: ScorePlan | None) -> OutcomeDefinition:
    """Return the outcome definition of a package; a score has the range and the cut of ``[score]``.

    Parameters
    ----------
    outcome : mapping
        Table ``[outcome]``.
    score : ScorePlan or None
        Table ``[score]``.

    Raises
    ------
    ArgumentError
        If the tables describe no outcome.
    """
    told = {key: value for key, value in outcome.items() if key != "schedule"}
    if score is not None and told.get("kind") == "score":
        told |= {name: getattr(score, name) for name in _OF_SCORE if getattr(score, name) is not None}
        told["measurement"] = score.kind
    return outcome_from_dict(told)


def score_conflicts(
    data: DataPlan | None,
    score: ScorePlan | None,
    models: Sequence[ModelPlan | None],
    outcome: Mapping[str, Any],
    *,
    declared: bool,
) -> Iterator[Conflict]:
    """Yield contradictions between parts of a protocol about a score.

    Parameters
    ----------
    data : DataPlan or None
        Source of the rows; None if it could not be read.
    score : ScorePlan or None
        The score; None if there is none, or it could not be read.
    models : sequence of ModelPlan or None
        Models; None for those that could not be read.
    outcome : mapping
        Table ``[outcome]``.
    declared : bool
        Whether there is a table ``[score]``, readable or not.
    """
    if data is None:
        return
    packed = bool(data.package) and outcome.get("kind") == "score"
    if not declared and (data.score or packed):
        where = 'kind = "score" of [outcome]' if packed else "`score` of [table]"
        yield ("score", "missing_key", f"a table with lower, upper and a cut, for {where}", "no [score]", "")
    if declared and not (data.score or packed):
        remedy = 'Say kind = "score" in [outcome].' if data.package else "Name the column in [table]: score = …"
        yield ("score", "conflict", "left out of a study without a score", "given", remedy)
        return
    for number, plan in enumerate(models, start=1):
        if plan is not None:
            yield from _of_kinds(f"model.{number}", plan, of_score=packed or bool(data.score))
    if packed:
        yield from _of_package(outcome, score)
    if data.score:
        yield from _of_wide(data.score, outcome, score)
    if not (packed or data.score):
        return
    told = outcome.get("earlier", ())
    of_package = list(told) if isinstance(told, list | tuple) else []  # else reported with the outcome
    earlier = of_package if packed else [] if score is None else list(score.visits)
    if score is not None:
        field = "outcome.earlier" if packed else "score.earlier"
        yield from _of_earlier(field, earlier, models)
    polarity = outcome.get("polarity")
    if score is not None and packed:
        try:
            made = package_outcome(outcome, score)
        except ArgumentError:  # reported with the outcome
            return
        assert isinstance(made, ScoreAtVisit)
        polarity = made.spec.polarity
    if score is not None and score.important is not None:
        falls = (score.at_least is None) == (polarity == "good")
        if not falls:
            yield (
                "score.important",
                "conflict",
                "left out where a high score is good: a response is a fall",
                f"{score.important:g}",
                "Reverse the score, or leave it out.",
            )


def _of_kinds(path: str, plan: ModelPlan, *, of_score: bool) -> Iterator[Conflict]:
    """Yield models, or models inside them, of another outcome."""
    others = tuple(kind for kind in MODEL_KINDS if kind not in SCORE_KINDS)
    kinds = (*SCORE_KINDS, *COMBINED_SCORES) if of_score else others
    words = "a model of a score"
    if not of_score:
        words = 'a model of a risk of events; models of scores need [table] score = …, or [outcome] kind = "score"'
    if plan.kind not in kinds:
        yield (f"{path}.kind", "conflict", words, repr(plan.kind), f"One of {', '.join(kinds)}.")
        return
    if plan.kind not in COMBINED:
        return
    known = tuple(kind for kind in SCORE_KINDS if kind != "longitudinal_outcome") if of_score else others
    for name, inside in plan.learners().items():
        if inside.kind not in known:
            yield (
                f"{path}.{plan.learners_at}.{name}",
                "conflict",
                words,
                repr(inside.kind),
                f"One of {', '.join(known)}.",
            )


def _of_wide(column: str, outcome: Mapping[str, Any], score: ScorePlan | None) -> Iterator[Conflict]:
    """Yield contradictions about the score of a wide table."""
    if score is not None:
        yield from _of_columns(column, score)
    horizons = outcome.get("horizons")
    if isinstance(horizons, list | tuple) and len(horizons) != 1:
        yield ("outcome.horizons", "conflict", "one time, that of the visit of the score", str(list(horizons)), "")
    last = horizons[0] if isinstance(horizons, list | tuple) and len(horizons) == 1 else None
    late = [] if score is None else [t for t in score.visits if isinstance(last, int | float) and t >= last]
    if late:
        yield ("score.earlier", "conflict", f"times before the horizon, {last:g}", str(late), "")


def _of_package(outcome: Mapping[str, Any], score: ScorePlan | None) -> Iterator[Conflict]:
    """Yield contradictions about the score of a package."""
    for name in (*_OF_SCORE, "measurement"):
        if name in outcome:
            yield (f"outcome.{name}", "conflict", "left out: [score] declares it", repr(outcome[name]), "")
    if score is None:
        return
    instrument = outcome.get("instrument")
    if score.baseline and score.baseline != instrument:
        words = f"the instrument of [outcome], {instrument!r}, whose value at time zero is a column of the cohort"
        yield ("score.baseline", "conflict", words, repr(score.baseline), "")
    if score.earlier:
        remedy = "List the times in [outcome]: earlier = [3, 6]."
        yield ("score.earlier", "conflict", "left out for a package", repr(dict(score.earlier)), remedy)


def _of_columns(outcome: str, score: ScorePlan) -> Iterator[Conflict]:
    """Yield columns named for the scores of two visits: the change would be zero for all patients."""
    named = {"outcome": outcome, "baseline": score.baseline} if score.baseline else {"outcome": outcome}
    if score.baseline == outcome:
        yield ("score.baseline", "conflict", "another column than `score` of [table]", repr(score.baseline), "")
    for time, column in score.visits.items():
        if column in named.values():
            words = f"other columns than those of {' and '.join(named)}"
            yield ("score.earlier", "conflict", words, f"{column!r} at {time:g}", "")


def _of_earlier(field: str, earlier: Sequence[Any], models: Sequence[ModelPlan | None]) -> Iterator[Conflict]:
    """Yield contradictions between earlier visits and the models that use them."""
    if any(plan is None for plan in models):
        return
    used = "longitudinal_outcome" in [plan.kind for plan in models if plan is not None]
    if used and not earlier:
        yield (field, "conflict", "given for longitudinal_outcome, a model of several visits", "nothing", "")
    if earlier and not used:
        yield (field, "conflict", "left out where no model is a longitudinal_outcome", "given", "")
