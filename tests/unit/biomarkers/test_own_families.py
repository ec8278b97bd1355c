"""A function of the user is a family: checked rows, its lines in the picture, its state in the provenance."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pandas as pd
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.biomarkers import Case, Image, Mask, Measurement, Recipe, _own_family, extract

ROW = {"structure": "vertebral_body", "measure": "own_index", "unit": "ratio", "value": 1.5, "level": "l4"}


def voxels(case: Case) -> list[dict]:
    return [
        {**ROW, "level": level, "value": float(body.region.n_voxels), "unit": "count"}
        for level, body in case.spine.bodies.items()
    ]


voxels.version = "3"
voxels.overlay = lambda case: [np.array([[0, 0, 0], [0, 10, 0], [0, 10, 30]])]


@pytest.fixture(scope="module")
def study():
    data, affine = Phantom(n=3).draw(labels_of("totalspineseg", 3), spacing=(2.5, 1.5, 1.5))
    image = Image(data.astype(np.float32), affine)
    return {"patient_id": "p", "mask": Mask(data, affine), "image": image, "convention": "totalspineseg"}


def test_rows_are_carried_like_the_library_s_own(study, tmp_path):
    from lbp_prognosis.schema import validate_package

    recipe = Recipe(families=("bone", voxels))
    result = extract(study, recipe, overlays=tmp_path, checkpoint=tmp_path / "c")
    assert result.failures.empty
    rows = result.table[result.table["measure"] == "own_index"].set_index("level")
    own = result.table[result.table["measure"] == "body_volume"].set_index("level")
    assert rows["value"].tolist() == own["n_voxels"].tolist()
    assert set(rows["method_id"]) == {"voxels__totalspineseg_from_vertebra"}
    assert (rows["level_confidence"] == 1).all()
    described = result.provenance["own_families"]
    assert [(d["name"], d["version"], len(d["source_sha256"])) for d in described] == [("voxels", "3", 64)]
    assert len(list(tmp_path.glob("*.png"))) == 1
    patients = pd.DataFrame({"patient_id": ["p"], "sex": ["female"], "birth_year": [1980]})
    studies = result.studies.drop(columns=["bandwidth", "kernel"])
    report = validate_package({"patient": patients, "imaging_study": studies, "biomarker": result.to_frame()})
    assert not report.failures["message"].astype(str).str.contains("own_").any()
    assert recipe.to_dict()["families"] == ("bone", "voxels")


def test_a_changed_function_is_another_recipe(study):
    def first(case: Case) -> list[dict]:
        return [ROW]

    def other(case: Case) -> list[dict]:
        return [{**ROW, "value": 2.0}]

    other.__name__ = "first"
    assert Recipe(families=(first,)).fingerprint != Recipe(families=(other,)).fingerprint
    assert Recipe(families=(first,)).fingerprint == Recipe(families=(first,)).fingerprint
    with pytest.raises(ArgumentError, match="different names"):
        Recipe(families=(first, other))


def test_lines_of_the_user_are_in_the_picture(study):
    from lbp_prognosis.biomarkers._overlay import overlay_panels
    from lbp_prognosis.biomarkers._study import load_case

    case, _ = load_case(study, Recipe(families=(voxels,)), max_bytes=2**30)
    side, front, *_ = overlay_panels(case)
    for panel in (side, front):
        lines = [ends for kind, ends in panel["lines"] if kind == "own"]
        assert [line.shape for line in lines] == [(3, 2)]
    assert np.ptp(next(ends for kind, ends in side["lines"] if kind == "own")[:, 1]) == pytest.approx(30, abs=1)


NO_ROWS = [
    (5, "sequence of rows"),
    ({"a": 1}, "sequence of rows"),
    ([3], "mapping"),
    ([{**ROW, "colour": 1}], "unknown"),
    ([{k: v for k, v in ROW.items() if k != "unit"}], "without"),
    ([{**ROW, "structure": "liver"}], "structure"),
    ([{**ROW, "measure": "disc_height"}], "own_"),
    ([{**ROW, "measure": "own_Index"}], "own_"),
    ([{**ROW, "level": "l9"}], "level"),
    ([{**ROW, "side": "L"}], "side"),
    ([{**ROW, "value": "1.5"}], "number"),
    ([{**ROW, "value": True}], "number"),
    ([{**ROW, "flags": "odd"}], "flags"),
    ([{**ROW, "flags": ("odd;even",)}], "joined by ';'"),
    ([{**ROW, "sd_error": -0.1}], "sd_error"),
    ([{**ROW, "measure": "own_index__disc"}], "single _"),
    ([ROW, {**ROW, "level": "l3", "unit": "mm"}], "one unit per measure"),
    ([{**ROW, "unit": None}], "unit"),
    ([{**ROW, "reason": None}], "reason"),
    ([{**ROW, "n_voxels": "many"}], "n_voxels"),
    ([{**ROW, "n_slices": 2.5}], "n_slices"),
    ([{**ROW, "level_from_bottom": "a"}], "level_from_bottom"),
    ([{**ROW, "fit_residual": "x"}], "fit_residual"),
    ([{**ROW, "touched_border": "yes"}], "touched_border"),
    ([{**ROW, "spacing": 3}], "spacing"),
    ([{**ROW, "method_id": "thirds__mine"}], "method_id"),
    ([ROW, ROW], "one row"),
]


def _gives(name: str, rows: object) -> Any:
    def family(case: Case) -> object:
        return rows

    family.__name__ = name
    return family


def test_a_row_that_is_none_costs_its_family_and_is_named(study):
    """Each is a family of its own, of one extraction: a family that fails costs no other."""
    mine = {f"mine_{k}": word for k, (_, word) in enumerate(NO_ROWS)}
    result = extract(study, Recipe(families=("bone", *(_gives(name, rows) for name, (rows, _) in zip(mine, NO_ROWS)))))
    begin, *said = result.failures["message"].item().split("the family ")
    assert begin == "measured, but "
    assert [one.split(" failed: ")[0] for one in said] == list(mine)
    for (name, word), one in zip(mine.items(), said):
        assert one.startswith(f"{name} failed: ArgumentError"), one
        assert word in one.removeprefix(name), one
    assert (result.table["measure"] == "body_volume").any()
    assert not result.table["measure"].str.startswith("own_").any()


def test_a_measurement_is_a_row_and_a_value_that_is_missing_has_a_reason(study):
    def mine(case: Case) -> list[Measurement]:
        return [Measurement("spine", "own_length", "mm", np.nan, "by_hand", reason="not today")]

    row = extract(study, Recipe(families=(mine,))).table.iloc[0]
    assert (row["reason"], row["method_id"], row["level"]) == ("not today", "by_hand", "")


def test_fields_of_numpy_are_kept_in_a_checkpoint(study, tmp_path):
    def mine(case: Case) -> list[dict]:
        fields = {"n_voxels": np.int64(5), "fit_residual": np.float32(0.5), "touched_border": np.bool_(False)}
        return [{**ROW, **fields, "value": np.float32(2)}, {**ROW, "level": "l5", "value": np.nan}]

    for _ in range(2):  # measured, and taken from the checkpoint
        rows = extract(study, Recipe(families=(mine,)), checkpoint=tmp_path).table.set_index("level")
        assert rows.loc["l4", ["value", "n_voxels", "fit_residual"]].tolist() == [2.0, 5, 0.5]
        assert rows.loc["l5", "reason"] == "mine gave no number"


def test_a_name_that_two_packages_offer_is_refused(monkeypatch):
    points = [EntryPoint("voxels", f"{package}:voxels", _own_family.ENTRY_POINT_GROUP) for package in ("one", "other")]
    monkeypatch.setattr(_own_family, "entry_points", lambda group: points)
    with pytest.raises(ArgumentError, match="one:voxels.*other:voxels"):
        Recipe(families=["voxels"])


def test_a_package_that_cannot_be_imported_is_named(monkeypatch):
    point = EntryPoint("voxels", "no_such_package:voxels", _own_family.ENTRY_POINT_GROUP)
    monkeypatch.setattr(_own_family, "entry_points", lambda group: [point])
    with pytest.raises(ArgumentError, match="'voxels'.*no_such_package:voxels: ModuleNotFoundError"):
        Recipe(families=["voxels"])


def test_code_that_breaks_costs_its_family_alone(study):
    def broken(case: Case) -> list[dict]:
        raise ZeroDivisionError("by zero")

    result = extract([study, {**study, "patient_id": "q"}], Recipe(families=("bone", broken)))
    assert result.failures["message"].str.contains("family broken failed: ZeroDivisionError: by zero").all()
    assert set(result.table["patient_id"]) == {"p", "q"}


def test_code_that_ends_the_program_costs_its_own_rows(study):
    def leaving(case: Case) -> list[dict]:
        raise SystemExit(3)

    result = extract(study, Recipe(families=("bone", leaving)))
    assert "the family leaving failed: SystemExit: 3" in result.failures["message"].item()
    assert (result.table["measure"] == "body_volume").sum() == 3


@pytest.mark.parametrize(("error", "again"), [(MemoryError("no memory"), True), (ValueError("no"), False)])
def test_code_that_lacked_memory_is_tried_again(study, tmp_path, error, again):
    calls = []

    def hungry(case: Case) -> list[dict]:
        calls.append(1)
        raise error

    for _ in range(2):
        extract(study, Recipe(families=(hungry,)), checkpoint=tmp_path, n_jobs=1)
    assert len(calls) == 1 + again


def test_a_package_offers_a_family_by_name(study, monkeypatch):
    point = EntryPoint("voxels_of_bodies", f"{__name__}:voxels", _own_family.ENTRY_POINT_GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: voxels)
    monkeypatch.setattr(_own_family, "entry_points", lambda group: [point] if group == point.group else [])
    recipe = Recipe.from_dict({"families": ["bone", "voxels_of_bodies"]})
    assert (extract(study, recipe).table["measure"] == "own_index").sum() == 3
    with pytest.raises(ArgumentError, match="families"):
        Recipe.from_dict({"families": ["voxels"]})


def test_values_of_withheld_levels_are_withheld_here_too(study):
    data = study["mask"].data.copy()
    at = np.argwhere(data == 44)
    z = (at @ study["mask"].affine[:3, :3].T)[:, 2]
    data[tuple(at[z > np.quantile(z, 2 / 3)].T)] = 43
    spoilt = {**study, "mask": Mask(data, study["mask"].affine)}
    rows = extract(spoilt, Recipe(families=(voxels,))).table.set_index("level")
    assert rows["value"].isna().to_dict() == {"l3": True, "l4": True, "l5": False}
