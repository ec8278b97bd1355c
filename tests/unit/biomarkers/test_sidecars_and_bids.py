"""JSON files of dcm2niix and BIDS: acquisition with its units, inheritance, and a data set as a table of studies."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomarkers import Recipe, extract, read_image, studies_from_bids

nib = pytest.importorskip("nibabel")

DCM2NIIX = {
    "Modality": "MR",
    "MagneticFieldStrength": 1.5,
    "Manufacturer": "Siemens",
    "ManufacturersModelName": "Aera",
    "InstitutionName": "Somewhere",
    "PatientID": "secret-7",
    "RepetitionTime": 3.5,
    "EchoTime": 0.101,
    "SliceThickness": 4,
    "SpacingBetweenSlices": 4.4,
    "PixelBandwidth": 190,
    "PatientPosition": "HFS",
    "AcquisitionDateTime": "2024-05-31T10:11:12.000000",
}


def save(path, data=None, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.ones((3, 4, 5), dtype=np.uint8) if data is None else data
    nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
    return path


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_a_sidecar_of_dcm2niix_gives_the_acquisition_in_our_units_and_no_identifier(tmp_path):
    path = save(tmp_path / "t2.nii.gz")
    assert read_image(path).acquisition == {}
    write(tmp_path / "t2.json", DCM2NIIX)
    assert read_image(path).acquisition == {
        "modality": "MR",
        "field_strength": 1.5,
        "vendor": "Siemens",
        "model": "Aera",
        "repetition_time": 3500.0,
        "echo_time": pytest.approx(101.0),
        "slice_thickness": 4.0,
        "slice_spacing": 4.4,
        "bandwidth": 190.0,
        "patient_position": "HFS",
        "acquired_on": "2024-05-31",
    }
    scan = {"Modality": "CT", "KVP": 120, "ConvolutionKernel": "B30f", "ContrastBolusIngredient": "IODINE"}
    write(tmp_path / "ct.json", scan)
    known = read_image(save(tmp_path / "ct.nii")).acquisition
    assert known == {"modality": "CT", "kvp": 120.0, "kernel": "B30f", "contrast": True}


@pytest.mark.parametrize(
    ("content", "word"),
    [('{"EchoTime": 101}', "divide|Divide"), ('{"EchoTime": ', "no readable JSON"), ("[1, 2]", "no JSON object")],
)
def test_a_sidecar_that_cannot_be_meant_is_refused(tmp_path, content, word):
    (tmp_path / "t2.json").write_text(content)
    with pytest.raises(DataError, match=word):
        read_image(save(tmp_path / "t2.nii.gz"))


def test_times_at_the_bound_are_taken(tmp_path):
    path = save(tmp_path / "t2.nii.gz")
    write(tmp_path / "t2.json", {"EchoTime": 2, "RepetitionTime": 30})
    assert read_image(path).acquisition == {"echo_time": 2000.0, "repetition_time": 30_000.0}
    for wrong in ({"EchoTime": 2.01}, {"EchoTime": 8}, {"RepetitionTime": 30.01}):  # 8 ms: a T1-weighted spin echo
        write(tmp_path / "t2.json", wrong)
        with pytest.raises(DataError, match="seconds"):
            read_image(path)


@pytest.fixture
def data_set(tmp_path):
    """Two patients; the second has two sessions. Field strength stands above, the echo time at one image."""
    root = tmp_path / "set"
    write(root / "dataset_description.json", {"Name": "spines", "BIDSVersion": "1.8.0"})
    write(root / "T2w.json", {"MagneticFieldStrength": 3, "EchoTime": 0.09, "Manufacturer": "A"})
    write(root / "acq-ax_T2w.json", {"Manufacturer": "B"})
    write(root / "T1w.json", {"MagneticFieldStrength": 1.5})
    data, affine = Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(3.0, 2.0, 2.0))
    data = data.astype(np.uint8)
    names = ("sub-01/anat/sub-01", "sub-02/ses-1/anat/sub-02_ses-1", "sub-02/ses-2/anat/sub-02_ses-2")
    for name in names:
        save(root / f"{name}_T2w.nii.gz", data * 2, affine)
        save(root / "derivatives" / "totalspineseg" / f"{name}_seg-all_dseg.nii.gz", data, affine)
    save(root / "sub-01/anat/sub-01_acq-ax_T2w.nii.gz", data, affine)
    write(root / "sub-02/ses-1/anat/sub-02_ses-1_T2w.json", {"EchoTime": 0.1, "KVP": ""})
    return root


def test_what_stands_above_is_inherited_and_the_image_s_own_wins(data_set):
    assert read_image(data_set / "sub-01/anat/sub-01_T2w.nii.gz").acquisition == {
        "field_strength": 3.0,
        "echo_time": 90.0,
        "vendor": "A",
    }
    assert read_image(data_set / "sub-01/anat/sub-01_acq-ax_T2w.nii.gz").acquisition["vendor"] == "B"
    assert read_image(data_set / "sub-02/ses-1/anat/sub-02_ses-1_T2w.nii.gz").acquisition["echo_time"] == 100.0


def test_images_that_are_links_into_a_store_inherit_too(data_set):
    image = data_set / "sub-01/anat/sub-01_T2w.nii.gz"
    store = data_set / ".git/annex/objects/aa/bb/KEY.nii.gz/KEY.nii.gz"
    store.parent.mkdir(parents=True)
    image.rename(store)
    image.symlink_to(store)
    assert read_image(image).acquisition == {"field_strength": 3.0, "echo_time": 90.0, "vendor": "A"}


def test_a_file_of_the_image_s_own_name_in_a_folder_above_is_inherited(data_set):
    write(data_set / "sub-01_T2w.json", {"EchoTime": 0.05})
    assert read_image(data_set / "sub-01/anat/sub-01_T2w.nii.gz").acquisition["echo_time"] == 50.0


def test_a_data_set_is_a_table_of_studies_and_is_measured(data_set):
    table = studies_from_bids(data_set, "totalspineseg")
    assert table["patient_id"].tolist() == ["01", "01", "02", "02"]
    assert sorted(table["study_id"]) == ["T2w", "acq-ax_T2w", "ses-1_T2w", "ses-2_T2w"]
    result = extract(table, Recipe(families=("disc",)))
    assert result.failures["study_id"].tolist() == ["acq-ax_T2w"]  # no mask
    assert result.failures["message"].item().startswith("`mask` must be given for each study")
    studies = result.studies.set_index(["patient_id", "study_id"])
    assert studies.loc[("01", "T2w"), "field_strength"] == 3.0
    assert studies.loc[("02", "ses-1_T2w"), "echo_time"] == 100.0
    assert set(studies["sequence"]) == {"t2"}
    fields = [file["field"] for file in result.provenance["cases"][-1]["files"]]
    assert fields == ["image", "image_sidecar", "mask"]


def test_the_command_line_takes_a_data_set(data_set, tmp_path):
    from typer.testing import CliRunner

    from lbp_prognosis.cli._app import build_app

    (data_set / "sub-01/anat/sub-01_acq-ax_T2w.nii.gz").unlink()
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('families = ["disc"]\n')
    out = tmp_path / "out"
    where = ["extract", str(data_set), "-o", str(out), "--recipe", str(recipe), "--no-pictures", "--quiet"]
    result = CliRunner().invoke(
        build_app(), [*where, "--bids", "totalspineseg", "--masks", "derivatives/totalspineseg"]
    )
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out / "biomarker.csv", dtype={"patient_id": str})
    assert set(table["patient_id"]) == {"01", "02"}
    assert pd.read_csv(out / "imaging_study.csv")["field_strength"].tolist() == [3.0, 3.0, 3.0]


def test_masks_are_told_apart_by_a_part_of_their_names_and_doubles_refused(data_set):
    source = data_set / "derivatives/totalspineseg/sub-01/anat/sub-01_seg-all_dseg.nii.gz"
    other = data_set / "derivatives/other/sub-01/anat/sub-01_seg-vert_msk.nii.gz"
    other.parent.mkdir(parents=True)
    other.write_bytes(source.read_bytes())
    with pytest.raises(DataError, match="sub-01_T2w.nii.gz has 2 masks"):
        studies_from_bids(data_set, "totalspineseg")
    one = studies_from_bids(data_set, "totalspineseg", derivatives="derivatives/other").iloc[0]
    assert one["mask"] == [str(other)]
    both = studies_from_bids(data_set, {"seg-all": "totalspineseg", "seg-vert": "verse"}).iloc[0]
    assert both["mask"] == [str(source), str(other)]
    assert both["convention"] == ["totalspineseg", "verse"]


def test_a_mask_of_another_contrast_or_acquisition_is_not_taken(data_set):
    folder = data_set / "derivatives/totalspineseg/sub-01/anat"
    (folder / "sub-01_seg-all_dseg.nii.gz").rename(folder / "sub-01_mod-T1w_seg-all_dseg.nii.gz")
    (folder / "sub-01_acq-cor_dseg.nii.gz").write_bytes((folder / "sub-01_mod-T1w_seg-all_dseg.nii.gz").read_bytes())
    table = studies_from_bids(data_set, "totalspineseg").set_index("study_id")
    assert table.loc["T2w", "mask"] == []


def test_a_mask_that_names_its_contrast_as_a_part_of_its_own_is_that_image_s(data_set):
    anat = data_set / "sub-01/anat"
    (anat / "sub-01_T1w.nii.gz").write_bytes((anat / "sub-01_T2w.nii.gz").read_bytes())
    folder = data_set / "derivatives/totalspineseg/sub-01/anat"
    (folder / "sub-01_seg-all_dseg.nii.gz").rename(folder / "sub-01_T2w_seg.nii.gz")
    table = studies_from_bids(data_set, "totalspineseg", suffixes=("T1w", "T2w")).set_index("study_id")
    assert table.loc["T1w", "mask"] == []
    assert table.loc["T2w", "mask"] == [str(folder / "sub-01_T2w_seg.nii.gz")]


def test_what_is_no_data_set_is_refused(data_set, tmp_path):
    with pytest.raises(ArgumentError, match="BIDS data set"):
        studies_from_bids(tmp_path / "nothing", "spider")
    with pytest.raises(ArgumentError, match="suffixes"):
        studies_from_bids(data_set, "spider", suffixes=("bold",))
    with pytest.raises(ArgumentError, match="suffixes"):
        studies_from_bids(data_set, "spider", suffixes="T2w")
    with pytest.raises(ArgumentError, match="suffixes"):
        studies_from_bids(data_set, "spider", suffixes=())
    with pytest.raises(ArgumentError, match="derivatives"):
        studies_from_bids(data_set, "spider", derivatives="derivative")
    with pytest.raises(ArgumentError, match="no sub-"):
        studies_from_bids(data_set, "spider", suffixes=("T1w",))
