"""What a run leaves on the disk, whatever ends it; what `purge` takes away; what an old terminal sees."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import call

from lbp_prognosis._base import LOCK, Checkpoint, folder_lock

EVALUATE = ("--time", "time", "--event", "event", "--risk", "risk", "--horizon", "6", "--quiet")


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    n = 200
    time = np.ceil(rng.exponential(8, n))
    frame = pd.DataFrame({"time": time, "event": rng.integers(0, 2, n), "risk": rng.uniform(0.1, 0.9, n).round(3)})
    path = tmp_path_factory.mktemp("table") / "p.csv"
    frame.to_csv(path, index=False)
    return path


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def written(table, tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    from lbp_prognosis.report import write_page
    from lbp_prognosis.study import evaluate_table

    page = evaluate_table(table, risks=["risk"], horizon=6, time="time", event="event")
    out = tmp_path_factory.mktemp("written")
    write_page(page, out)
    return page, _files(out)


def test_a_second_run_writes_the_same_bytes(written, tmp_path, monkeypatch) -> None:
    from lbp_prognosis.report import write_page

    page, first = written
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    write_page(page, tmp_path)
    again = _files(tmp_path)
    assert {name for name in first if first[name] != again.get(name)} == set()
    assert set(again) == set(first)
    assert "tables/tables.docx" in first


def test_a_full_disk_leaves_whole_files_or_none(written, tmp_path, monkeypatch) -> None:
    """At whichever file the disk is full: every file that is there is whole, and the page comes last."""
    from lbp_prognosis.report import write_page

    page, whole = written
    sync = os.fsync
    for room in range(len(whole)):
        out = tmp_path / str(room)
        left = [room]

        def full(handle, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(handle)

        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_page(page, out)
        monkeypatch.undo()
        found = _files(out)
        assert len(found) == room
        assert all(whole[name] == content for name, content in found.items())
        assert "evidence.html" not in found


def test_a_fault_while_drawing_leaves_no_file(written, tmp_path, monkeypatch) -> None:
    from lbp_prognosis.report import write_page

    page, _ = written
    (tmp_path / "evidence.html").write_text("old")
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(ImportError):
        write_page(page, tmp_path)
    assert _files(tmp_path) == {"evidence.html": b"old"}


def test_no_space_is_words_and_a_status(table, tmp_path, capsys, monkeypatch) -> None:
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    called = call(capsys, monkeypatch, "evaluate", table, *EVALUATE, "-o", tmp_path / "out")
    assert called.status == 1
    assert called.err.startswith("File problem: No space left on device")
    assert len(called.err.strip().splitlines()) == 1


def test_ctrl_c_is_words_and_a_status(table, tmp_path, capsys, monkeypatch) -> None:
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lbp_prognosis.study.evaluate_table", interrupt)
    called = call(capsys, monkeypatch, "evaluate", table, *EVALUATE, "-o", tmp_path / "out")
    assert called.status == 130
    assert "Traceback" not in called.err
    assert called.err.startswith("Interrupted")
    assert _files(tmp_path) == {}


@pytest.mark.parametrize("verb", ["run", "evaluate", "demo", "extract"])
def test_an_output_that_cannot_be_written_is_said_first(verb, table, tmp_path, capsys, monkeypatch) -> None:
    """Before any work: nothing is read, fitted or measured."""
    for work in (
        "lbp_prognosis.study.run_study",
        "lbp_prognosis.study.evaluate_table",
        "lbp_prognosis.biomarkers.extract",
    ):
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("work began"))
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "study.toml").write_text(
        'title = "t"\n[table]\nwide = "w.csv"\ntime = "time"\nevent = "event"\n'
        '[outcome]\nname = "e"\ndefinition = "d"\npolarity = "bad"\ntime_zero = "z"\nunit = "months"\nhorizons = [6]\n'
        '[modalities]\nclinical = ["x"]\n[[model]]\nname = "m"\nkind = "cox"\nmodalities = ["clinical"]\n'
    )
    arguments = {
        "run": (tmp_path / "study.toml",),
        "evaluate": (table, *EVALUATE),
        "demo": ("--quiet",),
        "extract": (tmp_path / "studies.csv",),
    }[verb]
    called = call(capsys, monkeypatch, verb, *arguments, "-o", tmp_path / "taken")
    assert called.status == 2, called.err
    assert "`out`" in called.err
    if verb in ("run", "demo"):
        (tmp_path / "busy").mkdir()
        with folder_lock("out", tmp_path / "busy"):
            import threading

            # of another thread, as another run would be
            found = []
            worker = threading.Thread(
                target=lambda: found.append(call(capsys, monkeypatch, verb, *arguments, "-o", tmp_path / "busy"))
            )
            worker.start()
            worker.join()
        assert found[0].status == 2
        assert "another run" in found[0].err


def test_an_old_terminal_gets_plain_words(written, monkeypatch) -> None:
    from lbp_prognosis.cli._headline import print_headline
    from lbp_prognosis.cli._plain_streams import plain_streams

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    plain_streams()
    headline = pd.DataFrame([("ΔIPA, a − b ≥ Żółć", 0.1, 0.0, 0.2)], columns=["label", "value", "low", "high"])
    print_headline(headline, Path("out/evidence.html"), "out of fold", synthetic=True)
    told = out.buffer.getvalue().decode("ascii")
    assert "delta IPA, a - b >= ???" in told
    assert "0.100" in told


@pytest.mark.slow
def test_a_run_without_a_locale(table, tmp_path) -> None:
    """A whole process under ``LANG=C``, as cron starts it: it prints ASCII alone, and the page is written."""
    program = "from lbp_prognosis.cli import main; main()"
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    surroundings |= {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    asked = [sys.executable, "-c", program, "evaluate", str(table), *EVALUATE, "-o", str(tmp_path / "out")]
    done = subprocess.run(asked, env=surroundings, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).isascii()
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "out" / "evidence.html").stat().st_size > 10_000


def test_purge(tmp_path, capsys, monkeypatch) -> None:
    run = tmp_path / "run"
    Checkpoint(run / "work", "key").save(1, {"risk": np.zeros(2)})
    (run / LOCK).write_text("")
    for name in ("evidence.html", "own.npz", "provenance.json", "biomarker.csv", "imaging_study.csv", "failures.csv"):
        (run / name).write_text(name)
    listed = call(capsys, monkeypatch, "purge", run, "--dry-run")
    assert listed.status == 0
    assert "0 of 6 files removed" in listed.out
    assert len(_files(run)) == 9
    with folder_lock("run", run / "work"):
        import threading

        found = []
        worker = threading.Thread(target=lambda: found.append(call(capsys, monkeypatch, "purge", run)))
        worker.start()
        worker.join()
    assert found[0].status == 2
    assert (run / "work" / "task-1.npz").exists()  # of a run that is at work
    done = call(capsys, monkeypatch, "purge", run)
    assert "2 of 5 files removed" in done.out  # the stale lock went before
    assert not (run / "work").exists()
    assert "biomarker.csv" in _files(run)
    assert call(capsys, monkeypatch, "purge", run, "--results").status == 0
    assert set(_files(run)) == {"evidence.html", "own.npz", "provenance.json"}
    assert call(capsys, monkeypatch, "purge", tmp_path / "nowhere").status == 2
