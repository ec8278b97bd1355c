"""Every verb of the command line, end to end."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from command import call

from lbp_prognosis import __version__


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Folder of a small demonstration, run once, in a process of its own."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from lbp_prognosis.cli import main; main()",
            "demo",
            "--patients",
            "600",
            "-o",
            str(folder),
            "--jobs",
            "1",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, done


def test_demo_prints_five_numbers_and_where_the_page_lies(demo):
    folder, done = demo
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stdout.splitlines() if re.search(r"-?\d\.\d{3} │ +-?\d\.\d{3} to -?\d\.\d{3}", line)]
    assert len(lines) == 5
    for words in ("AUC at 12 months, clinical ", "clinical + imaging", "ΔIPA", "O/E", "Δ net benefit"):
        assert words in done.stdout
    assert "out of fold" in done.stdout
    assert "Simulated data" in done.stdout
    assert str(folder / "evidence.html") in done.stdout.replace("\n", "")


def test_demo_folder(demo):
    folder, _ = demo
    page = (folder / "evidence.html").read_text(encoding="utf-8")
    assert "Simulated data. Nothing on this page is evidence about anyone" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page
    assert page.count("data:image/svg+xml;base64,") >= 8
    assert "TreeSHAP" in page
    for anchor in (
        "answer",
        "patients",
        "outcome",
        "discrimination",
        "calibration",
        "decisions",
        "added",
        "sites",
        "explanations",
        "optimism",
        "ladder",
        "doubts",
        "provenance",
    ):
        assert f'id="{anchor}"' in page
    assert 'class="badge supported"' not in page  # simulated data support nothing
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert told["versions"]["lbp_prognosis"] == __version__
    assert len(told["spec_sha256"]) == 64
    assert told["synthetic"] is True
    named = {name.rpartition("/")[2] for name in told["input_sha256"]}  # of the folder of the package
    assert named >= {"patient.csv", "visit.csv", "biomarker.csv", "datapackage.json"}
    results = pd.read_parquet(folder / "results.parquet")
    assert set(results["sample"]) == {"internal", "apparent", "internal-external"}
    assert results["synthetic"].all()
    tables = folder / "tables"
    assert (tables / "tables.docx").stat().st_size > 10_000
    added = pd.read_csv(tables / "added_value.csv")
    assert {"AUC", "Brier score", "IPA", "net benefit at 0.5"} <= set(added["difference in"])


def test_no_small_count_leaves(demo, tmp_path, capsys, monkeypatch):
    """The same study as a page that may leave: counts of 1 to 4 stand in no table, text or file."""
    folder, _ = demo
    assert 'class="unreleased"' in (folder / "evidence.html").read_text(encoding="utf-8")
    out = tmp_path / "leaves"
    ledger = tmp_path / "ledger.json"
    study = tmp_path / "study.toml"  # with fewer fits: what leaves does not depend on how many there are
    protocol = (folder / "study.toml").read_text(encoding="utf-8")
    study.write_text(re.sub(r"repeats = \d+", "repeats = 1", protocol), encoding="utf-8")
    asked = ("--quiet", "--data", folder, "--mode", "release", "--ledger", ledger)
    called = call(capsys, monkeypatch, "run", study, "-o", out, *asked)
    assert called.status == 0, called.err
    assert ledger.exists()
    page = (out / "evidence.html").read_text(encoding="utf-8")
    assert "Every count is 0 or at least 5" in page
    for words in ("Flow of patients: ", "Observed no pain recovery by 12 months", "AUC at 12 months. clinical: "):
        assert re.search(f'<img [^>]*alt="{words}', page), words  # the budget ends before the calibration curves
    for path in (out / "tables").glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if path.stem.startswith("table_one"):
            part = table[table["variable"].str.contains(r"n \(%\)") | table["variable"].eq("patients")]
            rest = [c for c in part.columns if c not in ("variable", "level", "missing", "standardised difference")]
            cells = [*part[rest].to_numpy().ravel()]
        else:
            columns = {"patients", "events", "known in", "missing", "findings", "n"} & set(table.columns)
            cells = table[sorted(columns)].to_numpy().ravel()
            if path.stem in ("evidence_ladder", "release"):
                continue
        for cell in cells:
            count = re.match(r"^\s*(\d+)", str(cell).replace(",", ""))
            assert count is None or int(count.group(1)) == 0 or int(count.group(1)) >= 5, (path.name, cell)
    results = pd.read_parquet(out / "results.parquet")
    assert results[["n", "n_events", "se"]].isna().all(axis=None)
    told = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    assert told["release"] == {"mode": "release", "smallest_cell": 5, "ledger": True}
    assert str(tmp_path) not in json.dumps(told)
    budget = pd.read_csv(out / "tables" / "release_budget.csv")
    assert budget.loc[budget["released"] == "yes", "numbers"].sum() <= 400


def test_same_study_same_bytes(demo, tmp_path, capsys, monkeypatch):
    folder, _ = demo
    called = call(capsys, monkeypatch, "run", folder / "study.toml", "-o", tmp_path, "--quiet", "--jobs", 2)
    assert called.status == 0, called.err
    for name in ("evidence.html", "provenance.json", "tables/discrimination.csv", "tables/attributions.csv"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name
    first, second = (pd.read_parquet(where / "results.parquet") for where in (folder, tmp_path))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_version_needs_nothing(capsys, monkeypatch):
    called = call(capsys, monkeypatch, "--version")
    assert (called.status, called.out) == (0, f"lbp-prognosis {__version__}\n")
    code = (
        "import sys; sys.argv = ['lbp-prognosis', '--version']\nfrom lbp_prognosis.cli import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        "assert not {'typer', 'pandas', 'numpy', 'sklearn'} & set(sys.modules), 'heavy'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_names_the_verbs(capsys, monkeypatch):
    called = call(capsys, monkeypatch, "--help")
    assert called.status == 0
    for verb in ("validate", "run", "evaluate", "demo", "schema"):
        assert verb in called.out


def test_schema(capsys, monkeypatch, tmp_path):
    called = call(capsys, monkeypatch, "schema")
    assert called.status == 0
    assert "biomarker" in called.out
    assert "method_id" in call(capsys, monkeypatch, "schema", "biomarker").out
    assert call(capsys, monkeypatch, "schema", "-o", tmp_path).status == 0
    assert (tmp_path / "patient.json").is_file()


def test_validate_a_study(demo, capsys, monkeypatch):
    folder, _ = demo
    called = call(capsys, monkeypatch, "validate", folder / "study.toml")
    assert called.status == 0, called.err
    assert "pfirrmann__mean" in called.out
    assert "planned visit" in called.out


@pytest.fixture
def predictions(tmp_path):
    rng = np.random.default_rng(3)
    n = 500
    x = rng.normal(size=n)
    event, censor = rng.exponential(20 * np.exp(-x)), rng.uniform(6, 30, n)
    frame = pd.DataFrame(
        {
            "months": np.minimum(event, censor),
            "event": (event <= censor).astype(int),
            "model_a": 1 - np.exp(-np.exp(x) * 12 / 20),
            "<b>model_b</b>": 1 - np.exp(-np.exp(0.5 * x) * 12 / 20),
        }
    )
    path = tmp_path / "predictions.csv"
    frame.to_csv(path, index=False)
    return path, frame


def test_evaluate(predictions, tmp_path, capsys, monkeypatch):
    from lbp_prognosis import Surv, evaluate

    path, frame = predictions
    called = call(
        capsys,
        monkeypatch,
        "evaluate",
        path,
        "--time",
        "months",
        "--event",
        "event",
        "--risk",
        "model_a,<b>model_b</b>",
        "--horizon",
        12,
        "--thresholds",
        "0.1:0.4",
        "--unit",
        "months",
        "-o",
        tmp_path / "out",
        "--quiet",
    )
    assert called.status == 0, called.err
    page = (tmp_path / "out" / "evidence.html").read_text(encoding="utf-8")
    assert "<b>model_b</b>" not in page
    assert "&lt;b&gt;model_b&lt;/b&gt;" in page
    assert "The origin of the predictions was not declared" in page
    found = evaluate(Surv.right(frame["months"], frame["event"]), frame["model_a"].to_numpy(), 12)
    assert f"{found.metric('auc').value:.3f}" in called.out
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    auc = results[(results["metric"] == "auc") & (results["model"] == "model_a") & results["reference"].eq("")]
    assert auc["value"].iloc[0] == pytest.approx(found.metric("auc").value, abs=1e-12)


def test_evaluate_a_state_and_an_external_sample(predictions, tmp_path, capsys, monkeypatch):
    path, frame = predictions
    chance = np.random.default_rng(1).random(len(frame))
    state = frame.assign(state=(chance < frame["model_a"]).astype(int).where(frame.index % 9 > 0))
    state.to_csv(path, index=False)
    called = call(
        capsys,
        monkeypatch,
        "evaluate",
        path,
        "--status",
        "state",
        "--risk",
        "model_a",
        "--horizon",
        12,
        "--sample",
        "external",
        "--setting",
        "geographic",
        "-o",
        tmp_path / "out",
        "--quiet",
    )
    assert called.status == 0, called.err
    assert "external" in called.out


def test_two_codes_of_r_are_asked_about(predictions, tmp_path, capsys, monkeypatch):
    path, frame = predictions
    frame.assign(event=frame["event"] + 1).to_csv(path, index=False)
    arguments = (
        "evaluate",
        path,
        "--time",
        "months",
        "--event",
        "event",
        "--risk",
        "model_a",
        "--horizon",
        12,
        "--quiet",
        "-o",
        tmp_path / "out",
    )
    called = call(capsys, monkeypatch, *arguments)
    assert called.status == 1
    assert "censored" in called.err
    assert call(capsys, monkeypatch, *arguments, "--censored", "1").status == 0
