"""What the verbs say of leaving: a page that may, a page that may not, and two pages that may not both."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call

CALL = ("--time", "time", "--event", "event", "--risk", "risk", "--horizon", "6", "--thresholds", "0.2:0.6", "--quiet")


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    n = 240
    risk = rng.uniform(0.05, 0.9, n)
    time = np.round(rng.exponential(6 / -np.log1p(-risk)), 3)
    frame = pd.DataFrame({"id": [f"p{k}" for k in range(n)], "time": np.minimum(time, 9), "risk": risk.round(3)})
    frame["event"] = (time < 9).astype(int)
    path = tmp_path_factory.mktemp("table") / "p.csv"
    frame.to_csv(path, index=False)
    frame.iloc[:-1].to_csv(path.with_name("fewer.csv"), index=False)
    return path


def modes(folder):
    """Permissions of a folder and of all that is in it."""
    return {path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")] if not path.name.startswith(".")}


def test_unasked_a_page_is_not_for_release(table, tmp_path, capsys, monkeypatch):
    tmp_path = tmp_path / "page"
    done = call(capsys, monkeypatch, "evaluate", table, *CALL, "-o", tmp_path)
    assert done.status == 0, done.err
    if os.name == "posix":  # counts of single patients are read by the owner alone
        assert modes(tmp_path) == {0o700, 0o600}
    assert "Not for release" in done.out
    page = (tmp_path / "evidence.html").read_text(encoding="utf-8")
    assert 'class="unreleased" role="note">Not for release.' in page
    assert "Not for release" in (tmp_path / "tables" / "tables.html").read_text(encoding="utf-8")
    assert "Not for release" in (tmp_path / "NOT_FOR_RELEASE.txt").read_text(encoding="utf-8")
    assert '"mode": "not-for-release"' in (tmp_path / "provenance.json").read_text(encoding="utf-8")
    assert len(re.findall("<img ", page)) >= 4  # full figures
    # a page that leaves does not come to lie among files that do not
    again = call(capsys, monkeypatch, "evaluate", table, *CALL, "-o", tmp_path, "--smallest-cell", 5)
    assert again.status == 2
    assert "NOT_FOR_RELEASE.txt" in again.err


def test_a_page_that_leaves(table, tmp_path, capsys, monkeypatch):
    tmp_path = tmp_path / "page"
    before = os.umask(0o022)
    try:
        done = call(capsys, monkeypatch, "evaluate", table, *CALL, "-o", tmp_path, "--smallest-cell", 5)
    finally:
        os.umask(before)
    assert done.status == 0, done.err
    if os.name == "posix":
        assert modes(tmp_path) == {0o755, 0o644}
    assert "Not for release" not in done.out
    page = (tmp_path / "evidence.html").read_text(encoding="utf-8")
    assert "Not for release" not in page
    assert "Every count is 0 or at least 5" in page
    assert "no ledger of releases was given" in page
    assert not (tmp_path / "NOT_FOR_RELEASE.txt").exists()
    told = (tmp_path / "provenance.json").read_text(encoding="utf-8")
    assert "input_sha256" not in told
    results = pd.read_parquet(tmp_path / "results.parquet")
    assert results[["n", "n_events", "se"]].isna().all(axis=None)
    assert results["threshold"].nunique() <= 3
    counted = [one["thresholds"] for one in results.attrs["counted_thresholds"]]
    assert counted
    assert all(set(cuts) == set(results["threshold"].dropna()) for cuts in counted)
    budget = pd.read_csv(tmp_path / "tables" / "release_budget.csv")
    assert budget.loc[budget["released"] == "yes", "numbers"].sum() <= 80
    # what is printed is what was released
    shown = [float(x) for x in re.findall(r"^\S.*? +(-?\d\.\d{3}) ", done.out, re.MULTILINE)]
    assert shown
    assert set(shown) <= set(results["value"].astype(float).round(3))
    # a second time: the same bytes
    first = {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert call(capsys, monkeypatch, "evaluate", table, *CALL, "-o", tmp_path, "--smallest-cell", 5).status == 0
    assert {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == first


@pytest.mark.parametrize("k", ["0", "-1", "1", "five", "1.5"])
def test_other_numbers_are_refused_before_anything_is_read(k, tmp_path, capsys, monkeypatch):
    done = call(capsys, monkeypatch, "evaluate", tmp_path / "none.csv", *CALL, "-o", tmp_path, "--smallest-cell", k)
    assert done.status == 2
    assert "smallest" in done.err
    assert list(tmp_path.iterdir()) == []


def test_contradictions_are_refused(table, tmp_path, capsys, monkeypatch):
    for more in (
        ("--mode", "not-for-release", "--smallest-cell", 5),
        ("--mode", "not-for-release", "--ledger", tmp_path / "l.json", "--id", "id"),
        ("--mode", "public"),
        ("--ledger", tmp_path / "l.json"),
        ("--exclude", tmp_path / "none.txt"),
    ):
        done = call(capsys, monkeypatch, "evaluate", table, *CALL, "-o", tmp_path / "out", *more)
        assert done.status == 2, more
        assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file()]


def test_a_second_release_with_one_patient_less_is_refused(table, tmp_path, capsys, monkeypatch):
    ledger = ("--ledger", tmp_path / "ledger.json", "--id", "id")
    first = call(capsys, monkeypatch, "evaluate", table, *CALL, "-o", tmp_path / "a", *ledger)
    assert first.status == 0, first.err
    assert "Earlier releases were checked." in (tmp_path / "a" / "evidence.html").read_text(encoding="utf-8")
    fewer = call(capsys, monkeypatch, "evaluate", table.with_name("fewer.csv"), *CALL, "-o", tmp_path / "b", *ledger)
    assert fewer.status == 1
    assert fewer.err.startswith("Not released")
    assert "1 to 4 patients" in fewer.err
    assert not [p for p in (tmp_path / "b").rglob("*") if p.is_file()]
    # the same again is the same release
    assert call(capsys, monkeypatch, "evaluate", table, *CALL, "-o", tmp_path / "c", *ledger).status == 0
    # one withdraws, or ten: their numbers would follow from both releases, and the earlier ones are named
    gone = tmp_path / "gone.txt"
    for withdrawn in (["p7"], [f"p{k}" for k in range(10)]):
        gone.write_text("\n".join(withdrawn))
        done = call(capsys, monkeypatch, "evaluate", table, *CALL, "-o", tmp_path / "d", *ledger, "--exclude", gone)
        assert done.status == 1
        assert "by subtraction" in done.err
        assert "earlier releases with a withdrawn patient: Evaluation of predictions" in done.out
        assert not [p for p in (tmp_path / "d").rglob("*") if p.is_file()]


def test_lists_of_single_patients_say_so(table, capsys, monkeypatch):
    done = call(capsys, monkeypatch, "validate", table)
    assert done.status == 0
    assert "Not for release" in done.out
    broken = table.with_name("broken.csv")
    broken.write_text("")
    failed = call(capsys, monkeypatch, "validate", broken)
    assert failed.status != 0
    assert "Not for release" in failed.err
