"""``fit_disc_grade``: the calibration of the continuous disc grade, and its agreement with readers out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    DataError,
    Result,
    argument_error,
    check_confidence,
    check_number,
    generator,
    metric_frame,
    norm,
)
from lbp_prognosis.biomarkers import DiscGradeCalibration, ExtractionResult, ImportedTable
from lbp_prognosis.evaluation.technical import weighted_kappa
from lbp_prognosis.models import OrdinalRegression
from lbp_prognosis.survival import Measured

__all__ = ["DiscGradeFit", "fit_disc_grade"]

_MEASURES = ("disc_csf_ratio", "disc_nucleus_annulus_ratio", "disc_height_index")
_PLACE = ["patient_id", "study_id", "level"]
_FEWEST = 10  # fewest patients for agreement at a level
_RANGE = (0.01, 0.99)  # quantiles; the extremes would be values of single patients


@dataclass(frozen=True, repr=False)
class DiscGradeFit(Result):
    """A calibration of the disc grade and its agreement with the readers, out of fold.

    Attributes
    ----------
    calibration : DiscGradeCalibration
        Estimated on all graded discs; for `lbp_prognosis.biomarkers.disc_grade`.
    model : OrdinalRegression
        The same model, with standard errors that allow for several discs per patient.
    predictions : DataFrame
        One row per disc: ``patient_id, study_id, level, grade, fold, expected`` and the probability of each grade
        (``p_1``, …), all predicted by models fitted without the patient.
    left_out : DataFrame
        Graded discs without a complete measurement: ``patient_id, study_id, level, reason``.
    frame : DataFrame
        Rows of agreement; see `to_frame`.
    """

    calibration: DiscGradeCalibration
    model: OrdinalRegression
    predictions: pd.DataFrame = field(repr=False)
    left_out: pd.DataFrame = field(repr=False)
    frame: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return metrics of all discs and of each level (``group``), with intervals.

        ``kappa_quadratic`` and ``percent_agreement`` compare the rounded expected grade with the reader's grade.
        ``mean_error`` is the mean observed minus the mean expected grade; ``mean_calibration_intercept`` and
        ``mean_calibration_slope`` are from the regression of observed on expected grades. Intervals are from the
        jackknife over patients (kappa on Fisher's scale), with the out-of-fold predictions fixed.
        """
        return self.frame

    def _summary(self) -> str:
        row = self.frame.iloc[0]
        return (
            f"{len(self.predictions)} discs of {self.predictions['patient_id'].nunique()} patients, quadratic kappa "
            f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f}) out of fold, {len(self.left_out)} left out"
        )


def fit_disc_grade(
    result: ExtractionResult,
    grades: Any,
    *,
    measures: Sequence[str] = _MEASURES,
    scale: str = "pfirrmann",
    penalty: float = 0.0,
    n_splits: int = 10,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> DiscGradeFit:
    """Estimate the calibration of the continuous disc grade from graded images.

    A proportional odds model of the reader's grade on the measures is fitted to all graded discs; agreement is
    estimated with predictions from models fitted without the patient's discs.

    Parameters
    ----------
    result : ExtractionResult
        Result of `extract` for the graded studies.
    grades : DataFrame or ImportedTable
        One row per graded disc: ``patient_id, level, value``, and ``study_id`` if it is that of the result. With a
        column ``measure`` (as in the result of `import_spider`), the rows of ``scale`` are used.
    measures : sequence of str, optional
        Measures of a disc in the model; the preferred one of several formulas. By default the ratio of signal to that
        of the fluid, the ratio of nucleus to annulus, and the height index.
    scale : {"pfirrmann", "pfirrmann_modified"}, default "pfirrmann"
        Scale of the grades.
    penalty : float, default 0.0
        Ridge penalty of `OrdinalRegression`.
    n_splits : int, default 10
        Folds of patients.
    confidence : float, default 0.95
        Level of the intervals.
    random_state : default 0
        Of the folds.

    Raises
    ------
    DataError
        If a disc has two grades, a measure has two methods, or too few discs are graded and measured.

    See Also
    --------
    lbp_prognosis.biomarkers.disc_grade : Applies the calibration.

    Examples
    --------
    >>> fit = fit_disc_grade(extract("cases"), import_spider("radiological_gradings.csv"))  # doctest: +SKIP
    >>> disc_grade(extract("new_cases"), fit.calibration)  # doctest: +SKIP
    """
    if not isinstance(result, ExtractionResult):
        raise argument_error("result", "an ExtractionResult", result, "Pass the result of `extract`.")
    highest = {"pfirrmann": 5, "pfirrmann_modified": 8}.get(scale)
    if highest is None:
        raise argument_error("scale", "'pfirrmann' or 'pfirrmann_modified'", scale)
    names = (measures,) if isinstance(measures, str) else tuple(measures)
    splits = int(check_number("n_splits", n_splits, low=2, whole=True))
    confidence = check_confidence(confidence)
    graded = _graded(grades, scale, highest)
    measured, methods = _measured(result, names)
    both, left_out = _joined(graded, measured, names)
    patients = pd.factorize(both["patient_id"])[0]
    if patients.max(initial=-1) + 1 < max(splits, _FEWEST) or both["grade"].nunique() < 2:
        raise DataError(
            f"{len(both)} discs of {both['patient_id'].nunique()} patients are graded and measured, with the grades "
            f"{both['grade'].drop_duplicates().sort_values().tolist()}: "
            f"{max(splits, _FEWEST)} patients and two grades are needed."
        )
    order = generator(random_state).permutation(patients.max() + 1)
    fold = (np.argsort(order) % splits)[patients]
    levels = np.sort(both["grade"].unique())
    probability = np.zeros((len(both), levels.size))
    for k in range(splits):
        model = _fit(both[fold != k], names, penalty, highest)
        place = np.searchsorted(levels, model.levels_)
        probability[np.ix_(fold == k, place)] = model.predict_distribution(both.loc[fold == k, list(names)])
    predictions = both[[*_PLACE, "grade"]].assign(fold=fold, expected=probability @ levels)
    for level, column in zip(levels, probability.T):
        predictions[f"p_{level}"] = column
    model = _fit(both, names, penalty, highest)
    calibration = DiscGradeCalibration(
        grades=tuple(levels),
        thresholds=tuple(model.thresholds_),
        measures=names,
        methods=methods,
        coefficients=tuple(model.coef_),
        ranges=tuple((float(both[name].quantile(_RANGE[0])), float(both[name].quantile(_RANGE[1]))) for name in names),
        field_strengths=_field_strengths(result, both),
        scale=scale,
    )
    rows = _agreement(predictions, highest, confidence, "")
    for level, part in predictions.groupby("level"):
        rows += _agreement(part, highest, confidence, str(level))
    return DiscGradeFit(calibration, model, predictions, left_out, metric_frame(rows))


def _graded(grades: Any, scale: str, highest: int) -> pd.DataFrame:
    """Return one grade per disc: ``patient_id, level, grade`` and ``study_id`` if given."""
    frame = grades.table if isinstance(grades, ImportedTable) else grades
    if not isinstance(frame, pd.DataFrame) or not {"patient_id", "level", "value"} <= set(frame.columns):
        raise argument_error("grades", "a DataFrame with patient_id, level, value, or an ImportedTable", grades)
    if "measure" in frame.columns:
        frame = frame[frame["measure"].eq(scale)]
    keys = [name for name in _PLACE if name in frame.columns]
    value = pd.to_numeric(frame["value"], errors="coerce")
    if (value.isna() & frame["value"].notna()).any() or not value.dropna().isin(range(1, highest + 1)).all():
        raise DataError(f"Grades of {scale} are whole numbers from 1 to {highest}; got others in `value`.")
    frame = frame.assign(grade=value)[[*keys, "grade"]].dropna(subset=["grade"])
    for name in keys:
        frame[name] = frame[name].astype(str)
    frame["level"] = frame["level"].str.lower().str.replace("-", "", regex=False)
    twice = frame[frame.duplicated(keys)]
    if len(twice):
        where = ", ".join(str(twice.iloc[0][name]) for name in keys)
        raise DataError(f"The disc {where} has more than one grade: choose a reader, or a consensus.")
    return frame.astype({"grade": int}).reset_index(drop=True)


def _measured(result: ExtractionResult, names: tuple[str, ...]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return measures by disc, with the reason for missing ones, and the method of each."""
    table = result.to_frame()
    table = table[table["structure"].eq("disc") & table["measure"].isin(names) & table["level"].ne("")]
    methods = []
    for name in names:
        found = sorted(table.loc[table["measure"] == name, "method_id"].unique())
        if not found:
            raise argument_error("measures", "measures of discs in the result", name, "Measure the family 'disc'.")
        if len(found) > 1:
            raise DataError(f"{name} was taken by the methods {', '.join(found)}, which are different variables.")
        methods.append(found[0])
    wide = table.pivot(index=_PLACE, columns="measure", values="value").reindex(columns=list(names))
    why = table[table["value"].isna()].assign(why=lambda rows: rows["measure"] + ": " + rows["reason"])
    reason = why.groupby(_PLACE)["why"].agg("; ".join).reindex(wide.index).fillna("")
    wide = wide.assign(reason=reason).reset_index()
    return wide.astype(dict.fromkeys(_PLACE, str)), tuple(methods)


def _joined(graded: pd.DataFrame, measured: pd.DataFrame, names: tuple[str, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the graded discs with complete measurements, and the other graded discs with the reason."""
    keys = [name for name in _PLACE if name in graded.columns]
    if measured.duplicated(keys).any():
        raise DataError("A patient has several studies in the result: give `grades` the column study_id.")
    both = graded.merge(measured, on=keys, how="left", indicator=True)
    absent = both["_merge"].eq("left_only")
    if absent.all():
        raise DataError(
            f"No graded disc is in the result by {', '.join(keys)}. The identifiers must be the same; leave out the "
            "column study_id if it names something else."
        )
    both["reason"] = both["reason"].where(~absent, "not in the result")
    incomplete = both[list(names)].isna().any(axis=1)
    reason = both["reason"].where(both["reason"].fillna("").ne(""), "a measure has no row")
    if "study_id" not in keys:
        both["study_id"] = both["study_id"].fillna("")
    left_out = both[incomplete].assign(reason=reason[incomplete])[[*_PLACE, "reason"]]
    return both[~incomplete].reset_index(drop=True), left_out.reset_index(drop=True)


def _fit(discs: pd.DataFrame, names: tuple[str, ...], penalty: float, highest: int) -> OrdinalRegression:
    y = Measured.at(1.0, discs["grade"].to_numpy(dtype=float), lower=1, upper=highest)
    model = OrdinalRegression(penalty=penalty)
    return model.fit(discs[list(names)], y, clusters=discs["patient_id"].to_numpy())


def _field_strengths(result: ExtractionResult, discs: pd.DataFrame) -> tuple[float, ...]:
    """Return the field strengths of the graded studies; empty unless all are known."""
    studies = result.studies.astype({"patient_id": str, "study_id": str})
    used = discs[["patient_id", "study_id"]].drop_duplicates().merge(studies, on=["patient_id", "study_id"])
    tesla = pd.to_numeric(used["field_strength"], errors="coerce")
    return () if tesla.isna().any() else tuple(sorted(tesla.unique()))


def _agreement(predictions: pd.DataFrame, highest: int, confidence: float, group: str) -> list[dict[str, Any]]:
    """Return the metrics of a group of discs, with the jackknife over patients."""
    patient = pd.factorize(predictions["patient_id"])[0]
    grade = predictions["grade"].to_numpy(dtype=float)
    expected = predictions["expected"].to_numpy(dtype=float)
    count, n = int(patient.max()) + 1, grade.size
    method = "out of fold; jackknife over patients"
    shared = {"n": n, "confidence": confidence, "group": group, "model": "disc_grade", "method": method}
    if count < _FEWEST:
        reason = f"fewer than {_FEWEST} patients with this level"
        return [{**shared, "metric": "kappa_quadratic", "tier": "technical", "reason": reason}]
    table = np.zeros((count, highest, highest))
    np.add.at(table, (patient, np.rint(expected).astype(int) - 1, grade.astype(int) - 1), 1)
    ones = np.ones(n)
    sums = np.stack([np.bincount(patient, v) for v in (ones, grade, expected, expected**2, expected * grade)])
    whole = _values(table.sum(axis=0), sums.sum(axis=1))
    left = np.array([_values(table.sum(axis=0) - table[k], sums.sum(axis=1) - sums[:, k]) for k in range(count)])
    rows = []
    for k, (metric, tier) in enumerate(_METRICS):
        value, others = whole[k], left[:, k]
        fisher = metric == "kappa_quadratic"
        with np.errstate(divide="ignore", invalid="ignore"):
            carried, moved = (np.arctanh(value), np.arctanh(others)) if fisher else (value, others)
            se = float(np.sqrt((count - 1) / count * np.sum((moved - moved.mean()) ** 2)))
            half = float(norm.ppf(0.5 + confidence / 2)) * se
        low, high = carried - half, carried + half
        if fisher:
            low, high, se = np.tanh(low), np.tanh(high), se * (1 - value**2)
        row: dict[str, Any] = {**shared, "metric": metric, "tier": tier, "value": value}
        if np.isfinite(se) and se > 0:
            row |= {"se": se, "low": float(low), "high": float(high)}
        else:
            row["reason"] = "no interval: without one patient the value is not defined, or it is the same throughout"
        rows.append(row)
    return rows


_METRICS = (
    ("kappa_quadratic", "technical"),
    ("percent_agreement", "technical"),
    ("mean_error", "prognostic"),
    ("mean_calibration_intercept", "prognostic"),
    ("mean_calibration_slope", "prognostic"),
)


def _values(table: np.ndarray, sums: np.ndarray) -> tuple[float, ...]:
    """Return the five metrics from counts of rounded by observed grades, and from n, Σy, Σm, Σm², Σmy."""
    n, y, m, mm, my = sums
    varied = np.count_nonzero(table.sum(axis=0)) > 1 or np.count_nonzero(table.sum(axis=1)) > 1
    kappa = weighted_kappa(table=table).value if varied else np.nan
    spread = mm - m * m / n
    slope = (my - m * y / n) / spread if spread > 1e-12 * max(mm, 1.0) else np.nan
    return kappa, float(np.trace(table) / n), (y - m) / n, (y - slope * m) / n, slope
