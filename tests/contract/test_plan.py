"""The drawn plan of the house is that of the source, and every arrow of it points down."""

from __future__ import annotations

from pathlib import Path

from write_plan import PLAN, arrows, direct, floors, plan

import lbp_prognosis


def test_plan_is_up_to_date() -> None:
    assert PLAN.read_text(encoding="utf-8") == plan(), "run: python docs/write_plan.py"


def test_rooms_of_the_plan_are_the_folders_and_arrows_point_down() -> None:
    floor = {room: number for number, row in enumerate(floors()) for room in row}
    folders = {path.parent.name for path in Path(lbp_prognosis.__file__).parent.glob("*/__init__.py")}
    assert set(floor) == folders
    assert [(a, b) for a, b in arrows() if floor[a] >= floor[b]] == []


def test_direct_leaves_out_what_follows() -> None:
    assert direct({("a", "b"), ("b", "c"), ("a", "c"), ("a", "d")}) == {("a", "b"), ("b", "c"), ("a", "d")}
