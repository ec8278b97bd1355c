"""A worker of a Dask cluster is killed in the middle: the numbers are those of one process that nobody disturbed."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis import CoxPH, RiskPipeline, Surv
from lbp_prognosis.biomarkers import Recipe, extract
from lbp_prognosis.fusion import MultipleImputation
from lbp_prognosis.models import NullModel, StackedRisk
from lbp_prognosis.validation import added_value, cross_validate_risk, internal_external

pytestmark = pytest.mark.slow
distributed = pytest.importorskip("distributed")

N = 240
MODALITIES = {"clinical": ["a", "b"], "imaging": ["c"], "movement": ["d"]}


def patients() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(N, 4)), columns=list("abcd"))
    t, c = rng.exponential(10 * np.exp(-X["a"])), rng.uniform(5, 20, N)
    return X, Surv.right(np.ceil(np.minimum(t, c)), (t <= c).astype(int)), np.arange(N) % 6


def of_added_value(_: Path) -> pd.DataFrame:
    X, y, _sites = patients()
    return added_value(CoxPH(), X, y, MODALITIES, 9.0, [0.3], n_repeats=20).to_frame()


def of_sites(_: Path) -> pd.DataFrame:
    X, y, sites = patients()
    models = {f"cox {k}": CoxPH(penalty=k) for k in range(30)}
    return internal_external(models, X, y, sites, 9.0, min_events=5).to_frame()


def of_stacks(_: Path) -> pd.DataFrame:
    X, y, _sites = patients()
    stack = StackedRisk({"cox": CoxPH(), "null": NullModel()}, horizons=9.0)
    return pd.DataFrame(cross_validate_risk(stack, X, y, 9.0, n_repeats=10).risks["StackedRisk"].reshape(-1, 1))


def of_imputations(_: Path) -> pd.DataFrame:
    X, y, _sites = patients()
    holes = X.mask(np.random.default_rng(5).random(X.shape) < 0.15)
    model = RiskPipeline([("fill", MultipleImputation(m=5, random_state=1))], CoxPH())
    found = cross_validate_risk({"imputed": model}, holes, y, 9.0, n_repeats=6)
    return pd.DataFrame(found.risks["imputed"].reshape(-1, 1))


def of_images(folder: Path) -> pd.DataFrame:
    return extract(folder, Recipe(families=("disc", "canal"))).to_frame()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nib = pytest.importorskip("nibabel")
    folder = tmp_path_factory.mktemp("cases")
    rows = []
    for k in range(8):
        data, affine = Phantom(n=2, disc_height=(8.0 + k / 2,) * 5).draw(
            labels_of("totalspineseg", 2), spacing=(2.0, 1.0, 1.0)
        )
        nib.save(nib.Nifti1Image(data.astype(np.uint8), affine), folder / f"{k}.nii.gz")
        nib.save(nib.Nifti1Image((data * 3 + 20).astype(np.int16), affine), folder / f"{k}_image.nii.gz")
        rows.append((f"p{k}", "x", f"{k}.nii.gz", f"{k}_image.nii.gz", "totalspineseg", "mri"))
    columns = ["patient_id", "study_id", "mask", "image", "convention", "modality"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "studies.csv", index=False)
    return folder


@pytest.fixture
def client() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the cluster's own start and end, and of the death
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        )
        found = distributed.Client(cluster)
        try:
            yield found
        finally:
            found.close()
            cluster.close()


@pytest.mark.parametrize("work", [of_added_value, of_sites, of_stacks, of_imputations, of_images])
def test_a_killed_worker_changes_no_number(work: Callable[[Path], pd.DataFrame], images: Path, client: Any) -> None:
    alone = work(images)
    victim = next(iter(client.run(os.getpid).values()))
    tasks = client.cluster.scheduler
    done, killed = threading.Event(), []

    def kill() -> None:
        while not done.is_set():
            if len(tasks.tasks) and any(ts.state == "memory" for ts in list(tasks.tasks.values())):
                os.kill(victim, signal.SIGKILL)  # some tasks are done, others are not
                killed.append(not done.is_set())
                return
            time.sleep(0.001)

    thread = threading.Thread(target=kill)
    with joblib.parallel_config(backend="dask", wait_for_workers_timeout=60):
        thread.start()
        try:
            spread = work(images)
        finally:
            done.set()
            thread.join()
    assert killed == [True]
    assert victim not in client.run(os.getpid).values()
    pd.testing.assert_frame_equal(spread, alone, check_exact=True)
