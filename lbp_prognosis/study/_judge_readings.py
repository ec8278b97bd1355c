"""``judge_readings``: repeatability and diagnostic accuracy of the readings of a registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, Objection, Result, metric_frame
from lbp_prognosis.evaluation import diagnostic, technical
from lbp_prognosis.schema import measures
from lbp_prognosis.study._diagnostic_plan import DiagnosticPlan
from lbp_prognosis.study._motion_of_trials import sessions_of
from lbp_prognosis.study._technical_plan import TechnicalPlan
from lbp_prognosis.survival import Reference

__all__ = ["ReadingResult", "judge_repeats", "judge_test"]

_PLACE = ["patient_id", "study_id", "structure", "level", "side"]
LEAST = 10  # fewest patients with all readings for a level to be evaluated


@dataclass(frozen=True, repr=False)
class ReadingResult(Result):
    """Reliability or accuracy of one measure.

    Attributes
    ----------
    name : str
        Of the measure.
    compared : str
        The two compared sides.
    unit : str
        Of the measure.
    frame : DataFrame
        Evaluation columns, with ``compared, unit``; ``group`` is the level.
    """

    name: str
    compared: str
    unit: str
    frame: pd.DataFrame = field(repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per level and metric."""
        return self.frame

    def _summary(self) -> str:
        return f"{self.name}, {self.compared}: {len(self.frame)} rows"


def judge_repeats(
    plan: TechnicalPlan,
    tables: Mapping[str, pd.DataFrame],
    synthetic: bool,
    *,
    rules: Mapping[str, Any] | None = None,
) -> ReadingResult:
    """Return ICC, error and kappa of repeated readings, level by level.

    Numbers and grades: ICC(2,1) with the standard error of measurement and the smallest detectable change; for grades
    read twice, also quadratic kappa. Categories read twice: kappa. Each level is evaluated separately, one study per
    patient.

    Parameters
    ----------
    plan : TechnicalPlan
        Plan of the comparison.
    tables : mapping of str to DataFrame
        Of the registry.
    synthetic : bool
        Whether the data were simulated.
    rules : mapping, optional
        Rules for movement, by which trials become values of sessions (``summary, sides, errors``).

    Raises
    ------
    DataError
        If the registry does not contain the measures and readers of the plan.
    """
    if plan.table == "motion":
        return _judge_movement(plan, tables, synthetic, rules or {})
    rows = _readings(tables, plan.measure, plan.structure, plan.readers)
    if len(plan.readers) == 1:
        by, compared = "occasion", f"repeated readings by {plan.readers[0]}"
    else:
        first = rows.groupby([*_PLACE, "reader_id"])["occasion"].transform("min")
        rows, by = rows[rows["occasion"] == first], "reader_id"
        compared = f"readings by {', '.join(plan.readers)}"
    if plan.levels:
        rows = rows[rows["level"].isin(plan.levels)]
    wide = rows.pivot_table(index=_PLACE, columns=by, values="value", aggfunc="first")
    if wide.shape[1] < 2 or not len(wide):
        raise DataError(
            f"The readings of {plan.measure!r} by {', '.join(plan.readers)} are not repeated"
            + (f" at {', '.join(plan.levels)}." if plan.levels else ".")
        )
    wide = wide.reset_index()
    kind = str(measures().get(plan.measure, {}).get("kind", "continuous"))
    unit = str(rows["unit"].iloc[0])
    made: list[dict[Any, Any]] = []
    for (level, side), part in wide.groupby(["level", "side"]):
        group = " ".join(str(word) for word in (level, side) if word) or "all"
        values = part.drop_duplicates("patient_id")[[c for c in wide.columns if c not in _PLACE]].dropna()
        made += [{**row, "group": group, "model": plan.name} for row in _repeats(values, kind, plan.measure)]
    frame = metric_frame([{**row, "compared": compared, "unit": unit} for row in made], extra=("compared", "unit"))
    return ReadingResult(plan.name, compared, unit, frame, synthetic=synthetic)


def _judge_movement(
    plan: TechnicalPlan, tables: Mapping[str, pd.DataFrame], synthetic: bool, rules: Mapping[str, Any]
) -> ReadingResult:
    """Return ICC and errors of repeated trials or sessions, by side."""
    found = sessions_of(tables, rules)
    held = found.table[found.table["measure"].eq(plan.measure)]
    if held.empty:
        raise DataError(f"The registry has no values of {plan.measure!r}.")
    far = f" within {plan.days:g} days" if plan.days is not None else " of one session"
    compared = f"{plan.repeats} {plan.between}{far}"
    parts = {
        side: found.ratings(plan.measure, side=side, between=plan.between, n=plan.repeats, days=plan.days, least=0)
        for side in sorted(held["side"].unique())
    }
    if all(len(values) < 2 for values in parts.values()):
        raise DataError(f"Fewer than two patients have {plan.repeats} {plan.between} of {plan.measure!r}.")
    made = [
        {**row, "group": side or "all", "model": plan.name}
        for side, values in parts.items()
        for row in _repeats(values, "continuous", plan.measure)
    ]
    unit = str(held["unit"].iloc[0])
    frame = metric_frame([{**row, "compared": compared, "unit": unit} for row in made], extra=("compared", "unit"))
    return ReadingResult(plan.name, compared, unit, frame, synthetic=synthetic)


def _repeats(values: pd.DataFrame, kind: str, measure: str) -> list[dict[Any, Any]]:
    """Return the rows of one level: a table of patients by readings, without missing values."""
    base = {"tier": "technical", "n": len(values)}
    metric = "kappa" if kind in ("nominal", "binary") else "icc"
    if len(values) < LEAST:
        return [{**base, "metric": metric, "reason": f"fewer than {LEAST} patients with all readings"}]
    if values.to_numpy().std() == 0:
        return [{**base, "metric": metric, "reason": "one value throughout"}]
    wanted = {"icc": [("icc", "2,1"), ("sem_agreement", ""), ("sdc_agreement", "")]}[metric] if metric == "icc" else []
    rows: list[dict[Any, Any]] = []
    if wanted:
        found = technical.icc(values.to_numpy(dtype=float)).to_frame()
        for name, form in wanted:
            row = found[(found["metric"] == name) & (found["group"].eq(form) if form else True)].iloc[0].to_dict()
            row["method"] = "ICC(2,1), absolute agreement" if form else row["method"]
            if name == "icc" and not np.isfinite(row["value"]):
                row |= {"value": np.nan, "reason": "readings do not differ"}
            rows.append(row)
    if values.shape[1] == 2 and kind != "continuous":
        limits = measures()[measure]
        grades = list(range(int(limits["minimum"]), int(limits["maximum"]) + 1))
        weights = "quadratic" if kind == "ordinal" else "none"
        found = technical.weighted_kappa(*values.to_numpy(dtype=int).T, weights=weights, categories=grades).to_frame()
        rows += found[found["low"].notna() | found["metric"].eq("percent_agreement")].to_dict("records")
    elif metric == "kappa":
        rows.append({**base, "metric": metric, "reason": "categories are compared between two readings"})
    return rows


def judge_test(plan: DiagnosticPlan, tables: Mapping[str, pd.DataFrame], synthetic: bool) -> ReadingResult:
    """Return AUC, sensitivity and specificity of a measure against a reference, findings clustered in patients.

    Parameters
    ----------
    plan : DiagnosticPlan
        Plan of tests and reference standard.
    tables : mapping of str to DataFrame
        Of the registry.
    synthetic : bool
        Whether the data were simulated.

    Raises
    ------
    DataError
        If the registry does not contain the measures and readers of the plan, or the reference has no positives or no
        negatives.
    """
    reference = _first(_readings(tables, plan.measure, plan.structure, (plan.reference,)))
    if plan.test == "biomarker":
        test = _biomarkers(tables, plan)
    else:
        test = _first(_readings(tables, plan.measure, plan.structure, (plan.test,)))
    both = reference[[*_PLACE, "value"]].merge(test[[*_PLACE, "value"]], on=_PLACE, suffixes=("", "_test"))
    both = both.dropna(subset=["value", "value_test"])
    truth, called = (_positive(both[column], plan.positive) for column in ("value", "value_test"))
    if len(both) < LEAST or truth.all() or not truth.any():
        raise DataError(
            f"The reference {plan.reference!r} for {plan.measure!r} needs positives and negatives in at "
            f"least {LEAST} places that were read; got {int(truth.sum())} positive of "
            f"{len(both)}."
        )
    score = called.astype(float) if isinstance(plan.positive, tuple) else both["value_test"].to_numpy(dtype=float)
    what = "values of the biomarker table" if plan.test == "biomarker" else f"readings by {plan.test}"
    compared = f"{what} against {plan.reference} ({'a standard' if plan.against == 'standard' else 'readers'})"
    shared: dict[str, Any] = {
        "clusters": both["patient_id"].to_numpy(),
        "model": plan.name,
        "standard": "readers" if plan.against == "readers" else "reference",
    }
    y = Reference.now(truth.astype(int))
    parts = [diagnostic.roc(y, score, **shared), diagnostic.accuracy(y, called, **shared)]
    unit = str(reference["unit"].iloc[0])
    frame = pd.concat([part.to_frame().drop(columns="unit", errors="ignore") for part in parts], ignore_index=True)
    frame = frame.assign(compared=compared, unit=unit, clusters=int(both["patient_id"].nunique()))
    objections = tuple(dict.fromkeys(o for part in parts for o in getattr(part, "objections", ())))
    return ReadingResult(plan.name, compared, unit, frame, objections, synthetic)


def _positive(values: pd.Series, positive: Any) -> np.ndarray:
    found = values.isin(positive) if isinstance(positive, tuple) else values >= positive
    return found.to_numpy(dtype=bool)


def _readings(
    tables: Mapping[str, pd.DataFrame], measure: str, structure: str, readers: tuple[str, ...]
) -> pd.DataFrame:
    if "reading" not in tables:
        raise DataError("[[technical]] and [[diagnostic]] need a package with the table `reading`.")
    table = tables["reading"]
    rows = table[table["measure"].eq(measure).fillna(False)]
    absent = [reader for reader in readers if not rows["reader_id"].eq(reader).any()]
    if absent:
        there = ", ".join(sorted(map(repr, rows["reader_id"].dropna().unique())))
        raise DataError(
            f"Table `reading` contains no reading of {measure!r} by {absent[0]!r}; "
            + (f"its readers are {there}." if there else "no reader is named for this measure.")
        )
    rows = _of_structure(rows[rows["reader_id"].isin(readers)], measure, structure)
    if "occasion" not in rows.columns:
        rows = rows.assign(occasion=1.0)
    return rows.assign(occasion=rows["occasion"].fillna(1.0)).dropna(subset=["value"])


def _of_structure(rows: pd.DataFrame, measure: str, structure: str) -> pd.DataFrame:
    rows = rows.copy()
    for column in ("level", "side"):
        rows[column] = rows[column].astype(object).where(rows[column].notna(), "") if column in rows.columns else ""
    if structure:
        rows = rows[rows["structure"].eq(structure).fillna(False)]
    found = sorted(rows["structure"].dropna().unique())
    if len(found) != 1:
        raise DataError(
            f"The measure {measure!r} is of {', '.join(map(repr, found)) or 'no such structure'}: say `structure = …`."
        )
    methods: Any = rows["method_id"].dropna().unique() if "method_id" in rows.columns else []
    if len(methods) > 1:
        raise DataError(
            f"The readings of {measure!r} are by the methods {', '.join(map(repr, sorted(methods)))}, "
            "which are different variables."
        )
    return rows


def _first(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values("occasion", kind="stable").drop_duplicates(_PLACE)


def _biomarkers(tables: Mapping[str, pd.DataFrame], plan: DiagnosticPlan) -> pd.DataFrame:
    if "biomarker" not in tables:
        raise DataError('[[diagnostic]] with test = "biomarker" needs a package with that table.')
    table = tables["biomarker"]
    rows = table[table["measure"].eq(plan.measure).fillna(False)]
    return _of_structure(rows, plan.measure, plan.structure)
