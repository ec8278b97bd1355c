"""TRIPOD+AI from a run, and all forms of a study in one folder; what leaves has no number that the page has not."""

from __future__ import annotations

import dataclasses
import importlib
import os
import pkgutil
import re
import types

import numpy as np
import pandas as pd
import pytest

import lbp_prognosis.report
from lbp_prognosis.cohort import Flow
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.report import (
    methods_sentences,
    probast_ai,
    released_page,
    render_page,
    results_sentences,
    tripod_ai,
    tripod_ai_answers,
    write_forms,
)
from lbp_prognosis.report._blocks import Picture
from lbp_prognosis.report._probast_checks import measures
from tests.hostile.small_studies import KINDS, small_study


@pytest.fixture
def found(reported):
    return reported


def test_items_are_answered_by_the_run(found) -> None:
    form = tripod_ai(found)
    frame = form.to_frame().set_index("item")
    assert list(form.to_frame().columns) == ["item", "section", "text", "answer", "filled"]
    filled = set(frame.index[frame["filled"]])
    assert filled >= set("6c 7 8a 9b 10 11 12a 12b 12c 12e 12g 13 15 18c 20a 20b 21 23a 26 27a".split())
    assert not filled & {"1", "2", "3a", "5a", "17", "18a", "18b", "19", "25", "27b", "12d", "23b"}  # no sites here
    results = results_sentences(found).paragraphs
    assert results["Calibration"] in frame.loc["23a", "answer"]
    assert frame.loc["11", "answer"] == methods_sentences(found).paragraphs["Missing data"]
    assert "5 candidate parameters" in frame.loc["10", "answer"]
    assert frame.loc["15", "answer"].endswith("Thresholds 0.3 to 0.6, main 0.4: Half a day of training is cheap.")
    assert form.to_html().count("for the authors") >= len(frame) - len(filled)
    assert repr(form).endswith(f"{len(filled)} of {len(frame)} items have an answer>")


def test_forms_in_a_folder(found, tmp_path) -> None:
    pytest.importorskip("docx")
    made = write_forms(found, tmp_path / "a")
    assert [path.name for path in made] == [
        f"{name}.{kind}" for name in ("probast_ai", "tripod_ai", "methods", "results") for kind in ("docx", "html")
    ]
    again = write_forms(found.page(), tmp_path / "b")
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in again]
    assert all("Not for release" in path.read_text(encoding="utf-8") for path in made if path.suffix == ".html")
    if os.name == "posix":
        assert {path.stat().st_mode & 0o777 for path in made} == {0o600}


def _numbers(text: str) -> set[str]:
    return {n.replace(",", "") for n in re.findall(r"\d[\d,]*(?:\.\d+)?", text.replace("−", "-"))}


@pytest.fixture
def without_pictures(monkeypatch) -> None:
    """Leave out what is drawn; the words beside it stay."""

    def named(draw, *, alt: str, caption: str, wide: bool = False, **_) -> Picture:
        return Picture("data:,", alt, caption, wide)

    for info in pkgutil.iter_modules(lbp_prognosis.report.__path__):
        module = importlib.import_module(f"lbp_prognosis.report.{info.name}")
        if info.name.startswith("_section") and hasattr(module, "figure"):
            monkeypatch.setattr(module, "figure", named)


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_leaves_that_is_not_on_the_page(kind, without_pictures) -> None:
    """Counts and estimates of the forms stand on the released page; shares and differences of them are left aside."""
    page = released_page(dataclasses.replace(small_study(1, kind, n=200).page, gate=Gate(5)))
    assert page.release is not None
    assert not page.release.insufficient
    on_page = _numbers(render_page(page))
    forms = (probast_ai(page), tripod_ai(page), results_sentences(page))
    said = [*forms[0].to_frame()["fact"], *forms[1].to_frame()["answer"], forms[2].text]
    assert any(f"{page.evaluation.n}" in text for text in said)
    for text in said:
        plain = re.sub(r"optimism .*?\d\.\d{3}|The optimism of .*?”\.|\(\d+ %\)", "", text)
        told = {number for number in _numbers(plain) if float(number) not in (0, 1, 95)}
        assert told <= on_page, (text, told - on_page)


def test_exclusions_of_nobody_are_not_told(found) -> None:
    steps = [("start", "asked", 12), ("excluded", "too young", 0), ("excluded", "declined", 2), ("end", "analysed", 10)]
    flow = Flow(pd.DataFrame(steps, columns=["kind", "step", "n"]).assign(patients=pd.array([None] * 4, dtype="Int64")))
    said = results_sentences(dataclasses.replace(found.page(), flow=flow)).text
    assert "Of 12 patients, 10 were analysed. Excluded were 2 (declined)." in said


def test_what_a_new_patient_gets_is_told_where_something_is_imputed(found) -> None:
    page = found.page()
    asked = "Missing predictors of a new patient are imputed from the others, without the outcome."
    assert tripod_ai(page).to_frame().set_index("item").loc["27a", "answer"] == asked
    complete = dataclasses.replace(page, columns=page.columns.assign(n_missing=0))
    assert tripod_ai(complete).to_frame().set_index("item").loc["27a", "answer"] == ""


def test_what_the_test_of_association_kept_is_told_where_there_is_one(found) -> None:
    page = found.page()
    retest = {"columns": ["fat"], "external": False, "confidence": 0.95, "form": "ICC(2,1)", "tables": [1, 2]}
    study = page.provenance["study"] | {"retest": retest | {"minimum": 0.75}}
    page = dataclasses.replace(page, provenance={**page.provenance, "study": study})
    kept = "The test of association kept all of them."
    assert page.association is not None
    assert kept in methods_sentences(page).text
    assert kept not in methods_sentences(dataclasses.replace(page, association=None)).text


@pytest.mark.parametrize(
    ("low", "high", "answer"), [([0.1, np.nan], [0.2, np.nan], "yes"), ([0.1, 0.1], [np.nan] * 2, "probably no")]
)
def test_one_threshold_with_an_interval_judges_net_benefit(found, low, high, answer) -> None:
    """The other models and horizons do not count."""
    page = found.page()
    model, other = page.evaluation.models
    curve = types.SimpleNamespace(
        models=(other, model),
        horizons=np.array([6.0, 12.0]),
        thresholds=np.array([0.3, 0.4]),
        low=np.array([[[0.0, 0.0]] * 2, [[0.0, 0.0], low]]),
        high=np.array([[[1.0, 1.0]] * 2, [[1.0, 1.0], high]]),
    )
    told = measures(dataclasses.replace(page.evaluation, decision=curve), model, 12.0, "Here")
    assert told.suggested == answer


def test_numbers_of_an_evaluation_are_its_own_and_known(found) -> None:
    """The first two dozen: neither differences of models nor measures that are not read, nor those without a value."""
    evaluation = found.page().evaluation
    frame = evaluation.to_frame()
    shown = ["crps", "concordance", "auc", "ipa", "observed_expected", "calibration_slope", "net_benefit"]
    assert frame["reference"].fillna("").ne("").any()
    assert not frame["metric"].isin(shown).all()
    own = frame[frame["reference"].fillna("").eq("") & frame["metric"].isin(shown) & frame["value"].notna()]
    told = tripod_ai_answers([evaluation]).set_index("item").loc["23a", "answer"]
    for row in own.head(24).to_dict("records"):
        assert f"{row['model']}: {row['metric']}" in told
        assert f" {row['value']:.3f}" in told
    assert told.count("Evaluation, ") == 24 < len(own)
    assert "brier" not in told
    assert "nan" not in told
