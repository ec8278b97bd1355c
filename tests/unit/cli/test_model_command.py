"""``lbp-prognosis model`` and ``predict``: from a study to a file, an equation, a page and risks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from command import call
from syn import syn

from lbp_prognosis.disclosure import ReleaseLedger

STUDY = """
title = "Recovery"
[table]
wide = "registry.csv"
time = "months"
event = "status"
causes = { recovery = 1 }
[outcome]
name = "recovery"
definition = "pain of at most 2 of 10"
polarity = "good"
time_zero = "first visit"
unit = "months"
horizons = [12]
primary_horizon = 12
[modalities]
clinical = ["age", "pain", "leg"]
[[model]]
name = "clinical"
kind = "cox"
modalities = ["clinical"]
[[model]]
name = "null"
kind = "null"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    cohort = syn(n=240)
    table = pd.DataFrame({"age": np.round(50 + 12 * cohort["c1"], 1), "pain": np.round(5 + 2 * cohort["p1"])})
    table["leg"] = np.array(["none", "below knee"])[cohort["site"] % 2]
    table = table.assign(months=cohort["time"].round(1) + 0.1, status=cohort["event"])
    table.to_csv(tmp_path / "registry.csv", index=False)
    table.drop(columns=["months", "status"]).head(12).assign(patient_id=[f"p{k}" for k in range(12)]).to_csv(
        tmp_path / "new.csv", index=False
    )
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_a_study_to_risks(folder, capsys, monkeypatch):
    def run(*words):
        return call(capsys, monkeypatch, *words)

    chain = ("--ledger", "v.jsonl", "--actor", "A")
    made = run("model", "save", "study.toml", "-o", "m.lbpm", "--reason", "first", *chain)
    assert made.status == 0, made.err
    digest = made.out.split("sha256 ")[1].split()[0]
    assert "Locking moved risks of synthetic patients by at most" in made.out
    assert run("model", "verify", "m.lbpm", "--sha256", digest).status == 0
    assert run("model", "verify", "m.lbpm", "--sha256", "0" * 64).status == 1
    shown = run("model", "show", "m.lbpm")
    assert "first" in shown.out
    assert "one of below knee, none" in shown.out
    assert run("model", "save", "study.toml", "-o", "n.lbpm", "--reason", "second", "--ledger", "v.jsonl").status == 0
    assert "reason" in run("model", "diff", "m.lbpm", "n.lbpm").out
    assert "the same" in run("model", "diff", "m.lbpm", "m.lbpm").out
    assert "chain of 2 versions is whole" in run("model", "ledger", "v.jsonl").out
    assert "first  ->  second" in run("model", "ledger", "v.jsonl", "--diff", "1,2").out
    done = run("predict", "m.lbpm", "new.csv", "-o", "risks.csv", "--horizon", "12", "--keep", "patient_id")
    assert done.status == 0, done.err
    risks = pd.read_csv(folder / "risks.csv")
    assert risks["patient_id"].tolist() == [f"p{k}" for k in range(12)]
    assert risks["risk_12"].between(0, 1).all()
    (folder / "m.lbpm").write_bytes((folder / "m.lbpm").read_bytes()[:-7])
    broken = run("predict", "m.lbpm", "new.csv", "-o", "risks2.csv")
    assert broken.status == 1
    assert "no whole model file" in broken.err
    assert not (folder / "risks2.csv").exists()


def test_exports(folder, capsys, monkeypatch):
    def run(*words):
        return call(capsys, monkeypatch, *words)

    assert run("model", "save", "study.toml", "-o", "m.lbpm", "--reason", "first").status == 0
    for to in ("r", "stata", "excel", "js", "latex", "text", "json"):
        done = run("model", "export", "m.lbpm", "--to", to, "-o", f"m.{to}", "--horizon", "12", "--unit", "months")
        assert done.status == 0, done.err
        assert (folder / f"m.{to}").stat().st_size > 200
    page = ("model", "export", "m.lbpm", "--to", "html", "-o", "m.html", "--horizon", "12")
    assert run(*page).status == 2  # no intended use
    told = ("--purpose", "a", "--population", "b", "--outcome", "recovered", "--version", "1")
    assert run(*page, *told).status == 2  # no external validation and no reason
    assert run(*page, *told, "--unvalidated-reason", "none yet").status == 0
    assert "Research use, not for care" in (folder / "m.html").read_text(encoding="utf-8")
    assert run("model", "export", "m.lbpm", "--to", "word", "-o", "m.docx").status == 2
    wrong = run("model", "save", "study.toml", "-o", "x.lbpm", "--reason", "x", "--model", "nobody")
    assert wrong.status == 2
    assert not (folder / "x.lbpm").exists()


def test_card(folder, capsys, monkeypatch):
    def run(*words):
        return call(capsys, monkeypatch, *words)

    assert run("model", "save", "study.toml", "-o", "m.lbpm", "--reason", "first").status == 0
    told = ("--purpose", "a", "--population", "b", "--outcome", "recovered", "--version", "1")
    done = run("model", "card", "m.lbpm", "-o", "card.html", *told, "--limitation", "Few women.", "--unit", "months")
    assert done.status == 0, done.err
    assert done.out.splitlines()[:2] == [
        "Research use, not for care.",
        "Not validated in other patients: no validation was given.",
    ]
    page = (folder / "card.html").read_text(encoding="utf-8")
    assert "<p>Few women.</p>" in page
    assert "<script" not in page
    assert run("run", "study.toml", "-o", "out", "--forms", "forms", "--quiet").status == 0
    assert "<h1>PROBAST+AI: Recovery – clinical</h1>" in (folder / "forms" / "probast_ai.html").read_text("utf-8")
    results = ("--results", "out/results.parquet", "--model", "clinical", "--horizon", "12")
    done = run("model", "card", "m.lbpm", "-o", "card.md", *told, *results)
    assert done.status == 0, done.err
    assert "| AUC | 12 |" in (folder / "card.md").read_text(encoding="utf-8")
    assert "Not validated in other patients: internal" in done.out
    assert run("model", "card", "m.lbpm", "-o", "card.pdf", *told).status == 2
    mistyped = run("model", "card", "m.lbpm", "-o", "card.md", *told, "--threshold", "0.2;0.4")
    assert mistyped.status == 2
    assert mistyped.err.startswith("Not accepted: `threshold` must be numbers with commas between them")
    assert run("model", "card", "m.lbpm", "-o", "card.md", "--purpose", "a").status == 2
    assert run("model", "card", "m.lbpm", "-o", "card.md", *told, "--results", "registry.csv").status == 1


def test_a_card_shows_the_external_validation(folder, capsys, monkeypatch):
    """Risks of a file for patients of another hospital, judged there, stand on the card."""

    def run(*words):
        return call(capsys, monkeypatch, *words)

    assert run("model", "save", "study.toml", "-o", "m.lbpm", "--reason", "first").status == 0
    other = syn(n=200, seed=7)
    table = pd.DataFrame({"age": np.round(50 + 12 * other["c1"], 1), "pain": np.round(5 + 2 * other["p1"])})
    table["leg"] = np.array(["none", "below knee"])[other["site"] % 2]
    table.assign(months=other["time"] + 0.1, status=other["event"]).to_csv("other.csv", index=False)
    keep = ("--keep", "months,status")
    done = run("predict", "m.lbpm", "other.csv", "-o", "risks.csv", "--horizon", "12", *keep)
    assert done.status == 0, done.err
    judged = ("--risk", "risk_12", "--horizon", "12", "--time", "months", "--event", "status", "--quiet")
    done = run("evaluate", "risks.csv", *judged, "--sample", "external", "--setting", "geographic", "-o", "there")
    assert done.status == 0, done.err
    told = ("--purpose", "a", "--population", "b", "--outcome", "recovered", "--version", "1", "--model", "clinical")
    files = ("--results", "there/results.parquet", "--results", "there/results.parquet")
    done = run("model", "card", "m.lbpm", "-o", "card.md", *told, *files, "--horizon", "12")
    assert done.status == 0, done.err
    assert "Not validated in other patients" not in done.out
    assert "external, geographic" in (folder / "card.md").read_text(encoding="utf-8")
    html = ("model", "export", "m.lbpm", "--to", "html", "-o", "page.html", "--horizon", "12", *told)
    done = run(*html)
    assert done.status == 2
    assert "unvalidated" in done.err
    done = run(*html, "--results", "there/results.parquet")
    assert done.status == 0, done.err
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "external, geographic, there named risk_12" in page
    assert "has not been validated" not in page
    both = pd.read_parquet("there/results.parquet")
    pd.concat([both, both.assign(setting="temporal")]).to_parquet("both.parquet")
    done = run(*html, "--results", "both.parquet")
    assert done.status == 2
    assert "of one external sample" in done.err


def test_a_patient_who_withdraws(folder, capsys, monkeypatch):
    """The study's ledger knows on whom a model was trained; the next one is fitted without the patient."""

    def save(name, *more):
        return call(capsys, monkeypatch, "model", "save", "study.toml", "-o", name, "--reason", "r", *more)

    (folder / "gone.txt").write_text("p7\n", encoding="utf-8")
    assert save("x.lbpm", "--exclude", "gone.txt").status == 2  # no column names the patients
    assert not (folder / "x.lbpm").exists()
    table = pd.read_csv("registry.csv")
    table.insert(0, "id", [f"p{k}" for k in range(len(table))])
    table.to_csv("registry.csv", index=False)
    named = STUDY.replace("[table]", '[table]\nid = "id"') + '[page]\nrelease_ledger = "l.json"\n'
    (folder / "study.toml").write_text(named, encoding="utf-8")
    assert save("a.lbpm").status == 0
    second = save("b.lbpm", "--exclude", "gone.txt")
    assert second.status == 0, second.err
    assert "ledger trained with a withdrawn patient, to be refitted: clinical (a.lbpm)\n" in second.out
    assert "in no row" not in second.out
    ledger = ReleaseLedger("l.json")
    assert ledger.trained_with(["p8"]) == ("clinical (a.lbpm)", "clinical (b.lbpm)")
    (folder / "gone.txt").write_text("p7\nq7\n", encoding="utf-8")
    assert "in no row of the table" in save("c.lbpm", "--exclude", "gone.txt").out
    (folder / "l.json").write_text("{", encoding="utf-8")
    assert save("d.lbpm").status == 1
    assert not (folder / "d.lbpm").exists()
