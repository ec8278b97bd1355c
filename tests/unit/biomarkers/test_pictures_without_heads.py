"""Pictures show planes close to the labels: a head in the field of view reaches none of them."""

from __future__ import annotations

import numpy as np
import pytest
from file_variants import slices
from spine_phantom import Phantom, labels_of

from lbp_prognosis.biomarkers import Image, Mask, Recipe
from lbp_prognosis.biomarkers._overlay import overlay_panels
from lbp_prognosis.biomarkers._study import load_case

HEAD, FLESH, MARGIN = 3000.0, 20.0, 15.0


@pytest.fixture(scope="module")
def whole_body():
    """Two vertebrae in a field of view of 400 mm whose upper part, from 20 mm above the labels on, is a head."""
    data, affine = Phantom(n=2).draw(labels_of("totalspineseg", 2), spacing=(4.0, 2.0, 2.0))
    above = 130
    labels = np.pad(data, ((0, 0), (0, 0), (0, above)))
    top = int(np.argwhere(data).max(axis=0)[2])
    image = np.full(labels.shape, FLESH)
    image[labels > 0] = 300.0
    image[:, :, top + 11 :] = HEAD
    return {
        "patient_id": "p",
        "mask": Mask(labels, affine),
        "image": Image(image, affine),
        "convention": "totalspineseg",
        "modality": "mri",
        "sequence": "t2",
    }


@pytest.fixture(params=["volume", "DICOM"])
def study(request, whole_body, tmp_path):
    """The case as it is, or its image as a DICOM series whose header names the head."""
    if request.param == "volume":
        return whole_body
    pytest.importorskip("pydicom")
    image = whole_body["image"]
    objects = slices(image.data.astype(np.int16), image.affine, BodyPartExamined="HEAD")
    return {**whole_body, "image": str(save_all(tmp_path / "d", objects))}


def save_all(folder, objects):
    folder.mkdir()
    for k, one in enumerate(objects):
        one.save_as(folder / f"{k}.dcm", enforce_file_format=True)
    return folder


def test_no_panel_contains_a_voxel_of_the_head_and_all_are_planes(study, whole_body):
    case, _ = load_case(study, Recipe(families=("disc", "canal")), max_bytes=2**30)
    panels = overlay_panels(case)
    assert len(panels) >= 4
    for panel in panels:
        assert panel["image"].ndim == 2  # a plane, no surface or projection
        assert np.nanmax(panel["image"]) < HEAD / 2, panel["title"]
    labelled = np.argwhere(whole_body["mask"].data)
    height = 2.0 * np.ptp(labelled[:, 2])  # slices of 2 mm
    low, high = panels[0]["extent"][2:]
    assert high - low <= height + 2 * MARGIN + 4.0
