"""Harmonisation of 1000 features of 5000 patients at 6 sites, fit and transform.

Seconds elapsed and of processors, medians of 5.

python benchmarks/combat.py
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from lbp_prognosis.fusion import ComBat, CovBat


def table(n: int = 5000, p: int = 1000, sites: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    site = rng.integers(sites, size=n)
    values = rng.normal(size=(n, p)) * rng.uniform(0.7, 1.3, (sites, p))[site] + rng.normal(size=(sites, p))[site]
    frame = pd.DataFrame(values, columns=[f"f{k}" for k in range(p)])
    return frame.assign(age=rng.normal(50, 10, n), site=site.astype(str))


def main() -> None:
    frame = table()
    for label, step in (
        ("ComBat, parametric", ComBat(covariates=["age"])),
        ("ComBat, nonparametric", ComBat(covariates=["age"], prior="nonparametric")),
        ("ComBat, no shrinkage", ComBat(covariates=["age"], prior="none")),
        ("CovBat", CovBat(covariates=["age"])),
    ):
        spent = []
        for _ in range(5):
            start, used = time.perf_counter(), time.process_time()
            step.fit(frame).transform(frame)
            spent.append((time.perf_counter() - start, time.process_time() - used))
        elapsed, busy = np.median(spent, axis=0)
        print(f"{label:24s} {elapsed:6.3f} s elapsed, {busy:6.3f} s of processors")


if __name__ == "__main__":
    main()
