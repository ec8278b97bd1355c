"""A run killed again and again ends with the numbers of a run that nobody disturbed; so does one on a cluster."""

from __future__ import annotations

import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from forked import forked


@pytest.fixture
def script(monkeypatch):
    """The run, importable by other processes too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import killed_run

    return killed_run


def _finished(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("task-*.npz"))


@pytest.mark.parametrize("times", [6, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_again_and_again(tmp_path: Path, script, times: int) -> None:
    """SIGKILL falls at random moments of the work: before it, in a resample, in a fold, while a file is written."""
    rng = np.random.default_rng(20)
    checkpoint, result = tmp_path / "work", tmp_path / "result.npz"
    arguments = (str(checkpoint), str(result))
    kills, marks, folds = 0, [], []
    while kills < times and not result.exists():
        before = _finished(checkpoint)
        process = forked(script.run_and_write, *arguments)
        process.start()
        wanted = before + int(rng.integers(0, 100 // times))
        while process.is_alive() and _finished(checkpoint) < wanted:
            time.sleep(0.001)
        time.sleep(float(rng.uniform(0, 0.01)))
        process.kill()
        process.join()
        kills += process.exitcode == -9
        marks.append(_finished(checkpoint))
        folds.append(_finished(checkpoint / "folds"))
    assert kills == times
    assert any(0 < n < 60 for n in folds)  # of 5 folds, 12 times
    assert marks == sorted(marks)
    assert 0 < marks[0] < marks[-1]
    script.run_and_write(*arguments)
    undisturbed = script.run(None)
    with np.load(result) as resumed:
        for name, values in undisturbed.items():
            np.testing.assert_array_equal(resumed[name], values, err_msg=name)


def test_a_damaged_checkpoint_is_done_again(tmp_path: Path, script) -> None:
    script.run(str(tmp_path))
    files = sorted(tmp_path.rglob("task-*.npz"))
    files[3].write_bytes(files[3].read_bytes()[:100])
    files[7].unlink()
    again = script.run(str(tmp_path))
    for name, values in script.run(None).items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


def test_workers_of_a_dask_cluster_give_the_same_numbers(script) -> None:
    distributed = pytest.importorskip("distributed")
    import warnings

    alone = script.run(None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the cluster's own start and end
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        )
        client = distributed.Client(cluster)
        try:
            with joblib.parallel_config(backend="dask", wait_for_workers_timeout=60):
                spread = script.run(None)
        finally:
            client.close()
            cluster.close()
    for name, values in alone.items():
        np.testing.assert_array_equal(spread[name], values, err_msg=name)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_two_workers_give_the_same_numbers(backend: str, script) -> None:
    alone = script.run(None)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        spread = script.run(None)
    for name, values in alone.items():
        np.testing.assert_array_equal(spread[name], values, err_msg=name)
