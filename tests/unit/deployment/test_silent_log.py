"""Silent mode: dated predictions that nobody saw, and the items that report first use and a trial."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forked import forked
from syn import syn

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import IntendedUse, ModelFileError, SilentLog, impact_items, load_model, save_model
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.evidence import consort_ai_items, decide_ai_items
from lbp_prognosis.validation import trial_effect

D = syn(n=300)
X = D[["c1", "p1"]]
Y = Surv.right(D.time, D.event)
IDS = [f"p{k}" for k in range(300)]
USE = IntendedUse("Talk about expectations", "Adults with back pain", "not recovered", "1.0 of 2026")


@pytest.fixture
def started(tmp_path: Path) -> tuple[Path, SilentLog]:
    made = save_model(CoxPH().fit(X[:200], Y[:200]), tmp_path / "a.lbpm", reason="silent mode")
    log = SilentLog(tmp_path / "silent.jsonl")
    log.record(made.path, X[200:260], 12, ids=IDS[200:260], date="2026-01-31")
    log.record(made.path, X[250:300], 12, ids=IDS[250:300], date="2026-02-28")
    return made.path, log


def test_the_first_prediction_of_each_patient_counts(started: tuple[Path, SilentLog]) -> None:
    path, log = started
    found = log.risks(IDS[200:300][::-1])
    expected = load_model(path).predict_risk(X[200:300][::-1], 12)[:, 0]
    np.testing.assert_array_equal(found["risk"], expected)
    assert found["date"].value_counts().to_dict() == {"2026-01-31": 60, "2026-02-28": 40}
    assert log.verify()["patients"].tolist() == [60, 50]
    assert np.isnan(log.risks(["unknown"])["risk"][0])
    assert np.isnan(log.risks(IDS[200:201], horizon=6)["risk"][0])
    # the recorded risks go into an evaluation when the outcomes are known
    result = evaluate(Y[200:], {"silent": log.risks(IDS[200:])["risk"].to_numpy()[:, None]}, 12, n_resamples=0)
    assert result.to_frame()["metric"].eq("concordance").any()


def test_the_log_is_a_chain_without_identifiers(started: tuple[Path, SilentLog]) -> None:
    _, log = started
    text = log.path.read_text()
    assert '"p2' not in text
    lines = text.splitlines(keepends=True)
    damages = ([lines[1]], lines[::-1], [lines[0].replace("2026-01", "2025-01"), lines[1]], [lines[0], "{}\n"])
    for damage in damages:
        log.path.write_text("".join(damage))
        with pytest.raises(ModelFileError, match="silent-mode log"):
            log.verify()
    assert SilentLog(log.path.with_name("none.jsonl")).verify().empty


def test_only_its_owner_may_read_it_and_its_dates_do_not_go_back(started: tuple[Path, SilentLog]) -> None:
    path, log = started
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    for date in ("2026-02-27", "2026-01-31T12:00:00+00:00", "28.2.2026", "yesterday"):
        with pytest.raises(ArgumentError, match="date"):
            log.record(path, X[:1], 12, ids=["q"], date=date)
    log.record(path, X[:2], 12, ids=[101.0, 102], date="2026-02-28T23:30:00+00:00")
    assert log.risks(["101", 102.0])["risk"].notna().all()  # as the same table comes from another program
    assert len(log.verify()) == 3


def _five_records(log: str, model: str, name: str) -> None:
    for j in range(5):
        SilentLog(log).record(model, X[j : j + 1], 12, ids=[f"{name}-{j}"])


def test_two_processes_write_at_once(started: tuple[Path, SilentLog]) -> None:
    path, log = started
    runs = [forked(_five_records, str(log.path), str(path), k) for k in "ab"]
    for run in runs:
        run.start()
    for run in runs:
        run.join(timeout=120)
    assert [run.exitcode for run in runs] == [0, 0]
    assert log.verify()["n"].tolist() == list(range(1, 13))
    assert log.risks([f"{k}-{j}" for k in "ab" for j in range(5)])["risk"].notna().all()


def test_a_line_with_nan_is_a_damaged_line(started: tuple[Path, SilentLog]) -> None:
    _, log = started
    log.path.write_text(log.path.read_text().replace('"horizon":12.0', '"horizon":NaN', 1))
    with pytest.raises(ModelFileError, match="Line 1 of the silent-mode log"):
        log.verify()


@pytest.mark.parametrize("ids", [IDS[:2], ["a", "a", "b"], ["a", "b", None], [1, 1.0, 2]])
def test_identifiers_are_one_per_patient(started: tuple[Path, SilentLog], ids: list[Any]) -> None:
    path, log = started
    with pytest.raises(ArgumentError, match="ids"):
        log.record(path, X[:3], 12, ids=ids)
    assert len(log.verify()) == 2


def test_items_of_first_use_and_of_a_trial(started: tuple[Path, SilentLog]) -> None:
    path, log = started
    assert len(decide_ai_items()) == 28
    assert len(consort_ai_items()) == 14
    first = impact_items("DECIDE-AI", path, use=USE, log=log).set_index("item")["answer"]
    assert "110 predictions" in first["10a"]
    assert "c1, p1" in first["4b"]
    assert first["2b"] == "Talk about expectations."
    assert first["12"] == ""
    practice = np.repeat(np.arange(12), 20)
    used = practice % 2
    pain = 5.0 - used + np.random.default_rng(0).normal(size=240)
    found = trial_effect(pain, clusters=practice, exposed=used, model="recovery", n_permutations=400)
    trial = impact_items("CONSORT-AI", path, use=USE, result=found).set_index("item")["answer"]
    assert "12 clusters, 240 patients" in trial["17a"]
    assert "sha256" in trial["5 (i)"]
    assert trial["19"] == ""
    wrong: Any = "both"
    with pytest.raises(ArgumentError, match="use"):
        impact_items("DECIDE-AI", path, use=wrong)
    with pytest.raises(ArgumentError, match="statement"):
        impact_items(wrong, path, use=USE)
    assert isinstance(impact_items("CONSORT-AI", path, use=USE), pd.DataFrame)
    with pytest.raises(ArgumentError, match="result"):
        impact_items("DECIDE-AI", path, use=USE, result=found)
    other = save_model(CoxPH().fit(X[100:], Y[100:]), path.with_name("b.lbpm"), reason="another")
    for model, calls in ((other.path, log), (path, SilentLog(log.path.with_name("mistyped.jsonl")))):
        with pytest.raises(ArgumentError, match="log"):
            impact_items("DECIDE-AI", model, use=USE, log=calls)
