"""One process against two: an optimism bootstrap of a boosted pipeline by the clock, same numbers.

python -m benchmarks.processes [pairs]

Each pair runs the same study with one and with two processes, in turns first; the ratio of a pair and the cores that
were idle in the second before it are printed, then the median of all pairs. It says something on a machine with two
cores without other work.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._contest import COLUMNS, cohort, frame
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import BoostedCox
from lbp_prognosis.survival import Surv
from lbp_prognosis.validation import bootstrap_validate

RESAMPLES = 60


def main(contest: Any = None, pairs: int = 5) -> pd.DataFrame:
    """Return median elapsed seconds with one and two processes; the ratio is the median over pairs."""
    del contest
    X, days, event = cohort(1000, 20)
    y, table = Surv.right(days, event), pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])

    def study(n_jobs: int, count: int = RESAMPLES) -> tuple[float, np.ndarray]:
        start = time.perf_counter()
        found = bootstrap_validate(
            RiskPipeline([Standardise()], BoostedCox()),
            table,
            y,
            1095.0,
            n_resamples=count,
            method="optimism",
            random_state=1,
            n_jobs=n_jobs,
        )
        return time.perf_counter() - start, found.corrected

    for n_jobs in (1, 2):  # starts the workers and fills caches
        study(n_jobs, 4)
    spent: list[dict[int, float]] = []
    for pair in range(pairs):
        idle, seconds, values = idle_cores(), {}, {}
        for n_jobs in (1, 2) if pair % 2 == 0 else (2, 1):
            seconds[n_jobs], values[n_jobs] = study(n_jobs)
        assert np.array_equal(values[1], values[2], equal_nan=True)
        spent.append(seconds)
        told = "" if np.isnan(idle) else f", {idle:.1f} cores idle before"
        clock = f"one {seconds[1]:.2f} s, two {seconds[2]:.2f} s"
        print(f"pair {pair + 1}: {clock}, {seconds[1] / seconds[2]:.2f} times{told}", flush=True)
    ratios = [seconds[1] / seconds[2] for seconds in spent]
    ratio, one, two = (float(np.median(v)) for v in (ratios, [s[1] for s in spent], [s[2] for s in spent]))
    note = f"elapsed, two processes {ratio:.2f} times as fast (median of {pairs} pairs, best {max(ratios):.2f})"
    task = f"bootstrap of a boosted pipeline, B = {RESAMPLES}"
    print(f"{task:<52} {len(X):>8} one {one:.2f} s, two {two:.2f} s: {note}, to identical numbers", flush=True)
    return frame(
        [
            dict(zip(COLUMNS, (task, len(X), "lbp_prognosis", k, value, share, None, note)))
            for k, value, share in ((1, one, ratio), (2, two, 1.0))
        ]
    )


def idle_cores() -> float:
    """Return how many cores did nothing in the last second; NaN where the system does not say."""
    source = Path("/proc/stat")
    if not source.exists():
        return float("nan")

    def ticks() -> np.ndarray:
        line = source.read_text().splitlines()[0].split()[1:9]
        return np.array(line, dtype=float)

    before = ticks()
    time.sleep(1.0)
    spent = ticks() - before
    cores = sum(line.startswith("cpu") for line in source.read_text().splitlines()) - 1
    return float(cores * spent[3:5].sum() / spent.sum())


if __name__ == "__main__":
    main(pairs=int(sys.argv[1]) if len(sys.argv) > 1 else 5)
