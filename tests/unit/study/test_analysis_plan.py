"""The plan before the data, and what was done in another way afterwards."""

from __future__ import annotations

import dataclasses

import pytest
from command import call

from lbp_prognosis._base import ArgumentError, objection
from lbp_prognosis.study import Study, analysis_plan, deviations
from lbp_prognosis.study._protocol_fields import protocol_fields, shown_value
from tests.reported_study import study
from tests.unit.study.test_movement import PROTOCOL

TOML = """
title = "Recovery"
[table]
wide = "w.csv"
time = "months"
event = "status"
[outcome]
name = "recovery"
definition = "Pain gone"
polarity = "good"
time_zero = "visit"
unit = "months"
horizons = [12]
[modalities]
clinical = ["age"]
[[model]]
name = "clinical"
kind = "cox"
modalities = ["clinical"]
"""


@pytest.fixture
def found(reported):
    return reported


def test_a_plan_reads_no_data_and_says_every_field(tmp_path) -> None:
    protocol = study(tmp_path)  # where no table lies
    plan = analysis_plan(protocol)
    assert plan.sha256 == protocol.spec_hash
    text = plan.to_html()
    assert protocol.spec_hash in text
    for path, value in protocol_fields(protocol.to_dict()).items():
        assert f'<td data-head="field">{path}</td><td data-head="value">{_escaped(shown_value(value))}</td>' in text
    for words in (
        "models of the risk of recovery by 12 months after first visit",
        "To estimate what &#x27;with imaging&#x27; adds to &#x27;clinical&#x27;.",
        "cox of clinical, imaging; splines of age (4 knots); 2 imputations where values are missing",
        "4-fold cross-validation, repeats: 1.",
        "Net benefit at thresholds from 0.3 to 0.6 in steps of 0.1, main 0.4: Half a day of training is cheap.",
        "Which columns measure the clinical minimum of the comparator.",
    ):
        assert words in text, words
    assert text == analysis_plan(study(tmp_path / "elsewhere")).to_html()


def _escaped(text: str) -> str:
    return text.replace("'", "&#x27;")


def test_what_a_protocol_does_not_say_is_named(tmp_path) -> None:
    (tmp_path / "study.toml").write_text(TOML, encoding="utf-8")
    text = analysis_plan(Study.from_toml(tmp_path / "study.toml")).to_markdown()
    for words in ("Whether this was declared before", "How treatment during follow-up", "Thresholds of a decision"):
        assert f"\n{words}" in text
    assert "Which comparison" not in text


def test_formulas_and_movement_are_said(tmp_path) -> None:
    told = TOML.replace('kind = "cox"', 'kind = "cox"\nformula = "rcs(age, 4)"')
    (tmp_path / "study.toml").write_text(told, encoding="utf-8")
    assert (
        "| cox of clinical, as rcs(age, 4); as many"
        in analysis_plan(Study.from_toml(tmp_path / "study.toml")).to_markdown()
    )
    technical = [
        {"measure": "flexion_rom", "table": "motion"},
        {"measure": "gait_speed", "table": "motion", "between": "sessions", "days": 7.0},
        {"measure": "pfirrmann", "readers": ["a", "b"]},
    ]
    text = analysis_plan(Study.from_dict({**PROTOCOL, "technical": technical})).to_markdown()
    assert "Trials of movement become values of sessions by summary: sorensen\\_time = best." in text
    for words in ("2 trials of one session", "2 sessions within 7 days", "the readings by a, b"):
        assert f"repeatability of {words} |" in text


def test_values_that_differ_are_shown_apart() -> None:
    assert [shown_value(value) for value in (0.1, 6.0, 0.12345671, 0.12345672, 1234567.0, 3)] == [
        "0.1",
        "6",
        "0.12345671",
        "0.12345672",
        "1234567.0",
        "3",
    ]


def test_a_protocol_without_later_additions_keeps_its_digest() -> None:
    registered = {key: value for key, value in PROTOCOL.items() if key != "biomechanics"}
    readings = [{"measure": "pfirrmann", "readers": ["a", "b"]}]
    found = Study.from_dict({**registered, "technical": readings}).to_dict()
    assert "biomechanics" not in found
    assert list(found["technical"][0]) == ["measure", "readers", "structure", "levels", "name"]
    movement = Study.from_dict({**PROTOCOL, "technical": [{"measure": "flexion_rom", "table": "motion"}]}).to_dict()
    assert movement["technical"][0]["repeats"] == 2
    assert movement["biomechanics"] == PROTOCOL["biomechanics"]


def test_the_same_protocol_has_no_deviation(found) -> None:
    plan = analysis_plan(found.study)
    none = deviations(plan, found)
    assert none.to_frame().empty
    assert "all of it could be done" in none.to_markdown()
    assert none.planned == none.ran == plan.sha256


def test_every_changed_field_is_a_row(tmp_path, found) -> None:
    first = found.study
    second = study(
        tmp_path,
        seed=4,
        validation={"folds": 5},
        outcome={"horizons": [6, 9, 12]},
        transform={"sqrt": ["fat"]},
        model=[{"name": "clinical", "kind": "cox", "modalities": ["clinical"], "splines": {"age": 3}}],
        comparison=None,
        page={"mode": "release"},
    )
    made = deviations(first, second, reasons={"seed": "The registry's seed."})
    frame = made.to_frame().set_index("field")
    assert frame.loc["seed"].tolist() == ["analysis", "3", "4", "The registry's seed."]
    assert frame.loc["validation.folds", ["planned", "run"]].tolist() == ["4", "5"]
    assert frame.loc["outcome.horizons", ["planned", "run"]].tolist() == ["6, 12", "6, 9, 12"]
    assert frame.loc["transform.sqrt", ["planned", "run"]].tolist() == ["not in the protocol", "fat"]
    assert "transform" not in frame.index
    assert frame.loc["models (order)", ["planned", "run"]].tolist() == ["clinical, with imaging", "clinical"]
    assert frame.loc["models[clinical].splines.age", "run"] == "3"
    assert frame.loc["models[with imaging].kind", "run"] == "not in the protocol"
    assert frame.loc["page.mode"].tolist() == ["page", "–", "release", ""]
    assert "needs a reason" in made.to_markdown()
    assert made.planned != made.ran


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 9},
        {"prespecified": False},
        {"decision": {"rationale": "Other"}},
        {"criteria": {"slope_low": 0.9}},
        {"clinical_minimum": {"age": "age"}},
        {"table": {"where": {"age": [40, 50]}}},
        {"model": list(reversed(study(".").to_dict()["models"]))},
    ],
)
def test_another_digest_is_at_least_a_row(tmp_path, change) -> None:
    first = study(tmp_path)
    if "model" in change:
        plans = [{k: v for k, v in plan.items() if k != "iterations"} | {"iterations": 2} for plan in change["model"]]
        change = {"model": plans}
    second = study(tmp_path, **change)
    assert first.spec_hash != second.spec_hash
    assert len(deviations(first, second).to_frame()) >= 1


def test_what_could_not_be_done_is_a_row(found) -> None:
    doubt = objection("no-association-test", reason="too few events.")
    failed = dataclasses.replace(found, objections=(doubt,))
    made = deviations(found.study, failed)
    assert made.to_frame().values.tolist() == [["run", "no-association-test", "as in the plan", doubt.sentence, ""]]
    assert "Not for release" in made.to_html()


def test_what_is_refused(tmp_path, found) -> None:
    with pytest.raises(ArgumentError, match="expect_sha256|plan"):
        deviations(found.study, found, expect_sha256="0" * 64)
    with pytest.raises(ArgumentError, match="reasons"):
        deviations(found.study, found, reasons={"seed": "x"})
    with pytest.raises(ArgumentError, match="result"):
        deviations(found.study, found.evaluation)
    with pytest.raises(ArgumentError, match="study"):
        analysis_plan("study.toml")


def test_command_line(tmp_path, capsys, monkeypatch) -> None:
    pytest.importorskip("docx")
    (tmp_path / "study.toml").write_text(TOML, encoding="utf-8")
    (tmp_path / "ran.toml").write_text("seed = 7\n" + TOML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    digest = Study.from_toml("study.toml").spec_hash
    for name in ("plan.docx", "plan.html", "plan.md"):
        done = call(capsys, monkeypatch, "plan", "study.toml", "-o", name)
        assert done.status == 0, done.err
        assert done.out.splitlines()[0] == f"Protocol sha256 {digest}"
    first = (tmp_path / "plan.docx").read_bytes()
    call(capsys, monkeypatch, "plan", "study.toml", "-o", "again.docx")
    assert (tmp_path / "again.docx").read_bytes() == first
    done = call(capsys, monkeypatch, "plan", "study.toml", "--against", "ran.toml", "-o", "d.md")
    assert "Deviations: 1" in done.out
    assert "| seed | analysis | 1 | 7 | needs a reason |" in (tmp_path / "d.md").read_text(encoding="utf-8")
    assert call(capsys, monkeypatch, "plan", "study.toml", "-o", "plan.pdf").status == 2
    assert call(capsys, monkeypatch, "plan", "nothing.toml", "-o", "plan.md").status == 1
