"""Objections stand once, in the registry, and an unknown code is an error."""

from __future__ import annotations

import re

import pytest

from lbp_prognosis._base import OBJECTIONS, ArgumentError, Objection, objection

KINDS = {"repeats", "detects", "is_associated", "predicts", "adds_value", "is_useful", "improves_outcomes"}


def test_an_unknown_code_is_an_error() -> None:
    for make in (lambda: Objection("no-such-code", "A doubt."), lambda: objection("no-such-code")):
        with pytest.raises(ArgumentError, match=r"`code`.*objections\.toml"):
            make()


def test_objection_fills_its_sentence() -> None:
    made = objection("few-uncensored", horizon=12.0, probability=0.061234)
    assert made == Objection("few-uncensored", made.sentence)
    assert "At 12 the probability of being uncensored is 0.0612" in made.sentence
    other = objection("few-uncensored", variant="pairs", probability=0.05)
    assert other.code == made.code
    assert other.sentence != made.sentence
    assert objection("few-sites").source == OBJECTIONS["few-sites"].source != ""


@pytest.mark.parametrize("fields", [{}, {"horizon": 1.0}, {"horizon": 1.0, "probability": 0.1, "more": 2}])
def test_objection_wants_exactly_the_fields_of_its_sentence(fields: dict) -> None:
    with pytest.raises(ArgumentError, match="`fields`"):
        objection("few-uncensored", **fields)
    with pytest.raises(ArgumentError, match="`variant`"):
        objection("few-uncensored", variant="none", **fields)


def test_a_brace_in_a_value_stays_a_brace() -> None:
    assert "{age}" in objection("weak-comparator", lacking="{age}").sentence


def test_the_registry_is_in_order() -> None:
    assert list(OBJECTIONS) == sorted(OBJECTIONS)
    for code, fact in OBJECTIONS.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
        assert fact.tier in {"", "technical", "diagnostic", "prognostic", "utility"}
        assert set(fact.blocks) <= KINDS, code
        for template in (fact.sentence, *fact.variants.values()):
            assert template[-1] in ".?}", code
            assert "\n" not in template, code
