"""Discrimination and prediction error against lifelines and R, in one run: medians in seconds, one thread.

python benchmarks/discrimination.py [--large]        (--large adds a million patients)

Days as whole numbers, 20 % administrative and 40 % random censoring, warm-up excluded, CPU time of the process for the
library and lifelines, elapsed time inside R for R.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lbp_prognosis.evaluation import brier, concordance, integrated_brier, time_dependent_auc
from lbp_prognosis.survival import Surv

R_CODE = """
suppressMessages(library(survival)); d <- read.csv("{file}"); s <- Surv(d$time, d$event)
seconds <- function(f) {{ f(); median(replicate(3, system.time(f())[["elapsed"]])) }}
cat(seconds(function() concordance(s ~ d$x, reverse = TRUE)), seconds(function() concordance(s ~ d$x, reverse = TRUE,
    timewt = "n/G2")), "\\n")
if (requireNamespace("riskRegression", quietly = TRUE) && nrow(d) <= 1e5) {{
  suppressMessages({{library(riskRegression); library(prodlim)}}); t <- c(200, 500, 800, 1100, 1400)
  r <- 1 - exp(-exp(d$x) %o% t / 1500)
  cat(seconds(function() Score(list(m = r), Hist(time, event) ~ 1, d, times = t, metrics = "AUC", se.fit = TRUE,
                               null.model = FALSE, conf.int = TRUE)),
      seconds(function() Score(list(m = r), Hist(time, event) ~ 1, d, times = t, metrics = "Brier", se.fit = TRUE,
                               conf.int = TRUE)), "\\n")
}}
"""


def cohort(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    first, leave = rng.exponential(np.exp(-x)) * 1500, np.minimum(rng.exponential(1500, n), 1826)
    return x, np.ceil(np.minimum(first, leave)), (first <= leave).astype(int)


def median(call: Callable[[], object], repeats: int = 5) -> float:
    call()
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def in_r(x: np.ndarray, days: np.ndarray, event: np.ndarray) -> list[list[float]]:
    if shutil.which("Rscript") is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "d.csv"
        pd.DataFrame({"x": x, "time": days, "event": event}).to_csv(file, index=False)
        out = subprocess.run(["Rscript", "-e", R_CODE.format(file=file)], capture_output=True, text=True, check=False)
    return [[float(word) for word in line.split()] for line in out.stdout.splitlines()]


def main(sizes: list[int]) -> None:
    from lifelines.utils import concordance_index

    for n in sizes:
        x, days, event = cohort(n)
        y, grid = Surv.right(days, event), np.linspace(30, 1700, 50).round()
        ours = {
            "Harrell's C with SE": median(lambda y=y, x=x: concordance(y, x)),
            "Uno's C with SE": median(lambda y=y, x=x: concordance(y, x, weighting="uno")),
        }
        peers = {"lifelines, C without SE": median(lambda d=days, x=x, e=event: concordance_index(d, -x, e), 1)}
        if n <= 100_000:
            five = np.array([200.0, 500, 800, 1100, 1400])
            few, many = (1 - np.exp(-np.exp(x)[:, None] * t / 1500) for t in (five, grid))
            ours["AUC(t) at 5 times with intervals"] = median(lambda y=y, r=few, t=five: time_dependent_auc(y, r, t))
            ours["Brier, IPA at 50 times with intervals"] = median(lambda y=y, r=many, g=grid: brier(y, r, g))
            ours["integrated Brier, 50 times, with SE"] = median(lambda y=y, r=many, g=grid: integrated_brier(y, r, g))
        names = [["R survival, Harrell's C with SE", "R survival, Uno's C with SE"],
                 ["riskRegression, AUC at 5 times", "riskRegression, Brier at 5 times"]]  # fmt: skip
        for row, values in zip(names, in_r(x, days, event)):
            peers.update(zip(row, values))
        for name, seconds in {**ours, **peers}.items():
            print(f"{n:>9}  {name:<40} {seconds:8.4f}")


if __name__ == "__main__":
    main([10_000, 100_000] + ([1_000_000] if "--large" in sys.argv else []))
