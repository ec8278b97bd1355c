"""Files of a motion lab that are not what they say: one plain error of the library, never another and never a hang."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import LBPError
from lbp_prognosis.biomechanics import import_motion_wide, read_opensim, summarise_accelerometer

BYTES = {
    "empty": b"",
    "nul": b"\x00" * 64,
    "gzip": b"\x1f\x8b\x08\x00\x00",
    "html": b"<html><body>404</body></html>",
    "latin": "Größe,Wert\n1,\xe4\n".encode("latin-1"),
    "headers only": b"patient_id,date,wear_minutes,active\n",
    "numbers without a header": b"1,2,3\n4,5,6\n",
    "a pickle": b"\x80\x04\x95\x1f\x00\x00\x00cposix\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
def test_files_of_anything(tmp_path, content):
    table, course = tmp_path / "lab.csv", tmp_path / "a.sto"
    table.write_bytes(content)
    course.write_bytes(content)
    rule = {"min_wear": 600, "min_days": 1, "method_id": "hip"}
    for call in (
        lambda: read_opensim(course),
        lambda: import_motion_wide(table, method_id="lab", session_id="s"),
        lambda: summarise_accelerometer(table, {"active": "activity_time"}, **rule),
    ):
        with pytest.raises(LBPError) as caught:
            call()
        assert len(str(caught.value)) < 1000


def storage(rng: np.random.Generator) -> bytes:
    n, k = int(rng.integers(2, 12)), int(rng.integers(1, 5))
    rows = np.column_stack([np.arange(n) / 100, rng.normal(0, 30, (n, k))])
    lines = ["Coordinates", "version=1", f"nRows={n}", f"nColumns={k + 1}", "inDegrees=yes", "endheader"]
    lines.append("\t".join(["time", *(f"q{j}" for j in range(k))]))
    lines += ["\t".join(f"{value:.8f}" for value in row) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(0, len(data)))
        match int(rng.integers(0, 5)):
            case 0:
                data[place] = int(rng.integers(0, 256))
            case 1:
                del data[place : place + int(rng.integers(1, 9))]
            case 2:
                data[place:place] = bytes(rng.choice([9, 10, 32, 44, 45, 46, 48, 61, 101], int(rng.integers(1, 6))))
            case 3:
                data[place:place] = data[place : place + 20]
            case _:
                data = data[: max(place, 1)]
        if not data:
            return b"\n"
    return bytes(data)


def test_mutated_storage_files_are_refused_or_consistent(tmp_path):
    path, read, refused = tmp_path / "a.sto", 0, 0
    for seed in range(400):
        rng = np.random.default_rng([7, seed])
        path.write_bytes(mutated(storage(rng), rng))
        try:
            found = read_opensim(path)
        except LBPError:
            refused += 1
            continue
        read += 1
        frame = found.to_frame()
        assert np.isfinite(frame.to_numpy()).all()
        assert (np.diff(found.times) > 0).all()
        assert not frame.columns.has_duplicates
        text = path.read_text(encoding="utf-8")
        assert f"nRows={len(frame)}" in text.replace(" ", "")
    assert refused > 100
    assert read > 20


def test_cells_that_are_formulas_stay_text(tmp_path):
    table = pd.DataFrame({"patient_id": ["a", "=1+1"], "s": ["1", "1"], "gait_speed": ["=cmd()", "1.2"]})
    found = import_motion_wide(table, method_id="lab", session_id="s")
    assert found.trials.empty
    assert set(found.failures["reason"]) == {"type", "pattern"}
