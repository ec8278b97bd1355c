"""The same integer means another structure to another tool; what makes no anatomy is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from spine_phantom import LEVELS, Phantom, labels_of

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.biomarkers import CONVENTIONS, LabelMap, Mask, Recipe, extract
from lbp_prognosis.biomarkers.anatomy._anatomy import _boxes, build_anatomy
from lbp_prognosis.biomarkers.anatomy._levels import VERTEBRAE, level_rank, neighbours, split_disc
from lbp_prognosis.biomarkers.anatomy._sanity import check_anatomy, level_confidence
from lbp_prognosis.biomarkers.anatomy._spine import build_spine

COLLISIONS = {  # the integers of one number in several tools
    5: {"spider": ("vertebra", "l1"), "verse": ("vertebra", "c5"), "totalsegmentator_vertebrae_mr": ("vertebra", "l2")},
    20: {
        "verse": ("vertebra", "l1"),
        "spider": ("vertebra", "c5"),
        "totalsegmentator_vertebrae_pp": ("vertebral_body", "l1"),
        "totalsegmentator_total_v1": ("vertebra", "l3"),
        "totalsegmentator_total_mr": ("disc", ""),
    },
    26: {
        "totalsegmentator_total_v2": ("sacral_vertebra", "s1"),
        "totalsegmentator_total_v3": ("vertebra", "l6"),
        "totalspineseg": ("vertebra", "t6"),
        "spineps_subregion": ("sacrum", ""),
    },
    27: {"totalsegmentator_total_v2": ("vertebra", "l5"), "totalspineseg": ("vertebra", "t7")},
    45: {
        "totalspineseg": ("vertebra", "l5"),
        "totalsegmentator_total_v2": ("vertebra", "c6"),
        "spineps_subregion": ("superior_articular_process", ""),
    },
    100: {
        "spider": ("canal", ""),
        "totalspineseg": ("disc", "l5s1"),
        "spineps_subregion": ("disc", ""),
        "totalsegmentator_total_v1": ("autochthon", ""),
    },
    120: {"spineps_instance": ("disc", "l1l2"), "spider": ("vertebra", "c5")},
    119: {"spineps_instance": ("disc", "t12l1")},
    201: {"spider": ("disc", "l5s1"), "spineps_instance": ("bony_endplate", "c1")},
    204: {"spider": ("disc", "l2l3"), "spineps_instance": ("bony_endplate", "c4")},
}


@pytest.mark.parametrize("value", COLLISIONS)
def test_one_integer_is_another_structure_in_another_tool(value):
    for convention, (structure, level) in COLLISIONS[value].items():
        label = LabelMap(convention).labels[value]
        assert (label.structure, label.level) == (structure, level), convention


def test_sides_follow_each_tool():
    right_first = LabelMap("totalsegmentator_abdominal_muscles").labels
    left_first = LabelMap("totalsegmentator_total_v2").labels
    assert (right_first[15].side, right_first[16].side) == ("right", "left")
    assert (left_first[86].side, left_first[87].side) == ("left", "right")
    muscles = LabelMap("musclemap").labels
    assert {muscles[v].side for v in (5101, 5111, 5121, 5131)} == {"left"}
    assert muscles[5122] == type(muscles[5122])("psoas", side="right")


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_shipped_table_is_whole(convention):
    labels = LabelMap(convention)
    assert labels.labels
    assert len(labels.fingerprint) == 64
    for value, label in labels.labels.items():
        assert labels.knows(value)
        if label.level and label.structure == "disc":
            upper, lower = split_disc(label.level)
            assert level_rank(upper) < level_rank(lower)
    assert not labels.knows(60000)


def test_levels_counted_from_the_bottom_follow_the_number_of_lumbar_vertebrae():
    assert [LabelMap("spider", lumbar_count=n).labels[1].level for n in (4, 5, 6)] == ["l4", "l5", "l6"]
    six = LabelMap("spider", lumbar_count=6).labels
    assert (six[201].level, six[202].level, six[206].level, six[207].level) == ("l6s1", "l5l6", "l1l2", "t12l1")
    four = LabelMap("spider", lumbar_count=4).labels
    assert (four[201].level, four[204].level, four[205].level) == ("l4s1", "l1l2", "t12l1")
    assert LabelMap("spider").labels[103].partial
    with pytest.raises(ArgumentError, match="lumbar_count"):
        LabelMap("spider", lumbar_count=7)


def test_an_unknown_convention_names_the_known_ones():
    with pytest.raises(ArgumentError, match=r"totalspineseg.*the label numbers do not show it"):
        LabelMap("auto")


def test_a_table_of_the_user_and_its_faults(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "Mine"\nmodality = "mri"\n'
        "other = [[90, 99]]\n[labels]\n"
        '7 = { structure = "vertebra", level = "l4" }\n'
        '8 = { structure = "dural_sac" }\n'
    )
    mine = LabelMap(str(path))
    assert (mine.labels[7].level, mine.labels[8].structure, mine.modality) == ("l4", "dural_sac", "mri")
    assert mine.knows(95)
    for text, word in (
        ("nonsense", "readable TOML"),
        ("[labels]\n", "section"),
        ('[labels]\n1 = { structure = "liver" }', "known structures"),
        ('[labels]\n1 = { structure = "disc", level = "l9" }', "levels"),
        ('[labels]\n1 = { structure = "psoas", side = "L" }', "sides"),
        ('[labels]\n0 = { structure = "psoas" }', "above 0"),
        ('numbering = "odd"\n[labels]\n1 = { structure = "psoas" }', "numbering"),
    ):
        bad = tmp_path / f"bad{abs(hash(text))}.toml"
        bad.write_text(text)
        with pytest.raises(ArgumentError, match=word):
            LabelMap(str(bad))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_boxes_of_labels_are_those_of_scipy_however_the_volume_lies_in_memory(order):
    rng = np.random.default_rng(3)
    data = rng.choice(9, size=(7, 5, 6), p=[0.9, *[0.1 / 7] * 7, 0]).astype(np.uint16).transpose(order)[::-1]
    present, boxes = _boxes(data, [0, 2, 3, 7, 8, 400])
    wanted = ndimage.find_objects(np.ascontiguousarray(data))
    assert present == [int(label) for label in np.unique(data) if label]
    assert boxes == {label: wanted[label - 1] for label in (2, 3, 7) if label in present}
    assert boxes


def test_neighbours_break_at_a_missing_level_and_know_transitional_spines():
    assert neighbours(["l1", "l2", "l4", "l5", "s1"]) == [("l1", "l2"), ("l4", "l5"), ("l5", "s1")]
    assert neighbours(["t13", "l1", "c7", "t1"]) == [("c7", "t1"), ("t13", "l1")]
    assert neighbours(["l5", "l6", "s1"]) == [("l5", "l6"), ("l6", "s1")]
    assert [level_rank(v) for v in VERTEBRAE] == sorted(level_rank(v) for v in VERTEBRAE)


@pytest.fixture(scope="module")
def drawn():
    return Phantom(n=4).draw(labels_of("totalspineseg", 4), spacing=(3.0, 1.5, 1.2))


def anatomy_of(data, affine, convention="totalspineseg"):
    anatomy = build_anatomy([(Mask(data, affine), LabelMap(convention))])
    return anatomy, build_spine(anatomy)


def test_a_sound_mask_passes_and_each_fault_is_named(drawn):
    data, affine = drawn
    check_anatomy(*anatomy_of(data, affine))
    upside = affine @ np.diag([1, 1, -1, 1])
    with pytest.raises(DataError, match=r"l5 is below|is below"):
        check_anatomy(*anatomy_of(data, upside))
    swapped = data.copy()
    swapped[data == 94], swapped[data == 93] = 93, 94
    with pytest.raises(DataError, match="disc l3l4"):
        check_anatomy(*anatomy_of(swapped, affine))
    backwards = affine.copy()
    backwards[1] *= -1
    with pytest.raises(DataError, match="canal is in front"):
        check_anatomy(*anatomy_of(data, backwards))
    order = data.copy()
    order[data == 44], order[data == 43] = 43, 44
    with pytest.raises(DataError, match="l3 is below l4"):
        check_anatomy(*anatomy_of(order, affine))
    twice = data.copy()
    twice[data == 43] = 45
    with pytest.raises(DataError, match="vertebra l5 is in two large pieces"):
        check_anatomy(*anatomy_of(twice, affine))
    with pytest.raises(DataError, match="mm apart"):
        check_anatomy(*anatomy_of(data, np.diag([2.5, 2.5, 2.5, 1]) @ affine))
    with pytest.raises(DataError) as caught:
        check_anatomy(*anatomy_of(order, affine))
    assert list(caught.value.failures.columns) == ["table", "row", "field", "reason", "value", "message"]


def test_swapped_sides_are_refused():
    phantom = Phantom(n=3)
    labels = labels_of("musclemap")
    data, affine = phantom.draw(labels, spacing=(2.0, 2.0, 3.0))
    check_anatomy(*anatomy_of(data, affine, "musclemap"))
    mirrored = affine.copy()
    mirrored[0] *= -1
    with pytest.raises(DataError, match="left multifidus is to the right"):
        check_anatomy(*anatomy_of(data, mirrored, "musclemap"))


def test_a_mask_of_another_convention_is_a_failure_that_names_the_labels(drawn):
    data, affine = drawn
    result = extract({"patient_id": 1, "mask": Mask(data, affine), "convention": "verse"})
    assert result.failures["message"].iloc[0].startswith("`convention` must be the one the mask was drawn with")
    assert "42" in result.failures["message"].iloc[0]


def test_the_same_spine_by_two_conventions_gives_the_same_numbers():
    phantom = Phantom(n=3, posterior=False)
    recipe = Recipe(families=("disc", "canal", "bone"))
    frames = []
    for convention in ("spider", "totalspineseg"):
        labels = {k: v for k, v in labels_of(convention, 3).items() if k != "s1"}
        data, affine = phantom.draw(labels, spacing=(1.5, 1.0, 1.0), degrees=(4, 3, -2))
        found = extract({"patient_id": "p", "mask": Mask(data, affine), "convention": convention}, recipe).table
        found["method_id"] = found["method_id"].str.split("__").str[0]  # after it the tool is named
        frames.append(found.set_index(["structure", "measure", "level", "method_id"])["value"])
    both = frames[0].to_frame("a").join(frames[1].rename("b"), how="inner").dropna()
    assert len(both) > 80
    np.testing.assert_allclose(both["a"], both["b"], rtol=1e-12)


def test_confidence_in_level_names():
    phantom = Phantom(n=3)
    for convention, expected in (("totalspineseg", 1.0), ("spider", 0.75)):
        data, affine = phantom.draw(labels_of(convention, 3), spacing=(3.0, 2.0, 2.0))
        assert level_confidence(*anatomy_of(data, affine, convention))[0] == expected
    six = {"l5": 46, "l4": 45, "l3": 44, "l5s1": 100, "canal": 2, "s1": 50}  # the phantom's l5 named l6
    data, affine = phantom.draw({k: v for k, v in six.items() if k != "l5s1"}, spacing=(3.0, 2.0, 2.0))
    assert level_confidence(*anatomy_of(data, affine)) == (0.5, ("six_lumbar",))
    necks = {level: 15 - k for k, level in enumerate(LEVELS[:3])}  # lumbar bodies named c5, c4, c3
    data, affine = phantom.draw({**necks, "canal": 2}, spacing=(3.0, 2.0, 2.0))
    assert level_confidence(*anatomy_of(data, affine)) == (0.25, ("size_unlike_level",))
