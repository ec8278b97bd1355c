"""The questions: as many as the tool has, in its domains, in words of our own."""

from __future__ import annotations

from lbp_prognosis.evidence import probast_ai_items


def test_questions_by_part_and_domain() -> None:
    items = probast_ai_items()
    asked = items[items["kind"] == "signalling"]
    counts = asked.groupby(["part", "domain"], sort=False).size().to_dict()
    assert counts == {
        ("development", "participants and data sources"): 3,
        ("development", "predictors"): 4,
        ("development", "outcome"): 4,
        ("development", "analysis"): 5,
        ("evaluation", "participants and data sources"): 3,
        ("evaluation", "predictors"): 4,
        ("evaluation", "outcome"): 4,
        ("evaluation", "analysis"): 7,
    }
    fits = items[items["kind"] == "applicability"]
    assert fits["item"].tolist() == ["1.A", "2.A", "3.A"] * 2
    assert not items.duplicated(["part", "item"]).any()
    assert items["question"].str.endswith("?").all()


def test_what_is_computed_says_where_it_stands() -> None:
    items = probast_ai_items()
    assert (items["computes"].eq("") == items["field"].eq("")).all()
    assert items.loc[items["kind"] == "applicability", "computes"].eq("").all()
