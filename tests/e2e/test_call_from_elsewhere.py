"""The pages for users of R and Stata: their scripts run and print what the pages show."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
HOWTO, EXAMPLES = ROOT / "docs" / "howto", ROOT / "examples"


def test_the_python_block_of_the_do_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (EXAMPLES / "call_from_stata.do").read_text(encoding="utf-8")
    table = pd.read_stata(EXAMPLES / "registry.dta", convert_categoricals=False)
    table.assign(row=range(1, len(table) + 1)).to_stata(tmp_path / "patients.dta", write_index=False)
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    (block,) = re.findall(r"^python:\n(.*?)^end\n", script, re.DOTALL | re.MULTILINE)
    with contextlib.redirect_stdout(printed):
        exec(compile(block, "call_from_stata.do", "exec"), {})
    assert printed.getvalue() == (HOWTO / "call_from_stata.txt").read_text(encoding="utf-8")
    merged = table.assign(row=range(1, len(table) + 1)).merge(pd.read_stata("risks.dta"), on="row", how="left")
    complete = table[["age", "nrs_back", "odi"]].notna().all(axis=1)
    assert merged["risk12"].notna().tolist() == complete.tolist()
    assert merged["risk12"].dropna().between(0, 1).all()


def test_the_script_of_r() -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    asked = subprocess.run(["Rscript", "-e", 'library("reticulate"); library("survival")'], capture_output=True)
    if asked.returncode:
        pytest.skip("reticulate or survival is not installed in R")
    env = {**os.environ, "RETICULATE_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["Rscript", str(EXAMPLES / "call_from_r.R")], capture_output=True, text=True, env=env, cwd=ROOT, check=True
    )
    assert done.stdout == (HOWTO / "call_from_r.txt").read_text(encoding="utf-8")
