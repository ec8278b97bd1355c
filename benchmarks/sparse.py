"""Paths over sparse covariates, as claims have them, beside glmnet on the same sparse matrix.

python -m benchmarks.sparse                                 (10⁵ × 10⁴, 1 % filled, 60 % censored, 50 penalties)
python -m benchmarks.sparse --rows 1000000 --columns 2000 --no-peer

Processor seconds of one thread, one run; memory is the peak of the process, data and Python (some 250 MiB) included.
glmnet is called with its defaults and gets ``--limit`` seconds and ``--memory`` GiB.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks import ONE_THREAD
from lbp_prognosis._kernels import cox_data, sparse_columns, sparse_cox_path

HERE = Path(__file__).resolve().parent


def claims(n: int, p: int, filled: float, seed: int = 16) -> tuple[sparse.csc_array, np.ndarray, np.ndarray]:
    """Return counts of codes, time in whole days (five years at most) and event; about 60 % are censored."""
    rng = np.random.default_rng(seed)
    share = filled * 2 * rng.random(p)  # some codes are rare
    row = [rng.choice(n, size=max(rng.binomial(n, s), 1), replace=False) for s in share]
    starts = np.concatenate([[0], np.cumsum([each.size for each in row])])
    stored = np.sort(np.concatenate(row)) if p == 1 else np.concatenate([np.sort(each) for each in row])
    values = rng.integers(1, 4, stored.size).astype(float)
    X = sparse.csc_array((values, stored.astype(np.int32), starts.astype(np.int32)), shape=(n, p))
    beta = np.zeros(p)
    beta[rng.choice(p, 100, replace=False)] = rng.normal(0, 0.4, 100)
    eta = X @ beta
    days = np.ceil(rng.exponential(3000 / np.exp(eta)))
    leave = np.minimum(np.ceil(rng.exponential(2500, n)), 1825)
    return X, np.minimum(days, leave), days <= leave


def peak() -> float:
    """Return the largest memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def glmnet(
    X: sparse.csc_array,
    time_: np.ndarray,
    event: np.ndarray,
    lambdas: np.ndarray,
    mixing: float,
    limit: float,
    memory: float,
) -> str:
    """Return the seconds of glmnet on the same matrix and penalties, or a word why there are none."""
    if shutil.which("Rscript") is None:
        return "R is not installed"
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        parts = {"i": X.indices, "p": X.indptr, "x": X.data, "time": time_, "event": event, "lambdas": lambdas}
        for name, values in parts.items():
            np.asarray(values, dtype=float).tofile(Path(folder) / name)
        (Path(folder) / "shape.txt").write_text(f"{X.shape[0]} {X.shape[1]} {X.nnz} {lambdas.size}\n")
        command = ["Rscript", "--vanilla", str(HERE / "sparse_peer.R"), folder, str(mixing)]
        most = int(memory * 2**30)
        try:
            told = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=limit,
                env={**os.environ, **ONE_THREAD},
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
            )
        except subprocess.TimeoutExpired:
            return f"not finished after {limit:.0f} s"
    words = (told.stdout.strip() or told.stderr.strip()).splitlines()
    return words[-1] if words else f"ended with status {told.returncode}"


def main() -> pd.DataFrame:
    """Print and return one row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=10_000)
    parser.add_argument("--filled", type=float, default=0.01)
    parser.add_argument("--penalties", type=int, default=50)
    parser.add_argument("--decades", type=float, default=2.0)
    parser.add_argument("--mixing", type=float, default=1.0)
    parser.add_argument("--limit", type=float, default=300.0)
    parser.add_argument("--memory", type=float, default=8.0)
    parser.add_argument("--no-peer", action="store_true")
    given = parser.parse_args()
    small = claims(500, 120, 0.05)
    tiny = sparse_columns(small[0], np.ones(500))
    sparse_cox_path(cox_data(np.empty((500, 0)), small[1], small[2]), tiny, n_lambdas=5)  # compiles
    X, days, event = claims(given.rows, given.columns, given.filled)
    start = time.process_time()
    ones = np.ones(given.rows)
    columns, bare = sparse_columns(X, ones), cox_data(np.empty((given.rows, 0)), days, event)
    top = sparse_cox_path(bare, columns, n_lambdas=1, alpha=given.mixing).lambdas[0]
    lambdas = top * np.logspace(0, -given.decades, given.penalties)
    path = sparse_cox_path(bare, columns, lambdas=lambdas, alpha=given.mixing)
    seconds = time.process_time() - start
    row = {
        "rows": given.rows,
        "columns": given.columns,
        "stored": X.nnz,
        "MiB stored": (X.data.nbytes + X.indices.nbytes) / 2**20,
        "censored": 1 - event.mean(),
        "days": np.unique(days[event]).size,
        "penalties": path.lambdas.size,
        "converged": bool(path.converged.all()),
        "gradients": path.evaluations,
        "nonzero": int((path.coef[-1] != 0).sum()),
        "seconds": seconds,
        "MiB of the process": peak(),
    }
    print(pd.Series(row).to_string(), flush=True)
    if not given.no_peer:
        row["glmnet"] = glmnet(X, days, event, lambdas, mixing=given.mixing, limit=given.limit, memory=given.memory)
        print("glmnet", row["glmnet"])
    return pd.DataFrame([row])


if __name__ == "__main__":
    main()
