"""A batch is measured case by case: no bad case stops it, a killed one resumes to the same table."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.biomarkers import Image, Mask, Recipe, extract
from lbp_prognosis.biomarkers import _extract as module

nib = pytest.importorskip("nibabel")
RECIPE = Recipe(families=("disc", "canal"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two good cases and three bad ones, with their table."""
    path = tmp_path_factory.mktemp("cases")
    for name, height in (("a", 9.0), ("b", 12.0)):
        spine = Phantom(n=2, disc_height=(height,) * 5)
        data, affine = spine.draw(labels_of("totalspineseg", 2), spacing=(2.0, 1.0, 1.0))
        nib.save(nib.Nifti1Image(data.astype(np.uint8), affine), path / f"{name}.nii.gz")
        image = nib.Nifti1Image((data * 3 + 20).astype(np.int16), affine)
        nib.save(image, path / f"{name}_image.nii.gz")
    (path / "cut.nii.gz").write_bytes((path / "a.nii.gz").read_bytes()[:900])
    nib.save(nib.Nifti1Image(np.zeros((5, 5, 5), dtype=np.uint8), np.eye(4)), path / "empty.nii.gz")
    pd.DataFrame(
        [
            ("001", "x", "a.nii.gz", "a_image.nii.gz", "totalspineseg", "mri", "2024-05-31"),
            ("002", "x", "cut.nii.gz", None, "totalspineseg", "mri", None),
            ("003", "x", "empty.nii.gz", None, "totalspineseg", "mri", None),
            ("004", "x", "a.nii.gz", "b_image.nii.gz", "totalspineseg", "mri", None),
            ("005", "x", "b.nii.gz", "b_image.nii.gz", "totalspineseg", "mri", None),
        ],
        columns=["patient_id", "study_id", "mask", "image", "convention", "modality", "acquired_on"],
    ).to_csv(path / "studies.csv", index=False)
    return path


def test_a_bad_case_is_a_row_of_failures_and_the_rest_is_measured(folder):
    result = extract(folder, RECIPE, dates="calendar")
    assert list(result.failures["patient_id"]) == ["002", "003", "004"]
    assert result.failures["message"].str.len().min() > 20
    assert "damaged or cut short" in result.failures["message"].iloc[0]
    assert "background only" in result.failures["message"].iloc[1]
    assert "Resample the mask" in result.failures["message"].iloc[2]
    table = result.to_frame()
    assert set(table["patient_id"]) == {"001", "005"}
    heights = table[(table["measure"] == "disc_height") & (table["level"] == "l4l5")].set_index("patient_id")["value"]
    assert abs(heights["001"] - 9.0) < 0.5
    assert abs(heights["005"] - 12.0) < 0.5
    assert (table.loc[table["patient_id"] == "001", "acquired_on"] == "2024-05-31").all()
    assert "3 cases failed" in repr(result)
    hashes = [f["sha256"] for f in result.provenance["cases"][0]["files"]]
    assert len(hashes) == 2
    assert all(len(h) == 64 for h in hashes)
    assert result.provenance["recipe_sha256"] == RECIPE.fingerprint
    assert list(result.provenance["conventions"]) == ["totalspineseg"]
    json.dumps(result.provenance)


def test_the_table_is_the_schema_s(folder):
    result = extract(folder / "studies.csv", Recipe(families=("disc", "canal", "bone", "alignment")))
    from lbp_prognosis.biomarkers.families._measurement import BIOMARKER_COLUMNS

    one, every = result.to_frame(), result.to_frame(methods="all")
    assert list(one.columns) == list(BIOMARKER_COLUMNS)
    lines = (
        (_schema_folder().parent / "docs" / "howto" / "biomarker_checks.csv").read_text(encoding="utf-8").splitlines()
    )
    assert set(one["measure"]) <= {name for line in lines for name in line.split(",")[1].split()}
    assert (one.groupby(["structure", "measure"])["method_id"].nunique() == 1).all()
    assert set(every["method_id"]) > set(one["method_id"])
    assert not every.duplicated(["patient_id", "study_id", "structure", "measure", "level", "side", "method_id"]).any()
    fields = _schema_fields()
    assert set(BIOMARKER_COLUMNS) <= set(fields)
    for column in ("structure", "measure", "level", "side", "modality"):
        allowed = set(fields[column]["constraints"]["enum"])
        assert set(every[column]) - {""} <= allowed, column
    units = json.loads((_schema_folder() / "measures.json").read_text(encoding="utf-8"))
    for measure, group in every.groupby("measure"):
        assert set(group["unit"]) == {units[measure]["unit"]}, measure
        found = group["value"].dropna()
        assert found.between(units[measure]["minimum"], units[measure]["maximum"]).all(), measure
    with pytest.raises(ArgumentError, match="methods"):
        result.to_frame(methods="two")


def test_the_schema_finds_no_fault_in_the_table():
    from lbp_prognosis.schema import validate_package

    data, affine = Phantom(n=3).draw(labels_of("totalspineseg", 3), spacing=(4.0, 1.5, 1.5))
    study = {"patient_id": "p", "study_id": "s", "mask": Mask(data, affine), "convention": "totalspineseg"}
    result = extract(
        {**study, "modality": "mri", "position": "supine", "acquired_on": "2024-01-02", "index_date": "2023-12-31"}
    )
    patients = pd.DataFrame({"patient_id": ["p"], "sex": ["female"], "birth_year": [1980]})
    studies = result.studies.drop(columns=["bandwidth", "kernel"])
    report = validate_package({"patient": patients, "imaging_study": studies, "biomarker": result.to_frame()})
    assert report.failures.empty, report.failures


@pytest.fixture(scope="module")
def dated():
    data, affine = Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(4.0, 2.0, 2.0))
    study = {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg"}
    return {**study, "acquired_on": "2024-03-01", "index_date": "2024-02-28"}


def test_dates_of_acquisition_are_days_since_the_index_unless_asked(dated, tmp_path):
    for more in ({}, {"checkpoint": tmp_path}):  # 2024 has a 29 February
        result = extract(dated, RECIPE, **more)
        for frame in (result.table, result.studies):
            assert (frame["acquired_day"] == 2).all()
            assert (frame["acquired_on"] == "").all()
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"2024" not in re.sub(rb'"key": "[0-9a-f]{64}"', b"", held)  # a hash may contain these digits
    asked = extract(dated, RECIPE, dates="calendar", checkpoint=tmp_path)  # not what the checkpoint holds
    assert (asked.table["acquired_on"] == "2024-03-01").all()
    assert (asked.table["acquired_day"] == 2).all()
    assert "index_date" not in repr(asked)


def test_a_day_is_stated_or_counted_never_guessed(dated):
    undated = extract({**dated, "index_date": None}, RECIPE)
    assert undated.table["acquired_day"].isna().all()
    assert undated.provenance["without_day"] == 1
    assert "no `acquired_day`, because `index_date` is missing: 1" in repr(undated)
    stated = extract({**dated, "acquired_on": None, "index_date": None, "acquired_day": -3}, RECIPE)
    assert (stated.table["acquired_day"] == -3).all()
    assert "date of acquisition" not in repr(stated)
    dateless = extract({**dated, "acquired_on": None}, RECIPE)
    assert (dateless.provenance["without_acquisition"], dateless.provenance["without_day"]) == (1, 0)
    assert "no date of acquisition, state `acquired_on` or `acquired_day`: 1" in repr(dateless)
    failed = extract({**dated, "acquired_day": 3}, RECIPE).failures["message"].item()
    assert "acquired_day" in failed
    assert "2, which follows from the dates" in failed
    absurd = extract({**dated, "index_date": "1800-01-01"}, RECIPE).failures["message"].item()
    assert "within 100 years" in absurd
    assert "1800" not in absurd  # with the days it would tell the date of acquisition
    with pytest.raises(ArgumentError, match="dates"):
        extract(dated, RECIPE, dates="both")


def _schema_folder():
    from pathlib import Path

    return Path(__file__).resolve().parents[3] / "data_schemas"


def _schema_fields():
    return {
        f["name"]: f for f in json.loads((_schema_folder() / "biomarker.json").read_text(encoding="utf-8"))["fields"]
    }


def test_workers_and_resumption_change_nothing(folder, tmp_path, monkeypatch):
    whole = extract(folder, RECIPE)
    pd.testing.assert_frame_equal(extract(folder, RECIPE, n_jobs=2).table, whole.table)
    stop = RuntimeError("killed")
    calls = []
    real = module.measure_case

    def killed_at_the_second(case):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt from stop
        return real(case)

    monkeypatch.setattr(module, "measure_case", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        extract(folder, RECIPE, checkpoint=tmp_path / "c")
    assert len(list((tmp_path / "c").glob("task-*.npz"))) == 4  # one good case, three failures
    calls.clear()
    monkeypatch.setattr(module, "measure_case", lambda case: calls.append(1) or real(case))
    resumed = extract(folder, RECIPE, checkpoint=tmp_path / "c")
    assert len(calls) == 1  # only the case that was killed
    pd.testing.assert_frame_equal(resumed.table, whole.table)
    pd.testing.assert_frame_equal(resumed.failures, whole.failures)
    assert resumed.provenance == whole.provenance
    calls.clear()
    extract(folder, RECIPE, checkpoint=tmp_path / "c")
    assert not calls
    with pytest.raises(ArgumentError, match="checkpoint"):
        extract(folder, Recipe(families=("disc",)), checkpoint=tmp_path / "c")


def test_a_changed_file_is_measured_again(tmp_path):
    data, affine = Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(3.0, 2.0, 2.0))
    path = tmp_path / "m.nii.gz"
    nib.save(nib.Nifti1Image(data.astype(np.uint8), affine), path)
    study = {"patient_id": "p", "mask": str(path), "convention": "totalspineseg"}
    first = extract(study, RECIPE, checkpoint=tmp_path / "c").table
    data, affine = Phantom(n=2, disc_height=(14.0,) * 5).draw(labels_of("totalspineseg", 2), spacing=(3.0, 2.0, 2.0))
    nib.save(nib.Nifti1Image(data.astype(np.uint8), affine), path)
    second = extract(study, RECIPE, checkpoint=tmp_path / "c").table
    at = (first["measure"] == "disc_height") & (first["level"] == "l4l5") & (first["method_id"] == "disc_height_area")
    assert second.loc[at.to_numpy(), "value"].item() - first.loc[at, "value"].item() > 2


def test_one_picture_a_case(folder, tmp_path):
    result = extract(folder, RECIPE, overlays=tmp_path / "pictures")
    names = {case["overlay"] for case in result.provenance["cases"] if case["overlay"]}
    assert len(names) == 2
    for name in names:
        content = (tmp_path / "pictures" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 20_000


def test_the_picture_shows_structures_where_they_are(folder):
    from lbp_prognosis.biomarkers._overlay import overlay_panels
    from lbp_prognosis.biomarkers._study import load_case

    case, _ = load_case(
        {
            "patient_id": "1",
            "convention": "totalspineseg",
            "mask": str(folder / "a.nii.gz"),
            "image": str(folder / "a_image.nii.gz"),
        },
        RECIPE,
        max_bytes=2**30,
    )
    side, front, *others = overlay_panels(case)
    names = {name for name, _, _ in side["contours"]}
    assert {"disc l4l5", "vertebral_body l5", "canal"} <= names
    titles = [panel["title"] for panel in others]
    assert titles[:2] == ["foramina of the left", "foramina of the right"]
    assert len(titles) == 4
    assert all(title.startswith("across at ") for title in titles[2:])
    assert {text for text, _ in side["labels"]} == {"l4", "l4l5", "l5", "l5s1"}
    assert {kind for kind, _ in side["lines"]} == {"endplate", "height", "plane"}
    x = np.linspace(side["extent"][0], side["extent"][1], side["image"].shape[1])
    soft = {name: soft for name, _, soft in side["contours"]}
    centre = {name: float((soft[name] * x).sum() / soft[name].sum()) for name in ("disc l4l5", "canal")}
    assert centre["disc l4l5"] > centre["canal"] + 10  # the front is on the right of the picture
    shown = side["image"][soft["disc l4l5"] > 0.9]
    assert np.nanmedian(shown) == pytest.approx(95 * 3 + 20)
    assert any(kind == "endplate" for kind, _ in side["lines"])
    assert front["image"].ndim == 2


def test_tables_that_are_no_tables_are_refused(tmp_path):
    mask = Mask(np.ones((4, 4, 4), dtype=int), np.eye(4))
    for studies, word in (
        ([], "at least one"),
        (5, "DataFrame"),
        ([{"mask": mask}], "patient_id"),
        (str(tmp_path), "studies.csv"),
        ([{"patient_id": 1, "mask": mask}, {"patient_id": 1.0, "mask": mask}], "doubled"),
    ):
        with pytest.raises(ArgumentError, match=word):
            extract(studies)
    with pytest.raises(ArgumentError, match="recipe"):
        extract({"patient_id": 1}, recipe={"families": ["disc"]})
    unsaid = extract({"patient_id": 1, "mask": mask}).failures["message"].item()
    assert "a convention is never guessed" in unsaid


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("modality", "xray", "modality"),
        ("sequence", "flair", "sequence"),
        ("position", "hanging", "position"),
        ("age", 300, "age"),
        ("stature_cm", 1.8, "stature_cm"),
        ("acquired_on", "yesterday", "acquired_on"),
        ("acquired_on", "today", "acquired_on"),
        ("acquired_on", 20240531, "acquired_on"),
        ("index_date", "2024", "index_date"),
        ("index_date", "2024-13-01", "index_date"),
        ("acquired_day", 40_000, "acquired_day"),
        ("contrast", "perhaps", "contrast"),
        ("image", "/no/such.nii", "existing"),
    ],
)
def test_what_a_study_says_wrongly_is_its_own_failure(folder, field, value, word):
    study = {"patient_id": "p", "mask": str(folder / "a.nii.gz"), "convention": "totalspineseg", field: value}
    result = extract([study, {**study, "patient_id": "q", field: None}], RECIPE)
    assert list(result.failures["patient_id"]) == ["p"]
    assert word in result.failures["message"].item()
    assert not result.table.empty


def test_a_header_that_contradicts_the_study_is_a_failure():
    data, affine = Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(3.0, 2.0, 2.0))
    image = Image(data.astype(float), affine, {"modality": "MR", "field_strength": 3.0, "vendor": "ACME"})
    study = {"patient_id": "p", "mask": Mask(data, affine), "image": image, "convention": "totalspineseg"}
    assert "header" in extract({**study, "modality": "ct"}, RECIPE).failures["message"].item()
    studies = extract(study, RECIPE).studies
    assert studies.loc[0, ["modality", "field_strength", "vendor"]].tolist() == ["mri", 3.0, "ACME"]


def test_values_by_level_are_drawn(folder):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    ax = extract(folder, RECIPE).plot("disc_height")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["l4l5", "l5s1"]
    matplotlib.pyplot.close("all")


def test_own_repeatability_is_added_in_quadrature():
    data, affine = Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(2.0, 1.0, 1.0))
    study = {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg"}
    bare = extract(study, RECIPE).table
    more = extract(study, Recipe(families=RECIPE.families, repeatability_sd={"disc_height": 0.5})).table
    at = (bare["measure"] == "disc_height") & bare["value"].notna()
    np.testing.assert_allclose(more.loc[at, "sd_error"], np.hypot(bare.loc[at, "sd_error"], 0.5))
    other = ~at & bare["sd_error"].notna()
    np.testing.assert_array_equal(more.loc[other, "sd_error"], bare.loc[other, "sd_error"])
