"""Table 1 of sites against that of all rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import LBPError
from lbp_prognosis.federation import Policy, pool_table_one, table_one_sums

D = syn(600).assign(
    sex=lambda d: np.where(d["c3"] > 0, "f", "m"), grade=lambda d: pd.cut(d["m3"], [-9, -1, 0, 1, 9]).astype(str)
)
EXACT = Policy(digits=17)
SITES = [(f"s{k}", part) for k, part in D.groupby("site")]


def test_means_deviations_and_counts_are_those_of_all_rows() -> None:
    found = pool_table_one([table_one_sums(part, ["c1", "p1", "sex"], site=k, policy=EXACT) for k, part in SITES])
    rows = found.table.set_index(["column", "level"])
    for name in ("c1", "p1"):
        assert rows.loc[(name, ""), "mean"] == pytest.approx(D[name].mean(), abs=1e-12)
        assert rows.loc[(name, ""), "sd"] == pytest.approx(D[name].std(), abs=1e-12)
    for level, count in D["sex"].value_counts().items():
        assert rows.loc[("sex", level), "count"] == count
    assert found.n == 600
    assert "6 sites" in repr(found)


def test_small_levels_are_merged_everywhere() -> None:
    few = D.iloc[:80].assign(grade=["x"] * 3 + ["y"] * 10 + ["z"] * 67)
    more = D.iloc[100:200].assign(grade=["x"] * 20 + ["y"] * 30 + ["z"] * 50)
    first = table_one_sums(few, ["grade"], site="a")
    assert first.levels == {"grade": {"x | y": 13, "z": 67}}
    found = pool_table_one([first, table_one_sums(more, ["grade"], site="b")])
    assert dict(zip(found.table["level"], found.table["count"])) == {"x | y": 63, "z": 117}


@pytest.mark.parametrize(("missing", "told"), [(0, True), (1, False), (4, False), (5, True)])
def test_a_few_missing_values(missing: int, told: bool) -> None:
    part = D.iloc[:100].assign(c1=lambda d: d["c1"].where(np.arange(100) >= missing))
    found = table_one_sums(part, ["c1"], site="a")
    assert ("c1" in found.numbers) is told


def test_what_one_patient_makes_up() -> None:
    part = D.iloc[:100].assign(cost=np.r_[1e6, np.ones(99)], flag=np.r_[1.0, np.zeros(99)], rare=["a"] * 98 + ["b"] * 2)
    found = table_one_sums(part, ["cost", "flag", "rare"], site="a")
    assert set(found.withheld) == {"cost", "flag", "rare"}


def test_budget_and_minimum() -> None:
    part = D.iloc[:60]
    found = table_one_sums(part, [*D.columns[2:10], "sex"], site="a", policy=Policy(release_budget=0.09))
    assert len(found.numbers) == 2
    assert "budget" in found.withheld["sex"]
    small = table_one_sums(D.iloc[:49], ["c1"], site="a")
    assert small.n == 0
    with pytest.raises(LBPError, match="enough patients"):
        pool_table_one([small])
    with pytest.raises(LBPError, match="columns of"):
        table_one_sums(part, ["none"], site="a")


def test_picture() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    found = pool_table_one([table_one_sums(part, ["c1", "sex"], site=k) for k, part in SITES])
    assert found.plot().get_xlabel() == "share of patients"
