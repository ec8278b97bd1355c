"""Functions of more than eight parameters are listed with a reason, and take their options by keyword."""

from __future__ import annotations

import csv
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lbp_prognosis

_MOST = 8
_BY_POSITION = 6
_LIST = Path(__file__).parents[2] / "docs" / "develop" / "many_parameters.csv"


def _functions() -> dict[str, Callable[..., Any]]:
    """Return public functions by the highest room that exports them."""
    found: dict[Callable[..., Any], str] = {}
    rooms = [room for room in pkgutil.iter_modules(lbp_prognosis.__path__) if not room.name.startswith("_")]
    inner = [
        f"{room.name}.{part.name}"
        for room in rooms
        for part in pkgutil.iter_modules(importlib.import_module(f"lbp_prognosis.{room.name}").__path__)
        if part.ispkg and not part.name.startswith("_")
    ]
    for room in (*(room.name for room in rooms), *inner):
        module = importlib.import_module(f"lbp_prognosis.{room}")
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if inspect.isfunction(thing):
                found.setdefault(thing, f"{room}.{name}")
    return {name: function for function, name in found.items()}


def _listed() -> dict[str, tuple[int, str]]:
    with _LIST.open(encoding="utf-8", newline="") as file:
        return {
            row["function"]: (int(row["parameters"]), row["why they are not grouped"]) for row in csv.DictReader(file)
        }


def _many() -> dict[str, inspect.Signature]:
    signatures = {name: inspect.signature(function) for name, function in _functions().items()}
    return {name: found for name, found in signatures.items() if len(found.parameters) > _MOST}


def test_functions_of_many_parameters_are_listed_with_their_number_and_a_reason() -> None:
    listed = _listed()
    many = {name: len(found.parameters) for name, found in _many().items()}
    assert many == {n: k for n, (k, _) in listed.items()}, "a function is a line of docs/develop/many_parameters.csv"
    assert all(len(reason) > 20 and reason.endswith(".") for _, reason in listed.values())


def test_functions_of_many_parameters_take_options_by_keyword_only() -> None:
    positional = {
        name: [
            p.name
            for p in found.parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
        ]
        for name, found in _many().items()
    }
    assert {name: found for name, found in positional.items() if len(found) > _BY_POSITION} == {}
