"""Counts below five do not leave, nor what they follow from."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbp_prognosis import report
from lbp_prognosis.disclosure import count_texts, mask_counts, mask_flow, mask_table_one


def flow(*exclusions):
    total = 100
    rows = [{"kind": "start", "step": "all", "n": total}]
    rows += [{"kind": "excluded", "step": f"reason {k}", "n": n} for k, n in enumerate(exclusions)]
    return pd.DataFrame([*rows, {"kind": "end", "step": "in", "n": total - sum(exclusions)}])


def test_a_single_small_exclusion_takes_the_next_with_it():
    shown = mask_flow(flow(3, 20, 12, 0), 5)["shown"].tolist()
    assert shown == ["100", "< 5", "20", "masked", "0", "65"]


def test_the_only_exclusion_takes_the_start_with_it():
    assert mask_flow(flow(3), 5)["shown"].tolist() == ["masked", "< 5", "97"]


def test_two_small_exclusions_protect_each_other():
    assert mask_flow(flow(3, 2, 12), 5)["shown"].tolist() == ["100", "< 5", "< 5", "12", "83"]
    # but one and one are the only way to two
    assert mask_flow(flow(1, 1, 12), 5)["shown"].tolist() == ["100", "< 5", "< 5", "masked", "86"]


def test_nothing_small_nothing_masked():
    assert mask_flow(flow(30, 12), 5)["shown"].tolist() == ["100", "30", "12", "58"]


def test_patients_without_the_outcome_do_not_follow_from_those_with_it() -> None:
    kinds = ["start", "end", "missing", "missing", "observed"]

    def shown(*counts: int) -> list[str]:
        return mask_flow(pd.DataFrame({"kind": kinds, "n": [100, 100, *counts]}), 5)["shown"].tolist()[2:]

    assert shown(3, 0, 97) == ["< 5", "0", "masked"]
    assert shown(3, 12, 85) == ["< 5", "masked", "85"]
    assert shown(5, 12, 83) == ["5", "12", "83"]


def one(levels, groups=("a", "b")):
    rows = [{"variable": "n", "value": "", "missing": ""}]
    rows[0] |= {g: str(sum(level[k] for level in levels)) for k, g in enumerate(groups)}
    rows[0]["overall"] = str(sum(map(sum, levels)))
    for j, level in enumerate(levels):
        row = {"variable": "grade, n (%)", "value": str(j), "missing": "2"}
        row |= {g: f"{level[k]} (10.0)" for k, g in enumerate(groups)}
        rows.append({**row, "overall": f"{sum(level)} (20.0)"})
    return pd.DataFrame(rows)[["variable", "value", "missing", *groups, "overall"]]


def test_table_one_masks_and_protects():
    out = mask_table_one(one([(3, 20), (30, 25), (17, 40)]), 5)
    assert out.loc[1, "a"] == "< 5"
    assert out.loc[1, "missing"] == "< 5"
    assert out.loc[3, "a"] == "masked"  # 17: else 3 is the rest of the column
    assert out.loc[1, "b"] == "masked"  # else 3 is the overall less b
    assert out.loc[0].tolist() == one([(3, 20), (30, 25), (17, 40)]).loc[0].tolist()


def test_means_are_left_alone():
    table = pd.DataFrame({"variable": ["age, mean (SD)"], "value": [""], "missing": ["0"], "overall": ["3.1 (1.2)"]})
    assert mask_table_one(table, 5)["overall"].tolist() == ["3.1 (1.2)"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 40)] * 2), min_size=2, max_size=5))
def test_no_masked_cell_follows_from_a_margin(levels):
    """In no row and no column is a single count missing, unless nothing else there could hide it."""
    table = one(levels)
    out = mask_table_one(table, 5)
    groups = [name for name in ("a", "b", "overall") if name in out.columns]  # small groups are gone
    counts = np.array([[dict(zip("ab", level), overall=sum(level))[name] for name in groups] for level in levels])
    hidden = out.loc[1:, groups].isin(["< 5", "masked"]).to_numpy()
    small = (counts > 0) & (counts < 5)
    assert hidden[small].all()
    for values, mask in [*zip(counts, hidden), *zip(counts.T, hidden.T)]:
        if mask.sum() == 1:
            assert (values[~mask] == 0).all()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=4))
def test_no_small_part_of_a_known_total_follows(counts):
    """By brute force: every small part has at least two values that agree with all that is shown, if any can have."""
    smallest, texts = 4, count_texts(counts, 4)
    total, parts = sum(counts), []
    for text in texts:
        parts.append(
            range(1, smallest)
            if text == f"< {smallest}"
            else range(smallest, total + 1)
            if text == "masked"
            else [int(text)]
        )
    possible = [way for way in itertools.product(*parts) if sum(way) == total]
    assert tuple(counts) in possible
    hidden = [text in (f"< {smallest}", "masked") for text in texts]
    for k, count in enumerate(counts):
        if 0 < count < smallest:
            assert hidden[k]
            if any(not hide and n > 0 for hide, n in zip(hidden, counts)):
                assert len({way[k] for way in possible}) > 1


def test_a_small_group_takes_its_columns_with_it():
    table = one([(2, 30, 25), (1, 17, 40)], ("a", "b", "c"))
    table["smd (a,b)"] = "0.3"
    out = mask_table_one(table, 5)
    assert list(out.columns) == ["variable", "value", "missing", "c", "overall"]  # b and c would give a away
    alone = mask_table_one(one([(2, 30), (1, 17)]), 5)
    assert list(alone.columns) == ["variable", "value", "missing", "overall"]
    assert alone["overall"].tolist() == ["50", "32 (20.0)", "18 (20.0)"]


def test_missing_values_are_a_part_of_the_column():
    table = one([(30, 20), (17, 40)])
    table.loc[0, ["a", "overall"]] = ["50", "110"]  # three of a are missing
    out = mask_table_one(table, 5)
    assert out.loc[2, "a"] == "masked"
    assert "masked" in out["overall"].tolist()
    assert out.loc[0, "a"] == "50"


def test_numeric_frames():
    frame = pd.DataFrame({"n": [4, 50], "n_events": [4, 3], "value": [0.5, 0.6], "se": 0.1, "low": 0.1, "high": 0.9})
    out = mask_counts(frame, ("n", "n_events"), 5)
    assert out["n"].isna().tolist() == [True, False]
    assert out["n_events"].isna().all()
    assert out["value"].isna().tolist() == [True, False]
    assert frame.loc[0, "n"] == 4


@pytest.mark.parametrize("smallest", [1, 0])
def test_masking_can_be_switched_off(smallest):
    assert mask_flow(flow(3), smallest)["shown"].tolist() == ["100", "3", "97"]
    table = one([(1, 2), (0, 3)])
    assert mask_table_one(table.drop(columns="missing"), smallest).equals(table.drop(columns="missing").astype(object))


def test_the_old_door_still_opens_and_names_the_new_one():
    table = one([(3, 20), (30, 25), (17, 40)])
    frame = pd.DataFrame({"n": [4, 50]})
    for old, new, arguments in (
        (report.mask_counts, mask_counts, (frame, ("n",), 5)),
        (report.mask_flow, mask_flow, (flow(3, 20), 5)),
        (report.mask_table_one, mask_table_one, (table, 5)),
    ):
        with pytest.warns(DeprecationWarning, match=f"disclosure.{new.__name__}"):
            found = old(*arguments)
        pd.testing.assert_frame_equal(found, new(*arguments))
