"""A small wide study, run once for the tests of what is reported of it: two Cox models on one table."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.study import Study, StudyResult, run_study

TABLE: dict[str, Any] = {
    "title": "Recovery after a first visit",
    "seed": 3,
    "prespecified": True,
    "table": {"wide": "w.csv", "id": "id", "time": "months", "event": "status", "causes": {"recovery": 1}},
    "outcome": {
        "name": "recovery",
        "definition": "Pain at most 2 of 10.",
        "polarity": "good",
        "time_zero": "first visit",
        "unit": "months",
        "horizons": [6, 12],
        "primary_horizon": 12,
        "estimand": "treatment-policy",
    },
    "modalities": {"clinical": ["age", "pain"], "imaging": ["fat"]},
    "model": [
        {"name": "clinical", "kind": "cox", "modalities": ["clinical"], "imputations": 2, "iterations": 2},
        {
            "name": "with imaging",
            "kind": "cox",
            "modalities": ["clinical", "imaging"],
            "splines": {"age": 4},
            "imputations": 2,
            "iterations": 2,
        },
    ],
    "comparison": {"clinical": "clinical", "extended": "with imaging"},
    "decision": {"low": 0.3, "high": 0.6, "primary": 0.4, "step": 0.1, "rationale": "Half a day of training is cheap."},
    "validation": {"folds": 4, "repeats": 1, "resamples": 0},
}


def patients(n: int = 400) -> pd.DataFrame:
    """Return the table: 3 of the patients have no value of pain."""
    rng = np.random.default_rng(12)
    age, pain, fat = rng.normal(50, 12, n).round(1), rng.integers(3, 10, n).astype(float), rng.normal(20, 5, n).round(1)
    rate = 0.09 * np.exp(-0.03 * (age - 50) - 0.25 * (pain - 6))
    event, censored = rng.exponential(1 / rate), rng.uniform(8, 24, n)
    frame = pd.DataFrame({"id": np.arange(n), "months": np.minimum(event, censored).round(2) + 0.01})
    frame = frame.assign(status=(event <= censored).astype(int), age=age, pain=pain, fat=fat)
    frame.loc[[5, 50, 200], "pain"] = np.nan
    return frame


def study(folder: Path, **changes: Any) -> Study:
    """Return the protocol with some of its tables changed, or left out (None)."""
    table = copy.deepcopy(TABLE)
    for key, value in changes.items():
        if value is None:
            del table[key]
            continue
        table[key] = {**table[key], **value} if isinstance(value, dict) and key in table else value
    return Study.from_dict(table, folder=folder, home=folder)


def result(folder: Path, **changes: Any) -> StudyResult:
    """Return the study, run."""
    patients().to_csv(folder / "w.csv", index=False)
    return run_study(study(folder, **changes), n_jobs=1)
