"""pyarrow belongs to the extras for files and pages: what needs it says so, and frames of pandas do not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import MissingPackageError
from lbp_prognosis.deployment import read_results
from lbp_prognosis.schema import read_table

Y = Surv.right([1.0, 2, 3, 4, 5, 6], [1, 0, 1, 1, 0, 1])
X = pd.DataFrame({"a": [0.3, 1.2, -0.4, 0.5, 0.1, -0.2]})


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "pyarrow.parquet", "pyarrow.interchange"):
        monkeypatch.setitem(sys.modules, name, None)


def test_files_name_the_extra(tmp_path: Path, without: None) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1")
    for read in (read_table, read_results):
        with pytest.raises(MissingPackageError, match=r"pyarrow.*lbp-prognosis\[io\]"):
            read(path)


def test_frames_of_others_name_the_extra(without: None) -> None:
    polars = pytest.importorskip("polars")
    for frame, y in ((polars.DataFrame({"a": X["a"].to_list()}), Y), (polars.Series(X["a"].to_list()), Y)):
        with pytest.raises(MissingPackageError, match=r"polars.*pyarrow.*lbp-prognosis\[io\]"):
            CoxPH().fit(frame, y)


def test_frames_of_pandas_need_it_not(tmp_path: Path, without: None) -> None:
    (tmp_path / "t.csv").write_text("a,word\n1,x\n2.5,y\n", encoding="utf-8")
    assert read_table(tmp_path / "t.csv").frame["a"].tolist() == [1, 2.5]
    assert np.isfinite(CoxPH(penalty=1.0).fit(X, Y).predict_risk(X, 3.0)).all()
