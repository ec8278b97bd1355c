"""Jackknife intervals of `fit_disc_grade` cover the agreement that its models have in the population.

Grades of 25 to 150 patients, five discs each, are drawn from a proportional odds model with a term of the patient that
no measure explains, so that the discs of a patient are alike.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.study import fit_disc_grade
from lbp_prognosis.study._fit_disc_grade import _METRICS, _agreement, _fit, _values

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "unit" / "biomarkers"))
from test_disc_grade import ALPHA, BETA, MEASURES, batch, drawn

NAMES = [name for name, _ in _METRICS]
SPREAD, SETS = 0.8, 1000


@cache
def population():
    """Return measures and grades of the discs of 20,000 patients."""
    return drawn(20_000, 12_345, SPREAD)[:2]


def tables(expected: np.ndarray, grade: np.ndarray) -> tuple[float, ...]:
    """Return the five metrics of predictions for many discs."""
    table = np.zeros((5, 5))
    np.add.at(table, (np.rint(expected).astype(int) - 1, grade.astype(int) - 1), 1)
    sums = np.array([grade.size, grade.sum(), expected.sum(), (expected**2).sum(), (expected * grade).sum()])
    return _values(table, sums)


def covered(rows: list[dict], truth: tuple[float, ...]) -> np.ndarray:
    return np.array([row["low"] <= value <= row["high"] for row, value in zip(rows, truth)])


@pytest.mark.slow
@pytest.mark.parametrize("n", [25, 60, 150])
def test_coverage_of_fixed_predictions(n: int) -> None:
    def expected(x: np.ndarray) -> np.ndarray:
        above = 1 / (1 + np.exp(ALPHA - (x @ BETA)[:, None]))
        return 1 + 0.8 * above.sum(axis=1)  # grades are predicted too low

    truth = tables(expected(population()[0]), population()[1])
    hits = np.zeros(len(NAMES))
    for seed in range(SETS):
        x, grade, patients, levels = drawn(n, [n, seed], SPREAD)
        frame = pd.DataFrame({"patient_id": patients, "level": levels, "grade": grade, "expected": expected(x)})
        hits += covered(_agreement(frame, 5, 0.95, ""), truth)
    assert ((hits / SETS > 0.93) & (hits / SETS < 0.97)).all(), dict(zip(NAMES, hits / SETS))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_coverage_of_predictions_out_of_fold() -> None:
    few = slice(0, 10_000)  # discs of 2,000 patients
    x_new, grade_new = pd.DataFrame(population()[0][few], columns=list(MEASURES)), population()[1][few]
    hits = np.zeros(len(NAMES))
    for seed in range(SETS):
        x, grade, patients, levels = drawn(60, [7, seed], SPREAD)
        given = pd.DataFrame({"patient_id": patients, "level": levels, "value": grade})
        fit = fit_disc_grade(batch(x, patients, levels), given, n_splits=5, random_state=seed)
        discs = pd.DataFrame(x, columns=list(MEASURES)).assign(patient_id=patients, level=levels, grade=grade)
        discs = discs.merge(fit.predictions[["patient_id", "level", "fold"]], on=["patient_id", "level"])
        parts = []
        for k in range(5):  # the models whose predictions were judged, in new patients
            model = _fit(discs[discs["fold"] != k], MEASURES, 0.0, 5)
            parts.append(model.predict_distribution(x_new) @ model.levels_)
        truth = tables(np.concatenate(parts), np.tile(grade_new, 5))
        rows = fit.frame[fit.frame["group"] == ""].set_index("metric").loc[NAMES].to_dict("records")
        hits += covered(rows, truth)
    assert ((hits / SETS > 0.93) & (hits / SETS < 0.97)).all(), dict(zip(NAMES, hits / SETS))
