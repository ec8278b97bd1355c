"""Each deprecated name is listed with the version in which it goes, warns with it, and is gone by then."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import lbp_prognosis
from lbp_prognosis._base import deprecated, deprecations

PACKAGE = Path(lbp_prognosis.__file__).parent


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _calls(tree: ast.AST, name: str) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [node for node in calls if getattr(node.func, "id", getattr(node.func, "attr", "")) == name]


def test_every_deprecation_warning_comes_from_the_list() -> None:
    used: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name == "_deprecated.py" or ("deprecated(" not in text and "DeprecationWarning" not in text):
            continue
        tree = ast.parse(text)
        for call in _calls(tree, "warn"):
            found = re.search("DeprecationWarning|FutureWarning", ast.unparse(call))
            assert found is None, f"{path.name}: use `deprecated`"
        used |= {ast.literal_eval(call.args[0]) for call in _calls(tree, "deprecated")}
    assert used == set(deprecations())


@pytest.mark.parametrize("name", sorted(deprecations()))
def test_deprecated_name_says_when_it_goes_and_is_gone_then(name: str) -> None:
    found = deprecations()[name]
    assert found.instead
    assert _version(found.since) < _version(found.goes)
    assert _version(lbp_prognosis.__version__)[:2] < _version(found.goes), f"{name} was to be removed in {found.goes}"

    def caller() -> None:
        deprecated(name)

    with pytest.warns(DeprecationWarning, match=rf"will be removed in {found.goes}\. Use ") as caught:
        caller()
    assert caught[0].filename == __file__


def test_a_name_that_is_not_listed_cannot_be_deprecated() -> None:
    with pytest.raises(KeyError, match="report.nothing"):
        deprecated("report.nothing")
