"""Files that are not what they say: one plain error each, never a wrong number."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import biomarkers as bm
from lbp_prognosis._base import LBPError
from lbp_prognosis.fusion import ComBat

BYTES = {
    "empty": b"",
    "nul": b"\x00" * 64,
    "truncated gzip": b"\x1f\x8b\x08\x00\x00",
    "half json": b'{"vertebrae_L1": {"volume": 1',
    "deep json": b"[" * 100_000,
    "latin": "Patient,IVD label,Pfirrman grade\n1,1,\xe4\n".encode("latin-1"),
    "html": b"<html><body>404</body></html>",
    "headers only": b"Patient,IVD label,Modic\n",
    "numbers without a header": b"1,2,3\n4,5,6\n",
}


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
def test_files_of_anything(tmp_path, content):
    table, record = tmp_path / "sub-1_dixon_results.csv", tmp_path / "statistics.json"
    for path in (table, record):
        path.write_bytes(content)
    for call in (
        lambda: bm.import_spider(table),
        lambda: bm.import_musclemap(table),
        lambda: bm.import_spinenet(table, patient_id="p"),
        lambda: bm.import_rsna2024(table),
        lambda: bm.import_totalspineseg({"discs": table}, patient_id="p"),
        lambda: bm.import_wide(table, patient_id="p", method_id="m"),
        lambda: bm.import_totalsegmentator(record, patient_id="p"),
        lambda: bm.import_verse_centroids(record),
    ):
        with pytest.raises(LBPError) as caught:
            call()
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "content",
    [
        {"vertebrae_L1": {"volume": None, "intensity": None}, "vertebrae_L2": {"volume": "x"}},
        {"vertebrae_L1": {"volume": -5.0, "intensity": 3.0}, "vertebrae_L2": {"volume": 1e300, "intensity": 1}},
        {"results": {"vertebrae_L1_volume_ml": "many"}, "metadata": {}},
        {"results": {}, "metadata": {}},
        {"results": [1, 2]},
        {"vertebrae_L1": 5},
    ],
)
def test_statistics_that_say_nothing_or_nonsense(content):
    with pytest.raises(LBPError):
        bm.import_totalsegmentator(content, patient_id="p")


def test_missing_is_missing_and_identifiers_carry_no_markup():
    found = bm.import_totalsegmentator({"vertebrae_L1": {"volume": None, "intensity": float("nan")}}, patient_id="p")
    assert found.table["value"].isna().all()
    assert found.table["reason"].ne("").all()
    for name in ("<script>", "=cmd", "@x"):
        with pytest.raises(LBPError, match="patient_id"):
            bm.import_totalsegmentator({"vertebrae_L1": {"volume": 5e4}}, patient_id=name)


AXES = {"direction": ["P", "I", "R"]}


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [{}],
        [{"direction": ["P", "P", "R"]}],
        [AXES, {"label": 1}],
        [AXES, {"label": 20, "X": None, "Y": 1, "Z": 1}],
    ],
)
def test_centroid_lists_that_are_none(tmp_path, bad):
    path = tmp_path / "x_ctd.json"
    path.write_text(json.dumps(bad))
    with pytest.raises(LBPError):
        bm.import_verse_centroids(path)


def test_batches_of_odd_names_and_odd_numbers():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    for labels in (["", "x"], [True, False], [1.5, 2.5], [("s", 1), ("s", 2)], ["<b>", "\n"]):
        odd = frame.assign(site=pd.Series([labels[k % 2] for k in range(60)], dtype=object))
        made = ComBat().fit_transform(odd)
        assert np.isfinite(made.to_numpy()).all()
    with pytest.raises(LBPError, match="numbers and text mixed in column 'site'"):
        ComBat().fit(frame.assign(site=pd.Series([1, "1"] * 30, dtype=object)))
    tiny, huge = frame * 1e-150, frame * 1e120
    for scaled in (tiny, huge):
        made = ComBat().fit_transform(scaled.assign(site=["x", "y"] * 30))
        wanted = ComBat().fit_transform(frame.assign(site=["x", "y"] * 30))
        np.testing.assert_allclose(made / scaled.iloc[0, 0] * frame.iloc[0, 0], wanted, rtol=1e-8)
    with pytest.raises(LBPError, match="`X`"):
        ComBat().fit(pd.concat([frame, frame[["a"]]], axis=1).assign(site="x"))
