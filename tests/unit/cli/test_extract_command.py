"""The command writes its four files and says which cases failed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis.cli._app import build_app

nib = pytest.importorskip("nibabel")


def run(*arguments):
    from typer.testing import CliRunner

    return CliRunner().invoke(build_app(), ["extract", *map(str, arguments)])


def test_a_folder_of_cases(tmp_path):
    data, affine = Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(3.0, 2.0, 2.0))
    nib.save(nib.Nifti1Image(data.astype(np.uint8), affine), tmp_path / "a.nii.gz")
    rows = [("1", "a.nii.gz", "totalspineseg"), ("2", "absent.nii.gz", "totalspineseg")]
    pd.DataFrame(rows, columns=["patient_id", "mask", "convention"]).to_csv(tmp_path / "studies.csv", index=False)
    (tmp_path / "recipe.toml").write_text('families = ["disc"]\nrepeatability_sd = { disc_height = 0.5 }\n')
    out = tmp_path / "out"
    options = ("-o", out, "--recipe", tmp_path / "recipe.toml", "--no-pictures", "--quiet")
    first = run(tmp_path, *options)
    assert first.exit_code == 1
    assert "1 cases failed" in first.output
    assert "2 2: " in first.output
    table = pd.read_csv(out / "biomarker.csv", dtype={"patient_id": str})
    assert set(table["patient_id"]) == {"1"}
    assert set(table["structure"]) == {"disc"}
    assert (table.loc[table["measure"] == "disc_height", "sd_error"] > 0.5).all()
    assert len(pd.read_csv(out / "failures.csv")) == 1
    assert json.loads((out / "provenance.json").read_text())["recipe"]["families"] == ["disc"]
    assert run(tmp_path, *options, "--methods", "all").exit_code == 1
    assert len(pd.read_csv(out / "biomarker.csv")) > len(table)
