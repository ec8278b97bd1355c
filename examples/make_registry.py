"""Write ``registry.dta``, the simulated registry of the README: 400 patients, one row each.

The file is committed, so that the README runs as printed; this script makes the same table again.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from lbp_prognosis.datasets import simulate_cohort

LABELS = {
    "age": "age at the first consultation, years",
    "nrs_back": "back pain in the last week, 0-10",
    "odi": "Oswestry Disability Index, 0-100",
    "expectation": "expectation that the pain persists, 0-10",
    "pfirrmann__mean": "Pfirrmann grade, mean over lumbar discs",
    "fat_fraction__mean": "fat fraction of the paraspinal muscles, mean over levels",
    "months": "follow-up, months",
    "status": "how follow-up ended",
}
PREDICTORS = [name for name in LABELS if name not in ("months", "status")]


def main(path: Path) -> None:
    X, y, _ = simulate_cohort(400, 2, imaging_rate=0.6).wide(observed=True)
    table = (X[PREDICTORS] + 0.0).assign(months=y["time"], status=y["event"].astype(np.int32)).reset_index(drop=True)
    table.to_stata(
        path,
        write_index=False,
        version=118,
        time_stamp=datetime(2026, 1, 1),
        data_label="Simulated: no evidence about any patient",
        variable_labels=LABELS,
        value_labels={"status": {0: "censored", 1: "recovery", 2: "surgery"}},
    )


if __name__ == "__main__":
    main(Path(__file__).with_name("registry.dta"))
