"""Identifiers of 16 digits and more stay different in every reader, also beside a missing one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import as_pandas
from lbp_prognosis.schema import read_table, validate_package

LIMIT = 2**53
IDS = [LIMIT, LIMIT + 1, None, LIMIT + 3]  # as floats two and two are equal


def exact(series: pd.Series) -> list[int | None]:
    return [None if pd.isna(one) else int(one) for one in series]


@pytest.mark.parametrize("sign", [1, -1])
def test_parquet_keeps_whole_numbers_beside_missing_ones(tmp_path: Path, sign: int) -> None:
    ids = [None if one is None else sign * one for one in IDS]
    table = pd.DataFrame({"id": pd.array(ids, dtype="Int64"), "age": pd.array([40, 50, None, 60], dtype="Int64")})
    pa = pytest.importorskip("pyarrow")
    pa.parquet = pytest.importorskip("pyarrow.parquet")
    plain = pa.table({name: pa.array(exact(table[name]), pa.int64()) for name in table})
    pa.parquet.write_table(plain, tmp_path / "t.parquet")
    frame = read_table(tmp_path / "t.parquet").frame
    assert exact(frame["id"]) == ids
    assert frame["age"].dtype == "float64"  # small numbers as before
    assert exact(as_pandas(plain)["id"]) == ids
    assert exact(pd.Series(as_pandas(plain["id"]))) == ids


@pytest.mark.parametrize(("number", "kind"), [(LIMIT - 1, "float64"), (LIMIT, "Int64")])
def test_numbers_that_floats_keep_are_floats(number: int, kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    assert as_pandas(pa.table({"id": pa.array([number, None], pa.int64())}))["id"].dtype == kind


def test_blocks_keep_them_as_the_whole_table_does(tmp_path: Path) -> None:
    """The missing cell and the large number are in different blocks."""
    pa = pytest.importorskip("pyarrow")
    write = pytest.importorskip("pyarrow.parquet").write_table
    ids = [1, 2, 3, None, LIMIT + 1, LIMIT + 2]
    patient = pa.table({"patient_id": [str(k) for k in range(6)], "site": pa.array(ids, pa.int64())})
    write(patient, tmp_path / "patient.parquet")
    whole = validate_package(tmp_path).tables["patient"]["site"]
    blocks = list(validate_package(tmp_path, block_rows=2).blocks["patient"])
    assert [None if pd.isna(one) else str(one) for one in whole] == [None if k is None else str(k) for k in ids]
    pd.testing.assert_series_equal(pd.concat(blocks)["site"], whole)


def test_text_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,x\n" + "".join(f"{'' if one is None else one},1\n" for one in IDS))
    assert exact(read_table(tmp_path / "t.csv").frame["id"]) == IDS


@pytest.mark.parametrize(("number", "noted"), [(LIMIT - 1, False), (LIMIT, True)])
def test_workbooks_say_what_they_keep(tmp_path: Path, number: int, noted: bool) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["id", "mixed"], [number, number], [None, "7"]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    reading = read_table(tmp_path / "t.xlsx")
    assert any("numbers of 16 digits and more in: id;" in note for note in reading.notes) == noted
    assert reading.frame["mixed"].tolist() == ([str(number), "7"] if noted else [number, 7])


def test_programs_that_store_floats_say_what_they_keep(tmp_path: Path) -> None:
    pyreadstat = pytest.importorskip("pyreadstat")
    for number, noted in ((LIMIT - 1, False), (LIMIT, True)):
        pyreadstat.write_sav(pd.DataFrame({"id": [float(number), np.nan]}), str(tmp_path / "t.sav"))
        notes = read_table(tmp_path / "t.sav").notes
        assert any("numbers of 16 digits and more in: id" in note for note in notes) == noted


@pytest.mark.parametrize("kind", ["int64", "uint64"])
def test_a_declared_code_leaves_the_other_numbers_whole(tmp_path: Path, kind: str) -> None:
    pd.DataFrame({"id": np.array([LIMIT, LIMIT + 1, 999], dtype=kind), "age": [40, 50, 999]}).to_parquet(
        tmp_path / "t.parquet"
    )
    frame = read_table(tmp_path / "t.parquet", missing=999).frame
    assert exact(frame["id"]) == [LIMIT, LIMIT + 1, None]
    assert frame["age"].dtype == "float64"
