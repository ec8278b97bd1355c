"""Malformed packages, tables and studies at the command line: words and a status, never a traceback."""

import json
import re

import pandas as pd
import pytest
from command import call
from hostile.cases import PACKAGES, WIDE_TABLES, PackageCase
from hostile.markers import marked, shown

from lbp_prognosis import schema
from lbp_prognosis._base import DataError
from lbp_prognosis.schema import validate_package

EVALUATE = ("--time", "time", "--event", "event", "--risk", "risk", "--horizon", "6", "--quiet")


STAYS = "Not for release: failures name rows of single patients."


def assert_plain(called, *before):
    """One line says what is wrong, after the lines that are expected before it and no other."""
    assert "Traceback" not in called.out + called.err
    assert "<script>" not in called.err or "\x1b" not in called.err
    lines = called.err.strip().splitlines()
    assert lines[:-1] == list(before), called.err
    assert lines[-1] not in (*before, STAYS), called.err


@pytest.mark.parametrize("case", PACKAGES, ids=lambda case: case.name)
def test_malformed_package(case, tmp_path, capsys, monkeypatch):
    """What the library finds, what the verb says of it, and that neither prints a value of a patient."""
    folder, listed = case.write(tmp_path / "package"), tmp_path / "failures.csv"
    cells = marked(folder)
    reports = []

    def validated(source, **options):
        reports.append(validate_package(source, **options))
        return reports[-1]

    monkeypatch.setattr(schema, "validate_package", validated)
    called = call(capsys, monkeypatch, "validate", folder, "--failures", listed)
    assert called.status == 1
    assert_plain(called, STAYS)
    assert "reason" in called.out
    assert case.reason in set(pd.read_csv(listed)["reason"])
    (report,) = reports
    found = report.failures
    assert set(found["reason"]) <= set(schema.REASONS)
    assert found["message"].str.len().gt(0).all()
    named = found[found["reason"].eq(case.reason)]
    assert len(named), found.to_string()
    if case.field:
        assert case.field in set(named["field"]), found.to_string()
    with pytest.raises(DataError) as raised:
        report.raise_if_failed()
    assert raised.value.failures is found
    assert "<script>" not in report._repr_html_()
    said = [str(raised.value), repr(report), report._repr_html_(), report.codings().to_string()]
    said += [schema.without_values(found).to_string(), *report.notes["note"], called.out, called.err]
    assert shown(cells, "\n".join(said)) == []


def test_a_valid_package_is_echoed(tmp_path, capsys, monkeypatch):
    called = call(capsys, monkeypatch, "validate", PackageCase("nothing", "", {}).write(tmp_path))
    assert called.status == 0
    assert "valid" in called.out
    assert "kg" in called.out


@pytest.mark.parametrize("case", WIDE_TABLES, ids=lambda case: case.name)
def test_malformed_predictions(case, tmp_path, capsys, monkeypatch):
    called = call(capsys, monkeypatch, "evaluate", case.write(tmp_path), *EVALUATE, "-o", tmp_path / "out")
    assert called.status in (1, 2)
    assert_plain(called)
    assert not (tmp_path / "out" / "evidence.html").exists()


@pytest.mark.parametrize("case", WIDE_TABLES, ids=lambda case: case.name)
def test_malformed_wide_table_of_a_study(case, tmp_path, capsys, monkeypatch):
    path = case.write(tmp_path)
    study = tmp_path / "study.toml"
    study.write_text(
        f'title = "t"\n[table]\nwide = "{path.name}"\ntime = "time"\nevent = "event"\n'
        '[outcome]\nname = "e"\ndefinition = "d"\npolarity = "bad"\ntime_zero = "z"\nunit = "months"\nhorizons = [6]\n'
        '[modalities]\nclinical = ["risk"]\n[[model]]\nname = "m"\nkind = "cox"\nmodalities = ["clinical"]\n'
        "[validation]\nfolds = 2\nrepeats = 1\n"
    )
    called = call(capsys, monkeypatch, "run", study, "--quiet", "--jobs", 1, "-o", tmp_path / "out")
    assert called.status in (1, 2)
    assert_plain(called)


STUDY = {
    "title": "t",
    "table": {"wide": "w.csv", "time": "time", "event": "event"},
    "outcome": {"name": "e", "definition": "d", "polarity": "bad", "time_zero": "z", "unit": "months", "horizons": [6]},
    "modalities": {"clinical": ["x"]},
    "model": [{"name": "m", "kind": "cox", "modalities": ["clinical"]}],
    "validation": {"folds": 2, "repeats": 1},
}


def toml(value):
    """Write what tomllib reads; enough for these cases."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"title": None}, 2, "title"),
        ({"surprise": 1}, 2, "surprise"),
        ({"table": {"wide": "nowhere.csv", "time": "time", "event": "event"}}, 1, "not there"),
        ({"table": {"wide": "../" * 16 + "etc/passwd", "time": "time", "event": "event"}}, 2, "known format"),
        ({"table": {"wide": "w\u0000.csv", "time": "time", "event": "event"}}, 1, "NUL"),
        ({"table": {"wide": "w.csv", "time": "time"}}, 2, "status"),
        ({"table": {"wide": "w.csv", "time": "months", "event": "event"}}, 1, "no column 'months'"),
        ({"table": {"wide": "w.csv", "time": "time", "event": "event", "id": "g"}}, 1, "each patient once"),
        ({"table": "w.csv"}, 2, "study"),
        ({"modalities": {"clinical": ["nobody"]}}, 1, "nobody"),
        ({"modalities": {"clinical": ["x", "time"]}}, 2, "outcome"),
        ({"modalities": {"clinical": ["words"]}}, 1, "different words"),
        ({"modalities": {"clinical": ["seen"]}}, 1, "dates as text"),
        ({"modalities": {}}, 2, "modalities"),
        ({"model": [{"name": "m", "kind": "oracle", "modalities": ["clinical"]}]}, 2, "oracle"),
        ({"model": [{"name": "m", "kind": "cox", "modalities": ["imaging"]}]}, 2, "imaging"),
        ({"model": [{"name": "m", "kind": "cox", "modalities": ["clinical"], "options": {"magic": 1}}]}, 2, "magic"),
        ({"model": []}, 2, "model"),
        ({"model": {"name": "m", "kind": "cox"}}, 2, r"\[\[model\]\]"),
        ({"comparison": {"clinical": "m"}}, 2, "comparison"),
        ({"comparison": {"clinical": "m", "extended": "n"}}, 2, "comparison"),
        ({"decision": {"low": 0.2, "high": 0.5, "primary": 0.3}}, 2, "rationale"),
        ({"decision": {"low": 0.5, "high": 0.2, "primary": 0.3, "rationale": "r"}}, 2, "high"),
        ({"outcome": {**STUDY["outcome"], "horizons": [600]}}, 1, "No patient was followed"),
        ({"outcome": {**STUDY["outcome"], "horizons": [0.01]}}, 1, "one unit|another unit"),
        ({"outcome": {**STUDY["outcome"], "polarity": "ugly"}}, 2, "polarity"),
        ({"outcome": {**STUDY["outcome"], "schedule": [3, 6]}}, 2, "schedule"),
        ({"validation": {"folds": 1}}, 2, "folds"),
        ({"validation": {"folds": 2, "repeats": 1, "sites": True}}, 2, "sites"),
        ({"seed": "many"}, 2, "seed|many"),
        ({"transform": {"log": ["x"]}}, 1, "log"),
        ({"transform": {"exp": ["x"]}}, 2, "exp"),
        ({"clinical_minimum": {"mood": "x"}}, 2, "mood"),
        ({"page": {"colour": "red"}}, 2, "colour"),
        ({"technical": [{"measure": "pfirrmann", "readers": ["a", "b"]}]}, 2, "wide table"),
        ({"technical": {"measure": "pfirrmann"}}, 2, r"\[\[technical\]\]"),
        ({"technical": [{"measure": "pfirrmann", "readers": "a"}]}, 2, "readers"),
        ({"diagnostic": [{"measure": "pfirrmann", "reference": "a", "positive": "high"}]}, 2, "positive"),
        ({"diagnostic": ["pfirrmann"]}, 2, "diagnostic"),
        ({"table": {"wide": "w.csv", "time": "time", "event": "event", "encoding": "klingon"}}, 1, "unknown"),
        ({"table": {"wide": "w.csv", "time": "time", "event": "event", "delimiter": "ab"}}, 2, "delimiter"),
        ({"table": {"wide": "w.csv", "time": "time", "event": "event", "sheet": 3}}, 2, "table.sheet"),
        ({"table": {"wide": "w.csv", "time": "time", "event": "event", "sheet": "data"}}, 2, "workbook"),
    ],
    ids=lambda value: re.sub(r"\W+", " ", str(value))[:50],
)
def test_malformed_study(change, status, words, tmp_path, capsys, monkeypatch):
    n = 60
    frame = pd.DataFrame(
        {
            "time": [1 + i % 20 for i in range(n)],
            "event": [i % 2 for i in range(n)],
            "x": [(i * 7) % 11 - 5 for i in range(n)],
            "g": [i // 2 for i in range(n)],
            "words": [f"text {i}" for i in range(n)],
            "seen": [f"2019-06-{1 + i % 28:02d}" for i in range(n)],
        }
    )
    frame.to_csv(tmp_path / "w.csv", index=False)
    table = {key: value for key, value in {**STUDY, **change}.items() if value is not None}
    path = tmp_path / "study.toml"
    path.write_text("\n".join(f"{key} = {toml(value)}" for key, value in table.items()), encoding="utf-8")
    called = call(capsys, monkeypatch, "run", path, "--quiet", "--jobs", 1, "-o", tmp_path / "out")
    assert called.status == status, called.err
    assert re.search(words, called.err), called.err
    assert_plain(called)


@pytest.mark.parametrize("content", [b"", b"title = ", b"\xff\xfe\x00", b'title = "t"\n[[model]]\n[model]\n'])
def test_files_that_are_no_study(content, tmp_path, capsys, monkeypatch):
    path = tmp_path / "study.toml"
    path.write_bytes(content)
    called = call(capsys, monkeypatch, "run", path)
    assert called.status in (1, 2)
    assert_plain(called)
    assert call(capsys, monkeypatch, "run", tmp_path / "nowhere.toml").status == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("fly",),
        ("run",),
        ("evaluate", "x.csv"),
        ("--fly",),
        ("demo", "--patients", "3"),
        ("schema", "nobody"),
        ("evaluate", "x.csv", "--risk", "r", "--horizon", "six"),
    ],
)
def test_calls_that_are_not_accepted(arguments, capsys, monkeypatch):
    called = call(capsys, monkeypatch, *arguments)
    assert called.status == 2
    assert "Traceback" not in called.err


def test_names_are_never_markup(tmp_path, capsys, monkeypatch):
    """A column named like markup of the terminal or of a page is printed as it is."""
    (tmp_path / "t.csv").write_text("[red]a[/red],<script>x</script>\n1,2\n3,4\n")
    called = call(capsys, monkeypatch, "validate", tmp_path / "t.csv")
    assert called.status == 0
    assert "[red]a[/red]" in called.out
