"""What imputation in resamples costs: 20 imputations × 200 bootstraps × 16 coalitions at 500 patients, in minutes.

A resample of a coalition draws patients, imputes the coalition's own columns with the outcome, fits a Cox model on
every completed table, learns to complete new rows without the outcome, and measures the pipeline on the resample and on
the development data: the whole of `bootstrap_validate`, nothing shared between coalitions, since a model without
imaging must not see imaging when it imputes. Every coalition is run; a few resamples of each are timed and scaled to
200 (``--all`` runs all of them).

python -m benchmarks.multiple_imputation [--all]
"""

from __future__ import annotations

import sys
import time
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._contest import COLUMNS, frame
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv
from lbp_prognosis.validation import bootstrap_validate

MODALITIES = {
    "clinical": ["age", "sex", "work"],
    "patient_reported": ["pain", "disability", "fear"],
    "imaging": ["slip", "canal", "disc", "modic"],
    "biomechanical": ["strength", "range"],
}
RESAMPLES = 200


def patients(n: int = 500, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return 12 columns with a tenth of the cells missing, imaging not done in a fifth of patients, and times."""
    rng = np.random.default_rng(seed)
    names = ["age", "pain", "disability", "slip", "canal", "disc", "strength", "range", "fear"]
    values = 0.5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, len(names)))
    X = pd.DataFrame(values, columns=names)
    X["sex"] = (rng.random(n) < 0.5).astype(float)
    X["modic"] = (rng.random(n) < 1 / (1 + np.exp(-values[:, 3]))).astype(float)
    X["work"] = (rng.random(n) < 0.3).astype(float)
    hazard = np.exp(values @ np.array([0.3, 0.4, 0.2, 0.1, 0.1, 0, 0.2, 0, 0.3]))
    first, leave = 12 * rng.exponential(size=n) / hazard, np.minimum(rng.exponential(20, n), 24)
    holes = rng.random(X.shape) < 0.1
    holes[:, [0, 9]] = False
    imaging = [X.columns.get_loc(c) for c in MODALITIES["imaging"]]
    holes[:, imaging] |= (rng.random(n) < 0.2)[:, None]
    return X.mask(holes), Surv.right(np.ceil(30 * np.minimum(first, leave)) / 30, first <= leave)


def coalitions() -> list[list[str]]:
    """Return the columns of all coalitions but the empty one, whose model has nothing to impute."""
    members = [c for k in range(1, 5) for c in combinations(MODALITIES, k)]
    return [[column for name in member for column in MODALITIES[name]] for member in members]


def seconds(m: int, resamples: int) -> float:
    """Return processor seconds of ``RESAMPLES`` resamples of all coalitions, from ``resamples`` of each.

    The apparent fit of each coalition, timed with two resamples, is counted once.
    """
    X, y = patients()
    total = 0.0
    for columns in coalitions():
        model, table = RiskPipeline([MultipleImputation(m)], CoxPH()), X[columns]
        spent = []
        for count in (2, 2 + resamples):
            start = time.process_time()
            bootstrap_validate(model, table, y, [6, 12], n_resamples=count, random_state=1)
            spent.append(time.process_time() - start)
        total += spent[0] + (spent[1] - spent[0]) / resamples * (RESAMPLES - 2)
    return total


def main(resamples: int = 4, contest: Any = None) -> pd.DataFrame:
    """Return processor seconds for 20 imputations and for one in the loop; minutes on two cores in the note."""
    del contest
    X, y = patients()
    bootstrap_validate(RiskPipeline([MultipleImputation(2)], CoxPH()), X, y, [6, 12], n_resamples=2)
    rows = []
    for m, target in ((20, 1200.0), (1, None)):
        taken = seconds(m, resamples)
        task = f"{m} imputation{'s' * (m > 1)} × {RESAMPLES} bootstraps × 16 coalitions"
        note = f"{taken / 120:.1f} minutes on two cores; {resamples} of {RESAMPLES} resamples of each coalition timed"
        rows.append(dict(zip(COLUMNS, (task, len(X), "lbp_prognosis", 1, taken, 1.0, target, note))))
        print(f"{task:<52} {len(X):>8} {taken:9.1f} s of a processor, {note}", flush=True)
    return frame(rows)


if __name__ == "__main__":
    main(RESAMPLES - 2 if "--all" in sys.argv else 4)
