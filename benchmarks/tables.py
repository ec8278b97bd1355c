"""Checking a package of a million rows, and making a cohort of fifty thousand patients: seconds, elapsed.

python benchmarks/tables.py
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from lbp_prognosis.cohort import Cohort, CohortSpec, PainRecovery
from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.schema import validate_package

MEASURES = [
    "disc_height",
    "disc_height_anterior",
    "disc_height_middle",
    "disc_height_posterior",
    "slip",
    "dural_sac_ap",
    "dural_sac_lr",
    "canal_ap",
    "canal_lr",
    "endplate_concavity",
]
LEVELS = ["l1l2", "l2l3", "l3l4", "l4l5", "l5s1"]


def biomarkers(n: int) -> dict[str, pd.DataFrame]:
    """Return patients and ``n`` rows of biomarkers as text, as a CSV file gives them."""
    ids = [f"p{i}" for i in range(n // 50)]
    table = pd.DataFrame(
        {
            "patient_id": np.repeat(ids, 50),
            "study_id": "s1",
            "structure": "disc",
            "measure": np.tile(np.repeat(MEASURES, 5), len(ids)),
            "level": np.tile(LEVELS, n // 5),
            "value": np.linspace(0, 20, n).round(3).astype(str),
            "unit": "mm",
            "method_id": "m",
            "acquired_on": "2020-01-01",
        }
    )
    return {"patient": pd.DataFrame({"patient_id": ids}), "biomarker": table}


def seconds(work):
    """Return the result and the seconds it took."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def main() -> None:
    """Print one line per task."""
    seconds(lambda: validate_package(biomarkers(500)))  # imports
    tables = biomarkers(1_000_000)
    report, taken = seconds(lambda: validate_package(tables))
    print(f"validate, 1 000 000 valid rows of one table     {taken:6.2f} s  {report!r}")
    tables["biomarker"].loc[::10, "value"] = "999"
    report, taken = seconds(lambda: validate_package(tables))
    print(f"validate, 100 000 of them out of range          {taken:6.2f} s  {report!r}")
    package = simulate_cohort(50_000, 1).tables
    report, taken = seconds(lambda: validate_package(package))
    rows = sum(map(len, package.values()))
    print(f"validate, {rows} rows in {len(package)} linked tables       {taken:6.2f} s")
    cohort, taken = seconds(lambda: Cohort.build(report, CohortSpec(), PainRecovery(horizons=(12,))))
    print(f"cohort of pain recovery                         {taken:6.2f} s  {cohort!r}")


if __name__ == "__main__":
    main()
