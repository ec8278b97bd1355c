"""Validation by resampling: optimism bootstrap against rms::validate, and the modality Shapley of a Cox model.

python -m benchmarks.resampling
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, cohort, frame
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv
from lbp_prognosis.validation import added_value, bootstrap_validate

NAMES = ["clinical", "patient_reported", "imaging", "biomechanical"]


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds and ratios by task and contender."""
    contest = contest or Contest()
    n, year = 2000, np.array([1095.0])
    X, time, event = cohort(n, 20)
    y = Surv.right(time, event)
    data = contest.share("validate", {"X": X, "time": time, "event": event, "horizons": year})
    rows = contest.race(
        "optimism bootstrap of a Cox model, B = 200, 20 columns",
        n,
        lambda: bootstrap_validate(CoxPH(), X, y, year[0], n_resamples=200, random_state=1),
        [("rms::validate", "R", "validate")],
        data=data,
        target=0.8,
    )
    n = 1000
    X, time, event = cohort(n, 20)
    table = pd.DataFrame(X, columns=[f"x{j}" for j in range(20)])
    modalities = {name: list(table.columns[5 * k : 5 * k + 5]) for k, name in enumerate(NAMES)}
    y = Surv.right(time, event)
    rows += contest.race(
        "modality Shapley of a Cox, 16 coalitions × 10 × 5 folds",
        n,
        lambda: added_value(CoxPH(), table, y, modalities, year[0], random_state=1),
        target=3.0,
    )
    return frame(rows)


if __name__ == "__main__":
    main()
