"""Evaluation of registries: processor seconds and memory as the number of patients grows.

python -m benchmarks.scale                                  (10⁴, 10⁵ and 10⁶ patients)
python -m benchmarks.scale --rows 100000 --task added

Each task and size is a process of its own: one call on small data compiles, the next is measured. Seconds are processor
seconds of all threads (those of the clock, in brackets, can be compared on idle machines), memory is the peak beyond
the data. A sort of as many random numbers is timed in the same process: the ratio (``sorts``) can be compared between
machines, and between hours on a busy one. It is level where a task grows like n log n.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import ONE_THREAD
from benchmarks._contest import cohort

HORIZONS = np.array([365.0, 730.0, 1095.0])
GRID = np.linspace(0.05, 0.6, 40)
TASKS = {
    "evaluate": "evaluate: 2 models, 3 horizons, 40 thresholds",
    "unscored": "the same without linear predictors",
    "moments": "the same, and hardly two patients share a time",
    "calibration": "calibration, one horizon, 200 resamples",
    "decision": "decision curve, 40 thresholds, bands",
    "added": "added value of four modalities, 16 coalitions × 5 folds",
}


def _risk(X: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    return -np.expm1(-np.exp(X @ np.linspace(-0.3, 0.3, 20))[:, None] * (horizons / 4000) ** 1.2)


def _call(task: str, n: int) -> Callable[[], Any]:
    """Return the task on ``n`` patients, data made."""
    X, days, event = cohort(n, 20)
    from lbp_prognosis.survival import Surv

    if task == "moments":
        days = days - np.random.default_rng(1).random(n)
    y = Surv.right(days, event)
    if task == "added":
        import pandas as pd

        from lbp_prognosis.models import CoxPH
        from lbp_prognosis.validation import added_value

        frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(20)])
        parts = {
            "clinical": slice(0, 5),
            "imaging": slice(5, 10),
            "movement": slice(10, 15),
            "psychology": slice(15, 20),
        }
        named = {name: list(frame.columns[where]) for name, where in parts.items()}
        return lambda: added_value(CoxPH(), frame, y, named, 1095.0, [0.3], n_repeats=1)
    from lbp_prognosis.evaluation import calibration, decision_curve, evaluate

    risks = {"full": _risk(X, HORIZONS), "half": _risk(np.where(np.arange(20) % 2, X, 0.0), HORIZONS)}
    if task == "calibration":
        return lambda: calibration(y, risks["full"][:, 2], 1095.0)
    if task == "decision":
        return lambda: decision_curve(y, risks["full"][:, 2], 1095.0, GRID)
    scores = {name: np.log(-np.log1p(-risk[:, 0])) for name, risk in risks.items()} if task == "evaluate" else None
    return lambda: evaluate(y, risks, HORIZONS, GRID, linear_predictors=scores)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(task: str, n: int) -> dict[str, float]:
    """Return seconds, sorts of ``n`` numbers in the same time, and MiB beyond the data."""
    for small in (3_000, 25_000):  # short and long tables take different kernels
        _call(task, small)()
    call = _call(task, n)
    numbers = np.random.default_rng(0).random(n)
    before, sorts = _peak(), []

    def sort() -> None:
        start = time.process_time()
        np.sort(numbers)
        sorts.append(time.process_time() - start)

    sort()
    start, clock = time.process_time(), time.perf_counter()
    call()
    seconds, clock = time.process_time() - start, time.perf_counter() - clock
    sort()
    return {"seconds": seconds, "clock": clock, "sorts": seconds / float(np.mean(sorts)), "mib": _peak() - before}


def main() -> None:
    """Print a row per task and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--task", choices=[*TASKS, "all"], default="all")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.task, given.rows[0])))
        return
    for task in [name for name in TASKS if given.task in (name, "all")]:
        for n in given.rows:
            if task == "added" and n > 100_000:
                continue
            command = [sys.executable, "-m", "benchmarks.scale", "--one", "--task", task, "--rows", str(n)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **ONE_THREAD})
            row = json.loads(done.stdout.splitlines()[-1])
            told = f"{row['seconds']:8.2f} s ({row['clock']:.2f} s) {row['sorts']:8.1f} sorts {row['mib']:8.0f} MiB"
            print(f"{TASKS[task]:<60} {n:>9} {told}", flush=True)


if __name__ == "__main__":
    main()
