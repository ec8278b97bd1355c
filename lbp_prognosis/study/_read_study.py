"""``read_study``: strict reader of ``study.toml``; all faults are reported in one frame before any work."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from itertools import chain
from typing import Any

from lbp_prognosis._base import ArgumentError, StrictTable, nearest
from lbp_prognosis.biomechanics import trial_rules
from lbp_prognosis.cohort import CohortSpec
from lbp_prognosis.disclosure import MODES
from lbp_prognosis.evaluation import ThresholdRange
from lbp_prognosis.evidence import CLINICAL_MINIMUM, Criteria
from lbp_prognosis.study._data_plan import DataPlan
from lbp_prognosis.study._diagnostic_plan import DiagnosticPlan
from lbp_prognosis.study._model_plan import COMBINED, MODEL_KINDS, ModelPlan
from lbp_prognosis.study._retest_plan import RetestPlan, retest_conflicts
from lbp_prognosis.study._score_plan import ScorePlan, package_outcome, score_conflicts
from lbp_prognosis.study._subgroups_plan import SubgroupsPlan, subgroups_conflicts
from lbp_prognosis.study._technical_plan import OF_MOVEMENT, TechnicalPlan
from lbp_prognosis.study._treatment_plan import TreatmentPlan, treatment_conflicts
from lbp_prognosis.study._updates_plan import UpdatesPlan, updates_conflicts
from lbp_prognosis.study._validation_plan import ValidationPlan
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["PAGE", "read_study"]

TABLES = (
    "title",
    "seed",
    "prespecified",
    "data",
    "table",
    "cohort",
    "imaging",
    "biomechanics",
    "outcome",
    "score",
    "decision",
    "modalities",
    "transform",
    "clinical_minimum",
    "model",
    "comparison",
    "validation",
    "criteria",
    "page",
    "technical",
    "diagnostic",
    "treatment",
    "updates",
    "subgroups",
    "retest",
)
PAGE: dict[str, Any] = {
    "mode": "",
    "smallest_cell": None,
    "release_ledger": "",
    "patient_level": False,
    "table_one_by": "",
}
DESIGN = ("strata", "psu", "fpc", "weight", "weights", "sampling_weight", "cluster", "clusters")
_PACKAGE = ("package", "mapping", "site", "nominal", "values", "synthetic")
_STEP = (0.001, 0.5)
_LARGEST_SEED = 2**63 - 1
_MOVEMENT = 'Trials and sessions are of movement: table = "motion".'
_Columns = tuple[str, ...]


def read_study(table: Any) -> dict[str, Any]:
    """Return the fields of a `Study` without folders.

    Parameters
    ----------
    table : mapping
        Tables and keys of the file.

    Raises
    ------
    ArgumentError
        If the contents are not valid; ``failures`` has one row per fault.
    """
    read = StrictTable("study")
    top = read.keys("study", table, TABLES, ("title", "outcome", "model"))
    score = read.record(ScorePlan, "score", top["score"]) if "score" in top else None
    found: dict[str, Any] = {
        "title": _title(read, top.get("title", "")),
        "seed": _whole(read, "seed", top.get("seed", 1), 0, _LARGEST_SEED),
        "prespecified": read.value("prespecified", bool, top.get("prespecified", False)),
        "data": _data(read, top),
        "models": _list(read, "model", ModelPlan, top.get("model", [])),
        "technical": _readings(read, "technical", TechnicalPlan, top.get("technical", [])),
        "diagnostic": _readings(read, "diagnostic", DiagnosticPlan, top.get("diagnostic", [])),
        "modalities": read.value("modalities", Mapping[str, _Columns], top.get("modalities", {})),
        "transform": read.value("transform", Mapping[str, _Columns], top.get("transform", {})),
        "clinical_minimum": read.value(
            "clinical_minimum", Mapping[str, str | _Columns], top.get("clinical_minimum", {})
        ),
        "validation": read.record(ValidationPlan, "validation", top.get("validation", {})),
        "score": score,
        "treatment": read.record(TreatmentPlan, "treatment", top["treatment"]) if "treatment" in top else None,
        "subgroups": read.record(SubgroupsPlan, "subgroups", top["subgroups"]) if "subgroups" in top else None,
        "updates": read.record(UpdatesPlan, "updates", top["updates"]) if "updates" in top else None,
        "retest": read.record(RetestPlan, "retest", top["retest"]) if "retest" in top else None,
        "criteria": read.record(Criteria, "criteria", top.get("criteria", {})),
        "page": _page(read, top.get("page", {})),
        "comparison": _comparison(read, top.get("comparison", {})),
        **_decision(read, top.get("decision", {})),
        **_rooms(read, top, score),
    }
    _check_words(read, found)
    _check_models(read, found)
    _check_score(read, top, found)
    _check_courses(read, found)
    read.raise_if_any()
    return found


def _title(read: StrictTable, value: Any) -> Any:
    found = read.value("title", str, value)
    if isinstance(found, str) and not found.strip():
        read.fault("title", "text", "title", "words", repr(found))
    return found


def _whole(read: StrictTable, field: str, value: Any, low: int, high: int) -> Any:
    found = read.value(field, int, value)
    if isinstance(found, int) and not low <= found <= high:
        read.fault(field, "range", field, f"a whole number from {low} to {high}", value)
    return found


def _list(read: StrictTable, name: str, kind: type, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        read.fault(name, "type", name, f"written as [[{name}]]", value)
        return ()
    if name == "model" and not value:
        read.fault(name, "missing_key", name, "at least one [[model]]", "none")
    made = [read.record(kind, f"{name}.{k}", item) for k, item in enumerate(value, start=1)]
    return tuple(made)


def _readings(read: StrictTable, name: str, kind: type, value: Any) -> tuple[Any, ...]:
    """Plans of measurements: keys of movement are not valid for readings, and names must not be empty."""
    for k, item in enumerate(value if isinstance(value, list | tuple) else (), start=1):
        if not isinstance(item, Mapping):
            continue
        if item.get("name") == "":
            read.fault(f"{name}.{k}.name", "text", f"{name}.name", "words, or left out", "''")
        for key in sorted(OF_MOVEMENT & set(item)) if item.get("table", "reading") == "reading" else ():
            words = "left out for readings of images: each reader has his occasions in the table"
            read.fault(f"{name}.{k}.{key}", "conflict", f"{name}.{key}", words, item[key], _MOVEMENT)
    return _list(read, name, kind, value)


def _data(read: StrictTable, top: Mapping[str, Any]) -> DataPlan | None:
    if "data" in top and "table" in top:
        read.fault("data", "conflict", "study", "made of [data] or [table]", "both")
        return None
    name = "table" if "table" in top else "data"
    given = top.get(name, {})
    if not isinstance(given, Mapping):
        read.fault(name, "type", "study", f"a file with [{name}]", given)
        return None
    for key in [key for key in given if key in DESIGN]:
        read.fault(
            f"{name}.{key}",
            "unknown_key",
            f"{name}.{key}",
            "left out: a study takes no sampling design",
            given[key],
            "`evaluate(…, sample_weight=, clusters=)` takes weights and primary sampling units of predictions; strata "
            "are used by nothing here.",
        )
    rest = {key: value for key, value in given.items() if key not in DESIGN}
    wide = [entry.name for entry in fields(DataPlan) if entry.name != "mapping"]
    return read.record(DataPlan, name, rest, known=_PACKAGE if "package" in rest else wide)


def _page(read: StrictTable, value: Any) -> dict[str, Any]:
    given = read.keys("page", value, tuple(PAGE))
    kinds = {key: int if key == "smallest_cell" else type(PAGE[key]) for key in PAGE}
    found = {key: read.value(f"page.{key}", kinds[key], item) for key, item in given.items()}
    if "smallest_cell" in found:
        _whole_in(read, "page.smallest_cell", found["smallest_cell"], 2, 1000)
    mode = found.get("mode", "")
    if isinstance(mode, str) and mode not in ("", *MODES):
        read.fault("page.mode", "choice", "page.mode", " or ".join(map(repr, MODES)), repr(mode), nearest(mode, MODES))
    for key in ("smallest_cell", "release_ledger"):
        if mode == "not-for-release" and found.get(key):
            words = "left out of a page that is not for release"
            read.fault(f"page.{key}", "conflict", f"page.{key}", words, given[key], 'Or say mode = "release".')
    return found


def _whole_in(read: StrictTable, field: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, int) and not low <= value <= high:
        read.fault(field, "range", field, f"a whole number from {low} to {high}", value)


def _comparison(read: StrictTable, value: Any) -> tuple[str, ...]:
    needed = ("clinical", "extended")
    given = read.keys("comparison", value, needed, needed if value else ())
    found = tuple(read.value(f"comparison.{key}", str, given[key]) for key in needed if key in given)
    return found if all(isinstance(name, str) for name in found) and len(found) in (0, 2) else ()


def _decision(read: StrictTable, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        read.fault("decision", "type", "decision", "a table", value)
        return {}
    given = dict(value)
    step = read.value("decision.step", float, given.pop("step", 0.01))
    low, high = _STEP
    if isinstance(step, int | float) and not low <= step <= high:
        read.fault("decision.step", "range", "decision.step", f"a number from {low:g} to {high:g}", step)
    if value and not given:
        read.fault("decision", "missing_key", "decision", "a table with low, high, primary, rationale", "step alone")
    return {"step": step, "thresholds": read.record(ThresholdRange, "decision", given) if given else None}


def _rooms(read: StrictTable, top: Mapping[str, Any], score: ScorePlan | None) -> dict[str, Any]:
    """Read the parts that depend on the source: outcome, [cohort], [imaging] and [biomechanics]."""
    package = isinstance(top.get("data"), Mapping) and bool(top["data"].get("package"))
    outcome = top.get("outcome", {})
    found: dict[str, Any] = {"outcome": outcome, "cohort": top.get("cohort", {}), "imaging": top.get("imaging", {})}
    found["biomechanics"] = top.get("biomechanics", {})
    if not isinstance(outcome, Mapping):
        read.fault("outcome", "type", "outcome", "a table", outcome)
        return found
    found["outcome"] = dict(outcome)
    schedule = outcome.get("schedule")
    if schedule is not None:
        times = read.value("outcome.schedule", tuple[float, ...], schedule)
        if isinstance(times, tuple) and (not times or min(times) <= 0 or list(times) != sorted(set(times))):
            read.fault("outcome.schedule", "range", "outcome.schedule", "positive times in increasing order", schedule)
    rest = {key: value for key, value in outcome.items() if key != "schedule"}
    if not package:
        for name in ("cohort", "imaging", "biomechanics", "technical", "diagnostic"):
            if top.get(name):
                words = "left out for a wide table: it has no visits, images or readings"
                read.fault(name, "conflict", name, words, f"{list(top[name])}")
            elif name in top and name not in ("technical", "diagnostic") and not isinstance(top[name], Mapping):
                read.fault(name, "type", name, "a table", top[name])
        _wide_outcome(read, top, rest)
        return found
    for name, reader, given in (
        ("cohort", CohortSpec.from_dict, found["cohort"]),
        ("outcome", lambda told: package_outcome(told, score), rest),
    ):
        try:
            reader(given)
        except ArgumentError as error:
            read.take(name, error)
    _imaging(read, found["imaging"])
    _biomechanics(read, found["biomechanics"])
    return found


def _wide_outcome(read: StrictTable, top: Mapping[str, Any], rest: Mapping[str, Any]) -> None:
    spec = read.record(OutcomeSpec, "outcome", rest)
    data = top.get("table", top.get("data", {}))
    if spec is None or not isinstance(data, Mapping):
        return
    kind = "status" if data.get("status") or data.get("score") else "exact"
    if rest.get("ascertainment", kind) != kind:
        words = f"{kind!r}, as [table] says, or left out"
        read.fault("outcome.ascertainment", "conflict", "outcome.ascertainment", words, rest["ascertainment"])
    causes = data.get("causes")
    if isinstance(causes, Mapping) and causes and "causes" in rest and list(causes) != list(rest["causes"]):
        words = f"those of [table], {list(causes)}, or left out"
        read.fault("outcome.causes", "conflict", "outcome.causes", words, f"{list(rest['causes'])}")


def _imaging(read: StrictTable, value: Any) -> None:
    given = read.keys("imaging", value, ("pool", "levels", "nominal"))
    pool = read.value("imaging.pool", Mapping[str, str | _Columns], given.get("pool", {}))
    if "levels" in given:
        read.value("imaging.levels", _Columns, given["levels"])
    nominal = read.value("imaging.nominal", _Columns, given.get("nominal", ()))
    if pool is not MISSING and not pool and given:
        read.fault("imaging.pool", "missing_key", "imaging", "a table with pool", f"{list(given)}")
    if pool is not MISSING and nominal is not MISSING:
        measures = [name.rpartition("__")[2] for name in pool]
        for name in nominal:
            if name not in measures:
                words = f"among the measures of imaging.pool: {', '.join(measures)}"
                read.fault("imaging.nominal", "reference", "imaging.nominal", words, name, nearest(name, measures))


def _biomechanics(read: StrictTable, value: Any) -> None:
    before = len(read.rows)
    given = read.keys("biomechanics", value, ("summary", "sides", "errors"))
    for name, hint in (
        ("summary", str | Mapping[str, str]),
        ("sides", str | Mapping[str, str | _Columns]),
        ("errors", Mapping[str, float]),
    ):
        if name in given:
            read.value(f"biomechanics.{name}", hint, given[name])
    if len(read.rows) == before:
        try:
            trial_rules(**given)
        except ArgumentError as error:
            read.add("biomechanics", "range", error)


def _check_words(read: StrictTable, found: Mapping[str, Any]) -> None:
    """Check names of columns, transformations and constructs against each other."""
    groups, bent = found["modalities"], found["transform"]
    if groups is MISSING:
        return
    every = [column for columns in groups.values() for column in columns]
    for column in sorted({c for c in every if every.count(c) > 1 or not c.strip()}):
        read.fault("modalities", "conflict", "modalities", "a table with each column once", repr(column))
    wide = found["data"] is not None and found["data"].wide
    for name in [name for name, columns in groups.items() if wide and not columns]:
        read.fault(f"modalities.{name}", "range", f"modalities.{name}", "at least one column", "none")
    if bent is not MISSING:
        for name in bent:
            if name not in ("log1p", "log", "sqrt"):
                words = "a table of log1p, log, sqrt"
                read.fault(
                    f"transform.{name}", "choice", "transform", words, name, nearest(name, ("log1p", "log", "sqrt"))
                )
        chosen = [column for columns in bent.values() for column in columns]
        for column in dict.fromkeys(chosen):
            if chosen.count(column) > 1:
                read.fault("transform", "conflict", "transform", "a table with each column once", repr(column))
            elif every and column not in every:
                words = f"among the columns of [modalities]: {', '.join(every[:12])}"
                read.fault("transform", "reference", "transform", words, column, nearest(column, every))
    minimum = found["clinical_minimum"]
    for construct in () if minimum is MISSING else minimum:
        if construct not in CLINICAL_MINIMUM:
            words = f"a table of {', '.join(CLINICAL_MINIMUM)}"
            near = nearest(construct, CLINICAL_MINIMUM)
            read.fault(f"clinical_minimum.{construct}", "choice", "clinical_minimum", words, construct, near)


def _check_models(read: StrictTable, found: Mapping[str, Any]) -> None:
    """Check models against modalities, their classes and the comparison."""
    plans: Sequence[ModelPlan | None] = found["models"]
    names = [plan.name for plan in plans if plan is not None]
    for name in sorted({name for name in names if names.count(name) > 1}):
        read.fault("model", "conflict", "model", "a list of models with names of their own", f"{name!r} twice")
    if len(names) == len(plans):
        pair = found["comparison"]
        for name in pair:
            if name not in names:
                read.fault("comparison", "reference", "comparison", f"among {names}", name, nearest(name, names))
        if len(pair) == 2 and pair[0] == pair[1]:
            read.fault("comparison", "conflict", "comparison", "of two different models", f"{pair[0]!r} twice")
    groups = found["modalities"]
    for k, plan in enumerate(plans, start=1):
        if plan is None:
            continue
        _check_options(read, f"model.{k}.options", plan)
        if groups is MISSING or not groups:
            continue
        for name in plan.modalities:
            if name not in groups:
                field = f"model.{k}.modalities"
                read.fault(field, "reference", field, f"among {', '.join(groups)}", name, nearest(name, groups))
        if plan.formula and all(name in groups for name in plan.modalities):
            try:
                plan.columns(groups)
            except ArgumentError as error:
                read.take(f"model.{k}.formula", error)
        _check_splines(read, f"model.{k}", plan, groups)


def _check_splines(read: StrictTable, field: str, plan: ModelPlan, groups: Mapping[str, Sequence[str]]) -> None:
    """Check that splines are of columns of the model, also those of models inside a combined one."""
    if plan.kind in COMBINED:
        for name, inside in plan.learners().items():
            _check_splines(read, f"{field}.{plan.learners_at}.{name}", inside, groups)
    columns = [column for name in plan.modalities for column in groups.get(name, ())]
    for column in plan.splines:
        if column not in columns and all(name in groups for name in plan.modalities):
            at = f"{field}.splines"
            read.fault(at, "reference", at, "of columns of the model", column, nearest(column, columns))


def _check_score(read: StrictTable, top: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Check that the tables agree about a score."""
    outcome = found["outcome"]
    for path, reason, accepted, got, remedy in score_conflicts(
        found["data"],
        found["score"],
        found["models"],
        outcome if isinstance(outcome, Mapping) else {},
        declared="score" in top,
    ):
        read.fault(path, reason, path, accepted, got, remedy)


def _check_courses(read: StrictTable, found: Mapping[str, Any]) -> None:
    """Check that the tables agree about a treatment, updates, subgroups and repeated measurements."""
    outcome, groups = found["outcome"], found["modalities"]
    of_treatment = treatment_conflicts(
        found["data"], found["treatment"], outcome if isinstance(outcome, Mapping) else {}
    )
    of_updates = updates_conflicts(found["data"], found["updates"], {} if groups is MISSING else groups)
    bent = found["transform"]
    of_groups = subgroups_conflicts(
        found["data"],
        found["subgroups"],
        found["comparison"],
        {} if groups is MISSING else groups,
        {} if bent is MISSING else bent,
    )
    of_retest = retest_conflicts(
        found["data"],
        found["retest"],
        {} if groups is MISSING else groups,
        {} if bent is MISSING else bent,
    )
    for path, reason, accepted, got, remedy in chain(of_treatment, of_updates, of_groups, of_retest):
        read.fault(path, reason, path, accepted, got, remedy)


def _check_options(read: StrictTable, field: str, plan: ModelPlan) -> None:
    """Check options against the parameters of the class, by name, by type if declared, and by value."""
    kind = MODEL_KINDS[plan.kind]
    before = len(read.rows)
    known = [name for name in inspect.signature(kind).parameters if name not in ("self", "random_state")]
    given = read.keys(field, plan.options, [*known, "random_state"])
    try:
        hints = typing.get_type_hints(kind.__init__)  # type: ignore[misc]
    except NameError:  # a type that is only known to the type checker
        hints = {}
    for name, value in given.items():
        hint = hints.get(name, Any)
        read.value(f"{field}.{name}", Any if _is_loose(hint) else hint, value)
    if len(read.rows) == before:
        try:
            plan.check_options()
        except ArgumentError as error:
            read.take(field, error)


def _is_loose(hint: Any) -> bool:
    """Whether a type hint allows more than numbers, texts and lists of them."""
    parts = typing.get_args(hint)
    if parts:
        return any(_is_loose(part) for part in parts if part is not Ellipsis)
    return hint not in (int, float, str, bool, type(None), Mapping, Sequence, tuple, dict, list)
