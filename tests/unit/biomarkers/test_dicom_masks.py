"""DICOM segmentations and structure sets: the voxels of the labels they were written from, or a refusal by name."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import FRAME, outlines, write_rtstruct, write_seg
from spine_phantom import Phantom, labels_of

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomarkers import Image, LabelMap, Mask, Recipe, extract, read_mask
from lbp_prognosis.biomarkers.readers._rtstruct import fill_contours

pydicom = pytest.importorskip("pydicom")

OBLIQUE = np.array([[0.0, 0.1, 3.9, -30], [0.8, 0.0, 0.0, -20], [0.0, -0.8, 0.5, 40], [0, 0, 0, 1]])
OBLIQUE[:3, 1] = np.cross(OBLIQUE[:3, 2], OBLIQUE[:3, 0])
OBLIQUE[:3, 1] *= 0.7 / np.linalg.norm(OBLIQUE[:3, 1])


@pytest.fixture
def labels():
    """Two structures that touch, in an image of 14 × 12 × 7 voxels."""
    data = np.zeros((14, 12, 7), dtype=np.uint8)
    data[3:9, 2:6, 2:5], data[3:8, 6:10, 1:4] = 5, 9
    return data


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "map.toml"
    path.write_text(
        '[labels]\n5 = { structure = "vertebra", level = "l4", segment = "Vertebra L4" }\n'
        '9 = { structure = "vertebra", level = "l5", segment = "Vertebra L5" }\n'
        '11 = { structure = "canal", segment = "Canal" }\n'
    )
    return path


def parts(labels):
    return {"vertebra l4 ": labels == 5, "Liver": labels == 0, "Vertebra L5": labels == 9}


def grid_image(labels, affine=OBLIQUE, **acquisition):
    return Image(np.zeros(labels.shape), affine, acquisition)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("empty_frames", [True, False])
def test_a_segmentation_has_the_labels_of_the_map_at_their_places(tmp_path, labels, table, kind, empty_frames):
    path = write_seg(tmp_path / "a" / "seg.dcm", parts(labels), OBLIQUE, kind=kind, empty_frames=empty_frames)
    image = grid_image(labels, frame_of_reference=FRAME)
    np.testing.assert_array_equal(read_mask(path, convention=table, image=image).data, labels)
    np.testing.assert_array_equal(read_mask(path.parent, convention=LabelMap(str(table)), image=image).data, labels)


def test_without_its_image_a_segmentation_keeps_its_own_lattice(tmp_path, labels, table):
    masks = {name: mask for name, mask in parts(labels).items() if name != "Liver"}
    for stated in (True, False):
        own = read_mask(write_seg(tmp_path / "seg.dcm", masks, OBLIQUE, step_stated=stated), convention=table)
        seen = np.argwhere(own.data == 9)
        np.testing.assert_allclose(
            np.sort(own.grid.to_world(seen.astype(float)), axis=0),
            np.sort(np.argwhere(labels == 9) @ OBLIQUE[:3, :3].T + OBLIQUE[:3, 3], axis=0),
            atol=1e-4,
        )


@pytest.mark.parametrize(
    ("damage", "words"), [("place", "frames 1 and 2 show the same slice of segment 1"), (77, "segment 77")]
)
def test_frames_of_one_place_or_of_no_segment_are_refused(tmp_path, labels, table, damage, words):
    path = write_seg(tmp_path / "seg.dcm", parts(labels), OBLIQUE)
    one = pydicom.dcmread(path)
    first, second = one.PerFrameFunctionalGroupsSequence[:2]
    if damage == "place":
        second.PlanePositionSequence = first.PlanePositionSequence
    else:
        first.SegmentIdentificationSequence[0].ReferencedSegmentNumber = damage
    one.save_as(path)
    with pytest.raises(DataError, match=rf"{words}.*Export the segmentation again"):
        read_mask(path, convention=table, image=grid_image(labels))


def test_a_slice_left_out_between_two_contours_is_refused(tmp_path, labels, table):
    contours = outlines(labels == 5, OBLIQUE)  # on slices 3 to 5
    path = write_rtstruct(tmp_path / "rt.dcm", {"Vertebra L4": [contours[0], contours[2]]})
    with pytest.raises(DataError, match="leave out slice 4 of 7.*interpolate"):
        read_mask(path, convention=table, image=grid_image(labels))


def test_a_contour_that_is_given_twice_is_refused(tmp_path, labels, table):
    once = outlines(labels == 5, OBLIQUE)
    path = write_rtstruct(tmp_path / "rt.dcm", {"Vertebra L4": [*once, np.roll(once[0], 1, axis=0)[::-1]]})
    with pytest.raises(DataError, match="given twice.*each contour once"):
        read_mask(path, convention=table, image=grid_image(labels))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flip", [(False, True, False), (True, False, True)])
def test_frames_are_turned_and_flipped_to_the_image(tmp_path, labels, table, order, flip):
    data, affine = labels, OBLIQUE.copy()
    for axis in range(3):
        if flip[axis]:
            data = np.flip(data, axis)
            affine[:3, 3] += affine[:3, axis] * (data.shape[axis] - 1)
            affine[:3, axis] *= -1
    data, affine = data.transpose(order), affine[:, [*order, 3]]
    path = write_seg(tmp_path / "seg.dcm", parts(data), affine)
    np.testing.assert_array_equal(read_mask(path, convention=table, image=grid_image(labels)).data, labels)


def test_what_does_not_lie_on_the_image_is_refused(tmp_path, labels, table):
    path = write_seg(tmp_path / "seg.dcm", parts(labels), OBLIQUE)
    for change, word in (
        (np.diag([1, 1, 1.1, 1.0]), "from its voxels|outside"),
        (np.diag([1.5, 1, 1, 1.0]), "other voxel sides"),
    ):
        with pytest.raises(ArgumentError, match=word):
            read_mask(path, convention=table, image=grid_image(labels, OBLIQUE @ change))
    moved = OBLIQUE.copy()
    moved[:3, 3] += OBLIQUE[:3, 2] * 0.5
    with pytest.raises(ArgumentError, match="mm from its voxels"):
        read_mask(path, convention=table, image=grid_image(labels, moved))
    with pytest.raises(ArgumentError, match="outside it"):
        read_mask(path, convention=table, image=grid_image(labels[:, :, :3]))
    with pytest.raises(ArgumentError, match="frame of reference"):
        read_mask(path, convention=table, image=grid_image(labels, frame_of_reference="1.2.3"))


def test_overlapping_segments_are_refused_by_name(tmp_path, labels, table):
    masks = parts(labels)
    masks["Vertebra L5"] = masks["Vertebra L5"].copy()
    masks["Vertebra L5"][3, 2:4, 2] = True
    path = write_seg(tmp_path / "seg.dcm", masks, OBLIQUE)
    with pytest.raises(DataError, match="'vertebra l4' and 'Vertebra L5' overlap in 2 voxels"):
        read_mask(path, convention=table)


def test_segments_are_named_by_the_map_and_never_guessed(tmp_path, labels, table):
    path = write_seg(tmp_path / "a" / "seg.dcm", parts(labels), OBLIQUE)
    with pytest.raises(ArgumentError, match="never guessed"):
        read_mask(path)
    with pytest.raises(ArgumentError, match="names none of 'vertebra l4', 'Liver', 'Vertebra L5'"):
        read_mask(path, convention="spider")
    write_seg(tmp_path / "a" / "other.dcm", parts(labels), OBLIQUE)
    with pytest.raises(ArgumentError, match=r"2 in .*other\.dcm, seg\.dcm"):
        read_mask(path.parent, convention=table)
    twice = write_seg(tmp_path / "twice.dcm", {"Canal": labels == 5, "canal": labels == 9}, OBLIQUE)
    with pytest.raises(ArgumentError, match="twice in twice.dcm"):
        read_mask(twice, convention=table)


def test_a_probability_and_a_damaged_segmentation_are_refused(tmp_path, labels, table):
    path = write_seg(tmp_path / "seg.dcm", parts(labels), OBLIQUE, kind="FRACTIONAL")
    one = pydicom.dcmread(path)
    one.PixelData = bytes([100]) + one.PixelData[1:]
    one.save_as(path)
    with pytest.raises(ArgumentError, match="1 fractional voxels"):
        read_mask(path, convention=table)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 400])
    with pytest.raises(DataError, match="damaged|pixels"):
        read_mask(path, convention=table)
    one.Modality = "MR"
    one.save_as(path)
    with pytest.raises(ArgumentError, match="modality MR"):
        read_mask(path, convention=table)


def test_contours_are_the_voxels_they_surround(tmp_path, labels, table):
    names = {"Vertebra L4": labels == 5, "Vertebra L5": labels == 9}
    drawn = {name: outlines(mask, OBLIQUE) for name, mask in names.items()}
    path = write_rtstruct(tmp_path / "rt.dcm", drawn)
    image = grid_image(labels, frame_of_reference=FRAME)
    np.testing.assert_array_equal(read_mask(path, convention=table, image=image).data, labels)
    with pytest.raises(ArgumentError, match="contains contours"):
        read_mask(path, convention=table)
    for order in ((2, 0, 1), (1, 2, 0)):  # contours across another axis of the array
        turned = Image(np.zeros([labels.shape[k] for k in order]), OBLIQUE[:, [*order, 3]])
        np.testing.assert_array_equal(read_mask(path, convention=table, image=turned).data, labels.transpose(order))


def test_contours_beside_the_slices_open_or_with_gaps_are_refused(tmp_path, labels, table):
    drawn = outlines(labels == 5, OBLIQUE)
    image = grid_image(labels)
    between = write_rtstruct(tmp_path / "between.dcm", {"Vertebra L4": [p + OBLIQUE[:3, 2] / 2 for p in drawn]})
    with pytest.raises(ArgumentError, match="0.5 slices from"):
        read_mask(between, convention=table, image=image)
    away = write_rtstruct(tmp_path / "away.dcm", {"Vertebra L4": [p + 9 * OBLIQUE[:3, 2] for p in drawn]})
    with pytest.raises(ArgumentError, match="outside the image"):
        read_mask(away, convention=table, image=image)
    opened = write_rtstruct(tmp_path / "open.dcm", {"Vertebra L4": drawn}, kind="OPEN_PLANAR")
    with pytest.raises(DataError, match="'Vertebra L4' contains a contour of type OPEN_PLANAR"):
        read_mask(opened, convention=table, image=image)
    tall = np.zeros((14, 12, 7), dtype=bool)
    tall[3:9, 2:6, ::2] = True
    gaps = write_rtstruct(tmp_path / "gaps.dcm", {"Vertebra L4": outlines(tall, OBLIQUE)})
    with pytest.raises(DataError, match="on every 2 slices"):
        read_mask(gaps, convention=table, image=image)


def test_parity_cuts_holes_and_counts_a_cell_by_its_centre():
    square = np.array([[0.5, 0.5], [8.5, 0.5], [8.5, 6.5], [0.5, 6.5]])
    hole = np.array([[2.5, 2.5], [2.5, 4.5], [5.5, 4.5], [5.5, 2.5]])  # the other way round
    filled = fill_contours([square, hole], (10, 8))
    want = np.zeros((10, 8), dtype=bool)
    want[1:9, 1:7] = True
    want[3:6, 3:5] = False
    np.testing.assert_array_equal(filled, want)
    beyond = fill_contours([square - 3], (10, 8))  # a contour that leaves the image
    assert beyond.sum() == 6 * 4
    rng = np.random.default_rng(3)
    around = np.sort(rng.uniform(0, 2 * np.pi, 40))
    star = 12 + (4 + 6 * rng.random(40))[:, None] * np.column_stack([np.cos(around), np.sin(around)])
    from matplotlib.path import Path

    cells = np.argwhere(np.ones((25, 25), dtype=bool))
    np.testing.assert_array_equal(fill_contours([star], (25, 25)).ravel(), Path(star).contains_points(cells))


def test_a_study_with_a_segmentation_is_measured_like_one_with_its_labels(tmp_path):
    spine = Phantom(n=2)
    data, affine = spine.draw(labels_of("totalspineseg", 2), spacing=(2.0, 1.0, 1.0))
    numbers = {label.level or label.structure: value for value, label in LabelMap("totalspineseg").labels.items()}
    names = {"Corpus L5": "l5", "Corpus L4": "l4", "Disc L4/5": "l4l5"}
    seg = write_seg(tmp_path / "seg" / "1.dcm", {name: data == numbers[level] for name, level in names.items()}, affine)
    kinds = {"l5": "vertebra", "l4": "vertebra", "l4l5": "disc"}
    rows = [
        f'{k} = {{ structure = "{kinds[level]}", level = "{level}", segment = "{name}" }}'
        for k, (name, level) in enumerate(names.items(), start=1)
    ]
    (tmp_path / "own.toml").write_text("\n".join(["[labels]", *rows]))
    plain = np.where(np.isin(data, [numbers[level] for level in names.values()]), data, 0)
    image = Image(data * 10.0, affine)
    studies = [
        {"patient_id": 1, "image": image, "mask": str(seg.parent), "convention": str(tmp_path / "own.toml")},
        {"patient_id": 2, "image": image, "mask": Mask(plain, affine), "convention": "totalspineseg"},
    ]
    result = extract(studies, Recipe(families=("disc",)))
    assert result.failures.empty, result.failures["message"].tolist()
    one, two = (result.table[result.table["patient_id"] == name].reset_index(drop=True) for name in ("1", "2"))
    np.testing.assert_allclose(one["value"], two["value"])
    assert result.provenance["cases"][0]["files"][0]["sha256"]
