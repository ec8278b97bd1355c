"""2,000 mutated data files: no error but the library's own, and no change that a count or a sum could have shown.

What a reader says counts: a file that is read otherwise than it was written must have brought a note or a failure.
"""

import numpy as np
import pandas as pd
import pytest
from hostile.mutated_files import FORMATS, MutatedFile, mutated_file

from lbp_prognosis._base import LBPError
from lbp_prognosis.schema import read_table

pytest.importorskip("pyreadstat")
pytest.importorskip("openpyxl")

NUMBERS = ("age", "pain", "big")
# whole lines of text may go without a trace: no count and no sum is in such a file
_NO_COUNT = {"csv: cut", "csv: tail cut", "csv: bytes dropped", "csv: a part twice", "csv: noise", "csv: bits flipped"}
CHECKED = ("xlsx", "parquet")  # formats that carry checksums of their own


def verdict(case: MutatedFile) -> str:
    """Read the file; return "refused", "same", "said" or, in words, what changed in silence."""
    try:
        reading = read_table(case.path)
    except LBPError:
        return "refused"
    told = bool(reading.notes) or len(reading.failures) > 0
    frame, table = reading.frame, case.table
    if case.meaning:
        return _difference(frame, table) or "same"
    if case.change in _NO_COUNT and case.path.read_bytes().endswith(b"\n"):
        return "said" if told else "same"
    if len(frame) != len(table):
        return "said" if told else f"{len(frame)} rows for {len(table)}"
    if case.path.suffix[1:] in CHECKED:
        return "said" if told else _difference(frame, table) or "same"
    return "said" if told else "same"


def _difference(frame: pd.DataFrame, table: pd.DataFrame) -> str:
    if len(frame) != len(table) or list(frame.columns) != list(table.columns):
        return f"shape {frame.shape} with {list(frame.columns)} for {table.shape}"
    for name in NUMBERS:
        if not len(table):
            continue
        if frame[name].isna().sum() != table[name].isna().sum():
            return f"{name}: {frame[name].isna().sum()} missing for {table[name].isna().sum()}"
        if table[name].notna().any() and not np.isclose(frame[name].astype(float).sum(), table[name].sum(), rtol=1e-9):
            return f"{name}: sum {frame[name].sum()} for {table[name].sum()}"
    for name in ("code", "surgery"):
        if frame[name].astype(object).tolist() != table[name].tolist():
            return f"{name} differs"
    return ""


def run(seeds, folder):
    """Return verdicts by change, and what went wrong."""
    found: dict[str, int] = {}
    wrong = []
    for seed in seeds:
        case = mutated_file(seed, folder)
        said = verdict(case)
        case.path.unlink()
        found[said if said in ("refused", "same", "said") else "silent"] = found.get(said, 0) + 1
        if said not in ("refused", "same", "said"):
            wrong.append(f"{seed} ({case.change}): {said}")
    return found, wrong


def test_a_sample(tmp_path):
    found, wrong = run(range(0, 2000, 20), tmp_path)
    found_more, wrong_more = run(range(1, 2000, 400), tmp_path)
    assert not wrong + wrong_more
    assert found["refused"] + found_more.get("refused", 0) > 20


@pytest.mark.slow
def test_all(tmp_path):
    found, wrong = run(range(2000), tmp_path)
    assert not wrong
    assert min(found["refused"], found["said"], found["same"]) > 100


def test_the_generator_is_the_same_every_time(tmp_path):
    for seed in range(len(FORMATS)):
        if FORMATS[seed] in ("csv", "xpt"):  # others hold the time of writing
            continue
        one = mutated_file(seed, tmp_path)
        again = mutated_file(seed, tmp_path)
        assert one.change == again.change
        pd.testing.assert_frame_equal(one.table, again.table)
