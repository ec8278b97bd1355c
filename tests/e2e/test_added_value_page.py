"""The page on what the MRI adds: its blocks run, and its words about their results are true."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "added_value.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page():
    """All names that the blocks of the page leave behind."""
    names: dict = {}
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)):
        exec(compile(block, f"added_value.md, block {number}", "exec"), names)
    return names


def test_the_comparator_holds_the_clinical_minimum_and_simulation_supports_nothing(page):
    added = page["added"]
    assert not added.missing
    assert added.synthetic
    assert not added.supported
    assert added.evaluation.synthetic
    assert page["external"].evaluation.synthetic
    assert page["verdict"].answer == "not supported"
    assert any("simulated" in str(check.required) for check in page["verdict"].checks)


def test_shapley_gives_imaging_credit_for_what_others_know(page):
    ipa = page["added"].shares.query("metric == 'ipa' and modality == 'imaging'").set_index("share")["value"]
    assert ipa["last_in"] < ipa["shapley"] < ipa["first_in"]


def test_groups_hospitals_and_policy(page):
    assert set(page["gains"]["group"]) == {"men", "women", "below 40", "40 to below 60", "60 or more"}
    assert page["pooled"].k == 5
    # outside the band nobody is imaged, and their decision stands
    low, high = page["policy"].band
    without = 1 - page["without"]
    imaged = page["policy"].row("band")["imaged_fraction"]
    assert imaged == pytest.approx(np.mean((without >= low) & (without < high)), abs=1e-12)


def test_the_new_place_is_found_to_differ(page):
    """Fewer recover there: the level is updated, and the mean risk meets what is observed."""
    from lbp_prognosis.survival import kaplan_meier

    assert page["update"].method != "original"
    observed = 1 - kaplan_meier(page["y_new"]).at(12).value
    assert page["risk_there"].mean() == pytest.approx(observed, abs=0.02)


def test_sentences_of_the_sample(page):
    assert any("24" in sentence for sentence in page["enough"].sentences)
