"""At most sixty stable names, which exist and are documented; the reference marks all others as provisional."""

from __future__ import annotations

import importlib
import inspect
import re

from write_reference import ROOMS, reference_names, room_page, stable_names

import lbp_prognosis


def _thing(name: str) -> object:
    room, _, last = f"lbp_prognosis.{name}".rpartition(".")
    return getattr(importlib.import_module(room), last)


def test_stable_names_exist_at_doors_and_have_docstrings() -> None:
    names = stable_names()
    assert len(names) <= 60
    for name, question in names.items():
        room, _, last = f"lbp_prognosis.{name}".rpartition(".")
        assert last in importlib.import_module(room).__all__, name
        assert (inspect.getdoc(_thing(name)) or "").strip(), name
        assert question.endswith("?"), name


def test_names_at_the_door_of_the_package_are_stable() -> None:
    stable = {id(_thing(name)) for name in stable_names()}
    missing = [n for n in lbp_prognosis.__all__ if n != "__version__" and id(getattr(lbp_prognosis, n)) not in stable]
    assert missing == []


def test_reference_marks_each_name_as_stable_or_provisional() -> None:
    stable, found = set(stable_names()), set()
    for room, names in reference_names().items():
        page = room_page(room, names, stable)
        before, _, after = page.partition("\nProvisional\n")
        for name in names:
            listed = f"\n   {name}\n"
            if f"{room}.{name}" in stable:
                found.add(f"{room}.{name}")
                assert (listed in before.partition("\nStable\n")[2], listed in after) == (True, False), f"{room}.{name}"
            else:
                assert (listed in before, listed in after) == (False, True), f"{room}.{name}"
    assert found == {name for name in stable if "." in name}


def test_every_public_room_has_a_page() -> None:
    assert set(lbp_prognosis._ROOMS) <= set(ROOMS)


def test_stable_functions_name_their_neighbours() -> None:
    stable = stable_names()
    for name in stable:
        thing = _thing(name)
        if not inspect.isfunction(thing):
            continue
        section = re.search(r"^See Also\n-+\n((?:.+\n?)+)", inspect.getdoc(thing) or "", re.M)
        assert section is not None, name
        for line in section[1].splitlines():
            other, _, question = line.partition(" : ")
            assert stable[other.removeprefix("lbp_prognosis.")] == question, f"{name}: {line}"


def test_stable_functions_have_an_example_and_name_their_errors() -> None:
    for name in stable_names():
        thing = _thing(name)
        if not inspect.isfunction(thing):
            continue
        text = inspect.getdoc(thing) or ""
        assert re.search(r"^Examples\n-+\n", text, re.M), name
        assert ">>> " in text, name
        assert re.search(r"^Raises\n-+\n", text, re.M), name
