"""Labels that are not those of one whole vertebra give no values; odd but sound spines keep theirs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from corrupted_masks import KINDS, ODDITIES, as_totalspineseg, corrupt, is_caught, judged, spine_image, varied_spine
from spine_phantom import Phantom, labels_of

from lbp_prognosis.biomarkers import Image, LabelMap, Mask, Recipe, extract
from lbp_prognosis.biomarkers.anatomy import _spine
from lbp_prognosis.biomarkers.anatomy._anatomy import build_anatomy
from lbp_prognosis.biomarkers.anatomy._spine import build_spine
from lbp_prognosis.biomarkers.geometry._grid import Grid
from lbp_prognosis.biomarkers.geometry._region import Region
from lbp_prognosis.biomarkers.quality import _column, _edges, _mask_gate, _steps
from lbp_prognosis.biomarkers.quality._label_pieces import is_riddled
from lbp_prognosis.biomarkers.quality._mask_gate import MaskGate

RECIPE = Recipe(families=("bone", "alignment"))


@pytest.fixture(scope="module")
def drawn():
    labels = {k: v for k, v in labels_of("totalspineseg").items() if k != "canal" and len(k) < 4}
    return Phantom().draw(labels, spacing=(2.0, 1.2, 1.2))


def heights(data, affine, number):
    voxels = np.argwhere(data == number)
    return voxels, (voxels @ affine[:3, :3].T + affine[:3, 3])[:, 2]


def rows(data, affine, recipe=RECIPE.families, **more):
    study = {"patient_id": "p", "mask": Mask(data, affine), "convention": "totalspineseg", **more}
    result = extract(study, Recipe(families=recipe))
    assert result.failures.empty, result.failures["message"].tolist()
    return result.table


def test_a_third_of_l2_labelled_l1_costs_both_their_values_and_no_other(drawn):
    data, affine = drawn
    sound = rows(data, affine)
    assert (sound.loc[sound["level"] != "", "level_confidence"] == 1).all()
    mixed = data.copy()
    voxels, z = heights(data, affine, 42)
    mixed[tuple(voxels[z > np.quantile(z, 2 / 3)].T)] = 41
    table = rows(mixed, affine)
    spoilt = table[table["level"].isin(["l1", "l2"])]
    assert spoilt["value"].isna().all()
    assert (spoilt["level_confidence"] == 0).all()
    assert spoilt["flags"].str.contains("label_shared").all()
    assert spoilt["reason"].str.contains("label of its neighbour").sum() >= 10
    kept = table[table["level"].isin(["l3", "l4", "l5"])].set_index(["measure", "level"])["value"]
    before = sound[sound["level"].isin(["l3", "l4", "l5"])].set_index(["measure", "level"])["value"]
    body = [key for key in kept.index if key[0].startswith("body_")]
    np.testing.assert_allclose(kept[body], before[body])
    # the height loss of l3 takes l4 alone for its reference
    l3 = table[(table["level"] == "l3") & (table["measure"] == "height_loss")]
    assert "reference_bodies=1" in l3["flags"].item()
    whole = table[table["measure"].isin(["lumbar_lordosis", "cobb"])]
    assert whole["value"].isna().all()


def test_a_riddled_label_gives_no_values_and_other_levels_keep_theirs(drawn):
    data, affine = drawn
    riddled = data.copy()
    riddled[(data == 42) & (np.random.default_rng(0).random(data.shape) < 0.1)] = 0
    table = rows(riddled, affine)
    assert table.loc[table["level"] == "l2", "value"].isna().all()
    assert (table.loc[table["level"] == "l2", "flags"].str.contains("label_with_holes")).all()
    assert table.loc[(table["level"] == "l4") & (table["measure"] == "body_volume"), "value"].notna().all()


@pytest.mark.parametrize(("holes", "riddled"), [(10, False), (11, True)])
def test_where_a_label_is_riddled(holes, riddled):
    """More than ten holes, and more than one twentieth of the volume within the surface."""
    solid = np.ones((13, 12, 12), dtype=bool)
    for k in range(holes):
        i, j = divmod(k, 3)
        solid[1 + 3 * i : 3 + 3 * i, 1 + 3 * j : 3 + 3 * j, 2:10] = False  # 32 voxels each
    region = Region("vertebra", "l4", "", solid, np.zeros(3, dtype=int), Grid(solid.shape, np.eye(4)))
    assert is_riddled(region) is riddled
    cavity = np.ones((12, 12, 12), dtype=bool)
    cavity[3:9, 3:9, 3:9] = False  # cement: one hole of an eighth
    region = Region("vertebra", "l4", "", cavity, np.zeros(3, dtype=int), Grid(cavity.shape, np.eye(4)))
    assert not is_riddled(region)
    few = np.ones((40, 40, 40), dtype=bool)
    few[1:39:4, 1:39:4, 1:39:4] = False  # 1,000 holes of one voxel, 1.6 %
    region = Region("vertebra", "l4", "", few, np.zeros(3, dtype=int), Grid(few.shape, np.eye(4)))
    assert not is_riddled(region)


def test_l2_labelled_l1_as_a_whole_is_refused(drawn):
    data, affine = drawn
    doubled = np.where(data == 42, 41, data)
    result = extract({"patient_id": "p", "mask": Mask(doubled, affine), "convention": "totalspineseg"}, RECIPE)
    assert "l1 is in two large pieces" in result.failures["message"].item()


def test_a_remnant_above_is_no_vertebra(drawn):
    data, affine = drawn
    data = np.pad(data, ((0, 0), (0, 0), (0, 15)))
    _, z = heights(data, affine, 41)
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    centre = np.argwhere(data == 41).mean(axis=0) @ affine[:3, :3].T + affine[:3, 3]
    ball = ((grid - [centre[0], centre[1] + 10, z.max() + 7]) ** 2).sum(axis=-1) <= 7.5**2  # 1.8 ml
    table = rows(np.where(ball & (data == 0), 32, data), affine)
    assert table.loc[table["level"] == "t12", "value"].isna().all()
    assert table.loc[table["level"] == "t12", "flags"].str.contains("remnant").all()
    assert table.loc[(table["level"] == "l2") & (table["measure"] == "body_volume"), "value"].notna().all()


def test_names_that_jump_are_doubted_everywhere(drawn):
    data, affine = drawn
    gone = data.copy()
    gone[data == 43] = 0
    for number in (44, 45):
        gone[data == number] = number - 1  # the names close up over the lost body
    table = rows(gone, affine)
    named = table[table["level"] != ""]
    assert (named["level_confidence"] <= 0.25).all()
    assert named["flags"].str.contains("numbering_jump").all()
    assert table.loc[table["level"] == "l2l3", "value"].isna().all()


def test_a_mask_mirrored_front_to_back_is_doubted_by_the_image():
    spine = varied_spine(1000, "plain", canal=False)
    axis = int(np.argmax(np.abs((spine.affine[:3, :3] / np.linalg.norm(spine.affine[:3, :3], axis=0))[1])))
    gate, bodies = judged(np.flip(spine.data, axis).copy(), spine.affine, spine.image)
    assert isinstance(gate, MaskGate)
    assert all(gate.confidence(level) <= 0.25 for level in bodies)
    assert all("image_disagrees" in gate.flags(level) for level in bodies)


def test_arches_in_front_of_the_bodies_contradict_the_header(drawn):
    data, affine = drawn
    mirrored = affine.copy()
    mirrored[1] *= -1
    table = rows(data, mirrored)
    named = table[table["level"] != ""]
    assert named["flags"].str.contains("front_against_header").all()
    assert (named["level_confidence"] <= 0.25).all()


@pytest.mark.parametrize("seed", [3003, 3053])
def test_a_body_cut_by_screws_has_no_posterior_elements(seed):
    """What two screws leave beside the body, by an opening, is no arch: front stays the header's, at every level."""
    drawn = varied_spine(seed)
    anatomy = build_anatomy([(Mask(as_totalspineseg(drawn.data), drawn.affine), LabelMap("totalspineseg"))])
    assert drawn.oddity == "implant"
    assert anatomy.canal is None
    spine = build_spine(anatomy)
    assert spine.front_from == "image"
    assert all(body.frame.ap @ [0.0, 1.0, 0.0] > 0.6 for body in spine.bodies.values())
    gate, bodies = judged(drawn.data, drawn.affine, drawn.image)
    assert all(gate.confidence(level) == 1 for level in bodies), gate.reasons


@pytest.mark.parametrize(
    ("degrees", "whole", "kept"),
    [
        ((0, 10, -5, 8, 3), 5, 5),
        ((0, 59, 0, 0, 0), 5, 5),  # on the border of 60 degrees and beyond it: the level takes the mean of the others
        ((0, 61, 0, 0, 0), 5, 4),
        ((0, 90, 180, 0, 0), 5, 3),
        ((0, 90, 180, 0), 5, 0),  # 2 of 5
        ((0, 0), 4, 0),  # half is not most
        ((0, 0, 0), 5, 3),
        ((90,), 5, 0),
        ((0,), 1, 1),
        ((0, 0), 0, 2),  # levels that the border cuts count where they tell a front
    ],
)
def test_most_levels_tell_the_same_front_or_none_does(degrees, whole, kept):
    names = [f"l{k}" for k in range(1, 6)]
    ups = dict.fromkeys(names, np.array([0.0, 0.0, 1.0]))
    fronts = {n: np.array([np.sin(a), np.cos(a), 0.0]) for n, a in zip(names, np.radians(degrees))}
    found = _spine._agreed(fronts, ups, set(names[:whole]))
    assert len(found) == kept
    assert all(found[name] is fronts[name] for name in found)


def test_lordosis_does_not_part_levels_that_tell_the_same_front():
    ups, fronts = {}, {}
    for k, lean in enumerate(np.radians([-40.0, 0.0, 40.0])):
        ups[f"l{k + 1}"] = np.array([0.0, np.sin(lean), np.cos(lean)])
        fronts[f"l{k + 1}"] = np.array([0.0, np.cos(lean), -np.sin(lean)])
    assert len(_spine._agreed(fronts, ups, set(ups))) == 3


def test_levels_are_counted_from_below_only_where_the_sacrum_is_seen():
    spine = Phantom(n=3)
    labels = {k: v for k, v in labels_of("totalspineseg", 3).items() if k != "canal"}
    for names, expected in ((labels, [1, 2, 3]), ({k: v for k, v in labels.items() if k != "s1"}, None)):
        table = rows(*spine.draw(names, spacing=(3.0, 1.5, 1.5)))
        found = table[table["measure"] == "body_volume"].set_index("level")["level_from_bottom"]
        if expected is None:
            assert found.isna().all()
        else:
            assert found.loc[["l5", "l4", "l3"]].tolist() == expected
    # SPIDER counts itself; a lowest vertebra that the lower border cuts is not known to be the last
    own = {k: v for k, v in labels_of("spider", 3).items() if k in {"l5", "l4", "l3"}}
    for keep, counted in (((0.0, 1.0), True), ((0.3, 1.0), False)):
        data, affine = spine.draw(own, spacing=(3.0, 1.5, 1.5), keep=keep)
        result = extract({"patient_id": "p", "mask": Mask(data, affine), "convention": "spider"}, RECIPE)
        volumes = result.table[result.table["measure"] == "body_volume"]
        assert volumes["level_from_bottom"].notna().all() == counted


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_damage_is_caught(kind):
    seed = 1001 + KINDS.index(kind)
    drawn = varied_spine(seed, "plain")
    spoilt = corrupt(drawn.data, drawn.affine, kind, np.random.default_rng([seed, KINDS.index(kind)]))
    assert is_caught(spoilt, drawn.affine, drawn.image)


@pytest.mark.parametrize("oddity", ODDITIES)
def test_odd_but_sound_spines_keep_every_level(oddity):
    drawn = varied_spine(1000 + ODDITIES.index(oddity), oddity)
    gate, bodies = judged(drawn.data, drawn.affine, drawn.image)
    assert isinstance(gate, MaskGate)
    assert len(bodies) == 5
    assert not gate.lost
    assert not gate.spaces
    assert all(gate.confidence(level) == 1 for level in bodies), gate.reasons


def test_a_mask_moved_along_the_spine_fits_better_at_its_old_place():
    """Both ends of all bodies then lie where nothing changes, and so do ends and sides next to one another."""
    spine = varied_spine(2005, "plain")
    assert judged(spine.data, spine.affine, spine.image)[0].edges.elsewhere < 1
    moved = corrupt(spine.data, spine.affine, "displaced", np.random.default_rng([2005, KINDS.index("displaced")]))
    gate, bodies = judged(moved.data, spine.affine, spine.image)
    assert gate.edges.elsewhere > 3
    assert all("image_disagrees" in gate.flags(level) for level in bodies)


@pytest.mark.parametrize(("elsewhere", "doubted"), [(0.99, False), (1.0, False), (1.01, True), (np.nan, False)])
def test_the_better_place_counts_from_where_it_is_better(elsewhere, doubted):
    spine = varied_spine(1000, "plain", coarse=True)
    gate, _ = judged(spine.data, spine.affine, spine.image)
    edges = _edges.EdgeAgreement(gate.edges.ratio, gate.edges.rays, elsewhere, gate.edges.ends, {})
    again = MaskGate()
    _mask_gate._image(again, SimpleNamespace(bodies=["l4"]), edges)
    assert bool(again.reasons) == doubted


def test_a_long_body_without_its_lower_third_ends_inside_bone():
    """It is then no lower than its neighbours, of which one is fractured; the space below it is wide."""
    spine = varied_spine(2029)
    assert not judged(spine.data, spine.affine, spine.image)[0].reasons
    torn = corrupt(spine.data, spine.affine, "torn", np.random.default_rng([2029, KINDS.index("torn")]))
    gate, _ = judged(torn.data, spine.affine, spine.image)
    assert torn.levels == ("l4",)
    assert gate.reasons == {"l4": ["border_inside_bone"]}


@pytest.mark.parametrize(("below", "change", "doubted"), [(11, 0.49, True), (11, 0.5, False), (10.9, 0.49, False)])
def test_a_wide_space_and_no_change_are_needed_both(below, change, doubted):
    first = np.cumsum([0, 25 + 7, 25 + 7, 25 + below, 25 + 7])
    column = SimpleNamespace(runs={f"l{k + 1}": (top, top + 25.0) for k, top in enumerate(first)})
    whole = SimpleNamespace(region=SimpleNamespace(cut=False, volume_mm3=30000.0))
    edges = SimpleNamespace(ends={"l3": {"up": 1.0, "down": change}, "l2": {"up": change, "down": 1.0}})
    gate = MaskGate()
    _mask_gate._border_of_level(gate, edges, column, SimpleNamespace(bodies=dict.fromkeys(column.runs, whole)))
    assert gate.reasons == ({"l3": ["border_inside_bone"]} if doubted else {})


@pytest.mark.parametrize(("row", "mm"), [(1, 8.0), (0, 8.0)])
def test_a_mask_joined_from_two_is_doubted_below_the_step_and_a_true_slip_of_that_size_is_not(row, mm):
    """One mask, with the image of a slipped spine and with that of the spine before its lower levels moved."""
    labels = {k: v for k, v in labels_of("totalspineseg").items() if k != "canal"}
    aligned, affine = Phantom().draw(labels, spacing=(2.0, 2.0, 2.0))
    lower = np.isin(aligned, [44, 45, 95, 100, 50])
    moved = np.where(lower, 0, aligned)
    steps = round(mm / 2.0)
    shifted = np.roll(np.where(lower, aligned, 0), steps, axis=row)
    moved[shifted > 0] = shifted[shifted > 0]
    rng = np.random.default_rng(4)
    joined, bodies = judged(moved, affine, spine_image(aligned, affine, "ct", rng))
    assert [level for level in bodies if joined.flags(level) == ("part_displaced",)] == ["l4", "l5"]
    assert joined.confidence("l3l4") == joined.confidence("l5") == 0.25
    assert not joined.lost  # a doubt: nothing is withheld
    slipped, bodies = judged(moved, affine, spine_image(moved, affine, "ct", rng))
    assert not slipped.reasons
    unseen, _ = judged(moved, affine, None)
    assert unseen.reasons == {"l3": ["step_unseen"], "l4": ["step_unseen"]}
    assert unseen.confidence("l3l4") == 0.75
    assert unseen.withheld("l3l4") == ""


@pytest.mark.parametrize(
    ("size", "parts", "found"),
    [
        (5.0, None, {"l3": ["step_unseen"], "l4": ["step_unseen"]}),
        (4.9, None, {}),
        (9.0, (np.nan, np.nan), {"l3": ["step_unseen"], "l4": ["step_unseen"]}),
        (9.0, (1.0, 1.0), {}),
        (9.0, (1.01, 0.5), {"l3": ["part_displaced"]}),
        (3.1, (np.nan, 1.01), {"l4": ["part_displaced"], "l5": ["part_displaced"]}),
    ],
)
def test_where_a_step_counts(size, parts, found):
    steps = {("l3", "l4"): np.array([0.0, size, 0.0])}
    seen = {} if parts is None else {("l3", "l4"): parts}
    gate = MaskGate()
    for code, levels in _steps.doubtful_parts(["l3", "l4", "l5"], steps, seen):
        gate.add(code, *levels)
    assert gate.reasons == found


@pytest.mark.parametrize(("rays", "ratio", "doubted"), [(15, 1.1, False), (15, 0.99, True), (30, 1.1, True)])
def test_the_rays_of_one_body_need_a_clearer_sign(rays, ratio, doubted):
    sides = {"left": 1.9, "right": 1.4, "up": np.nan, "down": np.nan}
    edges = _edges.EdgeAgreement({"front": ratio, **sides}, {"front": rays}, 0.7, {}, {})
    gate = MaskGate()
    _mask_gate._image(gate, SimpleNamespace(bodies=["l4"]), edges)
    assert bool(gate.reasons) == doubted


def sacral_named(data, labels, remnant):
    """Return the mask with l5 named s1 and all others one too low; a part of the sacrum bears the name, or nothing."""
    out = np.where(np.isin(data, [labels["s1"], labels["l5s1"]]), 0, data)
    if remnant:
        voxels = np.argwhere(data == labels["s1"])
        out[tuple(voxels[voxels[:, 2] > np.quantile(voxels[:, 2], 0.8)].T)] = labels["s1"]
    out[data == labels["l5"]] = labels["s1"]
    for old, new in (("l4", "l5"), ("l3", "l4"), ("l2", "l3"), ("l1", "l2"), ("l4l5", "l5s1"), ("l3l4", "l4l5")):
        out[data == labels[old]] = labels[new]
    return np.where(np.isin(data, [labels["l2l3"], labels["l1l2"]]), 0, out)


@pytest.mark.parametrize("remnant", [False, True])
def test_the_last_lumbar_vertebra_named_s1_leaves_all_names_in_doubt(remnant):
    labels = {k: v for k, v in labels_of("totalspineseg").items() if k != "canal"}
    data, affine = Phantom().draw(labels, spacing=(2.0, 1.5, 1.5))
    sound = rows(data, affine, recipe=("bone",))
    assert (sound.loc[sound["level"] == "l5", "level_confidence"] == 1).all()
    assert sound.loc[sound["level"] == "l5", "level_from_bottom"].eq(1).all()
    table = rows(sacral_named(data, labels, remnant), affine, recipe=("bone",))
    named = table[table["level"] != ""]
    assert (named["level_confidence"] == 0.25).all()
    assert named["flags"].str.contains("sacrum_like_lumbar").all()
    assert named["level_from_bottom"].isna().all()
    assert named.loc[named["measure"] == "body_volume", "value"].notna().all()


@pytest.mark.parametrize(("below", "like_lumbar"), [(0.80, False), (0.95, True)])
def test_a_sacral_body_is_narrower_below(below, like_lumbar):
    spine = Phantom(n=2)
    spine.blocks["s1"].taper = below - 0.05  # of the lower end; the depth is read above it
    labels = {k: v for k, v in labels_of("totalspineseg", 2).items() if k != "canal"}
    table = rows(*spine.draw(labels, spacing=(2.0, 1.0, 1.0)), recipe=("bone",))
    assert table["flags"].str.contains("sacrum_like_lumbar").any() == like_lumbar


def test_a_cut_or_long_label_is_not_judged_by_its_shape():
    labels = {k: v for k, v in labels_of("totalspineseg", 2).items() if k != "canal"}
    spine = Phantom(n=2)
    spine.blocks["s1"].taper = 1.0
    cut = rows(*spine.draw(labels, spacing=(2.0, 1.5, 1.5), keep=(0.2, 1.0)), recipe=("bone",))
    assert not cut["flags"].str.contains("sacrum_like_lumbar").any()
    block = spine.blocks["s1"]
    block.low = block.high - 60 * block.axis  # the whole sacrum
    whole = rows(*spine.draw(labels, spacing=(2.0, 1.5, 1.5)), recipe=("bone",))
    assert not whole["flags"].str.contains("sacrum_like_lumbar").any()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_label_on_the_upper_part_of_s1_narrows_as_the_whole_body_does(share):
    """Over 60 % of its height a body that narrows to 0.65 has 0.88 of its depth: over the whole it has 0.80."""
    spine = Phantom(n=2)
    labels = {k: v for k, v in labels_of("totalspineseg", 2).items() if k != "canal"}
    data, affine = spine.draw(labels, spacing=(2.0, 1.0, 1.0))
    sacral = np.argwhere(data == labels["s1"])
    block = spine.blocks["s1"]
    at = (sacral @ affine[:3, :3].T + affine[:3, 3] - block.high) @ block.axis
    data[tuple(sacral[at < -30 * share].T)] = 0
    assert not rows(data, affine, recipe=("bone",))["flags"].str.contains("sacrum_like_lumbar").any()


def test_an_end_is_compared_with_the_median_of_all_others():
    found = _edges._over_the_others({("l1", "up"): 2.0, ("l1", "down"): 8.0, ("l2", "up"): 4.0})
    assert found == {"l1": {"up": 2 / 6, "down": 8 / 3}, "l2": {"up": 4 / 5}}
    assert _edges._over_the_others({("l1", "up"): 2.0, ("l1", "down"): 8.0}) == {}


@pytest.mark.parametrize(("share", "run"), [(0.49, None), (0.5, None), (0.75, (2 / 3, 4 / 3))])
def test_a_single_step_of_just_one_half_is_no_stretch(share, run):
    found = _column._longest(np.arange(3.0), np.array([0.0, share, 0.0]))
    assert found == (run if run is None else pytest.approx(run))


def test_an_image_of_nothing_is_no_agreement(drawn):
    data, affine = drawn
    table = rows(data, affine, image=Image(np.zeros(data.shape), affine), modality="mri")
    assert table.loc[table["level"] != "", "flags"].str.contains("image_disagrees").all()


def test_a_spinous_process_at_the_border_tilts_and_spoils_nothing(drawn):
    """It lies far behind the body above: in a leaning patient even below it, which is no reason to refuse the mask."""
    data, affine = drawn
    data = np.pad(data, ((0, 0), (0, 0), (0, 5)))
    voxels, _ = heights(data, affine, 41)
    back = voxels[:, 1].min()
    behind = data.copy()
    behind[voxels[:, 0].min() + 8 : voxels[:, 0].max() - 8, back - 30 : back - 10, -12:] = 32  # t12, touching the top
    lean = np.eye(4)
    lean[1:3, 1:3] = [[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]]
    alone, leaning = rows(data, affine), rows(behind, lean @ affine)
    kept = leaning[leaning["level"].isin(["l1", "l2", "l3"])]
    before = alone[alone["level"].isin(["l1", "l2", "l3"])]
    both = kept.merge(before, on=["structure", "measure", "method_id", "level", "side"], suffixes=("", "_before"))
    assert len(both) == len(before) > 20
    np.testing.assert_allclose(both["value"], both["value_before"], atol=1e-6)
    assert (both["level_confidence"] == 1).all()
    assert leaning.loc[leaning["level"] == "t12", "value"].isna().all()


def test_one_label_on_several_vertebrae_is_found_without_others_to_compare_with(drawn):
    data, affine = drawn

    def filled(labels):  # with what lies between
        bodies = np.isin(data, labels)
        above = np.maximum.accumulate(bodies, axis=2)
        return above & np.maximum.accumulate(bodies[:, :, ::-1], axis=2)[:, :, ::-1]

    joined = np.isin(data, [42, 43, 44])
    middle = int(np.median(np.argwhere(joined)[:, 0]))
    joined[middle - 2 : middle + 3] |= filled([42, 43, 44])[middle - 2 : middle + 3]  # 10 mm wide
    table = rows(np.where(joined, 43, 0), affine)
    assert table.loc[table["level"] == "l3", "value"].isna().all()
    assert table.loc[table["level"] == "l3", "flags"].str.contains("label_doubled").all()
    table = rows(np.where(filled([43, 44]), 43, 0), affine)  # two bodies and their disc
    assert table.loc[table["level"] == "l3", "value"].isna().all()
    assert table.loc[table["level"] == "l3", "flags"].str.contains("label_merged").all()
    table = rows(np.where(data == 43, 43, 0), affine)
    assert (table.loc[table["level"] == "l3", "level_confidence"] == 1).all()


@pytest.mark.parametrize(("angle", "doubted"), [(28.0, False), (38.0, True)])
def test_a_lowest_body_of_the_shape_of_the_sacrum_leaves_all_names_in_doubt(angle, doubted):
    labels = {k: v for k, v in labels_of("totalspineseg").items() if len(k) == 2}
    spine = Phantom(body_angle=(angle, 2.0, 1.0, 0.0, 0.0), body_height=(32.0, 27.5, 27.0, 26.5, 26.0))
    data, affine = spine.draw(labels, spacing=(2.0, 1.2, 1.2))
    table = rows(np.where(data == labels["s1"], 0, data), affine)
    found = table[table["level"].isin(["l1", "l5"])]
    assert (found["level_confidence"] == (0.25 if doubted else 1.0)).all()
    assert found["flags"].str.contains("lowest_like_sacrum").all() == doubted
    if doubted:  # with the sacrum below it, it is the last lumbar one
        seen = rows(data, affine, recipe=("bone", "disc"))
        assert (seen.loc[seen["level"] == "l5", "level_confidence"] == 1).all()
        # the line through the centres is 14° from its axis, and both its endplates are found nevertheless
        angles = seen[seen["measure"] == "disc_wedge"].set_index("level")["value"]
        np.testing.assert_allclose(angles[["l5s1", "l4l5"]], [12.0, 9.0], atol=1.0)
        assert not seen.loc[seen["level"] == "l5", "flags"].str.contains("uneven_endplate").any()
