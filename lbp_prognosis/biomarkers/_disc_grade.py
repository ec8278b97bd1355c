"""Continuous Pfirrmann grade of a disc from signal and height, by a calibration that the user supplies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from lbp_prognosis._base import argument_error, check_choice
from lbp_prognosis.biomarkers._extraction_result import ExtractionResult, biomarker_frame

__all__ = ["DiscGradeCalibration", "disc_grade"]

SCALES = ("pfirrmann", "pfirrmann_modified")
_SAME_TESLA = 0.1


@dataclass(frozen=True)
class DiscGradeCalibration:
    """Proportional-odds model of readers' grades on measures of a disc, P(grade ≤ g_k) = 1/(1 + exp(xβ − α_k)).

    The library contains no calibration. `lbp_prognosis.study.fit_disc_grade` estimates one from graded images.

    Parameters
    ----------
    grades : sequence of int
        Grades of the readers, increasing.
    thresholds : sequence of float
        Thresholds α_k, increasing; one fewer than the grades.
    measures : sequence of str
        Measures of a disc that enter the model.
    methods : sequence of str
        ``method_id`` of each measure, as in the biomarker table.
    coefficients : sequence of float
        Log odds ratio of a higher grade per unit of each measure.
    ranges : sequence of pair of float
        Lowest and highest value of each measure for which the calibration was estimated.
    scale : str
        Scale of the grades: ``pfirrmann`` or ``pfirrmann_modified``.
    field_strengths : sequence of float, default ()
        Field strengths of the graded studies, T; empty if unknown.

    Raises
    ------
    ArgumentError
        If the parts differ in length, grades or thresholds do not increase, a measure occurs twice, or a value is not
        finite.

    Examples
    --------
    >>> calibration = DiscGradeCalibration(  # doctest: +SKIP
    ...     grades=(1, 2, 3, 4, 5), thresholds=(-4.0, -2.0, 0.0, 2.0),
    ...     measures=("disc_csf_ratio",), methods=("nucleus_over_canal_fluid__t_own_label",),
    ...     coefficients=(-6.0,), ranges=((0.1, 0.9),), scale="pfirrmann",
    ... )
    """

    grades: tuple[int, ...]
    thresholds: tuple[float, ...]
    measures: tuple[str, ...]
    methods: tuple[str, ...]
    coefficients: tuple[float, ...]
    ranges: tuple[tuple[float, float], ...]
    scale: str
    field_strengths: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_choice("scale", self.scale, SCALES)
        plain = {name: _plain(name, convert, getattr(self, name)) for name, convert in _PARTS.items()}
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        for name in ("grades", "thresholds"):
            steps = np.diff(plain[name])
            if not np.all(np.isfinite(plain[name])) or not np.all(steps > 0):
                raise argument_error(name, "finite and increasing", getattr(self, name))
        if len(self.thresholds) != len(self.grades) - 1 or not self.thresholds:
            raise argument_error("thresholds", f"one fewer than the {len(self.grades)} grades", len(self.thresholds))
        for name in ("methods", "coefficients", "ranges"):
            if len(plain[name]) != len(self.measures) or not self.measures:
                raise argument_error(name, f"one per measure, {len(self.measures)}", len(plain[name]))
        if len(set(self.measures)) < len(self.measures):
            raise argument_error("measures", "each measure once", self.measures)
        if not np.all(np.isfinite(self.coefficients)):
            raise argument_error("coefficients", "finite", self.coefficients)
        if any(not low < high for low, high in self.ranges):
            raise argument_error("ranges", "a lower and a higher value per measure", self.ranges)

    @property
    def name(self) -> str:
        """Name of the formula in ``method_id``; it differs between calibrations, so that they are never pooled."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return f"{self.scale}_by_calibration_{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as plain values, for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> DiscGradeCalibration:
        """Return a calibration from the plain values of `to_dict`.

        Parameters
        ----------
        content : mapping
            Plain values, as `to_dict` returns them.
        """
        known = {field.name for field in fields(cls)}
        strange = sorted(set(content) - known)
        lost = sorted(known - set(content) - {"field_strengths"})
        if strange or lost:
            raise argument_error("content", f"the keys {sorted(known)}", f"unknown keys {strange}, absent keys {lost}")
        return cls(**content)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Return the probability of each grade, shape (n, number of grades).

        Parameters
        ----------
        values : ndarray of shape (n, number of measures)
            Values of the measures, in the order of ``measures``.
        """
        below = expit(np.asarray(self.thresholds) - (values @ np.asarray(self.coefficients))[:, None])
        edge = np.zeros((len(below), 1))
        return np.diff(np.column_stack([edge, below, edge + 1.0]), axis=1)

    def expected(self, values: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected grade and its SD due to measurement error, each of shape (n,).

        Parameters
        ----------
        values, errors : ndarray of shape (n, number of measures)
            Values of the measures, and the SDs of their errors, which are assumed to be independent.
        """
        beta = np.asarray(self.coefficients)
        below = expit(np.asarray(self.thresholds) - (values @ beta)[:, None])
        steps = np.diff(self.grades)
        slope = (below * (1 - below)) @ steps
        return self.grades[-1] - below @ steps, slope * np.sqrt((errors * beta) ** 2 @ np.ones(beta.size))


def _pair(value: Any) -> tuple[float, float]:
    low, high = value
    return float(low), float(high)


def _whole(value: Any) -> int:
    if int(value) != float(value):
        raise ValueError
    return int(value)


_PARTS: dict[str, Callable[[Any], Any]] = {
    "grades": _whole,
    "thresholds": float,
    "measures": str,
    "methods": str,
    "coefficients": float,
    "ranges": _pair,
    "field_strengths": float,
}
_ACCEPTED = {_whole: "whole numbers", float: "numbers", str: "names", _pair: "pairs of numbers"}


def _plain(name: str, convert: Callable[[Any], Any], values: Any) -> tuple[Any, ...]:
    """Return a part of a calibration as a tuple of plain values."""
    try:
        if isinstance(values, str):
            raise TypeError  # a text would be read as a sequence of letters
        return tuple(convert(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        raise argument_error(name, f"a sequence of {_ACCEPTED[convert]}", values) from None


def disc_grade(result: ExtractionResult, calibration: DiscGradeCalibration) -> pd.DataFrame:
    """Estimate a continuous grade per disc: the mean grade that readers would give to discs with these measures.

    Parameters
    ----------
    result : ExtractionResult
        Result of `extract` with the measures of the calibration.
    calibration : DiscGradeCalibration
        Calibration estimated on graded images of the same protocol, with masks from the same tool.

    Returns
    -------
    DataFrame
        Rows of the biomarker table, measure ``disc_grade`` (Σ g · P(g), in grades), one per disc. ``sd_error`` is the
        SD due to errors of the measures; it does not include the uncertainty of the coefficients, which all discs
        share. A value is missing, with its reason, if a measure is missing or was taken by another method, or if the
        field strength of the study is unknown or differs from those of the calibration. The flag
        ``outside_calibration`` marks a measure beyond its range; ``calibration_field_unknown`` marks a calibration
        without field strength.

    Raises
    ------
    ArgumentError
        If the result contains none of the measures.

    Notes
    -----
    Without a calibration these measures do not give a grade, because T2 contrast depends on echo time and field
    strength.

    Examples
    --------
    >>> disc_grade(result, DiscGradeCalibration.from_dict(json.load(file)))  # doctest: +SKIP
    """
    if not isinstance(result, ExtractionResult):
        raise argument_error("result", "an ExtractionResult", result, "Pass the result of `extract`.")
    if not isinstance(calibration, DiscGradeCalibration):
        raise argument_error("calibration", "a DiscGradeCalibration", calibration)
    table = result.table
    rows = table[(table["structure"] == "disc") & table["measure"].isin(calibration.measures) & (table["level"] != "")]
    if rows.empty:
        wanted = ", ".join(calibration.measures)
        raise argument_error("result", f"a result with rows of {wanted}", "none", "Measure the family 'disc' on T2.")
    study = ["patient_id", "study_id"]
    told = result.studies.drop_duplicates([*study, "field_strength"])  # one row per case; a study may have two cases
    field = told.drop_duplicates(study, keep=False).set_index(study)["field_strength"]
    return biomarker_frame(
        [
            _one_disc(disc, calibration, field.get(place[:2]))
            for place, disc in rows.groupby(["patient_id", "study_id", "level"], sort=False)
        ]
    )


def _one_disc(disc: pd.DataFrame, calibration: DiscGradeCalibration, tesla: Any) -> dict[str, Any]:
    """Return the row of one disc."""
    reason = _other_field(calibration, tesla)
    parts: list[Mapping[Any, Any]] = []
    for measure, method in zip(calibration.measures, calibration.methods):
        rows = disc[disc["measure"] == measure]
        own = rows[rows["method_id"] == method].to_dict("records")
        if own:
            parts.append(own[0])
            if not np.isfinite(own[0]["value"]):
                reason = reason or f"{measure}: {own[0]['reason'] or 'no value'}"
        else:
            reason = reason or f"{measure} by the method {method} is not in the result"
    base = dict(parts[0] if parts else disc.iloc[0])
    flags = dict.fromkeys(flag for part in parts for flag in str(part["flags"]).split("|") if flag)
    value = error = np.nan
    if not reason:
        values = np.array([[part["value"] for part in parts]], dtype=float)
        errors = np.array([[part["sd_error"] for part in parts]], dtype=float)
        (value,), (error,) = calibration.expected(values, errors)
        if any(not low <= x <= high for x, (low, high) in zip(values[0], calibration.ranges)):
            flags["outside_calibration"] = None
        if not calibration.field_strengths:
            flags["calibration_field_unknown"] = None
    source = str(base["method_id"]).partition("__")[2]
    return {
        **base,
        "structure": "disc",
        "measure": "disc_grade",
        "unit": "grade",
        "method_id": f"{calibration.name}__{source}" if source else calibration.name,
        "value": float(value),
        "sd_error": float(error),
        "reason": reason,
        "flags": "|".join(flags),
        "fit_residual": np.nan,
    }


def _other_field(calibration: DiscGradeCalibration, tesla: Any) -> str:
    """Return why the calibration does not apply at the field strength of a study; empty if it applies."""
    if not calibration.field_strengths:
        return ""
    if tesla is None or pd.isna(tesla):
        return "the field strength of the study is unknown: state field_strength"
    if any(abs(float(tesla) - own) <= _SAME_TESLA + 1e-9 for own in calibration.field_strengths):
        return ""
    words = ", ".join(f"{own:g}" for own in calibration.field_strengths)
    return f"calibrated at {words} T, acquired at {float(tesla):g} T"
