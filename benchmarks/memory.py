"""Peak memory of the large tasks at two sizes: linear growth, and how much beyond the data.

python -m benchmarks.memory
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pandas as pd

from benchmarks._contest import COLUMNS, frame

SIZES = (250_000, 1_000_000)
CODE = """
import resource, sys
import numpy as np
from benchmarks._contest import cohort
from lbp_prognosis.evaluation import brier, concordance, decision_curve, time_dependent_auc
from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv
task, n = sys.argv[1], int(sys.argv[2])
tasks = {
    "Harrell's C with SE": lambda y, X, r: concordance(y, X[:, 0]),
    "Uno's C with SE": lambda y, X, r: concordance(y, X[:, 0], weighting="uno"),
    "AUC(t) at 3 times": lambda y, X, r: time_dependent_auc(y, r, [300.0, 600, 900]),
    "Brier at 3 times": lambda y, X, r: brier(y, r, [300.0, 600, 900]),
    "Cox, 5 columns": lambda y, X, r: CoxPH().fit(X, y),
    "decision curve": lambda y, X, r: decision_curve(y, r[:, 0], 300.0, np.arange(1, 100) / 100, n_resamples=100),
}
def made(n):
    X, time, event = cohort(n, 5)
    return Surv.right(time, event), X, np.column_stack([-np.expm1(-np.exp(X[:, 0]) * c) for c in (0.1, 0.2, 0.3)])
tasks[task](*made(2000))
data = made(n)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tasks[task](*data)
print(before / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
TASKS = [
    "Harrell's C with SE",
    "Uno's C with SE",
    "AUC(t) at 3 times",
    "Brier at 3 times",
    "Cox, 5 columns",
    "decision curve",
]


def main(contest: Any = None) -> pd.DataFrame:
    """Return peaks in MiB in the column ``seconds``' stead: the note says so."""
    del contest
    rows = []
    for task in TASKS:
        extra = []
        for n in SIZES:
            out = subprocess.run([sys.executable, "-c", CODE, task, str(n)], capture_output=True, text=True, check=True)
            before, after = map(float, out.stdout.split())
            extra.append(after - before)
        note = f"{extra[0]:.0f} MiB beyond the data at {SIZES[0]}, {extra[1]:.0f} at {SIZES[1]}"
        print(f"memory, {task:<44} {note}", flush=True)
        rows.append(
            dict(
                zip(
                    COLUMNS,
                    (
                        f"memory, {task}",
                        SIZES[1],
                        "lbp_prognosis",
                        1,
                        float("nan"),
                        extra[1] / max(extra[0], 1.0),
                        None,
                        note,
                    ),
                )
            )
        )
    return frame(rows)


if __name__ == "__main__":
    main()
