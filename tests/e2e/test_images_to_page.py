"""The walk of `docs/howto/images_to_page.md`: a folder of DICOM, the biomarker table, the study page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call
from file_variants import slices
from spine_phantom import Phantom

from lbp_prognosis.datasets import simulate_cohort

pytest.importorskip("pydicom")
nib = pytest.importorskip("nibabel")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "images_to_page.md"


def block(kind: str) -> str:
    """Return the only fenced block of a kind."""
    (found,) = re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(found)


def scan(folder: Path) -> None:
    """Write a CT of a drawn spine as a series, and its two masks as TotalSegmentator numbers them."""
    spine = Phantom(n=3)
    whole = {"l5": 27, "l4": 28, "l3": 29, "s1": 26}
    data, affine = spine.draw({**whole, **{d: 1 for d in ("l3l4", "l4l5", "l5s1")}}, spacing=(2.0, 1.5, 1.5))
    discs = np.where(data == 1, 2, 0)
    data[data == 1] = 0
    noise = np.random.default_rng(1).normal(0, 15, data.shape)
    image = np.where(data > 0, 180, np.where(discs > 0, 80, -20)) + noise
    (folder / "dicom").mkdir(parents=True)
    tags = {"Modality": "CT", "AcquisitionDate": "20240531", "KVP": 120}
    for k, one in enumerate(slices(image.astype(np.int16), affine, **tags)):
        one.save_as(folder / "dicom" / f"IM{k:04d}.dcm", enforce_file_format=True)
    for name, mask in (("total", data), ("body", discs)):
        nib.save(nib.Nifti1Image(mask.astype(np.uint8), affine), folder / f"{name}.nii.gz")


def test_what_a_new_user_gets_wrong_is_said_with_its_remedy(tmp_path, capsys, monkeypatch):
    (tmp_path / "cases" / "P0001").mkdir(parents=True)
    nothing = call(capsys, monkeypatch, "extract", tmp_path / "cases", "-o", tmp_path / "out")
    assert nothing.status == 2
    assert "studies.csv" in nothing.err
    assert "patient_id, mask, convention" in nothing.err
    (tmp_path / "cases" / "studies.csv").write_text("patient,mask,convention\na,b,c\n")
    unnamed = call(capsys, monkeypatch, "extract", tmp_path / "cases", "-o", tmp_path / "out")
    assert unnamed.status == 2
    assert "`patient_id` in each row" in unnamed.err
    (tmp_path / "cases" / "studies.csv").write_text("patient_id,mask,convention\na,b.nii.gz,totalsegmentator\n")
    vague = call(capsys, monkeypatch, "extract", tmp_path / "cases", "-o", tmp_path / "out", "--quiet")
    assert vague.status == 1
    assert "totalsegmentator_total_v2" in vague.err


@pytest.mark.slow
def test_from_dicom_to_the_page(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cohort = simulate_cohort(600, 3, imaging_rate=0.7)
    cohort.to_package(tmp_path / "all")
    first = pd.read_csv("all/patient.csv", dtype=str)
    scan(tmp_path / "cases" / "P0001")
    rows = block("text").replace("P0001,", first["patient_id"][0] + ",")
    (tmp_path / "cases" / "studies.csv").write_text(rows, encoding="utf-8")

    measured = call(capsys, monkeypatch, "extract", "cases", "-o", "out", "--report", "--quiet")
    assert measured.status == 0, measured.err
    assert Path("out/batch.html").is_file()
    table, studies = (
        pd.read_csv(f"out/{name}.csv", dtype={"patient_id": str}) for name in ("biomarker", "imaging_study")
    )
    assert (table["acquired_day"] == -5).all()
    assert table["acquired_on"].isna().all()
    heights = table[table["measure"] == "disc_height"]
    truth = dict(zip(("l5s1", "l4l5", "l3l4"), Phantom().disc_height))
    assert len(heights) == 3
    for _, row in heights.iterrows():
        assert abs(row["value"] - truth[row["level"]]) <= 0.75

    # the other patients' tables are drawn from this one: what is shown is the way, not a finding
    rng = np.random.default_rng(1)
    others = [name for name in first["patient_id"][1:] if rng.random() < 0.7]
    copies = [table.assign(patient_id=name, value=table["value"] * rng.normal(1, 0.1)) for name in others]
    Path("registry").mkdir()
    for name in ("patient", "visit", "prom", "event"):
        pd.read_csv(f"all/{name}.csv", dtype=str).to_csv(f"registry/{name}.csv", index=False)
    pd.concat([table, *copies]).query("measure == 'disc_height'").to_csv("registry/biomarker.csv", index=False)
    every = pd.concat([studies, *(studies.assign(patient_id=name) for name in others)])
    every.to_csv("registry/imaging_study.csv", index=False)

    valid = call(capsys, monkeypatch, "validate", "registry")
    assert valid.status == 0, valid.out + valid.err
    Path("study.toml").write_text(block("toml"), encoding="utf-8")
    page = call(capsys, monkeypatch, "run", "study.toml", "-o", "page", "--quiet")
    assert page.status == 0, page.err
    shown = Path("page/evidence.html").read_text(encoding="utf-8")
    assert "clinical + imaging" in shown
    assert "disc height, mean" in shown
