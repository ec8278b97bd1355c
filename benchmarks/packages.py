"""Validate a data package with millions of biomarker rows, and pool them to one row per patient.

python -m benchmarks.packages                               (10⁷ rows of 10⁶ patients, in Parquet)
python -m benchmarks.packages --rows 500000
python -m benchmarks.packages --block-rows 500000           (read in blocks)
python -m benchmarks.packages --block-rows 500000 --duckdb  (from one DuckDB file)

Processor seconds of one thread, and the peak of the process that validates and pools (some 125 MiB are Python).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import ONE_THREAD

LEVELS = ["l1l2", "l2l3", "l3l4", "l4l5", "l5s1"]


def write(folder: Path, rows: int, seed: int = 0) -> None:
    """Write a package: two measures at five levels of each patient."""
    rng = np.random.default_rng(seed)
    patients = rows // 10
    patient = [f"p{k:07d}" for k in range(patients)]
    study = [f"s{k:07d}" for k in range(patients)]
    half = np.tile(np.repeat([0, 1], 5), patients)
    biomarker = pd.DataFrame(
        {
            "patient_id": np.repeat(patient, 10),
            "study_id": np.repeat(study, 10),
            "structure": "disc",
            "measure": np.array(["disc_height", "pfirrmann"])[half],
            "level": np.tile(LEVELS, 2 * patients),
            "value": np.where(half == 0, rng.uniform(6, 12, 10 * patients), rng.integers(1, 6, 10 * patients)),
            "unit": np.array(["mm", "grade"])[half],
            "method_id": np.array(["auto", "reader"])[half],
        }
    )
    biomarker.to_parquet(folder / "biomarker.parquet")
    pd.DataFrame({"patient_id": patient}).to_parquet(folder / "patient.parquet")
    studies = pd.DataFrame({"patient_id": patient, "study_id": study, "modality": "mri"})
    studies.to_parquet(folder / "imaging_study.parquet")


def move(folder: Path) -> Path:
    """Put the tables of a package into one DuckDB file; return the file."""
    import duckdb

    base = folder / "package.duckdb"
    with duckdb.connect(str(base)) as connection:
        for path in sorted(folder.glob("*.parquet")):
            connection.execute(f"CREATE TABLE {path.stem} AS SELECT * FROM read_parquet('{path}')")
            path.unlink()
    return base


def peak() -> float:
    """Return the largest memory of this program so far, MiB; ``getrusage`` would count that of its parent before it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure(folder: Path, block_rows: int | None) -> None:
    """Print seconds and memory of validation and of pooling."""
    from lbp_prognosis.fusion import pool_levels
    from lbp_prognosis.schema import validate_package

    def told(task: str, start: float) -> None:
        print(f"{task:<12} {time.process_time() - start:8.1f} s   peak of the process {peak():8.0f} MiB", flush=True)

    start = time.process_time()
    report = validate_package(folder, block_rows=block_rows)
    told("validated", start)
    print(repr(report))
    start = time.process_time()
    biomarkers = {**report.tables, **report.blocks}["biomarker"]
    pooled = pool_levels(biomarkers, {"pfirrmann": ["max", "count>=4"], "disc_height": "mean"})
    told("pooled", start)
    print(repr(pooled))


def main() -> None:
    """Write the package, and measure in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--block-rows", type=int)
    parser.add_argument("--duckdb", action="store_true")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder is not None:
        measure(given.folder, given.block_rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), given.rows)
        source = str(move(Path(folder))) if given.duckdb else folder
        command = [sys.executable, "-m", "benchmarks.packages", "--folder", source]
        command += [] if given.block_rows is None else ["--block-rows", str(given.block_rows)]
        subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})


if __name__ == "__main__":
    main()
