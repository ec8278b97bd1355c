"""Small cells at the limit: one below, on it, one above; and what follows from a total at a limit of two and three."""

from __future__ import annotations

import pandas as pd
import pytest

from lbp_prognosis.disclosure import mask_counts, mask_flow


@pytest.mark.parametrize("smallest", [2, 3, 5, 10])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_a_count_of_exactly_the_limit_is_shown(smallest: int, step: int) -> None:
    count = smallest + step
    frame = pd.DataFrame({"n": [count, 500], "n_events": [500, count], "value": [0.4, 0.5], "se": [0.1, 0.1]})
    found = mask_counts(frame, ("n", "n_events"), smallest)
    hidden = step < 0
    assert pd.isna(found["n"].iloc[0]) == pd.isna(found["n_events"].iloc[1]) == hidden
    assert pd.isna(found["value"].iloc[0]) == hidden  # estimates of a handful of people
    assert found["value"].iloc[1] == 0.5
    nobody = mask_counts(pd.DataFrame({"n": [0]}), ("n",), smallest)
    assert nobody["n"].tolist() == [0]


def shown(exclusions: list[int], smallest: int) -> list[str]:
    start = 500
    kinds, counts = ["start", *["excluded"] * len(exclusions), "end"], [start, *exclusions, start - sum(exclusions)]
    return mask_flow(pd.DataFrame({"kind": kinds, "n": counts}), smallest)["shown"].tolist()


@pytest.mark.parametrize(
    ("exclusions", "smallest", "texts"),
    [
        ([2, 40], 3, ["< 3", "masked"]),  # one alone follows from the total
        ([3, 40], 3, ["3", "40"]),  # the limit itself is shown
        ([1, 2, 40], 3, ["< 3", "< 3", "40"]),  # 3 in all: 1 and 2, or 2 and 1
        ([2, 2, 40], 3, ["< 3", "< 3", "masked"]),  # 4 in all: both are 2
        ([1, 1, 40], 3, ["< 3", "< 3", "masked"]),  # 2 in all: both are 1
        ([1, 1, 2, 40], 3, ["< 3", "< 3", "< 3", "40"]),  # 4 in all: nobody knows which is 2
        ([1, 40], 2, ["< 2", "masked"]),
        ([1, 1, 40], 2, ["< 2", "< 2", "40"]),  # below 2 there is only 1: what else can be hidden
        ([4, 4, 40], 5, ["< 5", "< 5", "masked"]),  # 8 in all: both are 4
        ([4, 3, 40], 5, ["< 5", "< 5", "40"]),  # 7 in all: 3 and 4, or 4 and 3
    ],
)
def test_what_follows_from_a_total_is_masked_too(exclusions: list[int], smallest: int, texts: list[str]) -> None:
    assert shown(exclusions, smallest)[1:-1] == texts
