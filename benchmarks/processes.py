"""One process against two: an optimism bootstrap of a boosted pipeline, elapsed seconds, same numbers.

python -m benchmarks.processes
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._contest import COLUMNS, cohort, frame
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import BoostedCox
from lbp_prognosis.survival import Surv
from lbp_prognosis.validation import bootstrap_validate


def main(contest: Any = None, rounds: int = 3) -> pd.DataFrame:
    """Return elapsed seconds with one and two processes; the ratio is how many times sooner two are done."""
    del contest
    X, days, event = cohort(1000, 20)
    y, spent, values = Surv.right(days, event), {1: [], 2: []}, {}
    table = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    for turn in range(rounds + 1):  # the first starts the workers and fills caches
        for n_jobs in (1, 2):
            start = time.perf_counter()
            found = bootstrap_validate(RiskPipeline([Standardise()], BoostedCox()), table, y, 1095.0, n_resamples=40,
                                       method="optimism", random_state=1, n_jobs=n_jobs)  # fmt: skip
            values[n_jobs] = found.corrected
            if turn:
                spent[n_jobs].append(time.perf_counter() - start)
    assert np.array_equal(values[1], values[2], equal_nan=True)
    one, two = (float(np.median(spent[k])) for k in (1, 2))
    task = "bootstrap of a boosted pipeline, B = 40"
    note = f"elapsed; two processes are {one / two:.2f} times as fast as one, to identical numbers"
    print(f"{task:<52} {len(X):>8} one {one:.2f} s, two {two:.2f} s: {note}", flush=True)
    return frame(
        [dict(zip(COLUMNS, (task, len(X), "lbp_prognosis", k, value, value / two, None, note)))
         for k, value in ((1, one), (2, two))]
    )  # fmt: skip


if __name__ == "__main__":
    main()
