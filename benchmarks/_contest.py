"""Race the library against peers: every round times each contender once, so that all meet the same machine.

Peers live in processes of their own, one for Python (the interpreter named by ``PEERS_PYTHON``, see
``requirements.txt``) and one for R, with one thread each. Seconds are processor seconds of the contender's process:
they do not grow when the machine is busy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import ONE_THREAD

COLUMNS = ["task", "n", "contender", "threads", "seconds", "ratio", "target", "note"]
HERE = Path(__file__).resolve().parent


class Worker:
    """A process that holds the peers of one language; a line in, the seconds of one call out."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process: subprocess.Popen[str] | None = None
        if shutil.which(command[0]):
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, **ONE_THREAD},
            )

    def run(self, job: str, folder: Path) -> float | str:
        """Return the seconds of one call, or a word why there are none."""
        if self.process is None or self.process.stdin is None or self.process.stdout is None:
            return "not installed"
        self.process.stdin.write(f"{job}\t{folder}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:  # whatever a peer prints itself is skipped
            if line.startswith("SECONDS\t"):
                return float(line.split("\t")[1])
            if line.startswith("ABSENT\t"):
                return line.split("\t")[1].strip()
        return "its process ended"


class Contest:
    """Holds the workers and the folder through which data reach them."""

    def __init__(self, rounds: int = 3) -> None:
        self.rounds = rounds
        self.folder = Path(tempfile.mkdtemp(prefix="benchmarks-"))
        python = os.environ.get("PEERS_PYTHON", sys.executable)
        self.workers = {
            "python": Worker([python, str(HERE / "peers.py")]),
            "R": Worker(["Rscript", "--vanilla", str(HERE / "peers.R")]),
        }

    def share(self, name: str, arrays: Mapping[str, np.ndarray]) -> Path:
        """Write arrays where both languages read them: raw doubles, columns first, and a line of shapes."""
        folder = self.folder / name
        if folder.exists():
            return folder
        folder.mkdir()
        with (folder / "shapes.txt").open("w") as shapes:
            for key, array in arrays.items():
                values = np.asfortranarray(np.asarray(array, dtype=float))
                values.ravel(order="F").tofile(folder / f"{key}.bin")
                columns = 1 if values.ndim == 1 else values.shape[1]
                shapes.write(f"{key}\t{values.shape[0]}\t{columns}\n")
        return folder

    def race(
        self,
        task: str,
        n: int,
        ours: Callable[[], Any],
        peers: Sequence[tuple[str, str, str]] = (),
        *,
        data: Path | None = None,
        target: float | None = None,
        scale: Mapping[str, float] | None = None,
        note: str = "",
    ) -> list[dict[str, Any]]:
        """Time ours and the peers (label, language, job) in turn; ``scale`` multiplies jobs that do only a part."""
        ours()
        spent: dict[str, list[float]] = {"ours": []}
        absent: dict[str, str] = {}
        for _ in range(self.rounds):
            start = time.process_time()
            ours()
            spent["ours"].append(time.process_time() - start)
            for label, language, job in peers:
                if label in absent:
                    continue
                seconds = self.workers[language].run(job, data if data is not None else self.folder)
                if isinstance(seconds, str):
                    absent[label] = seconds
                else:
                    spent.setdefault(label, []).append(seconds * (scale or {}).get(job, 1.0))
        own = float(np.median(spent["ours"]))
        rows = [dict(zip(COLUMNS, (task, n, "lbp_prognosis", 1, own, 1.0, target, note)))]
        for label, _, job in peers:
            value = float(np.median(spent[label])) if label in spent else np.nan
            told = absent.get(label, "")
            if scale and job in scale:
                told = f"a part timed, times {scale[job]:g}"
            rows.append(dict(zip(COLUMNS, (task, n, label, 1, value, value / own, None, told))))
        for row in rows:
            own, ratio = f"{row['seconds']:9.4f} s", f"× {row['ratio']:<9.3g}"
            print(f"{row['task']:<52} {row['n']:>8} {row['contender']:<42} {own} {ratio} {row['note']}", flush=True)
        return rows

    def close(self) -> None:
        """End the workers and remove the data."""
        for worker in self.workers.values():
            if worker.process is not None:
                worker.process.stdin.close()  # type: ignore[union-attr]
                worker.process.wait(timeout=60)
        shutil.rmtree(self.folder)


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per contender and task."""
    return pd.DataFrame(list(rows), columns=COLUMNS)


def cohort(n: int, p: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return correlated covariates, days and events: about 60 % censored, five-year administrative end, whole days."""
    rng = np.random.default_rng(seed)
    X = 0.7 * rng.normal(size=(n, p)) + 0.7 * rng.normal(size=(n, 1))
    beta = np.zeros(p)
    beta[:20] = np.linspace(-0.3, 0.3, min(p, 20))
    first = (rng.exponential(size=n) / np.exp(X @ beta)) ** (1 / 1.2) * 4000
    leave = np.minimum(rng.exponential(5000, n), 1826)
    return X, np.ceil(np.minimum(first, leave)), first <= leave
