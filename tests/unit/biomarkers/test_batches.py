"""Batches on real machines: what may pass is tried again, a killed worker costs one case, jobs share a checkpoint."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pandas as pd
import pytest
from command import call
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError, MissingPackageError, surviving_map
from lbp_prognosis.biomarkers import Case, Mask, Recipe, _extract, batch_page, extract

nib = pytest.importorskip("nibabel")
RECIPE = Recipe(families=("canal",))


@pytest.fixture(scope="module")
def mask():
    return Mask(*Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(3.0, 2.0, 2.0)))


@pytest.fixture
def studies(mask):
    return [{"patient_id": name, "mask": mask, "convention": "totalspineseg"} for name in "abcde"]


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (MemoryError("no memory"), True),
        (OSError(28, "No space left on device"), True),
        (MissingPackageError("SimpleITK is absent"), True),
        (ValueError("an absurd mask"), False),
    ],
)
def test_failures_that_may_pass_are_tried_again(studies, tmp_path, monkeypatch, error, again):
    real, calls = _extract.load_case, []

    def failing(study, *args, **more):
        calls.append(study["patient_id"])
        if study["patient_id"] == "b":
            raise error
        return real(study, *args, **more)

    monkeypatch.setattr(_extract, "load_case", failing)
    first = extract(studies[:2], RECIPE, checkpoint=tmp_path)
    assert first.failures["patient_id"].tolist() == ["b"]
    calls.clear()
    monkeypatch.setattr(_extract, "load_case", lambda *args, **more: calls.append(1) or real(*args, **more))
    second = extract(studies[:2], RECIPE, checkpoint=tmp_path)
    assert len(calls) == int(again)
    assert second.failures.empty == again


def test_a_volume_that_was_too_large_is_read_with_more_room(mask, tmp_path):
    path = tmp_path / "m.nii.gz"
    nib.save(nib.Nifti1Image(mask.data.astype(np.uint8), mask.affine), path)
    study = {"patient_id": "p", "mask": str(path), "convention": "totalspineseg"}
    small = extract(study, RECIPE, checkpoint=tmp_path / "c", max_bytes=1000)
    assert "max_bytes" in small.failures["message"].item()
    assert extract(study, RECIPE, checkpoint=tmp_path / "c").failures.empty


def test_a_killed_worker_costs_its_case_alone(studies, tmp_path):
    def killed_at_c(case: Case) -> list[dict]:
        if case.age == 33:
            os.kill(os.getpid(), signal.SIGKILL)
        return []

    studies[2] = {**studies[2], "age": 33}
    recipe = Recipe(families=("canal", killed_at_c))
    result = extract(studies, recipe, n_jobs=2, checkpoint=tmp_path)
    assert result.failures[["patient_id", "error"]].to_numpy().tolist() == [["c", "WorkerKilled"]]
    assert "measured again" in result.failures["message"].item()
    assert sorted(set(result.table["patient_id"])) == ["a", "b", "d", "e"]
    assert len(list(tmp_path.glob("task-*.npz"))) == 4


def test_map_survives_without_a_kill_in_order():
    assert surviving_map(abs, [-3, 2, -1], lambda task: -99, n_jobs=1) == [3, 2, 1]


def test_jobs_share_a_checkpoint_and_one_call_gathers(studies, tmp_path):
    whole = extract(studies, RECIPE)
    part = extract(studies, RECIPE, checkpoint=tmp_path, chunk=(1, 2))
    assert sorted(set(part.table["patient_id"])) == ["a", "c", "e"]
    early = extract(studies, RECIPE, checkpoint=tmp_path, gather=True)
    assert early.failures["patient_id"].tolist() == ["b", "d"]
    assert set(early.failures["error"]) == {"NotMeasured"}
    extract(studies, RECIPE, checkpoint=tmp_path, chunk=(2, 2))
    gathered = extract(studies, RECIPE, checkpoint=tmp_path, gather=True)
    pd.testing.assert_frame_equal(gathered.table, whole.table)
    assert gathered.provenance == whole.provenance


@pytest.mark.parametrize("chunk", [(0, 2), (3, 2), (1,), "ab", "12", (1.5, 2), (1, 0)])
def test_chunks_that_are_none_are_refused(studies, tmp_path, chunk):
    with pytest.raises(ArgumentError, match="chunk"):
        extract(studies, RECIPE, checkpoint=tmp_path, chunk=chunk)
    with pytest.raises(ArgumentError, match="chunk"):
        extract(studies, RECIPE, chunk=(1, 2))
    with pytest.raises(ArgumentError, match="gather"):
        extract(studies, RECIPE, gather=True)


def spoilt(mask):
    """Give the upper third of l5 to l4."""
    data = mask.data.copy()
    at = np.argwhere(data == 45)
    z = (at @ mask.affine[:3, :3].T)[:, 2]
    data[tuple(at[z > np.quantile(z, 2 / 3)].T)] = 44
    return Mask(data, mask.affine)


def test_the_worst_cases_come_first(studies, mask):
    studies[1] = {**studies[1], "convention": "verse"}
    studies[3] = {**studies[3], "mask": spoilt(mask)}
    result = extract(studies, Recipe(families=("bone",)))
    cases = result.worst_first()
    assert cases["patient_id"].tolist() == ["b", "d", "a", "c", "e"]
    assert cases["withheld"].tolist() == [0, 2, 0, 0, 0]
    assert "label_shared" in cases["reasons"][1]
    page = batch_page(result, "pictures")
    assert page.index("<td>b</td>") < page.index("<td>d</td>") < page.index("<td>a</td>")
    assert "part of one vertebra has the label of its neighbour" in page
    named = extract({**studies[0], "patient_id": "<script>x</script>"}, Recipe(families=("bone",)))
    assert "<script>" not in batch_page(named)


def test_the_command_line_runs_chunks_gathers_and_reports(mask, tmp_path, capsys, monkeypatch):
    for name, data in (("a", mask.data), ("b", spoilt(mask).data)):
        nib.save(nib.Nifti1Image(data.astype(np.uint8), mask.affine), tmp_path / f"{name}.nii.gz")
    rows = [(name, f"{name}.nii.gz", "totalspineseg") for name in "ab"]
    pd.DataFrame(rows, columns=["patient_id", "mask", "convention"]).to_csv(tmp_path / "studies.csv", index=False)
    out = tmp_path / "out"
    for k in (1, 2):
        done = call(capsys, monkeypatch, "extract", str(tmp_path), "-o", str(out), "--chunk", f"{k}/2", "--quiet")
        assert done.status == 0, done.err
        assert not (out / "biomarker.csv").exists()
    done = call(capsys, monkeypatch, "extract", str(tmp_path), "-o", str(out), "--gather", "--report", "--quiet")
    assert done.status == 0, done.err
    assert set(pd.read_csv(out / "biomarker.csv")["patient_id"]) == {"a", "b"}
    page = (out / "batch.html").read_text(encoding="utf-8")
    overlays = [case["overlay"] for case in json.loads((out / "provenance.json").read_text(encoding="utf-8"))["cases"]]
    assert all((out / "pictures" / name).is_file() and f"pictures/{name}" in page for name in overlays)
    assert page.index("<td>b</td>") < page.index("<td>a</td>")
    assert call(capsys, monkeypatch, "extract", str(tmp_path), "-o", str(out), "--chunk", "3", "--quiet").status == 2
