"""Every name of the page that says where things are can be imported from the room it is said to be in."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

import pytest

_LIST = Path(__file__).parents[2] / "docs" / "where_is.csv"
with _LIST.open(encoding="utf-8", newline="") as _file:
    ROWS = [(row["looked for"], row["name"]) for row in csv.DictReader(_file)]


@pytest.mark.parametrize(("thing", "name"), ROWS)
def test_where_is_names_what_its_room_exports(thing: str, name: str) -> None:
    room, _, attribute = name.rpartition(".")
    assert attribute in importlib.import_module(f"lbp_prognosis.{room}").__all__, thing


def test_where_is_is_sorted_and_has_thirty_two_things() -> None:
    things = [thing.casefold() for thing, _ in ROWS]
    assert things == sorted(things)
    assert len(things) == 32


def test_rooms_are_found_from_the_top() -> None:
    top = importlib.import_module("lbp_prognosis")
    assert {name.partition(".")[0] for _, name in ROWS} <= set(dir(top))
    assert all(getattr(top, name.partition(".")[0]) is not None for _, name in ROWS)
