"""The page on movement and its example: the blocks run, and their words are true."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "howto" / "biomechanics.md").read_text(encoding="utf-8")


def test_the_page_runs():
    names: dict = {}
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)):
        exec(compile(block, f"biomechanics.md, block {number}", "exec"), names)
    assert names["found"].failures[["row", "reason"]].values.tolist() == [[5, "type"]]
    assert names["found"].table["value"].tolist() == pytest.approx([4.6 / 3.6, 3.95 / 3.6])
    assert names["bends"].table["measure"].tolist() == [
        "lateral_rom",
        "lateral_rom",
        "lateral_rom_asymmetry",
        "lateral_rom",
    ]
    assert names["active"].table[["value", "n_trials"]].values.tolist() == [[44.0, 4]]
    assert names["errors"] == {"gait_speed": "gait_speed__sd_error"}


def test_movement_adds_where_pain_is_not_asked_and_nothing_where_it_is():
    example = runpy.run_path(str(ROOT / "examples" / "movement_and_decisions.py"))
    found = example["study"](500)
    full, alone = found["full"], found["alone"]
    assert full.modality == "biomechanical"
    assert not full.missing
    assert not full.gains
    assert abs(full.difference("ipa", 12.0)["value"]) < 0.02
    assert alone.difference("ipa", 12.0)["low"] > 0
    assert not alone.supported
    codes = [{doubt.code for doubt in added.objections} for added in (full, alone)]
    assert "state-not-trait" not in codes[0]
    assert "state-not-trait" in codes[1]
    errors = found["moved"].errors.set_index("measure")
    for measure, sd in example["SPREAD"].items():
        assert errors.loc[measure, "low"] < sd < errors.loc[measure, "high"]
    assert set(found["errors"]) == set(example["SPREAD"])
