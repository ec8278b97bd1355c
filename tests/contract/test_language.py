"""The prose keeps to `docs/develop/language.md`: the worst patterns are searched for."""

from __future__ import annotations

import pytest
from check_language import check_files, check_text, patterns


def test_check_files_finds_nothing() -> None:
    assert not [f"{p.file}:{p.line}: {p.found!r} -> {p.instead}" for p in check_files()]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Return one row a patient.", True),
        ("Return one row\n    a patient.", True),
        ("Return one row per patient.", False),
        ("The file holds a model.", True),
        ("The gate holds for every table.", False),
        ("Draws are made once a patient.", True),
        ("At least two results, one an imputation.", True),
        ("    plan : Plan\n        What is compared.\n", True),
        ("    plan : Plan\n        Plan of the comparison.\n", False),
        ("Everybody is followed.", True),
        ("It foretells recovery.", True),
        ("It predicts recovery.", False),
        ("Survival was significantly better.", True),
    ],
)
def test_check_text(text: str, found: bool) -> None:
    assert bool(check_text(text)) is found


def test_check_text_names_the_line_and_the_remedy() -> None:
    (place,) = check_text("Fine.\nA model foretold it.", "page.md")
    assert (place.file, place.line, place.found, place.instead) == ("page.md", 2, "foretold", "predict, predicted")


def test_patterns_say_what_to_write() -> None:
    assert len(patterns()) > 10
    assert all(instead for _, instead in patterns())
