"""Documented defaults equal the signatures; documented parameters exist; public names have docstrings."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import numpydoc.docscrape
import pytest

import lbp_prognosis

DOORS = [
    name
    for _, name, package in pkgutil.walk_packages(lbp_prognosis.__path__, "lbp_prognosis.")
    if package and "._data_schemas" not in name
]
PUBLIC = sorted(
    {
        (f"{door}.{name}", id(obj)): (f"{door.removeprefix('lbp_prognosis.')}.{name}", obj)
        for door in DOORS
        for name in getattr(importlib.import_module(door), "__all__", [])
        if not name.startswith("_")
        and (inspect.isfunction(obj := getattr(importlib.import_module(door), name)) or inspect.isclass(obj))
    }.values(),
    key=lambda pair: pair[0],
)


@pytest.mark.parametrize(("name", "obj"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_docstring_agrees_with_signature(name: str, obj: object) -> None:
    doc = inspect.getdoc(obj)
    assert doc, f"{name} has no docstring"
    try:
        signature = inspect.signature(obj)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return
    parsed = numpydoc.docscrape.FunctionDoc(obj, doc=doc) if inspect.isfunction(obj) else None
    documented = (parsed or numpydoc.docscrape.ClassDoc(obj, doc=doc, config={"show_class_members": False}))[
        "Parameters"
    ]
    for entry in documented:
        for parameter in (part.strip().lstrip("*") for part in entry.name.split(",")):
            assert parameter in signature.parameters, f"{name}: `{parameter}` is documented but not an argument"
            default = signature.parameters[parameter].default
            if ", default " in entry.type:
                text = entry.type.split(", default ")[1].strip().strip(":=").strip("`")
                shown = getattr(default, "__name__", None) or repr(default)
                assert text in {shown, str(default)} or _same(text, default), (
                    f"{name}: `{parameter}` says {text}, is {shown}"
                )


@pytest.mark.parametrize(("name", "obj"), PUBLIC, ids=[name for name, _ in PUBLIC])
def test_headings_are_not_indented(name: str, obj: object) -> None:
    """A heading that is indented belongs to the entry above it, and is no section."""
    for doc in (inspect.getdoc(member) for member in (obj, *(vars(obj).values() if inspect.isclass(obj) else ()))):
        assert not re.search(r"^ +(\w+\n +-{4,}$)", doc or "", re.MULTILINE), name


def _same(text: str, default: object) -> bool:
    try:
        return bool(abs(float(text) - float(default)) < 1e-12)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return text.strip("'\"") == str(default)
